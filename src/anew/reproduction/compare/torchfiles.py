"""torch.save's files, new (a zip) and old (pickles and bytes in a row): objects, and tensors by content."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

from anew.reproduction.compare.archives import compare_zip_headers, opened_zip
from anew.reproduction.compare.arrays import Array, compare_bytes, dtype_of
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.pickles import lowered
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.unpickle import Persistent, all_unpickled, int64, unpickled
from anew.reproduction.compare.values import Fields, Global, Node, compare_values

OLD_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1",
    "BoolStorage": "|b1", "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16", "UntypedStorage": "|u1",
}  # fmt: skip
_TENSORS = frozenset(("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"))
_PARAMETER = "torch._utils._rebuild_parameter"
Stored = Callable[[str], bytes]


def _storages(stored: Stored, used: dict[str, tuple[str, int]]) -> Persistent:
    """What stands for ('storage', class, key, device, elements[, view]); the key only says where bytes are."""

    def storage(args: Any) -> Any:
        if (
            not isinstance(args, tuple)
            or len(args) not in (5, 6)
            or args[0] != "storage"
            or not isinstance(args[2], str)
        ):
            return Node("persistent", None, args)
        key, size = args[2], args[4]
        need(isinstance(size, int) and size >= 0, "a storage of no size")
        dtype = _TYPES.get(args[1].name if isinstance(args[1], Global) else "", "")
        need(dtype, "a storage of an unknown type")
        used[key] = dtype, size
        array = Array(dtype, (size,), "C", lambda: stored(key))
        view = args[5] if len(args) == 6 else None
        if isinstance(view, tuple) and view and isinstance(view[0], str):
            used[view[0]] = used.get(view[0], (dtype, size))
            view = tuple(view[1:])
        return Fields("storage", {"": array, "class": args[1], "device": args[3], "view": view})

    return storage


def _lowered(value: Any) -> Any:
    """What torch's nodes stand for."""
    if not isinstance(value, Node):
        return value
    name = str(value.made_by)
    bare = not value.states and not value.items and not value.pairs and isinstance(value.args, tuple)
    if name in _TENSORS and bare and len(value.args) >= 4:
        return _tensor(value)
    if name == _PARAMETER and bare and len(value.args) == 3:
        return Fields("parameter", {"": value.args[0], "requires_grad": value.args[1], "hooks": value.args[2]})
    return lowered(value)


def _tensor(node: Node) -> Any:
    """A tensor that is the whole of its storage as an array of its shape; another as a view of its storage."""
    storage, offset, size, stride = node.args[:4]
    parts = {"offset": offset, "size": size, "stride": stride, "rest": tuple(node.args[4:])}
    if not isinstance(storage, Fields) or not isinstance(storage.parts.get(""), Array):
        return Fields("tensor", {"": storage, **parts})
    flat = storage.parts[""]
    if not _whole(flat, offset, size, stride):
        return Fields("tensor view", {"": storage, **parts})
    kept = {f"storage {key}": part for key, part in storage.parts.items() if key}
    return Fields("tensor", {"": Array(flat.dtype, tuple(size), "C", flat.load), **kept, **parts})


def _whole(flat: Array, offset: Any, size: Any, stride: Any) -> bool:
    if offset != 0 or not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        return False
    if not all(isinstance(n, int) and n >= 0 for n in (*size, *stride)) or math.prod(size) != flat.shape[0]:
        return False
    step = 1
    for length, apart in zip(reversed(size), reversed(stride), strict=True):
        if length != 1 and apart != step:
            return False
        step *= length
    return True


def is_torch_zip(names: list[str]) -> bool:
    """Does a zip with these members come from torch.save?"""
    return any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names)


class _Archive:
    """A torch zip: members without the folder they all lie in."""

    def __init__(self, data: bytes) -> None:
        self.file, listed = opened_zip(data)
        prefix = next(name for name in listed if name.endswith("/data.pkl")).removesuffix("data.pkl")
        need(all(name.startswith(prefix) for name in listed), "members outside the archive's folder")
        self.members = {name.removeprefix(prefix): info for name, info in listed.items()}
        self.used: dict[str, dict[str, tuple[str, int]]] = {}  # by the folder that storages lie in, and their keys

    def read(self, member: str) -> bytes:
        return self.file.read(self.members[member])

    def storages(self, member: str) -> Persistent:
        """What stands for the storages that the pickle `member` refers to: they lie in the folder of its name."""
        folder = member.removesuffix(".pkl")
        return _storages(lambda key: self.read(f"{folder}/{key}"), self.used.setdefault(folder, {}))

    @property
    def stored(self) -> set[str]:
        """The members that hold what pickles refer to."""
        return {f"{folder}/{key}" for folder, used in self.used.items() for key in used}


def compare_torch_zips(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two zips written by torch.save or torch.jit.save."""
    left, right = _Archive(a), _Archive(b)
    pickles = sorted(name for name in left.members if name in right.members and name.endswith(".pkl"))
    for member in pickles:
        x, y = (all_unpickled(side.read(member), None, side.storages(member)) for side in (left, right))
        need(len(x) == len(y) == 1, "not one pickle")
        compare_values(x[0], y[0], found if member == "data.pkl" else found.under(member), _lowered)
    if found.settled:
        return
    rest = [set(side.members) - set(pickles) - side.stored for side in (left, right)]
    if rest[0] != rest[1]:
        found.differ("", f"members differ: {min(rest[0] ^ rest[1])}")
        return
    for member in sorted(rest[0]):
        x_bytes, y_bytes = left.read(member), right.read(member)
        if x_bytes != y_bytes and member == ".data/serialization_id":
            found.mask("archive ids")
        elif x_bytes != y_bytes and member.endswith(".debug_pkl"):
            told = [[_traced(tree) for tree in all_unpickled(part)] for part in (x_bytes, y_bytes)]
            compare_values(told[0], told[1], found.under(member))
        else:
            compare_bytes(x_bytes, y_bytes, found, member)
    if left.members.keys() == right.members.keys():
        compare_zip_headers((left.file, left.members), (right.file, right.members), found)


def _traced(tree: Any) -> Any:
    """Where traced code comes from, without the lengths of the texts that say so: they are as long as its paths are."""
    if not isinstance(tree, tuple) or len(tree) != 3 or tree[0] != "FORMAT_WITH_STRING_TABLE":
        return tree
    _, texts, places = tree
    need(isinstance(texts, tuple) and all(isinstance(text, str) for text in texts), "a table of no texts")
    bare = []
    for place in places:
        match place:
            case (at, ((Node(args=([*parts],)) as listed, *source), 0, int(end)), tag):
                need(
                    all(isinstance(part, int) and 0 <= part < len(texts) for part in parts), "a text that is not there"
                )
                whole = end == sum(len(texts[part].encode()) for part in parts)
                bare.append((at, listed, source, "whole" if whole else end, tag))
            case _:
                bare.append(place)
    return texts, bare


def is_old_torch(data: bytes) -> bool:
    """Does `data` begin with the old format's magic number?"""
    return data[:64].startswith(b"\x80") and OLD_MAGIC.to_bytes(10, "little") in data[:64]


def compare_old_torch(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two files of torch.save's old format."""
    left, right = _read_old(a), _read_old(b)
    compare_values(left, right, found, _lowered)


def _read_old(data: bytes) -> Any:
    """Magic, protocol, system and object as pickles, then the keys and bytes of every storage."""
    stream = io.BytesIO(data)
    contents: dict[str, bytes] = {}
    used: dict[str, tuple[str, int]] = {}
    outside = _storages(lambda key: contents[key], used)
    heads = [unpickled(stream) for _ in range(3)]
    need(heads[0] == OLD_MAGIC, "not torch's magic number")
    tree = unpickled(stream, None, outside)
    keys = unpickled(stream)
    need(isinstance(keys, list) and all(isinstance(key, str) for key in keys), "storage keys that are no texts")
    need(set(keys) == set(used) and len(keys) == len(used), "storages that nothing refers to")
    for key in keys:
        dtype, size = used[key]
        need(int64(stream.read(8)) == size, "a storage of another size")
        length = size * dtype_of(dtype).itemsize
        contents[key] = stream.read(length)
        need(len(contents[key]) == length, "a storage cut short")
    need(stream.tell() == len(data), "bytes after the last storage")
    return Fields("torch file", {"": tree, "protocol": heads[1], "system": heads[2]})
