"""Stages written into a dvc.yaml: added, frozen, and described for a list."""

from __future__ import annotations

import os
import string

from anew.errors import Conflict, DvcError, NotFound
from anew.pipeline import graph
from anew.pipeline.definition import OPTIONS, Definition
from anew.pipeline.params import DEFAULT_FILE
from anew.protocols.dvc import durable
from anew.protocols.dvc.stages import PIPELINE, PipelineStage, Stage, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from typing import Any

    from anew.protocols.dvc.project import Project

_FORBIDDEN = set(string.punctuation) - {"_", "-"}
_LONGEST = 80
# Options of `stage add`: the list of the stage that their paths go to, and what is said of each of them.
_LISTS: dict[str, tuple[str, dict[str, bool]]] = {
    "outs": ("outs", {}), "outs_no_cache": ("outs", {"cache": False}), "outs_persist": ("outs", {"persist": True}),
    "outs_persist_no_cache": ("outs", {"cache": False, "persist": True}), "metrics": ("metrics", {}),
    "metrics_no_cache": ("metrics", {"cache": False}), "plots": ("plots", {}),
    "plots_no_cache": ("plots", {"cache": False}),
}  # fmt: skip
_ORDER = {"metrics": 1, "plots": 2, "outs": 3}


def add(project: Project, arguments: argparse.Namespace) -> tuple[PipelineStage, list[str]]:
    """Write a stage into the dvc.yaml here; the stage, and the .gitignore files that were changed."""
    path = os.path.abspath(PIPELINE)
    name = arguments.name
    if set(name) & _FORBIDDEN:
        raise DvcError("Stage name cannot contain punctuation characters.")
    data = _data(project, arguments)
    others = [one for one in project.stages if not (one.path == path and one.name == name)]
    known = next((one for one in project.stages if one.path == path and one.name == name), None)
    if known is not None and not arguments.force:
        raise Conflict(f"Stage '{name}' already exists in '{PIPELINE}'. Use '--force' to overwrite.")
    if isinstance(known, PipelineStage):
        _keep_notes(data, known.definition)
    made = PipelineStage(path, Definition(PIPELINE, name, data), None)
    _check(project, made)
    for other in others:
        both = set(other.writes) & set(made.writes)
        if both:
            shown, name = project.shown(min(both)), other.address(project.cwd)
            raise Conflict(f"output '{shown}' is already specified in stage: '{name}'.")
    graph.build([*others, made], project.cwd)
    _write(path, arguments.name, serialised(made.definition))
    ignores: list[str] = []
    if project.git is not None:
        from anew.protocols.dvc.gitignore import hide

        # In the order in which DVC takes them.
        outs = sorted(made.outs, key=lambda out: 0 if out.raw.get("persist") else _ORDER[out.kind])
        hidden = [out.path for out in outs if out.cached and os.path.isdir(os.path.dirname(out.path))]
        ignores = hide(project.git, hidden)
    project.forget_stages()
    found = next(one for one in project.stages if one.path == path and one.name == arguments.name)
    assert isinstance(found, PipelineStage)
    return found, ignores


def _data(project: Project, arguments: argparse.Namespace) -> dict[str, Any]:
    words = [_quoted(word) for word in arguments.command] if len(arguments.command) > 1 else arguments.command
    command = " ".join(words)
    if not command:
        raise DvcError("command is not specified")
    wdir = os.path.abspath(arguments.wdir or ".")
    if not os.path.isdir(wdir):
        what = "is not directory" if os.path.exists(wdir) else "does not exist"
        raise DvcError(f"stage working dir '{arguments.wdir}' {what}")
    if not inside(os.path.realpath(wdir), project.root):
        raise DvcError(f"stage working dir '{arguments.wdir}' is outside of DVC repo")
    data: dict[str, Any] = {
        "cmd": command, "desc": arguments.desc, "wdir": os.path.relpath(wdir),
        "always_changed": arguments.always_changed, "deps": [_seen(project, path, wdir) for path in arguments.deps],
        "params": _params(arguments.params),
    }  # fmt: skip
    for option, (part, about) in _LISTS.items():
        for written in getattr(arguments, option):
            data.setdefault(part, []).append({_seen(project, written, wdir): dict(about)})
    return {key: value for key, value in data.items() if value}


def _quoted(word: str) -> str:
    if not word:
        return '""'
    return f'"{word}"' if " " in word and '"' not in word else word


def _seen(project: Project, path: str, wdir: str) -> str:
    """A path as the file has it: whole ones of the project are seen from the stage's folder."""
    return os.path.relpath(path, wdir) if os.path.isabs(path) and inside(path, project.root) else path


def _params(given: Iterable[str]) -> list[dict[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for one in given:
        file, _, keys = one.rpartition(":")
        found.setdefault(file or DEFAULT_FILE, []).extend(key for key in keys.split(",") if key)
    return [{file: keys} for file, keys in found.items()]


def _keep_notes(data: dict[str, Any], known: Definition) -> None:
    """What was said of a stage and its outputs stays with them."""
    for key in ("desc", "meta"):
        data.pop(key, None)
        if key in known.data:
            data[key] = known.data[key]
    about = {out.path: out.options for out in known.outs}
    for part in ("outs", "metrics", "plots"):
        for item in data.get(part, ()):
            for path, options in item.items():
                kept = about.get(path, {})
                options.update({key: kept[key] for key in OPTIONS if key in kept and key not in ("cache", "persist")})


def _check(project: Project, made: PipelineStage) -> None:
    outside = [out.written for out in made.outs if out.cached and not inside(out.path, project.root)]
    if outside:
        raise DvcError(
            f"Cached output(s) outside of DVC project: {', '.join(outside)}: move it, or keep it in no cache"
        )
    both = set(made.reads) & set(made.writes)
    if both:
        raise DvcError(f"'{min(both)}' is specified as an output and as a dependency.")
    asked = [os.path.normpath(os.path.join(made.wdir, str(one))) for one in made.definition.data.get("deps", ())]
    paths = [*asked, *(made.params_path(file) for file in made.params), *made.writes]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise DvcError(f"file '{twice}' is specified more than once.")


def serialised(definition: Definition) -> dict[str, Any]:
    """A stage as DVC writes it into dvc.yaml."""
    params: list[Any] = []
    for file, keys in sorted(definition.params.items()):
        if keys and file == DEFAULT_FILE:
            params = [*sorted(keys), *params]
        else:
            params.append({file: sorted(keys) or None})
    found: dict[str, Any] = {
        "desc": definition.data.get("desc"), "cmd": definition.command,
        "wdir": os.path.normpath(definition.wdir) if os.path.normpath(definition.wdir) != "." else None,
        "deps": sorted(definition.deps), "params": params, "outs": [], "metrics": [], "plots": [],
        "frozen": definition.frozen, "always_changed": definition.always_changed, "meta": definition.data.get("meta"),
    }  # fmt: skip
    for out in sorted(definition.outs, key=lambda out: out.path):
        about = {key: out.options[key] for key in ("desc", "type", "labels", "meta") if out.options.get(key)}
        about |= {} if out.cached else {"cache": False}
        about |= {"persist": True} if out.persist else {}
        about |= out.plot
        about |= {"remote": out.options["remote"]} if out.options.get("remote") else {}
        about |= {} if out.options.get("push", True) else {"push": False}
        found[out.kind].append({out.path: about} if about else out.path)
    return {key: value for key, value in found.items() if value}


def _write(path: str, name: str, data: dict[str, Any]) -> None:
    from anew import yamltext

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""

    def change(there: Any) -> None:
        stages = there.setdefault("stages", {})
        if name in stages:
            yamltext.apply(data, stages[name])
        else:
            stages[name] = data

    durable.replace(path, yamltext.edited(text, change, path).encode())


def remove(project: Project, stage: PipelineStage, outs: bool = False) -> list[str]:
    """Take a stage out of its dvc.yaml and dvc.lock; with `outs`, what it wrote, too. The files that were changed."""
    from anew.protocols.dvc.checkout import remove_output
    from anew.protocols.dvc.moving import unprotect_path

    if stage.definition.parametrized or stage.definition.generated:
        raise DvcError(f"cannot remove a parametrized stage: '{stage.address(project.cwd)}'")
    for out in stage.outs:
        if outs:
            remove_output(out.path)
        elif os.path.lexists(out.path) and out.cached:
            unprotect_path(project, out.path)
    changed = []
    if project.git is not None:
        from anew.protocols.dvc.gitignore import show

        changed = show(project.git, [out.path for out in stage.outs if out.cached])
    for path in (stage.path, os.path.splitext(stage.path)[0] + ".lock"):
        if _take_out(path, str(stage.name)):
            changed.append(path)
    return changed


def _take_out(path: str, name: str) -> bool:
    """Remove a stage from a file; a file that has no other goes. Whether it was there."""
    from anew import yamltext

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return False
    known = yamltext.load(text, path).get("stages") or {}
    if name not in known:
        return False
    if len(known) == 1:
        os.unlink(path)
    else:
        durable.replace(path, yamltext.edited(text, lambda there: there["stages"].pop(name), path).encode())
    return True


def set_frozen(project: Project, target: str, frozen: bool) -> str | None:
    """Freeze or unfreeze a stage; the dvc.yaml that was changed, None for a .dvc file."""
    found = project.stage_targets([target])
    if len(found) != 1:
        raise NotFound(f"'{target}' names {len(found)} stages: freeze them one by one")
    stage = found[0]
    if not isinstance(stage, PipelineStage):
        stage.raw["frozen"] = frozen
        stage.raw.pop("locked", None)
        project.write_stage(stage)
        return None
    if stage.definition.parametrized or stage.definition.generated:
        raise DvcError(f"cannot dump a parametrized stage: '{stage.address(project.cwd)}'")
    stage.definition.data["frozen"] = frozen
    _write(stage.path, str(stage.name), serialised(stage.definition))
    return stage.path


def described(stage: Stage) -> str:
    """What a list says of a stage: its description, or what it reads and writes."""
    desc = next((line.strip() for line in str(stage.raw.get("desc") or "").splitlines() if line), "")
    return _shortened(desc or _generated(stage))


def _generated(stage: Stage) -> str:
    deps = [dep.written for dep in stage.deps]
    if isinstance(stage, PipelineStage):
        deps += stage.params
    if not deps and not stage.outs:
        return "No outputs or dependencies"
    if not stage.outs:
        return "Depends on " + ", ".join(deps)
    outs = [out.written for out in stage.outs if out.kind == "outs"]
    reports = [out.written for out in stage.outs if out.kind != "outs"]
    parts = ["Outputs " + ", ".join(outs)] if outs else []
    return "; ".join([*parts, *(["Reports " + ", ".join(reports)] if reports else [])])


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
