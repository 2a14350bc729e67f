"""The OpenAPI document of the native API, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anew._version import __version__
from anew.routes import Route
from anew.server.schemas import SCHEMAS


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes under /api/v1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.path.startswith("/api/v1/"):
            path = re.sub(r"\{(\w+)\.\.\.\}", r"{\1}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Anew", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    name = route.method.lower() + re.sub(r"\W+", "_", route.path.removeprefix("/api/v1")).rstrip("_")
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
        for part in re.findall(r"\{(\w+)", route.path)
    ]
    parameters += [
        {"name": argument, "in": "query", "description": about, "schema": {"type": "string"}}
        for argument, about in route.arguments.items()
    ]
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    done: dict[str, Any] = {"description": "done"}
    if route.gives:
        done["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.gives}"}}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": route.about,
        "parameters": parameters,
        "responses": {"200": done, "default": {"description": "what is wrong", **error}},
        "x-scope": route.scope,
    }
    if route.takes:
        schema = {"type": "object", "properties": dict(route.takes), "required": list(route.needs)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
