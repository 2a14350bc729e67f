"""What is on its way in: kept while its process lives, removed by the next when it was killed."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.hub import Hub
from anew.store.location import Store
from anew.store.uploads import Uploads
from server.conftest import running

PLACE = "/api/2.0/mlflow-artifacts/artifacts/half.bin"
HALF = b"x" * 0x80000
HOLD = """
import sys, time
from pathlib import Path
from anew.store.uploads import Uploads
folder = Uploads(Path(sys.argv[1])).folder
(folder / "half").write_bytes(b"x" * 1000)
print(folder, flush=True)
time.sleep(600)
"""


def holder(root: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_nothing_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    uploads.close()
    assert not (tmp_path / "uploads").exists()


def test_the_folder_goes_with_its_process_and_comes_again(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    first = uploads.folder
    assert uploads.folder == first
    (first / "half").write_bytes(b"x")
    uploads.close()
    assert list((tmp_path / "uploads").iterdir()) == []
    (uploads.folder / "half").write_bytes(b"x")
    uploads.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_dead_process_left_is_removed_and_a_living_ones_stays(tmp_path: Path, how: signal.Signals) -> None:
    root = tmp_path / "uploads"
    dead, left = holder(root)
    living, kept = holder(root)
    try:
        assert left.is_dir() and kept.is_dir()  # the second did not take the first for dead
        dead.send_signal(how)
        dead.wait(20)
        Uploads(root)
        assert not left.exists()
        assert (kept / "half").read_bytes() == b"x" * 1000
    finally:
        living.kill()
        for process in (dead, living):
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()
    Uploads(root)
    assert list(root.iterdir()) == []


def test_links_and_loose_files_are_removed_and_not_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "uploads", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine").write_bytes(b"x")
    (root / "link").symlink_to(elsewhere)
    (root / "loose").write_bytes(b"x")
    Uploads(root)
    assert list(root.iterdir()) == []
    assert (elsewhere / "mine").exists()


def test_a_store_that_cannot_be_cleared_opens_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(Store(tmp_path / ".anew"))
    hub.close()
    (tmp_path / ".anew" / "uploads").mkdir()

    def fail(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr("anew.store.uploads._locked", fail)
    Hub(Store(tmp_path / ".anew")).close()


@contextlib.contextmanager
def half(address: str) -> Iterator[http.client.HTTPConnection]:
    """Half of an upload whose size nobody announced."""
    with contextlib.closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)) as connection:
        connection.putrequest("PUT", PLACE)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"80000\r\n" + HALF + b"\r\n")
        yield connection


def halves(store: Path) -> list[Path]:
    return [path for path in store.glob("uploads/*/*") if path.stat().st_size == len(HALF)]


def test_a_server_clears_what_a_killed_one_left_and_lets_another_finish(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    with running(store) as (killed, process), running(store) as (living, _), half(killed), half(living) as upload:
        deadline = time.monotonic() + 20
        while len(halves(store)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(halves(store)) == 2
        process.kill()
        process.wait(20)
        assert len(halves(store)) == 2
        with running(store):
            assert len(halves(store)) == 1
            upload.send(b"3\r\nend\r\n0\r\n\r\n")
            answer = upload.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            upload.request("GET", PLACE)
            assert upload.getresponse().read() == HALF + b"end"
    assert list(store.glob("uploads/*")) == []
