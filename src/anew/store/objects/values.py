"""The values that `Objects` gives and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file's content: BLAKE3 in hex, and bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class FolderRef:
    """A folder's content: the digest of its tree, the bytes of its files, and how many there are."""

    digest: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree. A folder has an entry only if it is empty: others are implied by what they hold."""

    path: str
    """Relative, parts joined by `/`."""
    kind: Literal["file", "dir", "link"]
    digest: str = ""
    size: int = 0
    executable: bool = False
    target: str = ""
    """Of a link: where it points, as written."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something `verify` found: `kind` is corrupt, missing or unreadable; `where` a file, and an offset.

    `keys`: the objects that it makes unreadable.
    """

    kind: str
    where: str
    message: str
    keys: tuple[bytes, ...] = ()
