"""`import`, `import-url`, `update`, `get`, and `add` of what is elsewhere."""

from __future__ import annotations

import hashlib
import json
import os

from anew.errors import Conflict, DvcError, NotFound
from anew.protocols.dvc import extras, manifest, stages
from anew.protocols.dvc.adding import Taken, _write, know, link_files, new_stage, take
from anew.protocols.dvc.checkout import put, remove_output
from anew.protocols.dvc.folders import Reader, scan
from anew.protocols.dvc.source import Source
from anew.protocols.dvc.stages import Entry, Out, Stage, inside

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
    download: bool = True, run: bool = True, remote: str | None = None,
) -> Stage:  # fmt: skip
    """Track data of another project, and where it came from."""
    target = resolve_output(path, out, force)
    repo: dict[str, Any] = {"url": url} | ({"rev": rev} if rev else {})
    stage = _new_import(project, target, {"path": path, "repo": repo | ({"remote": remote} if remote else {})})
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
    remote = repo.get("remote")
    with Source(repo["url"], locked or rev, remote if isinstance(remote, str) else None, commit=True) as source:
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


def import_url(
    project: Project, url: str, out: str | None = None, force: bool = False, download: bool = True, run: bool = True
) -> Stage:
    """Track a copy of a file or folder elsewhere, and where it came from."""
    target = resolve_output(url, out, force)
    stage = _new_import(project, target, {"hash": "md5", "path": url})
    if not _is_http(url):
        if "://" in url:
            raise DvcError(f"{url}: only folders and http(s) can be imported from yet; use dvc for it")
        path = os.path.abspath(url)
        if run and not os.path.exists(path):
            raise NotFound(f"dependency '{url}' does not exist: nothing is at {path}")
        written = url if os.path.isabs(url) and not inside(path, project.root) else os.path.relpath(path, stage.wdir)
        stage = _new_import(project, target, {"hash": "md5", "path": written})
    if run:
        _get_url(project, stage, download)
        stage.raw["md5"] = stage_md5(stage)
    _finish(project, stage)
    return stage


def _get_url(project: Project, stage: Stage, download: bool) -> None:
    dep, out = stage.deps[0], stage.outs[0]
    if _is_http(dep.written):
        _get_http(project, dep, out, download)
        return
    found = _take_elsewhere(project, dep.path, download)
    dep.known(**{key: value for key, value in found.fields.items() if key != "isexec"})
    if not download:
        out.raw = {"hash": "md5", "path": out.written}
        return
    remove_output(out.path)
    os.makedirs(os.path.dirname(out.path), exist_ok=True)
    if found.listing is not None:
        os.makedirs(out.path, exist_ok=True)
    for path, md5 in found.files.items():
        place = out.path + path[len(dep.path) :]
        os.makedirs(os.path.dirname(place), exist_ok=True)
        put(project, md5, place)
        if os.stat(path).st_mode & 0o100:
            os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)
    _hash_out(project, out)


def _take_elsewhere(project: Project, path: str, keep: bool, cache: Any = None) -> Taken:
    """Hash what is at a path that need not be in the project; with `keep`, into the cache."""
    reader = Reader(project.hashes, (cache or project.cache) if keep else None)
    if os.path.isdir(path):
        listing = scan(project, path, reader)
        if keep and not (cache or project.cache).sound(listing.md5):
            (cache or project.cache).put(listing.md5, listing.manifest)
        files = {f"{path}/{name}": md5 for name, md5 in listing.files.items()}
        return Taken({"md5": listing.md5, "size": listing.size, "nfiles": len(listing.files)}, listing, files)
    stat = os.stat(path)
    md5 = reader.file(path, stat)
    return Taken({"md5": md5, "size": stat.st_size, "isexec": bool(stat.st_mode & 0o100)}, None, {path: md5})


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _answer(url: str, body: bool) -> Any:
    import urllib3

    from anew.errors import Unreachable

    pool = urllib3.PoolManager(retries=urllib3.Retry(3, backoff_factor=0.2), timeout=60)
    try:
        answer = pool.request(
            "GET" if body else "HEAD", url, preload_content=False, headers={"Accept-Encoding": "identity"}
        )
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"{url}: {error}") from error
    if answer.status == 404:
        raise NotFound(f"{url} does not exist")
    if answer.status >= 400:
        raise Unreachable(f"{url} answers {answer.status}")
    return answer


def _mark(answer: Any) -> dict[str, Any]:
    """What tells one version of an address from another, in DVC's words."""
    found = {}
    tag = answer.headers.get("ETag") or answer.headers.get("Content-MD5")
    if tag:
        found["checksum"] = tag
    if (answer.headers.get("Content-Length") or "").isdigit():
        found["size"] = int(answer.headers["Content-Length"])
    return found


def _get_http(project: Project, dep: Entry, out: Out, download: bool) -> None:
    answer = _answer(dep.written, download)
    mark = _mark(answer)
    if not mark.get("checksum"):
        raise DvcError(f"{dep.written} has neither an ETag nor a Content-MD5 by which a change could be seen")
    dep.raw = {**mark, "hash": "md5", "path": dep.written}
    if not download:
        out.raw = {"hash": "md5", "path": out.written}
        return
    os.makedirs(project.own, exist_ok=True)
    temporary = f"{project.own}/.anew-{os.getpid()}-download.tmp"
    with open(temporary, "wb") as file:
        for chunk in answer.stream(1 << 20):
            file.write(chunk)
    remove_output(out.path)
    os.makedirs(os.path.dirname(out.path), exist_ok=True)
    os.replace(temporary, out.path)
    _hash_out(project, out)


def url_changed(dep: Entry) -> bool:
    return bool(_mark(_answer(dep.written, False)).get("checksum") != dep.raw.get("checksum"))


def update(project: Project, stage: Stage, rev: str | None = None, download: bool = True) -> bool:
    """Bring an import to what its source has now. Whether anything was new."""
    if not stage.is_import:
        raise DvcError(f"'{stage.address(project.cwd)}' is no import: there is nothing to update it from")
    dep, out = stage.deps[0], stage.outs[0]
    before = json.dumps([dep.raw, out.raw], sort_keys=True, default=str)
    if "repo" in dep.raw:
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
        _get_url(project, stage, download)
        stage.raw["md5"] = stage_md5(stage)
    with project.lock():
        project.cache.flush()
        project.write_stage(stage)
    return before != json.dumps([dep.raw, out.raw], sort_keys=True, default=str)


def fetch_import(project: Project, out: Out, quiet: bool) -> int:
    """Bring the objects of an import, from where it was imported; how many that were."""
    stage = out.stage
    if not stage.is_repo_import or not out.md5 or _complete(project, out):
        return 0
    repo = stage.deps[0].raw["repo"]
    remote = repo.get("remote")
    count = 0
    with Source(repo["url"], repo.get("rev_lock"), remote if isinstance(remote, str) else None, commit=True) as source:
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


def get(url: str, path: str, out: str | None, rev: str | None, force: bool, remote: str | None = None) -> str:
    """Download from another project, and track nothing; where it went."""
    target = os.path.abspath(resolve_output(path, out, force))
    if stages.is_stage_file(target):
        raise DvcError("the given path is a DVC file, you must specify a data file or a directory")
    with Source(url, rev, remote) as source:
        items = source.items(os.path.normpath(path))
        if not items:
            raise NotFound(f"The path '{path}' does not exist in the target repository '{url}'")
        _download(source, items, path, target)
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
            else:
                with open(place, "wb") as file:
                    file.write(source.content(item))
            if item.executable:
                os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)
        remove_output(target)
        os.rename(f"{beside}/data", target)


def add_from(project: Project, source: str, out: str | None, to_remote: bool, remote: str | None, force: bool) -> Stage:
    """`add --out` and `add --to-remote`: track what is elsewhere, in the workspace or on the remote alone."""
    from anew.protocols.dvc.remote import open_remote

    if "://" in source:
        raise DvcError(f"{source}: only paths can be added from; for http(s) there is import-url")
    if not os.path.exists(source):
        raise NotFound(f"'{source}' does not exist")
    target = resolve_output(source, out, force or not out) if out else os.path.basename(os.path.normpath(source))
    made = new_stage(project, target)
    objects = open_remote(project, remote).objects if to_remote else project.cache
    found = _take_elsewhere(project, os.path.abspath(source), True, objects)
    objects.flush()
    made.known(**found.fields)
    if found.listing is not None:
        said = extras.Extras(found.listing.executable, found.listing.empty)
        extras.write(objects.root, found.fields["md5"], said)
    with project.lock():
        if not to_remote:
            remove_output(made.path)
            if found.listing is not None:
                os.makedirs(made.path, exist_ok=True)
            for path, md5 in found.files.items():
                place = made.path + path[len(os.path.abspath(source)) :]
                os.makedirs(os.path.dirname(place), exist_ok=True)
                put(project, md5, place)
                if os.stat(path).st_mode & 0o100:
                    os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)
        _write(project, [made.stage], [] if to_remote else [made.path])
    return made.stage
