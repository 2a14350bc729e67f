"""Logged models: create, finish, params, tags, metrics, search, delete; and the runs they come from and go into."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_runs import NO_RUN
from protocols.conformance.steps import *

NO_MODEL = "m-" + "0" * 32
NAMES = "models.info.name"


def model(save: str = "model", exp: str = "exp", *, name: str | None = None, **more: Any) -> Step:
    """Create a logged model and save its id; it is named after the word it is saved under."""
    body = {"experiment_id": f"{{{exp}}}", "name": name or save, **more}
    return post("logged-models", body, save={save: "model.info.model_id"})


def get_model(save: str = "model") -> Step:
    return get(f"logged-models/{{{save}}}")


def _finish(status: Any, save: str = "model", **more: Any) -> Step:
    return patch(f"logged-models/{{{save}}}", {"model_id": f"{{{save}}}", "status": status}, **more)


def _pairs(**items: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in items.items()]


def _scores(save: str, run_save: str = "run", **scores: float) -> list[Step]:
    return [
        post(
            "runs/log-metric",
            {
                "run_id": f"{{{run_save}}}", "key": key, "value": value, "timestamp": 1000, "step": 1,
                "model_id": f"{{{save}}}",
            },
        )
        for key, value in scores.items()
    ]  # fmt: skip


def find(text: Any = None, order: list[dict[str, Any]] | None = None, **more: Any) -> Step:
    body: dict[str, Any] = {"experiment_ids": ["{exp}"]}
    body |= {} if text is None else {"filter": text}
    body |= {} if order is None else {"order_by": order}
    return post("logged-models/search", body | more, only=NAMES)


def _some(name: str) -> list[Step]:
    return [
        experiment(name),
        run(),
        *[
            Step(
                "POST",
                "/api/2.0/mlflow/logged-models",
                body={"experiment_id": "{exp}", "name": word, "source_run_id": "{run}", **more},
                save={word: "model.info.model_id"},
                wait_s=0.02,
            )
            for word, more in (
                ("a", {"model_type": "sklearn", "params": _pairs(lr="0.1"), "tags": _pairs(env="prod")}),
                ("b", {"model_type": "torch", "params": _pairs(lr="0.01", deep="yes"), "tags": _pairs(env="dev")}),
                ("c", {"params": _pairs(lr="0.1")}),
                ("gone", {}),
            )
        ],
        *_scores("a", acc=0.5, loss=1),
        *_scores("b", acc=0.75),
        post(
            "runs/log-metric",
            {
                "run_id": "{run}", "key": "rmse", "value": 2, "timestamp": 1, "step": 0, "model_id": "{a}",
                "dataset_name": "weather", "dataset_digest": "d1",
            },
        ),
        post(
            "runs/log-metric",
            {
                "run_id": "{run}", "key": "rmse", "value": 1, "timestamp": 1, "step": 0, "model_id": "{b}",
                "dataset_name": "weather", "dataset_digest": "d2",
            },
        ),
        _finish("LOGGED_MODEL_READY", "a"),
        _finish("LOGGED_MODEL_UPLOAD_FAILED", "b"),
        delete("logged-models/{gone}"),
    ]  # fmt: skip


_FILTERS = [
    "name = 'a'", "name != 'a'", "name LIKE 'a%'", "name ILIKE 'A'", "name IN ('a', 'b')", "name NOT IN ('a')",
    "attributes.name = 'a'", "attribute.name = 'a'", "model_id = '{a}'", "model_id IN ('{a}', '{b}')",
    "model_type = 'torch'", "model_type != 'torch'", "source_run_id = '{run}'", "experiment_id = '{exp}'",
    "creation_timestamp > 0", "creation_timestamp_ms > 0", "last_updated_timestamp > 0", "creation_time > 0",
    "creation_timestamp < 5", "params.lr = '0.1'", "params.lr != '0.1'", "params.lr LIKE '0.0%'", "params.deep = 'yes'",
    "tags.env = 'prod'", "tags.env != 'prod'", "tags.env ILIKE 'PR%'", "metrics.acc > 0.5", "metrics.acc >= 0.5",
    "metrics.acc = 0.75", "metrics.acc != 0.5", "metrics.none > 0", "metrics.rmse > 0", "metrics.`acc` < 0.6",
    "name = 'a' AND metrics.acc > 0", "params.lr = '0.1' AND tags.env = 'prod'", "name = 'a' OR name = 'b'",
    "(name = 'a')", "name", "params.lr > '1'", "metrics.acc LIKE '1'", "name = 'a' AND", "name > 'a'", "",
    "artifact_location LIKE '%'", "lifecycle_stage = 'active'", "params.lr IN ('0.1')", "tags.env IN ('prod')",
]  # fmt: skip
_REFUSED = ["name = a", "name = 5", "tags.env = 5", "colour = 'x'", "metrics.acc > '1'"]
# MLflow keeps a status as a number and compares it with the text, and a digest that is not asked for with NULL.
_FIXED = [
    ("tags.env IS NULL", ["c"]), ("status = 'READY'", ["a"]), ("status = 'PENDING'", ["c"]),
    ("status = 'FAILED'", ["b"]), ("status != 'READY'", ["b", "c"]),
]  # fmt: skip
_FOUND = "what the filter says is found"
_ORDERS: list[list[tuple[str, bool | None]]] = [
    [("name", True)], [("name", False)], [("creation_timestamp", True)], [("creation_timestamp", False)],
    [("creation_time", True)], [("creation_timestamp_ms", True)], [("last_updated_timestamp", True)],
    [("metrics.acc", True)], [("metrics.acc", False)], [("metrics.none", True)], [("metrics.rmse", True)],
    [("params.lr", True)], [("params.lr", False), ("name", True)], [("tags.env", True)],
    [("status", True), ("name", True)], [("model_type", True)], [("colour", True)], [("attributes.name", True)],
    [("", True)], [("name", None)],
]  # fmt: skip


def _order(keys: list[tuple[str, bool | None]]) -> list[dict[str, Any]]:
    return [
        {"field_name": name} if ascending is None else {"field_name": name, "ascending": ascending}
        for name, ascending in keys
    ]


MODELS: list[Scenario] = [
    scenario(
        "model: create and get",
        experiment("model: create and get"),
        run(),
        model(),
        get_model(),
        get(AJAX + "logged-models/{model}"),
        model(
            "full", model_type="sklearn", source_run_id="{run}", params=_pairs(b="2", a="1"), tags=_pairs(t="1", u="")
        ),
        get_model("full"),
        post("logged-models", {"experiment_id": "{exp}"}),
        model("twin", name="model"),
        get_run(),
    ),
    scenario(
        "model: create with bad values",
        experiment("model: create with bad values"),
        post("logged-models", {}),
        post("logged-models", {"experiment_id": ""}),
        post("logged-models", {"experiment_id": "999999999"}),
        post("logged-models", {"experiment_id": "abc"}),
        post("logged-models", {"experiment_id": 5}),
        [
            post("logged-models", {"experiment_id": "{exp}", "name": name})
            for name in ("a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "", " ", "ümläut", "n" * 256, "n" * 257, 5)
        ],
        post("logged-models", {"experiment_id": "{exp}", "source_run_id": NO_RUN}),
        post("logged-models", {"experiment_id": "{exp}", "source_run_id": "not a run"}),
        post("logged-models", {"experiment_id": "{exp}", "params": "x"}),
        post("logged-models", {"experiment_id": "{exp}", "tags": "x"}),
        post("logged-models", {"experiment_id": "{exp}", "model_type": 5}),
        post("logged-models", {"experiment_id": "{exp}", "params": _pairs(k="v" * 6001)}),
        post("logged-models", {"experiment_id": "{exp}", "params": [{"key": "k" * 256, "value": "v"}]}),
        post("logged-models", {"experiment_id": "{exp}", "tags": [{"key": "k" * 256, "value": "v"}]}),
        post("logged-models", {"experiment_id": "{exp}", "tags": _pairs(k="v" * 8001)}),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        post("logged-models", {"experiment_id": "{exp}"}),
    ),
    scenario(
        "model: the same key twice",
        experiment("model: the same key twice"),
        instead(
            post("logged-models", {"experiment_id": "{exp}", "params": [*_pairs(a="1"), *_pairs(a="2")]}),
            Ours("the last one counts, as in runs/log-batch", 200),
        ),
        instead(
            post("logged-models", {"experiment_id": "{exp}", "tags": [*_pairs(a="1"), *_pairs(a="2")]}),
            Ours("the last one counts, as in runs/log-batch", 200),
        ),
    ),
    scenario(
        "model: finish",
        experiment("model: finish"),
        model(),
        _finish("LOGGED_MODEL_READY"),
        get_model(),
        _finish("LOGGED_MODEL_UPLOAD_FAILED"),
        _finish("LOGGED_MODEL_PENDING"),
        _finish(2),
        [refused(_finish(status)) for status in ("READY", "done")],
        _finish(""),
        refused(_finish(0)),
        instead(_finish(9), rejects(code=None)),
        _finish(None),
        patch("logged-models/{model}", {"status": "LOGGED_MODEL_READY"}),
        patch("logged-models/{model}", {"model_id": "{model}"}),
        patch("logged-models/{model}", {}),
        patch("logged-models/" + NO_MODEL, {"model_id": NO_MODEL, "status": "LOGGED_MODEL_READY"}),
        instead(
            patch("logged-models/" + NO_MODEL, {"model_id": "{model}", "status": "LOGGED_MODEL_UPLOAD_FAILED"}),
            rejects(code=None, status=404, rule="the model that the path names is meant"),
        ),
    ),
    scenario(
        "model: ids that are none",
        [get("logged-models/" + text) for text in (NO_MODEL, "m-1", "x", "a%20b")],
        delete("logged-models/" + NO_MODEL),
        patch(f"logged-models/{NO_MODEL}/tags", {"tags": _pairs(a="1")}),
        delete(f"logged-models/{NO_MODEL}/tags/a"),
        post(f"logged-models/{NO_MODEL}/params", {"model_id": NO_MODEL, "params": _pairs(a="1")}),
        get(f"logged-models/{NO_MODEL}/artifacts/directories"),
        get("logged-models/", deliberate=Ours(NO_ROUTE, 404)),
        get("logged-models", deliberate=Ours(NO_ROUTE, 405)),
    ),
    scenario(
        "model: tags",
        experiment("model: tags"),
        model(),
        patch("logged-models/{model}/tags", {"tags": _pairs(a="1", b="2")}),
        patch("logged-models/{model}/tags", {"model_id": "{model}", "tags": _pairs(a="3")}),
        get_model(),
        delete("logged-models/{model}/tags/a"),
        delete("logged-models/{model}/tags/a"),
        patch("logged-models/{model}/tags", {"tags": [{"key": "with space", "value": "x"}]}),
        delete("logged-models/{model}/tags/with%20space"),
        patch("logged-models/{model}/tags", {"tags": []}),
        patch("logged-models/{model}/tags", {}),
        patch("logged-models/{model}/tags", {"tags": "x"}),
        patch("logged-models/{model}/tags", {"tags": [{"key": "k" * 256, "value": "1"}]}),
        patch("logged-models/{model}/tags", {"tags": _pairs(long="v" * 8001)}),
        get_model(),
        patch("logged-models/{model}/tags", {"tags": [{"key": "with / slash", "value": "x"}]}),
        delete("logged-models/{model}/tags/with%20%2F%20slash", deliberate=Ours("a key may hold a slash", 200)),
        refused(patch("logged-models/{model}/tags", {"tags": [{"value": "x"}]})),
    ),
    scenario(
        "model: params",
        experiment("model: params"),
        model(params=_pairs(a="1")),
        post("logged-models/{model}/params", {"model_id": "{model}", "params": _pairs(b="2")}),
        get_model(),
        post("logged-models/{model}/params", {"model_id": "{model}", "params": []}),
        post("logged-models/{model}/params", {"model_id": "{model}"}),
        post("logged-models/{model}/params", {"params": _pairs(c="3")}),
        post("logged-models/{model}/params", {"model_id": "{model}", "params": "x"}),
        instead(
            post("logged-models/{model}/params", {"model_id": "{model}", "params": _pairs(b="other")}),
            rejects(code=None, rule=NOT_OURS),
        ),
        get_model(),
    ),
    scenario(
        "model: delete",
        experiment("model: delete"),
        model(),
        delete("logged-models/{model}"),
        get_model(),
        get("logged-models/{model}", {"allow_deleted": "true"}),
        get("logged-models/{model}", {"allow_deleted": "false"}),
        delete("logged-models/{model}"),
        _finish("LOGGED_MODEL_READY"),
        patch("logged-models/{model}/tags", {"tags": _pairs(a="1")}),
        find(),
    ),
    scenario(
        "model: metrics",
        experiment("model: metrics"),
        run(),
        model(source_run_id="{run}"),
        _scores("model", acc=0.5),
        post(
            "runs/log-batch",
            {
                "run_id": "{run}",
                "metrics": [
                    {"key": "acc", "value": 0.75, "timestamp": 1001, "step": 2, "model_id": "{model}"},
                    {
                        "key": "rmse",
                        "value": 2,
                        "timestamp": 1001,
                        "step": 0,
                        "model_id": "{model}",
                        "dataset_name": "weather",
                        "dataset_digest": "d1",
                    },
                    {"key": "of the run", "value": 1, "timestamp": 1001, "step": 0},
                ],
            },
        ),
        get_model(),
        get_run(),
        get("metrics/get-history", {"run_id": "{run}", "metric_key": "acc"}),
        instead(
            post(
                "runs/log-metric",
                {"run_id": "{run}", "key": "acc", "value": 1, "timestamp": 1, "model_id": NO_MODEL},
            ),
            rejects("RESOURCE_DOES_NOT_EXIST", 404, NOT_OURS),
        ),
    ),
    scenario(
        "model: outputs and inputs of runs",
        experiment("model: outputs and inputs of runs"),
        run(),
        run("user"),
        model(source_run_id="{run}"),
        post("runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 3}]}),
        get_run(),
        instead(
            post("runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 3}]}),
            Ours("what is so already may be said again", 200),
        ),
        get_run(),
        post("runs/log-inputs", {"run_id": "{user}", "models": [{"model_id": "{model}"}]}),
        get_run("user"),
        post("runs/outputs", {"run_id": "{run}", "models": []}),
        post("runs/outputs", {"run_id": "{run}"}),
        post("runs/outputs", {"models": [{"model_id": "{model}", "step": 3}]}),
        post("runs/outputs", {"run_id": NO_RUN, "models": [{"model_id": "{model}", "step": 3}]}),
        post("runs/outputs", {"run_id": "{run}", "models": "x"}),
        post("runs/delete", {"run_id": "{run}"}),
        post("runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 9}]}),
    ),
    scenario(
        "model: artifacts",
        experiment("model: artifacts"),
        model(),
        get("logged-models/{model}/artifacts/directories"),
        put(FILES + "/{exp}/models/{model}/artifacts/MLmodel", b"flavors: {}\n"),
        put(FILES + "/{exp}/models/{model}/artifacts/data/weights", b"w"),
        get(FILES + "/{exp}/models/{model}/artifacts/MLmodel"),
        get("logged-models/{model}/artifacts/directories"),
        get("logged-models/{model}/artifacts/directories", {"artifact_directory_path": "data"}),
        get("logged-models/{model}/artifacts/directories", {"artifact_directory_path": "../x"}),
        get(FILES, {"path": "{exp}/models/{model}/artifacts"}),
        get(AJAX + "logged-models/{model}/artifacts/files", {"artifact_file_path": "MLmodel"}),
        get(AJAX + "logged-models/{model}/artifacts/files"),
        get(AJAX + "logged-models/{model}/artifacts/files", {"artifact_file_path": "../x"}),
    ),
    scenario(
        "logged-models/search: filters",
        _some("models filters"),
        [find(text, order=_order([("name", True)])) for text in _FILTERS],
        [instead(find(text), rejects(code=None)) for text in _REFUSED],
        [
            instead(find(text, order=_order([("name", True)])), Ours(_FOUND, 200, body={"models": names}))
            for text, names in _FIXED
        ],
    ),
    scenario(
        "logged-models/search: order",
        _some("models order"),
        [find(order=_order(keys)) for keys in _ORDERS],
        find(order=[{"field_name": "metrics.rmse", "ascending": True, "dataset_name": "weather"}]),
        find(
            order=[
                {
                    "field_name": "metrics.rmse",
                    "ascending": False,
                    "dataset_name": "weather",
                    "dataset_digest": "d1",
                }
            ]
        ),
        find(order=[{"field_name": "name", "ascending": True, "dataset_name": "weather"}]),
        find(order=[{"field_name": "metrics.rmse", "ascending": True, "dataset_digest": "d1"}]),
        find(order=[{"ascending": True}]),
        find(),
    ),
    scenario(
        "logged-models/search: datasets",
        _some("models datasets"),
        instead(find(datasets=[{"dataset_name": "weather"}]), Ours(_FOUND, 200, body={"models": ["b", "a"]})),
        find(datasets=[{"dataset_name": "weather", "dataset_digest": "d1"}]),
        find(datasets=[{"dataset_name": "none"}]),
        instead(
            find("metrics.rmse > 1.5", datasets=[{"dataset_name": "weather"}]),
            Ours(_FOUND, 200, body={"models": ["a"]}),
        ),
        find("metrics.acc > 0", datasets=[{"dataset_name": "weather"}]),
        find(datasets=[{"dataset_digest": "d1"}]),
        find(datasets=[{}]),
        find(datasets="x"),
    ),
    scenario(
        "logged-models/search: whole models",
        _some("models whole"),
        post("logged-models/search", {"experiment_ids": ["{exp}"], "order_by": _order([("name", True)])}),
    ),
    scenario(
        "logged-models/search: pages",
        _some("models pages"),
        post(
            "logged-models/search",
            {"experiment_ids": ["{exp}"], "max_results": 2},
            save={"t": "next_page_token"},
            only=NAMES,
        ),
        find(max_results=2, page_token="{t}"),
        instead(find("name = 'a'", max_results=2, page_token="{t}"), BAD_TOKEN),
        instead(find(max_results=2, page_token="nonsense"), BAD_TOKEN),
        find(max_results=3),
        find(max_results=0),
        instead(find(max_results=-1), rejects(code=None)),
        find(max_results=1000),
        find(max_results="2"),
        find(max_results="x"),
        post("logged-models/search", {}),
        post("logged-models/search", {"experiment_ids": []}),
        post("logged-models/search", {"experiment_ids": ["999999999"]}),
        post("logged-models/search", {"experiment_ids": "x"}),
    ),
]
