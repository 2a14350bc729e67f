"""What a folder holds once some of it was written: told from what was seen of it just before.

Where anything is otherwise than it should be by that, nothing is told, and all of it has to be looked at once more.
"""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection

from anew.errors import AnewError
from anew.store.objects import tree
from anew.store.objects.seen import NO_MARK, Seen, SeenFolder, is_own, mark
from anew.store.objects.stat_index import is_racy

HashFile = Callable[[str, os.stat_result], tuple[bytes, int]]


class _Otherwise(Exception):
    """Not what should be there."""


def settle(seen: Seen, key: bytes, touched: Collection[str], get_blob: tree.GetBlob, hash_file: HashFile) -> bool:
    """Make `seen` say that its folder holds the tree `key`; False where that can't be told.

    `touched`: paths, below the folder, of all that was made to be as in the tree since `seen` was.
    """
    try:
        _Settling(seen, touched, get_blob, hash_file).settle(key)
    except (_Otherwise, AnewError, OSError):
        return False
    return True


class _Settling:
    def __init__(self, seen: Seen, touched: Collection[str], get_blob: tree.GetBlob, hash_file: HashFile) -> None:
        self._seen, self._get_blob, self._hash_file = seen, get_blob, hash_file
        self._touched = set(touched)
        self._looked_ns = time.time_ns()
        self._open = {""}  # folders with anything touched below them
        for path in self._touched:
            while path and path not in self._open:
                self._open.add(path)
                path = path.rpartition("/")[0]

    def settle(self, key: bytes) -> None:
        now = {relative: found for relative, found in self._seen.folders.items() if relative not in self._open}
        self._folder("", key, now)
        self._seen.folders = now

    def _folder(self, relative: str, key: bytes, now: dict[str, SeenFolder]) -> SeenFolder:
        before = self._seen.folders.get(relative)
        if relative not in self._open:
            if before is None or before.key != key:
                raise _Otherwise
            return before
        marks = before.by_name() if before is not None else {}
        rows = {row[0]: row for row in tree.rows(key, self._get_blob)}
        names = [name for name in os.listdir(os.path.join(self._seen.path, relative)) if not is_own(name)]
        if len(names) != len(rows):
            raise _Otherwise
        below = f"{relative}/" if relative else ""
        found: list[bytes] = []
        files = size = 0
        for name in names:
            row = rows.get(name)
            if row is None:
                raise _Otherwise
            kind = row[1]
            if kind in ("d", "e"):
                inner = self._folder(below + name, row[2] if kind == "d" else tree.EMPTY, now)
                files, size = files + inner.files, size + inner.size
                found.append(NO_MARK)
                continue
            if kind != "l":
                files, size = files + 1, size + row[3]
            known = self._written(below + name, row) if below + name in self._touched else marks.get(name)
            if known is None:
                raise _Otherwise
            found.append(known)
        now[relative] = SeenFolder("\0".join(names), b"".join(found), key, files, size)
        return now[relative]

    def _written(self, relative: str, row: tree.Row) -> bytes:
        """The mark of what was just written. It is read once more: another process may have changed it since."""
        path = os.path.join(self._seen.path, relative)
        about = os.lstat(path)
        if is_racy(about.st_ctime_ns, self._looked_ns):
            return NO_MARK
        if row[1] == "l":
            as_it_is = os.readlink(path) == row[2]
        else:
            executable = bool(about.st_mode & 0o100) == (row[1] == "x")
            as_it_is = executable and self._hash_file(path, about) == (row[2], row[3])
        if not as_it_is:
            raise _Otherwise
        return mark(about)
