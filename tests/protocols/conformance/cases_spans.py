"""Spans by OpenTelemetry's protocol, the traces they make, and what is found by them; links of traces."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_traces import NO_TRACE, TRACES, assess, find, get_trace, start, trace_id
from protocols.conformance.steps import *

_SECOND = 1_000_000_000
_BEGIN = 978_307_200 * _SECOND  # 2001: a time that no server takes for now


_AS_SENT = Ours("by OpenTelemetry's protocol, who sends JSON is answered in JSON", 200, body={})


def _attribute(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": _value(value)}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [_attribute(key, item) for key, item in value.items()]}}
    return {"stringValue": value}


def span(number: int, trace: int, parent: int = 0, attributes: dict[str, Any] | None = None, **more: Any) -> Any:
    """A span; its time is that of its number, in seconds."""
    found = {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "name": f"step {number}",
        "startTimeUnixNano": str(_BEGIN + number * _SECOND),
        "endTimeUnixNano": str(_BEGIN + (number + 1) * _SECOND),
        "attributes": [_attribute(key, value) for key, value in (attributes or {}).items()],
    }
    return found | ({"parentSpanId": f"{parent:016x}"} if parent else {}) | more


def export(*spans: Any, exp: str = "{exp}", resource: dict[str, Any] | None = None, **headers: str) -> Step:
    pairs = [_attribute(key, value) for key, value in (resource or {}).items()]
    body = {"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [{"spans": list(spans)}]}]}
    return instead(_send(body, exp, **headers), _AS_SENT)


def _send(body: Any, exp: str = "{exp}", kind: str = "application/json", **headers: str) -> Step:
    said = {"Content-Type": kind, **({"x-mlflow-experiment-id": exp} if exp else {})}
    return post("/v1/traces", body, headers=said | {name.replace("_", "-"): text for name, text in headers.items()})


def whole(number: int, **more: str) -> Step:
    return get(TRACES + "/get", {"trace_id": trace_id(number), **more})


def _bad(step: Step) -> Step:
    """MLflow answers these by its other web framework, in another form."""
    return instead(step, Ours("an error has one form, whichever route it comes from", 400))


_VALUES: dict[str, Any] = {
    "text": "a", "empty": "", "whole": 5, "real": 1.5, "true": True, "list": ["a", "b"], "mixed": [1, "a"],
    "dict": {"a": 1, "b": {"c": [True]}}, "json": '{"a": 1}', "unicode": "naïve 名",
}  # fmt: skip
_EVENTS = [{"timeUnixNano": str(_BEGIN), "name": "said", "attributes": [_attribute("a", "b"), _attribute("n", 1)]}]
_LINKS = [{"traceId": f"{1:032x}", "spanId": f"{2:016x}", "attributes": [_attribute("why", "because")]}]


def _sought(name: str, first: int) -> list[Step]:
    """Three traces with spans, and what was said of them."""
    return [
        experiment(name),
        start(first, tags={"mlflow.traceName": "chat"}),
        export(
            span(1, first, attributes={"mlflow.spanType": "LLM", "model": "gpt", "n": 5}),
            span(2, first, 1, name="search", attributes={"mlflow.spanType": "TOOL"}),
        ),
        start(first + 1, tags={"mlflow.traceName": "plain"}),
        export(span(3, first + 1, name="broken", status={"code": 2, "message": "oh no"})),
        start(first + 2),
        assess(first, assessment_name="good", source=_HUMAN, feedback={"value": True}),
        assess(first, assessment_name="score", source=_HUMAN, feedback={"value": 0.5}),
        assess(first + 1, assessment_name="good", source=_HUMAN, feedback={"value": "yes"}),
        assess(first + 1, assessment_name="score", source=_HUMAN, feedback={"value": 3}),
        assess(first + 1, assessment_name="wish", source=_HUMAN, expectation={"value": "Paris"}),
        post("traces/link-prompts", {"trace_id": trace_id(first), "prompt_versions": [{"name": "p", "version": "1"}]}),
    ]


_HUMAN = {"source_type": "HUMAN", "source_id": "ann"}
_FILTERS = [
    "span.name = 'search'", "span.name != 'search'", "span.name LIKE 'sea%'", "span.name ILIKE 'SEA%'",
    "span.name RLIKE '^s.*h$'", "span.name IN ('search', 'broken')", "span.name NOT IN ('search')",
    "span.type = 'TOOL'", "span.type = 'LLM'", "span.status = 'ERROR'", "span.status = 'OK'",
    "span.status = 'UNSET'", "span.attributes.model LIKE '%gpt%'", "span.attributes.n LIKE '%5%'",
    "span.attributes.nobody LIKE '%x%'", "span.content LIKE '%gpt%'", "trace.text LIKE '%broken%'",
    "span.name = 'search' AND span.type = 'TOOL'", "span.name = 'search' AND span.type = 'LLM'",
    "span.name = 'search' AND name = 'chat'", "span.colour = 'x'", "span.name > 'a'", "span.content = 'x'",
    "span.name IS NULL", "span.name = 5", "span.attributes. = 'x'",
    "feedback.good = 'true'", "feedback.good = 'yes'", "feedback.good != 'yes'", "feedback.good LIKE '%e%'",
    "feedback.score > 1", "feedback.score >= 0.5", "feedback.score < 1", "feedback.score = '0.5'",
    "feedback.score = 0.5",
    "feedback.score > '1'", "feedback.good IS NULL", "feedback.good IS NOT NULL", "feedback.nobody = 'x'",
    "feedback.good IN ('yes')", "expectation.wish = 'Paris'", "expectation.wish IS NOT NULL",
    "expectation.good = 'true'",
    "feedback.`good` = 'yes'", "issue.id = 'x'", "issue.id LIKE 'x'",
    "prompt = 'p/1'", "prompt = 'p/2'", "prompt = 'p'", "prompt LIKE 'p%'", "prompt IN ('p/1')",
    "end_time_ms > 0", "end_time > 978307240000", "timestamp_ms > '5'", "timestamp_ms LIKE '5'",
    "timestamp_ms IN (1)", "status = 5", "name IN ('chat')", "run_id IN ('x')", "status RLIKE '^O'", "name RLIKE 'c.*'",
    "timestamp_ms IS NULL", "status IS NULL", "metadata.x IS NULL", "metadata.x IN ('a')", "tags.x IN ('a')",
    "metadata.x > 'a'", "tags.x > 'a'", "metadata.x = 5", "tags.x = 5", "client_request_id IN ('x')",
    "request_id = 'x'", "status == 'OK'", "span = 'x'", "metrics.x = 1",
]  # fmt: skip

SPANS: list[Scenario] = [
    scenario(
        "spans: a trace of spans alone",
        experiment("spans alone"),
        export(span(2, 0xD00, 1)),
        get_trace(0xD00),
        whole(0xD00),
        whole(0xD00, allow_partial="true"),
        get(TRACES + "/batchGet", {"trace_ids": trace_id(0xD00)}),
        export(span(1, 0xD00, attributes={"mlflow.spanInputs": '{"q": 1}', "mlflow.spanOutputs": '"a"'})),
        get_trace(0xD00),
        whole(0xD00),
        get(TRACES + "/batchGet", {"trace_ids": trace_id(0xD00)}),
        export(span(2, 0xD00, 1, name="again")),
        whole(0xD00),
        export(span(3, 0xD00, 1, endTimeUnixNano=str(_BEGIN + 60 * _SECOND))),
        get_trace(0xD00),
    ),
    scenario(
        "spans: what they hold",
        experiment("spans hold"),
        export(span(1, 0xD10, attributes=_VALUES), resource={"service.name": "shop", "team": "x"}),
        whole(0xD10),
        export(span(1, 0xD11, events=_EVENTS, kind=2, traceState="a=b", flags=1)),
        whole(0xD11),
        export(span(1, 0xD12, links=_LINKS)),
        instead(whole(0xD12), accepts("links between spans are kept")),
        [
            step
            for code in (0, 1, 2)
            for step in (export(span(1, 0xD20 + code, status={"code": code, "message": "m"})), whole(0xD20 + code))
        ],
        export(span(1, 0xD30, attributes={"mlflow.traceTag.mine": "yes", "session.id": "s1", "user.id": "u1"})),
        get_trace(0xD30),
        export(
            span(1, 0xD31, attributes={"mlflow.chat.tokenUsage": {"input_tokens": 3, "output_tokens": 4}}),
            span(2, 0xD31, 1, attributes={"mlflow.chat.tokenUsage": {"input_tokens": 1, "output_tokens": 1}}),
            span(3, 0xD32, attributes={"mlflow.spanType": "LLM"}),
        ),
        get_trace(0xD31),
        get_trace(0xD32),
    ),
    scenario(
        "spans: of a trace that is told of",
        experiment("spans told"),
        start(0xD40, trace_metadata={"mlflow.trace.sizeStats": '{"num_spans": 2}'}, request_preview="what?"),
        instead(whole(0xD40), rejects("RESOURCE_DOES_NOT_EXIST", 404)),
        export(span(1, 0xD40, attributes={"mlflow.spanInputs": '"other"'})),
        whole(0xD40),
        export(span(2, 0xD40, 1)),
        whole(0xD40),
        get_trace(0xD40),
        export(span(1, 0xD41)),
        start(0xD41, state="ERROR", tags={"mlflow.traceName": "named"}),
        get_trace(0xD41),
        run(),
        export(span(1, 0xD42), x_mlflow_run_id="{run}"),
        find("run_id = '{run}'"),
    ),
    scenario(
        "spans: what are none",
        experiment("spans none"),
        _bad(export(span(1, 0xD50), exp="")),
        instead(export(span(1, 0xD50), exp="999999999"), rejects("RESOURCE_DOES_NOT_EXIST", 404)),
        _bad(_send(b"x", kind="text/plain")),
        _bad(_send(b"{")),
        _bad(_send({"resourceSpans": []})),
        _bad(_send(b"\xff\xff\xff", kind="application/x-protobuf")),
        _bad(export(span(1, 0xD51), content_encoding="br")),
        _bad(export(span(1, 0xD52, spanId="x"))),
        get_trace(0xD50),
    ),
    scenario("traces/search: spans and what is said", _sought("traces by spans", 0xE00),
    [find(text) for text in _FILTERS],
        # Its parser takes a field of that name for a word of SQL.
        instead(find("text LIKE '%gpt%'"), accepts("text is a field like others")),
        [instead(find(text), BROKEN) for text in ("text = 'x'", "text IN ('x')")],
        refused(find("timestamp_ms > 'x'")),
        instead(find("issue.name = 'x'"), rejects(rule="an issue's name is no name of a trace"))),
    scenario(
        "traces: links",
        _sought("traces linked", 0xE10),
        run(),
        post("traces/link-to-run", {"run_id": "{run}", "trace_ids": [trace_id(0xE11), NO_TRACE]}),
        find("run_id = '{run}'"),
        instead(
            post("traces/link-to-run", {"run_id": "0" * 32, "trace_ids": [trace_id(0xE11)]}),
            rejects("RESOURCE_DOES_NOT_EXIST", 404, "nothing is linked to what is not there"),
        ),
        post("traces/link-to-run", {"run_id": "{run}", "trace_ids": [trace_id(number) for number in range(101)]}),
        post("traces/link-to-run", {"run_id": "{run}"}),
        post("traces/link-prompts", {"trace_id": trace_id(0xE11), "prompt_versions": [{"name": "q", "version": "2"}]}),
        find("prompt = 'q/2'"),
        get_trace(0xE11),
        post("traces/link-prompts", {"trace_id": NO_TRACE, "prompt_versions": [{"name": "q", "version": "2"}]}),
        post("traces/link-prompts", {"trace_id": trace_id(0xE11)}),
        post("traces/link-prompts", {"prompt_versions": [{"name": "q", "version": "2"}]}),
        post("traces/link-prompts", {"trace_id": trace_id(0xE11), "prompt_versions": []}),
    ),
    scenario(
        "traces: as clients ask version 2",
        _sought("traces version 2", 0xE20),
        patch(f"traces/{trace_id(0xE20)}/tags", {"key": "a", "value": "1"}),
        delete(f"traces/{trace_id(0xE20)}/tags", {"key": "a"}),
        delete(f"traces/{trace_id(0xE20)}/tags", {"key": "a"}),
        post("traces/delete-traces", {"experiment_id": "{exp}", "request_ids": [trace_id(0xE20)]}),
        find(),
    ),
    scenario(
        "traces: filters that go together",
        _sought("traces together", 0xE30),
        [
            post(
                TRACES + "/calculate-filter-correlation",
                {"experiment_ids": ["{exp}"], "filter_string1": first, "filter_string2": second, **more},
            )
            for first, second, more in (
                ("name = 'chat'", "span.name = 'search'", {}), ("status = 'OK'", "name = 'chat'", {}),
                ("name = 'chat'", "name = 'plain'", {}), ("name = 'nobody'", "name = 'chat'", {}),
                ("name = 'chat'", "status = 'OK'", {"base_filter": "name != 'plain'"}), ("x", "status = 'OK'", {}),
            )
        ],
        post(TRACES + "/calculate-filter-correlation", {"experiment_ids": ["{exp}"], "filter_string1": "name = 'a'"}),
        post(TRACES + "/calculate-filter-correlation", {"filter_string1": "name = 'a'",
        "filter_string2": "name = 'b'"}),
    ),
]  # fmt: skip
