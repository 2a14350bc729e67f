"""`remove`, `move` and `unprotect`."""

from __future__ import annotations

import os

from anew.errors import Conflict, DvcError, NotFound
from anew.protocols.dvc import stages
from anew.protocols.dvc.checkout import remove_output
from anew.protocols.dvc.gitignore import hide, show
from anew.protocols.dvc.stages import PipelineStage, Stage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from anew.protocols.dvc.project import Project


def remove(project: Project, target: str, outs: bool = False) -> Stage:
    """Stop tracking what a `.dvc` file tracks; with `outs`, take that away, too."""
    path = os.path.abspath(target)
    if not stages.is_stage_file(path) or not os.path.exists(path):
        if os.path.exists(path + stages.SUFFIX):
            raise DvcError(f"'{target}' is not a .dvc file. Do you mean '{target}.dvc'?")
        if ":" in target or "/" not in target:
            named = [stage for stage in project.named(target) if isinstance(stage, PipelineStage)]
            if named:
                from anew.protocols.dvc import stagefile

                changed = stagefile.remove(project, named[0], outs)
                if project.git is not None and project.config.switch("core", "autostage"):
                    project.git.add(path for path in changed if os.path.exists(path))
                return named[0]
        raise NotFound(f"'{target}' does not exist")
    stage = next((stage for stage in project.stages if stage.path == path), None)
    if stage is None:
        raise NotFound(f"'{target}' is not part of this project")
    for out in stage.outs:
        if out.external:
            continue
        if outs:
            remove_output(out.path)
        elif os.path.lexists(out.path):
            unprotect_path(project, out.path)
    changed = show(project.git, [out.path for out in stage.outs if not out.external]) if project.git else []
    os.unlink(stage.path)
    if project.git is not None and project.config.switch("core", "autostage"):
        project.git.add(path for path in changed if os.path.exists(path))
    return stage


def move(project: Project, source: str, target: str) -> Stage:
    """Rename a tracked file or folder, with its `.dvc` file if that is named after it."""
    old = os.path.abspath(source)
    out = next((out for out in project.outs if not out.external and out.path == old), None)
    if out is None:
        raise NotFound(f"Unable to find DVC file with output '{source}'")
    if not out.stage.is_data:
        raise DvcError(f"move is not permitted for stages that are not data sources: '{source}' is made by a pipeline")
    new = os.path.abspath(os.path.join(target, os.path.basename(old)) if os.path.isdir(target) else target)
    if os.path.lexists(new):
        raise Conflict(f"{project.shown(new)} exists: move it away first")
    if not inside(new, project.root):
        raise DvcError(f"{new} is outside of the project")
    stage = out.stage
    if os.path.basename(stage.path) == os.path.basename(old) + stages.SUFFIX:
        moved = _renamed(project, stage, new)
    else:
        moved = stage
        out.raw["path"] = os.path.relpath(new, stage.wdir)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    if os.path.lexists(old):
        os.rename(old, new)
    changed = [moved.path]
    if project.git is not None:
        changed += show(project.git, [old])
        changed += hide(project.git, [new])
    if moved.raw.get("md5"):
        from anew.protocols.dvc.importing import stage_md5

        moved.raw["md5"] = stage_md5(moved)
    project.write_stage(moved)
    if moved is not stage:
        os.unlink(stage.path)
        changed.append(stage.path)
    if project.git is not None and project.config.switch("core", "autostage"):
        tracked = set(project.git.tracked(changed))
        project.git.add(path for path in changed if os.path.exists(path) or path in tracked)
    return moved


def _renamed(project: Project, stage: Stage, new: str) -> Stage:
    """The `.dvc` file of the new name, as DVC makes it: nothing of it is copied but what it says."""
    path = new + stages.SUFFIX
    if os.path.exists(path):
        raise Conflict(f"'{project.shown(path)}' already exists")
    kept = {key: value for key, value in stage.raw.items() if key not in ("outs", "deps", "wdir")}
    out = {**stage.outs[0].raw, "path": os.path.basename(new)}
    deps = []
    for dep in stage.deps:
        raw = dict(dep.raw)
        if not dep.external and not os.path.isabs(dep.written):
            raw["path"] = os.path.relpath(dep.path, os.path.dirname(path))
        deps.append(raw)
    return Stage(path, {**kept, "outs": [out], "deps": deps})


def unprotect(project: Project, target: str) -> None:
    """Make what is linked to the cache a copy, which may be changed."""
    path = os.path.abspath(target)
    if not os.path.lexists(path):
        raise DvcError(f"can't unprotect '{target}': nothing is there", 255)
    unprotect_path(project, path)


def unprotect_path(project: Project, top: str) -> None:
    if os.path.isdir(top) and not os.path.islink(top):
        for at, _, names in os.walk(top):
            for name in names:
                _unprotect_file(project, f"{at}/{name}")
    elif os.path.lexists(top):
        _unprotect_file(project, top)


def _unprotect_file(project: Project, path: str) -> None:
    stat = os.stat(path)
    linked = os.path.islink(path) and inside(os.path.realpath(path), os.path.realpath(project.cache.root))
    if not linked and (os.path.islink(path) or (stat.st_nlink == 1 and stat.st_mode & 0o200)):
        return
    from anew.protocols.dvc.cache import _copy
    from anew.protocols.dvc.checkout import _temporary

    temporary = _temporary(project, path)
    _copy(path, temporary)
    if stat.st_mode & 0o100:
        os.chmod(temporary, os.stat(temporary).st_mode & 0o7777 | 0o100)
    os.replace(temporary, path)
