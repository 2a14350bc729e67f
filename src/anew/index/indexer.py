"""The indexer: brings the catalogue and the series up to what journals and ledger say. One at a time."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.errors import CorruptData
from anew.index.catalogue import Catalogue, Entry, pack, unpack
from anew.index.document import Fold
from anew.index.reading import Collector, follow, journals, points
from anew.index.segment import Arrays, encode
from anew.store.ledger import Ledger

_BATCH_RUNS = 200
_BATCH_POINTS = 4_000_000
_PART_POINTS = 100_000  # so many new points of a live run become a segment, if they are a quarter of all
_IN_CATALOGUE_BYTES = 128 << 10  # larger segments are files of their own
_LOOKED_AT_AGAIN = 1000  # settled runs whose folder is looked at in each pass: the newest, and as many others in turn
_RACY_NS = 50_000_000


@dataclass(slots=True)
class Live:
    """A run that may still change, as this process knows it."""

    fold: Fold
    row: int | None = None
    flat: dict[str, Any] | None = None
    verdicts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """What one pass found out about one run: its entry, and the series to store with it."""

    entry: Entry
    live: Live
    series: dict[str, Arrays] | None = None
    replace: bool = False  # the series are all there are; else they follow those stored
    points: int = 0


class Indexer:
    """Makes passes over the runs below `root` (the folder `kind`). The caller holds the lock of the index."""

    def __init__(self, root: Path, catalogue: Catalogue, kind: str = "runs") -> None:
        self.root, self.catalogue, self.runs = root, catalogue, root / kind
        self.live: dict[str, Live] | None = None
        self._change = -1
        self._turn = 0
        self._runs_stamp: int | None = None
        self._unready = False

    def run(
        self,
        progress: Callable[[int, int], None] | None = None,
        only: set[str] | None = None,
        but: Set[str] = frozenset(),
    ) -> set[str]:
        """One pass, over all runs (not the live ones in `but`) or `only` these; returns those that changed.

        Raises OSError when there is no space, CorruptData when the index itself is broken.
        """
        changed: set[str] = set()
        catalogue = self.catalogue
        catalogue.look()
        if self.live is None or catalogue.change != self._change:
            catalogue.settle_columns()
            if self.live is not None:  # another process made a pass meanwhile
                sql = "select id from runs join changed using (row) order by row desc limit 1000"
                changed.update(run_id for (run_id,) in catalogue.db.execute(sql))
            self.live = self._load()
        self._runs_stamp, self._unready = None, False
        touched = self._ledger()
        todo = sorted((self._todo(but) if only is None else only) | touched)
        for start in range(0, len(todo), _BATCH_RUNS):
            with _uncollected():
                for batch in self._batches(todo[start : start + _BATCH_RUNS]):
                    self._commit(batch)
                    changed.update(found.entry.id for found in batch)
            if progress is not None:
                progress(min(start + _BATCH_RUNS, len(todo)), len(todo))
        self._finish(touched)
        self._change = catalogue.change
        return changed

    def _finish(self, touched: set[str]) -> None:
        """Note that everything seen at the start of this pass is in."""
        if touched:
            self.catalogue.set_meta("touched", "")
        if self._runs_stamp is not None:
            # A folder without a journal yet would else be forgotten.
            self.catalogue.set_meta("runs", 0 if self._unready else self._runs_stamp)
        self.catalogue.flush_columns()

    def _load(self) -> dict[str, Live]:
        found = self.catalogue.db.execute(
            "select row, id, state from runs join folds using (row) where settled = 0"
        ).fetchall()
        return {run_id: Live(Fold.restore(state), row, None, self._verdicts(run_id)[0]) for row, run_id, state in found}

    # What to look at

    def _todo(self, but: Set[str]) -> set[str]:
        assert self.live is not None
        return {run_id for run_id in self.live if run_id not in but} | self._arrivals() | self._again()

    def _arrivals(self) -> set[str]:
        """Folders that came or went since the last pass: listed only when the folder of runs has changed."""
        folder = self.runs
        try:
            stamp = folder.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = -1
        if stamp == self.catalogue.meta("runs"):
            return set()
        now = time.time_ns()
        names = {entry.name for entry in folder.iterdir() if _proper(entry.name)} if stamp != -1 else set()
        known = dict(self.catalogue.db.execute("select id, settled from runs"))
        # A folder made within the clock's tick of the last one would not change the stamp again.
        self._runs_stamp = stamp if now - stamp > _RACY_NS else 0
        gone = {name for name, settled in known.items() if name not in names and settled < 2}
        return {name for name in names if known.get(name, 2) == 2} | gone

    def _again(self) -> set[str]:
        """Settled runs whose folder changed, as when a journal was added to tag them."""
        db = self.catalogue.db
        rows = self.catalogue.rows
        newest = rows - _LOOKED_AT_AGAIN
        found = db.execute("select id, folder from runs where row >= ? and settled = 1", (newest,)).fetchall()
        if newest > 0:
            start = self._turn % newest
            self._turn += _LOOKED_AT_AGAIN
            found += db.execute(
                "select id, folder from runs where row >= ? and row < ? and settled = 1",
                (start, min(start + _LOOKED_AT_AGAIN, newest)),
            )
        base = str(self.runs) + os.sep
        return {run_id for run_id, stamp in found if _stamp(base + run_id) != stamp}

    # Reading

    def _batches(self, names: list[str]) -> Iterable[list[Found]]:
        batch: list[Found] = []
        count = 0
        for name in names:
            found = self._look_at(name)
            if found is not None:
                batch.append(found)
                count += found.points
            if count > _BATCH_POINTS:
                yield batch
                batch, count = [], 0
        if batch:
            yield batch

    def _look_at(self, run_id: str) -> Found | None:
        """Read what is new of one run; None when nothing is."""
        assert self.live is not None
        folder = self.runs / run_id
        # A stamp taken before the reading: a journal that comes meanwhile is met by the next pass.
        stamp = _stamp(str(folder))
        names = journals(folder)
        live = self.live.get(run_id)
        verdicts, deleted = self._verdicts(run_id)
        known = self._known(run_id)
        if deleted or not names:
            if known is None and not deleted:
                self._unready |= folder.is_dir()
                return None
            return self._hide(run_id, known, stamp)
        if live is None and known is not None and known[1] == 1 and known[2] == stamp:
            return self._judged(run_id, known, verdicts)
        if live is None or (len(names) > 1 and not live.fold.stamped):
            flat = live.flat if live else None
            live = Live(Fold(run_id, stamped=len(names) > 1), known[0] if known else None, flat)
        fresh = not live.fold.journals
        collector = Collector() if fresh else None
        news, alive = follow(folder, live.fold, names, collector.add if collector else None)
        if not (news or fresh or verdicts != live.verdicts or not alive):
            return None
        live.verdicts = verdicts
        document = live.fold.document(alive=alive, verdicts=verdicts)
        entry = Entry(run_id, document, not alive, stamp, None, row=live.row, flat=live.flat)
        found = Found(entry, live, points=sum(journal.points for journal in live.fold.journals.values()))
        self._choose_series(found, folder, collector, alive=alive)
        if alive:
            entry.state = live.fold.state()
        return found

    def _judged(self, run_id: str, known: tuple[int, int, int], verdicts: list[dict[str, Any]]) -> Found:
        """A settled run of which only the ledger has news: its journals are not read again."""
        (document,) = self.catalogue.documents([known[0]])
        document["verdicts"] = verdicts
        document["verdict"] = verdicts[-1].get("verdict") if verdicts else None
        entry = Entry(run_id, document, True, known[2], None, row=known[0])
        return Found(entry, Live(Fold(run_id), known[0]))

    def _choose_series(self, found: Found, folder: Path, collector: Collector | None, *, alive: bool) -> None:
        """Decide what of the run's points becomes a segment now."""
        held = found.live.fold.journals
        if not alive:
            if collector is None:
                collector = Collector()
                for block in points(folder, dict.fromkeys(held, (0, []))):
                    collector.add(block)
            found.series, found.replace = collector.series(), True
            return
        stored = {name: (journal.stored, journal.schemas) for name, journal in held.items()}
        if collector is None:
            # Sixteen bytes and more of journal go with each point; the exact count is not worth a reading.
            waiting = sum(journal.offset - journal.stored for journal in held.values()) / 16
        else:
            waiting = found.points
        if waiting <= max(_PART_POINTS, found.points / 4):
            found.replace = collector is not None
            found.series = {} if found.replace else None
            return
        found.replace = collector is not None
        if collector is None:
            collector = Collector()
            for name, (offset, schemas) in stored.items():
                for block in points(folder, {name: (offset, schemas)}):
                    collector.add(block)
        for journal in held.values():
            journal.stored = journal.offset
        found.series = collector.series()

    def _hide(self, run_id: str, known: tuple[int, int, int] | None, stamp: int) -> Found | None:
        """A run that is deleted, or whose journals are gone, has a row without cells."""
        if known is not None and known[1] == 2:
            return None
        folder = self.runs / run_id
        fold = Fold(run_id)
        follow(folder, fold, journals(folder), None)
        row = known[0] if known else None
        entry = Entry(run_id, fold.document(alive=False, verdicts=[]), True, stamp, None, hidden=True, row=row)
        return Found(entry, Live(fold, row), series={}, replace=True)

    def _known(self, run_id: str) -> tuple[int, int, int] | None:
        """Row, settled and folder's stamp of a run that has been met before."""
        found = self.catalogue.db.execute("select row, settled, folder from runs where id = ?", (run_id,)).fetchone()
        return tuple(found) if found else None

    # Writing

    def _commit(self, batch: list[Found]) -> None:
        """Segments in files first, then one transaction, then the columns, then what the segments replace
        goes.
        """
        assert self.live is not None
        catalogue = self.catalogue
        encoded = [encode(found.series) if found.series else b"" for found in batch]
        files = [
            self._segment_file(found.entry.id, data) if len(data) > _IN_CATALOGUE_BYTES else None
            for found, data in zip(batch, encoded, strict=True)
        ]
        replaced: list[str] = []
        with catalogue.transaction():
            cells = catalogue.put([found.entry for found in batch])
            for found, data, file in zip(batch, encoded, files, strict=True):
                self._store(found, data, file, replaced)
        catalogue.apply(cells)
        for name in replaced:
            with contextlib.suppress(OSError):
                (catalogue.folder / name).unlink()
        for found in batch:
            found.live.row, found.live.flat = found.entry.row, found.entry.flat
            if found.entry.settled:
                self.live.pop(found.entry.id, None)
            else:
                self.live[found.entry.id] = found.live

    def _store(self, found: Found, data: bytes, file: str | None, replaced: list[str]) -> None:
        run = self.catalogue.db.execute
        row = found.entry.row
        if found.replace:
            old = run("select file from series where row = ? and file is not null", (row,)).fetchall()
            replaced.extend(name for (name,) in old)
            run("delete from series where row = ?", (row,))
        if data:
            (part,) = (
                (0,)
                if found.replace
                else run("select coalesce(max(part), -1) + 1 from series where row = ?", (row,)).fetchone()
            )
            run("insert into series values (?, ?, ?, ?)", (row, part, file, None if file else data))

    def _segment_file(self, run_id: str, data: bytes) -> str:
        name = f"series/{run_id[:2]}/{run_id}-{time.time_ns():x}"
        path = self.catalogue.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    # The ledger

    def _ledger(self) -> set[str]:
        """Take in new entries; returns the runs they are about."""
        if self.runs.name != "runs":
            return set()
        path = self.root / "ledger"
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = 0
        catalogue = self.catalogue
        # What a pass that was killed had taken in from the ledger, and not yet written to the runs.
        touched = set(filter(None, (catalogue.meta("touched") or "").split("\n")))
        offset = catalogue.meta("ledger") or 0
        if size == offset or size == (catalogue.meta("ledger_size") or 0):
            return touched
        with catalogue.transaction():
            try:
                for entry, end in Ledger(path).after(offset if offset <= size else 0):
                    offset = end
                    if entry["kind"] in ("verdict", "delete"):
                        touched.add(entry["subject"])
                        catalogue.db.execute(
                            "insert or replace into verdicts values (?, ?, ?, ?)",
                            (entry["subject"], entry["seq"], entry["kind"], pack(_shown(entry))),
                        )
            except CorruptData:
                pass  # `anew verify` names the line; what came before it holds
            catalogue.set_meta("ledger", offset)
            catalogue.set_meta("ledger_size", size)
            touched = {name for name in touched if _proper(name)}
            catalogue.set_meta("touched", "\n".join(sorted(touched)))
        return touched

    def _verdicts(self, run_id: str) -> tuple[list[dict[str, Any]], bool]:
        """The run's verdicts, oldest first, and whether it was deleted."""
        found = self.catalogue.db.execute(
            "select kind, entry from verdicts where id = ? order by seq", (run_id,)
        ).fetchall()
        if not found:
            return [], False
        verdicts = [unpack(entry) for kind, entry in found if kind == "verdict"]
        return verdicts, any(kind == "delete" for kind, _ in found)


def _proper(name: str) -> bool:
    """Whether `name` can be the id of a run: one plain part of a path, in characters that are whole."""
    return bool(name) and name.isprintable() and "/" not in name and not name.startswith(".")


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """A batch makes a hundred thousand small objects and no cycle: looking for cycles took a tenth of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    """A ledger entry as `verdicts` shows it."""
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    return {**body, "time": entry["time"], "seq": entry["seq"], "actor": entry.get("actor")}


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1
