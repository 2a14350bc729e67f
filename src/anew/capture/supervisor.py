"""`anew run`: starts the script under capture, watches it from outside, and closes its record when it has ended."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew import background
from anew._version import __version__
from anew.capture import bootstrap
from anew.capture.arguments import Command, settings
from anew.capture.code import Snapshot, snapshot
from anew.capture.console import Pump
from anew.capture.finalise import Finaliser
from anew.capture.hardware import Sampler, family, hardware
from anew.capture.redact import Redactor
from anew.capture.results import numbers_in
from anew.capture.scalars import scalars
from anew.capture.sending import send
from anew.capture.signals import pass_on
from anew.capture.standing import standing
from anew.capture.variables import is_the_scripts
from anew.errors import AnewError, StoreFull
from anew.store import liveness
from anew.store.journal import JournalWriter
from anew.store.location import Store, named_store, new_run_id, server_address, system_random
from anew.store.objects import Objects

_LEAST_FREE = 256 << 10  # bytes: a journal and a spool need as much to begin
_DRAIN_S = 5.0


@dataclass
class Launch:
    """One run to be made. `entropy` is the 32-byte key (hex) of what it draws from the system."""

    store: Store
    command: Command
    argv: list[str]  # as typed after `anew run`
    cwd: Path
    root: Path
    name: str | None = None
    project: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    entropy: str = ""
    hash_seed: str | None = None
    environ: dict[str, str] | None = None  # the whole environment of the script; ours by default
    timeout_s: float | None = None
    shown: bool = True  # whether the script's output is passed on
    extra: dict[str, str] = field(default_factory=dict)  # variables of the trial itself: not part of the record
    aside: dict[str, str] = field(default_factory=dict)  # files that stand for others: their own paths
    umask: int | None = None  # ours by default
    places: dict[str, str] = field(default_factory=dict)  # paths: where the tracer leads who asks for them
    reproduction_of: str | None = None
    stdin: Path | None = None  # a file to read from; by default ours
    piped: bool = False  # whether it is to come through a pipe
    config: dict[str, dict[str, Any]] | None = None  # settings by source, where they need not be guessed from argv
    metrics_files: list[Path] = field(default_factory=list)  # whose numbers are metrics of the run, once it has ended
    states: dict[str, Any] | None = None  # of the generators, where the first run's capture began midway


@dataclass
class Outcome:
    run_id: str
    name: str
    exit_code: int
    duration_s: float
    grade: dict[str, Any]
    timed_out: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    unwritten: str = ""  # what is wrong with the record, where the disk did not take it


def run(launch: Launch) -> Outcome:
    """Make the run, and wait for it. The exit code is the script's own (128 + n when signal n ended it).

    Raises AnewError when it can't be started.
    """
    return _Supervisor(launch).run()


class _Supervisor:
    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.store = launch.store.create()
        self.run_id = new_run_id()
        self.folder = self.store.run(self.run_id)
        (self.folder / "spool" / "pre").mkdir(parents=True)
        self.environ = dict(os.environ if launch.environ is None else launch.environ)
        self.redactor = Redactor(self.environ, launch.command.words, (launch.root, launch.cwd))
        # A program that can't bear a preloaded library is run with ANEW_PRELOAD=0.
        self._preload = bootstrap.TRACER.exists() and self.environ.get("ANEW_PRELOAD") != "0"
        self.entropy = launch.entropy or system_random(32).hex()
        self.hash_seed = launch.hash_seed or self.environ.get("PYTHONHASHSEED") or "0"
        self.name = launch.name or f"{launch.command.title}-{self.run_id[:4]}"
        self.journal = JournalWriter(self.folder / "journal", run=self.run_id)
        self.metrics: dict[str, float] = {}
        self.timed_out = False
        self._attached = self._killed = False
        self._unwritten = ""
        self._pipe, self._pipe_name = -1, ""  # the pipe that is the script's standard input; its device and inode

    def run(self) -> Outcome:
        started = time.time()
        self._begin(started)
        try:
            child, pumps = self._start()
            send(self.store, self.run_id)
        except OSError as error:
            self.journal.event("end", {"status": "failed", "exit_code": 127, "error": str(error), "time": time.time()})
            self.journal.seal()
            raise AnewError(f"cannot run {self.launch.command.words[0]}: {error.strerror}") from error
        sampler = Sampler(child.pid, self.journal.log_beside)
        passed_on: list[int] = []
        restore = pass_on(child, passed_on, apart=not self.launch.shown)
        try:
            finaliser = self._prepare()
            self._wait(child)
            for pump in pumps:
                pump.join(_DRAIN_S)
        finally:
            sampler.stop()
            restore()
        ended = time.time()
        code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        self._killed = child.returncode < 0
        result = self._finish(finaliser, code, ended)
        if passed_on and self.launch.reproduction_of:
            raise KeyboardInterrupt  # a trial that the user broke off says nothing about the run
        taken = ended - started
        return Outcome(self.run_id, self.name, code, taken, result, self.timed_out, self.metrics, self._unwritten)

    def _begin(self, started: float) -> None:
        launch = self.launch
        self.journal.event(
            "run",
            {
                "id": self.run_id,
                "name": self.name,
                "project": launch.project or launch.root.name or "default",
                "created": started,
                "command": self.redactor.argv(launch.argv),
                "argv": self.redactor.argv(launch.command.words),
                "script": str(launch.command.script) if launch.command.script else None,
                "cwd": str(launch.cwd),
                "root": str(launch.root),
                "user": _user(),
                "host": os.uname().nodename,
                "by": "anew run",
                "anew": __version__,
                "variables": self.redactor.environment(self.environ),
                "umask": _umask() if launch.umask is None else launch.umask,
            },
        )
        self._configure()
        if launch.reproduction_of:
            self.journal.event("run", {"reproduction_of": launch.reproduction_of})
            self.journal.event("link", {"relation": "reproduction of", "run": launch.reproduction_of})
        if launch.aside:
            self.journal.event("run", {"aside": launch.aside})
        if launch.states:
            (self.folder / "spool" / "states.json").write_text(json.dumps(launch.states))
        if launch.tags:
            self.journal.event("tag", launch.tags)
        self.journal.event("seeds", {"entropy": self.entropy, "hash_seed": self.hash_seed})

    def _configure(self) -> None:
        """Note the settings, and what else is known of the run before it begins."""
        launch = self.launch
        told = launch.config
        found = {"argv": settings(launch.command.arguments)} if told is None else told
        for source, values in found.items():
            if values:
                self.journal.event("config", {"values": self.redactor.value("", values), "source": source})
        declared: dict[str, Any] = {"tags": sorted(launch.tags)} if launch.tags else {}
        if told is not None:
            names = [os.path.relpath(path, launch.root) for path in launch.metrics_files]
            declared |= {"config": self.redactor.value("", told), "metrics_files": names}
        if declared:
            self.journal.event("run", {"declared": declared})

    def _start(self) -> tuple[subprocess.Popen[bytes], list[Pump]]:
        shown = self.launch.shown
        stdin = self._stdin()
        targets = (1, 2) if shown else (os.open(os.devnull, os.O_WRONLY),) * 2
        out = Pump(targets[0], lambda data: self._console("stdout", data))
        err = Pump(targets[1], lambda data: self._console("stderr", data))
        child = subprocess.Popen(
            self.launch.command.words,
            cwd=self.launch.cwd,
            env=self._environment(),
            stdin=stdin,
            stdout=out.child_fd,
            stderr=err.child_fd,
            start_new_session=not shown,
            umask=-1 if self.launch.umask is None else self.launch.umask,
        )
        self.journal.event("run", {"process": liveness.identity(child.pid)})
        self._note_program()
        out.start()
        err.start()
        return child, [out, err]

    def _stdin(self) -> Any:
        """What the script reads from. A file (`anew run t.py < file`) is an input like any other, and noted as one.

        A pipe is the script's alone, lest we take what is meant for the next command of a shell's loop: what is read
        from it is kept as it is read, by the tracer.
        """
        launch = self.launch
        if launch.stdin is not None and launch.piped:
            self._watch_pipe(_fed(launch.stdin))
            return self._pipe
        if launch.stdin is not None:
            self._note_stdin(launch.stdin)
            return launch.stdin.open("rb")
        if not launch.shown:
            return subprocess.DEVNULL
        try:
            mode = os.fstat(0).st_mode
            if stat.S_ISREG(mode):
                self._note_stdin(Path(os.readlink("/proc/self/fd/0")))
            elif stat.S_ISFIFO(mode) and not _at_end(0):
                self._watch_pipe(0)
        except OSError:
            pass  # closed, or no /proc
        return None

    def _watch_pipe(self, fd: int) -> None:
        info = os.fstat(fd)
        self._pipe, self._pipe_name = fd, f"{info.st_dev}:{info.st_ino}"

    def _note_stdin(self, path: Path) -> None:
        self.journal.event("run", {"stdin": str(path)})
        self._note("r", path)

    def _note_program(self) -> None:
        """The command itself: nobody that is watched starts it."""
        name = self.launch.command.words[0]
        found = str(self.launch.cwd / name) if "/" in name else shutil.which(name, path=self.environ.get("PATH"))
        path = os.path.abspath(found) if found else ""
        installed = any(path.startswith(f"{prefix}/") for prefix in _prefixes(self.launch.command.words))
        if os.path.isfile(path) and not installed:
            self._note("e", Path(path))

    def _note(self, kind: str, path: Path) -> None:
        info = path.stat()
        record = (
            f"{kind}\t{time.monotonic_ns()}\t{os.getpid()}\t{info.st_size}\t{info.st_mtime_ns}\t{info.st_ino}\t{path}\0"
        )
        with (self.folder / "spool" / "trace").open("ab") as trace:
            trace.write(os.fsencode(record))

    def _environment(self) -> dict[str, str]:
        """What it is given: its own variables alone where capture can't be prepared, and it runs all the same."""
        try:
            return self._child_environment()
        except OSError as error:
            self._unwritten = f"this run is not captured: {error.strerror}: {self.store.root}"
            print(f"anew: {self._unwritten}", file=sys.stderr)
            return {name: value for name, value in self.environ.items() if is_the_scripts(name)}

    def _child_environment(self) -> dict[str, str]:
        """The script's variables, with the few of ours that begin capture in it, and that trace.c takes out again."""
        environ = {name: value for name, value in self.environ.items() if is_the_scripts(name)}
        if "PWD" in environ and os.path.realpath(environ["PWD"]) != os.path.realpath(self.launch.cwd):
            environ["PWD"] = str(self.launch.cwd)  # as a shell would say it
        boot, spool = str(bootstrap.FOLDER), self.folder / "spool"
        environ["PYTHONPATH"] = ":".join(filter(None, [boot, environ.get("PYTHONPATH", "")]))
        environ["PYTHONHASHSEED"] = self.hash_seed
        environ["ANEW_CAPTURE"] = str(spool)
        if self._preload:
            environ["LD_PRELOAD"] = ":".join(filter(None, [str(bootstrap.TRACER), environ.get("LD_PRELOAD", "")]))
        ours = {name: value for name, value in self.environ.items() if not is_the_scripts(name)}
        ours |= {
            "ANEW_RUN": self.run_id,
            "ANEW_STORE": str(self.store.root),
            "ANEW_STORE_PATH": str(self.store.root),
            "ANEW_SPOOL": str(spool),
            "ANEW_ROOT": str(self.launch.root),
            "ANEW_BOOT": boot,
            "ANEW_SKIP": ":".join([str(Path(__file__).parents[1]), *_prefixes(self.launch.command.words)]),
            "ANEW_ENTROPY": self.entropy,
            "ANEW_STDIN": self._pipe_name,
            "ANEW_SERVER": server_address(),
            "ANEW_MAP_FROM": "\n".join(self.launch.places),
            "ANEW_MAP_TO": "\n".join(self.launch.places.values()),
            **self.launch.extra,
        }
        block = "".join(f"{name}={value}\0" for name, value in ours.items())
        with open(os.open(spool / "variables", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(os.fsencode(block))
        return environ

    def _prepare(self) -> Finaliser:
        """What is captured at the start, beside the script that already runs."""
        objects = Objects(self.store.objects)
        shot = Snapshot({"vcs": None})
        notes: dict[str, Any] = {"entropy": True, "native_unseen": not self._preload}
        notes["declared"] = self.launch.config is not None
        try:
            notes["stood"] = standing(self.launch.root)
            self.journal.event("hardware", hardware())
            shot = snapshot(self.launch.root, objects, self.redactor)
            self.journal.event("code", shot.store(objects))
            objects.flush()
        except Exception as error:  # whatever it is, the script runs already, and is waited for
            notes["problems"] = [f"snapshot of the code: {error}"]
        return Finaliser(
            self.store,
            objects,
            self.run_id,
            self.launch.root,
            self.launch.cwd,
            shot,
            self.redactor,
            self.journal.event,
            notes,
            self.environ,
            self.launch.places,
        )

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        try:
            child.wait(self.launch.timeout_s)
        except subprocess.TimeoutExpired:
            self.timed_out = True
            _kill_family(child)
            child.wait()

    def _finish(self, finaliser: Finaliser, code: int, ended: float) -> dict[str, Any]:
        by_signal = 128 < code < 193 and (self._killed or self.launch.command.words[0] != sys.executable)
        status = "finished" if code == 0 else "killed" if by_signal else "failed"
        error = f"stopped after {self.launch.timeout_s:g} s" if self.timed_out else None
        self._read_metrics()
        self.journal.event("end", {"status": status, "exit_code": code, "time": ended, "error": error})
        result: dict[str, Any] = {"letter": "F", "missing": []}
        if self._pipe >= 0 and not (self.folder / "spool" / "stdin").exists() and _at_end(self._pipe):
            finaliser.notes["stdin_unseen"] = True
        try:
            result = finaliser.finish()
            finaliser.objects.close()
        except Exception as problem:  # the script's exit code and what is in the journal must not be lost with it
            what = f"{type(problem).__name__}: {problem}"
            print(f"anew: the record of run {self.run_id} is incomplete: {what}", file=sys.stderr)
            self.journal.event("run", {"incomplete": what})
        if self.journal.behind:
            self._unwritten = f"the record could not be written: no space in {self.store.root}"
            result = {**result, "letter": "F"}
        self.journal.seal()
        return result

    def _read_metrics(self) -> None:
        files = self.launch.metrics_files
        for path in files:
            found = numbers_in(path)
            if len(files) > 1:
                found = {f"{path.stem}.{name}": value for name, value in found.items()}
            if found:
                self.metrics.update(found)
                self.journal.log(found, 0)

    def _console(self, stream: str, data: bytes) -> None:
        data = self.redactor.data(data)
        self.journal.event("console", {"stream": stream, "data": data})
        if stream == "stderr" or self._is_attached():
            return
        for line in data.decode("utf-8", "replace").splitlines():
            step, values = scalars(line)
            if not values:
                continue
            self.metrics.update(values)
            if step is not None:
                self.journal.log(values, step)
                continue
            for name, value in values.items():
                self.journal.log({name: value}, self._next_step(name))

    def _next_step(self, name: str) -> int:
        steps: dict[str, int] = self.__dict__.setdefault("_steps", {})
        steps[name] = steps.get(name, -1) + 1
        return steps[name]

    def _is_attached(self) -> bool:
        """Whether the script logs by itself: then what it prints are not its metrics."""
        if not self._attached:
            self._attached = (self.folder / "spool" / "attached").exists()
        return self._attached


def _fed(path: Path) -> int:
    """A pipe through which the content of `path` comes."""
    ours, theirs = os.pipe()

    def feed() -> None:
        try:
            with path.open("rb") as source, open(theirs, "wb") as target:
                shutil.copyfileobj(source, target)
        except OSError:
            pass  # whoever reads has had enough

    background.start(threading.Thread(target=feed, daemon=True))
    return ours


def _at_end(fd: int) -> bool:
    """Whether nothing is left in a pipe, and nobody is there to put more in."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    events = sum(event for _, event in poll.poll(0))
    return bool(events & select.POLLHUP) and not events & select.POLLIN


def _prefixes(words: list[str]) -> list[str]:
    """Where the interpreters in play have what is theirs: ours, and the one the command names."""
    found = [sys.prefix, sys.base_prefix]
    for word in words:
        program = shutil.which(word) if "python" in os.path.basename(word) else None
        if program:
            found.append(os.path.dirname(os.path.dirname(os.path.abspath(program))))
    return [prefix for prefix in dict.fromkeys(found) if prefix != "/usr"]


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _umask() -> int | None:
    """Ours, as far as it can be had without setting it; None elsewhere than on Linux."""
    try:
        with open("/proc/self/status") as file:
            return next((int(line.split()[1], 8) for line in file if line.startswith("Umask:")), None)
    except OSError:
        return None


def _kill_family(child: subprocess.Popen[bytes]) -> None:
    for pid in family(child.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def writable_store(store: Store) -> Store:
    """`store`, or the user's own when it can't be made where it should be, or its disk is full.

    Raises StoreFull when neither can be made. A full one is given all the same if there is no other: the script runs.
    """
    full = False
    try:
        made = store.create()
        if not os.access(made.runs, os.W_OK):
            raise StoreFull(f"{store.root} can't be written; set ANEW_STORE elsewhere")
        full = _free(made.root) < _LEAST_FREE
        if not full:
            return made
    except StoreFull:
        if named_store():
            raise
    fallback = Store(Path(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")) / "anew")
    try:
        fallback = fallback.create()
    except StoreFull:
        if full:
            return store
        raise
    why = "has no space left" if full else "can't be written"
    print(f"anew: {store.root} {why}; this run is kept in {fallback.root}", file=sys.stderr)
    return fallback


def _free(root: Path) -> int:
    """Bytes that may still be written below `root`."""
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize
