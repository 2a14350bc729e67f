"""The file of a version at a remote: what one store wrote for others, who believe nothing of it unchecked."""

from __future__ import annotations

import json
import math
import re
import string
from typing import Any

from blake3 import blake3

from anew.data.datasets import Version, body_of, check_name
from anew.errors import CorruptData, UsageError

SIZE_MAX = 16 << 20
NAME = re.compile(r"datasets/([A-Za-z0-9.=_-]{1,200})/([1-9][0-9]{0,8})\.json")
_PLAIN = set((string.ascii_letters + string.digits + ".-_").encode())
_ESCAPED_MOST, _CUT_AT = 180, 160
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOT_BELOW = {"..", ".git", ".anew"}


def escaped(dataset: str) -> str:
    """A dataset's name as that of a folder, on any service and file system."""
    raw = dataset.encode()
    name = "".join(chr(byte) if byte in _PLAIN else f"={byte:02x}" for byte in raw)
    return name if len(name) <= _ESCAPED_MOST else f"{name[:_CUT_AT]}={blake3(raw).hexdigest()[:16]}"


def name_of(dataset: str, number: int) -> str:
    return f"datasets/{escaped(dataset)}/{number}.json"


def encode(version: Version) -> bytes:
    text = json.dumps(
        {"dataset": version.name, "created": version.created, "actor": version.actor, "body": body_of(version)},
        indent=1,
    )
    return text.encode() + b"\n"


def decode(name: str, data: bytes) -> Version:
    """The version in the file of that name. Raises CorruptData for anything that a push does not write."""
    try:
        found = json.loads(data)
        version = _version(found["dataset"], found, found["body"])
        if name != name_of(version.name, version.number):
            raise ValueError(f"it is of {version.label}")
        return version
    except (ValueError, KeyError, TypeError, AttributeError, UsageError, RecursionError) as error:
        raise CorruptData(f"{name} is no version of data: {error}") from error


def _version(dataset: Any, found: Any, body: Any) -> Version:
    check_name(dataset)
    sound = (
        body["action"] == "version"
        and all(_is_count(body[key]) for key in ("version", "size", "files"))
        and _DIGEST.fullmatch(body["digest"])
        and body["kind"] in ("tree", "file")
        and all(isinstance(body[key], str) for key in ("path", "message", "run"))
        and isinstance(body["facts"], dict)
        and isinstance(found["actor"], str)
        and isinstance(found["created"], (int, float))
        and math.isfinite(found["created"])
    )
    if not sound:
        raise ValueError("a value is not of its kind")
    if not _stays_below(body["path"]):
        raise ValueError(f"its path {body['path']!r:.200} leads out of the project")
    return Version(
        dataset, body["version"], body["digest"], body["kind"], body["size"], body["files"], body["path"],
        body["message"], body["facts"], body["run"], found["actor"], float(found["created"]),
    )  # fmt: skip


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _stays_below(path: str) -> bool:
    """Whether a checkout may write there: below the project, and not where Git or a store has its own."""
    parts = path.split("/")
    return not path.startswith("/") and "\0" not in path and not _NOT_BELOW & {part.lower() for part in parts}
