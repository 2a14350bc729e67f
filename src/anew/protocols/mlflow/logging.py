"""What MLflow's clients log to a run: metrics, parameters, tags, datasets, models."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from anew.hub import Hub, Points
from anew.protocols.mlflow import fields, logged_models
from anew.protocols.mlflow.entities import RUN_NAME, run_tags, sent
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import active_document, rename
from anew.routes import Call

_MOST_ENTITIES = 1000
_MOST_METRICS = 1000
_MOST_PARAMS = _MOST_TAGS = 100
_MOST_BATCH_BYTES = 1_000_000
_MOST_KNOWN = 10_000


class Metric(NamedTuple):
    """`timestamp` in milliseconds since 1970; `about` what else was said: model and dataset."""

    key: str
    value: float
    timestamp: int
    step: int
    about: dict[str, str]


def _known(hub: Hub, run_id: str) -> dict[str, str]:
    """The parameters of a run that may be written to, as they were sent. Raises MlflowError.

    What is being logged is asked for with every call: it is remembered, until the run is deleted.
    """
    found = hub.known.get(run_id)
    if found is None:
        document = active_document(hub, run_id)
        raw = document.get("raw") or {}
        found = {name: sent(raw, name, value) for name, value in document["config"].items()}
        if len(hub.known) >= _MOST_KNOWN:
            hub.known.clear()
        hub.known[run_id] = found
    return found


def log_metric(call: Call) -> dict[str, Any]:
    run_id = fields.run_id(call)
    metric = _metric(call.body, "")
    fields.check_name(metric.key, "name")
    fields.check_length("Metric name", fields.MOST_KEY, metric.key)
    _known(call.hub, run_id)
    _write_metrics(call.hub, run_id, [metric])
    return {}


def _metric(body: dict[str, Any], path: str) -> Metric:
    for name in ("key", "value", "timestamp"):
        if body.get(name) is None or body[name] == "":
            raise fields.missing_value(path + name)
    key = body["key"]
    if not isinstance(key, str):
        raise fields.wrong_type(path + "key", key)
    return Metric(
        key,
        fields.as_number(path + "value", body["value"]),
        fields.as_whole(path + "timestamp", body["timestamp"]),
        fields.as_whole(path + "step", body.get("step") or 0),
        {name: str(body[name]) for name in ("model_id", "dataset_name", "dataset_digest") if body.get(name)},
    )


def _write_metrics(hub: Hub, run_id: str, metrics: list[Metric]) -> None:
    hub.points(run_id, _points(metrics))
    models = {metric.about["model_id"] for metric in metrics if "model_id" in metric.about}
    for model_id in models:
        told = [
            {"key": m.key, "value": m.value, "timestamp": m.timestamp, "step": m.step, **m.about}
            for m in metrics
            if m.about.get("model_id") == model_id
        ]
        logged_models.log_metrics(hub, run_id, model_id, told)


def _points(metrics: list[Metric]) -> list[Points]:
    """One frame for all that was logged at one step and time, as far as no name comes twice."""
    groups: dict[tuple[int, int], dict[str, float]] = {}
    out: list[Points] = []
    for key, value, taken, step, _ in metrics:
        group = groups.setdefault((step, taken), {})
        if key in group:
            out.append((tuple(group), list(group.values()), step, taken / 1000))
            group = groups[(step, taken)] = {}
        group[key] = value
    out += [(tuple(group), list(group.values()), step, at / 1000) for (step, at), group in groups.items()]
    return out


def log_parameter(call: Call) -> dict[str, Any]:
    run_id = fields.run_id(call)
    key, value = fields.text(call, "key", required=True), fields.text(call, "value")
    key, value = fields.check_param(key, value)
    known = _known(call.hub, run_id)
    if known.get(key, value) != value:
        raise invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with "
            f"value='{known[key]}' for run ID='{run_id}'. Attempted logging new value '{value}'."
        )
    if key not in known:
        _write_params(call.hub, run_id, {key: value})
    return {}


def _write_params(hub: Hub, run_id: str, params: dict[str, str]) -> None:
    values = {key: fields.typed(value) for key, value in params.items()}
    raw = {key: value for key, value in params.items() if str(values[key]) != value}
    hub.event("runs", run_id, "config", {"values": values, "source": "mlflow"} | ({"raw": raw} if raw else {}))
    _known(hub, run_id).update(params)


def set_tag(call: Call) -> dict[str, Any]:
    run_id = fields.run_id(call)
    key, value = fields.check_tag(fields.text(call, "key", required=True), fields.text(call, "value"))
    _known(call.hub, run_id)
    _write_tags(call.hub, run_id, {key: value})
    return {}


def _write_tags(hub: Hub, run_id: str, tags: dict[str, str]) -> None:
    name = tags.pop(RUN_NAME, "")
    if name:
        rename(hub, run_id, name)
    if "mlflow.note.content" in tags:
        hub.event("runs", run_id, "notes", {"text": tags["mlflow.note.content"]})
    if tags:
        hub.event("runs", run_id, "tag", tags)


def delete_tag(call: Call) -> dict[str, Any]:
    run_id, key = fields.run_id(call), fields.text(call, "key", required=True)
    document = active_document(call.hub, run_id)
    if key not in run_tags(document):
        raise missing(f"No tag with name: {key} in run with id {run_id}")
    call.hub.event("runs", run_id, "tag", {key: None})
    return {}


def log_batch(call: Call) -> dict[str, Any]:
    hub, body = call.hub, call.body
    run_id = fields.text(call, "run_id", required=True)
    listed = fields.items(call, "metrics")
    metrics = [_metric(item, f"metrics[{at}].") for at, item in enumerate(_objects(call, "metrics", listed))]
    params, tags = fields.pairs(call, "params"), fields.pairs(call, "tags")
    fields.check_run_id(run_id)
    _check_batch(metrics, params, tags)
    if int(call.headers.get("content-length") or 0) > _MOST_BATCH_BYTES and len(json.dumps(body)) > _MOST_BATCH_BYTES:
        raise invalid(f"Batched logging API requests must be at most {_MOST_BATCH_BYTES} bytes, got a larger one.")
    known = _known(hub, run_id)
    params = [fields.check_param(key, value, f"params[{at}]") for at, (key, value) in enumerate(params)]
    changed = [
        {"key": key, "old_value": known[key], "new_value": value}
        for key, value in params
        if known.get(key, value) != value
    ]
    if changed:
        raise invalid(
            f"Changing param values is not allowed. Params were already logged='{changed}' for run ID='{run_id}'."
        )
    fresh = {key: value for key, value in params if key not in known}
    if fresh:
        _write_params(hub, run_id, fresh)
    if metrics:
        _write_metrics(hub, run_id, metrics)
    if tags:
        _write_tags(
            hub, run_id, dict(fields.check_tag(key, value, f"tags[{at}]") for at, (key, value) in enumerate(tags))
        )
    return {}


def _objects(call: Call, name: str, listed: list[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(item, dict) for item in listed):
        raise fields.wrong_type(name, call.body[name])
    return listed


def _check_batch(metrics: list[Metric], params: list[fields.Pair], tags: list[fields.Pair]) -> None:
    limits = (
        ("metrics", len(metrics), _MOST_METRICS),
        ("params", len(params), _MOST_PARAMS),
        ("tags", len(tags), _MOST_TAGS),
    )
    for what, count, most in limits:
        if count > most:
            raise invalid(
                f"A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up "
                f"{what} across multiple requests and try again."
            )
    total = len(metrics) + len(params) + len(tags)
    if total > _MOST_ENTITIES:
        raise invalid(
            f"A batch logging request can contain at most {_MOST_ENTITIES} metrics, params, and tags in total. "
            f"Got {total} entities. Please split up your request."
        )
    for at, metric in enumerate(metrics):
        fields.check_name(metric.key, f"metrics[{at}].name")
        fields.check_length("Metric name", fields.MOST_KEY, metric.key)
    keys = [key for key, _ in params]
    twice = [key for at, key in enumerate(keys) if key in keys[:at]]
    if twice:
        raise invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only one param "
            "value per param key."
        )


def log_inputs(call: Call) -> dict[str, Any]:
    hub, run_id = call.hub, fields.text(call, "run_id", required=True)
    datasets, models = fields.items(call, "datasets"), fields.items(call, "models")
    fields.check_run_id(run_id)
    for at, item in enumerate(datasets):
        dataset = item.get("dataset") if isinstance(item, dict) else None
        if not isinstance(dataset, dict):
            raise invalid("Dataset input must have a dataset associated with it.")
        for name in ("name", "digest", "source_type", "source"):
            if not dataset.get(name):
                raise fields.missing_value(f"datasets[{at}].dataset.{name}")
    _known(hub, run_id)
    for item in datasets:
        kept = {name: str(value) for name, value in item["dataset"].items() if value is not None}
        tags = [{"key": str(tag.get("key", "")), "value": str(tag.get("value", ""))} for tag in item.get("tags") or []]
        hub.event("runs", run_id, "dataset", {"dataset": kept} | ({"tags": tags} if tags else {}))
    for item in models:
        hub.event("runs", run_id, "link", {"relation": "model input", "model": str(item.get("model_id", ""))})
    return {}


def log_outputs(call: Call) -> dict[str, Any]:
    hub, run_id = call.hub, fields.text(call, "run_id", required=True)
    models = fields.items(call, "models", required=True)
    _known(hub, run_id)
    for item in models:
        step = fields.as_whole("step", item.get("step") or 0)
        hub.event(
            "runs", run_id, "link", {"relation": "model output", "model": str(item.get("model_id", "")), "step": step}
        )
    return {}


ROUTES = [
    *both("POST", "runs/log-metric", log_metric, scope="write", inline=True),
    *both("POST", "runs/log-parameter", log_parameter, scope="write"),
    *both("POST", "runs/set-tag", set_tag, scope="write"),
    *both("POST", "runs/delete-tag", delete_tag, scope="write"),
    *both("POST", "runs/log-batch", log_batch, scope="write"),
    *both("POST", "runs/log-inputs", log_inputs, scope="write"),
    *both("POST", "runs/outputs", log_outputs, scope="write"),
]
