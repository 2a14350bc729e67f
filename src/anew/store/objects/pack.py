"""The pack that this process appends to, and reading any pack."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import fcntl
import os

from blake3 import blake3

from anew.errors import CorruptData, StoreError
from anew.store.objects import frames, index, live
from anew.store.objects.disk import (
    BLOCK_SIZE,
    Direct,
    first_of,
    fsync_folder,
    left_after,
    write_all,
    write_some,
    writing,
)
from anew.store.objects.record import HEADER, Buffer, encode, encode_delta, scan

MAGIC = b"ANEWP\x01\r\n"
PACK_SIZE = 64 << 20
PACK_RECORDS = 16_384
PENDING_SIZE_MAX = 4 << 20
_IN_VAIN_MAX, _TRIED_EVERY = 32, 8
_WINDOW_SIZE = 1 << 18


class Folders:
    """Where the parts of one object store lie."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.packs = os.path.join(root, "packs")
        self.index = os.path.join(root, "index")

    def pack(self, name: str) -> str:
        return os.path.join(self.packs, name + ".pack")

    def live(self, name: str) -> str:
        return os.path.join(self.index, name + ".live")

    def idx(self, name: str) -> str:
        return os.path.join(self.index, name + ".idx")

    def make(self) -> None:
        for folder in (self.packs, self.index):
            with writing(folder):
                os.makedirs(folder, exist_ok=True)


class PackFile:
    """A pack open for reading, closed when nobody holds it any more."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self._window = (0, b"")  # replaced as a whole: safe for threads
        self._end = -1  # of the last read

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def read(self, count: int, offset: int) -> bytes:
        """Fewer bytes only at the end. Who reads one record after the other reads many at once."""
        start, window = self._window
        if start <= offset and offset + count <= start + len(window):
            data = window[offset - start : offset - start + count]
        elif offset == self._end and count < _WINDOW_SIZE:
            window = os.pread(self._fd, _WINDOW_SIZE, offset)
            self._window = (offset, window)
            data = window[:count]
        else:
            data = os.pread(self._fd, count, offset)
        self._end = offset + count
        return data

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def fileno(self) -> int:
        return self._fd


class PackWriter:
    """A pack that this process owns by the lock on its live index. Not thread-safe: `Packs` locks."""

    def __init__(self, folders: Folders, name: str, live_fd: int, entries: dict[bytes, tuple[int, int]]) -> None:
        self.name = name
        self.entries = entries  # key to (offset, stored); of bytes still pending too
        self._folders = folders
        self._live_fd = live_fd
        self._path = folders.pack(name)
        self._pack_fd = os.open(self._path, os.O_RDWR | os.O_APPEND)
        self._written = os.fstat(self._pack_fd).st_size
        self._direct: Direct | None = None
        self._pending: list[Buffer] = []
        self._pending_size = 0
        self._unpublished: list[bytes] = []
        self._poison: OSError | None = None
        self.in_vain = 0  # records in a row that did not shrink
        # Of a pack begun by another the headers have to be read, once, when it is sealed.
        self._headers = blake3() if not entries and self._written == len(MAGIC) else None

    @property
    def full(self) -> bool:
        return self._written + self._pending_size >= PACK_SIZE or len(self.entries) >= PACK_RECORDS

    def append(self, kind: int, key: bytes, content: Buffer, base: tuple[bytes, bytes] | None = None) -> None:
        """Raises before it takes the record, so that what was taken can still be written later.

        `base`: key and content of a blob that is stored whole, of which `content` may be kept as a delta.
        """
        if self._pending_size >= PENDING_SIZE_MAX:
            self.drain_most()
        if base is not None and (delta := encode_delta(key, content, *base)) is not None:
            self._take(key, *delta)
            return
        # Where many in a row did not shrink (images, archives), only now and then one is tried.
        compress = self.in_vain < _IN_VAIN_MAX or not len(self.entries) % _TRIED_EVERY
        header, stored = encode(kind, key, content, compress=compress)
        self.in_vain = self.in_vain + 1 if len(stored) == len(content) else 0
        self._take(key, header, stored)

    def append_record(self, key: bytes, record: Buffer) -> None:
        """The same for a record as it lies in another pack, verified by who gives it."""
        if self._pending_size >= PENDING_SIZE_MAX:
            self.drain_most()
        self._take(key, bytes(record[: HEADER.size]), record[HEADER.size :])

    def _take(self, key: bytes, header: bytes, stored: Buffer) -> None:
        offset = self._written + self._pending_size
        self._pending += (header, stored) if len(stored) else (header,)
        self._pending_size += len(header) + len(stored)
        self.entries[key] = (offset, len(stored))
        if self._headers is not None:
            self._headers.update(header)
        self._unpublished.append(key)

    def drain(self) -> None:
        """Hand pending bytes to the kernel. After StoreFull the rest stays pending, to be tried again."""
        with writing(self._path):
            self._raise_poison()
            while self._pending:
                self._advance(write_some(self._pack_fd, self._pending))

    def drain_most(self) -> None:
        """The same but for less than a block; and large pieces go past the page cache. Nothing that was given to
        `append` is referred to afterwards.
        """
        with writing(self._path):
            self._raise_poison()
            if self._pending_size >= BLOCK_SIZE and self._direct is None:
                self._direct = Direct(self._path)
            while self._pending_size >= BLOCK_SIZE:
                if odd := -self._written % BLOCK_SIZE:
                    self._advance(os.write(self._pack_fd, b"".join(first_of(self._pending, odd))))
                elif count := self._direct.write(self._pending, self._written) if self._direct else 0:
                    self._advance(count)
                else:
                    self._advance(write_some(self._pack_fd, self._pending))
            self._pending = [b"".join(self._pending)] if self._pending else []

    def _advance(self, count: int) -> None:
        self._written += count
        self._pending_size -= count
        self._pending = left_after(self._pending, count)

    def flush(self) -> None:
        """Records on the disk, then the index that names them."""
        self.drain()
        if not self._unpublished:
            return
        with writing(self._path):
            self._sync(self._pack_fd)
        live_path = self._folders.live(self.name)
        with writing(live_path):
            before = os.fstat(self._live_fd).st_size
            try:
                new = b"".join([live.ENTRY.pack(key, *self.entries[key]) for key in self._unpublished])
                write_all(self._live_fd, frames.frame(new, live.ENTRY.size))
            except OSError:
                os.ftruncate(self._live_fd, before)  # half a frame would hide all later ones
                raise
            self._sync(self._live_fd)
        self._unpublished = []

    def seal(self) -> None:
        """Records on the disk, then the immutable index. The writer is done for then: `release` it."""
        self.drain()
        path = self._folders.idx(self.name)
        with writing(path):
            if self.entries:
                self._sync(self._pack_fd)
                rows = [(key, 0, offset, stored) for key, (offset, stored) in self.entries.items()]
                end = end_of(self.entries)
                seal = self._headers.digest() if self._headers is not None else seal_of(self._pack_fd, end)
                index.write(path, [(self.name, end, seal)], rows)
            else:
                os.unlink(self._path)  # its writer died before it finished one record
            try:
                os.unlink(self._folders.live(self.name))
            except FileNotFoundError:
                pass  # another writer saw both indexes, and tidied up

    def release(self) -> None:
        """Let go of the pack: any other writer may take it on."""
        fcntl.flock(self._live_fd, fcntl.LOCK_UN)  # closing alone would leave it to a child that has copies
        self.forget()

    def forget(self) -> None:
        """In a forked child: close the copies, and leave the lock to the parent."""
        os.close(self._pack_fd)
        os.close(self._live_fd)
        if self._direct is not None:
            self._direct.close()

    @property
    def tidy(self) -> bool:
        """Whether the pack ends with the last record its index names."""
        return self._written == end_of(self.entries)

    def recover(self) -> None:
        """Take in the records that the pack holds past its index, up to the first torn one."""
        try:
            for key, offset, stored in scan(self._pack_fd, end_of(self.entries), self._written, self._path):
                self.entries[key] = (offset, stored)
        except CorruptData:
            pass  # the writer died here; nothing can refer to what comes after

    def _sync(self, fd: int) -> None:
        self._raise_poison()
        try:
            os.fsync(fd)
        except OSError as error:
            # The kernel drops what it could not write and reports it once: no later fsync can be believed.
            self._poison = error
            raise

    def _raise_poison(self) -> None:
        if self._poison is not None:
            raise self._poison


def create(folders: Folders) -> PackWriter:
    """A new, empty pack."""
    folders.make()
    name = os.urandom(8).hex()
    path, live_path = folders.pack(name), folders.live(name)
    with writing(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_all(fd, MAGIC)
        finally:
            os.close(fd)
    with writing(live_path):
        # Locked before it has its name, so that nobody can take it on in between.
        fd = os.open(live_path + ".tmp", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        try:
            _lock(fd)
            write_all(fd, live.MAGIC)
            os.rename(live_path + ".tmp", live_path)
            fsync_folder(folders.packs)
            fsync_folder(folders.index)
            return PackWriter(folders, name, fd, {})
        except OSError:
            os.close(fd)
            raise


def take_on(folders: Folders, name: str) -> PackWriter | None:
    """The pack that a writer left behind; None when it is not free. Sealed, if its writer died untidily."""
    path = folders.live(name)
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return None
    try:
        if not _lock(fd) or not os.fstat(fd).st_nlink:
            os.close(fd)
            return None
        left = live.LiveIndex(path, name)
        writer = PackWriter(folders, name, fd, dict(left.entries))
    except OSError:
        os.close(fd)
        return None
    try:
        if not (left.clean and writer.tidy):
            writer.recover()
            writer.seal()
        elif writer.full:
            writer.seal()
        else:
            return writer
    except StoreError:
        pass  # no space, perhaps: still readable through its live index, and the next writer tries again
    writer.release()
    return None


def is_owned(live_path: str) -> bool:
    """Whether a living writer holds the pack of this index."""
    try:
        fd = os.open(live_path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def find_unindexed(pack: PackFile, left: live.LiveIndex, key: bytes) -> tuple[int, int] | None:
    """(offset, stored) of a record that comes after those the index of its pack still names."""
    try:
        for found, offset, stored in scan(pack.fileno(), end_of(left.entries), pack.size(), left.path):
            if found == key:
                return offset, stored
    except CorruptData:
        pass  # torn: its writer died here
    return None


def end_of(entries: dict[bytes, tuple[int, int]]) -> int:
    """Where a pack of these records ends."""
    return max((offset + HEADER.size + stored for offset, stored in entries.values()), default=len(MAGIC))


def _lock(fd: int) -> bool:
    """Whether this process now owns the file. Kept until every copy of `fd` is closed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def seal_of(fd: int, end: int) -> bytes:
    """BLAKE3 of the headers of the records up to `end`, in order."""
    hasher = blake3()
    offset = len(MAGIC)
    while offset < end:
        header = os.pread(fd, HEADER.size, offset)
        hasher.update(header)
        if len(header) < HEADER.size:
            break
        offset += HEADER.size + HEADER.unpack(header)[3]
    return hasher.digest()
