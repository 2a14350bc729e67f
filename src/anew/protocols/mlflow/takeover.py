"""`anew import mlflow`: takes over what an MLflow store holds. What it did before, it does not do again.

Nothing of the source is run or unpickled; it is read, and what of it makes no sense is told and passed over.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from blake3 import blake3

from anew.errors import AnewError, NotFound, RunNotFound, UsageError
from anew.hub import Hub, Points
from anew.projects import Project
from anew.protocols.mlflow import fields, history
from anew.protocols.mlflow import takeover_model as theirs
from anew.protocols.mlflow.artifacts import clean
from anew.protocols.mlflow.entities import RUN_NAME, STATUSES, location, run_tags, sent
from anew.protocols.mlflow.errors import MlflowError
from anew.protocols.mlflow.takeover_model import CouldNot, Json

Item = TypeVar("Item")
Owner = theirs.Run | theirs.LoggedModel | theirs.Trace
_NATIVE = {shown: name for name, shown in STATUSES.items() if name != "crashed"}
_NOTE = "mlflow.note.content"
_DONE = "imported"  # in the document of what was taken over: from what, and whether all of it
_BAD = (CouldNot, MlflowError, UsageError, sqlite3.Error, ValueError, KeyError, TypeError, AttributeError, OSError)


@dataclass
class Report:
    """What came over, what was there already, what could not come and why, and ids that had to change."""

    imported: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    could_not: list[dict[str, str]] = field(default_factory=list)
    experiment_ids: dict[str, str] = field(default_factory=dict)  # there to here, where they differ

    def fail(self, what: str, why: object) -> None:
        self.could_not.append({"what": what, "why": str(why) or type(why).__name__})


def open_source(address: str, artifacts: Sequence[Path] = ()) -> theirs.Source:
    """The source at an address: http(s)://…, sqlite:///…, or the path of a database or an mlruns folder.

    Raises UsageError for what is none of them, AnewError for a server that does not answer.
    """
    from anew.protocols.mlflow.takeover_files import Folder
    from anew.protocols.mlflow.takeover_http import Server
    from anew.protocols.mlflow.takeover_sql import Database

    if address.startswith(("http://", "https://")):
        return Server(address)
    scheme, colon, rest = address.partition("://")
    if colon and scheme not in ("sqlite", "file"):
        raise UsageError(f"{scheme}:// can't be read; start `mlflow server` on it, and import from its http address")
    path = Path((rest.removeprefix("/") if scheme == "sqlite" else rest) if colon else address.removeprefix("file:"))
    if path.is_dir():
        inside = path / "mlruns"
        return Folder(inside if inside.is_dir() and not (path / "0").is_dir() else path, artifacts)
    if not path.is_file():
        raise UsageError(f"there is no database and no folder {path}")
    return Database(path, artifacts)


def _is_elsewhere(location: str) -> bool:
    """Whether it is a place that is neither the source's own server nor a folder: a bucket, a share."""
    scheme, colon, _ = location.partition(":")
    return bool(colon) and len(scheme) > 1 and scheme not in ("mlflow-artifacts", "file")


class Takeover:
    """Takes over one source into a hub. Without a hub, it only counts what would come."""

    def __init__(
        self,
        source: theirs.Source,
        hub: Hub | None,
        *,
        dry: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.source, self.hub, self.dry = source, hub, dry
        self.report = Report()
        self.projects: dict[str, Project] = {}  # by the id of the experiment in the source
        self.places: dict[str, tuple[str, str]] = {}  # id of a run or model: where its files were, and are
        self._progress = progress or (lambda text: None)
        self._total = source.count()

    def run(self) -> Report:
        """Do it all. Raises AnewError when the source can't be read at all, or the store not be written."""
        from anew.protocols.mlflow.takeover_judging import take_datasets, take_scorers
        from anew.protocols.mlflow.takeover_registry import take_registry

        if self.hub is not None:
            self._look(self.hub)  # what another import wrote may be known by half
        for experiment in self._each("experiments", self.source.experiments()):
            project = self._experiment(experiment)
            if project is None:
                continue
            self.projects[experiment.id] = project
            for kind, found, take in (
                ("runs", self.source.runs, self._run),
                ("models", self.source.models, self._model),
                ("traces", self.source.traces, self._trace),
            ):
                self._kind(kind, experiment, found, take, project)
            take_scorers(self, experiment, project)
        take_registry(self)
        take_datasets(self)
        for what, why in self.source.problems:
            self.report.fail(what, why)
        if self.hub is not None and not self.dry and self.report.imported:
            self.hub.ledger.append("import", "mlflow", {"imported": dict(self.report.imported)})
        return self.report

    def _look(self, hub: Hub) -> None:
        for kind in ("runs", "models", "traces", "datasets"):
            hub.look(kind)

    def _kind(self, kind: str, experiment: theirs.Experiment, found: Any, take: Any, project: Project) -> None:
        for item in self._each(f"{kind} of experiment {experiment.name}", found(experiment)):
            try:
                take(project, item)
            except _BAD as error:
                self.report.fail(f"{kind[:-1]} {item.id}", error)
            done = self.report.imported[kind] + self.report.skipped[kind]
            of = f" of {self._total}" if kind == "runs" and self._total else ""
            self._progress(f"{done}{of} {kind}")

    def _each(self, what: str, items: Iterable[Item]) -> Iterator[Item]:
        """Items, as far as they can be read."""
        found = iter(items)
        while True:
            try:
                item = next(found)
            except StopIteration:
                return
            except _BAD as error:
                self.report.fail(f"the rest of the {what}", error)
                return
            yield item

    # Experiments

    def _experiment(self, experiment: theirs.Experiment) -> Project | None:
        if not (experiment.name and len(experiment.name) <= 500 and experiment.name.isprintable()):
            self.report.fail(f"experiment {experiment.id}", "its name can't be one here; its runs stay, too")
            return None
        if _is_elsewhere(experiment.location):
            what = f"the artifact location of experiment {experiment.name}: {experiment.location}"
            self.report.fail(what, "what is logged from now on is kept in the store of this server")
        there = self._project_named(experiment.name)
        if self.hub is None or self.dry:
            self.report.imported["experiments"] += there is None
            self.report.skipped["experiments"] += there is not None
            return there or Project(experiment.id, experiment.name)
        if there is None:
            there = self._make_project(experiment)
            self.report.imported["experiments"] += 1
            if experiment.deleted:
                self.hub.delete_project(there.id, True)
        else:
            self.report.skipped["experiments"] += 1
        for key, value in experiment.tags.items():
            if there.tags.get(key) is None and value is not None:
                there = self.hub.projects.tag(there.id, key, value)
        if there.id != experiment.id:
            self.report.experiment_ids[experiment.id] = there.id
        return there

    def _project_named(self, name: str) -> Project | None:
        if self.hub is None:
            return None
        try:
            return self.hub.projects.named(name)
        except NotFound:
            return None

    def _make_project(self, experiment: theirs.Experiment) -> Project:
        """A project with the id the experiment had, if that is free. Where its files were is kept in the ledger."""
        assert self.hub is not None
        projects = self.hub.projects

        def make() -> dict[str, Any]:
            taken = {int(project.id) for project in projects.all()}
            wanted = int(experiment.id) if experiment.id.isdigit() and len(experiment.id) <= 18 else 0
            return {
                "action": "create",
                "id": str(wanted if wanted not in taken else 1 + max(taken)),
                "name": experiment.name,
                "tags": dict(experiment.tags),
                "location": "",
                "original": theirs.original(experiment) | {"id": experiment.id, "location": experiment.location},
            }

        projects.change("project", experiment.name, make)
        return projects.named(experiment.name)

    # What all that has a journal of its own goes through

    def _begin(self, kind: str, item: Owner | theirs.Dataset) -> tuple[str, Json | None, bool]:
        """A fingerprint of the item, its document if it is there, and whether there is anything to do."""
        fields.check_run_id(item.id)
        print_ = blake3(json.dumps(asdict(item), sort_keys=True, default=repr).encode("utf-8", "replace")).hexdigest()
        document = None
        if self.hub is not None and (self.hub.store.root / kind / item.id).is_dir():
            try:
                document = self.hub.document(item.id, kind)
            except RunNotFound:
                document = None
        done = (document or {}).get(_DONE)
        fresh = not (isinstance(done, dict) and done.get("fingerprint") == print_ and done.get("whole"))
        if not fresh:
            self.report.skipped[kind] += 1
        elif self.dry or self.hub is None:
            self.report.imported[kind] += 1
        return print_, document, fresh and self.hub is not None and not self.dry

    def done(self, print_: str, *, whole: bool = True) -> Json:
        """What is kept with an item that was taken over, so that the next time it is known."""
        return {_DONE: {"from": "mlflow", "fingerprint": print_, "whole": whole}}

    def _finish(self, kind: str, item: Owner, print_: str, document: Json | None) -> None:
        """Take over the files, and remember what was done: last, so that what was cut short is done again."""
        assert self.hub is not None
        files = self.report.imported["files"]
        whole = self._files(kind, item, document is None)
        done = self.done(print_, whole=whole)
        if (document or {}).get(_DONE) == done[_DONE] and self.report.imported["files"] == files:
            self.report.skipped[kind] += 1  # what could not come the last time can't come now, either
            return
        self.hub.event(kind, item.id, "run", done)
        self.hub.release(kind, item.id)
        self.report.imported[kind] += 1

    def _files(self, kind: str, item: Owner, new: bool) -> bool:
        """Whether all files could be had."""
        assert self.hub is not None
        hub, kept, whole = self.hub, [], True
        there = {} if new else {path: known["size"] for path, known in hub.files(kind, item.id).items()}
        try:
            for file in self.source.files(item):
                try:
                    if clean(file.path) != file.path:
                        raise CouldNot("it is no path of a file")
                    if there.get(file.path) != file.size:
                        kept.append((file.path, *self._content(item, file)))
                        self._progress(f"{item.id}: {file.path}")
                except _BAD as error:
                    whole = False
                    self.report.fail(f"file {file.path[:200]} of {item.id}", error)
        except _BAD as error:
            whole = False
            self.report.fail(f"files of {item.id}", error)
        if kept:
            hub.objects.flush()  # what a journal tells of has to be there
        for path, digest, size in kept:
            body = {"path": path, "name": path, "type": "file", "digest": digest, "size": size, "saved": True}
            hub.event(kind, item.id, "output", body | {"stored": True, "time": time.time()})
        self.report.imported["files"] += len(kept)
        self.report.imported["bytes"] += sum(size for _, _, size in kept)
        return whole

    def _content(self, item: Owner, file: theirs.File) -> tuple[str, int]:
        assert self.hub is not None
        if file.at is not None:
            found = self.hub.objects.put_file(file.at)
            return found.digest, found.size
        handle, name = tempfile.mkstemp(dir=self.hub.uploads)
        os.close(handle)
        try:
            self.source.fetch(item, file, Path(name))
            found = self.hub.objects.put_file(name)
            return found.digest, found.size
        finally:
            os.unlink(name)

    def _params(self, kind: str, item: theirs.Run | theirs.LoggedModel, document: Json | None) -> None:
        assert self.hub is not None
        raw = (document or {}).get("raw") or {}
        known = {name: sent(raw, name, value) for name, value in (document or {}).get("config", {}).items()}
        for name in known.keys() & item.params.keys():
            if known[name] != item.params[name]:
                self.report.fail(f"parameter {name} of {item.id}", "it has another value here, which stays")
        fresh = {name: value for name, value in item.params.items() if name not in known}
        if fresh:
            self.hub.event(kind, item.id, "config", fields.as_config(fresh))
            self.report.imported["params"] += len(fresh)

    # Runs

    def _run(self, project: Project, run: theirs.Run) -> None:
        self.places[run.id] = (run.location, f"{location(project).rstrip('/')}/{run.id}/artifacts")
        print_, document, to_do = self._begin("runs", run)
        if not to_do:
            return
        assert self.hub is not None
        hub = self.hub
        name = run.name or run.tags.get(RUN_NAME) or ""
        if document is None:
            body = {"name": name, "project": project.name, "created": run.started / 1000, "by": "mlflow"}
            hub.create("runs", body | ({"user": run.user} if run.user else {}), run.id)
        self._params("runs", run, document)
        self._tags(run, document, name)
        for entry in run.datasets:
            if entry not in (document or {}).get("datasets", ()):
                hub.event("runs", run.id, "dataset", entry)
        for link in run.links:
            if link not in (document or {}).get("links", ()):
                hub.event("runs", run.id, "link", link)
        self._points(run, document)
        status = _NATIVE.get(run.status, "finished")
        if run.ended is not None:
            hub.event("runs", run.id, "run", {"ended_ms": run.ended})
        if document is None or document["status"] != status:
            ended = {"time": run.ended / 1000} if run.ended is not None else {}
            hub.event("runs", run.id, "end", {"status": status} | ended)
        if run.deleted and not (document or {}).get("deleted"):
            hub.event("runs", run.id, "run", {"deleted": time.time()})
        self._finish("runs", run, print_, document)

    def _tags(self, run: theirs.Run, document: Json | None, name: str) -> None:
        assert self.hub is not None
        known = run_tags(document) if document else {}
        wanted = run.tags | ({RUN_NAME: name} if name else {})
        fresh = {key: value for key, value in wanted.items() if known.get(key) != value}
        if _NOTE in fresh:
            self.hub.event("runs", run.id, "notes", {"text": fresh[_NOTE]})
        if document and RUN_NAME in fresh:
            self.hub.event("runs", run.id, "rename", {"name": name})
        if fresh:
            self.hub.event("runs", run.id, "tag", fresh)
            self.report.imported["tags"] += len(fresh)

    def _points(self, run: theirs.Run, document: Json | None) -> None:
        assert self.hub is not None
        found = list(dict.fromkeys(map(_comparable, self.source.points(run))))
        if document is not None and found:
            there = set(self._points_there(run.id, {point[0] for point in found} & document["metric_stats"].keys()))
            found = [point for point in found if point not in there]
        if found:
            self.hub.points(run.id, grouped(found))
            self.report.imported["points"] += len(found)

    def _points_there(self, run_id: str, keys: Iterable[str]) -> Iterator[theirs.Point]:
        assert self.hub is not None
        for key in keys:
            times, steps, values = (column.tolist() for column in history.points(self.hub, run_id, key))
            yield from (_comparable((key, v, t, s)) for v, t, s in zip(values, times, steps, strict=True))

    # Logged models and traces

    def _model(self, project: Project, model: theirs.LoggedModel) -> None:
        self.places[model.id] = (model.location, f"{location(project).rstrip('/')}/models/{model.id}/artifacts")
        print_, document, to_do = self._begin("models", model)
        if not to_do:
            return
        assert self.hub is not None
        hub = self.hub
        if document is None:
            body = {"project": project.name, "created": model.created / 1000, "by": "mlflow", "name": model.name}
            hub.create("models", body | {"model_type": model.type, "source_run_id": model.run}, model.id)
        changed = {"state": model.status, "updated": model.updated / 1000}
        hub.event("models", model.id, "run", changed | ({"deleted": time.time()} if model.deleted else {}))
        self._params("models", model, document)
        known = (document or {}).get("tags", {})
        tags = {key: value for key, value in model.tags.items() if known.get(key) != value}
        if tags:
            hub.event("models", model.id, "tag", tags)
        told = [one | {"model_id": model.id} for one in model.metrics]
        fresh = [one for one in told if one not in (document or {}).get("logged_metrics", ())]
        if fresh:
            points = [(one["key"], one["value"], one["timestamp"], one["step"]) for one in fresh]
            hub.points(model.id, grouped(points), "models")
            for one in fresh:
                hub.event("models", model.id, "metric", one)
        self._finish("models", model, print_, document)

    def _trace(self, project: Project, trace: theirs.Trace) -> None:
        from anew.protocols.mlflow import spans, traces

        print_, document, to_do = self._begin("traces", trace)
        if not to_do:
            return
        assert self.hub is not None
        with spans.lock_of(trace.id):
            traces.take_info(self.hub, project, trace.info | {"trace_id": trace.id})
            if trace.spans:
                spans.add(self.hub, trace.id, [one for one in trace.spans if isinstance(one.get("span_id"), str)])
        if trace.spans is None:
            self._finish("traces", trace, print_, document)
            return
        self.hub.event("traces", trace.id, "run", self.done(print_))
        self.hub.release("traces", trace.id)
        self.report.imported["traces"] += 1


def _comparable(point: theirs.Point) -> theirs.Point:
    """A point that is equal to itself even where its value is no number."""
    key, value, at, step = point
    return (key, math.nan, at, step) if value != value else point


def grouped(points: Iterable[theirs.Point]) -> list[Points]:
    """One frame for all that was logged at one step and time, as far as no name comes twice."""
    groups: dict[tuple[int, int], dict[str, float]] = {}
    out: list[Points] = []
    for key, value, at, step in points:
        group = groups.setdefault((step, at), {})
        if key in group:
            out.append((tuple(group), list(group.values()), step, at / 1000))
            group = groups[(step, at)] = {}
        group[key] = value
    out += [(tuple(group), list(group.values()), step, at / 1000) for (step, at), group in groups.items()]
    return out


__all__ = ["AnewError", "Report", "Takeover", "grouped", "open_source"]
