"""What the real dvc makes of a dvc.yaml: the other side of the tests of templates."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest


def resolve(data: dict[str, Any], parsing: dict[str, str] | None = None) -> dict[str, Any]:
    """The stages of a dvc.yaml in the working folder, by name; raises what dvc raises."""
    pytest.importorskip("dvc")
    from dvc.fs import LocalFileSystem
    from dvc.parsing import DataResolver

    repo: Any = SimpleNamespace(fs=LocalFileSystem(), config={"parsing": parsing or {}})
    found: dict[str, Any] = DataResolver(repo, os.getcwd(), data).resolve()["stages"]
    return found
