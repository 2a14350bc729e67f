"""From a query's tree to masks over blocks of columns. What each comparison means is in docs/query.md."""

from __future__ import annotations

import difflib
import operator
import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anew.errors import QueryError
from anew.index.catalogue import Catalogue, Texts
from anew.index.columns import BOOL, MISSING, NUMBER, ROWS, TEXT
from anew.index.flatten import ALIASES, ID, SENT, SEP, TOP
from anew.index.lexer import is_number
from anew.index.query import (
    STATISTICS,
    And,
    Compare,
    Field,
    In,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    Present,
    Words,
    show_field,
)
from anew.index.times import moment, span_s

Mask: TypeAlias = NDArray[np.bool_]
Predicate: TypeAlias = Callable[[int, int], Mask]  # (block, rows of it) -> mask

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MOST_RANKED = 1000


class Binder:
    """Resolves the names of one query against the columns that are there, and makes its predicates.

    A name that no run has is a QueryError; with `strict` off it counts as a column without values.
    """

    def __init__(self, catalogue: Catalogue, query: str, *, strict: bool = True) -> None:
        self.catalogue, self.query, self.strict = catalogue, query, strict
        self.now = datetime.now()

    def bind(self, node: Node) -> Predicate:
        match node:
            case And(parts):
                return _all([self.bind(part) for part in parts])
            case Or(parts):
                return _any([self.bind(part) for part in parts])
            case Not(of):
                inner = self.bind(of)
                return lambda block, rows: ~inner(block, rows)
            case IsNull(field):
                present = self._present(field)
                return lambda block, rows: ~present(block, rows)
            case Present(field):
                return self._present(field)
            case Words(phrases):
                return _rows(self.matching(phrases))
            case In(field, values, positions):
                at = positions or (field.position,) * len(values)
                pairs = zip(values, at, strict=True)
                return _any([self._compare(field, "=", value, where) for value, where in pairs])
            case Compare(field, sign, value, position):
                return self._compare(field, sign, value, position)

    def columns(self, field: Field) -> list[str]:
        """The columns a field stands for: one, or one per namesake of an input. Raises QueryError."""
        if not field.space:
            name = ALIASES.get(field.name, field.name)
            if name not in TOP:
                raise self._unknown(field, [*TOP, *self._shown()])
            return [ID] if name == "id" else [name]
        name, statistic = field.name, field.statistic
        known = self.catalogue.numbers
        if field.space == "data":
            name = name if statistic else name.removesuffix(".digest")
            found = [f"data.{name}"]
            while found[-1] in known:
                found.append(f"data.{name}{SEP}{len(found) + 1}")
            if len(found) > 1:
                return found[:-1]
        elif not statistic and f"{field.space}.{name}" not in known:
            stem, _, suffix = name.rpartition(".")
            if stem and suffix in STATISTICS and field.space in ("metrics", "system"):
                name, statistic = stem, suffix
        column = f"{field.space}.{name}"
        if statistic and statistic not in ("last", "digest"):
            column += SEP + statistic
        if column not in known:
            if self.strict:
                raise self._unknown(field, self._shown())
            return []
        return [column]

    def _shown(self) -> list[str]:
        hidden = (ID, SENT)
        return [show_column(name) for name in self.catalogue.numbers if not name.startswith(hidden)]

    def _unknown(self, field: Field, known: Sequence[str]) -> QueryError:
        name = show_field(field)
        close = difflib.get_close_matches(name.replace("`", ""), [k.replace("`", "") for k in known], 1, 0.75)
        if close:
            shown = next(k for k in known if k.replace("`", "") == close[0])
            message = f"Unknown column {name}; did you mean {shown}?"
        elif field.space in ("metrics", "system"):
            message = f"Unknown column {name}: no run has ever logged it"
        elif field.space:
            message = f"Unknown column {name}: no run has it"
        else:
            message = f"Unknown column {name}; the columns are {', '.join(TOP)}, metrics.…, params.…, tags.…"
        return QueryError(message, self.query, field.position if self.query else 0)

    def matching(self, phrases: Sequence[str], *, ranked: bool = False) -> NDArray[np.int64]:
        """Rows whose words hold all phrases; with `ranked` the best of the newest thousand first."""
        terms = ['"' + phrase.replace('"', '""').replace("\0", " ") + '"*' for phrase in phrases]
        text = " ".join(terms).encode("utf-8", "replace").decode()
        run = self.catalogue.db.execute
        start, order = 0, "rowid"
        try:
            if ranked:
                # Ranking looks at every match: seconds, for a word that is in each of a million rows.
                newest = run("select rowid from words where words match ? order by rowid desc", (text,))
                rows = newest.fetchmany(_MOST_RANKED)
                start, order = min((row for (row,) in rows), default=0), "rank, rowid"
            sql = f"select rowid from words where words match ? and rowid >= ? order by {order}"
            rows = run(sql, (text, start)).fetchall()
        except sqlite3.OperationalError:
            rows = []  # nothing but punctuation
        return np.array([row for (row,) in rows], np.int64)

    def _present(self, field: Field) -> Predicate:
        def present(column: str) -> Predicate:
            def mask(block: int, rows: int) -> Mask:
                found = self.catalogue.block(column, block)
                return np.zeros(rows, np.bool_) if found is None else found[1][:rows] != MISSING

            return mask

        return _any([present(column) for column in self.columns(field)])

    def _compare(self, field: Field, sign: str, value: Literal, position: int) -> Predicate:
        columns = self.columns(field)
        if columns == [ID]:
            return _rows(self._ids(sign, value))
        if isinstance(value, bool) and sign not in ("=", "!="):
            raise QueryError("true and false have no order", self.query, position)
        test = self._test(columns, sign, value, position)
        return _any([self._column(column, test) for column in columns])

    def _test(self, columns: list[str], sign: str, value: Literal, position: int) -> Test:
        if columns in (["created"], ["ended"]) and sign in _OPERATORS:
            found = None if isinstance(value, bool) else moment(value, self.now)
            if found is None:
                message = f"{value!r} is no time; write '2026-05-01', '2 weeks ago', today or yesterday"
                raise QueryError(message, self.query, position)
            return Interval(sign, *found)
        if columns == ["duration"] and isinstance(value, str) and not is_number(value):
            span = span_s(value)
            if span is None or sign not in _OPERATORS:
                raise QueryError(f"{value!r} is no duration; write '90 s' or '2 hours'", self.query, position)
            value = span
        if columns in (["status"], ["verdict"]) and isinstance(value, str):
            value = value.lower()
        return Like(sign, str(value)) if sign in ("like", "ilike") else Test(sign, value)

    def _ids(self, sign: str, value: Literal) -> NDArray[np.int64]:
        test = Like(sign, str(value)) if sign in ("like", "ilike") else Test(sign, str(value))
        if sign == "=":
            row = self.catalogue.row(str(value))
            return np.array([] if row is None else [row], np.int64)
        every = self.catalogue.db.execute("select row, id from runs where settled < 2 order by row").fetchall()
        texts = Texts()
        texts.all = [run_id for _, run_id in every]
        rows = np.array([row for row, _ in every], np.int64)
        return rows[test.texts(texts)] if len(rows) else rows

    def _column(self, column: str, test: Test) -> Predicate:
        texts: list[Mask] = []

        def mask(block: int, rows: int) -> Mask:
            found = self.catalogue.block(column, block)
            if found is None:
                return np.zeros(rows, np.bool_)
            values, kinds = found[0][:rows], found[1][:rows]
            result = test.numbers(values)
            result &= kinds == NUMBER
            other = kinds > NUMBER
            if other.any():
                if not texts:
                    texts.append(self._table(column, test))
                at = np.flatnonzero(kinds == TEXT)
                if len(texts[0]):
                    # A code that came after the texts were loaded belongs to a newer run: not yet seen.
                    codes = values[at].astype(np.int64)
                    known = codes < len(texts[0])
                    result[at] = texts[0][np.where(known, codes, 0)] & known
                for flag in (False, True):
                    result[(kinds == BOOL) & (values == flag)] = test.flag(flag)
            return result

        return mask

    def _table(self, column: str, test: Test) -> Mask:
        """For each text of a column whether it passes."""
        if type(test) is Test and test.sign == "=" and isinstance(test.value, str):
            code = self.catalogue.code(column, test.value)
            table = np.zeros(0 if code is None else code + 1, np.bool_)
            table[-1:] = True
            return table
        texts = self.catalogue.texts(column)
        return test.texts(texts)


class Test:
    """A comparison with one value, by the kind of what stands on the left."""

    __test__ = False  # not a case for pytest

    def __init__(self, sign: str, value: Literal) -> None:
        self.sign, self.value = sign, value
        self.number: float | None = None
        if not isinstance(value, bool) and (not isinstance(value, str) or is_number(value)):
            try:
                self.number = float(value)
            except OverflowError:
                self.number = float("inf") if isinstance(value, int) and value > 0 else float("-inf")

    def numbers(self, values: NDArray[np.float64]) -> Mask:
        if self.number is None:
            return np.full(len(values), self.sign == "!=", np.bool_)
        if self.number != self.number and self.sign in ("=", "!="):
            return np.isnan(values) if self.sign == "=" else ~np.isnan(values)
        result: Mask = _OPERATORS[self.sign](values, self.number)
        return result

    def flag(self, flag: bool) -> bool:
        same = self.value == flag if isinstance(self.value, bool) else _truth(self.value) is flag
        return same if self.sign == "=" else not same if self.sign == "!=" else False

    def texts(self, texts: Texts) -> Mask:
        compare = _OPERATORS[self.sign]
        if isinstance(self.value, bool):
            return _mask((_truth(text) is self.value) == (self.sign == "=") for text in texts.all)
        if isinstance(self.value, str) and (self.number is None or self.sign in ("=", "!=")):
            return _mask(compare(text, self.value) for text in texts.all)
        if self.sign == "!=":
            return ~Test("=", self.value).texts(texts)
        if self.number != self.number:
            # Among `texts.numbers` NaN says "no number".
            return _mask(self.sign == "=" and text.strip().lower().strip("+-") == "nan" for text in texts.all)
        return self.numbers(texts.numbers)


class Like(Test):
    def __init__(self, sign: str, pattern: str) -> None:
        super().__init__(sign, pattern)
        self.pattern = like(pattern, ignore_case=sign == "ilike")

    def numbers(self, values: NDArray[np.float64]) -> Mask:
        return np.zeros(len(values), np.bool_)

    def flag(self, flag: bool) -> bool:
        return False

    def texts(self, texts: Texts) -> Mask:
        return _mask(self.pattern.fullmatch(text) is not None for text in texts.all)


class Interval(Test):
    """A time against a day or an instant: a day is equal to every moment of it, and is compared by its
    start.
    """

    def __init__(self, sign: str, start: float, end: float) -> None:
        super().__init__(sign, start)
        self.start, self.end = start, end

    def numbers(self, values: NDArray[np.float64]) -> Mask:
        if self.sign in ("=", "!=") and self.end > self.start:
            inside: Mask = (values >= self.start) & (values < self.end)
            return inside if self.sign == "=" else ~inside
        result: Mask = _OPERATORS[self.sign](values, self.start)
        return result


def like(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """SQL's LIKE as an expression that never goes back over a `%`: linear in the text, whatever the
    pattern.
    """
    parts = ["".join("." if c == "_" else re.escape(c) for c in part) for part in pattern.split("%")]
    if len(parts) == 1:
        text = parts[0]
    else:
        text = parts[0] + "".join(f"(?>.*?{part})" for part in parts[1:-1] if part) + ".*" + parts[-1]
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def show_column(column: str) -> str:
    """A column as a query names it."""
    space, dot, name = column.partition(".")
    name, _, statistic = name.partition(SEP)
    if not dot:
        return column
    if space == "data":
        return show_field(Field("data", name, "digest"))
    return show_field(Field(space, name, statistic))


def _truth(value: object) -> bool | None:
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _mask(tests: Any) -> Mask:
    return np.fromiter(tests, np.bool_)


def _rows(rows: NDArray[np.int64]) -> Predicate:
    rows = np.sort(rows)

    def mask(block: int, count: int) -> Mask:
        low, high = np.searchsorted(rows, (block * ROWS, block * ROWS + count))
        result = np.zeros(count, np.bool_)
        result[rows[low:high] - block * ROWS] = True
        return result

    return mask


def _all(parts: list[Predicate]) -> Predicate:
    def mask(block: int, rows: int) -> Mask:
        result = parts[0](block, rows)
        for part in parts[1:]:
            if not result.any():
                break
            result = result & part(block, rows)
        return result

    return mask


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def mask(block: int, rows: int) -> Mask:
        result = np.zeros(rows, np.bool_)
        for part in parts:
            result = result | part(block, rows)
        return result

    return mask
