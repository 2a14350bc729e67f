"""What only a faster clock can tell: figures that no name calls a time."""

from __future__ import annotations

import pytest

from projects import Project, factors

pytestmark = pytest.mark.slow

TIMED = """
import json, random, subprocess, time
began, counted, waited = time.time(), time.perf_counter(), time.monotonic()
total = sum(random.random() for _ in range(300_000))
print(f"Model: {time.time() - began:.4f}s")
print(f"acc 0.97 in {time.perf_counter() - counted:.4f} s, {300_000 / (time.time() - began):.1f} a second")
print("after", time.monotonic() - waited, "with", total)
json.dump({"elapsed": time.time() - began, "total": total}, open("out.json", "w"))
open("table.csv", "w").write(f"model,seconds\\nA,{time.time() - began}\\n")
subprocess.run(["sh", "-c", "echo done"])
"""

LOGGED = """
import time, anew, pandas
run = anew.init()
began = time.time()
for step in range(4):
    sum(range(300_000))
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
    assert {"held": "the clock at a thousandfold pace", "agree": True, "trials": 2} in verdict["tests"]


RESULTS = {
    "drawn": "import numpy, time; print('x', numpy.random.RandomState(time.time_ns() % 2**32).rand())",
    "small": "import numpy, time; print('p', numpy.random.RandomState(time.time_ns() % 2**32).rand() ** 9 * 1e-3)",
    "count": "import numpy, time; print('n', numpy.random.RandomState(time.time_ns() % 2**32).randint(99, 9999))",
    "as many as there was time for": (
        "import time\nend, n = time.perf_counter() + 0.05, 0\nwhile time.perf_counter() < end: n += 1\nprint('n', n)"
    ),
    "beside a time": (
        "import numpy, time; t = time.time(); sum(range(10**6)); x = numpy.random.RandomState(time.time_ns() % 2**32)\n"
        "print('x', x.rand(), f'{time.time() - t:.4f}s')"
    ),
}


@pytest.mark.parametrize("code", RESULTS.values(), ids=RESULTS.keys())
def test_a_result_that_depends_on_the_time_is_none(project: Project, code: str) -> None:
    project.write("s.py", code)
    verdict = project.reproduce(project.run("s.py"))
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"time"}, verdict
