"""Files and folders of the workspace: what is in them, by md5; put into the cache in the same pass."""

from __future__ import annotations

import hashlib
import os
import stat as modes
import time

from anew.errors import DvcError, NotFound
from anew.protocols.dvc import manifest
from anew.protocols.dvc.cache import SMALL_SIZE
from anew.protocols.dvc.hashes import Hashes, same
from anew.protocols.dvc.ignore import DEFAULTS, FILE, match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from anew.protocols.dvc.cache import Cache
    from anew.protocols.dvc.ignore import Pattern
    from anew.protocols.dvc.project import Project

_EXECUTABLE = 0o111
_TRIES = 3
_MANY = 1000


class Listing:
    """A folder as it is: `files` is path → md5; `executable` and `empty` are what DVC's manifest can't say."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.size = 0
        self.executable: list[str] = []
        self.empty: list[str] = []
        self.projects: list[str] = []  # folders that are DVC projects of their own, and no part of it
        self._manifest: bytes | None = None

    @property
    def manifest(self) -> bytes:
        if self._manifest is None:
            self._manifest = manifest.encode(self.files)
        return self._manifest

    @property
    def md5(self) -> str:
        return manifest.digest(self.manifest)


class Reader:
    """Hashes files of the workspace; with a cache, keeps their content there, too."""

    def __init__(self, hashes: Hashes, cache: Cache | None = None) -> None:
        self._hashes, self._cache = hashes, cache
        self.known = hashes.known if cache is None else self._kept
        self._there: set[str] | None = None
        self._asked = 0

    def file(self, path: str, stat: os.stat_result, name: str | None = None, folder: int | None = None) -> str:
        """The md5 of a file; `name` within the opened `folder` is a shorter way to it."""
        known = self.known(stat)
        if known is not None:
            return known
        if modes.S_ISREG(stat.st_mode) is False:
            raise DvcError(f"{path} is neither a file nor a folder: DVC can't keep it; move it away")
        if stat.st_size > SMALL_SIZE or self._hashes.legacy:
            return self._large(path, stat)
        return self._small(path, name or path, folder)

    def _small(self, path: str, name: str, folder: int | None) -> str:
        for _ in range(_TRIES):
            opened_ns = time.time_ns()
            try:
                fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
            except OSError as error:
                raise DvcError(f"can't read {path}: {error.strerror}") from error
            try:
                data = os.read(fd, SMALL_SIZE + 1)
                stat = os.fstat(fd)
            finally:
                os.close(fd)
            if len(data) == stat.st_size:
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                if self._cache is not None and not self._cache.sound(md5):
                    self._cache.put(md5, data)
                self._hashes.keep(stat, md5, opened_ns)
                return md5
            if stat.st_size > SMALL_SIZE:
                return self._large(path, stat)
        raise DvcError(f"{path} is being written: try again when that is done")

    def _large(self, path: str, stat: os.stat_result) -> str:
        if self._cache is None or self._hashes.legacy:
            return self._hashes.of(path, stat)
        known = self._hashes.known(stat)
        if known is not None and self._cache.sound(known):
            return known
        opened_ns = time.time_ns()
        md5, read = self._cache.put_file(path)
        if same(read, os.stat(path)):
            self._hashes.keep(read, md5, opened_ns)
        return md5

    def _kept(self, stat: os.stat_result) -> str | None:
        known = self._hashes.known(stat)
        return known if known is not None and self._has(known) else None

    def _has(self, md5: str) -> bool:
        """Whether the cache has what an earlier command saw there or put there."""
        assert self._cache is not None
        self._asked += 1
        if self._asked < _MANY:
            return self._cache.sound(md5)
        if self._there is None:
            self._there = set(self._cache.list())  # 256 listings cost less than so many stats
        return md5 in self._there


def scan(project: Project, root: str, reader: Reader) -> Listing:
    """What is in a folder, as DVC sees it: links to files followed, links to folders and ignored things left out."""
    found = Listing()
    rules = project.ignore.rules(os.path.dirname(root)) if root != project.root else project.ignore.rules(root)
    todo = [(root, "")]
    while todo:
        folder, prefix = todo.pop()
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"'{project.shown(folder)}' does not exist") from None
        except OSError as error:
            raise DvcError(f"can't read {folder}: {error.strerror}") from error
        try:
            below = _one_folder(folder, prefix, fd, rules, reader, found)
        finally:
            os.close(fd)
        if below is None:
            found.projects.append(folder)
        else:
            todo += [(f"{folder}/{name}", f"{prefix}{name}/") for name in below]
    return found


def _one_folder(
    folder: str,
    prefix: str,
    fd: int,
    rules: tuple[Pattern, ...],
    reader: Reader,
    found: Listing,
) -> list[str] | None:
    """Take the files of one folder, and give the names of those below; None for a DVC project of its own."""
    folders: list[str] = []
    count = 0
    rows = []
    with os.scandir(fd) as entries:
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                if entry.name == ".dvc":
                    return None
                if entry.name not in DEFAULTS and not (rules and _hidden(rules, f"{folder}/{entry.name}", True)):
                    folders.append(entry.name)
            else:
                rows.append(entry)
        files, executable, quick = found.files, found.executable, reader.known
        for entry in rows:
            name = entry.name
            if name == ".git" or (rules and _hidden(rules, f"{folder}/{name}", False)):
                continue
            if name == FILE:
                raise DvcError(f".dvcignore file should not be in collected dir path: '{folder}'", 255)
            if entry.is_symlink():
                try:
                    stat = entry.stat()
                except FileNotFoundError:
                    raise DvcError(f"{folder}/{name} is a link to nothing: remove it, or mend it") from None
                if modes.S_ISDIR(stat.st_mode):
                    continue
            else:
                stat = entry.stat(follow_symlinks=False)
            files[prefix + name] = quick(stat) or reader.file(f"{folder}/{name}", stat, name, fd)
            found.size += stat.st_size
            if stat.st_mode & _EXECUTABLE:
                executable.append(prefix + name)
    if not count and prefix:
        found.empty.append(prefix[:-1])
    return folders


def _hidden(rules: tuple[Pattern, ...], path: str, is_folder: bool) -> bool:
    decided = match(rules, path, is_folder)
    return decided is not None and decided.ignores
