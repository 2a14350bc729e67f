"""All packs of a store as one map from key to content."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from anew.errors import CorruptData, NotFound, StoreError
from anew.store.objects import index
from anew.store.objects.disk import reading, writing
from anew.store.objects.fork import watch
from anew.store.objects.index import SealedIndex
from anew.store.objects.live import LiveIndex
from anew.store.objects.pack import Folders, PackFile, PackWriter, create, find_unindexed, is_owned, take_on
from anew.store.objects.record import BASE_SIZE, BLOB, HEADER, Buffer, base_of, decode, parse_header

Place = tuple[str, int, int]  # pack name, offset, stored

OPEN_PACKS_MAX = 64
LOOK_AGAIN_S = 1.0  # how stale the view may be when the cost of a miss is only a second copy
RACY_NS = 50_000_000  # a folder that changed this shortly before it was listed may have changed since, unnoticed
MERGED_INDEXES = 16


class Packs:
    """Thread-safe. A forked child starts afresh: without its parent's pack and pending bytes."""

    def __init__(self, root: str) -> None:
        self.folders = Folders(root)
        self._begin()
        watch(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._writer: PackWriter | None = None
        self.lives: tuple[LiveIndex, ...] = ()
        self.indexes: tuple[SealedIndex, ...] = ()
        self.bad_indexes: dict[str, CorruptData] = {}
        self._open: dict[str, PackFile] = {}
        self._listed = (-1, 0)  # mtime of the index folder, and when it was listed
        self._looked_s = 0.0
        self._condemned: Collection[bytes] = ()
        self._condemned_at = -1  # mtime of the file
        self._again: set[bytes] = set()  # of those, what this process has stored once more

    def forget_parent(self) -> None:
        """In a forked child: close what would keep the parent's lock, and begin again."""
        if self._writer is not None:
            self._writer.forget()
        self._begin()

    def find(self, key: bytes) -> Place | None:
        """Where the object is; None only after a look at all that other processes have published."""
        for look in (self.look, self.look_anew):
            if place := self._find(key):
                return place
            look()
        if place := self._find(key) or self._find_left_behind(key):
            return place
        self._check_indexes()
        return None

    def find_all(self, keys: Sequence[bytes]) -> list[Place | None]:
        """Where each is, None for what is not found at once. Much quicker than `find` for each of many."""
        import numpy as np

        self.flush()
        self.look()
        found: list[Place | None] = [None] * len(keys)
        growing = [(live.name, live.entries) for live in self.lives]
        if self._writer is not None:
            growing.append((self._writer.name, self._writer.entries))
        left = []
        for position, key in enumerate(keys):
            for name, entries in growing:
                if entry := entries.get(key):
                    found[position] = (name, *entry)
                    break
            else:
                left.append(position)
        for sealed in self.indexes:
            if not left:
                break
            wanted = np.frombuffer(b"".join([keys[position] for position in left]), "u1").reshape(-1, 32)
            here, places = sealed.find_all(wanted)
            for at, (pack, offset, stored) in zip(here.tolist(), places.tolist(), strict=True):
                found[left[at]] = (sealed.packs[pack][0], offset, stored)
            left = [position for position in left if found[position] is None]
        return found

    def known(self, key: bytes) -> bool:
        """`find` for deduplication: quick, and may miss what others published in the last second."""
        try:
            if self._find(key):
                if time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
                    self.look()
                return key not in self._condemned or key in self._again
            if time.monotonic() - self._looked_s < LOOK_AGAIN_S:
                return False
            self.look()
            return self._find(key) is not None and key not in self._condemned
        except CorruptData:
            return False  # stored again, which also heals

    def read(self, key: bytes) -> tuple[int, bytes]:
        """(kind, content), verified. NotFound, or CorruptData naming pack and offset."""
        _, _, raw, where = self._raw(key, None)
        kind, found, content = decode(raw, where, self.whole)
        if found != key:
            raise CorruptData(f"{where}: object {key.hex()} should be here, but {found.hex()} is")
        return kind, content

    def whole(self, key: bytes) -> bytes:
        """The content of a blob that deltas differ from, and that is none itself. CorruptData."""
        try:
            _, _, raw, where = self._raw(key, None)
        except NotFound as error:
            raise CorruptData(f"{error}, from which others that are differ") from error
        kind, found, content = decode(raw, where)
        if found != key or kind != BLOB:
            raise CorruptData(f"{where}: blob {key.hex()} should be here, but {found.hex()} is")
        return content

    def places(self, key: bytes) -> Iterator[Place]:
        """Where the object is: in more than one place, if it was stored by several at once, or while condemned."""
        writer = self._writer
        if writer is not None and (entry := writer.entries.get(key)):
            with self._lock:
                writer.drain()
            yield writer.name, *entry
        for live in self.lives:
            if entry := live.entries.get(key):
                yield live.name, *entry
        prefix = int.from_bytes(key[:8])
        for sealed in self.indexes:
            if place := sealed.find(key, prefix):
                yield place

    def bases_of(self, key: bytes) -> set[bytes]:
        """The keys of what it is stored as a delta of, wherever it is stored. CorruptData."""
        found = set()
        for name, offset, _ in self.places(key):
            where = f"{self.folders.pack(name)} at offset {offset}"
            try:
                raw = self.pack_file(name).read(HEADER.size + BASE_SIZE, offset)
            except FileNotFoundError:
                continue  # rewritten since: what is copied stays a delta of the same
            except OSError:
                with reading(where):
                    raise
            if base := base_of(raw, where):
                found.add(base)
        return found

    def peek(self, key: bytes) -> tuple[int, int, int, int]:
        """(kind, bytes of the record's decoded content, bytes stored, offset); only the header is checked."""
        _, offset, raw, where = self._raw(key, HEADER.size)
        kind, _, stored, size, found, _ = parse_header(raw, where)
        if found != key:
            raise CorruptData(f"{where}: object {key.hex()} should be here, but {found.hex()} is")
        return kind, size, stored, offset

    def where(self, key: bytes) -> str:
        place = self._find(key)
        return f"{self.folders.pack(place[0])} at offset {place[1]}" if place else f"object {key.hex()}"

    def add(self, kind: int, key: bytes, content: Buffer, like: bytes | None = None) -> None:
        """Store a record unless its key is already there. `like`: the key of a blob that may be much the same."""
        if self.known(key):
            return
        base = self._base_like(like) if like is not None else None
        with self._lock:
            writer = self._writer
            if key in self._condemned:
                self._again.add(key)
            elif writer is not None and key in writer.entries:
                return
            self._with_room().append(kind, key, content, base)

    def let_go(self) -> None:
        """Nothing that was given to `add` is referred to any more."""
        with self._lock:
            if self._writer is not None:
                self._writer.drain_most()

    def add_records(self, records: Iterable[tuple[bytes, Buffer]]) -> None:
        """Store records as they lie in another pack, verified by who gives them; but for those just added here."""
        with self._lock:
            for key, record in records:
                if key in self._condemned:
                    self._again.add(key)
                elif self._writer is not None and key in self._writer.entries:
                    continue
                self._with_room().append_record(key, record)

    def _base_like(self, key: bytes) -> tuple[bytes, bytes] | None:
        """What to keep a delta of, and its content: never of a delta, so that no read takes more than two records."""
        try:
            for base in self.bases_of(key):
                key = base
            return (key, self.whole(key)) if self.known(key) else None
        except (NotFound, StoreError):
            return None

    def is_condemned(self, key: bytes) -> bool:
        """Whether it is to be swept, and has to be stored again before anything refers to it."""
        return key in self._condemned and key not in self._again

    def _with_room(self) -> PackWriter:
        """The pack to append to."""
        writer = self._writer
        if writer is not None and not writer.full:
            return writer
        in_vain = 0
        if writer is not None:
            self._seal(writer)
            in_vain = writer.in_vain  # what comes is likely to be of the same kind
        self._writer = self._take_one_on() or create(self.folders)
        self._writer.in_vain = in_vain
        return self._writer

    def flush(self) -> None:
        """All that was added is on the disk, and seen by others."""
        with self._lock:
            if self._writer is not None:
                self._writer.flush()

    def close(self) -> None:
        """Flush, and leave the pack to the next writer, sealed if it is full."""
        with self._lock:
            writer = self._writer
            if writer is None:
                return
            if writer.full:
                self._seal(writer)
                return
            writer.flush()
            self._writer = None
            writer.release()
            self.look_anew()

    def look(self) -> None:
        """Take in what other processes have published since the last look."""
        with self._lock:
            self._looked_s = time.monotonic()
            self._look_at_condemned()
            try:
                changed = os.stat(self.folders.index).st_mtime_ns
            except FileNotFoundError:
                return  # nothing was ever written
            except OSError as error:
                with reading(self.folders.index):
                    raise error
            seen, listed = self._listed
            if changed != seen or changed + RACY_NS > listed:
                self.look_anew()
            else:
                for live in self.lives:
                    live.advance()

    def _look_at_condemned(self) -> None:
        """Take in what is to be swept: it is stored again when it is put again."""
        try:
            changed = os.stat(os.path.join(self.folders.root, "condemned")).st_mtime_ns
        except OSError:
            self._condemned, self._condemned_at = (), -1
            return
        if changed != self._condemned_at:
            from anew.store.objects.sweep import condemned

            try:
                self._condemned, self._condemned_at = condemned(self.folders.root), changed
            except CorruptData:
                self._condemned = ()  # a sweep needs it whole: nothing goes

    @property
    def own(self) -> PackWriter | None:
        """The pack this process appends to."""
        return self._writer

    def pack_file(self, name: str) -> PackFile:
        """Open for reading. OSError when it is gone."""
        with self._lock:
            pack = self._open.pop(name, None) or PackFile(self.folders.pack(name))
            self._open[name] = pack  # last in the dict: most recently used
            if len(self._open) > OPEN_PACKS_MAX:
                del self._open[next(iter(self._open))]
            return pack

    def _find(self, key: bytes) -> Place | None:
        writer = self._writer
        if writer is not None and (entry := writer.entries.get(key)):
            return writer.name, *entry
        for live in self.lives:
            if entry := live.entries.get(key):
                return live.name, *entry
        prefix = int.from_bytes(key[:8])
        for sealed in self.indexes:
            if place := sealed.find(key, prefix):
                return place
        return None

    def _raw(self, key: bytes, count: int | None) -> tuple[str, int, bytes, str]:
        """(pack name, offset, the record's bytes or the first `count`, the same in words)."""
        for attempt in (1, 2):
            place = self.find(key)
            if place is None:
                raise NotFound(f"object {key.hex()} is not in {self.folders.root}")
            name, offset, stored = place
            where = f"{self.folders.pack(name)} at offset {offset}"
            with self._lock:
                if self._writer is not None and self._writer.name == name:
                    self._writer.drain()
            try:
                raw = self.pack_file(name).read(count or HEADER.size + stored, offset)
            except FileNotFoundError as error:
                if attempt == 2:
                    raise CorruptData(f"{where}: the pack is gone, and object {key.hex()} with it") from error
                self.look_anew()  # packs may have been rewritten since the index was read
                continue
            except OSError:
                with reading(where):
                    raise
            break
        return name, offset, raw, where

    def look_anew(self) -> None:
        """List the index folder, whatever is known of it."""
        with self._lock:
            for _ in range(10):
                try:
                    listed = time.time_ns()
                    changed = os.stat(self.folders.index).st_mtime_ns
                    names = os.listdir(self.folders.index)
                except FileNotFoundError:
                    return
                if self._take_in(names):
                    self._listed = (changed, listed)
                    return

    def _take_in(self, names: list[str]) -> bool:
        """Follow the listed indexes; False when one of them was gone already."""
        indexes = {os.path.basename(i.path): i for i in self.indexes}
        lives = {live.name: live for live in self.lives}
        own = self._writer.name if self._writer is not None else ""
        bad: dict[str, CorruptData] = {}
        new_indexes, new_lives = [], []
        try:
            for file in sorted(names):
                stem, _, suffix = file.rpartition(".")
                path = os.path.join(self.folders.index, file)
                if suffix == "idx":
                    try:
                        new_indexes.append(indexes.get(file) or SealedIndex(path))
                    except CorruptData as error:
                        bad[path] = error
                elif suffix == "live" and stem != own:
                    live = lives.get(stem) or LiveIndex(path, stem)
                    live.advance()
                    new_lives.append(live)
        except FileNotFoundError:
            return False
        new_indexes.sort(key=lambda i: -i.count)  # the largest first: most likely to know
        self.indexes, self.lives, self.bad_indexes = tuple(new_indexes), tuple(new_lives), bad
        return True

    def _find_left_behind(self, key: bytes) -> Place | None:
        """Look in packs of dead writers past where their index is readable, until a writer takes them on."""
        for live in self.lives:
            if not live.clean and not is_owned(self.folders.live(live.name)):
                try:
                    pack = self.pack_file(live.name)
                except OSError:
                    continue
                if place := find_unindexed(pack, live, key):
                    return live.name, *place
        return None

    def _check_indexes(self) -> None:
        """CorruptData when an index is damaged: then a miss says nothing."""
        for error in self.bad_indexes.values():
            raise CorruptData(str(error))
        for sealed in self.indexes:
            sealed.check()
        for live in self.lives:
            if is_owned(self.folders.live(live.name)):
                live.check()

    def _take_one_on(self) -> PackWriter | None:
        """The fullest pack that another writer left, so that packs fill up and get sealed."""
        self.look_anew()
        sealed = {name for i in self.indexes for name, _, _ in i.packs}
        free = []
        for live in self.lives:
            if live.name not in sealed:
                free.append(live)
                continue
            try:
                os.unlink(live.path)  # its writer died between sealing and tidying up
            except OSError:
                pass  # not ours to tidy, or done already
        for live in sorted(free, key=lambda live: -len(live.entries)):
            if writer := take_on(self.folders, live.name):
                self.lives = tuple(other for other in self.lives if other is not live)
                return writer
        return None

    def _seal(self, writer: PackWriter) -> None:
        writer.seal()
        self._writer = None
        writer.release()
        self.look_anew()
        self._merge()

    def _merge(self) -> None:
        """Make one index of many alike, so that a look-up asks few."""
        alike: dict[int, list[SealedIndex]] = {}
        for sealed in self.indexes:
            alike.setdefault(sealed.count.bit_length() // 4, []).append(sealed)
        for several in alike.values():
            if len(several) < MERGED_INDEXES or sum(i.count for i in several) > index.MERGED_ENTRIES_MAX:
                continue
            path = os.path.join(self.folders.index, "merge.lock")
            with writing(path):
                lock = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._merge_these(several)
            except BlockingIOError:
                pass  # another process is at it
            finally:
                os.close(lock)

    def _merge_these(self, several: list[SealedIndex]) -> None:
        path = self.folders.idx(os.urandom(8).hex())
        try:
            for sealed in several:
                sealed.check()
        except CorruptData:
            return  # a damaged index stays as it is, to be found
        with writing(path):
            index.write(path, *index.merged(several))
            for sealed in several:
                try:
                    os.unlink(sealed.path)
                except FileNotFoundError:
                    pass  # another process merged it first
        self.look_anew()
