"""The project's source as it stood when the run began: where git has it, and every byte of it in the object store."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.capture.redact import Redactor, is_secret_file
from anew.errors import AnewError
from anew.store.objects import Entry, Objects

CODE_SUFFIXES = {
    ".py", ".pyi", ".pyx", ".pxd", ".ipynb", ".sh", ".bash", ".r", ".jl", ".c", ".cc", ".cpp", ".h", ".hpp", ".cu",
    ".cuh", ".rs", ".go", ".java", ".sql", ".lua", ".m",
}  # fmt: skip
TEXT_SUFFIXES = CODE_SUFFIXES | {
    ".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".env", ".txt", ".md", ".conf",
    ".csv", ".tsv", ".log", ".html", ".xml",
}  # fmt: skip
SKIPPED_FOLDERS = {
    ".git", ".anew", "__pycache__", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    ".tox", ".ipynb_checkpoints", "site-packages", ".hg", ".svn", ".idea", ".vscode",
}  # fmt: skip
_MOST_FILE_BYTES = 1 << 20
_MOST_FILES = 5_000
_MOST_WALKED = 20_000


@dataclass
class Snapshot:
    """The captured source: `body` is the run's `code` record, `entries` the files by path below the project's root."""

    body: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)

    def store(self, objects: Objects) -> dict[str, Any]:
        """Write the tree; returns the record with its digest."""
        self.body["tree"] = objects.put_tree(self.entries.values())
        self.body["files"] = len(self.entries)
        return self.body


def is_code(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in CODE_SUFFIXES


def snapshot(root: Path, objects: Objects, redactor: Redactor) -> Snapshot:
    """Take the source below `root`: what git tracks, and untracked source; without git, source files by suffix.

    Files over 1 MiB are left to the record of inputs, which keeps them when they are read.
    """
    git = _git(root, redactor)
    shot = Snapshot(git if git is not None else {"vcs": None})
    if git is not None:
        names = _git_names(root, git)
        _store_diff(root, git, objects, redactor)
    else:
        names = _walk(root)
    left_out = 0
    for name in names:
        if len(shot.entries) >= _MOST_FILES:
            left_out += 1
            continue
        try:
            entry = take(root / name, name, objects, redactor, shot.body)
        except (OSError, AnewError):
            continue  # vanished, or not ours to read: if the run needs it, the record of opened files says so
        if entry is not None:
            shot.entries[name] = entry
    if left_out:
        shot.body["left_out"] = left_out
    return shot


def take(
    path: Path,
    name: str,
    objects: Objects,
    redactor: Redactor,
    body: dict[str, Any],
    most_bytes: int = _MOST_FILE_BYTES,
) -> Entry | None:
    """Store one file as `name`; None for what is no file, too large, or a secret. Notes redactions in `body`."""
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        return Entry(name, "link", target=os.readlink(path))
    if not stat.S_ISREG(info.st_mode) or info.st_size > most_bytes:
        return None
    if is_secret_file(os.path.basename(name)):
        _append_once(body, "secret_files", name)
        return None
    executable = bool(info.st_mode & stat.S_IXUSR)
    found = objects.hash_file(path)
    if not objects.has(found.digest):  # what is there was looked through when it came
        suffix = os.path.splitext(name)[1].lower()
        if suffix in TEXT_SUFFIXES or not suffix:
            data = path.read_bytes()
            masked = redactor.data(data)
            if masked != data:
                redacted = body.setdefault("redacted", {})
                redacted[name] = found.digest
                return Entry(name, "file", objects.put_bytes(masked), len(masked), executable)
        objects.put_file(path)
    return Entry(name, "file", found.digest, found.size, executable)


def _append_once(body: dict[str, Any], key: str, value: str) -> None:
    values = body.setdefault(key, [])
    if value not in values:
        values.append(value)


def _run_git(root: Path, *arguments: str) -> bytes | None:
    command = ["git", "--no-optional-locks", "-c", "core.quotepath=off", "-C", str(root), *arguments]
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, env=environ, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _git(root: Path, redactor: Redactor) -> dict[str, Any] | None:
    """Commit, branch, remote and what differs from the commit; None outside of git."""
    if not (root / ".git").exists():
        return None
    text = _run_git(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all")
    if text is None:
        return None
    body: dict[str, Any] = {"vcs": "git", "commit": None, "branch": None, "dirty": False}
    modified, untracked = [], []
    for field_ in text.decode("utf-8", "surrogateescape").split("\0"):
        if field_.startswith("# branch.oid ") and not field_.endswith("(initial)"):
            body["commit"] = field_[13:]
        elif field_.startswith("# branch.head "):
            body["branch"] = None if field_.endswith("(detached)") else field_[14:]
        elif field_.startswith("? "):
            untracked.append(field_[2:])
        elif field_.startswith(("1 ", "u ")):
            modified.append(field_.split(" ", 8 if field_[0] == "1" else 10)[-1])
        elif field_.startswith("2 "):
            modified.append(field_.split(" ", 9)[-1])
    body |= {"dirty": bool(modified), "modified": modified[:200], "_untracked": untracked}
    remotes = (_run_git(root, "config", "--get-regexp", r"^remote\..*\.url$") or b"").decode(errors="replace")
    if remotes:
        url = remotes.splitlines()[0].partition(" ")[2]
        body["remote"] = redactor.text(re.sub(r"(?<=^http://)[^/@]*@|(?<=^https://)[^/@]*@", "", url))
    return body


def _git_names(root: Path, body: dict[str, Any]) -> Iterator[str]:
    tracked = _run_git(root, "ls-files", "-z", "--recurse-submodules") or _run_git(root, "ls-files", "-z") or b""
    yield from filter(None, tracked.decode("utf-8", "surrogateescape").split("\0"))
    untracked = [name for name in body.pop("_untracked") if is_code(name)]
    body["untracked"] = untracked[:200]
    yield from untracked


def _store_diff(root: Path, body: dict[str, Any], objects: Objects, redactor: Redactor) -> None:
    if body["dirty"] and body["commit"]:
        diff = _run_git(root, "diff", "HEAD", "--submodule=diff")
        if diff and len(diff) <= 4 * _MOST_FILE_BYTES:
            body["diff"] = objects.put_bytes(redactor.data(diff))


def _walk(root: Path) -> Iterator[str]:
    """Source files below `root`, by suffix; gives up after 20,000 entries (a home folder, say)."""
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("."))
        if os.path.exists(os.path.join(folder, "pyvenv.cfg")):
            folders[:] = []
            continue
        seen += len(files) + len(folders)
        if seen > _MOST_WALKED:
            return
        for name in sorted(files):
            if is_code(name):
                yield os.path.relpath(os.path.join(folder, name), root)
