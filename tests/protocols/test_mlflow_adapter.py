"""What the recorded conversations don't reach: parameters as texts, messages, paging, batches of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from anew.hub import Hub
from anew.protocols.mlflow import experiments, history, logging, runs
from anew.protocols.mlflow.errors import MlflowError
from anew.protocols.mlflow.filters import parse_filter, parse_order
from anew.protocols.mlflow.messages import PAIRS, RUN, TEXT, TEXTS, WHOLE, Message
from anew.routes import Call
from anew.store.location import Store


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(Store(tmp_path / ".anew"))
    yield hub
    hub.close()


def post(hub: Hub, handler: Any, **body: Any) -> Any:
    return handler(Call(hub, "POST", {}, [], body))


def ask(hub: Hub, handler: Any, **query: str) -> Any:
    return handler(Call(hub, "GET", {}, list(query.items())))


def made(hub: Hub, name: str, **params: str) -> str:
    run_id: str = post(hub, runs.create, run_name=name, start_time=1000)["run"]["info"]["run_id"]
    pairs = [{"key": key, "value": value} for key, value in params.items()]
    post(hub, logging.log_batch, run_id=run_id, params=pairs)
    return run_id


def found(hub: Hub, text: str, **more: Any) -> list[str]:
    # Runs come encoded: what a client gets is read.
    answer = orjson.loads(orjson.dumps(post(hub, runs.search, experiment_ids=["0"], filter=text, **more)))
    return [run["info"]["run_name"] for run in answer.get("runs", [])]


SENT = {"one": "1", "point": "1.0", "spelt": "1e0", "padded": "01", "yes": "True", "low": "true", "nan": "nan",
        "tenth": "0.1", "hundredth": "0.10", "big": "12345678901234567890", "word": "ten", "none": ""}  # fmt: skip


def test_each_text_of_a_parameter_is_found_by_itself_alone(hub: Hub) -> None:
    for name, text in SENT.items():
        made(hub, name, p=text)
    for name, text in SENT.items():
        assert found(hub, f"params.p = '{text}'") == [name]
        others = found(hub, f"params.p != '{text}'")
        assert sorted(others) == sorted(set(SENT) - {name})
    assert sorted(found(hub, "params.p LIKE '1%'")) == ["big", "one", "point", "spelt"]
    assert sorted(found(hub, "params.p ILIKE 'TRUE'")) == ["low", "yes"]


def test_parameters_follow_one_another_as_texts(hub: Hub) -> None:
    for name, text in SENT.items():
        made(hub, name, p=text)
    made(hub, "without")
    ordered = [name for name, _ in sorted(SENT.items(), key=lambda pair: pair[1])]
    assert found(hub, "", order_by=["params.p"]) == [*ordered, "without"]
    assert found(hub, "", order_by=["params.p DESC"]) == [*reversed(ordered), "without"]
    assert found(hub, "", order_by=["params.p"], max_results=3) == ordered[:3]


def test_parameters_are_numbers_in_our_own_language(hub: Hub) -> None:
    for name, text in SENT.items():
        made(hub, name, p=text)
    names = {run["name"] for run in hub.index().search("params.p >= 0.1 and params.p < 2")}
    assert names == {"one", "point", "spelt", "padded", "tenth", "hundredth"}


def test_deleted_runs_are_found_by_their_parameters_and_datasets(hub: Hub) -> None:
    run_id = made(hub, "gone", p="x")
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "/d"}
    post(hub, logging.log_inputs, run_id=run_id, datasets=[{"dataset": dataset}])
    post(hub, runs.delete, run_id=run_id)
    for text in ("params.p LIKE 'x'", "params.p = 'x'", "datasets.name = 'd'"):
        assert found(hub, text) == []
        assert found(hub, text, run_view_type="DELETED_ONLY") == ["gone"]


MESSAGE = Message(run_id=RUN, max_results=WHOLE, names=TEXTS, tags=PAIRS, note=TEXT)


def test_a_message_reads_both_spellings_and_the_first_argument(hub: Hub) -> None:
    body = {"runId": "r", "maxResults": "5", "tags": [{"key": "a"}], "names": None}
    read = MESSAGE.read(Call(hub, "POST", {}, [], body))
    assert read == {"run_id": "r", "max_results": 5, "names": (), "tags": [("a", "")], "note": ""}
    query = [("run_id", "r"), ("run_id", "s"), ("names", "a"), ("names", "b"), ("other", "x")]
    read = MESSAGE.read(Call(hub, "GET", {}, query))
    assert (read["run_id"], read["names"]) == ("r", ["a", "b"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Missing value for required parameter 'run_id'."),
        ({"run_id": 5}, "Invalid value 5 for parameter 'run_id' supplied"),
        ({"run_id": "r", "max_results": 2**63}, "for parameter 'max_results' supplied"),
        ({"run_id": "r", "max_results": True}, "Invalid value true for parameter 'max_results' supplied"),
        ({"run_id": "r", "tags": [5]}, "Invalid value [5] for parameter 'tags' supplied"),
        ({"run_id": "r", "tags": [{"key": "k", "value": 5}]}, "for parameter 'tags' supplied"),
        ({"run_id": "r", "note": "\ud800"}, "for parameter 'note' supplied"),
        ({"run_id": "r", "max_results": 1, "maxResults": 1}, "Request specifies both 'max_results' and 'maxResults'"),
    ],
)
def test_a_message_refuses_what_it_does_not_understand(hub: Hub, body: dict[str, Any], said: str) -> None:
    with pytest.raises(MlflowError) as caught:
        MESSAGE.read(Call(hub, "POST", {}, [], body))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a = 1 b = 2", "a", "= 1", "metrics.a >", "(", ")", "a IN (", "'", "a = 'x' OR a = 'y'"]
)
def test_broken_filters_are_refused(text: str) -> None:
    with pytest.raises(MlflowError):
        parse_filter(text)


def test_a_filter_takes_time_in_proportion_to_its_length() -> None:
    long = " AND ".join(f"params.`key {number}` = '{'x' * 50}'" for number in range(5000))
    assert len(parse_filter(long)) == 5000
    for broken in ("(" * 100_000, "`" * 100_001, "a." * 50_000, "'" * 100_001, "a-" * 50_000):
        with pytest.raises(MlflowError):
            parse_filter(broken)


def test_orders() -> None:
    assert parse_order("metrics.`val/acc` desc").down
    assert parse_order('tags."a b"').key == "a b"


def test_a_batch_keeps_every_point(hub: Hub) -> None:
    run_id = made(hub, "batch")
    metrics = [{"key": f"m{k % 3}", "value": k / 4, "timestamp": 1000 + k // 6, "step": k // 6} for k in range(900)]
    metrics += [{"key": "m0", "value": "NaN", "timestamp": "7", "step": 1.0}, {"key": "m0", "value": 5, "timestamp": 7}]
    post(hub, logging.log_batch, run_id=run_id, metrics=metrics)
    for name in ("m0", "m1", "m2"):
        points = ask(hub, history.get, run_id=run_id, metric_key=name)["metrics"]
        told = {(p["timestamp"], p["step"], str(p["value"])) for p in points}
        sent = {
            (
                int(m["timestamp"]),
                int(m.get("step") or 0),
                str(m["value"] if m["value"] == "NaN" else float(m["value"])),
            )
            for m in metrics
            if m["key"] == name
        }
        assert told == sent


def test_a_run_that_is_read_brings_no_others_in(hub: Hub) -> None:
    one, two = made(hub, "one"), made(hub, "two")
    post(hub, logging.log_metric, run_id=one, key="m", value=1.0, timestamp=1)
    post(hub, logging.log_metric, run_id=two, key="m", value=2.0, timestamp=1)
    assert hub.document(one)["metrics"] == {"m": 1.0}
    assert hub.document(two)["metrics"] == {"m": 2.0}
    assert sorted(run["metrics"]["m"] for run in hub.index().search("metrics.m > 0")) == [1.0, 2.0]


def test_an_experiment_beyond_all_numbers(hub: Hub) -> None:
    with pytest.raises(MlflowError, match="must be a valid integer"):
        ask(hub, experiments.get, experiment_id="9" * 30)


def test_runs_follow_one_another_by_the_place_of_their_files(hub: Hub) -> None:
    for number in range(8):
        made(hub, f"run {number}")
    for order in ("artifact_uri", "attributes.artifact_uri DESC"):
        answer = post(hub, runs.search, experiment_ids=["0"], order_by=[order])
        places = [one["info"]["artifact_uri"] for one in orjson.loads(orjson.dumps(answer))["runs"]]
        assert places == sorted(places, reverse=order.endswith("DESC"))
