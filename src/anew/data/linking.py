"""Which versions of data a run read, told from the files it read and the pointers beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anew.data import pointer as pointers
from anew.data.datasets import Datasets, Version
from anew.data.pointer import Pointer
from anew.errors import AnewError
from anew.store.objects import Objects


def event_of(version: Version, path: str, read: int | None = None) -> dict[str, Any]:
    """The body of the `dataset` event for a version that a run read.

    `read`: how many of its files, which are inputs of the run then; None for a version that was asked for by name: all
    of it is needed to run that again, so it is named as a tree, and goes wherever the run goes.
    """
    body: dict[str, Any] = {
        "name": version.name, "digest": version.digest, "version": version.number, "path": path, "kind": version.kind,
        "size": version.size, "files": version.files, "source_type": "anew",
    }  # fmt: skip
    return {"dataset": body | ({"tree": version.digest} if read is None else {"read": read})}


def version_of(body: dict[str, Any]) -> Version | None:
    """The version that a `dataset` event of somebody's asked for by name; None for any other event."""
    about = body.get("dataset")
    if not isinstance(about, dict) or not isinstance(about.get("tree"), str):
        return None
    name, digest, kind = (str(about.get(key)) for key in ("name", "tree", "kind"))
    number, size, files = (about.get(key) for key in ("version", "size", "files"))
    if kind not in ("tree", "file") or not all(isinstance(n, int) and n >= 0 for n in (number, size, files)):
        return None
    assert isinstance(number, int)
    assert isinstance(size, int)
    assert isinstance(files, int)
    return Version(name, number, digest, "tree" if kind == "tree" else "file", size, files, path="")


def versions_read(
    root: Path, objects: Objects, datasets: Datasets, inputs: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A `dataset` event for each version of which `inputs` (path below `root`, digest) are files.

    What was read of data that had changed since its version was made is no file of it: then the event names no
    version, and says `modified`.
    """
    known: dict[str, Pointer | None] = {}
    listed: dict[str, frozenset[str]] = {}
    read: dict[Path, dict[str, str]] = {}
    found: dict[Path, Pointer] = {}
    for item in inputs:
        if item.get("digest") and not os.path.isabs(item["path"]):
            pointer = _pointer_of(root, item["path"], known, listed)
            if pointer is not None:
                found[pointer.path] = pointer
                below = os.path.relpath(root / item["path"], pointer.path)
                read.setdefault(pointer.path, {})[below] = item["digest"]
    for path, files in read.items():
        pointer = found[path]
        version = next((v for v in datasets.with_digest(pointer.digest) if v.name == pointer.dataset), None)
        name = os.path.relpath(path, root)
        if version is not None and _holds(objects, pointer, files):
            yield event_of(version, name, len(files))
        else:
            said = {"name": pointer.dataset, "modified": True, "path": name, "read": len(files)}
            yield {"dataset": said | {"source_type": "anew"}}


def _pointer_of(
    root: Path, path: str, known: dict[str, Pointer | None], listed: dict[str, frozenset[str]]
) -> Pointer | None:
    """The pointer whose data holds `path`. A folder is listed once, however many files of it were read."""
    if path in ("", "."):
        return None
    if path not in known:
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = _pointers_in(root / folder)
        own = None
        if name + pointers.SUFFIX in listed[folder]:
            try:
                own = pointers.read(root / (path + pointers.SUFFIX))
            except AnewError:
                pass  # `anew status` tells of it; a run is recorded all the same
        known[path] = own or _pointer_of(root, folder, known, listed)
    return known[path]


def _pointers_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(folder) if name.endswith(pointers.SUFFIX))
    except OSError:
        return frozenset()  # gone by now


def _holds(objects: Objects, pointer: Pointer, files: dict[str, str]) -> bool:
    """Whether each file (path to digest) is in the pointer's version."""
    try:
        entries = list(objects.read_tree(pointer.digest))
    except AnewError:
        return False  # not in this store
    if pointer.kind == "file":
        return list(files.values()) == [entries[0].digest]
    there = {entry.path: entry.digest for entry in entries}
    return all(there.get(path) == digest for path, digest in files.items())
