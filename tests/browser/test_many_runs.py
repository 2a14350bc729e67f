"""A table of more runs than are ever loaded at once."""

from __future__ import annotations

from pathlib import Path

from anew.store.journal import JournalWriter
from anew.store.location import Store
from browser.conftest import Open
from server.conftest import running

RUNS = 1500


def test_a_long_table_is_scrolled_to_its_end_and_filtered(opened: Open, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    for number in range(RUNS):
        run = f"run{number}"
        writer = JournalWriter(Store(tmp_path / ".anew").run(run) / "journal", run=run, mapped=False, synced=False)
        writer.event("run", {"id": run, "name": f"name-{number}", "project": "many", "created": 1000.0 + number})
        writer.event("config", {"values": {"half": number % 2}})
        writer.points(("loss",), [1 / (number + 1)], 0, time=1000.0 + number)
        writer.event("end", {"status": "finished", "exit_code": 0})
        writer.seal()
    with running(tmp_path / ".anew") as (address, _):
        page = opened("/runs", address=address)
        grid = page.get_by_role("grid", name="Runs")
        expect(grid).to_have_attribute("aria-rowcount", str(RUNS + 1))
        for share in (0.2, 0.7, 0.4, 1):
            grid.evaluate("(grid, share) => { grid.scrollTop = share * grid.scrollHeight }", share)
            expect(page.locator(".rows [aria-busy=true]")).to_have_count(0)
        expect(page.get_by_role("link", name="name-0", exact=True)).to_be_visible()
        assert page.locator(".rows [role=row]").count() < 100  # only what is seen stands in the page
        page.get_by_role("combobox", name="Filter runs").fill("params.half = 1")
        expect(page.get_by_text(f"{RUNS // 2} of 1,500 runs")).to_be_visible()
        expect(page.get_by_role("link", name="name-1499", exact=True)).to_be_visible()
        page.close()  # before its server goes
