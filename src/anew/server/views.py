"""Saved views of the web page, for everybody."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from anew.errors import UsageError
from anew.routes import Call, Route

Json = dict[str, Any]


def views(call: Call) -> Json:
    return {"views": [asdict(one) for one in call.hub.views.all()]}


def save(call: Call) -> Json:
    """Put an address under a name, in the place of what was there."""
    address = call.body.get("address")
    if not isinstance(address, str):
        raise UsageError("address is a path of the page")
    call.hub.views.save(call.path["name"], address, call.actor)
    return views(call)


def delete(call: Call) -> Json:
    call.hub.views.delete(call.path["name"], call.actor)
    return views(call)


ROUTES = [
    Route("GET", "/api/v1/views", views, about="the saved views of the page", gives="Views"),
    Route("POST", "/api/v1/views/{name...}", save, "write", about="save a view under a name", gives="Views",
          takes={"address": {"type": "string", "description": "a path of the page with its search part"}},
          needs=["address"]),
    Route("DELETE", "/api/v1/views/{name...}", delete, "write", about="forget a saved view", gives="Views"),
]  # fmt: skip
