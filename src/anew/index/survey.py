"""Survey: which columns some runs have, and which of them tell those runs apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anew.index.catalogue import Catalogue
from anew.index.columns import MISSING, NUMBER
from anew.index.evaluate import show_column
from anew.index.flatten import ID, SENT, SEP, TOP
from anew.index.select import Rows, gather

_SPACES = ("metrics", "config", "tags", "summary", "system", "data", "code", "datasets")


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A column under the name that a query gives it. `runs`: how many of those looked at have a value there."""

    name: str
    space: str  # "" for what every run has
    label: str
    runs: int
    varies: bool
    number: bool


def survey(catalogue: Catalogue, rows: Rows) -> list[Surveyed]:
    """The columns in which any of `rows` has a value, by space, then by name; statistics of metrics are left out."""
    found = [Surveyed("id", "", "id", len(rows), len(rows) > 1, False)]
    for column in catalogue.numbers:
        if SEP in column or column == ID or column.startswith(SENT):
            continue
        values, kinds = gather(catalogue, column, rows)
        there = kinds != MISSING
        runs = int(there.sum())
        if runs:
            space, dot, label = column.partition(".")
            seen = values[there]
            varies = len(np.unique(kinds)) > 1 or bool((seen != seen[0]).any() and not np.isnan(seen).all())
            number = bool((kinds[there] == NUMBER).all())
            found.append(
                Surveyed(show_column(column), space if dot else "", label if dot else column, runs, varies, number)
            )
    order = {name: at for at, name in enumerate(["", *_SPACES])}
    top = {name: at for at, name in enumerate(TOP)}
    return sorted(found, key=lambda one: (order.get(one.space, 99), top.get(one.label, 0), one.label))
