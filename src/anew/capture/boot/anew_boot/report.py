"""The last word of a traced process: what it imported, its native libraries, what became of its generators."""

from __future__ import annotations

import atexit
import json
import os
import sys

from anew_boot import entropy, trace

TYPE_CHECKING = False  # typing itself would be a third of this folder's start-up time
if TYPE_CHECKING:
    from typing import Any

_spool = _root = ""
_pid = 0
_NATIVE = ("blas", "mkl", "gomp", "libomp", "iomp", "libcuda", "cudnn", "cublas", "onednn", "dnnl", "tbb")
_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip


def start(spool: str, root: str) -> None:
    """Write the report at exit. Registered first, it runs last."""
    global _spool, _root, _pid
    _spool, _root, _pid = spool, root, os.getpid()
    atexit.register(write)
    out = sys.stdout
    if out is not None and hasattr(out, "reconfigure") and not os.environ.get("PYTHONUNBUFFERED"):
        # Into a pipe Python would hold back output until it ends; a line at a time can be followed, and survives.
        out.reconfigure(line_buffering=True)


def write() -> None:
    if os.getpid() != _pid or not os.path.isdir(_spool):
        return  # a forked child that left by sys.exit is not the process the report is of
    try:
        entropy.settle_all()
        body = report()
        part = f"{_spool}/exit-{_pid}.json.part"
        with open(part, "w") as file:
            json.dump(body, file, default=repr)
        os.replace(part, part[:-5])
    except Exception as error:
        print(f"anew: the end of process {_pid} is not captured: {error!r}", file=sys.stderr)


def report() -> dict[str, Any]:
    """This process in one JSON-able dict."""
    return {
        "pid": os.getpid(),
        "executable": sys.executable,
        "version": sys.version,
        "prefix": sys.prefix,
        "prefixes": sorted({sys.prefix, sys.base_prefix, sys.exec_prefix}),
        "cwd": _cwd(),
        "modules": _modules(),
        "generators": entropy.generators,
        "draws": {who: {"times": n, "bytes": size} for who, (n, size) in entropy.draws.items()},
        "seeded": entropy.seeded,
        "replayable": entropy.active(),
        # The flag is also set for a seed that is given, and then nothing is left to chance.
        "hash_randomized": bool(sys.flags.hash_randomization)
        and os.environ.get("PYTHONHASHSEED", "random") in ("random", ""),
        "threads": _threads(),
        "native": _native(),
    }


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _modules() -> list[list[str]]:
    """Name and file of each imported module outside the standard library, in the order of import."""
    standard = tuple({os.path.dirname(os.__file__) + "/"})
    boot = os.path.dirname(__file__)
    files = []
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if not isinstance(name, str) or name.startswith(boot):
            continue
        if "/site-packages/" in name or "/dist-packages/" in name or not name.startswith(standard):
            files.append([module.__name__, os.path.abspath(name)])
    return files


def _threads() -> dict[str, Any]:
    found: dict[str, Any] = {name: os.environ[name] for name in _THREADS if name in os.environ}
    if hasattr(os, "sched_getaffinity"):
        found["cpus"] = len(os.sched_getaffinity(0))
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        found["torch"] = torch.get_num_threads()
    return found


def _native() -> dict[str, Any]:
    """Numeric libraries mapped into this process, and the code path they chose where they can say so."""
    found: dict[str, Any] = {}
    try:
        with open("/proc/self/maps") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if ".so" in line}
    except (OSError, IndexError):
        return found
    trace.loaded(paths)
    for path in sorted(paths):
        name = os.path.basename(path)
        if any(word in name.lower() for word in _NATIVE):
            found[name] = _blas(path) if "blas" in name.lower() else {}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(getattr(torch, "backends", None), "cpu"):
        found["torch"] = {"capability": torch.backends.cpu.get_cpu_capability(), **_cuda(torch)}
    return found


def _blas(path: str) -> dict[str, Any]:
    import ctypes

    try:
        library = ctypes.CDLL(path)
    except OSError:
        return {}
    for prefix in ("", "scipy_"):
        for suffix in ("", "64_", "_64"):
            try:
                core = getattr(library, f"{prefix}openblas_get_corename{suffix}")
                count = getattr(library, f"{prefix}openblas_get_num_threads{suffix}")
            except AttributeError:
                continue
            core.restype = ctypes.c_char_p
            return {"core": (core() or b"").decode(), "threads": count()}
    return {}


def _cuda(torch: Any) -> dict[str, Any]:
    if not torch.cuda.is_initialized():
        return {}
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }
