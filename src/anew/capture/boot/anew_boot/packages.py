"""The packages an interpreter has, as one JSON-able dict. Standard library only; runs in any interpreter.

python packages.py        prints the dict as JSON
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys

TYPE_CHECKING = False  # typing itself would be a third of this folder's start-up time
if TYPE_CHECKING:
    from typing import Any


def site_folders() -> list[tuple[str, int]]:
    """Folders that hold installed distributions, in the order of import, with the time each last changed."""
    found: list[tuple[str, int]] = []
    for folder in sys.path:
        if folder and os.path.isdir(folder) and folder not in [name for name, _ in found]:
            found.append((folder, os.stat(folder).st_mtime_ns))
    return [(name, at) for name, at in found if os.path.basename(name) in ("site-packages", "dist-packages")]


def packages() -> dict[str, Any]:
    """Interpreter, and for each distribution its version, origin, digest of its RECORD and its top-level names."""
    from importlib import metadata

    found = {}
    for folder, _ in site_folders():
        for distribution in metadata.distributions(path=[folder]):
            said, version = _name_and_version(distribution)
            name = said.lower().replace("_", "-")
            if name and name not in found:
                found[name] = _package(distribution, version, folder)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "executable": sys.executable,
        "base": os.path.realpath(sys.executable),
        "prefix": sys.prefix,
        "platform": platform.platform(),
        "packages": found,
    }


def _name_and_version(distribution: Any) -> tuple[str, str]:
    """From the head of its METADATA: importlib.metadata parses the whole of it, as a mail, each time it is asked."""
    head = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    told: dict[str, str] = {}
    for line in head.split("\n"):
        key, colon, value = line.partition(":")
        if colon and key in ("Name", "Version"):
            told.setdefault(key, value.strip())
    if len(told) == 2:
        return told["Name"], told["Version"]
    return distribution.metadata["Name"] or "", distribution.version


def _package(distribution: Any, version: str, folder: str) -> dict[str, Any]:
    record = distribution.read_text("RECORD") or ""
    tops = set()
    for line in record.splitlines():
        path = line.partition(",")[0].strip('"')
        top = path.partition("/")[0]
        if top and not top.endswith((".dist-info", ".data")) and top not in ("..", "__pycache__"):
            tops.add(top)
    info = getattr(distribution, "_path", None)
    body = {
        "version": version,
        "location": folder,
        "info": os.path.basename(str(info)) if info else "",
        "record": hashlib.sha256(record.encode()).hexdigest() if record else "",
        "top": sorted(tops),
    }
    direct = distribution.read_text("direct_url.json")
    if direct:
        body["direct"] = json.loads(direct)
    return body


if __name__ == "__main__":
    json.dump(packages(), sys.stdout)
