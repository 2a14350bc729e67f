"""The spans of a trace: kept as its file traces.json, in MLflow's form of it, and shown as its server shows them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable
from typing import Any

import orjson

from anew.errors import RunNotFound
from anew.hub import Hub
from anew.protocols.mlflow import otlp_wire
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.fields import shown_number

KIND = "traces"
FILE = "traces.json"
REQUEST_ID = "mlflow.traceRequestId"
_LOCKS = [threading.Lock() for _ in range(64)]


def lock_of(trace_id: str) -> threading.Lock:
    """Held by who reads a trace in order to change it."""
    return _LOCKS[hash(trace_id) % len(_LOCKS)]


def stored(hub: Hub, trace_id: str) -> list[Json]:
    """The spans of a trace, the root first; none when there are none, or what was uploaded is something else."""
    try:
        item = hub.files(KIND, trace_id).get(FILE)
    except RunNotFound:
        return []
    if item is None:
        return []
    try:
        found = orjson.loads(b"".join(hub.objects.iter_bytes(item["digest"])))["spans"]
        spans = [span for span in found if isinstance(span, dict) and isinstance(span.get("span_id"), str)]
    except (ValueError, KeyError, TypeError):
        return []
    return sorted(spans, key=lambda span: (bool(span.get("parent_span_id")), span.get("start_time_unix_nano") or 0))


def add(hub: Hub, trace_id: str, spans: Iterable[Json]) -> list[Json]:
    """Keep spans beside those that are there; one that came before is replaced. The caller holds the trace's lock."""
    there = {span["span_id"]: span for span in stored(hub, trace_id)}
    there |= {span["span_id"]: span for span in spans}
    found = list(there.values())
    hub.put_content(KIND, trace_id, FILE, json.dumps({"spans": found}, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def trace_id_of(span: otlp_wire.Span) -> str:
    return f"tr-{span.trace_id.hex():0>32}"


def as_stored(span: otlp_wire.Span) -> Json:
    """A span that came by OpenTelemetry, as traces.json has it: each attribute as JSON text."""
    attributes = span.attributes | {REQUEST_ID: trace_id_of(span)}
    return {
        "trace_id": _base64(span.trace_id),
        "span_id": _base64(span.span_id),
        "parent_span_id": _base64(span.parent_id) if span.parent_id else None,
        "name": span.name,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns or None,
        "events": [
            {
                "name": event.name,
                "time_unix_nano": event.time_ns,
                "attributes": {key: _plain(value) for key, value in event.attributes.items()},
            }
            for event in span.events
        ],
        # Only of an error has OpenTelemetry a message.
        "status": {"code": span.status, "message": span.message if span.status == otlp_wire.ERROR else ""},
        "attributes": {key: dumped(meant(value)) for key, value in attributes.items()},
        "links": [
            {
                "trace_id": f"tr-{link.trace_id.hex():0>32}",
                "span_id": link.span_id.hex(),
                "attributes": {key: _plain(value) for key, value in link.attributes.items()} or None,
            }
            for link in span.links
        ],
    }


def meant(value: Any) -> Any:
    """What an attribute says: MLflow's client, and others, write lists, objects and even texts as JSON text."""
    if not isinstance(value, str) or value[:1] not in ('"', "[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def dumped(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def attribute(span: Json, key: str) -> Any:
    """The value of an attribute, None for none."""
    attributes = span.get("attributes")
    value = attributes.get(key) if isinstance(attributes, dict) else None
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _plain(value: Any) -> Any:
    """A value with its bytes spelt out, for JSON has none."""
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shown(span: Json) -> Json:
    """A span as the server answers it: OpenTelemetry's message, with protobuf's own names."""
    found: Json = {"trace_id": span.get("trace_id"), "span_id": span["span_id"]}
    if span.get("parent_span_id"):
        found["parent_span_id"] = span["parent_span_id"]
    found["name"] = span.get("name") or ""
    found["start_time_unix_nano"] = span.get("start_time_unix_nano") or 0
    if span.get("end_time_unix_nano"):
        found["end_time_unix_nano"] = span["end_time_unix_nano"]
    names = span.get("attributes")
    if isinstance(names, dict) and names:
        found["attributes"] = [{"key": key, "value": _any_value(attribute(span, key))} for key in names]
    events = [_shown_event(event) for event in _dicts(span.get("events"))]
    if events:
        found["events"] = events
    links = [_shown_link(link) for link in _dicts(span.get("links"))]
    if links:
        found["links"] = links
    status = span.get("status")
    if isinstance(status, dict):
        message = {"message": status["message"]} if status.get("message") else {}
        code = status.get("code")
        found["status"] = message | ({"code": code} if code and code != otlp_wire.UNSET else {})
    return found


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _shown_event(event: Json) -> Json:
    found: Json = {"time_unix_nano": event.get("time_unix_nano") or 0, "name": event.get("name") or ""}
    return found | _pairs(event.get("attributes"))


def _shown_link(link: Json) -> Json:
    ids = {}
    for name, size in (("trace_id", 32), ("span_id", 16)):
        text = str(link.get(name) or "").removeprefix("tr-").removeprefix("0x")
        try:
            ids[name] = _base64(bytes.fromhex(text.rjust(size, "0")))
        except ValueError:
            ids[name] = ""
    return ids | _pairs(link.get("attributes"))


def _pairs(attributes: Any) -> Json:
    if not isinstance(attributes, dict) or not attributes:
        return {}
    return {"attributes": [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]}


def _any_value(value: Any) -> Json:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"int_value": value}
    if isinstance(value, float):
        return {"double_value": shown_number(value)}
    if isinstance(value, list):
        values = [_any_value(item) for item in value]
        return {"array_value": {"values": values} if values else {}}
    if isinstance(value, dict):
        pairs = [{"key": str(key), "value": _any_value(item)} for key, item in value.items()]
        return {"kvlist_value": {"values": pairs} if pairs else {}}
    return {"string_value": str(value)}
