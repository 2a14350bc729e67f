"""`anew run` in a real process: output, exit codes, signals, git in all its states, and being killed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project

ANEW = [sys.executable, "-m", "anew", "run"]


def console(project: Project, stream: str = "stdout") -> str:
    from anew.reproduction.record import load
    from anew.store.location import Store
    from anew.store.objects import Objects

    store = Store(project.root / ".anew")
    with Objects(store.objects) as objects:
        return load(store, project.json("show", "last")["id"], objects).console[stream]


def _default_signals() -> None:
    """A test suite in the background of a shell inherits that SIGINT is ignored; under nohup, SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(project: Project, script: str, *options: str) -> subprocess.Popen[bytes]:
    """Begin a run, and wait until the script says that it is ready."""
    project.write(
        "train.py", "import os, signal, sys, time\n" + script + "\nopen('ready','w').close()\ntime.sleep(60)\n"
    )
    running = subprocess.Popen(
        [*ANEW, *options, "train.py"], cwd=project.root, env=project.environ, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=_default_signals,
    )  # fmt: skip
    while not (project.root / "ready").exists():
        assert running.poll() is None
        time.sleep(0.02)
    return running


def test_output_of_all_kinds_is_passed_on_and_kept(project: Project) -> None:
    project.write("train.py", """
        import ctypes, os, subprocess, sys
        print("plain", flush=True)
        ctypes.CDLL(None).puts(b"from C"); ctypes.CDLL(None).fflush(None)
        subprocess.run(["echo", "from a child"])
        os.write(1, b"\\xff\\xfe\\n")
        for i in range(200): sys.stderr.write(f"\\r{i}%")
        sys.stderr.write("\\n")
        os.write(1, b"no end")
    """)  # fmt: skip
    done = project.anew("run", "--quiet", "train.py")
    assert done.stdout == "plain\nfrom C\nfrom a child\n\ufffd\ufffd\nno end"
    assert console(project).encode("utf-8", "surrogateescape") == b"plain\nfrom C\nfrom a child\n\xff\xfe\nno end"
    assert console(project, "stderr") == "199%\n"


def test_ten_megabytes_of_output(project: Project) -> None:
    project.write("train.py", "for i in range(100_000): print('%099d' % i)\n")
    done = project.anew("run", "--quiet", "train.py")
    assert done.stdout == console(project) == "".join(f"{i:099d}\n" for i in range(100_000))


def test_nobody_listens(project: Project) -> None:
    project.write("train.py", "for i in range(50_000): print('line', i)\nopen('end','w').close()\n")
    subprocess.run(f"{' '.join(ANEW)} train.py | head -1", shell=True, cwd=project.root, env=project.environ,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    assert (project.root / "end").exists()
    assert project.json("show", "last")["status"] == "finished"


def test_a_terminal_stays_a_terminal(project: Project) -> None:
    project.write("train.py", "import os, sys\nprint(sys.stdout.isatty(), sys.stderr.isatty())\nprint('second')\n")
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*ANEW, "--quiet", "train.py"], cwd=project.root, env=project.environ, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    data = b""
    while True:
        try:
            piece = os.read(ours, 1000)
        except OSError:
            break
        if not piece:
            break
        data += piece
    assert running.wait() == 0
    os.close(ours)
    assert data == b"True True\r\nsecond\r\n"
    assert console(project) == "True True\nsecond\n"


@pytest.mark.parametrize(
    ("script", "code", "status"),
    [
        ("", 0, "finished"), ("raise SystemExit(3)", 3, "failed"), ("1/0", 1, "failed"), ("if", 1, "failed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "killed"),
        ("import os; os._exit(7)", 7, "failed"),
        ("import ctypes; ctypes.string_at(0)", 139, "killed"), ("raise SystemExit(200)", 200, "failed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, "killed"),
    ],
)  # fmt: skip
def test_the_exit_code_is_the_scripts(project: Project, script: str, code: int, status: str) -> None:
    project.write("train.py", script)
    project.anew("run", "train.py", code=code)
    found = project.json("show", "last")
    assert (found["exit_code"], found["status"]) == (code, status)


def test_a_script_that_is_not_there(project: Project) -> None:
    assert "missing.py" in project.anew("run", "missing.py", code=2).stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_to_the_supervisor_reach_the_script(project: Project, number: int, code: int) -> None:
    running = start(project, "")
    running.send_signal(number)
    assert running.wait(30) == code
    assert project.json("show", "last")["status"] == "killed"


def test_a_script_that_handles_its_signal(project: Project) -> None:
    running = start(project, "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))")
    running.terminate()
    assert running.wait(30) == 0
    assert console(project) == "bye\n"


COUNTING = """
taken = []
def take(number, frame):
    taken.append(number)
    time.sleep(0.5)
    open('taken', 'w').write(str(len(taken)))
    sys.exit(7)
signal.signal(signal.SIG{name}, take)
"""


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
@pytest.mark.parametrize("whole", [True, False], ids=["to the group", "to us alone"])
def test_a_signal_comes_once(project: Project, name: str, whole: bool) -> None:
    running = start(project, COUNTING.format(name=name))
    number = signal.Signals[f"SIG{name}"]
    os.killpg(running.pid, number) if whole else running.send_signal(number)
    assert running.wait(30) == 7
    assert (project.root / "taken").read_text() == "1"
    left = subprocess.run(["pgrep", "-g", str(running.pid)], capture_output=True, text=True).stdout
    assert left == "", "nothing of ours stays"


def test_a_group_that_was_stopped_comes_to_its_end(project: Project) -> None:
    """Ctrl-Z, and then only we and the script are sent on."""
    running = start(project, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))")
    os.killpg(running.pid, signal.SIGSTOP)
    found = subprocess.run(["pgrep", "-g", str(running.pid)], capture_output=True, text=True).stdout.split()
    for pid in found:
        if Path(f"/proc/{pid}/comm").read_text() != "cat\n":
            os.kill(int(pid), signal.SIGCONT)
    running.terminate()
    assert running.wait(30) == 0


def test_a_run_killed_with_all_its_processes_is_found_and_recovered(project: Project) -> None:
    script = "print('acc: 0.5', flush=True); open('out.txt','w').write('x'); import anew; anew.log({'loss': 0.25})"
    project.write("data.txt", "d")
    running = start(project, script + "; open('data.txt').read()")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    found = project.json("show", "last")
    assert found["status"] == "crashed"
    assert found["metrics"]["loss"] == 0.25
    assert [item["path"] for item in found["inputs"]] == ["data.txt"]
    assert "out.txt" in [item["path"] for item in found["outputs"]]
    assert found["grade"]["letter"] in "BC"
    assert not list((project.root / ".anew" / "runs").glob("*/spool"))


def test_a_store_that_can_not_be_written(project: Project) -> None:
    project.write("train.py", "print('ran')")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(project.root)], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        project.write("train.py", "print('ran')")
        (project.root / ".anew" / "runs").mkdir(parents=True)
        (project.root / ".anew" / "format").write_text("anew 1\n")
        (project.root / ".anew" / ".gitignore").write_text("*\n")
        subprocess.run(["mount", "-o", "remount,ro", str(project.root)], check=True)
        done = project.anew("run", "train.py")
        assert done.stdout == "ran\n"
        assert "can't be written" in done.stderr
        refused = project.anew("run", "train.py", code=1, ANEW_STORE=str(project.root / ".anew"))
        assert "ANEW_STORE" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        subprocess.run(["umount", str(project.root)], check=True)


def test_ranks_write_to_one_run(project: Project) -> None:
    project.write("train.py", """
        import os, subprocess, sys
        import anew
        rank = int(os.environ.get("RANK", "-1"))
        if rank < 0:
            ranks = [{**os.environ, "RANK": str(r)} for r in range(3)]
            children = [subprocess.Popen([sys.executable, __file__], env=environ) for environ in ranks]
            assert not any([child.wait() for child in children])
        else:
            for step in range(50): anew.log({f"loss/{rank}": step / 10}, step)
            anew.finish(); anew.init(); anew.log({"again": 1.0})
    """)  # fmt: skip
    run = project.run("train.py")
    found = project.json("show", run)
    assert [found["metric_stats"][f"loss/{r}"]["count"] for r in range(3)] == [50] * 3
    assert found["metrics"]["again"] == 1.0
    assert project.json("runs")["count"] == 1


def test_under_plain_python(project: Project) -> None:
    project.write("train.py", """
        import os, sys, anew
        run = anew.init(project="p", config={"lr": 0.1, "net": {"depth": 2}}, tags=["baseline"], notes="n")
        anew.log({"loss": 0.5, "nest": {"a": 1}}); open("out.txt", "w").write("x"); open("in.txt").read()
        if os.fork() == 0:
            anew.log({"child": 1.0}); sys.exit(0)
        os.wait(); print("said")
        anew.log({"loss": 0.25})
    """)  # fmt: skip
    project.write("in.txt", "in")
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=project.root, env=project.environ, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines().count("said") == 1
    found = project.json("show", "last")
    assert (found["status"], found["project"], found["notes"]) == ("finished", "p", "n")
    assert (found["metrics"]["loss"], found["metrics"]["child"], found["metrics"]["nest/a"]) == (0.25, 1.0, 1.0)
    assert (found["config"]["net.depth"], found["tags"]) == (2, {"baseline": ""})
    assert [item["path"] for item in found["outputs"]] == ["out.txt"]
    assert [item["path"] for item in found["inputs"]] == ["in.txt"]


# Git


def git(project: Project, *words: str, cwd: Path | None = None) -> None:
    settings = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "protocol.file.allow=always",
        "-c",
        "init.defaultBranch=main",
    ]
    subprocess.run(
        ["git", *settings, *words], cwd=cwd or project.root, check=True, capture_output=True, env=project.environ
    )


@pytest.fixture
def repository(project: Project) -> Project:
    project.write("train.py", "import helper\nprint(helper.x)\n")
    project.write("helper.py", "x = 1\n")
    git(project, "init", "-q")
    git(project, "add", "train.py")
    git(project, "commit", "-qm", "first")
    return project


def test_a_dirty_tree_with_an_untracked_module(repository: Project) -> None:
    repository.write("train.py", "import helper\nprint(helper.x + 1)\n")
    code = repository.json("show", repository.run("train.py"))["code"]
    assert (code["vcs"], code["branch"], code["dirty"]) == ("git", "main", True)
    assert len(code["commit"]) == 40
    assert set(code["used"]) == {"train.py", "helper.py"}
    assert code["untracked"] == ["helper.py"]
    assert code["diff"]


def test_a_detached_head_in_a_subfolder(repository: Project) -> None:
    git(repository, "checkout", "-q", "--detach")
    repository.write("sub/go.py", "open('here.txt', 'w').write('x')")
    repository.anew("run", "go.py", cwd=repository.root / "sub")
    found = repository.json("show", "last")
    assert found["code"]["branch"] is None
    assert set(found["code"]["used"]) == {"sub/go.py"}
    assert [item["path"] for item in found["outputs"]] == ["sub/here.txt"]


def test_a_submodule(repository: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lib.py").write_text("y = 2\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        git(repository, *words, cwd=other)
    git(repository, "submodule", "--quiet", "add", str(other), "vendor")
    repository.write("train.py", "import sys; sys.path.insert(0, 'vendor'); import lib; print(lib.y)")
    code = repository.json("show", repository.run("train.py"))["code"]
    assert set(code["used"]) == {"train.py", "vendor/lib.py"}


def test_without_git_in_reach(repository: Project, tmp_path: Path) -> None:
    code = repository.json("show", repository.run("train.py", PATH=str(tmp_path)), PATH=str(tmp_path))["code"]
    assert code["vcs"] is None
    assert set(code["used"]) == {"train.py", "helper.py"}


def test_an_empty_repository(project: Project) -> None:
    git(project, "init", "-q")
    project.write("train.py", "pass")
    code = project.json("show", project.run("train.py"))["code"]
    assert (code["vcs"], code["commit"]) == ("git", None)
    assert set(code["used"]) == {"train.py"}


def test_a_package_run_with_m(project: Project) -> None:
    project.write("pkg/__init__.py", "")
    project.write("pkg/__main__.py", "from pkg.deep import part")
    project.write("pkg/deep/__init__.py", "")
    project.write("pkg/deep/part.py", "print('part')")
    code = project.json("show", project.run("-m", "pkg"))["code"]
    assert set(code["used"]) == {"pkg/__init__.py", "pkg/__main__.py", "pkg/deep/__init__.py", "pkg/deep/part.py"}


def test_killing_the_supervisor_does_not_stop_the_training(project: Project) -> None:
    project.write(
        "t.py",
        """
        import time
        for i in range(20):
            print("tick", i, flush=True)
            time.sleep(0.1)
        open("done.txt", "w").write("1")
        """,
    )
    runner = subprocess.Popen(
        [sys.executable, "-m", "anew", "run", "t.py"],
        cwd=project.root, env=project.environ, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert runner.stdout is not None and runner.stdout.readline() == b"tick 0\n"
    runner.kill()
    runner.wait()
    runner.stdout.close()
    assert project.json("show", "last")["status"] == "running"
    assert list(project.root.glob(".anew/runs/*/spool"))  # the script lives on, and still needs it
    deadline = time.monotonic() + 20
    while not (project.root / "done.txt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    document = project.json("show", "last")
    assert document["status"] == "crashed"
    assert [item["path"] for item in document["outputs"]] == ["done.txt"]
