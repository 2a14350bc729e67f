"""What differs between two versions of data: files, and within tables columns, rows and distributions."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anew.data.datasets import Version
from anew.data.facts import TABLES
from anew.errors import MissingExtra, NotFound
from anew.store.objects import Entry, Objects

if TYPE_CHECKING:
    import pandas as pd

_MOST_TABLE_BYTES = 1 << 30
_MOST_TABLES = 50
_KEY_NAMES = ("id", "uuid", "key", "index", "unnamed: 0")


@dataclass(frozen=True)
class FileChange:
    """`kind` is added, removed or changed; sizes in bytes, None where there is no file."""

    path: str
    kind: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Shift:
    """How far a column moved: `distance` 0 to 1, by `measure` (ks: Kolmogorov-Smirnov; tv: total variation)."""

    column: str
    measure: str
    distance: float
    before: dict[str, float]  # mean and std of numbers; else the number of distinct values
    after: dict[str, float]


@dataclass(frozen=True)
class TableChange:
    """Counts of rows. `changed` is told only where a column is a key of both (`key`); else a row came and one went.

    `untold`: why nothing could be said.
    """

    path: str
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)
    columns_retyped: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: tuple[int, int] = (0, 0)
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int | None = None
    key: str = ""
    shifts: list[Shift] = field(default_factory=list)  # the farthest first
    untold: str = ""


@dataclass(frozen=True)
class Difference:
    files: list[FileChange]
    tables: list[TableChange]


def difference(
    objects: Objects, before: Version, after: Version, most_table_bytes: int = _MOST_TABLE_BYTES
) -> Difference:
    """Larger tables are compared by their bytes alone. Raises NotFound where one is not in this store, CorruptData."""
    files: list[FileChange] = []
    tables: list[TableChange] = []
    for path, old, new in _pairs(objects, before, after):
        kind = "added" if old is None else "removed" if new is None else "changed"
        files.append(FileChange(path, kind, old.size if old else None, new.size if new else None))
        both = old is not None and new is not None and old.kind == new.kind == "file"
        if both and os.path.splitext(path)[1].lower() in TABLES and len(tables) < _MOST_TABLES:
            assert old is not None and new is not None
            if old.digest != new.digest:
                tables.append(_compared(objects, path, (before, old), (after, new), most_table_bytes))
    return Difference(files, tables)


def _pairs(objects: Objects, before: Version, after: Version) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    firsts = []
    for version in (before, after):
        with version.reading():
            firsts.append(next(iter(objects.read_tree(version.digest)), None))
    if before.kind == after.kind == "file":  # whatever they were called
        old, new = firsts
        assert old is not None and new is not None
        if (old.digest, old.executable) != (new.digest, new.executable):
            yield new.path, old, new
        return
    yield from objects.tree_differences(before.digest, after.digest)


def _compared(
    objects: Objects, path: str, old: tuple[Version, Entry], new: tuple[Version, Entry], most_bytes: int
) -> TableChange:
    if max(entry.size for _, entry in (old, new)) > most_bytes:
        return TableChange(path, untold=f"larger than {most_bytes >> 20:,} MiB: rows are not compared")
    tables = []
    try:
        for version, entry in (old, new):
            with version.reading():
                tables.append(_read(path, objects.get_bytes(entry.digest)))
        return compare_tables(path, *tables)
    except (MissingExtra, NotFound) as error:
        return TableChange(path, untold=str(error))
    except (ValueError, KeyError) as error:  # what pandas and pyarrow raise for what is no table
        return TableChange(path, untold=f"can't be read as a table: {str(error).partition(chr(10))[0][:200]}")


def compare_tables(path: str, old: pd.DataFrame, new: pd.DataFrame) -> TableChange:
    """Compare by the columns that both have."""
    import pandas as pd

    shared = [name for name in old.columns if name in new.columns]
    retyped = {
        str(name): (str(old[name].dtype), str(new[name].dtype)) for name in shared if old[name].dtype != new[name].dtype
    }
    a, b = (_hashes(frame[shared], set(retyped)) for frame in (old, new))
    key = next((name for name in shared if _is_key(name, old, new)), None)
    changed = None
    if key is None:
        counts = pd.Series(a).value_counts().sub(pd.Series(b).value_counts(), fill_value=0)
        gone, come = int(counts[counts > 0].sum()), int(-counts[counts < 0].sum())
    else:
        left, right = pd.Series(a, index=old[key]), pd.Series(b, index=new[key])
        common = left.index.intersection(right.index)
        gone, come = len(left) - len(common), len(right) - len(common)
        changed = int((left.loc[common].to_numpy() != right.loc[common].to_numpy()).sum())
    moving = (name for name in shared if name != key)  # a key names rows: that others are there is told by their counts
    shifts = [shift for name in moving if (shift := _shift(str(name), old[name], new[name])) is not None]
    return TableChange(
        path,
        [str(name) for name in new.columns if name not in old.columns],
        [str(name) for name in old.columns if name not in new.columns],
        retyped, (len(old), len(new)), come, gone, changed, str(key) if key is not None else "",
        sorted(shifts, key=lambda shift: -shift.distance),
    )  # fmt: skip


def _read(path: str, data: bytes) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("pandas", "export") from None
    suffix = os.path.splitext(path)[1].lower()
    file = io.BytesIO(data)
    if suffix in (".csv", ".tsv"):
        return pd.read_csv(file, sep="," if suffix == ".csv" else "\t", low_memory=False)
    if suffix in (".jsonl", ".ndjson"):
        return pd.read_json(file, lines=True)
    try:
        return pd.read_parquet(file) if suffix == ".parquet" else pd.read_feather(file)
    except ImportError:
        raise MissingExtra("pyarrow", "export") from None


def _hashes(frame: pd.DataFrame, retyped: set[str]) -> Any:
    """A number for each row: equal for equal rows. Columns of two types are compared by what they say."""
    import numpy as np
    import pandas as pd

    if not len(frame.columns):
        return np.zeros(len(frame), dtype=np.uint64)
    plain = frame.copy(deep=False)
    for name in plain.columns:
        if str(name) in retyped or plain[name].dtype == object:
            plain[name] = plain[name].map(repr)
    return pd.util.hash_pandas_object(plain, index=False).to_numpy()


def _is_key(name: Any, old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Whether a column names the rows of both: it is called so, and no value is there twice."""
    word = str(name).lower()
    if word not in _KEY_NAMES and not word.endswith("_id"):
        return False
    return all(frame[name].is_unique and not frame[name].isna().any() for frame in (old, new))


def _shift(name: str, old: pd.Series[Any], new: pd.Series[Any]) -> Shift | None:
    """None where the distribution is the same, or there is nothing to compare."""
    import numpy as np
    from pandas.api import types

    old, new = old.dropna(), new.dropna()
    if not len(old) or not len(new):
        return None
    if all(types.is_numeric_dtype(side.dtype) and not types.is_bool_dtype(side.dtype) for side in (old, new)):
        a, b = (np.sort(side.to_numpy(dtype=float)) for side in (old, new))
        points = np.concatenate([a, b])
        ranks = [np.searchsorted(side, points, side="right") / len(side) for side in (a, b)]
        distance = float(np.max(np.abs(ranks[0] - ranks[1])))
        facts = [{"mean": float(side.mean()), "std": float(side.std())} for side in (a, b)]
        return Shift(name, "ks", distance, *facts) if distance else None
    shares = [side.map(repr).value_counts(normalize=True) for side in (old, new)]
    distance = float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    facts = [{"distinct": float(len(share))} for share in shares]
    return Shift(name, "tv", distance, *facts) if distance > 1e-12 else None
