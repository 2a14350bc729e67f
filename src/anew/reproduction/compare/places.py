"""Paths that are the same but for where each run was placed."""

from __future__ import annotations

import re
from functools import lru_cache

from anew.reproduction.compare.result import Side

_PACKAGES = re.compile(r"^/.*?/(?:lib/python\d[\d.]*(?:/(?:site|dist)-packages)?)(/.*)?$")
_INTERPRETER = re.compile(r"^/.*/bin/(python[\d.]*)$")
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}|tmp\.[A-Za-z0-9]{6,12}|pymp-[a-z0-9_]{8}")
RANDOM_NAME = 8  # characters that Python's tempfile draws
PLACES = ("root", "cwd", "home", "tmp")


def same_place(a: str, b: str, side_a: Side, side_b: Side) -> bool:
    """Is path `a` of one side path `b` of the other, but for the places of their runs?"""
    left, right = _readings(a, side_a), _readings(b, side_b)
    if any(key in right and right[key] == rest for key, rest in left.items()):
        return True
    return "tmp" in left and "tmp" in right and _same_temporary(left["tmp"], right["tmp"])


def without_escaped(text: str, side: Side, mark: str = "<root>") -> str:
    """`text` with `mark` where the project's path is part of a name, as caches have it: `__main__--home-me-project`."""
    escaped = _escaped(side.root)
    return escaped.sub(lambda _: mark, text) if escaped else text


@lru_cache(64)
def _escaped(root: str) -> re.Pattern[str] | None:
    parts = root.strip("/").split("/")
    if len(parts) < 2:
        return None  # one word says too little
    # A name of a module in which the dots were taken for folders, as joblib does, is one more form.
    dotted = [[re.escape(part), re.escape(part.replace(".", "/"))] for part in parts]
    forms = {
        re.escape(sep) + re.escape(sep).join(part[index] for part in dotted)
        for sep in ("--", "-", "_", "%2F")
        for index in (0, 1)
    }
    return re.compile(rf"(?:{'|'.join(sorted(forms, key=len, reverse=True))})(?![A-Za-z0-9])")


def _readings(path: str, side: Side) -> dict[str, str]:
    """What is left of `path` below each place of its side that it lies in."""
    path = path.removeprefix("file://")
    found = {}
    for key in PLACES:
        base = getattr(side, key).rstrip("/")
        if base and (path == base or path.startswith(base + "/")):
            found[key] = path[len(base) :]
            if key == "cwd":
                found.setdefault("root", path[len(base) :])
    if path == "~" or path.startswith("~/"):
        found.setdefault("home", path[1:])
    for key, pattern in (("packages", _PACKAGES), ("interpreter", _INTERPRETER)):
        match = pattern.match(path)
        if match:
            found[key] = match[1] or ""
    return found


def _same_temporary(a: str, b: str) -> bool:
    """Paths under the temporary folder that differ only in names drawn at random."""
    left, right = a.split("/"), b.split("/")
    if len(left) != len(right):
        return False
    return all(x == y or _both_random(x, y) for x, y in zip(left, right, strict=True))


def _both_random(a: str, b: str) -> bool:
    if _TEMPORARY.fullmatch(a) and _TEMPORARY.fullmatch(b):
        return len(a) == len(b)
    if len(a) != len(b) or len(a) < RANDOM_NAME:
        return False
    start = next(index for index, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    end = len(a) - next(index for index, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=True)) if x != y)
    left, right = a[start:end], b[start:end]
    # Drawn from 37 characters: seldom are five or more of eight the same, or only digits, or only letters.
    return (
        RANDOM_NAME - 2 <= end - start <= RANDOM_NAME
        and all(re.fullmatch(r"[a-z0-9_]+", part) for part in (left, right))
        and _mixed(left)
        and _mixed(right)
        and [c.isdigit() for c in left] != [c.isdigit() for c in right]
    )


def _mixed(name: str) -> bool:
    return any(c.isdigit() for c in name) and any(c.isalpha() for c in name)
