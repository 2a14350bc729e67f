"""datasets/search: a filter language of its own, though of the same words, and orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anew.hub import Hub
from anew.index.query import And, Field, IsNull, Node, Or, Present
from anew.protocols.mlflow.dataset_records import KIND
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.filters import (
    NULL_SIGNS,
    Clause,
    Condition,
    Sorting,
    bare,
    clauses,
    matches_text,
    shown_set,
    text_of,
    texts_of,
)

EXPERIMENT = "experiment."  # and an experiment's id: the name in the summary by which a dataset belongs to it
_NUMBERS = ("created_time", "last_update_time")
_ORDERED = ("name", *_NUMBERS)
_KEYS = (*_ORDERED, "created_by", "last_updated_by")
_NUMBER_SIGNS = ("=", "!=", ">", ">=", "<", "<=")
_TEXT_SIGNS = (*_NUMBER_SIGNS, "LIKE", "ILIKE")  # MLflow lets its database compare texts
_TAG_SIGNS = ("=", "!=", "LIKE", "ILIKE")
_ORDER = re.compile(r"\s*(\S+)(?:\s+(\w+))?\s*")


def search(hub: Hub, experiment_ids: Sequence[str], filter_text: str, order_by: Sequence[str]) -> list[Json]:
    """The documents of the datasets of some experiments, or of all, that pass: the latest first, or in the order
    asked for. Raises MlflowError.
    """
    conditions = [_condition(clause) for clause in clauses(filter_text, quote="")]
    orders = [_order(clause) for clause in order_by] or [Sorting("attribute", "created_time", True)]
    nodes: list[Node] = [IsNull(Field("", "deleted"))]
    if experiment_ids:
        nodes.append(Or(tuple(Present(Field("summary", EXPERIMENT + one)) for one in experiment_ids)))
    found = hub.index(KIND).search(And(tuple(nodes)), limit=None, strict=False)
    found = [document for document in found if all(_holds(document, condition) for condition in conditions)]
    found.sort(key=lambda document: str(document["id"]), reverse=True)
    for order in reversed(orders):
        found.sort(key=lambda document: value_of(document, order.key), reverse=order.down)
    return found


def value_of(document: Json, key: str) -> Any:
    """What MLflow calls an attribute of a dataset."""
    if key == "created_time":
        return round(document["created"] * 1000)
    if key == "last_update_time":
        return document["updated_ms"]
    return document.get("updated_by" if key == "last_updated_by" else key)


def _holds(document: Json, condition: Condition) -> bool:
    if condition.space == "tag":
        return matches_text(document["tags"].get(condition.key), condition)
    return matches_text(value_of(document, condition.key), condition)


def _condition(clause: Clause) -> Condition:
    left, sign, right = clause
    if left.kind != "name":
        raise invalid(f"Invalid comparison clause. Expected 'Identifier' found '{left.value}'")
    space, key = _identifier(left.value, _KEYS)
    if sign in NULL_SIGNS and space == "attribute":
        raise invalid(f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{space}' '{key}'")
    if space == "tag":
        wanted = (
            "" if sign in NULL_SIGNS else text_of(right, "Expected a quoted string value for tag (e.g. 'my-value').")
        )
        if sign not in _TAG_SIGNS:
            raise invalid(f"Invalid comparator for tag: {sign}")
        return Condition(space, bare(key), sign, wanted)
    if key in _NUMBERS:
        return Condition(space, key, sign, _number(key, sign, right.kind, right.value))
    if right.kind == "list":
        if key != "name":
            raise invalid("Only ['name'] attributes support comparison with a list of quoted string values.")
        if sign != "IN":
            raise invalid("List values for 'name' are only supported with the IN comparator.")
        return Condition(space, key, sign, texts_of(right.value))
    wanted = text_of(right, "Expected a quoted string value for attributes.")
    if sign not in _TEXT_SIGNS:
        raise invalid(f"Invalid comparator for string attribute: {sign}")
    return Condition(space, key, sign, wanted)


def _number(key: str, sign: str, kind: str, written: str) -> int:
    if kind != "number":
        raise invalid(f"Expected numeric value type for numeric attribute: {key}. Found {written}")
    if sign not in _NUMBER_SIGNS:
        raise invalid(f"Invalid comparator for numeric attribute: {sign}")
    if not re.fullmatch(r"-?\d{1,18}", written):
        raise invalid(f"Invalid value for numeric attribute '{key}': {written[:40]!r}")
    return int(written)


def _identifier(written: str, keys: Sequence[str]) -> tuple[str, str]:
    head, dot, rest = written.partition(".")
    if not dot:
        if written not in keys:
            raise invalid(f"Invalid attribute key '{written}' specified. Valid keys are: {shown_set(keys)}")
        return "attribute", written
    if head != "tags":
        raise invalid(f"Invalid identifier token '{head}' specified")
    return "tag", rest


def _order(clause: str) -> Sorting:
    match = _ORDER.fullmatch(clause)
    if match is None:
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    way = (match[2] or "asc").lower()
    if way not in ("asc", "desc"):
        raise invalid(f"Invalid ordering key in order_by clause '{clause}'.")
    space, key = _identifier(bare(match[1]), _ORDERED)
    if space != "attribute":
        raise invalid(f"Invalid order_by entity: {space}")
    return Sorting(space, key, way == "desc")
