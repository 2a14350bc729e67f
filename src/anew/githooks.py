"""What Git is to do for data: keep it, and what notebooks print, out of commits; put it in place after a checkout.

Each hook is a block of a few lines in the repository's own hook file, between two marks; what else is there stays.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anew.data.workspace import Workspace
from anew.errors import AnewError, Conflict, StoreError, UsageError
from anew.store.location import find_store

HOOKS = ("pre-commit", "post-checkout", "post-merge")
MERGED = ("dvc.lock", "*.dvc")  # files of several entries, that lines tell nothing of
_DRIVER = "merge.anew"
LARGE_BYTES = 10 << 20  # more than that of one file is data, unless it is text that can be compared
_BEGIN, _END = "# anew: begin", "# anew: end"
_SHELLS = ("sh", "bash", "dash", "zsh")
_TEXT_PROBE_BYTES = 8000  # as git looks for a NUL


@dataclass(frozen=True)
class Refused:
    """A file that should not be committed, why, and what to do instead."""

    path: str
    why: str
    advice: str


def install(top: Path) -> list[Path]:
    """Put our block into each hook of the repository at `top`, and have it merge DVC's files by us; what changed.

    Raises UsageError where there is no repository, Conflict for a hook of another language, StoreError.
    """
    folder = Path(_git(top, "rev-parse", "--path-format=absolute", "--git-path", "hooks").strip())
    changed = []
    for name in HOOKS:
        file = folder / name
        block = _block(name)
        try:
            old = file.read_text() if file.exists() else ""
            new = _with_block(file, old, block)
            if new != old:
                folder.mkdir(parents=True, exist_ok=True)
                beside = file.with_name(f".{name}.{os.getpid()}")
                beside.write_text(new)
                beside.chmod((file.stat().st_mode if file.exists() else 0o644) | 0o111)
                beside.replace(file)
                changed.append(file)
        except OSError as error:
            raise StoreError(f"can't write {file}: {error.strerror}") from error
    return changed + _install_merge(top)


def _install_merge(top: Path) -> list[Path]:
    """The driver, and which files it is for: in the repository's own configuration, which is no part of a commit."""
    command = f"{shlex.quote(sys.executable)} -m anew git-hook merge %O %A %B %P"
    _git(top, "config", f"{_DRIVER}.name", "stage by stage, and tracked folders file by file")
    _git(top, "config", f"{_DRIVER}.driver", command)
    file = _attributes(top)
    old = file.read_text() if file.exists() else ""
    lines = "".join(f"{pattern} merge=anew\n" for pattern in MERGED)
    new = f"{_without_block(old)}{_BEGIN} (see `anew init --help`)\n{lines}{_END}\n"
    if new == old:
        return []
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(new)
    except OSError as error:
        raise StoreError(f"can't write {file}: {error.strerror}") from error
    return [file]


def _attributes(top: Path) -> Path:
    return Path(_git(top, "rev-parse", "--path-format=absolute", "--git-path", "info/attributes").strip())


def uninstall(top: Path) -> list[Path]:
    """Take our blocks out; a hook that held nothing else goes. Raises UsageError, StoreError."""
    folder = Path(_git(top, "rev-parse", "--path-format=absolute", "--git-path", "hooks").strip())
    changed = []
    for name in HOOKS:
        file = folder / name
        old = file.read_text() if file.exists() else ""
        if _BEGIN in old:
            left = _without_block(old)
            if left.strip() in ("", "#!/bin/sh"):
                file.unlink()
            else:
                file.write_text(left)
            changed.append(file)
    file = _attributes(top)
    if file.exists() and _BEGIN in (old := file.read_text()):
        file.write_text(_without_block(old))
        _git(top, "config", "--remove-section", _DRIVER)
        changed.append(file)
    return changed


def refused(top: Path, most_bytes: int = LARGE_BYTES) -> Iterator[Refused]:
    """Of what is staged for the next commit: large binary files, and notebooks with what they printed."""
    listed = _git(top, "diff", "--cached", "--name-only", "--diff-filter=ACMR", "--no-renames", "-z")
    for path in filter(None, listed.split("\0")):
        spec = f":{path}"  # the content as it is staged, not as it lies there
        size = int(_git(top, "cat-file", "-s", spec))
        if path.endswith(".ipynb"):
            if _prints(_git(top, "cat-file", "blob", spec)):
                yield Refused(path, "a notebook with what it printed", f"nbstripout {shlex.quote(path)}")
        elif size > most_bytes and _is_binary(top, spec):
            quoted = shlex.quote(path)
            yield Refused(path, f"{size >> 20} MiB of data", f"git rm --cached {quoted}; anew add {quoted}")


def put_in_place(top: Path) -> list[str]:
    """Check out what the pointers of this commit say; what could not be, in words. Nothing unsaved is given up."""
    problems = []
    with Workspace(find_store(top), top) as work:
        for pointer in work.tracked():
            try:
                if work.state(pointer).state != "clean":
                    work.checkout(pointer)
            except AnewError as error:
                problems.append(str(error))
    return problems


def top_of(folder: Path) -> Path:
    """The repository's working tree. Raises UsageError."""
    return Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))


def _block(name: str) -> str:
    command = f'{shlex.quote(sys.executable)} -m anew git-hook {name} "$@"'
    ending = "|| exit 1" if name == "pre-commit" else "|| true"
    return f"{_BEGIN} (see `anew init --help`; `anew init --no-git-hooks` takes it out)\n{command} {ending}\n{_END}\n"


def _with_block(file: Path, old: str, block: str) -> str:
    if not old:
        return "#!/bin/sh\n" + block
    first = old.partition("\n")[0]
    if not first.startswith("#!") or os.path.basename(first.split()[-1]) not in _SHELLS:
        raise Conflict(f"{file} is no shell script: call `anew git-hook {file.name} …` from it yourself")
    kept = _without_block(old)
    head, _, rest = kept.partition("\n")
    return f"{head}\n{block}{rest}"  # first: what comes after may end with exec


def _without_block(text: str) -> str:
    before, begin, rest = text.partition(_BEGIN)
    return before + rest.partition(_END + "\n")[2] if begin else text


def _prints(text: str) -> bool:
    """Whether a notebook holds outputs or counts of executions; one that can't be read is Git's to keep."""
    try:
        cells = json.loads(text)["cells"]
        return any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_binary(top: Path, spec: str) -> bool:
    with subprocess.Popen(["git", "cat-file", "blob", spec], cwd=top, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        head = child.stdout.read(_TEXT_PROBE_BYTES)
        child.kill()
    return b"\0" in head


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True)
    except FileNotFoundError:
        raise UsageError("git is not installed") from None
    if done.returncode:
        raise UsageError(f"git {words[0]}: {done.stderr.decode('utf-8', 'replace').strip() or 'failed'}")
    return done.stdout.decode("utf-8", "surrogateescape")
