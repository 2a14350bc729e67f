"""`repro`, `stage`, `dag`, `freeze` and the run cache: beside the real dvc, and in turn with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from protocols.dvc_twins import ODD_NAMES, Shared, Side, Twins, shared, twins

__all__ = ["shared", "twins"]
pytestmark = pytest.mark.real

PIPELINE = """\
vars:
- more.yaml
stages:
  prepare:
    cmd: cat raw.txt > ${out}.txt && mkdir -p d/sub && echo x > d/sub/f && echo y > d/g
    deps:
    - raw.txt
    outs:
    - d
    - ${out}.txt
  train:
    cmd:
    - cat clean.txt params.yaml > model
    - echo '{"acc":' ${lr} '}' > m.json
    deps: [clean.txt, d]
    params: [lr, deep.er, {more.yaml: [out]}, whole.json: ]
    outs: [model]
    metrics:
    - m.json:
        cache: false
  each:
    foreach: ${sizes}
    do:
      cmd: echo ${key} ${item} > each-${key}.txt
      outs:
      - each-${key}.txt
  grid:
    matrix:
      a: [x, y]
      b: [1, 2]
    cmd: echo ${item.a} ${item.b} > grid-${key}
    deps: [model]
    outs: ["grid-${key}"]
"""


def lay_out(side: Side) -> None:
    side.write("dvc.yaml", PIPELINE)
    side.write("params.yaml", "lr: 0.01\ndeep: {er: [1, 2.5, null, 'a: b'], x: 1}\nsizes: {s: 1, l: 2}\n")
    side.write("more.yaml", "out: clean\n")
    side.write("whole.json", '{"b": true, "a": {"z": "1", "y": 1e-5}}')
    side.write("raw.txt", "raw\n")


def plain(words: str) -> str:
    """What the two name differently: themselves."""
    lines = words.replace("anew dvc", "dvc").expandtabs().splitlines()
    return "\n".join(" ".join(sorted(line.split())) if "git add" in line else line.rstrip() for line in lines)


def same_words(twins: Twins, *words: str, code: int = 0, cwd: str = ".", ordered: bool = True) -> str:
    ours, theirs = twins.both(*words, code=code, cwd=cwd)
    mine, other = ([line for line in plain(text).splitlines() if ordered or line] for text in (ours, theirs))
    if not ordered:  # dvc takes stages that don't need each other in the order of a set
        mine.sort()
        other.sort()
    assert mine == other, f"ours:\n{ours}\ntheirs:\n{theirs}"
    return ours


def test_repro_does_what_dvc_does(twins: Twins) -> None:
    twins.prepare(lay_out)
    assert "Running stage 'grid@x-1'" in same_words(twins, "repro")
    assert "up to date" in same_words(twins, "repro")
    assert twins.same_json("status", "--json") == {}
    twins.write("raw.txt", "changed\n")
    twins.same_json("status", "--json")
    ours, theirs = twins.both("repro", "--dry")  # dvc says of what it will run that it is cached, by its old hash
    assert plain(ours) == plain(theirs).removeprefix("Stage 'prepare' is cached - skipping run, checking out outputs\n")
    same_words(twins, "repro", "train")
    twins.write("params.yaml", "lr: 0.02\ndeep: {er: 1, x: 2}\nsizes: {s: 1, m: 3}\n")
    twins.same_json("status", "--json")
    same_words(twins, "repro", "each", ordered=False)
    same_words(twins, "repro")
    twins.write("raw.txt", "raw\n")  # as it was: from the run cache
    assert "is cached - skipping run" in same_words(twins, "repro", "prepare")


def test_stages_are_added_listed_frozen_and_drawn(twins: Twins) -> None:
    twins.prepare(lay_out)
    twins.write(
        "dvc.yaml",
        "# ours\nstages:\n  first:  # the first\n    cmd: cp raw.txt b\n    outs: [b]\n    deps: [raw.txt]\n",
    )
    twins.prepare(lambda side: (side.root / "sub").mkdir())
    same_words(
        twins, "stage", "add", "-n", "second", "-d", "b", "-d", "raw.txt", "-o", "c", "-O", "kept", "--outs-persist",
        "p", "--outs-persist-no-cache", "q", "-m", "m.json", "-M", "n.json", "--plots", "x.csv", "--plots-no-cache",
        "y.csv", "-p", "lr", "-p", "deep.er,sizes", "-p", "whole.json:", "-p", "more.yaml:out", "--desc", "it's: odd",
        "echo", "two words", 'q"uo', "",
    )  # fmt: skip
    same_words(
        twins, "stage", "add", "-n", "inside", "-w", "sub", "-o", "e", "-d", "../c", "--always-changed", "touch e"
    )
    same_words(twins, "stage", "add", "-n", "second", "-f", "-d", "b", "-o", "c", "-o", "d/e/f", "cp b c")
    same_words(twins, "stage", "list")
    for words, said in (
        (("-n", "first", "x"), "already exists"), (("-n", "a.b", "x"), "punctuation"), (("-n", "x"), "not specified"),
        (("-n", "x", "-o", "b", "x"), "already"), (("-n", "x", "-o", "i", "-d", "i", "x"), "as a dependency"),
        (("-n", "x", "-o", "b/c", "x"), "overlap"), (("-n", "x", "-d", "a", "-d", "a", "x"), "more than once"),
        (("-n", "x", "-w", "none", "x"), "does not exist"),
        (("-n", "x", "-d", "c", "-o", "raw.txt", "x"), "both a dependency"),
    ):  # fmt: skip
        assert said in twins.ours.run("stage", "add", *words, code=255).stderr
    for words in (
        ("dag", "--mermaid"),
        ("dag", "--md", "second"),
        ("dag", "--mermaid", "-o"),
        ("dag", "--mermaid", "--full", "c"),
    ):
        same_words(twins, *words)
    same_words(twins, "dag", "--dot", ordered=False)
    assert "| second |" in twins.ours.run("dag").stdout and "*" in twins.ours.run("dag").stdout
    same_words(twins, "freeze", "first")
    same_words(twins, "freeze", "nope", "inside", code=1)
    same_words(twins, "unfreeze", "inside")
    twins.same_json("status", "--json")


def test_frozen_data_persistent_and_failing_stages(twins: Twins) -> None:
    # When a later stage fails, dvc takes back the entries in .gitignore of those that were done; we don't.
    twins.both("config", "core.no_scm", "true")
    twins.write("params.yaml", "lr: 1\n")
    twins.write("raw.txt", "1\n")
    twins.both("add", "-q", "raw.txt")
    twins.write(
        "dvc.yaml",
        "stages:\n"
        "  grow: {cmd: cat raw.txt >> log, deps: [raw.txt], outs: [log: {persist: true}]}\n"
        "  bad: {cmd: [touch half, exit 3, touch more], deps: [log], outs: [half]}\n"
        "  after: {cmd: touch a, deps: [half], outs: [a]}\n"
        "  apart: {cmd: 'echo hi > z', outs: [z]}\n"
        "  ever: {cmd: 'echo ever', always_changed: true, deps: [z], params: [lr]}\n",
    )
    assert "Running stage 'bad'" in same_words(twins, "repro", code=255)
    same_words(twins, "repro", "-k", code=255, ordered=False)
    same_words(twins, "repro", "--ignore-errors", code=0, ordered=False)
    twins.same_json("status", "--json")
    twins.write("raw.txt", "22\n")
    assert "Verifying data sources" in same_words(twins, "repro", "grow")
    same_words(twins, "freeze", "grow")
    twins.write("raw.txt", "333\n")
    same_words(twins, "repro", "grow")
    twins.prepare(lambda side: (side.root / "log").unlink())
    same_words(twins, "repro", "-s", "grow", code=255)
    same_words(twins, "repro", "ever", "none", code=255)
    same_words(twins, "repro", "-i", "-f", "ever", code=255)


def test_both_tools_run_one_pipeline_in_turn(shared: Shared, tmp_path: Path) -> None:
    ours, theirs = shared.ours, shared.theirs
    lay_out(ours)
    theirs.run("repro")
    assert "Running" not in ours.run("repro").stdout
    shared.clean()
    ours.write("raw.txt", "other\n")
    assert "Running stage 'train'" in ours.run("repro").stdout
    assert "Running" not in theirs.run("repro").stdout
    shared.clean()
    ours.write("raw.txt", "raw\n")
    assert "Stage 'train' is cached" in ours.run("repro", "train").stdout  # as dvc ran it
    ours.write("raw.txt", "other\n")
    assert "Stage 'train' is cached" in theirs.run("repro").stdout  # as we ran it
    shared.clean()
    # Through a remote, into a project that has nothing but what Git has.
    ours.run("remote", "add", "-d", "r", str(tmp_path / "remote"))
    ours.run("push", "--run-cache", "-q")
    theirs.run("push", "--run-cache", "-q")
    for tool in (ours, theirs):
        shutil.rmtree(shared.root / ".dvc/cache")
        (shared.root / "model").unlink()
        tool.run("pull", "--run-cache", "-q")
        ours.write("raw.txt", "raw\n")
        said = tool.run("repro", "--pull", "train").stdout
        assert said.count("is cached - skipping run") == 2 and "Running" not in said
        ours.write("raw.txt", "other\n")
        tool.run("repro", "-q")
    shared.clean()


def test_folders_odd_names_and_what_is_asked_for(twins: Twins) -> None:
    odd = [name for name in ODD_NAMES if "/" not in name]
    outs = "".join(f"    - {json.dumps(f'out {name}', ensure_ascii=False)}\n" for name in odd)
    keys = json.dumps([f"${{name{at}}}" for at in range(3)])
    twins.write("dvc.yaml", f"stages:\n  odd:\n    cmd: python odd.py\n    deps: [odd.py]\n    outs:\n{outs}")
    twins.write("odd.py", f"for name in {odd!r}:\n    open('out ' + name, 'w').write(name)\n")
    twins.write(
        "sub/dvc.yaml",
        f"vars: [{{name0: a, name1: b b, name2: 3}}]\nstages:\n  s:\n    foreach: {keys}\n"
        "    do: {wdir: deep, cmd: 'cp ../../in \"o ${item}\"', deps: [../../in], outs: ['o ${item}']}\n"
        "  t: {cmd: 'cat deep/*> all && cp ../run.sh x', deps: [deep, ../run.sh], outs: [all, x]}\n"
        "  u: {cmd: touch u, deps: [all], outs: [u], params: [a.b, c.py: ['X', 'C.y']]}\n",
    )
    twins.write("sub/params.yaml", "a: {b: [1, {c: 0.1}]}\n")
    twins.write("sub/c.py", "X = (1, 'two')\nclass C:\n    y = {'k': [1.5]}\n")
    twins.write("in", b"")
    twins.write("run.sh", "echo", executable=True)
    twins.prepare(lambda side: (side.root / "sub/deep").mkdir())
    same_words(twins, "repro", "-P", ordered=False)
    assert twins.same_json("status", "--json") == {}
    twins.write("in", "full\n")
    same_words(twins, "repro", "sub/dvc.yaml:s@a")
    same_words(twins, "repro", "--downstream", "s@3", cwd="sub", ordered=False)
    same_words(twins, "repro", "-R", "sub", "--force-downstream", ordered=False)
    same_words(twins, "repro", "--glob", "sub/dvc.yaml:*", ordered=False)
    for side in (twins.ours, twins.theirs):
        assert (side.root / "sub/all").read_text() == "full\n" * 3
    twins.write("sub/params.yaml", "a: {d: 1}\n")
    twins.both("repro", "sub/dvc.yaml:u", code=255, same_files=False)
    assert (twins.ours.root / "sub/u").exists()  # dvc finds out what is missing when the outputs are gone
    twins.prepare(lambda side: (side.root / "sub/u").unlink(missing_ok=True))
    twins.same_json("status", "--json", "sub/dvc.yaml")


def test_commit_remove_and_what_is_missing(twins: Twins) -> None:
    twins.prepare(lay_out)
    twins.both("config", "cache.type", "symlink")
    twins.both("repro", "-q", "train")
    twins.both("checkout", code=255)  # stages that were not run have nothing to be checked out
    twins.write("raw.txt", "2\n")
    twins.both("repro", "-q", "train")
    twins.write("raw.txt", "raw\n")
    twins.both("repro", "-q", "train")  # the metrics, which are in no cache, are put back as a file
    twins.prepare(lambda side: (side.root / "clean.txt").unlink())
    twins.write("clean.txt", "by hand\n")
    twins.write("params.yaml", "lr: 0.3\ndeep: {er: 1}\nsizes: {}\n")
    twins.both("commit", "train", code=1)
    twins.both("commit", "-f", "prepare", "train")
    same_words(twins, "repro", "train")
    for name in ("model", "clean.txt"):
        twins.prepare(lambda side, name=name: (side.root / name).unlink())  # type: ignore[misc]
    twins.both("checkout", "model")
    same_words(twins, "repro", "--allow-missing", "train")
    twins.prepare(lambda side: side.run("remote", "add", "-d", "r", "../remote"))
    twins.both("push", "-q", same_cache=False)
    twins.prepare(lambda side: shutil.rmtree(side.root / ".dvc/cache"))
    twins.both("repro", "-q", "--pull", "train", same_cache=False)
    assert (twins.ours.root / "clean.txt").read_text() == "by hand\n"
    twins.write("dvc.yaml", "stages:\n  prepare: {cmd: touch clean.txt, outs: [clean.txt]}\n  x:\n    cmd: echo\n")
    twins.both("repro", "-q", same_cache=False)
    twins.both("remove", "prepare", same_cache=False)
    twins.both("remove", "--outs", "x", same_cache=False)


def test_killed_at_any_time_nothing_wrong_is_taken_as_done(shared: Shared) -> None:
    shared.ours.write("dvc.yaml", "stages:\n  s: {cmd: 'cp in a; sleep 0.15; cp in b', deps: [in], outs: [a, b]}\n")
    for round_, wait_s in enumerate((0.2, 0.35, 0.5)):
        shared.ours.write("in", f"{round_}\n")
        words = [*shared.ours.tool, "repro", "-q"]
        child = subprocess.Popen(words, cwd=shared.root, env=shared.ours.environ, start_new_session=True)
        time.sleep(wait_s)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        (shared.theirs if round_ % 2 else shared.ours).run("repro", "-q")
        assert {(shared.root / name).read_text() for name in "ab"} == {f"{round_}\n"}
        shared.clean()
