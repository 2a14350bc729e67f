"""How a server ends: told to, it seals every journal that it has open."""

from __future__ import annotations

import signal
import time

import pytest

from anew.store.journal_reader import verify_journal
from anew.store.received import sizes
from server.asking import Asked


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_seals_what_it_wrote(asked: Asked, how: signal.Signals) -> None:
    ids = [
        asked("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}).json["run"]["info"]["run_id"]
        for _ in range(3)
    ]
    begun = time.monotonic()
    asked.process.send_signal(how)
    assert asked.process.wait(20) == 0
    assert time.monotonic() - begun < 5
    for run_id in ids:
        folder = asked.store / "runs" / run_id
        assert sizes(folder)["journal"].sealed
        assert verify_journal(folder / "journal")[1] is None
