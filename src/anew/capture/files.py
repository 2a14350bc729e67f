"""Which files a run read and wrote, from the records that trace.c and boot/anew_boot/trace.py left in the spool."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anew.capture import bootstrap
from anew.capture.code import CODE_SUFFIXES

# Not data, wherever they are: what programs keep for themselves.
_OWN_FOLDERS = {"__pycache__", ".git", ".anew", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_HOME_TOOLS = {
    ".pyenv", ".conda", ".config", ".local", ".npm", ".nvm", ".cargo", ".rustup", ".ipython", ".jupyter", ".matplotlib",
    ".profile", ".bashrc", ".bash_profile", ".zshrc", ".gitconfig", ".inputrc", ".nv", ".triton", ".dbus",
}  # fmt: skip
_CACHE_TOOLS = {"pip", "uv", "matplotlib", "fontconfig", "torch_extensions", "numba", "mesa_shader_cache", "Microsoft"}
_SYSTEM = ("/var/cache/", "/var/lib/", "/var/log/", "/var/run/", str(bootstrap.FOLDER.parent.parent) + "/")
# Where programs and libraries lie that are installed, and no work of the user's.
_PROGRAMS = (
    "/usr/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/opt/", "/etc/", "/proc/", "/nix/", "/gnu/", "/snap/",
    "/home/linuxbrew/",
)  # fmt: skip
PARENTS = 3  # so many folders above the project can be reached by ../ in a recreated one too
_CONFIG_SUFFIXES = {".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env"}


@dataclass
class Use:
    """How a run used one file. `size` and `mtime_ns` are those of its first opening (0 where they weren't taken)."""

    path: str
    first: str  # r, w, a, p, m or u, as in trace.c
    size: int = 0
    mtime_ns: int = 0
    read: bool = False
    written: bool = False
    moved_away: bool = False
    moved_to: str = ""
    gone: bool = False  # it stood there before the run, which removed it
    ran: bool = False  # executed, or loaded as a library


@dataclass
class Trace:
    """Every file in use, in the order of first use; the network addresses connected to; the folders made."""

    files: dict[str, Use] = field(default_factory=dict)
    network: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # symbolic links that the run made, where they still are
    unwatched: list[str] = field(default_factory=list)  # programs that no library can be preloaded into
    pids: set[int] = field(default_factory=set)  # of the processes that noted something


def read_trace(spool: Path) -> Trace:
    """What the run's processes noted, as far as it was written."""
    trace = Trace()
    found = trace.files
    try:
        data = (spool / "trace").read_bytes()
    except OSError:
        return trace
    links: list[str] = []  # and what they led to, since removed
    left: Use | None = None  # what the record before says was moved away
    for kind, pid, size, mtime_ns, path in _records(data):
        trace.pids.add(pid)
        if kind in "ndx":
            names = {"n": trace.network, "d": trace.folders, "x": trace.unwatched}[kind]
            if path not in names:
                names.append(path)
            continue
        if kind == "l":
            if os.path.islink(path) or not os.path.exists(path):
                links.append(path)
                if os.path.islink(path) and path not in trace.links:
                    trace.links.append(path)
                continue
            kind = "m"  # a hard link: one more name for a file
        elif kind in "re" and path not in found:
            path = _through(path, links)
        if not path:
            continue
        use = found.get(path)
        if use is None:
            use = found[path] = Use(path, "r" if kind == "e" else kind, size, mtime_ns)
        use.ran |= kind == "e"
        use.read |= kind in "rae"
        use.written |= kind in "wapm"
        use.gone = kind == "g" or (use.gone and kind not in "wapm")
        use.moved_away = kind == "u"
        if kind == "m" and left is not None and left.moved_away:
            left.moved_to = path
        left = use if kind == "u" else None
    return trace


def _through(path: str, links: list[str]) -> str:
    """`path` as it is without the links that the run made itself; "" when that can't be told any more."""
    if not any(path == link or path.startswith(link + "/") for link in links):
        return path
    real = os.path.realpath(path)
    return "" if real == path else real


def _records(data: bytes) -> Iterator[tuple[str, int, int, int, str]]:
    for record in data.split(b"\0"):
        fields = record.decode("utf-8", "surrogateescape").split("\t", 6)
        # A process killed while writing leaves half a record.
        if len(fields) == 7 and fields[3].isdigit() and fields[4].isdigit():
            yield fields[0], int(fields[2]), int(fields[3]), int(fields[4]), fields[6]


def present_place(files: dict[str, Use], path: str) -> str:
    """Where the file that was at `path` is now, after the run moved it about."""
    passed = set()
    while path in files and files[path].moved_away and files[path].moved_to and path not in passed:
        passed.add(path)
        path = files[path].moved_to
    return path


def before_copy(spool: Path, path: str) -> Path | None:
    """The copy of `path` as it was before the run first wrote to it; None where nothing stood there."""
    kept = _kept(spool)
    name = f"{bootstrap.module('trace').fnv(path):016x}" if kept else ""
    return spool / "pre" / name if name in kept else None


def is_new(spool: Path, path: str) -> bool:
    """Whether nothing stood at `path` when the run first wrote there."""
    return f"{bootstrap.module('trace').fnv(path):016x}.new" in _kept(spool)


@functools.lru_cache(4)
def _kept(spool: Path) -> frozenset[str]:
    """Most runs overwrite little, and read much: the folder is listed once, when the run is over."""
    try:
        return frozenset(os.listdir(spool / "pre"))
    except OSError:
        return frozenset()


@functools.lru_cache(4096)
def _is_environment(folder: str) -> bool:
    """Whether a virtual or a conda environment is there: what is below it was installed."""
    return any(os.path.exists(f"{folder}/{mark}") for mark in ("pyvenv.cfg", "conda-meta"))


class Sorter:
    """Says of a path what it is to a run whose project is `root`."""

    def __init__(self, root: Path, store: Path, cwd: Path) -> None:
        self._root, self._store, self._cwd = str(root), str(store), str(cwd)
        self._below = f"{root}/"
        self._temporary = os.path.realpath(tempfile.gettempdir())
        self._ignored: dict[str, bool] = {}  # by folder: a run that reads a hundred thousand files has few of those

    def name(self, path: str) -> str:
        """Relative to the project where it lies in it, absolute elsewhere."""
        return path.removeprefix(self._below)

    def inside(self, path: str) -> bool:
        return path.startswith(self._below)

    def installed(self, path: str, prefixes: Collection[str]) -> bool:
        """Whether what was executed or loaded there belongs to the system or an environment, and not to the run."""
        inside = self.inside(path)
        for folder in Path(path).parents:
            if inside and str(folder) == self._root:
                return False
            if _is_environment(str(folder)):
                return True
        return path.startswith(_PROGRAMS) or any(path.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)

    def ignored(self, path: str, *, compiled: bool = False) -> bool:
        """Whether `path` is a program's own business: caches, settings, git, the store, libraries unless `compiled`."""
        folder, _, name = path.rpartition("/")
        known = self._ignored.get(folder)
        if known is None:
            known = self._ignored[folder] = self._is_own_folder(folder + "/")
        if known or name in _OWN_FOLDERS or name == "site-packages" or name == "pyvenv.cfg":
            return True
        if path.endswith((".pyc", "~")) or (not compiled and (path.endswith(".so") or ".so." in name)):
            return True
        return name in _HOME_TOOLS and not self.inside(path)

    def _is_own_folder(self, folder: str) -> bool:
        """Whether all that lies in `folder` (which ends with a slash) is ignored."""
        parts = folder.split("/")
        inside = self.inside(folder)
        if folder.startswith(self._store + "/") or _OWN_FOLDERS.intersection(parts):
            return True
        if "site-packages" in parts or (folder.startswith(_SYSTEM) and not inside):
            return True
        if inside:
            return False
        caches = [after for at, after in itertools.pairwise(parts) if at == ".cache"]
        return bool(_HOME_TOOLS.intersection(parts)) or any(name in _CACHE_TOOLS for name in caches)

    def temporary(self, path: str) -> bool:
        """Whether an output there is scratch: below the system's temporary folder, but not in or beside the project."""
        if self.inside(path) or path.startswith(self._cwd + "/"):
            return False
        folders = (self._temporary + "/", "/tmp/", "/var/tmp/")
        beside = tuple(
            f"{parent}/" for parent in Path(self._root).parents[:PARENTS] if f"{parent}/".startswith(folders)
        )
        beside = tuple(parent for parent in beside if parent not in folders)
        return path.startswith(folders) and not path.startswith(beside)

    def role(self, path: str) -> str:
        """`code`, `config` or `data`, by the file's name."""
        name = path.rpartition("/")[2].lower()
        stem, dot, ending = name.rpartition(".")
        suffix = dot + ending if stem else ""
        if suffix in CODE_SUFFIXES:
            return "code"
        if suffix in _CONFIG_SUFFIXES or name == ".env":
            return "config"
        if suffix == ".json" and any(word in name for word in ("config", "cfg", "param", "setting", "args")):
            return "config"
        return "data"
