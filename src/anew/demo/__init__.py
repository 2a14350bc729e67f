"""`anew demo`: the main job on small real models, by the very commands a user types."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from anew.errors import OK, AnewError

_SCRIPTS = Path(__file__).parent / "scripts"


def play(folder: Path | None, as_json: bool) -> int:
    """Train, list, reproduce, explain, in `folder` (new or empty; by default a temporary one that stays).

    Raises AnewError when scikit-learn is missing, or a step does not come out as it must.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise AnewError("the demo trains scikit-learn models; install it with: pip install scikit-learn")
    folder = folder or Path(tempfile.mkdtemp(prefix="anew-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise AnewError(f"{folder} is not empty; name a new folder for the demo")
    stage = _Stage(folder, as_json)
    stage.prepare()
    stage.say("A script that knows nothing of Anew, seeds nothing, and reads a CSV file.")
    stage.run("run", "--name", "small", "forest.py", "--trees", "5")
    stage.run("run", "--name", "large", "forest.py", "--trees", "100")
    if importlib.util.find_spec("torch") is not None:
        stage.say("The same wines, in torch: shuffled batches and dropout, unseeded.")
        stage.run("run", "--name", "net", "net.py")
    stage.say("Find them again, by what they printed.")
    stage.run("runs", "metrics.accuracy > 0", "--sort", "-metrics.accuracy")
    stage.say("Run one anew: its code, its data, and the numbers it drew, all put back.")
    verdicts = [stage.run("reproduce", "large", json_too=True)]
    if importlib.util.find_spec("torch") is not None:
        verdicts.append(stage.run("reproduce", "net", json_too=True))
    stage.say("Somebody changes one cell of the data. What moved the accuracy?")
    stage.spoil_data()
    stage.run("run", "--name", "spoiled", "forest.py", "--trees", "100")
    stage.run("why", "large", "spoiled")
    stage.say(f"The project is in {folder}: try `anew show large` there, or `anew restore large somewhere`.")
    if as_json:
        print(json.dumps({"folder": str(folder), "verdicts": verdicts}))
    return OK


class _Stage:
    """Shows a command, runs it, and stops the demo when it fails."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        self.folder, self.quiet = folder, as_json
        self.environ = {**os.environ, "ANEW_STORE": str(folder / ".anew")}

    def prepare(self) -> None:
        from sklearn.datasets import load_wine

        for script in _SCRIPTS.glob("*.py"):
            shutil.copyfile(script, self.folder / script.name)
        wine = load_wine()
        (self.folder / "data").mkdir()
        lines = [",".join([*(name.replace(",", "") for name in wine.feature_names), "class"])]
        lines += [",".join([*(f"{v:g}" for v in x), str(y)]) for x, y in zip(wine.data, wine.target, strict=True)]
        (self.folder / "data" / "wine.csv").write_text("\n".join(lines) + "\n")

    def say(self, words: str) -> None:
        if not self.quiet:
            print(f"\n# {words}", flush=True)

    def run(self, *words: str, json_too: bool = False) -> str:
        """Run one anew command in the demo's folder. Returns the verdict of a reproduction."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        if not self.quiet:
            print(f"\n$ anew {shown}", flush=True)
        command = [sys.executable, "-m", "anew", *words]
        target = subprocess.DEVNULL if self.quiet else None
        done = subprocess.run(command, cwd=self.folder, env=self.environ, stdout=target, stderr=target)
        if done.returncode:
            raise AnewError(f"the demo's step `anew {shown}` ended with exit code {done.returncode}")
        return self._last_verdict() if json_too else ""

    def _last_verdict(self) -> str:
        from anew.store.ledger import Ledger

        entries = list(Ledger(self.folder / ".anew" / "ledger").entries())
        return str(entries[-1]["body"]["verdict"])

    def spoil_data(self) -> None:
        path = self.folder / "data" / "wine.csv"
        lines = path.read_text().splitlines(keepends=True)
        cells = lines[42].split(",")
        cells[0] = "99.9"
        lines[42] = ",".join(cells)
        path.write_text("".join(lines))
