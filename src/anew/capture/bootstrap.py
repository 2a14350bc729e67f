"""Reaches the part of capture that runs in any Python (boot/anew_boot), under the one name it has there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent / "boot"
TRACER = Path(__file__).parent / "_trace.so"


def module(name: str = "") -> ModuleType:
    """`anew_boot.<name>`, the same instance that `sitecustomize` started where it did."""
    full = f"anew_boot.{name}" if name else "anew_boot"
    if full in sys.modules:
        return sys.modules[full]
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(full)
    finally:
        sys.path.remove(str(FOLDER))
