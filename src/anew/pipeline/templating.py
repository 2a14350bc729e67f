"""`${…}` in a pipeline: the values that it may name, where each came from, and what becomes of it."""

from __future__ import annotations

import re

from anew.errors import PipelineError
from anew.nesting import flatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    Read = Callable[[str], Any]  # the data in a file, or None where there is none

DEFAULT_FILE = "params.yaml"
_TEMPLATE = re.compile(r"(?<!\\)\$\{(.*?)\}")
_EXPRESSION = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[[^.\[\]]+\]\s*)*$")
_STEP = re.compile(r"[^.\[\]]+")
_SCALARS = (str, int, float, bool, bytes)


class Value:
    """A scalar, or a list or dict of Values, with the file it is from and the way to it there (if it is from one)."""

    __slots__ = ("data", "path", "source")

    def __init__(self, data: Any, source: str = "", path: tuple[str, ...] = ()) -> None:
        self.data, self.source, self.path = data, source, path

    @property
    def plain(self) -> Any:
        if isinstance(self.data, dict):
            return {key: value.plain for key, value in self.data.items()}
        if isinstance(self.data, list):
            return [value.plain for value in self.data]
        return self.data


def wrap(data: Any, source: str = "", path: tuple[str, ...] = ()) -> Value:
    """Plain data as Values. Keys that are no strings can't be named in a template, and are left out."""
    if isinstance(data, Value):
        return data
    if isinstance(data, dict):
        inner = {key: wrap(one, source, (*path, key)) for key, one in data.items() if isinstance(key, str)}
        return Value(inner, source, path)
    if isinstance(data, (list, tuple)):
        return Value([wrap(one, source, (*path, str(at))) for at, one in enumerate(data)], source, path)
    return Value(data, source, path)


class Variables:
    """What `${…}` may name."""

    def __init__(self, parsing: Mapping[str, Any] | None = None) -> None:
        self.values: dict[str, Value] = {}
        self.parsing = dict(parsing or {})  # the section of DVC's configuration: how a dict becomes flags
        self.used: dict[str, dict[str, Any]] = {}  # file → what of it was asked for
        self._files: dict[str, list[str] | None] = {}  # file → which of its keys are here, None for all
        self._reserved: frozenset[str] = frozenset()

    def copy(self) -> Variables:
        other = Variables(self.parsing)
        other.values = dict(self.values)
        other._files = {path: keys if keys is None else list(keys) for path, keys in self._files.items()}
        other._reserved = self._reserved
        return other

    def with_items(self, items: dict[str, Any]) -> Variables:
        """A copy that has `items`, too, which nothing may set anew."""
        other = self.copy()
        other.values.update({name: wrap(value) for name, value in items.items()})
        other._reserved |= frozenset(items)
        return other

    def load(self, items: Iterable[Any], read: Read, below: str, stage: str = "") -> None:
        """Take in a `vars` list: files (`file`, `file:key,key`) seen from `below`, and dicts."""
        for position, item in enumerate(items):
            if isinstance(item, str):
                self.load_file(item, read, below)
            elif isinstance(item, dict):
                name = f"{stage}.vars[{position}]" if stage else f"vars[{position}]"
                self._merge(wrap(item).data, name, "")
            else:
                raise PipelineError(f"each of vars is a file's name or a dictionary, not {item!r}")

    def load_file(self, item: str, read: Read, below: str) -> None:
        import os

        name, _, listed = item.partition(":")
        path = os.path.normpath(os.path.join(below, name))
        keys = [key for key in listed.split(",") if key] or None
        if path in self._files and not self._is_new(path, item, keys):
            return
        data = read(path)
        if data is None:
            raise PipelineError(f"'{path}' does not exist")
        if not isinstance(data, dict):
            raise PipelineError(f"expected a dictionary, got '{type(data).__name__}' in file '{path}'")
        for key in keys or ():
            if key not in data:
                raise PipelineError(f"could not find '{key}' in '{path}'")
        found = {key: data[key] for key in keys} if keys else data
        self._merge(wrap(found, path).data, path, item)
        known = self._files.get(path)
        self._files[path] = [*known, *(keys or ())] if known else keys

    def _is_new(self, path: str, item: str, keys: list[str] | None) -> bool:
        known = self._files[path]
        if keys is None and known is None:
            return False  # all of it is here
        if keys and known is None:
            raise PipelineError(f"cannot partially load '{item}' as it's already loaded.")
        if keys is None or set(keys) & set(known or ()):
            raise PipelineError(f"cannot load '{item}' as it's partially loaded already")
        return True

    def _merge(self, new: dict[str, Value], source: str, item: str) -> None:
        taken = [key for key in new if key in self._reserved]
        if taken:
            keys = " and ".join(taken)
            where = f" in '{item}'" if item else ""
            raise PipelineError(f"attempted to modify reserved key{'s' * (len(taken) > 1)} {keys}{where}")
        self.values = _merged(self.values, new, source, ())

    def select(self, expression: str) -> Value:
        """What `a.b[0]` names."""
        at = Value(self.values)
        for step in _STEP.findall(expression):
            name = step.strip()
            try:
                if isinstance(at.data, list):
                    at = at.data[int(name)]
                elif isinstance(at.data, dict):
                    at = at.data[name]
                elif name:
                    raise KeyError(name)
            except (LookupError, ValueError):
                raise PipelineError(f"Could not find '{expression}'") from None
        if at.source and not isinstance(at.data, dict):
            self.used.setdefault(at.source, {})[".".join(at.path)] = at.plain
        return at

    def resolve(self, data: Any, key: str = "") -> Any:
        """`data` with its templates filled in. `key`: what it stands under, for a command may have dicts in it."""
        return _unwrapped(self.resolve_values(data, key))

    def resolve_values(self, data: Any, key: str = "") -> Any:
        """The same, where a string that is one template, no more, gives the Value that it names."""
        if isinstance(data, dict):
            return {self.resolve(one, key): self.resolve_values(value, key) for one, value in data.items()}
        if isinstance(data, list):
            return [self.resolve_values(one, key) for one in data]
        return self._string(data, key) if isinstance(data, str) else data

    def _string(self, text: str, key: str) -> Any:
        if "${" not in text:
            return text
        matches = list(_TEMPLATE.finditer(text))
        if len(matches) == 1 and matches[0].group(0) == text:
            value = self.select(checked(matches[0][1]))
            if key and not (key == "cmd" and isinstance(value.data, dict)):
                _refuse_container(value)
            return flags(value.plain, self.parsing) if key == "cmd" and isinstance(value.data, dict) else value
        parts, at = [], 0
        for match in matches:
            value = self.select(checked(match[1]))
            parts += [text[at : match.start()], self._inserted(value, key)]
            at = match.end()
        return ("".join(parts) + text[at:]).replace("\\${", "${")

    def _inserted(self, value: Value, key: str) -> str:
        if isinstance(value.data, dict) and key == "cmd":
            return flags(value.plain, self.parsing)
        _refuse_container(value)
        return shown(value.data)


def _merged(into: dict[str, Value], new: dict[str, Value], source: str, path: tuple[str, ...]) -> dict[str, Value]:
    """Both together; neither may say what the other says. `into` stays as it is: copies share it."""
    found = dict(into)
    for key, value in new.items():
        there = found.get(key)
        if there is None:
            found[key] = value
        elif isinstance(there.data, dict) and isinstance(value.data, dict):
            found[key] = Value(_merged(there.data, value.data, source, (*path, key)), there.source, there.path)
        else:
            name = ".".join((*path, key))
            raise PipelineError(
                f"cannot redefine '{name}' from '{source}' as it already exists in '{there.source or 'vars'}'"
            )
    return found


def _unwrapped(data: Any) -> Any:
    if isinstance(data, Value):
        return data.plain
    if isinstance(data, dict):
        return {key: _unwrapped(value) for key, value in data.items()}
    return [_unwrapped(value) for value in data] if isinstance(data, list) else data


def _refuse_container(value: Value) -> None:
    if value.data is not None and not isinstance(value.data, _SCALARS):
        raise PipelineError(f"Cannot interpolate data of type '{type(value.data).__name__}'")


def templates(data: Any) -> Iterator[str]:
    """What stands inside each `${…}` of `data`."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from templates(key)
            yield from templates(value)
    elif isinstance(data, list):
        for one in data:
            yield from templates(one)
    elif isinstance(data, str) and "${" in data:
        yield from _TEMPLATE.findall(data)


def checked(expression: str) -> str:
    """`expression`, if it is one: names and numbers with dots and brackets between."""
    if not _EXPRESSION.match(expression):
        raise PipelineError(f"${{{expression}}} names nothing: write ${{name}}, ${{name.inner}} or ${{name[0]}}")
    return expression


def shown(value: Any) -> str:
    """A scalar as it stands in a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def flags(values: dict[str, Any], parsing: Mapping[str, Any]) -> str:
    """A dict as the options of a command: `--name value`, `--outer.inner value`, `--list 1 2`, `--switch`."""
    from shlex import quote

    words: list[str] = []
    for name, value in flatten(values, ".").items():
        if value == {}:
            continue
        if isinstance(value, bool):
            if value:
                words.append(f"--{name}")
            elif parsing.get("bool", "store_true") == "boolean_optional":
                words.append(f"--no-{name}")
        elif isinstance(value, list):
            if any(isinstance(one, (list, dict)) for one in value):
                raise PipelineError(f"Cannot interpolate nested iterable in '{name}'")
            items = [quote(one) if isinstance(one, str) else str(one) for one in value]
            append = parsing.get("list", "nargs") == "append"
            words += [f"--{name} {one}" if append or not at else one for at, one in enumerate(items)]
        else:
            words.append(f"--{name} {quote(value) if isinstance(value, str) else value}")
    return " ".join(words)
