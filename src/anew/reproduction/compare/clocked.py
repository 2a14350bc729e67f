"""Which figures follow the clock: a duration grows with a clock that runs faster, a speed falls, a result does neither.

Names and forms tell most of what a program took. What they leave is tried, in trials whose clocks run faster and
slower: a figure that is said to have to do with time, in a word beside it or by its unit, and that is in proportion to
the pace, is no result. Each is known by its place in the record, and only there let pass.

Proportion alone would not do: a simulation that moves on by the time that has passed is in proportion, too.
"""

from __future__ import annotations

import re

from anew.reproduction.compare.names import is_claimed, word_set, words

PACES = (50.0, 0.02)
_BAND = 6.0  # by which the same work may take longer or shorter in two runs
_FINE = 2.0  # units of its last place that a figure must have for its growth to be told
_DECIMALS = re.compile(r"\.(\d*)(?:[eE]([-+]?\d+))?|[eE]([-+]?\d+)")
_TIMES = word_set(
    "time times timing timings timed timer sec secs second seconds elapsed took taken takes duration durations latency "
    "runtime wall walltime cpu clock ms msec msecs millisecond milliseconds us usec microseconds ns min mins minute "
    "minutes hour hours s speed throughput rate fps per eta"
)


def is_timed(said: str, written: bool = False) -> bool:
    """Do the words beside a figure, or the unit in which it is `written`, speak of time, and the words of no result?

    >>> is_timed("epoch_s"), is_timed("seconds"), is_timed("loss"), is_timed("time weighted loss")
    (True, True, False, False)
    """
    return (written or any(word in _TIMES for word in words(said))) and not is_claimed(said)


def follows(a: float, b: float, pace: float, units: tuple[float, float], written: bool = False) -> bool:
    """Is `b`, from a run whose clock ran at `pace`, the duration or the speed that `a` was?

    `units` are those of their last places. `written`: both have a unit of time behind them, so that 0 is a duration
    that was rounded. A whole number that falls where the clock runs faster is none: it may be of what was done in time.
    """
    if not (0 <= a < 1e300 and 0 <= b < 1e300) or (a < _FINE * units[0] and not written):
        return False
    return _is_scaled(a, b, pace, units) or (units[0] < 1 and units[1] < 1 and _is_scaled(a, b, 1 / pace, units))


def _is_scaled(a: float, b: float, by: float, units: tuple[float, float]) -> bool:
    least = max(a - units[0] / 2, 0.0) * by / _BAND - units[1] / 2
    most = (a + units[0] / 2) * by * _BAND + units[1] / 2
    return least <= b <= most and (b >= a if by > 1 else b <= a)


def unit_of(text: str) -> float:
    """The unit of the last place of a number as it is written: 0.01 for '0.16', 1 for '12'."""
    match = _DECIMALS.search(text)
    if match is None:
        return 1.0
    exponent = int(match[2] or match[3] or 0)
    return float(10.0 ** max(-300, min(300, exponent - len(match[1] or ""))))


def loosened(line: str) -> str:
    """`line` as it would be in another width: a table's columns and rules are as wide as its widest figure."""
    return re.sub(r"[ \t]{2,}", "  ", re.sub(r"([-=─━═_])\1+", r"\1\1", line)).strip()
