"""MLflow's conditions and orders over runs, as Anew's query tree has them."""

from __future__ import annotations

from typing import Any

from anew.hub import Hub
from anew.index.columns import written
from anew.index.flatten import SENT_END, SENT_SPACE
from anew.index.query import And, Compare, Field, In, IsNull, Node, Not, Or, Present
from anew.index.select import Order
from anew.protocols.mlflow.entities import STATUSES, artifact_uri
from anew.protocols.mlflow.fields import is_plain
from anew.protocols.mlflow.filters import Condition, Sorting, matches_text

_FIELDS = {"run_id": "id", "run_name": "name", "user_id": "user", "start_time": "created"}
_ENDED = Field(SENT_SPACE, SENT_END)
_SPACES = {"tag": "tags", "metric": "metrics"}


def run_node(hub: Hub, condition: Condition) -> Node:
    """A condition as Anew's query has it."""
    space, key, sign, value = condition.space, condition.key, condition.sign, condition.value
    if space == "dataset":
        return _dataset_node(hub, condition)
    if space == "attribute":
        return _attribute_node(hub, condition)
    if space == "param":
        return _param_node(hub, condition)
    field = Field(_SPACES[space], key, "last" if space == "metric" else "")
    if sign == "IS NULL":
        return IsNull(field)
    if sign == "IS NOT NULL":
        return Present(field)
    return Compare(field, sign.lower(), value)


def run_orders(one: Sorting) -> list[Order]:
    """A part of an order. Parameters are texts to MLflow."""
    if one.space == "param":
        return [Order(Field("config", one.key), one.down, Field(SENT_SPACE, one.key))]
    if one.space != "attribute":
        return [Order(Field(_SPACES[one.space], one.key, "last" if one.space == "metric" else ""), one.down)]
    if one.key == "artifact_uri":  # that is the place of the experiment, and in it that of the run
        return [Order(Field("", name), one.down) for name in ("project", "id")]
    return [Order(_ENDED if one.key == "end_time" else Field("", _FIELDS.get(one.key, one.key)), one.down)]


def _none(field: Field) -> Node:
    return And((Present(field), IsNull(field)))


def _param_node(hub: Hub, condition: Condition) -> Node:
    """Parameters are numbers to us where they plainly are some, and texts to MLflow: which of the values that there are
    pass as texts is found out here.
    """
    sign, value = condition.sign, condition.value
    field, sent = Field("config", condition.key), Field(SENT_SPACE, condition.key)
    if sign in ("IS NULL", "IS NOT NULL"):
        return IsNull(field) if sign == "IS NULL" else Present(field)
    if sign in ("=", "!="):
        # Equal is what was sent as this text, or holds a value that is written so.
        held = Compare(field, "=", value) if is_plain(value) else _holding(hub, field, {value})
        same = Or((Compare(sent, "=", value), And((IsNull(sent), held))))
        return same if sign == "=" else And((Present(field), Not(same)))
    passing = [text for text in hub.index().distinct_of(sent) if matches_text(text, condition)]
    texts = {written(one) for one in hub.index().distinct_of(field)}
    held = _holding(hub, field, {text for text in texts if matches_text(text, condition)})
    return Or((In(sent, tuple(passing)) if passing else _none(sent), And((IsNull(sent), held))))


def _holding(hub: Hub, field: Field, texts: set[str]) -> Node:
    """Runs whose value is written as one of `texts`: 1.0 is written 1, so "1.0" is not meant by it."""
    exact = [one for one in hub.index().distinct_of(field) if written(one) in texts]
    return In(field, tuple(exact)) if exact else _none(field)


def _attribute_node(hub: Hub, condition: Condition) -> Node:
    key, sign, value = condition.key, condition.sign, condition.value
    field = Field("", _FIELDS.get(key, key))
    if key == "artifact_uri":
        return _place_node(hub, condition)
    if key == "start_time":
        return Compare(field, sign, value / 1000)
    if key == "end_time":
        return Compare(_ENDED, sign, value)
    if key == "status":
        return _status_node(field, condition)
    if sign == "IN":
        return In(field, value)
    if sign == "NOT IN":
        return And((Present(field), Not(In(field, value))))
    if key == "user_id" and sign == "=" and value == "":
        return IsNull(field)
    return Compare(field, sign.lower(), value)


def _status_node(field: Field, condition: Condition) -> Node:
    """By the words that MLflow shows: a crashed run is a failed one to it."""
    passing = tuple(name for name, shown in STATUSES.items() if matches_text(shown, condition))
    return In(field, passing) if passing else _none(field)


def _place_node(hub: Hub, condition: Condition) -> Node:
    """Where a run's artifacts are is made of its project and its id, and asked of every run."""
    runs: list[dict[str, Any]] = hub.index().search(
        Or((IsNull(Field("", "deleted")), Present(Field("", "deleted")))), limit=None, columns=["project"], strict=False
    )
    passing = tuple(one["id"] for one in runs if matches_text(artifact_uri(hub, one), condition))
    return In(Field("", "id"), passing) if passing else _none(Field("", "id"))


def _dataset_node(hub: Hub, condition: Condition) -> Node:
    """Which of the values that datasets have pass is found out here; a run passes that has one of them."""
    field = Field("datasets", condition.key)
    whole = [
        str(joined)
        for joined in hub.index().distinct_of(field)
        if any(matches_text(text, condition) for text in str(joined).split("\n")[1:-1])
    ]
    return In(field, tuple(whole)) if whole else _none(field)
