"""The ledger: every change of meaning, one line each, each line chained to the one before by its hash."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anew.errors import CorruptData, StoreFull

GENESIS = "0" * 64


class Ledger:
    """The hash-chained file at `path`. Many processes may append: each append holds a lock on the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self,
        kind: str,
        subject: str,
        body: dict[str, Any] | Callable[[], dict[str, Any]],
        actor: str | None = None,
    ) -> dict[str, Any]:
        """Add an entry and flush it to the disk before returning it. Raises CorruptData if the last line is broken.

        A `body` that depends on what stands in the ledger is a function: it is called when nobody else can write, and
        what it raises leaves the ledger as it was.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                last = self._last(file)
                body = body() if callable(body) else body
                entry = {
                    "seq": last["seq"] + 1 if last else 0,
                    "time": time.time(),
                    "actor": actor or _actor(),
                    "kind": kind,
                    "subject": subject,
                    "body": body,
                    "prev": last["hash"] if last else GENESIS,
                }
                entry["hash"] = entry_hash(entry)
                file.write(canonical(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                if last is None:
                    _sync_folder(self.path.parent)  # else a power cut could take the new file itself
                return entry
        except OSError as error:
            raise StoreFull(f"cannot write the ledger {self.path}: {error.strerror}") from error

    def size(self) -> int:
        """How many bytes it has; 0 before the first entry."""
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:
            return 0

    def entries(self, start_seq: int = 0) -> Iterator[dict[str, Any]]:
        """Entries from `start_seq` on, oldest first; each line's own hash is checked. A torn last line is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n") and not _whole(line):
                    return
                if number >= start_seq:
                    yield self._parse(line, number)

    def after(self, offset: int) -> Iterator[tuple[dict[str, Any], int]]:
        """The entries from byte `offset` on, each with the offset behind it. A torn last line is left out."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                yield self._parse(line, None), offset

    def verify(self) -> tuple[int, str | None]:
        """Walk the whole chain. Returns the count of good entries and the first problem, or None."""
        count, previous = 0, GENESIS
        try:
            for entry in self.entries():
                if entry["seq"] != count or entry["prev"] != previous:
                    return count, f"entry {count} does not follow the one before: something was removed or changed"
                count, previous = count + 1, entry["hash"]
        except CorruptData as error:
            return count, str(error)
        return count, None

    def _last(self, file: Any) -> dict[str, Any] | None:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return None
        tail, start = b"", end
        while start > 0 and tail.count(b"\n") < 2:
            step = min(start, 1 << 16)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
        if not tail.endswith(b"\n"):
            begin = tail.rfind(b"\n") + 1
            if whole := _whole(tail[begin:]):
                # Only the end of the line is missing or damaged: the entry stands.
                file.truncate(start + begin + len(whole))
                file.write(b"\n")
                file.flush()
            else:
                # A crash tore the last line: it was never acknowledged, so it goes.
                file.truncate(start + begin)
            return self._last(file)
        lines = tail.splitlines()
        return self._parse(lines[-1], None)

    def _parse(self, line: bytes, number: int | None) -> dict[str, Any]:
        where = f"{self.path}, line {'last' if number is None else number + 1}"
        try:
            entry: dict[str, Any] = json.loads(line if line.endswith(b"\n") else _whole(line) or line)
            good = entry["hash"] == entry_hash(entry)
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptData(f"{where} is not a ledger entry: {error}") from error
        if not good:
            raise CorruptData(f"{where} was changed: its hash does not fit")
        return entry


class View(ABC):
    """What the entries of some kinds come to, kept up with the file: a noun whose truth is the ledger.

    A subclass says in `_apply` what one entry changes. Safe to use from several threads and processes.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._offset = 0
        self._lock = threading.RLock()

    def is_current(self) -> bool:
        """Whether all that the ledger says is taken in. Waits for nobody, as `refresh` does for who is writing."""
        return self.ledger.size() == self._offset

    def refresh(self) -> None:
        """Take in what was appended since, by whomever."""
        if self.is_current():
            return
        with self._lock:
            for entry, offset in self.ledger.after(self._offset):
                self._apply(entry)
                self._offset = offset

    def change(
        self, kind: str, subject: str, make: Callable[[], dict[str, Any]], actor: str | None = None
    ) -> dict[str, Any]:
        """Append the entry whose body `make` gives: called when this view is up to date and nobody else can write.

        What `make` raises leaves all as it was.
        """

        def body() -> dict[str, Any]:
            self.refresh()
            return make()

        with self._lock:
            entry = self.ledger.append(kind, subject, body, actor)
            self.refresh()
        return entry

    @abstractmethod
    def _apply(self, entry: dict[str, Any]) -> None: ...


def times(entry: dict[str, Any]) -> tuple[float, float]:
    """When what an entry makes was made, and last changed, in seconds since 1970.

    That is the entry's time, unless it was made elsewhere before: then its body says so, in `original`.
    """
    original = entry["body"].get("original", {})
    created = original.get("created") or entry["time"]
    return created, original.get("updated") or created


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: the bytes that are hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _whole(line: bytes) -> bytes:
    """The entry in a line whose end is missing or damaged, when all of it is there; else nothing."""
    text = line[: line.rfind(b"}") + 1]
    try:
        entry = json.loads(text)
        return text if entry["hash"] == entry_hash(entry) else b""
    except (ValueError, KeyError, TypeError):
        return b""


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def entry_hash(entry: dict[str, Any]) -> str:
    """BLAKE3 of the canonical entry without its own `hash`."""
    from blake3 import blake3

    return str(blake3(canonical({key: value for key, value in entry.items() if key != "hash"})).hexdigest())


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
