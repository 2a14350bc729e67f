"""`repro`: what changed is run again, after what it needs, and noted in `dvc.lock`."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from anew.errors import AnewError, DvcError, PipelineError
from anew.pipeline import command, schedule
from anew.protocols.dvc import runcache, saving
from anew.protocols.dvc.checkout import remember
from anew.protocols.dvc.project import Chosen
from anew.protocols.dvc.stages import PIPELINE, PipelineStage
from anew.protocols.dvc.status import deps_status, out_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anew.pipeline.graph import Graph
    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.stages import Out, Stage


@dataclass
class Options:
    """What is to be reproduced, and how; the names are those of DVC's options."""

    targets: list[str] = field(default_factory=list)
    force: bool = False
    interactive: bool = False
    single_item: bool = False
    pipeline: bool = False
    all_pipelines: bool = False
    recursive: bool = False
    downstream: bool = False
    force_downstream: bool = False
    pull: bool = False
    allow_missing: bool = False
    dry: bool = False
    on_error: str = "fail"  # or keep-going, or ignore
    glob: bool = False
    no_commit: bool = False
    no_run_cache: bool = False
    jobs: int = 1


class Listener:
    """Who is told what happens; says nothing by itself."""

    def planned(self, stages: list[Stage]) -> None:
        """These are looked at, in this order."""

    def say(self, text: str) -> None:
        """Something that a user may want to read."""

    def warn(self, text: str) -> None:
        """Something that may be wrong."""

    def confirm(self, question: str) -> bool:
        return False

    def skipped(self, stage: Stage) -> None:
        """It did not change."""

    def restored(self, stage: PipelineStage) -> None:
        """It was run with the same before, and its outputs are taken from then."""

    def verifying(self, stage: Stage) -> None:
        """It is data, or frozen: it is taken as it is."""

    def execute(self, stage: PipelineStage, reasons: list[str]) -> None:
        """Run its command. Raises when that fails."""
        raise NotImplementedError

    def done(self, stage: PipelineStage) -> None:
        """It was run, or restored, and what came of it is noted."""

    def failed(self, stage: Stage, error: Exception) -> None:
        """It could not be done."""

    def left_out(self, stage: Stage) -> None:
        """It needs one that failed."""


class Repro:
    """One call of `repro`. `changed_files` are those that Git is to be told of."""

    def __init__(self, project: Project, options: Options, listener: Listener) -> None:
        self.project, self.options, self.listener = project, options, listener
        self.ran: list[Stage] = []
        self.changed_files: list[str] = []
        self._forced: set[Stage] = set()
        self._failed: list[Stage] = []
        self._graph: Graph[Stage] | None = None
        self._busy = threading.RLock()  # the project's files and indexes are looked at by one stage at a time

    def run(self) -> list[Stage]:
        """Do it; which stages were run (or, in a dry run, would be)."""
        steps = self.plan()
        self.listener.planned(steps)
        if self.options.pull and not self.options.no_run_cache:
            self._pull_run_cache()
        needs = {stage: self._graph.needs[stage] if self._graph else [] for stage in steps}
        try:
            schedule.run(steps, needs, self._step, self._on_failure, self.options.jobs)
        finally:
            if self.ran and not self.options.dry:
                remember(self.project, more=True)  # so that a checkout takes away what no stage makes any more
            self.project.save()
        if self._failed and self.options.on_error != "ignore":
            raise DvcError(f"failed to reproduce{_names(self.project, self._failed)}")
        return self.ran

    def run_one(self, stage: Stage) -> None:
        """Do this stage alone."""
        schedule.run([stage], {stage: []}, self._step, self._on_failure)

    def plan(self) -> list[Stage]:
        """The stages that are looked at, in order."""
        options = self.options
        chosen: list[Stage] = []
        if not options.all_pipelines:
            chosen = self.project.stage_targets(options.targets or [PIPELINE], options.recursive, options.glob)
        if options.single_item and not (options.pipeline or options.all_pipelines):
            return chosen
        whole = self.project.graph
        self._graph = graph = whole.without_needs(stage for stage in whole.needs if stage.frozen)
        if options.all_pipelines or not chosen:
            return graph.upstream(graph.needs)
        if options.pipeline:
            return graph.connected(chosen)
        return graph.downstream(chosen) if options.downstream else graph.upstream(chosen)

    def reasons(self, stage: Stage, allow_missing: bool = False) -> list[str]:
        """Why a stage has to be run; nothing where it is as it was left."""
        if isinstance(stage, PipelineStage) and stage.entry is None and not stage.frozen:
            return ["it was not run yet"]
        found: list[str] = []
        if isinstance(stage, PipelineStage) and stage.changed_command:
            found.append("the command changed")
        if not stage.frozen:
            if stage.always_changed:
                found.append("it is always run")
            upstream = self._graph.needs.get(stage, []) if self._graph else []
            for name, said in deps_status(self.project, stage).items():
                if not (allow_missing and said == "deleted" and not _stale(stage, upstream)):
                    found += _words(name, said)
        for out in stage.outs:
            state = out_status(self.project, out)
            if state and not (allow_missing and state in ("not in cache", "deleted")):
                found.append(f"{out.shown(self.project.cwd, self.project.root)} is {state}")
        return found

    def _step(self, stage: Stage) -> None:
        options, listener = self.options, self.listener
        address = stage.address(self.project.cwd)
        force = options.force or stage in self._forced
        if stage.frozen and not stage.is_import:
            listener.warn(f"stage: '{address}' is frozen. Its dependencies are not going to be reproduced.")
        with self._busy:
            reasons = ["it was asked for"] if force else self.reasons(stage, options.allow_missing)
            if not reasons:
                listener.skipped(stage)
                return
            if options.pull and not force and not self.reasons(stage, True) and self._pulled(stage):
                return
        question = f"Going to reproduce stage: '{address}'. Are you sure you want to continue?"
        if options.interactive and not listener.confirm(question):
            raise DvcError("reproduction aborted by the user")
        if isinstance(stage, PipelineStage) and not stage.frozen:
            self._run(stage, force, reasons)
        else:
            self._verify(stage)
        self.ran.append(stage)
        if options.force_downstream and self._graph:
            self._forced.update(self._graph.feeds(stage))

    def _run(self, stage: PipelineStage, force: bool, reasons: list[str]) -> None:
        project, options, listener = self.project, self.options, self.listener
        project.refuse_busy(stage.writes, stage.reads)
        restored = False
        with self._busy, project.lock():
            outs = None if force else self._known_outs(stage)
            if not options.dry:
                saving.remove_outs(project, stage)
            if outs is not None:
                listener.restored(stage)
                restored = not options.dry
                if restored:
                    runcache.restore(project, stage, outs)
        if not restored:
            listener.execute(stage, reasons)
        if options.dry:
            return
        with self._busy, project.lock():
            self.changed_files += saving.save(project, stage, not options.no_commit, warn=listener.warn)
            if not options.no_commit and all(out.cached or out.kind != "outs" for out in stage.outs):
                runcache.save(project, stage)
            self.changed_files += saving.write_lock([stage], listener.say)
            project.save()
        listener.done(stage)

    def _known_outs(self, stage: PipelineStage) -> list[Out] | None:
        """The outputs of an earlier run with the same, when they can be had. Raises where a dependency is missing."""
        project, options = self.project, self.options
        if options.pull and not options.dry:
            self._pull_deps(stage)
        entry = None if stage.changed_command or deps_status(project, stage) else stage.entry
        values = saving.save_deps(project, stage, options.dry)
        if not runcache.fits(project, stage):
            return None
        if entry is None or not all(out.md5 for out in stage.outs):
            entry = None if options.no_run_cache else runcache.find(project, stage, values)
        return runcache.outs_of(project, stage, entry, options.pull and not options.dry) if entry else None

    def _verify(self, stage: Stage) -> None:
        """Of data, and of what is frozen, only what is there can be taken as it is."""
        project = self.project
        if self.options.dry:
            return
        self.listener.verifying(stage)
        missing = [out.shown(project.cwd, project.root) for out in stage.outs if not os.path.exists(out.path)]
        if missing:
            raise DvcError(f"missing data 'source{'s' * (len(missing) > 1)}': {', '.join(missing)}")
        if isinstance(stage, PipelineStage):
            with self._busy, project.lock():
                self.changed_files += saving.save(project, stage, not self.options.no_commit, warn=self.listener.warn)
                self.changed_files += saving.write_lock([stage], self.listener.say)
        else:
            from anew.protocols.dvc.adding import commit

            with self._busy:
                commit(project, [Chosen(out) for out in stage.outs], keep=not self.options.no_commit)
                self.changed_files.append(stage.path)
        project.save()

    def _on_failure(self, stage: Stage, error: Exception) -> set[Stage]:
        if not isinstance(error, (AnewError, OSError)):
            raise error
        self._failed.append(stage)
        self.listener.failed(stage, error)
        if self.options.on_error == "fail":
            raise DvcError(f"failed to reproduce{_names(self.project, [stage])}: {error}") from error
        ignored = self.options.on_error == "ignore"
        self.listener.warn(f"{error}{' (ignored)' if ignored else ''}")
        if ignored or self._graph is None:
            return set()
        dependents = [one for one in self._graph.downstream([stage]) if one is not stage]
        for one in dependents:
            self.listener.left_out(one)
        if dependents:
            plural = "s" * (len(dependents) > 1)
            names = _joined(one.address(self.project.cwd) for one in dependents)
            self.listener.warn(f"Stage{plural} {names} will be skipped due to this failure")
        return set(dependents)

    def _pull_run_cache(self) -> None:
        from anew.protocols.dvc.remote import open_remote

        try:
            runcache.pull(self.project, open_remote(self.project))
        except AnewError as error:
            self.listener.warn(f"Failed to pull run cache: {error}")

    def _pull_deps(self, stage: PipelineStage) -> None:
        from anew.protocols.dvc.checkout import checkout
        from anew.protocols.dvc.transfer import fetch

        missing = [path for path in stage.reads if not os.path.exists(path)]
        outs = [out for path in missing if (out := self.project.tracking(path)) is not None]
        if outs:
            fetch(self.project, [(out, None) for out in outs], None)
            checkout(self.project, [Chosen(out) for out in outs])

    def _pulled(self, stage: Stage) -> bool:
        """Whether all that an unchanged stage lacks could be brought."""
        from anew.protocols.dvc.checkout import checkout
        from anew.protocols.dvc.transfer import fetch

        self.listener.say(f"Pulling data for stage: '{stage.address(self.project.cwd)}'")
        try:
            fetch(self.project, [(out, None) for out in stage.outs], None)
            changes = checkout(self.project, [Chosen(out) for out in stage.outs])
        except AnewError:
            changes = None
        if changes is None or changes.failed:
            self.listener.say(f"Unable to pull data for stage: '{stage.address(self.project.cwd)}'")
            return False
        return True


def execute(project: Project, stage: PipelineStage, say: Callable[[str], None], dry: bool = False) -> None:
    """Run the command of a stage as DVC does, with our own input and output. Raises PipelineError when it fails."""
    import signal
    import subprocess
    import sys

    from anew.protocols.dvc.locks import claim

    address = stage.address(project.cwd)
    say(f"Running stage '{address}':")
    environ = environment(project, stage)
    with claim(project.tmp, f"anew dvc repro {address}", stage.reads, [] if dry else stage.writes):
        for line in command.lines(stage.definition.command):
            say(f"> {line}")
            if dry:
                continue
            sys.stdout.flush()
            child = subprocess.Popen(command.words(line), cwd=stage.wdir, env=environ)
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stage gets it as well, and decides
            try:
                child.wait()
            finally:
                signal.signal(signal.SIGINT, before)
            if child.returncode:
                raise PipelineError(f"failed to run: {line}, exited with {child.returncode}")


def environment(project: Project, stage: PipelineStage) -> dict[str, str]:
    return {"DVC_ROOT": project.root, **os.environ, "DVC_STAGE": stage.address(project.cwd)}


def _stale(stage: Stage, upstream: Iterable[Stage]) -> bool:
    """Whether a stage before this one has, in the lock, other content for what is missing here."""
    known = {dep.path: dep.md5 for dep in stage.deps}
    return any(known.get(out.path, out.md5) != out.md5 for one in upstream for out in one.outs)


def _words(name: str, said: object) -> list[str]:
    if isinstance(said, dict):
        return [f"{key} in {name} is {state}" for key, state in said.items()]
    return [f"{name} is {said}"]


def _joined(names: Iterable[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


def _names(project: Project, stages: Sequence[Stage]) -> str:
    return f"{' stages:' if len(stages) > 1 else ''} {_joined(stage.address(project.cwd) for stage in stages)}"
