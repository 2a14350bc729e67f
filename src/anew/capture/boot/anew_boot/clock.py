"""The clocks that measure, held still in a trial: do they move the result? The time of day is held by trace.c.

`time.monotonic` is left alone: threads and event loops wait by it, and would wait for ever.
"""

from __future__ import annotations

import itertools
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def hold() -> None:
    """Each of them moves by a microsecond a reading from here on, so that what waits by one comes to an end."""
    for name in ("perf_counter", "process_time", "thread_time"):
        seconds, nanoseconds = _held()
        setattr(time, name, seconds)
        setattr(time, name + "_ns", nanoseconds)


def _held() -> tuple[Callable[[], float], Callable[[], int]]:
    readings = itertools.count(1_000)
    return (lambda: next(readings) / 1e6), (lambda: next(readings) * 1_000)
