"""Two runs, a minute apart, in two places."""

from __future__ import annotations

from datetime import UTC, datetime

from anew.reproduction.compare import Side

START = datetime(2026, 11, 21, 3, 4, 0, tzinfo=UTC).timestamp()
A = Side(
    root="/work/one",
    cwd="/work/one",
    started=START,
    ended=START + 60,
    host="node-a1",
    user="alice",
    run_id="k3xq9a",
    home="/home/alice",
    secretive=True,
)
B = Side(
    root="/scratch/again/two",
    cwd="/scratch/again/two",
    started=START + 3600,
    ended=START + 3700,
    host="node-b2",
    user="bob",
    run_id="p7zw2m",
    home="/home/bob",
    secretive=True,
)
