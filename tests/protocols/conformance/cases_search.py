"""runs/search: the filter language, the order, pages and views."""

from __future__ import annotations

from typing import Any

from protocols.conformance.steps import *

NAMES = "runs.info.run_name"


def _data(name: str, digest: str, context: str) -> dict[str, Any]:
    return {
        "dataset": {"name": name, "digest": digest, "source_type": "local", "source": "/data"},
        "tags": [{"key": "mlflow.data.context", "value": context}],
    }


def _inputs(save: str, *data: dict[str, Any]) -> Step:
    return post("runs/log-inputs", {"run_id": f"{{{save}}}", "datasets": list(data)})


def some_runs(name: str) -> list[Step]:
    """An experiment of five runs and one that is deleted."""
    return [
        experiment(name),
        run("a", start_time=1000),
        batch(
            "a",
            metrics={"acc": 0.5, "loss": 1, "val/acc": 0.9},
            params={"lr": "0.1", "model": "CNN", "my param": "1"},
            tags={"env": "prod", "my tag": "x y"},
        ),
        post("runs/update", {"run_id": "{a}", "status": "FINISHED", "end_time": 2000}),
        _inputs("a", _data("weather", "d1", "training"), _data("stations", "d2", "validation")),
        run("b", start_time=2000, user_id="bob"),
        batch(
            "b",
            metrics={"acc": 0.75, "loss": "NaN", "val acc": 0.8},
            params={"lr": "0.01", "model": "cnn"},
            tags={"env": "dev"},
        ),
        post("runs/update", {"run_id": "{b}", "status": "FAILED", "end_time": 3000}),
        _inputs("b", _data("weather", "d3", "testing")),
        run("c", start_time=3000, tags=[{"key": "mlflow.parentRunId", "value": "{a}"}]),
        batch("c", metrics={"acc": "NaN", "a.b": 1}, params={"lr": "0.1", "quote": "it's", "percent": "50%_x"}),
        run("d", start_time=4000),
        batch("d", metrics={"loss": -2}, tags={"env": "Prod_1", "mlflow.note.content": "note"}),
        run("e", start_time=5000),
        batch("e", metrics=[("acc", 9, 1000, 0), ("acc", 0.25, 1000, 1)], params={"lr": "", "model": "RNN"}),
        run("f", start_time=6000),
        batch("f", metrics={"acc": 0.5}, params={"lr": "0.1"}),
        post("runs/delete", {"run_id": "{f}"}),
    ]


def find(text: Any = None, order: Any = None, **more: Any) -> Step:
    deliberate = more.pop("deliberate", None)
    body: dict[str, Any] = {"experiment_ids": ["{exp}"]}
    body |= {} if text is None else {"filter": text}
    body |= {} if order is None else {"order_by": order}
    return post("runs/search", body | more, only=NAMES, deliberate=deliberate)


_METRICS = [
    "metrics.acc > 0.5", "metrics.acc >= 0.5", "metrics.acc < 0.75", "metrics.acc <= 0.75", "metrics.acc = 0.5",
    "metrics.acc != 0.5", "metric.acc = 0.5", "metrics.acc > -1", "metrics.acc > 1e-3", "metrics.acc > .5",
    "metrics.acc>0.5", "metrics.acc = 9", "metrics.loss = -2", "metrics.loss < 0", "metrics.loss != 1",
    "metrics.none = 1", "metrics.none != 1", "metrics.`val/acc` > 0", 'metrics."val/acc" > 0',
    "metrics.`val acc` > 0", "metrics.val/acc > 0", "metrics.a.b = 1", "metrics.`a.b` = 1", "METRICS.acc > 0",
    "metrics.acc > '0.5'", "metrics.acc LIKE 1", "metrics.acc IS NULL", "metrics.acc IS NOT NULL",
    "metrics.acc = NaN", "metrics.acc = 'NaN'", "metrics.acc IN (1)", "metrics.acc > 0.5.5", "metrics.acc == 0.5",
    "metrics.acc > 1e400", "metrics.acc BETWEEN 0 AND 1", "metrics.acc <> 0.5", "0.5 < metrics.acc",
]  # fmt: skip
_PARAMS = [
    "params.lr = '0.1'", 'params.lr = "0.1"', "params.lr != '0.1'", "param.lr = '0.1'", "parameter.lr = '0.1'",
    "parameters.lr = '0.1'", "params.model = 'CNN'", "params.model = 'cnn'", "params.model LIKE 'C%'",
    "params.model ILIKE 'C%'", "params.model LIKE '%NN'", "params.model LIKE '_NN'", "params.model like 'C%'",
    "params.model ilike '%nn'", "params.`my param` = '1'", 'params."my param" = \'1\'',
    "params.quote = \"it's\"", "params.percent LIKE '50%'", "params.percent LIKE '50\\%%'", "params.lr = ''",
    "params.lr IS NULL", "params.lr IS NOT NULL", "params.model is null", "params.model Is Not Null",
    "params.none = '1'", "params.none != '1'", "params.lr = 0.1", "params.lr = lr", "params.lr > '0.1'",
    "params.lr IN ('0.1', '0.01')", "params.lr NOT LIKE '0%'", "params.lr = '0.1' ", "  params.lr='0.1'",
    "params.lr = `0.1`", "params.lr = '0.1", "params.lr", "params. = 'x'", "params = 'x'", "params.lr IS",
    "params.lr = null", "params.model LIKE '%'", "params.model LIKE ''", "params.model LIKE 5",
]  # fmt: skip
_TAGS = [
    "tags.env = 'prod'", "tag.env = 'prod'", "tags.env != 'prod'", "tags.env LIKE 'prod%'", "tags.env ILIKE 'prod%'",
    "tags.`my tag` = 'x y'", "tags.env IS NULL", "tags.env IS NOT NULL", "tags.mlflow.runName = 'a'",
    "tags.`mlflow.runName` = 'a'", 'tags."mlflow.runName" = \'a\'', "tags.mlflow.parentRunId = '{a}'",
    "tags.mlflow.note.content LIKE 'no%'", "tags.env > 'a'", "tags.env = 5", "tags.env IN ('prod')",
    "tags.none IS NULL", "tags.env = 'dev' AND tags.env = 'prod'",
]  # fmt: skip
_ATTRIBUTES = [
    "attributes.status = 'FINISHED'", "attribute.status = 'RUNNING'", "attr.status != 'RUNNING'",
    "run.status = 'FAILED'", "status = 'FINISHED'", "status LIKE 'F%'", "status = 'finished'", "status IN ('FAILED')",
    "run_name = 'a'", "attributes.run_name LIKE '%'", "attributes.`run name` = 'a'", "`run name` = 'a'",
    "attributes.`Run name` = 'a'", "`Run Name` = 'a'", "attributes.run_id = '{a}'", "run_id = '{a}'",
    "run_id IN ('{a}', '{b}')", "run_id NOT IN ('{a}', '{b}')", "attributes.run_id IN ('{a}')", "run_id IN ()",
    "run_id IN ('{a}', 5)", "run_id IN '{a}'", "run_id != '{a}'", "run_id LIKE '%'", "run_id in ('{a}')",
    "run_name IN ('a', 'b')", "start_time > 2000", "attributes.start_time >= 2000", "start_time = 3000",
    "start_time != 3000", "start_time <= 2000", "start_time < 2000", "attributes.created > 2000", "Created > 2000",
    "end_time > 0", "end_time = 2000", "end_time != 2000", "start_time > '2000'", "start_time > 1.5",
    "start_time LIKE '2'", "start_time = 'x'", "user_id = 'bob'", "artifact_uri LIKE '%{a}%'",
    "attributes.artifact_uri LIKE 'mlflow-artifacts:%'", "experiment_id = '1'", "lifecycle_stage = 'active'",
    "attributes.colour = 'red'", "colour = 'red'", "status > 'A'", "status IS NULL", "status = FINISHED",
    "status = 5", "run_uuid = '{a}'", "attributes.status.x = '1'",
]  # fmt: skip
_DATASETS = [
    "datasets.name = 'weather'", "dataset.name = 'weather'", "datasets.name != 'weather'",
    "datasets.name LIKE 'wea%'", "datasets.name ILIKE 'WEA%'", "datasets.digest = 'd1'",
    "datasets.name IN ('weather', 'stations')", "datasets.name NOT IN ('weather')", "datasets.digest IN ('d1', 'd3')",
    "datasets.context = 'training'", "datasets.context IN ('training', 'testing')", "datasets.context LIKE 't%'",
    "datasets.name = 'weather' AND datasets.digest = 'd1'", "datasets.name = 'stations' AND datasets.digest = 'd1'",
    "datasets.name = 'weather' AND datasets.context = 'training'", "datasets.colour = 'x'", "datasets.name > 'a'",
    "datasets.name = 5", "datasets.name IS NULL", "datasets.source = '/data'",
]  # fmt: skip
_JOINED = [
    "metrics.acc > 0 AND params.lr = '0.1'", "metrics.acc > 0 and params.lr = '0.1' And tags.env = 'prod'",
    "metrics.acc > 0.4 AND metrics.acc < 0.6", "params.lr = '0.1' AND params.model = 'CNN' AND status = 'FINISHED'",
    "metrics.acc > 0 AND metrics.loss IS NULL", "params.lr != '0.1' AND params.lr != '0.01'",
    "params.lr = '0.1' AND datasets.name = 'weather' AND metrics.acc = 0.5",
    "params.lr = '0.1' AND", "AND params.lr = '0.1'", "params.lr = '0.1' AND AND tags.env = 'prod'",
    "params.lr = '0.1' OR params.lr = '0.01'", "(params.lr = '0.1')", "(params.lr = '0.1' AND tags.env = 'prod')",
    "NOT params.lr = '0.1'", "params.lr = '0.1'; params.lr = '0.2'", "params.lr = '0.1' params.model = 'CNN'",
    "params.lr = '0.1', params.model = 'CNN'", "", " ", "nonsense", "acc > 0.5", "acc.x > 0.5", "metrics > 1",
    "metrics.acc", "= 1", "*", "params.lr = '0.1' -- comment", "1 = 1", "params.lr = '0.1'\nAND tags.env = 'prod'",
    "params.lr = 'a AND b'", "tags.env = 'prod' AND params.lr = '0.1' AND params.model LIKE 'C%' AND metrics.loss = 1",
]  # fmt: skip
_ORDERS = [
    ["metrics.acc"], ["metrics.acc ASC"], ["metrics.acc DESC"], ["metrics.loss"], ["metrics.loss DESC"],
    ["params.lr"], ["params.lr DESC"], ["params.model ASC", "metrics.acc DESC"], ["tags.env"], ["tags.env DESC"],
    ["start_time"], ["start_time DESC"], ["attributes.start_time ASC"], ["attribute.start_time"], ["end_time DESC"],
    ["end_time"], ["run_name"], ["run_name DESC"], ["`run name`"], ["attributes.`Run name` DESC"], ["Created"],
    ["status", "start_time"], ["params.lr", "start_time DESC"], ["metrics.`val/acc`"], ['metrics."val/acc" DESC'],
    ["metrics.`val acc` DESC"], ["metric.acc asc"], ["metrics.acc desc"], ["metrics.none"],
    ["metrics.none", "run_name"], ["user_id", "run_name"],
]  # fmt: skip
_BAD_ORDERS = [
    ["colour"], ["attributes.colour"], ["acc"], ["metrics.acc SIDEWAYS"], ["metrics.acc ASC DESC"], [""],
    ["metrics.acc, params.lr"], ["metrics"], ["datasets.name"], ["lifecycle_stage"], ["experiment_id"], ["run_uuid"],
]  # fmt: skip
# Texts that name the parser's tokens: ours says what is wrong in its own words.
_BROKEN = {
    "params.lr = '0.1", "params.lr", "params.lr IS",  "params.lr = '0.1' params.model = 'CNN'",
    "params.lr = '0.1', params.model = 'CNN'", "nonsense", "metrics.acc", "= 1", "*", "params.lr = '0.1' -- comment",
    "metrics.acc BETWEEN 0 AND 1", "metrics.acc > 0.5.5", "run_id IN '{a}'",
}  # fmt: skip


def _table(filters: list[str]) -> list[Step]:
    brackets = ("(", "NOT ")
    return [
        find(text, deliberate=BAD_CLAUSE if text.startswith(brackets) else BROKEN if text in _BROKEN else None)
        for text in filters
    ]


_MANY = [f"params.lr = '0.1' AND metrics.acc > {number}" for number in range(3)]

SEARCH: list[Scenario] = [
    scenario("runs/search: metrics", some_runs("search metrics"), _table(_METRICS)),
    scenario("runs/search: params", some_runs("search params"), _table(_PARAMS)),
    scenario("runs/search: tags", some_runs("search tags"), _table(_TAGS)),
    scenario("runs/search: attributes", some_runs("search attributes"), _table(_ATTRIBUTES)),
    scenario("runs/search: datasets", some_runs("search datasets"), _table(_DATASETS)),
    scenario("runs/search: several clauses, and none", some_runs("search clauses"), _table(_JOINED), _table(_MANY)),
    scenario(
        "runs/search: order",
        some_runs("search order"),
        [find(order=order) for order in (*_ORDERS, *_BAD_ORDERS)],
        find(
            order=["metrics.acc DESC", "metrics.acc ASC"],
            deliberate=rejects(message="`order_by` contains duplicate fields: ['metrics.acc DESC', 'metrics.acc ASC']"),
        ),
        find(order="metrics.acc"),
        find(order=[5]),
        find(order=[]),
        find("metrics.acc > 0", order=["params.lr DESC", "metrics.acc"]),
    ),
    scenario(
        "runs/search: ends that were sent",
        experiment("search ends"),
        run("a", start_time=1),
        run("b", start_time=2),
        post("runs/update", {"run_id": "{b}", "status": "FINISHED", "end_time": 2000}),
        run("c", start_time=3),
        post("runs/update", {"run_id": "{c}", "end_time": 4000}),
        run("d", start_time=4),
        post("runs/update", {"run_id": "{d}", "status": "FINISHED"}),
        [find(f"end_time {test}") for test in ("> 1000", "< 3000", "= 4000", "!= 4000", "> 0", "<= 4000")],
        find(order=["end_time"]),
        find(order=["end_time DESC"]),
    ),
    scenario(
        "runs/search: whole runs",
        some_runs("search whole"),
        post("runs/search", {"experiment_ids": ["{exp}"]}),
        post(AJAX + "runs/search", {"experiment_ids": ["{exp}"], "filter": "run_name = 'a'"}),
    ),
    scenario(
        "runs/search: views",
        some_runs("search views"),
        [find(run_view_type=view) for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3, "2")],
        [find(run_view_type=view) for view in ("SOME", "active_only", 0, 9, None)],
        find("lifecycle_stage = 'deleted'", run_view_type="ALL"),
        find("metrics.acc = 0.5", run_view_type="ALL"),
    ),
    scenario(
        "runs/search: pages",
        some_runs("search pages"),
        post("runs/search", {"experiment_ids": ["{exp}"], "max_results": 2}, save={"t": "next_page_token"}, only=NAMES),
        post(
            "runs/search",
            {"experiment_ids": ["{exp}"], "max_results": 2, "page_token": "{t}"},
            save={"t": "next_page_token"},
            only=NAMES,
        ),
        post("runs/search", {"experiment_ids": ["{exp}"], "max_results": 2, "page_token": "{t}"}, only=NAMES),
        post(
            "runs/search",
            {
                "experiment_ids": ["{exp}"], "max_results": 1, "order_by": ["metrics.acc DESC"],
                "filter": "params.lr != ''",
            },
            save={"u": "next_page_token"},
            only=NAMES,
        ),
        find("params.lr != ''", ["metrics.acc DESC"], max_results=1, page_token="{u}"),
        find(max_results=5),
        find(max_results=0),
        find(max_results=-1),
        find(max_results=50000),
        find(max_results=50001),
        find(max_results="2"),
        find(max_results="two"),
        find(max_results=1.5),
        find(max_results=None, deliberate=Ours("null is what is absent", 200)),
        find(page_token=""),
        find(page_token="nonsense", deliberate=BAD_TOKEN),
        find(page_token="eyJvZmZzZXQiOiAieCJ9", deliberate=BAD_TOKEN),
        find(page_token=5),
    ),
    scenario(
        "runs/search: experiments",
        experiment("search in one", "one"),
        experiment("search in two", "two"),
        run("a", "one", start_time=1),
        run("b", "two", start_time=2),
        [
            post("runs/search", {"experiment_ids": ids}, only=NAMES)
            for ids in (
                ["{one}"], ["{one}", "{two}"], ["{two}", "{one}"], ["{one}", "{one}"], ["{one}", "999999999"],
                ["999999999"], [], ["abc"], "abc", None, [""],
            )
        ],
        post("runs/search", {}, only=NAMES),
        post("runs/search", {"experiment_ids": ["{one}"], "filter": 5}, only=NAMES),
        post("experiments/delete", {"experiment_id": "{two}"}),
        post("runs/search", {"experiment_ids": ["{one}", "{two}"]}, only=NAMES),
        post("runs/search", {"experiment_ids": ["{one}", "{two}"], "run_view_type": "ALL"}, only=NAMES),
        get("runs/search", {"experiment_ids": ["{one}"]}, deliberate=Ours(NO_ROUTE, 405)),
    ),
]  # fmt: skip
