"""The journal: what one process has to say about one run, kept from the moment the call returns.

The format is written down in docs/formats.md. This module writes; `journal_reader` reads.
"""

from __future__ import annotations

import math
import mmap
import operator
import os
import struct
import sys
import threading
import time
import warnings
import weakref
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from anew import background
from anew.errors import StoreError, StoreFull
from anew.store import liveness

HEADER = b"ANEWJ\x01\r\n"
OPEN, SCHEMA, POINTS, POINTS_FLOAT, EVENT, SEAL = 1, 2, 3, 4, 5, 6

_head = struct.Struct("<II").pack  # size of the payload, crc32 of type and payload; the type byte follows
_crc32, _now = zlib.crc32, time.time
# Python without a global lock has no stretch of code that another thread can't enter: there `log` takes ours.
_LOCKED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_FIRST_CAPACITY_BYTES = 1 << 16
_MOST_GROWTH_BYTES = 1 << 24
_MOST_PENDING_BYTES = 1 << 26
_MOST_DEPTH = 64
_SYNC_EVERY_S = 1.0
_RETRY_EVERY_S = 1.0
# A store into a mapped page that the far end can't back is a SIGBUS, and would kill the training run.
_UNMAPPABLE = {"nfs", "nfs4", "cifs", "smb3", "9p", "lustre", "gpfs", "afs", "ceph", "glusterfs", "beegfs"}


class JournalWriter:
    """Appends frames to one journal. Safe to use from any thread and any signal handler; a forked child opens its own.

    `fallback(data, step)` is called with what `log` can't take as plain numbers; it defaults to raising. With `synced`
    a thread flushes to the disk each second, and closing does; without, whoever holds many writers flushes their files.
    Raises StoreError when the file exists, or can't be made.
    """

    _fd: int
    _position: int
    _room: int
    _schemas: dict[tuple[str, ...], tuple[int, Callable[..., bytes], int]]

    def __init__(
        self,
        path: Path,
        *,
        run: str,
        writer: str = "main",
        mapped: bool | None = None,
        synced: bool = True,
        fallback: Callable[[Mapping[str, Any], Any], None] | None = None,
    ) -> None:
        self.path, self.run, self.writer = path, run, writer
        self._fallback = fallback or _refuse
        self._mapped = is_mappable(path.parent) if mapped is None else mapped
        self._synced = synced
        self._told = False
        self._step: float = -1
        self._pending: list[bytes] = []  # frames that found no space
        self._open()
        _live.add(self)

    def log(self, data: Mapping[str, Any], step: float | None = None) -> None:
        """Append the numbers in `data` at `step` (by default, one after the last). The hot path: about 1 µs a call."""
        try:
            schema_id, pack, size = self._schemas[tuple(data)]
            if step is None:
                step = self._step = self._step + 1
                payload = pack(POINTS, schema_id, _now(), step, *data.values())
            else:
                payload = pack(POINTS, schema_id, _now(), step, *data.values())
                self._step = step
            frame = _head(size - 9, _crc32(payload)) + payload
            # From here to the return nothing is called: CPython lets neither another thread nor a signal handler in.
            # So the bytes and the position move together, and no lock is needed (see _LOCKED for where it is).
            position = self._position
            end = position + size
            if end <= self._room:
                self._map[position:end] = frame
                self._position = end
                return
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, struct.error):
            self._log_slowly(data, step)
            return
        self._put(frame)

    def log_beside(self, data: Mapping[str, float], step: int) -> None:
        """`log` of plain numbers without moving the step that the next call without one takes."""
        self.points(tuple(data), list(data.values()), step, moves=False)

    def points(
        self,
        names: tuple[str, ...],
        values: Sequence[float],
        step: float | None,
        *,
        moves: bool = True,
        time: float | None = None,
    ) -> None:
        """Append one point of each name at `step`, which may be anything that `stamp` takes. Raises what it raises.

        `time`: when they were taken (seconds since 1970), by default now.
        """
        if not self._is_open():
            return
        if step is None:
            step = self._step = self._step + 1
        at = stamp(step)
        if moves and math.isfinite(at):
            self._step = at
        if not names:
            return
        known = self._schemas.get(names)
        schema_id = known[0] if known else self._new_schema(names)
        kind, form = (POINTS, "q") if isinstance(at, int) else (POINTS_FLOAT, "d")
        taken = _now() if time is None else time
        self._append(struct.pack(f"<BId{form}{len(names)}d", kind, schema_id, taken, at, *values))

    def rows(self, names: tuple[str, ...], rows: Iterable[tuple[Sequence[float], int, float]]) -> None:
        """Append many points of the same names in one write: each (values, whole step, seconds since 1970)."""
        if not self._is_open():
            return
        if names not in self._schemas:
            self._new_schema(names)
        schema_id, pack, size = self._schemas[names]
        frames = []
        for values, step, taken in rows:
            payload = pack(POINTS, schema_id, taken, step, *values)
            frames.append(_head(size - 9, _crc32(payload)) + payload)
            self._step = step
        self._put(b"".join(frames))

    def event(self, kind: str, body: Mapping[str, Any], at: float | None = None) -> None:
        """Append anything that is not a number. Values msgpack has no type for are kept as their repr."""
        if self._is_open():
            self._append(bytes([EVENT]) + _pack([kind, _now() if at is None else at, body]))

    @property
    def behind(self) -> bool:
        """Whether something could not be written yet, and is kept in memory: the disk is full."""
        return bool(self._pending)

    @property
    def step(self) -> float:
        """The step of the last call to `log`; -1 before the first."""
        return self._step

    def seal(self) -> None:
        """Close with the digest of everything written, the file cut to its length."""
        from blake3 import blake3

        with self._lock:
            if self._leave() or self._fd < 0:
                return
            self._retry_at = 0.0
            self._drain()
            if not self._pending:
                hasher, at = blake3(), 0
                while at < self._position:
                    piece = os.pread(self._fd, min(1 << 22, self._position - at), at)
                    if not piece:
                        break
                    hasher.update(piece)
                    at += len(piece)
                self._append(bytes([SEAL]) + hasher.digest())
            self.close()

    def close(self) -> None:
        """Stop writing without a seal (a journal without one is whole, too, but can't prove it)."""
        with self._lock:
            if self._leave() or self._fd < 0:
                return
            self._retry_at = 0.0
            self._drain()
            if self._pending:
                self._spill(self._pending)
                self._pending = []
            fd, self._fd = self._fd, -1
            self._schemas, self._room = {}, -1
            self._replace_map(None)
            try:
                if self._mapped:
                    os.ftruncate(fd, self._position)
                if self._synced:
                    os.fsync(fd)
            except OSError as error:
                warn(f"anew: {self.path} could not be flushed: {error}")
            os.close(fd)
        _live.discard(self)

    def sync(self) -> None:
        """Flush to the disk what was written so far."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def _open(self) -> None:
        self._schemas = {}
        self._schema_count = 0
        self._position = self._capacity = 0
        self._room = -1  # how far `log` may write by itself
        self._map: Any = None
        self._pending_bytes = 0
        self._retry_at = 0.0
        self._start_anew()
        self._pid = os.getpid()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            self._fd = -1
            if isinstance(error, FileExistsError) and self.path.exists():
                raise StoreError(f"{self.path} exists: a journal has one writer only") from None
            raise StoreFull(f"cannot write {self.path}: {error.strerror}; set ANEW_STORE elsewhere") from error
        self._put(HEADER)
        body = {"run": self.run, "writer": self.writer, "time": time.time(), **liveness.identity()}
        self._append(bytes([OPEN]) + _pack(body))

    def _start_anew(self) -> None:
        """Forget what other threads of a parent were doing when it forked."""
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._later: list[bytes] = []
        self._writing = False

    def _is_open(self) -> bool:
        """Whether there is a file to write to; takes a forked child to its own, and tells the user once if not."""
        if self._pid != os.getpid():
            self._reopen_after_fork()
        if self._fd < 0 and not self._told:
            self._told = True
            warn(f"anew: run {self.run} is finished; what is logged to it now is not kept")
        return self._fd >= 0

    def _log_slowly(self, data: Mapping[str, Any], step: float | None) -> None:
        if not self._is_open():
            return
        try:
            names = tuple(data)
            values = [float(value) for value in data.values() if not isinstance(value, (str, bytes, bytearray))]
            if len(values) != len(names) or not all(type(name) is str for name in names):
                raise TypeError
            at = None if step is None else stamp(step)
        except Exception:  # values of any make: what they are is for the fallback to find out
            self._fallback(data, step)
            return
        self.points(names, values, at)

    def _new_schema(self, names: tuple[str, ...]) -> int:
        schema_id = self._schema_count
        self._schema_count = schema_id + 1  # nothing called since it was read: no two schemas get one id
        self._append(bytes([SCHEMA]) + struct.pack("<I", schema_id) + _pack(names))
        shape = struct.Struct(f"<BIdq{len(names)}d")
        self._schemas[names] = schema_id, shape.pack, 8 + shape.size
        return schema_id

    def _append(self, payload: bytes) -> None:
        """Append a frame whose payload starts with its type byte."""
        self._put(_head(len(payload) - 1, _crc32(payload)) + payload)

    def _put(self, frame: bytes) -> None:
        """Write a frame; in the midst of another (we are in a signal handler), leave it to be written right after."""
        with self._lock:
            self._later.append(frame)
            if not self._writing and self._fd >= 0:
                self._drain()
            if self._synced and self._thread is None and self._position > len(HEADER):
                self._thread = threading.Thread(target=_sync_forever, args=(weakref.ref(self),), daemon=True)
                background.start(self._thread)

    def _drain(self) -> None:
        self._writing, self._room = True, -1  # sends `log` here, to keep the order
        try:
            if self._pending:
                self._retry()
            while self._later:
                self._write(self._later.pop(0))
        finally:
            self._writing = False
            self._room = self._capacity if not self._pending and not _LOCKED else -1

    def _write(self, frame: bytes) -> None:
        if self._pending and not self._retry():
            self._hold(frame)
            return
        try:
            self._place(frame)
        except OSError as error:
            self._fail(frame, error)

    def _place(self, frame: bytes) -> None:
        if not self._mapped:
            _write_all(self._fd, frame)
            self._position += len(frame)
            return
        end = self._position + len(frame)
        if end > self._capacity:
            self._grow(end)
        self._map[self._position : end] = frame
        self._position = end

    def _grow(self, need: int) -> None:
        more = min(max(self._capacity, _FIRST_CAPACITY_BYTES), _MOST_GROWTH_BYTES)
        capacity = -(-max(need, self._capacity + more) // mmap.PAGESIZE) * mmap.PAGESIZE
        # Space is taken before it is written, so that a full disk is an error here and not a SIGBUS there.
        try:
            os.posix_fallocate(self._fd, self._capacity, capacity - self._capacity)
        except OSError:
            capacity = -(-need // mmap.PAGESIZE) * mmap.PAGESIZE  # what is left may do for this one
            os.posix_fallocate(self._fd, self._capacity, capacity - self._capacity)
        self._replace_map(mmap.mmap(self._fd, capacity))
        self._capacity = capacity

    def _replace_map(self, new: Any) -> None:
        old, self._map = self._map, new
        if old is not None:
            old.close()

    def _fail(self, frame: bytes, error: OSError) -> None:
        if not self._pending:
            warn(
                f"anew: cannot write {self.path} ({error.strerror}); keeping what is logged in memory and trying "
                "again; training goes on"
            )
        self._retry_at = time.monotonic() + _RETRY_EVERY_S
        self._hold(frame)

    def _hold(self, frame: bytes) -> None:
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if self._pending_bytes > _MOST_PENDING_BYTES:
            # The declarations stay: without them what is logged when there is space again could not be read.
            self._spill([held for held in self._pending if not _is_declaration(held)])
            self._pending = [held for held in self._pending if _is_declaration(held)]
            self._pending_bytes = sum(map(len, self._pending))

    def _retry(self) -> bool:
        """Write what is held; False when there is still no space."""
        if time.monotonic() < self._retry_at:
            return False
        done = 0
        try:
            for frame in self._pending:
                self._place(frame)
                done += 1
        except OSError:
            self._retry_at = time.monotonic() + _RETRY_EVERY_S
        self._pending_bytes -= sum(map(len, self._pending[:done]))
        del self._pending[:done]
        return not self._pending

    def _spill(self, held: list[bytes]) -> None:
        """Last resort of a full disk: what is held goes beside the temporary files, and the user is told where."""
        import tempfile  # brings in random and hashlib: too much for every start

        path = Path(tempfile.gettempdir()) / f"anew-{self.run}-{self.writer}-{self._position}.frames"
        try:
            with path.open("ab") as file:
                file.writelines(held)
            note = f"they are in {path}: append that file to the journal when there is space"
        except OSError as error:
            note = f"nor {path}: {error.strerror}; they are lost"
        warn(f"anew: {len(held)} records could not be written to {self.path}; {note}")

    def _leave(self) -> bool:
        """In a forked child that never wrote: let go of the parent's file, which is not ours to cut or seal."""
        if self._pid == os.getpid():
            return False
        self._forget_parent()
        return True

    def _forget_parent(self) -> None:
        fd, self._fd, self._pid = self._fd, -1, os.getpid()
        self._map = None  # unmaps our side only: the file is not touched
        self._pending = []
        if fd >= 0:
            os.close(fd)

    def _reopen_after_fork(self) -> None:
        """The parent goes on in its own file; the child gets one named for its pid."""
        with self._lock:
            if self._pid == os.getpid():
                return
            was_open = self._fd >= 0
            self._forget_parent()
            if not was_open:
                return
            stem = self.path.name.partition("-")[0]
            tag = f"{os.getpid()}-{liveness.start_tick(os.getpid()) or 0}"
            self.path, self.writer = self.path.with_name(f"{stem}-{tag}"), tag
            try:
                self._open()
            except StoreError as error:
                self._told = True
                warn(f"anew: what this process logs is not kept: {error}")


_live: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _after_fork() -> None:
    for journal in _live:
        # No schema and no room: the next call leaves the fast path, sees the pid and opens the child's own file.
        journal._schemas, journal._room = {}, -1
        journal._start_anew()


os.register_at_fork(after_in_child=_after_fork)


def _sync_forever(reference: weakref.ref[JournalWriter]) -> None:
    synced = 0
    while True:
        time.sleep(_SYNC_EVERY_S)
        journal = reference()
        if journal is None or journal._fd < 0 or journal._pid != os.getpid():
            return
        if journal._position != synced:
            synced = journal._position
            try:
                journal.sync()
            except OSError:
                pass  # a failing disk is reported by the write that meets it
        del journal


def _refuse(data: Mapping[str, Any], step: Any) -> None:
    raise TypeError(f"only numbers can be logged as points, not {data!r:.200}")


def warn(message: str) -> None:
    """Warn of the line of the user's own code that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "anew":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def stamp(step: Any) -> int | float:
    """`step` as it is kept: an integer of 64 bits where it is a whole number that fits, else a float.

    Raises TypeError, ValueError or OverflowError for what is no number.
    """
    if isinstance(step, (str, bytes, bytearray)):
        raise TypeError(f"a step is a number, not {step!r:.80}")
    try:
        whole = operator.index(step)
    except TypeError:
        number = float(step)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return whole if -(2**63) <= whole < 2**63 else float(whole)


def _is_declaration(frame: bytes) -> bool:
    return frame == HEADER or frame[8:9] in (bytes([OPEN]), bytes([SCHEMA]))


def _write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, or nothing: half a frame would hide those after it."""
    view = memoryview(data)
    try:
        view = view[os.write(fd, data) :]
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        start = os.lseek(fd, 0, os.SEEK_CUR) - (len(data) - len(view))
        os.ftruncate(fd, start)
        os.lseek(fd, start, os.SEEK_SET)
        raise


def _pack(value: Any) -> bytes:
    import msgpack

    try:
        return bytes(msgpack.packb(value, unicode_errors="surrogatepass", default=_plain))
    except (OverflowError, ValueError, TypeError, RecursionError):
        return bytes(msgpack.packb(_plain(value), unicode_errors="surrogatepass"))


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` in types that msgpack has: the rare path for huge integers, odd keys, paths, sets, array scalars.

    What can only be walked by using it up (a generator, a data loader) is left alone: it is kept as its repr.
    """
    if isinstance(value, (str, bytes, float, bool)) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    try:
        if depth < _MOST_DEPTH:
            if isinstance(value, Mapping):
                items = value.items()
                return {key if isinstance(key, str) else str(key): _plain(item, depth + 1) for key, item in items}
            if isinstance(value, (list, tuple, Set, range)):
                return [_plain(item, depth + 1) for item in value]
            if isinstance(value, os.PathLike):
                return os.fspath(value)
            if callable(getattr(value, "tolist", None)):
                return _plain(value.tolist(), depth + 1)
        return repr(value)
    except Exception as error:  # a value whose own methods fail must not end the training
        return f"<{type(value).__name__} that can't be read: {type(error).__name__}>"


def is_mappable(folder: Path) -> bool:
    """Whether files below `folder` lie on a local disk, by the type of the file system mounted deepest above it."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    there = os.path.realpath(folder)
    deepest, kind = -1, ""
    for line in mounts:
        head, _, tail = line.partition(" - ")
        point = head.split(" ")[4].replace("\\040", " ").rstrip("/")
        if (there == point or there.startswith(point + "/")) and len(point) >= deepest:
            deepest, kind = len(point), tail.split(" ")[0]
    return kind not in _UNMAPPABLE and not kind.startswith("fuse")
