"""numpy's .npy files: one array after another, each with its header."""

from __future__ import annotations

import io

from anew.reproduction.compare.arrays import Array, compare_arrays, describe
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.pickles import lowered
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.unpickle import unpickled
from anew.reproduction.compare.values import compare_values

HEADER_MOST = 100_000


def compare_npy(a: bytes, b: bytes, found: Findings) -> None:
    """Compare all arrays of two .npy files."""
    streams = io.BytesIO(a), io.BytesIO(b)
    number = 0
    while all(stream.tell() < len(data) for stream, data in zip(streams, (a, b), strict=True)):
        if number and found.settled:
            return
        where = f"array {number}" if number else ""
        (head_a, x), (head_b, y) = (_read(stream) for stream in streams)
        if head_a != head_b:
            found.mask("npy header")
        if isinstance(x, Array) and isinstance(y, Array):
            compare_arrays(x, y, found, where)
        else:
            compare_values(x, y, found, lowered, where)
        number += 1
    if any(stream.tell() < len(data) for stream, data in zip(streams, (a, b), strict=True)):
        found.differ("", f"{len(a)} -> {len(b)} bytes, one has more arrays")


def _read(stream: io.BytesIO) -> tuple[bytes, object]:
    from numpy.lib import format as npy

    start = stream.tell()
    version = npy.read_magic(stream)
    need(version in ((1, 0), (2, 0), (3, 0)), "an unknown version")
    length = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    need(length <= HEADER_MOST, "a header too long")
    text = stream.read(length)
    need(len(text) == length and text.endswith(b"\n"), "a header cut short")
    shape, fortran, dtype = _header(text, version)
    raw_head = stream.getvalue()[start : stream.tell()]
    if dtype.hasobject:
        return raw_head, [shape, fortran, unpickled(stream)]
    count = dtype.itemsize
    for side in shape:
        count *= side
    data = stream.read(count)
    need(len(data) == count, "an array cut short")
    return raw_head, Array(describe(dtype), shape, "F" if fortran else "C", lambda: data)


def _header(text: bytes, version: tuple[int, int]):  # type: ignore[no-untyped-def]
    """Shape, order and type, read as numpy reads them but without its warnings."""
    import ast

    from numpy.lib import format as npy

    told = ast.literal_eval(text.decode("utf-8" if version == (3, 0) else "latin-1"))
    need(
        isinstance(told, dict) and told.keys() == {"descr", "fortran_order", "shape"},
        "a header of other keys",
    )
    shape, fortran = told["shape"], told["fortran_order"]
    need(isinstance(fortran, bool), "an order that is none")
    need(isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape), "no shape")
    return shape, fortran, npy.descr_to_dtype(told["descr"])
