"""A pipeline where there is no DVC project: outputs are kept in Anew's own store, named as DVC names them."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cached_property

from anew.errors import NotFound
from anew.protocols.dvc import manifest
from anew.protocols.dvc.cache import Cache
from anew.protocols.dvc.hashes import CHUNK_SIZE
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anew.store.location import Store
    from anew.store.objects import Objects

FOLDER = "pipeline"
_CONTENT = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64})$")  # md5, and the digest of what is stored
_MADE = re.compile(r"([0-9a-f]{64}) ([0-9a-z]{12})$")  # an entry of the run cache, and the run that made it


class Names:
    """Names for names, in a file of one line each, appended; a line that was cut off names nothing."""

    def __init__(self, path: str, line: re.Pattern[str]) -> None:
        self._path = path
        self._new: dict[str, str] = {}
        self.known: dict[str, str] = {}
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                self.known.update(match.groups() for text in file if (match := line.match(text)))  # type: ignore[misc]
        except FileNotFoundError:
            pass

    def add(self, name: str, other: str) -> None:
        if self.known.get(name) != other:
            self.known[name] = self._new[name] = other

    def save(self) -> None:
        new, self._new = self._new, {}
        if not new:
            return
        text = "".join(f"{name} {other}\n" for name, other in new.items())
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else f"\n{text}"
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


class Shelf(Cache):
    """A cache whose files are objects of the store. Manifests of folders are small, and files below `root`."""

    def __init__(self, root: str, objects: Path) -> None:
        super().__init__(root)
        self._folder = objects
        self.names = Names(f"{root}/contents", _CONTENT)

    @cached_property
    def _objects(self) -> Objects:
        from anew.store.objects import Objects

        return Objects(self._folder)

    def _digest(self, md5: str) -> str:
        digest = self.names.known.get(md5)
        if digest is None:
            raise NotFound(f"{md5} is not in the store {self._folder}: the stage that makes it has to be run")
        return digest

    def has(self, md5: str, legacy: bool = False) -> bool:
        if md5.endswith(manifest.SUFFIX):
            return super().has(md5)
        digest = self.names.known.get(md5)
        return digest is not None and self._objects.has(digest)

    def sound(self, md5: str, legacy: bool = False) -> bool:
        return super().sound(md5) if md5.endswith(manifest.SUFFIX) else self.has(md5)

    def read(self, md5: str, legacy: bool = False) -> bytes:
        return super().read(md5) if md5.endswith(manifest.SUFFIX) else self._objects.get_bytes(self._digest(md5))

    def chunks(self, md5: str, legacy: bool = False) -> Iterator[bytes]:
        return super().chunks(md5) if md5.endswith(manifest.SUFFIX) else self._objects.iter_bytes(self._digest(md5))

    def put(self, md5: str, data: bytes | memoryview, legacy: bool = False) -> None:
        if md5.endswith(manifest.SUFFIX):
            super().put(md5, data)
        else:
            self.names.add(md5, self._objects.put_bytes(bytes(data)))

    def put_file(self, source: str, expected: str | None = None) -> tuple[str, os.stat_result]:
        hasher = hashlib.md5(usedforsecurity=False)
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            stat = os.fstat(fd)

            def read(count: int) -> bytes:
                parts = []
                while count and (data := os.read(fd, min(count, CHUNK_SIZE))):
                    hasher.update(data)
                    parts.append(data)
                    count -= len(data)
                return b"".join(parts)

            digest = self._objects.put_stream(read, stat.st_size)
        finally:
            os.close(fd)
        md5 = hasher.hexdigest()
        self.names.add(md5, digest)
        return md5, stat

    def flush(self) -> None:
        super().flush()
        if "_objects" in self.__dict__:
            self._objects.flush()
        self.names.save()

    def list(self, legacy: bool = False) -> Iterator[str]:
        if not legacy:
            yield from (md5 for md5 in self.names.known if self.has(md5))
        yield from (md5 for md5 in super().list(legacy) if md5.endswith(manifest.SUFFIX))


def made_by(store: Store) -> Names:
    """Entry of the run cache (its value) → the run that made it."""
    return Names(f"{store.root}/{FOLDER}/made", _MADE)


class OwnProject(Project):
    """A project without `.dvc`: what a DVC project keeps there is in the store."""

    def __init__(self, root: str, store: Store) -> None:
        super().__init__(root)
        self.own = f"{store.root}/{FOLDER}"
        self.tmp = f"{self.own}/tmp"
        self._objects = store.objects

    @property
    def cache_dir(self) -> str:
        return self.own

    @cached_property
    def cache(self) -> Cache:
        return Shelf(self.own, self._objects)
