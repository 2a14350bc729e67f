"""Compiled code that a run is made of: programs it executes and libraries it loads, kept by content."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from anew.capture import bootstrap
from projects import Project, factors

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="there is no compiler")
needs_shim = pytest.mark.skipif(not bootstrap.TRACER.exists(), reason="the file tracer is not built")
TOOL = '#include <stdio.h>\nint main() { puts("acc 0.9"); }\n'
MODULE = """
#include <Python.h>
static PyObject *f(PyObject *s, PyObject *a) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"f", f, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", 0, -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
"""


def compiled(path: Path, source: str, *options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-x", "c", "-", "-o", str(path), *options], input=source, text=True, check=True)
    return path


def inputs(project: Project) -> dict[str, Any]:
    return {item["path"]: item for item in project.json("show", "last")["inputs"]}


WAYS = {
    "import": ("import fast; print(fast.f())", "fast.so"),
    "ctypes": ("import ctypes; print(ctypes.CDLL('./lib.so').f())", "lib.so"),
    "subprocess": ("import subprocess; print(subprocess.check_output(['./tool']).decode())", "tool"),
    "with an environment": ("import subprocess as s; print(s.check_output('./tool', env={'A': 'b'}))", "tool"),
    "system": ("import os; os.system('./tool > r.txt'); print(open('r.txt').read())", "tool"),
    "exec": ("import os; os.execv('./tool', ['tool'])", "tool"),
    "spawn": ("import os; os.waitpid(os.posix_spawn('./tool', ['tool'], os.environ), 0)", "tool"),
    "fork": (
        "import os\nif not os.fork():\n    import fast\n    print(fast.f(), flush=True); os._exit(0)\nos.wait()",
        "fast.so",
    ),
}


@pytest.fixture
def built(project: Project) -> Project:
    compiled(project.root / "tool", TOOL)
    compiled(project.root / "lib.so", "int f() { return 42; }\n", "-shared", "-fPIC")
    include = sysconfig.get_paths()["include"]
    compiled(project.root / "fast.so", MODULE, "-shared", "-fPIC", f"-I{include}")
    return project


@pytest.mark.parametrize(
    ("way", "shim"),
    [
        *(pytest.param(way, True, marks=needs_shim, id=way) for way in WAYS),
        *(pytest.param(way, False, id=f"{way}, hook") for way in WAYS if way != "system"),
    ],
)
def test_compiled_code_of_the_project_is_kept(built: Project, way: str, shim: bool) -> None:
    script, name = WAYS[way]
    built.write("main.py", script)
    built.run("main.py", **({} if shim else {"ANEW_PRELOAD": "0"}))
    found = inputs(built)
    assert set(found) == {name}
    assert (found[name]["role"], found[name]["stored"], found[name]["executable"]) == ("program", True, True)


@needs_shim
def test_it_is_put_back_and_a_rebuilt_one_is_named(built: Project) -> None:
    built.write(".gitignore", "tool\n*.so\n.anew\n")
    built.write("main.py", "import subprocess, fast; print(fast.f(), subprocess.check_output(['./tool']).decode())")
    first = built.run("main.py")
    assert built.json("show", "last")["grade"]["letter"] == "A"
    compiled(built.root / "tool", TOOL.replace("0.9", "0.8"))
    (built.root / "fast.so").unlink()
    verdict = built.reproduce(first)
    assert verdict["verdict"] == "identical", verdict
    built.anew("restore", first, "back")
    assert subprocess.check_output([built.root / "back" / "tool"]) == b"acc 0.9\n"
    built.write("main.py", "import subprocess; print(subprocess.check_output(['./tool']).decode())")
    built.anew("restore", first, "old")
    shutil.copy2(built.root / "old" / "tool", built.root / "tool")
    one = built.run("main.py")
    compiled(built.root / "tool", TOOL.replace("0.9", "0.8"))
    other = built.run("main.py")
    assert factors(built.json("why", one, other)) == {"code"}


@needs_shim
def test_a_variable_that_only_compiled_code_reads_and_the_umask_are_put_back(project: Project) -> None:
    source = """
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/stat.h>
    int main() { char *rate = getenv("RATE"); printf("%s %o\\n", rate ? rate : "none", umask(0)); }
    """
    compiled(project.root / "tool", source)
    project.write("main.py", "import subprocess; print(subprocess.check_output(['./tool']).decode())")
    old = os.umask(0o077)
    try:
        first = project.run("main.py", RATE="0.1", OTHER="x")
    finally:
        os.umask(old)
    shown = project.json("show", first)
    assert shown["variables"]["RATE"] == "0.1" and "OTHER" not in shown["variables"]
    assert project.reproduce(first, RATE="0.2")["verdict"] == "identical"
    second = project.run("main.py", RATE="0.2")
    assert factors(project.json("why", first, second)) == {"environment"}


@needs_shim
def test_a_program_as_the_command(built: Project) -> None:
    run = built.run("--", "./tool")
    assert inputs(built)["tool"]["stored"]
    assert built.json("show", "last")["grade"]["letter"] == "A"
    compiled(built.root / "tool", TOOL.replace("0.9", "0.8"))
    assert built.reproduce(run)["verdict"] == "identical"


@needs_shim
def test_a_static_program(built: Project) -> None:
    compiled(built.root / "tool", TOOL, "-static")
    run = built.run("--", "./tool")
    assert inputs(built)["tool"]["stored"]
    assert built.reproduce(run)["verdict"] == "identical"


@needs_shim
def test_a_launcher_passes_on_what_it_was_given(project: Project) -> None:
    """One that starts its processes by other means than ours, as `srun` does on other machines."""
    source = "#include <sys/syscall.h>\n#include <unistd.h>\nextern char **environ;\n"
    source += "int main(int c, char **v) { return syscall(SYS_execve, v[1], v + 1, environ); }\n"
    compiled(project.root / "launch", source)
    project.write("main.py", "import random; print(random.random(), open('in.txt').read())")
    project.write("in.txt", "x")
    run = project.run("--", "./launch", sys.executable, "main.py")
    assert set(inputs(project)) == {"launch", "in.txt"}
    assert project.reproduce(run)["verdict"] == "identical"


@needs_shim
def test_what_the_run_builds_itself_is_no_input(project: Project) -> None:
    project.write("tool.c", TOOL)
    project.write("main.py", "import os; os.system('gcc tool.c -o tool'); os.system('./tool')")
    run = project.run("main.py")
    assert not [item for item in inputs(project).values() if item["role"] == "program"]
    assert project.reproduce(run)["verdict"] == "identical"


@needs_shim
def test_compiled_code_outside_of_the_project(project: Project, tmp_path: Path) -> None:
    far = tmp_path / "a" / "b" / "c" / "d"
    tool = compiled(far / "tool", TOOL)
    library = compiled(far / "lib.so", "int f() { return 42; }\n", "-shared", "-fPIC")
    project.write(
        "main.py",
        "import ctypes, subprocess\n"
        f"print(ctypes.CDLL({str(library)!r}).f(), subprocess.check_output([{str(tool)!r}]))\n",
    )
    run = project.run("main.py")
    found = inputs(project)
    assert set(found) == {str(tool), str(library)}
    assert all(item["outside"] and item["digest"] for item in found.values())
    compiled(far / "tool", TOOL.replace("0.9", "0.8"))
    compiled(far / "lib.so", "int f() { return 41; }\n", "-shared", "-fPIC")
    assert project.reproduce(run)["verdict"] == "identical"
    other = project.run("main.py")
    assert {cause["what"] for cause in project.json("why", run, other)["causes"]} == {str(tool), str(library)}


@needs_shim
def test_a_large_one_outside_is_known_by_its_digest_and_the_grade_says_so(project: Project, tmp_path: Path) -> None:
    tool = compiled(tmp_path / "a" / "b" / "c" / "d" / "tool", TOOL)
    with tool.open("ab") as file:
        file.truncate(65 << 20)
    project.write("main.py", f"import subprocess; print(subprocess.check_output([{str(tool)!r}]))")
    run = project.run("main.py")
    grade = project.json("show", "last")["grade"]
    assert (grade["letter"], [gap["what"] for gap in grade["missing"]]) == ("B", [str(tool)])
    assert project.reproduce(run)["verdict"] == "identical"
    with tool.open("r+b") as file:
        file.truncate(66 << 20)
    verdict = project.reproduce(run)
    assert (verdict["verdict"], {gap["factor"] for gap in verdict["missing"]}) == ("not_reproducible", {"code"})


@needs_shim
@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
@pytest.mark.parametrize("inside", [True, False])
def test_what_is_installed_in_an_environment_is_no_part_of_it(
    project: Project, tmp_path: Path, mark: str, inside: bool
) -> None:
    folder = (project.root if inside else tmp_path / "far") / "env"
    tool = compiled(folder / "bin" / "tool", TOOL)
    (folder / mark).parent.mkdir(exist_ok=True)
    (folder / mark).write_text("")
    project.write("main.py", f"import subprocess; print(subprocess.check_output([{str(tool)!r}]))")
    project.run("main.py")
    assert not inputs(project)


@needs_shim
def test_signals_are_as_they_were_after_shells_of_many_threads(project: Project) -> None:
    project.write(
        "main.py",
        "import os, signal, threading\n"
        "ways = ['sleep 0.2', 'true', 'exit 3', 'kill -9 $$']\n"
        "found = {}\n"
        "def go(way): found[way] = os.system(way)\n"
        "threads = [threading.Thread(target=go, args=(way,)) for way in ways]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print([found[way] for way in ways], signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
        "print(os.popen('echo back').read()); os.kill(os.getpid(), signal.SIGINT)\n",
    )
    done = project.anew("run", "main.py", code=None)
    assert "[0, 0, 768, 9] True\nback\n" in done.stdout
    assert "KeyboardInterrupt" in done.stderr


@needs_shim
def test_a_script_outside_of_the_project_stays_executable(project: Project, tmp_path: Path) -> None:
    for name in ("tool", "tool.sh"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho 1\n")
        path.chmod(0o755)
    project.write(
        "main.py", f"import subprocess\nfor n in ('tool', 'tool.sh'): subprocess.run([{str(path.parent)!r} + '/' + n])"
    )
    run = project.run("main.py")
    for name in ("tool", "tool.sh"):
        (path.parent / name).write_text("#!/bin/sh\necho 2\n")
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "identical", verdict


@needs_shim
def test_a_library_finds_what_lies_beside_it(project: Project) -> None:
    """The C library looks at who calls dlopen, which must not be us."""
    compiled(project.root / "deep" / "libinner.so", "int inner() { return 7; }\n", "-shared", "-fPIC")
    outer = (
        '#include <dlfcn.h>\nint outer() { void *it = dlopen("libinner.so", RTLD_NOW);\n'
        'return it ? ((int (*)(void))dlsym(it, "inner"))() : -1; }\n'
    )
    options = ("-shared", "-fPIC", "-Wl,-rpath,$ORIGIN", "-ldl")
    compiled(project.root / "deep" / "libouter.so", outer, *options)
    project.write("main.py", "import ctypes; print('got', ctypes.CDLL('deep/libouter.so').outer())")
    assert "got 7" in project.anew("run", "main.py").stdout
    assert set(inputs(project)) == {"deep/libinner.so", "deep/libouter.so"}
