"""What a version is made of, found level by level, so that each level is read in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from anew.errors import CorruptData
from anew.store.objects import manifest, tree
from anew.store.objects.chunk import WHOLE_SIZE_MAX
from anew.store.objects.record import MANIFEST

Read = Callable[[list[bytes]], Iterable[tuple[bytes, int, bytes]]]  # key, kind and content of each; or less


@dataclass(frozen=True)
class Tree:
    """`nodes` from the top down; `files`: the content of each and its size. Counts are of paths, not of contents."""

    nodes: list[bytes]
    files: dict[bytes, int]
    count: int
    size: int

    @property
    def large(self) -> list[bytes]:
        """The files that are kept in chunks."""
        return [key for key, size in self.files.items() if size > WHOLE_SIZE_MAX]


def walk(root: bytes, read: Read) -> Tree:
    """Raises CorruptData for what is no tree, and what `read` raises."""
    found: dict[bytes, tuple[list[bytes], int, int]] = {}
    nodes: list[bytes] = []
    files: dict[bytes, int] = {}
    level = [root]
    while level:
        nodes += level
        below: dict[bytes, None] = {}
        for key, _, content in read(level):
            inner, inside = tree.parts(key, content)
            found[key] = (inner, len(inside), sum(size for _, size in inside))
            for file, size in inside:
                if files.setdefault(file, size) != size:
                    raise CorruptData(f"tree {root.hex()} says two sizes of content {file.hex()}")
            below.update(dict.fromkeys(inner))
        if lost := [key for key in level if key not in found]:
            raise CorruptData(f"tree {root.hex()}: node {lost[0].hex()} is not to be had")
        level = [key for key in below if key not in found]
    count, size = _totals(root, found)
    return Tree(nodes, files, count, size)


def pieces(tree_of: Tree, keys: list[bytes], read: Read) -> list[bytes]:
    """The segments and chunks of those of `keys` that are manifests."""
    segments: list[bytes] = []
    chunks: list[bytes] = []
    for key, kind, content in read(keys):
        if kind == MANIFEST:
            where = f"object {key.hex()}"
            if manifest.content_size(content, where) != tree_of.files.get(key, -1):
                raise CorruptData(f"{where} has another size than its tree says")
            inner, direct = manifest.listed(content, where)
            segments += inner
            chunks += direct
    segments = list(dict.fromkeys(segments))
    for key, _, content in read(segments):
        chunks += manifest.entries(content, f"segment {key.hex()}")
    return list(dict.fromkeys([*segments, *chunks]))


def _totals(root: bytes, found: dict[bytes, tuple[list[bytes], int, int]]) -> tuple[int, int]:
    """Files and bytes below `root`, each path counted, however often nodes are shared: without walking each path."""
    known: dict[bytes, tuple[int, int]] = {}
    stack = [root]
    while stack:
        inner, count, size = found[stack[-1]]
        if open_ := [key for key in inner if key not in known]:
            stack += open_
            continue
        below = [known[key] for key in inner]
        known[stack.pop()] = (count + sum(c for c, _ in below), size + sum(s for _, s in below))
    return known[root]
