"""The server: one ASGI application, one router, one layer of authentication in front of it.

Every request passes `_admit` (Host, Origin, account, content type, size) before a handler sees it. Handlers are plain
functions from a Call to JSON; the few that stream take the request itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response

from anew.errors import AnewError, Conflict, NotFound, QueryError, StoreFull, UsageError
from anew.hub import Hub
from anew.protocols.mlflow.errors import MlflowError, as_mlflow, invalid
from anew.routes import Call, Route, Router, parse_query
from anew.server.accounts import Account, Accounts

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BODY_BYTES = 32 << 20
_WRITING = {"POST", "PUT", "PATCH", "DELETE"}
_JSON_HEADERS = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Refused(AnewError):
    """A request that is not let through. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass
class Settings:
    """`locked`: an account is asked for even while there are none (the server is not on loopback)."""

    locked: bool = False
    hosts: Sequence[str] = ()  # names besides those of loopback under which requests may come
    origins: Sequence[str] = ()  # pages besides our own whose requests are answered


class App:
    """Serves one hub."""

    def __init__(self, hub: Hub, routes: Sequence[Route], settings: Settings | None = None) -> None:
        self.hub, self.router = hub, Router(routes)
        self.settings = settings or Settings()
        self.accounts = Accounts(hub.store.root / "accounts")
        self._locked = self.settings.locked
        self._hosts = {"localhost", "127.0.0.1", "::1", *map(str.lower, self.settings.hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in self.settings.origins}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        route: Route | None = None
        try:
            route, path, known = self.router.find(_method(scope), scope["path"])
            account = self._admit(route, headers, scope)
            if route is None:
                raise Refused(405 if known else 404, f"no route {scope['method']} {scope['path'][:200]}")
            query = parse_query(scope["query_string"])
            call = Call(self.hub, route.method, path, query, {}, headers, account.name if account else None)
            if route.streams:
                response = await route.handler(call, Request(scope, receive))
                await response(scope, receive, send)
                return
            if scope["method"] in _WRITING:
                read = _read_mlflow if route.style == "mlflow" else _read_json
                call.body = await read(route.method, headers, receive)
            answer = route.at_once(call) if route.at_once else None
            if answer is None:
                answer = route.handler(call) if route.inline else await asyncio.to_thread(route.handler, call)
            if isinstance(answer, Response):
                await answer(scope, receive, send)
            else:
                await _send_json(send, 200, answer)
        except Exception as error:
            mlflow = route.style == "mlflow" if route else "/mlflow" in scope["path"]
            await _send_json(send, *_as_answer(error, mlflow))

    def _admit(self, route: Route | None, headers: dict[str, str], scope: Message) -> Account | None:
        """Let the request pass, with the account it comes from; raises Refused."""
        host = headers.get("host", "").lower()
        required = self._required()
        if not required and _name_of(host) not in self._hosts:
            # A page elsewhere whose name was made to mean 127.0.0.1 would else read and write here.
            raise Refused(403, f"this server does not answer to the name {host[:100]!r}; see --allowed-host")
        origin = headers.get("origin", "").lower()
        known = origin in self._origins or urlsplit(origin).netloc == host
        if origin and not known and not (route is not None and route.any_page):
            raise Refused(403, f"requests from pages of {origin[:100]} are not answered; see --allowed-origin")
        if route is not None and route.scope == "public":
            return None
        if not required:
            return None
        account = self.accounts.of(headers.get("authorization", ""))
        if account is None:
            raise Refused(401, "an account is needed: send its token as Bearer, or as the password of Basic")
        needed = route.scope if route is not None else "read"
        if not account.allows(needed):
            raise Refused(403, f"the account {account.name} may {account.scope}, and this takes {needed}")
        return account

    def _required(self) -> bool:
        """Whether requests need an account. Once they did, revoking the last account opens nothing."""
        if not self._locked and self.accounts:
            self._locked = True
        return self._locked


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _method(scope: Message) -> str:
    return "GET" if scope["method"] == "HEAD" else str(scope["method"])


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def _read_json(method: str, headers: dict[str, str], receive: Receive) -> dict[str, Any]:
    data = await read_body(headers, receive, MOST_BODY_BYTES)
    if not data:
        return {}
    # A form that a foreign page sends without asking can have another type only.
    if not _is_json(headers):
        raise Refused(400, "the body must be JSON, and Content-Type say so: application/json")
    try:
        found = _parse(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"the body must be a JSON object, not {type(found).__name__}")
    return found


async def _read_mlflow(method: str, headers: dict[str, str], receive: Receive) -> dict[str, Any]:
    """As MLflow reads a body: what is no JSON counts as empty, and old clients encode theirs twice."""
    data = await read_body(headers, receive, MOST_BODY_BYTES)
    if (data or method in ("POST", "PUT")) and not _is_json(headers):
        has = "must be one of ['application/json']" if headers.get("content-type") else "header is missing"
        raise invalid(f"Bad Request. Content-Type {has}.")
    try:
        found = _parse(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, str):
        try:
            found = _parse(found.encode())
        except (ValueError, RecursionError):
            raise invalid("The body is a text, and no JSON is in it.") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid(f"The body must be a JSON object, not {type(found).__name__}.")
    return found


def _is_json(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _parse(data: bytes) -> Any:
    """Raises ValueError, RecursionError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)  # takes NaN and whole numbers beyond 64 bits


async def read_body(headers: dict[str, str], receive: Receive, most_bytes: int) -> bytes:
    """The whole body. Raises Refused when it is larger than allowed."""
    if int(headers.get("content-length") or 0) > most_bytes:
        raise Refused(413, f"the body is larger than {most_bytes:,} bytes")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client left before its request was whole")
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise Refused(413, f"the body is larger than {most_bytes:,} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts) if len(parts) > 1 else parts[0]


async def _send_json(send: Send, status: int, answer: Any) -> None:
    try:
        body = orjson.dumps(answer, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # half a character, which the client sent and an error repeats
        body = json.dumps(answer, default=repr).encode()
    headers = [*_JSON_HEADERS, (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="anew"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _as_answer(error: Exception, mlflow: bool) -> tuple[int, dict[str, Any]]:
    """Status and body for what a handler raised. What we did not foresee is printed, and the client not told it."""
    status = _status(error)
    message = str(error)
    if status == 500 and not isinstance(error, (AnewError, MlflowError)):
        traceback.print_exception(error, file=sys.stderr)
        message = "the server met an error; its log has more"
    if mlflow:
        return as_mlflow(error, status, message)
    said: dict[str, Any] = {"kind": type(error).__name__, "message": message}
    if isinstance(error, QueryError):
        said["position"] = error.position
    return status, {"error": said}


def _status(error: Exception) -> int:
    if isinstance(error, (Refused, MlflowError)):
        return error.status
    for kind, status in ((UsageError, 400), (NotFound, 404), (Conflict, 409), (StoreFull, 507)):
        if isinstance(error, kind):
            return status
    return 500


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
