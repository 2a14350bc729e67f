"""Figures that follow the clock, told from figures that merely differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import A, B

from anew.reproduction.compare import Side, compare_files, compare_text
from anew.reproduction.compare.clocked import PACE, follows, unit_of


@pytest.mark.parametrize(
    ("text", "unit"), [("0.16", 0.01), ("12", 1), ("1e-5", 1e-5), ("2.50e3", 10), ("5.", 1), ("1.5e-07", 1e-8)]
)
def test_the_unit_of_the_last_place(text: str, unit: float) -> None:
    assert unit_of(text) == pytest.approx(unit)


@given(seconds=st.floats(1e-5, 1e5), slower=st.floats(0.2, 5), places=st.integers(2, 6))
def test_a_duration_follows_however_it_is_rounded(seconds: float, slower: float, places: int) -> None:
    shown, fast = round(seconds, places), round(seconds * slower * PACE, places)
    told = shown >= 2 * 10**-places
    assert follows(shown, fast, PACE, 10**-places) is told


@given(rate=st.floats(1e3, 1e9), slower=st.floats(0.2, 5))
def test_a_speed_falls(rate: float, slower: float) -> None:
    assert follows(rate, rate * slower / PACE, PACE, 0.0)


@given(old=st.floats(0.02, 1), new=st.floats(0, 1))
def test_what_is_between_0_and_1_does_not(old: float, new: float) -> None:
    assert not follows(old, new, PACE, 0.01) or new <= old * 8 / PACE + 0.01


@pytest.mark.parametrize(
    "values", [(0.0, 0.97), (5, 5_000_000), (5, 0), (-0.1, -100.0), (3, 0.003), (0.1, float("nan"))]
)
def test_nor_do_these(values: tuple[float, float]) -> None:
    assert not follows(*values, PACE, unit_of(repr(values[0])))


def clocked(a: str, fast: str, b: str, record: Side = A) -> tuple[str, ...] | None:
    """The rules by which `b` is as the record's `a`, once a trial with a faster clock has said `fast`; None if not."""
    record = replace(record, clocked=set())
    assert compare_text(a, fast, record, replace(B, pace=PACE, ended=B.started + 1e5)).equal, "as if it were durations"
    result = compare_text(a, b, record, B)
    return result.rules if result.equal else None


@pytest.mark.parametrize(
    ("a", "fast", "b"),
    [
        ("Model: 0.228s", "Model: 230.124s", "Model: 0.301s"),
        ("acc 0.97 in 0.16 s", "acc 0.97 in 171.33 s", "acc 0.97 in 0.12 s"),
        ("acc 0.97 in 0.00 s", "acc 0.97 in 3.10 s", "acc 0.97 in 0.01 s"),
        ("| A | 0.975 | 0.16 |", "| A | 0.975 | 171.33 |", "| A | 0.975 | 0.12 |"),
        ("x\n59 hello\n", "x\n58123 hello\n", "x\n61 hello\n"),
        ("6250.4 per second", "6.1 per second", "6100.9 per second"),
    ],
)
def test_what_a_faster_clock_has_shown_is_let_pass(a: str, fast: str, b: str) -> None:
    assert "measured durations" in (clocked(a, fast, b) or ())
    assert not compare_text(a, b, A, B).equal, "only by that"


def test_only_where_it_was_seen() -> None:
    assert clocked("a 0.5 b 0.16", "a 0.5 b 160.0", "a 0.5 b 0.12")
    assert clocked("a 0.5 b 0.16", "a 0.5 b 160.0", "a 0.4 b 0.16") is None
    assert clocked("a 0.16\nb 0.16", "a 160.0\nb 0.16", "a 0.16\nb 0.12") is None


def test_not_in_a_run_that_seeded_itself_otherwise() -> None:
    with pytest.raises(AssertionError, match="as if"):
        clocked("a 0.16", "a 160.0", "a 0.12", replace(A, seeds=("random 1",)))


def test_arrays(tmp_path: Path) -> None:
    times = np.array([0.16, 0.2, 7.0])
    arrays = {"a": times, "fast": times * [990, 1100, 1], "b": times * [1.1, 0.9, 1], "other": times * [1, 1, 1.1]}
    paths = {name: tmp_path / f"{name}.npy" for name in arrays}
    for name, path in paths.items():
        np.save(path, arrays[name])
    record = replace(A, clocked=set())
    assert not compare_files("t.npy", paths["a"], paths["b"], record, B).equal
    assert compare_files("t.npy", paths["a"], paths["fast"], record, replace(B, pace=PACE)).equal
    assert compare_files("t.npy", paths["a"], paths["b"], record, B).rules == ("measured durations",)
    assert not compare_files("t.npy", paths["a"], paths["other"], record, B).equal
