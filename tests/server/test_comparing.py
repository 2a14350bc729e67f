"""Runs beside each other: what is equal is told once, what a run lacks is null."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.store.journal import JournalWriter
from anew.store.location import Store
from server.asking import Asked
from server.conftest import running


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Asked]:
    for number in range(3):
        run = f"run{number}"
        writer = JournalWriter(Store(tmp_path / ".anew").run(run) / "journal", run=run)
        writer.event("run", {"id": run, "name": f"name {number}", "created": 100.0 + number, "command": ["a.py"]})
        values = {"lr": [0.1, 0.2, 1][number], "same": 1, "deep": {"a": [number // 2]}}
        writer.event("config", {"values": values | ({"extra": True} if number else {})})
        writer.event("code", {"commit": "c0", "used": {"a.py": f"digest{number // 2}"}})
        writer.event(
            "environment", {"python": "3.11", "packages": {"numpy": ["2.0", "2.1"][number // 2], "scipy": "1"}}
        )
        drawn = {
            "entropy": f"e{number}",
            "generators": {"numpy.random": {"start": f"s{number}", "seeded": number == 1}},
        }
        writer.event("seeds", drawn)
        writer.event("input", {"path": "train.csv", "digest": "d0"})
        writer.event("output", {"path": "plot.png", "digest": f"p{number}"})
        writer.event("output", {"path": "notes.txt", "digest": "n"})
        for step in range(3):
            writer.points(("loss",), [1 / (step + 1 + number)], step, time=100.0 + step)
            writer.event("media", {"key": "image", "step": step, "type": "image/png", "digest": f"i{step}", "size": 5})
        writer.event("end", {"status": "finished", "exit_code": 0})
        writer.seal()
    for run, value in (("one", 1), ("true", True)):
        writer = JournalWriter(Store(tmp_path / ".anew").run(run) / "journal", run=run)
        writer.event("run", {"id": run, "created": 1.0})
        writer.event("config", {"values": {"flag": value}})
        writer.seal()
    with running(tmp_path / ".anew") as (address, process):
        yield Asked(address, tmp_path / ".anew", process)


def test_rows_tell_what_is_equal_once(three: Asked) -> None:
    answer = three("POST", "/api/v1/compare", {"runs": ["run2", "run0", "run1", "gone"]}).json
    assert [run["name"] for run in answer["runs"]] == ["name 2", "name 0", "name 1"]
    rows = {(section["name"], row["name"]): row for section in answer["sections"] for row in section["rows"]}
    assert rows["config", "same"] == {"name": "same", "equal": True, "values": [1]}
    assert rows["config", "lr"]["values"] == [1, 0.1, 0.2]
    assert rows["config", "extra"]["values"] == [True, None, True]
    assert rows["config", "deep"]["values"] == ['{"a": [1]}', '{"a": [0]}', '{"a": [0]}']
    assert rows["code", "a.py"]["values"] == ["digest1", "digest0", "digest0"] and rows["code", "commit"]["equal"]
    assert rows["packages", "numpy"]["values"] == ["2.1", "2.0", "2.0"] and rows["packages", "scipy"]["equal"]
    assert rows["environment", "seeds.generators.numpy.random.seeded"]["values"] == [False, False, True]
    assert not any("entropy" in name or "start" in name for _, name in rows)  # these differ always
    assert rows["data", "train.csv"]["equal"] and rows["environment", "python"]["equal"]
    assert rows["metrics", "loss"]["values"] == [pytest.approx(1 / (number + 3)) for number in (2, 0, 1)]
    assert rows["greatest", "loss"]["values"][1] == 1 and not rows["metrics", "loss"]["equal"]


def test_one_and_true_are_not_equal(three: Asked) -> None:
    answer = three("POST", "/api/v1/compare", {"runs": ["one", "true"]}).json
    (row,) = [row for section in answer["sections"] for row in section["rows"] if row["name"] == "flag"]
    assert row["values"] == [1, True] and not row["equal"]


def test_media_and_pictures_by_run_and_step(three: Asked) -> None:
    found = three("POST", "/api/v1/media", {"runs": ["run0", "run1"]}).json["media"]
    assert [one["step"] for one in found if one["run"] == "run0" and one["key"] == "image"] == [0, 1, 2]
    assert [(one["digest"], one["type"]) for one in found if one["key"] == "plot.png"] == [
        ("p0", "image/png"), ("p1", "image/png"),
    ]  # fmt: skip
    assert not any(one["key"] == "notes.txt" for one in found)


def test_too_many_or_wrong_runs_are_refused(three: Asked) -> None:
    for wrong in (["run0"] * 51, "run0", [1]):
        assert three("POST", "/api/v1/compare", {"runs": wrong}).status == 400


def test_importance_over_a_selection(three: Asked) -> None:
    answer = three("POST", "/api/v1/importance", {"metric": "metrics.loss"}).json
    assert answer["runs"] == 3 and {one["label"] for one in answer["parameters"]} == {"lr", "deep"}
    (lr,) = [one for one in answer["parameters"] if one["label"] == "lr"]
    assert lr["correlation"] == -1 and lr["number"]
    wrong = three("POST", "/api/v1/importance", {"metric": "metrics.los"})
    assert wrong.status == 400 and wrong.json["error"]["kind"] == "QueryError"
    assert three("POST", "/api/v1/importance", {}).status == 400
