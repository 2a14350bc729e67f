"""The workspace made to hold what is tracked: each file from the cache, checked on its way."""

from __future__ import annotations

import hashlib
import itertools
import os

from anew.errors import CorruptData, DvcError, NotFound
from anew.protocols.dvc import extras
from anew.protocols.dvc.cache import place
from anew.protocols.dvc.durable import write_all
from anew.protocols.dvc.folders import Reader, scan
from anew.protocols.dvc.hashes import fold
from anew.protocols.dvc.stages import inside
from anew.store.objects.disk import refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from anew.protocols.dvc.project import Chosen, Project
    from anew.protocols.dvc.stages import Out

_count = itertools.count()
UNSAVED = "Can't remove the following unsaved files without confirmation. Use `--force` to force.\n"


class Changes:
    """What a checkout did: outputs by kind, and how many files."""

    def __init__(self) -> None:
        self.added: list[str] = []
        self.modified: list[str] = []
        self.deleted: list[str] = []
        self.failed: list[str] = []
        self.reasons: list[str] = []
        self.damaged: list[tuple[str, bool]] = []  # objects: md5, and whether DVC 2's
        self.files = {"modified": 0, "added": 0, "deleted": 0}


class Plan:
    """One output: what is to be written and what to go. Paths are absolute."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.write: dict[str, str] = {}  # path → md5
        self.remove: dict[str, str] = {}  # path → md5 of what is there; "" for what was not hashed
        self.existed = os.path.lexists(out.path)
        self.before: dict[str, str] = {}
        self.folders: list[str] = []
        self.extras = extras.Extras()
        self.missing: list[str] = []


def checkout(
    project: Project, chosen: list[Chosen], force: bool = False, relink: bool = False, allow_missing: bool = False,
    everything: bool = False,
) -> Changes:  # fmt: skip
    """Check outputs out. What would be lost for good stops it before anything is touched, unless forced."""
    changes = Changes()
    plans = []
    for one in chosen:
        if one.out.cached and one.out.md5 and inside(one.out.path, project.root):
            try:
                plans.append(_plan(project, one, relink))
            except (NotFound, CorruptData) as error:
                changes.failed.append(one.out.path)
                changes.reasons.append(str(error))
                if isinstance(error, CorruptData):
                    changes.damaged.append((one.out.md5, one.out.legacy))
        elif one.out.cached and not one.out.md5 and not one.out.stage.is_partial:
            changes.failed.append(one.out.path)
            changes.reasons.append(f"nothing is known of {project.shown(one.out.path)}: the stage was not run yet")
    leftovers = _leftovers(project) if everything else {}
    if not force:
        _refuse_loss(project, plans)
    for plan in plans:
        _carry_out(project, plan, changes, allow_missing, force)
    for path, md5 in leftovers.items():
        _remove_tree(project, path, md5)
        changes.deleted.append(path)
        changes.files["deleted"] += 1
    remember(project)
    return changes


def _plan(project: Project, chosen: Chosen, relink: bool) -> Plan:
    out = chosen.out
    plan = Plan(out)
    wanted = _wanted(project, chosen)
    plan.extras = extras.read(project.cache.root, out.md5 or "") if out.is_folder else plan.extras
    there = plan.before = _there(project, chosen)
    plan.remove = {path: md5 for path, md5 in there.items() if wanted.get(path) != md5}
    for path, md5 in wanted.items():
        if there.get(path) != md5 or (relink and not _linked_right(project, path, md5)):
            plan.write[path] = md5
    if out.is_folder and chosen.below is None:
        plan.folders = [out.path, *(f"{out.path}/{name}" for name in plan.extras.empty)]
    return plan


def _wanted(project: Project, chosen: Chosen) -> dict[str, str]:
    out, md5 = chosen.out, chosen.out.md5 or ""
    if not out.is_folder:
        return {out.path: md5}
    if out.raw.get("files"):
        files = {row["relpath"]: row["md5"] for row in out.raw["files"]}
    else:
        files = project.cache.manifest(md5, out.legacy)
    found = {f"{out.path}/{name}": one for name, one in files.items()}
    if chosen.below is not None:
        found = {path: one for path, one in found.items() if inside(path, chosen.below)}
        if not found:
            raise NotFound(f"'{project.shown(chosen.below)}' is not in {project.shown(out.path)}")
    return found


def _there(project: Project, chosen: Chosen) -> dict[str, str]:
    """What the workspace has now where the output is to be."""
    path = chosen.below or chosen.out.path
    hashes = project.legacy_hashes if chosen.out.legacy else project.hashes
    reader = Reader(hashes)
    if os.path.isdir(path) and not (os.path.islink(path) and not chosen.out.is_folder):
        listing = scan(project, path, reader)
        return {f"{path}/{name}": md5 for name, md5 in listing.files.items()}
    try:
        return {path: reader.file(path, os.stat(path))}
    except FileNotFoundError:
        return {path: ""} if os.path.lexists(path) else {}


def _linked_right(project: Project, path: str, md5: str) -> bool:
    kind = project.cache.kind
    source = project.cache.path(md5)
    if kind == "symlink":
        return os.path.islink(path) and os.path.realpath(path) == os.path.realpath(source)
    if kind == "hardlink":
        return not os.path.islink(path) and os.path.exists(source) and os.path.samefile(path, source)
    return False  # copies are made again, as DVC does


def _refuse_loss(project: Project, plans: list[Plan]) -> None:
    lost = []
    for plan in plans:
        legacy = plan.out.legacy
        for path, md5 in plan.remove.items():
            if not md5 and os.path.islink(path):
                continue  # a link to nothing holds nothing
            if not md5 or not project.cache.sound(md5, legacy):
                lost.append(path)
    if lost:
        raise DvcError(UNSAVED + "\n".join(lost))


def _carry_out(project: Project, plan: Plan, changes: Changes, allow_missing: bool, force: bool) -> None:
    cache, out = project.cache, plan.out
    absent = [path for path, md5 in plan.write.items() if not cache.has(md5, out.legacy)]
    if absent:
        changes.failed.append(out.path)
        changes.reasons.append(f"{len(absent)} files of {project.shown(out.path)} are not in the cache")
        if not allow_missing:
            return
        plan.write = {path: md5 for path, md5 in plan.write.items() if path not in set(absent)}
    gone = [path for path in plan.remove if path not in plan.write and path not in set(absent)]
    for path in gone:
        os.unlink(path)
    _prune(out.path, gone)
    done = _write_all(project, plan, changes, force)
    for folder in plan.folders:
        _make_folder(folder, out.path, force)
    _make_executable(plan)
    if out.path in changes.failed and not done and not gone:
        return
    modified = sum(path in plan.remove for path in done)
    relinked = sum(plan.before.get(path) == md5 for path, md5 in plan.write.items())
    kinds = {"modified": modified, "added": len(done) - modified - relinked, "deleted": len(gone)}
    for kind, count in kinds.items():
        changes.files[kind] += max(count, 0)
    if not plan.existed:
        changes.added.append(out.path)
    elif any(kinds.values()):
        changes.modified.append(out.path)


def _write_all(project: Project, plan: Plan, changes: Changes, force: bool) -> list[str]:
    """Write the files of a plan; which were. A damaged object is no file: it is told, and the rest is written."""
    legacy = plan.out.legacy
    done: list[str] = []
    fitted: set[str] = set()
    for path, md5 in plan.write.items():
        folder = os.path.dirname(path)
        if folder not in fitted:
            _make_folder(folder, plan.out.path, force)
            fitted.add(folder)
        try:
            put(project, md5, path, legacy)
        except CorruptData as error:
            if plan.out.path not in changes.failed:
                changes.failed.append(plan.out.path)
            changes.reasons.append(str(error))
            changes.damaged.append((md5, legacy))
            continue
        done.append(path)
    return done


def put(project: Project, md5: str, path: str, legacy: bool = False) -> None:
    """One file of the workspace, whole or not at all, in the place of what is there."""
    cache = project.cache
    if cache.kind == "copy":
        _copy(project, md5, path, legacy)
        return
    if not cache.sound(md5, legacy):
        raise CorruptData(f"{cache.path(md5, legacy)} is damaged: fetch it from a remote")
    temporary = _temporary(project, path)
    place(cache, md5, temporary, legacy)
    os.replace(temporary, path)
    if not os.path.islink(path):
        hashes = project.legacy_hashes if legacy else project.hashes
        hashes.keep_ours(os.stat(path), md5)


def _copy(project: Project, md5: str, path: str, legacy: bool) -> None:
    temporary = _temporary(project, path)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        hasher = hashlib.md5(usedforsecurity=False)
        for chunk in project.cache.chunks(md5, legacy):
            hasher.update(fold(chunk) if legacy else chunk)
            write_all(fd, chunk)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise refused(error, path) from error
        raise
    finally:
        os.close(fd)
    if hasher.hexdigest() != md5:
        os.unlink(temporary)
        source = project.cache.path(md5, legacy)
        raise CorruptData(f"{source} is damaged: its content is not what its name says; fetch it from a remote")
    os.rename(temporary, path)
    hashes = project.legacy_hashes if legacy else project.hashes
    hashes.keep_ours(os.stat(path), md5)


def _temporary(project: Project, path: str) -> str:
    """A name on the same file system, and not in the folder of data: what a kill leaves there would be data."""
    beside = os.path.dirname(path)
    folder = project.scratch.get(beside)
    if folder is None:
        os.makedirs(project.own, exist_ok=True)
        near = os.stat(project.own).st_dev == os.stat(beside).st_dev
        folder = project.scratch[beside] = project.own if near else beside
    return f"{folder}/.anew-{os.getpid()}-{next(_count)}.tmp"


def _make_folder(folder: str, top: str, force: bool) -> None:
    """Make a folder at or below `top`, through no link: a link to a folder elsewhere would be written into."""
    if not inside(folder, top):  # the folder that a single file is in
        os.makedirs(folder, exist_ok=True)
        return
    at = top
    os.makedirs(os.path.dirname(top), exist_ok=True)
    for part in ["", *folder[len(top) :].strip("/").split("/")]:
        at = f"{at}/{part}" if part else at
        if os.path.islink(at):
            if not force:
                raise DvcError(UNSAVED + at)
            os.unlink(at)
        try:
            os.mkdir(at)
        except FileExistsError:
            if not os.path.isdir(at):
                os.unlink(at)
                os.mkdir(at)


def _prune(top: str, gone: list[str]) -> None:
    """Remove the folders that became empty."""
    for folder in sorted({os.path.dirname(path) for path in gone}, key=len, reverse=True):
        at = folder
        while inside(at, top) and at != top:
            try:
                os.rmdir(at)
            except OSError:
                break
            at = os.path.dirname(at)


def _make_executable(plan: Plan) -> None:
    names = plan.extras.executable
    paths = [f"{plan.out.path}/{name}" for name in names] if plan.out.is_folder else []
    if plan.out.raw.get("isexec") and not plan.out.is_folder:
        paths = [plan.out.path]
    written = plan.write if plan.out.is_folder else dict.fromkeys(paths, "")
    for path in paths:
        try:
            if path in written:
                mode = os.stat(path).st_mode
                if not mode & 0o100:
                    os.chmod(path, mode & 0o7777 | 0o100 | (mode & 0o444) >> 2)
        except OSError:
            pass


def remove_output(path: str) -> None:
    """Take a file, link or folder away."""
    import shutil

    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def _record(project: Project) -> str:
    return f"{project.own}/outs"


def _noted(project: Project) -> dict[str, str]:
    import json

    try:
        with open(_record(project), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _leftovers(project: Project) -> dict[str, str]:
    """Outputs that we put here, that no file tracks any more, and that are unchanged and can be had again."""
    known = _noted(project)
    if not known:
        return {}
    tracked = {out.path for out in project.outs}
    found = {}
    for path, md5 in known.items():
        over = any(inside(path, one) or inside(one, path) for one in tracked)
        if over or not os.path.lexists(path) or not inside(path, project.root):
            continue
        try:
            now = current(project, path)
        except (DvcError, OSError):
            continue
        if now == md5 and project.cache.sound(md5) and not (project.git and project.git.tracked([path])):
            found[path] = md5
    return found


def current(project: Project, path: str) -> str:
    """The md5 of what is at `path` now."""
    reader = Reader(project.hashes)
    return scan(project, path, reader).md5 if os.path.isdir(path) else reader.file(path, os.stat(path))


def _remove_tree(project: Project, path: str, md5: str) -> None:
    if md5.endswith(".dir"):
        for name in project.cache.manifest(md5):
            os.unlink(f"{path}/{name}")
        _prune(path, [f"{path}/{name}" for name in project.cache.manifest(md5)])
        try:
            os.rmdir(path)
        except OSError:
            pass
    else:
        os.unlink(path)


def remember(project: Project, more: bool = False) -> None:
    """Note the outputs that are here now; with `more`, beside those that were noted before."""
    import json

    from anew.protocols.dvc import durable

    known = _noted(project) if more else {}
    known |= {out.path: out.md5 for out in project.outs if out.cached and out.md5 and not out.legacy}
    try:
        os.makedirs(project.own, exist_ok=True)
        durable.replace(_record(project), json.dumps(known).encode("utf-8", "surrogateescape"))
    except OSError:
        pass
