"""Content in, the same content out; stored once; chunks where they should be."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import NotFound, StoreError, UsageError
from anew.store.objects import FileRef, Objects, chunk, disk, manifest, objects, record

LIMIT = 128 << 10
SIZES = [0, 1, 63, 64, LIMIT - 1, LIMIT, LIMIT + 1, 4 << 20, (4 << 20) + 1, 7_654_321]


def stored_bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("compressible", [False, True])
def test_roundtrip(store: Objects, root: Path, tmp_path: Path, size: int, compressible: bool) -> None:
    data = (b"0123456789abcde\n" * (size // 16 + 1))[:size] if compressible else random.Random(size).randbytes(size)
    digest = store.put_bytes(data)
    assert digest == blake3(data).hexdigest()
    assert store.has(digest)
    assert store.size(digest) == size
    assert store.get_bytes(digest) == data
    assert b"".join(store.iter_bytes(digest)) == data

    file = tmp_path / "file"
    file.write_bytes(data)
    assert store.put_file(file) == store.hash_file(file) == FileRef(digest, size)
    store.restore_file(digest, tmp_path / "a/b/out", executable=True)
    assert (tmp_path / "a/b/out").read_bytes() == data
    assert (tmp_path / "a/b/out").stat().st_mode & 0o100
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["out"]
    store.flush()
    assert Objects(root).get_bytes(digest) == data
    if compressible and size > 1000:
        assert stored_bytes(root) < size / 5 + 5000
    assert list(store.verify()) == []


def test_what_is_not_there(store: Objects, tmp_path: Path) -> None:
    absent = "ab" * 32
    assert not store.has(absent)
    for read in (store.get_bytes, store.size):
        with pytest.raises(NotFound, match=absent):
            read(absent)
    with pytest.raises(NotFound):
        store.restore_file(absent, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFound, match="nowhere"):
        store.put_file(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="not a file"):
        store.put_file(tmp_path)
    for wrong in ("", "ab", absent.upper(), "zz" * 32):
        with pytest.raises(UsageError):
            store.has(wrong)
    assert not (tmp_path / "objects").exists()


def test_a_change_in_a_big_file_costs_little(store: Objects, root: Path, tmp_path: Path) -> None:
    data = bytearray(random.Random(1).randbytes(96 << 20))
    file = tmp_path / "big"
    file.write_bytes(data)
    store.put_file(file)
    store.flush()
    before = stored_bytes(root)
    data[40_000_000 : 40_000_000 + (64 << 10)] = random.Random(2).randbytes(64 << 10)
    file.write_bytes(data)
    digest = store.put_file(file).digest
    store.flush()
    assert 64 << 10 < stored_bytes(root) - before < 600 << 10
    assert store.get_bytes(digest) == bytes(data)


def test_rows_inserted_into_a_table_cost_little(store: Objects, root: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    lines = [f"{i},{chance.random()},{chance.random()},{chance.randrange(10**9)}\n" for i in range(300_000)]
    file = tmp_path / "table.csv"
    file.write_text("".join(lines))
    size = file.stat().st_size
    store.put_file(file)
    store.flush()
    first = stored_bytes(root)
    assert first < size * 0.75
    at = 123_456
    lines[at:at] = [f"new,{chance.random()},{chance.random()},0\n" for _ in range(3000)]
    file.write_text("".join(lines))
    store.put_file(file)
    store.flush()
    assert stored_bytes(root) - first < first * 0.04


def test_the_same_twice_is_stored_once(store: Objects, root: Path) -> None:
    data = random.Random(4).randbytes(3 << 20)
    store.put_bytes(data)
    store.flush()
    before = stored_bytes(root)
    for again in (store, Objects(root)):
        again.put_bytes(data)
        again.close()
    assert stored_bytes(root) == before


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3 << 20), st.integers(0, 255), st.integers(0, 2**32))
def test_cutting_gives_back_the_content(size: int, fill: int, seed: int) -> None:
    data = bytes([fill]) * (size // 2) + random.Random(seed).randbytes(size - size // 2)
    pieces = [piece for pieces in chunk.cut(lambda o, n: data[o : o + n], size) for piece in pieces]
    assert b"".join(pieces) == data
    assert all(len(piece) <= chunk.MEAN_SIZE * 4 for piece in pieces)
    assert all(len(piece) >= chunk.MEAN_SIZE // 4 for piece in pieces[:-1])


def test_windows_don_t_move_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random.Random(5).randbytes(9 << 20)

    def cuts() -> list[bytes]:
        return [bytes(piece) for pieces in chunk.cut(lambda o, n: data[o : o + n], len(data)) for piece in pieces]

    several = cuts()
    monkeypatch.setattr(chunk, "WINDOWS_OF_MOST", 1000)
    assert cuts() == several


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 2**20), max_size=6000), st.integers(0, 2**32))
def test_manifest_roundtrip(sizes: list[int], seed: int) -> None:
    chance = random.Random(seed)
    entries = [(chance.randbytes(32), size) for size in sizes]
    blobs: dict[bytes, bytes] = {}
    builder = manifest.Builder(blobs.__setitem__)
    for key, size in entries:
        builder.add(key, size)
    content = builder.finish()
    assert list(manifest.chunks(content, blobs.__getitem__, "here")) == entries
    assert manifest.content_size(content, "here") == sum(sizes)
    assert set(manifest.segments(content, "here")) == set(blobs)


def test_long_manifests_share_segments() -> None:
    chance = random.Random(6)
    entries = [(chance.randbytes(32), 65536) for _ in range(20_000)]
    blobs: dict[bytes, bytes] = {}

    def build() -> None:
        builder = manifest.Builder(blobs.__setitem__)
        for key, size in entries:
            builder.add(key, size)
        builder.finish()

    build()
    first = len(blobs)
    entries.insert(7000, (chance.randbytes(32), 65536))
    build()
    assert len(blobs) - first <= 3


@settings(deadline=None)
@given(st.sampled_from([record.BLOB, record.MANIFEST]), st.binary(max_size=2000), st.integers(1, 100))
def test_record_roundtrip(kind: int, content: bytes, repeat: int) -> None:
    content *= repeat
    key = record.digest(content)
    header, stored = record.encode(kind, key, content)
    assert record.decode(header + bytes(stored) + b"more", "here") == (kind, key, content)


def test_a_file_that_changes_while_read(store: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "busy"
    file.write_bytes(b"a" * 1000)
    real, times = objects._pread, []

    def meddle(fd: int, count: int, offset: int, path: str) -> bytes:
        data = real(fd, count, offset, path)
        times.append(1)
        if len(times) <= limit:
            with file.open("ab") as out:
                out.write(b"b")
        return data

    monkeypatch.setattr(objects, "_pread", meddle)
    limit = 1
    ref = store.put_file(file)  # the second try succeeds
    assert (ref.size, store.get_bytes(ref.digest)) == (1001, file.read_bytes())
    times.clear()
    limit = 99
    with pytest.raises(StoreError, match=r"busy changed while being read"):
        store.put_file(file)
    times.clear()
    with pytest.raises(StoreError, match=r"busy changed while being read"):
        store.hash_file(file)


def test_threads(store: Objects) -> None:
    chance = random.Random(7)
    datas = [chance.randbytes(chance.randrange(300_000)) for _ in range(60)]
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for data in random.Random(seed).sample(datas, len(datas)):
                assert store.get_bytes(store.put_bytes(data)) == data
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(store.verify()) == []


@pytest.mark.slow
def test_a_sparse_file_past_one_gibibyte(store: Objects, tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    with file.open("wb") as out:
        out.seek(600 << 20)
        out.write(random.Random(8).randbytes(20 << 20))
        out.truncate((1 << 30) + (100 << 20) + 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ref = store.put_file(file)
    assert ref.size == file.stat().st_size == store.size(ref.digest)
    store.restore_file(ref.digest, tmp_path / "back")
    assert store.hash_file(tmp_path / "back") == ref
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10  # KiB
    assert stored_bytes(tmp_path / "objects") < 25 << 20


def test_import_is_light() -> None:
    heavy = {"numpy", "zstandard", "fastcdc", "msgpack", "sqlite3"}
    then = f"import anew.store.objects; print({heavy} & set(sys.modules))"
    code = f"import sys; sys.path[:0] = {sys.path!r}; {then}"
    out = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_stat_index_answers(store: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    time.sleep(0.15)
    ref = store.put_file(file)
    store.flush()
    again = Objects(tmp_path / "objects")
    monkeypatch.setattr(objects, "_pread", None)  # nothing may read any more
    assert again.put_file(file) == again.hash_file(file) == ref


def test_large_content_written_past_the_page_cache_is_as_it_was(store: Objects, root: Path, tmp_path: Path) -> None:
    """Blocks, and what is left between them, in packs that begin anywhere in one."""
    draw = random.Random(4)
    put = {}
    for size in (10, 5_000_000, 4096 - 48, 12_345_678, 200_000, 9_000_000):
        data = draw.randbytes(size)
        (tmp_path / "file").write_bytes(data)
        put[store.put_file(tmp_path / "file").digest] = data
        if size < 1_000_000:
            store.flush()
    for digest, data in put.items():
        assert store.get_bytes(digest) == data  # some of it is not flushed yet
    store.close()
    assert {digest: Objects(root).get_bytes(digest) for digest in put} == put
    assert list(Objects(root).verify()) == []


def test_where_the_page_cache_can_not_be_passed_it_is_not(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such flag on this system, or a file system that refuses it when it is written."""
    data = random.Random(5).randbytes(9_000_000)
    for turn, refuse in enumerate(("open", "pwrite")):
        with monkeypatch.context() as patch:
            if refuse == "open":
                patch.delattr(os, "O_DIRECT")
            else:
                patch.setattr(disk, "BLOCK_SIZE", 100)  # which the system refuses to write
            with Objects(root / str(turn)) as store:
                digest = store.put_bytes(data)
        assert Objects(root / str(turn)).get_bytes(digest) == data
        assert list(Objects(root / str(turn)).verify()) == []
