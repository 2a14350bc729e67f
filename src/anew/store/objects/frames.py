"""Checked batches of fixed-width entries, appended to a file: what live and stat index share."""

from __future__ import annotations

import struct
import zlib

HEAD = struct.Struct("<II")  # count, crc32 of count + entries
HEADER_SIZE = 8


def frame(entries: bytes, width: int) -> bytes:
    count, rest = divmod(len(entries), width)
    assert count and not rest
    return HEAD.pack(count, _check(count, entries)) + entries


def unframe(data: bytes, width: int) -> tuple[list[bytes], int]:
    """The entries of each whole frame, and the bytes of `data` they fill; the rest is torn or rotten."""
    found = []
    position = 0
    while position + HEAD.size <= len(data):
        count, check = HEAD.unpack_from(data, position)
        end = position + HEAD.size + count * width
        if not count or end > len(data):
            break
        entries = data[position + HEAD.size : end]
        if _check(count, entries) != check:
            break
        found.append(entries)
        position = end
    return found, position


def _check(count: int, entries: bytes) -> int:
    return zlib.crc32(entries, zlib.crc32(count.to_bytes(4, "little")))
