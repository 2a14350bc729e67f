"""The query language: text to tree and back. What the words mean is in docs/query.md."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from anew.errors import QueryError
from anew.index.lexer import KEYWORDS, Token, is_number, pieces, tokenize

SPACES = {
    "metrics": "metrics",
    "metric": "metrics",
    "params": "config",
    "param": "config",
    "parameters": "config",
    "parameter": "config",
    "config": "config",
    "tags": "tags",
    "tag": "tags",
    "summary": "summary",
    "system": "system",
    "data": "data",
    "code": "code",
    "datasets": "datasets",
}
ATTRIBUTES = {"attributes", "attribute", "attr", "run"}
STATISTICS = ("last", "min", "max", "mean", "first", "count")
MOST_DEPTH = 100

Literal: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """`space` is "" for a top-level field.

    `statistic` is set where the text says so beyond doubt (after quotes).
    """

    space: str
    name: str
    statistic: str = ""
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of = != < <= > >= like ilike."""

    field: Field
    operator: str
    value: Literal
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class In:
    field: Field
    values: tuple[Literal, ...]
    positions: tuple[int, ...] = dataclasses.field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class IsNull:
    field: Field


@dataclass(frozen=True, slots=True)
class Words:
    """Full text: every one of `phrases` stands in the run's name, notes, tags, command or config."""

    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    of: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """The field has a value: what `not in`, `not like` and `is not null` ask for besides."""

    field: Field


Node: TypeAlias = Compare | In | IsNull | Present | Words | Not | And | Or


def parse(query: str) -> Node | None:
    """The tree of `query`, None when it is empty.

    Raises QueryError, its position under the first wrong token.
    """
    tokens = tokenize(query)
    if len(tokens) == 1:
        return None
    return _Parser(query, tokens).whole()


def mentions(node: Node | None, name: str) -> bool:
    """Whether the top-level field `name` occurs in the tree."""
    match node:
        case And(parts) | Or(parts):
            return any(mentions(part, name) for part in parts)
        case Not(of):
            return mentions(of, name)
        case Compare() | In() | IsNull() | Present():
            return node.field.name == name and not node.field.space
        case _:
            return False


def parse_field(text: str) -> Field:
    """A field as `sort`, `group` and `columns` take it."""
    token = tokenize(text)
    if len(token) != 2 or token[0].kind != "word":
        raise QueryError(f"{text!r} is not the name of a column; quote odd names: metrics.`val acc`", text, 0)
    return _field(token[0], text)


class _Parser:
    def __init__(self, query: str, tokens: list[Token]) -> None:
        self.query, self.tokens, self.at, self.depth = query, tokens, 0, 0

    def whole(self) -> Node:
        node = self.either()
        if self.token.kind != "end":
            raise self.error(f"Expected 'and' or 'or' before {self.token.value!r}")
        return node

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def error(self, message: str) -> QueryError:
        return QueryError(message, self.query, self.token.position)

    def take(self, kind: str, value: str | None = None) -> bool:
        if self.token.kind == kind and (value is None or self.token.value == value):
            self.at += 1
            return True
        return False

    def either(self) -> Node:
        parts = [self.both()]
        while self.take("keyword", "or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(_flat(Or, parts))

    def both(self) -> Node:
        parts = [self.negation()]
        while self.take("keyword", "and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else And(_flat(And, parts))

    def negation(self) -> Node:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.error(f"More than {MOST_DEPTH} levels of brackets and 'not'")
        node = Not(self.negation()) if self.take("keyword", "not") else self.primary()
        self.depth -= 1
        return node

    def primary(self) -> Node:
        if self.take("mark", "("):
            node = self.either()
            if not self.take("mark", ")"):
                raise self.error("Expected ')'")
            return node
        token, following = self.token, self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.kind == "end":
            raise self.error("The query stops where a condition should stand")
        if token.kind not in ("word", "text", "number"):
            raise self.error(f"Expected a column or a word, not {token.value!r}")
        asks = following.kind == "operator" or (
            following.kind == "keyword" and following.value in ("in", "like", "ilike", "is", "not")
        )
        if asks and (following.value != "not" or self._negated(self.at + 2)):
            if token.kind != "word":
                raise self.error("A column stands on the left, as in metrics.val_acc > 0.9")
            self.at += 1
            return self.condition(_field(token, self.query))
        return self.words()

    def _negated(self, at: int) -> bool:
        return at < len(self.tokens) and self.tokens[at].value in ("in", "like", "ilike")

    def words(self) -> Node:
        phrases = []
        while self.token.kind in ("word", "text", "number"):
            following = self.tokens[self.at + 1]
            if following.kind == "operator":
                raise self.error(f"Expected 'and' or 'or' before {self.token.value!r}")
            if self.token.kind == "word":
                head, dot, _ = self.token.value.partition(".")
                if dot and (head.lower() in SPACES or head.lower() in ATTRIBUTES):
                    raise self.error(f"{self.token.value} needs a comparison, as in {self.token.value} > 0.9")
                phrases.append("".join(text for _, text in pieces(self.token.value)))
            else:
                phrases.append(self.token.value)
            self.at += 1
        return Words(tuple(phrases))

    def condition(self, left: Field) -> Node:
        if self.take("keyword", "is"):
            negated = self.take("keyword", "not")
            if not self.take("keyword", "null"):
                raise self.error("Expected null: 'is' asks only 'is null' or 'is not null'")
            return Present(left) if negated else IsNull(left)
        if self.take("keyword", "not"):
            node = self.condition(left)
            return And((Present(left), Not(node)))
        if self.take("keyword", "in"):
            return self.members(left)
        operator = {"==": "=", "<>": "!="}.get(self.token.value, self.token.value)
        self.at += 1
        position = self.token.position
        value = self.literal()
        if operator in ("like", "ilike") and not isinstance(value, str):
            raise QueryError(f"{operator} takes a text, as in name {operator} 'resnet%'", self.query, position)
        return Compare(left, operator, value, position)

    def members(self, left: Field) -> In:
        if not self.take("mark", "("):
            raise self.error("Expected '(' after in, as in status in ('finished', 'failed')")
        values, positions = [], []
        while True:
            positions.append(self.token.position)
            values.append(self.literal())
            if self.take("mark", ")"):
                return In(left, tuple(values), tuple(positions))
            if not self.take("mark", ","):
                raise self.error("Expected ',' or ')'")

    def literal(self) -> Literal:
        token = self.token
        self.at += 1
        if token.kind == "text":
            return token.value
        if token.kind == "number":
            return number(token.value)
        if token.kind == "keyword" and token.value in ("true", "false"):
            return token.value == "true"
        self.at -= 1
        if token.kind == "keyword" and token.value == "null":
            raise self.error("Nothing compares with null; write 'is null' or 'is not null'")
        if token.kind == "word":
            if token.value.partition(".")[0].lower() in SPACES and "." in token.value:
                raise self.error("A column compares with a value, not with another column")
            self.at += 1  # today, 2026-05-01, finished: a bare word on the right is a text
            return "".join(text for _, text in pieces(token.value))
        raise self.error("Expected a value" + (f", not {token.value!r}" if token.value else ""))


def _field(token: Token, query: str) -> Field:
    parts = pieces(token.value)
    quoted, head = parts[0]
    space, dot, rest = ("", "", head) if quoted else head.partition(".")
    space = space.lower()
    if dot and space in SPACES:
        return _spaced(SPACES[space], [(False, rest), *parts[1:]], token, query)
    if dot and space in ATTRIBUTES:
        parts = [(False, rest), *parts[1:]]
    name = "".join(text for _, text in parts)
    if not name:
        raise QueryError(f"{token.value} names no column", query, token.position)
    return Field("", name, position=token.position)


def _spaced(space: str, parts: list[tuple[bool, str]], token: Token, query: str) -> Field:
    statistic = ""
    if len(parts) > 1 and not parts[-1][0] and parts[-2][0]:
        suffix = parts[-1][1]
        if suffix[:1] == "." and suffix[1:] in (*STATISTICS, "digest"):
            statistic, parts = suffix[1:], parts[:-1]
    name = "".join(text for _, text in parts)
    if not name:
        raise QueryError(f"{token.value} names no column", query, token.position)
    return Field(space, name, statistic, token.position)


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    """`a and (b and c)` is `a and b and c`: one tree for one meaning."""
    flat: list[Node] = []
    for part in parts:
        if isinstance(part, (And, Or)) and isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return tuple(flat)


def number(text: str) -> int | float:
    """`text`, known to read as a number, exactly: integers of any size stay integers."""
    try:
        return int(text) if len(text) <= 400 else float(text)
    except ValueError:
        return float(text)


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z0-9_]+)*")


def unparse(node: Node | None) -> str:
    """Text that parses to `node` again."""
    match node:
        case None:
            return ""
        case Compare(left, operator, value):
            return f"{show_field(left)} {operator} {show_value(value)}"
        case In(left, values):
            return f"{show_field(left)} in ({', '.join(map(show_value, values))})"
        case IsNull(left):
            return f"{show_field(left)} is null"
        case Present(left):
            return f"{show_field(left)} is not null"
        case Words(phrases):
            return " ".join(show_value(phrase) for phrase in phrases)
        case Not(of):
            return f"not {_wrap(of)}"
        case And((Present(left), Not(In() | Compare(operator="like" | "ilike") as inner))) if left == inner.field:
            return unparse(inner).replace(show_field(left), f"{show_field(left)} not", 1)
        case And(parts):
            return " and ".join(map(_wrap, parts))
        case Or(parts):
            return " or ".join(map(_wrap, parts))


def _wrap(node: Node) -> str:
    return f"({unparse(node)})" if isinstance(node, (And, Or)) else unparse(node)


def show_field(of: Field) -> str:
    """The field as a query would name it."""
    plain = _PLAIN.fullmatch(of.name) and of.name.lower() not in KEYWORDS and not is_number(of.name)
    name = of.name if plain and not of.statistic else "`" + of.name.replace("`", "``") + "`"
    public = {"config": "params"}.get(of.space, of.space)
    return (f"{public}.{name}" if public else name) + (f".{of.statistic}" if of.statistic else "")


def show_value(value: Literal) -> str:
    """A literal that parses to `value` again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if not math.isnan(value) else "nan"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**400 else repr(float("inf") if value > 0 else float("-inf"))
    return "'" + value.replace("'", "''") + "'"
