"""One at a time, among threads and among processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from anew.store.alone import alone

COUNT = """
import sys
from pathlib import Path
from anew.store.alone import alone
folder = Path(sys.argv[1])
for _ in range(200):
    with alone(folder / "locks", "a"):
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
"""


def test_processes_come_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    counting = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in counting] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "600"


def test_who_does_not_wait_is_told(tmp_path: Path) -> None:
    def ask() -> bool:
        with alone(tmp_path, "a", wait=False) as held:
            return held

    with ThreadPoolExecutor(1) as pool:
        with alone(tmp_path, "a") as held:
            assert held and not pool.submit(ask).result(10)
        assert pool.submit(ask).result(10)
