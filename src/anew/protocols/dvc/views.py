"""What is tracked at different times, side by side: `data status` and `diff`."""

from __future__ import annotations

import os

from anew.errors import AnewError, DvcConfigError, NotFound
from anew.protocols.dvc.folders import Reader, scan
from anew.protocols.dvc.history import members_of, stages_at
from anew.protocols.dvc.stages import Out, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from anew.protocols.dvc.project import Project

KINDS = ("added", "modified", "deleted", "renamed", "unknown", "unchanged")


class View:
    """Path → md5, as something has it: a commit, the `.dvc` files, the workspace. Folders are paths with a slash."""

    def __init__(self) -> None:
        self.entries: dict[str, str | None] = {}
        self.legacy: dict[str, bool] = {}
        self.unknown: set[str] = set()  # folders of which only the md5 is known

    def add(self, path: str, md5: str | None, legacy: bool) -> None:
        self.entries[path] = md5
        self.legacy[path] = legacy


def of_outs(project: Project, outs: Iterable[Out], granular: bool) -> View:
    """As the files of DVC have it."""
    view = View()
    members = members_of(project)
    for out in outs:
        if not out.cached or not inside(out.path, project.root):
            continue
        name = os.path.relpath(out.path, project.root)
        view.add(name + "/" if out.is_folder else name, out.md5, out.legacy)
        if granular and out.is_folder:
            files = members(out)
            if files is None:
                view.unknown.add(name + "/")
            for one, md5 in (files or {}).items():
                view.add(f"{name}/{one}", md5, out.legacy)
    return view


def of_commit(project: Project, rev: str, granular: bool) -> View:
    assert project.git is not None
    commit = project.git.resolve(rev)
    if commit is None:
        raise NotFound(f"unknown Git revision '{rev}'")
    return of_outs(project, (out for stage in stages_at(project, commit) for out in stage.outs), granular)


def of_workspace(project: Project, outs: Iterable[Out], granular: bool) -> View:
    """As it is on the disk now."""
    view = View()
    for out in outs:
        if not out.cached or not os.path.exists(out.path) or not inside(out.path, project.root):
            continue
        if project.ignore.ignored(out.path, os.path.isdir(out.path)):
            continue
        name = os.path.relpath(out.path, project.root)
        reader = Reader(project.legacy_hashes if out.legacy else project.hashes)
        if os.path.isdir(out.path):
            listing = scan(project, out.path, reader)
            try:
                md5 = listing.md5
            except AnewError:
                md5 = "?"  # a name that no manifest can say
            view.add(name + "/", md5, out.legacy)
            if granular:
                for one, digest in listing.files.items():
                    view.add(f"{name}/{one}", digest, out.legacy)
        else:
            view.add(name, reader.file(out.path, os.stat(out.path)), out.legacy)
    return view


def changes(old: View, new: View, roots: Iterable[str] | None = None) -> dict[str, list[Any]]:
    """Paths by what happened to them; renamed ones as {old, new}."""
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    keys = {path.rstrip("/"): path for path in old.entries}
    news = {path.rstrip("/"): path for path in new.entries}
    wanted = list(roots or [])
    for key in sorted({*keys, *news}):
        if wanted and not any(inside(key, root) for root in wanted):
            continue
        before, after = old.entries.get(keys.get(key, "")), new.entries.get(news.get(key, ""))
        shown = keys.get(key) or news[key]
        if any(key.startswith(folder) for folder in old.unknown | new.unknown):
            if key in news:
                found["unknown"].append(news[key])
        elif before is None and after is not None:
            found["added"].append(news[key])
        elif before is not None and after is None:
            found["deleted"].append(shown)
        elif before != after:
            found["modified"].append(shown)
        elif before is not None:
            found["unchanged"].append(shown)
    _pair(found, old, new)
    return found


def _pair(found: dict[str, list[Any]], old: View, new: View) -> None:
    """What was taken away here and came up there, with the same content, was renamed."""
    gone: dict[str | None, list[str]] = {}
    for path in found["deleted"]:
        gone.setdefault(old.entries[path], []).append(path)
    added = []
    for path in found["added"]:
        sources = gone.get(new.entries[path])
        if sources:
            found["renamed"].append({"old": sources.pop(0), "new": path})
        else:
            added.append(path)
    found["added"] = added
    found["deleted"] = [path for paths in gone.values() for path in paths]


def data_status(
    project: Project, targets: Iterable[str], granular: bool, untracked: bool, not_in_remote: bool, remote: str | None
) -> dict[str, Any]:
    """In DVC's shape, with `git` for what the command says of Git."""
    roots = [os.path.relpath(os.path.abspath(target), project.root) for target in targets]
    roots = [] if "." in roots else roots
    outs = list(project.outs)
    index = of_outs(project, outs, granular)
    uncommitted = changes(index, of_workspace(project, outs, granular), roots)
    committed: dict[str, list[Any]] = {}
    unchanged = uncommitted.pop("unchanged")
    if project.git is not None:
        head = of_commit(project, "HEAD", granular) if project.git.has_commits() else View()
        committed = changes(head, index, roots)
        unchanged = sorted(set(unchanged) & set(committed.pop("unchanged")))
    kept = {path: md5 for path, md5 in index.entries.items() if not roots or _in(path, roots)}
    absent = [path for path, md5 in kept.items() if md5 and project.cache.stat(md5, index.legacy[path]) is None]
    lacking: list[str] = []
    if not_in_remote:
        lacking = _not_in_remote(project, kept, index, remote)
    dirty = _git_state(project, untracked)
    return {
        "not_in_cache": sorted(absent),
        "not_in_remote": lacking,
        "committed": {kind: paths for kind, paths in committed.items() if paths},
        "uncommitted": {kind: paths for kind, paths in uncommitted.items() if paths},
        "untracked": [path for path in dirty["untracked"] if not roots or _in(path, roots)],
        "unchanged": unchanged,
        "git": dirty,
    }


def _in(path: str, roots: list[str]) -> bool:
    return any(inside(path.rstrip("/"), root) for root in roots)


def _not_in_remote(project: Project, kept: dict[str, str | None], index: View, name: str | None) -> list[str]:
    from anew.protocols.dvc.remote import open_remote

    pushed = [out for out in project.outs if out.pushed and not out.stage.is_repo_import]
    tops = [os.path.relpath(out.path, project.root) for out in pushed]
    asked = {path: (md5, index.legacy[path]) for path, md5 in kept.items() if md5 and _in(path, tops)}
    try:
        there = open_remote(project, name).sizes(asked.values())
    except DvcConfigError:
        if name:
            raise
        there = {}  # without any remote, all is not there
    return sorted(path for path, one in asked.items() if one not in there)


def _git_state(project: Project, untracked: bool) -> dict[str, Any]:
    if project.git is None:
        return {"untracked": [], "is_empty": False, "is_dirty": False}
    mode = "all" if untracked else "no"
    out = project.git.ask("status", "--porcelain", "-z", f"--untracked-files={mode}", "--no-renames")
    rows = [os.fsdecode(row) for row in out.split(b"\0") if row]
    found = [os.path.relpath(f"{project.git.root}/{row[3:]}", project.root) for row in rows if row.startswith("??")]
    found = [os.path.relpath(f"{project.root}/{path}", project.cwd) for path in found if not path.startswith("../")]
    return {"untracked": found, "is_empty": not project.git.has_commits(), "is_dirty": bool(rows)}


def diff(project: Project, a: str, b: str | None, targets: Iterable[str] | None) -> dict[str, list[Any]]:
    """In DVC's shape; {} when nothing differs."""
    if project.git is None:
        raise NotFound("there is nothing to compare with: the project is in no Git repository")
    if not project.git.has_commits():
        return {}
    old = of_commit(project, a, True)
    if b is not None:
        if project.git.resolve(a) == project.git.resolve(b):
            return {}
        new = of_commit(project, b, True)
    else:
        new = of_workspace(project, project.outs, True)
        new.unknown |= of_outs(project, project.outs, True).unknown & set(new.entries) & old.unknown
    roots = [os.path.relpath(os.path.abspath(target), project.root) for target in targets or []]
    for root in roots:
        if not any(inside(path.rstrip("/"), root) for path in {*old.entries, *new.entries}):
            raise NotFound(f"'{root}' is tracked neither at {a} nor {'at ' + b if b else 'now'}")
    said = changes(old, new, roots)
    found: dict[str, list[Any]] = {
        "added": [{"path": path, "hash": new.entries[path]} for path in said["added"]],
        "deleted": [{"path": path, "hash": old.entries[path]} for path in said["deleted"]],
        "modified": list(_modified(old, new, said["modified"])),
        "renamed": [{"path": pair, "hash": old.entries[pair["old"]]} for pair in said["renamed"]],
        "not in cache": [],
    }
    if b is None:
        kept = {path: md5 for path, md5 in old.entries.items() if md5 and (not roots or _in(path, roots))}
        absent = [path for path, md5 in kept.items() if project.cache.stat(md5, old.legacy[path]) is None]
        found["not in cache"] = [{"path": path, "hash": old.entries[path]} for path in absent]
    return found if any(found.values()) else {}


def _modified(old: View, new: View, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    by_key = {path.rstrip("/"): md5 for path, md5 in new.entries.items()}
    for path in paths:
        yield {"path": path, "hash": {"old": old.entries[path], "new": by_key[path.rstrip("/")]}}
