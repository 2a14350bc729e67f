"""Reads journals, as far as they are whole; many points at once, so that an index keeps up with a thousand writers."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from anew.errors import CorruptData
from anew.store.journal import EVENT, HEADER, OPEN, POINTS, POINTS_FLOAT, SCHEMA, SEAL

_HEAD = struct.Struct("<IIB")
_SCHEMA_ID = struct.Struct("<I").unpack_from
_NEXT = struct.Struct("<I4xBI").unpack_from  # size, kind and schema of a points frame
_MOST_ROWS = 65_536
_MOST_SCHEMAS_AHEAD = 64
_FIRST_READ_BYTES, _MOST_READ_BYTES = 1 << 16, 1 << 24


@dataclass(frozen=True, slots=True)
class Open:
    """The writer of the journal, in the form `liveness.is_alive` takes."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Points:
    """Points logged with the same names: `times` [n] in seconds since 1970, `steps` [n], `values` [n, k]."""

    keys: tuple[str, ...]
    times: NDArray[np.float64]
    steps: NDArray[Any]  # int64, or float64 where the steps were fractions
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    time: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seal:
    digest: bytes


class JournalReader:
    """Iterates over what a journal holds from `offset` on; a live journal can be read again and again.

    After the iteration `offset` and `schemas` say where to go on, `torn` why it stopped (None at a clean end),
    and `sealed` whether the writer closed it. Raises CorruptData when the file is not a journal.

    The file is read and not mapped: its writer cuts it to its length at the end, and a page that is gone is a signal.
    """

    def __init__(self, path: Path, offset: int = 0, schemas: list[tuple[str, ...]] | None = None) -> None:
        self.path, self.offset = path, offset
        self.schemas = list(schemas or [])
        self.torn: str | None = None
        self.sealed = False
        self._base = 0  # where in the file the view starts
        self._whole = False  # whether the view reaches to the end of the file

    def __iter__(self) -> Iterator[Open | Points | Event | Seal]:
        self.torn = None
        with self.path.open("rb") as file:
            if self.offset == 0:
                start = file.read(len(HEADER))
                if start != HEADER:
                    if not start.strip(b"\0"):
                        return  # made, and not yet written
                    raise CorruptData(f"{self.path} is not a journal: it starts with {start!r}")
                self.offset = len(HEADER)
            blocks = _Blocks()
            size = _FIRST_READ_BYTES
            while not self.sealed:
                before = self.offset
                file.seek(before)
                data = file.read(size)
                self._base, self._whole = before, len(data) < size
                yield from self._frames(memoryview(data), blocks)
                if self._whole or self.torn or (self.offset == before and not self._goes_on(data)):
                    break
                # A frame longer than what was read shows as no progress: then read more, else go on from there.
                size = max(_MOST_READ_BYTES, _HEAD.unpack_from(data)[0] + 9 if self.offset == before else 0)
            yield from blocks.flush()

    def _goes_on(self, data: bytes) -> bool:
        """Whether `data`, which holds no whole frame, is the start of one."""
        return len(data) >= 9 and any(data[:9])

    def _frames(self, view: memoryview, blocks: _Blocks) -> Iterator[Open | Points | Event | Seal]:
        while not self.sealed:
            frame = self._next(view)
            if frame is None:
                break
            kind, size = frame
            if kind in (POINTS, POINTS_FLOAT):
                rows = self._block(view, kind, size, blocks)
                if not rows:
                    break
                if blocks.rows >= _MOST_ROWS:
                    yield from blocks.flush()
                continue
            start = self.offset - self._base + 9
            item = self._item(kind, bytes(view[start : start + size]))
            if self.torn:
                break
            self.offset += 9 + size
            if item is not None:
                yield from blocks.flush()
                yield item

    def _next(self, view: memoryview) -> tuple[int, int] | None:
        """Type and size of the whole frame at `offset`; None at the end, with `torn` set if it is not a clean one."""
        start = self.offset - self._base
        left = len(view) - start
        if not any(view[start : start + 9]):
            # Nine zeros, or the end. A frame's type is never 0, so a size flipped to 0 is not taken for it.
            self._whole |= left >= 9
            return None
        if left < 9:
            self._tear(f"{left} bytes left at offset {self.offset}, too few for a frame")
            return None
        size, crc, kind = _HEAD.unpack_from(view, start)
        end = start + 9 + size
        if end > len(view):
            self._tear(f"a frame of {size} bytes at offset {self.offset} goes past the end of the file")
            return None
        if size == 0 or zlib.crc32(view[start + 8 : end]) != crc:
            self.torn = f"the frame at offset {self.offset} fails its checksum"
            return None
        return kind, size

    def _tear(self, problem: str) -> None:
        if self._whole:  # else it is only our view that ends here
            self.torn = problem

    def _item(self, kind: int, payload: bytes) -> Open | Event | Seal | None:
        if kind == SCHEMA:
            (schema_id,) = struct.unpack_from("<I", payload)
            names = tuple(_unpack(payload[4:]))
            if schema_id > len(self.schemas) + _MOST_SCHEMAS_AHEAD:
                self.torn = f"the names at offset {self.offset} have the number {schema_id}, out of order"
                return None
            # A signal handler that logged in the midst of a declaration makes two of them change places.
            self.schemas += [()] * (schema_id + 1 - len(self.schemas))
            if self.schemas[schema_id] not in ((), names):
                self.torn = f"the names at offset {self.offset} have the number of others"
                return None
            self.schemas[schema_id] = names
            return None
        if kind == OPEN:
            return Open(_unpack(payload))
        if kind == EVENT:
            name, at, body = _unpack(payload)
            return Event(name, at, body)
        if kind == SEAL:
            self.sealed = True
            return Seal(payload)
        return None  # a type of a later version: skipped, its checksum held

    def _block(self, view: memoryview, kind: int, size: int, blocks: _Blocks) -> int:
        """Takes the points frames from `offset` on that have one schema, whose first frame is known to be whole."""
        start = self.offset - self._base
        (schema_id,) = _SCHEMA_ID(view, start + 9)
        if schema_id >= len(self.schemas) or size != 20 + 8 * len(self.schemas[schema_id]):
            self.torn = f"the points at offset {self.offset} have no schema"
            return 0
        rows, length = self._rows(view, kind, size, schema_id), 9 + size
        blocks.add(self.schemas[schema_id], kind, bytes(view[start : start + rows * length]), rows)
        self.offset += rows * length
        return rows

    def _rows(self, view: memoryview, kind: int, size: int, schema_id: int) -> int:
        """How many whole frames like the first follow one another. Looks ahead in growing pieces."""
        length, first = 9 + size, self.offset - self._base
        most = min(_MOST_ROWS, (len(view) - first) // length)
        shape = _row_type(kind, (size - 20) // 8)
        crc32, rows, ahead = zlib.crc32, 1, 1
        if most < 2 or _NEXT(view, first + length) != (size, kind, schema_id):
            return 1  # most often where several dicts are logged in turn: not worth the look ahead
        while rows < most:
            ahead = min(ahead * 8, most - rows)
            start = first + rows * length
            data = np.frombuffer(view, shape, count=ahead, offset=start)
            same = (data["size"] == size) & (data["kind"] == kind) & (data["schema"] == schema_id)
            like = ahead if same.all() else int(same.argmin())
            sums = data["crc"][:like].tolist()
            for row, expected in enumerate(sums):
                at = start + row * length
                if crc32(view[at + 8 : at + length]) != expected:
                    return rows + row  # the next turn names the bad frame
            rows += like
            if like < ahead:
                break
        return rows


class _Blocks:
    """Joins the frames of each schema, so that a consumer gets few long blocks where dicts are logged in turn."""

    def __init__(self) -> None:
        self._held: dict[tuple[tuple[str, ...], int], list[bytes]] = {}
        self.rows = 0

    def add(self, keys: tuple[str, ...], kind: int, frames: bytes, rows: int) -> None:
        self._held.setdefault((keys, kind), []).append(frames)
        self.rows += rows

    def flush(self) -> Iterator[Points]:
        held, self._held, self.rows = self._held, {}, 0
        for (keys, kind), pieces in held.items():
            data = np.frombuffer(b"".join(pieces), _row_type(kind, len(keys)))
            values = data["values"].reshape(len(data), len(keys)).copy()
            yield Points(keys, data["time"].copy(), data["step"].copy(), values)


@functools.lru_cache(256)
def _row_type(kind: int, width: int) -> np.dtype[Any]:
    return np.dtype(
        {
            "names": ["size", "crc", "kind", "schema", "time", "step", "values"],
            "formats": ["<u4", "<u4", "u1", "<u4", "<f8", "<i8" if kind == POINTS else "<f8", ("<f8", (width,))],
            "offsets": [0, 4, 8, 9, 13, 21, 29],
            "itemsize": 29 + 8 * width,
        }
    )


def _unpack(payload: bytes) -> Any:
    return msgpack.unpackb(payload, unicode_errors="surrogatepass", strict_map_key=False)


def verify_journal(path: Path) -> tuple[int, str | None]:
    """Check every frame and the seal. Returns the frames' count and the problem found, or None."""
    from blake3 import blake3

    reader = JournalReader(path)
    frames, seal = 0, b""
    try:
        for item in reader:
            frames += 1
            if isinstance(item, Seal):
                seal = item.digest
    except (CorruptData, OSError, ValueError) as error:
        return frames, str(error)
    if reader.torn:
        return frames, reader.torn
    if seal:
        hasher, left = blake3(), reader.offset - 41
        with path.open("rb") as file:
            while left and (piece := file.read(min(left, 1 << 22))):
                hasher.update(piece)
                left -= len(piece)
        if hasher.digest() != seal:
            return frames, "the seal does not fit what stands before it"
        if path.stat().st_size != reader.offset:
            return frames, f"bytes follow the seal at offset {reader.offset}"
    return frames, None
