"""POST /v1/traces: spans by OpenTelemetry's protocol, in protobuf or JSON, from MLflow's client or anyone's."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from anew.errors import UsageError
from anew.hub import Hub
from anew.projects import Project
from anew.protocols.mlflow import fields, otlp_wire, spans
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import MlflowError
from anew.protocols.mlflow.experiments import check_active, find
from anew.protocols.mlflow.trace_document import (
    FINALISED,
    KIND,
    SPANS_LOCATION,
    end_of,
    get_document,
    is_there,
    project_of,
    started_ms,
    write,
)
from anew.routes import Call, Route

_MOST_BODY_BYTES = 64 << 20
_TYPES = ("application/x-protobuf", "application/json")
_TAG = "mlflow.traceTag."
_MOST_PREVIEW = 1000
_SESSION, _USER, _USAGE, _COST = (
    "mlflow.trace.session", "mlflow.trace.user", "mlflow.trace.tokenUsage", "mlflow.trace.cost",
)  # fmt: skip
_COUNTED = {_USAGE: "mlflow.chat.tokenUsage", _COST: "mlflow.llm.cost"}
# What a total always names, if there is any.
_TOTALS: dict[str, dict[str, float]] = {
    _USAGE: {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
    _COST: {"input_cost": 0.0, "output_cost": 0.0, "total_cost": 0.0},
}


async def ingest(call: Call, request: Request) -> Response:
    """All spans of a request, or none: they are kept before it is answered."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise MlflowError("BAD_REQUEST", f"Invalid Content-Type: {kind[:100]}. Expected: {' or '.join(_TYPES)}")
    experiment_id = call.headers.get("x-mlflow-experiment-id", "")
    if not experiment_id:
        raise fields.missing_value("x-mlflow-experiment-id")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY_BYTES:
            raise MlflowError("BAD_REQUEST", f"the body is larger than {_MOST_BODY_BYTES:,} bytes")
    await asyncio.to_thread(_take_in, call, experiment_id, kind, bytes(body))
    empty = b"{}" if kind == "application/json" else b""
    return Response(empty, media_type=kind)


def _take_in(call: Call, experiment_id: str, kind: str, body: bytes) -> None:
    project = find(call.hub, experiment_id)
    check_active(project)
    found = _decoded(kind, _unpacked(body, call.headers.get("content-encoding", "").strip().lower()))
    if not found:
        raise MlflowError("BAD_REQUEST", "Invalid OpenTelemetry format - no spans found")
    by_trace: dict[str, list[otlp_wire.Span]] = {}
    for span in found:
        if not 0 < len(span.trace_id) <= 16 or not 0 < len(span.span_id) <= 8 or len(span.parent_id) > 8:
            raise MlflowError("BAD_REQUEST", "Cannot convert OpenTelemetry span to MLflow span: its ids are none")
        by_trace.setdefault(spans.trace_id_of(span), []).append(span)
    run_id = call.headers.get("x-mlflow-run-id", "")
    for trace_id, of_trace in by_trace.items():
        with spans.lock_of(trace_id):
            log_spans(call.hub, project, trace_id, of_trace)
        if run_id and any(not span.parent_id for span in of_trace):
            call.hub.event(KIND, trace_id, "link", {"relation": "run", "run": run_id})


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its compression, as long as it does not grow beyond bounds. Raises MlflowError."""
    if encoding in ("", "identity"):
        return body
    widths = {"gzip": (31,), "deflate": (15, -15)}.get(encoding)
    if widths is None:
        raise MlflowError("BAD_REQUEST", f"Unsupported Content-Encoding: {encoding[:50]}")
    for width in widths:
        reader = zlib.decompressobj(width)
        try:
            unpacked = reader.decompress(body, _MOST_BODY_BYTES)
        except zlib.error:
            continue
        if reader.unconsumed_tail or not reader.eof:
            break
        return unpacked
    raise MlflowError("BAD_REQUEST", f"Failed to decompress {encoding} payload, or it is too large")


def _decoded(kind: str, body: bytes) -> list[otlp_wire.Span]:
    try:
        if kind != "application/json":
            return otlp_wire.from_protobuf(body)
        return otlp_wire.from_json(orjson.loads(body))
    except (UsageError, orjson.JSONDecodeError):
        raise MlflowError("BAD_REQUEST", "Invalid OpenTelemetry format") from None


def log_spans(hub: Hub, project: Project, trace_id: str, sent: list[otlp_wire.Span]) -> None:
    """Add spans to a trace, which is made when it is not there. The caller holds the trace's lock.

    What the client said of a trace as a whole, by POST traces, stands, but for its time, which holds all its spans';
    spans fill in what it did not say.
    """
    document: Json = {"summary": {}, "tags": {}}
    if is_there(hub, trace_id):
        document = _known(hub, trace_id) or document
    starts = [span.start_ns // 1_000_000 for span in sent]
    ends = [span.end_ns // 1_000_000 for span in sent if span.end_ns]
    started, lasted = min(starts), None
    if "id" in document:
        project = project_of(hub, document)
        started = min(started, started_ms(document))
        ends.append(started_ms(document) + (document.get("execution_ms") or 0))
    if ends:
        lasted = max(ends) - started
    body: Json = {"execution_ms": lasted, "deleted": None}
    root = next((span for span in sent if not span.parent_id), None)
    if document.get("state") not in ("OK", "ERROR"):
        state = "IN_PROGRESS" if root is None else "ERROR" if root.status == otlp_wire.ERROR else "OK"
        body["state"] = state
    if root is not None:
        body |= _previews(document, root)
        if not document.get("name"):
            body["name"] = root.name
    # A trace has to be there before it can hold a file.
    write(hub, trace_id, project, started, body, {}, {})
    stored = spans.add(hub, trace_id, map(spans.as_stored, sent))
    tags, metadata = _said(document, sent, stored)
    hub.event(KIND, trace_id, "tag", tags)
    if metadata:
        hub.event(KIND, trace_id, "summary", metadata)
    if "state" in body:
        end_of(hub, trace_id, body["state"], started, lasted)


def _known(hub: Hub, trace_id: str) -> Json | None:
    try:
        return get_document(hub, trace_id)
    except MlflowError:
        return None  # deleted: it begins again


def _previews(document: Json, root: otlp_wire.Span) -> Json:
    found: Json = {}
    for name, key, role in (
        ("request_preview", "mlflow.spanInputs", "user"),
        ("response_preview", "mlflow.spanOutputs", "assistant"),
    ):
        value = spans.meant(root.attributes.get(key))
        if document.get(name) is None and value is not None:
            found[name] = preview(value, role)
    return found


def preview(value: Any, role: str) -> str:
    """What of the inputs or outputs of a trace is shown in a list: the last message, or the beginning."""
    text = _last_message(value, role) or spans.dumped(value)
    return text if len(text) <= _MOST_PREVIEW else text[: _MOST_PREVIEW - 3] + "..."


def _last_message(value: Any, role: str) -> str:
    for _ in range(4):
        if not isinstance(value, dict) or "request" not in value:
            break
        value = value["request"]
    if not isinstance(value, dict):
        return ""
    choices = value.get("choices")
    chosen = [one.get("message") for one in choices[:1] if isinstance(one, dict)] if isinstance(choices, list) else []
    for messages in (value.get("messages"), chosen, value.get("input"), value.get("output")):
        if isinstance(messages, list) and messages:
            said = [one for one in messages if isinstance(one, dict) and "content" in one]
            fitting = [one for one in said if one.get("role") == role] or said
            return _content(fitting[-1]["content"]) if fitting else ""
    return ""


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            return part
        if isinstance(part, dict) and part.get("type") in ("text", "output_text"):
            return str(part.get("text") or "")
    return ""


def _said(document: Json, sent: list[otlp_wire.Span], stored: list[Json]) -> tuple[dict[str, str], dict[str, str]]:
    """The tags and metadata that spans carry."""
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}
    there = document["summary"]
    for span in sent:
        for key, value in span.resource.items():
            if key and not key.startswith(("telemetry.sdk.", "mlflow.")):
                _add_tag(tags, key, value)
        session = span.attributes.get("session.id") or span.attributes.get("gen_ai.conversation.id")
        for name, value in ((_SESSION, session), (_USER, span.attributes.get("user.id"))):
            if value and name not in there:
                metadata.setdefault(name, str(value)[:250])
        for key, value in span.attributes.items():
            if not span.parent_id and key.startswith(_TAG):
                _add_tag(tags, key.removeprefix(_TAG), value)
    for name, key in _COUNTED.items():
        if FINALISED in there and name in there:
            continue
        total = _sum(stored, key)
        if total:
            metadata[name] = json.dumps(_TOTALS[name] | total)
    return tags | {SPANS_LOCATION: "TRACKING_STORE"}, metadata


def _add_tag(tags: dict[str, str], key: str, value: Any) -> None:
    try:
        key, text = fields.check_tag(key, value if isinstance(value, str) else spans.dumped(value))
    except MlflowError:
        return  # MLflow passes over such ones
    tags[key] = text


def _sum(stored: list[Json], key: str) -> dict[str, float]:
    """Tokens or costs of a trace: those of a span are taken to hold those of the spans below it."""
    own = {span["span_id"]: spans.attribute(span, key) for span in stored}
    parents = {span["span_id"]: span.get("parent_span_id") for span in stored}
    total: dict[str, float] = {}
    for span_id, counts in own.items():
        if not isinstance(counts, dict) or _is_held(span_id, own, parents):
            continue
        for name, count in counts.items():
            if isinstance(count, (int, float)) and not isinstance(count, bool):
                total[name] = total.get(name, 0) + count
    return total


def _is_held(span_id: str, own: dict[str, Any], parents: dict[str, Any]) -> bool:
    above, seen = parents.get(span_id), {span_id}
    while above is not None and above not in seen:
        if isinstance(own.get(above), dict):
            return True
        seen.add(above)
        above = parents.get(above)
    return False


ROUTES = [Route("POST", "/v1/traces", ingest, "write", "mlflow", streams=True)]
