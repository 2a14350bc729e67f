"""The real dvc, and `anew dvc`, kept warm: a process that has loaded it, and forks for each command.

To start dvc takes most of a second, ours a quarter of one, and the tests do so hundreds of times. Each command still
has a process, a folder, an environment and descriptors of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


class Warm:
    """Runs commands of `dvc` or of `anew dvc` as `subprocess.run` would."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self._process: subprocess.Popen[str] | None = None

    def run(self, words: list[str], cwd: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        if self._process is None:
            plain = {name: value for name, value in environ.items() if name != "HOME"} | {"HOME": "/nonexistent"}
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", __file__, self.tool], env=plain, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            atexit.register(self.close)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            asked = {"words": words, "cwd": os.fspath(cwd), "environ": environ, "folder": folder}
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            said = [Path(folder, name).read_bytes().decode("utf-8", "surrogateescape") for name in ("out", "err")]
        return subprocess.CompletedProcess([self.tool, *words], code, *said)

    def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None


def _serve(tool: str) -> None:
    main = _load(tool)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(tool, main, asked)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _load(tool: str) -> Callable[[list[str]], object]:
    if tool == "dvc":
        from dvc.cli import main
        from dvc.repo import Repo  # noqa: F401

        return main
    from anew.cli import main as ours

    for name in ("asyncssh", "obstore.store", "urllib3", "webdav4.client"):  # as far as they are installed
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    return lambda words: ours(["dvc", *words])


def _run(tool: str, main: Callable[[list[str]], object], asked: dict[str, object]) -> None:
    """In the child: become the command."""
    folder, words = str(asked["folder"]), asked["words"]
    assert isinstance(words, list)
    assert isinstance(asked["environ"], dict)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(str(asked["cwd"]))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for fd, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), fd)
    sys.argv = [tool, *words]
    code: object = 1
    try:
        code = main(words)
    except SystemExit as done:
        code = done.code
    except BaseException:  # what an interpreter prints at its end
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)


if __name__ == "__main__":
    _serve(sys.argv[1])
