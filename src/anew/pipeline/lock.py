"""dvc.lock: what stages were run with, and what came of it."""

from __future__ import annotations

from anew.errors import PipelineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

SCHEMA = "2.0"
_FIELDS = ("md5", "size", "nfiles", "isexec")


def stages(text: str, path: str) -> dict[str, Any]:
    """Stage → what the lock in `text` says of it."""
    from anew import yamltext

    data = yamltext.load(text, path)
    if not data:
        return {}
    if not isinstance(data, dict) or str(data.get("schema")) != SCHEMA:
        raise PipelineError(f"Lockfile '{path}' is corrupted: its schema is not {SCHEMA}; get it back from Git")
    found = data.get("stages") or {}
    for name, entry in found.items() if isinstance(found, dict) else [("stages", None)]:
        if not isinstance(entry, dict) or not isinstance(entry.get("cmd"), (str, list)):
            raise PipelineError(f"Lockfile '{path}' is corrupted: {name} has no command; get it back from Git")
        for part in ("deps", "outs"):
            for row in entry.get(part) or ():
                if not isinstance(row, dict) or not isinstance(row.get("path"), str):
                    raise PipelineError(f"Lockfile '{path}' is corrupted: each of {part} of {name} needs a path")
    return dict(found)


def entry(
    command: str | list[str],
    deps: Iterable[Mapping[str, Any]],
    params: Mapping[str, Mapping[str, Any]],
    outs: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """What a lock says of one stage. `deps` and `outs`: rows with a path and, as far as known, hash, md5, size …"""
    from anew.pipeline.params import DEFAULT_FILE

    found: dict[str, Any] = {"cmd": command}
    rows = {"deps": [_row(row) for row in deps], "outs": [_row(row) for row in outs]}
    files = sorted(params, key=lambda file: (file != DEFAULT_FILE, file))
    values = {file: {key: params[file][key] for key in sorted(params[file])} for file in files}
    for part, value in (("deps", rows["deps"]), ("params", values), ("outs", rows["outs"])):
        if value:
            found[part] = sorted(value, key=lambda row: str(row["path"])) if isinstance(value, list) else value
    return found


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {"path": row["path"]}
    if row.get("hash"):
        found["hash"] = row["hash"]
    return found | {key: row[key] for key in _FIELDS if row.get(key) is not None and row.get(key) is not False}


def updated(text: str | None, path: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a lock with the entries of some stages put in or replaced; the rest stays as it is."""
    from anew import yamltext

    if not text:
        return yamltext.dump({"schema": SCHEMA, "stages": dict(entries)})

    def change(there: Any) -> None:
        there.setdefault("schema", SCHEMA)
        there.setdefault("stages", {}).update(entries)

    return yamltext.edited(text, change, path)
