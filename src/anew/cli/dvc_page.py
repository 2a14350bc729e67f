"""The page of `anew dvc plots`: one file that any browser shows, without asking anybody for anything.

Vega's script, which Anew's own page has, lies packed in it once. Each plot is drawn in a frame without an origin, so
that what a description says reaches nothing else.
"""

from __future__ import annotations

import html
import json
import os
from string import Template

from anew.errors import DvcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from anew.protocols.dvc.plots import Drawn

_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>Plots</title>
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 1rem }
figure { margin: 0 0 1.5rem; overflow: auto }
figcaption { margin-bottom: 0.5rem }
iframe { width: 100%; border: 0 }
img { max-width: 100% }
.revisions { display: flex; flex-wrap: wrap; gap: 1rem }
.revisions p { margin: 0 0 0.25rem }
</style>
{scripts}
</head>
<body>
{plot_divs}
</body>
</html>
"""
_SCRIPTS = """<script type="text/plain" id="vega">$packed</script>
<script type="module">
const packed = Uint8Array.from(atob(document.getElementById("vega").textContent), (one) => one.charCodeAt(0));
const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const code = (await new Response(stream).text()).replaceAll("</script", "<\\\\/script");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const look = dark
  ? { dark, surface: "#121212", text: "#f0f0f0", muted: "#b0b0b0", line: "#404040" }
  : { dark, surface: "#ffffff", text: "#101010", muted: "#606060", line: "#d0d0d0" };
for (const place of document.querySelectorAll("[data-plot]")) {
  const spec = JSON.parse(place.querySelector("script").textContent);
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.title = place.dataset.plot;
  addEventListener("message", ({ source, data }) => {
    if (source !== frame.contentWindow) return;
    if (data.ready) frame.contentWindow.postMessage({ spec, look }, "*");
    else if (data.height) frame.style.height = `$${data.height + 20}px`;
    else if (data.error) place.append(`Not drawn: $${data.error}`);
  });
  frame.srcdoc = `<!doctype html><meta charset="utf-8"><style>:root { color-scheme: light dark } body { margin: 0; font-family: system-ui, sans-serif }</style><body><script>$${code}</` + "script>";
  place.append(frame);
}
</script>"""  # noqa: E501


def page(drawn: list[Drawn], path: Path, template: str | None) -> str:
    """The page at `path`: pictures last, as DVC orders them. `template`: a file, or text, with {plot_divs} in it."""
    if template and os.path.isfile(template):
        with open(template, encoding="utf-8") as file:
            text = file.read()
    else:
        text = template or _PAGE.replace("$policy", _POLICY)
    if "{plot_divs}" not in text:
        raise DvcError("HTML template has to contain '{plot_divs}'.", 255)
    ordered = sorted(drawn, key=_order)
    parts = [_pictures(one, path) if one.picture else _plot(one) for one in ordered if one.rows]
    scripts = _scripts() if any(not one.picture and one.rows for one in drawn) else ""
    for name, value in (("scripts", scripts), ("refresh_tag", ""), ("plot_divs", "\n".join(parts))):
        text = text.replace("{" + name + "}", value)
    return text


def _order(one: Drawn) -> tuple[bool, str, int, str]:
    """Pictures that are named by numbers stand in their order."""
    if not one.picture:
        return False, "", 0, ""
    folder, name = os.path.split(one.name)
    stem = os.path.splitext(name)[0]
    return True, folder, int(stem) if stem.isdecimal() else -1, name


def _plot(one: Drawn) -> str:
    spec = json.dumps(one.vega()).replace("<", "\\u003c")
    return f'<figure data-plot="{html.escape(one.name)}"><script type="application/json">{spec}</script></figure>'


def _pictures(one: Drawn, path: Path) -> str:
    shown = [
        f'<div><p>{html.escape(row["rev"])}</p><img src="{html.escape(_address(row["src"], path))}" alt=""></div>'
        for row in one.rows
    ]
    caption = f"<figcaption>{html.escape(one.name)}</figcaption>"
    return f'<figure>{caption}<div class="revisions">{"".join(shown)}</div></figure>'


def _address(file: str, path: Path) -> str:
    from urllib.parse import quote

    return quote(os.path.relpath(file, path.parent))


def _scripts() -> str:
    import base64
    from importlib.resources import files

    built = files("anew.server") / "static" / "assets"
    packed = [one for one in built.iterdir() if one.name.startswith("drawing-vega-")] if built.is_dir() else []
    if not packed:
        raise DvcError("plots are drawn by a script of Anew's page, which this source checkout has not built: make ui")
    return Template(_SCRIPTS).substitute(packed=base64.b64encode(packed[0].read_bytes()).decode())
