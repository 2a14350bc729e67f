"""A stage that was run: its outputs into the cache, and what it was run with into `dvc.lock`."""

from __future__ import annotations

import os

from anew.errors import DvcError, NotFound, PipelineError
from anew.pipeline import lock, params
from anew.protocols.dvc import durable
from anew.protocols.dvc.adding import know, link_files, refuse_in_git, take
from anew.protocols.dvc.checkout import remove_output
from anew.protocols.dvc.stages import PipelineStage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from anew.protocols.dvc.project import Chosen, Project
    from anew.protocols.dvc.stages import Out


def remove_outs(project: Project, stage: PipelineStage) -> None:
    """Take away what the stage will make anew; what persists becomes its own copy, which may be written to."""
    from anew.protocols.dvc.moving import unprotect_path

    for out in stage.outs:
        if out.raw.get("persist"):
            if os.path.lexists(out.path) and out.cached:
                unprotect_path(project, out.path)
        elif not out.external:
            remove_output(out.path)


def save_deps(project: Project, stage: PipelineStage, allow_missing: bool = False) -> dict[str, dict[str, Any]]:
    """Note what the dependencies are now. Gives the values of the parameters, file by file."""
    for dep in stage.deps:
        if dep.external:
            raise DvcError(f"dependency '{dep.written}' is not on this machine, which stages can't have here yet")
        if not os.path.exists(dep.path):
            if not allow_missing:
                raise NotFound(f"dependency '{project.shown(dep.path)}' does not exist")
            continue
        dep.known(**take(project, dep, None, False).fields)
    return {file: values_of(project, stage, file, allow_missing) for file in stage.params}


def values_of(project: Project, stage: PipelineStage, file: str, allow_missing: bool) -> dict[str, Any]:
    data = params.read(stage.params_path(file))
    shown = project.shown(stage.params_path(file))
    if data is None:
        if allow_missing:
            return {}
        raise NotFound(f"dependency '{shown}' does not exist")
    keys = stage.params[file]
    found = params.select(data, keys) if keys else dict(data)
    missing = [key for key in keys if key not in found]
    if missing:
        raise PipelineError(f"Parameters '{', '.join(missing)}' are missing from '{shown}'.")
    return found


def save(
    project: Project, stage: PipelineStage, commit: bool = True, allow_missing: bool = False,
    warn: Callable[[str], None] = lambda text: None, relink: bool = True,
) -> list[str]:  # fmt: skip
    """Hash dependencies and outputs, keep the outputs unless `commit` is false, and have Git ignore them.

    Sets `stage.entry`. Gives the .gitignore files that were changed.
    """
    values = save_deps(project, stage, allow_missing)
    files: dict[str, str] = {}
    for out in stage.outs:
        if not os.path.exists(out.path):
            if not allow_missing:
                raise NotFound(f"output '{project.shown(out.path)}' does not exist")
            continue
        _check_out(project, out, warn)
        found = take(project, out, None, commit and out.cached)
        know(project, out, None, found)
        if commit and out.cached:
            files |= found.files
    project.cache.flush()
    if relink:
        link_files(project, files)
    stage.entry = entry_of(stage, values)
    return _hide(project, [out.path for out in stage.outs if out.cached and os.path.lexists(out.path)])


def entry_of(stage: PipelineStage, values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What `dvc.lock` is to say of a stage."""
    return lock.entry(
        stage.definition.command, [dep.raw for dep in stage.deps], values, [out.raw for out in stage.outs]
    )


def _check_out(project: Project, out: Out, warn: Callable[[str], None]) -> None:
    shown = project.shown(out.path)
    if os.path.isdir(out.path):
        empty = not any(os.scandir(out.path))
    else:
        empty = os.stat(out.path).st_size == 0
        if out.kind == "metrics" and not empty and not _is_text(out.path):
            raise DvcError(f"binary file '{out.path}' cannot be used as metrics.")
    if empty:
        warn(f"'{shown}' is empty.")


_TEXT = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)))


def _is_text(path: str) -> bool:
    with open(path, "rb") as file:
        block = file.read(512)
    return b"\0" not in block and len(block.translate(None, _TEXT)) / max(len(block), 1) <= 0.30


def _hide(project: Project, paths: list[str]) -> list[str]:
    if project.git is None or not paths:
        return []
    refuse_in_git(project, project.git, paths)
    from anew.protocols.dvc.gitignore import hide

    return hide(project.git, paths)


def commit(project: Project, chosen: Iterable[Chosen], relink: bool = True) -> None:
    """Take what is in the workspace as it is: of stages, their dependencies and parameters, too."""
    from anew.protocols.dvc import adding, runcache

    rows = list(chosen)
    adding.commit(project, [one for one in rows if not isinstance(one.out.stage, PipelineStage)], relink)
    stages = {id(one.out.stage): one.out.stage for one in rows if isinstance(one.out.stage, PipelineStage)}
    if stages:
        with project.lock():
            for stage in stages.values():
                assert isinstance(stage, PipelineStage)
                save(project, stage, relink=relink)
                runcache.save(project, stage)
            write_lock(stage for stage in stages.values() if isinstance(stage, PipelineStage))


def write_lock(stages: Iterable[PipelineStage], say: Callable[[str], None] = lambda text: None) -> list[str]:
    """The entries of stages into their `dvc.lock`; the files that were changed."""
    by_file: dict[str, list[PipelineStage]] = {}
    for stage in stages:
        by_file.setdefault(os.path.splitext(stage.path)[0] + ".lock", []).append(stage)
    changed = []
    for path, group in by_file.items():
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            text = ""
        shown = os.path.relpath(path)
        known = lock.stages(text, shown) if text else {}
        entries = {str(stage.name): stage.entry for stage in group if stage.entry is not None}
        if not text:
            say(f"Generating lock file '{shown}'")
        if any(known.get(name) != entry for name, entry in entries.items()):
            say(f"Updating lock file '{shown}'")
            durable.replace(path, lock.updated(text, shown, entries).encode())
            changed.append(path)
    return changed
