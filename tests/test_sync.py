"""Runs go up to a server and come down from it, byte for byte, whatever is cut off or killed on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from anew.capture.sending import LEDGER, Outbox
from anew.errors import AnewError, UsageError
from anew.hub import Hub
from anew.store import liveness, received
from anew.store.journal import HEADER, JournalWriter
from anew.store.journal_reader import verify_journal
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.store.objects import Objects
from anew.store.objects.record import BLOB, encode
from anew.sync.client import Server
from anew.sync.follow import follow
from anew.sync.pull import Pull
from anew.sync.push import Push, Tally, push
from anew.sync.scan import Scan, referred
from projects import Project

ROUNDS = int(os.environ.get("ANEW_SYNC_ROUNDS", "8"))
START_S = 30
KEPT = {name: value for name, value in os.environ.items() if not name.startswith("ANEW_")}


class Served:
    """A server process on a store of its own, always on the same port."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root / ".anew").create()
        self.log = root / "server.log"
        self.port, self.process = 0, None
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "anew", "server", "--port", str(self.port), "--json"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.store.root.parent, env={**KEPT, "ANEW_STORE": str(self.store.root)},
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        said = json.loads(self.process.stdout.readline())
        self.port = int(said["address"].rpartition(":")[2])
        wait_for(self._answers, START_S)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.address}/health", timeout=2).close()
            return True
        except OSError:
            return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process.stdout.close()
            self.process = None

    def memory(self) -> int:
        """Bytes it ever held at once."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        raise AssertionError

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """One raw request; status and JSON."""
        request = urllib.request.Request(f"{self.address}/api/v1/sync{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")


def wait_for(done: Callable[[], Any], most_s: float = 30) -> Any:
    until = time.monotonic() + most_s
    while not (found := done()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "server").mkdir()
    server = Served(tmp_path / "server")
    yield server
    server.end()
    assert "Traceback" not in server.log.read_text()


def make_run(store: Store, run_id: str, seed: int = 0, points: int = 2000, files: int = 6) -> None:
    """A finished run of two journals that refers to small and large objects, and to a tree."""
    draw = random.Random(f"{run_id}{seed}")
    store.create()
    with Objects(store.objects) as objects:
        journal = JournalWriter(store.run(run_id) / "journal", run=run_id, synced=False)
        other = JournalWriter(store.run(run_id) / "journal-7-7", run=run_id, writer="7-7", synced=False)
        journal.event("run", {"id": run_id, "name": run_id, "created": 1.0})
        for number in range(files):
            content = draw.randbytes(draw.choice([0, 10, 5000, 400_000]))
            digest = objects.put_bytes(content)
            body = {"path": f"f{number}", "digest": digest, "size": len(content), "stored": True}
            (other if number % 2 else journal).event("output", body)
        folder = store.root.parent / f"folder-{run_id}"
        for number in range(5):
            (folder / str(number)).mkdir(parents=True)
            (folder / str(number) / "x").write_bytes(draw.randbytes(100))
        other.event("code", {"tree": objects.put_folder(folder).digest})
        journal.event("input", {"path": "absent", "digest": "ab" * 32, "stored": False})
        for step in range(points):
            journal.log({"loss": draw.random(), "acc": draw.random()}, step)
        journal.event("end", {"status": "finished", "exit_code": 0})
        objects.flush()
        journal.seal()
        other.seal()


def content(store: Store, run_id: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Every byte of a run: its journals, and all they refer to."""
    journals = {path.name: path.read_bytes() for path in received.journals(store.run(run_id))}
    with Objects(store.objects) as objects:
        problems: list[str] = []
        found = referred(store.run(run_id), objects, [], problems)
        assert not problems
        return journals, {digest: objects.get_bytes(digest) for digest in found}


def same(a: Store, b: Store, run_id: str) -> None:
    """The run is the same in both stores, and both are sound."""
    assert content(a, run_id) == content(b, run_id)
    for path in received.journals(b.run(run_id)):
        assert verify_journal(path)[1] is None
    with Objects(b.objects) as objects:
        assert list(objects.verify()) == []
    assert Ledger(b.ledger).verify()[1] is None


def send(store: Store, served: Served, *run_ids: str) -> Push:
    sending = Push(store, Server(served.address, patient=False))
    try:
        push(sending, list(run_ids))
    finally:
        sending.close()
    return sending


def fetch(store: Store, served: Served, run_id: str) -> Pull:
    fetching = Pull(store, Server(served.address))
    try:
        fetching.run(run_id)
    finally:
        fetching.close()
    return fetching


# Up and down


def test_a_run_goes_up_and_comes_down_whole(tmp_path: Path, served: Served) -> None:
    here, there = Store(tmp_path / "a" / ".anew"), Store(tmp_path / "b" / ".anew")
    make_run(here, "one")
    Ledger(here.ledger).append("verdict", "one", {"verdict": "identical", "evidence": "cd" * 32})
    sending = send(here, served, "one")
    assert sending.problems == [] and sending.tally.verdicts == 1
    same(here, served.store, "one")
    again = send(here, served, "one")
    assert again.tally.to_dict() == {"objects": 0, "object_bytes": 0, "journal_bytes": 0, "verdicts": 0}
    fetched = fetch(there, served, "one")
    assert fetched.problems == [] and fetched.tally.verdicts == 1
    same(here, there, "one")
    assert fetch(there, served, "one").tally.to_dict() == again.tally.to_dict()
    # And round again: a verdict that comes back is known.
    assert send(there, served, "one").tally.verdicts == 0
    (ours,), (theirs,) = Ledger(here.ledger).entries(), Ledger(there.ledger).entries()
    assert theirs["body"]["origin"]["hash"] == ours["hash"]
    assert theirs["body"]["verdict"] == "identical"


def test_a_colleagues_run_is_reproduced_on_another_machine(project: Project, tmp_path: Path, served: Served) -> None:
    project.write("in.csv", "1\n2\n")
    project.write("lib/deep.py", "def f(x):\n    return x * 2\n")
    project.write(
        "train.py",
        """
        import random, sys
        from lib.deep import f
        total = sum(f(int(line)) for line in open("in.csv"))
        open("out.bin", "wb").write(random.randbytes(300_000))
        print("loss:", total * random.random())
    """,
    )
    run_id = project.run("train.py")
    assert project.reproduce(run_id)["verdict"] == "identical"
    sent = project.json("sync", "--all", "--server", served.address)
    assert sent["problems"] == [] and sent["verdicts"] == 1 and len(sent["runs"]) == 2
    other = Project(tmp_path / "elsewhere" / "project", tmp_path / "elsewhere" / "home")
    shutil.rmtree(project.root)  # nothing can be had from where it was
    pulled = other.json("pull", run_id[:6], "--server", served.address)
    assert pulled["run"] == run_id and pulled["problems"] == []
    found = other.json("show", run_id)
    assert (found["status"], found["verdict"]) == ("finished", "identical")
    assert other.reproduce(run_id)["verdict"] == "identical"
    assert "everything holds" in other.anew("verify").stdout
    assert "zzzz" in other.anew("pull", "zzzz", "--server", served.address, code=1).stderr


def test_a_version_of_data_that_a_run_asks_for_comes_along(project: Project, tmp_path: Path, served: Served) -> None:
    project.write("data/a", "one")
    project.anew("add", "data")
    project.write("data/a", "two")
    project.anew("add", "data")
    project.write("train.py", "import anew; print((anew.use('data:v1') / 'a').read_text())")
    run_id = project.run("train.py")
    project.anew("sync", run_id, "--server", served.address)
    other = tmp_path / "other machine"
    other.mkdir()
    store = str(other / ".anew")
    project.anew("pull", run_id, "--server", served.address, cwd=other, ANEW_STORE=store)
    os.rename(project.root / ".anew", tmp_path / "gone")
    found = json.loads(project.anew("reproduce", run_id, "--json", cwd=other, code=None, ANEW_STORE=store).stdout)
    assert found["verdict"] == "identical"


def deleted(store: Store, run_id: str) -> bool:
    hub = Hub(store)
    try:
        return bool(hub.document(run_id).get("deleted"))
    finally:
        hub.close()


def set_deleted(store: Store, run_id: str, state: bool, actor: str) -> None:
    hub = Hub(store)
    try:
        hub.delete_run(run_id, state, actor)
    finally:
        hub.close()


def actions(store: Store) -> list[tuple[str, str]]:
    assert Ledger(store.ledger).verify()[1] is None
    return [(entry["actor"], entry["body"]["action"]) for entry in Ledger(store.ledger).entries()]


def test_deletions_and_restores_go_up_and_come_down(tmp_path: Path, served: Served) -> None:
    here, there = Store(tmp_path / "a" / ".anew"), Store(tmp_path / "b" / ".anew")
    make_run(here, "one")
    send(here, served, "one")
    set_deleted(here, "one", True, "me")
    for _ in range(2):
        assert send(here, served, "one").tally.verdicts == 0  # it is none
    fetch(there, served, "one")
    assert deleted(served.store, "one") and deleted(there, "one")
    set_deleted(there, "one", False, "you")
    send(there, served, "one")
    fetch(here, served, "one")
    assert not deleted(served.store, "one") and not deleted(here, "one")
    assert [action for _, action in actions(served.store)] == ["delete", "restore"]
    assert actions(here) == [("me", "delete"), ("you", "restore")]
    same(here, served.store, "one")


def test_a_deletion_long_after_goes_up_in_the_background(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew")
    make_run(here, "one")
    send(here, served, "one")
    set_deleted(here, "one", True, "me")
    outbox = Outbox(here, served.address)
    outbox.note(LEDGER)
    follow(outbox, Tally(), linger_s=0)
    assert deleted(served.store, "one") and [action for _, action in actions(served.store)] == ["delete"]
    same(here, served.store, "one")


def test_what_the_server_has_already_does_not_go_again(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew").create()
    data = bytearray(random.Random(1).randbytes(20 << 20))
    for run_id in ("one", "two"):
        with Objects(here.objects) as objects:
            journal = JournalWriter(here.run(run_id) / "journal", run=run_id, synced=False)
            journal.event("output", {"path": "m", "digest": objects.put_bytes(bytes(data)), "stored": True})
            objects.flush()
            journal.seal()
        data[10_000_000:10_000_010] = b"0123456789"
    first = send(here, served, "one")
    assert first.tally.object_bytes == 20 << 20
    second = send(here, served, "two")
    assert second.tally.object_bytes < 1 << 20
    same(here, served.store, "two")


def test_a_live_run_goes_up_as_it_grows(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew").create()
    journal = JournalWriter(here.run("live") / "journal", run="live", mapped=True)
    journal.event("run", {"id": "live", "created": 1.0})
    sending = Push(here, Server(served.address))
    scan, state = Scan(here.run("live")), sending.state(["live"])["live"]
    there = served.store.run("live") / "journal"
    for step in range(5):
        journal.log({"x": float(step)})
        assert sending.send(scan, state)
        written = (here.run("live") / "journal").read_bytes()
        assert len(written) > there.stat().st_size  # the space behind is not sent
        assert written.startswith(there.read_bytes()) and not written[there.stat().st_size :].strip(b"\0")
    assert status(served, "live") == "running"
    # A writer names an object, and puts it on the disk a moment later: nobody reads of it before it is there.
    before = there.stat().st_size
    late = b"late" * 1000
    journal.event("output", {"path": "m", "digest": blake3(late).hexdigest(), "stored": True})
    journal.log({"x": 9.0})
    sending.send(scan, state)
    assert there.stat().st_size == before
    with Objects(here.objects) as objects:
        objects.put_bytes(late)
    sending.send(scan, state)
    assert there.stat().st_size > before
    journal.event("end", {"status": "finished"})
    journal.seal()
    assert not sending.send(scan, state)
    sending.close()
    same(here, served.store, "live")
    assert status(served, "live") == "finished"


def status(served: Served, run_id: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "anew", "show", run_id, "--json"], capture_output=True, text=True, check=True,
        env={**KEPT, "ANEW_STORE": str(served.store.root)},
    )  # fmt: skip
    return str(json.loads(done.stdout)["status"])


def test_a_run_whose_sender_is_silent_has_crashed(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew").create()
    journal = JournalWriter(here.run("faraway") / "journal", run="faraway")
    journal.log({"x": 1.0})
    send(here, served, "faraway")
    assert status(served, "faraway") == "running"
    listed = served.store.run("faraway") / received.LIST
    os.utime(listed, (time.time() - received.SILENT_S - 1,) * 2)
    assert status(served, "faraway") == "crashed"
    Server(served.address).heard(["faraway"], [])
    assert status(served, "faraway") == "running"
    journal.close()
    # That its process lives on is for its own machine to say.
    Server(served.address).heard([], ["faraway"])
    assert status(served, "faraway") == "crashed"


# What is refused


def first_piece(store: Store, run_id: str) -> bytes:
    return (store.run(run_id) / "journal").read_bytes()


def append(served: Served, run_id: str, name: str, offset: int, piece: bytes, **headers: str) -> tuple[int, Any]:
    path = f"/runs/{run_id}/journals/{name}?offset={offset}&digest={blake3(piece).hexdigest()}"
    return served.request("PUT", path, piece, **headers)


def test_tampered_bytes_are_refused(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew")
    make_run(here, "one")
    whole = first_piece(here, "one")
    digest = blake3(whole).hexdigest()
    changed = bytes([*whole[:-100], whole[-100] ^ 1, *whole[-99:]])
    assert served.request("PUT", f"/runs/one/journals/journal?offset=0&digest={digest}", changed)[0] == 400
    # With a digest that fits, the seal still tells.
    code, answer = append(served, "one", "journal", 0, changed)
    assert code == 409 and "seal" in answer["error"]["message"]
    code, answer = append(served, "one", "journal", 0, whole.replace(b"\xa3one", b"\xa3two"))
    assert code == 400
    assert not (served.store.run("one") / "journal").exists()
    key = blake3(b"content" * 100).digest()
    header, stored = encode(BLOB, key, b"content" * 100)
    record = bytearray(header + bytes(stored))
    record[-1] ^= 1
    assert served.request("POST", "/objects", bytes(record))[0] == 400
    assert served.request("POST", "/objects", (header + bytes(stored))[:-1])[0] == 400
    assert served.request("POST", "/objects", header + bytes(stored))[0] == 200
    # Chunks that are not the content; a verdict that was changed.
    assert served.request("PUT", f"/objects/{'00' * 32}/chunks", key + (700).to_bytes(8, "little"))[0] == 400
    assert append(served, "one", "journal", 0, whole)[0] == 200
    entry = Ledger(here.ledger).append("verdict", "one", {"verdict": "diverged"})
    entry["body"]["verdict"] = "identical"
    body = json.dumps({"entries": [entry]}).encode()
    assert served.request("POST", "/runs/one/verdicts", body, **{"content-type": "application/json"})[0] == 400
    assert served.request("POST", "/runs/two/verdicts", body, **{"content-type": "application/json"})[0] == 404


def test_a_piece_must_begin_where_the_journal_ends(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew")
    make_run(here, "one")
    whole = first_piece(here, "one")
    cut = len(received.piece_of(here.run("one") / "journal", 0, len(whole)))
    assert cut == len(whole)
    half = len(HEADER)
    while half < len(whole) // 2:
        half += 9 + int.from_bytes(whole[half : half + 4], "little")
    assert append(served, "one", "journal", half, whole[half:]) == (409, {
        "error": {"kind": "WrongOffset", "message": "the journal has 0 bytes"}, "size": 0})  # fmt: skip
    assert append(served, "one", "journal", 0, whole[:half]) == (200, {"size": half})
    for offset in (0, half - 1, half + 1):
        assert append(served, "one", "journal", offset, whole[offset:])[1]["size"] == half
    # A piece cut short by a crash of the server does not count.
    with (served.store.run("one") / "journal").open("ab") as file:
        file.write(whole[half : half + 5])
    assert append(served, "one", "journal", half, whole[half:]) == (200, {"size": len(whole)})
    assert append(served, "one", "journal", len(whole), whole[half:])[0] == 409
    send(here, served, "one")
    same(here, served.store, "one")


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        ("..", "journal"), ("%2e%2e", "journal"), ("a%2f..%2f..", "journal"), (".anew", "journal"), ("-x", "journal"),
        ("one", "..%2f..%2fledger"), ("one", "journal%2f..%2fx"), ("one", "ledger"), ("one", "journal-%00"),
        ("one", "journal-..%2fx"), ("one", "received"), ("one", "journal-" + "x" * 300), ("x" * 300, "journal"),
        ("one", "journal-é"),
    ],
)  # fmt: skip
def test_nothing_of_a_clients_becomes_a_path(tmp_path: Path, served: Served, run_id: str, name: str) -> None:
    from urllib.parse import quote

    piece = HEADER + b"x" * 100
    before = sorted(str(path) for path in served.store.root.rglob("*") if "index" not in path.parts)
    assert append(served, quote(run_id, safe="%"), quote(name, safe="%"), 0, piece)[0] in (400, 404)
    assert sorted(str(path) for path in served.store.root.rglob("*") if "index" not in path.parts) == before


def test_what_is_no_journal_or_too_large_is_refused(served: Served) -> None:
    from zstandard import ZstdCompressor

    assert append(served, "one", "journal", 0, b"#!/bin/sh\n")[0] == 400
    assert append(served, "one", "journal", 0, HEADER)[0] == 400
    bomb = ZstdCompressor().compress(bytes(received.MOST_PIECE_BYTES + 1))
    headers = {"content-encoding": "zstd"}
    assert served.request("PUT", "/runs/one/journals/journal?offset=0&digest=", bomb, **headers)[0] == 413
    assert served.request("PUT", "/runs/one/journals/journal?offset=0&digest=", b"no", **headers)[0] == 400
    lies = {"content-type": "application/json"}
    assert served.request("POST", "/objects/missing", b'{"digests": ["../x"]}', **lies)[0] == 400
    assert served.request("POST", "/state", b'{"runs": ["../x"]}', **lies)[0] == 400
    assert served.memory() < 400 << 20


def test_a_stores_own_journals_are_never_appended_to(tmp_path: Path, served: Served) -> None:
    make_run(served.store, "own")
    whole = first_piece(served.store, "own")
    path = served.store.run("own") / "journal-8"
    with path.open("wb") as file:
        file.write(whole[:-41])  # as one that lives
    code, answer = append(served, "own", "journal-8", len(whole) - 41, whole[-41:])
    assert code == 409 and "this very store" in answer["error"]["message"]
    with pytest.raises(AnewError, match="itself"):
        send(served.store, served, "own")


def test_tokens(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Store(tmp_path / "a" / ".anew")
    make_run(here, "one")
    tokens = {}
    for scope in ("read", "write"):
        done = subprocess.run(
            [sys.executable, "-m", "anew", "token", "create", scope, "--scope", scope, "--json"],
            env={**KEPT, "ANEW_STORE": str(served.store.root)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        tokens[scope] = json.loads(done.stdout)["token"]
    monkeypatch.delenv("ANEW_TOKEN", raising=False)
    with pytest.raises(AnewError, match="ANEW_TOKEN"):
        send(here, served, "one")
    monkeypatch.setenv("ANEW_TOKEN", tokens["read"])
    with pytest.raises(AnewError, match="may read"):
        send(here, served, "one")
    monkeypatch.setenv("ANEW_TOKEN", tokens["write"])
    send(here, served, "one")
    monkeypatch.setenv("ANEW_TOKEN", tokens["read"])
    fetch(Store(tmp_path / "b" / ".anew"), served, "one")
    same(here, Store(tmp_path / "b" / ".anew"), "one")


# Large


def test_200_mb_in_constant_memory(tmp_path: Path, served: Served) -> None:
    here, there = Store(tmp_path / "a" / ".anew").create(), Store(tmp_path / "b" / ".anew")
    big = tmp_path / "big"
    with big.open("wb") as file:
        for number in range(200):
            file.write(random.Random(number).randbytes(1 << 20))
    with Objects(here.objects) as objects:
        digest = objects.put_file(big).digest
        journal = JournalWriter(here.run("big") / "journal", run="big", synced=False)
        journal.event("output", {"path": "big", "digest": digest, "size": 200 << 20, "stored": True})
        objects.flush()
        journal.seal()
    Server(served.address).state([])
    before = served.memory()
    send(here, served, "big")
    up = served.memory() - before
    fetch(there, served, "big")
    down = served.memory() - before
    assert up < 100 << 20 and down < 120 << 20, (up, down)
    print(f"\nthe server held {before >> 20} MiB, and {up >> 20} and {down >> 20} MiB more")
    with Objects(there.objects) as objects:
        objects.restore_file(digest, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == big.read_bytes()


# Cut off, and killed


class Cut(Exception):
    pass


def test_it_goes_on_after_a_cut_at_every_request(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th request fails, before it reaches the server or after it was done, for every n."""
    here = Store(tmp_path / "a" / ".anew")
    plain = Server._call
    state = {"left": 0, "after": False}

    def call(self: Server, *args: Any, **more: Any) -> Any:
        state["left"] -= 1
        if state["left"] == 0:
            if state["after"]:
                plain(self, *args, **more)
            raise Cut
        return plain(self, *args, **more)

    monkeypatch.setattr(Server, "_call", call)
    cuts = 0
    for after in (False, True):
        for number in range(1, 40):
            run_id = f"run{number}{'after' if after else ''}"
            make_run(here, run_id, number, points=50, files=4)
            Ledger(here.ledger).append("verdict", run_id, {"verdict": "identical"})
            state.update(left=number, after=after)
            try:
                send(here, served, run_id)
                done = True
            except Cut:
                done, cuts = False, cuts + 1
            state["left"] = 0
            if not done:
                send(here, served, run_id)
            assert content(here, run_id) == content(served.store, run_id)
            assert len([e for e in Ledger(served.store.ledger).entries() if e["subject"] == run_id]) == 1
            if done:
                break
    assert cuts >= 10
    same(here, served.store, "run1after")


def test_pulling_goes_on_after_a_cut(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(served.store, "one", points=20_000)
    plain = Server._call
    left = [0]

    def call(self: Server, *args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Cut
        return plain(self, *args, **more)

    monkeypatch.setattr(Server, "_call", call)
    for number in range(1, 40):
        there = Store(tmp_path / str(number) / ".anew")
        left[0] = number
        try:
            fetch(there, served, "one")
            break
        except Cut:
            left[0] = 0
            fetch(there, served, "one")
        same(served.store, there, "one")
    assert number > 5


def test_two_clients_at_once(tmp_path: Path, served: Served) -> None:
    here = Store(tmp_path / "a" / ".anew")
    names = [f"run{number}" for number in range(6)]
    for name in names:
        make_run(here, name, points=30_000)
        Ledger(here.ledger).append("verdict", name, {"verdict": "identical"})
    clients = [client(here, served, "--all") for _ in range(3)]
    for process in clients:
        assert process.wait(120) == 0
    for name in names:
        assert content(here, name) == content(served.store, name)
    assert len(list(Ledger(served.store.ledger).entries())) == len(names)
    same(here, served.store, names[0])


def client(store: Store, served: Served, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "anew", "sync", *words, "--server", served.address]
    return subprocess.Popen(
        command, cwd=store.root.parent, env={**KEPT, "ANEW_STORE": str(store.root)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_killed_at_any_moment(tmp_path: Path, served: Served) -> None:
    """Each round client or server is killed (-9) some time into it; in the end all is there, once."""
    draw = random.Random(ROUNDS)
    here = Store(tmp_path / "a" / ".anew")
    kills = 0
    for number in range(ROUNDS):
        run_id = f"run{number}"
        make_run(here, run_id, number, points=20_000, files=12)
        Ledger(here.ledger).append("verdict", run_id, {"verdict": "identical"})
        process = client(here, served, "--all")
        time.sleep(draw.uniform(0.15, 0.5))
        if process.poll() is None:
            kills += 1
        if number % 2:
            served.end(signal.SIGKILL)
            process.wait(60)
            served.start()
        else:
            process.kill()
            process.wait()
        check_no_dangling(served.store, run_id)
    assert client(here, served, "--all").wait(120) == 0
    for number in range(ROUNDS):
        assert content(here, f"run{number}") == content(served.store, f"run{number}")
    same(here, served.store, "run0")
    origins = [entry["body"]["origin"]["hash"] for entry in Ledger(served.store.ledger).entries()]
    assert sorted(origins) == sorted(entry["hash"] for entry in Ledger(here.ledger).entries())
    print(f"\n{kills} of {ROUNDS} kills met a client at work")


def check_no_dangling(store: Store, run_id: str) -> None:
    """Whatever the run's journals, as they are, say was stored is there."""
    with Objects(store.objects) as objects:
        scan = Scan(store.run(run_id))
        scan.advance()
        for journal in scan.following.values():
            for named in journal.ahead:
                assert not objects.missing(named.awaited)
                for tree in named.trees:
                    assert not objects.missing(objects.tree_parts(tree))


# In the background


def end_background(root: Path) -> None:
    for lock in root.glob("sync/*/lock"):
        try:
            os.kill(int(lock.read_text() or 0) or 2**22, signal.SIGTERM)
        except ProcessLookupError:
            pass


@pytest.fixture
def background(project: Project) -> Iterator[Project]:
    yield project
    end_background(project.root / ".anew")


SCRIPT = """
    import anew, sys, time
    run = anew.init()
    print(run.url)
    for step in range(int(sys.argv[1])):
        anew.log({"x": float(step)})
        time.sleep(0.05)
    open("out.txt", "w").write("x" * 10_000)
"""


def test_with_a_server_runs_go_up_by_themselves(background: Project, served: Served) -> None:
    project = background
    project.write("t.py", SCRIPT)
    environ = {**project.environ, "ANEW_STORE": served.address}
    command = [sys.executable, "t.py", "80"]
    process = subprocess.Popen(command, cwd=project.root, env=environ, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    assert url.startswith(f"{served.address}/runs/")
    run_id = url.rpartition("/")[2]
    there = served.store.run(run_id) / "journal"
    wait_for(lambda: there.exists() and process.poll() is None)
    assert status(served, run_id) == "running"
    # The pipe ends with the script, although the background process goes on.
    assert process.stdout.read() == "" and process.wait(30) == 0
    process.stdout.close()
    store = Store(project.root / ".anew")
    wait_for(lambda: not list(store.root.glob("sync/*/waiting/*")))
    same(store, served.store, run_id)
    # A supervised run, its reproduction and its verdict.
    made = project.run("t.py", "2", ANEW_STORE=served.address)
    assert project.reproduce(made, ANEW_STORE=served.address)["verdict"] == "identical"
    wait_for(lambda: not list(store.root.glob("sync/*/waiting/*")))
    same(store, served.store, made)
    assert [entry["subject"] for entry in Ledger(served.store.ledger).entries()] == [made]
    assert len(list(store.root.glob("sync/*/lock"))) == 1


def test_a_server_that_is_down_stops_nothing(background: Project, served: Served) -> None:
    project = background
    project.write("t.py", SCRIPT)
    served.end()
    started = time.monotonic()
    project.anew("run", "t.py", "2", ANEW_STORE=served.address)
    assert time.monotonic() - started < 20
    store = Store(project.root / ".anew")
    (run_id,) = [path.name for path in store.runs.iterdir()]
    wait_for(lambda: "can't be reached" in (store.root / "sync" / "log").read_text())
    refused = project.anew("sync", run_id, "--server", served.address, code=1)
    assert "can't be reached" in refused.stderr and "Traceback" not in refused.stderr
    served.start()
    wait_for(lambda: not list(store.root.glob("sync/*/waiting/*")))
    same(store, served.store, run_id)
    assert status(served, run_id) == "finished"


def senders(address: str) -> list[int]:
    """The processes that send to this server."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--follow" in words and address.encode() in words:
            found.append(int(path.parent.name))
    return found


def test_one_background_process_at_a_time(background: Project, served: Served) -> None:
    project = background
    project.write("t.py", SCRIPT)
    environ = {**project.environ, "ANEW_STORE": served.address}
    command = [sys.executable, "t.py", "60"]
    runs = [subprocess.Popen(command, cwd=project.root, env=environ, stdout=subprocess.DEVNULL) for _ in range(3)]
    store = Store(project.root / ".anew")
    wait_for(lambda: len(list(served.store.runs.glob("*/journal"))) == 3)
    # Those that started in the same moment, and found the lock taken, leave.
    wait_for(lambda: len(senders(served.address)) == 1)
    (owner,) = senders(served.address)
    assert liveness.start_tick(owner) and os.getsid(owner) != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, owner) >= 15
    # Killed, it is missed by nobody: the next run starts another, which sends what is left.
    os.kill(owner, signal.SIGKILL)
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    project.anew("run", "t.py", "1", ANEW_STORE=served.address)
    wait_for(lambda: not list(store.root.glob("sync/*/waiting/*")))
    for path in store.runs.iterdir():
        assert content(store, path.name) == content(served.store, path.name)


def test_a_killed_run_is_closed_and_sent(background: Project, served: Served) -> None:
    project = background
    project.write("t.py", SCRIPT)
    environ = {**project.environ, "ANEW_STORE": served.address}
    command = [sys.executable, "t.py", "2000"]
    process = subprocess.Popen(command, cwd=project.root, env=environ, stdout=subprocess.DEVNULL)
    wait_for(lambda: list(served.store.runs.glob("*/journal")))
    process.kill()
    process.wait()
    store = Store(project.root / ".anew")
    wait_for(lambda: not list(store.root.glob("sync/*/waiting/*")))
    (run_id,) = [path.name for path in store.runs.iterdir()]
    assert status(served, run_id) == "crashed"
    assert any("recovered" in name for name in content(served.store, run_id)[0])
    for name, data in content(served.store, run_id)[0].items():
        assert (store.run(run_id) / name).read_bytes().startswith(data)


def test_wrong_words(project: Project) -> None:
    assert "which server" in project.anew("sync", "--all", code=2).stderr
    assert "name the runs" in project.anew("sync", "--server", "http://127.0.0.1:1", code=2).stderr
    assert "address" in project.anew("sync", "--all", "--server", "ftp://x", code=2).stderr
    with pytest.raises(UsageError):
        Server("nowhere")
