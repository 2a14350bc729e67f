"""Text as tokens, each with the kind of accident it could be: a date, a duration, a path, a number …"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from anew.reproduction.compare.moments import DATE
from anew.reproduction.compare.result import Side

LABEL_WORDS_MOST = 5
_PATH_CHARACTER = r"[^\s'\"<>|;,()\[\]{}:*?`]"
# Possessive throughout: a long row of digits must not be tried at every length.
NUMBER = r"(?:\d{1,3}(?:,\d{3})++(?![\d,])(?:\.\d++)?+|(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+)"
_SIGN = r"(?:(?<![\w.)\]])[-+](?=\.?\d))?"
_SECONDS = r"(?:ns|us|µs|μs|ms|msecs?|nanoseconds?|microseconds?|milliseconds?|s|secs?|seconds?)"
_MINUTES = r"(?:mins?|minutes?|hrs?|hours?)"
_THINGS = (
    r"(?:its?|iter(?:ation)?s?|samples?|toks?|tokens?|steps?|imgs?|images?|examples?|batch(?:es)?|epochs?|rows?|reqs?|"
    r"requests?|frames?|files?|records?|items?|[KMGTkmgt]i?(?:B|b|bit)|B|bytes?|[KMGT]?FLOPS?|trials?|episodes?|words?|"
    r"seqs?|sequences?|sentences?|obs|ops?|rounds?|trees?|folds?|fits?|calls?|runs?|docs?|lines?|points?|queries|it)"
)
_RATE = (
    rf"(?:{NUMBER}|\?)\s?[kKM]?\s?{_THINGS}/(?:s|secs?|seconds?|min|minute)(?!\w)|{NUMBER}\s?{_SECONDS}/{_THINGS}(?!\w)"
)
_BETWEEN = r"(?:, ?| and | )?"
_SPAN = (
    rf"(?:{NUMBER} ?(?:d|days?|h|hrs?|hours?|m|mins?|minutes?){_BETWEEN}){{1,4}}"
    rf"{NUMBER} ?(?:{_SECONDS}|mins?|minutes?)(?![\w/])"
    rf"|{NUMBER} ?h(?:ours?|rs?)?{_BETWEEN}{NUMBER} ?m(?![\w/])"
    rf"|{NUMBER}\s?{_SECONDS}(?![\w/])"
    rf"|{NUMBER} ?(?:{_MINUTES}|h)(?![\w/])(?!\s*[:=]?\s*[-+]?\.?\d)"
    rf"|{NUMBER}m(?![\w/])"
)
_KINDS = (
    (
        "uuid",
        r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![0-9a-fA-F])",
    ),
    ("date", rf"(?<![\d.])(?:{DATE})"),
    ("path", rf"(?<![\w./-])(?:file:/|~)?/(?!/){_PATH_CHARACTER}+"),
    ("address", r"(?<!\w)0[xX][0-9a-fA-F]{6,16}(?!\w)"),
    ("clock", r"(?<![\d:.])(?:\d++ days?,? )?\d++:\d\d:\d\d(?:[.,]\d+)?(?![\d:])"),
    ("minutes", r"(?<![\d:.])\d{1,3}:\d\d(?:\.\d+)?(?![\d:])"),
    ("rate", rf"(?<![\w.])(?:{_RATE})"),
    ("span", rf"(?<![\w.])(?:{_SPAN})"),
    ("size", rf"(?<![\w.]){NUMBER}\s?(?:[kKMGTP]i?B|bytes|B|[KMG])(?!\w)"),
    ("hex", r"(?<!\w)(?!\d+e\d+(?!\w))(?=[0-9]{0,64}[a-f])(?=[a-f]{0,64}\d)[0-9a-f]{8,64}(?!\w)"),
    ("number", rf"{_SIGN}{NUMBER}"),
    ("word", r"[^\W\d](?:(?!(?<=_)(?:20\d{6}[_T-]\d{6}(?!\d)|1\d{9}(?:\d{3})?(?!\w)))\w)*"),
    ("space", r"\s+"),
    ("other", r"(?s:.)"),
)
_PLAIN = re.compile(rf"(?:{NUMBER})(?=$|[])}},;|%'\"]|\s+[-+.\d(\[{{|,]|\s*$)")
_SPACE = re.compile(r"\s+")
_LETTER_KINDS = frozenset(["uuid", "date", "path", "hex", "word"])
_DIGIT_KINDS = frozenset(["uuid", "date", "address", "clock", "minutes", "rate", "span", "size", "hex", "number"])


class Token(NamedTuple):
    """A piece of text, the kind of thing it looks like, and where it stands."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True)
class _Scanner:
    """One pattern for each kind of first character, since most kinds cannot begin with most characters."""

    letters: re.Pattern[str]
    digits: re.Pattern[str]
    others: re.Pattern[str]
    own_digit: bool  # a name of the side's begins with a digit


@lru_cache(maxsize=16)
def _scanner(side: Side, places: bool) -> _Scanner:
    """The patterns of all kinds, with the names and places of `side` known to them."""
    own = []
    bases = {getattr(side, key).rstrip("/") for key in ("root", "cwd", "home", "tmp")} - {""}
    if bases and places:
        joined = "|".join(re.escape(base) for base in sorted(bases, key=len, reverse=True))
        after = rf"(?:/{_PATH_CHARACTER}*|(?![\w/.-]))"
        own.append(("path", rf"(?<![\w./-])(?:file://)?(?:{joined}){after}"))
    names = [(key, getattr(side, key)) for key in ("run_id", "host", "user")]
    own += [(key, rf"(?<![\w-]){re.escape(name)}(?![\w-])") for key, name in names if len(name) > 1]
    kinds = [pair for pair in _KINDS if places or pair[0] != "path"]
    return _Scanner(
        _joined(own + [pair for pair in kinds if pair[0] in _LETTER_KINDS] + [_KINDS[-1]]),
        _joined(own + [pair for pair in kinds if pair[0] in _DIGIT_KINDS] + [_KINDS[-1]]),
        _joined(own + kinds),
        any(name[:1].isdigit() for _, name in names) or any(base[:1].isdigit() for base in bases),
    )


def _joined(kinds: list[tuple[str, str]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{kind}{number}>{pattern})" for number, (kind, pattern) in enumerate(kinds)))


def tokens(text: str, side: Side, places: bool = True) -> list[Token]:
    """`text` cut into tokens, none left out. Without `places`, paths are cut up too."""
    scanner = _scanner(side, places)
    found: list[Token] = []
    at = 0
    while at < len(text):
        token = _next(text, at, scanner)
        found.append(token)
        at += len(token.text)
    return found


def _next(text: str, at: int, scanner: _Scanner) -> Token:
    first = text[at]
    if first.isspace():
        match = _SPACE.match(text, at)
        assert match is not None
        return Token("space", match[0], at)
    if first.isalpha():
        pattern = scanner.letters
    elif "0" <= first <= "9":
        plain = None if scanner.own_digit or (at and text[at - 1] in "-/:_.") else _PLAIN.match(text, at)
        if plain is not None:
            return Token("number", plain[0], at)
        pattern = scanner.digits
    else:
        pattern = scanner.others
    match = pattern.match(text, at)
    assert match is not None and match[0], "every character is a token"
    return Token((match.lastgroup or "").rstrip("0123456789"), match[0], at)


_BEFORE_VALUE = frozenset(" \t:=|([{)]\"'`~≈-+<$")
_IN_LABEL = {
    "_": "_",
    "-": " ",
    "(": " ",
    ")": " ",
    "[": " ",
    "]": " ",
    "/": " per ",
    "'": "",
    '"': "",
    "`": "",
}


def label_of(line: Sequence[Token], index: int) -> str:
    """The words right before token `index`, up to the value or the comma before them: what it is called."""
    at = index - 1
    while at >= 0 and line[at].kind in ("space", "other") and set(line[at].text) <= _BEFORE_VALUE:
        at -= 1
    parts: list[str] = []
    count = 0
    while at >= 0 and count < LABEL_WORDS_MOST:
        token = line[at]
        if token.kind in ("word", "user", "host"):
            parts.append(token.text)
            count += 1
        elif token.kind == "space" and len(token.text) < 3:
            parts.append(" ")
        elif token.kind == "other" and token.text in _IN_LABEL:
            parts.append(_IN_LABEL[token.text])
        else:
            break
        at -= 1
    return "".join(reversed(parts)).strip()


def plain_number(line: Sequence[Token], index: int) -> float | int | None:
    """The number token `index` stands for; None when it is a part of something else, such as a version."""
    token = line[index]
    before = line[index - 1].text[-1:] if index else ""
    after = line[index + 1].text if index + 1 < len(line) else ""
    nxt = line[index + 2].text[:1] if index + 2 < len(line) else ""
    if token.kind != "number" or before == "." or before.isalnum() or before == "_":
        return None
    if after[:1] == "." and nxt.isalnum():
        return None
    return parsed_number(token.text)


def parsed_number(text: str) -> float | int | None:
    """The number that `text` writes, thousands separated or not; None when it is none."""
    text = text.replace(",", "")
    try:
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 400 else float(text)
    except ValueError:
        return None
