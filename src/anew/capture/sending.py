"""Runs that are to go to a server: noted in the store, and sent by one process beside the training.

That process (`anew sync --follow`) is started here and belongs to nobody: not to the terminal, not to the script. What
the server can't take now stays noted, and goes when it can.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anew.capture import bootstrap
from anew.store.location import Store, server_address

LEDGER = ".ledger"  # stands among the runs that wait, for verdicts; no run can be called so
_LOG_BYTES = 1 << 20
_START_S = 10


class Outbox:
    """What one server is to get of one store. `.anew/sync/<server>/` holds it; docs/formats.md, "Sync"."""

    def __init__(self, store: Store, address: str) -> None:
        self.store, self.address = store, address
        name = re.sub(r"[^\w.-]+", "_", address.partition("://")[2])[:80]
        self.folder = store.root / "sync" / f"{name}-{zlib.crc32(address.encode()):08x}"

    def note(self, name: str) -> None:
        """A run (or LEDGER) is to be sent. Raises OSError."""
        waiting = self.folder / "waiting"
        waiting.mkdir(parents=True, exist_ok=True)
        (waiting / name).touch()

    def waiting(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder / "waiting"))
        except FileNotFoundError:
            return []

    def done(self, name: str) -> None:
        (self.folder / "waiting" / name).unlink(missing_ok=True)

    @contextmanager
    def owned(self) -> Iterator[bool]:
        """Hold the lock of the one process that sends; False when another does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(fd)


def send(store: Store, name: str) -> None:
    """Where there is a server, note that it is to get this run, and see to it that somebody sends it.

    Takes some milliseconds, whether the server answers or not. Never raises: a run goes on without.
    """
    address = server_address()
    if not address:
        return
    try:
        outbox = Outbox(store, address)
        outbox.note(name)  # before the look at the lock: see `follow`
        with outbox.owned() as free:
            pass
        if free:
            _start(outbox)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"anew: nothing is sent to {address} for now ({error}); anew sync --all does it later", file=sys.stderr)


def _start(outbox: Outbox) -> None:
    """A process of its own session, adopted by init at once, that holds nothing of ours open."""
    path = outbox.store.root / "sync" / "log"
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.unlink()
    command = [sys.executable, "-P", "-m", "anew", "sync", "--follow", "--server", outbox.address]
    with path.open("ab") as log:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(outbox.store.root),
            cwd=outbox.store.root,
            start_new_session=True,
            timeout=_START_S,
            check=False,
        )


def _environment(root: Path) -> dict[str, str]:
    """Ours, without what capture put there for scripts: this process is no part of a run."""
    dropped = {"LD_PRELOAD", "PYTHONHASHSEED", "PYTHONSTARTUP"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and (name == "ANEW_TOKEN" or not name.startswith("ANEW_"))
    }
    paths = [path for path in kept.pop("PYTHONPATH", "").split(":") if path and path != str(bootstrap.FOLDER)]
    return {**kept, **({"PYTHONPATH": ":".join(paths)} if paths else {}), "ANEW_STORE": str(root)}
