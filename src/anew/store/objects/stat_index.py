"""Digests of files already hashed, for as long as their stat says that they are the same."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import os
import struct
import threading

from anew.store.objects import frames
from anew.store.objects.disk import write_all
from anew.store.objects.fork import watch

MAGIC = b"ANEWS\x01\r\n"
STAT = struct.Struct("<QQQqq")
ENTRY = struct.Struct("<40s32s")
ENTRIES_MAX = 1 << 20  # about 240 MB in memory; the oldest are forgotten
RACY_NS = 100_000_000  # many ticks of any kernel's clock for files
RACY_COARSE_NS = 2_500_000_000  # file systems that keep whole or even seconds

_SECOND_NS = 1_000_000_000


class StatIndex:
    """A cache: losing it costs time, and errors in keeping it are no errors. Thread-safe."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.forget_parent()
        watch(self)

    def forget_parent(self) -> None:
        """Begin with nothing: in a forked child, what was not saved is its parent's to save."""
        self._lock = threading.Lock()
        self._known: dict[bytes, bytes] | None = None
        self._new: dict[bytes, bytes] = {}
        self._rotten = False

    def get(self, stat: os.stat_result) -> bytes | None:
        """The digest of the file with this stat, if it was hashed and can't have changed since."""
        if self._known is None:
            self._load()
            assert self._known is not None
        return self._known.get(signature(stat))

    def put(self, stat: os.stat_result, digest: bytes, opened_ns: int) -> None:
        """Keep the digest of what was read after `opened_ns`, unless it may yet change in the same tick."""
        if is_racy(stat.st_ctime_ns, opened_ns):
            return
        with self._lock:
            key = signature(stat)
            self._new[key] = digest
            if self._known is not None:
                self._known[key] = digest

    def save(self) -> None:
        """Append what is new, or write all anew when most of the file is stale."""
        with self._lock:
            new, self._new = self._new, {}
        if not new:
            return
        try:
            if self._rotten or (self._known is not None and len(self._known) > ENTRIES_MAX):
                self._rewrite()
            else:
                self._append(b"".join([ENTRY.pack(key, digest) for key, digest in new.items()]))
        except OSError:
            pass

    def _append(self, entries: bytes) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            head = b"" if os.fstat(fd).st_size else MAGIC
            os.write(fd, head + frames.frame(entries, ENTRY.size))  # one write: appends of two processes don't mix
        finally:
            os.close(fd)

    def _rewrite(self) -> None:
        with self._lock:
            latest: dict[bytes, tuple[bytes, bytes]] = {}  # by device and inode: a changed file leaves a stale entry
            for key, digest in (self._known or {}).items():
                latest.pop(key[:16], None)
                latest[key[:16]] = (key, digest)
            kept = list(latest.values())[-ENTRIES_MAX // 2 :]
            self._known = dict(kept)
        temporary = f"{self._path}.{os.getpid()}.tmp"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            write_all(fd, MAGIC + frames.frame(b"".join([ENTRY.pack(*entry) for entry in kept]), ENTRY.size))
        finally:
            os.close(fd)
        os.rename(temporary, self._path)
        self._rotten = False

    def _load(self) -> None:
        known: dict[bytes, bytes] = {}
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        if data:
            found, used = frames.unframe(data[len(MAGIC) :], ENTRY.size) if data.startswith(MAGIC) else ([], 0)
            for batch in found:
                known.update(ENTRY.iter_unpack(batch))  # pairs of key and digest
            self._rotten = len(MAGIC) + used != len(data)
        with self._lock:
            known.update(self._new)
            self._known = known


def is_racy(ctime_ns: int, looked_ns: int) -> bool:
    """Whether the file may yet change without its times changing, after it was looked at."""
    coarse = ctime_ns % _SECOND_NS == 0
    return ctime_ns > looked_ns - (RACY_COARSE_NS if coarse else RACY_NS)


def is_same(a: os.stat_result, b: os.stat_result) -> bool:
    """Whether two signatures are the same: for each of 100,000 files, quicker than to make both."""
    return (
        a.st_mtime_ns == b.st_mtime_ns
        and a.st_ctime_ns == b.st_ctime_ns
        and a.st_size == b.st_size
        and a.st_ino == b.st_ino
        and a.st_dev == b.st_dev
    )


def signature(stat: os.stat_result) -> bytes:
    """What must be the same for a file to be the same."""
    return STAT.pack(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
