"""What counts and what does not, format by format, and where the first difference is said to be."""

from __future__ import annotations

import gzip
import io
import json
import math
import pickle
import sqlite3
import subprocess
import sys
import zipfile
from collections import OrderedDict
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from sides import START, A, B

from anew.reproduction.compare import RULES, compare_files, compare_text
from anew.reproduction.compare.files import compare_content
from anew.reproduction.compare.result import Findings, Result


@pytest.fixture
def compared(tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(name: str, a: bytes | str, b: bytes | str) -> Result:
        paths = []
        for folder, content in (("a", a), ("b", b)):
            (tmp_path / folder).mkdir(exist_ok=True)
            paths.append(tmp_path / folder / Path(name).name)
            paths[-1].write_bytes(content.encode() if isinstance(content, str) else content)
        return compare_files(name, *paths, A, B)

    return run


def test_equal_bytes_need_no_rule(compared) -> None:
    assert compared("x.bin", b"\0a", b"\0a") == Result(True, "bytes")


def test_an_unknown_format_differs_by_bytes(compared) -> None:
    assert compared("x.onnx", b"\x08\0\1", b"\x08\0\2") == Result(False, "bytes", (), "", "byte 2: 0x01 -> 0x02")


def test_json(compared) -> None:
    assert compared("m.json", '{"a": 1, "b": 0.5}', '{"a":1,\n"b":0.5}').rules == ("layout",)
    assert compared("m.json", '{"a": 1, "b": 0.5}', '{"b":0.5,\n"a":1}').detail == "the same keys in another order"
    result = compared("m.json", '{"r": [{"acc": 0.9312}]}', '{"r": [{"acc": 0.9309}]}')
    assert (result.where, result.detail) == ("r[0].acc", "0.9312 -> 0.9309")
    assert result.max_difference == pytest.approx(0.0003) and result.max_relative == pytest.approx(0.0003 / 0.9312)
    assert compared("m.json", '{"fit_time": 1.25}', '{"fit_time": 1.5}').rules == ("durations",)
    assert compared("m.json", '{"timings": {"fit": 1.25}}', '{"timings": {"fit": 1.5}}').rules == ("durations",)
    assert not compared("m.json", '{"timings": {"loss": 1.25}}', '{"timings": {"loss": 1.5}}').equal
    assert not compared("m.json", '{"time_step": 1.25}', '{"time_step": 1.5}').equal
    assert not compared("m.json", '{"max_time": 1.25}', '{"max_time": 1.5}').equal
    assert compared("m.json", f'{{"at": {START + 1}}}', f'{{"at": {START + 3601}}}').rules == ("dates",)
    assert not compared("m.json", f'{{"at": {START + 1}}}', f'{{"at": {START + 36010}}}').equal
    assert not compared("m.json", '{"a": 1, "a": 2}', '{"a":1, "a": 2}').equal  # twice the same key
    assert not compared("m.json", "[0.1]", "[0.1000000000000000055]").equal
    assert not compared("m.json", "[1]", "[1.0]").equal
    assert not compared("m.json", "[0.0]", "[-0.0]").equal
    assert not compared("m.json", "[true]", "[1]").equal
    assert compared("m.json", "[1, 2]", "[1]").max_difference is None
    assert compared("m.json", '{"p": "/work/one/m.pt"}', '{"p": "/scratch/again/two/m.pt"}').rules == ("paths",)
    assert compared("m.json", "[NaN]", "[ NaN]").equal
    assert compared("m.json", "[NaN]", "[1.0]").max_difference in (None, math.inf)
    assert compared("m.jsonl", '{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":3}\n').where == "line 2: a"
    assert not compared("m.jsonl", '{"a":1}\n{"a":2}\n', '{"a":1}\n').equal


def test_tables(compared) -> None:
    head = "epoch,val_acc,time\n"
    assert compared("m.csv", head + "1,0.5,3.25\n", head + "1,0.5,3.5\n").rules == ("durations",)
    result = compared("m.csv", head + "1,0.5,3\n2,0.75,4\n", head + "1,0.5,3\n2,0.5,4\n")
    assert (result.where, result.detail, result.max_difference) == ("column val_acc row 2", "0.75 -> 0.5", 0.25)
    assert not compared("m.csv", "id,time\na,3\n", "id,time\na,4\n").equal  # a table of measured times
    assert not compared("m.csv", "mean_fit_time\n0.5\n", "mean_fit_time\n0.25\n").equal  # nothing else is compared
    assert not compared("m.csv", "epoch,time\n1,0.5\n", "epoch,time\n1,0.25\n").equal
    assert compared(
        "m.csv", "mean_score_time,mean_test_score\n0.5,1\n", "mean_score_time,mean_test_score\n0.25,1\n"
    ).equal
    assert not compared(
        "m.csv", "mean_score_time,mean_test_score\n0.5,1\n", "mean_score_time,mean_test_score\n0.5,2\n"
    ).equal
    assert not compared("m.csv", "a\n1\n2\n", "a\n2\n1\n").equal
    assert not compared("m.csv", "a\n1\n2\n", "a\n1\n").equal
    assert not compared("m.csv", "a,b\n1,2\n", "b,a\n1,2\n").equal
    assert compared("m.csv", 'a\n"x"\n', "a\nx\n").rules == ("layout",)
    assert not compared("m.csv", "a\n1.0\n", "a\n1.00\n").equal
    assert compared("m.tsv", "a\tb\n1\t2\n", "a\tb\n1\t3\n").where == "column b row 1"


DATA = ["trip_duration", "duration", "speed", "latency", "elapsed", "time_seconds", "time", "wind_speed", "rss"]


@pytest.mark.parametrize("name", DATA)
def test_data_that_sounds_like_a_timing(compared, name: str) -> None:
    for a, b in (("3.5", "4.5"), ("3.5 s", "4.5 s"), ("0:00:03", "0:00:04")):
        head = f"rider,survival,{name}\n"
        assert not compared("m.csv", f"{head}x,1,{a}\n", f"{head}x,1,{b}\n").equal
        assert not compared("m.tsv", f"rider\t{name}\nx\t{a}\n", f"rider\t{name}\nx\t{b}\n").equal
        values = [value if " " in value or ":" in value else float(value) for value in (a, b)]
        texts = [json.dumps({"feature_importances": {"age": 1, name: value}}) for value in values]
        assert not compared("m.json", *texts).equal
        assert not compared("m.pkl", *(pickle.dumps({"age": 1, name: value}) for value in values)).equal
        assert not compared("m.db", *(_database(name, "age", value) for value in values)).equal
    assert not compared("m.pkl", pickle.dumps({name: np.ones(2)}), pickle.dumps({name: np.zeros(2)})).equal


def test_timings_beside_progress(compared) -> None:
    assert compared("m.json", '{"epoch": 1, "time": 1.5}', '{"epoch": 1, "time": 2.5}').rules == ("durations",)
    assert compared("m.json", '{"fit_time": 1, "elapsed": 1.5}', '{"fit_time": 1, "elapsed": 2.5}').equal
    assert not compared("m.json", '{"fit_time": 1.5}', '{"fit_time": 1e7}').equal  # longer than the run
    assert compared("m.csv", "loss,train_time\n1,2\n", "loss,train_time\n1,3\n").rules == ("durations",)
    assert compared("m.db", _database("fit_time", "loss", 1.5), _database("fit_time", "loss", 2.5)).equal
    assert not compared("m.db", _database("fit_time", "epoch", 1.5), _database("fit_time", "epoch", 2.5)).equal


def test_columns_of_data_in_parquet(compared) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.feather as feather
    import pyarrow.parquet as parquet

    def made(write, name: str, other: str, value: float) -> bytes:  # type: ignore[no-untyped-def]
        stream = io.BytesIO()
        write(pa.table({other: [1.0], name: [value]}), stream)
        return stream.getvalue()

    for write, file in ((parquet.write_table, "m.parquet"), (feather.write_feather, "m.feather")):
        for name in DATA:
            assert not compared(file, made(write, name, "age", 1.5), made(write, name, "age", 2.5)).equal
        assert compared(file, made(write, "fit_time", "loss", 1.5), made(write, "fit_time", "loss", 2.5)).equal
        assert not compared(file, made(write, "fit_time", "epoch", 1.5), made(write, "fit_time", "epoch", 2.5)).equal


def _database(name: str, other: str, value: object) -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE TABLE t ({other}, {name})")
        db.execute("INSERT INTO t VALUES (1, ?)", (value,))
        db.commit()
        return db.serialize()


def test_pickles(compared) -> None:
    def both(a: object, b: object, protocol: int = 4) -> Result:
        return compared("x.pkl", pickle.dumps(a), pickle.dumps(b, protocol=protocol))

    assert both({"a": 1, "b": 2}, {"b": 2, "a": 1}).detail == "the same keys in another order"
    shared = [1]
    assert both([shared, shared], [[1], [1]]).equal
    assert both({"x", "y", "z"}, {"z", "y", "x"}).equal
    assert both(frozenset(range(99)), frozenset(reversed(range(99)))).equal
    assert not both({"x", "y"}, {"x", "z"}).equal
    assert not both([1], [1.0]).equal and not both([1], [True]).equal and not both([0.0], [-0.0]).equal
    assert not both((1,), [1]).equal and not both({1: 2}, {1.0: 2}).equal
    assert not both(b"a", bytearray(b"a")).equal and not both("a", b"a").equal
    assert both({"w": np.arange(4.0)}, {"w": np.array([0.0, 1, 2, 3.5])}).where == "w[3]"
    assert not both(np.arange(3, dtype="f4"), np.arange(3, dtype="f8")).equal
    assert not both(np.zeros((2, 3)), np.zeros((3, 2))).equal
    assert not both(np.array([1, "a"], object), np.array([1, "b"], object)).equal
    assert both(OrderedDict(a=1, b=np.ones(2)), OrderedDict(a=1, b=np.array([1.0, 2]))).where == "b[1]"
    assert both({"fit_time": 1.5, "a": 1}, {"fit_time": 2.5, "a": 1}).rules == ("durations",)
    assert both({"mean_fit_time": np.ones(2)}, {"mean_fit_time": np.zeros(2)}).rules == ("durations",)
    assert not both({"mean_fit_time": np.ones(2)}, {"mean_fit_time": np.zeros(3)}).equal
    when = datetime.fromtimestamp(START + 5, UTC).replace(tzinfo=None)
    assert both({"at": when}, {"at": when + timedelta(hours=1)}).rules == ("dates",)
    assert not both({"at": when}, {"at": when + timedelta(days=400)}).equal
    assert not both([np.float64(1)], [np.float64(1 + 2**-52)]).equal
    result = compared("x.pkl", pickle.dumps(1) + pickle.dumps(2), pickle.dumps(1) + pickle.dumps(3))
    assert (result.where, result.max_difference) == ("[1]", 1)
    assert not compared("x.pkl", pickle.dumps(1), pickle.dumps(1) + pickle.dumps(2)).equal
    assert both([math.nan], [math.nan]).equal


def test_a_difference_of_large_integers_is_not_lost(compared) -> None:
    result = compared("x.pkl", pickle.dumps([2**60, 5]), pickle.dumps([2**60 + 1, 5]))
    assert not result.equal and result.max_difference == 1
    result = compared("x.npy", _npy(np.array([2**60])), _npy(np.array([2**60 + 1])))
    assert not result.equal and result.max_difference == 1


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_arrays(compared) -> None:
    a = np.arange(12.0).reshape(3, 4)
    b = a.copy()
    b[1, 2] += 0.5
    b[2, 3] += 2
    result = compared("x.npy", _npy(a), _npy(b))
    assert (result.where, result.max_difference) == ("[1, 2]", 2.0)
    assert compared("x.npy", _npy(np.asfortranarray(a)), _npy(np.asfortranarray(b))).where == "[1, 2]"
    b[0, 0] = np.nan
    assert compared("x.npy", _npy(a), _npy(b)).max_difference == math.inf
    assert compared("x.npy", _npy(a), _npy(a.astype("f4"))).max_difference is None
    assert not compared("x.npy", _npy(np.array([0.0])), _npy(np.array([-0.0]))).equal
    assert not compared("x.npy", _npy(np.array(["a"])), _npy(np.array(["b"]))).equal


def test_zips_in_another_order_and_at_another_time(compared) -> None:
    def made(names: str, year: int, text: str = "acc 0.5") -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            for name in names:
                file.writestr(zipfile.ZipInfo(f"{name}.txt", (year, 1, 1, 0, 0, 0)), f"{name} {text}")
        return stream.getvalue()

    assert compared("x.zip", made("ab", 2020), made("ab", 2021)).rules == ("zip times",)
    assert compared("x.zip", made("ab", 2020), made("ba", 2020)).where == "members"
    assert compared("x.zip", made("ab", 2020), made("ab", 2020, "acc 0.6")).where == "a.txt: line 1"
    assert compared("x.zip", made("ab", 2020), made("abc", 2020)).where == "c.txt"


def test_gzip_of_text(compared) -> None:
    a, b = gzip.compress(b"acc 0.5\n", mtime=1), gzip.compress(b"acc 0.5\n", mtime=2)
    assert compared("x.txt.gz", a, b).rules == ("gzip header",)
    result = compared("x.txt.gz", a, gzip.compress(b"acc 0.75\n", mtime=1))
    assert (result.where, result.max_difference) == ("line 1", 0.25)


def test_marked_up_ids_must_be_renamed_one_to_one(compared) -> None:
    page = '<div id="ab12cd34ef56"></div><p id="ff00aa11bb22"></p><a href="#{0}">x</a>'
    other = page.replace("ab12cd34ef56", "0123456789ab").replace("ff00aa11bb22", "cdef00112233")
    assert compared("x.html", page.format("ab12cd34ef56"), other.format("0123456789ab")).rules == ("ids",)
    assert not compared("x.html", page.format("ab12cd34ef56"), other.format("cdef00112233")).equal
    assert not compared("x.html", "<b>0.93</b>", "<b>0.94</b>").equal


def test_notebooks(compared) -> None:
    def book(number: str, cell_id: str, at: str, count: int = 1) -> str:
        out = {"output_type": "stream", "name": "stdout", "text": [f"acc {number}\n", "took 3.2s\n"]}
        meta = {"execution": {"iopub.execute_input": at}}
        cell = {
            "cell_type": "code",
            "id": cell_id,
            "metadata": meta,
            "source": ["x"],
            "outputs": [out],
            "execution_count": count,
        }
        return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    assert compared("x.ipynb", book("0.5", "aa", "1"), book("0.5", "bb", "2")).rules == ("dates", "ids")
    result = compared("x.ipynb", book("0.5", "aa", "1"), book("0.75", "aa", "1"))
    assert (result.equal, result.where) == (False, "cell 1: output 1: line 1")


def test_text_order_and_length() -> None:
    result = compare_text("a 1\nb 2\n", "b 2\na 1\n", A, B)
    assert not result.equal and result.detail.startswith("the same lines in another order")
    result = compare_text("{'a', 'b'}", "{'b', 'a'}", A, B)
    assert not result.equal and "same set" in result.detail
    assert compare_text("a\nb\n", "a\nb\nc\n", A, B).where == "line 3"
    assert compare_text("x 1\ny 2.5", "x 1\ny 3.5", A, B).max_difference == 1
    assert compare_text("x 1\ny 2.5", "x 2\ny b", A, B).max_difference is None
    assert compare_text("n 1,234", "n 2,235", A, B).max_difference == 1001
    assert compare_text("a\r\nb", "a\nb", A, B).rules == ("line ends",)


def test_columns_named_by_a_header() -> None:
    head = "  epoch    train_loss     dur\n-------  ------------  ------\n"
    a, b = head + "      1        0.6931  0.0213\n", head + "      1        0.6931  0.0413\n"
    assert compare_text(a, b, A, B).rules == ("durations",)
    assert not compare_text(a, a.replace("0.6931", "0.6932"), A, B).equal


def test_progress_bars_redrawn_at_other_times() -> None:
    def bar(step: int, loss: float, spent: int) -> str:
        return (
            f"\r{step * 10:3d}%|{'#' * step:10s}| {step}/10 [00:0{spent}<00:0{9 - spent}, 1.{spent}it/s, loss={loss}]"
        )

    last = bar(10, 0.125, 5) + "\ndone\n"
    a = bar(1, 0.5, 1) + bar(4, 0.25, 2) + last
    b = bar(1, 0.5, 2) + bar(2, 0.375, 3) + bar(7, 0.2, 4) + last
    assert compare_text(a, b, A, B).rules == ("progress bars",)
    assert compare_text(a, b.replace("1.5it/s", "9.5it/s"), A, B).rules == ("durations", "progress bars")
    assert compare_text(a, bar(2, 0.375, 3) + bar(7, 0.2, 4) + bar(9, 0.15, 4) + last, A, B).equal
    assert not compare_text(a, bar(1, 0.5, 1) + bar(4, 0.26, 2) + bar(5, 0.2, 2) + last, A, B).equal
    assert not compare_text(a, a.replace("0.125", "0.126"), A, B).equal


def test_every_rule_is_documented_and_sorted() -> None:
    assert list(RULES) == sorted(RULES)
    assert all(text.endswith(".") for text in RULES.values())


def test_the_order_of_keys_is_a_result(compared) -> None:
    a, b = {"rf": 0.9, "svm": 0.9}, {"svm": 0.9, "rf": 0.9}
    told = "the same keys in another order"
    assert compared("ranking.json", json.dumps({"top": a}), json.dumps({"top": b})).detail == told
    assert compared("ranking.jsonl", json.dumps(a), json.dumps(b)).detail == told
    assert compared("ranking.pkl", pickle.dumps(a), pickle.dumps(b)).detail == told


def test_ids_are_drawn_anew_and_never_on_both_sides(compared) -> None:
    one, two, three = "c22637b0c2263700", "d22637b0d2263700", "e22637b0d2263711"
    assert compared("m.json", json.dumps({"run_id": one}), json.dumps({"run_id": two})).rules == ("ids",)
    for name in ("best_run_id", "job_id", "best_job", "session", "winner", "dataset_id", "model_hash"):
        assert not compared("m.json", json.dumps({name: one}), json.dumps({name: two})).equal
        assert not compared("m.csv", f"x,{name}\n1,{one}\n", f"x,{name}\n1,{two}\n").equal
    assert not compared("m.json", json.dumps({"best": {"run_id": one}}), json.dumps({"best": {"run_id": two}})).equal
    head = "run_id,x\n"
    assert compared("m.csv", f"{head}{one},1\n", f"{head}{two},1\n").rules == ("ids",)
    assert not compared("m.csv", f"{head}{one},1\n{two},1\n", f"{head}{two},1\n{one},1\n").equal
    assert not compared("m.csv", f"{head}{one},1\n{one},1\n", f"{head}{two},1\n{three},1\n").equal
    assert not compared("x.html", '<p id="winner_c22637b0c2">', '<p id="winner_d22637b0c2">').equal
    assert not compared("x.svg", '<svg><g id="best-c22637b0"/></svg>', '<svg><g id="best-d22637b0"/></svg>').equal


def test_timings_beside_results(compared) -> None:
    def both(name: str, value: object, other: object) -> Result:
        return compared(name, json.dumps(value), json.dumps(other))

    assert both("m.json", {"accuracy": 0.9, "runtime_sec": 1.5}, {"accuracy": 0.9, "runtime_sec": 2.5}).equal
    pair = [{"rf": {"accuracy": 0.9, "time": value}} for value in (1.5, 2.5)]
    assert both("m.json", *pair).rules == ("durations",)
    frames = [{"Test acc": {"0": 0.9}, "Fit time (s)": {"0": value}, "Time": {"0": value}} for value in (1.5, 2.5)]
    assert both("m.json", *frames).rules == ("durations",)
    for names in (("accuracy", "reaction_time"), ("tau", "time"), ("accuracy", "latency"), ("x", "elapsed")):
        one, two = ({names[0]: 0.9, names[1]: value} for value in (1.5, 2.5))
        assert not both("m.json", one, two).equal
    for group in ("best", "predicted", "simulation"):
        one, two = ({group: {"loss": 0.9, "time": value, "total_time": value}} for value in (1.5, 2.5))
        assert not both("m.json", one, two).equal
    head = "Model,Test acc,Fit time (s)\n"
    assert compared("m.csv", f"{head}rf,0.9,1.5\n", f"{head}rf,0.9,2.5\n").rules == ("durations",)
    table = "   Model  Test acc  Fit time (s)\n0     rf       0.9           {}\n"
    assert compared("m.txt", table.format(1.5), table.format(2.5)).rules == ("durations",)
    assert not compared("m.txt", table.format(1.5), table.format(2.5).replace("0.9", "0.8")).equal
    assert not compared(
        "m.txt", table.replace("Fit", "Best").format(1.5), table.replace("Fit", "Best").format(2.5)
    ).equal
    row = "| Model | Acc | Time (s) |\n|---|---|---|\n| a | 0.5 | {} |\n"
    assert compared("m.md", row.format(1.5), row.format(2.5)).rules == ("durations",)
    assert not compared("m.md", row.replace("Time", "Tau").format(1.5), row.replace("Time", "Tau").format(2.5)).equal


SETTINGS = ["tau: {} s", "time = {}", "window = {} ms", "<td>time</td><td>{} s</td>", "dt = {} s", "elapsed_wait: {} s"]


@pytest.mark.parametrize("form", SETTINGS)
@pytest.mark.parametrize("suffix", ["toml", "ini", "yaml", "html"])
def test_times_in_files_of_settings_and_pages(compared, form: str, suffix: str) -> None:
    assert not compared(f"x.{suffix}", form.format(0.5), form.format(0.7)).equal


def test_subtitles_are_results(compared) -> None:
    cue = "1\n00:00:00,{} --> 00:00:01,440\nhello\n"
    midnight = "1\n03:04:00,{} --> 03:04:01,440\nhello\n"
    for form in (cue, midnight):
        assert not compared("x.srt", form.format(200), form.format(300)).equal


def test_what_scikit_learn_keeps_of_an_address(compared) -> None:
    a, b = ({"_stop_words_id": 140245003298624 + n, "vocabulary": {"a": 1}} for n in (0, 4096))
    assert compared("v.pkl", pickle.dumps(a), pickle.dumps(b)).rules == ("addresses",)
    assert not compared("v.pkl", pickle.dumps({"id": a["_stop_words_id"]}), pickle.dumps({"id": 1 << 40})).equal


def test_hdf5_that_is_made_of_other_files(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    def make(name: str, source: str, stop: int) -> Path:
        layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
        layout[0:stop] = h5py.VirtualSource(source, "x", shape=(4,))[0:stop]
        with h5py.File(tmp_path / name, "w") as file:
            file.create_virtual_dataset("all", layout, fillvalue=-1)
        return tmp_path / name

    first = make("a.h5", "part.h5", 2)
    assert compare_files("v.h5", first, make("b.h5", "part.h5", 2), A, B).equal
    assert not compare_files("v.h5", first, make("c.h5", "other.h5", 2), A, B).equal
    assert not compare_files("v.h5", first, make("d.h5", "part.h5", 3), A, B).equal


def test_an_attribute_with_the_date(compared, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    def made(when: str) -> bytes:
        with h5py.File(tmp_path / "made.h5", "w") as file:
            file["x"] = [1.0]
            file.attrs["created"] = when
        return (tmp_path / "made.h5").read_bytes()

    assert compared("a.h5", made("2026-11-21 03:04:05"), made("2026-11-21 04:04:05")).rules == ("dates",)
    assert not compared("a.h5", made("2026-11-21 03:04:05"), made("2026-11-21 05:04:05")).equal


def test_traced_code_by_its_texts(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    trace = "torch.jit.trace(torch.nn.Sequential(torch.nn.ReLU()), torch.zeros(2)).save('kept.pt')\n"
    # A process each, since torch numbers its classes; forked from one that has loaded it, since that takes seconds.
    forking = """
        import os, runpy, sys, torch
        for folder, text, kept in zip(*[iter(sys.argv[1:])] * 3):
            os.makedirs(folder, exist_ok=True)
            open(f"{folder}/main.py", "w").write(text)
            if not (child := os.fork()):
                os.chdir(folder)
                runpy.run_path(f"{folder}/main.py", run_name="__main__")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            os.rename(f"{folder}/kept.pt", kept)
    """
    words: list[str] = []
    for turn, (name, line) in enumerate((("one", 1), ("another", 1), ("one", 2))):
        words += [str(tmp_path / name), "import torch" + "\n" * line + trace, str(tmp_path / str(turn))]
    subprocess.run([sys.executable, "-c", dedent(forking), *words], check=True, capture_output=True)
    made = [(tmp_path / str(turn)).read_bytes() for turn in range(3)]
    sides = [
        replace(side, root=str(tmp_path / name), cwd=str(tmp_path / name))
        for side, name in ((A, "one"), (B, "another"))
    ]
    found = Findings(*sides)
    result = found.result(compare_content("kept.pt", made[0], made[1], found))
    assert result.equal and "paths" in result.rules, result
    found = Findings(A, A)
    assert not found.result(compare_content("kept.pt", made[0], made[2], found)).equal


def test_lines_of_a_log_that_begin_with_milliseconds() -> None:
    a, b = ("\n".join(f"{at} INFO loss 0.{n}" for n, at in enumerate(times)) for times in ((31, 61, 92), (30, 62, 99)))
    assert compare_text(a, b, A, B).rules == ("durations",)
    assert not compare_text(a, b.replace("99", "12"), A, B).equal  # time does not go back
    assert not compare_text(a, b.replace("loss 0.2", "loss 0.3"), A, B).equal
    assert not compare_text("12 INFO votes", "13 INFO votes", A, B).equal


def test_joblib_reports_as_time_passes() -> None:
    end = "[Parallel(n_jobs=2)]: Done 400 out of 400 | elapsed:    {}s finished\n28\n"
    a = "[Parallel(n_jobs=2)]: Done 152 tasks      | elapsed:    0.1s\n" + end.format(0.4)
    b = "[Parallel(n_jobs=2)]: Done 46 tasks      | elapsed:    0.1s\n" * 2 + end.format(0.5)
    assert compare_text(a, b, A, B).rules == ("durations", "progress bars")
    assert not compare_text(a, b.replace("28", "29"), A, B).equal
    assert not compare_text(a, b.replace("400", "401"), A, B).equal


def test_processes_and_addresses() -> None:
    sides = replace(A, pids=frozenset([4101])), replace(B, pids=frozenset([4202]))
    assert compare_text("PID: 4101 PPID: 4099", "PID: 4202 PPID: 4200", *sides).rules == ("pids",)
    swapped = "<R at 0x7f1234567890> over <R at 0x7f1234567800>", "<R at 0x7f1234567800> over <R at 0x7f1234567890>"
    assert not compare_text(*swapped, A, B).equal
    for a, b in (
        ("CRC at 0xdeadbeef", "CRC at 0xdeadbeee"),
        ("<0xff00ff00>", "<0xff00ff01>"),
        ("node at 0x043e77f893a0", "node at 0x3afccde76a6e"),
        ("hash at 0x7f12ab34cd50", "hash at 0x7fe0aa34cd10"),
        ("best server localhost:43211", "best server localhost:43212"),
        ("peak memory of plan: 12 MB", "peak memory of plan: 13 MB"),
    ):
        assert not compare_text(a, b, A, B).equal


def test_text_that_is_not_utf_8_is_compared_by_its_bytes() -> None:
    a, b = (raw.decode("utf-8", "surrogateescape") for raw in (b"na\xefve: took 3.2s", b"na\xeeve: took 3.2s"))
    result = compare_text(a, b, A, B)
    assert not result.equal and "\\xef" in result.detail
    assert result.detail.encode() and result.where.encode()
    assert compare_text(a, a.replace("3.2", "3.3"), A, B).rules == ("durations",)
    assert not compare_text("\ud800 x", "\udfff x", A, B).equal
