"""What data is, as far as it says itself: columns and rows of tables, classes of image folders.

Told from names, heads and footers: a large table is never parsed as a whole for it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anew.errors import MissingExtra

IMAGES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".npy"}
TABLES = {".csv", ".tsv", ".parquet", ".arrow", ".feather", ".jsonl", ".ndjson"}
_MOST_TABLES, _MOST_COLUMNS, _MOST_CLASSES = 20, 500, 1000
_HEAD_BYTES = 1 << 18
_BLOCK_BYTES = 1 << 20
_READ_ROWS = 1000  # of a text, from which the types of its columns are told

_TELLING = re.compile(f"({'|'.join(map(re.escape, sorted(IMAGES | TABLES)))})(?:\0|$)", re.IGNORECASE)

Facts = dict[str, Any]


def facts_of(path: Path) -> Facts:
    """`tables`: by path below `path`, each with columns (name to type) and rows (None: not told without parsing it).

    `classes`: images by the folder they lie in, where there are two such folders or more. What can't be read as its
    name says is told of in `unread`.
    """
    facts: Facts = {}
    tables: dict[str, Facts] = {}
    unread: dict[str, str] = {}
    classes: Counter[str] = Counter()
    for relative, suffix in _files(path):
        if suffix in IMAGES and "/" in relative:
            classes[os.path.dirname(relative)] += 1
        elif suffix in TABLES and len(tables) + len(unread) < _MOST_TABLES:
            try:
                tables[relative] = _READERS[suffix](path / relative if path.is_dir() else path)
            except (OSError, ValueError, csv.Error, MissingExtra) as error:
                unread[relative] = str(error).partition("\n")[0][:200]
    if tables:
        facts["tables"] = tables
    if unread:
        facts["unread"] = unread
    if len(classes) > 1:
        facts["classes"] = dict(sorted(classes.items())[:_MOST_CLASSES])
    return facts


def type_of(texts: list[str]) -> str:
    """What a column of text holds: integer, number, boolean, text, or empty."""
    said = [text for text in texts if text.strip()]
    if not said:
        return "empty"
    if all(text.strip().lower() in ("true", "false") for text in said):
        return "boolean"
    for name, parse in (("integer", int), ("number", float)):
        try:
            for text in said:
                parse(text)
        except ValueError:
            continue
        return name
    return "text"


def _files(path: Path) -> Iterator[tuple[str, str]]:
    if path.is_file():
        yield path.name, path.suffix.lower()
        return
    for base, folders, files in os.walk(path):
        folders.sort()
        if not _TELLING.search("\0".join(files)):
            continue  # at once: a look at each name takes ten times as long
        below = os.path.relpath(base, path)
        for name in sorted(files):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in IMAGES or suffix in TABLES:
                yield (name if below == "." else f"{below}/{name}"), suffix


def _csv(path: Path, delimiter: str = ",") -> Facts:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    whole = head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    rows = list(csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline=""), delimiter=delimiter))[: _READ_ROWS + 1]
    if not rows or not rows[0]:
        return {"columns": {}, "rows": 0}
    columns = zip(*(row for row in rows[1:] if len(row) == len(rows[0])), strict=True) if len(rows) > 1 else []
    types = [type_of(list(column)) for column in columns] or ["empty"] * len(rows[0])
    lines = _lines(path, quoted=True)
    return {"columns": _named(rows[0], types), "rows": None if lines is None else max(lines - 1, 0)}


def _json_lines(path: Path) -> Facts:
    types: dict[str, str] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number == _READ_ROWS:
                break
            if line.strip():
                row = json.loads(line)
                for key, value in (row if isinstance(row, dict) else {"value": row}).items():
                    types[key] = _merged(types.get(key), _JSON_TYPES.get(type(value), "object"))
    return {"columns": _named(list(types), list(types.values())), "rows": _lines(path, quoted=False)}


_JSON_TYPES = {int: "integer", float: "number", bool: "boolean", str: "text", type(None): "empty", list: "list"}


def _merged(a: str | None, b: str) -> str:
    if a in (None, "empty", b):
        return b
    if b == "empty":
        return str(a)
    return "number" if {a, b} == {"integer", "number"} else "mixed"


def _parquet(path: Path) -> Facts:
    parquet = _pyarrow("pyarrow.parquet")
    footer = parquet.ParquetFile(path)
    schema = footer.schema_arrow
    return {"columns": _named(schema.names, [str(t) for t in schema.types]), "rows": footer.metadata.num_rows}


def _arrow(path: Path) -> Facts:
    ipc = _pyarrow("pyarrow.ipc")
    with path.open("rb") as file:
        try:
            reader = ipc.open_file(file)
            rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
        except ValueError:
            file.seek(0)
            reader = ipc.open_stream(file)
            rows = sum(batch.num_rows for batch in reader)
        return {"columns": _named(reader.schema.names, [str(t) for t in reader.schema.types]), "rows": rows}


def _pyarrow(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtra("pyarrow", "export") from None


def _named(names: list[str], types: list[str]) -> dict[str, str]:
    return dict(list(zip(names, types, strict=True))[:_MOST_COLUMNS])


def _lines(path: Path, *, quoted: bool) -> int | None:
    """Lines that hold something; None where a quoted one may go over several."""
    count, last = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            if quoted and b'"' in block:
                return None
            count += block.count(b"\n")
            if b"\n\n" in last + block or b"\n\r\n" in last + block:
                return _full_lines(path)
            last = block[-2:]
    return count + (not last.endswith(b"\n"))


def _full_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


_READERS: dict[str, Callable[[Path], Facts]] = {
    ".csv": _csv,
    ".tsv": lambda path: _csv(path, "\t"),
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
