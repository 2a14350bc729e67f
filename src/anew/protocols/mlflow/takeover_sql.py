"""An MLflow SQLite database as a source: read-only, in whatever version of its schema, by SQLite alone."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anew.errors import UsageError
from anew.protocols.mlflow import takeover_model as theirs
from anew.protocols.mlflow.takeover_local import LocalFiles
from anew.protocols.mlflow.takeover_model import CouldNot, Json
from anew.protocols.mlflow.trace_document import duration, timestamp

MODEL_STATUSES = {1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY", 3: "LOGGED_MODEL_UPLOAD_FAILED"}
_ORDER = "created_time, dataset_record_id"  # in which MLflow gives the records of a dataset
_PARTS = ("inputs", "outputs", "expectations", "tags", "source")
_COLUMNS_OF_TRACES = {"session_id": "mlflow.trace.session"}
_COUNTS = {
    "mlflow.trace.tokenUsage": ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
                                "cache_creation_input_tokens"),
    "mlflow.trace.cost": ("input_cost", "output_cost", "total_cost"),
}  # fmt: skip


class Database:
    """Raises UsageError for a file that is no MLflow database."""

    def __init__(self, path: Path, artifacts: Sequence[Path] = ()) -> None:
        self.problems: list[tuple[str, str]] = []
        self._files = LocalFiles([path.parent, *artifacts], artifacts)
        try:
            uri = f"file:{quote(str(path.absolute()))}?mode=ro"
            # Used by one thread at a time; a test of a server may close it in another.
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.text_factory = lambda data: data.decode("utf-8", "replace")
            self._db.execute("PRAGMA trusted_schema = OFF")
            tables = self._db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error as error:
            raise UsageError(f"{path} is not a SQLite database that can be read: {error}") from error
        self._columns = {
            row["name"]: {
                column["name"] for column in self._db.execute(f"PRAGMA main.table_info({_name(row['name'])})")
            }
            for row in tables
        }
        if not {"run_uuid", "experiment_id"} <= self._columns.get("runs", set()):
            raise UsageError(f"{path} is a SQLite database, but not one of MLflow's tracking")
        self._fast: dict[str, str] = {}

    def close(self) -> None:
        self._db.close()

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM main.runs").fetchone()[0])

    def _rows(self, table: str, where: str = "", *values: Any, order: str = "") -> list[sqlite3.Row]:
        """Rows of a table, none when this version of the schema has no such table."""
        if table not in self._columns:
            return []
        text = f"SELECT * FROM {self._fast.get(table, f'main.{table}')}"
        text += (f" WHERE {where}" if where else "") + (f" ORDER BY {order}" if order else "")
        try:
            return self._db.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise CouldNot(f"the table {table} can't be read: {error}") from error

    def _index_by(self, column: str, *tables: str) -> None:
        """Old schemas have no index by run: without one, each run would cost a pass over all of them."""
        for table in tables:
            if table not in self._columns or table in self._fast:
                continue
            leading = {
                self._db.execute(f"PRAGMA main.index_info({_name(row['name'])})").fetchone()["name"]
                for row in self._db.execute(f"PRAGMA main.index_list({table})")
            }
            if column not in leading:
                self._db.execute(f"CREATE TEMP TABLE by_{table} AS SELECT * FROM main.{table}")
                self._db.execute(f"CREATE INDEX temp.of_{table} ON by_{table} ({column})")
                self._fast[table] = f"temp.by_{table}"

    # What is in it

    def experiments(self) -> Iterator[theirs.Experiment]:
        tags: dict[Any, dict[str, str]] = defaultdict(dict)
        for row in self._rows("experiment_tags"):
            tags[row["experiment_id"]][row["key"]] = row["value"] or ""
        for row in self._rows("experiments", order="experiment_id"):
            yield theirs.Experiment(
                str(row["experiment_id"]),
                row["name"],
                _get(row, "lifecycle_stage") == "deleted",
                _get(row, "artifact_location") or "",
                tags[row["experiment_id"]],
                _get(row, "creation_time"),
                _get(row, "last_update_time"),
            )

    def runs(self, experiment: theirs.Experiment) -> Iterator[theirs.Run]:
        self._index_by("run_uuid", "params", "tags", "metrics", "latest_metrics")
        datasets = {row["dataset_uuid"]: row for row in self._rows("datasets")}
        inputs: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self._rows("inputs"):
            owner = row["destination_id"] if row["source_type"] == "DATASET" else row["source_id"]
            inputs[owner].append(row)
        contexts: dict[str, list[Json]] = defaultdict(list)
        for row in self._rows("input_tags"):
            contexts[row["input_uuid"]].append({"key": row["name"], "value": row["value"] or ""})
        for row in self._rows("runs", "experiment_id = ?", experiment.id):
            run_id = row["run_uuid"]
            params = {one["key"]: one["value"] or "" for one in self._rows("params", "run_uuid = ?", run_id)}
            tags = {one["key"]: one["value"] or "" for one in self._rows("tags", "run_uuid = ?", run_id)}
            latest = self._rows("latest_metrics", "run_uuid = ?", run_id, order="key")
            yield theirs.Run(
                id=run_id,
                experiment=experiment.id,
                name=tags.get("mlflow.runName") or row["name"] or "",
                user=row["user_id"] or "",
                status=str(row["status"] or "FINISHED"),
                started=row["start_time"] or 0,
                ended=row["end_time"],
                deleted=_get(row, "lifecycle_stage") == "deleted",
                location=row["artifact_uri"] or "",
                params=params,
                tags=tags | _old_tags(row, tags),
                datasets=_datasets(inputs[run_id], datasets, contexts),
                links=_links(inputs[run_id]),
                state=[list(map(repr, one)) for one in latest],
            )

    def points(self, run: theirs.Run) -> list[theirs.Point]:
        columns = self._columns["metrics"]
        step = "step" if "step" in columns else "0"
        value = "CASE WHEN is_nan THEN NULL ELSE value END" if "is_nan" in columns else "value"
        table = self._fast.get("metrics", "main.metrics")
        found = self._db.execute(
            f"SELECT key, {value}, timestamp, {step} FROM {table} WHERE run_uuid = ? ORDER BY 3, 4",
            (run.id,),
        )
        nan = float("nan")
        return [(key, nan if value is None else value, at, step) for key, value, at, step in found]

    def models(self, experiment: theirs.Experiment) -> Iterator[theirs.LoggedModel]:
        for row in self._rows("logged_models", "experiment_id = ?", experiment.id):
            model_id = row["model_id"]
            params = self._rows("logged_model_params", "model_id = ?", model_id)
            tags = self._rows("logged_model_tags", "model_id = ?", model_id)
            yield theirs.LoggedModel(
                id=model_id,
                experiment=experiment.id,
                name=row["name"] or "",
                status=MODEL_STATUSES.get(row["status"], "LOGGED_MODEL_STATUS_UNSPECIFIED"),
                type=row["model_type"] or "",
                run=row["source_run_id"] or "",
                created=row["creation_timestamp_ms"] or 0,
                updated=row["last_updated_timestamp_ms"] or 0,
                deleted=row["lifecycle_stage"] == "deleted",
                location=row["artifact_location"] or "",
                params={one["param_key"]: one["param_value"] or "" for one in params},
                tags={one["tag_key"]: one["tag_value"] or "" for one in tags},
                metrics=[_model_metric(one) for one in self._rows("logged_model_metrics", "model_id = ?", model_id)],
            )

    def registered(self) -> Iterator[theirs.Registered]:
        for row in self._rows("registered_models", order="creation_time"):
            if _get(row, "workspace") not in (None, "default"):
                self.problems.append((f"registered model {row['name']}", f"it is in the workspace {row['workspace']}"))
                continue
            name = row["name"]
            yield theirs.Registered(
                name,
                row["creation_time"],
                row["last_updated_time"],
                _get(row, "description"),
                {one["key"]: one["value"] or "" for one in self._rows("registered_model_tags", "name = ?", name)},
                {one["alias"]: one["version"] for one in self._rows("registered_model_aliases", "name = ?", name)},
                [self._version(one) for one in self._rows("model_versions", "name = ?", name, order="version")
                 if one["current_stage"] != "Deleted_Internal"],
            )  # fmt: skip

        if count := len(self._rows("webhooks")):
            self.problems.append((f"{count} webhooks", "these are not taken over: make them here again"))

    def scorers(self, experiment: theirs.Experiment) -> Iterator[theirs.Scorer]:
        for row in self._rows("scorers", "experiment_id = ?", int(experiment.id), order="scorer_name"):
            found = self._rows("scorer_versions", "scorer_id = ?", row["scorer_id"], order="scorer_version")
            versions = [(one["scorer_version"], one["creation_time"], one["serialized_scorer"]) for one in found]
            yield theirs.Scorer(row["scorer_id"], row["scorer_name"], versions)

    def datasets(self) -> Iterator[theirs.Dataset]:
        for row in self._rows("evaluation_datasets", order="created_time"):
            if _get(row, "workspace") not in (None, "default"):
                why = f"it is in the workspace {row['workspace']}"
                self.problems.append((f"evaluation dataset {row['name']}", why))
                continue
            dataset_id = row["dataset_id"]
            tags = self._rows("evaluation_dataset_tags", "dataset_id = ?", dataset_id)
            of = "source_type = 'evaluation_dataset' AND destination_type = 'experiment' AND source_id = ?"
            records = self._rows("evaluation_dataset_records", "dataset_id = ?", dataset_id, order=_ORDER)
            yield theirs.Dataset(
                id=dataset_id,
                name=row["name"],
                experiments=[one["destination_id"] for one in self._rows("entity_associations", of, dataset_id)],
                tags={one["key"]: one["value"] or "" for one in tags},
                schema=row["schema"],
                profile=row["profile"],
                digest=row["digest"] or "",
                created=row["created_time"] or 0,
                updated=row["last_update_time"] or 0,
                created_by=row["created_by"],
                updated_by=row["last_updated_by"],
                records=[_record(one) for one in records],
            )

    def _version(self, row: sqlite3.Row) -> theirs.Version:
        tags = self._rows("model_version_tags", "name = ? AND version = ?", row["name"], row["version"])
        source = row["source"] or ""
        return theirs.Version(
            number=row["version"],
            source=source,
            created=row["creation_time"],
            updated=row["last_updated_time"],
            storage=_get(row, "storage_location") or "",
            run=_get(row, "run_id") or "",
            run_link=_get(row, "run_link") or "",
            model=source.removeprefix("models:/") if source.startswith("models:/m-") else "",
            user=_get(row, "user_id") or "",
            description=_get(row, "description"),
            stage=row["current_stage"] or "None",
            status=_get(row, "status") or "READY",
            tags={one["key"]: one["value"] or "" for one in tags},
        )

    def traces(self, experiment: theirs.Experiment) -> Iterator[theirs.Trace]:
        self._index_by("request_id", "trace_tags", "trace_request_metadata")
        self._index_by("trace_id", "spans", "assessments")
        for row in self._rows("trace_info", "experiment_id = ?", experiment.id):
            trace_id = row["request_id"]
            tags = {one["key"]: one["value"] or "" for one in self._rows("trace_tags", "request_id = ?", trace_id)}
            if _get(row, "trace_name"):
                tags.setdefault("mlflow.traceName", row["trace_name"])
            contents = [one["content"] for one in self._rows("spans", "trace_id = ?", trace_id)]
            place = tags.pop("mlflow.artifactLocation", "")
            spans = [json.loads(content) for content in contents if content]
            yield theirs.Trace(trace_id, experiment.id, self._trace_info(row, tags), spans or None, place)

    def _trace_info(self, row: sqlite3.Row, tags: dict[str, str]) -> Json:
        trace_id = row["request_id"]
        rows = self._rows("trace_request_metadata", "request_id = ?", trace_id)
        metadata = {one["key"]: one["value"] or "" for one in rows}
        for column, key in _COLUMNS_OF_TRACES.items():
            if _get(row, column):
                metadata[key] = row[column]
        for key, columns in _COUNTS.items():
            counts = {column: _get(row, column) for column in columns if _get(row, column) is not None}
            if counts:
                metadata.setdefault(key, json.dumps(counts))
        info: Json = {
            "trace_id": trace_id,
            "request_time": timestamp(row["timestamp_ms"]),
            "state": row["status"],
            "tags": tags,
            "trace_metadata": metadata,
            "assessments": [_assessment(one) for one in self._rows("assessments", "trace_id = ?", trace_id)],
        }
        if row["execution_time_ms"] is not None:
            info["execution_duration"] = duration(row["execution_time_ms"])
        for name in ("client_request_id", "request_preview", "response_preview"):
            if _get(row, name) is not None:
                info[name] = row[name]
        return info

    def files(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace) -> Iterator[theirs.File]:
        return self._files.below(owner.location, owner.id)

    def fetch(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace, file: theirs.File, into: Path) -> None:
        raise CouldNot("it has no content")


def _record(row: sqlite3.Row) -> Json:
    """A record of an evaluation dataset; its outputs stand in a wrapping of MLflow's."""
    found: Json = dict(row) | {name: json.loads(row[name]) for name in _PARTS if row[name] is not None}
    if found["outputs"]:
        found["outputs"] = found["outputs"].get("mlflow_wrapped")
    return found


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _get(row: sqlite3.Row, column: str) -> Any:
    """A column that not every version of the schema has."""
    return dict(row).get(column)


def _old_tags(row: sqlite3.Row, tags: dict[str, str]) -> dict[str, str]:
    """What stood in columns before it was tags."""
    columns = {
        "mlflow.source.name": "source_name",
        "mlflow.source.git.commit": "source_version",
        "mlflow.project.entryPoint": "entry_point_name",
        "mlflow.user": "user_id",
    }
    found = {key: _get(row, column) for key, column in columns.items() if key not in tags}
    return {key: value for key, value in found.items() if value}


def _datasets(inputs: list[sqlite3.Row], datasets: dict[str, sqlite3.Row], tags: dict[str, list[Json]]) -> list[Json]:
    found = []
    for row in inputs:
        item = datasets.get(row["source_id"]) if row["source_type"] == "DATASET" else None
        if item is None:
            continue
        dataset = {
            "name": item["name"],
            "digest": item["digest"],
            "source_type": item["dataset_source_type"],
            "source": item["dataset_source"],
            "schema": item["dataset_schema"],
            "profile": item["dataset_profile"],
        }
        entry: Json = {"dataset": {key: value for key, value in dataset.items() if value is not None}}
        found.append(entry | ({"tags": tags[row["input_uuid"]]} if tags.get(row["input_uuid"]) else {}))
    return found


def _links(inputs: list[sqlite3.Row]) -> list[Json]:
    found: list[Json] = []
    for row in inputs:
        if row["destination_type"] == "MODEL_INPUT":
            found.append({"relation": "model input", "model": row["destination_id"]})
        elif row["destination_type"] == "MODEL_OUTPUT":
            found.append({"relation": "model output", "model": row["destination_id"], "step": _get(row, "step") or 0})
    return found


def _model_metric(row: sqlite3.Row) -> Json:
    found: Json = {
        "key": row["metric_name"],
        "value": float("nan") if row["metric_value"] is None else row["metric_value"],
        "timestamp": row["metric_timestamp_ms"],
        "step": row["metric_step"],
        "run_id": row["run_id"],
    }
    return found | {name: row[name] for name in ("dataset_name", "dataset_digest") if row[name]}


def _assessment(row: sqlite3.Row) -> Json:
    value = json.loads(row["value"]) if row["value"] else None
    kind = row["assessment_type"]
    held: Json = {"value": value}
    if kind == "expectation" and isinstance(value, (dict, list)):
        held = {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": row["value"]}}
    if row["error"]:
        held["error"] = json.loads(row["error"])
    if kind == "issue":
        held = {"issue_name": value}
    found: Json = {
        "assessment_id": row["assessment_id"],
        "assessment_name": row["name"],
        "source": {"source_type": row["source_type"], "source_id": row["source_id"]},
        "create_time": timestamp(row["created_timestamp"]),
        "last_update_time": timestamp(row["last_updated_timestamp"]),
        kind: held,
        "valid": bool(row["valid"]),
    }
    for name in ("span_id", "rationale", "overrides"):
        if row[name]:
            found[name] = row[name]
    if row["assessment_metadata"]:
        found["metadata"] = json.loads(row["assessment_metadata"])
    return found
