"""Records golden.json from a real `mlflow server`. Run by hand only, in an environment that has mlflow:

    PYTHONPATH=tests python -m protocols.conformance.record [--check] [--only WORD]

`--check` records again, in another order, and compares with golden.json instead of writing it: the same server must
give the same answers twice, and no scenario may need another.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from protocols.conformance.cases import SCENARIOS
from protocols.conformance.wire import describe, replay

GOLDEN = Path(__file__).with_name("golden.json")
_START_S = 120


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with golden.json, write nothing")
    parser.add_argument("--only", default="", help="scenarios with this word in their names; the others are kept")
    parser.add_argument("--url", default="", help="a server that runs already")
    arguments = parser.parse_args()
    wanted = [item for item in SCENARIOS if arguments.only in item.name]
    if arguments.check:
        random.shuffle(wanted)
    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder), arguments.url) as url:
        version = urllib.request.urlopen(f"{url}/version").read().decode()
        for scenario in wanted:
            answers = replay(scenario, url)
            made[scenario.name] = [
                {"request": describe(step), **answer.as_json()}
                for step, answer in zip(scenario.steps, answers, strict=True)
            ]
    old = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"mlflow": version, "scenarios": {}}
    if arguments.check:
        return _differences(old["scenarios"], made)
    kept = {**old["scenarios"], **made}
    write(version, {item.name: kept[item.name] for item in SCENARIOS if item.name in kept})
    steps = sum(len(item) for item in made.values())
    print(f"{len(made)} scenarios, {steps} steps recorded from MLflow {version}")
    return _unexplained(made)


def write(version: str, scenarios: dict[str, list[dict[str, Any]]]) -> None:
    """One line for each answer, so that a change shows as a changed line."""
    lines = ["{", f' "mlflow": {json.dumps(version)},', ' "scenarios": {']
    for number, (name, answers) in enumerate(scenarios.items()):
        lines.append(f"  {json.dumps(name)}: [")
        rows = [json.dumps(answer, ensure_ascii=False, sort_keys=True) for answer in answers]
        lines += [f"   {row}{',' if place < len(rows) - 1 else ''}" for place, row in enumerate(rows)]
        lines.append("  ]" + ("," if number < len(scenarios) - 1 else ""))
    GOLDEN.write_text("\n".join([*lines, " }", "}", ""]), encoding="utf-8")


def _differences(old: dict[str, Any], new: dict[str, Any]) -> int:
    different = 0
    for name, answers in new.items():
        for number, answer in enumerate(answers):
            before = old.get(name, [])
            if number >= len(before) or before[number] != answer:
                different += 1
                then = json.dumps(before[number] if number < len(before) else None)
                print(f"{name} step {number}\n  was {then}\n  now {json.dumps(answer)}")
    print(f"{different} answers differ")
    return 1 if different else 0


def _unexplained(made: dict[str, Any]) -> int:
    """Answers that we do not want to give and that no `deliberate` overrules."""
    found = 0
    for scenario in SCENARIOS:
        for step, answer in zip(scenario.steps, made.get(scenario.name, []), strict=False):
            text = json.dumps(answer["body"])
            bad = (
                (answer["status"] in (0, *range(500, 600)) and answer["status"] != 501)
                or answer["body"] == "{html}"
                or "sqlite3" in text
                or "(missing)" in text
            )
            if bad and step.deliberate is None:
                found += 1
                print(f"needs a deliberate answer: {scenario.name}: {describe(step)}\n  {answer['status']} {text}")
    return 1 if found else 0


@contextmanager
def _server(folder: Path, url: str) -> Iterator[str]:
    """A real MLflow server of its own, stopped with its children at the end."""
    if url:
        yield url
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", "--serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | settings
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(process, f"http://127.0.0.1:{port}", folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"mlflow server did not start:\n{log.read_text()[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
