"""Closes the record of runs whose processes are gone: whoever looks finalises what capture left in the spool."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Any

from anew.capture.code import Snapshot
from anew.capture.finalise import Finaliser
from anew.capture.redact import Redactor
from anew.errors import AnewError
from anew.store import liveness
from anew.store.journal import JournalWriter
from anew.store.location import Store
from anew.store.objects import Objects


def recover(store: Store, document: dict[str, Any]) -> bool:
    """Finalise a crashed run, known by its `document`; False when another is at it, or nothing is left to do."""
    run_id = str(document["id"])
    spool = store.run(run_id) / "spool"
    try:
        lock = os.open(spool, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = document.get("process")
        if not spool.is_dir() or (process and liveness.is_alive(process)):
            return False  # the supervisor was killed, and its script works on
        return _finalise(store, run_id, document)
    except (AnewError, OSError) as error:
        print(f"anew: run {run_id} could not be recovered: {error}", file=sys.stderr)
        return False
    finally:
        os.close(lock)


def _finalise(store: Store, run_id: str, document: dict[str, Any]) -> bool:
    with Objects(store.objects) as objects:
        if document.get("status") != "crashed" or not document.get("root"):
            return False
        body = {key: value for key, value in document.get("code", {}).items() if key not in ("used", "outside")}
        shot = Snapshot(dict(body))
        if body.get("tree"):
            shot.entries = {entry.path: entry for entry in objects.read_tree(body["tree"])}
        journal = JournalWriter(
            store.run(run_id) / f"journal-recovered-{os.getpid()}-{time.time_ns()}", run=run_id, writer="recovery"
        )
        notes = {"entropy": True, "killed": True}
        root, cwd = Path(document["root"]), Path(document.get("cwd") or document["root"])
        redactor = Redactor(folders=(root, cwd))
        finaliser = Finaliser(store, objects, run_id, root, cwd, shot, redactor, journal.event, notes)
        finaliser.finish()
        journal.seal()
    return True
