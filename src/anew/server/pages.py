"""The web page: index.html under every address that it has a view for, and the hashed files it is made of.

What was built stands in `static/`; beside each larger file its compressed forms, made once by the build.
"""

from __future__ import annotations

import functools
import gzip
import json
import mimetypes
import re
from pathlib import Path

from starlette.responses import Response

from anew.errors import NotFound
from anew.routes import Call, Route

STATIC = Path(__file__).parent / "static"
# Each address, and which folder and file of ui/src/pages shows it.
VIEWS = {
    "/": "home/Home", "/runs": "runs/Runs", "/runs/{id}": "run/Run", "/compare": "compare/Compare",
    "/reproductions": "reproductions/Board", "/reproductions/{id}/{seq}": "reproductions/Evidence",
    "/models": "models/Models", "/models/{name...}": "models/ModelPage", "/data": "data/Data",
    "/lineage": "lineage/LineagePage",
}  # fmt: skip
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; frame-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
# What draws a description that a run logged: in a frame without an origin, which can ask for its script alone.
_DRAWING_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_DRAWING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Drawing</title>
<style>:root { color-scheme: light dark }
body { margin: 0; overflow: auto hidden; font-family: system-ui, sans-serif }</style>
<body><script src="/assets/%s"></script></body></html>
"""
_NAME = re.compile(r"[\w-]+(\.[\w-]+)+", re.ASCII)
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Anew</title>
<h1>The page is not built</h1>
<p>This is a source checkout without the built page. In its folder, run <code>make ui</code> (it needs Node 20.19 or
later and the package registry), and reload. The API answers meanwhile: <a href="/api/v1/openapi.json">its
description</a>.</p></html>
"""


def view(call: Call, page: str = "") -> Response:
    """The page; which view it shows is told by the address, in the browser."""
    index = STATIC / "index.html"
    if not index.is_file():
        return Response(_UNBUILT, 503, _SAFE, "text/html")
    return Response(
        _html(index, index.stat().st_mtime_ns, page), 200, _SAFE | {"cache-control": "no-cache"}, "text/html"
    )


@functools.lru_cache(maxsize=64)
def _html(index: Path, changed_ns: int, page: str) -> str:
    """index.html with links to the files of a view, so that they are fetched with the first script, not after it."""
    html = index.read_text()
    try:
        built = json.loads(index.with_name("manifest.json").read_text())
    except (OSError, ValueError):
        return html
    names = [f"src/pages/{page}.tsx"]
    files: dict[str, str] = {}
    for name in names:  # which grows meanwhile
        chunk = built.get(name, {})
        names += [other for other in chunk.get("imports", ()) if other not in names]
        files |= dict.fromkeys(chunk.get("css", ()), "stylesheet")
        files |= {chunk["file"]: "modulepreload"} if "file" in chunk else {}
    links = [f'<link rel="{kind}" crossorigin href="/{file}">' for file, kind in files.items() if file not in html]
    return html.replace("</head>", "".join(links) + "</head>", 1)


def drawing(call: Call) -> Response:
    """The frame in which a library draws; its script's name holds the hash of its content."""
    library = call.path["library"]
    found = sorted(STATIC.glob(f"assets/drawing-{library}-*.js.gz")) if library in ("plotly", "vega") else []
    if not found:
        raise NotFound(f"this page has no {library[:30]!r} to draw with")
    headers = _SAFE | {"content-security-policy": _DRAWING_POLICY, "cache-control": "no-cache"}
    return Response(_DRAWING % found[-1].name.removesuffix(".gz"), 200, headers, "text/html")


def asset(call: Call) -> Response:
    """A file whose name holds the hash of its content: kept by browsers for ever."""
    name = call.path["name"]
    path = STATIC / "assets" / name
    if not _NAME.fullmatch(name) or name.endswith((".br", ".gz")) or not _is_there(path):
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
    if (
        not path.is_file()
    ):  # large and seldom asked for: kept packed, and unpacked for the few that take it no other way
        return Response(gzip.decompress(path.with_name(name + ".gz").read_bytes()), 200, headers, kind)
    return Response(_content(path, path.stat().st_mtime_ns), 200, headers, kind)


def _is_there(path: Path) -> bool:
    return path.is_file() or path.with_name(path.name + ".gz").is_file()


@functools.lru_cache(maxsize=128)
def _content(path: Path, changed_ns: int) -> bytes:
    return path.read_bytes()


ROUTES = [
    *(
        Route("GET", path, functools.partial(view, page=page), "public", about="the web page")
        for path, page in VIEWS.items()
    ),
    Route("GET", "/drawing/{library}", drawing, "public", about="the frame in which Plotly or Vega draw"),
    # The frame that draws has no origin, and says so.
    Route("GET", "/assets/{name}", asset, "public", any_page=True, about="a file of the web page"),
]
