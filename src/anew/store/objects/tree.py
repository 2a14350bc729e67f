"""A folder as nodes: small enough that one change among many entries writes little."""

from __future__ import annotations

import operator
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgpack
from blake3 import blake3

from anew.errors import CorruptData, UsageError
from anew.store.objects.values import Entry

LEAF, INNER = 0, 1
NODE_ENTRIES_MEAN, NODE_ENTRIES_MAX = 256, 1000
DEPTH_MAX = 255  # folders within folders
LEVELS_MAX = 8  # of nodes within one folder: 1,000 ** 8 entries are enough

EMPTY = blake3(msgpack.packb([LEAF, []])).digest()  # the key of the tree that holds nothing

GetBlob = Callable[[bytes], bytes]
Row = list[Any]  # as docs/formats.md describes it
Levels = list[list[tuple[str, bytes]]]  # of one folder's nodes, leaves first: the first sort key and the key of each


class PutBlob(Protocol):
    def __call__(self, data: bytes, like: bytes | None = None, /) -> bytes:
        """Store `data`, which may be much like what is stored as `like`; its key."""


def put(entries: Iterable[Entry], put_blob: PutBlob) -> bytes:
    """Store a tree. UsageError for a path that can't be in one, or that two entries claim."""
    top: dict[str, Any] = {}
    for entry in entries:
        parts = entry.path.split("/")
        if len(parts) > DEPTH_MAX:
            raise UsageError(f"{entry.path[:80]!r}… is deeper than {DEPTH_MAX} folders")
        for part in parts:
            if fault := name_fault(part):
                raise UsageError(f"{entry.path!r} can't be in a tree: {fault}")
        folder = top
        for part in parts[:-1]:
            folder = folder.setdefault(part, {})
            if not isinstance(folder, dict):
                raise UsageError(f"{entry.path!r} lies below {part!r}, which is no folder")
        name = parts[-1]
        row: Row | dict[str, Any] = {} if entry.kind == "dir" else _row(name, entry)
        if name in folder and (row or not isinstance(folder[name], dict)):
            raise UsageError(f"{entry.path!r} is there twice")
        folder.setdefault(name, row)
    return _put_nested(top, put_blob)


def put_rows(rows: list[Row], put_blob: PutBlob, before: Levels | None = None) -> bytes:
    """Store one folder, of rows in any order. `before`: the nodes of a folder that may be much like it."""
    keyed = sorted(((_sort_key(row), row) for row in rows), key=lambda pair: pair[0])
    level = 0
    while True:
        nodes = []
        for part in _cut(keyed, level):
            node = [LEAF if level == 0 else INNER, [row for _, row in part]]
            packed = msgpack.packb(node, use_bin_type=True, unicode_errors="surrogateescape")
            first = part[0][0] if part else ""
            nodes.append((first, put_blob(packed, _alike(before, level, first))))
        if len(nodes) == 1:
            return nodes[0][1]
        keyed = [(first, [first, key]) for first, key in nodes]
        level += 1


def levels(key: bytes, get_blob: GetBlob) -> Levels:
    """The nodes of one folder."""
    found: Levels = [[("", key)]]
    for _ in range(LEVELS_MAX):
        nodes = [_node(node, get_blob(node)) for _, node in found[0][:1]]
        if nodes[0][0] == LEAF:
            break
        nodes += [_node(node, get_blob(node)) for _, node in found[0][1:]]
        found.insert(0, [(first, child) for _, inner in nodes for first, child in inner])
    return found


def read(key: bytes, get_blob: GetBlob) -> Iterator[Entry]:
    """The entries, sorted by path. CorruptData for a tree that is not as it must be, before its bad entry."""
    stack = [("", rows(key, get_blob))]
    while stack:
        prefix, folder = stack[-1]
        for row in folder:
            if row[1] == "d":
                if len(stack) == DEPTH_MAX:
                    raise CorruptData(f"tree {key.hex()} is deeper than {DEPTH_MAX} folders")
                stack.append((f"{prefix}{row[0]}/", rows(row[2], get_blob)))
                break
            yield _entry(prefix, row)
        else:
            stack.pop()


def rows(key: bytes, get_blob: GetBlob) -> Iterator[Row]:
    """The rows of one folder, checked: names that can be names, in order, each once."""
    if key == EMPTY:
        return  # it is not stored where its row alone says so
    last, count = "", 0
    names: set[str] = set()
    for found in _leaves(key, get_blob, LEVELS_MAX):
        if not _are_plain_files(found):
            for row in found:
                _check_row(key, row)
        ordered = [last, *[f"{row[0]}/" if row[1] == "d" else row[0] for row in found]]
        names.update([row[0] for row in found])
        count += len(found)
        if len(names) != count or not all(map(operator.lt, ordered, ordered[1:])):
            raise CorruptData(f"tree {key.hex()} has names out of order, or there twice, from {ordered[1]!r} on")
        last = ordered[-1]
        yield from found


def paths(key: bytes, get_blob: GetBlob) -> list[str]:
    """Those of all entries, checked as by `read`, and sooner."""
    found: list[str] = []
    waiting = [("", key, 1)]
    while waiting:
        prefix, folder, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise CorruptData(f"tree {key.hex()} is deeper than {DEPTH_MAX} folders")
        for row in rows(folder, get_blob):
            if row[1] == "d":
                waiting.append((f"{prefix}{row[0]}/", row[2], depth + 1))
            else:
                found.append(prefix + row[0])
    return found


def parts(key: bytes, node: bytes) -> tuple[list[bytes], list[tuple[bytes, int]]]:
    """What one node names: other nodes, and files with their sizes; each as often as it does. CorruptData."""
    kind, found = _node(key, node)
    if kind == INNER:
        return [child for _, child in found], []
    nodes, files = [], []
    for row in found:
        _check_row(key, row)
        if row[1] == "d":
            nodes.append(row[2])
        elif row[1] in ("f", "x"):
            files.append((row[2], row[3]))
    return nodes, files


def differences(
    before: bytes, after: bytes, get_blob: GetBlob, prefix: str = ""
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Path, and entry before and after, of all that differs between two trees; below equal folders nothing is read.

    Of a folder that is in one of them only, all it holds is given, and the folder itself only if it is empty.
    """
    old, new = ({row[0]: row for row in rows(key, get_blob)} if key != EMPTY else {} for key in (before, after))
    for name in sorted([name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]):
        was, now = old.get(name), new.get(name)
        was_folder, now_folder = was is not None and was[1] == "d", now is not None and now[1] == "d"
        if was_folder or now_folder:
            keys = [row[2] if row is not None and row[1] == "d" else EMPTY for row in (was, now)]
            yield from differences(keys[0], keys[1], get_blob, f"{prefix}{name}/")
        if not (was_folder and now_folder):
            sides = None if was_folder else was, None if now_folder else now
            if sides != (None, None):
                before_it, after_it = (None if row is None else _entry(prefix, row) for row in sides)
                yield f"{prefix}{name}", before_it, after_it


def name_fault(name: str) -> str:
    """Why `name` can't be the name of a file; empty if it can."""
    if name.isascii() and len(name) > 2 and "/" not in name and "\0" not in name:
        return ""  # as nearly all are
    if name in ("", ".", ".."):
        return f"{name!r} is no name (paths are relative, without . and ..)"
    if "/" in name or "\0" in name:
        return f"{name!r} holds a character that no file name can"
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return f"{name!r} holds half a surrogate pair"
    return ""


def _put_nested(folder: dict[str, Any], put_blob: PutBlob) -> bytes:
    found: list[Row] = []
    for name, value in folder.items():
        if not isinstance(value, dict):
            found.append(value)
        elif value:
            found.append([name, "d", _put_nested(value, put_blob)])
        else:
            found.append([name, "e"])
    return put_rows(found, put_blob)


def _row(name: str, entry: Entry) -> Row:
    if entry.kind == "link":
        if not entry.target or "\0" in entry.target:
            raise UsageError(f"link {entry.path!r} has no target that a link can have")
        return [name, "l", entry.target]
    if entry.kind != "file":
        raise UsageError(f"{entry.path!r} is of kind {entry.kind!r}; a tree holds file, dir and link")
    try:
        key = bytes.fromhex(entry.digest)
    except ValueError:
        key = b""
    if len(key) != 32 or entry.size < 0:
        raise UsageError(f"{entry.path!r} needs the digest and size of its content, not {entry.digest!r}")
    return [name, "x" if entry.executable else "f", key, entry.size]


def _entry(prefix: str, row: Row) -> Entry:
    path, kind = prefix + row[0], row[1]
    if kind == "l":
        return Entry(path, "link", target=row[2])
    if kind == "e":
        return Entry(path, "dir")
    return Entry(path, "file", row[2].hex(), row[3], kind == "x")


def _sort_key(row: Row) -> str:
    name: str = row[0]
    return name + "/" if row[1] == "d" else name


def _cut(keyed: list[tuple[str, Row]], level: int) -> Iterator[list[tuple[str, Row]]]:
    """Parts of at most 1,000, cut after entries whose own key says so: a change moves no other cut."""
    start = 0
    for end, (key, _) in enumerate(keyed, 1):
        hashed = zlib.crc32(key.encode("utf-8", "surrogateescape"), level)
        if hashed % NODE_ENTRIES_MEAN == 0 or end - start == NODE_ENTRIES_MAX:
            yield keyed[start:end]
            start = end
    if start < len(keyed) or not keyed:
        yield keyed[start:]


def _alike(before: Levels | None, level: int, first: str) -> bytes | None:
    """The key of the node that began where one does that begins with `first`, or shortly before."""
    if before is None or level >= len(before):
        return None
    nodes = before[level]
    return nodes[max(0, bisect_right(nodes, first, key=lambda node: node[0]) - 1)][1]


def _leaves(key: bytes, get_blob: GetBlob, levels_left: int) -> Iterator[list[Row]]:
    """The rows of each leaf, not yet checked."""
    kind, found = _node(key, get_blob(key))
    if kind == LEAF:
        yield found
        return
    if not levels_left:
        raise CorruptData(f"object {key.hex()} is not a node of a tree (too many levels)")
    for first, child in found:
        for position, leaf in enumerate(_leaves(child, get_blob, levels_left - 1)):
            row = leaf[0] if leaf else None
            if position == 0 and isinstance(row, list) and len(row) > 1 and _sort_key(row) != first:
                raise CorruptData(f"tree {key.hex()}: node {child.hex()} does not begin with {first!r}")
            yield leaf


def _node(key: bytes, data: bytes) -> tuple[int, list[Any]]:
    """Its kind, and its rows, not yet checked; or, of an inner one, the first sort key and the key of each node."""
    try:
        node = msgpack.unpackb(data, raw=False, unicode_errors="surrogateescape", strict_map_key=True)
        kind, found = node
        if kind == LEAF and isinstance(found, list):
            return LEAF, found
        inner = [(first, child) for first, child in found if isinstance(first, str) and _is_key(child)]
        if kind != INNER or len(inner) != len(found):
            raise ValueError("an unknown kind of node")
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptData(f"object {key.hex()} is not a node of a tree ({error})") from error
    return INNER, inner


def _are_plain_files(found: list[Any]) -> bool:
    """Whether all of a leaf are good rows of files. Looked at by column: row by row takes five times as long."""
    if set(map(type, found)) != {list} or set(map(len, found)) != {4}:
        return False
    names, kinds, keys, sizes = zip(*found, strict=True)
    if set(map(type, names)) != {str} or set(map(type, kinds)) != {str} or not set(kinds) <= {"f", "x"}:
        return False
    if set(map(type, keys)) != {bytes} or set(map(len, keys)) != {32}:
        return False
    if set(map(type, sizes)) != {int} or min(sizes) < 0 or min(map(len, names)) < 3:
        return False
    joined = "".join(names)
    return joined.isascii() and "/" not in joined and "\0" not in joined


def _check_row(key: bytes, row: Any) -> None:
    """CorruptData unless the row is one of those that docs/formats.md lists."""
    fault = ""
    if type(row) is list and len(row) >= 2 and type(row[0]) is str:
        fault = name_fault(row[0])
        if not fault and _is_whole(row):
            return
    raise CorruptData(f"tree {key.hex()} holds {row!r:.200}: {fault or 'not an entry of a tree'}")


def _is_whole(row: Row) -> bool:
    """Whether what follows the name is of its kind. Asked of each of 100,000 rows: the most frequent kinds first."""
    kind, count = row[1], len(row)
    if kind in ("f", "x"):
        return count == 4 and _is_key(row[2]) and type(row[3]) is int and row[3] >= 0
    if kind == "d":
        return count == 3 and _is_key(row[2])
    if kind == "l":
        return count == 3 and type(row[2]) is str and row[2] != "" and "\0" not in row[2]
    return bool(kind == "e" and count == 2)


def _is_key(value: object) -> bool:
    return type(value) is bytes and len(value) == 32
