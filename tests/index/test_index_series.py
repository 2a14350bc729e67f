"""Segments and drawing: every bit comes back, and what is drawn is real and leaves no spike out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anew.errors import CorruptData
from anew.index.segment import CELL, CHUNK, Segment, encode, make_cells, sort_points
from anew.index.series import Source, draw, join
from anew.index.stats import Stat, bits

GOLDEN = Path(__file__).parent / "golden" / "segment.bin"

# Any bit pattern at all: NaN with its payload, both zeros, infinities, denormals.
words = hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(-(2**63), 2**63 - 1))


def read(data: bytes) -> Segment:
    return Segment(lambda offset, size: data[offset : offset + size], len(data), "test")


def equal(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def example(count: int, seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    values = random.normal(size=count).astype(np.float32).astype(np.float64)
    times = 1.7e9 + np.cumsum(random.uniform(0.0010, 0.0011, count))
    return np.arange(count), times, values


@given(words, st.booleans())
def test_every_bit_pattern_comes_back(raw: Any, whole: bool) -> None:
    steps = raw[::-1].copy() if whole else raw[::-1].copy().view(np.float64)
    arrays = sort_points(steps, raw.view(np.float64) if not whole else raw.astype(np.float64), raw.view(np.float64))
    segment = read(encode({"a": arrays, "b": arrays}))
    assert equal(segment.points("a"), arrays)
    assert equal(segment.points("b"), arrays)
    for rank in {0, len(raw) // 2, len(raw) - 1} if len(raw) else ():
        assert equal(segment.point("a", rank), segment.points("a", rank, rank + 1))


@pytest.mark.parametrize("count", [0, 1, CELL, 2 * CELL + 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 77])
def test_ranges_of_long_series(count: int) -> None:
    arrays = example(count)
    segment = read(encode({"x": arrays, "y": (arrays[0], arrays[1], -arrays[2])}))
    assert segment.count("x") == count
    for start, end in ((0, count), (0, 1), (count // 2, count // 2 + 3), (CHUNK - 2, CHUNK + 2)):
        got = segment.points("x", start, end)
        assert equal(got, tuple(array[start:end] for array in arrays))
    for rank in {0, CHUNK - 1, CHUNK, count - 1} & set(range(count)):
        assert equal(segment.point("x", rank), tuple(array[rank : rank + 1] for array in arrays))
    for step in (-5, 0, count // 3, count, CHUNK):
        if count:
            for side in ("left", "right"):
                assert segment.rank("x", step, side) == np.searchsorted(arrays[0], step, side)  # type: ignore[call-overload]


def test_the_format_stays_readable() -> None:
    """A file written once, and never again: what is in it must be read by every version."""
    segment = read(GOLDEN.read_bytes())
    arrays = example(3000, seed=7)
    arrays[2][100:103] = [np.nan, np.inf, -0.0]
    assert equal(segment.points("val/acc"), arrays)
    assert equal(segment.points("loss"), (arrays[0] / 2, arrays[1], -arrays[2]))
    for rank in (0, 2999):  # it was written before segments said their ends
        assert equal(segment.point("val/acc", rank), tuple(array[rank : rank + 1] for array in arrays))


@pytest.mark.parametrize("count", [50, 20_000])
def test_a_flipped_bit_is_found(count: int) -> None:
    data = encode({"x": example(count)})
    random = np.random.default_rng(1)
    for at in random.integers(0, len(data), 60).tolist():
        broken = bytearray(data)
        broken[at] ^= 1 << int(random.integers(8))
        try:
            got = read(bytes(broken)).points("x")
        except CorruptData:
            continue
        assert equal(got, example(count))  # the bit was in a pyramid, which `points` does not read
    with pytest.raises(CorruptData):
        read(data[: len(data) // 2]).points("x")


def test_a_segment_is_small() -> None:
    count = 500_000
    assert len(encode({"x": example(count)})) / count <= 5


def brute(arrays: tuple[Any, ...], start: int, end: int) -> set[tuple[int, ...]]:
    return {(int(bits(float(s))), bits(t), bits(v)) for s, t, v in zip(*(a[start:end] for a in arrays), strict=True)}


@settings(deadline=None, max_examples=150)
@given(
    count=st.integers(0, 9000),
    points=st.integers(1, 300),
    low=st.none() | st.integers(-10, 9000),
    high=st.none() | st.integers(-10, 9000),
    seed=st.integers(0, 50),
)
def test_what_is_drawn_is_real_and_holds_the_extremes(
    count: int, points: int, low: int | None, high: int | None, seed: int
) -> None:
    arrays = example(count, seed)
    values = arrays[2]
    random = np.random.default_rng(seed)
    for odd in (np.nan, np.inf, -np.inf):
        if seed % 2 and count:
            values[random.integers(0, count, 3)] = odd
    stored = Source(read(encode({"x": arrays})), "x", None)
    series = draw(stored, points, low, high)
    inside = (arrays[0] >= (low if low is not None else -1)) & (arrays[0] <= (high if high is not None else count))
    assert series.total == inside.sum()
    assert len(series) <= max(points, 8)
    plain = draw(Source(None, "x", arrays), points, low, high)
    assert equal((series.steps, series.times, series.values), (plain.steps, plain.times, plain.values))
    # These times rise, so that no two points are one without them.
    untimed = draw(Source(read(encode({"x": arrays})), "x", None, timed=False), points, low, high)
    assert equal((series.steps, series.values), (untimed.steps, untimed.values)) and not untimed.times.any()
    real = brute(arrays, 0, count)
    assert brute((series.steps, series.times, series.values), 0, len(series)) <= real
    if inside.any():
        some = values[inside]
        if not np.isnan(some).all():
            assert np.nanmin(series.values) == np.nanmin(some)
            assert np.nanmax(series.values) == np.nanmax(some)
        assert np.isnan(series.values).any() == np.isnan(some).any()
        assert series.steps[0] == arrays[0][inside][0]
        assert series.steps[-1] == arrays[0][inside][-1]
        assert (np.diff(series.steps) >= 0).all()


def test_no_spike_is_lost_in_a_long_series() -> None:
    arrays = example(1_000_000)
    arrays[2][[123_456, 999_998]] = [1e9, -1e9]
    arrays[2][777_777] = np.nan
    source = Source(read(encode({"x": arrays})), "x", None)
    for low, high in ((None, None), (100_001, None), (5, 999_998.5), (123_000, 124_000)):
        series = draw(source, 1000, low, high)
        assert len(series) <= 1000
        assert 1e9 in series.values
        if high is None or high > 999_998:
            assert -1e9 in series.values
            assert 777_777 in series.steps[np.isnan(series.values)]


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3), st.floats()), max_size=40), st.integers(0, 40))
def test_pieces_join_in_one_order_however_they_were_cut(points: list[Any], cut: int) -> None:
    def piece(some: list[Any]) -> tuple[Any, Any, Any]:
        return (
            np.array([p[0] for p in some], np.int64),
            np.array([p[1] for p in some], np.float64),
            np.array([p[2] for p in some], np.float64),
        )

    whole = join([piece(points)])
    assert equal(join([piece(points[cut:]), piece(points[:cut])]), whole)


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats()), st.integers(1, 299))
def test_statistics_do_not_depend_on_the_pieces(values: Any, cut: int) -> None:
    def of(*pieces: Any) -> Stat:
        stat = Stat()
        for piece in pieces:
            stat.add(piece)
        if len(values):
            stat.end((0, 0.0, 1.0), (1, 0.0, 1.0))
        return stat

    whole = of(values)
    shuffled = np.random.default_rng(cut).permutation(values)
    assert repr(of(shuffled[:cut], shuffled[cut:]).show()) == repr(whole.show())
    assert repr(Stat.restore(whole.state()).show()) == repr(whole.show())
    good = values[~np.isnan(values)]
    shown = whole.show()
    assert shown["nan_count"] == len(values) - len(good)
    if len(good):
        assert (shown["min"], shown["max"]) == (good.min(), good.max())
    if len(good) and np.isfinite(good).all():
        from fractions import Fraction

        assert shown["mean"] == float(sum(map(Fraction, good.tolist())) / len(good))


def test_cells_of_nothing_but_nan() -> None:
    steps, times, values = example(2 * CELL)
    values[:CELL] = np.nan
    cells = make_cells((steps, times, values), CELL)
    assert cells.low[3].tolist()[0] == -1
    assert cells.nan[3].tolist() == [0, -1]
