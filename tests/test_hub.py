"""The hub: what many threads write and read at once, and the names of files."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anew import hub as hub_module
from anew.cli import main
from anew.errors import StoreError, UsageError
from anew.hub import Hub
from anew.index import index as index_module
from anew.server.serve import _listen
from anew.store.location import Store
from anew.store.objects import disk


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(Store(tmp_path / ".anew"))
    yield made
    made.close()


def create(hub: Hub) -> str:
    return hub.create("runs", {"project": "p"})


def test_what_was_written_is_read_at_once_by_every_thread(hub: Hub) -> None:
    run_id = create(hub)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            hub.document(run_id)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for step in range(200):
            hub.event("runs", run_id, "tag", {"step": str(step)})
            assert hub.document(run_id)["tags"]["step"] == str(step)
    finally:
        done.set()
        for reader in readers:
            reader.join(30)


def test_a_file_and_a_folder_have_no_name_in_common(hub: Hub) -> None:
    run_id = create(hub)
    hub.put_content("runs", run_id, "a/b.txt", b"1")
    hub.put_content("runs", run_id, "a/b.txt", b"2")  # the same file once more
    for path in ("a", "a/b.txt/c"):
        with pytest.raises(UsageError, match="Invalid path"):
            hub.put_content("runs", run_id, path, b"3")
    hub.remove_file("runs", run_id, "a/b.txt")
    hub.put_content("runs", run_id, "a", b"4")
    assert list(hub.files("runs", run_id)) == ["a"]


def test_names_that_another_hub_gave_are_known_once_they_are_seen(hub: Hub) -> None:
    run_id = create(hub)
    hub.put_content("runs", run_id, "mine", b"1")
    other = Hub(hub.store)
    try:
        other.put_content("runs", run_id, "theirs/file", b"2")
    finally:
        other.close()
    hub._looked_at_own["runs"] = 0.0
    hub.look()
    with pytest.raises(UsageError, match="is a folder"):
        hub.check_path("runs", run_id, "theirs")


def test_files_put_while_others_read_and_look(hub: Hub) -> None:
    """Each takes several locks; a wrong order among them would hold everything for ever."""
    run_ids = [create(hub) for _ in range(4)]

    def work(number: int) -> None:
        for at in range(25):
            run_id = run_ids[(number + at) % 4]
            hub.put_content("runs", run_id, f"{number}/{at}", b"x")
            hub.document(run_id)
            hub.look()
            hub.index().count()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, number) for number in range(4)]:
            done.result(60)
    assert sum(len(hub.files("runs", run_id)) for run_id in run_ids) == 100


def test_more_runs_than_journals_may_be_open(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_MOST_OPEN", 3)
    flushed: list[str] = []
    monkeypatch.setattr(hub_module, "flush_files", lambda paths: flushed.extend(paths))
    run_ids = [create(hub) for _ in range(8)]
    for number, run_id in enumerate(run_ids):
        hub.event("runs", run_id, "tag", {"number": str(number)})
    assert len(hub._writers) == 3
    hub.sync()
    journals = {str(path) for path in hub.store.root.glob("runs/*/journal*")}
    assert set(flushed) == journals and len(journals) > 8
    assert [hub.document(run_id)["tags"]["number"] for run_id in run_ids] == list("01234567")


@pytest.mark.parametrize("known", [True, False])
def test_flushing_files(known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(tmp_path / f"{number}") for number in range(10)]
    for path in paths:
        Path(path).write_bytes(b"x")
    seen: list[int] = []
    monkeypatch.setattr(disk, "_syncfs", lambda: (lambda fd: seen.append(fd) or 0) if known else None)
    single: list[int] = []
    monkeypatch.setattr(disk.os, "fdatasync", single.append)
    disk.flush_files([*paths, str(tmp_path / "gone")])
    assert (len(seen), len(single)) == ((1, 0) if known else (0, 10))
    disk.flush_files(paths[:2])
    assert len(single) == (2 if known else 12)


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Head and body of an answer are two packets: with Nagle's delay the second would take 40 ms."""
    seen: list[int] = []

    async def main() -> None:
        listener = _listen("127.0.0.1", 0)

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        server = await asyncio.start_server(accepted, sock=listener)
        async with server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())
    assert seen and seen[0]


def test_verify_looks_at_all_that_has_journals(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = hub.create("models", {"project": "p"})
    hub.put_content("models", model_id, "model.pkl", b"weights")
    hub.close()
    monkeypatch.setenv("ANEW_STORE", str(hub.store.root))
    assert main(["verify", "--json"]) == 0
    journal = hub.store.root / "models" / model_id / "journal"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    assert main(["verify"]) == 1
    assert str(journal) in capsys.readouterr().out


def test_verify_misses_the_files_of_a_model(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = hub.create("models", {"project": "p"})
    hub.event("models", model_id, "output", {"path": "m", "digest": "ab" * 32, "size": 1, "stored": True})
    hub.close()
    monkeypatch.setenv("ANEW_STORE", str(hub.store.root))
    assert main(["verify"]) == 1
    assert f"broken model {hub.store.root / 'models' / model_id}: 1 of the objects" in capsys.readouterr().out


def test_what_is_acknowledged_is_read_once_the_index_can_be(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may be at the index for long: what could not be read meanwhile is not forgotten."""
    monkeypatch.setattr(index_module, "_MUST_WAIT_S", 0.05)
    run_id = create(hub)
    hub.document(run_id)
    hub.event("runs", run_id, "tag", {"a": "b"})
    with (hub.store.root / "index" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another process"):
            hub.document(run_id)
    assert hub.document(run_id)["tags"] == {"a": "b"}
