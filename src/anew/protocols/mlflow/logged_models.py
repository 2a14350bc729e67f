"""MLflow's logged models: what a training run made, before (and whether or not) it is registered."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import Any

from anew.errors import RunNotFound
from anew.hub import Hub, Row
from anew.protocols.mlflow import fields, model_search
from anew.protocols.mlflow.artifacts import clean, listing, send
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.experiments import check_active, find
from anew.protocols.mlflow.messages import COUNT, OBJECTS, PAIRS, TEXT, TEXTS, Field, Message, word_of
from anew.protocols.mlflow.model_search import info_of
from anew.protocols.mlflow.paging import page
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import made_up_name
from anew.routes import Call, Route

KIND = "models"
_DEFAULT_RESULTS = 100
_STATUSES = {0: "LOGGED_MODEL_STATUS_UNSPECIFIED", 1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY"}
_STATUSES[3] = "LOGGED_MODEL_UPLOAD_FAILED"
_CREATE = Message(experiment_id=TEXT.needed, name=TEXT, model_type=TEXT, source_run_id=TEXT, params=PAIRS, tags=PAIRS)
_STATUS = Field(word_of({number: word for number, word in _STATUSES.items() if number}, strict=True), must=True)
_FINALISE = Message(model_id=TEXT.needed, status=_STATUS)
_TAGS = Message(tags=PAIRS)
_PARAMS = Message(model_id=TEXT.needed, params=PAIRS)
_SEARCH = Message(
    experiment_ids=replace(TEXTS, must=True), filter=TEXT, datasets=OBJECTS, max_results=COUNT, order_by=OBJECTS,
    page_token=TEXT,
)  # fmt: skip
_NO_NAME = ("/", ":", ".", "%", '"', "'")


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
    info = info_of(hub, document)
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
    """Each point that was logged, once: metric, dataset, run, step and time say which it is."""
    found: dict[tuple[str, ...], Json] = {}
    for metric in document["logged_metrics"]:
        names = ("key", "dataset_name", "dataset_digest", "run_id", "step", "timestamp")
        found[tuple(str(metric.get(name, "")) for name in names)] = metric
    return [metric | {"value": fields.shown_number(metric["value"])} for metric in found.values()]


def log_metrics(hub: Hub, run_id: str, model_id: str, metrics: list[Json]) -> None:
    """What a run logged about a model, kept with the model, too."""
    rows: dict[tuple[str, ...], list[Row]] = {}
    for m in metrics:
        rows.setdefault((m["key"],), []).append(((m["value"],), m["step"], m["timestamp"] / 1000))
    hub.rows(model_id, rows, KIND)
    for metric in metrics:
        hub.event(KIND, model_id, "metric", metric | {"model_id": model_id, "run_id": run_id})


def create(call: Call) -> Json:
    hub, sent = call.hub, _CREATE.read(call)
    project = find(hub, sent["experiment_id"])
    name = sent["name"]
    if any(mark in name for mark in _NO_NAME):
        raise invalid(
            f"Invalid model name ({name!r}) provided. Model name must be a non-empty string and cannot contain the "
            f"following characters: {_NO_NAME}"
        )
    params, tags = _named(sent, "params"), _named(sent, "tags")
    check_active(project)
    body = {
        "name": name or made_up_name(),
        "project": project.name,
        "model_type": sent["model_type"],
        "source_run_id": sent["source_run_id"],
        "state": _STATUSES[1],
        "by": "mlflow",
    }
    model_id = hub.create(KIND, body, f"m-{uuid.uuid4().hex}")
    _write_params(hub, model_id, params)
    if tags:
        hub.event(KIND, model_id, "tag", tags)
    return {"model": shown(hub, hub.document(model_id, KIND))}


def _named(sent: Json, what: str) -> dict[str, str]:
    """Pairs, all of which have a key. Raises MlflowError."""
    pairs = dict(sent[what])
    if "" in pairs:
        raise fields.missing_value(f"{what}.key")
    return pairs


def _write_params(hub: Hub, model_id: str, params: dict[str, str]) -> None:
    if params:
        hub.event(KIND, model_id, "config", fields.as_config(params))


def _touch(hub: Hub, model_id: str, **changed: Any) -> None:
    hub.event(KIND, model_id, "run", {"updated": time.time(), **changed})


def get(call: Call) -> Json:
    deleted = call.argument("allow_deleted").lower() == "true"
    return {"model": shown(call.hub, get_document(call.hub, call.path["id"], deleted=deleted))}


def finalise(call: Call) -> Json:
    status, model_id = _FINALISE.read(call)["status"], call.path["id"]
    get_document(call.hub, model_id, deleted=True)
    _touch(call.hub, model_id, state=status)
    return {"model": shown(call.hub, call.hub.document(model_id, KIND))}


def delete(call: Call) -> Json:
    if not get_document(call.hub, call.path["id"], deleted=True).get("deleted"):
        _touch(call.hub, call.path["id"], deleted=time.time())
    return {}


def set_tags(call: Call) -> Json:
    tags = _named(_TAGS.read(call), "tags")
    get_document(call.hub, call.path["id"], deleted=True)
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
    params = _named(_PARAMS.read(call), "params")
    model_id = call.path["id"]
    document = get_document(call.hub, model_id)
    for key in params:
        if key in document["config"]:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{key}' was already logged for '{model_id}'."
            )
    _write_params(call.hub, model_id, params)
    return {}


def directories(call: Call) -> Json:
    folder = clean(fields.text(call, "artifact_directory_path"))
    document = get_document(call.hub, call.path["id"])
    files = listing(call.hub.files(KIND, call.path["id"]), folder)
    answer: Json = {"root_uri": shown(call.hub, document)["info"]["artifact_uri"]}
    return answer | ({"files": files} if files else {})


def file(call: Call) -> Any:
    path = call.argument("artifact_file_path")
    if not path:
        raise MlflowError("BAD_REQUEST", 'Request must include the "artifact_file_path" query parameter.')
    get_document(call.hub, call.path["id"])
    return send(call, (KIND, call.path["id"]), clean(path))


def search(call: Call) -> Json:
    hub, sent = call.hub, _SEARCH.read(call)
    conditions = model_search.parse(sent["filter"])
    if not all(item.get("dataset_name") for item in sent["datasets"]):
        raise invalid("`dataset_name` in the `datasets` clause must be specified.")
    most = sent["max_results"] or _DEFAULT_RESULTS
    if most < 0:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer")
    names = {project.id: project.name for project in hub.projects.all()}
    wanted = tuple(names[one] for one in sent["experiment_ids"] if one in names)
    if not wanted:
        return {}
    found = model_search.find(hub, wanted, conditions, sent["datasets"], sent["order_by"])
    asked = json.dumps([sent[name] for name in ("experiment_ids", "filter", "datasets", "order_by")])
    models, token = page(found, most, sent["page_token"], asked)
    answer: Json = {"models": [shown(hub, document) for document in models]} if models else {}
    return answer | ({"next_page_token": token} if token else {})


ROUTES = [
    *both("POST", "logged-models", create, scope="write"),
    *both("POST", "logged-models/search", search),
    *both("GET", "logged-models/{id}", get),
    *both("PATCH", "logged-models/{id}", finalise, scope="write"),
    *both("DELETE", "logged-models/{id}", delete, scope="write"),
    *both("PATCH", "logged-models/{id}/tags", set_tags, scope="write"),
    *both("DELETE", "logged-models/{id}/tags/{key...}", delete_tag, scope="write"),
    *both("POST", "logged-models/{id}/params", log_params, scope="write"),
    *both("GET", "logged-models/{id}/artifacts/directories", directories),
    Route("GET", "/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files", file, style="mlflow"),
]
