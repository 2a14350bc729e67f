"""Runs as JSON, kept: who looks at runs does so again and again, and few of them have changed meanwhile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from anew.hub import Hub
from anew.index.catalogue import unpack
from anew.protocols.mlflow.entities import run
from anew.store.growth import State

_MOST_BYTES = 32 << 20
_KEY_BYTES = 200  # what a key that is no bytes takes, about


class Kept:
    """Answers by what they were made of, those least lately asked for dropped."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._found: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            answer = self._found.get(key)
            if answer is not None:
                self._found.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: bytes) -> None:
        with self._lock:
            if key not in self._found:
                self._bytes += _size(key, answer)
                self._found[key] = answer
            while self._bytes > self._most_bytes:
                self._bytes -= _size(*self._found.popitem(last=False))


def _size(key: Hashable, answer: bytes) -> int:
    return (len(key) if isinstance(key, bytes) else _KEY_BYTES) + len(answer)


class Answers:
    """What the documents of runs come to, as MLflow has it. All of an answer is in its document and in the ledger."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._by_document, self._by_state = Kept(most_bytes), Kept(most_bytes)

    def run(self, hub: Hub, stored: bytes) -> orjson.Fragment:
        """The run whose document is `stored`."""
        answer = self._by_document.get(stored)
        if answer is None:
            answer = _encoded(hub, unpack(stored))
            self._by_document.put(stored, answer)
        return orjson.Fragment(answer)

    def at_hand(self, hub: Hub, run_id: str) -> orjson.Fragment | None:
        """The run's answer, if it was made from just what its journals and the ledger hold now."""
        answer = self._by_state.get((run_id, state_of(hub, run_id)))
        return None if answer is None else orjson.Fragment(answer)

    def keep(self, hub: Hub, document: dict[str, Any], state: tuple[int, State | None]) -> orjson.Fragment:
        """The answer for a document that was read when `state` was so already."""
        answer = _encoded(hub, document)
        if document.get("remote") and state[1] is not None:  # else it may change without a word in a journal
            self._by_state.put((document["id"], state), answer)
        return orjson.Fragment(answer)


def state_of(hub: Hub, run_id: str) -> tuple[int, State | None]:
    """What is another one as soon as the answer for this run may be."""
    return hub.ledger.size(), hub.state("runs", run_id)


def _encoded(hub: Hub, document: dict[str, Any]) -> bytes:
    return orjson.dumps(run(hub, document), default=repr, option=orjson.OPT_NON_STR_KEYS)


_of_hubs: WeakKeyDictionary[Hub, Answers] = WeakKeyDictionary()


def answers_of(hub: Hub) -> Answers:
    found = _of_hubs.get(hub)
    return found if found is not None else _of_hubs.setdefault(hub, Answers())
