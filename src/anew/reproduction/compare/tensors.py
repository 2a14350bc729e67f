"""safetensors: named tensors by type, shape and bytes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from anew.reproduction.compare.arrays import Array
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.jsons import parsed
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.values import Mapping, compare_values

HEADER_MOST = 100_000_000
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bfloat16", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def compare_safetensors(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two safetensors files."""
    compare_values(_tree(a), _tree(b), found)


def _same(part: memoryview) -> memoryview:
    return part


def _tree(data: bytes) -> Mapping:
    length = int.from_bytes(data[:8], "little")
    need(len(data) >= 8 and length <= min(HEADER_MOST, len(data) - 8), "a header cut short")
    text = data[8 : 8 + length].decode()
    told: dict[str, Any] = json.loads(text)
    keys = [key for key, _ in parsed(text).pairs]  # refuses repeated names
    need(set(keys) == set(told), "names that differ")
    body = memoryview(data)[8 + length :]
    pairs: list[tuple[Any, Any]] = []
    spans = []
    for name, spec in told.items():
        if name == "__metadata__":
            pairs.append((name, Mapping(list(spec.items()))))
            continue
        begin, end = spec["data_offsets"]
        need(
            type(begin) is int and type(end) is int and 0 <= begin <= end <= len(body),
            "offsets outside the file",
        )
        need(set(spec) == {"dtype", "shape", "data_offsets"}, "other fields")
        spans.append((begin, end))
        part = body[begin:end]
        dtype = _TYPES.get(spec["dtype"], "|u1")
        shape = tuple(spec["shape"]) if spec["dtype"] in _TYPES else (len(part),)
        need(all(type(side) is int and side >= 0 for side in shape), "no shape")
        pairs.append((name, [spec["dtype"], list(spec["shape"]), Array(dtype, shape, "C", partial(_same, part))]))
    at = 0
    for begin, end in sorted(spans):
        need(begin == at, "bytes that no tensor holds")
        at = end
    need(at == len(body), "bytes that no tensor holds")
    return Mapping(pairs)
