"""Hub: one store as a server holds it. What arrives for a run is in its journal before it is acknowledged."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from anew.data.datasets import Datasets
from anew.errors import NotFound, RunNotFound, StoreFull, UsageError
from anew.index import Index
from anew.models.registry import Registry
from anew.projects import Projects
from anew.store.alone import alone
from anew.store.growth import Growth, State
from anew.store.journal import JournalWriter
from anew.store.ledger import Ledger
from anew.store.location import KINDS, Store
from anew.store.objects import Objects
from anew.store.objects.disk import flush_files
from anew.store.objects.values import FileRef
from anew.store.uploads import Uploads
from anew.views import Views

_MOST_OPEN = 256
_MOST_WATCHED = 10_000
_SEAL_AT = 64  # so many journals wait, or a second has passed, until they are sealed
_MOST_UNSEALED = 256  # each is an open file
_SYNC_EVERY_S = 1.0
_LOOK_EVERY_S = 0.25
_LOOK_AT_OWN_EVERY_S = 5.0
_MOST_RECENT = 10_000
_MOST_NAMED = 256
_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)

Points = tuple[tuple[str, ...], list[float], float, float]  # names, values, step, seconds since 1970
Row = tuple[Sequence[float], int, float]  # values, step, seconds since 1970


class Names:
    """The files of a run, and the folders that their paths make."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        self._files.add(path)
        self._folders.update(_folders_of(path))

    def check(self, path: str) -> None:
        """Raises UsageError where a file and a folder would have one name."""
        if path in self._files:
            return
        if path in self._folders:
            raise UsageError(f"Invalid path: '{path}' is a folder.")
        for folder in _folders_of(path):
            if folder in self._files:
                raise UsageError(f"Invalid path: '{folder}' is a file, and nothing can be below it.")


def _folders_of(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter == "/" and at]


class Hub:
    """Writes and reads runs, logged models, traces, datasets and loose files. Safe for threads.

    Each of these is a journal of its own.
    Several hubs, and scripts beside them, may use one store at once: each writes journals of its own.
    """

    def __init__(self, store: Store) -> None:
        self.store = store.create()
        self.objects = Objects(store.objects)
        self.ledger = Ledger(store.ledger)
        self._uploads = Uploads(store.root / "uploads")
        self.projects = Projects(self.ledger)
        self.views = Views(self.ledger)
        self.registry = Registry(self.ledger)
        self.datasets = Datasets(self.ledger)
        self._index = {kind: Index(store.root, kind) for kind in KINDS}
        self._writers: OrderedDict[tuple[str, str], JournalWriter] = OrderedDict()
        self._dirty: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._reading = {kind: threading.RLock() for kind in KINDS}  # held from the look at `_dirty` to the end of it
        self._looked = dict.fromkeys(KINDS, 0.0)
        self._looked_at_own = dict.fromkeys(KINDS, 0.0)
        self._growth: dict[tuple[str, str], Growth] = {}
        self._seen: dict[tuple[str, str], State] = {}  # what others had written when it was last taken in
        self._moment = 0
        self._recent: deque[tuple[int, str]] = deque(maxlen=_MOST_RECENT)  # what changed when, for who watches
        self._unsynced: set[str] = set()  # journals whose last bytes may not be on the disk
        self._unsealed: list[tuple[str, str, JournalWriter]] = []  # had to make room for others
        self._names: OrderedDict[tuple[str, str], Names] = OrderedDict()
        # Taken in this order: `_naming`, `_reading`, `_lock`.
        self._naming = threading.RLock()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._full = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"anew-hub-{name}", daemon=True)
            for name, work in (("sync", self._sync_forever), ("seal", self._seal_forever))
        ]
        for thread in self._threads:
            thread.start()

    # Writing

    def create(self, kind: str, body: Mapping[str, Any], owner_id: str | None = None) -> str:
        """Begin a run (or what else `kind` says) whose first event is `body`; returns its id.

        Raises UsageError for an id that is none, or is taken.
        """
        owner_id = owner_id or uuid.uuid4().hex
        if not _ID.fullmatch(owner_id):
            raise UsageError(f"{owner_id!r:.80} is not an id")
        if (self.store.root / kind / owner_id).exists():
            raise UsageError(f"{owner_id} is there already")
        self.event(kind, owner_id, "run", {"id": owner_id, "remote": True, "created": time.time(), **body}, new=True)
        return owner_id

    def event(self, kind: str, owner_id: str, name: str, body: Mapping[str, Any], *, new: bool = False) -> None:
        """Append an event. Raises RunNotFound, StoreFull; what did not raise survives the end of this process."""
        with self._lock:
            writer = self._writer(kind, owner_id, new=new)
            writer.event(name, body)
            self._wrote(kind, owner_id, writer)

    def points(self, run_id: str, points: Iterable[Points], kind: str = "runs") -> None:
        """Append points with steps and times of their own. Raises as `event`."""
        with self._lock:
            writer = self._writer(kind, run_id)
            for names, values, step, taken in points:
                writer.points(names, values, step, time=taken)
            self._wrote(kind, run_id, writer)

    def rows(self, run_id: str, rows: Mapping[tuple[str, ...], Sequence[Row]], kind: str = "runs") -> None:
        """As `points`, at whole steps and by the names that the values have: one write for each set of names."""
        with self._lock:
            writer = self._writer(kind, run_id)
            for names, some in rows.items():
                writer.rows(names, some)
            self._wrote(kind, run_id, writer)

    def release(self, kind: str, owner_id: str) -> None:
        """The run has ended: seal its journal. What comes later opens another."""
        with self._lock:
            writer = self._writers.pop((kind, owner_id), None)
        if writer is not None:
            self._seal(kind, owner_id, writer)

    def _seal(self, kind: str, owner_id: str, writer: JournalWriter) -> None:
        writer.seal()
        with self._lock:
            self._unsynced.add(str(writer.path))
            self._dirty[kind].add(owner_id)

    def arrived(self, kind: str, owner_id: str) -> None:
        """Others wrote to a journal of this run just now: the next question about it takes that in."""
        with self._lock:
            self._dirty[kind].add(owner_id)
        self._forget_names(kind, [owner_id])

    def alone(self, owner_id: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """While this is held, no server decides what depends on the state of this run. Not to be taken twice.

        Without `wait` it may not be held: then it gives False.
        """
        return alone(self.store.root / "locks", owner_id, wait=wait)

    def state(self, kind: str, owner_id: str, *, others: bool = False) -> State | None:
        """What is another one as soon as something was written to the run; with `others`, by others than this hub.

        () for no run, None where it can't be told. No lock is taken, and nothing is read.
        """
        key = kind, owner_id
        growth = self._growth.get(key)
        if growth is None:
            if not _ID.fullmatch(owner_id):
                return ()
            if len(self._growth) >= _MOST_WATCHED:
                self._growth.clear()
                self._seen.clear()
            growth = self._growth[key] = Growth(self.store.root / kind / owner_id)
        writer = self._writers.get(key) if others else None
        return growth.state(writer.path.name if writer else "")

    def _heed(self, kind: str, owner_id: str) -> None:
        """Have what others wrote since the last look taken in by the next question."""
        state = self.state(kind, owner_id, others=True)
        if state is None or state != self._seen.get((kind, owner_id), ()):
            self.arrived(kind, owner_id)
            if state is not None:  # only now: whoever finds nothing new has to find the run among those to be read
                self._seen[kind, owner_id] = state

    def _writer(self, kind: str, owner_id: str, *, new: bool = False) -> JournalWriter:
        key = kind, owner_id
        writer = self._writers.get(key)
        if writer is None:
            folder = self.store.root / kind / owner_id
            if not new and not (_ID.fullmatch(owner_id) and folder.is_dir()):
                raise RunNotFound(f"no run {owner_id}")
            writer = JournalWriter(_free(folder), run=owner_id, writer="server", mapped=False, synced=False)
            self._writers[key] = writer
            if len(self._writers) > _MOST_OPEN:
                (old_kind, old_id), old = self._writers.popitem(last=False)
                self._unsealed.append((old_kind, old_id, old))
                if len(self._unsealed) >= _SEAL_AT:
                    self._full.set()
                if len(self._unsealed) >= _MOST_UNSEALED:
                    self._seal_waiting()
        self._writers.move_to_end(key)
        return writer

    def _wrote(self, kind: str, owner_id: str, writer: JournalWriter) -> None:
        self._dirty[kind].add(owner_id)
        self._unsynced.add(str(writer.path))
        if writer.behind:
            raise StoreFull(f"no space in {self.store.root}: what was sent for {owner_id} is not kept yet")

    def _sync_forever(self) -> None:
        """One thread for all journals: a power cut loses a second at the most."""
        while not self._stop.wait(_SYNC_EVERY_S):
            self.sync()

    def _seal_forever(self) -> None:
        """A journal is read whole to be sealed: whoever makes room for another does not wait for that."""
        while not self._stop.is_set():
            self._full.wait(_SYNC_EVERY_S)
            self._full.clear()
            self._seal_waiting()

    def _seal_waiting(self) -> None:
        while True:
            with self._lock:
                if not self._unsealed:
                    return
                kind, owner_id, writer = self._unsealed.pop()
            self._seal(kind, owner_id, writer)

    def sync(self) -> None:
        with self._lock:
            waiting, self._unsynced = self._unsynced, set()
        flush_files(waiting)

    # Reading

    def index(self, kind: str = "runs") -> Index:
        """The index of that kind, with all in it that was acknowledged here, and what others wrote a moment ago."""
        if time.monotonic() - self._looked[kind] > _LOOK_EVERY_S:
            self.look(kind)
        self._catch_up(kind)
        return self._index[kind]

    def look(self, kind: str = "runs") -> None:
        """Take in what scripts and servers beside this one wrote.

        A run that is written here is read for what scripts add to it now and then only: there may be hundreds. What
        another server adds shows in the sizes of its journals.
        """
        now = time.monotonic()
        held: set[str] = set()
        if now - self._looked_at_own[kind] < _LOOK_AT_OWN_EVERY_S:
            with self._lock:
                held = {owner_id for of, owner_id in self._writers if of == kind}
        else:
            self._looked_at_own[kind] = now
        found = self._index[kind].refresh(but=held)
        self._changed(kind, found)
        self._forget_names(kind, found)
        for owner_id in held:
            self._heed(kind, owner_id)
        self._looked[kind] = time.monotonic()

    def changes(self, since: int) -> tuple[int, set[str]]:
        """The runs that changed after the moment `since`, and the present moment, to ask from next time."""
        if time.monotonic() - self._looked["runs"] > _LOOK_EVERY_S / 2:
            self.look()
        self._catch_up("runs")
        with self._lock:
            return self._moment, {run_id for moment, run_id in self._recent if moment > since}

    def _changed(self, kind: str, run_ids: set[str]) -> None:
        if kind == "runs" and run_ids:
            with self._lock:
                self._moment += 1
                self._recent.extend((self._moment, run_id) for run_id in run_ids)

    def document(self, owner_id: str, kind: str = "runs") -> dict[str, Any]:
        """The document of a run as it is now. Raises RunNotFound."""
        index = self._index[kind]
        self._heed(kind, owner_id)
        with self._reading[kind]:
            if owner_id in self._dirty[kind]:
                self._take_in(kind, {owner_id})
        try:
            document = index.document(owner_id)
        except RunNotFound:
            if not (_ID.fullmatch(owner_id) and (self.store.root / kind / owner_id).is_dir()):
                raise
            self._changed(kind, index.refresh({owner_id}))
            return index.document(owner_id)
        if document["status"] == "running" and not document.get("remote"):
            self._changed(kind, index.refresh({owner_id}))
            document = index.document(owner_id)
        return document

    def _catch_up(self, kind: str) -> None:
        with self._reading[kind]:
            if self._dirty[kind]:
                self._take_in(kind, set(self._dirty[kind]))

    def _take_in(self, kind: str, owner_ids: set[str]) -> None:
        """Read what is new of these; what could not be read now is to be read still. Raises StoreError."""
        with self._lock:
            self._dirty[kind] -= owner_ids
        try:
            self._changed(kind, self._index[kind].refresh(owner_ids, must=True))
        except BaseException:
            with self._lock:
                self._dirty[kind] |= owner_ids
            raise

    # Projects

    def rename_project(self, project_id: str, name: str, actor: str | None = None) -> None:
        """Rename a project, and tell every run, logged model and trace of it. Raises NotFound, Conflict."""
        before = self.projects.get(project_id).name
        self.projects.rename(project_id, name, actor)
        for kind in ("runs", "models", "traces"):
            for owner_id in self._owners_in(kind, before):
                self.event(kind, owner_id, "run", {"project": name})

    def delete_project(self, project_id: str, deleted: bool, actor: str | None = None) -> None:
        """Put a project and its runs out of sight, or back. Raises NotFound."""
        project = self.projects.set_deleted(project_id, deleted, actor)
        for run_id in self._owners_in("runs", project.name):
            self.event("runs", run_id, "run", {"deleted": project.deleted})
            self.release("runs", run_id)

    def delete_run(self, run_id: str, deleted: bool, actor: str | None = None) -> None:
        """Put a run out of sight, or back; its content stays. Raises RunNotFound."""
        with self.alone(run_id):
            self.document(run_id)
            entry = self.ledger.append("run", run_id, {"action": "delete" if deleted else "restore"}, actor)
            self.event("runs", run_id, "run", {"deleted": entry["time"] if deleted else None})
            self.release("runs", run_id)  # with the journal closed, this change is seen as those of others are

    def _owners_in(self, kind: str, project: str) -> list[str]:
        quoted = project.replace("'", "''")
        return self.index(kind).ids(f"project = '{quoted}' and (deleted is null or deleted > 0)", strict=False)

    # Files

    def put_content(self, kind: str, owner_id: str, path: str, content: bytes | Path | FileRef) -> str:
        """Keep bytes, a file's content, or what was put in `objects`, as the file `path` of a run; returns the digest.

        Raises RunNotFound; UsageError where a file and a folder would have one name.
        """
        self.check_path(kind, owner_id, path)
        if isinstance(content, bytes):
            content = FileRef(self.objects.put_bytes(content), len(content))
        elif isinstance(content, Path):
            content = self.objects.put_file(content)
        self.objects.flush()
        digest, size = content.digest, content.size
        body = {"path": path, "name": path, "type": "file", "digest": digest, "size": size, "saved": True}
        self.event(kind, owner_id, "output", body | {"stored": True, "time": time.time()})
        with self._naming:
            self._names_of(kind, owner_id).add(path)
        return digest

    def check_path(self, kind: str, owner_id: str, path: str) -> None:
        """Raises RunNotFound; UsageError for a file's path that is a folder, or lies below a file."""
        with self._naming:
            self._names_of(kind, owner_id).check(path)

    def _forget_names(self, kind: str, owner_ids: Iterable[str]) -> None:
        """Others may have added files, or some were removed."""
        with self._naming:
            for owner_id in owner_ids:
                self._names.pop((kind, owner_id), None)

    def _names_of(self, kind: str, owner_id: str) -> Names:
        """What its files are called: whoever stores thousands, one by one, is not made to wait for the document."""
        key = kind, owner_id
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = Names(self.files(kind, owner_id))
            if len(self._names) > _MOST_NAMED:
                self._names.popitem(last=False)
        self._names.move_to_end(key)
        return found

    def remove_file(self, kind: str, owner_id: str, path: str) -> None:
        """Take a file, or all below a folder, off a run. Raises NotFound."""
        files = self.files(kind, owner_id)
        gone = [name for name in files if name == path or name.startswith(path.rstrip("/") + "/") or not path]
        if not gone:
            raise NotFound(f"{owner_id} has no file {path!r}")
        for name in gone:
            self.event(kind, owner_id, "output", {"path": name, "removed": True})
        self._forget_names(kind, [owner_id])

    def files(self, kind: str, owner_id: str) -> dict[str, dict[str, Any]]:
        """The files of a run that are kept, by path. Raises RunNotFound."""
        outputs = self.document(owner_id, kind)["outputs"]
        return {item["path"]: item for item in outputs if item.get("digest") and item.get("stored", True)}

    @property
    def uploads(self) -> Path:
        """The folder for what is on its way in here."""
        return self._uploads.folder

    def close(self) -> None:
        """Flush and seal everything."""
        self._stop.set()
        self._full.set()
        for thread in self._threads:
            thread.join(5)
        self._seal_waiting()
        with self._lock:
            for (kind, owner_id), writer in self._writers.items():
                self._seal(kind, owner_id, writer)
            self._writers.clear()
        self.sync()
        for index in self._index.values():
            index.close()
        self.objects.close()
        self._uploads.close()


def _free(folder: Path) -> Path:
    """The path of a journal that nobody has written yet: a run's first, or one of this process for what comes later."""
    if not folder.exists():
        return folder / "journal"
    while True:
        path = folder / f"journal-server-{time.time_ns():x}"
        if not path.exists():
            return path
