"""Hooks in a real repository: data and outputs stay out of commits, and a checkout puts data in place."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from anew.githooks import _BEGIN
from projects import Project


def git(project: Project, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environ = {**project.environ, **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER")
                                     for what in ("NAME", "EMAIL")}}  # fmt: skip
    done = subprocess.run(["git", *words], cwd=project.root, env=environ, capture_output=True, text=True)
    assert done.returncode == code, f"git {words}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture
def repository(project: Project) -> Project:
    git(project, "init", "-q", "-b", "main")
    names = sorted(Path(path).name for path in project.json("init", "--git-hooks")["hooks"])
    assert names == ["attributes", "post-checkout", "post-merge", "pre-commit"]
    return project


def test_large_binaries_are_refused_and_large_texts_are_not(repository: Project) -> None:
    repository.write("table.csv", "1,2\n" * 3_000_000)
    repository.write("small.bin", b"\0" * 1000)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "fine")
    repository.write("odd name.bin", b"\0" * (11 << 20))
    git(repository, "add", ".")
    said = git(repository, "commit", "-qm", "too much", code=1).stderr
    assert "odd name.bin is 11 MiB of data" in said
    assert "anew add 'odd name.bin'" in said
    git(repository, "rm", "-q", "--cached", "odd name.bin")
    repository.anew("add", "odd name.bin")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a pointer")
    shown = git(repository, "show", "--name-only", "--format=").stdout
    assert shown.splitlines() == [".gitignore", "odd name.bin.anew"]


def test_what_notebooks_print_is_refused(repository: Project) -> None:
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}
    clean = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    printed = clean | {"cells": [cell | {"execution_count": 3, "outputs": [{"output_type": "stream", "text": "1"}]}]}
    repository.write("a.ipynb", json.dumps(clean))
    repository.write("broken.ipynb", "{")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "clean")
    repository.write("a.ipynb", json.dumps(printed))
    git(repository, "add", ".")
    assert "nbstripout a.ipynb" in git(repository, "commit", "-qm", "printed", code=1).stderr
    git(repository, "commit", "-qm", "all the same", "--no-verify")


def test_a_checkout_and_a_merge_put_data_in_place(repository: Project) -> None:
    data = repository.write("data/a", "one")
    repository.anew("add", "data")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    git(repository, "checkout", "-qb", "next")
    repository.write("data/a", "two")
    repository.anew("add", "data")
    git(repository, "commit", "-qam", "two")
    git(repository, "checkout", "-q", "main")
    assert data.read_text() == "one"
    git(repository, "merge", "-q", "next")
    assert data.read_text() == "two"
    data.write_text("never added")
    assert "kept nowhere" in git(repository, "checkout", "-q", "HEAD~1").stderr
    assert data.read_text() == "never added"


def test_what_dvc_tracks_is_put_in_place_too(repository: Project) -> None:
    data = repository.write("data/a", "one")
    for words in (["init", "-q"], ["add", "-q", "data"]):
        repository.anew("dvc", *words)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    git(repository, "checkout", "-qb", "next")
    repository.write("data/a", "two")
    repository.anew("dvc", "add", "-q", "data")
    git(repository, "commit", "-qam", "two")
    git(repository, "checkout", "-q", "main")
    assert data.read_text() == "one"
    data.write_text("never added")
    assert "data/a" in git(repository, "checkout", "-q", "next").stderr
    assert data.read_text() == "never added"


def test_hooks_of_others_stay(project: Project) -> None:
    git(project, "init", "-q")
    hook = project.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/bash\necho mine > said\nexec true\n")
    hook.chmod(0o755)
    (project.root / ".git" / "hooks" / "post-merge").write_text("#!/usr/bin/env python3\n")
    assert "no shell script" in project.anew("init", "--git-hooks", code=1).stderr
    (project.root / ".git" / "hooks" / "post-merge").unlink()
    project.anew("init", "--git-hooks")
    once = hook.read_text()
    project.anew("init", "--git-hooks")
    assert hook.read_text() == once
    assert once.count(_BEGIN) == 1
    project.write("big.bin", b"\0" * (11 << 20))
    git(project, "add", "big.bin")
    git(project, "commit", "-qm", "x", code=1)
    assert not (project.root / "said").exists(), "ours comes first"
    git(project, "rm", "-q", "--cached", "big.bin")
    project.write("small", "s")
    git(project, "add", "small")
    git(project, "commit", "-qm", "x")
    assert (project.root / "said").exists()
    project.anew("init", "--no-git-hooks")
    assert hook.read_text() == "#!/bin/bash\necho mine > said\nexec true\n"
    assert os.access(hook, os.X_OK)
    assert not (project.root / ".git" / "hooks" / "post-checkout").exists()


def test_without_a_repository(project: Project) -> None:
    assert "git rev-parse" in project.anew("init", "--git-hooks", code=2).stderr
    project.anew("init")
    assert (project.root / ".anew" / "format").exists()
