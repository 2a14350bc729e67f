"""What people write for a moment or a span: '2 weeks ago', today, 2026-05-01, '1 hour'."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_SECONDS = {
    "second": 1,
    "sec": 1,
    "s": 1,
    "minute": 60,
    "min": 60,
    "m": 60,
    "hour": 3600,
    "h": 3600,
    "day": 86400,
    "d": 86400,
    "week": 604800,
    "w": 604800,
    "month": 2629746,
    "year": 31556952,
    "y": 31556952,
}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+?)s?", re.ASCII)
_MOST_SECONDS = 1e11  # above it a bare number is taken for milliseconds, as MLflow sends them


def span_s(text: str) -> float | None:
    """'90 min' as seconds; None when it is no span."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        return None
    unit = _SECONDS.get(match[2]) or _SECONDS.get(match[2] + "s")
    return None if unit is None else float(match[1]) * unit


def moment(value: str | float, now: datetime) -> tuple[float, float] | None:
    """First and last-but-excluded second (since 1970) of what `value` names; None when it names no time.

    A day lasts a day, everything else is an instant. A time without a zone is local.
    """
    if not isinstance(value, str):
        number = float(value)
        at = number / 1000 if abs(number) > _MOST_SECONDS else number
        return at, at
    text = value.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {
        "today": midnight,
        "yesterday": midnight - timedelta(days=1),
        "tomorrow": midnight + timedelta(days=1),
    }
    if text in days:
        return _day(days[text])
    if text == "now":
        return now.timestamp(), now.timestamp()
    if text.endswith(" ago"):
        span = span_s(text[:-4])
        return None if span is None else (now.timestamp() - span, now.timestamp() - span)
    try:
        stamp = datetime.fromisoformat(value.strip().upper().replace("Z", "+00:00"))
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d(-?\d)?", text, re.IGNORECASE):
            return _day(stamp)
        return stamp.timestamp(), stamp.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _day(at: datetime) -> tuple[float, float] | None:
    try:
        return at.timestamp(), (at + timedelta(days=1)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
