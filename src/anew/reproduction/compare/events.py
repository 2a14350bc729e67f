"""TensorBoard's event files: records of steps and values; the time each was written is set aside."""

from __future__ import annotations

import struct
from typing import Any

from anew.reproduction.compare.arrays import compare_bytes
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings

_WALL_TIME, _STEP, _VERSION, _SUMMARY = 1, 2, 3, 5
Fields_ = list[tuple[int, int, Any]]


def is_events(data: bytes) -> bool:
    """Does `data` begin with the record that every event file begins with?"""
    return b"brain.Event:" in data[:48]


def compare_events(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two event files record by record."""
    left, right = _records(a), _records(b)
    for number, ((x, sums_a), (y, sums_b)) in enumerate(zip(left, right, strict=False), 1):
        if x == y:
            need(sums_a == sums_b, "checksums differ of the same record")
            continue
        if found.settled:
            return
        _compare_records(x, y, found, number)
    if len(left) != len(right):
        found.differ(f"record {min(len(left), len(right)) + 1}", f"{len(left)} -> {len(right)} records")


def _records(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(data):
        need(at + 16 <= len(data), "a record cut short")
        (length,) = struct.unpack_from("<Q", data, at)
        need(at + 16 + length <= len(data), "a record cut short")
        body = data[at + 12 : at + 12 + length]
        found.append((body, data[at + 8 : at + 12] + data[at + 12 + length : at + 16 + length]))
        at += 16 + length
    return found


def _compare_records(a: bytes, b: bytes, found: Findings, number: int) -> None:
    left, right = fields(a), fields(b)
    times = [[value for key, _, value in side if key == _WALL_TIME] for side in (left, right)]
    need(all(len(side) <= 1 for side in times), "a record of two times")
    x, y = ([part for part in side if part[0] != _WALL_TIME] for side in (left, right))
    if times[0] != times[1]:
        found.mask("dates")
    if x == y:
        return
    step = next((value for key, _, value in x if key == _STEP), 0)
    where = f"record {number} (step {step})"
    if len(x) != len(y) or any(p[:2] != q[:2] for p, q in zip(x, y, strict=True)):
        found.differ(where, "other fields")
        return
    for (key, _, p), (_, _, q) in zip(x, y, strict=True):
        if p != q:
            if key == _SUMMARY:
                _compare_summaries(p, q, found, where)
            else:
                found.differ(where, f"field {key}: {p!r} -> {q!r}"[:200])
            if found.settled:
                return


def _compare_summaries(a: bytes, b: bytes, found: Findings, where: str) -> None:
    left, right = fields(a), fields(b)
    if [part[:2] for part in left] != [part[:2] for part in right]:
        found.differ(where, "other values")
        return
    for (_, _, x), (_, _, y) in zip(left, right, strict=True):
        if x == y:
            continue
        values = [fields(side) for side in (x, y)]
        tags = [next((value for key, _, value in side if key == 1), b"") for side in values]
        name = f"{tags[0].decode(errors='replace')} {where}"
        rest = [[part for part in side if part[:2] != (2, 5)] for side in values]
        simple = [[part[2] for part in side if part[:2] == (2, 5)] for side in values]
        if rest[0] == rest[1] and len(simple[0]) == len(simple[1]) == 1:
            p, q = (struct.unpack("<f", side[0])[0] for side in simple)
            found.differ_pair(name, p, q, f"{p:.9g} -> {q:.9g}")
        else:
            compare_bytes(x, y, found, name)


def fields(data: bytes) -> Fields_:
    """A protocol buffer's fields: number, wire type, value."""
    found: Fields_ = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        key, wire = tag >> 3, tag & 7
        if wire == 0:
            value: Any
            value, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            need(wire == 2, f"wire type {wire}")
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        need(at <= len(data), "a field cut short")
        found.append((key, wire, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        need(at < len(data) and shift < 70, "a number cut short")
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
