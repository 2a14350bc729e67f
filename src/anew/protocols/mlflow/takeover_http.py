"""A tracking server of MLflow's as a source, over its REST API."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from anew.errors import AnewError, UsageError
from anew.protocols.mlflow import takeover_model as theirs
from anew.protocols.mlflow.artifacts import clean
from anew.protocols.mlflow.errors import MlflowError
from anew.protocols.mlflow.takeover_model import CouldNot, Json

_API = "/api/2.0/mlflow/"
_NEW = "/api/3.0/mlflow/"
_TIMEOUT_S = 120
_MOST_ANSWER_BYTES = 1 << 30
_RUNS_A_PAGE = 1000
_RUNS_AT_ONCE = 100  # more of them, get-history-bulk refuses
_POINTS_AT_ONCE = 25_000
_MOST_DEPTH = 64


class Server:
    """Reads with the credentials that MLflow's client would use: MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD.

    Follows no redirects. Raises UsageError for an address that is none, AnewError when nobody answers.
    """

    def __init__(self, address: str) -> None:
        self.problems: list[tuple[str, str]] = []
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{address} is no address of a server")
        self._address, self._prefix = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        self._headers = _credentials(parts.username, parts.password)
        context = ssl.create_default_context() if parts.scheme == "https" else None
        if context is not None and os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
            if context is None
            else http.client.HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S, context=context)
        )
        self._points: dict[str, list[theirs.Point]] = {}
        self._batches: dict[str, list[Json]] = {}
        self._post("experiments/search", {"max_results": 1})

    def close(self) -> None:
        self._connection.close()

    def count(self) -> int:
        return 0

    # Asking

    def _send(self, method: str, path: str, body: Any = None) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if data is not None else {})
        for again in (True, False):
            try:
                self._connection.request(method, self._prefix + path, data, headers)
                return self._connection.getresponse()
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                if not again:
                    raise AnewError(f"{self._address} does not answer: {error or type(error).__name__}") from error
        raise AssertionError

    def _json(self, method: str, path: str, body: Any = None) -> Json:
        answer = self._send(method, path, body)
        data = answer.read(_MOST_ANSWER_BYTES)
        if answer.status in (401, 403):
            raise AnewError(f"{self._address} refuses: set MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD")
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if answer.status != 200 or not isinstance(found, dict):
            said = found.get("message", "") if isinstance(found, dict) else data[:80].decode("utf-8", "replace")
            raise CouldNot(f"the server answers {answer.status} to {path.partition('?')[0]}: {said}")
        return found

    def _get(self, route: str, /, **query: Any) -> Json:
        return self._json("GET", f"{_API}{route}?{urlencode(query, doseq=True)}")

    def _post(self, path: str, body: Json) -> Json:
        return self._json("POST", _API + path, body)

    def _pages(self, method: str, path: str, body: Json, name: str) -> Iterator[Json]:
        token = ""
        while True:
            more = body | ({"page_token": token} if token else {})
            found = self._get(path, **more) if method == "GET" else self._json("POST", path, more)
            yield from found.get(name) or ()
            before, token = token, found.get("next_page_token") or ""
            if not token or token == before:
                return

    # What it holds

    def experiments(self) -> Iterator[theirs.Experiment]:
        asked = {"max_results": 1000, "view_type": "ALL", "order_by": ["experiment_id ASC"]}
        for item in self._pages("POST", f"{_API}experiments/search", asked, "experiments"):
            yield theirs.Experiment(
                str(item["experiment_id"]),
                item.get("name") or "",
                item.get("lifecycle_stage") == "deleted",
                item.get("artifact_location") or "",
                _pairs(item.get("tags")),
                _whole(item.get("creation_time")),
                _whole(item.get("last_update_time")),
            )

    def runs(self, experiment: theirs.Experiment) -> Iterator[theirs.Run]:
        asked = {"experiment_ids": [experiment.id], "run_view_type": "ALL", "max_results": _RUNS_A_PAGE}
        batch: list[Json] = []
        for item in self._pages("POST", f"{_API}runs/search", asked, "runs"):
            if not isinstance(item.get("info"), dict) or not item["info"].get("run_id"):
                self.problems.append((f"a run of experiment {experiment.name}", "it has no id"))
                continue
            batch.append(item)
            if len(batch) == _RUNS_AT_ONCE:
                yield from self._batch(experiment, batch)
                batch = []
        yield from self._batch(experiment, batch)

    def _batch(self, experiment: theirs.Experiment, batch: list[Json]) -> Iterator[theirs.Run]:
        self._points.clear()
        self._batches = {str(item["info"]["run_id"]): batch for item in batch}
        for item in batch:
            yield _run(experiment, item)

    def points(self, run: theirs.Run) -> list[theirs.Point]:
        """Those of the whole batch are asked for at once, metric by metric."""
        if not self._points:
            batch = self._batches[run.id]
            self._points = {item["info"]["run_id"]: [] for item in batch}
            having: dict[str, list[str]] = {}
            for item in batch:
                for metric in item.get("data", {}).get("metrics") or ():
                    having.setdefault(metric["key"], []).append(item["info"]["run_id"])
            for key, run_ids in having.items():
                self._history(key, run_ids)
        return self._points[run.id]

    def _history(self, key: str, run_ids: list[str]) -> None:
        query = urlencode({"run_id": run_ids, "metric_key": key, "max_results": _POINTS_AT_ONCE}, doseq=True)
        try:
            found = self._json("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?{query}").get("metrics") or []
        except CouldNot:
            found = [{}] * _POINTS_AT_ONCE
        if len(found) < _POINTS_AT_ONCE:
            for item in found:
                if item.get("run_id") in self._points:
                    self._points[item["run_id"]].append(_point(key, item))
            return
        for run_id in run_ids:
            asked = {"run_id": run_id, "metric_key": key, "max_results": _POINTS_AT_ONCE}
            pages = self._pages("GET", "metrics/get-history", asked, "metrics")
            self._points[run_id] += [_point(key, item) for item in pages]

    def models(self, experiment: theirs.Experiment) -> Iterator[theirs.LoggedModel]:
        asked = {"experiment_ids": [experiment.id], "max_results": 50}
        for item in self._pages("POST", f"{_API}logged-models/search", asked, "models"):
            info, data = item["info"], item.get("data") or {}
            yield theirs.LoggedModel(
                id=str(info["model_id"]),
                experiment=experiment.id,
                name=info.get("name") or "",
                status=info.get("status") or "LOGGED_MODEL_READY",
                type=info.get("model_type") or "",
                run=info.get("source_run_id") or "",
                created=_whole(info.get("creation_timestamp_ms")) or 0,
                updated=_whole(info.get("last_updated_timestamp_ms")) or 0,
                location=info.get("artifact_uri") or "",
                params=_pairs(data.get("params")),
                tags=_pairs(info.get("tags")),
                metrics=[
                    one | {"value": float(one["value"]), "timestamp": int(one["timestamp"]), "step": int(one["step"])}
                    for one in ({"timestamp": 0, "step": 0, **metric} for metric in data.get("metrics") or ())
                ],
            )

    def registered(self) -> Iterator[theirs.Registered]:
        for item in self._pages("GET", "registered-models/search", {"max_results": 1000}, "registered_models"):
            name = item["name"]
            if "'" in name:
                self.problems.append((f"registered model {name}", "its name can't be asked for: it has a quote in it"))
                continue
            asked = {"filter": f"name='{name}'", "max_results": 10_000}
            versions = self._pages("GET", "model-versions/search", asked, "model_versions")
            yield theirs.Registered(
                name,
                _whole(item.get("creation_timestamp")),
                _whole(item.get("last_updated_timestamp")),
                item.get("description"),
                _pairs(item.get("tags")),
                {one["alias"]: int(one["version"]) for one in item.get("aliases") or ()},
                sorted((_version(one) for one in versions), key=lambda version: version.number),
            )
        self._leave_behind("webhooks", self._pages("GET", "webhooks", {"max_results": 100}, "webhooks"))

    def scorers(self, experiment: theirs.Experiment) -> Iterator[theirs.Scorer]:
        for item in self._of_new("scorers/list", "scorers", experiment_id=experiment.id):
            name = str(item["scorer_name"])
            found = self._of_new("scorers/versions", "scorers", experiment_id=experiment.id, name=name)
            versions = [
                (int(one["scorer_version"]), _whole(one.get("creation_time")), str(one["serialized_scorer"]))
                for one in found
            ]
            yield theirs.Scorer(str(item["scorer_id"]), name, sorted(versions))

    def datasets(self) -> Iterator[theirs.Dataset]:
        try:
            found = list(self._pages("POST", f"{_NEW}datasets/search", {"max_results": 100}, "datasets"))
        except CouldNot:
            return  # a server that has none such
        for item in found:
            place = f"datasets/{quote(str(item['dataset_id']))}"
            yield theirs.Dataset(
                id=str(item["dataset_id"]),
                name=str(item["name"]),
                experiments=[str(one) for one in self._of_new(f"{place}/experiment-ids", "experiment_ids")],
                tags={key: str(value) for key, value in json.loads(item.get("tags") or "{}").items()},
                schema=item.get("schema"),
                profile=item.get("profile"),
                digest=item.get("digest") or "",
                created=_whole(item.get("created_time")) or 0,
                updated=_whole(item.get("last_update_time")) or 0,
                created_by=item.get("created_by"),
                updated_by=item.get("last_updated_by"),
                records=list(self._records(place)),
            )

    def _records(self, place: str) -> Iterator[Json]:
        token = ""
        while True:
            query = urlencode({"max_results": 1000} | ({"page_token": token} if token else {}))
            found = self._json("GET", f"{_NEW}{place}/records?{query}")
            yield from json.loads(found.get("records") or "[]")
            before, token = token, found.get("next_page_token") or ""
            if not token or token == before:
                return

    def _of_new(self, path: str, key: str, /, **query: str) -> list[Any]:
        """A list of what older servers don't have."""
        try:
            return list(self._json("GET", f"{_NEW}{path}?{urlencode(query)}").get(key) or ())
        except CouldNot:
            return []

    def _leave_behind(self, what: str, found: Iterator[Json]) -> None:
        try:
            count = sum(1 for _ in found)
        except CouldNot:
            return  # a server that has none such
        if count:
            self.problems.append((f"{count} {what}", "these are not taken over: make them here again"))

    def traces(self, experiment: theirs.Experiment) -> Iterator[theirs.Trace]:
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment.id}}
        asked = {"locations": [place], "max_results": 100}
        for info in self._pages("POST", "/api/3.0/mlflow/traces/search", asked, "traces"):
            trace_id = str(info["trace_id"])
            yield theirs.Trace(trace_id, experiment.id, info, self._spans(trace_id))

    def _spans(self, trace_id: str) -> list[Json] | None:
        try:
            answer = self._send("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={quote(trace_id)}")
            data = answer.read(_MOST_ANSWER_BYTES)
            found = json.loads(data)["spans"] if answer.status == 200 else None
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, list):
            self.problems.append((f"spans of trace {trace_id}", "the server does not give them"))
            return None
        return found

    # Files

    def files(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace) -> Iterator[theirs.File]:
        if isinstance(owner, theirs.Trace):
            return
        waiting = [("", 0)]
        while waiting:
            folder, depth = waiting.pop()
            for item in self._listing(owner, folder):
                path = str(item.get("path") or "")
                try:
                    sound = clean(path) == path and path.startswith(f"{folder}/" if folder else "") and path != folder
                except MlflowError:
                    sound = False
                if not sound or depth > _MOST_DEPTH:
                    self.problems.append(
                        (f"file of {owner.id}", f"{path[:200]!r} is no path below {folder!r}: refused")
                    )
                elif item.get("is_dir"):
                    waiting.append((path, depth + 1))
                else:
                    yield theirs.File(path, int(item.get("file_size") or 0))

    def _listing(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace, folder: str) -> list[Json]:
        if isinstance(owner, theirs.Run):
            found = self._get("artifacts/list", run_id=owner.id, **({"path": folder} if folder else {}))
        else:
            query = {"artifact_directory_path": folder} if folder else {}
            found = self._get(f"logged-models/{quote(owner.id)}/artifacts/directories", **query)
        return found.get("files") or []

    def fetch(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace, file: theirs.File, into: Path) -> None:
        if isinstance(owner, theirs.Run):
            path = f"/get-artifact?{urlencode({'run_uuid': owner.id, 'path': file.path})}"
        else:
            query = urlencode({"artifact_file_path": file.path})
            path = f"/ajax-api/2.0/mlflow/logged-models/{quote(owner.id)}/artifacts/files?{query}"
        answer = self._send("GET", path)
        if answer.status != 200:
            answer.read(_MOST_ANSWER_BYTES)
            raise CouldNot(f"the server answers {answer.status}")
        with open(into, "wb") as out:
            while part := answer.read(1 << 20):
                out.write(part)


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = user or os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = password or os.environ.get("MLFLOW_TRACKING_PASSWORD") or ""
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _pairs(items: Any) -> dict[str, str]:
    return {str(item["key"]): str(item.get("value") or "") for item in items or ()}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _point(key: str, item: Json) -> theirs.Point:
    return key, float(item["value"]), int(item.get("timestamp") or 0), int(item.get("step") or 0)


def _run(experiment: theirs.Experiment, item: Json) -> theirs.Run:
    info, data, inputs = item["info"], item.get("data") or {}, item.get("inputs") or {}
    links: list[Json] = [
        {"relation": "model input", "model": str(one["model_id"])} for one in inputs.get("model_inputs") or ()
    ]
    links += [
        {"relation": "model output", "model": str(one["model_id"]), "step": int(one.get("step") or 0)}
        for one in (item.get("outputs") or {}).get("model_outputs") or ()
    ]
    return theirs.Run(
        id=str(info["run_id"]),
        experiment=experiment.id,
        name=info.get("run_name") or "",
        user=info.get("user_id") or "",
        status=info.get("status") or "FINISHED",
        started=_whole(info.get("start_time")) or 0,
        ended=_whole(info.get("end_time")),
        deleted=info.get("lifecycle_stage") == "deleted",
        location=info.get("artifact_uri") or "",
        params=_pairs(data.get("params")),
        tags=_pairs(data.get("tags")),
        datasets=[
            {"dataset": one["dataset"]} | ({"tags": one["tags"]} if one.get("tags") else {})
            for one in inputs.get("dataset_inputs") or ()
        ],
        links=links,
        state=data.get("metrics"),
    )


def _version(item: Json) -> theirs.Version:
    source = item.get("source") or ""
    return theirs.Version(
        number=int(item["version"]),
        source=source,
        created=_whole(item.get("creation_timestamp")),
        updated=_whole(item.get("last_updated_timestamp")),
        run=item.get("run_id") or "",
        run_link=item.get("run_link") or "",
        model=item.get("model_id") or (source.removeprefix("models:/") if source.startswith("models:/m-") else ""),
        user=item.get("user_id") or "",
        description=item.get("description"),
        stage=item.get("current_stage") or "None",
        status=item.get("status") or "READY",
        tags=_pairs(item.get("tags")),
    )
