"""What of a store's content is still needed, and taking out what is not."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anew.data.datasets import Datasets
from anew.errors import AnewError, CorruptData
from anew.index import Index
from anew.models.registry import Registry
from anew.store.ledger import Ledger
from anew.store.location import KINDS, Store
from anew.store.objects import Objects
from anew.sync.scan import Scan, named_in

_RUN_ID = re.compile(r"(?<![0-9a-z])[0-9a-z]{12}(?![0-9a-z])")


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
    return digests | versions | _of_pipelines(store), trees | versions


def _of_pipelines(store: Store) -> set[str]:
    """What outputs of stages are restored from, where there is no DVC project (docs/formats.md, Pipelines)."""
    try:
        lines = (store.root / "pipeline" / "contents").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    found = (line.partition(" ")[2] for line in lines)
    return {digest for digest in found if len(digest) == 64 and not digest.strip("0123456789abcdef")}


@dataclass(frozen=True)
class Candidate:
    """A version, or a run that was deleted. `needed_by` says what speaks against letting it go, "" for nothing."""

    label: str
    name: str  # of the dataset, or of the run
    key: str  # number of the version, or id of the run
    needed_by: str = ""


def superfluous(
    store: Store, index: Index, digests: Container[str], last: int, names: Collection[str]
) -> list[Candidate]:
    """The versions that are not wanted: neither among `digests`, nor of the `last` of their dataset. Of the datasets
    `names`, or of all. Needed are those that an alias stands for, or that a run read or made.
    """
    found = []
    for dataset in Datasets(Ledger(store.ledger)).all():
        if names and dataset.name not in names:
            continue
        kept = sorted(dataset.versions)[-last:] if last else []
        for number, version in dataset.versions.items():
            if number in kept or version.digest in digests:
                continue
            aliases = dataset.aliases_of(number)
            runs = index.touching([version.digest], 1)[version.digest]
            needed = f"the alias {aliases[0]}" if aliases else f"run {runs[0][0]}" if runs else ""
            needed = needed or (f"run {version.run_id}" if version.run_id and index.documents([version.run_id]) else "")
            found.append(Candidate(version.label, dataset.name, str(number), needed))
    return found


def forget(store: Store, versions: Iterable[Candidate]) -> None:
    """Take versions out of their datasets, so that `collect` frees what only they need."""
    datasets = Datasets(Ledger(store.ledger))
    for version in versions:
        datasets.remove(version.name, int(version.key))


def deleted_runs(store: Store, index: Index, older_than_s: float, project: str | None) -> list[Candidate]:
    """The runs that were deleted at least `older_than_s` ago. Needed are those that go on, that a registered model or a
    version of data comes from, that a verdict is about, or that a run which is not deleted is a reproduction of.
    """
    before = time.time() - older_than_s
    gone = [
        document
        for document in index.search("deleted > 0", limit=None)
        if document["deleted"] <= before and (project is None or document.get("project") == project)
    ]
    needed = _needs(store, index) if gone else {}
    found = []
    for document in sorted(gone, key=lambda document: float(document["deleted"])):
        run_id = document["id"]
        why = "it goes on" if document.get("status") == "running" else needed.get(run_id, "")
        found.append(Candidate(f"{document.get('name') or run_id} ({run_id})", document.get("name") or "", run_id, why))
    return found


def _needs(store: Store, index: Index) -> dict[str, str]:
    """Runs that something names which stays: id → what."""
    ledger = Ledger(store.ledger)
    found: dict[str, str] = {}
    for document in index.search("reproduction_of is not null", limit=None):
        found[document["reproduction_of"]] = f"run {document['id']} reproduces it"
    for entry in ledger.entries():
        if entry["kind"] == "verdict":
            reproduction = entry["body"].get("reproduction")
            found |= dict.fromkeys(filter(None, (entry["subject"], reproduction)), "the ledger has a verdict on it")
    for dataset in Datasets(ledger).all():
        found |= {v.run_id: f"{v.label} was made by it" for v in dataset.versions.values() if v.run_id}
    for model in Registry(ledger).all():
        for number, version in model.versions.items():
            for run_id in (version.run_id, *_RUN_ID.findall(version.source)):
                found[run_id] = f"version {number} of model {model.name} comes from it"
    return found


def purge(store: Store, runs: Iterable[Candidate]) -> None:
    """Remove what is kept of runs, for good. The ledger says so first; their content goes with the next `collect`."""
    ledger = Ledger(store.ledger)
    for run in runs:
        ledger.append("delete", run.key, {"reason": "gc", "name": run.name})
        trash = store.root / "trash"
        trash.mkdir(exist_ok=True)
        store.run(run.key).rename(trash / run.key)  # at once, so that nobody meets half of it
    shutil.rmtree(store.root / "trash", ignore_errors=True)


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
