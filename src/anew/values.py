"""What can be logged beside numbers: images, figures, histograms, tables, text; made by name or known by type."""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    """A value as it is stored: `data` in the format `type` (a media type), with what else is known of it."""

    type: str
    data: bytes
    about: dict[str, Any]


class Image:
    """A picture: a path, PNG or JPEG bytes, a PIL image, or an array [h, w], [h, w, 1|3|4] of uint8, or floats 0..1."""

    def __init__(self, value: Any, caption: str = "") -> None:
        self.value, self.caption = value, caption

    def media(self) -> Media:
        value = self.value
        if isinstance(value, (str, os.PathLike)):
            value = Path(value).read_bytes()
        if hasattr(value, "save") and hasattr(value, "getbands"):
            import io

            buffer = io.BytesIO()
            value.save(buffer, format="PNG")
            value = buffer.getvalue()
        if not isinstance(value, (bytes, bytearray)):
            value = _png(value)
        kind = "image/jpeg" if bytes(value[:2]) == b"\xff\xd8" else "image/png"
        return Media(kind, bytes(value), {"caption": self.caption} if self.caption else {})


class Figure:
    """A matplotlib or plotly figure."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def media(self) -> Media:
        if hasattr(self.value, "to_json"):
            return Media("application/vnd.plotly.v1+json", str(self.value.to_json()).encode(), {})
        import io

        buffer = io.BytesIO()
        self.value.savefig(buffer, format="png", metadata={"Software": None})
        return Media("image/png", buffer.getvalue(), {"figure": True})


class Histogram:
    """The distribution of `values` (any shape) in `bins` equal bins; non-finite values are counted apart."""

    def __init__(self, values: Any, bins: int = 64) -> None:
        self.values, self.bins = values, bins

    def media(self) -> Media:
        import numpy as np

        values = np.asarray(_to_numpy(self.values), dtype=np.float64).ravel()
        finite = values[np.isfinite(values)]
        counts, edges = np.histogram(finite, bins=self.bins) if finite.size else (np.zeros(1, int), np.zeros(2))
        body = {"counts": counts.tolist(), "edges": edges.tolist(), "not_finite": int(values.size - finite.size)}
        return Media("application/vnd.anew.histogram+json", _json(body), {"count": int(values.size)})


class Table:
    """Rows under named columns: `Table(["a", "b"], [[1, 2], …])`, a data frame, a list of dicts, or a dict of lists."""

    def __init__(self, columns: Any, rows: Sequence[Sequence[Any]] | None = None) -> None:
        if rows is not None:
            self.columns, self.rows = [str(name) for name in columns], [list(row) for row in rows]
        elif hasattr(columns, "to_dict") and hasattr(columns, "columns"):
            names = list(columns.columns)
            self.columns = [str(name) for name in names]
            self.rows = [list(row) for row in zip(*(list(columns[name]) for name in names), strict=True)]
        elif isinstance(columns, Mapping):
            self.columns = [str(name) for name in columns]
            self.rows = [list(row) for row in zip(*columns.values(), strict=True)]
        else:
            self.columns = list(dict.fromkeys(str(name) for row in columns for name in row))
            self.rows = [[row.get(name) for name in self.columns] for row in columns]

    def media(self) -> Media:
        body = {"columns": self.columns, "rows": self.rows}
        return Media("application/vnd.anew.table+json", _json(body), {"rows": len(self.rows)})


class Text:
    """Words, of any length."""

    def __init__(self, value: str) -> None:
        self.value = value

    def media(self) -> Media:
        return Media("text/plain", self.value.encode("utf-8", "surrogateescape"), {})


def as_media(value: Any) -> Media | None:
    """The stored form of `value` by its own type; None for what is not known here.

    Raises whatever the value itself raises when it is drawn or read.
    """
    if isinstance(value, (Image, Figure, Histogram, Table, Text)):
        return value.media()
    if isinstance(value, str):
        return Text(value).media()
    if hasattr(value, "savefig") or (hasattr(value, "to_json") and hasattr(value, "to_plotly_json")):
        return Figure(value).media()
    if hasattr(value, "getbands"):
        return Image(value).media()
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return Table(value).media()
    if hasattr(value, "shape") or isinstance(value, (list, tuple)):
        array = _to_numpy(value)
        shape: tuple[int, ...] = getattr(array, "shape", ())
        if len(shape) == 3 and tuple(shape)[-1] in (1, 3, 4):
            return Image(array).media()
        return Histogram(array).media()
    return None


def _to_numpy(value: Any) -> Any:
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def _json(body: Any) -> bytes:
    return json.dumps(_finite(body), default=_plain, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _finite(value: Any) -> Any:
    """JSON has no NaN: they travel as the strings "NaN", "Infinity", "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    return _finite(value.item()) if hasattr(value, "item") else str(value)


def _png(value: Any) -> bytes:
    """PNG (RFC 2083) of an array [h, w] or [h, w, 1|3|4]; no filter, so that the pixels can be read back by anyone."""
    import numpy as np

    array = _to_numpy(value)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(f"an image is [h, w] or [h, w, 1|3|4], not {list(array.shape)}")
    if array.dtype != np.uint8:
        scale = 255 if np.issubdtype(array.dtype, np.floating) or array.dtype == bool else 1
        array = (np.clip(np.nan_to_num(array.astype(np.float64)), 0, 255 / scale) * scale).round().astype(np.uint8)
    height, width, channels = array.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), array.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")]
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        out += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return out
