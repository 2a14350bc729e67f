"""DVC's remotes in buckets and on servers: ours alone, beside the real dvc, and in turn with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols import dvc_places
from protocols.dvc_places import Kind
from protocols.dvc_twins import Shared, Side, Twins, clear, make_twins, shared, twins
from remotes import servers

__all__ = ["shared", "twins"]
pytestmark = pytest.mark.real


KINDS = ["s3", "azure", "ssh", "webdav", "http"]


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in KINDS])
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    try:
        found = dvc_places.start(request.param, tmp_path_factory.mktemp(request.param))
    except servers.Absent as absent:
        pytest.skip(f"{request.param}: {absent}")
    with pytest.MonkeyPatch.context() as patch:
        if found.name == "ssh":
            patch.setenv("HOME", str(found.server.home))  # where this process finds what hosts are known
        yield found
    found.server.end()


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def name_of(digest: str) -> str:
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def project(shared: Shared, kind: Kind, below: str) -> Side:
    """With a folder and a file that are tracked, and a remote of that kind."""
    dvc_places.let_in(kind, shared.ours)
    kind.configure(shared.ours, below)
    for name in ("d/a", "d/sub/b", "f"):
        shared.ours.write(name, f"content of {name}")
    shared.ours.run("add", "-q", "d", "f")
    shared.ours.git("add", "."), shared.ours.git("commit", "-qm", "data")
    return shared.ours


def lose(side: Side) -> None:
    for name in ("d", "f", ".dvc/cache"):
        clear(side.root / name)


def test_push_status_fetch_and_pull(shared: Shared, kind: Kind) -> None:
    ours = project(shared, kind, "all")
    assert ours.json("status", "-c", "--json") == {"d": "new", "d/a": "new", "d/sub/b": "new", "f": "new"}
    assert ours.run("push", "-j", "3").stdout == "4 files pushed\n"
    assert ours.run("push").stdout == "Everything is up to date.\n"
    assert ours.json("status", "-c", "--json") == {}
    place = kind.place("all")
    for text in ("content of d/a", "content of d/sub/b", "content of f"):
        assert b"".join(place.read(name_of(md5(text)))) == text.encode()
    place.close()
    lose(ours)
    deleted = ours.json("status", "-c", "--json")
    assert deleted.keys() >= {"d/a", "d/sub/b", "f"} and set(deleted.values()) == {"deleted"}
    assert ours.run("pull").stdout == "A\td/\nA\tf\n3 files fetched and 3 files added\n"
    assert (shared.root / "d/sub/b").read_text() == "content of d/sub/b"
    assert ours.json("status", "--json") == {}


def test_what_is_lost_or_damaged_there_is_found_and_repaired(shared: Shared, kind: Kind) -> None:
    ours = project(shared, kind, "damage")
    ours.run("push", "-q")
    place = kind.place("damage")
    damaged = name_of(md5("content of f"))
    place.write(damaged, [b"CONTENT of f"])
    if kind.name != "http":  # where nothing can be deleted
        place.delete(name_of(md5("content of d/a")))
        assert ours.json("status", "-c", "--json") == {"d/a": "new"}
        assert ours.run("push").stdout == "1 file pushed\n"
    assert ours.json("status", "-c", "--json") == {}, "a size that is right is believed"
    assert ours.json("status", "-c", "--check", "--json") == {"f": "new"}
    cache = shared.root / ".dvc/cache"
    cache.rename(shared.root / "kept")
    clear(shared.root / "f")
    assert "is damaged" in ours.run("pull", "f", code=1).stderr
    assert not (shared.root / "f").exists()
    clear(cache), (shared.root / "kept").rename(cache)
    assert ours.run("push", "--check").stdout == "1 file pushed\n"
    assert b"".join(place.read(damaged)) == b"content of f"
    place.close()


def test_the_run_cache_goes_along_and_gc_sweeps(shared: Shared, kind: Kind) -> None:
    ours = project(shared, kind, "runs")
    name = f"ab/{'ab' * 32}/{'cd' * 32}"
    run = shared.root / ".dvc/cache/runs" / name
    run.parent.mkdir(parents=True)
    run.write_text("cmd: true\n")
    ours.run("push", "-q", "--run-cache")
    clear(shared.root / ".dvc/cache/runs")
    ours.run("pull", "-q", "--run-cache")
    assert run.exists() is (kind.name != "http")
    ours.write("f", "another")
    ours.run("add", "-q", "f")
    place = kind.place("runs")
    old = name_of(md5("content of f"))
    if kind.name == "http":
        assert "can't be listed" in ours.run("gc", "-q", "-w", "-c", "-f", code=255).stderr
    else:
        ours.run("gc", "-q", "-w", "-c", "-f", "--dry")
        assert place.find(old) is not None
        ours.run("gc", "-q", "-w", "-c", "-f")
        assert place.find(old) is None
        assert place.find(name_of(md5("content of d/a"))) is not None
    place.close()


def test_a_remote_in_a_remote(shared: Shared, kind: Kind) -> None:
    ours = project(shared, kind, "outer")
    ours.run("remote", "add", "-q", "inner", "remote://r/deeper")
    ours.run("push", "-q", "-r", "inner")
    place = kind.place("outer")
    assert place.find(f"deeper/{name_of(md5('content of f'))}") is not None
    assert place.find(name_of(md5("content of f"))) is None
    place.close()


def test_more_than_are_asked_for_one_by_one(shared: Shared, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    from anew.protocols.dvc import remote
    from anew.protocols.dvc.project import Project

    ours = project(shared, kind, "many")
    ours.run("push", "-q", "f")
    monkeypatch.setattr(remote, "_FEW_REQUESTS", 1)
    there = (md5("content of f"), False)
    asked = [there, (md5("content of d/a"), False), (there[0], True)]
    opened = remote.open_remote(Project(str(shared.root)))
    assert isinstance(opened, remote.PlaceRemote)
    assert opened.sizes(asked) == {there: len("content of f")}
    opened.close()


def test_in_turn_with_dvc(shared: Shared, kind: Kind, tmp_path: Path) -> None:
    pytest.importorskip(kind.plugin)
    ours = project(shared, kind, "turn")
    ours.run("push", "-q")
    lose(ours)
    shared.theirs.run("pull", "-q")
    shared.clean()
    shared.theirs.write("d/c", "theirs")
    shared.theirs.run("add", "-q", "d")
    shared.theirs.run("push", "-q")
    lose(ours)
    ours.run("pull", "-q")
    shared.clean()
    assert (shared.root / "d/c").read_text() == "theirs"
    assert ours.json("status", "-c", "--json") == {}
    assert shared.theirs.json("status", "-c", "--json") == {}


def test_the_same_names_as_dvc_s(tmp_path: Path, kind: Kind) -> None:
    pytest.importorskip(kind.plugin)
    if kind.name == "http":
        pytest.skip("what lies there can't be listed")
    both: Twins = make_twins(tmp_path)
    listed = []
    for side, below in ((both.ours, "ours"), (both.theirs, "theirs")):
        dvc_places.let_in(kind, side)
        kind.configure(side, f"same-{below}")
        place = kind.place(f"same-{below}")
        place.write("x", [b""]), place.delete("x")  # over WebDAV dvc wants the folder to be there
        place.close()
        side.write("d/a", "1"), side.write("d/é b", "2"), side.write("empty", "")
        side.run("add", "-q", "d", "empty")
        side.run("push", "-q", "-j", "1")  # dvc trips over itself in making folders over WebDAV
        place = kind.place(f"same-{below}")
        listed.append({name: b"".join(place.read(name)) for name in place.list()})
        place.close()
    assert listed[0] == listed[1]
    assert len(listed[0]) == 4


def fill(kind: Kind, below: str) -> list[str]:
    """Data of others, below that: a file, and where it can be listed a folder."""
    place = kind.place(below)
    for name in ("one.txt", "d/a", "d/sub/b"):
        place.write(name, [f"content of {name}".encode()])
    place.close()
    return ["one.txt"] if kind.name == "http" else ["one.txt", "d"]


def test_what_lies_at_an_address_is_imported(shared: Shared, kind: Kind) -> None:
    ours = shared.ours
    dvc_places.let_in(kind, ours)
    kind.configure(ours, "source")
    names = fill(kind, "source")
    ours.run("remote", "add", "-q", "-d", "-f", "store", "../store")
    for name in names:
        ours.run("import-url", "-q", f"remote://r/{name}")
        ours.run("import-url", "-q", "--no-download", f"remote://r/{name}", f"later-{name}")
        ours.run("import-url", "-q", "--to-remote", f"remote://r/{name}", f"away-{name}")
        ours.run("get-url", "-q", f"remote://r/{name}", f"got-{name}")
        assert not (shared.root / f"later-{name}").exists() and not (shared.root / f"away-{name}").exists()
    ours.run("pull", "-q")
    for start in ("", "later-", "away-"):
        assert (shared.root / f"{start}one.txt").read_text() == "content of one.txt"
        if "d" in names:
            assert (shared.root / f"{start}d/sub/b").read_text() == "content of d/sub/b"
    assert (shared.root / "got-one.txt").read_text() == "content of one.txt"
    if "d" in names:
        assert ours.run("list-url", "remote://r").stdout == "d\none.txt\n"
        assert ours.run("list-url", "-R", "--size", "remote://r/d").stdout == f"{14:>12}  a\n{18:>12}  sub/b\n"
    place = kind.place("source")
    place.write("one.txt", [b"something else"])
    place.close()
    ours.run("update", "-q", "one.txt.dvc")
    ours.run("update", "-q", "--to-remote", "away-one.txt.dvc")
    assert (shared.root / "one.txt").read_text() == "something else"
    ours.run("pull", "-q", "-f", "away-one.txt.dvc")
    assert (shared.root / "away-one.txt").read_text() == "something else"
    assert ours.run("import-url", "-q", "remote://r/none", code=1).stderr.count("does not exist") == 1


def test_imports_are_written_as_dvc_writes_them(tmp_path: Path, kind: Kind) -> None:
    pytest.importorskip(kind.plugin)
    if kind.name == "webdav":
        pytest.skip("dvc can't import a file from there, and names those of a folder in a way of its own")
    both: Twins = make_twins(tmp_path)
    names = fill(kind, "theirs")
    for side in (both.ours, both.theirs):
        dvc_places.let_in(kind, side)
        kind.configure(side, "theirs")
        side.run("remote", "add", "-q", "-d", "-f", "store", "../store")
    for name in names:
        both.both("import-url", "-q", f"remote://r/{name}", same_cache=False)
        both.both("import-url", "-q", "--no-exec", f"remote://r/{name}", f"none-{name}", same_cache=False)
        both.both("import-url", "-q", "--no-download", f"remote://r/{name}", f"later-{name}", same_cache=False)
        both.both("import-url", "-q", "--to-remote", f"remote://r/{name}", f"away-{name}", same_cache=False)
        both.both("update", "-q", f"{name}.dvc", same_cache=False)
        settings = [f"{option}={value}" for option, value in kind.options.items()]
        url = f"{kind.url}/theirs/{name}"
        both.both("import-url", "-q", url, f"plain-{name}", "--fs-config", *settings, same_cache=False)


def test_another_project_is_read_with_settings_of_ours(shared: Shared, kind: Kind, tmp_path: Path) -> None:
    """Its remote's options are given by a file, or one by one."""
    if kind.name != "s3":
        pytest.skip("one kind of remote will do")
    ours = project(shared, kind, "other")
    ours.run("push", "-q")
    clear(shared.root / ".dvc/cache")
    ours.run("remote", "add", "-q", "-d", "-f", "r", f"{kind.url}/nowhere")
    there = f"{kind.url}/other"
    options = [f"url={there}", *(f"{option}={value}" for option, value in kind.options.items())]
    other = Side(tmp_path / "other", ours.environ, ours.tool)
    other.root.mkdir()
    other.git("init", "-q"), other.run("init", "-q")
    other.run("get", "-q", str(shared.root), "f", "--remote", "mine", "--remote-config", *options)
    assert (other.root / "f").read_text() == "content of f"
    other.run("get", "-q", str(shared.root), "d", code=1)
    rows = "".join(f"    {option.replace('=', ' = ', 1)}\n" for option in options)
    (tmp_path / "more").write_text(f"['remote \"r\"']\n{rows}")
    other.run("import", "-q", str(shared.root), "d", "--config", str(tmp_path / "more"))
    assert (other.root / "d/sub/b").read_text() == "content of d/sub/b"
    shown = other.run("get", str(shared.root), "f", "--show-url").stdout
    assert shown == f"{kind.url}/nowhere/{name_of(md5('content of f'))}\n"


def versioned(side: Side, kind: Kind, below: str) -> None:
    """A remote that keeps plain files, in a bucket that keeps their versions."""
    if kind.name != "s3":
        pytest.skip("versions are kept by S3 here")
    options = {**kind.options, "version_aware": "true"}
    Kind("s3", "s3://versions", options, None, kind.secret).configure(side, below)


def test_plain_files_in_versions(shared: Shared, kind: Kind) -> None:
    ours = shared.ours
    versioned(ours, kind, "plain")
    for name in ("d/a", "d/sub/b", "f"):
        ours.write(name, f"content of {name}")
    ours.run("add", "-q", "d", "f")
    ours.git("add", "."), ours.git("commit", "-qm", "data")
    assert ours.run("push").stdout == "3 files pushed\n"
    assert ours.run("push").stdout == "Everything is up to date.\n"
    ours.git("commit", "-qam", "versions")
    ours.write("d/a", "another"), ours.write("f", "another")
    ours.run("add", "-q", "d", "f")
    assert ours.run("push").stdout == "2 files pushed\n"
    lose(ours)
    ours.run("pull", "-q")
    assert (shared.root / "d/a").read_text() == "another"
    assert ours.json("status", "--json") == {}
    ours.git("checkout", "-q", ".")
    lose(ours)
    ours.run("pull", "-q")
    assert (shared.root / "d/a").read_text() == "content of d/a"
    assert (shared.root / "f").read_text() == "content of f"
    assert "can only be pushed" in ours.run("status", "-c", code=1).stderr
    assert "only the workspace" in ours.run("push", "-A", code=1).stderr
    ours.run("remote", "modify", "-q", "r", "worktree", "true")
    assert "use dvc" in ours.run("push", code=1).stderr


def test_plain_files_in_versions_in_turn_with_dvc(shared: Shared, kind: Kind) -> None:
    pytest.importorskip(kind.plugin)
    ours, theirs = shared.ours, shared.theirs
    versioned(ours, kind, "turn")
    for name in ("d/a", "d/sub/b", "f"):
        ours.write(name, f"content of {name}")
    ours.run("add", "-q", "d", "f")
    ours.git("add", "."), ours.git("commit", "-qm", "data")
    ours.run("push", "-q")
    written = {name: (shared.root / name).read_bytes() for name in ("d.dvc", "f.dvc")}
    theirs.run("push", "-q")
    assert {name: (shared.root / name).read_bytes() for name in written} == written
    lose(ours)
    theirs.run("pull", "-q")
    shared.clean()
    theirs.write("d/a", "theirs")
    theirs.run("add", "-q", "d")
    theirs.run("push", "-q")
    lose(ours)
    ours.run("pull", "-q")
    shared.clean()
    assert (shared.root / "d/a").read_text() == "theirs"
    ours.write("d/sub/b", "ours")
    ours.run("add", "-q", "d")
    ours.run("push", "-q")
    lose(ours)
    theirs.run("pull", "-q")
    shared.clean()
    assert (shared.root / "d/sub/b").read_text() == "ours"


def test_imports_in_versions(tmp_path: Path, kind: Kind) -> None:
    pytest.importorskip(kind.plugin)
    both: Twins = make_twins(tmp_path)
    for side in (both.ours, both.theirs):
        versioned(side, kind, "imports")
    place = Kind("s3", "s3://versions", kind.options, None).place("imports")
    for name in ("one.txt", "d/a", "d/sub/b"):
        place.write(name, [name.encode()])
    for name in ("one.txt", "d"):
        both.both("import-url", "-q", "--version-aware", f"remote://r/{name}", same_cache=False)
    place.write("d/a", [b"another"])
    place.close()
    for side in (both.ours, both.theirs):
        clear(side.root / "d"), clear(side.root / ".dvc/cache")
    both.both("pull", "-q", "d.dvc", same_cache=False)
    assert (both.ours.root / "d/a").read_text() == "d/a"
    both.both("update", "-q", "d.dvc", same_cache=False)
    assert (both.ours.root / "d/a").read_text() == "another"
