"""One changed byte is never equal, unless it lies in what a named rule sets aside."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import A

from anew.reproduction.compare.files import compare_content
from anew.reproduction.compare.result import Findings

X = np.random.default_rng(0).normal(size=(8, 4))


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=X, y=X > 0)
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", _npy())
        file.writestr("m.json", json.dumps({"acc": 0.9312, "n": [1, 2, 3]}))
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        info = tarfile.TarInfo("x.npy")
        info.size = len(_npy())
        file.addfile(info, io.BytesIO(_npy()))
    return stream.getvalue()


def _png() -> bytes:
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"tEXt", b"Time\0now"), (b"IDAT", zlib.compress(bytes(range(200)))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def _safetensors() -> bytes:
    head = json.dumps({"w": {"dtype": "F64", "shape": [8, 4], "data_offsets": [0, 256]}}).encode()
    return struct.pack("<Q", len(head)) + head + X.tobytes()


def _events() -> bytes:
    def record(body: bytes) -> bytes:
        return struct.pack("<Q", len(body)) + b"\1\2\3\4" + body + b"\5\6\7\x08"

    value = b"\x0a\x04loss\x15" + struct.pack("<f", 0.5)
    summary = b"\x0a" + bytes([len(value)]) + value
    event = b"\x09" + struct.pack("<d", 1.5e9) + b"\x10\x03\x2a" + bytes([len(summary)]) + summary
    return record(b"\x09" + struct.pack("<d", 1.5e9) + b"\x1a\x0dbrain.Event:2") + record(event)


PAYLOAD = X.tobytes()
#       name, content, the rules that may set a byte of it aside
FORMATS = {
    "x.npy": (_npy(), {"npy header"}),
    "x.npz": (_npz(), {"zip times", "zip metadata", "compression", "npy header"}),
    "x.zip": (_zip(), {"zip times", "zip metadata", "compression", "layout"}),
    "x.tar": (_tar(), {"tar metadata", "npy header"}),  # an array is in it
    "x.gz": (gzip.compress(PAYLOAD, mtime=1), {"gzip header", "compression"}),
    "x.png": (_png(), {"png metadata", "compression"}),
    "x.pkl": (pickle.dumps({"w": X, "n": 3, "s": {1.5, 2.5}, "t": ("a", b"b")}), {"layout"}),
    "p2.pkl": (pickle.dumps({"w": X, "n": 3, "s": "text"}, protocol=2), {"layout"}),
    "x.json": (json.dumps({"acc": 0.9312, "list": [1, 2.5, None, True], "name": "a b"}).encode(), {"layout"}),
    "x.csv": (b"name,acc\na,0.9312\nb,0.25\n", {"layout"}),
    "x.txt": (b"epoch 1 loss 0.5123\nacc 0.9312\n", {"line ends", "terminal codes"}),
    "x.safetensors": (_safetensors(), {"layout"}),
    "events.out": (_events(), {"dates"}),
    "x.bin": (b"\0\1\2" + PAYLOAD, set()),
}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_a_difference(name: str, data: st.DataObject) -> None:
    whole, allowed = FORMATS[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    found = Findings(A, A)
    result = found.result(compare_content(name, whole, bytes(changed), found))
    if result.equal:
        assert result.rules and set(result.rules) <= allowed, (at, result)


@pytest.mark.parametrize("name", ["x.npy", "x.pkl", "x.safetensors", "x.tar", "x.bin", "x.zip"])
def test_every_byte_of_the_numbers_counts(name: str) -> None:
    whole, _ = FORMATS[name]
    start = whole.index(PAYLOAD)
    for at in range(start, start + len(PAYLOAD)):
        changed = bytearray(whole)
        changed[at] ^= 1
        found = Findings(A, A)
        result = found.result(compare_content(name, whole, bytes(changed), found))
        assert not result.equal
        if name in ("x.npy", "x.pkl", "x.safetensors"):
            index = (at - start) // 8
            assert result.where.endswith(f"[{index // 4}, {index % 4}]")


def test_every_cell_of_a_database_counts(tmp_path: Path) -> None:
    def made(number: int, row: int) -> bytes:
        path = tmp_path / f"{number}-{row}.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v REAL, s TEXT, b BLOB)")
            rows = [(i, i / 3 + (number and i == row) * 1e-9, f"n{i}", bytes([i])) for i in range(20)]
            db.executemany("INSERT INTO t VALUES (?,?,?,?)", rows)
        db.close()
        return path.read_bytes()

    base = made(0, 0)
    for row in range(20):
        found = Findings(A, A)
        result = found.result(compare_content("x.db", base, made(1, row), found))
        assert not result.equal and result.where == f"table t row {row + 1}: v", result
