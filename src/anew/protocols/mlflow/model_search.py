"""logged-models/search: a filter language that is nearly that of runs, orders, and metrics on datasets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from anew.hub import Hub
from anew.index.query import Field, In
from anew.protocols.mlflow.entities import Json, location, milliseconds
from anew.protocols.mlflow.errors import MlflowError, invalid
from anew.protocols.mlflow.filters import Condition, Token, comparison, matches_text, texts_of, tokens_of

_ENTITY = re.compile(r"([a-z]+)\.(.+)", re.DOTALL)
_SPACES = {"attributes": "attribute", "metrics": "metric", "params": "param", "tags": "tag"}
_ALIASES = {
    "creation_time": "creation_timestamp_ms",
    "creation_timestamp": "creation_timestamp_ms",
    "last_updated_timestamp": "last_updated_timestamp_ms",
}
_TIMES = ("creation_timestamp_ms", "last_updated_timestamp_ms")
_ORDERED = (*_TIMES, "name", "model_id", "model_type", "status", "source_run_id", "experiment_id")
_KEYS = (*_ORDERED, "artifact_location", "lifecycle_stage")
_NUMBER_SIGNS = ("<", "<=", ">", ">=", "=", "!=")
_TEXT_SIGNS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_NULL_SIGNS = ("IS NULL", "IS NOT NULL")
_WORDS = {
    "LOGGED_MODEL_STATUS_UNSPECIFIED": "UNSPECIFIED",
    "LOGGED_MODEL_PENDING": "PENDING",
    "LOGGED_MODEL_READY": "READY",
    "LOGGED_MODEL_UPLOAD_FAILED": "FAILED",
}


def info_of(hub: Hub, document: Json) -> Json:
    """What a model is, in MLflow's words."""
    project = hub.projects.ensure(str(document.get("project") or "Default"))
    return {
        "model_id": document["id"],
        "experiment_id": project.id,
        "name": document.get("name") or "",
        "creation_timestamp_ms": milliseconds(document["created"]),
        "last_updated_timestamp_ms": milliseconds(document.get("updated") or document["created"]),
        "artifact_uri": f"{location(project).rstrip('/')}/models/{document['id']}/artifacts",
        "status": document.get("state") or "LOGGED_MODEL_PENDING",
        "model_type": document.get("model_type") or "",
        "source_run_id": document.get("source_run_id") or "",
    }


def parse(text: str) -> list[Condition]:
    """The conditions of a filter string over logged models. Raises MlflowError."""
    tokens = tokens_of(text)
    found: list[Condition] = []
    at, joined = 0, True
    while at < len(tokens):
        if tokens[at].value.upper() == "AND":
            at, joined = at + 1, True
            continue
        sign, after = comparison(tokens, at + 1)
        if not joined or not sign or tokens[at].kind != "name":
            raise _no_list(text)
        space, key = _entity(tokens[at].value)
        if sign in _NULL_SIGNS and space in ("param", "tag"):
            found.append(Condition(space, key, sign))
            at, joined = after, False
            continue
        if after >= len(tokens):
            raise _no_list(text)
        found.append(Condition(space, key, sign, _value(space, key, sign, tokens[after])))
        at, joined = after + 1, False
    return found


def _no_list(text: str) -> MlflowError:
    return invalid(
        f"Invalid filter string: {text!r}. Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 "
        "AND params.lr = 0.01')."
    )


def _entity(written: str) -> tuple[str, str]:
    match = _ENTITY.fullmatch(written)
    if match is None:
        key = _ALIASES.get(written, written).strip("`")
        space = "attribute"
    else:
        if match[1] not in _SPACES:
            raise invalid(f"Invalid entity type: {match[1]!r}. Expected one of {list(_SPACES)}.")
        space, key = _SPACES[match[1]], match[2].strip('`"')
        key = _ALIASES.get(key, key) if space == "attribute" else key
    if space == "attribute" and key not in _KEYS:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are {list(_KEYS)}.")
    return space, key


def _value(space: str, key: str, sign: str, token: Token) -> Any:
    is_number = space == "metric" or key in _TIMES
    signs = _NUMBER_SIGNS if is_number else _TEXT_SIGNS
    if sign not in signs:
        shown = f"{next(name for name, short in _SPACES.items() if short == space)}.{key}"
        raise invalid(f"Invalid comparison operator for {shown}: {sign!r}. Expected one of {signs}.")
    if is_number:
        if token.kind != "number":
            raise invalid(f"Expected a number for {key}. Found {token.value}")
        return float(token.value)
    if sign in ("IN", "NOT IN"):
        return texts_of(token.value)
    if token.kind != "text":
        raise invalid(f"Expected a quoted string value for {key}. Found {token.value}")
    return token.value[1:-1]


def find(
    hub: Hub, names: tuple[str, ...], conditions: list[Condition], datasets: list[Json], order: list[Json]
) -> list[Json]:
    """The documents of the models of some projects that pass, in order. Raises MlflowError."""
    documents = hub.index("models").search(
        In(Field("", "project"), names), sort=["-created", "id"], limit=None, strict=False
    )
    found = [
        document
        for document in documents
        if (not datasets or any(_on(metric, datasets) for metric in document["logged_metrics"]))
        and all(_holds(hub, document, condition, datasets) for condition in conditions)
    ]
    for clause in reversed(order):
        found = _sorted(hub, found, clause)
    return found


def _holds(hub: Hub, document: Json, condition: Condition, datasets: list[Json]) -> bool:
    key = condition.key
    if condition.space == "tag":
        return matches_text(document["tags"].get(key), condition)
    if condition.space == "param":
        return matches_text((document.get("raw") or {}).get(key, document["config"].get(key)), condition)
    if condition.space == "metric":
        values = [m["value"] for m in document["logged_metrics"] if m["key"] == key and _on(m, datasets)]
        return any(matches_text(value, condition) for value in values)
    info = info_of(hub, document)
    if key == "status":
        wanted = condition.value
        known = (
            tuple(_WORDS.get(one, one) for one in wanted) if isinstance(wanted, tuple) else _WORDS.get(wanted, wanted)
        )
        return matches_text(_WORDS[info["status"]], Condition("attribute", key, condition.sign, known))
    if key == "lifecycle_stage":
        return matches_text("active", condition)  # those deleted are not found at all
    return matches_text(info["artifact_uri"] if key == "artifact_location" else info[key], condition)


def _on(metric: Json, datasets: list[Json]) -> bool:
    """Whether a metric is of one of the datasets that are asked for."""
    return not datasets or any(
        one.get("dataset_name") in (None, "", metric.get("dataset_name"))
        and one.get("dataset_digest") in (None, "", metric.get("dataset_digest"))
        for one in datasets
    )


def _sorted(hub: Hub, found: list[Json], clause: Json) -> list[Json]:
    name = str(clause.get("field_name") or "")
    space, dot, key = name.partition(".")
    value: Callable[[Json], Any]
    if dot and space == "metrics":

        def value(document: Json) -> Any:
            held = [m for m in document["logged_metrics"] if m["key"] == key and _on(m, [clause])]
            return max(held, key=lambda m: (m["step"], m["timestamp"]))["value"] if held else None
    elif dot:
        raise invalid(f"Invalid order by field name: {name}. Only metrics are supported.")
    else:
        field = _ALIASES.get(name, name)
        if field not in _ORDERED:
            raise invalid(f"Invalid order by field name: {name}")

        def value(document: Json) -> Any:
            return info_of(hub, document)[field]

    there = [document for document in found if value(document) is not None]
    lacking = [document for document in found if value(document) is None]
    return sorted(there, key=value, reverse=clause.get("ascending") is False) + lacking
