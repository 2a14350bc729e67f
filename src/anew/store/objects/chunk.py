"""Cutting large content by what it holds, so that a change moves only the cuts around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

WHOLE_SIZE_MAX = 128 << 10  # up to here content is one chunk
MEAN_SIZE = 64 << 10
HUGE_SIZE = 1 << 30  # content past here gets fewer, larger chunks
HUGE_MEAN_SIZE = 256 << 10
WINDOWS_OF_MOST = 16  # a window holds this many chunks of the largest size, so that re-reading its end is cheap


class ChangedWhileRead(Exception):
    """The content ended before its size."""


def cut(read: Callable[[int, int], bytes | memoryview], size: int) -> Iterator[list[memoryview]]:
    """The content as lists of consecutive chunks, a window (4 to 16 MiB) at a time, good until the next is asked for.

    `read(offset, count)` gives `count` bytes; fewer raise ChangedWhileRead. Windows are read, never mapped: a
    file that another process shortens meanwhile would kill this one with SIGBUS.
    """
    from fastcdc.fastcdc_cy import fastcdc_cy  # 30 ms to load: it brings click along

    mean = HUGE_MEAN_SIZE if size > HUGE_SIZE else MEAN_SIZE
    least, most = mean // 4, mean * 4
    offset = 0
    while offset < size:
        wanted = min(most * WINDOWS_OF_MOST, size - offset)
        window = memoryview(read(offset, wanted))
        if len(window) != wanted:
            raise ChangedWhileRead
        # Where a chunk ends depends on no more than `most` bytes after its start: closer to the end of the
        # window than that, the cut belongs to the next one.
        settled = wanted if offset + wanted == size else wanted - most
        chunks = []
        used = 0
        for found in fastcdc_cy(window, least, mean, most):
            if found.offset > settled:
                break
            used = found.offset + found.length
            chunks.append(window[found.offset : used])
        yield chunks
        offset += used


class Replay:
    """What `cut` reads of something that can be read once only: a window may begin within the one before."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._start = 0
        self._window = b""

    def __call__(self, offset: int, count: int) -> bytes:
        kept = self._window[offset - self._start :]
        self._start, self._window = offset, kept[:count] + self._read(max(0, count - len(kept)))
        return self._window
