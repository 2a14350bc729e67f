"""What Git LFS leaves where it did not bring a file's content: a few lines that name it, and that are no data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_BEGINS = b"version https://git-lfs.github.com/spec/"
_SIZE_MAX = 1024  # by its specification


def stand_ins(path: Path, top: Path) -> Iterator[Path]:
    """The files at or below `path` that hold such lines. Where no .gitattributes from `top` on names Git LFS, none is
    looked for.
    """
    folders = [folder for folder in (path, *path.parents) if folder.is_relative_to(top)]
    if not any(_names_lfs(folder / ".gitattributes") for folder in folders):
        return
    todo = [path]
    while todo:
        at = todo.pop()
        if not at.is_dir():
            if _is_stand_in(at):
                yield at
            continue
        with os.scandir(at) as entries:
            todo += [
                Path(entry.path)
                for entry in entries
                if entry.is_dir(follow_symlinks=False)
                or (entry.is_file(follow_symlinks=False) and entry.stat().st_size <= _SIZE_MAX)
            ]


def _names_lfs(attributes: Path) -> bool:
    try:
        return b"filter=lfs" in attributes.read_bytes()
    except OSError:
        return False


def _is_stand_in(file: Path) -> bool:
    if file.stat().st_size > _SIZE_MAX:
        return False
    return file.read_bytes().startswith(_BEGINS)
