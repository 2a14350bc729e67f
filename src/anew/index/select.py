"""From a mask to an answer: the first rows in an order, counts, groups.

No sort of more than what is returned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.errors import QueryError
from anew.index.catalogue import Catalogue
from anew.index.columns import BOOL, MISSING, NUMBER, ROWS, TEXT, written
from anew.index.evaluate import Binder, Predicate
from anew.index.flatten import ID
from anew.index.query import Field, parse_field

Rows = NDArray[np.int64]
_AGGREGATES = ("mean", "min", "max", "sum")
# How kinds of value follow one another, whichever way they are sorted: numbers, texts, NaN, nothing.
_NUMBERS, _TEXTS, _NANS, _NOTHING = range(4)


class Selection:
    """The rows that pass `predicate` (all, where it is None), of the runs that are there."""

    def __init__(self, binder: Binder, predicate: Predicate | None) -> None:
        self.binder, self.catalogue, self.predicate = binder, binder.catalogue, predicate

    def blocks(self, *, newest: bool = False) -> Iterator[Rows]:
        """The rows, ascending, a block at a time; the blocks from the last to the first with `newest`."""
        blocks = range(math.ceil(self.catalogue.rows / ROWS))
        for block in reversed(blocks) if newest else blocks:
            count = min(ROWS, self.catalogue.rows - block * ROWS)
            there = self.catalogue.block(ID, block)
            if there is None:
                continue
            mask = there[1][:count] != MISSING
            if self.predicate is not None:
                mask = mask & self.predicate(block, count)
            rows = np.flatnonzero(mask)
            if len(rows):
                yield rows + block * ROWS

    def rows(self) -> Rows:
        found = list(self.blocks())
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def count(self) -> int:
        return sum(len(rows) for rows in self.blocks())

    def first(self, sort: Sequence[str | Order], limit: int | None, after: int | None = None) -> Rows:
        """The first `limit` rows in the order of `sort`, of those behind the row `after`; equals follow by the time
        they were made, then by id.
        """
        order = [_key(self.binder, part) for part in sort]
        named = {key.column for key in order}
        order += [_key(self.binder, text) for text in ("-created", "id") if text.lstrip("-") not in named]
        if limit is None:
            rows = self.rows()
            return _ordered(rows if after is None else rows[_behind(order, rows, after)], order)
        if limit <= 0:
            return np.empty(0, np.int64)
        best = _Best(order, limit)
        # The usual question is for the newest: they set a threshold that the older ones don't reach.
        for rows in self.blocks(newest=True):
            best.add(rows if after is None else rows[_behind(order, rows, after)])
        return _ordered(best.rows(), order)


def _behind(order: list[Key], rows: Rows, after: int) -> NDArray[np.bool_]:
    """Which of `rows` come behind the row `after` in this order."""
    behind, level = np.zeros(len(rows), np.bool_), np.ones(len(rows), np.bool_)
    for key in order:
        (kind,), (place,) = key.of(np.array([after], np.int64))
        classes, keys = key.of(rows)
        behind |= level & ((classes > kind) | ((classes == kind) & (keys > place)))
        level &= (classes == kind) & (keys == place)
    return behind


@dataclass(frozen=True, slots=True)
class Order:
    """A part of an order, spelt out. With `sent`, values follow one another as texts: that of the field `sent` where a
    run has one, else the value as it is written.
    """

    field: Field
    down: bool = False
    sent: Field | None = None


def read_order(text: str) -> Order:
    """`created`, `-metrics.val_acc`, or as MLflow has it, `metrics.val_acc DESC`. Raises QueryError."""
    text = text.strip()
    head, _, tail = text.rpartition(" ")
    if head and tail.lower() in ("asc", "desc"):
        return Order(parse_field(head.strip()), tail.lower() == "desc")
    return Order(parse_field(text.removeprefix("-")), text.startswith("-"))


def _key(binder: Binder, part: str | Order) -> Key:
    order = read_order(part) if isinstance(part, str) else part
    return Key(binder, order) if order.sent is None else TextKey(binder, order, order.sent)


class Key:
    """One part of an order, over the columns that are there."""

    def __init__(self, binder: Binder, order: Order) -> None:
        self.down = order.down
        self.column = self._found(binder, order.field)
        self.catalogue = binder.catalogue

    def _found(self, binder: Binder, field: Field) -> str:
        found = binder.columns(field)
        return found[0] if found else ""

    def of(self, rows: Rows) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Class and key of each row: rows follow by class, and within one by key."""
        values, kinds = gather(self.catalogue, self.column, rows)
        texts = kinds == TEXT
        classes = np.full(len(rows), _NUMBERS, np.uint8)
        classes[np.isnan(values)] = _NANS
        if texts.any():
            ranks = self.catalogue.texts(self.column).ranks
            codes = values[texts].astype(np.int64)
            values[texts] = ranks[np.minimum(codes, len(ranks) - 1)]
            classes[texts] = _TEXTS
        classes[kinds == MISSING] = _NOTHING
        values[classes >= _NANS] = 0
        return classes, -values if self.down else values


class TextKey(Key):
    """Values in the order of their texts."""

    def __init__(self, binder: Binder, order: Order, sent: Field) -> None:
        super().__init__(binder, order)
        self.sent = self._found(binder, sent)
        numbers = [self._numbers(block) for block in range(math.ceil(self.catalogue.rows / ROWS))]
        self.numbers = np.unique(np.concatenate(numbers)) if numbers else np.empty(0)
        texts = [self.catalogue.texts(column).all if column else [] for column in (self.column, self.sent)]
        shown = [written(number) for number in self.numbers.tolist()]
        ranks = {text: rank for rank, text in enumerate(sorted({"False", "True", *shown, *texts[0], *texts[1]}))}
        self.ranks = {
            NUMBER: _table(ranks, shown), TEXT: _table(ranks, texts[0]), BOOL: _table(ranks, ["False", "True"]),
        }  # fmt: skip
        self.sent_ranks = _table(ranks, texts[1])

    def _numbers(self, block: int) -> NDArray[np.float64]:
        found = self.catalogue.block(self.column, block) if self.column else None
        return np.empty(0) if found is None else np.unique(found[0][found[1] == NUMBER])

    def of(self, rows: Rows) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        values, kinds = gather(self.catalogue, self.column, rows)
        keys = np.zeros(len(rows))
        for kind, ranks in self.ranks.items():
            here = kinds == kind
            at = np.searchsorted(self.numbers, values[here]) if kind == NUMBER else values[here].astype(np.int64)
            if len(ranks):
                keys[here] = ranks[np.minimum(at, len(ranks) - 1)]
        sent, sent_kinds = gather(self.catalogue, self.sent, rows)
        here = sent_kinds == TEXT
        if here.any() and len(self.sent_ranks):
            keys[here] = self.sent_ranks[np.minimum(sent[here].astype(np.int64), len(self.sent_ranks) - 1)]
        classes = np.where(kinds == MISSING, np.uint8(_NOTHING), np.uint8(_TEXTS))
        return classes, -keys if self.down else keys


def _table(ranks: dict[str, int], texts: list[str]) -> NDArray[np.float64]:
    return np.array([ranks[text] for text in texts], np.float64)


class _Best:
    """The first `limit` of all rows added, by a threshold that sinks: most rows cost one comparison."""

    def __init__(self, order: list[Key], limit: int) -> None:
        self.order, self.limit = order, limit
        self.kept: list[tuple[Rows, NDArray[np.uint8], NDArray[np.float64]]] = []
        self.size = 0
        self.most = max(4 * limit, ROWS)
        self.threshold: tuple[int, float] | None = None

    def add(self, rows: Rows) -> None:
        classes, keys = self.order[0].of(rows)
        if self.threshold is not None:
            kind, key = self.threshold
            near = (classes < kind) | ((classes == kind) & (keys <= key))
            rows, classes, keys = rows[near], classes[near], keys[near]
        self.kept.append((rows, classes, keys))
        self.size += len(rows)
        if self.size > self.most or (self.threshold is None and self.size > self.limit):
            self._prune()

    def _prune(self) -> None:
        rows, classes, keys = (np.concatenate(part) for part in zip(*self.kept, strict=True))
        chosen = _smallest(rows, classes, keys, self.order, self.limit)
        self.kept = [(rows[chosen], classes[chosen], keys[chosen])]
        self.size = len(chosen)
        if self.size == self.limit:
            kind = int(classes[chosen].max())
            self.threshold = kind, float(keys[chosen][classes[chosen] == kind].max())

    def rows(self) -> Rows:
        if not self.kept:
            return np.empty(0, np.int64)
        self._prune()
        return self.kept[0][0]


def _smallest(
    rows: Rows, classes: NDArray[np.uint8], keys: NDArray[np.float64], order: list[Key], limit: int
) -> NDArray[np.int64]:
    """Positions of the `limit` first rows; ties at the edge are settled by the rest of the order."""
    if len(rows) <= limit:
        return np.arange(len(rows))
    taken: list[NDArray[np.int64]] = []
    for kind in range(4):
        here = np.flatnonzero(classes == kind)
        if len(here) > limit:
            edge = np.partition(keys[here], limit - 1)[limit - 1]
            below, ties = here[keys[here] < edge], here[keys[here] == edge]
            taken.append(below)
            limit -= len(below)
            if len(order) > 1 and len(ties) > limit:
                ties = ties[_smallest(rows[ties], *order[1].of(rows[ties]), order[1:], limit)]
            here = ties[:limit]
        taken.append(here)
        limit -= len(here)
        if limit <= 0:
            break
    return np.concatenate(taken)


def _ordered(rows: Rows, order: list[Key]) -> Rows:
    parts: list[NDArray[Any]] = [rows]
    for key in reversed(order):
        classes, keys = key.of(rows)
        parts += [keys, classes]
    return rows[np.lexsort(parts)]


def gather(catalogue: Catalogue, column: str, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Copies of the values and kinds of `rows` (ascending or not) of a column."""
    values, kinds = np.zeros(len(rows)), np.zeros(len(rows), np.uint8)
    if not len(rows) or column not in catalogue.numbers:
        return values, kinds
    blocks = rows // ROWS
    # Rows come a block after the other but for those of a finished order, which are few.
    cuts = np.flatnonzero(blocks[1:] != blocks[:-1]) + 1
    for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(rows)], strict=True):
        block = int(blocks[start])
        found = catalogue.block(column, block)
        if found is None:
            continue
        at: Any = rows[start:end] - block * ROWS
        low, high = int(at[0]), int(at[-1]) + 1
        if high - low == end - start and (end - start < 3 or bool((at[1:] > at[:-1]).all())):
            at = slice(low, high)  # every row from the first to the last: copied as one
        values[start:end], kinds[start:end] = found[0][at], found[1][at]
    return values, kinds


def python_values(catalogue: Catalogue, column: str, rows: Rows) -> list[Any]:
    """The values of `rows` as Python has them: None, bool, float or str, and int where a number is whole."""
    values, kinds = gather(catalogue, column, rows)
    if column == ID:
        return list(catalogue.ids(rows.tolist()))
    texts = catalogue.texts(column).all if (kinds == TEXT).any() else []
    found: list[Any] = []
    for value, kind in zip(values.tolist(), kinds.tolist(), strict=True):
        if kind == NUMBER:
            found.append(value)
        elif kind == TEXT:
            found.append(texts[int(value)] if value < len(texts) else None)
        else:
            found.append(bool(value) if kind == BOOL else None)
    return found


def distinct(selection: Selection, of: str | Field) -> list[Any]:
    """The values of a column over a selection: false, true, numbers, then texts, each in their order."""
    found: set[Any] = set()
    nan = False
    for column in selection.binder.columns(parse_field(of) if isinstance(of, str) else of):
        rows = selection.rows()
        if column == ID:
            return sorted(selection.catalogue.ids(rows.tolist()))
        values, kinds = gather(selection.catalogue, column, rows)
        texts = selection.catalogue.texts(column).all
        for kind in (NUMBER, TEXT, BOOL):
            for value in np.unique(values[kinds == kind]).tolist():
                if value != value:
                    nan = True
                elif kind == TEXT:
                    found.add((2, texts[int(value)]))
                else:
                    found.add((1, value) if kind == NUMBER else (0, bool(value)))
    return [value for _, value in sorted(found)] + ([math.nan] if nan else [])


def group(selection: Selection, by: str, aggregates: Sequence[str]) -> list[dict[str, Any]]:
    """One dict per value of `by`: {by: value, aggregate: number, …}, the largest group first."""
    catalogue = selection.catalogue
    rows = selection.rows()
    columns = selection.binder.columns(parse_field(by))
    values, kinds = gather(catalogue, columns[0] if columns else "", rows)
    if columns == [ID]:
        values = rows.astype(np.float64)
    members, heads = _members(values, kinds)
    count = len(heads)
    heads_values = python_values(catalogue, columns[0] if columns else "", rows[heads]) if count else []
    answer: list[dict[str, Any]] = [{by: value} for value in heads_values]
    for aggregate in aggregates:
        for line, result in zip(answer, _aggregate(selection, aggregate, rows, members, count), strict=True):
            line[aggregate] = result
    sizes = np.bincount(members, minlength=count).tolist()
    shown = [(value is None, str(type(value)), value if value == value else 0) for value in heads_values]
    order = sorted(range(count), key=lambda at: (-sizes[at], shown[at][:2], str(shown[at][2])))
    return [answer[at] for at in order]


def _members(values: NDArray[np.float64], kinds: NDArray[np.uint8]) -> tuple[Rows, Rows]:
    """For each row the number of its group, and for each group one of its rows."""
    members = np.zeros(len(values), np.int64)
    heads: list[Rows] = []
    taken = 0
    for kind in (NUMBER, TEXT, BOOL, MISSING):
        here = np.flatnonzero(kinds == kind)
        if not len(here):
            continue
        if kind == NUMBER:
            _, first, inverse = np.unique(values[here], return_index=True, return_inverse=True)
        else:
            # Codes are small whole numbers: counting needs no sort.
            codes = values[here].astype(np.int64) if kind != MISSING else np.zeros(len(here), np.int64)
            last = np.full(int(codes.max()) + 1, -1, np.int64)
            last[codes] = np.arange(len(codes))
            used = np.flatnonzero(last >= 0)
            place = np.zeros(len(last), np.int64)
            place[used] = np.arange(len(used))
            first, inverse = last[used], place[codes]
        members[here] = inverse + taken
        heads.append(here[first])
        taken += len(first)
    return members, np.concatenate(heads) if heads else np.empty(0, np.int64)


def _aggregate(selection: Selection, aggregate: str, rows: Rows, members: Rows, count: int) -> list[Any]:
    """One result per group: an int for `count`, else a float, None where no row has a number."""
    if aggregate == "count":
        return list(np.bincount(members, minlength=count).tolist())
    name, colon, text = aggregate.partition(":")
    if not colon or name not in _AGGREGATES:
        raise QueryError(
            f"{aggregate!r} is no aggregate; write count or one of mean, min, max, sum as in mean:duration"
        )
    columns = selection.binder.columns(parse_field(text))
    values, kinds = gather(selection.catalogue, columns[0] if columns else "", rows)
    good = (kinds == NUMBER) & ~np.isnan(values)
    members, values = members[good], values[good]
    sizes = np.bincount(members, minlength=count)
    if name in ("min", "max"):
        result = np.full(count, np.inf if name == "min" else -np.inf)
        (np.minimum if name == "min" else np.maximum).at(result, members, values)
    else:
        with np.errstate(all="ignore"):
            result = np.bincount(members, values, minlength=count)
            result = result / np.maximum(sizes, 1) if name == "mean" else result
    pairs = zip(result.tolist(), sizes.tolist(), strict=True)
    return [number if size else None for number, size in pairs]
