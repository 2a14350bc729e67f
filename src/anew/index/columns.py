"""Columns: one value per run and field, in blocks of one memory-mapped file.

The format is in docs/formats.md.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.errors import CorruptData
from anew.store.liveness import boot_id

HEADER = b"ANEWC\x01\r\n"
PAGE = 4096
ROWS = 1 << 14  # rows of one block
EXTENT = ROWS * 9  # eight bytes of value and one of kind each: 36 pages

MISSING, NUMBER, TEXT, BOOL = 0, 1, 2, 3

Block = tuple[NDArray[np.float64], NDArray[np.uint8]]

_HEAD = struct.Struct("<8sQ40s")
_GROW_EXTENTS = 64


class Arena:
    """The file of blocks. One process at a time writes; any number read, and see each value whole or not at
    all.

    A block holds `values` float64 [ROWS] and `kinds` uint8 [ROWS]; a hole of the file reads as missing.
    Raises CorruptData when the file is not an arena or is shorter than a block that is asked for.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path, self._write = path, write
        flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
        self._fd = os.open(path, flags | os.O_CLOEXEC, 0o666)
        self._allocated: dict[int, int] = {}  # extent: bit mask of its pages that have space
        self._map: mmap.mmap | None = None
        self._bytes: NDArray[np.uint8] = np.empty(0, np.uint8)
        try:
            if write and os.fstat(self._fd).st_size == 0:
                os.posix_fallocate(self._fd, 0, PAGE)
                os.pwrite(self._fd, _HEAD.pack(HEADER, 0, boot_id().encode()), 0)
            self._remap()
            if self._bytes[:8].tobytes() != HEADER:
                raise CorruptData(f"{path} is not a file of columns")
        except BaseException:
            self.close()
            raise

    def state(self) -> tuple[int, bool]:
        """The last change applied to the whole file, and whether that was since the machine started."""
        _, applied, boot = _HEAD.unpack(os.pread(self._fd, _HEAD.size, 0))
        return int(applied), boot.rstrip(b"\0") == boot_id().encode()

    def applied(self, change: int) -> None:
        """Note that every block holds all changes up to `change`."""
        os.pwrite(self._fd, _HEAD.pack(HEADER, change, boot_id().encode()), 0)

    def block(self, extent: int) -> Block:
        start = PAGE + extent * EXTENT
        if start + EXTENT > len(self._bytes):
            self._remap()
            if start + EXTENT > len(self._bytes):
                raise CorruptData(f"{self.path} ends before block {extent}")
        middle = start + ROWS * 8
        return self._bytes[start:middle].view(np.float64), self._bytes[middle : start + EXTENT]

    def write(
        self, extent: int, rows: NDArray[np.int64], values: NDArray[np.float64], kinds: NDArray[np.uint8]
    ) -> None:
        """Set `rows` (0-based within the block, no repeats) of a block.

        Raises OSError when the disk is full.
        """
        size = PAGE + (extent + 1) * EXTENT
        if size > len(self._bytes):
            os.ftruncate(self._fd, size + _GROW_EXTENTS * EXTENT)
            self._remap()
        self._allocate(extent, int(rows.min()), int(rows.max()))
        there, kind = self.block(extent)
        # A reader that meets a new number under an old kind must not take it for a text's code, so that a row
        # whose kind changes is missing for a moment.
        changed = rows[kind[rows] != kinds]
        kind[changed] = MISSING
        there[rows] = values
        kind[rows] = kinds

    def _allocate(self, extent: int, low: int, high: int) -> None:
        """Take the space of these rows' pages, so that a full disk is an error here and not a SIGBUS
        there.
        """
        first, last = low * 8 // PAGE, high * 8 // PAGE
        kinds_first, kinds_last = (ROWS * 8 + low) // PAGE, (ROWS * 8 + high) // PAGE
        have = self._allocated.get(extent, 0)
        for start, end in ((first, last), (kinds_first, kinds_last)):
            mask = (1 << (end + 1)) - (1 << start)
            if have & mask != mask:
                offset = PAGE + extent * EXTENT + start * PAGE
                os.posix_fallocate(self._fd, offset, (end - start + 1) * PAGE)
                have |= mask
        self._allocated[extent] = have

    def _remap(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < PAGE:
            raise CorruptData(f"{self.path} is not a file of columns: {size} bytes")
        access = mmap.ACCESS_WRITE if self._write else mmap.ACCESS_READ
        self._map = mmap.mmap(self._fd, size, access=access)
        self._bytes = np.frombuffer(self._map, np.uint8)

    def flush(self) -> None:
        """Force what was written to the disk."""
        if self._map is not None:
            self._map.flush()
        os.fsync(self._fd)

    def close(self) -> None:
        # The map goes with the last array that looks into it.
        self._bytes, self._map = np.empty(0, np.uint8), None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Changes:
    """Changes to columns, gathered by column so that each block is written once. A row's cell is set once at
    most.

    `encode(column, text)` gives the code that stands for a text.
    """

    def __init__(self, encode: Callable[[str, str], int]) -> None:
        self._encode = encode
        self._columns: dict[str, tuple[list[int], list[float], list[int]]] = {}

    def set(self, row: int, name: str, value: Any) -> None:
        """`value` is None, a bool, a number or a str; anything else is kept as its JSON."""
        kind, number = cell(value)
        if kind == TEXT:
            number = self._encode(name, as_text(value))
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = ([], [], [])
        column[0].append(row)
        column[1].append(number)
        column[2].append(kind)

    def set_all(self, row: int, values: dict[str, Any]) -> None:
        """As `set` for each of a row's columns; most of a new run's time is spent here."""
        columns, encode = self._columns, self._encode
        for name, value in values.items():
            if type(value) is float:
                kind, number = NUMBER, value
            else:
                kind, number = cell(value)
                if kind == TEXT:
                    number = encode(name, as_text(value))
            column = columns.get(name)
            if column is None:
                column = columns[name] = ([], [], [])
            rows, numbers, kinds = column
            rows.append(row)
            numbers.append(number)
            kinds.append(kind)

    def by_block(
        self,
    ) -> Iterator[tuple[str, int, NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]]:
        """(column, block, rows within it, values, kinds) of each block that changes."""
        for name, (row_list, value_list, kind_list) in self._columns.items():
            rows = np.array(row_list, np.int64)
            values, kinds = np.array(value_list, np.float64), np.array(kind_list, np.uint8)
            first, last = min(row_list) // ROWS, max(row_list) // ROWS
            if first == last:
                yield name, first, rows - first * ROWS, values, kinds
                continue
            blocks = rows // ROWS
            for block in np.unique(blocks).tolist():
                here = blocks == block
                yield name, block, rows[here] - block * ROWS, values[here], kinds[here]

    def blocks(self) -> Iterator[tuple[str, frozenset[int]]]:
        """Each column that changes, and which blocks of it."""
        for name, (rows, _, _) in self._columns.items():
            low, high = min(rows) // ROWS, max(rows) // ROWS
            yield name, frozenset([low] if low == high else [row // ROWS for row in rows])


def cell(value: Any) -> tuple[int, float]:
    """Kind and number of a value; the number of a text is its code, given later."""
    if type(value) is float:
        return NUMBER, value
    if value is None:
        return MISSING, 0.0
    if value is True or value is False:
        return BOOL, float(value)
    if type(value) is int and value.bit_length() < 1024:
        return NUMBER, float(value)  # beyond 2**53 to the nearest float64; the document has it exactly
    return TEXT, 0.0


def written(value: Any) -> str:
    """The text of a cell's value: a whole number without a point."""
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def as_text(value: Any) -> str:
    """The text a column holds for a value that is neither number nor bool."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    import json

    return json.dumps(value, default=repr, ensure_ascii=False)
