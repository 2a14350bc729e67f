"""A dvc.yaml: its stages, with what their templates, `foreach` and `matrix` come to."""

from __future__ import annotations

import itertools
import os

from anew.errors import PipelineError
from anew.pipeline import params
from anew.pipeline.templating import Value, Variables, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from anew.pipeline.templating import Read

FILE = "dvc.yaml"
JOIN = "@"
OPTIONS = ("cache", "persist", "remote", "push", "desc", "type", "labels", "meta")
PLOT_OPTIONS = ("template", "x", "y", "x_label", "y_label", "title", "header")
_GROUPS = ("outs", "metrics", "plots")
_TOP = ("stages", "vars", "params", "metrics", "plots", "artifacts", "datasets")
_KINDS: dict[str, tuple[type, ...]] = {
    "cmd": (str, list), "wdir": (str,), "deps": (list,), "params": (list,), "vars": (list,), "frozen": (bool,),
    "meta": (object,), "desc": (str,), "always_changed": (bool,), "outs": (list,), "metrics": (list,),
    "plots": (list,), "matrix": (dict,),
}  # fmt: skip


class Output:
    """A file or folder that a stage writes; `kind` is the list of the stage that it stands in."""

    def __init__(self, path: str, kind: str = "outs", options: dict[str, Any] | None = None) -> None:
        self.path, self.kind = path, kind
        given = options or {}
        self.options = {key: given[key] for key in OPTIONS if key in given}
        self.plot = {key: value for key, value in given.items() if key in PLOT_OPTIONS} if kind == "plots" else {}

    @property
    def cached(self) -> bool:
        return bool(self.options.get("cache", True))

    @property
    def persist(self) -> bool:
        return bool(self.options.get("persist", False))


class Definition:
    """One stage. Paths in it are as they are written: seen from `wdir`, which is seen from the file's folder."""

    def __init__(self, file: str, name: str, data: dict[str, Any]) -> None:
        self.file, self.name, self.data = file, name, data
        self.generated = False  # by foreach or matrix
        self.parametrized = False  # has templates
        self.used: dict[str, dict[str, Any]] = {}  # what its templates took: file → dotted key → value

    @property
    def command(self) -> str | list[str]:
        found = self.data["cmd"]
        return [str(one) for one in found] if isinstance(found, list) else str(found)

    @property
    def wdir(self) -> str:
        return str(self.data.get("wdir") or ".")

    @property
    def deps(self) -> list[str]:
        return list(dict.fromkeys(str(path) for path in self.data.get("deps") or ()))

    @property
    def params(self) -> dict[str, list[str]]:
        """File → the keys of it that the stage depends on; none: on all of it."""
        items = self.data.get("params") or []
        whole = {file for item in items if isinstance(item, dict) for file, keys in item.items() if not keys}
        found: dict[str, list[str]] = {}
        for item in items:
            rows = item if isinstance(item, dict) else {params.DEFAULT_FILE: [item]}
            for file, keys in rows.items():
                if file in whole:
                    found[file] = []
                elif isinstance(keys, list):
                    found.setdefault(file, []).extend(str(key) for key in keys)
                else:
                    raise PipelineError(f"stage '{self.name}' in '{self.file}': params of '{file}' are to be a list")
        return found

    @property
    def outs(self) -> list[Output]:
        """Outputs, then metrics, then plots."""
        found: list[Output] = []
        for kind in _GROUPS:
            rows: dict[str, dict[str, Any]] = {}
            for item in self.data.get(kind) or ():
                for path, options in (item if isinstance(item, dict) else {item: {}}).items():
                    rows.setdefault(str(path), {}).update(options if isinstance(options, dict) else {})
            found += [Output(path, kind, options) for path, options in rows.items()]
        return found

    @property
    def frozen(self) -> bool:
        return bool(self.data.get("frozen"))

    @property
    def always_changed(self) -> bool:
        return bool(self.data.get("always_changed"))


class PipelineFile:
    """The stages of one dvc.yaml. Each is worked out when it is asked for.

    `path` is seen from the working folder, as are the files that `read` is asked for.
    """

    def __init__(self, path: str, data: Any, read: Read = params.read, parsing: Mapping[str, Any] | None = None):
        self.path, self.data = path, data
        self.folder = os.path.dirname(path)
        self._read, self._parsing = read, parsing
        self._variables: Variables | None = None
        self._groups: dict[str, dict[str, dict[str, Any]]] = {}
        check(data, path)
        self._stages: dict[str, dict[str, Any]] = data.get("stages") or {}

    @property
    def variables(self) -> Variables:
        """What templates of every stage may name: params.yaml, then `vars`."""
        if self._variables is None:
            found = Variables(self._parsing)
            listed = self.data.get("vars") or []
            _refuse_templates(listed, "vars", self.path)
            with _Parsing("'vars'", self.path):
                if self._read(os.path.join(self.folder, params.DEFAULT_FILE)) is not None:
                    found.load_file(params.DEFAULT_FILE, self._read, self.folder)
                found.load(listed, self._read, self.folder)
            self._variables = found
        return self._variables

    def names(self) -> list[str]:
        """All stages, those of a `foreach` or `matrix` by `name@key`."""
        found: list[str] = []
        for name in self._stages:
            found += self.members(name) if self.is_group(name) else [name]
        return found

    def is_group(self, name: str) -> bool:
        entry = self._stages.get(name) or {}
        return "foreach" in entry or "matrix" in entry

    def members(self, name: str) -> list[str]:
        return [f"{name}{JOIN}{key}" for key in self._items(name)]

    def has(self, name: str) -> bool:
        group, at, key = name.rpartition(JOIN)
        if at and self.is_group(group):
            return key in self._items(group)
        return name in self._stages and not self.is_group(name)

    def stages(self) -> Iterator[Definition]:
        for name in self.names():
            yield self.stage(name)

    def stage(self, name: str) -> Definition:
        if not self.has(name):
            raise PipelineError(f"Stage '{name}' not found inside '{self.path}' file")
        group, _, key = name.rpartition(JOIN)
        if not self.is_group(group):
            return self._resolved(name, self._stages[name], {})
        entry = self._stages[group]
        body = entry["do"] if "foreach" in entry else {one: value for one, value in entry.items() if one != "matrix"}
        found = self._resolved(name, body, self._items(group)[key])
        found.generated = True
        return found

    def top(self, section: str) -> Any:
        """`params`, `metrics`, `plots`, `artifacts` or `datasets` of the file itself, templates filled in."""
        data = self.data.get(section)
        if not data or not _has_templates(data):
            return data
        variables = self.variables.copy()
        with _Parsing(f"'{section}'", self.path):
            return variables.resolve(data)

    def _resolved(self, name: str, body: dict[str, Any], items: dict[str, Any]) -> Definition:
        if not (_has_templates(body) or body.get("vars") or self.data.get("vars")):
            return Definition(self.path, name, dict(body))
        variables = self.variables.with_items(items)
        local = body.get("vars") or []
        _refuse_templates(local, f"stages.{name}.vars", self.path)
        if local:
            with _Parsing(f"'stages.{name}.wdir'", self.path):
                wdir = shown(variables.resolve(body.get("wdir") or "."))
            with _Parsing(f"'stages.{name}.vars'", self.path):
                variables.load(local, self._read, os.path.join(self.folder, wdir), name)
        data = {}
        for key, value in body.items():
            if key != "vars":
                with _Parsing(f"'stages.{name}.{key}'", self.path):
                    data[key] = variables.resolve(value, key)
        found = Definition(self.path, name, data)
        found.parametrized, found.used = _has_templates(body) or "vars" in body, variables.used
        return found

    def _items(self, name: str) -> dict[str, dict[str, Any]]:
        """Of a `foreach` or `matrix`: key → the variables that only this stage has."""
        if name not in self._groups:
            entry = self._stages[name]
            made = self._foreach if "foreach" in entry else self._matrix
            self._groups[name] = made(name, entry)
        return self._groups[name]

    def _foreach(self, name: str, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
        variables = self.variables.copy()
        with _Parsing(f"'stages.{name}.foreach'", self.path):
            rows = _container(variables.resolve_values(entry["foreach"]))
        if isinstance(rows, dict):
            return {shown(key): {"item": value, "key": shown(key)} for key, value in rows.items()}
        if not isinstance(rows, list):
            raise PipelineError(
                f"failed to resolve 'stages.{name}.foreach' in '{self.path}': expected list/dictionary, "
                f"got {type(rows).__name__}"
            )
        if any(isinstance(_container(row), (dict, list)) for row in rows):
            return {str(at): {"item": row} for at, row in enumerate(rows)}
        return {_key(row): {"item": row} for row in rows}

    def _matrix(self, name: str, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
        variables = self.variables.copy()
        with _Parsing(f"'stages.{name}.matrix'", self.path):
            axes = variables.resolve_values(entry["matrix"])
        columns = []
        for axis, values in axes.items():
            rows = _container(values)
            if not isinstance(rows, (list, dict)):
                raise PipelineError(f"'stages.{name}.matrix.{axis}' in '{self.path}' is no list, and no name of one")
            columns.append([(axis, at, value) for at, value in enumerate(rows)])
        found = {}
        for combination in itertools.product(*columns):
            parts = [
                f"{axis}{at}" if isinstance(_container(value), (dict, list)) else _key(value)
                for axis, at, value in combination
            ]
            key = "-".join(parts)
            found[key] = {"item": {axis: value for axis, _, value in combination}, "key": key}
        return found


def load(text: str, path: str, read: Read = params.read, parsing: Mapping[str, Any] | None = None) -> PipelineFile:
    """The pipeline of a dvc.yaml whose text is at hand."""
    from anew import yamltext

    return PipelineFile(path, yamltext.load(text, path), read, parsing)


def check(data: Any, path: str) -> None:
    """Raise PipelineError where a dvc.yaml is not what it may be."""
    if not isinstance(data, dict):
        raise _invalid(path, "expected a dictionary")
    _check_keys(data, _TOP, path, "")
    stages = data.get("stages") or {}
    if not isinstance(stages, dict):
        raise _invalid(path, "expected a dictionary", "stages")
    for name, entry in stages.items():
        where = f"stages -> {name}"
        if not isinstance(entry, dict):
            raise _invalid(path, "expected a dictionary", where)
        if "foreach" in entry or "do" in entry:
            _check_keys(entry, ("foreach", "do"), path, where)
            if not isinstance(entry.get("foreach"), (dict, list, str)) or not isinstance(entry.get("do"), dict):
                raise _invalid(path, "needs foreach (a list, a dictionary or a template) and do (a stage)", where)
            _check_stage(entry["do"], path, f"{where} -> do")
        else:
            _check_stage(entry, path, where)


def _check_stage(entry: dict[str, Any], path: str, where: str) -> None:
    _check_keys(entry, tuple(_KINDS), path, where)
    if not entry.get("cmd"):
        raise _invalid(path, "required key not provided", f"{where} -> cmd")
    for key, value in entry.items():
        if not isinstance(value, _KINDS[key]):
            expected = " or ".join(kind.__name__ for kind in _KINDS[key])
            raise _invalid(path, f"expected {expected}", f"{where} -> {key}")
    for key in ("deps", *_GROUPS, "params", "vars"):
        for at, item in enumerate(entry.get(key) or ()):
            if not isinstance(item, (str,) if key == "deps" else (str, dict)):
                raise _invalid(path, "expected str", f"{where} -> {key} -> {at}")
            if key in _GROUPS and isinstance(item, dict):
                _check_options(item, key, path, f"{where} -> {key} -> {at}")


def _check_options(item: dict[str, Any], kind: str, path: str, where: str) -> None:
    allowed = (*OPTIONS, "checkpoint", *(PLOT_OPTIONS if kind == "plots" else ()))
    for name, options in item.items():
        for one in options if kind == "plots" and isinstance(options, list) else [options]:
            if not isinstance(one, dict):
                raise _invalid(path, "expected a dictionary", f"{where} -> {name}")
            _check_keys(one, allowed, path, f"{where} -> {name}")


def _check_keys(data: dict[Any, Any], allowed: tuple[str, ...], path: str, where: str) -> None:
    for key in data:
        if key not in allowed:
            raise _invalid(path, "extra keys not allowed", f"{where} -> {key}" if where else str(key))


def _invalid(path: str, what: str, where: str = "") -> PipelineError:
    return PipelineError(f"'{path}' validation failed: {what}{f', in {where}' if where else ''}")


class _Parsing:
    """Says of an error inside where it was."""

    def __init__(self, what: str, path: str) -> None:
        self._what, self._path = what, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PipelineError):
            raise PipelineError(f"failed to parse {self._what} in '{self._path}': {error}") from None


def _container(value: Any) -> Any:
    return value.data if isinstance(value, Value) else value


def _key(value: Any) -> str:
    """A scalar as a part of a stage's name: DVC writes a truth that a template gave in another way than a plain one."""
    return str(value.data) if isinstance(value, Value) else shown(value)


def _has_templates(data: Any) -> bool:
    if isinstance(data, dict):
        return any(_has_templates(key) or _has_templates(value) for key, value in data.items())
    if isinstance(data, list):
        return any(_has_templates(one) for one in data)
    return isinstance(data, str) and "${" in data


def _refuse_templates(data: Any, where: str, path: str) -> None:
    if _has_templates(data):
        raise PipelineError(f"failed to parse '{where}' in '{path}': interpolating is not allowed")
