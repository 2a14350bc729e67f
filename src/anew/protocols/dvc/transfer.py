"""`push`, `fetch`, `pull` and `status --cloud`: the remote is asked what it has, each time."""

from __future__ import annotations

import os
import sys

from anew.errors import CorruptData, DvcError, NotFound
from anew.protocols.dvc import manifest
from anew.protocols.dvc.history import Scope, all_outs, members_of, used
from anew.protocols.dvc.remote import UNKNOWN, each, open_remote
from anew.protocols.dvc.stages import Out, inside
from anew.protocols.dvc.versioned import Versioned, is_versioned

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.remote import Remote

Outs = list[tuple[Out, str | None]]
_FEW = 2000  # so many objects of the cache are looked at one by one


def chosen_outs(project: Project, arguments: argparse.Namespace) -> Outs:
    """What the options of push, fetch, pull and status name, in the workspace and in commits."""
    targets = list(arguments.targets)
    if getattr(arguments, "glob", False):
        from anew.protocols.dvc.adding import expand

        targets = expand(targets, True) if targets else []
    chosen = project.choose(targets, arguments.recursive, arguments.with_deps)
    scope = Scope(arguments.all_branches, arguments.all_tags, arguments.all_commits)
    if scope and arguments.verb == "push" and is_versioned(project, arguments.remote):
        raise DvcError("only the workspace can be pushed to a remote that keeps plain files in versions")
    found = all_outs(project, chosen, scope)
    if types := getattr(arguments, "types", None):
        return [(out, below) for out, below in found if _kind(out) in types]
    return list(found)


def _kind(out: Out) -> str:
    return "metrics" if out.raw.get("metric") else "plots" if out.raw.get("plot") else out.kind


def _by_name(outs: Outs, name: str | None) -> dict[str | None, Outs]:
    """Outputs that have a remote of their own go there, unless another is asked for."""
    groups: dict[str | None, Outs] = {}
    for out, below in outs:
        own = out.raw.get("remote")
        if not (name and own and name != own):
            groups.setdefault(own or name, []).append((out, below))
    return groups


def _pushable(outs: Outs) -> Outs:
    kept = [(out, below) for out, below in outs if out.cached and out.md5 and out.pushed]
    return [(out, below) for out, below in kept if not out.stage.is_repo_import]


def push(project: Project, outs: Outs, name: str | None, jobs: int | None = None, check: bool = False) -> int:
    """Send what the remote lacks; how many objects that were. `check`: and what it has damaged; all there is read.

    What the cache lacks, too, is told and no failure, as with DVC; a folder is not sent without all its files.
    """
    sent = 0
    failed: list[str] = []
    # A remote has to be there even if there is nothing to send.
    for own, group in (_by_name(_pushable(outs), name) or {name: []}).items():
        if is_versioned(project, own):
            count, problems = Versioned(project, own, jobs).push(group)
        else:
            count, problems = _push_to(project, open_remote(project, own, jobs), group, check)
        sent, failed = sent + count, failed + problems
    if failed:
        raise DvcError(f"failed to push data to the cloud - {len(failed)} files failed to upload\n" + _few(failed))
    return sent


def _push_to(project: Project, remote: Remote, outs: Outs, check: bool) -> tuple[int, list[str]]:
    cache = project.cache
    members = _members(project, remote)
    wanted = used(project, outs, members, for_push=True)
    lacking = missing_on(project, remote, wanted, check)
    sent: list[Object] = []
    problems: list[str] = []
    absent: list[str] = []

    def send(one: Object) -> None:
        try:
            remote.put(one, cache)
            sent.append(one)
        except NotFound:
            absent.append(f"{project.shown(wanted[one])} ({one[0]})")
        except CorruptData as error:
            problems.append(f"{project.shown(wanted[one])}: {error}")

    # Manifests last: whoever finds one finds what it names.
    folders = [one for one in lacking if one[0].endswith(manifest.SUFFIX)]
    each(remote, send, lacking.difference(folders))
    remote.flush()
    if not problems and not absent:
        each(remote, send, folders)
        remote.flush()
    _tell_absent(absent)
    from anew.protocols.dvc import extras

    for out, _ in outs:
        if out.is_folder and out.md5:
            said = extras.read(cache.root, out.md5)
            if said:
                remote.put_extras(out.md5, said)
    return len(sent), problems


def _tell_absent(files: list[str]) -> None:
    if files:
        print(f"anew dvc: neither here nor on the remote: {len(files)} files\n{_few(sorted(files))}", file=sys.stderr)


def missing_on(project: Project, remote: Remote, wanted: Iterable[Object], check: bool = False) -> set[Object]:
    """What a remote lacks, or has in another size than the cache; with `check`, what it has damaged, too."""
    asked = set(wanted)
    there = remote.sizes(asked)
    lacking = asked - there.keys()
    for one, size in there.items():
        if size != UNKNOWN:
            stat = project.cache.stat(*one)
            if stat is not None and stat.st_size != size:
                lacking.add(one)
    if check:
        lacking |= _damaged_on(project, remote, asked - lacking)
    return lacking


def _damaged_on(project: Project, remote: Remote, there: set[Object]) -> set[Object]:
    """Those of the objects that a remote has, and that are not what their names say: all of them are read."""
    import tempfile

    from anew.protocols.dvc.cache import Cache

    found: set[Object] = set()
    os.makedirs(project.own, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".anew-", suffix=".tmp", dir=project.own) as folder:
        beside = Cache(folder)

        def look(one: Object) -> None:
            try:
                remote.get(one, beside)
                beside.remove(*one)
            except (NotFound, CorruptData):
                found.add(one)

        each(remote, look, there)
    return found


def _members(project: Project, remote: Remote) -> Callable[[Out], dict[str, str] | None]:
    """Files of folders; manifests that the cache lacks are fetched."""
    local = members_of(project)

    def members(out: Out) -> dict[str, str] | None:
        found = local(out)
        if found is None and out.md5:
            try:
                remote.get((out.md5, out.legacy), project.cache)
                found = project.cache.manifest(out.md5, out.legacy)
            except (NotFound, CorruptData):
                return None
        return found

    return members


def fetch(
    project: Project, outs: Outs, name: str | None, largest: int | None = None, again: Iterable[Object] = (),
    jobs: int | None = None,
) -> int:  # fmt: skip
    """Bring what the cache lacks; how many objects that were. `again`: objects that are there, and damaged.

    What the remote lacks, too, is told and no failure, as with DVC, and so is that there is no remote at all.
    """
    got = 0
    failed: list[str] = []
    imports = [(out, below) for out, below in outs if out.stage.is_import and out.cached]
    elsewhere = {id(out) for out, _ in imports if out.stage.is_repo_import or not out.pushed}
    own = [(out, below) for out, below in outs if out.cached and out.md5 and id(out) not in elsewhere]
    if own and _lacks(project, own, again):
        for there, group in _by_name(own, name).items():
            if not there and not project.config.get("core", "remote"):
                continue
            if is_versioned(project, there):
                count, problems = Versioned(project, there, jobs).fetch(group)
            else:
                remote = open_remote(project, there, jobs)
                count, problems = _fetch_from(project, remote, group, largest, set(again))
            got, failed = got + count, failed + problems
    for out, _ in imports:
        from anew.protocols.dvc.importing import fetch_import

        try:
            got += fetch_import(project, out, jobs)
        except (NotFound, CorruptData, DvcError) as error:
            failed.append(str(error))
    if failed:
        raise DvcError(f"{len(failed)} files failed to download\n" + _few(failed))
    return got


def _lacks(project: Project, outs: Outs, again: Iterable[Object]) -> bool:
    """Whether anything has to be fetched: without, no remote is needed."""
    members = members_of(project)
    if any(True for _ in again) or any(out.is_folder and members(out) is None for out, _ in outs):
        return True
    wanted = set(used(project, outs, members))
    return bool(wanted - _present(project, wanted))


def _present(project: Project, wanted: set[Object]) -> set[Object]:
    cache = project.cache
    if len(wanted) <= _FEW:
        return {one for one in wanted if cache.stat(*one) is not None}
    return {(md5, legacy) for legacy in (False, True) for md5 in cache.list(legacy)} & wanted


def _fetch_from(
    project: Project, remote: Remote, outs: Outs, largest: int | None, again: set[Object]
) -> tuple[int, list[str]]:
    folders = {(out.md5 or "", out.legacy) for out, _ in outs if out.is_folder}
    before = {one for one in folders if project.cache.stat(*one)}
    if largest is not None:
        outs = [(out, below) for out, below in outs if int(out.raw.get("size") or 0) <= largest]
    members = _members(project, remote)
    wanted = used(project, outs, members)  # fetches manifests
    problems: list[str] = []
    got = sum(project.cache.stat(*one) is not None for one in folders - before)
    lacking = set(wanted) - _present(project, set(wanted)) | (again & set(wanted))
    came: list[Object] = []
    absent: list[str] = []

    def bring(one: Object) -> None:
        try:
            remote.get(one, project.cache)
            came.append(one)
        except NotFound:
            absent.append(f"{project.shown(wanted[one])} ({one[0]})")
        except CorruptData as error:
            problems.append(f"{project.shown(wanted[one])}: {error}")

    each(remote, bring, lacking)
    got += len(came)
    _tell_absent(absent)
    from anew.protocols.dvc import extras

    for out, _ in outs:
        if out.is_folder and out.md5:
            said = remote.extras(out.md5)
            if said and not extras.read(project.cache.root, out.md5):
                extras.write(project.cache.root, out.md5, said)
    return got, problems


def cloud_status(project: Project, arguments: argparse.Namespace) -> dict[str, str]:
    """In DVC's shape: path → new (only here), deleted (only there), missing (in neither)."""
    found: dict[str, str] = {}
    outs = _pushable(chosen_outs(project, arguments))
    for own, group in _by_name(outs, arguments.remote).items():
        remote = open_remote(project, own, arguments.jobs)
        wanted = used(project, group, _members(project, remote), for_push=True)
        lacking = missing_on(project, remote, wanted, arguments.check)
        here = _present(project, set(wanted))
        for one, path in wanted.items():
            if one in lacking:
                said = "new" if one in here else "missing"
            elif one not in here:
                said = "deleted"
            else:
                continue
            found[_name(project, path, one, group)] = said
    return found


def _name(project: Project, path: str, one: Object, outs: Outs) -> str:
    """As DVC names objects: a file of a folder after the folder."""
    for out, _ in outs:
        if inside(path, out.path):
            shown = out.shown(project.cwd, project.root)
            return shown if path == out.path else f"{shown}/{path[len(out.path) + 1 :]}"
    return project.shown(path)


def _few(problems: list[str]) -> str:
    more = f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else ""
    return "\n".join(f"  {problem}" for problem in problems[:10]) + more
