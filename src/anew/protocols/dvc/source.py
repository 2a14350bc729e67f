"""Another project or Git repository, at one commit or as it stands: what `import`, `get` and `list` read."""

from __future__ import annotations

import os
import tempfile
from functools import cached_property

from anew.errors import AnewError, CorruptData, DvcError, NotFound
from anew.protocols.dvc import manifest, stages
from anew.protocols.dvc.config import load_file, merge
from anew.protocols.dvc.git import Git
from anew.protocols.dvc.history import read_stages
from anew.protocols.dvc.ignore import FILE
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.remote import FolderRemote, open_remote
from anew.protocols.dvc.stages import Out, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from anew.protocols.dvc.cache import Cache
    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.remote import Remote


class Item:
    """One file: an object of DVC's, or a content of Git's, or a file of a working tree."""

    __slots__ = ("digest", "executable", "file", "object", "size")

    def __init__(
        self, object: Object | None = None, digest: str | None = None, file: str | None = None,
        executable: bool = False, size: int | None = None,
    ) -> None:  # fmt: skip
        self.object, self.digest, self.file, self.executable, self.size = object, digest, file, executable, size


class Source:
    """Use it in a `with`: a copy of a repository elsewhere lives no longer."""

    def __init__(
        self, url: str, rev: str | None = None, remote: str | None = None, commit: bool = False,
        config: str | dict[str, Any] | None = None, remote_config: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.url = url
        self._config, self._remote = _settings(config, remote, remote_config)
        self._clone: tempfile.TemporaryDirectory[str] | None = None
        path = os.path.realpath(url.removeprefix("file://"))
        if os.path.isdir(path) and "://" not in url.removeprefix("file://"):
            root = Git.find(path) or (Git(path) if os.path.exists(f"{path}/HEAD") else None)
            top = path
        else:
            root, top = self._cloned(url)
        self.git = root
        self.root = top
        self.commit: str | None = None
        if rev or commit or self._clone or (root and os.path.exists(f"{top}/HEAD")):
            if root is None:
                raise DvcError(f"'{url}' is in no Git repository, and has no revisions")
            self.commit = root.resolve(rev or "HEAD") or root.resolve(f"origin/{rev}")
            if self.commit is None:
                raise NotFound(f"unknown Git revision '{rev or 'HEAD'}' of '{url}'")

    def _cloned(self, url: str) -> tuple[Git, str]:
        import subprocess

        self._clone = tempfile.TemporaryDirectory(prefix="anew-dvc-")
        done = subprocess.run(
            ["git", "clone", "-q", "--", url, self._clone.name],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            self._clone.cleanup()
            raise DvcError(f"Failed to clone repo '{url}': {done.stderr.decode(errors='replace').strip()}")
        return Git(self._clone.name), self._clone.name

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._clone is not None:
            self._clone.cleanup()

    @cached_property
    def project(self) -> Project | None:
        return Project(self.root, self._config) if os.path.isdir(f"{self.root}/.dvc") else None

    @cached_property
    def _below(self) -> str:
        found = os.path.relpath(self.root, self.git.root) if self.git else "."
        return "" if found == "." else found

    @cached_property
    def outs(self) -> list[Out]:
        if self.commit is not None and self.git is not None:
            return [out for stage in read_stages(self.git, self.commit, self._below, self.root) for out in stage.outs]
        return list(self.project.outs) if self.project else []

    def items(self, path: str = "", dvc_files: bool = False) -> dict[str, Item]:
        """Every file at or below `path`, by its path in the source."""
        found: dict[str, Item] = {}
        for name, item in self._plain().items():
            hidden = stages.is_stage_file(name) or os.path.basename(name) == FILE
            if _at(name, path) and (dvc_files or not hidden):
                found[name] = item
        for out in self.outs:
            if out.external or not inside(out.path, self.root):
                continue
            name = os.path.relpath(out.path, self.root)
            if not (_at(name, path) or _at(path, name)):
                continue
            found |= {one: item for one, item in self._out_items(out, name).items() if _at(one, path)}
        return found

    def _out_items(self, out: Out, name: str) -> dict[str, Item]:
        if not out.cached or not out.md5:
            return {}
        if not out.is_folder:
            executable = bool(out.raw.get("isexec"))
            return {name: Item((out.md5, out.legacy), executable=executable, size=out.raw.get("size"))}
        return {f"{name}/{one}": Item((md5, out.legacy)) for one, md5 in self.files(out).items()}

    def files(self, out: Out) -> dict[str, str]:
        """What is in a folder, fetched from wherever the source has it."""
        if out.raw.get("files"):
            return {row["relpath"]: row["md5"] for row in out.raw["files"]}
        for place in self._places():
            try:
                return manifest.decode(place.read((out.md5 or "", out.legacy)), out.written)
            except (NotFound, CorruptData):
                continue
        raise NotFound(
            f"the list of the files of '{out.written}' is neither in the cache nor on the remote of {self.url}"
        )

    def _plain(self) -> dict[str, Item]:
        """Files that are no output: those that Git has, or that stand in the working tree."""
        if self.commit is not None and self.git is not None:
            rows = self.git.files(self.commit, self._below)
            return {
                name: Item(digest=digest, executable=mode == "100755")
                for name, (mode, digest) in rows.items()
                if mode.startswith("100") and not name.startswith(".dvc/")
            }
        found = {}
        ignore = self.project.ignore if self.project else None
        tracked = {out.path for out in self.outs}
        for at, folders, names in os.walk(self.root):
            folders[:] = [one for one in folders if one not in (".git", ".hg", ".dvc") and f"{at}/{one}" not in tracked]
            for one in names:
                file = f"{at}/{one}"
                if file not in tracked and not (ignore and ignore.ignored(file, False)):
                    name = os.path.relpath(file, self.root)
                    item = self.standing(name)
                    if item is not None:
                        found[name] = item
        if self.git is not None and found:
            hidden = self.git.ignored(item.file for item in found.values() if item.file)
            found = {name: item for name, item in found.items() if item.file not in hidden}
        return found

    def standing(self, name: str) -> Item | None:
        """The file as it stands in a working tree, changed or not, which goes before what is tracked."""
        file = f"{self.root}/{name}"
        if self.commit is not None or not os.path.isfile(file):
            return None
        stat = os.stat(file)
        return Item(file=file, executable=bool(stat.st_mode & 0o100), size=stat.st_size)

    def _places(self) -> list[Remote]:
        """Where its objects may be: a cache is a remote that lies here."""
        if self.project is None:
            return []
        cache = FolderRemote("cache", self.project.cache.root)
        return [cache, self.remote] if self.remote is not None else [cache]

    @cached_property
    def remote(self) -> Remote | None:
        try:
            return open_remote(self.project, self._remote) if self.project else None
        except AnewError:
            if self._remote:
                raise
            return None

    def bring(self, wanted: Object, into: Cache) -> None:
        """Bring an object into a cache, if it is not there."""
        if into.stat(*wanted) is not None and into.sound(*wanted):
            return
        problem: AnewError | None = None
        for place in self._places():
            try:
                place.get(wanted, into)
                return
            except (NotFound, CorruptData) as error:
                problem = error
        raise NotFound(
            f"{wanted[0]} is neither in the cache nor on the remote of {self.url}: push it there"
        ) from problem

    def content(self, item: Item) -> bytes:
        if item.file is not None:
            with open(item.file, "rb") as file:
                return file.read()
        assert self.git is not None and item.digest is not None
        return self.git.contents([item.digest])[item.digest]


def _settings(
    config: str | dict[str, Any] | None, remote: str | None, options: dict[str, Any] | None
) -> tuple[dict[str, Any], str | None]:
    """Configuration over the source's own (a file's, or given as such), and the remote that is meant."""
    found: dict[str, Any] = {}
    if isinstance(config, str):
        if not os.path.exists(config):
            raise NotFound(f"there is no configuration {config}")
        merge(found, load_file(config))
    elif config:
        merge(found, config)
    if options:
        remote = remote or "given"
        merge(found, {"remote": {remote: options}})
    return found, remote


def _at(name: str, path: str) -> bool:
    return path in ("", ".") or name == path or name.startswith(path.rstrip("/") + "/")
