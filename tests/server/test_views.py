"""Saved views: under a name, for everybody, written into the ledger; nothing that leads elsewhere."""

from __future__ import annotations

import pytest

from anew.store.location import Store
from anew.views import Views
from server.asking import Asked


def test_a_view_is_saved_replaced_and_forgotten(asked: Asked) -> None:
    assert asked("GET", "/api/v1/views").json == {"views": []}
    for address in ("/runs?q=a%20%3D%201", "/runs?q=b"):
        saved = asked("POST", "/api/v1/views/best%20ones", {"address": address}).json["views"]
        assert [(one["name"], one["address"]) for one in saved] == [("best ones", address)]
    asked("POST", "/api/v1/views/Also", {"address": "/compare?run=a"})
    assert [one["name"] for one in asked("GET", "/api/v1/views").json["views"]] == ["Also", "best ones"]
    entries = asked("GET", "/api/v1/ledger").json["entries"]
    assert [entry["kind"] for entry in entries] == ["view"] * 3
    assert asked("DELETE", "/api/v1/views/best%20ones").json["views"][0]["name"] == "Also"
    assert asked("DELETE", "/api/v1/views/best%20ones").status == 404
    from anew.store.ledger import Ledger

    assert [one.name for one in Views(Ledger(Store(asked.store).ledger)).all()] == ["Also"]


@pytest.mark.parametrize(
    "address", ["//elsewhere/x", "https://elsewhere", "javascript:alert(1)", "/\\elsewhere", "", 3, "/a\nb"]
)
def test_what_leads_elsewhere_is_refused(asked: Asked, address: object) -> None:
    assert asked("POST", "/api/v1/views/x", {"address": address}).status == 400
    assert asked("POST", "/api/v1/views/%20", {"address": "/runs"}).status == 400
    assert asked("GET", "/api/v1/views").json == {"views": []}
