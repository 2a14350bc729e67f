"""The interpreter a reproduction runs in: the present one where it is the captured one, else one rebuilt with uv.

A rebuilt environment takes each package that some environment at hand already has in that very version from there,
by hard link, and the rest from uv: its cache first, then the index. Rebuilt ones are kept in the user's cache by the
digest of what is in them.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.capture.environment import edited_now, interpreter
from anew.errors import AnewError, NotReproducible
from anew.store.objects import Objects

# They are tools of ours or of the installer, not part of what ran.
_NOT_REBUILT = {"anew", "pip", "setuptools", "wheel", "uv"}


@dataclass
class Environment:
    """The interpreter to run with. `how` is `current` or `rebuilt`; `differences` what is not as captured."""

    python: str
    how: str
    differences: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    python_path: list[str] = field(default_factory=list)


def captured(document: dict[str, Any], objects: Objects) -> dict[str, Any]:
    """The full record of the run's interpreter and packages; {} where there is none."""
    digest = (document.get("environment") or {}).get("digest")
    try:
        return dict(json.loads(objects.get_bytes(digest))) if digest else {}
    except AnewError:
        return {}


def choose(
    document: dict[str, Any], objects: Objects, how: str, cache: Path, say: Callable[[str], None] = lambda _: None
) -> Environment:
    """The environment for a reproduction; `how` is `auto`, `current` or `rebuild`.

    Raises NotReproducible, naming them, when packages or the interpreter can't be had.
    """
    wanted = captured(document, objects)
    used = (document.get("environment") or {}).get("packages", {})
    words = document.get("argv") or [sys.executable]
    candidates = dict.fromkeys(word for word in (words[0], wanted.get("executable"), sys.executable) if word)
    first: Environment | None = None
    for python in candidates:
        if not _is_python(python):
            continue
        found = _ask(python, cache)
        differing = _compare(wanted, used, found, document)
        if first is None:
            first = Environment(python, "current", differing)
        if not differing and how != "rebuild":
            return Environment(python, "current")
    if first is None:
        first = Environment(sys.executable, "current", ["the run's interpreter is gone"])
    if how == "current" or not wanted:
        return first
    say("the environment differs from the captured one; rebuilding it")
    return rebuild(wanted, used, cache)


def _is_python(path: str) -> bool:
    return "python" in os.path.basename(path) and bool(shutil.which(path))


def _ask(python: str, cache: Path) -> dict[str, Any]:
    if os.path.abspath(python) == sys.executable:
        return interpreter(None, None, cache)
    return interpreter(python, "", cache)


def _compare(
    wanted: dict[str, Any], used: dict[str, str], found: dict[str, Any], document: dict[str, Any]
) -> list[str]:
    """Where `found` is not what the run used: interpreter version, versions of loaded packages, edited files."""
    if not found:
        return ["no interpreter"]
    if not wanted:
        return []
    differing = []
    if found.get("version") != wanted.get("version"):
        differing.append(f"python {wanted.get('version')} -> {found.get('version')}")
    for name, version in used.items():
        have = found["packages"].get(name, {}).get("version")
        if have != version and name not in _NOT_REBUILT:
            differing.append(f"{name} {version} -> {have or 'missing'}")
    edited = (document.get("environment") or {}).get("edited", {})
    for name in used.keys() & found["packages"].keys():
        fresh = edited_now(found["packages"][name])
        differing += [f"{path} was edited since" for path in fresh if path not in edited]
    for path, digest in edited.items():
        try:
            same = hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
        except OSError:
            same = False
        if not same:
            differing.append(f"edited file {path} is another one now")
    return differing


def rebuild(wanted: dict[str, Any], used: dict[str, str], cache: Path) -> Environment:
    """Make, or find again, an environment with the captured packages. Raises NotReproducible with what is missing."""
    packages = {
        name: package
        for name, package in wanted.get("packages", {}).items()
        if name not in _NOT_REBUILT and not _is_editable(package)
    }
    key = json.dumps([wanted.get("version"), sorted((name, p["version"], p["record"]) for name, p in packages.items())])
    home = _home() / hashlib.sha256(key.encode()).hexdigest()[:20]
    ready = home / "ready.json"
    if ready.exists():
        return _made(home, json.loads(ready.read_text()))
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    python = _base_python(wanted)
    _uv("venv", "--quiet", "--no-project", "--python", python, str(home / "venv"))
    site = next((home / "venv" / "lib").glob("python*/site-packages"))
    rest = dict(packages)
    for name in list(rest):
        if _link_from_donor(rest[name], site):
            del rest[name]
    left_out = _install(home, rest, used)
    ready.write_text(json.dumps({"left_out": left_out}))
    return _made(home, {"left_out": left_out})


def _made(home: Path, about: dict[str, Any]) -> Environment:
    python = str(home / "venv" / "bin" / "python")
    # A script that says `import anew` gets this one: the tracker is not part of the experiment.
    own = home / "own"
    own.mkdir(exist_ok=True)
    link, package = own / "anew", Path(__file__).parents[1]
    if not link.is_symlink() or link.resolve() != package:
        link.unlink(missing_ok=True)
        link.symlink_to(package)
    return Environment(python, "rebuilt", [], about["left_out"], [str(own)])


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "anew" / "environments"


def _is_editable(package: dict[str, Any]) -> bool:
    return bool(package.get("direct", {}).get("dir_info"))


def _base_python(wanted: dict[str, Any]) -> str:
    """An interpreter of the captured version: the very one, or one uv finds or can fetch."""
    executable = wanted.get("base", "")
    if os.path.exists(executable):
        asked = interpreter(executable, "", Path(os.devnull))
        if asked.get("version") == wanted.get("version"):
            return str(executable)
    found = _try_uv("python", "find", "--no-project", wanted["version"])
    if found.returncode == 0:
        return found.stdout.strip()
    if _try_uv("python", "install", "--quiet", wanted["version"]).returncode == 0:
        return str(wanted["version"])
    missing = {"factor": "environment", "what": f"python {wanted['version']}", "why": "it is not installed here"}
    raise NotReproducible(
        f"Python {wanted['version']} is not installed and can't be fetched",
        [missing | {"mend": f"install it, or use --env current (Python {sys.version.split()[0]})"}],
    )


def _link_from_donor(package: dict[str, Any], site: Path) -> bool:
    """Take an installed distribution of that very RECORD from where the run had it. True when it is all there."""
    source = Path(package["location"])
    record = source / package["info"] / "RECORD"
    try:
        text = record.read_text()
    except OSError:
        return False
    if not package["info"] or hashlib.sha256(text.encode()).hexdigest() != package["record"]:
        return False
    rows = [row[0] for row in csv.reader(text.splitlines()) if row]
    names = [name for name in rows if not name.startswith(("/", "..")) and not name.endswith(".pyc")]
    if not all((source / name).exists() for name in names) or edited_now(package):
        return False
    for name in names:
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            continue
        # A copy, not a link, where an edit is likeliest to be made in place: one inode must not serve two environments.
        if name.endswith(".py"):
            shutil.copy2(source / name, target)
        else:
            try:
                os.link(source / name, target)
            except OSError:
                shutil.copy2(source / name, target)
    return True


def _install(home: Path, rest: dict[str, Any], used: dict[str, str]) -> list[str]:
    """Have uv install what no donor had, offline if it can. Returns the unused packages that can't be had."""
    if not rest:
        return []
    python = str(home / "venv" / "bin" / "python")
    base = ("pip", "install", "--quiet", "--no-deps", "--link-mode", "copy", "--python", python)
    wants = {name: _requirement(name, package) for name, package in rest.items()}
    whole = any(_try_uv(*base, *more, *wants.values()).returncode == 0 for more in (["--offline"], []))
    missing, left_out = [], []
    for name, want in wants.items():
        why = _another_version(home, name, rest[name]) if whole else ""
        if not whole:
            done = _try_uv(*base, want)
            why = (
                (done.stderr.strip().splitlines() or ["uv could not install it"])[-1].strip() if done.returncode else ""
            )
            why = why or _another_version(home, name, rest[name])
        if not why:
            continue
        if name in used:
            mend = f"pip install '{want}' in the run's environment, or use --env current"
            missing.append({"factor": "environment", "what": want, "why": why[:300], "mend": mend})
        else:
            left_out.append(want)
    if missing:
        shutil.rmtree(home, ignore_errors=True)
        names = ", ".join(item["what"] for item in missing)
        raise NotReproducible(f"packages that the run used can't be had: {names}", missing)
    return left_out


def _another_version(home: Path, name: str, package: dict[str, Any]) -> str:
    """What is wrong with what came for `name`: a folder that it was installed from may hold a later version now."""
    site = next((home / "venv" / "lib").glob("python*/site-packages"))
    for found in importlib.metadata.distributions(name=name, path=[str(site)]):
        if found.version != package["version"]:
            return f"{package.get('direct', {}).get('url', 'its origin')} holds version {found.version} now"
    return ""


def _requirement(name: str, package: dict[str, Any]) -> str:
    direct = package.get("direct", {})
    if "vcs_info" in direct:
        info = direct["vcs_info"]
        return f"{name} @ {info['vcs']}+{direct['url']}@{info['commit_id']}"
    if direct.get("url", "").startswith(("http:", "https:", "file:")):
        # Also from a folder of this machine: an index may have another package of that name.
        return f"{name} @ {direct['url']}"
    return f"{name}=={package['version']}"


def _find_uv() -> str:
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise AnewError("no environment can be rebuilt without uv; install it with: pip install uv")
    return found


def _try_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LD_PRELOAD", "PYTHON"))}
    return subprocess.run([_find_uv(), *arguments], capture_output=True, text=True, env=environ)


def _uv(*arguments: str) -> str:
    done = _try_uv(*arguments)
    if done.returncode:
        raise AnewError(f"uv {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout
