"""A remote: the same objects somewhere else, in a folder or at a place that a network leads to."""

from __future__ import annotations

import os

from anew.errors import AnewError, CorruptData, DvcConfigError, DvcError, NotFound
from anew.protocols.dvc import extras, manifest, places
from anew.protocols.dvc.cache import SMALL_SIZE, Cache
from anew.protocols.dvc.extras import Extras

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Protocol, TypeVar

    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.stages import Out
    from anew.remotes.place import Place

    T = TypeVar("T")

    class Remote(Protocol):
        """Nothing about it is remembered: it is asked what it has, each time."""

        name: str
        jobs: int  # so many transfers at once

        def sizes(self, wanted: Iterable[Object]) -> dict[Object, int]:
            """Those of the objects that are there now, and how large; or UNKNOWN, where that would cost much."""

        def list(self) -> Iterator[Object]: ...

        def read(self, one: Object) -> bytes:
            """A small object, checked; NotFound, CorruptData as for `get`."""

        def get(self, one: Object, into: Cache) -> None:
            """Bring an object into a cache; NotFound when it is not there, CorruptData when it is something else."""

        def put(self, one: Object, source: Cache) -> None:
            """Bring an object of a cache here."""

        def put_file(self, md5: str, path: str) -> None:
            """Bring a file that was hashed to `md5` here. Raises CorruptData if it is another by now."""

        def remove(self, one: Object) -> None: ...

        def flush(self) -> None:
            """What was put is on the disk when this returns."""

        def extras(self, md5: str) -> Extras: ...

        def put_extras(self, md5: str, said: Extras) -> None: ...

        def runs(self) -> Iterable[str]:
            """The entries of the run cache that are there, by their paths."""

        def get_run(self, name: str) -> bytes: ...

        def put_run(self, name: str, data: bytes) -> None: ...

        def url(self, md5: str, legacy: bool = False) -> str: ...


UNKNOWN = -1
_MANY = 2000
_FEW_REQUESTS = 300  # so many objects are asked for one by one; of more, folders are listed
_JOBS, _JOBS_SSH = 16, 8


class FolderRemote:
    """A folder, which a server or a colleague may see, too."""

    jobs = 1

    def __init__(self, name: str, root: str, group: bool = False) -> None:
        self.name, self.root = name, root
        self._objects = Cache(root, None, group)

    def sizes(self, wanted: Iterable[Object]) -> dict[Object, int]:
        asked = set(wanted)
        if len(asked) > _MANY:
            there = {(md5, legacy) for legacy in {legacy for _, legacy in asked} for md5 in self._objects.list(legacy)}
            return dict.fromkeys(asked & there, UNKNOWN)
        stats = {one: self._objects.stat(*one) for one in asked}
        return {one: stat.st_size for one, stat in stats.items() if stat is not None}

    def list(self) -> Iterator[Object]:
        for legacy in (False, True):
            yield from ((md5, legacy) for md5 in self._objects.list(legacy))

    def read(self, one: Object) -> bytes:
        return self._objects.read(*one)

    def get(self, one: Object, into: Cache) -> None:
        transfer(self._objects, into, one)

    def put(self, one: Object, source: Cache) -> None:
        transfer(source, self._objects, one)

    def put_file(self, md5: str, path: str) -> None:
        self._objects.put_file(path, md5)

    def remove(self, one: Object) -> None:
        self._objects.remove(*one)
        if one[0].endswith(manifest.SUFFIX):
            extras.remove(self.root, one[0])

    def flush(self) -> None:
        self._objects.flush()

    def extras(self, md5: str) -> Extras:
        return extras.read(self.root, md5)

    def put_extras(self, md5: str, said: Extras) -> None:
        extras.write(self.root, md5, said)

    def runs(self) -> Iterator[str]:
        """The entries of the run cache that are there, by their paths."""
        from anew.protocols.dvc.runcache import names

        return names(self.root)

    def get_run(self, name: str) -> bytes:
        with open(f"{self.root}/{name}", "rb") as file:
            return file.read()

    def put_run(self, name: str, data: bytes) -> None:
        from anew.protocols.dvc.runcache import write

        write(self.root, name, data)

    def url(self, md5: str, legacy: bool = False) -> str:
        return self._objects.path(md5, legacy)


class PlaceRemote:
    """Objects at a place. What got no answer is tried again a few times."""

    def __init__(self, name: str, conf: dict[str, Any], jobs: int | None = None) -> None:
        self.name, self._conf = name, conf
        self._scheme = str(conf["url"]).partition("://")[0]
        self._place: Place = places.open_url(conf)
        self.jobs = jobs or int(conf.get("jobs") or (_JOBS_SSH if self._scheme == "ssh" else _JOBS))

    def close(self) -> None:
        """Give its connections back, where the process lives on."""
        self._place.close()

    @property
    def _lists(self) -> bool:
        return not self._scheme.startswith("http")

    def sizes(self, wanted: Iterable[Object]) -> dict[Object, int]:
        names = {_name(*one): one for one in wanted}
        found: dict[Object, int] = {}
        if len(names) <= _FEW_REQUESTS or not self._lists:

            def look(name: str) -> None:
                item = _patiently(lambda: self._place.find(name))
                if item is not None:
                    found[names[name]] = item.size

            each(self, look, names)
            return found

        def look_into(folder: str) -> None:
            for name, item in _patiently(lambda: self._place.list(folder)).items():
                if name in names:
                    found[names[name]] = item.size

        each(self, look_into, {name.rpartition("/")[0] for name in names})
        return found

    def list(self) -> Iterator[Object]:
        if not self._lists:
            raise DvcError(f"remote '{self.name}' is at {self._conf['url']}, which can't be listed")
        for name in self._place.list():
            one = _object(name)
            if one is not None:
                yield one

    def read(self, one: Object) -> bytes:
        name = _name(*one)
        data = _patiently(lambda: b"".join(self._place.read(name)))
        return Cache.checked(data, one, f"{self._conf['url']}/{name}")

    def get(self, one: Object, into: Cache) -> None:
        name = _name(*one)
        where = f"{self._conf['url']}/{name}"
        _patiently(lambda: into.put_pieces(one[0], self._place.read(name), where, one[1]))

    def put(self, one: Object, source: Cache) -> None:
        stat = source.stat(*one)
        if stat is None:
            raise NotFound(f"{source.path(*one)} is not there")
        self._put(_name(*one), stat.st_size, lambda: source.pieces(*one))

    def put_file(self, md5: str, path: str) -> None:
        self._put(_name(md5), os.stat(path).st_size, lambda: Cache.pieces_of(path, (md5, False)))

    def _put(self, name: str, size: int, pieces: Callable[[], Iterator[bytes]]) -> None:
        places.refuse_to_write(self._conf)
        if size > SMALL_SIZE:
            _patiently(lambda: self._place.write_stream(name, pieces(), size))
        else:
            data = b"".join(pieces())
            _patiently(lambda: self._place.write(name, [data]))

    def remove(self, one: Object) -> None:
        self._place.delete(_name(*one))
        if one[0].endswith(manifest.SUFFIX):
            self._place.delete(_extras_name(one[0]))

    def flush(self) -> None:
        pass

    def extras(self, md5: str) -> Extras:
        try:
            return Extras.decode(_patiently(lambda: b"".join(self._place.read(_extras_name(md5)))))
        except NotFound:
            return Extras()

    def put_extras(self, md5: str, said: Extras) -> None:
        if said != self.extras(md5):
            _patiently(lambda: self._place.write(_extras_name(md5), [said.encode()]))

    def runs(self) -> Iterable[str]:
        return self._place.list("runs") if self._lists else ()  # as DVC: none on a plain web server

    def get_run(self, name: str) -> bytes:
        return _patiently(lambda: b"".join(self._place.read(name)))

    def put_run(self, name: str, data: bytes) -> None:
        if self._lists:
            _patiently(lambda: self._place.write(name, [data]))

    def url(self, md5: str, legacy: bool = False) -> str:
        return f"{str(self._conf['url']).rstrip('/')}/{_name(md5, legacy)}"


def transfer(source: Cache, target: Cache, one: Object) -> None:
    """Copy an object from one folder to another, checked on its way."""
    md5, legacy = one
    stat = source.stat(md5, legacy)
    if stat is None:
        raise NotFound(f"{source.path(md5, legacy)} is not there")
    if stat.st_size <= SMALL_SIZE or legacy or md5.endswith(manifest.SUFFIX):
        target.put(md5, source.read(md5, legacy), legacy)
    else:
        target.put_file(source.path(md5), md5)


def each(remote: Remote, function: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Do it for each, as many at once as the remote takes."""
    if remote.jobs == 1:
        for item in items:
            function(item)
        return
    from anew.remotes import parallel

    parallel.each(function, items, remote.jobs, 2 * remote.jobs)


def _patiently(function: Callable[[], T]) -> T:
    from anew.remotes.parallel import patiently

    return patiently(function)


def _name(md5: str, legacy: bool = False) -> str:
    return f"{md5[:2]}/{md5[2:]}" if legacy else f"files/md5/{md5[:2]}/{md5[2:]}"


def _object(name: str) -> Object | None:
    """What `_name` made the name of; None for what is no object."""
    legacy = not name.startswith("files/md5/")
    md5 = "".join(name.removeprefix("files/md5/").split("/"))
    hex_ = md5.removesuffix(manifest.SUFFIX)
    sound = len(hex_) == 32 and not hex_.strip("0123456789abcdef") and _name(md5, legacy) == name
    return (md5, legacy) if sound else None


def _extras_name(md5: str) -> str:
    return f"{extras.FOLDER}/{md5[:32]}"


def open_remote(project: Project, name: str | None = None, jobs: int | None = None) -> Remote:
    """The remote of that name, or the one configured."""
    name = (name or project.config.get("core", "remote") or "").lower()
    if not name:
        raise DvcConfigError(
            "no remote specified in project. Set up a default remote with\n    anew dvc remote default <remote name>\n"
            "or name one with -r <name>", 1
        )  # fmt: skip
    conf = places.resolve(project.config.merged().get("remote", {}), name)
    if any(str(conf.get(option, "")).lower() == "true" for option in ("worktree", "version_aware")):
        said = f"remote '{name}' keeps plain files in versions: it can only be pushed to and fetched from"
        raise DvcConfigError(said, 1)
    url = str(conf["url"])
    if places.is_local(url):
        group = str(conf.get("shared", "")).lower() == "group"
        return FolderRemote(name, os.path.abspath(url.removeprefix("file://")), group)
    return PlaceRemote(name, conf, jobs)


def content(project: Project, out: Out, md5: str) -> bytes:
    """An object of an output: from the cache, else from its remote, which the cache keeps. Raises NotFound."""
    cache, one = project.cache, (md5, out.legacy)
    try:
        return cache.read(*one)
    except (NotFound, CorruptData) as here:
        try:
            open_remote(project, out.raw.get("remote")).get(one, cache)
        except AnewError as there:
            raise NotFound(f"{here}; {there}") from there
    return cache.read(*one)


__all__ = ["FolderRemote", "PlaceRemote", "content", "each", "open_remote", "transfer"]
