"""Versions of data in a project: added, compared, checked out, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.data import pointer as pointers
from anew.data.workspace import Changes, Workspace
from anew.errors import Conflict, CorruptData, NotFound, UsageError
from anew.store.location import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


@pytest.fixture
def work(root: Path) -> Iterator[Workspace]:
    with Workspace(Store(root / ".anew"), root) as work:
        yield work


def snapshot(folder: Path) -> dict[bytes, object]:
    """Every path below a folder with what it holds: content, x bit, or where a link points."""
    found: dict[bytes, object] = {}
    top = os.fsencode(folder)
    for base, folders, files in os.walk(top):
        for name in files + folders:
            path = os.path.join(base, name)
            key = os.path.relpath(path, top)
            if os.path.islink(path):
                found[key] = os.readlink(path)
            elif os.path.isdir(path):
                found[key] = "folder"
            else:
                with open(path, "rb") as file:
                    found[key] = file.read(), bool(os.stat(path).st_mode & 0o100)
    return found


def odd(folder: Path) -> Path:
    """A folder with all that a folder can hold."""
    (folder / "empty" / "deep").mkdir(parents=True)
    (folder / "a b").write_text("space")
    (folder / "new\nline").write_text("n")
    (folder / "-dash").write_text("d")
    (folder / "quote'\"").write_text("q")
    (folder / "émoji 🦊").write_text("e")
    (folder / "zero").write_bytes(b"")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("a b")
    (folder / "dangling").symlink_to("/nowhere/at/all")
    (folder / "big").write_bytes(os.urandom(400_000))
    with open(os.fsencode(folder) + b"/latin\xe9", "wb") as out:
        out.write(b"l")
    return folder


def test_a_folder_goes_in_and_comes_back(work: Workspace, root: Path) -> None:
    data = odd(root / "data")
    before = snapshot(data)
    version, new = work.add(data, message="first")
    assert (version.label, version.message, new) == ("data:v1", "first", True)
    assert version.files == 9
    shutil.rmtree(data)
    [pointer] = work.tracked()
    assert work.state(pointer).state == "missing"
    work.checkout(pointer)
    assert snapshot(data) == before
    assert work.state(pointer).state == "clean"


def test_a_file_is_data_too(work: Workspace, root: Path) -> None:
    file = root / "tool.bin"
    file.write_bytes(b"one")
    file.chmod(0o755)
    work.add(file)
    file.write_bytes(b"two")
    version, _ = work.add(file)
    assert (version.label, version.kind, version.size) == ("tool.bin:v2", "file", 3)
    file.unlink()
    work.checkout(work.pointer_of(work.datasets.version("tool.bin:v1")))
    assert file.read_bytes() == b"one"
    assert file.stat().st_mode & 0o100
    work.checkout(work.pointer_of(work.datasets.version("tool.bin:v2"), root / "other name"))
    assert (root / "other name").read_bytes() == b"two"
    assert {pointer.path.name: work.state(pointer).state for pointer in work.tracked()} == {
        "tool.bin": "clean", "other name": "clean",
    }  # fmt: skip


def test_what_changed_is_named(work: Workspace, root: Path) -> None:
    data = root / "data"
    (data / "in").mkdir(parents=True)
    for name in ("stays", "goes", "in/changes", "in/runs"):
        (data / name).write_text(name)
    work.add(data)
    (data / "goes").unlink()
    (data / "in" / "changes").write_text("otherwise")
    (data / "in" / "runs").chmod(0o755)
    (data / "comes").write_text("new")
    [pointer] = work.tracked()
    assert work.state(pointer).changes == Changes(["comes"], ["in/changes", "in/runs"], ["goes"])


def test_the_same_content_is_no_new_version(work: Workspace, root: Path) -> None:
    data = odd(root / "data")
    first, _ = work.add(data)
    assert work.add(data) == (first, False)
    (data / "more").write_text("m")
    assert work.add(data)[0].number == 2
    (data / "more").unlink()
    third, new = work.add(data)
    assert (third.number, third.digest, new) == (3, first.digest, True), "back again is a step of its history"


def test_checking_out_loses_nothing(work: Workspace, root: Path) -> None:
    data = root / "data"
    data.mkdir()
    (data / "a").write_text("first")
    work.add(data)
    (data / "a").write_text("second")
    work.add(data)
    (data / "a").write_text("never added")
    (data / "b").write_text("never added either")
    before = snapshot(data)
    old = work.pointer_of(work.datasets.version("data:v1"))
    with pytest.raises(Conflict, match=r"2 files that are kept nowhere \(a, b\)"):
        work.checkout(old)
    assert snapshot(data) == before
    assert next(work.tracked()).digest != old.digest
    work.checkout(old, force=True)
    assert snapshot(data) == {b"a": (b"first", False)}
    work.checkout(work.pointer_of(work.datasets.version("data:latest")))
    assert (data / "a").read_text() == "second"


def test_kinds_change_places(work: Workspace, root: Path) -> None:
    data = root / "data"
    (data / "x").mkdir(parents=True)
    (data / "x" / "inner").write_text("1")
    (data / "y").write_text("file")
    (data / "z").symlink_to("y")
    work.add(data)
    one = snapshot(data)
    shutil.rmtree(data / "x")
    (data / "x").write_text("now a file")
    (data / "y").unlink()
    (data / "y" / "empty").mkdir(parents=True)
    (data / "z").unlink()
    (data / "z").mkdir()
    (data / "z" / "f").write_text("f")
    work.add(data)
    two = snapshot(data)
    for label, expected in (("data:1", one), ("data:2", two), ("data:1", one)):
        work.checkout(work.pointer_of(work.datasets.version(label)))
        assert snapshot(data) == expected


def test_only_a_part(work: Workspace, root: Path) -> None:
    data = root / "data"
    for name in ("train/a.txt", "train/b.bin", "test/a.txt", "readme"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    work.add(data)
    shutil.rmtree(data)
    version = work.datasets.version("data")
    work.checkout(work.pointer_of(version, only=["train", "*/a.txt"]))
    assert {name for name, held in snapshot(data).items() if held != "folder"} == {
        b"train/a.txt", b"train/b.bin", b"test/a.txt",
    }  # fmt: skip
    [pointer] = work.tracked()
    assert work.state(pointer).state == "clean"
    (data / "train" / "a.txt").unlink()
    assert work.state(pointer).changes.removed == ["train/a.txt"]
    with pytest.raises(Conflict, match="partial"):
        work.add(data)
    work.checkout(work.pointer_of(version))
    assert (data / "readme").exists()


@pytest.mark.parametrize(
    ("reference", "number"),
    [("data", 2), ("data:latest", 2), ("data:v1", 1), ("data@1", 1), ("data:golden", 1), ("data:{digest}", 1)],
)
def test_references(work: Workspace, root: Path, reference: str, number: int) -> None:
    (root / "data").write_text("1")
    first, _ = work.add(root / "data")
    (root / "data").write_text("2")
    work.add(root / "data")
    work.datasets.set_alias("data", "golden", 1)
    assert work.datasets.version(reference.format(digest=first.digest[:10])).number == number


@pytest.mark.parametrize("reference", ["data:v3", "data:0", "data:silver", "data:abc", "nothing", "data:v1x"])
def test_references_to_nothing(work: Workspace, root: Path, reference: str) -> None:
    (root / "data").write_text("1")
    work.add(root / "data")
    with pytest.raises(NotFound):
        work.datasets.version(reference)


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "a@b", ".hidden", "-dash", "a\nb", "x" * 201, " a"])
def test_names_that_can_not_be(work: Workspace, root: Path, name: str) -> None:
    (root / "data").write_text("1")
    with pytest.raises(UsageError):
        work.datasets.add(work.add(root / "data")[0].__class__(name, 0, "0" * 64, "file", 0, 1, ""))


def test_what_can_not_be_added(work: Workspace, root: Path) -> None:
    (root / "data" / "inner").mkdir(parents=True)
    (root / "data" / "inner" / "f").write_text("f")
    (root / "link").symlink_to("data")
    for path, error in (("missing", NotFound), ("link", UsageError), (".", UsageError)):
        with pytest.raises(error):
            work.add(root / path)
    work.add(root / "data" / "inner")
    with pytest.raises(Conflict, match="data within data"):
        work.add(root / "data")
    work.remove(next(work.tracked(root / "data" / "inner")))
    work.add(root / "data")
    with pytest.raises(Conflict, match="is a version of data"):
        work.add(root / "data" / "inner")


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ".git/hooks/post-merge", "a/.GIT/x", ".anew/x", ""])
def test_a_version_of_anybodys_stays_in_the_project(work: Workspace, root: Path, path: str) -> None:
    (root / "data").write_text("1")
    version = dataclasses.replace(work.add(root / "data")[0], name="theirs", path=path)
    assert work.pointer_of(version).path == root / "theirs"
    assert work.pointer_of(dataclasses.replace(version, path="sub/data")).path == root / "sub" / "data"


def test_two_of_one_name_are_told_apart(work: Workspace, root: Path) -> None:
    for name in ("a", "b"):
        (root / name).mkdir()
        (root / name / "data").write_text(name)
    work.add(root / "a" / "data")
    with pytest.raises(Conflict, match="dataset 'data' is a/data"):
        work.add(root / "b" / "data")
    assert work.add(root / "b" / "data", "other")[0].label == "other:v1"
    (root / "b" / "data").write_text("again")
    assert work.add(root / "b" / "data")[0].label == "other:v2"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"anew": 2}', "<<<<<<< HEAD\n", '{"anew": 1, "dataset": "../x", "digest": "a"}', "\0"],
)
def test_a_broken_pointer_is_told(work: Workspace, root: Path, text: str) -> None:
    (root / "data").write_text("1")
    work.add(root / "data")
    (root / "data.anew").write_text(text)
    with pytest.raises(CorruptData, match=r"data\.anew"):
        list(work.tracked())


def test_git_carries_the_pointer_and_not_the_data(work: Workspace, root: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for name in ("data", "#odd *name ", "plain.csv"):
        (root / name).write_text("x")
        work.add(root / name)
    seen = subprocess.run(["git", "status", "--porcelain", "-z"], cwd=root, capture_output=True, text=True).stdout
    assert sorted(line[3:] for line in seen.split("\0") if line) == sorted(
        [".gitignore", "data.anew", "#odd *name .anew", "plain.csv.anew"]
    )
    for pointer in list(work.tracked()):
        work.remove(pointer)
    assert not (root / ".gitignore").exists()
    assert (root / "data").exists()


def test_a_version_whose_content_is_gone(work: Workspace, root: Path) -> None:
    (root / "data").write_text("1")
    work.add(root / "data")
    pointer = next(work.tracked())
    pointers.Pointer(pointer.path, "data", "0" * 64, "file", 1, 1).write()
    state = work.state(next(work.tracked()))
    assert state.lost
    with pytest.raises(NotFound, match="anew pull"):
        work.checkout(next(work.tracked()))
    assert (root / "data").read_text() == "1"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(["a", "b/c", "b/d", "e"]), st.binary(max_size=4)),
        st.tuples(st.just("remove"), st.sampled_from(["a", "b/c", "b/d", "e"]), st.just(b"")),
        st.tuples(st.just("add"), st.just(""), st.just(b"")),
        st.tuples(st.just("checkout"), st.just(""), st.binary(min_size=1, max_size=1)),
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_any_order_of_steps_gives_back_what_was_added(steps: list[tuple[str, str, bytes]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        data = root / "data"
        data.mkdir()
        kept: dict[int, dict[bytes, object]] = {}
        with Workspace(Store(root / ".anew"), root) as work:
            for kind, path, content in [*steps, ("add", "", b"")]:
                target = data / path
                if kind == "write":
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
                elif kind == "remove":
                    target.unlink(missing_ok=True)
                elif kind == "add":
                    kept[work.add(data)[0].number] = snapshot(data)
                elif kept:
                    number = sorted(kept)[content[0] % len(kept)]
                    work.checkout(work.pointer_of(work.datasets.version(f"data:{number}")), force=True)
                    assert snapshot(data) == kept[number]
            for number, expected in kept.items():
                work.checkout(work.pointer_of(work.datasets.version(f"data:{number}")), force=True)
                assert snapshot(data) == expected


def run(root: Path, *words: str, **more: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "ANEW_STORE": str(root / ".anew"), **more}
    return subprocess.Popen(
        [sys.executable, "-m", "anew", *words], cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_twelve_adds_at_once(work: Workspace, root: Path) -> None:
    for number in range(12):
        (root / f"data{number}").mkdir()
        (root / f"data{number}" / "f").write_text(str(number))
    running = [run(root, "add", f"data{number}", "--name", "all" if number % 2 else f"own{number}")
               for number in range(12)]  # fmt: skip
    assert [(child.wait(60), child.stderr.read() if child.stderr else b"") for child in running] == [(0, b"")] * 12
    for child in running:
        child.stdout.close() if child.stdout else None
        child.stderr.close() if child.stderr else None
    assert list(work.datasets.get("all").versions) == [1, 2, 3, 4, 5, 6]
    assert all(work.state(pointer).state == "clean" for pointer in work.tracked())


@pytest.mark.slow
def test_killed_while_adding_and_checking_out(work: Workspace, root: Path) -> None:
    """Whatever the moment, what was acknowledged is there, and the next command goes on."""
    data = root / "data"
    data.mkdir()
    for number in range(300):
        (data / str(number)).write_bytes(os.urandom(2000))
    work.add(data)
    one = snapshot(data)
    for number in range(150):
        (data / str(number)).write_bytes(os.urandom(2000))
    two = snapshot(data)
    for turn in range(12):
        child = run(root, "add", "data")
        time.sleep(0.1 + 0.02 * turn)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert snapshot(data) == two
    assert run(root, "add", "data").communicate()[1] == b""
    assert len(work.datasets.get("data").versions) == 2
    for turn in range(24):
        child = run(root, "checkout", f"data:{1 + turn % 2}")
        time.sleep(0.1 + 0.01 * turn)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert all(path.stat().st_size == 2000 for path in data.iterdir() if not path.name.startswith(".anew-"))
    for label, expected in (("data:1", one), ("data:2", two)):
        done = run(root, "checkout", label)
        assert done.communicate()[1] == b""
        assert done.returncode == 0
        left = {key: value for key, value in snapshot(data).items() if not key.startswith(b".anew-")}
        assert left == expected


def test_json(work: Workspace, root: Path) -> None:
    (root / "t.csv").write_text("id,x\n1,0.5\n2,0.25\n")
    out, _ = run(root, "add", "t.csv", "--json").communicate()
    [said] = json.loads(out)
    assert said["label"] == "t.csv:v1"
    assert said["facts"] == {"tables": {"t.csv": {"columns": {"id": "integer", "x": "number"}, "rows": 2}}}
    (root / "t.csv").write_text("id,x\n1,0.5\n")
    out, _ = run(root, "status", "--json").communicate()
    assert json.loads(out)[0]["state"] == "changed"


def test_verify_names_the_version_that_lost_something(work: Workspace, root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "f").write_text("kept")
    work.add(root / "data")
    child = run(root, "verify")
    child.communicate()
    assert child.returncode == 0
    pack = next((root / ".anew" / "objects" / "packs").iterdir())
    pack.write_bytes(pack.read_bytes()[:8])
    out, _ = run(root, "verify", "--json").communicate()
    assert [(p["kind"], p["where"]) for p in json.loads(out)["problems"] if p["kind"] == "dataset"] == [
        ("dataset", "data:v1")
    ]


def test_verify_does_not_miss_what_was_never_brought_here(work: Workspace, root: Path) -> None:
    (root / "data").write_text("kept")
    version, _ = work.add(root / "data")
    work.datasets.take(dataclasses.replace(version, number=7, digest="0" * 64))
    child = run(root, "verify", "--json")
    out, _ = child.communicate()
    assert (json.loads(out)["problems"], child.returncode) == ([], 0)
