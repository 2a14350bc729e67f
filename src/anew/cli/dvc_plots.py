"""`anew dvc plots show|diff|templates`."""

from __future__ import annotations

import os
import sys

from anew.cli.dvc import say_json
from anew.cli.dvc_results import find_project, warn
from anew.errors import DvcError
from anew.protocols.dvc import plots as drawing
from anew.protocols.dvc.metrics import encoded
from anew.protocols.dvc.snapshot import WORKSPACE, Snapshot, at_revisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from anew.protocols.dvc.plots import Collection, Drawn
    from anew.protocols.dvc.project import Project

_PROPS = ("template", "x", "y", "x_label", "y_label", "title", "header")
_FOLDER = "dvc_plots"


def plots(arguments: argparse.Namespace) -> int:
    if arguments.action == "templates":
        return _templates(arguments.template)
    if arguments.show_vega:
        _check_one_target(arguments)
    project = find_project()
    snapshots = [Snapshot(project)] if arguments.action == "show" else _revisions(project, arguments.revisions)
    props = {name: getattr(arguments, name) for name in _PROPS if getattr(arguments, name) is not None}
    collections = drawing.collect(snapshots, _relative(project, arguments.targets), props)
    collections = {name: one for name, one in collections.items() if one.definitions or one.error}
    failed = [name for name, one in collections.items() if one.error or one.problems]
    if failed:
        warn(f"failed to load some plots for following revisions: '{', '.join(failed)}'.")
    if not collections and not arguments.json:
        print("No plots were loaded, visualization file will not be created.", file=sys.stderr)
    folder = arguments.out or project.config.get("plots", "out_dir") or _FOLDER
    drawn = drawing.draw(project, collections, folder if arguments.json else f"{folder}/static", warn)
    project.save()
    if arguments.json:
        _show_json(drawn, collections, arguments.split)
    elif arguments.show_vega:
        for one in [one for one in drawn if not one.picture][:1]:
            say_json(one.vega())
    elif drawn:
        return _write_page(project, drawn, folder, arguments)
    return 0


def _check_one_target(arguments: argparse.Namespace) -> None:
    if not arguments.targets:
        raise DvcError("please specify a target for `--show-vega`")
    if len(arguments.targets) > 1:
        raise DvcError("you can only specify one target for `--show-vega`")
    if arguments.json:
        raise DvcError("'--show-vega' and '--json' are mutually exclusive options.")


def _templates(name: str | None) -> int:
    known = drawing.templates()
    if name is None:
        print("\n".join(known))
    elif name in known:
        say_json(known[name])
    else:
        raise DvcError(f"Unexpected template: {name}.")
    return 0


def _revisions(project: Project, asked: list[str]) -> list[Snapshot]:
    """One commit is compared with the workspace; without any, the last one is, if something changed since."""
    git = project.git
    if git is None:
        raise DvcError("Only supported for Git repositories: this project is in none, or core.no_scm is set.")
    if not git.has_commits():
        return []
    names = list(asked)
    if len(names) < 2:
        names += ["HEAD"] if not names and git.is_dirty() else []
        names.append(WORKSPACE)
    return at_revisions(project, names)


def _relative(project: Project, targets: list[str] | None) -> list[str]:
    return [os.path.relpath(one, project.root) if os.path.isabs(one) else one for one in targets or ()]


def _show_json(drawn: list[Drawn], collections: dict[str, Collection], split: bool) -> None:
    data = {one.name: one.content(split) for one in drawn}
    errors: list[dict[str, Any]] = [error for one in drawn for error in one.errors]
    errors += [{"rev": name, **encoded(one.error)} for name, one in collections.items() if one.error]
    say_json({key: value for key, value in (("errors", errors), ("data", data)) if value})


def _write_page(project: Project, drawn: list[Drawn], folder: str, arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from anew.cli.dvc_page import page

    template = arguments.html_template or project.config.get("plots", "html_template")
    if template and not arguments.html_template:
        template = os.path.join(project.dvc_dir, template)
    path = (Path.cwd() / folder).resolve() / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(drawn, path, template), encoding="utf-8")
    print(path.as_uri())
    by_itself = project.config.switch("plots", "auto_open")
    if not (arguments.open or by_itself):
        return 0
    if not by_itself:
        print("To enable auto opening, you can run:\n\n\tanew dvc config plots.auto_open true")
    import webbrowser

    if webbrowser.open(path.as_uri()):
        return 0
    warn(f"Failed to open {path.as_uri()}. Please try opening it manually.")
    return 1
