"""The page of a run: every part of it, and what was logged as what it is."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import SIZES, Open, Served, axe
from projects import Project
from server.conftest import running

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

RICH = """
    import json, math, struct, sys, time
    import anew
    import numpy as np
    from helpers import double

    rows = open("points.csv").read().splitlines()
    run = anew.init(config={"lr": 0.1}, tags={"team": "a"}, notes="first try")
    for step in range(4):
        anew.log({"loss": 1 / (step + 1)}, step=step)
        anew.log({"weights": anew.Histogram(np.arange(20.0) * double(step))}, step=step)
        anew.log({"sample": anew.Image(np.full((8, 8, 1), step / 4), caption=f"of step {step}")}, step=step)
        print(f"epoch {step} \\033[32mok\\033[0m")
    print("watch out", file=sys.stderr)
    anew.log({"confusion": anew.Table(["cat", "dog"], [[8, 1], [2, 9]])}, step=3)
    anew.log({"roc_curve": anew.Table(["fpr", "tpr"], [[0, 0], [0.1, 0.8], [1, 1]])}, step=3)
    anew.log({"guesses": anew.Table(["n", "said"], [[n, "owl" if n % 7 else "cat"] for n in range(300)])}, step=3)
    anew.log({"story": anew.Text("once upon a time")}, step=3)
    json.dump({"a": {"b": [1, 2]}}, open("metrics.json", "w"))
    tone = b"".join(struct.pack("<h", int(9000 * math.sin(i / 8))) for i in range(2000))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    data = b"data" + struct.pack("<I", len(tone)) + tone
    open("tone.wav", "wb").write(b"RIFF" + struct.pack("<I", 36 + len(tone)) + head + data)
    open("long.txt", "w").write("".join(f"line {n}\\n" for n in range(90_000)))
    open("raw.bin", "wb").write(bytes(range(256)))
"""

NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "source": "# A first look"},
        {
            "cell_type": "code", "execution_count": 4, "source": ["import math\n", "print(math.tau)"],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["6.28\n"]}],
        },
    ],
    "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A run that logs one of each, under git, with uncommitted changes; and one before, of other code."""
    root = tmp_path_factory.mktemp("rich")
    project = Project(root / "work", root / "home")
    project.write("train.py", RICH)
    project.write("helpers.py", "def double(x):\n    return 2 * x\n")
    project.write("unused.py", "1\n")
    project.write("explore.ipynb", json.dumps(NOTEBOOK))
    project.write("points.csv", "name,size\n" + "".join(f"n{n},{n * 37 % 1000}\n" for n in range(1000)))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=project.root, check=True)
    before = project.run("train.py")
    project.write("helpers.py", "def double(x):\n    return x + x\n")
    run = project.run("train.py")
    project.reproduce(run)
    with running(project.root / ".anew") as (address, _):
        yield Served(address, project, [run, before])


def _part(opened: Open, rich: Served, part: str, **how: str) -> Page:
    page = opened(f"/runs/{rich.runs[0]}?tab={part}", address=rich.address, **how)
    expect(page.get_by_role("navigation", name="Parts of the run")).to_be_visible()
    return page  # type: ignore[no-any-return]


PARTS = {
    "media": "once upon a time",
    "code": "import numpy as np",
    "code&diff=commit": "return x + x",
    "code&diff=run&with={before}": "return x + x",
    "data": "metrics.json",
    "data&file=read:points.csv": "1,000 rows",
    "console": "watch out",
}


@pytest.mark.parametrize("part", PARTS)
def test_part(opened: Open, rich: Served, part: str) -> None:
    page = _part(opened, rich, part.format(before=rich.runs[1]))
    for theme, size in itertools.product(("light", "dark"), SIZES):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
        page.get_by_text(PARTS[part]).first.wait_for()
        expect(page.locator("[aria-busy=true], .skeleton")).to_have_count(0)
        assert axe(page) == [], (theme, size)
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), size


def test_media_over_steps(opened: Open, rich: Served) -> None:
    page = _part(opened, rich, "media")
    sample = page.get_by_role("region", name="sample")
    expect(sample.get_by_text("of step 3")).to_be_visible()
    expect(sample.get_by_role("img")).to_have_js_property("naturalWidth", 8)
    slider = page.get_by_role("slider", name="step")
    slider.focus()
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    expect(sample.get_by_text("of step 1")).to_be_visible()
    expect(page).to_have_url(re.compile("at=1"))
    expect(page.get_by_role("img", name=re.compile("weights: 20 values from 0 to 38"))).to_be_visible()
    page.get_by_role("button", name=re.compile("of step 1: larger")).click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="confusion", exact=True)).to_contain_text("17 of 20 on the diagonal (85")
    expect(page.get_by_role("img", name=re.compile("roc_curve: tpr from 0 to 1"))).to_be_visible()
    page.get_by_role("button", name="roc_curve: more").click()
    page.get_by_role("button", name="View as table").click()
    expect(page.get_by_role("region", name="Rows of roc_curve").get_by_role("row")).to_have_count(4)
    page.get_by_role("button", name="confusion: more").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG").click()
    assert ">dog</text>" in Path(download.value.path()).read_text()
    expect(page.get_by_label("tone.wav", exact=True).last).to_have_js_property("error", None)
    page.get_by_role("searchbox", name="Find media").fill("guess")
    rows = page.get_by_role("region", name="Rows of guesses").get_by_role("row")
    page.get_by_role("button", name="n", exact=True).click()
    expect(rows.nth(1)).to_contain_text("299")
    page.get_by_label("Find in the rows of guesses").fill("cat")
    expect(page.get_by_text("43 of 300 rows")).to_be_visible()


def test_code_as_it_ran_against_its_commit_and_another_run(opened: Open, rich: Served) -> None:
    page = _part(opened, rich, "code")
    files = page.get_by_role("region", name="Files").get_by_role("button")
    expect(files.nth(1)).to_be_visible()
    assert [text.split() for text in files.all_inner_texts()][:2] == [["train.py", "entry"], ["helpers.py", "ran"]]
    files.nth(1).click()
    expect(page.get_by_role("region", name="helpers.py").first).to_contain_text("return x + x")
    expect(page.locator(".tok-keyword").first).to_have_text("def")
    page.get_by_role("button", name="explore.ipynb").click()
    cells = page.get_by_role("list", name="Cells of explore.ipynb").get_by_role("listitem")
    expect(cells).to_contain_text(["# A first look", "6.28"])
    expect(cells.nth(1).locator(".tok-keyword")).to_have_text("import")
    assert axe(page) == []
    page.get_by_role("button", name="Against the commit").click()
    changed = page.get_by_role("region", name="helpers.py", exact=True)
    expect(changed.locator(".removed")).to_have_text("-    return 2 * x")
    page.get_by_role("button", name="Against a run").click()
    page.get_by_role("searchbox", name="Another run").fill(rich.runs[1])
    expect(page.get_by_text("1 run of work")).to_be_visible()
    page.get_by_role("searchbox", name="Another run").press("Enter")
    expect(page).to_have_url(re.compile(f"with={rich.runs[1]}"))
    expect(changed.locator(".added")).to_have_text("+    return x + x")
    expect(page.get_by_text("1 file changed; ")).to_be_visible()


def test_data_is_previewed_in_part_and_leads_on(opened: Open, rich: Served) -> None:
    asked: list[str] = []
    page = _part(opened, rich, "data")
    page.on("request", lambda request: asked.append(request.headers.get("range", "")))
    page.get_by_role("button", name="long.txt").click()
    expect(page.get_by_text("line 0", exact=True)).to_be_visible()
    expect(page.get_by_text("The first 524 kB of 979 kB")).to_be_visible()
    assert "bytes=0-524287" in asked
    assert page.locator(".text-lines > div > div").count() < 200  # of tens of thousands
    page.get_by_role("button", name="raw.bin").click()
    expect(page.get_by_text("00 01 02 03")).to_be_visible()
    page.get_by_role("button", name="metrics.json").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save metrics.json").click()
    assert Path(download.value.path()).read_text() == '{"a": {"b": [1, 2]}}'
    page.get_by_role("button", name="points.csv").click()
    page.get_by_role("link", name="its lineage").click()
    page.wait_for_url("**/lineage?of=data:*")


def test_what_people_say_of_a_run_is_changed_in_place(opened: Open, rich: Served) -> None:
    page = _part(opened, rich, "overview")
    page.get_by_label("Add a tag").fill("stage=best of all")
    page.get_by_label("Add a tag").press("Enter")
    tags = page.get_by_role("list", name="Tags")
    expect(tags).to_contain_text("stage best of all")
    page.get_by_role("button", name="Remove the tag team").click()
    expect(tags).not_to_contain_text("team")
    page.get_by_role("button", name="first try").click()
    page.get_by_label("Notes", exact=True).fill("looked at\nby me")
    page.get_by_role("button", name="Keep").click()
    page.reload()
    expect(page.get_by_role("button", name="looked at by me")).to_be_visible()
    expect(tags).to_contain_text("best of all")
    page.get_by_role("link", name="evidence").click()
    page.wait_for_url(f"**/reproductions/{rich.runs[0]}/*")


def test_the_console_of_both_streams(opened: Open, rich: Served) -> None:
    page = _part(opened, rich, "console")
    expect(page.locator(".text-lines .stderr")).to_have_text(re.compile("watch out"))
    expect(page.locator(".ansi-green").first).to_have_text("ok")
    page.get_by_role("searchbox", name="Find in the output").fill("epoch 2")
    expect(page.get_by_text("1 of 5 lines")).to_be_visible()
    page.get_by_role("searchbox", name="Find in the output").fill("")
    page.get_by_role("button", name="stderr").click()
    expect(page.locator(".text-lines > div > div")).to_have_count(1)


def test_a_failure_shows_its_last_words_however_much_it_printed(opened: Open, tmp_path: Path) -> None:
    project = Project(tmp_path / "work", tmp_path / "home")
    lines = "for n in range(100_000): print('much', n, 'x' * 90)"
    project.write("loud.py", f"{lines}\nraise ValueError('at the very end')\n")
    run = project.run("loud.py", code=1)
    with running(project.root / ".anew") as (address, _):
        page = opened(f"/runs/{run}", address=address)
        words = page.get_by_role("region", name="The last it printed")
        expect(words).to_contain_text("ValueError: at the very end")
        expect(words).to_contain_text("much 99999")
        assert axe(page) == []
        page.close()  # before its server goes


def test_the_console_is_followed_while_it_runs(opened: Open, tmp_path: Path) -> None:
    project = Project(tmp_path / "work", tmp_path / "home")
    project.write("slow.py", "for n in range(900):\n    print('line', n, flush=True)\ninput()\nprint('the end')\n")
    words = [sys.executable, "-m", "anew", "run", "--quiet", "slow.py"]
    with running(project.root / ".anew") as (address, _):
        running_one = subprocess.Popen(words, cwd=project.root, env=project.environ, stdin=subprocess.PIPE, text=True)
        page = opened("/", address=address)
        page.get_by_role("link", name=re.compile("^slow")).first.click()
        page.get_by_role("button", name="console").click()
        expect(page.get_by_text("line 899", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
        assert running_one.stdin is not None
        running_one.stdin.write("\n")
        running_one.stdin.close()
        expect(page.get_by_text("the end", exact=True)).to_be_in_viewport()
        running_one.wait(20)
        expect(page.get_by_role("button", name="Follow")).to_have_count(0)
        page.close()  # before its server goes
