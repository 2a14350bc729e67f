"""The pages of MLflow, Aim and Trackio beside ours in one browser, each measured by the same steps.

    python benchmarks/ui_peers.py FOLDER [--only anew,mlflow,trackio,aim] [--turns 3]

FOLDER keeps the stores, and a virtual environment for each peer, made where it is not there: `pip install mlflow`,
`aim`, `trackio`. One that can't be installed is left out, and told. Stores are filled as fast as is fair: MLflow's and
Trackio's by SQL into the tables that they made themselves, Aim's by its SDK, as nothing else writes its files; for
each as many runs and points as take a minute or two, which the table tells. MLflow draws the first 10 runs and lists
100 at a time.

A figure is the median of the turns in milliseconds: from the start of a navigation (for Aim, whose charts open empty,
from the click on Search), a zoom or a log, to the last change of what charts show. They are looked at in each frame
until they rest; none after 45 s is told as that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_LIMIT_S = 45
_SHAPES = {  # runs, metrics, points of each
    "anew": {"thousand": (1000, 10, 200), "table": (100_000, 10, 1), "many": (100, 1, 100_000), "long": (1, 1, 10**7)},
    "mlflow": {"thousand": (1000, 10, 50), "table": (50_000, 2, 1), "many": (100, 1, 500), "long": (1, 1, 500_000)},
    "trackio": {"thousand": (1000, 10, 50), "table": (1000, 10, 50), "many": (100, 1, 1000), "long": (1, 1, 100_000)},
    "aim": {"thousand": (300, 1, 20), "table": (300, 1, 20), "many": (100, 1, 500), "long": (1, 1, 50_000)},
}
_WATCH = """
    window.longest = 0;
    new PerformanceObserver(list => {
        for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
    }).observe({type: "longtask", buffered: true});
    const small = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const pixels = canvas => {
        small.clearRect(0, 0, 100, 60);
        small.drawImage(canvas, 0, 0, 100, 60);
        const data = new Uint32Array(small.getImageData(0, 0, 100, 60).data.buffer);
        return data.every(one => one === data[0]) ? "" : data.join();
    };
    // What the charts show, in short: the lines of large drawings, and canvases made small.
    window.shown = () => {
        let said = "";
        for (const drawing of document.querySelectorAll("svg, canvas")) {
            const box = drawing.getBoundingClientRect();
            if (box.width < 100 || box.height < 60 || box.top > innerHeight || !drawing.closest(SCOPE)) continue;
            if (drawing.tagName === "CANVAS") said += pixels(drawing);
            else for (const path of drawing.querySelectorAll("path")) {
                const line = path.getAttribute("d") ?? "";
                if (line.length > 60) said += line.length + line.slice(0, 40) + line.slice(-40);
            }
        }
        return said;
    };
    window.watch = start => {
        const before = shown();
        let last = before, changed = 0;
        window.painted = new Promise(resolve => {
            const look = () => {
                const said = shown(), now = performance.now();
                if (said !== last) { last = said; changed = now; }
                if (changed && last && last !== before && now - changed > 700) resolve(changed - start);
                else if (now - start > LIMIT) resolve(null);
                else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        });
    };
    watch(0);
"""


def run_id(number: int) -> str:
    return f"{number:032x}"


def names(count: int) -> list[str]:
    return ["loss"] if count == 1 else [f"{'train' if at % 2 else 'val'}/m{at}" for at in range(count)]


def curve(points: int, seed: int) -> list[float]:
    noise = random.Random(seed)
    return [math.exp(-4 * at / points) + noise.gauss(0, 0.05) for at in range(points)]


# The stores. These run in the peers' own environments.


def fill_mlflow(folder: Path, runs: int, metrics: int, points: int) -> None:
    import sqlite3

    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    experiment = int(SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts").create_experiment("bench"))
    db = sqlite3.connect(folder / "mlflow.db")
    kept = "insert into runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, "
    kept += "experiment_id, source_type) values (?, ?, 'bench', 'FINISHED', ?, ?, 'active', ?, ?, 'LOCAL')"
    for number in range(runs):
        run, start = run_id(number), 1_700_000_000_000 + 1000 * number
        db.execute(kept, (run, f"run {number}", start, start + points, f"{folder}/artifacts/{run}", experiment))
        db.execute("insert into tags values ('mlflow.runName', ?, ?)", (f"run {number}", run))
        settings = {"lr": 10.0 ** -(1 + number % 4), "width": 2 ** (number % 7), "seed": number}
        db.executemany("insert into params values (?, ?, ?)", [(k, str(v), run) for k, v in settings.items()])
        for at, name in enumerate(names(metrics)):
            values = curve(points, number + at)
            rows = ((name, value, start + step, run, step) for step, value in enumerate(values))
            db.executemany("insert into metrics values (?, ?, ?, ?, ?, 0)", rows)
            last = name, values[-1], start + points - 1, points - 1, run
            db.execute("insert into latest_metrics values (?, ?, ?, ?, 0, ?)", last)
    db.commit()


def fill_trackio(folder: Path, runs: int, metrics: int, points: int) -> None:
    import sqlite3

    from trackio.sqlite_storage import SQLiteStorage

    db = sqlite3.connect(SQLiteStorage.init_db("bench"))
    kept = "insert into metrics (run_id, timestamp, run_name, step, metrics, log_id) values (?, ?, ?, ?, ?, ?)"
    for number in range(runs):
        run, name, when = (
            run_id(number),
            f"run {number}",
            f"2025-01-01T{number // 60 % 24:02}:{number % 60:02}:00+00:00",
        )
        columns = [curve(points, number + at) for at in range(metrics)]
        rows = (json.dumps(dict(zip(names(metrics), row, strict=True))) for row in zip(*columns, strict=True))
        db.executemany(kept, ((run, when, name, step, row, f"{number}-{step}") for step, row in enumerate(rows)))
        settings = json.dumps({"lr": 10.0 ** -(1 + number % 4), "seed": number})
        told = "insert into configs (run_id, run_name, config, created_at) values (?, ?, ?, ?)"
        db.execute(told, (run, name, settings, when))
    db.commit()


def fill_aim(folder: Path, runs: int, metrics: int, points: int) -> None:
    from aim import Repo, Run

    Repo.from_path(str(folder), init=True)
    for number in range(runs):
        run = Run(repo=str(folder), experiment="bench", system_tracking_interval=None, capture_terminal_logs=False)
        run["hparams"] = {"lr": 10.0 ** -(1 + number % 4), "seed": number}
        for at, name in enumerate(names(metrics)):
            for step, value in enumerate(curve(points, number + at)):
                run.track(value, name=name, step=step)
        run.close()


def follow(name: str, folder: Path) -> None:
    """Logs a point for each line on stdin, and says when."""
    log: Callable[[int], Any]
    if name == "trackio":
        import trackio

        trackio.init(project="bench", name="growing", embed=False)
        log = lambda step: trackio.log({"loss": float(step % 7)}, step=step)  # noqa: E731
    else:
        from aim import Run

        run = Run(repo=str(folder), experiment="bench", system_tracking_interval=None, capture_terminal_logs=False)
        log = lambda step: run.track(float(step % 7), name="loss", step=step)  # noqa: E731
    for step in range(50):
        log(step)
    for at, _ in enumerate(sys.stdin):
        print(time.time(), flush=True)
        log(50 + at)


FILLS = {"mlflow": fill_mlflow, "trackio": fill_trackio, "aim": fill_aim}


# Their servers


def python_of(name: str, folder: Path) -> Path | None:
    """The interpreter of a peer's environment, made where there is none; None, and told why, where that can't be."""
    python = folder / "environments" / name / "bin/python"
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
    if subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode:
        done = subprocess.run([python, "-m", "pip", "install", "-q", name], capture_output=True, text=True)
        if done.returncode:
            print(f"{name} is left out: pip install {name} failed: {done.stderr.strip()[-300:]}")
            return None
    return python


def command(name: str, python: Path, store: Path, port: int) -> list[str]:
    if name == "mlflow":
        backend = ["--backend-store-uri", f"sqlite:///{store}/mlflow.db", "--workers", "1"]
        return [str(python), "-m", "mlflow", "server", *backend, "--port", str(port)]
    if name == "aim":
        return [
            str(python.parent / "aim"),
            "up",
            "--repo",
            str(store),
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
            "-y",
        ]
    show = f"import trackio; trackio.show(open_browser=False, block_thread=True, server_port={port})"
    return [str(python), "-c", show]


@contextlib.contextmanager
def served(name: str, folder: Path, shape: str) -> Iterator[tuple[str, Path]]:
    """The address of a server on a store of that shape, and the store."""
    if name == "anew":
        import ui

        with ui.served(folder, shape) as address:
            yield address, folder / shape / ".anew"
        return
    sizes = "-".join(map(str, _SHAPES[name][shape]))
    store, python = folder / name / sizes, python_of(name, folder)
    assert python is not None
    environ = {**os.environ, "TRACKIO_DIR": str(store), "AIM_TELEMETRY": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    if not (store / "made").exists():
        store.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, __file__, "fill", name, store, sizes], env=environ, check=True, capture_output=True)
        (store / "made").touch()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen(
        command(name, python, store, port), env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=5).read()
                break
            time.sleep(0.2)
        yield address, store
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


# What is measured


# Where the charts stand, what takes a drag, and which pages show charts and tables.
_SCOPES = {"anew": ".plot", "mlflow": ".js-plotly-plot", "trackio": "body", "aim": ".LineChart"}
_ZOOMED = {"anew": ".u-over", "mlflow": ".nsewdrag", "trackio": "canvas", "aim": ".LineChart svg"}
_CHARTS = {
    "anew": "/runs",
    "mlflow": "/#/experiments/1/runs?compareRunsMode=CHART",
    "trackio": "/metrics?project=bench",
}
_TABLES = {"anew": "/runs", "mlflow": "/#/experiments/1/runs", "trackio": "/runs?project=bench", "aim": "/runs"}


# The box to filter by, and what is asked of it.
_FILTERS = {
    "anew": ("[role=combobox]", "config.lr = 0.1"),
    "mlflow": ("[data-testid=search-box]", "params.lr = '0.1'"),
    "trackio": ("input[type=text]", "run 5"),
    "aim": (".monaco-editor", "run.hparams.lr > 0.01"),
}


class Peer:
    """One page in one browser."""

    def __init__(self, name: str, browser: Any, folder: Path, turns: int) -> None:
        self.name, self.browser, self.folder, self.turns = name, browser, folder, turns

    @contextlib.contextmanager
    def page(self, address: str) -> Iterator[Any]:
        context = self.browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
        page = context.new_page()
        page.set_default_timeout(_LIMIT_S * 1000)
        # What they ask of other hosts would only wait here.
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        script = _WATCH.replace("SCOPE", json.dumps(_SCOPES[self.name])).replace("LIMIT", str(_LIMIT_S * 1000))
        page.add_init_script(script)
        yield page
        context.close()

    def many_path(self) -> str:
        if self.name == "anew":
            return "/runs?" + "&".join(f"sel=run{number:06d}" for number in range(100))
        if self.name != "mlflow":
            return _CHARTS.get(self.name, "")
        said = {
            "runs": [run_id(n) for n in range(100)],
            "experiments": ["1"],
            "metric": "loss",
            "plot_metric_keys": ["loss"],
        }
        return "/#/metric?" + urllib.parse.urlencode({name: json.dumps(value) for name, value in said.items()})

    def one_path(self) -> str:
        """The chart of the one long series."""
        one = {"anew": "/runs/long?tab=charts&size=l", "mlflow": f"/#/experiments/1/runs/{run_id(0)}/model-metrics"}
        return one.get(self.name) or _CHARTS.get(self.name, "")

    def painted(self, page: Any, path: str) -> float | None:
        """From the start of the navigation to the charts' last change."""
        if self.name == "aim":
            page.goto("/metrics")
            page.get_by_role("button", name="Metrics").first.click()
            page.locator("[role=option]").first.click()
            page.keyboard.press("Escape")
            page.evaluate("watch(performance.now())")
            page.get_by_role("button", name="Search").click()
        else:
            page.goto(path, wait_until="commit")
        found: float | None = page.evaluate("painted")
        return found

    def first(self) -> list[float | None]:
        with served(self.name, self.folder, "thousand") as (address, _):
            return [self._once(address, _CHARTS.get(self.name, "")) for _ in range(self.turns + 1)][-self.turns :]

    def many(self) -> list[float | None]:
        with served(self.name, self.folder, "many") as (address, _):
            return [self._once(address, self.many_path()) for _ in range(self.turns + 1)][-self.turns :]

    def _once(self, address: str, path: str) -> float | None:
        with self.page(address) as page:
            return self.painted(page, path)

    @contextlib.contextmanager
    def table(self) -> Iterator[Any]:
        with served(self.name, self.folder, "table") as (address, _), self.page(address) as page:
            page.goto(_TABLES[self.name])
            page.get_by_text(re.compile(r"run \d+" if self.name != "aim" else "bench")).first.wait_for()
            page.wait_for_timeout(4000)
            yield page

    def filter(self) -> list[float | None]:
        """The longest task while a filter is typed, sent and answered."""
        found: list[float | None] = []
        box, asked = _FILTERS[self.name]
        for _ in range(self.turns):
            with self.table() as page:
                page.locator(box).first.click()
                page.evaluate("longest = 0")
                page.keyboard.type(asked, delay=30)
                page.keyboard.press("Enter")
                page.wait_for_timeout(5000)
                found.append(page.evaluate("longest"))
        return found

    def wheel(self) -> list[float | None]:
        """The longest task while the wheel is turned over the table of runs."""
        found: list[float | None] = []
        with self.table() as page:
            page.mouse.move(500, 600)
            for _ in range(self.turns):
                page.evaluate("longest = 0")
                for _ in range(40):
                    page.mouse.wheel(0, 600)
                    page.wait_for_timeout(16)
                page.wait_for_timeout(400)
                found.append(page.evaluate("longest"))
        return found

    def zoom(self) -> list[float | None]:
        found: list[float | None] = []
        with served(self.name, self.folder, "long") as (address, _), self.page(address) as page:
            if self.painted(page, self.one_path()) is None:
                return [None]
            page.wait_for_timeout(1000)
            for _ in range(self.turns):
                if self.name == "aim":  # each zoom is asked for by its button
                    page.locator(".icon-zoom-in").first.click()
                box = page.locator(_ZOOMED[self.name]).first.bounding_box()
                x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
                page.mouse.move(x, y)
                page.mouse.down()
                # Aim zooms into a box, the others along the axis.
                page.mouse.move(x + box["width"] * 0.4, y + 40 * (self.name == "aim"), steps=3)
                page.evaluate("watch(performance.now())")
                page.mouse.up()
                found.append(page.evaluate("painted"))
        return found

    def live(self) -> list[float | None]:
        found: list[float | None] = []
        with (
            served(self.name, self.folder, "long") as (address, store),
            self.logging(address, store) as log,
            self.page(address) as page,
        ):
            if self.painted(page, self.live_path) is None:
                return [None]
            if self.name == "aim":
                page.get_by_test_id("switcher").first.click()
            page.wait_for_timeout(3000)
            for _ in range(self.turns):
                page.evaluate("watch(performance.now())")
                before = page.evaluate("performance.timeOrigin + performance.now()")
                logged = log() * 1000
                took = page.evaluate("painted")
                found.append(None if took is None else took - (logged - before))
                page.wait_for_timeout(500)
        return found

    @contextlib.contextmanager
    def logging(self, address: str, store: Path) -> Iterator[Callable[[], float]]:
        """A function that logs a point to a growing run, and gives the time at which it did."""
        if self.name == "anew":
            from anew.store.journal import JournalWriter
            from anew.store.location import Store

            run = f"growing{time.time_ns()}"
            writer = JournalWriter(Store(store).run(run) / "journal", run=run)
            writer.event("run", {"id": run, "name": run, "created": time.time()})
            log = lambda step: writer.points(("loss",), [float(step % 7)], step, time=time.time())  # noqa: E731
            self.live_path = f"/runs/{run}?tab=charts"
        elif self.name == "mlflow":
            asked = {"experiment_id": "1", "run_name": "growing", "start_time": int(time.time() * 1000)}
            run = post(address, "runs/create", asked)["run"]["info"]["run_id"]
            point = {"run_id": run, "key": "loss"}
            log = lambda step: post(  # noqa: E731
                address, "runs/log-metric",
                point | {"value": float(step % 7), "step": step, "timestamp": int(time.time() * 1000)},
            )  # fmt: skip
            self.live_path = f"/#/experiments/1/runs/{run}/model-metrics"
        else:
            python, environ = python_of(self.name, self.folder), {**os.environ, "TRACKIO_DIR": str(store)}
            process = subprocess.Popen(
                [str(python), __file__, "follow", self.name, store], env=environ, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            time.sleep(8)
            self.live_path = _CHARTS.get(self.name, "")
            yield lambda: told(process)
            process.kill()
            process.wait(60)
            return
        steps = iter(range(10**6))
        for _ in range(50):
            log(next(steps))

        def once() -> float:
            at = time.time()
            log(next(steps))
            return at

        yield once


def told(process: Any) -> float:
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    while not line[:1].isdigit():
        line = process.stdout.readline()
    return float(line)


def post(address: str, route: str, body: Any) -> Any:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/{route}", json.dumps(body).encode(), headers)
    return json.loads(urllib.request.urlopen(request, timeout=60).read() or b"{}")


_FIGURES = {
    "first": ("first charts of many runs, from navigation", "thousand"),
    "wheel": ("longest task while the wheel turns over the table of runs", "table"),
    "filter": ("longest task while the table of runs is filtered", "table"),
    "many": ("100 runs in one chart, from navigation", "many"),
    "zoom": ("a zoom into one long series", "long"),
    "live": ("a live point, from log to screen", "long"),
}


def figure(found: list[float | None]) -> str:
    known = [one for one in found if one is not None]
    if not known:
        return f"none in {_LIMIT_S} s"
    # A browser tells of no task below 50 ms.
    middle, worst = (f"{one:.0f}" if one else "below 50" for one in (statistics.median(known), max(known)))
    return f"{middle} ({worst})"


def main() -> None:
    from playwright.sync_api import Error, sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(_SHAPES))
    parser.add_argument("--figures", default=",".join(_FIGURES))
    parser.add_argument("--turns", type=int, default=3)
    said = parser.parse_args()
    folder = said.folder.absolute()
    path = os.environ.get("ANEW_BROWSER", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        peers = [name for name in said.only.split(",") if name == "anew" or python_of(name, folder)]
        print(f"milliseconds: median (worst); load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
        for what in said.figures.split(","):
            title, shape = _FIGURES[what]
            print(title)
            ours: float | None = None
            for name in peers:
                try:
                    found: list[float | None] = getattr(Peer(name, browser, folder, said.turns), what)()
                    text = figure(found)
                except (Error, OSError, subprocess.CalledProcessError) as error:
                    found, text = [], f"failed: {str(error).splitlines()[0][:90]}"
                known = [one for one in found if one is not None]
                if name == "anew" and known:
                    ours = statistics.median(known)
                ratio = f"{statistics.median(known) / ours:6.1f} x ours" if ours and known and name != "anew" else ""
                runs, metrics, points = _SHAPES[name][shape]
                print(f"  {name:8} {runs:7,} runs x {metrics:2} x {points:10,} points {text:>20} {ratio}", flush=True)
        browser.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        FILLS[sys.argv[2]](Path(sys.argv[3]), *map(int, sys.argv[4].split("-")))
    elif sys.argv[1:2] == ["follow"]:
        follow(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.path.insert(0, str(Path(__file__).parent))
        main()
