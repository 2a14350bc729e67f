"""What a store has lost comes back from a remote by `anew verify`, and stands where it stood."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anew.store.objects import Objects
from projects import Project

ROUNDS = int(os.environ.get("ANEW_REMOTE_ROUNDS", "2"))


@pytest.fixture
def shared(project: Project) -> Project:
    """A version of small and large files, sealed in packs and pushed; the store is closed."""
    draw = random.Random(1)
    for number in range(20):
        project.write(f"data/part{number % 3}/{number}", draw.randbytes(2000))
    project.write("data/large", draw.randbytes(900_000))
    project.write("kept", "only here")
    project.anew("remote", "add", "origin", str(project.root.parent / "remote"))
    project.anew("add", "data", "kept")
    project.anew("push", "data")
    return project


def packs(project: Project) -> list[Path]:
    return sorted((project.root / ".anew/objects/packs").glob("*.pack"))


def seal(project: Project) -> None:
    """As if the pack had been full."""
    with Objects(project.root / ".anew/objects") as objects:
        objects.drop(())


def flip(path: Path, where: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 4
    path.write_bytes(data)


def files(project: Project) -> dict[str, bytes]:
    folder = project.root / "data"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def verified(project: Project, *options: str, code: int | None = None) -> Any:
    return project.json("verify", *options, code=code)


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "growing"])
def test_flipped_bits(shared: Project, sealed: bool) -> None:
    before = files(shared)
    if sealed:
        seal(shared)
    for where in (0.03, 0.3, 0.6, 0.9):
        flip(packs(shared)[0], where)
    found = verified(shared, "--no-restore", code=1)
    assert found["mended"] == [] and len(found["problems"]) >= 4
    found = verified(shared, code=0)
    assert [item["where"] for item in found["mended"]] == ["origin"]
    assert 1 <= len(found["mended"][0]["objects"]) < 10, "only what was damaged"
    assert verified(shared, code=0)["mended"] == []
    shutil.rmtree(shared.root / "data")
    shared.anew("checkout", "data")
    assert files(shared) == before


def test_a_pack_that_is_gone(shared: Project) -> None:
    """All that was pushed comes back, level by level; what was pushed nowhere is told."""
    before = files(shared)
    seal(shared)
    packs(shared)[0].unlink()
    said = shared.anew("verify", code=1).stdout
    assert "mended" in said and "brought from origin" in said and "kept:v1" in said
    shutil.rmtree(shared.root / "data")
    shared.anew("checkout", "data")
    assert files(shared) == before
    shared.anew("add", "kept")  # which is as it was, and stored again
    assert verified(shared, code=0)["problems"] == []


def test_a_damaged_index_is_made_again(shared: Project) -> None:
    """Without a remote: all is there, and only not found."""
    shared.anew("remote", "remove", "origin")
    seal(shared)
    (index,) = (shared.root / ".anew/objects/index").glob("*.idx")
    for damage in ("flipped", "cut short", "gone"):
        if damage == "gone":
            index.unlink()
        elif damage == "flipped":
            flip(index, 0.5)
        else:
            os.truncate(index, 100)
        found = verified(shared, code=0)
        assert [item["kind"] for item in found["mended"]] == ["index"]
        (index,) = (shared.root / ".anew/objects/index").glob("*.idx")
    shared.anew("checkout", "data", "--force")


def test_killed_while_it_mends(shared: Project) -> None:
    """Whenever that was: the next one brings all of it, and leaves nothing that is wrong."""
    before = files(shared)
    shared.anew("push", "kept")
    store = shared.root / ".anew"
    whole = shared.root.parent / "whole"
    shutil.copytree(store, whole)
    draw = random.Random(ROUNDS)
    for number in range(ROUNDS):
        shutil.rmtree(store)
        shutil.copytree(whole, store)
        (pack,) = packs(shared)
        if number % 3 == 0:
            os.truncate(pack, pack.stat().st_size // 2)
        elif number % 3 == 1:
            pack.unlink()
        else:
            for index in (store / "objects/index").iterdir():
                index.unlink()
        command = [sys.executable, "-m", "anew", "verify"]
        with subprocess.Popen(command, cwd=shared.root, env=shared.environ, stdout=subprocess.DEVNULL) as child:
            try:
                child.wait(draw.uniform(0.2, 1.5))
            except subprocess.TimeoutExpired:
                child.kill()
        assert verified(shared, code=0)["problems"] == []
        shutil.rmtree(shared.root / "data")
        shared.anew("checkout", "data")
        assert files(shared) == before


def test_a_remote_that_is_not_there(shared: Project) -> None:
    shutil.rmtree(shared.root.parent / "remote")
    seal(shared)
    flip(packs(shared)[0], 0.5)
    done = shared.anew("verify", code=1)
    assert "nothing could be had from origin" in done.stderr
    assert "broken" in done.stdout
