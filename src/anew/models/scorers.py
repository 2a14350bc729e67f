"""Scorers: what judges the answers of traces, by name in a project, in numbered versions. Their truth is the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from anew.errors import Conflict, NotFound, UsageError
from anew.store.ledger import Ledger, View, times

_MOST_NAME_CHARACTERS = 256
_MOST_TEXT_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class ScorerVersion:
    number: int
    created: float  # seconds since 1970
    text: str  # the scorer as its client wrote it: kept, and never run


@dataclass(frozen=True)
class Sampling:
    """Of how many traces that come in a scorer would judge: so it was asked for."""

    id: str
    rate: float  # from 0 to 1
    filter: str | None = None


@dataclass(frozen=True)
class Scorer:
    id: str
    project_id: str
    name: str
    versions: Mapping[int, ScorerVersion] = field(default_factory=dict)  # by number, ascending
    sampling: Sampling | None = None

    def version(self, number: int | None = None) -> ScorerVersion:
        """A version, the latest for None. Raises NotFound."""
        found = self.versions.get(max(self.versions) if number is None else number)
        if found is None:
            raise NotFound(f"scorer {self.name!r} has no version {number}")
        return found


class Scorers(View):
    """Every scorer of a store."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._scorers: dict[tuple[str, str], Scorer] = {}

    def all(self, project_id: str) -> list[Scorer]:
        """Those of a project, by name."""
        self.refresh()
        found = [scorer for scorer in self._scorers.values() if scorer.project_id == project_id]
        return sorted(found, key=lambda scorer: scorer.name)

    def having(self, ids: Collection[str]) -> list[Scorer]:
        """Those of these ids, in that order."""
        self.refresh()
        found = {scorer.id: scorer for scorer in self._scorers.values()}
        return [found[one] for one in dict.fromkeys(ids) if one in found]

    def get(self, project_id: str, name: str) -> Scorer:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._scorers[project_id, name]
        except KeyError:
            raise NotFound(f"no scorer {name!r}") from None

    def register(self, project_id: str, name: str, text: str, actor: str | None = None) -> Scorer:
        """The next version of a scorer, which is made when it is not there. Raises UsageError."""
        _check(name, text)

        def make() -> dict[str, Any]:
            known = self._scorers.get((project_id, name))
            return {
                "action": "register",
                "id": known.id if known else str(uuid.uuid4()),
                "project": project_id,
                "version": max(known.versions) + 1 if known else 1,
                "text": text,
            }

        self.change("scorer", name, make, actor)
        return self.get(project_id, name)

    def adopt(self, project_id: str, name: str, scorer_id: str, number: int, text: str, created: float) -> None:
        """A version made elsewhere, under its own number. Raises UsageError; Conflict for a number that is taken."""
        _check(name, text)

        def make() -> dict[str, Any]:
            known = self._scorers.get((project_id, name))
            if known and number in known.versions:
                raise Conflict(f"scorer {name!r} has a version {number}")
            body = {"action": "register", "id": known.id if known else scorer_id, "project": project_id}
            return body | {"version": number, "text": text, "original": {"created": created}}

        self.change("scorer", name, make)

    def delete(self, project_id: str, name: str, number: int | None = None, actor: str | None = None) -> None:
        """Take a version out, or all of them for None. Raises NotFound."""

        def make() -> dict[str, Any]:
            self.get(project_id, name).version(number)
            return {"action": "delete", "project": project_id, "version": number}

        self.change("scorer", name, make, actor)

    def sample(
        self, project_id: str, name: str, rate: float, filter_text: str | None, actor: str | None = None
    ) -> Scorer:
        """Say of how many traces a scorer would judge. Raises NotFound."""

        def make() -> dict[str, Any]:
            self.get(project_id, name)
            body = {"action": "sample", "project": project_id, "version": None, "id": uuid.uuid4().hex}
            return body | {"rate": rate, "filter": filter_text}

        self.change("scorer", name, make, actor)
        return self.get(project_id, name)

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "scorer":
            return
        name, body = entry["subject"], entry["body"]
        place = (body["project"], name)
        known = self._scorers.get(place)
        number = body["version"]
        if body["action"] == "register":
            scorer = known or Scorer(body["id"], body["project"], name)
            version = ScorerVersion(number, times(entry)[0], body["text"])
            self._scorers[place] = replace(scorer, versions={**scorer.versions, number: version})
        elif body["action"] == "sample" and known:
            self._scorers[place] = replace(known, sampling=Sampling(body["id"], body["rate"], body["filter"]))
        elif body["action"] == "delete" and known:
            left = {key: version for key, version in known.versions.items() if number not in (None, key)}
            if left:
                self._scorers[place] = replace(known, versions=left)
            else:
                del self._scorers[place]


def _check(name: str, text: str) -> None:
    if not name.strip() or len(name) > _MOST_NAME_CHARACTERS:
        raise UsageError(f"a scorer's name has 1 to {_MOST_NAME_CHARACTERS} characters")
    if len(text) > _MOST_TEXT_CHARACTERS:
        raise UsageError(f"a scorer has at most {_MOST_TEXT_CHARACTERS:,} characters")
