"""Taking out what nothing names any more: first condemned, and only some time later swept.

Between the two, a condemned object counts as not stored for whoever wants to store it: it is stored again, in a younger
pack, which is not swept. So nobody can come to rely on what is about to go.
"""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anew.errors import CorruptData, StoreError
from anew.store.objects import frames, index
from anew.store.objects.disk import reading, write_durably, writing
from anew.store.objects.index import SealedIndex
from anew.store.objects.pack import PackWriter, create, is_owned, take_on
from anew.store.objects.packs import Packs
from anew.store.objects.record import HEADER, decode

MAGIC = b"ANEWC\x01\r\n"
ENTRY = struct.Struct("<32sQ")  # key, and when it was first seen to be named by nothing (seconds since 1970)


@dataclass(frozen=True)
class Garbage:
    """Objects that nothing names. `due`: those condemned for long enough to be swept now."""

    keys: frozenset[bytes]
    size: int  # bytes they take in packs
    due: frozenset[bytes]
    due_size: int


def condemned(root: str) -> dict[bytes, int]:
    """When each key was condemned. CorruptData for a file that is not whole: delete it, and the time begins again."""
    path = os.path.join(root, "condemned")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    found, used = frames.unframe(data[len(MAGIC) :], ENTRY.size) if data.startswith(MAGIC) else ([], -1)
    if len(MAGIC) + used != len(data):
        raise CorruptData(f"{path} is damaged: delete it; the grace period of what is to go begins again")
    return dict(entry for batch in found for entry in ENTRY.iter_unpack(batch))


def condemn(packs: Packs, named: Collection[bytes], grace_s: float, *, note: bool = True) -> Garbage:
    """All that is stored and not `named`; noted as condemned (`note`), unless it is so already."""
    packs.flush()
    packs.look_anew()
    before, now = condemned(packs.folders.root), time.time()
    sizes = {key: stored for key, stored in _stored(packs) if key not in named}
    times = {key: before.get(key, int(now)) for key in sizes}
    due = {key for key, since in times.items() if key in before and since + grace_s <= now}
    if due:
        # What a delta differs from goes after it, in a sweep of its own: so nothing that is there can't be read.
        due -= {base for key in times for base in packs.bases_of(key)}
    if note:
        path = os.path.join(packs.folders.root, "condemned")
        entries = b"".join([ENTRY.pack(key, since) for key, since in times.items()])
        with writing(path):
            if times:
                write_durably(path, f"{path}.{os.getpid()}.tmp", [MAGIC, frames.frame(entries, ENTRY.size)])
            elif before:
                os.unlink(path)
    size, due_size = (sum(sizes[key] + HEADER.size for key in keys) for keys in (sizes, due))
    return Garbage(frozenset(sizes), size, frozenset(due), due_size)


def sweep(packs: Packs, due: Collection[bytes], grace_s: float) -> int:
    """Take the objects out of every pack that was not written to for `grace_s`; bytes that this frees.

    Packs are written anew without them. StoreError while another process merges indexes or sweeps.
    """
    with rewriting(packs):
        gone: set[str] = set()
        freed = sum(_rewrite(packs, sealed, due, grace_s, gone) for sealed in packs.indexes)
        return freed + _remove_strays(packs, grace_s)


@contextmanager
def rewriting(packs: Packs) -> Iterator[None]:
    """While no other process merges indexes or rewrites packs, and all packs that nobody writes to are sealed."""
    packs.folders.make()
    path = os.path.join(packs.folders.index, "merge.lock")
    with writing(path):
        lock = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"another process rewrites {packs.folders.root}: try again") from None
            packs.close()
            packs.look_anew()
            _seal_left(packs)
            packs.look_anew()
            yield
            packs.look_anew()
        finally:
            os.close(lock)


def _stored(packs: Packs) -> Iterator[tuple[bytes, int]]:
    for sealed in packs.indexes:
        sealed.check()
        for key, _, _, stored in sealed.rows():
            yield key, stored
    for live in packs.lives:
        for key, (_, stored) in live.entries.items():
            yield key, stored


def _seal_left(packs: Packs) -> None:
    """Seal the packs that no process writes to: only sealed ones are rewritten."""
    for live in packs.lives:
        if not is_owned(live.path) and (writer := take_on(packs.folders, live.name)) is not None:
            writer.seal()
            writer.release()


def _rewrite(packs: Packs, sealed: SealedIndex, due: Collection[bytes], grace_s: float, gone: set[str]) -> int:
    """The packs of one index without what is due, or is in another pack, too; bytes freed. `gone`: packs rewritten."""
    old = {number for number, (name, _, _) in enumerate(sealed.packs) if _age_s(packs.folders.pack(name)) >= grace_s}
    rows = sealed.rows()
    touched = {pack for key, pack, _, _ in rows if pack in old and key in due}
    if not touched:
        return 0
    gone.update(sealed.packs[number][0] for number in touched)
    freed = 0
    for number in sorted(touched):
        # A writer that died while it rewrote packs left some of it twice.
        staying = [row for row in rows if row[1] == number and not _is_elsewhere(packs, row[0], gone)]
        freed += copy_without(packs, sealed.packs[number][0], staying, due)
    left = [number for number in range(len(sealed.packs)) if number not in touched]
    places = {number: place for place, number in enumerate(left)}
    kept = [(key, places[pack], offset, stored) for key, pack, offset, stored in rows if pack in places]
    with writing(sealed.path):
        if left:
            index.write(packs.folders.idx(os.urandom(8).hex()), [sealed.packs[number] for number in left], kept)
        os.unlink(sealed.path)
        for number in touched:
            os.unlink(packs.folders.pack(sealed.packs[number][0]))
    return freed


def _is_elsewhere(packs: Packs, key: bytes, gone: Collection[str]) -> bool:
    """Whether an object can be read from a pack that stays."""
    for name, offset, stored in packs.places(key):
        if name not in gone:
            try:
                raw = packs.pack_file(name).read(HEADER.size + stored, offset)
                if decode(raw, packs.folders.pack(name), packs.whole)[1] == key:
                    return True
            except (CorruptData, OSError):
                continue
    return False


def copy_without(packs: Packs, name: str, rows: list[index.Row], due: Collection[bytes]) -> int:
    """Copy what stays of a pack into a new, sealed one, each record verified; bytes that this frees."""
    path = packs.folders.pack(name)
    staying = sorted((offset, key, stored) for key, _, offset, stored in rows if key not in due)
    writer: PackWriter | None = None
    with reading(path):
        pack = packs.pack_file(name)
        for offset, key, stored in staying:
            raw = pack.read(HEADER.size + stored, offset)
            _, found, _ = decode(raw, f"{path} at offset {offset}", packs.whole)
            if found != key:
                raise CorruptData(f"{path} at offset {offset}: object {key.hex()} should be here: `anew verify`")
            writer = writer or create(packs.folders)
            writer.append_record(key, raw)
        freed = pack.size()
    if writer is not None:
        writer.seal()
        writer.release()
        freed -= os.path.getsize(packs.folders.pack(writer.name))
    return freed


def _remove_strays(packs: Packs, grace_s: float) -> int:
    """Packs that no index names, left by a writer that died before it named them: bytes freed."""
    packs.look_anew()
    if packs.bad_indexes:
        return 0  # one of them may name it
    known = {name for sealed in packs.indexes for name, _, _ in sealed.packs} | {live.name for live in packs.lives}
    freed = 0
    for entry in list(os.scandir(packs.folders.packs)):
        name, _, suffix = entry.name.rpartition(".")
        if suffix == "pack" and name not in known and _age_s(entry.path) >= grace_s:
            freed += entry.stat().st_size
            os.unlink(entry.path)
    return freed


def _age_s(path: str) -> float:
    with reading(path):
        return time.time() - os.stat(path).st_mtime
