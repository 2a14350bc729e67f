"""A few requests at once, and what is said about them meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from anew import background
from anew.errors import Unreachable

T = TypeVar("T")
PAUSES_S = (0.5, 2.0, 5.0)  # before what got no answer is tried again
_LOOK_UP_S = 0.5  # a Ctrl-C that another thread took is noticed after so long at most


@dataclass
class Tally:
    """What was moved. `said` is called after each part of it."""

    bytes: int = 0
    objects: int = 0
    packs: int = 0
    expected_bytes: int = 0
    said: Callable[[Tally], None] = field(default=lambda _: None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **more: int) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self, name, getattr(self, name) + value)
        self.said(self)


def each(function: Callable[[T], Any], items: Iterable[T], jobs: int, most_waiting: int) -> None:
    """Call it for each, some at once. What one raises ends it, once those under way are done.

    Items are taken as they are needed: `most_waiting` of them, with what they hold in memory, exist at a time.
    """
    waiting: set[Future[Any]] = set()
    pool = ThreadPoolExecutor(jobs, initializer=background.take_no_signals)
    try:
        for item in items:
            waiting.add(pool.submit(function, item))
            while len(waiting) >= most_waiting:
                waiting = _some(waiting)
        while waiting:
            waiting = _some(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def patiently(function: Callable[[], T]) -> T:
    """What it gives; tried again a few times when it is Unreachable."""
    for pause in PAUSES_S:
        try:
            return function()
        except Unreachable:
            time.sleep(pause)
    return function()


def _some(waiting: set[Future[Any]]) -> set[Future[Any]]:
    done, left = wait(waiting, _LOOK_UP_S, FIRST_COMPLETED)
    for one in done:
        one.result()
    return left
