"""Draws docs/images/reproduce.svg: what the commands of the README print, run for the picture.

python docs/picture.py
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent / "images" / "reproduce.svg"
COMMANDS = [
    ["run", "forest.py", "--trees", "100"],
    ["reproduce", "last"],
    None,  # somebody changes one cell of the data
    ["run", "--quiet", "forest.py", "--trees", "100"],
    ["why", "last~1", "last"],
]
WIDTH, LINE_PX, CHAR_PX = 104, 19, 8.4
COLOURS = {"$": "#7dd3fc", "#": "#94a3b8", "identical": "#4ade80"}


def session() -> list[str]:
    """The commands and what they print, a line each."""
    from anew.demo import _Stage

    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        stage = _Stage(Path(folder), True)
        stage.prepare()
        for words in COMMANDS:
            if words is None:
                stage.spoil_data()
                lines += ["", "# somebody changes one cell of the data"]
                continue
            lines += ["", "$ anew " + " ".join(words)]
            done = subprocess.run(
                [sys.executable, "-m", "anew", *words],
                cwd=folder,
                env={**os.environ, "ANEW_STORE": f"{folder}/.anew"},
                capture_output=True,
                text=True,
            )
            out = done.stdout + (done.stderr if words[0] == "run" else "")
            lines += [line[:WIDTH] + ("…" if len(line) > WIDTH else "") for line in out.splitlines()]
    return lines[1:]


def draw(lines: list[str]) -> str:
    height = (len(lines) + 2) * LINE_PX
    width = round((WIDTH + 4) * CHAR_PX)
    rows = []
    for number, line in enumerate(lines):
        colour = next((c for start, c in COLOURS.items() if line.startswith(start)), "#e2e8f0")
        words = html.escape(line).replace(" ", "\u00a0")
        rows.append(f'<text x="16" y="{(number + 1.6) * LINE_PX:.0f}" fill="{colour}">{words}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0f172a"/>\n'
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">\n'
        + "\n".join(rows)
        + "\n</g>\n</svg>\n"
    )


if __name__ == "__main__":
    TARGET.write_text(draw(session()))
