"""`anew run`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from anew.capture.arguments import command
from anew.capture.supervisor import Launch, Outcome, writable_store
from anew.capture.supervisor import run as supervise
from anew.cli import text
from anew.errors import UsageError
from anew.store.location import Store, find_store, project_root


def run(arguments: argparse.Namespace) -> int:
    """Run a script under capture; the exit code is the script's."""
    cwd = Path.cwd()
    program = command(arguments.words, cwd)
    store = writable_store(find_store(cwd))
    launch = Launch(
        store=store,
        command=program,
        argv=list(arguments.words),
        cwd=cwd,
        root=project_root(cwd, program.script),
        name=arguments.name,
        project=arguments.project,
        tags=dict(_tag(tag) for tag in arguments.tag),
        timeout_s=arguments.timeout,
    )
    outcome = supervise(launch)
    if arguments.json:
        from anew.api import open_index

        text.say_json(open_index(store).document(outcome.run_id))
    elif not arguments.quiet:
        print(_summary(outcome, store), file=sys.stderr)
    return outcome.exit_code


def _tag(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition("=")
    if not name:
        raise UsageError(f"--tag {tag!r} has no name")
    return name, value


def _summary(outcome: Outcome, store: Store) -> str:
    how = "finished" if outcome.exit_code == 0 else f"ended with exit code {outcome.exit_code}"
    if outcome.timed_out:
        how = "was stopped, out of time,"
    shown = " · ".join(f"{name} {text.number(value)}" for name, value in list(outcome.metrics.items())[-3:])
    grade = outcome.grade
    line = f"anew: {outcome.name} {how} in {text.duration(outcome.duration_s)} · grade {grade['letter']}"
    line += f" · {shown}" if shown else ""
    gaps = [f"      {gap['what']}: {gap['why']}; {gap['mend']}" for gap in grade["missing"][:3]]
    # Where the usual store can't be written, the commands have to be told of the one it went to.
    where = "" if store == find_store() else f"ANEW_STORE={shlex.quote(str(store.root))} "
    lost = [f"      {outcome.unwritten}"] if outcome.unwritten else []
    return "\n".join([line, *lost, *gaps, f"      run it anew: {where}anew reproduce {outcome.run_id}"])
