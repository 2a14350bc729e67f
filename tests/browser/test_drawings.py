"""What runs described for Plotly and Vega is drawn by them, shut in; what is hostile in it does nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Open, Served, axe
from browser.test_hostile_run import elsewhere as elsewhere  # a host that should never be asked
from projects import Project
from server.conftest import running

pytest.importorskip("playwright")
from playwright.sync_api import FrameLocator, Page, expect

LITE = "https://vega.github.io/schema/vega-lite/v5.json"
DAYS = [{"day": day, "sold": 3 * day % 7} for day in range(9)]
MEAN = {"mark": "rule", "encoding": {"y": {"field": "sold", "aggregate": "mean"}}}
BARS = {
    "mark": "bar",
    "encoding": {"x": {"field": "day", "type": "ordinal"}, "y": {"field": "sold", "type": "quantitative"}},
}
SPECS: dict[str, dict[str, Any]] = {
    "bars": {
        "data": [{"type": "bar", "x": ["a", "b"], "y": [3, 4], "name": "up"}], "layout": {"title": {"text": "Rising"}},
    },
    "mixed": {
        "data": [
            {"type": "heatmap", "z": [[1, 2], [3, 4]], "xaxis": "x2"}, {"type": "box", "y": [1, 2, 3, 9]},
            {"type": "histogram", "x": [1, 1, 2]}, {"type": "scattergl", "y": [1, 2], "fill": "tozeroy"},
            {"type": "pie", "values": [1, 2], "domain": {"x": [0.8, 1]}}, {"type": "surface", "z": [[1]]},
        ],
        "layout": {"xaxis": {"domain": [0, 0.4]}, "xaxis2": {"domain": [0.5, 0.75]}},
    },
    "surface": {"data": [{"type": "surface", "z": [[1]]}], "layout": {}},
    "layered": {"$schema": LITE, "data": {"values": DAYS}, "layer": [BARS, MEAN]},
    "wrong": {"$schema": LITE, "mark": "nonsense", "data": {"values": DAYS}},
}  # fmt: skip


def _hostile(host: str) -> dict[str, dict[str, Any]]:
    breaks = f"top.document.title='broken into';fetch('{host}/run')"
    html = f'<img src=x onerror="{breaks}"><script>{breaks}</script><a href="javascript:{breaks}">go</a>'
    escape = "'a'['constructor']['constructor'](\"" + breaks.replace('"', "'") + '")()'
    picture = {"mark": "image", "encoding": {"url": {"value": f"{host}/picture.png"}, "x": {"field": "day"}}}
    link = {
        "mark": "bar",
        "encoding": {**BARS["encoding"], "href": {"value": f"{host}/link"}, "tooltip": {"value": html}},
    }  # type: ignore[dict-item]
    return {
        "plotly": {
            "data": [{"y": [1, 2], "name": html, "text": [html, html], "mode": "text", "hovertemplate": html}],
            "layout": {
                "title": {"text": html}, "annotations": [{"text": html, "x": 0, "y": 1}],
                "images": [{"source": f"{host}/image.png", "x": 0, "y": 1, "sizex": 1, "sizey": 1}],
            },
        },
        "data": {"$schema": LITE, **BARS, "data": {"url": f"{host}/data.json"}},
        "ours": {"$schema": LITE, **BARS, "data": {"url": "/api/v1/runs"}},
        "picture": {"$schema": LITE, "data": {"values": DAYS}, "layer": [BARS, picture, link], "title": html},
        "code": {
            "$schema": "https://vega.github.io/schema/vega/v5.json", "width": 100, "height": 50,
            "signals": [{"name": "bad", "update": escape}],
            "marks": [{"type": "rect", "encode": {"update": {"x": {"signal": "bad"}}}}],
        },
    }  # fmt: skip


def _made(root: Path, specs: dict[str, dict[str, Any]]) -> tuple[Project, str]:
    project = Project(root / "work", root / "home")
    (root / "specs").mkdir()
    for name, spec in specs.items():
        (root / "specs" / f"{name}.json").write_text(json.dumps(spec))
    copy = f"for p in pathlib.Path({str(root)!r}, 'specs').iterdir(): open(p.name, 'w').write(p.read_text())"
    project.write("t.py", f"import pathlib\n{copy}\n")
    return project, project.run("t.py")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project, run = _made(tmp_path_factory.mktemp("described"), SPECS)
    with running(project.root / ".anew") as (address, _):
        yield Served(address, project, [run])


def _frame(page: Page, name: str) -> FrameLocator:
    return page.frame_locator(f"iframe[title^='{name}.json']")


def _shown(opened: Open, served: Served, name: str) -> Page:
    return opened(f"/runs/{served.runs[0]}?tab=data&file=wrote:{name}.json", address=served.address)  # type: ignore[no-any-return]


def test_plotly_draws_bars_that_are_a_table_too(opened: Open, described: Served) -> None:
    page = _shown(opened, described, "bars")
    expect(page.locator("iframe")).to_have_attribute("title", re.compile("Rising; bar up"))
    expect(page.locator("iframe")).to_have_attribute("sandbox", "allow-scripts")
    expect(_frame(page, "bars").locator(".bars .point")).to_have_count(2)
    expect(_frame(page, "bars").get_by_text("Rising")).to_be_visible()
    for kept, known in (("Save as SVG", "Rising"), ("Save what is drawn as CSV", "up,a,3")):
        page.get_by_role("button", name="bars.json: more").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=kept).click()
        assert known in Path(download.value.path()).read_text()
    page.get_by_role("button", name="bars.json: more").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    assert axe(page) == []
    page.get_by_role("button", name="bars.json: more").click()
    page.get_by_role("button", name="View as table").click()
    expect(page.get_by_role("region", name="Rows of bars.json").get_by_role("row")).to_have_count(3)


def test_plotly_draws_what_it_can_and_names_the_rest(opened: Open, described: Served) -> None:
    page = _shown(opened, described, "mixed")
    frame = _frame(page, "mixed")
    for part in (".hm", ".boxes", ".bars", ".scatter", ".slice"):
        expect(frame.locator(part).first).to_be_attached()
    expect(page.get_by_text("Drawn by Plotly, without surface")).to_be_visible()
    page = _shown(opened, described, "surface")
    expect(page.get_by_text("Not drawn: this page cannot draw surface")).to_be_visible()
    expect(page.get_by_role("region", name="surface.json as text")).to_contain_text('"layout"')


def test_vega_draws_layers(opened: Open, described: Served) -> None:
    page = _shown(opened, described, "layered")
    expect(_frame(page, "layered").locator(".mark-rect.role-mark path")).to_have_count(9)
    expect(_frame(page, "layered").locator(".mark-rule.role-mark line")).to_have_count(1)
    page.get_by_role("button", name="layered.json: more").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG").click()
    assert Path(download.value.path()).read_text().startswith("<svg")
    page = _shown(opened, described, "wrong")
    expect(page.get_by_text("Not drawn: ")).to_be_visible()


def test_hostile_descriptions_run_nothing_and_ask_for_nothing(
    browser: Any, tmp_path: Path, elsewhere: tuple[str, list[str]]
) -> None:
    host, asked = elsewhere
    specs = _hostile(host)
    project, run = _made(tmp_path, specs)
    with running(project.root / ".anew") as (address, _):
        context = browser.new_context(base_url=address)
        page = context.new_page()
        wanted: list[str] = []
        page.on("request", lambda request: wanted.append(request.url))
        for name in specs:
            page.goto(f"/runs/{run}?tab=data&file=wrote:{name}.json")
            page.get_by_text(re.compile("Drawn by|Not drawn: ")).wait_for()
            if name in ("plotly", "picture"):
                expect(page.get_by_text("Drawn by")).to_be_visible()
                frame = _frame(page, name)
                for link in frame.locator("a").all():
                    link.dispatch_event("click")
                assert frame.locator("script:not([src]), [onerror], a[href^='javascript']").count() == 0
            page.wait_for_timeout(300)  # for what must not come
            assert page.title() != "broken into" and page.url.startswith(address)
            frames = [one.url for one in page.frames[1:]]
            assert all(url.startswith(f"{address}/drawing/") for url in frames), frames
        mine = [url for url in wanted if url.startswith(host) or url.endswith("/api/v1/runs")]
        context.close()
    assert asked == [] and mine == []


def test_what_is_drawn_takes_the_theme_of_the_page(opened: Open, described: Served) -> None:
    page = opened(f"/runs/{described.runs[0]}?tab=data&file=wrote:bars.json", "dark", address=described.address)
    expect(_frame(page, "bars").get_by_text("Rising")).to_have_css("fill", "rgb(230, 233, 231)")
    page.emulate_media(color_scheme="light")
    expect(_frame(page, "bars").get_by_text("Rising")).not_to_have_css("fill", "rgb(230, 233, 231)")
