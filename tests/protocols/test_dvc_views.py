"""`data status`, `diff`, `import`, `import-url`, `update`, `get`, `list`: beside the real dvc."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.dvc_twins import Side, Twins, clear, shared, twins

__all__ = ["shared", "twins"]
pytestmark = pytest.mark.real


def commit(twins: Twins) -> None:
    twins.prepare(lambda side: (side.git("add", "."), side.git("commit", "-qm", "data")))


def test_data_status_and_diff(twins: Twins) -> None:
    for name in ("d/a", "d/sub/b", "d/c", "f", "g", "h"):
        twins.write(name, name)
    twins.same_json("data", "status", "--json")
    twins.both("add", "-q", "d", "f", "g", "h")
    twins.same_json("data", "status", "--json", "--granular")
    twins.same_json("diff", "--json")
    commit(twins)
    assert twins.same_json("data", "status", "--json") == {}
    assert twins.same_json("diff", "--json") == {}
    twins.same_json("data", "status", "--json", "--granular", "--unchanged")

    def change(side: Side) -> None:
        side.write("d/a", "changed")
        (side.root / "d/c").rename(side.root / "d/moved")
        side.write("d/new", "new")
        (side.root / "g").unlink()
        side.write("untracked", "u")

    twins.prepare(change)
    for words in (
        [],
        ["--granular"],
        ["--granular", "--unchanged", "--untracked-files"],
        ["--granular", "d/sub"],
        ["f", "g"],
    ):
        twins.same_json("data", "status", "--json", *words)
    for words in (
        [],
        ["--show-hash"],
        ["--targets", "d"],
        ["--targets", "f", "g"],
        ["HEAD"],
        ["HEAD", "HEAD"],
        ["--hide-missing"],
    ):
        twins.same_json("diff", "--json", *words)
    twins.same_words("diff", "--show-hash")
    twins.both("add", "-q", "d")
    twins.same_json("data", "status", "--json", "--granular")
    commit(twins)
    twins.same_json("diff", "--json", "--show-hash", "HEAD~1", "HEAD")
    twins.same_json("diff", "--json", "HEAD~1")
    twins.both("diff", "nope", code=1)
    ours = twins.both("data", "status")[0].replace("anew dvc", "dvc")
    assert ours.splitlines() == twins.both("data", "status")[1].splitlines()


def test_data_status_without_parts_of_the_cache(twins: Twins) -> None:
    twins.both("remote", "add", "-q", "-d", "r", "../remote")
    for name in ("d/a", "d/b", "f"):
        twins.write(name, name)
    twins.both("add", "-q", "d", "f")
    commit(twins)
    twins.same_json("data", "status", "--json", "--granular", "--not-in-remote")
    twins.both("push", "-q", "f")
    twins.same_json("data", "status", "--json", "--not-in-remote")
    twins.prepare(lambda side: clear(side.root / ".dvc/cache"))
    for words in ([], ["--granular"]):
        twins.same_json("data", "status", "--json", *words)


def make_source(twins: Twins) -> None:
    """A project beside each twin, with the same history."""

    def make(side: Side) -> None:
        source = Side(
            side.root.parent / "source",
            {**side.environ, "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"},
            twins.theirs.tool,
        )
        source.root.mkdir()
        source.git("init", "-q")
        source.run("init", "-q")
        source.run("remote", "add", "-q", "-d", "r", "../source-remote")
        for name in ("d/a", "d/sub/b", "f", "plain/g"):
            source.write(name, name)
        source.run("add", "-q", "d", "f")
        source.run("push", "-q")
        source.git("add", "."), source.git("commit", "-qm", "one"), source.git("tag", "v1")

    twins.prepare(make)


def change_source(twins: Twins) -> None:
    def change(side: Side) -> None:
        source = Side(
            side.root.parent / "source",
            {**side.environ, "GIT_AUTHOR_DATE": "2026-01-02T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-02T00:00:00Z"},
            twins.theirs.tool,
        )
        source.write("d/new", "new")
        source.write("f", "newer f")
        source.write("plain/g", "newer g")
        source.run("add", "-q", "d", "f")
        source.run("push", "-q")
        source.git("add", "."), source.git("commit", "-qm", "two")

    twins.prepare(change)


def test_imports_from_repositories(twins: Twins) -> None:
    make_source(twins)
    for words in (
        ["d"],
        ["plain/g", "-o", "gg", "--rev", "v1"],
        ["d/a", "-o", "one"],
        ["f", "-o", "later", "--no-exec"],
        ["f", "-o", "known", "--no-download"],
        ["plain", "-o", "folder"],
    ):
        twins.both("import", "-q", "../source", *words, same_cache=False)
    twins.both("import", "../source", "f", "-o", "one", code=1, same_cache=False)
    twins.same_json("status", "--json", same_cache=False)
    change_source(twins)
    twins.same_json("status", "--json", same_cache=False)
    twins.same_json("status", "--json", "--no-updates", same_cache=False)
    twins.both("update", "-q", "d.dvc", "gg.dvc", same_cache=False)
    twins.both("update", "-q", "gg.dvc", "--rev", "HEAD", same_cache=False)
    assert (twins.ours.root / "gg").read_text() == "newer g" and (twins.ours.root / "d/new").exists()
    twins.both("update", "nope.dvc", code=1, same_cache=False)
    twins.prepare(lambda side: (clear(side.root / "d"), clear(side.root / ".dvc/cache"), clear(side.root / "gg")))
    twins.both("pull", "-q", "d.dvc", "gg.dvc", same_cache=False)
    assert (twins.ours.root / "d/sub/b").read_text() == "d/sub/b"


def test_imports_from_paths(twins: Twins) -> None:
    make_source(twins)
    twins.write("in/x", "x")
    for words in (
        ["../source/f", "copy"],
        ["../source/d"],
        ["in/x", "inner"],
        ["../source/f", "hash", "--no-download"],
        ["../source/f", "later", "--no-exec"],
    ):
        twins.both("import-url", "-q", *words)
    twins.both("import-url", "../source/f", "copy", code=1)
    twins.both("import-url", "../source/nope", code=1)
    twins.same_json("status", "--json")
    change_source(twins)
    twins.both("update", "-q", "copy.dvc", "d.dvc")
    assert (twins.ours.root / "copy").read_text() == "newer f"


class Tagged(http.server.SimpleHTTPRequestHandler):
    """Files with an ETag, which is what an import is known by."""

    def end_headers(self) -> None:
        self.send_header(
            "ETag", f'"{self.path.strip("/")}-{self.directory and Path(self.translate_path(self.path)).stat().st_size}"'
        )
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "file.csv").write_text("a,b\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Tagged, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_imports_from_the_web(twins: Twins, web: str, tmp_path: Path) -> None:
    twins.both("import-url", "-q", f"{web}/file.csv")
    twins.both("import-url", "-q", f"{web}/file.csv", "again", "--no-download")
    twins.both("import-url", f"{web}/nope", code=1)
    (tmp_path / "web/file.csv").write_text("a,b\n1,2\n")
    twins.both("update", "-q", "file.csv.dvc")
    assert (twins.ours.root / "file.csv").read_text() == "a,b\n1,2\n"


def test_get_and_list(twins: Twins) -> None:
    make_source(twins)
    for words in (["d", "-o", "got"], ["f"], ["plain/g", "-o", "x1"], ["d/sub"], ["plain", "--rev", "v1"]):
        twins.both("get", "-q", "../source", *words)
    twins.both("get", "../source", "f", code=1)
    twins.ours.run("get", "../source", "nope", code=1)
    twins.both("get", "-q", "-f", "../source", "f")
    twins.same_words("get", "../source", "d", "--show-url")
    for words in (
        [],
        ["-R"],
        ["d"],
        ["-R"],
        ["--dvc-only"],
        ["--dvc-only", "-R"],
        ["-R", "-L", "2"],
        ["--rev", "v1"],
    ):
        ours, theirs = (json.loads(text) for text in twins.both("list", "--json", "../source", *words))
        for rows in (ours, theirs):
            for row in rows:
                row.pop("size" if row["isdir"] or {"--rev", "--dvc-only"} & set(words) else "", None)
                row.pop("md5" if row["isdir"] and not row["isout"] else "", None)
        assert ours == theirs, words
        assert twins.same_words("list", "../source", *words)
    twins.same_words("list", "-T", "../source")
    twins.both("ls", "../source", "nope", code=1)
    twins.prepare(lambda side: (side.root.parent / "source/f").write_text("changed since"))
    twins.both("get", "-q", "../source", "f", "-o", "as-it-stands")
    assert (twins.ours.root / "as-it-stands").read_text() == "changed since"


def test_a_repository_by_its_address(twins: Twins, tmp_path: Path) -> None:
    make_source(twins)
    ours = twins.ours
    bare = tmp_path / "bare.git"
    ours.call(["git", "clone", "-q", "--bare", str(ours.root.parent / "source"), str(bare)])
    ours.run("get", "-q", f"file://{bare}", "plain/g", "-o", "x")
    ours.run("get", "-q", str(bare), "plain", "--rev", "v1")
    assert (ours.root / "x").read_text() == "plain/g" and (ours.root / "plain/g").exists()


def test_add_what_is_elsewhere(twins: Twins) -> None:
    make_source(twins)
    twins.both("remote", "add", "-q", "-d", "r", "../remote")
    twins.both("add", "-q", "../source/f", "-o", "here")
    twins.both("add", "-q", "../source/d", "--to-remote")
    twins.both("add", "../source/f", "-r", "r", code=1)
    assert not (twins.ours.root / "d").exists()
    twins.both("pull", "-q")
    assert (twins.ours.root / "d/sub/b").exists()
