"""The manifest of a folder, DVC's `.dir` object: what is in it, by path and md5."""

from __future__ import annotations

import hashlib
import json

from anew.errors import CorruptData, DvcError

SUFFIX = ".dir"
_ESCAPE = json.encoder.encode_basestring_ascii


def encode(files: dict[str, str]) -> bytes:
    """The bytes that DVC would write for path → md5: sorted by path, ASCII only, no newline at the end."""
    rows = [f'{{"md5": "{files[path]}", "relpath": {_ESCAPE(path)}}}' for path in sorted(files)]
    text = "[" + ", ".join(rows) + "]"
    for path in files:
        if not path.isprintable():  # surrogates are not printable: bytes of a name that are no UTF-8
            _check_name(path)
    return text.encode("ascii")


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        raise DvcError(f"{shown}: the name is not UTF-8, which DVC's files can't say; rename it") from None


def digest(manifest: bytes) -> str:
    return hashlib.md5(manifest, usedforsecurity=False).hexdigest() + SUFFIX


def decode(manifest: bytes, name: str) -> dict[str, str]:
    """Path → md5. `name` is said when the bytes are no manifest."""
    try:
        rows = json.loads(manifest)
        found = {row["relpath"]: row["md5"] for row in rows}
        if _all_inside("\n".join(found)) and len("".join(found.values())) == 32 * len(found):
            return found
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{name} is no list of a folder's files ({error}); fetch it again") from error
    for path, md5 in found.items():
        if type(path) is not str or type(md5) is not str or not _inside(path):
            raise CorruptData(f"{name} names a file outside its folder: {path!r}")
    return found


_DOUBTFUL = ("/.", "//", "\n.", "\n/", "/\n", "\0", "\n\n")


def _all_inside(paths: str) -> bool:
    """Whether no line can lead elsewhere; False when that has to be looked at more closely."""
    return (
        bool(paths)
        and not any(part in paths for part in _DOUBTFUL)
        and paths[0] not in "./\n"
        and paths[-1] not in "/\n"
    )


def _inside(path: str) -> bool:
    """Whether a path of a manifest stays below its folder, whoever wrote it."""
    if not path or "\0" in path:
        return False
    if "/." not in path and "//" not in path and path[0] not in "./" and path[-1] != "/":
        return True  # as nearly all are
    return all(part not in ("", ".", "..") for part in path.split("/"))
