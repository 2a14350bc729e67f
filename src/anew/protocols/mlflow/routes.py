"""Where MLflow's routes are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anew.routes import Call, Route


def both(method: str, path: str, handler: Callable[[Call], Any], **options: Any) -> list[Route]:
    """The route under MLflow's two prefixes: that of its clients and that of its web pages."""
    prefixes = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
    return [Route(method, prefix + path, handler, style="mlflow", **options) for prefix in prefixes]
