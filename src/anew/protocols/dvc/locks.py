"""DVC's own locks, so that neither tool disturbs the other. We wait where DVC gives up after three seconds."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from anew.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_POLL_S = 0.02
_YEAR_S = 365 * 24 * 3600


@contextmanager
def project_lock(folder: str, hardlink: bool = False) -> Iterator[int]:
    """Hold the lock that every DVC command takes (`.dvc/tmp/lock`), however long another one holds it.

    Gives what `lock_mark` would have given just before, by which one sees whether anybody held it meanwhile.
    """
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/lock"
    if hardlink:
        with _linked(path):
            yield -1
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = os.fstat(fd)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f" {os.getpid()}\n".encode(), 0)
        yield before.st_mtime_ns
    finally:
        os.close(fd)


def lock_mark(folder: str) -> int:
    """Another number after somebody has held the lock."""
    try:
        return os.stat(f"{folder}/lock").st_mtime_ns
    except FileNotFoundError:
        return -2


@contextmanager
def _linked(path: str) -> Iterator[None]:
    """`core.hardlink_lock`: whoever can link a claim to the lock's name has it."""
    claim = f"{path}|{os.uname().nodename}|{os.getpid()}|{os.urandom(6).hex()}"
    fd = os.open(claim, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        os.write(fd, claim.encode())
        os.utime(fd, (time.time() + _YEAR_S,) * 2)  # until then it is not taken for stale
        os.close(fd)
        while True:
            try:
                os.link(claim, path)
                break
            except FileExistsError:
                _break_stale(path)
                time.sleep(_POLL_S)
        try:
            yield
        finally:
            os.unlink(path)
    finally:
        os.unlink(claim)


def _break_stale(path: str) -> None:
    """Take away the lock of a process of this machine that is gone."""
    try:
        with open(path, encoding="utf-8") as file:
            _, host, pid, _ = file.read().rsplit("|", 3)
        if host == os.uname().nodename and pid.isdigit() and not _alive(int(pid)):
            os.unlink(path)
    except (OSError, ValueError):
        pass


@contextmanager
def claim(
    folder: str, command: str, reads: Iterable[str], writes: Iterable[str], pid: int | None = None
) -> Iterator[None]:
    """Say in `rwlock` which paths a process (ours, or `pid`) has in use, as DVC does while a stage runs."""
    info = {"pid": pid or os.getpid(), "cmd": command}
    wanted = {"read": list(reads), "write": list(writes)}
    with _table(folder) as held:
        for path in wanted["read"]:
            rows = held.setdefault("read", {}).setdefault(path, [])
            rows.append(info)
        for path in wanted["write"]:
            held.setdefault("write", {})[path] = info
    try:
        yield
    finally:
        with _table(folder) as held:
            for path in wanted["read"]:
                rows = held.get("read", {}).get(path, [])
                rows.remove(info) if info in rows else None
                if not rows:
                    held.get("read", {}).pop(path, None)
            for path in wanted["write"]:
                if held.get("write", {}).get(path) == info:
                    del held["write"][path]


@contextmanager
def _table(folder: str) -> Iterator[dict[str, Any]]:
    """`rwlock` to be changed, by nobody else meanwhile."""
    import json

    os.makedirs(folder, exist_ok=True)
    fd = os.open(f"{folder}/rwlock.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            with open(f"{folder}/rwlock", encoding="utf-8") as file:
                held = json.load(file)
        except (OSError, ValueError):
            held = {}
        yield held
        temporary = f"{folder}/rwlock.{os.getpid()}"  # whole or not at all: DVC refuses all work with half of one
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({kind: rows for kind, rows in held.items() if rows}, file)
        os.replace(temporary, f"{folder}/rwlock")
    finally:
        os.close(fd)


def refuse_busy(folder: str, writes: Iterable[str], reads: Iterable[str] = ()) -> None:
    """Raise Conflict when a running `dvc repro` (or the like) has one of the paths in use, as its `rwlock` says.

    What is only read may be read by others as well.
    """
    try:
        with open(f"{folder}/rwlock", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    if not text.strip() or text.strip() == "{}":
        return
    import json

    try:
        held = json.loads(text)
    except ValueError:
        return
    asked = {"write": [*writes, *reads], "read": list(writes)}
    for kind, paths in asked.items():
        for there, holders in (held.get(kind) or {}).items():
            for holder in holders if isinstance(holders, list) else [holders]:
                pid = int(holder.get("pid", 0))
                if pid == os.getpid() or not _alive(pid):
                    continue
                for path in paths:
                    if path == there or path.startswith(there + "/") or there.startswith(path + "/"):
                        raise Conflict(f"{path} is in use by `{holder.get('cmd')}` (process {pid}): wait for it to end")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
