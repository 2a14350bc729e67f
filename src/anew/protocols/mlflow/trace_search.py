"""Finding traces: what the index can answer of a filter, it is asked; the rest is asked of the documents."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from typing import Any

from anew.hub import Hub
from anew.index.query import And, Compare, Field, In, IsNull, Node, Present
from anew.protocols.mlflow import spans
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.filters import NULL_SIGNS, Condition, Sorting, matches_text
from anew.protocols.mlflow.trace_document import EXPERIMENT, KIND, assessments_of, metadata_of, started_ms, tags_of
from anew.protocols.mlflow.trace_filters import RUN, parse_filter, parse_orders, pattern_of

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_MOST_MATCHED = 8000


def search(hub: Hub, experiment_ids: list[str], filter_text: str, order_by: list[str]) -> list[Json]:
    """The documents of all traces of the experiments that pass, the latest first, or in the order asked for."""
    orders = parse_orders(order_by)
    conditions = parse_filter(filter_text)
    nodes: list[Node] = [In(Field("summary", EXPERIMENT), tuple(experiment_ids)), IsNull(Field("", "deleted"))]
    rest = []
    for condition in conditions:
        node = _node(condition)
        if node is None:
            rest.append(condition)
        else:
            nodes.append(node)
    found = hub.index(KIND).search(And(tuple(nodes)), sort=["created desc"], limit=None, strict=False)
    found = [document for document in found if _passes(hub, document, rest)]
    found.sort(key=lambda document: (-started_ms(document), document["id"]))
    for order in reversed(orders):
        found = _sorted_by(found, order)
    return found


def npmi(joint: int, first: int, second: int, total: int, smoothing: float) -> float:
    """How much more often than by chance two things come together: from -1 over 0 to 1, NaN when it can't be said."""
    cells = [joint, first - joint, second - joint, total - first - second + joint]
    if not total or not first or not second or min(cells) < 0:
        return math.nan
    if not joint and not smoothing:
        return -1.0
    if joint == total:
        return 1.0
    both, only_first, only_second, neither = (cell + smoothing for cell in cells)
    every = both + only_first + only_second + neither
    # In MLflow's order of sums, so that no last digit differs.
    chance = (math.log(both) + math.log(every)) - (math.log(both + only_first) + math.log(both + only_second))
    return max(-1.0, min(1.0, chance / (math.log(every) - math.log(both))))


# Asking the index, and the documents themselves


def _node(condition: Condition) -> Node | None:
    """A condition as the index takes it; None for one that only the document can tell."""
    space, key, sign, value = condition.space, condition.key, condition.sign, condition.value
    if space == "attribute" and key == "timestamp_ms":
        return Compare(Field("", "created"), sign, value / 1000)
    if space == "attribute" and key == "request_id" and sign in ("=", "!="):
        return Compare(Field("", "id"), sign, value)
    if space not in ("tag", "request_metadata") or key in (RUN, "mlflow.artifactLocation"):
        return None
    field = Field("tags" if space == "tag" else "summary", key)
    if sign in NULL_SIGNS:
        return IsNull(field) if sign == "IS NULL" else Present(field)
    # Numbers in a column would be compared as numbers; MLflow compares texts.
    return Compare(field, sign.lower(), value) if sign in ("=", "!=", "LIKE", "ILIKE") else None


def _passes(hub: Hub, document: Json, conditions: list[Condition]) -> bool:
    of_spans = [condition for condition in conditions if condition.space == "span"]
    if not all(_holds(hub, document, condition) for condition in conditions if condition.space != "span"):
        return False
    if not of_spans:
        return True
    return any(
        all(_matches(_span_value(span, condition), condition) for condition in of_spans)
        for span in spans.stored(hub, document["id"])
    )


def _holds(hub: Hub, document: Json, condition: Condition) -> bool:
    space, key = condition.space, condition.key
    if space == "tag":
        return _matches(tags_of(hub, document).get(key), condition)
    if space == "request_metadata":
        linked = [link.get("run") for link in document["links"] if link.get("relation") == "run"]
        if key == RUN and condition.sign == "=" and condition.value in linked:
            return True
        return _matches(metadata_of(document).get(key), condition)
    if space in ("feedback", "expectation"):
        return _assessed(document, condition)
    if space == "prompt":
        return any(link.get("prompt") == condition.value for link in document["links"])
    if space == "issue":
        return any("issue" in item and item["assessment_name"] == condition.value for item in assessments_of(document))
    return _matches(_attribute(document, key), condition)


def _attribute(document: Json, key: str) -> Any:
    if key == "request_id":
        return document["id"]
    if key == "timestamp_ms":
        return started_ms(document)
    if key == "execution_time_ms":
        return document.get("execution_ms")
    if key == "end_time_ms":
        return started_ms(document) + (document.get("execution_ms") or 0)
    return document.get("state" if key == "status" else key)


def _span_value(span: Json, condition: Condition) -> Any:
    key = condition.key
    if key == "content":
        return json.dumps(span, ensure_ascii=False)
    if key == "name":
        return span.get("name")
    if key == "type":
        return spans.attribute(span, "mlflow.spanType")
    if key == "status":
        status = span.get("status")
        return str(status.get("code", "")).removeprefix("STATUS_CODE_") if isinstance(status, dict) else None
    value = spans.attribute(span, key.removeprefix("attributes.").strip("`"))
    return value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False)


def _assessed(document: Json, condition: Condition) -> bool:
    items = [
        item[condition.space]
        for item in assessments_of(document)
        if condition.space in item and item["assessment_name"] == condition.key and item.get("valid") is not False
    ]
    if condition.sign in NULL_SIGNS:
        return bool(items) == (condition.sign == "IS NOT NULL")
    return any(_assessment_matches(_assessment_value(item), condition) for item in items)


def _assessment_value(item: Json) -> Any:
    packed = item.get("serialized_value")
    if not isinstance(packed, dict):
        return item.get("value")
    try:
        return json.loads(str(packed.get("value")))
    except ValueError:
        return packed.get("value")


def _assessment_matches(value: Any, condition: Condition) -> bool:
    if condition.sign in _COMPARE:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return _COMPARE[condition.sign](value, condition.value)
    text = value if isinstance(value, str) else json.dumps(value)
    if condition.sign in ("=", "!=") and isinstance(value, float) and value.is_integer():
        # JSON of the wire has no whole numbers: 1 comes back as 1.0.
        return (condition.value in (text, str(int(value)))) == (condition.sign == "=")
    return _matches(text, condition)


def _matches(value: Any, condition: Condition) -> bool:
    if condition.sign == "RLIKE":
        return value is not None and pattern_of(condition.value).search(str(value)[:_MOST_MATCHED]) is not None
    return matches_text(value, condition)


def _sorted_by(found: list[Json], order: Sorting) -> list[Json]:
    """What has no value comes last, whichever way the others go."""
    values = [_order_value(document, order) for document in found]
    there = [(value, document) for value, document in zip(values, found, strict=True) if value is not None]
    there.sort(key=lambda pair: pair[0], reverse=order.down)
    lacking = [document for value, document in zip(values, found, strict=True) if value is None]
    return [document for _, document in there] + lacking


def _order_value(document: Json, order: Sorting) -> Any:
    if order.space == "tag":
        return document["tags"].get(order.key)
    if order.space == "request_metadata":
        return metadata_of(document).get(order.key)
    if order.key == "experiment_id":
        return str(document["summary"].get(EXPERIMENT))
    return _attribute(document, order.key)
