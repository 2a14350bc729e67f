"""PDF, PostScript, SVG and HTML: content, but for dates of creation and ids drawn at random."""

from __future__ import annotations

import re
import zlib

from anew.reproduction.compare.arrays import compare_bytes
from anew.reproduction.compare.bounded import INFLATED_MOST, Unreadable, inflated, need
from anew.reproduction.compare.names import is_claimed
from anew.reproduction.compare.result import Findings, change
from anew.reproduction.compare.text import compare_texts

_PDF_DATE = re.compile(rb"(/(?:CreationDate|ModDate)\s*)\((?:D:)?[0-9Z+\-'\\ ]*\)")
_PDF_ID = re.compile(rb"(/ID\s*)\[\s*<[0-9A-Fa-f]*>\s*<[0-9A-Fa-f]*>\s*\]")
_XMP = re.compile(rb"<(xmp:(?:CreateDate|ModifyDate|MetadataDate)|xmpMM:(?:DocumentID|InstanceID))>[^<]*<")
_LENGTH = re.compile(rb"/Length\s+\d+(?!\s+\d+\s+R)")
_XREF = re.compile(rb"\d{10} \d{5} [nf]|(?<=startxref\n)\d+|(?<=startxref\r\n)\d+")
_LENGTH_OBJECT = re.compile(rb"(\d+ \d+ obj\r?\n)\d+(\r?\nendobj)")
_DECLARED = re.compile(r"""\bid\s*=\s*(?:"([^"]{1,200})"|'([^']{1,200})')""")
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8,64}")
_DC_DATE = re.compile(r"(<dc:date>)[^<]*(?=</dc:date>)")
_EPS_DATE = re.compile(r"(?m)^(%%?%CreationDate:).*$")


def compare_pdf(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two PDF files: objects and decompressed streams."""
    left, right = _pdf_parts(a), _pdf_parts(b)
    if len(left) != len(right):
        found.differ("", f"{len(left) // 2} -> {len(right) // 2} streams")
        return
    relaid = False
    for number, ((packed_a, x), (packed_b, y)) in enumerate(zip(left, right, strict=True)):
        if packed_a == packed_b:
            continue
        where = f"stream {number // 2 + 1}" if number % 2 else f"objects before stream {number // 2 + 1}"
        x, y = _without_dates(x, y, found)
        if x == y:
            if number % 2:
                found.mask("compression")
                relaid |= len(packed_a) != len(packed_b)
            continue
        plain = [_LENGTH_OBJECT.sub(rb"\1*\2", _XREF.sub(b"*", _LENGTH.sub(b"/Length *", side))) for side in (x, y)]
        if plain[0] == plain[1] and not number % 2 and relaid:
            found.mask("layout")  # offsets and lengths of what was compared
            continue
        compare_bytes(x, y, found, where)
        return


def _without_dates(a: bytes, b: bytes, found: Findings) -> tuple[bytes, bytes]:
    for pattern, put, rule in (
        (_PDF_DATE, rb"\1()", "dates"),
        (_PDF_ID, rb"\1[]", "ids"),
        (_XMP, rb"<\1><", "dates"),
    ):
        if a == b:
            break
        x, y = pattern.sub(put, a), pattern.sub(put, b)
        if (
            (x, y) != (a, b)
            and pattern.findall(a)
            and [m[0] for m in pattern.finditer(a)] != [m[0] for m in pattern.finditer(b)]
        ):
            found.mask(rule)
            a, b = x, y
    return a, b


def _pdf_parts(data: bytes) -> list[tuple[bytes, bytes]]:
    """What lies between streams, and each stream, by turns: as stored, and decompressed."""
    parts: list[tuple[bytes, bytes]] = []
    at = search = 0
    left = INFLATED_MOST
    while (found := data.find(b"stream", search)) >= 0:
        search = found + len(b"stream")
        start = search + (2 if data.startswith(b"\r\n", search) else 1)
        if data[start - 1 : start] != b"\n" or not data[max(0, found - 8) : found].rstrip().endswith(b">>"):
            continue
        told = data[max(at, data.rfind(b"obj", at, found)) : found]
        end = _stream_end(data, start, told)
        stored = content = data[start:end]
        if re.search(rb"/Filter\s*\[?\s*/FlateDecode\s*\]?\s*(?:/|>>)", told):
            content = _flate(stored, left)
            left -= len(content)
        parts += [(data[at:start], data[at:start]), (stored, content)]
        at = search = end
    parts.append((data[at:], data[at:]))
    return parts


def _stream_end(data: bytes, start: int, told: bytes) -> int:
    length = re.search(rb"/Length\s+(\d{1,12})(?!\d|\s+\d+\s+R)", told)
    least = start + int(length[1]) if length else start
    end = data.find(b"endstream", least if least <= len(data) else start)
    need(end >= 0, "a stream without an end")
    return end


def _flate(stored: bytes, left: int) -> bytes:
    """The content of a stream, with or without the end of line before its end."""
    for trail in (b"\r\n", b"\n", b""):
        if stored.endswith(trail):
            try:
                return inflated(stored[: len(stored) - len(trail)], most=left)
            except (zlib.error, Unreadable):
                continue
    return stored


def compare_svg(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two SVG drawings; ids drawn at random must be renamed one to one."""
    left, right = a.decode(), b.decode()
    dated = _DC_DATE.sub(r"\1", left), _DC_DATE.sub(r"\1", right)
    if _DC_DATE.findall(left) and [m[0] for m in _DC_DATE.finditer(left)] != [m[0] for m in _DC_DATE.finditer(right)]:
        found.mask("dates")
        left, right = dated
    _compare_marked(left, right, found)


def compare_postscript(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two PostScript files, but for their date of creation."""
    left, right = a.decode("latin-1"), b.decode("latin-1")
    told = [m[0] for m in _EPS_DATE.finditer(left)], [m[0] for m in _EPS_DATE.finditer(right)]
    if told[0] != told[1]:
        found.mask("dates")
        left, right = _EPS_DATE.sub(r"\1", left), _EPS_DATE.sub(r"\1", right)
    compare_texts(left, right, found, printed=False)


def compare_html(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two HTML pages as text; ids drawn at random must be renamed one to one."""
    _compare_marked(a.decode(), b.decode(), found)


def _compare_marked(a: str, b: str, found: Findings) -> None:
    left, right = _renamed(a, b, found)
    if left != right:
        compare_texts(left, right, found, printed=False)


def _renamed(a: str, b: str, found: Findings) -> tuple[str, str]:
    """Both texts with ids drawn at random replaced by their number, where a one-to-one renaming exists."""
    ids_a, ids_b = ([m[1] or m[2] for m in _DECLARED.finditer(text)] for text in (a, b))
    if len(ids_a) != len(ids_b):
        return a, b
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for x, y in zip(ids_a, ids_b, strict=True):
        if x == y or not _both_random(x, y):
            continue
        if there.setdefault(x, y) != y or back.setdefault(y, x) != x:
            found.differ("ids", change(x, y))
            return a, b
    taken = (set(there) & set(ids_b)) | (set(back) & set(ids_a))
    if not there or taken:
        return a, b
    found.mask("ids")
    return _numbered(a, there), _numbered(b, back)


def _both_random(a: str, b: str) -> bool:
    """Ids that are the same but for hexadecimal parts that hold both digits and letters, or are long."""
    if _RANDOM.sub("*", a) != _RANDOM.sub("*", b):
        return False
    if is_claimed(_RANDOM.sub(" ", a)):
        return False
    return all(len(x) == len(y) and x != "*" for x, y in zip(_RANDOM.findall(a), _RANDOM.findall(b), strict=True))


def _numbered(text: str, ids: dict[str, str]) -> str:
    order = {name: f"anew-id-{number}" for number, name in enumerate(ids)}
    pattern = re.compile(
        r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(ids, key=len, reverse=True))) + r")(?![\w-])"
    )
    return pattern.sub(lambda match: order[match[0]], text)
