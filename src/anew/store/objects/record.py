"""One record of a pack: a header that names and pins the bytes after it."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator

from blake3 import blake3

from anew.errors import CorruptData

BLOB, MANIFEST = 1, 2
RAW, ZSTD, DELTA = 0, 1, 2
HEADER = struct.Struct("<BBHII32sI")
_HEAD = struct.Struct("<BBHII32s")  # without the check
RECORD_SIZE_MAX = 16 << 20  # decoded bytes
SHRINKABLE_SIZE_MIN = 64  # a zstd frame and the time for it cost more than they save below
BASE_SIZE = 32  # bytes of the base's key, before the frame of a delta
_DELTA_OF_MOST = 8  # a delta takes no more than this part of its content: then another base is due

Buffer = bytes | memoryview
GetBase = Callable[[bytes], bytes]  # the content under a key, of a record that is no delta itself

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
    return _header(kind, codec, key, size, stored), stored


def encode_delta(key: bytes, content: Buffer, base_key: bytes, base: bytes) -> tuple[bytes, Buffer] | None:
    """A blob as what differs from another; None where that takes too much."""
    from zstandard import DICT_TYPE_RAWCONTENT, ZstdCompressionDict, ZstdCompressor

    alike = ZstdCompressionDict(base, dict_type=DICT_TYPE_RAWCONTENT)
    stored = base_key + ZstdCompressor(level=1, dict_data=alike).compress(content)
    if len(stored) * _DELTA_OF_MOST > len(content):
        return None
    return _header(BLOB, DELTA, key, len(content), stored), stored


def parse_header(raw: Buffer, where: str) -> tuple[int, int, int, int, bytes, int]:
    """(kind, codec, stored, size, key, check), plausible though not yet checked; CorruptData otherwise."""
    if len(raw) < HEADER.size:
        raise CorruptData(f"{where}: the file ends inside the record")
    kind, codec, zero, stored, size, key, check = HEADER.unpack_from(raw)
    known = kind in (BLOB, MANIFEST) and (codec in (RAW, ZSTD) or (codec == DELTA and kind == BLOB))
    if not known or zero or max(size, stored) > RECORD_SIZE_MAX:
        raise CorruptData(f"{where}: not a record")
    if kind == BLOB and codec != DELTA and zlib.crc32(raw[: HEADER.size - 4]) != check:
        raise CorruptData(f"{where}: the record's header fails its checksum")
    return kind, codec, stored, size, key, check


def decode(raw: Buffer, where: str, get_base: GetBase | None = None) -> tuple[int, bytes, bytes]:
    """(kind, key, content) of the record `raw` begins with, verified; CorruptData with `where` otherwise.

    A delta can be read by who gives `get_base` only: what came from elsewhere must not name our objects.
    """
    kind, codec, size, key, payload = _checked(raw, where)
    if codec == RAW:
        content = bytes(payload)
    elif codec == ZSTD:
        content = _decompress(payload, size, key, where, None)
    elif get_base is None:
        raise CorruptData(f"{where}: object {key.hex()} is stored as what differs from another, which can't be so here")
    else:
        content = _decompress(payload[BASE_SIZE:], size, key, where, get_base(bytes(payload[:BASE_SIZE])))
    if len(content) != size or (kind == BLOB and digest(content) != key):
        raise CorruptData(f"{where}: object {key.hex()} does not have the content its name says")
    return kind, key, content


def base_of(raw: Buffer, where: str) -> bytes | None:
    """The key of what a delta differs from, of a header and the next 32 bytes; None for any other record."""
    if parse_header(raw, where)[1] != DELTA:
        return None
    return bytes(raw[HEADER.size : HEADER.size + BASE_SIZE])


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


def scan(fd: int, offset: int, end: int, where: str) -> Iterator[tuple[bytes, int, int]]:
    """(key, offset, stored) of each record up to `end`; CorruptData at the first bad one."""
    while offset < end:
        at = f"{where} at offset {offset}"
        _, codec, stored, _, key, _ = parse_header(os.pread(fd, HEADER.size, offset), at)
        raw = os.pread(fd, HEADER.size + stored, offset)
        if codec == DELTA:
            _checked(raw, at)  # whole: what it differs from came before it, or was on the disk
        else:
            decode(raw, at)
        yield key, offset, stored
        offset += HEADER.size + stored


def _header(kind: int, codec: int, key: bytes, size: int, stored: Buffer) -> bytes:
    head = _HEAD.pack(kind, codec, 0, len(stored), size, key)
    check = zlib.crc32(head)
    if kind == MANIFEST or codec == DELTA:
        check = zlib.crc32(stored, check)
    return head + check.to_bytes(4, "little")


def _checked(raw: Buffer, where: str) -> tuple[int, int, int, bytes, Buffer]:
    """(kind, codec, size, key, stored bytes) of a record that is whole."""
    kind, codec, stored, size, key, check = parse_header(raw, where)
    payload = raw[HEADER.size : HEADER.size + stored]
    if len(payload) != stored:
        raise CorruptData(f"{where}: the file ends inside the record of object {key.hex()}")
    if kind == MANIFEST or codec == DELTA:
        what = "manifest" if kind == MANIFEST else "difference"
        if zlib.crc32(payload, zlib.crc32(raw[: HEADER.size - 4])) != check:
            raise CorruptData(f"{where}: the {what} of object {key.hex()} fails its checksum")
    return kind, codec, size, key, payload


def _compress(content: Buffer) -> bytes:
    try:
        compressor = _local.compressor
    except AttributeError:
        from zstandard import ZstdCompressor  # 10 ms to load

        compressor = _local.compressor = ZstdCompressor(level=1)
    small: bytes = compressor.compress(content)
    return small


def _decompress(payload: Buffer, size: int, key: bytes, where: str, base: bytes | None) -> bytes:
    from zstandard import ZstdDecompressor, ZstdError, frame_content_size

    try:
        # Asked first, because decompress() allocates whatever size the frame claims.
        if frame_content_size(payload) != size:
            raise CorruptData(f"{where}: object {key.hex()} is stored with another size than its header says")
        if base is not None:
            return _apply(base, payload)
        decompressor = getattr(_local, "decompressor", None)
        if decompressor is None:
            decompressor = _local.decompressor = ZstdDecompressor()
        content: bytes = decompressor.decompress(payload)
    except ZstdError as error:
        raise CorruptData(f"{where}: object {key.hex()} can't be decompressed ({error})") from error
    return content


def _apply(base: bytes, payload: Buffer) -> bytes:
    from zstandard import DICT_TYPE_RAWCONTENT, ZstdCompressionDict, ZstdDecompressor

    alike = ZstdCompressionDict(base, dict_type=DICT_TYPE_RAWCONTENT)
    content: bytes = ZstdDecompressor(dict_data=alike).decompress(payload)
    return content
