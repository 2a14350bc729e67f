"""Webhooks: who is told, by an HTTP request, what happened in the registry. Their truth is the ledger.

What a webhook's secret is stands in the file `webhooks` beside the accounts, which its owner alone can read; the
ledger says only whether there is one. A delivery resolves the name of its target once, refuses what is not public
(unless allowed), connects to exactly the address it looked at, and follows no redirect.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import queue
import re
import socket
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from anew.errors import AnewError, NotFound, UsageError
from anew.store.ledger import Ledger, View

EVENTS = (
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
    "budget_policy.exceeded",
)
STATUSES = ("ACTIVE", "DISABLED")
SCHEMES = ("http", "https")

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TRIES = 3
_WAIT_S = 1.0
_STEP_S = 10.0  # for one step of a delivery: to connect, to receive something
_WHOLE_S = 30.0  # for all of one try
_MOST_ANSWER_BYTES = 64 << 10
_MOST_WAITING = 1000
_WORKERS = 4
_AGAIN = {429, 500, 502, 503, 504}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotDelivered(AnewError):
    """A request that could not be made, or must not be."""


@dataclass(frozen=True)
class Webhook:
    """`events` are of `EVENTS`; `signed`, whether it has a secret."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    created: float  # seconds since 1970
    updated: float
    description: str = ""
    status: str = "ACTIVE"
    signed: bool = False


@dataclass(frozen=True)
class Answer:
    status: int
    body: str


class Webhooks(View):
    """The webhooks of a store, and the deliveries to them. `allow_private` lets them reach private addresses."""

    def __init__(self, ledger: Ledger, secrets: Path, *, allow_private: bool = False) -> None:
        super().__init__(ledger)
        self.allow_private = allow_private
        self._secrets = secrets
        self._by_id: dict[str, Webhook] = {}
        self._waiting: queue.Queue[tuple[str, str, dict[str, Any]] | None] = queue.Queue(_MOST_WAITING)
        self._workers: list[threading.Thread] = []
        self._closed = threading.Event()

    # What there is

    def all(self) -> list[Webhook]:
        """The newest first."""
        self.refresh()
        return sorted(self._by_id.values(), key=lambda hook: (hook.created, hook.id), reverse=True)

    def get(self, webhook_id: str) -> Webhook:
        """Raises NotFound."""
        self.refresh()
        try:
            return self._by_id[webhook_id]
        except KeyError:
            raise NotFound(f"no webhook {webhook_id}") from None

    def create(
        self,
        name: str,
        url: str,
        events: Sequence[str],
        *,
        description: str = "",
        secret: str = "",
        status: str = "ACTIVE",
        actor: str | None = None,
    ) -> Webhook:
        """Raises UsageError."""
        body = {
            "name": check_name(name),
            "url": self.check_url(url),
            "events": check_events(events),
            "description": description,
            "status": _check_status(status),
            "signed": bool(secret),
        }
        webhook_id = str(uuid.uuid4())

        def make() -> dict[str, Any]:
            self._keep_secret(webhook_id, secret)
            return {"action": "create", **body}

        self.change("webhook", webhook_id, make, actor)
        return self.get(webhook_id)

    def update(
        self, webhook_id: str, changes: dict[str, Any], secret: str | None = None, actor: str | None = None
    ) -> Webhook:
        """Change name, url, events, description or status; an empty secret removes it. Raises NotFound, UsageError."""
        checks: dict[str, Callable[[Any], Any]] = {
            "name": check_name,
            "url": self.check_url,
            "events": check_events,
            "description": str,
            "status": _check_status,
        }
        after = {key: checks[key](value) for key, value in changes.items()}
        if secret is not None:
            after["signed"] = bool(secret)

        def make() -> dict[str, Any]:
            hook = self.get(webhook_id)
            if secret is not None:
                self._keep_secret(webhook_id, secret)
            before = {key: _plain(getattr(hook, key)) for key in after}
            return {"action": "update", "before": before, "after": after}

        self.get(webhook_id)
        self.change("webhook", webhook_id, make, actor)
        return self.get(webhook_id)

    def delete(self, webhook_id: str, actor: str | None = None) -> None:
        """Raises NotFound."""

        def make() -> dict[str, Any]:
            name = self.get(webhook_id).name
            self._keep_secret(webhook_id, "")
            return {"action": "delete", "name": name}

        self.get(webhook_id)
        self.change("webhook", webhook_id, make, actor)

    def check_url(self, url: str) -> str:
        """Raises UsageError for what must not be called, or can't be found now."""
        target = split(url)
        self._addresses(str(target.hostname), _port(target))
        return url

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] != "webhook":
            return
        webhook_id, body, at = entry["subject"], entry["body"], entry["time"]
        if body["action"] == "create":
            said = {key: value for key, value in body.items() if key != "action"}
            said["events"] = tuple(said["events"])
            self._by_id[webhook_id] = Webhook(id=webhook_id, created=at, updated=at, **said)
        elif body["action"] == "update" and webhook_id in self._by_id:
            after = dict(body["after"])
            if "events" in after:
                after["events"] = tuple(after["events"])
            self._by_id[webhook_id] = replace(self._by_id[webhook_id], updated=at, **after)
        elif body["action"] == "delete":
            self._by_id.pop(webhook_id, None)

    # Secrets

    def _keep_secret(self, webhook_id: str, secret: str) -> None:
        """Called where the ledger is locked, so that nobody else writes the file meanwhile."""
        secrets = self._all_secrets()
        if secrets.get(webhook_id, "") == secret:
            return
        if secret:
            secrets[webhook_id] = secret
        else:
            secrets.pop(webhook_id)
        part = self._secrets.with_name(f"{self._secrets.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump(secrets, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._secrets)

    def _all_secrets(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._secrets.read_text())
        except FileNotFoundError:
            return {}
        return found

    # Deliveries

    def announce(self, event: str, data: dict[str, Any]) -> None:
        """Tell every active webhook of this event; returns at once, and raises nothing."""
        try:
            hooks = self.all()
        except (OSError, AnewError) as error:
            _say(f"webhooks: {event} is not told: {error}")
            return
        for hook in hooks:
            if hook.status == "ACTIVE" and event in hook.events and not self._closed.is_set():
                self._start()
                try:
                    self._waiting.put_nowait((hook.id, event, data))
                except queue.Full:
                    _say(f"webhook {hook.name}: {event} is not told: {_MOST_WAITING} deliveries are waiting")

    def test(self, webhook_id: str, event: str, data: dict[str, Any]) -> Answer:
        """Deliver once, now, and return the answer. Raises NotFound, NotDelivered."""
        return self._try(self.get(webhook_id), event, data)

    def close(self) -> None:
        """Take no more, and let go of what waits."""
        self._closed.set()
        for _ in self._workers:
            with suppress(queue.Full):
                self._waiting.put_nowait(None)

    def _start(self) -> None:
        with self._lock:
            if len(self._workers) < _WORKERS:
                worker = threading.Thread(target=self._work, name="anew-webhooks", daemon=True)
                self._workers.append(worker)
                worker.start()

    def _work(self) -> None:
        while not self._closed.is_set():
            item = self._waiting.get()
            if item is None:
                return
            webhook_id, event, data = item
            try:
                self._deliver(webhook_id, event, data)
            except Exception as error:  # whatever a stranger's server does, the next one is told
                _say(f"webhook {webhook_id}: {event} is not told: {type(error).__name__}: {error}")

    def _deliver(self, webhook_id: str, event: str, data: dict[str, Any]) -> None:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                hook = self.get(webhook_id)
                if hook.status != "ACTIVE":
                    return
                answer = self._try(hook, event, data)
            except NotFound:
                return  # it was taken back meanwhile
            except NotDelivered:
                if last:
                    raise
            else:
                if answer.status not in _AGAIN:
                    return
                if last:
                    raise NotDelivered(f"{hook.url} answers {answer.status}")
            if self._closed.wait(_WAIT_S * 2**attempt):
                return

    def _try(self, hook: Webhook, event: str, data: dict[str, Any]) -> Answer:
        secret = self._all_secrets().get(hook.id, "")
        if hook.signed and not secret:
            raise NotDelivered(f"the secret of webhook {hook.name} is gone: set it again")
        body, headers = message(event, data, secret)
        try:
            target = split(hook.url)
            address = self._addresses(str(target.hostname), _port(target))[0]
        except UsageError as error:
            raise NotDelivered(str(error)) from None
        return post(target, address, body, headers)

    def _addresses(self, host: str, port: int) -> list[str]:
        """What a name stands for. Raises UsageError when it can't be found, or any of it is not public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError) as error:
            raise UsageError(f"Cannot resolve Webhook URL hostname {host!r}: {error}") from None
        addresses = [str(info[4][0]) for info in found]
        for address in addresses:
            if not self.allow_private and not is_public(address):
                raise UsageError(
                    f"Webhook URL must not resolve to a non-public IP address. {host!r} resolves to {address}."
                )
        return addresses


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet's, also when an IPv6 address wraps it."""
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if wrapped is None and ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = wrapped or ip
    return ip.is_global and not ip.is_multicast


def split(url: str) -> SplitResult:
    """The parts of a webhook's URL. Raises UsageError."""
    if not url.strip():
        raise UsageError(f"Webhook URL cannot be empty or just whitespace: {url!r}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"Invalid webhook URL {url!r}: {error!r}") from None
    if parts.scheme not in SCHEMES:
        raise UsageError(f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: {', '.join(SCHEMES)}.")
    if not parts.hostname or port == 0:
        raise UsageError(f"Webhook URL must include a hostname: {url!r}")
    if parts.username is not None or parts.password is not None:
        raise UsageError("Webhook URL must not hold a user or a password: the ledger and the list of webhooks show it")
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise UsageError(f"Invalid webhook URL {url!r}: it holds what has to be quoted")
    return parts


def _port(target: SplitResult) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def message(event: str, data: dict[str, Any], secret: str) -> tuple[bytes, dict[str, str]]:
    """The body of a delivery, and its headers: who has the secret can check that it came from here, and when."""
    entity, _, action = event.partition(".")
    at = datetime.now(UTC)
    said = {"entity": entity, "action": action, "timestamp": at.isoformat(), "data": data}
    body = json.dumps(said)
    delivery, stamp = str(uuid.uuid4()), str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "anew-webhooks",
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": stamp,
    }
    if secret:
        headers["X-MLflow-Signature"] = signature(secret, delivery, stamp, body)
    return body.encode(), headers


def signature(secret: str, delivery: str, stamp: str, body: str) -> str:
    """`v1,` and the HMAC-SHA256 of "delivery.stamp.body" in base64."""
    digest = hmac.new(secret.encode(), f"{delivery}.{stamp}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def post(target: SplitResult, address: str, body: bytes, headers: dict[str, str]) -> Answer:
    """POST to `target` at exactly this address; a redirect is an answer like another. Raises NotDelivered."""
    host, port = str(target.hostname), _port(target)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    try:
        plain = socket.create_connection((address, port), _STEP_S)
    except OSError as error:
        raise NotDelivered(f"no connection to {host}: {error}") from None
    connection = http.client.HTTPConnection(host, port, timeout=_STEP_S)
    wire, limit = plain, None
    try:
        if target.scheme == "https":
            connection.default_port = http.client.HTTPS_PORT  # else the port would stand in the Host header
            context = ssl.create_default_context()
            wire = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        # However slowly it answers, bit by bit, the time for all of it is limited.
        limit = threading.Timer(_WHOLE_S, _shut, (wire,))
        limit.daemon = True
        limit.start()
        if isinstance(wire, ssl.SSLSocket):
            wire.do_handshake()
        connection.sock = wire
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        text = response.read(_MOST_ANSWER_BYTES).decode("utf-8", "replace")
        return Answer(response.status, text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(f"no answer from {host}: {type(error).__name__}: {error}") from None
    finally:
        if limit is not None:
            limit.cancel()
        connection.close()
        wire.close()
        plain.close()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # that of TLS would wait for the other side


def check_name(name: str) -> str:
    """Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"Webhook name {name!r} is invalid. It must start and end with a letter or digit, be less than 63 "
            "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )
    return name


def check_events(events: Sequence[str]) -> list[str]:
    """Each of them once. Raises UsageError."""
    if not events:
        raise UsageError("Webhook events must be a non-empty list of WebhookEvent objects: [].")
    for event in events:
        if event not in EVENTS:
            raise UsageError(f"{event!r:.80} is no event; those that are: {', '.join(EVENTS)}")
    return sorted(set(events), key=EVENTS.index)


def _check_status(status: str) -> str:
    if status not in STATUSES:
        raise UsageError(f"a webhook is {' or '.join(STATUSES)}, not {status!r:.40}")
    return status


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _say(text: str) -> None:
    print(f"anew: {text}", file=sys.stderr, flush=True)
