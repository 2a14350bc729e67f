"""The object store beside a plain copy with SHA-256 (and DVC, where installed): CPU seconds and their ratio.

    python benchmarks/objects.py [megabytes of the large file] [number of small files]

Each way does the same work in turn, three times, into fresh folders; the least CPU of each counts, because
what the kernel takes for fresh pages varies more than the ways differ. All end with the bytes on the disk.
"""

from __future__ import annotations

import hashlib
import importlib.util
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

from anew.store.objects import Objects, index

ROUNDS = 3
SMALL_SIZE = 4096


def cpu_s() -> float:
    """Of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def copy_and_hash(source: Path, target: Path) -> None:
    into = str(target)
    for entry in os.scandir(source):
        hasher = hashlib.sha256()
        with (
            open(entry.path, "rb", buffering=0) as file,
            open(f"{into}/{entry.name}", "wb", buffering=0) as out,
        ):
            while data := file.read(1 << 20):
                hasher.update(data)
                out.write(data)
    os.sync()


def put(source: Path, target: Path) -> None:
    with Objects(target / "objects") as store:
        store.put_folder(source)


def dvc_add(source: Path, target: Path) -> None:
    shutil.copytree(source, target / "data", copy_function=os.link)
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=target, check=True)
    subprocess.run([*dvc, "add", "-q", "data"], cwd=target, check=True)
    os.sync()


def compare(title: str, source: Path, work: Path) -> None:
    ways: dict[str, Callable[[Path, Path], None]] = {"copy + sha256": copy_and_hash, "anew": put}
    if importlib.util.find_spec("dvc"):
        ways["dvc add"] = dvc_add
    least: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            target = Path(tempfile.mkdtemp(dir=work))
            cpu, wall = cpu_s(), time.perf_counter()
            way(source, target)
            spent = cpu_s() - cpu, time.perf_counter() - wall
            least[name] = min(least.get(name, spent), spent)
            shutil.rmtree(target)
    for name, (cpu, wall) in least.items():
        ratio = least["anew"][0] / cpu
        print(f"{title:24} {name:14} {cpu:7.2f} s CPU {wall:7.2f} s wall   anew needs {ratio:.2f} x its CPU")


def scans(source: Path, work: Path) -> None:
    """A second look at a folder that has not changed."""
    time.sleep(0.2)
    with Objects(work / "again" / "objects") as store:
        store.put_folder(source)
    cpu = cpu_s()
    with Objects(work / "again" / "objects") as store:
        store.put_folder(source)
    again = cpu_s() - cpu
    cpu = cpu_s()
    count = sum(1 for entry in os.scandir(source) if entry.stat(follow_symlinks=False))
    stats = cpu_s() - cpu
    print(f"{count} files, no change      put_folder {again:.2f} s CPU, scandir + stat alone {stats:.2f} s")


def lookups(work: Path) -> None:
    """A store of 200 packs of 1,000 chunks: opening it and asking it, before and after indexes are merged."""
    chance = random.Random(1)
    folder = work / "many" / "objects" / "index"
    folder.mkdir(parents=True)
    keys = []
    for i in range(200):
        mine = [chance.randbytes(32) for _ in range(1000)]
        keys.append(mine[0])
        name = i.to_bytes(8).hex()
        index.write(str(folder / f"{name}.idx"), [(name, 1, bytes(32))], [(key, 0, 8, 9) for key in mine])
    ask("200 packs, 200 indexes", folder.parent, keys)
    files = sorted(folder.iterdir())
    for start in range(0, 192, 16):  # what a writer does after each sixteenth seal
        several = files[start : start + 16]
        index.write(
            str(folder / f"merged{start}.idx"),
            *index.merged(index.SealedIndex(str(file)) for file in several),
        )
        for file in several:
            file.unlink()
    ask(f"200 packs, {len(list(folder.iterdir()))} indexes", folder.parent, keys)


def ask(title: str, root: Path, keys: list[bytes]) -> None:
    chance = random.Random(2)
    cpu = cpu_s()
    store = Objects(root)
    store._packs.find(keys[0])
    print(f"{title:24} open and first look-up {(cpu_s() - cpu) * 1e3:.1f} ms CPU")
    for name, asked in (("found", keys), ("not found", [chance.randbytes(32) for _ in keys])):
        for key in asked:
            store._packs.known(key)  # each index is checked when it first answers
        cpu = cpu_s()
        for _ in range(20):
            for key in asked:
                store._packs.known(key)
        print(f"{title:24} {name}: {(cpu_s() - cpu) / 20 / len(asked) * 1e6:.1f} µs CPU a look-up")


def main() -> None:
    megabytes, count = (int(value) for value in (sys.argv[1:] + ["512", "20000"][len(sys.argv) - 1 :]))
    work = Path(tempfile.mkdtemp(prefix="anew-bench-"))
    try:
        large, small = work / "large", work / "small"
        large.mkdir()
        small.mkdir()
        with (large / "random").open("wb") as out:
            for _ in range(megabytes):
                out.write(os.urandom(1 << 20))
        for i in range(count):
            (small / f"{i:06d}").write_bytes(os.urandom(SMALL_SIZE))
        print(f"least CPU of {ROUNDS} rounds, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
        compare(f"{megabytes} MB random file", large, work)
        compare(f"{count} random 4 KiB files", small, work)
        scans(small, work)
        lookups(work)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
