"""What lies at an address: where `import-url`, `get-url` and `add` take data from that is in no repository."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from urllib.parse import parse_qs, urlsplit

from anew.errors import DvcError, NotFound
from anew.protocols.dvc import manifest, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from anew.protocols.dvc.cache import Cache
    from anew.protocols.dvc.project import Project
    from anew.remotes.cloud import Cloud
    from anew.remotes.place import Item

# What DVC calls that by which one sees that a file changed.
_MARKS = {"s3": "etag", "gs": "etag", "azure": "etag", "webdav": "etag", "webdavs": "etag", "http": "checksum",
          "https": "checksum", "ssh": "md5"}  # fmt: skip
_VERSIONED = ("s3", "azure")
_VERSION_KEYS = ("versionId", "versionid")


class External:
    """A file, or a folder. `shown`: its address as it was written; `versions`: of files that are to be had as they
    were, by their paths.
    """

    def __init__(self, shown: str, conf: Mapping[str, Any], versions: Mapping[str, str] | None = None) -> None:
        url, named = _without_version(str(conf["url"]))
        self.shown = shown
        self.scheme = url.partition("://")[0]
        above, self._name = places.split(url)
        self._place = places.open_url(conf, above)
        self._versions = dict(versions or {}) | ({"": named} if named else {})
        self.is_versioned = bool(named) or str(conf.get("version_aware", "")).lower() == "true"
        if self.is_versioned and self.scheme not in _VERSIONED:
            raise DvcError(f"{shown}: versions are kept apart for {' and '.join(_VERSIONED)} only; import it without")

    @cached_property
    def files(self) -> dict[str, Item]:
        """By their paths below it; "" is the path of a file itself. Raises NotFound."""
        item = self._place.find(self._name) if self._name else None
        if item is not None:
            return {"": item}
        start = f"{self._name}/" if self._name else ""
        found: dict[str, Item] = {}
        if not self.scheme.startswith("http"):
            listed = self._place.list(self._name)
            found = {name[len(start) :]: item for name, item in listed.items() if name != start}
        if not found:
            raise NotFound(f"dependency '{self.shown}' does not exist: nothing is at {self.shown}")
        if self.is_versioned:  # a list does not tell versions
            return {name: self._place.find(start + name) or item for name, item in found.items()}
        return found

    @property
    def is_folder(self) -> bool:
        return "" not in self.files

    def read(self, path: str) -> Iterator[bytes]:
        name = "/".join(part for part in (self._name, path) if part)
        if version := self._versions.get(path):
            cloud: Cloud = self._place  # type: ignore[assignment]  # __init__ saw to it
            return cloud.read(name, version=version)
        return self._place.read(name)

    def bring(self, into: Cache, jobs: int | None, then: Callable[[str], None] = lambda _: None) -> dict[str, str]:
        """All of it into a cache; the md5 of each file. `then` is called with each that is there."""
        from anew.remotes import parallel

        found: dict[str, str] = {}

        def take(path: str) -> None:
            found[path] = parallel.patiently(lambda: into.take_pieces(self.read(path)))
            then(found[path])

        most = jobs or 8
        parallel.each(take, list(self.files), most, 2 * most)
        return {path: found[path] for path in sorted(found)}

    def fields(self, hashes: Mapping[str, str]) -> dict[str, Any]:
        """What an import notes of it, in DVC's words. `hashes`: the md5 of each file, which `hashed` gives, too."""
        if self.is_versioned:
            return self._versioned_fields()
        kind = _MARKS[self.scheme]
        marks = {path: hashes[path] if kind == "md5" else self._mark(path) for path in sorted(self.files)}
        sizes = [item.size for item in self.files.values()]
        if not self.is_folder:
            return {kind: marks[""]} | ({"size": sizes[0]} if sizes[0] >= 0 else {})
        rows = [{kind: mark, "relpath": path} for path, mark in marks.items()]
        text = json.dumps(rows, sort_keys=True)
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + manifest.SUFFIX
        return {"md5": digest, "size": sum(sizes), "nfiles": len(sizes)}

    def hashed(self) -> dict[str, str]:
        """The md5 of each file where nothing else tells a change: all of it is read."""
        if _MARKS[self.scheme] != "md5":
            return {}
        found = {}
        for path in self.files:
            hasher = hashlib.md5(usedforsecurity=False)
            for piece in self.read(path):
                hasher.update(piece)
            found[path] = hasher.hexdigest()
        return found

    def _versioned_fields(self) -> dict[str, Any]:
        rows = []
        for path in sorted(self.files):
            item = self.files[path]
            version = self._versions.get(path) or item.version
            if not version:
                raise DvcError(f"{self.shown}: the bucket keeps no versions; switch that on, or leave --version-aware")
            rows.append({"relpath": path, "etag": self._mark(path), "size": item.size, "version_id": version})
        if self.is_folder:
            return {"files": rows}
        return {key: rows[0][key] for key in ("etag", "size", "version_id")}

    def _mark(self, path: str) -> str:
        mark = self.files[path].mark
        if not mark:
            raise DvcError(f"{self.shown} has neither an ETag nor a Content-MD5 by which a change could be seen")
        return f'"{mark}"' if self.scheme == "azure" else mark


def open_external(
    project: Project | None, url: str, more: Mapping[str, Any] | None, dep: Mapping[str, Any]
) -> External:
    """What is at an address, with settings of its own; `dep`: what an import knows of it, versions for one."""
    remotes = project.config.merged().get("remote", {}) if project is not None else {}
    conf = places.conf_of_url(remotes, url, more or {})
    versions = {row["relpath"]: row["version_id"] for row in dep.get("files") or [] if row.get("version_id")}
    if dep.get("version_id"):
        versions[""] = str(dep["version_id"])
    return External(url, conf, versions)


def _without_version(url: str) -> tuple[str, str]:
    """An address without the version that it names, and that."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    for key in _VERSION_KEYS:
        if key in query:
            return parts._replace(query="").geturl(), query[key][0]
    return url, ""
