"""`import`, `update` and `get`: data of other projects and Git repositories."""

from __future__ import annotations

import hashlib
import json
import os

from anew.errors import Conflict, DvcError, NotFound
from anew.protocols.dvc import manifest, stages
from anew.protocols.dvc.adding import _write, know, link_files, new_stage, take
from anew.protocols.dvc.checkout import put, remove_output
from anew.protocols.dvc.source import Source
from anew.protocols.dvc.stages import Entry, Out, Stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.source import Item

_NOT_HASHED = frozenset({
    "desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles",
})  # fmt: skip


def stage_md5(stage: Stage) -> str:
    """What DVC writes as an import's own md5."""
    state = {key: value for key, value in stage.state().items() if key not in ("md5", "meta", "desc")}
    if state.get("wdir") == ".":
        del state["wdir"]
    text = json.dumps(_without(state), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in _NOT_HASHED}
    return [_without(one) for one in value] if isinstance(value, list) else value


def resolve_output(path: str, out: str | None, force: bool) -> str:
    """Where it is to go; what is there must be nothing, or be forced away."""
    name = os.path.basename(os.path.normpath(path))
    found = name if not out else os.path.join(out, name) if os.path.isdir(out) else out
    if os.path.lexists(found) and not force:
        kind = "directory" if os.path.isdir(found) else "file"
        raise Conflict(f"The {kind} '{found}' already exists locally. \nTo override it, re-run with '--force'.")
    return found


def import_repo(
    project: Project, url: str, path: str, out: str | None = None, rev: str | None = None, force: bool = False,
    download: bool = True, run: bool = True, remote: str | None = None, config: str | None = None,
    remote_config: dict[str, str] | None = None,
) -> Stage:  # fmt: skip
    """Track data of another project, and where it came from."""
    target = resolve_output(path, out, force)
    repo: dict[str, Any] = {"url": url} | ({"rev": rev} if rev else {}) | ({"config": config} if config else {})
    if remote and remote_config:
        if config:
            raise DvcError("--config, --remote and --remote-config can't be given together: put all into the file")
        repo["config"] = {"core": {"remote": remote}, "remote": {remote: remote_config}}
    elif remote or remote_config:
        repo["remote"] = remote or remote_config
    stage = _new_import(project, target, {"path": path, "repo": repo})
    if run:
        _get_repo(project, stage, download, rev)
        stage.raw["md5"] = stage_md5(stage)
    _finish(project, stage)
    return stage


def _new_import(project: Project, target: str, dep: dict[str, Any]) -> Stage:
    made = new_stage(project, target)
    known = project.tracking(made.path)
    if known is not None and known.stage.path != made.stage.path:
        raise Conflict(f"'{target}' is tracked already, by {known.stage.address(project.cwd)}")
    raw = {"frozen": True, "deps": [dep], "outs": [{"hash": "md5", "path": made.written}]}
    return Stage(made.stage.path, raw)


def _finish(project: Project, stage: Stage) -> None:
    with project.lock():
        project.cache.flush()
        _write(project, [stage], [stage.outs[0].path])


def _get_repo(project: Project, stage: Stage, download: bool, rev: str | None, locked: str | None = None) -> None:
    """Bring a repository's data to where it is to be; notes the commit."""
    dep, out = stage.deps[0], stage.outs[0]
    repo = dep.raw["repo"]
    with _source(repo, locked or rev) as source:
        repo.pop("rev_lock", None)
        order = {
            "url": repo.pop("url"),
            **({"rev": repo.pop("rev")} if "rev" in repo else {}),
            "rev_lock": source.commit,
        }
        dep.raw["repo"] = {**order, **repo}
        items = source.items(os.path.normpath(dep.written))
        if not items:
            raise NotFound(f"'{dep.written}' is not in {source.url} at {str(source.commit)[:7]}")
        if download:
            materialize(project, source, items, dep.written, out.path)
            _hash_out(project, out)
        else:
            out.raw = {key: value for key, value in out.raw.items() if key not in ("md5", "size", "nfiles", "isexec")}


def _source(repo: dict[str, Any], rev: str | None) -> Source:
    """What an import is from, as its `.dvc` file says."""
    remote = repo.get("remote")
    name, options = (remote, None) if isinstance(remote, str) else (None, remote)
    return Source(repo["url"], rev, name, commit=True, config=repo.get("config"), remote_config=options)


def materialize(project: Project, source: Source, items: dict[str, Item], path: str, target: str) -> None:
    """Put files of a source into the workspace, by way of the cache."""
    base = os.path.normpath(path)
    remove_output(target)
    for name, item in items.items():
        place = target if name == base else f"{target}/{os.path.relpath(name, base)}"
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if item.object is not None:
            source.bring(item.object, project.cache)
            put(project, item.object[0], place, item.object[1])
        else:
            with open(place, "wb") as file:
                file.write(source.content(item))
        if item.executable:
            os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)


def _hash_out(project: Project, out: Out) -> None:
    found = take(project, out, None, out.cached)
    project.cache.flush()
    know(project, out, None, found)
    link_files(project, found.files)


def has_update(project: Project, dep: Entry) -> bool:
    """Whether a repository has another commit than the one that was imported."""
    repo = dep.raw["repo"]
    if not repo.get("rev_lock"):
        return False  # nothing was imported yet
    with Source(repo["url"], repo.get("rev"), commit=True) as source:
        return bool(source.commit != repo["rev_lock"])


def update(
    project: Project, stage: Stage, rev: str | None = None, download: bool = True, to_remote: bool = False,
    remote: str | None = None, jobs: int | None = None,
) -> bool:  # fmt: skip
    """Bring an import to what its source has now. Whether anything was new."""
    if not stage.is_import:
        raise DvcError(f"'{stage.address(project.cwd)}' is no import: there is nothing to update it from")
    dep, out = stage.deps[0], stage.outs[0]
    before = json.dumps([dep.raw, out.raw], sort_keys=True, default=str)
    if "repo" in dep.raw:
        if to_remote:
            raise DvcError("data imported from a repository can't be updated with --to-remote")
        if rev:
            dep.raw["repo"]["rev"] = rev
        kept = dict(out.raw)
        _get_repo(project, stage, download, dep.raw["repo"].get("rev"))
        fresh, out.raw = out.raw, kept if not download else out.raw
        stage.raw["md5"] = stage_md5(stage)
        out.raw = fresh
    else:
        if rev:
            raise DvcError("--rev is for imports from repositories")
        from anew.protocols.dvc.importing_url import refresh

        refresh(project, stage, download, to_remote, remote, jobs)
    with project.lock():
        project.cache.flush()
        project.write_stage(stage)
    return before != json.dumps([dep.raw, out.raw], sort_keys=True, default=str)


def fetch_partial(project: Project, stage: Stage, jobs: int | None = None) -> int:
    """Bring an import that was not downloaded into the workspace, where nothing is; how many files that were."""
    dep, out = stage.deps[0], stage.outs[0]
    if os.path.lexists(out.path):
        return 0
    if not stage.is_repo_import:
        from anew.protocols.dvc.importing_url import fetch_url

        return fetch_url(project, stage, jobs, into_workspace=True)
    with _source(dep.raw["repo"], dep.raw["repo"].get("rev_lock")) as source:
        items = source.items(os.path.normpath(dep.written))
        materialize(project, source, items, dep.written, out.path)
    return len(items)


def fetch_import(project: Project, out: Out, jobs: int | None = None) -> int:
    """Bring the objects of an import, from where it was imported; how many that were."""
    stage = out.stage
    if not out.md5 or _complete(project, out):
        return 0
    if not stage.is_repo_import:
        from anew.protocols.dvc.importing_url import fetch_url

        return 0 if out.pushed else fetch_url(project, stage, jobs)
    repo = stage.deps[0].raw["repo"]
    count = 0
    with _source(repo, repo.get("rev_lock")) as source:
        items = source.items(os.path.normpath(stage.deps[0].written))
        files = {}
        for name, item in items.items():
            if item.object is not None:
                if project.cache.stat(*item.object) is None:
                    source.bring(item.object, project.cache)
                    count += 1
                files[os.path.relpath(name, stage.deps[0].written)] = item.object[0]
            else:
                data = source.content(item)
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                project.cache.put(md5, data)
                files[os.path.relpath(name, stage.deps[0].written)] = md5
                count += 1
    if out.is_folder:
        data = manifest.encode(files)
        if manifest.digest(data) == out.md5:
            project.cache.put(out.md5, data)
            count += 1
    return count


def _complete(project: Project, out: Out) -> bool:
    from anew.protocols.dvc.status import in_cache

    return in_cache(project, out)


def get(
    url: str, path: str, out: str | None, rev: str | None, force: bool, remote: str | None = None,
    config: str | None = None, remote_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """Download from another project, and track nothing; where it went."""
    target = os.path.abspath(resolve_output(path, out, force))
    if stages.is_stage_file(target):
        raise DvcError("the given path is a DVC file, you must specify a data file or a directory")
    with Source(url, rev, remote, config=config, remote_config=remote_config) as source:
        items = source.items(os.path.normpath(path))
        if not items:
            raise NotFound(f"The path '{path}' does not exist in the target repository '{url}'")
        _download(source, {name: source.standing(name) or item for name, item in items.items()}, path, target)
    return target


def _download(source: Source, items: dict[str, Item], path: str, target: str) -> None:
    """Into a folder beside, which then takes the place: half a download is none."""
    import tempfile

    from anew.protocols.dvc.cache import Cache, _copy

    os.makedirs(os.path.dirname(target), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".anew-", dir=os.path.dirname(target)) as beside:
        cache = source.project.cache if source.project else Cache(f"{beside}/cache")
        fetched = Cache(f"{beside}/cache")
        base = os.path.normpath(path)
        for name, item in items.items():
            place = f"{beside}/data" if name == base else f"{beside}/data/{os.path.relpath(name, base)}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if item.object is not None:
                there = cache if cache.stat(*item.object) and cache.sound(*item.object) else fetched
                if there is fetched:
                    source.bring(item.object, fetched)
                _copy(there.path(*item.object), place)
            elif item.file is not None:
                _copy(item.file, place)
            else:
                with open(place, "wb") as file:
                    file.write(source.content(item))
            if item.executable:
                os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)
        remove_output(target)
        os.rename(f"{beside}/data", target)
