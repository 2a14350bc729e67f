"""Where the store is, which folder is the project, and what a new run is called."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from anew.errors import StoreError, StoreFull

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
FORMAT = "anew 1\n"
KINDS = ("runs", "models", "traces", "files", "datasets")  # what has journals; all but runs are made by a server
_ADDRESS = re.compile(r"https?://")


class Store(NamedTuple):  # a dataclass would cost every `import anew` 6 ms
    """The folders of one store; `root` is the `.anew` folder. Nothing is made before `create`."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    def run(self, run_id: str) -> Path:
        return self.runs / run_id

    def create(self) -> Store:
        """Make the folder, ignored by git. Raises StoreFull when it can't be made, StoreError for an unknown format."""
        try:
            if not self.root.exists():
                _make(self.root)
            self.runs.mkdir(parents=True, exist_ok=True)
            _write_once(self.root / ".gitignore", "*\n")
            _write_once(self.root / "format", FORMAT)
        except OSError as error:
            raise StoreFull(f"cannot make the store {self.root}: {error.strerror}; set ANEW_STORE elsewhere") from error
        found = (self.root / "format").read_text()
        if found != FORMAT:
            raise StoreError(f"{self.root} has the format {found.strip()!r}; this version of anew reads 'anew 1'")
        return self


def _make(root: Path) -> None:
    """The folder of a store; for the group where the folder that it is in is."""
    from anew.store.sharing import is_shared, share

    root.mkdir(parents=True, exist_ok=True)
    if is_shared(root.parent):
        share(root)


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(text)
        part.replace(path)


def find_store(start: Path | None = None) -> Store:
    """The store that is used from `start` (by default the working folder), made or not.

    `ANEW_STORE` wins, where it is a folder (with the address of a server, runs are kept here first all the same);
    then the nearest `.anew` upwards; then one beside the nearest `.git`; then one in `start` itself, or, where that
    can't be written, the user's own (`$XDG_DATA_HOME/anew`).
    """
    if named := named_store():
        return Store(Path(named).expanduser().absolute())
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / ".anew").is_dir():
            return Store(folder / ".anew")
    home = git_top(start) or start
    if os.access(home, os.W_OK) and not is_shared(home):
        return Store(home / ".anew")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Store(Path(data) / "anew")


def setting(name: str) -> str:
    """A variable of Anew's, "" for none. Below `anew run` they are out of sight of the script, see capture/trace.c."""
    hidden = getattr(sys.modules.get("anew_boot"), "VARIABLES", {})
    return os.environ.get(name, "") or str(hidden.get(name, ""))


def named_store() -> str:
    """The folder that ANEW_STORE names; "" when it names none."""
    named = setting("ANEW_STORE")
    return "" if _ADDRESS.match(named) else named


def server_address() -> str:
    """The server that runs are sent to, "" for none: ANEW_SERVER, or ANEW_STORE where that is an address."""
    for name in ("ANEW_SERVER", "ANEW_STORE"):
        value = setting(name)
        if _ADDRESS.match(value):
            return value.rstrip("/")
    return ""


def is_shared(folder: Path) -> bool:
    """Whether `folder` holds everybody's things, or all of a user's: it is nobody's project."""
    home = os.path.expanduser("~")
    return str(folder) in {
        "/",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/home",
        os.environ.get("TMPDIR", "/tmp").rstrip("/"),
        home,
    }


def git_top(start: Path) -> Path | None:
    """The nearest folder upwards that holds `.git`."""
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return None


def project_root(cwd: Path, script: Path | None = None) -> Path:
    """The folder that counts as the project: the git work tree, else the one the store lies in, else `cwd`.

    A script outside of it makes its own folder (or work tree) the project.
    """
    root = git_top(cwd)
    if root is None:
        root = next((folder for folder in (cwd, *cwd.parents) if (folder / ".anew").is_dir()), cwd)
    if script is not None and (not script.is_relative_to(root) or is_shared(root)):
        root = git_top(script.parent) or script.parent
    return root


def new_run_id() -> str:
    bits = int.from_bytes(system_random(8), "little")
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(0, 60, 5))


def system_random(size: int) -> bytes:
    """True entropy, also inside a traced script, where `os.urandom` is replayed."""
    return os.getrandom(size) if hasattr(os, "getrandom") else os.urandom(size)
