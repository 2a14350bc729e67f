"""The catalogue: every run's document in SQLite, and beside it the columns to filter, sort and group by.

The tables and the order of writes are in docs/formats.md. One process writes at a time; the indexer sees to
that.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from anew.errors import CorruptData
from anew.index.columns import ROWS, Arena, Block, Changes
from anew.index.flatten import flatten, words_of
from anew.index.lexer import is_number

VERSION = 6
_FLUSH_AFTER_ROWS = 20_000
_MOST_CACHED_TEXTS = 200_000

_TABLES = """
create table meta(key text primary key, value) without rowid;
create table runs(
  row integer primary key, id text unique not null, settled integer not null, folder integer not null,
  words integer not null, document blob not null);
create index unsettled on runs(row) where settled = 0;
create table folds(row integer primary key, state blob not null);
create table changed(row integer primary key);
create table columns(number integer primary key, name text unique not null, codes integer not null);
create table extents(number integer not null, block integer not null, extent integer not null,
  primary key(number, block)) without rowid;
create table texts(number integer not null, text blob not null, code integer not null,
  primary key(number, text)) without rowid;
create table series(row integer not null, part integer not null, file text, data blob,
  primary key(row, part));
create table verdicts(id text not null, seq integer not null, kind text not null, entry blob not null,
  primary key(id, seq)) without rowid;
create table contents(digest blob not null, row integer not null, wrote integer not null,
  primary key(digest, row, wrote)) without rowid;
create virtual table words using fts5(name, notes, tags, command, config);
"""


@dataclass(slots=True)
class Entry:
    """What one pass found out about one run.

    `state` is the fold to go on with, None once the run is settled.
    """

    id: str
    document: dict[str, Any]
    settled: bool
    folder: int
    state: bytes | None
    hidden: bool = False
    row: int | None = None
    flat: dict[str, Any] | None = None  # the cells as they stand in the columns, where the caller kept them


class Catalogue:
    """The files below `folder`. Raises CorruptData when they are not a whole catalogue of this version."""

    def __init__(self, folder: Path, *, write: bool) -> None:
        self.folder, self._write = folder, write
        self.numbers: dict[str, int] = {}
        self.rows = self.change = 0
        self._version = -1
        self._extents: dict[int, dict[int, int]] = {}
        self._texts: dict[str, Texts] = {}
        self._arena: Arena | None = None
        self._codes: dict[str, dict[str, int]] = {}
        self._cached_codes = 0
        self._changed = 0
        if write:
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / "catalogue.db"
        if write and not path.exists():  # SQLite would make it for its owner alone to write
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
        try:
            mode = "rwc" if write else "rw"
            self.db = sqlite3.connect(
                f"file:{_quote(path)}?mode={mode}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=10,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise CorruptData(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare()
            self.look()
        except sqlite3.DatabaseError as error:
            self.close()
            if isinstance(error, (sqlite3.OperationalError, sqlite3.ProgrammingError)):
                raise
            raise CorruptData(f"{path} is not a whole catalogue: {error}") from error
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        run = self.db.execute
        run("pragma busy_timeout = 10000")
        run("pragma synchronous = normal")
        run("pragma cache_size = -32000")
        if self._write:
            run("pragma journal_mode = wal")
            run("pragma wal_autocheckpoint = 4000")
        if not run("select 1 from sqlite_master where name = 'meta'").fetchone():
            if not self._write:
                raise CorruptData(f"{self.folder} holds no catalogue yet")
            with self.transaction():
                for statement in _TABLES.split(";\n"):
                    if statement.strip():
                        run(statement)
                run("insert into meta values ('version', ?), ('change', 0), ('ledger', 0)", (VERSION,))
        version = self.meta("version")
        if version != VERSION:
            raise CorruptData(f"{self.folder} is of version {version}, not {VERSION}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or nothing."""
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("rollback")
            self._codes, self._cached_codes = {}, 0
            self._version = -1
            raise
        self.db.execute("commit")

    def meta(self, key: str) -> Any:
        found = self.db.execute("select value from meta where key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_meta(self, key: str, value: Any) -> None:
        self.db.execute("insert or replace into meta values (?, ?)", (key, value))

    # Reading

    def look(self) -> None:
        """Take in what other processes changed since the last look: microseconds when nothing did."""
        version = self.db.execute("pragma data_version").fetchone()[0]
        if version == self._version:
            return
        change = self.meta("change")
        if change != self.change or self._version == -1:
            self.rows = self.db.execute("select coalesce(max(row), -1) + 1 from runs").fetchone()[0]
            known = len(self.numbers)
            for number, name in self.db.execute("select number, name from columns where number >= ?", (known,)):
                self.numbers[name] = number
            count = self.db.execute("select count(*) from columns").fetchone()[0]
            if count != len(self.numbers):
                self.numbers = dict(self.db.execute("select name, number from columns"))
            self._extents.clear()
            self._codes, self._cached_codes = {}, 0
        self.change, self._version = change, version

    @property
    def arena(self) -> Arena:
        if self._arena is None:
            self._arena = Arena(self.folder / "columns", write=self._write)
        return self._arena

    def block(self, name: str, block: int) -> Block | None:
        """Values and kinds of one block of a column; None where the column has none there."""
        number = self.numbers.get(name)
        if number is None:
            return None
        extents = self._extents.get(number)
        if extents is None:
            found = self.db.execute("select block, extent from extents where number = ?", (number,))
            extents = self._extents[number] = dict(found.fetchall())
        extent = extents.get(block)
        return None if extent is None else self.arena.block(extent)

    def texts(self, name: str) -> Texts:
        """The dictionary of a column, as far as it has come."""
        texts = self._texts.setdefault(name, Texts())
        number = self.numbers.get(name)
        if number is not None:
            count = self.db.execute("select codes from columns where number = ?", (number,)).fetchone()[0]
            if count != len(texts.all):
                texts.load(self.db.execute("select text, code from texts where number = ?", (number,)).fetchall())
        return texts

    def code(self, name: str, text: str) -> int | None:
        """The code of exactly this text in a column, without loading the others."""
        number = self.numbers.get(name)
        found = self.db.execute(
            "select code from texts where number = ? and text = ?", (number, _encode(text))
        ).fetchone()
        return found[0] if found else None

    def documents(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The documents of these rows, in order; one deleted meanwhile is left out."""
        return [unpack(stored) for stored in self.stored(rows)]

    def stored(self, rows: Sequence[int]) -> list[bytes]:
        """As `documents`, each for `unpack`."""
        found: dict[int, bytes] = {}
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            marks = ",".join("?" * len(some))
            found.update(self.db.execute(f"select row, document from runs where row in ({marks})", some))
        return [found[row] for row in rows if row in found]

    def ids(self, rows: Sequence[int]) -> list[str]:
        if len(rows) > 5000:
            every = dict(self.db.execute("select row, id from runs"))
        else:
            every = {}
            for start in range(0, len(rows), 500):
                some = rows[start : start + 500]
                marks = ",".join("?" * len(some))
                every.update(self.db.execute(f"select row, id from runs where row in ({marks})", some))
        return [every[row] for row in rows if row in every]

    def row(self, run_id: str) -> int | None:
        """The row of a run that is there and not deleted."""
        found = self.db.execute("select row from runs where id = ? and settled < 2", (run_id,)).fetchone()
        return found[0] if found else None

    def touching(self, digest: str, limit: int) -> list[tuple[str, bool]]:
        """The runs that read or wrote this content, the newest rows first, and whether they wrote it."""
        sql = (
            "select id, wrote from contents join runs using (row) where digest = ? and settled < 2 "
            "order by row desc limit ?"
        )
        return [(run_id, bool(wrote)) for run_id, wrote in self.db.execute(sql, (_content_key(digest), limit))]

    # Writing, inside one transaction; `apply` follows the commit

    def put(self, entries: Iterable[Entry]) -> Changes:
        """Write documents and words; the cells that change with them are returned, for `apply`."""
        cells = Changes(self._code_for)
        run = self.db.execute
        for entry in entries:
            words = ("",) * 5 if entry.hidden else words_of(entry.document)
            mark, settled = hash_words(words), 2 if entry.hidden else int(entry.settled)
            fields = (settled, entry.folder, mark, pack(entry.document))
            if entry.row is None:
                entry.row, self.rows = self.rows, self.rows + 1
                old: dict[str, Any] = {}
                before = None
                run("insert into runs values (?, ?, ?, ?, ?, ?)", (entry.row, entry.id, *fields))
            else:
                old, before = self._before(entry)
                sql = "update runs set settled = ?, folder = ?, words = ?, document = ? where row = ?"
                run(sql, (*fields, entry.row))
            if before != mark:
                if before is not None:
                    run("delete from words where rowid = ?", (entry.row,))
                sql = "insert into words(rowid, name, notes, tags, command, config) values (?, ?, ?, ?, ?, ?)"
                run(sql, (entry.row, *words))
            if entry.state is not None:
                run("insert or replace into folds values (?, ?)", (entry.row, entry.state))
            elif before is not None:
                run("delete from folds where row = ?", (entry.row,))
            run("insert or ignore into changed values (?)", (entry.row,))
            self._note_contents(entry.row, entry.document)
            self._changed += 1
            entry.flat = self._cells(cells, entry, old)
        self._reserve(cells)
        self.change += 1
        self.set_meta("change", self.change)
        return cells

    def _note_contents(self, row: int, document: dict[str, Any]) -> None:
        """What the run read and wrote, by digest; what is there stays there, since a run forgets no file."""
        versions = [item.get("dataset") or {} for item in document["datasets"]]
        for wrote, items in enumerate(([*document["inputs"], *versions], document["outputs"])):
            for item in items:
                key = _content_key(item.get("digest"))
                if key is not None:
                    self.db.execute("insert or ignore into contents values (?, ?, ?)", (key, row, wrote))

    def _before(self, entry: Entry) -> tuple[dict[str, Any], int]:
        """The cells a run has in the columns, and the mark of its words."""
        sql = "select words, settled, document from runs where row = ?"
        mark, settled, stored = self.db.execute(sql, (entry.row,)).fetchone()
        old = entry.flat
        if old is None:
            old = flatten(unpack(stored)) if settled < 2 else {}
        return old, mark

    def _cells(self, cells: Changes, entry: Entry, old: dict[str, Any]) -> dict[str, Any]:
        """Note the cells in which the run differs from `old`; returns the run's cells."""
        flat = flatten(entry.document)
        row = entry.row
        assert row is not None
        if entry.hidden:
            for name in flat:
                self.number(name)  # the name stays known, as it would be had the run never been deleted
            flat = {}
        news = flat
        if old:
            news = {name: value for name, value in flat.items() if name not in old or not _same(old[name], value)}
        cells.set_all(row, news)
        for name in old:
            if name not in flat:
                cells.set(row, name, None)
        return flat

    def number(self, name: str) -> int:
        """The number of a column, which is made if there is none."""
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.numbers)
            self.db.execute("insert into columns values (?, ?, 0)", (number, name))
        return number

    def _code_for(self, name: str, text: str) -> int:
        codes = self._codes.setdefault(name, {})
        code = codes.get(text)
        if code is not None:
            return code
        number = self.number(name)
        code = self.code(name, text)
        if code is None:
            run = self.db.execute
            (code,) = run("select codes from columns where number = ?", (number,)).fetchone()
            run("insert into texts values (?, ?, ?)", (number, _encode(text), code))
            run("update columns set codes = codes + 1 where number = ?", (number,))
        if self._cached_codes > _MOST_CACHED_TEXTS:
            self._codes, self._cached_codes = {}, 0
            codes = self._codes.setdefault(name, {})
        codes[text] = int(code)
        self._cached_codes += 1
        return int(code)

    def _reserve(self, cells: Changes) -> None:
        """Give every touched block its place in the arena, within the transaction."""
        taken = self.meta("extents") or 0
        for name, blocks in cells.blocks():
            number = self.number(name)
            self.block(name, 0)
            extents = self._extents.setdefault(number, {})
            for block in sorted(blocks):
                if block not in extents:
                    extents[block] = taken
                    self.db.execute("insert into extents values (?, ?, ?)", (number, block, taken))
                    taken += 1
        self.set_meta("extents", taken)

    def apply(self, cells: Changes) -> None:
        """Write the cells of a committed transaction into the columns."""
        for name, block, rows, values, kinds in cells.by_block():
            self.arena.write(self._extents[self.numbers[name]][block], rows, values, kinds)
        self.arena.applied(self.change)
        self._version = self.db.execute("pragma data_version").fetchone()[0]

    def spoil(self, row: int) -> None:
        """Have the next pass read a run from its journals again: its series are damaged."""
        with contextlib.suppress(sqlite3.Error):
            self.db.execute("update runs set folder = -2 where row = ?", (row,))

    def settle_columns(self) -> None:
        """Bring the columns to the documents' state, where a crash came between the two."""
        applied, same_boot = self.arena.state()
        if applied > self.change:
            # The machine went down and took the last transactions along: the columns know rows that never
            # were.
            self._rebuild_columns()
        elif applied < self.change or not same_boot:
            self._rewrite([row for (row,) in self.db.execute("select row from changed")])
            self.arena.applied(self.change)

    def flush_columns(self) -> None:
        """Force the columns to the disk once enough has changed, so that little is ever to be rewritten."""
        if self._changed > _FLUSH_AFTER_ROWS:
            self.arena.flush()
            with self.transaction():
                self.db.execute("delete from changed")
            self._changed = 0

    def _rewrite(self, rows: list[int]) -> None:
        """Write all cells of these rows anew from their documents, whatever stood there."""
        for start in range(0, len(rows), 2000):
            some = rows[start : start + 2000]
            with self.transaction():
                cells = Changes(self._code_for)
                for row in some:
                    document, settled = self.db.execute(
                        "select document, settled from runs where row = ?", (row,)
                    ).fetchone()
                    flat = flatten(unpack(document)) if settled < 2 else {}
                    for name in self.numbers:
                        block = self.block(name, row // ROWS)
                        if name not in flat and block is not None and block[1][row % ROWS]:
                            cells.set(row, name, None)
                    cells.set_all(row, flat)
                self._reserve(cells)
            self.apply(cells)

    def _rebuild_columns(self) -> None:
        self.arena.close()
        self._arena = None
        with self.transaction():
            (self.folder / "columns").unlink(missing_ok=True)
            self.db.execute("delete from extents")
            self.set_meta("extents", 0)
            self._extents.clear()
        self._rewrite([row for (row,) in self.db.execute("select row from runs").fetchall()])
        self.arena.applied(self.change)

    def close(self) -> None:
        if self._arena is not None:
            self._arena.close()
            self._arena = None
        if hasattr(self, "db"):
            self.db.close()


class Texts:
    """The texts of a column by code, with what comparisons need, each made when first asked for."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: NDArray[np.float64] | None = None
        self._ranks: NDArray[np.float64] | None = None

    def load(self, rows: list[tuple[bytes, int]]) -> None:
        texts = [""] * len(rows)
        for text, code in rows:
            texts[code] = text.decode("utf-8", "surrogatepass")
        self.all, self._numbers, self._ranks = texts, None, None

    @property
    def numbers(self) -> NDArray[np.float64]:
        """What each text reads as; NaN where it is no number."""
        if self._numbers is None:
            self._numbers = np.array([float(text) if is_number(text) else np.nan for text in self.all], np.float64)
        return self._numbers

    @property
    def ranks(self) -> NDArray[np.float64]:
        """The place of each text in their order."""
        if self._ranks is None:
            self._ranks = np.empty(len(self.all))
            self._ranks[sorted(range(len(self.all)), key=self.all.__getitem__)] = np.arange(len(self.all))
        return self._ranks


def pack(document: dict[str, Any]) -> bytes:
    return bytes(msgpack.packb(document, unicode_errors="surrogatepass"))


def unpack(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False)
    return document


def hash_words(words: tuple[str, ...]) -> int:
    import zlib

    return zlib.crc32("\0".join(words).encode())


def _same(old: Any, new: Any) -> bool:
    """Whether two cells hold the same; NaN is NaN, and true is not 1."""
    return type(old) is type(new) and (old == new or (old != old and new != new))


def _content_key(digest: Any) -> bytes | None:
    """Half of a digest finds it; none for what is no digest."""
    try:
        return bytes.fromhex(digest)[:16] or None
    except (TypeError, ValueError):
        return None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _quote(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))
