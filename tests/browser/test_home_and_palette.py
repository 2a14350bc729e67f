"""Home shows what there is and leads to it; the palette finds it by name; where there is nothing, a page says so."""

from __future__ import annotations

import re

import pytest

from browser.conftest import Open, Served

pytest.importorskip("playwright")
from playwright.sync_api import expect


def test_home_leads_on(opened: Open, served: Served) -> None:
    page = opened("/")
    expect(page.get_by_role("region", name="Latest runs").locator("a.line-link")).to_have_count(5)
    expect(page.get_by_role("region", name="Failed or crashed").locator("a.line-link")).to_have_count(1)
    expect(page.get_by_role("img", name="1 of 5 runs were run anew")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("contents: code, data, models, media .* all else"))).to_be_visible()
    page.get_by_role("region", name="Verdicts").get_by_role("link", name=re.compile("not run anew")).click()
    expect(page.get_by_text("4 of 5 runs")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Failed or crashed: all of them").click()
    expect(page.get_by_text("1 of 5 runs")).to_be_visible()
    page.go_back()
    page.get_by_role("region", name="Projects").get_by_role("link").click()
    page.wait_for_url("**/runs?project=digits")


def test_the_palette_finds_pages_and_runs(opened: Open, served: Served) -> None:
    page = opened("/")
    page.get_by_text("Latest runs").wait_for()
    name = served.project.json("show", served.runs[1])["name"]
    for typed, address in ((name, f"**/runs/{served.runs[1]}"), ("lineage", "**/lineage"), ("no' or", None)):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Page, project or run").fill(typed)
        if address is None:
            expect(page.get_by_role("option")).to_have_count(0)
            page.keyboard.press("Escape")
        else:
            expect(page.get_by_role("option")).to_have_count(1)
            page.keyboard.press("Enter")
            page.wait_for_url(address)


def test_what_is_not_there_says_so(opened: Open) -> None:
    opened("/runs/none", size="narrow").get_by_role("heading", name="Not here").wait_for()
    page = opened("/reproductions/none/1", size="narrow")
    page.get_by_role("heading", name="Not here").wait_for()


def test_tabs_stand_in_one_line_on_a_narrow_screen(opened: Open, served: Served) -> None:
    page = opened(f"/runs/{served.runs[0]}?tab=console", size="narrow")
    page.get_by_text("epoch 0").first.wait_for()
    tabs = page.get_by_role("navigation", name="Parts of the run")
    assert tabs.evaluate("tabs => tabs.clientHeight") < 44
    expect(tabs.get_by_role("button", name="console")).to_be_in_viewport(ratio=1)
