"""What no client of good will sends: a clear refusal, never a 5xx, and nothing made of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.asking import Asked

MLFLOW = "/api/2.0/mlflow/"


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("experiments/search", {"view_type": [1]}),
        ("runs/search", {"experiment_ids": ["0"], "run_view_type": {}}),
        ("runs/search", {"experiment_ids": ["0"], "run_view_type": [2]}),
        ("logged-models/search", {"experiment_ids": ["0"], "order_by": [{"field_name": "\ud800"}]}),
        ("runs/search", {"experiment_ids": ["0"], "filter": "tags.`\ud800` = '1'"}),
        ("experiments/get", {"experiment_id": "\ud800"}),
    ],
)
def test_values_of_another_kind(asked: Asked, route: str, body: Any) -> None:
    answer = asked("POST", MLFLOW + route, body)
    assert answer.status < 500 and isinstance(answer.json, dict)


def test_what_is_refused_before_it_is_read_is_no_error_of_the_servers(asked: Asked) -> None:
    for method, path, headers, status, code in (
        ("GET", "runs/create", {}, 405, "ENDPOINT_NOT_FOUND"),
        ("POST", "runs/create", {"Content_Length": str(1 << 30)}, 413, "BAD_REQUEST"),
    ):
        answer = asked(method, "/api/2.0/mlflow/" + path, b"", Content_Type="application/json", **headers)
        assert (answer.status, answer.json["error_code"]) == (status, code)


def test_a_run_that_is_not_there_is_no_reason_to_tell_where_the_store_is(asked: Asked) -> None:
    for word in ("nothing", "last", "last~3", "best:loss"):
        answer = asked("GET", f"/api/v1/sync/find?run={word}")
        assert answer.status in (400, 404) and str(asked.store) not in answer.body.decode(), answer.body


@pytest.mark.parametrize("status", [{}, [], [1], "no such", 99, None])
def test_a_status_that_is_none(asked: Asked, status: Any) -> None:
    made = asked("POST", MLFLOW + "runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    answer = asked("POST", MLFLOW + "runs/update", {"run_id": made, "status": status})
    assert answer.status == (200 if status is None else 400)


@pytest.mark.parametrize("body", [b"{", b'{"experiment_id": "7", "na', b"hello", b"", b"{}", b"null", b"\xff\xfe"])
def test_what_is_no_request_makes_no_run(asked: Asked, body: bytes) -> None:
    answer = asked("POST", MLFLOW + "runs/create", body, Content_Type="application/json")
    assert answer.status == 400 and answer.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert asked("POST", MLFLOW + "runs/search", {"experiment_ids": ["0"]}).json == {}


@pytest.mark.parametrize(
    ("asked_for", "status", "part"),
    [
        ("bytes=0-0", 206, b"h"),
        ("bytes=-2", 206, b"lo"),
        ("bytes=9-", 416, b""),
        ("bytes=abc", 200, b"hello"),
        ("items=0-1", 200, b"hello"),
        ("bytes=0-0,2-3", 200, b"hello"),
    ],
)
def test_ranges(asked: Asked, asked_for: str, status: int, part: bytes) -> None:
    made = asked("POST", MLFLOW + "runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{made}/artifacts/a.txt"
    assert asked("PUT", path, b"hello").status == 200
    answer = asked("GET", path, Range=asked_for)
    assert (answer.status, answer.body) == (status, part)
    assert ("content-range" in answer.headers) == (status != 200)


@pytest.mark.parametrize(("port", "said"), [("99999", "from 0 to 65535, not 99999"), ("-1", "-1 is less than nothing")])
def test_a_port_that_is_none(port: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anew", "server", "--port", port], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
