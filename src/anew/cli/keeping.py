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
from anew.store.objects.values import Problem

if TYPE_CHECKING:
    from anew.store.objects import Objects

Item = dict[str, Any]
_MOST_NAMED = 5


def verify(arguments: argparse.Namespace) -> int:
    """Check journals, ledger and objects, or a remote; 1 when something is broken, and stays so."""
    if arguments.remote is not None:
        from anew.cli.remotes import verify_remote

        arguments.remote = arguments.remote or None
        return verify_remote(arguments)
    from anew.store.journal_reader import verify_journal
    from anew.store.ledger import Ledger

    store = find_store()
    problems: list[Item] = []
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
    broken, mended = _objects(store, restore=arguments.restore)
    problems += broken
    body = {"store": str(store.root), "journals": journals, "frames": frames, "ledger_entries": entries}
    if arguments.json:
        text.say_json(body | {"problems": problems, "mended": mended})
        return ERROR if problems else OK
    print(f"{journals} journals ({frames} frames), {entries} ledger entries, objects: checked in {store.root}")
    for item in mended:
        print(f"  {text.paint('mended', 'green')} {item['message']}")
    for item in problems:
        print(f"  {text.paint('broken', 'red')} {item['kind']} {item['where']}: {item['message']}")
    print(f"{len(problems)} problems" if problems else "everything holds")
    return ERROR if problems else OK


def _objects(store: Store, *, restore: bool) -> tuple[list[Item], list[Item]]:
    """What is wrong with content, and what was but is mended: from a remote where one has it, or from what is here."""
    from anew.remotes.config import Config
    from anew.remotes.restore import Restore
    from anew.store.location import project_root
    from anew.store.objects import Objects

    mended: list[Item] = []
    with Objects(store.objects) as objects:
        found, lost = list(objects.verify()), _lost(store, objects)
        if restore and (found or lost) and (made := objects.reindex()):
            mended += [{"kind": "index", "where": path, "message": f"{path}: indexed again"} for path in made]
            found, lost = list(objects.verify()), _lost(store, objects)
        keys = {key for problem in found for key in problem.keys} | {key for item in lost for key in item.keys}
        if keys and restore:
            config = Config(store, project_root(Path.cwd()))
            default = config.default()
            bringing = Restore(store, objects, sorted(config.all(), key=lambda one: one.name != default))
            bringing.bring(keys, lambda: {key for item in _lost(store, objects) for key in item.keys})
            mended += [_mended(name, bringing.restored) for name in dict.fromkeys(bringing.restored.values())]
            for name, why in bringing.problems.items():
                print(f"anew: nothing could be had from {name}: {why}", file=sys.stderr)
            objects.drop(keys - set(bringing.restored))
            found = [problem for problem in found if not _is_mended(problem, bringing.restored)]
            lost = _lost(store, objects)
    problems = [{"kind": one.kind, "where": str(one.where), "message": one.message} for one in [*found, *lost]]
    return problems, mended


def _mended(name: str, restored: dict[bytes, str]) -> Item:
    keys = sorted(key.hex() for key, of in restored.items() if of == name)
    shown = ", ".join(f"{key[:12]}…" for key in keys[:_MOST_NAMED]) + (" …" if len(keys) > _MOST_NAMED else "")
    said = f"{len(keys)} {'object' if len(keys) == 1 else 'objects'} brought from {name}: {shown}"
    return {"kind": "object", "where": name, "message": said, "objects": keys}


def _is_mended(problem: Problem, restored: dict[bytes, str]) -> bool:
    """Whether good records stand in for all that it made unreadable, or its pack is no more."""
    if problem.keys:
        return set(problem.keys) <= set(restored)
    return problem.where.endswith(".pack") and not os.path.exists(problem.where)


def _lost(store: Store, objects: Objects) -> list[Problem]:
    """What runs, versions and the like refer to, and is gone."""
    there = [kind for kind in KINDS if (store.root / kind).is_dir()]
    return [*(lost for kind in there for lost in _lost_objects(store, objects, kind)), *_lost_versions(store, objects)]


def _lost_runs(store: Store) -> Iterator[Item]:
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


def _lost_objects(store: Store, objects: Objects, kind: str) -> Iterator[Problem]:
    """Runs, or what else `kind` says, that refer to content which is not in the store any more."""
    from anew.index import Index

    index = Index(store.root, kind)
    index.refresh()
    try:
        needed = {}
        for document in index.search("", limit=None):
            kept = [item for part in ("inputs", "outputs") for item in document[part] if item.get("stored")]
            digests = {item.get("stored_as") or item["digest"] for item in kept if item.get("digest")}
            digests.add((document.get("environment") or {}).get("digest"))
            needed[document["id"]] = (digests, {(document.get("code") or {}).get("tree")})
    finally:
        index.close()
    gone = _gone(objects, list(needed.values()))
    for name, one in needed.items():
        if gone and (missing := sorted(_gone(objects, [one]))):
            message = f"{len(missing)} of the objects it needs are gone or damaged, the first {missing[0].hex()[:12]}…"
            yield Problem(kind.removesuffix("s"), str(store.root / kind / name), message, tuple(missing))


def _gone(objects: Objects, needed: list[tuple[set[str | None], set[str | None]]]) -> set[bytes]:
    """Of contents and trees; asked for all at once, since they share most of what they are made of."""
    digests = {digest for contents, _ in needed for digest in contents if digest}
    return objects.lost(digests, {tree for _, trees in needed for tree in trees if tree})


def _lost_versions(store: Store, objects: Objects) -> Iterator[Problem]:
    """Versions of data, made here, of which something is not in the store any more; others may never have been."""
    from anew.data.datasets import Datasets
    from anew.errors import CorruptData
    from anew.store.ledger import Ledger

    try:
        datasets = Datasets(Ledger(store.ledger)).all()
    except CorruptData:
        return  # told already
    versions = [one for dataset in datasets for one in dataset.versions.values() if not one.elsewhere]
    if not objects.lost((), [version.digest for version in versions]):
        return  # all at once, since versions share most of what they are made of
    for version in versions:
        missing = sorted(objects.lost((), [version.digest]))
        if missing:
            message = f"{len(missing)} of its objects are gone or damaged, the first of them {missing[0].hex()[:12]}…"
            yield Problem("dataset", version.label, message, tuple(missing))


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
