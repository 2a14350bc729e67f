"""md5 of files, remembered for as long as their stat says that they are the same."""

from __future__ import annotations

import hashlib
import os
import time

from anew.errors import DvcError
from anew.store.objects.stat_index import RACY_NS, StatIndex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_SIZE = 1 << 20  # DVC's too: line ends are folded chunk by chunk
_PAD = b"\0" * 16  # the index keeps 32 bytes, md5 has 16
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_BLOCK_SIZE = 512
_SETTLE_S = 0.012  # more than a tick of any kernel


class Hashes:
    """What was hashed before, in a file that may be deleted at any time."""

    def __init__(self, path: str, legacy: bool = False) -> None:
        self._index = StatIndex(path + ("-legacy" if legacy else ""))
        self._path = path
        self.legacy = legacy
        self._newest_ns = 0

    def known(self, stat: os.stat_result) -> str | None:
        found = self._index.get(stat)
        return found[:16].hex() if found else None

    def keep(self, stat: os.stat_result, md5: str, opened_ns: int) -> None:
        """What was read from a file of others, opened at `opened_ns`."""
        self._index.put(stat, bytes.fromhex(md5) + _PAD, opened_ns)

    def keep_ours(self, stat: os.stat_result, md5: str) -> None:
        """What we wrote ourselves. `save` sees to it that a later change gets a later timestamp."""
        self._newest_ns = max(self._newest_ns, stat.st_ctime_ns)
        self._index.put(stat, bytes.fromhex(md5) + _PAD, stat.st_ctime_ns + RACY_NS)

    def of(self, path: str, stat: os.stat_result | None = None) -> str:
        """The md5 of a file, read if need be."""
        stat = stat or os.stat(path)
        found = self.known(stat)
        if found is None:
            opened_ns = time.time_ns()
            found = self.read(path)
            if same(stat, os.stat(path)):
                self.keep(stat, found, opened_ns)
        return found

    def read(self, path: str) -> str:
        """The md5 of what is in a file now."""
        hasher = hashlib.md5(usedforsecurity=False)
        for chunk in chunks(path):
            hasher.update(fold(chunk) if self.legacy else chunk)
        return hasher.hexdigest()

    def save(self) -> None:
        wait_s = self._newest_ns / 1e9 + _SETTLE_S - time.time()
        if self._newest_ns and 0 < wait_s <= _SETTLE_S:
            time.sleep(wait_s)
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
        except OSError:
            return
        self._index.save()


class Objects(Hashes):
    """The same for objects of a cache. Links to them come and go and change their ctime, so that is left out."""

    def known(self, stat: os.stat_result) -> str | None:
        return super().known(_without_ctime(stat))

    def keep(self, stat: os.stat_result, md5: str, opened_ns: int) -> None:
        if stat.st_mtime_ns <= opened_ns - RACY_NS:
            super().keep(_without_ctime(stat), md5, opened_ns)

    def keep_ours(self, stat: os.stat_result, md5: str) -> None:
        super().keep(_without_ctime(stat), md5, time.time_ns())


class _Stat:
    __slots__ = ("st_ctime_ns", "st_dev", "st_ino", "st_mtime_ns", "st_size")
    st_ctime_ns: int
    st_dev: int
    st_ino: int
    st_mtime_ns: int
    st_size: int


def _without_ctime(stat: os.stat_result) -> os.stat_result:
    made = _Stat()
    made.st_dev, made.st_ino, made.st_size = stat.st_dev, stat.st_ino, stat.st_size
    made.st_mtime_ns, made.st_ctime_ns = stat.st_mtime_ns, 1
    return made  # type: ignore[return-value]


def same(a: os.stat_result, b: os.stat_result) -> bool:
    return (a.st_ino, a.st_size, a.st_mtime_ns, a.st_ctime_ns) == (b.st_ino, b.st_size, b.st_mtime_ns, b.st_ctime_ns)


def chunks(path: str) -> Iterator[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DvcError(f"can't read {path}: {error.strerror}") from error
    try:
        while chunk := os.read(fd, CHUNK_SIZE):
            yield chunk
    finally:
        os.close(fd)


def fold(chunk: bytes) -> bytes:
    """As DVC 2 hashed: CRLF as LF where the start of a chunk looks like text."""
    block = chunk[:_BLOCK_SIZE]
    if b"\0" in block or len(block.translate(None, _TEXT)) / max(len(block), 1) > 0.30:
        return chunk
    return chunk.replace(b"\r\n", b"\n")
