"""MLflow's REST API: an adapter over Anew's own runs, projects, models and files; it has no store of its own."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from anew.protocols.mlflow import (
    artifacts,
    datasets,
    experiments,
    history,
    logged_models,
    logging,
    registry,
    runs,
    scorers,
    traces,
    webhooks,
)
from anew.protocols.mlflow.entities import Json
from anew.routes import Call, Route

VERSION = "3.17.2"  # of MLflow's server, whose answers these are


def version(call: Call) -> Response:
    return PlainTextResponse(VERSION)


def server_info(call: Call) -> Json:
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
    }


ROUTES: list[Route] = [
    Route("GET", "/version", version, "public", "mlflow", inline=True),
    Route("GET", "/api/3.0/mlflow/server-info", server_info, style="mlflow", inline=True),
    Route("GET", "/ajax-api/3.0/mlflow/server-info", server_info, style="mlflow", inline=True),
    *experiments.ROUTES,
    *runs.ROUTES,
    *logging.ROUTES,
    *history.ROUTES,
    *artifacts.ROUTES,
    *logged_models.ROUTES,
    *registry.ROUTES,
    *webhooks.ROUTES,
    *traces.ROUTES,
    *scorers.ROUTES,
    *datasets.ROUTES,
]
