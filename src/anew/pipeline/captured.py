"""One stage as a run of its own: a process that makes it, so that several stages can be under way at once."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anew.errors import PipelineError
from anew.pipeline import command

# Runs each of its arguments by the shell that stands in the first ones; ends where one fails.
_EACH = 'shell="$1"; shift; for line do eval "$shell \\"\\$line\\"" || exit; done'


@dataclass
class Job:
    """What a run of a stage is to be. Paths are absolute."""

    store: str
    root: str
    cwd: str
    name: str
    lines: list[str]
    environ: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    config: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics_files: list[str] = field(default_factory=list)


@dataclass
class Result:
    """How it went; `grade` is its letter."""

    run_id: str = ""
    name: str = ""
    exit_code: int = 1
    duration_s: float = 0.0
    grade: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""


def words(lines: list[str], environ: dict[str, str]) -> list[str]:
    """The one command that a stage's lines are."""
    if len(lines) == 1:
        return command.words(lines[0], environ)
    shell = shlex.join(command.words("", environ)[:-1])
    return ["/bin/sh", "-c", _EACH, "stage", shell, *lines]


class Process:
    """A job under way in a process of its own."""

    def __init__(self, job: Job, show: Callable[[bytes, bool], None] | None = None) -> None:
        self._answer, theirs = os.pipe()
        self._show = show
        piped = subprocess.PIPE if show else None
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "anew.pipeline.captured", str(theirs)],
            stdin=subprocess.PIPE, stdout=piped, stderr=piped, pass_fds=(theirs,), cwd=job.root,
        )  # fmt: skip
        os.close(theirs)
        self._job = job

    @property
    def pid(self) -> int:
        return self.child.pid

    def wait(self) -> Result:
        """Let it begin, and wait for its end. Lines of its output go to `show`, with whether they are errors."""
        assert self.child.stdin is not None
        threads = []
        for stream, is_error in ((self.child.stdout, False), (self.child.stderr, True)):
            if stream is not None:
                threads.append(threading.Thread(target=self._pass_on, args=(stream, is_error), daemon=True))
                threads[-1].start()
        try:
            self.child.stdin.write(json.dumps(asdict(self._job)).encode())
            self.child.stdin.close()
        except BrokenPipeError:
            pass  # it ended at once, and has said why
        with os.fdopen(self._answer, "rb") as answer:
            said = answer.read()
        self.child.wait()
        for thread in threads:
            thread.join()
        if not said:
            raise PipelineError(f"the run of stage '{self._job.name}' ended by itself ({self.child.returncode})")
        return Result(**json.loads(said))

    def _pass_on(self, stream: Any, is_error: bool) -> None:
        assert self._show is not None
        for line in stream:
            self._show(line, is_error)


def make(job: Job) -> Result:
    """Make the run, here and now."""
    from anew.capture.arguments import Command, settings
    from anew.capture.supervisor import Launch, run, writable_store
    from anew.store.location import Store

    argv = words(job.lines, job.environ)
    script = _script(job)
    arguments = _arguments(job, script)
    outcome = run(
        Launch(
            store=writable_store(Store(Path(job.store))),
            command=Command(argv, script, job.name, arguments),
            argv=["--", *argv],
            cwd=Path(job.cwd),
            root=Path(job.root),
            tags=job.tags,
            environ=job.environ,
            config={**job.config, "argv": settings(arguments)},
            metrics_files=[Path(path) for path in job.metrics_files],
        )
    )
    return Result(
        outcome.run_id, outcome.name, outcome.exit_code, outcome.duration_s, outcome.grade["letter"], outcome.metrics,
        outcome.unwritten,
    )  # fmt: skip


def _script(job: Job) -> Path | None:
    """The first source file that the stage's only line names."""
    for word in _split(job):
        path = Path(job.cwd, word)
        if path.suffix in (".py", ".sh", ".bash") and path.is_file():
            return path.resolve()
    return None


def _arguments(job: Job, script: Path | None) -> list[str]:
    found = _split(job)
    at = next((at for at, word in enumerate(found) if script and Path(job.cwd, word).resolve() == script), None)
    return found[at + 1 :] if at is not None else []


def _split(job: Job) -> list[str]:
    if len(job.lines) != 1:
        return []
    try:
        return shlex.split(job.lines[0])
    except ValueError:
        return []  # quotes that only the shell understands


def main() -> None:
    """Read a job from standard input, make the run, and write the result to the descriptor that is named."""
    job = Job(**json.load(sys.stdin))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        result = make(job)
    except Exception as error:
        result = Result(error=f"{error}")
    with os.fdopen(int(sys.argv[1]), "w") as answer:
        answer.write(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
