"""Answers that are kept: never older than the document, and no more of them than fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from anew.hub import Hub
from anew.protocols.mlflow.answers import Answers, answers_of
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
    kept = sum(len(key) + len(value) for key, value in few._found.items())
    assert 0 < kept == few._bytes <= 3000 and stored[-1] in few._found
