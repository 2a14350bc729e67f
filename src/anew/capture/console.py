"""A run's output, taken at the descriptor so that C and child processes are in it, and passed on as it came."""

from __future__ import annotations

import fcntl
import functools
import os
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

from anew import background

_MOST_PARTIAL_BYTES = 1 << 16
_PIPE_BYTES, _BATCH_BYTES = 1 << 20, 1 << 14
_BATCH_S = 0.02
_LEAST_WAIT_S, _MOST_WAIT_S = 0.005, 0.04
_FREED_BYTES = 1 << 24


class Folder:
    """Cuts a stream into lines, and keeps of a line that was rewritten with carriage returns only the last state."""

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self._take, self._partial, self._failed = emit, b"", False

    def _emit(self, data: bytes) -> None:
        try:
            self._take(data)
        except Exception as error:  # a stream that nobody reads would block the script for ever
            if not self._failed:
                print(f"anew: output is not kept: {type(error).__name__}: {error}", file=sys.stderr)
            self._failed = True

    def feed(self, data: bytes) -> None:
        """Take more of the stream; emits the whole lines in it, together."""
        data = self._partial + data
        lines = data.split(b"\n")
        self._partial = lines.pop()
        if b"\r" in self._partial[:-1]:
            # A progress bar at work: only its newest state can still matter.
            self._partial = self._partial[self._partial[:-1].rfind(b"\r") :]
        if lines:
            self._emit(b"".join(_fold(line) + b"\n" for line in lines))
        if len(self._partial) > _MOST_PARTIAL_BYTES:
            self._emit(self._partial)
            self._partial = b""

    def end(self) -> None:
        if self._partial:
            self._emit(_fold(self._partial))
            self._partial = b""


def _fold(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :] if b"\r" in line else line


class Pump:
    """Copies one stream of a child to ours, and to a `Folder`. A terminal stays one: the child gets a pseudo one.

    Otherwise the child writes to a file in memory that we follow: a pipe would break under it, and end it, if this
    process were killed.
    """

    def __init__(self, target_fd: int, emit: Callable[[bytes], None]) -> None:
        self._target, self._folder = target_fd, Folder(emit)
        self._ended = threading.Event()
        self._pass_on = True
        memory = None if os.isatty(target_fd) else _memory()
        if memory is not None:
            self._ours, self.child_fd = memory
        else:
            self._ours, self.child_fd = _terminal(target_fd) if os.isatty(target_fd) else _enlarged(os.pipe())
        self._thread = threading.Thread(target=self._follow if memory else self._run, daemon=True)

    def start(self) -> None:
        """Begin to copy; call once the child has its end."""
        os.close(self.child_fd)
        background.start(self._thread)

    def _more(self) -> bytes:
        """What has come meanwhile."""
        if not select.select([self._ours], [], [], 0)[0]:
            return b""
        try:
            return os.read(self._ours, _PIPE_BYTES)
        except OSError:
            return b""  # the next read says so again

    def join(self, timeout_s: float) -> None:
        """The child has ended: wait for what is under way. What a daemon writes after `timeout_s` is not kept."""
        self._ended.set()
        self._thread.join(timeout_s)

    def _follow(self) -> None:
        offset = freed = 0
        wait_s = _LEAST_WAIT_S
        while True:
            ended = self._ended.is_set()
            data = os.pread(self._ours, _PIPE_BYTES, offset)
            if data:
                offset, wait_s = offset + len(data), _LEAST_WAIT_S
                self._give(data)
                if offset - freed >= _FREED_BYTES:
                    _free(self._ours, freed, offset - freed)
                    freed = offset
                if len(data) < _BATCH_BYTES:
                    # A script that prints line by line would keep us busy with each; soon many can be had at once.
                    self._ended.wait(_BATCH_S)
                continue
            if ended:
                break
            offset = min(offset, os.fstat(self._ours).st_size)  # a script may truncate its /dev/stdout
            self._ended.wait(wait_s)
            wait_s = min(2 * wait_s, _MOST_WAIT_S)
        self._folder.end()

    def _give(self, data: bytes) -> None:
        # `anew run … | head`: nobody listens any more, the run goes on.
        self._pass_on = self._pass_on and _write_all(self._target, data)
        self._folder.feed(data)

    def _run(self) -> None:
        while True:
            try:
                data = os.read(self._ours, _PIPE_BYTES)
            except OSError:  # a pseudo-terminal whose last writer left
                break
            if not data:
                break
            if len(data) < _BATCH_BYTES:
                # A script that prints line by line would wake us for each; a moment later many can be had at once.
                time.sleep(_BATCH_S)
                data += self._more()
            self._give(data)
        self._folder.end()


def _memory() -> tuple[int, int] | None:
    """A file in memory, as a descriptor to read and one to append; None where the system has none."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        ours = os.memfd_create("anew-console")
        return ours, os.open(f"/proc/self/fd/{ours}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return None


def _free(fd: int, offset: int, size: int) -> None:
    """Give back the memory of what was read (fallocate with FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE)."""
    import ctypes

    fallocate = ctypes.CDLL(None).fallocate
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    fallocate(fd, 0x02 | 0x01, offset, size)


def _enlarged(pipe: tuple[int, int]) -> tuple[int, int]:
    """With room for what a script prints while we are not looking."""
    try:
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # the system's limit for all pipes of a user: then the usual 64 KiB
    return pipe


def _write_all(fd: int, data: bytes) -> bool:
    """Write all of `data`; False when nobody takes it any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # a descriptor that our caller made non-blocking
            select.select([], [fd], [])
        except OSError:
            return False
    return True


def _terminal(like_fd: int) -> tuple[int, int]:
    import pty

    ours, theirs = pty.openpty()
    modes: list[Any] = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST  # no carriage returns of the terminal's own making
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    try:
        size = fcntl.ioctl(like_fd, termios.TIOCGWINSZ, b"\0" * 8)
        if struct.unpack("HHHH", size)[0]:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    except OSError:
        pass
    return ours, theirs


class Tee:
    """Takes descriptors 1 and 2 of this very process, for a script that calls `anew.init` under plain Python."""

    def __init__(self, emit: Callable[[str, bytes], None]) -> None:
        self._parts: list[tuple[int, int, threading.Thread]] = []
        for fd, name in ((1, "stdout"), (2, "stderr")):
            folder = Folder(functools.partial(emit, name))
            try:
                real = os.dup(fd)
            except OSError:
                continue  # closed: nothing can come through it
            ours, theirs = _terminal(fd) if os.isatty(fd) else os.pipe()
            os.dup2(theirs, fd)
            os.close(theirs)
            thread = threading.Thread(target=_copy, args=(ours, real, folder), daemon=True)
            background.start(thread)
            self._parts.append((fd, real, thread))

    def end(self) -> None:
        """Give the descriptors back, and wait for what is still under way."""
        for fd, real, _ in self._parts:
            os.dup2(real, fd)
        for _, _, thread in self._parts:
            thread.join(2)
        self._parts = []


def _copy(ours: int, real: int, folder: Folder) -> None:
    pass_on = True
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        if not data:
            break
        pass_on = pass_on and _write_all(real, data)
        folder.feed(data)
    folder.end()
    os.close(ours)
    os.close(real)
