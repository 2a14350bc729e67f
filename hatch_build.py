"""Build hook: compiles the file tracer where there is a C compiler; without one the wheel is pure Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TracerHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not sys.platform.startswith("linux") or not compiler or self.target_name != "wheel":
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
