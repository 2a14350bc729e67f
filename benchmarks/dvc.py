"""`anew dvc` beside the real dvc: CPU seconds of whole commands, their children included, on the same files.

python benchmarks/dvc.py [--files 2000] [--size 4096] [--stages 100] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PER_FOLDER = 100
TOOLS = {"anew": [sys.executable, "-m", "anew", "dvc"], "dvc": [sys.executable, "-m", "dvc"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--stages", type=int, default=100)
    parser.add_argument("--folder", help="where to work; by default the system's place for temporary files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="anew-bench-") as folder:
        sides = {name: Side(Path(folder), name, tool) for name, tool in TOOLS.items()}
        print(f"{arguments.files} files of {arguments.size} bytes; CPU s (wall s)\n")
        print(f"{'step':<34} {'anew dvc':>16} {'dvc':>16} {'dvc / anew':>11}")
        for step, act in [*steps(arguments.files, arguments.size), *pipeline(arguments.stages)]:
            spent = {name: act(side) for name, side in sides.items()}
            (ours, ours_wall), (theirs, theirs_wall) = spent["anew"], spent["dvc"]
            left, right = f"{ours:.2f} ({ours_wall:.1f})", f"{theirs:.2f} ({theirs_wall:.1f})"
            print(f"{step:<34} {left:>16} {right:>16} {theirs / ours:>10.1f}x", flush=True)


class Side:
    """One project, driven by one tool."""

    def __init__(self, folder: Path, name: str, tool: list[str]) -> None:
        self.root, self.remote, self.tool = folder / name, folder / f"{name}-remote", tool
        self.root.mkdir()
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        more = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / f"{name}-site"), "HOME": str(folder)}
        self.environ = {**kept, **more}

    def run(self, *words: str) -> tuple[float, float]:
        """CPU and wall seconds of one command."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([*self.tool, *words], cwd=self.root, env=self.environ, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.monotonic() - began

    def write(self, numbers: list[int], size: int, seed: int) -> None:
        for number in numbers:
            path = self.root / "data" / str(number // PER_FOLDER) / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(random.Random(seed * 1_000_003 + number).randbytes(size))


def steps(files: int, size: int) -> list[tuple[str, Callable[[Side], tuple[float, float]]]]:
    every = list(range(files))
    some = random.Random(0).sample(every, max(files // 100, 1))

    def start(side: Side) -> tuple[float, float]:
        side.run("init", "-q", "--no-scm")
        side.run("remote", "add", "-q", "-d", "r", str(side.remote))
        (side.root / "small").write_text("1")
        side.run("add", "-q", "small")
        return min(side.run("status") for _ in range(3))

    def first(side: Side) -> tuple[float, float]:
        side.write(every, size, 1)
        time.sleep(0.2)  # past the tick in which they were written
        return side.run("add", "-q", "data")

    def change(side: Side) -> tuple[float, float]:
        side.write(some, size, 2)
        time.sleep(0.2)
        return side.run("add", "-q", "data")

    def gone(side: Side, what: list[Path]) -> None:
        for path in what:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def checkout_some(side: Side) -> tuple[float, float]:
        gone(side, [side.root / "data" / str(number // PER_FOLDER) / f"{number}.bin" for number in some])
        return side.run("checkout", "-q")

    def checkout_all(side: Side) -> tuple[float, float]:
        gone(side, [side.root / "data"])
        return side.run("checkout", "-q")

    def pull(side: Side) -> tuple[float, float]:
        gone(side, [side.root / "data", side.root / ".dvc" / "cache"])
        return side.run("pull", "-q")

    return [
        ("status in a small project", start),
        ("add all", first),
        ("status, nothing changed", lambda side: side.run("status")),
        ("1 % changed: add", change),
        ("check out 1 %", checkout_some),
        ("check out all", checkout_all),
        ("status after a checkout", lambda side: side.run("status")),
        ("push all to a folder", lambda side: side.run("push", "-q")),
        ("push, nothing to push", lambda side: side.run("push", "-q")),
        ("pull, cache and workspace empty", pull),
    ]


def pipeline(count: int) -> list[tuple[str, Callable[[Side], tuple[float, float]]]]:
    """A foreach of `count` stages that copy a file each."""

    def first(side: Side) -> tuple[float, float]:
        (side.root / "in").write_text("in")
        (side.root / "params.yaml").write_text("rate: 0.5\nnumbers:\n" + "".join(f"- {one}\n" for one in range(count)))
        (side.root / "dvc.yaml").write_text(
            "stages:\n  copy:\n    foreach: ${numbers}\n    do:\n      cmd: cp in out-${item}\n"
            "      deps:\n      - in\n      params:\n      - rate\n      outs:\n      - out-${item}\n"
        )
        time.sleep(0.2)
        return side.run("repro", "-q")

    return [
        (f"repro of {count} stages", first),
        ("repro, nothing changed", lambda side: side.run("repro", "-q")),
        ("status of the stages", lambda side: side.run("status", "dvc.yaml")),
    ]


if __name__ == "__main__":
    main()
