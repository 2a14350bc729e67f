"""Archives by their members: names and contents, not times and order."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable

from anew.reproduction.compare.bounded import INFLATED_MOST, need
from anew.reproduction.compare.result import Findings

MEMBERS_MOST = 100_000
Content = Callable[[str, bytes, bytes, Findings], None]


Zip = tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]
DOS_ATTRIBUTES = 0xFFFF  # among them whether the member is a folder; above them lie Unix modes


def opened_zip(data: bytes) -> Zip:
    """A zip within bounds, and its members by name."""
    file = zipfile.ZipFile(io.BytesIO(data))
    infos = file.infolist()
    need(len(infos) <= MEMBERS_MOST, "too many members")
    listed = {info.filename: info for info in infos}
    need(len(listed) == len(infos), "two members of one name")
    need(not infos or min(info.header_offset for info in infos) == 0, "bytes before the first member")
    most = max(INFLATED_MOST, len(data))
    need(sum(info.file_size for info in infos) <= most, "decompresses to more than is allowed")
    for info in infos:
        stored = info.compress_type == zipfile.ZIP_STORED
        need(info.volume == 0, "a member on another disk")
        need(not stored or info.compress_size == info.file_size, "a stored member of two sizes")
    return file, listed


def zip_names(data: bytes) -> list[str]:
    """The names of a zip's members."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.namelist()


def compare_zips(a: bytes, b: bytes, found: Findings, content: Content) -> None:
    """Compare two zips by name and content of their members."""
    (left, infos_a), (right, infos_b) = opened_zip(a), opened_zip(b)
    if not _same_names(set(infos_a), set(infos_b), found):
        return
    for name in sorted(infos_a):
        if found.settled:
            return
        x, y = left.read(infos_a[name]), right.read(infos_b[name])
        if x != y:
            content(name, x, y, found.under(name))
    compare_zip_headers((left, infos_a), (right, infos_b), found)


def compare_zip_headers(a: Zip, b: Zip, found: Findings) -> None:
    """Compare what two zips of the same names say about their members, and name what is set aside."""
    (left, infos_a), (right, infos_b) = a, b
    if left.comment != right.comment:
        found.differ("archive comment", f"{left.comment!r} -> {right.comment!r}")
    pairs = [(infos_a[name], infos_b[name]) for name in infos_a]
    for x, y in pairs:
        if (x.flag_bits, x.external_attr & DOS_ATTRIBUTES) != (y.flag_bits, y.external_attr & DOS_ATTRIBUTES):
            found.differ(x.filename, "flags or attributes differ")
        if x.comment != y.comment:
            found.differ(x.filename, f"comment {x.comment!r} -> {y.comment!r}")
    if any(x.date_time != y.date_time for x, y in pairs):
        found.mask("zip times")
    if list(infos_a) != list(infos_b):
        found.differ("members", "the same in another order")
    if any(_headers(x) != _headers(y) for x, y in pairs):
        found.mask("zip metadata")
    if any(x.compress_size != y.compress_size for x, y in pairs):
        found.mask("compression")
    if not found.different and not found.masked:
        found.mask("zip metadata")


def _headers(info: zipfile.ZipInfo) -> tuple[object, ...]:
    return info.external_attr, info.extra, info.create_version, info.create_system


def _same_names(a: set[str], b: set[str], found: Findings) -> bool:
    if a != b:
        name = min(a ^ b)
        found.differ(name, "only in the first" if name in a else "only in the second")
    return a == b


def compare_tars(a: bytes, b: bytes, found: Findings, content: Content) -> None:
    """Compare two tar archives by name, kind, mode, link and content of their members."""
    left, right = _tar(a), _tar(b)
    if not _same_names(set(left), set(right), found):
        return
    if list(left) != list(right):
        found.differ("members", "the same in another order")
    for name in sorted(left):
        if found.settled:
            return
        (kind_a, x), (kind_b, y) = left[name], right[name]
        if kind_a != kind_b:
            found.differ(name, f"{kind_a} -> {kind_b}")
            return
        if x != y:
            content(name, x, y, found.under(name))
    found.mask("tar metadata")


_OF_THE_FILE = frozenset(["mtime", "atime", "ctime", "path", "linkpath", "size", "uid", "gid", "uname", "gname"])


def _tar(data: bytes) -> dict[str, tuple[tuple[object, ...], bytes]]:
    found: dict[str, tuple[tuple[object, ...], bytes]] = {}
    left = max(INFLATED_MOST, len(data))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", ignore_zeros=False, errorlevel=2) as file:
        for member in file:
            need(member.name not in found and len(found) < MEMBERS_MOST, "two members of one name, or too many")
            left -= member.size
            need(left >= 0, "more than is allowed")
            stream = file.extractfile(member) if member.isreg() else None
            kept = stream.read() if stream else b""
            need(not member.isreg() or len(kept) == member.size, "a member cut short")
            said = {key: value for key, value in member.pax_headers.items() if key not in _OF_THE_FILE}
            kind = (member.type, oct(member.mode), member.linkname, member.devmajor, member.devminor, said)
            found[member.name] = kind, kept
        need(not data[file.offset :].strip(b"\0"), "bytes after the last member")
    return found
