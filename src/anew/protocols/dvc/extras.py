"""What DVC's manifests can't say of a folder: which files are executable, which folders are empty.

Kept beside the objects, where DVC does not look, under the folder's md5; see docs/formats.md.
"""

from __future__ import annotations

import json
import os

from anew.protocols.dvc import durable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "anew"


class Extras:
    """Both lists are sorted, and relative to the folder."""

    __slots__ = ("empty", "executable")

    def __init__(self, executable: Iterable[str] = (), empty: Iterable[str] = ()) -> None:
        self.executable, self.empty = sorted(executable), sorted(empty)

    def __bool__(self) -> bool:
        return bool(self.executable or self.empty)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extras) and self.encode() == other.encode()

    __hash__ = None  # type: ignore[assignment]

    def encode(self) -> bytes:
        return json.dumps({"executable": self.executable, "empty": self.empty}, sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Extras:
        """Nothing where the bytes are no such record: it is a help, and no truth."""
        try:
            found = json.loads(data)
            names = [[name for name in found[key] if _inside(name)] for key in ("executable", "empty")]
        except (ValueError, KeyError, TypeError):
            return cls()
        return cls(*names)

    def without(self, below: str) -> Extras:
        return Extras(
            [name for name in self.executable if not _at(name, below)],
            [name for name in self.empty if not _at(name, below)],
        )


def path(root: str, md5: str) -> str:
    return f"{root}/{FOLDER}/{md5[:32]}"


def read(root: str, md5: str) -> Extras:
    try:
        with open(path(root, md5), "rb") as file:
            return Extras.decode(file.read())
    except OSError:
        return Extras()


def write(root: str, md5: str, extras: Extras, mode: int | None = None) -> None:
    """The last word about a folder of this content; what is said already is not written again."""
    there = path(root, md5)
    data = extras.encode()
    try:
        with open(there, "rb") as file:
            if file.read() == data:
                return
    except OSError:
        if not extras:
            return
    os.makedirs(os.path.dirname(there), exist_ok=True)
    durable.replace(there, data, mode)


def remove(root: str, md5: str) -> None:
    try:
        os.unlink(path(root, md5))
    except FileNotFoundError:
        pass


def _inside(name: object) -> bool:
    return isinstance(name, str) and all(part not in ("", ".", "..") for part in name.split("/")) and "\0" not in name


def _at(name: str, below: str) -> bool:
    return name == below or name.startswith(below + "/")
