"""A date, a time of day or an epoch is the clock's only within the window of its own run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import A, B

from anew.reproduction.compare import compare_text
from anew.reproduction.compare.moments import SLACK_S

FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%d-%b-%Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S +0000",
    "out_%Y%m%d-%H%M%S.csv",
    "results_%Y%m%d_%H%M%S.csv",
    "runs/%b%d_%H-%M-%S_vm",
    "runs/%Y-%m-%d_%H-%M-%S/a",
    "[%H:%M:%S] INFO go",
    "%Y-%m-%d %H:%M",
    "Started at %H:%M",
    "%m/%d/%Y, %H:%M:%S",
    "%Y-%m-%d",
]
AHEAD = ["forecast for", "peak load at", "predicted:", "next failure", "delivery", "due", "expected at", "best at"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In New York, five hours behind."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _texts(form: str, a: float, b: float) -> tuple[str, str]:
    return datetime.fromtimestamp(a, UTC).strftime(form), datetime.fromtimestamp(b, UTC).strftime(form)


@pytest.mark.parametrize("form", FORMS)
@given(a=st.floats(0, 60), b=st.floats(0, 100))
@settings(max_examples=20, deadline=None)
def test_within_the_run(form: str, a: float, b: float) -> None:
    left, right = _texts(form, A.started + a, B.started + b)
    assert left == right or compare_text(left, right, A, B).rules == ("dates",)


@pytest.mark.parametrize("form", [form for form in FORMS if "%S" in form])
@given(apart=st.one_of(st.integers(-90_000, -65), st.integers(111, 85_000)))
@settings(max_examples=20, deadline=None)
def test_beside_the_run(form: str, apart: int) -> None:
    left, right = _texts(form, A.started + 10, B.started + apart)
    assert left == right or not compare_text(left, right, A, B).equal
    assert left == right or not compare_text(right, left, B, A).equal


@pytest.mark.parametrize("days", [-2, -1, 1, 2])
def test_a_day_is_one_of_the_run(days: int) -> None:
    today, other = "2026-11-21", str((datetime(2026, 11, 21) + timedelta(days=days)).date())
    assert not compare_text(f"day {today}", f"day {other}", A, B).equal
    tomorrow = replace(B, started=B.started + days * 86400, ended=B.ended + days * 86400)
    assert compare_text(f"day {today}", f"day {other}", A, tomorrow).rules == ("dates",)


@pytest.mark.parametrize("label", AHEAD)
def test_what_is_foretold_is_a_result(label: str) -> None:
    for form in ("%Y-%m-%d %H:%M:%S", "%H:%M:%S"):
        left, right = _texts(form, A.started + 1, B.started + 1)
        assert not compare_text(f"{label} {left}", f"{label} {right}", A, B).equal
    assert not compare_text(f"{label} {A.started + 1:.0f}", f"{label} {B.started + 1:.0f}", A, B).equal


def test_local_time_or_universal_time_but_one_for_both(elsewhere: None) -> None:
    assert compare_text("at 2026-11-20 22:04:05", "at 2026-11-20 23:04:05", A, B).rules == ("dates",)
    assert compare_text("at 2026-11-21 03:04:05", "at 2026-11-21 04:04:05", A, B).rules == ("dates",)
    assert not compare_text("at 2026-11-21 03:04:05", "at 2026-11-20 23:04:05", A, B).equal
    assert not compare_text("at 2026-11-21 05:04:05", "at 2026-11-21 06:04:05", A, B).equal
    assert compare_text("[22:04:05] go", "[23:04:05] go", A, B).rules == ("dates",)
    assert compare_text("2026-11-20T22:04:05-05:00", "2026-11-20T23:04:05-05:00", A, B).rules == ("dates",)
    assert not compare_text("2026-11-20T22:04:05+05:00", "2026-11-20T23:04:05+05:00", A, B).equal


def test_the_clock_of_twelve_hours() -> None:
    evening = [replace(s, started=s.started + 12 * 3600, ended=s.ended + 12 * 3600) for s in (A, B)]
    assert compare_text("at 03:04 PM", "at 04:04 PM", *evening).rules == ("dates",)
    assert not compare_text("at 03:04 AM", "at 04:04 AM", *evening).equal


def test_nothing_is_the_clocks_of_a_run_of_unknown_times() -> None:
    untimed = [replace(side, started=0.0, ended=0.0) for side in (A, B)]
    assert not compare_text("2026-11-21 03:04:05", "2026-11-21 04:04:05", *untimed).equal
    assert not compare_text("took 3.2 s", "took 3.3 s", *untimed).equal


def test_a_timing_is_no_longer_than_its_run() -> None:
    for form in ("took {} s", "Elapsed: {}", "Total training time: {:.1f} s", "Time: {}s"):
        assert compare_text(form.format(59.5), form.format(99.5), A, B).rules == ("durations",)
        late = 60 + SLACK_S + 1
        assert not compare_text(form.format(59.5), form.format(99.5), A, replace(B, ended=B.started + 60)).equal
        assert not compare_text(form.format(late), form.format(59.5), A, B).equal
