"""Means of groups: every point counts, each member once, and no spike is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anew.index.means import mean_of
from index.index_stores import Store


def arrays(*members: tuple[list[float], list[float]]) -> list[tuple[Any, Any]]:
    return [(np.array(xs, np.float64), np.array(ys, np.float64)) for xs, ys in members]


def test_members_that_log_at_other_places_count_between_them() -> None:
    line = mean_of(arrays(([0, 10], [0, 10]), ([5, 20], [9, 9])), 100)
    assert line.xs.tolist() == [0, 5, 10, 20]
    assert line.mean.tolist() == [0, (5 + 9) / 2, (10 + 9) / 2, 9]
    assert line.low.tolist() == [0, 7, 9.5, 9] and line.high.tolist() == [0, 9, 10, 9]


def test_a_member_counts_once_however_often_it_logs() -> None:
    often, seldom = [float(x) for x in range(1000)], [0.0, 999.0]
    line = mean_of(arrays((often, [1.0] * 1000), (seldom, [3.0, 3.0])), 10)
    assert len(line.xs) == 10 and line.mean.tolist() == [2.0] * 10
    assert line.xs[0] == pytest.approx(49.1, abs=1)


def test_what_is_not_finite_is_no_value() -> None:
    line = mean_of(arrays(([0, 1, 2], [1, float("nan"), 3]), ([0, 1, 2], [float("inf"), 5, 5])), 10)
    assert line.mean.tolist() == [1, 3.5, 4]
    assert mean_of(arrays(([0], [float("nan")]), ([], [])), 10).xs.tolist() == []


@given(st.integers(1, 400), st.integers(8, 60), st.integers(0, 20))
def test_the_bounds_hold_every_point(count: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    members = [(np.sort(random.uniform(0, 9, count)), random.normal(size=count)) for _ in range(3)]
    line = mean_of(members, most)
    every = np.concatenate([ys for _, ys in members])
    assert len(line.xs) <= max(most, 1) and (np.diff(line.xs) > 0).all()
    assert line.low.min() == pytest.approx(every.min()) and line.high.max() == pytest.approx(every.max())
    assert (line.low <= line.mean).all() and (line.mean <= line.high).all()


def test_of_runs_by_step_and_by_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(3):
        points = [({"loss": float(step % 2 + number)}, float(step)) for step in range(5000)]
        store.write(f"r{number}", [], points, created=1000.0)
    index = store.index()
    one, none, two = index.means([["r0", "r2", "gone"], ["gone"], ["r1"]], "loss", "step", None, None, 50)
    assert len(one.xs) == 50 and one.mean == pytest.approx(np.full(50, 1.5)) and len(none.xs) == 0
    assert one.low.tolist() == [0] * 50 and one.high.tolist() == [3] * 50
    (part,) = index.means([["r0", "r1"]], "loss", "step", 10, 19, 50)
    assert part.xs.tolist() == list(range(10, 20)) and part.mean.tolist() == [0.5, 1.5] * 5
    assert len(two.xs) == 50
    (timed,) = index.means([["r0"]], "loss", "relative", None, None, 8)
    assert 0 < len(timed.xs) <= 8 and timed.mean == pytest.approx(np.full(len(timed.xs), 0.5), abs=0.5)
