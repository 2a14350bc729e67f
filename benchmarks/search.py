"""Filter, sort and fetch 50 documents among many runs, and update them; beside SQLite with JSON and indexes.

    python benchmarks/search.py [runs, by default 100000] [--alone]

CPU milliseconds of this process, the median of several turns. The alternative is as good as it gets:
documents as JSON, an expression index on each column that the queries use, so that the order can be read off
an index where there is one.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from anew.index import Index
from anew.index.catalogue import Catalogue, Entry

_PARAMS, _METRICS = 10, 10


def document(at: int, values: list[float]) -> dict[str, Any]:
    run = f"{at:012d}"
    stats = {
        f"m{k}": {"last": value, "last_step": 9, "min": value, "max": value, "mean": value, "count": 10,
                  "first": value, "nan_count": 0}
        for k, value in enumerate(values)
    }  # fmt: skip
    return {
        "id": run, "name": f"run {at}", "project": "p", "status": "finished" if at % 10 else "failed",
        "created": 1.7e9 + at, "ended": 1.7e9 + at + 60, "duration_s": 60.0, "command": "python train.py",
        "notes": None, "outputs": [], "raw": {}, "datasets": [],
        "config": {f"p{k}": (at * (k + 7)) % 1000 for k in range(_PARAMS)},
        "tags": {"team": f"team{at % 7}"}, "summary": {}, "inputs": [], "system": {},
        "metrics": {f"m{k}": value for k, value in enumerate(values)}, "metric_stats": stats,
    }  # fmt: skip


def documents(count: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(0)
    for start in range(0, count, 5000):
        for at, values in enumerate(random.random((min(5000, count - start), _METRICS)).tolist()):
            yield document(start + at, values)


def median_ms(work: Callable[[], object], turns: int = 15) -> float:
    took = []
    for _ in range(turns):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return statistics.median(took) * 1e3


def fill(root: Path, count: int) -> None:
    folder = root / "index" / "g-bench"
    catalogue = Catalogue(folder, write=True)
    batch: list[Entry] = []
    for at, body in enumerate(documents(count)):
        batch.append(Entry(body["id"], body, True, -1, None))
        if len(batch) == 5000 or at == count - 1:
            with catalogue.transaction():
                cells = catalogue.put(batch)
            catalogue.apply(cells)
            batch = []
    catalogue.close()
    (root / "index" / "current").write_text("g-bench\n")


def updates(root: Path, count: int, seconds: float = 0.0) -> tuple[float, float]:
    """Updates of live runs spread over the store, all ten metrics of each change: so many a CPU second, and a second.

    All of 5,000 runs once, then on until `seconds` have passed.
    """
    catalogue = Catalogue(root / "index" / "g-bench", write=True)
    rows = np.random.default_rng(1).choice(count, min(count, 5000), replace=False).tolist()
    bodies = [document(row, [0.5] * _METRICS) for row in rows]
    entries = [Entry(body["id"], body, True, -1, None, row=row) for row, body in zip(rows, bodies, strict=True)]
    with catalogue.transaction():  # takes in what the rows hold, as the indexer has it of live runs
        cells = catalogue.put(entries)
    catalogue.apply(cells)
    start, began, done = time.process_time(), time.perf_counter(), 0
    while not done or time.perf_counter() - began < seconds:
        for turn in range(0, len(entries), 500):
            some = entries[turn : turn + 500]
            for at, entry in enumerate(some):
                entry.document = document(rows[turn + at], [0.1 * k + (done + at) / 500 for k in range(_METRICS)])
            with catalogue.transaction():
                cells = catalogue.put(some)
            catalogue.apply(cells)
            done += len(some)
    took = time.process_time() - start, time.perf_counter() - began
    catalogue.close()
    return done / took[0], done / took[1]


def while_updated(root: Path, count: int, index: Index, seconds: float = 12.0) -> None:
    """The same searches, while another process writes updates as fast as it can."""
    with ProcessPoolExecutor(1) as pool:
        writer = pool.submit(updates, root, count, seconds)
        time.sleep(seconds / 4)
        for name, query, sort in QUERIES:
            took = median_ms(lambda query=query, sort=sort: index.search(query, sort=[sort]))
            state = "" if writer.running() else "   (the updates had ended)"
            print(f"  {name:10} while updated {took:39.2f}{state}")
        print("  meanwhile {:,.0f} updates a CPU second, {:,.0f} a second".format(*writer.result()))


def sqlite(path: Path, count: int) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = wal")
    db.execute("create table runs(row integer primary key, document text)")
    rows = ((at, json.dumps(body)) for at, body in enumerate(documents(count)))
    db.executemany("insert into runs values (?, ?)", rows)
    for name in ("$.metrics.m0", "$.metrics.m1", "$.config.p0", "$.tags.team", "$.created"):
        db.execute(f"create index \"i{name}\" on runs(json_extract(document, '{name}'))")
    db.execute("analyze")
    db.commit()
    return db


QUERIES = [
    ("narrow", "metrics.m0 > 0.99 and params.p0 < 500", "-metrics.m1"),
    ("broad", "metrics.m0 > 0.1", "-metrics.m1"),
    ("text", "tags.team = 'team3' and metrics.m0 > 0.5", "-created"),
    ("all", "", "-created"),
]


def as_sql(query: str, sort: str) -> str:
    """The same question in SQL, the columns read out of the JSON by the expressions that are indexed."""

    def column(name: str) -> str:
        inner = name.replace("params", "config")
        return f"json_extract(document, '$.{inner}')"

    words = [column(word) if "." in word and not word[0].isdigit() else word for word in query.split()]
    where = f"where {' '.join(words)}" if words else ""
    return f"select document from runs {where} order by {column(sort[1:])} desc limit 50"


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / ".anew"
        fill(root, count)
        index = Index(root)
        db = None if "--alone" in sys.argv else sqlite(Path(folder) / "json.db", count)
        print(f"{count:,} runs; filter + sort + 50 documents, CPU ms       anew    sqlite json   ratio")
        for name, query, sort in QUERIES:
            found = [run["id"] for run in index.search(query, sort=[sort])]
            ours = median_ms(lambda query=query, sort=sort: index.search(query, sort=[sort]))
            if db is None:
                print(f"  {name:10} {query:45} {ours:8.2f}")
                continue
            sql = as_sql(query, sort)

            def other(sql: str = sql) -> list[str]:
                return [json.loads(text)["id"] for (text,) in db.execute(sql)]

            assert other() == found, name
            theirs = median_ms(other, 5)
            print(f"  {name:10} {query:45} {ours:8.2f} {theirs:14.2f} {theirs / ours:7.1f}")
        grouped = median_ms(lambda: index.group("", "tags.team", ["count", "mean:metrics.m0"]), 5)
        print(f"  group by a text, count and mean {grouped:33.2f}")
        while_updated(root, count, index)
        index.close()


if __name__ == "__main__":
    main()
