"""`anew dvc VERB`: each verb from its options to what it prints and the exit code that DVC has for it."""

from __future__ import annotations

import argparse
import os
import sys

from anew.cli.dvc_parser import ALIASES, parse
from anew.errors import AnewError, DvcError
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

GENERAL_ERROR = 255
# Verbs of which DVC reports errors itself, with 1; all others end with 255.
_ONES = frozenset({
    "init", "add", "commit", "status", "remove", "move", "unprotect", "diff", "push", "pull", "fetch", "get", "import",
    "import-url", "list", "update", "get-url", "plots",
})  # fmt: skip
_PIPELINES = ("repro", "stage", "dag", "freeze", "unfreeze")


def main(words: list[str]) -> int:
    """Run one command; its exit code."""
    arguments = parse(words)
    arguments.verb = ALIASES.get(arguments.verb, arguments.verb)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")  # a name that is no UTF-8 is printed as the bytes it is
    try:
        if arguments.cd:
            os.chdir(arguments.cd)
        return int(_function(arguments.verb)(arguments))
    except AnewError as error:
        print(f"anew dvc: {error}", file=sys.stderr)
        own = error.dvc_code if isinstance(error, DvcError) else None
        return own or (1 if arguments.verb in _ONES else GENERAL_ERROR)


def _function(verb: str) -> Callable[[argparse.Namespace], int]:
    name = verb.replace("-", "_") + ("_" if verb in ("import", "list") else "")
    if name in globals():
        return globals()[name]  # type: ignore[no-any-return]
    if verb in _PIPELINES:
        from anew.cli import dvc_pipelines

        return getattr(dvc_pipelines, name)  # type: ignore[no-any-return]
    from anew.cli import dvc_moving

    return getattr(dvc_moving, name)  # type: ignore[no-any-return]


def say(arguments: argparse.Namespace, *lines: str) -> None:
    if not arguments.quiet:
        for line in lines:
            print(line)


def say_json(value: Any) -> None:
    import json

    print(json.dumps(value, default=_in_json))


def _in_json(value: Any) -> Any:
    """What YAML, TOML and Python files of parameters may hold, and JSON has no word for."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def init(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.setup import init

    init(arguments.directory, arguments.no_scm, arguments.force, arguments.subdir)
    say(arguments, "Initialized DVC repository.", "")
    if not arguments.no_scm:
        say(arguments, "You can now commit the changes to git.", "")
    return 0


def add(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.adding import add

    _check_add(arguments)
    project = Project.find()
    if arguments.to_remote or arguments.out:
        from anew.protocols.dvc.importing_url import add_from

        stage = add_from(
            project, arguments.targets[0], arguments.out, arguments.to_remote, arguments.remote, arguments.force,
            arguments.remote_jobs,
        )  # fmt: skip
        stages = [stage]
    else:
        stages = add(project, arguments.targets, arguments.glob, not arguments.no_commit, arguments.relink)
    project.save()
    say_git(arguments, project, [stage.path for stage in stages])
    return 0


def _check_add(arguments: argparse.Namespace) -> None:
    wrong = None
    if arguments.to_remote or arguments.out:
        with_ = "--to-remote" if arguments.to_remote else "--out"
        for bad, name in (
            (len(arguments.targets) != 1, "multiple targets"), (arguments.glob, "--glob option"),
            (arguments.no_commit, "--no-commit option"),
        ):  # fmt: skip
            wrong = wrong or (bad and f"{name} can't be used with {with_}") or None
    elif arguments.remote or arguments.remote_jobs:
        wrong = f"{'--remote' if arguments.remote else '--remote-jobs'} can't be used without --to-remote"
    if wrong:
        raise DvcError(wrong)


def say_git(arguments: argparse.Namespace, project: Project, paths: Iterable[str], ignores: bool = True) -> None:
    """What is to be told to Git, where that is not done by itself; with `ignores`, the changed .gitignore, too."""
    if arguments.quiet or project.git is None or project.config.switch("core", "autostage"):
        return
    from shlex import quote

    files = [*paths]
    if ignores:
        files += project.git.ignore_files
    names = " ".join(quote(os.path.relpath(path, project.cwd)) for path in dict.fromkeys(files))
    print(f"\nTo track the changes with git, run:\n\n\tgit add {names}")
    print("\nTo enable auto staging, run:\n\n\tanew dvc config core.autostage true")


def commit(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.saving import commit
    from anew.protocols.dvc.status import status

    project = Project.find()
    chosen = project.choose(arguments.targets, arguments.recursive, arguments.with_deps)
    if not arguments.force:
        for name, what in _changed(status(project, chosen, False)):
            if not confirm(f"{what} of {name}. Are you sure you want to commit it?"):
                raise DvcError(f"unable to commit changed stage: '{name}'. Use `-f|--force` to force.")
    commit(project, chosen, arguments.relink)
    project.save()
    return 0


def _changed(found: dict[str, list[Any]]) -> Iterator[tuple[str, str]]:
    """What a commit would take over, by stage."""
    for name, rows in found.items():
        for row in rows:
            if isinstance(row, str):
                yield name, row
            elif "changed deps" in row or set(row["changed outs"].values()) & {"modified", "new"}:
                yield name, ", ".join(f"{key} {list(value)}" for key, value in row.items())


def confirm(question: str) -> bool:
    """Ask, where somebody can answer."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    return input(f"{question} [y/n] ").strip().lower() in ("y", "yes")


def status(arguments: argparse.Namespace) -> int:
    project = Project.find()
    if arguments.cloud or arguments.remote:
        from anew.protocols.dvc.transfer import cloud_status

        found: dict[str, Any] = cloud_status(project, arguments)
    else:
        from anew.protocols.dvc.status import status

        given = {"--all-branches": arguments.all_branches, "--all-tags": arguments.all_tags,
                 "--all-commits": arguments.all_commits, "--jobs": arguments.jobs}  # fmt: skip
        ignored = [name for name, value in given.items() if value]
        if ignored:
            raise DvcError(f"The following options are meaningless for local status: {', '.join(ignored)}")
        chosen = project.choose(arguments.targets, arguments.recursive, arguments.with_deps)
        outless = project.without_outs(arguments.targets, arguments.recursive)
        found = status(project, chosen, arguments.updates, outless)
    project.save()
    if arguments.json:
        say_json(found)
    elif arguments.quiet:
        return int(bool(found))
    elif found:
        _show_status(found, 1 if arguments.cloud else 0)
    elif not project.stages:
        print("There are no data or pipelines tracked in this project yet.")
    elif arguments.cloud or arguments.remote:
        print(f"Cache and remote '{arguments.remote or project.config.get('core', 'remote')}' are in sync.")
    else:
        print("Data and pipelines are up to date.")
    return 0


def _show_status(found: Any, indent: int) -> None:
    tabs = "\t" * indent
    for key, value in found.items():
        if isinstance(value, str):
            print(f"{tabs}{value + ':':<20}{key}")
            continue
        print(f"{tabs}{key}:")
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, str):
                print(f"{tabs}\t{row}")
            else:
                _show_status(row, indent + 1)


def checkout(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.checkout import checkout

    project = Project.find()
    chosen = project.choose(arguments.targets, arguments.recursive, arguments.with_deps)
    project.refuse_busy([one.out.path for one in chosen if not one.out.external])
    with project.lock():
        changes = checkout(
            project, chosen, arguments.force, arguments.relink, arguments.allow_missing, not arguments.targets
        )
        project.save()
    if arguments.summary:
        say(arguments, summary(changes.files) or "No changes.")
    else:
        say_changes(arguments, project, changes)
    if changes.failed and not arguments.allow_missing:
        raise checkout_error(project, changes)
    if arguments.relink:
        say(arguments, "Relinked successfully")
    return 0


def checkout_error(project: Project, changes: Any) -> DvcError:
    names = "\n".join(project.shown(path) for path in changes.failed)
    reasons = "\n".join(f"  {reason}" for reason in changes.reasons[:10])
    return DvcError(f"Checkout failed for following targets:\n{names}\nIs your cache up to date?\n{reasons}")


def say_changes(arguments: argparse.Namespace, project: Project, changes: Any) -> None:
    for kind in ("modified", "added", "deleted"):
        shown = []
        for path in getattr(changes, kind):
            name = project.shown(path)
            shown.append(name + "/" if os.path.isdir(path) else name)
        for name in sorted(shown, key=lambda one: (not one.endswith("/"), one)):
            say(arguments, f"{kind[0].upper()}\t{name}")


def summary(counts: dict[str, int]) -> str:
    """Such as: 3 files added and 1 file deleted."""
    parts = [f"{count} file{'s' if count > 1 else ''} {kind}" for kind, count in counts.items() if count]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def root(arguments: argparse.Namespace) -> int:
    project = Project.find()
    say(arguments, os.path.relpath(project.root, project.cwd))
    return 0


def version(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.setup import describe

    say(arguments, *describe())
    return 0


def config(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_config import config

    return config(arguments)


def remote(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_config import remote

    return remote(arguments)


def cache(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_config import cache

    return cache(arguments)


def data(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_views import data

    return data(arguments)


def metrics(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_results import metrics

    return metrics(arguments)


def params(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_results import params

    return params(arguments)


def plots(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_plots import plots

    return plots(arguments)


def diff(arguments: argparse.Namespace) -> int:
    from anew.cli.dvc_views import diff

    return diff(arguments)
