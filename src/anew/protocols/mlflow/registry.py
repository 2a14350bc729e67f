"""MLflow's model registry over ours: registered models, their versions, aliases and stages."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from anew.errors import Conflict, NotFound, UsageError
from anew.models.registry import Model, Origin, Version, canonical_stage
from anew.protocols.mlflow import registry_search as search
from anew.protocols.mlflow import sources, webhooks
from anew.protocols.mlflow.entities import Json, milliseconds
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.fields import check_length, check_name, wrong_type
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.sent import needed, sent, tag_pairs, text, texts, whole
from anew.routes import Call, Route

_MOST_TAG_KEY = 250
_MOST_TAG_VALUE = 100_000
_MOST_ALIAS = 255
_MOST_MODELS, _DEFAULT_MODELS = 1000, 100
_MOST_VERSIONS = 200_000
_ALIAS = re.compile(r"[\w-]*")
_PROMPT_TEXT = "mlflow.prompt.text"
_MODEL_VERSIONS = "mlflow.modelVersions"
_NEWEST_FIRST = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")


# What was sent


def _tags(call: Call, check: Callable[[str, str], None]) -> dict[str, str]:
    pairs = tag_pairs(call)
    for key, value in pairs:
        check(key, value)
    return dict(pairs)


def _check_model_tag(key: str, value: str) -> None:
    check_name(key, "key")
    check_length("key", _MOST_TAG_KEY, key)
    check_length("value", _MOST_TAG_VALUE, value)


def _check_version_tag(key: str, value: str) -> None:
    check_name(key, "key")
    check_length("key", _MOST_TAG_KEY, key)
    if key == _PROMPT_TEXT and len(value) > _MOST_TAG_VALUE:
        raise invalid(f"Prompt text exceeds max length of {_MOST_TAG_VALUE} characters.")
    check_length("value", _MOST_TAG_VALUE, value)


def _check_model_name(name: str, field: str = "name") -> None:
    if not name.strip():
        raise invalid(f"Missing value for required parameter '{field}'.")
    if "/" in name or ":" in name:
        raise invalid(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    plain = posixpath.normpath(name)
    if plain != name or plain in (".", ".."):
        raise invalid(
            f"Invalid value {json.dumps(name)} for parameter 'name' supplied: Names may be treated as files in "
            "certain cases, and must not resolve to other names when treated as such. This name would resolve to "
            f"{plain!r}"
        )


def _check_alias(alias: str) -> None:
    if not _ALIAS.fullmatch(alias):
        raise invalid(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    check_length("Registered model alias name", _MOST_ALIAS, alias)


def _number(said: str) -> int:
    try:
        return int(said)
    except ValueError:
        raise invalid(f"Parameter 'version' must be an integer, got '{said}'.") from None


def _model(call: Call, name: str) -> Model:
    _check_model_name(name)
    try:
        return call.hub.registry.get(name)
    except NotFound:
        raise missing(f"Registered Model with name={name} not found") from None


def _version(call: Call, name: str, said: str) -> Version:
    _check_model_name(name)
    number = _number(said)
    try:
        return call.hub.registry.version(name, number)
    except NotFound:
        raise missing(f"Model Version (name={name}, version={number}) not found") from None


def _named_model(call: Call) -> Model:
    return _model(call, needed(call, "name"))


def _named_version(call: Call) -> Version:
    name = needed(call, "name")
    return _version(call, name, needed(call, "version"))


# What is answered


def shown_version(version: Version, model: Model | None = None) -> Json:
    """A version in MLflow's words; its aliases only with its model: MLflow lists them for a single version."""
    found: Json = {
        "name": version.name,
        "version": str(version.number),
        "creation_timestamp": milliseconds(version.created),
        "last_updated_timestamp": milliseconds(version.updated),
        "current_stage": version.stage,
        "source": version.source,
        "run_id": version.run_id,
        "status": version.status,
        "run_link": version.run_link,
    }
    if version.description is not None:
        found["description"] = version.description
    if version.user:
        found["user_id"] = version.user
    if version.tags:
        found["tags"] = _shown_tags(version.tags)
    aliases = model.aliases_of(version.number) if model else []
    if aliases:
        found["aliases"] = aliases
    return found


def shown_model(model: Model) -> Json:
    """A registered model in MLflow's words."""
    found: Json = {
        "name": model.name,
        "creation_timestamp": milliseconds(model.created),
        "last_updated_timestamp": milliseconds(model.updated),
    }
    if model.description:
        found["description"] = model.description
    if model.versions:
        found["latest_versions"] = [shown_version(version) for version in model.latest()]
    if model.tags:
        found["tags"] = _shown_tags(model.tags)
    if model.aliases:
        aliases = sorted(model.aliases.items())
        found["aliases"] = [{"alias": alias, "version": str(number)} for alias, number in aliases]
    return found


def _shown_tags(tags: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _answer(call: Call, version: Version) -> Json:
    return {"model_version": shown_version(version, call.hub.registry.get(version.name))}


# Registered models


def create_model(call: Call) -> Json:
    name = needed(call, "name")
    description = text(call, "description")
    _check_model_name(name)
    tags = _tags(call, _check_model_tag)
    try:
        model = call.hub.registry.create(name, description, tags, call.actor)
    except Conflict:
        raise _taken(name, sources.is_prompt(_model(call, name).tags), sources.is_prompt(tags)) from None
    return {"registered_model": shown_model(model)}


def _taken(name: str, old_is_prompt: bool, new_is_prompt: bool) -> MlflowError:
    old, new = ("Prompt" if is_prompt else "Registered Model" for is_prompt in (old_is_prompt, new_is_prompt))
    said = f"{new} (name={name}) already exists."
    if old != new:
        said = (
            f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a {old.lower()}. "
            "MLflow does not allow creating a model and a prompt with the same name."
        )
    return MlflowError("RESOURCE_ALREADY_EXISTS", said)


def get_model(call: Call) -> Json:
    return {"registered_model": shown_model(_named_model(call))}


def rename_model(call: Call) -> Json:
    name, new_name = needed(call, "name"), needed(call, "new_name")
    _check_model_name(new_name, "new_name")
    _model(call, name)
    try:
        model = call.hub.registry.rename(name, new_name, call.actor)
    except Conflict:
        raise MlflowError("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={new_name}) already exists.") from None
    return {"registered_model": shown_model(model)}


def update_model(call: Call) -> Json:
    name, description = needed(call, "name"), text(call, "description")
    _model(call, name)
    return {"registered_model": shown_model(call.hub.registry.describe(name, description, call.actor))}


def delete_model(call: Call) -> Json:
    call.hub.registry.delete(_named_model(call).name, call.actor)
    return {}


def search_models(call: Call) -> Json:
    kind = search.MODELS
    most = whole(call, "max_results", _DEFAULT_MODELS, _MOST_MODELS)
    _check_positive(most)
    conditions = search.parse_filter(text(call, "filter") or "", kind)
    orders = search.parse_order(texts(call, "order_by"), kind)
    models = call.hub.registry.all()
    if not search.wants_prompts(conditions):
        conditions = search.without_prompt_conditions(conditions)
        models = [model for model in models if model.tags.get(sources.IS_PROMPT) != "true"]
    fitting = (model for model in models if search.passes(model, conditions, kind))
    shown, token = search.page(fitting, orders, most, text(call, "page_token") or "", kind)
    return _page("registered_models", [shown_model(model) for model in shown], token)


def _check_positive(most: int) -> None:
    if most < 1:
        raise invalid(f"Invalid value for max_results. It must be a positive integer, but got {most}")


def _page(name: str, items: list[Json], token: str) -> Json:
    found: Json = {name: items} if items else {}
    if token:
        found["next_page_token"] = token
    return found


def latest_versions(call: Call) -> Json:
    name, stages = needed(call, "name"), texts(call, "stages")
    model = _model(call, name)
    wanted = {_stage(stage) for stage in stages}
    found = [shown_version(version, model) for version in model.latest() if not wanted or version.stage in wanted]
    return _page("model_versions", found, "")


def _stage(said: str) -> str:
    try:
        return canonical_stage(said)
    except UsageError:
        raise sources.bad_stage(said) from None


def set_model_tag(call: Call) -> Json:
    name, key, value = needed(call, "name"), needed(call, "key"), text(call, "value") or ""
    _check_model_name(name)
    _check_model_tag(key, value)
    call.hub.registry.tag(_model(call, name).name, key, value, call.actor)
    return {}


def delete_model_tag(call: Call) -> Json:
    name, key = needed(call, "name"), needed(call, "key")
    _check_model_name(name)
    check_name(key, "key")
    call.hub.registry.tag(_model(call, name).name, key, None, call.actor)
    return {}


def set_alias(call: Call) -> Json:
    name, alias, said = needed(call, "name"), needed(call, "alias"), needed(call, "version")
    _check_model_name(name)
    _check_alias(alias)
    if alias.lower() == "latest":
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if re.fullmatch(r"[vV]\d+", alias):
        raise invalid(f"Version alias name '{alias}' is reserved.")
    version = _version(call, name, said)
    call.hub.registry.set_alias(name, alias, version.number, call.actor)
    return {}


def delete_alias(call: Call) -> Json:
    name, alias = needed(call, "name"), needed(call, "alias")
    _check_model_name(name)
    _check_alias(alias)
    call.hub.registry.set_alias(_model(call, name).name, alias, None, call.actor)
    return {}


def get_by_alias(call: Call) -> Json:
    name, alias = needed(call, "name"), needed(call, "alias")
    _check_model_name(name)
    _check_alias(alias)
    model = _model(call, name)
    if alias.lower() == "latest":
        if not model.versions:
            raise missing(f"Latest version not found for model {name}.")
        return {"model_version": shown_version(model.latest()[-1], model)}
    number = model.aliases.get(alias)
    if number is None:
        raise invalid(f"Registered model alias {alias} not found.")
    return {"model_version": shown_version(model.versions[number], model)}


# Versions


def create_version(call: Call) -> Json:
    name, source = needed(call, "name"), needed(call, "source")
    asked = sources.Asked(source, text(call, "run_id"), text(call, "model_id"))
    run_link, description = text(call, "run_link") or "", text(call, "description") or ""
    is_prompt = sources.is_prompt(dict(tag_pairs(call)))
    if is_prompt:
        sources.check_prompt(source)
        origin = Origin(source, run_id=asked.run_id or "", run_link=run_link, model_id=asked.model_id or "")
    else:
        origin = sources.resolve(call.hub, asked, run_link)
    _check_model_name(name)
    tags = _tags(call, _check_version_tag)
    _model(call, name)
    version = call.hub.registry.add_version(name, origin, description, tags, call.actor)
    if asked.model_id and not is_prompt:
        _tell_logged_model(call, asked.model_id, version)
    return _answer(call, version)


def _tell_logged_model(call: Call, model_id: str, version: Version) -> None:
    """A logged model carries the list of the versions that it became as a tag of its own."""
    before = call.hub.document(model_id, "models")["tags"].get(_MODEL_VERSIONS, "[]")
    try:
        known = json.loads(before)
    except (ValueError, TypeError):
        known = []
    listed = known if isinstance(known, list) else []
    listed.append({"name": version.name, "version": version.number})
    call.hub.event("models", model_id, "tag", {_MODEL_VERSIONS: json.dumps(listed)})


def get_version(call: Call) -> Json:
    return _answer(call, _named_version(call))


def update_version(call: Call) -> Json:
    version, description = _named_version(call), text(call, "description")
    return _answer(call, call.hub.registry.describe_version(version.name, version.number, description, call.actor))


def delete_version(call: Call) -> Json:
    version = _named_version(call)
    call.hub.registry.delete_version(version.name, version.number, call.actor)
    return {}


def move_version(call: Call) -> Json:
    name, said, stage = needed(call, "name"), needed(call, "version"), needed(call, "stage")
    archive = sent(call, "archive_existing_versions")
    if not isinstance(archive, (bool, type(None))):
        raise wrong_type("archive_existing_versions", archive)
    if archive and _stage(stage) not in ("Staging", "Production"):
        raise invalid(
            "Model version transition cannot archive existing model versions because "
            f"'{stage}' is not an Active stage. Valid stages are ['Staging', 'Production']"
        )
    stage = _stage(stage)
    version = _version(call, name, said)
    moved = call.hub.registry.move(name, version.number, stage, archive_existing=bool(archive), actor=call.actor)
    return _answer(call, moved)


def download_uri(call: Call) -> Json:
    """Where the files of a version are. What is asked for here is not checked as elsewhere: MLflow has other texts."""
    version = _version(call, text(call, "name") or "", text(call, "version") or "")
    return {"artifact_uri": version.storage or version.source}


def search_versions(call: Call) -> Json:
    kind = search.VERSIONS
    most = whole(call, "max_results", _MOST_VERSIONS, _MOST_VERSIONS)
    _check_positive(most)
    conditions = search.parse_filter(text(call, "filter") or "", kind)
    orders = search.parse_order(texts(call, "order_by"), kind, _NEWEST_FIRST)
    models = call.hub.registry.all()
    if not search.wants_prompts(conditions):
        conditions = search.without_prompt_conditions(conditions)
        models = [model for model in models if not _has_prompts(model)]
    versions = (version for model in models for version in model.versions.values())
    fitting = (version for version in versions if search.passes(version, conditions, kind))
    shown, token = search.page(fitting, orders, most, text(call, "page_token") or "", kind)
    return _page("model_versions", [shown_version(version) for version in shown], token)


def _has_prompts(model: Model) -> bool:
    return any(version.tags.get(sources.IS_PROMPT) == "true" for version in model.versions.values())


def set_version_tag(call: Call) -> Json:
    name, said = needed(call, "name"), needed(call, "version")
    key, value = needed(call, "key"), text(call, "value") or ""
    _check_model_name(name)
    _number(said)
    _check_version_tag(key, value)
    version = _version(call, name, said)
    call.hub.registry.tag_version(name, version.number, key, value, call.actor)
    return {}


def delete_version_tag(call: Call) -> Json:
    name, said, key = needed(call, "name"), needed(call, "version"), needed(call, "key")
    _check_model_name(name)
    _number(said)
    check_name(key, "key")
    version = _version(call, name, said)
    call.hub.registry.tag_version(name, version.number, key, None, call.actor)
    return {}


def _writes(method: str, path: str, handler: Callable[[Call], Any]) -> list[Route]:
    """A route that changes the registry, and tells the webhooks."""

    def told(call: Call) -> Any:
        webhooks.of(call.hub)
        return handler(call)

    return both(method, path, told, scope="write", about=(handler.__doc__ or "").partition("\n")[0])


ROUTES: list[Route] = [
    *_writes("POST", "registered-models/create", create_model),
    *_writes("POST", "registered-models/rename", rename_model),
    *_writes("PATCH", "registered-models/update", update_model),
    *_writes("DELETE", "registered-models/delete", delete_model),
    *both("GET", "registered-models/get", get_model),
    *both("GET", "registered-models/search", search_models),
    *both("POST", "registered-models/get-latest-versions", latest_versions),
    *both("GET", "registered-models/get-latest-versions", latest_versions),
    *_writes("POST", "registered-models/set-tag", set_model_tag),
    *_writes("DELETE", "registered-models/delete-tag", delete_model_tag),
    *_writes("POST", "registered-models/alias", set_alias),
    *_writes("DELETE", "registered-models/alias", delete_alias),
    *both("GET", "registered-models/alias", get_by_alias),
    *_writes("POST", "model-versions/create", create_version),
    *both("GET", "model-versions/get", get_version),
    *_writes("PATCH", "model-versions/update", update_version),
    *_writes("POST", "model-versions/transition-stage", move_version),
    *_writes("DELETE", "model-versions/delete", delete_version),
    *both("GET", "model-versions/search", search_versions),
    *both("GET", "model-versions/get-download-uri", download_uri),
    *_writes("POST", "model-versions/set-tag", set_version_tag),
    *_writes("DELETE", "model-versions/delete-tag", delete_version_tag),
]
