"""`push`, `fetch`, `pull` and `status --cloud`: the remote is asked what it has, each time."""

from __future__ import annotations

from anew.errors import CorruptData, DvcError, NotFound
from anew.protocols.dvc import manifest
from anew.protocols.dvc.history import Scope, all_outs, members_of, used
from anew.protocols.dvc.remote import Remote, open_remote
from anew.protocols.dvc.stages import Out, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.project import Project

Outs = list[tuple[Out, str | None]]
_FEW = 2000  # so many sizes are compared; beyond, being there must do


def chosen_outs(project: Project, arguments: argparse.Namespace) -> Outs:
    """What the options of push, fetch, pull and status name, in the workspace and in commits."""
    targets = list(arguments.targets)
    if getattr(arguments, "glob", False):
        from anew.protocols.dvc.adding import expand

        targets = expand(targets, True) if targets else []
    chosen = project.choose(targets, arguments.recursive, arguments.with_deps)
    scope = Scope(arguments.all_branches, arguments.all_tags, arguments.all_commits)
    return list(all_outs(project, chosen, scope))


def by_remote(project: Project, outs: Outs, name: str | None) -> list[tuple[Remote, Outs]]:
    """Outputs that have a remote of their own go there, unless another is asked for."""
    groups: dict[str | None, Outs] = {}
    for out, below in outs:
        own = out.raw.get("remote")
        if not (name and own and name != own):
            groups.setdefault(own or name, []).append((out, below))
    return [(open_remote(project, remote), group) for remote, group in groups.items()]


def _pushable(outs: Outs) -> Outs:
    kept = [(out, below) for out, below in outs if out.cached and out.md5 and out.pushed]
    return [(out, below) for out, below in kept if not out.stage.is_repo_import]


def push(project: Project, outs: Outs, name: str | None) -> int:
    """Send what the remote lacks; how many objects that were."""
    sent = 0
    failed: list[str] = []
    for remote, group in by_remote(project, _pushable(outs), name):
        count, problems = _push_to(project, remote, group)
        sent, failed = sent + count, failed + problems
    if failed:
        raise DvcError(f"failed to push data to the cloud - {len(failed)} files failed to upload\n" + _few(failed))
    return sent


def _push_to(project: Project, remote: Remote, outs: Outs) -> tuple[int, list[str]]:
    cache = project.cache
    members = _members(project, remote)
    wanted = used(project, outs, members, for_push=True)
    lacking = missing_on(project, remote, wanted)
    sent = 0
    problems: list[str] = []
    # Manifests last: whoever finds one finds what it names.
    for one in sorted(lacking, key=lambda one: one[0].endswith(manifest.SUFFIX)):
        if one[0].endswith(manifest.SUFFIX):
            remote.flush()
            if problems:
                continue
        try:
            remote.put(one, cache)
            sent += 1
        except (NotFound, CorruptData) as error:
            problems.append(f"{project.shown(wanted[one])}: {error}")
    remote.flush()
    from anew.protocols.dvc import extras

    for out, _ in outs:
        if out.is_folder and out.md5:
            said = extras.read(cache.root, out.md5)
            if said:
                remote.put_extras(out.md5, said)
    return sent, problems


def missing_on(project: Project, remote: Remote, wanted: Iterable[Object]) -> set[Object]:
    """What a remote lacks, or has in another size than the cache."""
    asked = set(wanted)
    there = remote.has(asked)
    lacking = asked - there
    if len(there) <= _FEW:
        for one in there:
            stat = project.cache.stat(*one)
            if stat is not None and stat.st_size != remote.size(one):
                lacking.add(one)
    return lacking


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
    project: Project, outs: Outs, name: str | None, largest: int | None = None, again: Iterable[Object] = ()
) -> int:
    """Bring what the cache lacks; how many objects that were. `again`: objects that are there, and damaged."""
    got = 0
    failed: list[str] = []
    imports = [(out, below) for out, below in outs if out.stage.is_import and out.cached]
    own = [(out, below) for out, below in outs if out.cached and out.md5 and not out.stage.is_repo_import]
    if own and _lacks(project, own, again):
        for remote, group in by_remote(project, own, name):
            count, problems = _fetch_from(project, remote, group, largest, set(again))
            got, failed = got + count, failed + problems
    for out, _ in imports:
        from anew.protocols.dvc.importing import fetch_import

        try:
            got += fetch_import(project, out, quiet=out.md5 is not None and not out.stage.is_repo_import)
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
    problems = []
    got = sum(project.cache.stat(*one) is not None for one in folders - before)
    lacking = set(wanted) - _present(project, set(wanted)) | (again & set(wanted))
    for one in lacking:
        try:
            remote.get(one, project.cache)
            got += 1
        except (NotFound, CorruptData) as error:
            problems.append(f"{project.shown(wanted[one])}: {error}")
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
    for remote, group in by_remote(project, outs, arguments.remote):
        wanted = used(project, group, _members(project, remote), for_push=True)
        lacking = missing_on(project, remote, wanted)
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
