"""MLflow's logged models: what a training run made, before (and whether or not) it is registered."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from anew.errors import RunNotFound
from anew.hub import Hub
from anew.index.query import Field, In
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.artifacts import clean, listing, send
from anew.protocols.mlflow.entities import Json, location, milliseconds
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.experiments import check_active, find
from anew.protocols.mlflow.filters import Condition, matches_text, parse_filter
from anew.protocols.mlflow.paging import page
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import made_up_name
from anew.routes import Call, Route

KIND = "models"
_DEFAULT_RESULTS = 100
_STATUSES = {0: "LOGGED_MODEL_STATUS_UNSPECIFIED", 1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY"}
_STATUSES[3] = "LOGGED_MODEL_UPLOAD_FAILED"
_FIELDS = {
    "creation_timestamp": "creation_timestamp_ms",
    "creation_time": "creation_timestamp_ms",
    "last_updated_timestamp": "last_updated_timestamp_ms",
    "last_updated_time": "last_updated_timestamp_ms",
}


def get_document(hub: Hub, model_id: str, *, deleted: bool = False) -> Json:
    try:
        document = hub.document(model_id, KIND)
    except RunNotFound:
        document = {"deleted": True}
    if document.get("deleted") and not (deleted and "id" in document):
        raise missing(f"Logged model with ID '{model_id}' not found.")
    return document


def shown(hub: Hub, document: Json) -> Json:
    """A logged model in MLflow's words."""
    project = hub.projects.ensure(str(document.get("project") or "Default"))
    info: Json = {
        "model_id": document["id"],
        "experiment_id": project.id,
        "name": document.get("name") or "",
        "creation_timestamp_ms": milliseconds(document["created"]),
        "last_updated_timestamp_ms": milliseconds(document.get("updated") or document["created"]),
        "artifact_uri": f"{location(project).rstrip('/')}/models/{document['id']}/artifacts",
        "status": document.get("state") or _STATUSES[1],
        "model_type": document.get("model_type") or "",
        "source_run_id": document.get("source_run_id") or "",
    }
    if document["tags"]:
        info["tags"] = [{"key": key, "value": str(value)} for key, value in document["tags"].items()]
    raw = document.get("raw") or {}
    data: Json = {}
    if document["config"]:
        params = document["config"].items()
        data["params"] = [{"key": name, "value": str(raw.get(name, value))} for name, value in params]
    if document["logged_metrics"]:
        data["metrics"] = _latest(document)
    return {"info": info, "data": data}


def _latest(document: Json) -> list[Json]:
    """The last value of each metric, on each dataset, by each run."""
    found: dict[tuple[str, ...], Json] = {}
    for metric in document["logged_metrics"]:
        key = tuple(str(metric.get(name, "")) for name in ("key", "dataset_name", "dataset_digest", "run_id"))
        before = found.get(key)
        if before is None or (metric["step"], metric["timestamp"]) >= (before["step"], before["timestamp"]):
            found[key] = metric
    return [metric | {"value": fields.shown_number(metric["value"])} for metric in found.values()]


def log_metrics(hub: Hub, run_id: str, model_id: str, metrics: list[Json]) -> None:
    """What a run logged about a model, kept with the model, too; a model that is not there is passed over."""
    if not (hub.store.root / KIND / model_id).is_dir():
        return
    hub.points(model_id, [((m["key"],), [m["value"]], m["step"], m["timestamp"] / 1000) for m in metrics], KIND)
    for metric in metrics:
        hub.event(KIND, model_id, "metric", metric | {"model_id": model_id, "run_id": run_id})


def create(call: Call) -> Json:
    hub = call.hub
    project = find(hub, fields.text(call, "experiment_id", required=True))
    name = fields.text(call, "name")
    if name and any(mark in name for mark in "/:.%\"'"):
        raise invalid(
            f"Invalid model name ({name!r}) provided. Model name must be a non-empty string and cannot contain the "
            "following characters: ['/', ':', '.', '%', '\"', \"'\"]"
        )
    params, tags = dict(fields.pairs(call, "params")), dict(fields.pairs(call, "tags"))
    check_active(project)
    body = {
        "name": name or made_up_name(),
        "project": project.name,
        "model_type": fields.text(call, "model_type"),
        "source_run_id": fields.text(call, "source_run_id"),
        "state": _STATUSES[1],
        "by": "mlflow",
    }
    model_id = hub.create(KIND, body, f"m-{uuid.uuid4().hex}")
    _write_params(hub, model_id, params)
    if tags:
        hub.event(KIND, model_id, "tag", tags)
    return {"model": shown(hub, hub.document(model_id, KIND))}


def _write_params(hub: Hub, model_id: str, params: dict[str, str]) -> None:
    if params:
        values = {key: fields.typed(value) for key, value in params.items()}
        raw = {key: value for key, value in params.items() if str(values[key]) != value}
        hub.event(KIND, model_id, "config", {"values": values, "source": "mlflow", "raw": raw})


def _touch(hub: Hub, model_id: str, **changed: Any) -> None:
    hub.event(KIND, model_id, "run", {"updated": time.time(), **changed})


def get(call: Call) -> Json:
    deleted = call.argument("allow_deleted").lower() == "true"
    return {"model": shown(call.hub, get_document(call.hub, call.path["id"], deleted=deleted))}


def finalise(call: Call) -> Json:
    status = call.body.get("status")
    if status is None:
        raise fields.missing_value("status")
    status = _STATUSES.get(status, status) if isinstance(status, int) else status
    if status not in _STATUSES.values():
        raise fields.wrong_type("status", status)
    model_id = call.path["id"]
    get_document(call.hub, model_id)
    _touch(call.hub, model_id, state=status)
    return {"model": shown(call.hub, call.hub.document(model_id, KIND))}


def delete(call: Call) -> Json:
    get_document(call.hub, call.path["id"])
    _touch(call.hub, call.path["id"], deleted=time.time())
    return {}


def set_tags(call: Call) -> Json:
    tags = dict(fields.pairs(call, "tags"))
    get_document(call.hub, call.path["id"])
    if tags:
        call.hub.event(KIND, call.path["id"], "tag", tags)
    return {}


def delete_tag(call: Call) -> Json:
    model_id, key = call.path["id"], call.path["key"]
    if key not in get_document(call.hub, model_id)["tags"]:
        raise missing(f"No tag with key {key!r} found for model with ID {model_id!r}.")
    call.hub.event(KIND, model_id, "tag", {key: None})
    return {}


def log_params(call: Call) -> Json:
    params = dict(fields.pairs(call, "params"))
    get_document(call.hub, call.path["id"])
    _write_params(call.hub, call.path["id"], params)
    return {}


def directories(call: Call) -> Json:
    folder = clean(fields.text(call, "artifact_directory_path"))
    document = get_document(call.hub, call.path["id"])
    files = listing(call.hub.files(KIND, call.path["id"]), folder)
    answer: Json = {"root_uri": shown(call.hub, document)["info"]["artifact_uri"]}
    return answer | ({"files": files} if files else {})


def file(call: Call) -> Any:
    get_document(call.hub, call.path["id"])
    return send(call, (KIND, call.path["id"]), clean(call.argument("artifact_file_path")))


def search(call: Call) -> Json:
    hub = call.hub
    experiment_ids = fields.texts(call, "experiment_ids", required=True)
    conditions = parse_filter(fields.text(call, "filter"), "models")
    datasets = fields.items(call, "datasets")
    if not all(isinstance(item, dict) and item.get("dataset_name") for item in datasets):
        raise invalid("`dataset_name` in the `datasets` clause must be specified.")
    most = fields.whole(call, "max_results") or _DEFAULT_RESULTS
    order = fields.items(call, "order_by")
    names = {project.id: project.name for project in hub.projects.all()}
    wanted = tuple(names[one] for one in experiment_ids if one in names)
    if not wanted:
        return {}
    documents = hub.index(KIND).search(
        In(Field("", "project"), wanted), sort=["-created", "id"], limit=None, strict=False
    )
    found = [document for document in documents if _passes(hub, document, conditions, datasets)]
    for clause in reversed(order):
        found = _sorted(hub, found, clause)
    models, token = page(found, most, fields.text(call, "page_token"))
    answer: Json = {"models": [shown(hub, document) for document in models]} if models else {}
    return answer | ({"next_page_token": token} if token else {})


def _passes(hub: Hub, document: Json, conditions: list[Condition], datasets: list[Json]) -> bool:
    return all(_holds(hub, document, condition, datasets) for condition in conditions)


def _holds(hub: Hub, document: Json, condition: Condition, datasets: list[Json]) -> bool:
    if condition.space == "tag":
        return matches_text(document["tags"].get(condition.key), condition)
    if condition.space == "param":
        value = document["config"].get(condition.key)
        return matches_text((document.get("raw") or {}).get(condition.key, value), condition)
    if condition.space == "metric":
        values = [m["value"] for m in document["logged_metrics"] if m["key"] == condition.key and _on(m, datasets)]
        return any(matches_text(value, condition) for value in values)
    info = shown(hub, document)["info"]
    return matches_text(info.get(_FIELDS.get(condition.key, condition.key)), condition)


def _on(metric: Json, datasets: list[Json]) -> bool:
    """Whether a metric is of one of the datasets that are asked for."""
    return not datasets or any(
        metric.get("dataset_name") == one["dataset_name"]
        and one.get("dataset_digest") in (None, "", metric.get("dataset_digest"))
        for one in datasets
    )


def _sorted(hub: Hub, found: list[Json], clause: Any) -> list[Json]:
    if not isinstance(clause, dict) or not clause.get("field_name"):
        raise invalid(f"Invalid order by field name: {json.dumps(clause)}")
    name = str(clause["field_name"])
    space, dot, key = name.partition(".")
    value: Callable[[Json], Any]
    if dot and space == "metrics":
        datasets = [clause] if clause.get("dataset_name") else []

        def value(document: Json) -> Any:
            held = [m for m in document["logged_metrics"] if m["key"] == key and _on(m, datasets)]
            return max(held, key=lambda m: (m["step"], m["timestamp"]))["value"] if held else None
    elif dot:
        raise invalid(f"Invalid order by field name: {name}. Only metrics are supported.")
    else:
        field = _FIELDS.get(name, name)
        if field not in ("creation_timestamp_ms", "last_updated_timestamp_ms", "name", "model_id", "model_type",
                         "status", "source_run_id", "experiment_id"):  # fmt: skip
            raise invalid(f"Invalid order by field name: {name}")

        def value(document: Json) -> Any:
            return shown(hub, document)["info"].get(field)

    there = [document for document in found if value(document) is not None]
    lacking = [document for document in found if value(document) is None]
    return sorted(there, key=value, reverse=clause.get("ascending") is False) + lacking


ROUTES = [
    *both("POST", "logged-models", create, scope="write"),
    *both("POST", "logged-models/search", search),
    *both("GET", "logged-models/{id}", get),
    *both("PATCH", "logged-models/{id}", finalise, scope="write"),
    *both("DELETE", "logged-models/{id}", delete, scope="write"),
    *both("PATCH", "logged-models/{id}/tags", set_tags, scope="write"),
    *both("DELETE", "logged-models/{id}/tags/{key}", delete_tag, scope="write"),
    *both("POST", "logged-models/{id}/params", log_params, scope="write"),
    *both("GET", "logged-models/{id}/artifacts/directories", directories),
    Route("GET", "/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files", file, style="mlflow"),
]
