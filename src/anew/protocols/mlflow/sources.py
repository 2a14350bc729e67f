"""Where the client says a model version comes from: checked as text, as MLflow checks it, and never opened."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import NoReturn
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from anew.errors import NotFound, RunNotFound, UsageError
from anew.hub import Hub
from anew.models.registry import Model, Origin, Version, canonical_stage
from anew.protocols.mlflow import entities, logged_models
from anew.protocols.mlflow.errors import MlflowError, invalid, missing

IS_PROMPT = "mlflow.prompt.is_prompt"
_PROMPT_SOURCES = {"dummy-source", "prompt-template"}
_ARTIFACT_ROUTE = ("api", "2.0", "mlflow-artifacts", "artifacts")
_MOST_UNQUOTING = 20


@dataclass(frozen=True)
class Asked:
    """What a request to make a version names. None is what it does not name."""

    source: str
    run_id: str | None = None
    model_id: str | None = None


def check_prompt(source: str) -> None:
    """A prompt's version has no files. Raises MlflowError."""
    if source not in _PROMPT_SOURCES:
        raise invalid(f"Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder.")


def resolve(hub: Hub, asked: Asked, run_link: str = "") -> Origin:
    """The origin that a request names. Raises MlflowError for one that is not the client's to name."""
    asked, version = _followed(hub, asked)
    if asked.model_id:
        _check(hub, asked, asked.model_id, "model_id")
    else:
        _check(hub, asked, asked.run_id or "", "run_id")
    storage, run_id, model_id = "", asked.run_id or "", asked.model_id or ""
    if version is not None:
        storage, model_id = version.storage or version.source, version.model_id
    if asked.model_id:
        document = logged_models.get_document(hub, asked.model_id)
        run_id = run_id or str(document.get("source_run_id") or "")
        if _scheme(asked.source) == "models" and version is None:
            storage = _home_of_model(hub, asked.model_id)
    return Origin(source=asked.source, storage=storage, run_id=run_id, run_link=run_link, model_id=model_id)


def _followed(hub: Hub, asked: Asked) -> tuple[Asked, Version | None]:
    """`models:/name/…` is the version that it stands for now, with that version's run and logged model."""
    parts = _split(asked.source)
    if parts.scheme != "models":
        return asked, None
    if parts.netloc:
        raise invalid(
            f"Invalid model version source: '{asked.source}'. Registered model sources must use the active model "
            "registry."
        )
    found = _model_uri(asked.source)
    if len(found) == 1:
        return asked, None
    name, which = found
    try:
        model = hub.registry.get(name)
    except NotFound:
        raise missing(f"Registered Model with name={name} not found") from None
    if is_prompt(model.tags):
        raise invalid(
            f"Invalid model version source: '{asked.source}'. Prompt versions cannot be used as model version sources."
        )
    version = _version(model, which)
    if asked.run_id not in (None, version.run_id) or asked.model_id not in (None, "", version.model_id):
        raise invalid(
            f"Invalid model version source: '{asked.source}'. The run_id and model_id request parameters must match "
            "the referenced model version."
        )
    return replace(asked, source=f"models:/{name}/{version.number}", run_id=version.run_id), version


def is_prompt(tags: object) -> bool:
    return isinstance(tags, dict) and str(tags.get(IS_PROMPT, "false")).lower() == "true"


def _model_uri(source: str) -> tuple[str] | tuple[str, str]:
    """(logged model id,) or (registered name, what follows: a version, a stage, latest, or @alias)."""
    path = source.partition(":")[2].partition("?")[0]
    parts = path.lstrip("/").split("/")
    if not path.startswith("/") or len(parts) > 2 or not parts[0].strip():
        _stray(source, "model_id")
    if len(parts) == 2:
        if not parts[1].strip():
            _stray(source, "model_id")
        return parts[0], parts[1]
    name, at, alias = parts[0].rpartition("@")
    if not at:
        return (parts[0],)
    if not alias.strip():
        _stray(source, "model_id")
    return name, f"@{alias}"


def _version(model: Model, which: str) -> Version:
    if which.startswith("@"):
        number = model.aliases.get(which[1:])
        if number is None:
            raise invalid(f"Registered model alias {which[1:]} not found.")
        return model.versions[number]
    if which.isdecimal():
        try:
            return model.versions[int(which)]  # ValueError: more digits than Python reads
        except (KeyError, ValueError):
            raise missing(f"Model Version (name={model.name}, version={which}) not found") from None
    stage = ""
    if which.lower() != "latest":
        try:
            stage = canonical_stage(which)
        except UsageError:
            raise bad_stage(which) from None
    fitting = [version for version in model.latest() if not stage or version.stage == stage]
    if not fitting:
        shown = f" and stage '{which}'" if stage else ""
        raise missing(f"No versions of model with name '{model.name}'{shown} found")
    return fitting[-1]


def bad_stage(stage: str) -> MlflowError:
    return invalid(f"Invalid Model Version stage: {stage}. Value must be one of None, Staging, Production, Archived.")


def _check(hub: Hub, asked: Asked, owner_id: str, parameter: str) -> None:
    """The source must belong to the run or logged model that is named, if it is ours or a path. Raises MlflowError."""
    source, parts = asked.source, _split(asked.source)
    if _is_local(parts):
        _check_local(hub, source, owner_id, parameter)
        return
    _check_no_climbing(source)
    of_run = parameter == "run_id"
    if parts.scheme == "runs":
        run_id = parts.path.lstrip("/").partition("/")[0]
        if not of_run or parts.netloc or not owner_id or run_id != owner_id:
            _stray(source, parameter)
    elif parts.scheme == "models":
        names = _model_uri(source)
        if parts.netloc or (len(names) == 1 and (of_run or names[0] != owner_id)):
            _stray(source, "model_id")
    elif _is_ours(source):
        home = _home(hub, owner_id, source, parameter) if owner_id else ""
        if not home or not _within(source, home):
            _stray(source, parameter)


def _home(hub: Hub, owner_id: str, source: str, parameter: str) -> str:
    """Where the files of a run or a logged model are."""
    try:
        if parameter == "model_id":
            return _home_of_model(hub, owner_id)
        return entities.artifact_uri(hub, hub.document(owner_id))
    except (RunNotFound, MlflowError):
        _stray(source, parameter)


def _home_of_model(hub: Hub, model_id: str) -> str:
    return str(logged_models.shown(hub, logged_models.get_document(hub, model_id))["info"]["artifact_uri"])


def _check_local(hub: Hub, source: str, owner_id: str, parameter: str) -> None:
    """A path is fine below that of the run's files, if they have one. Nobody looks whether it exists."""
    path = _path_of(source)
    if owner_id:
        home = _home(hub, owner_id, source, parameter)
        if _is_local(_split(home)) and posixpath.isabs(path):
            top = _path_of(home).rstrip("/")
            if path == top or path.startswith(f"{top}/"):
                return
    raise invalid(
        f"Invalid model version source: '{path if owner_id else source}'. To use a local path as a model version "
        f"source, the {parameter} request parameter has to be specified and the local path has to be contained within "
        f"the artifact directory of the run specified by the {parameter}."
    )


def _path_of(uri: str) -> str:
    """The path of a path or a file: URI, with nothing in it that climbs."""
    parts = _split(uri)
    path = unquote(parts.path) if parts.scheme == "file" else uri
    return posixpath.normpath(path) if path else path


def _is_local(parts: SplitResult) -> bool:
    return parts.scheme in ("", "file")


def _check_no_climbing(source: str) -> None:
    """No `..`, no `.`, no NUL, however often they were quoted. Raises MlflowError."""
    plain = _unquoted(source, plus=True)
    path = re.sub(r"/+", "/", _split(plain).path.rstrip("/"))
    climbs = "\0" in path or ".." in plain.split("/") or ".." in plain.split("\\")
    # Of what a URI may look like, only an absolute path means the same to everyone.
    if climbs or not path.startswith("/") or posixpath.normpath(path) != path:
        raise invalid(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, "
            "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references "
            "present. Please provide an absolute path."
        )


def _is_ours(source: str) -> bool:
    scheme, _, parts = _pieces(source)
    if scheme == "mlflow-artifacts":
        return True
    width = len(_ARTIFACT_ROUTE)
    return scheme in ("http", "https") and any(
        parts[at : at + width] == _ARTIFACT_ROUTE for at in range(len(parts) - width + 1)
    )


def _within(source: str, home: str) -> bool:
    scheme, host, parts = _pieces(home)
    own_scheme, own_host, own = _pieces(source)
    return (own_scheme, own_host) == (scheme, host) and bool(parts) and own[: len(parts)] == parts


def _pieces(uri: str) -> tuple[str, str, tuple[str, ...]]:
    parts = _split(uri)
    return parts.scheme, parts.netloc.lower(), tuple(_unquoted(part) for part in parts.path.split("/") if part)


def _unquoted(text: str, *, plus: bool = False) -> str:
    """`text` with all its layers of %-quoting taken off. Raises MlflowError when there are more than anyone needs."""
    for _ in range(_MOST_UNQUOTING):
        plain = unquote_plus(text) if plus else unquote(text)
        if plain == text:
            return text
        text = plain
    raise invalid("Invalid model version source: it is quoted too often.")


def _scheme(uri: str) -> str:
    return _split(uri).scheme


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise invalid(f"Invalid model version source: '{uri}'. {error}.") from None


def _stray(source: str, parameter: str) -> NoReturn:
    raise invalid(
        f"Invalid model version source: '{source}'. The {parameter} request parameter must identify the resource that "
        "contains the source."
    )
