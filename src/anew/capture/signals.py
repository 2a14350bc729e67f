"""Signals that come to `anew run` go on to the script, each once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

_PASSED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GROUP_S = 0.1  # within which a signal has come to all of a group


class _Canary:
    """A process of our group that only reads from us: what ends it by a signal was sent to the whole group.

    Nothing tells the receiver of a signal whether it was meant for it alone. The canary ends with us, whatever ends us.
    """

    def __init__(self) -> None:
        self._program = shutil.which("cat")
        self._pid = 0
        self._hatch()

    def _hatch(self) -> None:
        if self._program is None:
            return
        theirs, self._ours = os.pipe()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        actions = [(os.POSIX_SPAWN_DUP2, theirs, 0), (os.POSIX_SPAWN_DUP2, nowhere, 1)]
        try:
            self._pid = os.posix_spawn(self._program, ["cat"], {}, file_actions=actions, setsigdef=_PASSED)
        except OSError:
            self._program = None
            os.close(self._ours)
        os.close(theirs)
        os.close(nowhere)

    def fell_to(self, number: int) -> bool:
        """Whether this signal came to all of the group; a new canary takes the place of one that it ended."""
        until = time.monotonic() + _GROUP_S
        while self._pid and time.monotonic() < until:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                os.close(self._ours)
                self._pid = 0
                self._hatch()
                return os.WIFSIGNALED(status) and os.WTERMSIG(status) == number
            time.sleep(0.002)
        return False

    def release(self) -> None:
        if self._pid:
            os.close(self._ours)
            os.kill(self._pid, signal.SIGKILL)  # it may have been stopped with the group, and would not see the end
            os.waitpid(self._pid, 0)
            self._pid = 0


def pass_on(child: subprocess.Popen[bytes], seen: list[int], *, apart: bool) -> Callable[[], None]:
    """Pass on what comes to us and did not come to the script anyway, and note it in `seen`.

    `apart`: the script has a group of its own, to which neither a terminal's Ctrl-C nor what is sent to ours comes.
    Returns how to undo it.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    canary = None if apart else _Canary()

    def go_on(number: int, frame: Any) -> None:
        seen.append(number)
        if canary is None or not canary.fell_to(number):
            child.send_signal(number)

    old: dict[int, Any] = {number: signal.signal(number, go_on) for number in _PASSED}

    def restore() -> None:
        for number, handler in old.items():
            signal.signal(number, handler)
        if canary is not None:
            canary.release()

    return restore
