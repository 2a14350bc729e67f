"""Anew's server with MLflow's registry and webhook routes, in a thread of the test, and calls to it."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from anew.hub import Hub
from anew.models.registry import Origin
from anew.protocols import mlflow as protocol
from anew.protocols.mlflow import registry, webhooks
from anew.server.app import App


class Server:
    """Anew's server on a port of its own, spoken to as a client speaks."""

    def __init__(self, hub: Hub, url: str) -> None:
        self.hub, self.url = hub, url

    def send(self, method: str, path: str, body: Any = None, prefix: str = "api", **query: Any) -> tuple[int, Any]:
        url = f"{self.url}/{prefix}/2.0/mlflow/{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query, doseq=True)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def good(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        status, answer = self.send(method, path, body, **query)
        assert status == 200, answer
        return answer

    def bad(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[str, str]:
        status, answer = self.send(method, path, body, **query)
        assert status == {"RESOURCE_DOES_NOT_EXIST": 404}.get(answer["error_code"], 400), answer
        return answer["error_code"], answer["message"]

    def model(self, name: str, versions: int = 0, **tags: str) -> None:
        self.hub.registry.create(name, tags=tags)
        for number in range(versions):
            self.hub.registry.add_version(name, Origin(f"s3://bucket/{name}/{number + 1}", run_id=f"r{number + 1}"))


@contextmanager
def serving(hub: Hub) -> Iterator[Server]:
    known = {(route.method, route.path) for route in protocol.ROUTES}
    extra = [r for r in (*registry.ROUTES, *webhooks.ROUTES) if (r.method, r.path) not in known]
    app = App(hub, [*protocol.ROUTES, *extra])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Server(hub, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(20)
