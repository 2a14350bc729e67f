"""Text line by line: the same words and numbers, but for the accidents of the run that wrote them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from anew.reproduction.compare import forms, timings
from anew.reproduction.compare.accidents import Around, canonical, cells, compare_line
from anew.reproduction.compare.moments import is_likely_span
from anew.reproduction.compare.places import without_escaped
from anew.reproduction.compare.progress import contradiction, without_codes, without_redraws
from anew.reproduction.compare.result import Findings, Result, Side, change, shown

HOW = "text by line"
LISTED_MOST = 30  # lines around one that are looked at
LINES_TO_ORDER_MOST = 20_000  # lines in which another order is looked for
_WORKER = re.compile(r"\[CV\b[^\]]*\]|\[Parallel\(n_jobs=")  # what scikit-learn and joblib print from workers
_TIMINGS = re.compile(r"(['\"])(\w+)\1\s*:\s*(?:array\(\s*)?\[([^\[\]a-df-z]{1,20000})\]")
_LISTED = re.compile(
    r"[\s|{]*['\"]?([A-Za-z_][\w.-]*(?: [\w.-]*[A-Za-z_][\w.-]*)*)['\"]?(?:\s*[:=|]\s*|\s+)"
    r"[-+]?[\d.]+(?:[eE][-+]?\d+)?(?:[\s|,]+[-+]?[\d.]+(?:[eE][-+]?\d+)?)*\s?(?:[a-zµμ]{1,7}|%)?[\s|,}]*"
)
_SET = re.compile(r"\{[^{}:]*\}")


def compare_text(a: str, b: str, side_a: Side, side_b: Side) -> Result:
    """Are two texts, such as the output of two runs, the same but for the accidents of each run?"""
    if a == b:
        return Result(True, "bytes")
    found = Findings(side_a, side_b)
    compare_texts(a, b, found)
    return found.result(HOW)


def compare_texts(a: str, b: str, found: Findings, printed: bool = True) -> None:
    """Compare two texts under all rules; the redrawings of progress bars are set aside only if need be."""
    if a == b:
        return
    plain = without_codes(a), without_codes(b)
    if plain != (a, b):
        if plain[0] == plain[1]:
            found.mask("terminal codes")
            return
        a, b = plain
    a, b = _without_places(a, b, found)
    bare = _without_timings(a, found.side_a), _without_timings(b, found.side_b)
    if bare[0][1] == bare[1][1] and bare[0][2] != bare[1][2]:
        found.mask("durations")
        a, b = bare[0][0], bare[1][0]
    drawn = _lines(a), _lines(b)
    whole = found.trial()
    compare_lines(*drawn, whole, printed=printed)
    if not whole.different:
        _adopt(found, whole, a, b)
        return
    (left, dropped_a), (right, dropped_b) = without_redraws(drawn[0]), without_redraws(drawn[1])
    if not dropped_a and not dropped_b:
        found.adopt(whole)
        return
    clash = contradiction(dropped_a, dropped_b)
    if clash:
        found.differ(f"progress bar at {clash[0].count}", change(clash[0].post, clash[1].post))
        return
    found.mask("progress bars")
    compare_lines(left, right, found, printed=printed)


def _without_places(a: str, b: str, found: Findings) -> tuple[str, str]:
    """Both without the project's path in the names of caches: words of unlike make can't be compared one by one."""
    if found.side_a.root == found.side_b.root:
        return a, b
    bare = without_escaped(a, found.side_a), without_escaped(b, found.side_b)
    if bare[0] == a or bare[1] == b:
        return a, b
    found.mask("paths")
    return bare


def _without_timings(text: str, side: Side) -> tuple[str, list[str], list[str]]:
    """`text` without the members of printed arrays of durations, such as cv_results_ has; their places; what was there.

    Arrays are padded and wrapped by the length of their numbers, so word by word they can't be compared.
    """
    places: list[str] = []
    bodies: list[str] = []

    def put(match: re.Match[str]) -> str:
        name, values = match[2], re.split(r"[,\s]+", match[3].strip(" \n,"))
        if not timings.is_timing(name) or not all(_is_span(value, side) for value in values):
            return match[0]
        places.append(f"{name} {len(values)}")
        bodies.append(" ".join(values))
        return f"{name}: {len(values)} durations"

    return _TIMINGS.sub(put, text), places, bodies


def _is_span(value: str, side: Side) -> bool:
    try:
        return value == "..." or (float(value) >= 0 and is_likely_span(float(value), side))
    except ValueError:
        return False


def _adopt(found: Findings, whole: Findings, a: str, b: str) -> None:
    found.adopt(whole)
    if ("\r\n" in a) != ("\r\n" in b):
        found.mask("line ends")
    elif not whole.masked:
        found.mask("terminal codes")  # a carriage return in place of a line's end


def _lines(text: str) -> list[str]:
    """The lines of `text`; each drawing over the last one counts as a line."""
    return re.split(r"\r\n|\n|\r", text)


def compare_lines(
    left: Sequence[str], right: Sequence[str], found: Findings, strict: bool = False, printed: bool = False
) -> None:
    """Compare lines one by one; `strict` sets no accident aside."""
    trial = found.trial()
    columns = Columns(left)
    logged = forms.are_logged(left, found.side_a) and forms.are_logged(right, found.side_b)
    for index, (x, y) in enumerate(zip(left, right, strict=False)):
        if x == y:
            continue
        if strict:
            _compare_strictly(x, y, trial, index)
        else:
            around = Around(columns=columns.at(index), listed=_listed(left, index), printed=printed, logged=logged)
            compare_line(x, y, trial, f"line {index + 1}", around)
        if trial.settled:
            break
    shorter = min(len(left), len(right))
    if len(left) != len(right) and not trial.settled:
        longer = left if len(left) > len(right) else right
        which = "only the first has" if longer is left else "only the second has"
        trial.differ(f"line {shorter + 1}", f"{which}: {shown(longer[shorter])}")
    if trial.different and not strict:
        again = [_workers_sorted(lines, side) for lines, side in ((left, found.side_a), (right, found.side_b))]
        if again[0] != list(left) or again[1] != list(right):
            sorted_trial = found.trial()
            compare_lines(again[0], again[1], sorted_trial, printed=printed)
            if not sorted_trial.different:
                sorted_trial.mask("order of workers")
                found.adopt(sorted_trial)
                return
    if trial.different:
        order = _order(left, right, found.side_a, found.side_b)
        if order:
            probe = trial.result(HOW)
            trial = found.trial()
            trial.differ(probe.where.removeprefix(found.prefix).removeprefix(": "), f"{order}; {probe.detail}")
    found.adopt(trial)


def _listed(lines: Sequence[str], index: int) -> list[str]:
    """The names in the lines around line `index`, when each is a name with a figure of its own; at least two."""
    if not _LISTED.fullmatch(lines[index]):
        return []
    first = last = index
    while first and index - first < LISTED_MOST and _LISTED.fullmatch(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and last - index < LISTED_MOST and _LISTED.fullmatch(lines[last + 1]):
        last += 1
    found = (_LISTED.fullmatch(line) for line in lines[first : last + 1])
    return [match[1] for match in found if match] if last > first else []


def _compare_strictly(a: str, b: str, found: Findings, index: int) -> None:
    nobody = Side("", "", 1e9, 1e9, "", "", "", "", "")
    probe = Findings(nobody, nobody)
    compare_line(a, b, probe)
    result = probe.result("")
    if result.rules or result.equal or result.max_difference is None or result.max_relative is None:
        found.differ(f"line {index + 1}", change(a, b))
    else:
        found.differ_numbers(f"line {index + 1}", change(a, b), result.max_difference, result.max_relative)


def _order(left: Sequence[str], right: Sequence[str], side_a: Side, side_b: Side) -> str:
    """What is the same but for its order, in words; '' when more than the order differs."""
    if len(left) != len(right) or len(left) > LINES_TO_ORDER_MOST:
        return ""
    if Counter(left) == Counter(right):
        return "the same lines in another order"
    if all(x == y or _sets_sorted(x) == _sets_sorted(y) for x, y in zip(left, right, strict=True)):
        return "the same set, printed in another order"
    bare = [tuple(canonical(line, side_a)) for line in left], [tuple(canonical(line, side_b)) for line in right]
    moved = bare[0] != bare[1] and Counter(bare[0]) == Counter(bare[1])
    return "the same lines in another order" if moved else ""


def _workers_sorted(lines: Sequence[str], side: Side) -> list[str]:
    """`lines` with each run of reports by parallel workers, which come as they are done, in order of what they say."""
    out: list[str] = []
    for told, grouped in groupby(lines, key=lambda line: bool(_WORKER.match(line))):
        block = list(grouped)
        out += sorted(block, key=lambda line: (list(canonical(line, side)), line)) if told else block
    return out


def _sets_sorted(line: str) -> str:
    """`line` with the members of every printed set in order."""
    return _SET.sub(lambda match: "{" + ", ".join(sorted(re.split(r",\s*", match[0][1:-1]))) + "}", line)


class Columns:
    """The column names above each line, found in one pass down the lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._next = 0
        self._head = ""  # the last line that holds no number
        self._names: tuple[str, ...] = ()
        self._rows = 0  # of the table so far

    def at(self, index: int) -> tuple[str, ...]:
        """The column names of the table that line `index` is a row of; empty when it is no such row.

        To be asked in the order of the lines.
        """
        names: tuple[str, ...] = ()
        while self._next <= index:
            names = self._pass(self._lines[self._next])
            self._next += 1
        return names

    def _pass(self, line: str) -> tuple[str, ...]:
        words = line.split()
        if words and all(set(word) <= set("-=+|─━:") for word in words):
            return ()
        if not any(map(_numeric, re.split(r"[\s|]+", line))):
            self._head, self._rows = line, 0
            return ()
        if self._rows == 0:
            self._names = self._named(line)
        self._rows += 1
        return self._names if len(self._names) == len(cells(line, len(self._names))) else ()

    def _named(self, row: str) -> tuple[str, ...]:
        """The names in the head for the cells of the first row; a table may have none for its first column."""
        for wanted in (len(cells(self._head)), len(self._head.split())):
            spans = cells(self._head, wanted)
            for missing in (0, 1):
                if (
                    len(spans) == wanted > 0
                    and wanted + missing > 1
                    and len(cells(row, wanted + missing)) == wanted + missing
                ):
                    return ("",) * missing + tuple(self._head[start:end].strip() for start, end in spans)
        return ()


def _numeric(cell: str) -> bool:
    try:
        float(cell.rstrip("%,;|"))
    except ValueError:
        return False
    return True
