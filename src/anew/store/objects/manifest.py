"""The list of chunks that a large content is made of."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from anew.errors import CorruptData
from anew.store.objects.record import digest

ENTRY = struct.Struct("<32sQ")
HEAD = struct.Struct("<BQ")
INLINE_CHUNKS_MAX = 1024
SEGMENT_CHUNKS_MEAN = 512
SEGMENT_CHUNKS_MAX = 2048

CHUNKS, SEGMENTS = 0, 1


class Builder:
    """Takes the chunks of one content in order; `put_blob(key, bytes)` stores the segments of a long list."""

    def __init__(self, put_blob: Callable[[bytes, bytes], None]) -> None:
        self._put_blob = put_blob
        self._size = 0
        self._count = 0
        self._open: list[bytes] = []
        self._closed: list[tuple[bytes, int]] = []  # segments not yet stored, and the bytes of content they cover
        self._covered = 0
        self._segments: list[bytes] = []

    def add(self, key: bytes, size: int) -> None:
        self._open.append(ENTRY.pack(key, size))
        self._size += size
        self._covered += size
        self._count += 1
        if int.from_bytes(key[:2], "little") % SEGMENT_CHUNKS_MEAN == 0 or len(self._open) == SEGMENT_CHUNKS_MAX:
            self._close_segment()

    def finish(self) -> bytes:
        """The manifest's content."""
        if self._count <= INLINE_CHUNKS_MAX:
            return b"".join([HEAD.pack(CHUNKS, self._size), *(data for data, _ in self._closed), *self._open])
        if self._open:
            self._close_segment()
        return HEAD.pack(SEGMENTS, self._size) + b"".join(self._segments)

    def _close_segment(self) -> None:
        self._closed.append((b"".join(self._open), self._covered))
        self._open, self._covered = [], 0
        if self._count > INLINE_CHUNKS_MAX:
            for data, covered in self._closed:
                key = digest(data)
                self._put_blob(key, data)
                self._segments.append(ENTRY.pack(key, covered))
            self._closed = []


def content_size(manifest: bytes, where: str) -> int:
    """Bytes of the content."""
    return _head(manifest, where)[1]


def chunks(manifest: bytes, get_blob: Callable[[bytes], bytes], where: str) -> Iterator[tuple[bytes, int]]:
    """(key, size) of each chunk in order. CorruptData when the sizes don't add up."""
    level, size = _head(manifest, where)
    total = 0
    for key, covered in _entries(manifest[HEAD.size :], where):
        if level == CHUNKS:
            yield key, covered
        else:
            inner = 0
            for chunk, chunk_size in _entries(get_blob(key), where):
                inner += chunk_size
                yield chunk, chunk_size
            if inner != covered:
                raise CorruptData(f"{where}: segment {key.hex()} covers {inner} bytes, not {covered}")
        total += covered
    if total != size:
        raise CorruptData(f"{where}: the manifest lists {total} bytes of {size}")


def entries(segment: bytes, where: str) -> list[bytes]:
    """Keys of the chunks that a segment lists."""
    return [key for key, _ in _entries(segment, where)]


def listed(manifest: bytes, where: str) -> tuple[list[bytes], list[bytes]]:
    """Keys of the segments, and of the chunks, that it names itself: one of the two is empty."""
    level, _ = _head(manifest, where)
    keys = [key for key, _ in _entries(manifest[HEAD.size :], where)]
    return (keys, []) if level == SEGMENTS else ([], keys)


def segments(manifest: bytes, where: str) -> list[bytes]:
    """Keys of the segments; none for a short list."""
    level, _ = _head(manifest, where)
    return [key for key, _ in _entries(manifest[HEAD.size :], where)] if level == SEGMENTS else []


def _head(manifest: bytes, where: str) -> tuple[int, int]:
    if len(manifest) < HEAD.size:
        raise CorruptData(f"{where}: not a manifest")
    level, size = HEAD.unpack_from(manifest)
    if level not in (CHUNKS, SEGMENTS):
        raise CorruptData(f"{where}: a manifest of unknown level {level}")
    return level, size


def _entries(data: bytes, where: str) -> Iterator[tuple[bytes, int]]:
    if len(data) % ENTRY.size:
        raise CorruptData(f"{where}: the manifest ends inside an entry")
    yield from ENTRY.iter_unpack(data)
