"""Capture for a script that calls `anew.init()` under plain Python: the same record, made from inside the process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anew._version import __version__
from anew.capture import bootstrap
from anew.capture.arguments import settings
from anew.capture.code import Snapshot, snapshot
from anew.capture.console import Tee
from anew.capture.finalise import Finaliser
from anew.capture.hardware import Sampler, hardware
from anew.capture.redact import Redactor
from anew.capture.sending import send
from anew.capture.standing import standing
from anew.capture.supervisor import _user
from anew.errors import AnewError
from anew.store.location import Store, project_root, system_random

if TYPE_CHECKING:
    from anew.live import Run

_SAMPLE_EVERY_S = 10.0


def begin(run: Run, project: str | None, name: str | None) -> None:
    """Capture this very process as `run`, from here on."""
    store, run_id = run.store, run.id
    spool = store.run(run_id) / "spool"
    (spool / "pre").mkdir(parents=True)
    cwd = Path.cwd()
    script = _script()
    root = project_root(cwd, script)
    redactor = Redactor(argv=sys.argv, folders=(root, cwd))
    run._redactor = redactor
    run.root = root
    run.name = name or f"{script.stem if script else 'python'}-{run_id[:4]}"
    argv = list(sys.orig_argv)
    run._emit(
        "run",
        {
            "id": run_id,
            "name": run.name,
            "project": project or root.name or "default",
            "created": time.time(),
            "command": redactor.argv(sys.argv),
            "argv": redactor.argv([sys.executable, *argv[1:]]),
            "script": str(script) if script else None,
            "cwd": str(cwd),
            "root": str(root),
            "user": _user(),
            "host": os.uname().nodename,
            "by": "anew.init",
            "anew": __version__,
            "variables": redactor.environment(os.environ),
        },
    )
    found = settings(sys.argv[1:])
    if found:
        run._emit("config", {"values": redactor.value("", found), "source": "argv"})
    send(store, run_id)
    key = system_random(32).hex()
    journal = run._journal
    tee = Tee(lambda stream, data: journal.event("console", {"stream": stream, "data": redactor.data(data)}))
    bootstrap.module().start(str(spool), root=str(root), key=key, preloaded=False, midway=True)
    hash_seed = os.environ.get("PYTHONHASHSEED")
    run._emit("seeds", {"entropy": key, "hash_seed": hash_seed, "states": bootstrap.module("entropy").states()})
    sampler = Sampler(os.getpid(), run._journal.log_beside, _SAMPLE_EVERY_S)
    finaliser = _finaliser(run, store, root, cwd, redactor)

    def end(status: str, exit_code: int, error: str | None) -> None:
        sampler.stop()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, ValueError, OSError):
                continue  # none, or closed by the script
        tee.end()
        bootstrap.module("report").write()
        emit = run._journal.event
        emit("end", {"status": status, "exit_code": exit_code, "error": error, "time": time.time()})
        finaliser.emit = emit
        finaliser.finish()
        finaliser.objects.close()
        run._objects = None

    run._end = end


def _finaliser(run: Run, store: Store, root: Path, cwd: Path, redactor: Redactor) -> Finaliser:
    shot = Snapshot({"vcs": None})
    notes: dict[str, Any] = {"entropy": True, "unwatched": True, "native_unseen": True}
    try:
        notes["stood"] = standing(root)
        run._emit("hardware", hardware())
        shot = snapshot(root, run.objects, redactor)
        run._emit("code", shot.store(run.objects))
        run.objects.flush()
    except (AnewError, OSError) as error:
        notes["problems"] = [f"snapshot of the code: {error}"]
    return Finaliser(store, run.objects, run.id, root, cwd, shot, redactor, run._emit, notes, dict(os.environ))


def _script() -> Path | None:
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    return Path(name).resolve() if name else None
