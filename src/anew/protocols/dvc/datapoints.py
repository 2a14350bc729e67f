"""What a plot shows: rows of files, joined by the fields that its definition names for x and y.

A row that is drawn says of which revision, file and field it is. Values stay as the file has them: those of CSV are
strings, as DVC gives them.
"""

from __future__ import annotations

import os

from anew.errors import DvcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Row = dict[str, Any]
    Field = tuple[str, str]  # file, name

STEP = "step"  # where no x is named: the place of the row
_SEVERAL_X, _SEVERAL_Y = "dvc_inferred_x_value", "dvc_inferred_y_value"


class FieldNotFound(DvcError):
    kind = "FieldNotFoundError"


def sources(plot: str, props: dict[str, Any] | None) -> list[str]:
    """The files that a plot takes its data from."""
    y, x = (props or {}).get("y"), (props or {}).get("x")
    found = list(y) if isinstance(y, dict) else [plot]
    if isinstance(x, dict) and x:
        found.append(next(iter(x)))
    return list(dict.fromkeys(found))


def rows_of(content: Any) -> list[Row]:
    """The rows in what a file says: its list of dicts, or those inside of it side by side."""
    found: list[Row] = []
    for rows in _lists(content):
        if rows and all(isinstance(row, dict) for row in rows) and set(rows[0]) == {key for row in rows for key in row}:
            for index, row in enumerate(rows):
                if len(found) <= index:
                    found.append({})
                found[index].update(row)
    return found


def _lists(content: Any) -> Iterator[list[Any]]:
    if isinstance(content, list):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            if isinstance(value, dict):
                yield from _lists(value)
            elif isinstance(value, list):
                yield value


def datapoints(plot: str, props: Row, contents: dict[str, Any], revision: str) -> tuple[list[Row], Row]:
    """The rows of one revision, and what was found out about the plot: fields, labels. ([], {}) when there are none."""
    props = _with_fields(plot, props, contents)
    rows = {file: rows_of(content) for file, content in contents.items()}
    xs, ys = (list(_checked(props.get(axis), rows)) for axis in "xy")
    if len(xs) > 1 and len(xs) != len(ys):
        raise DvcError(
            "Cannot have different number of x and y data sources. Found "
            f"{len(xs)} x and {len(ys)} y data sources."
        )  # fmt: skip
    several_x = len({field for _, field in xs}) > 1
    fields, files = {field for _, field in ys}, {file for file, _ in ys}
    x_name = _SEVERAL_X if several_x else xs[0][1] if xs else STEP
    y_name = _SEVERAL_Y if len(fields) > 1 else next(iter(fields), None)
    shared = len(os.path.commonpath(list(files))) if len(files) > 1 else 0
    found: list[Row] = []
    named = []
    for index, (file, field) in enumerate(ys):
        shown = file[shared:].strip("/\\")
        named.append({"filename": shown, "field": field})
        drawn = [{**row} for row in rows.get(file, [])]
        if y_name == _SEVERAL_Y:
            _take(drawn, y_name, drawn, field)
        if xs:
            x_file, x_field = xs[index] if len(xs) > 1 else xs[0]
            others = rows.get(x_file, [])
            if len(others) != len(drawn):
                raise DvcError(
                    f"Cannot join '{x_field}' from '{x_file}' and '{field}' from '{file}'. "
                    "They have to have same length."
                )
            _take(drawn, x_name, others, x_field)
        else:
            for place, row in enumerate(drawn):
                row[STEP] = place
        for row in drawn:
            row |= {"rev": revision, "filename": shown, "field": field}
        found += drawn
    if not found:
        return [], {}
    return found, props | {"x": x_name, "y": y_name, "anchors_y_definitions": named}


def _with_fields(plot: str, props: Row, contents: dict[str, Any]) -> Row:
    """The definition with the files of x and y named, and both axes labelled."""
    x, y = props.get("x"), props.get("y")
    found = dict(props)
    if isinstance(x, str):
        if isinstance(y, dict):
            found["x"] = {file: [x] * len(names) if isinstance(names, list) else x for file, names in y.items()}
        else:
            found["x"] = {plot: x}
    if y is None:
        found["y"] = _last_field(plot, contents)
    elif not isinstance(y, dict):
        found["y"] = {plot: y}
    for axis, none in (("y", None), ("x", STEP)):
        if found.get(f"{axis}_label") is None:
            fields = {field for _, field in _fields(found.get(axis))}
            known = isinstance(found.get(axis), dict)
            found[f"{axis}_label"] = (next(iter(fields)) if len(fields) == 1 else axis) if known else none
    return found


def _last_field(plot: str, contents: dict[str, Any]) -> dict[str, str] | None:
    """Without a y, the last field of the file's first rows is drawn."""
    for rows in _lists(contents[plot]) if plot in contents else ():
        if rows and all(isinstance(row, dict) and row for row in rows):
            return {plot: list(rows[0])[-1]}
    return None


def _fields(axis: Any) -> Iterator[Field]:
    for file, names in axis.items() if isinstance(axis, dict) else ():
        for name in names if isinstance(names, list) else [names]:
            yield file, name


def _checked(axis: Any, rows: dict[str, list[Row]]) -> Iterator[Field]:
    for file, field in _fields(axis):
        if rows.get(file) and field not in rows[file][0]:
            there = ", ".join(map(str, rows[file][0]))
            raise FieldNotFound(f"Could not find provided field ('{field}') in data fields ('{there}').")
        yield file, field


def _take(rows: list[Row], name: str, others: list[Row], field: str) -> None:
    for row, other in zip(rows, others, strict=True):
        if field in other:
            row[name] = other[field]
