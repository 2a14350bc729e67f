"""What DVC writes into .gitignore files: an entry for each output, in the folder that it is in."""

from __future__ import annotations

import os

from anew.protocols.dvc import durable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from anew.protocols.dvc.git import Git

_SPECIAL = "\\[]!*#?"


def hide(git: Git, paths: Iterable[str]) -> list[str]:
    """Have Git ignore `paths`, those that it does not yet; which files were changed."""
    wanted = list(paths)
    hidden = git.ignored(wanted)
    by_file: dict[str, list[str]] = {}
    for path in wanted:
        if path not in hidden:
            by_file.setdefault(f"{os.path.dirname(path)}/.gitignore", []).append(_entry(path, True))
    for file, entries in by_file.items():
        text = _read(file)
        lines = set(text.splitlines(keepends=True))
        for entry in entries:
            prefix = "" if not text or text.endswith("\n") else "\n"
            new = f"{prefix}{entry}\n"
            if new not in lines:
                text += new
        durable.replace(file, text.encode("utf-8", "surrogateescape"))
    git.ignore_files += by_file
    return list(by_file)


def show(git: Git, paths: Iterable[str]) -> list[str]:
    """Take the entries of `paths` out again; a file that has no other line goes. Which were changed."""
    changed = []
    for path in paths:
        file = f"{os.path.dirname(path)}/.gitignore"
        if not os.path.exists(file):
            continue
        entries = {_entry(path, escaped).strip() for escaped in (True, False)}
        lines = _read(file).splitlines(keepends=True)
        kept = [line for line in lines if line.strip() not in entries]
        if not kept:
            os.unlink(file)
            changed.append(file)
        elif kept != lines:
            durable.replace(file, "".join(kept).encode("utf-8", "surrogateescape"))
            changed.append(file)
    git.ignore_files += changed
    return changed


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _entry(path: str, escaped: bool) -> str:
    name = os.path.basename(path)
    if escaped:
        name = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in name)
    return "/" + name
