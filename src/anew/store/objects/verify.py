"""Reading the whole store to see whether it still holds what it held."""

from __future__ import annotations

from collections.abc import Iterator

from anew.errors import AnewError, CorruptData
from anew.store.objects import manifest
from anew.store.objects.index import SealedIndex
from anew.store.objects.pack import MAGIC, PackFile, seal_of
from anew.store.objects.packs import Packs
from anew.store.objects.record import HEADER, MANIFEST, decode
from anew.store.objects.values import Problem

Places = dict[int, tuple[bytes, int]]  # offset to (key, stored)


def problems(packs: Packs) -> Iterator[Problem]:
    """What is wrong, one thing at a time. What other processes did not flush yet is not looked at."""
    packs.flush()
    packs.look_anew()
    manifests: list[bytes] = []
    for path, error in packs.bad_indexes.items():
        yield Problem("corrupt", path, str(error))
    for index in packs.indexes:
        try:
            index.check()
        except CorruptData as error:
            yield Problem("corrupt", index.path, str(error))
            continue
        yield from _sealed_packs(packs, index, manifests)
    for live in packs.lives:
        try:
            live.check()
        except CorruptData as error:
            yield Problem("corrupt", live.path, str(error))
        yield from _listed(packs, live.name, live.entries, manifests)
    if packs.own is not None:
        yield from _listed(packs, packs.own.name, dict(packs.own.entries), manifests)
    for key in dict.fromkeys(manifests):
        yield from _dangling(packs, key)


def _sealed_packs(packs: Packs, index: SealedIndex, manifests: list[bytes]) -> Iterator[Problem]:
    places: list[Places] = [{} for _ in index.packs]
    for key, pack, offset, stored in index.rows():
        if pack < len(places):
            places[pack][offset] = (key, stored)
        else:
            yield Problem("corrupt", index.path, f"{index.path}: object {key.hex()} is said to be in no known pack")
    for (name, length, seal), listed in zip(index.packs, places, strict=True):
        yield from _sealed_pack(packs, name, length, seal, listed, manifests)


def _sealed_pack(
    packs: Packs, name: str, length: int, seal: bytes, listed: Places, manifests: list[bytes]
) -> Iterator[Problem]:
    path = packs.folders.pack(name)
    try:
        pack = packs.pack_file(name)
        if pack.read(len(MAGIC), 0) != MAGIC:
            yield Problem("corrupt", path, f"{path}: does not begin like a pack")
        if pack.size() < length:
            yield Problem("corrupt", path, f"{path}: has {pack.size()} bytes of {length}")
        if seal_of(pack.fileno(), length) != seal:
            yield Problem("corrupt", path, f"{path}: the headers of its records don't match its seal")
    except FileNotFoundError:
        keys = tuple(key for key, _ in listed.values())
        yield Problem("missing", path, f"{path}: the pack is gone, and {len(keys)} objects with it", keys)
        return
    except OSError as error:
        yield Problem("unreadable", path, f"{path}: {error.strerror}")
        return
    yield from _records(packs, pack, path, listed, manifests)


def _listed(
    packs: Packs, name: str, entries: dict[bytes, tuple[int, int]], manifests: list[bytes]
) -> Iterator[Problem]:
    """The records of a pack without a seal."""
    path = packs.folders.pack(name)
    try:
        pack = packs.pack_file(name)
    except FileNotFoundError:
        if entries:
            yield Problem(
                "missing", path, f"{path}: the pack is gone, and {len(entries)} objects with it", tuple(entries)
            )
        return
    except OSError as error:
        yield Problem("unreadable", path, f"{path}: {error.strerror}")
        return
    if entries and pack.read(len(MAGIC), 0) != MAGIC:
        yield Problem("corrupt", path, f"{path}: does not begin like a pack")
    yield from _records(packs, pack, path, {at: (key, stored) for key, (at, stored) in entries.items()}, manifests)


def _records(packs: Packs, pack: PackFile, path: str, listed: Places, manifests: list[bytes]) -> Iterator[Problem]:
    for offset, (key, stored) in sorted(listed.items()):
        where = f"{path} at offset {offset}"
        try:
            kind, found, _ = decode(pack.read(HEADER.size + stored, offset), where, packs.whole)
            if found != key:
                raise CorruptData(f"{where}: object {key.hex()} should be here, but {found.hex()} is")
            if kind == MANIFEST:
                manifests.append(key)
        except CorruptData as error:
            yield Problem("corrupt", where, str(error), (key,))
        except OSError as error:
            yield Problem("unreadable", where, f"{where}: {error.strerror}")


def _dangling(packs: Packs, key: bytes) -> Iterator[Problem]:
    """Chunks that a manifest names and no index knows, or that don't add up."""
    where = packs.where(key)
    at = key  # what is being read
    try:
        content = packs.read(key)[1]
        for chunk, size in manifest.chunks(content, lambda segment: packs.read(segment)[1], where):
            at = chunk
            if packs.find(chunk) is None:
                message = f"{where}: chunk {chunk.hex()} of object {key.hex()} is not stored"
                yield Problem("missing", where, message, (chunk,))
            elif packs.peek(chunk)[1] != size:
                message = f"{where}: chunk {chunk.hex()} has not the {size} bytes listed"
                yield Problem("corrupt", where, message, (key,))
            at = key
    except AnewError as error:
        yield Problem("corrupt", where, str(error), (at,))
