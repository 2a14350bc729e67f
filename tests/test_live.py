"""The Python interface in a process that `anew.init` begins a run of."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from projects import Project


def live(project: Project, script: str, *options: str) -> tuple[Any, str]:
    """Run the script under plain Python; the run's document, and what was said on stderr."""
    project.write("train.py", "import anew\n" + textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, *options, "train.py"], cwd=project.root, env=project.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return project.json("show", "last"), done.stderr


def test_values_of_any_make_never_stop_the_training(project: Project) -> None:
    found, said = live(project, """
        import numpy as np
        class Bad:
            def __repr__(self): raise RuntimeError
            def __float__(self): raise RuntimeError
        class Figure:
            def savefig(self, *a, **k): raise RuntimeError("cannot draw")
        values = [None, "text", b"bytes", object(), 1j, [1, 2], (3,), {}, {"deep": {"er": 1.0}}, 10**400,
                  Bad(), Figure(),
                  np.zeros((2, 2, 3)), np.float32(0.5), np.zeros(3), "\\udcff", {1: 2.0}, float("nan"), print]
        for _ in range(2):
            for i, value in enumerate(values): anew.log({f"v{i}": value, "ok": float(i)})
        for wrong in (None, 5, "x", [1], [("a", 1)]): anew.log(wrong)
        for step in ("seven", [], 2**80, float("nan"), -3, 1e300): anew.log({"ok": 1.0}, step=step)
        anew.log({"text": "t" * 100_000_000})
        print("end")
    """)  # fmt: skip
    assert found["status"] == "finished"
    assert found["metric_stats"]["ok"]["count"] == 2 * 19 + 6
    assert found["metrics"]["v8/deep/er"] == 1.0
    assert found["metrics"]["v13"] == 0.5
    assert {item["key"] for item in found["media"]} >= {"v1", "v5", "v12", "text"}
    assert "Traceback" not in said
    assert said.count("cannot draw") == 1


def test_config_summary_tags_and_notes(project: Project) -> None:
    found, said = live(project, """
        run = anew.init(config={"lr": 0.1, "net": {"depth": 2}}, tags={"team": "vision"}, name="first")
        again = anew.init(config={"lr": 0.2}, tags=["late"])
        assert again is run and run.config["lr"] == 0.1 and run.config.lr == 0.1 and run.config["net.depth"] == 2
        run.config.update(seed=1)
        run.summary["best"] = 0.9
        run.tags.add("x"); run.tags.discard("x")
        run.config["path"] = __import__("pathlib").Path("/a")
        assert run.url.startswith("file://") and len(run.id) == 12
    """)  # fmt: skip
    assert found["config"] == {"lr": 0.1, "net.depth": 2, "seed": 1, "path": "/a"}
    assert found["tags"] == {"team": "vision", "late": ""}
    assert (found["name"], found["summary"]) == ("first", {"best": 0.9})
    assert "is noted, not taken" in said


def test_use_and_save(project: Project) -> None:
    project.write("data/a.csv", "1\n")
    project.write("data/b.csv", "2\n")
    found, _ = live(project, """
        from pathlib import Path
        assert anew.use("data") == Path("data")
        Path("m.pt").write_text("m"); Path("folder").mkdir(); Path("folder/x").write_text("x")
        assert len(anew.save("m.pt", name="net", type="model")) == 64
        assert len(anew.save("folder")) == 64
        for call in (anew.use, anew.save):
            try: call("missing")
            except anew.errors.NotFound as error: print(error)
            else: raise AssertionError
    """.replace("anew.errors", "__import__('anew.errors').errors"))  # fmt: skip
    assert {item["path"] for item in found["inputs"]} == {"data/a.csv", "data/b.csv"}
    outputs = {item["path"]: item for item in found["outputs"]}
    assert (outputs["m.pt"]["name"], outputs["m.pt"]["type"], outputs["folder"]["kind"]) == ("net", "model", "tree")


def test_seed_sets_every_generator(project: Project) -> None:
    script = """
        import json, random, numpy as np
        anew.seed(42)
        print(json.dumps([random.random(), np.random.rand()]))
    """
    drawn = []
    for _ in range(2):
        project.write("train.py", "import anew\n" + textwrap.dedent(script))
        drawn.append(
            json.loads(subprocess.check_output([sys.executable, "train.py"], cwd=project.root, env=project.environ))
        )
    assert drawn[0] == drawn[1] == [0.6394267984578837, 0.3745401188473625]
    assert project.json("show", "last")["seeds"]["seed"]["value"] == 42


def test_several_runs_in_one_process(project: Project) -> None:
    _, said = live(project, """
        for i in range(3):
            run = anew.init(name=f"run{i}")
            anew.log({"i": float(i)})
            anew.finish()
        anew.log({"late": 1.0})
        anew.log({"late": 1.0})
    """)  # fmt: skip
    runs = project.json("runs")["runs"]
    assert sorted(run["name"] for run in runs) == ["run0", "run1", "run2"]
    assert {run["status"] for run in runs} == {"finished"}
    assert said.count("is finished") == 1


@pytest.mark.parametrize(
    ("script", "code", "status", "error"),
    [
        ("raise ValueError('no')", 1, "failed", "ValueError: no"),
        ("with anew.init(): raise KeyError('k')", 1, "failed", "KeyError: 'k'"),
        ("import sys; sys.exit(3)", 3, "failed", None),
        ("import sys; sys.exit('why')", 1, "failed", "why"),
        ("import sys; sys.exit()", 0, "finished", None),
        ("import argparse; argparse.ArgumentParser().parse_args(['--x'])", 2, "failed", None),
    ],
)
def test_how_it_ended_is_recorded(project: Project, script: str, code: int, status: str, error: str | None) -> None:
    project.write("train.py", f"import anew\nanew.log({{'x': 1.0}})\n{script}\n")
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=project.root, env=project.environ, capture_output=True, text=True
    )
    assert done.returncode == code
    assert ("Traceback" in done.stderr) == (error is not None and "Error" in error)
    found = project.json("show", "last")
    assert (found["exit_code"], found["status"], found["error"]) == (code, status, error)


def test_closed_output(project: Project) -> None:
    project.write("train.py", "import anew, sys\nanew.init()\nprint('x')\nsys.stdout.close()\nanew.log({'x': 1.0})\n")
    subprocess.run([sys.executable, "train.py"], cwd=project.root, env=project.environ, capture_output=True)
    assert project.json("show", "last")["status"] == "finished"
    project.write(
        "train.py", "import anew\nanew.init()\nanew.log({'x': 1.0})\nfor i in range(30000): print('line', i)\n"
    )
    subprocess.run(f"{sys.executable} train.py | head -1", shell=True, cwd=project.root, env=project.environ,
                   stdout=subprocess.DEVNULL, timeout=60)  # fmt: skip
    assert project.json("show", "last")["status"] == "finished"


def test_import_is_light() -> None:
    heavy = {"numpy", "blake3", "zstandard", "sqlite3", "argparse", "inspect", "dataclasses", "socket"}
    script = f"import sys, anew; print(sorted({heavy!r} & sys.modules.keys()))"
    assert (
        subprocess.check_output([sys.executable, "-S", "-c", script], text=True, env={"PYTHONPATH": ":".join(sys.path)})
        == "[]\n"
    )
