"""Are two differing tokens the same accident, such as the time of day, and by which rule?

An accident is taken for one only where its form and its surroundings say so on both sides. Whatever is
not known to be an accident is a result.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anew.reproduction.compare import forms, moments, names, timings
from anew.reproduction.compare.clocked import loosened, unit_of
from anew.reproduction.compare.places import PLACES, same_place
from anew.reproduction.compare.result import Findings, Side, change, gap
from anew.reproduction.compare.tokens import NUMBER, Token, label_of, parsed_number, plain_number, tokens

_PER_SECOND = re.compile(r"\s?(?:\w+\s?)?(?:a|per|/)\s?(?:s|sec|second)\b")
_HEX_ID = re.compile(r"(?=\d*[a-f])[0-9a-f]{8,64}")
_OTHER_UNIT = re.compile(  # behind a number; a word with a figure of its own is the next label
    rf"\s?(?!(?:s|secs?|seconds?|ms|us|µs|ns|mins?|minutes?|秒)\b)[^\W\d_]+(?!\w*\s?[:=]|\w*\s+{NUMBER})|\s?[°%/]"
)
_UNITED = re.compile(rf"({NUMBER})(.*)", re.DOTALL)
_POINTER = re.compile(r"0x(?:5[56]|7[ef])[0-9a-f]{10}", re.IGNORECASE)
PID_MOST = 2**22
_UUID_EPOCH = 0x01B21DD213814000  # 1970 in the 100 ns since 1582 that version 1 counts
_THREAD_BLOCKS = range(0x7E0000000000, 0x800000000000)  # where x86-64 maps stacks
_LOOPBACK = re.compile(r"(?:127(?:\.\d{1,3}){3}|localhost|\[::1?\]|0\.0\.0\.0):$")
_SAFE = frozenset(["paths", "pids", "addresses", "ports", "hosts", "users"])
_LEVELS = frozenset(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
BEFORE_MOST = 40  # tokens


@dataclass(frozen=True)
class Around:
    """What surrounds a line: the field it is the value of, the columns above it, the names listed beside it."""

    field: str = ""
    place: str = ""  # of the field: 'best.run_id'
    timing: bool = False  # the field's name, among those beside it, is that of a program's timing
    columns: Sequence[str] = ()
    listed: Sequence[str] = ()
    printed: bool = False  # by a program as it ran, rather than kept in a file of settings or results
    logged: bool = False  # lines begin with the milliseconds since logging began


@dataclass(frozen=True)
class Spot:
    """One token in its line, on its side, with the name of the field or column around the line."""

    line: Sequence[Token]
    index: int
    side: Side
    outer: str = ""
    timing: bool = False
    around: Around = Around()

    @property
    def token(self) -> Token:
        return self.line[self.index]

    @property
    def text(self) -> str:
        return self.token.text

    @property
    def label(self) -> str:
        """The name nearest to the token: the words before it, else that of its field."""
        return label_of(self.line, self.index) or self.outer

    @property
    def before(self) -> str:
        return "".join(token.text for token in self.line[max(0, self.index - BEFORE_MOST) : self.index])

    @property
    def after(self) -> str:
        return "".join(token.text for token in self.line[self.index + 1 : self.index + 6])

    @property
    def whole(self) -> str:
        return "".join(token.text for token in self.line)

    @property
    def in_cell(self) -> bool:
        """Does the token begin the cell of a table's row?"""
        return bool(self.around.columns and self.index and self.line[self.index - 1].text.strip(" \t|") == "")

    @property
    def claimed(self) -> bool:
        """Do the words before the token, or its field's name, speak of a choice or a result?"""
        outer = names.is_claimed(self.outer) or names.is_chosen(self.around.place)
        return outer or names.is_claimed(timings.clause(self.before)[1])


def compare_line(a: str, b: str, found: Findings, where: str = "", around: Around = Around()) -> None:
    """Compare two texts token by token."""
    if found.side_b.pace != 1:
        a, b = loosened(a), loosened(b)
    if a == b:
        return
    left, right = tokens(a, found.side_a), tokens(b, found.side_b)
    if (_texts_differ(left, right) and len(left) != len(right)) or _are_swapped(left, right):
        found.differ(where, change(a, b))
        return
    columns = _columns(left, around.columns), _columns(right, around.columns)
    padded: list[int] = []
    rules: set[str] = set()
    touched: set[int] = set()
    numbers: list[tuple[float, float]] = []
    for index, (x, y) in enumerate(zip(left, right, strict=True)):
        if x.text == y.text:
            continue
        if x.kind == y.kind == "space":
            padded.append(index)
            continue
        outer = (around.field, around.timing)
        spots = (
            Spot(left, index, found.side_a, *columns[0].get(index, outer), around),
            Spot(right, index, found.side_b, *columns[1].get(index, outer), around),
        )
        accepted = same_accident(*spots)
        if accepted and ("ids" not in accepted or found.renames(x.text, y.text)):
            rules |= accepted
            touched.add(index)
            continue
        apart = _apart(*spots)
        if apart is None:
            found.differ(where, change(a, b) if len(left) > 1 else change(x.text, y.text))
            return
        if _is_clocked(*spots, found):
            touched.add(index)
            continue
        numbers.append(apart)
    if any(index - 1 not in touched and index + 1 not in touched for index in padded):
        found.differ(where, change(a, b))
        return
    for rule in sorted(rules):
        found.mask(rule)
    for absolute, relative in numbers:
        found.differ_numbers(where, change(a, b), absolute, relative)


def compare_cell_text(a: str, b: str, name: str, found: Findings, where: str, timing: bool) -> None:
    """Compare the texts of two cells or values called `name`; `timing` if that is a program's timing."""
    compare_line(a, b, found, where, Around(name, where, timing))


def _are_swapped(left: Sequence[Token], right: Sequence[Token]) -> bool:
    """Are the same addresses in both lines, in another order? Then it is not where things lay that differs."""
    told = [[token.text for token in line if token.kind == "address"] for line in (left, right)]
    return told[0] != told[1] and sorted(told[0]) == sorted(told[1])


def _texts_differ(left: Sequence[Token], right: Sequence[Token]) -> bool:
    return [token.text for token in left] != [token.text for token in right]


def _columns(line: Sequence[Token], labels: Sequence[str]) -> dict[int, tuple[str, bool]]:
    """The column's name for each token of a row, and whether it is that of a timing."""
    if not labels:
        return {}
    text = "".join(token.text for token in line)
    found: dict[int, tuple[str, bool]] = {}
    for (start, end), name in zip(cells(text, len(labels)), labels, strict=False):
        timing, united = timings.is_table_timing(name, labels), timings.is_united_timing(name, labels)
        for index, token in enumerate(line):
            if start <= token.start < end:
                found[index] = name, timing or (united and token.kind == "span")
    return found


def cells(text: str, count: int = 0) -> list[tuple[int, int]]:
    """Where the cells of a row stand: between bars or tabs, two spaces, or one; such that they are `count`, if told."""
    found: list[tuple[int, int]] = []
    for pattern in (r"[^|]+", r"[^\t]+", r"\S+(?: \S+)*", r"\S+"):
        if (pattern == r"[^|]+") != ("|" in text) or (pattern == r"[^\t]+" and "\t" not in text):
            continue
        found = [match.span() for match in re.finditer(pattern, text) if match[0].strip()]
        if len(found) == count or (not count and len(found) > 1):
            break
    return found


def _apart(a: Spot, b: Spot) -> tuple[float, float] | None:
    """How far apart two numbers are; None when they are not two numbers of one kind."""
    if a.token.kind != b.token.kind:
        return None
    if a.token.kind == "number":
        x, y = plain_number(a.line, a.index), plain_number(b.line, b.index)
        if x is None or y is None:
            return None
        widest = gap(x, y)
        if "," in a.text or "," in b.text:  # thousands, or a list: the larger of both readings
            parts = a.text.split(","), b.text.split(",")
            if len(parts[0]) != len(parts[1]):
                return None
            gaps = [gap(float(left), float(right)) for left, right in zip(*parts, strict=True)] + [widest]
            return max(g[0] for g in gaps), max(g[1] for g in gaps)
        return widest
    if a.token.kind in ("span", "size", "rate"):
        left, right = _UNITED.fullmatch(a.text), _UNITED.fullmatch(b.text)
        if left and right and left[2] == right[2] and not re.search(r"\d", left[2]):
            x, y = parsed_number(left[1]), parsed_number(right[1])
            return None if x is None or y is None else gap(x, y)
    return None


def _is_clocked(a: Spot, b: Spot, found: Findings) -> bool:
    """Is the figure one that a faster clock has shown, or now shows, to follow it? It is known by its line."""
    told = _UNITED.match(a.text), _UNITED.match(b.text)
    if not told[0] or not told[1]:
        return False
    x, y = parsed_number(told[0][1]), parsed_number(told[1][1])
    if x is None or y is None:
        return False
    place = sum(token.kind not in ("space", "word", "other") for token in a.line[: a.index])
    said = timings.clause(a.before)[0] or a.outer or a.around.place or "nothing"
    if _PER_SECOND.match(a.after):
        said += " per second"
    where = f"{a.around.place} figure {place} of {loosened(a.whole)}"
    units = unit_of(told[0][1]), unit_of(told[1][1])
    return found.is_clocked(where, x, y, units, said, a.token.kind == b.token.kind == "span")


def same_accident(a: Spot, b: Spot) -> set[str] | None:
    """The rules by which two differing tokens are the same accident; None when they are not."""
    rules = _same(a, b)
    if rules and a.side.seeds != b.side.seeds:
        # The script seeded itself otherwise this time: a name or a word excuses no figure that may come of that.
        return rules if rules <= _SAFE or (_is_formed(a) and _is_formed(b)) else None
    return rules


def _is_formed(spot: Spot) -> bool:
    """Does the form of its line say that the token is a timing, or the date that a log's line begins with?"""
    if spot.token.kind in ("date", "clock"):
        return spot.index <= 1
    return _form_bound(spot) is not None


def _same(a: Spot, b: Spot) -> set[str] | None:
    kinds = {a.token.kind, b.token.kind}
    if kinds == {"hex", "number"}:
        return _same_hex(a, b)
    if len(kinds) > 1:
        return _same_span(a, b) if kinds <= {"clock", "minutes", "span", "rate", "number"} else None
    test = _TESTS.get(a.token.kind)
    return test(a, b) if test else None


def _both(test: bool, other: bool, rule: str) -> set[str] | None:
    return {rule} if test and other else None


def _is_timing(spot: Spot) -> bool:
    """Is the token how long the program took, or how fast it was, by its field, its words or its line's form?"""
    bound = _timing_bound(spot)
    if bound is None:
        return False
    seconds = _seconds(spot)
    return bound == timings.UNBOUNDED or (seconds is not None and moments.is_likely_span(seconds, spot.side, bound))


def _timing_bound(spot: Spot) -> float | None:
    """How many times as long as the run a timing at `spot` may be, `UNBOUNDED` for speeds; None when it is none."""
    bound = _form_bound(spot)
    if bound is not None:
        return bound
    line, start = spot.whole, spot.token.start - spot.line[0].start
    if spot.around.logged and forms.is_logged(line, start):
        return 1000.0  # milliseconds
    if spot.token.kind == "number" and _OTHER_UNIT.match(spot.after):
        return None
    near, whole = timings.clause(spot.before)
    if not near or (spot.timing and spot.in_cell):
        return None if not spot.timing else 0.0 if spot.token.kind == "rate" else timings.parallel(spot.outer)
    if timings.is_said(near, whole):
        count = spot.token.kind == "number" and spot.text.isdigit() and timings.is_sentence(whole)
        return None if count else timings.parallel(near)
    if timings.is_said_beside(near, line, spot.around.listed):
        return timings.parallel(near)
    return 1.0 if spot.around.printed and not spot.around.listed and timings.is_alone(near, line) else None


def _form_bound(spot: Spot) -> float | None:
    """The bound of the form in which the token stands; None when it is in none."""
    start = spot.token.start - spot.line[0].start
    for begin, end, bound in forms.formed(spot.whole):
        if begin <= start and start + len(spot.text) <= end:
            return bound
    return None


def _seconds(spot: Spot) -> float | None:
    if spot.token.kind == "number":
        value = plain_number(spot.line, spot.index)
        near = timings.clause(spot.before)[0] or spot.outer
        return None if value is None or value < 0 else value * timings.unit_s(near)
    text = spot.text
    days = re.match(r"(\d+) days?,? ", text)
    if days:
        text = text[days.end() :]
    seconds = moments.span_s(text.replace(",", "") if ":" not in text else text)
    return None if seconds is None else seconds + (int(days[1]) * 86400 if days else 0)


def _same_span(a: Spot, b: Spot) -> set[str] | None:
    return _both(_is_timing(a), _is_timing(b), "durations")


def _same_clock(a: Spot, b: Spot) -> set[str] | None:
    halves = [re.match(r"\s[AP]M\b", spot.after) for spot in (a, b)]
    texts = [spot.text + (half[0] if half else "") for spot, half in zip((a, b), halves, strict=True)]
    if not _is_ahead(a) and not _is_ahead(b) and moments.are_own_clocks(texts[0], texts[1], a.side, b.side):
        return {"dates"}
    return _same_span(a, b)


def _same_date(a: Spot, b: Spot) -> set[str] | None:
    own = not _is_ahead(a) and not _is_ahead(b) and moments.are_own_dates(a.text, b.text, a.side, b.side)
    return {"dates"} if own else None


def _is_ahead(spot: Spot) -> bool:
    """Is a moment said to be one of the data or to come? In a file's name nothing is said of it."""
    if spot.index and spot.line[spot.index - 1].text[-1:] in "_/":
        return False
    outer = names.is_ahead(spot.outer) or names.is_placed_ahead(spot.around.place)
    return outer or names.is_ahead(timings.clause(spot.before)[1])


def _same_path(a: Spot, b: Spot) -> set[str] | None:
    if same_place(a.text, b.text, a.side, b.side):
        return {"paths"}
    for key in PLACES:
        bases = getattr(a.side, key).rstrip("/"), getattr(b.side, key).rstrip("/")
        if all(bases) and a.text.startswith(bases[0] + "/") and b.text.startswith(bases[1] + "/"):
            rules = _same_pieces(a.text[len(bases[0]) :], b.text[len(bases[1]) :], a, b)
            if rules is not None:
                return rules | ({"paths"} if bases[0] != bases[1] else set())
    return _same_pieces(a.text, b.text, a, b)


def _same_pieces(text_a: str, text_b: str, a: Spot, b: Spot) -> set[str] | None:
    """Paths whose parts are the same or the same accidents, such as a date in a folder's name."""
    left, right = tokens(text_a, a.side, places=False), tokens(text_b, b.side, places=False)
    if len(left) != len(right):
        return None
    rules: set[str] = set()
    for index, (x, y) in enumerate(zip(left, right, strict=True)):
        if x.text == y.text:
            continue
        if x.kind not in ("date", "uuid", "run_id", "user", "host", "number"):
            return None
        accepted = same_accident(Spot(left, index, a.side), Spot(right, index, b.side))
        if x.kind == y.kind == "uuid" and is_own_id(x.text, a.side) and is_own_id(y.text, b.side):
            accepted = {"ids"}
        if not accepted:
            return None
        rules |= accepted
    return rules


def _is_pointer(spot: Spot) -> bool:
    """An address as Python's repr gives it, or one of this platform's between < and > or after 'at'."""
    before = "".join(token.text for token in spot.line[: spot.index])
    inside, at = before.rfind("<") > before.rfind(">"), before.endswith(" at ")
    told = not names.is_digest(timings.clause(before)[1].removesuffix(" at")) and not spot.claimed
    written = inside and at and spot.after.startswith((">", ",", " ", ")")) and 8 <= len(spot.text) - 2 <= 16
    return told and (written or (bool(_POINTER.fullmatch(spot.text)) and (inside or at)))


def _same_address(a: Spot, b: Spot) -> set[str] | None:
    return _both(_is_pointer(a), _is_pointer(b), "addresses")


def is_own_id(text: str, side: Side) -> bool:
    """Can a UUID be one that the run of `side` drew, and that is not drawn alike again?

    All that Python draws from the system is put back, so that an id which differs is one that was picked, unless it was
    drawn from `secrets`, or made of the time, which then lies within the run.
    """
    made = uuid.UUID(text)
    if made.version == 1:
        return side.spans((made.time - _UUID_EPOCH) / 1e7)
    return side.secretive


def _same_uuid(a: Spot, b: Spot) -> set[str] | None:
    told = not a.claimed and not b.claimed and is_own_id(a.text, a.side) and is_own_id(b.text, b.side)
    return {"ids"} if told and names.is_unique(a.label) and names.is_unique(b.label) else None


def _same_hex(a: Spot, b: Spot) -> set[str] | None:
    drawn = a.side.secretive and b.side.secretive and len(a.text) == len(b.text)
    if not drawn or not all(_HEX_ID.fullmatch(spot.text) for spot in (a, b)):
        return None
    return {"ids"} if all(names.is_id(spot.label) and not spot.claimed for spot in (a, b)) else None


def _same_size(a: Spot, b: Spot) -> set[str] | None:
    told = all(names.is_memory(spot.label) or names.words(spot.label) == ("rss",) for spot in (a, b))
    return {"memory sizes"} if told else None


def _same_number(a: Spot, b: Spot) -> set[str] | None:
    x, y = plain_number(a.line, a.index), plain_number(b.line, b.index)
    if all(moments.is_own_epoch(spot.text, spot.side) and not _is_ahead(spot) for spot in (a, b)):
        return {"dates"}
    if _is_port(a) and _is_port(b):
        return {"ports"}
    if _is_thread_ident(a) and _is_thread_ident(b):
        return {"addresses"}
    if x is None or y is None:
        return _same_hex(a, b)
    if x in a.side.pids and y in b.side.pids:
        return {"pids"}
    if _is_timing(a) and _is_timing(b):
        return {"durations"}
    rules = [number_rules(s.label, v, s.side, False) for s, v in ((a, x), (b, y))]
    return {rules[0]} if rules[0] and rules[0] == rules[1] else _same_hex(a, b)


def _is_thread_ident(spot: Spot) -> bool:
    """Is this what `threading.get_ident()` gives, a thread's block's address, in a log's line or beside "thread"?"""
    block = int(spot.text) if spot.text.isdigit() else 0
    if block not in _THREAD_BLOCKS or block % 64:
        return False
    return any(t.kind in ("clock", "date") or "thread" in t.text.lower() or t.text in _LEVELS for t in spot.line)


def _is_port(spot: Spot) -> bool:
    """Is this the port of an address on the run's own machine, out of the range that is handed out?"""
    told = bool(_LOOPBACK.search(spot.before)) and not names.is_claimed(f"{spot.outer} {spot.before}")
    return told and spot.text.isdigit() and 1024 <= int(spot.text) < 65536


def number_rule(name: str, a: float, b: float, found: Findings, timing: bool) -> str:
    """The rule by which two differing numbers in a field called `name` are the same accident; '' if none."""
    rules = number_rules(name, a, found.side_a, timing), number_rules(name, b, found.side_b, timing)
    if found.side_a.seeds != found.side_b.seeds and rules[0] not in _SAFE:
        return ""
    if rules[0] and rules[0] == rules[1]:
        return rules[0]
    own = moments.is_own_epoch(repr(a), found.side_a) and moments.is_own_epoch(repr(b), found.side_b)
    return "dates" if own and not names.is_ahead(name) else ""


def number_rules(name: str, value: float, side: Side, timing: bool) -> str:
    """The rule by which a number called `name` is an accident of its run; '' if it is a result."""
    whole = isinstance(value, int) and value > 0
    if names.is_process(name) and whole and value <= PID_MOST and (not side.pids or value in side.pids):
        return "pids"
    if names.is_parent(name) and whole and value <= PID_MOST:
        return "pids"
    if names.is_thread(name) and whole and value > PID_MOST:
        return "pids"
    if names.is_resident(name) and value >= 0:
        return "memory sizes"
    if timing and value >= 0:
        bound = timings.parallel(name)
        if bound == timings.UNBOUNDED or moments.is_likely_span(value * timings.unit_s(name), side, bound):
            return "durations"
    return ""


def _same_run(a: Spot, b: Spot) -> set[str] | None:
    return {"ids"}


def _same_user(a: Spot, b: Spot) -> set[str] | None:
    after = a.line[a.index + 1].text if a.index + 1 < len(a.line) else ""
    return _both(names.is_user(a.label) or after == "@", names.is_user(b.label) or after == "@", "users")


def _same_host(a: Spot, b: Spot) -> set[str] | None:
    told = any(c.isdigit() or c in "-." for c in a.text + b.text) or a.before.endswith("@") or names.is_host(a.label)
    return {"hosts"} if told else None


_TESTS = {
    "span": _same_span,
    "rate": _same_span,
    "minutes": _same_clock,
    "clock": _same_clock,
    "date": _same_date,
    "path": _same_path,
    "address": _same_address,
    "uuid": _same_uuid,
    "hex": _same_hex,
    "size": _same_size,
    "number": _same_number,
    "run_id": _same_run,
    "user": _same_user,
    "host": _same_host,
}


def canonical(line: str, side: Side) -> Iterator[str]:
    """The tokens of `line`, its accidents by kind only: to tell lines that only changed their order."""
    listed = tokens(line, side)
    for index, token in enumerate(listed):
        spot = Spot(listed, index, side)
        if token.kind != "space":
            yield (
                f"<{token.kind}>"
                if token.kind not in ("number", "word", "other") and same_accident(spot, spot)
                else token.text
            )
