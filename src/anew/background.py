"""Threads beside a script's own."""

from __future__ import annotations

import signal
import threading


def take_no_signals() -> None:
    """Of the calling thread: what a pool has each of its threads do first. See `start`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def start(thread: threading.Thread) -> None:
    """Start a thread that takes no signals.

    The kernel hands a signal to any thread that lets it in, and Python's handlers run in the main one only: if another
    takes it while the main thread waits in the system, nothing wakes that up. A process that such a thread starts
    would inherit the mask: it must start none.
    """
    old = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
