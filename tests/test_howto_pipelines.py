"""The how-to of pipelines, done by the letter."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "pipelines.md"


def test_the_how_to_works_as_it_is_written(project: Project) -> None:
    said: list[tuple[str, str]] = []
    parts = re.split(r"^```(\w*)\n", PAGE.read_text(), flags=re.M)  # text, language, block, "", text, language …
    for before, language, block in zip(parts[::4], parts[1::4], parts[2::4], strict=False):
        if language in ("yaml", "python", "csv"):
            project.write(re.findall(r"`([\w.]+\.(?:yaml|py|csv))`", before)[-1 if language != "yaml" else 0], block)
        for line in block.splitlines() if not language else ():
            words = shlex.split(line)
            if words[0] == "anew":
                done = project.anew(*words[1:])
                said.append((line, done.stdout + done.stderr))
            else:
                subprocess.run(words, cwd=project.root, check=True)
    told = [what for line, what in said if line.startswith("anew pipeline")]
    assert "4 ran" in told[0] and "best: done in" in told[0]
    assert "4 unchanged" in told[1] and told[2].count("made by run") == 4
    assert told[3].count("lr in params.yaml is modified") == told[4].count("to run (") == 2
    assert "2 ran" in told[5] and "2 restored" in told[6]
    found = dict(said)
    assert "train@4-" in found["anew runs \"tags.stage = 'train@4'\""]
    assert "train@2-" in found['anew runs "metrics.score > 1" --sort -metrics.score']
    assert found["anew reproduce best:score"].count("identical")
