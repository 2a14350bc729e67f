"""Dates, times of day and durations in text: which instant or span a token stands for.

A date is the clock's doing only if it lies within its own run. A time of day has no zone: some zone
(a multiple of a quarter of an hour) must put it into the run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from anew.reproduction.compare.result import Side

ZONE_SLACK_S = 15 * 3600.0  # a date without a zone may be anyone's local time
QUARTER_S = 900
PARALLEL_MOST = 32  # CPU time may exceed the run's time by this factor
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
        r"[IWEFD][01]\d[0-3]\d \d\d:\d\d:\d\d\.\d{6}",
        rf"\d\d/\d\d/\d{{4}}[ ,]+{_CLOCK}(?:\s[AP]M)?",
    )
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:[T @_-]+(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?)?")
_NAMED = re.compile(rf"({_MONTH})\s+(\d{{1,2}})|(\d{{1,2}})[ /-]({_MONTH})")
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?")
_SPAN_PART = re.compile(r"(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)\s?([a-zµμ]+)", re.IGNORECASE)
_FACTORS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def is_own_date(text: str, side: Side) -> bool:
    """Does the date `text` lie within the run of `side`? True for any date when the run's times are unknown."""
    if not side.timed:
        return True
    moment = _moment(text, side)
    return moment is not None and side.spans(moment, ZONE_SLACK_S if _has_clock(text) else ZONE_SLACK_S + 86400)


def _has_clock(text: str) -> bool:
    return bool(re.search(r"\d:\d\d|\d{6}", text))


def _moment(text: str, side: Side) -> float | None:
    match = _YEAR_FIRST.match(text)
    try:
        if match:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        year, month, day = _calendar(text, side)
        clock = _TIME.search(text)
        time = [int(part or 0) for part in clock.groups()] if clock else [0, 0, 0]
        if text.upper().rstrip().endswith("PM") and time[0] < 12:
            time[0] += 12
        hour, minute, second = time
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
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


def is_own_clock(text: str, side: Side) -> bool:
    """Is 'HH:MM:SS' a time of day within the run, in some time zone?"""
    if not side.timed:
        return True
    hours, minutes, seconds = (float(part.replace(",", ".")) for part in text.split(":"))
    if hours > 23 or minutes > 59:
        return False
    at = hours * 3600 + minutes * 60 + seconds
    since = (at - (side.started - 2)) % QUARTER_S
    return since <= side.ended - side.started + 4


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


def is_within(seconds: float, side: Side) -> bool:
    """Is a span of minutes or hours no longer than the run may have seemed to take?"""
    return not side.timed or seconds <= (side.ended - side.started) * 2 + 5


def is_likely_span(seconds: float | None, side: Side) -> bool:
    """Can something that took `seconds` have happened within the run, on all its processors?"""
    if seconds is None or not side.timed:
        return True
    return seconds <= (side.ended - side.started) * PARALLEL_MOST + 5
