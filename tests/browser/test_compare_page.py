"""Comparing: what differs, what is best, brushes, dots, importance; all of it in the address."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from browser.conftest import Open, Served, axe
from projects import Project
from server.conftest import running

pytest.importorskip("playwright")
from PIL import Image
from playwright.sync_api import Page, expect


def said(page: Page, name: str) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get(name, [])


def compared(served: Served, *, tab: str = "differences", more: str = "") -> str:
    """Three runs of one script: alpha 0.0001 with l2, 0.001 with l2, 0.001 with l1."""
    three = [served.runs[at] for at in (3, 2, 1)]
    return f"/compare?{'&'.join(f'run={run}' for run in three)}&tab={tab}{more}"


def row(page: Page, name: str) -> list[str]:
    return page.locator("tr").filter(has=page.get_by_role("rowheader", name=name)).locator("td").all_inner_texts()


def test_the_runs_in_the_charts_are_compared(opened: Open) -> None:
    page = opened("/runs?q=params.alpha%20%3E%200")
    page.get_by_role("link", name="Compare 4").click()
    expect(page.get_by_role("list", name="Compared runs").get_by_role("link")).to_have_count(4)
    assert len(said(page, "run")) == 4
    page.get_by_role("button", name="Leave out").first.click()
    expect(page.get_by_role("list", name="Compared runs").get_by_role("link")).to_have_count(3)
    page.get_by_role("button", name="Add a run").click()
    page.get_by_role("dialog", name="Add a run").get_by_role("button").first.click()
    expect(page.get_by_role("list", name="Compared runs").get_by_role("link")).to_have_count(4)
    page.go_back()
    expect(page.get_by_role("list", name="Compared runs").get_by_role("link")).to_have_count(3)


def test_chosen_runs_are_compared_from_the_palette(opened: Open, served: Served) -> None:
    page = opened(f"/runs?sel={served.runs[0]}&sel={served.runs[1]}")
    expect(page.locator(".plot").first).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("option", name="Compare the 2 chosen runs").click()
    page.wait_for_url("**/compare?**")
    expect(page.get_by_role("list", name="Compared runs").get_by_role("link")).to_have_count(2)


def test_only_what_differs_and_the_best(opened: Open, served: Served) -> None:
    page = opened(compared(served))
    expect(page.get_by_role("rowheader", name="alpha")).to_be_visible()
    assert row(page, "alpha") == ["0.0001", "0.001", "0.001"] and row(page, "penalty") == ["l2", "l2", "l1"]
    expect(page.get_by_role("rowheader", name="numpy")).to_have_count(0)
    best = page.locator("tr").filter(has=page.get_by_role("rowheader", name="val/loss")).locator("td.best")
    expect(best).to_have_count(1)
    before = best.inner_text()
    page.get_by_role("button", name="val/loss: less is better").click()
    expect(page.get_by_role("button", name="val/loss: more is better")).to_be_visible()
    assert best.inner_text() != before and said(page, "turned") == ["val/loss"]
    page.get_by_role("button", name="and what is the same").click()
    expect(page.get_by_role("rowheader", name="numpy", exact=True)).to_be_visible()
    page.get_by_label("Find a row").fill("numpy")
    expect(page.get_by_role("rowheader", name="alpha")).to_have_count(0)
    assert said(page, "same") == ["1"] and said(page, "find") == ["numpy"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "comparison.csv"


def test_lines_are_brushed_by_mouse_and_by_figures(opened: Open, served: Served) -> None:
    page = opened(compared(served, tab="parallel"))
    outcome = page.locator(".outcome [role=status]")
    expect(outcome).to_have_text("3 runs")
    page.get_by_role("button", name="alpha", exact=True).click()
    page.get_by_label("from").fill("0.0005")
    page.get_by_role("button", name="Take", exact=True).click()
    expect(outcome).to_have_text("2 of 3 runs")
    page.keyboard.press("Escape")
    grip = page.locator(".grip[data-axis='params.penalty']")
    box = grip.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.55)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9, steps=4)
    page.mouse.up()
    expect(outcome).to_have_text("1 of 3 runs")
    assert len(said(page, "brush")) == 2
    expect(page.get_by_role("region", name="Runs on the axes").locator("tbody tr")).to_have_count(1)
    assert axe(page) == []
    page.reload()
    expect(outcome).to_have_text("1 of 3 runs")
    page.get_by_role("button", name="Clear").click()
    expect(outcome).to_have_text("3 runs")
    page.get_by_role("button", name="penalty", exact=True).click()
    page.get_by_label("l1").check()
    expect(outcome).to_have_text("1 of 3 runs")
    page.get_by_role("button", name="← move").click()
    assert said(page, "axis").index("params.penalty") < said(page, "axis").index("params.alpha")


def test_a_line_tells_whose_it_is_and_opens_it(opened: Open, served: Served) -> None:
    page = opened(compared(served, tab="parallel", more="&axis=params.alpha&axis=params.penalty"))
    area = page.locator(".strands")
    box = area.bounding_box()
    assert box is not None
    # Between both axes the line of 0.0001 and l2 is the one that rises from the foot.
    page.mouse.move(box["x"] + box["width"] * 0.27, box["y"] + box["height"] * 0.95 - 12)
    expect(page.locator(".readings")).to_contain_text("0.0001")
    area.click(position={"x": box["width"] * 0.27, "y": box["height"] * 0.95 - 12})
    page.wait_for_url(f"**/runs/{served.runs[3]}")


def test_dots_have_any_two_axes_and_a_colour(opened: Open, served: Served) -> None:
    page = opened(compared(served, tab="scatter"))
    expect(page.locator(".scatter circle")).to_have_count(3)
    page.get_by_role("button", name="all of digits").click()
    page.get_by_label("across").select_option("params.penalty")
    page.get_by_label("colour").select_option("params.alpha")
    expect(page.locator(".scatter circle")).to_have_count(4)
    assert said(page, "across") == ["params.penalty"] and said(page, "tint") == ["params.alpha"]
    expect(page.locator(".tint-key")).to_contain_text("alpha")
    page.locator(".scatter circle").first.hover()
    expect(page.locator(".readings")).to_contain_text("penalty")
    page.get_by_role("button", name="Turn the axes").click()
    expect(page.get_by_role("combobox", name="up")).to_have_value("params.penalty")


def test_importance_is_told_for_a_metric_and_drawn(opened: Open, served: Served) -> None:
    page = opened(compared(served, tab="importance"))
    expect(page.get_by_role("rowheader", name="alpha")).to_be_visible()
    page.get_by_role("combobox", name="what moves").select_option(label="train/loss")
    expect(page.get_by_text("of the variance of train/loss")).to_be_visible()
    expect(page.get_by_text("among the 4 runs of digits")).to_be_visible()
    page.get_by_role("rowheader", name="alpha").get_by_role("button").click()
    expect(page.locator(".scatter circle")).to_have_count(4)
    assert said(page, "tab") == ["scatter"] and said(page, "across") == ["params.alpha"]


def saved(page: Page, what: str, name: str) -> bytes:
    """What a menu of a drawing saves."""
    page.get_by_role("button", name=re.compile(f"{what}.*: more")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes()


DRAWINGS = {
    "parallel": ("3 runs over", 3, "M"),
    "scatter": ("val.accuracy over", 3, "<circle"),
    "importance": ("What moves val.accuracy", 2, "importance"),
}


@pytest.mark.parametrize("tab", DRAWINGS)
def test_each_drawing_is_a_table_and_files_too(opened: Open, served: Served, tab: str) -> None:
    what, rows, drawn = DRAWINGS[tab]
    page = opened(compared(served, tab=tab))
    page.get_by_role("button", name=re.compile(f"{what}.*: more")).wait_for()
    lines = saved(page, what, "Save what is drawn as CSV").decode().splitlines()
    assert len(lines) == 1 + rows and "alpha" in "".join(lines)
    svg = saved(page, what, "Save as SVG").decode()
    assert drawn in ElementTree.canonicalize(svg) and "alpha" in svg and "var(" not in svg
    assert ("paint-order" in svg) == (tab != "importance")  # else what stands behind letters is painted over them
    with Image.open(io.BytesIO(saved(page, what, "Save as PNG"))) as picture:
        assert picture.width > 600 and len(picture.convert("RGB").getcolors(1 << 24) or ()) > 10
    if tab != "importance":  # which is a table
        page.get_by_role("button", name=re.compile(f"{what}.*: more")).click()
        page.get_by_role("button", name="View as table").click()
        table = page.get_by_role("region", name=re.compile(f"Rows of {what}"))
        expect(table.get_by_role("row")).to_have_count(1 + rows)
        assert axe(page) == []


def test_media_stand_side_by_side_at_a_step(opened: Open, painted: Served) -> None:
    runs = "&".join(f"run={run}" for run in painted.runs)
    page = opened(f"/compare?{runs}&tab=media", address=painted.address)
    row = page.get_by_role("region", name="samples")
    expect(row.get_by_role("img")).to_have_count(2)
    expect(row).to_contain_text("step 4")
    page.get_by_role("slider", name="step").fill("1")
    expect(row).to_contain_text("step 2")
    assert said(page, "step") == ["2"]
    for at in (0, 1):
        expect(row.get_by_role("img").nth(at)).to_have_js_property("naturalWidth", 12)
    assert axe(page) == []
    page.get_by_label("Find media by name").fill("said")
    expect(row).to_have_count(0)
    expect(page.get_by_role("region", name="said").first).to_contain_text("<b>two</b>")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_metric_runs_along_the_axis(opened: Open, painted: Served) -> None:
    runs = "&".join(f"run={run}" for run in painted.runs)
    page = opened(f"/compare?{runs}&tab=charts", address=painted.address)
    page.get_by_label("X axis").select_option("epoch")
    chart = page.get_by_role("img", name="loss: 2 lines, epoch 0 to 1")
    expect(chart).to_be_visible()
    assert said(page, "x") == ["metric:epoch"]
    area = chart.locator(".u-over")
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**zoom=0.**")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two runs that log a picture, a text and two metrics at steps 0, 2 and 4."""
    root = tmp_path_factory.mktemp("painted")
    project = Project(root / "paint", root / "home")
    project.write(
        "paint.py",
        """
        import sys
        import anew
        import numpy as np
        run = anew.init(name=sys.argv[1])
        for step in (0, 2, 4):
            anew.log({"samples": np.full((12, 12, 3), 50 * step, np.uint8), "said": f"<b>{sys.argv[1]}</b>"}, step=step)
            anew.log({"loss": 1 / (step + 1), "epoch": step / 4}, step=step)
        """,
    )
    runs = [project.run("paint.py", name) for name in ("one", "two")]
    with running(project.root / ".anew") as (address, _):
        yield Served(address, project, runs)
