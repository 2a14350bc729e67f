"""MLflow's runs: create, read, update, delete, restore, search."""

from __future__ import annotations

import random
import time
from typing import Any

from anew.errors import RunNotFound
from anew.hub import Hub
from anew.index.query import And, In, IsNull, Node, Or, Present
from anew.index.query import Field as Index
from anew.projects import Project
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.answers import answers_of, state_of
from anew.protocols.mlflow.entities import RUN_NAME, STATUSES, fresh_run, run_info
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.experiments import VIEW, adopt_projects, check_active, find, view
from anew.protocols.mlflow.filters import parse_filter, parse_orders
from anew.protocols.mlflow.messages import COUNT, PAIRS, RUN, RUN_ONLY, TEXT, TEXTS, WHOLE, Field, Message, word_of
from anew.protocols.mlflow.paging import offset_of, token_of
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.run_queries import run_node, run_orders
from anew.routes import Call

_MOST_RESULTS = 50_000
_DEFAULT_RESULTS = 1000
_NATIVE = {shown: name for name, shown in STATUSES.items() if name != "crashed"}
_STATUS_WORDS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_CREATE = Message(
    experiment_id=TEXT,
    start_time=WHOLE,
    run_name=TEXT,
    user_id=TEXT,
    tags=PAIRS,
    status=TEXT.loose,
    end_time=WHOLE.loose,
)
_RUN = Message(run_id=RUN)
_RUN_ONLY = Message(run_id=RUN_ONLY)
_STATUS = Field(word_of(_STATUS_WORDS, strict=True))
_UPDATE = Message(run_id=RUN, end_time=WHOLE, status=_STATUS, run_name=TEXT)
_SEARCH = Message(
    experiment_ids=TEXTS, filter=TEXT, max_results=COUNT, order_by=TEXTS, page_token=TEXT.loose, run_view_type=VIEW
)
_ADJECTIVES = [
    "able", "amber", "bold", "brave", "bright", "brisk", "calm", "clever", "cosmic", "crisp", "dapper", "eager",
    "fair", "fancy", "fleet", "gentle", "glad", "golden", "grand", "hardy", "honest", "humble", "jolly", "keen",
    "kind", "lively", "lucky", "mellow", "merry", "nimble", "noble", "peppy", "placid", "plucky", "proud", "quick",
    "quiet", "rapid", "royal", "serene", "sharp", "silent", "sleek", "smooth", "solid", "spry", "stately", "steady",
    "sunny", "swift", "thoughtful", "upbeat", "vivid",
]  # fmt: skip
_ANIMALS = [
    "ant", "ape", "auk", "bass", "bat", "bear", "bee", "bird", "boar", "bug", "calf", "carp", "cat", "chimp", "cod",
    "colt", "conch", "cow", "crab", "crane", "crow", "cub", "deer", "doe", "dog", "dolphin", "dove", "duck", "eel",
    "elk", "fawn", "finch", "fish", "flea", "fly", "foal", "fowl", "fox", "frog", "gnat", "goat", "goose", "grouse",
    "grub", "gull", "hare", "hawk", "hen", "hog", "horse", "hound", "jay", "kit", "koi", "lamb", "lark", "loon",
    "lynx", "mare", "mink", "mole", "moose", "moth", "mouse", "mule", "newt", "owl", "ox", "panda",
]  # fmt: skip


def get_document(hub: Hub, run_id: str) -> dict[str, Any]:
    """Raises MlflowError."""
    try:
        return hub.document(run_id)
    except RunNotFound:
        raise missing(f"Run with id={run_id} not found") from None


def active_document(hub: Hub, run_id: str) -> dict[str, Any]:
    """The document of a run that may be written to. Raises MlflowError."""
    document = get_document(hub, run_id)
    if document.get("deleted"):
        raise invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")
    return document


def create(call: Call) -> dict[str, Any]:
    sent = _CREATE.read(call)
    if not call.body:
        raise invalid("The body is empty, or no JSON: a run is made with an experiment_id, at least.")
    return _created(call.hub, sent, find(call.hub, sent["experiment_id"] or "0"))


def create_at_once(call: Call) -> dict[str, Any] | None:
    """As `create`, in an experiment that nobody is changing; else None, and nothing was done."""
    sent = _CREATE.read(call)
    project = call.hub.projects.at_hand(sent["experiment_id"])
    return None if project is None else _created(call.hub, sent, project)


def _created(hub: Hub, sent: dict[str, Any], project: Project) -> dict[str, Any]:
    start_ms = sent["start_time"] or 0
    name, tags = sent["run_name"], dict(sent["tags"])
    if "" in tags:
        raise fields.missing_value("tags.key")
    check_active(project)
    tagged = tags.get(RUN_NAME, "")
    if name and tagged and name != tagged:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name='{name}', mlflow.runName='{tagged}')."
        )
    name = name or tagged or made_up_name()
    tags[RUN_NAME] = name
    body = {"name": name, "project": project.name, "created": start_ms / 1000, "created_ms": start_ms, "by": "mlflow"}
    if sent["user_id"]:
        body["user"] = sent["user_id"]
    if "mlflow.note.content" in tags:
        body["notes"] = tags["mlflow.note.content"]
    run_id = hub.create("runs", body)
    hub.event("runs", run_id, "tag", tags)
    return {"run": fresh_run(hub, run_id, body, tags)}


def made_up_name() -> str:
    """A name for who gave none."""
    own = random.Random(time.time_ns())
    return f"{own.choice(_ADJECTIVES)}-{own.choice(_ANIMALS)}-{own.randrange(1000)}"


def get(call: Call) -> dict[str, Any]:
    run_id = _RUN.read(call)["run_id"]
    state = state_of(call.hub, run_id)
    document = get_document(call.hub, run_id)
    return {"run": answers_of(call.hub).keep(call.hub, document, state)}


def get_at_once(call: Call) -> dict[str, Any] | None:
    """As `get`, of a run that has not changed since it was asked for."""
    found = answers_of(call.hub).at_hand(call.hub, _RUN.read(call)["run_id"])
    return None if found is None else {"run": found}


def update(call: Call) -> dict[str, Any]:
    hub, sent = call.hub, _UPDATE.read(call)
    run_id, status, ended_ms = sent["run_id"], sent["status"], sent["end_time"]
    active_document(hub, run_id)
    if ended_ms is not None:
        hub.event("runs", run_id, "run", {"ended_ms": ended_ms})
    if status is not None:
        ended = time.time() if ended_ms is None else ended_ms / 1000
        hub.event("runs", run_id, "end", {"status": _NATIVE[status], "time": ended})
    if sent["run_name"]:
        rename(hub, run_id, sent["run_name"])
    if status in ("FINISHED", "FAILED", "KILLED"):
        hub.release("runs", run_id)
    return {"run_info": run_info(hub, hub.document(run_id))}


def rename(hub: Hub, run_id: str, name: str) -> None:
    hub.event("runs", run_id, "rename", {"name": name})
    hub.event("runs", run_id, "tag", {RUN_NAME: name})


def delete(call: Call) -> dict[str, Any]:
    run_id = _RUN_ONLY.read(call)["run_id"]
    get_document(call.hub, run_id)
    call.hub.delete_run(run_id, True, call.actor)
    return {}


def restore(call: Call) -> dict[str, Any]:
    run_id = _RUN_ONLY.read(call)["run_id"]
    get_document(call.hub, run_id)
    call.hub.delete_run(run_id, False, call.actor)
    return {}


def search(call: Call) -> dict[str, Any]:
    hub, sent = call.hub, _SEARCH.read(call)
    most = _DEFAULT_RESULTS if sent["max_results"] is None else sent["max_results"]
    if most > _MOST_RESULTS:
        raise fields.wrong_type("max_results", most)
    if most < 1:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer")
    order = [part for one in parse_orders(sent["order_by"]) for part in run_orders(one)]
    conditions = parse_filter(sent["filter"])
    start = offset_of(sent["page_token"])
    names = _project_names(hub, sent["experiment_ids"])
    if not names:
        return {}
    index = hub.index()
    parts: list[Node] = [In(Index("", "project"), tuple(names)), *_view_nodes(view(sent["run_view_type"]))]
    parts += [run_node(hub, condition) for condition in conditions]
    found = index.stored(And(tuple(parts)), sort=order, limit=most + 1, offset=start)
    answer: dict[str, Any] = {}
    if found:
        answer["runs"] = [answers_of(hub).run(hub, stored) for stored in found[:most]]
    if len(found) > most:
        answer["next_page_token"] = token_of(start + most)
    return answer


def _project_names(hub: Hub, experiment_ids: list[str]) -> list[str]:
    for experiment_id in experiment_ids:
        if not experiment_id.isdecimal():
            raise invalid(f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer.")
    adopt_projects(hub)
    known = {project.id: project.name for project in hub.projects.all()}
    return [known[str(int(experiment_id))] for experiment_id in experiment_ids if str(int(experiment_id)) in known]


def _view_nodes(states: tuple[bool, ...]) -> list[Node]:
    """The index leaves deleted runs out, unless a query mentions whether they are."""
    field = Index("", "deleted")
    parts: list[Node] = [Present(field) if deleted else IsNull(field) for deleted in states]
    return [parts[0] if len(parts) == 1 else Or(tuple(parts))]


ROUTES = [
    *both("POST", "runs/create", create, scope="write", at_once=create_at_once),
    *both("GET", "runs/get", get, at_once=get_at_once),
    *both("POST", "runs/update", update, scope="write"),
    *both("POST", "runs/delete", delete, scope="write"),
    *both("POST", "runs/restore", restore, scope="write"),
    *both("POST", "runs/search", search),
]
