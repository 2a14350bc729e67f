"""The how-to of moving from Git LFS, done by the letter, with the real one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "move-from-git-lfs.md"
pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="needs git-lfs")


def call(project: Project, line: str, code: int = 0) -> str:
    words = shlex.split(line)
    command = [sys.executable, "-m", *words] if words[0] == "anew" else words
    done = subprocess.run(command, cwd=project.root, env=project.environ, capture_output=True, text=True)
    assert done.returncode == code, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def repository(project: Project, tmp_path: Path) -> Project:
    home = Path(project.environ["HOME"])
    (home / ".gitconfig").write_text("[user]\n\tname = A\n\temail = a@b\n[init]\n\tdefaultBranch = main\n")
    for line in ("git lfs install --skip-repo", f"git init -q --bare {tmp_path}/origin.git", "git init -q"):
        call(project, line)
    call(project, f"git remote add origin {tmp_path}/origin.git")
    call(project, 'git lfs track "data/**"')
    for number in (1, 2):
        project.write("data/large.bin", os.urandom(1000) + b"\0" * 200_000 + bytes([number]))
        project.write("data/sub/small.bin", f"{number}")
        call(project, "git add .")
        call(project, f"git commit -qm {number}")
        call(project, f"git tag v{number}")
    call(project, "git push -q -u origin main --tags")
    return project


def test_the_how_to_works_as_it_is_written(repository: Project, tmp_path: Path) -> None:
    contents = {f"v{n}": call(repository, f"git cat-file blob v{n}:data/large.bin") for n in (1, 2)}
    assert all("git-lfs" in text for text in contents.values()), "Git has a stand-in"
    now = (repository.root / "data/large.bin").read_bytes()
    mate = Project(tmp_path / "mate", tmp_path / "home")
    call(mate, f"git clone -q {tmp_path}/origin.git .")
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    for block in blocks[:-1]:
        for line in block.splitlines():
            call(repository, line)
    assert call(repository, "git status --porcelain") == ""
    assert "data/large.bin" not in call(repository, "git ls-files")
    for line in blocks[-1].splitlines():
        call(mate, line)
    assert (mate.root / "data/large.bin").read_bytes() == now
    assert (mate.root / "data/sub/small.bin").read_text() == "2"
    call(mate, "anew pull data:v1")
    assert (mate.root / "data/sub/small.bin").read_text() == "1"
    for side in (repository, mate):
        assert "everything holds" in call(side, "anew verify")


def test_a_stand_in_is_no_data(repository: Project) -> None:
    pointer = call(repository, "git cat-file blob HEAD:data/large.bin")
    (repository.root / "data/large.bin").write_text(pointer)
    assert "git lfs pull" in call(repository, "anew add data", code=1)
    assert "data/large.bin" in call(repository, "anew add data/large.bin", code=1)
    (repository.root / ".gitattributes").unlink()
    call(repository, "anew add data")
