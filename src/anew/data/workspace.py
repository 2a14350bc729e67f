"""A project's folder against its versions of data: add, status, checkout."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from anew.data import pointer as pointers
from anew.data.datasets import Datasets, Version, default_name
from anew.data.lfs import stand_ins
from anew.data.pointer import Pointer
from anew.errors import Conflict, NotFound, StoreError, UsageError
from anew.store.ledger import Ledger
from anew.store.location import Store, git_top
from anew.store.objects import Entry, FolderRef, Objects

if TYPE_CHECKING:
    from anew.store.objects.seen import Seen

_MOST_NAMED = 5  # files, in a message


@dataclass(frozen=True)
class Changes:
    """Paths, each below the data's own; of a single file its name."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class State:
    """How the data at a pointer stands. `lost`: content of its version that this store does not have."""

    pointer: Pointer
    version: Version | None
    state: Literal["clean", "changed", "missing"]
    changes: Changes = field(default_factory=Changes)
    lost: bool = False


class Workspace:
    """The data of the project at `root`, kept in `store`."""

    def __init__(self, store: Store, root: Path) -> None:
        self.store, self.root = store, root
        self.objects = Objects(store.objects)
        self.datasets = Datasets(Ledger(store.ledger))

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.objects.close()

    def tracked(self, path: Path | None = None) -> Iterator[Pointer]:
        """All pointers of the project, or the one of `path`. Raises NotFound, CorruptData."""
        if path is None:
            yield from pointers.find(self.root)
        elif path.name.endswith(pointers.SUFFIX) and path.is_file():
            yield pointers.read(path)
        elif (found := path.with_name(path.name + pointers.SUFFIX)).is_file() or not path.is_dir():
            yield pointers.read(found)
        else:
            yield from pointers.find(path)

    def add(self, path: Path, name: str | None = None, message: str = "", run_id: str = "") -> tuple[Version, bool]:
        """Make a version of what is at `path`, and leave a pointer beside it; whether it is a new version.

        Raises NotFound, UsageError for what can't be added, Conflict where no name is given and the path's last part
        names other data already.
        """
        path = Path(os.path.abspath(path))
        before = self._pointer_at(path)
        name = name or (before.dataset if before else self._free_name(path))
        self._expect_addable(path)
        self.store.create()
        kind: Literal["tree", "file"] = "tree" if stat.S_ISDIR(path.lstat().st_mode) else "file"
        if before is not None and before.only:
            raise Conflict(f"{path} is a partial checkout of {before.dataset}: check all of it out before you add it")
        found = self.objects.put_folder(path, remember=True) if kind == "tree" else self._take_file(path)
        from anew.data.facts import facts_of

        latest = self.datasets.find(name).latest()
        facts = facts_of(path) if latest is None or latest.digest != found.digest else latest.facts
        version = Version(
            name, 0, found.digest, kind, found.size, found.files, self._relative(path), message, facts, run_id
        )
        self.objects.flush()
        version, new = self.datasets.add(version)
        Pointer(path, name, found.digest, kind, found.size, found.files).write()
        _ignore_in_git(path)
        return version, new

    def state(self, pointer: Pointer) -> State:
        """Compare what lies there with what should. Raises StoreError for what can't be read."""
        version = self.datasets.find(pointer.dataset).with_digest(pointer.digest)
        if not self.objects.has(pointer.digest):
            return State(pointer, version, "changed" if os.path.lexists(pointer.path) else "missing", lost=True)
        if not os.path.lexists(pointer.path):
            return State(pointer, version, "missing")
        changes = self._changes(pointer)
        return State(pointer, version, "changed" if changes else "clean", changes)

    def resolve(self, reference: str) -> Version:
        """NAME:VERSION as `Datasets.version` says; NAME alone: the version that the project points to."""
        if not set(reference) & {":", "@"}:
            for pointer in self.tracked():
                if pointer.dataset == reference:
                    return self.at(pointer)
        return self.datasets.version(reference)

    def at(self, pointer: Pointer) -> Version:
        """The version that a pointer names. Raises NotFound."""
        dataset = self.datasets.get(pointer.dataset)
        found = dataset.with_digest(pointer.digest)
        if found is None:
            raise NotFound(f"{pointer.file} names a version of {pointer.dataset} that this store has not: `anew pull`")
        return found

    def place(self, version: Version) -> Path:
        """Where a version can be read: where the project has it unchanged, else a copy in the store."""
        for pointer in self.tracked():
            if (pointer.dataset, pointer.digest) == (version.name, version.digest) and not pointer.only and (
                self.state(pointer).state == "clean"
            ):  # fmt: skip
                return pointer.path
        path = self.store.root / "data" / version.digest[:16] / default_name(Path(version.path or version.name))
        copy = Pointer(path, version.name, version.digest, version.kind, version.size, version.files)
        if self.state(copy).state != "clean":
            path.parent.mkdir(parents=True, exist_ok=True)
            self.checkout(copy, force=True, point=False)
        return path

    def pointer_of(self, version: Version, path: Path | None = None, only: Sequence[str] = ()) -> Pointer:
        """Where a version belongs: at `path`, else where the project has the dataset, else where it came from."""
        if path is None:
            there = [pointer for pointer in self.tracked() if pointer.dataset == version.name]
            path = there[0].path if there else self.root / _home(version)
        path = Path(os.path.abspath(path))
        return Pointer(path, version.name, version.digest, version.kind, version.size, version.files, tuple(only))

    def checkout(self, pointer: Pointer, *, force: bool = False, point: bool = True) -> Changes:
        """Make what lies at a pointer what it should be, and write the pointer (`point`); what changed on the way.

        Raises NotFound when content is not in this store, Conflict where that would lose files that no version has
        and `force` is not given; then nothing is touched.
        """
        if not self.objects.has(pointer.digest):
            raise NotFound(f"{pointer.dataset} {pointer.digest[:12]} is not in this store; `anew pull` brings it")
        wanted = self._wanted(pointer)
        if pointer.kind == "tree" and not os.path.lexists(pointer.path):
            changes = Changes(added=sorted(self.objects.restore_tree(wanted, pointer.path, remember=True)))
        else:
            nodes: dict[bytes, bytes] = {}
            there, seen = self._look_at(pointer, nodes)
            differing = list(self.objects.tree_differences(there, wanted, nodes))
            self._expect_here(pointer, [after for _, _, after in differing if after is not None])
            if not force:
                self._expect_kept(pointer, [before for _, before, _ in differing if before is not None])
            self._apply(pointer, differing)
            changes = _changes(differing)
            if seen is not None:
                self.objects.settle(seen, wanted, [path for path, _, _ in differing])
        if point and self._pointer_at(pointer.path) != pointer and pointer.path.is_relative_to(self.root):
            pointer.write()
            _ignore_in_git(pointer.path)
        return changes

    def _pointer_at(self, path: Path) -> Pointer | None:
        file = path.with_name(path.name + pointers.SUFFIX)
        return pointers.read(file) if file.is_file() else None

    def _expect_addable(self, path: Path) -> None:
        if not os.path.lexists(path):
            raise NotFound(f"there is no {path}")
        if path.is_symlink():
            raise UsageError(f"{path} is a link: add what it points to, or the folder it is in")
        if not (path.is_dir() or path.is_file()):
            raise UsageError(f"{path} is no file and no folder")
        if path.name.endswith(pointers.SUFFIX):
            raise UsageError(f"{path} is a pointer (or the store itself): add the data beside it")
        if path == self.root or self.root.is_relative_to(path):
            raise UsageError(f"{path} is the project itself: add a folder or file in it")
        for parent in path.parents:
            if parent == self.root or not parent.is_relative_to(self.root):
                break
            if (outer := self._pointer_at(parent)) is not None:
                raise Conflict(f"{path} lies in {parent}, which is a version of {outer.dataset}: `anew add {parent}`")
        if path.is_dir() and (inner := next(pointers.find(path), None)) is not None:
            raise Conflict(f"{path} holds {inner.file}: data within data; `anew untrack {inner.path}` first")
        if (absent := next(stand_ins(path, self.root), None)) is not None:
            raise Conflict(f"{absent} holds what Git LFS puts in place of a file: `git lfs pull` brings the file first")

    def _free_name(self, path: Path) -> str:
        name = default_name(path)
        latest = self.datasets.find(name).latest()
        if latest is not None and latest.path and latest.path != self._relative(path):
            raise Conflict(
                f"dataset {name!r} is {latest.path}: `--name` gives {self._relative(path)} a name of its own "
                f"(or, with --name {name}, makes it the next version of that)"
            )
        return name

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else path.name

    def _take_file(self, path: Path, nodes: dict[bytes, bytes] | None = None) -> FolderRef:
        """Store a file, as a tree of its own, or, given `nodes`, only hash it."""
        found = self.objects.put_file(path) if nodes is None else self.objects.hash_file(path)
        executable = bool(path.stat().st_mode & 0o100)
        entry = Entry(path.name, "file", found.digest, found.size, executable)
        return FolderRef(self.objects.put_tree([entry], nodes), found.size, 1)

    def _look_at(self, pointer: Pointer, nodes: dict[bytes, bytes]) -> tuple[str, Seen | None]:
        """The digest of the tree of what lies at a pointer, of whichever kind it is; and of a folder what was seen."""
        path = pointer.path
        if not os.path.lexists(path):
            return self.objects.put_tree([], nodes), None
        if path.is_symlink() or (not path.is_dir() and not path.is_file()):
            raise Conflict(f"{path} is a link or no file: remove it, then check out again")
        if path.is_dir() != (pointer.kind == "tree"):
            raise Conflict(f"{path} is {'a folder' if path.is_dir() else 'a file'} and should not: remove it first")
        if pointer.kind == "tree":
            found, seen = self.objects.look_at(path, nodes)
            return found.digest, seen
        return self._take_file(path, nodes).digest, None

    def _wanted(self, pointer: Pointer, nodes: dict[bytes, bytes] | None = None) -> str:
        """The digest of the tree that should be there: a part of the version in a partial checkout.

        `nodes` as for `Objects.put_tree`.
        """
        if pointer.kind == "file":
            [entry] = self.objects.read_tree(pointer.digest)
            return self.objects.put_tree([replace(entry, path=pointer.path.name)], nodes)
        if not pointer.only:
            return pointer.digest
        entries = (e for e in self.objects.read_tree(pointer.digest) if _fits(e.path, pointer.only))
        return self.objects.put_tree(entries, nodes)

    def _changes(self, pointer: Pointer) -> Changes:
        nodes: dict[bytes, bytes] = {}
        wanted, there = self._wanted(pointer, nodes), self._look_at(pointer, nodes)[0]
        if there == wanted:
            return Changes()
        return _changes(list(self.objects.tree_differences(wanted, there, nodes)))

    def _expect_here(self, pointer: Pointer, needed: list[Entry]) -> None:
        lost = self.objects.missing(entry.digest for entry in needed if entry.kind == "file")
        if lost:
            raise NotFound(f"{len(lost)} files of {pointer.dataset} are not in this store; `anew pull` brings them")

    def _expect_kept(self, pointer: Pointer, replaced: list[Entry]) -> None:
        files = [entry for entry in replaced if entry.kind == "file"]
        lost = set(self.objects.missing(entry.digest for entry in files))
        unsaved = [entry.path for entry in files if entry.digest in lost]
        if unsaved:
            named = ", ".join(unsaved[:_MOST_NAMED]) + (" …" if len(unsaved) > _MOST_NAMED else "")
            raise Conflict(
                f"{pointer.path} has {len(unsaved)} files that are kept nowhere ({named}): "
                f"`anew add {pointer.path}` keeps them, --force gives them up"
            )

    def _apply(self, pointer: Pointer, differing: list[tuple[str, Entry | None, Entry | None]]) -> None:
        folder = pointer.path if pointer.kind == "tree" else pointer.path.parent
        for path, before, after in differing:
            if before is not None and (after is None or after.kind != before.kind):
                _remove(folder, path, before)
        written = [after for _, _, after in differing if after is not None]
        self.objects.restore_entries(written, folder)

    def remove(self, pointer: Pointer) -> None:
        """Stop versioning what lies there; the data stays, and so do its versions."""
        pointer.file.unlink()
        _unignore_in_git(pointer.path)


def _home(version: Version) -> str:
    """Where a version came from, below the project; its name, where that would lead out of it, or to where tools look.

    It may have come from anybody's remote.
    """
    parts = version.path.split("/")
    safe = version.path and not version.path.startswith("/") and not any(p in ("", ".", "..") for p in parts)
    return version.path if safe and not pointers.RESERVED & {part.lower() for part in parts} else version.name


def _fits(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern is the path, a folder above it, or matches either (as the shell's do, * also over /)."""
    parts = path.split("/")
    heads = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(head, pattern.strip("/")) for pattern in patterns for head in heads)


def _changes(differing: list[tuple[str, Entry | None, Entry | None]]) -> Changes:
    changes = Changes()
    for path, before, after in differing:
        side = changes.added if before is None else changes.removed if after is None else changes.changed
        side.append(path)
    return changes


def _remove(folder: Path, path: str, entry: Entry) -> None:
    """Remove an entry, and the folders that this leaves empty."""
    try:
        if entry.kind == "dir":
            (folder / path).rmdir()
        else:
            (folder / path).unlink(missing_ok=True)
        parent = path
        while parent := os.path.dirname(parent):
            (folder / parent).rmdir()
    except OSError as error:
        if not os.path.isdir(folder / path) and os.path.lexists(folder / path):
            raise StoreError(f"can't remove {folder / path}: {error.strerror}") from error


def _ignore_in_git(path: Path) -> None:
    """Have Git leave the data out, as long as it would take it."""
    if git_top(path.parent) is None:
        return
    file = path.parent / ".gitignore"
    lines = file.read_text().splitlines() if file.exists() else []
    line = _ignore_line(path)
    if line not in lines:
        with file.open("a") as out:
            out.write(("" if not lines or file.read_text().endswith("\n") else "\n") + line + "\n")


def _unignore_in_git(path: Path) -> None:
    file = path.parent / ".gitignore"
    if file.exists():
        lines = file.read_text().splitlines()
        kept = [line for line in lines if line != _ignore_line(path)]
        if not kept:
            file.unlink()
        elif kept != lines:
            file.write_text("\n".join(kept) + "\n")


def _ignore_line(path: Path) -> str:
    """The path as .gitignore wants it: what it would take for a pattern, escaped."""
    name = "".join(f"\\{c}" if c in "\\*?[]#!" else c for c in path.name)
    return "/" + (f"{name[:-1]}\\ " if name.endswith(" ") else name)
