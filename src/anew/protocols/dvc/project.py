"""A DVC project: where it is, how it is configured, what it tracks."""

from __future__ import annotations

import os
from functools import cached_property

from anew.errors import DvcError, NoDvcProject, NotFound
from anew.protocols.dvc import durable, stages
from anew.protocols.dvc.cache import Cache
from anew.protocols.dvc.config import Config, link_types
from anew.protocols.dvc.git import Git
from anew.protocols.dvc.hashes import Hashes, Objects
from anew.protocols.dvc.ignore import Ignore
from anew.protocols.dvc.stages import Out, Stage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from anew.pipeline.graph import Graph

NOT_HERE = "you are not inside of a DVC repository (checked up to mount point '{}')"


class Chosen:
    """An output that a command is about; `below`: the part of it that was named, when that is not all."""

    __slots__ = ("below", "out")

    def __init__(self, out: Out, below: str | None = None) -> None:
        self.out, self.below = out, below


class Project:
    """Everything is computed when first asked for, so that a command pays for what it needs."""

    def __init__(self, root: str, config: dict[str, Any] | None = None) -> None:
        self.root = root
        self.dvc_dir = f"{root}/.dvc"
        self.config = Config(self.dvc_dir)
        if config:
            self.config.merge(config)
        self.tmp = f"{self.dvc_dir}/tmp"
        self.own = f"{self.tmp}/anew"  # may be deleted at any time
        self.cwd = os.getcwd()
        self.ignore = Ignore(root)
        self.pipelines: list[str] = []  # the dvc.yaml files, known once `stages` was asked for
        self.scratch: dict[str, str] = {}  # folder of the workspace → where files on their way into it are made

    @classmethod
    def find(cls, start: str | None = None) -> Project:
        at = os.path.realpath(start or os.getcwd())
        while True:
            if os.path.isdir(f"{at}/.dvc"):
                return cls(at)
            if os.path.ismount(at) or os.path.dirname(at) == at:
                raise NoDvcProject(NOT_HERE.format(at))
            at = os.path.dirname(at)

    @cached_property
    def git(self) -> Git | None:
        return None if self.config.switch("core", "no_scm") else Git.find(self.root)

    @cached_property
    def hashes(self) -> Hashes:
        return Hashes(f"{self.own}/hashes")

    @cached_property
    def legacy_hashes(self) -> Hashes:
        return Hashes(f"{self.own}/hashes", legacy=True)

    @property
    def cache_dir(self) -> str:
        return str(self.config.get("cache", "dir") or f"{self.dvc_dir}/cache")

    @cached_property
    def cache(self) -> Cache:
        group = str(self.config.get("cache", "shared", "")).lower() == "group"
        links = link_types(self.config.get("cache", "type"))
        return Cache(self.cache_dir, Objects(f"{self.own}/objects"), group, links)

    def save(self) -> None:
        """Keep what was learnt about files for the next command."""
        for name in ("hashes", "legacy_hashes"):
            if name in self.__dict__:
                self.__dict__[name].save()
        if "cache" in self.__dict__ and self.cache.index is not None:
            self.cache.index.save()

    def lock(self) -> AbstractContextManager[int]:
        from anew.protocols.dvc.locks import project_lock

        return project_lock(self.tmp, self.config.switch("core", "hardlink_lock"))

    def refuse_busy(self, writes: Iterable[str], reads: Iterable[str] = ()) -> None:
        from anew.protocols.dvc.locks import refuse_busy

        refuse_busy(self.tmp, writes, reads)

    @cached_property
    def stages(self) -> list[Stage]:
        return list(workspace_stages(self))

    @property
    def outs(self) -> Iterator[Out]:
        for stage in self.stages:
            yield from stage.outs

    def tracking(self, path: str) -> Out | None:
        """The output that `path` is, or is a part of."""
        for out in self.outs:
            if not out.external and inside(path, out.path):
                return out
        return None

    def choose(self, targets: Iterable[str], recursive: bool = False, with_deps: bool = False) -> list[Chosen]:
        """The outputs that targets name: `.dvc` files, stages, outputs, parts of outputs; all of them without any."""
        names = list(targets)
        if not names:
            return [Chosen(out) for out in self.outs]
        found: dict[tuple[int, str | None], Chosen] = {}
        for name in names:
            for chosen in self._chosen(name, recursive):
                found[id(chosen.out), chosen.below] = chosen
                if with_deps:
                    for out in self._upstream(chosen.out.stage):
                        found[id(out), None] = Chosen(out)
        return list(found.values())

    def _chosen(self, name: str, recursive: bool) -> list[Chosen]:
        path = os.path.abspath(name)
        if stages.is_stage_file(path):
            if not os.path.exists(path):
                raise NotFound(f"'{name}' does not exist")
            here = [stage for stage in self.stages if stage.path == path]
            here = here or list(load_file(path, self.config))  # one that Git ignores, or that is in a folder of data
            return [Chosen(out) for stage in here for out in stage.outs]
        if recursive and os.path.isdir(path):
            return [Chosen(out) for out in self.outs if inside(out.stage.path, path)]
        named = self.named(name)
        if named:  # of those that write nothing there is nothing to choose
            return [Chosen(out) for stage in named for out in stage.outs]
        out = self.tracking(path)
        if out is None:
            raise NotFound(f"'{name}' does not exist as an output or a stage name in 'dvc.yaml'")
        return [Chosen(out, path if path != out.path else None)]

    def named(self, name: str) -> list[Stage]:
        """Stages by `name`, `name@key`, `folder/dvc.yaml:name`, or a foreach's name for all of its."""
        file, _, stage = name.rpartition(":") if ":" in name else (stages.PIPELINE, "", name)
        path = os.path.abspath(file or stages.PIPELINE)
        return [
            s for s in self.stages if s.path == path and s.name and (s.name == stage or s.name.split("@")[0] == stage)
        ]

    @cached_property
    def graph(self) -> Graph[Stage]:
        """Which stages need which. Raises PipelineError where that can't be."""
        from anew.pipeline.graph import build

        return build(self.stages, self.cwd)

    def without_outs(self, targets: Iterable[str], recursive: bool = False) -> list[Stage]:
        """The stages among `targets` (all, without any) that write nothing."""
        found = [stage for stage in self.stages if not stage.outs]
        names = list(targets)
        if not found or not names:
            return found
        paths = {os.path.abspath(name) for name in names}
        meant = {id(stage) for name in names for stage in self.named(name)}
        below = [path for path in paths if recursive and os.path.isdir(path)]
        return [
            stage for stage in found
            if id(stage) in meant or stage.path in paths or any(inside(stage.path, path) for path in below)
        ]  # fmt: skip

    def stage_targets(self, names: Iterable[str], recursive: bool = False, glob: bool = False) -> list[Stage]:
        """Stages by name, group, `file:name`, stage file, or (with `recursive`) folder; not by their outputs."""
        found: dict[Stage, None] = {}
        for name in names:
            path = os.path.abspath(name)
            if recursive and os.path.isdir(path):
                some = [stage for stage in self.stages if inside(stage.path, path)]
            elif stages.is_stage_file(path):
                if not os.path.exists(path):
                    raise NotFound(f"'{name}' does not exist")
                some = [stage for stage in self.stages if stage.path == path]
            else:
                some = self._by_pattern(name) if glob else self.named(name)
                if not some:
                    self._refuse_unknown(name)
            found.update(dict.fromkeys(some))
        return list(found)

    def _by_pattern(self, name: str) -> list[Stage]:
        from fnmatch import fnmatch

        file, _, pattern = name.rpartition(":")
        path = os.path.abspath(file or stages.PIPELINE)
        return [stage for stage in self.stages if stage.path == path and fnmatch(stage.name or "", pattern)]

    def _refuse_unknown(self, name: str) -> None:
        file, _, stage = name.rpartition(":")
        file = file or stages.PIPELINE
        if not os.path.exists(file):
            raise NotFound(f"'{file}' does not exist")
        raise NotFound(f"Stage '{stage}' not found inside '{file}' file")

    def _upstream(self, stage: Stage) -> Iterator[Out]:
        todo, seen = [stage], {id(stage)}
        while todo:
            for dep in todo.pop().deps:
                out = None if dep.external else self.tracking(dep.path)
                if out is not None:
                    yield out
                    if id(out.stage) not in seen:
                        seen.add(id(out.stage))
                        todo.append(out.stage)

    def forget_stages(self) -> None:
        self.__dict__.pop("stages", None)
        self.__dict__.pop("graph", None)

    def write_stage(self, stage: Stage) -> None:
        text = stage.dumped()
        if text != stage.text:
            durable.replace(stage.path, text.encode())
            stage.text = text

    def shown(self, path: str) -> str:
        """A path as messages have it: seen from where one is."""
        return os.path.relpath(path, self.cwd)


def load_file(path: str, config: Config | None = None) -> Iterator[Stage]:
    """The stages of one file."""
    text = _text(path)
    if path.endswith(stages.SUFFIX):
        yield stages.load_pointer(path, text)
    else:
        lock = os.path.splitext(path)[0] + ".lock"
        parsing = config.merged().get("parsing") if config is not None else None
        yield from stages.load_pipeline(path, text, _text(lock) if os.path.exists(lock) else None, None, parsing)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"'{path}' does not exist") from None
    except UnicodeDecodeError as error:
        raise DvcError(f"'{path}' is not UTF-8 ({error}): mend it, or get it back from Git") from error


def workspace_stages(project: Project) -> Iterator[Stage]:
    """Every stage of the workspace. Folders that are outputs, that Git or .dvcignore ignore, or that are projects of
    their own are not looked into.
    """
    found: list[Stage] = []
    read: list[str] = []
    outs: set[str] = set()
    doubtful = project.git is not None and (project.git.root != project.root or _has_global_ignores(project.git))
    patterns: set[str] = set()
    todo = [project.root]
    while todo:
        folder = todo.pop()
        folders, files, names = _listed(folder)
        if folder != project.root and ".dvc" in folders:
            continue  # a project of its own
        rules = project.ignore.rules(folder, ".dvcignore" in names)
        passed: frozenset[str] = frozenset()
        if ".gitignore" in names and project.git is not None:
            passed, more = _git_ignores(f"{folder}/.gitignore")
            patterns |= more
        for name in files:
            path = f"{folder}/{name}"
            if not rules or not _ignored(rules, path, False):
                read.append(path)
                for stage in load_file(path, project.config):
                    found.append(stage)
                    outs.update(out.path for out in stage.outs if not out.external)
        for name in sorted(folders, reverse=True):
            path = f"{folder}/{name}"
            if name in (".dvc", ".git", ".hg", ".anew") or name in passed or path in outs:
                continue
            if not rules or not _ignored(rules, path, True):
                todo.append(path)
    hidden: set[str] = set()
    if read and project.git is not None:
        hidden = _hidden(read, project.git, project.root, patterns, doubtful)
    project.pipelines = [path for path in read if path.endswith(f"/{stages.PIPELINE}") and path not in hidden]
    yield from (stage for stage in found if stage.path not in hidden)


def _hidden(files: list[str], git: Git, root: str, patterns: set[str], doubtful: bool) -> set[str]:
    """Those that Git ignores. It is asked only if some pattern may fit, for that costs a process."""
    paths = {path for file in files for path in (file, *_above(file, root))}
    if patterns and not doubtful:
        from fnmatch import fnmatchcase

        names = {os.path.basename(path) for path in paths}
        doubtful = any(fnmatchcase(name, pattern) for pattern in patterns for name in names)
    if not doubtful:
        return set()
    ignored = git.ignored(paths)
    return {file for file in files if {file, *_above(file, root)} & ignored}


def _listed(folder: str) -> tuple[list[str], list[str], set[str]]:
    """Folders, stage files, and the names of ignore files."""
    folders, files, names = [], [], set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif name.endswith(".dvc") or name == stages.PIPELINE:
                    if entry.is_file():
                        files.append(name)
                elif name in (".gitignore", ".dvcignore"):
                    names.add(name)
    except PermissionError:
        pass
    files.sort()
    return folders, files, names


def _ignored(rules: tuple[Any, ...], path: str, is_folder: bool) -> bool:
    from anew.protocols.dvc.ignore import match

    found = match(rules, path, is_folder)
    return found is not None and found.ignores


def _above(path: str, root: str) -> list[str]:
    found = []
    at = os.path.dirname(path)
    while at != root and inside(at, root):
        found.append(at)
        at = os.path.dirname(at)
    return found


def _git_ignores(path: str) -> tuple[frozenset[str], set[str]]:
    """Names of this very folder that a .gitignore surely hides; and the last parts of what else stands in it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError:
        return frozenset(), {"*"}
    names, patterns = set(), set()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        name = line.strip("/")
        if line.startswith("/") and "/" not in name and not set(line) & set("*?[\\! "):
            names.add(name)
            if stages.is_stage_file(name):
                patterns.add(name)
        elif line.startswith("!"):
            return frozenset(), {"*"}
        else:
            last = name.rpartition("/")[2]
            patterns.add("*" if set(last) & set("[\\ ") else last)
    return frozenset(names), patterns


def _has_global_ignores(git: Git) -> bool:
    """Whether Git may ignore something for other reasons than .gitignore files of this project."""
    home = os.path.expanduser("~")
    base = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    if os.path.exists(f"{base}/git/ignore") or os.path.isfile(f"{git.root}/.git"):
        return True
    try:
        with open(f"{git.root}/.git/info/exclude", "rb") as file:
            if any(line.strip() and not line.startswith(b"#") for line in file):
                return True
    except OSError:
        pass
    for path in (f"{git.root}/.git/config", f"{home}/.gitconfig", f"{base}/git/config", "/etc/gitconfig"):
        try:
            with open(path, "rb") as file:
                if b"excludesfile" in file.read().lower():
                    return True
        except OSError:
            pass
    return False
