"""The how-to of moving from DVC, done by the letter."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from protocols.dvc_twins import Shared, Side, shared

__all__ = ["shared"]
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "move-from-dvc.md"


@pytest.mark.real
def test_the_how_to_works_as_it_is_written(shared: Shared, tmp_path: Path) -> None:
    old, root = shared.theirs, tmp_path / "clone"
    old.run("remote", "add", "-q", "-d", "r", str(tmp_path / "remote"))
    old.write("data/train/1", "one")
    old.run("add", "-q", "data/train")
    old.run("push", "-q")
    old.git("add", "."), old.git("commit", "-qm", "data")
    old.call(["git", "clone", "-q", str(old.root), str(root)])
    mine = Side(root, old.environ, [])
    said: dict[str, str] = {}
    for line in [
        line for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.M | re.S) for line in block.splitlines()
    ]:
        words = shlex.split(line)
        if words[0] == "pip":
            continue  # what the tests run with
        if words[:3] == ["anew", "dvc", "add"]:
            mine.write("data/train/2", "two")
        if words[:2] == ["dvc", "add"]:
            mine.write("data/labels.csv", "a,b\n")
        command = [sys.executable, "-m", *words] if words[0] in ("anew", "dvc") else words
        said[line] = mine.call(command).stdout
    assert "deleted" in said["anew dvc status"] or "up to date" in said["anew dvc status"]
    assert "added" in said["anew dvc pull"] and "2 files pushed" in said["anew dvc push"]
    assert "data/train/2" in said["anew dvc diff HEAD~1 HEAD"]
    assert "up to date" in said["dvc status"] and "in sync" in said["dvc status --cloud"]
    assert "data/labels.csv" in said["anew dvc data status --granular"]
