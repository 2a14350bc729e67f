"""Every route of the server."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse, Response

from anew.protocols import mlflow
from anew.routes import Call, Route
from anew.server import (
    comparing,
    console,
    datasets,
    models,
    native,
    openapi,
    pages,
    playing,
    provenance,
    syncing,
    views,
    workspace,
)


def health(call: Call) -> Response:
    return PlainTextResponse("OK")


def described(call: Call) -> dict[str, Any]:
    return openapi.document(ROUTES)


ROUTES: list[Route] = [
    Route("GET", "/health", health, "public", inline=True, about="whether the server answers"),
    Route("GET", "/api/v1/openapi.json", described, "public", about="this API, described"),
    *pages.ROUTES,
    *native.ROUTES,
    *workspace.ROUTES,
    *comparing.ROUTES,
    *provenance.ROUTES,
    *datasets.ROUTES,
    *playing.ROUTES,
    *console.ROUTES,
    *models.ROUTES,
    *views.ROUTES,
    *mlflow.ROUTES,
    *syncing.ROUTES,
]
