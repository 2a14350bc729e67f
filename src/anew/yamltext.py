"""YAML as DVC writes it: read fast where it is plain, rewritten with its comments where it is not.

DVC writes a small part of YAML. A strict reader and writer of just that part answer most commands without loading a
YAML library, which costs as much as the rest of a `status`; whatever they don't know goes to ruamel.yaml, which is what
DVC itself uses.
"""

from __future__ import annotations

import re

from anew.errors import DvcError, MissingExtra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./@-]*$")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_./@-]*):(?: (.+))?$")
# Words of paths, and of commands: what may stand in a plain scalar of a block and is nothing of YAML's there.
_PLAIN = re.compile(r"[A-Za-z_/$][A-Za-z0-9_./+=@${}<>|&;,()*%-]*(?: [A-Za-z0-9_./+=@${}<>|&;,()*%-]+)*$")
_HEX = re.compile(r"[0-9][0-9a-f]{31}(?:\.dir)?$")
_NUMBER_LIKE = re.compile(r"[0-9]+(?:e[0-9]+)?$")
_WHOLE = re.compile(r"(?:0|[1-9][0-9]{0,17})$")
_FRACTION = re.compile(r"(?:0|[1-9][0-9]{0,9})\.[0-9]{1,9}$")
_QUOTED = re.compile(r"'((?:[^'\n]|'')*)'$")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 60  # well before the 80 columns at which ruamel.yaml folds


class _Unfamiliar(Exception):
    """More YAML than the reader or the writer knows."""


def load(text: str, name: str) -> Any:
    """The document in `text` as plain dicts, lists and scalars; {} for an empty one."""
    try:
        return _Reader(text).document()
    except _Unfamiliar:
        return _ruamel_load(text, name, "safe") or {}


def dump(data: Any) -> str:
    """`data` as DVC would write a new file of it."""
    try:
        return "".join(_lines(data, 0))
    except _Unfamiliar:
        return _ruamel_dump(data)


def rewrite(text: str, data: Any, name: str) -> str:
    """`text` made to say `data`, with its order, comments and style."""
    return edited(text, lambda there: apply(data, there), name)


def edited(text: str, change: Callable[[Any], None], name: str) -> str:
    """`text` after `change` was made to the dict that it says, with its order, comments and style."""
    try:
        there = _Reader(text).document()
        if text == "".join(_lines(there, 0)):  # nothing but data in it: no comment, no style
            change(there)
            return dump(there)
    except _Unfamiliar:
        pass
    there = _ruamel_load(text, name, "rt")
    if not there:
        there = {}
        change(there)
        return dump(there)
    change(there)
    return _ruamel_dump(there)


def apply(new: Any, there: Any) -> None:
    """Change `there` in place into `new`, leaving what is equal as it is: so order and comments stay."""
    if isinstance(new, dict):
        for key, value in new.items():
            if isinstance(value, (dict, list)) and _alike(value, there.get(key)):
                apply(value, there[key])
            elif key not in there or value != there[key]:
                there[key] = value
        for key in [key for key in there if key not in new]:
            del there[key]
    elif len(new) != len(there):
        there[:] = new
    else:
        for position, value in enumerate(new):
            if isinstance(value, (dict, list)) and _alike(value, there[position]):
                apply(value, there[position])
            elif value != there[position]:
                there[position] = value


def _alike(a: Any, b: Any) -> bool:
    return any(isinstance(a, kind) and isinstance(b, kind) for kind in (dict, list))


class _Reader:
    """Block mappings and sequences of one-line scalars; anything else is unfamiliar."""

    def __init__(self, text: str) -> None:
        self._rows: list[tuple[int, str]] = []
        for line in text.split("\n"):
            content = line.lstrip(" ")
            if not content:
                continue
            if content[0] in '#%&*!|>{["?@`\t' or content.startswith("---") or not content.isprintable():
                raise _Unfamiliar
            if content[-1] == " ":
                raise _Unfamiliar
            self._rows.append((len(line) - len(content), content))
        self._at = 0

    def document(self) -> Any:
        if not self._rows:
            return {}
        value = self._block(self._rows[0][0])
        if self._at != len(self._rows):
            raise _Unfamiliar
        return value

    def _block(self, indent: int) -> Any:
        content = self._rows[self._at][1]
        return self._sequence(indent) if content.startswith("- ") else self._mapping(indent)

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._at < len(self._rows):
            depth, content = self._rows[self._at]
            if depth < indent:
                break
            match = _KEY.match(content)
            if depth > indent or match is None or match[1] in found or match[1].lower() in _WORDS:
                raise _Unfamiliar
            self._at += 1
            found[match[1]] = self._value(indent) if match[2] is None else _scalar(match[2])
        return found

    def _value(self, indent: int) -> Any:
        """What stands below `key:`."""
        if self._at == len(self._rows):
            raise _Unfamiliar
        depth, content = self._rows[self._at]
        if depth > indent or (depth == indent and content.startswith("- ")):
            return self._block(depth)
        raise _Unfamiliar

    def _sequence(self, indent: int) -> list[Any]:
        found: list[Any] = []
        while self._at < len(self._rows):
            depth, content = self._rows[self._at]
            if depth != indent or not content.startswith("- "):
                if depth > indent:
                    raise _Unfamiliar
                break
            rest = content[2:]
            if _KEY.match(rest):
                self._rows[self._at] = (indent + 2, rest)
                found.append(self._mapping(indent + 2))
            else:
                self._at += 1
                found.append(_scalar(rest))
        return found


def _scalar(text: str) -> Any:
    if _PLAIN.match(text):
        lower = text.lower()
        if lower in ("true", "false") and text == lower:
            return text == "true"
        if lower in _WORDS:
            raise _Unfamiliar
        return text
    if _WHOLE.match(text):
        return int(text)
    if _HEX.match(text) and not _NUMBER_LIKE.match(text):
        return text
    if _FRACTION.match(text):
        return float(text)
    quoted = _QUOTED.match(text)
    if quoted:
        return quoted[1].replace("''", "'")
    raise _Unfamiliar


def _lines(data: Any, indent: int) -> list[str]:
    """Each line of a block, with its newline."""
    pad = " " * indent
    found: list[str] = []
    if isinstance(data, dict):
        for key, value in data.items():
            if not isinstance(key, str) or not _NAME.match(key) or key.lower() in _WORDS or len(key) + indent > _WIDTH:
                raise _Unfamiliar
            if isinstance(value, dict) and value:
                found += [f"{pad}{key}:\n", *_lines(value, indent + 2)]
            elif isinstance(value, list) and value:
                found += [f"{pad}{key}:\n", *_lines(value, indent)]
            else:
                found.append(f"{pad}{key}: {_plain(value, indent + len(key))}\n")
    else:
        for value in data:
            if isinstance(value, dict) and value:
                first, *more = _lines(value, indent + 2)
                found += [f"{pad}- {first[indent + 2 :]}", *more]
            else:
                found.append(f"{pad}- {_plain(value, indent)}\n")
    return found


def _plain(value: Any, indent: int) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int and value >= 0:
        return str(value)
    if type(value) is float and _FRACTION.match(repr(value)):
        return repr(value)
    if isinstance(value, str):
        if _PLAIN.match(value) and value.lower() not in _WORDS and len(value) + indent < _WIDTH:
            return value
        if _HEX.match(value) and not _NUMBER_LIKE.match(value):
            return value
        if _FRACTION.match(value):  # such as the schema of a lock: text that looks like a number
            return f"'{value}'"
    raise _Unfamiliar


def _ruamel_load(text: str, name: str, kind: str) -> Any:
    yaml, error = _ruamel(kind)
    try:
        return yaml.load(text)
    except error as problem:
        where = str(getattr(problem, "problem_mark", "") or "").replace('in "<unicode string>", ', "").strip()
        raise DvcError(f"{name} is not valid YAML ({where or problem}): mend it, or get it back from Git") from problem


def _ruamel_dump(data: Any) -> str:
    import io

    yaml, _ = _ruamel("rt")
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _ruamel(kind: str) -> tuple[Any, Any]:
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        raise MissingExtra("ruamel.yaml", "dvc") from None
    return YAML(typ=kind), YAMLError
