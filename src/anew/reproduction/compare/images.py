"""PNG: header, pixels and all chunks but the time; texts word by word."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from anew.reproduction.compare.accidents import compare_line
from anew.reproduction.compare.bounded import inflated, need
from anew.reproduction.compare.result import Findings

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunk = tuple[bytes, bytes]
_TOLD = frozenset((b"tEXt", b"zTXt", b"iTXt", b"tIME"))
_WRITTEN = frozenset(["Software", "Creation Time", "date:create", "date:modify", "date:timestamp"])
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PIXELS_MOST = 1 << 30  # bytes of one decompressed image
TEXT_MOST = 1 << 24
LOCATED_MOST = 1 << 24  # bytes in which the first differing pixel is looked for


def compare_png(a: bytes, b: bytes, found: Findings) -> None:
    """Compare two PNG images."""
    left, right = _chunks(a), _chunks(b)
    head = left[0][1]
    if left[0] != right[0]:
        found.differ("", f"{_size(left)} -> {_size(right)}")
        return
    rest = [[chunk for chunk in side if chunk[0] not in _TOLD and chunk[0] != b"IDAT"] for side in (left, right)]
    if rest[0] != rest[1]:
        name = next((x[0] for x, y in zip(*rest, strict=False) if x != y), b"further")
        found.differ("", f"{name.decode()} chunk differs")
        return
    packed = [b"".join(body for kind, body in side if kind == b"IDAT") for side in (left, right)]
    pixels = [inflated(side, most=PIXELS_MOST) for side in packed] if packed[0] != packed[1] else [b"", b""]
    if pixels[0] != pixels[1]:
        _compare_pixels(pixels[0], pixels[1], head, found)
    elif packed[0] != packed[1]:
        found.mask("compression")
    told = [[chunk for chunk in side if chunk[0] in _TOLD] for side in (left, right)]
    if told[0] != told[1]:
        _compare_texts(told[0], told[1], found)
    elif not found.different and not found.masked:
        found.mask("layout")  # the same chunks cut or placed otherwise


def _compare_texts(a: list[Chunk], b: list[Chunk], found: Findings) -> None:
    """What an image says of itself: a program may write a result there, a prompt or a score."""
    left, right = _texts(a), _texts(b)
    if left.keys() != right.keys():
        found.differ("text", f"{sorted(left)} -> {sorted(right)}")
        return
    for key, value in left.items():
        compare_line(value, right[key], found, f"text {key!r}")
    if not found.different:
        found.mask("png metadata")


def _texts(chunks: list[Chunk]) -> dict[str, str]:
    """The texts by keyword, without those that name the software and the time of writing."""
    found: dict[str, str] = {}
    for kind, body in chunks:
        key, _, rest = body.partition(b"\0")
        name = key.decode("latin-1")
        if kind == b"tIME" or name in _WRITTEN:
            continue
        if kind == b"zTXt":
            rest = inflated(rest[1:], most=TEXT_MOST)
        elif kind == b"iTXt":
            packed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
            rest = inflated(rest, most=TEXT_MOST) if packed else rest
        text = rest.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
        found[name] = f"{found[name]}\n{text}" if name in found else text
    return found


def _chunks(data: bytes) -> list[Chunk]:
    need(data.startswith(SIGNATURE), "no PNG")
    at, chunks = len(SIGNATURE), []
    while at < len(data):
        need(at + 12 <= len(data), "a chunk cut short")
        length, kind = struct.unpack_from(">I4s", data, at)
        need(at + 12 + length <= len(data), "a chunk cut short")
        body = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        need(zlib.crc32(kind + body) == check, "a chunk's checksum fails")
        chunks.append((kind, body))
        at += 12 + length
    need(
        chunks and chunks[0][0] == b"IHDR" and len(chunks[0][1]) == 13 and chunks[-1][0] == b"IEND",
        "no whole PNG",
    )
    return chunks


def _size(chunks: list[Chunk]) -> str:
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    return f"{width}x{height}, {depth} bits, colour type {colour}"


def _compare_pixels(a: bytes, b: bytes, head: bytes, found: Findings) -> None:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    need(colour in _CHANNELS, "an unknown colour type")
    step = max(1, _CHANNELS[colour] * depth // 8)
    stride = (width * _CHANNELS[colour] * depth + 7) // 8
    if interlaced or depth != 8 or len(a) != len(b) or len(a) > LOCATED_MOST or len(a) != (stride + 1) * height:
        found.differ("pixels", "differ")
        return
    for row, (x, y) in enumerate(zip(_rows(a, stride, step), _rows(b, stride, step), strict=True)):
        if x != y:
            at = next(index for index in range(stride) if x[index] != y[index])
            column = at // step * step
            found.differ(
                f"pixel ({at // step}, {row})",
                f"{tuple(x[column : column + step])} -> {tuple(y[column : column + step])}",
            )
            return
    found.mask("compression")  # the same pixels, filtered otherwise


def _rows(data: bytes, stride: int, step: int) -> Any:
    """The rows of an image of 8-bit channels, without PNG's filters."""
    previous = bytearray(stride)
    for at in range(0, len(data), stride + 1):
        kind, row = data[at], bytearray(data[at + 1 : at + 1 + stride])
        need(kind <= 4, "an unknown filter")
        for index in range(stride) if kind else ():
            left = row[index - step] if index >= step else 0
            up = previous[index]
            corner = previous[index - step] if index >= step else 0
            guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
            row[index] = (row[index] + guess) & 255
        yield row
        previous = row


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    by_left, by_up, by_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    if by_left <= by_up and by_left <= by_corner:
        return left
    return up if by_up <= by_corner else corner
