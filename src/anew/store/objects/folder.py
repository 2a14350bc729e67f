"""A real folder, taken into the store and put back."""

# Paths are str here: making a Path for each file costs more than its stat.

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from blake3 import blake3

from anew.errors import CorruptData, NotFound, StoreError, UsageError
from anew.store.objects import tree
from anew.store.objects.chunk import WHOLE_SIZE_MAX
from anew.store.objects.disk import reading, refused, write_parts, writing
from anew.store.objects.record import BLOB
from anew.store.objects.seen import MARK, NO_MARK, OWN_FOLDER, Seen, SeenFolder, is_own, mark
from anew.store.objects.stat_index import is_racy
from anew.store.objects.values import Entry

MANY_FILES = 200  # in one folder: looking them up at once takes less than one by one
_NOT_YET = SeenFolder("", b"", b"", 0, 0)


class Taker:
    """Takes folders into a store. What `seen` knows is not read again, and what is taken is noted there.

    `put_file(path, stat)` stores a file and gives its key and size; `put_blob` and `get_blob` are for nodes of trees.
    """

    def __init__(
        self,
        put_file: Callable[[str, os.stat_result], tuple[bytes, int]],
        put_blob: tree.PutBlob,
        get_blob: tree.GetBlob,
        seen: Seen | None = None,
    ) -> None:
        self._put_file, self._put_blob, self._get_blob = put_file, put_blob, get_blob
        self._before = seen.folders if seen is not None else {}
        self._now: dict[str, SeenFolder] = {}
        self._seen, self._looked_ns = seen, time.time_ns()

    def take(self, path: str) -> SeenFolder:
        """All that `path` holds. Links are kept, not followed. StoreError for what is no file, folder or link."""
        with reading(path):
            device = os.stat(path).st_dev
        if self._seen is not None and self._seen.device != device:
            self._before = {}  # another disk may use the same inodes
        found = self._take(path, "", 1)
        if self._seen is not None:
            self._seen.device, self._seen.folders = device, self._now
        return found

    def _take(self, path: str, relative: str, depth: int) -> SeenFolder:
        if depth > tree.DEPTH_MAX:
            raise UsageError(f"{path} is deeper than {tree.DEPTH_MAX} folders")
        names: list[str] = []
        marks: list[bytes] = []
        about: list[os.stat_result] = []
        inner: dict[str, SeenFolder] = {}
        with reading(path), os.scandir(path) as entries:
            for entry in entries:
                name, found = entry.name, entry.stat(follow_symlinks=False)
                if name[:5] == OWN_FOLDER and is_own(name):
                    continue
                names.append(name)
                about.append(found)
                if found.st_mode & 0o170000 == stat.S_IFDIR:
                    marks.append(NO_MARK)
                    inner[name] = _NOT_YET
                else:
                    marks.append(mark(found))
        for name in inner:
            below = f"{relative}/{name}" if relative else name
            inner[name] = self._take(f"{path}/{name}", below, depth + 1)
        before = self._before.get(relative)
        if before is not None and before.marks == b"".join(marks) and before.names == "\0".join(names):
            below = relative and relative + "/"
            if all(self._before[below + name].key == found.key for name, found in inner.items()):
                self._now[relative] = before
                return before
        taken = self._take_changed(path, before, names, marks, about, inner)
        self._now[relative] = taken
        return taken

    def _take_changed(
        self,
        path: str,
        before: SeenFolder | None,
        names: list[str],
        marks: list[bytes],
        about: list[os.stat_result],
        inner: dict[str, SeenFolder],
    ) -> SeenFolder:
        known = self._known(before, names, marks)
        rows: list[tree.Row] = list(known.values())
        size = sum([row[3] for row in rows if row[1] != "l"])
        files = sum([row[1] != "l" for row in rows])
        for position, name in enumerate(names):
            if name in known:
                continue
            found = inner.get(name)
            if found is not None:
                rows.append([name, "e"] if found.key == tree.EMPTY else [name, "d", found.key])
                files, size = files + found.files, size + found.size
                continue
            row = self._row(f"{path}/{name}", name, about[position])
            if row[1] != "l":
                files, size = files + 1, size + row[3]
            if is_racy(about[position].st_ctime_ns, self._looked_ns):
                marks[position] = NO_MARK
            rows.append(row)
        key = tree.put_rows(rows, self._put_blob, self._levels(before))
        return SeenFolder("\0".join(names), b"".join(marks), key, files, size)

    def _row(self, path: str, name: str, about: os.stat_result) -> tree.Row:
        if stat.S_ISREG(about.st_mode):
            key, size = self._put_file(path, about)
            return [name, "x" if about.st_mode & 0o100 else "f", key, size]
        if stat.S_ISLNK(about.st_mode):
            with reading(path):
                return [name, "l", os.readlink(path)]
        raise StoreError(f"{path} is no file, folder or link: remove it or leave it out")

    def _known(self, before: SeenFolder | None, names: list[str], marks: list[bytes]) -> dict[str, tree.Row]:
        """The rows, by name, of what is there and has the mark that it had."""
        if before is None or not before.names:
            return {}
        try:
            rows = {row[0]: row for row in tree.rows(before.key, self._get_blob)}
        except (NotFound, StoreError):
            return {}  # all is read again, and so stored again
        same = before.by_name().items() & dict(zip(names, marks, strict=True)).items()
        left = {name for name, found in same if found != NO_MARK}
        return {name: row for name, row in rows.items() if name in left}

    def _levels(self, before: SeenFolder | None) -> tree.Levels | None:
        """The nodes that were stored when the folder was last taken."""
        if before is None:
            return None
        try:
            return tree.levels(before.key, self._get_blob)
        except (NotFound, StoreError):
            return None


class Writer:
    """Writes trees into folders that did not exist, or were empty. `seen`: what they then hold, for `Seen`.

    `records(keys)` gives key, kind, content and more of each, and `read_file(key)` one content in pieces; all verified.
    """

    def __init__(
        self,
        get_blob: tree.GetBlob,
        records: Callable[[list[bytes]], Iterable[tuple[bytes, int, bytes, object]]],
        read_file: Callable[[bytes], Iterable[bytes]],
    ) -> None:
        self._get_blob, self._records, self._read_file = get_blob, records, read_file
        self.seen: dict[str, SeenFolder] = {}

    def write(self, key: bytes, path: str, relative: str = "", depth: int = 1) -> SeenFolder:
        """Fill the empty folder `path`. StoreError where something stands in the way; then some of it is written."""
        with writing(path):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        marks: dict[str, bytes] = {}
        count = size = 0
        try:
            rows = list(tree.rows(key, self._get_blob))
            files = [row for row in rows if row[1] in "fx"]
            self._files(folder, path, files, marks)
            for name, kind, *rest in rows:
                if kind in "fx":
                    continue
                with writing(f"{path}/{name}"):
                    if kind == "l":
                        os.symlink(rest[0], name, dir_fd=folder)
                        marks[name] = mark(os.stat(name, dir_fd=folder, follow_symlinks=False))
                        continue
                    os.mkdir(name, dir_fd=folder)
                marks[name] = NO_MARK
                if depth == tree.DEPTH_MAX:
                    raise CorruptData(f"tree {key.hex()} is deeper than {tree.DEPTH_MAX} folders")
                below = rest[0] if rest else tree.EMPTY
                inner = self.write(below, f"{path}/{name}", f"{relative}/{name}" if relative else name, depth + 1)
                count, size = count + inner.files, size + inner.size
            names = os.listdir(folder)
        finally:
            os.close(folder)
        size += sum([row[3] for row in files])
        found = [marks.get(name, NO_MARK) for name in names]
        self.seen[relative] = SeenFolder("\0".join(names), b"".join(found), key, count + len(files), size)
        return self.seen[relative]

    def forget_racy(self, looked_ns: int) -> None:
        """Of what may have changed since it was written, without its times changing, keep no marks."""
        for relative, found in self.seen.items():
            kept = [
                NO_MARK if is_racy(known[-1], looked_ns) else MARK.pack(*known)
                for known in MARK.iter_unpack(found.marks)
            ]
            self.seen[relative] = found._replace(marks=b"".join(kept))

    def _files(self, folder: int, path: str, rows: list[tree.Row], marks: dict[str, bytes]) -> None:
        """Small ones, where they are many, in the order in which they are stored, since many are read at once then."""
        by_key: dict[bytes, list[tree.Row]] = {}
        if len(rows) >= MANY_FILES:
            for row in rows:
                if row[3] <= WHOLE_SIZE_MAX:
                    by_key.setdefault(row[2], []).append(row)
            for key, kind, content, _ in self._records(list(by_key)):
                if kind == BLOB:
                    for row in by_key.pop(key):
                        marks[row[0]] = self._file(folder, path, row, (content,))
        for row in rows:
            if row[0] not in marks:
                marks[row[0]] = self._file(folder, path, row, self._read_file(row[2]))

    def _file(self, folder: int, path: str, row: tree.Row, content: Iterable[bytes]) -> bytes:
        name, kind, _, _ = row
        mode = 0o777 if kind == "x" else 0o666
        try:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
            try:
                write_parts(fd, content)
                return mark(os.fstat(fd))
            finally:
                os.close(fd)
        except OSError as error:  # as `writing`, which costs as much as a call of the system
            raise refused(error, f"{path}/{name}") from error


def restore(entries: Iterable[Entry], folder: str, restore_file: Callable[[str, str, bool], None]) -> None:
    """Put entries into `folder`, made if missing. Files and links there are replaced, the rest left alone.

    StoreError where that would go through a link, or a folder is where a file should be, or the reverse.
    """
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
    safe = {""}  # folders below `folder` known to be folders, and no links
    for entry in entries:
        parts = entry.path.split("/")
        if any(tree.name_fault(part) for part in parts):
            raise UsageError(f"{entry.path!r} leaves the folder it is restored to")
        for end in range(1, len(parts) + (entry.kind == "dir")):
            _make_folder(folder, "/".join(parts[:end]), safe)
        path = os.path.join(folder, entry.path)
        if entry.kind == "file":
            _refuse_folder(path)
            restore_file(entry.digest, path, entry.executable)
        elif entry.kind == "link":
            _refuse_folder(path)
            temporary = os.path.join(os.path.dirname(path), temporary_name())
            with writing(path):
                os.symlink(entry.target, temporary)
                os.rename(temporary, path)


def temporary_name() -> str:
    """Of a file that is to be renamed once it is whole: never taken for data."""
    return f".anew-{os.urandom(8).hex()}.tmp"


@contextmanager
def staging(target: str) -> Iterator[str]:
    """An empty folder beside `target`, for what is renamed into place; what a writer that died left there goes.

    StoreError while another process has it: two can't put back the same thing at once.
    """
    where = os.path.abspath(target)
    name = blake3(os.fsencode(where)).hexdigest()[:16]
    path = os.path.join(os.path.dirname(where), f".anew-{name}.tmp")
    with writing(path):
        fd = _own_folder(path)
        if fd is None:
            raise StoreError(f"another process is writing {target}: try again when it is done")
        try:
            for left in list(os.scandir(path)):
                shutil.rmtree(left.path) if left.is_dir(follow_symlinks=False) else os.unlink(left.path)
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(fd)


def _own_folder(path: str) -> int | None:
    """Make a folder, and lock it; None when another process has it."""
    while True:
        os.makedirs(path, exist_ok=True)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # whoever had it is done
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(fd)
            return None
        os.close(fd)


def _make_folder(folder: str, relative: str, safe: set[str]) -> None:
    if relative in safe:
        return
    path = os.path.join(folder, relative)
    with writing(path):
        try:
            os.mkdir(path)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise StoreError(f"{path} is in the way: a folder should be there, remove it first") from None
    safe.add(relative)


def _refuse_folder(path: str) -> None:
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            raise StoreError(f"{path} is in the way: a file should be there, remove the folder first")
    except FileNotFoundError:
        pass
