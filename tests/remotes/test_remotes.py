"""Versions go to a remote and come back byte for byte; what is lost there is found and comes again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from anew.data.datasets import Version
from anew.errors import Conflict, CorruptData, NotFound, StoreError, UsageError
from anew.remotes import version_file
from anew.store.objects import pack
from projects import Project
from remotes.stores import Machine, contents, fill


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def one(tmp_path: Path, shared: Path) -> Machine:
    return Machine(tmp_path / "one", shared)


@pytest.fixture
def two(tmp_path: Path, shared: Path) -> Machine:
    return Machine(tmp_path / "two", shared)


def test_what_one_pushes_another_pulls(one: Machine, two: Machine, shared: Path) -> None:
    fill(one, 1)
    (one.root / "data" / "empty").mkdir()
    (one.root / "data" / "0" / "0").chmod(0o755)
    one.add()
    assert [v.label for v in one.push().new] == ["data:v1"]
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data")
    assert (two.root / "data" / "link").is_symlink() and (two.root / "data" / "empty").is_dir()
    assert (two.root / "data" / "0" / "0").stat().st_mode & 0o100
    assert two.holds() and not two.verify()
    assert len(list(shared.glob("packs/*.pack"))) == 1, "content goes up as packs"


def test_only_what_lacks_goes_up(one: Machine, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(one, 1)
    one.add()
    one.push()
    before = {path: path.stat().st_mtime_ns for path in shared.rglob("*")}
    assert [v.label for v in one.push().known] == ["data:v1"]
    assert {path: path.stat().st_mtime_ns for path in shared.rglob("*")} == before, "nothing was written"
    one.write("data/new", b"a little more")
    one.add()
    one.push()
    new = [path for path in shared.glob("packs/*.pack") if path not in before]
    assert len(new) == 1 and new[0].stat().st_size < 10_000


def test_many_packs_and_a_forgotten_cache(
    one: Machine, two: Machine, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from anew.remotes import push

    monkeypatch.setattr(push, "PACK_SIZE", 30_000)
    fill(one, 2)
    one.add()
    one.push()
    assert len(list(shared.glob("packs/*.pack"))) > 10
    shutil.rmtree(one.store.root / "remotes")
    before = {path: path.stat().st_mtime_ns for path in shared.glob("packs/*")}
    one.push()
    assert {path: path.stat().st_mtime_ns for path in shared.glob("packs/*")} == before
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data") and two.holds()


def test_a_part_is_read_and_not_the_whole(one: Machine, two: Machine) -> None:
    fill(one, 3, files=300, large=3_000_000)
    one.add()
    one.push()
    two.pull()
    one.write("data/one more", b"small")
    one.add()
    one.push()
    with two.work() as work, two.remote() as remote:
        from anew.remotes.fetch import Fetch

        remote.look()
        Fetch(remote, work.objects).version(remote.versions("data")[2])
        assert remote.tally.bytes < 50_000 and remote.tally.objects < 10


@pytest.mark.parametrize("what", ["lost pack", "short pack", "lost index", "flipped bits"])
def test_what_is_lost_is_found_and_comes_again(
    one: Machine, two: Machine, shared: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anew.remotes import push

    monkeypatch.setattr(push, "PACK_SIZE", 200_000)
    fill(one, 4)
    one.add()
    one.push()
    victim = sorted(shared.glob("packs/*.pack"))[0]
    if what == "lost pack":
        victim.unlink()
    elif what == "short pack":
        victim.write_bytes(victim.read_bytes()[:-1000])
    elif what == "lost index":
        sorted(shared.glob("packs/*.idx"))[0].unlink()
    else:
        data = bytearray(victim.read_bytes())
        draw = random.Random(7)
        for _ in range(5):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        victim.write_bytes(data)
    with pytest.raises((CorruptData, NotFound), match="verify --remote"):
        two.pull()
    problems = one.verify()
    assert problems and any("data:v1 needs" in said or "is not to be had" in said for said in problems)
    one.push()
    two.pull()
    assert contents(two.root / "data") == contents(one.root / "data") and two.holds()
    assert not one.verify()


def test_every_flipped_bit_is_named(one: Machine, shared: Path) -> None:
    fill(one, 5, files=6, large=200_000)
    one.add()
    one.push()
    draw = random.Random(5)
    whole = {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()}
    files = [path for path in whole if path.name != "contents.json"]
    for turn in range(40):
        path = files[turn % len(files)]
        good = whole[path]
        at = draw.randrange(len(good))
        if path.suffix == ".pack" and at < len(pack.MAGIC):
            continue  # the first bytes of a pack are read by nobody
        bad = good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1 :]
        path.write_bytes(bad)
        machine = Machine(one.root.parent / f"fresh{turn}", shared)
        try:
            found = machine.verify()
        except StoreError as error:
            found = [str(error)]
        changed = path.suffix == ".json" and _is_harmless(bad, good)
        assert found or changed, f"{path} at {at}"
        for there in [p for p in shared.rglob("*") if p.is_file()]:
            there.unlink()
        for each, content in whole.items():
            each.write_bytes(content)


def _is_harmless(bad: bytes, good: bytes) -> bool:
    """Whether a change in a version's file is one of its words: a message, a time, a name, which nothing pins."""
    try:
        now, before = json.loads(bad), json.loads(good)
    except ValueError:
        return False
    return all(now["body"][key] == before["body"][key] for key in ("digest", "files", "size", "version"))


def test_two_that_made_the_same_number(one: Machine, two: Machine) -> None:
    for machine, seed in ((one, 1), (two, 2)):
        for version in (1, 2):
            machine.write("data/x", b"%d of %d" % (version, seed))
            machine.add()
    assert len(one.push().new) == 2
    with pytest.raises(Conflict, match="anew pull data"):
        two.push()
    assert two.pull() == [("data:v1", "data:v3"), ("data:v2", "data:v4")]
    assert [v.label for v in two.push().new] == ["data:v3", "data:v4"]
    one.pull(number=4)
    assert (one.root / "data" / "x").read_bytes() == b"2 of 2"
    with one.work() as work:
        assert sorted(work.datasets.get("data").versions) == [1, 2, 3, 4]


def test_ours_keep_their_order_when_they_move(one: Machine, two: Machine) -> None:
    one.write("data/x", b"theirs")
    one.add()
    one.push()
    for version in range(3):
        two.write("data/x", b"ours %d" % version)
        two.add()
    assert two.pull() == [("data:v1", "data:v4"), ("data:v2", "data:v5"), ("data:v3", "data:v6")]
    with two.work() as work:
        latest = work.datasets.version("data")
        assert b"".join(work.objects.iter_bytes(next(work.objects.read_tree(latest.digest)).digest)) == b"ours 2"


def test_a_folder_with_other_things_is_no_remote(one: Machine, shared: Path) -> None:
    shared.mkdir()
    (shared / "thesis.tex").write_text("precious")
    fill(one, 1, files=3)
    one.add()
    with pytest.raises(UsageError, match=r"thesis.tex"):
        one.push()
    assert list(shared.iterdir()) == [shared / "thesis.tex"]


def test_a_newer_format_is_left_alone(one: Machine, shared: Path) -> None:
    shared.mkdir()
    (shared / "anew-remote").write_text('{"anew-remote": 2}')
    with pytest.raises(StoreError, match="format 2"), one.remote() as remote:
        remote.look()


def test_nothing_was_pushed_yet(project: Project) -> None:
    project.anew("remote", "add", "origin", "../shared")
    assert "nothing was pushed" in project.anew("pull", code=1).stderr


VERSION = Version("data", 1, "ab" * 32, "tree", 3, 1, "data", created=5.0, actor="me")


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", ".git/hooks", "sub/.GIT", ".anew/ledger", "a\0b"],
)  # fmt: skip
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    hostile = json.loads(version_file.encode(VERSION))
    hostile["body"]["path"] = path
    with pytest.raises(CorruptData, match="leads out"):
        version_file.decode("datasets/data/1.json", json.dumps(hostile).encode())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 2), ("version", True), ("version", -1), ("digest", "../x"), ("digest", 7), ("kind", "link"),
        ("size", -1), ("size", 1e9), ("files", "1"), ("message", None), ("facts", []), ("action", "remove"),
        ("run", {}),
    ],
)  # fmt: skip
def test_a_version_that_is_none_is_refused(key: str, value: object) -> None:
    assert version_file.decode("datasets/data/1.json", version_file.encode(VERSION)) == VERSION
    hostile = json.loads(version_file.encode(VERSION))
    hostile["body"][key] = value
    with pytest.raises(CorruptData, match="no version"):
        version_file.decode("datasets/data/1.json", json.dumps(hostile).encode())


@pytest.mark.parametrize("name", ["data", "a b/c".replace("/", ""), "imäge 漢", "x" * 200, "漢" * 190, "A.b-c_d"])
def test_names_of_datasets_are_names_of_folders(name: str) -> None:
    from dataclasses import replace

    version = replace(VERSION, name=name)
    path = version_file.name_of(name, 1)
    assert version_file.NAME.fullmatch(path) and len(path) < 250
    assert version_file.decode(path, version_file.encode(version)) == version


def test_a_version_is_not_taken_for_another(one: Machine, two: Machine, shared: Path) -> None:
    """Its figures are those of its tree, and a tree that would never end is not walked path by path."""
    fill(one, 1, files=5)
    one.add()
    one.push()
    path = shared / "datasets" / "data" / "1.json"
    body = json.loads(path.read_text())
    body["body"]["files"] += 1
    path.write_text(json.dumps(body))
    with pytest.raises(CorruptData, match="is said to have"):
        two.pull()
    assert not (two.root / "data").exists()


def test_a_tree_of_endless_paths(one: Machine, two: Machine, shared: Path) -> None:
    import msgpack

    one.write("data/x", b"x")
    one.add()
    with one.work() as work:
        [leaf] = work.objects.read_tree(work.datasets.version("data").digest)
        key = bytes.fromhex(work.objects.put_bytes(msgpack.packb([0, [["x", "f", bytes.fromhex(leaf.digest), 1]]])))
        for _ in range(200):
            key = bytes.fromhex(work.objects.put_bytes(msgpack.packb([0, [["a", "d", key], ["b", "d", key]]])))
        work.objects.flush()
        work.datasets.add(Version("bomb", 0, key.hex(), "tree", 1, 1, "bomb"))
    one.push("bomb")
    with pytest.raises(CorruptData, match="is said to have 1 files"):
        two.pull("bomb")


def test_an_index_that_lies(one: Machine, two: Machine, shared: Path) -> None:
    """Places, packs and keys that are not as it says: told, and nothing wrong gets into the store."""
    from anew.remotes.inventory import index_name
    from anew.store.objects import index

    fill(one, 6, files=20)
    one.add()
    one.push()
    [path] = shared.glob("packs/*.idx")
    good = index.SealedIndex(str(path))
    rows = good.rows()
    lies = [
        [(key, pack, offset + 1, stored) for key, pack, offset, stored in rows],
        [(key, pack, offset, 4_000_000_000) for key, pack, offset, stored in rows],
        [(key, 77, offset, stored) for key, pack, offset, stored in rows],
        [(key, pack, rows[0][2], rows[0][3]) for key, pack, offset, stored in rows],
        [(key, pack, offset, stored + 1) for key, pack, offset, stored in rows],
    ]
    path.unlink()
    for turn, lie in enumerate(lies):
        data = index.encode(good.packs, lie)
        lying = shared / "packs" / f"{index_name(data)}.idx"
        lying.write_bytes(data)
        machine = Machine(one.root.parent / f"machine{turn}", shared)
        with pytest.raises((CorruptData, NotFound)):
            machine.pull()
        assert machine.holds() and not (machine.root / "data").exists()
        lying.unlink()


def test_a_project_from_clone_to_conflict(project: Project, tmp_path: Path) -> None:
    """The words of the command line."""
    project.write("data/a.csv", "x,y\n1,2\n")
    project.anew("add", "data")
    assert "no remote" in project.anew("push", code=1).stderr
    project.anew("remote", "add", "origin", "../shared")
    assert project.json("remote", "list")[0]["default"]
    assert project.json("push")["versions"] == ["data:v1"]
    assert project.json("push")["known"] == ["data:v1"]
    other = Project(tmp_path / "clone", tmp_path / "home2")
    for name in (".anewconfig", "data.anew"):
        other.write(name, (project.root / name).read_text())
    assert "anew pull" in other.anew("status").stdout
    assert other.json("fetch")["versions"] == ["data:v1"] and not (other.root / "data").exists()
    assert other.json("pull")["new"] == ["data:v1"]
    assert (other.root / "data" / "a.csv").read_text() == "x,y\n1,2\n"
    other.write("data/a.csv", "x,y\n1,3\n")
    other.anew("add", "data", "-m", "corrected")
    other.anew("push", "data")
    project.write("data/a.csv", "x,y\n9,9\n")
    project.anew("add", "data")
    assert "another data:v2" in project.anew("push", code=1).stderr
    done = project.anew("pull")
    assert "another data:v2: yours is data:v3 now" in done.stderr
    assert (project.root / "data" / "a.csv").read_text() == "x,y\n9,9\n", "the pointer names ours still"
    assert project.json("push")["versions"] == ["data:v3"]
    project.anew("pull", "data:v2")
    assert (project.root / "data" / "a.csv").read_text() == "x,y\n1,3\n"
    assert project.json("verify", "--remote")["problems"] == []
    assert "no data:v9" in project.anew("pull", "data:v9", code=1).stderr


def test_pull_means_a_run_only_where_a_server_is_named(project: Project) -> None:
    project.write("data/a.csv", "x,y\n1,2\n")
    project.anew("add", "data")
    project.anew("remote", "add", "origin", "../shared")
    project.anew("push")
    there = {"ANEW_SERVER": "http://127.0.0.1:9"}
    assert project.json("pull", "data", **there)["versions"] == ["data:v1"]
    assert project.json("pull", **there)["versions"] == ["data:v1"]
    assert "127.0.0.1:9" in project.anew("pull", "last", code=1, **there).stderr
    assert "no dataset 'last'" in project.anew("pull", "last", code=1).stderr
    assert "no dataset 'last'" in project.anew("pull", "last", "--remote", "origin", code=1, **there).stderr


def test_what_was_not_fetched_is_told_with_what_brings_it(project: Project, tmp_path: Path) -> None:
    project.anew("remote", "add", "origin", "../shared")
    for rows in (3, 4):
        project.write("data/a.csv", "x,y\n" + "".join(f"{row},{row * rows}\n" for row in range(rows)))
        project.anew("add", "data")
    project.anew("push", "data:v1", "data:v2")
    other = Project(tmp_path / "clone", tmp_path / "home2")
    for name in (".anewconfig", "data.anew"):
        other.write(name, (project.root / name).read_text())
    other.anew("pull", "data")
    for verb in (("diff", "data:v1", "v2"), ("cat", "data:v1"), ("cat", "data:v1/a.csv")):
        said = other.anew(*verb, code=1).stderr
        assert "data:v1 is not all here" in said and "`anew fetch data:v1` brings it" in said, said
    read = [sys.executable, "-c", "import fsspec; print(fsspec.open('anew://data@v1/a.csv').open().read())"]
    failed = subprocess.run(read, cwd=other.root, env=other.environ, capture_output=True, text=True)
    assert failed.returncode and "`anew fetch data:v1` brings it" in failed.stderr
    other.anew("fetch", "data:v1")
    assert other.json("diff", "data:v1", "v2")["tables"][0]["rows"] == [3, 4]
