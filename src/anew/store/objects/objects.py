"""`Objects`: content in, digest out, and back."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from anew.errors import CorruptData, StoreError, UsageError
from anew.store.objects import manifest
from anew.store.objects.chunk import WHOLE_SIZE_MAX, ChangedWhileRead, Replay, cut
from anew.store.objects.disk import reading, write_parts, writing
from anew.store.objects.packs import Packs
from anew.store.objects.record import BLOB, MANIFEST, RECORD_SIZE_MAX, Buffer, digest
from anew.store.objects.stat_index import StatIndex, is_same
from anew.store.objects.values import Entry, FileRef, FolderRef, Problem

if TYPE_CHECKING:
    from anew.store.objects.seen import Seen
    from anew.store.objects.sweep import Garbage
    from anew.store.objects.tree import PutBlob

READ_SIZE = 1 << 20


class Objects:
    """The object store in one folder, made when first written. Thread-safe; any number of processes at once.

    What was put is this process's own until `flush`: then it is on the disk, and other processes see it.
    Every read is verified: CorruptData names object, file and offset; wrong bytes are never given. Writing
    raises StoreFull where there is no space or permission; what was put before can be flushed once there is.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._packs = Packs(self._root)
        self._stats = StatIndex(os.path.join(self._root, "stat"))

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_bytes(self, data: bytes) -> str:
        """The digest of `data`, now stored."""
        if len(data) <= WHOLE_SIZE_MAX:
            return self._put_blob(data).hex()
        view = memoryview(data)
        return self._put_large(lambda offset, count: view[offset : offset + count], len(data)).hex()

    def put_stream(self, read: Callable[[int], bytes], size: int) -> str:
        """Store the next `size` bytes that `read(count)` gives: `count` of them, fewer only at the end.

        Raises UsageError when there are fewer.
        """
        try:
            if size <= WHOLE_SIZE_MAX:
                data = read(size)
                if len(data) != size:
                    raise ChangedWhileRead
                return self._put_blob(data).hex()
            return self._put_large(Replay(read), size).hex()
        except ChangedWhileRead:
            raise UsageError(f"fewer bytes came than the {size:,} that were announced") from None

    def put_file(self, path: str | Path) -> FileRef:
        """Store a file's content. A file that is known by its stat and stored already is not read.

        NotFound if there is none; StoreError if it can't be read, or changes while it is, twice.
        """
        key, size = self._file(os.fspath(path), None, store=True)
        return FileRef(key.hex(), size)

    def hash_file(self, path: str | Path) -> FileRef:
        """What `put_file` gives, without storing."""
        key, size = self._file(os.fspath(path), None, store=False)
        return FileRef(key.hex(), size)

    def has(self, digest: str) -> bool:
        """Whether the object is stored. CorruptData if that can't be said because an index is damaged."""
        return self._packs.find(_key(digest)) is not None

    def size(self, digest: str) -> int:
        """Bytes of content. NotFound."""
        key = _key(digest)
        kind, size, _, _ = self._packs.peek(key)
        if kind == BLOB:
            return size
        return manifest.content_size(self._packs.read(key)[1], self._packs.where(key))

    def get_bytes(self, digest: str) -> bytes:
        """The content, verified. NotFound, CorruptData."""
        parts = list(self.iter_bytes(digest))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def iter_bytes(self, digest: str) -> Iterator[bytes]:
        """The content in pieces of up to 1 MiB, each verified; the whole is once the last has been taken."""
        key = _key(digest)
        kind, content = self._packs.read(key)
        if kind == BLOB:
            yield content
            return
        where = self._packs.where(key)
        whole = blake3()
        for chunk, size in manifest.chunks(content, self._get_blob, where):
            data = self._get_blob(chunk)
            if len(data) != size:
                raise CorruptData(f"{where}: the manifest says {size} bytes of a chunk of {len(data)}")
            whole.update(data)
            yield data
        if whole.digest() != key:
            raise CorruptData(f"{where}: the chunks of object {digest} don't make up its content")

    def iter_part(self, digest: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of the content from `start` up to `end`, in pieces, each verified; only they are read."""
        key = _key(digest)
        kind, content = self._packs.read(key)
        if kind == BLOB:
            yield content[start:end]
            return
        at = 0
        for chunk, size in manifest.chunks(content, self._get_blob, self._packs.where(key)):
            if at >= end:
                return
            if at + size > start:
                yield self._get_blob(chunk)[max(0, start - at) : end - at]
            at += size

    def restore_file(self, digest: str, path: Path, *, executable: bool = False) -> None:
        """Make `path` hold the content, all or nothing. Makes the folders it is in; keeps to the umask."""
        self._restore(digest, os.fspath(path), executable)

    def put_tree(self, entries: Iterable[Entry], nodes: dict[bytes, bytes] | None = None) -> str:
        """Store a tree of entries whose content is stored apart. Their order does not matter.

        `nodes`: is given what it is made of, and nothing is stored.
        """
        from anew.store.objects import tree

        return tree.put(entries, self._put_blob if nodes is None else _into(nodes)).hex()

    def read_tree(self, digest: str) -> Iterator[Entry]:
        """Its entries, sorted by path. A folder is among them only if it is empty."""
        from anew.store.objects import tree

        return tree.read(_key(digest), self._get_blob)

    def put_folder(self, path: Path, *, remember: bool = False) -> FolderRef:
        """Store a folder with all it holds, but for `.anew`.

        `remember`: what it held is noted once all is stored, and not read again next time where it is the same.
        """
        from anew.store.objects.folder import Taker

        seen = self._seen_at(path) if remember else None
        found = Taker(self._put_small, self._put_blob, self._get_blob, seen).take(os.fspath(path))
        if seen is not None:
            self.flush()
            seen.save()
        return FolderRef(found.key.hex(), found.size, found.files)

    def hash_folder(self, path: Path, nodes: dict[bytes, bytes]) -> FolderRef:
        """What `put_folder` gives, without storing; `nodes` is given those of its tree that are not stored."""
        return self.look_at(path, nodes)[0]

    def look_at(self, path: Path, nodes: dict[bytes, bytes]) -> tuple[FolderRef, Seen]:
        """`hash_folder`, and what was seen, for `settle`."""
        from anew.store.objects.folder import Taker

        seen = self._seen_at(path)
        found = Taker(self._hash_small, _into(nodes), self._get_blob, seen).take(os.fspath(path))
        return FolderRef(found.key.hex(), found.size, found.files), seen

    def settle(self, seen: Seen, digest: str, touched: Collection[str]) -> None:
        """Note, as `put_folder` does, that a folder that was looked at holds the tree `digest` now.

        `touched`: paths below it of all that was written or removed since. What it holds otherwise is noted as it is.
        """
        from anew.store.objects import settle

        if not settle.settle(seen, _key(digest), touched, self._get_blob, self._hash_small):
            self.put_folder(Path(seen.path), remember=True)
            return
        self.flush()
        seen.save()

    def _hash_small(self, path: str, about: os.stat_result) -> tuple[bytes, int]:
        return self._file(path, about, store=False)

    def restore_tree(self, digest: str, folder: Path, *, remember: bool = False) -> list[str]:
        """Put a tree into `folder`; the paths in it. What else is there stays, and nothing is written through a link.

        A folder that is not there yet comes whole or not at all. `remember` as for `put_folder`: for such a one only.
        """
        from anew.store.objects import folder as folders
        from anew.store.objects import tree

        # All of it is checked before anything is written: reading it costs a fiftieth of restoring.
        paths = tree.paths(_key(digest), self._get_blob)
        path = os.fspath(folder)
        if os.path.lexists(path):
            folders.restore(self.read_tree(digest), path, self._restore)
            return paths
        writer = folders.Writer(self._get_blob, self.records, self._iter)
        with folders.staging(path) as beside, writing(path):
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            whole = os.path.join(beside, "whole")
            os.mkdir(whole)
            writer.write(_key(digest), whole)
            written_ns = time.time_ns()
            os.rename(whole, path)
        if remember:
            self.flush()
            seen = self._seen_at(folder)
            writer.forget_racy(written_ns)
            seen.device, seen.folders = os.stat(path).st_dev, writer.seen
            seen.save()
        return paths

    def tree_differences(
        self, before: str, after: str, nodes: Mapping[bytes, bytes] | None = None
    ) -> Iterator[tuple[str, Entry | None, Entry | None]]:
        """Path, and entry before and after, of all that differs between two trees, sorted by path.

        `nodes`: of trees that are not stored, from `hash_folder`.
        """
        from anew.store.objects import tree

        def get(key: bytes) -> bytes:
            return (nodes or {}).get(key) or self._get_blob(key)

        return tree.differences(_key(before), _key(after), get)

    def restore_entries(self, entries: Iterable[Entry], folder: Path) -> None:
        """Put single entries of a tree into `folder`, each all or nothing; nothing is written through a link."""
        from anew.store.objects import folder as folders

        with folders.staging(os.fspath(folder)) as beside:
            folders.restore(entries, os.fspath(folder), lambda d, path, x: self._restore(d, path, x, beside))

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those of `digests` that are not stored, each once. What a damaged index can't tell of counts as missing."""
        self._packs.look()
        return [digest for digest in dict.fromkeys(digests) if not self._packs.known(_key(digest))]

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of `keys` that are not stored, or to be swept. Much quicker than `missing` for many."""
        places = zip(keys, self._packs.find_all(keys), strict=True)
        return [key for key, place in places if place is None or self._packs.is_condemned(key)]

    def records(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes, memoryview]]:
        """Key, kind, content and record of each, verified, in the order in which they lie. NotFound, CorruptData."""
        from anew.store.objects import bulk

        return bulk.records(self._packs, keys)

    def put_records(self, records: Iterable[tuple[bytes, Buffer]]) -> None:
        """Store records, by key, as they lie in another pack, side by side. Who gives them has verified them, and seen
        that they are not here.
        """
        self._packs.add_records(records)

    def put_chunk(self, data: bytes) -> str:
        """Store `data`, of at most 16 MiB, in one piece, for `join` to make larger content of; its digest."""
        if len(data) > RECORD_SIZE_MAX:
            raise UsageError(f"a chunk has {RECORD_SIZE_MAX} bytes at most, not {len(data)}")
        return self._put_blob(data).hex()

    def chunks(self, digest: str) -> list[FileRef]:
        """The pieces that content is stored in, in order; empty when it is one piece. NotFound, CorruptData."""
        key = _key(digest)
        kind, content = self._packs.read(key)
        if kind == BLOB:
            return []
        return [
            FileRef(chunk.hex(), size)
            for chunk, size in manifest.chunks(content, self._get_blob, self._packs.where(key))
        ]

    def join(self, digest: str, chunks: Iterable[FileRef]) -> None:
        """Make content of stored pieces. All of it is read: CorruptData when it is not what `digest` says. NotFound."""
        whole = blake3()
        made = manifest.Builder(lambda key, data: self._packs.add(BLOB, key, data))
        for chunk in chunks:
            data = self._get_blob(_key(chunk.digest))
            if len(data) != chunk.size:
                raise CorruptData(f"chunk {chunk.digest} has {len(data)} bytes, not {chunk.size}")
            made.add(_key(chunk.digest), len(data))
            whole.update(data)
        if whole.hexdigest() != digest:
            raise CorruptData(f"these chunks make up object {whole.hexdigest()}, not {digest}")
        self._packs.add(MANIFEST, whole.digest(), made.finish())

    def tree_parts(self, digest: str) -> Iterator[str]:
        """The digests of all that a tree is made of: its nodes, and the content of its files. NotFound, CorruptData."""
        from anew.store.objects import tree

        nodes: list[str] = []

        def get(key: bytes) -> bytes:
            nodes.append(key.hex())
            return self._get_blob(key)

        for entry in tree.read(_key(digest), get):
            if entry.kind == "file":
                yield entry.digest
        yield from nodes

    def flush(self) -> None:
        """All put so far is durable, and visible to other processes."""
        self._packs.flush()
        self._stats.save()

    def close(self) -> None:
        """Flush, and leave the pack to the next writer (sealed, if it is full). A later put opens another."""
        self._packs.close()
        self._stats.save()

    def verify(self) -> Iterator[Problem]:
        """Read the whole store; what is wrong with it."""
        from anew.store.objects import verify

        return verify.problems(self._packs)

    def _seen_at(self, path: Path) -> Seen:
        from anew.store.objects.seen import Seen

        where = os.path.abspath(path)
        name = digest(os.fsencode(where)).hex()[:32]
        seen = Seen.load(os.path.join(self._root, "seen", name), where)
        if "" in seen.folders and not self._packs.known(seen.folders[""].key):
            seen.folders = {}  # lost, or condemned: it has to be stored again
        return seen

    def _iter(self, key: bytes) -> Iterable[bytes]:
        """`iter_bytes`, as a list where the content is in one piece."""
        kind, content = self._packs.read(key)
        return (content,) if kind == BLOB else self.iter_bytes(key.hex())

    def _put_small(self, path: str, about: os.stat_result) -> tuple[bytes, int]:
        """Store a file whose stat is known. A small one takes as few calls as can be."""
        size = about.st_size
        if size > WHOLE_SIZE_MAX:
            return self._file(path, about, store=True)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return self._file(path, None, store=True)  # says what is wrong
        try:
            data = os.read(fd, size + 1)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        if len(data) != size or not is_same(after, about):
            return self._file(path, None, store=True)
        key = digest(data)
        self._packs.add(BLOB, key, data)
        return key, size

    def keys_of(self, digests: Iterable[str], trees: Iterable[str]) -> set[bytes]:
        """The keys of all records that these objects, and all that is in these trees, are made of, or deltas of.

        What is not stored is left out, such as what a fetch that broke off did not bring. CorruptData where that can't
        be told.
        """
        from anew.store.objects import reach

        return reach.keys_of(self._packs, map(_key, digests), map(_key, trees), self._get_blob)

    def lost(self, digests: Iterable[str], trees: Iterable[str]) -> set[bytes]:
        """The keys of records that these objects, and all that is in these trees, need, and that are not stored, or
        can't be read as far as that had to be done. What is below a lost node of a tree is not known.
        """
        from anew.store.objects import reach

        return reach.lost(self._packs, map(_key, digests), map(_key, trees), self._get_blob)

    def reindex(self) -> list[str]:
        """See `repair.reindex`."""
        from anew.store.objects import repair

        return repair.reindex(self._packs)

    def drop(self, keys: Collection[bytes], stored_again: Collection[bytes] = ()) -> None:
        """See `repair.drop`. What was noted of folders vouched for what goes, so that goes, too."""
        from anew.store.objects import repair

        self.flush()
        repair.drop(self._packs, keys, stored_again)
        shutil.rmtree(os.path.join(self._root, "seen"), ignore_errors=True)

    def condemn(self, named: Collection[bytes], grace_s: float, *, note: bool = True) -> Garbage:
        """See `sweep.condemn`."""
        from anew.store.objects import sweep

        return sweep.condemn(self._packs, named, grace_s, note=note)

    def sweep(self, due: Collection[bytes], grace_s: float) -> int:
        """Take objects out for good; bytes that this frees. What was noted of folders vouched for them, so it goes."""
        from anew.store.objects import sweep

        shutil.rmtree(os.path.join(self._root, "seen"), ignore_errors=True)
        return sweep.sweep(self._packs, due, grace_s)

    def _put_blob(self, data: bytes, like: bytes | None = None) -> bytes:
        """`like`: the key of another blob, of which little may differ."""
        key = digest(data)
        self._packs.add(BLOB, key, data, like)
        return key

    def _get_blob(self, key: bytes) -> bytes:
        kind, content = self._packs.read(key)
        if kind == BLOB:
            return content
        return b"".join(self.iter_bytes(key.hex()))

    def _put_large(self, read: Callable[[int, int], bytes | memoryview], size: int) -> bytes:
        """Store content in chunks; its key."""
        whole = blake3()
        chunks = manifest.Builder(lambda key, data: self._packs.add(BLOB, key, data))
        for pieces in cut(read, size):
            for piece in pieces:
                key = digest(piece)
                self._packs.add(BLOB, key, piece)
                chunks.add(key, len(piece))
                whole.update(piece)
            self._packs.let_go()  # the next window may be read to where this one is
        key = whole.digest()
        self._packs.add(MANIFEST, key, chunks.finish())
        return key

    def _file(self, path: str, about: os.stat_result | None, *, store: bool) -> tuple[bytes, int]:
        """Key and size of a file, whose stat may be known already."""
        for _ in range(2):
            if about is None:
                with reading(path):
                    about = os.stat(path)
            if not stat.S_ISREG(about.st_mode):
                raise StoreError(f"{path} is not a file")
            key = self._stats.get(about)
            if key is None or (store and not self._packs.known(key)):
                key = self._read_file(path, store)
            if key is not None:
                return key, about.st_size
            about = None
        raise StoreError(f"{path} changed while being read, twice: try again once its writer is done")

    def _read_file(self, path: str, store: bool) -> bytes | None:
        """The key of the file's content, stored if so asked; None if it changed meanwhile."""
        opened_ns = time.time_ns()
        with reading(path):
            fd = os.open(path, os.O_RDONLY)
        try:
            before = os.fstat(fd)
            size = before.st_size
            try:
                key = self._put_open(fd, size, path) if store else _hash_open(fd, size, path)
            except ChangedWhileRead:
                return None
            if not is_same(os.fstat(fd), before):
                return None
        finally:
            os.close(fd)
        self._stats.put(before, key, opened_ns)
        return key

    def _put_open(self, fd: int, size: int, path: str) -> bytes:
        if size > WHOLE_SIZE_MAX:
            return self._put_large(_Window(fd, path), size)
        data = _pread(fd, size + 1, 0, path)
        if len(data) != size:
            raise ChangedWhileRead
        return self._put_blob(data)

    def _restore(self, digest: str, path: str, executable: bool, beside: str | None = None) -> None:
        """Write a file, in the folder `beside` it where one is given, and rename it."""
        from anew.store.objects.folder import temporary_name

        folder = os.path.dirname(path) or "."
        temporary = os.path.join(beside or folder, temporary_name())
        with writing(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            mode = 0o777 if executable else 0o666
            try:
                fd = os.open(temporary, flags, mode)
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
                fd = os.open(temporary, flags, mode)
            try:
                try:
                    write_parts(fd, self.iter_bytes(digest))
                finally:
                    os.close(fd)
                os.rename(temporary, path)
            except BaseException as error:
                os.unlink(temporary)
                if beside is None or getattr(error, "errno", None) != errno.EXDEV:
                    raise
                self._restore(digest, path, executable)  # what is mounted here can't be renamed into


def _key(digest: str) -> bytes:
    try:
        key = bytes.fromhex(digest)
    except (ValueError, TypeError):
        key = b""
    if len(key) != 32 or key.hex() != digest:
        raise UsageError(f"{digest!r} is not a digest: 64 characters of 0-9a-f")
    return key


def _into(nodes: dict[bytes, bytes]) -> PutBlob:
    """Where blobs are kept that are not to be stored."""

    def put(data: bytes, like: bytes | None = None) -> bytes:
        key = digest(data)
        nodes[key] = data
        return key

    return put


class _Window:
    """Reads a file piece by piece to one place: new memory for each would cost as much as the reading."""

    def __init__(self, fd: int, path: str) -> None:
        self._fd, self._path = fd, path
        self._memory = memoryview(bytearray())

    def __call__(self, offset: int, count: int) -> memoryview:
        """`count` bytes, until the next call; fewer at the end of the file."""
        if len(self._memory) < count:
            self._memory = memoryview(bytearray(count))
        at = 0
        with reading(self._path):
            while at < count and (more := os.preadv(self._fd, [self._memory[at:count]], offset + at)):
                at += more
        return self._memory[:at]


def _pread(fd: int, count: int, offset: int, path: str) -> bytes:
    """`count` bytes, fewer only at the end of the file."""
    with reading(path):
        data = os.pread(fd, count, offset)
        while len(data) < count and (more := os.pread(fd, count - len(data), offset + len(data))):
            data += more
        return data


def _hash_open(fd: int, size: int, path: str) -> bytes:
    """One thread, and read rather than mapped: see `record.digest` and `chunk.cut`."""
    hasher = blake3()
    offset = 0
    while offset <= size and (data := _pread(fd, READ_SIZE, offset, path)):  # past it: the file grows, stop
        hasher.update(data)
        offset += len(data)
    if offset != size:
        raise ChangedWhileRead
    return hasher.digest()
