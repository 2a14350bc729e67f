"""`gc`: what nothing names any more goes from the cache, and from a remote if that is asked for."""

from __future__ import annotations

from anew.errors import CorruptData, DvcError, NotFound
from anew.protocols.dvc import extras, manifest
from anew.protocols.dvc.history import Scope, all_outs, members_of, used
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anew.protocols.dvc.history import Object
    from anew.protocols.dvc.remote import Remote
    from anew.protocols.dvc.stages import Out


class Swept:
    """What is to go, or went, from one place."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.paths: list[str] = []


def needed(
    project: Project, scope: Scope, others: Iterable[str], force: bool, skip_failed: bool, remote: Remote | None
) -> set[Object]:
    """Every object that the workspace and the scope name, here and in other projects that share the cache."""
    found: set[Object] = set()
    for one in [project, *(Project.find(path) for path in others)]:
        outs = list(all_outs(one, one.choose([]), scope, skip_failed))
        cached = [(out, below) for out, below in outs if out.cached and out.md5]
        imported = {(out.md5 or "", out.legacy) for out, _ in cached if out.stage.is_repo_import}
        found |= imported | set(used(one, cached, _members(one, force, remote)))
        for out, _ in cached:
            if out.stage.is_repo_import and out.is_folder:
                files = _members(one, True, None)(out) or {}
                found |= {(md5, out.legacy) for md5 in files.values()}
    return found


def _members(project: Project, force: bool, remote: Remote | None) -> Callable[[Out], dict[str, str] | None]:
    local = members_of(project)

    def members(out: Out) -> dict[str, str] | None:
        found = local(out)
        if found is None and remote is not None:
            try:
                remote.get((out.md5 or "", out.legacy), project.cache)
                found = project.cache.manifest(out.md5 or "", out.legacy)
            except (NotFound, CorruptData):
                pass
        if found is None and not force:
            raise DvcError(
                f"Missing cache for directory '{project.shown(out.path)}'. Cache for files inside will be lost. "
                "Fetch it first, or use '-f' to force.", 255
            )  # fmt: skip
        return found

    return members


def sweep_cache(project: Project, keep: set[Object], dry: bool) -> list[Swept]:
    """Remove from the cache what is not in `keep`: manifests first, so that none names what is gone."""
    cache = project.cache
    found = []
    for place, legacy in (("repo", False), ("legacy", True)):
        swept = Swept(place)
        gone = [md5 for md5 in cache.list(legacy) if (md5, legacy) not in keep]
        for md5 in sorted(gone, key=lambda one: not one.endswith(manifest.SUFFIX)):
            swept.paths.append(cache.path(md5, legacy))
            if not dry:
                cache.remove(md5, legacy)
                if md5.endswith(manifest.SUFFIX):
                    extras.remove(cache.root, md5)
        found.append(swept)
    if not dry:
        cache.clean()
    return found


def sweep_remote(remote: Remote, keep: set[Object], dry: bool) -> Swept:
    swept = Swept(remote.name)
    gone = [one for one in remote.list() if one not in keep]
    for one in sorted(gone, key=lambda one: not one[0].endswith(manifest.SUFFIX)):
        swept.paths.append(remote.url(*one))
        if not dry:
            remote.remove(one)
    return swept
