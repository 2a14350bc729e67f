"""MLflow's filter strings: comparisons joined by AND, read into conditions and into Anew's query tree."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anew.errors import QueryError
from anew.index.evaluate import like
from anew.index.lexer import Token, pieces, tokenize
from anew.protocols.mlflow.errors import invalid

_SPACES = {
    "metric": "metric", "metrics": "metric", "param": "param", "params": "param", "parameter": "param",
    "parameters": "param", "tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute",
    "attr": "attribute", "run": "attribute", "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
_ALIASES = {
    "created": "start_time", "Created": "start_time", "run name": "run_name", "Run name": "run_name",
    "Run Name": "run_name",
}  # fmt: skip
RUN_ATTRIBUTES = {"run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time", "created"}
_ATTRIBUTES = {
    "runs": RUN_ATTRIBUTES,
    "experiments": {"name", "creation_time", "last_update_time", "experiment_id"},
    "models": {"name", "model_id", "model_type", "status", "source_run_id", "creation_timestamp", "creation_time",
               "last_updated_timestamp", "last_updated_time", "experiment_id"},
}  # fmt: skip
_NUMERIC = {
    "start_time", "end_time", "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
    "last_updated_time",
}  # fmt: skip
_DATASETS = {"name", "digest", "context"}
_NUMBER_SIGNS = {"=", "!=", ">", ">=", "<", "<="}
_TEXT_SIGNS = {"=", "!=", "LIKE", "ILIKE"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """`space` is metric, param, tag, attribute or dataset; `sign` = != < <= > >= LIKE ILIKE IN NOT IN, IS NULL or
    IS NOT NULL; `value` a number, a text, or a tuple of texts.
    """

    space: str
    key: str
    sign: str
    value: Any = None


def parse_filter(text: str, of: str = "runs") -> list[Condition]:
    """The conditions of a filter string over runs, experiments or logged models. Raises MlflowError."""
    if not text.strip():
        return []
    try:
        tokens = tokenize(text)
    except QueryError as error:
        raise invalid(f"Invalid filter '{text}'. {str(error).splitlines()[0]}") from None
    reader = _Reader(text, tokens, of)
    found = [reader.condition()]
    while reader.now.kind != "end":
        if reader.now.kind != "keyword" or reader.now.value != "and":
            raise invalid(f"Invalid clause(s) in filter string: {reader.rest()}")
        reader.at += 1
        if reader.now.kind == "end":
            raise invalid("Invalid clause(s) in filter string: 'AND'")
        found.append(reader.condition())
    return found


class _Reader:
    def __init__(self, text: str, tokens: list[Token], of: str) -> None:
        self.text, self.tokens, self.of, self.at = text, tokens, of, 0

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def rest(self) -> str:
        words = [repr(token.value) for token in self.tokens[self.at : -1]]
        return ", ".join(words)

    def condition(self) -> Condition:
        start = self.at
        if self.now.kind not in ("word", "text"):
            raise invalid(f"Invalid clause(s) in filter string: {self.rest()}")
        space, key = self._identifier(self.now)
        self.at += 1
        sign = self._sign(start)
        if sign in ("IS NULL", "IS NOT NULL"):
            if space not in ("param", "tag"):
                raise invalid(
                    f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{_long(space)}' '{key}'"
                )
            return Condition(space, key, sign)
        condition = Condition(space, key, sign, self._value(space, key, sign))
        self._check(condition)
        return condition

    def _identifier(self, token: Token) -> tuple[str, str]:
        parts = pieces(token.value) if token.kind == "word" else [(True, token.value)]
        whole = "".join(part for _, part in parts)
        quoted, first = parts[0]
        head, dot, tail = first.partition(".")
        space = _SPACES.get(head)
        if quoted or not dot:
            space, key = "attribute", whole
        elif space is None:
            raise invalid(
                f"Invalid entity type '{head}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
            )
        else:
            key = tail + "".join(part for _, part in parts[1:])
        if space == "attribute":
            key = _ALIASES.get(key, key)
            if key not in _ATTRIBUTES[self.of]:
                shown = sorted(_ATTRIBUTES[self.of])
                raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{shown}'")
        if space == "dataset" and key not in _DATASETS:
            raise invalid(f"Invalid dataset key '{key}' specified. Valid keys are '{sorted(_DATASETS)}'")
        return str(space), key

    def _sign(self, start: int) -> str:
        token = self.now
        self.at += 1
        word = token.value.upper()
        if token.kind == "operator":
            return {"==": "=", "<>": "!="}.get(token.value, token.value)
        if token.kind == "keyword" and word in ("LIKE", "ILIKE", "IN"):
            return word
        if token.kind == "keyword" and word in ("NOT", "IS"):
            then = self.now.value.upper()
            self.at += 1
            if word == "NOT" and then in ("IN", "LIKE", "ILIKE"):
                return f"NOT {then}"
            if word == "IS" and then == "NULL":
                return "IS NULL"
            if word == "IS" and then == "NOT" and self.now.value.upper() == "NULL":
                self.at += 1
                return "IS NOT NULL"
        self.at = start
        raise invalid(f"Invalid clause(s) in filter string: {self.rest()}")

    def _value(self, space: str, key: str, sign: str) -> Any:
        token = self.now
        if sign in ("IN", "NOT IN"):
            if not (space == "dataset" or (space == "attribute" and key not in _NUMERIC)):
                raise invalid(
                    "Only ['artifact_uri', 'run_id', 'run_name', 'status', 'user_id'] attributes support comparison "
                    "with a list of quoted string values."
                )
            return self._list()
        self.at += 1
        if space == "metric" or key in _NUMERIC:
            if token.kind != "number":
                kind = "metric" if space == "metric" else f"numeric attribute: {key}"
                raise invalid(f"Expected numeric value type for {kind}. Found {self._shown(token)}")
            return float(token.value)
        if token.kind != "text":
            if space == "attribute":
                raise invalid(f"Expected a quoted string value for attributes. Got value {self._shown(token)}")
            if space == "dataset":
                raise invalid(f"Expected a quoted string value for dataset attributes. Got value {self._shown(token)}")
            kind = "parameter" if space == "param" else space
            raise invalid(
                f"Expected a quoted string value for {kind} (e.g. 'my-value'). Got value {self._shown(token)}"
            )
        return token.value

    def _shown(self, token: Token) -> str:
        return token.value if token.kind != "text" else f"'{token.value}'"

    def _list(self) -> tuple[str, ...]:
        values: list[str] = []
        if self.now.value != "(":
            raise invalid(f"Invalid clause(s) in filter string: {self.rest()}")
        self.at += 1
        while self.now.kind == "text":
            values.append(self.now.value)
            self.at += 1
            if self.now.value == ",":
                self.at += 1
        if self.now.value != ")" or not values:
            raise invalid(
                "While parsing a list in the query, expected string value, punctuation, or whitespace, but got "
                f"different type in list: {self._shown(self.now)}"
            )
        self.at += 1
        return tuple(values)

    def _check(self, condition: Condition) -> None:
        space, sign = condition.space, condition.sign
        if space == "metric" or condition.key in _NUMERIC:
            kind, allowed = ("metric" if space == "metric" else "attribute"), _NUMBER_SIGNS
        elif space in ("param", "tag"):
            kind, allowed = _long(space), _TEXT_SIGNS
        else:
            kind, allowed = space, _TEXT_SIGNS | {"IN", "NOT IN"}
        if sign not in allowed:
            raise invalid(f"Invalid comparator '{sign}' not one of '{sorted(allowed)}' for {kind}")


def _long(space: str) -> str:
    return "parameter" if space == "param" else space


def matches_text(value: Any, condition: Condition) -> bool:
    """Whether a value passes a condition; what is missing passes IS NULL alone."""
    sign, wanted = condition.sign, condition.value
    if sign in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (sign == "IS NULL")
    if value is None:
        return False
    if isinstance(wanted, float):
        return not math.isnan(float(value)) and _COMPARE[sign](float(value), wanted)
    text = str(value)
    if sign in ("IN", "NOT IN"):
        return (text in wanted) == (sign == "IN")
    if sign.endswith("LIKE"):
        pattern: re.Pattern[str] = like(wanted, ignore_case=sign.endswith("ILIKE"))
        return (pattern.fullmatch(text) is not None) != sign.startswith("NOT")
    return _COMPARE[sign](text, wanted)
