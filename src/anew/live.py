"""The run that this process is: `init`, `log`, `use`, `save`, `seed`, `finish`.

Under `anew run` it joins the run that the supervisor made; under plain Python it makes one, and captures by itself.
Nothing in here may stop a training run: what fails is warned of once, and what was logged stays.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from anew.errors import AnewError, NotFound
from anew.nesting import flatten
from anew.store.journal import JournalWriter, stamp, warn
from anew.store.liveness import start_tick
from anew.store.location import Store, find_store, new_run_id, project_root, server_address, setting

if TYPE_CHECKING:
    from anew.capture.redact import Redactor
    from anew.data.datasets import Version
    from anew.store.objects import Objects

_USED_STORED_BYTES = 1 << 30
_SAID_BY_USERS = {"config", "summary", "tag", "notes", "rename", "text"}


class _Values(MutableMapping[str, Any]):
    """A dict whose changes are written to the journal as they happen."""

    def __init__(self, kind: str, emit: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._kind, self._emit, self._values = kind, emit, dict[str, Any]()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self._emit(self._kind, {key: value})

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._emit(self._kind, {key: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class Config(_Values):
    """The run's settings, nested ones by dotted name; written once: a second, different value is noted, not taken."""

    def __init__(self, emit: Callable[[str, Mapping[str, Any]], None]) -> None:
        super().__init__("config", emit)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, *others: Any, **named: Any) -> None:
        flat = flatten(dict(*others, **named), ".")
        for key, value in flat.items():
            if key in self._values and self._values[key] != value:
                warn(f"anew: config {key} is {self._values[key]!r} already; {value!r} is noted, not taken")
            self._values.setdefault(key, value)
        self._emit("config", {"values": flat, "source": "init"})

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"config has no {name}") from None


class Tags(_Values):
    """The run's tags, name to value; a plain tag has the value ""."""

    def __init__(self, emit: Callable[[str, Mapping[str, Any]], None]) -> None:
        super().__init__("tag", emit)

    def add(self, name: str) -> None:
        self[name] = ""

    def discard(self, name: str) -> None:
        if name in self:
            del self[name]


class Run:
    """The run of this process. Get it from `anew.init`."""

    def __init__(self, store: Store, run_id: str, attached: bool) -> None:
        self.id, self.store, self._attached = run_id, store, attached
        self.name = run_id
        self.root = Path(setting("ANEW_ROOT") or project_root(Path.cwd()))
        self.finished = self._ending = False
        self._objects: Objects | None = None
        self._redactor: Redactor | None = None
        self._warned: set[str] = set()
        self._used: set[str] = set()  # versions of data, by digest
        self._lock = threading.Lock()
        self._end: Callable[[str, int, str | None], None] | None = None
        self._pid = os.getpid()
        folder = store.run(run_id)
        path = _free(folder, f"-{self._pid}-{start_tick(self._pid) or 0}") if attached else folder / "journal"
        writer = path.name.partition("-")[2] or "main"
        self._journal = JournalWriter(path, run=run_id, writer=writer, fallback=self._mixed)
        self.log = self._journal.log  # the hot path: no layer in between
        self.config, self.tags = Config(self._emit), Tags(self._emit)
        self.summary: MutableMapping[str, Any] = _Values("summary", self._emit)

    @property
    def url(self) -> str:
        """Where the run is shown: its page on the server, or, where there is none, the address of its folder."""
        server = server_address()
        return f"{server}/runs/{self.id}" if server else self.store.run(self.id).as_uri()

    @property
    def objects(self) -> Objects:
        if self._objects is None:
            from anew.store.objects import Objects

            self._objects = Objects(self.store.objects)
        return self._objects

    def save(self, path: str | os.PathLike[str], name: str | None = None, type: str = "file") -> str:
        """Keep a file or folder as an output of the run. Returns its digest.

        Raises NotFound when there is nothing at `path`.
        """
        where = Path(path).absolute()
        if not where.exists():
            raise NotFound(f"cannot save {where}: there is no such file")
        name = name or where.name
        try:
            if where.is_dir():
                folder = self.objects.put_folder(where)
                digest, size, kind = folder.digest, folder.size, "tree"
            else:
                found = self.objects.put_file(where)
                digest, size, kind = found.digest, found.size, "file"
            self.objects.flush()
        except (AnewError, OSError) as error:
            self._warn("save", f"{where} could not be kept: {error}")
            return ""
        body = {"path": self._relative(where), "name": name, "type": type, "digest": digest, "size": size}
        self._emit("output", body | {"kind": kind, "stored": True, "saved": True})
        return digest

    def add(self, path: str | os.PathLike[str], name: str | None = None, message: str = "") -> Version:
        """Make a version of data of a file or folder of the project, as an output of this run (see `anew add`).

        Raises NotFound, UsageError, Conflict.
        """
        from anew.data.workspace import Workspace

        where = Path(path).absolute()
        with Workspace(self.store, self.root) as work:
            version, _ = work.add(where, name, message, run_id=self.id)
        body = {"path": self._relative(where), "name": version.label, "type": "dataset", "digest": version.digest}
        self._emit("output", body | {"size": version.size, "kind": "tree", "stored": True, "saved": True})
        return version

    def use_version(self, version: Version, path: str) -> None:
        """Note that the run reads a version of data, at `path`."""
        from anew.data.linking import event_of

        if version.digest not in self._used:
            self._used.add(version.digest)
            self._emit("dataset", event_of(version, path))

    def use(self, path: str | os.PathLike[str]) -> Path:
        """Name a file or folder as an input: hashed now, and kept so that the run can be repeated. Returns the path.

        NAME:VERSION (v3, latest, an alias) is a version of data: where it is checked out, else a copy in the store.
        Raises NotFound when there is no such thing.
        """
        where = Path(path)
        if not where.exists() and isinstance(path, str) and not os.path.isabs(path):
            from anew.data.workspace import Workspace

            with Workspace(self.store, self.root) as work:
                version = work.resolve(path)
                where = work.place(version)
            self.use_version(version, self._relative(where))
            return where
        if not where.exists():
            raise NotFound(f"cannot use {where.absolute()}: there is no such file")
        files = [where] if where.is_file() else sorted(file for file in where.rglob("*") if file.is_file())
        try:
            for file in files:
                keep = file.stat().st_size <= _USED_STORED_BYTES
                found = self.objects.put_file(file.absolute()) if keep else self.objects.hash_file(file.absolute())
                name = self._relative(file.absolute())
                body = {"path": name, "digest": found.digest, "size": found.size, "stored": keep, "role": "data"}
                self._emit("input", body | {"outside": os.path.isabs(name), "named": True})
            self.objects.flush()
        except (AnewError, OSError) as error:
            self._warn("use", f"{where} could not be hashed: {error}")
        return where

    def finish(self, status: str = "finished", exit_code: int = 0, error: str | None = None) -> None:
        """End the run. Called by itself when the process exits."""
        if self._pid != os.getpid():
            self._journal.seal()  # a forked child ends; the run is its parent's to end
            return
        with self._lock:
            if self._ending:
                return
            self._ending = True
        try:
            if self._end is not None:
                self._end(status, exit_code, error)
            if self._objects is not None:
                self._objects.close()
        except Exception as problem:  # what is in the journal by now is worth more than the rest of the record
            self._warn("finish", f"the record is incomplete: {type(problem).__name__}: {problem}")
        self.finished = True
        self._journal.seal()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is None:
            self.finish()
        else:
            self.finish("failed", 1, f"{kind.__name__}: {value}")

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def _emit(self, kind: str, body: Mapping[str, Any]) -> None:
        if self.finished:
            self._warn("finished", f"run {self.id} is finished; its {kind} can't be changed any more")
            return
        if kind in _SAID_BY_USERS:
            body = self._redacted(body)
        self._journal.event(kind, body)

    def _redacted(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._redactor is None:
            from anew.capture.redact import Redactor

            self._redactor = Redactor(argv=sys.argv, folders=(self.root, Path.cwd()))
        redacted = self._redactor.value("", body)
        return redacted if isinstance(redacted, dict) else {}

    def _warn(self, topic: str, message: str) -> None:
        if topic not in self._warned:
            self._warned.add(topic)
            warn(f"anew: {message}")

    def _mixed(self, data: Any, step: Any) -> None:
        """`log` with something in it that is not a plain number."""
        if not isinstance(data, Mapping):
            self._warn("type", f"log takes a dict of names to values, not {type(data).__name__}; it is not kept")
            return
        if step is not None:
            try:
                step = stamp(step)
            except (TypeError, ValueError, OverflowError) as error:
                self._warn("step", f"{error}; the next one is used")
                step = None
        numbers: dict[str, float] = {}
        media: dict[str, Any] = {}
        for key, value in flatten(data, "/").items():
            number = _number(value)
            if number is None:
                media[key] = value
            else:
                numbers[key] = number
        if step is None and (numbers or media):
            step = self._journal.step + 1
        if numbers:
            self._journal.points(tuple(numbers), list(numbers.values()), step)
        for key, value in media.items():
            self._media(key, value, step)

    def _media(self, key: str, value: Any, step: Any) -> None:
        from anew.values import as_media

        if value is None:
            return
        try:
            made = as_media(value)
            if made is None:
                if not isinstance(value, (bytes, bool, int, dict)):
                    self._warn("text", f"{key}: a {type(value).__name__} can't be logged; it is kept as text")
                made = as_media(repr(value))
            assert made is not None
            data = made.data
            if made.type.startswith("text/"):
                data = self._redacted({"": data.decode("utf-8", "surrogateescape")})[""]
                data = data.encode("utf-8", "surrogateescape")
            digest = self.objects.put_bytes(data)
            self.objects.flush()
        except Exception as error:  # a figure that can't be drawn must not end the training
            self._warn(f"media {key}", f"{key} could not be kept: {type(error).__name__}: {error}")
            return
        body = {"key": key, "step": step, "type": made.type, "digest": digest, "size": len(data), **made.about}
        self._emit("media", body)


def _number(value: Any) -> float | None:
    """`value` as a float when it is one number: also numpy and torch scalars, and arrays of one element."""
    try:
        if getattr(value, "size", None) == 1 or (callable(getattr(value, "numel", None)) and value.numel() == 1):
            value = value.item()
        elif hasattr(value, "shape"):
            return None
        if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__float__"):
            return None
        return float(value)
    except Exception:  # values of any make: one that can't say its number has none
        return None


_current: Run | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: Iterable[str] | Mapping[str, str] = (),
    notes: str = "",
) -> Run:
    """Begin the run of this process, or join the one `anew run` made. A second call extends the first's."""
    global _current
    if _current is None or _current.finished:
        _current = _join() or _make(project, name)
    run = _current
    if name:
        run.name = name
        run._emit("rename", {"name": name})
    if project:
        run._emit("run", {"project": project})
    if config:
        run.config.update(config)
    for tag, value in tags.items() if isinstance(tags, Mapping) else ((tag, "") for tag in tags):
        run.tags[tag] = value
    if notes:
        run._emit("notes", {"text": notes})
    return run


def _free(folder: Path, tag: str) -> Path:
    """The path of a journal that this process has not written yet: a run may be joined, finished, and joined again."""
    path, count = folder / f"journal{tag}", 1
    while path.exists():
        path, count = folder / f"journal{tag}-{count}", count + 1
    return path


def _join() -> Run | None:
    run_id, store = setting("ANEW_RUN"), setting("ANEW_STORE_PATH")
    spool = setting("ANEW_SPOOL")
    if not (run_id and store and os.path.isdir(spool)):
        return None
    Path(spool, "attached").touch()
    run = Run(Store(Path(store)), run_id, attached=True)
    states = Path(spool, "states.json")
    if states.exists():
        # A reproduction of a run that began its capture here: from here on it draws what that one drew.
        import json

        from anew.capture import bootstrap

        bootstrap.module("entropy").restart(json.loads(states.read_text()))
    atexit.register(run.finish)
    return run


def _make(project: str | None, name: str | None) -> Run:
    from anew.capture.supervisor import writable_store
    from anew.inprocess import begin

    run = Run(writable_store(find_store()), new_run_id(), attached=False)
    begin(run, project, name)
    asked: list[Any] = []  # what `sys.exit` was last called with; the interpreter itself does not tell
    plain_exit = sys.exit

    def exit(status: Any = None) -> NoReturn:
        asked[:] = [status]
        plain_exit(status)

    sys.exit = exit
    atexit.register(_finish_at_exit, run, asked)
    return run


def _finish_at_exit(run: Run, asked: list[Any]) -> None:
    error = getattr(sys, "last_value", None)
    code = asked[-1] if asked else None
    if error is not None and not isinstance(error, SystemExit):
        run.finish("failed", 1, f"{type(error).__name__}: {error}")
    elif code is None or code == 0:
        run.finish()
    elif isinstance(code, int):
        run.finish("failed", code & 0xFF)
    else:
        run.finish("failed", 1, str(code))


def current() -> Run:
    """The run of this process; begun when there is none."""
    return _current if _current is not None else init()


def running() -> Run | None:
    """The run of this process, or the one that `anew run` has made for it; none is begun."""
    if _current is None and setting("ANEW_RUN"):
        return init()
    return _current if _current is not None and not _current.finished else None


def log(data: Mapping[str, Any], step: float | None = None) -> None:
    """Log numbers (also nested, numpy or torch), and images, figures, histograms, tables or text, at `step`.

    Without a step, it is one more than the last. Returns when the numbers can survive the end of this process.
    """
    try:
        _current.log(data, step)  # type: ignore[union-attr]  # the common case costs no test
    except AttributeError:
        if _current is not None:
            raise
        init().log(data, step)


def use(path: str | os.PathLike[str]) -> Path:
    """Name an input of the run, a path or NAME:VERSION (see Run.use); returns it as a Path."""
    return current().use(path)


def add(path: str | os.PathLike[str], name: str | None = None, message: str = "") -> Version:
    """Make a version of data, as an output of the run (see Run.add)."""
    return current().add(path, name, message)


def save(path: str | os.PathLike[str], name: str | None = None, type: str = "file") -> str:
    """Keep an output of the run (see Run.save); returns its digest."""
    return current().save(path, name, type)


def finish() -> None:
    """End the run now, instead of when the process exits. `init` begins another."""
    if _current is not None:
        _current.finish()


def seed(value: int) -> None:
    """Set every generator there is to `value`, and the switches that make libraries deterministic; all recorded.

    Python's `random`, NumPy, torch (with CUDA, cuDNN and deterministic algorithms), TensorFlow, as far as they are
    imported. The hash seed can't be changed in a running Python: `anew run` fixes it.
    """
    done = {"value": value, "time": time.time()}
    import random

    random.seed(value)
    set_ = ["random"]
    for module, setter in _SEEDERS.items():
        if module in sys.modules:
            setter(sys.modules[module], value)
            set_.append(module)
    current()._emit("seeds", {"seed": done | {"set": set_}})


def _seed_torch(torch: Any, value: int) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(value)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


_SEEDERS: dict[str, Callable[[Any, int], None]] = {
    "numpy": lambda numpy, value: numpy.random.seed(value % 2**32),
    "torch": _seed_torch,
    "tensorflow": lambda tensorflow, value: tensorflow.random.set_seed(value),
}
