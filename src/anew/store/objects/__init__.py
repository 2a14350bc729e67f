"""Content-addressed bytes: `Objects`, and the values it gives and takes. Laid out as docs/formats.md says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from anew.store.objects.objects import Objects
    from anew.store.objects.values import Entry, FileRef, FolderRef, Problem

__all__ = ["Entry", "FileRef", "FolderRef", "Objects", "Problem"]

# Loaded when first used: who only wants the stat index must not pay for NumPy.
_LAZY = {"Objects": "objects", "Entry": "values", "FileRef": "values", "FolderRef": "values", "Problem": "values"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'anew.store.objects' has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"anew.store.objects.{_LAZY[name]}"), name)
    return value
