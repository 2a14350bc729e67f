"""One at a time: what must be looked at and changed in one go, by whichever thread of whichever process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from anew.errors import StoreFull

_LOCKS = 64  # so many files serve all runs: two that share one wait for each other now and then


@contextlib.contextmanager
def alone(folder: Path, name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock for `name`, one of the files in `folder`; False when another has it and `wait` is not set.

    Not to be taken twice. Raises StoreFull.
    """
    path = f"{folder}/{zlib.crc32(name.encode()) % _LOCKS:02}"
    try:
        fd = _open(path)
    except OSError as error:
        raise StoreFull(f"cannot make {path}: {error.strerror}") from error
    try:
        held = True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(fd)


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)
