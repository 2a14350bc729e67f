"""Many processes and forked children at one store."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from blake3 import blake3

from anew.errors import NotFound
from anew.store.objects import Objects, index, pack, packs

WRITER = """
import random, sys
from pathlib import Path
from anew.store.objects import Objects, pack
pack.PACK_SIZE = 2_000_000
chance = random.Random(int(sys.argv[2]))
same = random.Random(0)
with Objects(Path(sys.argv[1])) as store:
    for i in range(150):
        print(store.put_bytes(same.randbytes(same.randrange(40_000))))
        print(store.put_bytes(chance.randbytes(chance.randrange(200_000))))
        if i % 30 == 0:
            store.flush()
"""


def test_four_writers_at_once(root: Path) -> None:
    command = [sys.executable, "-c", WRITER, os.fspath(root)]
    writers = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(1, 5)]
    digests = [digest for writer in writers for digest in writer.communicate()[0].split()]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(set(digests)) == 150 * 5
    store = Objects(root)
    for digest in set(digests):
        store.get_bytes(digest)
    assert list(store.verify()) == []


def test_readers_see_what_others_flush(root: Path) -> None:
    reader, writer = Objects(root), Objects(root)
    digests = []
    for i in range(5):
        digests.append(writer.put_bytes(b"%d" % i))
        assert not reader.has(digests[-1])
        writer.flush()
        assert reader.get_bytes(digests[-1]) == b"%d" % i
    writer.close()
    assert all(reader.has(digest) for digest in digests)


def test_short_runs_fill_one_pack(root: Path) -> None:
    digests = []
    for i in range(20):
        with Objects(root) as store:
            digests.append(store.put_bytes(b"run %d" % i))
    assert len(list(root.glob("packs/*"))) == 1
    first, second = Objects(root), Objects(root)
    first.put_bytes(b"a")
    second.put_bytes(b"b")
    assert len(list(root.glob("packs/*"))) == 2
    first.close()
    second.close()
    assert all(Objects(root).has(digest) for digest in digests)


def test_a_forked_child_has_its_own_pack(root: Path) -> None:
    store = Objects(root)
    mine = store.put_bytes(b"parent, pending")
    pid = os.fork()
    if pid == 0:
        try:
            assert not store.has(mine)
            store.put_bytes(b"child")
            store.put_bytes(b"parent, pending")
            store.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    store.put_bytes(b"parent, later")
    store.close()
    assert len(list(root.glob("packs/*"))) == 2
    again = Objects(root)
    for data in (b"parent, pending", b"parent, later", b"child"):
        assert again.get_bytes(blake3(data).hexdigest()) == data
    assert list(again.verify()) == []


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forking_while_threads_write(root: Path, tmp_path: Path) -> None:
    store = Objects(root)
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            store.put_bytes(os.urandom(20_000))
            store.put_file(file)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for i in range(15):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)  # a child that hangs is killed, and seen
                store.put_file(file)
                store.put_bytes(b"child %d" % i)
                store.close()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    store.close()
    again = Objects(root)
    assert all(again.has(blake3(b"child %d" % i).hexdigest()) for i in range(15))
    assert list(again.verify()) == []


def test_a_child_does_not_keep_the_parent_s_pack_locked(root: Path) -> None:
    store = Objects(root)
    store.put_bytes(b"x")
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    store.close()
    with Objects(root) as again:
        again.put_bytes(b"y")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert len(list(root.glob("packs/*"))) == 1


def test_many_indexes_become_few(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "PACK_RECORDS", 5)
    reader = Objects(root)
    put = {}
    with Objects(root) as store:
        for i in range(700):
            data = b"%d" % i
            put[store.put_bytes(data)] = data
            if i % 97 == 0:
                store.flush()
                assert {digest: reader.get_bytes(digest) for digest in put} == put
    assert len(list(root.glob("packs/*"))) == 140
    assert len(list(root.glob("index/*.idx"))) < 3 * packs.MERGED_INDEXES
    assert {digest: reader.get_bytes(digest) for digest in put} == put
    assert list(reader.verify()) == []
    with pytest.raises(NotFound):
        reader.get_bytes("12" * 32)


def test_index_finds_what_it_holds(tmp_path: Path) -> None:
    chance = random.Random(5)
    alike = chance.randbytes(8)
    keys = [chance.randbytes(32) for _ in range(2000)] + [alike + chance.randbytes(24) for _ in range(5)]
    rows = [(key, i % 3, i, i * 2) for i, key in enumerate(keys)]
    table = [(bytes([i] * 8).hex(), 1000 + i, bytes([i] * 32)) for i in range(3)]
    path = os.fspath(tmp_path / "i.idx")
    index.write(path, table, rows)
    found = index.SealedIndex(path)
    assert found.packs == table
    assert sorted(found.rows()) == sorted(rows)
    for key, place, offset, stored in rows:
        assert found.find(key, int.from_bytes(key[:8])) == (table[place][0], offset, stored)
    for key in (bytes(32), b"\xff" * 32, alike + bytes(24)):
        assert found.find(key, int.from_bytes(key[:8])) is None
    packs_, rows_ = index.merged([found, found])
    assert (packs_, sorted(rows_)) == (table, sorted(rows))
