"""What of a store's content is still needed, and taking out what is not."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anew.data.datasets import Datasets
from anew.errors import AnewError, CorruptData
from anew.store.ledger import Ledger
from anew.store.location import KINDS, Store
from anew.store.objects import Objects
from anew.sync.scan import Scan, named_in


@dataclass(frozen=True)
class Collected:
    """What `collect` found and did. Counts of objects, and bytes they take."""

    named: int
    garbage: int
    garbage_bytes: int
    swept: int
    freed_bytes: int


def collect(store: Store, grace_s: float, *, dry_run: bool = False) -> Collected:
    """Condemn what nothing names, and sweep what was condemned `grace_s` ago. Of a `dry_run` no trace is left.

    Needed is what any journal (of runs, models, traces, files, evaluation datasets), the ledger, or a version of data
    names. Raises CorruptData where that can't be read to its end: then nothing is touched.
    """
    with Objects(store.objects) as objects:
        digests, trees = named(store, objects)
        keys = objects.keys_of(digests, trees)
        garbage = objects.condemn(keys, grace_s, note=not dry_run)
        freed = objects.sweep(garbage.due, grace_s) if garbage.due and not dry_run else 0
    if not dry_run:
        _remove_copies(store, grace_s)
    swept = len(garbage.due)
    return Collected(len(keys), len(garbage.keys), garbage.size, swept, garbage.due_size if dry_run else freed)


def named(store: Store, objects: Objects) -> tuple[set[str], set[str]]:
    """All digests that anything in the store names, and the trees among them."""
    digests: set[str] = set()
    trees: set[str] = set()
    for folder in _folders(store):
        scan = Scan(folder)
        scan.advance()
        for journal in scan.following.values():
            # A torn end was never acknowledged, or is being written; damage before it is another thing.
            if journal.problem and not journal.alive():
                raise CorruptData(f"{folder}: {journal.problem}; what it names would be lost: `anew verify` first")
        found, below = scan.named()
        digests |= found
        trees |= below
    datasets = Datasets(Ledger(store.ledger))
    versions = {version.digest for dataset in datasets.all() for version in dataset.versions.values()}
    for entry in datasets.ledger.entries():
        if entry["kind"] != "dataset":
            about = named_in(entry["body"])
            digests |= about.digests
            trees |= about.trees
            evidence = _evidence(objects, entry["body"].get("evidence"))
            digests |= evidence
    return digests | versions, trees | versions


def _remove_copies(store: Store, grace_s: float) -> None:
    """Copies of versions that are no more, made for `anew.use` longer ago than `grace_s`."""
    folder = store.root / "data"
    if folder.is_dir():
        versions = [v for dataset in Datasets(Ledger(store.ledger)).all() for v in dataset.versions.values()]
        known = {version.digest[:16] for version in versions}
        for copy in folder.iterdir():
            if copy.name not in known and copy.stat().st_mtime + grace_s <= time.time():
                shutil.rmtree(copy, ignore_errors=True)


def _folders(store: Store) -> Iterator[Path]:
    for kind in KINDS:
        folder = store.root / kind
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _evidence(objects: Objects, digest: object) -> set[str]:
    """What the whole text of a verdict names."""
    if not isinstance(digest, str) or len(digest) != 64:
        return set()
    try:
        return named_in({"evidence": json.loads(objects.get_bytes(digest))}).digests
    except (AnewError, ValueError):
        return set()  # lost, and told of by `anew verify`: it names nothing that could be found by it
