from __future__ import annotations

import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anew.values import Figure, Histogram, Image, Table, Text, as_media


def pixels(png: bytes) -> tuple[tuple[int, ...], bytes]:
    """Header and raw rows of a PNG without filters."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(name + data)
        parts[name] = data
        at += 12 + size
    return struct.unpack(">IIBBBBB", parts[b"IHDR"]), zlib.decompress(parts[b"IDAT"])


@pytest.mark.parametrize(("shape", "colour"), [((2, 3), 0), ((2, 3, 1), 0), ((2, 3, 3), 2), ((2, 3, 4), 6)])
def test_an_array_becomes_the_same_pixels(shape: tuple[int, ...], colour: int) -> None:
    array = np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
    header, rows = pixels(Image(array).media().data)
    assert header == (3, 2, 8, colour, 0, 0, 0)
    width = array.size // 2
    assert rows[1 : width + 1] + rows[width + 2 :] == array.tobytes()


def test_floats_and_booleans_are_scaled_and_never_fail() -> None:
    _, rows = pixels(Image(np.array([[0.0, 0.5, 1.0, 9.0, -1.0, math.nan, math.inf]])).media().data)
    assert list(rows[1:]) == [0, 128, 255, 255, 0, 0, 255]
    assert list(pixels(Image(np.array([[True, False]])).media().data)[1][1:]) == [255, 0]


@pytest.mark.parametrize("shape", [(2,), (2, 3, 2), (1, 2, 3, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="an image is"):
        Image(np.zeros(shape)).media()


def test_pictures_from_files_and_bytes(tmp_path: Path) -> None:
    png = Image(np.zeros((1, 1))).media().data
    (tmp_path / "x.png").write_bytes(png)
    assert Image(tmp_path / "x.png", caption="c").media().about == {"caption": "c"}
    assert Image(png).media().data == png
    assert Image(b"\xff\xd8rest").media().type == "image/jpeg"


def test_a_figure() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure as Drawn

    figure = Drawn()
    figure.subplots().plot([1, 2])
    media = as_media(figure)
    assert media and media.type == "image/png" and media.about == {"figure": True}
    assert Figure(figure).media().data == media.data  # no time in it


def test_a_histogram_counts_everything_once() -> None:
    media = Histogram([1.0, 2.0, 2.0, math.nan, math.inf], bins=2).media()
    body = json.loads(media.data)
    assert (body["counts"], body["edges"], body["not_finite"], media.about) == (
        [1, 2],
        [1.0, 1.5, 2.0],
        2,
        {"count": 5},
    )
    assert json.loads(Histogram([]).media().data)["counts"] == [0]
    assert json.loads(Histogram([math.nan]).media().data)["not_finite"] == 1


def test_tables_of_all_kinds() -> None:
    rows = [[1, "a"], [math.nan, None]]
    body = json.loads(Table(["x", "y"], rows).media().data)
    assert body == {"columns": ["x", "y"], "rows": [[1, "a"], ["NaN", None]]}
    assert Table([{"x": 1}, {"y": 2}]).rows == [[1, None], [None, 2]]
    assert Table({"x": [1, 2]}).rows == [[1], [2]]
    assert json.loads(Table(["x"], [[np.float32(0.5)], [np.int64(3)], [object]]).media().data)["rows"][:2] == [
        [0.5],
        [3],
    ]
    with pytest.raises(ValueError, match="shorter"):
        Table({"x": [1, 2], "y": [1]})


def test_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2], "when": pandas.to_datetime(["2020-01-01", "2021-01-01"])})
    media = as_media(frame)
    assert media and media.about == {"rows": 2}
    assert json.loads(media.data)["columns"] == ["x", "when"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "text/plain"), ("\udcff", "text/plain"), (np.zeros((4, 4, 3)), "image/png"),
        ([1, 2, 3], "application/vnd.anew.histogram+json"),
        (np.zeros((5, 5)), "application/vnd.anew.histogram+json"),
        (Text("x"), "text/plain"), (object(), None), (1j, None), (b"x", None),
    ],
)  # fmt: skip
def test_values_are_known_by_their_type(value: Any, kind: str | None) -> None:
    media = as_media(value)
    assert (media.type if media else None) == kind
