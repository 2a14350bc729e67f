"""What the nodes of a pickle stand for: numpy's arrays and types, joblib's arrays, dates, ids."""

from __future__ import annotations

from typing import Any, BinaryIO

from anew.reproduction.compare.arrays import Array, Bytes, describe, dtype_of
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.unpickle import all_unpickled
from anew.reproduction.compare.values import Fields, Global, Mapping, Node, compare_values

ALIGNMENT_MOST = 64
_ARRAY_MAKERS = frozenset(("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"))
_SCALARS = frozenset(("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"))
_BUFFERS = frozenset(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"))
_PLAIN = frozenset("biufcSU")


def compare_pickles(a: bytes, b: bytes, found: Findings) -> None:
    """Compare all pickles in two files, by structure."""
    left, right = (all_unpickled(side, joblib_array) for side in (a, b))
    if len(left) != len(right):
        found.differ("", f"{len(left)} -> {len(right)} pickles")
        return
    for index, (x, y) in enumerate(zip(left, right, strict=True)):
        compare_values(x, y, found, lowered, f"[{index}]" if len(left) > 1 else "")


def lowered(value: Any) -> Any:
    """What a node stands for, where that is known; else the node."""
    if not isinstance(value, Node) or not isinstance(value.made_by, Global):
        return value
    name = str(value.made_by)
    if name in _ARRAY_MAKERS:
        return _array(value)
    if name in _SCALARS:
        return _scalar(value)
    if name in _BUFFERS:
        return _buffer(value)
    if name == "datetime.datetime":
        return _moment(value)
    if name == "uuid.UUID":
        return _uuid(value)
    return value


def _bare(node: Node) -> bool:
    return not node.items and not node.pairs


def _array(node: Node) -> Any:
    """numpy's _reconstruct with its state (version, shape, type, Fortran order, bytes)."""
    if len(node.states) != 1 or not _bare(node) or not isinstance(node.states[0], tuple):
        return node
    state = node.states[0]
    if len(state) != 5 or not isinstance(state[4], (bytes, bytearray)) or not isinstance(state[1], tuple):
        return node
    dtype = plain_dtype(state[2])
    if dtype is None or not all(isinstance(side, int) and side >= 0 for side in state[1]):
        return node
    kept = state[4]
    array = _checked(dtype, state[1], "F" if state[3] else "C", kept)
    return Fields("numpy array", {"": array, "dtype": state[2], "version": state[0], "made": (node.made_by, node.args)})


def _scalar(node: Node) -> Any:
    if node.states or not _bare(node) or not isinstance(node.args, tuple) or len(node.args) != 2:
        return node
    dtype = plain_dtype(node.args[0])
    if dtype is None or not isinstance(node.args[1], (bytes, bytearray)):
        return node
    return Fields("numpy scalar", {"": _checked(dtype, (), "C", node.args[1]), "dtype": node.args[0]})


def _buffer(node: Node) -> Any:
    if node.states or not _bare(node) or not isinstance(node.args, tuple) or len(node.args) < 4:
        return node
    data, dtype_node, shape, order = node.args[:4]
    dtype = plain_dtype(dtype_node)
    if (
        dtype is None
        or not isinstance(data, (bytes, bytearray))
        or not isinstance(shape, tuple)
        or order not in ("C", "F")
    ):
        return node
    array = _checked(dtype, shape, order, data)
    return Fields("numpy buffer", {"": array, "dtype": dtype_node, "rest": tuple(node.args[4:])})


def _checked(dtype: str, shape: tuple[int, ...], order: str, data: Bytes) -> Array:
    count = 1
    for side in shape:
        count *= side
    need(count * dtype_of(dtype).itemsize == len(data), "an array of another size than its shape")
    return Array(dtype, shape, order, lambda: data)


def plain_dtype(node: Any) -> str | None:
    """The description of numpy's type that `node` pickles, when it holds no Python objects; else None."""
    if not isinstance(node, Node) or str(node.made_by) != "numpy.dtype" or len(node.states) != 1:
        return None
    code, state = node.args[0] if node.args else None, node.states[0]
    if not isinstance(code, str) or not isinstance(state, tuple) or len(state) < 8 or not isinstance(state[1], str):
        return None
    if state[3] is not None or state[4] is not None:
        return _structure(state)
    if state[2] is not None or not code or code[0] not in _PLAIN or not code[1:].isdigit():
        return None
    order = {"|": "|", "<": "<", ">": ">", "=": "="}.get(state[1])
    if order is None or (len(state) > 8 and state[8] is not None):
        return None
    return _named(("" if code[0] in "bS" and order == "|" else order) + code)


def _named(text: str) -> str | None:
    import numpy as np

    try:
        return describe(np.dtype(text))
    except TypeError:
        return None


def _structure(state: tuple[Any, ...]) -> str | None:
    """A structured type: its fields' names, types and offsets, and its size."""
    import numpy as np

    names, fields, size = state[3], state[4], state[5]
    if not isinstance(names, tuple) or not isinstance(fields, Mapping) or not isinstance(size, int):
        return None
    known = {name: spec for name, spec in fields.pairs if isinstance(name, str)}
    formats, offsets = [], []
    for name in names:
        spec = known.get(name)
        text = plain_dtype(spec[0]) if isinstance(spec, tuple) and len(spec) >= 2 else None
        if spec is None or text is None or text[0] in "[{" or not isinstance(spec[1], int):
            return None
        formats.append(text)
        offsets.append(spec[1])
    if len(known) != len(names):
        return None
    try:
        layout: Any = {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size}
        return describe(np.dtype(layout))
    except (TypeError, ValueError):
        return None


def joblib_array(node: Node, stream: BinaryIO) -> Any:
    """The array whose bytes lie in the stream behind joblib's wrapper, in place of the wrapper."""
    if str(node.made_by) != "joblib.numpy_pickle.NumpyArrayWrapper":
        return node
    state = node.states[-1]
    need(isinstance(state, Mapping), "a joblib array without a description")
    told = {key: value for key, value in state.pairs if isinstance(key, str)}
    shape, order = told.get("shape"), told.get("order")
    need(isinstance(shape, tuple) and order in ("C", "F"), "a joblib array of no shape")
    assert isinstance(shape, tuple) and isinstance(order, str)
    dtype = plain_dtype(told.get("dtype"))
    if dtype is None:
        from anew.reproduction.compare.unpickle import unpickled

        inner = unpickled(stream)  # an array of objects is a pickle of its own
        return Fields(
            "joblib objects",
            {"": inner, "wrapper": state},
        )
    if told.get("numpy_array_alignment_bytes") is not None:
        padding = stream.read(1)
        need(len(padding) == 1 and padding[0] <= ALIGNMENT_MOST, "a joblib array of unknown alignment")
        gap = stream.read(padding[0])
        need(gap == b"\xff" * padding[0], "a joblib array of unknown alignment")
    count = dtype_of(dtype).itemsize
    for side in shape:
        need(isinstance(side, int) and side >= 0, "a joblib array of no shape")
        count *= side
    data = stream.read(count)
    need(len(data) == count, "a joblib array cut short")
    array = Array(dtype, shape, order, lambda: data)
    rest = Mapping([(key, value) for key, value in state.pairs if key not in ("shape", "order")])
    return Fields("joblib array", {"": array, "wrapper": rest})


def _moment(node: Node) -> Any:
    """A date in text, so that its rule applies: only without a time zone, which may be any object."""
    if node.states or not _bare(node) or not isinstance(node.args, tuple) or len(node.args) != 1:
        return node
    raw = node.args[0]
    if isinstance(raw, Node) and raw.how == "string":
        raw = raw.args
    if not isinstance(raw, bytes) or len(raw) != 10 or raw[2] > 12:
        return node
    year, micro = raw[0] << 8 | raw[1], int.from_bytes(raw[7:], "big")
    return f"{year:04}-{raw[2]:02}-{raw[3]:02} {raw[4]:02}:{raw[5]:02}:{raw[6]:02}.{micro:06}"


def _uuid(node: Node) -> Any:
    state = node.states[0] if len(node.states) == 1 else None
    if not isinstance(state, Mapping) or len(state.pairs) != 1 or node.args or not _bare(node):
        return node
    key, number = state.pairs[0]
    if key != "int" or not isinstance(number, int) or not 0 <= number < 1 << 128:
        return node
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
