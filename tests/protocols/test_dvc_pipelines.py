"""`repro`, `stage`, `dag`, `freeze` and the run cache: beside the real dvc, and in turn with it."""

from __future__ import annotations

import pytest

from protocols.dvc_twins import Side, Twins, shared, twins

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
    same_words(twins, "repro", "-s", "grid@x-1")
    same_words(twins, "repro")
    twins.write("raw.txt", "raw\n")  # as it was: from the run cache
    assert "is cached - skipping run" in same_words(twins, "repro", "prepare")
    same_words(twins, "repro", "-f", "prepare")


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
    same_words(twins, "stage", "list", "--all", "--name-only")
    for words, said in (
        (("-n", "first", "x"), "already exists"), (("-n", "a.b", "x"), "punctuation"), (("-n", "x"), "not specified"),
        (("-n", "x", "-o", "b", "x"), "already"), (("-n", "x", "-o", "i", "-d", "i", "x"), "as a dependency"),
        (("-n", "x", "-o", "b/c", "x"), "overlap"), (("-n", "x", "-d", "a", "-d", "a", "x"), "more than once"),
        (("-n", "x", "-w", "none", "x"), "does not exist"),
        (("-n", "x", "-d", "c", "-o", "raw.txt", "x"), "both a dependency"),
    ):  # fmt: skip
        twins.theirs.run("stage", "add", *words, code=255)
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
    twins.write("raw.txt", "1\n")
    twins.both("add", "-q", "raw.txt")
    twins.write(
        "dvc.yaml",
        "stages:\n"
        "  grow: {cmd: cat raw.txt >> log, deps: [raw.txt], outs: [log: {persist: true}]}\n"
        "  bad: {cmd: [touch half, exit 3, touch more], deps: [log], outs: [half]}\n"
        "  after: {cmd: touch a, deps: [half], outs: [a]}\n"
        "  apart: {cmd: 'echo hi > z', outs: [z]}\n"
        "  ever: {cmd: 'echo ever', always_changed: true, deps: [z]}\n",
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
    same_words(twins, "repro", "none", code=255)
    same_words(twins, "repro", "ever")
    same_words(twins, "repro", "-i", "-f", "ever", code=255)
