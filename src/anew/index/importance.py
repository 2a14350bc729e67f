"""Importance: how much of a metric's differences between runs each parameter accounts for, alone.

The metric is taken by its ranks, so that one run that blew up counts as one run, and a logarithm changes nothing. A
parameter's importance is the correlation ratio: the share of the variance of those ranks that lies between the
parameter's values, less what as many random groups would have (so that a name of its own for each run explains
nothing). A number with many values is cut into stretches of equally many runs first. The correlation is Spearman's,
for numbers alone. Parameters are looked at one by one: what two of them do together only is not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.index.catalogue import Catalogue
from anew.index.columns import BOOL, MISSING, NUMBER
from anew.index.evaluate import show_column
from anew.index.flatten import SEP
from anew.index.select import Rows, gather

Numbers = NDArray[np.float64]
_MOST_STRETCHES = 10
_LEAST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Influence:
    """What a parameter, by the name that a query gives it, has to do with the metric.

    `importance` 0 to 1; `correlation` −1 to 1, None for what is no number; of `runs` runs with `values` values.
    """

    name: str
    label: str
    number: bool
    importance: float
    correlation: float | None
    runs: int
    values: int


def importance(catalogue: Catalogue, rows: Rows, target: str) -> tuple[int, list[Influence]]:
    """How many of `rows` have the metric whose column is `target`, and each parameter that varies among them, the most
    important first.
    """
    values, kinds = gather(catalogue, target, rows)
    there = (kinds == NUMBER) & ~np.isnan(values)
    rows, values = rows[there], values[there]
    found = []
    for column in catalogue.numbers:
        if column.startswith("config.") and SEP not in column:
            one = _influence(column, *gather(catalogue, column, rows), values)
            if one is not None:
                found.append(one)
    return len(rows), sorted(found, key=lambda one: (-one.importance, -abs(one.correlation or 0), one.name))


def _influence(column: str, values: Numbers, kinds: NDArray[np.uint8], target: Numbers) -> Influence | None:
    there = (kinds != MISSING) & ~np.isnan(values)
    values, kinds, ranked = values[there], kinds[there], ranks(target[there])
    groups = np.unique(np.stack([kinds.astype(np.float64), values]), axis=1, return_inverse=True)[1].reshape(-1)
    different = int(groups.max()) + 1 if len(groups) else 0
    if len(groups) < _LEAST_RUNS or different < 2:
        return None
    number, ordered = bool((kinds == NUMBER).all()), bool(np.isin(kinds, (NUMBER, BOOL)).all())
    along = correlation(ranks(values), ranked) if ordered else None
    shares = explained(stretches(values) if number else groups, ranked)
    label = column.partition(".")[2]
    return Influence(show_column(column), label, number, shares, along, len(groups), different)


def ranks(values: Numbers) -> Numbers:
    """1 for the least; equals share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean[inverse.reshape(-1)], np.float64)


def correlation(one: Numbers, other: Numbers) -> float:
    """Pearson's; of ranks it is Spearman's. 0 where either is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale else 0.0


def stretches(values: Numbers) -> NDArray[np.int64]:
    """The number of the stretch that each value lies in: by value where there are few, else of equally many runs."""
    most = max(2, min(_MOST_STRETCHES, math.isqrt(len(values))))
    known, places = np.unique(values, return_inverse=True)
    if len(known) > most:
        cut: Any = (ranks(values) - 0.5) / len(values) * most
        places = np.unique(cut.astype(np.int64), return_inverse=True)[1]
    return np.asarray(places.reshape(-1), np.int64)


def explained(groups: NDArray[np.int64], values: Numbers) -> float:
    """The share of the variance of `values` that lies between `groups` (0, 1, …), less that of random ones: 0 to 1."""
    count, many = len(values), int(groups.max()) + 1
    centred = values - values.mean()
    total = float(centred @ centred)
    if count <= many or not total:
        return 0.0
    sums = np.bincount(groups, centred, many)
    within = total - float((sums**2 / np.bincount(groups, minlength=many)).sum())
    return min(1.0, max(0.0, 1 - (within / (count - many)) / (total / (count - 1))))
