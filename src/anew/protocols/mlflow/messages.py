"""Requests, declared: which fields a route takes, what each one is, and which must be there.

A message is read as MLflow's server reads it: fields in its order, old clients' spellings, its texts for what is
missing or of the wrong type. Where MLflow passes over what it can't read, we refuse it: a handler never sees a value
that was half understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.fields import Pair, as_number, as_whole, missing_value, wrong_type
from anew.routes import Call

_UPPER = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class Field:
    """`read` makes of a value what a handler takes, and raises ValueError when it can't; None needs no reading.

    `empty` stands for a field that was not sent. `many`: a list, in a query an argument that may be repeated.
    `lenient`: what can't be read counts as not sent, for fields that MLflow's own clients never get wrong.
    """

    read: Callable[[Any], Any]
    empty: Any = None
    must: bool = False
    many: bool = False
    lenient: bool = False
    instead: str = ""  # the older name of the field
    own: bool = True  # whether the older name's value is taken; else it only has to be there

    @property
    def needed(self) -> Field:
        return replace(self, must=True)

    @property
    def loose(self) -> Field:
        return replace(self, lenient=True)

    @property
    def optional(self) -> Field:
        """As it is, but None when it was not sent, so that this can be told from an empty text."""
        return replace(self, empty=None)


class Message:
    """The fields of one route, in the order in which MLflow checks them."""

    def __init__(self, **fields: Field) -> None:
        self._fields = list(fields.items())
        self._empty = {name: field.empty for name, field in self._fields}
        self._names = {name for name, _ in self._fields} | {field.instead for field in fields.values()}
        self._camel = {_camel(name): name for name in self._names if "_" in name}

    def read(self, call: Call) -> dict[str, Any]:
        """Every field that is declared. Raises MlflowError."""
        if call.method == "GET" and call.query:
            sent: Mapping[str, Any] = self._arguments(call)
        else:
            sent = call.body
        return self.read_from(sent)

    def read_from(self, sent: Mapping[str, Any], path: str = "") -> dict[str, Any]:
        """As `read`, from an object that stands at `path` of the request."""
        if not sent.keys() <= self._names:
            sent = self._spelt(sent)
        found = dict(self._empty)
        for name, field in self._fields:
            value = sent.get(name)
            if value is None and field.instead:
                value = sent.get(field.instead)
                if value and not field.own:
                    continue
            if value is None or value == "":
                if field.must:
                    raise missing_value(path + name)
                if value is None:
                    continue
            try:
                found[name] = field.read(value)
            except ValueError:
                if not field.lenient:
                    raise wrong_type(path + name, value) from None
        return found

    def _spelt(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The fields under their own names: JSON of protobuf may have them in camel case."""
        for other, name in self._camel.items():
            if other in sent and name in sent:
                raise invalid(f"Request specifies both '{name}' and '{other}'; provide only one of them.")
        return {self._camel.get(name, name): value for name, value in sent.items()}

    def _arguments(self, call: Call) -> dict[str, Any]:
        """Of an argument that comes twice, the first counts."""
        many = {name for name, field in self._fields if field.many}
        found: dict[str, Any] = {}
        for name, value in call.query:
            if name in many:
                found.setdefault(name, []).append(value)
            elif name in self._names:
                found.setdefault(name, value)
        return found


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    if not value.isascii():
        value.encode()  # half a character of UTF-16 can be sent, but not answered
    return value


def _texts(value: Any) -> list[str]:
    if type(value) is not list:
        raise ValueError
    return [_text(item) for item in value]


def _objects(value: Any) -> list[dict[str, Any]]:
    if type(value) is not list or not all(type(item) is dict for item in value):
        raise ValueError
    return value


def _pairs(value: Any) -> list[Pair]:
    """{key, value} each; a key that is missing is "", for the handler to judge."""
    return [(_text(item.get("key") or ""), _text(_or_empty(item.get("value")))) for item in _objects(value)]


def _loose_pairs(value: Any) -> list[Pair]:
    """As pairs, but a number is as good as its text."""
    return [(_text(item.get("key") or ""), _scalar(item.get("value"))) for item in _objects(value)]


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _scalar(value: Any) -> str:
    return str(value) if type(value) in (int, float) else _text(_or_empty(value))


def _whole(value: Any) -> int:
    return as_whole(value)


def _count(value: Any) -> int | None:
    """As a whole number; a broken one counts as not sent."""
    return None if type(value) is float and not value.is_integer() else as_whole(value)


def _number(value: Any) -> float:
    return as_number(value)


def word_of(words: Mapping[int, str], *, strict: bool = False) -> Callable[[Any], str | None]:
    """Reads a word of an enumeration, or its number. Any other counts as not sent; with `strict` it is refused."""
    known: Collection[str] = frozenset(words.values())

    def read(value: Any) -> str | None:
        if type(value) is int and (value in words or not strict):
            return words.get(value)
        if isinstance(value, str) and (value in known or not value):
            return value or None
        if strict:
            raise ValueError
        return words.get(int(value)) if isinstance(value, str) and value.isdecimal() else None

    return read


TEXT = Field(_text, "")
TEXTS = Field(_texts, (), many=True)
OBJECTS = Field(_objects, (), many=True)
PAIRS = Field(_pairs, (), many=True)
LOOSE_PAIRS = Field(_loose_pairs, (), many=True)
WHOLE = Field(_whole)
COUNT = Field(_count)
WHOLE_OR_0 = Field(_whole, 0)
NUMBER = Field(_number)
RUN = Field(_text, "", must=True, instead="run_uuid")
RUN_ONLY = replace(RUN, own=False)
