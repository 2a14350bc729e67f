"""`anew verify`, `reindex`, `doctor`, `demo`, `completion`."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anew._version import __version__
from anew.cli import text
from anew.errors import ERROR, OK
from anew.store.location import KINDS, Store, find_store

if TYPE_CHECKING:
    from anew.store.objects import Objects


def verify(arguments: argparse.Namespace) -> int:
    """Check journals, ledger and objects, or a remote; 1 when something is broken."""
    if arguments.remote is not None:
        from anew.cli.remotes import verify_remote

        arguments.remote = arguments.remote or None
        return verify_remote(arguments)
    from anew.store.journal_reader import verify_journal
    from anew.store.ledger import Ledger
    from anew.store.objects import Objects

    store = find_store()
    problems: list[dict[str, str]] = []
    journals = frames = 0
    for path in sorted(path for kind in KINDS for path in (store.root / kind).glob("*/journal*")):
        count, problem = verify_journal(path)
        journals, frames = journals + 1, frames + count
        if problem:
            problems.append({"kind": "journal", "where": str(path), "message": problem})
    entries, problem = Ledger(store.ledger).verify()
    if problem:
        problems.append({"kind": "ledger", "where": str(store.ledger), "message": problem})
    problems += _lost_runs(store)
    there = [kind for kind in KINDS if (store.root / kind).is_dir()]
    with Objects(store.objects) as objects:
        problems += [
            {"kind": found.kind, "where": str(found.where), "message": found.message} for found in objects.verify()
        ]
        problems += [problem for kind in there for problem in _lost_objects(store, objects, kind)]
        problems += _lost_versions(store, objects)
    body = {"store": str(store.root), "journals": journals, "frames": frames, "ledger_entries": entries}
    if arguments.json:
        text.say_json(body | {"problems": problems})
    else:
        print(f"{journals} journals ({frames} frames), {entries} ledger entries, objects: checked in {store.root}")
        for item in problems:
            print(f"  {text.paint('broken', 'red')} {item['kind']} {item['where']}: {item['message']}")
        print("everything holds" if not problems else f"{len(problems)} problems")
    return ERROR if problems else OK


def _lost_runs(store: Store) -> Iterator[dict[str, str]]:
    """Runs that the ledger has a verdict on, and that are gone without its word."""
    from anew.errors import CorruptData
    from anew.store.ledger import Ledger

    judged: dict[str, bool] = {}
    try:
        for entry in Ledger(store.ledger).entries():
            if entry["kind"] in ("verdict", "delete"):
                judged[entry["subject"]] = entry["kind"] == "verdict"
    except CorruptData:
        pass  # told already
    for run_id, expected in judged.items():
        if expected and not any(store.run(run_id).glob("journal*")):
            message = "the ledger has a verdict on it, and its journals are gone"
            yield {"kind": "run", "where": str(store.run(run_id)), "message": message}


def _lost_objects(store: Store, objects: Objects, kind: str) -> Iterator[dict[str, str]]:
    """Runs, or what else `kind` says, that refer to content which is not in the store any more."""
    from anew.index import Index

    index = Index(store.root, kind)
    index.refresh()
    try:
        for document in index.search("", limit=None):
            kept = [item for part in ("inputs", "outputs") for item in document[part] if item.get("stored")]
            digests = {item.get("stored_as") or item["digest"] for item in kept if item.get("digest")}
            digests |= {(document.get("code") or {}).get("tree"), (document.get("environment") or {}).get("digest")}
            missing = [digest for digest in sorted(filter(None, digests)) if not objects.has(digest)]
            if missing:
                message = f"{len(missing)} objects that it refers to are gone, the first of them {missing[0][:12]}…"
                where = str(store.root / kind / document["id"])
                yield {"kind": kind.removesuffix("s"), "where": where, "message": message}
    finally:
        index.close()


def _lost_versions(store: Store, objects: Objects) -> Iterator[dict[str, str]]:
    """Versions of data, made here, of which something is not in the store any more; others may never have been."""
    from anew.data.datasets import Datasets
    from anew.errors import AnewError
    from anew.store.ledger import Ledger

    for dataset in Datasets(Ledger(store.ledger)).all():
        for version in dataset.versions.values():
            if version.elsewhere:
                continue
            try:
                missing = objects.missing(objects.tree_parts(version.digest))
                if not missing:
                    continue
                message = f"{len(missing)} of its objects are gone, the first of them {missing[0][:12]}…"
            except AnewError as error:
                message = str(error)
            yield {"kind": "dataset", "where": version.label, "message": message}


def reindex(arguments: argparse.Namespace) -> int:
    """Build the index anew."""
    from anew.index import Index

    store = find_store()
    with_progress = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if with_progress:
            text.progress(f"anew: indexed {done} of {total} runs")

    index = Index(store.root)
    index.reindex(progress)
    count = index.count("")
    if with_progress:
        print("\r\033[K", end="", file=sys.stderr)
    if arguments.json:
        text.say_json({"store": str(store.root), "runs": count})
    else:
        print(f"{count} runs indexed")
    return OK


def doctor(arguments: argparse.Namespace) -> int:
    """Versions, paths, and what stands in the way; 1 when something does."""
    store = find_store()
    body, problems = _examine(store)
    if arguments.json:
        text.say_json(body | {"problems": problems})
    else:
        for name, value in body.items():
            print(f"{name.replace('_', ' '):<16} {value}")
        for problem in problems:
            print(f"{text.paint('problem', 'red'):<16} {problem}")
        if not problems:
            print("nothing stands in the way")
    return ERROR if problems else OK


def _examine(store: Store) -> tuple[dict[str, Any], list[str]]:
    from anew.api import open_index
    from anew.capture import bootstrap
    from anew.store.journal import is_mappable

    problems = []
    home = store.root if store.root.is_dir() else store.root.parent
    if not os.access(home, os.W_OK):
        problems.append(f"{home} can't be written; set ANEW_STORE to a folder that can")
    free = shutil.disk_usage(home).free
    if free < 1 << 30:
        problems.append(f"only {text.size(free)} are free in {home}")
    tracer = bootstrap.TRACER.exists()
    if not tracer and sys.platform == "linux":
        problems.append("the file tracer is not built: install a C compiler and install anew again")
    body: dict[str, Any] = {
        "anew": __version__,
        "python": f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform(),
        "store": f"{store.root}{'' if store.root.is_dir() else ' (not made yet)'}",
        "free": text.size(free),
        "journal": "memory-mapped" if is_mappable(home) else "by write",
        "file_tracer": "built" if tracer else "not built",
        "git": shutil.which("git") or "not found",
        "uv": _uv(),
    }
    if store.root.is_dir():
        index = open_index(store)
        body["runs"] = index.count("")
        body["crashed"] = index.count("status = 'crashed'")
        for document in index.search("", limit=None):
            problems += [f"run {document['id']}: {_said(item)}" for item in document.get("problems", [])]
    return body, problems


def _said(problem: Any) -> str:
    return ", ".join(str(value) for value in problem.values()) if isinstance(problem, dict) else str(problem)


def _uv() -> str:
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return "not found: environments can't be rebuilt"


def demo(arguments: argparse.Namespace) -> int:
    """The main job on small real models."""
    from anew.demo import play

    return play(Path(arguments.folder) if arguments.folder else None, arguments.json)


def completion(arguments: argparse.Namespace) -> int:
    """A completion script for bash, zsh or fish; verbs, flags, and the ids of runs."""
    from anew.cli.completion import script

    words = script(arguments.shell)
    if arguments.json:
        text.say_json({"shell": arguments.shell, "script": words})
    else:
        print(words, end="")
    return OK
