"""Runs: create, get, update, delete, restore; metrics, params, tags, batches, inputs and outputs."""

from __future__ import annotations

from typing import Any

from protocols.conformance.steps import *

NO_RUN = "0" * 32
BAD_RUNS = ("not a run", "", "../x", "a/b", "x" * 257, "abc")
_WRITES = ("runs/log-metric", "runs/log-parameter", "runs/set-tag", "runs/delete-tag")


def _create(**body: Any) -> Step:
    return post("runs/create", {"experiment_id": "{exp}", **body}, save={"r": "run.info.run_id"})


def metric(key: str = "m", value: Any = 1.0, timestamp: Any = 1000, step: Any = 0, **more: Any) -> Step:
    body = {"run_id": "{run}", "key": key, "value": value, "timestamp": timestamp, "step": step}
    return post("runs/log-metric", {name: item for name, item in body.items() if item != "absent"}, **more)


def param(key: Any, value: Any, **more: Any) -> Step:
    return post("runs/log-parameter", {"run_id": "{run}", "key": key, "value": value}, **more)


def tag(key: Any, value: Any, **more: Any) -> Step:
    return post("runs/set-tag", {"run_id": "{run}", "key": key, "value": value}, **more)


def update(**body: Any) -> Step:
    return post("runs/update", {"run_id": "{run}", **body})


def history(key: str = "m", **more: Any) -> Step:
    return get("metrics/get-history", {"run_id": "{run}", "metric_key": key, **more})


def started(name: str, *steps: Any) -> Scenario:
    """A scenario about one run, saved as `run`, of an experiment of its own, saved as `exp`."""
    return scenario(name, experiment(name), run(), *steps)


def _entities(count: int, kind: str) -> list[dict[str, Any]]:
    more: dict[str, Any] = {"value": 1.0, "timestamp": 1, "step": 0} if kind == "metrics" else {"value": "1"}
    return [{"key": f"{kind}{number}", **more} for number in range(count)]


def _batch_of(**counts: int) -> Step:
    body: dict[str, Any] = {kind: _entities(count, kind) for kind, count in counts.items()}
    return post("runs/log-batch", {"run_id": "{run}", **body})


_DEFAULT = "a run of no experiment is one of the default experiment, whose folder MLflow gives it, too"
_LOSSLESS = "Infinity stays Infinity; SQL databases cannot hold it, and MLflow writes the largest double"
_BARE = "a number that Python's json writes as NaN or Infinity means just that; MLflow stops reading there"


def _read_as(key: str, value: str, timestamp: int, rule: str = _LOSSLESS) -> Ours:
    point = {"key": key, "value": value, "timestamp": timestamp, "step": 0}
    return Ours(rule, 200, body={"metrics": [point]})


_DATASET = {
    "name": "weather", "digest": "abc123", "source_type": "local", "source": '{"uri": "/data"}',
    "schema": '{"columns": []}', "profile": '{"rows": 3}',
}  # fmt: skip


def _without(field: str) -> dict[str, Any]:
    return {key: value for key, value in _DATASET.items() if key != field}


def _input(dataset: dict[str, Any], context: str | None = "training", **more: Any) -> Step:
    tags = [] if context is None else [{"key": "mlflow.data.context", "value": context}]
    return post("runs/log-inputs", {"run_id": "{run}", "datasets": [{"tags": tags, "dataset": dataset}]}, **more)


_BAD_ENTITIES: list[dict[str, Any]] = [
    {"metrics": "m"},
    {"params": "p"},
    {"tags": "t"},
    {"metrics": {}},
    {"metrics": [{"value": 1, "timestamp": 1}]},
    {"metrics": [{"key": "m", "timestamp": 1}]},
    {"metrics": [{"key": "m", "value": 1}]},
    {"metrics": [{"key": "ok", "value": 1, "timestamp": 1}, {"key": "m", "value": 1}]},
    {"metrics": [{"key": "", "value": 1, "timestamp": 1}]},
    {"metrics": [{"key": "m", "value": 1, "timestamp": -1}]},
    {"metrics": [{"key": "k" * 251, "value": 1, "timestamp": 1}]},
    {"params": [{"value": "1"}]},
    {"params": [{"key": "", "value": "1"}]},
    {"params": [{"key": "k" * 251, "value": "1"}]},
    {"params": [{"key": "p", "value": "v" * 6001}]},
    {"tags": [{"value": "1"}]},
    {"tags": [{"key": "k" * 251, "value": "1"}]},
    {"tags": [{"key": "t", "value": "v" * 8001}]},
    {"params": [{"key": "a/../b", "value": "1"}]},
]

RUNS: list[Scenario] = [
    scenario(
        "run: create and get",
        experiment("run: create and get"),
        run(tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]),
        get_run(),
        get("runs/get", {"run_uuid": "{run}"}),
        get("runs/get", {"run_id": "{run}", "run_uuid": NO_RUN}),
        get(AJAX + "runs/get", {"run_id": "{run}"}),
        _create(),
        get_run("r"),
        _create(start_time="1234"),
        _create(start_time=-5),
        _create(start_time=2**53 + 1),
        refused(_create(start_time=2**63)),
        _create(user_id="someone"),
        _create(status="FINISHED"),
        _create(end_time=5),
    ),
    scenario(
        "run: names",
        experiment("run: names"),
        _create(run_name="by name"),
        _create(tags=[{"key": "mlflow.runName", "value": "by tag"}]),
        _create(run_name="same", tags=[{"key": "mlflow.runName", "value": "same"}]),
        _create(run_name="one", tags=[{"key": "mlflow.runName", "value": "other"}]),
        _create(run_name=""),
        instead(
            _create(run_name="", tags=[{"key": "mlflow.runName", "value": ""}]),
            Ours("an empty name is none: the run gets a random one", 200),
        ),
        _create(run_name="n" * 250),
        _create(run_name="n" * 251),
        _create(run_name="ümläut 数据 / 🌦"),
        _create(run_name=5),
        run(),
        update(run_name="renamed"),
        get_run(),
        update(run_name=""),
        get_run(),
        tag("mlflow.runName", "by set-tag"),
        get_run(),
        batch(tags={"mlflow.runName": "by log-batch"}),
        get_run(),
        post("runs/delete-tag", {"run_id": "{run}", "key": "mlflow.runName"}),
        get_run(),
        update(run_name="after deletion"),
        get_run(),
        update(status="FINISHED"),
        get_run(),
        tag("mlflow.runName", ""),
        get_run(),
    ),
    scenario(
        "run: create with bad values",
        experiment("run: create with bad values"),
        post("runs/create", {}, deliberate=Ours("refused by MLflow, too, in its database's words", 400)),
        post("runs/create", {"experiment_id": ""}, deliberate=Ours(_DEFAULT, 200)),
        post("runs/create", {"experiment_id": "999999999"}),
        post("runs/create", {"experiment_id": "abc"}),
        post("runs/create", {"experiment_id": 0}),
        _create(start_time="soon"),
        refused(_create(start_time=1.5)),
        _create(start_time=None),
        refused(_create(tags="a")),
        _create(tags=[{"key": "a"}]),
        refused(_create(tags=[{"value": "a"}])),
        instead(
            _create(tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]),
            Ours("the last one counts, as in runs/log-batch", 200),
        ),
        _create(tags=[{"key": "a*", "value": "1"}]),
        _create(tags=[{"key": "k" * 250, "value": "v"}]),
        _create(tags=[{"key": "k" * 251, "value": "v"}]),
        _create(tags=[{"key": "k", "value": "v" * 8000}]),
        _create(tags=[{"key": "k", "value": "v" * 8001}]),
        _create(unknown_field="x"),
    ),
    scenario(
        "run: parents and users",
        experiment("run: parents and users"),
        run("parent"),
        run("child", tags=[{"key": "mlflow.parentRunId", "value": "{parent}"}]),
        get_run("child"),
        run("orphan", tags=[{"key": "mlflow.parentRunId", "value": NO_RUN}]),
        run("someone", tags=[{"key": "mlflow.user", "value": "bob"}]),
        get_run("someone"),
        post(
            "runs/search",
            {"experiment_ids": ["{exp}"], "filter": "tags.mlflow.parentRunId = '{parent}'"},
        ),
        post("runs/delete", {"run_id": "{parent}"}),
        get_run("child"),
    ),
    started(
        "run: update",
        update(),
        update(status="FINISHED", end_time=2000),
        get_run(),
        update(status="RUNNING"),
        get_run(),
        update(end_time=3000),
        [update(status=status) for status in ("FAILED", "KILLED", "SCHEDULED", "FINISHED")],
        update(status=1),
        update(status=3),
        [refused(update(status=status)) for status in ("finished", "DONE")],
        [update(status=status) for status in ("", 0, 9, None)],
        update(end_time="4000"),
        update(end_time="late"),
        update(end_time=0),
        get_run(),
        update(end_time=-1),
        update(run_name=5),
        update(run_name="n" * 251),
        post("runs/update", {"run_uuid": "{run}", "status": "FINISHED"}),
        post("runs/update", {"status": "FINISHED"}),
        post("runs/update", {"run_id": NO_RUN, "status": "FINISHED"}),
        get_run(),
    ),
    started(
        "run: ended without an end time",
        update(status="FINISHED"),
        update(status="FAILED", end_time=5),
        update(status="RUNNING", end_time=7),
        get_run(),
    ),
    started(
        "run: ids that are none",
        [get("runs/get", {"run_id": text}) for text in (NO_RUN, *BAD_RUNS)],
        get("runs/get"),
        [post("runs/delete", {"run_id": text}) for text in (NO_RUN, "not a run")],
        post("runs/delete", {}),
        post("runs/delete", {"run_uuid": "{run}"}),
        [post("runs/restore", {"run_id": text}) for text in (NO_RUN, "not a run")],
        post("runs/restore", {}),
        [post(path, {"run_id": NO_RUN, "key": "k", "value": "1", "timestamp": 1}) for path in _WRITES],
        [post(path, {"run_id": "not a run", "key": "k", "value": "1", "timestamp": 1}) for path in _WRITES],
        [post("runs/log-batch", {"run_id": text}) for text in (NO_RUN, "not a run", "")],
        [post("runs/log-inputs", {"run_id": text}) for text in (NO_RUN, "not a run", "")],
    ),
    started(
        "run: delete and restore",
        batch(metrics={"m": 1.5}, params={"p": "1"}, tags={"t": "1"}),
        post("runs/delete", {"run_id": "{run}"}),
        get_run(),
        metric(),
        param("q", "1"),
        tag("u", "1"),
        post("runs/delete-tag", {"run_id": "{run}", "key": "t"}),
        batch(metrics={"m": 2}),
        update(status="FINISHED"),
        _input(_DATASET),
        history(),
        post("runs/delete", {"run_id": "{run}"}),
        post("runs/restore", {"run_id": "{run}"}),
        get_run(),
        post("runs/restore", {"run_id": "{run}"}),
        metric(),
    ),
    started(
        "param: write once",
        param("p", "1"),
        param("p", "1"),
        param("p", "2"),
        param("p", ""),
        param("empty", ""),
        param("empty", ""),
        param("empty", "x"),
        post("runs/log-parameter", {"run_id": "{run}", "key": "no value"}),
        param("none", None),
        get_run(),
        post("runs/log-parameter", {"run_uuid": "{run}", "key": "by uuid", "value": "1"}),
        batch(params={"p": "1", "new": "2"}),
        batch(params={"p": "3", "newer": "2"}),
        batch(params={"p": "3", "new": "4"}),
        post(
            "runs/log-batch",
            {"run_id": "{run}", "params": [{"key": "twice", "value": "1"}, {"key": "twice", "value": "1"}]},
        ),
        post(
            "runs/log-batch",
            {"run_id": "{run}", "params": [{"key": "twice", "value": "1"}, {"key": "twice", "value": "2"}]},
        ),
        get_run(),
    ),
    started(
        "param: bad values",
        [post("runs/log-parameter", body) for body in ({}, {"key": "k", "value": "v"}, {"run_id": "{run}"})],
        param("", "1"),
        param(None, "1"),
        param(5, "1"),
        param("k", 5),
        param("k", True),
        param("k", ["a"]),
        param("k" * 250, "1"),
        param("k" * 251, "1"),
        param("v", "v" * 6000),
        param("w", "v" * 6001),
        param("u", "ü" * 6000),
        [param(key, "1") for key in ("a/b", "a/../b", "/a", "a/", ".", "..", "./a", "a//b", "a:b", "a b", "a.b-c_d")],
        [param(key, "1") for key in ("a*b", "a\\b", "a\nb", "ümläut", "a@b", "a#b", "a'b", 'a"b', "a,b", "🌦")],
        param("multi\nline"[:5], "multi\nline\tvalue ☃"),
        get_run(),
    ),
    started(
        "tag: set and delete",
        tag("t", "1"),
        tag("t", "2"),
        tag("empty", ""),
        post("runs/set-tag", {"run_id": "{run}", "key": "no value"}),
        post("runs/set-tag", {"run_uuid": "{run}", "key": "by uuid", "value": "1"}),
        tag("mlflow.note.content", "# Note\n☃"),
        get_run(),
        post("runs/delete-tag", {"run_id": "{run}", "key": "t"}),
        post("runs/delete-tag", {"run_id": "{run}", "key": "t"}),
        post("runs/delete-tag", {"run_id": "{run}"}),
        post("runs/delete-tag", {"key": "t"}),
        post("runs/delete-tag", {"run_uuid": "{run}", "key": "empty"}),
        get_run(),
        [post("runs/set-tag", body) for body in ({}, {"key": "k", "value": "v"}, {"run_id": "{run}", "value": "v"})],
        tag("", "1"),
        tag(5, "1"),
        tag("k", 5),
        tag("k", None),
        tag("k" * 250, "1"),
        tag("k" * 251, "1"),
        tag("v", "v" * 8000),
        tag("w", "v" * 8001),
        [tag(key, "1") for key in ("a/../b", "..", "a*b", "ümläut", "a#b")],
        get_run(),
    ),
    started(
        "metric: values",
        [
            metric(f"v{number}", value)
            for number, value in enumerate((0, -0.0, 1, -1, 0.1, 1e308, 5e-324, 2**53 + 1, "1.5", "NaN", "1e3", "7"))
        ],
        metric("huge", 1.7976931348623157e308),
        get_run(),
        [history(f"v{number}") for number in range(12)],
        [metric("bad", value) for value in ("abc", "", None, "0x10", "absent")],
        [instead(metric("bad", value), rejects(code=None)) for value in ([1], {"a": 1})],
        refused(metric("bad", True)),
        metric("nan in small letters", "nan"),
        instead(history("nan in small letters"), _read_as("nan in small letters", "NaN", 1000, _BARE)),
    ),
    started(
        "metric: infinities",
        metric("up", "Infinity"),
        metric("down", "-Infinity"),
        metric("short", "inf"),
        batch(metrics=[("batch", "Infinity", 1, 0)]),
        [
            instead(history(key), _read_as(key, value, at))
            for key, value, at in (
                ("up", "Infinity", 1000),
                ("down", "-Infinity", 1000),
                ("short", "Infinity", 1000),
                ("batch", "Infinity", 1),
            )
        ],
        metric("tie", 5, step=1),
        metric("tie", "Infinity", step=1),
        metric("tie", 6, step=1),
        instead(
            get("metrics/get-history", {"run_id": "{run}", "metric_key": "tie", "max_results": "1"}),
            Ours(_LOSSLESS, 200),
        ),
    ),
    started(
        "metric: NaN and Infinity bare, as Python's json writes them",
        metric("bare", float("nan"), deliberate=Ours(_BARE, 200)),
        metric("bare", float("inf"), deliberate=Ours(_BARE, 200)),
    ),
    started(
        "metric: steps and timestamps",
        metric("m", 1, step="absent"),
        metric("m", 2, timestamp=2000, step=-5),
        metric("m", 3, timestamp="3000", step="7"),
        metric("m", 4, timestamp=0, step=1),
        metric("m", 5, timestamp=2**62, step=2**62),
        metric("m", 6, timestamp=1.0, step=2.0),
        metric("m", 9, timestamp=-1),
        metric("m", 10, timestamp="absent"),
        metric("m", 11, timestamp="now"),
        metric("m", 12, step="one"),
        metric("m", 14, step=-(2**63)),
        metric("m", 15, timestamp=None),
        metric("m", 16, step=None),
        history(),
        get_run(),
        refused(metric("m", 7, timestamp=1.5)),
        refused(metric("m", 8, step=1.5)),
        refused(metric("m", 13, timestamp=2**63)),
        refused(metric("m", 13, step=2**63)),
    ),
    started(
        "metric: keys",
        [metric(key) for key in ("a/b", "a:b", "a b", "a.b", "ümläut", "数据")],
        [metric(key) for key in ("a/../b", "/a", "a//b", ".", "..", "a*b", "a\\b", "", "a%b", "a\nb", "🌦")],
        metric("k" * 250),
        metric("k" * 251),
        post("runs/log-metric", {"run_id": "{run}", "value": 1, "timestamp": 1}),
        post("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        post("runs/log-metric", {"run_id": "{run}", "key": 5, "value": 1, "timestamp": 1}),
        post("runs/log-metric", {"run_uuid": "{run}", "key": "by uuid", "value": 1, "timestamp": 1}),
        post("runs/log-metric", {}),
        get_run(),
    ),
    started(
        "metric: the last one",
        metric("by step", 1, timestamp=9, step=5),
        metric("by step", 2, timestamp=99, step=4),
        metric("by time", 1, timestamp=9, step=5),
        metric("by time", 2, timestamp=8, step=5),
        metric("by value", 1, timestamp=9, step=5),
        metric("by value", 0, timestamp=9, step=5),
        metric("nan last", 1, step=1),
        metric("nan last", "NaN", step=2),
        metric("nan first", "NaN", step=1),
        metric("nan first", 1, step=2),
        metric("nan tie", 5, step=1),
        metric("nan tie", "NaN", step=1),
        metric("nan tie 2", "NaN", step=1),
        metric("nan tie 2", 5, step=1),
        metric("nan tie, negative", -5, step=1),
        metric("nan tie, negative", "NaN", step=1),
        metric("negative", 1, step=-1),
        metric("negative", 2, step=0),
        get_run(),
    ),
    started(
        "metric: the same point again",
        metric(),
        metric(),
        metric("m", 2.0),
        history(),
        batch(metrics=[("m", 1.0, 1000, 0), ("m", 1.0, 1000, 0), ("m", 3.0, 1000, 0)]),
        history(),
        metric("n", "NaN"),
        metric("n", "NaN"),
        history("n"),
        get_run(),
    ),
    started(
        "metric: about a dataset and a model",
        metric("of data"),
        post(
            "runs/log-metric",
            {
                "run_id": "{run}",
                "key": "acc",
                "value": 0.5,
                "timestamp": 1,
                "step": 0,
                "dataset_name": "weather",
                "dataset_digest": "abc",
            },
        ),
        get_run(),
        history("acc"),
    ),
    started(
        "log-batch: good",
        batch(
            metrics=[("m", 1.0, 1000, 0), ("m", 2.0, 1001, 1), ("n", "NaN", 1000, 0), ("o", -1e300, 5, -1)],
            params={"p": "1", "q": ""},
            tags={"t": "1", "u": ""},
        ),
        get_run(),
        history(),
        batch(),
        post("runs/log-batch", {"run_id": "{run}", "metrics": [], "params": [], "tags": []}),
        batch(tags={"t": "2"}),
        post(
            "runs/log-batch",
            {"run_id": "{run}", "tags": [{"key": "x", "value": "1"}, {"key": "x", "value": "2"}]},
        ),
        post("runs/log-batch", {"run_id": "{run}", "metrics": [{"key": "s", "value": 1, "timestamp": "5"}]}),
        post("runs/log-batch", {"run_id": "{run}", "params": [{"key": "absent"}], "tags": [{"key": "absent"}]}),
        get_run(),
    ),
    started(
        "log-batch: limits",
        _batch_of(metrics=1000),
        _batch_of(metrics=1001),
        _batch_of(params=100),
        _batch_of(params=101),
        _batch_of(tags=100),
        _batch_of(tags=101),
        _batch_of(metrics=900, params=50, tags=51),
        post("runs/log-batch", {"run_id": "{run}", "tags": [{"key": "big", "value": "v" * 1_000_001}]}),
        post(
            "runs/log-batch",
            {"run_id": "{run}", "params": [{"key": f"big{number}", "value": "v" * 6000} for number in range(100)]},
        ),
        get("metrics/get-history", {"run_id": "{run}", "metric_key": "metrics999"}),
    ),
    started(
        "log-batch: all or nothing",
        batch(metrics={"m": 1}, params={"p": "1"}),
        batch(metrics={"new": 1}, params={"p": "2"}, tags={"new": "1"}),
        batch(metrics={"new": 1}, params={"new": "1"}, tags={"bad*": "1"}),
        batch(metrics={"bad*": 1}, params={"new": "1"}, tags={"new": "1"}),
        batch(metrics={"new": 1}, params={"new*": "1"}),
        get_run(),
    ),
    started(
        "log-batch: bad entities",
        [post("runs/log-batch", {"run_id": "{run}", **body}) for body in _BAD_ENTITIES],
        get_run(),
        [
            post("runs/log-batch", {"run_id": "{run}", kind: [5]}, deliberate=rejects(code=None))
            for kind in ("metrics", "params", "tags")
        ],
        [
            refused(post("runs/log-batch", {"run_id": "{run}", **body}))
            for body in (
                {"metrics": [{"key": "m", "value": "abc", "timestamp": 1}]},
                {"metrics": [{"key": "m", "value": 1, "timestamp": "abc"}]},
                {"metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": "abc"}]},
                {"metrics": [{"key": "m", "value": True, "timestamp": 1}]},
                {"params": [{"key": "q", "value": 5}]},
                {"tags": [{"key": "q", "value": 5}]},
            )
        ],
        instead(post("runs/log-batch", {"run_id": "{run}", "metrics": None}), Ours("null is what is absent", 200)),
        post("runs/log-batch", {"metrics": []}),
        post("runs/log-batch", {}),
    ),
    started(
        "log-inputs: datasets",
        _input(_DATASET),
        get_run(),
        _input(_DATASET),
        _input(_DATASET, "evaluation"),
        get_run(),
        _input({"name": "other", "digest": "1", "source_type": "s3", "source": "s3://b/c"}, None),
        post("runs/log-inputs", {"run_id": "{run}"}),
        post("runs/log-inputs", {"run_id": "{run}", "datasets": []}),
        get_run(),
        post("runs/log-inputs", {"datasets": []}),
        post("runs/log-inputs", {"run_id": "{run}", "datasets": "x"}),
        refused(post("runs/log-inputs", {"run_id": "{run}", "datasets": [{}]})),
        refused(post("runs/log-inputs", {"run_id": "{run}", "datasets": [{"dataset": {}}]})),
        [refused(_input(_without(field))) for field in ("name", "digest", "source_type", "source")],
        [_input(_without(field)) for field in ("schema", "profile")],
        _input(_DATASET | {"name": "n" * 500, "digest": "d" * 36}),
        _input(_DATASET | {"name": "n" * 501}),
        _input(_DATASET | {"digest": "d" * 37}),
        _input(_DATASET | {"source": "s" * 65536}),
        _input(_DATASET, "c" * 500),
        _input(_DATASET, "c" * 501),
        post(
            "runs/log-inputs",
            {"run_id": "{run}", "datasets": [{"dataset": _DATASET, "tags": [{"key": "k" * 256, "value": "1"}]}]},
        ),
        post(
            "runs/log-inputs",
            {"run_id": "{run}", "datasets": [{"dataset": _DATASET, "tags": [{"key": "only key"}]}]},
        ),
    ),
    scenario(
        "datasets: one shared by two runs, and another of its name",
        experiment("shared datasets"),
        run(),
        _input(_DATASET | {"name": "first"}, "training"),
        _input(_DATASET | {"name": "first", "digest": "other"}, "validation"),
        run("run", name="second"),
        _input(_DATASET | {"name": "first"}, "testing"),
        _input(_DATASET | {"name": "first", "profile": "another"}),
        get_run(),
        post(AJAX + "experiments/search-datasets", {"experiment_ids": ["{exp}"]}),
        post(AJAX + "experiments/search-datasets", {"experiment_ids": []}),
        post(AJAX + "experiments/search-datasets", {"experiment_ids": [str(number) for number in range(21)]}),
    ),
    started(
        "log-model: the old way",
        post("runs/log-model", {"run_id": "{run}"}),
        post("runs/log-model", {"run_id": "{run}", "model_json": "no json"}),
        post("runs/log-model", {"run_id": "{run}", "model_json": '{"artifact_path": "m"}'}),
    ),
]
