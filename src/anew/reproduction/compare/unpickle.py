"""Pickles read as inert trees. Nothing is imported, looked up, called or built, whatever the file says.

A small machine of its own runs the opcodes: what a real unpickler would call becomes a `Node` that says
so. joblib's arrays, whose bytes lie in the stream behind their wrapper, are read where they lie.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from anew.reproduction.compare.bounded import Unreadable, need
from anew.reproduction.compare.values import Bag, Global, Mapping, Node

OPCODES_MOST = 200_000_000
PROTOCOL_MOST = 5
_MARK = object()
_LITERALS = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "FLOAT",
        "BINFLOAT",
    ]
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_BYTES_8BIT = frozenset(("STRING", "BINSTRING", "SHORT_BINSTRING"))
AfterBuild = Callable[[Any, BinaryIO], Any]
Persistent = Callable[[Any], Any]


def unpickled(stream: BinaryIO, after_build: AfterBuild | None = None, persistent: Persistent | None = None) -> Any:
    """The tree of the one pickle at the stream's position, which is left behind its end.

    `after_build` may replace the object just built by what follows it in the stream (as joblib does);
    `persistent` says what stands for something kept outside the pickle.
    """
    return _Machine(stream, after_build, persistent).run()


def all_unpickled(
    data: bytes | memoryview, after_build: AfterBuild | None = None, persistent: Persistent | None = None
) -> list[Any]:
    """The trees of all pickles that follow one another in `data`, which they must fill."""
    stream = io.BytesIO(data)
    trees = []
    while stream.tell() < len(data):
        trees.append(unpickled(stream, after_build, persistent))
    return trees


class _Machine:
    def __init__(self, stream: BinaryIO, after_build: AfterBuild | None, outside: Persistent | None) -> None:
        self.stream = stream
        self.outside = outside
        self.after_build = after_build
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.frame_end: int | None = None

    def run(self) -> Any:
        """Run every opcode up to STOP, whose value is the result."""
        for count, (opcode, argument, position) in enumerate(pickletools.genops(self.stream)):
            need(count < OPCODES_MOST, "too many opcodes")
            name = opcode.name
            self._frame(name, argument, position or 0)
            if name == "STOP":
                need(len(self.stack) == 1, "a pickle that ends with more than one value")
                return self._pop()
            if name in _LITERALS:
                self.stack.append(self._literal(name, argument))
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name not in ("FRAME", "PROTO"):
                handler = _HANDLERS.get(name)
                need(handler is not None, f"opcode {name}")
                assert handler is not None
                handler(self, argument)
        raise Unreadable("a pickle without an end")

    def _frame(self, name: str, argument: Any, position: int) -> None:
        """Frames must hold whole opcodes, as a real unpickler requires."""
        if self.frame_end is not None:
            need(position <= self.frame_end, "an opcode across frames")
            if position == self.frame_end:
                self.frame_end = None
        if name == "FRAME":
            need(self.frame_end is None, "a frame within a frame")
            self.frame_end = position + 9 + argument
        elif name == "PROTO":
            need(argument <= PROTOCOL_MOST, "an unknown protocol")
        elif name == "STOP" and self.frame_end is not None:
            need(position + 1 == self.frame_end, "a frame longer than its pickle")

    @staticmethod
    def _literal(name: str, argument: Any) -> Any:
        if name == "BYTEARRAY8":
            return bytearray(argument)
        if name in _BYTES_8BIT and isinstance(argument, str):
            return Node("string", None, argument.encode("latin-1", "backslashreplace"))
        return argument

    def _pop(self) -> Any:
        need(self.stack and self.stack[-1] is not _MARK, "an empty stack")
        return self.stack.pop()

    def _top(self) -> Any:
        need(self.stack and self.stack[-1] is not _MARK, "an empty stack")
        return self.stack[-1]

    def _to_mark(self) -> list[Any]:
        items: list[Any] = []
        while True:
            need(self.stack, "no mark")
            item = self.stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def pop(self, _: Any) -> None:
        need(self.stack, "an empty stack")
        self.stack.pop()

    def pop_mark(self, _: Any) -> None:
        self._to_mark()

    def dup(self, _: Any) -> None:
        self.stack.append(self._top())

    def empty(self, made: Callable[[], Any]) -> None:
        self.stack.append(made())

    def tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self.stack.append(tuple(items[::-1]))

    def from_mark(self, made: Callable[[list[Any]], Any]) -> None:
        self.stack.append(made(self._to_mark()))

    def extend(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, list):
            target.extend(items)
        else:
            need(isinstance(target, Node), "items added to what takes none")
            target.items.extend(items)

    def add(self, items: list[Any]) -> None:
        target = self._top()
        need(isinstance(target, (Bag, Node)), "members added to what takes none")
        target.items.extend(items)

    def set_items(self, flat: list[Any]) -> None:
        target = self._top()
        need(isinstance(target, (Mapping, Node)) and len(flat) % 2 == 0, "keys set on what has none")
        target.pairs.extend(zip(flat[::2], flat[1::2], strict=True))

    def append(self, _: Any) -> None:
        item = self._pop()
        self.extend([item])

    def set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self.set_items([key, value])

    def find(self, module: Any, name: Any) -> None:
        need(isinstance(module, str) and isinstance(name, str), "a name that is no text")
        self.stack.append(Global(module, name))

    def global_(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.find(module, name)

    def stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self.find(module, name)

    def inst(self, argument: str) -> None:
        items = self._to_mark()
        module, _, name = argument.partition(" ")
        self.stack.append(Node("inst", Global(module, name), tuple(items)))

    def obj(self, _: Any) -> None:
        items = self._to_mark()
        need(items, "no class")
        self.stack.append(Node("inst", items[0], tuple(items[1:])))

    def call(self, how: str, count: int) -> None:
        rest = [self._pop() for _ in range(count)][::-1]
        self.stack.append(Node(how, rest[0], rest[1] if count == 2 else tuple(rest[1:])))

    def extension(self, code: int) -> None:
        self.stack.append(Node("extension", None, code))

    def persistent(self, argument: Any) -> None:
        self.stack.append(self.outside(argument) if self.outside else Node("persistent", None, argument))

    def bin_persistent(self, _: Any) -> None:
        self.persistent(self._pop())

    def build(self, _: Any) -> None:
        state = self._pop()
        target = self._top()
        need(isinstance(target, Node), "a state for what has none")
        target.states.append(state)
        if self.after_build is not None:
            before = self.stream.tell()
            replaced = self.after_build(target, self.stream)
            if replaced is not target:
                self.stack[-1] = replaced
            if self.stream.tell() != before:  # bytes between frames
                need(self.frame_end in (None, before), "an array within a frame")
                self.frame_end = None

    def put(self, key: int) -> None:
        self.memo[int(key)] = self._top()

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self._top()

    def get(self, key: int) -> None:
        need(int(key) in self.memo, "an unknown memo")
        self.stack.append(self.memo[int(key)])

    def next_buffer(self, _: Any) -> None:
        raise Unreadable("buffers kept elsewhere")


def _mapping(flat: list[Any]) -> Mapping:
    need(len(flat) % 2 == 0, "a key without a value")
    return Mapping(list(zip(flat[::2], flat[1::2], strict=True)))


_Handler = Callable[[_Machine, Any], None]
_HANDLERS: dict[str, _Handler] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.dup,
    "EMPTY_LIST": lambda m, _: m.empty(list),
    "EMPTY_DICT": lambda m, _: m.empty(Mapping),
    "EMPTY_TUPLE": lambda m, _: m.empty(tuple),
    "EMPTY_SET": lambda m, _: m.empty(lambda: Bag("set")),
    "LIST": lambda m, _: m.from_mark(list),
    "TUPLE": lambda m, _: m.from_mark(tuple),
    "DICT": lambda m, _: m.from_mark(_mapping),
    "FROZENSET": lambda m, _: m.from_mark(lambda items: Bag("frozenset", items)),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": lambda m, _: m.extend(m._to_mark()),
    "ADDITEMS": lambda m, _: m.add(m._to_mark()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda m, _: m.set_items(m._to_mark()),
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "INST": _Machine.inst,
    "OBJ": _Machine.obj,
    "REDUCE": lambda m, _: m.call("reduce", 2),
    "NEWOBJ": lambda m, _: m.call("newobj", 2),
    "NEWOBJ_EX": lambda m, _: m.call("newobj", 3),
    "BUILD": _Machine.build,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "PERSID": _Machine.persistent,
    "BINPERSID": _Machine.bin_persistent,
    "EXT1": _Machine.extension,
    "EXT2": _Machine.extension,
    "EXT4": _Machine.extension,
    "NEXT_BUFFER": _Machine.next_buffer,
    "READONLY_BUFFER": _Machine.next_buffer,
}


def int64(data: bytes) -> int:
    """A little-endian 64-bit integer."""
    need(len(data) == 8, "cut short")
    return int(struct.unpack("<q", data)[0])
