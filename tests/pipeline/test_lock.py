"""dvc.lock as dvc writes it, to the byte, whatever stands in it; and what is no lock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anew import yamltext
from anew.errors import AnewError, PipelineError
from anew.pipeline import lock
from anew.protocols.dvc import runcache

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["a.txt", "d/e f", "-x", "1e3", "null", "yes", "0x1", "x" * 90, "a: b", "#c", "'q'", "é 😀", "${x}", "1_000", "~"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 1 << 40) | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_MD5 = st.text("0123456789abcdef", min_size=32, max_size=32)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"path": _TEXT, "md5": _MD5 | _MD5.map(lambda md5: f"{md5}.dir"), "size": st.integers(0, 1 << 50)},
        optional={"hash": st.just("md5"), "nfiles": st.integers(0, 9), "isexec": st.just(True)},
    ),
    max_size=3,
)
_ENTRIES = st.builds(
    lock.entry, _TEXT | st.lists(_TEXT, min_size=1, max_size=2), _ROWS,
    st.dictionaries(st.sampled_from(["params.yaml", "a.json", "z.toml"]), st.dictionaries(_TEXT, _VALUES, max_size=3)),
    _ROWS,
)  # fmt: skip


@settings(max_examples=40)
@given(st.dictionaries(_TEXT, _ENTRIES, min_size=1, max_size=3), _TEXT, _ENTRIES)
def test_any_lock_is_written_as_dvc_writes_it(entries: dict[str, Any], name: str, entry: dict[str, Any]) -> None:
    pytest.importorskip("dvc")
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    data = {"schema": "2.0", "stages": entries}
    text = lock.updated("", "dvc.lock", entries)
    assert text == dumps_yaml(data)
    if all(isinstance(one["cmd"], (str, list)) for one in entries.values()):
        assert lock.stages(text, "dvc.lock") == yamltext.load(text, "dvc.lock")["stages"]
    commented = text.replace("stages:\n", "stages:  # all of them\n", 1)
    there = parse_yaml_for_update(commented, "dvc.lock")
    there["stages"].update({name: entry})
    assert lock.updated(commented, "dvc.lock", {name: entry}) == dumps_yaml(there)


@settings(max_examples=40)
@given(_ENTRIES)
def test_the_run_cache_names_an_entry_as_dvc_does(entry: dict[str, Any]) -> None:
    pytest.importorskip("dvc")
    from dvc.stage.cache import _get_cache_hash

    assert runcache.value_of(entry) == _get_cache_hash(dict(entry))
    assert runcache.key_of(entry) == _get_cache_hash(dict(entry), key=True)


def test_an_entry_has_dvcs_order() -> None:
    rows = [{"path": "z", "md5": "1", "hash": "md5", "isexec": False}, {"path": "a", "size": 0, "md5": "2"}]
    found = lock.entry("c", rows, {"z.yaml": {"b": 1}, "params.yaml": {"y": 1, "x": 2}, "a.yaml": {}}, rows[:1])
    assert list(found) == ["cmd", "deps", "params", "outs"]
    assert [list(row.items()) for row in found["deps"]] == [
        [("path", "a"), ("md5", "2"), ("size", 0)], [("path", "z"), ("hash", "md5"), ("md5", "1")],
    ]  # fmt: skip
    assert list(found["params"]) == ["params.yaml", "a.yaml", "z.yaml"] and list(found["params"]["params.yaml"]) == [
        "x",
        "y",
    ]
    assert lock.entry("c", [], {}, []) == {"cmd": "c"}


@pytest.mark.parametrize(
    "text",
    ["schema: '1.0'\n", "stages: {}\n", "- a\n", "schema: '2.0'\nstages: {a: {deps: []}}\n",
     "schema: '2.0'\nstages: {a: {cmd: c, outs: [{md5: x}]}}\n", "schema: '2.0'\nstages: [\n"],
)  # fmt: skip
def test_what_is_no_lock_is_told(text: str) -> None:
    with pytest.raises(AnewError, match=r"x/dvc\.lock"):
        lock.stages(text, "x/dvc.lock")
    assert lock.stages("", "dvc.lock") == {}
    assert issubclass(PipelineError, AnewError)
