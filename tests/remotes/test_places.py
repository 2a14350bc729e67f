"""Every place that a remote can lie on keeps one contract, against real servers."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anew.errors import CorruptData, NotFound, StoreError, Unreachable, UsageError
from anew.remotes.config import RemoteConfig
from anew.remotes.place import Place, open_place
from remotes import servers

KINDS = ["folder", "s3", "azure", "ssh", "webdav"]
Make = Callable[[str], Place]


# Of several workers one has all tests of a kind, so that its server is started once.
@pytest.fixture(scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in KINDS])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Opens a place of one kind, empty for each name."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            server, opened = STARTS[request.param](tmp_path_factory.mktemp(request.param), patch)
        except servers.Absent as absent:
            pytest.skip(f"{request.param}: {absent}")
        yield opened
        if server is not None:
            server.end()


@pytest.fixture
def place(make: Make, request: pytest.FixtureRequest) -> Iterator[Place]:
    opened = make("".join(c for c in request.node.originalname if c.isalnum()))
    yield opened
    opened.close()


def _folder(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Any, Make]:
    return None, lambda name: open_place(RemoteConfig("r", name, str(folder / name)))


def _s3(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Any, Make]:
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    try:
        server: servers.Radosgw | servers.Moto = servers.Radosgw(folder / "ceph")
    except servers.Absent:
        server = servers.Moto(folder / "moto")
    patch.setenv("AWS_ACCESS_KEY_ID", servers.KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET)
    endpoint = f"http://127.0.0.1:{server.port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="bucket")
    options = {"endpoint": endpoint, "region": "us-east-1"}
    return server, lambda name: open_place(RemoteConfig("r", "", f"s3://bucket/some/{name}", options))


def _azure(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Any, Make]:
    pytest.importorskip("obstore")
    server = servers.Azurite(folder)
    endpoint = f"http://127.0.0.1:{server.port}/{servers.AZURITE_ACCOUNT}"
    patch.setenv("AZURE_STORAGE_ACCOUNT", servers.AZURITE_ACCOUNT)
    patch.setenv("AZURE_STORAGE_KEY", servers.AZURITE_KEY)
    servers.make_container(endpoint, "container")
    return server, lambda name: open_place(RemoteConfig("r", "", f"az://container/{name}", {"endpoint": endpoint}))


def _ssh(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Any, Make]:
    pytest.importorskip("asyncssh")
    server = servers.Sshd(folder)
    patch.setenv("HOME", str(server.home))
    patch.delenv("SSH_AUTH_SOCK", raising=False)
    return server, lambda name: open_place(RemoteConfig("r", "", f"ssh://127.0.0.1:{server.port}{folder}/{name}/deep"))


def _webdav(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Any, Make]:
    pytest.importorskip("webdav4")
    server = servers.WebDav(folder)
    (folder / ".netrc").write_text(f"machine 127.0.0.1 login {servers.KEY} password {servers.SECRET}\n")
    (folder / ".netrc").chmod(0o600)
    patch.setenv("HOME", str(folder))
    return server, lambda name: open_place(RemoteConfig("r", "", f"webdav://127.0.0.1:{server.port}/deep/{name}"))


STARTS = {"folder": _folder, "s3": _s3, "azure": _azure, "ssh": _ssh, "webdav": _webdav}


def test_nothing_is_there_at_first(place: Place) -> None:
    assert place.list() == {}
    with pytest.raises(NotFound):
        b"".join(place.read("packs/a.pack"))
    place.delete("packs/a.pack")


def test_what_was_written_is_read_whole_and_in_part(place: Place) -> None:
    content = os.urandom(9_000_000)
    view = memoryview(content)
    place.write("packs/a.pack", [content[:10], view[10:5_000_000], view[5_000_000:]])
    place.write("anew-remote", [b"{}"])
    assert b"".join(place.read("packs/a.pack")) == content
    assert b"".join(place.read("packs/a.pack", 4_999_990, 5_000_020)) == content[4_999_990:5_000_020]
    assert b"".join(place.read("packs/a.pack", 8_999_000)) == content[8_999_000:]
    assert b"".join(place.read("packs/a.pack", 8_999_000, 9_500_000)) == content[8_999_000:]
    assert {name: item.size for name, item in place.list().items()} == {"packs/a.pack": 9_000_000, "anew-remote": 2}


def test_a_file_is_found_and_a_folder_listed(place: Place) -> None:
    for name in ("a/b/1", "a/b/2", "a/c", "ab/3"):
        place.write(name, [name.encode()])
    found = place.find("a/b/1")
    assert found is not None
    assert (found.size, found.mark) == (5, place.list()["a/b/1"].mark)
    assert [place.find(name) for name in ("a/b/9", "none/at/all")] == [None, None]
    assert sorted(place.list("a")) == ["a/b/1", "a/b/2", "a/c"]
    assert sorted(place.list("a/b")) == ["a/b/1", "a/b/2"]
    assert place.list("a/none") == {}


@pytest.mark.parametrize("size", [0, 7, 9_000_000])
def test_a_stream_is_written_as_it_comes(place: Place, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from anew.remotes import cloud

    monkeypatch.setattr(cloud, "_WHOLE_SIZE", 1 << 20)  # beyond, what lies in a bucket goes up in parts
    monkeypatch.setattr(cloud, "_PART_SIZE", 5 << 20)
    content = os.urandom(size)
    place.write_stream("packs/s", (content[at : at + 100_000] for at in range(0, size, 100_000)), size)
    assert b"".join(place.read("packs/s")) == content
    place.write_stream("packs/s", iter([b"short"]), 5)
    assert b"".join(place.read("packs/s")) == b"short"


@pytest.mark.parametrize("size", [200_000, 9_000_000])
def test_a_stream_that_breaks_off_leaves_what_was_there(
    place: Place, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anew.remotes import cloud

    monkeypatch.setattr(cloud, "_WHOLE_SIZE", 1 << 20)

    def breaking() -> Iterator[bytes]:
        for _ in range(size // 2, size, 100_000):
            yield bytes(100_000)
        raise CorruptData("of this test")

    place.write("packs/s", [b"before"])
    with pytest.raises(CorruptData, match="of this test"):
        place.write_stream("packs/s", breaking(), size)
    assert b"".join(place.read("packs/s")) == b"before"
    assert list(place.list()) == ["packs/s"]


def test_an_empty_file_and_odd_names(place: Place) -> None:
    names = ["datasets/a=20b=2fc/1.json", "datasets/=e4=b8/12.json", "datasets/x.y-z_/3.json", "packs/0f.idx.damaged"]
    for name in names:
        place.write(name, [name.encode()])
    place.write("empty", [b""])
    assert sorted(place.list()) == sorted([*names, "empty"])
    assert all(b"".join(place.read(name)) == name.encode() for name in names)
    assert b"".join(place.read("empty")) == b""


def test_a_file_is_replaced_and_its_mark_with_it(place: Place) -> None:
    place.write("contents.json", [b"one"])
    before = place.list()["contents.json"]
    place.write("contents.json", [b"other"])
    assert b"".join(place.read("contents.json")) == b"other"
    assert place.list()["contents.json"] != before
    place.delete("contents.json")
    place.delete("contents.json")
    assert place.list() == {}


def test_what_is_new_is_written_once(place: Place) -> None:
    assert place.write_new("datasets/d/1.json", b"first")
    assert not place.write_new("datasets/d/1.json", b"second")
    assert b"".join(place.read("datasets/d/1.json")) == b"first"
    assert list(place.list()) == ["datasets/d/1.json"], "what is left of the second"


def test_of_many_at_once_one_wins(place: Place) -> None:
    place.write("anew-remote", [b"{}"])
    for turn in range(3):
        name = f"datasets/d/{turn}.json"
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda n, name=name: place.write_new(name, b"%d" % n), range(8)))
        assert sum(won) == 1
        assert b"".join(place.read(name)) == b"%d" % won.index(True)


def test_many_threads_write_and_read(place: Place) -> None:
    contents = {f"packs/{n:016x}.pack": os.urandom(1000 + n) for n in range(24)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: place.write(name, [contents[name]]), contents))
        read = list(pool.map(lambda name: b"".join(place.read(name)), contents))
    assert read == list(contents.values())
    assert {name: item.size for name, item in place.list().items()} == {n: len(c) for n, c in contents.items()}


def test_plain_http_reads_what_the_list_names(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "a.pack").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "contents.json").write_text('{"files": {"packs/a.pack": 25600}}')
    server = servers.Static(tmp_path)
    try:
        place = open_place(RemoteConfig("r", "", f"http://127.0.0.1:{server.port}"))
        assert {name: item.size for name, item in place.list().items()} == {"packs/a.pack": 25600}
        assert b"".join(place.read("packs/a.pack", 250, 260)) == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
        assert len(b"".join(place.read("packs/a.pack"))) == 25600
        with pytest.raises(NotFound):
            list(place.read("packs/b.pack"))
        with pytest.raises(UsageError, match="only be read"):
            place.write("packs/b.pack", [b"x"])
        place.close()
    finally:
        server.end()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/x", "ssh://127.0.0.1:{port}/x", "webdav://127.0.0.1:{port}/x"]
)
def test_where_nobody_answers_is_said(url: str) -> None:
    if url.startswith("ssh"):
        pytest.importorskip("asyncssh")
    if url.startswith("webdav"):
        pytest.importorskip("webdav4")
    place = open_place(RemoteConfig("r", "", url.format(port=servers.free_port())))
    with pytest.raises(Unreachable, match="does not answer"):
        place.list()
    place.close()


def test_a_bucket_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    options = {"endpoint": f"http://127.0.0.1:{servers.free_port()}"}
    with pytest.raises(Unreachable, match="no answer"):
        open_place(RemoteConfig("r", "", "s3://bucket/x", options)).list()


def test_a_shared_folder_stays_open_to_its_group(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    before = os.umask(0o077)
    try:
        open_place(RemoteConfig("r", "", str(shared))).write("packs/a.pack", [b"x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((shared / "packs").stat().st_mode) & 0o2770 == 0o2770
    assert stat.S_IMODE((shared / "packs" / "a.pack").stat().st_mode) & 0o660 == 0o660


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no folder"):
        open_place(RemoteConfig("r", "", str(tmp_path / "file"))).list()
