"""Many records at once, in the order in which they lie: a few long reads instead of one for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from anew.errors import CorruptData, NotFound
from anew.store.objects.disk import reading
from anew.store.objects.packs import Packs
from anew.store.objects.record import DELTA, HEADER, decode, encode

GAP_SIZE_MAX = 64 << 10  # what is read in vain rather than by another call
RUN_SIZE_MAX = 4 << 20

Wanted = tuple[int, int, bytes]  # offset, bytes stored, key
Run = tuple[int, int, list[Wanted]]  # where it begins and ends, and which records it is read for


def records(packs: Packs, keys: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes, memoryview]]:
    """Key, kind, content and record of each, verified. NotFound, CorruptData.

    A record is whole, though it may be stored as a delta: it has to be understood elsewhere.
    """
    by_pack: dict[str, list[Wanted]] = {}
    for key, place in zip(keys, packs.find_all(keys), strict=True):
        if place is None and (place := packs.find(key)) is None:
            raise NotFound(f"object {key.hex()} is not in {packs.folders.root}")
        by_pack.setdefault(place[0], []).append((place[1], place[2], key))
    for name, wanted in by_pack.items():
        path = packs.folders.pack(name)
        with reading(path):
            pack = packs.pack_file(name)
        for start, end, inside in runs(wanted, GAP_SIZE_MAX, RUN_SIZE_MAX):
            with reading(path):
                data = memoryview(pack.read(end - start, start))
            for offset, stored, key in inside:
                record = data[offset - start : offset - start + HEADER.size + stored]
                where = f"{path} at offset {offset}"
                kind, found, content = decode(record, where, packs.whole)
                if found != key:
                    raise CorruptData(f"{where}: object {key.hex()} should be here, but {found.hex()} is")
                if record[1] == DELTA:
                    record = memoryview(b"".join(encode(kind, key, content)))
                yield key, kind, content, record


def runs(wanted: Iterable[Wanted], gap_size_max: int, run_size_max: int) -> Iterator[Run]:
    """Stretches that hold all that is wanted of one pack, in order; larger than the most only for a single record."""
    start = end = 0
    inside: list[Wanted] = []
    for offset, stored, key in sorted(wanted):
        stop = offset + HEADER.size + stored
        if inside and (offset - end > gap_size_max or stop - start > run_size_max):
            yield start, end, inside
            inside = []
        if not inside:
            start = end = offset
        inside.append((offset, stored, key))
        end = max(end, stop)
    if inside:
        yield start, end, inside
