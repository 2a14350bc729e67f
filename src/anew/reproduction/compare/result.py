"""What is known of each side, what a comparison found, and the answer it amounts to."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from anew.reproduction.compare.clocked import follows, is_timed, unit_of
from anew.reproduction.compare.names import words
from anew.reproduction.compare.rules import RULES

DETAIL_MOST = 200  # characters of one value shown
_BYTE = re.compile("[\udc80-\udcff]")  # a byte that was no UTF-8, as Python keeps it in text


@dataclass(frozen=True)
class Side:
    """What is known of the run that produced a side: used to recognise its own accidents."""

    root: str
    cwd: str
    started: float
    ended: float
    host: str
    user: str
    run_id: str
    home: str
    tmp: str = "/tmp"
    pids: frozenset[int] = frozenset()  # of the run's processes
    secretive: bool = False  # it drew what is not put back, from the `secrets` module
    seeds: tuple[str, ...] = ()  # that the script set by itself
    pace: float = 1.0  # how fast its clock ran
    clocked: set[str] | None = field(default=None, compare=False)  # places of this record that follow the clock

    @property
    def timed(self) -> bool:
        """Is it known when the run was?"""
        return self.started > 366 * 86400 and self.ended >= self.started

    def spans(self, moment: float, slack: float = 1.0) -> bool:
        """Does `moment` (seconds since 1970) lie within the run?"""
        return self.timed and self.started - slack <= moment <= self.ended + slack


@dataclass(frozen=True)
class Result:
    """Whether two outputs are the same result, by which rule, and where they first differ."""

    equal: bool
    how: str
    rules: tuple[str, ...] = ()
    where: str = ""
    detail: str = ""
    max_difference: float | None = None
    max_relative: float | None = None


@dataclass
class _Tally:
    rules: set[str] = field(default_factory=set)
    different: bool = False
    structural: bool = False
    where: str = ""
    detail: str = ""
    largest: float | None = None
    relative: float | None = None
    renamed: dict[str, str] = field(default_factory=dict)


class Findings:
    """What a comparison found so far, told with the place of each finding.

    A comparison that adds nothing has found two equal things, so a comparer must visit everything.
    """

    def __init__(self, side_a: Side, side_b: Side, prefix: str = "", tally: _Tally | None = None, depth: int = 0):
        self.side_a, self.side_b = side_a, side_b
        self.prefix = prefix
        self.depth = depth
        self._tally = tally or _Tally()

    def under(self, prefix: str) -> Findings:
        """The same findings, told from inside the part named `prefix`."""
        return Findings(self.side_a, self.side_b, join(self.prefix, prefix), self._tally, self.depth)

    def trial(self) -> Findings:
        """Findings of their own, one level deeper, to be taken over with `adopt` or dropped."""
        return Findings(self.side_a, self.side_b, self.prefix, None, self.depth + 1)

    def adopt(self, other: Findings) -> None:
        """Take over what a trial found."""
        theirs, ours = other._tally, self._tally
        ours.rules |= theirs.rules
        for mine, other_name in theirs.renamed.items():
            if not self.renames(mine, other_name):
                self.differ("", f"{mine} is {ours.renamed.get(mine, 'no new id')}, and {other_name}")
        if not theirs.different:
            return
        if not ours.different:
            ours.where, ours.detail = theirs.where, theirs.detail
        ours.different = True
        ours.structural |= theirs.structural
        if theirs.largest is not None and theirs.relative is not None:
            self._widen(theirs.largest, theirs.relative)

    @property
    def different(self) -> bool:
        return self._tally.different

    @property
    def settled(self) -> bool:
        """True once nothing further can change the answer."""
        return self._tally.structural

    @property
    def masked(self) -> bool:
        """Was any rule needed so far?"""
        return bool(self._tally.rules)

    def mask(self, rule: str) -> None:
        """A difference was set aside by `rule`."""
        assert rule in RULES, rule
        self._tally.rules.add(rule)

    def renames(self, a: str, b: str) -> bool:
        """Can `a` of the first side be what `b` is of the other? What each run draws anew is never on both sides."""
        known = self._tally.renamed
        if known.get(a, b) != b or (a not in known and b in known.values()) or a in known.values() or b in known:
            return False
        known[a] = b
        return True

    def differ(self, where: str, detail: str) -> None:
        """A difference that is not one of two numbers."""
        self._first(where, detail)
        self._tally.structural = True

    def differ_numbers(self, where: str, detail: str, largest: float, relative: float) -> None:
        """A difference between numbers: the largest there, absolute and relative."""
        self._first(where, detail)
        self._widen(largest, relative)

    def differ_pair(self, where: str, a: float, b: float, detail: str = "") -> None:
        """A difference between two numbers, unless it is the clock's."""
        if self.is_clocked(where, a, b, (unit_of(repr(a)), unit_of(repr(b)))):
            return
        self.differ_numbers(where, detail or f"{a!r} -> {b!r}", *gap(a, b))

    def is_clocked(
        self, where: str, a: float, b: float, units: tuple[float, float], said: str = "", written: bool = False
    ) -> bool:
        """Does the figure at `where` follow the clock? Learnt from a trial with another one, then known.

        `said`: the words beside it, by default its place; `written`: it has a unit of time.
        """
        known, pace = self.side_a.clocked, self.side_b.pace
        if known is None or self.side_a.seeds != self.side_b.seeds:
            return False
        place = f"{join(self.prefix, where)} {a!r}"
        if pace != 1:
            said = said or (where if words(where) else self.prefix)
            if not is_timed(said, written) or not follows(a, b, pace, units, written):
                return False
            known.add(place)
        elif place not in known:
            return False
        self.mask("measured durations")
        return True

    def result(self, how: str) -> Result:
        """The answer these findings amount to."""
        tally = self._tally
        rules = tuple(sorted(tally.rules))
        if not tally.different:
            return Result(True, how, rules)
        largest, relative = (None, None) if tally.structural else (tally.largest, tally.relative)
        return Result(False, how, rules, tally.where, tally.detail, largest, relative)

    def _first(self, where: str, detail: str) -> None:
        if not self._tally.different:
            self._tally.where = _printable(join(self.prefix, where))
            self._tally.detail = _printable(detail)
        self._tally.different = True

    def _widen(self, largest: float, relative: float) -> None:
        tally = self._tally
        tally.largest = max(largest, tally.largest or 0.0)
        tally.relative = max(relative, tally.relative or 0.0)


def join(prefix: str, where: str) -> str:
    """Two parts of a place as one: 'model.npz' and 'weights[3]', 'w' and '[3]'."""
    if not prefix or not where:
        return prefix or where
    if where[0] in "[." or prefix.endswith((": ", ".")):
        return prefix + where
    return f"{prefix}: {where}"


def gap(a: float, b: float) -> tuple[float, float]:
    """Absolute and relative difference of two numbers; infinite where one is not a number."""
    if a == b:
        return 0.0, 0.0
    if isinstance(a, int) and isinstance(b, int) and max(abs(a), abs(b)) >= 2**53:
        return (float(abs(a - b)), abs(a - b) / max(abs(a), abs(b))) if abs(a - b) < 2**1000 else (math.inf, math.inf)
    try:
        apart = abs(float(a) - float(b))
        size = max(abs(float(a)), abs(float(b)))
    except OverflowError:
        return math.inf, math.inf
    if math.isnan(a) and math.isnan(b):
        return 0.0, 0.0
    if not math.isfinite(apart):
        return math.inf, math.inf
    return apart, apart / size if size else 0.0


def shown(value: object) -> str:
    """`value` as a difference shows it: on one line, and short."""
    text = _printable(value if isinstance(value, str) else repr(value))
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= DETAIL_MOST else text[: DETAIL_MOST - 1] + "…"


def _printable(text: str) -> str:
    """`text` with bytes that were no UTF-8 written out, so that it can be kept and printed anywhere."""
    if text.isascii():
        return text
    text = _BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode()


def change(a: object, b: object) -> str:
    """'0.9312 -> 0.9309', and for long texts the part around the first difference."""
    left = a if isinstance(a, str) else repr(a)
    right = b if isinstance(b, str) else repr(b)
    if max(len(left), len(right)) > DETAIL_MOST:
        at = first_unequal(left, right)
        start = max(0, at - DETAIL_MOST // 2)
        left, right = left[start:], right[start:]
        if start:
            left, right = "…" + left, "…" + right
    return f"{shown(left)} -> {shown(right)}"


def first_unequal(a: Sequence[object] | memoryview, b: Sequence[object] | memoryview) -> int:
    """The index at which two sequences first differ; the shorter one's length when one begins the other."""
    low, high = 0, min(len(a), len(b))
    if high and isinstance(a, (bytes, memoryview, str)) and isinstance(b, (bytes, memoryview, str)):
        while high - low > 64:  # halve: a comparison of slices is far faster than a loop
            middle = (low + high) // 2
            if a[low:middle] == b[low:middle]:
                low = middle
            else:
                high = middle
    for index in range(low, min(len(a), len(b))):
        if a[index] != b[index]:
            return index
    return min(len(a), len(b))
