"""Evaluation datasets beyond the recorded conversations: what servers share, keep and forget of their records."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anew.hub import Hub
from anew.protocols.mlflow import dataset_records, datasets
from anew.protocols.mlflow.errors import MlflowError
from anew.routes import Call
from anew.store.journal import JournalWriter
from anew.store.location import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".anew")


@pytest.fixture
def hub(store: Store) -> Iterator[Hub]:
    made = Hub(store)
    yield made
    made.close()


def post(hub: Hub, handler: Any, dataset_id: str = "", **body: Any) -> Any:
    return handler(Call(hub, "POST", {"id": dataset_id}, [], body))


def made(hub: Hub, name: str = "questions") -> str:
    return str(post(hub, datasets.create, name=name)["dataset"]["dataset_id"])


def shown(hub: Hub, dataset_id: str) -> Any:
    return datasets.get(Call(hub, "GET", {"id": dataset_id}, []))["dataset"]


def merge(hub: Hub, dataset_id: str, *records: Any) -> tuple[int, int]:
    answer = post(hub, datasets.merge_records, dataset_id, records=json.dumps(records))
    return answer["inserted_count"], answer["updated_count"]


def page(hub: Hub, dataset_id: str, most: int, token: str = "") -> tuple[list[Any], str]:
    query = [("max_results", str(most)), ("page_token", token)]
    answer = datasets.list_records(Call(hub, "GET", {"id": dataset_id}, query))
    return json.loads(answer["records"]), answer.get("next_page_token", "")


def asked(hub: Hub, dataset_id: str) -> list[Any]:
    return [record["inputs"].get("q") for record in page(hub, dataset_id, 1000)[0]]


def test_records_outlive_the_server(store: Store, hub: Hub) -> None:
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": {"q": 1}, "expectations": {"a": 1}}, {"inputs": {"q": 2}})
    post(hub, datasets.set_tags, dataset_id, tags='{"team": "vision"}')
    before = page(hub, dataset_id, 10)[0], shown(hub, dataset_id)
    hub.close()
    for number in range(2):  # each server writes a journal of its own
        again = Hub(store)
        assert (page(again, dataset_id, 10)[0], shown(again, dataset_id)) == before
        assert merge(again, dataset_id, {"inputs": {"q": 1}, "expectations": {"more": number}}) == (0, 1)
        before = page(again, dataset_id, 10)[0], shown(again, dataset_id)
        again.close()
    assert before[0][0]["expectations"] == {"a": 1, "more": 1}
    assert json.loads(before[1]["profile"]) == {"num_records": 2}
    assert len(list((store.root / "datasets" / dataset_id).glob("journal*"))) == 3


def test_two_servers_of_a_store_merge_into_one(store: Store, hub: Hub) -> None:
    other = Hub(store)
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": {"q": 1}, "expectations": {"here": 1}})
    merge(other, dataset_id, {"inputs": {"q": 1}, "expectations": {"there": 1}}, {"inputs": {"q": 2}})
    merge(hub, dataset_id, {"inputs": {"q": 2}, "outputs": "late"})
    for one in (hub, other):
        first, second = page(one, dataset_id, 10)[0]
        assert (first["expectations"], second["outputs"]) == ({"here": 1, "there": 1}, "late")
    other.close()


def test_what_is_read_late_is_merged_in_its_time(hub: Hub) -> None:
    """What another server wrote earlier than what was read already came first."""
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": {"q": 1}, "outputs": "second"}, {"inputs": {"q": 2}})
    first = page(hub, dataset_id, 1)[0][0]
    sent = {"inputs": {"q": 1}, "outputs": "first", "expectations": {"a": 1}}
    key = hashlib.sha256(b'{"q": 1}').hexdigest()
    body = {"merge": [{"id": "dr-early", "key": key, "json": json.dumps(sent)}], "at_ms": first["created_time"] - 9}
    folder = hub.store.root / "datasets" / dataset_id
    other = JournalWriter(folder / "journal-other", run=dataset_id, mapped=False)
    other.event("records", body, at=time.time() - 60)
    other.close()
    found = page(hub, dataset_id, 10)[0]
    assert [(record["inputs"]["q"], record["outputs"]) for record in found] == [(1, "second"), (2, {})]
    assert (found[0]["dataset_record_id"], found[0]["expectations"]) == ("dr-early", {"a": 1})
    assert (found[0]["created_time"], found[0]["last_update_time"]) == (body["at_ms"], first["created_time"])


def test_pages_shift_by_nothing_that_comes_or_goes(hub: Hub) -> None:
    dataset_id = made(hub)
    merge(hub, dataset_id, *({"inputs": {"q": number}} for number in range(6)))
    first, token = page(hub, dataset_id, 3)
    post(hub, datasets.remove_records, dataset_id, dataset_record_ids=[first[0]["dataset_record_id"]])
    merge(hub, dataset_id, {"inputs": {"q": 6}}, {"inputs": {"q": 1}, "outputs": "changed"})
    second, after = page(hub, dataset_id, 3, token)
    third, end = page(hub, dataset_id, 3, after)
    assert [record["inputs"]["q"] for record in first + second + third] == [0, 1, 2, 3, 4, 5, 6]
    assert end == ""
    elsewhere = made(hub, "elsewhere")
    with pytest.raises(MlflowError, match="another question"):
        page(hub, elsewhere, 3, token)


def test_a_record_that_was_taken_out_comes_back_as_a_new_one(hub: Hub) -> None:
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": {"q": 1}, "expectations": {"a": 1}}, {"inputs": {"q": 2}})
    gone = page(hub, dataset_id, 1)[0][0]["dataset_record_id"]
    answer = post(hub, datasets.remove_records, dataset_id, dataset_record_ids=[gone, gone, "dr-none"])
    assert answer == {"deleted_count": 1}
    assert merge(hub, dataset_id, {"inputs": {"q": 1}}) == (1, 0)
    found = page(hub, dataset_id, 10)[0]
    assert [record["inputs"]["q"] for record in found] == [2, 1]
    assert "expectations" not in found[1]
    assert found[1]["dataset_record_id"] != gone


def test_requests_at_once_lose_no_record_and_double_none(hub: Hub) -> None:
    dataset_id = made(hub)
    counts: list[tuple[int, int]] = []

    def send(own: int) -> None:
        for number in range(20):
            records = [{"inputs": {"q": number}}, {"inputs": {"q": f"{own}/{number}"}}]
            counts.extend([merge(hub, dataset_id, *records)])

    threads = [threading.Thread(target=send, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(inserted for inserted, _ in counts) == 20 + 4 * 20
    assert sum(updated for _, updated in counts) == 3 * 20
    assert len(asked(hub, dataset_id)) == len(set(map(str, asked(hub, dataset_id)))) == 100
    assert json.loads(shown(hub, dataset_id)["profile"]) == {"num_records": 100}


def test_values_come_back_as_they_were_sent(hub: Hub) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    values = {"big": 10**30, "deep": deep, "half": "\ud800", "point": 1.0, "none": None, "": {"a": [{}]}, "q": "ä"}
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": values, "outputs": values, "expectations": values})
    hub.release("datasets", dataset_id)
    dataset_records.forget(hub, dataset_id)
    (record,) = page(hub, dataset_id, 10)[0]
    assert record["inputs"] == record["outputs"] == record["expectations"] == values
    assert type(record["inputs"]["point"]) is float


def test_the_document_of_a_dataset_holds_no_record(hub: Hub) -> None:
    dataset_id = made(hub)
    merge(hub, dataset_id, *({"inputs": {"q": f"secret {number}"}} for number in range(100)))
    document = hub.document(dataset_id, "datasets")
    assert "secret" not in json.dumps(document)
    assert document["unknown"] == {}


def test_few_datasets_are_held_in_memory(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_records, "_MOST_HELD_BYTES", 1000)
    ids = [made(hub, f"d{number}") for number in range(3)]
    for dataset_id in ids:
        merge(hub, dataset_id, {"inputs": {"q": dataset_id * 20}})
    assert list(dataset_records._known[hub]) == ids[-1:]
    assert [asked(hub, dataset_id) for dataset_id in ids] == [[dataset_id * 20] for dataset_id in ids]


def test_a_deleted_dataset_takes_nothing(hub: Hub) -> None:
    dataset_id = made(hub)
    merge(hub, dataset_id, {"inputs": {"q": 1}})
    datasets.delete(Call(hub, "DELETE", {"id": dataset_id}, []))
    for handler, body in ((datasets.merge_records, {"records": "[]"}), (datasets.set_tags, {"tags": "{}"})):
        with pytest.raises(MlflowError, match=dataset_id):
            post(hub, handler, dataset_id, **body)
    assert post(hub, datasets.find) == {}


def test_the_digest_is_that_of_name_and_moment(hub: Hub) -> None:
    found = shown(hub, made(hub, "ä"))
    told = f"ä:{found['last_update_time']}".encode()
    assert found["digest"] == hashlib.sha256(told).hexdigest()[:8]


def test_ids_lead_nowhere_else(hub: Hub) -> None:
    for dataset_id in ("..", "../runs", "x/../../runs", "", "d\0"):
        with pytest.raises(MlflowError, match="not found"):
            shown(hub, dataset_id)
        with pytest.raises(MlflowError, match="not found"):
            merge(hub, dataset_id, {"inputs": {}})
