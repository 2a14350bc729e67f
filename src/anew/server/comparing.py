"""Some runs beside each other: what they were made of and came to, row by row, what is equal told once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from anew.errors import UsageError
from anew.index.flatten import command_text
from anew.nesting import flatten
from anew.routes import Call, Route
from anew.server.workspace import shown

_MOST_RUNS = 50
_MOST_MEDIA = 20_000
_ABOUT = ("name", "project", "status", "created", "duration_s", "verdict", "tags")
_MADE_BY = ("script", "cwd", "user", "host", "by", "exit_code", "notes", "reproduction_of")
# What a run drew from its own entropy, which no two runs share.
_DRAWN = re.compile(r"^seeds\.(entropy$|draws\.)|\.(start|imported)$")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
Json = dict[str, Any]
Side = Callable[[Json], Mapping[str, Any]]


def compare(call: Call) -> Json:
    documents = _documents(call)
    runs = [
        {"id": document["id"]} | {name: document.get(name) for name in _ABOUT} | {"grade": _grade(document)}
        for document in documents
    ]
    sections = [{"name": name, "rows": list(_rows(list(map(side, documents))))} for name, side in _SECTIONS.items()]
    return {"runs": runs, "sections": [section for section in sections if section["rows"]]}


def media(call: Call) -> Json:
    """What was logged besides numbers, and the pictures among the files, of each run; by key, in the order of steps."""
    found: list[Json] = []
    for document in _documents(call):
        for item in document["media"]:
            if item.get("digest"):
                about = {name: item[name] for name in ("step", "size", "caption") if item.get(name) is not None}
                found.append(about | {"run": document["id"], "key": str(item.get("key")), "digest": item["digest"],
                                      "type": str(item.get("type"))})  # fmt: skip
        for item in document["outputs"]:
            path = str(item.get("path"))
            if item.get("digest") and item.get("stored") is not False and path.lower().endswith(_PICTURES):
                kind = "image/svg+xml" if path.lower().endswith(".svg") else f"image/{path.rpartition('.')[2].lower()}"
                found.append({"run": document["id"], "key": path, "digest": item["digest"], "type": kind})
    return {"media": found[:_MOST_MEDIA]}


def _documents(call: Call) -> list[Json]:
    """The documents of the runs that are asked for and there, in their order."""
    asked = call.body.get("runs")
    if not isinstance(asked, list) or len(asked) > _MOST_RUNS or not all(isinstance(one, str) for one in asked):
        raise UsageError(f"runs are at most {_MOST_RUNS} ids")
    return call.hub.index().documents(list(dict.fromkeys(asked)))


def _rows(sides: list[Mapping[str, Any]]) -> Iterator[Json]:
    """A row for each name that any side has, in the order in which they come; a side without it has null."""
    for name in dict.fromkeys(name for side in sides for name in side):
        values = [_cell(side.get(name)) for side in sides]
        equal = all(type(value) is type(values[0]) and value == values[0] for value in values)
        yield {"name": name, "equal": equal, "values": values[:1] if equal else values}


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return shown(value)
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    return json.dumps(value, default=repr, ensure_ascii=False)


def _grade(document: Json) -> Any:
    return (document.get("grade") or {}).get("letter")


def _run(document: Json) -> Json:
    about = {"command": command_text(document.get("command"))}
    about |= {name: document.get(name) for name in _MADE_BY if document.get(name) is not None}
    tags = {f"tags.{name}": value for name, value in document["tags"].items() if name != "anew.colour"}
    return about | {"grade": _grade(document)} | tags


def _code(document: Json) -> Json:
    code = document.get("code") or {}
    facts = {name: code[name] for name in ("commit", "branch", "remote", "dirty") if code.get(name) is not None}
    return facts | dict(sorted((code.get("used") or {}).items()))


def _data(document: Json) -> Json:
    return {str(item["path"]): item.get("digest") or "not kept" for item in document["inputs"]}


def _environment(document: Json) -> Json:
    told = document.get("environment") or {}
    shown = flatten({name: value for name, value in told.items() if name not in ("packages", "digest")}, ".")
    hardware = flatten({"hardware": document.get("hardware") or {}}, ".")
    seeds = flatten({"seeds": document.get("seeds") or {}}, ".")
    return shown | hardware | {name: value for name, value in seeds.items() if not _DRAWN.search(name)}


def _packages(document: Json) -> Json:
    packages = (document.get("environment") or {}).get("packages")
    return dict(sorted(packages.items())) if isinstance(packages, dict) else {}


def _metrics(statistic: str) -> Side:
    return lambda document: {name: of[statistic] for name, of in document["metric_stats"].items()}


_SECTIONS: dict[str, Side] = {
    "metrics": _metrics("last"), "least": _metrics("min"), "greatest": _metrics("max"),
    "config": lambda document: document["config"], "code": _code, "data": _data, "packages": _packages,
    "environment": _environment, "run": _run,
}  # fmt: skip
_TAKES = {
    "runs": {"type": "array", "items": {"type": "string"}, "maxItems": _MOST_RUNS, "description": "ids, in the order"}
}
ROUTES = [
    Route("POST", "/api/v1/compare", compare, about="what some runs were made of and came to, beside each other",
          takes=_TAKES, needs=["runs"], gives="Comparison"),
    Route("POST", "/api/v1/media", media, about="what some runs logged besides numbers", takes=_TAKES, needs=["runs"],
          gives="MediaList"),
]  # fmt: skip
