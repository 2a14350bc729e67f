from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import CorruptData, StoreError, StoreFull
from anew.store import journal as journals
from anew.store.journal import JournalWriter, stamp
from anew.store.journal_reader import Event, JournalReader, Open, Points, Seal, verify_journal

MODES = pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
Make = Callable[..., JournalWriter]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Opens journals, and closes those that the test left open."""
    made: list[JournalWriter] = []

    def make(name: str = "journal", **options: Any) -> JournalWriter:
        made.append(JournalWriter(tmp_path / name, run="r", **options))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


def rows(path: Path) -> list[tuple[float, dict[str, float]]]:
    """Every point of the journal in order within each schema: (step, {name: value})."""
    found = []
    for item in JournalReader(path):
        if isinstance(item, Points):
            for step, values in zip(item.steps.tolist(), item.values.tolist(), strict=True):
                found.append((step, dict(zip(item.keys, values, strict=True))))
    return found


def values_of(path: Path, name: str) -> list[float]:
    return [values[name] for _, values in rows(path) if name in values]


def events(path: Path) -> list[tuple[str, Any]]:
    return [(item.kind, item.body) for item in JournalReader(path) if isinstance(item, Event)]


def bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


@MODES
def test_what_is_logged_is_read_back(make: Make, mapped: bool) -> None:
    journal = make(mapped=mapped)
    for i in range(1000):
        journal.log({"loss": i / 7, "acc": -i})
    journal.event("note", {"text": "hello"})
    journal.seal()
    assert rows(journal.path) == [(i, {"loss": i / 7, "acc": -i}) for i in range(1000)]
    assert events(journal.path) == [("note", {"text": "hello"})]
    assert verify_journal(journal.path) == (4, None)


@MODES
def test_an_unsealed_journal_is_readable_after_each_call(make: Make, mapped: bool) -> None:
    journal = make(mapped=mapped)
    for i in range(50):
        journal.log({"x": i})
        assert values_of(journal.path, "x") == list(range(i + 1))
    assert verify_journal(journal.path)[1] is None


def test_a_reader_goes_on_where_it_stopped(make: Make) -> None:
    journal = make()
    reader = JournalReader(journal.path)
    got: list[float] = []
    for i in range(300):
        journal.log({"x": i, f"name{i % 7}": 0.5})
        if i % 13 == 0:
            reader = JournalReader(journal.path, reader.offset, reader.schemas)
            got += [x for item in reader if isinstance(item, Points) for x in item.values[:, item.keys.index("x")]]
    reader = JournalReader(journal.path, reader.offset, reader.schemas)
    got += [x for item in reader if isinstance(item, Points) for x in item.values[:, item.keys.index("x")]]
    assert sorted(got) == list(range(300))


def test_every_bit_of_a_float_survives(make: Make) -> None:
    journal = make()
    payload = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    kept = [payload, -payload, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]
    for _ in range(2):  # once by the slow path, once by the fast one
        for value in kept:
            journal.log({"x": value})
    assert [bits(x) for x in values_of(journal.path, "x")] == [bits(x) for x in kept] * 2


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)), (2**53 + 1, 2**53 + 1), (np.int64(2**62 + 1), 2**62 + 1),
        (np.int32(7), 7), (True, 1), (3.0, 3), (np.float32(2.0), 2), (0.5, 0.5), (-1.25, -1.25), (2**63, 2.0**63),
        (2**70, 2.0**70), (math.inf, math.inf), (1e300, 1e300),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [False, True])
def test_a_step_is_kept_exactly(make: Make, step: Any, kept: float, known: bool) -> None:
    journal = make()
    if known:
        journal.log({"x": 0.0}, 0)
    journal.log({"x": 1.0}, step)
    assert [at for at, values in rows(journal.path) if values["x"]] == [kept]


def test_a_step_that_is_not_a_number_is_kept(make: Make) -> None:
    journal = make()
    journal.log({"x": 1.0}, math.nan)
    journal.log({"x": 2.0})
    steps = {values["x"]: step for step, values in rows(journal.path)}
    assert math.isnan(steps[1.0])
    assert steps[2.0] == 0


def test_repeated_and_decreasing_steps_stay_as_they_came(make: Make) -> None:
    journal = make()
    steps = [5, 5, 4, -1, 5, 2**40, 0]
    for i, step in enumerate(steps):
        journal.log({"x": i}, step)
    assert [step for step, _ in rows(journal.path)] == steps


def test_without_a_step_it_is_one_after_the_last(make: Make) -> None:
    journal = make()
    for step in (None, None, 10, None, 2.5, None, 3, None):
        journal.log({"x": 0.0, "y": 1.0}, step)
    journal.log_beside({"system/cpu": 1.0}, 99)
    journal.log({"z": 1.0})
    assert sorted(step for step, values in rows(journal.path) if "system/cpu" not in values) == [
        0, 1, 2.5, 3, 3.5, 4, 5, 10, 11,
    ]  # fmt: skip


@pytest.mark.parametrize("bad", ["7", b"7", "x", None, object(), [1], 1j])
def test_no_step_without_a_number(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        stamp(bad)


@pytest.mark.parametrize(
    ("data", "step"),
    [
        ({"x": "a"}, None), ({"x": None}, 1), ({"x": b"1"}, 1), ({"x": object()}, 1), ({"x": [1, 2]}, 1),
        ({"x": 10**400}, 1), ({"x": 1j}, 1), ({"x": np.zeros(3)}, 1), ({"x": {"y": 1}}, 1), ({1: 1.0}, 1),
        ({"x": 1.0}, "seven"), ({"x": 1.0}, [1]), ([("x", 1)], 1), (5, 1), (None, 1), ("x", 1), (["x"], 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [False, True])
def test_what_is_no_number_goes_to_the_fallback(make: Make, data: Any, step: Any, known: bool) -> None:
    handed: list[Any] = []
    journal = make(fallback=lambda data, step: handed.append((data, step)))
    if known:
        journal.log({"x": 0.0})
    journal.log(data, step)
    assert len(handed) == 1
    assert handed[0][0] is data
    assert len(rows(journal.path)) == known


def test_array_scalars_are_numbers(make: Make) -> None:
    torch = pytest.importorskip("torch")
    journal = make()
    weight = torch.tensor(2.5, requires_grad=True)
    for _ in range(2):
        journal.log({"x": np.float32(0.5), "y": np.int64(3), "z": np.bool_(True), "t": torch.tensor(1.5), "i": 7})
        journal.log({"w": (weight * 1).detach()})
    assert rows(journal.path)[0][1] == {"x": 0.5, "y": 3, "z": 1, "t": 1.5, "i": 7}
    assert values_of(journal.path, "w") == [2.5, 2.5]


def test_ten_thousand_names_and_ever_new_ones(make: Make) -> None:
    journal = make()
    wide = {f"layer{i}/weight": float(i) for i in range(10_000)}
    for step in range(3):
        journal.log(wide, step)
    for i in range(3000):
        journal.log({f"new{i}": i}, i)
    found = rows(journal.path)
    assert [values for _, values in found if len(values) > 1] == [wide] * 3
    assert {name for _, values in found for name in values} >= {f"new{i}" for i in range(3000)}
    assert verify_journal(journal.path)[1] is None


def test_names_that_are_not_text(make: Make) -> None:
    journal = make()
    names = ["\udcff\udc80", "ünï/cödé", "", "a" * 70_000, "nul\0"]
    for name in names:
        journal.log({name: 1.0})
    assert [next(iter(values)) for _, values in rows(journal.path)] == names


def test_a_record_of_100_mb(make: Make) -> None:
    journal = make()
    journal.event("big", {"data": b"\x01" * 100_000_000})
    journal.log({"x": 1.0})
    assert values_of(journal.path, "x") == [1.0]
    journal.seal()
    assert verify_journal(journal.path)[1] is None


class _Awkward:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_an_event_takes_values_of_any_make(make: Make) -> None:
    journal = make()
    drawn: list[int] = []

    def generator() -> Iterator[int]:
        drawn.append(1)
        yield 1

    loop: dict[str, Any] = {}
    loop["self"] = loop
    body = {
        "huge": 2**80, "path": Path("/a"), "set": {1}, "odd": {1: 2, None: 3}, "zero": np.array(1.5),
        "array": np.arange(3), "generator": generator(), "endless": itertools.count(), "awkward": _Awkward(),
        "loop": loop, "bad": "\udcff", "nan": math.nan, "type": int, "tuple": (1, (2,)),
    }  # fmt: skip
    journal.event("config", body)
    ((_, kept),) = events(journal.path)
    assert kept["huge"] == str(2**80)
    assert (kept["path"], kept["set"], kept["odd"]) == ("/a", [1], {"1": 2, "None": 3})
    assert (kept["zero"], kept["array"], kept["bad"]) == (1.5, [0, 1, 2], "\udcff")
    assert kept["generator"].startswith("<generator")
    assert not drawn


def test_a_clock_that_goes_back(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = make()
    times = iter([2000.0, 1000.0, -5.0])
    monkeypatch.setattr(journals, "_now", lambda: next(times))
    journal.points(("x",), [1.0], 0)  # the declaration takes none
    journal.log({"x": 2.0}, 1)
    journal.log({"x": 3.0}, 2)
    (points,) = [item for item in JournalReader(journal.path) if isinstance(item, Points)]
    assert points.times.tolist() == [2000.0, 1000.0, -5.0]


def test_rows_are_points_in_one_write(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = make(mapped=False)
    written: list[int] = []
    monkeypatch.setattr(journals, "_write_all", lambda fd, data: written.append(os.write(fd, data)))
    journal.rows(("x", "y"), [((1.0, 2.0), 0, 5.0), ((3.0, math.nan), 7, 4.0)])
    assert len(written) == 2  # the declaration, and the rest
    assert journal.step == 7
    (points,) = [item for item in JournalReader(journal.path) if isinstance(item, Points)]
    assert (points.keys, points.steps.tolist(), points.times.tolist()) == (("x", "y"), [0, 7], [5.0, 4.0])
    assert str(points.values.tolist()) == "[[1.0, 2.0], [3.0, nan]]"


def test_a_journal_has_one_writer(make: Make, tmp_path: Path) -> None:
    make()
    with pytest.raises(StoreError, match="exists"):
        JournalWriter(tmp_path / "journal", run="r")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFull, match="ANEW_STORE"):
        JournalWriter(tmp_path / "file" / "run" / "journal", run="r")


def test_after_the_end_nothing_is_kept_and_the_user_is_told_once(make: Make) -> None:
    journal = make()
    journal.log({"x": 1.0})
    journal.seal()
    size = journal.path.stat().st_size
    with pytest.warns(UserWarning, match="finished") as told:
        for _ in range(3):
            journal.log({"x": 2.0})
            journal.event("note", {})
    assert len(told) == 1
    assert journal.path.stat().st_size == size


# Damage


def small(make: Make) -> bytes:
    journal = make("small", mapped=False)
    for i in range(4):
        journal.log({"a": i, "b": -i}, i)
    journal.event("note", {"text": "x"})
    journal.log({"c": 0.25}, 2.5)
    journal.seal()
    return journal.path.read_bytes()


def content(path: Path) -> list[Any]:
    """All that a reader says, as comparable values."""
    found: list[Any] = []
    for item in JournalReader(path):
        if isinstance(item, Points):
            found += [
                (item.keys, *row)
                for row in zip(item.times.tolist(), item.steps.tolist(), map(tuple, item.values.tolist()), strict=True)
            ]
        elif isinstance(item, Event):
            found.append((item.kind, item.time, str(item.body)))
        elif isinstance(item, (Open, Seal)):
            found.append(str(item))
    return found


def test_a_tail_torn_at_any_byte_leaves_what_came_before(make: Make, tmp_path: Path) -> None:
    whole = small(make)
    full = content(tmp_path / "small")
    path = tmp_path / "torn"
    longest = 0
    for size in range(len(whole)):
        for tail in (b"", b"\0" * 100):
            path.write_bytes(whole[:size] + tail)
            if size < 8:
                try:
                    assert content(path) == []
                except CorruptData:
                    assert size > 0
                continue
            found = content(path)
            assert found == full[: len(found)]
            if not tail:
                assert len(found) >= longest
                longest = len(found)
    assert longest == len(full) - 1


def test_a_flipped_bit_is_never_read_and_always_found(make: Make, tmp_path: Path) -> None:
    whole = small(make)
    full = content(tmp_path / "small")
    path = tmp_path / "flipped"
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                found = content(path)
            except CorruptData:
                found = []
            assert found == full[: len(found)]
            frames, problem = verify_journal(path)
            assert problem, f"byte {at}, bit {bit}: {frames} frames and no problem"


def test_bytes_behind_the_seal_are_found(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "longer"
    path.write_bytes(small(make) + b"\0")
    assert "behind" in str(verify_journal(path)[1]) or "follow" in str(verify_journal(path)[1])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), min_size=1, max_size=4),
                st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
            ),
            st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=9), st.integers(), st.none())),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_any_sequence_reads_back(tmp_path_factory: pytest.TempPathFactory, said: list[Any], mapped: bool) -> None:
    journal = JournalWriter(tmp_path_factory.mktemp("any") / "journal", run="r", mapped=mapped)
    expected: dict[tuple[str, ...], list[tuple[float, tuple[float, ...]]]] = {}
    last: float = -1
    told = 0
    for item in said:
        if isinstance(item, dict):
            journal.event("e", item)
            told += 1
            continue
        data, step = item
        journal.log(data, step)
        at = stamp(last + 1 if step is None else step)
        last = at if math.isfinite(at) else last
        expected.setdefault(tuple(data), []).append((at, tuple(data.values())))
    journal.seal()
    assert verify_journal(journal.path)[1] is None
    found: dict[tuple[str, ...], list[tuple[float, tuple[float, ...]]]] = {}
    for step, values in rows(journal.path):
        found.setdefault(tuple(values), []).append((step, tuple(values.values())))
    for names, points in expected.items():
        assert sorted(found[names]) == sorted(points)
    assert len(events(journal.path)) == told


GOLDEN = Path(__file__).parent / "golden" / "journal"


def test_the_golden_journal_reads_as_it_always_did() -> None:
    found = content(GOLDEN)
    assert verify_journal(GOLDEN)[1] is None
    points = [item for item in found if isinstance(item[0], tuple)]
    assert points[0] == (("loss", "acc"), 1700000000.0, 0, (0.5, 0.25))
    assert points[1] == (("loss", "acc"), 1700000001.0, 2**63 - 1, (math.inf, -0.0))
    assert points[2] == (("loss",), 1700000002.0, 2.5, (1e-300,))
    assert bits(points[3][3][0]) == 0x7FF8_0000_DEAD_BEEF
    assert [item for item in found if item[0] == "note"] == [("note", 1700000004.0, "{'text': 'ünï', 'raw': b'\\xff'}")]


# Processes, threads, signals


@MODES
def test_threads_lose_nothing_and_share_the_steps(make: Make, mapped: bool) -> None:
    journal = make(mapped=mapped)
    workers, calls = 8, 2000

    def work(worker: int) -> None:
        for i in range(calls):
            journal.log({"v": worker * calls + i, f"extra{i % 5}": 0.0} if i % 50 == 0 else {"v": worker * calls + i})
            if i % 500 == 0:
                journal.event("mark", {"at": i})

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    journal.seal()
    assert verify_journal(journal.path)[1] is None
    assert sorted(values_of(journal.path, "v")) == list(range(workers * calls))
    assert sorted(step for step, _ in rows(journal.path)) == list(range(workers * calls))


@MODES
def test_signal_handlers_that_log(make: Make, mapped: bool) -> None:
    journal = make(mapped=mapped)
    handled = itertools.count()

    def handler(number: int, frame: Any) -> None:
        count = next(handled)  # handlers interrupt each other, too
        journal.log({"handled": count, f"h{count % 40}": 1.0}, count)

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        end = time.monotonic() + 0.3
        i = 0
        while time.monotonic() < end:
            journal.log({"main": i, f"m{i % 200}": 1.0})
            i += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    journal.seal()
    assert verify_journal(journal.path)[1] is None
    assert sorted(values_of(journal.path, "main")) == list(range(i))
    count = next(handled)
    assert sorted(values_of(journal.path, "handled")) == list(range(count))
    assert count > 10


def in_child(work: Callable[[], None]) -> int:
    """Fork, work, and leave at once; returns the exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks with threads
        pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@MODES
def test_a_forked_child_writes_its_own_journal(make: Make, tmp_path: Path, mapped: bool) -> None:
    journal = make(mapped=mapped)
    journal.log({"x": 0.0})

    def work() -> None:
        for i in range(100):
            journal.log({"x": 100 + i})
        journal.event("child", {})
        journal.seal()

    assert in_child(work) == 0
    for i in range(1, 100):
        journal.log({"x": i})
    journal.seal()
    (other,) = [path for path in tmp_path.glob("journal*") if path != journal.path]
    assert values_of(journal.path, "x") == list(range(100))
    assert values_of(other, "x") == list(range(100, 200))
    assert [step for step, _ in rows(other)][:2] == [1, 2]
    assert {verify_journal(path)[1] for path in (other, journal.path)} == {None}


@pytest.mark.parametrize("end", ["seal", "close"])
@MODES
def test_a_child_that_only_ends_leaves_its_parents_journal_alone(
    make: Make, tmp_path: Path, mapped: bool, end: str
) -> None:
    journal = make(mapped=mapped)
    journal.log({"x": 0.0})
    ready, go = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.read(ready, 1)
        getattr(journal, end)()
        os._exit(0)
    journal.log({"x": 1.0})
    os.write(go, b"x")
    os.waitpid(pid, 0)
    journal.log({"x": 2.0})
    journal.seal()
    assert values_of(journal.path, "x") == [0.0, 1.0, 2.0]
    assert verify_journal(journal.path)[1] is None
    assert list(tmp_path.iterdir()) == [journal.path]
    os.close(ready)
    os.close(go)


def test_a_child_forked_in_the_midst_of_a_write(make: Make, tmp_path: Path) -> None:
    journal = make()
    stop = threading.Event()

    def work() -> None:
        for i in itertools.count():
            if stop.is_set():
                return
            journal.log({f"t{i % 3000}": 1.0})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        codes = {in_child(lambda: journal.log({"child": 1.0})) for _ in range(12)}
    finally:
        stop.set()
        thread.join()
    assert codes == {0}
    journal.seal()
    children = list(tmp_path.glob("journal-*"))
    assert sum(len(values_of(path, "child")) for path in children) == 12
    assert verify_journal(journal.path)[1] is None


def test_a_child_of_a_finished_run_keeps_quiet(make: Make, tmp_path: Path) -> None:
    journal = make()
    journal.seal()

    def work() -> None:
        with pytest.warns(UserWarning, match="finished"):
            journal.log({"x": 1.0})

    assert in_child(work) == 0
    assert list(tmp_path.iterdir()) == [journal.path]


def _spawned(path: str, n: int) -> None:
    journal = JournalWriter(Path(path), run="r", writer=str(n))
    for i in range(100):
        journal.log({"x": n * 100 + i})
    journal.seal()


def test_spawned_workers_each_write_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_spawned, args=(str(tmp_path / f"journal-{n}"), n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    got = sorted(x for path in tmp_path.glob("journal-*") for x in values_of(path, "x"))
    assert got == list(range(200))


# A full disk


FULL = """
import os, sys, time, warnings
from pathlib import Path
from anew.store import journal as j
j._RETRY_EVERY_S = 0.0
told = []
warnings.showwarning = lambda message, *rest: told.append(str(message))
warnings.simplefilter("always")
folder, mapped = Path(sys.argv[1]), sys.argv[2] == "True"
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 900_000)
journal = j.JournalWriter(folder / "journal", run="r", mapped=mapped)
for i in range(20_000):
    journal.log({"x": i, "y": 0.5})
    if i % 4000 == 0:
        journal.log({f"late{i}": i})
assert journal._pending, "the disk was not full"
assert len(told) == 1 and "No space" in told[0], told
ballast.unlink()
(folder / "grown").touch()
journal.log({"x": 20_000, "y": 0.5})
assert not journal._pending
for i in range(20_001, 21_000):
    journal.log({"x": i, "y": 0.5})
journal.seal()
assert len(told) == 1, told
"""


@MODES
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_stops_nothing_and_loses_nothing(tmp_path: Path, mapped: bool) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(mount), str(mapped)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert values_of(mount / "journal", "x") == list(range(21_000))
        assert verify_journal(mount / "journal")[1] is None
    finally:
        subprocess.run(["umount", str(mount)], check=True)


LIMITED = """
import resource, sys, warnings
from pathlib import Path
from anew.store import journal as j
j._RETRY_EVERY_S = 0.0
told = []
warnings.showwarning = lambda message, *rest: told.append(str(message))
warnings.simplefilter("always")
journal = j.JournalWriter(Path(sys.argv[1]), run="r", mapped=sys.argv[2] == "True")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for i in range(10_000):
    journal.log({"x": i})
assert len(told) == 1, told
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.log({"x": 10_000})
journal.seal()
assert len(told) == 1, told
"""


@MODES
def test_a_limit_on_the_size_of_files(tmp_path: Path, mapped: bool) -> None:
    path = tmp_path / "journal"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(mapped)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert values_of(path, "x") == list(range(10_001))
    assert verify_journal(path)[1] is None


@MODES
def test_what_never_finds_space_is_put_aside(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mapped: bool
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(aside))
    monkeypatch.setattr(journals, "_MOST_PENDING_BYTES", 10_000)
    monkeypatch.setattr(journals, "_RETRY_EVERY_S", 1e9)
    journal = make(mapped=mapped)
    real = os.posix_fallocate, os.write

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(os, "write", full)
    with pytest.warns(UserWarning, match=r"cannot write|could not be written"):
        for i in range(3000):
            journal.log({"x": i})
    monkeypatch.setattr(os, "posix_fallocate", real[0])
    monkeypatch.setattr(os, "write", real[1])
    journal.log({"y": 1.0})
    journal.seal()
    assert verify_journal(journal.path)[1] is None
    assert values_of(journal.path, "y") == [1.0]
    kept = journal.path.read_bytes()[:-41]  # as the warning says: appended to the journal, they are read
    journal.path.write_bytes(kept + b"".join(path.read_bytes() for path in aside.iterdir()))
    assert sorted(values_of(journal.path, "x")) == list(range(3000))


def test_a_network_file_system_is_not_mapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = "1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /mnt/nfs rw - nfs4 host:/x rw\n"
    lines += "3 1 0:3 / /mnt/s rw - fuse.sshfs x rw\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: lines)
    assert journals.is_mappable(Path("/home/x"))
    assert not journals.is_mappable(Path("/mnt/nfs/a"))
    assert journals.is_mappable(Path("/mnt/nfsx"))
    assert not journals.is_mappable(Path("/mnt/s"))


# kill -9

KILLED = """
import os, sys, time
from pathlib import Path
from anew.store.journal import JournalWriter
journal = JournalWriter(Path(sys.argv[1]), run="r", mapped=sys.argv[2] == "True")
report = int(sys.argv[3])
i = 0
while True:
    journal.log({"x": i, "y": 0.5} if i % 7 else {"x": i, f"n{i}": 1.0}, i)
    if i % 1000 == 0:
        journal.event("mark", {"at": i, "pad": "p" * (i % 5000)})
    os.write(report, i.to_bytes(8, "little"))
    i += 1
"""


def kill_trial(folder: Path, number: int) -> tuple[int, int, str | None]:
    """Start a writer, kill it at some moment; returns calls that returned, calls lost, and the reader's complaint."""
    path = folder / f"journal-{number}"
    out, into = os.pipe()
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), str(number % 2 == 0), str(into)], pass_fds=[into]
    )
    os.close(into)
    data, end = bytearray(os.read(out, 8)), time.monotonic() + (number * 37 % 101) / 400
    while time.monotonic() < end:
        data += os.read(out, 1 << 16)
    writer.kill()
    while piece := os.read(out, 1 << 16):
        data += piece
    writer.wait()
    os.close(out)
    returned = int.from_bytes(data[len(data) // 8 * 8 - 8 : len(data) // 8 * 8], "little") + 1
    reader = JournalReader(path)
    kept = {int(x) for item in reader if isinstance(item, Points) for x in item.values[:, item.keys.index("x")]}
    return returned, len(set(range(returned)) - kept), reader.torn


@pytest.mark.slow
def test_kill_minus_nine_loses_no_returned_call(tmp_path: Path) -> None:
    for number in range(int(os.environ.get("ANEW_KILLS", "40"))):
        returned, lost, torn = kill_trial(tmp_path, number)
        assert (returned > 0, lost) == (True, 0), f"trial {number}: {lost} of {returned} calls lost; {torn}"
