"""Large content on its way between a connection, which an event loop serves, and the object store, which a thread does.

Neither side waits for the other longer than it has to, and no more than a few blocks are in memory.
"""

from __future__ import annotations

import asyncio
import queue
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
        came = 0
        block = bytearray()
        async for part in parts:
            came += len(part)
            if came > size:
                raise UsageError(f"more came than the {size:,} bytes that were announced")
            block += part
            if len(block) >= BLOCK_BYTES:
                await asyncio.to_thread(pipe.put, bytes(block))
                block.clear()
        await asyncio.to_thread(pipe.put, bytes(block))
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
    """Blocks of bytes from one thread to another."""

    def __init__(self) -> None:
        self._blocks: queue.Queue[bytes] = queue.Queue(_BLOCKS)
        self._ended = False
        self._rest = memoryview(b"")

    def put(self, block: bytes) -> None:
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
        parts = []
        while count:
            if not self._rest:
                block = self._next()
                if not block:
                    break
                self._rest = memoryview(block)
            part, self._rest = self._rest[:count], self._rest[count:]
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _next(self) -> bytes:
        while True:
            ended = self._ended  # asked first: what was put before the end is there now
            try:
                return self._blocks.get(timeout=0 if ended else _LOOK_EVERY_S)
            except queue.Empty:
                if ended:
                    return b""


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
