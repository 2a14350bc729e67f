"""The indexer: passes, crashes, several writers, several processes; always what a fresh index says."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_stores import Store, everything, packed

from anew.errors import NotFound, RunNotFound
from anew.index import Index
from anew.index.document import Fold
from anew.store.journal import JournalWriter
from anew.store.journal_reader import Event
from anew.store.ledger import Ledger

Opened = Callable[[], Index]


def fill(store: Store, count: int, start: int = 0) -> None:
    for at in range(start, start + count):
        points = [({"loss": 1 / (k + 1), "acc": k * at}, k) for k in range(20)]
        events: list[Any] = [
            ("config", {"values": {"lr": at / 10, "opt": "adam"}}),
            ("tag", {"team": f"t{at % 3}"}),
            ("input", {"path": f"data/{at}.csv", "digest": f"d{at}"}),
        ]
        store.write(f"run{at:04d}", events, points, created=1000.0 + at)


def test_a_document_says_what_the_journal_did(store: Store, opened: Opened) -> None:
    store.write(
        "a",
        [
            ("config", {"values": {"lr": "0.1", "guess": 1}, "source": "argv"}),
            ("config", {"values": {"lr": 0.1, "n": 3}, "source": "init"}),
            ("config", {"values": {"lr": 0.2, "n": 3}}),
            ("tag", {"x": "1", "y": "2"}),
            ("tag", {"x": None}),
            ("summary", {"best": 0.9}),
            ("media", {"key": "img", "step": 1, "digest": "m"}),
            ("input", {"path": "a/b.csv", "digest": "1"}),
            ("input", {"path": "a/b.csv", "digest": "2"}),
            ("output", {"path": "model.pt", "digest": "3"}),
            ("code", {"commit": "c0ffee", "branch": "main"}),
            ("code", {"branch": "dev"}),
            ("link", {"relation": "parent", "run": "b"}),
            ("grade", {"letter": "B"}),
            ("notes", {"text": "hello"}),
            ("rename", {"name": "better"}),
            ("console", {"stream": "out", "data": "x"}),
            ("fresh", {}),
        ],
        [({"loss": 1.0, "system/cpu": 5.0}, 1), ({"loss": math.nan}, 3), ({"loss": 0.5}, 2)],
    )
    document = opened().document("a")
    assert document["config"] == {"lr": 0.1, "n": 3, "guess": 1}
    assert document["config_conflicts"] == {"lr": [0.2]}
    assert document["tags"] == {"y": "2"}
    assert [item["digest"] for item in document["inputs"]] == ["2"]
    assert document["code"] == {"commit": "c0ffee", "branch": "dev"}
    assert (document["name"], document["notes"], document["status"]) == ("better", "hello", "finished")
    assert math.isnan(document["metrics"]["loss"])
    stats = document["metric_stats"]["loss"]
    assert (stats["min"], stats["max"], stats["mean"], stats["count"], stats["nan_count"]) == (
        0.5,
        1.0,
        0.75,
        3,
        1,
    )
    assert (stats["first"], stats["last_step"]) == (1.0, 3)
    assert document["system"]["cpu"]["last"] == 5.0
    assert document["unknown"] == {"fresh": 1}
    assert document["duration_s"] == 100
    assert document["problems"] == []
    index = opened()
    for query in ("data.b.csv.digest = '2'", "data.`a/b.csv`.digest = '2'", "code.branch = 'dev'",
                  "grade = 'B'",
                  "system.cpu.max = 5", "summary.best > 0.8", "code.commit like 'c0%'", "hello"):  # fmt: skip
        assert index.ids(query) == ["a"], query
    assert index.by_name("better") == ["a"]


def test_a_pass_takes_in_what_is_new_and_no_more(store: Store, opened: Opened) -> None:
    fill(store, 5)
    index = opened()
    assert index.count() == 5
    fill(store, 3, 5)
    live = store.write("live", [], [({"loss": 1.0}, 0)], end=None, seal=False)
    index.refresh()
    assert index.count() == 9
    assert index.document("live")["status"] == "running"
    for step in range(1, 50):
        live.log({"loss": 1.0 / step}, step)
        if step % 7 == 0:
            index.refresh()
            assert index.document("live")["metrics"]["loss"] == 1.0 / step
            assert len(index.series("live", "loss")) == step + 1
            assert index.count(f"metrics.loss.count = {step + 1}") == 1
    assert len(index.series("live", "loss")) == 50  # read from the journal, beyond the last pass
    live.event("end", {"status": "finished", "time": time.time()})
    live.seal()
    before = everything(index)
    index.refresh()
    assert index.document("live")["status"] == "finished"
    after = everything(index)
    assert before != after
    index.reindex()
    assert everything(index) == after


def test_settled_runs_are_not_read_again(store: Store, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 4)
    index = opened()
    monkeypatch.setattr("anew.index.indexer.follow", lambda *_: pytest.fail("read again"))
    index.refresh()
    other = opened()
    other.refresh()
    assert other.count() == 4


def test_a_late_journal_reopens_a_settled_run(store: Store, opened: Opened) -> None:
    fill(store, 3)
    index = opened()
    store.write("run0001", [("tag", {"late": "yes"})], end=None, writer="tagger")
    index.refresh()
    assert index.ids("tags.late = 'yes'") == ["run0001"]
    assert index.document("run0001")["status"] == "finished"
    after = everything(index)
    index.reindex()
    assert everything(index) == after


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["journal", "journal-1", "journal-2"]),
            st.sampled_from(["tag", "config", "summary", "input", "link", "end", "notes", "strange"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from([1, 1.0, "x", None, True]),
        ),
        max_size=25,
    ),
    st.randoms(),
)
def test_the_order_of_reading_several_journals_does_not_matter(events: list[Any], random: Any) -> None:
    def body(kind: str, key: str, value: Any) -> dict[str, Any]:
        shapes = {"config": {"values": {key: value}}, "input": {"path": key, "digest": value},
                  "link": {"run": key, "relation": value}, "end": {"status": key},
                  "notes": {"text": value}}  # fmt: skip
        return shapes.get(kind, {key: value})

    journals: dict[str, list[Event]] = {}
    for at, (name, kind, key, value) in enumerate(events):
        journals.setdefault(name, []).append(Event(kind, float(at // 3), body(kind, key, value)))
    answers = set()
    for _ in range(4):
        waiting = {name: list(items) for name, items in journals.items()}
        fold = Fold("r", stamped=True)
        while waiting:
            name = random.choice(sorted(waiting))
            fold.fold(name, waiting[name].pop(0))
            if not waiting[name]:
                del waiting[name]
            if random.random() < 0.2:
                fold = Fold.restore(fold.state())
        answers.add(packed(fold.document(alive=False, verdicts=[])))
    assert len(answers) == 1


def test_several_writers_make_one_run(store: Store, opened: Opened) -> None:
    main = store.write("r", [], [({"loss": 3.0}, 1)], end=None, seal=False)
    index = opened()
    rank = store.write("r", [("tag", {"rank": "1"})], [({"loss": 1.0}, 2), ({"own": 7.0}, 0)], end=None,
                       seal=False, writer="rank1")  # fmt: skip
    index.refresh()
    main.log({"loss": 2.0}, 3)
    index.refresh()
    document = index.document("r")
    assert (document["metrics"], document["status"]) == ({"loss": 2.0, "own": 7.0}, "running")
    assert document["metric_stats"]["loss"]["mean"] == 2.0
    assert index.series("r", "loss").values.tolist() == [3.0, 1.0, 2.0]
    main.event("end", {"status": "finished", "time": 2000.0})
    main.seal()
    rank.seal()
    index.refresh()
    after = everything(index)
    assert index.series("r", "loss").values.tolist() == [3.0, 1.0, 2.0]
    index.reindex()
    assert everything(index) == after


def test_points_out_of_order_and_level_and_of_both_kinds_of_step(store: Store, opened: Opened) -> None:
    points = [
        ({"a": 1.0}, 5),
        ({"a": 2.0}, 3),
        ({"a": math.nan}, 3),
        ({"a": 3.0}, 2.5),
        ({"a": 4.0, "b": 1.0}, 9),
    ]
    store.write("r", [], points)
    index = opened()
    series = index.series("r", "a")
    assert series.steps.tolist() == [2.5, 3, 3, 5, 9]
    assert index.series("r", "b").steps.dtype == np.int64
    stats = index.document("r")["metric_stats"]["a"]
    assert (stats["first"], stats["last"]) == (series.values[0], series.values[-1]) == (3.0, 4.0)


def test_a_live_run_of_many_points_is_stored_in_parts(store: Store, opened: Opened, monkeypatch: Any) -> None:
    monkeypatch.setattr("anew.index.indexer._PART_POINTS", 100)
    journal = store.write("r", end=None, seal=False)
    index = opened()
    for step in range(3000):
        journal.log({"x": float(step % 17), "y": 1.0}, step)
        if step % 250 == 0:
            index.refresh()
    index.refresh()
    catalogue = sqlite3.connect(next(store.root.glob("index/g-*/catalogue.db")))
    assert catalogue.execute("select count(*) from series").fetchone()[0] > 1
    assert index.series("r", "x").values.tolist() == [float(step % 17) for step in range(3000)]
    drawn = index.series("r", "x", points=50)
    journal.seal()
    index.refresh()
    assert catalogue.execute("select count(*) from series").fetchone()[0] == 1
    catalogue.close()
    assert index.series("r", "x", points=50).steps.tolist() == drawn.steps.tolist()


def test_large_segments_are_files_and_damage_heals(store: Store, opened: Opened, monkeypatch: Any) -> None:
    monkeypatch.setattr("anew.index.indexer._IN_CATALOGUE_BYTES", 100)
    store.write("r", [], [({"x": math.sin(step)}, step) for step in range(500)])
    index = opened()
    want = index.series("r", "x").values
    (file,) = store.root.glob("index/g-*/series/*/*")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert index.series("r", "x").values.tobytes() == want.tobytes()  # from the journal
    index.refresh()
    (mended,) = store.root.glob("index/g-*/series/*/*")
    assert mended != file
    assert index.series("r", "x").values.tobytes() == want.tobytes()
    mended.unlink()
    assert index.series("r", "x").values.tobytes() == want.tobytes()


def test_a_crashed_run_is_found_out(store: Store, opened: Opened) -> None:
    code = f"""
        import os
        from pathlib import Path
        from anew.store.journal import JournalWriter
        journal = JournalWriter(Path({str(store.root)!r}) / "runs" / "dead" / "journal", run="dead")
        journal.event("run", {{"id": "dead", "created": 5.0}})
        for step in range(10):
            journal.log({{"loss": 1.0}}, step)
        os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    index = opened()
    document = index.document("dead")
    assert (document["status"], document["metric_stats"]["loss"]["count"]) == ("crashed", 10)
    assert document["problems"] == []
    assert document["ended"] > 5
    assert len(index.series("dead", "loss")) == 10


@pytest.mark.parametrize("how", ["flip", "cut", "header", "nonsense"])
def test_a_damaged_journal_keeps_what_is_readable(store: Store, opened: Opened, how: str) -> None:
    fill(store, 3)
    path = store.root / "runs" / "run0001" / "journal"
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[-300] ^= 255
    elif how == "cut":
        data = data[:-100]
    elif how == "header":
        data[:4] = b"oops"
    else:
        path.unlink()
        store.write("run0001", [("config", {"values": 3}), ("tag", {"a": {"b": [1]}}), ("end", {"status": [1]})])
        data = bytearray(path.read_bytes())
    path.write_bytes(data)
    index = opened()
    assert index.count() == 3
    document = index.document("run0001")
    if how != "nonsense":
        (problem,) = document["problems"]
        assert problem["file"] == "journal"
        assert problem["reason"]
        assert problem["offset"] <= len(data)
        assert index.document("run0002")["problems"] == []
    after = everything(index)
    index.reindex()
    assert everything(index) == after


def test_verdicts_and_deletions_come_from_the_ledger(store: Store, opened: Opened) -> None:
    fill(store, 4)
    index = opened()
    ledger = Ledger(store.root / "ledger")
    ledger.append("verdict", "run0001", {"verdict": "diverged", "reproduction": "x"})
    ledger.append("verdict", "run0001", {"verdict": "identical", "reproduction": "y"})
    ledger.append("delete", "run0002", {})
    ledger.append("alias", "../run0003", {"name": "prod"})
    index.refresh()
    assert index.ids("verdict = 'identical'") == ["run0001"]
    assert [v["verdict"] for v in index.document("run0001")["verdicts"]] == ["diverged", "identical"]
    assert index.count() == 3
    assert index.find("run0002") == []
    assert index.count("adam") == 3
    with pytest.raises(RunNotFound):
        index.document("run0002")
    after = everything(index)
    index.reindex()
    assert everything(index) == after
    assert index.group("", "tags.team", ["count"])[0]["count"] == 2


def test_a_run_whose_folder_goes_is_gone_and_can_come_back(store: Store, opened: Opened) -> None:
    fill(store, 3)
    index = opened()
    folder = store.root / "runs" / "run0001"
    folder.rename(store.root / "kept")
    index.refresh()
    assert index.ids(sort=["name"]) == ["run0000", "run0002"]
    (store.root / "kept").rename(folder)
    index.refresh()
    assert index.ids("params.lr = 0.1") == ["run0001"]


@pytest.mark.parametrize("harm", ["delete", "database", "columns", "empty", "current"])
def test_a_lost_or_damaged_index_heals(store: Store, opened: Opened, harm: str) -> None:
    import shutil

    fill(store, 6)
    index = opened()
    want = everything(index)
    (folder,) = store.root.glob("index/g-*")
    if harm == "delete":
        shutil.rmtree(store.root / "index")
    elif harm == "current":
        (store.root / "index" / "current").write_text("g-none\n")
    else:
        index.close()
        name = "columns" if harm == "columns" else "catalogue.db"
        (folder / name).write_bytes(b"" if harm == "empty" else b"rubbish" * 1000)
    index.refresh()
    assert everything(index) == want
    assert everything(opened()) == want


def test_an_index_that_cannot_be_written_is_kept_elsewhere(store: Store, opened: Opened) -> None:
    fill(store, 3)
    (store.root / "index").write_text("in the way")
    index = opened()
    assert index.count("params.opt = 'adam'") == 3
    elsewhere = index.folder
    assert elsewhere != store.root / "index"
    index.close()
    assert not elsewhere.exists()


def test_a_full_disk_moves_the_index_elsewhere(store: Store, opened: Opened, monkeypatch: Any) -> None:
    fill(store, 3)

    def full(_: int, __: int, ___: int) -> None:
        raise OSError(28, "No space left on device")

    index = Index(store.root)
    real = os.posix_fallocate
    monkeypatch.setattr(os, "posix_fallocate", lambda *a: real(*a) if index._temporary else full(*a))
    index.refresh()
    assert index.count() == 3
    assert index._temporary is not None
    index.close()


def test_unknown_runs_and_metrics_are_named(store: Store, opened: Opened) -> None:
    fill(store, 1)
    index = opened()
    with pytest.raises(NotFound, match="did you mean loss"):
        index.series("run0000", "los")
    with pytest.raises(RunNotFound):
        index.series("nope", "loss")
    assert index.metric_names("run0000") == ["acc", "loss"]
    assert index.find("run") == ["run0000"]


def test_the_columns_catch_up_after_a_crash_between_commit_and_columns(
    store: Store, opened: Opened, monkeypatch: Any
) -> None:
    fill(store, 3)
    index = opened()
    fill(store, 3, 3)
    with monkeypatch.context() as patch:
        patch.setattr("anew.index.catalogue.Catalogue.apply", lambda *_: os._exit(0) if False else _stop())
        with pytest.raises(KeyboardInterrupt):
            index.refresh()
    index.close()
    index.refresh()
    want = everything(index)
    assert index.count("params.lr >= 0") == 6
    index.reindex()
    assert everything(index) == want


def _stop() -> None:
    raise KeyboardInterrupt


WORKER = """
    import sys, time
    from pathlib import Path
    from anew.index import Index
    index = Index(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        index.refresh()
        count = index.count()
        runs = index.search("metrics.loss < 2 and tags.team like 't%'", sort=["-metrics.acc"], limit=10)
        assert count == 0 or len(runs) <= 10
        for run in runs[:2]:
            assert len(index.series(run["id"], "loss")) == 20, run["id"]
    print(index.count())
"""


def worker(store: Store, rounds: int) -> subprocess.Popen[str]:
    code = [sys.executable, "-W", "error", "-c", textwrap.dedent(WORKER), str(store.root), str(rounds)]
    return subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_several_processes_share_one_index(store: Store) -> None:
    fill(store, 20)
    workers = [worker(store, 30) for _ in range(3)]
    fill(store, 60, 20)
    reindexer = Index(store.root)
    reindexer.reindex()
    reindexer.close()
    for process in workers:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert int(out) >= 20
    index = store.index()
    assert index.count() == 80
    index.close()


def test_a_killed_pass_is_made_good_by_the_next(store: Store) -> None:
    fill(store, 150)
    for delay in (0.15, 0.25, 0.3, 0.35, 0.4, 0.5):
        process = worker(store, 1000)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        fill(store, 5, 150 + int(delay * 100) * 10)
    index = store.index()
    want = everything(index)
    assert index.count("params.opt = 'adam'") == 180
    index.reindex()
    assert everything(index) == want
    index.close()


def test_rebuilding_reports_how_far_it_is(store: Store, opened: Opened) -> None:
    fill(store, 5)
    seen: list[tuple[int, int]] = []
    opened().reindex(lambda done, whole: seen.append((done, whole)))
    assert seen == [(5, 5)]


def test_statistics_of_a_long_metric_are_exact(store: Store, opened: Opened) -> None:
    values = [0.1, 1e300, -1e300, 1e-300] * 100
    store.write("r", [], [({"x": value}, None) for value in values])
    assert opened().document("r")["metric_stats"]["x"]["mean"] == math.fsum(values) / len(values)


def test_a_folder_without_a_journal_is_no_run_yet(store: Store, opened: Opened) -> None:
    fill(store, 1)
    (store.root / "runs" / "soon").mkdir()
    (store.root / "runs" / ".hidden").mkdir()
    (store.root / "runs" / "a file").write_text("")
    (store.root / "runs" / os.fsdecode(b"\xff")).mkdir()
    index = opened()
    assert index.count() == 1
    JournalWriter(store.root / "runs" / "soon" / "journal", run="soon").seal()
    index.refresh()
    assert index.ids(sort=["id"]) == ["run0000", "soon"]
    assert index.document("soon")["status"] == "crashed"


def test_a_store_without_runs(tmp_path: Path) -> None:
    index = Index(tmp_path / "nothing" / ".anew")
    index.refresh()
    assert index.search() == []
    assert index.count() == 0
    assert index.group("", "status", ["count"]) == []
    assert index.distinct("name") == []
    index.close()


def test_an_index_that_can_not_be_kept_leaves_nothing(tmp_path: Path) -> None:
    """A reading command on a store that can't be written makes one for itself, and takes it away at its end."""
    (tmp_path / "store/runs").mkdir(parents=True)
    (tmp_path / "store/index").symlink_to("/proc/none")
    (tmp_path / "aside").mkdir()
    code = "import sys; from pathlib import Path; from anew.index import Index; print(Index(Path(sys.argv[1])).count())"
    environ = {**os.environ, "TMPDIR": str(tmp_path / "aside")}
    words = [sys.executable, "-c", code, str(tmp_path / "store")]
    done = subprocess.run(words, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert list((tmp_path / "aside").iterdir()) == []
