"""What people and programs say of traces: feedback, expectations, and references to issues."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

from anew.protocols.mlflow import fields, spans
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.trace_document import KIND, both_v3, get_document, key_of, timestamp
from anew.routes import Call, Route

_VALUES = ("expectation", "feedback", "issue")
_TEXTS = ("assessment_id", "assessment_name", "trace_id", "span_id", "rationale", "overrides")
_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
_SNAKE = re.compile(r"(?<=[a-z])([A-Z])")
_NOW = ("create_time", "last_update_time")


def check_assessment(item: Any, trace_id: str) -> Json:
    """An assessment as it is kept, with an id and its times. Raises MlflowError."""
    if not isinstance(item, dict):
        raise fields.wrong_type("assessment", item)
    kinds = [name for name in _VALUES if isinstance(item.get(name), dict)]
    if len(kinds) != 1:
        raise invalid("Unknown assessment type: None" if not kinds else "An assessment is of one type.")
    for name in _TEXTS:
        if not isinstance(item.get(name), str | None):
            raise fields.wrong_type(name, item[name])
    assessment_id = item.get("assessment_id") or f"a-{uuid.uuid4().hex}"
    if not _ID.fullmatch(assessment_id):
        raise fields.wrong_type("assessment_id", assessment_id)
    now = timestamp(round(time.time() * 1000))
    source = item.get("source")
    found: Json = {
        "assessment_id": assessment_id,
        "assessment_name": item.get("assessment_name") or "",
        "trace_id": trace_id,
        "source": source if isinstance(source, dict) else {},
        **{name: str(item.get(name) or now) for name in _NOW},
        kinds[0]: _packed(item["expectation"]) if kinds[0] == "expectation" else item[kinds[0]],
        "valid": item["valid"] if isinstance(item.get("valid"), bool) else True,
    }
    for name in ("span_id", "rationale", "overrides"):
        if item.get(name):
            found[name] = item[name]
    if isinstance(item.get("metadata"), dict) and item["metadata"]:
        found["metadata"] = {str(key): str(value) for key, value in item["metadata"].items()}
    return found


def _packed(expectation: Json) -> Json:
    """An expectation that is a list or an object is told as JSON text; MLflow knows no whole numbers in it."""
    value = expectation.get("value")
    if not isinstance(value, (dict, list)):
        return expectation
    try:
        written = json.dumps(_as_doubles(value))
    except (OverflowError, RecursionError):
        raise fields.wrong_type("expectation", "…") from None
    return {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": written}}


def _as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_doubles(item) for item in value]
    return float(value) if type(value) is int else value


def create(call: Call) -> Json:
    sent = call.body.get("assessment")
    if sent is None:
        raise fields.missing_value("assessment")
    trace_id = call.path["id"]
    with spans.lock_of(trace_id):
        document = get_document(call.hub, trace_id)
        assessment = check_assessment(sent, trace_id)
        changed = {key_of(assessment["assessment_id"]): assessment}
        overridden = assessment.get("overrides")
        if overridden:
            changed[key_of(overridden)] = _found(document, overridden) | {"valid": False}
        call.hub.event(KIND, trace_id, "run", changed)
    return {"assessment": assessment}


def _found(document: Json, assessment_id: str) -> Json:
    found = document.get(key_of(assessment_id))
    if not isinstance(found, dict):
        raise missing(f"Assessment with ID '{assessment_id}' not found for trace '{document['id']}'")
    return found


def get(call: Call) -> Json:
    document = get_document(call.hub, call.path["id"], "Trace with request_id '{}' not found")
    return {"assessment": _found(document, call.path["assessment"])}


def update(call: Call) -> Json:
    """Change what `update_mask` names; who said it, and of which span, stays."""
    sent = call.body.get("assessment")
    mask = call.body.get("update_mask")
    for name, value in (("assessment", sent), ("update_mask", mask)):
        if value is None:
            raise fields.missing_value(name)
    if not isinstance(sent, dict):
        raise fields.wrong_type("assessment", sent)
    # The mask is a text of names in camelCase, as protobuf's JSON has it, or an object of paths.
    paths = mask.split(",") if isinstance(mask, str) else mask.get("paths", []) if isinstance(mask, dict) else []
    named = {_SNAKE.sub(lambda found: "_" + found[1].lower(), str(path).strip()) for path in paths}
    trace_id, assessment_id = call.path["id"], call.path["assessment"]
    with spans.lock_of(trace_id):
        found = dict(_found(get_document(call.hub, trace_id), assessment_id))
        if "expectation" in named and "feedback" in named:
            raise invalid("Cannot specify both `expectation` and `feedback` parameters.")
        for name, other in (("expectation", "Feedback"), ("feedback", "Expectation")):
            if name in named and name not in found:
                raise invalid(f"Cannot update {name} value on a{'n' * (other[0] == 'E')} {other} assessment.")
        for name in named & {"assessment_name", "rationale", "expectation", "feedback", "valid"}:
            if sent.get(name) is not None:
                found[name] = sent[name]
        if "metadata" in named and isinstance(sent.get("metadata"), dict):
            said = {str(key): str(value) for key, value in sent["metadata"].items()}
            found["metadata"] = found.get("metadata", {}) | said
        found["last_update_time"] = timestamp(round(time.time() * 1000))
        found = check_assessment(found, trace_id)
        call.hub.event(KIND, trace_id, "run", {key_of(assessment_id): found})
    return {"assessment": found}


def delete(call: Call) -> Json:
    """Take an assessment back; what it overrode holds again. One that is not there is as good as deleted."""
    trace_id, assessment_id = call.path["id"], call.path["assessment"]
    with spans.lock_of(trace_id):
        document = get_document(call.hub, trace_id)
        found = document.get(key_of(assessment_id))
        if not isinstance(found, dict):
            return {}
        changed: Json = {key_of(assessment_id): None}
        overridden = document.get(key_of(str(found.get("overrides"))))
        if isinstance(overridden, dict):
            changed[key_of(overridden["assessment_id"])] = overridden | {"valid": True}
        call.hub.event(KIND, trace_id, "run", changed)
    return {}


ROUTES: list[Route] = [
    *both_v3("POST", "traces/{id}/assessments", create, scope="write"),
    *both_v3("GET", "traces/{id}/assessments/{assessment}", get),
    *both_v3("PATCH", "traces/{id}/assessments/{assessment}", update, scope="write"),
    *both_v3("DELETE", "traces/{id}/assessments/{assessment}", delete, scope="write"),
]
