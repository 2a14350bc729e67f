"""The clocks that measure, held still or run faster in a trial. The time of day is trace.c's.

Held still: do they move the result? Faster: which figures are durations? `time.monotonic` keeps its pace for the
standard library and for what is installed: threads and event loops wait by it.
"""

from __future__ import annotations

import itertools
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MEASURING = ("perf_counter", "process_time", "thread_time")


def start(setting: str) -> None:
    """`setting` is `$ANEW_CLOCK`: where the time of day is held, and after an x how fast it runs from there."""
    pace = setting.partition("x")[2]
    for name in _MEASURING:
        seconds, nanoseconds = _paced(name, float(pace)) if pace else _held()
        setattr(time, name, seconds)
        setattr(time, name + "_ns", nanoseconds)
    _lead_monotonic(*(_paced("monotonic", float(pace)) if pace else _held()))


def _held() -> tuple[Callable[[], float], Callable[[], int]]:
    """Moves by a microsecond a reading, so that what waits by it comes to an end."""
    readings = itertools.count(1_000)
    return (lambda: next(readings) / 1e6), (lambda: next(readings) * 1_000)


def _paced(name: str, pace: float) -> tuple[Callable[[], float], Callable[[], int]]:
    real = getattr(time, name + "_ns")
    base = real()
    return (lambda: (base + (real() - base) * pace) / 1e9), (lambda: int(base + (real() - base) * pace))


def _lead_monotonic(led: Callable[[], float], led_ns: Callable[[], int]) -> None:
    """For scripts that measure by it; what waits by it is the standard library, or installed."""
    real, real_ns = time.monotonic, time.monotonic_ns
    library = tuple({sys.prefix + "/", sys.base_prefix + "/", "<frozen"})

    def monotonic() -> float:
        return real() if sys._getframe(1).f_code.co_filename.startswith(library) else led()

    def monotonic_ns() -> int:
        return real_ns() if sys._getframe(1).f_code.co_filename.startswith(library) else led_ns()

    time.monotonic, time.monotonic_ns = monotonic, monotonic_ns
