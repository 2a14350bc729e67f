"""Which file of one run is which of the other, where names carry the date, a random id or a process number.

Files of one name belong together. The rest are paired only if their names are the same but for pieces that are, on
each side, an accident of its own run: a date within the run, a UUID or hexadecimal id, a name that tempfile drew, the
host, a process of the run. Where several are the same in that sense, equal contents go first, then the order in which
they were made. A number that is none of these tells files apart: `model_0.91.pt` is not `model_0.92.pt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from anew.reproduction.compare import Side
from anew.reproduction.compare.accidents import is_own_id
from anew.reproduction.compare.places import without_escaped

Pair = tuple[str | None, str | None, list[str]]
_DAY = 86_400
_QUARTER = 900  # zones differ from each other by multiples of it
_SLACK_S = 2.0
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_Y, _M, _D = r"(?P<y>20\d\d)", r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12]\d|3[01])"
_T = r"(?P<H>[01]\d|2[0-3])[-_.:hH]?(?P<M>[0-5]\d)(?:[-_.:m]?(?P<S>[0-5]\d)(?:[-_.,]?(?:\d{6}|\d{3}))?)?(?:s|Z)?"
_BETWEEN = r"(?:[T _/.@-]|_-_|_at_)?"
_NAMED = rf"(?P<name>{'|'.join(_MONTHS)})"
_DATES = [
    re.compile(rf"(?<!\d){form}(?!\d)")
    for form in (
        rf"{_Y}[-_.]?{_M}[-_.]?{_D}(?:{_BETWEEN}{_T})?",
        rf"{_D}[-_.]{_M}[-_.]{_Y}(?:{_BETWEEN}{_T})?",
        rf"{_M}[-_.]{_D}[-_.]{_Y}(?:{_BETWEEN}{_T})?",
        rf"{_NAMED}[-_ ]?{_D}(?:[-_ ]{_Y})?[-_ ]{_T}",
        rf"{_D}[-_ ]?{_NAMED}(?:[-_ ]?{_Y})?(?:[-_ ]{_T})?",
        rf"(?P<y2>2\d){_M}{_D}[-_]?{_T}",
        rf"{_M}-?{_D}[-_]{_T}",
        r"(?P<H>[01]\d|2[0-3])[-_](?P<M>[0-5]\d)[-_](?P<S>[0-5]\d)",
        r"(?P<H>[01]\d|2[0-3])(?P<M>[0-5]\d)(?P<S>[0-5]\d)",
        r"(?P<epoch>1\d{9}(?:\d{3}|\d{6}|\d{9})?)(?:\.\d{1,9}(?=$|[._/-]))?",
    )
]
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}")
# Six hexadecimal digits or more, standing alone, and no decimals of a number.
_HEX = re.compile(r"(?<![0-9A-Za-z])(?<!\d\.)[0-9a-f]{6,64}(?![0-9A-Za-z])")
_NUMBER = re.compile(r"(?<!\d)(?<!\d\.)\d{3,7}(?!\d)")


def pair(old: Mapping[str, Any], new: Mapping[str, Any], side_a: Side, side_b: Side) -> Iterator[Pair]:
    """Names of both sides in pairs, with the rules that paired them; None for what has no partner.

    The mappings are from the names to the outputs' records, in the order the run made them.
    """
    yield from ((name, name, []) for name in sorted(old.keys() & new.keys()))
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for index, (side, known, others) in enumerate(((side_a, old, new), (side_b, new, old))):
        for name in known:
            if name not in others:
                groups.setdefault(_bare(name, side), ([], []))[index].append(name)
    for bare in sorted(groups):
        left, right = groups[bare]
        if "<" in bare:
            yield from _matched(
                bare,
                {name: _dated(name, side_a) for name in left},
                {name: _dated(name, side_b) for name in right},
                old,
                new,
            )
            continue
        yield from ((name, None, []) for name in left)
        yield from ((None, name, []) for name in right)


def _matched(
    bare: str, left: dict[str, str], right: dict[str, str], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Pair]:
    """`left` and `right` map names of one bare form to what they are without ids and moments."""
    rest = list(right)
    later = []
    for name in left:
        digest = old[name].get("digest")
        twin = next((other for other in rest if digest and new[other].get("digest") == digest), None)
        if twin is not None and _may_pair(left[name], right[twin]):
            rest.remove(twin)
            yield name, twin, _rules(bare)
        else:
            later.append(name)
    for name in later:
        partner = next((other for other in rest if _may_pair(left[name], right[other])), None)
        if partner is not None:
            rest.remove(partner)
        yield name, partner, _rules(bare) if partner else []
    yield from ((None, name, []) for name in rest)


def _rules(bare: str) -> list[str]:
    known = {"date": "dates in names", "root": "paths"}
    found = {known.get(mark, "ids in names") for mark in re.findall(r"<([a-z]+)", bare)}
    return sorted(found)


def _may_pair(a: str, b: str) -> bool:
    """Two plain numbers that could be read as hexadecimal ids are no ids."""
    pairs = zip(_HEX.findall(a), _HEX.findall(b), strict=False)
    return not any(x != y and x.isdigit() and y.isdigit() for x, y in pairs)


def _bare(name: str, side: Side) -> str:
    """`name` with each accident of its run replaced by its kind."""
    name = _dated(name, side)
    name = _TEMPORARY.sub("<tmp>", name)
    if side.secretive:
        name = _HEX.sub(lambda match: f"<hex{len(match[0])}>", name)
    if side.pids:
        name = _NUMBER.sub(lambda match: "<pid>" if int(match[0]) in side.pids else match[0], name)
    if len(side.host) > 2:
        name = name.replace(side.host, "<host>")
    return name


def _dated(name: str, side: Side) -> str:
    """`name` with its ids and the moments of its run replaced by their kind."""
    name = without_escaped(name.replace("<", "("), side)
    name = _UUID.sub(lambda match: "<id>" if is_own_id(match[0], side) else match[0], name)
    for pattern in _DATES:
        name = pattern.sub(lambda match: "<date>" if _is_own(match, side) else match[0], name)
    return name


def _is_own(match: re.Match[str], side: Side) -> bool:
    """Whether what `match` found is a moment within the run of `side`, in some time zone."""
    part = match.groupdict()
    if part.get("epoch"):
        scale = 10 ** (len(part["epoch"]) - 10)
        return side.spans(int(part["epoch"]) / scale, _SLACK_S)
    if not side.timed:
        return False
    clock = part.get("H") is None or _clock_is_own(part, side)
    if part.get("d") is None:
        return clock
    return clock and _day_is_own(part, side)


def _clock_is_own(part: Mapping[str, Any], side: Side) -> bool:
    seconds = part.get("S")
    at = int(part["M"]) * 60 + int(seconds or 0)
    grain = 1.0 if seconds else 60.0
    since = (at + grain - (side.started - _SLACK_S)) % _QUARTER
    return since <= side.ended - side.started + grain + 2 * _SLACK_S


def _day_is_own(part: Mapping[str, Any], side: Side) -> bool:
    here = datetime.fromtimestamp(side.started, UTC)
    year = int(part["y"]) if part.get("y") else 2000 + int(part["y2"]) if part.get("y2") else here.year
    month = int(part["m"]) if part.get("m") else _MONTHS.index(part["name"]) + 1
    try:
        midnight = datetime(year, month, int(part["d"]), tzinfo=UTC).timestamp()
    except ValueError:
        return False
    return side.started - _DAY - 15 * 3600 <= midnight <= side.ended + 15 * 3600


def processes(document: Mapping[str, Any]) -> frozenset[int]:
    """The numbers of a run's processes, as far as they are large enough to be no ordinary number."""
    listed: Sequence[Any] = document.get("pids") or []
    return frozenset(number for number in listed if isinstance(number, int) and number >= 100)
