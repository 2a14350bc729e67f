"""`anew dvc metrics show|diff` and `anew dvc params diff`."""

from __future__ import annotations

import os
import sys

from anew.cli.dvc import say_json
from anew.cli.dvc_tables import table
from anew.errors import DvcError, NoDvcProject
from anew.protocols.dvc import metrics as results
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.snapshot import WORKSPACE, Snapshot, at_all, at_revisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

_PRECISION = 5
_NO_GIT = "Only supported for Git repositories: this project is in none, or core.no_scm is set."


def find_project() -> Project:
    """The project here; without one, what is in the Git repository, or in the folder, as if it were one."""
    from anew.protocols.dvc.git import Git

    try:
        return Project.find()
    except NoDvcProject:
        here = os.path.realpath(os.getcwd())
        git = Git.find(here)
        return Project(git.root if git else here)


def metrics(arguments: argparse.Namespace) -> int:
    project = find_project()
    code = {"show": _metrics_show, "diff": _metrics_diff}[arguments.action](project, arguments)
    project.save()
    return code


def params(arguments: argparse.Namespace) -> int:
    project = find_project()
    targets = _targets(project, arguments.targets)
    found = _compared(project, arguments, lambda one: results.params_of(one, targets, arguments.deps))
    project.save()
    if arguments.json:
        say_json(found)
        return 0
    heads = [*([] if arguments.no_path else ["Path"]), "Param", arguments.a_rev, arguments.b_rev]
    _print(heads, [row[:-1] for row in _rows(found, arguments.no_path, None)], arguments.md)
    return 0


def _metrics_diff(project: Project, arguments: argparse.Namespace) -> int:
    targets = _targets(project, arguments.targets)
    found = _compared(project, arguments, lambda one: results.metrics_of(one, targets))
    if arguments.json:
        say_json(found)
        return 0
    heads = [*([] if arguments.no_path else ["Path"]), "Metric", arguments.a_rev, arguments.b_rev, "Change"]
    _print(heads, _rows(found, arguments.no_path, arguments.precision or _PRECISION), arguments.md)
    return 0


def _metrics_show(project: Project, arguments: argparse.Namespace) -> int:
    targets = _targets(project, arguments.targets)
    every = arguments.all_branches or arguments.all_tags or arguments.all_commits
    if every:
        snapshots = at_all(project, arguments.all_branches, arguments.all_tags, arguments.all_commits)
    else:
        snapshots = [Snapshot(project, "")]
    found = results.results(snapshots, lambda one: results.metrics_of(one, targets), "metrics", warn)
    branch = project.git.branch() if every and project.git else None
    if branch in found and found.get(WORKSPACE) == found[branch]:
        del found[WORKSPACE]
    for one in found.values():
        if "data" in one:
            one["data"] = {_shown(project, path): said for path, said in one["data"].items()}
    _tell_errored(results.errored(found))
    if arguments.json:
        say_json(results.encodable(found))
    else:
        _show_metrics(found, every, arguments.precision or _PRECISION, arguments.md)
    return 0


def _show_metrics(found: dict[str, Any], every: bool, precision: int, markdown: bool) -> None:
    rows: list[tuple[str, str, dict[str, str]]] = []
    for revision, one in found.items():
        for path, said in one.get("data", {}).items():
            data = results.listless(said.get("data", {}))
            flat = results.flatten(data) if isinstance(data, dict) else {"": data}
            rows.append((revision, path, {name: _cell(value, precision) for name, value in flat.items()}))
    names = sorted({name for _, _, values in rows for name in values})
    heads = [*(["Revision"] if every else []), "Path", *names]
    cells = [
        [*([revision] if every else []), path, *(values.get(name, "-") for name in names)]
        for revision, path, values in rows
    ]
    _print(heads, cells, markdown)


def _compared(
    project: Project, arguments: argparse.Namespace, read: Callable[[Snapshot], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What differs between the two revisions of the command, by file as it is seen from here."""
    if project.git is None:
        raise DvcError(_NO_GIT)
    if not project.git.has_commits():
        return {}
    names = [arguments.a_rev, arguments.b_rev]
    snapshots = at_revisions(project, names)
    if len({one.commit for one in snapshots}) < len(snapshots) and not arguments.all:
        return {}  # two names of one commit
    found = results.results(snapshots, read, arguments.verb, warn)
    failed = results.errored(found)
    _tell_errored([name for name in dict.fromkeys(names) if name in failed])
    changed = results.differences(found[names[0]], found[names[1]], arguments.all)
    return {_shown(project, path): rows for path, rows in changed.items()}


def _rows(found: dict[str, dict[str, Any]], no_path: bool, precision: int | None) -> list[list[str]]:
    return [
        [*([] if no_path else [path]), name, *(_cell(row.get(key), precision) for key in ("old", "new", "diff"))]
        for path, rows in found.items()
        for name, row in sorted(rows.items())
    ]


def _cell(value: Any, precision: int | None) -> str:
    return "-" if value is None else str(_rounded(value, precision))


def _rounded(value: Any, precision: int | None) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one, precision) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one, precision) for one in value]
    return round(value, precision) if isinstance(value, float) and precision else value


def _print(heads: list[str], rows: list[list[str]], markdown: bool) -> None:
    if rows or markdown:
        print(table(heads, rows, markdown))


def _targets(project: Project, targets: list[str] | None) -> list[str]:
    return [os.path.relpath(os.path.abspath(target), project.root) for target in targets or ()]


def _shown(project: Project, path: str) -> str:
    return os.path.relpath(f"{project.root}/{path}", project.cwd)


def _tell_errored(names: list[str]) -> None:
    if names:
        print(f"anew dvc: failed to load some metrics for following revisions: '{', '.join(names)}'.", file=sys.stderr)


def warn(message: str) -> None:
    print(f"anew dvc: {message}", file=sys.stderr)
