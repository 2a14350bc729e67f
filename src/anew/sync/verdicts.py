"""Verdicts on their way between ledgers: each is entered once, with the hash it had where it was made."""

from __future__ import annotations

from functools import partial
from typing import Any

from anew.errors import Conflict, UsageError
from anew.store.ledger import Ledger, View, entry_hash

_KEYS = {"seq", "time", "actor", "kind", "subject", "body", "prev", "hash"}
_KINDS = ("verdict", "run")
Entry = dict[str, Any]


class Verdicts(View):
    """What a ledger says of runs: verdicts, and who deleted or restored them.

    An entry's identity is its hash in the ledger that it was first entered in. That a run is deleted stands in its
    journals; the ledger's entry says by whom.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._of: dict[str, dict[str, Entry]] = {}

    def of(self, run_id: str) -> dict[str, Entry]:
        """The entries about a run by identity, oldest first."""
        self.refresh()
        return dict(self._of.get(run_id, {}))

    def subjects(self) -> set[str]:
        self.refresh()
        return set(self._of)

    def was_deleted(self, run_id: str) -> bool:
        """Whether the run was ever deleted, or restored since."""
        return any(entry["kind"] == "run" for entry in self.of(run_id).values())

    def take(self, run_id: str, entries: list[Any], actor: str | None = None) -> int:
        """Enter those that are not there yet; how many verdicts. Raises UsageError for what is no such entry."""
        for entry in entries:
            _check(run_id, entry)
        taken = 0
        for entry in entries:
            try:
                self.change(entry["kind"], run_id, partial(self._body, run_id, entry), actor or entry["actor"])
                taken += entry["kind"] == "verdict"
            except _Known:
                continue
        return taken

    def _body(self, run_id: str, entry: Entry) -> dict[str, Any]:
        if identity(entry) in self._of.get(run_id, {}):
            raise _Known
        origin = {key: entry[key] for key in ("seq", "time", "actor", "prev", "hash")}
        return {"origin": origin, **entry["body"]}

    def _apply(self, entry: Entry) -> None:
        if entry["kind"] in _KINDS and isinstance(entry["body"], dict):
            self._of.setdefault(entry["subject"], {})[identity(entry)] = entry


class _Known(Conflict):
    pass


def identity(entry: Entry) -> str:
    origin = entry["body"].get("origin")
    return str(origin.get("hash")) if isinstance(origin, dict) else str(entry["hash"])


def _check(run_id: str, entry: Any) -> None:
    whole = isinstance(entry, dict) and entry.keys() == _KEYS and isinstance(entry["body"], dict)
    if not whole or entry["kind"] not in _KINDS or entry["subject"] != run_id or not isinstance(entry["actor"], str):
        raise UsageError(f"this is no verdict on run {run_id}, nor the deletion of it")
    if entry["kind"] == "run" and (
        not entry["body"].keys() <= {"action", "origin"} or entry["body"].get("action") not in ("delete", "restore")
    ):
        raise UsageError(f"run {run_id} can be deleted and restored, and nothing else is known here")
    if entry["hash"] != entry_hash(entry):
        raise UsageError(f"an entry about run {run_id} was changed on its way: its hash does not fit")
