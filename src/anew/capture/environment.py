"""Which interpreter and packages a run used, to the edited byte.

The list of installed packages is the same from run to run, so it is cached by the times of the folders they lie in.
An edit inside an installed package shows as a file newer than the package's RECORD; only those are hashed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anew.capture import bootstrap
from anew.capture.redact import Redactor

_asked: dict[
    str, str
] = {}  # in this process: a reproduction's trials have stores, and so folders for this, of their own


def interpreter(executable: str | None, prefix: str | None, cache: Path) -> dict[str, Any]:
    """The interpreter and its packages (see boot/anew_boot/packages.py); `cache` is a folder that may be deleted.

    Another interpreter than ours is asked in a process of its own; {} when it can't answer.
    """
    if executable is None or os.path.realpath(prefix or "") == os.path.realpath(sys.prefix):
        module = bootstrap.module("packages")
        key = hashlib.sha256(repr((sys.prefix, sys.version, module.site_folders())).encode()).hexdigest()[:24]
        path = cache / f"{key}.json"
        try:
            return dict(json.loads(_asked.get(key) or path.read_text()))
        except (OSError, ValueError):
            pass
        found: dict[str, Any] = module.packages()
        _asked[key] = json.dumps(found)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(_asked[key])
            part.replace(path)
        except OSError:
            pass  # only a cache
        return found
    script = bootstrap.FOLDER / "anew_boot" / "packages.py"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANEW_", "PYTHON", "LD_"))}
    try:
        done = subprocess.run([executable, str(script)], capture_output=True, timeout=60, env=environ)
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def used(found: dict[str, Any], module_files: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Name and version of the packages that `module_files` belong to, and the edited files with their sha256."""
    packages = found.get("packages", {})
    owner: dict[tuple[str, str], str] = {}
    records: dict[str, float] = {}
    for name, package in packages.items():
        for top in package["top"]:
            owner.setdefault((package["location"], top), name)
    versions: dict[str, str] = {}
    suspects: dict[str, list[str]] = {}
    for path in module_files:
        location, mark, rest = _split_site(path)
        name = owner.get((location, rest.partition("/")[0]), "") if mark else ""
        if not name:
            continue
        package = packages[name]
        versions[name] = package["version"]
        if name not in records:
            records[name] = _mtime(f"{location}/{package['info']}/RECORD")
        if records[name] and _mtime(path) > records[name]:
            suspects.setdefault(name, []).append(path)
    edited: dict[str, str] = {}
    for name, paths in suspects.items():
        edited |= _edited(packages[name], paths)
    return dict(sorted(versions.items())), edited


def edited_now(package: dict[str, Any]) -> dict[str, str]:
    """The edited modules of an installed package, all of them: path and sha256. Costs a stat a file."""
    at = _mtime(f"{package['location']}/{package['info']}/RECORD")
    try:
        record = Path(package["location"], package["info"], "RECORD").read_text()
    except OSError:
        return {}
    names = re.findall(r"^\"?([^,\"]+\.(?:py|so))\"?,", record, re.M)
    paths = [os.path.join(package["location"], name) for name in names]
    return _edited(package, [path for path in paths if _mtime(path) > at])


def _edited(package: dict[str, Any], paths: list[str]) -> dict[str, str]:
    """Of `paths`, those whose sha256 is not the one in the package's RECORD."""
    try:
        record = Path(package["location"], package["info"], "RECORD").read_text()
    except OSError:
        return {}
    listed = dict(re.findall(r"^\"?([^,\"]+)\"?,sha256=([\w-]+)", record, re.M))
    found = {}
    for path in paths:
        name = os.path.relpath(path, package["location"])
        try:
            digest = hashlib.sha256(Path(path).read_bytes()).digest()
        except OSError:
            continue
        if name in listed and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != listed[name]:
            found[path] = digest.hex()
    return found


def _split_site(path: str) -> tuple[str, str, str]:
    for mark in ("/site-packages/", "/dist-packages/"):
        head, found, rest = path.rpartition(mark)
        if found:
            return head + mark[:-1], mark, rest
    return "", "", ""


def _mtime(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def without_logins(found: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The same, with the credentials of index and VCS addresses masked."""
    return dict(json.loads(redactor.text(json.dumps(found))))
