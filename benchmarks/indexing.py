"""How fast journals become catalogue and series: runs, points, an idle pass. CPU seconds of this process.

    python benchmarks/indexing.py [runs]

Beside it, in the same process, what cannot be undercut: reading the same journals and doing nothing more.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anew.index import Index
from anew.store.journal import JournalWriter
from anew.store.journal_reader import JournalReader


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def small(root: Path, count: int) -> None:
    """Runs of 30 parameters and 30 steps of 5 metrics each."""
    for at in range(count):
        run = f"{at:012d}"
        journal = JournalWriter(root / "runs" / run / "journal", run=run, mapped=False)
        journal.event("run", {"id": run, "name": f"run {at}", "created": 1.7e9 + at, "command": ["python", "t.py"]})
        journal.event("config", {"values": {f"p{k}": at * k for k in range(30)}})
        journal.event("tag", {"team": f"team{at % 5}"})
        for step in range(30):
            journal.log({f"m{k}": step * 0.1 + k for k in range(5)}, step)
        journal.event("end", {"status": "finished", "time": 1.7e9 + at + 60})
        journal.seal()


def large(root: Path, rows: int) -> None:
    run = "large0000000"
    journal = JournalWriter(root / "runs" / run / "journal", run=run)
    values = np.random.default_rng(0).normal(size=(rows, 5)).astype(np.float32).astype(float).tolist()
    names = [f"m{k}" for k in range(5)]
    for step, row in enumerate(values):
        journal.log(dict(zip(names, row, strict=True)), step)
    journal.event("end", {"status": "finished"})
    journal.seal()


def read(root: Path) -> None:
    for path in root.glob("runs/*/journal"):
        for _ in JournalReader(path):
            pass


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / ".anew"
        small(root, count)
        index = Index(root)
        took, floor = cpu(index.refresh), cpu(lambda: read(root))
        print(f"small runs   {count / took:10,.0f} runs/s    {took / floor:6.1f} x the bare reading")
        idle = min(cpu(index.refresh) for _ in range(10))
        print(f"idle pass    {idle * 1e3:10.2f} ms over {count} finished runs")
        again = Index(root)
        print(f"first pass of another process {cpu(again.refresh) * 1e3:.2f} ms")
        again.close()
        index.close()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / ".anew"
        large(root, 200_000)
        index = Index(root)
        took, floor = cpu(index.refresh), cpu(lambda: read(root))
        print(f"large run    {1_000_000 / took:10,.0f} points/s  {took / floor:6.1f} x the bare reading")
        index.close()


if __name__ == "__main__":
    main()
