"""What is installed is told as the installed packages say it, and anew when that changes."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from anew.capture import bootstrap
from anew.capture.environment import interpreter


def test_every_package_here_as_importlib_tells_it() -> None:
    found = bootstrap.module("packages").packages()["packages"]
    assert len(found) > 10
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"].lower().replace("_", "-")
        if name in found and os.path.dirname(str(distribution.locate_file("x"))) == found[name]["location"]:
            assert found[name]["version"] == distribution.version


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\n\nName: not\nVersion: this\n", "1.2"),
        ("Metadata-Version: 2.1\nSummary: a\n Name: indented\nName: some-thing\nVersion:3\n", "3"),
        ("Metadata-Version: 2.1\r\nname: some-thing\r\nversion: 4\r\n\r\n", "4"),  # as mail has it, in any case
    ],
    ids=["with a body", "continued", "lower case"],
)
def test_a_package_is_read_by_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: str
) -> None:
    info = tmp_path / "site-packages" / "some_thing-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_bytes(said.encode())
    monkeypatch.setattr(sys, "path", [str(info.parent)])
    assert bootstrap.module("packages").packages()["packages"]["some-thing"]["version"] == version


def test_what_is_installed_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, too, and whichever folder keeps what was found."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    assert "new-one" not in interpreter(None, None, tmp_path / "a")["packages"]
    assert "new-one" not in interpreter(None, None, tmp_path / "b")["packages"]
    (site / "new_one-5.dist-info").mkdir()
    (site / "new_one-5.dist-info" / "METADATA").write_text("Name: new-one\nVersion: 5\n")
    for cache in "abc":
        assert interpreter(None, None, tmp_path / cache)["packages"]["new-one"]["version"] == "5"
