"""Stages side by side: each after what it needs, never more than asked for, and what a failure leaves undone."""

from __future__ import annotations

import threading

import pytest

from anew.pipeline.schedule import run

NEEDS = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
BELOW = {"a": {"b", "c", "d"}, "b": {"d"}, "c": {"d"}, "d": set(), "e": set()}


class Work:
    def __init__(self, bad: str = "", together: set[str] | None = None) -> None:
        self.done: list[str] = []
        self.most = self.now = 0
        self._bad, self._lock = bad, threading.Lock()
        # Those named wait for one another: unless they are under way at once, nobody goes on.
        self._together = together or set()
        self._barrier = threading.Barrier(max(len(self._together), 1))

    def do(self, stage: str) -> None:
        with self._lock:
            assert all(one in self.done for one in NEEDS[stage])
            self.now += 1
            self.most = max(self.most, self.now)
        if stage in self._together:
            self._barrier.wait(60)
        with self._lock:
            self.now -= 1
            if stage in self._bad:
                raise OSError(stage)
            self.done.append(stage)


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_all_are_done_once_and_in_order(jobs: int) -> None:
    work = Work()
    run(list(NEEDS), NEEDS, work.do, lambda stage, error: pytest.fail(stage), jobs)
    assert sorted(work.done) == sorted(NEEDS)
    assert work.most <= jobs


def test_what_does_not_need_each_other_is_under_way_at_once() -> None:
    work = Work(together={"b", "c"})
    run(list(NEEDS), NEEDS, work.do, lambda stage, error: pytest.fail(stage), 2)
    assert work.most == 2 and sorted(work.done) == sorted(NEEDS)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_failure_leaves_out_what_it_is_told_to(jobs: int) -> None:
    work = Work(bad="b")
    run(list(NEEDS), NEEDS, work.do, lambda stage, error: BELOW[stage], jobs)
    assert sorted(work.done) == ["a", "c", "e"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_that_is_raised_begins_nothing_more(jobs: int) -> None:
    work = Work(bad="ae", together={"a", "e"} if jobs == 2 else None)

    def failed(stage: str, error: Exception) -> set[str]:
        raise error

    with pytest.raises(OSError, match=r"[ae]"):
        run(list(NEEDS), NEEDS, work.do, failed, jobs)
    assert work.done == []
