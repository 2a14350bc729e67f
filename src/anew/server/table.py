"""Every route of the server."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from anew.protocols import mlflow
from anew.routes import Call, Route
from anew.server import syncing


def health(call: Call) -> Response:
    return PlainTextResponse("OK")


ROUTES: list[Route] = [
    Route("GET", "/health", health, "public", inline=True, about="whether the server answers"),
    *mlflow.ROUTES,
    *syncing.ROUTES,
]
