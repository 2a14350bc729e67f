"""Tables: the same rows in every form, and a clear word where a library is missing."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from anew.errors import MissingExtra
from anew.index import export

ROWS: list[dict[str, Any]] = [
    {"id": "a", "x": 1, "mixed": 1, "flag": True, "nested": {"a": [1, math.nan]}},
    {"id": "b,\n'\"", "x": 2.5, "mixed": "one", "nan": math.nan, "big": 2**70},
    {"id": "c", "x": None},
]


def test_csv_and_json() -> None:
    lines = list(csv.DictReader(io.StringIO(export.to_csv(ROWS))))
    assert [line["id"] for line in lines] == ["a", "b,\n'\"", "c"]
    assert [line["x"] for line in lines] == ["1", "2.5", ""]
    assert (lines[0]["flag"], lines[1]["nan"], lines[0]["nested"]) == ("true", "nan", '{"a": [1, "NaN"]}')
    back = json.loads(export.to_json(ROWS), parse_constant=lambda _: pytest.fail("not JSON"))
    assert back[1]["nan"] == "NaN"
    assert back[0]["nested"] == {"a": [1, "NaN"]}
    assert export.to_csv([]) == "\n"
    assert export.to_json([]) == "[]"


def test_frames(tmp_path: Path) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = export.to_pandas(ROWS)
    assert frame["x"].tolist()[:2] == [1.0, 2.5]
    assert isinstance(frame, pandas.DataFrame)
    assert export.to_polars(ROWS)["mixed"].to_list() == ["1", "one", None]
    assert isinstance(export.to_polars([]), polars.DataFrame)
    export.to_parquet(ROWS, tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet")["id"].to_pylist() == [row["id"] for row in ROWS]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"pip install 'anew\[export\]'"):
        export.to_pandas(ROWS)
    with pytest.raises(MissingExtra):
        export.to_polars(ROWS)
    with pytest.raises(MissingExtra):
        export.to_parquet(ROWS, tmp_path / "t.parquet")


def test_documents_as_rows(store: Any, opened: Any) -> None:
    store.write("a", [("config", {"values": {"lr": 0.1}})], [({"val acc": 1.0}, 1)])
    store.write("b", [("tag", {"t": "x"})])
    rows = export.table(opened().search())
    assert {row["id"]: (row["params.lr"], row["metrics.`val acc`"], row["tags.t"]) for row in rows} == {
        "a": (0.1, 1.0, None),
        "b": (None, None, "x"),
    }
