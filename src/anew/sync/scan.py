"""What the journals of a run refer to, read as they grow."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.errors import AnewError
from anew.store.journal import HEADER
from anew.store.journal_reader import Event, JournalReader, Open
from anew.store.objects import Objects
from anew.store.received import NONSENSE, is_writing, journals

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NEVER_KEPT = {"redacted", "edited"}  # digests of what held secrets, and SHA-256 of installed files
_KEPT = {"digest", "stored_as", "tree", "stood", "diff"}  # what stands here is on the disk, or will be in a moment
_PATIENCE_S = 30.0  # so long the bytes that name an object wait for it to be on the disk


@dataclass
class Named:
    """Objects that one event names. `trees` are those among them that are folders, `awaited` those it says are kept.

    `before`: where the event begins, or a little earlier.
    """

    before: int
    digests: set[str]
    trees: set[str]
    awaited: set[str]
    since: float = field(default_factory=time.monotonic)


@dataclass
class Following:
    """One journal, as far as it was read. `ahead`: what it names that is not known to be where it has to be."""

    path: Path
    reader: JournalReader
    ahead: deque[Named] = field(default_factory=deque)
    who: dict[str, Any] | None = None
    problem: str | None = None

    @property
    def end(self) -> int:
        """Bytes that are whole and were looked through."""
        return self.reader.offset if self.reader.offset > len(HEADER) else 0

    @property
    def sendable(self) -> int:
        """Bytes up to the first event that names what is not yet there."""
        return self.ahead[0].before if self.ahead else self.end

    def alive(self) -> bool:
        return not self.reader.sealed and self.who is not None and is_writing(self.path, self.who)


class Scan:
    """The journals of one run. `advance` reads what is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.following: dict[str, Following] = {}
        self.process: dict[str, Any] | None = None  # of the script, which may outlive the journal's writer

    def advance(self) -> None:
        for path in journals(self.folder):
            journal = self.following.get(path.name)
            if journal is None:
                journal = self.following[path.name] = Following(path, JournalReader(path))
            if not journal.reader.sealed:
                self._read(journal)

    def alive(self) -> bool:
        """Whether more may come."""
        if any(journal.alive() for journal in self.following.values()):
            return True
        return self.process is not None and is_writing(self.folder / "journal", self.process)

    def named(self) -> tuple[set[str], set[str]]:
        """All digests that are still ahead, and the trees among them."""
        digests: set[str] = set()
        trees: set[str] = set()
        for journal in self.following.values():
            for one in journal.ahead:
                digests |= one.digests
                trees |= one.trees
        return digests, trees

    def settle(self, there: set[str], *, patient: bool) -> None:
        """Let the bytes go whose objects are all `there`.

        A writer may name an object a moment before it is on the disk: while there is one, be `patient`. What did not
        come for long was never kept at all.
        """
        for journal in self.following.values():
            while journal.ahead:
                one = journal.ahead[0]
                waited = time.monotonic() - one.since > _PATIENCE_S
                if patient and not waited and not one.awaited <= there:
                    break
                journal.ahead.popleft()

    def _read(self, journal: Following) -> None:
        reader = journal.reader
        before = reader.offset
        try:
            for item in reader:
                if isinstance(item, Open):
                    journal.who = item.body
                elif isinstance(item, Event) and isinstance(item.body, dict):
                    self._event(journal, item, before)
                    before = reader.offset
        except NONSENSE as error:
            journal.problem = f"{journal.path.name} can't be read past offset {reader.offset}: {error}"
            return
        journal.problem = f"{journal.path.name}: {reader.torn}" if reader.torn else None

    def _event(self, journal: Following, event: Event, before: int) -> None:
        if event.kind == "run" and isinstance(event.body.get("process"), dict):
            self.process = event.body["process"]
        found = named_in(event.body, before)
        if found.digests:
            journal.ahead.append(found)


def named_in(body: dict[str, Any], before: int = 0) -> Named:
    """What an event, or a verdict, names: any digest that stands anywhere in it, unless it says that was not stored.

    A digest of something else (a SHA-256, say) is no object of the store.
    """
    found = Named(before, set(), set(), set())
    waiting: list[tuple[str, Any]] = [("", body)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            if _DIGEST.fullmatch(value):
                found.digests.add(value)
                if key == "tree":
                    found.trees.add(value)
                if key in _KEPT:
                    found.awaited.add(value)
        elif isinstance(value, dict):
            absent = {"digest"} if value.get("stored") is False else set()
            items = [(str(k), v) for k, v in value.items() if k not in _NEVER_KEPT and k not in absent]
            waiting += items
            if value.get("kind") == "tree" and isinstance(value.get("digest"), str) and not absent:
                found.trees.add(value["digest"])
        elif isinstance(value, list):
            waiting += [(key, item) for item in value]
    found.trees &= found.digests
    return found


def whole(objects: Objects, digests: set[str], trees: set[str], problems: list[str]) -> set[str]:
    """Of `digests`, those that are stored, with all that the trees among them are made of."""
    found = digests - set(objects.missing(digests))
    for tree in trees & found:
        try:
            found |= set(objects.tree_parts(tree))
        except AnewError as error:
            problems.append(str(error))
    return found


def referred(folder: Path, objects: Objects, verdicts: Iterable[dict[str, Any]], problems: list[str]) -> set[str]:
    """All that the journals of a run, as they are now, and the verdicts on it refer to and this store holds."""
    scan = Scan(folder)
    scan.advance()
    digests, trees = scan.named()
    for entry in verdicts:
        digests |= named_in(entry["body"]).digests
    return whole(objects, digests, trees, problems)


def batches(sized: dict[str, int], most_bytes: int, most: int) -> Iterator[list[str]]:
    """Digests in groups of about so many bytes, and no more than `most`."""
    group: list[str] = []
    total = 0
    for digest, size in sized.items():
        if group and (total + size > most_bytes or len(group) == most):
            yield group
            group, total = [], 0
        group.append(digest)
        total += size
    if group:
        yield group
