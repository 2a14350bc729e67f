"""Every file a script reads is an input, and every one it writes an output, however it does it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from anew.capture import bootstrap
from anew.store.journal_reader import Event, JournalReader
from projects import Project

needs_shim = pytest.mark.skipif(not bootstrap.TRACER.exists(), reason="the file tracer is not built")


def captured(project: Project, script: str, *words: str, shim: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the script; its inputs and outputs by path."""
    project.write("main.py", script)
    run = project.run(*(words or ("main.py",)), **({} if shim else {"ANEW_PRELOAD": "0"}))
    found = project.json("show", run)
    return {item["path"]: item for item in found["inputs"]}, {item["path"]: item for item in found["outputs"]}


def digest(data: bytes) -> str:
    return str(blake3(data).hexdigest())


READ = {
    "open": "open('in.bin','rb').read()",
    "os.open": "import os; os.read(os.open('in.bin', os.O_RDONLY), 9)",
    "pathlib": "from pathlib import Path; Path('in.bin').read_bytes()",
    "numpy": "import numpy as np; np.fromfile('in.bin', dtype='u1')",
    "memmap": "import numpy as np; print(np.memmap('in.bin', mode='r').sum())",
    "pandas": "import pandas as pd; pd.read_csv('in.bin')",
    "fork": "import os\nif os.fork() == 0:\n    open('in.bin').read(); os._exit(0)\nos.wait()",
    "spawn": (
        "import multiprocessing as mp\ndef f(): open('in.bin').read()\n"
        "if __name__ == '__main__':\n    p = mp.get_context('spawn').Process(target=f); p.start(); p.join()"
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as E\n"
        "from pathlib import Path\n"
        "for i in range(40): Path(f'x{i}').write_text('x')\n"
        "list(E(8).map(lambda n: open(n).read(), [*[f'x{i}' for i in range(40)], 'in.bin']))"
    ),
    "python": "import subprocess, sys; subprocess.run([sys.executable, '-c', \"open('in.bin').read()\"], check=True)",
    "chdir": "import os; os.mkdir('sub'); os.chdir('sub'); open('../in.bin').read()",
    "symlink": "import os; os.symlink('in.bin', 'link'); open('link').read()",
}
NATIVE = {
    "cat": "import subprocess; subprocess.run(['cat', 'in.bin'], check=True)",
    "bash": "import subprocess; subprocess.run('bash -c \"cat in.bin | tr 1 2 | wc -c\"', shell=True, check=True)",
    "fopen": "import ctypes; ctypes.CDLL(None).fopen(b'in.bin', b'r')",
}


@pytest.mark.parametrize("way", READ)
@pytest.mark.parametrize("shim", [pytest.param(True, marks=needs_shim, id="shim"), pytest.param(False, id="hook")])
def test_what_is_read_is_an_input(project: Project, way: str, shim: bool) -> None:
    if way == "pandas":
        pytest.importorskip("pandas")
    project.write("in.bin", b"a,b\n1,2\n")
    inputs, _ = captured(project, READ[way], shim=shim)
    found = inputs.get("in.bin") or inputs.get("link")
    assert found, inputs
    assert found["digest"] == digest(b"a,b\n1,2\n")
    assert found["stored"]


@needs_shim
@pytest.mark.parametrize("way", NATIVE)
def test_what_other_programs_read_is_an_input(project: Project, way: str) -> None:
    project.write("in.bin", b"a,b\n1,2\n")
    inputs, _ = captured(project, NATIVE[way])
    assert inputs["in.bin"]["digest"] == digest(b"a,b\n1,2\n")


WRITE = {
    "open": "open('out.bin','wb').write(b'new')",
    "os.open": "import os; os.write(os.open('out.bin', os.O_WRONLY | os.O_CREAT), b'new')",
    "rename": "import os; open('part','wb').write(b'new'); os.replace('part', 'out.bin')",
    "move": "import shutil; open('part','wb').write(b'new'); shutil.move('part', 'out.bin')",
    "append": "for b in (b'n', b'ew'): open('out.bin','ab').write(b)",
    "numpy": "import numpy as np; np.frombuffer(b'new', 'u1').tofile('out.bin')",
    "copy": "import shutil; open('a','wb').write(b'new'); shutil.copy('a', 'out.bin')",
}


@pytest.mark.parametrize("way", WRITE)
@pytest.mark.parametrize("shim", [pytest.param(True, marks=needs_shim, id="shim"), pytest.param(False, id="hook")])
def test_what_is_written_is_an_output(project: Project, way: str, shim: bool) -> None:
    inputs, outputs = captured(project, WRITE[way], shim=shim)
    assert outputs["out.bin"]["digest"] == digest(b"new")
    assert "out.bin" not in inputs
    assert "part" not in outputs
    assert "part" not in inputs


@needs_shim
def test_a_shell_pipeline(project: Project) -> None:
    project.write("in.txt", "1\n2\n3\n")
    project.write("pipe.sh", "python3 main.py < in.txt | sort -r > mid.txt\ncp mid.txt out.txt\n")
    inputs, outputs = captured(project, "import sys; print(open('in.txt').read())", "pipe.sh")
    assert inputs["in.txt"]["digest"] == digest(b"1\n2\n3\n")
    assert {"mid.txt", "out.txt"} <= outputs.keys()
    assert "mid.txt" not in inputs


@pytest.mark.parametrize("shim", [pytest.param(True, marks=needs_shim, id="shim"), pytest.param(False, id="hook")])
@pytest.mark.parametrize(
    "change",
    ["open('data.txt','w').write('after')", "f = open('data.txt','r+'); f.write('after'); f.close()",
     "open('data.txt','a').write('x')", "import os; open('n','w').write('after'); os.replace('n', 'data.txt')"],
    ids=["w", "r+", "a", "replace"],
)  # fmt: skip
def test_an_input_that_is_overwritten_is_kept_as_it_was(project: Project, change: str, shim: bool) -> None:
    project.write("data.txt", b"before")
    inputs, outputs = captured(project, f"print(open('data.txt').read())\n{change}\n", shim=shim)
    assert inputs["data.txt"]["digest"] == digest(b"before")
    assert inputs["data.txt"]["stored"]
    assert outputs["data.txt"]["digest"] == digest((project.root / "data.txt").read_bytes())


@pytest.mark.parametrize("shim", [pytest.param(True, marks=needs_shim, id="shim"), pytest.param(False, id="hook")])
def test_an_input_that_is_moved_away_is_still_one(project: Project, shim: bool) -> None:
    project.write("data.txt", b"before")
    inputs, _ = captured(project, "import os; os.replace('data.txt', 'moved.txt')", shim=shim)
    assert inputs["data.txt"]["digest"] == digest(b"before")


@pytest.mark.parametrize("shim", [pytest.param(True, marks=needs_shim, id="shim"), pytest.param(False, id="hook")])
def test_a_database(project: Project, shim: bool) -> None:
    import sqlite3

    connection = sqlite3.connect(project.root / "x.db")
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()
    before = digest((project.root / "x.db").read_bytes())
    script = "import sqlite3; c = sqlite3.connect('x.db'); c.execute('insert into t values (1)'); c.commit(); c.close()"
    inputs, outputs = captured(project, script, shim=shim)
    assert inputs["x.db"]["digest"] == before
    assert outputs["x.db"]["digest"] == digest((project.root / "x.db").read_bytes()) != before
    inputs, outputs = captured(project, "import sqlite3; sqlite3.connect('x.db').execute('select * from t').fetchall()")
    assert "x.db" in inputs
    assert "x.db" not in outputs


def test_nothing_of_the_system_or_of_ours_is_listed(project: Project) -> None:
    inputs, outputs = captured(
        project, "import json, sqlite3, ssl, tempfile\ntempfile.NamedTemporaryFile().write(b'x')"
    )
    assert not inputs
    assert not outputs


@pytest.mark.real
@needs_shim
def test_models_saved_and_loaded(project: Project) -> None:
    for name in ("xgboost", "lightgbm", "torch"):
        pytest.importorskip(name)
    project.write("train.csv", "1,2,3\n0,4,5\n" * 60)
    script = """
        import lightgbm, numpy, torch, xgboost
        data = numpy.loadtxt("train.csv", delimiter=",")
        booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(data[:, 1:], data[:, 0]), 2)
        booster.save_model("model.ubj")
        xgboost.Booster().load_model("model.ubj")
        lightgbm.Dataset("native.csv", params={"verbose": -1, "min_data_in_bin": 1}).construct()
        torch.save({"w": torch.ones(3)}, "net.pt")
        torch.load("net.pt")
    """
    project.write("native.csv", "1,2,3\n0,4,5\n" * 60)
    inputs, outputs = captured(project, script)
    assert set(inputs) == {"train.csv", "native.csv"}
    assert {"model.ubj", "net.pt"} <= set(outputs)
    assert outputs["net.pt"]["type"] == "model"


def test_names_of_any_bytes(project: Project) -> None:
    name = os.fsdecode(b"\xff\xfe tab\tline\n.bin")
    (project.root / name).write_bytes(b"x")
    project.write("main.py", f"open({name!r},'rb').read(); open({name + '.out'!r},'wb').write(b'y')")
    project.anew("run", "main.py")
    (journal,) = (project.root / ".anew" / "runs").glob("*/journal")
    said = [(item.kind, item.body) for item in JournalReader(journal) if isinstance(item, Event)]
    assert [(body["path"], body["digest"]) for kind, body in said if kind == "input"] == [(name, digest(b"x"))]
    assert [(body["path"], body["digest"]) for kind, body in said if kind == "output"] == [
        (f"{name}.out", digest(b"y"))
    ]


def test_an_input_outside_of_the_project(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "data.txt"
    outside.parent.mkdir()
    outside.write_text("x")
    inputs, _ = captured(project, f"open({str(outside)!r}).read()")
    assert inputs[str(outside)]["digest"] == digest(b"x")
    assert inputs[str(outside)]["outside"]
    assert sys.executable not in inputs
