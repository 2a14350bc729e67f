"""Models of gradient boosters: XGBoost's UBJSON and LightGBM's text."""

from __future__ import annotations

import struct
from typing import Any

from anew.reproduction.compare.arrays import Array
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings
from anew.reproduction.compare.text import compare_lines
from anew.reproduction.compare.values import Mapping, compare_values

DEPTH_MOST = 200
_INTEGERS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q"}
_REALS = {"d": "f", "D": "d"}
_CONSTANTS = {"Z": None, "T": True, "F": False}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        need(0 <= count <= len(self.data) - self.at, "cut short")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def sign(self) -> str:
        return self.take(1).decode("latin-1")

    def number(self, kind: str) -> Any:
        code = _INTEGERS.get(kind) or _REALS.get(kind)
        need(code, f"type {kind!r}")
        form = f">{code}"
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def length(self) -> int:
        kind = self.sign()
        need(kind in _INTEGERS, "a length that is none")
        count = self.number(kind)
        need(count >= 0, "a length below zero")
        return int(count)

    def text(self) -> str:
        return self.take(self.length()).decode()

    def value(self, kind: str, depth: int = 0) -> Any:
        need(depth < DEPTH_MOST, "nested too deeply")
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "S":
            return self.text()
        if kind == "C":
            return self.sign()
        if kind == "{":
            return self.mapping(depth)
        if kind == "[":
            return self.array(depth)
        return self.number(kind)

    def sizes(self) -> tuple[str, int | None]:
        """The type and the count that a container may be given ahead."""
        kind, count = "", None
        if self.data[self.at : self.at + 1] == b"$":
            self.take(1)
            kind = self.sign()
            need(self.data[self.at : self.at + 1] == b"#", "a type without a count")
        if self.data[self.at : self.at + 1] == b"#":
            self.take(1)
            count = self.length()
        return kind, count

    def array(self, depth: int) -> Any:
        kind, count = self.sizes()
        if kind in _INTEGERS or kind in _REALS:
            assert count is not None
            form = ">" + (_INTEGERS.get(kind) or _REALS[kind])
            size = struct.calcsize(form)
            data = self.take(count * size)
            code = "iu"[form[1].isupper()] if kind in _INTEGERS else "f"
            return Array(f"{'|' if size == 1 else '>'}{code}{size}", (count,), "C", lambda: data)
        if count is not None:
            need(count <= len(self.data) - self.at, "more items than bytes")
            return [self.value(kind or self.sign(), depth + 1) for _ in range(count)]
        items = []
        while (sign := self.sign()) != "]":
            items.append(self.value(sign, depth + 1))
        return items

    def mapping(self, depth: int) -> Mapping:
        kind, count = self.sizes()
        pairs: list[tuple[str, Any]] = []
        while count is None or len(pairs) < count:
            if count is None and self.data[self.at : self.at + 1] == b"}":
                self.take(1)
                break
            key = self.text()
            pairs.append((key, self.value(kind or self.sign(), depth + 1)))
        need(len({key for key, _ in pairs}) == len(pairs), "a key given twice")
        return Mapping(list(pairs))


def parsed_ubjson(data: bytes) -> Any:
    """The tree of a UBJSON file."""
    reader = _Reader(data)
    tree = reader.value(reader.sign())
    need(reader.at == len(data), "bytes behind the end")
    return tree


def compare_ubjson(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two UBJSON files by content."""
    compare_values(parsed_ubjson(a), parsed_ubjson(b), found)


def is_lightgbm(data: bytes) -> bool:
    """Is this LightGBM's text model?"""
    return data.startswith(b"tree\nversion=v")


def compare_lightgbm(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two LightGBM models: only file names in its parameters may differ by place."""
    left, right = (side.decode().split("\n") for side in (a, b))
    files = ("[data: ", "[output_model: ", "[input_model: ", "[valid: ", "[output_result: ", "[snapshot_")
    for index, (x, y) in enumerate(zip(left, right, strict=False)):
        if x != y and x.startswith(files) and y.startswith(files):
            trial = found.trial()
            compare_lines([x], [y], trial)
            if not trial.different:
                found.adopt(trial)
                right[index] = x
    compare_lines(left, right, found, strict=True)
