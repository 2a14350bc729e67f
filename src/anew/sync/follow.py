"""Sends what runs write as they write it, and what is left over; waits for a server that is down.

One process for each store and server does this, by the lock of the outbox. It takes what others note there.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from anew.api import open_index
from anew.capture.sending import LEDGER, Outbox
from anew.errors import AnewError, Conflict
from anew.store.received import RUN_ID
from anew.sync.client import Server
from anew.sync.push import Push, SameStore, Tally
from anew.sync.scan import Scan

_EVERY_S = 1.0
_IDLE_EVERY_S = 3.0  # between looks at runs that write nothing
_HEARD_EVERY_S = 60.0
_MOST_PAUSE_S = 60.0
_GIVES_UP_S = 86_400.0  # so long without an answer, when no run is live: the next run starts another
_NICE = 15


def follow(outbox: Outbox, tally: Tally, *, linger_s: float) -> list[str]:
    """Send what waits, until nothing has for `linger_s`. Returns the runs that were sent whole.

    Returns at once when another process is at it: it sees what we noted. Raises SameStore.
    """
    sent: list[str] = []
    while True:
        with outbox.owned() as ours:
            if ours:
                follower = _Follower(outbox, tally, linger_s)
                sent += follower.work()
                ours = not follower.gave_up
        # Whoever notes a run first notes it, then looks at the lock: what came in just now is seen here or there.
        if not ours or not outbox.waiting() or not outbox.store.root.is_dir():
            return sent


def lower_priority() -> None:
    """Whatever trains on this machine goes first."""
    try:
        os.nice(_NICE)
    except OSError:
        pass


class _Follower:
    def __init__(self, outbox: Outbox, tally: Tally, linger_s: float) -> None:
        self.outbox, self.store, self.tally, self.linger_s = outbox, outbox.store, tally, linger_s
        self.sent: list[str] = []
        self.gave_up = False
        self._tried: set[str] = set()  # runs whose record was looked after, as far as can be
        self._said = ""
        self._begin()

    def _begin(self) -> None:
        """A session: what is known of the server is forgotten."""
        self.push = Push(self.store, Server(self.outbox.address, patient=False), self.tally)
        self.scans: dict[str, Scan] = {}
        self.states: dict[str, dict[str, Any]] = {}
        self.heard: dict[str, float] = {}
        self.ledger_size = -1

    def work(self) -> list[str]:
        pause_s = 0.0
        busy = failing = time.monotonic()
        while self.store.root.is_dir():
            try:
                moved = self._pass()
                failing, pause_s = time.monotonic(), _EVERY_S if moved else _IDLE_EVERY_S
                self._say("")
            except SameStore:
                self._forget_all()
                raise
            except (AnewError, OSError) as error:
                self._say(str(error))
                if isinstance(error, Conflict):
                    self._restart()
                pause_s = min(max(2 * pause_s, _EVERY_S), _MOST_PAUSE_S)
                if time.monotonic() - failing > _GIVES_UP_S and not any(scan.alive() for scan in self.scans.values()):
                    self.gave_up = True
                    break
            if self.outbox.waiting():
                busy = time.monotonic()
            elif time.monotonic() - busy > self.linger_s:
                break
            else:
                pause_s = min(pause_s, self.linger_s / 4, _EVERY_S)
            time.sleep(pause_s)
        self.push.close()
        return self.sent

    def _pass(self) -> bool:
        """Send what is new; whether anything was."""
        before = self.tally.to_dict()
        waiting = self.outbox.waiting()
        run_ids = [name for name in waiting if RUN_ID.fullmatch(name)]
        fresh = [run_id for run_id in run_ids if run_id not in self.scans]
        if fresh:
            self.states |= self.push.state(fresh)
            self.scans |= {run_id: Scan(self.store.run(run_id)) for run_id in fresh}
        for run_id in run_ids:
            self._run(run_id)
        self._verdicts(LEDGER in waiting)
        for problem in self.push.problems:
            _print(problem)
        self.push.problems.clear()
        return before != self.tally.to_dict()

    def _run(self, run_id: str) -> None:
        scan, state = self.scans[run_id], self.states[run_id]
        alive = self.push.send(scan, state)
        if not alive and run_id not in self._tried and (scan.folder / "spool").is_dir():
            # Both supervisor and script were killed: what capture left becomes the end of the record.
            self._tried.add(run_id)
            open_index(self.store)
            alive = self.push.send(scan, state)
        if alive:
            if time.monotonic() - self.heard.get(run_id, -_HEARD_EVERY_S) >= _HEARD_EVERY_S:
                self.push.server.heard([run_id], [])
                self.heard[run_id] = time.monotonic()
            return
        self.push.server.heard([], [run_id])
        self.outbox.done(run_id)
        del self.scans[run_id], self.states[run_id]
        self.sent.append(run_id)

    def _verdicts(self, noted: bool) -> None:
        """New verdicts on runs that were sent long ago, and deletions of such runs."""
        try:
            size = self.store.ledger.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != self.ledger_size:
            subjects = sorted(self.push.verdicts.subjects() - self.scans.keys())
            for run_id, state in self.push.state(subjects).items():
                if state["journals"] and self.push.verdicts.was_deleted(run_id):
                    self._again(run_id, state)
                self.push.send_verdicts(run_id, state)
            self.ledger_size = size
        if noted:
            self.outbox.done(LEDGER)

    def _again(self, run_id: str, state: dict[str, Any]) -> None:
        """A run that was sent has got a journal since, which says that it is deleted, or is no more."""
        if self.store.run(run_id).is_dir() and not self.push.is_done(run_id, state):
            self.push.send(Scan(self.store.run(run_id)), state)

    def _restart(self) -> None:
        """The server has less than it said it had: another disk, or a backup. Begin as if nothing was known."""
        self.push.close()
        self._begin()

    def _forget_all(self) -> None:
        for name in self.outbox.waiting():
            self.outbox.done(name)
        self.push.close()

    def _say(self, words: str) -> None:
        if words != self._said:
            _print(words or f"{self.outbox.address} answers again")
            self._said = words


def _print(words: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} anew: {words}", file=sys.stderr, flush=True)
