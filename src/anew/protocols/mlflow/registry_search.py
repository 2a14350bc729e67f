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
from anew.protocols.mlflow.filters import NULL_SIGNS, Clause, Token, bare, clauses, shown_set, text_of, texts_of
from anew.protocols.mlflow.sources import IS_PROMPT

Item = TypeVar("Item", Model, Version)

_ORDER = re.compile(r"([\w.]+|`[\w.]+`)(?:\s+(\w+))?", re.ASCII)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_TAG_SIGNS = ("=", "!=", "LIKE", "ILIKE")
_NUMBERS = ("creation_timestamp", "last_updated_timestamp", "version_number")  # MLflow names them, and takes the last
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
    return [_condition(clause, kind) for clause in clauses(text, quote="")]


def _condition(clause: Clause, kind: Kind[Any]) -> Condition:
    left, sign, right = clause
    if left.kind != "name":
        raise invalid(f"Invalid comparison clause. Expected 'Identifier' found '{left.value}'")
    if sign in NULL_SIGNS:
        raise invalid(f"Invalid clause(s) in filter string: {left.value}, {sign}")
    entity, dot, key = left.value.partition(".")
    of_tag = bool(dot) and entity in ("tag", "tags")
    if dot and entity not in _ENTITIES:
        raise invalid(f"Invalid entity type '{entity}'. Valid entity types are {_ENTITIES}")
    key = key if dot else left.value
    if of_tag:
        said = text_of(right, "Expected a quoted string value for tag (e.g. 'my-value').")
        if sign not in _TAG_SIGNS:
            raise invalid(f"Invalid comparator for tag: {sign}")
        return Condition(bare(key), sign, said, True)
    if key not in kind.attributes:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{shown_set(kind.attributes)}'")
    value = _value(key, right, kind)
    if key == kind.number:
        if sign not in _NUMBER_SIGNS:
            raise invalid(f"Invalid comparator for attribute {key}: {sign}")
        return Condition(key, sign, _as_number(key, value))
    listed = isinstance(value, tuple)
    if sign not in (("IN", "NOT IN") if listed else _TAG_SIGNS):
        raise invalid(f"Invalid comparator for attribute: {sign}")
    return Condition(key, sign, value)


def _value(key: str, token: Token, kind: Kind[Any]) -> Any:
    if token.kind == "list":
        if key not in kind.lists:
            raise invalid(f"Only {list(kind.lists)} attributes support comparison with a list of quoted string values.")
        return texts_of(token.value)
    if token.kind == "number" and kind.number:
        if key != kind.number:
            raise invalid(f"Only the '{shown_set(_NUMBERS)}' attributes support comparison with numeric values.")
        return _number(token.value)
    return text_of(token, "Expected a quoted string value or a list of quoted string values for attributes.")


def _number(text: str) -> int | float:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:  # more digits than Python reads
        raise invalid(f"{text[:40]}… is not a number that anything could be") from None


def _as_number(key: str, value: Any) -> int:
    try:
        if isinstance(value, float):
            raise ValueError
        return int(value)
    except ValueError:
        raise invalid(f"Invalid value for numeric attribute '{key}': {value!r}") from None


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
            key = _order_key_of_versions(key.strip("`"), kind)
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
    # Only in front of ASC or DESC does MLflow take the quotes off.
    return bare(match.group(1)) if match.group(2) else match.group(1), way == "asc"


def _order_key_of_versions(key: str, kind: Kind[Any]) -> str:
    entity, dot, name = key.partition(".")
    if dot and entity not in _ENTITIES:
        raise invalid(f"Invalid entity type '{entity}'. Valid entity types are {_ENTITIES}")
    if dot and entity != "attribute":
        raise invalid(f"Invalid order by key '{name}' specified. Valid keys are {shown_set(kind.orders)}")
    key = name if dot else key
    if key not in kind.orders:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{shown_set(kind.orders)}'")
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
