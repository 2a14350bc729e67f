"""Anew: the experiment tracker whose results can be run anew, and proven the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anew._version import __version__
from anew.live import Run, add, finish, init, log, save, seed, use

if TYPE_CHECKING:
    from anew.api import Runs, RunView, reproduce, run, runs
    from anew.values import Figure, Histogram, Image, Table, Text

__all__ = [
    "Figure",
    "Histogram",
    "Image",
    "Run",
    "RunView",
    "Runs",
    "Table",
    "Text",
    "__version__",
    "add",
    "finish",
    "init",
    "log",
    "reproduce",
    "run",
    "runs",
    "save",
    "seed",
    "use",
]

# Loaded when first used, so that a training script pays for writing alone.
_LAZY = {
    **dict.fromkeys(("Figure", "Histogram", "Image", "Table", "Text"), "anew.values"),
    **dict.fromkeys(("RunView", "Runs", "reproduce", "run", "runs"), "anew.api"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'anew' has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
