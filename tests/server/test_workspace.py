"""What a page of many runs asks for: a table by columns, what varies, many series, completions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.store.journal import JournalWriter
from anew.store.location import Store
from server.asking import Asked
from server.conftest import running


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Asked]:
    """Six runs of two projects; two are reproductions, and the loss of one is not a number at step 2."""
    for number in range(6):
        run = f"run{number}"
        writer = JournalWriter(Store(tmp_path / ".anew").run(run) / "journal", run=run)
        body = {"id": run, "name": f"name {number}", "project": "a" if number < 4 else "b", "created": 100.0 + number}
        writer.event("run", body | ({"reproduction_of": "run0"} if number in (4, 5) else {}))
        writer.event("config", {"values": {"lr": 0.1 * number, "same": 1, "optimizer": ["sgd", "adam"][number % 2]}})
        for step in range(100):
            loss = float("nan") if (number, step) == (1, 2) else 100.0 if step == 37 else 1 / (step + 1)
            writer.points(("loss", "val/acc"), [loss, step / 100], step, time=100.0 + step)
        writer.event("end", {"status": "finished", "exit_code": 0})
        writer.seal()
    with running(tmp_path / ".anew") as (address, process):
        yield Asked(address, tmp_path / ".anew", process)


def test_a_table_has_the_rows_and_columns_asked_for(filled: Asked) -> None:
    body = {"columns": ["name", "params.lr", "metrics.`val/acc`", "params.none"], "sort": ["-params.lr"]}
    whole = filled("POST", "/api/v1/table", body).json
    assert whole["total"] == 6 and whole["ids"][0] == "run5"
    assert whole["columns"][0] == [f"name {number}" for number in (5, 4, 3, 2, 1, 0)]
    assert whole["columns"][2] == [0.99] * 6 and whole["columns"][3] == [None] * 6
    part = filled("POST", "/api/v1/table", body | {"from": 2, "count": 2}).json
    assert part["ids"] == whole["ids"][2:4] and part["total"] == 6
    own = filled("POST", "/api/v1/table", body | {"project": "b"}).json
    assert own["ids"] == ["run5", "run4"]
    assert filled("POST", "/api/v1/table", body | {"reproductions": False}).json["total"] == 4
    few = filled("POST", "/api/v1/table", body | {"query": "params.optimizer = 'sgd'", "project": "a"}).json
    assert few["ids"] == ["run2", "run0"]


def test_far_down_a_table_the_order_is_the_same(filled: Asked) -> None:
    near = filled("POST", "/api/v1/table", {"sort": ["params.optimizer"]}).json
    far = filled("POST", "/api/v1/table", {"sort": ["params.optimizer"], "from": 999}).json
    assert near["total"] == far["total"] == 6 and far["ids"] == []
    first = filled("POST", "/api/v1/table", {"sort": ["params.optimizer"], "from": 3, "count": 3}).json
    assert first["ids"] == near["ids"][3:]


@pytest.mark.parametrize(
    ("query", "position"), [("params.lr > ", 12), ("name = 'x' and params.lrr > 1", 15), ("params.lr >> 2", 11)]
)
def test_an_error_of_a_query_says_where(filled: Asked, query: str, position: int) -> None:
    for path in ("table", "columns"):
        answer = filled("POST", f"/api/v1/{path}", {"query": query, "project": "a", "reproductions": False})
        assert answer.status == 400 and answer.json["error"]["kind"] == "QueryError"
        assert answer.json["error"]["position"] == position


def test_columns_say_what_varies(filled: Asked) -> None:
    found = {one["name"]: one for one in filled("POST", "/api/v1/columns", {}).json["columns"]}
    assert found["params.lr"] | {"varies": True, "number": True, "runs": 6, "space": "config"} == found["params.lr"]
    assert not found["params.same"]["varies"] and not found["params.optimizer"]["number"]
    assert (
        found["metrics.`val/acc`"]["label"] == "val/acc" if "metrics.`val/acc`" in found else found["metrics.val/acc"]
    )
    assert not any("\x1f" in name for name in found)
    one = filled("POST", "/api/v1/columns", {"runs": ["run1", "nothing"]}).json["columns"]
    assert {column["runs"] for column in one} == {1} and not any(column["varies"] for column in one)


def test_many_series_come_at_once_with_their_spikes(filled: Asked) -> None:
    wanted = [{"run": f"run{number}", "metric": "loss"} for number in range(6)]
    wanted += [{"run": "run0", "metric": "none"}, {"run": "none", "metric": "loss"}]
    found = filled("POST", "/api/v1/series", {"series": wanted, "points": 10, "times": True}).json["series"]
    assert [one["run"] for one in found] == [f"run{number}" for number in range(6)]
    for one in found:
        assert len(one["steps"]) <= 10 and one["total"] == 100 and 100.0 in one["values"]
        assert len(one["times"]) == len(one["steps"])
    assert None in found[1]["values"]
    (part,) = filled("POST", "/api/v1/series", {"series": [wanted[0] | {"from": 10, "to": 19}]}).json["series"]
    assert part["steps"] == list(range(10, 20)) and "times" not in part


def test_values_complete_what_is_typed(filled: Asked) -> None:
    assert filled("GET", "/api/v1/values/params.optimizer?holds=AD").json["values"] == ["adam"]
    assert filled("GET", "/api/v1/values/params.lr?limit=2").json["values"] == [0, 0.1]
    groups = filled("GET", "/api/v1/groups?by=params.optimizer&project=a&aggregate=mean:metrics.loss").json
    assert groups["total"] == 2 and {group["params.optimizer"] for group in groups["groups"]} == {"adam", "sgd"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("table", {"sort": "created"}), ("table", {"count": 0}), ("table", {"from": -1}), ("table", {"columns": [1]}),
        ("table", {"query": 1}), ("table", {"columns": ["a b"]}), ("columns", {"runs": "all"}),
        ("series", {"series": [1]}), ("series", {"series": {}}), ("series", {"points": 2}),
        ("series", {"series": [{"run": "r", "metric": "m", "from": "x"}]}),
        ("series", {"series": [{"run": "r", "metric": "m", "to": 10**400}]}),
        ("series", {"series": [{"run": "r", "metric": "m"}] * 1001}),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(asked: Asked, path: str, body: object) -> None:
    assert asked("POST", f"/api/v1/{path}", body).status == 400
