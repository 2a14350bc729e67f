"""Runs a recorded run once more, from a recreated project, with its randomness put back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.capture.arguments import Command
from anew.capture.redact import Redactor
from anew.capture.supervisor import Launch, Outcome, run
from anew.errors import NotReproducible
from anew.reproduction.environment import Environment
from anew.reproduction.record import Record, load
from anew.reproduction.recreate import Workspace, nested, put_stdin, recreate
from anew.store.location import Store
from anew.store.objects import Objects


@dataclass
class Setting:
    """How trials of a run are made. `extra` variables change the trial, not the record (a frozen clock, say)."""

    store: Store
    objects: Objects
    record: Record
    environment: Environment
    in_place: bool = False
    timeout_s: float | None = None
    keep: Path | None = None
    folder: Path | None = None  # where each trial is put, for a result may hang on its place; a new one by default
    shown: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def make(setting: Setting) -> tuple[Outcome, Record, Workspace]:
    """One reproduction as a run of its own in the store. Raises NotReproducible before anything runs."""
    with _workspace(setting) as space:
        if space.missing:
            names = ", ".join(item["what"] for item in space.missing)
            raise NotReproducible(f"run {setting.record.run_id} can't be run again: {names}", space.missing)
        outcome = run(_launch(setting, space))
    return outcome, load(setting.store, outcome.run_id, setting.objects), space


def make_aside(setting: Setting) -> Record:
    """The same in a scratch store, for a test of a cause: it leaves no run behind."""
    with tempfile.TemporaryDirectory(prefix="anew-trial-") as folder:
        scratch = Store(Path(folder) / ".anew")
        scratch.root.mkdir()
        setting.store.objects.mkdir(parents=True, exist_ok=True)
        (scratch.root / "objects").symlink_to(setting.store.objects)
        outcome, record, _ = make(_replaced(setting, store=scratch, keep=None, shown=False, in_place=False))
        record.document.setdefault("id", outcome.run_id)
        return record


def _replaced(setting: Setting, **changes: Any) -> Setting:
    import dataclasses

    return dataclasses.replace(setting, **changes)


@contextmanager
def _workspace(setting: Setting) -> Iterator[Workspace]:
    document = setting.record.document
    if setting.in_place:
        root = Path(document["root"])
        space = Workspace(root, Path(document.get("cwd") or root), str(root))
        if not space.cwd.is_dir():
            space.lacks("code", str(space.cwd), "the folder is gone", "leave out --in-place")
        with tempfile.TemporaryDirectory(prefix="anew-") as aside:
            put_stdin(document, setting.objects, space, Path(aside) / "stdin")
            yield space
        return
    folder = setting.keep or setting.folder or Path(tempfile.mkdtemp(prefix="anew-"))
    folder.mkdir(exist_ok=True)
    try:
        space = recreate(document, setting.objects, nested(folder, document))
        space.home = folder
        yield space
    finally:
        if setting.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _launch(setting: Setting, space: Workspace) -> Launch:
    document = setting.record.document
    seeds = document.get("seeds") or {}
    words = [space.mapped(word) for word in document["argv"]]
    if "python" in os.path.basename(words[0]):
        words[0] = setting.environment.python
    script = document.get("script")
    typed = [space.mapped(word) for word in document.get("command", words)]
    command = Command([*setting.prefix, *words], Path(space.mapped(script)) if script else None, "", typed[1:])
    randomized = not seeds.get("hash_seed")
    declared = document.get("declared") or {}
    return Launch(
        store=setting.store,
        command=command,
        argv=typed,
        cwd=space.cwd,
        root=space.root,
        name=f"{document.get('name', setting.record.run_id)}-anew",
        project=document.get("project"),
        entropy=seeds.get("entropy", ""),
        hash_seed="random" if randomized else seeds["hash_seed"],
        environ=_variables(setting, space, os.environ),
        reproduction_of=setting.record.run_id,
        stdin=space.stdin,
        piped=space.stdin is not None and not document.get("stdin"),
        states=seeds.get("states"),
        timeout_s=setting.timeout_s,
        shown=setting.shown,
        extra=setting.extra,
        umask=document.get("umask"),
        places=_places(setting, space),
        aside={there: path for path, there in space.aside.items()},
        config=declared.get("config"),
        metrics_files=[space.root / name for name in declared.get("metrics_files", [])],
    )


def _places(setting: Setting, space: Workspace) -> dict[str, str]:
    """Has the tracer lead what names the project by its absolute path to the recreated one: see trace.c."""
    if setting.in_place or str(space.root) == space.original:
        return {}
    home = str(space.home)  # it may itself lie in the project: what is there already is led nowhere
    return {home: home, **space.caches, **space.aside, space.original: str(space.root)}


def _variables(setting: Setting, space: Workspace, present: Mapping[str, str]) -> dict[str, str]:
    """The present variables, with those that bear on a result set to what they were."""
    recorded = setting.record.document.get("variables", {})
    bearing = Redactor(present).environment(present)
    # In the order of the present ones, which a script that goes through them shows.
    kept = {name for name in present if name not in bearing or name in recorded}
    environ = {name: value for name, value in present.items() if name in kept}
    for name in setting.record.document.get("variables_unset", []):
        environ.pop(name, None)
    environ |= {name: space.mapped(value) for name, value in recorded.items()}
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        environ.setdefault("MPLBACKEND", "Agg")  # nobody is there to close a window
    paths = [*_import_paths(setting, space), *setting.environment.python_path]
    # PYTHONPATH comes before installed packages, so an editable install of the project can't bring in today's code.
    environ["PYTHONPATH"] = ":".join(filter(None, [environ.get("PYTHONPATH", ""), *paths]))
    if not environ["PYTHONPATH"]:
        del environ["PYTHONPATH"]
    python, folder = setting.environment.python, os.path.dirname(setting.environment.python)
    at_hand = os.path.dirname(shutil.which("python", path=environ.get("PATH", "")) or "")
    if folder != at_hand and python != setting.record.document["argv"][0]:
        environ["PATH"] = f"{folder}:{environ.get('PATH', '')}"  # a rebuilt one comes before what was there
    environ |= setting.variables
    return environ


def _import_paths(setting: Setting, space: Workspace) -> list[str]:
    """Where packages of the project that are installed as editable are found in the recreated one."""
    paths = list(space.python_path)
    if setting.in_place:
        return paths
    for root in setting.record.document.get("code", {}).get("import_roots", []):
        here = space.mapped(root)
        if here != root and here not in paths:
            paths.append(here)
    return paths
