"""What nothing names goes, in time; what anything names stays, whatever happens on the way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.data.workspace import Workspace
from anew.errors import CorruptData
from anew.hub import Hub
from anew.models.registry import Origin
from anew.retention import collect
from anew.store.location import Store
from anew.store.objects import Objects
from anew.store.objects.sweep import condemned
from projects import Project


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("objects/packs/*"))


def test_a_forgotten_version_is_freed_and_the_other_stays(tmp_path: Path) -> None:
    store, data = Store(tmp_path / ".anew"), tmp_path / "data"
    data.mkdir()
    shared = os.urandom(300_000)
    with Workspace(store, tmp_path) as work:
        for _ in range(2):
            (data / "shared").write_bytes(shared)
            (data / "own").write_bytes(os.urandom(500_000))
            work.add(data)
        copies = [work.place(work.datasets.version(f"data:{number}")) for number in (1, 2)]
        work.datasets.remove("data", 1)
    before = bytes_of(store.root)
    first = collect(store, 3600)
    assert copies[0].exists(), "somebody may be reading it"
    assert (first.swept, bytes_of(store.root)) == (0, before), "condemned only"
    assert first.garbage_bytes > 500_000
    assert collect(store, 3600).swept == 0, "not yet"
    shown = collect(store, 0, dry_run=True)
    assert (shown.swept, bytes_of(store.root)) == (first.garbage, before)
    swept = collect(store, 0)
    assert swept.swept == first.garbage
    assert (copies[0].exists(), copies[1]) == (False, data), "a copy of what is no more; the project's own"
    assert before - bytes_of(store.root) == swept.freed_bytes > 490_000
    assert collect(store, 0).garbage == 0
    with Workspace(store, tmp_path) as work:
        shutil.rmtree(data)
        work.checkout(next(work.tracked()))
        assert (data / "shared").read_bytes() == shared
        assert list(work.objects.verify()) == []


def test_what_is_condemned_is_stored_again_by_who_puts_it(tmp_path: Path) -> None:
    """Else one could come to rely on what is about to go."""
    store = Store(tmp_path / ".anew").create()
    content = os.urandom(1000)
    other = Objects(store.objects)  # as long as it has its pack, others write another
    digest = other.put_bytes(content)
    other.flush()
    collect(store, 0)
    assert list(condemned(os.fspath(store.objects))) == [bytes.fromhex(digest)]
    for pack in store.objects.glob("packs/*"):
        os.utime(pack, (time.time() - 7200, time.time() - 7200))
    with Objects(store.objects) as objects:
        assert objects.missing([digest]) == [digest]
        objects.put_bytes(content)
        assert objects.missing([digest]) == []
    other.close()
    with Objects(store.objects) as objects:
        assert objects.sweep([bytes.fromhex(digest)], 3600) > 0, "the old pack went"
        assert objects.get_bytes(digest) == content, "and the young one did not"
    for _ in range(2):  # into a pack of its own, then into one that has it already; each time once
        with Objects(store.objects) as objects:
            assert objects.missing([digest]) == [digest], "it is condemned still"
            objects.put_bytes(content)
            objects.put_bytes(content)
    sizes = sorted(path.stat().st_size for path in store.objects.glob("packs/*.pack"))
    assert sizes == [8 + 48 + 1000, 8 + 2 * (48 + 1000)]
    with Objects(store.objects) as objects:
        assert list(objects.verify()) == []
        assert objects.get_bytes(digest) == content


def test_runs_and_their_reproductions_lose_nothing(project: Project) -> None:
    project.write("data.txt", "d" * 5000)
    project.write("train.py", """
        import random
        open("out.bin", "wb").write(random.randbytes(300_000)); print("loss:", len(open("data.txt").read()))
    """)  # fmt: skip
    run = project.run("train.py")
    assert project.reproduce()["verdict"] == "identical"
    with Objects(project.root / ".anew" / "objects") as objects:
        objects.put_bytes(os.urandom(400_000))
    assert project.json("gc", "--grace", "0")["garbage"] > 0
    assert project.json("gc", "--grace", "0")["freed_bytes"] > 390_000
    assert project.json("verify")["problems"] == []
    assert project.reproduce(run)["verdict"] == "identical"


def test_a_journal_that_can_not_be_read_stops_it(project: Project) -> None:
    project.write("train.py", "open('out', 'w').write('x' * 1000)")
    run = project.run("train.py")
    journal = project.root / ".anew" / "runs" / run / "journal"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 8
    journal.write_bytes(data)
    store = Store(project.root / ".anew")
    with pytest.raises(CorruptData, match="would be lost"):
        collect(store, 0)
    assert not (store.objects / "condemned").exists()


def test_forgetting_asks_about_runs(project: Project) -> None:
    project.write("data/a", "1")
    project.anew("add", "data")
    project.write("train.py", "open('data/a').read()")
    run = project.run("train.py")
    project.write("data/a", "2")
    project.anew("add", "data")
    assert run in project.anew("forget", "data:v1", code=1).stderr
    assert "points to" in project.anew("forget", "data:v2", code=1).stderr
    assert project.json("forget", "data:v1", "--force", "--dry-run")["forgotten"] == ["data:v1"]
    assert len(project.json("log", "data")["versions"]) == 2
    project.anew("forget", "data:v1", "--force")
    assert [version["number"] for version in project.json("log", "data")["versions"]] == [2]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["write", "add", "forget", "gc", "checkout"]), max_size=20), st.integers(0, 1000))
def test_in_any_order_what_is_kept_comes_back(steps: list[str], seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        root, data = Path(name), Path(name, "data")
        store, kept = Store(root / ".anew"), dict[int, dict[str, bytes]]()
        data.mkdir()

        def held() -> dict[str, bytes]:
            return {path.name: path.read_bytes() for path in data.iterdir()}

        for step in [*steps, "add", "gc", "gc"]:
            with Workspace(store, root) as work:
                if step == "write":
                    size = chance.choice([1, 100, 200_000])
                    (data / chance.choice("abc")).write_bytes(chance.randbytes(1) * size)
                elif step == "add":
                    kept[work.add(data)[0].number] = held()
                elif step == "gc":
                    collect(store, 0)
                elif kept and step == "forget" and len(kept) > 1:
                    number = chance.choice(sorted(kept))
                    if work.datasets.version(f"data:{number}").digest != next(work.tracked()).digest:
                        work.datasets.remove("data", number)
                        del kept[number]
                elif kept:
                    number = chance.choice(sorted(kept))
                    work.checkout(work.pointer_of(work.datasets.version(f"data:{number}")), force=True)
                    assert held() == kept[number]
        with Workspace(store, root) as work:
            assert list(work.objects.verify()) == []
            for number, expected in kept.items():
                work.checkout(work.pointer_of(work.datasets.version(f"data:{number}")), force=True)
                assert held() == expected


def test_what_a_crash_left_twice_is_swept_once(tmp_path: Path) -> None:
    """Killed after it had written packs anew, and before it had removed the old ones."""
    store, data = Store(tmp_path / ".anew"), tmp_path / "data"
    data.mkdir()
    for number in range(20):
        (data / str(number)).write_bytes(os.urandom(5000))
    with Workspace(store, tmp_path) as work:
        work.add(data)
        work.objects.put_bytes(os.urandom(5000))
    collect(store, 0)
    before = tmp_path / "before"
    shutil.copytree(store.objects, before)
    assert collect(store, 0).swept == 1
    once = bytes_of(store.root)
    shutil.copytree(before, store.objects, dirs_exist_ok=True)
    assert bytes_of(store.root) > 2 * once
    for _ in range(2):
        collect(store, 0)
    assert bytes_of(store.root) == once
    with Workspace(store, tmp_path) as work:
        assert list(work.objects.verify()) == []
        expected = {path.name: path.read_bytes() for path in data.iterdir()}
        shutil.rmtree(data)
        work.checkout(next(work.tracked()))
    assert {path.name: path.read_bytes() for path in data.iterdir()} == expected


@pytest.mark.slow
def test_killed_while_it_sweeps(tmp_path: Path) -> None:
    chance = random.Random(5)
    store, data = Store(tmp_path / ".anew"), tmp_path / "data"
    data.mkdir()
    with Workspace(store, tmp_path) as work:
        for number in range(300):
            (data / str(number)).write_bytes(chance.randbytes(9000))
        work.add(data)
    expected = {path.name: path.read_bytes() for path in data.iterdir()}
    code = "from anew.retention import collect; from anew.store.location import Store; from pathlib import Path; "
    for turn in range(12):
        with Objects(store.objects) as objects:
            for _ in range(200):
                objects.put_bytes(chance.randbytes(9000))
        collect(store, 0)
        child = subprocess.Popen([sys.executable, "-c", f"{code}collect(Store(Path({str(store.root)!r})), 0)"])
        time.sleep(0.12 + 0.02 * turn)
        child.send_signal(signal.SIGKILL)
        child.wait()
        with Workspace(store, tmp_path) as work:
            assert list(work.objects.verify()) == []
    collect(store, 0)
    collect(store, 0)
    assert bytes_of(store.root) < 300 * 9500
    shutil.rmtree(data)
    with Workspace(store, tmp_path) as work:
        work.checkout(next(work.tracked()))
    assert {path.name: path.read_bytes() for path in data.iterdir()} == expected


def test_versions_out_of_scope_go(project: Project) -> None:
    """Kept are those that the project or a commit points to, that have an alias, or that a run read."""

    def git(*words: str) -> None:
        who = [word for what in ("name=a", "email=a@b") for word in ("-c", f"user.{what}")]
        subprocess.run(["git", *who, *words], cwd=project.root, check=True, capture_output=True)

    def labels(found: Any) -> list[str]:
        return [one.removeprefix("data:") for one in found]

    git("init", "-q", "-b", "main")
    project.write("read.py", "print('n:', len(open('data/own').read()))")
    for number in range(1, 7):
        project.write("data/own", f"{number}" * 60_000)
        project.anew("add", "data")
        git("add", ".")
        git("commit", "-qm", f"{number}")
        if number == 3:
            project.run("read.py")
        if number == 4:
            git("tag", "four")
    project.write("other/own", "o")
    project.anew("add", "other")
    project.anew("alias", "data:v2", "golden")
    found = project.json("gc", "-w", "--dry-run")
    assert labels(found["let_go"]) == ["v1", "v4", "v5"]
    assert "golden" in found["needed"]["data:v2"] and "run " in found["needed"]["data:v3"]
    assert labels(project.json("gc", "-w", "-T", "--dry-run")["let_go"]) == ["v1", "v5"]
    assert labels(project.json("gc", "-w", "--last", "2", "--dry-run")["let_go"]) == ["v1", "v4"]
    assert project.json("gc", "-A", "--dry-run")["let_go"] == []
    assert project.json("gc", "-w", "other", "--dry-run")["let_go"] == []
    said = project.anew("gc", "-w", code=1).stderr
    assert "data:v1" in said and "--force" in said
    assert "say which versions" in project.anew("gc", "data", code=2).stderr
    elsewhere = project.root.parent / "another"
    elsewhere.mkdir()
    (elsewhere / "data.anew").write_bytes((project.root / "data.anew").read_bytes())
    shared = {"ANEW_STORE": str(project.root / ".anew")}
    assert "other projects" in project.anew("gc", "-w", "--dry-run", code=2, cwd=elsewhere, **shared).stderr
    found = project.json("gc", "-w", "--dry-run", "-p", str(project.root), cwd=elsewhere, **shared)
    assert labels(found["let_go"]) == ["v1", "v4", "v5"]
    assert labels(project.json("gc", "-wT", "--force", "--grace", "0")["let_go"]) == ["v1", "v5"]
    project.anew("gc", "--grace", "0")
    assert project.json("verify")["problems"] == []
    for number in (2, 3, 4, 6):
        project.anew("checkout", f"data:{number}", f"again/{number}")
        assert (project.root / f"again/{number}/own").read_text() == f"{number}" * 60_000
    project.anew("checkout", "data:1", code=1)


def test_deleted_runs_go_unless_something_needs_them(project: Project) -> None:
    project.write("a.py", "open('out.bin', 'wb').write(__import__('os').urandom(200_000))")
    runs = [project.run("--name", name, "a.py") for name in ("gone", "registered", "judged", "there")]
    project.reproduce(runs[2])
    store = Store(project.root / ".anew")
    hub = Hub(store)
    hub.registry.create("model")
    hub.registry.add_version("model", Origin(f"runs:/{runs[1]}/model"))
    for run in runs[:3]:
        hub.delete_run(run, True)
    hub.close()
    before = bytes_of(store.root)
    assert project.json("gc", "--deleted", "--older-than", "1", "--dry-run")["let_go"] == []
    assert project.json("gc", "--deleted", "--project", "nope", "--dry-run")["let_go"] == []
    found = project.json("gc", "--deleted", "--force", "--grace", "0")
    assert found["let_go"] == [f"gone ({runs[0]})"]
    reasons = {label.split()[0]: why for label, why in found["needed"].items()}
    assert "model model" in reasons["registered"] and "verdict" in reasons["judged"]
    assert not store.run(runs[0]).exists() and store.run(runs[1]).exists()
    assert "no run" in project.anew("show", runs[0], code=1).stderr
    assert project.json("gc", "--grace", "0")["freed_bytes"] > 190_000
    assert before - bytes_of(store.root) > 190_000
    assert project.json("verify")["problems"] == []
    assert project.json("show", runs[3])["outputs"]
