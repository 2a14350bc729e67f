"""Down: what a run refers to first, then its journals, then what the ledger says of it: verdicts, deletions."""

from __future__ import annotations

import threading

from anew.data.datasets import Datasets
from anew.data.linking import version_of
from anew.errors import AnewError, Conflict, CorruptData, RunNotFound, UsageError
from anew.remotes.parallel import each
from anew.store import received
from anew.store.journal_reader import Event, JournalReader
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.store.objects import FileRef, Objects
from anew.store.objects.chunk import WHOLE_SIZE_MAX
from anew.store.objects.manifest import ENTRY
from anew.store.objects.record import decode, split
from anew.sync.client import Server
from anew.sync.push import BATCH_BYTES, BATCH_OBJECTS, MOST_WAITING, THREADS, Tally
from anew.sync.scan import batches
from anew.sync.verdicts import Verdicts


class Pull:
    """Fetches runs of one server into one store."""

    def __init__(self, store: Store, server: Server, tally: Tally | None = None) -> None:
        self.store, self.server, self.tally = store.create(), server, tally or Tally()
        self.objects = Objects(store.objects)
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        self.objects.close()

    def run(self, run_id: str, *, running: bool = False) -> None:
        """Bring a run down whole; what is here already is not fetched. Raises RunNotFound, Conflict, Unreachable."""
        state = self.server.state([run_id])["runs"][run_id]
        if not state["journals"]:
            raise RunNotFound(f"{self.server.address} has no run {run_id}")
        # Asked for after the sizes: so nothing is left out that the bytes up to there refer to.
        self.fetch(self.server.objects_of(run_id))
        for name, there in state["journals"].items():
            self._journal(run_id, name, there["size"])
        entries = self.server.verdicts(run_id)
        self.tally.add(verdicts=Verdicts(Ledger(self.store.ledger)).take(run_id, entries))
        self._versions(run_id)
        received.heard_of(self.store.run(run_id), alive=running)

    def _versions(self, run_id: str) -> None:
        """Take in the versions of data that the run asks for by name, unless there is another of that number here."""
        datasets = Datasets(Ledger(self.store.ledger))
        for path in received.journals(self.store.run(run_id)):
            for item in JournalReader(path):
                if not isinstance(item, Event) or item.kind != "dataset" or not isinstance(item.body, dict):
                    continue
                version = version_of(item.body)
                if version is None or not self.objects.has(version.digest):
                    continue
                try:
                    theirs = datasets.find(version.name).versions.get(version.number)
                    if theirs is None:
                        datasets.take(version)
                    elif theirs.digest != version.digest:
                        self.problems.append(f"{version.label} is another one here: what asks for it gets that")
                except UsageError as error:
                    self.problems.append(str(error))

    def fetch(self, sizes: dict[str, int]) -> None:
        """Those objects that are not here, in parallel; on the disk when this returns."""
        lacking = self.objects.missing(sizes)
        blobs = {digest: sizes[digest] for digest in lacking}
        large: dict[str, bytes] = {}

        def chunks_of(digest: str) -> None:
            if listed := self.server.chunks(digest):
                with self._lock:
                    large[digest] = listed

        in_chunks = [digest for digest in lacking if sizes[digest] > WHOLE_SIZE_MAX]
        each(chunks_of, in_chunks, THREADS, MOST_WAITING)
        for digest, listed in large.items():
            del blobs[digest]
            if len(listed) % ENTRY.size:
                raise CorruptData(f"{self.server.address} gave a list of chunks that is none")
            parts = {key.hex(): size for key, size in ENTRY.iter_unpack(listed)}
            blobs |= {part: parts[part] for part in self.objects.missing(parts)}
        self.tally.add(expected_bytes=sum(blobs.values()))
        each(self._fetch_batch, batches(blobs, BATCH_BYTES, BATCH_OBJECTS), THREADS, MOST_WAITING)
        for digest, listed in large.items():
            try:
                self.objects.join(digest, [FileRef(key.hex(), size) for key, size in ENTRY.iter_unpack(listed)])
            except AnewError as error:
                self.problems.append(f"object {digest} could not be made whole: {error}")
        self.objects.flush()
        self.tally.add(objects=len(lacking))

    def _fetch_batch(self, batch: list[str]) -> None:
        data = self.server.get(batch)
        wanted, end, size = set(batch), 0, 0
        for raw, behind in split(data, f"what {self.server.address} sent"):
            _, key, content = decode(raw, f"what {self.server.address} sent")
            if key.hex() in wanted:
                wanted.discard(self.objects.put_chunk(content))
            end, size = behind, size + len(content)
        if end != len(data):
            raise CorruptData(f"what {self.server.address} sent ends inside a record")
        self.problems += [f"{self.server.address} has lost object {digest}" for digest in sorted(wanted)]
        self.objects.flush()
        self.tally.add(object_bytes=size)

    def _journal(self, run_id: str, name: str, end: int) -> None:
        if not received.NAME.fullmatch(name):
            raise AnewError(f"{self.server.address} names a journal {name!r:.80}: that can't be one")
        folder = self.store.run(run_id)
        size = received.sizes(folder).get(name, received.Size(0, False)).size
        while size < end:
            piece = self.server.read(run_id, name, size, end)
            if not piece:
                raise Conflict(f"{name} of run {run_id} has shrunk on {self.server.address}; try again")
            try:
                size = received.append(folder, name, size, piece)
                self.tally.add(journal_bytes=len(piece))
            except received.WrongOffset as error:
                size = error.size  # another pull is at it, too
