"""Traces: MLflow's own client against a server of ours, and OpenTelemetry's messages against its own package."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import UsageError
from anew.protocols.mlflow import otlp_wire, spans

CLIENT = """
import json, sys
import mlflow
from mlflow.entities import AssessmentSource, Feedback

mlflow.set_tracking_uri(sys.argv[1])
experiment = mlflow.set_experiment("traced").experiment_id
client = mlflow.MlflowClient()

@mlflow.trace(attributes={"k": "v"})
def answer(question):
    with mlflow.start_span("think", span_type="LLM") as span:
        span.set_inputs({"q": question})
        span.set_outputs(["a", 1.5, None, {"é": True}])
        mlflow.update_current_trace(tags={"shade": "blue"}, metadata={"mlflow.trace.session": "s1"})
    return question * 2

@mlflow.trace
def fails():
    raise ValueError("no")

answer(21)
trace_id = mlflow.get_last_active_trace_id()
try:
    fails()
except ValueError:
    pass
with mlflow.start_run() as run, mlflow.start_span("in_run"):
    pass
mlflow.flush_trace_async_logging()

trace = mlflow.get_trace(trace_id)
outer, inner = trace.data.spans
assert (outer.name, inner.name, inner.parent_id) == ("answer", "think", outer.span_id)
assert outer.inputs == {"question": 21} and outer.outputs == 42 and outer.attributes["k"] == "v"
assert inner.outputs == ["a", 1.5, None, {"é": True}] and inner.span_type == "LLM"
assert trace.info.state == "OK" and trace.info.request_preview == '{"question": 21}'
assert trace.info.trace_metadata["mlflow.trace.session"] == "s1"

def names(text="", **more):
    found = mlflow.search_traces(locations=[experiment], filter_string=text, return_type="list", **more)
    return [one.info.tags["mlflow.traceName"] for one in found]

assert sorted(names()) == ["answer", "fails", "in_run"]
assert names("status = 'ERROR'") == ["fails"] and names("tags.shade = 'blue'") == ["answer"]
assert names("metadata.`mlflow.trace.session` = 's1'") == ["answer"] and names("name RLIKE '^f.*s$'") == ["fails"]
assert names("span.type = 'LLM' AND span.name = 'think'") == ["answer"]
assert names("span.type = 'LLM' AND span.name = 'answer'") == [] and names("text LIKE '%ValueError%'") == ["fails"]
assert names(run_id=run.info.run_id) == ["in_run"] and len(names(max_results=2)) == 2
assert names(order_by=["timestamp_ms ASC"]) == ["answer", "fails", "in_run"]
frame = mlflow.search_traces(locations=[experiment])
assert len(frame) == 3 and {"trace_id", "spans", "state"} <= set(frame.columns)

mlflow.set_trace_tag(trace_id, "kept", "1")
mlflow.set_trace_tag(trace_id, "gone", "1")
mlflow.delete_trace_tag(trace_id, "gone")
tags = mlflow.get_trace(trace_id).info.tags
assert tags["kept"] == "1" and "gone" not in tags

said = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=AssessmentSource("HUMAN", "me"))
wish = mlflow.log_expectation(trace_id=trace_id, name="wish", value={"x": [1, 2]})
assert mlflow.get_assessment(trace_id, said.assessment_id).value is True
mlflow.update_assessment(trace_id, said.assessment_id, Feedback(name="good", value=False, rationale="sorry"))
over = mlflow.override_feedback(trace_id=trace_id, assessment_id=said.assessment_id, value=0.5)
by_id = {one.assessment_id: one for one in mlflow.get_trace(trace_id).info.assessments}
assert by_id[said.assessment_id].rationale == "sorry" and by_id[said.assessment_id].valid is False
assert by_id[over.assessment_id].overrides == said.assessment_id and by_id[wish.assessment_id].value == {"x": [1, 2]}
assert names("feedback.good = '0.5'") == ["answer"] and names("feedback.good > 0.4") == ["answer"]
assert names("feedback.good = 'false'") == [] and len(names("expectation.wish IS NULL")) == 2
mlflow.delete_assessment(trace_id, over.assessment_id)
assert mlflow.get_assessment(trace_id, said.assessment_id).valid is True

client.link_traces_to_run([trace_id], run.info.run_id)
assert sorted(names(run_id=run.info.run_id)) == ["answer", "in_run"]
assert client.delete_traces(experiment, trace_ids=[trace_id]) == 1 and mlflow.get_trace(trace_id) is None
assert client.delete_traces(experiment, max_timestamp_millis=2**50, max_traces=1) == 1 and len(names()) == 1
print("fine")
"""


@contextmanager
def serve(store: Path, *words: str) -> Iterator[str]:
    """A server of ours; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "anew", "server", "--port", "0", "--json", *words],
        env={**os.environ, "ANEW_STORE": str(store)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def ask(url: str, body: Any = None, method: str = "", **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url, data, sent, method=method or ("GET" if data is None else "POST"))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    return status, json.loads(content) if content else None


@pytest.mark.real
def test_the_real_client_traces_searches_and_assesses(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    with serve(tmp_path / "store") as address:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, address], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0 and done.stdout.strip().endswith("fine"), done.stdout + done.stderr


def span_json(number: int = 1, parent: str = "", **more: Any) -> dict[str, Any]:
    parents = {"parentSpanId": parent} if parent else {}
    ids = {"traceId": f"{7:032x}", "spanId": f"{number:016x}"}
    times = {"startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001500000000"}
    return ids | parents | times | {"name": f"step {number}"} | more


def export_json(*found: dict[str, Any]) -> dict[str, Any]:
    pair = {"key": "service.name", "value": {"stringValue": "shop"}}
    return {"resourceSpans": [{"resource": {"attributes": [pair]}, "scopeSpans": [{"spans": list(found)}]}]}


def text_attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def test_spans_of_anyone_make_a_trace(tmp_path: Path) -> None:
    trace_id = f"tr-{7:032x}"
    with serve(tmp_path / "store") as address:
        traces, experiment = f"{address}/api/3.0/mlflow/traces", {"x_mlflow_experiment_id": "0"}
        child = span_json(2, f"{1:016x}", attributes=[text_attribute("session.id", "s9")])
        body = gzip.compress(json.dumps(export_json(child)).encode())
        assert ask(f"{address}/v1/traces", body, content_encoding="gzip", **experiment)[0] == 200
        info = ask(f"{traces}/{trace_id}")[1]["trace"]["trace_info"]
        assert info["state"] == "IN_PROGRESS" and info["tags"]["service.name"] == "shop"
        assert info["trace_metadata"] == {"mlflow.trace.session": "s9"}
        assert len(ask(f"{traces}/get?trace_id={trace_id}")[1]["trace"]["spans"]) == 1
        usage = json.dumps({"input_tokens": 3, "output_tokens": 4})
        root = span_json(
            1,
            status={"code": 2, "message": "broken"},
            attributes=[
                text_attribute("mlflow.spanInputs", "hello"),
                text_attribute("mlflow.traceTag.mine", "yes"),
                {"key": "mlflow.chat.tokenUsage", "value": {"kvlistValue": {"values": [
                    {"key": key, "value": {"intValue": str(value)}} for key, value in json.loads(usage).items()
                ]}}},
            ],
        )  # fmt: skip
        assert ask(f"{address}/v1/traces", export_json(root), **experiment)[0] == 200
        whole = ask(f"{traces}/get?trace_id={trace_id}")[1]["trace"]
        info = whole["trace_info"]
        assert info["state"] == "ERROR" and info["execution_duration"] == "1.500s" and info["tags"]["mine"] == "yes"
        assert info["request_time"] == "2023-11-14T22:13:20Z" and info["request_preview"] == '"hello"'
        assert json.loads(info["trace_metadata"]["mlflow.trace.tokenUsage"]) == json.loads(usage) | {"total_tokens": 0}
        assert [span["name"] for span in whole["spans"]] == ["step 1", "step 2"]
        assert whole["spans"][0]["status"] == {"message": "broken", "code": "STATUS_CODE_ERROR"}
        # A whole renamed experiment still holds its traces.
        made = ask(f"{address}/api/2.0/mlflow/experiments/create", {"name": "a"})[1]["experiment_id"]
        other = export_json(span_json() | {"traceId": f"{8:032x}"})
        assert ask(f"{address}/v1/traces", other, x_mlflow_experiment_id=made)[0] == 200
        ask(f"{address}/api/2.0/mlflow/experiments/update", {"experiment_id": made, "new_name": "b"})
        place = {"locations": [{"mlflow_experiment": {"experiment_id": made}}]}
        assert [one["trace_id"] for one in ask(f"{traces}/search", place)[1]["traces"]] == [f"tr-{8:032x}"]


def test_what_is_no_message_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path / "store") as address:
        url, experiment = f"{address}/v1/traces", {"x_mlflow_experiment_id": "0"}
        assert ask(url, export_json(span_json()))[0] == 400
        assert ask(url, export_json(span_json()), x_mlflow_experiment_id="77")[0] == 404
        assert ask(url, b"\xff\xff\xff", content_type="application/x-protobuf", **experiment)[0] == 400
        assert ask(url, b"x", content_type="text/plain", **experiment)[0] == 400
        assert ask(url, {"resourceSpans": [{"scopeSpans": 3}]}, **experiment)[0] == 400
        assert ask(url, export_json(span_json() | {"spanId": ""}), **experiment)[0] == 400
        bomb = zlib.compress(bytes(100 << 20))
        assert ask(url, bomb, content_encoding="deflate", **experiment)[0] == 400
        search = f"{address}/api/3.0/mlflow/traces/search"
        place = {"locations": [{"mlflow_experiment": {"experiment_id": "0"}}]}
        for text in ("name RLIKE '(a+)+$'", "name RLIKE '.*.*.*x'", "tags.a OR b", "span.x = '1'", "name ="):
            assert ask(search, place | {"filter": text})[0] == 400, text
        assert ask(search, place) == (200, {})


def test_every_route_of_traces_asks_for_an_account(tmp_path: Path) -> None:
    environment = {**os.environ, "ANEW_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-m", "anew", "token", "create", "reader", "--scope", "read", "--json"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    reader = {"authorization": f"Bearer {json.loads(made.stdout)['token']}"}
    with serve(tmp_path / "store") as address:
        sent = {"x_mlflow_experiment_id": "0"}
        assert ask(f"{address}/v1/traces", export_json(span_json()), **sent)[0] == 401
        assert ask(f"{address}/v1/traces", export_json(span_json()), **sent, **reader)[0] == 403
        assert ask(f"{address}/api/3.0/mlflow/traces/search", {"locations": []})[0] == 401
        assert ask(f"{address}/ajax-api/3.0/mlflow/traces/tr-1")[0] == 401


def test_filters_over_two_sets_are_correlated(tmp_path: Path) -> None:
    with serve(tmp_path / "store") as address:
        found = []
        for number in range(4):
            tags = [text_attribute("mlflow.traceTag.a", str(number < 2)), text_attribute("mlflow.traceTag.b", "x")]
            found.append(span_json(attributes=tags) | {"traceId": f"{number + 1:032x}"})
        assert ask(f"{address}/v1/traces", export_json(*found), x_mlflow_experiment_id="0")[0] == 200
        filters = {"filter_string1": "tags.a = 'True'", "filter_string2": "tags.b = 'x'"}
        url = f"{address}/api/3.0/mlflow/traces/calculate-filter-correlation"
        answer = ask(url, {"experiment_ids": ["0"]} | filters)[1]
        assert [answer[f"{name}_count"] for name in ("filter1", "filter2", "joint", "total")] == [2, 4, 2, 4]
        assert abs(answer["npmi"]) < 1e-9


# The wire format, against OpenTelemetry's own package

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1), VALUES, max_size=3)


@given(ATTRIBUTES, ATTRIBUTES, st.text(), st.integers(0, 2), st.integers(0, 2**64 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_protobuf_is_read_as_its_own_package_writes_it(
    attributes: dict[str, Any], resource: dict[str, Any], name: str, code: int, start: int, whole: bool
) -> None:
    pytest.importorskip("opentelemetry.proto")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    fill(part.resource.attributes, resource)
    scope = part.scope_spans.add()
    scope.scope.name = "passed over"
    span = scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name, start_time_unix_nano=start, flags=1)
    span.status.code, span.status.message = code, name
    fill(span.attributes, attributes)
    if whole:
        span.parent_span_id = b"p" * 8
        fill(span.events.add(name="event", time_unix_nano=5).attributes, attributes)
        fill(span.links.add(trace_id=b"l" * 16, span_id=b"m" * 8).attributes, attributes)
    data = request.SerializeToString()
    (found,) = otlp_wire.from_protobuf(data)
    assert (found.trace_id, found.span_id, found.name, found.start_ns) == (b"t" * 16, b"s" * 8, name, start)
    assert found.attributes == attributes and found.resource == resource
    assert found.status == f"STATUS_CODE_{['UNSET', 'OK', 'ERROR'][code]}" and found.message == name
    assert found.parent_id == (b"p" * 8 if whole else b"")
    assert [event.attributes for event in found.events] == [attributes] * whole
    assert [link.trace_id for link in found.links] == [b"l" * 16] * whole
    json.dumps(spans.shown(spans.as_stored(found)))


def fill(pairs: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        put(pairs.add(key=key).value, value)


def put(into: Any, value: Any) -> None:
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, list):
        into.array_value.SetInParent()
        for item in value:
            put(into.array_value.values.add(), item)
    elif isinstance(value, dict):
        into.kvlist_value.SetInParent()
        fill(into.kvlist_value.values, value)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_spans_or_refused(data: bytes) -> None:
    for body in (data, b"\x0a" + bytes([len(data) & 127]) + data):
        try:
            for span in otlp_wire.from_protobuf(body):
                json.dumps(spans.shown(spans.as_stored(span)))
        except UsageError:
            pass


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["resourceSpans", "scopeSpans", "spans", "attributes", "key", "value", "arrayValue", "values"]),
    inner)))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_json_is_spans_or_refused(data: Any) -> None:
    try:
        otlp_wire.from_json(data)
    except UsageError:
        pass
