"""Who is writing, and whether that process still lives: pid, start tick, boot id and host together name a process."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot; "" where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_tick(pid: int) -> int | None:
    """Clock ticks from boot to the start of `pid`; None when there is no such process, or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The command stands in parentheses and may hold spaces and parentheses itself: read behind the last one.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def identity(pid: int | None = None) -> dict[str, Any]:
    """A process of this host (by default the calling one), in the form that `is_alive` takes."""
    return dict(_own_identity(os.getpid())) if pid is None else _identity(pid)


@functools.cache
def _own_identity(pid: int) -> dict[str, Any]:
    return _identity(pid)


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": start_tick(pid) or 0, "boot": boot_id(), "host": os.uname().nodename}


def is_alive(who: dict[str, Any]) -> bool:
    """Whether the process that wrote `who` (an open frame's body) is running.

    A process of another host can't be asked; it counts as alive, because "crashed" would be a guess.
    """
    if who.get("host") != os.uname().nodename:
        return True
    if who.get("boot") != boot_id():
        return False
    if os.path.isdir("/proc/self"):
        return start_tick(int(who["pid"])) == who.get("started")
    try:
        os.kill(int(who["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
