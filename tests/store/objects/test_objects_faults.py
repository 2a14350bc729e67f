"""Damage is found and named, a crash loses nothing that was flushed, a full disk can be recovered from."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anew.errors import AnewError, CorruptData, NotFound, StoreFull
from anew.store.objects import Objects, pack


def contents() -> list[bytes]:
    chance = random.Random(1)
    return [
        b"",
        b"a",
        b"text " * 100,
        chance.randbytes(700),
        chance.randbytes(5000),
        chance.randbytes(200_000),
    ]


def make(root: Path, monkeypatch: pytest.MonkeyPatch, *, sealed: bool) -> dict[str, bytes]:
    """A store in one pack; what is in it."""
    with Objects(root) as store:
        put = {store.put_bytes(data): data for data in contents()}
        with monkeypatch.context() as patch:
            patch.setattr(pack, "PACK_SIZE", 1 if sealed else pack.PACK_SIZE)
            store.close()
    assert len(list(root.glob("index/*.idx"))) == sealed
    return put


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    good = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(good)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ (1 << bit)]) + data[position + 1 :]


def sampled(size: int) -> list[int]:
    """Every position near the start and end, and some between."""
    chance = random.Random(size)
    return sorted(
        {
            *range(min(size, 400)),
            *range(max(0, size - 100), size),
            *chance.sample(range(size), min(size, 300)),
        }
    )


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("folder", ["packs", "index"])
def test_a_flipped_bit_is_never_a_wrong_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, sealed: bool
) -> None:
    put = make(root, monkeypatch, sealed=sealed)
    (path,) = (root / folder).iterdir()
    good = path.read_bytes()
    silent = []
    for position in sampled(len(good)):
        with changed(path, flipped(good, position, position % 8)):
            hurt = 0
            store = Objects(root)
            for digest, data in put.items():
                try:
                    assert store.get_bytes(digest) == data
                    store.restore_file(digest, tmp_path / "out")
                    assert (tmp_path / "out").read_bytes() == data
                except CorruptData as error:
                    hurt += 1
                    assert str(path) in str(error) or digest in str(error), error
                    assert folder == "index" or digest in str(error) or "at offset" in str(error)
            problems = list(store.verify())
            if not problems and not hurt:
                silent.append(position)
            assert hurt == 0 or problems
    # Silent is only what nothing depends on: bits of a zstd frame that decode to the same, and a pack's magic
    # when it has no seal yet.
    assert len(silent) <= 8, silent
    assert list(Objects(root).verify()) == []


@pytest.mark.parametrize("sealed", [False, True])
def test_a_pack_cut_short_anywhere(root: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool) -> None:
    put = make(root, monkeypatch, sealed=sealed)
    (path,) = (root / "packs").iterdir()
    good = path.read_bytes()
    for length in [*range(0, 1500, 7), *range(1500, len(good), 9001), len(good) - 1]:
        with changed(path, good[:length]):
            store = Objects(root)
            for digest, data in put.items():
                try:
                    assert store.get_bytes(digest) == data
                except CorruptData as error:
                    assert "at offset" in str(error)
            assert list(store.verify())
    path.unlink()
    with pytest.raises(CorruptData, match="the pack is gone"):
        Objects(root).get_bytes(next(iter(put)))
    assert [problem.kind for problem in Objects(root).verify()][:1] == ["missing"]


def test_a_live_index_cut_short_anywhere_loses_nothing_once_taken_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = make(root, monkeypatch, sealed=False)
    (live,) = root.glob("index/*.live")
    good = live.read_bytes()
    for damage in [
        *(good[:length] for length in range(0, len(good), 11)),
        *(flipped(good, i, 3) for i in range(8, len(good), 17)),
    ]:
        with changed(live, damage):
            store = Objects(root)
            try:
                assert not store.has("00" * 32)
            except CorruptData:
                pass
        live.write_bytes(damage)
        store = Objects(root)
        store.put_bytes(os.urandom(10))  # takes the pack on: what the index lost is found in the pack
        for digest, data in put.items():
            assert store.get_bytes(digest) == data
        store.close()
        assert list(store.verify()) == []
        for path in [*root.glob("index/*"), *root.glob("packs/*")]:
            if path.stem != live.stem or path.suffix == ".idx":
                path.unlink()
        live.write_bytes(good)


def test_what_a_writer_left_torn_is_sealed_without_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = make(root, monkeypatch, sealed=False)
    (path,) = (root / "packs").iterdir()
    with path.open("ab") as out:
        out.write(path.read_bytes()[8:60])
    more = {}
    with Objects(root) as store:
        more[store.put_bytes(b"more")] = b"more"
    assert len(list(root.glob("index/*.idx"))) == len(list(root.glob("index/*.live"))) == 1
    store = Objects(root)
    assert {digest: store.get_bytes(digest) for digest in {**put, **more}} == {**put, **more}
    assert list(store.verify()) == []


def test_a_crash_between_seal_and_tidying_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Objects(root) as store:
        store.put_bytes(b"first")
    (live,) = root.glob("index/*.live")
    before = live.read_bytes()
    monkeypatch.setattr(pack, "PACK_RECORDS", 2)
    with Objects(root) as store:
        digests = [store.put_bytes(b"%d" % i) for i in range(4)]
    assert not live.exists()
    live.write_bytes(before)
    with Objects(root) as store:
        store.put_bytes(b"last")
        assert not live.exists()
        assert all(store.has(digest) for digest in digests)
    assert list(store.verify()) == []


WRITER = """
import os, sys
from pathlib import Path
from anew.store.objects import Objects, pack
pack.PACK_SIZE = 300_000
store = Objects(Path(sys.argv[1]))
for i in range(10**9):
    digests = [store.put_bytes(os.urandom(size)) for size in (10, 3000, 150_000 if i % 3 == 0 else 100)]
    store.flush()
    print(" ".join(digests), flush=True)
"""


def test_killed_writers_lose_nothing_that_was_flushed(root: Path) -> None:
    chance = random.Random(2)
    promised: list[str] = []
    for _ in range(12):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, os.fspath(root)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout
            for _ in range(chance.randrange(1, 12)):
                promised += writer.stdout.readline().split()
            writer.kill()
        for writer in writers:
            out, _ = writer.communicate()
            promised += [
                digest for line in out.splitlines(keepends=True) if line.endswith("\n") for digest in line.split()
            ]
        store = Objects(root)
        for digest in promised[-300:]:
            store.get_bytes(digest)
        assert list(store.verify()) == []
    store = Objects(root)
    for digest in promised:
        store.get_bytes(digest)
    assert len(promised) > 100


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [0, 5, 8, 100, 4000, 700_000, 3_000_001])
def test_no_more_space(root: Path, limit: int) -> None:
    store = Objects(root)
    chance = random.Random(3)
    datas = [chance.randbytes(90_000) for _ in range(60)]
    put = {}
    with file_size_limit(limit), pytest.raises(StoreFull, match="free some space") as caught:
        for data in datas:
            put[store.put_bytes(data)] = data
        store.flush()
    assert os.fspath(root) in str(caught.value)
    store.flush()  # there is space again: nothing that was put is lost
    for data in datas:
        put[store.put_bytes(data)] = data
    store.close()
    again = Objects(root)
    assert {digest: again.get_bytes(digest) for digest in put} == put
    assert list(again.verify()) == []


def test_a_full_file_system(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", os.fspath(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        store = Objects(disk / "objects")
        put = {}
        with pytest.raises(StoreFull):
            for _ in range(100):
                data = os.urandom(100_000)
                put[store.put_bytes(data)] = data
        with pytest.raises(StoreFull):
            store.flush()
        subprocess.run(["mount", "-o", "remount,size=8m", os.fspath(disk)], check=True)
        store.close()
        again = Objects(disk / "objects")
        assert {digest: again.get_bytes(digest) for digest in put} == put
        assert list(again.verify()) == []
        del again, store
    finally:
        subprocess.run(["umount", "-l", os.fspath(disk)], check=True)


def test_a_read_only_store_can_be_read(root: Path, tmp_path: Path) -> None:
    with Objects(root) as store:
        digest = store.put_bytes(b"x" * 1000)
    code = f"""
import os
from pathlib import Path
import zstandard  # now: the interpreter's own files may be out of the other user's reach
from anew.errors import StoreFull
from anew.store.objects import Objects, verify
os.setuid(65534) if os.getuid() == 0 else None
store = Objects(Path({os.fspath(root)!r}))
assert store.get_bytes({digest!r}) == b"x" * 1000
assert list(store.verify()) == []
try:
    store.put_bytes(b"new")
except StoreFull as error:
    assert "permission" in str(error) and {os.fspath(root)!r} in str(error)
    print("refused")
"""
    paths = [root, *root.iterdir()]
    for path in paths:
        path.chmod(0o555)
    for parent in root.parents:
        if os.fspath(parent).startswith("/tmp/") or "pytest" in os.fspath(parent):
            parent.chmod(parent.stat().st_mode | 0o055)
    try:
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    finally:
        for path in paths:
            path.chmod(0o755)
    assert out.stdout == "refused\n", out.stderr


def test_a_failed_restore_leaves_no_file(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = make(root, monkeypatch, sealed=True)
    (path,) = (root / "packs").iterdir()
    good = path.read_bytes()
    path.write_bytes(flipped(good, len(good) - 60_000, 1))
    big = max(put, key=lambda digest: len(put[digest]))
    (tmp_path / "out").write_text("before")
    with pytest.raises(CorruptData):
        Objects(root).restore_file(big, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["objects", "out"]
    with file_size_limit(1000), pytest.raises(StoreFull, match="out2"):
        Objects(root).restore_file(sorted(put, key=lambda d: len(put[d]))[4], tmp_path / "out2")


def test_a_manifest_without_its_chunks_is_reported(root: Path) -> None:
    from anew.store.objects import manifest, record

    with Objects(root) as store:
        builder = manifest.Builder(lambda key, data: None)
        builder.add(b"c" * 32, 10)
        store._packs.add(record.MANIFEST, b"k" * 32, builder.finish())
    (problem,) = Objects(root).verify()
    assert problem.kind == "missing"
    assert (b"c" * 32).hex() in problem.message
    with pytest.raises((NotFound, CorruptData)):
        Objects(root).get_bytes((b"k" * 32).hex())


def test_all_errors_are_ours(root: Path) -> None:
    """Whatever lies in the folders: an error of ours, or none."""
    chance = random.Random(4)
    for name in ("index/x.idx", "index/y.live", "index/merge.lock", "index/z.tmp", "stat", "packs/p.pack"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(chance.randbytes(300))
    store = Objects(root)
    for act in (lambda: store.has("00" * 32), lambda: store.put_bytes(b"a"), store.flush, store.close):
        try:
            act()
        except AnewError:
            pass
    assert {problem.kind for problem in store.verify()} == {"corrupt"}
