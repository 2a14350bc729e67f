"""The segment: all series of a run in one piece of bytes, compressed, checked, and quick to draw.

See docs/formats.md.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray

from anew.errors import CorruptData
from anew.index.stats import ascending, order

MAGIC, PACKED, TAIL = b"ANEWS\x01\r\n", b"ANEWZ\x01\r\n", b"ANEWSEND"
CHUNK = 65_536  # points of one chunk
CELL = 512  # points of one cell of the pyramid
SMALL = 1 << 14  # below so many values the segment is compressed as one

DELTA, ZSTD = 1, 2

_FOOT = struct.Struct("<II8s")
_SAMPLE = 4096

Arrays = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]  # steps, times, values, in order
Read = Callable[[int, int], bytes]  # (offset, size) -> bytes


class Cells:
    """The points to draw of each stretch of a series: its least, its greatest and its first NaN. Arrays are
    [n].

    `low`, `high` and `nan` hold (step, time, value, rank) of such a point, the rank counted from the start of
    the stretch; a rank of -1 says that there is none.
    """

    def __init__(self, low: Any, high: Any, nan: Any) -> None:
        self.low, self.high, self.nan = low, high, nan

    def __len__(self) -> int:
        return len(self.low[3])


def sort_points(steps: NDArray[Any], times: NDArray[np.float64], values: NDArray[np.float64]) -> Arrays:
    """The points in the order of a series: see `stats.place`."""
    if ascending(steps, times):
        return steps, times, values
    along = order(steps, times, values)
    return steps[along], times[along], values[along]


def encode(series: Mapping[str, Arrays]) -> bytes:
    """One segment with every series, each in order. Series with the very same steps and times share them."""
    groups: dict[tuple[int, bytes], list[str]] = {}
    known: dict[tuple[int, int], bytes] = {}
    for name, (steps, times, _) in series.items():
        where = (id(steps), id(times))  # arrays shared by the caller need no second look
        if where not in known:
            known[where] = _fingerprint(steps, times)
        groups.setdefault((len(steps), known[where]), []).append(name)
    small = sum(len(steps) for steps, _, _ in series.values()) < SMALL
    writer = _Writer(compress=not small)
    directory = [writer.group(names, [series[name] for name in names]) for names in groups.values()]
    packed = msgpack.packb(directory, unicode_errors="surrogatepass")
    foot = _FOOT.pack(len(packed), zlib.crc32(packed), TAIL)
    whole = b"".join([MAGIC, *writer.parts, packed, foot])
    if not small:
        return whole
    return PACKED + struct.pack("<I", zlib.crc32(whole)) + zstandard.ZstdCompressor(level=3).compress(whole)


def _fingerprint(steps: NDArray[Any], times: NDArray[np.float64]) -> bytes:
    from blake3 import blake3

    digest: bytes = blake3(steps.tobytes() + times.tobytes() + steps.dtype.kind.encode()).digest()
    return digest


class _Writer:
    def __init__(self, *, compress: bool) -> None:
        self.parts: list[bytes] = []
        self.position = len(MAGIC)
        self.compressor = zstandard.ZstdCompressor(level=1) if compress else None

    def group(self, names: list[str], series: Sequence[Arrays]) -> list[Any]:
        steps, times, _ = series[0]
        columns = [self.column(steps, delta=True), self.column(times, delta=True)]
        pyramids: list[Any] = []
        for _, _, values in series:
            columns.append(self.column(values, delta=self._smooth(values)))
            pyramids.append(self.pyramid(steps, times, values) if len(values) > 2 * CELL else None)
        starts = steps[::CHUNK].tobytes()
        every = (steps, times, *(values for _, _, values in series))
        ends = [array[[0, -1]].tobytes() if len(array) else b"" for array in every]
        return [names, len(steps), "i8" if steps.dtype.kind == "i" else "f8", starts, columns, pyramids, ends]

    def column(self, array: NDArray[Any], *, delta: bool) -> list[list[int]]:
        return [self.piece(array[at : at + CHUNK], delta=delta) for at in range(0, len(array), CHUNK)]

    def piece(self, array: NDArray[Any], *, delta: bool) -> list[int]:
        data, mode = shuffle(array, delta=delta), DELTA * delta
        if self.compressor is not None:
            data, mode = self.compressor.compress(data), mode | ZSTD
        entry = [self.position, len(data), zlib.crc32(data), mode]
        self.parts.append(data)
        self.position += len(data)
        return entry

    def _smooth(self, values: NDArray[np.float64]) -> bool:
        """Whether differences pack better than the values, by the start of the series."""
        if self.compressor is None or len(values) < 16:
            return False
        sample = values[:_SAMPLE]
        plain, delta = (len(self.compressor.compress(shuffle(sample, delta=choice))) for choice in (False, True))
        return delta < plain

    def pyramid(self, steps: NDArray[Any], times: NDArray[np.float64], values: NDArray[np.float64]) -> list[list[int]]:
        cells = make_cells((steps, times, values), CELL)
        entries = []
        for points in (cells.low, cells.high, cells.nan):
            step, time, value, rank = points
            entries += [
                self.piece(step, delta=True),
                self.piece(time, delta=True),
                self.piece(value, delta=False),
                self.piece(rank.astype(np.int64), delta=False),
            ]
        return entries


def shuffle(array: NDArray[Any], *, delta: bool) -> bytes:
    """The array's 64-bit words (or their differences), all first bytes first, then all second ones."""
    words = array.view(np.int64)
    if delta and len(words):
        differences = np.empty_like(words)
        differences[0] = words[0]
        np.subtract(words[1:], words[:-1], out=differences[1:])  # wraps, and so is exact for every bit pattern
        words = differences
    return words.view(np.uint8).reshape(-1, 8).T.tobytes()


def unshuffle(data: bytes, kind: str, *, delta: bool) -> NDArray[Any]:
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    count = planes.shape[1]
    if delta and count and np.count_nonzero(planes[1:]) == np.count_nonzero(planes[1:, 0]):
        # Small steps forward, as those of most series: all but the first word is in the lowest byte.
        words = planes[0].astype(np.int64)
        words[:1] = planes[:, 0].copy().view(np.int64)
    else:
        mixed = np.empty((count, 8), np.uint8)
        for place in range(8):  # faster than to turn the table around
            mixed[:, place] = planes[place]
        words = mixed.view(np.int64).ravel()
    if delta:
        np.cumsum(words, out=words)
    turned: NDArray[Any] = words.view(np.dtype(kind))
    return turned


def unshuffle_one(data: bytes, kind: str, at: int, *, delta: bool) -> NDArray[Any]:
    """As `unshuffle(data, kind, delta=delta)[at:at + 1]`, without the rest."""
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    # Differences are summed byte by byte: as whole numbers they wrap, and so do the sums.
    lowest = 0 if delta else at
    total = sum(int(planes[place, lowest : at + 1].sum(dtype=np.int64)) << (8 * place) for place in range(8))
    return np.array([total % 2**64], np.uint64).view(np.dtype(kind))


class Segment:
    """Reads series out of a segment, and only the chunks it needs.

    Raises CorruptData where a checksum fails.
    """

    def __init__(self, read: Read, size: int, name: str) -> None:
        self.name = name
        self._unpack = zstandard.ZstdDecompressor()
        head = read(0, len(MAGIC))
        try:
            if head == PACKED:
                (crc,) = struct.unpack("<I", read(8, 4))
                whole = self._unpack.decompress(read(12, size - 12))
                if zlib.crc32(whole) != crc:
                    raise CorruptData(f"{name} fails its checksum")
                size = len(whole)
                head = whole[:8]
                self._read: Read = lambda offset, count: whole[offset : offset + count]
            else:
                self._read = read
            length, crc, tail = _FOOT.unpack(self._read(size - _FOOT.size, _FOOT.size))
            packed = self._read(size - _FOOT.size - length, length)
            if head != MAGIC or tail != TAIL or zlib.crc32(packed) != crc:
                raise CorruptData(f"{name} is not a whole segment")
            groups = msgpack.unpackb(packed, unicode_errors="surrogatepass")
        except (struct.error, zstandard.ZstdError, ValueError) as error:
            raise CorruptData(f"{name} is not a whole segment: {error}") from error
        self.series = {name: (group, at) for group in groups for at, name in enumerate(group[0])}

    def __contains__(self, metric: str) -> bool:
        return metric in self.series

    def count(self, metric: str) -> int:
        return int(self.series[metric][0][1])

    def points(self, metric: str, start: int = 0, end: int | None = None, *, timed: bool = True) -> Arrays:
        """Steps, times and values of the points ranked `start` to `end` (excluded); times are 0 where not `timed`."""
        group, at = self.series[metric]
        _, count, kind, _, columns = group[:5]
        end = count if end is None else min(end, count)
        if start >= end:
            return np.empty(0, kind), np.empty(0), np.empty(0)
        first, last = start // CHUNK, (end - 1) // CHUNK + 1
        cut = slice(start - first * CHUNK, end - first * CHUNK)

        def whole(column: list[list[int]], form: str) -> NDArray[Any]:
            return np.concatenate([self._piece(entry, form) for entry in column[first:last]])[cut]

        times = whole(columns[1], "f8") if timed else np.zeros(end - start)
        return whole(columns[0], kind), times, whole(columns[2 + at], "f8")

    def point(self, metric: str, rank: int, *, timed: bool = True) -> Arrays:
        """As `points(metric, rank, rank + 1)`, without unpacking the rest."""
        group, at = self.series[metric]
        _, count, kind, _, columns = group[:5]
        if rank in (0, count - 1) and len(group) > 6:  # older segments don't say the ends
            step, time, value = (group[6][place] for place in (0, 1, 2 + at))
            last = slice(1, 2) if rank else slice(0, 1)
            kinds = ((step, kind), (time, "f8"), (value, "f8"))
            found = [np.frombuffer(data, np.dtype(form))[last] for data, form in kinds]
            return found[0], found[1] if timed else np.zeros(1), found[2]
        chunk, place = divmod(rank, CHUNK)

        def one(column: list[list[int]], form: str) -> NDArray[Any]:
            data, delta = self._data(column[chunk])
            return unshuffle_one(data, form, place, delta=delta)

        times = one(columns[1], "f8") if timed else np.zeros(1)
        return one(columns[0], kind), times, one(columns[2 + at], "f8")

    def rank(self, metric: str, step: float, side: str) -> int:
        """How many points stand before `step` ("left"), or before and at it ("right")."""
        group, _ = self.series[metric]
        _, _, kind, starts, columns = group[:5]
        firsts = np.frombuffer(starts, np.dtype(kind))
        chunk = max(0, int(np.searchsorted(firsts, step, side)) - 1)  # type: ignore[call-overload]
        steps = self._piece(columns[0][chunk], kind)
        return chunk * CHUNK + int(np.searchsorted(steps, step, side))  # type: ignore[call-overload]

    def cells(self, metric: str, *, timed: bool = True) -> Cells | None:
        """The pyramid, a cell per CELL points; None where the series is too short to have one."""
        group, at = self.series[metric]
        entries = group[5][at]
        if entries is None:
            return None
        kinds = (group[2], "f8", "f8", "i8")
        arrays = [
            self._piece(entry, kinds[number % 4]) if timed or number % 4 != 1 else np.empty(0)
            for number, entry in enumerate(entries)
        ]
        for number in (1, 5, 9) if not timed else ():
            arrays[number] = np.zeros(len(arrays[number + 1]))
        return Cells(arrays[0:4], arrays[4:8], arrays[8:12])

    def _piece(self, entry: list[int], kind: str) -> NDArray[Any]:
        data, delta = self._data(entry)
        return unshuffle(data, kind, delta=delta)

    def _data(self, entry: list[int]) -> tuple[bytes, bool]:
        offset, size, crc, mode = entry
        data = self._read(offset, size)
        if len(data) != size or zlib.crc32(data) != crc:
            raise CorruptData(f"{self.name} fails its checksum at offset {offset}")
        if mode & ZSTD:
            data = self._unpack.decompress(data)
        return data, bool(mode & DELTA)


def open_segment(path: Path | None, data: bytes | None) -> Segment:
    """The segment in a file, or that in `data`."""
    if path is None:
        assert data is not None
        held = data
        return Segment(lambda offset, size: held[offset : offset + size], len(held), "a segment in the catalogue")
    file = path.open("rb")
    # The file stays open as long as the segment: it may be replaced meanwhile.
    return Segment(_Reader(file).read, path.stat().st_size, str(path))


class _Reader:
    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)

    def __del__(self) -> None:
        self._file.close()


def make_cells(points: Arrays, width: int) -> Cells:
    """Cells of `width` points each; the last one may be shorter."""
    steps, times, values = points
    count = len(values)
    whole = count // width * width
    ranks = [_extremes(values[:whole].reshape(-1, width))]
    if whole < count:
        ranks.append(_extremes(values[whole:].reshape(1, -1)))
    low, high, nan = (np.concatenate(part) for part in zip(*ranks, strict=True))
    base = np.arange(len(low)) * width

    def pick(rank: NDArray[np.int64]) -> list[NDArray[Any]]:
        at = base + np.maximum(rank, 0)
        picked = [steps[at], times[at], values[at], rank]
        for array in picked[:3]:
            array[rank < 0] = 0
        return picked

    return Cells(pick(low), pick(high), pick(nan))


def _extremes(table: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Per row the first position of the least, of the greatest, and of NaN; -1 where there is none."""
    if not table.size:
        none = np.empty(0, np.int64)
        return none, none, none
    low, high = table.argmin(axis=1), table.argmax(axis=1)
    nan = np.full(len(table), -1, np.int64)
    # argmin and argmax stop at the first NaN, which says where it is; those few rows are looked at again.
    for row in np.flatnonzero(np.isnan(table[np.arange(len(table)), low])).tolist():
        nan[row] = low[row]
        good = np.flatnonzero(~np.isnan(table[row]))
        low[row] = good[table[row, good].argmin()] if len(good) else -1
        high[row] = good[table[row, good].argmax()] if len(good) else -1
    return low, high, nan
