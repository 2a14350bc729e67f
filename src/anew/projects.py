"""Projects: what runs belong to, by name. Their truth is the ledger; a name that runs carry is a project, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from anew.errors import Conflict, NotFound, UsageError
from anew.store.ledger import Ledger, View, times

DEFAULT = "Default"
_MOST_NAME_CHARACTERS = 500


@dataclass(frozen=True)
class Project:
    """`id` counts up from 0, which is the project that is there from the beginning."""

    id: str
    name: str
    created: float = 0.0  # seconds since 1970
    updated: float = 0.0
    deleted: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    location: str = ""  # where its artifacts are, in words of the client's: never opened by a server


class Projects(View):
    """All projects of a store, those deleted, too."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._by_id: dict[str, Project] = {"0": Project("0", DEFAULT)}
        self._ids: dict[str, str] = {DEFAULT: "0"}

    def all(self) -> list[Project]:
        self.refresh()
        return list(self._by_id.values())

    def get(self, project_id: str) -> Project:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._by_id[project_id]
        except KeyError:
            raise NotFound(f"no project {project_id}") from None

    def at_hand(self, project_id: str) -> Project | None:
        """The project, as long as that can be told without waiting for anybody."""
        return self._by_id.get(project_id) if self.is_current() else None

    def named(self, name: str) -> Project:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._by_id[self._ids[name]]
        except KeyError:
            raise NotFound(f"no project {name!r}") from None

    def ensure(self, name: str) -> Project:
        """The project of that name, made if there is none: runs of the command line bring theirs along."""
        known = self._ids.get(name)
        if known is None:
            self.refresh()
            known = self._ids.get(name)
        if known is not None:
            return self._by_id[known]
        try:
            return self.create(name)
        except Conflict:
            return self.named(name)

    def create(
        self, name: str, tags: dict[str, str] | None = None, location: str = "", actor: str | None = None
    ) -> Project:
        """Raises Conflict when the name is taken, by a deleted project, too; UsageError for no name."""
        if not name or len(name) > _MOST_NAME_CHARACTERS or not name.isprintable():
            raise UsageError(f"a project's name has 1 to {_MOST_NAME_CHARACTERS} printable characters")

        def make() -> dict[str, Any]:
            self._expect_free(name)
            return {
                "action": "create",
                "id": str(1 + max(map(int, self._by_id))),
                "name": name,
                "tags": tags or {},
                "location": location,
            }

        entry = self.change("project", name, make, actor)
        return self._by_id[entry["body"]["id"]]

    def rename(self, project_id: str, name: str, actor: str | None = None) -> Project:
        """Raises NotFound, Conflict. The runs of the project have to be told: see `Hub.rename_project`."""

        def make() -> dict[str, Any]:
            project = self.get(project_id)
            if name != project.name:
                self._expect_free(name)
            return {"action": "rename", "id": project_id, "before": project.name, "after": name}

        return self._changed(project_id, make, actor)

    def set_deleted(self, project_id: str, deleted: bool, actor: str | None = None) -> Project:
        """Raises NotFound."""
        return self._changed(
            project_id,
            lambda: {"action": "delete" if deleted else "restore", "id": self.get(project_id).id},
            actor,
        )

    def tag(self, project_id: str, key: str, value: str | None, actor: str | None = None) -> Project:
        """Set a tag; None removes it. Raises NotFound."""

        def make() -> dict[str, Any]:
            before = self.get(project_id).tags.get(key)
            return {"action": "tag", "id": project_id, "key": key, "before": before, "after": value}

        return self._changed(project_id, make, actor)

    def _changed(self, project_id: str, make: Callable[[], dict[str, Any]], actor: str | None) -> Project:
        self.change("project", self.get(project_id).name, make, actor)
        return self._by_id[project_id]

    def _expect_free(self, name: str) -> None:
        taken = self._ids.get(name)
        if taken is not None:
            state = "deleted, and can be restored" if self._by_id[taken].deleted else "there"
            raise Conflict(f"project {name!r} is {state}")

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "project":
            return
        body, at = entry["body"], entry["time"]
        if body["action"] == "create":
            created, updated = times(entry)
            self._put(Project(body["id"], body["name"], created, updated, None, dict(body["tags"]), body["location"]))
            return
        project = self._by_id[body["id"]]
        if body["action"] == "rename":
            del self._ids[project.name]
            self._put(replace(project, name=body["after"], updated=at))
        elif body["action"] == "tag":
            tags = {key: value for key, value in project.tags.items() if key != body["key"]}
            if body["after"] is not None:
                tags[body["key"]] = body["after"]
            self._put(replace(project, tags=tags, updated=at))
        else:
            self._put(replace(project, deleted=at if body["action"] == "delete" else None, updated=at))

    def _put(self, project: Project) -> None:
        self._by_id[project.id] = project
        self._ids[project.name] = project.id
