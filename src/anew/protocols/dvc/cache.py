"""DVC's cache, in place: an object is a file named by its md5. A remote folder has the same shape."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import stat as modes
from contextlib import suppress

from anew.errors import CorruptData, DvcError, NotFound
from anew.protocols.dvc import manifest
from anew.protocols.dvc.durable import write_all
from anew.protocols.dvc.hashes import CHUNK_SIZE, Objects, fold
from anew.store.objects.disk import flush_files, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

SMALL_SIZE = 1 << 20  # read in one go
MODE = 0o444
_FICLONE = 0x40049409
_STALE_S = 24 * 3600
_REST, _REST_OF_FOLDER = 30, 34  # characters of a file's name, in a folder of two
_CANT_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOTTY, errno.EINVAL, errno.EACCES}
)
_count = itertools.count()


class Cache:
    """Objects below `root`. `legacy` ones are where DVC 2 had them, named by an md5 with folded line ends."""

    def __init__(
        self, root: str, index: Objects | None = None, group: bool = False, links: Iterable[str] = ("copy",)
    ) -> None:
        self.root, self.index, self.group = root, index, group
        self.links = list(links)
        self._folders: set[str] = set()
        self._written: list[str] = []
        self._kind: str | None = None

    def path(self, md5: str, legacy: bool = False) -> str:
        return f"{self.root}/{md5[:2]}/{md5[2:]}" if legacy else f"{self.root}/files/md5/{md5[:2]}/{md5[2:]}"

    def stat(self, md5: str, legacy: bool = False) -> os.stat_result | None:
        try:
            return os.stat(self.path(md5, legacy))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, md5: str, legacy: bool = False) -> bool:
        return self.stat(md5, legacy) is not None

    def sound(self, md5: str, legacy: bool = False) -> bool:
        """Whether the object is there, and holds what its name says: by its stat if that is known, else by reading."""
        found = self.stat(md5, legacy)
        if found is None:
            return False
        if self.index is not None and self.index.known(found) == md5[:32]:
            return True
        return self._read_to_check(md5, legacy, found)

    def _read_to_check(self, md5: str, legacy: bool, found: os.stat_result) -> bool:
        import time

        opened_ns = time.time_ns()
        fd = os.open(self.path(md5, legacy), os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _hash(fd, folds=legacy and not md5.endswith(manifest.SUFFIX)) != md5[:32]:
                return False
        finally:
            os.close(fd)
        if self.index is not None:
            self.index.keep(found, md5[:32], opened_ns)
        return True

    def read(self, md5: str, legacy: bool = False) -> bytes:
        """The bytes of an object, checked against its name."""
        path = self.path(md5, legacy)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{md5} is not in the cache ({path}): fetch it from a remote") from None
        return Cache.checked(data, (md5, legacy), path)

    @staticmethod
    def checked(data: bytes, one: tuple[str, bool], where: str) -> bytes:
        """The bytes of an object, if they are what its name says."""
        folds = one[1] and not one[0].endswith(manifest.SUFFIX)
        if hashlib.md5(fold(data) if folds else data, usedforsecurity=False).hexdigest() != one[0][:32]:
            raise CorruptData(f"{where} is damaged: its content is not what its name says; fetch it from a remote")
        return data

    def chunks(self, md5: str, legacy: bool = False) -> Iterator[bytes]:
        """The bytes of an object as they are there: whoever takes them checks them."""
        with open(self.path(md5, legacy), "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_SIZE):
                yield chunk

    def manifest(self, md5: str, legacy: bool = False) -> dict[str, str]:
        """Path → md5 of a folder's files."""
        return manifest.decode(self.read(md5, legacy), self.path(md5, legacy))

    def put(self, md5: str, data: bytes | memoryview, legacy: bool = False) -> None:
        """Keep bytes that were hashed to `md5`, whole or not at all."""
        temporary = self._temporary()
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        except FileNotFoundError:
            self._make_folder(os.path.dirname(temporary))
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise refused(error, temporary) from error
        with _TakenBack(fd, temporary):
            write_all(fd, data)
        self._finish(fd, temporary, md5, legacy)

    def take_pieces(self, pieces: Iterable[bytes]) -> str:
        """Keep what comes piece by piece, and give its md5."""
        return self._put_pieces(pieces, None, "", False)

    def put_pieces(self, md5: str, pieces: Iterable[bytes], where: str, legacy: bool = False) -> None:
        """The same of what should be known. Raises CorruptData, which names `where`, if it is not what `md5` says."""
        self._put_pieces(pieces, md5, where, legacy)

    def _put_pieces(self, pieces: Iterable[bytes], md5: str | None, where: str, legacy: bool) -> str:
        temporary = self._temporary()
        self._make_folder(os.path.dirname(temporary))
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with _TakenBack(fd, temporary):
            hasher = hashlib.md5(usedforsecurity=False)
            for piece in pieces:
                hasher.update(piece)
                write_all(fd, piece)
            found = hasher.hexdigest()
            md5 = md5 or found
            if found != md5[:32] and legacy and not md5.endswith(manifest.SUFFIX):
                os.lseek(fd, 0, os.SEEK_SET)
                found = _hash(fd, folds=True)
            if found != md5[:32]:
                raise CorruptData(f"{where} is damaged: it is {found}, and should be {md5[:32]}")
        self._finish(fd, temporary, md5, legacy)
        return md5

    def pieces(self, md5: str, legacy: bool = False) -> Iterator[bytes]:
        """An object bit by bit. Raises CorruptData behind the last one if it was not what its name says."""
        return Cache.pieces_of(self.path(md5, legacy), (md5, legacy))

    @staticmethod
    def pieces_of(path: str, one: tuple[str, bool]) -> Iterator[bytes]:
        """The same of a file anywhere."""
        md5, legacy = one
        folds = legacy and not md5.endswith(manifest.SUFFIX)
        hasher = hashlib.md5(usedforsecurity=False)
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_SIZE):
                hasher.update(fold(chunk) if folds else chunk)
                yield chunk
        if hasher.hexdigest() != md5[:32]:
            raise CorruptData(f"{path} is damaged: its content is not what its name says; fetch it from a remote")

    def put_file(self, source: str, expected: str | None = None) -> tuple[str, os.stat_result]:
        """Keep what is in a file of any size, and give its md5, with the stat it had when it was read.

        What is written is what was hashed, even if somebody writes to the file meanwhile. With `expected`, raises
        CorruptData when it is something else.
        """
        before = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        temporary = self._temporary()
        self._make_folder(os.path.dirname(temporary))
        try:
            stat = os.fstat(before)
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with _TakenBack(fd, temporary):
                hasher = hashlib.md5(usedforsecurity=False)
                cloned = "reflink" in self.links and _clone(before, fd)
                while chunk := os.read(fd if cloned else before, CHUNK_SIZE):
                    hasher.update(chunk)
                    if not cloned:
                        write_all(fd, chunk)
                md5 = hasher.hexdigest()
                if expected is not None and md5 != expected:
                    raise CorruptData(f"{source} is damaged: it is {md5}, and should be {expected}")
            self._finish(fd, temporary, md5, False)
        finally:
            os.close(before)
        return md5, stat

    def take_link(self, source: str, md5: str) -> bool:
        """Make a file of the workspace the object by a hard link. Whether that can be done."""
        path = self.path(md5)
        self._make_folder(os.path.dirname(path))
        try:
            os.link(source, path)
        except FileExistsError:
            return True
        except OSError:
            return False
        os.chmod(path, modes.S_IMODE(os.stat(path).st_mode) & ~0o222 | MODE)
        self._note(path, os.stat(path), md5)
        return True

    def _finish(self, fd: int, temporary: str, md5: str, legacy: bool) -> None:
        path = self.path(md5, legacy)
        stat = os.fstat(fd)
        try:
            if modes.S_IMODE(stat.st_mode) != MODE:  # the umask, or a temporary file that had to be read again
                os.fchmod(fd, MODE)
        finally:
            os.close(fd)
        try:
            folder = os.path.dirname(path)
            if folder not in self._folders:
                self._make_folder(folder)
            os.rename(temporary, path)
        except OSError as error:
            os.unlink(temporary)
            raise refused(error, path) from error
        self._note(path, stat, md5)

    def _note(self, path: str, stat: os.stat_result, md5: str) -> None:
        self._written.append(path)
        if self.index is not None:
            self.index.keep_ours(stat, md5[:32])

    def _temporary(self) -> str:
        # Beside the folders of two letters: DVC takes it for no object, nor do we.
        return f"{self.root}/files/md5/.anew-{os.getpid()}-{next(_count)}.tmp"

    def _make_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        missing = []
        at = folder
        while not os.path.isdir(at):
            missing.append(at)
            at = os.path.dirname(at)
        for one in reversed(missing):
            try:
                os.mkdir(one)
            except FileExistsError:
                continue
            if self.group:
                os.chmod(one, 0o2775)
        self._folders.add(folder)

    def flush(self) -> None:
        """Put what was written on the disk: before anything refers to it."""
        written, self._written = self._written, []
        if written:
            flush_files(written)

    def use(self, links: list[str]) -> None:
        """From now on, link files of the workspace by the first of these that works."""
        self.links, self._kind = links, None

    @property
    def kind(self) -> str:
        """The link type that files of the workspace have: the first one configured that works here."""
        if self._kind is None:
            self._kind = next((kind for kind in self.links if kind != "reflink" or self._clones()), "copy")
        return self._kind

    def _clones(self) -> bool:
        """Whether the cache's file system shares blocks between files, tried out."""
        folder = f"{self.root}/files/md5"
        try:
            self._make_folder(folder)
            names = [self._temporary(), self._temporary()]
            fds = [os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600) for name in names]
        except OSError:
            return False
        try:
            return _clone(*fds)
        finally:
            for fd, name in zip(fds, names, strict=True):
                os.close(fd)
                os.unlink(name)

    def remove(self, md5: str, legacy: bool = False) -> None:
        path = self.path(md5, legacy)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

    def list(self, legacy: bool = False) -> Iterator[str]:
        """The md5 of every object there is."""
        base = self.root if legacy else f"{self.root}/files/md5"
        for folder in _names(base):
            if len(folder) == 2 and _is_hex(folder):
                for name in _names(f"{base}/{folder}"):
                    if len(name) == _REST or (len(name) == _REST_OF_FOLDER and name.endswith(manifest.SUFFIX)):
                        yield folder + name

    def clean(self) -> None:
        """Remove what killed processes of ours left. A day old, for another machine may share the cache."""
        import time

        base = f"{self.root}/files/md5"
        for name in _names(base):
            parts = name.split("-")
            if (
                name.startswith(".anew-")
                and len(parts) == 3
                and parts[1].isdigit()
                and not os.path.exists(f"/proc/{parts[1]}")
            ):
                try:
                    if time.time() - os.stat(f"{base}/{name}").st_mtime > _STALE_S:
                        os.unlink(f"{base}/{name}")
                except OSError:
                    pass


def place(cache: Cache, md5: str, target: str, legacy: bool = False) -> str:
    """Put an object into the workspace at `target`, where nothing is, by the first link type that works: which one."""
    source = cache.path(md5, legacy)
    for kind in cache.links:
        try:
            if kind == "hardlink":
                if os.stat(source).st_size == 0:  # DVC does not link empty files: links to one are limited
                    _copy(source, target)
                else:
                    os.link(os.path.realpath(source), target)
            elif kind == "symlink":
                os.symlink(source, target)
            elif kind == "reflink":
                if not _reflink(source, target):
                    continue
            elif kind == "copy":
                _copy(source, target)
            return kind
        except OSError as error:
            if error.errno not in _CANT_LINK or kind == "copy":
                raise
    raise DvcError(f"no configured cache type ({','.join(cache.links)}) can link {source} to {target}")


def _copy(source: str, target: str) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(source, "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_SIZE):
                write_all(fd, chunk)
    finally:
        os.close(fd)


_no_clones: set[tuple[int, int]] = set()


def _reflink(source: str, target: str) -> bool:
    """Whether the file system shares the blocks of both."""
    from_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        devices = (os.fstat(from_fd).st_dev, os.stat(os.path.dirname(target)).st_dev)
        if devices[0] != devices[1] or devices in _no_clones:
            return False
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            if _clone(from_fd, fd):
                return True
        finally:
            os.close(fd)
        os.unlink(target)
        _no_clones.add(devices)
        return False
    finally:
        os.close(from_fd)


def _clone(source: int, target: int) -> bool:
    devices = (os.fstat(source).st_dev, os.fstat(target).st_dev)
    if devices[0] != devices[1] or devices in _no_clones:
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        _no_clones.add(devices)
        return False
    return True


class _TakenBack:
    """A file on its way, which goes when what is done with it fails. Says what the system refused."""

    __slots__ = ("_fd", "_path")

    def __init__(self, fd: int, path: str) -> None:
        self._fd, self._path = fd, path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        with suppress(OSError):
            os.close(self._fd)
        with suppress(OSError):
            os.unlink(self._path)
        if isinstance(error, OSError):
            raise refused(error, self._path) from error


def _hash(fd: int, folds: bool) -> str:
    """The md5 of what is in a file from here on."""
    hasher = hashlib.md5(usedforsecurity=False)
    while chunk := os.read(fd, CHUNK_SIZE):
        hasher.update(fold(chunk) if folds else chunk)
    return hasher.hexdigest()


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_hex(text: str) -> bool:
    return not text.strip("0123456789abcdef")
