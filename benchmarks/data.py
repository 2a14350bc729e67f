"""Versions of data beside DVC, Git LFS and the machine's own limits: CPU seconds of whole processes, and bytes kept.

    python benchmarks/data.py [--files 100000] [--megabytes 2048] [--csv 440] [--peers dvc,lfs]

Each step is a command as a user would type it, in a folder of its own; CPU is that of the process and all its children.
The limits (cp, md5, BLAKE3, a list with a stat of each file) run between them, in the same process run, so that a slow
machine shows. A peer that is not installed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3

FILE_BYTES = 4096
SET_UP = {
    "anew": [["git", "init", "-q"]],
    "dvc": [["git", "init", "-q"], ["dvc", "init", "-q"]],
    "lfs": [
        ["git", "init", "-q"], ["git", "lfs", "install", "--local"], ["git", "lfs", "track", "data/**"],
        ["git", "add", ".gitattributes"],
    ],
}  # fmt: skip
ROW = "{:<44} {:>9} {:>9} {:>9} {:>9}"


def cpu_s(*who: int) -> float:
    used = [resource.getrusage(w) for w in who or (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def timed(work: Callable[[], object]) -> float:
    before = cpu_s()
    work()
    return cpu_s() - before


def kept_bytes(*folders: Path) -> int:
    return sum(
        os.lstat(os.path.join(base, name)).st_size
        for folder in folders
        for base, _, names in os.walk(folder)
        for name in names
    )


class Tool:
    """One way to version data, in a project of its own. `kept`: where it keeps content."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        root.mkdir()
        self.kept = {"anew": [root / ".anew" / "objects"], "dvc": [root / ".dvc" / "cache"],
                     "lfs": [root / ".git" / "lfs", root / ".git" / "objects"]}[name]  # fmt: skip
        self.environ = {**os.environ, "DVC_SITE_CACHE_DIR": str(root.parent / f"{name}-site"),
                        "DVC_NO_ANALYTICS": "1", "GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b@b",
                        "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@b"}  # fmt: skip
        for other in ("ANEW_STORE", "PYTHONDONTWRITEBYTECODE"):  # compiled once, as what is installed is
            self.environ.pop(other, None)
        for words in SET_UP[name]:
            self.run(*words)

    def run(self, *words: str) -> None:
        command = [sys.executable, "-m", *words] if words[0] in ("anew", "dvc") else list(words)
        done = subprocess.run(command, cwd=self.root, env=self.environ, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(words)}: {(done.stderr or done.stdout)[-500:]}")

    def add(self) -> None:
        if self.name == "lfs":
            self.run("git", "add", "data")
            self.run("git", "commit", "-qm", "data")
        else:
            self.run(self.name, "add", *(["-q"] if self.name == "dvc" else []), "data")
        os.sync()

    def status(self) -> None:
        self.run(*(["git", "status", "--short"] if self.name == "lfs" else [self.name, "status"]))

    def checkout(self) -> None:
        """Put `data` back as it was last added."""
        words = {"anew": ["anew", "checkout", "--force"], "dvc": ["dvc", "checkout", "-q", "--force"],
                 "lfs": ["git", "checkout", "-q", "--", "data"]}[self.name]  # fmt: skip
        self.run(*words)


def small_files(tools: list[Tool], source: Path, count: int) -> None:
    """Many files: add, status, a hundredth changed, check out."""
    steps: dict[str, dict[str, float]] = {}
    limits: dict[str, float] = {}
    changed = sorted(random.Random(2).sample(range(count), max(count // 100, 1)))
    one_manifest: dict[str, float] = {}
    for tool in tools:
        data = tool.root / "data"
        shutil.copytree(source, data)
        os.sync()
        note = lambda step, value, name=tool.name: steps.setdefault(step, {}).__setitem__(name, value)  # noqa: E731
        note(f"add {count:,} files of 4 KB", timed(tool.add))
        note("status, nothing changed", timed(tool.status))
        before = kept_bytes(*tool.kept)
        paths = sorted(str(path) for path in data.rglob("*.bin"))
        for number in changed:
            Path(paths[number]).write_bytes(random.Random(f"new {number}").randbytes(FILE_BYTES))
        note("1 % of them changed: add", timed(tool.add))
        note("  MB kept more", (kept_bytes(*tool.kept) - before) / 1e6)
        before = kept_bytes(*tool.kept)
        Path(paths[0]).write_bytes(b"one")
        tool.add()
        one_manifest[tool.name] = (kept_bytes(*tool.kept) - before) / 1e3
        for number in changed:
            Path(paths[number]).unlink()
        note("check out 1 %", timed(tool.checkout))
        # Moved and not removed: ext4 leaves alone for minutes what was just removed, and whoever makes files then looks
        # for room a hundred times as long.
        data.rename(tool.root.parent / f"{tool.name}-before")
        note("check out all", timed(tool.checkout))
        assert len(list(data.rglob("*.bin"))) == count
    steps["one file changed: kB kept more"] = one_manifest
    limits["status, nothing changed"] = timed(lambda: [e.stat() for f in os.scandir(source) for e in os.scandir(f)])
    limits[f"add {count:,} files of 4 KB"] = timed(
        lambda: [hashlib.md5(path.read_bytes()) for path in source.rglob("*.bin")]
    )
    limits["check out all"] = timed(lambda: subprocess.run(["cp", "-r", source, source.parent / "copy"], check=True))
    print(f"\nlimits: md5 of each file, cp -r, list and stat\n{ROW.format('CPU s', 'ours', 'DVC', 'LFS', 'limit')}")
    show(steps, limits)


def large_file(tools: list[Tool], source: Path) -> None:
    """One file: add; 64 KB overwritten, and inserted, in its middle."""
    steps: dict[str, dict[str, float]] = {}
    size = source.stat().st_size
    for tool in tools:
        (tool.root / "data").mkdir(exist_ok=True)
        path = tool.root / "data" / "large.bin"
        shutil.copy(source, path)
        os.sync()
        for step in ("add", "64 KB overwritten", "64 KB inserted"):
            before = kept_bytes(*tool.kept)
            if step == "64 KB overwritten":
                with path.open("r+b") as file:
                    file.seek(size // 2)
                    file.write(os.urandom(65_536))
            elif step == "64 KB inserted":
                insert(path, size // 3, os.urandom(65_536))
            name = f"one file of {size >> 20:,} MB: {step}"
            steps.setdefault(name, {})[tool.name] = timed(tool.add)
            steps.setdefault(f"  MB kept more ({step})", {})[tool.name] = (kept_bytes(*tool.kept) - before) / 1e6
    copy = source.with_suffix(".copy")
    limits = {
        f"one file of {size >> 20:,} MB: add": timed(lambda: subprocess.run(["cp", source, copy], check=True)),
        "BLAKE3": timed(lambda: blake3().update_mmap(source)),
    }
    print(f"\nlimit: cp; BLAKE3 {limits['BLAKE3']:.2f}\n{ROW.format('CPU s', 'ours', 'DVC', 'LFS', 'limit')}")
    show(steps, limits)


def insert(path: Path, at: int, data: bytes) -> None:
    with path.open("rb") as old, path.with_suffix(".new").open("wb") as new:
        left = at
        while left and (block := old.read(min(left, 1 << 20))):
            new.write(block)
            left -= len(block)
        new.write(data)
        shutil.copyfileobj(old, new, 1 << 20)
    path.with_suffix(".new").rename(path)


def table(tools: list[Tool], megabytes: int) -> None:
    """A CSV of which 1 % more rows are inserted in the middle."""
    steps: dict[str, dict[str, float]] = {}
    rows = megabytes * 1_000_000 // 44
    for tool in tools:
        path = tool.root / "data" / "table.csv"
        path.parent.mkdir(exist_ok=True)
        for step in ("add", "1 % of rows inserted"):
            chance = random.Random(3)
            with path.open("w") as file:
                for number in range(rows):
                    file.write(f"{number},{chance.random()},{chance.random():.6f},{chance.randrange(100)}\n")
                    if step != "add" and rows // 2 <= number < rows // 2 + rows // 100:
                        file.write(f"x{number},{number * 7919 % 1000003 / 1000003},0.5,{number % 100}\n")
            before = kept_bytes(*tool.kept)
            steps.setdefault(f"CSV of {megabytes} MB: {step}", {})[tool.name] = timed(tool.add)
            steps.setdefault(f"  MB kept more ({step})", {})[tool.name] = (kept_bytes(*tool.kept) - before) / 1e6
    print(f"\n{ROW.format('CPU s', 'ours', 'DVC', 'LFS', 'limit')}")
    show(steps, {})


def show(steps: dict[str, dict[str, float]], limits: dict[str, float]) -> None:
    for step, found in steps.items():
        cells = [f"{found[name]:.2f}" if name in found else "-" for name in ("anew", "dvc", "lfs")]
        print(ROW.format(step, *cells, f"{limits[step]:.2f}" if step in limits else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--csv", type=int, default=440)
    parser.add_argument("--peers", default="dvc,lfs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        root = Path(folder)
        names = ["anew", *filter(None, arguments.peers.split(","))]
        if "lfs" in names and not shutil.which("git-lfs"):
            names.remove("lfs")
            print("Git LFS is not installed: left out")
        print(f"load {os.getloadavg()[0]:.1f}")
        quiet = Tool("anew", root / "quiet")
        (quiet.root / "data").write_text("small")
        quiet.add()
        print(f"status in a small repository: {min(timed(quiet.status) for _ in range(5)):.3f} CPU s")
        if arguments.files:
            source = root / "source"
            for number in range(arguments.files):
                place = source / f"{number // 1000:04}" / f"{number:06}.bin"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(random.Random(number).randbytes(FILE_BYTES))
            small_files([Tool(name, root / f"{name}-small") for name in names], source, arguments.files)
            clear(root)
        if arguments.megabytes:
            with (root / "large").open("wb") as file:
                for _ in range(arguments.megabytes):
                    file.write(os.urandom(1 << 20))
            large_file([Tool(name, root / f"{name}-large") for name in names], root / "large")
            clear(root)
        if arguments.csv:
            table([Tool(name, root / f"{name}-csv") for name in names], arguments.csv)


def clear(root: Path) -> None:
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
