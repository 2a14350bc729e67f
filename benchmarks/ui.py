"""The web page in headless Chromium against a real server: first chart, tables, charts, zooms, a live point.

    python benchmarks/ui.py [--turns 5] [--only first,table,many,zoom,fifty,live] [--keep FOLDER]

The stores are generated: 1,000 runs with ten metrics, 100,000 runs, 100 runs of 100,000 points, one series of ten
million. With --keep they stay there and are used again. A figure is the median of the turns and, in brackets, the
worst; times are taken in the page, from the event to the frame after what it led to. Long tasks are the browser's own
count: stretches above 50 ms in which the page could not answer. `ui_peers.py` measures the peers' pages beside ours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import search

from anew.store.journal import JournalWriter
from anew.store.location import Store

_METRICS = 10
_STARTED = 1.7e9
_WATCH = """
    window.longest = 0;
    new PerformanceObserver(list => {
        for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
    }).observe({type: "longtask", buffered: true});
    window.firstChart = new Promise(resolve => {
        const look = () => {
            if (!document.querySelector(".plot canvas")) return requestAnimationFrame(look);
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
        };
        requestAnimationFrame(look);
    });
    // From an event to the frame after the last chart has ceased to be busy.
    window.after = (event, quiet) => { window.waited = new Promise(resolve => {
        addEventListener(event, () => {
            const start = performance.now();
            let calm = 0, done = 0;
            const look = () => {
                const busy = !document.querySelector(".plot canvas") || document.querySelector("[aria-busy=true]");
                calm = busy ? 0 : calm + 1;
                if (calm === 1) done = performance.now();
                if (calm > quiet) resolve(done - start); else requestAnimationFrame(look);
            };
            requestAnimationFrame(() => requestAnimationFrame(look));
        }, {once: true, capture: true});
    }); };
"""

# The moment at which a chart says something of itself.
_SHOWN = """said => [...document.querySelectorAll(".plot")].some(plot => (plot.ariaLabel ?? "").includes(said))
    && performance.timeOrigin + performance.now()"""


# The stores


def journal(root: Path, run: str, number: int) -> JournalWriter:
    writer = JournalWriter(Store(root).run(run) / "journal", run=run, mapped=False, synced=False)
    writer.event("run", {"id": run, "name": f"run {number}", "project": "bench", "created": _STARTED + number})
    rates = {"lr": 10.0 ** -(1 + number % 4), "width": 2 ** (number % 7), "seed": number}
    writer.event("config", {"values": rates | {"optimizer": ["sgd", "adam", "lion"][number % 3]}})
    return writer


def end(writer: JournalWriter) -> None:
    writer.event("end", {"status": "finished", "exit_code": 0})
    writer.seal()


def fill_thousand(root: Path) -> None:
    """1,000 runs, ten metrics of 200 points each."""
    random = np.random.default_rng(0)
    names = tuple(f"{part}/m{at}" for part in ("train", "val") for at in range(_METRICS // 2))
    for number in range(1000):
        writer = journal(root, f"run{number:06d}", number)
        values = (np.exp(-np.arange(200) / 50)[:, None] + random.normal(0, 0.05, (200, _METRICS))).tolist()
        writer.rows(names, [(row, step, _STARTED + number + step) for step, row in enumerate(values)])
        end(writer)


def fill_table(root: Path) -> None:
    """100,000 runs as the index has them; of their journals only the folders stand there, which it takes for read."""
    search.fill(root, 100_000)
    stamps = []
    for at in range(100_000):
        folder = root / "runs" / f"{at:012d}"
        folder.mkdir(parents=True)
        stamps.append((folder.stat().st_mtime_ns, folder.name))
    with contextlib.closing(sqlite3.connect(root / "index/g-bench/catalogue.db")) as db, db:
        db.executemany("update runs set folder = ? where id = ?", stamps)


def fill_many(root: Path) -> None:
    """100 runs of 100,000 points."""
    random = np.random.default_rng(1)
    for number in range(100):
        writer = journal(root, f"run{number:06d}", number)
        for start in range(0, 100_000, 20_000):
            values = random.normal(np.exp(-start / 50_000), 0.1, (20_000, 1)).tolist()
            writer.rows(("loss",), [(row, start + at, _STARTED + start + at) for at, row in enumerate(values)])
        end(writer)


def fill_long(root: Path) -> None:
    """One series of ten million points, and a run of fifty metrics beside it."""
    random = np.random.default_rng(2)
    writer = journal(root, "long", 0)
    for start in range(0, 10_000_000, 100_000):
        values = np.cumsum(random.normal(size=(100_000, 1)), axis=0).tolist()
        writer.rows(("loss",), [(row, start + at, _STARTED + (start + at) / 100) for at, row in enumerate(values)])
    end(writer)
    writer = journal(root, "fifty", 1)
    names = tuple(f"m{at:02d}" for at in range(50))
    values = random.normal(size=(2000, 50)).cumsum(axis=0).tolist()
    writer.rows(names, [(row, step, _STARTED + step) for step, row in enumerate(values)])
    end(writer)


STORES = {"thousand": fill_thousand, "table": fill_table, "many": fill_many, "long": fill_long}


@contextlib.contextmanager
def served(folder: Path, name: str) -> Iterator[str]:
    """The address of a server on a store, which is made first where it is not there."""
    store = folder / name / ".anew"
    if not (folder / name / "made").exists():
        shutil.rmtree(folder / name, ignore_errors=True)
        store.mkdir(parents=True)
        STORES[name](store)
        (folder / name / "made").touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "anew", "server", "--port", "0", "--json"],
        env={**os.environ, "ANEW_STORE": str(store)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.terminate()
        process.wait(60)


# What is measured


class Bench:
    """A browser, and what was measured with it."""

    def __init__(self, browser: Any, folder: Path, turns: int) -> None:
        self.browser, self.folder, self.turns = browser, folder, turns

    @contextlib.contextmanager
    def page(self, address: str, path: str) -> Iterator[Any]:
        """A page of a browser that has nothing of it yet."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.add_init_script(_WATCH)
        page.goto(path)
        yield page
        context.close()

    def told(self, what: str, found: list[float], target: float) -> None:
        middle, worst = statistics.median(found), max(found)
        mark = "" if middle <= target else "   above the target"
        print(f"  {what:62} {middle:7.0f} ({worst:.0f})   {target:.0f}{mark}", flush=True)


def after(page: Any, event: str, act: Callable[[], None]) -> float:
    """Milliseconds from an event to the frame in which all charts on the screen are drawn."""
    page.evaluate("event => after(event, 8)", event)
    act()
    return float(page.evaluate("waited"))


def longest(page: Any) -> float:
    """The longest task since this was last asked."""
    page.wait_for_timeout(400)
    return float(page.evaluate("() => { const found = longest; longest = 0; return found; }"))


def first(bench: Bench) -> None:
    painted, tasks = [], []
    with served(bench.folder, "thousand") as address:
        for turn in range(bench.turns + 1):
            with bench.page(address, "/runs") as page:
                took = page.evaluate("firstChart")
                if turn:  # the first makes the server read what it keeps
                    painted.append(took)
                    tasks.append(longest(page))
    bench.told("1,000 runs: first chart after navigation, nothing cached", painted, 1000)
    bench.told("  longest task meanwhile", tasks, 100)


def table(bench: Bench) -> None:
    scrolled, jumped, filtered, tasks = [], [], [], []
    with served(bench.folder, "table") as address, bench.page(address, "/runs") as page:
        page.locator(".rows [role=row] a").first.wait_for()
        page.wait_for_timeout(1500)
        longest(page)
        page.mouse.move(300, 500)
        for _ in range(bench.turns):
            for _ in range(40):
                page.mouse.wheel(0, 600)
                page.wait_for_timeout(16)
            scrolled.append(longest(page))
            for share in (0.3, 0.9, 0.5, 0.1):
                page.evaluate(
                    "s => { const g = document.querySelector('.grid'); g.scrollTop = s * g.scrollHeight; }", share
                )
                page.wait_for_timeout(300)
            jumped.append(longest(page))
        box = page.get_by_role("combobox", name="Filter runs")
        total = page.locator(".head .first")
        for turn in range(bench.turns):
            page.evaluate("document.querySelector('.grid').scrollTop = 0")
            before = total.inner_text()
            box.fill(f"metrics.m0 > 0.{turn + 1}")
            start = time.perf_counter()
            while total.inner_text() == before:
                page.wait_for_timeout(10)
            filtered.append((time.perf_counter() - start) * 1e3)
            tasks.append(longest(page))
    bench.told("100,000 runs: longest task while the wheel turns", scrolled, 100)
    bench.told("  longest task while it jumps", jumped, 100)
    bench.told("  filter, from the last letter (350 ms of waiting for more)", filtered, 1000)
    bench.told("  longest task meanwhile", tasks, 100)


def many(bench: Bench) -> None:
    with served(bench.folder, "many") as address:
        chosen = "&".join(f"sel=run{number:06d}" for number in range(100))
        opened, tasks = [], []
        for turn in range(bench.turns + 1):
            with bench.page(address, f"/runs?{chosen}&fold=metrics") as page:
                page.get_by_text("100 chosen").wait_for()
                section = page.locator(".panels section h2 button")
                section.wait_for()
                longest(page)
                took = after(page, "click", lambda section=section: section.click())
                if turn:
                    opened.append(took)
                    tasks.append(longest(page))
    bench.told("100 runs of 100,000 points in one chart: from click to paint", opened, 500)
    bench.told("  longest task meanwhile", tasks, 200)


def zoom(bench: Bench) -> None:
    took, tasks = [], []
    with served(bench.folder, "long") as address, bench.page(address, "/runs/long?tab=charts&size=l") as page:
        page.evaluate("firstChart")
        page.wait_for_timeout(1000)
        longest(page)
        for _ in range(bench.turns):
            for at in range(5):
                box = page.locator(".u-over").bounding_box()
                x, y = box["x"] + box["width"] * (0.2 + 0.05 * at), box["y"] + box["height"] / 2
                page.mouse.move(x, y)
                page.mouse.down()
                page.mouse.move(x + box["width"] * 0.3, y, steps=3)
                took.append(after(page, "mouseup", page.mouse.up))
                page.wait_for_timeout(150)
            tasks.append(longest(page))
            page.evaluate("history.go(-5)")
            page.wait_for_timeout(500)
    bench.told("a series of 10,000,000 points: each zoom", took, 150)
    bench.told("  longest task meanwhile", tasks, 100)


def fifty(bench: Bench) -> None:
    tasks, drawn = [], []
    with served(bench.folder, "long") as address:
        for _ in range(bench.turns):
            with bench.page(address, "/runs/fifty?tab=charts") as page:
                page.evaluate("firstChart")
                page.wait_for_timeout(500)
                longest(page)
                page.mouse.move(700, 600)
                for _ in range(40):
                    page.mouse.wheel(0, 120)
                    page.wait_for_timeout(16)
                    drawn.append(page.locator(".plot canvas").count())
                tasks.append(longest(page))
    bench.told("50 charts: longest task while they are scrolled", tasks, 100)
    bench.told("  charts that stand in the page at once", [float(max(drawn))], 24)


def live(bench: Bench) -> None:
    took = []
    with served(bench.folder, "thousand") as address:
        root = bench.folder / "thousand/.anew"
        run = f"growing{time.time_ns()}"
        writer = JournalWriter(Store(root).run(run) / "journal", run=run)
        writer.event("run", {"id": run, "name": run, "created": time.time()})
        writer.points(("seen",), [0.0], 0, time=time.time())
        with bench.page(address, f"/runs/{run}?tab=charts") as page:
            page.evaluate("firstChart")
            for step in range(1, 4 * bench.turns):
                page.wait_for_timeout(300 + 37 * step % 200)
                start = time.time()
                writer.points(("seen",), [float(step)], step, time=start)
                # The page looks in each frame: a locator does so twice a second.
                shown = page.wait_for_function(_SHOWN, arg=f"step 0 to {step};", polling="raf")
                took.append(shown.json_value() - start * 1e3)
        end(writer)
        shutil.rmtree(root / "runs" / run)
    bench.told("a live point: from log to screen", took, 1000)


PARTS = {"first": first, "table": table, "many": many, "zoom": zoom, "fifty": fifty, "live": live}


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--keep", type=Path)
    said = parser.parse_args()
    browser_path = os.environ.get("ANEW_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        print("no Chromium: `make browser` installs one, or ANEW_BROWSER names one")
        return
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=options)
        load = os.getloadavg()[0]
        print(f"{'milliseconds: the median (the worst), and the target':64} load {load:.1f} on {os.cpu_count()} CPUs")
        for name in said.only.split(","):
            PARTS[name](Bench(browser, said.keep or Path(temporary), said.turns))
        browser.close()


if __name__ == "__main__":
    main()
