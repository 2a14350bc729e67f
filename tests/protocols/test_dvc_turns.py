"""Any commands in any order: two projects, one driven by the real dvc and one by `anew dvc`, stay the same.

`make dvc-rounds` takes hundreds of turns instead of these few.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.dvc_twins import Side, Twins, clear, make_twins

pytestmark = pytest.mark.real

ROUNDS = int(os.environ.get("ANEW_DVC_ROUNDS", "2"))
STEPS = 25
FILES = [
    "data/a.csv",
    "data/sub/b.bin",
    "data/sub/deep/c",
    "data/d e.txt",
    "file.txt",
    "other/x.bin",
    "na me",
    "zé.bin",
]
TRACKED = ["data", "file.txt", "other/x", "other", "na me", "zé.bin", "data/a.csv", "data/sub"]
CONTENTS = [b"", b"one\n", b"two\n", b"one\r\ntwo\r\n", b"\0binary", b"x" * 3000, b"three three\n" * 40]
# `{}` stands for something tracked. What is printed with --json is compared, too.
COMMANDS = """
add {}; add {}; add {}; add {}; add --no-commit {}; add -f {}; commit -f; commit -f {}.dvc; commit
status; status -q; status --json; status -c --json; status {}.dvc --json
data status; data status --json; data status --json --granular --unchanged; data status --json --not-in-remote
data status --json --granular --untracked-files
diff; diff --json; diff HEAD~1 --json; diff HEAD~1 HEAD --json --show-hash
checkout; checkout -f; checkout {}.dvc; checkout -f {}; checkout --relink -f; checkout --allow-missing -f
remove {}.dvc; remove --outs {}.dvc; unprotect {}
push; push {}; push -A; pull; pull -f; pull {}; pull --allow-missing; fetch; fetch -a
gc -w -f; gc -a -f; gc -A -f; gc -w -c -f; gc -w --dry -f; gc -w --not-in-remote -f
config cache.type symlink; config cache.type hardlink; config cache.type copy; config core.autostage true
list . --json -R; list . --json --dvc-only; get . {} -o got
"""
WORDS = [line.strip().split(" ") for line in COMMANDS.replace("\n", ";").split(";") if line.strip()]
Step = Callable[[Twins, random.Random], str]


def _fill(path: Path, content: bytes) -> None:
    if (path.is_dir() and not path.is_symlink()) or any(above.is_file() for above in path.parents):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def write(twins: Twins, chance: random.Random) -> str:
    name, content = chance.choice(FILES), chance.choice([*CONTENTS, chance.randbytes(50)])
    twins.prepare(lambda side: _fill(side.root / name, content))
    return f"write {name}"


def delete(twins: Twins, chance: random.Random) -> str:
    name = chance.choice(FILES + TRACKED)
    twins.prepare(lambda side: clear(side.root / name) if os.path.lexists(side.root / name) else None)
    return f"delete {name}"


def lose(twins: Twins, chance: random.Random) -> str:
    """A file's object of the cache. Of folders dvc knows more, for it keeps an index outside of the project."""
    names = [name for name in sorted(twins.theirs.objects()) if not name.endswith(".dir")] or [".dvc/none"]
    name = chance.choice(names)
    twins.prepare(lambda side: (side.root / name).unlink(missing_ok=True))
    return f"lose {name}"


def git(twins: Twins, chance: random.Random) -> str:
    words = chance.choice(
        [["commit", "-qm", "more"], ["commit", "-qm", "more"], ["checkout", "-q", "HEAD~1"], ["checkout", "-q", "main"]]
    )

    def act(side: Side) -> None:
        side.git("add", "-A") if words[0] == "commit" else side.git("stash", "-q")
        side.call(["git", *words], code=None)

    twins.prepare(act)
    return f"git {' '.join(words)}"


def command(twins: Twins, chance: random.Random) -> str:
    there = [name for name in TRACKED if (twins.theirs.root / f"{name}.dvc").exists()]
    name = chance.choice(there if there and chance.random() < 0.8 else TRACKED)
    words = [word.replace("{}", name) for word in chance.choice(WORDS)]
    theirs, ours = (side.run(*words, code=None) for side in (twins.theirs, twins.ours))
    said = f"{words}\nours: {ours.stdout}{ours.stderr}\ntheirs: {theirs.stdout}{theirs.stderr}"
    if "unexpected error" in theirs.stderr:  # dvc fell over; ours says what is wrong
        assert ours.returncode and ours.stderr, said
    else:
        assert ours.returncode == theirs.returncode, said
    assert "Traceback" not in ours.stderr, said
    if "not in the cache" in ours.stderr:
        # By force, dvc deletes what was changed though it has nothing to put in its place; ours stays.
        for kept in {*twins.ours.files()} - {*twins.theirs.files()}:
            (twins.ours.root / kept).unlink()
    try:
        twins.same_files()
    except AssertionError as error:
        raise AssertionError(f"{error}\n{said}") from None
    remotes = [side.root.parent / "remote" for side in (twins.ours, twins.theirs)]
    held = [{str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()} for top in remotes]
    assert held[0] == held[1], said
    if "--json" in words and ours.returncode == 0:
        twins.same_json(*words)
    return " ".join(words)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_any_turns_leave_both_the_same(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    twins = make_twins(tmp_path)
    twins.both("remote", "add", "-d", "store", "../remote")
    twins.prepare(lambda side: side.git("commit", "--amend", "-qam", "start"))
    steps: list[Step] = [write, write, delete, lose, git, command, command, command, command]
    taken = []
    for _ in range(STEPS):
        try:
            taken.append(chance.choice(steps)(twins, chance))
        except AssertionError as error:
            raise AssertionError("\n".join([*taken, str(error)])) from None
