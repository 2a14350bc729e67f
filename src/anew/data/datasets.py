"""Datasets: names with numbered, immutable versions, and aliases. Their truth is the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from anew.errors import Conflict, NotFound, UsageError
from anew.store.ledger import Ledger, View, times

_MOST_NAME_CHARACTERS = 200
_BAD_CHARACTERS = frozenset(":@/\\\"'")
_NUMBER = re.compile(r"v?(\d{1,9})")
_ALIAS = re.compile(r"[^\W\d][\w.-]{0,99}")
_LEAST_DIGEST_CHARACTERS = 8
LATEST = "latest"


@dataclass(frozen=True)
class Version:
    """One version. Nothing of it ever changes but, once, its number: see `Datasets.renumber`."""

    name: str  # of its dataset
    number: int
    digest: str  # of the tree; a single file is a tree of one
    kind: Literal["tree", "file"]
    size: int  # bytes of all files
    files: int
    path: str  # where it was added from, below the project
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)  # see `facts.facts_of`
    run_id: str = ""  # of the run that made it
    actor: str = ""
    created: float = 0.0  # seconds since 1970
    elsewhere: bool = False  # whether another store made it: its content may be there only

    @property
    def label(self) -> str:
        return f"{self.name}:v{self.number}"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say of content that is not in this store how it comes there. Raises NotFound."""
        try:
            yield
        except NotFound as error:
            raise NotFound(f"{self.label} is not all here, {error}; `anew fetch {self.label}` brings it") from None


@dataclass(frozen=True)
class Dataset:
    """`last` is the highest number that a version ever had: numbers are not used again."""

    name: str
    versions: Mapping[int, Version] = field(default_factory=dict)  # by number, ascending
    aliases: Mapping[str, int] = field(default_factory=dict)
    last: int = 0

    def latest(self) -> Version | None:
        return self.versions[max(self.versions)] if self.versions else None

    def aliases_of(self, number: int) -> list[str]:
        return sorted(alias for alias, target in self.aliases.items() if target == number)

    def with_digest(self, digest: str) -> Version | None:
        """The newest version of that content."""
        return next((v for v in reversed(list(self.versions.values())) if v.digest == digest), None)


class _Unchanged(Exception):
    pass


class Datasets(View):
    """Every dataset of a store."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._datasets: dict[str, Dataset] = {}

    def all(self) -> list[Dataset]:
        self.refresh()
        return sorted(self._datasets.values(), key=lambda dataset: dataset.name)

    def get(self, name: str) -> Dataset:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._datasets[name]
        except KeyError:
            raise NotFound(f"no dataset {name!r}; `anew add PATH --name {name}` makes one") from None

    def version(self, reference: str) -> Version:
        """What NAME, NAME:v3, NAME:3, NAME:alias or NAME:digest stands for; @ does as well as a colon.

        Raises NotFound, UsageError for a digest that fits several.
        """
        name, _, wanted = reference.replace("@", ":", 1).partition(":")
        dataset = self.get(name)
        version = pick(dataset, wanted or LATEST)
        if version is None:
            there = ", ".join([f"v{number}" for number in dataset.versions] + sorted(dataset.aliases))
            raise NotFound(f"dataset {name!r} has no version {wanted!r}; there are {there or 'none'}")
        return version

    def with_digest(self, digest: str) -> list[Version]:
        """Every version of that content, of all datasets."""
        return [v for dataset in self.all() for v in dataset.versions.values() if v.digest == digest]

    def add(self, version: Version, actor: str | None = None) -> tuple[Version, bool]:
        """A next version with what `version` holds (its number and time do not count), and whether it is new.

        The same content as the latest version is no new one. Raises UsageError for a name that can't be one.
        """
        check_name(version.name)

        def make() -> dict[str, Any]:
            dataset = self.find(version.name)
            latest = dataset.latest()
            if latest is not None and latest.digest == version.digest:
                raise _Unchanged
            return body_of(replace(version, number=dataset.last + 1))

        try:
            entry = self.change("dataset", version.name, make, actor)
        except _Unchanged:
            return self.version(version.name), False
        return self._datasets[version.name].versions[entry["body"]["version"]], True

    def take(self, version: Version, actor: str | None = None) -> Version:
        """A version as another store has it, under its number there.

        One of our own that has that number gets the next free one. Raises UsageError for a name that can't be one.
        """
        check_name(version.name)
        dataset = self.find(version.name)
        there = dataset.versions.get(version.number)
        if there is not None and there.digest == version.digest:
            return there
        if there is not None:
            self.renumber(version.name, version.number, actor)
        body = body_of(version) | {"original": {"created": version.created, "actor": version.actor}}
        self.change("dataset", version.name, lambda: self._free(version, body), actor)
        return self._datasets[version.name].versions[version.number]

    def renumber(self, name: str, number: int, actor: str | None = None) -> Version:
        """Give a version the next free number, because another store has used its own. Raises NotFound."""

        def make() -> dict[str, Any]:
            dataset = self.get(name)
            if number not in dataset.versions:
                raise NotFound(f"dataset {name!r} has no version v{number}")
            return {"action": "renumber", "before": number, "after": dataset.last + 1}

        entry = self.change("dataset", name, make, actor)
        return self._datasets[name].versions[entry["body"]["after"]]

    def set_alias(self, name: str, alias: str, number: int | None, actor: str | None = None) -> None:
        """Let an alias stand for a version; None removes it. Raises NotFound, UsageError."""
        if not _ALIAS.fullmatch(alias) or alias == LATEST or _NUMBER.fullmatch(alias):
            raise UsageError(f"{alias!r} can't be an alias: a letter, then letters, digits, . _ -; not v3, nor latest")
        if self.get(name).aliases.get(alias) == number:
            return

        def make() -> dict[str, Any]:
            dataset = self.get(name)
            if number is not None and number not in dataset.versions:
                raise NotFound(f"dataset {name!r} has no version v{number}")
            return {"action": "alias", "alias": alias, "before": dataset.aliases.get(alias), "after": number}

        self.change("dataset", name, make, actor)

    def remove(self, name: str, number: int, actor: str | None = None) -> None:
        """Take a version out, so that `anew gc` may free what only it needs. Raises NotFound, Conflict."""

        def make() -> dict[str, Any]:
            dataset = self.get(name)
            if number not in dataset.versions:
                raise NotFound(f"dataset {name!r} has no version v{number}")
            if aliases := dataset.aliases_of(number):
                raise Conflict(f"{name}:v{number} is {', '.join(aliases)}: move the alias first")
            return {"action": "remove", "version": number, "digest": dataset.versions[number].digest}

        self.change("dataset", name, make, actor)

    def find(self, name: str) -> Dataset:
        """The dataset, without a version where there is none."""
        self.refresh()
        return self._datasets.get(name, Dataset(name))

    def _free(self, version: Version, body: dict[str, Any]) -> dict[str, Any]:
        if version.number in self.find(version.name).versions:
            raise Conflict(f"{version.label} was made meanwhile: try again")
        return body

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "dataset":
            return
        name, body = entry["subject"], entry["body"]
        dataset = self._datasets.get(name, Dataset(name))
        versions, aliases = dict(dataset.versions), dict(dataset.aliases)
        last = dataset.last
        if body["action"] == "version":
            version = version_of(name, body, entry)
            versions[version.number] = version
            last = max(last, version.number)
        elif body["action"] == "renumber":
            moved = versions.pop(body["before"])
            versions[body["after"]] = replace(moved, number=body["after"])
            aliases = {a: body["after"] if n == body["before"] else n for a, n in aliases.items()}
            last = max(last, body["after"])
        elif body["action"] == "alias":
            aliases.pop(body["alias"], None)
            if body["after"] is not None:
                aliases[body["alias"]] = body["after"]
        elif body["action"] == "remove":
            del versions[body["version"]]
        self._datasets[name] = Dataset(name, dict(sorted(versions.items())), aliases, last)


def check_name(name: str) -> None:
    """UsageError unless `name` can be the name of a dataset."""
    bad = not name or len(name) > _MOST_NAME_CHARACTERS or not name.isprintable() or set(name) & _BAD_CHARACTERS
    if bad or name != name.strip() or name.startswith((".", "-")):
        raise UsageError(f"{name!r} can't name a dataset: printable, without : @ / \\ and quotes, and not . or - first")


def default_name(path: Path) -> str:
    """The last part of a path, less what no name may hold."""
    said = "".join("-" if c in _BAD_CHARACTERS or not c.isprintable() else c for c in path.name)
    return said[:_MOST_NAME_CHARACTERS].strip().lstrip(".-") or "data"


def body_of(version: Version) -> dict[str, Any]:
    """The ledger entry's body that makes it."""
    return {
        "action": "version",
        "version": version.number,
        "digest": version.digest,
        "kind": version.kind,
        "size": version.size,
        "files": version.files,
        "path": version.path,
        "message": version.message,
        "facts": dict(version.facts),
        "run": version.run_id,
    }


def version_of(name: str, body: Mapping[str, Any], entry: Mapping[str, Any]) -> Version:
    """The version that such an entry made."""
    created, _ = times(dict(entry))
    actor = (body.get("original") or {}).get("actor", entry["actor"])
    return Version(
        name, body["version"], body["digest"], body["kind"], body["size"], body["files"], body["path"], body["message"],
        body["facts"], body["run"], actor, created, "original" in body,
    )  # fmt: skip


def pick(dataset: Dataset, wanted: str) -> Version | None:
    """The version that v3, 3, latest, an alias or the start of a digest stands for. Raises UsageError."""
    if wanted == LATEST:
        return dataset.latest()
    if wanted in dataset.aliases:
        return dataset.versions[dataset.aliases[wanted]]
    if number := _NUMBER.fullmatch(wanted):
        found = dataset.versions.get(int(number[1]))
        if found is not None or len(wanted) < _LEAST_DIGEST_CHARACTERS:
            return found
    if len(wanted) < _LEAST_DIGEST_CHARACTERS:
        return None
    fitting = {v.digest: v for v in dataset.versions.values() if v.digest.startswith(wanted)}
    if len(fitting) > 1:
        raise UsageError(f"{wanted!r} fits several versions of {dataset.name!r}: give more of the digest")
    return next(iter(fitting.values()), None)
