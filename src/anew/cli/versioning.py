"""`anew add`, `status`, `checkout`, `log`, `alias`, `cat`, `untrack`, and `anew diff` of two versions of data."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anew.cli import text
from anew.errors import OK, NotFound, UsageError
from anew.store.location import find_store, project_root

if TYPE_CHECKING:
    from anew.data.datasets import Dataset, Version
    from anew.data.workspace import Changes, State, Workspace

_MOST_PATHS = 10


def workspace() -> Workspace:
    """The project's data, as seen from the working folder."""
    from anew.data.workspace import Workspace

    return Workspace(find_store(), project_root(Path.cwd()))


def add(arguments: argparse.Namespace) -> int:
    """Make a version of each path."""
    if arguments.name and len(arguments.paths) > 1:
        raise UsageError("--name names one dataset: give one path with it")
    found = []
    with workspace() as work:
        for path in arguments.paths:
            version, new = work.add(Path(path), arguments.name, arguments.message)
            found.append(_body(version) | {"new": new})
            if not arguments.json:
                said = "" if new else "  (nothing changed)"
                print(f"{version.label}  {_contents(version)}  {version.digest[:12]}{said}")
    if arguments.json:
        text.say_json(found)
    return OK


def status(arguments: argparse.Namespace) -> int:
    """How the project's data stands against its versions; 0 whatever is found, as git does."""
    with workspace() as work:
        if arguments.paths:
            there = [pointer for path in arguments.paths for pointer in work.tracked(Path(os.path.abspath(path)))]
        else:
            there = list(work.tracked())
        states = [work.state(pointer) for pointer in there]
        if arguments.json:
            text.say_json([_state(work, state) for state in states])
            return OK
        for state in states:
            label = state.version.label if state.version else f"{state.pointer.dataset} {state.pointer.digest[:12]}"
            print(f"{_shown(work, state.pointer.path)}  {label}  {text.paint(_word(state), _COLOURS[state.state])}")
            _print_changes(state.changes)
    if not states:
        print("no data is versioned here; `anew add PATH` makes the first version")
    return OK


_COLOURS = {"clean": "green", "changed": "yellow", "missing": "red"}


def checkout(arguments: argparse.Namespace) -> int:
    """Put versions where they belong: all that the project points to, or the one that is named."""
    with workspace() as work:
        if arguments.version is None:
            wanted = list(work.tracked())
        elif (Path(arguments.version)).exists() or Path(arguments.version + ".anew").exists():
            wanted = list(work.tracked(Path(os.path.abspath(arguments.version))))
        else:
            target = Path(arguments.path) if arguments.path else None
            wanted = [work.pointer_of(work.resolve(arguments.version), target, arguments.only)]
        done = []
        for pointer in wanted:
            changes = work.checkout(pointer, force=arguments.force)
            done.append({"path": str(pointer.path), "dataset": pointer.dataset, "digest": pointer.digest,
                         "changes": dataclasses.asdict(changes)})  # fmt: skip
            if not arguments.json:
                said = _counts(changes) or "nothing to do"
                print(f"{_shown(work, pointer.path)}  {pointer.dataset} {pointer.digest[:12]}  {said}")
    if arguments.json:
        text.say_json(done)
    elif not done:
        print("no data is versioned here; `anew checkout NAME:VERSION` puts a version here")
    return OK


def log(arguments: argparse.Namespace) -> int:
    """The versions of a dataset, newest first; without a name, the datasets."""
    with workspace() as work:
        if arguments.name is None:
            datasets = work.datasets.all()
            if arguments.json:
                text.say_json([_dataset(dataset) for dataset in datasets])
            elif datasets:
                rows = [[d.name, *_latest(d), ", ".join(sorted(d.aliases))] for d in datasets]
                print(text.table(["dataset", "latest", "files", "size", "made", "aliases"], rows))
            else:
                print("no dataset yet; `anew add PATH` makes the first")
            return OK
        dataset = work.datasets.get(arguments.name)
    if arguments.json:
        text.say_json(_dataset(dataset))
        return OK
    rows = [
        [f"v{v.number}", v.digest[:12], str(v.files), text.size(v.size), text.ago(v.created), v.actor,
         ", ".join(dataset.aliases_of(v.number)), v.message]
        for v in reversed(list(dataset.versions.values()))
    ]  # fmt: skip
    print(text.table(["version", "digest", "files", "size", "made", "by", "aliases", "message"], rows))
    return OK


def alias(arguments: argparse.Namespace) -> int:
    """Let a name stand for a version, or for none any more."""
    with workspace() as work:
        if arguments.delete:
            name = arguments.version.partition(":")[0]
            if arguments.alias not in work.datasets.get(name).aliases:
                raise NotFound(f"dataset {name!r} has no alias {arguments.alias!r}")
            work.datasets.set_alias(name, arguments.alias, None)
            said = f"{name}:{arguments.alias} is no more"
        else:
            version = work.datasets.version(arguments.version)
            name = version.name
            work.datasets.set_alias(name, arguments.alias, version.number)
            said = f"{name}:{arguments.alias} is v{version.number}"
        if arguments.json:
            text.say_json(_dataset(work.datasets.get(name)))
        else:
            print(said)
    return OK


def cat(arguments: argparse.Namespace) -> int:
    """One file of a version to stdout; of a folder, its list."""
    with workspace() as work:
        reference, _, path = arguments.path.partition("/")
        version = work.resolve(reference)
        with version.reading():
            entries = list(work.objects.read_tree(version.digest))
        path = path.strip("/")
        found = next((e for e in entries if e.kind == "file" and (e.path == path or version.kind == "file")), None)
        if found is not None and not arguments.json:
            with version.reading():
                for piece in work.objects.iter_bytes(found.digest):
                    sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return OK
        below = [found] if found else [e for e in entries if not path or e.path.startswith(path + "/")]
        if not below:
            raise NotFound(f"{version.label} holds no {path!r}; `anew cat {reference}` lists what it holds")
        if arguments.json:
            text.say_json([dataclasses.asdict(entry) for entry in below])
        else:
            for entry in below:
                size = text.size(entry.size) if entry.kind == "file" else entry.kind
                print(f"{size:>10}  {entry.path}".encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return OK


def untrack(arguments: argparse.Namespace) -> int:
    """Stop versioning a path: the data and its versions stay."""
    with workspace() as work:
        pointers = [p for path in arguments.paths for p in work.tracked(Path(os.path.abspath(path)))]
        for pointer in pointers:
            work.remove(pointer)
    if arguments.json:
        text.say_json([str(pointer.path) for pointer in pointers])
    else:
        for pointer in pointers:
            print(f"{_shown(work, pointer.path)} is no longer versioned; it stays where it is, as do its versions")
    return OK


def is_version(word: str) -> bool:
    """Whether an argument of `anew diff` names a version of data: it has a colon or an @, and is no run."""
    return bool(set(word) & {":", "@"}) and not word.startswith("best:")


def diff(arguments: argparse.Namespace) -> int:
    """Files, and rows and columns of tables, from one version to another."""
    from anew.data.compare import difference

    with workspace() as work:
        before = work.datasets.version(arguments.a)
        wanted = arguments.b if set(arguments.b) & {":", "@"} else f"{before.name}:{arguments.b}"
        after = work.datasets.version(wanted)
        found = difference(work.objects, before, after)
    if arguments.json:
        text.say_json({"before": _body(before), "after": _body(after)} | dataclasses.asdict(found))
        return OK
    print(f"{before.label} -> {after.label}: {len(found.files)} files differ")
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
    for change in found.files:
        sign, colour = signs[change.kind]
        print(text.paint(f"  {sign} {change.path}", colour))
    for table in found.tables:
        _print_table(table)
    return OK


def _print_table(table: Any) -> None:
    print(f"\n{text.paint(table.path, 'bold')}")
    if table.untold:
        print(f"  {table.untold}")
        return
    for sign, names in (("+", table.columns_added), ("-", table.columns_removed)):
        if names:
            print(f"  {sign} columns {', '.join(names)}")
    for name, (old, new) in table.columns_retyped.items():
        print(f"  ~ column {name}: {old} -> {new}")
    changed = "" if table.rows_changed is None else f", {table.rows_changed:,} changed (by {table.key})"
    counts = f"{table.rows_added:,} added, {table.rows_removed:,} removed{changed}"
    print(f"  rows {table.rows[0]:,} -> {table.rows[1]:,}: {counts}")
    rows = [
        [shift.column, f"{shift.measure} {shift.distance:.3f}", *(_said(side) for side in (shift.before, shift.after))]
        for shift in table.shifts[:_MOST_PATHS]
    ]
    if rows:
        shown = text.table(["column", "shift", "before", "after"], rows)
        print("\n".join("  " + line for line in shown.splitlines()))


def _said(facts: dict[str, float]) -> str:
    return ", ".join(f"{name} {text.number(value)}" for name, value in facts.items())


def _word(state: State) -> str:
    if state.lost:
        return f"{state.state}; its version is not in this store: `anew pull`"
    return _counts(state.changes) if state.changes else state.state


def _counts(changes: Changes) -> str:
    sides = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    return ", ".join(f"{len(paths)} {word}" for word, paths in sides.items() if paths)


def _print_changes(changes: Changes) -> None:
    for sign, paths in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
        for path in paths[:_MOST_PATHS]:
            print(f"  {sign} {path}".encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        if len(paths) > _MOST_PATHS:
            print(f"  {sign} … and {len(paths) - _MOST_PATHS} more")


def _shown(work: Workspace, path: Path) -> str:
    shown = os.path.relpath(path) if path.is_relative_to(work.root) else str(path)
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _contents(version: Version) -> str:
    files = "1 file" if version.files == 1 else f"{version.files:,} files"
    return f"{files}, {text.size(version.size)}"


def _body(version: Version) -> dict[str, Any]:
    return dataclasses.asdict(version) | {"label": version.label, "facts": dict(version.facts)}


def _dataset(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "aliases": dict(dataset.aliases),
        "versions": [_body(version) for version in dataset.versions.values()],
    }


def _latest(dataset: Dataset) -> list[str]:
    latest = dataset.latest()
    if latest is None:
        return ["none", "", "", ""]
    return [f"v{latest.number}", str(latest.files), text.size(latest.size), text.ago(latest.created)]


def _state(work: Workspace, state: State) -> dict[str, Any]:
    return {
        "path": _shown(work, state.pointer.path),
        "dataset": state.pointer.dataset,
        "version": state.version.number if state.version else None,
        "digest": state.pointer.digest,
        "state": state.state,
        "changes": dataclasses.asdict(state.changes),
        "in_store": not state.lost,
    }
