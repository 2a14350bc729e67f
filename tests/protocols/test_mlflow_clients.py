"""What people run today, unmodified: MLflow's fluent API, autologging, Lightning's and Optuna's loggers.

Each is a script of its own, run in its own process with MLFLOW_TRACKING_URI set, and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.asking import Asked
from server.conftest import running

pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.real, pytest.mark.slow]
pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    store = tmp_path_factory.mktemp("served") / ".anew"
    with running(store) as (address, process):
        yield Asked(address, store, process)


def run(server: Asked, folder: Path, script: str) -> Any:
    """Run a script against the server; returns the JSON on its last line."""
    path = folder / "script.py"
    path.write_text("import json, warnings\nwarnings.simplefilter('ignore')\n" + textwrap.dedent(script))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANEW_", "MLFLOW_"))}
    environ |= {
        "MLFLOW_TRACKING_URI": server.address,
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_the_fluent_api(server: Asked, tmp_path: Path) -> None:
    found = run(server, tmp_path, """
        import mlflow, pandas as pd
        mlflow.set_experiment("fluent")
        with mlflow.start_run(run_name="outer", tags={"team": "vision"}, description="why") as outer:
            mlflow.log_params({"lr": 1e-3, "deep": True, "name": "x", "none": None})
            for step in range(5):
                mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 5}, step=step)
            mlflow.log_metric("bad", float("nan")); mlflow.log_metric("far", float("inf"))
            mlflow.log_text("hi", "notes/a b.txt"); mlflow.log_dict({"k": [1]}, "d.json")
            mlflow.log_table({"x": [1, 2]}, "t.json")
            import matplotlib; matplotlib.use("Agg"); import matplotlib.pyplot as plt
            figure, axes = plt.subplots(); axes.plot([1, 2]); mlflow.log_figure(figure, "f.png")
            import numpy as np; mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "i.png")
            frame = pd.DataFrame({"a": [1, 2], "y": [0, 1]})
            mlflow.log_input(mlflow.data.from_pandas(frame, name="train", targets="y"), context="training")
            with mlflow.start_run(nested=True) as inner:
                mlflow.log_param("inner", 1)
        client = mlflow.MlflowClient()
        one = client.get_run(outer.info.run_id)
        table = mlflow.search_runs(experiment_names=["fluent"],
                                   filter_string="params.lr = '0.001' and metrics.acc > 0.5")
        nested = mlflow.search_runs(experiment_names=["fluent"],
                                    filter_string=f"tags.`mlflow.parentRunId` = '{outer.info.run_id}'")
        with_data = mlflow.search_runs(experiment_names=["fluent"], filter_string="datasets.name = 'train'")
        client.delete_run(inner.info.run_id)
        gone = [len(mlflow.search_runs(experiment_names=["fluent"], run_view_type=kind)) for kind in (1, 2, 3)]
        client.restore_run(inner.info.run_id)
        with mlflow.start_run(run_id=outer.info.run_id):
            mlflow.log_metric("late", 1)
        print(json.dumps({
            "params": one.data.params, "acc": one.data.metrics["acc"], "nan": str(one.data.metrics["bad"]),
            "inf": str(one.data.metrics["far"]), "tags": one.data.tags["team"], "rows": len(table),
            "nested": len(nested),
            "data": len(with_data), "gone": gone,
            "history": [m.value for m in client.get_metric_history(one.info.run_id, "acc")],
            "files": sorted(f.path for f in client.list_artifacts(one.info.run_id)),
            "text": mlflow.artifacts.load_text(one.info.artifact_uri + "/notes/a b.txt"),
            "table": len(mlflow.load_table("t.json", run_ids=[one.info.run_id])),
            "status": client.get_run(one.info.run_id).info.status, "id": one.info.run_id,
            "dataset": one.inputs.dataset_inputs[0].dataset.name, "why": one.data.tags["mlflow.note.content"],
        }))
        """)  # fmt: skip
    assert found["params"] == {"lr": "0.001", "deep": "True", "name": "x", "none": "None"}
    assert (found["acc"], found["nan"], found["inf"], found["tags"]) == (0.8, "nan", "inf", "vision")
    assert (found["rows"], found["nested"], found["data"], found["gone"]) == (1, 1, 1, [1, 1, 2])
    assert found["history"] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert {"d.json", "f.png", "i.png", "notes", "t.json"} <= set(found["files"])
    assert (found["text"], found["table"], found["status"]) == ("hi", 2, "FINISHED")
    assert (found["dataset"], found["why"]) == ("train", "why")
    # What one door writes every other door shows.
    document = server("GET", f"/api/v1/runs/{found['id']}").json
    assert (document["config"]["lr"], document["config"]["deep"], document["notes"]) == (0.001, True, "why")
    assert document["project"] == "fluent" and document["metrics"]["acc"] == 0.8


def test_autologging_a_grid_search_and_the_registry(server: Asked, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    found = run(server, tmp_path, """
        import mlflow, mlflow.sklearn
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import GridSearchCV
        mlflow.set_experiment("auto"); mlflow.sklearn.autolog(max_tuning_runs=3)
        X, y = load_iris(return_X_y=True)
        with mlflow.start_run() as r:
            grid = {"n_estimators": [3, 5], "max_depth": [2, 3]}
            search = GridSearchCV(RandomForestClassifier(random_state=0), grid, cv=2)
            search.fit(X, y)
        runs = mlflow.search_runs(experiment_names=["auto"])
        loaded = mlflow.sklearn.load_model(f"runs:/{r.info.run_id}/best_estimator")
        client = mlflow.MlflowClient()
        version = mlflow.register_model(f"runs:/{r.info.run_id}/best_estimator", "iris")
        client.set_registered_model_alias("iris", "champion", version.version)
        client.transition_model_version_stage("iris", version.version, "Production")
        again = [mlflow.sklearn.load_model(uri) for uri in
                 (f"models:/iris/{version.version}", "models:/iris@champion", "models:/iris/Production",
                  "models:/iris/latest")]
        expected = search.best_estimator_.predict(X).tolist()
        print(json.dumps({"children": len(runs) - 1,
                          "same": [m.predict(X).tolist() == expected for m in [loaded, *again]],
                          "models": len(mlflow.search_logged_models(output_format="list")),
                          "versions": len(client.search_model_versions("name = 'iris'"))}))
        """)  # fmt: skip
    assert found["children"] == 3 and found["same"] == [True] * 5
    assert found["models"] >= 2 and found["versions"] == 1
    model = server("GET", "/api/v1/models/iris").json
    assert model["name"] == "iris"
    actions = [
        e["body"]["action"] for e in server("GET", "/api/v1/ledger?limit=1000").json["entries"] if e["kind"] == "model"
    ]
    assert "create" in actions and len(actions) >= 4


def test_lightning(server: Asked, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    found = run(server, tmp_path, """
        import logging, torch, mlflow, lightning as L
        from lightning.pytorch.loggers import MLFlowLogger
        logging.getLogger("lightning").setLevel(logging.ERROR)
        class Net(L.LightningModule):
            def __init__(self, lr=0.1):
                super().__init__(); self.save_hyperparameters(); self.layer = torch.nn.Linear(4, 1)
            def training_step(self, batch, index):
                loss = self.layer(batch[0]).pow(2).mean(); self.log("train_loss", loss); return loss
            def configure_optimizers(self): return torch.optim.SGD(self.parameters(), self.hparams.lr)
        import os
        logger = MLFlowLogger(experiment_name="lightning", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(32, 4)), batch_size=8)
        L.Trainer(max_epochs=2, logger=logger, log_every_n_steps=1, enable_progress_bar=False,
                  enable_checkpointing=False,
                  enable_model_summary=False, accelerator="cpu").fit(Net(), data)
        one = mlflow.get_run(logger.run_id)
        print(json.dumps({"lr": one.data.params["lr"], "status": one.info.status,
                          "points": len(mlflow.MlflowClient().get_metric_history(logger.run_id, "train_loss"))}))
        """)  # fmt: skip
    assert found == {"lr": "0.1", "status": "FINISHED", "points": 8}


def test_optuna(server: Asked, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("optuna_integration")
    found = run(server, tmp_path, """
        import os, optuna, mlflow
        from optuna_integration.mlflow import MLflowCallback
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        callback = MLflowCallback(tracking_uri=os.environ["MLFLOW_TRACKING_URI"], metric_name="score")
        study = optuna.create_study(study_name="optuna", sampler=optuna.samplers.RandomSampler(seed=0))
        study.optimize(lambda t: (t.suggest_float("x", -1, 1) - 0.5) ** 2, n_trials=4, callbacks=[callback])
        best = mlflow.search_runs(experiment_names=["optuna"], order_by=["metrics.score ASC"])
        print(json.dumps({"runs": len(best), "same": bool(abs(best["metrics.score"][0] - study.best_value) < 1e-12)}))
        """)  # fmt: skip
    assert found == {"runs": 4, "same": True}


def test_evaluation_datasets(server: Asked, tmp_path: Path) -> None:
    found = run(server, tmp_path, """
        import mlflow, pandas as pd
        from mlflow.genai import datasets
        from mlflow.genai.scorers import scorer

        @scorer
        def exact(outputs, expectations):
            return outputs == expectations["expected_response"]

        @mlflow.trace
        def answer(question):
            return question.upper()

        here = mlflow.set_experiment("judged").experiment_id
        there = mlflow.create_experiment("judged elsewhere")
        data = datasets.create_dataset(name="questions", experiment_id=here, tags={"team": "vision"})
        data.merge_records([{"inputs": {"question": f"q{n}"}, "expectations": {"expected_response": f"Q{n}"}}
                            for n in range(3)])
        data.merge_records(pd.DataFrame([{"inputs": {"question": "q0"}, "expectations": {"more": True}}]))
        result = mlflow.genai.evaluate(data=data, predict_fn=answer, scorers=[exact])
        used = mlflow.get_run(result.run_id).inputs.dataset_inputs[0].dataset
        traced = datasets.create_dataset(name="traced", experiment_id=here)
        traced.merge_records(mlflow.search_traces(experiment_ids=[here]))
        again = datasets.get_dataset(name="questions")
        table = again.to_df().sort_values("created_time", kind="stable")
        datasets.set_dataset_tags(dataset_id=again.dataset_id, tags={"stage": "gold"})
        datasets.delete_dataset_tag(dataset_id=again.dataset_id, key="team")
        names = {"dataset_id": again.dataset_id}
        moved = [datasets.add_dataset_to_experiments(**names, experiment_ids=[there]).experiment_ids,
                 datasets.remove_dataset_from_experiments(**names, experiment_ids=[here]).experiment_ids]
        removed = again.delete_records([again.to_df()["dataset_record_id"][0]])
        left = len(again.to_df())
        named = [d.name for d in datasets.search_datasets(experiment_ids=there, filter_string="tags.stage = 'gold'")]
        tags = datasets.get_dataset(dataset_id=again.dataset_id).tags
        datasets.delete_dataset(dataset_id=again.dataset_id)
        print(json.dumps({
            "score": result.metrics["exact/mean"], "used": [used.name, used.source_type],
            "expected": table["expectations"].tolist(), "sources": table["source_type"].tolist(),
            "traced": sorted(traced.to_df()["outputs"]), "by": again.last_updated_by is not None,
            "moved": moved == [[here, there], [there]],
            "removed": removed, "left": left, "named": named, "stage": tags.get("stage"), "team": tags.get("team"),
            "after": [d.name for d in datasets.search_datasets(experiment_ids=[here, there])],
        }))
        """)  # fmt: skip
    assert found == {
        "score": 1.0, "used": ["questions", "mlflow_evaluation_dataset"],
        "expected": [{"expected_response": "Q0", "more": True}, {"expected_response": "Q1"},
                     {"expected_response": "Q2"}],
        "sources": ["HUMAN"] * 3, "traced": ["Q0", "Q1", "Q2"], "by": True, "moved": True,
        "removed": 1, "left": 2, "named": ["questions"], "stage": "gold", "team": None, "after": ["traced"],
    }  # fmt: skip
