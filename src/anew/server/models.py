"""The registry under /api/v1: models with their versions, what was done to them, and moving them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from anew.errors import NotFound, UsageError
from anew.routes import Call, Route

_MOST_ENTRIES = 1000
Json = dict[str, Any]


def models(call: Call) -> Json:
    found = sorted(call.hub.registry.all(), key=lambda model: model.name)
    return {"models": [_plain(model) for model in found]}


def model(call: Call) -> Json:
    shown: Json = _plain(call.hub.registry.get(call.path["name"]))
    return shown


def history(call: Call) -> Json:
    """What the ledger says of a model, under all the names it had, the newest first."""
    name = call.hub.registry.get(call.path["name"]).name
    names, found = {name}, []
    for entry in reversed([one for one in call.hub.ledger.entries() if one["kind"] == "model"]):
        body = entry["body"]
        if body.get("action") == "rename" and body.get("after") in names:
            names = {entry["subject"]}
        elif entry["subject"] not in names:
            continue
        found.append(entry)
        if body.get("action") == "create" or len(found) == _MOST_ENTRIES:
            break
    return {"entries": found, "after": found[0]["seq"] if found else -1}


def move(call: Call) -> Json:
    """Put a version into a stage, and archive what is there if asked."""
    stage, archive = call.body.get("stage"), call.body.get("archive_existing", False)
    if not isinstance(stage, str) or not isinstance(archive, bool):
        raise UsageError('"stage" is the name of one, and "archive_existing" true or false')
    name, number = call.path["name"], _number(call.path["number"])
    call.hub.registry.move(name, number, stage, archive_existing=archive, actor=call.actor)
    return model(call)


def alias(call: Call) -> Json:
    """Let an alias stand for a version; null removes it."""
    number = call.body.get("version")
    if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
        raise UsageError('"version" is the number of one, or null')
    call.hub.registry.set_alias(call.path["name"], call.path["alias"], number, call.actor)
    return model(call)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound(f"no version {text:.30}")
    return int(text)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value


_BASE = "/api/v1/models"
ROUTES = [
    Route("GET", _BASE, models, about="all registered models", gives="Models"),
    Route("GET", f"{_BASE}/{{name}}", model, about="a registered model with its versions", gives="Model"),
    Route("GET", f"{_BASE}/{{name}}/history", history, about="what was done to a model, newest first", gives="Ledger"),
    Route(
        "POST", f"{_BASE}/{{name}}/versions/{{number}}/stage", move, "write", about="put a version into a stage",
        takes={"stage": {"type": "string"}, "archive_existing": {"type": "boolean"}}, needs=["stage"], gives="Model",
    ),
    Route(
        "POST", f"{_BASE}/{{name}}/aliases/{{alias}}", alias, "write", about="let an alias stand for a version",
        takes={"version": {"type": ["integer", "null"]}}, gives="Model",
    ),
]  # fmt: skip
