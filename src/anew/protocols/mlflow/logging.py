"""What MLflow's clients log to a run: metrics, parameters, tags, datasets, models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from anew.hub import Hub
from anew.protocols.mlflow import fields, metrics
from anew.protocols.mlflow.entities import RUN_NAME, run_tags, sent
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.messages import OBJECTS, PAIRS, RUN, RUN_ONLY, TEXT, WHOLE_OR_0, Message
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import active_document, rename
from anew.routes import Call
from anew.store.growth import State

_MOST_ENTITIES = 1000
_MOST_METRICS = 1000
_MOST_PARAMS = _MOST_TAGS = 100
_MOST_KNOWN = 10_000
_HISTORY = "mlflow.log-model.history"
_MODEL_FIELDS = ("artifact_path", "flavors", "run_id", "utc_time_created")
_MOST_DATASET = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
_MOST_INPUT_TAG = {"key": 255, "value": 500}

_METRIC = Message(run_id=RUN, **metrics.FIELDS)
_PARAM = Message(run_id=RUN, key=TEXT.needed, value=TEXT)
_TAG = _PARAM
_NO_TAG = Message(run_id=RUN_ONLY, key=TEXT.needed)
_BATCH = Message(run_id=TEXT.needed, metrics=OBJECTS, params=PAIRS, tags=PAIRS)
_INPUTS = Message(run_id=TEXT.needed, datasets=OBJECTS, models=OBJECTS)
_DATASET = Message(
    name=TEXT.needed, digest=TEXT.needed, source_type=TEXT.needed, source=TEXT.needed, schema=TEXT, profile=TEXT
)
_TAGS = Message(tags=PAIRS)
_OUTPUTS = Message(run_id=TEXT.needed, models=replace(OBJECTS, must=True))
_OUTPUT = Message(model_id=TEXT, step=WHOLE_OR_0)
_MODEL = Message(run_id=TEXT.needed, model_json=TEXT.needed)


class Known:
    """The parameters of runs that are written to, as they were sent: asked for with every call, and so remembered."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[State, dict[str, str]]] = {}

    def at_hand(self, hub: Hub, run_id: str) -> dict[str, str] | None:
        """Those of a run that is not deleted, as long as nobody else has written to it: no lock, and nothing read."""
        found = self._found.get(run_id)
        if found is None or found[0] != hub.state("runs", run_id, others=True):
            return None
        return found[1]

    def of(self, hub: Hub, run_id: str) -> dict[str, str]:
        """The same, read if need be, for who holds the run alone. Raises MlflowError for one that is deleted."""
        known = self.at_hand(hub, run_id)
        if known is None:
            state = hub.state("runs", run_id, others=True)
            document = active_document(hub, run_id)
            raw = document.get("raw") or {}
            known = {name: sent(raw, name, value) for name, value in document["config"].items()}
            if state is not None:
                if len(self._found) >= _MOST_KNOWN:
                    self._found.clear()
                self._found[run_id] = state, known
        return known


_of_hubs: WeakKeyDictionary[Hub, Known] = WeakKeyDictionary()


def _known(hub: Hub) -> Known:
    found = _of_hubs.get(hub)
    return found if found is not None else _of_hubs.setdefault(hub, Known())


def _check_active(hub: Hub, run_id: str) -> None:
    """Raises MlflowError for a run that is deleted, or none."""
    known = _known(hub)
    if known.at_hand(hub, run_id) is None:
        with hub.alone(run_id):
            known.of(hub, run_id)


def log_metric_at_once(call: Call) -> dict[str, Any] | None:
    """As `log_metric`, when it takes no more than an append; else None, and nothing was done."""
    sent = _METRIC.read(call)
    if sent["model_id"] or _known(call.hub).at_hand(call.hub, sent["run_id"]) is None:
        return None
    metrics.write(call.hub, sent["run_id"], [metrics.metric_of(sent)])
    return {}


def log_metric(call: Call) -> dict[str, Any]:
    sent = _METRIC.read(call)
    metric = metrics.metric_of(sent)
    _check_active(call.hub, sent["run_id"])
    metrics.write(call.hub, sent["run_id"], [metric])
    return {}


def log_parameter(call: Call) -> dict[str, Any]:
    run_id, key, value = _param(call)
    # No other server judges meanwhile: two values for one parameter can't both be the first.
    with call.hub.alone(run_id):
        return _log_parameter(call.hub, run_id, _known(call.hub).of(call.hub, run_id), key, value)


def log_parameter_at_once(call: Call) -> dict[str, Any] | None:
    """As `log_parameter`, when nobody has to be waited for; else None, and nothing was done."""
    run_id, key, value = _param(call)
    with call.hub.alone(run_id, wait=False) as held:
        known = _known(call.hub).at_hand(call.hub, run_id) if held else None
        return None if known is None else _log_parameter(call.hub, run_id, known, key, value)


def _param(call: Call) -> tuple[str, str, str]:
    sent = _PARAM.read(call)
    return (sent["run_id"], *fields.check_param(sent["key"], sent["value"]))


def _log_parameter(hub: Hub, run_id: str, known: dict[str, str], key: str, value: str) -> dict[str, Any]:
    if known.get(key, value) != value:
        raise invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with "
            f"value='{known[key]}' for run ID='{run_id}'. Attempted logging new value '{value}'."
        )
    if key not in known:
        _write_params(hub, run_id, known, {key: value})
    return {}


def _write_params(hub: Hub, run_id: str, known: dict[str, str], params: dict[str, str]) -> None:
    hub.event("runs", run_id, "config", fields.as_config(params))
    known.update(params)


def set_tag(call: Call) -> dict[str, Any]:
    sent = _TAG.read(call)
    run_id = sent["run_id"]
    key, value = fields.check_tag(sent["key"], sent["value"])
    _check_active(call.hub, run_id)
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
    sent = _NO_TAG.read(call)
    run_id, key = sent["run_id"], sent["key"]
    document = active_document(call.hub, run_id)
    if key not in run_tags(document):
        raise missing(f"No tag with name: {key} in run with id {run_id}")
    call.hub.event("runs", run_id, "tag", {key: None})
    return {}


def log_batch(call: Call) -> dict[str, Any]:
    """All of it, or nothing."""
    hub, sent = call.hub, _BATCH.read(call)
    run_id = sent["run_id"]
    for what in ("params", "tags"):
        for at, (key, _) in enumerate(sent[what]):
            if not key:
                raise fields.missing_value(f"{what}[{at}].key")
    fields.check_run_id(run_id)
    found = metrics.metrics_of(sent["metrics"])
    params = [fields.check_param(key, value, f"params[{at}]") for at, (key, value) in enumerate(sent["params"])]
    tags = [fields.check_tag(key, value, f"tags[{at}]") for at, (key, value) in enumerate(sent["tags"])]
    _check_batch(len(found), params, len(tags))
    if not params:
        _check_active(hub, run_id)
        if found:
            metrics.write(hub, run_id, found)
    else:
        with hub.alone(run_id):
            _write_batch(hub, run_id, found, params)
    if tags:
        _write_tags(hub, run_id, dict(tags))
    return {}


def _write_batch(hub: Hub, run_id: str, found: list[metrics.Metric], params: list[fields.Pair]) -> None:
    """Keep metrics and parameters, for who holds the run alone. Raises MlflowError, and then keeps nothing."""
    known = _known(hub).of(hub, run_id)
    changed = [
        {"key": key, "old_value": known[key], "new_value": value}
        for key, value in params
        if known.get(key, value) != value
    ]
    if changed:
        raise invalid(
            f"Changing param values is not allowed. Params were already logged='{changed}' for run ID='{run_id}'."
        )
    if found:
        metrics.write(hub, run_id, found)
    fresh = {key: value for key, value in params if key not in known}
    if fresh:
        _write_params(hub, run_id, known, fresh)


def _check_batch(metric_count: int, params: list[fields.Pair], tag_count: int) -> None:
    everything = "metrics, params, and tags"
    limits = (
        ("metrics", metric_count, _MOST_METRICS),
        ("params", len(params), _MOST_PARAMS),
        ("tags", tag_count, _MOST_TAGS),
        (everything, metric_count + len(params) + tag_count, _MOST_ENTITIES),
    )
    for what, count, most in limits:
        if count > most:
            raise invalid(
                f"A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up "
                f"{what} across multiple requests and try again."
            )
    keys = [key for key, _ in params]
    twice = [key for at, key in enumerate(keys) if key in keys[:at]]
    if twice:
        raise invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only one param "
            "value per param key."
        )


def log_inputs(call: Call) -> dict[str, Any]:
    hub, sent = call.hub, _INPUTS.read(call)
    run_id = sent["run_id"]
    fields.check_run_id(run_id)
    events = [_dataset_event(item, at) for at, item in enumerate(sent["datasets"])]
    models = [_OUTPUT.read_from(item) for item in sent["models"]]
    _check_active(hub, run_id)
    for event in events:
        hub.event("runs", run_id, "dataset", event)
    for item in models:
        hub.event("runs", run_id, "link", {"relation": "model input", "model": item["model_id"]})
    return {}


def _dataset_event(item: dict[str, Any], at: int) -> dict[str, Any]:
    """What is kept of a dataset that was read. Raises MlflowError."""
    dataset = item.get("dataset")
    if not isinstance(dataset, dict):
        raise invalid("Dataset input must have a dataset associated with it.")
    read = _DATASET.read_from(dataset, f"datasets[{at}].dataset.")
    tags = _TAGS.read_from({"tags": item.get("tags")})["tags"]
    for name, most in _MOST_DATASET.items():
        fields.check_length(name, most, read[name])
    for key, value in tags:
        fields.check_length("key", _MOST_INPUT_TAG["key"], key)
        fields.check_length("value", _MOST_INPUT_TAG["value"], value)
    kept: dict[str, Any] = {"dataset": {name: read[name] for name in dataset if read.get(name)}}
    return kept | ({"tags": [{"key": key, "value": value} for key, value in tags]} if tags else {})


def log_outputs(call: Call) -> dict[str, Any]:
    hub, sent = call.hub, _OUTPUTS.read(call)
    models = [_OUTPUT.read_from(item) for item in sent["models"]]
    _check_active(hub, sent["run_id"])
    for item in models:
        link = {"relation": "model output", "model": item["model_id"], "step": item["step"]}
        hub.event("runs", sent["run_id"], "link", link)
    return {}


def log_model(call: Call) -> dict[str, Any]:
    """The way of MLflow 2: what is known of a model, kept as a tag of its run."""
    sent = _MODEL.read(call)
    try:
        model = json.loads(sent["model_json"])
    except (ValueError, RecursionError):
        raise invalid(f"Malformed model info. \n {sent['model_json']} \n is not a valid JSON.") from None
    lacking = [name for name in _MODEL_FIELDS if not isinstance(model, dict) or name not in model]
    if lacking:
        raise invalid(f"Model json is missing mandatory fields: {{{', '.join(map(repr, lacking))}}}")
    document = active_document(call.hub, sent["run_id"])
    history = json.loads(run_tags(document).get(_HISTORY) or "[]")
    call.hub.event("runs", sent["run_id"], "tag", {_HISTORY: json.dumps([*history, model])})
    return {}


ROUTES = [
    *both("POST", "runs/log-metric", log_metric, scope="write", at_once=log_metric_at_once),
    *both("POST", "runs/log-parameter", log_parameter, scope="write", at_once=log_parameter_at_once),
    *both("POST", "runs/set-tag", set_tag, scope="write"),
    *both("POST", "runs/delete-tag", delete_tag, scope="write"),
    *both("POST", "runs/log-batch", log_batch, scope="write"),
    *both("POST", "runs/log-inputs", log_inputs, scope="write"),
    *both("POST", "runs/outputs", log_outputs, scope="write"),
    *both("POST", "runs/log-model", log_model, scope="write"),
]
