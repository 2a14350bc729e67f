"""`list`: what is in a project, tracked by DVC or by Git."""

from __future__ import annotations

import os

from anew.errors import NotFound
from anew.protocols.dvc.source import Item, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class _Node:
    """A file, or a folder with what is in it."""

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.item: Item | None = None
        self.out: str | None = None  # of an output, its md5; "" of what is in one
        self.size: int | None = None  # of an output, as its stage says

    @property
    def is_folder(self) -> bool:
        return self.item is None


def _grow(source: Source, dvc_only: bool) -> _Node:
    top = _Node()
    for name, item in source.items("", dvc_files=True).items():
        if not dvc_only or item.object is not None:
            at = top
            for part in name.split("/"):
                at = at.below.setdefault(part, _Node())
            at.item = item
    for out in source.outs:
        if not out.external:
            at = top
            for part in os.path.relpath(out.path, source.root).split("/"):
                at = at.below.setdefault(part, _Node())
            _mark(at)
            at.out, at.size = out.md5 or "", out.raw.get("size")
            if not at.below and at.item is None and not out.is_folder:
                at.item = Item((out.md5 or "", out.legacy), size=out.raw.get("size"))
    return top


def _mark(node: _Node) -> None:
    """All that is in an output counts as output."""
    node.out = ""
    for one in node.below.values():
        _mark(one)


def _find(source: Source, path: str | None, dvc_only: bool) -> tuple[str, _Node]:
    at = _grow(source, dvc_only)
    name = os.path.normpath(path or ".")
    for part in [] if name == "." else name.split("/"):
        if part not in at.below:
            raise NotFound(f"'{path}' does not exist in '{source.url}'")
        at = at.below[part]
    return name, at


def entries(
    source: Source, path: str | None, recursive: bool, dvc_only: bool, depth: int | None
) -> list[dict[str, Any]]:
    """In DVC's shape, sorted by path."""
    with source:
        name, top = _find(source, path, dvc_only)
        rows = [(os.path.basename(name), top)] if not top.is_folder else list(_walk(top, "", recursive, depth or 0))
        return [_row(source, os.path.normpath(f"{path or ''}/{where}".lstrip("/")), node, dvc_only) | {"path": where}
                for where, node in sorted(rows, key=lambda row: row[0])]  # fmt: skip


def _walk(node: _Node, prefix: str, recursive: bool, depth: int, level: int = 1) -> Iterator[tuple[str, _Node]]:
    for name, one in node.below.items():
        deeper = recursive and one.is_folder and (not depth or level < depth)
        if deeper:
            yield from _walk(one, f"{prefix}{name}/", recursive, depth, level + 1)
        else:
            yield f"{prefix}{name}", one


def _row(source: Source, path: str, node: _Node, dvc_only: bool) -> dict[str, Any]:
    item = node.item
    md5 = node.out or (item.object[0] if item and item.object else None)
    return {
        "isout": node.out is not None,
        "isdir": node.is_folder,
        "isexec": bool(item and item.executable),
        "size": _size(source, path, node, dvc_only),
        "md5": md5 or None,
    }


def _size(source: Source, path: str, node: _Node, dvc_only: bool) -> int | None:
    """What the file system says of what stands there, and else what is tracked, as DVC has it."""
    here, item = f"{source.root}/{path}", node.item
    if dvc_only and (node.is_folder or node.size is not None):
        return node.size
    if not dvc_only and source.commit is None and os.path.exists(here):
        return os.stat(here).st_size
    if item is not None and item.size is None and item.digest is not None:
        return len(source.content(item))
    return item.size if item is not None else None


def tree(source: Source, path: str | None, dvc_only: bool, depth: int | None) -> Iterator[str]:
    """As `tree` draws it."""
    with source:
        _, top = _find(source, path, dvc_only)
        yield path or "."
        yield from _branches(top, "", depth or 0)


def _branches(node: _Node, prefix: str, depth: int, level: int = 1) -> Iterator[str]:
    names = sorted(node.below)
    for position, name in enumerate(names):
        last = position == len(names) - 1
        yield f"{prefix}{'└── ' if last else '├── '}{name}"
        if not depth or level < depth:
            yield from _branches(node.below[name], prefix + ("    " if last else "│   "), depth, level + 1)
