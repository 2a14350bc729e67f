"""Index: the one door to everything that is known about runs.

What stands behind it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from anew.errors import CorruptData, NotFound, RunNotFound, StoreError
from anew.index import reading, select
from anew.index.catalogue import Catalogue, unpack
from anew.index.document import Fold
from anew.index.evaluate import Binder
from anew.index.importance import Influence, importance
from anew.index.indexer import Indexer
from anew.index.means import Mean, mean_of_sources
from anew.index.query import And, Field, IsNull, Node, Words, mentions, parse, parse_field
from anew.index.segment import Segment, open_segment
from anew.index.select import Order
from anew.index.series import Series, Source, draw, join
from anew.index.survey import Surveyed, survey

Answer = TypeVar("Answer")

_LOCK_WAIT_S = 2.0
_MUST_WAIT_S = 10.0
_FIRST_WAIT_S = 10.0
_MOST_SURVEYED = 2000
_NEAR = 1000  # rows so far down are found without putting all in order


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of a table: `columns` holds, for each column asked for, the value of each row; `total` counts all."""

    total: int
    ids: list[str]
    columns: list[list[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A series to draw, with `x_min` <= step <= `x_max`."""

    run_id: str
    metric: str
    x_min: float | None = None
    x_max: float | None = None


class Index:
    """Searches and draws the runs of one store, or what else has journals there: its `kind`.

    Safe to use from several threads; processes share the files.

    Nothing is read from the journals before `refresh`; a store that was never indexed is indexed by the first
    question. Where the index folder can't be written, one is kept in a temporary folder until `close`.
    """

    def __init__(self, store_root: Path, kind: str = "runs") -> None:
        self.root, self.kind = Path(store_root), kind
        self._home = self.root / "index" if kind == "runs" else self.root / "index" / kind
        self.folder = self._home
        self._lock = threading.RLock()
        self._catalogue: Catalogue | None = None
        self._indexer: Indexer | None = None
        self._generation: tuple[str, int] | None = None
        self._temporary: Path | None = None
        self._ordered: tuple[Any, select.Rows] | None = None  # the last order of all rows, for who pages through it

    # Keeping up

    def refresh(self, only: set[str] | None = None, but: Set[str] = frozenset(), *, must: bool = False) -> set[str]:
        """One pass over what is new; over these runs alone with `only`. Returns the runs that changed.

        Live runs in `but` are passed over: the caller knows that nothing came, or will name them.

        When another process is at it for long, what it has done so far stands; with `must`, StoreError is raised then.
        """
        with self._lock:
            for attempt in range(3):
                try:
                    with self._locked(_MUST_WAIT_S if must else _LOCK_WAIT_S) as held:
                        if held:
                            self._open(write=True)
                            assert self._indexer is not None
                            return self._indexer.run(only=only, but=but)
                    if must:
                        raise StoreError(f"the index {self.folder} is being written by another process; ask again")
                    return set()
                except (CorruptData, sqlite3.DatabaseError, OSError) as error:
                    self._mend(error, last=attempt == 2)
            return set()

    def reindex(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Build everything anew from journals and ledger. `progress(runs done, runs in all)` is called now
        and then.

        Other processes use the old index until the new one is whole.
        """
        with self._lock, self._locked(None):
            self._drop()
            self._begin(progress)

    def close(self) -> None:
        """Let go of all files. The index can be used again afterwards."""
        with self._lock:
            self._drop()
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None
                self.folder = self._home

    def _mend(self, error: Exception, *, last: bool) -> None:
        """A broken index goes and is made again; one that can't be written is made elsewhere."""
        self._drop()
        if last:
            raise StoreError(f"the index {self.folder} can't be read or rebuilt: {error}") from error
        said = str(error)
        operational = isinstance(error, sqlite3.OperationalError)
        if isinstance(error, sqlite3.ProgrammingError):
            raise error
        if isinstance(error, OSError) or (operational and any(w in said for w in ("readonly", "full", "I/O"))):
            if self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="anew-index-"))
                weakref.finalize(self, shutil.rmtree, self._temporary, ignore_errors=True)  # at the latest at the end
                self.folder = self._temporary
            return
        if not operational or "no such" in said:  # else it is locked, and only to be asked again
            with contextlib.suppress(OSError):
                (self.folder / "current").unlink()

    @contextlib.contextmanager
    def _locked(self, wait_s: float | None) -> Iterator[bool]:
        """Hold the lock of the index; False when `wait_s` ran out (None: never)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "lock"
        until = time.monotonic() + (wait_s if wait_s is not None else float("inf"))
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                if time.monotonic() > until:
                    yield False
                    return
                time.sleep(0.01)
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(fd).st_ino:
                    break
            os.close(fd)  # the folder was deleted and made again meanwhile
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield True
        finally:
            os.close(fd)

    def _current(self) -> str | None:
        try:
            return (self.folder / "current").read_text().strip()
        except FileNotFoundError:
            return None

    def _open(self, *, write: bool) -> Catalogue:
        """The catalogue of the current generation; with `write`, made where there is none."""
        name = self._current()
        stamp = None
        if name is not None:
            with contextlib.suppress(FileNotFoundError):
                stamp = name, (self.folder / name / "catalogue.db").stat().st_ino
        if stamp is None or stamp != self._generation:
            self._drop()
        if self._catalogue is not None and (self._indexer is not None or not write):
            return self._catalogue
        self._drop()
        if stamp is None:
            if not write:
                raise FileNotFoundError(self.folder / "current")
            return self._begin(None)
        self._catalogue = Catalogue(self.folder / stamp[0], write=write)
        self._indexer = Indexer(self.root, self._catalogue, self.kind) if write else None
        self._generation = stamp
        return self._catalogue

    def _begin(self, progress: Callable[[int, int], None] | None) -> Catalogue:
        """Make a generation, fill it, and put it in the place of the last one. The lock is held."""
        name = f"g-{secrets.token_hex(4)}"
        first = self._current() is None
        catalogue = Catalogue(self.folder / name, write=True)
        try:
            if first:
                self._publish(name)  # what is there so far is better than nothing, and another process may go on
            indexer = Indexer(self.root, catalogue, self.kind)
            indexer.run(progress)
            stamp = name, (self.folder / name / "catalogue.db").stat().st_ino
            if not first:
                self._publish(name)
        except BaseException:
            catalogue.close()
            if not first:
                shutil.rmtree(self.folder / name, ignore_errors=True)
            raise
        for old in self.folder.glob("g-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        self._catalogue, self._indexer, self._generation = catalogue, indexer, stamp
        return catalogue

    def _publish(self, name: str) -> None:
        fresh = self.folder / "current.new"
        fresh.write_text(name + "\n")
        fresh.replace(self.folder / "current")

    def _drop(self) -> None:
        if self._catalogue is not None:
            self._catalogue.close()
        self._catalogue, self._indexer, self._generation = None, None, None

    def _ask(self, question: Callable[[Catalogue], Answer]) -> Answer:
        """Put a question to the catalogue as it stands; one that turns out broken is made again first."""
        with self._lock:
            until = time.monotonic() + _FIRST_WAIT_S
            for attempt in range(4):
                try:
                    while True:
                        try:
                            catalogue = self._open(write=False)
                            break
                        except FileNotFoundError:
                            self.refresh()
                            if self._current() is None and time.monotonic() > until:
                                raise StoreError(f"{self.folder} is being built by another process") from None
                    catalogue.look()
                    return question(catalogue)
                except (CorruptData, sqlite3.DatabaseError) as error:
                    self._mend(error, last=attempt == 3)
                except FileNotFoundError:
                    # A segment that was replaced, or an index deleted, between the question and the reading.
                    self._drop()
            raise StoreError(f"the index {self.folder} changes faster than it can be read")

    # Asking

    def search(
        self,
        query: str | Node = "",
        *,
        sort: Sequence[str | Order] | None = None,
        limit: int | None = 50,
        offset: int = 0,
        columns: Sequence[str] | None = None,
        strict: bool = True,
    ) -> list[dict[str, Any]]:
        """Documents of the runs that pass, in the order of `sort`: columns, each with "-" to turn it.

        By default the newest come first, and for plain words the best match. With `columns` a dict of just
        these and `id` stands for each document. `strict=False` takes columns that no run has for empty.
        Raises QueryError.
        """

        def question(catalogue: Catalogue) -> list[dict[str, Any]]:
            selection = self._select(catalogue, query, strict)
            rows = self._rows(selection, query, sort, limit, offset)
            if columns is None:
                return catalogue.documents(rows.tolist())
            names = list(dict.fromkeys(["id", *columns]))
            table = []
            for name in names:
                found = selection.binder.columns(parse_field(name))
                table.append(select.python_values(catalogue, found[0] if found else "", rows))
            return [dict(zip(names, line, strict=True)) for line in zip(*table, strict=True)]

        return self._ask(question)

    def stored(
        self, query: str | Node = "", *, sort: Sequence[str | Order] | None = None, limit: int | None, offset: int = 0
    ) -> list[bytes]:
        """As `search`, not strict: each document as bytes for `unpack`, by which one that did not change is known."""

        def question(catalogue: Catalogue) -> list[bytes]:
            selection = self._select(catalogue, query, strict=False)
            return catalogue.stored(self._rows(selection, query, sort, limit, offset).tolist())

        return self._ask(question)

    def page(
        self, query: str | Node = "", *, sort: Sequence[str | Order] | None = None, limit: int = 50, after: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """Documents as `search` gives them, of those behind the run `after`, and the id to go on from ("" at the end).

        Runs that are made meanwhile shift nothing. Raises QueryError, RunNotFound for an `after` that is gone.
        """

        def question(catalogue: Catalogue) -> tuple[list[dict[str, Any]], str]:
            row = catalogue.row(after) if after else None
            if after and row is None:
                raise RunNotFound(f"no run {after} to go on from")
            selection = self._select(catalogue, query, strict=False)
            rows = selection.first(["-created"] if sort is None else sort, limit + 1, row)
            documents = catalogue.documents(rows[:limit].tolist())
            return documents, str(documents[-1]["id"]) if len(rows) > limit and documents else ""

        return self._ask(question)

    def window(
        self, query: str, within: Node | None, sort: Sequence[str], columns: Sequence[str], offset: int, limit: int
    ) -> Window:
        """Rows `offset` to `offset + limit` of the table of the runs `within` that pass. A column to sort by or to show
        may be one that no run has. Raises QueryError.
        """

        def question(catalogue: Catalogue) -> Window:
            strict = self._select(catalogue, query, True, within)
            selection = select.Selection(Binder(catalogue, "", strict=False), strict.predicate)
            if offset + limit <= _NEAR:
                rows, total = selection.first(sort, offset + limit), selection.count()
            else:
                rows = self._all_ordered(selection, (query, within, tuple(sort)))
                total = len(rows)
            rows = rows[offset : offset + limit]
            table = []
            for name in columns:
                found = selection.binder.columns(parse_field(name))
                table.append(select.python_values(catalogue, found[0] if found else "", rows))
            return Window(total, catalogue.ids(rows.tolist()), table)

        return self._ask(question)

    def _all_ordered(self, selection: select.Selection, asked: tuple[Any, ...]) -> select.Rows:
        key = (*asked, self._generation, selection.catalogue.change)
        if self._ordered is None or self._ordered[0] != key:
            self._ordered = key, selection.first(asked[-1], None)
        return self._ordered[1]

    def survey(self, query: str, within: Node | None, run_ids: Sequence[str] | None = None) -> list[Surveyed]:
        """The columns of these runs, or of the newest that pass; see `survey.survey`. Raises QueryError."""

        def question(catalogue: Catalogue) -> list[Surveyed]:
            if run_ids is None:
                rows = self._select(catalogue, query, True, within).first(["-created"], _MOST_SURVEYED)
            else:
                found = [catalogue.row(run_id) for run_id in run_ids]
                rows = np.array([row for row in found if row is not None], np.int64)
            return survey(catalogue, np.sort(rows))

        return self._ask(question)

    def importance(self, query: str, within: Node | None, metric: str) -> tuple[int, list[Influence]]:
        """What parameters have to do with the column `metric` among the runs that pass; see `importance.importance`.
        Raises QueryError.
        """

        def question(catalogue: Catalogue) -> tuple[int, list[Influence]]:
            selection = self._select(catalogue, query, True, within)
            found = Binder(catalogue, metric, strict=True).columns(parse_field(metric))
            return importance(catalogue, selection.rows(), found[0] if found else "")

        return self._ask(question)

    def ids(
        self,
        query: str | Node = "",
        *,
        sort: Sequence[str | Order] | None = None,
        limit: int | None = None,
        strict: bool = True,
    ) -> list[str]:
        """As `search`, but the ids alone."""

        def question(catalogue: Catalogue) -> list[str]:
            selection = self._select(catalogue, query, strict)
            return catalogue.ids(self._rows(selection, query, sort, limit, 0).tolist())

        return self._ask(question)

    def count(self, query: str | Node = "", *, strict: bool = True) -> int:
        return self._ask(lambda catalogue: self._select(catalogue, query, strict).count())

    def group(self, query: str, by: str, aggregates: Sequence[str], within: Node | None = None) -> list[dict[str, Any]]:
        """One dict per value of `by`, the largest group first: {by: value, "count": 3,
        "mean:metrics.val_acc": 0.9}.

        Aggregates: count, and mean, min, max, sum of a column, which see numbers only and are None without
        any.
        """
        return self._ask(lambda catalogue: select.group(self._select(catalogue, query, True, within), by, aggregates))

    def distinct(self, field: str) -> list[Any]:
        """The values a column has, in order: bools, numbers, texts, NaN."""
        return self._ask(lambda catalogue: select.distinct(self._select(catalogue, "", True), field))

    def distinct_of(self, field: Field) -> list[Any]:
        """As `distinct`, of a column that need not be there, and of deleted runs, too."""
        return self._ask(
            lambda catalogue: select.distinct(select.Selection(Binder(catalogue, "", strict=False), None), field)
        )

    def document(self, run_id: str) -> dict[str, Any]:
        """The document of a run. Raises RunNotFound."""

        def question(catalogue: Catalogue) -> dict[str, Any]:
            row = catalogue.row(run_id)
            found = catalogue.documents([row]) if row is not None else []
            if not found:
                raise RunNotFound(f"no run {run_id}")
            return found[0]

        return self._ask(question)

    def find(self, prefix: str) -> list[str]:
        """The ids that start with `prefix`, in order."""
        sql = "select id from runs where id >= ? and id < ? and settled < 2 order by id"
        bounds = (prefix, prefix + "\U0010ffff")
        return self._ask(lambda catalogue: [run_id for (run_id,) in catalogue.db.execute(sql, bounds)])

    def touching(self, digests: Sequence[str], limit: int = 50) -> dict[str, list[tuple[str, bool]]]:
        """The runs that read or wrote each content, at most `limit` of each, and whether they wrote it."""
        return self._ask(lambda catalogue: {digest: catalogue.touching(digest, limit) for digest in digests})

    def documents(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The documents of those of the runs that are there, in their order."""

        def question(catalogue: Catalogue) -> list[dict[str, Any]]:
            rows = [catalogue.row(run_id) for run_id in run_ids]
            return catalogue.documents([row for row in rows if row is not None])

        return self._ask(question)

    def verdicts(self, limit: int, before: int) -> list[tuple[str, dict[str, Any]]]:
        """The newest verdicts of which the ledger speaks before entry `before`, each with its run's id."""
        sql = "select id, entry from verdicts where kind = 'verdict' and seq < ? order by seq desc limit ?"
        return self._ask(
            lambda catalogue: [(run_id, unpack(entry)) for run_id, entry in catalogue.db.execute(sql, (before, limit))]
        )

    def by_name(self, name: str) -> list[str]:
        """The ids of the runs of that name, the newest first."""
        return self.ids("name = '" + name.replace("'", "''") + "'")

    def _select(
        self, catalogue: Catalogue, query: str | Node, strict: bool, within: Node | None = None
    ) -> select.Selection:
        node = parse(query) if isinstance(query, str) else query
        if within is not None:
            node = within if node is None else And((within, node))
        if "deleted" in catalogue.numbers and not mentions(node, "deleted"):
            there = IsNull(Field("", "deleted"))
            node = there if node is None else And((there, node))
        binder = Binder(catalogue, query if isinstance(query, str) else "", strict=strict)
        return select.Selection(binder, binder.bind(node) if node is not None else None)

    def _rows(
        self,
        selection: select.Selection,
        query: str | Node,
        sort: Sequence[str | Order] | None,
        limit: int | None,
        offset: int,
    ) -> select.Rows:
        end = None if limit is None else limit + offset
        if sort is None and isinstance(query, str) and isinstance(node := parse(query), Words):
            best = selection.binder.matching(node.phrases, ranked=True)
            best = best[np.isin(best, selection.rows())]
            others = selection.first(["-created"], None if end is None else end + len(best))
            rows = np.concatenate([best, others[~np.isin(others, best)]])
        else:
            rows = selection.first(["-created"] if sort is None else sort, end)
        return rows[offset:end]

    # Series

    def metric_names(self, run_id: str) -> list[str]:
        """The names under which a run has series, in order; those of the system start with "system/"."""
        document = self.document(run_id)
        return sorted([*document["metrics"], *(f"system/{name}" for name in document["system"])])

    def series(
        self,
        run_id: str,
        metric: str,
        *,
        points: int | None = None,
        x_min: float | None = None,
        x_max: float | None = None,
    ) -> Series:
        """The points of a metric with `x_min` <= step <= `x_max`, in the order of their steps; see `Series`.

        With `points`, at most so many of them (8 at least): real ones, among them the least and the greatest
        of every stretch. A live run's newest points are read from its journal. Raises RunNotFound, NotFound.
        """
        return self._ask(lambda catalogue: draw(self._source(catalogue, run_id, metric), points, x_min, x_max))

    def several(self, asked: Sequence[Asked], points: int, *, timed: bool = True) -> list[Series | None]:
        """As `series`, for many at once; None where a run or its metric is not there. Without times where not `timed`:
        points that only differ in these are one then.
        """

        def question(catalogue: Catalogue) -> list[Series | None]:
            found: list[Series | None] = []
            for one in asked:
                source = self._find_source(catalogue, one.run_id, one.metric)
                if source is not None:
                    source.timed = timed
                found.append(None if source is None else draw(source, points, one.x_min, one.x_max))
            return found

        return self._ask(question)

    def means(
        self, groups: Sequence[Sequence[str]], metric: str, x: str, low: float | None, high: float | None, most: int
    ) -> list[Mean]:
        """A line for each group of runs; see `means.mean_of_sources`. A run without the metric is left out."""

        def question(catalogue: Catalogue) -> list[Mean]:
            lines = []
            for group in groups:
                rows = [(run, catalogue.row(run)) for run in group]
                found = [(self._find_source(catalogue, run, metric), row) for run, row in rows if row is not None]
                began = [float(select.gather(catalogue, "created", np.array([row]))[0][0]) for _, row in found]
                some = [(source, at) for (source, _), at in zip(found, began, strict=True) if source is not None]
                lines.append(mean_of_sources(some, x, low, high, most))
            return lines

        return self._ask(question)

    def _source(self, catalogue: Catalogue, run_id: str, metric: str) -> Source:
        if catalogue.row(run_id) is None:
            raise RunNotFound(f"no run {run_id}")
        source = self._find_source(catalogue, run_id, metric)
        if source is None:
            raise self._no_metric(run_id, metric)
        return source

    def _find_source(self, catalogue: Catalogue, run_id: str, metric: str) -> Source | None:
        found = catalogue.db.execute("select row, settled from runs where id = ? and settled < 2", (run_id,)).fetchone()
        if found is None:
            return None
        row, settled = found
        folder = self.root / self.kind / run_id
        try:
            segments = self._segments(catalogue, row)
            if settled and len(segments) == 1 and metric in segments[0]:
                return Source(segments[0], metric, None)
            parts = [segment.points(metric) for segment in segments if metric in segment]
            if not settled:
                state = catalogue.db.execute("select state from folds where row = ?", (row,)).fetchone()
                held = Fold.restore(state[0]).journals if state else {}
                parts += reading.tail(folder, held).of(metric)
        except CorruptData:
            # A damaged segment: the journal has it all, and the next pass makes it again.
            catalogue.spoil(row)
            parts = reading.tail(folder, None).of(metric)
        return Source(None, metric, join(parts)) if parts else None

    def _segments(self, catalogue: Catalogue, row: int) -> list[Segment]:
        sql = "select file, data from series where row = ? order by part"
        found = catalogue.db.execute(sql, (row,)).fetchall()
        try:
            return [open_segment(catalogue.folder / file if file else None, data) for file, data in found]
        except FileNotFoundError as error:
            if catalogue.db.execute(sql, (row,)).fetchall() != found:
                raise  # replaced meanwhile: asked again, it is there
            raise CorruptData(f"a segment is gone: {error.filename}") from error

    def _no_metric(self, run_id: str, metric: str) -> NotFound:
        names = self.metric_names(run_id)
        close = difflib.get_close_matches(metric, names, 1)
        hint = f"; did you mean {close[0]}?" if close else f"; it has {', '.join(names[:10]) or 'none'}"
        return NotFound(f"run {run_id} has no metric {metric}{hint}")
