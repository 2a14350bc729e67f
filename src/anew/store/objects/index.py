"""The index of sealed packs: an immutable sorted file, searched where it lies."""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from anew.errors import CorruptData
from anew.store.objects.disk import write_durably
from anew.store.objects.record import digest

MAGIC = b"ANEWI\x01\r\n"
HEAD = struct.Struct("<8sII")
PACK = struct.Struct("<8sQ32s")
PLACE = struct.Struct("<III")
PREFIX_SIZE, ROW_SIZE, END_SIZE = 8, 36, 32
REST_SIZE = 24
MERGED_ENTRIES_MAX = 1 << 20

if TYPE_CHECKING:
    import numpy as np

REMEDY = "restore it from a copy of the store, or run `anew verify` to see what it takes along"

Sealed = tuple[str, int, bytes]  # pack name, length in bytes, seal
Row = tuple[bytes, int, int, int]  # key, position of its pack, offset, stored


class SealedIndex:
    """One `.idx` file. `CorruptData` when it is not one; `check()` reads all of it, once."""

    def __init__(self, path: str) -> None:
        self.path = path
        fd = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            if size < HEAD.size + END_SIZE:
                raise CorruptData(f"{path}: the index is cut short; {REMEDY}")
            self._map = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        magic, packs, self.count = HEAD.unpack_from(self._map)
        self._prefixes_at = HEAD.size + packs * PACK.size
        self._rows_at = self._prefixes_at + self.count * PREFIX_SIZE
        if magic != MAGIC or size != self._rows_at + self.count * ROW_SIZE + END_SIZE:
            raise CorruptData(f"{path}: not an index of packs, or not all of it; {REMEDY}")
        table = self._map[HEAD.size : self._prefixes_at]
        self.packs: list[Sealed] = [(name.hex(), length, seal) for name, length, seal in PACK.iter_unpack(table)]
        self._prefixes: Sequence[int] = _numbers(self._map, self._prefixes_at, self._rows_at)
        self._checked = False

    @property
    def end(self) -> bytes:
        """Its BLAKE3, as it says itself."""
        return self._map[-END_SIZE:]

    def find(self, key: bytes, prefix: int) -> tuple[str, int, int] | None:
        """(pack name, offset, stored). `prefix` is the start of `key` as a number."""
        position = bisect_left(self._prefixes, prefix)
        while position < self.count and self._prefixes[position] == prefix:
            at = self._rows_at + position * ROW_SIZE
            if self._map[at : at + REST_SIZE] == key[PREFIX_SIZE:]:
                self.check()
                pack, offset, stored = PLACE.unpack_from(self._map, at + REST_SIZE)
                return self.packs[pack][0], offset, stored
            position += 1
        return None

    def find_all(self, keys: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Which of `keys` (rows of 32 bytes) are here, by position, and (pack, offset, stored) of each of these."""
        import numpy as np

        places = np.dtype([("rest", "u1", (REST_SIZE,)), ("place", "<u4", (3,))])
        if not self.count:
            return np.zeros(0, np.intp), np.zeros((0, 3), np.uint32)
        self.check()
        prefixes = np.frombuffer(self._map, "<u8", self.count, self._prefixes_at)
        rows = np.frombuffer(self._map, places, self.count, self._rows_at)
        wanted = np.ascontiguousarray(keys[:, :PREFIX_SIZE]).view(">u8").ravel().astype("<u8")
        at = np.searchsorted(prefixes, wanted)
        at[at == self.count] = 0
        near = np.flatnonzero(prefixes[at] == wanted)
        here = near[(rows["rest"][at[near]] == keys[near, PREFIX_SIZE:]).all(axis=1)]
        return here, rows["place"][at[here]]

    def check(self) -> None:
        """CorruptData when the file's checksum does not hold."""
        if self._checked:
            return
        end = len(self._map) - END_SIZE
        with memoryview(self._map) as view:
            if digest(view[:end]) != view[end:]:
                raise CorruptData(f"{self.path}: the index fails its checksum; {REMEDY}")
        self._checked = True

    def rows(self) -> list[Row]:
        """All entries, by key."""
        prefixes = array("Q", self._map[self._prefixes_at : self._rows_at])
        prefixes.byteswap()
        keys = prefixes.tobytes()
        rows = struct.iter_unpack(f"<{REST_SIZE}sIII", self._map[self._rows_at : len(self._map) - END_SIZE])
        return [
            (keys[i * PREFIX_SIZE : (i + 1) * PREFIX_SIZE] + rest, pack, offset, stored)
            for i, (rest, pack, offset, stored) in enumerate(rows)
        ]


def write(path: str, packs: Sequence[Sealed], rows: Iterable[Row]) -> None:
    """Durably write an index. Raises OSError."""
    write_durably(path, path + ".tmp", [encode(packs, rows)])


def encode(packs: Sequence[Sealed], rows: Iterable[Row]) -> bytes:
    """An index as it stands in its file."""
    ordered = sorted(rows)
    # Big-endian as in the key, little-endian in the file: swapped, whatever this machine is.
    prefixes = array("Q", b"".join([row[0][:PREFIX_SIZE] for row in ordered]))
    prefixes.byteswap()
    parts = [
        HEAD.pack(MAGIC, len(packs), len(ordered)),
        b"".join([PACK.pack(bytes.fromhex(name), length, seal) for name, length, seal in packs]),
        prefixes.tobytes(),
        b"".join([key[PREFIX_SIZE:] + PLACE.pack(pack, offset, stored) for key, pack, offset, stored in ordered]),
    ]
    whole = b"".join(parts)
    return whole + digest(whole)


def merged(indexes: Iterable[SealedIndex]) -> tuple[list[Sealed], list[Row]]:
    """Packs and entries of several checked indexes, each pack and each key once."""
    packs: dict[str, tuple[int, Sealed]] = {}
    rows: dict[bytes, Row] = {}
    for index in indexes:
        places = [packs.setdefault(sealed[0], (len(packs), sealed))[0] for sealed in index.packs]
        for key, pack, offset, stored in index.rows():
            rows.setdefault(key, (key, places[pack], offset, stored))
    return [sealed for _, sealed in packs.values()], list(rows.values())


def _numbers(data: mmap.mmap, start: int, end: int) -> Sequence[int]:
    """The little-endian u64 from `start` to `end`, in place where the machine is little-endian."""
    if sys.byteorder == "little":
        return memoryview(data)[start:end].cast("Q")
    numbers = array("Q", data[start:end])
    numbers.byteswap()
    return numbers
