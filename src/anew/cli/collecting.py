"""`anew gc`, `anew forget`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from anew.cli import text
from anew.cli.versioning import workspace
from anew.data import pointer as pointers
from anew.errors import OK, Conflict, UsageError
from anew.store.location import Store, find_store

if TYPE_CHECKING:
    from anew.retention import Candidate

_DAY_S = 86_400
_MOST_RUNS = 5


def gc(arguments: argparse.Namespace) -> int:
    """Let go of what is out of scope, condemn what nothing names, and sweep what was condemned long enough ago."""
    from anew.retention import collect

    _check(arguments)
    store = find_store()
    going, kept = _scoped(store, arguments)
    grace_s = arguments.grace * _DAY_S
    found = collect(store, grace_s, dry_run=arguments.dry_run)
    if arguments.json:
        counts = dataclasses.asdict(found) | {"dry_run": arguments.dry_run, "grace_days": arguments.grace}
        let_go = {"let_go": [one.label for one in going], "needed": {one.label: one.needed_by for one in kept}}
        text.say_json(counts | (let_go if _has_scope(arguments) else {}))
        return OK
    verb = "would go" if arguments.dry_run else "went"
    for one in kept:
        print(f"{one.label} stays: {one.needed_by}")
    for one in going:
        print(f"{one.label} {verb}")
    print(f"{found.named:,} objects are needed{', with what would go' if arguments.dry_run and going else ''}")
    if found.swept:
        print(f"{found.swept:,} objects {verb}: {text.size(found.freed_bytes)}")
    waiting = found.garbage - found.swept
    if waiting:
        grace = text.number(arguments.grace)
        print(f"{waiting:,} more are named by nothing; an `anew gc` {grace} days from now takes them")
    if not found.garbage and not going:
        print("nothing to free")
    return OK


def _has_scope(arguments: argparse.Namespace) -> bool:
    return _keeps_versions(arguments) or arguments.deleted


def _keeps_versions(arguments: argparse.Namespace) -> bool:
    return bool(
        arguments.workspace or arguments.all_branches or arguments.all_tags or arguments.all_commits or arguments.last
    )


def _check(arguments: argparse.Namespace) -> None:
    if arguments.data and not _keeps_versions(arguments):
        raise UsageError("say which versions to keep: --workspace, --all-branches, --all-tags, --all-commits, --last N")
    if (arguments.project or arguments.older_than) and not arguments.deleted:
        raise UsageError("--project and --older-than are about runs: say --deleted")


def _scoped(store: Store, arguments: argparse.Namespace) -> tuple[list[Candidate], list[Candidate]]:
    """What is out of scope and goes, and what is and stays, because something needs it."""
    from anew import retention
    from anew.api import open_index

    if not _has_scope(arguments):
        return [], []
    index = open_index(store)
    versions, runs = [], []
    if arguments.deleted:
        runs = retention.deleted_runs(store, index, (arguments.older_than or 0) * _DAY_S, arguments.project)
    if _keeps_versions(arguments):
        digests = _pointed(arguments)
        versions = retention.superfluous(store, index, digests, arguments.last or 0, arguments.data)
    parts = [[one for one in part if not one.needed_by] for part in (versions, runs)]
    going = [one for part in parts for one in part]
    if going and not arguments.dry_run:
        if not arguments.force:
            _ask(going)
        retention.forget(store, parts[0])
        retention.purge(store, parts[1])
    return going, [one for part in (versions, runs) for one in part if one.needed_by]


def _ask(going: list[Candidate]) -> None:
    """Raises Conflict unless somebody says yes."""
    shown = "\n".join(f"  {one.label}" for one in going)
    print(f"These go for good:\n{shown}", file=sys.stderr)
    if not (sys.stdin and sys.stdin.isatty()) or input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Conflict("nothing was done: --dry-run shows what would go, --force lets it go")


def _pointed(arguments: argparse.Namespace) -> set[str]:
    """The digests of versions that pointers name: those of the workspace, and of the commits in scope."""
    with workspace() as work:
        top, store = work.root, work.store
        if store.root.parent != top and not (arguments.data or arguments.projects):
            raise UsageError(
                f"other projects may use {store.root}: name the datasets to look at, or all projects with --projects"
            )
        found = {pointer.digest for pointer in work.tracked()}
    for other in arguments.projects or ():
        found |= {pointer.digest for pointer in pointers.find(Path(other))}
    if not (arguments.all_branches or arguments.all_tags or arguments.all_commits):
        return found
    from anew.protocols.dvc.git import Git

    git = Git.find(str(top))
    if git is None:
        raise UsageError("there are no branches, tags or commits: this project is in no Git repository")
    words = ["--all"] if arguments.all_commits else ["--no-walk"]
    words += ["--branches"] * arguments.all_branches + ["--tags"] * arguments.all_tags
    contents = {
        digest
        for commit in git.commits(*words)
        for path, (mode, digest) in git.files(commit).items()
        if path.endswith(pointers.SUFFIX) and mode.startswith("100")
    }
    for data in git.contents(contents).values():
        try:
            found.add(json.loads(data)["digest"])
        except (ValueError, KeyError, TypeError):
            continue  # no pointer, or one that was left in the middle of a merge
    return found


def forget(arguments: argparse.Namespace) -> int:
    """Take versions out of their dataset. The ledger still knows of them."""
    from anew.api import open_index

    gone = []
    with workspace() as work:
        versions = [work.datasets.version(reference) for reference in arguments.versions]
        index = open_index(work.store)
        used = index.touching([version.digest for version in versions], _MOST_RUNS)
        pointed = {pointer.digest: pointer for pointer in work.tracked()}
        for version in versions:
            runs = [run_id for run_id, _ in used[version.digest]]
            if runs and not arguments.force:
                raise Conflict(f"{version.label} was read or made by {', '.join(runs)}: --force forgets it anyway")
            if version.digest in pointed and not arguments.force:
                raise Conflict(f"{version.label} is what {pointed[version.digest].file} points to")
        for version in versions:
            if not arguments.dry_run:
                work.datasets.remove(version.name, version.number)
            gone.append(version.label)
    if arguments.json:
        text.say_json({"forgotten": gone, "dry_run": arguments.dry_run})
    else:
        verb = "would be forgotten" if arguments.dry_run else "is forgotten; `anew gc` frees its space in time"
        for label in gone:
            print(f"{label} {verb}")
    return OK
