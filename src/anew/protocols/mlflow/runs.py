"""MLflow's runs: create, read, update, delete, restore, search."""

from __future__ import annotations

import random
import time
from typing import Any

from anew.errors import RunNotFound
from anew.hub import Hub
from anew.index.query import And, Compare, Field, In, IsNull, Node, Not, Or, Present
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import RUN_NAME, STATUSES, run, run_info
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.experiments import adopt_projects, check_active, find, view
from anew.protocols.mlflow.filters import Condition, matches_text, parse_filter
from anew.protocols.mlflow.paging import offset_of, token_of
from anew.protocols.mlflow.routes import both
from anew.routes import Call

_MOST_RESULTS = 50_000
_DEFAULT_RESULTS = 1000
_NATIVE = {shown: name for name, shown in STATUSES.items() if name != "crashed"}
_STATUS_NUMBERS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
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
    hub = call.hub
    project = find(hub, fields.text(call, "experiment_id", default="0"))
    start_ms = fields.whole(call, "start_time", default=0)
    name, tags = fields.text(call, "run_name"), dict(fields.pairs(call, "tags"))
    check_active(project)
    tagged = tags.get(RUN_NAME, "")
    if name and tagged and name != tagged:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name='{name}', mlflow.runName='{tagged}')."
        )
    name = name or tagged or made_up_name()
    body = {"name": name, "project": project.name, "created": (start_ms or 0) / 1000, "by": "mlflow"}
    user = fields.text(call, "user_id")
    run_id = hub.create("runs", body | ({"user": user} if user else {}))
    hub.event("runs", run_id, "tag", tags | {RUN_NAME: name})
    return {"run": run(hub, hub.document(run_id), outputs=False)}


def made_up_name() -> str:
    """A name for who gave none."""
    own = random.Random(time.time_ns())
    return f"{own.choice(_ADJECTIVES)}-{own.choice(_ANIMALS)}-{own.randrange(1000)}"


def get(call: Call) -> dict[str, Any]:
    return {"run": run(call.hub, get_document(call.hub, fields.run_id(call)))}


def update(call: Call) -> dict[str, Any]:
    hub, run_id = call.hub, fields.run_id(call)
    status, ended_ms = _status(call), fields.whole(call, "end_time")
    name = fields.text(call, "run_name")
    active_document(hub, run_id)
    if ended_ms is not None:
        hub.event("runs", run_id, "run", {"ended_ms": ended_ms})
    if status is not None:
        ended = time.time() if ended_ms is None else ended_ms / 1000
        hub.event("runs", run_id, "end", {"status": _NATIVE[status], "time": ended})
    if name:
        rename(hub, run_id, name)
    if status in ("FINISHED", "FAILED", "KILLED"):
        hub.release("runs", run_id)
    return {"run_info": run_info(hub, hub.document(run_id))}


def rename(hub: Hub, run_id: str, name: str) -> None:
    hub.event("runs", run_id, "rename", {"name": name})
    hub.event("runs", run_id, "tag", {RUN_NAME: name})


def _status(call: Call) -> str | None:
    value = call.body.get("status")
    if value is None:
        return None
    value = _STATUS_NUMBERS.get(value, value) if isinstance(value, int) else value
    if not isinstance(value, str):
        raise fields.wrong_type("status", value)
    # A word that is none of MLflow's is passed over by its parser, and by us.
    return value if value in _NATIVE else None


def delete(call: Call) -> dict[str, Any]:
    run_id = fields.run_id(call)
    get_document(call.hub, run_id)
    call.hub.delete_run(run_id, True, call.actor)
    return {}


def restore(call: Call) -> dict[str, Any]:
    run_id = fields.run_id(call)
    get_document(call.hub, run_id)
    call.hub.delete_run(run_id, False, call.actor)
    return {}


def search(call: Call) -> dict[str, Any]:
    hub = call.hub
    most = fields.whole(call, "max_results", default=_DEFAULT_RESULTS) or 0
    if most > _MOST_RESULTS:
        raise fields.wrong_type("max_results", call.body.get("max_results"))
    if most < 1:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer")
    states = view(call, "run_view_type")
    order = [_order(clause) for clause in fields.texts(call, "order_by")]
    conditions = parse_filter(fields.text(call, "filter"))
    start = offset_of(fields.text(call, "page_token"))
    names = _project_names(hub, fields.texts(call, "experiment_ids"))
    if not names:
        return {}
    index = hub.index()
    parts: list[Node] = [In(Field("", "project"), tuple(names)), _view_node(states)]
    parts += [_node(hub, condition) for condition in conditions]
    found = index.search(And(tuple(parts)), sort=order, limit=most + 1, offset=start, strict=False)
    answer: dict[str, Any] = {}
    if found:
        answer["runs"] = [run(hub, document) for document in found[:most]]
    if len(found) > most:
        answer["next_page_token"] = token_of(start + most)
    return answer


def _project_names(hub: Hub, experiment_ids: list[str]) -> list[str]:
    if any(not experiment_id.isdigit() for experiment_id in experiment_ids):
        bad = next(experiment_id for experiment_id in experiment_ids if not experiment_id.isdigit())
        raise invalid(f"Invalid experiment ID '{bad}'. Experiment ID must be a valid integer.")
    adopt_projects(hub)
    known = {project.id: project.name for project in hub.projects.all()}
    return [known[str(int(experiment_id))] for experiment_id in experiment_ids if str(int(experiment_id)) in known]


def _view_node(states: tuple[bool, ...]) -> Node:
    field = Field("", "deleted")
    parts: list[Node] = [Present(field) if deleted else IsNull(field) for deleted in states]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _node(hub: Hub, condition: Condition) -> Node:
    """A condition as Anew's query has it."""
    space, key, sign, value = condition.space, condition.key, condition.sign, condition.value
    if space == "dataset":
        return _dataset_node(hub, condition)
    if space == "attribute":
        return _attribute_node(condition)
    field = Field(
        {"param": "config", "tag": "tags", "metric": "metrics"}[space], key, "last" if space == "metric" else ""
    )
    if sign == "IS NULL":
        return IsNull(field)
    if sign == "IS NOT NULL":
        return Present(field)
    return Compare(field, sign.lower(), value)


_FIELDS = {"run_id": "id", "run_name": "name", "user_id": "user", "start_time": "created", "end_time": "ended"}


def _attribute_node(condition: Condition) -> Node:
    key, sign, value = condition.key, condition.sign, condition.value
    if key == "artifact_uri":
        # It is made of the run's id: …/<run>/artifacts.
        ends = value if isinstance(value, tuple) else (value,)
        key, value = "run_id", tuple(str(uri).rstrip("/").removesuffix("/artifacts").rpartition("/")[2] for uri in ends)
        sign = {"=": "IN", "!=": "NOT IN"}.get(sign, sign)
    field = Field("", _FIELDS.get(key, key))
    if key in ("start_time", "end_time"):
        return Compare(field, sign, value / 1000)
    if key == "status":
        return _status_node(field, condition)
    if sign == "IN":
        return In(field, value)
    if sign == "NOT IN":
        return And((Present(field), Not(In(field, value))))
    if key == "user_id" and sign == "=" and value == "":
        return IsNull(field)
    return Compare(field, sign.lower(), value)


def _status_node(field: Field, condition: Condition) -> Node:
    """By the words that MLflow shows: a crashed run is a failed one to it."""
    passing = tuple(name for name, shown in STATUSES.items() if matches_text(shown, condition))
    return In(field, passing) if passing else And((Present(field), IsNull(field)))


def _dataset_node(hub: Hub, condition: Condition) -> Node:
    """Which of the values that datasets have pass is found out here; a run passes that has one of them."""
    field = Field("datasets", condition.key)
    held = {text for joined in hub.index().distinct_of(field) for text in str(joined).split("\n")[1:-1]}
    passing = [text for text in held if matches_text(text, condition)]
    if not passing:
        return And((Present(field), IsNull(field)))
    whole = [joined for joined in hub.index().distinct_of(field) if set(str(joined).split("\n")[1:-1]) & set(passing)]
    return In(field, tuple(map(str, whole)))


def _order(clause: str) -> str:
    """A clause of order_by as Anew's sort has it. Raises MlflowError."""
    text = clause.strip()
    head, _, tail = text.rpartition(" ")
    turned = "asc"
    if head and tail.upper() in ("ASC", "DESC"):
        text, turned = head.strip(), tail.lower()
    if not text or (" " in text and not text.endswith(("`", '"'))):
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    try:
        (condition,) = parse_filter(f"{text} > 0") if _is_number_key(text) else parse_filter(f"{text} = 'x'")
    except MlflowError as error:
        raise invalid(str(error)) from None
    key = condition.key.replace("`", "``")
    if condition.space == "attribute":
        return f"{_FIELDS.get(key, key)} {turned}"
    space = {"param": "config", "tag": "tags", "metric": "metrics"}.get(condition.space)
    if space is None:
        raise invalid(f"Invalid order_by clause '{clause}'.")
    return f"{space}.`{key}` {turned}"


def _is_number_key(text: str) -> bool:
    bare = text.replace("`", "").replace('"', "")
    name = bare.partition(".")[2] if bare.partition(".")[0] in ("attribute", "attributes", "attr", "run") else bare
    return bare.startswith(("metric.", "metrics.")) or name in ("start_time", "end_time", "created", "Created")


ROUTES = [
    *both("POST", "runs/create", create, scope="write"),
    *both("GET", "runs/get", get),
    *both("POST", "runs/update", update, scope="write"),
    *both("POST", "runs/delete", delete, scope="write"),
    *both("POST", "runs/restore", restore, scope="write"),
    *both("POST", "runs/search", search),
]
