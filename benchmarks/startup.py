"""CPU seconds of starting: `import anew`, `anew --help`, `anew runs` on 1,000 runs; beside the peers installed here.

python benchmarks/startup.py
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 7


def cpu_s(*command: str, cwd: str | None = None, environ: dict[str, str] | None = None) -> float:
    """Least CPU of several goes."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            raise SystemExit(f"{command}: {done.stderr.decode(errors='replace')}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def make_runs(root: Path, count: int) -> None:
    from anew.store.journal import JournalWriter
    from anew.store.location import Store, new_run_id

    store = Store(root / ".anew").create()
    for i in range(count):
        run_id = new_run_id()
        journal = JournalWriter(store.run(run_id) / "journal", run=run_id)
        about = {
            "id": run_id,
            "name": f"run-{i}",
            "project": "benchmark",
            "created": 1.7e9 + i,
            "command": ["train.py"],
        }
        journal.event("run", about)
        journal.event("config", {"values": {"lr": 0.001 * i, "depth": i % 7, "name": f"n{i}"}, "source": "argv"})
        for step in range(5):
            journal.log({"loss": 1 / (step + 1), "acc": step / 5}, step)
        journal.event("end", {"status": "finished", "exit_code": 0, "time": 1.7e9 + i + 5, "error": None})
        journal.seal()


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    python = sys.executable
    bare = cpu_s(python, "-c", "pass", environ=environ)
    print(f"{'bare python':34} {bare:7.3f} s")

    def show(name: str, seconds: float, goal: float | None = None) -> None:
        limit = f"   goal {goal:.2f}" if goal else ""
        print(f"{name:34} {seconds:7.3f} s   {seconds - bare:7.3f} over bare python{limit}")

    show("import anew", cpu_s(python, "-c", "import anew", environ=environ), 0.05)
    show("anew --help", cpu_s(python, "-m", "anew", "--help", environ=environ), 0.15)
    make_runs(folder, 1000)
    subprocess.run([python, "-m", "anew", "runs"], cwd=folder, stdout=subprocess.DEVNULL, check=True, env=environ)
    show("anew runs, 1,000 runs", cpu_s(python, "-m", "anew", "runs", cwd=str(folder), environ=environ), 0.25)
    for peer in ("trackio", "wandb", "mlflow", "aim", "tensorboardX"):
        if importlib.util.find_spec(peer):
            show(f"import {peer}", cpu_s(python, "-c", f"import {peer}", environ=environ))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
