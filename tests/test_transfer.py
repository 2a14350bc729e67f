"""Large content in and out: all of it, in order, and no more in memory than a few blocks."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from anew import transfer
from anew.errors import StoreFull, UsageError
from anew.store.objects import Objects
from anew.transfer import give_out, take_in

CONTENT = random.Random(1).randbytes(30_000_000)


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    with Objects(tmp_path / "objects") as made:
        yield made


async def parts(content: bytes, size: int = 200_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


@pytest.mark.parametrize("count", [0, 1, 131_072, 131_073, 4 << 20, len(CONTENT)])
def test_what_comes_in_pieces_is_what_a_file_would_be(objects: Objects, tmp_path: Path, count: int) -> None:
    content = CONTENT[:count]
    kept = asyncio.run(take_in(objects, parts(content), count))
    (tmp_path / "file").write_bytes(content)
    assert kept == objects.hash_file(tmp_path / "file")
    assert objects.get_bytes(kept.digest) == content
    with Objects(tmp_path / "others") as others:
        others.put_file(tmp_path / "file")
        assert others.chunks(kept.digest) == objects.chunks(kept.digest)  # cut at the same places: stored once


@pytest.mark.parametrize("announced", [len(CONTENT) - 1, len(CONTENT) + 1, 100_000_000])
def test_another_size_than_was_announced(objects: Objects, announced: int) -> None:
    with pytest.raises(UsageError, match="announced"):
        asyncio.run(take_in(objects, parts(CONTENT), announced))


def test_a_sender_that_leaves(objects: Objects) -> None:
    async def leaving() -> AsyncIterator[bytes]:
        async for part in parts(CONTENT[:9_000_000]):
            yield part
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        asyncio.run(take_in(objects, leaving(), len(CONTENT)))
    assert not objects.has(objects.hash_file(__file__).digest)  # the store still answers


def test_a_disk_that_is_full(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise StoreFull("no space")

    monkeypatch.setattr(objects, "put_stream", refuse)
    with pytest.raises(StoreFull):
        asyncio.run(take_in(objects, parts(CONTENT), len(CONTENT)))


def test_out_again_in_blocks(objects: Objects) -> None:
    digest = objects.put_bytes(CONTENT)

    async def main() -> list[bytes]:
        return [block async for block in give_out(objects.iter_bytes(digest))]

    blocks = asyncio.run(main())
    assert b"".join(blocks) == CONTENT
    assert max(map(len, blocks)) < transfer.BLOCK_BYTES + (1 << 20)


def test_a_receiver_that_leaves(objects: Objects) -> None:
    digest = objects.put_bytes(CONTENT)

    async def main() -> int:
        blocks = give_out(objects.iter_bytes(digest))
        first = await anext(blocks)
        await blocks.aclose()
        return len(first)

    assert asyncio.run(main()) >= transfer.BLOCK_BYTES


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (5, 5), (123_456, 20_000_000), (29_999_999, 30_000_000), (0, 30_000_000)]
)
def test_part_of_a_content(objects: Objects, start: int, end: int, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = objects.put_bytes(CONTENT)
    read: list[int] = []
    get_blob = objects._get_blob
    monkeypatch.setattr(objects, "_get_blob", lambda key: (found := get_blob(key), read.append(len(found)))[0])
    assert b"".join(objects.iter_part(digest, start, end)) == CONTENT[start:end]
    assert sum(read) <= end - start + (1 << 20), "more was read than was asked for"


def test_memory_stays_the_same(objects: Objects) -> None:
    """Twenty times the content in the same memory: measured by what the allocator held at most."""
    import tracemalloc

    async def same(times: int) -> AsyncIterator[bytes]:
        for number in range(times):
            yield CONTENT[:1_000_000] + os.urandom(8) + bytes([number])

    most = []
    for times in (20, 100):
        tracemalloc.start()
        asyncio.run(take_in(objects, same(times), times * 1_000_009))
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < most[0] * 1.5 + (8 << 20)
