"""Metrics and parameters of snapshots, and what became of them between two."""

from __future__ import annotations

import copy
import os
from fnmatch import fnmatchcase

from anew.errors import AnewError, DvcError
from anew.pipeline import params as parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from anew.protocols.dvc.snapshot import Snapshot

    Result = dict[str, Any]  # of one snapshot: {"data": {path: {"data": …} or {"error": …}}} or {"error": …}

_KINDS = {".json": "JSONFileCorruptedError", ".toml": "TOMLFileCorruptedError", ".py": "PythonFileCorruptedError"}
_DVC_NAMES = {"PipelineError": "YAMLValidationError", "DvcError": "DvcException"}
_NOTHING = object()


class Unreadable(DvcError):
    """A file of metrics, parameters or plots that is not what its name says. `kind`: what DVC calls this error."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def load(snapshot: Snapshot, path: str) -> Any:
    """The data in a file; {} for an empty one."""
    try:
        text = snapshot.read(path).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"unable to read: '{path}', is not valid utf-8", "EncodingError") from error
    try:
        return parameters.parse(text, path) or {}
    except AnewError as error:
        kind = _KINDS.get(os.path.splitext(path)[1].lower(), "YAMLFileCorruptedError")
        what = kind.removesuffix("FileCorruptedError")
        raise Unreadable(f"unable to read: '{path}', {what} file structure is corrupted", kind) from error


def metrics_of(snapshot: Snapshot, targets: list[str]) -> Result:
    """The numbers and words in the files that are metrics, or in `targets`."""
    paths = targets or [*(path for path, *_ in snapshot.outs("metrics")), *snapshot.listed("metrics")]
    return _read(snapshot, dict.fromkeys(_expanded(snapshot, paths)), lambda path: _scalars(load(snapshot, path)) or {})


def params_of(snapshot: Snapshot, targets: list[str], deps_only: bool) -> Result:
    """Parameters: those that stages depend on and those that stand for themselves, or all in `targets`."""
    if targets:
        rows: list[tuple[str, list[str]]] = [(target, []) for target in targets]
    else:
        rows = list(snapshot.params())
        if not deps_only:
            rows += [(path, []) for path in snapshot.listed("params")]
            rows += [(parameters.DEFAULT_FILE, [])] if snapshot.exists(parameters.DEFAULT_FILE) else []
    whole = {path for path, keys in rows if not keys}
    wanted: dict[str, list[str]] = {}
    for path, keys in rows:
        wanted.setdefault(path, []).extend(() if path in whole else keys)
    keys_of = {one: keys for path, keys in wanted.items() for one in _expanded(snapshot, [path])}
    found = _read(snapshot, keys_of, lambda path: picked(load(snapshot, path), keys_of[path]))
    if not targets:
        for path, values in snapshot.variables().items():
            found.setdefault(path, {"data": values})
    return found


def _expanded(snapshot: Snapshot, paths: Iterable[str]) -> list[str]:
    return [one for path in paths for one in (snapshot.below(path) if snapshot.is_folder(path) else [path])]


def _read(snapshot: Snapshot, paths: Iterable[str], read: Callable[[str], Any]) -> Result:
    found: Result = {}
    for path in paths:
        try:
            found[path] = {"data": read(path)}
        except (AnewError, OSError) as error:
            found[path] = {"error": error}
    return found


def _scalars(data: Any) -> Any:
    """What of `data` is a metric: numbers and words, in dicts of any depth. None when nothing is."""
    if isinstance(data, (int, float, str)):
        return data
    if not isinstance(data, dict):
        return None
    inner = {key: _scalars(value) for key, value in data.items()}
    return {key: value for key, value in inner.items() if value is not None and value != {}}


def picked(data: Any, keys: list[str]) -> Any:
    """The parts of `data` that dotted keys name, each where it stands; a step may have wildcards."""
    if not keys:
        return data
    found: dict[Any, Any] = {}
    for key in dict.fromkeys(keys):
        part = _part(data, key.split("."))
        if part is not _NOTHING:
            _merge(found, copy.deepcopy(part))
    return found


def _part(data: Any, steps: list[str]) -> Any:
    """In a list, what stands before is None."""
    if not steps:
        return data
    rows = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    inner = {key: _part(value, steps[1:]) for key, value in rows if fnmatchcase(str(key), steps[0])}
    there = {key: value for key, value in inner.items() if value is not _NOTHING}
    if not there or isinstance(data, dict):
        return there or _NOTHING
    return [there.get(at) for at in range(max(there) + 1)]


def _merge(into: dict[Any, Any], new: dict[Any, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list):
            into[key] += value
        else:
            into[key] = value


def results(
    snapshots: Iterable[Snapshot], read: Callable[[Snapshot], Result], what: str, say: Callable[[str], None]
) -> Result:
    """By snapshot. One that can't be read is told with `say`, and has an error."""
    found: Result = {}
    for snapshot in snapshots:
        try:
            found[snapshot.name] = {"data": read(snapshot)}
        except AnewError as error:
            say(f"failed to load {what} in revision '{snapshot.name}', {error}")
            found[snapshot.name] = {"error": error}
    return found


def errored(found: Result) -> list[str]:
    """The snapshots of which something could not be read."""
    return [
        name for name, one in found.items()
        if "error" in one or any("error" in file for file in one.get("data", {}).values())
    ]  # fmt: skip


def encoded(error: Exception) -> dict[str, str]:
    """An error as DVC's JSON has it."""
    kind = getattr(error, "kind", None) or type(error).__name__
    return {"type": _DVC_NAMES.get(kind, kind), "msg": str(error)}


def encodable(data: Any) -> Any:
    """`data` with its errors encoded."""
    if isinstance(data, dict):
        return {key: encodable(value) for key, value in data.items()}
    return encoded(data) if isinstance(data, Exception) else data


def differences(old: Result, new: Result, unchanged: bool) -> dict[str, dict[str, Any]]:
    """File → dotted name → {old, new, diff} of two results; `unchanged`: equal ones, too."""
    before, after = old.get("data", {}), new.get("data", {})
    found = {}
    for path in sorted({*before, *after}):
        rows = _differences(before.get(path, {}).get("data", {}), after.get(path, {}).get("data", {}), unchanged)
        if rows:
            found[path] = rows
    return found


def _differences(old: Any, new: Any, unchanged: bool) -> dict[str, Any]:
    old, new = _plain(old), _plain(new)
    if not isinstance(old, dict) and not isinstance(new, dict):
        row = _difference(old, new, unchanged)
        return {"": row} if row else {}
    flat = [flatten(one) if isinstance(one, dict) else {} for one in (old, new)]
    none = [None if isinstance(one, dict) or not one else "unable to parse" for one in (old, new)]
    found = {}
    for name in dict.fromkeys([*flat[0], *flat[1]]):
        row = _difference(flat[0].get(name, none[0]), flat[1].get(name, none[1]), unchanged)
        if row:
            found[name] = row
    return found


def _plain(value: Any) -> Any:
    """Lists as text, and text as the JSON that it may be: so DVC compares."""
    if isinstance(value, dict):
        return {key: listless(inner) for key, inner in value.items()}
    if isinstance(value, (list, str)):
        import json

        try:
            return json.loads(str(value))
        except ValueError:
            return str(value)
    return value


def listless(value: Any) -> Any:
    """`value` with each list in it as text."""
    if isinstance(value, dict):
        return {key: listless(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, list) else value


def _difference(old: Any, new: Any, unchanged: bool) -> dict[str, Any] | None:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) == 1:
        return _difference(old[0], new[0], unchanged)
    if old == new and not unchanged:
        return None
    row = {"old": old, "new": new}
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        row["diff"] = new - old
    return row


def flatten(data: dict[Any, Any], above: str | None = None) -> dict[str, Any]:
    """Dotted names of what is in nested dicts; empty ones are nothing."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{above}.{key}" if above is not None else str(key)
        if isinstance(value, dict):
            found |= flatten(value, name)
        else:
            found[name] = value
    return found
