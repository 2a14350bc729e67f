"""Anew's own API, under /api/v1: projects, runs, series, files, output, models, ledger; all of it read from the hub."""

from __future__ import annotations

import io
from typing import Any

from starlette.responses import Response

from anew.errors import UsageError
from anew.index.query import And, Compare, Field, Node, parse
from anew.protocols.mlflow.artifacts import clean, send
from anew.routes import Call, Route
from anew.server import watching

_MOST_RUNS = 1000
_MOST_POINTS = 100_000
_LISTED = (
    "id", "name", "project", "status", "created", "ended", "duration_s", "user", "host", "command", "notes", "config",
    "tags", "summary", "metrics", "verdict", "reproduction_of", "deleted",
)  # fmt: skip
Json = dict[str, Any]


def projects(call: Call) -> Json:
    index = call.hub.index()
    counts = {row["project"]: row["count"] for row in index.group("", "project", ["count"])}
    for name in counts:
        if isinstance(name, str) and name:
            call.hub.projects.ensure(name)
    found = [
        {"id": one.id, "name": one.name, "created": one.created, "deleted": one.deleted, "tags": one.tags}
        | {"runs": counts.get(one.name, 0)}
        for one in call.hub.projects.all()
    ]
    return {"projects": sorted(found, key=lambda project: -project["created"])}


def runs(call: Call) -> Json:
    """A page of runs: by query arguments, or by the body of a POST."""
    told = call.body if call.method == "POST" else {}
    query = str(told.get("query", call.argument("query")))
    sort = told.get("sort", call.arguments("sort")) or ["-created"]
    if not isinstance(sort, list) or not all(isinstance(part, str) for part in sort):
        raise UsageError("sort is a list of columns, such as -metrics.val_acc")
    limit = told.get("limit", call.whole("limit", 50, 1, _MOST_RUNS))
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MOST_RUNS:
        raise UsageError(f"limit is a whole number from 1 to {_MOST_RUNS}")
    node: str | Node = query
    project = str(told.get("project", call.argument("project")))
    if project:
        asked = parse(query)
        own = Compare(Field("", "project"), "=", project)
        node = own if asked is None else And((own, asked))
    documents, cursor = call.hub.index().page(
        node, sort=sort, limit=limit, after=str(told.get("cursor", call.argument("cursor")))
    )
    whole = told.get("whole", call.argument("whole") == "true") is True
    return {"runs": documents if whole else [_short(document) for document in documents], "cursor": cursor}


def _short(document: Json) -> Json:
    grade = document.get("grade") or {}
    return {name: document.get(name) for name in _LISTED} | {"grade": grade.get("letter")}


def run(call: Call) -> Json:
    return call.hub.document(call.path["id"])


def change_run(call: Call) -> Json:
    """Name, notes and tags of a run; a tag of null is removed."""
    hub, run_id, body = call.hub, call.path["id"], call.body
    hub.document(run_id)
    unknown = body.keys() - {"name", "notes", "tags"}
    if unknown:
        raise UsageError(f"of a run name, notes and tags can be changed, not {', '.join(sorted(unknown))}")
    tags = body.get("tags", {})
    if not isinstance(tags, dict) or not all(value is None or isinstance(value, str) for value in tags.values()):
        raise UsageError("tags are names with texts, or null")
    for name, event in (("name", "rename"), ("notes", "notes")):
        if name in body:
            if not isinstance(body[name], str):
                raise UsageError(f"{name} is a text")
            hub.event("runs", run_id, event, {"name" if name == "name" else "text": body[name]})
    if tags:
        hub.event("runs", run_id, "tag", tags)
    return hub.document(run_id)


def delete_run(call: Call) -> Json:
    call.hub.delete_run(call.path["id"], True, call.actor)
    return {}


def restore_run(call: Call) -> Json:
    call.hub.delete_run(call.path["id"], False, call.actor)
    return {}


def series(call: Call) -> Any:
    """The points of a metric: all, or as many as a screen has pixels for, spikes kept."""
    hub, run_id, metric = call.hub, call.path["id"], call.path["metric"]
    hub.document(run_id)
    points = call.whole("points", 0, 0, _MOST_POINTS) or None
    found = hub.index().series(run_id, metric, points=points, x_min=_number(call, "from"), x_max=_number(call, "to"))
    if call.argument("format") == "parquet":
        return _parquet(found)
    values = [value if value - value == 0 else str(value) for value in found.values.tolist()]
    return {"steps": found.steps.tolist(), "times": found.times.tolist(), "values": values, "total": found.total}


def _number(call: Call, name: str) -> float | None:
    text = call.argument(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name}={text!r:.60} is not a number") from None


def _parquet(found: Any) -> Response:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        from anew.errors import MissingExtra

        raise MissingExtra("pyarrow", "export") from None
    table = pyarrow.table({"step": found.steps, "time": found.times, "value": found.values})
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="zstd")
    return Response(out.getvalue(), media_type="application/vnd.apache.parquet")


def files(call: Call) -> Json:
    kept = call.hub.files("runs", call.path["id"])
    return {"files": [{"path": path, "size": item["size"], "digest": item["digest"]} for path, item in kept.items()]}


def file(call: Call) -> Response:
    return send(call, ("runs", call.path["id"]), clean(call.path["path"]))


def output(call: Call) -> Json:
    """What the run printed."""
    from anew.reproduction.record import load

    call.hub.document(call.path["id"])
    found = load(call.hub.store, call.path["id"], call.hub.objects).console
    return {name: text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name, text in found.items()}


def why(call: Call) -> Json:
    """What differs between two runs, ranked by what can have moved the result.

    Their outputs are not opened: a server reads no files that somebody sent it, be they models or tables.
    """
    from anew.reproduction.factors import differences
    from anew.reproduction.record import load

    hub = call.hub
    both = [hub.document(call.path[name])["id"] for name in ("id", "other")]
    return {"causes": differences(*(load(hub.store, run_id, hub.objects) for run_id in both))}


def verdicts(call: Call) -> Json:
    return {"verdicts": call.hub.document(call.path["id"])["verdicts"]}


def ledger(call: Call) -> Json:
    """The entries after `after` (a number; -1 for all), oldest first."""
    after = call.whole("after", -1, -1, 2**53)
    limit = call.whole("limit", 100, 1, 1000)
    found = []
    for entry in call.hub.ledger.entries(after + 1):
        found.append(entry)
        if len(found) == limit:
            break
    return {"entries": found, "after": found[-1]["seq"] if found else after}


_ID = {"id": "the run's id"}
ROUTES = [
    Route("GET", "/api/v1/projects", projects, about="all projects, and how many runs each has", gives="Projects"),
    Route(
        "GET", "/api/v1/runs", runs, about="a page of runs",
        arguments={"query": "in the query language", "sort": "a column, - in front for the greatest first; repeatable",
                   "limit": "1 to 1,000", "cursor": "of the page before", "project": "of this project alone",
                   "whole": "true: whole documents"},
    ),
    Route(
        "POST", "/api/v1/runs/search", runs, about="a page of runs",
        takes={"query": {"type": "string"}, "sort": {"type": "array", "items": {"type": "string"}},
               "limit": {"type": "integer", "minimum": 1, "maximum": _MOST_RUNS}, "cursor": {"type": "string"},
               "project": {"type": "string"}, "whole": {"type": "boolean"}},
    ),
    Route("GET", "/api/v1/runs/{id}", run, about="a run's whole document", gives="Document"),
    Route(
        "PATCH", "/api/v1/runs/{id}", change_run, "write", about="change a run's name, notes or tags", gives="Document",
        takes={"name": {"type": "string"}, "notes": {"type": "string"},
               "tags": {"type": "object", "additionalProperties": {"type": ["string", "null"]}}},
    ),
    Route("DELETE", "/api/v1/runs/{id}", delete_run, "write", about="put a run out of sight; its content stays"),
    Route("POST", "/api/v1/runs/{id}/restore", restore_run, "write", about="put a deleted run back"),
    Route(
        "GET", "/api/v1/runs/{id}/series/{metric...}", series, about="the points of a metric",
        arguments={"points": "at most so many, spikes kept; all without", "from": "least step", "to": "greatest step",
                   "format": "parquet: a file of all points asked for"},
    ),
    Route("GET", "/api/v1/runs/{id}/files", files, about="the files a run wrote and we keep", gives="Files"),
    Route("GET", "/api/v1/runs/{id}/files/{path...}", file, about="one of them; takes Range"),
    Route("GET", "/api/v1/runs/{id}/output", output, about="what a run printed", gives="Output"),
    Route("GET", "/api/v1/runs/{id}/verdicts", verdicts, about="the verdicts of its reproductions"),
    Route("GET", "/api/v1/runs/{id}/why/{other}", why, about="what can have moved the result from one run to another",
          gives="Causes"),
    Route(
        "GET", "/api/v1/ledger", ledger, about="entries of the ledger, oldest first",
        arguments={"after": "the number of the last one known", "limit": "1 to 1,000"}, gives="Ledger",
    ),
    Route("GET", "/api/v1/live", watching.live, streams=True, about="server-sent events: which runs change"),
]  # fmt: skip
