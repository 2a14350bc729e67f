"""What a folder held when it was last taken in or put back: what is the same since need not be read again."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import os
import re
import struct
import zlib
from typing import NamedTuple

import msgpack

OWN_FOLDER = ".anew"
_LEFT = re.compile(r"\.anew-[0-9a-f]{16}\.tmp")
MAGIC = b"ANEWF\x01\r\n"
_CHECK = struct.Struct("<I")
MARK = struct.Struct("<IQQqq")  # mode, inode, size, mtime_ns, ctime_ns
_MARK_BYTES = struct.Struct(f"{MARK.size}s")
NO_MARK = bytes(MARK.size)  # of a folder, and of what may change again without its times changing


class SeenFolder(NamedTuple):
    """One folder, in the order the system lists it. `files` and `size` (bytes) count all below it."""

    names: str  # joined by "\\0"
    marks: bytes
    key: bytes  # of its tree, all of which is stored
    files: int
    size: int

    def by_name(self) -> dict[str, bytes]:
        """The mark of each."""
        marks = [found for (found,) in _MARK_BYTES.iter_unpack(self.marks)]
        return dict(zip(self.names.split("\0"), marks, strict=True)) if marks else {}


class Seen:
    """What one path held, in a file that may be deleted at any time. Not thread-safe."""

    def __init__(self, file: str, path: str) -> None:
        self.file, self.path = file, path
        self.folders: dict[str, SeenFolder] = {}  # by their path below `path`, "" for itself
        self.device = -1

    @classmethod
    def load(cls, file: str, path: str) -> Seen:
        """What was saved; nothing where that is gone, broken, or of another path."""
        seen = cls(file, path)
        try:
            with open(file, "rb") as opened:
                data = opened.read()
        except OSError:
            return seen
        body = memoryview(data)[len(MAGIC) + _CHECK.size :]
        if not data.startswith(MAGIC) or len(data) < len(MAGIC) + _CHECK.size:
            return seen
        if zlib.crc32(body) != _CHECK.unpack_from(data, len(MAGIC))[0]:
            return seen
        device, of, folders = msgpack.unpackb(body, raw=False, unicode_errors="surrogateescape")
        if of == path:
            seen.device = device
            seen.folders = {relative: SeenFolder(*rest) for relative, *rest in folders}
        return seen

    def save(self) -> None:
        """Keep it; failing to is no error, and costs time later."""
        folders = [[relative, *folder] for relative, folder in self.folders.items()]
        body = msgpack.packb([self.device, self.path, folders], unicode_errors="surrogateescape")
        temporary = f"{self.file}.{os.getpid()}.tmp"
        try:
            os.makedirs(os.path.dirname(self.file), exist_ok=True)
            with open(temporary, "wb") as opened:
                opened.write(MAGIC + _CHECK.pack(zlib.crc32(body)) + body)
            os.replace(temporary, self.file)
        except OSError:
            pass


def is_own(name: str) -> bool:
    """Whether it is no data: a store does not store itself, nor what a writer that died left behind."""
    return name[:5] == OWN_FOLDER and (name == OWN_FOLDER or _LEFT.fullmatch(name) is not None)


def mark(about: os.stat_result) -> bytes:
    """What must be the same for a file to be the same."""
    return MARK.pack(about.st_mode, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
