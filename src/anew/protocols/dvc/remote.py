"""A remote: the same objects somewhere else. A folder for now; another kind of place is another class like this."""

from __future__ import annotations

import os

from anew.errors import CorruptData, DvcConfigError, DvcError, NotFound
from anew.protocols.dvc import extras, manifest
from anew.protocols.dvc.cache import SMALL_SIZE, Cache
from anew.protocols.dvc.extras import Extras

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.stages import Out

_MANY = 500


class Remote:
    """Objects of a folder, which a server or a colleague may see, too."""

    def __init__(self, name: str, root: str, group: bool = False) -> None:
        self.name, self.root = name, root
        self.objects = Cache(root, None, group)

    def has(self, wanted: Iterable[Object]) -> set[Object]:
        """Those of the objects that are there now: looked up, never remembered."""
        asked = set(wanted)
        if len(asked) <= _MANY:
            return {(md5, legacy) for md5, legacy in asked if self.objects.stat(md5, legacy) is not None}
        there = {(md5, legacy) for legacy in {legacy for _, legacy in asked} for md5 in self.objects.list(legacy)}
        return asked & there

    def size(self, one: Object) -> int | None:
        stat = self.objects.stat(*one)
        return stat.st_size if stat else None

    def list(self) -> Iterator[Object]:
        for legacy in (False, True):
            yield from ((md5, legacy) for md5 in self.objects.list(legacy))

    def get(self, one: Object, into: Cache) -> None:
        """Bring an object into a cache; NotFound when it is not there, CorruptData when it is something else."""
        transfer(self.objects, into, one)

    def put(self, one: Object, source: Cache) -> None:
        """Bring an object of a cache here."""
        transfer(source, self.objects, one)

    def remove(self, one: Object) -> None:
        self.objects.remove(*one)

    def flush(self) -> None:
        """What was put is on the disk when this returns."""
        self.objects.flush()

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
        return self.objects.path(md5, legacy)


def transfer(source: Cache, target: Cache, one: Object) -> None:
    """Copy an object from one place to another, checked on its way."""
    md5, legacy = one
    stat = source.stat(md5, legacy)
    if stat is None:
        raise NotFound(f"{source.path(md5, legacy)} is not there")
    if stat.st_size <= SMALL_SIZE or legacy or md5.endswith(manifest.SUFFIX):
        target.put(md5, source.read(md5, legacy), legacy)
    else:
        target.put_file(source.path(md5), md5)


def open_remote(project: Project, name: str | None = None) -> Remote:
    """The remote of that name, or the one configured."""
    name = (name or project.config.get("core", "remote") or "").lower()
    remotes = project.config.merged().get("remote", {})
    if not name:
        raise DvcConfigError(
            "no remote specified in project. Set up a default remote with\n    anew dvc remote default <remote name>\n"
            "or name one with -r <name>", 1
        )  # fmt: skip
    if name not in remotes:
        raise DvcConfigError(f"remote '{name}' doesn't exist.", 1)
    url, group = _resolve(remotes, name)
    if "://" in url and not url.startswith("file://"):
        raise DvcError(f"remote '{name}' is at {url}: only folders can be reached yet; use dvc for it")
    return Remote(name, os.path.abspath(url.removeprefix("file://")), group)


def content(project: Project, out: Out, md5: str) -> bytes:
    """An object of an output: from the cache, else from its remote, which the cache keeps. Raises NotFound."""
    cache, one = project.cache, (md5, out.legacy)
    try:
        return cache.read(*one)
    except (NotFound, CorruptData) as here:
        try:
            open_remote(project, out.raw.get("remote")).get(one, cache)
        except (DvcError, CorruptData) as there:
            raise NotFound(f"{here}; {there}") from there
    return cache.read(*one)


def _resolve(remotes: dict[str, dict[str, str]], name: str) -> tuple[str, bool]:
    """`remote://other/sub` is a folder of another remote."""
    url = remotes[name]["url"]
    group = str(remotes[name].get("shared", "")).lower() == "group"
    if url.startswith("remote://"):
        other, _, below = url[len("remote://") :].partition("/")
        if other not in remotes:
            raise DvcConfigError(f"remote '{other}', which remote '{name}' is in, doesn't exist.")
        base, group = _resolve(remotes, other)
        return f"{base}/{below}" if below else base, group
    return url, group


__all__ = ["CorruptData", "Remote", "content", "open_remote", "transfer"]
