"""What stood in a project when a run began: every name, with its size and time, but no content.

A script may ask whether a file is there, how many a folder has, or which is the newest, and read none of them: the
next free number of `runs/exp3`, a folder that says "already unpacked". A recreated project must answer the same.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from anew.capture.code import SKIPPED_FOLDERS
from anew.capture.redact import is_secret_file
from anew.errors import AnewError
from anew.store.objects import Objects

_MOST_NAMES = 20_000
_FOLDER = -1  # in the place of a size

Standing = dict[str, list[int]]  # path below the root: [size or -1, mtime in ns]


def standing(root: Path) -> Standing:
    """The names below `root`, those near the top first; no more than 20,000."""
    found: Standing = {}
    waiting = [""]
    while waiting and len(found) < _MOST_NAMES:
        below, waiting = waiting, []
        for folder in below:
            waiting += _listed(root, folder, found)
    return found


def _listed(root: Path, folder: str, found: Standing) -> list[str]:
    """Add what is in one folder; returns the folders in it."""
    deeper = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if len(found) >= _MOST_NAMES or entry.name in SKIPPED_FOLDERS:
                    continue
                try:
                    info = entry.stat()
                    is_folder = entry.is_dir()
                except OSError:
                    continue  # a link to nowhere, or gone since
                found[name] = [_FOLDER if is_folder else info.st_size, info.st_mtime_ns]
                if is_folder and not entry.is_symlink():
                    deeper.append(name)
    except OSError:
        return deeper
    return deeper


def stand_in(document: dict[str, Any], objects: Objects, root: Path) -> None:
    """Put a folder, or an empty file of the same size, wherever something stood that the run did not read."""
    try:
        stood: Standing = json.loads(objects.get_bytes(document["stood"]))
    except (KeyError, AnewError, ValueError):
        return  # a record of before, or one whose run was killed
    known = {item["path"] for item in document.get("inputs", [])}
    for name, (size, mtime_ns) in stood.items():
        target = root / name
        if size == _FOLDER:
            target.mkdir(parents=True, exist_ok=True)
            continue
        if not target.exists():
            if name in known or is_secret_file(target.name):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                file.truncate(size)
        os.utime(target, ns=(mtime_ns, mtime_ns))
