"""Files of parameters, and dotted keys in them, as dvc reads both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anew.errors import PipelineError
from anew.pipeline import params

PYTHON = '''
import os
"""text"""
LR = 0.1
A = B = 2
WORDS: list = ["a", 'b']
NONE = None
SIZE = -3
PAIR = (1, (2, 3))
SOME = {1, 2}
DEEP = {"a": {"b": [1, {"c": True}]}, 3: "x"}
COMPUTED = os.getcwd()
ANNOTATED: int
x.y = 4
class Train:
    epochs = 3
    class Inner:
        rate = 1e-3
    def __init__(self):
        self.size = 5
        local = 6
        self.names = ["n"]
    def other(self):
        self.left = 7
def f():
    hidden = 1
'''


def test_python_is_read_and_not_run(tmp_path: Path) -> None:
    pytest.importorskip("dvc")
    from dvc.utils.serialize._py import parse_py

    assert params.parse(PYTHON, "p.py") == parse_py(PYTHON, "p.py")


DATA: dict[str, Any] = {
    "a": {"b": [1, {"c": True}], "d": None}, "e": [], "f": {"g": {}}, "1": "one", "h": [[1, 2], [3]], "i": (4, 5),
}  # fmt: skip


@pytest.mark.parametrize(
    "key",
    ["a", "a.b", "a.b.0", "a.b.1.c", "a.d", "e", "f.g", "1", "h.1.0", "i.1", "a.x", "a.b.9", "a.d.z", "x", "a.b.z"],
)
def test_dotted_keys_name_what_they_name_in_dvc(key: str) -> None:
    import dpath

    try:
        theirs = {key: dpath.get(DATA, key, separator=".")}
    except KeyError:
        theirs = {}
    assert params.select(DATA, [key]) == theirs


def test_each_format_and_what_can_not_be_read(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "x: 0.5\n"),
        ("b.json", '{"x": 0.5}'),
        ("c.toml", "x = 0.5\n"),
        ("d.py", "x = 0.5\n"),
    ):
        (tmp_path / name).write_text(text)
        assert params.read(f"{tmp_path}/{name}") == {"x": 0.5}
    assert params.read(f"{tmp_path}/none.yaml") is None
    for name, data in (("e.json", b"{"), ("f.toml", b"x ="), ("g.py", b"x = ="), ("h.yaml", b"\xff")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PipelineError, match=name):
            params.read(f"{tmp_path}/{name}")
    with pytest.raises(PipelineError, match="is a directory"):
        params.read(str(tmp_path))


def test_a_tuple_stands_in_a_lock_as_a_list() -> None:
    assert params.same((1, 2), [1, 2]) and params.same(1, 1.0) and not params.same((1, 2), [2, 1])
