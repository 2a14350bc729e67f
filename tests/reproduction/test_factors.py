"""How one stored text differs from another, as people read it."""

from __future__ import annotations

from pathlib import Path

from anew.reproduction.factors import text_diff
from anew.store.objects import Objects


def changed(objects: Objects, before: list[str], after: list[str]) -> list[str]:
    digests = [objects.put_bytes("\n".join(lines).encode()) for lines in (before, after)]
    lines = text_diff("d.csv", *digests, objects, objects).split("\n")[2:]
    return [line for line in lines if line[0] in "+-"]


def test_lines_that_stand_in_many_places_are_told_apart_by_their_place(tmp_path: Path) -> None:
    before = [str(row * row % 10) for row in range(450)]
    after = ["7" if row in (57, 301) else line for row, line in enumerate(before)]
    objects = Objects(tmp_path)
    assert changed(objects, before, after) == [f"-{before[57]}", "+7", f"-{before[301]}", "+7"]
    assert changed(objects, before, before) == []


def test_a_line_that_came_moves_the_others_without_changing_them(tmp_path: Path) -> None:
    before = [f"row {row}" for row in range(50)]
    objects = Objects(tmp_path)
    assert changed(objects, before, [*before[:9], "new", *before[9:]]) == ["+new"]
    assert changed(objects, before, [*before[1:], "last"]) == ["-row 0", "+last"]


def test_a_nul_in_a_text_stays(tmp_path: Path) -> None:
    assert changed(Objects(tmp_path), ["a", "b"], ["a\0x", "b", "c"]) == ["-a", "+a\0x", "+c"]
