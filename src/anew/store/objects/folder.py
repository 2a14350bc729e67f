"""A real folder, taken into the store and put back."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from anew.errors import StoreError, UsageError
from anew.store.objects import tree
from anew.store.objects.disk import reading, writing
from anew.store.objects.values import Entry

OWN_FOLDER = ".anew"  # a store does not store itself


def snapshot(
    path: str,
    put_file: Callable[[str, os.stat_result], tuple[bytes, int]],
    put_blob: tree.PutBlob,
    depth: int = 1,
) -> bytes:
    """Store what `path` holds; the key of its tree. Links are kept, not followed.

    `put_file(path, stat)` stores a file and gives its key and size.
    """
    if depth > tree.DEPTH_MAX:
        raise UsageError(f"{path} is deeper than {tree.DEPTH_MAX} folders")
    rows: list[tree.Row] = []
    with reading(path):
        for entry in list(os.scandir(path)):
            name = entry.name
            about = entry.stat(follow_symlinks=False)
            mode = about.st_mode
            if name == OWN_FOLDER:
                continue
            if stat.S_ISREG(mode):
                key, size = put_file(entry.path, about)
                rows.append([name, "x" if mode & 0o100 else "f", key, size])
            elif stat.S_ISLNK(mode):
                rows.append([name, "l", os.readlink(entry.path)])
            elif stat.S_ISDIR(mode):
                key = snapshot(entry.path, put_file, put_blob, depth + 1)
                rows.append([name, "e"] if key == EMPTY else [name, "d", key])
            else:
                raise StoreError(f"{entry.path} is no file, folder or link: remove it or leave it out")
    return tree.put_rows(rows, put_blob)


def restore(entries: Iterable[Entry], folder: str, restore_file: Callable[[str, str, bool], None]) -> None:
    """Put entries into `folder`, made if missing. Files and links there are replaced, the rest left alone.

    StoreError where that would go through a link, or a folder is where a file should be, or the reverse.
    """
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
    safe = {""}  # folders below `folder` known to be folders, and no links
    for entry in entries:
        parts = entry.path.split("/")
        if any(tree.name_fault(part) for part in parts):
            raise UsageError(f"{entry.path!r} leaves the folder it is restored to")
        for end in range(1, len(parts) + (entry.kind == "dir")):
            _make_folder(folder, "/".join(parts[:end]), safe)
        path = os.path.join(folder, entry.path)
        if entry.kind == "file":
            _refuse_folder(path)
            restore_file(entry.digest, path, entry.executable)
        elif entry.kind == "link":
            _refuse_folder(path)
            temporary = f"{path[:-1]}.anew-{os.urandom(4).hex()}"
            with writing(path):
                os.symlink(entry.target, temporary)
                os.rename(temporary, path)


def _make_folder(folder: str, relative: str, safe: set[str]) -> None:
    if relative in safe:
        return
    path = os.path.join(folder, relative)
    with writing(path):
        try:
            os.mkdir(path)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise StoreError(f"{path} is in the way: a folder should be there, remove it first") from None
    safe.add(relative)


def _refuse_folder(path: str) -> None:
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            raise StoreError(f"{path} is in the way: a file should be there, remove the folder first")
    except FileNotFoundError:
        pass


def _empty_key() -> bytes:
    keys: list[bytes] = []

    def keep(blob: bytes) -> bytes:
        from anew.store.objects.record import digest

        keys.append(digest(blob))
        return keys[-1]

    return tree.put_rows([], keep)


EMPTY = _empty_key()
