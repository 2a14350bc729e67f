"""Who may ask, and from where: every route is closed unless it says otherwise."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

from anew.errors import Conflict, NotFound, UsageError
from anew.server.accounts import Accounts
from anew.server.app import is_loopback
from anew.server.table import ROUTES
from server.asking import Asked
from server.conftest import running


def test_every_route_is_closed_without_an_account(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    store.mkdir()
    Accounts(store / "accounts").create("me", "read")
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        for route in ROUTES:
            path = re.sub(r"\{\w+(\.\.\.)?\}", "x", route.path)
            answer = ask(route.method, path, {} if route.method != "GET" else None)
            assert (answer.status == 401) == (route.scope != "public"), (route.method, path, answer.status)
        assert ask("GET", "/nowhere").status == 401


def test_what_an_account_may(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    store.mkdir()
    accounts = Accounts(store / "accounts")
    tokens = {scope: accounts.create(scope, scope) for scope in ("read", "write")}
    late = accounts.create("late", "admin", expires=time.time() - 1)
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        create, body = "/api/2.0/mlflow/experiments/create", {"name": "x"}
        assert ask("GET", "/api/v1/runs", Authorization=f"Bearer {tokens['read']}").status == 200
        assert ask("POST", create, body, Authorization=f"Bearer {tokens['read']}").status == 403
        basic = b64encode(f"anyone:{tokens['write']}".encode()).decode()
        assert ask("POST", create, body, Authorization=f"Basic {basic}").status == 200
        for wrong in (f"Bearer {late}", "Bearer anew_x", "Basic !!", "Digest x", ""):
            assert ask("GET", "/api/v1/runs", Authorization=wrong).status == 401, wrong
        entries = ask("GET", "/api/v1/ledger", Authorization=f"Bearer {tokens['read']}").json["entries"]
        assert [entry["actor"] for entry in entries] == ["write"]
        for account in ("read", "write", "late"):
            accounts.revoke(account)
        assert ask("GET", "/api/v1/runs").status == 401  # the last one's going opens nothing
    text = (store / "accounts").read_text()
    assert not any(token in text for token in (*tokens.values(), late))
    assert (store / "accounts").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_names_and_pages_that_are_not_ours(asked: Asked, headers: dict[str, str], status: int) -> None:
    assert asked("GET", "/api/v1/runs", **headers).status == status


def test_our_own_pages_may_ask(asked: Asked) -> None:
    assert asked("GET", "/api/v1/runs", Origin=asked.address).status == 200


def test_a_form_of_a_foreign_page_changes_nothing(asked: Asked) -> None:
    answer = asked("POST", "/api/v1/runs/search", b'{"query": ""}', Content_Type="text/plain")
    assert answer.status == 400 and "application/json" in answer.json["error"]["message"]


def test_bodies_have_limits(asked: Asked) -> None:
    assert asked("POST", "/api/v1/runs/search", b'{"query": "' + b"x" * (33 << 20) + b'"}',
                 Content_Type="application/json").status == 413  # fmt: skip
    assert asked("POST", "/api/v1/runs/search", b"[" * 100_000, Content_Type="application/json").status == 400
    assert asked("POST", "/api/v1/runs/search", b"[1]", Content_Type="application/json").status == 400


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%252e%252e/x", "a/../../b", "/etc/passwd", "a%5c..%5cb", "a%00b"],
)
def test_no_path_leads_out(asked: Asked, path: str) -> None:
    run = asked("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    for prefix in (f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/", f"/api/v1/runs/{run}/files/"):
        answer = asked("GET", prefix + path)
        assert answer.status in (400, 404) and b"root:" not in answer.body
    put = asked("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}", b"x")
    assert put.status in (200, 400)
    names = {path.name for path in asked.store.parent.rglob("*") if path.is_file()}
    assert "passwd" not in names and "b" not in names


def test_files_are_sent_so_that_no_browser_runs_them(asked: Asked) -> None:
    run = asked("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/x.html"
    assert asked("PUT", path, b"<script>alert(1)</script>").status == 200
    headers = asked("GET", path).headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff" and "sandbox" in headers["content-security-policy"]


def test_an_open_address_needs_an_account(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "anew", "server", "--host", "0.0.0.0", "--port", "0"]
    import os

    done = subprocess.run(
        command, env={**os.environ, "ANEW_STORE": str(tmp_path / ".anew")}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2 and "anew token create" in done.stderr
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("example.org")


def test_accounts_say_what_is_wrong(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts")
    accounts.create("a", "read")
    with pytest.raises(Conflict):
        accounts.create("a", "read")
    with pytest.raises(UsageError):
        accounts.create("b", "all")
    with pytest.raises(UsageError):
        accounts.create("", "read")
    with pytest.raises(NotFound):
        accounts.revoke("nobody")
    assert [account.name for account in accounts.all()] == ["a"]


def test_what_is_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        run = ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
        for step in range(50):
            body = {"run_id": run, "key": "loss", "value": step, "timestamp": step + 1, "step": step}
            assert ask("POST", "/api/2.0/mlflow/runs/log-metric", body).status == 200
        path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a.bin"
        assert ask("PUT", path, b"z" * 100_000).status == 200
        process.kill()
        process.wait()
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        found = ask("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss").json["metrics"]
        assert [point["step"] for point in found] == list(range(50))
        assert ask("GET", path).body == b"z" * 100_000
        info = ask("GET", f"/api/2.0/mlflow/runs/get?run_id={run}").json["run"]["info"]
        assert info["status"] == "RUNNING"
