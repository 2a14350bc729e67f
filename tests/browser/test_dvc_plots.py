"""The page that `anew dvc plots` writes is drawn from the disk, and asks for nothing that does not lie beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

PIXEL = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
SHARP = '<b>&amp;</b>"{plot_divs}</script>'


def test_a_page_of_plots(browser: Any, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text("plots: [loss.csv, one.svg, c.json: {template: confusion, x: a, y: b}]\n")
    (tmp_path / "loss.csv").write_text(f"step,loss\n0,1\n1,0.5\n2,{SHARP}\n")
    (tmp_path / "c.json").write_text('[{"a": "cat", "b": "dog"}, {"a": "dog", "b": "dog"}]')
    (tmp_path / "one.svg").write_bytes(PIXEL)
    command = [sys.executable, "-m", "anew", "dvc", "plots", "show", "--title", SHARP]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    address = done.stdout.strip()
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    for name in ("loss.csv", "c.json"):
        page.frame_locator(f'iframe[title="{name}"]').locator("svg").first.wait_for()
    assert page.locator("img").evaluate("image => image.complete && image.naturalWidth") == 9
    said = page.frame_locator('iframe[title="loss.csv"]').locator("svg").first.text_content()
    context.close()
    assert "plot_divs" in said  # the title, as text
    assert problems == [] and len(asked) == 2 and all(url.startswith("file://") for url in asked)
