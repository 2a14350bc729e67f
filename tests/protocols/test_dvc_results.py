"""`params diff`, `metrics show|diff` and `plots show|diff|templates`: beside the real dvc."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from protocols.dvc_twins import ANEW, Side, Twins, clear, make_twins, twins

__all__ = ["twins"]
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("dvc results")]  # what they read is made once

PIPELINE = """\
vars: [vars.yaml, {inline: 3}]
params: [conf.toml, settings.py]
metrics: ["${top}"]
stages:
  train:
    cmd: echo ${lr} ${inline} ${deep.one}
    params: [lr, model.depth, "model.layers.1", "wild*", other.json: , more.yaml: [a.b]]
    metrics: [scores.yaml: {cache: false}]
    outs: [cached.json]
    plots: [loss.csv: {cache: false, x: step, y: loss, title: "${title}"}]
  each:
    foreach: [x, y]
    do:
      cmd: echo ${item}
      wdir: each
      metrics: ["${item}.json": {cache: false}]
plots:
- curves: {x: step, y: {loss.csv: [loss, acc]}, template: simple, x_label: steps}
- two: {x: {loss.csv: step}, y: {loss.csv: loss, more/loss.tsv: [loss]}}
- pictures
- nested.json: {x: x}
- bare.csv
"""


def fill(side: Side) -> None:
    side.write("dvc.yaml", PIPELINE)
    side.write("vars.yaml", "top: top.json\ndeep: {one: 1, two: 2}\ntitle: A loss\n")
    side.write("params.yaml", "lr: 0.1\nmodel: {depth: 3, layers: [1, 2, 3]}\nwildest: 5\nnone: null\nlist: [1, a]\n")
    side.write("conf.toml", "name = 'n'\n[table]\nx = 1.5\n")
    side.write("settings.py", "A = 1\nclass C:\n    b = {'k': 2}\n    def __init__(self):\n        self.d = (1, 2)\n")
    side.write("other.json", '{"o": true}')
    side.write("more.yaml", "a: {b: text, c: 1}\n")
    side.write("top.json", '{"a": {"b": 1.123456789, "list": [1]}, "word": "w", "none": null, "yes": true}')
    side.write("scores.yaml", "acc: 0.5\nsub:\n  é: 1\n")
    side.write("each/x.json", '{"n": 1}')
    side.write("each/y.json", "7.123456789")
    side.write("loss.csv", "step,loss,acc\n0,1.0,0.1\n1,0.5,0.6\n")
    side.write("more/loss.tsv", "step\tloss\n0\t2\n1\t3\n")
    side.write("nested.json", '{"rows": {"a": [{"x": 1, "y": 2}, {"x": 2, "y": 3}]}, "other": [{"z": 5}, {"z": 6}]}')
    side.write("bare.csv", "a,b\n1,2\n3,4\n")
    side.write("pictures/1.png", b"\x89PNG one")
    side.write("pictures/deep/2.svg", "<svg/>")
    side.write(".gitignore", "/cached.json\n/dvc_plots\n")
    side.git("add", ".")
    side.git("commit", "-qm", "one")
    side.git("tag", "v1")
    side.write("vars.yaml", "top: top.json\ndeep: {one: 9, two: 2}\ntitle: A loss\n")
    side.write("params.yaml", "lr: 0.2\nmodel: {depth: 3, layers: [1, 5, 3]}\nwildest: 6\nadded: 1\nlist: [1]\n")
    side.write("top.json", '{"a": {"b": 2.25}, "word": "v", "yes": false}')
    side.write("loss.csv", "step,loss,acc\n0,0.9,0.2\n1,0.4,0.7\n2,0.1,0.8\n")
    side.write("more/loss.tsv", "step\tloss\n0\t2\n1\t3\n2\t4\n")
    side.write("pictures/1.png", b"\x89PNG two")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """For tests that change nothing, or put it back."""
    found = make_twins(tmp_path_factory.mktemp("filled"))
    found.prepare(fill)
    return found


def same_table(twins: Twins, *words: str, cwd: str = ".") -> str:
    """The same lines: of several files, dvc has no order."""
    ours, theirs = twins.both(*words, cwd=cwd)
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines()), f"{words}\nours:\n{ours}\ntheirs:\n{theirs}"
    return ours


def test_params_diff(filled: Twins) -> None:
    found = filled.same_json("params", "diff", "--all", "--json", "v1")
    assert found["params.yaml"]["lr"] == {"old": 0.1, "new": 0.2, "diff": 0.1}
    assert found["vars.yaml"]["deep.one"]["diff"] == 8
    same_table(filled, "params", "diff", "--md")
    same_table(filled, "params", "diff", "--deps", "--no-path", "v1")
    assert filled.same_json("params", "diff", "--targets", "more.yaml", "nope.yaml", "--all", "--json")
    filled.write("odd.py", "S = {2, 1}\n")
    filled.write("odd.yaml", "at: 2020-01-02\n")
    found = filled.ours.json("params", "diff", "--targets", "odd.py", "odd.yaml", "--json")  # where dvc gives up
    assert [found[f"odd.{kind}"][key]["new"] for kind, key in (("py", "S"), ("yaml", "at"))] == [[1, 2], "2020-01-02"]


def test_metrics_show(filled: Twins) -> None:
    filled.same_json("metrics", "show", "--json", "../top.json", ".", cwd="each")
    filled.same_words("metrics", "show", "-a", "-T")
    filled.prepare(lambda side: side.git("stash", "-q"))
    assert "workspace" not in filled.same_json("metrics", "show", "-a", "--json")
    filled.prepare(lambda side: side.git("stash", "pop", "-q"))


def test_metrics_diff(filled: Twins) -> None:
    assert "2.25" in same_table(filled, "metrics", "diff", "v1", "--all", "--md", "--precision", "3")
    same_table(filled, "metrics", "diff", "--no-path", cwd="each")
    filled.ours.run("metrics", "diff", "nope", code=255)


def test_metrics_that_dvc_keeps(twins: Twins) -> None:
    """From the cache; from the remote where the cache has lost it; from a folder, and of a commit that is no more."""

    def do(*words: str) -> None:
        """By our own tool on both sides: that both come to the same is tested elsewhere, and dvc's takes longer."""
        twins.prepare(lambda side: side.call([*ANEW, *words]))

    do("remote", "add", "-q", "-d", "r", "../remote")
    twins.write("dvc.yaml", "metrics: [m.json, d]\nplots: [d/rows.csv]\n")
    twins.write("m.json", '{"a": 1}')
    twins.write("d/x.json", '{"b": 2}')
    twins.write("d/rows.csv", "a,b\n1,2\n")
    do("add", "-q", "m.json", "d")
    twins.prepare(lambda side: (side.git("add", "."), side.git("commit", "-qm", "a")))
    twins.write("m.json", '{"a": 3}')
    do("commit", "-q", "-f")
    do("push", "-q")
    twins.prepare(lambda side: [clear(side.root / name) for name in ("m.json", "d")])
    assert json.loads(twins.ours.run("metrics", "show", "m.json", "d/x.json", "--json").stdout) == {
        "": {"data": {"m.json": {"data": {"a": 3}}, "d/x.json": {"data": {"b": 2}}}}
    }
    twins.same_json("metrics", "diff", "--json", "--targets", "m.json")
    twins.prepare(lambda side: clear(side.root / ".dvc/cache"))
    found = twins.same_json("metrics", "show", "--json", "m.json", same_cache=False)
    assert found[""]["data"]["m.json"] == {"data": {"a": 3}}
    twins.same_json("plots", "show", "--json", same_cache=False)
    ours = twins.ours.json("metrics", "diff", "--json", "--targets", "m.json")
    assert ours == {"m.json": {"a": {"old": None, "new": 3}}}  # the old one was never pushed


def test_what_cannot_be_read(filled: Twins) -> None:
    def break_(side: Side) -> None:
        side.write("broken.json", "{")
        side.write("broken.yaml", "a: [")
        side.write("broken.toml", "=")
        side.write("broken.csv", b"\xff\xfe")
        side.write("odd.bin", "x")

    filled.prepare(break_)
    names = ["broken.json", "broken.yaml", "broken.toml", "nope.json"]
    ours, theirs = (plain_errors(text) for text in filled.both("metrics", "show", "--json", *names))
    assert ours == theirs
    ours, theirs = (
        plain_errors(text) for text in filled.both("plots", "show", "--json", "odd.bin", "broken.csv", "-x", "no")
    )
    assert sorted(ours["errors"], key=str) == sorted(theirs["errors"], key=str)
    filled.both("plots", "show", "-t", "nope", "--json", code=255, same_files=False)
    filled.write("dvc.yaml", "metrics: {")
    ours, theirs = filled.both("metrics", "show", "-a", "--json", same_files=False)
    assert list(json.loads(ours)["workspace"]) == list(json.loads(theirs)["workspace"]) == ["error"]
    filled.write("dvc.yaml", PIPELINE)


def plain_errors(text: str) -> dict[str, list[dict[str, str]]]:
    """dvc looks for a project's file from the root of the disk when it names it."""
    found: dict[str, list[dict[str, str]]] = json.loads(re.sub(r"'(\.\./)+", "'", text))
    return found


def test_plots_show(filled: Twins) -> None:
    for words in (
        ["--split"],
        ["loss.csv", "-x", "acc", "-y", "step", "--title", "T", "--x-label", "X", "--y-label", "Y", "-t", "scatter"],
        ["bare.csv", "pictures", "--no-header", "-o", "shown"],
    ):
        filled.same_json("plots", "show", "--json", *words)
    filled.same_json("plots", "show", "--json", "../more", cwd="each")
    filled.write(".dvc/plots/own.json", '{"data": {"values": "<DVC_METRIC_DATA>"}, "title": "<DVC_METRIC_TITLE>"}')
    assert "title" in filled.same_json("plots", "show", "--show-vega", "loss.csv", "-t", "own")
    filled.ours.run("plots", "show", "--show-vega", code=1)


def test_plots_diff(filled: Twins) -> None:
    assert {"HEAD", "workspace"} <= set(filled.same_json("plots", "diff", "--json")["data"]["curves"][0]["revisions"])
    filled.same_json("plots", "diff", "v1", "--json", "--targets", "two", "pictures")
    filled.ours.run("plots", "diff", "nope", code=1)


def test_plots_templates(filled: Twins) -> None:
    assert "confusion" in filled.ours.run("plots", "templates").stdout
    filled.same_json("plots", "templates", "linear")
    filled.ours.run("plots", "templates", "nope", code=1)


def test_without_git_and_without_a_project(tmp_path: Path) -> None:
    twins = make_twins(tmp_path, start=False)
    assert twins.ours.json("metrics", "diff", "--json") == {}  # before the first commit
    assert twins.same_words("params", "diff", "--md").startswith("| Path")
    twins.prepare(lambda side: clear(side.root / ".git"))
    twins.write("m.yaml", "a: 1\n")
    twins.same_words("metrics", "show", "m.yaml")
    twins.both("metrics", "diff", code=255)
    twins.ours.run("plots", "diff", code=1)
    assert twins.ours.json("plots", "show", "--json") == {}


def test_a_run_of_dvclive(filled: Twins) -> None:
    """The files that DVCLive leaves behind, as they are in its folder."""

    def leave(side: Side) -> None:
        side.write(
            "dvclive/dvc.yaml",
            "params: [params.yaml]\nmetrics: [metrics.json]\nplots:\n- plots/metrics: {x: step}\n"
            "- plots/sklearn/c.json: {template: confusion, x: actual, y: predicted}\n",
        )
        side.write("dvclive/params.yaml", "lr: 0.1\n")
        side.write("dvclive/metrics.json", '{"train": {"acc": 0.5}, "step": 2}')
        side.write("dvclive/plots/metrics/train/acc.tsv", "step\tacc\n0\t0.1\n1\t0.5\n")
        side.write("dvclive/plots/metrics/loss.tsv", "step\tloss\n0\t1\n")
        side.write("dvclive/plots/sklearn/c.json", '[{"actual": "a", "predicted": "b"}]')

    filled.prepare(leave)
    assert "dvclive/metrics.json" in filled.ours.run("metrics", "show").stdout
    found = filled.same_json("plots", "show", "--json", "dvclive")
    assert "dvclive/plots/metrics/train/acc.tsv" in found["data"]
    filled.prepare(lambda side: clear(side.root / "dvclive"))
