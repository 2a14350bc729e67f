"""`anew gc`, `anew forget`."""

from __future__ import annotations

import argparse
import dataclasses

from anew.cli import text
from anew.cli.versioning import workspace
from anew.errors import OK, Conflict
from anew.store.location import find_store

_DAY_S = 86_400
_MOST_RUNS = 5


def gc(arguments: argparse.Namespace) -> int:
    """Condemn what nothing names, and sweep what was condemned long enough ago."""
    from anew.retention import collect

    found = collect(find_store(), arguments.grace * _DAY_S, dry_run=arguments.dry_run)
    if arguments.json:
        text.say_json(dataclasses.asdict(found) | {"dry_run": arguments.dry_run, "grace_days": arguments.grace})
        return OK
    verb = "would go" if arguments.dry_run else "went"
    print(f"{found.named:,} objects are needed")
    if found.swept:
        print(f"{found.swept:,} objects {verb}: {text.size(found.freed_bytes)}")
    waiting = found.garbage - found.swept
    if waiting:
        grace = text.number(arguments.grace)
        print(f"{waiting:,} more are named by nothing; an `anew gc` {grace} days from now takes them")
    if not found.garbage:
        print("nothing to free")
    return OK


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
