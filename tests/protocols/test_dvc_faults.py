"""Any tree comes back byte for byte, whatever is done in whatever order; and after a kill at any moment."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anew.cli.dvc import main
from protocols.dvc_twins import ANEW, Shared, clear, shared

__all__ = ["shared"]

KILLS = int(os.environ.get("ANEW_FAULT_ROUNDS", "25"))
NAMES = st.sampled_from(["a", "b c", "é", "-x", "sub/a", "sub/deep/😀", "sub2/new\nline", "#h", "sub/.hidden"])
CONTENTS = st.sampled_from([b"", b"1", b"two", b"\0" * 5000, b"x" * (1 << 20) + b"y"]) | st.binary(max_size=30)


def tree(root: Path) -> dict[str, tuple[bytes, bool]]:
    """Content and x bit of each file."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in root.rglob("*")
        if path.is_file()
    }


class AnyOrder(RuleBasedStateMachine):
    """One folder and one file, added, changed, lost, pushed, pulled and collected in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.before = os.getcwd()
        self.root = Path(tempfile.mkdtemp(prefix="anew-any-order-"))
        self.added: dict[str, tuple[bytes, bool]] | None = None
        self.pushed = False

    @initialize(links=st.sampled_from(["copy", "hardlink", "symlink", "reflink,copy"]))
    def start(self, links: str) -> None:
        (self.root / "p").mkdir()
        os.chdir(self.root / "p")
        self.do("init", "-q", "--no-scm")
        self.do("config", "cache.type", links)
        self.do("remote", "add", "-q", "-d", "r", str(self.root / "remote"))

    def do(self, *words: str) -> None:
        assert main(list(words)) == 0, words

    @rule(name=NAMES, data=CONTENTS, executable=st.booleans())
    def write(self, name: str, data: bytes, executable: bool) -> None:
        path = self.root / "p/d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # what is linked to the cache is not written into
        path.write_bytes(data)
        path.chmod(0o755 if executable else 0o644)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.root / "p/d" / name).unlink(missing_ok=True)

    @precondition(lambda self: (self.root / "p/d").is_dir())
    @rule()
    def add(self) -> None:
        self.do("add", "-q", "d")
        self.added, self.pushed = tree(self.root / "p/d"), False

    @precondition(lambda self: self.added is not None)
    @rule()
    def checkout(self) -> None:
        self.do("checkout", "-q", "-f")
        self.same()

    @precondition(lambda self: self.added is not None)
    @rule()
    def lose_and_checkout(self) -> None:
        shutil.rmtree(self.root / "p/d", ignore_errors=True)
        self.do("checkout", "-q")
        self.same()

    @precondition(lambda self: self.added is not None)
    @rule()
    def push(self) -> None:
        self.do("push", "-q")
        self.pushed = True

    @precondition(lambda self: self.pushed)
    @rule()
    def lose_all_and_pull(self) -> None:
        shutil.rmtree(self.root / "p/d", ignore_errors=True)
        shutil.rmtree(self.root / "p/.dvc/cache", ignore_errors=True)
        shutil.rmtree(self.root / "p/.dvc/tmp", ignore_errors=True)
        self.do("pull", "-q")
        self.same()

    @precondition(lambda self: self.added is not None)
    @rule(cloud=st.booleans())
    def collect(self, cloud: bool) -> None:
        self.do("gc", "-q", "-w", "-f", *(["-c"] if cloud else []))

    def same(self) -> None:
        now = tree(self.root / "p/d") if (self.root / "p/d").exists() else {}
        assert {name: data for name, (data, _) in now.items()} == {n: d for n, (d, _) in (self.added or {}).items()}
        shared_modes = {}
        for data, executable in (self.added or {}).values():
            shared_modes.setdefault(data, set()).add(executable)
        for name, (data, executable) in (self.added or {}).items():
            if executable or shared_modes[data] == {False}:  # files of one content may share one inode and its mode
                assert now[name][1] or not executable, name

    @invariant()
    def objects_are_what_their_names_say(self) -> None:
        for base in (self.root / "p/.dvc/cache/files/md5", self.root / "remote/files/md5"):
            for path in base.glob("??/*"):
                assert hashlib.md5(path.read_bytes()).hexdigest() == (path.parent.name + path.name)[:32]

    def teardown(self) -> None:
        os.chdir(self.before)
        shutil.rmtree(self.root)


AnyOrder.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyOrder = AnyOrder.TestCase


def content(round_: int) -> dict[str, bytes]:
    return {f"{number % 7}/{number}": random.Random(round_ * 1000 + number).randbytes(1000) for number in range(120)}


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


@pytest.mark.real
@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_project_to_go_on_with(shared: Shared) -> None:
    ours, data = shared.ours, shared.root / "d"
    ours.run("remote", "add", "-q", "-d", "r", "../remote")
    write(data, content(0))
    ours.run("add", "-q", "d")
    ours.run("push", "-q")
    rng = random.Random(os.environ.get("ANEW_TEST_SEED", "1"))
    for round_ in range(1, KILLS + 1):
        before, after = content(round_ - 1), content(round_)
        what = rng.choice(["add", "push", "pull", "checkout", "gc"])
        if what == "add":
            write(data, after)
        elif what in ("pull", "checkout"):
            clear(data)
            if what == "pull":
                clear(shared.root / ".dvc/cache")
        words = {"add": ["add", "-q", "d"], "gc": ["gc", "-q", "-w", "-f"]}.get(what, [what, "-q"])
        with subprocess.Popen([*ANEW, *words], cwd=shared.root, env=ours.environ, stderr=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(0.05, 0.35))
            process.kill()
        if what != "add":
            ours.run("pull", "-q")  # goes on without being forced
            assert {n: d for n, (d, _) in tree(data).items()} == before, (round_, what)
            write(data, after)
        ours.run("add", "-q", "d")
        ours.run("push", "-q")
        assert ours.json("status", "--json") == {} and ours.json("status", "-c", "--json") == {}, (round_, what)
        for path in (shared.root / ".dvc/cache/files/md5").glob("??/*"):
            assert hashlib.md5(path.read_bytes()).hexdigest() == (path.parent.name + path.name)[:32], (round_, what)
    clear(data), clear(shared.root / ".dvc/cache")
    shared.theirs.run("pull", "-q")
    shared.clean()
    assert {n: d for n, (d, _) in tree(data).items()} == content(KILLS)


def test_gc_takes_away_what_a_killed_process_left(shared: Shared) -> None:
    ours = shared.ours
    ours.write("f", "1")
    ours.run("add", "-q", "f")
    base = shared.root / ".dvc/cache/files/md5"
    gone = subprocess.Popen(["true"])
    gone.wait()
    old, fresh, living = (base / f".anew-{pid}-{n}.tmp" for n, pid in enumerate((gone.pid, gone.pid, os.getpid())))
    for path in (old, fresh, living):
        path.write_text("half")
    for path in (old, living):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    ours.run("gc", "-q", "-w", "-f")
    assert not old.exists() and fresh.exists() and living.exists()


def test_an_add_that_finds_no_space_leaves_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit on a file's size stands in for the disk's: the system refuses the write in the same place."""
    import resource

    monkeypatch.chdir(tmp_path)
    assert main(["init", "-q", "--no-scm"]) == 0
    write(tmp_path / "d", {"small": b"1", "large": os.urandom(3_000_000), "other": os.urandom(1_100_000)})
    before = tree(tmp_path / "d")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (100_000, 2_000_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            assert main(["add", "-q", "d"]) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "no space" in capsys.readouterr().err
        assert not (tmp_path / "d.dvc").exists()
        assert not list(tmp_path.rglob("*.tmp"))
    assert main(["add", "-q", "d"]) == 0
    clear(tmp_path / "d")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        assert main(["checkout", "-q"]) == 255
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "no space" in capsys.readouterr().err
    assert main(["checkout", "-q"]) == 0
    assert tree(tmp_path / "d") == before
