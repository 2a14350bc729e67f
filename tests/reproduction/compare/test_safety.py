"""Hostile files: nothing they name is run, nothing they hold fills the memory, nothing broken is equal."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from sides import A, B

from anew.reproduction.compare import bounded, compare_files
from anew.reproduction.compare.result import Result


def compared(tmp_path: Path, name: str, a: bytes, b: bytes) -> Result:
    left, right = tmp_path / f"a_{name}", tmp_path / f"b_{name}"
    left.write_bytes(a)
    right.write_bytes(b)
    return compare_files(name, left, right, A, B)


class Touch:
    def __init__(self, path: Path, tag: int) -> None:
        self.path, self.tag = path, tag

    def __reduce__(self) -> object:
        import os

        return os.system, (f"touch {self.path}",), {"tag": self.tag}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["x.pkl", "x.joblib", "x.bin"])
def test_a_pickle_that_would_run_a_command_does_not(tmp_path: Path, name: str, protocol: int) -> None:
    trap = tmp_path / "run"
    files = [pickle.dumps([Touch(trap, 1), n], protocol=protocol) for n in (1, 2)]
    result = compared(tmp_path, name, *files)
    assert not result.equal and not trap.exists()
    same = compared(tmp_path, name, files[0], pickle.dumps([Touch(trap, 1), 1], protocol=max(2, (protocol + 1) % 6)))
    assert not trap.exists()
    assert same.equal or same.how == "bytes"


def test_a_hostile_array_of_objects_and_torch_file(tmp_path: Path) -> None:
    trap = tmp_path / "run"
    out = [io.BytesIO(), io.BytesIO()]
    for number, stream in enumerate(out):
        np.save(stream, np.array([Touch(trap, number)], dtype=object), allow_pickle=True)
    result = compared(tmp_path, "x.npy", out[0].getvalue(), out[1].getvalue())
    assert not result.equal and not trap.exists() and "0 -> 1" in result.detail
    zips = []
    for number in (1, 2):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            file.writestr("m/data.pkl", pickle.dumps(Touch(trap, number), protocol=2))
        zips.append(stream.getvalue())
    assert not compared(tmp_path, "m.pt", *zips).equal and not trap.exists()


def test_a_pickle_of_exponential_references(tmp_path: Path) -> None:
    def laughs(last: int) -> bytes:
        x: list[object] = [last]
        for _ in range(200):
            x = [x, x]
        return pickle.dumps(x)

    assert compared(tmp_path, "x.pkl", laughs(1), laughs(2)).where.endswith("[0]")
    cyclic: list[object] = [1]
    cyclic.append(cyclic)
    other: list[object] = [1]
    other.append([1, other])
    assert compared(tmp_path, "x.pkl", pickle.dumps(cyclic), pickle.dumps(other)).equal


def test_deep_nesting_is_no_crash(tmp_path: Path) -> None:
    deep = b"\x80\x04" + b"]" * 100_000 + b"K%c" + b"a" * 100_000 + b"."
    assert not compared(tmp_path, "x.pkl", deep.replace(b"%c", b"\1"), deep.replace(b"%c", b"\2")).equal
    text = "[" * 100_000 + "{}" + "]" * 100_000
    assert not compared(tmp_path, "x.json", text.encode(), text.replace("{}", "1").encode()).equal


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "INFLATED_MOST", 1 << 22)
    for name, value in (("inflated", 1 << 22), ("decompressed", 1 << 22)):
        function = getattr(bounded, name)
        monkeypatch.setattr(function, "__defaults__", (*function.__defaults__[:-1], value))
    bombs = [gzip.compress(bytes([n]) * (1 << 26), mtime=n) for n in (0, 1)]
    tracemalloc.start()
    result = compared(tmp_path, "x.gz", *bombs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not result.equal and result.how == "bytes" and "more than is allowed" in result.detail
    assert peak < 1 << 25


def test_a_png_of_another_size_than_it_says(tmp_path: Path) -> None:
    def png(rows: int, tail: bytes = b"") -> bytes:
        head = struct.pack(">IIBBBBB", 4, rows, 8, 0, 0, 0, 0)
        body = zlib.compress(b"\0\1\2\3\4" * 3)
        chunks = ((b"IHDR", head), (b"tEXt", tail), (b"IDAT", body), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
        )

    assert not compared(tmp_path, "x.png", png(3), png(2)).equal
    assert compared(tmp_path, "x.png", png(3, b"Software\0a"), png(3, b"Software\0b")).rules == ("png metadata",)


SUFFIXES = ["zip", "npz", "png", "pkl", "json", "parquet", "db", "npy", "gz", "pt", "h5", "ubj", "safetensors"]
HEADS = (
    *(b"", b"PK\3\4", b"\x93NUMPY", b"\x89PNG\r\n\x1a\n", b"\x80\4", b"PAR1"),
    *(b"SQLite format 3\0", b"\x1f\x8b", b"{", b"%PDF-", b"\x89HDF\r\n\x1a\n"),
)


@pytest.mark.parametrize("name", [f"x.{suffix}" for suffix in SUFFIXES])
@pytest.mark.parametrize("head", HEADS)
def test_what_cannot_be_read_is_compared_as_bytes(tmp_path: Path, name: str, head: bytes) -> None:
    result = compared(tmp_path, name, head + b"junk\0\1\2" * 9, head + b"junk\0\1\3" * 9)
    assert not result.equal
    assert compared(tmp_path, name, b"", head + b"x").equal is False
