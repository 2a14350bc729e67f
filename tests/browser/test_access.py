"""A server with accounts asks for a token; a store without runs shows how to begin."""

from __future__ import annotations

from pathlib import Path

from anew.server.accounts import Accounts
from browser.conftest import Open, axe
from server.conftest import running


def test_a_token_is_asked_for_and_kept_for_the_tab(opened: Open, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    store = tmp_path / ".anew"
    store.mkdir()
    token = Accounts(store / "accounts").create("me", "read")
    with running(store) as (address, _):
        page = opened("/runs", address=address)
        expect(page.get_by_role("heading", name="This server asks who you are")).to_be_visible()
        assert axe(page) == []
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_text("anew run train.py")).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("localStorage.length") == 0
        page.close()  # before its server goes
