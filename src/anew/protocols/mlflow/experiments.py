"""MLflow's experiments: Anew's projects."""

from __future__ import annotations

import re
from typing import Any

from anew.errors import Conflict, NotFound
from anew.hub import Hub
from anew.index.query import Field as Index
from anew.index.query import In
from anew.projects import Project
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import experiment, milliseconds
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.filters import EXPERIMENTS, Condition, Sorting, matches_text, parse_filter, parse_order
from anew.protocols.mlflow.messages import COUNT, LOOSE_PAIRS, TEXT, TEXTS, Field, Message, word_of
from anew.protocols.mlflow.paging import page
from anew.protocols.mlflow.routes import both
from anew.routes import Call, Route

_MOST_NAME = 500
_MOST_TAG_VALUE = 20_000
_MOST_RESULTS = 50_000
_MOST_DATASET_EXPERIMENTS = 20
_MOST_SUMMARIES = 1000
_CONTEXTS = ("training", "validation", "testing")  # as a training goes
_ACTIVE, _DELETED, _ALL = (False,), (True,), (False, True)
_VIEW_WORDS = {1: "ACTIVE_ONLY", 2: "DELETED_ONLY", 3: "ALL"}
_VIEWS: dict[str | None, tuple[bool, ...]] = {"ACTIVE_ONLY": _ACTIVE, "DELETED_ONLY": _DELETED, "ALL": _ALL}

VIEW = Field(word_of(_VIEW_WORDS))
_ID = Message(experiment_id=TEXT.needed)
_CREATE = Message(name=TEXT.needed, artifact_location=TEXT, tags=LOOSE_PAIRS)
_NAMED = Message(experiment_name=TEXT.needed)
_UPDATE = Message(experiment_id=TEXT.needed, new_name=TEXT.needed)
_SET_TAG = Message(experiment_id=TEXT.needed, key=TEXT.needed, value=TEXT)
_DELETE_TAG = Message(experiment_id=TEXT.needed, key=TEXT.needed)
_SEARCH = Message(max_results=COUNT, page_token=TEXT, filter=TEXT, order_by=TEXTS, view_type=VIEW)
_DATASETS = Message(experiment_ids=TEXTS)


def view(word: str | None) -> tuple[bool, ...]:
    """The states of `deleted` that are asked for; a word that is none of MLflow's asks for what is active."""
    return _VIEWS.get(word, _ACTIVE)


def find(hub: Hub, experiment_id: str, deleted: tuple[bool, ...] = (False, True)) -> Project:
    if not re.fullmatch(r"-?\d{1,18}", experiment_id, re.ASCII):
        raise invalid(f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer.")
    try:
        project = hub.projects.get(str(int(experiment_id)))
    except NotFound:
        raise missing(f"No Experiment with id={int(experiment_id)} exists") from None
    if (project.deleted is not None) not in deleted:
        raise missing(f"No Experiment with id={project.id} exists")
    return project


def check_active(project: Project) -> None:
    if project.deleted is not None:
        raise invalid(f"The experiment {project.id} must be in the 'active' state. Current state is deleted.")


def adopt_projects(hub: Hub) -> None:
    """Runs of the command line name projects that nobody made: they are experiments, too."""
    for name in hub.index().distinct("project"):
        if isinstance(name, str) and name:
            hub.projects.ensure(name)


def create(call: Call) -> dict[str, Any]:
    sent = _CREATE.read(call)
    name, location, tags = sent["name"], sent["artifact_location"], dict(sent["tags"])
    _check_name(name)
    for key, value in tags.items():
        _check_tag(key, value)
    if location:
        _check_location(location)
    try:
        made = call.hub.projects.create(name, tags, location, call.actor)
    except Conflict:
        raise MlflowError("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.") from None
    return {"experiment_id": made.id}


def _check_name(name: str) -> None:
    if len(name) > _MOST_NAME:
        raise invalid(f"'name' exceeds the maximum length of {_MOST_NAME} characters")
    if not name.isprintable():
        raise invalid("Invalid experiment name: it holds characters that can't be shown.")


def _check_tag(key: str, value: str) -> None:
    fields.check_name(key, "key")
    fields.check_length("key", fields.MOST_KEY, key)
    fields.check_length("value", _MOST_TAG_VALUE, value)


def _check_location(location: str) -> None:
    """It is text to us, and never opened; what could never be one is refused all the same."""
    if len(location) > 2048 or not location.isprintable():
        raise invalid(f"Invalid artifact_location: {location[:200]!r}")
    if "#" in location or ";" in location.rpartition("/")[2]:
        raise invalid("'artifact_location' URL can't include fragments or params.")
    if location.startswith("mlflow-artifacts:") and ".." in location.split("/"):
        raise invalid(f"Invalid artifact_location: {location[:200]!r} leads out of the artifacts of this server.")


def get(call: Call) -> dict[str, Any]:
    found = find(call.hub, _ID.read(call)["experiment_id"])
    return {"experiment": experiment(call.hub, found)}


def get_by_name(call: Call) -> dict[str, Any]:
    name = _NAMED.read(call)["experiment_name"]
    adopt_projects(call.hub)
    try:
        return {"experiment": experiment(call.hub, call.hub.projects.named(name))}
    except NotFound:
        raise missing(f"Could not find experiment with name '{name}'") from None


def delete(call: Call) -> dict[str, Any]:
    project = find(call.hub, _ID.read(call)["experiment_id"], (False,))
    call.hub.delete_project(project.id, True, call.actor)
    return {}


def restore(call: Call) -> dict[str, Any]:
    project = find(call.hub, _ID.read(call)["experiment_id"], (True,))
    call.hub.delete_project(project.id, False, call.actor)
    return {}


def update(call: Call) -> dict[str, Any]:
    sent = _UPDATE.read(call)
    name = sent["new_name"]
    _check_name(name)
    project = find(call.hub, sent["experiment_id"])
    if project.deleted is not None:
        raise MlflowError("INVALID_STATE", "Cannot rename a non-active experiment.")
    try:
        call.hub.rename_project(project.id, name, call.actor)
    except Conflict:
        raise MlflowError("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.") from None
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    sent = _SET_TAG.read(call)
    key, value = sent["key"], sent["value"]
    _check_tag(key, value)
    project = find(call.hub, sent["experiment_id"])
    check_active(project)
    call.hub.projects.tag(project.id, key, value, call.actor)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    sent = _DELETE_TAG.read(call)
    key = sent["key"]
    project = find(call.hub, sent["experiment_id"])
    check_active(project)
    if key not in project.tags:
        raise missing(f"No tag with name: {key} in experiment with id {project.id}")
    call.hub.projects.tag(project.id, key, None, call.actor)
    return {}


def search(call: Call) -> dict[str, Any]:
    sent = _SEARCH.read(call)
    most = sent["max_results"] or 0
    wrong = f"Invalid value {most} for parameter 'max_results' supplied. It must be "
    if most <= 0:
        raise invalid(wrong + "a positive integer")
    if most > _MOST_RESULTS:
        raise invalid(f"{wrong}at most {_MOST_RESULTS}")
    adopt_projects(call.hub)
    wanted = view(sent["view_type"])
    conditions = parse_filter(sent["filter"], EXPERIMENTS)
    order = [parse_order(clause, EXPERIMENTS) for clause in sent["order_by"]]
    found = [
        project
        for project in call.hub.projects.all()
        if (project.deleted is not None) in wanted and all(_passes(call.hub, project, part) for part in conditions)
    ]
    shown, token = page(_ordered(call.hub, found, order), most, sent["page_token"])
    answer: dict[str, Any] = {}
    if shown:
        answer["experiments"] = [experiment(call.hub, project) for project in shown]
    if token:
        answer["next_page_token"] = token
    return answer


def _passes(hub: Hub, project: Project, condition: Condition) -> bool:
    if condition.space == "tag":
        value: Any = project.tags.get(condition.key)
    else:
        value = experiment(hub, project).get(condition.key)
    return matches_text(value, condition)


_ORDERED = {
    "name": lambda project: project.name,
    "experiment_id": lambda project: int(project.id),
    "creation_time": lambda project: project.created,
    "last_update_time": lambda project: milliseconds(project.updated),
}


def _ordered(hub: Hub, found: list[Project], order: list[Sorting]) -> list[Project]:
    found = sorted(found, key=lambda project: -int(project.id))
    found.sort(key=lambda project: -(project.created or experiment(hub, project)["creation_time"] / 1000))
    for one in reversed(order):
        if one.space != "attribute":
            raise invalid(f"Invalid order_by entity: {one.space}")
        found.sort(key=_ORDERED[one.key], reverse=one.down)
    return found


def search_datasets(call: Call) -> dict[str, Any]:
    """The datasets that the runs of some experiments read, for MLflow's web pages: each once per context."""
    sent = _DATASETS.read(call)["experiment_ids"]
    experiment_ids = fields.ids("SearchDatasets", "experiment_id", sent, _MOST_DATASET_EXPERIMENTS)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    known = {project.id: project.name for project in call.hub.projects.all()}
    for experiment_id in dict.fromkeys(experiment_ids):
        if experiment_id not in known:
            continue
        node = In(Index("", "project"), (known[experiment_id],))
        for document in call.hub.index().search(node, limit=None, sort=["created"], strict=False):
            for item in document["datasets"]:
                summary = _summary(experiment_id, item)
                found.setdefault(tuple(summary.values()), summary)
    summaries = sorted(found.values(), key=_summary_order)
    return {"dataset_summaries": summaries[:_MOST_SUMMARIES]} if found else {}


def _summary_order(summary: dict[str, Any]) -> tuple[str, str, int, str]:
    context = str(summary.get("context", ""))
    rank = _CONTEXTS.index(context) if context in _CONTEXTS else len(_CONTEXTS)
    return summary["name"], summary["digest"], rank, context


def _summary(experiment_id: str, item: dict[str, Any]) -> dict[str, Any]:
    dataset = item.get("dataset") or {}
    contexts = [tag.get("value") for tag in item.get("tags") or () if tag.get("key") == "mlflow.data.context"]
    summary = {"experiment_id": experiment_id, "name": dataset.get("name", ""), "digest": dataset.get("digest", "")}
    return summary | ({"context": contexts[0]} if contexts else {})


ROUTES = [
    *both("POST", "experiments/create", create, scope="write"),
    *both("GET", "experiments/get", get),
    *both("GET", "experiments/get-by-name", get_by_name),
    *both("POST", "experiments/delete", delete, scope="write"),
    *both("POST", "experiments/restore", restore, scope="write"),
    *both("POST", "experiments/update", update, scope="write"),
    *both("POST", "experiments/set-experiment-tag", set_tag, scope="write"),
    *both("POST", "experiments/delete-experiment-tag", delete_tag, scope="write"),
    *both("POST", "experiments/search", search),
    *both("GET", "experiments/search", search),
    Route("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", search_datasets, style="mlflow"),
]
