"""What Anew does inside a traced Python: notes opened files, replays system entropy, listens to a few libraries.

Standard library only, for any Python from 3.8 on: it is loaded by path into interpreters without Anew. All it learns
goes to files in the run's spool folder, which the supervisor reads afterwards.
"""

from __future__ import annotations

import os

STARTED = False
VARIABLES: dict[str, str] = {}  # those of ours that the script does not see: see trace.c
_CAPTURE = "ANEW_CAPTURE"


def start_from_environment() -> None:
    """Start as `anew run` said in its one variable; once a process."""
    spool = os.environ.get(_CAPTURE, "")
    hidden = not spool  # the preloaded tracer has taken it out
    spool = spool or _at_start(_CAPTURE)
    if not (spool and os.path.isdir(spool)):
        return
    with open(spool + "/variables", "rb") as file:
        for line in file.read().split(b"\0")[:-1]:
            name, _, value = os.fsdecode(line).partition("=")
            VARIABLES[name] = value
    if hidden:
        _leave_path()
    preloaded = hidden or "_trace.so" in os.environ.get("LD_PRELOAD", "")
    start(spool, VARIABLES.get("ANEW_ROOT", ""), VARIABLES.get("ANEW_ENTROPY", ""), preloaded)


def _at_start(name: str) -> str:
    """The variable as this process was given it, whoever took it out since; "" for none."""
    try:
        with open("/proc/self/environ", "rb") as file:
            found = [line for line in file.read().split(b"\0") if line.startswith(os.fsencode(name + "="))]
    except OSError:
        return ""
    return os.fsdecode(found[0]).partition("=")[2] if found else ""


def _leave_path() -> None:
    """Take our folder out of PYTHONPATH, where the tracer puts it back for each child."""
    boot = VARIABLES.get("ANEW_BOOT", "")
    first, _, rest = os.environ.get("PYTHONPATH", "").partition(":")
    if boot and first == boot:
        if rest:
            os.environ["PYTHONPATH"] = rest
        else:
            del os.environ["PYTHONPATH"]


def start(spool: str, root: str, key: str, preloaded: bool, midway: bool = False) -> None:
    """Begin capture in this process. `key` (hex) makes system entropy replayable; empty leaves it alone.

    `midway`: the script is running already, so generators that exist keep their state.
    """
    global STARTED
    if STARTED:
        return
    STARTED = True
    from anew_boot import entropy, listen, report, trace

    if VARIABLES.get("ANEW_CLOCK"):
        from anew_boot import clock

        clock.start(VARIABLES["ANEW_CLOCK"])
    trace.start(spool, root, preloaded)
    if key:
        entropy.start(spool, root, key, midway)
    listen.start(spool)
    entropy.MIDWAY = False
    report.start(spool, root)
