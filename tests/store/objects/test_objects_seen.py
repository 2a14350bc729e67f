"""Folders that were seen before: what is the same is not read, and nothing that changed is taken for the same."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew.errors import StoreError
from anew.store.objects import Objects
from anew.store.objects.stat_index import RACY_NS

NAMES = st.sampled_from(["a", "b", "sub/a", "sub/b", "sub/deep/a", "other/c"])
CONTENT = st.binary(max_size=3)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, CONTENT),
        st.tuples(st.just("remove"), NAMES, CONTENT),
        st.tuples(st.just("mode"), NAMES, CONTENT),
        st.tuples(st.just("link"), NAMES, CONTENT),
        st.tuples(st.just("take"), NAMES, CONTENT),
        st.tuples(st.just("restore"), NAMES, CONTENT),
        st.tuples(st.just("keep"), NAMES, CONTENT),
        st.tuples(st.just("back"), NAMES, CONTENT),
        st.tuples(st.just("back, disturbed"), NAMES, CONTENT),
    ),
    max_size=25,
)


def change(folder: Path, kind: str, name: str, content: bytes) -> None:
    path = folder / name
    if kind == "remove":
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "write":
        path.unlink() if path.is_symlink() else None
        path.write_bytes(content)
    elif kind == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(content.hex() or "x")
    elif path.is_file() and not path.is_symlink():
        path.chmod(0o755 if content else 0o644)


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_what_was_seen_never_hides_a_change(changes: list[tuple[str, str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, fresh, kept = Path(name, "data"), 0, ""
        folder.mkdir()
        with Objects(Path(name, "objects")) as objects:
            for kind, path, content in [*changes, ("take", "a", b"")]:
                if kind == "take":
                    fresh += 1
                    with Objects(Path(name, f"fresh{fresh}")) as other:
                        expected = other.put_folder(folder)
                    assert objects.hash_folder(folder, {}) == expected
                    assert objects.put_folder(folder, remember=True) == expected
                    assert objects.put_folder(folder, remember=True) == expected
                elif kind == "restore":
                    found = objects.put_folder(folder, remember=True)
                    shutil.rmtree(folder)
                    objects.restore_tree(found.digest, folder, remember=True)
                    assert objects.put_folder(folder, remember=True) == found
                elif kind == "keep":
                    kept = objects.put_folder(folder, remember=True).digest
                elif kind.startswith("back") and kept:
                    disturbed = "disturbed" in kind

                    def disturb(path: str = path, content: bytes = content, really: bool = disturbed) -> None:
                        if really and not (folder / path).parent.is_file() and not (folder / path).is_dir():
                            change(folder, "write", path, content)

                    put_back(objects, folder, kept, disturb)
                    assert objects.hash_folder(folder, {}).digest == kept or disturbed
                elif not kind.startswith("back"):
                    change(folder, kind, path, content)


def put_back(objects: Objects, folder: Path, digest: str, disturb: Callable[[], object]) -> None:
    """Make a folder what it was, and note it, as a checkout does."""
    nodes: dict[bytes, bytes] = {}
    there, seen = objects.look_at(folder, nodes)
    differing = list(objects.tree_differences(there.digest, digest, nodes))
    for path, before, after in differing:
        if before is not None and (after is None or after.kind != before.kind):
            (folder / path).rmdir() if before.kind == "dir" else (folder / path).unlink()
            for parent in (folder / path).parents:
                if parent != folder and not any(parent.iterdir()):
                    parent.rmdir()
    objects.restore_entries([after for _, _, after in differing if after is not None], folder)
    disturb()
    objects.settle(seen, digest, [path for path, _, _ in differing])


def aged(folder: Path) -> None:
    """Wait until no file in it is racy any more."""
    newest = max(path.lstat().st_ctime_ns for path in folder.rglob("*"))
    import time

    while time.time_ns() < newest + 2 * RACY_NS:
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for number in range(20):
        (folder / "sub" / f"{number}").write_text(str(number))
    (folder / "top").write_text("top")
    aged(folder)
    return folder


def reads(store: Objects, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that taking the folder opens."""
    opened: list[str] = []
    real = os.open

    def spy(path: str, *rest: object, **named: object) -> int:
        if str(path).startswith(f"{folder}/"):
            opened.append(os.path.relpath(path, folder))
        return real(path, *rest, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", spy)
        store.put_folder(folder, remember=True)
    return sorted(opened)


def test_only_what_changed_is_read(store: Objects, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(reads(store, folder, monkeypatch)) == 21
    assert reads(store, folder, monkeypatch) == []
    (folder / "sub" / "7").write_text("seven")
    (folder / "sub" / "new").write_text("new")
    aged(folder)
    assert reads(store, folder, monkeypatch) == ["sub/7", "sub/new"]
    assert reads(store, folder, monkeypatch) == []


def test_what_was_just_written_is_read_again(store: Objects, folder: Path) -> None:
    """Within one tick of the clock a second change leaves size and times as they were."""
    for number in range(50):
        (folder / "top").write_text(f"{number:03}")
        first = store.put_folder(folder, remember=True)
        (folder / "top").write_text(f"{number:03}"[::-1])
        assert (store.put_folder(folder, remember=True) == first) == (f"{number:03}" == f"{number:03}"[::-1])


def test_a_restored_folder_is_known(
    store: Objects, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = store.put_folder(folder)
    store.restore_tree(found.digest, tmp_path / "out", remember=True)
    aged(tmp_path / "out")
    store.put_folder(tmp_path / "out", remember=True)
    assert reads(store, tmp_path / "out", monkeypatch) == []


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "other"])
def test_a_damaged_note_costs_time_and_no_more(store: Objects, root: Path, folder: Path, damage: str) -> None:
    found = store.put_folder(folder, remember=True)
    [note] = (root / "seen").iterdir()
    data = bytearray(note.read_bytes())
    if damage == "cut":
        note.write_bytes(data[:-5])
    elif damage == "flip":
        data[len(data) // 2] ^= 4
        note.write_bytes(data)
    elif damage == "gone":
        note.unlink()
    else:
        note.write_bytes(b"something else")
    assert store.put_folder(folder, remember=True) == found


def test_a_folder_comes_whole_or_not_at_all(store: Objects, root: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "big").write_bytes(os.urandom(200_000))
    found = store.put_folder(folder)
    store.flush()
    pack = next((root / "packs").iterdir())
    data = bytearray(pack.read_bytes())
    data[-1000] ^= 1
    pack.write_bytes(data)
    with Objects(root) as again, pytest.raises(StoreError):
        again.restore_tree(found.digest, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "objects"]


def test_what_was_put_back_is_noted_without_a_look_at_all(
    store: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    for name in ("a", "sub/b", "sub/c", "other/d", "gone/e"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "empty").mkdir()
    kept = store.put_folder(folder, remember=True)
    (folder / "sub" / "b").write_text("changed")
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "f").write_text("new")
    shutil.rmtree(folder / "gone")
    with monkeypatch.context() as patch:
        patch.delattr(Objects, "put_folder")
        put_back(store, folder, kept.digest, lambda: None)
    aged(folder)
    assert set(store.look_at(folder, {})[1].folders) == {"", "sub", "other", "gone", "empty"}
    assert store.put_folder(folder, remember=True) == kept


@pytest.mark.parametrize("otherwise", ["changed", "more", "less", "mode"])
def test_what_another_process_did_meanwhile_is_not_noted_away(store: Objects, tmp_path: Path, otherwise: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
    kept = store.put_folder(folder, remember=True)
    (folder / "a").write_text("A")

    def disturb() -> None:
        if otherwise == "changed":
            (folder / "a").write_text("B")
            aged(folder)
        elif otherwise == "more":
            (folder / "d").write_text("d")
        elif otherwise == "less":
            (folder / "b").unlink()
        else:
            (folder / "a").chmod(0o755)
            aged(folder)

    put_back(store, folder, kept.digest, disturb)
    with Objects(tmp_path / "fresh") as fresh:
        assert store.hash_folder(folder, {}) == fresh.put_folder(folder) != kept
