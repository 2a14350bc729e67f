"""The tutorial, done by the letter."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "first-run.md"


def test_the_tutorial_works_as_it_is_written(project: Project) -> None:
    text = PAGE.read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
    script = next(body for language, body in blocks if language == "python" and body.startswith("# train.py"))
    project.write("train.py", script)
    said = ""
    commands = [line for language, body in blocks if not language for line in body.splitlines()]
    for line in commands:
        if line.startswith("anew "):
            said += project.anew(*shlex.split(line)[1:]).stdout
    assert "identical: " in said and "put back: numpy.random.SeedSequence" in said
    assert re.search(r"1\. config, lr: 0\.1 -> 0\.3\n +2\. seed, numpy\.random\.SeedSequence", said), said


def test_the_api_of_the_tutorial(project: Project) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    body = next(block for block in blocks if "anew.init" in block)
    project.write("api.py", "lr = 0.1\nopen('weights.npy', 'wb').write(b'1')\n" + body)
    run = project.run("api.py")
    document = project.json("show", run)
    assert document["project"] == "demo" and document["config"]["lr"] == 0.1 and "baseline" in document["tags"]
    assert document["metrics"] == {"train/loss": 0.3, "val/acc": 0.9}
    assert [(item["name"], item["type"]) for item in document["outputs"]] == [("weights", "model")]
    project.write(
        "read.py",
        """
        import anew
        frame = anew.runs('metrics."val/acc" > 0.8').to_pandas()
        assert len(frame) == 1, frame
        assert list(anew.run("last").history("val/acc").values) == [0.9]
        assert anew.reproduce("last").verdict == "identical"
        """,
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "read.py"], cwd=project.root, env=project.environ, check=True)
