"""Made the golden journal and ledger, once: `python tests/store/golden/make.py`. It never overwrites them."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from anew.store import journal as journals
from anew.store import ledger as ledgers
from anew.store import liveness

FOLDER = Path(__file__).parent


def make_journal() -> None:
    times = iter(1_700_000_000.0 + i for i in range(100))
    journals._now = lambda: next(times)
    journals.time.time = lambda: 1_699_999_999.0
    liveness.identity = lambda: {"pid": 1, "started": 2, "boot": "b", "host": "h"}
    journal = journals.JournalWriter(FOLDER / "journal", run="0123456789ab")
    journal.log({"loss": 0.5, "acc": 0.25}, 0)
    journal.log({"loss": math.inf, "acc": -0.0}, 2**63 - 1)
    journal.log({"loss": 1e-300}, 2.5)
    journal.log({"odd": struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]}, -(2**63))
    journal.event("note", {"text": "ünï", "raw": b"\xff"})
    journal.seal()


def make_ledger() -> None:
    ledgers.time.time = lambda: 1_700_000_000.5
    ledger = ledgers.Ledger(FOLDER / "ledger")
    ledger.append("alias", "model/net", {"name": "best", "run": "0123456789ab"}, actor="ana")
    ledger.append("verdict", "0123456789ab", {"verdict": "identical", "n": 1, "ü": [1.5, None, True]}, actor="bo")
    ledger.append("delete", "run/0123456789ab", {}, actor="ana")


if __name__ == "__main__":
    for name, make in {"journal": make_journal, "ledger": make_ledger}.items():
        if not (FOLDER / name).exists():
            make()
