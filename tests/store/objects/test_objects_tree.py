"""Trees: deterministic, cheap to change, and never a way out of the folder they are restored to."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import CorruptData, StoreError, UsageError
from anew.store.objects import Entry, Objects, tree
from anew.store.objects.record import digest

KEY = "ab" * 32
names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


class Blobs(dict[bytes, bytes]):
    def put(self, data: bytes, like: bytes | None = None) -> bytes:
        key = digest(data)
        self[key] = data
        return key


def apart(found: list[str]) -> list[str]:
    """Those that can be in one tree: none is a folder of another."""
    kept: list[str] = []
    for path in sorted(set(found)):
        if not any(path.startswith(k + "/") or k.startswith(path + "/") for k in kept):
            kept.append(path)
    return kept


@settings(deadline=None)
@given(st.lists(paths, max_size=40), st.randoms())
def test_roundtrip(found: list[str], chance: random.Random) -> None:
    entries = []
    for path in apart(found):
        kind = chance.choice(["file", "dir", "link"])
        if kind == "file":
            entries.append(
                Entry(path, "file", chance.randbytes(32).hex(), chance.randrange(2**40), chance.random() < 0.5)
            )
        elif kind == "dir":
            entries.append(Entry(path, "dir"))
        else:
            entries.append(Entry(path, "link", target="../x"))
    blobs = Blobs()
    shuffled = chance.sample(entries, len(entries))
    key = tree.put(shuffled, blobs.put)
    back = list(tree.read(key, blobs.__getitem__))
    assert back == sorted(entries, key=lambda entry: entry.path)
    assert tree.put(back, Blobs().put) == key


def test_large_folder_changes_cheaply() -> None:
    chance = random.Random(1)
    entries = [Entry(f"data/img_{i:06d}.png", "file", chance.randbytes(32).hex(), i) for i in range(100_000)]
    blobs = Blobs()
    tree.put(entries, blobs.put)
    assert all(len(msgpack.unpackb(blob, unicode_errors="surrogateescape")[1]) <= 1000 for blob in blobs.values())
    before = set(blobs)
    entries[54_321] = replace(entries[54_321], digest=KEY)
    entries.insert(777, Entry("data/img_000776x.png", "file", KEY, 1))
    tree.put(entries, blobs.put)
    assert sum(len(blobs[key]) for key in set(blobs) - before) < 150_000


def test_folder_roundtrip(store: Objects, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "a/empty").mkdir(parents=True)
    (folder / "a-b").write_text("x")
    (folder / "a/run.sh").write_text("#!")
    (folder / "a/run.sh").chmod(0o755)
    (folder / "big").write_bytes(os.urandom(300_000))
    (folder / "link").symlink_to("/nowhere/else")
    (folder / "to-folder").symlink_to("a")
    (folder / ".anew").mkdir()
    (folder / ".anew/x").write_text("never")
    with open(os.fsencode(folder) + b"/caf\xe9", "wb") as out:
        out.write(b"latin")
    key = store.put_folder(folder).digest
    found = list(store.read_tree(key))
    assert [entry.path for entry in found] == sorted(entry.path for entry in found)
    assert store.put_tree(reversed(found)) == key
    store.restore_tree(key, tmp_path / "out")
    store.restore_tree(key, tmp_path / "out")  # over itself
    diff = ["diff", "-r", "--no-dereference", "-x", ".anew", os.fspath(folder), os.fspath(tmp_path / "out")]
    assert subprocess.run(diff, capture_output=True).stdout == b""
    assert store.put_folder(tmp_path / "out").digest == key
    assert (tmp_path / "out/a/run.sh").stat().st_mode & 0o111
    assert not (tmp_path / "out/a-b").stat().st_mode & 0o111
    (tmp_path / "nothing").mkdir()
    assert list(store.read_tree(store.put_folder(tmp_path / "nothing").digest)) == []


def test_a_pipe_is_refused(store: Objects, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="pipe is no file, folder or link"):
        store.put_folder(tmp_path)


HOSTILE = [
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a//b",
    "",
    ".",
    "a/./b",
    "nul\0x",
    "\udbff",
    "/".join("d" * 300),
]


@pytest.mark.parametrize("path", [*HOSTILE, "/".join("d" * 300)])
def test_paths_that_no_tree_takes(store: Objects, path: str) -> None:
    with pytest.raises(UsageError):
        store.put_tree([Entry(path, "file", KEY, 1)])


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("a", "file", KEY), Entry("a", "file", KEY)],
        [Entry("a", "link", target="/etc"), Entry("a/b", "file", KEY)],
        [Entry("a/b", "file", KEY), Entry("a", "link", target="/etc")],
        [Entry("a", "dir"), Entry("a", "file", KEY)],
        [Entry("a", "file", "short")],
        [Entry("a", "link")],
        [Entry("a", "link", target="x\0y")],
        [Entry("a", "pipe", KEY)],  # type: ignore[arg-type]
    ],
)
def test_entries_that_contradict(store: Objects, entries: list[Entry]) -> None:
    with pytest.raises(UsageError):
        store.put_tree(entries)


RAW = bytes(32)
HOSTILE_NODES: list[object] = [
    [0, [["../up", "f", RAW, 1]]],
    [0, [["..", "f", RAW, 1]]],
    [0, [["/etc", "f", RAW, 1]]],
    [0, [["nul\0", "f", RAW, 1]]],
    [0, [["", "f", RAW, 1]]],
    [0, [["b", "f", RAW, 1], ["a", "f", RAW, 1]]],
    [0, [["a", "f", RAW, 1], ["a", "f", RAW, 1]]],
    [0, [["a", "l", "/etc"], ["a", "d", RAW]]],
    [0, [["a", "f", b"short", 1]]],
    [0, [["a", "f", RAW, -1]]],
    [0, [["a", "?"]]],
    [0, [["a", ["f"], RAW]]],
    [0, [7]],
    [1, [["a", RAW, 1]]],
    [1, 5],
    [2, []],
    {"a": 1},
    5,
]


@pytest.mark.parametrize("node", HOSTILE_NODES)
def test_nodes_that_no_writer_of_ours_makes(store: Objects, tmp_path: Path, node: object) -> None:
    key = store.put_bytes(msgpack.packb(node))
    with pytest.raises(CorruptData):
        store.restore_tree(key, tmp_path / "out")
    assert not (tmp_path / "up").exists()


def test_not_msgpack_at_all(store: Objects, tmp_path: Path) -> None:
    for data in (b"", b"\xc1", b"\x92\x00", random.Random(1).randbytes(500)):
        with pytest.raises(CorruptData):
            list(store.read_tree(store.put_bytes(data)))


def test_restoring_never_goes_through_a_link(store: Objects, tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "a").symlink_to(outside)
    (outside / "target").write_text("mine")
    (out / "file").symlink_to(outside / "target")
    data = store.put_bytes(b"theirs")
    with pytest.raises(StoreError, match="in the way"):
        store.restore_tree(store.put_tree([Entry("a/x", "file", data, 6)]), out)
    with pytest.raises(StoreError, match="in the way"):
        store.restore_tree(store.put_tree([Entry("a", "dir")]), out)
    store.restore_tree(store.put_tree([Entry("file", "file", data, 6)]), out)
    assert (out / "file").read_text() == "theirs"
    assert not (out / "file").is_symlink()
    assert [path.name for path in outside.iterdir()] == ["target"]
    assert (outside / "target").read_text() == "mine"
    (out / "folder").mkdir()
    with pytest.raises(StoreError, match="remove the folder first"):
        store.restore_tree(store.put_tree([Entry("folder", "file", data, 6)]), out)
