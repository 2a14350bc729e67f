"""SQLite: schema, settings and rows, read from a copy that nothing can write to."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from anew.reproduction.compare import timings
from anew.reproduction.compare.accidents import compare_cell_text, number_rule
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.values import Mapping, compare_values

SIGNATURE = b"SQLite format 3\0"
STEPS_MOST = 20_000  # of a million virtual machine instructions each
_SETTINGS = ("user_version", "application_id", "encoding", "auto_vacuum")


def compare_sqlite(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two databases by schema and by every table's rows in the order of their row ids."""
    with _opened(a) as left, _opened(b) as right:
        for setting in _SETTINGS:
            x, y = (side.execute(f"PRAGMA {setting}").fetchone() for side in (left, right))
            compare_values(x, y, found, where=setting)
        tables = [_schema(side) for side in (left, right)]
        if tables[0] != tables[1]:
            first = min(set(tables[0].items()) ^ set(tables[1].items()), key=repr)
            found.differ(f"schema of {first[0][1]}", f"{tables[0].get(first[0])!r} -> {tables[1].get(first[0])!r}")
            return
        for (kind, name), sql in tables[0].items():
            need(not (sql or "").lstrip().upper().startswith("CREATE VIRTUAL"), "a virtual table")
            if kind == "table" and not found.settled:
                _compare_rows(left, right, name, found)


@contextmanager
def _opened(data: bytes) -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="anew-") as folder:
        path = Path(folder) / "copy.db"
        path.write_bytes(data)
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
            steps = iter(range(STEPS_MOST))
            db.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
            db.text_factory = bytes
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON"):
                db.execute(f"PRAGMA {pragma}")
            checked = db.execute("PRAGMA integrity_check(1)").fetchall()
            need(checked == [(b"ok",)], "a damaged database")
            yield db


def _schema(db: sqlite3.Connection) -> dict[tuple[str, str], str | None]:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    named = {}
    for kind, name, table, sql in rows:
        need(isinstance(kind, bytes) and isinstance(name, bytes), "a schema without names")
        named[kind.decode(), name.decode()] = f"{(table or b'').decode()}: {sql.decode()}" if sql is not None else None
    return named


def _compare_rows(a: sqlite3.Connection, b: sqlite3.Connection, name: str, found: Findings) -> None:
    cursors = [_rows(side, name) for side in (a, b)]
    heads = [[column[0] for column in cursor.description] for cursor in cursors]
    need(heads[0] == heads[1], "columns differ though their schema does not")
    for number, (x, y) in enumerate(zip_longest(*cursors), 1):
        if x == y or found.settled:
            _same_types(x, y, found, f"table {name} row {number}")
            continue
        if x is None or y is None:
            found.differ(f"table {name} row {number}", "only in the first" if y is None else "only in the second")
            return
        left, right = (Mapping(list(zip(heads[0], map(_text, row), strict=True))) for row in (x, y))
        _compare_row(left, right, found.under(f"table {name} row {number}"))


def _compare_row(a: Mapping, b: Mapping, found: Findings) -> None:
    header = [key for key, _ in a.pairs]
    for (key, x), (_, y) in zip(a.pairs, b.pairs, strict=True):
        if repr(x) == repr(y):
            continue
        if all(isinstance(value, (int, float)) for value in (x, y)):
            rule = number_rule(key, x, y, found, timings.is_table_timing(key, header))
            if rule and type(x) is type(y):
                found.mask(rule)
            else:
                found.differ_pair(key, x, y)
        elif isinstance(x, str) and isinstance(y, str) and "\n" not in x:
            compare_cell_text(x, y, key, found, key, timings.is_table_timing(key, header))
        else:
            compare_values(x, y, found, where=key)


def _same_types(a: Any, b: Any, found: Findings, where: str) -> None:
    """1 == 1.0 and 0.0 == -0.0 in Python, so equal rows are looked at once more."""
    if a is not None and b is not None and repr(a) != repr(b):
        found.differ(where, f"{a!r} -> {b!r}")


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _rows(db: sqlite3.Connection, name: str) -> sqlite3.Cursor:
    quoted = '"' + name.replace('"', '""') + '"'
    try:
        return db.execute(f"SELECT rowid AS rowid, * FROM {quoted} ORDER BY rowid")
    except sqlite3.OperationalError:
        return db.execute(f"SELECT * FROM {quoted}")
