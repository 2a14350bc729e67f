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
from anew.reproduction.compare.clocked import PACES, follows, is_timed, unit_of


@pytest.mark.parametrize(
    ("text", "unit"), [("0.16", 0.01), ("12", 1), ("1e-5", 1e-5), ("2.50e3", 10), ("5.", 1), ("1.5e-07", 1e-8)]
)
def test_the_unit_of_the_last_place(text: str, unit: float) -> None:
    assert unit_of(text) == pytest.approx(unit)


FAST, SLOW = PACES


@given(seconds=st.floats(1e-3, 1e5), slower=st.floats(0.3, 3), places=st.integers(2, 6))
def test_a_duration_follows_however_it_is_rounded(seconds: float, slower: float, places: int) -> None:
    units = (10.0**-places, 10.0**-places)
    shown = round(seconds, places)
    told = shown >= 2 * units[0]
    for pace in PACES:
        assert follows(shown, round(seconds * slower * pace, places), pace, units) is told
        assert follows(shown, round(seconds * slower * pace, places), pace, units, written=True)


@given(rate=st.floats(1e3, 1e9), slower=st.floats(0.3, 3), pace=st.sampled_from(PACES))
def test_a_speed_falls(rate: float, slower: float, pace: float) -> None:
    assert follows(rate, rate * slower / pace, pace, (0.0, 0.0))


@given(constant=st.floats(0.1, 100), seconds=st.floats(0.01, 10))
def test_not_what_is_a_duration_and_something_else(constant: float, seconds: float) -> None:
    units = (1e-6, 1e-6)
    both = [follows(constant + seconds, constant + seconds * pace, pace, units) for pace in PACES]
    assert not all(both) or constant < seconds / 5


@given(seconds=st.floats(0.05, 100), power=st.one_of(st.floats(0, 0.5), st.floats(1.5, 3)))
def test_not_a_power_of_it(seconds: float, power: float) -> None:
    assert not all(follows(seconds**power, (seconds * pace) ** power, pace, (1e-9, 1e-9)) for pace in PACES)


@given(old=st.floats(0.3, 1), new=st.floats(0, 1))
def test_what_is_between_0_and_1_does_not(old: float, new: float) -> None:
    assert not follows(old, new, FAST, (0.01, 0.01)) or new <= old * 6 / FAST + 0.01


@pytest.mark.parametrize(
    "values", [(0.0, 0.97), (5, 5_000_000), (5, 0), (-0.1, -2.0), (4000, 200), (0.1, float("nan"))]
)
def test_nor_do_these(values: tuple[float, float]) -> None:
    assert not follows(*values, FAST, (unit_of(repr(values[0])), unit_of(repr(values[1]))))


@pytest.mark.parametrize(
    ("said", "told"),
    [("elapsed", True), ("epoch_s", True), ("column seconds row 1", True), ("fitTime", True), ("cpu", True)]
    + [(name, False) for name in ("loss", "time weighted loss", "position", "weights", "cache misses", "steps", "")]
    + [(name, False) for name in ("best time", "predicted duration", "env_steps", "samples (millions)", "visited")],
)  # fmt: skip
def test_what_is_said_beside_a_figure_decides(said: str, told: bool) -> None:
    assert is_timed(said) is told


def clocked(a: str, fast: str, slow: str, b: str, record: Side = A) -> tuple[str, ...] | None:
    """The rules by which `b` is as the record's `a`, once trials with other clocks have said these; None if not."""
    known: set[str] | None = None
    for pace, text in ((FAST, fast), (SLOW, slow)):
        learning = replace(record, clocked=set())
        if not compare_text(a, text, learning, replace(B, pace=pace, ended=B.started + 1e5)).equal:
            return None
        assert learning.clocked is not None
        known = learning.clocked if known is None else known & learning.clocked
    result = compare_text(a, b, replace(record, clocked=known), B)
    return result.rules if result.equal else None


PASSED = [
    ("Model: 0.228s", "Model: 11.124s", "Model: 0.005s", "Model: 0.301s"),
    ("acc 0.97 in 0.16 s", "acc 0.97 in 8.33 s", "acc 0.97 in 0.00 s", "acc 0.97 in 0.12 s"),
    ("took now 0.16 of it", "took now 8.33 of it", "took now 0.00 of it", "took now 0.12 of it"),
    ("6250.4 a second", "131.1 a second", "314000.0 a second", "6100.9 a second"),
]


@pytest.mark.parametrize("texts", PASSED)
def test_what_other_clocks_have_shown_is_let_pass(texts: tuple[str, str, str, str]) -> None:
    assert "measured durations" in (clocked(*texts) or ())
    assert not compare_text(texts[0], texts[3], A, B).equal, "only by that"


def test_a_table_that_is_wider_for_it() -> None:
    def table(width: int, value: str) -> str:
        return f"model{' ' * width}index seconds\n{'-' * (width + 18)}\nsvm{' ' * (width + 2)}7     {value}\n"

    assert clocked(table(2, "9.1"), table(4, "452.2"), table(2, "0.2"), table(2, "8.8"))
    assert clocked(table(2, "9.1"), table(4, "9.1"), table(2, "9.1"), table(2, "8.8")) is None


@pytest.mark.parametrize("name", ["loss", "position", "cache misses", "x", "best", "time weighted loss"])
def test_not_under_a_name_that_speaks_of_something_else(name: str) -> None:
    assert clocked(f"{name} 0.160", f"{name} 8.300", f"{name} 0.003", f"{name} 0.120") is None


def test_only_where_it_was_seen() -> None:
    def line(acc: str, took: str) -> str:
        return f"a {acc} took {took} of it"

    seen = line("0.5", "0.160"), line("0.5", "8.200"), line("0.5", "0.003")
    assert clocked(*seen, line("0.5", "0.120"))
    assert clocked(*seen, line("0.4", "0.160")) is None
    both = [f"took {x} of it\ntook 0.160 by it" for x in ("0.160", "8.200", "0.003")]
    assert clocked(*both, "took 0.160 of it\ntook 0.120 by it") is None


def test_not_in_a_run_that_seeded_itself_otherwise() -> None:
    assert clocked(*PASSED[0], replace(A, seeds=("random 1",))) is None


@pytest.mark.parametrize(("name", "told"), [("elapsed", True), ("weights", False)])
def test_arrays(tmp_path: Path, name: str, told: bool) -> None:
    times = np.array([0.16, 0.2, 7.0])
    arrays = {"a": times, "fast": times * [49, 52, 1], "slow": times * [0.03, 0.01, 1]}
    arrays |= {"b": times * [1.1, 0.9, 1], "other": times * [1, 1, 1.1]}
    paths = {key: tmp_path / f"{key}.npz" for key in arrays}
    for key, path in paths.items():
        np.savez(path, **{name: arrays[key]})
    record = replace(A, clocked=set())
    assert not compare_files("t.npz", paths["a"], paths["b"], record, B).equal
    for key, pace in (("fast", FAST), ("slow", SLOW)):
        assert compare_files("t.npz", paths["a"], paths[key], record, replace(B, pace=pace)).equal is told
    assert compare_files("t.npz", paths["a"], paths["b"], record, B).equal is told
    assert not compare_files("t.npz", paths["a"], paths["other"], record, B).equal
