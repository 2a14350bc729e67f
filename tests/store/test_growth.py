"""Whether a run was written to, as the sizes of its journals tell it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from anew.store.growth import Growth


def test_every_append_is_seen_but_those_of_one_journal(tmp_path: Path) -> None:
    growth = Growth(tmp_path)
    own, other = tmp_path / "journal", tmp_path / "journal-server-1"
    own.write_bytes(b"1")
    alone, first = growth.state("journal"), growth.state()
    own.write_bytes(b"12")
    assert growth.state("journal") == alone and growth.state() != first
    other.write_bytes(b"1")
    both = growth.state("journal")
    assert both != alone
    other.write_bytes(b"12")
    assert growth.state("journal") != both


def test_a_journal_that_comes_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    growth, now = Growth(tmp_path), time.time_ns()
    (tmp_path / "journal").touch()
    os.utime(tmp_path, ns=(now, now))
    before = growth.state()
    (tmp_path / "journal-server-1").touch()
    os.utime(tmp_path, ns=(now, now))
    assert growth.state() != before


def test_what_is_not_told_by_sizes(tmp_path: Path) -> None:
    assert Growth(tmp_path / "none").state() == ()
    (tmp_path / "journal").touch()
    (tmp_path / "journal-123-456").touch()  # of a script's second process
    assert Growth(tmp_path).state() is None
