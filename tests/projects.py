"""A project in a temporary folder, driven by the real command line in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest


class Project:
    """`write` its files, call `anew`, and look at what came out."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANEW_", "PYTHON", "GIT_"))}
        self.environ = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "NO_COLOR": "1"}
        # A shell script that says `python` means the interpreter of these tests.
        self.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self.environ.get('PATH', '')}"

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def hidden_state(self) -> Path:
        """A file that a script may look for without opening it: nothing that capture could see."""
        return self.root.parent / "hidden"

    def anew(
        self, *words: str, code: int | None = 0, cwd: Path | None = None, timeout_s: float = 300,
        piped: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run one command, with `piped` on its standard input; fails the test when it does not exit with `code` (None:
        any).
        """
        done = subprocess.run(
            [sys.executable, "-m", "anew", *words],
            cwd=cwd or self.root,
            env={**self.environ, **environ},
            **({"stdin": subprocess.DEVNULL} if piped is None else {"input": piped}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
        if code is not None:
            assert done.returncode == code, f"anew {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int | None = 0, cwd: Path | None = None, **environ: str) -> Any:
        """The document that `anew … --json` prints; asserts that it prints nothing else."""
        return json.loads(self.anew(*words, "--json", code=code, cwd=cwd, **environ).stdout)

    def run(self, *words: str, code: int | None = 0, cwd: Path | None = None, **environ: str) -> str:
        """`anew run`; returns the id."""
        before = self._runs()
        self.anew("run", "--quiet", *words, code=code, cwd=cwd, **environ)
        new = self._runs() - before
        # Mostly one folder has come: that saves hundreds of processes. Where runs start runs, it is asked for.
        return new.pop() if len(new) == 1 else str(self.json("show", "last", cwd=cwd)["id"])

    def _runs(self) -> set[str]:
        folder = self.root / ".anew" / "runs"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def reproduce(self, run: str = "last", *options: str, **environ: str) -> Any:
        """The verdict, whatever it is."""
        return self.json("reproduce", run, *options, code=None, **environ)


def factors(found: Any) -> set[str]:
    """The factors that a verdict, or a `why`, blames."""
    return {cause["factor"] for cause in found["causes"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "home")
