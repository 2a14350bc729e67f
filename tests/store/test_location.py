from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from anew.errors import StoreError, StoreFull
from anew.store.location import Store, find_store, git_top, new_run_id, project_root, server_address, system_random


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANEW_STORE", "ANEW_SERVER", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_store_is_found_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    Store(tmp_path / ".anew").create()
    assert find_store(deep).root == tmp_path / ".anew"


def test_a_new_store_lies_beside_git_else_here(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_store(deep).root == deep / ".anew"
    (tmp_path / ".git").mkdir()
    assert find_store(deep).root == tmp_path / ".anew"
    assert not (tmp_path / ".anew").exists()


def test_the_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path / ".anew").create()
    monkeypatch.setenv("ANEW_STORE", str(tmp_path / "elsewhere"))
    assert find_store(tmp_path).root == tmp_path / "elsewhere"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANEW_STORE", "~/s")
    assert find_store(tmp_path).root == tmp_path / "s"


def test_with_a_server_runs_are_kept_here_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANEW_STORE", "https://example.org/")
    assert find_store(tmp_path).root == tmp_path / ".anew"
    assert server_address() == "https://example.org"
    monkeypatch.setenv("ANEW_STORE", str(tmp_path))
    assert server_address() == ""
    monkeypatch.setenv("ANEW_SERVER", "http://other:1")
    assert server_address() == "http://other:1"


def test_where_nothing_can_be_written_it_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert find_store(tmp_path).root == tmp_path / "data" / "anew"


def test_a_store_ignores_itself_in_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    store = Store(tmp_path / ".anew").create()
    store.create()
    (store.run("x")).mkdir()
    (store.run("x") / "journal").touch()
    status = subprocess.run(["git", "-C", tmp_path, "status", "--porcelain"], capture_output=True, check=True)
    assert status.stdout == b""


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / ".anew").create()
    (store.root / "format").write_text("anew 9\n")
    with pytest.raises(StoreError, match="anew 9"):
        store.create()


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFull, match="ANEW_STORE"):
        Store(tmp_path / "file" / ".anew").create()


def test_the_project(tmp_path: Path) -> None:
    work, other = tmp_path / "work", tmp_path / "other"
    deep = work / "src" / "deep"
    deep.mkdir(parents=True)
    other.mkdir()
    assert project_root(deep) == deep
    (work / ".anew").mkdir()
    assert project_root(deep) == work
    (deep / ".git").write_text("gitdir: elsewhere")  # a submodule or work tree
    assert git_top(deep) == deep
    assert project_root(deep) == deep
    assert project_root(work, other / "train.py") == other
    assert project_root(work, deep / "train.py") == work


def test_ids_are_short_random_and_plain() -> None:
    ids = {new_run_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert {len(run_id) for run_id in ids} == {12}
    assert set("".join(ids)) == set("0123456789abcdefghjkmnpqrstvwxyz")
    assert len(system_random(32)) == 32
