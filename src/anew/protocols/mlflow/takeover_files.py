"""A folder that MLflow's file store wrote (mlruns/) as a source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from anew.errors import CorruptData, UsageError
from anew.protocols.mlflow import takeover_model as theirs
from anew.protocols.mlflow import takeover_yaml
from anew.protocols.mlflow.takeover_local import LocalFiles, walk
from anew.protocols.mlflow.takeover_model import CouldNot, Json
from anew.protocols.mlflow.takeover_sql import MODEL_STATUSES

_RUN_STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_META = "meta.yaml"
_MOST_BYTES = 1 << 26


class Folder:
    """Raises UsageError for a folder that is no file store."""

    def __init__(self, root: Path, artifacts: Sequence[Path] = ()) -> None:
        self.root = root.absolute()
        self.problems: list[tuple[str, str]] = []
        self._files = LocalFiles([root, *artifacts], artifacts)
        self._folders: dict[str, Path] = {}  # of runs, models and traces, by id
        if not any(self._experiment_folders()) and not (root / "models").is_dir():
            raise UsageError(f"{root} is not a folder of MLflow's: it holds no experiments")

    def close(self) -> None:
        pass

    def count(self) -> int:
        return sum(
            1
            for folder in self._experiment_folders()
            for entry in os.scandir(folder)
            if Path(entry.path, "artifacts").is_dir() or Path(entry.path, "params").is_dir()
        )

    def _experiment_folders(self) -> Iterator[Path]:
        for parent in (self.root, self.root / ".trash"):
            for path in _folders(parent):
                if path.name not in ("models", ".trash") and (path / _META).is_file():
                    yield path

    def experiments(self) -> Iterator[theirs.Experiment]:
        for folder in self._experiment_folders():
            meta = self._meta(folder)
            if meta is None:
                continue
            yield theirs.Experiment(
                str(meta.get("experiment_id", folder.name)),
                str(meta.get("name") or folder.name),
                folder.parent.name == ".trash" or meta.get("lifecycle_stage") == "deleted",
                str(meta.get("artifact_location") or ""),
                self._texts(folder / "tags"),
                meta.get("creation_time"),
                meta.get("last_update_time"),
            )

    def _of(self, experiment: theirs.Experiment) -> Iterator[Path]:
        """The folders of an experiment; its id is no path: it is looked for."""
        for folder in self._experiment_folders():
            meta = self._meta(folder) or {}
            if str(meta.get("experiment_id", folder.name)) == experiment.id:
                yield folder

    def runs(self, experiment: theirs.Experiment) -> Iterator[theirs.Run]:
        for top in self._of(experiment):
            for folder in _folders(top):
                if folder.name in ("tags", "datasets", "models", "traces") or not (folder / _META).is_file():
                    continue
                meta = self._meta(folder)
                if meta is not None:
                    yield self._run(experiment, top, folder, meta)

    def _run(self, experiment: theirs.Experiment, top: Path, folder: Path, meta: Json) -> theirs.Run:
        run_id = str(meta.get("run_id") or meta.get("run_uuid") or folder.name)
        self._folders[run_id] = folder
        tags = self._texts(folder / "tags")
        status = meta.get("status")
        metrics = [[path, item.stat().st_size] for path, item in _below(folder / "metrics")]
        return theirs.Run(
            id=run_id,
            experiment=experiment.id,
            name=tags.get("mlflow.runName") or str(meta.get("run_name") or meta.get("name") or ""),
            user=str(meta.get("user_id") or ""),
            status=_RUN_STATUSES.get(status, "FINISHED") if isinstance(status, int) else str(status or "FINISHED"),
            started=int(meta.get("start_time") or 0),
            ended=meta.get("end_time"),
            deleted=meta.get("lifecycle_stage") == "deleted",
            location=str(meta.get("artifact_uri") or ""),
            params=self._texts(folder / "params"),
            tags=tags,
            datasets=list(self._datasets(top, folder)),
            links=list(self._links(folder)),
            state=metrics,
        )

    def _datasets(self, top: Path, folder: Path) -> Iterator[Json]:
        for place in _folders(folder / "inputs"):
            meta = self._meta(place) or {}
            if meta.get("source_type") != "DATASET" or not _is_name(str(meta.get("source_id"))):
                continue
            about = self._meta(top / "datasets" / str(meta["source_id"])) or {}
            dataset = {
                name: str(about[name])
                for name in ("name", "digest", "source_type", "source", "schema", "profile")
                if about.get(name) is not None
            }
            tags = meta.get("tags")
            pairs = [{"key": key, "value": str(value)} for key, value in (tags or {}).items()]
            yield {"dataset": dataset} | ({"tags": pairs} if pairs else {})

    def _links(self, folder: Path) -> Iterator[Json]:
        for kind, relation in (("inputs", "model input"), ("outputs", "model output")):
            for place in _folders(folder / kind):
                meta = self._meta(place) or {}
                if meta.get("destination_type") in ("MODEL_INPUT", "MODEL_OUTPUT"):
                    link: Json = {"relation": relation, "model": str(meta.get("destination_id"))}
                    yield link | ({"step": int(meta.get("step") or 0)} if kind == "outputs" else {})

    def points(self, run: theirs.Run) -> list[theirs.Point]:
        found: list[theirs.Point] = []
        for key, path in _below(self._folders[run.id] / "metrics"):
            for line in _lines(path):
                try:
                    at, value, *step = line.split()[:3]
                    found.append((key, float(value), int(at), int(step[0]) if step else 0))
                except ValueError:
                    self.problems.append((f"metric {key} of run {run.id}", f"not a line of metrics: {line[:60]!r}"))
        return found

    def models(self, experiment: theirs.Experiment) -> Iterator[theirs.LoggedModel]:
        for top in self._of(experiment):
            for folder in _folders(top / "models"):
                meta = self._meta(folder)
                if meta is None:
                    continue
                model_id = str(meta.get("model_id") or folder.name)
                self._folders[model_id] = folder
                yield theirs.LoggedModel(
                    id=model_id,
                    experiment=experiment.id,
                    name=str(meta.get("name") or ""),
                    status=MODEL_STATUSES.get(int(meta.get("status") or 2), "LOGGED_MODEL_STATUS_UNSPECIFIED"),
                    type=str(meta.get("model_type") or ""),
                    run=str(meta.get("source_run_id") or ""),
                    created=int(meta.get("creation_timestamp") or 0),
                    updated=int(meta.get("last_updated_timestamp") or 0),
                    deleted=meta.get("lifecycle_stage") == "deleted",
                    location=str(meta.get("artifact_location") or ""),
                    params=self._texts(folder / "params"),
                    tags=self._texts(folder / "tags"),
                    metrics=list(_model_metrics(folder)),
                )

    def traces(self, experiment: theirs.Experiment) -> Iterator[theirs.Trace]:
        for top in self._of(experiment):
            for folder in _folders(top / "traces"):
                info = self._yaml(folder / "trace_info.yaml")
                if info is None:
                    continue
                trace_id = str(info.get("trace_id") or info.get("request_id") or folder.name)
                self._folders[trace_id] = folder
                tags = self._texts(folder / "tags")
                tags.pop("mlflow.artifactLocation", None)
                named = {key: value for key, value in info.items() if value is not None and key != "trace_location"}
                info = named | {"trace_metadata": self._texts(folder / "request_metadata"), "tags": tags}
                assessed = [self._yaml(path) for path in sorted((folder / "assessments").glob("*.yaml"))]
                yield theirs.Trace(trace_id, experiment.id, info | {"assessments": [one for one in assessed if one]})

    def scorers(self, experiment: theirs.Experiment) -> Iterator[theirs.Scorer]:
        return iter(())  # MLflow keeps none in folders

    def datasets(self) -> Iterator[theirs.Dataset]:
        return iter(())

    def registered(self) -> Iterator[theirs.Registered]:
        for folder in _folders(self.root / "models"):
            meta = self._meta(folder)
            if meta is None or "experiment_id" in meta:
                continue
            versions = [
                (number, about)
                for place in _folders(folder)
                if place.name.startswith("version-") and (about := self._meta(place)) is not None
                for number in [int(about.get("version") or 0)]
                if about.get("current_stage") != "Deleted_Internal"
            ]
            aliases = {key: value.removeprefix("v") for key, value in self._texts(folder / "aliases").items()}
            yield theirs.Registered(
                str(meta.get("name") or folder.name),
                meta.get("creation_timestamp"),
                meta.get("last_updated_timestamp"),
                meta.get("description"),
                self._texts(folder / "tags"),
                {key: int(value) for key, value in aliases.items() if value.isdigit()},
                [self._version(folder / f"version-{number}", number, about) for number, about in sorted(
                    versions, key=lambda pair: pair[0])],
            )  # fmt: skip

    def _version(self, folder: Path, number: int, meta: Json) -> theirs.Version:
        source = str(meta.get("source") or "")
        return theirs.Version(
            number=number,
            source=source,
            created=meta.get("creation_timestamp"),
            updated=meta.get("last_updated_timestamp"),
            storage=str(meta.get("storage_location") or ""),
            run=str(meta.get("run_id") or ""),
            run_link=str(meta.get("run_link") or ""),
            model=source.removeprefix("models:/") if source.startswith("models:/m-") else "",
            user=str(meta.get("user_id") or ""),
            description=meta.get("description"),
            stage=str(meta.get("current_stage") or "None"),
            status=str(meta.get("status") or "READY"),
            tags=self._texts(folder / "tags"),
        )

    def files(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace) -> Iterator[theirs.File]:
        """Those beside what is said of the owner, wherever the folder was moved to; else where it says they are."""
        folder = self._folders[owner.id] / "artifacts"
        if folder.is_dir() and not folder.is_symlink():
            return walk(folder)
        default = not owner.location or owner.location.rstrip("/").endswith(
            "/".join(self._folders[owner.id].relative_to(self.root).parts) + "/artifacts"
        )
        return iter(()) if default else self._files.below(owner.location, owner.id)

    def fetch(self, owner: theirs.Run | theirs.LoggedModel | theirs.Trace, file: theirs.File, into: Path) -> None:
        raise CouldNot("it has no content")

    # Reading

    def _meta(self, folder: Path) -> Json | None:
        return self._yaml(folder / _META)

    def _yaml(self, path: Path) -> Json | None:
        try:
            return takeover_yaml.read(_text(path))
        except (CorruptData, CouldNot) as error:
            self.problems.append((str(path.relative_to(self.root)), str(error)))
            return None

    def _texts(self, folder: Path) -> dict[str, str]:
        """Names and contents of the files below a folder; a slash in a name is a folder."""
        found = {}
        for name, path in _below(folder):
            try:
                found[name] = _text(path)
            except CouldNot as error:
                self.problems.append((str(path.relative_to(self.root)), str(error)))
        return found


def _model_metrics(folder: Path) -> Iterator[Json]:
    for key, path in _below(folder / "metrics"):
        for line in _lines(path):
            at, value, step, run_id, *dataset = line.split(" ")
            named = dict(zip(("dataset_name", "dataset_digest"), dataset, strict=False))
            yield {"key": key, "value": float(value), "timestamp": int(at), "step": int(step), "run_id": run_id} | named


def _is_name(text: str) -> bool:
    return bool(text) and "/" not in text and "\0" not in text and text not in (".", "..")


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, by name; a link is none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """All plain files below a folder."""
    try:
        for file in walk(folder):
            if file.at is not None:
                yield file.path, file.at
    except CouldNot:
        return  # links: MLflow writes none


def _text(path: Path) -> str:
    """What a file holds. Raises CouldNot for a link, and for what can't be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise CouldNot(f"it can't be read: {error.strerror}") from error
    return data.decode("utf-8", "replace")


def _lines(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                yield line.strip()
