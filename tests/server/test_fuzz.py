"""The native API under schemathesis: whatever comes, no error of the server's, and no hang."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from server.asking import Asked

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_no_request_is_an_error_of_the_servers(asked: Asked) -> None:
    pytest.importorskip("schemathesis")
    for _ in range(3):
        asked("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    tool = Path(sys.executable).parent / "schemathesis"
    command = [str(tool), "run", f"{asked.address}/api/v1/openapi.json", "--max-examples", "8", "--seed", "1"]
    command += ["--checks", "not_a_server_error", "--phases", "fuzzing", "--request-timeout", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:]
    assert asked("GET", "/health").body == b"OK"
