"""Anew's documents in MLflow's words."""

from __future__ import annotations

from typing import Any

from anew.errors import RunNotFound
from anew.hub import Hub
from anew.projects import Project
from anew.protocols.mlflow.fields import shown_number

RUN_NAME = "mlflow.runName"
STATUSES = {
    "running": "RUNNING",
    "scheduled": "SCHEDULED",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "crashed": "FAILED",
}
Json = dict[str, Any]


def milliseconds(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1000)


def experiment(hub: Hub, project: Project) -> Json:
    born = _born(hub)
    found: Json = {
        "experiment_id": project.id,
        "name": project.name,
        "artifact_location": location(project),
        "lifecycle_stage": "deleted" if project.deleted else "active",
        "last_update_time": milliseconds(project.updated or born),
        "creation_time": milliseconds(project.created or born),
        "workspace": "default",
    }
    if project.tags:
        found["tags"] = [{"key": key, "value": value} for key, value in project.tags.items()]
    return found


def _born(hub: Hub) -> float:
    """The default project is as old as the store."""
    return (hub.store.root / "format").stat().st_mtime


def location(project: Project) -> str:
    return project.location or f"mlflow-artifacts:/{project.id}"


def kept_document(hub: Hub, kind: str, owner_id: str) -> Json | None:
    """None for what is not there, or was deleted."""
    try:
        document = hub.document(owner_id, kind)
    except RunNotFound:
        return None
    return None if document.get("deleted") else document


def project_of(hub: Hub, document: Json) -> Project:
    return hub.projects.ensure(str(document.get("project") or "Default"))


def artifact_uri(hub: Hub, document: Json) -> str:
    return f"{location(project_of(hub, document)).rstrip('/')}/{document['id']}/artifacts"


def run_info(hub: Hub, document: Json) -> Json:
    project = project_of(hub, document)
    info: Json = {
        "run_uuid": document["id"],
        "experiment_id": project.id,
        "run_name": document.get("name") or "",
        "user_id": document.get("user") or "",
        "status": STATUSES.get(document["status"], "FAILED"),
        "start_time": started_ms(document),
        "artifact_uri": f"{location(project).rstrip('/')}/{document['id']}/artifacts",
        "lifecycle_stage": "deleted" if document.get("deleted") else "active",
        "run_id": document["id"],
    }
    ended_ms = document.get("ended_ms") if document.get("remote") else milliseconds(document.get("ended"))
    if ended_ms:
        info["end_time"] = ended_ms
    return info


def started_ms(document: Json) -> int:
    """As it was sent: beyond 2**53 a float of seconds does not hold it."""
    exact = document.get("created_ms")
    return exact if type(exact) is int else milliseconds(document["created"])


def run(hub: Hub, document: Json, *, outputs: bool = True) -> Json:
    found: Json = {"info": run_info(hub, document), "data": run_data(document), "inputs": run_inputs(document)}
    if outputs:
        made = [link for link in document["links"] if link.get("relation") == "model output"]
        models = {link["model"]: {"model_id": link["model"], "step": link.get("step", 0)} for link in made}
        found["outputs"] = {"model_outputs": list(models.values())} if models else {}
    return found


def run_data(document: Json) -> Json:
    data: Json = {}
    metrics = [
        {
            "key": name,
            # Nearly all numbers are finite, and there are thousands in an answer.
            "value": value if (value := stat["last"]) - value == 0 else shown_number(value),
            "timestamp": round(stat["last_time"] * 1000),
            "step": int(stat["last_step"]),
        }
        for name, stat in document["metric_stats"].items()
    ]
    if metrics:
        data["metrics"] = metrics
    raw = document.get("raw") or {}
    params = [{"key": name, "value": str(raw.get(name, value))} for name, value in document["config"].items()]
    if params:
        data["params"] = params
    tags = [{"key": key, "value": value} for key, value in run_tags(document).items()]
    if tags:
        data["tags"] = tags
    return data


def sent(raw: Json, name: str, value: Any) -> str:
    """A parameter as the text that was sent."""
    return str(raw[name]) if name in raw else str(value)


def run_tags(document: Json) -> dict[str, str]:
    """The run's tags; for one that MLflow did not make, those by which its tools know where a run came from."""
    tags = {key: str(value) for key, value in document["tags"].items()}
    if not document.get("remote"):
        code = document.get("code") or {}
        known = {
            "mlflow.user": document.get("user"),
            "mlflow.source.name": document.get("script"),
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": code.get("commit"),
            "mlflow.note.content": document.get("notes"),
        }
        tags = {key: str(value) for key, value in known.items() if value} | tags
        if document.get("name"):
            tags.setdefault(RUN_NAME, str(document["name"]))
    return tags


def run_inputs(document: Json) -> Json:
    inputs: Json = {}
    seen: dict[tuple[str, str], Json] = {}
    for item in document["datasets"]:
        seen.setdefault((item["dataset"].get("name", ""), item["dataset"].get("digest", "")), item)
    if not document.get("remote"):
        for item in document["inputs"]:
            if item.get("digest"):
                seen.setdefault((item["path"], item["digest"]), _native_input(item))
    if seen:
        inputs["dataset_inputs"] = list(seen.values())
    models = [link["model"] for link in document["links"] if link.get("relation") == "model input"]
    if models:
        inputs["model_inputs"] = [{"model_id": model} for model in dict.fromkeys(models)]
    return inputs


def _native_input(item: Json) -> Json:
    """A file that a run was seen to read. MLflow keeps 36 characters of a digest."""
    dataset = {"name": item["path"], "digest": item["digest"][:36], "source_type": "local", "source": item["path"]}
    return {"dataset": dataset}


def fresh_run(hub: Hub, run_id: str, body: Json, tags: dict[str, str]) -> Json:
    """A run that was just made, from what it was made of: nothing has to be read back for it."""
    document = {"id": run_id, "remote": True, "status": "running", **body}
    shown = [{"key": key, "value": value} for key, value in tags.items()]
    return {"info": run_info(hub, document), "data": {"tags": shown}, "inputs": {}}
