"""The how-to of versioning data, done by the letter."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "version-data.md"
GROW = """
with open("data/train/a.csv", "a") as file:
    file.writelines(f"{n},{n / 2}\\n" for n in range(5, 9))
"""


def test_the_how_to_works_as_it_is_written(project: Project) -> None:
    project.write("data/train/a.csv", "id,x\n1,0.5\n2,0.25\n3,1\n4,2\n")
    project.write("data/readme", "of the data\n")
    project.write("grow.py", GROW)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    project.write("train.py", next(body for language, body in blocks if language == "python"))
    said = {}
    for line in [line for language, body in blocks if not language for line in body.splitlines()]:
        words = shlex.split(line)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], cwd=project.root, env=project.environ, check=True)
        else:
            said[line] = project.anew(*words[1:]).stdout
    assert "v2" in said["anew log data"]
    assert "as it came" in said["anew log data"]
    assert "4 added, 0 removed, 0 changed (by id)" in said["anew diff data:v1 v2"]
    assert said["anew cat data:v1/train/a.csv"].count("\n") == 5
    assert (project.root / "part" / "train" / "a.csv").exists()
    assert not (project.root / "part" / "readme").exists()
    assert "9 lines" in said["anew run train.py"]
    assert "train" in said['anew runs "data.data.version = 2"']
    assert "data:v1 would go" in said["anew gc --workspace --last 1 --dry-run"]
