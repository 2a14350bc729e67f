"""Build hook: compiles the file tracer where there is a C compiler, and builds the web page where there is Node.

Without a compiler the wheel is pure Python. Without the page the server says how to build it. ANEW_UI=skip leaves the
page alone; ANEW_UI=required makes a wheel without it an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "ui"))
import build as page

_STATIC = "src/anew/server/static"


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node as a wheel, for whoever has to build the page and has none: 61 MB that nobody else downloads."""
        wanted = os.environ.get("ANEW_UI") != "skip" and not self._is_built()
        return [page.NODE_WHEEL] if wanted and page.system_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel":
            self._trace(build_data)
        if os.environ.get("ANEW_UI") != "skip" and not self._is_built(editable=version == "editable"):
            self._build_page()
        build_data["artifacts"].append(f"{_STATIC}/**")

    def _is_built(self, *, editable: bool = False) -> bool:
        """Whether the page stands there: always in a source distribution; for work on Anew, an older one will do."""
        root = Path(self.root)
        return (root / _STATIC / "index.html").is_file() and (editable or (root / "PKG-INFO").is_file())

    def _build_page(self) -> None:
        try:
            page.run("build")
        except (page.NoNode, subprocess.CalledProcessError, OSError) as error:
            if os.environ.get("ANEW_UI") == "required":
                raise
            self.app.display_warning(f"the web page is not built ({error}); `make ui` in the checkout builds it")

    def _trace(self, build_data: dict[str, Any]) -> None:
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not sys.platform.startswith("linux") or not compiler:
            return
        folder = Path(self.root) / "src/anew/capture"
        target = folder / "_trace.so"
        made = target.with_name(f"_trace.{os.getpid()}.so")
        command = [compiler, "-O2", "-fPIC", "-shared", "-o", str(made), str(folder / "trace.c"), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            self.app.display_warning(f"file tracer not built, native reads will not be seen: {done.stderr.strip()}")
            return
        made.replace(target)
        build_data["artifacts"].append("src/anew/capture/_trace.so")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
