"""`anew import`: take over what another tool kept."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from anew.cli.text import progress, say_json, size
from anew.errors import OK
from anew.store.location import find_store

if TYPE_CHECKING:
    from anew.protocols.mlflow.takeover import Report

_MOST_TOLD = 20
_EVERY_S = 0.1


def import_(arguments: argparse.Namespace) -> int:
    """One tool is known so far: MLflow."""
    from anew.hub import Hub
    from anew.protocols.mlflow.takeover import Takeover, open_source

    source = open_source(arguments.source, [Path(folder) for folder in arguments.artifacts])
    store = find_store()
    # A dry run leaves nothing behind, not even an empty store.
    hub = None if arguments.dry_run and not (store.root / "format").exists() else Hub(store)
    began = time.monotonic()
    try:
        report = Takeover(source, hub, dry=arguments.dry_run, progress=_Line()).run()
    finally:
        source.close()
        if hub is not None:
            for kind in ("runs", "models", "traces"):
                hub.look(kind)
            hub.close()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if arguments.json:
        say_json(
            {
                "imported": dict(+report.imported),
                "skipped": dict(+report.skipped),
                "could_not": report.could_not,
                "experiment_ids": report.experiment_ids,
                "dry_run": arguments.dry_run,
                "store": str(store.root),
                "seconds": round(time.monotonic() - began, 3),
            }
        )
    else:
        _tell(report, arguments.dry_run, time.monotonic() - began)
    return OK


class _Line:
    """The progress line: at most ten times a second, and on nothing but a terminal."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._told > _EVERY_S:
            self._told = time.monotonic()
            progress(text[:100])


def _tell(report: Report, dry: bool, seconds: float) -> None:
    imported, skipped = report.imported, report.skipped
    counts = [
        size(count) if name == "bytes" else f"{count:,} {name.replace('_', ' ')}" for name, count in (+imported).items()
    ]
    print(f"{'would import' if dry else 'imported'} {', '.join(counts) or 'nothing new'} in {seconds:.1f} s")
    if +skipped:
        print("already here: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in (+skipped).items()))
    for there, here in report.experiment_ids.items():
        print(f"experiment {there} is {here} here")
    failed = report.could_not
    for item in failed[:_MOST_TOLD]:
        print(f"could not: {item['what']}: {item['why']}", file=sys.stderr)
    if len(failed) > _MOST_TOLD:
        print(f"and {len(failed) - _MOST_TOLD} more; --json tells them all", file=sys.stderr)
    if not dry and +imported:
        print("see them:  anew runs")
