from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anew.store import liveness


def test_this_process_is_alive() -> None:
    who = liveness.identity()
    assert who["pid"] == os.getpid()
    assert liveness.is_alive(who)


def test_a_process_that_is_gone_or_a_zombie_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    who = liveness.identity() | {"pid": child.pid, "started": liveness.start_tick(child.pid)}
    assert liveness.is_alive(who)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{child.pid}").exists()  # a zombie
    assert not liveness.is_alive(who)
    child.communicate()
    assert not liveness.is_alive(who)
    assert liveness.start_tick(child.pid) is None


def test_a_process_that_got_the_same_number_later_is_another() -> None:
    assert not liveness.is_alive(liveness.identity() | {"started": 1})


def test_a_process_from_before_the_reboot_is_gone() -> None:
    assert not liveness.is_alive(liveness.identity() | {"boot": "another"})


def test_a_process_elsewhere_is_not_said_to_be_dead() -> None:
    assert liveness.is_alive({"pid": 1, "started": 1, "boot": "another", "host": "elsewhere"})


@pytest.mark.parametrize("name", ["a b", "a) S 1 (b", "))((", "x\ny"])
def test_a_command_of_any_name(name: str, tmp_path: Path) -> None:
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    child = subprocess.Popen([program, "60"])
    try:
        tick = liveness.start_tick(child.pid)
        assert tick and tick >= (liveness.start_tick(os.getpid()) or 0)
    finally:
        child.kill()
        child.wait()
