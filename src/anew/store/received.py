"""Journals that were written elsewhere, and arrive here in pieces: each byte once, in order, and never torn for long.

A run's folder lists them in the file `received`, whose time of modification says when their sender was last heard of:
a writer on another machine can't be asked whether it lives. docs/formats.md, "Sync", has the whole of it.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from anew.errors import Conflict, CorruptData, UsageError
from anew.store.journal import HEADER, OPEN, SEAL
from anew.store.journal_reader import JournalReader
from anew.store.liveness import is_alive
from anew.store.objects.disk import fsync_folder, write_all, writing

LIST = "received"
SILENT_S = 300.0  # so long a sender may say nothing before its writer counts as dead
MOST_PIECE_BYTES = 64 << 20
PIECE_BYTES = 4 << 20
RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
NAME = re.compile(r"journal(-[\w-]{1,180})?", re.ASCII)

_HEAD = struct.Struct("<IIB")
_SEAL_BYTES = _HEAD.size + 32
_MOST_KNOWN = 10_000
# What a frame that passes its checksum and still makes no sense raises somewhere in the reader.
NONSENSE = (CorruptData, ValueError, TypeError, KeyError, IndexError, struct.error, msgpack.exceptions.UnpackException)


class WrongOffset(Conflict):
    """A piece that does not begin where the journal ends. `size`: where that is."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the journal has {size:,} bytes")


class Size(NamedTuple):
    """Bytes up to the end of the last whole frame, and whether that is the seal."""

    size: int
    sealed: bool


def append(folder: Path, name: str, offset: int, piece: bytes) -> int:
    """Add bytes to the journal `name` of the run whose folder that is; returns its size, all of it on the disk.

    Raises WrongOffset, UsageError for what is no journal of this run, Conflict for a journal that is written here or
    whose seal says that what stands before is other bytes, StoreFull.
    """
    if not (NAME.fullmatch(name) and RUN_ID.fullmatch(folder.name)):
        raise UsageError(f"{folder.name[:80]}/{name[:80]} can't be the journal of a run")
    if not piece:
        raise UsageError("the piece is empty")
    if offset == 0:
        _check_start(folder.name, piece)
    elif not (folder / name).exists():
        raise WrongOffset(0)
    path = folder / name
    with _locked(folder) as names, writing(str(path)):
        if name not in names and path.exists():
            raise Conflict(f"{name} of run {folder.name} is written in this very store")
        size, sealed = size_of(path, known=True)
        if offset != size:
            raise WrongOffset(size)
        if sealed:
            raise Conflict(f"{name} of run {folder.name} is sealed: nothing can follow")
        _check_seal(path, size, piece)
        if name not in names:
            _enlist(folder, name)
        if size == 0:
            _begin(path, piece)
        else:
            _extend(path, size, piece)
        os.utime(folder / LIST)
        # The index looks again at a run it took for settled when its folder changed.
        os.utime(folder)
        info = path.stat()
        _remember(path, info, size + len(piece))
    return size + len(piece)


def size_of(path: Path, *, known: bool = False) -> Size:
    """How far a journal is whole. `known`: it is not written by a process of this machine, so a stat tells its state.

    Bytes behind its last whole frame (a piece cut short by a crash, space not yet used) don't count.
    """
    try:
        info = path.stat()
    except FileNotFoundError:
        return Size(0, False)
    if _ends_with_seal(path, info.st_size):
        return Size(info.st_size, True)
    with _ends_lock:
        found = _ends.get(str(path)) if known else None
    if found is not None and found[:2] == (info.st_size, info.st_mtime_ns):
        return Size(found[2], False)
    reader = JournalReader(path)
    try:
        for _ in reader:
            pass
    except NONSENSE:
        pass  # whole are the frames before
    end = reader.offset if reader.offset > len(HEADER) else 0
    if known:
        _remember(path, info, end)
    return Size(end, reader.sealed)


def sizes(folder: Path) -> dict[str, Size]:
    """The journals of a run, and how far each is whole."""
    names = _listed(folder)
    return {path.name: size_of(path, known=path.name in names) for path in journals(folder)}


def journals(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("journal*") if NAME.fullmatch(path.name))


def piece_of(path: Path, offset: int, end: int) -> bytes:
    """What stands from `offset` on, up to `end`: whole frames, 4 MiB or a little less of them, and one at least.

    Both must be places where a frame ends.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(min(PIECE_BYTES, end - offset))
        if offset + len(data) >= end:
            return data
        start = at = len(HEADER) if offset == 0 else 0
        while at + 4 <= len(data):
            behind = at + _HEAD.size + int.from_bytes(data[at : at + 4], "little")
            if behind > len(data):
                break
            at = behind
        if at == start:  # one frame that is larger
            at += _HEAD.size + int.from_bytes(data[at : at + 4], "little")
            data += file.read(min(at, end - offset) - len(data))
    return data[:at]


def heard_of(folder: Path, *, alive: bool = True) -> bool:
    """Note that the sender of a run's journals spoke just now, or said that all their writers are gone.

    Returns whether that is news; never where no journal of the run was received.
    """
    path = folder / LIST
    try:
        before = path.stat().st_mtime
        if alive or before > 0:
            os.utime(path, None if alive else (0, 0))
        news = alive != (time.time() - before < SILENT_S)
        if news:
            os.utime(folder)  # the index looks again at a run it took for settled when its folder changed
    except FileNotFoundError:
        return False
    return news


def is_writing(path: Path, who: dict[str, Any]) -> bool:
    """Whether the writer of the journal at `path`, which `who` (the body of its open frame) names, is alive."""
    if path.name not in _listed(path.parent):
        return is_alive(who)
    try:
        return time.time() - (path.parent / LIST).stat().st_mtime < SILENT_S
    except FileNotFoundError:
        return False


def seal_of(end: bytes) -> bytes | None:
    """The digest in the seal that `end` ends with; None when it ends with anything else."""
    if len(end) < _SEAL_BYTES:
        return None
    frame = end[-_SEAL_BYTES:]
    size, crc, kind = _HEAD.unpack_from(frame)
    if (size, kind) != (32, SEAL) or zlib.crc32(frame[8:]) != crc:
        return None
    return frame[_HEAD.size :]


_ends: dict[str, tuple[int, int, int]] = {}  # path: size and mtime of the file, and where its last whole frame ends
_ends_lock = threading.Lock()


def _remember(path: Path, info: os.stat_result, end: int) -> None:
    with _ends_lock:
        _ends.pop(str(path), None)
        _ends[str(path)] = info.st_size, info.st_mtime_ns, end
        if len(_ends) > _MOST_KNOWN:
            del _ends[next(iter(_ends))]


@contextmanager
def _locked(folder: Path) -> Iterator[list[str]]:
    """Hold the lock of a run's received journals; gives their names. Makes folder and list."""
    path = folder / LIST
    with writing(str(path)):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            fsync_folder(str(folder.parent))
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield _listed(folder)
    finally:
        os.close(fd)


def _listed(folder: Path) -> list[str]:
    try:
        # A line without its end was cut short by a crash, before the journal was made.
        return (folder / LIST).read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []


def _enlist(folder: Path, name: str) -> None:
    """Put `name` on the list, before there is a journal of that name."""
    path = folder / LIST
    names = [*_listed(folder), name]
    fd = os.open(path, os.O_WRONLY)
    try:
        text = "".join(f"{one}\n" for one in names).encode()
        os.ftruncate(fd, min(os.fstat(fd).st_size, len(text) - len(name) - 1))
        os.lseek(fd, 0, os.SEEK_END)
        write_all(fd, f"{name}\n".encode())
        os.fsync(fd)
    finally:
        os.close(fd)


def _begin(path: Path, piece: bytes) -> None:
    """A journal is there with its first piece, or not at all: half a header would count as no journal for good."""
    part = path.with_name(f"part-{path.name}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        write_all(fd, piece)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(part, path)
    fsync_folder(str(path.parent))


def _extend(path: Path, size: int, piece: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        try:
            if os.fstat(fd).st_size != size:
                os.ftruncate(fd, size)  # what a crash left of a piece that was never acknowledged
            os.lseek(fd, size, os.SEEK_SET)
            write_all(fd, piece)
            os.fdatasync(fd)
        except OSError:
            os.ftruncate(fd, size)
            raise
    finally:
        os.close(fd)


def _check_start(run_id: str, piece: bytes) -> None:
    """A journal starts with its header, and the word of its writer which run it is of."""
    at = len(HEADER)
    if not piece.startswith(HEADER) or len(piece) < at + _HEAD.size:
        raise UsageError("this is not the start of a journal")
    size, crc, kind = _HEAD.unpack_from(piece, at)
    frame = piece[at + 8 : at + _HEAD.size + size]
    if kind != OPEN or len(frame) != size + 1 or zlib.crc32(frame) != crc:
        raise UsageError("a journal's first frame must say who writes it")
    try:
        body = msgpack.unpackb(frame[1:], unicode_errors="surrogatepass", strict_map_key=False)
        found = body["run"]
    except NONSENSE as error:
        raise UsageError(f"a journal's first frame must say who writes it ({error})") from None
    if found != run_id:
        raise UsageError(f"this is a journal of run {found!r:.80}, not of {run_id}")


def _check_seal(path: Path, size: int, piece: bytes) -> None:
    """Conflict when `piece` ends with a seal that does not fit what would stand before it."""
    seal = seal_of(piece)
    if seal is None:
        return
    from blake3 import blake3

    hasher, left = blake3(), size
    if size:
        with path.open("rb") as file:
            while left and (data := file.read(min(left, 1 << 22))):
                hasher.update(data)
                left -= len(data)
    hasher.update(piece[:-_SEAL_BYTES])
    if hasher.digest() != seal:
        raise Conflict(f"the seal of {path.name} does not fit: the bytes before it are others than its writer wrote")


def _ends_with_seal(path: Path, size: int) -> bool:
    if size < len(HEADER) + _SEAL_BYTES:
        return False
    with path.open("rb") as file:
        file.seek(size - _SEAL_BYTES)
        return seal_of(file.read()) is not None
