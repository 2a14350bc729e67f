"""`anew dvc`: the verbs of pipelines."""

from __future__ import annotations

import argparse
import os
import sys

from anew.cli.dvc import confirm, say, say_git
from anew.errors import AnewError
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.repro import Listener, Options, Repro, execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from anew.protocols.dvc.stages import PipelineStage, Stage


class _Teller(Listener):
    """Says what DVC says, and runs commands as it does."""

    def __init__(self, arguments: argparse.Namespace, project: Project) -> None:
        self._arguments, self._project = arguments, project
        self._ran = False

    def say(self, text: str) -> None:
        say(self._arguments, text)

    def warn(self, text: str) -> None:
        sys.stdout.flush()
        print(f"anew dvc: {text}", file=sys.stderr)

    def confirm(self, question: str) -> bool:
        return confirm(question)

    def skipped(self, stage: Stage) -> None:
        what = "" if stage.is_data else "Stage "
        self._next(f"{what}'{stage.address(self._project.cwd)}' didn't change, skipping")

    def restored(self, stage: PipelineStage) -> None:
        name = stage.address(self._project.cwd)
        self._next(f"Stage '{name}' is cached - skipping run, checking out outputs")

    def verifying(self, stage: Stage) -> None:
        what = ("outputs", "frozen ") if stage.frozen else ("data sources", "")
        self._next(f"Verifying {what[0]} in {what[1]}stage: '{stage.address(self._project.cwd)}'")
        self._ran = True

    def execute(self, stage: PipelineStage, reasons: list[str]) -> None:
        self._next()
        execute(self._project, stage, self.say, self._arguments.dry)
        self._ran = True

    def done(self, stage: PipelineStage) -> None:
        self._ran = True

    def _next(self, *lines: str) -> None:
        """A line between stages that were run, as in DVC's output."""
        if self._ran:
            self.say("")
        self._ran = False
        for line in lines:
            self.say(line)


def repro(arguments: argparse.Namespace) -> int:
    project = Project.find()
    given = {name: value for name, value in vars(arguments).items() if name in Options.__dataclass_fields__}
    one = Repro(project, Options(**given), _Teller(arguments, project))
    try:
        ran = one.run()
    finally:
        _tell_git(project, one.changed_files)
    if not ran:
        say(arguments, "Data and pipelines are up to date.")
        return 0
    if one.changed_files:
        say_git(arguments, project, dict.fromkeys(one.changed_files), ignores=False)
    say(arguments, "Use `anew dvc push` to send your updates to remote storage.")
    return 0


def _tell_git(project: Project, changed: list[str]) -> None:
    if changed and project.git is not None and project.config.switch("core", "autostage"):
        project.git.add(dict.fromkeys(changed))


def freeze(arguments: argparse.Namespace) -> int:
    return _set_frozen(arguments, True)


def unfreeze(arguments: argparse.Namespace) -> int:
    return _set_frozen(arguments, False)


def _set_frozen(arguments: argparse.Namespace, frozen: bool) -> int:
    from anew.protocols.dvc.stagefile import set_frozen

    code = 0
    for target in arguments.targets:
        project = Project.find()
        try:
            with project.lock():
                changed = set_frozen(project, target, frozen)
            if changed is not None:
                name = target.rpartition(":")[2]
                say(arguments, f"Modifying stage '{name}' in '{os.path.relpath(changed)}'")
        except AnewError as error:
            print(f"anew dvc: failed to {arguments.verb} '{target}': {error}", file=sys.stderr)
            code = 1
    return code


def stage(arguments: argparse.Namespace) -> int:
    return _add(arguments) if arguments.action == "add" else _list(arguments)


def _add(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.stagefile import add

    project = Project.find()
    with project.lock():
        made, ignores = add(project, arguments)
    say(arguments, f"Added stage '{made.address(project.cwd)}' in '{os.path.relpath(made.path)}'")
    changed = [made.path, *ignores]
    if arguments.run:
        arguments.dry = False
        one = Repro(project, Options(single_item=True), _Teller(arguments, project))
        one.run_one(made)
        changed += one.changed_files
    _tell_git(project, changed)
    say_git(arguments, project, dict.fromkeys(changed), ignores=False)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.stagefile import described

    project = Project.find()
    if arguments.all:
        found = project.stages
    else:
        found = project.stage_targets(arguments.targets, arguments.recursive)
    rows = {one.address(project.cwd): "" if arguments.name_only else described(one) for one in found}
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        print(f"{name:<{width}}  {text}".rstrip())
    return 0


def dag(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.drawing import draw

    print(draw(Project.find(), arguments))
    return 0
