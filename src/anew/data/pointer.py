"""Pointers: small files beside the data that Git carries, saying which version belongs there.

The pointer of `data/train` is `data/train.anew`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from anew.data.datasets import check_name
from anew.errors import CorruptData, NotFound, StoreError, UsageError

SUFFIX = ".anew"
_DIGEST = re.compile(r"[0-9a-f]{64}")
# Never looked into: a store, what others version, and what tools make anew.
RESERVED = {".anew", ".git", ".hg", ".svn", ".dvc", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox"}


@dataclass(frozen=True)
class Pointer:
    """`path` is where the data belongs; `only` the patterns of a partial checkout, none for all of it."""

    path: Path
    dataset: str
    digest: str  # of the tree
    kind: Literal["tree", "file"]
    size: int  # bytes
    files: int
    only: Sequence[str] = ()

    @property
    def file(self) -> Path:
        return self.path.with_name(self.path.name + SUFFIX)

    def write(self) -> None:
        """Beside, then renamed. StoreError."""
        body: dict[str, Any] = {
            "anew": 1, "dataset": self.dataset, "digest": self.digest, "kind": self.kind, "size": self.size,
            "files": self.files,
        }  # fmt: skip
        if self.only:
            body["only"] = list(self.only)
        temporary = self.file.with_name(f".{self.file.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(body, indent=2) + "\n", "utf-8")
            temporary.replace(self.file)
        except OSError as error:
            raise StoreError(f"can't write {self.file}: {error.strerror}") from error


def read(file: Path) -> Pointer:
    """Raises NotFound, and CorruptData for what is no pointer: a name of a dataset is all it may bring in."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no {file}; `anew add` makes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptData(f"{file} can't be read: {error}") from error
    if "<<<<<<<" in text:
        raise CorruptData(f"{file} holds an unfinished merge: keep one side, then run `anew checkout`")
    try:
        body = json.loads(text)
        if body["anew"] != 1:
            raise ValueError(f"it has the format {body['anew']!r}; this version of anew reads 1")
        check_name(body["dataset"])
        only = body.get("only", [])
        sound = (
            _DIGEST.fullmatch(body["digest"])
            and body["kind"] in ("tree", "file")
            and all(isinstance(body[key], int) and body[key] >= 0 for key in ("size", "files"))
            and all(isinstance(pattern, str) for pattern in only)
        )
        if not sound:
            raise ValueError("a value is not of its kind")
    except (ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise CorruptData(f"{file} is no pointer to data: {error}") from error
    return Pointer(
        file.with_name(file.name.removesuffix(SUFFIX)), body["dataset"], body["digest"], body["kind"], body["size"],
        body["files"], tuple(only),
    )  # fmt: skip


def find(top: Path) -> Iterator[Pointer]:
    """All pointers below `top`, by path. What they point to is not looked into, and may be large."""
    folders = [str(top)]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue  # not ours to read
        pointers = [e.name for e in entries if e.name.endswith(SUFFIX) and e.name != SUFFIX and e.is_file()]
        for name in pointers:
            yield read(Path(folder, name))
        known = {name.removesuffix(SUFFIX) for name in pointers} | RESERVED
        folders += [e.path for e in reversed(entries) if e.name not in known and e.is_dir(follow_symlinks=False)]
