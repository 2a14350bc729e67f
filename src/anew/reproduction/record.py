"""A run as its journals tell it: the document, every metric point, the console. Needs no index."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.capture import bootstrap
from anew.errors import RunNotFound
from anew.index.document import Fold
from anew.reproduction.compare import Side
from anew.reproduction.pairing import processes
from anew.store.journal_reader import Event, JournalReader, Open, Points
from anew.store.location import Store
from anew.store.objects import Objects
from anew.store.received import is_writing


@dataclass
class Record:
    """One run with what is needed to compare it. `series` maps a metric to its (steps, values) in the order logged."""

    run_id: str
    objects: Objects
    document: dict[str, Any]
    series: dict[str, tuple[NDArray[Any], NDArray[np.float64]]] = field(default_factory=dict)
    console: dict[str, str] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)  # where its journals could not be read to their end
    printed: set[str] = field(default_factory=set)  # metrics that were read off stdout
    pace: float = 1.0  # how fast its clock ran
    clocked: set[str] | None = None  # what is known to follow the clock

    @property
    def side(self) -> Side:
        document = self.document
        seeds = document.get("seeds") or {}
        started = float(document.get("created") or 0)
        return Side(
            root=str(document.get("root", "")),
            cwd=str(document.get("cwd", "")),
            started=started,
            ended=started + (float(document.get("ended") or started) - started) * max(self.pace, 1.0),
            host=str(document.get("host", "")),
            user=str(document.get("user", "") or getpass.getuser()),
            run_id=self.run_id,
            home=os.path.expanduser("~"),
            pids=processes(document),
            secretive=bootstrap.module("entropy").SECRETS in (seeds.get("draws") or {}),
            seeds=tuple(f"{call['generator']} {call['seed']}" for call in seeds.get("seeded") or ()),
            pace=self.pace,
            clocked=self.clocked,
        )


def load(store: Store, run_id: str, objects: Objects) -> Record:
    """Read the run whole. Raises RunNotFound."""
    folder = store.run(run_id)
    if not folder.is_dir():
        raise RunNotFound(f"there is no run {run_id} in {store.root}")
    fold = Fold(run_id)
    pieces: dict[str, list[Points]] = {}
    console: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    alive = False
    damage: list[str] = []
    logged: set[str] = set()
    for path in sorted(folder.glob("journal*")):
        reader = JournalReader(path)
        for item in reader:
            if isinstance(item, Open):
                alive |= is_writing(path, item.body)
            elif isinstance(item, Points):
                logged.update(item.keys if path.name != "journal" else ())
                for key in item.keys:
                    pieces.setdefault(key, []).append(item)
            elif isinstance(item, Event) and item.kind == "console":
                data = item.body.get("data", b"")
                console.setdefault(item.body.get("stream", "stdout"), []).append(data)
            if isinstance(item, (Open, Points, Event)):
                fold.fold(path.name, item)
        if reader.torn:
            damage.append(f"{path.name}: {reader.torn}")
    series = {key: _join(key, blocks) for key, blocks in pieces.items() if not key.startswith("system/")}
    texts = {stream: b"".join(parts).decode("utf-8", "surrogateescape") for stream, parts in console.items()}
    document = fold.document(alive=alive, verdicts=[])
    # Under a supervisor its journal holds what it saw, and a script that logs by itself has one of its own.
    printed = series.keys() - logged if document.get("by") == "anew run" else set()
    return Record(run_id, objects, document, series, texts, damage, set(printed))


def _join(key: str, blocks: list[Points]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    steps = np.concatenate([block.steps for block in blocks])
    values = np.concatenate([block.values[:, block.keys.index(key)] for block in blocks])
    return steps, values


def journals(store: Store, run_id: str) -> list[Path]:
    return sorted(store.run(run_id).glob("journal*"))
