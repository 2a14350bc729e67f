"""A remote in a folder of this machine or of a network file system, by plain files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence

from anew.errors import NotFound, StoreError
from anew.remotes.place import TEMPORARY, Item
from anew.store.objects.disk import fsync_folder, reading, write_parts, writing
from anew.store.objects.record import Buffer

READ_SIZE = 4 << 20


class Folder:
    """Files are written beside, flushed and renamed. Where the group may write to the folder, it may to all in it."""

    writable = True

    def __init__(self, path: str) -> None:
        self.path = path

    def list(self, below: str = "") -> dict[str, Item]:
        found: dict[str, Item] = {}
        top = os.path.join(self.path, below) if below else self.path
        if not os.path.isdir(top):
            if os.path.lexists(top):
                raise StoreError(f"{top} is no folder: a remote is one")
            return found
        folders = [f"{below}/" if below else ""]
        while folders:
            folder = folders.pop()
            with reading(os.path.join(self.path, folder)):
                for entry in os.scandir(os.path.join(self.path, folder)):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{folder}{entry.name}/")
                    elif not entry.name.endswith(TEMPORARY):
                        try:
                            about = entry.stat()
                        except FileNotFoundError:
                            continue  # removed meanwhile
                        found[folder + entry.name] = Item(about.st_size, f"{about.st_ino}-{about.st_mtime_ns}")
        return found

    def find(self, name: str) -> Item | None:
        path = os.path.join(self.path, name)
        try:
            with reading(path):
                about = os.stat(path)
        except NotFound:
            return None
        return Item(about.st_size, f"{about.st_ino}-{about.st_mtime_ns}") if stat.S_ISREG(about.st_mode) else None

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = os.path.join(self.path, name)
        with reading(path), open(path, "rb", buffering=0) as file:
            while end is None or start < end:
                data = os.pread(file.fileno(), READ_SIZE if end is None else min(READ_SIZE, end - start), start)
                if not data:
                    return
                yield data
                start += len(data)

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        self._write(name, [parts])

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        self._write(name, ([piece] for piece in pieces))

    def _write(self, name: str, batches: Iterable[Sequence[Buffer]]) -> None:
        path = os.path.join(self.path, name)
        with writing(path):
            temporary = self._write_beside(path, batches)
            try:
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
            fsync_folder(os.path.dirname(path))

    def write_new(self, name: str, data: bytes) -> bool:
        path = os.path.join(self.path, name)
        with writing(path):
            temporary = self._write_beside(path, [[data]])
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            finally:
                os.unlink(temporary)
            fsync_folder(os.path.dirname(path))
        return True

    def delete(self, name: str) -> None:
        path = os.path.join(self.path, name)
        with writing(path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def close(self) -> None:
        pass

    def _write_beside(self, path: str, batches: Iterable[Sequence[Buffer]]) -> str:
        folder, name = os.path.split(path)
        temporary = os.path.join(folder, f".{name}.{os.urandom(6).hex()}{TEMPORARY}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            fd = os.open(temporary, flags, 0o666)
        except FileNotFoundError:
            self._make(folder)
            fd = os.open(temporary, flags, 0o666)
        try:
            self._share(fd, 0o660)
            for parts in batches:
                write_parts(fd, parts)
            os.fsync(fd)
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(fd)
        return temporary

    def _make(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        if folder != self.path:
            self._make(os.path.dirname(folder))
        else:
            os.makedirs(os.path.dirname(folder), exist_ok=True)
        try:
            os.mkdir(folder)
        except FileExistsError:
            return
        if folder != self.path:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._share(fd, 0o2770)
            finally:
                os.close(fd)

    def _share(self, fd: int, mode: int) -> None:
        """Let the group do what it may do in the remote's own folder, whatever this user's umask."""
        if os.stat(self.path).st_mode & stat.S_IWGRP:
            os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | mode)
