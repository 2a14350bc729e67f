"""Stores with runs in them, as real writers leave them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack

from anew.index import Index
from anew.store.journal import JournalWriter


class Store:
    """A store in a folder, with shorthands to fill it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(
        self,
        run_id: str,
        events: Sequence[tuple[str, dict[str, Any]]] = (),
        points: Sequence[tuple[dict[str, float], float | None]] = (),
        *,
        end: str | None = "finished",
        created: float = 1000.0,
        seal: bool = True,
        writer: str = "",
    ) -> JournalWriter:
        name = f"journal-{writer}" if writer else "journal"
        journal = JournalWriter(self.root / "runs" / run_id / name, run=run_id, writer=writer or "main")
        if not writer:
            journal.event("run", {"id": run_id, "created": created, "name": run_id}, at=created)
        for kind, body in events:
            journal.event(kind, body)
        for values, step in points:
            journal.log(values, step)
        if end is not None:
            journal.event("end", {"status": end, "exit_code": 0, "time": created + 100})
        if seal:
            journal.seal()
        return journal

    def index(self) -> Index:
        index = Index(self.root)
        index.refresh()
        return index


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, NaN and all."""
    return packed(a) == packed(b)


def packed(value: Any) -> bytes:
    return bytes(msgpack.packb(_sorted(value)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def everything(index: Index) -> bytes:
    """All an index can be asked for, as bytes to compare."""
    documents = index.search(limit=None)
    series = [
        [(s.steps.tobytes(), s.times.tobytes(), s.values.tobytes()) for s in (
            index.series(run["id"], name), index.series(run["id"], name, points=20))]
        for run in documents for name in index.metric_names(run["id"])
    ]  # fmt: skip
    asked = [
        index.ids(sort=["name"]), index.ids("status = 'finished'"), index.group("", "status", ["count"]),
        index.distinct("name"), index.ids("run", sort=["-duration"]),
    ]  # fmt: skip
    return packed([documents, series, asked])
