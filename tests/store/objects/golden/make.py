"""Make a golden store, once: `python tests/store/objects/golden/make.py [delta]`. Refuses to make it again.

A golden file that no longer fits means that the format has changed, and existing stores are lost: give the
format a new version, keep reading the old one, and add new golden files beside these.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from anew.store.objects import Entry, Objects, chunk, pack

HERE = Path(__file__).parent


def contents() -> dict[str, bytes]:
    return {
        "empty": b"",
        "raw": random.Random(1).randbytes(200),
        "text": b"the same line\n" * 500,
        "large": b"".join(b"%d,%d\n" % (i, i * i) for i in range(12_000)),
    }


def entries(digests: dict[str, str]) -> list[Entry]:
    return [
        Entry("code/train.py", "file", digests["text"], 7000),
        Entry("code/run.sh", "file", digests["raw"], 200, executable=True),
        Entry("code-old", "dir"),
        Entry("données/\udce9.csv", "file", digests["large"], 1),
        Entry("latest", "link", target="code/train.py"),
        *(Entry(f"many/{i:04d}", "file", digests["empty"], 0) for i in range(1200)),
    ]


def cuts() -> list[int]:
    """Sizes of the chunks of a content that is the same everywhere."""
    data = random.Random(2).randbytes(3 << 20)
    return [len(p) for pieces in chunk.cut(lambda o, n: data[o : o + n], len(data)) for p in pieces]


def delta() -> None:
    """Three versions of a folder whose nodes differ in little."""
    root = HERE / "delta" / "objects"
    if root.exists():
        raise SystemExit(f"{root} exists: golden files are made once")
    trees = {}
    with tempfile.TemporaryDirectory() as name:
        contents = {f"{i:03}": b"%d" % i for i in range(100)}
        for turn in range(3):
            contents[f"{turn * 30:03}"] = b"changed"
            for file, data in contents.items():
                Path(name, file).write_bytes(data)
            with Objects(root) as store:
                digest = store.put_folder(Path(name), remember=True).digest
            trees[digest] = {file: data.hex() for file, data in contents.items()}
    shutil.rmtree(root / "seen")
    (root / "stat").unlink(missing_ok=True)
    (HERE / "delta" / "expected.json").write_text(json.dumps({"deltas": 2, "trees": trees}, indent=1) + "\n")


def main() -> None:
    root = HERE / "objects"
    if root.exists():
        raise SystemExit(f"{root} exists: golden files are made once")
    store = Objects(root)
    digests = {name: store.put_bytes(data) for name, data in contents().items()}
    tree = store.put_tree(entries(digests))
    pack.PACK_SIZE = 1
    store.close()  # one sealed pack
    pack.PACK_SIZE = 64 << 20
    digests["live"] = store.put_bytes(b"in a pack that still grows")
    store.close()
    expected = {"digests": digests, "tree": tree, "cuts": cuts()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    os.sync()


if __name__ == "__main__":
    delta() if sys.argv[1:] == ["delta"] else main()
