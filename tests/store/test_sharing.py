"""Several users work in one store: real ones, with the strictest umask."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.errors import UsageError
from anew.store.location import Store
from anew.store.sharing import is_shared, share

GROUP, OTHERS = 54_321, 54_322
TRAIN = """
import sys, anew
anew.init()
anew.log({"x": 1}, step=0)
open("out-" + sys.argv[1], "w").write("o" * 5000)
"""


class User:
    """Someone, in a group of many."""

    def __init__(self, name: str, group: int, root: Path) -> None:
        self.root = root / "project"
        self.home = root / name
        self.home.mkdir()
        os.chown(self.home, 0, group)
        self.home.chmod(0o770)
        self._as = ["setpriv", "--reuid", name, "--regid", str(group), "--clear-groups"]
        self.environ = {"HOME": str(self.home), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
        self.python = self._python()

    def _python(self) -> str:
        """An interpreter that this user may run: that of the tests, else the system's of the same version."""
        probe = "import subprocess, sys, anew; subprocess.run([sys.executable, '-c', 'import anew'], check=True)"
        system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
        for python, path in ((sys.executable, ""), (system, os.pathsep.join(filter(None, sys.path)))):
            self.environ["PYTHONPATH"] = path
            if os.path.exists(python):
                done = subprocess.run([*self._as, python, "-c", probe], env=self.environ, capture_output=True)
                if done.returncode == 0:
                    return python
        pytest.skip("the interpreter is closed to other users")

    def anew(self, *words: str, code: int | None = 0) -> str:
        done = subprocess.run(
            [*self._as, self.python, "-m", "anew", *words], cwd=self.root, env=self.environ, capture_output=True,
            text=True, umask=0o077,
        )  # fmt: skip
        assert code is None or done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of a group's, that others may look into; pytest's own are closed to all but its user."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, to become other users")
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        project = root / "project"
        project.mkdir()
        os.chown(project, 0, GROUP)
        project.chmod(0o775)
        yield root
    finally:
        shutil.rmtree(root)


def test_a_group_works_in_one_store(place: Path) -> None:
    one, two, other = User("nobody", GROUP, place), User("daemon", GROUP, place), User("games", OTHERS, place)
    said = one.anew("init", "--shared")
    if "access lists" in said:
        pytest.skip("the temporary folder knows no access lists")
    (one.root / "train.py").write_text(TRAIN)
    (one.root / "data").write_text("d" * 3000)
    one.anew("run", "--name", "ones", "train.py", "1")
    one.anew("add", "data")
    two.anew("run", "--name", "twos", "train.py", "2")
    two.anew("alias", "data:v1", "golden")
    assert all(name in two.anew("runs") for name in ("ones", "twos"))
    one.anew("gc", "--grace", "0")
    assert "twos" in one.anew("runs") and "everything holds" in one.anew("verify")
    store = one.root / ".anew"
    made = [path for path in store.rglob("*") if not path.is_symlink()]
    assert {path.stat().st_gid for path in made} == {GROUP}
    closed = [path for path in made if path.stat().st_mode & 0o060 != 0o060]
    assert closed == []
    other.anew("run", "train.py", "3", code=None)
    assert (other.home / ".local/share/anew").is_dir(), "who is not of the group has a store of their own"
    assert [path.owner() for path in store.rglob("*") if path.owner() == "games"] == []


def test_what_was_there_is_shared_too(tmp_path: Path) -> None:
    store = Store(tmp_path / ".anew").create()
    (store.root / "accounts").touch(0o600)
    (store.runs / "run").mkdir(mode=0o700)
    (store.runs / "run" / "journal").touch(0o644)
    share(store.root)
    share(store.root)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (store.root, *store.root.rglob("*"))}
    assert modes["accounts"] == 0o600, "its owner's alone"
    assert modes["run"] & 0o2770 == 0o2770 and modes["journal"] & 0o060 == 0o060
    assert is_shared(store.runs) and not is_shared(tmp_path)
    with pytest.raises(UsageError, match="no group 'nope'"):
        share(store.root, "nope")


def test_a_store_in_a_folder_of_a_group_is_the_groups(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    project.chmod(0o2775)
    store = Store(project / ".anew")
    before = os.umask(0o077)
    try:
        store.create()
    finally:
        os.umask(before)
    assert is_shared(store.root) and is_shared(store.runs)
