"""Importance: what is known of the runs comes out, and what is mere chance does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anew.errors import QueryError
from anew.index import importance
from index.index_stores import Store


def test_ranks_are_shared_by_equals() -> None:
    assert importance.ranks(np.array([10.0, 30.0, 10.0, 20.0])).tolist() == [1.5, 4.0, 1.5, 3.0]


def test_correlation_is_of_ranks_and_of_constants_nothing() -> None:
    x = np.arange(1.0, 20.0)
    ranked = importance.ranks(np.exp(x))
    assert importance.correlation(importance.ranks(x), ranked) == pytest.approx(1)
    assert importance.correlation(importance.ranks(-x), ranked) == pytest.approx(-1)
    assert importance.correlation(np.ones(19), ranked) == 0


def test_groups_explain_what_lies_between_them_and_random_ones_nothing() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 4, 400)
    assert importance.explained(groups, groups * 1.0) == pytest.approx(1)
    assert importance.explained(groups, random.random(400)) < 0.03
    # A name of its own for each run, or nearly: a plain share of variance would be close to 1.
    assert importance.explained(np.arange(400), random.random(400)) == 0
    many = np.repeat(np.arange(200), 2)
    assert np.mean([importance.explained(many, random.random(400)) for _ in range(50)]) < 0.1


def test_many_numbers_are_cut_into_stretches_of_equally_many_runs() -> None:
    values = 10.0 ** np.random.default_rng(1).uniform(-6, 0, 100)
    cut = importance.stretches(values)
    assert np.bincount(cut).tolist() == [10] * 10
    assert (cut[np.argsort(values)] == np.sort(cut)).all()
    assert importance.stretches(np.array([5.0, 1.0, 5.0, 1.0] * 5)).tolist() == [1, 0, 1, 0] * 5


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """60 runs: the loss hangs on the optimizer, on the learning rate in a valley, and on nothing else."""
    store, random = Store(tmp_path), np.random.default_rng(2)
    for number in range(60):
        optimizer, rate = ["sgd", "adam", "lion"][number % 3], 10 ** random.uniform(-5, -1)
        loss = {"sgd": 2.0, "adam": 1.0, "lion": 1.1}[optimizer] + 0.3 * (np.log10(rate) + 3) ** 2
        values = {"optimizer": optimizer, "lr": rate, "width": int(random.integers(1, 9)), "same": 1}
        values |= {"label": f"try {number}", "warm": bool(number % 2)} | ({"late": number} if number % 7 == 0 else {})
        loss = float("nan") if number == 59 else 1e9 if number == 57 else loss  # one that never was, one that blew up
        store.write(f"r{number}", [("config", {"values": values})], [({"loss": loss}, 0.0)])
    return store


def test_what_moves_a_metric_comes_first(store: Store) -> None:
    runs, found = store.index().importance("", None, "metrics.loss")
    by = {one.label: one for one in found}
    assert runs == 59 and "same" not in by
    assert {one.label for one in found[:2]} == {"lr", "optimizer"}
    assert by["lr"].importance > 0.2 and abs(by["lr"].correlation or 0) < 0.3  # a valley has no direction
    assert by["optimizer"].correlation is None and not by["optimizer"].number
    assert by["label"].importance == 0 and by["label"].values == 59
    assert by["width"].importance < 0.1 and by["warm"].correlation is not None
    assert by["late"].runs == 9


def test_a_selection_is_looked_at_alone(store: Store) -> None:
    index = store.index()
    runs, found = index.importance("params.optimizer = 'adam'", None, "metrics.loss.min")
    assert runs == 20 and "optimizer" not in {one.label for one in found}
    assert index.importance("params.width > 100", None, "metrics.loss") == (0, [])
    with pytest.raises(QueryError):
        index.importance("", None, "metrics.los")
