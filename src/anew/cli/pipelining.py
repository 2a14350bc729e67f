"""`anew pipeline`: stages run as runs, side by side; what would be run, and how the stages hang together."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anew.capture.supervisor import writable_store
from anew.cli import text
from anew.errors import AnewError, NoDvcProject, NotFound, PipelineError
from anew.nesting import flatten
from anew.pipeline import command
from anew.pipeline.captured import Job, Process, Result
from anew.protocols.dvc import runcache, saving
from anew.protocols.dvc.locks import claim
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.repro import Listener, Options, Repro, environment
from anew.protocols.dvc.shelf import OwnProject, made_by
from anew.protocols.dvc.stages import PipelineStage, Stage
from anew.store.location import Store, find_store, project_root


def pipeline(arguments: argparse.Namespace) -> int:
    return {"run": _run, "status": _status, "show": _show}[arguments.action](arguments)


def _open(to_run: bool = False) -> tuple[Project, Store]:
    cwd = Path.cwd()
    store = writable_store(find_store(cwd)) if to_run else find_store(cwd)
    try:
        return Project.find(), store
    except NoDvcProject:
        return OwnProject(os.path.realpath(project_root(cwd)), store), store


def _run(arguments: argparse.Namespace) -> int:
    project, store = _open(to_run=True)
    arguments.jobs = arguments.jobs or os.cpu_count() or 1
    options = Options(
        targets=_targets(project, arguments), force=arguments.force, dry=arguments.dry_run,
        downstream=arguments.downstream, jobs=arguments.jobs, no_run_cache=arguments.no_run_cache,
        on_error="keep-going" if arguments.keep_going else "fail", all_pipelines=arguments.all,
    )  # fmt: skip
    teller = _Teller(project, store, arguments)
    repro = Repro(project, options, teller)
    problem: AnewError | None = None
    with _signals(teller):
        try:
            repro.run()
        except AnewError as error:
            problem = error
    if repro.changed_files and project.git is not None and project.config.switch("core", "autostage"):
        project.git.add(dict.fromkeys(repro.changed_files))
    if arguments.json:
        text.say_json({"stages": list(teller.rows.values())})
    else:
        teller.summary()
    if teller.stopped:
        return 130
    if problem is not None:
        print(f"anew: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


def _targets(project: Project, arguments: argparse.Namespace) -> list[str]:
    names: list[str] = arguments.targets
    if not names and not arguments.all and not os.path.exists("dvc.yaml"):
        raise NotFound(f"there is no dvc.yaml in {project.cwd}: name stages, as in folder/dvc.yaml:stage, or say --all")
    return names


def _status(arguments: argparse.Namespace) -> int:
    """What has changed, stage by stage, and which run made what has not."""
    project, store = _open()
    options = Options(targets=_targets(project, arguments), all_pipelines=arguments.all)
    repro = Repro(project, options, Listener())
    made = made_by(store)
    rows: list[dict[str, Any]] = []
    for stage in repro.plan():
        if isinstance(stage, PipelineStage):
            reasons = repro.reasons(stage)
            run_id = None if reasons or stage.entry is None else made.known.get(runcache.value_of(stage.entry))
            about = {"changed": reasons, "run": run_id, "frozen": stage.frozen}
            rows.append({"stage": stage.address(project.cwd), **about})
    if store.root.exists():
        project.save()
    if arguments.json:
        text.say_json({"stages": rows})
        return 0
    for row in rows:
        state = "; ".join(row["changed"]) or ("unchanged" + (f", made by run {row['run']}" if row["run"] else ""))
        print(f"{row['stage']}: {state}{' (frozen)' if row['frozen'] else ''}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from anew.pipeline import drawing

    project, _ = _open()
    needs = {
        stage.address(project.cwd): [one.address(project.cwd) for one in sources]
        for stage, sources in project.graph.needs.items()
    }
    if arguments.json:
        text.say_json({"needs": needs})
    elif arguments.dot or arguments.mermaid:
        print(drawing.dot(needs) if arguments.dot else drawing.mermaid(needs))
    elif needs:
        print(drawing.text(needs))
    return 0


class _Teller(Listener):
    """Makes a run of each stage, and says on standard error how it goes."""

    def __init__(self, project: Project, store: Store, arguments: argparse.Namespace) -> None:
        self.project, self.store, self.arguments = project, store, arguments
        self.rows: dict[str, dict[str, Any]] = {}
        self.processes: set[Process] = set()
        self.stopped = 0  # the signal that came
        self._made = made_by(store)
        self._total = 0
        self._lock = threading.Lock()

    def planned(self, stages: list[Stage]) -> None:
        self._total = sum(isinstance(stage, PipelineStage) for stage in stages)

    def say(self, text: str) -> None:
        pass  # of files that were written: nothing that one waits for

    def warn(self, text: str) -> None:
        self._tell(f"anew: {text}")

    def skipped(self, stage: Stage) -> None:
        if isinstance(stage, PipelineStage):
            self._note(stage, "unchanged", self._maker(stage))

    def verifying(self, stage: Stage) -> None:
        self._note(stage, "taken as it is")

    def restored(self, stage: PipelineStage) -> None:
        self._note(stage, "restored", None)

    def execute(self, stage: PipelineStage, reasons: list[str]) -> None:
        if self.stopped:
            raise PipelineError("it was not begun any more")
        if self.arguments.dry_run:
            self._note(stage, "to run", reasons=reasons)
            return
        row = self._note(stage, "running", reasons=reasons)
        result = self._make(stage)
        row |= {"run": result.run_id or None, "seconds": round(result.duration_s, 3), "grade": result.grade}
        row["metrics"] = result.metrics
        if result.exit_code or result.error:
            raise PipelineError(result.error or f"its command ended with exit code {result.exit_code}")

    def done(self, stage: PipelineStage) -> None:
        row = self.rows[stage.address(self.project.cwd)]
        if row["state"] == "restored":
            row["run"] = self._maker(stage)
            self._tell(f"{self._name(stage)}: the same was run before{_by(row['run'])}; its outputs are put back")
            return
        row["state"] = "ran"
        if stage.entry is not None and row.get("run"):
            with self._lock:
                self._made.add(runcache.value_of(stage.entry), row["run"])
                self._made.save()
        shown = "".join(f" · {name} {text.number(value)}" for name, value in list(row["metrics"].items())[-3:])
        took = text.duration(row["seconds"])
        self._tell(f"{self._name(stage)}: done in {took} · grade {row['grade']}{shown} · run {row['run']}")

    def failed(self, stage: Stage, error: Exception) -> None:
        row = self.rows.setdefault(stage.address(self.project.cwd), self._row(stage))
        row |= {"state": "failed", "error": str(error)}
        self._tell(f"{self._name(stage)}: failed: {error}{_by(row.get('run'), ' · run ')}")

    def left_out(self, stage: Stage) -> None:
        self.rows.setdefault(stage.address(self.project.cwd), self._row(stage))["state"] = "left out"

    def summary(self) -> None:
        counts: dict[str, int] = {}
        for row in self.rows.values():
            counts[row["state"]] = counts.get(row["state"], 0) + 1
        self._tell("anew: " + (", ".join(f"{count} {state}" for state, count in counts.items()) or "no stages"))

    def _make(self, stage: PipelineStage) -> Result:
        project = self.project
        many = self.arguments.jobs > 1 or self.arguments.json
        name = stage.address(project.cwd)

        def show(line: bytes, is_error: bool) -> None:
            self._pass_on(name, line, is_error)

        process = Process(self._job(stage), show if many else None)
        with self._lock:
            self.processes.add(process)
        try:
            # The claim names the process that makes the run: it goes on, and keeps others off, if we are killed.
            with claim(project.tmp, f"anew pipeline run {name}", stage.reads, stage.writes, process.pid):
                return process.wait()
        finally:
            with self._lock:
                self.processes.discard(process)

    def _job(self, stage: PipelineStage) -> Job:
        project = self.project
        config = {}
        for file in stage.params:
            values = saving.values_of(project, stage, file, True)
            config[os.path.relpath(stage.params_path(file), project.root)] = flatten(values, ".")
        where = os.path.relpath(stage.path, project.root)
        return Job(
            store=str(self.store.root), root=str(project_root(Path(project.root))), cwd=stage.wdir,
            name=str(stage.name),
            lines=command.lines(stage.definition.command), environ=environment(project, stage),
            tags={"pipeline": where, "stage": str(stage.name)}, config=config,
            metrics_files=[out.path for out in stage.outs if out.kind == "metrics"],
        )  # fmt: skip

    def _maker(self, stage: PipelineStage) -> str | None:
        return self._made.known.get(runcache.value_of(stage.entry)) if stage.entry is not None else None

    def _row(self, stage: Stage) -> dict[str, Any]:
        return {"stage": stage.address(self.project.cwd), "state": "", "run": None, "metrics": {}}

    def _note(
        self, stage: Stage, state: str, run_id: str | None = None, reasons: list[str] | None = None
    ) -> dict[str, Any]:
        row = self._row(stage) | {"state": state, "run": run_id} | ({"reasons": reasons} if reasons else {})
        with self._lock:
            self.rows[row["stage"]] = row
        why = f" ({'; '.join(reasons)})" if reasons else ""
        if state != "restored":
            self._tell(f"{self._name(stage)}: {state}{_by(run_id)}{why}")
        return row

    def _name(self, stage: Stage) -> str:
        at = list(self.rows).index(stage.address(self.project.cwd)) + 1
        return f"anew: [{at}/{max(self._total, at)}] {stage.address(self.project.cwd)}"

    def _tell(self, line: str) -> None:
        with self._lock:
            if not self.arguments.quiet:
                sys.stdout.flush()
                print(line, file=sys.stderr, flush=True)

    def _pass_on(self, name: str, line: bytes, is_error: bool) -> None:
        target = sys.stderr if is_error or self.arguments.json else sys.stdout
        with self._lock:
            target.buffer.write(name.encode() + b" | " + line.rstrip(b"\n") + b"\n")
            target.buffer.flush()


def _by(run_id: str | None, words: str = ", by run ") -> str:
    return f"{words}{run_id}" if run_id else ""


@contextmanager
def _signals(teller: _Teller) -> Iterator[None]:
    """A signal stops what is under way, and nothing more is begun; what was done stays done."""

    def stop(number: int, frame: object) -> None:
        teller.stopped = number
        for process in list(teller.processes):
            if number != signal.SIGINT or not os.isatty(0):  # a terminal tells all of us
                process.child.send_signal(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
