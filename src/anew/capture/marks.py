"""Marks of values that are not kept: enough to say that one changed, and not to find out what it was."""

from __future__ import annotations

import os
from collections.abc import Mapping

from anew.capture.variables import PLACES
from anew.store.location import Store, system_random
from anew.store.sharing import is_shared

# What a session or a terminal sets anew each time.
_SESSION = (
    "SSH_",
    "XDG_",
    "DBUS_",
    "LESS",
    "LS_",
    "GPG_",
    "TERM",
    "VSCODE_",
    "ANEW_",
    "_",
    "GIT_",
    "PYTEST_",
    "WINDOW",
)


def mark(store: Store, data: bytes) -> str:
    """A BLAKE3 of `data` under a key of this store that goes nowhere: 4 hex digits that name the key, and 16."""
    from blake3 import blake3

    key = _key(store)
    return f"{blake3(key).hexdigest(2)}:{blake3(data, key=key).hexdigest(8)}"


def differ(one: str, other: str) -> bool:
    """Whether two marks are of different values; those of two stores can't be compared."""
    return one != other and one.partition(":")[0] == other.partition(":")[0]


def of_variables(store: Store, environ: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """A mark of each variable that is not among those kept, nor of the session's own making."""
    return {
        name: mark(store, os.fsencode(value))
        for name, value in sorted(environ.items())
        if name not in kept and name not in PLACES and not name.startswith(_SESSION)
    }


def _key(store: Store) -> bytes:
    path = store.root / "marks.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = system_random(32)
    part = path.with_name(f"marks.key.{os.getpid()}")
    mode = 0o660 if is_shared(store.root) else 0o600  # who shares the store marks by the same key
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(fd, key)
    finally:
        os.close(fd)
    try:
        os.link(part, path)
    except FileExistsError:
        pass  # another run was first
    os.unlink(part)
    return path.read_bytes()
