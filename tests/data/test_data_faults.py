"""Killed at any moment, on a full disk, with a bit flipped: nothing is lost unsaid, and the next try goes on."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anew.data.workspace import Workspace
from anew.errors import StoreFull
from anew.retention import collect
from anew.store.location import Store
from remotes.stores import Machine, contents, fill

ROUNDS = int(os.environ.get("ANEW_FAULT_ROUNDS", "12"))
FLIPS = int(os.environ.get("ANEW_FAULT_FLIPS", "60"))


def killed(do: Callable[[], object], after_s: float) -> bool:
    """Do it in a process of its own that is killed after so long; whether it had ended before."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    time.sleep(after_s)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def taken_s(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def changed(machine: Machine, draw: random.Random) -> None:
    """Some files of the machine's data, in another way each time."""
    for _ in range(draw.randrange(1, 12)):
        content = draw.randbytes(draw.choice([0, 9, 5000, 200_000]))
        machine.write(f"data/{draw.randrange(7)}/{draw.randrange(60)}", content)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "project", tmp_path / "remote")
    fill(made, 1)
    made.add()
    return made


def checked_out(machine: Machine, label: str) -> dict[str, bytes]:
    with machine.work() as work:
        work.checkout(work.pointer_of(work.datasets.version(label)), force=True)
    return {name: data for name, data in contents(machine.root / "data").items() if ".anew-" not in name}


@pytest.mark.slow
def test_killed_while_adding(machine: Machine) -> None:
    draw = random.Random(1)
    ended = 0
    changed(machine, draw)
    most_s = 1.3 * taken_s(machine.add)
    for turn in range(ROUNDS):
        changed(machine, draw)
        before = contents(machine.root / "data")
        ended += killed(machine.add, draw.uniform(0, most_s))
        assert contents(machine.root / "data") == before, turn
        label = machine.add()
        if turn % 10 == 0:
            assert machine.holds(), turn
            assert checked_out(machine, label) == before, turn
    assert ended < ROUNDS, "nothing was killed"
    assert machine.holds()


@pytest.mark.slow
def test_killed_while_checking_out(machine: Machine) -> None:
    draw = random.Random(2)
    expected = {"data:1": contents(machine.root / "data")}
    for number in (2, 3, 4):
        changed(machine, draw)
        assert machine.add() == f"data:v{number}"
        expected[f"data:{number}"] = contents(machine.root / "data")
    most_s = 1.3 * max(taken_s(lambda label=label: checked_out(machine, label)) for label in expected)  # type: ignore[misc]
    ended = 0
    for turn in range(ROUNDS):
        label = draw.choice(sorted(expected))
        ended += killed(lambda label=label: checked_out(machine, label), draw.uniform(0, most_s))  # type: ignore[misc]
        known = {data for files in expected.values() for data in files.values()}
        for name, data in contents(machine.root / "data").items():
            assert ".anew-" in name or data in known, (turn, name)
        assert checked_out(machine, label) == expected[label], turn
    assert ended < ROUNDS, "nothing was killed"
    left = [name for name in contents(machine.root) if ".anew-" in name and not name.startswith(".anew/")]
    assert len(left) <= ROUNDS
    assert machine.holds()


@pytest.mark.slow
def test_killed_while_collecting(machine: Machine) -> None:
    draw = random.Random(3)
    expected = contents(machine.root / "data")

    def litter() -> None:
        with machine.work() as work:
            for _ in range(40):
                work.objects.put_bytes(draw.randbytes(9000))

    def sweep() -> None:
        collect(machine.store, 0)

    litter()
    most_s = 1.3 * taken_s(sweep)
    ended = 0
    for turn in range(ROUNDS):
        litter()
        sweep()  # what the first sweep condemns, the second takes
        ended += killed(sweep, draw.uniform(0, most_s))
        if turn % 10 == 0:
            assert machine.holds(), turn
            shutil.rmtree(machine.root / "data")
            assert checked_out(machine, "data:1") == expected, turn
    assert ended < ROUNDS, "nothing was killed"
    assert machine.holds()
    assert checked_out(machine, "data:1") == expected


@contextmanager
def files_of_most(size: int) -> Iterator[None]:
    """The limit on a file's size stands in for the disk's: the system refuses the write in the same place."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_add_that_finds_no_space_is_said_and_goes_on(machine: Machine) -> None:
    machine.write("data/huge", random.Random(4).randbytes(8_000_000))
    before = contents(machine.root / "data")
    for size in (1, 5000, 1_500_000, 4_000_000):
        with files_of_most(size), pytest.raises(StoreFull, match="no space"):
            machine.add()
        with machine.work() as work:
            assert sorted(work.datasets.get("data").versions) == [1]
        assert machine.holds()
    assert machine.add() == "data:v2"
    assert checked_out(machine, "data:2") == before


def test_a_checkout_that_finds_no_space_is_said_and_goes_on(machine: Machine) -> None:
    machine.write("data/huge", random.Random(4).randbytes(8_000_000))
    machine.add()
    before = contents(machine.root / "data")
    shutil.rmtree(machine.root / "data")
    with files_of_most(1_500_000), pytest.raises(StoreFull, match="no space"):
        checked_out(machine, "data:2")
    assert checked_out(machine, "data:2") == before


def test_a_full_file_system(tmp_path: Path) -> None:
    """The real thing, where it can be had: a store on a disk that has no room, and then has."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", os.fspath(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        data = tmp_path / "data"
        data.mkdir()
        for number in range(30):
            (data / str(number)).write_bytes(random.Random(number).randbytes(300_000))
        code = (
            "import sys; from pathlib import Path; from anew.data.workspace import Workspace; "
            "from anew.store.location import Store\n"
            f"with Workspace(Store(Path({str(disk / '.anew')!r})).create(), Path({str(tmp_path)!r})) as work: "
            f"print(work.add(Path({str(data)!r}))[0].label)"
        )
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, capture_output=True, text=True)
        assert done.returncode != 0
        assert "StoreFull: no space to write" in done.stderr
        subprocess.run(["mount", "-o", "remount,size=40m", os.fspath(disk)], check=True)
        done = subprocess.run(run, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "data:v1\n")
        expected = contents(data)
        shutil.rmtree(data)
        with Workspace(Store(disk / ".anew"), tmp_path) as work:
            assert list(work.objects.verify()) == []
            work.checkout(work.pointer_of(work.datasets.version("data:1")), force=True)
        assert contents(data) == expected
    finally:
        subprocess.run(["umount", "-l", os.fspath(disk)], check=True)


# Made again from the rest, or looked at anew: what stands in them is no truth.
CACHES = ("index/", "remotes/", "sync/", "objects/stat", "objects/seen", "objects/condemned", "objects/lock", "locks/")
TRUTH = ("ledger", "objects/packs/", "objects/index/", "runs/")


def test_a_flipped_bit_anywhere_in_a_store_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` names the file, or all is there as it was: never another content without a word."""
    from anew.cli import keeping

    draw = random.Random(5)
    (machine.root / "train.py").write_text("import anew\nanew.init()\nanew.log({'loss': 0.5})\n")
    environ = {**os.environ, "ANEW_STORE": str(machine.store.root)}
    subprocess.run([sys.executable, "train.py"], cwd=machine.root, env=environ, check=True, capture_output=True)
    expected = contents(machine.root / "data")
    monkeypatch.chdir(machine.root)
    files = sorted(path for path in machine.store.root.rglob("*") if path.is_file() and path.stat().st_size)
    names = {path: str(path.relative_to(machine.store.root)) for path in files}
    assert all(any(name.startswith(part) for name in names.values()) for part in TRUTH)
    silent = []
    for turn in range(FLIPS):
        path = files[turn % len(files)]
        good = path.read_bytes()
        at = draw.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1 :])
        said = _verify(keeping)
        if not any(os.fspath(path) in line for line in said):
            if names[path].startswith(TRUTH) and not said:
                silent.append((names[path], at))
            shutil.rmtree(machine.root / "data")
            assert checked_out(machine, "data:1") == expected, (names[path], at)
        path.write_bytes(good)
        shutil.rmtree(machine.root / "data", ignore_errors=True)
        assert checked_out(machine, "data:1") == expected, (names[path], at)
    assert not silent, silent


def _verify(keeping: object) -> list[str]:
    """What `anew verify` finds broken, one line each."""
    import argparse
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        keeping.verify(argparse.Namespace(remote=None, json=False, restore=False))  # type: ignore[attr-defined]
    return [line for line in said.getvalue().splitlines() if "broken" in line]
