"""`anew://NAME@VERSION/path` for fsspec: pandas, pyarrow, torch and others read versions of data where they lie.

Read-only. Every byte is verified. Within a run, what is opened links the run to the version.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from anew.data.workspace import Workspace
from anew.errors import AnewError, NotFound
from anew.store.location import Store, find_store, project_root

if TYPE_CHECKING:
    from anew.data.datasets import Version
    from anew.store.objects import Entry

_MOST_VERSIONS = 8  # whose lists are kept


class AnewFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`store`: the folder of the store; by default the one that is found from the working folder."""

    protocol = "anew"
    root_marker = ""

    def __init__(self, store: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._work = Workspace(Store(Path(store)) if store else find_store(), project_root(Path.cwd()))
        self._lists: OrderedDict[str, dict[str, Entry]] = OrderedDict()

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What a version, or a folder of it, holds."""
        version, below = self._parts(path)
        entries = self._entries(version)
        top: str = self._strip_protocol(path).partition("/")[0]
        found: dict[str, dict[str, Any]] = {}
        if below in entries and entries[below].kind == "file":
            found[below] = self._about(top, entries[below])
        else:
            head = below and below + "/"
            for name, entry in entries.items():
                if name.startswith(head):
                    first, slash, _rest = name[len(head) :].partition("/")
                    inner = head + first
                    if slash or entry.kind == "dir":
                        found[inner] = {"name": f"{top}/{inner}", "size": 0, "type": "directory"}
                    elif entry.kind == "file":
                        found[inner] = self._about(top, entry)
            if not found and below and below not in entries:
                raise FileNotFoundError(path)
        return list(found.values()) if detail else [about["name"] for about in found.values()]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size in bytes, type, and the digest of a file's content."""
        version, below = self._parts(path)
        top, entries = self._strip_protocol(path).partition("/")[0], self._entries(version)
        entry = entries.get(below)
        if entry is not None and entry.kind == "file":
            return self._about(top, entry)
        if below and not any(name == below or name.startswith(below + "/") for name in entries):
            raise FileNotFoundError(path)
        return {"name": f"{top}/{below}".rstrip("/"), "size": 0, "type": "directory", "digest": version.digest}

    def _open(self, path: str, mode: str = "rb", **options: Any) -> _File:
        if mode != "rb":
            raise OSError("versions of data never change: `anew add` makes a new one")
        version, _ = self._parts(path)
        about = self.info(path)
        if about["type"] != "file":
            raise IsADirectoryError(path)
        self._note(version)
        return _File(self, path, mode, size=about["size"], **options)

    def read_part(self, path: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` up to `end`, verified."""
        version, _ = self._parts(path)
        try:
            with version.reading():
                return b"".join(self._work.objects.iter_part(self.info(path)["digest"], start, end))
        except AnewError as error:
            raise OSError(str(error)) from error

    def _parts(self, path: str) -> tuple[Version, str]:
        reference, _, below = self._strip_protocol(path).partition("/")
        try:
            version = self._work.resolve(reference)
        except NotFound as error:
            raise FileNotFoundError(str(error)) from error
        below = below.strip("/")
        return version, below

    def _entries(self, version: Version) -> dict[str, Entry]:
        known = self._lists.get(version.digest)
        if known is None:
            try:
                with version.reading():
                    known = {entry.path: entry for entry in self._work.objects.read_tree(version.digest)}
            except AnewError as error:
                raise OSError(str(error)) from error
            self._lists[version.digest] = known
            if len(self._lists) > _MOST_VERSIONS:
                self._lists.popitem(last=False)
        return known

    def _about(self, top: str, entry: Entry) -> dict[str, Any]:
        return {"name": f"{top}/{entry.path}", "size": entry.size, "type": "file", "digest": entry.digest}

    def _note(self, version: Version) -> None:
        """Tell the run of this process, where there is one."""
        from anew import live

        if (run := live.running()) is not None:
            run.use_version(version, f"anew://{version.name}@v{version.number}")


class _File(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.read_part(self.path, start, end)
        return found
