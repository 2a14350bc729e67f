"""A project at one moment, the workspace or a commit: its files, and what of them only DVC has, by path from its top.

A commit is read through Git, and nothing is checked out.
"""

from __future__ import annotations

import errno
import os
from functools import cached_property

from anew.errors import DvcError, NotFound
from anew.pipeline import params
from anew.protocols.dvc import manifest
from anew.protocols.dvc.history import members_of, stages_at
from anew.protocols.dvc.stages import PIPELINE, PipelineStage, inside, is_stage_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from anew.pipeline.definition import PipelineFile
    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.stages import Out, Stage

WORKSPACE = "workspace"
_IS_LINK = "120000"


class Snapshot:
    """`name`: what the user calls it. `commit`: None for the workspace."""

    def __init__(self, project: Project, name: str = WORKSPACE, commit: str | None = None) -> None:
        self.project, self.name, self.commit = project, name, commit

    @cached_property
    def stages(self) -> list[Stage]:
        return self.project.stages if self.commit is None else stages_at(self.project, self.commit)

    @cached_property
    def _tracked_outs(self) -> dict[str, Out]:
        root = self.project.root
        outs = (out for stage in self.stages for out in stage.outs if out.cached and inside(out.path, root))
        return {os.path.relpath(out.path, root): out for out in outs}

    @cached_property
    def _committed(self) -> dict[str, tuple[str, str]]:
        git = self.project.git
        assert git is not None
        assert self.commit is not None
        below = os.path.relpath(self.project.root, git.root)
        try:
            return git.files(self.commit, "" if below == "." else below)
        except DvcError:
            return {}  # the project was not there yet

    @cached_property
    def _folders(self) -> set[str]:
        return {folder for path in self._committed for folder in _above(path)}

    def exists(self, path: str) -> bool:
        return self._is_file(path) or self.is_folder(path)

    def _is_file(self, path: str) -> bool:
        plain = os.path.isfile(f"{self.project.root}/{path}") if self.commit is None else path in self._committed
        return plain or self._tracked(path) is not None

    def is_folder(self, path: str) -> bool:
        if self.commit is None:
            here = os.path.isdir(f"{self.project.root}/{path}")
        else:
            here = path in self._folders
        return here or any(inside(at, path) and (at != path or out.is_folder) for at, out in self._tracked_outs.items())

    def below(self, folder: str) -> list[str]:
        """The files in a folder and its folders, but for DVC's own."""
        found: set[str] = set()
        if self.commit is None:
            for at, folders, names in os.walk(f"{self.project.root}/{folder}"):
                folders[:] = [name for name in folders if name not in (".git", ".dvc")]
                found |= {os.path.relpath(f"{at}/{name}", self.project.root) for name in names}
        else:
            found |= {path for path in self._committed if inside(path, folder)}
        for at, out in self._tracked_outs.items():
            if inside(at, folder) or inside(folder, at):
                members = self._members(out) if out.is_folder else {"": ""}
                paths = (f"{at}/{name}" if name else at for name in members)
                found |= {path for path in paths if inside(path, folder)}
        return sorted(path for path in found if not is_stage_file(path) and not path.endswith("/.dvcignore"))

    def read(self, path: str) -> bytes:
        """What is in a file: the plain one, else what DVC's cache has of it, else what its remote has."""
        missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if self.commit is None:
            try:
                with open(f"{self.project.root}/{path}", "rb") as file:
                    return file.read()
            except NotADirectoryError:
                raise missing from None
            except FileNotFoundError:
                pass
        elif path in self._committed:
            return self._blob(path)
        one = self._tracked(path)
        if one is None:
            raise missing
        return self._cached(path, *one)

    def _blob(self, path: str) -> bytes:
        git = self.project.git
        assert git is not None
        mode, digest = self._committed[path]
        data = git.contents([digest])[digest]
        if mode != _IS_LINK:
            return data
        target = os.path.normpath(os.path.join(os.path.dirname(path), os.fsdecode(data)))
        if target == path or self._committed.get(target, (_IS_LINK,))[0] == _IS_LINK:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._blob(target)

    def _tracked(self, path: str) -> tuple[str, Out] | None:
        """The object that a path is in DVC's cache."""
        for at in (path, *_above(path)):
            out = self._tracked_outs.get(at)
            if out is None or not out.md5:
                continue
            if at == path:
                return None if out.is_folder else (out.md5, out)
            md5 = self._members(out).get(path[len(at) + 1 :]) if out.is_folder else None
            return (md5, out) if md5 else None
        return None

    def _members(self, out: Out) -> dict[str, str]:
        """The files of a folder: path → md5."""
        found = members_of(self.project)(out)
        if found is None and out.md5:
            try:
                found = manifest.decode(self._cached(out.path, out.md5, out), out.path)
            except FileNotFoundError:
                pass
        return found or {}

    def _cached(self, path: str, md5: str, out: Out) -> bytes:
        from anew.protocols.dvc.remote import content

        try:
            return content(self.project, out, md5)
        except NotFound:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    @cached_property
    def _pipelines(self) -> list[PipelineFile]:
        """Its dvc.yaml files."""
        from anew.pipeline import definition

        parsing = self.project.config.merged().get("parsing")
        found = []
        for path in self._pipeline_paths():
            shown = os.path.relpath(f"{self.project.root}/{path}")
            found.append(definition.load(self.read(path).decode(), shown, self._data, parsing))
        return found

    def _pipeline_paths(self) -> list[str]:
        if self.commit is None:
            assert self.stages is not None  # which is when they are looked for
            found = [os.path.relpath(path, self.project.root) for path in self.project.pipelines]
        else:
            others = [
                os.path.dirname(os.path.dirname(path)) for path in self._committed if path.endswith("/.dvc/config")
            ]
            found = [
                path for path in self._committed
                if os.path.basename(path) == PIPELINE and not any(inside(path, other) for other in others)
            ]  # fmt: skip
        return sorted(found, key=lambda path: (path.count("/"), path))

    def _data(self, shown: str) -> Any:
        """The data in a file that templates name, by its path seen from the working folder."""
        path = self._inside(os.path.abspath(shown))
        try:
            return params.parse(self.read(path).decode(errors="replace"), shown)
        except FileNotFoundError:
            return None

    def _inside(self, path: str) -> str:
        return os.path.relpath(path, self.project.root)

    def outs(self, kind: str) -> Iterator[tuple[str, Any, str]]:
        """The outputs that are "metrics" or "plots": path, what is said of it, and the file that says it."""
        for stage in self.stages:
            file = self._inside(stage.path)
            if isinstance(stage, PipelineStage):
                for one in stage.definition.outs:
                    if one.kind == kind:
                        yield self._inside(os.path.normpath(f"{stage.wdir}/{one.path}")), one.plot, file
            else:
                for out in stage.outs:
                    said = out.raw.get(kind.removesuffix("s"))
                    if said:
                        yield self._inside(out.path), said if isinstance(said, (dict, list)) else {}, file

    def listed(self, section: str) -> list[str]:
        """The files that dvc.yaml files list as "metrics" or "params" by themselves."""
        return [
            self._inside(os.path.normpath(f"{os.path.abspath(file.folder)}/{path}"))
            for file in self._pipelines
            for path in file.top(section) or ()
        ]

    def top_plots(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of each dvc.yaml that defines plots by itself: its path, and what it says of each."""
        for file in self._pipelines:
            plots: dict[str, Any] = {}
            for item in file.top("plots") or ():
                plots |= item if isinstance(item, dict) else {item: None}
            if plots:
                yield self._inside(os.path.abspath(file.path)), plots

    def params(self) -> Iterator[tuple[str, list[str]]]:
        """What stages depend on: a file, and the keys in it; none for all of it."""
        for stage in self.stages:
            for path, keys in stage.params.items() if isinstance(stage, PipelineStage) else ():
                yield self._inside(os.path.normpath(f"{stage.wdir}/{path}")), keys

    def variables(self) -> dict[str, dict[str, Any]]:
        """What templates of stages took: file → dotted key → value."""
        found: dict[str, dict[str, Any]] = {}
        for stage in self.stages:
            for path, values in stage.definition.used.items() if isinstance(stage, PipelineStage) else ():
                found.setdefault(self._inside(os.path.abspath(path)), {}).update(values)
        return found


def _above(path: str) -> Iterator[str]:
    at = os.path.dirname(path)
    while at:
        yield at
        at = os.path.dirname(at)


def at_revisions(project: Project, names: Iterable[str]) -> list[Snapshot]:
    """The snapshots that a user named, each once; the workspace first."""
    asked = list(dict.fromkeys(names))
    found = [Snapshot(project)] if WORKSPACE in asked else []
    return found + [Snapshot(project, name, _resolved(project, name)) for name in asked if name != WORKSPACE]


def _resolved(project: Project, name: str) -> str:
    commit = project.git.resolve(name) if project.git else None
    if commit is None:
        raise DvcError(f"unknown Git revision '{name}'")
    return commit


def at_all(project: Project, branches: bool, tags: bool, commits: bool) -> list[Snapshot]:
    """The workspace, then the tips asked for, or all commits; a commit with several names has them all."""
    git = project.git
    if git is None:
        raise DvcError("only the workspace is known here: the project is in no Git repository")
    if commits:
        named = [(commit, commit) for commit in git.commits("HEAD", "--branches", "--tags", "--remotes")]
    else:
        kinds = ["refs/heads"] * branches + ["refs/tags"] * tags
        named = [(name, _resolved(project, name)) for kind in kinds for name in git.names(kind)]
    groups: dict[str, list[str]] = {}
    for name, commit in named:
        groups.setdefault(commit, []).append(name)
    return [Snapshot(project), *(Snapshot(project, ",".join(names), commit) for commit, names in groups.items())]
