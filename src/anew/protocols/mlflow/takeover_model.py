"""What an MLflow store holds, in words of none of its forms: what a source gives, and the importer takes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from anew.errors import AnewError

Json = dict[str, Any]
Point = tuple[str, float, int, int]  # key, value, milliseconds since 1970, step


class CouldNot(AnewError):
    """Something of the source that can't be taken over; the rest can."""


@dataclass(frozen=True)
class Experiment:
    """All times here are milliseconds since 1970."""

    id: str
    name: str
    deleted: bool = False
    location: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    created: int | None = None
    updated: int | None = None


@dataclass(frozen=True)
class Run:
    """A run without its points and files. `state` is whatever of the source changes when its points do."""

    id: str
    experiment: str
    name: str = ""
    user: str = ""
    status: str = "FINISHED"
    started: int = 0
    ended: int | None = None
    deleted: bool = False
    location: str = ""  # of its files
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    datasets: list[Json] = field(default_factory=list)  # as the API has them: dataset, tags
    links: list[Json] = field(default_factory=list)  # to the logged models that went in and came out
    state: Any = None


@dataclass(frozen=True)
class LoggedModel:
    id: str
    experiment: str
    name: str = ""
    status: str = "LOGGED_MODEL_READY"
    type: str = ""
    run: str = ""
    created: int = 0
    updated: int = 0
    deleted: bool = False
    location: str = ""
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[Json] = field(default_factory=list)  # as the API has them: key, value, timestamp, step, run_id …


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    number: int
    source: str
    created: int | None = None
    updated: int | None = None
    storage: str = ""
    run: str = ""
    run_link: str = ""
    model: str = ""  # the logged model
    user: str = ""
    description: str | None = None
    stage: str = "None"
    status: str = "READY"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    name: str
    created: int | None = None
    updated: int | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """`info` as the API has it; `spans` as traces.json has them, None where they are among the trace's files."""

    id: str
    experiment: str
    info: Json
    spans: list[Json] | None = None
    location: str = ""


@dataclass(frozen=True)
class Dataset:
    """An evaluation dataset. `records` as the API has them, their parts no texts."""

    id: str
    name: str
    experiments: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    schema: str | None = None
    profile: str | None = None
    digest: str = ""
    created: int = 0
    updated: int = 0
    created_by: str | None = None
    updated_by: str | None = None
    records: list[Json] = field(default_factory=list)


@dataclass(frozen=True)
class Scorer:
    """`versions`: number, when it was made, and the scorer as its client wrote it."""

    id: str
    name: str
    versions: list[tuple[int, int | None, str]] = field(default_factory=list)


@dataclass
class File:
    """A file of the source: where it lies, or how it is fetched into a file of ours."""

    path: str
    size: int
    at: Path | None = None


def original(found: Registered | Version | Experiment) -> dict[str, float]:
    """When something was made and last changed where it comes from, as far as that is known: in seconds, as here."""
    said = {"created": found.created, "updated": found.updated}
    return {name: at / 1000 for name, at in said.items() if at}


class Source(Protocol):
    """An MLflow store that is read. Whatever it can't give it puts into `problems`: what, and why.

    Its methods raise CouldNot for one thing that can't be read, and AnewError when nothing can.
    """

    problems: list[tuple[str, str]]

    def count(self) -> int:
        """How many runs there are, 0 when that is not known."""

    def experiments(self) -> Iterator[Experiment]: ...

    def runs(self, experiment: Experiment) -> Iterator[Run]: ...

    def points(self, run: Run) -> list[Point]: ...

    def models(self, experiment: Experiment) -> Iterator[LoggedModel]: ...

    def traces(self, experiment: Experiment) -> Iterator[Trace]: ...

    def registered(self) -> Iterator[Registered]: ...

    def scorers(self, experiment: Experiment) -> Iterator[Scorer]: ...

    def datasets(self) -> Iterator[Dataset]: ...

    def files(self, owner: Run | LoggedModel | Trace) -> Iterator[File]:
        """Raises CouldNot when they are out of reach."""

    def fetch(self, owner: Run | LoggedModel | Trace, file: File, into: Path) -> None:
        """Write a file's content to a path of ours; only for files that have no `at`. Raises CouldNot."""

    def close(self) -> None: ...
