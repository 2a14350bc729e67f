"""`import-url`, `get-url`, and `add` of what is elsewhere: data at a path or an address that is in no repository."""

from __future__ import annotations

import os
import threading

from anew.errors import DvcError, NotFound
from anew.protocols.dvc import extras, manifest
from anew.protocols.dvc.adding import Taken, _write, new_stage
from anew.protocols.dvc.cache import Cache
from anew.protocols.dvc.checkout import put, remove_output
from anew.protocols.dvc.external import open_external
from anew.protocols.dvc.folders import Reader, scan
from anew.protocols.dvc.importing import _finish, _hash_out, _new_import, resolve_output, stage_md5
from anew.protocols.dvc.places import is_local
from anew.protocols.dvc.remote import each, open_remote
from anew.protocols.dvc.stages import Entry, Out, Stage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Any

    from anew.protocols.dvc.external import External
    from anew.protocols.dvc.project import Project

_FOUND = frozenset({"md5", "etag", "checksum", "size", "nfiles", "isexec", "version_id", "files"})


class Wanted:
    """What the options of `import-url` say of how it is to be done."""

    def __init__(
        self, force: bool = False, download: bool = True, run: bool = True, to_remote: bool = False,
        remote: str | None = None, jobs: int | None = None, settings: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.force, self.download, self.run = force, download, run
        self.to_remote, self.remote, self.jobs = to_remote, remote, jobs
        self.settings = dict(settings or {})
        if to_remote and not (download and run and "version_aware" not in self.settings):
            raise DvcError("--no-exec, --no-download and --version-aware can't be used with --to-remote")
        if remote and not to_remote:
            raise DvcError("--remote can't be used without --to-remote")


def import_url(project: Project, url: str, out: str | None, wanted: Wanted) -> Stage:
    """Track a copy of a file or folder elsewhere, and where it came from."""
    target = resolve_output(url.partition("?")[0], out, wanted.force)
    dep: dict[str, Any] = {"hash": "md5", "path": url}
    stage = _new_import(project, target, dep | ({"fs_config": wanted.settings} if wanted.settings else {}))
    if is_local(url):
        path = os.path.abspath(url.removeprefix("file://"))
        if wanted.run and not os.path.exists(path):
            raise NotFound(f"dependency '{url}' does not exist: nothing is at {path}")
        written = path if os.path.isabs(url) and not inside(path, project.root) else os.path.relpath(path, stage.wdir)
        stage = _new_import(project, target, {"hash": "md5", "path": written})
    if wanted.run:
        if wanted.to_remote:
            _send_url(project, stage, wanted.remote, wanted.jobs)
        else:
            _get_url(project, stage, wanted.download, wanted.jobs)
        stage.raw["md5"] = stage_md5(stage)
    _finish(project, stage)
    return stage


def refresh(
    project: Project, stage: Stage, download: bool, to_remote: bool, remote: str | None, jobs: int | None
) -> None:
    """Bring such an import to what is there now."""
    dep, out = stage.deps[0], stage.outs[0]
    if to_remote:
        _send_url(project, stage, remote, jobs)
    elif is_local(dep.written) or not download or not out.md5 or url_changed(project, dep):
        _get_url(project, stage, download, jobs)
    stage.raw["md5"] = stage_md5(stage)


def url_changed(project: Project, dep: Entry) -> bool:
    """Whether an address has something else than was imported."""
    source = _source(project, dep)
    found = source.fields(source.hashed())
    return found != {key: dep.raw[key] for key in found if key in dep.raw}


def _source(project: Project, dep: Entry, as_imported: bool = False) -> External:
    return open_external(project, dep.written, dep.raw.get("fs_config"), dep.raw if as_imported else {})


def _note(dep: Entry, found: Mapping[str, Any]) -> None:
    """Into the import's dependency, in DVC's order."""
    kept = {key: value for key, value in dep.raw.items() if key not in _FOUND and key not in ("hash", "path")}
    files = {"files": found["files"]} if "files" in found else {}
    plain = {key: value for key, value in found.items() if key not in ("files", "isexec")}
    dep.raw = {**plain, "hash": "md5", "path": dep.written, **kept, **files}


def _get_url(project: Project, stage: Stage, download: bool, jobs: int | None) -> None:
    dep, out = stage.deps[0], stage.outs[0]
    if is_local(dep.written):
        _get_path(project, dep, out, download)
        return
    source = _source(project, dep)
    if source.is_versioned:
        out.raw["push"] = False  # the bucket keeps it
    files = source.bring(project.cache, jobs) if download else source.hashed()
    _note(dep, source.fields(files))
    if download:
        _place(project, out.path, files)
        _hash_out(project, out)
    else:
        out.raw = {key: value for key, value in out.raw.items() if key not in _FOUND}


def _place(project: Project, target: str, files: Mapping[str, str]) -> None:
    """Put what was brought into the cache into the workspace."""
    remove_output(target)
    for path, md5 in files.items():
        place = f"{target}/{path}" if path else target
        os.makedirs(os.path.dirname(place), exist_ok=True)
        put(project, md5, place)


def _get_path(project: Project, dep: Entry, out: Out, download: bool) -> None:
    found = _take_elsewhere(project, dep.path, download)
    _note(dep, found.fields)
    if not download:
        out.raw = {"hash": "md5", "path": out.written}
        return
    _place_copies(project, found, dep.path, out.path)
    _hash_out(project, out)


def _place_copies(project: Project, found: Taken, source: str, target: str) -> None:
    remove_output(target)
    os.makedirs(target if found.listing is not None else os.path.dirname(target), exist_ok=True)
    for path, md5 in found.files.items():
        place = target + path[len(source) :]
        os.makedirs(os.path.dirname(place), exist_ok=True)
        put(project, md5, place)
        if os.stat(path).st_mode & 0o100:
            os.chmod(place, os.stat(place).st_mode & 0o7777 | 0o100)


def _take_elsewhere(project: Project, path: str, keep: bool) -> Taken:
    """Hash what is at a path that need not be in the project; with `keep`, into the cache."""
    reader = Reader(project.hashes, project.cache if keep else None)
    if os.path.isdir(path):
        listing = scan(project, path, reader)
        if keep and not project.cache.sound(listing.md5):
            project.cache.put(listing.md5, listing.manifest)
        files = {f"{path}/{name}": md5 for name, md5 in listing.files.items()}
        return Taken({"md5": listing.md5, "size": listing.size, "nfiles": len(listing.files)}, listing, files)
    stat = os.stat(path)
    md5 = reader.file(path, stat)
    return Taken({"md5": md5, "size": stat.st_size, "isexec": bool(stat.st_mode & 0o100)}, None, {path: md5})


def fetch_url(project: Project, stage: Stage, jobs: int | None, into_workspace: bool = False) -> int:
    """Bring what an import is of, as it was imported, into the cache; how many files that were."""
    dep, out = stage.deps[0], stage.outs[0]
    if is_local(dep.written):
        found = _take_elsewhere(project, dep.path, True)
        if into_workspace:
            _place_copies(project, found, dep.path, out.path)
        return len(found.files)
    files = _source(project, dep, as_imported=True).bring(project.cache, jobs)
    if "" not in files:
        data = manifest.encode(files)
        project.cache.put(manifest.digest(data), data)
    if into_workspace:
        _place(project, out.path, files)
    return len(files)


def get_url(url: str, out: str | None, force: bool, settings: Mapping[str, Any], jobs: int | None) -> str:
    """Download what is at a path or an address, and track nothing; where it went."""
    import shutil
    import tempfile

    target = os.path.abspath(resolve_output(url.partition("?")[0], out, force))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".anew-", suffix=".tmp", dir=os.path.dirname(target)) as beside:
        there = f"{beside}/data"
        if is_local(url):
            path = os.path.abspath(url.removeprefix("file://"))
            if not os.path.exists(path):
                raise NotFound(f"nothing is at {path}")
            if os.path.isdir(path):
                shutil.copytree(path, there)
            else:
                shutil.copy(path, there)
        else:
            cache = Cache(f"{beside}/cache")
            for name, md5 in open_external(_here(), url, settings, {}).bring(cache, jobs).items():
                place = f"{there}/{name}" if name else there
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copyfile(cache.path(md5), place)
        remove_output(target)
        os.rename(there, target)
    return target


def list_url(url: str, settings: Mapping[str, Any], recursive: bool, depth: int | None) -> list[dict[str, Any]]:
    """Names at an address, or below it: path, size (None: a folder's)."""
    sizes: dict[str, int | None] = {}
    if is_local(url):
        path = os.path.abspath(url.removeprefix("file://"))
        if not os.path.exists(path):
            raise NotFound(f"nothing is at {path}")
        for at, _, names in os.walk(path):
            sizes |= {os.path.relpath(f"{at}/{name}", path): os.stat(f"{at}/{name}").st_size for name in names}
        sizes |= {} if os.path.isdir(path) else {"": os.stat(path).st_size}
    else:
        sizes |= {name: item.size for name, item in open_external(_here(), url, settings, {}).files.items()}
    most = (depth or 0) if recursive else 1
    found: dict[str, int | None] = {}
    for name, size in sizes.items():
        parts = name.split("/")
        cut = bool(most) and len(parts) > most
        found["/".join(parts[:most]) if cut else name or url.rpartition("/")[2]] = None if cut else size
    return [{"path": name, "size": found[name]} for name in sorted(found)]


def _here() -> Project | None:
    """The project that one is in, whose remotes an address may name."""
    from anew.errors import NoDvcProject
    from anew.protocols.dvc.project import Project

    try:
        return Project.find()
    except NoDvcProject:
        return None


def add_from(
    project: Project, source: str, out: str | None, to_remote: bool, remote: str | None, force: bool,
    jobs: int | None = None,
) -> Stage:  # fmt: skip
    """`add --out` and `add --to-remote`: track what is elsewhere, in the workspace or on the remote alone."""
    if is_local(source) and not os.path.exists(source):
        raise NotFound(f"'{source}' does not exist")
    target = resolve_output(source, out, force or not out) if out else os.path.basename(os.path.normpath(source))
    made = new_stage(project, target)
    if to_remote:
        made.known(**_send(project, source, {}, remote, jobs)[0])
    elif is_local(source):
        path = os.path.abspath(source)
        found = _take_elsewhere(project, path, True)
        project.cache.flush()
        made.known(**found.fields)
        if found.listing is not None:
            said = extras.Extras(found.listing.executable, found.listing.empty)
            extras.write(project.cache.root, found.fields["md5"], said)
    else:
        files = open_external(project, source, {}, {}).bring(project.cache, jobs)
    with project.lock():
        if not to_remote:
            if is_local(source):
                _place_copies(project, found, path, made.path)
            else:
                _place(project, made.path, files)
                _hash_out(project, made)
        _write(project, [made.stage], [] if to_remote else [made.path])
    return made.stage


def _send_url(project: Project, stage: Stage, remote: str | None, jobs: int | None) -> None:
    dep, out = stage.deps[0], stage.outs[0]
    where = dep.path if is_local(dep.written) else dep.written
    fields, noted = _send(project, where, dep.raw.get("fs_config") or {}, remote, jobs)
    _note(dep, noted)
    out.known(**fields)


def _send(
    project: Project, where: str, settings: Mapping[str, Any], name: str | None, jobs: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring what is at a path or an address onto a remote, and nowhere else: an output's fields, and an import's."""
    remote = open_remote(project, name, jobs)
    with _beside(project) as folder:
        beside = Cache(folder)
        if is_local(where):
            found = _take_elsewhere(project, os.path.abspath(where), False)
            each(remote, lambda path: remote.put_file(found.files[path], path), found.files)
            fields = noted = found.fields
            if found.listing is not None:
                beside.put(found.listing.md5, found.listing.manifest)
                remote.put_extras(found.listing.md5, extras.Extras(found.listing.executable, found.listing.empty))
        else:
            sent: set[str] = set()
            lock = threading.Lock()

            def send(md5: str) -> None:
                with lock:
                    if md5 in sent:
                        return
                    sent.add(md5)
                remote.put((md5, False), beside)
                beside.remove(md5)

            source = open_external(project, where, settings, {})
            files = source.bring(beside, jobs, send)
            fields, noted = _fields(beside, source, files), source.fields(files)
        if fields["md5"].endswith(manifest.SUFFIX):
            remote.flush()
            remote.put((fields["md5"], False), beside)
        remote.flush()
    return fields, noted


def _fields(beside: Cache, source: External, files: dict[str, str]) -> dict[str, Any]:
    sizes = [item.size for item in source.files.values()]
    if not source.is_folder:
        return {"md5": files[""], "size": sizes[0]}
    data = manifest.encode(files)
    beside.put(manifest.digest(data), data)
    return {"md5": manifest.digest(data), "size": sum(sizes), "nfiles": len(files)}


def _beside(project: Project) -> AbstractContextManager[str]:
    """A folder for what is on its way to a remote."""
    import tempfile

    os.makedirs(project.own, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".anew-", suffix=".tmp", dir=project.own)
