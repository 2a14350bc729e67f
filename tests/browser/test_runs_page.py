"""The workspace: each thing one can do there, done once; what it comes to stands in the address."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from browser.conftest import Open, Served, axe

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect


def said(page: Page, name: str) -> list[str]:
    """What the address says under a name."""
    return parse_qs(urlsplit(page.url).query).get(name, [])


def names(page: Page) -> list[str]:
    return page.locator(".rows [role=rowheader] a").all_inner_texts()


@pytest.fixture
def page(opened: Open) -> Any:
    page = opened("/runs")
    expect(page.locator(".plot").first).to_be_visible()
    return page


def test_a_filter_is_completed_applied_and_undone_by_back(page: Page) -> None:
    expect(page.locator(".rows [role=row]")).to_have_count(5)
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Filter runs")
    expect(box).to_be_focused()
    box.press_sequentially("params.pen")
    page.get_by_role("option", name="params.penalty").click()
    box.press_sequentially("= ")
    page.get_by_role("option", name="'l1'").click()
    box.press("Enter")
    expect(page.locator(".rows [role=row]")).to_have_count(1)
    assert said(page, "q") == ["params.penalty = 'l1' "]
    page.reload()
    expect(page.locator(".rows [role=row]")).to_have_count(1)
    expect(page.get_by_text("1 of 5 runs")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator(".rows [role=row]")).to_have_count(5)
    page.go_back()
    expect(page.locator(".rows [role=row]")).to_have_count(1)


def test_a_wrong_query_is_underlined_where_it_is_wrong(page: Page) -> None:
    page.get_by_role("combobox", name="Filter runs").fill("params.alpah > 0.001")
    expect(page.locator(".query .wrong")).to_have_text("params.alpah")
    expect(page.locator("#query-error")).to_contain_text("did you mean params.alpha?")


def test_sorting_columns_and_groups(page: Page) -> None:
    page.get_by_role("columnheader", name="alpha").get_by_role("button").click()
    assert said(page, "sort") == ["-params.alpha"]
    expect(page.get_by_role("columnheader", name="alpha")).to_have_attribute("aria-sort", "descending")
    expect(page.locator(".rows [role=rowheader] a").first).to_be_visible()
    first = names(page)[0]
    page.get_by_role("columnheader", name="alpha").get_by_role("button").click()
    expect(page.locator(".rows [role=rowheader] a").first).not_to_have_text(first)
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("team").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("columnheader", name="team")).to_be_visible()
    page.get_by_role("button", name="Group").click()
    page.get_by_role("dialog").get_by_role("button", name="penalty").click()
    expect(page.get_by_text("3 groups by penalty")).to_be_visible()
    page.get_by_role("button", name="Open l1").click()
    expect(page.locator(".row.inset")).to_have_count(1)
    assert said(page, "group") == ["params.penalty"] and said(page, "open") == ["'l1'"]


def test_keys_move_choose_and_open(page: Page, served: Served) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator(".rows .row.charted")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.locator(".rows .row.charted")).to_have_count(5)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("into the charts")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Page, project or run").fill("Theme: dark")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{served.runs[0]}")


def test_a_run_is_named_pinned_and_hidden(page: Page, served: Served) -> None:
    row = page.locator(".rows [role=row]").nth(4)
    row.hover()
    row.get_by_role("button", name="actions").click()
    page.get_by_role("button", name="Name, tags, notes").click()
    page.get_by_label("name", exact=True).fill("<b>first</b>")
    page.get_by_label("tags, one a line").fill("team = digits\nkept = yes")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="<b>first</b>")).to_be_visible()
    row.hover()
    row.get_by_role("button", name="actions").click()
    page.get_by_role("button", name="Pin to the top").click()
    expect(page.locator(".row.pinned")).to_contain_text("<b>first</b>")
    row.get_by_role("button", name="actions").click()
    page.get_by_role("button", name="Hide").click()
    expect(page.locator(".rows [role=row]")).to_have_count(4)
    assert said(page, "pin") == said(page, "hide") == [served.runs[-1]]


def test_charts_zoom_together_and_tell_what_they_show(page: Page) -> None:
    chart = page.get_by_role("img", name="val/accuracy")
    label = chart.get_attribute("aria-label") or ""
    assert "lines, step 0 to 39" in label
    chart.hover(position={"x": 150, "y": 60})
    expect(page.locator(".readings").first).to_contain_text("step")
    area = chart.locator(".u-over")
    area.hover(position={"x": 60, "y": 60})
    page.mouse.down()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 160, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url("**zoom=**")
    expect(page.get_by_role("button", name="zoom")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="zoom", exact=True)).to_have_count(0)
    page.get_by_role("button", name="log", exact=True).click()
    page.get_by_role("button", name="clip outliers").click()
    page.get_by_label("X axis").select_option("relative")
    assert said(page, "log") == said(page, "clip") == ["1"] and said(page, "x") == ["relative"]


def test_charts_are_saved_and_read_as_tables(page: Page) -> None:
    card = page.locator("figure").filter(has=page.get_by_role("heading", name="val/accuracy"))
    for item, ending in (("Save what is drawn as CSV", ".csv"), ("Save as PNG", ".png"), ("Save as SVG", ".svg")):
        card.get_by_role("button", name="val/accuracy: more").click()
        with page.expect_download() as download:
            card.get_by_role("button", name=item).click()
        assert download.value.suggested_filename == f"val-accuracy{ending}"
    card.get_by_role("button", name="val/accuracy: more").click()
    card.get_by_role("button", name="View as table").click()
    expect(card.get_by_role("row")).to_have_count(5)
    card.get_by_role("button", name="full screen").click()
    expect(page.get_by_role("dialog", name="val/accuracy").locator(".plot")).to_be_visible()


def test_charts_are_moved_resized_and_taken_off(page: Page) -> None:
    heads = page.get_by_role("region", name="val", exact=True).get_by_role("heading", level=3)
    expect(heads).to_have_text(["val/accuracy", "val/loss"])
    heads.nth(1).drag_to(heads.nth(0))
    expect(heads).to_have_text(["val/loss", "val/accuracy"])
    assert said(page, "order") == ["val/loss", "val/accuracy"]
    card = page.locator("figure").filter(has=page.get_by_role("heading", name="val/loss"))
    before = card.bounding_box()
    card.hover()
    corner = page.get_by_role("button", name=re.compile("^val.loss: .* pixels high"))
    place = corner.bounding_box()
    assert before is not None and place is not None
    page.mouse.move(place["x"] + 10, place["y"] + 10)
    page.mouse.down()
    page.mouse.move(place["x"] + 10 + before["width"], place["y"] + 110, steps=4)
    page.mouse.up()
    [kept] = said(page, "panel")
    after = card.bounding_box()
    assert after is not None and after["width"] > 1.5 * before["width"] and after["height"] > before["height"] + 80
    corner.press("ArrowUp")
    corner.press("ArrowLeft")
    [smaller] = said(page, "panel")
    sizes = [re.fullmatch(r"(\d+)x(\d+) val/loss", one) for one in (kept, smaller)]
    was, now = [[int(size[1]), int(size[2])] for size in sizes if size]
    assert now == [was[0] - 1, was[1] - 20]
    page.reload()
    expect(corner).to_have_accessible_name(re.compile(f"{now[0]} of 12 wide, {now[1]} pixels"))
    corner.press("Home")
    assert said(page, "panel") == []
    card.get_by_role("button", name="val/loss: more").click()
    card.get_by_role("button", name="Take off").click()
    expect(heads).to_have_text(["val/accuracy"])
    page.reload()
    expect(heads).to_have_text(["val/accuracy"])
    page.get_by_role("button", name="Charts that are taken off").click()
    page.get_by_role("dialog").get_by_role("button", name="val/loss").click()
    expect(heads).to_have_text(["val/loss", "val/accuracy"])
    card.get_by_role("button", name="val/loss: more").click()
    card.get_by_role("button", name="Move behind val/accuracy").click()
    expect(heads).to_have_text(["val/accuracy", "val/loss"])


def test_a_view_is_saved_for_everybody(page: Page, opened: Open) -> None:
    page.get_by_role("combobox", name="Filter runs").fill("params.penalty = 'l1'")
    expect(page.locator(".rows [role=row]")).to_have_count(1)
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_text("Nobody has saved a view yet.")).to_be_visible()
    page.get_by_label("Name of this view").fill("<i>l1</i> / only")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="<i>l1</i> / only", exact=True)).to_be_visible()
    assert axe(page) == []
    other = opened("/runs")
    expect(other.locator(".rows [role=row]").nth(1)).to_be_visible()
    other.get_by_role("button", name="Views").click()
    other.get_by_role("button", name="<i>l1</i> / only", exact=True).click()
    expect(other.locator(".rows [role=row]")).to_have_count(1)
    assert said(other, "q") == ["params.penalty = 'l1'"]
    other.get_by_role("button", name="Views").click()
    other.get_by_role("button", name="Forget").click()
    expect(other.get_by_text("Nobody has saved a view yet.")).to_be_visible()


def test_groups_are_drawn_as_their_means(opened: Open) -> None:
    page = opened("/runs?q=params.alpha%20%3E%200&group=params.penalty")
    expect(page.get_by_role("img", name="val/loss: 2 lines, step 0 to 39")).to_be_visible()
    page.get_by_role("img", name="val/loss").hover(position={"x": 200, "y": 90})
    expect(page.locator(".readings").first).to_contain_text("l2 (3)")
    page.get_by_label("X axis").select_option("relative")
    expect(page.get_by_role("img", name="val/loss: 2 lines, relative")).to_be_visible()


def test_the_columns_that_nobody_chose_fit(page: Page) -> None:
    grid = page.get_by_role("grid", name="Runs")
    expect(page.get_by_role("columnheader", name="alpha")).to_be_visible()
    assert grid.evaluate("grid => grid.scrollWidth <= grid.clientWidth")


def test_the_link_to_the_view_is_copied(page: Page) -> None:
    page.get_by_role("button", name="Copy a link to this view").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_a_run_that_goes_on_appears_and_grows(opened: Open, served: Served) -> None:
    page = opened("/runs?q=name%20%3D%20%27live%27")
    expect(page.get_by_text("No run passes")).to_be_visible()
    script = served.project.write(
        "live.py",
        """
        import anew, sys
        run = anew.init(name="live")
        for step, _ in enumerate(sys.stdin):
            anew.log({"seen": step}, step=step)
        """,
    )
    command = [sys.executable, str(script)]
    training = subprocess.Popen(
        command, cwd=Path(script).parent, env=served.project.environ, stdin=subprocess.PIPE, text=True
    )
    assert training.stdin is not None
    try:
        for upto in (3, 9):
            training.stdin.write("go\n" * (upto + 1 - (0 if upto == 3 else 4)))
            training.stdin.flush()
            expect(page.get_by_role("img", name=f"step 0 to {upto}")).to_be_visible()
        expect(page.locator(".rows")).to_contain_text("running")
    finally:
        training.stdin.close()
        training.wait(20)
    expect(page.locator(".rows")).not_to_contain_text("running")


def test_a_link_with_a_wrong_filter_says_so(opened: Open) -> None:
    page = opened("/runs?q=params.alpha%20%3E")
    expect(page.get_by_role("heading", name="The filter cannot be read")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="All runs").click()
    expect(page.get_by_role("heading", name="The filter cannot be read")).to_have_count(0)
    expect(page.locator(".rows [role=row]").first).to_be_visible()
