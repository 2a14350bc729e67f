"""JSON, JSON lines and notebooks, by their parsed content."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from anew.reproduction.compare.bounded import Unreadable, need
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.text import compare_texts
from anew.reproduction.compare.values import Mapping, Real, compare_values

Content = Callable[[str, bytes, bytes, Findings], None]


def parsed(text: str) -> Any:
    """JSON as a tree that keeps every number as it was written; a repeated key is refused."""
    return json.loads(text, parse_float=Real, object_pairs_hook=_mapping)


def _mapping(pairs: list[tuple[str, Any]]) -> Mapping:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Unreadable("a key given twice")
    return Mapping(pairs)


def compare_json(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two JSON files by content."""
    compare_values(parsed(a.decode()), parsed(b.decode()), found)


def compare_json_lines(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two files of one JSON text per line."""
    left, right = a.decode().splitlines(), b.decode().splitlines()
    for number, (x, y) in enumerate(zip(left, right, strict=False), 1):
        if x != y and not found.settled:
            if not x.strip() or not y.strip():
                found.differ(f"line {number}", "only one is empty")
            else:
                compare_values(parsed(x), parsed(y), found.under(f"line {number}"))
    if len(left) != len(right):
        found.differ(f"line {min(len(left), len(right)) + 1}", f"{len(left)} -> {len(right)} lines")


def compare_notebooks(a: bytes, b: bytes, found: Findings, content: Content) -> None:
    """Compare two notebooks by sources and outputs; ids and times of execution are set aside."""
    left, right = (json.loads(side) for side in (a, b))
    need(
        all(isinstance(book, dict) and isinstance(book.get("cells"), list) for book in (left, right)),
        "no notebook",
    )
    if len(left["cells"]) != len(right["cells"]):
        found.differ("", f"{len(left['cells'])} -> {len(right['cells'])} cells")
        return
    for number, (x, y) in enumerate(zip(left["cells"], right["cells"], strict=True), 1):
        need(isinstance(x, dict) and isinstance(y, dict), "a cell that is none")
        _compare_cells(x, y, found.under(f"cell {number}"), content)
    rest = [{key: value for key, value in book.items() if key != "cells"} for book in (left, right)]
    _compare_rest(rest[0], rest[1], found)


def _compare_rest(a: Any, b: Any, found: Findings) -> None:
    compare_values(parsed(json.dumps(a)), parsed(json.dumps(b)), found)


def _compare_cells(a: dict[str, Any], b: dict[str, Any], found: Findings, content: Content) -> None:
    if a.get("id") != b.get("id"):
        found.mask("ids")
    metas = [dict(cell.get("metadata", {})) for cell in (a, b)]
    if metas[0].pop("execution", None) != metas[1].pop("execution", None):
        found.mask("dates")
    _compare_rest(metas[0], metas[1], found.under("metadata"))
    compare_texts(_text(a.get("source", "")), _text(b.get("source", "")), found.under("source"))
    outputs = a.get("outputs", []), b.get("outputs", [])
    if len(outputs[0]) != len(outputs[1]):
        found.differ("outputs", f"{len(outputs[0])} -> {len(outputs[1])} outputs")
        return
    for number, (x, y) in enumerate(zip(*outputs, strict=True), 1):
        _compare_outputs(x, y, found.under(f"output {number}"), content)
    known = ("id", "metadata", "source", "outputs")
    rest = [{key: value for key, value in cell.items() if key not in known} for cell in (a, b)]
    _compare_rest(rest[0], rest[1], found)


def _compare_outputs(a: dict[str, Any], b: dict[str, Any], found: Findings, content: Content) -> None:
    data = a.get("data", {}), b.get("data", {})
    if set(data[0]) != set(data[1]) or ("text" in a) != ("text" in b):
        found.differ("", "other kinds of output")
        return
    for kind in data[0]:
        x, y = data[0][kind], data[1][kind]
        if x != y:
            _compare_data(kind, x, y, found.under(kind), content)
    if "text" in a:
        compare_texts(_text(a["text"]), _text(b["text"]), found)
    rest = [{key: value for key, value in side.items() if key not in ("data", "text")} for side in (a, b)]
    _compare_rest(rest[0], rest[1], found)


def _compare_data(kind: str, a: Any, b: Any, found: Findings, content: Content) -> None:
    if kind.endswith("json"):
        _compare_rest(a, b, found)
    elif kind.startswith("image/") and "svg" not in kind:
        raw = [base64.b64decode(_text(side), validate=False) for side in (a, b)]
        need(raw[0] != raw[1], "images encoded otherwise")
        content("image." + kind.rpartition("/")[2], raw[0], raw[1], found)
    elif kind in ("text/html", "image/svg+xml"):
        suffix = "html" if kind == "text/html" else "svg"
        content(f"output.{suffix}", _text(a).encode(), _text(b).encode(), found)
    else:
        compare_texts(_text(a), _text(b), found)


def _text(value: Any) -> str:
    if isinstance(value, list):
        need(all(isinstance(line, str) for line in value), "lines that are no text")
        return "".join(value)
    need(isinstance(value, str), "no text")
    return str(value)
