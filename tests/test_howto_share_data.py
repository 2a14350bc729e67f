"""The how-to of sharing data, done by the letter."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "share-data.md"


def test_the_how_to_works_as_it_is_written(project: Project, tmp_path: Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    lines = [[shlex.split(line) for line in block.splitlines()] for block in blocks]
    first, elsewhere, conflict, group, check, mend = lines
    project.write("data/a.csv", "x,y\n1,2\n")
    for words in first:
        project.anew(*words[1:])
    clone = Project(tmp_path / "clone", tmp_path / "home")
    for name in (".anewconfig", "data.anew"):
        shutil.copy(project.root / name, clone.root / name)
    said = [clone.anew(*words[1:]).stdout for words in elsewhere]
    assert "data:v1" in said[-1] and "clean" in said[-1]
    assert (clone.root / "data" / "a.csv").read_text() == "x,y\n1,2\n"
    for side, text in ((clone, "theirs"), (project, "ours")):
        side.write("data/a.csv", text)
        side.anew("add", "data")
    clone.anew("push")
    assert "another data:v2" in project.anew("push", code=1).stderr
    told = "".join(project.anew(*words[1:]).stderr for words in conflict)
    assert "yours is data:v3 now" in told and "data:v3 to origin" in told
    assert (project.root / "data" / "a.csv").read_text() == "ours"
    [words] = group
    assert "shared by its group" in project.anew(*words[1:]).stdout
    [words] = check
    assert "everything holds" in project.anew(*words[1:]).stdout
    shutil.rmtree(project.root / ".anew" / "objects")
    [words] = mend
    said = project.anew(*words[1:]).stdout
    assert "brought from origin" in said and "everything holds" in said


def test_every_kind_of_remote_is_told(project: Project) -> None:
    from anew.remotes.config import OPTIONS, SCHEMES

    text = PAGE.read_text()
    assert all(f"{scheme}://" in text for scheme in SCHEMES if scheme not in ("http", "sftp", "webdav"))
    assert all(f"--set {option}=" in text for option in OPTIONS if option != "jobs")
