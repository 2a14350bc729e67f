"""Trains and saves one of everything: python make_outputs.py FOLDER SEED."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import sqlite3
import sys
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")


def with_sklearn(x, y, seed):
    import joblib
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(n_estimators=4, random_state=seed).fit(x, y)
    joblib.dump(forest, "forest.joblib")
    joblib.dump(forest, "forest_z.joblib", compress=3)
    joblib.dump(forest, "forest_lzma.joblib", compress=("xz", 3))
    joblib.dump({"c": x, "f": np.asfortranarray(x), "o": np.array([1, "a", None], object)}, "arrays.joblib")
    search = GridSearchCV(RandomForestClassifier(n_estimators=3, random_state=seed), {"max_depth": [1, 2]}, cv=2)
    search.fit(x, y)
    joblib.dump(search, "search.joblib")
    Path("search.pkl").write_bytes(pickle.dumps(search))
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(x + seed * 1e-3, y)
    Path("pipe.pkl").write_bytes(pickle.dumps(pipe, protocol=2))
    Path("hist.pkl").write_bytes(pickle.dumps(HistGradientBoostingClassifier(max_iter=3, random_state=seed).fit(x, y)))
    import pandas as pd

    pd.DataFrame(search.cv_results_).to_csv("cv.csv")
    Path("page.html").write_text(RandomForestClassifier(max_depth=3 + seed)._repr_html_())


def with_torch(seed):
    import torch

    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    adam = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(3):
        net(torch.rand(8, 5)).square().sum().backward()
        adam.step()
    torch.save(net.state_dict(), "state.pt")
    torch.save(net, "module.pt")
    torch.save(
        {"model": net.state_dict(), "optimizer": adam.state_dict(), "time_s": time.process_time()}, "checkpoint.pth"
    )
    torch.save(net.state_dict(), "old.pt", _use_new_zipfile_serialization=False)
    torch.save(net.state_dict()["0.weight"][1:, ::2].to(torch.bfloat16), "view.pt")


def with_boosters(x, y, seed):
    import lightgbm
    import xgboost

    params = {"nthread": 1, "seed": seed, "subsample": 0.5, "objective": "binary:logistic"}
    booster = xgboost.train(params, xgboost.DMatrix(x, y), 3)
    booster.save_model("xgb.json")
    booster.save_model("xgb.ubj")
    Path("xgb.pkl").write_bytes(pickle.dumps(booster))
    params = {
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
        "seed": seed,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
    }
    lightgbm.train(params, lightgbm.Dataset(x, y), 3).save_model("lgb.txt")


def with_pandas(x):
    import pandas as pd

    frame = pd.DataFrame(
        {"a": x[:, 0], "s": [f"r{v:.3f}" for v in x[:, 1]], "k": pd.Categorical(["u", "v"] * (len(x) // 2))}
    )
    frame.loc[3, "a"] = np.nan
    frame.to_csv("frame.csv", index=False)
    frame.to_csv("frame.csv.gz", index=False)
    frame.to_parquet("frame.parquet")
    frame.to_feather("frame.feather")
    frame.to_pickle("frame.pkl")


def with_matplotlib(x):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot(x[:, 0])
    ax.hist(x[:, 1])
    fig.savefig("fig.png", dpi=40, metadata={"Creation Time": time.strftime("%H:%M:%S")})
    for suffix in ("pdf", "svg", "ps"):
        fig.savefig(f"fig.{suffix}")


def plain(x, seed):
    np.save("x.npy", x)
    np.savez("x.npz", x=x, y=x > 0)
    np.savez_compressed("xc.npz", x=x)
    record = {
        "acc": float(x.mean()),
        "fit_time": time.process_time(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "out": str(Path.cwd() / "m.pt"),
    }
    Path("metrics.json").write_text(json.dumps(record, indent=1))
    Path("steps.jsonl").write_text(
        "".join(json.dumps({"step": s, "loss": float(x[s, 0]), "time": time.time()}) + "\n" for s in range(5))
    )
    with sqlite3.connect("runs.db") as db:
        db.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, loss REAL, created TEXT)")
        db.executemany(
            "INSERT INTO runs(loss, created) VALUES (?, ?)",
            [(float(v), time.strftime("%Y-%m-%d %H:%M:%S")) for v in x[:5, 0]],
        )
    db.close()
    with zipfile.ZipFile("all.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("x.npy", "metrics.json"):
            file.write(name)
    with tarfile.open("all.tar.gz", "w:gz") as tar:
        tar.add("x.npy")
        tar.add("metrics.json")
    with gzip.open("x.txt.gz", "wt") as file:
        file.write("\n".join(f"{v:.17g}" for v in x[:, 0]))
    logging.basicConfig(
        filename="train.log",
        format="%(asctime)s %(process)d %(levelname)s %(message)s".replace(" %(process)d", " [pid %(process)d]"),
        level=20,
        force=True,
    )
    start = time.perf_counter()
    for epoch in range(3):
        logging.info("epoch %d loss %.6f took %.4fs", epoch, x[epoch, 0], time.perf_counter() - start)


def bars(x):
    """What tqdm prints: a redraw whenever a tenth of a second has passed."""
    start, text = time.perf_counter(), ""
    for step in range(1, 21):
        time.sleep(0.002 + 0.004 * (time.time() % 1))
        spent = time.perf_counter() - start
        if step == 20 or int(spent * 70) % 2:
            text += f"\r{step * 5:3d}%|{'#' * (step // 2):10s}| {step}/20 [00:{int(spent):02d}<00:00, "
            text += f"{step / spent:5.2f}it/s, loss={x[step, 0]:.4f}]"
    Path("stderr.txt").write_text(text + "\n")


def main(folder, seed):
    import os

    Path(folder).mkdir(parents=True)
    os.chdir(folder)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 4))
    y = (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int)
    with_sklearn(x, y, seed)
    with_torch(seed)
    with_boosters(x, y, seed)
    with_pandas(x)
    with_matplotlib(x)
    plain(x, seed)
    bars(x)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
