"""Dates, times of day and durations in text: which instant or span a token stands for.

A moment is the clock's doing only if it lies within its own run, at the precision it is written in, as this machine's
local time or as UTC. A bare day must be one on which the run took place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from anew.reproduction.compare.result import Side

SLACK_S = 3.0  # between a script's clock and when its run is said to have begun and ended
DAY_S = 86400.0
PARALLEL_MOST = 32.0  # CPU time may exceed the run's time by this factor
ZONES: tuple[tzinfo | None, ...] = (None, UTC)  # None: this machine's own
_MONTHS = {
    name: index
    for index, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s+)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:\s?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?"
DATE = "|".join(
    (
        rf"\d{{4}}-\d\d-\d\d(?:[T @_]{_CLOCK}{_ZONE}|[T_ -]\d\d-\d\d-\d\d(?!\d)|[T_ -]\d{{6}}(?!\d))?(?!\d)",
        rf"\d{{4}}/\d\d/\d\d(?:[ _-]{_CLOCK}{_ZONE})?(?!\d)",
        rf"{_DAY}{_MONTH}\s+\d{{1,2}},?(?:\s+{_CLOCK}(?:\s[AP]M)?{_ZONE})"
        r"(?:\s+(?:[A-Z]{3,5}\s+)?\d{4})?(?!\d)",
        rf"{_DAY}\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{2,4}}(?:[ :T]{_CLOCK}{_ZONE})?(?!\d)",
        r"20\d\d[01]\d[0-3]\d[T_-]\d{6}Z?(?!\d)",
        r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[0-3]\d_[0-2]\d-[0-5]\d-[0-5]\d(?!\d)",
        r"[IWEFD][01]\d[0-3]\d \d\d:\d\d:\d\d\.\d{6}",
        rf"\d\d/\d\d/\d{{4}}[ ,]+{_CLOCK}(?:\s[AP]M)?",
    )
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:[T @_-]+(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?)?")
_NAMED = re.compile(rf"({_MONTH})\s*(\d{{1,2}})|(\d{{1,2}})[ /-]({_MONTH})")
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?|(?<=_)(\d\d)-(\d\d)-(\d\d)")
_OFFSET = re.compile(r"(?<=\d)\s?(?:(Z|UTC|GMT)|([+-])(\d\d):?(\d\d))$")
_SPAN_PART = re.compile(r"(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)\s?([a-zµμ]+)", re.IGNORECASE)
_FACTORS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class _Written:
    """A date as it is written: a day and perhaps a time, how long what it names lasts, and a zone where one is told."""

    moment: datetime
    grain: float
    zone: tzinfo | None


def are_own_dates(a: str, b: str, side_a: Side, side_b: Side) -> bool:
    """Is each of two dates a moment of its own run, both in one zone?"""
    left, right = _written(a, side_a), _written(b, side_b)
    if left is None or right is None:
        return False
    return any(_lies(left, side_a, zone) and _lies(right, side_b, zone) for zone in ZONES)


def _lies(date: _Written, side: Side, zone: tzinfo | None) -> bool:
    zone = date.zone or zone
    try:
        begins = (date.moment.replace(tzinfo=zone) if zone else date.moment).timestamp()
    except (ValueError, OverflowError):
        return False
    slack = SLACK_S if date.grain < DAY_S else 0.0
    return side.timed and side.started - slack < begins + date.grain and begins <= side.ended + slack


def _written(text: str, side: Side) -> _Written | None:
    offset = _OFFSET.search(text)
    zone: tzinfo | None = None
    if offset and re.search(r"\d:\d\d|\d{6}Z", text):
        apart = timedelta(hours=int(offset[3] or 0), minutes=int(offset[4] or 0))
        zone = timezone(-apart if offset[2] == "-" else apart) if apart < timedelta(days=1) else None
    match = _YEAR_FIRST.match(text)
    try:
        if match:
            year, month, day = (int(part) for part in match.groups()[:3])
            clock = match.groups()[3:]
        else:
            year, month, day = _calendar(text, side)
            found = _TIME.search(text)
            clock = (found.groups()[:3] if found[1] else found.groups()[3:]) if found else (None, None, None)
        hour, minute, second = (int(part or 0) for part in clock)
        if re.search(r"(?i)\d\s?PM\s*$", text) and hour < 12:
            hour += 12
        grain = DAY_S if clock[0] is None else 60.0 if clock[2] is None else 1.0
        return _Written(datetime(year, month, day, hour, minute, second), grain, zone)
    except ValueError:
        return None


def _calendar(text: str, side: Side) -> tuple[int, int, int]:
    """Year, month and day of a date that does not begin with its year; a missing year is the run's."""
    run_year = datetime.fromtimestamp(side.started, UTC).year
    if text[0] in "IWEFD" and text[1:5].isdigit():
        return run_year, int(text[1:3]), int(text[3:5])
    slashed = re.match(r"(\d\d)/(\d\d)/(\d{4})", text)
    if slashed:
        first, second, year = (int(part) for part in slashed.groups())
        month = datetime.fromtimestamp(side.started, UTC).month
        return (year, first, second) if second > 12 or first == month else (year, second, first)
    named = _NAMED.search(text)
    if named is None:
        raise ValueError(text)
    name, day = named[1] or named[4], int(named[2] or named[3])
    years = re.search(r"\b(\d{4})\b", text)
    return int(years[1]) if years else run_year, _MONTHS[name[:3].lower()], day


def are_own_clocks(a: str, b: str, side_a: Side, side_b: Side) -> bool:
    """Is each of two times of day ('HH:MM', 'HH:MM:SS', '03:04 PM') one within its own run, both in one zone?"""
    return any(_is_own_clock(a, side_a, zone) and _is_own_clock(b, side_b, zone) for zone in ZONES)


def _is_own_clock(text: str, side: Side, zone: tzinfo | None) -> bool:
    match = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d(?:[.,]\d+)?))?(?:\s([AP])M)?", text)
    if match is None or not side.timed:
        return False
    hours, minutes = int(match[1]), int(match[2])
    seconds = float((match[3] or "0").replace(",", "."))
    if hours > 23 or minutes > 59 or seconds >= 60:
        return False
    if match[4]:
        hours = hours % 12 + (12 if match[4] == "P" else 0)
    begun = datetime.fromtimestamp(side.started - SLACK_S, UTC).astimezone(zone)
    start = begun.hour * 3600 + begun.minute * 60 + begun.second + begun.microsecond / 1e6
    grain = 1.0 if match[3] else 60.0
    since = (hours * 3600 + minutes * 60 + seconds + grain - start) % DAY_S
    return since <= side.ended - side.started + 2 * SLACK_S + grain


def is_own_epoch(text: str, side: Side) -> bool:
    """Is a plain number a moment within the run, in seconds, milli-, micro- or nanoseconds since 1970?"""
    whole, _, fraction = text.partition(".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()):
        return False
    scale = {10: 1, 13: 1e3, 16: 1e6, 19: 1e9}.get(len(whole))
    return scale is not None and side.spans(float(text) / scale)


def span_s(text: str) -> float | None:
    """Seconds of '3.2s', '1m 2s', '0:00:03' or '00:03'; None when it is none of these."""
    if ":" in text:
        total = 0.0
        for part in text.replace(",", ".").split(":"):
            total = total * 60 + float(part)
        return total
    parts = _SPAN_PART.findall(text)
    if not parts:
        return None
    total = 0.0
    for number, unit in parts:
        unit = unit.lower()
        if unit.startswith(("ms", "mil")):
            factor = 1e-3
        elif unit.startswith("mic"):
            factor = 1e-6
        else:
            factor = _FACTORS.get(unit[0], 1.0)
        total += float(number) * factor
    return total


def is_likely_span(seconds: float | None, side: Side, parallel: float = 1.0) -> bool:
    """Can something that took `seconds` have happened within the run, on so many processors?"""
    return seconds is not None and side.timed and 0 <= seconds <= (side.ended - side.started + SLACK_S) * parallel
