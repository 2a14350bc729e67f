"""Verdicts with their evidence, the registry, data and lineage, as people go through them."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from browser.conftest import Open, Served, axe
from projects import Project
from server.conftest import running


def test_from_the_board_to_the_first_difference(opened: Open, audited: Served) -> None:
    page = opened("/reproductions", address=audited.address)
    board = page.get_by_role("region", name="Verdicts").get_by_role("row")
    expect(board).to_have_count(3)
    page.get_by_role("button", name="diverged").click()
    expect(board).to_have_count(2)
    expect(page).to_have_url(re.compile("verdict=diverged"))
    page.get_by_role("link", name=re.compile("^clock")).click()
    expect(page.get_by_role("heading", name="diverged")).to_be_visible()
    expect(page.get_by_text("Cause: time.")).to_be_visible()
    chart = page.get_by_role("img", name=re.compile("score: 2 lines.*first difference: step 10"))
    expect(chart).to_be_visible()
    outputs = page.get_by_role("region", name="What was compared")
    expect(outputs.get_by_role("row", name=re.compile("score.*differs"))).to_be_visible()
    page.go_back()
    expect(board).to_have_count(2)


def test_evidence_of_an_identical_run(opened: Open, audited: Served) -> None:
    page = opened(f"/reproductions/{audited.runs[1]}/0", address=audited.address)
    factors = page.get_by_role("region", name="Factors")
    expect(factors.get_by_text("put back").first).to_be_visible()
    outputs = page.get_by_role("region", name="What was compared")
    expect(outputs.get_by_role("row", name=re.compile("mean.*same"))).to_be_visible()
    expect(outputs.get_by_text("differs")).to_have_count(0)


def test_a_version_is_moved_and_the_ledger_tells(opened: Open, audited: Served) -> None:
    page = opened("/models", address=audited.address)
    page.get_by_role("link", name="line", exact=True).click()
    expect(page.get_by_role("link", name="compare their runs")).to_have_attribute("href", re.compile("run=.*&run="))
    second = page.get_by_role("row", name=re.compile("^v2 "))
    second.get_by_role("button", name="Move…").click()
    dialog = page.get_by_role("dialog", name="Move version 2")
    dialog.get_by_role("combobox").select_option("Production")
    expect(dialog.get_by_text("archive v1, now in production")).to_be_visible()
    dialog.get_by_role("button", name="Put it into production").click()
    expect(second.get_by_text("production")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^v1 ")).get_by_text("archived")).to_be_visible()
    history = page.get_by_role("region", name="History").get_by_role("listitem")
    expect(history.first).to_contain_text("v2 moved from no stage to production; v1 archived")


def test_two_contents_of_a_path_are_compared(opened: Open, audited: Served) -> None:
    page = opened("/data", address=audited.address)
    page.get_by_role("searchbox").fill("clean")
    page.get_by_role("button", name=re.compile("clean.csv")).click()
    difference = page.get_by_role("region", name="Difference", exact=True)
    expect(difference.locator(".removed")).to_have_text("-0")
    expect(difference.get_by_label("Rows and columns")).to_contain_text("the same")
    page.get_by_role("radio", name=re.compile("as the new one")).last.check()
    page.get_by_role("radio", name=re.compile("as the old one")).first.check()
    expect(difference.locator(".added")).to_have_text("+0")
    expect(page).to_have_url(re.compile("find=clean.*old="))


def test_lineage_is_walked_by_keys(opened: Open, audited: Served) -> None:
    page = opened(f"/lineage?of=run:{audited.runs[1]}", address=audited.address)
    graph = page.get_by_role("group", name=re.compile("Lineage: "))
    graph.get_by_role("button", name=re.compile("fit-")).focus()
    chosen = page.get_by_role("region", name="What is chosen")
    page.keyboard.press("ArrowLeft")
    expect(chosen.get_by_text("clean.csv").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    beside = {"line v1", "model.txt"}
    first = chosen.get_by_role("heading").inner_text().split("\n")[0]
    page.keyboard.press("ArrowDown")
    if first in chosen.get_by_role("heading").inner_text():  # it was the lower of the two
        page.keyboard.press("ArrowUp")
    assert {first, chosen.get_by_role("heading").inner_text().split("\n")[0]} == beside
    expect(graph.get_by_role("button", name=re.compile("predict-"))).to_be_visible()
    expect(graph.get_by_role("button", name=re.compile("line v1"))).to_be_visible()
    page.get_by_role("button", name="Larger").click()
    for kept, known in (("Save as SVG", "clean.csv</text>"), ("Save what is drawn as CSV", "run,clean.csv,data")):
        page.get_by_role("button", name="Lineage: more").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=kept).click()
        assert known in Path(download.value.path()).read_text()
    chosen.get_by_role("link", name="Start from here").click()
    expect(page).to_have_url(re.compile("of=data"))


def test_versions_of_a_dataset_are_compared(opened: Open, tmp_path: Path) -> None:
    project = Project(tmp_path / "flowers", tmp_path / "home")
    project.write("data/f.csv", "id,size\n1,2.5\n2,3.5\n3,9\n")
    project.json("add", "data", "-m", "as measured")
    project.write("t.py", "open('out', 'w').write(open('data/f.csv').read())\n")
    run = project.run("t.py")
    for version in ("id,size,kind\n1,2.5,a\n2,4.5,b\n", "id,size,kind\n1,2.5,a\n"):
        project.write("data/f.csv", version)
        project.write("data/why.txt", "measured")
        project.json("add", "data")
    with running(project.root / ".anew") as (address, _):
        page = opened("/data", address=address)
        versions = page.get_by_role("region", name="Versions of data")
        expect(versions.get_by_role("row")).to_have_count(4)
        expect(versions).to_contain_text("as measured")
        difference = page.get_by_role("region", name="Difference of versions")
        expect(difference).to_contain_text("v2 → v3")
        versions.get_by_role("radio", name="v1 as the old one").check()
        versions.get_by_role("radio", name="v2 as the new one").check()
        expect(page).to_have_url(re.compile("before=1&after=2"))
        expect(difference.get_by_role("row", name=re.compile("why.txt"))).to_contain_text("added")
        table = difference.get_by_role("group", name="Difference of f.csv")
        expect(table).to_contain_text("3 → 2: +0 −1, 1 changed by id")
        expect(table).to_contain_text("kind added")
        expect(table.get_by_role("row", name=re.compile("size"))).to_contain_text("KS")
        expect(page.get_by_role("region", name="What v2 holds")).to_contain_text("2 rows, 3 columns")
        assert axe(page) == []
        versions.get_by_role("radio", name="v1 as the new one").check()
        page.get_by_role("region", name="Runs that read v1").get_by_role("link", name=re.compile("t-")).click()
        expect(page).to_have_url(re.compile(run))
        page.goto(f"{address}/lineage?of=run:{run}")
        page.get_by_role("button", name=re.compile("data:v1")).click()
        page.get_by_role("link", name="Open the version").click()
        expect(page).to_have_url(re.compile("dataset=data&after=1"))
        page.close()  # it listens to events of this server
