"""A reproduction leaves what is the user's alone, and sees results that are no ordinary files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project


def git(project: Project, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *who, *words], cwd=project.root, check=True, capture_output=True, env=project.environ)


def test_a_script_that_notes_its_commit(project: Project) -> None:
    project.write(
        "t.py",
        """
        import subprocess
        ask = lambda *words: subprocess.run(["git", *words], capture_output=True, text=True).stdout.strip()
        print("at", ask("rev-parse", "HEAD"), ask("branch", "--show-current"), ask("status", "--porcelain", "t.py"))
        """,
    )
    git(project, "init", "-q", "-b", "trunk")
    git(project, "add", "t.py")
    git(project, "commit", "-qm", "one")
    run = project.run("t.py")
    project.write("t.py", "print('another')\n")
    git(project, "commit", "-qam", "two")
    assert project.reproduce(run)["verdict"] == "identical"


def test_a_script_that_names_its_own_folder_leaves_it_alone_when_run_anew(project: Project) -> None:
    here = str(project.root)
    project.write(
        "t.py",
        f"""
        import os, subprocess
        HERE = {here!r}
        with open(HERE + "/out.csv", "a") as file: file.write(open(HERE + "/in.csv").read())
        os.makedirs(HERE + "/made", exist_ok=True); os.rename(HERE + "/old", HERE + "/new")
        subprocess.run(["sh", "-c", f"cat {{HERE}}/in.csv > {{HERE}}/child.txt"], env={{"PATH": os.environ["PATH"]}})
        print(sorted(os.listdir(HERE)), os.path.exists(HERE + "/old"), os.stat(HERE + "/in.csv").st_size)
        """,
    )
    project.write("in.csv", "1,2\n")
    project.write("old", "x")
    run = project.run("t.py")
    assert {item["path"] for item in project.json("show", run)["outputs"]} >= {"out.csv", "child.txt", "new"}
    for name in ("out.csv", "child.txt", "new"):
        project.write(name, "mine")
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "identical", verdict
    assert [(project.root / name).read_text() for name in ("out.csv", "child.txt", "new")] == ["mine"] * 3


def test_a_state_file_outside_is_put_back_and_left_alone(project: Project, tmp_path: Path) -> None:
    state = tmp_path / "far" / "away" / "state" / "here" / "count"
    state.parent.mkdir(parents=True)
    project.write(
        "t.py",
        f"""
        import os
        P = {str(state)!r}
        n = int(open(P).read()) if os.path.exists(P) else 0
        open(P, "w").write(str(n + 1)); print("n:", n)
        """,
    )
    for _ in range(2):
        run = project.run("t.py")
        assert project.reproduce(run)["verdict"] == "identical"
    assert state.read_text() == "2"


def test_a_module_outside_is_put_back_and_left_alone(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "far" / "away" / "lib" / "here"
    folder.mkdir(parents=True)
    (folder / "helper.py").write_text("import other\nvalue = 1 + other.value\n")
    (folder / "other.py").write_text("value = 0\n")
    project.write("t.py", "import helper; print('acc', helper.value, helper.__file__)")
    run = project.run("t.py", PYTHONPATH=str(folder))
    (folder / "helper.py").write_text("import other\nvalue = 20 + other.value\n")
    before = sorted(folder.rglob("*"))
    assert project.reproduce(run, PYTHONPATH=str(folder))["verdict"] == "identical"
    assert sorted(folder.rglob("*")) == before  # not even bytecode is written there
    other = project.run("t.py", PYTHONPATH=str(folder))
    found = project.json("why", run, other)
    assert [(cause["factor"], cause["what"]) for cause in found["causes"]] == [("code", str(folder / "helper.py"))]


def test_one_kept_inside_of_its_own_project(project: Project) -> None:
    project.write("t.py", f"import sys; sys.path.insert(0, {str(project.root)!r})\nimport m; print(m.x)")
    project.write("m.py", "x = 1")
    run = project.run("t.py")
    assert project.reproduce(run, "--keep", "kept")["verdict"] == "identical"


def test_files_in_shared_memory_are_files(project: Project) -> None:
    place = Path("/dev/shm") / f"anew-test-{project.root.parent.name}.txt"
    source = f"import os, random, pathlib; P = pathlib.Path('/dev/shm') / {place.name!r}\nP.write_text(str(OTHER))\n"
    try:
        project.write("t.py", source.replace("OTHER", "random.random()"))
        run = project.run("t.py")
        written = place.read_text()
        assert [item["path"] for item in project.json("show", run)["outputs"]] == [str(place)]
        place.write_text("mine")
        assert project.reproduce(run)["verdict"] == "identical"
        assert place.read_text() == "mine" != written
        project.write("t.py", source.replace("OTHER", f"os.path.getsize({str(project.hidden_state())!r})"))
        project.hidden_state().write_text("0")
        run = project.run("t.py")
        project.hidden_state().write_text("longer")
        assert project.reproduce(run)["verdict"] == "diverged"
    finally:
        place.unlink(missing_ok=True)


def test_what_programs_write_that_can_not_be_watched(project: Project) -> None:
    project.write(
        "t.py",
        "import subprocess, time\nsaid = f'echo score {time.time_ns() % 99991} > o'\n"
        "subprocess.run(['sh', '-c', said], env={'LD_PRELOAD': ''})\n",
    )
    project.run("t.py")
    shown = project.json("show", "last")
    assert [item["path"] for item in shown["outputs"]] == ["o"]
    assert (shown["grade"]["letter"], "sh" in shown["grade"]["missing"][0]["what"]) == ("C", True)
    assert project.reproduce()["verdict"] == "diverged"


@pytest.mark.parametrize(
    "line",
    ["os.symlink(name, 'best')", "os.makedirs('class_' + name)", "os.remove(name)"],
    ids=["link", "empty folder", "removed"],
)
def test_results_that_are_no_files(project: Project, line: str) -> None:
    for name in ("cat", "dog", "cow"):
        project.write(name, name)
    project.write(
        "t.py", f"import os\nname = ['cat', 'dog', 'cow'][int(open({str(project.hidden_state())!r}).read())]\n{line}\n"
    )
    project.hidden_state().write_text("0")
    run = project.run("t.py")
    assert project.reproduce(run)["verdict"] == "identical"
    project.write("t.py", f"import os\nname = 'dog'\n{line}\n")
    for name in ("best", "class_cat"):
        path = project.root / name
        path.unlink() if path.is_symlink() else path.is_dir() and path.rmdir()
    other = project.run("t.py")
    assert [item["path"] for item in project.json("show", other)["outputs"]] != [
        item["path"] for item in project.json("show", run)["outputs"]
    ] or line.startswith("os.symlink")


def test_words_that_are_no_utf_8_are_compared_by_their_bytes(project: Project) -> None:
    project.write("t.py", "import os, time\nos.write(1, bytes([0xC0 + time.time_ns() // 1000 % 60]) + b'\\n')\n")
    for _ in range(4):  # one of sixty is the same by chance
        project.run("t.py")
        if project.reproduce()["verdict"] == "diverged":
            return
    pytest.fail("what differs in its bytes only was called the same")


def test_a_broken_off_reproduction_is_no_verdict(project: Project) -> None:
    project.write("t.py", "import os, time\nprint('x', flush=True)\ntime.sleep(float(os.environ['NAP']))\n")
    run = project.run("t.py", NAP="0")
    project.write("sleepy", "")
    command = [sys.executable, "-m", "anew", "reproduce", run]
    project.write("u.py", "import time\nprint(1, flush=True)\ntime.sleep(3)\n")
    run = project.run("u.py")
    command[-1] = run
    busy = subprocess.Popen(
        command, cwd=project.root, env=project.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), start_new_session=True,
    )  # fmt: skip
    time.sleep(1.8)
    busy.send_signal(signal.SIGINT)
    assert busy.wait(30) == 130
    assert project.json("show", run)["verdicts"] == []


def test_variables_that_are_gone_through_are_named_and_not_kept(project: Project) -> None:
    project.write(
        "t.py",
        "import os\nprint('n:', sum(float(v) for k, v in os.environ.items() if k.startswith('MYAPP_')))\n",
    )
    first = project.run("t.py", MYAPP_RATE="0.125")
    project.run("t.py", MYAPP_RATE="0.25")
    (cause,) = project.json("why", first, "last")["causes"]
    assert (cause["factor"], cause["what"]) == ("environment", "MYAPP_RATE")
    shown = project.json("show", first)
    assert shown["grade"]["letter"] == "C" and "0.125" not in json.dumps(shown["variables_marks"])
    verdict = project.reproduce(first)
    assert [(c["factor"], c["what"]) for c in verdict["causes"]] == [("environment", "MYAPP_RATE")]


def test_a_secret_file_that_changed_is_named(project: Project) -> None:
    project.write(".env", "RATE=0.5\n")
    project.write("t.py", "print('rate:', open('.env').read().strip()[5:])\n")
    run = project.run("t.py")
    assert project.reproduce(run)["verdict"] == "identical"
    project.write(".env", "RATE=0.7\n")
    verdict = project.reproduce(run)
    assert [(c["factor"], c["what"]) for c in verdict["causes"]] == [("config", ".env")]


def test_a_module_that_is_edited_before_it_is_imported_is_kept_as_it_ran(project: Project) -> None:
    late = project.write("late.py", "V = 1\n")
    project.write(
        "s.py",
        """
        import os, time
        open("ready", "w").close()
        while not os.path.exists("go"): time.sleep(0.01)
        import late
        print("acc:", late.V)
        """,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "anew", "run", "--quiet", "s.py"], cwd=project.root, env=project.environ
    )
    while not (project.root / "ready").exists():
        time.sleep(0.01)
    time.sleep(0.3)  # the snapshot of the start is made while the script runs
    late.write_text("V = 2  # since\n")
    (project.root / "go").touch()
    assert process.wait(60) == 0
    (project.root / "go").unlink()
    found = project.json("show", "last")
    assert found["metrics"] == {"acc": 2}
    project.anew("restore", "last", "there")
    assert (project.root / "there" / "late.py").read_text() == "V = 2  # since\n"
