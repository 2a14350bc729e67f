"""Remotes, `gc`, `remove`, `move`, `unprotect`, `check-ignore`: beside the real dvc, and in turn with it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from protocols.dvc_twins import Shared, Side, Twins, clear, shared, twins

__all__ = ["shared", "twins"]
pytestmark = pytest.mark.real


def start(twins: Twins) -> None:
    twins.both("remote", "add", "-q", "-d", "r", "../remote")
    for name in ("d/a", "d/sub/b", "f"):
        twins.write(name, f"content of {name}")
    twins.both("add", "-q", "d", "f")
    twins.prepare(lambda side: (side.git("add", "."), side.git("commit", "-qm", "data")))


def remote_files(side: Side) -> dict[str, bytes]:
    top = side.root.parent / "remote"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_push_status_fetch_and_pull(twins: Twins) -> None:
    start(twins)
    assert twins.same_json("status", "-c", "--json") == {"d": "new", "d/a": "new", "d/sub/b": "new", "f": "new"}
    assert twins.same_words("push") == "4 files pushed\n"
    assert twins.same_words("push") == "Everything is up to date.\n"
    assert remote_files(twins.ours) == remote_files(twins.theirs)
    assert twins.same_json("status", "-c", "--json") == {}
    assert "are in sync" in twins.both("status", "-c")[0]
    twins.prepare(lambda side: side.object_path(md5("content of f")).unlink())
    assert twins.same_json("status", "-c", "--json") == {"f": "deleted"}
    assert twins.same_words("fetch", "f") == "1 file fetched\n"
    twins.prepare(lambda side: (clear(side.root / ".dvc/cache"), clear(side.root / "d"), clear(side.root / "f")))
    assert twins.same_words("pull") == "A       d/\nA       f\n4 files fetched and 3 files added\n".replace(
        "       ", "\t"
    )
    assert twins.same_words("pull") == "Everything is up to date.\n"
    for words in (["push", "-r", "nope"], ["status", "-c", "-r", "nope"]):
        twins.both(*words, code=1)
    twins.both("remote", "default", "-u")
    twins.both("push", code=1)
    twins.both("fetch")


def test_partial_transfers(twins: Twins) -> None:
    start(twins)
    assert twins.same_words("push", "f") == "1 file pushed\n"
    twins.same_words("push", "d/a")
    assert remote_files(twins.ours) == remote_files(twins.theirs)
    twins.prepare(lambda side: clear(side.root.parent / "remote"))  # of which dvc would not know
    twins.prepare(lambda side: side.run("remote", "modify", "r", "url", "../remote-2"))
    twins.both("push", "-q", "d.dvc")
    twins.prepare(lambda side: (clear(side.root / ".dvc/cache"), clear(side.root / "d"), clear(side.root / "f")))
    twins.both("pull", "-q", "d/sub")
    assert (twins.ours.root / "d/sub/b").exists() and not (twins.ours.root / "d/a").exists()


def test_branches_and_tags_are_pushed(twins: Twins) -> None:
    start(twins)

    def more(side: Side) -> None:
        side.git("tag", "v1")
        side.git("checkout", "-qb", "other")
        side.write("f", "on another branch")

    twins.prepare(more)
    twins.both("add", "-q", "f")
    twins.prepare(
        lambda side: (side.git("add", "."), side.git("commit", "-qm", "more"), side.git("checkout", "-q", "main"))
    )
    twins.both("checkout", "-q")
    assert twins.both("push", "-a")[0] == "5 files pushed\n"  # dvc counts what both branches have twice
    assert remote_files(twins.theirs).items() <= remote_files(twins.ours).items()
    twins.both("push", "-T")
    assert f"files/md5/{md5('on another branch')[:2]}/{md5('on another branch')[2:]}" in remote_files(twins.ours)
    twins.prepare(lambda side: clear(side.root / ".dvc/cache"))
    twins.ours.run("fetch", "-A")
    assert twins.ours.object_path(md5("on another branch")).exists()


def test_what_the_remote_lost_is_found_and_repaired(shared: Shared) -> None:
    ours, theirs = shared.ours, shared.theirs
    ours.run("remote", "add", "-q", "-d", "r", "../remote")
    for name in ("d/a", "d/b", "f"):
        ours.write(name, name)
    theirs.run("add", "-q", "d", "f")
    theirs.run("push", "-q")
    theirs.run("push", "-q")  # dvc now believes that the remote has it all
    lost = shared.root.parent / "remote/files/md5" / md5("d/a")[:2] / md5("d/a")[2:]
    lost.unlink()
    assert ours.json("status", "-c", "--json") == {"d/a": "new"}
    assert ours.run("push").stdout == "1 file pushed\n"
    assert lost.read_bytes() == b"d/a"
    lost.chmod(0o644)
    lost.write_bytes(b"d")
    assert ours.json("status", "-c", "--json") == {"d/a": "new"}
    ours.run("push")
    assert lost.read_bytes() == b"d/a"


def test_damage_is_neither_pushed_nor_pulled(shared: Shared) -> None:
    ours = shared.ours
    ours.run("remote", "add", "-q", "-d", "r", "../remote")
    ours.write("f", "content")
    ours.run("add", "-q", "f")
    there = ours.object_path(md5("content"))
    there.chmod(0o644)
    there.write_bytes(b"CONTENT")
    assert "is damaged" in ours.run("push", code=1).stderr
    assert not remote_files(ours)
    ours.run("add", "-q", "f")
    ours.run("push", "-q")
    there.chmod(0o644)
    there.write_bytes(b"CONTENT")
    (shared.root / "f").unlink()
    ours.run("pull", "-q")  # the damaged object is fetched again
    assert there.read_bytes() == b"content" and (shared.root / "f").read_text() == "content"
    remote = shared.root.parent / "remote/files/md5" / md5("content")[:2] / md5("content")[2:]
    remote.chmod(0o644)
    remote.write_bytes(b"CONTENT")
    there.unlink(), (shared.root / "f").unlink()
    assert "is damaged" in ours.run("pull", code=1).stderr
    assert not there.exists() and not (shared.root / "f").exists()


def test_a_clone_gets_all_by_either_tool(shared: Shared, tmp_path: Path) -> None:
    ours, theirs = shared.ours, shared.theirs
    ours.run("remote", "add", "-q", "-d", "r", str(tmp_path / "remote"))
    ours.write("d/run.sh", "x", executable=True)
    ours.write("d/other", "y")
    (shared.root / "d/empty").mkdir()
    ours.run("add", "-q", "d")
    ours.git("add", "."), ours.git("commit", "-qm", "data")
    ours.run("push", "-q")
    for side, executable in ((ours, True), (theirs, False)):
        clone = Side(tmp_path / f"clone-{executable}", side.environ, side.tool)
        ours.call(["git", "clone", "-q", str(shared.root), str(clone.root)])
        clone.run("pull", "-q")
        assert clone.json("status", "--json") == {}
        assert (clone.root / "d/empty").is_dir() is executable
        assert os.access(clone.root / "d/run.sh", os.X_OK) is executable


def test_gc_keeps_what_it_is_told_to(twins: Twins) -> None:
    start(twins)
    twins.both("gc", code=255)
    twins.both("gc", "-w", code=1)
    for words in (["-n", "2", "-w"], ["-c", "--not-in-remote", "-w"]):
        twins.both("gc", *words, code=255)
    twins.prepare(lambda side: side.write("f", "two"))
    twins.both("add", "-q", "f")
    twins.prepare(lambda side: (side.git("add", "."), side.git("commit", "-qm", "2"), side.git("tag", "v2")))
    twins.prepare(lambda side: side.write("f", "three"))
    twins.both("add", "-q", "f")
    twins.prepare(lambda side: (side.git("add", "."), side.git("commit", "-qm", "3")))
    twins.both("gc", "-w", "--dry")
    twins.both("gc", "-f", "-A")
    twins.both("gc", "-f", "--rev", "HEAD", "-n", "2")
    assert twins.ours.object_path(md5("two")).exists() and not twins.ours.object_path(md5("content of f")).exists()
    twins.both("gc", "-f", "-T")
    assert twins.ours.object_path(md5("two")).exists()
    twins.both("push", "-q")
    twins.both("gc", "-f", "-w")
    assert not twins.ours.object_path(md5("two")).exists()
    assert twins.same_json("status", "--json") == {}
    twins.prepare(lambda side: side.write("f", "four"))
    twins.both("add", "-q", "f")
    twins.both("gc", "-f", "-w", "-c")
    assert remote_files(twins.ours) == remote_files(twins.theirs)
    twins.both("push", "-q")
    twins.both("gc", "-f", "-w", "--not-in-remote")
    assert not twins.ours.objects()


def test_gc_with_a_manifest_missing_does_not_lose_its_files(shared: Shared) -> None:
    ours = shared.ours
    ours.write("d/a", "1")
    ours.run("add", "-q", "d")
    folder = next(line[7:] for line in (shared.root / "d.dvc").read_text().splitlines() if "md5: " in line)
    ours.object_path(folder).unlink()
    assert ours.run("gc", "-w", code=1).returncode == 1  # nobody there to say yes
    ours.call(["sh", "-c", "true"])
    from anew.errors import DvcError
    from anew.protocols.dvc.gc import needed
    from anew.protocols.dvc.history import Scope
    from anew.protocols.dvc.project import Project

    with pytest.raises(DvcError, match="Missing cache for directory"):
        needed(Project(str(shared.root)), Scope(), [], False, False, None)


def test_gc_of_dvc_leaves_our_records_alone(shared: Shared) -> None:
    ours = shared.ours
    ours.write("d/a", "1", executable=True)
    ours.run("add", "-q", "d")
    shared.theirs.run("gc", "-w", "-f")
    clear(shared.root / "d")
    ours.run("checkout", "-q")
    assert os.access(shared.root / "d/a", os.X_OK)


def test_remove(twins: Twins) -> None:
    start(twins)
    twins.write("sub/g", "g")
    twins.both("add", "-q", "sub/g")
    twins.both("remove", "f", code=1)
    twins.both("remove", "nope.dvc", code=1)
    twins.both("remove", "f.dvc")
    twins.both("rm", "sub/g.dvc", "--outs")
    twins.both("remove", "d.dvc", "--outs")
    assert (twins.ours.root / "f").exists() and not (twins.ours.root / "d").exists()


def test_move(twins: Twins) -> None:
    start(twins)
    twins.prepare(lambda side: (side.root / "into").mkdir())
    twins.both("move", "f", "g")
    twins.both("mv", "g", "into")
    twins.both("move", "d", "into/e")
    twins.both("move", "nope", "x", code=1)
    assert twins.same_json("status", "--json") == {}


def test_unprotect(twins: Twins) -> None:
    twins.both("config", "cache.type", "symlink")
    start(twins)
    twins.both("unprotect", "d", "f")
    for side in (twins.ours, twins.theirs):
        assert not (side.root / "d/a").is_symlink() and os.access(side.root / "f", os.W_OK)
    twins.both("unprotect", "nope", code=255)


def test_check_ignore(twins: Twins) -> None:
    twins.write(".dvcignore", "*.log\n!keep.log\n/top\n")
    for words, code in (
        (["a.log"], 0),
        (["keep.log"], 1),
        (["-d", "a.log", "keep.log", "top"], 0),
        (["-d", "-n", "x", "sub/a.log"], 0),
        (["x"], 1),
        (["-n", "x"], 255),
        ([], 255),
    ):
        ours, theirs = twins.both("check-ignore", *words, code=code)
        assert ours.expandtabs() == theirs.expandtabs(), words


def test_shared_cache_of_two_projects(shared: Shared, tmp_path: Path) -> None:
    ours = shared.ours
    ours.run("config", "cache.dir", str(tmp_path / "cache"))
    ours.write("f", "first")
    ours.run("add", "-q", "f")
    other = Side(tmp_path / "other", ours.environ, ours.tool)
    shutil.copytree(shared.root, other.root)
    other.write("f", "second")
    other.run("add", "-q", "f")
    ours.run("gc", "-w", "-f", "-p", str(other.root))
    for text in ("first", "second"):
        assert (tmp_path / "cache/files/md5" / md5(text)[:2] / md5(text)[2:]).exists()
    ours.run("gc", "-w", "-f")
    assert not (tmp_path / "cache/files/md5" / md5("second")[:2] / md5("second")[2:]).exists()
