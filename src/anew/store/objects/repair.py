"""Mending a store: damaged indexes are made again from their packs, damaged records go once good ones are stored."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from anew.errors import CorruptData
from anew.store.objects import index
from anew.store.objects.disk import writing
from anew.store.objects.index import Row, SealedIndex
from anew.store.objects.pack import MAGIC, end_of, is_owned, seal_of
from anew.store.objects.packs import Packs
from anew.store.objects.record import HEADER, decode, scan
from anew.store.objects.sweep import copy_without, rewriting


def reindex(packs: Packs) -> list[str]:
    """Make the indexes again that are damaged, of what their packs hold up to their first damaged record; which those
    were. The damaged ones stay beside them, under another name.
    """
    packs.look_anew()
    bad = list(packs.bad_indexes)
    for sealed in packs.indexes:
        try:
            sealed.check()
        except CorruptData:
            bad.append(sealed.path)
    if not bad:
        return []
    with rewriting(packs):
        for path in bad:
            with writing(path):
                os.replace(path, path + ".damaged")
        packs.look_anew()
        known = {name for sealed in packs.indexes for name, _, _ in sealed.packs} | {live.name for live in packs.lives}
        with writing(packs.folders.packs):
            names = sorted(os.listdir(packs.folders.packs))
        for name in names:
            stem, _, suffix = name.rpartition(".")
            if suffix == "pack" and stem not in known and not os.path.exists(packs.folders.live(stem)):
                _index(packs, stem)
    return bad


def _index(packs: Packs, name: str) -> None:
    """Write the index of one pack."""
    path = packs.folders.pack(name)
    pack = packs.pack_file(name)
    entries: dict[bytes, tuple[int, int]] = {}
    try:
        for key, offset, stored in scan(pack.fileno(), len(MAGIC), pack.size(), path):
            entries[key] = (offset, stored)
    except CorruptData:
        pass  # what comes after can't be told apart
    if entries:
        end = end_of(entries)
        rows = [(key, 0, offset, stored) for key, (offset, stored) in entries.items()]
        with writing(path):
            index.write(packs.folders.idx(name), [(name, end, seal_of(pack.fileno(), end))], rows)


def drop(packs: Packs, keys: Collection[bytes], stored_again: Collection[bytes]) -> None:
    """Take the damaged and lost records of these objects out of packs and indexes, so that they can be stored again.

    Packs that hold some are written anew without them. Where one was not `stored_again`, the old pack stays beside the
    new one, under another name.
    """
    with rewriting(packs):
        for live in packs.lives:
            gone = not os.path.exists(packs.folders.pack(live.name)) and not is_owned(live.path)
            if gone and set(live.entries) <= set(keys):
                with writing(live.path):
                    os.unlink(live.path)
        for sealed in packs.indexes:
            _drop(packs, sealed, keys, stored_again)


def _drop(packs: Packs, sealed: SealedIndex, keys: Collection[bytes], stored_again: Collection[bytes]) -> None:
    rows = sealed.rows()
    bad = {row for row in rows if row[0] in keys and not _is_good(packs, sealed, row)}
    touched = {row[1] for row in bad}
    kept = [row for row in rows if row not in bad]
    if not bad or not all(_is_good(packs, sealed, row) for row in kept if row[1] in touched):
        return  # damage that nobody has told of: left as it is, to be found
    for number in touched:
        if mine := [row for row in kept if row[1] == number]:
            copy_without(packs, sealed.packs[number][0], mine, ())
    left = [number for number in range(len(sealed.packs)) if number not in touched]
    places = {number: place for place, number in enumerate(left)}
    rest = [(key, places[pack], offset, stored) for key, pack, offset, stored in kept if pack in places]
    lost = {row[1] for row in bad if row[0] not in stored_again}
    with writing(sealed.path):
        if left:
            index.write(packs.folders.idx(os.urandom(8).hex()), [sealed.packs[number] for number in left], rest)
        os.unlink(sealed.path)
        for number in touched:
            path = packs.folders.pack(sealed.packs[number][0])
            with suppress(FileNotFoundError):  # which may be what was wrong with it
                if number in lost:
                    os.replace(path, path + ".damaged")
                else:
                    os.unlink(path)


def _is_good(packs: Packs, sealed: SealedIndex, row: Row) -> bool:
    key, number, offset, stored = row
    try:
        pack = packs.pack_file(sealed.packs[number][0])
        return decode(pack.read(HEADER.size + stored, offset), "", packs.whole)[1] == key
    except (CorruptData, OSError):
        return False
