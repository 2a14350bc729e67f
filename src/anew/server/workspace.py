"""What a page of many runs asks for: rows of a table, its columns, and many series at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import orjson
from starlette.responses import Response

from anew.errors import UsageError
from anew.index.index import Asked
from anew.index.query import And, Compare, Field, IsNull, Node
from anew.routes import Call, Route

_MOST_ROWS = 2000
_MOST_COLUMNS = 200
_MOST_SERIES = 1000
_MOST_POINTS = 20_000
_MOST_GROUPS = 1000
_MOST_VALUES = 100
_MOST_RUNS = 1000
Json = dict[str, Any]
Kind = TypeVar("Kind")


def table(call: Call) -> Json:
    """Rows of a table of runs: only the columns asked for, and how many rows there are in all."""
    body = call.body
    found = call.hub.index().window(
        _read(body, "query", str, ""),
        _within(body),
        _texts(body, "sort", 5) or ["-created"],
        _texts(body, "columns", _MOST_COLUMNS),
        _whole(body, "from", 0, 0, 2**31),
        _whole(body, "count", 100, 1, _MOST_ROWS),
    )
    columns = [[shown(value) for value in column] for column in found.columns]
    return {"total": found.total, "ids": found.ids, "columns": columns}


def columns(call: Call) -> Json:
    """The columns that the newest runs of a selection have, or `runs` alone, and which of them tell the runs apart."""
    runs = _texts(call.body, "runs", _MOST_RUNS) if "runs" in call.body else None
    found = call.hub.index().survey(_read(call.body, "query", str, ""), _within(call.body), runs)
    return {"columns": [asdict(one) for one in found]}


def values(call: Call) -> Json:
    """The values of a column that hold a text, up to a limit."""
    part, limit = call.argument("holds").lower(), call.whole("limit", _MOST_VALUES, 1, 100_000)
    found = []
    for value in call.hub.index().distinct(call.path["column"]):
        if part in str(value).lower():
            found.append(shown(value))
            if len(found) == limit:
                break
    return {"values": found}


def groups(call: Call) -> Json:
    by = call.argument("by")
    if not by:
        raise UsageError("by=COLUMN is missing")
    within = _within({"project": call.argument("project"), "reproductions": call.argument("reproductions") != "false"})
    aggregates = call.arguments("aggregate") or ["count"]
    found = call.hub.index().group(call.argument("query"), by, aggregates, within)
    return {"groups": found[:_MOST_GROUPS], "total": len(found)}


def importance(call: Call) -> Json:
    """How much of a metric's differences between the runs of a selection each parameter accounts for."""
    metric = _read(call.body, "metric", str, "")
    if not metric:
        raise UsageError("metric is missing: a column, such as metrics.loss")
    runs, found = call.hub.index().importance(_read(call.body, "query", str, ""), _within(call.body), metric)
    return {"runs": runs, "parameters": [asdict(one) for one in found[:_MOST_COLUMNS]]}


def series(call: Call) -> Response:
    """Many series at once, each in at most so many real points, spikes kept; those that are not there are left out."""
    told = _read(call.body, "series", list, [])
    if len(told) > _MOST_SERIES:
        raise UsageError(f"series are at most {_MOST_SERIES} at once, not {len(told)}")
    asked = [_asked(one) for one in told]
    points, timed = _whole(call.body, "points", 1000, 8, _MOST_POINTS), _read(call.body, "times", bool, False)
    found = []
    for one, drawn in zip(asked, call.hub.index().several(asked, points, timed=timed), strict=True):
        if drawn is not None:
            line = {"run": one.run_id, "metric": one.metric, "steps": drawn.steps, "values": drawn.values}
            found.append(line | {"total": drawn.total} | ({"times": drawn.times} if timed else {}))
    # NaN and the infinities are null here: a gap in a line.
    data = orjson.dumps({"series": found}, option=orjson.OPT_SERIALIZE_NUMPY)
    headers = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(data, media_type="application/json", headers=headers)


def means(call: Call) -> Response:
    """A metric of groups of runs, a line for each group: its mean from every point that was logged, and its bounds."""
    metric, x = _read(call.body, "metric", str, ""), _read(call.body, "x", str, "step")
    groups = _read(call.body, "groups", list, [])
    if x not in ("step", "relative", "wall") or not all(isinstance(one, list) for one in groups):
        raise UsageError("x is step, relative or wall, and groups are lists of ids")
    runs = [run for group in groups for run in group]
    if len(runs) > _MOST_SERIES or not all(isinstance(run, str) for run in runs):
        raise UsageError(f"groups have at most {_MOST_SERIES} runs together, by their ids")
    points = _whole(call.body, "points", 300, 8, _MOST_POINTS)
    low, high = _number(call.body, "from"), _number(call.body, "to")
    lines = call.hub.index().means(groups, metric, x, low, high, points)
    data = orjson.dumps({"means": [asdict(line) for line in lines]}, option=orjson.OPT_SERIALIZE_NUMPY)
    headers = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(data, media_type="application/json", headers=headers)


def _asked(one: Any) -> Asked:
    if not isinstance(one, Mapping) or not isinstance(one.get("run"), str) or not isinstance(one.get("metric"), str):
        raise UsageError('a series is {"run": id, "metric": name}, and perhaps from and to')
    return Asked(one["run"], one["metric"], _number(one, "from"), _number(one, "to"))


def _within(body: Mapping[str, Any]) -> Node | None:
    """What is asked for besides the query: one project, and no reproductions."""
    parts: list[Node] = []
    project = _read(body, "project", str, "")
    if project:
        parts.append(Compare(Field("", "project"), "=", project))
    if not _read(body, "reproductions", bool, True):
        parts.append(IsNull(Field("", "reproduction_of")))
    return parts[0] if len(parts) == 1 else And(tuple(parts)) if parts else None


def _read(body: Mapping[str, Any], name: str, kind: type[Kind], default: Kind) -> Kind:
    value = body.get(name, default)
    if not isinstance(value, kind):
        raise UsageError(f"{name} is of another kind than {kind.__name__}: {value!r:.60}")
    return value


def _texts(body: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = _read(body, name, list, [])
    if len(found) > most or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{name} are at most {most} texts")
    return found


def _whole(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{name} is a whole number from {least} to {most}, not {value!r:.60}")
    return value


def _number(body: Mapping[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{name} is a number, not {value!r:.60}")
    try:
        return float(value)
    except OverflowError:
        raise UsageError(f"{name} is too large for a number") from None


def shown(value: Any) -> Any:
    """A cell as JSON has it: what is no finite number is spelt out, and a whole number has no point."""
    if isinstance(value, float):
        if value - value != 0:
            return str(value)
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": _TEXT}
_SELECTION = {
    "query": _TEXT | {"description": "in the query language"},
    "project": _TEXT | {"description": "of this project alone"},
    "reproductions": {"type": "boolean", "description": "false: no runs that were made by reproducing others"},
}
_ASKED = {
    "type": "object",
    "properties": {"run": _TEXT, "metric": _TEXT, "from": {"type": "number"}, "to": {"type": "number"}},
    "required": ["run", "metric"],
}
ROUTES = [
    Route(
        "POST", "/api/v1/table", table, about="rows of a table of runs", gives="Table",
        takes=_SELECTION | {
            "sort": _LIST | {"description": "columns, - in front for the greatest first"},
            "columns": _LIST, "from": {"type": "integer", "minimum": 0},
            "count": {"type": "integer", "minimum": 1, "maximum": _MOST_ROWS},
        },
    ),
    Route(
        "POST", "/api/v1/columns", columns, about="the columns of a selection of runs, and which vary", gives="Columns",
        takes=_SELECTION | {"runs": _LIST | {"description": "of these alone"}},
    ),
    Route(
        "POST", "/api/v1/importance", importance, gives="Importance",
        about="what each parameter has to do with a metric",
        takes=_SELECTION | {"metric": _TEXT | {"description": "a column, such as metrics.loss or metrics.loss.min"}},
        needs=["metric"],
    ),
    Route(
        "POST", "/api/v1/series", series, about="many series at once, drawn for a screen", gives="SeriesList",
        takes={"series": {"type": "array", "items": _ASKED},
               "points": {"type": "integer", "minimum": 8, "maximum": _MOST_POINTS}, "times": {"type": "boolean"}},
        needs=["series"],
    ),
    Route(
        "POST", "/api/v1/means", means, about="a metric of groups of runs: means of every point", gives="MeanList",
        takes={"metric": _TEXT, "groups": {"type": "array", "items": _LIST}, "x": _TEXT, "from": {"type": "number"},
               "to": {"type": "number"}, "points": {"type": "integer", "minimum": 8, "maximum": _MOST_POINTS}},
        needs=["metric", "groups"],
    ),
    Route(
        "GET", "/api/v1/groups", groups, about="runs grouped by a column", gives="Groups",
        arguments={"query": "in the query language", "by": "a column", "aggregate": "mean:metrics.x …; repeatable",
                   "project": "of this project alone", "reproductions": "false: without runs that reproduce others"},
    ),
    Route(
        "GET", "/api/v1/values/{column}", values, about="the values of a column", gives="Values",
        arguments={"holds": "a text that stands in them", "limit": "at most so many, 100 without"},
    ),
]  # fmt: skip
