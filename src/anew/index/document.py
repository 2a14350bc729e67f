"""A run's document, folded from its journals.

However the journals were cut into passes, it comes out the same.
"""

from __future__ import annotations

from bisect import insort
from pathlib import PurePath
from typing import Any

import msgpack
import numpy as np

from anew.index.stats import Stat, ascending, order
from anew.store.journal_reader import Event, Open, Points

Stamp = tuple[float, str]

_MAPS = {"code", "environment", "seeds", "hardware", "grade"}
_SETTINGS_FILES = (".yaml", ".yml", ".json", ".toml")
_LISTS = {"media": "media", "link": "links", "dataset": "datasets", "metric": "logged_metrics"}
_READ_ELSEWHERE = ("console", "records")  # too much for a document
_GOING_ON = ("running", "scheduled")
_BY_PATH = {"input": "inputs", "output": "outputs"}
# What the fold or the ledger says about a run; a `run` event can't set it.
_DERIVED = {
    "config", "config_conflicts", "raw", "tags", "summary", "media", "links", "datasets", "logged_metrics", "inputs",
    "outputs", "metrics", "metric_stats", "system", "verdicts", "verdict", "problems", "unknown", "status", "ended",
    "duration_s", "exit_code", "error", *_MAPS,
}  # fmt: skip


class Journal:
    """How far one journal was read, and what its points come to."""

    def __init__(self) -> None:
        self.offset = 0
        self.schemas: list[tuple[str, ...]] = []
        self.sealed = False
        self.problem: str | None = None
        self.problem_at = 0
        self.broken = False  # what comes next makes no sense, although its checksum holds
        self.open: dict[str, Any] | None = None
        self.time = 0.0  # of its latest frame; never goes back, though clocks do
        self.clock = 0.0  # of its latest event, which the times that points carry don't move
        self.stats: dict[str, Stat] = {}
        self.points = 0
        self.stored = 0  # offset up to which its points are in segments

    def closed(self) -> bool:
        """Whether nothing more can come."""
        return self.sealed or self.broken

    def state(self) -> list[Any]:
        return [
            self.offset, self.schemas, self.sealed, self.problem, self.problem_at, self.open, self.time,
            {name: stat.state() for name, stat in self.stats.items()}, self.points, self.stored,
            self.broken, self.clock,
        ]  # fmt: skip

    @classmethod
    def restore(cls, state: list[Any]) -> Journal:
        journal = cls()
        (
            journal.offset, schemas, journal.sealed, journal.problem, journal.problem_at, journal.open,
            journal.time, stats, journal.points, journal.stored, journal.broken, journal.clock,
        ) = state  # fmt: skip
        journal.schemas = [tuple(names) for names in schemas]
        journal.stats = {name: Stat.restore(stat) for name, stat in stats.items()}
        return journal


class Fold:
    """What is known of one run so far.

    With one journal the order of the file decides. With several, each value carries the stamp (time, journal)
    of its event, and the latest wins whichever journal is read first; `stamped` says which of the two holds.
    """

    def __init__(self, run_id: str, *, stamped: bool = False) -> None:
        self.id, self.stamped = run_id, stamped
        self.journals: dict[str, Journal] = {}
        self.top: dict[str, Any] = {}
        self.maps: dict[str, dict[str, Any]] = {}
        self.config: dict[str, list[tuple[Stamp, Any]]] = {}
        self.lists: dict[str, list[Any]] = {}
        self.by_path: dict[str, dict[str, Any]] = {}
        self.end: dict[str, Any] = {}
        self.unknown: dict[str, int] = {}
        self.stamps: dict[str, Stamp] = {}

    def fold(self, name: str, item: Open | Event | Points) -> None:
        """Take in the next item of the journal `name`."""
        journal = self.journals.setdefault(name, Journal())
        if isinstance(item, Points):
            _points(journal, item)
        elif isinstance(item, Open):
            journal.open = item.body
            journal.clock = max(journal.clock, float(item.body.get("time") or 0))
            journal.time = max(journal.time, journal.clock)
        else:
            journal.clock = max(journal.clock, item.time)
            journal.time = max(journal.time, journal.clock)
            body = _sayable_body(item.body) if isinstance(item.body, dict) else {}
            self._event(item.kind, body, (journal.clock, name))

    def _event(self, kind: str, body: dict[str, Any], stamp: Stamp) -> None:
        if kind == "run":
            for key, value in body.items():
                if key not in _DERIVED and key != "id":
                    self._set(self.top, "", key, value, stamp)
        elif kind == "config":
            raw = body.get("raw")
            for key, value in (raw if isinstance(raw, dict) else {}).items():
                self._set(self.maps.setdefault("raw", {}), "raw", str(key), value, stamp)
            values = body.get("values")
            for key, value in (values if isinstance(values, dict) else {}).items():
                if str(body.get("source")).lower().endswith(_SETTINGS_FILES):
                    # What a file proposes, the command line may overrule.
                    self._set(self.maps.setdefault("filed", {}), "filed", str(key), value, stamp)
                elif body.get("source") == "argv":
                    # Read off the command line without knowing the script: any other source knows better.
                    self._set(self.maps.setdefault("guesses", {}), "guesses", str(key), value, stamp)
                else:
                    self._configure(str(key), value, stamp)
        elif kind in ("tag", "summary"):
            space = "tags" if kind == "tag" else "summary"
            for key, value in body.items():
                self._set(self.maps.setdefault(space, {}), space, str(key), value, stamp)
        elif kind == "notes":
            self._set(self.top, "", "notes", body.get("text"), stamp)
        elif kind == "rename":
            self._set(self.top, "", "name", body.get("name"), stamp)
        elif kind in _MAPS:
            for key, value in body.items():
                self._set(self.maps.setdefault(kind, {}), kind, str(key), value, stamp)
        elif kind in _LISTS:
            self._append(_LISTS[kind], body, stamp)
        elif kind in _BY_PATH:
            space = _BY_PATH[kind]
            # Taken out first: the order is that of the last word on each path.
            path = str(body.get("path"))
            if self._wins(f"{space}\0{path}", stamp):
                there = self.by_path.setdefault(space, {})
                before = there.pop(path, {})
                if body.get("removed"):
                    return
                if before.get("saved") and not body.get("saved"):
                    body = body | _given_name(before)
                there[path] = body
            elif body.get("saved") and path in self.by_path.get(space, {}):
                self.by_path[space][path] |= _given_name(body)
        elif kind == "end":
            if self._wins("end", stamp):
                self.end = {"time": stamp[0], **body}
        elif kind not in _READ_ELSEWHERE:
            self.unknown[kind] = self.unknown.get(kind, 0) + 1

    def _wins(self, slot: str, stamp: Stamp) -> bool:
        if not self.stamped:
            return True
        if stamp < self.stamps.get(slot, (-1e300, "")):
            return False
        self.stamps[slot] = stamp
        return True

    def _set(self, into: dict[str, Any], space: str, key: str, value: Any, stamp: Stamp) -> None:
        if self._wins(f"{space}\0{key}", stamp):
            into[key] = value

    def _configure(self, key: str, value: Any, stamp: Stamp) -> None:
        """The first value of a key stands; every other one is kept beside it, once."""
        values = self.config.get(key)
        if values is None:
            self.config[key] = [(stamp, value)]
            return
        packed = _packed(value)
        for at, (other, known) in enumerate(values):
            if _packed(known) == packed:
                if stamp >= other:
                    return
                del values[at]
                break
        values.append((stamp, value))
        if self.stamped:
            values.sort(key=lambda pair: pair[0])

    def _append(self, space: str, body: dict[str, Any], stamp: Stamp) -> None:
        items = self.lists.setdefault(space, [])
        if not self.stamped:
            items.append((stamp, body))
        else:
            insort(items, (stamp, body), key=lambda pair: pair[0])

    def state(self) -> bytes:
        """For `Fold.restore`."""
        journals = {name: journal.state() for name, journal in self.journals.items()}
        parts = [
            self.id, self.stamped, journals, self.top, self.maps, self.config, self.lists, self.by_path,
            self.end, self.unknown, self.stamps,
        ]  # fmt: skip
        return _packed(parts)

    @classmethod
    def restore(cls, state: bytes) -> Fold:
        run_id, stamped, journals, *parts = msgpack.unpackb(state, unicode_errors="surrogatepass", strict_map_key=False)
        fold = cls(run_id, stamped=stamped)
        fold.journals = {name: Journal.restore(journal) for name, journal in journals.items()}
        fold.top, fold.maps, config, lists, fold.by_path, fold.end, fold.unknown, stamps = parts
        fold.config = {key: [(_stamp(at), value) for at, value in values] for key, values in config.items()}
        fold.lists = {key: [(_stamp(at), value) for at, value in items] for key, items in lists.items()}
        fold.stamps = {slot: _stamp(at) for slot, at in stamps.items()}
        return fold

    def document(self, *, alive: bool, verdicts: list[dict[str, Any]]) -> dict[str, Any]:
        """The document as `Index.document` returns it. `alive`: whether any of the writers is."""
        last = max((journal.time for journal in self.journals.values()), default=0.0)
        opened = [float(journal.open.get("time") or 0) for journal in self.journals.values() if journal.open]
        created = self.top.get("created")
        if not isinstance(created, (int, float)) or isinstance(created, bool):
            created = min(opened, default=last)
        ended, status = None, "running"
        if self.end.get("status") in _GOING_ON:  # reopened, or announced
            status = self.end["status"]
        elif self.end:
            ended, status = _number(self.end.get("time"), last), str(self.end.get("status", "finished"))
        elif not alive and not self.top.get("remote"):
            ended, status = last, "crashed"
        stats = self._stats()
        metrics = {name: shown for name, shown in stats.items() if not name.startswith("system/")}
        lists = {space: [body for _, body in self.lists.get(space, ())] for space in _LISTS.values()}
        return {
            "name": None, "project": None, "command": None, "notes": None, "user": None, "host": None,
            **self.top,
            "id": self.id,
            "created": created,
            "status": status,
            "ended": ended,
            "duration_s": max(0.0, (last if ended is None else ended) - created),
            "exit_code": self.end.get("exit_code"),
            "error": self.end.get("error"),
            "config": self.maps.get("filed", {})
            | self.maps.get("guesses", {})
            | {key: values[0][1] for key, values in self.config.items()},
            "raw": self.maps.get("raw", {}),
            "config_conflicts": {
                key: [value for _, value in values[1:]] for key, values in self.config.items() if len(values)
                > 1 },
            "tags": _present(self.maps.get("tags", {})),
            "summary": self.maps.get("summary", {}),
            **{kind: self.maps.get(kind, {}) for kind in sorted(_MAPS)},
            **lists,
            **{space: self._outputs(space) for space in _BY_PATH.values()},
            "metrics": {name: shown["last"] for name, shown in metrics.items()},
            "metric_stats": metrics,
            "system": {name[7:]: shown for name, shown in stats.items() if name.startswith("system/")},
            "verdicts": verdicts,
            "verdict": verdicts[-1].get("verdict") if verdicts else None,
            "problems": [
                {"file": name, "offset": journal.problem_at, "reason": journal.problem}
                for name, journal in sorted(self.journals.items())
                if journal.problem
            ],
            "unknown": dict(sorted(self.unknown.items())),
        }  # fmt: skip

    def _outputs(self, space: str) -> list[dict[str, Any]]:
        items = self.by_path.get(space, {})
        if not self.stamped:
            return list(items.values())
        return [items[path] for path in sorted(items, key=lambda path: (self.stamps[f"{space}\0{path}"], path))]

    def _stats(self) -> dict[str, dict[str, Any]]:
        merged: dict[str, Stat] = {}
        for _, journal in sorted(self.journals.items()):
            for name, stat in journal.stats.items():
                if name in merged:
                    both = Stat()
                    both.merge(merged[name])
                    both.merge(stat)
                    merged[name] = both
                else:
                    merged[name] = stat
        return {name: merged[name].show() for name in sorted(merged)}


def _given_name(saved: dict[str, Any]) -> dict[str, Any]:
    """What `save` called a file; it stands although the file was also seen being written."""
    return {key: saved[key] for key in ("name", "type", "saved") if key in saved}


def sayable(text: str) -> str:
    """`text` with half characters (of file names and arguments that are no UTF-8) spelt out: SQLite takes none."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _sayable_body(body: dict[str, Any]) -> dict[str, Any]:
    try:
        msgpack.packb(body)
    except (ValueError, OverflowError, TypeError):
        return dict(_all_sayable(body))
    return body


def _all_sayable(value: Any) -> Any:
    if isinstance(value, str):
        return sayable(value)
    if isinstance(value, dict):
        return {_all_sayable(key): _all_sayable(item) for key, item in value.items()}
    return [_all_sayable(item) for item in value] if isinstance(value, list) else value


def _points(journal: Journal, block: Points) -> None:
    steps, times, values = block.steps, block.times, block.values
    rows = len(times)
    if not rows:
        return
    journal.points += values.size
    journal.time = max(journal.time, float(times.max()))
    straight = ascending(steps, times)
    first_step, first_time = steps[0].item(), times[0].item()
    last_step, last_time = steps[-1].item(), times[-1].item()
    firsts, lasts = values[0].tolist(), values[-1].tolist()
    columns = np.ascontiguousarray(values.T)
    for number, name in enumerate(map(sayable, block.keys)):
        stat = journal.stats.get(name)
        if stat is None:
            stat = journal.stats[name] = Stat()
        column = columns[number]
        stat.add(column)
        if straight:
            stat.end((first_step, first_time, firsts[number]), (last_step, last_time, lasts[number]))
        else:
            along = order(steps, times, column)
            first, last = along[0], along[-1]
            stat.end(
                (steps[first].item(), times[first].item(), column[first].item()),
                (steps[last].item(), times[last].item(), column[last].item()),
            )


def _packed(value: Any) -> bytes:
    return bytes(msgpack.packb(value, unicode_errors="surrogatepass", default=_unpackable))


def _unpackable(value: Any) -> Any:
    return str(value) if isinstance(value, PurePath) else repr(value)


def _stamp(pair: list[Any]) -> Stamp:
    return float(pair[0]), str(pair[1])


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
