"""A folder that changed a little takes little: its nodes are kept as what differs from those before."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anew.errors import CorruptData
from anew.store.objects import Objects, pack
from anew.store.objects.packs import Packs
from anew.store.objects.record import BLOB, DELTA, decode, digest, encode_delta

GOLDEN = Path(__file__).parent / "golden" / "delta"
FILES = 600


def fill(folder: Path, numbers: range, seed: int) -> None:
    chance = random.Random(seed)
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f"{number:04}").write_bytes(chance.randbytes(8))


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def content(store: Objects, tree: str) -> dict[str, bytes]:
    return {entry.path: store.get_bytes(entry.digest) for entry in store.read_tree(tree)}


def stored(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*.pack"))


def versions(root: Path, data: Path, count: int, *, sealed: bool = False) -> list[tuple[str, dict[str, bytes]]]:
    """As many trees, each but for a few files the one before; each taken by a process of its own, as it were.

    `sealed`: each in a pack of its own.
    """
    found = []
    fill(data, range(FILES), 0)
    for number in range(count):
        fill(data, range(number * 7, number * 7 + 3), number + 1)
        with Objects(root) as store:
            found.append((store.put_folder(data, remember=True).digest, held(data)))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pack, "PACK_SIZE", 1 if sealed else pack.PACK_SIZE)
                store.close()
    return found


def deltas(root: Path) -> int:
    """How many objects are stored as such."""
    packs = Packs(os.fspath(root))
    packs.look_anew()
    keys = [
        *(row[0] for index in packs.indexes for row in index.rows()),
        *(k for live in packs.lives for k in live.entries),
    ]
    return sum(bool(packs.bases_of(key)) for key in keys)


@pytest.mark.parametrize("sealed", [False, True])
def test_each_version_comes_back_and_takes_little(root: Path, tmp_path: Path, sealed: bool) -> None:
    first = versions(root, tmp_path / "data", 1, sealed=sealed)
    before = stored(root)
    expected = versions(root, tmp_path / "data", 12, sealed=sealed)
    # Three files of 8 bytes and their headers, a delta or two, and now and then a node as a whole.
    assert (stored(root) - before) / 12 < 3_000
    assert deltas(root) >= 8
    store = Objects(root)
    for tree, files in [*first, *expected]:
        assert content(store, tree) == files
    assert list(store.verify()) == []


def test_no_delta_is_kept_of_a_delta(root: Path, tmp_path: Path) -> None:
    versions(root, tmp_path / "data", 6)
    packs = Packs(os.fspath(root))
    packs.look_anew()
    named = {base for live in packs.lives for key in live.entries for base in packs.bases_of(key)}
    assert named
    assert not any(packs.bases_of(base) for base in named)


def test_what_differs_in_much_is_kept_whole() -> None:
    chance = random.Random(1)
    base, other = chance.randbytes(8000), chance.randbytes(8000)
    near = base[:4000] + b"x" + base[4000:]
    assert encode_delta(digest(other), other, digest(base), base) is None
    header, record = encode_delta(digest(near), near, digest(base), base) or (b"", b"")
    assert (header[1], len(record) < 100) == (DELTA, True)


def test_a_flipped_bit_is_never_a_wrong_tree(root: Path, tmp_path: Path) -> None:
    expected = versions(root, tmp_path / "data", 2, sealed=True)
    entries = {tree: list(Objects(root).read_tree(tree)) for tree, _ in expected}
    hurt = 0
    for path in root.glob("packs/*"):
        good = path.read_bytes()
        for position in random.Random(3).sample(range(8, len(good)), min(len(good) - 8, 150)):
            path.write_bytes(good[:position] + bytes([good[position] ^ 4]) + good[position + 1 :])
            store = Objects(root)
            for tree, found in entries.items():
                try:
                    assert list(store.read_tree(tree)) == found
                except CorruptData as error:
                    hurt += 1
                    assert path.name in str(error)
                    assert list(store.verify())
        path.write_bytes(good)
    assert hurt > 100
    assert list(Objects(root).verify()) == []


def test_what_it_differs_from_being_lost_is_said(root: Path, tmp_path: Path) -> None:
    expected = versions(root, tmp_path / "data", 2, sealed=True)
    packs = Packs(os.fspath(root))
    packs.look_anew()
    last = bytes.fromhex(expected[1][0])
    [*_, node] = [key for index in packs.indexes for key, *_ in index.rows() if packs.bases_of(key)]
    [base] = packs.bases_of(node)
    place = packs.find(base)
    assert place is not None
    os.unlink(packs.folders.pack(place[0]))
    with pytest.raises(CorruptData, match="pack is gone"):
        list(Objects(root).read_tree(last.hex()))
    [index] = [index for index in packs.indexes if place[0] in [name for name, _, _ in index.packs]]
    os.unlink(index.path)
    with pytest.raises(CorruptData, match=rf"{base.hex()} is not in .*, from which"):
        list(Objects(root).read_tree(last.hex()))
    assert any(base.hex() in problem.message for problem in Objects(root).verify())


def test_what_leaves_the_store_is_whole(root: Path, tmp_path: Path) -> None:
    expected = versions(root / "from", tmp_path / "data", 5)
    with Objects(root / "from") as store, Objects(root / "to") as other:
        assert deltas(root / "from") > 3
        for tree, _ in expected:
            parts = [bytes.fromhex(part) for part in dict.fromkeys(store.tree_parts(tree))]
            assert all(record[1] != DELTA for *_, record in store.records(parts))
            other.put_records((key, bytes(record)) for key, _, _, record in store.records(other.lacking(parts)))
        for tree, files in expected:
            assert content(other, tree) == files
        assert list(other.verify()) == []
    assert deltas(root / "to") == 0


def test_a_record_from_elsewhere_must_not_be_a_delta() -> None:
    """Else what is sent to a server could be told to be made of what the sender has never seen."""
    base = b"base " * 1000
    header, stored_bytes = encode_delta(digest(base + b"x"), base + b"x", digest(base), base) or (b"", b"")
    record = header + bytes(stored_bytes)
    with pytest.raises(CorruptData, match="can't be so here"):
        decode(record, "what was sent")
    assert decode(record, "here", {digest(base): base}.__getitem__)[2] == base + b"x"


def test_a_torn_index_loses_none(root: Path, tmp_path: Path) -> None:
    expected = versions(root, tmp_path / "data", 3)
    (live,) = root.glob("index/*.live")
    whole = live.read_bytes()
    count = deltas(root)
    for length in (8, len(whole) // 2, len(whole) - 3):
        live.write_bytes(whole[:length])
        copy = tmp_path / f"copy{length}"
        shutil.copytree(root, copy)
        with Objects(copy) as store:
            store.put_bytes(os.urandom(10))  # takes the pack on, and seals it
            for tree, files in expected:
                assert {e.path for e in store.read_tree(tree)} == set(files)
            assert list(store.verify()) == []
        assert deltas(copy) == count


def test_gc_keeps_what_a_delta_differs_from_as_long_as_the_delta(root: Path, tmp_path: Path) -> None:
    expected = versions(root, tmp_path / "data", 4, sealed=True)
    with Objects(root) as store:
        named = store.keys_of([], [expected[3][0]])
        for _ in range(3):
            garbage = store.condemn(named, 0)
            store.sweep(garbage.due, 0)
            assert list(store.verify()) == []
        assert garbage.keys == frozenset(), "all else is gone"
        store.restore_tree(expected[3][0], tmp_path / "out")
        assert held(tmp_path / "out") == expected[3][1]
        for swept in (False, True, True):
            due = store.condemn([], 0).due
            assert bool(due) == swept
            store.sweep(due, 0)
            assert list(store.verify()) == [], "a delta goes before what it differs from"
        assert store.condemn([], 0).keys == frozenset()


def test_gc_looks_at_every_copy(root: Path, tmp_path: Path) -> None:
    """Two that take the same folder at once store its nodes twice: whole, and as a delta."""
    (first, _), (second, files) = versions(root, tmp_path / "data", 2, sealed=True)
    packs = Packs(os.fspath(root))
    packs.look_anew()
    [node] = [key for index in packs.indexes for key, *_ in index.rows() if packs.bases_of(key)]
    whole = packs.read(node)[1]
    twin = pack.create(packs.folders)
    twin.append(BLOB, node, whole)
    twin.seal()
    twin.release()
    with Objects(root) as store:
        assert packs.bases_of(node) <= store.keys_of([], [second])
        for _ in range(3):
            store.sweep(store.condemn(store.keys_of([], [second]), 0).due, 0)
        assert list(store.verify()) == []
        store.restore_tree(second, tmp_path / "out")
    assert held(tmp_path / "out") == files
    assert first != second


def test_what_is_condemned_is_no_base(root: Path, tmp_path: Path) -> None:
    versions(root, tmp_path / "data", 1)
    with Objects(root) as store:
        store.condemn([], 3600)
    fill(tmp_path / "data", range(3), 9)
    with Objects(root) as store:
        store.put_folder(tmp_path / "data", remember=True)
    assert deltas(root) == 0


KILLED = """
import random, sys
from pathlib import Path
from anew.store.objects import Objects
root, data = Path(sys.argv[1]), Path(sys.argv[2])
chance = random.Random(sys.argv[3])
while True:
    (data / f"{chance.randrange(600):04}").write_bytes(chance.randbytes(8))
    with Objects(root) as store:
        print(store.put_folder(data, remember=True).digest, flush=True)
"""


@pytest.mark.slow
def test_killed_while_it_adds(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "data", range(FILES), 0)
    for turn in range(8):
        command = [sys.executable, "-c", KILLED, str(root), str(tmp_path / "data"), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            trees = [child.stdout.readline().strip() for _ in range(3 + turn)]
            child.kill()
        with Objects(root) as store:
            store.put_bytes(os.urandom(10))
            for tree in trees:
                assert len(list(store.read_tree(tree))) == FILES
            assert list(store.verify()) == []
    assert deltas(root) > 10


def test_the_golden_store_is_read(root: Path) -> None:
    expected = json.loads((GOLDEN / "expected.json").read_text())
    shutil.copytree(GOLDEN / "objects", root)
    assert deltas(root) == expected["deltas"] > 0
    store = Objects(root)
    for tree, files in expected["trees"].items():
        assert {name: data.hex() for name, data in content(store, tree).items()} == files
    assert list(store.verify()) == []
