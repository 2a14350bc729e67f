"""MLflow's filter strings of traces, and their order_by, read into conditions. What is refused, in MLflow's words."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.filters import (
    NULL_SIGNS,
    Clause,
    Condition,
    Grammar,
    Sorting,
    Token,
    clauses,
    left_of,
    parse_order,
    shown_set,
    text_of,
    texts_of,
)

RUN = "mlflow.sourceRun"
NAME = "mlflow.traceName"
_SPACES = {
    "tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute", "trace": "attribute",
    "metadata": "request_metadata", "request_metadata": "request_metadata", "span": "span", "feedback": "feedback",
    "expectation": "expectation", "issue": "issue",
}  # fmt: skip
_NUMERIC = frozenset({"timestamp", "timestamp_ms", "execution_time", "execution_time_ms", "end_time", "end_time_ms"})
_LISTED = frozenset({"name", "status", "request_id", "run_id", "client_request_id"})
_ATTRIBUTES = _NUMERIC | _LISTED | {"prompt", "text"}
GRAMMAR = Grammar(
    spaces=_SPACES,
    unknown_space="Invalid entity type '{}'. Valid values are {{" + shown_set(_SPACES)[1:-1] + "}}",
    attributes=_ATTRIBUTES,
    ordered=_ATTRIBUTES - {"client_request_id", "prompt", "text"} | {"experiment_id"},
    numeric=_NUMERIC,
    listed=_LISTED,
    aliases={"timestamp": "timestamp_ms", "execution_time": "execution_time_ms", "end_time": "end_time_ms"},
)
_MAPPED = {
    "name": ("tag", NAME),
    "run_id": ("request_metadata", RUN),
    "prompt": ("prompt", ""),
    "text": ("span", "content"),
}
_TEXT_SIGNS = frozenset({"=", "!=", "LIKE", "ILIKE", "RLIKE"})
_ATTRIBUTE_SIGNS = _TEXT_SIGNS | {"IN", "NOT IN"}
_TAG_SIGNS = _TEXT_SIGNS | set(NULL_SIGNS)
_ORDER_SIGNS = frozenset({">", ">=", "<", "<="})
_ASSESSED = ("feedback", "expectation")
_SPAN_KEYS = ("name", "status", "type")
_MOST_PATTERN = 250
_MOST_REPEATS = 2


def parse_filter(text: str) -> list[Condition]:
    """The conditions of a filter string, whose keys are those of the trace's document. Raises MlflowError."""
    return [_condition(clause) for clause in clauses(text)]


def _condition(clause: Clause) -> Condition:
    space, key = left_of(clause, GRAMMAR)
    sign = clause.sign
    if sign in NULL_SIGNS:
        space, key = _place(space, key)
        _check_sign(space, key, sign)
        return Condition(space, key, sign)
    value = _value(space, key, sign, clause.right)
    space, key = _place(space, key)
    _check_key(space, key)
    _check_sign(space, key, sign)
    if sign == "RLIKE":
        pattern_of(str(value))
    if space == "prompt" and str(value).count("/") != 1:
        raise invalid(f"Invalid prompts filter value '{value}'. Expected format: prompt = \"name/version\"")
    return Condition(space, key, sign, value)


def _place(space: str, key: str) -> tuple[str, str]:
    """Where what a filter calls an attribute really is: a few are tags, metadata, or of the spans."""
    return _MAPPED.get(key, (space, GRAMMAR.aliases.get(key, key))) if space == "attribute" else (space, key)


def _value(space: str, key: str, sign: str, token: Token) -> str | float | tuple[str, ...]:
    if space in _ASSESSED:
        return _assessed_value(space, sign, token)
    if space == "attribute" and key in _NUMERIC:
        return _number(key, token)
    if token.kind == "list" and space in ("attribute", "tag", "span"):
        if space == "attribute" and key not in _LISTED:
            raise invalid(
                f"Only attributes in {shown_set(_LISTED)} supports comparison with a list of quoted string values."
            )
        return texts_of(token.value)
    if token.kind == "number" and space == "attribute":
        raise invalid(f"Only the '{shown_set(_NUMERIC)}' attributes support comparison with numeric values.")
    if space == "attribute":
        return text_of(token, "Expected a quoted string value or a list of quoted string values for attributes.")
    return text_of(token, f"Expected a quoted string value for {space} (e.g. 'my-value').")


def _number(key: str, token: Token) -> float:
    """A number, which may be quoted: it is one to MLflow's database as well."""
    if token.kind == "list":
        raise invalid(
            f"Only attributes in {shown_set(_LISTED)} supports comparison with a list of quoted string values."
        )
    written = token.value if token.kind == "number" else text_of(token, "Expected a number.")
    try:
        return float(written)
    except ValueError:
        raise invalid(f"Expected numeric value type for numeric attribute: {key}. Found {token.value}") from None


def _assessed_value(space: str, sign: str, token: Token) -> str | float:
    numeric = sign in _ORDER_SIGNS
    if numeric and token.kind == "number":
        return float(token.value)
    if numeric:
        raise invalid(f"Expected a numeric value for {space} when using comparator '{sign}'. Got value {token.value}")
    return text_of(token, f"Expected a quoted string value for {space} (e.g. 'my-value').")


def _check_key(space: str, key: str) -> None:
    if space == "span" and key not in (*_SPAN_KEYS, "content") and not key.startswith("attributes."):
        raise invalid(
            f"Invalid span attribute '{key}'. Supported attributes: {', '.join(_SPAN_KEYS)}, "
            "attributes.<attribute_name>."
        )
    if (space, key) == ("span", "attributes."):
        raise invalid("Span attribute name cannot be empty after 'attributes.'")
    if space == "issue" and key != "id":
        raise invalid(f"Invalid issue attribute '{key}'. Supported attributes: id")


def _check_sign(space: str, key: str, sign: str) -> None:
    """MLflow's texts differ from kind to kind: some lack their last quote, and some name other signs than it takes."""
    if space == "prompt" and sign != "=":
        raise invalid(
            f"Invalid comparator '{sign}' for prompts filter. Only '=' is supported with format: "
            'prompt = "name/version"'
        )
    if space == "span":
        _expect(sign, {"LIKE", "ILIKE"} if key == "content" else _ATTRIBUTE_SIGNS, f"span.{key} comparator")
    elif space in _ASSESSED:
        _expect(sign, _TAG_SIGNS | _ORDER_SIGNS, f"assessment.{key} comparator")
    elif space == "issue":
        _expect(sign, {"="}, f"issue.{key} comparator")
    elif space == "request_metadata":
        _expect(sign, _TAG_SIGNS)
    elif space == "tag":
        _expect(sign, _TAG_SIGNS, end="")
    elif space == "attribute" and key in _NUMERIC:
        _expect(sign, _ORDER_SIGNS | {"=", "!="}, end="", named=_ATTRIBUTE_SIGNS)
    elif space == "attribute":
        _expect(sign, _ATTRIBUTE_SIGNS)


def _expect(
    sign: str,
    allowed: Collection[str],
    what: str = "Invalid comparator",
    end: str = "'",
    named: Collection[str] = (),
) -> None:
    if sign not in allowed:
        raise invalid(f"{what} '{sign}' not one of '{shown_set(named or allowed)}{end}")


@functools.lru_cache(64)
def pattern_of(text: str) -> re.Pattern[str]:
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


def parse_orders(order_by: Collection[str]) -> list[Sorting]:
    """The clauses of order_by. Raises MlflowError."""
    found = []
    for clause in order_by:
        asked = parse_order(clause, GRAMMAR)
        space, key = _place(asked.space, asked.key)
        if space not in ("attribute", "tag", "request_metadata"):
            raise invalid(f"Invalid identifier type '{space}'")
        found.append(Sorting(space, key, asked.down))
    if len({(one.space, one.key) for one in found}) < len(found):
        raise invalid(f"`order_by` contains duplicate fields: {list(order_by)}")
    return found
