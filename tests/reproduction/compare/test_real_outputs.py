"""Everything that is commonly saved, trained and written in three processes: twice the same seed, once another."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from anew.reproduction.compare import RULES, Side, compare_files

HERE = Path(__file__).parent
NEEDED = ("sklearn", "torch", "xgboost", "lightgbm", "pandas", "pyarrow", "matplotlib", "joblib")
pytestmark = [
    pytest.mark.xdist_group("outputs"),  # on one of several workers, so that they are made once
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(any(not importlib.util.find_spec(n) for n in NEEDED), reason="needs the libraries"),
]


class Made(NamedTuple):
    folder: Path
    side: Side


class Runs(NamedTuple):
    first: Made
    again: Made
    other: Made


NAMES = [
    "forest.joblib",
    "forest_z.joblib",
    "forest_lzma.joblib",
    "arrays.joblib",
    "search.joblib",
    "search.pkl",
    "pipe.pkl",
    "hist.pkl",
    "cv.csv",
    "page.html",
    "state.pt",
    "module.pt",
    "checkpoint.pth",
    "old.pt",
    "view.pt",
    "xgb.json",
    "xgb.ubj",
    "xgb.pkl",
    "lgb.txt",
    "frame.csv",
    "frame.csv.gz",
    "frame.parquet",
    "frame.feather",
    "frame.pkl",
    "fig.png",
    "fig.pdf",
    "fig.svg",
    "fig.ps",
    "x.npy",
    "x.npz",
    "xc.npz",
    "metrics.json",
    "steps.jsonl",
    "runs.db",
    "all.zip",
    "all.tar.gz",
    "x.txt.gz",
    "train.log",
    "stderr.txt",
]
NEVER_BYTES = [
    "search.joblib",
    "search.pkl",
    "cv.csv",
    "checkpoint.pth",
    "old.pt",
    "fig.pdf",
    "fig.svg",
    "fig.ps",
    "metrics.json",
    "steps.jsonl",
    "runs.db",
    "all.zip",
    "all.tar.gz",
    "train.log",
    "stderr.txt",
]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    made = []
    for number, seed in enumerate((0, 0, 1)):
        folder = tmp_path_factory.mktemp(f"place{number}") / "out"
        started = time.time()
        subprocess.run([sys.executable, HERE / "make_outputs.py", folder, str(seed)], check=True)
        place = str(folder)
        side = Side(
            place, place, started, time.time(), f"host-{number}", f"user{number}", f"run{number}x9", f"/home/u{number}"
        )
        made.append(Made(folder, side))
        time.sleep(1.1)
    return Runs(*made)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_result(runs: Runs, name: str) -> None:
    result = compare_files(name, runs.first.folder / name, runs.again.folder / name, runs.first.side, runs.again.side)
    assert result.equal, result
    assert set(result.rules) <= set(RULES)
    assert result.how == "bytes" or result.rules
    if name in NEVER_BYTES:
        assert result.how != "bytes"


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_another(runs: Runs, name: str) -> None:
    result = compare_files(name, runs.first.folder / name, runs.other.folder / name, runs.first.side, runs.other.side)
    assert not result.equal
    assert result.where or result.detail
    assert result.how != "bytes", result


def test_one_bit_of_one_weight(runs: Runs, tmp_path: Path) -> None:
    import torch

    for name in ("state.pt", "old.pt"):
        state = torch.load(runs.again.folder / name)
        state["2.weight"].view(torch.int32)[1, 3] ^= 1
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=name == "state.pt")
        result = compare_files(name, runs.first.folder / name, tmp_path / name, runs.first.side, runs.again.side)
        assert not result.equal
        assert result.where == "2.weight[1, 3]"
        assert result.max_difference and result.max_difference < 1e-6


def test_a_parameter_of_an_estimator(runs: Runs, tmp_path: Path) -> None:
    import joblib

    forest = joblib.load(runs.again.folder / "forest.joblib").set_params(n_jobs=2)
    joblib.dump(forest, tmp_path / "forest.joblib")
    result = compare_files(
        "forest.joblib",
        runs.first.folder / "forest.joblib",
        tmp_path / "forest.joblib",
        runs.first.side,
        runs.again.side,
    )
    assert (result.equal, result.where, result.detail) == (False, "n_jobs", "None -> 2")


def test_a_threshold_of_a_tree(runs: Runs, tmp_path: Path) -> None:
    import joblib

    forest = joblib.load(runs.again.folder / "forest.joblib")
    forest.estimators_[2].tree_.threshold[0] += 1e-9
    joblib.dump(forest, tmp_path / "forest.joblib")
    result = compare_files(
        "forest.joblib",
        runs.first.folder / "forest.joblib",
        tmp_path / "forest.joblib",
        runs.first.side,
        runs.again.side,
    )
    assert not result.equal
    assert result.where.startswith("estimators_[2].tree_") and result.where.endswith("[0].threshold")
    assert result.max_difference == pytest.approx(1e-9, rel=1e-3)


def test_a_digit_of_a_boosted_leaf(runs: Runs, tmp_path: Path) -> None:
    text = (runs.again.folder / "lgb.txt").read_text()
    at = text.index("leaf_value=") + len("leaf_value=")
    number = text[at:].split(" ", 1)[0].strip()
    changed = number[:-1] + ("1" if number[-1] != "1" else "2")
    (tmp_path / "lgb.txt").write_text(text[:at] + changed + text[at + len(number) :])
    result = compare_files(
        "lgb.txt", runs.first.folder / "lgb.txt", tmp_path / "lgb.txt", runs.first.side, runs.again.side
    )
    assert not result.equal and result.where.startswith("line ") and result.max_difference


def test_a_cell_of_a_table(runs: Runs, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(runs.again.folder / "frame.csv")
    frame.loc[6, "a"] += 0.25
    frame.to_csv(tmp_path / "frame.csv", index=False)
    result = compare_files(
        "frame.csv", runs.first.folder / "frame.csv", tmp_path / "frame.csv", runs.first.side, runs.again.side
    )
    assert (result.equal, result.where) == (False, "column a row 7")
    assert result.max_difference == pytest.approx(0.25)
    frame = pd.read_parquet(runs.again.folder / "frame.parquet")
    frame.loc[6, "a"] += 0.25
    frame.to_parquet(tmp_path / "frame.parquet")
    result = compare_files(
        "frame.parquet",
        runs.first.folder / "frame.parquet",
        tmp_path / "frame.parquet",
        runs.first.side,
        runs.again.side,
    )
    assert (result.equal, result.where) == (False, "column a row 7")
    assert result.max_difference == pytest.approx(0.25)
