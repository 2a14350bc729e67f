"""CPU of one call that logs 5 scalars with a step: ours, a list, and every peer that can be imported here.

python benchmarks/log.py [calls]
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DATA = {"train/loss": 0.31, "val/acc": 0.91, "lr": 0.001, "grad_norm": 2.5, "tokens": 1024.0}
Log = Callable[[int], Any]
Opened = contextlib.AbstractContextManager[Log]


def cpu_s() -> float:
    """Of this process and the helpers it waited for."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


@contextlib.contextmanager
def a_list(folder: Path) -> Iterator[Log]:
    kept: list[Any] = []
    yield lambda step: kept.append((step, dict(DATA)))


def ours(mapped: bool) -> Callable[[Path], Opened]:
    @contextlib.contextmanager
    def opened(folder: Path) -> Iterator[Log]:
        from anew.store.journal import JournalWriter

        journal = JournalWriter(folder / f"journal-{mapped}", run="benchmark", mapped=mapped)
        log = journal.log
        yield lambda step: log(DATA, step)
        journal.seal()

    return opened


@contextlib.contextmanager
def a_trackio(folder: Path) -> Iterator[Log]:
    os.environ["TRACKIO_DIR"] = str(folder / "trackio")
    import trackio

    run = trackio.init(project="benchmark", embed=False)
    yield lambda step: run.log(DATA, step)
    run.finish()


@contextlib.contextmanager
def a_wandb(folder: Path) -> Iterator[Log]:
    import wandb

    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    run = wandb.init(mode="offline", dir=str(folder), settings=settings)
    yield lambda step: run.log(DATA, step=step)
    run.finish()


@contextlib.contextmanager
def a_tensorboardx(folder: Path) -> Iterator[Log]:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboardx"))

    def log(step: int) -> None:
        for name, value in DATA.items():
            writer.add_scalar(name, value, step)

    yield log
    writer.close()


@contextlib.contextmanager
def an_aim(folder: Path) -> Iterator[Log]:
    import aim

    run = aim.Run(repo=str(folder), system_tracking_interval=None, capture_terminal_logs=False)
    yield lambda step: run.track(DATA, step=step)
    run.close()


@contextlib.contextmanager
def an_mlflow(folder: Path) -> Iterator[Log]:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    with mlflow.start_run():
        yield lambda step: mlflow.log_metrics(DATA, step=step)


WAYS: list[tuple[str, str, Callable[[Path], Opened], float]] = [
    ("list.append((step, dict(d)))", "", a_list, 1),
    ("anew, memory map", "", ours(True), 1),
    ("anew, os.write", "", ours(False), 1),
    ("trackio", "trackio", a_trackio, 0.2),
    ("wandb offline (and its helper)", "wandb", a_wandb, 0.05),
    ("tensorboardX", "tensorboardX", a_tensorboardx, 0.05),
    ("aim", "aim", an_aim, 0.01),
    ("mlflow, sqlite", "mlflow", an_mlflow, 0.002),
]


def measure(way: Callable[[Path], Opened], folder: Path, calls: int) -> tuple[float, float]:
    """Least CPU µs a call of three goes in the caller, and of all goes with closing and helpers."""
    best, step = float("inf"), 0
    before = 0.0
    with way(folder) as log:
        for _ in range(min(calls // 10 + 1, 100)):
            log(step)
            step += 1
        before = cpu_s()
        gc.disable()
        for _ in range(3):
            start = time.process_time()
            for at in range(step, step + calls):
                log(at)
            step += calls
            best = min(best, time.process_time() - start)
        gc.enable()
    return best / calls * 1e6, (cpu_s() - before) / (3 * calls) * 1e6


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp())
    found: list[tuple[str, float, float]] = []
    for name, module, way, share in WAYS:
        try:
            if module:
                importlib.import_module(module)
            with contextlib.redirect_stdout(sys.stderr):
                found.append((name, *measure(way, folder, max(20, int(calls * share)))))
        except ImportError:
            print(f"{name}: not installed here", file=sys.stderr)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    floor, mapped = found[0][1], found[1][1]
    print(f"{'way':34} {'µs a call':>10} {'with closing':>13} {'of the list':>12} {'of anew':>9}")
    for name, each, whole in found:
        print(f"{name:34} {each:10.2f} {whole:13.2f} {each / floor:11.1f}x {each / mapped:8.1f}x")


if __name__ == "__main__":
    main()
