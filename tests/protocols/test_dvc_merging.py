"""Branches that changed the same dvc.lock, or the same tracked folder, merged by real Git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anew import yamltext
from anew.errors import DvcError
from anew.protocols.dvc.merging import merge, three_way
from projects import Project


class Repository(Project):
    def git(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(["git", *words], cwd=self.root, env=self.environ, capture_output=True, text=True)
        assert done.returncode == code, f"git {words}: {done.stdout}{done.stderr}"
        return done

    def branches(self, file: str, base: str | None, ours: str, theirs: str) -> None:
        """A commit with each; the branch with `ours` is checked out."""
        if base is not None:
            self.write(file, base)
        self.commit()
        self.git("checkout", "-qb", "theirs")
        self.write(file, theirs)
        self.commit()
        self.git("checkout", "-q", "main")
        self.write(file, ours)
        self.commit()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-qm", "x", "--allow-empty", "--no-verify")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "project", tmp_path / "home")
    (tmp_path / "home/.gitconfig").write_text("[user]\n\tname = A\n\temail = a@b\n[init]\n\tdefaultBranch = main\n")
    found.git("init", "-q")
    found.anew("init", "--git-hooks")
    for hook in ("post-checkout", "post-merge"):  # of no use here, and each a process
        (found.root / ".git/hooks" / hook).unlink()
    return found


def entry(md5: str) -> dict[str, Any]:
    return {"cmd": "python a.py", "outs": [{"path": "out", "hash": "md5", "md5": md5 * 32, "size": 1}]}


def lock(**stages: str) -> str:
    return yamltext.dump({"schema": "2.0", "stages": {name: entry(md5) for name, md5 in stages.items()}})


def test_stages_of_two_branches(repository: Repository) -> None:
    """Changed here, changed there, added on both sides at the same place, removed: none of it gets in another's way."""
    base = lock(one="1", two="2", gone="3", same="4")
    repository.branches(
        "sub/dvc.lock", base, lock(one="a", two="2", gone="3", mine="5", same="e"),
        lock(one="1", two="b", theirs="6", same="e"),
    )  # fmt: skip
    repository.git("merge", "-q", "theirs")
    merged = (repository.root / "sub/dvc.lock").read_text()
    assert merged == lock(one="a", two="b", mine="5", same="e", theirs="6")
    assert repository.git("status", "--porcelain").stdout == ""


def test_one_stage_with_two_results(repository: Repository) -> None:
    repository.branches("dvc.lock", lock(one="1", two="2"), lock(one="a", two="2"), lock(one="b", two="c"))
    said = repository.git("merge", "theirs", code=1)
    assert "stage 'one' was changed on both sides" in said.stderr
    text = (repository.root / "dvc.lock").read_text()
    marks = [line for line in text.splitlines() if line[0] in "<=>"]
    assert marks == ["<<<<<<< ours", "=======", ">>>>>>> theirs"]
    assert repository.git("status", "--porcelain").stdout == "UU dvc.lock\n"
    before, _, rest = text.partition("<<<<<<< ours\n")
    ours, _, rest = rest.partition("=======\n")
    theirs, _, after = rest.partition(">>>>>>> theirs\n")
    assert before + ours + after == lock(one="a", two="c")
    assert before + theirs + after == lock(one="b", two="c")


def test_a_lock_that_came_up_on_both_sides(repository: Repository) -> None:
    repository.branches("dvc.lock", None, lock(one="1"), lock(two="2"))
    repository.git("merge", "-q", "theirs")
    assert (repository.root / "dvc.lock").read_text() == lock(one="1", two="2")


def test_what_is_no_lock_is_merged_by_lines(repository: Repository) -> None:
    repository.branches("dvc.lock", "a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n")
    assert "line by line" in repository.git("merge", "theirs").stderr
    assert (repository.root / "dvc.lock").read_text() == "A\nb\nc\nD\n"


def test_a_tracked_folder_that_both_sides_changed(repository: Repository) -> None:
    repository.anew("dvc", "init", "-q")
    data = repository.root / "data"

    def tracked(files: dict[str, str | None]) -> None:
        for name, text in files.items():
            if text is None:
                (data / name).unlink()
            else:
                repository.write(f"data/{name}", text)
        repository.anew("dvc", "add", "-q", "data")
        repository.commit()

    tracked({"a": "one", "b": "one", "gone": "x", "same": "s"})
    repository.git("checkout", "-qb", "theirs")
    tracked({"b": "theirs!", "new/theirs": "t", "gone": None})
    repository.git("checkout", "-q", "main")
    repository.anew("dvc", "checkout", "-q")
    tracked({"a": "ours", "new/ours": "o"})
    repository.git("merge", "-q", "theirs")
    repository.anew("dvc", "checkout", "-q")
    found = {os.path.relpath(path, data): path.read_text() for path in sorted(data.rglob("*")) if path.is_file()}
    assert found == {"a": "ours", "b": "theirs!", "new/ours": "o", "new/theirs": "t", "same": "s"}
    pointer = yamltext.load((repository.root / "data.dvc").read_text(), "data.dvc")["outs"][0]
    assert (pointer["nfiles"], pointer["size"]) == (5, sum(map(len, found.values())))
    assert repository.anew("dvc", "status").stdout == "Data and pipelines are up to date.\n"
    repository.git("checkout", "-q", "theirs")
    repository.anew("dvc", "checkout", "-q")
    tracked({"a": "another"})
    repository.git("checkout", "-q", "main")
    repository.anew("dvc", "checkout", "-q")
    tracked({"a": "yet another"})
    said = repository.git("merge", "theirs", code=1)
    assert "both sides changed data/a" in said.stderr
    assert "<<<<<<< ours" in (repository.root / "data.dvc").read_text()


def test_a_single_file_is_no_folder() -> None:
    texts = (f"outs:\n- md5: {char * 32}\n  hash: md5\n  path: f\n" for char in "123")
    with pytest.raises(DvcError, match="no single folder"):
        merge("f.dvc", *texts)


SIDE = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))


@given(SIDE, SIDE, SIDE)
def test_sides_are_alike(base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]) -> None:
    found, conflicts = three_way((base, ours, theirs))
    turned, same = three_way((base, theirs, ours))
    assert set(conflicts) == set(same)
    kept = {key for key in {*base, *ours, *theirs} if key not in conflicts}
    assert {key: found.get(key) for key in kept} == {key: turned.get(key) for key in kept}
    assert three_way((ours, ours, theirs)) == (theirs, [])
    for key in conflicts:
        assert len({side.get(key) for side in (base, ours, theirs)}) == 3
