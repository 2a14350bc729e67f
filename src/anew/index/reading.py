"""Reads the journals of one run: into its fold, and into series."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from anew.errors import CorruptData
from anew.index.document import Fold, Journal, sayable
from anew.index.segment import Arrays
from anew.index.series import join
from anew.index.stats import ascending
from anew.store.journal_reader import Event, JournalReader, Open, Points
from anew.store.received import is_writing

_FRAME_S = 0.001  # so long a live writer is given to finish the frame it is in the middle of
_NEWBORN_S = 60  # so long a journal may stand without its first frame before its writer counts as dead
# What a frame that passes its checksum and still makes no sense raises somewhere below.
_NONSENSE = (CorruptData, OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError)
_Unpack = msgpack.exceptions.UnpackException


class Collector:
    """Points by metric, as they come, until they become a segment."""

    def __init__(self) -> None:
        self._blocks: list[Points] = []
        self._where: dict[str, list[tuple[int, int]]] = {}  # metric: (block, column of it)

    def add(self, block: Points) -> None:
        for column, name in enumerate(map(sayable, block.keys)):
            self._where.setdefault(name, []).append((len(self._blocks), column))
        self._blocks.append(block)

    def series(self) -> dict[str, Arrays]:
        """Each metric's points in order. Metrics that were always logged together share steps and times."""
        shared: dict[tuple[int, ...], Arrays | None] = {}
        done: dict[str, Arrays] = {}
        for name in sorted(self._where):
            where = self._where[name]
            blocks = tuple(block for block, _ in where)
            if blocks not in shared:
                shared[blocks] = self._straight(blocks)
            together = shared[blocks]
            values = [self._blocks[block].values[:, column] for block, column in where]
            if together is None:
                parts = [(self._blocks[b].steps, self._blocks[b].times, v) for b, v in zip(blocks, values, strict=True)]
                done[name] = join([(steps, times, np.ascontiguousarray(v)) for steps, times, v in parts])
            else:
                column_values = np.concatenate(values) if len(values) > 1 else np.ascontiguousarray(values[0])
                done[name] = together[0], together[1], column_values
        return done

    def _straight(self, blocks: tuple[int, ...]) -> Arrays | None:
        """Steps and times of these blocks one after the other; None where they need sorting."""
        if len(blocks) == 1:
            steps, times = self._blocks[blocks[0]].steps, self._blocks[blocks[0]].times
        else:
            steps = np.concatenate([self._blocks[block].steps for block in blocks])
            times = np.concatenate([self._blocks[block].times for block in blocks])
        return (steps, times, times) if ascending(steps, times) else None

    def of(self, metric: str) -> list[Arrays]:
        """The pieces of one metric, as they came."""
        return [
            (self._blocks[b].steps, self._blocks[b].times, np.ascontiguousarray(self._blocks[b].values[:, c]))
            for b, c in self._where.get(metric, ())
        ]


def journals(folder: Path) -> list[str]:
    """The names of a run's journals, sorted; empty when there is no such folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if name == "journal" or name.startswith("journal-"))


def follow(folder: Path, fold: Fold, names: list[str], collect: Callable[[Points], None] | None) -> tuple[bool, bool]:
    """Read what is new in these journals into `fold`.

    Returns whether anything was, and whether a writer is alive.
    """
    news = alive = False
    for name in names:
        journal = fold.journals.setdefault(name, Journal())
        if journal.closed():
            continue
        path = folder / name
        news |= _read(path, name, journal, fold, collect)
        if _alive(path, journal):
            alive = True
            continue
        if not journal.closed():
            # It may have written between the reading and its end.
            news |= _read(path, name, journal, fold, collect, last=True)
    # A script that outlives its supervisor works on, and the tracer in it still notes what it reads and writes.
    return news, alive or (not fold.end and _works_on(folder, fold.top.get("process")))


def _works_on(folder: Path, process: Any) -> bool:
    try:
        return bool(process) and is_writing(folder / "journal", process)
    except _NONSENSE:
        return False


def _alive(path: Path, journal: Journal) -> bool:
    if journal.sealed:
        return False
    if journal.open is not None:
        try:
            return is_writing(path, journal.open)
        except _NONSENSE:
            return False
    try:
        return journal.problem is None and time.time() - path.stat().st_mtime < _NEWBORN_S
    except OSError:
        return False


def _read(
    path: Path,
    name: str,
    journal: Journal,
    fold: Fold,
    collect: Callable[[Points], None] | None,
    *,
    last: bool = False,
) -> bool:
    """Fold what stands behind the journal's offset; whether that was anything. `last`: its writer is gone."""
    reader = JournalReader(path, journal.offset, journal.schemas)
    before, problem = journal.offset, journal.problem
    reason: str | None
    try:
        if journal.offset and not _more(path, journal.offset):
            return False
        for attempt in range(2):
            for item in reader:
                if isinstance(item, (Open, Event, Points)):
                    fold.fold(name, item)
                    if collect is not None and isinstance(item, Points):
                        collect(item)
            if reader.torn is None or last or attempt:
                break
            time.sleep(_FRAME_S)
        reason = reader.torn
    except (*_NONSENSE, _Unpack) as error:
        reason = str(error) or repr(error)
        if isinstance(error, FileNotFoundError):
            reason = "the journal is gone"
        journal.broken = True
    journal.offset, journal.schemas = reader.offset, reader.schemas
    journal.sealed |= reader.sealed
    journal.problem, journal.problem_at = (reason, reader.offset) if reason else (None, 0)
    return journal.offset != before or journal.problem != problem


def _more(path: Path, offset: int) -> bool:
    """Whether a frame may stand at `offset`: a glance that saves mapping the file."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(4).strip(b"\0") != b""


def points(folder: Path, starts: dict[str, tuple[int, list[tuple[str, ...]]]]) -> Iterator[Points]:
    """All points of the named journals from their (offset, schemas) on, as far as they can be read."""
    for name, (offset, schemas) in sorted(starts.items()):
        try:
            for item in JournalReader(folder / name, offset, schemas):
                if isinstance(item, Points):
                    yield item
        except (*_NONSENSE, _Unpack):
            continue  # what follows can't be read; the document names the reason


def tail(folder: Path, state: dict[str, Any] | None) -> Collector:
    """The points behind what segments hold: from each journal's stored offset on; from the start without
    `state`.
    """
    collector = Collector()
    starts: dict[str, tuple[int, list[tuple[str, ...]]]] = {}
    for name in journals(folder):
        journal = state.get(name) if state else None
        starts[name] = (journal.stored, journal.schemas) if journal else (0, [])
    for block in points(folder, starts):
        collector.add(block)
    return collector
