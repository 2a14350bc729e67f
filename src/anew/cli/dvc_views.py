"""`anew dvc data status` and `anew dvc diff`."""

from __future__ import annotations

import argparse

from anew.cli.dvc import say_json
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADS = {
    "not_in_cache": ("Not in cache", ['use "anew dvc fetch <file>..." to download files']),
    "not_in_remote": ("Not in remote", ['use "anew dvc push <file>..." to upload files']),
    "committed": ("DVC committed changes", ["git commit the corresponding dvc files to update the repo"]),
    "uncommitted": (
        "DVC uncommitted changes",
        ['use "anew dvc commit <file>..." to track changes', 'use "anew dvc checkout <file>..." to discard changes'],
    ),
    "untracked": (
        "Untracked files",
        ['use "git add <file> ..." or "anew dvc add <file>..." to commit to git or to dvc'],
    ),
    "unchanged": ("DVC unchanged files", []),
}


def data(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.views import data_status

    project = Project.find()
    untracked = arguments.untracked_files == "all"
    found = data_status(
        project, arguments.targets, arguments.granular, untracked, arguments.not_in_remote, arguments.remote
    )
    project.save()
    if not arguments.unchanged:
        found.pop("unchanged")
    if not untracked:
        found.pop("untracked")
    git = found.pop("git")
    shown = {key: value for key, value in found.items() if value}
    if arguments.json:
        say_json(shown)
        return 0
    if not shown:
        print("No changes in an empty git repo." if git["is_empty"] else "No changes.")
    for position, (key, value) in enumerate(shown.items()):
        _show(key, value, first=not position)
    if git["is_dirty"]:
        print(f'(there are {"other " if shown else ""}changes not tracked by dvc, use "git status" to see)')
    return 0


def _show(key: str, value: Any, first: bool) -> None:
    if not first:
        print()
    label, hints = _HEADS[key]
    print(f"{label}:")
    for hint in hints:
        print(f"  ({hint})")
    if isinstance(value, dict):
        for kind, paths in value.items():
            for path in paths:
                print(f"        {kind}: {' -> '.join(path.values()) if isinstance(path, dict) else path}")
    else:
        for path in value:
            print(f"        {path}")


def diff(arguments: argparse.Namespace) -> int:
    from anew.protocols.dvc.views import diff

    project = Project.find()
    found = diff(project, arguments.a_rev, arguments.b_rev, arguments.targets)
    project.save()
    hide = bool(arguments.b_rev or arguments.hide_missing)
    if hide:
        found.pop("not in cache", None)
    for rows in found.values():
        rows.sort(key=lambda row: _old(row["path"]))
        if not arguments.show_hash:
            for row in rows:
                del row["hash"]
    if arguments.json:
        say_json(found)
    elif arguments.md:
        _show_table(found, arguments.show_hash)
    elif found:
        _show_diff(found)
    return 0


def _old(path: Any) -> str:
    return str(path["old"] if isinstance(path, dict) else path)


def _named(path: Any) -> str:
    return f"{path['old']} -> {path['new']}" if isinstance(path, dict) else str(path)


def _short(md5: Any) -> str:
    return f"{md5['old'][:8]}..{md5['new'][:8]}" if isinstance(md5, dict) else str(md5 or "")[:8]


def _ordered(found: dict[str, list[Any]]) -> list[str]:
    return [state for state in ("added", "deleted", "renamed", "modified", "not in cache") if found.get(state)]


def _show_diff(found: dict[str, list[Any]]) -> None:
    counts = []
    for state in _ordered(found):
        print(f"{state.capitalize()}:")
        count = 0
        for row in found[state]:
            name = _named(row["path"])
            count += not name.endswith("/")
            print(f"    {_short(row['hash']) + '  ' if row.get('hash') else ''}{name}")
        print()
        counts += [f"{count} {state}"] if count else []
    if counts:
        print(f"files summary: {', '.join(counts)}")


def _show_table(found: dict[str, list[Any]], with_hash: bool) -> None:
    heads = ["Status", "Hash", "Path"] if with_hash else ["Status", "Path"]
    rows = []
    for state in _ordered(found):
        for row in found[state]:
            hash_ = [_short(row.get("hash"))] if with_hash else []
            rows.append([state, *hash_, _named(row["path"])])
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    print("| " + " | ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)) + " |")
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
