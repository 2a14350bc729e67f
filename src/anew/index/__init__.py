"""What can be rebuilt from journals and ledger: the catalogue to search, the series to plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anew.index.index import Index
    from anew.index.series import Series

__all__ = ["Index", "Series"]


def __getattr__(name: str) -> Any:
    # numpy and sqlite3 are loaded by the first use, not by whoever imports a neighbour.
    if name == "Index":
        from anew.index.index import Index

        return Index
    if name == "Series":
        from anew.index.series import Series

        return Series
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
