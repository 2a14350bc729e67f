"""Series: the points of one metric, all of them or as many as a screen has pixels for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.index.segment import CELL, Arrays, Cells, Segment, make_cells, sort_points


@dataclass(frozen=True, slots=True)
class Series:
    """Points in the order of their steps (NaN last), then times; `total` counts those in the range asked for.

    `steps` int64 or float64 [n], `times` float64 [n] in seconds since 1970, `values` float64 [n].
    """

    steps: NDArray[Any]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    total: int

    def __len__(self) -> int:
        return len(self.values)


class Source:
    """One series, in order: either in a segment, of which little is read, or as arrays. All times are 0 where it is not
    `timed`: they are a third of what is read."""

    def __init__(self, segment: Segment | None, metric: str, arrays: Arrays | None, *, timed: bool = True) -> None:
        self.segment, self.metric, self.arrays, self.timed = segment, metric, arrays, timed

    @property
    def count(self) -> int:
        if self.segment is not None:
            return self.segment.count(self.metric)
        assert self.arrays is not None
        return len(self.arrays[2])

    def rank(self, step: float, side: Any) -> int:
        if self.segment is not None:
            return self.segment.rank(self.metric, step, side) if self.count else 0
        assert self.arrays is not None
        return int(np.searchsorted(self.arrays[0], step, side))

    def points(self, start: int, end: int) -> Arrays:
        if self.segment is not None:
            return self.segment.points(self.metric, start, end, timed=self.timed)
        assert self.arrays is not None
        steps, times, values = (array[start:end] for array in self.arrays)
        return steps, times if self.timed else np.zeros(len(times)), values

    def point(self, rank: int) -> Arrays:
        if self.segment is not None:
            return self.segment.point(self.metric, rank, timed=self.timed)
        return self.points(rank, rank + 1)

    def cells(self) -> Cells | None:
        return self.segment.cells(self.metric, timed=self.timed) if self.segment is not None else None


def join(parts: list[Arrays]) -> Arrays:
    """The points of several pieces of one series, in order."""
    if len(parts) == 1:
        return sort_points(*parts[0])
    steps = np.concatenate([part[0] for part in parts])  # int64 and float64 steps meet as float64
    times, values = (np.concatenate([part[at] for part in parts]) for at in (1, 2))
    return sort_points(steps, times, values)


def draw(source: Source, points: int | None = None, x_min: float | None = None, x_max: float | None = None) -> Series:
    """At most `points` (at least 8) real points of those with `x_min` <= step <= `x_max`; without it, all.

    The range is cut into stretches of equal count, and of each the least, the greatest and the first NaN are
    kept, besides the first and last point of all. What is kept depends on the points alone, not on how they
    are stored.
    """
    start = 0 if x_min is None else source.rank(x_min, "left")
    end = source.count if x_max is None else source.rank(x_max, "right")
    total = max(0, end - start)
    if points is None or total <= max(points, 8):
        steps, times, values = source.points(start, max(start, end))
        return Series(steps, times, values, total)
    ends = [source.point(start), source.point(end - 1)]
    # Up to three points a stretch; a series without NaN has two, and so gets more stretches.
    cells = None
    for each in (2, 3):
        stretches = max(1, (max(points, 8) - 2) // each)
        if _fits(total, stretches):
            cells = _coarse(source, start, end, stretches)
        else:
            cells = make_cells(source.points(start, end), -(-total // stretches))
        if not (cells.nan[3] >= 0).any():
            break
    assert cells is not None
    return Series(*_collect(cells, ends), total)


def _fits(total: int, stretches: int) -> bool:
    """Whether stretches of whole cells are not much wider than those asked for: then no point needs to be read."""
    count = total // CELL
    return count > 0 and 3 * (count // -(-count // stretches)) >= 2 * stretches


def _coarse(source: Source, start: int, end: int, stretches: int) -> Cells:
    """Stretches made of whole cells of CELL points, whose places don't depend on the range."""
    stored = source.cells()
    first, last = -(-start // CELL), end // CELL
    if end == source.count:
        last = -(-end // CELL)
    if stored is None:
        stored = make_cells(source.points(0, source.count), CELL)
    pieces = [_slice(stored, first, last)]
    if start < first * CELL:
        pieces.insert(0, make_cells(source.points(start, first * CELL), CELL))
    if last * CELL < end:
        pieces.append(make_cells(source.points(last * CELL, end), CELL))
    cells = pieces[0] if len(pieces) == 1 else _concatenate(pieces)
    return _merge(cells, -(-len(cells) // stretches))


def _slice(cells: Cells, first: int, last: int) -> Cells:
    return Cells(*([array[first:last] for array in point] for point in (cells.low, cells.high, cells.nan)))


def _concatenate(pieces: list[Cells]) -> Cells:
    return Cells(
        *(
            [np.concatenate(arrays) for arrays in zip(*(getattr(piece, point) for piece in pieces), strict=True)]
            for point in ("low", "high", "nan")
        )
    )


def _merge(cells: Cells, by: int) -> Cells:
    """Every `by` neighbouring cells made one, ranks counted from the start of all."""
    count = len(cells)
    offset = np.arange(count) * CELL
    groups = np.arange(0, count, by)
    merged = []
    for point, sign in ((cells.low, 1), (cells.high, -1), (cells.nan, 0)):
        key = np.where(point[3] < 0, np.inf, sign * point[2] if sign else offset.astype(np.float64))
        # The last stretch is filled up with its last cell, which never wins over itself.
        padded = np.concatenate([key, np.full(-count % by, np.inf)])
        at = np.minimum(groups + padded.reshape(-1, by).argmin(axis=1), count - 1)
        any_there = np.maximum.reduceat(point[3], groups) >= 0
        for row in np.flatnonzero((point[3][at] < 0) & any_there).tolist():
            # An infinite value looks like an absent one: take the first that is there.
            at[row] = groups[row] + np.flatnonzero(point[3][groups[row] : groups[row] + by] >= 0)[0]
        rank = np.where(point[3][at] < 0, -1, point[3][at] + offset[at])
        merged.append([*(array[at] for array in point[:3]), rank])
    return Cells(*merged)


def _collect(cells: Cells, ends: list[Arrays]) -> Arrays:
    """The points of the cells and both ends, in order, each once."""
    every: list[Arrays] = list(ends)
    for step, time, value, rank in (cells.low, cells.high, cells.nan):
        there = rank >= 0
        every.append((step[there], time[there], value[there]))
    steps, times, values = join(every)
    if len(values) > 1:
        same = (steps[1:] == steps[:-1]) | ((steps[1:] != steps[1:]) & (steps[:-1] != steps[:-1]))
        same &= (times[1:] == times[:-1]) & (values[1:].view(np.int64) == values[:-1].view(np.int64))
        keep = np.concatenate([[True], ~same])
        steps, times, values = steps[keep], times[keep], values[keep]
    return steps, times, values
