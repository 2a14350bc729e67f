"""Reading and decompressing within bounds, so that no hostile file can fill the memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

INFLATED_MOST = 1 << 30  # bytes one compressed stream may become
FREE_MOST = 1 << 20  # and this much is allowed whatever the ratio
RATIO_MOST = 1100  # DEFLATE reaches 1032; only bombs of nested formats go beyond
CHUNK = 1 << 20


class Unreadable(ValueError):
    """The bytes do not follow their format, or exceed its bounds; they are compared as bytes instead."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def need(condition: object, message: str) -> None:
    """Raise `Unreadable` unless `condition` holds."""
    if not condition:
        raise Unreadable(message)


def inflated(data: bytes | memoryview, window: int = zlib.MAX_WBITS, most: int = INFLATED_MOST) -> bytes:
    """The content of one whole zlib stream (gzip's with `window` 31); nothing may follow it."""
    engine = zlib.decompressobj(window)
    content = engine.decompress(data, most + 1)
    need(len(content) <= most, "decompresses to more than is allowed")
    need(engine.eof and not engine.unused_data and not engine.unconsumed_tail, "broken compressed stream")
    return content


def decompressed(kind: str, data: bytes, most: int = INFLATED_MOST) -> bytes:
    """The content of a 'gz', 'bz2', 'xz', 'lzma', 'zlib' or 'zst' file, all of its members."""
    if kind == "zlib":
        return inflated(data, most=most)
    if kind == "zst":
        return _zstandard(data, most)
    parts: list[bytes] = []
    total = 0
    rest = data
    while rest:
        part, rest = _member(kind, rest, most - total)
        total += len(part)
        parts.append(part)
    return b"".join(parts)


def _member(kind: str, data: bytes, most: int) -> tuple[bytes, bytes]:
    need(most > 0, "decompresses to more than is allowed")
    if kind == "gz":
        engine = zlib.decompressobj(31)
        content = engine.decompress(data, most + 1)
        need(len(content) <= most, "decompresses to more than is allowed")
        need(engine.eof, "broken compressed stream")
        return content, engine.unused_data
    other: _Decompressor
    if kind == "bz2":
        other = bz2.BZ2Decompressor()
    else:
        other = lzma.LZMADecompressor(memlimit=INFLATED_MOST)
    content = other.decompress(data, most + 1)
    need(len(content) <= most, "decompresses to more than is allowed")
    need(other.eof, "broken compressed stream")
    return content, other.unused_data


def _zstandard(data: bytes, most: int) -> bytes:
    import zstandard

    parts: list[bytes] = []
    total = 0
    with zstandard.ZstdDecompressor(max_window_size=1 << 31).stream_reader(data, read_across_frames=True) as reader:
        while part := reader.read(CHUNK):
            total += len(part)
            need(total <= most, "decompresses to more than is allowed")
            parts.append(part)
    return b"".join(parts)
