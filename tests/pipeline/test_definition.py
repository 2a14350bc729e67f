"""dvc.yaml read as dvc reads it: templates, vars, foreach, matrix, and what is refused."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anew import yamltext
from anew.errors import AnewError, PipelineError
from anew.pipeline.definition import PipelineFile, load
from pipeline.dvc_resolver import resolve

PARAMS = """
lr: 0.001
on: true
off: false
nothing: null
words: {greeting: "hello world", empty: ''}
layers: [16, 32, 64]
models:
  small: {depth: 2, name: s}
  large: {depth: 9, name: l}
list_of_maps: [{a: 1}, {a: 2, b: [x, "y z"]}]
mixed: [1, two, 3.5, true]
train: {lr: 0.1, verbose: true, quiet: false, layers: [1, 2], names: [a, "b c"], deep: {er: {x: 1}}, none: null}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "more.json").write_text('{"seed": 7, "deep": {"a": "A", "b": [1, 2]}}')
    (tmp_path / "set.toml").write_text('title = "T"\n[owner]\nname = "N"\n')
    (tmp_path / "code.py").write_text("X = 3\nY: float = 0.5\nclass C:\n    z = [1, 2]\n    d = {'k': 1}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/params.yaml").write_text("below: 1\n")
    return tmp_path


def ours(text: str, parsing: dict[str, str] | None = None) -> dict[str, Any]:
    return {one.name: one.data for one in load(text, "dvc.yaml", parsing=parsing).stages()}


def same(text: str, parsing: dict[str, str] | None = None) -> dict[str, Any]:
    found = ours(text, parsing)
    assert found == resolve(yamltext.load(text, "dvc.yaml"), parsing)
    assert list(found) == list(resolve(yamltext.load(text, "dvc.yaml"), parsing))
    return found


@pytest.mark.parametrize(
    "command",
    [
        "run ${lr} ${on} ${off} ${nothing} ${words.greeting}", "run ${layers[0]} ${layers.1} ${models.small.depth}",
        "run \\\\${lr} \\${not.there} $ $$ {x} ${ lr } ${words[greeting]} ${models[large].depth}", "${words.greeting}",
        "${on}x", "run ${train}", "run ${train.deep}", "run ${models.small} ${models.large}", "${list_of_maps[1].a}",
        "first ${lr}\nsecond ${on}\n",
    ],
)  # fmt: skip
def test_templates_come_out_as_dvc_has_them(folder: Path, command: str) -> None:
    for parsing in ({}, {"bool": "boolean_optional", "list": "append"}):
        same(
            yamltext.dump({"stages": {"s": {"cmd": command, "deps": ["${words.greeting}.csv"], "meta": "${lr}"}}}),
            parsing,
        )


TEXTS = {
    "foreach over a map": "stages: {s: {foreach: '${models}', do: {cmd: 'c ${key}', outs: ['${item.name}']}}}",
    "foreach over words": "stages: {s: {foreach: [a, b c, 3, true, 1.5], do: {cmd: 'c ${item}'}}}",
    "foreach over a list": "stages: {s: {foreach: '${mixed}', do: {cmd: 'c ${item}', params: [lr]}}}",
    "foreach over maps": "stages: {s: {foreach: '${list_of_maps}', do: {cmd: 'c ${item.a}'}}}",
    "foreach with templates": "stages: {s: {foreach: ['${lr}', 'x${on}'], do: {cmd: 'c ${item}'}}}",
    "foreach by number": "stages: {s: {foreach: {1: a, 2: b}, do: {cmd: 'c ${key} ${item}'}}}",
    "matrix": "stages: {s: {matrix: {m: [x, y], n: [1, 2.5]}, cmd: 'c ${item.m} ${item.n} ${key}'}}",
    "matrix of lists": "stages: {s: {matrix: {m: '${list_of_maps}', n: [[1], [2]]}, cmd: 'c ${item.n[0]}'}}",
    "matrix of names": "stages: {s: {matrix: {m: '${mixed}', t: [u]}, cmd: c, outs: [{'${key}': {cache: false}}]}}",
    "vars from files": "vars: [more.json, 'set.toml:owner', {own: {a: 1}}]\n"
    "stages: {s: {cmd: 'c ${seed} ${deep.b[1]} ${owner.name} ${own.a}'}}",
    "vars in two parts": "vars: ['more.json:seed', 'more.json:deep']\nstages: {s: {cmd: 'c ${seed} ${deep.a}'}}",
    "vars from Python": "vars: [code.py]\nstages: {s: {cmd: 'c ${X} ${Y} ${C.z[1]} ${C.d.k}'}}",
    "vars merged": "vars: [{words: {more: 1}}, {words: {less: 2}}]\n"
    "stages: {s: {cmd: '${words.greeting}${words.more}${words.less}'}}",
    "vars of a stage": "stages: {a: {vars: [more.json], cmd: 'c ${seed}'}, b: {cmd: 'c ${lr}'}}",
    "vars seen from wdir": "stages: {a: {wdir: sub, vars: [params.yaml], cmd: 'c ${below} ${lr}'}}",
    "wdir by template": "vars: [{where: sub}]\nstages: {a: {wdir: '${where}', vars: [params.yaml], cmd: 'c ${below}'}}",
    "same file twice": "vars: [more.json, more.json, params.yaml]\nstages: {s: {cmd: 'c ${seed}'}}",
    "no templates": "stages: {a: {cmd: c, deps: [x], outs: [y], params: [lr, {more.json: [seed]}, set.toml: ]}}",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_groups_and_vars_are_as_in_dvc(folder: Path, text: str) -> None:
    assert same(text)


WRONG = {
    "unknown name": "stages: {s: {cmd: '${nope}'}}",
    "unknown below": "stages: {s: {cmd: '${models.huge}'}}",
    "below a scalar": "stages: {s: {cmd: '${lr.x}'}}",
    "beyond a list": "stages: {s: {cmd: '${layers[9]}'}}",
    "word in a list": "stages: {s: {cmd: '${layers.x}'}}",
    "a list in a command": "stages: {s: {cmd: 'c ${layers}'}}",
    "a map in deps": "stages: {s: {cmd: c, deps: ['${models}']}}",
    "a nested list as flags": "vars: [{n: {l: [[1]]}}]\nstages: {s: {cmd: 'c ${n}'}}",
    "empty": "stages: {s: {cmd: '${}'}}",
    "double dot": "stages: {s: {cmd: '${a..b}'}}",
    "open bracket": "stages: {s: {cmd: '${a[b}'}}",
    "redefined": "vars: [{lr: 2}]\nstages: {s: {cmd: c}}",
    "redefined below": "vars: [{models: {small: {depth: 2}}}]\nstages: {s: {cmd: '${lr}'}}",
    "missing file": "vars: [none.yaml]\nstages: {s: {cmd: '${lr}'}}",
    "missing key": "vars: ['more.json:none']\nstages: {s: {cmd: '${lr}'}}",
    "in part after all": "vars: [more.json, 'more.json:seed']\nstages: {s: {cmd: '${lr}'}}",
    "all after a part": "vars: ['more.json:seed', more.json]\nstages: {s: {cmd: '${lr}'}}",
    "a part twice": "vars: ['more.json:seed', 'more.json:seed']\nstages: {s: {cmd: '${lr}'}}",
    "template in vars": "vars: [{a: '${lr}'}]\nstages: {s: {cmd: '${lr}'}}",
    "template in a stage's vars": "stages: {s: {vars: [{a: '${lr}'}], cmd: '${a}'}}",
    "reserved": "stages: {s: {foreach: [1], do: {vars: [{item: 2}], cmd: '${item}'}}}",
    "foreach over a scalar": "stages: {s: {foreach: '${lr}', do: {cmd: c}}}",
    "foreach over nothing": "stages: {s: {foreach: '${nope}', do: {cmd: c}}}",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_dvc_refuses_is_refused(folder: Path, text: str) -> None:
    from dvc.exceptions import DvcException

    with pytest.raises(DvcException):
        resolve(yamltext.load(text, "dvc.yaml"))
    with pytest.raises(PipelineError, match=r"dvc\.yaml"):
        ours(text)
    assert not os.path.exists("none.yaml")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("stages: {s: {cmd: c, fo: 1}}", "extra keys not allowed, in stages -> s -> fo"),
        ("nonsense: 1", "extra keys not allowed, in nonsense"),
        ("stages: {s: {deps: [a]}}", "required key not provided, in stages -> s -> cmd"),
        ("stages: {s: {cmd: c, deps: a}}", "expected list, in stages -> s -> deps"),
        ("stages: {s: {cmd: c, outs: [{a: {cash: true}}]}}", "in stages -> s -> outs -> 0 -> a -> cash"),
        ("stages: {s: {foreach: [1]}}", "in stages -> s"),
        ("[1]", "expected a dictionary"),
    ],
)  # fmt: skip
def test_what_is_no_pipeline_is_told_with_its_place(text: str, where: str) -> None:
    with pytest.raises(PipelineError) as raised:
        load(text, "some/dvc.yaml")
    assert where in str(raised.value) and "'some/dvc.yaml'" in str(raised.value)


def test_outputs_params_and_names(folder: Path) -> None:
    file = load(
        "stages:\n"
        "  a:\n    cmd: c\n    outs: [x, {y: {persist: true, cache: false}}]\n"
        "    metrics: [{m.json: {cache: false}}]\n    plots: [{p.csv: {x: step, y: loss, cache: false}}]\n"
        "    params: [lr, train, {more.json: [seed]}, {more.json: [deep]}, {set.toml: }, set.toml: [owner]]\n"
        "  b: {foreach: [1, 2], do: {cmd: 'c ${item}'}}\n",
        "dvc.yaml",
    )
    one = file.stage("a")
    assert [(out.path, out.kind, out.cached, out.persist, out.plot) for out in one.outs] == [
        ("x", "outs", True, False, {}), ("y", "outs", False, True, {}), ("m.json", "metrics", False, False, {}),
        ("p.csv", "plots", False, False, {"x": "step", "y": "loss"}),
    ]  # fmt: skip
    assert one.params == {"params.yaml": ["lr", "train"], "more.json": ["seed", "deep"], "set.toml": []}
    assert file.names() == ["a", "b@1", "b@2"] and file.members("b") == ["b@1", "b@2"]
    assert file.has("b@2") and not file.has("b") and not file.has("b@3") and not file.has("c")
    assert file.stage("b@2").generated and not file.stage("a").generated
    with pytest.raises(PipelineError, match=r"Stage 'b@3' not found inside 'dvc\.yaml'"):
        file.stage("b@3")


def test_what_a_template_took_is_known_with_its_file(folder: Path) -> None:
    file = load(
        "vars: [more.json, {own: 1}]\n"
        "stages: {s: {cmd: 'c ${lr} ${own} ${deep.a} ${layers}'},\n"
        "         t: {foreach: '${models}', do: {cmd: '${item.depth}'}}}",
        "dvc.yaml",
    )  # fmt: skip
    with pytest.raises(PipelineError):
        file.stage("s")  # a list can't stand in a command
    file.data["stages"]["s"]["cmd"] = "c ${lr} ${own} ${deep.a} ${layers[0]}"
    assert file.stage("s").used == {"params.yaml": {"lr": 0.001, "layers.0": 16}, "more.json": {"deep.a": "A"}}
    assert file.stage("t@large").used == {"params.yaml": {"models.large.depth": 9}}


def test_top_level_sections_are_filled_in(folder: Path) -> None:
    file = PipelineFile("dvc.yaml", {"metrics": ["${words.greeting}.json"], "plots": ["a.csv"]})
    assert file.top("metrics") == ["hello world.json"]
    assert file.top("plots") == ["a.csv"] and file.top("params") is None


_NAMES = st.sampled_from(["a", "b", "c d", "0", "1", "true"])
_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.sampled_from(["", "x", "a b", "${a}"])
_DATA = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3))
_WAYS = st.lists(_NAMES, min_size=1, max_size=3)


def _expression(names: list[str], dots: bool) -> str:
    return "${" + (".".join(names) if dots else names[0] + "".join(f"[{one}]" for one in names[1:])) + "}"


_PIECES = st.sampled_from(["x ", "\\", "$", "{", "}", "\n"]) | st.builds(_expression, _WAYS, st.booleans())
_TEXTS = st.lists(_PIECES, max_size=4).map("".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_NAMES, _DATA, max_size=4), _TEXTS, st.sampled_from(["cmd", "desc", "meta"]))
def test_any_template_is_what_dvc_makes_of_it(folder: Path, values: dict[str, Any], text: str, key: str) -> None:
    (folder / "params.yaml").unlink(missing_ok=True)
    data = {"vars": [{"v": 1}], "stages": {"s": {"cmd": "x", "vars": [values], key: text or "c"}}}
    try:
        theirs: Any = resolve(copy.deepcopy(data))["s"][key]
    except Exception:
        theirs = Exception
    try:
        found: Any = PipelineFile("dvc.yaml", data, lambda path: None).stage("s").data[key]
    except AnewError:
        found = Exception
    if isinstance(theirs, dict):  # a whole dict as the command, which dvc can't run: here it is made flags
        return
    assert found == theirs and type(found) is type(theirs), (found, theirs)
