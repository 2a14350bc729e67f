"""Listens to the imports of a few libraries, to learn from them what a script will not say by itself."""

from __future__ import annotations

import json
import os
import re
import sys
import time

from anew_boot import entropy

TYPE_CHECKING = False  # typing itself would be a third of this folder's start-up time
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

_SECRET = re.compile(r"pass(wd|word|phrase)|secret|credential|api_?key|access_?key|private_?key|token|auth", re.I)
_spool = ""
_figures = 0


def start(spool: str) -> None:
    """Watch for the modules in `_ON_IMPORT`; those already imported are met at once."""
    global _spool
    _spool = spool
    for name, meet in _ON_IMPORT.items():
        if name in sys.modules:
            meet(sys.modules[name])
    sys.meta_path.insert(0, _Finder())


def say(kind: str, body: dict[str, Any]) -> None:
    """Append one JSON line to this run's spool; a line is one write, so processes can share the file."""
    line = json.dumps({"kind": kind, "time": time.time(), "pid": os.getpid(), "body": body}, default=repr)
    fd = os.open(_spool + "/said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, line.encode("utf-8", "surrogateescape") + b"\n")
    finally:
        os.close(fd)


class _Finder:
    """Finds the watched modules like the finders behind it do, and calls `_ON_IMPORT` once each is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _ON_IMPORT:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: Any) -> Any:
        return self._real.create_module(spec)

    def exec_module(self, module: Any) -> None:
        # From here on nobody can tell that we stood between.
        module.__loader__ = module.__spec__.loader = self._real
        self._real.exec_module(module)
        try:
            _ON_IMPORT[module.__name__](module)
        except Exception as error:
            say("problem", {"what": f"could not listen to {module.__name__}: {error!r}"})


def _on_argparse(argparse: Any) -> None:
    plain = argparse.ArgumentParser.parse_known_args
    depth = [0]

    def parse_known_args(self: Any, args: Any = None, namespace: Any = None) -> Any:
        of_the_script = (args is None or list(args) == sys.argv[1:]) and not _for_a_worker(sys._getframe(1))
        depth[0] += 1
        try:
            result = plain(self, args, namespace)
        finally:
            depth[0] -= 1
        if of_the_script and depth[0] == 0:
            try:
                values = {key: value for key, value in vars(result[0]).items() if not callable(value)}
                say(
                    "config",
                    {"values": {key: _shown(key, value) for key, value in values.items()}, "source": "argparse"},
                )
            except Exception:
                pass  # a namespace of unusual make is the script's business
        return result

    argparse.ArgumentParser.parse_known_args = parse_known_args


def _for_a_worker(frame: FrameType | None) -> bool:
    """Whether it is a pool that starts its workers by command lines of its own: pipes and process numbers."""
    while frame is not None:
        if "/loky/" in frame.f_code.co_filename or "/torch/distributed/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _shown(key: str, value: Any) -> Any:
    # The finaliser masks more; this is only so that no secret rests in the spool, should all be killed.
    return "<redacted>" if isinstance(value, str) and _SECRET.search(key) and len(value) >= 8 else _simple(value)


def _simple(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_simple(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _on_yaml(yaml: Any) -> None:
    plain = yaml.load

    def load(stream: Any, *args: Any, **kwargs: Any) -> Any:
        result = plain(stream, *args, **kwargs)
        name = getattr(stream, "name", None)
        if isinstance(result, dict) and isinstance(name, str) and "site-packages" not in name:
            try:
                values = {key: _shown(key, value) for key, value in _flat(result)}
                say("config", {"values": values, "source": os.path.basename(name)})
            except Exception:
                pass  # what a YAML file may hold has no end
        return result

    load.__doc__ = plain.__doc__
    yaml.load = load


def _flat(values: dict[Any, Any], prefix: str = "", depth: int = 8) -> Iterator[tuple[str, Any]]:
    """Nested settings as pairs of dotted name and value."""
    for key, value in values.items():
        if isinstance(value, dict) and value and depth:
            yield from _flat(value, f"{prefix}{key}.", depth - 1)
        else:
            yield f"{prefix}{key}", value


def _on_pyplot(pyplot: Any) -> None:
    plain = pyplot.show

    def show(*args: Any, **kwargs: Any) -> Any:
        try:
            _keep_figures(pyplot)
        except Exception as error:
            say("problem", {"what": f"a shown figure was not kept: {error!r}"})
        return plain(*args, **kwargs)

    show.__doc__ = plain.__doc__
    pyplot.show = show


def _keep_figures(pyplot: Any) -> None:
    global _figures
    os.makedirs(_spool + "/figures", exist_ok=True)
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        _figures += 1
        name = f"figure-{_figures}.png"
        figure.savefig(f"{_spool}/figures/{name}", format="png", metadata={"Software": None})
        say("figure", {"file": f"figures/{name}", "name": name, "title": _title(figure)})


def _title(figure: Any) -> str:
    texts = [axes.get_title() for axes in figure.get_axes() if axes.get_title()]
    return texts[0] if texts else ""


_ON_IMPORT = {
    "random": entropy.on_random,
    "secrets": entropy.on_secrets,
    "numpy.random": entropy.on_numpy,
    "torch": entropy.on_torch,
    "argparse": _on_argparse,
    "yaml": _on_yaml,
    "matplotlib.pyplot": _on_pyplot,
}
