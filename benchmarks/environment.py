"""Rebuilding an environment of 30 packages, warm: ours (from a donor, and from uv's cache) beside uv and pip alone.

    python benchmarks/environment.py

Wall and CPU seconds of the whole work, children included. The first `uv pip install` fills uv's cache and is not
counted.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uv

from anew.capture.environment import interpreter
from anew.reproduction.environment import rebuild

PACKAGES = [
    "numpy", "scipy", "pandas", "scikit-learn", "joblib", "threadpoolctl", "python-dateutil", "six", "attrs", "click",
    "jinja2", "markupsafe", "packaging", "pyyaml", "requests", "urllib3", "idna", "certifi", "charset-normalizer",
    "tqdm", "tabulate", "pygments", "pillow", "cycler", "kiwisolver", "fonttools", "pyparsing", "contourpy",
    "matplotlib", "narwhals",
]  # fmt: skip


def measure(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds, of this process and its children."""

    def cpu() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(use.ru_utime + use.ru_stime for use in both)

    wall, before = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - before


def make(folder: Path, *options: str) -> Path:
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--no-project", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    command = [uv.find_uv_bin(), "pip", "install", "-q", "--link-mode", "copy", "--python", str(python), *options]
    subprocess.run([*command, *PACKAGES], check=True)
    return python


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.environ.setdefault("UV_CACHE_DIR", str(folder / "uv"))
        donor = make(folder / "donor")
        wanted = interpreter(str(donor), "", folder / "none")
        used = {package: wanted["packages"][package]["version"] for package in PACKAGES}
        rows = [("ours, from a donor", measure(lambda: rebuild(wanted, used, folder)))]
        rows.append(("ours, found again", measure(lambda: rebuild(wanted, used, folder))))
        shutil.rmtree(folder / "cache")
        shutil.move(folder / "donor", folder / "gone")
        rows.append(("ours, from uv's cache", measure(lambda: rebuild(wanted, used, folder))))
        rows.append(("uv alone, offline", measure(lambda: make(folder / "uv-alone", "--offline"))))
        rows.append(("pip, its own cache", measure(lambda: pip(folder / "pip"))))
        print(f"{len(wanted['packages'])} packages           wall s   CPU s")
        for what, (wall, cpu) in rows:
            print(f"{what:<24} {wall:7.2f} {cpu:7.2f}")


def pip(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES], check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
