"""`anew import mlflow`: a database, a server, and an mlruns folder, each compared with what it held."""

from __future__ import annotations

import http.server
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import CorruptData
from anew.hub import Hub
from anew.models.scorers import Scorers
from anew.protocols.mlflow import datasets, takeover_yaml
from anew.routes import Call
from anew.store.ledger import Ledger
from anew.store.location import Store
from protocols.test_mlflow_traces import serve

FILL = """
import math, sys, time
import mlflow
import pandas as pd

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
mlflow.set_experiment("exp one")
mlflow.set_experiment_tag("team", "a b")
with mlflow.start_run(run_name="first", description="a note: with\\nlines") as run:
    mlflow.log_params({"lr": 0.1, "long": "x " * 100, "nested/name": "010", "flag": "yes"})
    for step in range(3):
        mlflow.log_metrics({"loss": 1 / (step + 1), "val/acc": step * 0.1}, step=step)
    mlflow.log_metric("odd", math.nan)
    mlflow.set_tag("t", "v 'q' \\"d\\" # c")
    mlflow.log_text("hello", "dir/a.txt")
    mlflow.log_text("b", "b.txt")
    frame = pd.DataFrame({"a": [1, 2]})
    mlflow.log_input(mlflow.data.from_pandas(frame, name="ds", source="here.csv"), context="training")
    model = mlflow.pyfunc.log_model(
        name="mymodel", python_model=lambda x: x, pip_requirements=[], params={"p": 1}, registered_model_name="reg"
    )
client.set_registered_model_alias("reg", "champ", 1)
client.update_registered_model("reg", "desc: " + "word " * 40)
client.set_registered_model_tag("reg", "k", "v")
client.set_model_version_tag("reg", "1", "vk", "vv")
client.transition_model_version_stage("reg", "1", "Staging")
source = {"model_id": model.model_id}
client.create_model_version("reg", model.model_uri, **source)
client.delete_model_version("reg", "2")
client.create_model_version("reg", model.model_uri, **source)
with mlflow.start_run(run_id=run.info.run_id):
    mlflow.log_metric("mm", 0.5, model_id=model.model_id)
with mlflow.start_run(run_name="second") as second:
    mlflow.log_metric("x", 1)
client.delete_run(second.info.run_id)
client.delete_experiment(client.create_experiment("gone"))
with mlflow.start_span("span") as span:
    span.set_inputs({"a": 1})
mlflow.flush_trace_async_logging()
mlflow.log_feedback(trace_id=mlflow.get_last_active_trace_id(), name="good", value=True)
from mlflow.genai.datasets import create_dataset
from mlflow.genai.judges import make_judge
experiment = mlflow.get_experiment_by_name("exp one").experiment_id
questions = create_dataset(name="questions", experiment_id=[experiment, "0"], tags={"team": "a b"})
questions.merge_records([
    {"inputs": {"q": number}, "outputs": [number], "expectations": {"answer": str(number)}, "tags": {"t": "1"}}
    for number in range(3)
])
time.sleep(0.01)
questions.merge_records([{"inputs": {"q": 1}, "expectations": {"more": True}}, {"inputs": {"q": "late"}}])
for words in ("Is {{ outputs }} right?", "Is {{ outputs }} really right?"):
    make_judge(name="right", instructions=words, model="openai:/gpt-4").register(experiment_id=experiment)
"""
DUMP = """
import json, sys
import mlflow

client, out = mlflow.MlflowClient(sys.argv[1]), {}
store = client._tracking_client.store
mlflow.set_tracking_uri(sys.argv[1])

def walk(run_id, path=None):
    for item in client.list_artifacts(run_id, path):
        if item.is_dir:
            yield from walk(run_id, item.path)
        else:
            yield item.path, item.file_size

for found in store.search_datasets():
    records, token = store._load_dataset_records(found.dataset_id, max_results=None)
    out[f"dataset {found.dataset_id}"] = [
        found.name, found.digest, found.created_time, found.last_update_time, found.tags, found.created_by,
        found.last_updated_by, found.schema, found.profile, sorted(store.get_dataset_experiment_ids(found.dataset_id)),
        [one.to_dict() for one in records],
    ]
for experiment in client.search_experiments(view_type=3):
    number = experiment.experiment_id
    out[f"experiment {number}"] = [
        experiment.name, experiment.lifecycle_stage, experiment.tags,
        experiment.creation_time if number != "0" else "each store has a Default of its own",
    ]
    out[f"scorers {number}"] = [
        (one.scorer_name, one.scorer_version, one._serialized_scorer, one.creation_time, one.scorer_id)
        for latest in (store.list_scorers(number) if experiment.lifecycle_stage == "active" else ())
        for one in store.list_scorer_versions(number, latest.scorer_name)
    ]
    for run in client.search_runs([number], run_view_type=3):
        info, data = run.info, run.data
        out[f"run {info.run_id}"] = [
            number, info.run_name, info.status, info.start_time, info.end_time, info.lifecycle_stage, info.user_id,
            data.params, data.tags,
            [(one.dataset.to_dictionary(), [(tag.key, tag.value) for tag in one.tags])
             for one in run.inputs.dataset_inputs],
            [(one.model_id, one.step) for one in (run.outputs.model_outputs if run.outputs else [])],
            sorted(walk(info.run_id)),
            {key: sorted((one.timestamp, one.step, repr(one.value))
                         for one in client.get_metric_history(info.run_id, key)) for key in data.metrics},
        ]
    for model in mlflow.search_logged_models([number], output_format="list"):
        metrics = sorted((one.key, one.step, one.timestamp, repr(one.value), one.run_id) for one in model.metrics or [])
        out[f"model {model.model_id}"] = [
            model.name, str(model.status), model.model_type, model.source_run_id, model.creation_timestamp,
            model.params, model.tags, metrics,
        ]
    for trace in mlflow.search_traces(locations=[number], return_type="list"):
        info = trace.info
        tags = {key: value for key, value in info.tags.items() if key != "mlflow.artifactLocation"}
        out[f"trace {info.trace_id}"] = [
            str(info.state), info.request_time, info.execution_duration, tags, info.trace_metadata,
            [one.to_dict() for one in trace.data.spans], [one.to_dictionary() for one in info.assessments],
        ]
for model in client.search_registered_models():
    out[f"registered {model.name}"] = [
        model.description, model.tags, model.aliases, model.creation_timestamp, model.last_updated_timestamp,
    ]
    for version in client.search_model_versions(f"name='{model.name}'"):
        out[f"version {version.version}"] = [
            version.description, version.tags, version.aliases, version.current_stage, version.run_id, version.source,
            version.creation_timestamp, version.last_updated_timestamp,
        ]
    loaded = mlflow.pyfunc.load_model(f"models:/{model.name}@champ")
    out["loaded"] = repr(loaded.predict([1, 2]))
json.dump(out, open(sys.argv[2], "w"), sort_keys=True)
"""
ENVIRONMENT = {
    **os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}  # fmt: skip


def python(folder: Path, script: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def dump(folder: Path, address: str) -> dict[str, Any]:
    python(folder, DUMP, address, str(folder / "dump.json"))
    found: dict[str, Any] = json.loads((folder / "dump.json").read_text())
    return found


def take(store: Path, *words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "anew", "import", "mlflow", *map(str, words), "--json"]
    environment = {**os.environ, "ANEW_STORE": str(store)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show(store: Path, run_id: str) -> dict[str, Any]:
    environment = {**os.environ, "ANEW_STORE": str(store)}
    command = [sys.executable, "-m", "anew", "show", run_id, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    command = [str(Path(sys.executable).parent / "mlflow"), "server", "--workers", "1", "--port", "0"]
    command = [sys.executable, "-m", "mlflow", *command[1:]]
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command[-1] = str(port)
    command += ["--backend-store-uri", f"sqlite:///{folder}/served.db", "--artifacts-destination", str(folder / "art")]
    environment = {**ENVIRONMENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            python(folder, WAIT, f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


WAIT = """
import sys, time, urllib.request
for _ in range(600):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=2).close()
        break
    except OSError:
        time.sleep(0.1)
"""


@pytest.mark.real
@pytest.mark.slow
def test_a_live_server_and_its_database_come_over_whole(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("pandas")
    with mlflow_server(tmp_path) as address:
        python(tmp_path, FILL, address)
        before = dump(tmp_path, address)
        report = take(tmp_path / "a", address)
        assert not report["could_not"], report
        assert report["imported"]["datasets"] == 1 and report["imported"]["scorers"] == 2
        assert report["imported"]["runs"] == 2 and report["imported"]["versions"] == 2
        again = take(tmp_path / "a", address)
        assert not again["imported"] and not again["could_not"] and again["skipped"]["runs"] == 2
    report = take(tmp_path / "b", f"sqlite:///{tmp_path}/served.db", "--artifacts", tmp_path / "art")
    assert not report["could_not"], report
    for store in ("a", "b"):
        with serve(tmp_path / store) as address:
            assert dump(tmp_path, address) == before, store


@pytest.mark.real
def test_a_folder_that_mlflow_wrote_comes_over(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("pandas")
    python(tmp_path, FILL.partition("with mlflow.start_span")[0], (tmp_path / "mlruns").as_uri())
    shutil.move(tmp_path / "mlruns", tmp_path / "moved")
    report = take(tmp_path / "store", tmp_path / "moved")
    assert not report["could_not"] and not report["experiment_ids"], report
    assert {name: report["imported"][name] for name in ("experiments", "runs", "models", "versions")} == {
        "experiments": 2, "runs": 2, "models": 1, "versions": 2,
    }  # fmt: skip
    assert not take(tmp_path / "store", tmp_path / "moved")["imported"]
    with serve(tmp_path / "store") as address:
        python(tmp_path, CHECK, address)


CHECK = """
import sys, math
import mlflow

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = mlflow.get_experiment_by_name("exp one")
assert experiment.tags["team"] == "a b" and len(experiment.experiment_id) > 10
runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id], run_view_type=3)}
first, second = runs["first"], runs["second"]
assert second.info.lifecycle_stage == "deleted" and first.info.status == "FINISHED"
assert first.data.params == {"lr": "0.1", "long": "x " * 100, "nested/name": "010", "flag": "yes"}
assert first.data.tags["mlflow.note.content"] == "a note: with\\nlines"
assert first.data.tags["t"] == "v 'q' \\"d\\" # c"
assert [one.value for one in client.get_metric_history(first.info.run_id, "loss")] [:2] == [1.0, 0.5]
assert math.isnan(first.data.metrics["odd"])
assert first.inputs.dataset_inputs[0].dataset.name == "ds"
assert client.get_registered_model("reg").description == "desc: " + "word " * 40
versions = {one.version: one.current_stage for one in client.search_model_versions("name='reg'")}
assert {int(key): value for key, value in versions.items()} == {1: "Staging", 3: "None"}
assert repr(mlflow.pyfunc.load_model("models:/reg@champ").predict([1, 2])) == "[1, 2]"
assert mlflow.artifacts.load_text(f"runs:/{first.info.run_id}/dir/a.txt") == "hello"
"""


# Small sources made by hand


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    root = tmp_path / "mlruns"
    write(root / "0", **{"meta.yaml": "experiment_id: '0'\nname: Default\nlifecycle_stage: active\n"})
    write(root / "7", **{"meta.yaml": "experiment_id: '7'\nname: by hand\nlifecycle_stage: active\ncreation_time: 5\n"})
    meta = (
        f"artifact_uri: file:///elsewhere/7/{RUN}/artifacts\nend_time: 2000\nexperiment_id: '7'\n"
        f"lifecycle_stage: active\nrun_id: {RUN}\nrun_name: hand\nstart_time: 1000\nstatus: 4\nuser_id: me\n"
    )
    write(
        root / "7" / RUN,
        **{
            "meta.yaml": meta, "params__lr": "0.10", "params__deep__er": "3", "tags__who": "me",
            "metrics__loss": "1000 1.5 0\n1500 nan 1\n1500 0.5 1\n", "artifacts__out__model.bin": "bytes",
        },
    )  # fmt: skip
    return root


def test_a_folder_by_hand(mlruns: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    counted = take(store, mlruns, "--dry-run")
    assert counted["imported"]["runs"] == 1 and not store.exists()
    report = take(store, mlruns)
    assert report["imported"]["points"] == 3 and not report["could_not"], report
    document = show(store, RUN)
    assert document["project"] == "by hand" and document["config"] == {"lr": 0.1, "deep/er": 3}
    assert document["raw"] == {"lr": "0.10"} and document["status"] == "failed"
    assert (document["created"], document["ended"]) == (1.0, 2.0) and document["tags"]["who"] == "me"
    assert [item["path"] for item in document["outputs"]] == ["out/model.bin"]
    # What came since, and only that.
    with open(mlruns / "7" / RUN / "metrics" / "loss", "a") as file:
        file.write("1600 0.25 2\n")
    (mlruns / "7" / RUN / "tags" / "new").write_text("1")
    again = take(store, mlruns)
    assert (again["imported"]["points"], again["imported"]["tags"]) == (1, 1) and "files" not in again["imported"]
    assert show(store, RUN)["metric_stats"]["loss"]["count"] == 4


def test_a_place_in_a_bucket_is_not_left_without_a_word(mlruns: Path, tmp_path: Path) -> None:
    with open(mlruns / "7" / "meta.yaml", "a") as file:
        file.write("artifact_location: s3://bucket/7\n")
    for _ in range(2):
        (told,) = take(tmp_path / "store", mlruns)["could_not"]
        assert "by hand: s3://bucket/7" in told["what"] and "store of this server" in told["why"]


def test_an_id_that_is_taken_is_told(mlruns: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other / "7", **{"meta.yaml": "experiment_id: '7'\nname: someone else\nlifecycle_stage: active\n"})
    take(tmp_path / "store", other)
    report = take(tmp_path / "store", mlruns)
    assert report["experiment_ids"] == {"7": "8"} and report["imported"]["runs"] == 1


def test_hostile_folders_are_refused(mlruns: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    write(secret, key="hidden")
    run = mlruns / "7" / RUN
    (run / "artifacts" / "link").symlink_to(secret / "key")
    (run / "artifacts" / "folder").symlink_to(secret)
    (run / "params" / "stolen").symlink_to(secret / "key")
    (run / "artifacts" / "back\\slash").write_text("x")
    (mlruns / "7" / "broken").mkdir()
    (mlruns / "7" / "broken" / "meta.yaml").write_text("run_id: !!python/object/apply:os.system ['id']\n")
    elsewhere = "a" * 32
    meta = (
        f"experiment_id: '7'\nrun_id: {elsewhere}\nstatus: 3\nartifact_uri: file://{secret}\nlifecycle_stage: active\n"
    )
    write(mlruns / "7" / elsewhere, **{"meta.yaml": meta})
    write(mlruns / "7" / "climbs", **{"meta.yaml": "experiment_id: '7'\nrun_id: ../../x\nstatus: 3\n"})
    report = take(tmp_path / "store", mlruns)
    told = json.dumps(report["could_not"])
    for word in ("back", "link", "YAML beyond", "refused", "../../x"):
        assert word in told, word
    assert report["imported"]["runs"] == 2
    assert [item["path"] for item in show(tmp_path / "store", RUN)["outputs"]] == ["out/model.bin"]
    assert b"hidden" not in b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())


def old_database(path: Path, artifacts: str) -> None:
    """As MLflow 1.0 had it: no lifecycle of tags, no index by run, no registry."""
    database = sqlite3.connect(path)
    database.executescript(
        """
        CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT,
                                  lifecycle_stage TEXT);
        CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, source_type TEXT, source_name TEXT,
                           entry_point_name TEXT, user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
                           source_version TEXT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
        CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
        CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
        CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT,
                              PRIMARY KEY (key, value, timestamp, run_uuid));
        INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active'), (3, 'old', '', 'active');
        INSERT INTO params VALUES ('lr', '1e-3', 'run1');
        INSERT INTO metrics VALUES ('loss', 2.0, 1000, 'run1'), ('loss', 1.0, 2000, 'run1');
        """
    )
    values = ("run1", "", "LOCAL", "train.py", "main", "me", "FINISHED", 1000, 2000, "abc", "active", artifacts, 3)
    database.execute(f"INSERT INTO runs VALUES ({','.join('?' * len(values))})", values)
    database.commit()
    database.close()


def test_an_old_database(tmp_path: Path) -> None:
    old_database(tmp_path / "old.db", "./mlruns/3/run1/artifacts")
    write(tmp_path / "mlruns" / "3" / "run1" / "artifacts", **{"a.txt": "x"})
    report = take(tmp_path / "store", tmp_path / "old.db")
    assert report["imported"]["points"] == 2 and report["imported"]["files"] == 1 and not report["could_not"], report
    document = show(tmp_path / "store", "run1")
    assert document["config"] == {"lr": 0.001} and document["tags"]["mlflow.source.name"] == "train.py"
    assert document["metrics"] == {"loss": 1.0}


JUDGING = """
    CREATE TABLE scorers (experiment_id INTEGER, scorer_name TEXT, scorer_id TEXT);
    CREATE TABLE scorer_versions (scorer_id TEXT, scorer_version INTEGER, serialized_scorer TEXT, creation_time BIGINT);
    CREATE TABLE evaluation_datasets (dataset_id TEXT, name TEXT, schema TEXT, profile TEXT, digest TEXT,
        created_time BIGINT, last_update_time BIGINT, created_by TEXT, last_updated_by TEXT);
    CREATE TABLE evaluation_dataset_records (dataset_record_id TEXT, dataset_id TEXT, inputs TEXT, outputs TEXT,
        expectations TEXT, tags TEXT, source TEXT, created_time BIGINT, last_update_time BIGINT, created_by TEXT,
        last_updated_by TEXT);
    INSERT INTO scorers VALUES (3, 'right', 's1');
    INSERT INTO scorer_versions VALUES ('s1', 2, '{"name": "right"}', 1000),
        ('s1', 3, '{"name": "right", "call_source": "print(1)"}', 2000);
    INSERT INTO evaluation_datasets VALUES ('d-1', 'questions', NULL, NULL, 'abc', 1000, 2000, 'me', NULL);
    INSERT INTO evaluation_dataset_records VALUES
        ('dr-1', 'd-1', '{"q": 1}', '{"mlflow_wrapped": [1]}', NULL, NULL, NULL, 1000, 1000, 'me', 'me'),
        ('dr-2', 'd-1', '{"q": 2}', NULL, '{"a": 1}', NULL, NULL, 1000, 1500, 'me', 'you');
"""
CHANGED = """
    UPDATE evaluation_datasets SET last_update_time = 3000;
    UPDATE evaluation_dataset_records SET outputs = '{"mlflow_wrapped": [2]}', last_update_time = 3000,
        last_updated_by = 'you' WHERE dataset_record_id = 'dr-1';
    INSERT INTO evaluation_dataset_records VALUES
        ('dr-3', 'd-1', '{"q": 3}', NULL, NULL, NULL, NULL, 3000, 3000, 'you', 'you');
"""


def kept_records(store: Path) -> list[tuple[Any, ...]]:
    hub = Hub(Store(store))
    try:
        call = Call(hub, "GET", {"id": "d-1"}, [])
        found = json.loads(datasets.list_records(call)["records"])
    finally:
        hub.close()
    names = ("dataset_record_id", "inputs", "outputs", "expectations", "created_time", "last_update_time")
    people = ("created_by", "last_updated_by")
    return [tuple(one.get(name) for name in (*names, *people)) for one in found]


def test_datasets_and_scorers_come_over_and_what_changed_of_them(tmp_path: Path) -> None:
    old_database(tmp_path / "old.db", "./mlruns/3/run1/artifacts")
    database = sqlite3.connect(tmp_path / "old.db")
    database.executescript(JUDGING)
    for step in ("first", "again"):
        report = take(tmp_path / "store", tmp_path / "old.db")
        told = [one for one in report["could_not"] if "scorer" in one["what"]]
        assert len(told) == 1 and told[0]["what"].startswith("version 3 of scorer right") and "code" in told[0]["why"]
        assert (report["imported"].get("datasets", 0), report["imported"].get("records", 0)) == (
            (1, 2) if step == "first" else (0, 0)
        )
    first = ("dr-1", {"q": 1}, [1], None, 1000, 1000, "me", "me")
    second = ("dr-2", {"q": 2}, None, {"a": 1}, 1000, 1500, "me", "you")
    assert kept_records(tmp_path / "store") == [first, second]
    database.executescript(CHANGED)
    database.close()
    assert take(tmp_path / "store", tmp_path / "old.db")["imported"]["records"] == 2
    changed = ("dr-1", {"q": 1}, [2], None, 1000, 3000, "me", "you")
    third = ("dr-3", {"q": 3}, None, None, 3000, 3000, "you", "you")
    assert kept_records(tmp_path / "store") == [changed, second, third]
    scorer = Scorers(Ledger(tmp_path / "store" / "ledger")).get("3", "right")
    assert (scorer.id, [(one.number, one.created) for one in scorer.versions.values()]) == ("s1", [(2, 1.0)])


@pytest.mark.parametrize(
    "place", ["/etc/run1/artifacts", "file:///etc", "../../run1/artifacts", "s3://bucket/run1/artifacts"]
)
def test_places_outside_are_refused(tmp_path: Path, place: str) -> None:
    outside = tmp_path / "out" / "run1" / "artifacts"
    write(outside, **{"a.txt": "x"})
    (tmp_path / "in").mkdir()
    old_database(tmp_path / "in" / "old.db", place if "etc/run1" not in place else str(outside))
    report = take(tmp_path / "store", tmp_path / "in" / "old.db")
    assert report["imported"]["runs"] == 1 and "files" not in report["imported"]
    assert len(report["could_not"]) == 1, report
    if "etc/run1" in place:  # allowed by name, and done again because it was not whole
        report = take(tmp_path / "store", tmp_path / "in" / "old.db", "--artifacts", tmp_path / "out")
        assert report["imported"]["files"] == 1 and not report["could_not"]


@pytest.mark.parametrize("source", ["nowhere", "postgresql://x/y", "file.txt", "empty"])
def test_what_is_no_source(tmp_path: Path, source: str) -> None:
    (tmp_path / "file.txt").write_text("no database")
    (tmp_path / "empty").mkdir()
    name = source if "://" in source else str(tmp_path / source)
    command = [sys.executable, "-m", "anew", "import", "mlflow", name, "--json"]
    done = subprocess.run(
        command, env={**os.environ, "ANEW_STORE": str(tmp_path / "s")}, capture_output=True, text=True
    )
    assert done.returncode == 2 and json.loads(done.stdout)["kind"] == "UsageError" and "Traceback" not in done.stderr


def test_a_server_of_ours_is_a_source_too(mlruns: Path, tmp_path: Path) -> None:
    take(tmp_path / "a", mlruns)
    with serve(tmp_path / "a") as address:
        assert urllib.request.urlopen(f"{address}/health").read() == b"OK"
        report = take(tmp_path / "b", address)
    assert report["imported"]["points"] == 3 and report["imported"]["files"] == 1 and not report["could_not"], report
    assert show(tmp_path / "b", RUN)["config"] == show(tmp_path / "a", RUN)["config"]


def test_a_hostile_server_gets_nothing_by_paths_or_redirects(tmp_path: Path) -> None:
    info = {"run_id": RUN, "experiment_id": "5", "status": "FINISHED", "start_time": "1", "artifact_uri": "x"}
    names = ("../up", "/etc/passwd", "a/../../b", "good", "moved", "", "a\\b")
    answers: dict[str, Any] = {
        "experiments/search": {"experiments": [{"experiment_id": "5", "name": "bad"}]},
        "runs/search": {"runs": [{"info": info}, {"info": {"run_id": "../../x", "start_time": "1"}}, {"no": "run"}]},
        "artifacts/list": {"files": [{"path": name, "is_dir": False, "file_size": 3} for name in names]},
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0].removeprefix("/api/2.0/mlflow/")
            moved = "path=moved" in self.path
            body = b"abc" if path == "/get-artifact" else json.dumps(answers.get(path, {})).encode()
            self.send_response(302 if moved else 200)
            if moved:
                self.send_header("location", "file:///etc/passwd")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        report = take(tmp_path / "store", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert [item["path"] for item in show(tmp_path / "store", RUN)["outputs"]] == ["good"]
    told = json.dumps(report["could_not"])
    for word in ("../up", "/etc/passwd", "a/../../b", "answers 302", "../../x", "it has no id"):
        assert word in told, (word, told)


# YAML as MLflow's library writes it

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=200)
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS
KEYS = st.text(st.sampled_from("abc_.-/ XYZ09é:"), min_size=1, max_size=20).filter(lambda text: text.strip() == text)


@given(st.dictionaries(KEYS, SCALARS | st.lists(TEXTS, max_size=3) | st.dictionaries(KEYS, TEXTS, max_size=3)))
@settings(max_examples=300, deadline=None)
def test_yaml_is_read_as_its_library_writes_it(data: dict[str, Any]) -> None:
    yaml = pytest.importorskip("yaml")
    text = yaml.safe_dump(data, default_flow_style=False, allow_unicode=True, width=80)
    try:
        found = takeover_yaml.read(text)
    except CorruptData:
        assert set(text) & set("?\x85\u2028\u2029"), text  # keys of several lines, and breaks that MLflow never writes
        return
    assert found == {str(key): value for key, value in data.items()}, text


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_yaml_or_refused(text: str) -> None:
    try:
        takeover_yaml.read(text)
    except CorruptData:
        pass


def test_numbers_of_yaml() -> None:
    found = takeover_yaml.read("a: 1\nb: '1'\nc: 1.5\nd: null\ne: ~\nf:\ng: true\nh: it's # said\ni: |\n  x\n  y\n")
    assert found == {
        "a": 1, "b": "1", "c": 1.5, "d": None, "e": None, "f": None, "g": True, "h": "it's", "i": "x\ny\n",
    }  # fmt: skip
    assert math.isfinite(found["c"])
