"""Remotes that keep plain files under their own names, of which the bucket keeps versions: `.dvc` files say which."""

from __future__ import annotations

import os

from anew.errors import CorruptData, DvcConfigError, DvcError, NotFound
from anew.protocols.dvc import manifest, places
from anew.protocols.dvc.stages import PipelineStage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.stages import Out
    from anew.remotes.cloud import Cloud

    Outs = list[tuple[Out, str | None]]

_JOBS = 16
_SCHEMES = ("s3", "azure")


def is_versioned(project: Project, name: str | None) -> bool:
    """Whether a remote, or the one configured, is such."""
    name = (name or project.config.get("core", "remote") or "").lower()
    remotes = project.config.merged().get("remote", {})
    if name not in remotes:
        return False
    conf = places.resolve(remotes, name)
    return any(str(conf.get(option, "")).lower() == "true" for option in ("version_aware", "worktree"))


class Versioned:
    """One of them, for the outputs of one project."""

    def __init__(self, project: Project, name: str | None, jobs: int | None = None) -> None:
        self.project = project
        self.name = (name or project.config.get("core", "remote") or "").lower()
        conf = places.resolve(project.config.merged().get("remote", {}), self.name)
        url = str(conf["url"])
        if str(conf.get("worktree", "")).lower() == "true":
            raise DvcConfigError(f"remote '{self.name}' follows the workspace (worktree): use dvc for it", 1)
        if url.partition("://")[0] not in _SCHEMES:
            raise DvcConfigError(
                f"remote '{self.name}' is at {url}: versions can be had of {_SCHEMES} only; use dvc", 1
            )
        self._scheme = url.partition("://")[0]
        self._url = url.rstrip("/")
        self._place: Cloud = places.open_url(conf)  # type: ignore[assignment]  # it is one of _SCHEMES
        self.jobs = jobs or int(conf.get("jobs") or _JOBS)

    def push(self, outs: Outs) -> tuple[int, list[str]]:
        """Send files that have no version there, and note those in the `.dvc` files; how many, and what went wrong."""
        tasks: list[tuple[Out, dict[str, Any]]] = []
        problems: list[str] = []
        noted: dict[int, tuple[Out, list[dict[str, Any]]]] = {}
        for out, below in outs:
            if isinstance(out.stage, PipelineStage):
                problems.append(f"{self.project.shown(out.path)}: outputs of stages can't be pushed there; use dvc")
                continue
            rows = self._rows(out)
            noted[id(out)] = (out, rows)
            tasks += [(out, row) for row in rows if not self._version(row) and self._chosen(out, row, below)]
        sent: list[str] = []

        def send(task: tuple[Out, dict[str, Any]]) -> None:
            out, row = task
            try:
                if self._send(out, row):
                    sent.append(row["md5"])
            except (NotFound, CorruptData) as error:
                problems.append(f"{self.project.shown(_path(out, row))}: {error}")

        self._each(send, tasks)
        for out, rows in noted.values():
            self._note(out, rows)
        return len(sent), problems

    def _send(self, out: Out, row: dict[str, Any]) -> bool:
        """Whether it had to be sent: where the mark is an md5, it tells what is there."""
        cache, md5 = self.project.cache, row["md5"]
        name = self._name(out, row)
        there = self._place.find(name)
        known = there is not None and there.mark == md5
        if not known:
            stat = cache.stat(md5, out.legacy)
            if stat is None:
                raise NotFound(f"{md5} is not in the cache")
            self._place.write_stream(name, cache.pieces(md5, out.legacy), stat.st_size)
            there = self._place.find(name)
        if there is None or not there.version:
            raise DvcError(f"{self._url}: the bucket keeps no versions; switch that on (remote '{self.name}')")
        etag = f'"{there.mark}"' if self._scheme == "azure" else there.mark
        row["cloud"] = {self.name: {"etag": etag, "version_id": there.version}}
        return not known

    def fetch(self, outs: Outs) -> tuple[int, list[str]]:
        """Bring into the cache what it lacks of them, in the versions that are noted."""
        cache = self.project.cache
        problems: list[str] = []
        wanted: dict[tuple[str, bool], tuple[Out, dict[str, Any]]] = {}
        for out, below in outs:
            rows = self._rows(out)
            for row in rows:
                if self._chosen(out, row, below) and cache.stat(row["md5"], out.legacy) is None:
                    wanted[row["md5"], out.legacy] = (out, row)
            if out.is_folder and not out.legacy and cache.stat(out.md5 or "") is None:
                cache.put(out.md5 or "", manifest.encode({row["relpath"]: row["md5"] for row in rows}))
        came: list[str] = []

        def bring(task: tuple[Out, dict[str, Any]]) -> None:
            out, row = task
            name = self._name(out, row)
            version = self._version(row)
            try:
                if not version:
                    raise NotFound(f"no version of it on remote '{self.name}' is known: push it from where it is")
                cache.put_pieces(row["md5"], self._place.read(name, version=version), f"{self._url}/{name}", out.legacy)
                came.append(name)
            except (NotFound, CorruptData) as error:
                problems.append(f"{self.project.shown(_path(out, row))}: {error}")

        self._each(bring, list(wanted.values()))
        return len(came), problems

    def _each(self, function: Any, tasks: list[Any]) -> None:
        from anew.remotes.parallel import each

        each(function, tasks, self.jobs, 2 * self.jobs)

    def _rows(self, out: Out) -> list[dict[str, Any]]:
        """A row for each file, as `files` has them; of an output that is a file, one without relpath."""
        if not out.is_folder:
            return [{key: out.raw[key] for key in ("md5", "size", "cloud") if key in out.raw}]
        if out.raw.get("files"):
            return [dict(row) for row in out.raw["files"]]
        cache = self.project.cache
        rows: list[dict[str, Any]] = []
        for name, md5 in sorted(cache.manifest(out.md5 or "", out.legacy).items()):
            stat = cache.stat(md5, out.legacy)
            rows.append({"relpath": name, "md5": md5} | ({"size": stat.st_size} if stat else {}))
        return rows

    def _version(self, row: dict[str, Any]) -> str:
        return str(((row.get("cloud") or {}).get(self.name) or {}).get("version_id") or "")

    def _chosen(self, out: Out, row: dict[str, Any], below: str | None) -> bool:
        return below is None or inside(_path(out, row), below)

    def _name(self, out: Out, row: dict[str, Any]) -> str:
        return os.path.relpath(_path(out, row), self.project.root)

    def _note(self, out: Out, rows: list[dict[str, Any]]) -> None:
        """Into the `.dvc` file, as DVC does: a folder's md5 is that of its files."""
        if not any(self._version(row) for row in rows):
            return
        if out.is_folder:
            drop = ("md5", "size", "nfiles", "files", "cloud")
            out.raw = {key: value for key, value in out.raw.items() if key not in drop} | {"files": rows}
        else:
            out.raw = {key: value for key, value in out.raw.items() if key != "cloud"} | {"cloud": rows[0]["cloud"]}
        self.project.write_stage(out.stage)


def _path(out: Out, row: dict[str, Any]) -> str:
    return f"{out.path}/{row['relpath']}" if "relpath" in row else out.path
