"""Every verb, as a user and as a script calls it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project

TRAIN = """
    import argparse, sys
    p = argparse.ArgumentParser()
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--model", default="small")
    a = p.parse_args()
    for epoch in range(3):
        print(f"epoch {epoch} - loss: {a.lr * (3 - epoch)} - acc: {0.9 - a.lr}")
    print("to stderr", file=sys.stderr)
    open("out.txt", "w").write("done")
"""


@pytest.fixture
def trained(project: Project) -> Project:
    project.write("train.py", TRAIN)
    for lr in ("0.1", "0.2", "0.3"):
        project.run("train.py", "--lr", lr)
    return project


def test_run_leaves_the_scripts_output_alone_and_prints_json_last(project: Project) -> None:
    project.write("train.py", "print('hello')\nprint('acc: 0.5')\n")
    done = project.anew("run", "--json", "train.py")
    head, _, rest = done.stdout.partition("{")
    assert head == "hello\nacc: 0.5\n"
    document = json.loads("{" + rest)
    assert document["metrics"] == {"acc": 0.5} and document["status"] == "finished"


def test_show_has_the_promised_keys(trained: Project) -> None:
    document = trained.json("show", "last")
    assert document.keys() >= {
        "id", "name", "project", "status", "created", "config", "metrics", "tags", "grade", "verdicts", "inputs",
        "outputs", "code", "environment", "seeds",
    }  # fmt: skip
    assert document["config"] == {"lr": 0.3, "model": "small"}
    assert document["metrics"]["loss"] == pytest.approx(0.3)
    assert document["metric_stats"]["loss"]["count"] == 3 and document["metric_stats"]["loss"]["last_step"] == 2
    assert [item["path"] for item in document["outputs"]] == ["out.txt"]
    assert document["grade"]["letter"] == "A", document["grade"]


def test_argv_is_a_guess_that_argparse_corrects(project: Project) -> None:
    project.write(
        "t.py", "import argparse\np=argparse.ArgumentParser(); p.add_argument('--id'); print(p.parse_args())\n"
    )
    project.run("t.py", "--id", "007")
    document = project.json("show", "last")
    assert document["config"] == {"id": "007"} and document["config_conflicts"] == {}


def test_runs_searches_sorts_limits_and_exports(trained: Project, tmp_path: Path) -> None:
    found = trained.json("runs", "metrics.acc > 0.65", "--sort", "-metrics.acc", "--limit", "1")
    assert found["count"] == 2 and [run["config"]["lr"] for run in found["runs"]] == [0.1]
    table = trained.anew("runs").stdout.splitlines()
    assert len(table) == 4 and "acc" in table[0] and "lr" in table[0] and "model" not in table[0]
    groups = trained.json("runs", "--group", "config.model", "--aggregate", "count", "--aggregate", "max:metrics.acc")
    assert groups["groups"][0]["count"] == 3
    trained.anew("runs", "--output", str(tmp_path / "runs.csv"))
    with (tmp_path / "runs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3


def test_a_broken_query_has_a_caret_and_a_suggestion(trained: Project) -> None:
    done = trained.anew("runs", "metrics.los > 1", code=2)
    assert "did you mean metrics.loss?" in done.stderr and done.stderr.rstrip().endswith("^")
    error = json.loads(trained.anew("runs", "metrics.loss >", "--json", code=2).stdout)
    assert error["exit_code"] == 2 and error["kind"] == "QueryError"


def test_references(trained: Project) -> None:
    last = trained.json("show", "last")
    assert trained.json("show", last["id"][:6])["id"] == last["id"]
    assert trained.json("show", last["name"])["id"] == last["id"]
    assert trained.json("show", "last~2")["config"]["lr"] == 0.1
    assert trained.json("show", "best:metrics.acc")["config"]["lr"] == 0.1
    assert trained.json("show", "best:loss")["config"]["lr"] == 0.1  # the least: a loss
    for wrong in ("nope", "zzzzzzzz", "last~9", "best:metrics.acc9"):
        done = trained.anew("show", wrong, code=None)
        assert done.returncode in (1, 2) and done.stderr.startswith("anew: ") and "Traceback" not in done.stderr
    best = trained.json("show", "best:metrics.acc")["id"]
    assert trained.reproduce(best)["verdict"] == "identical"
    assert trained.json("show", "best:metrics.acc")["id"] == best, "as good, but a reproduction"
    assert trained.json("show", "last")["id"] == last["id"]
    trained.run("--name", "twin", "train.py")
    trained.run("--name", "twin", "train.py")
    assert "2 runs are called twin" in trained.anew("show", "twin", code=2).stderr


def test_logs_and_tail(trained: Project) -> None:
    done = trained.anew("logs", "last")
    assert done.stdout.startswith("epoch 0 - loss") and done.stderr == "to stderr\n"
    assert trained.json("logs", "last")["stderr"] == "to stderr\n"
    assert "epoch 2" in trained.anew("tail", "last").stdout


def test_tail_follows_a_running_script(project: Project) -> None:
    project.write("slow.py", "import time\nfor i in range(4):\n    print('tick', i)\n    time.sleep(0.5)\n")
    runner = subprocess.Popen(
        [sys.executable, "-m", "anew", "run", "--quiet", "slow.py"],
        cwd=project.root, env=project.environ, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not list(project.root.glob(".anew/runs/*/journal")):
            time.sleep(0.05)
        time.sleep(0.3)
        assert project.json("runs", "status = 'running'")["count"] == 1
        followed = project.anew("tail", "last").stdout
    finally:
        assert runner.wait(30) == 0
    assert followed == "".join(f"tick {i}\n" for i in range(4))


def test_diff_and_why(trained: Project) -> None:
    found = trained.json("why", "last~1", "last")
    assert [(c["factor"], c["what"], c["before"], c["after"]) for c in found["causes"]] == [("config", "lr", 0.2, 0.3)]
    assert trained.json("diff", "last~1", "last")["metrics"]["acc"] == [pytest.approx(0.7), pytest.approx(0.6)]
    text = trained.anew("diff", "last~1", "last").stdout
    assert "config  lr: 0.2 -> 0.3" in text and "acc" in text
    assert "same run" in trained.anew("why", "last", "last", code=2).stderr


def test_restore(trained: Project, tmp_path: Path) -> None:
    folder = tmp_path / "restored"
    body = trained.json("restore", "last", str(folder))
    assert body["missing"] == [] and (folder / "train.py").read_text() == (trained.root / "train.py").read_text()
    assert (folder / "anew-run" / "pylock.toml").exists() and (folder / "anew-run" / "requirements.txt").exists()
    done = subprocess.run([folder / "anew-run" / "command.sh"], capture_output=True, text=True, check=True)
    assert done.stdout == trained.anew("logs", "last").stdout
    trained.anew("restore", "last", str(folder), code=2)


def test_verify_finds_a_flipped_bit_and_reindex_heals_the_index(trained: Project) -> None:
    before = trained.json("runs", "--sort", "name")
    assert trained.json("verify")["problems"] == []
    (index,) = trained.root.glob(".anew/index")
    for path in index.rglob("*"):
        if path.is_file():
            path.write_bytes(b"broken")
    assert trained.json("reindex")["runs"] == 3
    assert trained.json("runs", "--sort", "name") == before
    journal = next(trained.root.glob(".anew/runs/*/journal"))
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 4
    journal.write_bytes(bytes(data))
    found = trained.json("verify", code=1)
    assert [item["where"] for item in found["problems"]] == [str(journal)]


def test_doctor_completion_and_help(trained: Project) -> None:
    assert trained.json("doctor")["runs"] == 3
    for shell in ("bash", "zsh", "fish"):
        assert "reproduce" in trained.anew("completion", shell).stdout
    subprocess.run(["bash", "-n"], input=trained.anew("completion", "bash").stdout, text=True, check=True)
    assert "anew reproduce last" in trained.anew("--help").stdout
    assert "usage" in trained.anew("frobnicate", code=2).stderr


def test_bad_requests_have_clear_errors(project: Project) -> None:
    assert "no script nope.py" in project.anew("run", "nope.py", code=2).stderr
    assert "nothing to run" in project.anew("run", code=2).stderr
    assert "no command" in project.anew("run", "--", "no-such-command-here", code=2).stderr
    assert "start with: anew run" in project.anew("runs").stdout
    assert "there are no runs" in project.anew("show", "last", code=1).stderr


def test_exit_codes_of_run_are_the_scripts(project: Project) -> None:
    project.write("t.py", "import sys; sys.exit(int(sys.argv[1]))\n")
    for code in (0, 1, 3, 42):
        project.anew("run", "t.py", str(code), code=code)
    assert project.json("show", "last")["status"] == "failed"


def test_modules_commands_and_pipelines(project: Project) -> None:
    project.write("pkg/__init__.py", "")
    project.write("pkg/part.py", "N = 4\n")
    project.write("pkg/__main__.py", "from pkg.part import N\nprint('n:', N)\n")
    project.write("x.txt", "3\n1\n2\n")
    run = project.run("-m", "pkg")
    assert set(project.json("show", run)["code"]["used"]) == {"pkg/__init__.py", "pkg/__main__.py", "pkg/part.py"}
    assert project.reproduce(run)["verdict"] == "identical"
    project.write("two.sh", "sort x.txt > sorted.txt\npython -c \"print('first:', open('sorted.txt').readline())\"\n")
    run = project.run("--", "bash", "two.sh")
    document = project.json("show", run)
    assert {item["path"] for item in document["inputs"]} == {"x.txt"}
    assert {item["path"] for item in document["outputs"]} == {"sorted.txt"}
    assert "two.sh" in document["code"]["used"]
    assert project.reproduce(run)["verdict"] == "identical"


@pytest.mark.real
def test_demo(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    body = project.json("demo", str(tmp_path / "demo"))
    assert set(body["verdicts"]) == {"identical"}


def test_wrong_numbers_and_places_are_refused(trained: Project) -> None:
    assert "less than nothing" in trained.anew("runs", "--limit", "-3", code=2).stderr
    assert "no time to wait" in trained.anew("reproduce", "last", "--timeout", "0", code=2).stderr
    assert (
        "no metric is called metrics.nope"
        in trained.anew("reproduce", "last", "--tolerance", "metrics.nope=1", code=2).stderr
    )
    done = trained.anew("restore", "last", "/proc/nowhere", code=1)
    assert done.stderr.startswith("anew: /proc/nowhere") and "Traceback" not in done.stderr
    assert trained.anew("runs", "--columns", "id,metrics.acc").stdout.split()[:2] == ["id", "metrics.acc"]
