"""`status`: which outputs and dependencies are not as their files say."""

from __future__ import annotations

import os

from anew.errors import CorruptData, NotFound
from anew.protocols.dvc.folders import Reader, scan
from anew.protocols.dvc.stages import PipelineStage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from anew.protocols.dvc.project import Chosen, Project
    from anew.protocols.dvc.stages import Entry, Out, Stage


def status(
    project: Project, chosen: Iterable[Chosen], updates: bool = True, without_outs: Iterable[Stage] = ()
) -> dict[str, list[Any]]:
    """In DVC's shape: file or stage → what changed; what is as it should be is left out.

    `without_outs`: stages that are looked at as well, and write nothing.
    """
    found: dict[str, list[Any]] = {}
    by_stage: dict[int, tuple[Stage, list[Chosen]]] = {}
    for one in chosen:
        by_stage.setdefault(id(one.out.stage), (one.out.stage, []))[1].append(one)
    for stage in without_outs:
        by_stage.setdefault(id(stage), (stage, []))
    for stage, group in by_stage.values():
        rows = _stage_status(project, stage, group, updates)
        if rows:
            found[stage.address(project.cwd)] = rows
    return found


def _stage_status(project: Project, stage: Stage, group: list[Chosen], updates: bool) -> list[Any]:
    rows: list[Any] = []
    if not stage.frozen or (stage.is_repo_import and updates):
        changed = deps_status(project, stage)
        if changed:
            rows.append({"changed deps": changed})
    outs: dict[str, str] = {}
    for one in group:
        said = out_status(project, one.out)
        if said:
            outs[one.out.shown(project.cwd, project.root)] = said
    if outs:
        rows.append({"changed outs": outs})
    if stage.always_changed:
        rows.append("always changed")
    if stage.is_import:
        from anew.protocols.dvc.importing import stage_md5

        if stage.raw.get("md5") != stage_md5(stage):
            rows.append("changed checksum")
    if isinstance(stage, PipelineStage) and stage.changed_command:
        rows.append("changed command")
    return rows


def out_status(project: Project, out: Out) -> str | None:
    """deleted, modified, not in cache, or None where it is as it should be."""
    if out.external:
        return None
    files = None
    if out.md5 and out.cached:
        if not project.cache.has(out.md5, out.legacy):
            return "not in cache"
        if out.is_folder:
            files = _complete(project, out)
            if files is None:
                return "not in cache"
    return changed(project, out, files)


def in_cache(project: Project, out: Out) -> bool:
    """Whether the object is there; for a folder, all that its manifest names, too."""
    if not project.cache.has(out.md5 or "", out.legacy):
        return False
    return not out.is_folder or _complete(project, out) is not None


def _complete(project: Project, out: Out) -> dict[str, str] | None:
    """The files of a folder, if the cache has them all."""
    try:
        files = project.cache.manifest(out.md5 or "", out.legacy)
    except (NotFound, CorruptData):
        return None
    wanted = set(files.values())
    if len(wanted) > _MANY:
        there = wanted <= set(project.cache.list(out.legacy))
    else:
        there = all(project.cache.has(one, out.legacy) for one in wanted)
    return files if there else None


_MANY = 500  # from so many on, listing the cache costs less than asking for each


def changed(project: Project, entry: Entry, files: dict[str, str] | None = None) -> str | None:
    """deleted, modified, or None; `files`: what a folder is to have, where that was read already."""
    if not os.path.exists(entry.path):
        return "deleted"
    if entry.path != project.root and project.ignore.ignored(entry.path, os.path.isdir(entry.path)):
        return "deleted"
    if entry.md5 is None:
        return "modified"
    if files is not None and os.path.isdir(entry.path):
        reader = Reader(project.legacy_hashes if entry.legacy else project.hashes)
        return None if scan(project, entry.path, reader).files == files else "modified"
    return None if now(project, entry) == entry.md5 else "modified"


def now(project: Project, entry: Entry) -> str:
    """The md5 of what the workspace has for an entry."""
    reader = Reader(project.legacy_hashes if entry.legacy else project.hashes)
    if os.path.isdir(entry.path):
        listing = scan(project, entry.path, reader)
        try:
            return listing.md5
        except Exception:
            return ""  # a name that no manifest can say: it is not what is tracked
    return reader.file(entry.path, os.stat(entry.path))


def deps_status(project: Project, stage: Stage) -> dict[str, Any]:
    """What changed of what a stage depends on; of parameters, key by key."""
    found: dict[str, Any] = {}
    for dep in stage.deps:
        if "repo" in dep.raw:
            from anew.protocols.dvc.importing import has_update

            if has_update(project, dep):
                found[f"{dep.written} ({dep.raw['repo']['url']})"] = "update available"
        elif not dep.external:
            said = changed(project, dep)
            if said:
                found[_shown(project, dep.path)] = said
        elif "://" in dep.written and not stage.frozen:
            from anew.protocols.dvc.importing_url import url_changed

            if url_changed(project, dep):
                found[dep.written] = "modified"
    if isinstance(stage, PipelineStage):
        for file in stage.params:
            told = _params_status(stage, file)
            if told:
                found[_shown(project, stage.params_path(file))] = told
    return found


def _shown(project: Project, path: str) -> str:
    return os.path.relpath(path, project.cwd) if inside(path, project.root) else path


def _params_status(stage: PipelineStage, file: str) -> str | dict[str, str]:
    from anew.pipeline import params

    data = params.read(stage.params_path(file))
    if data is None:
        return "deleted"
    known = ((stage.entry or {}).get("params") or {}).get(file)
    if known is None:
        return "new"
    keys = stage.params[file]
    now_there = params.select(data, keys) if keys else dict(data)
    found = {}
    for key in keys or [*now_there, *(key for key in known if key not in now_there)]:
        if key not in now_there:
            found[key] = "deleted"
        elif key not in known:
            found[key] = "new"
        elif not params.same(now_there[key], known[key]):
            found[key] = "modified"
    return found
