"""The model registry: models, numbered versions, aliases, stages, tags. Its truth is the ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from anew.errors import Conflict, NotFound, UsageError
from anew.store.ledger import Ledger, View, times

STAGES = ("None", "Staging", "Production", "Archived")
ACTIVE_STAGES = ("Staging", "Production")
_MOST_NAME_CHARACTERS = 500
_ALIAS = re.compile(r"[\w-]{1,255}")
_NUMBER_ALIAS = re.compile(r"[vV]\d+")

Watcher = Callable[[dict[str, Any], "Model | None"], None]


@dataclass(frozen=True)
class Version:
    """One version of a model. What it is made of never changes; what is said about it may."""

    name: str  # of its model
    number: int
    created: float  # seconds since 1970
    updated: float
    source: str  # where it came from, in words of the client's: never opened by a server
    storage: str = ""  # where its files are, when `source` names another thing: never opened, either
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""  # the logged model it came from
    user: str = ""
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    stage: str = "None"
    status: str = "READY"


@dataclass(frozen=True)
class Model:
    """`last` is the highest number that a version ever had: numbers are not used again."""

    name: str
    created: float  # seconds since 1970
    updated: float
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[int, Version] = field(default_factory=dict)  # by number, ascending
    last: int = 0

    def aliases_of(self, number: int) -> list[str]:
        return sorted(alias for alias, target in self.aliases.items() if target == number)

    def latest(self) -> list[Version]:
        """The highest version in each stage, the lowest of them first."""
        by_stage = {version.stage: version for version in self.versions.values()}
        return sorted(by_stage.values(), key=lambda version: version.number)


@dataclass(frozen=True)
class Origin:
    """What a version is made of."""

    source: str
    storage: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""


class Registry(View):
    """Every registered model of a store.

    A `watcher` is called after each change that this process made, with its entry and the model as it is then (None
    when it is gone); it must not raise.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._models: dict[str, Model] = {}
        self.watchers: list[Watcher] = []

    # Reading

    def all(self) -> list[Model]:
        self.refresh()
        return list(self._models.values())

    def get(self, name: str) -> Model:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._models[name]
        except KeyError:
            raise NotFound(f"no model {name!r}") from None

    def version(self, name: str, number: int) -> Version:
        """Raises NotFound."""
        return _version(self.get(name), number)

    def aliased(self, name: str, alias: str) -> Version:
        """The version that an alias stands for. Raises NotFound."""
        model = self.get(name)
        number = model.aliases.get(alias)
        if number is None:
            raise NotFound(f"model {name!r} has no alias {alias!r}")
        return _version(model, number)

    # Models

    def create(
        self,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        actor: str | None = None,
    ) -> Model:
        """Raises Conflict when the name is taken; UsageError for a name that can't be one."""
        check_name(name)

        def make() -> dict[str, Any]:
            self._expect_free(name)
            return {"action": "create", "description": description, "tags": dict(tags or {})}

        return self._changed(name, make, actor)

    def rename(self, name: str, new_name: str, actor: str | None = None) -> Model:
        """Raises NotFound, Conflict, UsageError."""
        check_name(new_name)

        def make() -> dict[str, Any]:
            self.get(name)
            if new_name != name:
                self._expect_free(new_name)
            return {"action": "rename", "before": name, "after": new_name}

        self._changed(name, make, actor, shown_as=new_name)
        return self.get(new_name)

    def delete(self, name: str, actor: str | None = None) -> None:
        """Take a model out of the registry, with its versions; the ledger still has all. Raises NotFound."""
        self._change(name, lambda: {"action": "delete", "versions": list(self.get(name).versions)}, actor)

    def describe(self, name: str, text: str | None, actor: str | None = None) -> Model:
        """Raises NotFound."""
        return self._changed(
            name, lambda: {"action": "describe", "before": self.get(name).description, "after": text}, actor
        )

    def tag(self, name: str, key: str, value: str | None, actor: str | None = None) -> None:
        """Set a tag; None removes it. Raises NotFound."""
        if self.get(name).tags.get(key) == value:
            return  # nothing to tell

        def make() -> dict[str, Any]:
            before = self.get(name).tags.get(key)
            return {"action": "tag", "key": key, "before": before, "after": value}

        self._change(name, make, actor)

    def set_alias(self, name: str, alias: str, number: int | None, actor: str | None = None) -> None:
        """Let an alias stand for a version; None removes it. Raises NotFound, UsageError."""
        if number is not None:
            check_alias(alias)
            self.version(name, number)
        if self.get(name).aliases.get(alias) == number:
            return

        def make() -> dict[str, Any]:
            model = self.get(name)
            if number is not None:
                _version(model, number)
            return {"action": "alias", "alias": alias, "before": model.aliases.get(alias), "after": number}

        self._change(name, make, actor)

    # Versions

    def add_version(
        self,
        name: str,
        origin: Origin,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        actor: str | None = None,
    ) -> Version:
        """The next version of a model. Raises NotFound, UsageError."""
        if not origin.source:
            raise UsageError(f"a version of {name!r} needs a source")

        def make() -> dict[str, Any]:
            return {
                "action": "version",
                "version": self.get(name).last + 1,
                "source": origin.source,
                "storage": origin.storage,
                "run_id": origin.run_id,
                "run_link": origin.run_link,
                "model_id": origin.model_id,
                "user": actor or "",
                "description": description,
                "tags": dict(tags or {}),
            }

        entry = self._change(name, make, actor)
        return self.version(name, entry["body"]["version"])

    def describe_version(self, name: str, number: int, text: str | None, actor: str | None = None) -> Version:
        """Raises NotFound."""

        def make() -> dict[str, Any]:
            before = self.version(name, number).description
            return {"action": "describe", "version": number, "before": before, "after": text}

        self._change(name, make, actor)
        return self.version(name, number)

    def tag_version(self, name: str, number: int, key: str, value: str | None, actor: str | None = None) -> None:
        """Set a tag of a version; None removes it. Raises NotFound."""
        if self.version(name, number).tags.get(key) == value:
            return

        def make() -> dict[str, Any]:
            before = self.version(name, number).tags.get(key)
            return {"action": "tag", "version": number, "key": key, "before": before, "after": value}

        self._change(name, make, actor)

    def move(
        self, name: str, number: int, stage: str, *, archive_existing: bool = False, actor: str | None = None
    ) -> Version:
        """Put a version into a stage; those that are there are archived if asked. Raises NotFound, UsageError."""
        stage = canonical_stage(stage)
        if archive_existing and stage not in ACTIVE_STAGES:
            raise UsageError(f"versions can be archived for one that enters {' or '.join(ACTIVE_STAGES)}, not {stage}")

        def make() -> dict[str, Any]:
            model = self.get(name)
            before = _version(model, number).stage
            others = [other.number for other in model.versions.values() if other.stage == stage]
            archived = [other for other in others if other != number] if archive_existing else []
            return {"action": "stage", "version": number, "before": before, "after": stage, "archived": archived}

        self._change(name, make, actor)
        return self.version(name, number)

    def delete_version(self, name: str, number: int, actor: str | None = None) -> None:
        """Take a version out of the registry, with its aliases. Raises NotFound."""

        def make() -> dict[str, Any]:
            model = self.get(name)
            return {"action": "delete", "version": _version(model, number).number, "aliases": model.aliases_of(number)}

        self._change(name, make, actor)

    # The ledger

    def _change(
        self, name: str, make: Callable[[], dict[str, Any]], actor: str | None, shown_as: str | None = None
    ) -> dict[str, Any]:
        entry = self.change("model", name, lambda: _sayable(make()), actor)
        model = self._models.get(shown_as or name)
        for watcher in self.watchers:
            watcher(entry, model)
        return entry

    def _changed(
        self, name: str, make: Callable[[], dict[str, Any]], actor: str | None, shown_as: str | None = None
    ) -> Model:
        self._change(name, make, actor, shown_as)
        return self.get(shown_as or name)

    def _expect_free(self, name: str) -> None:
        if name in self._models:
            raise Conflict(f"model {name!r} is there")

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "model":
            return
        name, body, at = entry["subject"], entry["body"], entry["time"]
        action = body["action"]
        if action == "create":
            self._models[name] = Model(name, *times(entry), body["description"], body["tags"])
            return
        model = self._models.get(name)
        if model is None:
            return
        if action == "rename":
            self._apply_rename(model, body["after"], at)
        elif action == "version":
            self._put(_with_version(model, entry))
        elif action == "delete" and "version" not in body:
            del self._models[name]
        elif "version" in body:
            self._put(_with_change(model, body, at))
        else:
            self._put(_changed_model(model, body, at))

    def _apply_rename(self, model: Model, name: str, at: float) -> None:
        versions = {number: replace(version, name=name, updated=at) for number, version in model.versions.items()}
        # The new name comes first: who reads meanwhile finds the model under one of the two.
        self._put(replace(model, name=name, versions=versions, updated=at))
        if name != model.name:
            del self._models[model.name]

    def _put(self, model: Model) -> None:
        self._models[model.name] = model


def check_name(name: str) -> None:
    """Raises UsageError for what can't be the name of a model: it stands between slashes in `models:/name/1`."""
    if not name.strip() or len(name) > _MOST_NAME_CHARACTERS or not name.isprintable():
        raise UsageError(f"a model's name has 1 to {_MOST_NAME_CHARACTERS} printable characters")
    if "/" in name or ":" in name or name in (".", ".."):
        raise UsageError(f"a model's name has no / and no :, and is not . or ..: {name!r}")


def check_alias(alias: str) -> None:
    """Raises UsageError for what can't be an alias, or means something already."""
    if not _ALIAS.fullmatch(alias):
        raise UsageError(f"an alias has 1 to 255 letters, digits, _ and -, unlike {alias!r:.80}")
    if alias.lower() == "latest" or _NUMBER_ALIAS.fullmatch(alias):
        raise UsageError(f"{alias!r} means a version already, and can't be an alias")


def canonical_stage(stage: str) -> str:
    """The stage as it is written. Raises UsageError."""
    for known in STAGES:
        if stage.lower() == known.lower():
            return known
    raise UsageError(f"a stage is one of {', '.join(STAGES)}, not {stage!r:.80}")


def _sayable(body: dict[str, Any]) -> dict[str, Any]:
    """Raises UsageError for half a character, which no answer could hold."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("half a character: a lone surrogate") from None
    return body


def _version(model: Model, number: int) -> Version:
    try:
        return model.versions[number]
    except KeyError:
        raise NotFound(f"model {model.name!r} has no version {number}") from None


def _with_version(model: Model, entry: dict[str, Any]) -> Model:
    body, number = entry["body"], entry["body"]["version"]
    created, updated = times(entry)
    said = {key: body[key] for key in ("source", "storage", "run_id", "run_link", "model_id", "user", "description")}
    stage = body.get("stage", "None")
    version = Version(
        name=model.name, number=number, created=created, updated=updated, tags=body["tags"], stage=stage, **said
    )
    changed = max(model.updated, updated) if "original" in body else updated
    return replace(model, versions={**model.versions, number: version}, last=number, updated=changed)


def _with_change(model: Model, body: dict[str, Any], at: float) -> Model:
    """The model after something was done to one of its versions."""
    number, action = body["version"], body["action"]
    versions = dict(model.versions)
    version = versions.get(number)
    if version is None:
        return model  # what a later version of Anew says of one that is gone
    if action == "delete":
        del versions[number]
        aliases = {alias: target for alias, target in model.aliases.items() if target != number}
        return replace(model, versions=versions, aliases=aliases, updated=at)
    if action == "stage":
        for other in body["archived"]:
            versions[other] = replace(versions[other], stage="Archived", updated=at)
        versions[number] = replace(version, stage=body["after"], updated=at)
        return replace(model, versions=versions, updated=at)
    if action == "describe":
        versions[number] = replace(version, description=body["after"], updated=at)
    elif action == "tag":
        versions[number] = replace(version, tags=_tagged(version.tags, body))
    return replace(model, versions=versions)


def _changed_model(model: Model, body: dict[str, Any], at: float) -> Model:
    action = body["action"]
    if action == "describe":
        return replace(model, description=body["after"], updated=at)
    if action == "tag":
        return replace(model, tags=_tagged(model.tags, body))
    if action == "alias":
        aliases = {alias: number for alias, number in model.aliases.items() if alias != body["alias"]}
        if body["after"] is not None:
            aliases[body["alias"]] = body["after"]
        return replace(model, aliases=aliases)
    return model  # what a later version of Anew says of models


def _tagged(tags: Mapping[str, str], body: dict[str, Any]) -> dict[str, str]:
    left = {key: value for key, value in tags.items() if key != body["key"]}
    return left if body["after"] is None else {**left, body["key"]: body["after"]}
