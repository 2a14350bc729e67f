"""Views: addresses of the web page under a name, for everybody who opens the store. Their truth is the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anew.errors import NotFound, UsageError
from anew.store.ledger import Ledger, View

_MOST_NAME_CHARACTERS = 200
_MOST_ADDRESS_CHARACTERS = 32_000
_MOST_VIEWS = 1000


@dataclass(frozen=True)
class Saved:
    """`address` is a path of the page with what stands behind its question mark."""

    name: str
    address: str
    saved: float  # seconds since 1970
    by: str | None


class Views(View):
    """All saved views of a store."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._views: dict[str, Saved] = {}

    def all(self) -> list[Saved]:
        """By name."""
        self.refresh()
        return sorted(self._views.values(), key=lambda view: view.name.lower())

    def save(self, name: str, address: str, actor: str | None = None) -> None:
        """Put an address under a name, in the place of what was there. Raises UsageError."""
        if not name.strip() or len(name) > _MOST_NAME_CHARACTERS or not name.isprintable():
            raise UsageError(f"a view's name has 1 to {_MOST_NAME_CHARACTERS} printable characters")
        path = address.startswith("/") and not address.startswith(("//", "/\\"))
        if not path or len(address) > _MOST_ADDRESS_CHARACTERS or not address.isprintable():
            raise UsageError(
                f"a view's address is a path of the page, of at most {_MOST_ADDRESS_CHARACTERS} characters"
            )

        def make() -> dict[str, Any]:
            if name not in self._views and len(self._views) >= _MOST_VIEWS:
                raise UsageError(f"there are {_MOST_VIEWS} views: delete some first")
            return {"action": "save", "address": address}

        self.change("view", name, make, actor)

    def delete(self, name: str, actor: str | None = None) -> None:
        """Raises NotFound."""

        def make() -> dict[str, Any]:
            if name not in self._views:
                raise NotFound(f"no view {name!r:.100}")
            return {"action": "delete"}

        self.change("view", name, make, actor)

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "view":
            return
        name, body = entry["subject"], entry["body"]
        if body.get("action") == "delete":
            self._views.pop(name, None)
        else:
            self._views[name] = Saved(name, str(body.get("address", "")), entry["time"], entry["actor"])
