"""One record of a pack: a header that names and pins the bytes after it."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator

from blake3 import blake3

from anew.errors import CorruptData

BLOB, MANIFEST = 1, 2
RAW, ZSTD = 0, 1
HEADER = struct.Struct("<BBHII32sI")
RECORD_SIZE_MAX = 16 << 20  # decoded bytes
SHRINKABLE_SIZE_MIN = 64  # a zstd frame and the time for it cost more than they save below

Buffer = bytes | memoryview

_local = threading.local()  # zstd contexts are not thread-safe, and dear to make


def digest(content: Buffer) -> bytes:
    """32 bytes BLAKE3. Always one thread: a pool of threads would be dead, and hang, in a forked child."""
    return blake3(content).digest()


def encode(kind: int, key: bytes, content: Buffer, *, compress: bool = True) -> tuple[bytes, Buffer]:
    """Header and stored bytes; what does not shrink is stored as it is."""
    size = len(content)
    assert size <= RECORD_SIZE_MAX, size
    codec, stored = RAW, content
    if compress and size >= SHRINKABLE_SIZE_MIN:
        small = _compress(content)
        if len(small) < size:
            codec, stored = ZSTD, small
    head = HEADER.pack(kind, codec, 0, len(stored), size, key, 0)[:-4]
    check = zlib.crc32(head)
    if kind == MANIFEST:
        check = zlib.crc32(stored, check)
    return head + check.to_bytes(4, "little"), stored


def parse_header(raw: Buffer, where: str) -> tuple[int, int, int, int, bytes, int]:
    """(kind, codec, stored, size, key, check), plausible though not yet checked; CorruptData otherwise."""
    if len(raw) < HEADER.size:
        raise CorruptData(f"{where}: the file ends inside the record")
    kind, codec, zero, stored, size, key, check = HEADER.unpack_from(raw)
    if kind not in (BLOB, MANIFEST) or codec not in (RAW, ZSTD) or zero or max(size, stored) > RECORD_SIZE_MAX:
        raise CorruptData(f"{where}: not a record")
    if kind == BLOB and zlib.crc32(raw[: HEADER.size - 4]) != check:
        raise CorruptData(f"{where}: the record's header fails its checksum")
    return kind, codec, stored, size, key, check


def decode(raw: Buffer, where: str) -> tuple[int, bytes, bytes]:
    """(kind, key, content) of the record `raw` begins with, verified; CorruptData with `where` otherwise."""
    kind, codec, stored, size, key, check = parse_header(raw, where)
    payload = raw[HEADER.size : HEADER.size + stored]
    if len(payload) != stored:
        raise CorruptData(f"{where}: the file ends inside the record of object {key.hex()}")
    if kind == MANIFEST and zlib.crc32(payload, zlib.crc32(raw[: HEADER.size - 4])) != check:
        raise CorruptData(f"{where}: the manifest of object {key.hex()} fails its checksum")
    content = bytes(payload) if codec == RAW else _decompress(payload, size, key, where)
    if len(content) != size or (kind == BLOB and digest(content) != key):
        raise CorruptData(f"{where}: object {key.hex()} does not have the content its name says")
    return kind, key, content


def split(data: Buffer, where: str) -> Iterator[tuple[Buffer, int]]:
    """Each whole record that `data` is made of, and where it ends; CorruptData for what is none."""
    offset = 0
    while len(data) - offset >= HEADER.size:
        _, _, stored, _, _, _ = parse_header(data[offset : offset + HEADER.size], where)
        end = offset + HEADER.size + stored
        if end > len(data):
            return
        yield data[offset:end], end
        offset = end


def scan(fd: int, offset: int, end: int, where: str) -> Iterator[tuple[int, bytes, bytes, int, int]]:
    """(kind, key, content, offset, stored) of each record up to `end`; CorruptData at the first bad one."""
    while offset < end:
        at = f"{where} at offset {offset}"
        _, _, stored, _, _, _ = parse_header(os.pread(fd, HEADER.size, offset), at)
        kind, key, content = decode(os.pread(fd, HEADER.size + stored, offset), at)
        yield kind, key, content, offset, stored
        offset += HEADER.size + stored


def _compress(content: Buffer) -> bytes:
    try:
        compressor = _local.compressor
    except AttributeError:
        from zstandard import ZstdCompressor  # 10 ms to load

        compressor = _local.compressor = ZstdCompressor(level=1)
    small: bytes = compressor.compress(content)
    return small


def _decompress(payload: Buffer, size: int, key: bytes, where: str) -> bytes:
    from zstandard import ZstdDecompressor, ZstdError, frame_content_size

    try:
        # Asked first, because decompress() allocates whatever size the frame claims.
        if frame_content_size(payload) != size:
            raise CorruptData(f"{where}: object {key.hex()} is stored with another size than its header says")
        decompressor = getattr(_local, "decompressor", None)
        if decompressor is None:
            decompressor = _local.decompressor = ZstdDecompressor()
        content: bytes = decompressor.decompress(payload)
    except ZstdError as error:
        raise CorruptData(f"{where}: object {key.hex()} can't be decompressed ({error})") from error
    return content
