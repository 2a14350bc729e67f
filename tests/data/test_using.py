"""Versions of data in scripts: named, noticed, read in place, and told of in the lineage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anew.api import open_index
from anew.lineage import graph
from anew.models.registry import Registry
from anew.store.ledger import Ledger
from anew.store.location import Store
from projects import Project


def datasets(project: Project, run: str) -> list[dict[str, Any]]:
    return [item["dataset"] for item in project.json("show", run)["datasets"]]


def setup(project: Project) -> None:
    for name in ("train/a.csv", "train/b.csv"):
        project.write(f"data/{name}", f"x,y\n1,{len(name)}\n")
    project.anew("add", "data")
    project.write("data/train/a.csv", "x,y\n2,2\n")
    project.anew("add", "data")


def test_a_run_that_reads_versioned_files_is_linked_by_itself(project: Project) -> None:
    setup(project)
    project.write("train.py", "print(open('data/train/a.csv').read())")
    [found] = datasets(project, project.run("train.py"))
    assert (found["name"], found["version"], found["path"], found["read"]) == ("data", 2, "data", 1)
    assert project.json("runs", "data.data.version = 2")["count"] == 1
    assert project.json("runs", f"data.data = '{found['digest']}'")["count"] == 1


def test_what_changed_since_is_no_version(project: Project) -> None:
    setup(project)
    project.write("data/train/b.csv", "changed\n")
    project.write("train.py", "print(open('data/train/b.csv').read())")
    [found] = datasets(project, project.run("train.py"))
    assert found["modified"]
    assert "version" not in found
    project.write("other.py", "print(open('data/train/a.csv').read())")
    [found] = datasets(project, project.run("other.py"))
    assert found["version"] == 2, "the file it read is as it was"


@pytest.mark.parametrize("tool", ["run", "python"])
def test_use_gives_the_version_that_is_asked_for(project: Project, tool: str) -> None:
    setup(project)
    project.write("train.py", """
        import anew
        old, new = anew.use("data:v1"), anew.use("data")
        print((old / "train" / "a.csv").read_text().strip()[-1], (new / "train" / "a.csv").read_text().strip()[-1])
        print(old.is_relative_to(anew.init().store.root), new.name)
    """)  # fmt: skip
    words = ["-m", "anew", "run"] if tool == "run" else []
    done = subprocess.run(
        [sys.executable, *words, "train.py"], cwd=project.root, env=project.environ, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == "1 2\nTrue data\n"
    run = project.json("show", "last")
    assert sorted(item["dataset"]["version"] for item in run["datasets"]) == [1, 2]
    assert project.reproduce()["verdict"] == "identical"


def test_a_version_made_by_a_run(project: Project) -> None:
    project.write("raw.txt", "raw")
    project.write("prepare.py", """
        import pathlib, anew
        pathlib.Path("clean").mkdir(exist_ok=True)
        pathlib.Path("clean/all.txt").write_text(open("raw.txt").read().upper())
        version = anew.add("clean", message="upper case")
        print(version.label)
    """)  # fmt: skip
    made = project.run("prepare.py")
    project.write("train.py", "import anew; print((anew.use('clean:latest') / 'all.txt').read_text())")
    read = project.run("train.py")
    [dataset] = project.json("log")
    [version] = dataset["versions"]
    assert (version["run_id"], version["message"]) == (made, "upper case")
    store = Store(project.root / ".anew")
    found = graph(open_index(store), Registry(Ledger(store.ledger)), f"data:{version['digest']}")
    assert found.edges[f"run:{made}", f"data:{version['digest']}"] == "wrote"
    assert found.edges[f"data:{version['digest']}", f"run:{read}"] == "read"


def test_read_in_place(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    pandas = pytest.importorskip("pandas")
    setup(project)
    project.write("data/big.bin", bytes(range(256)) * 4096)
    project.anew("add", "data")
    monkeypatch.chdir(project.root)
    fsspec.get_filesystem_class("anew").clear_instance_cache()
    fs = fsspec.filesystem("anew")
    assert fs.ls("data@v1", detail=False) == ["data@v1/train"]
    assert sorted(fs.find("anew://data@latest")) == [
        "data@latest/big.bin", "data@latest/train/a.csv", "data@latest/train/b.csv",
    ]  # fmt: skip
    assert fs.glob("data@v1/train/*.csv") == ["data@v1/train/a.csv", "data@v1/train/b.csv"]
    assert pandas.read_csv("anew://data@v1/train/a.csv")["y"].tolist() == [11]
    assert pandas.read_csv("anew://data@v2/train/a.csv")["x"].tolist() == [2]
    with fsspec.open("anew://data@v3/big.bin") as file:
        file.seek(500_000)
        assert file.read(300) == (bytes(range(256)) * 4096)[500_000:500_300]
    assert fs.info("data@v3/big.bin")["size"] == 1 << 20
    assert fs.isdir("data@v3/train")
    assert not fs.exists("data@v3/nothing")
    for path in ("data@v9/train/a.csv", "nothing@v1/a", "data@v1/none"):
        with pytest.raises(FileNotFoundError):
            fs.open(path)
    with pytest.raises(OSError, match="never change"):
        fs.open("data@v1/train/a.csv", "wb")


def test_reading_in_place_links_the_run(project: Project) -> None:
    pytest.importorskip("fsspec")
    setup(project)
    project.write("train.py", "import fsspec; print(fsspec.open('anew://data@v1/train/a.csv').open().read())")
    [found] = datasets(project, project.run("train.py"))
    assert (found["version"], found["path"]) == (1, "anew://data@v1")


def test_a_damaged_version_is_not_handed_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    project.write("data/f", b"x" * 50)
    project.anew("add", "data")
    for pack in Path(project.root, ".anew", "objects", "packs").iterdir():
        content = pack.read_bytes()
        pack.write_bytes(content.replace(b"x" * 50, b"y" * 50))
    monkeypatch.chdir(project.root)
    fsspec.get_filesystem_class("anew").clear_instance_cache()
    with pytest.raises(OSError, match="does not have the content"):
        fsspec.open("anew://data@v1/f").open().read()
