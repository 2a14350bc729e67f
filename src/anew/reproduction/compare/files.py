"""Two files, or two members of archives: which format they are, and what compares it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from anew.reproduction.compare import images
from anew.reproduction.compare.arrays import compare_bytes
from anew.reproduction.compare.bounded import decompressed, need
from anew.reproduction.compare.result import Findings, Result, Side, first_unequal

CONTENT_MOST = 4 << 30  # bytes of a file that is read whole; a larger one is compared as bytes
DEPTH_MOST = 8  # archives within archives
CHUNK = 1 << 22
Handler = Callable[[bytes, bytes, Findings], None]
_PACKED = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz", ".lzma": "xz", ".zst": "zst", ".z": "zlib"}
_MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x93NUMPY", "npy"),
    (images.SIGNATURE, "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"%PDF-", "pdf"),
    (b"%!PS", "postscript"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"SQLite format 3\0", "sqlite"),
    (b"tree\nversion=v", "lightgbm"),
    (b"GIF8", "gif"),
)
_SUFFIXES = {
    ".json": "json", ".jsonl": "json lines", ".ndjson": "json lines", ".ipynb": "notebook", ".csv": "csv",
    ".tsv": "tsv", ".svg": "svg", ".html": "html", ".htm": "html", ".ubj": "ubjson", ".safetensors": "safetensors",
    ".geojson": "json", ".webmanifest": "json",
}  # fmt: skip
_PICKLES = (".pkl", ".pickle", ".joblib", ".p", ".pck", ".jbl", ".sav")
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


def compare_files(name: str, a: Path, b: Path, side_a: Side, side_b: Side) -> Result:
    """Are two files the same result? By bytes; else by the content of their format; else they differ."""
    at, sizes = _first_unequal_byte(a, b), (a.stat().st_size, b.stat().st_size)
    if at is None:
        return Result(True, "bytes")
    if max(sizes) > CONTENT_MOST:
        return Result(False, "bytes", (), f"byte {at}", f"{sizes[0]} -> {sizes[1]} bytes, too large to read by content")
    found = Findings(side_a, side_b)
    how = compare_content(name, a.read_bytes(), b.read_bytes(), found)
    return found.result(how)


def _first_unequal_byte(a: Path, b: Path) -> int | None:
    at = 0
    with a.open("rb") as left, b.open("rb") as right:
        while True:
            x, y = left.read(CHUNK), right.read(CHUNK)
            if x != y:
                return at + first_unequal(x, y)
            if not x:
                return None
            at += len(x)


def compare_content(name: str, a: bytes, b: bytes, found: Findings) -> str:
    """Compare two differing contents called `name`, and say how."""
    kind, other = format_of(name, a), format_of(name, b)
    if kind != other:
        found.differ("", f"{kind or 'unknown format'} -> {other or 'unknown format'}")
        return "bytes"
    if found.depth > DEPTH_MOST or kind not in _HANDLERS:
        _as_bytes(a, b, found, "")
        return "bytes"
    how, handler = _HANDLERS[kind]
    trial = found.trial()
    try:
        handler(name, a, b, trial)
    except Exception as error:  # whatever a broken or hostile file does to its reader: it is compared as bytes
        _as_bytes(a, b, found, f"not readable as {kind}: {error or type(error).__name__}")
        return "bytes"
    if not trial.different and not trial.masked:
        trial.mask("layout")
    found.adopt(trial)
    return how


def _as_bytes(a: bytes, b: bytes, found: Findings, why: str) -> None:
    trial = Findings(found.side_a, found.side_b)
    compare_bytes(a, b, trial)
    detail = trial.result("").detail
    found.differ("", f"{detail} ({why})" if why else detail)


def format_of(name: str, data: bytes) -> str:
    """The format of some content, by its first bytes and then by its name; '' if unknown."""
    path = PurePosixPath(name.lower())
    suffix = path.suffix
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[257:262] == b"ustar":
        return "tar"
    by_bytes = _by_content(suffix, data)
    if by_bytes:
        return by_bytes
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    return "text" if _is_text(data) else ""


def _by_content(suffix: str, data: bytes) -> str:
    from anew.reproduction.compare.events import is_events
    from anew.reproduction.compare.torchfiles import is_old_torch

    if is_events(data):
        return "events"
    if is_old_torch(data):
        return "old torch"
    if (data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and data.endswith(b".")) or suffix in _PICKLES:
        if data[:1] == b"\x78" and int.from_bytes(data[:2], "big") % 31 == 0:
            return "zlib"
        return "pickle"
    if suffix in (".z", ".zlib") and data[:1] == b"\x78":
        return "zlib"
    if suffix == ".model" and data[:2] in (b"{L", b"{i", b"{#"):
        return "ubjson"
    if data[:5] == b"<?xml" and b"<svg" in data[:2000]:
        return "svg"
    return ""


def _is_text(data: bytes) -> bool:
    if _CONTROL.search(data[: 1 << 16]):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _unpacked(kind: str) -> Callable[[str, bytes, bytes, Findings], None]:
    def handle(name: str, a: bytes, b: bytes, found: Findings) -> None:
        left, right = decompressed(kind, a), decompressed(kind, b)
        if left == right:
            found.mask("gzip header" if kind == "gz" and zlib_part(a) == zlib_part(b) else "compression")
            return
        path = PurePosixPath(name)
        inner = str(path.with_suffix("")) if path.suffix.lower() in _PACKED else name
        compare_content(inner + (".tar" if path.suffix.lower() == ".tgz" else ""), left, right, found)

    return handle


def zlib_part(data: bytes) -> bytes:
    """A gzip file without its header's time, system and name."""
    need(len(data) > 18, "cut short")
    at, flags = 10, data[3]
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            at = data.index(b"\0", at) + 1
    return data[at + (2 if flags & 2 else 0) :]


def _zips(name: str, a: bytes, b: bytes, found: Findings) -> None:
    from anew.reproduction.compare.archives import compare_zips, zip_names
    from anew.reproduction.compare.torchfiles import compare_torch_zips, is_torch_zip

    if is_torch_zip(zip_names(a)) and is_torch_zip(zip_names(b)):
        compare_torch_zips(a, b, found)
    else:
        compare_zips(a, b, found, _member)


def _member(name: str, a: bytes, b: bytes, found: Findings) -> None:
    compare_content(name, a, b, found)


def _tars(name: str, a: bytes, b: bytes, found: Findings) -> None:
    from anew.reproduction.compare.archives import compare_tars

    compare_tars(a, b, found, _member)


def _notebooks(name: str, a: bytes, b: bytes, found: Findings) -> None:
    from anew.reproduction.compare.jsons import compare_notebooks

    compare_notebooks(a, b, found, _member)


def _texts(name: str, a: bytes, b: bytes, found: Findings) -> None:
    from anew.reproduction.compare.text import compare_texts

    printed = PurePosixPath(name).suffix.lower() in ("", ".txt", ".log", ".out", ".err", ".md", ".rst")
    compare_texts(a.decode(), b.decode(), found, printed)


def _lines(delimiter: str) -> Callable[[str, bytes, bytes, Findings], None]:
    def handle(name: str, a: bytes, b: bytes, found: Findings) -> None:
        from anew.reproduction.compare.tables import compare_tables

        head = a[:4096].partition(b"\n")[0]
        semicolons = delimiter == "," and b"," not in head and b";" in head
        compare_tables(a, b, found, ";" if semicolons else delimiter)

    return handle


def _by(module: str, function: str) -> Callable[[str, bytes, bytes, Findings], None]:
    """What compares a format, imported when it is first needed."""

    def handle(name: str, a: bytes, b: bytes, found: Findings) -> None:
        import importlib

        compare: Handler = getattr(importlib.import_module(f"anew.reproduction.compare.{module}"), function)
        compare(a, b, found)

    return handle


_HANDLERS: dict[str, tuple[str, Callable[[str, bytes, bytes, Findings], None]]] = {
    "gz": ("content of gz", _unpacked("gz")),
    "bz2": ("content of bz2", _unpacked("bz2")),
    "xz": ("content of xz", _unpacked("xz")),
    "zst": ("content of zst", _unpacked("zst")),
    "zlib": ("content of zlib", _unpacked("zlib")),
    "zip": ("content of zip", _zips),
    "tar": ("content of tar", _tars),
    "npy": ("content of npy", _by("npy", "compare_npy")),
    "png": ("pixels of png", _by("images", "compare_png")),
    "pdf": ("content of pdf", _by("documents", "compare_pdf")),
    "postscript": ("text by line", _by("documents", "compare_postscript")),
    "svg": ("content of svg", _by("documents", "compare_svg")),
    "html": ("content of html", _by("documents", "compare_html")),
    "parquet": ("values of parquet", _by("columnar", "compare_parquet")),
    "arrow": ("values of arrow", _by("columnar", "compare_arrow")),
    "hdf5": ("values of hdf5", _by("columnar", "compare_hdf5")),
    "sqlite": ("rows of sqlite", _by("databases", "compare_sqlite")),
    "lightgbm": ("text by line", _by("boosters", "compare_lightgbm")),
    "ubjson": ("content of ubjson", _by("boosters", "compare_ubjson")),
    "events": ("content of events", _by("events", "compare_events")),
    "old torch": ("torch by structure", _by("torchfiles", "compare_old_torch")),
    "pickle": ("pickle by structure", _by("pickles", "compare_pickles")),
    "safetensors": ("content of safetensors", _by("tensors", "compare_safetensors")),
    "json": ("content of json", _by("jsons", "compare_json")),
    "json lines": ("content of json lines", _by("jsons", "compare_json_lines")),
    "notebook": ("content of notebook", _notebooks),
    "csv": ("cells of csv", _lines(",")),
    "tsv": ("cells of tsv", _lines("\t")),
    "text": ("text by line", _texts),
}
