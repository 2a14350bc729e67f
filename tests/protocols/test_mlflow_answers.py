"""Answers that are kept: never older than the document, and no more of them than fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from anew.hub import Hub
from anew.protocols.mlflow import runs
from anew.protocols.mlflow.answers import Answers, answers_of
from anew.routes import Call
from anew.store.journal import JournalWriter
from anew.store.location import Store


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(Store(tmp_path / ".anew"))
    yield made
    made.close()


def names(hub: Hub) -> list[str]:
    found = [answers_of(hub).run(hub, one) for one in hub.index().stored("", limit=None)]
    return sorted(run["info"]["run_name"] for run in json.loads(orjson.dumps(found)))


def test_an_answer_is_as_new_as_the_document(hub: Hub) -> None:
    first, second = (hub.create("runs", {"project": "p", "name": name}) for name in "ab")
    assert names(hub) == ["a", "b"]
    hub.event("runs", first, "rename", {"name": "c"})
    assert names(hub) == ["b", "c"]
    hub.delete_run(second, True)
    assert names(hub) == ["c"]


def test_no_more_is_kept_than_fits(hub: Hub) -> None:
    for name in "abcdef":
        hub.create("runs", {"project": "p", "name": name})
    stored = hub.index().stored("", limit=None)
    few = Answers(most_bytes=3000)
    for _ in range(2):
        for one in stored:
            few.run(hub, one)
    found = few._by_document._found
    kept = sum(len(key) + len(value) for key, value in found.items() if isinstance(key, bytes))
    assert 0 < kept == few._by_document._bytes <= 3000 and stored[-1] in found


def test_a_run_that_did_not_change_is_at_hand(hub: Hub) -> None:
    run_id = hub.create("runs", {"project": "Default", "name": "a"})

    def call() -> Call:
        return Call(hub, "GET", {}, [("run_id", run_id)])

    assert runs.get_at_once(call()) is None
    answer = orjson.dumps(runs.get(call()))
    assert orjson.dumps(runs.get_at_once(call())) == answer
    other = Hub(hub.store)
    changes: list[Callable[[], object]] = [
        lambda: hub.event("runs", run_id, "tag", {"a": "b"}),
        lambda: other.event("runs", run_id, "tag", {"a": "c"}),
        lambda: hub.projects.tag("0", "of the", "ledger"),
        lambda: hub.delete_run(run_id, True),
    ]
    for change in changes:
        runs.get(call())
        assert runs.get_at_once(call()) is not None
        change()
        assert runs.get_at_once(call()) is None
    other.close()
    assert json.loads(orjson.dumps(runs.get(call())))["run"]["info"]["lifecycle_stage"] == "deleted"


def test_a_run_of_a_script_is_never_at_hand(hub: Hub) -> None:
    """It may end, or write into the space that it took, without any file growing."""
    writer = JournalWriter(hub.store.root / "runs" / "abc" / "journal", run="abc", mapped=True)
    writer.event("run", {"id": "abc", "project": "p", "created": 1.0})
    call = Call(hub, "GET", {}, [("run_id", "abc")])
    runs.get(call)
    assert runs.get_at_once(call) is None
    writer.event("tag", {"a": "b"})
    assert {"key": "a", "value": "b"} in json.loads(orjson.dumps(runs.get(call)))["run"]["data"]["tags"]
    writer.close()
