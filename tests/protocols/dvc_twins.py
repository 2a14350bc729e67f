"""Two projects that are the same to begin with: what the real dvc does in one, `anew dvc` must do in the other."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.dvc_warm import Warm

ODD_NAMES = [
    "na me", 'q"uo\'te', "new\nline", "😀 é", "-dash", "true", "123", "a: b #c", "*star[1]?", "back\\slash", "~tilde",
    "tab\tin", ".hidden", "1e5", "x" * 120, "words " * 18 + "end", "#hash", "!bang", "100%", "a,b",
]  # fmt: skip


class Side:
    """One project, driven by one of the tools."""

    def __init__(self, root: Path, environ: dict[str, str], tool: list[str]) -> None:
        self.root, self.environ, self.tool = root, environ, tool

    def run(self, *words: str, cwd: str = ".", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        if self.tool not in (ANEW, DVC):
            return self.call([*self.tool, *words], cwd, code)
        warm = WARM if self.tool == DVC else WARM_ANEW
        done = warm.run(list(words), self.root / cwd, self.environ)
        if code is not None:
            assert done.returncode == code, f"{warm.tool} {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def call(self, command: list[str], cwd: str = ".", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root / cwd, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="surrogateescape", timeout=240,
        )  # fmt: skip
        if code is not None:
            assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, cwd: str = ".") -> Any:
        return json.loads(self.run(*words, cwd=cwd).stdout)

    def git(self, *words: str) -> str:
        return self.call(["git", *words]).stdout

    def write(self, name: str, data: str | bytes, executable: bool = False) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        if executable:
            path.chmod(0o755)
        return path

    def files(self, below: str = ".", modes: bool = False) -> dict[str, Any]:
        """What stands there, but for what is each tool's own."""
        found: dict[str, Any] = {}
        for at, folders, names in os.walk(self.root / below):
            here = os.path.relpath(at, self.root)
            folders[:] = [
                f for f in folders if (here, f) not in {(".", ".git"), (".dvc", "tmp"), (".dvc/cache", "anew")}
            ]
            for name in names:
                if name.startswith(".") and name.endswith(".tmp"):
                    continue  # `dvc add --to-remote` leaves some in the cache
                path = f"{at}/{name}"
                key = os.path.normpath(f"{here}/{name}")
                if os.path.islink(path):
                    found[key] = f"-> {os.readlink(path).replace(str(self.root), '')}"
                else:
                    with open(path, "rb") as file:
                        found[key] = file.read()
                    if modes:
                        found[key] = (found[key], stat.S_IMODE(os.stat(path).st_mode))
        return found

    def objects(self) -> dict[str, bytes]:
        return {name: data for name, data in self.files(".dvc").items() if name.startswith(".dvc/cache")}

    def object_path(self, md5: str) -> Path:
        return self.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


class Twins:
    """`ours` and `theirs`."""

    def __init__(self, ours: Side, theirs: Side) -> None:
        self.ours, self.theirs = ours, theirs

    def prepare(self, make: Callable[[Side], object]) -> None:
        for side in (self.ours, self.theirs):
            make(side)

    def write(self, name: str, data: str | bytes, executable: bool = False) -> None:
        self.prepare(lambda side: side.write(name, data, executable))

    def both(
        self, *words: str, cwd: str = ".", code: int | None = 0, same_files: bool = True, same_cache: bool = True
    ) -> tuple[str, str]:
        """Run one command in both; the same exit code, and the same files after it. What each printed."""
        theirs = self.theirs.run(*words, cwd=cwd, code=code)
        ours = self.ours.run(*words, cwd=cwd, code=None)
        said = [f"{done.returncode}\n{done.stdout}{done.stderr}" for done in (ours, theirs)]
        where = f"{words}\nours: {said[0]}\ntheirs: {said[1]}"
        assert ours.returncode == theirs.returncode, where
        if same_files:
            self.same_files(same_cache)
        return self.plain(ours.stdout, self.ours), self.plain(theirs.stdout, self.theirs)

    def same_files(self, cache: bool = True) -> None:
        ours, theirs = (
            {name: data for name, data in side.files().items() if cache or not name.startswith(".dvc/cache")}
            for side in (self.ours, self.theirs)
        )
        only = {"ours": sorted(set(ours) - set(theirs)), "theirs": sorted(set(theirs) - set(ours))}
        assert not any(only.values()), only
        for name, data in theirs.items():
            assert ours[name] == data, f"{name}: ours {ours[name]!r}, theirs {data!r}"

    def same_json(self, *words: str, cwd: str = ".", same_cache: bool = True) -> Any:
        ours, theirs = self.both(*words, cwd=cwd, same_cache=same_cache)
        assert _unordered(json.loads(ours)) == _unordered(json.loads(theirs)), (
            f"{words}\nours: {ours}\ntheirs: {theirs}"
        )
        return json.loads(ours)

    def same_words(self, *words: str, cwd: str = ".", code: int = 0) -> str:
        ours, theirs = self.both(*words, cwd=cwd, code=code)
        assert ours.expandtabs() == theirs.expandtabs(), f"{words}\nours: {ours}\ntheirs: {theirs}"
        return ours

    @staticmethod
    def plain(text: str, side: Side) -> str:
        return text.replace(str(side.root.parent), "/where")


def _unordered(value: Any) -> Any:
    """Lists without their order: DVC has none in most of them."""
    if isinstance(value, dict):
        return {key: _unordered(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((_unordered(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def environment(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = A\n\temail = a@b.c\n[init]\n\tdefaultBranch = main\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANEW_", "DVC_", "GIT_", "XDG_"))}
    kept |= {"HOME": str(home), "NO_COLOR": "1", "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(home / "site"),
             "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "500"}  # fmt: skip
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept


ANEW = [sys.executable, "-m", "anew", "dvc"]
DVC = [sys.executable, "-m", "dvc"]
WARM, WARM_ANEW = Warm("dvc"), Warm("anew")


def make_twins(tmp_path: Path, start: bool = True) -> Twins:
    pytest.importorskip("dvc")
    sides = []
    for name, tool in (("ours", ANEW), ("theirs", DVC)):
        root = tmp_path / name / "project"
        root.mkdir(parents=True)
        side = Side(root, environment(tmp_path / f"home-{name}"), tool)
        side.git("init", "-q")
        sides.append(side)
    twins = Twins(*sides)
    if start:
        twins.both("init", "-q")
        twins.prepare(lambda side: side.git("commit", "-qm", "start"))
    return twins


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    return make_twins(tmp_path)


class Shared:
    """One project that both tools work on in turn."""

    def __init__(self, tmp_path: Path) -> None:
        pytest.importorskip("dvc")
        root = tmp_path / "shared" / "project"
        root.mkdir(parents=True)
        environ = environment(tmp_path / "home")
        self.ours, self.theirs = Side(root, environ, ANEW), Side(root, environ, DVC)
        self.root = root
        self.ours.git("init", "-q")
        self.ours.run("init", "-q")
        self.ours.git("commit", "-qm", "start")

    def clean(self) -> None:
        """Both say that everything is as it should be."""
        assert self.ours.json("status", "--json") == {}
        assert self.theirs.json("status", "--json") == {}


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
