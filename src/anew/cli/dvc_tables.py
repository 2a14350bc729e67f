"""Tables as DVC prints them: plain ones in columns, and Markdown."""

from __future__ import annotations

import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOM = 2  # a column is that much wider than its head


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> str:
    """The text of a table, "" for a plain one without rows. A cell of several lines takes as many."""
    if not rows and not markdown:
        return ""
    lines = [[cell.strip(" ").splitlines() or [""] for cell in row] for row in (heads, *rows)]
    widths = [
        max(_width(head) + _ROOM, *(_width(one) for row in lines for one in row[at])) for at, head in enumerate(heads)
    ]
    found = []
    for number, row in enumerate(lines):
        for line in range(max((len(cell) for cell in row), default=1)):
            cells = [
                _padded(cell[line] if line < len(cell) else "", width) for cell, width in zip(row, widths, strict=True)
            ]
            found.append(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())
        if markdown and not number:
            found.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(found) + ("\n" if markdown else "")


def _width(text: str) -> int:
    """Columns of a terminal: characters of East Asia take two, marks that combine none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
