"""Answers as tables: CSV, JSON, Parquet, pandas, polars. The libraries are loaded when they are asked for."""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anew.errors import MissingExtra
from anew.index.flatten import ID, SEP, flatten

Rows = Sequence[Mapping[str, Any]]


def table(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Documents as flat rows: `id`, then a key per column that any of them has, named as a query names it.

    Of the statistics of a metric only the last value is taken.
    """
    from anew.index.evaluate import show_column

    flats = [{"id": document["id"], **flatten(document)} for document in documents]
    names = dict.fromkeys(name for flat in flats for name in flat if name != ID and SEP not in name)
    shown = {name: show_column(name) for name in names}
    return [{shown[name]: flat.get(name) for name in names} for flat in flats]


def to_csv(rows: Rows) -> str:
    """CSV with a header; a missing value is an empty field, anything nested is JSON."""
    text = io.StringIO()
    names = _names(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_field(row.get(name)) for name in names])
    return text.getvalue()


def to_json(rows: Rows) -> str:
    """A JSON array. NaN and the infinities, which JSON has no word for, are the texts "NaN", "Infinity", …"""
    return json.dumps([_plain(row) for row in rows], ensure_ascii=False, default=repr)


def to_pandas(rows: Rows) -> Any:
    """A pandas DataFrame. Raises MissingExtra."""
    pandas = _load("pandas")
    return pandas.DataFrame(_columns(rows))


def to_polars(rows: Rows) -> Any:
    """A polars DataFrame. Raises MissingExtra."""
    polars = _load("polars")
    return polars.DataFrame(_columns(rows), strict=False)


def to_parquet(rows: Rows, path: Path) -> None:
    """A Parquet file, compressed with zstd. Raises MissingExtra."""
    arrow = _load("pyarrow")
    parquet = _load("pyarrow.parquet")
    parquet.write_table(arrow.table(_columns(rows)), path, compression="zstd")


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(name.partition(".")[0], "export") from error


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _columns(rows: Rows) -> dict[str, list[Any]]:
    """Column by column, each of one type: a column of several becomes texts, of ints and floats floats."""
    columns = {name: [row.get(name) for row in rows] for name in _names(rows)}
    return {name: _of_one_type(values) for name, values in columns.items()}


def _of_one_type(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} or kinds <= {str} or kinds <= {float}:
        return values
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else _field(value) for value in values]


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    return json.dumps(_plain(value), ensure_ascii=False, default=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
