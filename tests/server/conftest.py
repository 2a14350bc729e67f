"""A server of ours on a free port, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.asking import Asked


@contextlib.contextmanager
def running(store: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`anew server` on the store; gives its address and its process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANEW_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "anew", "server", "--port", "0", "--json", *options],
        env={**environ, "ANEW_STORE": str(store)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"], process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """A server on an empty store, and a way to ask it."""
    with running(tmp_path / ".anew") as (address, process):
        yield Asked(address, tmp_path / ".anew", process)
