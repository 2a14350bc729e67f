"""The index of a pack that still grows."""

from __future__ import annotations

import os
import struct

from anew.errors import CorruptData
from anew.store.objects import frames

MAGIC = b"ANEWL\x01\r\n"
ENTRY = struct.Struct("<32sII")


class LiveIndex:
    """Follows one `.live` file as its writer appends. `entries` maps key to (offset, stored)."""

    def __init__(self, path: str, name: str) -> None:
        """OSError when it is gone."""
        self.path, self.name = path, name
        self.entries: dict[bytes, tuple[int, int]] = {}
        self._position = 0
        self._fd = os.open(path, os.O_RDONLY)
        self.advance()

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)

    def advance(self) -> None:
        """Take in the frames that have been added."""
        size = os.fstat(self._fd).st_size
        if size <= self._position:
            return
        data = os.pread(self._fd, size - self._position, self._position)
        start = 0
        if self._position == 0:
            if len(data) < len(MAGIC) or not data.startswith(MAGIC):
                return
            start = len(MAGIC)
        found, used = frames.unframe(data[start:], ENTRY.size)
        entries = dict(self.entries)  # a new one: others look up without a lock
        for batch in found:
            entries.update((key, (offset, stored)) for key, offset, stored in ENTRY.iter_unpack(batch))
        self.entries = entries
        self._position += start + used

    @property
    def clean(self) -> bool:
        """Whether every byte of the file has been taken in."""
        return self._position > 0 and os.fstat(self._fd).st_size == self._position

    def check(self) -> None:
        """CorruptData when a frame that is wholly there is not good: not torn, but rotten."""
        if self.clean:
            return
        data = os.pread(self._fd, len(MAGIC) + frames.HEAD.size, self._position)
        size_left = os.fstat(self._fd).st_size - self._position
        if self._position == 0:
            if size_left >= len(MAGIC) and not data.startswith(MAGIC):
                raise CorruptData(f"{self.path}: not the index of a pack")
            return
        count = frames.HEAD.unpack_from(data)[0] if size_left >= frames.HEAD.size else 0
        if count and size_left >= frames.HEAD.size + count * ENTRY.size:
            raise CorruptData(
                f"{self.path} at offset {self._position}: a frame of the index fails its checksum;"
                " the next writer recovers it from the pack"
            )
