"""Traces, version 3: start, get, search, tags, assessments, delete."""

from __future__ import annotations

from typing import Any

from protocols.conformance.steps import *

TRACES = V3 + "traces"
NO_TRACE = "tr-" + "0" * 32
IDS = "traces.trace_id"


def trace_id(number: int) -> str:
    """An id that the client makes up, as MLflow's do. It stays as it is in what is compared."""
    return f"tr-{number:032x}"


def _info(number: int, **more: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id(number),
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{exp}"}},
        "request_time": f"2001-01-01T00:00:{number % 60:02d}.500Z",
        "execution_duration": "0.173s",
        "state": "OK",
        **more,
    }


def start(number: int, **more: Any) -> Step:
    return post(TRACES, {"trace": {"trace_info": _info(number, **more)}})


def get_trace(number: int) -> Step:
    return get(f"{TRACES}/{trace_id(number)}")


def _without(number: int, field: str) -> Step:
    return post(TRACES, {"trace": {"trace_info": {k: v for k, v in _info(number).items() if k != field}}})


_HERE = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{exp}"}}]


def find(text: str | None = None, order: Any = None, **more: Any) -> Step:
    body: dict[str, Any] = {"locations": _HERE}
    body |= {} if text is None else {"filter": text}
    body |= {} if order is None else {"order_by": order}
    return post(TRACES + "/search", body | more, only=IDS)


def assess(number: int, save: str = "made", **body: Any) -> Step:
    return post(
        f"{TRACES}/{trace_id(number)}/assessments",
        {"assessment": {"trace_id": trace_id(number), **body}},
        save={save: "assessment.assessment_id"},
    )


_HUMAN = {"source_type": "HUMAN", "source_id": "ann"}
_JUDGE = {"source_type": "LLM_JUDGE", "source_id": "judge"}


def _some(name: str, first: int) -> list[Step]:
    return [
        experiment(name),
        run(),
        start(first, tags={"mlflow.traceName": "chat", "env": "prod"}, trace_metadata={"mlflow.sourceRun": "{run}"}),
        start(first + 1, state="ERROR", tags={"mlflow.traceName": "search", "env": "dev"}, execution_duration="2s"),
        start(first + 2, state="IN_PROGRESS", tags={"my tag": "x"}, client_request_id="client-1"),
    ]


_FILTERS = [
    "status = 'OK'", "status != 'OK'", "attributes.status = 'ERROR'", "trace.status = 'OK'",
    "status IN ('OK', 'ERROR')", "state = 'OK'", "timestamp_ms > 0", "timestamp > 978307201000",
    "attributes.timestamp_ms < 5",
    "execution_time_ms > 1000", "execution_time < 1000", "name = 'chat'", "name LIKE 'c%'", "name ILIKE 'CH%'",
    "attributes.name = 'chat'", "tags.env = 'prod'", "tag.env != 'prod'", "tags.`my tag` = 'x'", "tags.env LIKE 'p%'",
    "tags.env IS NULL", "tags.env IS NOT NULL", "metadata.`mlflow.sourceRun` = '{run}'",
    "request_metadata.`mlflow.sourceRun` = '{run}'", "run_id = '{run}'", "client_request_id = 'client-1'",
    "status = 'OK' AND tags.env = 'prod'", "status = 'OK' OR tags.env = 'prod'", "(status = 'OK')", "status",
    "status = OK", "colour = 'x'", "status > 'OK'", "status = 'OK' AND", "",
]  # fmt: skip
_ORDERS = [
    ["timestamp_ms"], ["timestamp_ms ASC"], ["timestamp_ms DESC"], ["timestamp"], ["execution_time_ms DESC"],
    ["execution_time_ms ASC"], ["status", "timestamp_ms"], ["name"], ["tags.env"], ["colour"], ["timestamp_ms UP"], [],
    ["metadata.x"], ["experiment_id", "timestamp_ms"],
]  # fmt: skip

TRACES_V3: list[Scenario] = [
    scenario(
        "trace: start and get",
        experiment("trace: start and get"),
        start(0x100),
        get_trace(0x100),
        start(
            0x101,
            client_request_id="abc",
            request_preview="what?",
            response_preview="that",
            trace_metadata={"mlflow.user": "ann", "b": "2"},
            tags={"mlflow.traceName": "chat", "a": "1"},
        ),
        get_trace(0x101),
        get(f"/ajax-api/3.0/mlflow/traces/{trace_id(0x101)}"),
        start(0x102, state="IN_PROGRESS", execution_duration=None),
        start(0x102, state="OK", execution_duration="1.5s"),
        get_trace(0x102),
        start(0x103, request_time="2001-01-01T00:00:00Z", execution_duration="0s"),
        start(0x104, request_time="2001-01-01T00:00:00.123456789Z", execution_duration="0.123456789s"),
    ),
    scenario(
        "trace: start with bad values",
        experiment("trace: start with bad values"),
        post(TRACES, {}),
        instead(post(TRACES, {"trace": {}}), rejects(code=None, status=400)),
        instead(post(TRACES, {"trace": {"trace_info": {}}}), rejects(code=None, status=400)),
        [
            instead(_without(0x200 + number, field), rejects(code=None))
            for number, field in enumerate(("trace_id", "trace_location"))
        ],
        _without(0x210, "state"),
        start(0x220, state="DONE"),
        refused(start(0x221, request_time="yesterday")),
        refused(start(0x222, execution_duration="long")),
        post(
            TRACES,
            {
                "trace": {
                    "trace_info": _info(0x223)
                    | {"trace_location": {"mlflow_experiment": {"experiment_id": "999999999"}}}
                }
            },
        ),
        start(0x224, tags={"k" * 251: "1"}),
        start(0x225, tags={"k": "v" * 8001}),
    ),
    scenario(
        "trace: ids that are none",
        get(f"{TRACES}/{NO_TRACE}"),
        get(f"{TRACES}/x"),
        get(TRACES + "/get", {"trace_id": NO_TRACE}),
        get(TRACES + "/get"),
        patch(
            f"{TRACES}/{NO_TRACE}/tags",
            {"key": "a", "value": "1"},
            deliberate=rejects("RESOURCE_DOES_NOT_EXIST", 404, NOT_OURS),
        ),
        delete(f"{TRACES}/{NO_TRACE}/tags", {"key": "a"}),
        get(f"{TRACES}/{NO_TRACE}/assessments/a-{'0' * 32}"),
        post(
            f"{TRACES}/{NO_TRACE}/assessments",
            {"assessment": {"assessment_name": "x", "source": _HUMAN, "feedback": {"value": 1}}},
        ),
        get(TRACES, deliberate=Ours(NO_ROUTE, 405)),
    ),
    scenario(
        "trace: tags",
        experiment("trace: tags"),
        start(0x300, tags={"a": "1"}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "b", "value": "2"}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "a", "value": "3"}),
        get_trace(0x300),
        delete(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "a"}),
        delete(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "a"}),
        delete(f"{TRACES}/{trace_id(0x300)}/tags", {}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"value": "2"}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "no value"}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "k" * 251, "value": "1"}),
        patch(f"{TRACES}/{trace_id(0x300)}/tags", {"key": "long", "value": "v" * 8001}),
        patch(f"/api/2.0/mlflow/traces/{trace_id(0x300)}/tags", {"key": "old", "value": "2"}),
        get_trace(0x300),
    ),
    scenario(
        "trace: many at once",
        _some("trace: many at once", 0x400),
        post(TRACES + "/batchGetInfos", {"trace_ids": [trace_id(0x401), trace_id(0x400)]}),
        post(TRACES + "/batchGetInfos", {"trace_ids": [trace_id(0x400), NO_TRACE]}),
        post(TRACES + "/batchGetInfos", {"trace_ids": []}),
        post(TRACES + "/batchGetInfos", {}),
        get(TRACES + "/batchGet", {"trace_ids": NO_TRACE}),
        get(TRACES + "/batchGet"),
    ),
    scenario("traces/search: filters", _some("traces filters", 0x500), [find(text) for text in _FILTERS]),
    scenario("traces/search: order", _some("traces order", 0x600), [find(order=order) for order in _ORDERS]),
    scenario(
        "traces/search: whole traces, pages and places",
        _some("traces pages", 0x700),
        post(TRACES + "/search", {"locations": _HERE}),
        post(TRACES + "/search", {"locations": _HERE, "max_results": 2}, save={"t": "next_page_token"}, only=IDS),
        find(max_results=2, page_token="{t}"),
        find(max_results=500),
        find(max_results=501),
        find(max_results=0),
        find(max_results=-1),
        find(max_results="x"),
        instead(find(page_token="nonsense"), BAD_TOKEN),
        post(TRACES + "/search", {}),
        post(TRACES + "/search", {"locations": []}),
        post(TRACES + "/search", {"locations": [{"mlflow_experiment": {"experiment_id": "999999999"}}]}),
        post(TRACES + "/search", {"locations": "x"}),
        find(order="timestamp_ms"),
    ),
    scenario(
        "trace: assessments",
        experiment("trace: assessments"),
        start(0x800),
        assess(0x800, "good", assessment_name="good", source=_HUMAN, feedback={"value": True}, rationale="it is"),
        assess(0x800, "text", assessment_name="text", source=_JUDGE, feedback={"value": "yes"}, metadata={"k": "v"}),
        assess(0x800, "wish", assessment_name="wish", source=_HUMAN, expectation={"value": {"a": [1, 2]}}),
        get(f"{TRACES}/{trace_id(0x800)}/assessments/{{good}}"),
        get(f"{TRACES}/{trace_id(0x800)}/assessments/{{wish}}"),
        get_trace(0x800),
        patch(
            f"{TRACES}/{trace_id(0x800)}/assessments/{{good}}",
            {
                "assessment": {"feedback": {"value": False}, "rationale": "it is not"},
                "update_mask": "feedback,rationale",
            },
        ),
        patch(
            f"{TRACES}/{trace_id(0x800)}/assessments/{{good}}",
            {"assessment": {"assessment_name": "better"}, "update_mask": "assessmentName"},
        ),
        patch(f"{TRACES}/{trace_id(0x800)}/assessments/{{good}}", {"assessment": {"rationale": "x"}}),
        instead(
            patch(
                f"{TRACES}/{trace_id(0x800)}/assessments/{{good}}",
                {"assessment": {"expectation": {"value": 1}}, "update_mask": "expectation"},
            ),
            rejects(code=None),
        ),
        delete(f"{TRACES}/{trace_id(0x800)}/assessments/{{text}}"),
        get(f"{TRACES}/{trace_id(0x800)}/assessments/{{text}}"),
        delete(f"{TRACES}/{trace_id(0x800)}/assessments/{{text}}"),
        get(f"{TRACES}/{trace_id(0x800)}/assessments/a-{'0' * 32}"),
        patch(
            f"{TRACES}/{trace_id(0x800)}/assessments/a-{'0' * 32}",
            {"assessment": {"rationale": "x"}, "update_mask": "rationale"},
        ),
        get_trace(0x800),
    ),
    scenario(
        "trace: bad assessments",
        experiment("trace: bad assessments"),
        start(0x900),
        post(f"{TRACES}/{trace_id(0x900)}/assessments", {}),
        [
            instead(
                post(f"{TRACES}/{trace_id(0x900)}/assessments", {"assessment": body}), rejects(code=None)
            )
            for body in (
                {}, {"assessment_name": "x"}, {"assessment_name": "x", "source": _HUMAN},
            )
        ],
    ),
    scenario(
        "trace: assessments that replace others",
        experiment("trace: assessments that replace others"),
        start(0xA00),
        assess(0xA00, "old", assessment_name="good", source=_HUMAN, feedback={"value": 1}),
        assess(0xA00, "new", assessment_name="good", source=_HUMAN, feedback={"value": 2.5}, overrides="{old}"),
        get(f"{TRACES}/{trace_id(0xA00)}/assessments/{{old}}"),
        get(f"{TRACES}/{trace_id(0xA00)}/assessments/{{new}}"),
        delete(f"{TRACES}/{trace_id(0xA00)}/assessments/{{new}}"),
        get(f"{TRACES}/{trace_id(0xA00)}/assessments/{{old}}"),
    ),
    scenario(
        "trace: delete",
        _some("trace: delete", 0xB00),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}", "request_ids": [trace_id(0xB00)]}),
        get(f"{TRACES}/{trace_id(0xB00)}"),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}", "request_ids": [trace_id(0xB00)]}),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}"}),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}", "max_traces": 1}),
        post(
            TRACES + "/delete-traces",
            {"experiment_id": "{exp}", "max_timestamp_millis": 1, "request_ids": [trace_id(0xB01)]},
        ),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}", "max_timestamp_millis": 1, "max_traces": 0}),
        post(TRACES + "/delete-traces", {"request_ids": [trace_id(0xB01)]}),
        post(
            TRACES + "/delete-traces",
            {"experiment_id": "{exp}", "max_timestamp_millis": 978307258000, "max_traces": 1},
        ),
        find(),
        post(TRACES + "/delete-traces", {"experiment_id": "{exp}", "max_timestamp_millis": 978307300000}),
        find(),
    ),
    scenario(
        "trace: of a run",
        _some("trace: of a run", 0xC00),
        post("traces/link-to-run", {"run_id": "{run}", "trace_ids": [trace_id(0xC01)]}),
        find("run_id = '{run}'"),
        post("traces/link-to-run", {"run_id": "{run}", "trace_ids": []}),
        post("traces/link-to-run", {"trace_ids": [trace_id(0xC01)]}),
    ),
]  # fmt: skip
