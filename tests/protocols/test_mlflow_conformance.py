"""Our server answers MLflow's REST API as MLflow's own server does: what it said is in conformance/golden.json.

A step whose answer we want otherwise carries `deliberate`, with the rule and the answer. ANEW_CONFORMANCE_URL names a
server that runs already, to be asked instead of one of our own; with ANEW_CONFORMANCE_EXACT=1, as a check of this
suite against a real MLflow, `deliberate` is left out of account.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from protocols.conformance.cases import SCENARIOS
from protocols.conformance.steps import Ours, Scenario
from protocols.conformance.wire import Answer, describe, replay, same

GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "conformance" / "golden.json").read_text(encoding="utf-8")
)["scenarios"]
URL = os.environ.get("ANEW_CONFORMANCE_URL", "")
EXACT = bool(os.environ.get("ANEW_CONFORMANCE_EXACT"))
START_S = 60


@contextmanager
def serve(store: Path) -> Iterator[str]:
    """A server of ours on a store of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "anew", "server", "--port", str(port)]
    environment = {**os.environ, "ANEW_STORE": str(store / ".anew")}
    with open(store / "server.log", "wb") as log:
        process = subprocess.Popen(command, cwd=store, env=environment, stdout=log, stderr=log)
        try:
            _wait(process, f"http://127.0.0.1:{port}", store / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if URL:
        yield URL
        return
    with serve(tmp_path_factory.mktemp("conformance")) as found:
        yield found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_answers_as_mlflow_does(scenario: Scenario, url: str) -> None:
    told = GOLDEN[scenario.name]
    faults = []
    for number, (step, answer) in enumerate(zip(scenario.steps, replay(scenario, url), strict=True)):
        expected = told[number]
        ours = None if EXACT else step.deliberate
        fault = _against_ours(ours, answer) if ours else _against(expected, answer)
        if fault:
            faults.append(f"step {number}: {step.method} {step.path}\n  request  {answer.request}\n{fault}")
    if faults:
        pytest.fail(f"{scenario.name}: {len(faults)} of {len(told)} steps\n" + "\n".join(faults), pytrace=False)


def _against(expected: dict[str, Any], answer: Answer) -> str:
    """What is wrong with an answer, or an empty text."""
    got = answer.as_json()
    wrong = [key for key in ("status", "headers", "body") if not same(expected[key], got[key])]
    if not wrong:
        return ""
    shown = [f"  {key}\n    expected {_text(expected[key])}\n    got      {_text(got[key])}" for key in wrong]
    if "status" in wrong and "body" not in wrong:
        shown.append(f"  body     {_text(got['body'])}")
    return "\n".join(shown)


def _against_ours(ours: Ours, answer: Answer) -> str:
    body = answer.body if isinstance(answer.body, dict) else {}
    message = str(body.get("message", ""))
    wanted = ours.message or ""
    fits = message.startswith(wanted[:-1]) if wanted.endswith("…") else message == wanted
    good = (
        answer.status == ours.status
        and (ours.code is None or body.get("error_code") == ours.code)
        and (ours.message is None or fits)
        and (ours.body is None or same(ours.body, answer.body))
    )
    if good:
        return ""
    return f"  ours     {ours}\n  got      {answer.status} {_text(answer.body)}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)[:4000]


def test_every_step_has_been_recorded() -> None:
    """A changed case needs a new recording: see conformance/record.py."""
    assert {item.name: [describe(step) for step in item.steps] for item in SCENARIOS} == {
        name: [answer["request"] for answer in answers] for name, answers in GOLDEN.items()
    }


def test_names_of_scenarios_are_their_own() -> None:
    assert len({item.name for item in SCENARIOS}) == len(SCENARIOS)


def test_what_mlflow_does_not_answer_has_an_answer_of_ours() -> None:
    unexplained = [
        describe(step)
        for item in SCENARIOS
        for step, answer in zip(item.steps, GOLDEN[item.name], strict=True)
        if step.deliberate is None and (answer["status"] in (0, 500, 502, 503) or answer["body"] == "{html}")
    ]
    assert unexplained == []
