"""Statistics of a metric that come out the same to the last bit, in whatever pieces the points arrive."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A finite float64 is a whole number of 2**-1074; sums are kept as such whole numbers, so that no order
# rounds.
_UNIT = 1074
_SMALL = 64

Place = tuple[bool, float, float, float, int]  # where a point stands in its series: see `place`


class Stat:
    """Count, extremes, exact sum and both ends of one metric. Points may come in any order and any pieces."""

    __slots__ = ("count", "first", "high", "last", "low", "nan", "sum", "up_down")

    def __init__(self) -> None:
        self.count = self.nan = self.sum = 0
        self.up_down = [0, 0]  # how many were +inf, -inf
        self.low, self.high = math.inf, -math.inf
        self.first: tuple[float, float, float] | None = None  # step, time, value
        self.last: tuple[float, float, float] | None = None

    def add(self, column: NDArray[np.float64]) -> None:
        """Count in `column` [n]; the ends come through `end`."""
        self.count += len(column)
        if len(column) <= _SMALL:
            self._add_few(column.tolist())
            return
        finite = np.isfinite(column)
        if not finite.all():
            bad = column[~finite]
            nans = int(np.isnan(bad).sum())
            up = int((bad == np.inf).sum())
            self.nan += nans
            self.up_down[0] += up
            self.up_down[1] += len(bad) - nans - up
            if nans < len(column):
                self.low = min(self.low, float(np.fmin.reduce(column)))
                self.high = max(self.high, float(np.fmax.reduce(column)))
            column = column[finite]
        else:
            self.low = min(self.low, float(column.min()))
            self.high = max(self.high, float(column.max()))
        self.sum += exact_sum(column)

    def _add_few(self, values: list[float]) -> None:
        rough = sum(values)
        if rough - rough != 0:  # something is not finite, or the sum is not
            for value in values:
                if value != value:
                    self.nan += 1
                elif value - value != 0:
                    self.up_down[value < 0] += 1
            self.low = min([self.low, *(value for value in values if value == value)])
            self.high = max([self.high, *(value for value in values if value == value)])
            values = [value for value in values if value - value == 0]
        if values:
            self.low, self.high = min(self.low, *values), max(self.high, *values)
            for part in _parts(values):
                top, bottom = part.as_integer_ratio()
                self.sum += top << (_UNIT + 1 - bottom.bit_length())

    def end(self, first: tuple[float, float, float], last: tuple[float, float, float]) -> None:
        """Take in the first and the last of some points."""
        if self.first is None or place(first) < place(self.first):
            self.first = first
        if self.last is None or place(last) > place(self.last):
            self.last = last

    def merge(self, other: Stat) -> None:
        self.count += other.count
        self.nan += other.nan
        self.sum += other.sum
        self.up_down = [self.up_down[0] + other.up_down[0], self.up_down[1] + other.up_down[1]]
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        if other.first is not None and other.last is not None:
            self.end(other.first, other.last)

    def show(self) -> dict[str, Any]:
        """The entry of `metric_stats`.

        Extremes and mean leave NaN out; they are None when nothing else is there.
        """
        assert self.first is not None and self.last is not None
        some = self.count > self.nan
        return {
            "last": self.last[2],
            "last_step": self.last[0],
            "last_time": self.last[1],
            "min": self.low + 0.0 if some else None,  # + 0.0: of -0.0 and 0.0, whichever came first
            "max": self.high + 0.0 if some else None,
            "mean": self._mean() if some else None,
            "count": self.count,
            "first": self.first[2],
            "nan_count": self.nan,
        }

    def _mean(self) -> float:
        up, down = self.up_down
        if up or down:
            return math.nan if up and down else math.inf if up else -math.inf
        # Division of whole numbers rounds once, correctly.
        return self.sum / ((self.count - self.nan) << _UNIT)

    def state(self) -> list[Any]:
        """For msgpack; `Stat.restore` is its inverse."""
        shift = (self.sum & -self.sum).bit_length() - 1 if self.sum else 0
        size = (abs(self.sum) >> shift).bit_length() // 8 + 1
        total = (self.sum >> shift).to_bytes(size, "little", signed=True)
        return [self.count, self.nan, *self.up_down, self.low, self.high, shift, total, self.first, self.last]

    @classmethod
    def restore(cls, state: list[Any]) -> Stat:
        stat = cls()
        stat.count, stat.nan, up, down, stat.low, stat.high, shift, total, first, last = state
        stat.up_down = [up, down]
        stat.sum = int.from_bytes(total, "little", signed=True) << shift
        stat.first, stat.last = tuple(first) if first else None, tuple(last) if last else None
        return stat


def _parts(values: list[float]) -> list[float]:
    """A few floats with the exact sum of finite `values`: what `fsum` rounds away is summed up in turn."""
    parts: list[float] = []
    try:
        while part := math.fsum([*values, *(-part for part in parts)]):
            parts.append(part)
    except OverflowError:
        return values
    return parts


def exact_sum(values: NDArray[np.float64]) -> int:
    """The sum of finite `values` [n], n < 2**25, in units of 2**-1074."""
    if not len(values):
        return 0
    mantissas, exponents = np.frexp(values)
    whole = (mantissas * 2.0**53).astype(np.int64)
    low_exponent = int(exponents.min())
    bins = exponents - low_exponent
    # Halves of 27 bits each: the float64 sums of bincount stay below 2**53 and so are exact.
    low = np.bincount(bins, (whole & 0x7FFFFFF).astype(np.float64)).tolist()
    high = np.bincount(bins, (whole >> 27).astype(np.float64)).tolist()
    total = 0
    for place_, (a, b) in enumerate(zip(low, high, strict=True)):
        if a or b:
            total += (int(a) + (int(b) << 27)) << place_
    shift = low_exponent - 53 + _UNIT
    return total << shift if shift >= 0 else total >> -shift


def place(point: tuple[float, float, float]) -> Place:
    """Order of points in a series: by step (NaN last), then time, then value (NaN among the zeros), then its bits."""
    step, time, value = point
    level = value if value == value else 0.0
    if step != step:
        return True, 0.0, time, level, bits(value)
    return False, step, time, level, bits(value)


def bits(value: float) -> int:
    """The bit pattern of a float64 as a signed integer."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def ascending(steps: NDArray[Any], times: NDArray[np.float64]) -> bool:
    """Whether points stand in the order of a series, none of them level with the next."""
    if len(steps) < 2:
        return True
    ahead, behind = steps[1:], steps[:-1]
    if (ahead > behind).all():
        return True
    return bool(((ahead > behind) | ((ahead == behind) & (times[1:] > times[:-1]))).all())


def order(steps: NDArray[Any], times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions that put points into the order of a series."""
    return np.lexsort((values.view(np.int64), np.where(np.isnan(values), 0.0, values), times, steps))
