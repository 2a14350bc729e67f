"""MLflow's evaluation datasets: each a journal of its own, of the kind "datasets".

Tags are the journal's tags; its summary says which experiments a dataset belongs to; records are in `dataset_records`.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid

from anew.errors import NotFound
from anew.hub import Hub
from anew.protocols.mlflow import dataset_records as records
from anew.protocols.mlflow.dataset_records import KIND, USER
from anew.protocols.mlflow.dataset_search import EXPERIMENT, search, value_of
from anew.protocols.mlflow.entities import Json, kept_document
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.messages import TEXT, TEXTS, WHOLE, Message
from anew.protocols.mlflow.paging import offset_of, page, token_of
from anew.protocols.mlflow.trace_document import both_v3
from anew.routes import Call, Route

_CREATE = Message(name=TEXT.needed, experiment_ids=TEXTS, tags=TEXT)
_SEARCH = Message(experiment_ids=TEXTS, filter_string=TEXT, max_results=WHOLE, order_by=TEXTS, page_token=TEXT)
_TAGS = Message(tags=TEXT.needed)
_EXPERIMENTS = Message(experiment_ids=TEXTS)
_MERGE = Message(records=TEXT.needed)
_RECORDS = Message(max_results=WHOLE, page_token=TEXT)
_REMOVE = Message(dataset_record_ids=TEXTS)
_DEFAULT_RESULTS = 1000
_MOST_RESULTS = 50_000
_MOST_RECORDS = 10_000  # in one answer, however many are asked for: the token leads on


def create(call: Call) -> Json:
    said = _CREATE.read(call)
    tags = _tags(said["tags"], nothing=True) if said["tags"] else {}
    hub, now_ms = call.hub, _now_ms()
    by = tags.get(USER)
    body = {"name": said["name"], "created": now_ms / 1000, "created_by": by, "by": "mlflow"}
    dataset_id = hub.create(KIND, body | _touched(said["name"], now_ms) | {"updated_by": by}, f"d-{uuid.uuid4().hex}")
    if tags:
        hub.event(KIND, dataset_id, "tag", tags)
    if said["experiment_ids"]:
        hub.event(KIND, dataset_id, "summary", {EXPERIMENT + one: now_ms for one in said["experiment_ids"]})
    answer = shown(_document(hub, dataset_id))
    return {"dataset": answer | ({"experiment_ids": said["experiment_ids"]} if said["experiment_ids"] else {})}


def _now_ms() -> int:
    return round(time.time() * 1000)


def _touched(name: str, now_ms: int) -> Json:
    """What changes with a dataset's records: its digest says of which moment they are."""
    return {"updated_ms": now_ms, "digest": hashlib.sha256(f"{name}:{now_ms}".encode()).hexdigest()[:8]}


def _tags(text: str, *, nothing: bool = False) -> dict[str, str]:
    """Tags, which come as a JSON text; a value of null sets none. Raises MlflowError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if found is None and nothing:
        return {}
    if not isinstance(found, dict):
        raise invalid("Invalid value for parameter 'tags' supplied: it must be a JSON object.")
    return {key: str(value) for key, value in found.items() if value is not None}


def _document(hub: Hub, dataset_id: str, lacking: str = "Evaluation dataset with id '{}' not found") -> Json:
    """Raises MlflowError, with the text `lacking`: MLflow says it differently from route to route."""
    document = kept_document(hub, KIND, dataset_id)
    if document is None:
        raise missing(lacking.format(dataset_id))
    return document


def shown(document: Json) -> Json:
    """A dataset in MLflow's words, without its records and experiments."""
    found: Json = {
        "dataset_id": document["id"],
        "name": document["name"],
        "tags": json.dumps(document["tags"]),
        "digest": document["digest"],
        "created_time": value_of(document, "created_time"),
        "last_update_time": value_of(document, "last_update_time"),
    }
    others = {"schema": "schema", "profile": "profile", "created_by": "created_by", "last_updated_by": "updated_by"}
    return found | {name: document[own] for name, own in others.items() if document.get(own) is not None}


def get(call: Call) -> Json:
    return {"dataset": shown(_document(call.hub, call.path["id"]))}


def delete(call: Call) -> Json:
    """Put a dataset out of sight. One that is not there is as good as deleted."""
    dataset_id = call.path["id"]
    with records.lock_of(dataset_id):
        if kept_document(call.hub, KIND, dataset_id) is not None:
            call.hub.event(KIND, dataset_id, "run", {"deleted": time.time()})
            call.hub.release(KIND, dataset_id)
            records.forget(call.hub, dataset_id)
    return {}


def find(call: Call) -> Json:
    said = _SEARCH.read(call)
    most = _DEFAULT_RESULTS if said["max_results"] is None else said["max_results"]
    if most < 1:
        raise invalid(
            f"Invalid value {most or None} for parameter 'max_results' supplied. It must be a positive integer"
        )
    if most > _MOST_RESULTS:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be at most {_MOST_RESULTS}")
    found = search(call.hub, said["experiment_ids"], said["filter_string"], said["order_by"])
    documents, token = page(found, most, said["page_token"])
    answer: Json = {"datasets": [shown(document) for document in documents]} if documents else {}
    return answer | ({"next_page_token": token} if token else {})


def set_tags(call: Call) -> Json:
    tags = _tags(_TAGS.read(call)["tags"])
    document = _document(call.hub, call.path["id"], "Could not find evaluation dataset with ID {}")
    if tags:
        call.hub.event(KIND, document["id"], "tag", tags)
    return {}


def delete_tag(call: Call) -> Json:
    """What is not there is as good as deleted."""
    document = kept_document(call.hub, KIND, call.path["id"])
    if document is not None and call.path["key"] in document["tags"]:
        call.hub.event(KIND, document["id"], "tag", {call.path["key"]: None})
    return {}


# Experiments


def _experiments(document: Json) -> list[str]:
    """The ids of a dataset's experiments, in the order of coming."""
    since = {
        name.removeprefix(EXPERIMENT): at
        for name, at in document["summary"].items()
        if name.startswith(EXPERIMENT) and at is not None
    }
    return sorted(since, key=lambda one: (since[one], one))


def experiment_ids(call: Call) -> Json:
    document = kept_document(call.hub, KIND, call.path["id"])
    found = _experiments(document) if document else []
    return {"experiment_ids": found} if found else {}


def add_experiments(call: Call) -> Json:
    hub = call.hub
    asked = _EXPERIMENTS.read(call)["experiment_ids"]
    document = _document(hub, call.path["id"], "Dataset '{}' not found")
    for one in asked:
        try:
            hub.projects.get(one)
        except NotFound:
            raise missing(f"No Experiment with id={one}") from None
    now_ms, there = _now_ms(), _experiments(document)
    added = {EXPERIMENT + one: now_ms for one in asked if one not in there}
    if added:
        hub.event(KIND, document["id"], "summary", added)
    hub.event(KIND, document["id"], "run", {"updated_ms": now_ms})
    return {"dataset": shown(_document(hub, document["id"]))}


def remove_experiments(call: Call) -> Json:
    hub = call.hub
    asked = _EXPERIMENTS.read(call)["experiment_ids"]
    document = _document(hub, call.path["id"], "Dataset '{}' not found")
    gone = set(asked).intersection(_experiments(document))
    if gone:
        hub.event(KIND, document["id"], "summary", dict.fromkeys((EXPERIMENT + one for one in gone), None))
        hub.event(KIND, document["id"], "run", {"updated_ms": _now_ms()})
    return {"dataset": shown(_document(hub, document["id"]))}


# Records


def merge_records(call: Call) -> Json:
    """Keep records: those whose inputs are known come to the record that has them."""
    sent = records.read(_MERGE.read(call)["records"])
    hub, dataset_id, now_ms = call.hub, call.path["id"], _now_ms()
    with records.lock_of(dataset_id):
        name = _document(hub, dataset_id)["name"]
        inserted, updated = records.merge(hub, dataset_id, sent, now_ms)
        kept = records.of(hub, dataset_id)
        said = [record["tags"][USER] for record in sent if USER in record.get("tags", {})]
        body = _touched(name, now_ms) | {"updated_by": said[-1] if said else None}
        if kept.schema:
            body["schema"] = json.dumps(kept.schema)
        if len(kept):
            body["profile"] = _profile(len(kept))
        hub.event(KIND, dataset_id, "run", body)
    return {"inserted_count": inserted, "updated_count": updated}


def _profile(count: int) -> str:
    return json.dumps({"num_records": count} if count else None)


def list_records(call: Call) -> Json:
    said = _RECORDS.read(call)
    most = said["max_results"] or _DEFAULT_RESULTS
    if most < 0:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer")
    dataset_id = call.path["id"]
    behind = offset_of(said["page_token"], dataset_id)
    with records.lock_of(dataset_id):
        _document(call.hub, dataset_id)
        found, following = records.of(call.hub, dataset_id).page(behind, min(most, _MOST_RECORDS))
        items = [records.shown(dataset_id, record) for record in found]
    token = {"next_page_token": token_of(following, dataset_id)} if following else {}
    return {"records": json.dumps(items)} | token


def remove_records(call: Call) -> Json:
    asked = _REMOVE.read(call)["dataset_record_ids"]
    hub, dataset_id = call.hub, call.path["id"]
    with records.lock_of(dataset_id):
        _document(hub, dataset_id)
        gone = records.remove(hub, dataset_id, asked)
        if gone:
            hub.event(KIND, dataset_id, "run", {"profile": _profile(len(records.of(hub, dataset_id)))})
    return {"deleted_count": gone}


_ONE = "datasets/{id}"
ROUTES: list[Route] = [
    *both_v3("POST", "datasets/create", create, scope="write"),
    *both_v3("POST", "datasets/search", find),
    *both_v3("GET", "datasets/search", find),
    *both_v3("GET", _ONE, get),
    *both_v3("DELETE", _ONE, delete, scope="write"),
    *both_v3("PATCH", f"{_ONE}/tags", set_tags, scope="write"),
    *both_v3("DELETE", f"{_ONE}/tags/{{key...}}", delete_tag, scope="write"),
    *both_v3("GET", f"{_ONE}/experiment-ids", experiment_ids),
    *both_v3("POST", f"{_ONE}/add-experiments", add_experiments, scope="write"),
    *both_v3("POST", f"{_ONE}/remove-experiments", remove_experiments, scope="write"),
    *both_v3("POST", f"{_ONE}/records", merge_records, scope="write"),
    *both_v3("GET", f"{_ONE}/records", list_records),
    *both_v3("DELETE", f"{_ONE}/records", remove_records, scope="write"),
]
