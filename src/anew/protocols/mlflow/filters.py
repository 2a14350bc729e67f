"""MLflow's filter strings: comparisons joined by AND, and its order_by clauses; read into conditions.

What is refused is refused in MLflow's words, which differ between runs and experiments: a grammar holds them.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from anew.index.evaluate import like
from anew.protocols.mlflow.errors import invalid

_NUMBER_SIGNS = ("!=", "<", "<=", "=", ">", ">=")
_TEXT_SIGNS = ("!=", "=", "ILIKE", "LIKE")
_LISTED_SIGNS = (*_TEXT_SIGNS, "IN", "NOT IN")
_WORD_SIGNS = ("LIKE", "ILIKE", "RLIKE", "IN")
NULL_SIGNS = ("IS NOT NULL", "IS NULL")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_QUOTES = ("'", '"')
_KEYWORDS = {"NULL", "TRUE", "FALSE", "NAN", "AND", "OR", "NOT", "IN", "IS", "LIKE", "ILIKE", "RLIKE", "BETWEEN"}
_PART = r"[^\W\d]\w*|`[^`]*`"
_NAME = rf"(?:{_PART})(?:\.(?:\w+|`[^`]*`|\"[^\"]*\")?)*"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<text>'(?:[^']|'')*+'|"(?:[^"]|"")*+")
  | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<comment>--.*)
  | (?P<operation>{_NAME}(?:[-+*/%][\w`]+)+)
  | (?P<name>{_NAME})
  | (?P<operator><=|>=|!=|==|<>|=|<|>)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Condition:
    """`space` is metric, param, tag, attribute or dataset; `sign` = != < <= > >= LIKE ILIKE IN NOT IN, IS NULL or
    IS NOT NULL; `value` a number, a text, or a tuple of texts.
    """

    space: str
    key: str
    sign: str
    value: Any = None


@dataclass(frozen=True)
class Sorting:
    """One part of an order."""

    space: str
    key: str
    down: bool


@dataclass(frozen=True)
class Grammar:
    """What can be asked of one kind of thing. `spaces`: how a kind of field may be called, and which it is."""

    spaces: Mapping[str, str]
    unknown_space: str
    attributes: frozenset[str]
    ordered: frozenset[str]
    numeric: frozenset[str]
    listed: frozenset[str]
    nullable: frozenset[str] = frozenset()
    no_null: str = ""
    tag_signs: str = ""  # what is said of a sign ($) that tags don't take
    quote: str = "'"  # around each clause that is refused
    aliases: Mapping[str, str] = field(default_factory=dict)


def shown_set(names: Collection[str]) -> str:
    """MLflow prints Python's sets."""
    return "{" + ", ".join(map(repr, sorted(names))) + "}"


_RUN_KEYS = {"run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time", "created", "Created"}
_RUN_NAMES = {"run name", "Run name", "Run Name"}
_EXPERIMENT_KEYS = frozenset({"name", "creation_time", "last_update_time", "experiment_id"})

RUNS = Grammar(
    spaces={
        "metric": "metric", "metrics": "metric", "param": "parameter", "params": "parameter",
        "parameter": "parameter", "parameters": "parameter", "tag": "tag", "tags": "tag", "attribute": "attribute",
        "attributes": "attribute", "attr": "attribute", "run": "attribute", "dataset": "dataset",
        "datasets": "dataset",
    },
    unknown_space="Invalid entity type '{}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    attributes=frozenset(_RUN_KEYS | _RUN_NAMES),
    ordered=frozenset(_RUN_KEYS),
    numeric=frozenset({"start_time", "end_time", "created", "Created"}),
    listed=frozenset({"run_id"}),
    nullable=frozenset({"tag", "parameter"}),
    no_null="IS NULL / IS NOT NULL is only supported for tags and params, not for '{space}' '{key}'",
    tag_signs="Invalid comparator '$' not one of '" + shown_set((*_TEXT_SIGNS, *NULL_SIGNS)),
    aliases={"created": "start_time", "Created": "start_time"} | dict.fromkeys(_RUN_NAMES, "run_name"),
)  # fmt: skip
EXPERIMENTS = Grammar(
    spaces={"attribute": "attribute", "tag": "tag", "tags": "tag"},
    unknown_space="Invalid entity type '{}'. Valid entity types are ('attribute', 'tag', 'tags')",
    attributes=_EXPERIMENT_KEYS,
    ordered=_EXPERIMENT_KEYS,
    numeric=frozenset({"creation_time", "last_update_time"}),
    listed=frozenset({"experiment_id"}),
    nullable=frozenset({"tag"}),
    no_null="IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'",
    tag_signs="Invalid comparator for tag: $",
    quote="",
)
_DATASETS = frozenset({"name", "digest", "context"})


class Token(NamedTuple):
    kind: str  # text, number, name, operation, operator, list, mark, comment, end
    value: str  # as it is written


_END = Token("end", "")


def tokens_of(text: str) -> list[Token]:
    """The tokens of a filter; brackets, with what is in them, are one."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        kind, value = str(match.lastgroup), match[0]
        if depth:
            found[-1] = Token("list", found[-1].value + value)
        elif kind != "space":
            found.append(Token("list" if value == "(" else kind, value))
        if kind == "mark" and value in "()":
            depth = max(0, depth + (1 if value == "(" else -1))
    return found


class Clause(NamedTuple):
    """One comparison, as it is written; `right` is of kind "end" where the sign needs none."""

    left: Token
    sign: str
    right: Token


def parse_filter(text: str, grammar: Grammar = RUNS) -> list[Condition]:
    """The conditions of a filter string. Raises MlflowError."""
    return [_condition(clause, grammar) for clause in clauses(text, grammar.quote)]


def clauses(text: str, quote: str = "'") -> list[Clause]:
    """The comparisons of a filter string, which ANDs join. Raises MlflowError."""
    if not text:
        return []
    tokens = tokens_of(text)
    if not tokens:
        raise invalid(f"Invalid filter '{text}'. Could not be parsed.")
    if any(token == ("mark", ";") for token in tokens[:-1]):
        raise invalid(f"Search filter contained multiple expression {text!r}. Provide AND-ed expression list.")
    reader = _Reader(tokens, quote)
    found = []
    while reader.more():
        found.append(reader.clause())
    return found


def comparison(tokens: list[Token], at: int) -> tuple[str, int]:
    """The comparison sign at a place, in capitals, and where it ends; "" for none."""
    words = [token.value.upper() for token in tokens[at : at + 3]] + ["", "", ""]
    kind = tokens[at].kind if at < len(tokens) else "end"
    if kind == "operator" or (kind == "name" and words[0] in _WORD_SIGNS):
        return words[0], at + 1
    if words[0] == "NOT" and words[1] in _WORD_SIGNS:
        return f"NOT {words[1]}", at + 2
    if words[:2] == ["IS", "NULL"]:
        return "IS NULL", at + 2
    if words[:3] == ["IS", "NOT", "NULL"]:
        return "IS NOT NULL", at + 3
    return "", at


class _Reader:
    def __init__(self, tokens: list[Token], quote: str) -> None:
        self.tokens, self.quote, self.at = tokens, quote, 0

    def more(self) -> bool:
        """Go on to the next clause. There may be more ANDs than one, also before the first and behind the last."""
        start = self.at
        while self.at < len(self.tokens) and self.tokens[self.at].value.upper() == "AND":
            self.at += 1
        if self.at < len(self.tokens) and 0 < start == self.at:
            self._refuse(self.tokens[start : start + 1])
        return self.at < len(self.tokens)

    def clause(self) -> Clause:
        left = self.tokens[self.at]
        sign, after = comparison(self.tokens, self.at + 1)
        if left.value.upper() in _KEYWORDS or left.kind not in ("name", "operation", "text", "number") or not sign:
            self._refuse(self.tokens[self.at : self.at + 1])
        right = self.tokens[after] if after < len(self.tokens) else _END
        if sign in NULL_SIGNS:
            self.at = after
            return Clause(left, sign, _END)
        listed = sign in ("IN", "NOT IN")
        if right.kind not in ("text", "number", "name", "list") or (listed and right.kind != "list"):
            self._refuse(self.tokens[self.at :])
        self.at = after + 1
        return Clause(left, sign, right)

    def _refuse(self, tokens: list[Token]) -> NoReturn:
        shown = ", ".join(f"{self.quote}{token.value}{self.quote}" for token in tokens)
        raise invalid(f"Invalid clause(s) in filter string: {shown}")


def _condition(clause: Clause, grammar: Grammar) -> Condition:
    space, key = left_of(clause, grammar)
    sign = clause.sign
    if sign in NULL_SIGNS:
        if space not in grammar.nullable:
            raise invalid(grammar.no_null.format(space=space, key=key))
        return Condition(space_of(space), key, sign)
    value = _value(space, key, clause.right, grammar)
    key = grammar.aliases.get(key, key) if space == "attribute" else key
    _check_sign(space, key, sign, grammar)
    return Condition(space_of(space), key, sign, value)


def left_of(clause: Clause, grammar: Grammar) -> tuple[str, str]:
    """Space and key of what a clause compares. Raises MlflowError."""
    left = clause.left
    if left.kind in ("operation", "number") or left.value.startswith("'"):
        raise invalid(f"Invalid comparison clause. Expected 'Identifier' found '{left.value}'")
    return identifier(left.value, grammar, grammar.attributes)


def _value(space: str, key: str, token: Token, grammar: Grammar) -> Any:
    if space == "metric" or (space == "attribute" and key in grammar.numeric):
        if token.kind != "number":
            kind = "metric" if space == "metric" else f"numeric attribute: {key}"
            raise invalid(f"Expected numeric value type for {kind}. Found {token.value}")
        return int(token.value) if space != "metric" and token.value.lstrip("-").isdigit() else float(token.value)
    if token.kind == "list" and space in ("attribute", "dataset"):
        if space == "attribute" and key not in grammar.listed:
            raise invalid(
                f"Only {sorted(grammar.listed)} attributes support comparison with a list of quoted string values."
            )
        return texts_of(token.value)
    what = {"attribute": "attributes", "dataset": "dataset attributes"}.get(space, f"{space} (e.g. 'my-value')")
    return text_of(token, f"Expected a quoted string value for {what}.")


def text_of(token: Token, expected: str) -> str:
    """The text that a quoted token holds; `expected` is said of what is none. Raises MlflowError."""
    if token.kind == "text":
        return token.value[1:-1]
    if token.kind == "name" and token.value.upper() not in _KEYWORDS:
        raise invalid(
            "Parameter value is either not quoted or unidentified quote types used for string value "
            f"{token.value}. Use either single or double quotes."
        )
    raise invalid(f"{expected} Got value {token.value}")


def _check_sign(space: str, key: str, sign: str, grammar: Grammar) -> None:
    wrong = f"Invalid comparator '{sign}' not one of '"
    if space == "metric" and sign not in _NUMBER_SIGNS:
        raise invalid(wrong + shown_set(_NUMBER_SIGNS))
    if space == "parameter" and sign not in _TEXT_SIGNS:
        raise invalid(wrong + shown_set((*_TEXT_SIGNS, *NULL_SIGNS)) + "'")
    if space == "tag" and sign not in _TEXT_SIGNS:
        raise invalid(grammar.tag_signs.replace("$", sign))
    if space == "dataset" and sign not in _LISTED_SIGNS:
        raise invalid(wrong + shown_set(_LISTED_SIGNS))
    if space == "attribute":
        is_number = key in grammar.numeric
        if sign not in (_NUMBER_SIGNS if is_number else _LISTED_SIGNS):
            raise invalid(wrong + shown_set(_LISTED_SIGNS) + ("" if is_number else "'"))


def identifier(written: str, grammar: Grammar, keys: frozenset[str]) -> tuple[str, str]:
    """Space (as MLflow calls it) and key of a field as it is written. Raises MlflowError."""
    head, dot, tail = written.partition(".")
    if not dot or written[0] in "`\"'":
        space, key = "attribute", written
    else:
        found = grammar.spaces.get(bare(head))
        if found is None:
            raise invalid(grammar.unknown_space.format(bare(head)))
        space, key = found, tail
    key = bare(key)
    if space == "attribute" and key not in keys:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{shown_set(keys)}'")
    if space == "dataset" and key not in _DATASETS:
        raise invalid(f"Invalid dataset key '{key}' specified. Valid keys are '{shown_set(_DATASETS)}'")
    return space, key


def space_of(space: str) -> str:
    """MLflow says parameter where conditions say param."""
    return "param" if space == "parameter" else space


def bare(written: str) -> str:
    """A name without its quotes."""
    for quote in ("`", *_QUOTES):
        if len(written) > 1 and written[0] == written[-1] == quote:
            return written[1:-1]
    return written


def texts_of(written: str) -> tuple[str, ...]:
    """The texts of a list in brackets. Raises MlflowError."""
    inner = tokens_of(written[1:-1]) if written.endswith(")") else [Token("mark", "(")]
    if not inner:
        raise invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list"
        )
    if any(token.kind != "text" and token.value != "," for token in inner):
        raise invalid(
            "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different "
            f"type in list: {written}"
        )
    return tuple(token.value[1:-1] for token in inner if token.kind == "text")


def parse_order(clause: str, grammar: Grammar = RUNS) -> Sorting:
    """A clause of order_by. Raises MlflowError."""
    tokens = tokens_of(clause)
    known = tokens and tokens[0].kind in ("name", "text") and all(token.kind == "name" for token in tokens[1:])
    if not known or len(tokens) > 2:
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    turned = tokens[1].value.lower() if len(tokens) == 2 else "asc"
    if turned not in ("asc", "desc"):
        raise invalid(f"Invalid ordering key in order_by clause '{clause}'.")
    space, key = identifier(tokens[0].value, grammar, grammar.ordered)
    if space == "dataset":
        raise invalid("Invalid identifier type 'dataset'")
    return Sorting(space_of(space), grammar.aliases.get(key, key) if space == "attribute" else key, turned == "desc")


def parse_orders(clauses: Collection[str], grammar: Grammar = RUNS) -> list[Sorting]:
    """All clauses of order_by. Raises MlflowError, also for a field that is named twice."""
    found = [parse_order(clause, grammar) for clause in clauses]
    if len({(one.space, one.key) for one in found}) < len(found):
        raise invalid(f"`order_by` contains duplicate fields: {list(clauses)}")
    return found


def matches_text(value: Any, condition: Condition) -> bool:
    """Whether a value passes a condition; what is missing passes IS NULL alone."""
    sign, wanted = condition.sign, condition.value
    if sign in NULL_SIGNS:
        return (value is None) == (sign == "IS NULL")
    if value is None:
        return False
    if isinstance(wanted, (int, float)):
        number = float(value) if not isinstance(value, int) else value
        return not math.isnan(number) and _COMPARE[sign](number, wanted)
    text = str(value)
    if sign in ("IN", "NOT IN"):
        return (text in wanted) == (sign == "IN")
    if sign.endswith("LIKE"):
        pattern: re.Pattern[str] = like(wanted, ignore_case=sign.endswith("ILIKE"))
        return (pattern.fullmatch(text) is not None) != sign.startswith("NOT")
    return _COMPARE[sign](text, wanted)
