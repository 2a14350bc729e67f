"""Every route of the server."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from anew.protocols import mlflow
from anew.routes import Call, Route


def health(call: Call) -> Response:
    return PlainTextResponse("OK")


ROUTES: list[Route] = [
    Route("GET", "/health", health, "public", inline=True, about="whether the server answers"),
    *mlflow.ROUTES,
]
