"""The YAML that MLflow's file store writes: flat mappings of scalars, lists and mappings of scalars. No more of it."""

from __future__ import annotations

import json
import re
from typing import Any

from anew.errors import CorruptData

_KEY = re.compile(
    r"(?P<key>'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[^ \t'\"#\-{\[][^#]*?|-[^ \t#][^#]*?):(?:[ \t]+(?P<value>.*))?"
)
_WHOLE = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
            " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"
}  # fmt: skip
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.S)


def read(text: str) -> dict[str, Any]:
    """A mapping. Raises CorruptData for what is none, or is YAML beyond what MLflow writes."""
    if text.strip() == "{}":
        return {}
    if any(mark in text for mark in "\x85\u2028\u2029"):
        raise CorruptData("YAML with line breaks that are none of MLflow's")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    lines = [line for line in lines if not line.lstrip(" \t").startswith("#") or line.startswith(" ")]
    return _mapping([line for line in lines if line not in ("---", "...")], 0)


def _mapping(lines: list[str], indent: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip(" \t"):
            continue
        match = _KEY.fullmatch(line[indent:])
        if match is None or line[:indent].strip(" \t"):
            raise CorruptData(f"not a line of YAML that MLflow writes: {line[:100]!r}")
        rest = []
        while at < len(lines) and _belongs(lines[at], indent, match["value"] or ""):
            rest.append(lines[at])
            at += 1
        while rest and not rest[-1].strip(" \t"):
            rest.pop()
        found[str(_scalar(match["key"], as_key=True))] = _value(match["value"] or "", rest)
    return found


def _belongs(line: str, indent: int, value: str) -> bool:
    """Whether a line goes on with the value above: it is further in, empty, or an item of a list."""
    inner = len(line) - len(line.lstrip(" "))
    return not line.strip(" \t") or inner > indent or (inner == indent and not value and line[indent:].startswith("- "))


def _value(first: str, rest: list[str]) -> Any:
    first = first.strip(" \t")
    if first[:1] in ("|", ">"):
        return _block(first, rest)
    if not rest:
        return _scalar(first)
    if first:
        return _scalar("\n".join([first, *rest]))
    inner = min(len(line) - len(line.lstrip(" ")) for line in rest if line.strip(" \t"))
    if all(line[inner:].startswith(("- ", " ")) or line[inner:] == "-" for line in rest if line.strip(" \t")):
        return _items([line[inner:] for line in rest])
    if _KEY.fullmatch(next(line for line in rest if line.strip(" \t"))[inner:]):
        return _mapping(rest, inner)
    return _scalar("\n".join(rest).strip(" \t"))


def _items(lines: list[str]) -> list[Any]:
    groups: list[list[str]] = []
    for line in lines:
        if line.startswith("-"):
            groups.append([" " + line[1:]])
        elif groups:
            groups[-1].append(line)
    found: list[Any] = []
    for group in groups:
        body = [line[2:] for line in group]
        found.append(_mapping(body, 0) if _KEY.fullmatch(body[0]) else _scalar("\n".join(body).strip(" \t")))
    return found


def _block(head: str, rest: list[str]) -> str:
    indent = min((len(line) - len(line.lstrip(" ")) for line in rest if line.strip(" \t")), default=0)
    lines = [line[indent:] for line in rest]
    text = "\n".join(lines) if head[0] == "|" else _folded(lines)
    return text if "-" in head else text + "\n"


def _folded(lines: list[str]) -> str:
    """Lines of one value: a break is a space, and an empty line is a break."""
    text = lines[0]
    empty = 0
    for at, line in enumerate(lines[1:], 2):
        if not line.strip(" \t") and at < len(lines):
            empty += 1
            continue
        text += "\n" * empty if empty else " "
        text, empty = text + line, 0
    return text + "\n" * empty


def _scalar(text: str, *, as_key: bool = False) -> Any:
    if text[:1] == "'":
        return _folded(_trimmed(_inside(text, "'"))).replace("''", "'")
    if text[:1] == '"':
        # A backslash at the end of a line takes the break away, and what comes before it on the next.
        joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\n[ \t]*", r"\1", _inside(text, '"'))
        return _ESCAPE.sub(_unescape, _folded(_trimmed(joined)))
    text = _folded(_trimmed(text))
    if as_key:
        return text
    if text in ("[]", "{}"):
        return json.loads(text)
    if text[:1] in ("[", "{", "&", "*", "!", "%", "@", "`"):
        raise CorruptData(f"YAML beyond what MLflow writes: {text[:100]!r}")
    text = re.sub(r"[ \t]+#.*", "", text)
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _inside(text: str, quote: str) -> str:
    if len(text) < 2 or not text.endswith(quote):
        raise CorruptData(f"a quote that is never closed: {text[:100]!r}")
    return text[1:-1]


def _trimmed(text: str) -> list[str]:
    lines = text.split("\n")
    if len(lines) == 1:
        return lines
    return [lines[0].rstrip(" \t"), *(line.strip(" \t") for line in lines[1:-1]), lines[-1].lstrip(" \t")]


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF:
            raise CorruptData(f"no character has the number {number:#x}")
        return chr(number)
    if code not in _ESCAPES:
        raise CorruptData(f"an escape that YAML has not: \\{code}")
    return _ESCAPES[code]
