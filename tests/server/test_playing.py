"""Films and sounds by an address: signed where accounts are asked for, and for one content alone."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from anew.server import playing
from anew.server.accounts import Account, Accounts
from projects import Project
from server.asking import Asked
from server.conftest import running

FILM = bytes(range(256)) * 8000  # of several chunks


@pytest.fixture
def made(project: Project) -> tuple[Project, str, dict[str, str]]:
    project.write(
        "t.py", "import sys\nfor name in ('a', 'b'): open(name, 'wb').write(bytes(range(256)) * 8000 + name.encode())"
    )
    run = project.run("t.py")
    return project, run, {file["path"]: file["digest"] for file in project.json("show", run)["outputs"]}


def test_without_accounts_it_is_the_content_itself(made: tuple[Project, str, dict[str, str]]) -> None:
    project, run, digests = made
    with running(project.root / ".anew") as (address, process):
        ask = Asked(address, project.root / ".anew", process)
        there = ask("GET", f"/api/v1/runs/{run}/contents/{digests['a']}/address").json["address"]
        assert there == f"/api/v1/runs/{run}/contents/{digests['a']}"
        part = ask("GET", there, Range="bytes=1999999-2000001")
        assert (part.status, part.body) == (206, FILM[1999999:2000002])


def test_with_accounts_it_is_signed_for_one_content(made: tuple[Project, str, dict[str, str]]) -> None:
    project, run, digests = made
    store = project.root / ".anew"
    accounts = Accounts(store / "accounts")
    token = f"Bearer {accounts.create('me', 'read')}"
    accounts.create("other", "read")
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        assert ask("GET", f"/api/v1/runs/{run}/contents/{digests['a']}/address").status == 401
        there = ask("GET", f"/api/v1/runs/{run}/contents/{digests['a']}/address", Authorization=token).json["address"]
        part = ask("GET", there, Range="bytes=1000000-1000009")
        assert (part.status, part.body, part.headers["content-range"]) == (
            206,
            FILM[1000000:1000010],
            "bytes 1000000-1000009/2048001",
        )
        assert "attachment" in part.headers["content-disposition"]
        assert part.headers["content-security-policy"].startswith("sandbox")
        assert ask("GET", there, Range="bytes=9999999-").status == 416
        said = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
        for wrong in (
            {"signature": "0"},
            {"signature": "é"},
            {"until": str(int(said["until"]) + 1)},
            {"until": "x"},
            {"by": "other"},
            {"by": "none"},
            {"by": ""},
        ):
            assert ask("GET", f"{urlsplit(there).path}?{urlencode(said | wrong)}").status == 404, wrong
        assert ask("GET", there.replace(digests["a"], digests["b"])).status == 404
        accounts.revoke("me")
        assert ask("GET", there).status == 404


def test_an_address_ends(made: tuple[Project, str, dict[str, str]]) -> None:
    project, run, digests = made
    store = project.root / ".anew"
    Accounts(store / "accounts").create("me", "read")
    (account,) = Accounts(store / "accounts").all()
    with running(store) as (address, process):
        ask = Asked(address, store, process)
        for until, status in ((time.time() + 60, 200), (time.time() - 1, 404)):
            assert ask("GET", _signed(account, run, digests["a"], str(int(until)))).status == status


def _signed(account: Account, run: str, digest: str, until: str) -> str:
    said = {"by": account.name, "until": until, "signature": playing._signature(account, run, digest, until)}
    return f"/api/v1/played/{run}/{digest}?{urlencode(said)}"
