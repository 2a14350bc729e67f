"""What a project tracks: `.dvc` files, and the outputs of `dvc.yaml` with what `dvc.lock` knows of them."""

from __future__ import annotations

import os
import re

from anew.errors import DvcError
from anew.protocols.dvc import manifest, yamltext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SUFFIX = ".dvc"
PIPELINE = "dvc.yaml"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_TEMPLATE = re.compile(r"\$\{[^}]*\}")
_TOP = frozenset({"md5", "wdir", "deps", "outs", "locked", "frozen", "meta", "always_changed", "desc", "cmd"})
# In the order in which DVC writes those of an output that it makes anew.
_FIELDS = ("md5", "size", "nfiles", "isexec")
ANNOTATIONS = ("desc", "type", "labels", "meta")


class Entry:
    """An output or a dependency. `raw` is what its file says of it."""

    def __init__(self, stage: Stage, raw: dict[str, Any]) -> None:
        self.stage, self.raw = stage, raw
        self.written = str(raw["path"])
        self.external = bool(_SCHEME.match(self.written)) or "repo" in raw or "db" in raw
        self.path = self.written if self.external else os.path.normpath(os.path.join(stage.wdir, self.written))

    @property
    def md5(self) -> str | None:
        """32 hex digits, with .dir for a folder; None when nothing is known of it yet."""
        found = self.raw.get("md5")
        if not found and self.raw.get("files"):
            return manifest.digest(manifest.encode({row["relpath"]: row["md5"] for row in self.raw["files"]}))
        return str(found) if found else None

    @property
    def is_folder(self) -> bool:
        return str(self.md5 or "").endswith(manifest.SUFFIX)

    @property
    def legacy(self) -> bool:
        """Hashed as DVC 2 did, and kept where it did."""
        return self.raw.get("hash") is None and self.md5 is not None

    def known(self, **fields: Any) -> None:
        """Take over what was found out: md5, size, nfiles, isexec; those that are None or false go."""
        kept = {
            key: value for key, value in self.raw.items() if key not in (*_FIELDS, "hash", "path", "files", "cloud")
        }
        found: dict[str, Any] = {}
        for key in _FIELDS:
            value = fields.get(key)
            if value is not None and value is not False:
                found[key] = value
        found |= {} if fields.get("legacy") else {"hash": "md5"}
        self.raw = found | {"path": self.written} | kept


class Out(Entry):
    @property
    def cached(self) -> bool:
        return bool(self.raw.get("cache", True)) and not self.external

    @property
    def pushed(self) -> bool:
        return bool(self.raw.get("push", True))

    def shown(self, cwd: str, root: str) -> str:
        """As DVC names it in its output: seen from where one is, if that is in the project."""
        if self.external or not inside(self.path, root):
            return self.path
        return os.path.relpath(self.path, cwd if inside(cwd, root) else root)


class Stage:
    """One `.dvc` file, or one stage of a `dvc.yaml`."""

    def __init__(self, path: str, raw: dict[str, Any], text: str | None = None, name: str | None = None) -> None:
        self.path, self.raw, self.text, self.name = path, raw, text, name
        self.wdir = os.path.normpath(os.path.join(os.path.dirname(path), str(raw.get("wdir") or ".")))
        self.deps = [Entry(self, item) for item in raw.get("deps") or []]
        self.outs = [Out(self, item) for item in raw.get("outs") or []]
        self.changed_command = False

    @property
    def frozen(self) -> bool:
        return bool(self.raw.get("frozen") or self.raw.get("locked"))

    @property
    def is_data(self) -> bool:
        """Made by add or import: no command."""
        return self.name is None and not self.raw.get("cmd")

    @property
    def is_import(self) -> bool:
        return self.is_data and len(self.deps) == 1 and len(self.outs) == 1

    @property
    def is_repo_import(self) -> bool:
        return self.is_import and "repo" in self.deps[0].raw

    @property
    def is_partial(self) -> bool:
        """An import that was not downloaded."""
        return self.is_import and not self.outs[0].md5

    def address(self, cwd: str) -> str:
        shown = os.path.relpath(self.path, cwd)
        if self.name is None:
            return shown
        return self.name if shown == PIPELINE else f"{shown}:{self.name}"

    def state(self) -> dict[str, Any]:
        """What the `.dvc` file is to say, in DVC's order."""
        wdir = os.path.relpath(self.wdir, os.path.dirname(self.path))
        found: dict[str, Any] = {
            "desc": self.raw.get("desc"),
            "md5": self.raw.get("md5"),
            "cmd": self.raw.get("cmd"),
            "wdir": wdir if wdir != "." else None,
            "frozen": self.frozen,
            "deps": [dep.raw for dep in self.deps],
            "outs": [out.raw for out in self.outs],
            "always_changed": self.raw.get("always_changed"),
            "meta": self.raw.get("meta"),
        }
        return {key: value for key, value in found.items() if value}

    def dumped(self) -> str:
        return (
            yamltext.dump(self.state()) if self.text is None else yamltext.rewrite(self.text, self.state(), self.path)
        )


def load_pointer(path: str, text: str) -> Stage:
    """The stage of a `.dvc` file."""
    raw = yamltext.load(text, path)
    if not isinstance(raw, dict):
        raise DvcError(f"'{path}' validation failed: expected a dictionary.")
    unknown = sorted(str(key) for key in raw if key not in _TOP)
    if unknown:
        raise DvcError(f"'{path}' validation failed: extra keys not allowed, in {unknown[0]}")
    for part in ("outs", "deps"):
        rows = raw.get(part) or []
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("path"), str) for row in rows
        ):
            raise DvcError(f"'{path}' validation failed: each of {part} needs a path")
    return Stage(path, raw, text)


def load_pipeline(path: str, text: str, lock_text: str | None) -> Iterator[Stage]:
    """The stages of a `dvc.yaml`, those of `foreach` and `matrix` as far as `dvc.lock` knows them."""
    raw = yamltext.load(text, path)
    if not isinstance(raw, dict):
        raise DvcError(f"'{path}' validation failed: expected a dictionary.")
    lock_path = os.path.splitext(path)[0] + ".lock"
    lock = yamltext.load(lock_text, lock_path) if lock_text else {}
    locked = (lock.get("stages") or {}) if isinstance(lock, dict) else {}
    for name, definition in (raw.get("stages") or {}).items():
        if not isinstance(definition, dict):
            continue
        if "foreach" in definition or "matrix" in definition:
            body = definition.get("do") if "foreach" in definition else definition
            for key, entry in locked.items():
                if key.startswith(f"{name}@") and isinstance(body, dict):
                    yield _stage(path, key, body, entry)
        else:
            yield _stage(path, name, definition, locked.get(name))


def _stage(path: str, name: str, definition: dict[str, Any], entry: dict[str, Any] | None) -> Stage:
    flags = list(_flags(definition))
    rows = {"outs": {}, "deps": {}} if not entry else {
        part: {row["path"]: row for row in entry.get(part) or []} for part in ("outs", "deps")
    }  # fmt: skip
    outs = []
    for written, more in flags:
        if "${" not in written:
            outs.append({**rows["outs"].get(written, {}), "path": written, **more})
        else:
            parts = [re.escape(part) for part in _TEMPLATE.split(written)]
            fits = re.compile("[^/]+".join(parts) + "$")
            outs += [{**row, **more} for there, row in rows["outs"].items() if fits.match(there)]
    named = [str(written) for written in definition.get("deps") or []]
    if any("${" in written for written in named):
        deps = list(rows["deps"].values())
    else:
        deps = [{**rows["deps"].get(written, {}), "path": written} for written in named]
    kept: dict[str, Any] = {
        key: definition[key] for key in ("frozen", "always_changed", "desc", "meta") if key in definition
    }
    wdir = definition.get("wdir") or "."
    stage = Stage(path, {"cmd": definition.get("cmd"), "wdir": wdir, "outs": outs, "deps": deps, **kept}, name=name)
    command = definition.get("cmd")
    stage.changed_command = (
        bool(entry) and "${" not in str(command) and entry is not None and entry.get("cmd") != command
    )
    return stage


def _flags(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each output of a stage with what `dvc.yaml` says of it."""
    for part in ("outs", "metrics", "plots"):
        for item in definition.get(part) or []:
            if isinstance(item, str):
                yield item, {}
            elif isinstance(item, dict):
                for written, more in item.items():
                    chosen = more if isinstance(more, dict) else {}
                    yield written, {key: chosen[key] for key in ("cache", "push", "remote", "persist") if key in chosen}


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_stage_file(path: str) -> bool:
    name = os.path.basename(path)
    return (name.endswith(SUFFIX) and name != SUFFIX) or name == PIPELINE
