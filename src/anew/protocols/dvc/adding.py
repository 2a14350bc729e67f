"""`add` and `commit`: content into the cache, then the `.dvc` file that names it, then Git told."""

from __future__ import annotations

import os
import stat as modes

from anew.errors import Conflict, DvcError, NotFound
from anew.protocols.dvc import extras, manifest, stages
from anew.protocols.dvc.checkout import put
from anew.protocols.dvc.folders import Listing, Reader, scan
from anew.protocols.dvc.locks import lock_mark
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.stages import Entry, Out, Stage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from anew.protocols.dvc.git import Git


class Taken:
    """What was found at the path of an output, and is in the cache now."""

    def __init__(self, fields: dict[str, Any], listing: Listing | None, files: dict[str, str]) -> None:
        self.fields, self.listing = fields, listing
        self.files = files  # absolute path → md5


def add(
    project: Project, targets: Iterable[str], glob: bool = False, commit: bool = True, relink: bool = True
) -> list[Stage]:
    """Track files and folders."""
    wanted = [_target(project, name) for name in expand(targets, glob)]
    _refuse(project, wanted)
    project.refuse_busy([out.path for out, _ in wanted])
    seen = lock_mark(project.tmp)
    taken = [take(project, out, below, commit and out.cached) for out, below in wanted]
    with project.lock() as before:
        if commit and before != seen and not _all_there(project, taken):  # a gc was here meanwhile
            taken = [take(project, out, below, commit and out.cached) for out, below in wanted]
        project.cache.flush()
        for (out, below), found in zip(wanted, taken, strict=True):
            know(project, out, below, found)
        if commit and relink:
            for found in taken:
                link_files(project, found.files)
        written = [out.stage for out, _ in wanted]
        done = list({id(stage): stage for stage in written}.values())
        _write(project, done, [out.path for out, _ in wanted])
    return done


def commit(project: Project, chosen: Iterable[Any], relink: bool = True, keep: bool = True) -> None:
    """Take what is in the workspace as it is for outputs of `.dvc` files; without `keep`, only its hash."""
    rows = [(one.out, one.below) for one in chosen if not one.out.external]
    for out, _ in rows:
        if not os.path.lexists(out.path):
            raise NotFound(f"output '{project.shown(out.path)}' does not exist")
    taken = [take(project, out, below, keep and out.cached) for out, below in rows]
    with project.lock():
        project.cache.flush()
        for (out, below), found in zip(rows, taken, strict=True):
            know(project, out, below, found)
            if keep and out.cached and relink:
                link_files(project, found.files)
        for stage in {id(out.stage): out.stage for out, _ in rows}.values():
            project.write_stage(stage)


def expand(targets: Iterable[str], glob: bool) -> list[str]:
    if not glob:
        return list(dict.fromkeys(targets))
    from glob import glob as matching

    found: list[str] = []
    for target in targets:
        found += sorted(matching(target, recursive=True))
    if not found:
        raise NotFound(f"Glob {', '.join(targets)} has no matches.")
    return [name for name in dict.fromkeys(found) if not stages.is_stage_file(name)]


def new_stage(project: Project, target: str) -> Out:
    """The output, with its `.dvc` file to be, of a path that is not tracked yet; refuses what DVC can't track."""
    path = os.path.abspath(target)
    shown = project.shown(path)
    if not inside(path, project.root) or path == project.root:
        raise DvcError(f"Cached output(s) outside of DVC project: {path}: move it into {project.root}, or import it")
    if stages.is_stage_file(path):
        raise DvcError(f"DVC file '{shown}' cannot be an output.")
    at = path if os.path.isdir(path) else os.path.dirname(path)
    while at != project.root:
        if os.path.islink(at):
            raise DvcError(f"Cannot add files inside symlinked directories to DVC: {project.shown(at)} is a link")
        at = os.path.dirname(at)
    rule = project.ignore.ignored(path, os.path.isdir(path))
    if rule is not None:
        raise DvcError(f"Path '{path}' is ignored by {rule.source or rule.line}")
    name = os.path.basename(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DvcError(
            f"{os.fsencode(shown)!r}: the name is not UTF-8, which DVC's files can't say; rename it"
        ) from None
    return Stage(path + stages.SUFFIX, {"outs": [{"path": name}]}).outs[0]


def _target(project: Project, target: str) -> tuple[Out, str | None]:
    """The output that a path is, and the part of it that is meant when that is not all."""
    path = os.path.abspath(target)
    out = project.tracking(path)
    if out is None:
        out = new_stage(project, target)
        if not os.path.lexists(path):
            raise NotFound(f"output '{target}' does not exist: nothing is at {path}")
        return out, None
    if not out.stage.is_data:
        raise DvcError(
            f"cannot update '{target}': overlaps with an output of {out.stage.address(project.cwd)}.\n"
            "Run the pipeline or use 'anew dvc commit' to force update it."
        )
    if path != out.path and not out.is_folder:
        raise DvcError(f"Cannot modify '{out.shown(project.cwd, project.root)}' which is being tracked as a file")
    if path == out.path and not os.path.lexists(path):
        raise NotFound(f"output '{target}' does not exist: nothing is at {path}")
    return out, None if path == out.path else path


def _refuse(project: Project, wanted: list[tuple[Out, str | None]]) -> None:
    """What DVC refuses to track: overlaps, what Git tracks, a `.dvc` file that Git would not see."""
    known = [out for out in project.outs if not out.external]
    fresh = [out for out, _ in wanted if out.md5 is None and out not in known]
    for out in fresh:
        for other in [*known, *(one for one in fresh if one is not out)]:
            a, b = project.shown(out.path), project.shown(other.path)
            if inside(other.path, out.path):
                file = other.stage.address(project.cwd)
                raise Conflict(
                    f"Cannot add '{a}', because it is overlapping with other DVC tracked output: '{b}'.\n"
                    f"To include '{b}' in '{a}', run 'anew dvc remove {file}' and then 'anew dvc add {a}'"
                )
    if project.git is None:
        return
    refuse_in_git(project, project.git, [out.path for out, _ in wanted])
    hidden = project.git.ignored(out.stage.path for out in fresh)
    for path in hidden:
        raise Conflict(f"bad DVC file name '{project.shown(path)}' is git-ignored: mend .gitignore, or rename it")


def refuse_in_git(project: Project, git: Git, paths: list[str]) -> None:
    """Raises Conflict for an output that Git tracks, or tracks some of."""
    tracked = git.tracked(paths)
    if tracked:
        shown = project.shown(next((path for path in paths if inside(tracked[0], path)), tracked[0]))
        raise Conflict(
            f"output '{shown}' is already tracked by Git. To stop that, and track it here:\n"
            f"  git rm -r --cached '{shown}'\n  git commit -m \"stop tracking {shown}\""
        )


def _all_there(project: Project, taken: list[Taken]) -> bool:
    stat = project.cache.stat
    return all(stat(md5) is not None for found in taken for md5 in found.files.values())


def take(project: Project, out: Entry, below: str | None, keep: bool) -> Taken:
    """Hash what is at the path of an output or dependency; with `keep`, put it into the cache."""
    path = below or out.path
    if out.legacy and below is None:
        same = _same_as_legacy(project, out, keep)
        if same is not None:
            return same
    reader = Reader(project.hashes, project.cache if keep else None)
    if os.path.isdir(path):
        listing = scan(project, path, reader)
        for one in listing.projects:
            import sys

            print(
                f"anew: {project.shown(one)} is a DVC project of its own, and no part of {project.shown(path)}",
                file=sys.stderr,
            )
        _put_manifest(project, listing.manifest, listing.md5, keep)
        files = {f"{path}/{name}": md5 for name, md5 in listing.files.items()}
        return Taken({"md5": listing.md5, "size": listing.size, "nfiles": len(listing.files)}, listing, files)
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        if below is not None:
            return Taken({}, None, {})  # gone from its folder
        raise NotFound(f"output '{project.shown(path)}' does not exist: it is a link to nothing") from None
    if not modes.S_ISREG(stat.st_mode):
        raise DvcError(f"output '{project.shown(path)}' is not a file or directory")
    md5 = reader.file(path, stat)
    return Taken({"md5": md5, "size": stat.st_size, "isexec": bool(stat.st_mode & 0o100)}, None, {path: md5})


def _put_manifest(project: Project, data: bytes, md5: str, keep: bool) -> None:
    if keep and not project.cache.sound(md5):
        project.cache.put(md5, data)


def _same_as_legacy(project: Project, out: Entry, keep: bool) -> Taken | None:
    """What is there, hashed as DVC 2 did, if that is what is tracked: then it stays as DVC 2 kept it."""
    reader = Reader(project.legacy_hashes)
    if os.path.isdir(out.path):
        listing = scan(project, out.path, reader)
        files = {f"{out.path}/{name}": md5 for name, md5 in listing.files.items()}
        fields = {"md5": listing.md5, "size": listing.size, "nfiles": len(listing.files)}
        content = [(listing.md5, listing.manifest)]
    else:
        listing, content = None, []
        stat = os.stat(out.path)
        md5 = reader.file(out.path, stat)
        files, fields = {out.path: md5}, {"md5": md5, "size": stat.st_size, "isexec": bool(stat.st_mode & 0o100)}
    if fields["md5"] != out.md5:
        return None
    if keep:
        for path, md5 in files.items():
            if project.cache.stat(md5, legacy=True) is None:
                with open(path, "rb") as file:
                    project.cache.put(md5, file.read(), legacy=True)
        for md5, data in content:
            if project.cache.stat(md5, legacy=True) is None:
                project.cache.put(md5, data, legacy=True)
    return Taken(fields | {"legacy": True}, listing, {})


def know(project: Project, out: Out, below: str | None, found: Taken) -> None:
    """Write into the output what was found."""
    root = project.cache.root
    if below is not None:
        _know_part(project, out, below, found)
    else:
        out.known(**found.fields)
        if found.listing is not None and out.cached:
            extras.write(root, found.fields["md5"], extras.Extras(found.listing.executable, found.listing.empty))


def _know_part(project: Project, out: Out, below: str, found: Taken) -> None:
    """Replace one part of a folder's manifest."""
    cache, name = project.cache, os.path.relpath(below, out.path)
    old_md5 = out.md5 or ""
    files = cache.manifest(old_md5, out.legacy)
    kept = {path: md5 for path, md5 in files.items() if not inside(path, name)}
    more = {os.path.relpath(path, out.path): md5 for path, md5 in found.files.items()}
    if not more and len(kept) == len(files):
        raise NotFound(f"output '{project.shown(below)}' does not exist: nothing is at {below}")
    new = {**kept, **more}
    data = manifest.encode(new)
    md5 = manifest.digest(data)
    _put_manifest(project, data, md5, True)
    cache.flush()
    size = out.raw.get("size")
    if len(kept) == len(files) and size and "size" in found.fields:
        size += found.fields["size"]
    elif md5 != old_md5:
        size = None  # DVC does not know it either
    out.known(md5=md5, size=size, nfiles=len(new))
    old = extras.read(cache.root, old_md5).without(name)
    listing = found.listing
    executable = (
        [f"{name}/{one}" for one in listing.executable] if listing else [name] * bool(found.fields.get("isexec"))
    )
    empty = [f"{name}/{one}" for one in listing.empty] if listing else []
    extras.write(cache.root, md5, extras.Extras([*old.executable, *executable], [*old.empty, *empty]))


def link_files(project: Project, files: dict[str, str]) -> None:
    """Replace files of the workspace by links to their objects, where such links are configured."""
    cache = project.cache
    if cache.kind not in ("hardlink", "symlink"):
        return
    for path, md5 in files.items():
        target = cache.path(md5)
        stat = os.stat(path)
        if cache.kind == "hardlink" and (stat.st_size == 0 or os.path.samefile(path, target)):
            continue
        if os.path.islink(path) and os.path.realpath(path) == os.path.realpath(target):
            continue
        put(project, md5, path)
        if stat.st_mode & 0o100:
            os.chmod(path, os.stat(path).st_mode & 0o7777 | 0o100)


def _write(project: Project, written: list[Stage], paths: list[str]) -> None:
    """The `.dvc` files, and the entries of .gitignore; Git told of both where that is configured."""
    from anew.protocols.dvc.gitignore import hide

    for stage in written:
        if stage.text is None and os.path.exists(stage.path):
            with open(stage.path, encoding="utf-8") as file:
                stage.text = file.read()
        project.write_stage(stage)
    changed = [stage.path for stage in written]
    if project.git is not None:
        changed += hide(project.git, paths)
        if project.config.switch("core", "autostage"):
            project.git.add(changed)
