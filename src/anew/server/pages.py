"""The web page: index.html under every address that it has a view for, and the hashed files it is made of.

What was built stands in `static/`; beside each larger file its compressed forms, made once by the build.
"""

from __future__ import annotations

import functools
import mimetypes
import re
from pathlib import Path

from starlette.responses import Response

from anew.errors import NotFound
from anew.routes import Call, Route

STATIC = Path(__file__).parent / "static"
VIEWS = (
    "/", "/runs", "/runs/{id}", "/compare", "/reproductions", "/reproductions/{id}/{seq}", "/models",
    "/models/{name...}", "/data", "/lineage",
)  # fmt: skip
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; frame-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_NAME = re.compile(r"[\w-]+(\.[\w-]+)+", re.ASCII)
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Anew</title>
<h1>The page is not built</h1>
<p>This is a source checkout without the built page. In its folder, run <code>make ui</code> (it needs Node 20.19 or
later and the package registry), and reload. The API answers meanwhile: <a href="/api/v1/openapi.json">its
description</a>.</p></html>
"""


def view(call: Call) -> Response:
    """The page; which view it shows is told by the address, in the browser."""
    page = STATIC / "index.html"
    if not page.is_file():
        return Response(_UNBUILT, 503, _SAFE, "text/html")
    return Response(page.read_bytes(), 200, _SAFE | {"cache-control": "no-cache"}, "text/html")


def asset(call: Call) -> Response:
    """A file whose name holds the hash of its content: kept by browsers for ever."""
    name = call.path["name"]
    path = STATIC / "assets" / name
    if not _NAME.fullmatch(name) or name.endswith((".br", ".gz")) or not path.is_file():
        raise NotFound(f"no such file of the page: {name[:100]!r}; reload the page if it was just updated")
    headers = _SAFE | {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    accepted = call.headers.get("accept-encoding", "")
    for encoding, suffix in _ENCODINGS:
        packed = path.with_name(name + suffix)
        if re.search(rf"\b{encoding}\b", accepted) and packed.is_file():
            headers["content-encoding"] = encoding
            path = packed
            break
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(_content(path, path.stat().st_mtime_ns), 200, headers, kind)


@functools.lru_cache(maxsize=128)
def _content(path: Path, changed_ns: int) -> bytes:
    return path.read_bytes()


ROUTES = [
    *(Route("GET", path, view, "public", about="the web page") for path in VIEWS),
    Route("GET", "/assets/{name}", asset, "public", about="a file of the web page"),
]
