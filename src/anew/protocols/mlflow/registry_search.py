"""Searching registered models and their versions: MLflow's filters, orders, and pages that nothing shifts."""

from __future__ import annotations

import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from anew.index.evaluate import like
from anew.models.registry import Model, Version
from anew.protocols.mlflow.entities import milliseconds
from anew.protocols.mlflow.errors import MlflowError, invalid
from anew.protocols.mlflow.sources import IS_PROMPT

Item = TypeVar("Item", Model, Version)

# What was matched is never gone back over: no filter takes longer than it is long.
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<list>\((?:[^()'"]|'(?:[^']|'')*+'|"[^"]*+")*+\))
  | (?P<text>'(?:[^']|'')*+')
  | (?P<number>[+-]?\d+(?:\.\d+)?(?![\w.]))
  | (?P<word>(?:[^\s()=!<>,'"`;]|`[^`]*+`|"[^"]*+")++)
  | (?P<sign><=|>=|!=|==|<>|=|<|>)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ITEM = re.compile(r"""\s*(?:'((?:[^']|'')*+)'|"([^"]*+)"|([+-]?\d+(?:\.\d+)?))\s*(,|$)""")
_ORDER = re.compile(r"([\w.]+|`[\w.]+`)(?:\s+(\w+))?", re.ASCII)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_WORD_SIGNS = ("LIKE", "ILIKE", "RLIKE", "IN")
_TAG_SIGNS = ("=", "!=", "LIKE", "ILIKE")
_NUMBER_SIGNS = ("=", "!=", ">", ">=", "<", "<=")
_ENTITIES = ("attribute", "tag", "tags")


@dataclass(frozen=True)
class Condition:
    """`key` of a tag, or the name of an attribute."""

    key: str
    sign: str
    value: Any
    of_tag: bool = False


@dataclass(frozen=True)
class Kind(Generic[Item]):
    """What can be asked of models, or of versions."""

    attributes: Mapping[str, Callable[[Item], Any]]  # by which may be filtered
    lists: tuple[str, ...]  # those of them that may be compared with a list
    orders: Mapping[str, Callable[[Item], Any]]
    ties: tuple[tuple[str, bool], ...]  # what orders the rest: key, and whether ascending
    number: str = ""  # the attribute that is one


MODELS: Kind[Model] = Kind(
    attributes={"name": lambda model: model.name},
    lists=("name",),
    orders={"name": lambda model: model.name, "last_updated_timestamp": lambda model: milliseconds(model.updated)},
    ties=(("name", True),),
)
VERSIONS: Kind[Version] = Kind(
    attributes={
        "name": lambda version: version.name,
        "run_id": lambda version: version.run_id,
        "source_path": lambda version: version.source,
        "version_number": lambda version: version.number,
    },
    lists=("name", "run_id"),
    orders={
        "name": lambda version: version.name,
        "version_number": lambda version: version.number,
        "creation_timestamp": lambda version: milliseconds(version.created),
        "last_updated_timestamp": lambda version: milliseconds(version.updated),
    },
    ties=(("name", True), ("version_number", False)),
    number="version_number",
)


def parse_filter(text: str, kind: Kind[Any]) -> list[Condition]:
    """Comparisons joined by AND. Raises MlflowError."""
    tokens = [(str(m.lastgroup), m.group()) for m in _TOKEN.finditer(text) if m.lastgroup != "space"]
    found: list[tuple[tuple[str, str], str, tuple[str, str]]] = []
    strange: list[str] = []
    at = 0
    while at < len(tokens):
        sign, width = _sign(tokens, at + 1)
        value = at + 1 + width
        if tokens[at][0] in ("word", "text", "number") and width and value < len(tokens) and _is_value(tokens[value]):
            found.append((tokens[at], sign, tokens[value]))
            at = value + 1
            continue
        if tokens[at][1].upper() != "AND":
            strange.append(tokens[at][1])
        at += 1
    if strange:
        raise invalid(f"Invalid clause(s) in filter string: {', '.join(strange)}")
    return [_condition(left, sign, right, kind) for left, sign, right in found]


def _is_value(token: tuple[str, str]) -> bool:
    return token[0] in ("text", "word", "number", "list") and token[1].upper() != "AND"


def _sign(tokens: list[tuple[str, str]], at: int) -> tuple[str, int]:
    """The comparison at a place, and how many tokens it has, 0 for none."""
    if at >= len(tokens):
        return "", 0
    kind, text = tokens[at]
    word = text.upper()
    if kind == "sign":
        return text, 1
    if word == "NOT" and at + 1 < len(tokens) and tokens[at + 1][1].upper() in _WORD_SIGNS:
        return f"NOT {tokens[at + 1][1].upper()}", 2
    if word in _WORD_SIGNS and (word != "IN" or (tokens[at + 1 : at + 2][:1] and tokens[at + 1][0] == "list")):
        return word, 1
    return "", 0


def _condition(left: tuple[str, str], sign: str, right: tuple[str, str], kind: Kind[Any]) -> Condition:
    if left[0] != "word":
        raise invalid(f"Invalid comparison clause. Expected 'Identifier' found '{left[1]}'")
    entity, dot, key = left[1].partition(".")
    of_tag = bool(dot) and entity in ("tag", "tags")
    if dot and entity not in _ENTITIES:
        raise invalid(f"Invalid entity type '{entity}'. Valid entity types are {_ENTITIES}")
    key = key if dot else left[1]
    if not of_tag and key not in kind.attributes:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{_shown_set(kind.attributes)}'")
    if of_tag:
        condition = Condition(_unquoted(key), sign, _text(right, "tag"), True)
        if sign not in _TAG_SIGNS:
            raise invalid(f"Invalid comparator for tag: {sign}")
        return condition
    value = _value(key, right, kind)
    if key == kind.number:
        if sign not in _NUMBER_SIGNS:
            raise invalid(f"Invalid comparator for attribute {key}: {sign}")
        return Condition(key, sign, _as_number(key, value))
    listed = isinstance(value, tuple)
    if sign not in (("IN", "NOT IN") if listed else _TAG_SIGNS):
        raise invalid(f"Invalid comparator for attribute: {sign}")
    return Condition(key, sign, value)


def _value(key: str, token: tuple[str, str], kind: Kind[Any]) -> Any:
    if token[0] == "list":
        if key not in kind.lists:
            raise invalid(f"Only {list(kind.lists)} attributes support comparison with a list of quoted string values.")
        return _list(token[1])
    if token[0] == "number" and kind.number:
        if key != kind.number:
            raise invalid(f"Only the '{_shown_set([kind.number])}' attributes support comparison with numeric values.")
        return _number(token[1])
    return _text(token, "")


def _text(token: tuple[str, str], what: str) -> str:
    kind, text = token
    if kind == "text" or (kind == "word" and text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text[1:-1].replace("''", "'") if kind == "text" else text[1:-1]
    if kind == "word":
        raise invalid(
            "Parameter value is either not quoted or unidentified quote types used for string value "
            f"{text}. Use either single or double quotes."
        )
    if what:
        raise invalid(f"Expected a quoted string value for {what} (e.g. 'my-value'). Got value {text}")
    raise invalid(f"Expected a quoted string value or a list of quoted string values for attributes. Got value {text}")


def _list(text: str) -> tuple[str, ...]:
    inner = text[1:-1].strip().removesuffix(",")
    said = "While parsing a list in the query,"
    if not inner:
        raise invalid(f"{said} expected a non-empty list of string values, but got empty list")
    values: list[Any] = []
    at = 0
    while at < len(inner):
        match = _ITEM.match(inner, at)
        if match is None:
            raise invalid(f"{said} expected a non-empty list of string values, but got ill-formed list.")
        single, double, number, _ = match.groups()
        values.append(single.replace("''", "'") if single is not None else double)
        if number is not None:
            values[-1] = _number(number)
        at = match.end()
    if not all(isinstance(value, str) for value in values):
        raise invalid(
            f"{said} expected string value, punctuation, or whitespace, but got different type in list: {tuple(values)}"
        )
    return tuple(values)


def _number(text: str) -> int | float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:  # more digits than Python reads
        raise invalid(f"{text[:40]}… is not a number that anything could be") from None


def _as_number(key: str, value: Any) -> int:
    try:
        if isinstance(value, float):
            raise ValueError
        return int(value)
    except ValueError:
        raise invalid(f"Invalid value for numeric attribute '{key}': {value!r}") from None


def _unquoted(key: str) -> str:
    return key[1:-1] if len(key) > 1 and key[0] == key[-1] and key[0] in "`\"'" else key


def _shown_set(names: Iterable[str]) -> str:
    return "{" + ", ".join(repr(name) for name in sorted(names)) + "}"


def wants_prompts(conditions: Sequence[Condition]) -> bool:
    """Whether prompts are asked for. Else they are left out: a model says nothing about being no prompt."""
    for condition in conditions:
        if condition.of_tag and condition.key == IS_PROMPT:
            asked = (condition.sign, str(condition.value).lower())
            return asked in (("=", "true"), ("!=", "false"))
    return False


def passes(item: Item, conditions: Sequence[Condition], kind: Kind[Item]) -> bool:
    for condition in conditions:
        value = item.tags.get(condition.key) if condition.of_tag else kind.attributes[condition.key](item)
        if value is None or not _holds(value, condition):
            return False
    return True


def _holds(value: Any, condition: Condition) -> bool:
    sign, wanted = condition.sign, condition.value
    if sign in ("IN", "NOT IN"):
        return (value in wanted) == (sign == "IN")
    if sign in ("LIKE", "ILIKE"):
        return like(wanted, ignore_case=sign == "ILIKE").fullmatch(value) is not None
    return _COMPARE[sign](value, wanted)


def without_prompt_conditions(conditions: Sequence[Condition]) -> list[Condition]:
    return [condition for condition in conditions if not (condition.of_tag and condition.key == IS_PROMPT)]


def parse_order(clauses: Sequence[str], kind: Kind[Any], default: Sequence[str] = ()) -> list[tuple[str, bool]]:
    """(key, ascending), closed by what makes the order whole. Raises MlflowError."""
    orders: list[tuple[str, bool]] = []
    for clause in clauses or default:
        key, ascending = _order(clause)
        if kind.number:
            key = _order_key_of_versions(key, kind)
        else:
            valid = {"name": "name", "timestamp": "last_updated_timestamp"}
            valid["last_updated_timestamp"] = "last_updated_timestamp"
            if key not in valid:
                raise invalid(f"Invalid order by key '{key}' specified. Valid keys are '{{'name', 'timestamp'}}'")
            key = valid[key]
        if any(key == other for other, _ in orders):
            raise invalid(f"`order_by` contains duplicate fields: {list(clauses)}")
        orders.append((key, ascending))
    return orders + [(key, up) for key, up in kind.ties if all(key != other for other, _ in orders)]


def _order(clause: str) -> tuple[str, bool]:
    match = _ORDER.fullmatch(clause)
    if match is None or match.group(1).isdecimal():
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    way = (match.group(2) or "asc").lower()
    if way not in ("asc", "desc"):
        raise invalid(f"Invalid ordering key in order_by clause '{clause}'.")
    return match.group(1).strip("`"), way == "asc"


def _order_key_of_versions(key: str, kind: Kind[Any]) -> str:
    entity, dot, name = key.partition(".")
    if dot and entity not in _ENTITIES:
        raise invalid(f"Invalid entity type '{entity}'. Valid entity types are {_ENTITIES}")
    if dot and entity != "attribute":
        raise invalid(f"Invalid order by key '{name}' specified. Valid keys are {_shown_set(kind.orders)}")
    key = name if dot else key
    if key not in kind.orders:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{_shown_set(kind.orders)}'")
    return key


def page(
    items: Iterable[Item], orders: Sequence[tuple[str, bool]], most: int, token: str, kind: Kind[Item]
) -> tuple[list[Item], str]:
    """`most` items in order behind the place that `token` names, and the token of those that follow, "" for none.

    A token says behind which item a page begins: what comes or goes meanwhile shifts nothing.
    """
    found = list(items)
    for key, ascending in reversed(orders):
        found.sort(key=kind.orders[key], reverse=not ascending)
    if token:
        place = _place(token, orders, kind)
        found = [item for item in found if _is_behind(item, place, orders, kind)]
    shown = found[:most]
    if len(found) <= most:
        return shown, ""
    last = [kind.orders[key](shown[-1]) for key, _ in orders]
    said = json.dumps({"order": orders, "after": last}, separators=(",", ":"))
    return shown, base64.b64encode(said.encode()).decode()


def _place(token: str, orders: Sequence[tuple[str, bool]], kind: Kind[Any]) -> list[Any]:
    try:
        said = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token, could not base64-decode") from None
    try:
        found = json.loads(said)
        place = found["after"]
        fits = [tuple(order) for order in found["order"]] == list(orders)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _bad_token() from None
    wanted = [int if key.endswith(("timestamp", "number")) else str for key, _ in orders]
    if not fits or not isinstance(place, list) or [type(value) for value in place] != wanted:
        raise _bad_token()
    return place


def _bad_token() -> MlflowError:
    return invalid("Invalid page token: it is none of this search, or of another order")


def _is_behind(item: Item, place: list[Any], orders: Sequence[tuple[str, bool]], kind: Kind[Item]) -> bool:
    for (key, ascending), value in zip(orders, place, strict=True):
        own = kind.orders[key](item)
        if own != value:
            return bool((own > value) == ascending)
    return False
