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
    """Index the packs that no index names, since theirs is damaged or gone: which those are. What they hold up to their
    first damaged record counts again. Damaged indexes stay beside the new ones, under another name.
    """
    with rewriting(packs):
        bad = set(packs.bad_indexes)
        for sealed in packs.indexes:
            try:
                sealed.check()
            except CorruptData:
                bad.add(sealed.path)
        good = [sealed for sealed in packs.indexes if sealed.path not in bad]
        known = {name for sealed in good for name, _, _ in sealed.packs} | {live.name for live in packs.lives}
        with writing(packs.folders.packs):
            names = [name.removesuffix(".pack") for name in sorted(os.listdir(packs.folders.packs))]
        found = [name for name in names if name not in known and os.path.exists(packs.folders.pack(name))]
        # One that is being begun has a live index in a moment.
        made = [name for name in found if not os.path.exists(packs.folders.live(name)) and _index(packs, name)]
        # Not before the new ones are there: a pack that nothing names is swept some day.
        for path in bad:
            with writing(path):
                os.replace(path, path + ".damaged")
    return [packs.folders.pack(name) for name in made]


def _index(packs: Packs, name: str) -> bool:
    """Write the index of one pack; False for one in which nothing is."""
    path = packs.folders.pack(name)
    pack = packs.pack_file(name)
    entries: dict[bytes, tuple[int, int]] = {}
    try:
        for key, offset, stored in scan(pack.fileno(), len(MAGIC), pack.size(), path):
            entries[key] = (offset, stored)
    except CorruptData:
        pass  # what comes after can't be told apart
    if not entries:
        return False
    end = end_of(entries)
    rows = [(key, 0, offset, stored) for key, (offset, stored) in entries.items()]
    with writing(path):
        # Under a name of its own: who has read the damaged one must not take this for that.
        index.write(packs.folders.idx(os.urandom(8).hex()), [(name, end, seal_of(pack.fileno(), end))], rows)
    return True


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
