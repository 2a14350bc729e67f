"""Finding traces: MLflow's filter strings of traces, and its order_by. What the index can answer, it is asked."""

from __future__ import annotations

import functools
import json
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from anew.errors import QueryError
from anew.hub import Hub
from anew.index.lexer import Token, pieces, tokenize
from anew.index.query import And, Compare, Field, In, IsNull, Node, Present
from anew.protocols.mlflow import spans
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.filters import Condition, matches_text
from anew.protocols.mlflow.trace_document import EXPERIMENT, KIND, assessments_of, metadata_of, started_ms, tags_of

_SPACES = {
    "tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute", "trace": "attribute",
    "metadata": "metadata", "request_metadata": "metadata", "span": "span", "feedback": "feedback",
    "expectation": "expectation", "issue": "issue",
}  # fmt: skip
_ATTRIBUTES = {
    "request_id", "timestamp", "timestamp_ms", "execution_time", "execution_time_ms", "end_time", "end_time_ms",
    "status", "client_request_id", "name", "run_id", "prompt", "text",
}  # fmt: skip
_ORDERED = _ATTRIBUTES - {"client_request_id", "prompt", "text"} | {"experiment_id"}
_NUMERIC = {"timestamp_ms", "execution_time_ms", "end_time_ms"}
_LONGER = {"timestamp": "timestamp_ms", "execution_time": "execution_time_ms", "end_time": "end_time_ms"}
_RUN = "mlflow.sourceRun"
_MAPPED = {
    "name": ("tag", "mlflow.traceName"),
    "run_id": ("metadata", _RUN),
    "prompt": ("prompt", ""),
    "text": ("span", "content"),
}
_TEXT_SIGNS = {"=", "!=", "LIKE", "ILIKE", "RLIKE"}
_NULL_SIGNS = {"IS NULL", "IS NOT NULL"}
_LIST_SIGNS = {"IN", "NOT IN"}
_NUMBER_SIGNS = {"=", "!=", ">", ">=", "<", "<="}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_MOST_PATTERN = 250
_MOST_REPEATS = 2
_MOST_MATCHED = 8000


def search(hub: Hub, experiment_ids: list[str], filter_text: str, order_by: list[str]) -> list[Json]:
    """The documents of all traces of the experiments that pass, the latest first, or in the order asked for."""
    conditions = parse(filter_text)
    orders = [_order(clause) for clause in order_by]
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
    for value_of, falling in reversed(orders):
        there = [document for document in found if value_of(document) is not None]
        lacking = [document for document in found if value_of(document) is None]
        found = sorted(there, key=value_of, reverse=falling) + lacking
    return found


def npmi(joint: int, first: int, second: int, total: int, smoothing: float) -> float:
    """How much more often than by chance two things come together: from -1 over 0 to 1, NaN when it can't be said."""
    cells = [joint, first - joint, second - joint, total - first - second + joint]
    if not total or not first or not second or min(cells) < 0:
        return math.nan
    if not joint and not smoothing:
        return -1.0
    both, only_first, only_second, neither = (cell + smoothing for cell in cells)
    every = both + only_first + only_second + neither
    if both == every:
        return 1.0
    chance = math.log(both) + math.log(every) - math.log(both + only_first) - math.log(both + only_second)
    return max(-1.0, min(1.0, chance / (math.log(every) - math.log(both))))


# Reading a filter


def parse(text: str) -> list[Condition]:
    """The conditions of a filter string. Raises MlflowError."""
    if not text.strip():
        return []
    try:
        tokens = tokenize(text)
    except QueryError as error:
        raise invalid(f"Invalid filter '{text}'. {str(error).splitlines()[0]}") from None
    reader = _Reader(tokens)
    found = [reader.condition()]
    while reader.now.kind != "end":
        if reader.now.value.lower() != "and" or reader.now.kind != "keyword":
            raise invalid(f"Invalid clause(s) in filter string: {reader.rest()}")
        reader.at += 1
        found.append(reader.condition())
    return found


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0

    @property
    def now(self) -> Token:
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    def rest(self) -> str:
        return ", ".join(repr(token.value) for token in self.tokens[self.at : -1]) or "''"

    def condition(self) -> Condition:
        if self.now.kind != "word":
            raise invalid(f"Invalid clause(s) in filter string: {self.rest()}")
        space, key = _identifier(self.now.value, _ATTRIBUTES)
        self.at += 1
        sign = self._sign()
        numeric = space == "attribute" and key in _NUMERIC
        _check(space, key, sign, numeric)
        if sign in _NULL_SIGNS:
            return Condition(space, key, sign)
        if sign in _LIST_SIGNS:
            return Condition(space, key, sign, self._list())
        token = self.now
        self.at += 1
        if numeric or sign in _COMPARE:
            if token.kind != "number":
                raise invalid(f"Expected numeric value type for numeric attribute: {key}. Found {token.value}")
            return Condition(space, key, sign, float(token.value))
        if token.kind != "text":
            raise invalid(f"Expected a quoted string value for {space} (e.g. 'my-value'). Got value {token.value}")
        if sign == "RLIKE":
            _pattern(token.value)
        return Condition(space, key, sign, token.value)

    def _sign(self) -> str:
        words = [token.value.upper() for token in self.tokens[self.at : self.at + 3]]
        for length, signs in ((3, {"IS NOT NULL"}), (2, {"NOT IN", "IS NULL"}), (1, _TEXT_SIGNS | {"IN"})):
            if " ".join(words[:length]) in signs:
                self.at += length
                return " ".join(words[:length])
        if self.now.kind != "operator":
            raise invalid(f"Invalid clause(s) in filter string: {self.rest()}")
        self.at += 1
        return {"==": "=", "<>": "!="}.get(words[0], words[0])

    def _list(self) -> tuple[str, ...]:
        values: list[str] = []
        opened = self.now.value == "("
        self.at += 1
        while opened and self.now.kind == "text":
            values.append(self.now.value)
            self.at += 1
            self.at += self.now.value == ","
        if self.now.value != ")" or not values:
            raise invalid("While parsing a list in the query, expected quoted strings in brackets")
        self.at += 1
        return tuple(values)


def _identifier(word: str, attributes: set[str]) -> tuple[str, str]:
    """Where a value is, and its name there. Raises MlflowError."""
    parts = pieces(word)
    quoted, first = parts[0]
    head, dot, tail = first.partition(".")
    if quoted or not dot:
        space, key = "attribute", "".join(part for _, part in parts)
    elif head not in _SPACES:
        raise invalid(f"Invalid entity type '{head}'. Valid values are {sorted(_SPACES)}")
    else:
        space, key = _SPACES[head], tail + "".join(part for _, part in parts[1:])
    if space == "attribute":
        if key not in attributes:
            raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{sorted(attributes)}'")
        return _MAPPED.get(key, (space, _LONGER.get(key, key)))
    if space == "span" and key not in ("name", "type", "status", "content") and not key.startswith("attributes."):
        raise invalid(
            f"Invalid span attribute '{key}'. Supported attributes: name, status, type, attributes.<attribute_name>."
        )
    if space == "issue" and key != "id":
        raise invalid(f"Invalid issue attribute '{key}'. Supported attributes: id")
    return space, key


def _check(space: str, key: str, sign: str, numeric: bool) -> None:
    allowed = {
        "tag": _TEXT_SIGNS | _NULL_SIGNS,
        "metadata": _TEXT_SIGNS | _NULL_SIGNS | (_LIST_SIGNS if key == _RUN else set()),
        "attribute": _NUMBER_SIGNS if numeric else _TEXT_SIGNS | _LIST_SIGNS,
        "span": {"LIKE", "ILIKE"} if key == "content" else _TEXT_SIGNS | _LIST_SIGNS,
        "feedback": _TEXT_SIGNS | _NULL_SIGNS | set(_COMPARE),
        "expectation": _TEXT_SIGNS | _NULL_SIGNS | set(_COMPARE),
        "issue": {"="},
        "prompt": {"="},
    }[space]
    if sign not in allowed:
        raise invalid(f"Invalid comparator '{sign}' not one of '{sorted(allowed)}'")


@functools.lru_cache(64)
def _pattern(text: str) -> re.Pattern[str]:
    """A regular expression that can't keep the server busy for long. Raises MlflowError."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]])*\]", "x", text)
    if len(text) > _MOST_PATTERN or re.search(r"\)[*+?{]|\(\?", bare) or re.search(r"\\\d", text):
        raise invalid(f"The pattern {text[:100]!r} repeats a group, looks around, or is too long, and is not taken")
    if len(re.findall(r"[*+{]", bare)) > _MOST_REPEATS:
        raise invalid(f"A pattern may have *, + and {{}} {_MOST_REPEATS} times in all: {text[:100]!r}")
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise invalid(f"{text[:100]!r} is no regular expression: {error}") from None


# Asking the index, and the documents themselves


def _node(condition: Condition) -> Node | None:
    """A condition as the index takes it; None for one that only the document can tell."""
    space, key, sign, value = condition.space, condition.key, condition.sign, condition.value
    if space == "attribute" and key == "timestamp_ms":
        return Compare(Field("", "created"), sign, value / 1000)
    if space == "attribute" and key == "request_id" and sign in ("=", "!="):
        return Compare(Field("", "id"), sign, value)
    if space not in ("tag", "metadata") or key in (_RUN, "mlflow.artifactLocation"):
        return None
    field = Field("tags" if space == "tag" else "summary", key)
    if sign in _NULL_SIGNS:
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
    if space == "metadata":
        linked = [link.get("run") for link in document["links"] if link.get("relation") == "run"]
        if key == _RUN and condition.sign == "=" and condition.value in linked:
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
    if condition.sign in _NULL_SIGNS:
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
        return value is not None and _pattern(condition.value).search(str(value)[:_MOST_MATCHED]) is not None
    return matches_text(value, condition)


def _order(clause: str) -> tuple[Callable[[Json], Any], bool]:
    """How to order by a clause of order_by, and whether falling. Raises MlflowError."""
    text = clause.strip()
    head, _, tail = text.rpartition(" ")
    falling = False
    if head and tail.upper() in ("ASC", "DESC"):
        text, falling = head.strip(), tail.upper() == "DESC"
    if not text or (" " in text and not text.endswith(("`", '"'))):
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    space, key = _identifier(text, _ORDERED)
    if space == "tag":
        return lambda document: document["tags"].get(key), falling
    if space == "metadata":
        return lambda document: metadata_of(document).get(key), falling
    if space != "attribute":
        raise invalid(f"Invalid identifier type '{space}'")
    if key == "experiment_id":
        return lambda document: str(document["summary"].get(EXPERIMENT)), falling
    return lambda document: _attribute(document, key), falling
