"""`anew sync`, `anew pull`."""

from __future__ import annotations

import argparse
import sys
import time

from anew.api import open_index, resolve
from anew.capture.sending import Outbox
from anew.cli import text
from anew.errors import ERROR, OK, UsageError
from anew.store.location import Store, find_store, server_address
from anew.sync.client import Server
from anew.sync.push import Push, Tally, all_runs, push

_SHOW_EVERY_S = 0.1


def sync(arguments: argparse.Namespace) -> int:
    """Send runs to the server; 1 when something could not be."""
    store = find_store()
    address = _address(arguments)
    if arguments.follow:
        return _follow(store, address, arguments)
    if not (arguments.all or arguments.runs):
        raise UsageError("name the runs to send, or --all")
    run_ids = _chosen(store, arguments)
    with _Bar("sent") as bar:
        sending = Push(store, Server(address), bar.tally)
        try:
            living = push(sending, run_ids, bar.done)
            outbox = Outbox(store, address)
            for run_id in set(run_ids) - set(living):
                outbox.done(run_id)
        finally:
            sending.close()
    body = {"server": address, "runs": run_ids, "running": living, **bar.tally.to_dict()}
    return _say(arguments, body, sending.problems, sending.server.sent_bytes, f"{len(run_ids)} runs are at {address}")


def _follow(store: Store, address: str, arguments: argparse.Namespace) -> int:
    from anew.sync.follow import follow, lower_priority

    outbox = Outbox(store.create(), address)
    for run_id in _chosen(store, arguments):
        outbox.note(run_id)
    lower_priority()
    tally = Tally()
    sent = follow(outbox, tally, linger_s=arguments.linger)
    if arguments.json:
        text.say_json({"server": address, "runs": sent, **tally.to_dict()})
    return OK


def pull(arguments: argparse.Namespace) -> int:
    """Bring data from a remote, or a run from a server; 1 when something could not be had."""
    from anew.cli import remotes

    if remotes.is_about_data(arguments):
        return remotes.pull(arguments)
    if len(arguments.data) != 1:
        raise UsageError("name one run to pull from the server")
    from anew.sync.pull import Pull

    store = find_store()
    address = _address(arguments)
    server = Server(address)
    run_id, running = server.find(arguments.data[0])
    with _Bar("fetched") as bar:
        fetching = Pull(store, server, bar.tally)
        try:
            fetching.run(run_id, running=running)
        finally:
            fetching.close()
    body = {"server": address, "run": run_id, **bar.tally.to_dict()}
    words = f"run {run_id} is in {store.root}; run it anew: anew reproduce {run_id}"
    return _say(arguments, body, fetching.problems, server.fetched_bytes, words)


def _address(arguments: argparse.Namespace) -> str:
    address = arguments.server or server_address()
    if not address:
        raise UsageError("which server? --server http://…, or ANEW_SERVER, or ANEW_STORE")
    return str(address).rstrip("/")


def _chosen(store: Store, arguments: argparse.Namespace) -> list[str]:
    if not (arguments.all or arguments.runs):
        return []
    index = open_index(store)  # closes the records of crashed runs on the way
    if arguments.all:
        return all_runs(store)
    return list(dict.fromkeys(resolve(index, word) for word in arguments.runs))


def _say(arguments: argparse.Namespace, body: dict[str, object], problems: list[str], moved: int, words: str) -> int:
    problems = list(dict.fromkeys(problems))
    if arguments.json:
        text.say_json({**body, "network_bytes": moved, "problems": problems})
    else:
        objects, size = body["objects"], text.size(moved)
        print(f"anew: {words} ({objects} objects, {size} over the network)", file=sys.stderr)
    for problem in problems[:20]:
        print(f"anew: {problem}", file=sys.stderr)
    return ERROR if problems else OK


class _Bar:
    """How far it is, on a terminal: a bar over what is known by now to be left to move."""

    def __init__(self, verb: str) -> None:
        self._verb, self._shown, self._runs = verb, 0.0, 0
        self._on = sys.stderr.isatty()
        self.tally = Tally(said=self._show)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._on and self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def done(self, run_id: str) -> None:
        self._runs += 1

    def _show(self, tally: Tally) -> None:
        if not self._on or time.monotonic() - self._shown < _SHOW_EVERY_S:
            return
        self._shown = time.monotonic()
        moved, expected = tally.object_bytes, max(tally.expected_bytes, 1)
        full = min(20, 20 * moved // expected)
        runs = f"{self._runs} runs, " if self._runs else ""
        about = f"{text.size(moved)} of {text.size(tally.expected_bytes)}, journals {text.size(tally.journal_bytes)}"
        text.progress(f"anew: [{'#' * full}{'.' * (20 - full)}] {self._verb} {runs}{about}")
