"""Large content on its way between a connection, which an event loop serves, and the object store, which a thread does.

Neither side waits for the other longer than it has to, and no more than a few blocks are in memory.
"""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import AsyncIterator, Iterator

from anew.errors import UsageError
from anew.store.objects import Objects
from anew.store.objects.values import FileRef

BLOCK_BYTES = 4 << 20  # handing a block from thread to thread costs as much as hashing 100 KB
_BLOCKS = 2
_LOOK_EVERY_S = 1.0


async def take_in(objects: Objects, parts: AsyncIterator[bytes], size: int) -> FileRef:
    """Store the `size` bytes that `parts` makes up.

    Raises UsageError for fewer or more, StoreFull, and what `parts` raises.
    """
    pipe = _Pipe()
    storing = asyncio.create_task(asyncio.to_thread(_store, objects, pipe, size))
    try:
        came = waiting = 0
        block: list[bytes] = []
        async for part in parts:
            came += len(part)
            if came > size:
                raise UsageError(f"more came than the {size:,} bytes that were announced")
            block.append(part)
            waiting += len(part)
            if waiting >= BLOCK_BYTES:
                if not pipe.put_at_once(block):
                    await asyncio.to_thread(pipe.put, block)
                block, waiting = [], 0
        await asyncio.to_thread(pipe.put, block)
    finally:
        pipe.end()
        # Also when this is cancelled: the thread has seen the end, and ours is to wait for it.
        await asyncio.wait([storing])
        storing.exception()  # looked at, whatever becomes of it here
    return storing.result()


def _store(objects: Objects, pipe: _Pipe, size: int) -> FileRef:
    try:
        return FileRef(objects.put_stream(pipe.read, size), size)
    finally:
        pipe.end()


class _Pipe:
    """Blocks from one thread to another, each in the parts in which it came: nothing is copied on the way."""

    def __init__(self) -> None:
        self._blocks: queue.Queue[list[bytes]] = queue.Queue(_BLOCKS)
        self._ended = False
        self._rest: deque[bytes] = deque()
        self._taken = 0  # of the first part of the rest

    def put_at_once(self, block: list[bytes]) -> bool:
        """Whether there was room."""
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            return self._ended
        return True

    def put(self, block: list[bytes]) -> None:
        """Wait until there is room. When the other side has gone, the block goes nowhere."""
        while not self._ended:
            try:
                self._blocks.put(block, timeout=_LOOK_EVERY_S)
                return
            except queue.Full:
                continue

    def end(self) -> None:
        """Either side: no more will be put, or taken."""
        self._ended = True

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only at the end."""
        parts: list[bytes | memoryview] = []
        while count:
            if not self._rest:
                self._rest.extend(self._next())
                if not self._rest:
                    break
            first = self._rest[0]
            part = memoryview(first)[self._taken : self._taken + count] if self._taken or len(first) > count else first
            parts.append(part)
            count -= len(part)
            self._taken += len(part)
            if self._taken == len(first):
                self._rest.popleft()
                self._taken = 0
        return b"".join(parts)

    def _next(self) -> list[bytes]:
        while True:
            ended = self._ended  # asked first: what was put before the end is there now
            try:
                return self._blocks.get(timeout=0 if ended else _LOOK_EVERY_S)
            except queue.Empty:
                if ended:
                    return []


async def give_out(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What `pieces` gives, in blocks; the next is read while one is sent."""
    following = asyncio.create_task(asyncio.to_thread(_block, pieces))
    try:
        while block := await following:
            following = asyncio.create_task(asyncio.to_thread(_block, pieces))
            yield block
    finally:
        await asyncio.wait([following])


def _block(pieces: Iterator[bytes]) -> bytes:
    parts, size = [], 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            break
    return b"".join(parts)
