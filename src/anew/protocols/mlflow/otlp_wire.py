"""OpenTelemetry's trace messages, read from protobuf and from JSON: the few fields that a trace is made of.

A protobuf message is a row of (field number, wire type, value); what we don't know is passed over, as the format asks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from anew.errors import UsageError

_MOST_DEPTH = 50
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STATUS_CODES = {0: "STATUS_CODE_UNSET", 1: "STATUS_CODE_OK", 2: "STATUS_CODE_ERROR"}
UNSET, ERROR = _STATUS_CODES[0], _STATUS_CODES[2]

Json = dict[str, Any]


@dataclass
class Event:
    """Something that happened during a span."""

    name: str = ""
    time_ns: int = 0
    attributes: Json = field(default_factory=dict)


@dataclass
class Link:
    """Another span that a span has to do with."""

    trace_id: bytes = b""
    span_id: bytes = b""
    attributes: Json = field(default_factory=dict)


@dataclass
class Span:
    """One span as it was sent. `resource` says what sent it."""

    trace_id: bytes = b""
    span_id: bytes = b""
    parent_id: bytes = b""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    attributes: Json = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    status: str = UNSET
    message: str = ""
    resource: Json = field(default_factory=dict)


def from_protobuf(data: bytes) -> list[Span]:
    """The spans of an ExportTraceServiceRequest. Raises UsageError."""
    try:
        return [span for resource in _messages(data, 1) for span in _resource_spans(resource)]
    except (IndexError, struct.error, UnicodeDecodeError, RecursionError):
        raise UsageError("Invalid OpenTelemetry format") from None


def _resource_spans(data: memoryview) -> Iterator[Span]:
    resource: Json = {}
    for part in _messages(data, 1):
        resource |= _attributes(part, 1)
    for scope in _messages(data, 2):
        for part in _messages(scope, 2):
            span = _span(part)
            span.resource = resource
            yield span


def _span(data: memoryview) -> Span:
    span = Span(attributes=_attributes(data, 9))
    for number, kind, value in _fields(data):
        if kind == _BYTES and number in (1, 2, 4):
            setattr(span, {1: "trace_id", 2: "span_id", 4: "parent_id"}[number], bytes(value))
        elif kind == _BYTES and number == 5:
            span.name = _text(value)
        elif kind == _FIXED64 and number in (7, 8):
            setattr(span, {7: "start_ns", 8: "end_ns"}[number], struct.unpack("<Q", value)[0])
        elif kind == _BYTES and number == 11:
            span.events.append(_event(value))
        elif kind == _BYTES and number == 13:
            span.links.append(_link(value))
        elif kind == _BYTES and number == 15:
            for inner, inner_kind, item in _fields(value):
                if inner == 2 and inner_kind == _BYTES:
                    span.message = _text(item)
                elif inner == 3 and inner_kind == _VARINT:
                    span.status = _STATUS_CODES.get(item, UNSET)
    return span


def _event(data: memoryview) -> Event:
    event = Event(attributes=_attributes(data, 3))
    for number, kind, value in _fields(data):
        if number == 1 and kind == _FIXED64:
            event.time_ns = struct.unpack("<Q", value)[0]
        elif number == 2 and kind == _BYTES:
            event.name = _text(value)
    return event


def _link(data: memoryview) -> Link:
    link = Link(attributes=_attributes(data, 4))
    for number, kind, value in _fields(data):
        if kind == _BYTES and number in (1, 2):
            setattr(link, "trace_id" if number == 1 else "span_id", bytes(value))
    return link


def _attributes(data: memoryview, number: int, depth: int = 0) -> Json:
    """The KeyValue messages of a field, as a dict."""
    found: Json = {}
    for pair in _messages(data, number):
        key, value = "", None
        for inner, kind, item in _fields(pair):
            if inner == 1 and kind == _BYTES:
                key = _text(item)
            elif inner == 2 and kind == _BYTES:
                value = _value(item, depth + 1)
        found[key] = value
    return found


def _value(data: memoryview, depth: int) -> Any:
    """An AnyValue: the last of its fields holds."""
    if depth > _MOST_DEPTH:
        raise UsageError("Invalid OpenTelemetry format: an attribute is nested too deeply")
    value: Any = None
    for number, kind, item in _fields(data):
        if number == 1 and kind == _BYTES:
            value = _text(item)
        elif number == 2 and kind == _VARINT:
            value = bool(item)
        elif number == 3 and kind == _VARINT:
            value = item - (1 << 64) if item >> 63 else item
        elif number == 4 and kind == _FIXED64:
            value = struct.unpack("<d", item)[0]
        elif number == 5 and kind == _BYTES:
            value = [_value(part, depth + 1) for part in _messages(item, 1)]
        elif number == 6 and kind == _BYTES:
            value = _attributes(item, 1, depth + 1)
        elif number == 7 and kind == _BYTES:
            value = bytes(item)
    return value


def _messages(data: bytes | memoryview, number: int) -> Iterator[memoryview]:
    return (value for found, kind, value in _fields(data) if found == number and kind == _BYTES)


def _text(data: memoryview) -> str:
    return str(data, "utf-8")


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, int, Any]]:
    """Field number, wire type and value: a whole number for a varint, else its bytes. Raises UsageError."""
    view, at = memoryview(data), 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(view, at)
            yield number, kind, value
            continue
        if kind == _BYTES:
            size, at = _varint(view, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise UsageError("Invalid OpenTelemetry format")
        if number == 0 or at + size > len(view):
            raise UsageError("Invalid OpenTelemetry format")
        yield number, kind, view[at : at + size]
        at += size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value & ((1 << 64) - 1), at
        if shift > 63:
            raise UsageError("Invalid OpenTelemetry format")


# JSON: camelCase names, ids in hex, whole numbers of 64 bits as texts


def from_json(data: Any) -> list[Span]:
    """The spans of an ExportTraceServiceRequest in JSON. Raises UsageError."""
    try:
        return [
            _json_span(item, resource)
            for part in data.get("resourceSpans") or ()
            for resource in [_json_attributes((part.get("resource") or {}).get("attributes"))]
            for scope in part.get("scopeSpans") or ()
            for item in scope.get("spans") or ()
        ]
    except (AttributeError, TypeError, ValueError, KeyError, RecursionError):
        raise UsageError("Invalid OpenTelemetry format") from None


def _json_span(item: Json, resource: Json) -> Span:
    status = item.get("status") or {}
    code = status.get("code", 0)
    return Span(
        trace_id=bytes.fromhex(item.get("traceId") or ""),
        span_id=bytes.fromhex(item.get("spanId") or ""),
        parent_id=bytes.fromhex(item.get("parentSpanId") or ""),
        name=_string(item.get("name")),
        start_ns=_nanoseconds(item.get("startTimeUnixNano")),
        end_ns=_nanoseconds(item.get("endTimeUnixNano")),
        attributes=_json_attributes(item.get("attributes")),
        events=[
            Event(
                _string(one.get("name")), _nanoseconds(one.get("timeUnixNano")), _json_attributes(one.get("attributes"))
            )
            for one in item.get("events") or ()
        ],
        links=[
            Link(
                bytes.fromhex(one.get("traceId") or ""),
                bytes.fromhex(one.get("spanId") or ""),
                _json_attributes(one.get("attributes")),
            )
            for one in item.get("links") or ()
        ],
        status=code if code in _STATUS_CODES.values() else _STATUS_CODES.get(code, UNSET),
        message=_string(status.get("message")),
        resource=resource,
    )


def _string(value: Any) -> str:
    if not isinstance(value, str | None):
        raise ValueError("not a text")
    return value or ""


def _nanoseconds(value: Any) -> int:
    number = int(value or 0)
    if not 0 <= number < 1 << 64:
        raise ValueError("not a time")
    return number


def _json_attributes(pairs: Any, depth: int = 0) -> Json:
    return {_string(pair.get("key")): _json_value(pair.get("value") or {}, depth + 1) for pair in pairs or ()}


def _json_value(value: Json, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise UsageError("Invalid OpenTelemetry format: an attribute is nested too deeply")
    readers: dict[str, Callable[[Any], Any]] = {
        "stringValue": _string,
        "boolValue": bool,
        "intValue": int,
        "doubleValue": float,
        "arrayValue": lambda item: [_json_value(one, depth + 1) for one in item.get("values") or ()],
        "kvlistValue": lambda item: _json_attributes(item.get("values"), depth + 1),
        "bytesValue": _string,
    }
    for name, read in readers.items():
        if name in value:
            return read(value[name])
    return None
