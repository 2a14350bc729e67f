"""`anew dvc`: the verbs that move data about."""

from __future__ import annotations

import argparse
import os
import sys

from anew.cli.dvc import checkout_error, confirm, say, say_changes, say_git, say_json, summary
from anew.errors import AnewError, DvcConfigError, DvcError
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from anew.protocols.dvc.source import Source

NO_REMOTE = "No remote provided and no default remote set."


def push(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc import runcache
    from anew.protocols.dvc.transfer import chosen_outs, push

    project = Project.find()
    outs = chosen_outs(project, arguments)
    if arguments.run_cache:
        outs += runcache.sent(project, arguments.remote)
    sent = push(project, outs, arguments.remote, arguments.jobs, arguments.check)
    project.save()
    _say_done(arguments, project, {"pushed": sent})
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc import runcache
    from anew.protocols.dvc.transfer import chosen_outs, fetch

    project = Project.find()
    outs = chosen_outs(project, arguments)
    if arguments.run_cache:
        outs += runcache.brought(project, arguments.remote)
    got = fetch(project, outs, arguments.remote, arguments.max_size, jobs=arguments.jobs)
    project.save()
    _say_done(arguments, project, {"fetched": got})
    return 0


def pull(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc import runcache
    from anew.protocols.dvc.checkout import checkout
    from anew.protocols.dvc.importing import fetch_partial
    from anew.protocols.dvc.transfer import chosen_outs, fetch

    project = Project.find()
    outs = chosen_outs(project, arguments)
    if arguments.run_cache:
        outs += runcache.brought(project, arguments.remote)
    got, problem = 0, None
    try:
        got = fetch(project, outs, arguments.remote, jobs=arguments.jobs)
    except DvcConfigError:
        raise
    except AnewError as error:
        if not arguments.allow_missing:
            raise
        problem = error
    chosen = project.choose(arguments.targets, arguments.recursive, arguments.with_deps)
    project.refuse_busy([one.out.path for one in chosen if not one.out.external])
    partial = [one.out.stage for one in chosen if one.out.stage.is_partial]
    with project.lock():
        changes = checkout(project, chosen, arguments.force, False, arguments.allow_missing, not arguments.targets)
        for stage in partial:
            count = fetch_partial(project, stage, arguments.jobs)
            got += count
            changes.files["added"] += count
            changes.added += [stage.outs[0].path] if count else []
        if changes.damaged and problem is None:
            got += fetch(project, outs, arguments.remote, again=changes.damaged, jobs=arguments.jobs)
            more = checkout(project, chosen, arguments.force, False, arguments.allow_missing)
            changes.failed, changes.reasons = more.failed, more.reasons
            for kind, count in more.files.items():
                changes.files[kind] += count
        project.save()
    say_changes(arguments, project, changes)
    _say_done(arguments, project, {"fetched": got, **changes.files})
    if changes.failed and not arguments.allow_missing:
        raise checkout_error(project, changes)
    return 0


def _say_done(arguments: argparse.Namespace, project: Project, counts: dict[str, int]) -> None:
    if not arguments.remote and not project.config.get("core", "remote"):
        print(NO_REMOTE, file=sys.stderr)
    say(arguments, summary(counts) or "Everything is up to date.")


def gc(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.gc import needed, sweep_cache, sweep_remote
    from anew.protocols.dvc.history import Scope
    from anew.protocols.dvc.remote import open_remote

    _check_gc(arguments)
    scope = Scope(
        arguments.all_branches, arguments.all_tags, arguments.all_commits, arguments.all_experiments, arguments.date,
        arguments.rev, arguments.num or 1,
    )  # fmt: skip
    print(f"anew dvc: {_gc_words(arguments)}", file=sys.stderr)
    if not arguments.dry and not arguments.force and not confirm("Are you sure you want to proceed?"):
        return 1
    project = Project.find()
    remote = None
    if arguments.cloud or arguments.not_in_remote:
        try:
            remote = open_remote(project, arguments.remote, arguments.jobs)
        except DvcConfigError as error:
            raise DvcConfigError(str(error)) from None
    others = [os.path.abspath(path) for path in arguments.projects or []]
    with project.lock():
        keep = needed(project, scope, others, arguments.force or arguments.dry, arguments.skip_failed, remote)
        here = keep - remote.sizes(keep).keys() if remote is not None and arguments.not_in_remote else keep
        swept = sweep_cache(project, here, arguments.dry)
        for one in swept:
            count = f"Removed {len(one.paths)} objects from {one.place} cache."
            _say_swept(arguments, one, count, f"No unused '{one.place}' cache to remove.")
        if arguments.cloud and remote is not None:
            one = sweep_remote(remote, keep, arguments.dry)
            count = f"Removed {len(one.paths)} objects from remote."
            _say_swept(arguments, one, count, "No unused cache to remove from remote.")
        project.save()
    return 0


def _say_swept(arguments: argparse.Namespace, swept: Any, some: str, none: str) -> None:
    if arguments.dry:
        say(arguments, *(f"Removing {path}" for path in swept.paths))
    say(arguments, some if swept.paths else none)


def _check_gc(arguments: argparse.Namespace) -> None:
    if arguments.not_in_remote and arguments.cloud:
        raise DvcError("`--not-in-remote` and `--cloud` are mutually exclusive")
    scopes = ("workspace", "all_branches", "all_tags", "all_commits", "all_experiments", "date", "rev", "num")
    if not any(getattr(arguments, name) for name in scopes):
        raise DvcError(
            "Either of `-w|--workspace`, `-a|--all-branches`, `-T|--all-tags` `--all-experiments`, `--all-commits`, "
            "`--date` or `--rev` needs to be set."
        )
    if arguments.num and not (arguments.rev or arguments.all_branches):
        raise DvcError("`--num` can only be used alongside `--rev` or `--all-branches`")


def _gc_words(arguments: argparse.Namespace) -> str:
    kept = ["the workspace"]
    for name, words in (
        ("all_commits", "all git commits"), ("all_branches", "all git branches"), ("all_tags", "all git tags"),
        ("date", f"all git commits since {arguments.date}"),
        ("rev", f"last {arguments.num or 1} commits from {arguments.rev}"), ("all_experiments", "all experiments"),
    ):  # fmt: skip
        kept += [words] if getattr(arguments, name) else []
    text = f"This will remove all cache except items used in {' and '.join(kept)}"
    if arguments.not_in_remote:
        text += " that are not present in the DVC remote"
    if not arguments.projects:
        return text + " of the current repo."
    others = "".join(f"\n  - {os.path.abspath(path)}" for path in arguments.projects)
    return f"{text} of the current and the following repos:{others}"


def remove(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.moving import remove

    project = Project.find()
    with project.lock():
        for target in arguments.targets:
            remove(project, target, arguments.outs)
            project.forget_stages()
    project.save()
    return 0


def move(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.moving import move

    project = Project.find()
    with project.lock():
        moved = move(project, arguments.src, arguments.dst)
    say_git(arguments, project, [moved.path])
    return 0


def unprotect(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.moving import unprotect

    project = Project.find()
    with project.lock():
        for target in arguments.targets:
            unprotect(project, target)
    project.save()
    return 0


def check_ignore(arguments: argparse.Namespace) -> int:
    """0 when something is ignored, 1 when nothing is, as DVC and Git have it."""
    project = Project.find()
    if arguments.non_matching and not arguments.details:
        raise DvcError("`--non-matching` is only valid with `--details`")
    if bool(arguments.targets) == arguments.stdin:
        raise DvcError("either `targets` or `--stdin`, and not both")
    found = False
    for target in arguments.targets or (line.rstrip("\n") for line in sys.stdin):
        path = os.path.abspath(target)
        matches = project.ignore.matches(path, os.path.isdir(path) or target.endswith("/"))
        ignored = bool(matches) and matches[-1].ignores
        found = found or ignored
        if arguments.details:
            if matches:
                say(arguments, f"{matches[-1].source or matches[-1].line}\t{target}")
            elif arguments.non_matching:
                say(arguments, f"::\t{target}")
        elif ignored:
            say(arguments, target)
    return 0 if found else 1


def import_(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing import import_repo

    project = Project.find()
    stage = import_repo(
        project, arguments.url, arguments.path, arguments.out, arguments.rev, arguments.force,
        not arguments.no_download, not arguments.no_exec, arguments.remote, arguments.config,
        dict(arguments.remote_config),
    )  # fmt: skip
    project.save()
    say(arguments, f"Importing '{arguments.path} ({arguments.url})' -> '{project.shown(stage.outs[0].path)}'")
    say_git(arguments, project, [stage.path])
    return 0


def import_url(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing_url import Wanted, import_url

    project = Project.find()
    settings: dict[str, Any] = dict(arguments.fs_config)
    if arguments.version_aware:
        settings["version_aware"] = True
    wanted = Wanted(
        arguments.force, not arguments.no_download, not arguments.no_exec, arguments.to_remote, arguments.remote,
        arguments.jobs, settings,
    )  # fmt: skip
    stage = import_url(project, arguments.url, arguments.out, wanted)
    project.save()
    say(arguments, f"Importing '{arguments.url}' -> '{project.shown(stage.outs[0].path)}'")
    say_git(arguments, project, [stage.path])
    return 0


def update(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing import update

    if arguments.to_remote and arguments.no_download:
        raise DvcError("--to-remote can't be used with --no-download")
    if arguments.remote and not arguments.to_remote:
        raise DvcError("--remote can't be used without --to-remote")
    project = Project.find()
    done: set[int] = set()
    for one in project.choose(arguments.targets, arguments.recursive):
        stage = one.out.stage
        if id(stage) not in done:
            done.add(id(stage))
            update(
                project, stage, arguments.rev, not arguments.no_download, arguments.to_remote, arguments.remote,
                arguments.jobs,
            )  # fmt: skip
            say(arguments, f"Updated {stage.address(project.cwd)}")
    project.save()
    return 0


def get(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing import get

    if arguments.show_url:
        print(_url(arguments))
        return 0
    get(
        arguments.url, arguments.path, arguments.out, arguments.rev, arguments.force, arguments.remote,
        arguments.config, dict(arguments.remote_config),
    )  # fmt: skip
    return 0


def _url(arguments: argparse.Namespace) -> str:
    with _source(arguments) as source:
        wanted = os.path.normpath(arguments.path)
        for out in source.outs:
            if out.md5 and os.path.relpath(out.path, source.root) == wanted and source.remote is not None:
                return source.remote.url(out.md5, out.legacy)
        item = source.items(wanted).get(wanted)
        if item is None or item.object is None or source.remote is None:
            raise DvcError(f"'{arguments.path}' is no data of a remote")
        return source.remote.url(*item.object)


def list_(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.listing import entries, tree

    if arguments.tree:
        for line in tree(_source(arguments), arguments.path, arguments.dvc_only, arguments.level):
            print(line)
        return 0
    rows = entries(_source(arguments), arguments.path, arguments.recursive, arguments.dvc_only, arguments.level)
    if arguments.json:
        say_json(rows)
        return 0
    _show_rows(rows, arguments.size, arguments.show_hash)
    return 0


def _show_rows(rows: list[dict[str, Any]], with_size: bool, with_hash: bool = False) -> None:
    for row in rows:
        size = "" if row["size"] is None else str(row["size"])
        columns = [size.rjust(12)] if with_size else []
        columns += [(row["md5"] or "-").ljust(36)] if with_hash else []
        print("  ".join([*columns, row["path"]]))


def _source(arguments: argparse.Namespace) -> Source:
    """The project that `get` and `list` read."""
    from anew.protocols.dvc.source import Source

    return Source(
        arguments.url, arguments.rev, arguments.remote, config=arguments.config,
        remote_config=dict(arguments.remote_config),
    )  # fmt: skip


def get_url(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing_url import get_url

    get_url(arguments.url, arguments.out, arguments.force, dict(arguments.fs_config), arguments.jobs)
    return 0


def list_url(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.importing_url import list_url

    rows = list_url(arguments.url, dict(arguments.fs_config), arguments.recursive, arguments.level)
    _show_rows(rows, arguments.size)
    return 0


__all__ = ["check_ignore", "fetch", "gc", "move", "pull", "push", "remove", "say_json", "unprotect"]
