"""Trees of plain values and inert nodes, compared by structure; identity and the order of keys don't count."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from anew.reproduction.compare import names, timings
from anew.reproduction.compare.accidents import compare_cell_text, number_rule
from anew.reproduction.compare.arrays import Array, are_likely_spans, compare_arrays, compare_bytes, dtype_of
from anew.reproduction.compare.bounded import need
from anew.reproduction.compare.result import Findings, change, shown
from anew.reproduction.compare.text import compare_texts

IDS_LEAST = 1 << 20  # what id() gives is no smaller; scikit-learn keeps one of its list of stop words
DEPTH_MOST = 400  # of set members and keys, which are digested rather than walked


@dataclass(frozen=True)
class Global:
    """The name of a class or function. It is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Mapping:
    """A dictionary whose keys may be anything."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False)
class Bag:
    """A set."""

    kind: str
    items: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Node:
    """Something that a pickle would have made by a call, left as it is written."""

    how: str  # reduce, newobj, persistent, …
    made_by: Any
    args: Any
    states: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False)
class Fields:
    """Named parts of something understood; the part named '' stands in its place."""

    kind: str
    parts: dict[str, Any]


class Real(float):
    """A number as it was written in text."""

    text: str

    def __new__(cls, text: str) -> Real:
        made = super().__new__(cls, text)
        made.text = text
        return made


Lower = Callable[[Any], Any]
Memo = dict[int, tuple[Any, bytes]]


@dataclass
class _Task:
    a: Any
    b: Any
    where: str
    name: str = ""
    group: str = ""
    timing: bool = False  # its name, among those beside it, is that of a program's timing


def compare_values(a: Any, b: Any, found: Findings, lower: Lower = lambda node: node, where: str = "") -> None:
    """Compare two trees; `lower` turns a node it understands into an array, text or fields."""
    seen: set[tuple[int, int]] = set()
    kept: list[Any] = []  # what `lower` makes must live as long as its id is in `seen`
    tasks = [_Task(a, b, where)]
    while tasks and not found.settled:
        task = tasks.pop()
        if isinstance(task.a, (list, tuple, Mapping, Bag, Node, Fields)):
            key = (id(task.a), id(task.b))
            if key in seen:
                continue
            seen.add(key)
        left, right = lower(task.a), lower(task.b)
        kept += [made for made, was in ((left, task.a), (right, task.b)) if made is not was]
        if type(left) is not type(right):
            _compare_kinds(left, right, task, found)
            continue
        more = _compare_one(_Task(left, right, task.where, task.name, task.group, task.timing), found, lower)
        tasks.extend(reversed(more))


def _compare_kinds(a: Any, b: Any, task: _Task, found: Findings) -> None:
    if _is_number(a) and _is_number(b):
        rule = number_rule(task.name, a, b, found, task.timing)
        if rule:
            found.mask(rule)
        else:
            found.differ_pair(task.where, a, b)
        return
    found.differ(task.where, f"{_kind(a)} -> {_kind(b)}")


def _kind(value: Any) -> str:
    if isinstance(value, Node):
        return f"{value.made_by}(…)"
    if isinstance(value, Array):
        return value.summary
    if value is None or isinstance(value, (bool, int, float, str, Global)):
        return shown(str(value) if isinstance(value, (Real, Global)) else value)
    return value.kind if isinstance(value, (Bag, Fields)) else type(value).__name__.lower()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _compare_one(task: _Task, found: Findings, lower: Lower) -> list[_Task]:
    a, b, where = task.a, task.b, task.where
    if isinstance(a, (list, tuple)):
        return _sequences(task, found)
    if isinstance(a, Mapping):
        return _pairs(a.pairs, b.pairs, task, found, lower)
    if isinstance(a, Node):
        return _nodes(task, found, lower)
    if isinstance(a, Fields):
        if a.kind != b.kind or set(a.parts) != set(b.parts):
            found.differ(where, change(f"{a.kind} {sorted(a.parts)}", f"{b.kind} {sorted(b.parts)}"))
            return []
        return [
            _Task(
                a.parts[key],
                b.parts[key],
                child(where, key) if key else where,
                key or task.name,
                task.group,
                task.timing or _is_timing(key, task.group, a.parts),
            )
            for key in a.parts
        ]
    if isinstance(a, Bag):
        _bags(task, found, lower)
    elif isinstance(a, Array):
        compare_arrays(a, b, found, where, _array_rule(task, found))
    else:
        _scalars(task, found)
    return []


def _sequences(task: _Task, found: Findings) -> list[_Task]:
    a, b, where = task.a, task.b, task.where
    if len(a) != len(b):
        found.differ(where, f"{len(a)} -> {len(b)} items")
        return []
    return [
        _Task(x, y, f"{where}[{index}]", task.name, task.group, task.timing)
        for index, (x, y) in enumerate(zip(a, b, strict=True))
        if x is not y
    ]


def _pairs(
    a: list[tuple[Any, Any]], b: list[tuple[Any, Any]], task: _Task, found: Findings, lower: Lower
) -> list[_Task]:
    left = {_key(key, lower): (key, value) for key, value in a}
    right = {_key(key, lower): (key, value) for key, value in b}
    for key in (*left, *right):
        if key not in right or key not in left:
            name = shown(_key_text((left.get(key) or right[key])[0]))
            found.differ(child(task.where, name), "only in the first" if key in left else "only in the second")
            return []
    if list(left) != list(right):
        found.differ(task.where, "the same keys in another order")
    beside = [name for name, _ in left.values() if isinstance(name, str)]
    return [
        _Task(value, right[key][1], child(task.where, _key_text(name)), *_names(name, task, beside))
        for key, (name, value) in left.items()
    ]


def _names(key: Any, task: _Task, beside: list[str]) -> tuple[str, str, bool]:
    """What a value under `key` is called, the name of the group it is in, and whether it is a timing."""
    if not isinstance(key, str) or key.isdigit():  # a row of the column called like the group
        return task.name, task.group, task.timing
    timing = _is_timing(key, task.name, beside) and not names.is_chosen(task.where)
    return key, task.name, timing


def _nodes(task: _Task, found: Findings, lower: Lower) -> list[_Task]:
    a, b, where = task.a, task.b, task.where
    if a.how != b.how:
        found.differ(where, f"{a.how} -> {b.how}")
        return []
    more = [
        _Task(a.made_by, b.made_by, where, task.name, task.group, task.timing),
        _Task(a.args, b.args, where, task.name, task.group, task.timing),
        _Task(a.items, b.items, where, task.name, task.group, task.timing),
    ]
    if len(a.states) != len(b.states):
        found.differ(where, f"{len(a.states)} -> {len(b.states)} states")
        return []
    more += [_Task(x, y, where, task.name, task.group, task.timing) for x, y in zip(a.states, b.states, strict=True)]
    return more + _pairs(a.pairs, b.pairs, task, found, lower)


def _bags(task: _Task, found: Findings, lower: Lower) -> None:
    if task.a.kind != task.b.kind:
        found.differ(task.where, f"{task.a.kind} -> {task.b.kind}")
        return
    a, b = ({digest(item, lower): item for item in side.items} for side in (task.a, task.b))
    if a.keys() == b.keys() and Counter(digest(i, lower) for i in task.a.items) == Counter(
        digest(i, lower) for i in task.b.items
    ):
        return
    gone, new = [a[key] for key in a if key not in b], [b[key] for key in b if key not in a]
    found.differ(task.where, f"set: {_kind(gone[0]) if gone else 'nothing'} -> {_kind(new[0]) if new else 'nothing'}")


def _array_rule(task: _Task, found: Findings) -> str:
    """The rule by which an array is an accident as a whole, such as a search's 'mean_fit_time'."""
    numeric = task.a.dtype[:1] in "<>|=" and task.a.dtype[1:2] in "iuf"
    if not numeric or not task.timing or task.a.dtype != task.b.dtype:
        return ""
    import numpy as np

    loaded = (
        (np.frombuffer(x.load(), dtype_of(x.dtype)), s) for x, s in ((task.a, found.side_a), (task.b, found.side_b))
    )
    return "durations" if all(are_likely_spans(values, side) for values, side in loaded) else ""


def _is_timing(name: str, group: str, beside: Iterable[str]) -> bool:
    if timings.is_group(group) and not names.is_claimed(name) and not timings.is_foreign(name):
        return True
    return timings.is_key_timing(name, list(beside))


def _scalars(task: _Task, found: Findings) -> None:
    a, b, where = task.a, task.b, task.where
    if isinstance(a, (bytes, bytearray, memoryview)):
        compare_bytes(a, b, found, where)
    elif isinstance(a, str):
        if a != b:
            (
                compare_texts(a, b, found.under(where), printed=False)
                if "\n" in a
                else compare_cell_text(a, b, task.name, found, where, task.timing)
            )
    elif _same_scalar(a, b):
        return
    elif _is_number(a):
        stored = task.name == "_stop_words_id" and isinstance(a, int) and a > IDS_LEAST and b > IDS_LEAST
        rule = "addresses" if stored else number_rule(task.name, a, b, found, task.timing)
        if rule:
            found.mask(rule)
        else:
            text = f"{a.text} -> {b.text}" if isinstance(a, Real) else ""
            found.differ_pair(where, a, b, text)
    else:
        found.differ(where, change(_kind(a), _kind(b)))


def _same_scalar(a: Any, b: Any) -> bool:
    if isinstance(a, Real) and isinstance(b, Real):
        return a.text == b.text or (_bits(a) == _bits(b) and Decimal(a.text) == Decimal(b.text))
    if isinstance(a, float):
        return _bits(a) == _bits(b)
    need(a is None or isinstance(a, (bool, int, Global)), f"a value of an unknown kind, {type(a).__name__}")
    return bool(a == b)


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def child(where: str, key: str) -> str:
    """'model.layer' and 'weight' as 'model.layer.weight'."""
    if not where:
        return key
    return where + key if key.startswith("[") else f"{where}.{key}"


def _key_text(key: Any) -> str:
    return key if isinstance(key, str) else f"[{shown(key if not isinstance(key, (Node, Global)) else _kind(key))}]"


def _key(key: Any, lower: Lower) -> Any:
    """What stands for a key: equal only for keys of the same type and value."""
    return ("str", key) if isinstance(key, str) else digest(key, lower)


def digest(value: Any, lower: Lower, depth: int = 0, memo: Memo | None = None) -> bytes:
    """A hash of all of `value`, the same for equal values: for set members and keys, which have no order."""
    need(depth < DEPTH_MOST, "nested too deeply")
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][1]
    original = value
    value = lower(value)
    head, parts = _parts(value, lambda part: digest(part, lower, depth + 1, memo))
    hashed = hashlib.sha256(head)
    for part in parts:
        hashed.update(struct.pack("<Q", len(part)))
        hashed.update(part)
    if isinstance(original, (list, tuple, Mapping, Bag, Node, Fields)):
        memo[id(original)] = original, hashed.digest()  # kept alive, so that its id stays its own
    return hashed.digest()


def _parts(value: Any, of: Callable[[Any], bytes]) -> tuple[bytes, list[bytes]]:
    """The kind of a value, and what it consists of, as bytes."""
    kind = type(value).__name__.encode() + b"\0"
    if isinstance(value, (list, tuple)):
        return kind, [of(item) for item in value]
    if isinstance(value, Mapping):
        return kind, sorted(of(key) + of(item) for key, item in value.pairs)
    if isinstance(value, Bag):
        return kind + value.kind.encode(), sorted(of(item) for item in value.items)
    if isinstance(value, Node):
        pairs = sorted(of(key) + of(item) for key, item in value.pairs)
        rest = [of(value.made_by), of(value.args), of(value.states), of(value.items)]
        return kind + value.how.encode(), rest + pairs
    if isinstance(value, Fields):
        return kind + value.kind.encode(), [
            key.encode() + b"\0" + of(part) for key, part in sorted(value.parts.items())
        ]
    if isinstance(value, Array):
        return kind + value.summary.encode(), [bytes(value.load())]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return kind, [bytes(value)]
    if isinstance(value, Real):
        return kind, [value.text.encode()]
    if isinstance(value, float):
        return kind, [_bits(value)]
    need(value is None or isinstance(value, (bool, int, str, Global)), "a value of an unknown kind")
    return kind, [str(value).encode("utf-8", "surrogatepass")]
