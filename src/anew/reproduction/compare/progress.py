"""Progress bars: a terminal shows a bar's last state, and how often it was redrawn is a matter of time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_TQDM = re.compile(
    r"(?P<name>.*?)\s*\d{1,3}%\|[^|]*\|\s*(?P<count>[\d.,]+[kMG]?/[\d.,]+[kMG]?)\s*\[(?P<clock>[^\],]*),\s*(?P<rate>[^\],]*)(?P<post>.*)\]\s*"
)
_ENDLESS = re.compile(
    r"(?P<name>.*?)\s*(?P<count>\d+)\s?\w+ \[(?P<clock>\d+:\d\d(?::\d\d)?),\s*(?P<rate>[^\],]*)(?P<post>.*)\]\s*"
)
_KERAS = re.compile(
    r"(?P<name>.*?)\s*(?P<count>\d+/\d+)\s+(?:\[[=>.\s]*\]|[━\s]+)[\s-]*(?P<clock>(?:ETA: )?[\d:]+\w*)"
    r"(?P<rate>(?:\s+[\d.]+\w*/\w+)?)(?P<post>.*)"
)
_TASKS = re.compile(
    r"\[Parallel\(n_jobs=[^)]*\)\]: (?:Done\s+\d+ tasks\s+\| elapsed: .*|Batch computation too .*)"
)  # so far
LINE_MOST = 1000  # characters of a drawing; longer lines are none


@dataclass(frozen=True)
class Frame:
    """One drawing of a progress bar: whose, at which count, with which figures behind it."""

    name: str
    count: str
    post: str

    @property
    def bar(self) -> tuple[str, str]:
        """Which bar: its name and its total."""
        return self.name.strip(), self.count.partition("/")[2]


def without_codes(text: str) -> str:
    """`text` without colours and cursor movements."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def frame(line: str) -> Frame | None:
    """The progress bar that `line` draws; None when it draws none."""
    if len(line) > LINE_MOST or ("[" not in line and "━" not in line):
        return None
    for pattern in (_TQDM, _ENDLESS, _KERAS):
        match = pattern.fullmatch(line)
        if match:
            return Frame(match["name"], match["count"], match["post"])
    return None


def without_redraws(lines: list[str]) -> tuple[list[str], list[Frame]]:
    """`lines` with only the last of each bar's consecutive drawings, and the drawings left out."""
    kept: list[str] = []
    dropped: list[Frame] = []
    last: Frame | None = None
    for line in lines:
        if _TASKS.fullmatch(line):
            dropped.append(Frame(line, "", ""))
            continue
        drawn = frame(line)
        if drawn is not None and last is not None and drawn.bar == last.bar:
            dropped.append(last)
            kept[-1] = line
        elif line.strip() or last is None:
            kept.append(line)
        else:
            continue  # the empty piece between two drawings
        last = drawn
    return kept, dropped


def contradiction(a: list[Frame], b: list[Frame]) -> tuple[Frame, Frame] | None:
    """Drawings of one bar at one count whose figures are never the same on both sides."""
    seen_a, seen_b = _by_count(a), _by_count(b)
    for key, frames in seen_a.items():
        others = seen_b.get(key)
        if others and not {f.post for f in frames} & {f.post for f in others}:
            return frames[0], others[0]
    return None


def _by_count(frames: list[Frame]) -> dict[tuple[str, str], list[Frame]]:
    found: dict[tuple[str, str], list[Frame]] = {}
    for drawn in frames:
        found.setdefault((drawn.name, drawn.count), []).append(drawn)
    return found
