"""Anew: the experiment tracker whose results can be run anew, and proven the same."""

from __future__ import annotations

from anew._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from anew.api import Runs, RunView, reproduce, run, runs
    from anew.live import Run, add, finish, init, log, save, seed, use
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

# Loaded when first used, so that a training script pays for writing alone, and a command for what it does.
_LAZY = {
    **dict.fromkeys(("Run", "add", "finish", "init", "log", "save", "seed", "use"), "anew.live"),
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
