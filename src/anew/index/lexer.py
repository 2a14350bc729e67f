"""Cuts a query into tokens. The grammar is in docs/query.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anew.errors import QueryError

KEYWORDS = {"and", "or", "not", "in", "like", "ilike", "is", "null", "true", "false"}

# A bare word takes everything but space, brackets, operators, commas and quotes: `metrics.val/acc-1` is one
# word.
_BARE = r"[^\s()=!<>,'\"`]+"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|infinity|nan)", re.I | re.ASCII)
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<word>(?:{_BARE}|`(?:[^`]|``)*`)(?:{_BARE}|`(?:[^`]|``)*`|"(?:[^"]|"")*")*)
  | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | (?P<operator><=|>=|!=|==|<>|=|<|>)
  | (?P<mark>[(),])
    """,
    re.VERBOSE,
)
_PIECE = re.compile(rf"{_BARE}|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is one of word, text, number, operator, mark, keyword, end; `value` is unquoted, but for
    words.
    """

    kind: str
    value: str
    position: int


def tokenize(query: str) -> list[Token]:
    """The tokens of `query`, closed by one of kind "end". Raises QueryError at what can't be one."""
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QueryError("Half a character: a lone surrogate", "", error.start) from None
    tokens: list[Token] = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            quote = query[position]
            if quote in "'\"`":
                raise QueryError(f"The quote {quote} is never closed", query, position)
            raise QueryError(f"Unexpected {quote!r}", query, position)
        kind, value = str(match.lastgroup), match.group()
        if kind == "word" and value.lower() in KEYWORDS:
            kind, value = "keyword", value.lower()
        elif kind == "word" and _NUMBER.fullmatch(value):
            kind = "number"
        elif kind == "text":
            value = unquote(value)
        if kind != "space":
            tokens.append(Token(kind, value, position))
        position = match.end()
    tokens.append(Token("end", "", len(query)))
    return tokens


def pieces(word: str) -> list[tuple[bool, str]]:
    """A word as (was it quoted, its text), so that a dot inside quotes is part of a name."""
    return [(piece[0] in '`"', unquote(piece) if piece[0] in '`"' else piece) for piece in _PIECE.findall(word)]


def unquote(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


def is_number(text: str) -> bool:
    """Whether `text` reads as a number: the rule by which '0.01' equals 0.01."""
    return _NUMBER.fullmatch(text.strip()) is not None
