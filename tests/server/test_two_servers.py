"""Two servers, two processes, one store: each decides by what the other has acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from server.asking import Answer, Asked
from server.conftest import running

_RUNS = "/api/2.0/mlflow/runs/"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Asked, Asked]]:
    store = tmp_path / ".anew"
    with running(store) as (here, one), running(store) as (there, other):
        yield Asked(here, store, one), Asked(there, store, other)


def create(asked: Asked) -> str:
    return str(asked("POST", _RUNS + "create", {"experiment_id": "0"}).json["run"]["info"]["run_id"])


def log_metric(asked: Asked, run_id: str, step: int) -> Answer:
    said = {"run_id": run_id, "key": "loss", "value": float(step), "timestamp": 1, "step": step}
    return asked("POST", _RUNS + "log-metric", said)


def log_param(asked: Asked, run_id: str, key: str, value: str) -> Answer:
    return asked("POST", _RUNS + "log-parameter", {"run_id": run_id, "key": key, "value": value})


def get(asked: Asked, run_id: str) -> Any:
    return asked("GET", f"{_RUNS}get?run_id={run_id}").json["run"]


def test_a_parameter_has_one_value_whichever_server_is_told(two: tuple[Asked, Asked]) -> None:
    run_id = create(two[0])
    for number in range(3):  # each server in turn knows the run already, and has a journal of it open
        here, there = two[number % 2], two[1 - number % 2]
        assert log_param(here, run_id, f"p{number}", "1").status == 200
        refused = log_param(there, run_id, f"p{number}", "2")
        assert refused.status == 400 and "already logged with value='1'" in refused.json["message"]
        assert log_param(there, run_id, f"p{number}", "1").status == 200
        batch = {"run_id": run_id, "params": [{"key": f"p{number}", "value": "3"}]}
        assert there("POST", _RUNS + "log-batch", batch).status == 400


def test_of_two_values_at_the_same_time_one_is_refused(two: tuple[Asked, Asked]) -> None:
    run_id = create(two[0])
    with ThreadPoolExecutor(2) as pool:
        for number in range(40):
            answers = list(pool.map(lambda at: log_param(two[at], run_id, f"p{number}", f"v{at}"), (0, 1)))  # noqa: B023
            assert sorted(answer.status for answer in answers) == [200, 400]
            won = next(at for at, answer in enumerate(answers) if answer.status == 200)
            assert {"key": f"p{number}", "value": f"v{won}"} in get(two[1 - won], run_id)["data"]["params"]


def test_what_one_server_deletes_no_other_writes_to(two: tuple[Asked, Asked]) -> None:
    one, other = two
    run_id = create(one)
    for step in range(3):
        assert log_metric(one, run_id, step).status == log_metric(other, run_id, step + 10).status == 200
    assert one("POST", _RUNS + "delete", {"run_id": run_id}).status == 200
    for asked in two:
        assert log_metric(asked, run_id, 99).status == log_param(asked, run_id, "p", "1").status == 400
        assert get(asked, run_id)["info"]["lifecycle_stage"] == "deleted"
    assert other("POST", _RUNS + "restore", {"run_id": run_id}).status == 200
    for at, asked in enumerate(two):
        assert log_metric(asked, run_id, 20 + at).status == 200
    history = one("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=loss").json["metrics"]
    assert sorted(point["step"] for point in history) == [0, 1, 2, 10, 11, 12, 20, 21]


def test_what_one_server_acknowledged_the_other_answers_at_once(two: tuple[Asked, Asked]) -> None:
    one, other = two
    run_id = create(one)
    for step in range(5):
        assert get(other, run_id)["info"]["status"] == "RUNNING"  # and the answer is kept
        assert log_metric(one, run_id, step).status == 200
        assert [metric["step"] for metric in get(other, run_id)["data"]["metrics"]] == [step]
    assert one("POST", _RUNS + "update", {"run_id": run_id, "status": "FINISHED", "end_time": 5}).status == 200
    info = get(other, run_id)["info"]
    assert info["status"] == "FINISHED" and info["end_time"] == 5
    assert other("POST", _RUNS + "update", {"run_id": run_id, "status": "FAILED", "end_time": 6}).status == 200
    assert get(one, run_id)["info"]["status"] == "FAILED"
