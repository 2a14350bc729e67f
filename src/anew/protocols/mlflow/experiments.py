"""MLflow's experiments: Anew's projects."""

from __future__ import annotations

import re
from typing import Any

from anew.errors import Conflict, NotFound
from anew.hub import Hub
from anew.projects import Project
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import experiment, milliseconds
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.filters import Condition, matches_text, parse_filter
from anew.protocols.mlflow.paging import page
from anew.protocols.mlflow.routes import both
from anew.routes import Call

_MOST_NAME = 500
_MOST_TAG_VALUE = 20_000
_MOST_RESULTS = 50_000
VIEWS = {"ACTIVE_ONLY": (False,), "DELETED_ONLY": (True,), "ALL": (False, True)}
_VIEW_NUMBERS = {1: "ACTIVE_ONLY", 2: "DELETED_ONLY", 3: "ALL"}


def view(call: Call, name: str) -> tuple[bool, ...]:
    """The states of `deleted` that are asked for. Raises MlflowError."""
    value = call.body.get(name) if call.body else (call.argument(name) or None)
    if value is None or value == "":
        return VIEWS["ACTIVE_ONLY"]
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        value = _VIEW_NUMBERS.get(int(value), value)
    if value not in VIEWS:
        raise fields.wrong_type(name, value)
    return VIEWS[value]


def find(hub: Hub, experiment_id: str, deleted: tuple[bool, ...] = (False, True)) -> Project:
    if not re.fullmatch(r"\d{1,18}", experiment_id):
        raise invalid(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
            if experiment_id
            else "Missing value for required parameter 'experiment_id'."
        )
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
    name = fields.text(call, "name", required=True)
    tags = dict(fields.pairs(call, "tags"))
    location = fields.text(call, "artifact_location")
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
    if len(location) > 2048 or not location.isprintable() or ".." in location.split("/"):
        raise invalid(f"Invalid artifact_location: {location[:200]!r}")


def get(call: Call) -> dict[str, Any]:
    found = find(call.hub, fields.text(call, "experiment_id", required=True))
    return {"experiment": experiment(call.hub, found)}


def get_by_name(call: Call) -> dict[str, Any]:
    name = fields.text(call, "experiment_name", required=True)
    adopt_projects(call.hub)
    try:
        return {"experiment": experiment(call.hub, call.hub.projects.named(name))}
    except NotFound:
        raise missing(f"Could not find experiment with name '{name}'") from None


def delete(call: Call) -> dict[str, Any]:
    project = find(call.hub, fields.text(call, "experiment_id", required=True), (False,))
    call.hub.delete_project(project.id, True, call.actor)
    return {}


def restore(call: Call) -> dict[str, Any]:
    project = find(call.hub, fields.text(call, "experiment_id", required=True), (True,))
    call.hub.delete_project(project.id, False, call.actor)
    return {}


def update(call: Call) -> dict[str, Any]:
    experiment_id = fields.text(call, "experiment_id", required=True)
    name = fields.text(call, "new_name", required=True)
    _check_name(name)
    project = find(call.hub, experiment_id)
    if project.deleted is not None:
        raise MlflowError("INVALID_STATE", "Cannot rename a non-active experiment.")
    try:
        call.hub.rename_project(project.id, name, call.actor)
    except Conflict:
        raise MlflowError("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.") from None
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    experiment_id = fields.text(call, "experiment_id", required=True)
    key = fields.text(call, "key", required=True)
    value = fields.text(call, "value")
    _check_tag(key, value)
    project = find(call.hub, experiment_id)
    check_active(project)
    call.hub.projects.tag(project.id, key, value, call.actor)
    return {}


def delete_tag(call: Call) -> dict[str, Any]:
    experiment_id = fields.text(call, "experiment_id", required=True)
    key = fields.text(call, "key", required=True)
    project = find(call.hub, experiment_id)
    check_active(project)
    if key not in project.tags:
        raise missing(f"No tag with name: {key} in experiment with id {experiment_id}")
    call.hub.projects.tag(project.id, key, None, call.actor)
    return {}


def search(call: Call) -> dict[str, Any]:
    most = fields.whole(call, "max_results", default=0) or 0
    if most <= 0:
        raise invalid(
            f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer, and at most "
            f"{_MOST_RESULTS}"
            if call.body.get("max_results") is not None or call.argument("max_results")
            else "Invalid value for parameter 'max_results' supplied. It must be a positive integer"
        )
    if most > _MOST_RESULTS:
        raise invalid(f"Invalid value for max_results. It must be at most {_MOST_RESULTS}, but got {most}")
    adopt_projects(call.hub)
    wanted = view(call, "view_type")
    conditions = parse_filter(fields.text(call, "filter"), "experiments")
    found = [
        project
        for project in call.hub.projects.all()
        if (project.deleted is not None) in wanted and all(_passes(call.hub, project, part) for part in conditions)
    ]
    found = _ordered(call.hub, found, fields.texts(call, "order_by"))
    shown, token = page(found, most, fields.text(call, "page_token"))
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
        value = experiment(hub, project).get({"id": "experiment_id"}.get(condition.key, condition.key))
    return matches_text(value, condition)


def _ordered(hub: Hub, found: list[Project], order_by: list[str]) -> list[Project]:
    keys = {
        "name": lambda project: project.name,
        "experiment_id": lambda project: int(project.id),
        "creation_time": lambda project: project.created,
        "last_update_time": lambda project: milliseconds(project.updated),
    }
    found = sorted(found, key=lambda project: -int(project.id))
    found.sort(key=lambda project: -(project.created or experiment(hub, project)["creation_time"] / 1000))
    for clause in reversed(order_by):
        words = clause.split()
        name = words[0].removeprefix("attribute.").removeprefix("attributes.") if words else ""
        name = name.strip('`"')
        turned = words[1].upper() if len(words) > 1 else "ASC"
        if name not in keys or turned not in ("ASC", "DESC") or len(words) > 2:
            raise invalid(f"Invalid order_by entity: {clause}")
        found.sort(key=keys[name], reverse=turned == "DESC")
    return found


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
]
