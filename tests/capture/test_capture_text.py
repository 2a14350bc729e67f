from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anew.capture.arguments import command, settings, typed
from anew.capture.console import Folder
from anew.capture.scalars import _read, scalars
from anew.errors import UsageError


@pytest.mark.parametrize(
    ("line", "step", "values"),
    [
        ("Epoch 3/10 - loss: 0.25 - val acc: 91.5%", 3, {"loss": 0.25, "val_acc": 91.5}),
        ("step=7 train/loss=1e-3 nan_loss=nan", 7, {"train/loss": 0.001, "nan_loss": math.nan}),
        ("Accuracy (test): 0.5", None, {"accuracy_test": 0.5}),
        ("mse: -inf", None, {"mse": -math.inf}),
        ("elapsed: 3.2 time=5 date: 2020 seed: 42 pid=7", None, {}),
        ("loss: 0.5s", None, {}), ("speed: 100 it/s", None, {}), ("12:30:45", None, {}),
        ("http://host:8080/x", None, {}),
        ("no numbers here", None, {}), ("", None, {}), ("a" * 600 + ": 1", None, {}),
    ],
)  # fmt: skip
def test_numbers_in_output(line: str, step: int | None, values: dict[str, float]) -> None:
    found_step, found = scalars(line)
    assert found_step == step
    assert repr(found) == repr(values)


@given(st.text(max_size=200))
def test_any_line_can_be_read(line: str) -> None:
    step, values = scalars(line)
    assert all(isinstance(value, float) and name for name, value in values.items())
    assert step is None or isinstance(step, int)


@given(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_is_the_number(name: str, value: float) -> None:
    found = scalars(f"my_{name}_acc: {value!r}")[1]
    assert found == {f"my_{name}_acc": value}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--lr", "0.1", "--fast", "data.size=3", "--layers=[1, 2]"],
         {"lr": 0.1, "fast": True, "data.size": 3, "layers": [1, 2]}),
        (["--a", "--b", "-1", "--c=none", "--d", "True"], {"a": True, "b": -1, "c": None, "d": True}),
        (["+x.y=1", "file.csv", "--", "z"], {"x.y": 1}),
        (["--batch-size", "8", "--empty="], {"batch_size": 8, "empty": ""}),
    ],
)  # fmt: skip
def test_settings_on_a_command_line(words: list[str], found: dict[str, Any]) -> None:
    assert settings(words) == found


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_command_line_can_be_read(words: list[str]) -> None:
    assert all(isinstance(name, str) for name in settings(words))


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.lists(st.integers())))
def test_typed_is_the_inverse_of_repr(value: Any) -> None:
    assert typed(repr(value)) == value


def test_which_program_is_meant(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "pipe.sh").touch()
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__main__.py").touch()
    assert command(["train.py", "--x"], tmp_path).script == tmp_path / "train.py"
    assert command(["-m", "a.b", "1"], tmp_path).title == "b"
    assert command(["pkg"], tmp_path).script == tmp_path / "pkg" / "__main__.py"
    assert command(["--", "python", "train.py"], tmp_path).script == tmp_path / "train.py"
    assert Path(command(["pipe.sh"], tmp_path).words[0]).name in ("bash", "sh")
    for words in ([], ["-m"], ["--"], ["missing.py"], ["no-such-command-anywhere"]):
        with pytest.raises(UsageError):
            command(words, tmp_path)


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        ([b"a\nb", b"c\n"], b"a\nbc\n"),
        ([b"\r10%", b"\r50%", b"\r100%\n", b"done\n"], b"100%\ndone\n"),
        ([b"x\r\n", b"y\r\n"], b"x\ny\n"),
        ([b"no end"], b"no end"),
        ([b"\xff\xfe\n", b"\x00"], b"\xff\xfe\n\x00"),
        ([b"a\rb"], b"b"),
        ([b"z" * 200_000, b"\n"], b"z" * 200_000 + b"\n"),
    ],
)
def test_progress_bars_are_folded(pieces: list[bytes], kept: bytes) -> None:
    out: list[bytes] = []
    folder = Folder(out.append)
    for piece in pieces:
        folder.feed(piece)
    folder.end()
    assert b"".join(out) == kept


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"")), max_size=20))
def test_output_without_returns_is_kept_to_the_byte(pieces: list[bytes]) -> None:
    out: list[bytes] = []
    folder = Folder(out.append)
    for piece in pieces:
        folder.feed(piece)
    folder.end()
    assert b"".join(out) == b"".join(pieces)


def test_a_stream_is_drained_even_when_it_can_not_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(data: bytes) -> None:
        raise ValueError("no")

    folder = Folder(refuse)
    for _ in range(3):
        folder.feed(b"x\n")
    assert capsys.readouterr().err.count("output is not kept") == 1


WORDS = [
    "loss", "acc", "epoch", "step", "top5", "f1 score", ":", "=", " = ", ": ", "0.5", "3", "-1", "1e-3", ".5", "5.",
    "nan", "inf", "%", "/", "10", "x", "val_loss", "-", "(", ")", "[", "]", ",", "s", "ms", "it/s", " ", "1.2.3", "+4",
    "12:30:01",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_what_is_remembered_of_a_lines_make_reads_as_the_line_itself(line: str) -> None:
    """Lines of one make share a plan; each must read as if it were the first."""
    expected = _read(line) if ":" in line or "=" in line else (None, {})
    assert repr(scalars(line)) == repr(expected)
