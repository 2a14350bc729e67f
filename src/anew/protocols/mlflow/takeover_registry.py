"""The registered models of an MLflow store, taken over: numbers, stages, aliases and all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anew.errors import AnewError, NotFound
from anew.models.registry import Model, Registry, canonical_stage, check_name
from anew.protocols.mlflow.takeover_model import Registered, Version, original

if TYPE_CHECKING:
    from anew.protocols.mlflow.takeover import Takeover


def take_registry(takeover: Takeover) -> None:
    """Take over what is new, with the times when it was made and last changed."""
    for found in takeover._each("registered models", takeover.source.registered()):
        try:
            _take(takeover, found)
        except AnewError as error:
            takeover.report.fail(f"registered model {found.name}", error)


def _take(takeover: Takeover, found: Registered) -> None:
    report = takeover.report
    model = _there(takeover, found.name)
    versions = [one for one in found.versions if model is None or one.number > model.last]
    report.skipped["registered_models"] += model is not None
    report.skipped["versions"] += len(found.versions) - len(versions)
    if takeover.dry or takeover.hub is None:
        report.imported["registered_models"] += model is None
        report.imported["versions"] += len(versions)
        return
    registry = takeover.hub.registry
    if model is None:
        check_name(found.name)

        def make() -> dict[str, Any]:
            said = {"action": "create", "description": found.description, "tags": found.tags}
            return said | {"original": original(found)}

        registry.change("model", found.name, make)
        report.imported["registered_models"] += 1
    for version in versions:
        _add(takeover, registry, found.name, version)
        report.imported["versions"] += 1
    _say(takeover, registry, found)


def _there(takeover: Takeover, name: str) -> Model | None:
    try:
        return takeover.hub.registry.get(name) if takeover.hub is not None else None
    except NotFound:
        return None


def _add(takeover: Takeover, registry: Registry, name: str, version: Version) -> None:
    """A version under its own number: those between that were deleted leave their gap."""
    if version.status != "READY":
        takeover.report.fail(
            f"version {version.number} of {name}", f"its status was {version.status}; it is READY here"
        )

    def make() -> dict[str, Any]:
        return {
            "action": "version",
            "version": version.number,
            "source": version.source,
            "storage": _storage(takeover, version),
            "run_id": version.run,
            "run_link": version.run_link,
            "model_id": version.model,
            "user": version.user,
            "description": version.description,
            "tags": version.tags,
            "stage": canonical_stage(version.stage),
            "original": original(version),
        }

    registry.change("model", name, make)


def _storage(takeover: Takeover, version: Version) -> str:
    """Where the files of a version are now: in the run or the logged model that they came from."""
    for owner_id in (version.model, version.run):
        before, after = takeover.places.get(owner_id, ("", ""))
        if owner_id and owner_id == version.model and after:
            return after
        if before and version.source.startswith(before.rstrip("/")):
            return after + version.source[len(before.rstrip("/")) :]
        shown = f"runs:/{owner_id}"
        if owner_id and after and version.source.startswith(f"{shown}/"):
            return after + version.source[len(shown) :]
    if version.source and not version.source.startswith("models:/"):
        takeover.report.fail(
            f"files of version {version.number}", f"{version.source} is not among the files of its run, and stays there"
        )
    return version.storage if version.storage != version.source else ""


def _say(takeover: Takeover, registry: Registry, found: Registered) -> None:
    """What may be said later of what is there: tags, aliases, descriptions that are lacking here."""
    model = registry.get(found.name)
    if found.description and model.description is None:
        registry.describe(found.name, found.description)
    for key, value in found.tags.items():
        if key not in model.tags:
            registry.tag(found.name, key, value)
    for alias, number in found.aliases.items():
        if alias not in model.aliases:
            try:
                registry.set_alias(found.name, alias, number)
            except AnewError as error:
                takeover.report.fail(f"alias {alias} of {found.name}", error)
    for version in found.versions:
        known = model.versions.get(version.number)
        if known is None:
            continue
        if version.description and known.description is None:
            registry.describe_version(found.name, version.number, version.description)
        for key, value in version.tags.items():
            if key not in known.tags:
                registry.tag_version(found.name, version.number, key, value)
