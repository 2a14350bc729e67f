"""Where in a line its form says that timings stand: progress bars, verbose learners, timers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from anew.reproduction.compare.moments import PARALLEL_MOST, is_likely_span
from anew.reproduction.compare.result import Side
from anew.reproduction.compare.timings import THING, UNBOUNDED, is_of_other, is_of_progress
from anew.reproduction.compare.tokens import NUMBER

LINE_MOST = 4000  # characters of a line in which forms are looked for
Place = tuple[int, int, float]
_SECONDS = r"(?:s|secs?|seconds?|ms|us|µs|μs|msec)"
_SPAN = rf"{NUMBER}\s?(?:ns|us|usec|µs|μs|ms|msec|s|secs?|seconds?|mins?)\b"
_BRACKETED = rf"[\[(]\s*{_SPAN}\s*[\])]"
_EACH = r"(?:step|it|iter|iteration|epoch|batch|loop|fold)"
_COUNT = r"(?<![\d/.])\d{1,9}/\d{1,9}(?![\d/.])"
_CLOCK = r"(?:\d+ days?, )?(?:\d+:)?\d+:\d\d(?:\.\d+)?"
_METER = rf"{NUMBER}s?\s*\(\s*{NUMBER}s?\)"


@dataclass(frozen=True)
class _Form:
    """A form, its timings in group t, and how many times as long as the run these may be."""

    sign: str  # is in every such line
    pattern: str
    most: float = 1.0
    whole: bool = False  # it is the whole of its line
    own: bool = False  # it is a program's whatever else the line says

    def places(self, line: str) -> Iterator[Place]:
        if self.sign not in line:
            return
        matches = [re.fullmatch(self.pattern, line)] if self.whole else re.finditer(self.pattern, line)
        yield from ((*match.span("t"), self.most) for match in matches if match)


_FORMS = (
    _Form(  # tqdm: 10/10 [00:03<00:12, 3.1it/s
        " [",
        rf"(?<![\d.,])\d[\d.,]*[kMG]?(?:/\d[\d.,]*[kMG]?|\s?[^\W\d]\w*) \[(?P<t>{_CLOCK}(?:<(?:\?|{_CLOCK}))?"
        rf"(?:,\s*(?:\?|{NUMBER})\s?(?:[kKMGT]?i?\w*/s|s/\w+))?)",
        UNBOUNDED,
        own=True,
    ),
    _Form(
        "s/",
        rf"{_COUNT}\s.*?[ -](?P<t>(?:\d+:)*{_SPAN}[\s-]+{NUMBER}\s?[mun]?s/(?:step|epoch|sample|batch))",
        UNBOUNDED,
    ),
    _Form("ETA: ", rf"{_COUNT}\s+\[[=>.]*\][\s-]+ETA: (?P<t>{_CLOCK}|{_SPAN})", UNBOUNDED),  # keras
    _Form("/", rf"{_COUNT}\b.*?[^\d.](?P<t>{NUMBER}\s?{_SECONDS}/{_EACH})\b", UNBOUNDED),
    _Form(" per loop", rf"(?P<t>{_SPAN}(?: ± {_SPAN})?) per loop\b", own=True),  # timeit
    _Form("--- ", rf"--- (?P<t>{NUMBER} seconds) ---"),
    _Form(  # cProfile
        " function calls", rf"\s*\d+ function calls (?:\(\d+ primitive calls\) )?in (?P<t>{NUMBER} seconds)", whole=True
    ),
    _Form("CPU times: ", r"(?P<t>CPU times: user .*)", PARALLEL_MOST, whole=True),
    _Form("m", r"(?P<t>(?:real|user|sys)\s+\d+m[\d.,]+s)", PARALLEL_MOST, whole=True),
    _Form("[LightGBM]", rf"\[LightGBM\] .*overhead of .* was (?P<t>{_SPAN})\.?", own=True),
    _Form("remaining:", rf"(?:[Ee]lapsed|total):\s+(?P<t>{_SPAN}\s+remaining:\s+{_SPAN})", UNBOUNDED),
    _Form("", rf"(?i:epoch|fold|step|iter(?:ation)?|generation|batch)\b.*[ :\t](?P<t>{_BRACKETED})\s*", whole=True),
    _Form(" - ", rf"(?i:epoch)\b.* - (?P<t>{_SPAN})\s*", whole=True),
    _Form(
        "",
        rf"(?:.*\b)?(?i:done|finished|completed|loaded|saved|trained|fitted)[.!]? (?P<t>{_BRACKETED})\s*",
        whole=True,
    ),
    _Form(", ", rf"(?:.*\b)?(?i:training|fitting) (?i:done|finished|completed), (?P<t>{_SPAN})\s*", whole=True),
    _Form(  # scikit-learn's BernoulliRBM
        "time = ",
        rf"\[\w+\] Iteration \d+, pseudo-likelihood = -?{NUMBER}, time = (?P<t>{_SPAN})",
        whole=True,
        own=True,
    ),
    _Form("elapsed", rf"\W*(?P<t>{_SPAN})\.? elapsed\W*", whole=True),
    _Form("mfu", rf"iter \d+: loss {NUMBER}, (?P<t>time {_SPAN}, mfu -?{NUMBER}%)", UNBOUNDED),  # nanoGPT
    _Form("Time", rf"Epoch:? .*\bTime\s+(?P<t>{_METER})"),
    _Form("Data", rf"Epoch:? .*\bTime\s+{_METER}\s.*?\bData\s+(?P<t>{_METER})"),
)
_IN_TRAINING = (
    _Form("", rf"(?i)\b(?:eta|remaining|time left):?\s*(?P<t>{_CLOCK}|{_SPAN})", UNBOUNDED),
    _Form("/", rf"(?<![\d.,])(?P<t>{NUMBER}\s?[kKM]?\s?{THING}/(?:s|secs?|seconds?))(?!\w)", UNBOUNDED),
    _Form("/", rf"(?<![\d.,])(?P<t>{NUMBER}\s?{_SECONDS}/{_EACH})\b", UNBOUNDED),
)
_LETTER = re.compile(r"[A-Za-z]")
_LOGGED = re.compile(r"\[?\s*(\d{1,9})\]? (?:\S+\s+)?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b.*")


@lru_cache(maxsize=256)
def formed(line: str) -> tuple[Place, ...]:
    """Where in `line` its form says that timings stand, and how many times as long as the run these may be.

    `UNBOUNDED` for what is still to come, and for speeds.
    """
    if len(line) > LINE_MOST or not _LETTER.search(line):
        return ()
    other = is_of_other(line)
    forms = [form for form in _FORMS if form.own or not other]
    if is_of_progress(line) and not other:
        forms += _IN_TRAINING
    return tuple(place for form in forms for place in form.places(line))


def are_logged(lines: Sequence[str], side: Side) -> bool:
    """Do lines of a log begin with the milliseconds since logging began, which only grow and lie within the run?"""
    told = [int(match[1]) for match in map(_LOGGED.fullmatch, lines) if match]
    return len(told) > 1 and told == sorted(told) and told[-1] > told[0] and is_likely_span(told[-1] / 1000, side)


def is_logged(line: str, start: int) -> bool:
    """Is what begins at `start` the number that a log's line begins with?"""
    match = _LOGGED.fullmatch(line)
    return match is not None and match.start(1) == start
