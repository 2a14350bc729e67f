"""What a run printed, both streams in the order in which it came; from where a page has read it already."""

from __future__ import annotations

import binascii
import itertools
import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anew.errors import UsageError
from anew.reproduction.record import journals
from anew.routes import Call, Route
from anew.store.journal_reader import Event, JournalReader

_MOST_BYTES = 1 << 20
_ONE_PIECE_S = 1.0
_MOST_KNOWN = 256
Json = dict[str, Any]
Schemas = list[tuple[str, ...]]


class _Known:
    """Names that were declared in journals before the places where readers stopped: else they begin anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schemas: OrderedDict[tuple[Path, int], Schemas] = OrderedDict()

    def keep(self, reader: JournalReader) -> None:
        with self._lock:
            self._schemas[reader.path, reader.offset] = reader.schemas
            while len(self._schemas) > _MOST_KNOWN:
                self._schemas.popitem(last=False)

    def reader(self, path: Path, offset: int) -> JournalReader:
        """Reads on at `offset`, or from the start when what stands before it is not known any more."""
        with self._lock:
            schemas = self._schemas.get((path, offset))
        return JournalReader(path) if schemas is None else JournalReader(path, offset, schemas)


_KNOWN = _Known()


def console(call: Call) -> Json:
    run_id = call.hub.document(call.path["id"])["id"]
    last = call.whole("last", 0, 0, _MOST_BYTES)
    if last:
        return _end(journals(call.hub.store, run_id), last)
    places = _places(call.argument("after"))
    found: list[Json] = []
    taken = 0
    for path in journals(call.hub.store, run_id):
        if taken >= _MOST_BYTES:
            break
        before = places.get(path.name, 0)
        reader = _KNOWN.reader(path, before)
        for item in reader:
            if isinstance(item, Event) and item.kind == "console" and reader.offset > before:
                taken += _add(found, item)
                if taken >= _MOST_BYTES:
                    break
        places[path.name] = reader.offset
        _KNOWN.keep(reader)
    return {"pieces": _as_text(found), "after": _cursor(places), "more": taken >= _MOST_BYTES}


def _end(paths: Iterable[Path], most_bytes: int) -> Json:
    """The last of each stream, from about so many bytes before its end, however much stands before it.

    Of each: an error is often written down before the last of what was printed besides.
    """
    kept: dict[str, deque[tuple[int, Event, int]]] = defaultdict(deque)
    held: Counter[str] = Counter()
    places: dict[str, int] = {}
    count = itertools.count()
    for path in paths:
        reader = JournalReader(path)
        for item in reader:
            if isinstance(item, Event) and item.kind == "console":
                stream, size = str(item.body.get("stream")), len(item.body.get("data", b""))
                kept[stream].append((next(count), item, size))
                held[stream] += size
                while len(kept[stream]) > 1 and held[stream] - kept[stream][0][2] >= most_bytes:
                    held[stream] -= kept[stream].popleft()[2]
        places[path.name] = reader.offset
        _KNOWN.keep(reader)
    found: list[Json] = []
    for _, event, _ in sorted(itertools.chain(*kept.values()), key=lambda one: one[0]):
        _add(found, event)
    return {"pieces": _as_text(found), "after": _cursor(places), "more": False}


def _as_text(found: list[Json]) -> list[Json]:
    return [one | {"text": b"".join(one["text"]).decode("utf-8", "replace")} for one in found]


def _add(found: list[Json], event: Event) -> int:
    """Put what was printed at the end of `found`; how much it was."""
    stream, data = str(event.body.get("stream", "stdout")), event.body.get("data", b"")
    if not isinstance(data, bytes):
        return 0
    last = found[-1] if found else {}
    if last.get("stream") == stream and event.time - last["time"] < _ONE_PIECE_S:
        last["text"].append(data)
    else:
        found.append({"stream": stream, "time": event.time, "text": [data]})
    return len(data)


def _cursor(places: dict[str, int]) -> str:
    return urlsafe_b64encode(json.dumps(places).encode()).decode()


def _places(cursor: str) -> dict[str, int]:
    if not cursor:
        return {}
    try:
        places = json.loads(urlsafe_b64decode(cursor.encode()))
        return {str(name): max(0, int(offset)) for name, offset in places.items()}
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise UsageError("after is what the answer before gave as `after`") from None


ROUTES = [
    Route(
        "GET", "/api/v1/runs/{id}/console", console, about="what a run printed, in its order, up to 1 MiB at once",
        arguments={
            "after": "the `after` of the answer before: what came since",
            "last": "instead of the beginning the end, so many bytes of each stream",
        },
        gives="Console",
    ),
]  # fmt: skip
