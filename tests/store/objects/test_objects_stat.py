"""The stat index never answers for a file that may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from blake3 import blake3

from anew.store.objects import Objects
from anew.store.objects.stat_index import RACY_NS, StatIndex


def test_same_size_rewrite_within_the_same_tick(store: Objects, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for i in range(300):  # far more often than the kernel's clock for files ticks
        data = b"%06d" % i
        file.write_bytes(data)
        assert store.put_file(file).digest == blake3(data).hexdigest()
        assert store.hash_file(file).digest == blake3(data).hexdigest()


def test_rewrite_that_puts_the_mtime_back(store: Objects, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    about = file.stat()
    time.sleep(0.15)
    store.put_file(file)
    with file.open("r+b") as out:
        out.write(b"two")
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert store.put_file(file).digest == blake3(b"two").hexdigest()


def test_what_is_kept_and_what_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    stat = file.stat()
    index = StatIndex(os.fspath(tmp_path / "stat"))
    index.put(stat, b"d" * 32, stat.st_ctime_ns + RACY_NS - 1)
    assert index.get(stat) is None
    index.put(stat, b"d" * 32, stat.st_ctime_ns + RACY_NS)
    assert index.get(stat) == b"d" * 32
    index.save()
    assert StatIndex(os.fspath(tmp_path / "stat")).get(stat) == b"d" * 32


def test_a_damaged_cache_forgets_rather_than_lies(tmp_path: Path) -> None:
    file, path = tmp_path / "file", tmp_path / "stat"
    file.write_bytes(b"x")
    stat = file.stat()
    index = StatIndex(os.fspath(path))
    index.put(stat, b"d" * 32, stat.st_ctime_ns + RACY_NS)
    index.save()
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 4]) + good[position + 1 :])
        assert StatIndex(os.fspath(path)).get(stat) is None
    for length in range(len(good)):
        path.write_bytes(good[:length])
        torn = StatIndex(os.fspath(path))
        assert torn.get(stat) is None
        torn.put(stat, b"e" * 32, stat.st_ctime_ns + RACY_NS)
        torn.save()
        assert StatIndex(os.fspath(path)).get(stat) == b"e" * 32
        path.unlink()
