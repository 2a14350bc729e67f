"""How things look on a terminal: tables, times, sizes, colours. Colours only on a terminal, never with NO_COLOR."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "dim": 2, "bold": 1}
_VERDICT_COLOURS = {
    "identical": "green", "equivalent": "green", "diverged": "red", "failed": "red", "not_reproducible": "yellow",
    "finished": "green", "crashed": "red", "killed": "red", "running": "blue",
}  # fmt: skip
_ANSI = re.compile(r"\033\[[0-9;]*m")


def paint(text: str, colour: str | None) -> str:
    if colour is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{_COLOURS[colour]}m{text}\033[0m"


def verdict(word: str) -> str:
    """A verdict or status in its colour."""
    return paint(word.replace("_", " "), _VERDICT_COLOURS.get(word))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need be; a terminal too narrow cuts the widest ones short."""
    if not rows:
        return ""
    cells = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(_width(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    while sum(widths) + 2 * len(widths) > room and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1
    lines = ["  ".join(paint(_fit(name, width), "dim") for name, width in zip(head, widths, strict=True)).rstrip()]
    lines += ["  ".join(_fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def _clean(text: str) -> str:
    """Control characters of what a run logged must not steer the terminal."""
    kept = "".join(c if c.isprintable() or c == "\033" else "·" for c in text)
    return kept if _ANSI.sub("", kept).isprintable() else kept.replace("\033", "·")


def _width(text: str) -> int:
    return len(_ANSI.sub("", text))


def _fit(text: str, width: int) -> str:
    over = _width(text) - width
    if over > 0:
        text = _ANSI.sub("", text)[: max(1, width - 1)] + "…"
    return text + " " * max(0, width - _width(text))


def number(value: Any) -> str:
    """A value as a person reads it: four or five figures of a float, words as they are."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.5g}" if abs(value) < 1e5 else f"{value:.4e}"


def size(count: float) -> str:
    """Bytes, in the unit that fits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def ago(moment: float | None) -> str:
    """How long ago, in one unit; the date when it is longer than two weeks."""
    if not moment:
        return ""
    gone = time.time() - moment
    if gone < 0:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
    for limit, unit, per in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600), (1_209_600, "days", 86_400)):
        if gone < limit:
            return f"{gone / per:.0f} {unit} ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def say_json(body: Any) -> None:
    """One JSON document on stdout; NaN and infinities as the strings that JavaScript knows them by."""
    print(json.dumps(_sayable(body), indent=2, ensure_ascii=False, default=str).encode("utf-8", "replace").decode())


def _sayable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _sayable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sayable(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value


def progress(text: str) -> None:
    """A line about long work, on stderr; a terminal overwrites it with the next."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr)
