"""What Anew does inside a traced Python: notes opened files, replays system entropy, listens to a few libraries.

Standard library only, for any Python from 3.8 on: it is loaded by path into interpreters without Anew. All it learns
goes to files in the run's spool folder, which the supervisor reads afterwards.
"""

from __future__ import annotations

import os

STARTED = False


def start_from_environment() -> None:
    """Start as the variables say that `anew run` set; once a process."""
    spool = os.environ.get("ANEW_SPOOL")
    if spool and os.path.isdir(spool):
        start(
            spool,
            root=os.environ.get("ANEW_ROOT", ""),
            key=os.environ.get("ANEW_ENTROPY", ""),
            preloaded="_trace.so" in os.environ.get("LD_PRELOAD", ""),
        )


def start(spool: str, root: str, key: str, preloaded: bool, midway: bool = False) -> None:
    """Begin capture in this process. `key` (hex) makes system entropy replayable; empty leaves it alone.

    `midway`: the script is running already, so generators that exist keep their state.
    """
    global STARTED
    if STARTED:
        return
    STARTED = True
    from anew_boot import entropy, listen, report, trace

    trace.start(spool, root, preloaded)
    if key:
        entropy.start(spool, root, key, midway)
    listen.start(spool)
    entropy.MIDWAY = False
    report.start(spool, root)
