"""Calls that returned and are gone after `kill -9` of everything; journals that can't be read. Ours beside others.

python benchmarks/kills.py [trials, default 1000]
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PREFACE = "import os, sys\nfolder, report = sys.argv[1], int(sys.argv[2])\n"
LOOP = """
i = 0
while True:
    log(i)
    os.write(report, i.to_bytes(8, "little"))
    i += 1
"""
OURS = """
from pathlib import Path
from anew.store.journal import JournalWriter
journal = JournalWriter(Path(folder) / "journal", run="r", mapped=MAPPED)
def log(i): journal.log({"x": i, "y": 0.5}, i)
"""
BUFFERED = """
import struct
file = open(folder + "/rows", "wb", buffering=65536)
def log(i): file.write(struct.pack("<qd", i, 0.5))
"""
WANDB = """
import wandb
run = wandb.init(mode="offline", dir=folder, settings=wandb.Settings(silent=True, console="off", x_disable_stats=True))
def log(i): run.log({"x": i, "y": 0.5}, step=i)
"""


def ours(folder: Path) -> set[int]:
    from anew.store.journal_reader import JournalReader, Points

    reader = JournalReader(folder / "journal")
    return {int(x) for item in reader if isinstance(item, Points) for x in item.values[:, 0]}


def buffered(folder: Path) -> set[int]:
    data = (folder / "rows").read_bytes()
    return {struct.unpack_from("<q", data, at)[0] for at in range(0, len(data) // 16 * 16, 16)}


def wandb_rows(folder: Path) -> set[int]:
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    found = set()
    for data in leveldb_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for item in record.history.item:
            if "x" in (item.key, *item.nested_key):
                found.add(int(item.value_json))
    return found


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log behind a header of 7 bytes: what a .wandb file is."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        if kind == 0 or at + 7 + size > len(data):
            return
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield whole
            whole = b""


def trial(script: str, read: Callable[[Path], set[int]], moment_s: float) -> tuple[int, int, bool]:
    """Calls that returned, those lost, and whether what was left could be read."""
    folder = Path(tempfile.mkdtemp())
    out, into = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", PREFACE + script + LOOP, str(folder), str(into)],
        pass_fds=[into], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(into)
    data, end = bytearray(os.read(out, 8)), time.monotonic() + moment_s
    while data and time.monotonic() < end:
        data += os.read(out, 1 << 16)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    while piece := os.read(out, 1 << 16):
        data += piece
    os.close(out)
    returned = len(data) // 8
    try:
        kept, readable = read(folder), True
    except Exception:
        kept, readable = set(), False
    shutil.rmtree(folder, ignore_errors=True)
    return returned, len(set(range(returned)) - kept), readable


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ways: list[tuple[str, str, Callable[[Path], set[int]], int]] = [
        ("anew, memory map", OURS.replace("MAPPED", "True"), ours, trials // 2),
        ("anew, os.write", OURS.replace("MAPPED", "False"), ours, trials - trials // 2),
        ("a file with a 64 KB buffer", BUFFERED, buffered, max(5, trials // 50)),
    ]
    if importlib.util.find_spec("wandb"):
        ways.append(("wandb offline", WANDB, wandb_rows, max(5, trials // 100)))
    print(f"{'way':28} {'trials':>7} {'calls':>10} {'lost':>8} {'most in one':>12} {'unreadable':>11}")
    for name, script, read, count in ways:
        results = [trial(script, read, number * 37 % 101 / 500) for number in range(count)]
        calls, lost = sum(r[0] for r in results), sum(r[1] for r in results)
        most, unreadable = max(r[1] for r in results), sum(not r[2] for r in results)
        print(f"{name:28} {count:7} {calls:10} {lost:8} {most:12} {unreadable:11}", flush=True)


if __name__ == "__main__":
    main()
