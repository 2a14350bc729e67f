"""What a project tracks: `.dvc` files, and the outputs of `dvc.yaml` with what `dvc.lock` knows of them."""

from __future__ import annotations

import os
import re

from anew import yamltext
from anew.errors import DvcError
from anew.protocols.dvc import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from anew.pipeline.definition import Definition
    from anew.pipeline.templating import Read

SUFFIX = ".dvc"
PIPELINE = "dvc.yaml"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
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
    kind = "outs"  # or metrics, or plots

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

    @property
    def frozen(self) -> bool:
        return bool(self.raw.get("frozen") or self.raw.get("locked"))

    @property
    def is_data(self) -> bool:
        """Made by add or import: no command."""
        return self.name is None and not self.raw.get("cmd")

    @property
    def always_changed(self) -> bool:
        """To be run each time: said so, or nothing tells whether it has to be."""
        return bool(self.raw.get("always_changed") or (self.raw.get("cmd") and not self.deps and not self.outs))

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

    @property
    def reads(self) -> list[str]:
        """Files and folders of this machine that it depends on."""
        return [dep.path for dep in self.deps if not dep.external]

    @property
    def writes(self) -> list[str]:
        return [out.path for out in self.outs if not out.external]

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


class PipelineStage(Stage):
    """A stage of a `dvc.yaml`. `entry` is what `dvc.lock` says of it, None while it says nothing."""

    def __init__(self, path: str, definition: Definition, entry: dict[str, Any] | None) -> None:
        rows: dict[str, dict[str, Any]] = {
            part: {row["path"]: row for row in (entry or {}).get(part) or []} for part in ("outs", "deps")
        }
        told = ("frozen", "always_changed", "desc", "meta")
        kept = {key: definition.data[key] for key in told if key in definition.data}
        outs = [{**rows["outs"].get(out.path, {}), "path": out.path, **out.options} for out in definition.outs]
        deps: list[dict[str, Any]] = [{**rows["deps"].get(written, {}), "path": written} for written in definition.deps]
        raw = {"cmd": definition.command, "wdir": definition.wdir, "outs": outs, "deps": deps, **kept}
        super().__init__(path, raw, name=definition.name)
        for out, one in zip(self.outs, definition.outs, strict=True):
            out.kind = one.kind
        self.definition, self.entry = definition, entry
        self.params = definition.params

    @property
    def reads(self) -> list[str]:
        return [*super().reads, *(self.params_path(file) for file in self.params)]

    def params_path(self, file: str) -> str:
        return os.path.normpath(os.path.join(self.wdir, file))

    @property
    def changed_command(self) -> bool:
        return self.entry is not None and self.entry.get("cmd") != self.raw["cmd"]

    @property
    def always_changed(self) -> bool:
        return bool(self.raw.get("always_changed")) or (super().always_changed and not self.params)


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


def load_pipeline(
    path: str, text: str, lock_text: str | None, read: Read | None = None, parsing: Mapping[str, Any] | None = None
) -> Iterator[Stage]:
    """The stages of a `dvc.yaml`, with what `dvc.lock` knows of them. `read` gives data of files seen from here."""
    from anew.pipeline import definition, params

    file = definition.load(text, os.path.relpath(path), read or params.read, parsing)
    locked: dict[str, Any] = {}
    if lock_text:
        from anew.pipeline.lock import stages as locked_stages

        locked = locked_stages(lock_text, os.path.splitext(path)[0] + ".lock")
    for one in file.stages():
        yield PipelineStage(path, one, locked.get(one.name))


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_stage_file(path: str) -> bool:
    name = os.path.basename(path)
    return (name.endswith(SUFFIX) and name != SUFFIX) or name == PIPELINE
