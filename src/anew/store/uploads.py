"""Uploads: the files on their way into a store, in a folder for each process that takes them in.

A process holds a lock on its folder. Nobody holds that of one that was killed: what it left is removed by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path


class Uploads:
    """The folder of this process below `root`, made when it is first asked for. Safe for threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._fd = -1
        self._lock = threading.Lock()
        with contextlib.suppress(OSError):  # a store that can't be written still can be read
            self._clear()

    @property
    def folder(self) -> Path:
        """Raises OSError."""
        with self._lock:
            if self._folder is None:
                self._root.mkdir(exist_ok=True)
                with _locked(self._root):
                    folder = Path(tempfile.mkdtemp(dir=self._root, prefix=f"{os.getpid()}-"))
                    self._fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
                    fcntl.flock(self._fd, fcntl.LOCK_EX)
                self._folder = folder
            return self._folder

    def close(self) -> None:
        """Remove the folder. It can be asked for again."""
        with self._lock:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                os.close(self._fd)
                self._folder = None

    def _clear(self) -> None:
        """Remove what processes left that are gone. Raises OSError."""
        if not self._root.is_dir():
            return
        with _locked(self._root):  # else a folder could be taken for a dead one's before it is locked
            for path in self._root.iterdir():
                if path.is_dir() and not path.is_symlink():
                    _remove_if_left(path)
                else:
                    path.unlink(missing_ok=True)


def _remove_if_left(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
