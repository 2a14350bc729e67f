"""The records of an evaluation dataset: events of its journal, merged by their inputs as MLflow merges them.

An event holds what was sent, and merging is done where it is read: so two servers of one store lose nothing of each
other's. The dataset's document holds no record; they are folded from the journals, and what was read is not read again.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from copy import deepcopy
from itertools import groupby
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from anew.hub import Hub
from anew.index.reading import journals
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid
from anew.store.journal_reader import Event, JournalReader

KIND = "datasets"
EVENT = "records"
USER = "mlflow.user"
SOURCES = ("UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE")
_PARTS = ("inputs", "outputs", "expectations", "tags")
_NO_SCHEMA: Json = {"inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0"}
_TYPES = {
    type(None): "null", bool: "boolean", int: "integer", float: "float", str: "string", list: "array", dict: "object",
}  # fmt: skip
_MOST_HELD_BYTES = 32 << 20  # of records as they were sent, of all datasets in memory; the one in use may have more
_MOST_ENTERED = 1000  # records in one event
_LOCKS = [threading.Lock() for _ in range(64)]


def lock_of(dataset_id: str) -> threading.Lock:
    """Held by who reads the records of a dataset, or changes them."""
    return _LOCKS[hash(dataset_id) % len(_LOCKS)]


class Records:
    """What the journals of one dataset come to, as far as they were read."""

    def __init__(self) -> None:
        self.schema: Json | None = None
        self.size = 0  # bytes, of all that was sent
        self._by_key: dict[str, Json] = {}  # the key is the digest of the inputs; in the order of coming
        self._keys: dict[str, str] = {}  # by the record's id
        self._made = 0
        self._pages: list[Json] | None = None  # the records as a list, until one comes or goes
        self._read: dict[str, tuple[int, float]] = {}  # of each journal: how far, and the time of its latest event
        self._latest = (0.0, "")

    def __len__(self) -> int:
        return len(self._by_key)

    def has(self, key: str) -> bool:
        return key in self._by_key

    def updated_ms(self, key: str) -> int | None:
        """When a record was last changed; None for one that is not there."""
        known = self._by_key.get(key)
        return None if known is None else int(known["updated"])

    def having(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are of records here, each once."""
        return [one for one in dict.fromkeys(ids) if one in self._keys]

    def page(self, behind: int, most: int) -> tuple[list[Json], int]:
        """`most` records behind a number, in the order of coming, and the number to go on from, 0 for none."""
        if self._pages is None:
            self._pages = list(self._by_key.values())
        start = bisect_right(self._pages, behind, key=lambda record: int(record["number"]))
        found = self._pages[start : start + most]
        return found, found[-1]["number"] if start + most < len(self._pages) else 0

    def follow(self, folder: Path) -> bool:
        """Take in what is new. False when it belongs before what was taken in already: then begin anew."""
        fresh: list[tuple[tuple[float, str], Json]] = []
        for name in journals(folder):
            offset, clock = self._read.get(name, (0, 0.0))
            reader = JournalReader(folder / name, offset)
            for item in reader:
                if isinstance(item, Event) and item.kind == EVENT:
                    clock = max(clock, item.time)
                    fresh.append(((clock, name), item.body))
            self._read[name] = reader.offset, clock
        fresh.sort(key=lambda pair: pair[0])
        if fresh and fresh[0][0] < self._latest:
            return False
        for stamp, body in fresh:
            self._latest = stamp
            self._take(body)
        return True

    def _take(self, body: Json) -> None:
        at_ms = int(body.get("at_ms") or 0)
        for sent in body.get("merge") or ():
            self.size += len(sent["json"])
            said = json.loads(sent["json"])
            self.schema = _widened(self.schema or deepcopy(_NO_SCHEMA), said)
            known = self._by_key.get(sent["key"])
            by = sent.get("by") or said.get("tags", {}).get(USER)
            if known is None:
                self._add(sent["id"], sent["key"], said, at_ms, by)
            else:
                _merge(known, said, at_ms, by)
        for record_id in body.get("remove") or ():
            key = self._keys.pop(record_id, None)
            if key is not None:
                del self._by_key[key]
                self._pages = None

    def _add(self, record_id: str, key: str, said: Json, at_ms: int, by: str | None) -> None:
        self._made += 1
        self._by_key[key] = {
            "number": self._made, "id": record_id, "inputs": said["inputs"], "outputs": said.get("outputs", {}),
            "expectations": said.get("expectations"), "tags": said.get("tags", {}), "source": said.get("source"),
            "created": at_ms, "updated": at_ms, "created_by": by, "updated_by": by,
        }  # fmt: skip
        self._keys[record_id] = key
        self._pages = None


def _merge(known: Json, said: Json, at_ms: int, by: str | None) -> None:
    """Outputs take the place of those before, expectations and tags come beside them; the source stays."""
    if "outputs" in said:
        known["outputs"] = said["outputs"]
    for part in ("expectations", "tags"):
        if said.get(part):
            known[part] = (known[part] or {}) | said[part]
    known["updated"] = at_ms
    known["updated_by"] = by or known["updated_by"]


def _widened(schema: Json, said: Json) -> Json:
    """The schema with what it has not met before; the first type of a name stands."""
    for part in ("inputs", "outputs", "expectations"):
        values, names = said.get(part), schema[part]
        if isinstance(values, dict) and isinstance(names, dict):
            for name, value in values.items():
                names.setdefault(name, _TYPES[type(value)])
        elif part == "outputs" and values is not None and not names:
            schema[part] = _TYPES[type(values)]
    return schema


# Several datasets of a hub

_known: WeakKeyDictionary[Hub, OrderedDict[str, Records]] = WeakKeyDictionary()
_lock = threading.Lock()


def of(hub: Hub, dataset_id: str) -> Records:
    """The records of a dataset as they are now. The caller holds its lock."""
    with _lock:
        found = _known.setdefault(hub, OrderedDict()).get(dataset_id) or Records()
    folder = hub.store.root / KIND / dataset_id
    if not found.follow(folder):
        found = Records()
        found.follow(folder)
    with _lock:
        held = _known[hub]
        held[dataset_id] = found
        held.move_to_end(dataset_id)
        while len(held) > 1 and sum(one.size for one in held.values()) > _MOST_HELD_BYTES:
            held.popitem(last=False)
    return found


def forget(hub: Hub, dataset_id: str) -> None:
    with _lock:
        _known.get(hub, OrderedDict()).pop(dataset_id, None)


def merge(hub: Hub, dataset_id: str, sent: list[Json], at_ms: int) -> tuple[int, int]:
    """Append records, and say how many are new and how many were merged. The caller holds the dataset's lock."""
    there = of(hub, dataset_id)
    keys = [_key(record["inputs"]) for record in sent]
    fresh = {key for key in keys if not there.has(key)}
    # As JSON text: it holds whole numbers of any size, and any depth, which a journal's own values don't.
    merged = [
        {"id": f"dr-{uuid.uuid4().hex}", "key": key, "json": json.dumps(record)}
        for key, record in zip(keys, sent, strict=True)
    ]
    hub.event(KIND, dataset_id, EVENT, {"merge": merged, "at_ms": at_ms})
    return len(fresh), len(keys) - len(fresh)


def entered(record: Json) -> Json:
    """A record that was kept elsewhere, as `enter` takes it. Raises MlflowError."""
    said = _checked(record)
    made, changed = int(record.get("created_time") or 0), int(record.get("last_update_time") or 0)
    return {
        "id": str(record["dataset_record_id"]), "key": _key(said["inputs"]), "said": said,
        "made": (made, record.get("created_by")), "changed": (max(made, changed), record.get("last_updated_by")),
    }  # fmt: skip


def enter(hub: Hub, dataset_id: str, found: list[Json]) -> int:
    """Append those that are new here or have changed since, at their own times; how many. For who holds the lock."""
    there = of(hub, dataset_id)
    waiting: list[tuple[int, Json]] = []
    count = 0
    for record in found:
        known, (at_ms, by) = there.updated_ms(record["key"]), record["changed"]
        if known is not None and known >= at_ms:
            continue
        count += 1
        one = {"id": record["id"], "key": record["key"]}
        said, inputs = json.dumps(record["said"]), json.dumps({"inputs": record["said"]["inputs"]})
        made_ms, maker = record["made"]
        if known is None:
            waiting.append((made_ms, one | {"json": said, "by": maker}))
        if known is not None or at_ms > made_ms:
            waiting.append((at_ms, one | {"json": inputs if known is None else said, "by": by}))
    waiting.sort(key=lambda pair: pair[0])
    for at_ms, group in groupby(waiting, key=lambda pair: pair[0]):
        merged = [one for _, one in group]
        for start in range(0, len(merged), _MOST_ENTERED):
            hub.event(KIND, dataset_id, EVENT, {"merge": merged[start : start + _MOST_ENTERED], "at_ms": at_ms})
    return count


def remove(hub: Hub, dataset_id: str, ids: Iterable[str]) -> int:
    """Take records out, and say how many were there. The caller holds the dataset's lock."""
    found = of(hub, dataset_id).having(ids)
    if found:
        hub.event(KIND, dataset_id, EVENT, {"remove": found})
    return len(found)


def _key(inputs: Json) -> str:
    """By this, as in MLflow, a record is the same one: 1 and 1.0 are two."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


# What is sent, and what is answered


def read(text: str) -> list[Json]:
    """The records of a request. Raises MlflowError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise invalid("Invalid value for parameter 'records' supplied: it must be a JSON array of objects.")
    return [_checked(item) for item in found]


def _checked(item: Json) -> Json:
    """Of a record what is kept. Raises MlflowError."""
    found: Json = {"inputs": {}} | {name: item[name] for name in _PARTS if name in item}
    found = {name: value for name, value in found.items() if value is not None or name in ("inputs", "outputs")}
    for name in ("inputs", "expectations", "tags"):
        if name in found and not isinstance(found[name], dict):
            raise invalid(f"The {name} of a dataset record must be an object, not {type(found[name]).__name__}.")
    if found.get("tags", {}).get(USER) is not None:
        found["tags"] = found["tags"] | {USER: str(found["tags"][USER])}
    if item.get("source"):
        found["source"] = _source(item["source"])
    return found


def _source(sent: Any) -> Json:
    if not isinstance(sent, dict) or not sent.keys() <= {"source_type", "source_data"}:
        raise invalid("The source of a dataset record must be an object of source_type and source_data.")
    kind, data = sent.get("source_type"), sent.get("source_data")
    if not isinstance(kind, str) or not isinstance(data, dict | None):
        raise invalid("The source_type of a dataset record must be a string, and its source_data an object.")
    if kind.upper() not in SOURCES:
        raise invalid(f"Invalid dataset record source type: {kind.upper()}. Valid source types: {list(SOURCES)}")
    return {"source_type": kind.upper(), "source_data": data or {}}


def shown(dataset_id: str, record: Json) -> Json:
    """A record in MLflow's words."""
    found: Json = {
        "dataset_record_id": record["id"],
        "dataset_id": dataset_id,
        "inputs": record["inputs"],
        "tags": record["tags"],
        "created_time": record["created"],
        "last_update_time": record["updated"],
    }
    others = {
        "outputs": record["outputs"],
        "expectations": record["expectations"],
        "source": record["source"],
        "created_by": record["created_by"],
        "last_updated_by": record["updated_by"],
    }
    source = record["source"]
    if source:
        of_trace = source["source_type"] == "TRACE"
        told = source["source_data"].get("trace_id" if of_trace else "source_id")
        others |= {"source_type": source["source_type"], "source_id": None if told is None else str(told)}
    return found | {name: value for name, value in others.items() if value is not None}
