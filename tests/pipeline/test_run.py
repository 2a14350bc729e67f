"""`anew pipeline`: stages as runs, without a DVC project and in one; what is killed goes on where it was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from anew.api import open_index
from anew.lineage import graph
from anew.models.registry import Registry
from anew.protocols.dvc.shelf import _CONTENT, Names
from anew.store.ledger import Ledger
from anew.store.location import Store
from projects import Project

STAGES = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [raw.txt, prepare.py]
    outs: [clean, parts]
  train:
    foreach: ${sizes}
    do:
      cmd: python train.py ${item} --fast
      deps: [clean, train.py]
      params: [lr]
      outs: ["model-${item}"]
      metrics:
        - "m-${item}.json": {cache: false}
  merge:
    cmd:
      - cat model-1 model-2 > all
      - 'echo "it is" ''done'''
    deps: [model-1, model-2]
    outs: [all]
"""


def lay_out(project: Project) -> None:
    project.write("dvc.yaml", STAGES)
    project.write("params.yaml", "lr: 0.5\nsizes: [1, 2]\n")
    project.write("raw.txt", "raw\n")
    project.write(
        "prepare.py",
        """
        import os
        open("clean", "w").write(open("raw.txt").read().upper())
        os.makedirs("parts/deep")
        for name in ("a", "deep/b"):
            open(f"parts/{name}", "w").write(name)
        """,
    )
    project.write(
        "train.py",
        """
        import json, sys
        size = int(sys.argv[1])
        print("training", size)
        open(f"model-{size}", "w").write(open("clean").read() * (size + 1))
        json.dump({"val": {"acc": size / 10}, "name": "x"}, open(f"m-{size}.json", "w"))
        """,
    )


def ran(project: Project, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    done = project.anew("pipeline", "run", "--json", *words, code=code)
    return {row["stage"]: row for row in json.loads(done.stdout)["stages"]}


def states(rows: dict[str, dict[str, Any]]) -> str:
    return " ".join(f"{name}:{row['state']}" for name, row in sorted(rows.items()))


def test_stages_are_runs_and_are_not_run_again(project: Project) -> None:
    lay_out(project)
    first = ran(project, "-j", "2")
    assert states(first) == "merge:ran prepare:ran train@1:ran train@2:ran"
    assert {row["grade"] for row in first.values()} == {"A"}
    one = json.loads(project.anew("show", first["train@1"]["run"], "--json").stdout)
    assert one["tags"] == {"pipeline": "dvc.yaml", "stage": "train@1"}
    assert one["config"] == {"lr": 0.5, "fast": True}
    assert one["metrics"] == {"val.acc": 0.1}
    assert {item["path"] for item in one["inputs"]} == {"clean"}
    assert {item["path"] for item in one["outputs"]} == {"model-1", "m-1.json"}
    again = ran(project)
    assert {row["state"] for row in again.values()} == {"unchanged"}
    assert {name: row["run"] for name, row in again.items()} == {name: row["run"] for name, row in first.items()}

    verdict = project.anew("reproduce", first["train@1"]["run"], "--json")
    assert json.loads(verdict.stdout)["verdict"] == "identical"
    assert json.loads(project.anew("reproduce", first["merge"]["run"], "--json").stdout)["verdict"] == "identical"
    store = Store(project.root / ".anew")
    found = graph(open_index(store), Registry(Ledger(store.ledger)), f"run:{first['merge']['run']}")
    ways = {(found.nodes[a].name, kind, found.nodes[b].name) for (a, b), kind in found.edges.items()}
    assert ("clean", "read", one["name"]) in ways and (one["name"], "wrote", "model-1") in ways

    project.write("params.yaml", "lr: 0.25\nsizes: [1, 2]\n")
    status = json.loads(project.anew("pipeline", "status", "--json").stdout)["stages"]
    assert {row["stage"]: row["changed"] for row in status} == {
        "prepare": [], "train@1": ["lr in params.yaml is modified"], "train@2": ["lr in params.yaml is modified"],
        "merge": [],
    }  # fmt: skip
    assert states(ran(project, "--dry-run", "train")) == "prepare:unchanged train@1:to run train@2:to run"
    assert states(ran(project)) == "merge:unchanged prepare:unchanged train@1:ran train@2:ran"
    project.write("params.yaml", "lr: 0.5\nsizes: [1, 2]\n")
    (project.root / "clean").unlink()
    (project.root / "parts/deep/b").unlink()
    back = ran(project, "-j", "3")
    assert states(back) == "merge:unchanged prepare:restored train@1:restored train@2:restored"
    assert back["train@2"]["run"] == first["train@2"]["run"]
    assert (project.root / "parts/deep/b").read_text() == "deep/b"
    assert "| merge |" in project.anew("pipeline", "show").stdout

    project.anew("gc", "--grace", "0")
    project.anew("gc", "--grace", "0")
    (project.root / "all").unlink()
    assert states(ran(project, "merge")).startswith("merge:restored")


def test_what_fails_is_told_and_what_needs_it_left_out(project: Project) -> None:
    lay_out(project)
    project.write(
        "train.py", "import sys\nopen('model-' + sys.argv[1], 'w').write('half')\nsys.exit(int(sys.argv[1]) - 1)\n"
    )
    rows = ran(project, "--keep-going", code=1)
    assert states(rows) == "merge:left out prepare:ran train@1:failed train@2:failed"
    assert "'m-1.json' does not exist" in rows["train@1"]["error"]
    assert rows["train@2"]["error"] == "its command ended with exit code 1" and rows["train@2"]["run"]
    assert "train@" not in (project.root / "dvc.lock").read_text()
    said = project.anew("pipeline", "run", code=1)
    assert "train@1: failed" in said.stderr and "merge" not in said.stderr
    assert "there is no dvc.yaml" in project.anew("pipeline", "run", code=1, cwd=project.root / "parts").stderr


def test_a_dvc_project_is_run_in_its_own_cache(project: Project) -> None:
    pytest.importorskip("dvc")
    lay_out(project)
    subprocess.run(["git", "init", "-q"], cwd=project.root, env=project.environ, check=True)
    project.anew("dvc", "init", "-q")
    ran(project, "-j", "2")
    assert not (project.root / ".anew/pipeline/contents").exists()
    dvc = [sys.executable, "-m", "dvc"]
    done = subprocess.run(
        [*dvc, "status", "--json"], cwd=project.root, env=project.environ, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == {}
    (project.root / "all").unlink()
    done = subprocess.run(
        [*dvc, "repro"], cwd=project.root, env=project.environ, capture_output=True, text=True, check=True
    )
    assert "Stage 'merge' is cached - skipping run" in done.stdout
    assert {row["state"] for row in ran(project).values()} == {"unchanged"}


def test_killed_at_any_time_the_next_run_goes_on(project: Project) -> None:
    lay_out(project)
    ran(project)
    wanted = {name: (project.root / name).read_bytes() for name in ("clean", "model-1", "model-2", "all", "parts/a")}
    lock = (project.root / "dvc.lock").read_text()
    dice = random.Random(4)
    for round_ in range(2):
        project.write("raw.txt", f"round {round_}\n")
        words = [sys.executable, "-m", "anew", "pipeline", "run", "-j", "2", "--quiet"]
        child = subprocess.Popen(
            words, cwd=project.root, env=project.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(dice.uniform(0.2, 1.2))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        _wait_for_stages(project.root)
        done = project.anew("pipeline", "run", "--quiet")
        assert (project.root / "clean").read_text() == f"ROUND {round_}\n", done.stderr
        assert (project.root / "all").read_text() == f"ROUND {round_}\n" * 5
        assert {row["state"] for row in ran(project).values()} == {"unchanged"}
    project.write("raw.txt", "raw\n")
    ran(project)
    assert {name: (project.root / name).read_bytes() for name in wanted} == wanted
    assert sorted((project.root / "dvc.lock").read_text().splitlines()) == sorted(lock.splitlines())


def _wait_for_stages(root: Path) -> None:
    """A stage that was under way may have left our group; whoever comes next would be told to wait for it."""
    try:
        held = json.loads((root / ".anew/pipeline/tmp/rwlock").read_text() or "{}")
    except (OSError, ValueError):
        return
    for holder in held.get("write", {}).values():
        while os.path.exists(f"/proc/{holder['pid']}"):
            time.sleep(0.05)


def test_what_another_stage_has_under_way_is_not_begun(project: Project) -> None:
    lay_out(project)
    project.write("prepare.py", "import time\nopen('begun', 'w')\ntime.sleep(600)\n")
    words = [sys.executable, "-m", "anew", "pipeline", "run"]
    child = subprocess.Popen(words, cwd=project.root, env=project.environ, stderr=subprocess.DEVNULL)
    while not (project.root / "begun").exists():
        time.sleep(0.05)
    assert "in use by `anew pipeline run prepare`" in project.anew("pipeline", "run", code=1).stderr
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 130
    assert not (project.root / "dvc.lock").exists()


def test_a_line_of_names_that_was_cut_off_names_nothing(tmp_path: Path) -> None:
    names = Names(f"{tmp_path}/contents", _CONTENT)
    names.add("a" * 32, "1" * 64)
    names.save()
    with open(tmp_path / "contents", "a") as file:
        file.write("b" * 32 + " 22")
    names = Names(f"{tmp_path}/contents", _CONTENT)
    names.add("c" * 32, "3" * 64)
    names.save()
    assert Names(f"{tmp_path}/contents", _CONTENT).known == {"a" * 32: "1" * 64, "c" * 32: "3" * 64}
