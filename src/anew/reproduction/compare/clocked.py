"""Which figures follow the clock: a duration grows with a clock that runs faster, a speed falls, a result does neither.

Names and forms tell most of what a program took. What they leave is tried: in a trial whose clock runs `PACE` times as
fast, a figure that follows it is no result. Each is known by its place in the record, and only there let pass.
"""

from __future__ import annotations

import re

PACE = 1000.0
_BAND = 8.0  # by which the same work may take longer or shorter in two runs
_FINE = 2.0  # units of its last place that a figure must have for its growth to be told
_DECIMALS = re.compile(r"\.(\d*)(?:[eE]([-+]?\d+))?|[eE]([-+]?\d+)")


def follows(a: float, b: float, pace: float, unit: float, timed: bool = False) -> bool:
    """Is `b`, from a run whose clock ran `pace` times as fast, the duration or the speed that `a` was?

    `unit` is that of the last place of `a`. `timed`: it is written as a time, so that it may have been rounded to 0. A
    count that falls is none: it may be of what was done before some time was over.
    """
    if not (0 <= a < 1e300 and 0 < b < 1e300):
        return False
    least, most = max(a - unit / 2, 0.0), a + unit / 2
    if (a >= _FINE * unit or timed) and least * pace / _BAND <= b <= most * pace * _BAND:
        return b > a
    return a >= _FINE * unit and unit < 1 and least / pace / _BAND <= b <= most / pace * _BAND


def unit_of(text: str) -> float:
    """The unit of the last place of a number as it is written: 0.01 for '0.16', 1 for '12'."""
    match = _DECIMALS.search(text)
    if match is None:
        return 1.0
    exponent = int(match[2] or match[3] or 0)
    return float(10.0 ** max(-300, min(300, exponent - len(match[1] or ""))))
