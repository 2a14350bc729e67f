"""What an MLflow store keeps to judge answers by, taken over: scorers, and evaluation datasets with their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anew.errors import AnewError, NotFound
from anew.projects import Project
from anew.protocols.mlflow import dataset_records as records
from anew.protocols.mlflow import scorers
from anew.protocols.mlflow.dataset_records import KIND
from anew.protocols.mlflow.dataset_search import EXPERIMENT
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.takeover_model import Dataset, Experiment, Scorer

if TYPE_CHECKING:
    from anew.protocols.mlflow.takeover import Takeover


def take_scorers(takeover: Takeover, experiment: Experiment, project: Project) -> None:
    """Take over the versions that are new, under their own numbers."""
    for found in takeover._each(f"scorers of experiment {experiment.name}", takeover.source.scorers(experiment)):
        there = _last_version(takeover, project, found)
        fresh = [version for version in found.versions if version[0] > there]
        takeover.report.skipped["scorers"] += len(found.versions) - len(fresh)
        for number, created, text in fresh:
            try:
                scorers.check_text(text)
                if takeover.hub is not None and not takeover.dry:
                    known = scorers.of(takeover.hub)
                    known.adopt(project.id, found.name, found.id, number, text, (created or 0) / 1000)
                takeover.report.imported["scorers"] += 1
            except AnewError as error:
                takeover.report.fail(f"version {number} of scorer {found.name}", error)


def _last_version(takeover: Takeover, project: Project, found: Scorer) -> int:
    try:
        return max(scorers.of(takeover.hub).get(project.id, found.name).versions) if takeover.hub is not None else 0
    except NotFound:
        return 0


def take_datasets(takeover: Takeover) -> None:
    """Take over the datasets that are new or have changed, with the times of their records."""
    for found in takeover._each("evaluation datasets", takeover.source.datasets()):
        try:
            _dataset(takeover, found)
        except AnewError as error:
            takeover.report.fail(f"evaluation dataset {found.name}", error)


def _dataset(takeover: Takeover, found: Dataset) -> None:
    print_, document, to_do = takeover._begin(KIND, found)
    hub = takeover.hub
    if not to_do or hub is None:
        return
    entered = [records.entered(record) for record in found.records]
    with records.lock_of(found.id):
        if document is None:
            body = {"name": found.name, "created": found.created / 1000, "created_by": found.created_by, "by": "mlflow"}
            hub.create(KIND, body, found.id)
        known = document or {"tags": {}, "summary": {}}
        tags = {key: value for key, value in found.tags.items() if known["tags"].get(key) != value}
        if tags:
            hub.event(KIND, found.id, "tag", tags)
        projects = [takeover.projects[one].id for one in found.experiments if one in takeover.projects]
        belongs = {EXPERIMENT + one: found.created for one in projects if EXPERIMENT + one not in known["summary"]}
        if belongs:
            hub.event(KIND, found.id, "summary", belongs)
        takeover.report.imported["records"] += records.enter(hub, found.id, entered)
        hub.event(KIND, found.id, "run", _about(found) | takeover.done(print_))
    hub.release(KIND, found.id)
    takeover.report.imported[KIND] += 1


def _about(found: Dataset) -> Json:
    body: Json = {"updated_ms": found.updated, "digest": found.digest, "updated_by": found.updated_by}
    texts = {"schema": found.schema, "profile": found.profile}
    return body | {name: text for name, text in texts.items() if text}
