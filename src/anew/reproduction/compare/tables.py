"""CSV and TSV, cell by cell; the order of rows and columns matters."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from anew.reproduction.compare import timings
from anew.reproduction.compare.accidents import compare_cell_text, number_rule
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.tokens import parsed_number


def compare_tables(a: bytes, b: bytes, found: Findings, delimiter: str) -> None:
    """Compare two tables by cell. Rows are counted from 1, the header not among them."""
    texts = a.decode("utf-8-sig"), b.decode("utf-8-sig")
    left, right = (_rows(text, delimiter) for text in texts)
    header: list[str] | None = None
    for number, (x, y) in enumerate(itertools.zip_longest(left, right)):
        if found.settled:
            return
        if x is None or y is None:
            found.differ(f"row {number + (header is None)}", "only in the first" if y is None else "only in the second")
            return
        if number == 0 and x == y and x and not any(parsed_number(cell) is not None for cell in x):
            header = x
        elif x != y:
            _compare_rows(x, y, header, found, number + (header is None))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _compare_rows(a: list[str], b: list[str], header: list[str] | None, found: Findings, number: int) -> None:
    if len(a) != len(b):
        found.differ(f"row {number}", f"{len(a)} -> {len(b)} cells")
        return
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        if x == y:
            continue
        named = header is not None and index < len(header)
        name = header[index] if header is not None and named else ""
        compare_cell(x, y, name, header or [], found, f"column {name or index + 1} row {number}")


def compare_cell(a: str, b: str, name: str, header: list[str], found: Findings, where: str) -> None:
    """Compare two cells of the column `name`."""
    x, y = parsed_number(a.strip()), parsed_number(b.strip())
    if x is None or y is None:
        compare_cell_text(a, b, name, found, where, timings.is_table_timing(name, header))
        return
    need("," not in a + b, "thousands")
    rule = number_rule(name, x, y, found, timings.is_table_timing(name, header))
    if rule:
        found.mask(rule)
    else:
        found.differ_pair(where, x, y, f"{a} -> {b}")
