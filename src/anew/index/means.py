"""Means: groups of series as one line each, from every point that was logged and not from those that are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anew.index.series import Source, draw

Numbers = NDArray[np.float64]


_MOST_READ = 2_000_000  # points of one series; of a longer one some are drawn, its spikes among them
_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Mean:
    """At each of `xs` the mean of the members that are there, and the least and greatest point of any. [n] each."""

    xs: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers


def mean_of_sources(
    sources: Iterable[tuple[Source, float]], x: str, low: float | None, high: float | None, most: int
) -> Mean:
    """As `mean_of`, of series each with where its time begins. `x`: step, relative or wall; the range is of x."""
    members = []
    for source, origin in sources:
        source.timed = x != "step"
        ends = (low, high) if x == "step" else (None, None)
        whole = draw(source, None if source.count <= _MOST_READ else _DRAWN, *ends)
        xs = whole.steps.astype(np.float64) if x == "step" else whole.times - (origin if x == "relative" else 0.0)
        inside = (xs >= (-np.inf if low is None else low)) & (xs <= (np.inf if high is None else high))
        members.append((xs[inside], whole.values[inside]))
    return mean_of(members, most)


def mean_of(members: Sequence[tuple[Numbers, Numbers]], most: int) -> Mean:
    """The mean of series given as (xs, ys), at `most` places at the most.

    Where all of them have no more places, these are the places; else the range is cut into stretches of equal width.
    Each member counts once at a place: with the mean of its points in the stretch or, between two of its points, in a
    straight line; before its first and behind its last it does not count. What is not finite is no value.
    """
    known = [(xs[there], ys[there]) for xs, ys in members for there in [np.isfinite(xs) & np.isfinite(ys)]]
    known = [(xs, ys) for xs, ys in known if len(xs)]
    if not known:
        return Mean(*(np.empty(0) for _ in range(4)))
    places = np.unique(np.concatenate([np.unique(xs) for xs, _ in known]))
    exact = len(places) <= most
    low, width = places[0], (places[-1] - places[0]) / most
    count = len(places) if exact else most
    along = places if exact else np.arange(count, dtype=np.float64)
    totals, present, middles, weights = (np.zeros(count) for _ in range(4))
    least, greatest = np.full(count, np.inf), np.full(count, -np.inf)
    for xs, ys in known:
        at = np.searchsorted(places, xs) if exact else np.minimum((xs - low) / width, count - 1).astype(np.int64)
        points = np.bincount(at, minlength=count)
        there = np.flatnonzero(points)
        own = np.interp(along, along[there], np.bincount(at, ys, count)[there] / points[there])
        inside = slice(int(there[0]), int(there[-1]) + 1)
        totals[inside] += own[inside]
        present[inside] += 1
        middles += np.bincount(at, xs, count)
        weights += points
        np.minimum.at(least, at, ys)
        np.maximum.at(greatest, at, ys)
    seen = weights > 0
    means = totals[seen] / present[seen]
    # A place between the points of some members alone may lie beside those of the others.
    bounds = np.minimum(least[seen], means), np.maximum(greatest[seen], means)
    return Mean(middles[seen] / weights[seen], means, *bounds)
