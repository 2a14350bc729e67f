"""Threads of ours beside a script's own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from anew import background
from projects import Project

LOOKS = """
import os, pathlib, signal, sys
import anew
anew.init()
anew.log({"loss": 0.5})
for pid in {os.getpid(), os.getppid() if sys.argv[1:] else os.getpid()}:
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if int(task.name) != pid:
            status = dict(line.split(":\\t", 1) for line in (task / "status").read_text().splitlines())
            print("blocked" if int(status["SigBlk"], 16) >> signal.SIGTERM - 1 & 1 else "open")
"""


def test_a_thread_takes_no_signals_and_the_caller_still_does() -> None:
    masks: list[set[signal.Signals | int]] = []
    thread = threading.Thread(target=lambda: masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, []))))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    background.start(thread)
    thread.join()
    assert masks[0] >= {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_no_thread_of_ours_takes_a_signal_under_anew_run(project: Project) -> None:
    """What one took, the main thread, waiting in the system, would not be woken by."""
    project.write("train.py", LOOKS)
    said = project.anew("run", "train.py", "supervised").stdout.split()
    assert len(said) > 3
    assert set(said) == {"blocked"}


def test_no_thread_of_ours_takes_a_signal_in_a_script(project: Project) -> None:
    project.write("train.py", LOOKS)
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=project.root, env=project.environ, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {"blocked"}
