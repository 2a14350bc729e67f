"""Pairs of lines, and whether they are the same result."""
# ruff: noqa: E501 - a pair is easiest to read on one line

from __future__ import annotations

from dataclasses import replace

import pytest
from sides import A, B

from anew.reproduction.compare import RULES, compare_text

EQUAL = [
    # durations
    ("took 3.2s", "took 3.9s", "durations"),
    ("done in 12 ms", "done in 9 ms", "durations"),
    ("Elapsed: 0:00:03", "Elapsed: 0:00:12", "durations"),
    ("fitted in 59.9s", "fitted in 1min 2s", "durations"),
    ("Wall time: 1.2 s", "Wall time: 983 ms", "durations"),
    ("CPU times: user 1.2 s, sys: 30 ms, total: 1.3 s", "CPU times: user 1.9 s, sys: 9 ms, total: 1.9 s", "durations"),
    ("epoch 3 loss 0.512 time 3.21", "epoch 3 loss 0.512 time 2.98", "durations"),
    ("elapsed=12.25 acc=0.93", "elapsed=9.125 acc=0.93", "durations"),
    ("training_time: 12.5", "training_time: 13.25", "durations"),
    ("time (s): 12.5", "time (s): 13.25", "durations"),
    ("|    time_elapsed    | 8        |", "|    time_elapsed    | 12       |", "durations"),
    ("[CV 1/2] END max_depth=1;, score=0.900 total time=   0.0s", "[CV 1/2] END max_depth=1;, score=0.900 total time=   0.1s", "durations"),
    ("[Parallel(n_jobs=2)]: Done  10 out of  10 | elapsed:    0.4s finished", "[Parallel(n_jobs=2)]: Done  10 out of  10 | elapsed:   12.4s finished", "durations"),
    ("938/938 [==============================] - 3s 2ms/step - loss: 0.25", "938/938 [==============================] - 4s 991us/step - loss: 0.25", "durations"),
    ("938/938 - 3s - 3ms/step - loss: 0.25", "938/938 - 2s - 2ms/step - loss: 0.25", "durations"),
    ("100%|##########| 100/100 [00:03<00:00, 30.1it/s, loss=0.5]", "100%|##########| 100/100 [00:12<00:00, 8.25it/s, loss=0.5]", "durations"),
    ("5it [00:10,  2.10s/it]", "5it [00:02,  2.50it/s]", "durations"),
    ("eta: 0:12:11  lr: 0.001", "eta: 0:09:59  lr: 0.001", "durations"),
    ("[LightGBM] [Info] Auto-choosing col-wise multi-threading, the overhead of testing was 0.000123 seconds.",
     "[LightGBM] [Info] Auto-choosing col-wise multi-threading, the overhead of testing was 0.000987 seconds.", "durations"),
    ("1e-05s per loop", "2.5e-05s per loop", "durations"),
    ("|    fps             | 812      |\n|    iterations      | 2        |\n|    time_elapsed    | 8        |",
     "|    fps             | 1033     |\n|    iterations      | 2        |\n|    time_elapsed    | 12       |", "durations"),
    ("session id=3f2a9c71be04aa", "session id=a81c0b77de12bb", "ids"),
    ("loss 0.5, train acc 0.9, 1234.5 examples/sec on cpu", "loss 0.5, train acc 0.9, 998.1 examples/sec on cpu", "durations"),
    # dates
    ("2026-11-21 03:04:05,123 INFO start", "2026-11-21 04:04:06,456 INFO start", "dates"),
    ("2026-11-21T03:04:05.123456Z ok", "2026-11-21T04:04:30.000001Z ok", "dates"),
    ("Started Sat Nov 21 03:04:05 2026", "Started Sat Nov 21 04:04:05 2026", "dates"),
    ("[2026/11/21 03:04:05] x", "[2026/11/21 04:04:05] x", "dates"),
    ("[03:04:05] INFO: go", "[04:05:02] INFO: go", "dates"),
    ("I1121 03:04:05.123456 go", "I1121 04:04:05.654321 go", "dates"),
    ("saved ckpt_20261121_030405.pt", "saved ckpt_20261121_040405.pt", "dates"),
    ("now 1795230245.25", "now 1795233860.5", "dates"),
    ("stamp=1795230245", "stamp=1795233860", "dates"),
    ("21-Nov-2026 03:04:05 x", "21-Nov-2026 04:04:05 x", "dates"),
    # paths
    ("saved /work/one/out/model.pt", "saved /scratch/again/two/out/model.pt", "paths"),
    ("cache: /home/alice/.cache/x", "cache: /home/bob/.cache/x", "paths"),
    ("tmp /tmp/tmpab12cd_3/x.csv", "tmp /tmp/tmpzz90yy_1/x.csv", "paths"),
    ("/work/one/train.py:12: UserWarning: careful", "/scratch/again/two/train.py:12: UserWarning: careful", "paths"),
    ("/opt/e1/lib/python3.11/site-packages/sklearn/base.py:44: W", "/srv/x/.venv/lib/python3.11/site-packages/sklearn/base.py:44: W", "paths"),
    ("file:///work/one/a.html", "file:///scratch/again/two/a.html", "paths"),
    ("cwd=/work/one", "cwd=/scratch/again/two", "paths"),
    # addresses, ids, processes, memory, hosts, users
    ("<object at 0x7f12ab34cd50>", "<object at 0x7fe0aa34cd10>", "addresses"),
    ("<torch.Generator object at 0x1a2b3c4d>", "<torch.Generator object at 0x9a2b3c4f>", "addresses"),
    ("<_MainThread(MainThread, started 140245003298624)>", "<_MainThread(MainThread, started 139652193138432)>", "addresses"),
    ("10:11:12 INFO 140245003298624 go", "10:11:12 INFO 139652193138432 go", "addresses"),
    ("run 1b4e28ba-2fa1-41d2-883f-0016d3cca427", "run 9c4e28ba-2fa1-41d2-983f-0016d3cca427", "ids"),
    ("run id: 3f2a9c71be04", "run id: a81c0b77de12", "ids"),
    ("this is run k3xq9a", "this is run p7zw2m", "ids"),
    ("started worker, pid 123", "started worker, pid 45678", "pids"),
    ("PID: 99 ready", "PID: 101 ready", "pids"),
    ("allocated memory 512.3 MB", "allocated memory 498.7 MB", "memory sizes"),
    ("Time: 3.21", "Time: 4.5", "durations"),
    ("time taken: 3.2", "time taken: 4.2", "durations"),
    ("elapsed 3.2", "elapsed 4.2", "durations"),
    ("Training time: 3.2 seconds", "Training time: 4.1 seconds", "durations"),
    ("peak RSS: 123456", "peak RSS: 123999", "memory sizes"),
    ("GPU mem 2.3G", "GPU mem 2.4G", "memory sizes"),
    ("on node-a1: ok", "on node-b2: ok", "hosts"),
    ("user alice", "user bob", "users"),
    ("alice@node-a1", "bob@node-b2", "users"),
    ("\x1b[32mok\x1b[0m", "ok", "terminal codes"),
]  # fmt: skip

DIFFERENT = [
    ("acc 0.9312", "acc 0.9309"),
    ("epoch 3 loss 0.512 time 3.21", "epoch 3 loss 0.513 time 3.21"),
    ("loss: 0.5 in 3s", "loss: 0.6 in 3s"),
    ("100%|##########| 100/100 [00:03<00:00, 30.1it/s, loss=0.5]", "100%|##########| 100/100 [00:03<00:00, 30.1it/s, loss=0.6]"),
    ("938/938 [====] - 3s 2ms/step - loss: 0.25", "938/938 [====] - 3s 2ms/step - loss: 0.26"),
    ("mae 3.2 s", "mae 3.4 s"),
    ("predicted duration: 3.2", "predicted duration: 3.4"),
    ("rmse = 12 ms", "rmse = 13 ms"),
    ("eta: 0.3", "eta: 0.1"),
    ("time_step=5", "time_step=6"),
    ("time steps: 100", "time steps: 101"),
    ("timeout 30", "timeout 60"),
    ("max_time: 10", "max_time: 20"),
    ("mean 0.5 min 0.3 max 0.9", "mean 0.6 min 0.3 max 0.9"),
    ("mean 0.5 min 0.3 max 0.9", "mean 0.5 min 0.2 max 0.9"),
    ("best day 2020-01-05", "best day 2020-01-06"),
    ("now 1795230245", "now 1795239999"),
    ("n=1795230245", "n=1595230245"),
    ("/work/one/a.pt", "/scratch/again/two/b.pt"),
    ("/tmp/seed0001", "/tmp/seed0002"),
    ("/data/train.csv", "/data/test.csv"),
    ("sha256 3f2a9c71be04aa11", "sha256 a81c0b77de12bb22"),
    ("model hash: 3f2a9c71be04", "model hash: a81c0b77de12"),
    ("weights 3f2a9c71be04", "weights a81c0b77de12"),
    ("checksum 0x1a2b3c4d", "checksum 0x1a2b3c4e"),
    ("run id: 123456789012", "run id: 123456789013"),
    ("params 1.2M", "params 1.3M"),
    ("dataset size 12 MB", "dataset size 13 MB"),
    ("rank 0", "rank 1"),
    ("predicted cat", "predicted dog"),
    ("confusion [[10, 2], [1, 9]]", "confusion [[9, 3], [1, 9]]"),
    ("took 3.2s\nacc 0.9", "took 3.3s\nacc 0.8"),
    ("a  b", "a b"),
    ("True", "False"),
    ("nan", "0.5"),
    ("lr 1e-3", "lr 1e-4"),
    ("train 10", "train 10 "),
    ("alice wins", "bob wins"),
    ("v1.2.3", "v1.2.4"),
    ("ratio 03:15", "ratio 03:16"),
    ("score at 0.5 s: 0.9", "score at 0.5 s: 0.8"),
    ("conv 3d 4d", "conv 3d 5d"),
    ("latency prediction error 3.1 ms", "latency prediction error 3.2 ms"),
    ("wind speed 3.2 m/s", "wind speed 3.4 m/s"),
    ("speed: 31.2 km/h", "speed: 33.0 km/h"),
    ("speed 31 mph", "speed 32 mph"),
    ("speed: 31.2", "speed: 33.0"),
    ("model lifetime: 3.2 s", "model lifetime: 3.4 s"),
    ("Mean time: 3.2 days", "Mean time: 3.4 days"),
    ("half-life 3.2 s", "half-life 3.4 s"),
    ("response time = 3.2 ms", "response time = 3.4 ms"),
    ("reaction time: 0.21 s", "reaction time: 0.22 s"),
    ("survival time: 3.2", "survival time: 3.4"),
    ("trip duration: 12.5", "trip duration: 12.6"),
    ("travel time 12 min", "travel time 13 min"),
    ("delivery time: 0:12:11", "delivery time: 0:12:12"),
    ("time to event: 3.2", "time to event: 3.3"),
    ("took 3 hours", "took 4 hours"),
    ("took 45 minutes", "took 46 minutes"),
    ("age: 0.3\ntime: 0.2", "age: 0.3\ntime: 0.25"),
    ("age         0.3\nduration    0.2", "age         0.3\nduration    0.25"),
    ("| age | 0.3 |\n| time | 0.2 |", "| age | 0.3 |\n| time | 0.25 |"),
    ("{'age': 0.1, 'time': 0.3}", "{'age': 0.1, 'time': 0.4}"),
    ("  age  time\n0  31  2.5\n", "  age  time\n0  31  2.75\n"),
    ("dataset_id: 3f2a9c71be04", "dataset_id: a81c0b77de12"),
    ("tx_id 3f2a9c71be04", "tx_id a81c0b77de12"),
    ("key 1b4e28ba-2fa1-41d2-883f-0016d3cca427", "key 9c4e28ba-2fa1-41d2-983f-0016d3cca427"),
    ("balance 0x7f12ab34cd50", "balance 0x7fe0aa34cd10"),
    ("memory 512.3 MB", "memory 498.7 MB"),
    ("model memory: 12.3 MB", "model memory: 12.4 MB"),
    ("model size on GPU memory: 12.3 MB", "model size on GPU memory: 12.4 MB"),
    ("RSS: 123.5", "RSS: 124.5"),
    ("photons 140245003298624", "photons 139652193138432"),
    ("thread count 140245003298624", "thread count 139652193138433"),
    # once let pass
    ("throughput 1234.5 samples/s", "throughput 998.1 samples/s"),
    ("samples per second: 991.2", "samples per second: 1020.4"),
    ("|    fps             | 812      |", "|    fps             | 1033     |"),
    ("1e-05s per call", "2.5e-05s per call"),
    ("session=3f2a9c71be04aa", "session=a81c0b77de12bb"),
    ("speed 31.2 it/s", "speed 29.9 it/s"),
    ("copied at 31.2 MB/s", "copied at 29.9 MB/s"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "rule"), EQUAL)
def test_the_same_but_for_an_accident(a: str, b: str, rule: str) -> None:
    result = compare_text(a, b, A, B)
    assert result.equal, result
    assert rule in result.rules
    assert set(result.rules) <= set(RULES)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_a_result_that_differs(a: str, b: str) -> None:
    result = compare_text(a, b, A, B)
    assert not result.equal, result
    assert result.where and result.detail


@pytest.mark.parametrize(("a", "b", "rule"), EQUAL)
def test_a_line_alone_is_equal_to_itself_and_either_way(a: str, b: str, rule: str) -> None:
    assert compare_text(a, a, A, A).how == "bytes"
    assert compare_text(b, a, B, A).equal


def test_a_process_is_one_of_the_runs_own() -> None:
    sides = replace(A, pids=frozenset([41])), replace(B, pids=frozenset([42]))
    assert compare_text("pid: 41", "pid: 42", *sides).rules == ("pids",)
    assert not compare_text("pid: 41", "pid: 43", *sides).equal
