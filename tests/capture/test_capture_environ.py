"""The script finds the variables that it would find without Anew, in the run and in its reproduction."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from anew.capture import bootstrap
from projects import Project

needs_shim = pytest.mark.skipif(not bootstrap.TRACER.exists(), reason="the file tracer is not built")
# What the interpreter's own start, and `anew run`, are known to add or fix for good.
_FIXED = {"PYTHONHASHSEED", "PWD", "_", "SHLVL", "OLDPWD"}


def plain(project: Project, *command: str, **environ: str) -> dict[str, str]:
    done = subprocess.run(
        command, cwd=project.root, env={**project.environ, **environ}, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@needs_shim
@pytest.mark.parametrize(
    "environ",
    [{}, {"PYTHONPATH": "/some/where:/else", "LD_PRELOAD": "libm.so.6", "ANEW_STORE": ""}],
    ids=["plain", "with paths of its own"],
)
def test_a_script_sees_none_of_ours(project: Project, environ: dict[str, str]) -> None:
    project.write("main.py", f"{SHOW}\nopen('env.json', 'w').write(json.dumps(dict(os.environ)))")
    environ["PWD"] = str(project.root)
    project.run("main.py", **environ)
    seen = json.loads((project.root / "env.json").read_text())
    expected = plain(project, sys.executable, "main.py", **environ)
    assert {k: v for k, v in seen.items() if k not in _FIXED} == {
        k: v for k, v in expected.items() if k not in _FIXED and not k.startswith("ANEW_")
    }
    verdict = project.reproduce(**environ)
    assert verdict["verdict"] == "identical", verdict


CHILDREN = {
    "subprocess": "import subprocess; subprocess.run([sys.executable, 'child.py'], check=True)",
    "its own environment": "import subprocess as s; s.run([sys.executable, 'child.py'], env=dict(os.environ))",
    "an empty one": "import subprocess; subprocess.run([sys.executable, 'child.py'], env={}, check=True)",
    "an empty one, cleared": "os.environ.clear(); os.execv(sys.executable, [sys.executable, 'child.py'])",
    "shell": "os.system(f'{sys.executable} child.py')",
    "popen of C": "import ctypes; C = ctypes.CDLL(None); C.popen.restype = ctypes.c_void_p\n"
    "C.pclose(ctypes.c_void_p(C.popen(f'{sys.executable} child.py'.encode(), b'r')))",
    "execl of C": "import ctypes; p = sys.executable.encode(); ctypes.CDLL(None).execl(p, p, b'child.py', None)",
    "exec": "os.execv(sys.executable, [sys.executable, 'child.py'])",
    "execve": "os.execve(sys.executable, [sys.executable, 'child.py'], {'A': 'b'})",
    "spawn": "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, 'child.py'], {}), 0)",
    "through a shell, with one": "import subprocess as s; s.run(['env', '-i', sys.executable, 'child.py'], check=True)",
    "multiprocessing": "import multiprocessing as m\n"
    "import child\nif __name__ == '__main__':\n"
    "    p = m.get_context('spawn').Process(target=child.work); p.start(); p.join()",
}


@needs_shim
@pytest.mark.parametrize("way", CHILDREN)
def test_children_are_captured_whatever_they_are_given(project: Project, way: str) -> None:
    project.write("in.txt", "x")
    project.write(
        "child.py",
        "import random\ndef work():\n    open('out.txt', 'w').write(open('in.txt').read() + str(random.random()))\n"
        "if __name__ == '__main__':\n    work()\n",
    )
    project.write("main.py", f"import os, sys\n{CHILDREN[way]}")
    run = project.run("main.py")
    shown = project.json("show", run)
    assert [item["path"] for item in shown["inputs"]] == ["in.txt"]
    assert [item["path"] for item in shown["outputs"]] == ["out.txt"]
    verdict = project.reproduce(run)  # its random numbers are put back, too
    assert verdict["verdict"] == "identical", verdict


@needs_shim
def test_a_shell_script_sees_none_of_ours_but_on_pythonpath(project: Project) -> None:
    project.write("main.sh", "env > env.txt")
    project.run("main.sh")
    names = [line.partition("=")[0] for line in (project.root / "env.txt").read_text().splitlines()]
    assert not [name for name in names if name.startswith(("ANEW_", "LD_"))]


def test_without_the_tracer_the_names_are_the_same_in_both(project: Project) -> None:
    project.write("main.py", "import os; print(sorted(os.environ), len(os.environ))")
    run = project.run("main.py", ANEW_PRELOAD="0")
    verdict = project.reproduce(run, ANEW_PRELOAD="0")
    assert verdict["verdict"] == "identical", verdict


def test_what_a_script_asks_of_anew_goes_to_the_store_of_its_run(project: Project) -> None:
    store = project.root.parent / "elsewhere"
    project.write(
        "main.py",
        "import subprocess, sys, anew\nanew.init().log({'a': 1.0})\n"
        "print('here', len(list(anew.runs())))\n"
        "words = [sys.executable, '-m', 'anew', 'runs', '--json']\n"
        "print('child', subprocess.run(words, capture_output=True).returncode)\n",
    )
    out = project.anew("run", "main.py", ANEW_STORE=str(store)).stdout
    assert "here 1" in out
    assert "child 0" in out
    assert not (project.root / ".anew").exists()
    assert os.listdir(store / "runs")
