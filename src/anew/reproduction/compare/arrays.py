"""Arrays: the same type, shape and bits; else the first element that differs and how far any are apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.moments import is_likely_span
from anew.reproduction.compare.result import Findings, Side, first_unequal

if TYPE_CHECKING:
    import numpy as np

Bytes = bytes | bytearray | memoryview
_CLOCKED_MOST = 100_000  # elements looked at one by one


@dataclass(eq=False)
class Array:
    """An array as it was stored: nothing in it is an object of Python's."""

    dtype: str  # as numpy writes it, structured ones as their whole description
    shape: tuple[int, ...]
    order: str  # "C" or "F"
    load: Callable[[], Bytes]
    kind: str = "array"

    @property
    def summary(self) -> str:
        return f"{self.dtype} {list(self.shape)}" + ("" if self.order == "C" else f" in {self.order} order")


def are_likely_spans(values: Any, side: Side) -> bool:
    """Can every number in a numpy array be how long something took within the run, or be missing?"""
    return bool(
        all(value != value or (value >= 0 and is_likely_span(value, side)) for value in values.ravel().tolist())
    )


def dtype_of(text: str) -> np.dtype[Any]:
    """The numpy type that `text` (from `describe`) names."""
    import ast

    import numpy as np

    if text == "bfloat16":
        return np.dtype("<u2")
    return np.dtype(ast.literal_eval(text)) if text[0] in "[{" else np.dtype(text)


def describe(dtype: np.dtype[Any]) -> str:
    """The whole of a numpy type as text: names, formats, offsets and size of a structured one."""
    if dtype.names is None:
        return str(dtype.str) if dtype.subdtype is None and dtype.kind != "V" else repr([dtype.descr, dtype.itemsize])
    fields: Any = dtype.fields
    layout = {
        "names": list(dtype.names),
        "formats": [_format(fields[name][0]) for name in dtype.names],
        "offsets": [fields[name][1] for name in dtype.names],
        "itemsize": dtype.itemsize,
    }
    return repr(layout)


def _format(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        return (_format(dtype.subdtype[0]), dtype.shape)
    need(dtype.names is None, "structures within structures")
    return dtype.str


def compare_arrays(a: Array, b: Array, found: Findings, where: str = "", rule: str = "") -> None:
    """Compare two arrays bit for bit; `rule` names the accident that their numbers are, if they are one."""
    if (a.dtype, a.shape, a.order, a.kind) != (b.dtype, b.shape, b.order, b.kind):
        found.differ(where, f"{a.summary} -> {b.summary}")
        return
    left, right = a.load(), b.load()
    if left == right:
        return
    if len(left) != len(right):
        found.differ(where, f"{len(left)} -> {len(right)} bytes")
        return
    if rule:
        found.mask(rule)
        return
    import numpy as np

    dtype = dtype_of(a.dtype)
    need(dtype.itemsize > 0 and len(left) % dtype.itemsize == 0, "array of another size than its type")
    x, y = np.frombuffer(left, dtype), np.frombuffer(right, dtype)
    if dtype.names:
        _compare_fields(x, y, a, found, where)
        return
    _compare_flat(x, y, a, found, where)


def _compare_fields(x: Any, y: Any, a: Array, found: Findings, where: str) -> None:
    padding_only = True
    for name in x.dtype.names:
        left, right = x[name].copy(), y[name].copy()
        if left.tobytes() != right.tobytes():
            padding_only = False
            if left.ndim > 1:
                found.differ(f"{where}.{name}", "differs")
                return
            _compare_flat(left, right, a, found, where, f".{name}")
    if padding_only:
        found.mask("array padding")


def _compare_flat(x: Any, y: Any, a: Array, found: Findings, where: str, field: str = "") -> None:
    import numpy as np

    size = x.dtype.itemsize
    unequal = (x.view(np.uint8).reshape(-1, size) != y.view(np.uint8).reshape(-1, size)).any(axis=1)
    differing = np.flatnonzero(unequal)
    assert len(differing), "bytes differ, and no element does"
    first = int(differing[0])
    count = int(np.prod(a.shape, dtype=np.int64)) if a.shape else 1
    index: tuple[int, ...] = ()
    if count == len(x) and a.shape:
        index = tuple(int(i) for i in np.unravel_index(first, a.shape, order="F" if a.order == "F" else "C"))
    elif len(x) != 1:
        index = (first,)
    if a.dtype == "bfloat16":
        x, y = (np.left_shift(part.astype("<u4"), 16).view("<f4") for part in (x, y))
    elif a.dtype == "bits":
        found.differ(place(where, index, field), "bits differ")
        return
    place_ = place(where, index, field)
    if x.dtype.kind == "m":
        x, y = x.view("i8"), y.view("i8")
    if x.dtype.kind not in "iufc":
        found.differ(place_, f"{x[first]!s} -> {y[first]!s}")
        return
    if _are_clocked(x, y, differing, found, f"{where}{field}"):
        return
    largest, relative = _gaps(x[differing], y[differing])
    more = f" ({len(differing)} of {len(x)} differ)" if len(differing) > 1 else ""
    found.differ_numbers(place_, f"{_shown(x[first])} -> {_shown(y[first])}{more}", largest, relative)


def _are_clocked(x: Any, y: Any, differing: Any, found: Findings, where: str) -> bool:
    if x.dtype.kind == "c" or len(differing) > _CLOCKED_MOST:
        return False
    unit = 0.0 if x.dtype.kind == "f" else 1.0
    return all(found.is_clocked(f"{where} {i}", float(x[i]), float(y[i]), (unit, unit)) for i in differing.tolist())


def place(where: str, index: tuple[int, ...], field: str = "") -> str:
    """'weights[3, 4].field'."""
    return f"{where}{list(index)}{field}" if index else f"{where}{field}"


def _shown(value: Any) -> str:
    return repr(value.item()) if value.dtype.itemsize >= 8 else str(value)


def _gaps(x: Any, y: Any) -> tuple[float, float]:
    """Largest absolute and relative difference; infinite where only one side is a number."""
    import numpy as np

    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        apart = np.array([float(abs(int(p) - int(q))) for p, q in zip(x, y, strict=True)])
    else:
        wide = np.complex128 if x.dtype.kind == "c" else np.result_type(x.dtype, np.float64)
        with np.errstate(all="ignore"):
            apart = np.abs(x.astype(wide) - y.astype(wide)).astype(np.float64)
    with np.errstate(all="ignore"):
        if x.dtype.kind in "fc":
            apart[np.isnan(x) & np.isnan(y)] = 0.0
            apart[np.isnan(x) != np.isnan(y)] = np.inf
            apart[np.isnan(apart)] = np.inf
        size = np.maximum(np.abs(x).astype(np.float64), np.abs(y).astype(np.float64))
        relative = np.where(apart == 0, 0.0, np.where(np.isfinite(apart), apart / np.where(size == 0, 1, size), np.inf))
    return float(apart.max()), float(relative.max())


def compare_bytes(a: Bytes, b: Bytes, found: Findings, where: str = "") -> None:
    """Compare plain bytes."""
    if a == b:
        return
    at = first_unequal(memoryview(a), memoryview(b))
    if len(a) != len(b):
        found.differ(where, f"{len(a)} -> {len(b)} bytes, from byte {at}")
    else:
        found.differ(where, f"byte {at}: {a[at]:#04x} -> {b[at]:#04x}")
