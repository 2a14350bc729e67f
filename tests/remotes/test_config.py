from __future__ import annotations

from pathlib import Path

import pytest

from anew.errors import Conflict, CorruptData, NotFound, UsageError
from anew.remotes.config import Config
from anew.store.location import Store


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(Store(tmp_path / ".anew").create(), tmp_path)


def test_the_first_is_the_default_until_another_is(config: Config, tmp_path: Path) -> None:
    config.add("origin", "../shared", {})
    config.add("backup", "s3://bucket/x", {"endpoint": "https://s3.example.org", "region": "eu"})
    assert config.default() == "origin"
    assert config.get().where == str(tmp_path / "../shared")
    assert config.get("backup").options == {"endpoint": "https://s3.example.org", "region": "eu"}
    config.set_default("backup")
    assert config.get().name == "backup"
    config.remove("backup")
    assert [remote.name for remote in config.all()] == ["origin"] and config.default() == "origin"
    with pytest.raises(Conflict):
        config.add("origin", "elsewhere", {})
    with pytest.raises(NotFound):
        config.get("backup")


def test_the_store_s_own_wins(config: Config) -> None:
    config.add("origin", "../shared", {})
    config.add("origin", "../mine", {}, local=True)
    assert config.get("origin").url == "../mine" and config.get("origin").local
    assert "mine" not in config.shared.read_text()


def test_what_else_stands_in_the_file_stays(config: Config) -> None:
    config.shared.write_text('# ours\n[core]\n\tremote = a\n; a comment\n[remote "a"]\n\turl = x\n[other]\nkey = 1\n')
    config.add("b", "y", {})
    config.set_default("b")
    config.remove("a")
    text = config.shared.read_text()
    assert "# ours" in text and "; a comment" in text and "[other]\nkey = 1" in text and 'remote "a"' not in text
    assert config.get().url == "y"


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@host/x", "s3://AKIA:secret@bucket/x", "ssh://me:secret@host/x",
        "https://host/x?X-Amz-Signature=ab", "https://account.blob/x?sv=1&sig=ab", "https://host/x?token=ab",
    ],
)  # fmt: skip
def test_a_secret_is_refused(config: Config, url: str) -> None:
    with pytest.raises(UsageError, match="holds a secret"):
        config.add("origin", url, {})
    assert not config.shared.exists()
    config.shared.write_text(f'[remote "origin"]\nurl = {url}\n')
    with pytest.raises(UsageError, match="holds a secret"):
        config.all()


@pytest.mark.parametrize(("url", "options"), [("ftp://x/y", {}), ("", {}), ("a\nb", {}), ("x", {"password": "y"})])
def test_what_is_no_remote_is_refused(config: Config, url: str, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        config.add("origin", url, options)
    with pytest.raises(UsageError):
        config.add("-x", "folder", {})


def test_a_file_that_is_no_configuration(config: Config) -> None:
    config.shared.write_text("<<<<<<< mine\n")
    with pytest.raises(CorruptData, match="can't be read"):
        config.all()
