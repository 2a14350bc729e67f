"""Up: what a run refers to first, then the journals that say so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from anew.errors import AnewError, Conflict
from anew.remotes.parallel import each
from anew.store.liveness import boot_id
from anew.store.location import Store
from anew.store.objects import Objects
from anew.store.objects.manifest import ENTRY
from anew.store.objects.record import BLOB, encode
from anew.store.received import RUN_ID, WrongOffset, piece_of
from anew.sync.client import Server
from anew.sync.scan import Scan, batches, named_in, whole
from anew.sync.verdicts import Verdicts

THREADS = 4
BATCH_BYTES, BATCH_OBJECTS = 4 << 20, 1000
MOST_WAITING = 2 * THREADS  # what is handed to the threads is in memory
_MOST_TURNS = 20  # so often another client may be quicker in appending to one journal


@dataclass
class Tally:
    """What was sent, or fetched. `said` is called after each part of it."""

    objects: int = 0
    journal_bytes: int = 0
    object_bytes: int = 0  # of content
    verdicts: int = 0
    expected_bytes: int = 0
    said: Callable[[Tally], None] = field(default=lambda _: None, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **more: int) -> None:
        with self.lock:
            for name, value in more.items():
                setattr(self, name, getattr(self, name) + value)
        self.said(self)

    def to_dict(self) -> dict[str, int]:
        return {
            "objects": self.objects,
            "object_bytes": self.object_bytes,
            "journal_bytes": self.journal_bytes,
            "verdicts": self.verdicts,
        }


class Push:
    """Sends runs of one store to one server; knows what it sent in this session."""

    def __init__(self, store: Store, server: Server, tally: Tally | None = None) -> None:
        self.store, self.server, self.tally = store, server, tally or Tally()
        self.objects = Objects(store.objects)
        from anew.store.ledger import Ledger

        self.verdicts = Verdicts(Ledger(store.ledger))
        self.problems: list[str] = []
        self._there: set[str] = set()  # digests known to be on the server

    def close(self) -> None:
        self.objects.close()

    def state(self, run_ids: list[str]) -> dict[str, Any]:
        """What the server has of these runs, by id. Raises Conflict when it serves this very store."""
        found: dict[str, Any] = {}
        for start in range(0, len(run_ids), 500):
            answer = self.server.state(run_ids[start : start + 500])
            about = self.store.root.stat()
            if answer.get("store") == f"{boot_id()}:{about.st_dev}:{about.st_ino}":
                raise SameStore(f"{self.server.address} serves {self.store.root} itself: its runs are there already")
            found |= answer["runs"]
        return found

    def is_done(self, run_id: str, state: dict[str, Any]) -> bool:
        """Whether the server has all of a run, told without reading it: every journal sealed, with the same size."""
        from anew.store.received import journals, size_of

        paths = journals(self.store.run(run_id))
        return (
            bool(paths)
            and not (self.store.run(run_id) / "spool").exists()
            and all(
                (there := state["journals"].get(path.name)) is not None
                and there["sealed"]
                and size_of(path) == (there["size"], True)
                for path in paths
            )
            and self.verdicts.of(run_id).keys() <= set(state["verdicts"])
        )

    def send(self, scan: Scan, state: dict[str, Any]) -> bool:
        """One pass over a run: all that is whole by now, up. Whether more may come. `state` is kept up to date."""
        run_id = scan.folder.name
        scan.advance()
        alive = scan.alive()
        if not alive:
            scan.advance()  # it may have written between the reading and its end
        digests, trees = scan.named()
        found = whole(self.objects, digests - self._there, trees - self._there, self.problems)
        self.send_objects(found)
        scan.settle(self._there, patient=alive)
        for name, journal in scan.following.items():
            if journal.problem and not alive:
                self.problems.append(f"run {run_id}: {journal.problem}")
            self._send_journal(run_id, name, journal.path, journal.sendable, state["journals"])
        self.send_verdicts(run_id, state)
        return alive

    def send_objects(self, digests: set[str]) -> None:
        """Those of them that the server lacks, in parallel; it has them on its disk when this returns."""
        lacking = self.server.missing(digests - self._there)
        blobs: dict[str, int] = {}
        large: dict[str, bytes] = {}
        for digest in lacking:
            try:
                chunks = self.objects.chunks(digest)
                if not chunks:
                    blobs[digest] = self.objects.size(digest)
            except AnewError as error:
                self.problems.append(str(error))
                continue
            if chunks:
                large[digest] = b"".join(ENTRY.pack(bytes.fromhex(one.digest), one.size) for one in chunks)
        parts = {key.hex(): size for listed in large.values() for key, size in ENTRY.iter_unpack(listed)}
        blobs |= {digest: parts[digest] for digest in self.server.missing(parts.keys() - self._there)}
        self.tally.add(expected_bytes=sum(blobs.values()))
        broken: set[str] = set()
        send = partial(self._send_batch, broken=broken)
        each(send, batches(blobs, BATCH_BYTES, BATCH_OBJECTS), THREADS, MOST_WAITING)
        for digest, listed in list(large.items()):
            if any(key.hex() in broken for key, _ in ENTRY.iter_unpack(listed)):
                del large[digest]
        each(lambda digest: self.server.join(digest, large[digest]), large, THREADS, MOST_WAITING)
        self.tally.add(objects=len(lacking))
        self._there |= digests

    def _send_batch(self, batch: list[str], broken: set[str]) -> None:
        records = []
        size = 0
        for digest in batch:
            try:
                content = self.objects.get_bytes(digest)
            except AnewError as error:
                # Damaged here: the run is sent without it, as it is here, and the damage told.
                self.problems.append(str(error))
                broken.add(digest)
                continue
            header, stored = encode(BLOB, bytes.fromhex(digest), content)
            records += [header, stored]
            size += len(content)
        if records:
            self.server.put(b"".join(records))
        self.tally.add(object_bytes=size)

    def _send_journal(self, run_id: str, name: str, path: Path, end: int, there: dict[str, Any]) -> None:
        known = there.setdefault(name, {"size": 0, "sealed": False})
        for _ in range(_MOST_TURNS):
            try:
                while known["size"] < end:
                    piece = piece_of(path, known["size"], end)
                    known["size"] = self.server.append(run_id, name, known["size"], piece)
                    self.tally.add(journal_bytes=len(piece))
                return
            except WrongOffset as error:
                if error.size < known["size"]:
                    # What is believed to be there, objects too, may be gone with it.
                    raise Conflict(f"{self.server.address} has lost a part of run {run_id}; try again") from None
                known["size"] = error.size  # another client sends it, too, or an answer was lost
        raise Conflict(f"{name} of run {run_id} is being sent by others; try again")

    def send_verdicts(self, run_id: str, state: dict[str, Any]) -> None:
        """Those the server lacks, and who deleted or restored the run, once it has something of it."""
        ours = self.verdicts.of(run_id)
        news = [entry for known, entry in ours.items() if known not in state["verdicts"]]
        if not news or not state["journals"]:
            return
        digests = {digest for entry in news for digest in named_in(entry["body"]).digests}
        self.send_objects(whole(self.objects, digests - self._there, set(), self.problems))
        for start in range(0, len(news), 100):
            self.tally.add(verdicts=self.server.put_verdicts(run_id, news[start : start + 100]))
        state["verdicts"] = list(ours)


class SameStore(Conflict):
    """The server serves the store that was to be sent to it."""


def push(push: Push, run_ids: list[str], done: Callable[[str], None] = lambda _: None) -> list[str]:
    """Send these runs as they are now; `done` is called after each. Returns the ids of those that still live."""
    states = push.state(run_ids)
    living: list[str] = []
    gone: list[str] = []
    for run_id in run_ids:
        if not push.is_done(run_id, states[run_id]):
            alive = push.send(Scan(push.store.run(run_id)), states[run_id])
            (living if alive else gone).append(run_id)
        done(run_id)
    for start in range(0, max(len(gone), len(living)), 500):
        push.server.heard(living[start : start + 500], gone[start : start + 500])
    return living


def all_runs(store: Store) -> list[str]:
    """The ids of all runs in a store that can be sent."""
    try:
        names = sorted(path.name for path in store.runs.iterdir())
    except FileNotFoundError:
        return []
    return [name for name in names if RUN_ID.fullmatch(name)]
