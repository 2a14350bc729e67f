"""Webhooks: what they are told, that it is signed, and where they can't reach."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import queue
import shutil
import socket
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import anew.webhooks
from anew.errors import NotFound, UsageError
from anew.hub import Hub
from anew.models.registry import Origin
from anew.protocols.mlflow import webhooks as routes
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.webhooks import EVENTS, NotDelivered, Webhooks, is_public
from protocols.registry_server import Server, serving

CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
PROMPT = "mlflow.prompt.is_prompt"


class Receiver:
    """A server that takes deliveries; `statuses` are its answers, the last of them for ever."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, dict[str, str], bytes]] = queue.Queue()
        self.statuses = [200]
        self.before: Callable[[BaseHTTPRequestHandler], bool] = lambda handler: True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((self.path, dict(self.headers.items()), body))
                if not receiver.before(self):
                    return
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"thanks")

            def do_GET(self) -> None:
                self.do_POST()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    pass  # who called has left

            def finish(self) -> None:
                try:
                    super().finish()
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def next(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        path, headers, body = self.got.get(timeout=10)
        return path, headers, json.loads(body)

    def quiet(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.got.get(timeout=0.4)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhooks]:
    monkeypatch.setattr(anew.webhooks, "_WAIT_S", 0.01)
    found = Webhooks(Ledger(tmp_path / "ledger"), tmp_path / "webhooks", allow_private=True)
    yield found
    found.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """With webhooks that may reach this machine."""
    hub = Hub(Store(tmp_path / ".anew"))
    hooks = Webhooks(hub.ledger, hub.store.root / "webhooks", allow_private=True)
    routes.install(hub, hooks)
    with serving(hub) as found:
        yield found
    hooks.close()
    hub.close()


def test_a_webhook_is_kept_in_the_ledger_and_its_secret_is_not(hooks: Webhooks, tmp_path: Path) -> None:
    hook = hooks.create("w", "http://127.0.0.1:1/", ["model_version.created"], secret="hush-hush", actor="ann")
    assert (hook.status, hook.signed, hook.description) == ("ACTIVE", True, "")
    assert "hush" not in (tmp_path / "ledger").read_text()
    assert stat.S_IMODE((tmp_path / "webhooks").stat().st_mode) == 0o600
    hooks.update(hook.id, {"name": "w2", "events": ["prompt.created"]}, secret="mum's the word")
    assert "word" not in (tmp_path / "ledger").read_text()
    assert json.loads((tmp_path / "webhooks").read_text()) == {hook.id: "mum's the word"}
    other = Webhooks(Ledger(tmp_path / "ledger"), tmp_path / "webhooks")
    assert other.get(hook.id) == hooks.get(hook.id)
    assert (other.get(hook.id).name, other.get(hook.id).events) == ("w2", ("prompt.created",))
    assert hooks.update(hook.id, {}, secret="").signed is False
    hooks.update(hook.id, {}, secret="again")
    hooks.delete(hook.id)
    assert json.loads((tmp_path / "webhooks").read_text()) == {}
    for call in (hooks.get, hooks.delete):
        with pytest.raises(NotFound):
            call(hook.id)
    assert [entry["body"]["action"] for entry in hooks.ledger.entries()] == ["create", *["update"] * 3, "delete"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://224.0.0.1/",
        "http://2130706433/",
        "http://127.1/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8/",
        "https://",
        "https://user:secret@8.8.8.8/",
        "https://8.8.8.8:0/",
        "https://8.8.8.8:x/",
        "https://[bad",
        "https://8.8.8.8/\r\nX-Evil: 1",
        "https://8.8.8.8/ a",
        " ",
    ],
)
def test_where_a_webhook_must_not_reach(tmp_path: Path, url: str) -> None:
    hooks = Webhooks(Ledger(tmp_path / "ledger"), tmp_path / "webhooks")
    with pytest.raises(UsageError):
        hooks.create("w", url, ["model_version.created"])
    assert hooks.all() == []


def test_public_addresses() -> None:
    assert all(map(is_public, ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")))
    assert not any(map(is_public, ("127.0.0.1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "::ffff:10.0.0.1")))


def test_a_name_that_turns_private_later_is_not_reached(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is checked is what is connected to, at each delivery."""
    answers = ["8.8.8.8"]
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers]

    monkeypatch.setattr(anew.webhooks.socket, "getaddrinfo", resolve)
    hooks = Webhooks(Ledger(tmp_path / "ledger"), tmp_path / "webhooks")
    hook = hooks.create("w", f"http://rebind.test:{receiver.port}/", ["model_version.created"])
    answers[:] = ["8.8.8.8", "127.0.0.1"]
    with pytest.raises(NotDelivered, match="non-public"):
        hooks.test(hook.id, "model_version.created", {})
    assert asked == ["rebind.test"] * 2 and receiver.quiet()


def test_one_resolution_and_the_name_in_the_host_header(
    hooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        asked.append(host)
        return list(real("127.0.0.1", port, *rest, **options))

    monkeypatch.setattr(anew.webhooks.socket, "getaddrinfo", resolve)
    hook = hooks.create("w", f"http://hook.test:{receiver.port}/x", ["model_version.created"])
    asked.clear()
    assert hooks.test(hook.id, "model_version.created", {}).status == 200
    _, headers, _ = receiver.next()
    assert headers["Host"] == f"hook.test:{receiver.port}"
    assert [host for host in asked if host == "hook.test"] == ["hook.test"]


def test_a_redirect_is_not_followed(hooks: Webhooks, receiver: Receiver) -> None:
    receiver.statuses = [302]
    hook = hooks.create("w", receiver.url, ["model_version.created"])
    assert hooks.test(hook.id, "model_version.created", {}).status == 302
    assert receiver.next()[0] == "/hook?a=1"
    assert receiver.quiet()


def test_a_server_that_dawdles_is_left(hooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anew.webhooks, "_WHOLE_S", 0.3)
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> bool:
        for _ in range(100):
            try:
                handler.wfile.write(b"H")
                handler.wfile.flush()
            except OSError:
                break
            if gone.wait(0.05):
                break
        return False

    receiver.before = drip
    hook = hooks.create("w", receiver.url, ["model_version.created"])
    start = time.monotonic()
    with pytest.raises(NotDelivered):
        hooks.test(hook.id, "model_version.created", {})
    gone.set()
    assert time.monotonic() - start < 3


@pytest.fixture
def secured(receiver: Receiver, tmp_path: Path) -> Path:
    """The receiver behind TLS; gives the certificate, which nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *extra], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver.server.socket = context.wrap_socket(
        receiver.server.socket, server_side=True, do_handshake_on_connect=False
    )
    receiver.url = f"https://localhost:{receiver.port}/hook"
    return certificate


def test_who_answers_by_tls_must_be_who_is_meant(
    hooks: Webhooks, receiver: Receiver, secured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = hooks.create("w", receiver.url, ["model_version.created"])
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        hooks.test(hook.id, "model_version.created", {})
    trusting = ssl.create_default_context(cafile=secured)
    monkeypatch.setattr(anew.webhooks.ssl, "create_default_context", lambda: trusting)
    assert hooks.test(hook.id, "model_version.created", {}).status == 200
    assert receiver.next()[1]["Host"] == f"localhost:{receiver.port}"
    other = hooks.create("other", f"https://127.0.0.1:{receiver.port}/", ["model_version.created"])
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        hooks.test(other.id, "model_version.created", {})


def test_a_server_that_dawdles_behind_tls_is_left(
    hooks: Webhooks, receiver: Receiver, secured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=secured)
    monkeypatch.setattr(anew.webhooks.ssl, "create_default_context", lambda: trusting)
    test_a_server_that_dawdles_is_left(hooks, receiver, monkeypatch)


def test_deliveries_are_tried_again(hooks: Webhooks, receiver: Receiver) -> None:
    receiver.statuses = [503, 500, 200]
    hooks.create("w", receiver.url, ["model_version.created"])
    hooks.announce("model_version.created", {"name": "m"})
    assert [receiver.next()[2]["data"] for _ in range(3)] == [{"name": "m"}] * 3
    assert receiver.quiet()


def test_what_can_not_be_delivered_stops_nobody(
    hooks: Webhooks, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.statuses = [400]
    hooks.create("closed", "http://127.0.0.1:1/", ["model_version.created"])
    hooks.create("open", receiver.url, ["model_version.created"])
    hooks.create("off", receiver.url + "off", ["model_version.created"], status="DISABLED")
    for number in range(3):
        hooks.announce("model_version.created", {"n": number})
        hooks.announce("prompt.created", {"n": number})
    assert sorted(receiver.next()[2]["data"]["n"] for _ in range(3)) == [0, 1, 2]
    assert receiver.quiet()
    assert "no connection to 127.0.0.1" in capfd.readouterr().err


def test_what_should_be_signed_is_not_sent_unsigned(hooks: Webhooks, receiver: Receiver, tmp_path: Path) -> None:
    hook = hooks.create("w", receiver.url, ["model_version.created"], secret="s")
    (tmp_path / "webhooks").unlink()
    with pytest.raises(NotDelivered, match="secret"):
        hooks.test(hook.id, "model_version.created", {})
    assert receiver.quiet()


def test_the_registrys_changes_are_told(server: Server, receiver: Receiver) -> None:
    events = [{"entity": event.split(".")[0].upper(), "action": event.split(".")[1].upper()} for event in EVENTS]
    body = {"name": "w", "url": receiver.url, "events": events, "secret": "s"}
    server.good("POST", "webhooks", body)

    def told() -> tuple[str, Any]:
        path, headers, said = receiver.next()
        assert path == "/hook?a=1" and headers["Content-Type"] == "application/json"
        assert set(said) == {"entity", "action", "timestamp", "data"}
        return f"{said['entity']}.{said['action']}", said["data"]

    a_tag = [{"key": "a", "value": "1"}]
    server.good("POST", "registered-models/create", {"name": "m", "tags": a_tag, "description": "d"})
    assert told() == ("registered_model.created", {"name": "m", "tags": {"a": "1"}, "description": "d"})
    server.good("POST", "model-versions/create", {"name": "m", "source": "s3://b/k", "tags": a_tag})
    assert told() == (
        "model_version.created",
        {"name": "m", "version": "1", "source": "s3://b/k", "run_id": None, "tags": {"a": "1"}, "description": None},
    )
    named = {"name": "m", "version": "1"}
    server.good("POST", "model-versions/set-tag", {**named, "key": "k", "value": "v"})
    assert told() == ("model_version_tag.set", {**named, "key": "k", "value": "v"})
    server.good("DELETE", "model-versions/delete-tag", {**named, "key": "k"})
    assert told() == ("model_version_tag.deleted", {**named, "key": "k"})
    server.good("POST", "registered-models/alias", {**named, "alias": "best"})
    assert told() == ("model_version_alias.created", {**named, "alias": "best"})
    server.good("DELETE", "registered-models/alias", {"name": "m", "alias": "best"})
    assert told() == ("model_version_alias.deleted", {"name": "m", "alias": "best"})
    server.good("POST", "registered-models/set-tag", {"name": "m", "key": "k", "value": "v"})
    server.good("POST", "model-versions/transition-stage", {**named, "stage": "Staging"})
    assert receiver.quiet()  # of these MLflow has no events
    server.hub.registry.create("native")  # whoever changed it
    assert told()[1]["name"] == "native"


def test_prompts_are_told_as_prompts(server: Server, receiver: Receiver) -> None:
    events = [event for event in EVENTS if event.startswith("prompt")]
    routes.of(server.hub).create("w", receiver.url, events)
    registry = server.hub.registry
    registry.create("p", tags={PROMPT: "true", "_mlflow_prompt_type": "text", "a": "1"})
    assert receiver.next()[2]["data"] == {"name": "p", "tags": {"a": "1"}, "description": ""}
    registry.add_version("p", Origin("dummy-source"), tags={PROMPT: "true", "mlflow.prompt.text": "hi", "a": "1"})
    data = {"name": "p", "version": "1", "template": "hi", "tags": {"a": "1"}, "description": None}
    assert receiver.next()[2]["data"] == data
    registry.tag("p", "k", "v")
    registry.tag_version("p", 1, "k", "v")
    registry.set_alias("p", "live", 1)
    kinds = {f"{said['entity']}.{said['action']}" for said in (receiver.next()[2] for _ in range(3))}
    assert kinds == {"prompt_tag.set", "prompt_version_tag.set", "prompt_alias.created"}


def test_the_signature(server: Server, receiver: Receiver) -> None:
    body = {"name": "w", "url": receiver.url, "events": [CREATED], "secret": "s3cret"}
    made = server.good("POST", "webhooks", body)["webhook"]
    assert "secret" not in made
    result = server.good("POST", f"webhooks/{made['webhook_id']}/test", {})["result"]
    assert result == {"success": True, "response_status": 200, "response_body": "thanks"}
    _, headers, raw = receiver.got.get(timeout=10)
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.{raw.decode()}"
    digest = hmac.new(b"s3cret", signed.encode(), hashlib.sha256).digest()
    assert headers["X-MLflow-Signature"] == "v1," + base64.b64encode(digest).decode()
    assert abs(int(headers["X-MLflow-Timestamp"]) - time.time()) < 60
    server.good("PATCH", f"webhooks/{made['webhook_id']}", {"secret": ""})
    server.good("POST", f"webhooks/{made['webhook_id']}/test", {})
    assert "X-MLflow-Signature" not in receiver.next()[1]


def test_the_routes(server: Server, receiver: Receiver) -> None:
    made = [
        server.good("POST", "webhooks", {"name": f"w{n}", "url": receiver.url, "events": [CREATED]})["webhook"]
        for n in range(3)
    ]
    assert set(made[0]) == {
        "webhook_id", "name", "url", "events", "status", "creation_timestamp", "last_updated_timestamp",
    }  # fmt: skip
    assert (made[0]["events"], made[0]["status"]) == ([CREATED], "ACTIVE")
    page = server.good("GET", "webhooks", max_results=2)
    assert [hook["name"] for hook in page["webhooks"]] == ["w2", "w1"]
    rest = server.good("GET", "webhooks", page_token=page["next_page_token"])
    assert [hook["name"] for hook in rest["webhooks"]] == ["w0"] and "next_page_token" not in rest
    path = f"webhooks/{made[0]['webhook_id']}"
    changed = {
        "name": "n",
        "description": "d",
        "status": "DISABLED",
        "events": [{"entity": "PROMPT", "action": "CREATED"}],
    }
    server.good("PATCH", path, changed)
    hook = server.good("GET", path)["webhook"]
    assert {key: hook[key] for key in changed} == changed
    server.good("DELETE", path)
    assert server.bad("GET", path) == (
        "RESOURCE_DOES_NOT_EXIST",
        f"Webhook with ID {made[0]['webhook_id']} not found.",
    )
    assert {route.scope for route in routes.ROUTES} == {"admin"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": ""}, "Missing value for required parameter 'name'."),
        ({"url": None}, "Missing value for required parameter 'url'."),
        ({"events": None}, "Missing value for required parameter 'events'."),
        ({"events": []}, "Webhook events must be a non-empty list of WebhookEvent objects: []."),
        ({"events": [{"entity": "PROMPT", "action": "SET"}]}, "Invalid action 'set' for entity 'prompt'."),
        ({"events": [{"entity": "X", "action": "SET"}]}, "Invalid entity 'x'"),
        ({"events": ["a"]}, 'Invalid value "a" for parameter'),
        ({"events": "a"}, 'Invalid value "a" for parameter'),
        ({"name": "a b"}, "Webhook name 'a b' is invalid."),
        ({"name": "a" * 64}, "Webhook name"),
        ({"url": "ftp://8.8.8.8"}, "Invalid webhook URL scheme: 'ftp'."),
        ({"secret": 5}, "Invalid value 5 for parameter 'secret' supplied"),
    ],
)
def test_errors(server: Server, changes: dict[str, Any], text: str) -> None:
    body = {"name": "w", "url": "http://8.8.8.8/", "events": [CREATED], **changes}
    code, said = server.bad("POST", "webhooks", body)
    assert code == "INVALID_PARAMETER_VALUE" and said.startswith(text)


def test_a_hub_has_webhooks_of_the_strict_kind(tmp_path: Path, receiver: Receiver) -> None:
    hub = Hub(Store(tmp_path / ".anew"))
    with serving(hub) as server:
        body = {"name": "w", "url": receiver.url, "events": [CREATED]}
        assert "non-public" in server.bad("POST", "webhooks", body)[1]
    assert routes.of(hub) is routes.of(hub)
    with pytest.raises(UsageError):
        routes.install(hub, Webhooks(hub.ledger, tmp_path / "other"))
    hub.close()


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_mlflows_own_client(server: Server, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow")
    from mlflow.entities.webhook import WebhookEvent
    from mlflow.webhooks.types import get_example_payload_for_event

    for event in EVENTS:
        assert routes.example(event) == dict(get_example_payload_for_event(WebhookEvent.from_str(event)))
    client = mlflow.MlflowClient(server.url, server.url)
    hook = client.create_webhook("w", receiver.url, ["registered_model.created"], "d", "s")
    assert (hook.name, hook.description, str(hook.events[0])) == ("w", "d", "registered_model.created")
    result = client.test_webhook(hook.webhook_id)
    assert (result.success, result.response_status) == (True, 200)
    receiver.next()
    client.create_registered_model("m")
    assert receiver.next()[2]["data"]["name"] == "m"
    client.update_webhook(hook.webhook_id, status="DISABLED")
    assert not client.get_webhook(hook.webhook_id).status.is_active()
    client.create_registered_model("n")
    assert receiver.quiet()
    assert len(client.list_webhooks()) == 1
    client.delete_webhook(hook.webhook_id)
    assert len(client.list_webhooks()) == 0


def test_the_file_of_secrets_is_replaced_as_a_whole(hooks: Webhooks, tmp_path: Path) -> None:
    (tmp_path / f"webhooks.{os.getpid()}").write_text("left behind by one that was killed")
    hooks.create("w", "http://127.0.0.1:1/", ["model_version.created"], secret="s")
    assert [path.name for path in tmp_path.glob("webhooks*")] == ["webhooks"]
