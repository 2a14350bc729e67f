"""A trace's document, written and shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from anew.errors import NotFound, UsageError
from anew.hub import Hub
from anew.projects import Project
from anew.protocols.mlflow.entities import Json, kept_document, location
from anew.protocols.mlflow.errors import missing
from anew.routes import Call, Route

KIND = "traces"
# A project may be renamed: what a trace belongs to is kept by id, among its metadata, which an index can search.
EXPERIMENT = "anew.experiment_id"
FINALISED = "mlflow.trace.infoFinalized"
SPANS_LOCATION = "mlflow.trace.spansLocation"
ARTIFACTS = "mlflow.artifactLocation"
STATES = ("STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS")
_ENDS = {"OK": "finished", "ERROR": "failed"}
_ASSESSMENT = "assessment:"
_MOST_KEY = 250
_MOST_METADATA = 250
_MOST_TAG = 4096


def both_v3(method: str, path: str, handler: Callable[[Call], Any], **options: Any) -> list[Route]:
    """The route under the two prefixes of version 3, as `routes.both` has those of version 2."""
    prefixes = ("/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/")
    return [Route(method, prefix + path, handler, style="mlflow", **options) for prefix in prefixes]


def get_document(hub: Hub, trace_id: str, lacking: str = "Trace with ID '{}' not found.") -> Json:
    """Raises MlflowError, with the text `lacking`: MLflow says it differently from route to route."""
    document = kept_document(hub, KIND, trace_id)
    if document is None:
        raise missing(lacking.format(trace_id))
    return document


def is_there(hub: Hub, trace_id: str) -> bool:
    return (hub.store.root / KIND / trace_id).is_dir()


def write(
    hub: Hub, trace_id: str, project: Project, started_ms: int, body: Json, tags: dict[str, str], metadata: Json
) -> None:
    """Make a trace, or change what is known of it. The caller holds the trace's lock. Raises UsageError."""
    body = body | {"project": project.name, "created": started_ms / 1000}
    if is_there(hub, trace_id):
        hub.event(KIND, trace_id, "run", body)
    else:
        try:
            hub.create(KIND, body | {"by": "mlflow"}, trace_id)
        except UsageError:
            hub.event(KIND, trace_id, "run", body)  # another server of this store was first
    if tags:
        hub.event(KIND, trace_id, "tag", tags)
    hub.event(KIND, trace_id, "summary", metadata | {EXPERIMENT: project.id})


def end_of(hub: Hub, trace_id: str, state: str, started_ms: int, lasted_ms: int | None) -> None:
    """Say how a trace ended, so that it is found among others as runs are."""
    status = _ENDS.get(state, "running")
    hub.event(KIND, trace_id, "end", {"status": status, "time": (started_ms + (lasted_ms or 0)) / 1000})


def project_of(hub: Hub, document: Json) -> Project:
    try:
        return hub.projects.get(str(document["summary"].get(EXPERIMENT, "")))
    except NotFound:
        return hub.projects.ensure(str(document.get("project") or "Default"))


def metadata_of(document: Json) -> dict[str, str]:
    return {key: str(value) for key, value in document["summary"].items() if key != EXPERIMENT}


def tags_of(hub: Hub, document: Json) -> dict[str, str]:
    """The trace's tags, with the place of its files."""
    place = f"{location(project_of(hub, document)).rstrip('/')}/traces/{document['id']}/artifacts"
    return {ARTIFACTS: place} | {key: str(value) for key, value in document["tags"].items()}


def key_of(assessment_id: str) -> str:
    """Where in the document an assessment is."""
    return _ASSESSMENT + assessment_id


def assessments_of(document: Json) -> list[Json]:
    return [value for key, value in document.items() if key.startswith(_ASSESSMENT) and isinstance(value, dict)]


def started_ms(document: Json) -> int:
    return round(float(document["created"]) * 1000)


def shown(hub: Hub, document: Json) -> Json:
    """A trace without its spans, in MLflow's words."""
    info: Json = {
        "trace_id": document["id"],
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": project_of(hub, document).id},
        },
        "request_time": timestamp(started_ms(document)),
    }
    if document.get("execution_ms") is not None:
        info["execution_duration"] = duration(document["execution_ms"])
    info["state"] = document["state"] if document.get("state") in STATES else STATES[0]
    metadata = _cut(metadata_of(document), _MOST_METADATA)
    if metadata:
        info["trace_metadata"] = metadata
    assessments = assessments_of(document)
    if assessments:
        info["assessments"] = assessments
    info["tags"] = _cut(tags_of(hub, document), _MOST_TAG)
    for name in ("client_request_id", "request_preview", "response_preview"):
        if document.get(name) is not None:
            info[name] = document[name]
    return info


def _cut(texts: dict[str, str], most: int) -> dict[str, str]:
    """As much of each as MLflow shows; filters see the whole."""
    return {key[:_MOST_KEY]: value[:most] for key, value in texts.items()}


def timestamp(ms: int) -> str:
    """A time as protobuf's JSON has it."""
    try:
        found = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"
    return found + (f".{ms % 1000:03d}Z" if ms % 1000 else "Z")


def duration(ms: Any) -> str:
    """A duration as protobuf's JSON has it: in seconds, with as many threes of decimals as it takes."""
    sign, whole = ("-" if ms < 0 else ""), abs(int(ms))
    return f"{sign}{whole // 1000}" + (f".{whole % 1000:03d}s" if whole % 1000 else "s")
