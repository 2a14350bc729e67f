"""Runs as JSON, kept: who looks at a page of runs does so again and again, and few of them have changed meanwhile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary

import orjson

from anew.hub import Hub
from anew.index.catalogue import unpack
from anew.protocols.mlflow.entities import run

_MOST_BYTES = 32 << 20


class Answers:
    """What stored documents come to, those least lately asked for dropped. All of an answer is in its document."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._found: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, hub: Hub, stored: bytes) -> orjson.Fragment:
        """The run whose document is `stored`, as MLflow has it."""
        with self._lock:
            answer = self._found.get(stored)
            if answer is not None:
                self._found.move_to_end(stored)
        if answer is None:
            answer = orjson.dumps(run(hub, unpack(stored)), default=repr, option=orjson.OPT_NON_STR_KEYS)
            self._keep(stored, answer)
        return orjson.Fragment(answer)

    def _keep(self, stored: bytes, answer: bytes) -> None:
        with self._lock:
            if stored not in self._found:
                self._bytes += len(stored) + len(answer)
            self._found[stored] = answer
            while self._bytes > self._most_bytes:
                old = self._found.popitem(last=False)
                self._bytes -= len(old[0]) + len(old[1])


_of_hubs: WeakKeyDictionary[Hub, Answers] = WeakKeyDictionary()


def answers_of(hub: Hub) -> Answers:
    found = _of_hubs.get(hub)
    if found is None:
        found = _of_hubs[hub] = Answers()
    return found
