"""Small files replaced all or nothing, and on the disk when that returns."""

from __future__ import annotations

import itertools
import os

_count = itertools.count()


def replace(path: str, data: bytes, mode: int | None = None) -> None:
    """Make `path` hold `data`. A file that was there keeps its permissions, and a symlink stays one."""
    path = os.path.realpath(path)
    if mode is None:
        try:
            mode = os.stat(path).st_mode & 0o7777
        except FileNotFoundError:
            mode = 0o666 & ~umask()
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".anew-{os.getpid()}-{next(_count)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(fd, data)
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def umask() -> int:
    """The process's, read from the kernel without changing it."""
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    found = os.umask(0o022)
    os.umask(found)
    return found
