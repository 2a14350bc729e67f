"""One factor of a real script is changed: it is named, and nothing else is blamed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from projects import Project, factors
from real.cases import CASES

pytestmark = pytest.mark.real
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture
def put(project: Project) -> Any:
    def lay(name: str) -> Project:
        case = BY_NAME[name]
        for library in case.needs:
            pytest.importorskip(library)
        case.put(project.root)
        project.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # the processors are shared
        return project

    return lay


def _edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new))


def _blamed(found: Any) -> set[tuple[str, str]]:
    return {(cause["factor"], cause["what"]) for cause in found["causes"]}


def _others(found: Any) -> set[str]:
    return {item["name"] for item in found["others"]}


@pytest.mark.parametrize(
    ("name", "words"),
    [("xgb_train", ("train_xgb.py",)), ("hydra_like", ("run.py", "model.depth=2")), ("package_m", ("-m", "tinynet"))],
)
def test_the_same_twice_blames_nothing(put: Any, name: str, words: tuple[str, ...]) -> None:
    project = put(name)
    found = project.json("why", project.run(*words), project.run(*words))
    assert found["same_result"] and found["causes"] == []


def test_the_same_twice_with_entropy_blames_the_seed(put: Any) -> None:
    project = put("numpy_montecarlo")
    found = project.json("why", project.run("pi.py"), project.run("pi.py"))
    assert _blamed(found) == {("seed", "numpy.random.SeedSequence")}
    assert {moved["metric"] for moved in found["moved"]} == {"estimate", "pi"} or not found["same_result"]
    assert _others(found) == {"trace.npy", "stdout"}


def test_a_line_of_an_imported_module(put: Any) -> None:
    project = put("package_m")
    a = project.run("-m", "tinynet")
    _edit(project, "tinynet/model.py", "self.w[0] += update", "self.w[0] += 2 * update")
    b = project.run("-m", "tinynet")
    found = project.json("why", a, b)
    assert _blamed(found) == {("code", "tinynet/model.py")}
    assert "out/metrics.json" in _others(found)
    assert "+            self.w[0] += 2 * update" in found["causes"][0]["detail"]
    verdict = project.reproduce(a, "--in-place")
    assert verdict["verdict"] == "diverged" and _blamed(verdict) == {("code", "tinynet/model.py")}
    assert project.reproduce(a)["verdict"] == "identical"
    assert project.reproduce(a, "--env", "current")["verdict"] == "identical"


def test_a_line_of_the_script_itself(put: Any) -> None:
    project = put("sk_forest")
    _edit(project, "train.py", "n_estimators=60, n_jobs=-1", "n_estimators=60, n_jobs=1, random_state=0")
    _edit(project, "train.py", "test_size=0.3", "test_size=0.3, random_state=0")
    a = project.run("train.py")
    _edit(project, "train.py", "n_estimators=60", "n_estimators=61")
    found = project.json("why", a, project.run("train.py"))
    assert _blamed(found) == {("code", "train.py")}
    assert _others(found) >= {"forest.joblib", "proba.npy", "importances.csv"}


def test_a_key_of_a_config_file(put: Any) -> None:
    project = put("package_m")
    a = project.run("-m", "tinynet")
    _edit(project, "configs/base.yaml", "lr: 0.1", "lr: 0.7")
    b = project.run("-m", "tinynet")
    found = project.json("why", a, b)
    assert _blamed(found) == {("config", "model.lr")} and "configs/base.yaml" in found["causes"][0]["detail"]
    _edit(project, "configs/base.yaml", "seed: 11", "seed: 12")
    assert _blamed(project.json("why", b, project.run("-m", "tinynet"))) == {("seed", "seed")}


def test_another_config_file_by_argument(put: Any) -> None:
    project = put("package_m")
    text = (project.root / "configs/base.yaml").read_text()
    project.write("configs/slow.yaml", text.replace("epochs: 5", "epochs: 2"))
    a = project.run("-m", "tinynet")
    found = project.json("why", a, project.run("-m", "tinynet", "--config", "configs/slow.yaml"))
    assert factors(found) == {"config"}, found["causes"]


def test_a_byte_of_data(put: Any) -> None:
    project = put("xgb_train")
    a = project.run("train_xgb.py")
    lines = (project.root / "data/churn.csv").read_text().splitlines()
    lines[17] = (
        lines[17].replace(",A,", ",B,").replace(",C,", ",A,")
        if ",B," not in lines[17]
        else lines[17].replace(",B,", ",C,")
    )
    (project.root / "data/churn.csv").write_text("\n".join(lines) + "\n")
    found = project.json("why", a, project.run("train_xgb.py"))
    assert _blamed(found) == {("data", "data/churn.csv")}
    assert "1 of 601 lines changed" in found["causes"][0]["detail"]
    verdict = project.reproduce(a, "--in-place")
    assert verdict["verdict"] == "diverged" and _blamed(verdict) == {("data", "data/churn.csv")}
    assert project.reproduce(a)["verdict"] == "identical"


def test_a_row_of_a_database(put: Any) -> None:
    import sqlite3

    project = put("sqlite_data")
    a = project.run("features.py")
    BY_NAME["sqlite_data"].put(project.root / "again")
    (project.root / "again" / "shop.db").replace(project.root / "shop.db")
    con = sqlite3.connect(project.root / "shop.db")
    con.execute("update orders set price = price + 1 where rowid = 5")
    con.commit()
    con.close()
    found = project.json("why", a, project.run("features.py"))
    assert _blamed(found) == {("data", "shop.db")}


def test_arguments(put: Any) -> None:
    project = put("hydra_like")
    a = project.run("run.py", "model.depth=2")
    found = project.json("why", a, project.run("run.py", "model.depth=3"))
    assert factors(found) == {"config"}
    assert {cause["what"] for cause in found["causes"]} == {"model.depth"}


@pytest.mark.slow
def test_a_seed_given_as_an_argument(put: Any) -> None:
    project = put("torch_mlp")
    a = project.run("main.py", "--epochs", "1", "--seed", "1")
    found = project.json("why", a, project.run("main.py", "--epochs", "1", "--seed", "2"))
    assert _blamed(found) == {("seed", "seed")}
    assert "mlp.pt" in _others(found)


@pytest.mark.slow
def test_a_seed_in_the_code_is_a_change_of_code(put: Any) -> None:
    project = put("sk_kmeans")
    a = project.run("cluster.py")
    _edit(project, "cluster.py", "seed(7)", "seed(8)")
    found = project.json("why", a, project.run("cluster.py"))
    assert _blamed(found) == {("code", "cluster.py")}


def test_the_number_of_threads(put: Any) -> None:
    project = put("xgb_train")
    a = project.run("train_xgb.py", OMP_NUM_THREADS="2")
    found = project.json("why", a, project.run("train_xgb.py", OMP_NUM_THREADS="1"))
    assert _blamed(found) == {("environment", "OMP_NUM_THREADS")}


def test_the_hash_seed(put: Any) -> None:
    project = put("set_order")
    a = project.run("vocab.py")
    b = project.run("vocab.py", PYTHONHASHSEED="77")
    found = project.json("why", a, b)
    assert _blamed(found) == {("seed", "PYTHONHASHSEED")}
    assert _others(found) >= {"vocab.json", "stdout"}
    assert project.reproduce(b)["verdict"] == "identical"


def _venv(folder: Path) -> Path:
    """An environment that has what ours has, and a site-packages of its own before it."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "beneath.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _install(python: Path, version: str, body: str) -> None:
    """A package `tidy` of that version, as pip would leave it."""
    import base64

    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    for old in site.glob("tidy*"):
        shutil.rmtree(old)
    (site / "tidy").mkdir()
    info = site / f"tidy-{version}.dist-info"
    info.mkdir()
    (site / "tidy" / "__init__.py").write_text(body)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tidy\nVersion: {version}\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()).rstrip(b"=").decode()
    record = f"tidy/__init__.py,sha256={digest},{len(body)}\ntidy-{version}.dist-info/METADATA,,\n"
    (info / "RECORD").write_text(record + f"tidy-{version}.dist-info/RECORD,,\n")


def test_the_version_of_a_package_and_an_edit_in_place(project: Project, tmp_path: Path) -> None:
    python = _venv(tmp_path / "venv")
    project.write(
        "train.py", "import tidy\nprint('score:', tidy.score(3))\nopen('out.txt', 'w').write(str(tidy.score(4)))\n"
    )
    _install(python, "1.0", "def score(x):\n    return x * 2\n")
    a = project.run("--", str(python), "train.py")
    _install(python, "1.1", "def score(x):\n    return x * 3\n")
    found = project.json("why", a, project.run("--", str(python), "train.py"))
    assert _blamed(found) == {("environment", "tidy")}
    assert _others(found) == {"out.txt", "stdout"}
    for options in (("--env", "current"), ("--env", "current", "--in-place")):
        verdict = project.reproduce(a, *options)
        assert verdict["verdict"] == "diverged" and _blamed(verdict) == {("environment", "tidy")}

    edited = next((tmp_path / "venv" / "lib").glob("python*/site-packages")) / "tidy" / "__init__.py"
    b = project.run("--", str(python), "train.py")
    shutil.rmtree(edited.parent / "__pycache__", ignore_errors=True)
    edited.write_text("def score(x):\n    return x * 3 + 1\n")
    os.utime(edited, (os.stat(edited).st_mtime + 120,) * 2)
    found = project.json("why", b, project.run("--", str(python), "train.py"))
    assert factors(found) == {"environment"} and found["causes"][0]["what"].startswith("edited: ")


@pytest.mark.slow
def test_a_checkpoint_left_by_an_earlier_run_is_an_input(put: Any) -> None:
    project = put("torch_cnn")
    a = project.run("train.py")
    b = project.run("train.py")
    assert "resumed from epoch 2" in project.anew("logs", b).stdout
    assert project.reproduce(b)["verdict"] == "identical"
    found = project.json("why", a, b)
    assert ("data", "checkpoints/last.pth") in _blamed(found)
    assert factors(found) == {"data", "seed"}  # it draws, unseeded
