"""Stores that people have stay readable: files made once, by `golden/make.py`."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

from anew.store.objects import Objects
from anew.store.objects.index import SealedIndex, write

GOLDEN = Path(__file__).parent / "golden"
MAKE = runpy.run_path(str(GOLDEN / "make.py"))
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


def test_the_golden_store_is_read(root: Path) -> None:
    shutil.copytree(GOLDEN / "objects", root)
    store = Objects(root)
    for name, data in {**MAKE["contents"](), "live": b"in a pack that still grows"}.items():
        assert store.get_bytes(EXPECTED["digests"][name]) == data
        assert store.size(EXPECTED["digests"][name]) == len(data)
    entries = MAKE["entries"](EXPECTED["digests"])
    assert list(store.read_tree(EXPECTED["tree"])) == sorted(entries, key=lambda entry: entry.path)
    assert list(store.verify()) == []


def test_nothing_is_written_otherwise_than_it_was(root: Path, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "objects", root)
    before = {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with Objects(root) as store:
        for data in MAKE["contents"]().values():
            store.put_bytes(data)
        assert store.put_tree(MAKE["entries"](EXPECTED["digests"])) == EXPECTED["tree"]
    after = {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert after == before  # all of it was there already, under the same digests and with the same cuts
    (path,) = root.glob("index/*.idx")
    index = SealedIndex(str(path))
    write(str(tmp_path / "again.idx"), index.packs, index.rows())
    assert (tmp_path / "again.idx").read_bytes() == path.read_bytes()


def test_cuts_are_where_they_were() -> None:
    assert MAKE["cuts"]() == EXPECTED["cuts"]
