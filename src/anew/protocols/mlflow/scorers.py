"""MLflow's scorers: what judges traces, kept as text by name in an experiment; nothing here runs them."""

from __future__ import annotations

import json
import threading
from typing import Any
from weakref import WeakKeyDictionary

from anew.errors import NotFound
from anew.hub import Hub
from anew.models.scorers import Scorer, Scorers, ScorerVersion
from anew.projects import Project
from anew.protocols.mlflow.entities import Json, milliseconds
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.experiments import check_active, find
from anew.protocols.mlflow.messages import NUMBER, TEXT, TEXTS, WHOLE, Message
from anew.protocols.mlflow.trace_document import both_v3
from anew.protocols.mlflow.trace_filters import parse_filter
from anew.routes import Call, Route

_REGISTER = Message(experiment_id=TEXT.needed, name=TEXT.needed, serialized_scorer=TEXT.needed)
_LIST = Message(experiment_id=TEXT, experiment_ids=TEXTS)
_VERSIONS = Message(experiment_id=TEXT.needed, name=TEXT.needed)
_ONE = Message(experiment_id=TEXT.needed, name=TEXT.needed, version=WHOLE)
_CONFIGS = Message(scorer_ids=TEXTS.needed)
_SAMPLE = Message(experiment_id=TEXT.needed, name=TEXT.needed, sample_rate=NUMBER.needed, filter_string=TEXT.optional)
# Where a scorer holds source code, which the client that loads it runs.
_CODE = "call_source"
# Where it may name the language model that judges.
_JUDGES = ("instructions_judge_pydantic_data", "builtin_scorer_pydantic_data")

_known: WeakKeyDictionary[Hub, Scorers] = WeakKeyDictionary()
_lock = threading.Lock()


def of(hub: Hub) -> Scorers:
    with _lock:
        return _known.setdefault(hub, Scorers(hub.ledger))


def register(call: Call) -> Json:
    """Keep a scorer: the next version of its name."""
    said = _REGISTER.read(call)
    check_text(said["serialized_scorer"])
    if not said["name"].strip():
        raise invalid("Scorer name cannot be empty or contain only whitespace.")
    project = _project(call, said)
    scorer = of(call.hub).register(project.id, said["name"], said["serialized_scorer"], call.actor)
    version = scorer.version()
    return {
        "version": version.number,
        "scorer_id": scorer.id,
        "experiment_id": scorer.project_id,
        "name": scorer.name,
        "serialized_scorer": version.text,
        "creation_time": milliseconds(version.created),
    }


def check_text(text: str) -> None:
    """Raises MlflowError for what is no scorer, or one that holds code."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("serialized_scorer must be valid JSON") from None
    if not isinstance(found, dict):
        raise invalid("serialized_scorer must be a JSON object")
    if _has_code(found):
        raise invalid("Scorers that hold code, made by @scorer, can't be registered: whoever loads one would run it.")
    for part in (found.get(name) for name in _JUDGES):
        model = part.get("model") if isinstance(part, dict) else None
        if model is not None and not isinstance(model, str):
            raise invalid(f"Scorer model must be a string, got {type(model).__name__}.")
        if model is not None and not model.strip():
            raise invalid("Scorer model cannot be empty or contain only whitespace.")


def _has_code(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get(_CODE)) or any(map(_has_code, value.values()))
    return isinstance(value, list) and any(map(_has_code, value))


def _project(call: Call, said: Json) -> Project:
    project = find(call.hub, said["experiment_id"])
    check_active(project)
    return project


def _shown(scorer: Scorer, version: ScorerVersion) -> Json:
    return {
        "experiment_id": int(scorer.project_id),
        "scorer_name": scorer.name,
        "scorer_version": version.number,
        "serialized_scorer": version.text,
        "creation_time": milliseconds(version.created),
        "scorer_id": scorer.id,
    }


def _page(found: list[Json]) -> Json:
    return {"scorers": found} if found else {}


def listing(call: Call) -> Json:
    """The latest version of each scorer: of one experiment, of some, or of all."""
    said = _LIST.read(call)
    if said["experiment_id"] and said["experiment_ids"]:
        raise invalid(
            "Cannot specify both 'experiment_id' and 'experiment_ids'. Use 'experiment_ids' to scope the query to "
            "multiple experiments, or 'experiment_id' to scope it to a single experiment."
        )
    if said["experiment_id"]:
        wanted = [_project(call, said)]
    else:
        every = [project for project in call.hub.projects.all() if not project.deleted]
        wanted = [project for project in every if not said["experiment_ids"] or project.id in said["experiment_ids"]]
    scorers = of(call.hub)
    return _page([_shown(scorer, scorer.version()) for project in wanted for scorer in scorers.all(project.id)])


def versions(call: Call) -> Json:
    """Every version of a scorer."""
    scorer = _scorer(call, _VERSIONS.read(call))
    return _page([_shown(scorer, version) for version in scorer.versions.values()])


def get(call: Call) -> Json:
    """A version of a scorer, or its latest."""
    said = _ONE.read(call)
    scorer = _scorer(call, said)
    return {"scorer": _shown(scorer, _version(scorer, said))}


def delete(call: Call) -> Json:
    """Take out a version of a scorer, or all of it."""
    said = _ONE.read(call)
    scorer = _scorer(call, said)
    _version(scorer, said)
    of(call.hub).delete(scorer.project_id, scorer.name, said["version"], call.actor)
    return {}


def _scorer(call: Call, said: Json) -> Scorer:
    project = _project(call, said)
    try:
        return of(call.hub).get(project.id, said["name"])
    except NotFound:
        raise missing(f"Scorer with name '{said['name']}' not found for experiment {project.id}.") from None


def _version(scorer: Scorer, said: Json) -> ScorerVersion:
    try:
        return scorer.version(said["version"])
    except NotFound:
        raise missing(
            f"Scorer with name '{scorer.name}' and version {said['version']} not found for experiment "
            f"{scorer.project_id}."
        ) from None


def set_online_config(call: Call) -> Json:
    """Say of how many traces a scorer judges by itself: of none. More is refused, for nothing here runs scorers."""
    said = _SAMPLE.read(call)
    rate, filter_text = said["sample_rate"], said["filter_string"]
    if not 0 <= rate <= 1:
        raise invalid(f"sample_rate must be between 0.0 and 1.0, got {rate}")
    if filter_text:
        parse_filter(filter_text)
    scorer = _scorer(call, said)
    if rate > 0:
        raise invalid(_why_not(scorer))
    kept = of(call.hub).sample(scorer.project_id, scorer.name, rate, filter_text, call.actor)
    return {"config": _sampling(kept)}


def _why_not(scorer: Scorer) -> str:
    found = json.loads(scorer.version().text)
    models = [str(found[name].get("model")) for name in _JUDGES if isinstance(found.get(name), dict)]
    if any(model.startswith("gateway:/") for model in models):
        return f"Scorer '{scorer.name}' can't be started: this server runs no scorers. mlflow.genai.evaluate does."
    return (
        f"Scorer '{scorer.name}' does not use a gateway model. Automatic evaluation is only supported for scorers that "
        "use gateway models."
    )


def _sampling(scorer: Scorer) -> Json:
    sampling = scorer.sampling
    assert sampling is not None
    found: Json = {
        "online_scoring_config_id": sampling.id,
        "scorer_id": scorer.id,
        "sample_rate": sampling.rate,
        "experiment_id": scorer.project_id,
    }
    return found | ({} if sampling.filter is None else {"filter_string": sampling.filter})


def online_configs(call: Call) -> Json:
    """How scorers would be run; the client asks for it beside every scorer."""
    found = of(call.hub).having(_CONFIGS.read(call)["scorer_ids"])
    return {"configs": [_sampling(scorer) for scorer in found if scorer.sampling]}


ROUTES: list[Route] = [
    *both_v3("POST", "scorers/register", register, scope="write"),
    *both_v3("GET", "scorers/list", listing),
    *both_v3("GET", "scorers/versions", versions),
    *both_v3("GET", "scorers/get", get),
    *both_v3("DELETE", "scorers/delete", delete, scope="write"),
    *both_v3("GET", "scorers/online-configs", online_configs),
    *both_v3("PUT", "scorers/online-config", set_online_config, scope="write"),
]
