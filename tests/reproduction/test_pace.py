"""What only other clocks can tell: figures that a name hints at, and that no form gives away."""

from __future__ import annotations

import pytest

from projects import Project, factors

pytestmark = pytest.mark.slow

TIMED = """
import json, random, subprocess, time
began, counted, waited = time.time(), time.perf_counter(), time.monotonic()
total = sum(random.random() for _ in range(1_500_000))
print(f"Model: {time.time() - began:.4f}s")
print(f"acc 0.97 in {time.perf_counter() - counted:.4f} s, {1_500_000 / (time.time() - began):.1f} a second")
print("seconds so far", time.monotonic() - waited, "with", total)
json.dump({"elapsed": time.time() - began, "total": total}, open("out.json", "w"))
open("table.csv", "w").write(f"model,seconds\\nA,{time.time() - began}\\n")
subprocess.run(["sh", "-c", "echo done"])
"""

LOGGED = """
import time, anew, pandas
run = anew.init()
began = time.time()
for step in range(4):
    sum(range(3_000_000))
    anew.log({"epoch_s": time.time() - began, "loss": 1 / (step + 1)}, step=step)
run.summary["took"] = time.time() - began
took = time.time() - began
pandas.DataFrame({"took": [pandas.Timedelta(seconds=took)] * 2, "s": [took, 2 * took]}).to_parquet("t.parquet")
"""


@pytest.mark.parametrize("script", [TIMED, LOGGED], ids=["printed and written", "logged"])
def test_durations_that_no_name_tells(project: Project, script: str) -> None:
    project.write("s.py", script)
    verdict = project.reproduce(project.run("s.py"))
    assert verdict["verdict"] == "identical", verdict["compared"]
    rules = {rule for item in verdict["compared"] for rule in item["rules"]}
    assert "measured durations" in rules and rules <= {"measured durations", "durations"}
    assert {"held": "the clock at other paces", "agree": True, "trials": 2} in verdict["tests"]


WORK = """
import time
began = time.perf_counter()
total = sum(i * i for i in range(400_000))
took = time.perf_counter() - began
"""
DRAWN = "import numpy; r = numpy.random.RandomState(time.time_ns() % 2**32)\n"
RESULTS = {
    "drawn": DRAWN + "print('x', r.rand())",
    "small": DRAWN + "print('p', r.rand() ** 9 * 1e-3)",
    "count": DRAWN + "print('n', r.randint(99, 9999))",
    "beside a time": DRAWN + "print('x', r.rand(), f'{took:.4f}s')",
    "as many as there was time for": (
        "end, n = time.perf_counter() + 0.05, 0\nwhile time.perf_counter() < end: n += 1\nprint('n', n)"
    ),
    "so many, as a fraction": (
        "end, n = time.time() + 0.05, 0\nwhile time.time() < end: n += 1\nprint('samples (millions):', n / 1e6)"
    ),
    "misses": "print('cache misses', int(took * 6000))",
    "a state": "print('position', took * 3)",
    "a weight": "import json; json.dump({'theta': took * 2}, open('w.json', 'w'))",
    "weights": "import numpy; numpy.savez('model.npz', weights=numpy.ones(3) * took)",
    "a loss": "import anew; anew.log({'loss': took * 2}, step=0)",
    "a time-weighted loss": "import anew; anew.log({'time_weighted_loss': took * 2}, step=0)",
    "steps": "import anew; anew.log({'env_steps': int(took * 1e6)}, step=0)",
}


@pytest.mark.parametrize("code", RESULTS.values(), ids=RESULTS.keys())
def test_a_result_that_depends_on_the_time_is_none(project: Project, code: str) -> None:
    project.write("s.py", WORK + code)
    verdict = project.reproduce(project.run("s.py"))
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"time"}, verdict


def test_what_waits_by_the_clock_comes_to_an_end(project: Project) -> None:
    """`autorange` doubles its work until time has passed, and none passes under a clock that is held still."""
    project.write("s.py", "import timeit\nprint(*timeit.Timer('sum(range(10000))').autorange())\n")
    verdict = project.reproduce(project.run("s.py"))
    assert verdict["verdict"] == "diverged"
    held = [test for test in verdict["tests"] if test["held"] == "the clock held still"]
    assert held and held[0]["why"] == "it did not come to an end so"


def test_a_result_that_hangs_on_its_folder(project: Project) -> None:
    project.write("s.py", "import os, zlib\nprint('bucket', zlib.crc32(os.getcwd().encode()) % 100_000)\n")
    verdict = project.reproduce(project.run("s.py"))
    (cause,) = verdict["causes"]
    assert (verdict["verdict"], cause["factor"]) == ("diverged", "environment")
    assert cause["what"] == "the project's path"
