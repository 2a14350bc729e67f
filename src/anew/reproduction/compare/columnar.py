"""Parquet, Arrow and HDF5: schema and values, where a library to read them is installed."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

from anew.reproduction.compare import timings
from anew.reproduction.compare.arrays import Array, are_likely_spans, compare_arrays, describe
from anew.reproduction.compare.bounded import INFLATED_MOST, Unreadable, need
from anew.reproduction.compare.jsons import parsed
from anew.reproduction.compare.result import Findings, change
from anew.reproduction.compare.values import Bag, Mapping, compare_values

VALUE_BYTES = 8  # of one value, at least, in memory


def compare_parquet(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two Parquet files by schema and values."""
    _compare_frames(_parquet(a), _parquet(b), found)


def compare_arrow(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two Arrow or Feather files by schema and values."""
    _compare_frames(_arrow(a), _arrow(b), found)


def _parquet(data: bytes) -> Any:
    need(importlib.util.find_spec("pyarrow"), "pyarrow is not installed")
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
    told = file.metadata
    need(told.num_rows * told.num_columns * VALUE_BYTES <= INFLATED_MOST, "more values than are allowed")
    groups = [told.row_group(index) for index in range(told.num_row_groups)]
    need(
        sum(group.total_byte_size for group in groups) <= INFLATED_MOST,
        "decompresses to more than is allowed",
    )
    return file.read(use_threads=False)


def _arrow(data: bytes) -> Any:
    need(importlib.util.find_spec("pyarrow"), "pyarrow is not installed")
    import pyarrow as pa

    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def _compare_frames(a: Any, b: Any, found: Findings) -> None:
    bare = a.schema.remove_metadata(), b.schema.remove_metadata()
    if not bare[0].equals(bare[1], check_metadata=False):
        found.differ("schema", change(str(bare[0]), str(bare[1])))
        return
    if a.schema.metadata != b.schema.metadata:
        _compare_metadata(a.schema.metadata or {}, b.schema.metadata or {}, found)
    for field_a, field_b in zip(a.schema, b.schema, strict=True):
        if field_a.metadata != field_b.metadata:
            found.differ(f"column {field_a.name}", "metadata differs")
    if a.num_rows != b.num_rows:
        found.differ("", f"{a.num_rows} -> {b.num_rows} rows")
        return
    header = list(a.column_names)
    for index, name in enumerate(header):
        if found.settled:
            return
        _compare_columns(
            a.column(index),
            b.column(index),
            name if timings.is_table_timing(name, header) else "",
            f"column {name}",
            found,
        )


def _compare_metadata(a: dict[bytes, bytes], b: dict[bytes, bytes], found: Findings) -> None:
    for key in (*a, *b):
        if a.get(key) == b.get(key):
            continue
        where = f"metadata {key.decode(errors='replace')}"
        if key == b"pandas" and key in a and key in b:
            compare_values(parsed(a[key].decode()), parsed(b[key].decode()), found.under(where))
        elif key != b"ARROW:schema" or key not in a or key not in b:
            found.differ(where, change(a.get(key, b"nothing"), b.get(key, b"nothing")))


def _compare_columns(a: Any, b: Any, name: str, where: str, found: Findings) -> None:
    import numpy as np
    import pyarrow as pa

    kind = a.type
    if pa.types.is_dictionary(kind):
        a, b, kind = a.cast(kind.value_type), b.cast(kind.value_type), kind.value_type
    if pa.types.is_duration(kind):
        a, b, kind = a.cast(pa.int64()), b.cast(pa.int64()), pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        nulls = [np.asarray(side.is_null().to_numpy()) for side in (a, b)]
        if (nulls[0] != nulls[1]).any():
            found.differ(f"{where} row {int(np.flatnonzero(nulls[0] != nulls[1])[0]) + 1}", "only one is missing")
            return
        flat = [np.ascontiguousarray(side.drop_null().to_numpy()) for side in (a, b)]
        rows = np.flatnonzero(~nulls[0])
        _compare_numbers(flat[0], flat[1], rows, name, where, found)
        return
    if a.equals(b) and not _holds_floats(kind):
        return
    for row, (x, y) in enumerate(zip(a.to_pylist(), b.to_pylist(), strict=True), 1):
        compare_values(_tree(x), _tree(y), found.under(f"{where} row {row}"))
        if found.settled:
            return


def _compare_numbers(x: Any, y: Any, rows: Any, name: str, where: str, found: Findings) -> None:
    import numpy as np

    raw = x.tobytes(), y.tobytes()
    if raw[0] == raw[1]:
        return
    if (
        name
        and found.side_a.seeds == found.side_b.seeds
        and all(are_likely_spans(side, run) for side, run in ((x, found.side_a), (y, found.side_b)))
    ):
        found.mask("durations")
        return
    size = x.dtype.itemsize
    unequal = (x.view(np.uint8).reshape(-1, size) != y.view(np.uint8).reshape(-1, size)).any(axis=1)
    first = int(np.flatnonzero(unequal)[0])
    trial = Findings(found.side_a, found.side_b, f"{found.prefix} {where}")
    shape = (len(x),)
    compare_arrays(
        Array(x.dtype.str, shape, "C", lambda: raw[0]), Array(x.dtype.str, shape, "C", lambda: raw[1]), trial
    )
    if not trial.different:
        found.adopt(trial)
        return
    told = trial.result("")
    largest, relative = told.max_difference or 0.0, told.max_relative or 0.0
    found.differ_numbers(f"{where} row {int(rows[first]) + 1}", told.detail, largest, relative)


def _holds_floats(kind: Any) -> bool:
    return any(word in str(kind) for word in ("float", "double", "extension", "union"))


def _tree(value: Any) -> Any:
    """A value of Arrow's as a tree of values that can be compared."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, dict):
        return Mapping([(key, _tree(item)) for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return [_tree(item) for item in value]
    return Bag("value", [type(value).__name__, str(value)])


def compare_hdf5(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two HDF5 files by groups, attributes and data sets."""
    need(importlib.util.find_spec("h5py"), "h5py is not installed")
    import h5py  # type: ignore[import-not-found,unused-ignore]

    with h5py.File(io.BytesIO(a), "r") as left, h5py.File(io.BytesIO(b), "r") as right:
        _compare_groups(left, right, found, "", 0)


def _compare_groups(a: Any, b: Any, found: Findings, where: str, depth: int) -> None:
    import h5py  # type: ignore[import-not-found,unused-ignore]

    need(depth < 100, "nested too deeply")
    _compare_attributes(a, b, found, where)
    if set(a) != set(b):
        found.differ(where, f"members differ: {min(set(a) ^ set(b))}")
        return
    for key in sorted(a):
        links = a.get(key, getlink=True), b.get(key, getlink=True)
        if not all(isinstance(link, h5py.HardLink) for link in links):
            raise Unreadable("links to elsewhere")
        x, y = a[key], b[key]
        below = f"{where}/{key}" if where else key
        if type(x) is not type(y):
            found.differ(below, "another kind")
        elif isinstance(x, h5py.Group):
            _compare_groups(x, y, found, below, depth + 1)
        else:
            need(isinstance(x, h5py.Dataset) and x.nbytes <= INFLATED_MOST, "of an unknown kind, or too large")
            _compare_attributes(x, y, found, below)
            if x.is_virtual and y.is_virtual:
                _compare_sources(x, y, found, below)
                continue
            _compare_sets(x[()], y[()], x.dtype == y.dtype, found, below)


def _compare_sources(a: Any, b: Any, found: Findings, where: str) -> None:
    """Compare what two virtual data sets are made of; what lies in other files is compared where that is."""
    sides = []
    for one in (a, b):
        found_in = one.virtual_sources()
        parts = [[m.file_name, m.dset_name, *_selection(m.vspace), *_selection(m.src_space)] for m in found_in]
        sides.append([str(one.dtype), list(one.shape), parts])
    compare_values(_tree(sides[0]), _tree(sides[1]), found, where=where)


def _selection(space: Any) -> list[Any]:
    bounds = space.get_select_bounds() if space.get_select_npoints() else ()
    return [space.get_select_npoints(), str(bounds)]


def _compare_attributes(a: Any, b: Any, found: Findings, where: str) -> None:
    if set(a.attrs) != set(b.attrs):
        found.differ(where, f"attributes differ: {min(set(a.attrs) ^ set(b.attrs))}")
        return
    for key in sorted(a.attrs):
        _compare_sets(a.attrs[key], b.attrs[key], True, found, f"{where}@{key}")


def _compare_sets(a: Any, b: Any, alike: bool, found: Findings, where: str) -> None:
    import numpy as np

    x, y = np.asarray(a), np.asarray(b)
    if not alike or x.dtype != y.dtype or x.shape != y.shape:
        found.differ(where, f"{x.dtype} {list(x.shape)} -> {y.dtype} {list(y.shape)}")
    elif x.dtype.hasobject or x.dtype.kind in "US":
        compare_values(_tree(x.tolist()), _tree(y.tolist()), found, where=where)
    else:
        left = Array(describe(x.dtype), x.shape, "C", x.tobytes)
        compare_arrays(left, Array(describe(y.dtype), y.shape, "C", y.tobytes), found, where)
