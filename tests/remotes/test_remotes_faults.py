"""Killed at any moment, with a full disk, over a server that fails: nothing is lost, and the next try completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from anew.errors import AnewError, Conflict, StoreFull, Unreachable
from anew.remotes.config import RemoteConfig
from anew.store.objects import Objects
from remotes.stores import Machine, contents, fill

ROUNDS = int(os.environ.get("ANEW_FAULT_ROUNDS", "24"))
DO = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from anew.remotes import push
from remotes.stores import Machine
push.PACK_SIZE = 60_000
machine = Machine(Path({root!r}), {shared!r})
print("go", flush=True)
machine.{verb}()
"""


def killed(machine: Machine, verb: str, after_s: float) -> bool:
    """Do it in a process that is killed after so long; whether it had ended before."""
    script = DO.format(
        tests=str(Path(__file__).parents[1]), root=str(machine.root), shared=machine.config.url, verb=verb
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            return process.wait(after_s) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return False
    finally:
        process.stdout.close()


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    """Two machines in turn: one pushes and is killed, the other pulls and is killed; in the end both have the same."""
    draw = random.Random(1)
    shared = tmp_path / "shared"
    one, two = Machine(tmp_path / "one", shared), Machine(tmp_path / "two", shared)
    fill(one, 1)
    one.add()
    began = time.monotonic()
    assert killed(one, "push", 60)
    most_s = 1.2 * (time.monotonic() - began)  # what one takes here and now, with the start of its process
    ended = 0
    for turn in range(ROUNDS):
        one.write(f"data/turn{turn % 10}", draw.randbytes(draw.choice([10, 5000, 150_000, 400_000])))
        one.add()
        ended += killed(one, "push", draw.uniform(0, most_s))
        if (shared / "datasets").exists() and any(shared.glob("datasets/data/*.json")):
            ended += killed(two, "pull", draw.uniform(0, most_s))
            if turn % max(1, ROUNDS // 20) == 0:  # it reads everything
                checked = Machine(tmp_path / f"third{turn}", shared)
                assert checked.verify() == [], "a version that is named is whole"
                assert two.holds()
    assert ended < 2 * ROUNDS, "nothing was killed"
    one.push()
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data")
    assert two.holds() and one.verify() == []
    for number in range(1, ROUNDS + 1, max(1, ROUNDS // 5)):
        two.pull(number=number)


def test_two_at_once_push_to_one_remote(tmp_path: Path) -> None:
    """Of two contents under one number one is refused, and has its turn after a pull; none is lost."""
    shared = tmp_path / "shared"
    machines = [Machine(tmp_path / f"m{number}", shared) for number in range(4)]
    for number, machine in enumerate(machines):
        fill(machine, number, files=10, large=200_000)
        machine.write("data/whose", b"%d" % number)
        machine.add()

    def go(machine: Machine) -> None:
        for _ in range(20):
            try:
                machine.push()
                return
            except Conflict:
                machine.pull()

    threads = [threading.Thread(target=go, args=(machine,)) for machine in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = Machine(tmp_path / "last", shared)
    assert last.verify() == []
    whose = set()
    for number in range(1, 5):
        last.pull(number=number)
        whose.add((last.root / "data" / "whose").read_bytes())
    assert whose == {b"0", b"1", b"2", b"3"}
    with last.remote() as remote:
        remote.look()
        assert remote.numbers("data") == [1, 2, 3, 4]
    listed = (shared / "contents.json").read_text()
    assert all(f"datasets/data/{number}.json" in listed for number in range(1, 5))


def test_a_full_disk_at_the_remote_is_said_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit on a file's size stands in for the disk's: the system refuses the write in the same place."""
    import resource

    shared = tmp_path / "shared"
    one, two = Machine(tmp_path / "one", shared), Machine(tmp_path / "two", shared)
    fill(one, 1, large=3_000_000)
    one.add()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(StoreFull, match="no space"):
            one.push()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(shared.rglob("*.json")) and not list(shared.rglob("*.tmp"))
    one.push()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(StoreFull, match="no space"):
            two.pull()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (two.root / "data").exists()
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data") and two.holds()


class Flaky(BaseHTTPRequestHandler):
    """Plain files with ranges, over a line that breaks off, answers late or not at all."""

    folder: ClassVar[Path]
    draw: ClassVar[random.Random]
    requests: ClassVar[int] = 0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        type(self).requests += 1
        path = self.folder / self.path.lstrip("/")
        luck = self.draw.random()
        if luck < 0.15:
            self.send_error(503)
            return
        if luck < 0.25:
            self.close_connection = True
            return
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        start, end = 0, len(data)
        if asked := self.headers.get("range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(len(data), int(last) + 1 if last else len(data))
        self.send_response(206 if asked else 200)
        self.send_header("content-length", str(end - start))
        self.end_headers()
        if luck < 0.5:
            end = start + self.draw.randrange(end - start + 1)  # the rest never comes
            self.close_connection = True
        try:
            self.wfile.write(data[start:end])
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_over_a_line_that_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from anew.remotes import download, parallel

    shared = tmp_path / "shared"
    one = Machine(tmp_path / "one", shared)
    fill(one, 1, files=60, large=2_000_000)
    one.add()
    one.push()
    monkeypatch.setattr(parallel, "PAUSES_S", (0.01,) * 12)
    monkeypatch.setattr(download, "PAUSES_S", (0.01,) * 12)
    Flaky.folder, Flaky.draw = shared, random.Random(3)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        two = Machine(tmp_path / "two", shared)
        two.config = RemoteConfig("origin", url, url)
        two.pull()
        assert contents(two.root / "data") == contents(one.root / "data") and two.holds()
        assert Flaky.requests > 5
    finally:
        server.shutdown()
        server.server_close()


def test_where_the_line_is_dead_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from anew.remotes import parallel

    monkeypatch.setattr(parallel, "PAUSES_S", (0.01,))
    two = Machine(tmp_path / "two", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="does not answer"):
        two.pull()


def test_large_content_that_came_in_part_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off after any number of records, the store has no manifest without its chunks."""
    shared = tmp_path / "shared"
    one = Machine(tmp_path / "one", shared)
    fill(one, 1, files=3, large=900_000)
    one.add()
    one.push()
    put = Objects.put_records
    for most in range(0, 24, 3):
        two = Machine(tmp_path / f"two{most}", shared)
        left = [most]

        def refusing(self: Objects, records: Iterable[tuple[bytes, bytes]], left: list[int] = left) -> None:
            for one in records:
                left[0] -= 1
                if left[0] < 0:
                    raise StoreFull("no space to write: of this test")
                put(self, [one])

        with monkeypatch.context() as patch, pytest.raises(StoreFull):
            patch.setattr(Objects, "put_records", refusing)
            two.pull()
        assert two.holds()


def test_what_a_fetch_that_broke_off_brought_stands_in_nobody_s_way(tmp_path: Path) -> None:
    """A version whose content came in part only: gc goes on, and a pull completes it."""
    from anew.remotes.fetch import take_in
    from anew.retention import collect

    shared = tmp_path / "shared"
    one, two = Machine(tmp_path / "one", shared), Machine(tmp_path / "two", shared)
    fill(one, 1, files=60, large=200_000)
    one.add()
    one.push()
    with one.work() as work, two.work() as other, two.remote() as remote:
        remote.look()
        take_in(other.datasets, remote.versions("data"))
        tree = list(work.objects.tree_parts(remote.versions("data")[1].digest))
        came = [bytes.fromhex(digest) for digest in tree[::2]] + [bytes.fromhex(remote.versions("data")[1].digest)]
        other.objects.put_records((key, record) for key, _, _, record in work.objects.records(came))
    collect(two.store, 0.0)
    collect(two.store, 0.0)
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data") and two.holds()


def test_what_came_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store refuses the write of one record in the midst: those before it are there for the next try."""
    from anew.remotes.fetch import Fetch

    shared = tmp_path / "shared"
    one, two = Machine(tmp_path / "one", shared), Machine(tmp_path / "two", shared)
    fill(one, 1, files=200)
    one.add()
    one.push()
    count = 0

    def refusing(self: Objects, records: Iterable[tuple[bytes, bytes]]) -> None:
        nonlocal count
        for one in records:
            count += 1
            if count > 60:
                raise StoreFull("no space to write: of this test")
            put(self, [one])

    put = Objects.put_records
    with monkeypatch.context() as patch:
        patch.setattr(Objects, "put_records", refusing)
        with pytest.raises(AnewError, match="of this test"):
            two.pull()
    with two.work() as work, two.remote() as remote:
        remote.look()
        Fetch(remote, work.objects).version(remote.versions("data")[1])
        whole = sum(1 for path in (one.root / "data").rglob("*") if path.is_file() and path.stat().st_size)
        assert 0 < remote.tally.objects < whole + 60
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data")
