"""DVC's files to the byte: pointers and manifests, against the libraries that DVC itself writes them with."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew import yamltext
from anew.errors import CorruptData, DvcError
from anew.protocols.dvc import manifest
from anew.protocols.dvc.ignore import Ignore
from anew.protocols.dvc.stages import load_pipeline, load_pointer

ruamel = pytest.importorskip("ruamel.yaml")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100) | st.text(
    "ab /.", min_size=1, max_size=200
)
WORDS = st.sampled_from(
    ["a", "x y", "true", "1", "1e5", "0x1", "2024-01-01", "null", "~", "- a", "a: b", "# c", "é", "yes"]
)
# What commands are made of; longer than the line that YAML is folded at, too.
_WORDS = """python ${a.b[0]} $x { } >out > | && & ( ) * %d ; a;b <in -x --y=1 0.5 1,2 - , = 'q' "q" a: :b # ! ? [ ]"""
COMMANDS = st.lists(st.sampled_from([*_WORDS.split(), "x" * 25]), min_size=1, max_size=8).map(" ".join)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
OUTS = st.lists(
    st.fixed_dictionaries(
        {
            "md5": HEX | HEX.map(lambda md5: md5 + ".dir"),
            "size": st.integers(0, 2**50),
            "hash": st.just("md5"),
            "path": TEXT | WORDS,
        },
        optional={
            "isexec": st.booleans(),
            "nfiles": st.integers(0, 10**6),
            "desc": TEXT,
            "labels": st.lists(WORDS, min_size=1),
        },
    ),
    min_size=1,
    max_size=3,
)


def dvc_dump(data: Any) -> str:
    yaml = ruamel.YAML()
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def dvc_load(text: str) -> Any:
    return ruamel.YAML(typ="safe").load(text)


@settings(deadline=None)  # the first import of dvc takes its time
@given(OUTS)
def test_a_pointer_is_written_and_read_as_dvc_does(outs: list[dict[str, Any]]) -> None:
    data = {"outs": outs}
    text = dvc_dump(data)
    assert yamltext.dump(data) == text
    assert yamltext.load(text, "x.dvc") == dvc_load(text)


@settings(deadline=None)
@given(
    st.recursive(
        TEXT | WORDS | COMMANDS | st.integers() | st.booleans() | st.floats(allow_nan=False),
        lambda inner: st.dictionaries(WORDS, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3),
        max_leaves=8,
    )
)
def test_any_document_is_read_as_dvc_reads_it(data: Any) -> None:
    text = dvc_dump({"top": data})
    assert yamltext.load(text, "x.dvc") == dvc_load(text)
    assert yamltext.dump({"top": data}) == text


@pytest.mark.parametrize(
    "text",
    [
        "outs:\n- md5: 12345678901234567890123456789012\n  path: a\n",
        "outs:\n- path: 012\n",
        "a: 1_000\n",
        "a: .5\n",
        "a: +1\n",
        "a: 0o7\n",
        "a: >\n  x\n  y\n",
        "a: [1, 2]\n",
        "a: &x 1\nb: *x\n",
        "a: x\n  y\n",
        "a: 'it''s'\n",
        'a: "q\\n"\n',
        "a:\n",
        "a: ~\n",
        "a: yes\n",
        "a: -1\n",
        "a: 12:30:45\n",
        "a: 1.5\n",
        "a: 1.50\n",
        "a: 0.1\nb: 00.1\nc: 1.\nd: -0.5\ne: 12345678901.5\n",
        "cmd: python ${a} > b && c {d} (e) *f %g\n",
        "a: $x\nb: ${y}\n",
        "a: x # c\n",
        "? a\n: b\n",
        "a: 'x'\n",
        "a:   x\n",
        "- 1\n- 2\n",
        "a:\n    b: 1\n",
        "a:\n- b\n-   c: 1\n",
        "{}\n",
        "",
        "# only\n",
        "a: !!str 1\n",
        "a: x:y\n",
        "a: 0\n",
        "a: 00\n",
    ],
)
def test_what_people_write_is_read_as_dvc_reads_it(text: str) -> None:
    assert yamltext.load(text, "x") == (dvc_load(text) or {})


@settings(deadline=None)
@given(OUTS, OUTS, st.booleans())
def test_a_rewritten_pointer_is_what_dvc_would_make_of_it(old: Any, new: Any, comments: bool) -> None:
    text = dvc_dump({"outs": old, "desc": "kept", "meta": {"a": [1, "b"]}})
    if comments:
        text = "# first\n" + text.replace("outs:\n", "outs: # here\n") + "# last\n"
    state = {"outs": new, "desc": "kept", "meta": {"a": [1, "b"]}}
    there = ruamel.YAML().load(text)
    from dvc.utils.collections import apply_diff

    apply_diff(json.loads(json.dumps(state)), there)
    assert yamltext.rewrite(text, state, "x.dvc") == dvc_dump(there)


def test_broken_yaml_is_an_error_with_the_name() -> None:
    with pytest.raises(DvcError, match=r"x\.dvc is not valid YAML"):
        yamltext.load("a: [1\nb: }", "x.dvc")


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
        lambda t: "/" not in t and "\0" not in t and t not in (".", "..")
    ),
    min_size=1,
    max_size=3,
).map("/".join)


@settings(deadline=None)
@given(st.dictionaries(NAMES, HEX, max_size=8))
def test_a_manifest_is_written_and_read_as_dvc_does(files: dict[str, str]) -> None:
    from dvc_data.hashfile.tree import Tree

    rows = [{"md5": md5, "relpath": path} for path, md5 in files.items()]
    tree = Tree.from_list(rows, hash_name="md5")
    tree.digest()
    data = manifest.encode(files)
    assert data == tree.as_bytes() and manifest.digest(data) == tree.hash_info.value
    assert manifest.decode(data, "x") == files


def test_golden_manifest_and_pointer() -> None:
    data = manifest.encode({"b": "0" * 32, "a/é": "1" * 32})
    assert data == (
        b'[{"md5": "11111111111111111111111111111111", "relpath": "a/\\u00e9"}, '
        b'{"md5": "00000000000000000000000000000000", "relpath": "b"}]'
    )
    assert manifest.digest(b"[]") == "d751713988987e9331980363e24189ce.dir"
    text = "outs:\n- md5: d751713988987e9331980363e24189ce.dir\n  size: 0\n  nfiles: 0\n  hash: md5\n  path: em\n"
    stage = load_pointer("/p/em.dvc", text)
    assert stage.outs[0].path == "/p/em" and stage.outs[0].is_folder and not stage.outs[0].legacy
    assert stage.dumped() == text


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a/./b", "a/", "./a", "x\0y"])
def test_a_manifest_can_not_name_what_is_outside(path: str) -> None:
    with pytest.raises(CorruptData, match="outside its folder"):
        manifest.decode(json.dumps([{"md5": "0" * 32, "relpath": path}]).encode(), "m")


def test_dots_in_names_are_names() -> None:
    files = {".hidden": "0" * 32, "a/..b": "1" * 32, "c../d.": "2" * 32, "...": "3" * 32}
    assert manifest.decode(manifest.encode(files), "m") == files


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'[{"md5": 1, "relpath": "a"}]', b"\xff"])
def test_what_is_no_manifest_is_told(data: bytes) -> None:
    if data == b"{}":
        assert manifest.decode(data, "m") == {}  # as empty as it can be
        return
    with pytest.raises(CorruptData):
        manifest.decode(data, "m")


def test_a_name_that_is_no_utf8_is_told() -> None:
    with pytest.raises(DvcError, match="not UTF-8"):
        manifest.encode({"bad\udcff": "0" * 32})


def test_pipeline_outputs_come_with_what_the_lock_knows() -> None:
    text = """
vars: [{name: z}]
stages:
  train:
    cmd: python t.py
    deps: [a]
    outs:
    - m.pkl
    - logs/${name}.txt:
        cache: false
    metrics: [{s.json: {cache: false}}]
  many:
    foreach: [x, y]
    do: {cmd: c, outs: ["o-${item}": {push: false}]}
"""
    lock = """
schema: '2.0'
stages:
  train:
    cmd: python t.py
    outs:
    - {path: m.pkl, hash: md5, md5: 11111111111111111111111111111111a, size: 1}
    - {path: logs/z.txt, hash: md5, md5: aa, size: 1}
  many@x:
    cmd: c
    outs: [{path: o-x, hash: md5, md5: bb, size: 2}]
"""
    train, many, new = load_pipeline("/p/dvc.yaml", text, lock)
    assert [(out.written, out.md5, out.cached) for out in train.outs] == [
        ("m.pkl", "11111111111111111111111111111111a", True),
        ("logs/z.txt", "aa", False),
        ("s.json", None, False),
    ]
    assert many.name == "many@x" and many.outs[0].md5 == "bb" and not many.outs[0].pushed
    assert new.name == "many@y" and new.outs[0].md5 is None


def test_dvcignore_of_nested_folders(tmp_path: Any) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / ".dvcignore").write_text("*.log\n# c\n/top\nfolder/\n")
    (tmp_path / "a/.dvcignore").write_text("!keep.log\n/b/x\n")
    ignore = Ignore(str(tmp_path))
    said = {
        name: ignore.ignored(f"{tmp_path}/{name}", name.endswith("/")) is not None
        for name in ("z.log", "a/z.log", "a/keep.log", "keep.log", "top", "a/top", "a/b/x", "folder", "a/b/y")
    }
    assert [name for name, hidden in said.items() if hidden] == ["z.log", "a/z.log", "keep.log", "top", "a/b/x"]
    assert ignore.ignored(f"{tmp_path}/folder", True) and ignore.ignored(f"{tmp_path}/folder/x", False)
    assert ignore.ignored(f"{tmp_path}/.git", False) and ignore.ignored(f"{tmp_path}/q/.dvc/x", False)
