"""Notes the files Python opens, by an audit hook, in the records that trace.c writes too (the format stands there)."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from _thread import get_ident

from anew_boot import VARIABLES

TYPE_CHECKING = False  # typing itself would be a third of this folder's start-up time
if TYPE_CHECKING:
    from typing import Any

_O_TRUNC, _O_ACCMODE, _O_CREAT = os.O_TRUNC, 3, os.O_CREAT
_MOST_PRE_BYTES = 256 << 20
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/run/")
_SHARED = (
    "sem.", "psm_", "torch_", "joblib_memmapping", "__KMP_", "pymp-", "nccl-", "cuda.shm.", "vader_segment",
    "PostgreSQL.",
)  # fmt: skip

_spool = _root = ""
_skip: tuple[str, ...] = ()
_preloaded = False
_seen: set[Any] = set()
_busy: set[int] = set()  # threads that are in the hook: what it opens itself is no news


def start(spool: str, root: str, preloaded: bool) -> None:
    """Install the hook. With the preloaded tracer at work, opens are left to it, and the rest is noted here."""
    global _spool, _root, _skip, _preloaded
    _spool, _root, _preloaded = spool, root, preloaded
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.dirname(spool))}
    prefixes |= {VARIABLES.get("ANEW_STORE_PATH", "")} | set(VARIABLES.get("ANEW_SKIP", "").split(":"))
    _skip = tuple(p + "/" for p in prefixes if p and p != "/" and not (root + "/").startswith(p + "/"))
    sys.addaudithook(_hook)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    _seen.clear()
    _busy.clear()


def note(kind: str, path: str, info: os.stat_result | None = None) -> None:
    """Append one record; a path that is not a file (an address, say) comes without `info`."""
    size, mtime, inode = (info.st_size, info.st_mtime_ns, info.st_ino) if info else (0, 0, 0)
    line = f"{kind}\t{time.monotonic_ns()}\t{os.getpid()}\t{size}\t{mtime}\t{inode}\t{path}\0"
    fd = os.open(_spool + "/trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, line.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)


def ignored(path: str) -> bool:
    """What is never data: installed packages, the system, caches of bytecode."""
    return installed(path) or of_system(path) or (path.endswith(".pyc") and not _inside(path))


def installed(path: str) -> bool:
    return path.startswith(_skip) or "/site-packages/" in path or "/dist-packages/" in path or "/.git/" in path


def of_system(path: str) -> bool:
    if _inside(path):
        return False
    if path.startswith("/dev/shm/"):  # a disk like others, but for what processes share there
        return path.startswith(_SHARED, len("/dev/shm/"))
    return path.startswith(_SYSTEM)


def _inside(path: str) -> bool:
    return bool(_root) and path.startswith(_root + "/")


def fnv(text: str) -> int:
    """FNV-1a, 64 bits: the name trace.c gives the copy of a file that is about to be overwritten."""
    value = 14695981039346656037
    for byte in text.encode("utf-8", "surrogateescape"):
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return value


def keep(path: str) -> None:
    """Copy what stands at `path` before the run's first write to it, or mark that nothing stood there."""
    copy = f"{_spool}/pre/{fnv(path):016x}"
    if os.path.exists(copy) or os.path.exists(copy + ".new"):
        return
    try:
        info = os.stat(path)
    except FileNotFoundError:
        os.close(os.open(copy + ".new", os.O_WRONLY | os.O_CREAT, 0o600))
        return
    if stat.S_ISREG(info.st_mode) and info.st_size <= _MOST_PRE_BYTES:
        part = f"{copy}.{os.getpid()}"
        shutil.copyfile(path, part)
        try:
            os.link(part, copy)
        except FileExistsError:
            pass
        os.unlink(part)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        if _preloaded:
            return
    elif event not in _OTHERS:
        return
    thread = get_ident()
    if thread in _busy:
        return
    _busy.add(thread)
    try:
        if event == "open":
            _opened(args[0], args[1], args[2])
        else:
            _OTHERS[event](args)
    except Exception:
        pass  # a path that can't be looked at is a file that can't be opened either
    finally:
        _busy.discard(thread)


def _opened(path: Any, mode: str | None, flags: int) -> None:
    if isinstance(path, int):
        return
    path = os.path.abspath(os.fsdecode(path))
    kind = _kind(mode, flags or 0)
    if (path, kind) in _seen or ignored(path):
        return
    if kind == "r":
        if path.endswith(".so") and not _inside(path):
            return  # what is loaded is noted as that
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            return
    else:
        if kind in "ap" and not os.path.exists(path):
            kind = "w"
        keep(path)
        info = None
    _seen.add((path, kind))
    note(kind, path, info)


def _kind(mode: str | None, flags: int) -> str:
    if isinstance(mode, str):
        if "+" in mode and "w" not in mode and "x" not in mode:
            return "a"
        return "w" if "w" in mode or "x" in mode else "p" if "a" in mode else "r"
    if flags & _O_ACCMODE == 0:
        return "r"
    return "w" if flags & _O_TRUNC else "a" if flags & _O_ACCMODE == os.O_RDWR else "p"


def _renamed(args: tuple[Any, ...]) -> None:
    if _preloaded:
        return
    source, target = (os.path.abspath(os.fsdecode(name)) for name in args[:2])
    if not ignored(target) and os.path.isfile(source):
        keep(target)
        info = os.stat(source)
        note("u", source, info)
        note("m", target, info)


def _folder_made(args: tuple[Any, ...]) -> None:
    path = os.path.abspath(os.fsdecode(args[0]))
    if not _preloaded and not ignored(path) and not os.path.exists(path):
        note("d", path)


def _database(args: tuple[Any, ...]) -> None:
    if _preloaded or isinstance(args[0], int) or args[0] in (":memory:", ""):
        return
    path = os.path.abspath(os.fsdecode(args[0]))
    if not ignored(path) and (path, "a") not in _seen:
        _seen.add((path, "a"))
        keep(path)
        note("a" if os.path.exists(path) else "w", path, os.stat(path) if os.path.exists(path) else None)


def _connected(args: tuple[Any, ...]) -> None:
    address = args[1]
    if isinstance(address, tuple) and len(address) >= 2:
        where = f"{address[0]}:{address[1]}"
        if where not in _seen:
            _seen.add(where)
            note("n", where)


def _removed(args: tuple[Any, ...]) -> None:
    if not _preloaded:
        path = os.path.abspath(os.fsdecode(args[0]))
        if not ignored(path) and os.path.isfile(path):
            keep(path)
            note("g", path)


def _linked(args: tuple[Any, ...]) -> None:
    if not _preloaded:
        path = os.path.abspath(os.fsdecode(args[1]))
        if not ignored(path) and not os.path.lexists(path):
            note("l", path)


def compiled(path: str) -> None:
    """Note a program or a library that is part of the run: neither the system's nor an installed package's."""
    path = os.path.abspath(path)
    if (path, "e") in _seen or installed(path) or of_system(path) or not os.path.isfile(path):
        return
    _seen.add((path, "e"))
    note("e", path, os.stat(path))


def loaded(paths: set[str]) -> None:
    """Note the libraries of this process; the preloaded tracer does so by itself."""
    for path in sorted(paths):
        if not _preloaded and path.startswith("/"):
            compiled(path)


def _executed(args: tuple[Any, ...]) -> None:
    """`args`: the program, its words, and, from subprocess, the folder it is started in."""
    program = args[0] if args[0] is not None else args[1][0] if isinstance(args[1], (list, tuple)) else args[1]
    if not _preloaded and not isinstance(program, int):
        name = os.fsdecode(program)
        folder = os.fsdecode(args[2]) if len(args) > 3 and args[2] else ""
        found = os.path.join(folder, name) if "/" in name else shutil.which(name)
        if found:
            compiled(found)


def _loaded(args: tuple[Any, ...]) -> None:
    name = args[1] if len(args) > 1 else args[0]
    if not _preloaded and isinstance(name, (str, bytes)) and "/" in os.fsdecode(name):
        compiled(os.fsdecode(name))


_OTHERS = {
    "import": _loaded,
    "ctypes.dlopen": _loaded,
    "subprocess.Popen": _executed,
    "os.exec": _executed,
    "os.posix_spawn": _executed,
    "os.rename": _renamed,
    "os.mkdir": _folder_made,
    "os.remove": _removed,
    "os.symlink": _linked,
    "os.link": _linked,
    "sqlite3.connect": _database,
    "socket.connect": _connected,
}
