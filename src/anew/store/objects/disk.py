"""Reading and writing with errors that say which file and what to do."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import errno
import functools
import mmap
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from anew.errors import AnewError, NotFound, StoreError, StoreFull

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
GATHER_SIZE = 1 << 20
GATHER_PARTS = 512  # half of what the kernel takes at once
BLOCK_SIZE = 4096  # no file system that is known asks for more
_DIRECT_SIZE = 4 << 20
_FEW = 4
NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def refused(error: OSError, path: str) -> AnewError:
    """What to raise when writing `path` failed with `error`."""
    if error.errno in NO_SPACE:
        return StoreFull(f"no space to write {path} ({error.strerror}): free some space, then try again")
    if error.errno in NO_PERMISSION:
        return StoreFull(f"not allowed to write {path} ({error.strerror}): give yourself write permission there")
    return StoreError(f"can't write {path}: {error.strerror or error}")


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn an OSError into StoreFull (no space, no permission) or StoreError, naming `path`."""
    try:
        yield
    except OSError as error:
        raise refused(error, path) from error


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn an OSError into NotFound or StoreError, naming `path`."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{error.filename or path} does not exist") from error
    except OSError as error:
        raise StoreError(f"can't read {error.filename or path}: {error.strerror or error}") from error


def write_some(fd: int, parts: Sequence[bytes | memoryview]) -> int:
    """Bytes written, at least one; what is left over is the caller's to try again."""
    return os.writev(fd, parts[:GATHER_PARTS])


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def flush_files(paths: Collection[str]) -> None:
    """Flush files of one file system to the disk: many of them by flushing all of it, which costs less than one by one.

    A failing disk is reported by the write that meets it, not here.
    """
    if len(paths) > _FEW and _flush_file_system(next(iter(paths))):
        return
    for path in paths:
        with suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)


def _flush_file_system(path: str) -> bool:
    """Whether the system can, and did."""
    syncfs = _syncfs()
    if syncfs is None:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return int(syncfs(fd)) == 0
    finally:
        os.close(fd)


@functools.cache
def _syncfs() -> Callable[[int], int] | None:
    import ctypes  # Python has no name for it

    return getattr(ctypes.CDLL(None), "syncfs", None)


def write_parts(fd: int, parts: Iterable[bytes | memoryview]) -> None:
    """Write them all, gathered: each call costs the kernel the same for 64 KiB as for 1 MiB."""
    gathered: list[bytes | memoryview] = []
    size = 0
    for part in parts:
        gathered.append(part)
        size += len(part)
        if size >= GATHER_SIZE or len(gathered) == GATHER_PARTS:
            _write_gathered(fd, gathered)
            gathered, size = [], 0
    _write_gathered(fd, gathered)


class Direct:
    """Writes past the system's page cache: what is written once, and is not read soon, costs half as much so.

    Not where the file system can't; `write` says so once it is found out. Not thread-safe.
    """

    def __init__(self, path: str) -> None:
        self._fd = -1
        if hasattr(os, "O_DIRECT"):
            with suppress(OSError):
                self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_DIRECT)
        self._buffer: mmap.mmap | None = None

    def write(self, parts: list[bytes | memoryview], offset: int) -> int:
        """Write whole blocks of what `parts` begin with, at an `offset` where one begins; how many bytes.

        None where the file system can't.
        """
        size = min(sum(map(len, parts)), _DIRECT_SIZE) // BLOCK_SIZE * BLOCK_SIZE
        if self._fd < 0 or not size:
            return 0
        if self._buffer is None:  # a map is aligned, as the system wants it
            self._buffer = mmap.mmap(-1, _DIRECT_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        at = 0
        for part in first_of(parts, size):
            self._buffer[at : at + len(part)] = part
            at += len(part)
        try:
            with memoryview(self._buffer) as view:
                return os.pwrite(self._fd, view[:size], offset)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            self.close()
            return 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def first_of(parts: list[bytes | memoryview], count: int) -> list[bytes | memoryview]:
    """The first `count` bytes of `parts`."""
    found = []
    for part in parts:
        found.append(part[:count])
        count -= len(found[-1])
        if not count:
            break
    return found


def left_after(parts: list[bytes | memoryview], count: int) -> list[bytes | memoryview]:
    """What is left of `parts` once `count` bytes of them are written."""
    for position, part in enumerate(parts):
        if count < len(part):
            return [memoryview(part)[count:], *parts[position + 1 :]]
        count -= len(part)
    return []


def _write_gathered(fd: int, parts: list[bytes | memoryview]) -> None:
    while parts:
        parts = left_after(parts, write_some(fd, parts))


def fsync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(path: str, temporary: str, data: Sequence[bytes]) -> None:
    """Make `path` hold `data`, all or nothing, and on the disk when this returns. Raises OSError."""
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        for part in data:
            write_all(fd, part)
        os.fsync(fd)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    os.rename(temporary, path)
    fsync_folder(os.path.dirname(path))
