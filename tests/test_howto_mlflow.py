"""The how-to of moving from MLflow, done by the letter."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from projects import Project

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "move-from-mlflow.md"
OLD = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("old times")
with mlflow.start_run(run_name="kept"):
    mlflow.log_param("lr", 0.3)
    mlflow.log_metric("loss", 0.25)
    mlflow.log_text("hello", "greeting.txt")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.real
def test_the_how_to_works_as_it_is_written(project: Project) -> None:
    pytest.importorskip("mlflow")
    port = str(free_port())
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text().replace("5001", port), re.M | re.S)
    project.write("train.py", next(body for language, body in blocks if language == "python"))
    project.write("old.py", OLD)
    environ = {**project.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "old.py"], cwd=project.root, env=environ, check=True)
    server: subprocess.Popen[bytes] | None = None
    said = []
    try:
        for line in [line for language, body in blocks if not language for line in body.splitlines()]:
            words = shlex.split(line)
            if words[:2] == ["anew", "server"]:
                command = [sys.executable, "-m", *words]
                server = subprocess.Popen(command, cwd=project.root, env=environ, stdout=subprocess.DEVNULL)
                wait(f"http://127.0.0.1:{port}/health")
            elif words[0] == "export":
                name, _, value = words[1].partition("=")
                environ[name] = value
            elif words[0] == "python":
                subprocess.run([sys.executable, *words[1:]], cwd=project.root, env=environ, check=True)
            else:
                said.append(project.anew(*words[1:]).stdout)
    finally:
        if server is not None:
            server.terminate()
            server.wait(20)
    dry, done, every, few = said
    assert "would import" in dry and "1 runs" in dry and "1 runs" in done and "1 files" in done
    assert "moved" in every and "kept" in every
    assert "moved" in few and "kept" in few


def wait(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail("the server did not start")
