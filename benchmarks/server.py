"""Ours and a real `mlflow server`, driven by the same MLflow client: CPU of the server's processes, and wall time.

    python benchmarks/server.py [ours|both] [runs to search in, by default 1000]

The CPU is that of the server's whole process tree, from /proc, so that what workers do is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PARAMS, _METRICS = 20, 20


@dataclass
class Server:
    name: str
    address: str
    process: subprocess.Popen[bytes]
    started_s: float

    def pids(self) -> list[int]:
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        family = {self.process.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            if not more:
                return sorted(family)
            family |= more

    def cpu_s(self) -> float:
        total = 0.0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15])) * TICK_S
        return total

    def rss_mb(self) -> float:
        total = 0.0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        return total


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    folder.mkdir()
    if name == "anew":
        command = [sys.executable, "-m", "anew", "server", "--port", str(port)]
        environ = {**os.environ, "ANEW_STORE": str(folder / ".anew")}
    else:
        command = [
            str(Path(sys.executable).parent / "mlflow"), "server", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts",
        ]  # fmt: skip
        environ = dict(os.environ)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(address + "/health", timeout=5):
                break
            if process.poll() is not None:
                raise SystemExit(f"{name} ended at once: {' '.join(command)}")
            time.sleep(0.02)
        yield Server(name, address, process, time.perf_counter() - began)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # one that is slow to end must not take the figures with it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


class Drive:
    """One server under the client; `rows` gathers (what, CPU ms a call, wall ms a call)."""

    def __init__(self, server: Server) -> None:
        from mlflow import MlflowClient

        self.server = server
        self.client = MlflowClient(server.address, server.address)
        self.rows: dict[str, tuple[float, float]] = {}

    def time(self, what: str, count: int, work: Callable[[int], Any]) -> None:
        work(0)
        walls = []
        before = self.server.cpu_s()
        for at in range(1, count + 1):
            start = time.perf_counter()
            work(at)
            walls.append(time.perf_counter() - start)
        self.rows[what] = (self.server.cpu_s() - before) / count * 1e3, statistics.median(walls) * 1e3


def drive(server: Server, runs: int, quick: bool) -> Drive:
    from mlflow.entities import Metric, Param

    it = Drive(server)
    client = it.client
    experiment = client.create_experiment("bench")
    run = client.create_run(experiment).info.run_id
    n = 60 if quick else 400
    it.time("log_metric", n, lambda at: client.log_metric(run, "loss", 1 / (at + 1), step=at))
    it.time("log_param", n, lambda at: client.log_param(run, f"p{at}", at))

    def batch(at: int) -> None:
        client.log_batch(run, [Metric(f"m{k % 10}", k, 1_700_000_000_000 + k, at * 100 + k // 10) for k in range(1000)])

    it.time("log_batch of 1,000", 10 if quick else 40, batch)
    it.time("create_run", n // 2, lambda at: client.create_run(experiment))
    other = client.create_experiment("search")
    one = ""
    for at in range(runs):
        one = client.create_run(other).info.run_id
        client.log_batch(
            one,
            [Metric(f"m{k}", (at * 37 + k) % 1000 / 1000, 1_700_000_000_000, 0) for k in range(_METRICS)],
            [Param(f"p{k}", str((at + k) % 50)) for k in range(_PARAMS)],
        )
    it.time("get_run", n // 2, lambda at: client.get_run(one))
    it.time("search: first 100", 8, lambda at: client.search_runs([other], max_results=100))
    it.time("search: filter + order", 8, lambda at: client.search_runs(
        [other], "metrics.m0 > 0.5 and params.p1 = '7'", order_by=["metrics.m1 DESC"], max_results=100))  # fmt: skip
    points = 20_000 if quick else 100_000
    long = client.create_run(experiment).info.run_id
    for start in range(0, points, 1000):
        client.log_batch(long, [Metric("x", k, 1_700_000_000_000 + k, k) for k in range(start, start + 1000)])
    it.time(f"history of {points:,}", 2, lambda at: client.get_metric_history(long, "x"))
    it.time("small artifact put", n // 4, lambda at: client.log_text(one, "hello", f"t/{at}.txt"))
    it.rows["start to /health, RSS MB"] = server.rss_mb(), server.started_s * 1e3
    return it


def large(server: Server, folder: Path, size_mb: int) -> tuple[float, float]:
    """MB a second up and down, one file through the artifact proxy."""
    from mlflow import MlflowClient

    client = MlflowClient(server.address, server.address)
    run = client.create_run("0").info.run_id
    source = folder / "large.bin"
    with source.open("wb") as file:
        for _ in range(size_mb):
            file.write(os.urandom(1 << 20))
    start = time.perf_counter()
    client.log_artifact(run, str(source))
    up = size_mb / (time.perf_counter() - start)
    start = time.perf_counter()
    client.download_artifacts(run, "large.bin", str(folder))
    return up, size_mb / (time.perf_counter() - start)


def main() -> None:
    names = ["anew"] if "ours" in sys.argv else ["anew", "mlflow"]
    runs = next((int(word) for word in sys.argv[1:] if word.isdigit()), 1000)
    done: dict[str, Drive] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            with serving(name, Path(folder) / name) as server:
                done[name] = drive(server, runs, quick=name == "mlflow")
                if "large" in sys.argv:
                    up, down = large(server, Path(folder), 1000)
                    print(f"{name}: 1 GB up {up:.0f} MB/s, down {down:.0f} MB/s, RSS then {server.rss_mb():.0f} MB")
    print(f"{'':28}" + "".join(f"{name + ' CPU ms':>14}{'wall ms':>10}" for name in done) + f"{'CPU ratio':>11}")
    for what, (cpu, wall) in done["anew"].rows.items():
        line = f"{what:28}{cpu:14.2f}{wall:10.2f}"
        if "mlflow" in done and what in done["mlflow"].rows:
            theirs = done["mlflow"].rows[what]
            line += f"{theirs[0]:14.2f}{theirs[1]:10.2f}{theirs[0] / cpu if cpu else float('inf'):11.1f}"
        print(line)
    if "--json" in sys.argv:
        print(json.dumps({name: it.rows for name, it in done.items()}))


if __name__ == "__main__":
    main()
