from __future__ import annotations

import json
import math
import multiprocessing
import os
from pathlib import Path

import pytest

from anew.errors import CorruptData, StoreFull
from anew.store.ledger import GENESIS, Ledger, canonical, entry_hash

GOLDEN = Path(__file__).parent / "golden" / "ledger"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "store" / "ledger")


def fill(ledger: Ledger, count: int = 5) -> list[dict[str, object]]:
    return [ledger.append("alias", f"model/{i}", {"n": i, "ü": [1.5, None]}, actor="ana") for i in range(count)]


def test_entries_come_back_as_they_were_appended(ledger: Ledger) -> None:
    made = fill(ledger)
    assert list(ledger.entries()) == made
    assert list(ledger.entries(3)) == made[3:]
    assert [entry["seq"] for entry in made] == [0, 1, 2, 3, 4]
    assert made[0]["prev"] == GENESIS
    assert ledger.verify() == (5, None)


def test_a_ledger_that_is_not_there_is_empty(ledger: Ledger) -> None:
    assert list(ledger.entries()) == []
    assert ledger.verify() == (0, None)


def test_the_golden_ledger_verifies(tmp_path: Path) -> None:
    assert Ledger(GOLDEN).verify() == (3, None)
    entries = list(Ledger(GOLDEN).entries())
    assert entries[1]["body"] == {"verdict": "identical", "n": 1, "ü": [1.5, None, True]}
    assert b"".join(canonical(entry) + b"\n" for entry in entries) == GOLDEN.read_bytes()
    copy = tmp_path / "ledger"
    copy.write_bytes(GOLDEN.read_bytes())
    assert Ledger(copy).append("note", "x", {})["prev"] == entries[-1]["hash"]
    assert Ledger(copy).verify() == (4, None)


def test_a_tail_torn_at_any_byte_goes_and_the_rest_stays(ledger: Ledger) -> None:
    fill(ledger)
    whole = ledger.path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for size in range(ends[2], len(whole)):
        ledger.path.write_bytes(whole[:size])
        kept = sum(end - 1 <= size for end in ends)  # an entry without its line end is whole
        assert len(list(ledger.entries())) == kept
        assert ledger.append("note", "x", {}, actor="bo")["seq"] == kept
        assert ledger.verify() == (kept + 1, None)


def test_a_flipped_bit_is_found_and_no_wrong_entry_is_read(ledger: Ledger) -> None:
    made = fill(ledger, 3)
    whole = ledger.path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            ledger.path.write_bytes(damaged)
            found = []
            try:
                found.extend(ledger.entries())
            except CorruptData:
                pass
            assert found == made[: len(found)]
            count, problem = ledger.verify()
            # A damaged end of the last line loses nothing; a torn last line looks like any other damage to its end.
            assert problem or count == 3 or at >= whole.rstrip(b"\n").rfind(b"\n"), f"byte {at}, bit {bit}"


def test_removed_swapped_and_rewritten_entries_are_found(ledger: Ledger) -> None:
    fill(ledger)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert ledger.verify()[0] == 2
    assert "removed or changed" in str(ledger.verify()[1])
    ledger.path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    assert ledger.verify()[0] == 0
    entry = json.loads(lines[2])
    entry["body"] = {"n": 99}
    entry["hash"] = entry_hash(entry)  # a careful forger
    ledger.path.write_bytes(b"".join([*lines[:2], canonical(entry) + b"\n", *lines[3:]]))
    assert ledger.verify()[0] == 3
    assert ledger.verify()[1]


def test_nothing_is_appended_behind_damage(ledger: Ledger) -> None:
    fill(ledger, 2)
    data = bytearray(ledger.path.read_bytes())
    data[-30] ^= 1
    ledger.path.write_bytes(data)
    with pytest.raises(CorruptData, match="line last"):
        ledger.append("note", "x", {})
    assert ledger.path.read_bytes() == data


def test_values_of_all_kinds(ledger: Ledger) -> None:
    body = {
        "nan": math.nan,
        "inf": -math.inf,
        "big": 2**70,
        "text": "\udcff\n\0",
        "deep": {"a": [{"b": None}]},
        "long": "x" * 200_000,
    }
    ledger.append("a", "b", body)
    ledger.append("c", "d", {})
    assert repr(next(ledger.entries())["body"]) == repr(dict(sorted(body.items())))
    assert ledger.verify() == (2, None)
    with pytest.raises(TypeError):
        ledger.append("a", "b", {"x": object()})
    assert ledger.verify() == (2, None)


def _append_many(path: str, worker: int) -> None:
    for i in range(30):
        Ledger(Path(path)).append("count", f"{worker}", {"i": i})


def test_processes_append_in_one_chain(ledger: Ledger) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(str(ledger.path), n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ledger.verify() == (90, None)
    for n in range(3):
        assert [e["body"]["i"] for e in ledger.entries() if e["subject"] == str(n)] == list(range(30))


def test_no_place_for_a_ledger_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFull, match="ledger"):
        Ledger(tmp_path / "file" / "ledger").append("a", "b", {})


def test_a_user_without_a_name(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert ledger.append("a", "b", {})["actor"] == str(os.getuid())
