"""The page as the server gives it: under every address of a view, with a strict policy, packed, and nothing besides."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anew.errors import NotFound
from anew.hub import Hub
from anew.routes import Call
from anew.server import pages
from anew.store.location import Store
from server.asking import Asked

SCRIPT = b"console.log(1)"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of one script, in the place of the built one."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Anew</title>")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "assets/main-abc.js").write_bytes(SCRIPT)
    (tmp_path / "assets/main-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "assets/main-abc.js.br").write_bytes(b"brotli")
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    return tmp_path


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(Store(tmp_path / ".anew"))
    yield hub
    hub.close()


def asset(hub: Hub, name: str, accepts: str = "") -> pages.Response:
    return pages.asset(Call(hub, "GET", {"name": name}, [], headers={"accept-encoding": accepts}))


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/runs/abc", "/compare", "/models/a/b", "/data", "/reproductions/r/0", "/lineage"]
)
def test_every_view_is_the_page_under_a_strict_policy(asked: Asked, path: str) -> None:
    answer = asked("GET", path)
    assert answer.status in (200, 503)  # 503: not built here; it says how
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.status == 200 or b"make ui" in answer.body


def test_what_draws_is_in_a_frame_that_can_ask_for_nothing(built: Path, hub: Hub) -> None:
    (built / "assets/drawing-vega-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    answer = pages.drawing(Call(hub, "GET", {"library": "vega"}, []))
    policy = answer.headers["content-security-policy"]
    assert (
        policy.startswith("sandbox allow-scripts;") and "default-src 'none'" in policy and "connect-src" not in policy
    )
    assert b'src="/assets/drawing-vega-abc.js"' in bytes(answer.body)
    # Kept packed only, and unpacked for whoever takes it no other way.
    assert gzip.decompress(bytes(asset(hub, "drawing-vega-abc.js", "gzip").body)) == SCRIPT
    assert asset(hub, "drawing-vega-abc.js").body == SCRIPT
    for none in ("plotly", "../secret", "*", "vega-abc"):
        with pytest.raises(NotFound):
            pages.drawing(Call(hub, "GET", {"library": none}, []))


def test_a_page_that_is_not_built_says_how(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path / "none")
    answer = pages.view(Call(hub, "GET", {}, []))
    assert answer.status_code == 503 and b"make ui" in answer.body


def test_files_are_packed_as_the_browser_takes_them_and_kept_for_ever(built: Path, hub: Hub) -> None:
    assert pages.view(Call(hub, "GET", {}, [])).headers["cache-control"] == "no-cache"
    for accepts, encoding in (("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("", None), ("identity", None)):
        answer = asset(hub, "main-abc.js", accepts)
        assert answer.headers.get("content-encoding") == encoding
        assert "immutable" in answer.headers["cache-control"] and answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert asset(hub, "main-abc.js").body == SCRIPT


def test_the_files_of_a_view_are_fetched_with_the_first_script(built: Path, hub: Hub) -> None:
    (built / "index.html").write_text('<head><script src="/assets/main-abc.js"></script></head>')
    chunks = {
        "src/pages/runs/Runs.tsx": {
            "file": "assets/Runs-1.js",
            "css": ["assets/Runs-2.css"],
            "imports": ["_a", "main"],
        },
        "_a": {"file": "assets/a-3.js", "imports": ["src/pages/runs/Runs.tsx"]},
        "main": {"file": "assets/main-abc.js"},
    }
    (built / "manifest.json").write_text(json.dumps(chunks))
    html = bytes(pages.view(Call(hub, "GET", {}, []), "runs/Runs").body).decode()
    assert re.findall(r'<link rel="(\w+)" crossorigin href="([^"]+)">', html) == [
        ("stylesheet", "/assets/Runs-2.css"),
        ("modulepreload", "/assets/Runs-1.js"),
        ("modulepreload", "/assets/a-3.js"),
    ]
    assert b"<link" not in bytes(pages.view(Call(hub, "GET", {}, []), "none/None").body)


def test_each_view_is_shown_by_a_page_that_is_there() -> None:
    folder = Path(__file__).parents[2] / "ui/src/pages"
    assert all((folder / f"{page}.tsx").is_file() for page in pages.VIEWS.values())


@pytest.mark.parametrize(
    "name", ["../secret.txt", "..%2fsecret.txt", "none.js", "main-abc.js.gz", "", ".", "..", "a\0.js"]
)
def test_nothing_besides_is_given_out(built: Path, hub: Hub, name: str) -> None:
    from anew.errors import NotFound

    with pytest.raises(NotFound):
        asset(hub, name)


@pytest.mark.parametrize("path", ["/assets/../app.py", "/assets/%2e%2e/index.html", "/assets/", "/static/index.html"])
def test_no_path_leads_out_of_the_assets(asked: Asked, path: str) -> None:
    assert asked("GET", path).status == 404


def test_the_first_load_stays_small_and_asks_nobody_else() -> None:
    if not (pages.STATIC / "index.html").is_file():
        pytest.skip("the page is not built: `make ui` builds it")
    manifest = json.loads((pages.STATIC / "manifest.json").read_text())

    def loaded(key: str, seen: set[str]) -> set[str]:
        if key not in seen:
            seen.add(key)
            for other in manifest[key].get("imports", []):
                loaded(other, seen)
        return seen

    for view in ("src/pages/home/Home.tsx", "src/pages/runs/Runs.tsx", "src/pages/run/Run.tsx"):
        files = [manifest[key]["file"] for key in loaded(view, loaded("index.html", set()))]
        size = sum(len(gzip.compress((pages.STATIC / file).read_bytes())) for file in files if file.endswith(".js"))
        assert size <= 200_000, view
    html = (pages.STATIC / "index.html").read_text()
    assert not re.search(r"https?://", html) and not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=", html)
    assert not list(pages.STATIC.rglob("*.map"))


def test_the_types_of_the_page_are_those_of_the_api() -> None:
    import subprocess
    import sys

    script = Path(__file__).parents[2] / "ui/generate.py"
    assert subprocess.run([sys.executable, str(script), "--check"]).returncode == 0, "make docs writes them anew"
