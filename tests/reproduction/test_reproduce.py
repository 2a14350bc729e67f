"""`anew reproduce`, on small scripts whose true verdict is known by their making."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project, factors

UNSEEDED = """
    import os, random, uuid
    import numpy as np
    print("random:", random.random())
    print("numpy:", np.random.rand())
    print("rng:", np.random.default_rng().random())
    print("id", uuid.uuid4(), os.urandom(8).hex())
    print(sorted({"a", "b", "c"}), list({"x", "y", "z"}))
"""


def test_an_unseeded_script_comes_out_identical_and_says_what_was_put_back(project: Project) -> None:
    project.write("train.py", UNSEEDED)
    run = project.run("train.py")
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "identical"
    put_back = {item["what"] for item in verdict["replayed"]}
    assert {"random", "numpy.random", "numpy.random.SeedSequence", "uuid.uuid4", "os.urandom"} <= put_back
    assert {item["kind"] for item in verdict["compared"]} >= {"exit_code", "metric", "stdout", "stderr"}
    assert all(item["equal"] for item in verdict["compared"])


def test_two_runs_of_an_unseeded_script_differ_and_why_names_the_seed_alone(project: Project) -> None:
    project.write("train.py", UNSEEDED)
    a, b = project.run("train.py"), project.run("train.py")
    found = project.json("why", a, b)
    assert factors(found) == {"seed"}
    assert {moved["metric"] for moved in found["moved"]} >= {"random", "numpy", "rng"}


def test_a_seeded_run_is_not_said_to_have_drawn_anything(project: Project) -> None:
    project.write(
        "train.py",
        """
        import random
        import numpy as np
        random.seed(1); np.random.seed(2)
        print("x:", random.random() + np.random.rand() + np.random.RandomState(3).rand())
        """,
    )
    a, b = project.run("train.py"), project.run("train.py")
    assert project.reproduce(a)["replayed"] == []
    found = project.json("why", a, b)
    assert found["same_result"] and found["causes"] == []


def test_inputs_and_code_are_those_of_the_run_not_of_today(project: Project) -> None:
    project.write("data/x.txt", "3\n")
    project.write("helper.py", "FACTOR = 2\n")
    project.write("train.py", "from helper import FACTOR\nprint('y:', FACTOR * int(open('data/x.txt').read()))\n")
    run = project.run("train.py")
    shutil.rmtree(project.root / "data")
    project.write("helper.py", "FACTOR = 5\n")
    project.write("train.py", "print('y: 0')\n")
    assert project.reproduce(run)["verdict"] == "identical"


def test_an_overwritten_input_is_what_it_was_before(project: Project) -> None:
    project.write("state.txt", "1\n")
    project.write(
        "train.py",
        """
        state = int(open("state.txt").read())
        print("state:", state)
        open("state.txt", "w").write(str(state + 1))
        """,
    )
    run = project.run("train.py")
    assert (project.root / "state.txt").read_text() == "2"
    assert project.reproduce(run)["verdict"] == "identical"
    assert (project.root / "state.txt").read_text() == "2"  # the project itself is left alone


def test_in_place_finds_a_changed_byte_of_data_and_blames_nothing_else(project: Project) -> None:
    project.write("x.txt", "3\n")
    project.write("train.py", "print('y:', 2 * int(open('x.txt').read()))\n")
    run = project.run("train.py")
    project.write("x.txt", "4\n")
    verdict = project.reproduce(run, "--in-place")
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"data"}
    assert verdict["causes"][0]["what"] == "x.txt"
    assert verdict["first_divergence"]["name"] == "y"


def test_in_place_finds_a_changed_line_of_code(project: Project) -> None:
    project.write("train.py", "print('y:', 2)\n")
    run = project.run("train.py")
    project.write("train.py", "print('y:', 3)\n")
    verdict = project.reproduce(run, "--in-place")
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"code"}
    assert "+print('y:', 3)" in verdict["causes"][0]["detail"]


@pytest.mark.parametrize(
    ("script", "factor"),
    [
        ("import time, random\nrandom.seed(time.time_ns())\nprint('x:', random.random())\n", "time"),
        ("import time\nt = int(time.time() * 1e6) % 9973\nprint('x:', t / 7)\n", "time"),
        ("print('x:', int.from_bytes(open('/dev/urandom', 'rb').read(6), 'big'))\n", "nondeterminism"),
        ("print('x:', id(object()) % 999983)\n", "nondeterminism"),
    ],
)
def test_what_can_not_be_put_back_is_found_and_named(project: Project, script: str, factor: str) -> None:
    project.write("train.py", script)
    verdict = project.reproduce(project.run("train.py"))
    assert verdict["verdict"] == "diverged"
    assert factors(verdict) == {factor}, verdict


def test_memory_addresses_are_named_as_the_cause(project: Project) -> None:
    project.write("train.py", "print('x:', id(object()) % 999983)\n")
    verdict = project.reproduce(project.run("train.py"))
    if shutil.which("setarch") is None:
        pytest.skip("setarch is not installed")
    assert verdict["causes"][0]["what"] == "order by memory address"


def test_the_day_as_an_outside_cause(project: Project) -> None:
    """Two reproductions agree; only the clock of the record brings the record back."""
    project.write("train.py", "import time\nprint('x:', int(time.time()) // 4 % 1000 + 0.5)\n")
    run = project.run("train.py")
    time.sleep(8.5)
    while True:
        verdict = project.reproduce(run)
        same_again = next((test for test in verdict["tests"] if test["held"] == "nothing"), None)
        if same_again and same_again["agree"]:
            break  # else a slot of 4 s ended between the two trials: then the cause looks to be inside
        assert factors(verdict) == {"time"}
    assert factors(verdict) == {"time"} and verdict["causes"][0]["what"] == "the clock"


def test_failed_says_with_what(project: Project) -> None:
    hidden = project.hidden_state()
    project.write("train.py", f"import os, sys\nsys.exit(3 if os.path.exists({str(hidden)!r}) else 0)\n")
    run = project.run("train.py")
    hidden.touch()
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "failed" and "exit code 3" in verdict["error"]


def test_a_script_that_fails_the_same_way_is_identical(project: Project) -> None:
    project.write("train.py", "raise SystemExit('no data')\n")
    run = project.run("train.py", code=1)
    assert project.reproduce(run)["verdict"] == "identical"


def test_timeout(project: Project) -> None:
    hidden = project.hidden_state()
    project.write("train.py", f"import os, time\ntime.sleep(60 if os.path.exists({str(hidden)!r}) else 0)\n")
    run = project.run("train.py")
    hidden.touch()
    verdict = project.reproduce(run, "--timeout", "1")
    assert verdict["verdict"] == "failed" and "stopped after 1 s" in verdict["error"]


def test_a_missing_input_is_named_before_anything_runs(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "big.bin"
    outside.parent.mkdir()
    outside.touch()
    os.truncate(outside, 65 << 20)  # more than is kept of what lies outside
    project.write("train.py", f"print('n:', len(open({str(outside)!r}).read(100)))\n")
    run = project.run("train.py")
    outside.write_bytes(b"2" * 50)
    done = project.anew("reproduce", run, "--json", code=4)
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] == "not_reproducible" and verdict["reproduction"] is None
    assert [item["what"] for item in verdict["missing"]] == [str(outside)]


def test_an_outside_input_that_is_still_there_is_fine(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "data" / "x.csv"
    outside.parent.mkdir()
    outside.write_text("1,2\n")
    project.write("train.py", "print(open('../data/x.csv').read())\n")
    run = project.run("train.py")
    assert project.reproduce(run)["verdict"] == "identical"
    shutil.rmtree(outside.parent)
    assert project.reproduce(run)["verdict"] == "identical"  # by ../, from the copy that was kept


def test_an_output_that_is_not_written_again_is_not_equal(project: Project) -> None:
    hidden = project.hidden_state()
    project.write("train.py", f"import os\nif not os.path.exists({str(hidden)!r}): open('out.txt', 'w').write('1')\n")
    run = project.run("train.py")
    hidden.touch()
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "diverged"
    (item,) = [item for item in verdict["compared"] if item["name"] == "out.txt"]
    assert not item["equal"] and "only in the record" in item["detail"]


def test_tolerance_and_noise_band(project: Project) -> None:
    project.write(
        "train.py", "x = 0.5 + int.from_bytes(open('/dev/urandom', 'rb').read(2), 'big') / 1e8\nprint('acc:', x)\n"
    )
    run = project.run("train.py")
    assert project.reproduce(run, "--tolerance", "metrics.acc=0.001")["verdict"] == "equivalent"
    assert project.reproduce(run, "--tolerance", "metrics.acc=1e-12")["verdict"] == "diverged"
    assert project.anew("reproduce", run, "--tolerance", "metrics.nope=1", code=2)
    band = project.reproduce(run, "--times", "5")
    assert band["verdict"] in ("equivalent", "diverged") and len(band["reproductions"]) == 5
    project.anew("reproduce", run, "--tolerance", "acc", code=2)


def test_plain_python_with_init_is_reproduced_with_its_generators_put_back(project: Project) -> None:
    import subprocess
    import sys

    project.write(
        "train.py",
        """
        import random
        import numpy as np
        random.seed(3)
        first = random.random()
        import anew
        anew.init(config={"lr": 0.1})
        anew.log({"first": first, "random": random.random(), "numpy": np.random.rand()})
        anew.log({"rng": np.random.default_rng().random()})
        """,
    )
    subprocess.run([sys.executable, "train.py"], cwd=project.root, env=project.environ, check=True)
    verdict = project.reproduce("last")
    assert verdict["verdict"] == "identical", verdict
    assert {"random", "numpy.random"} <= {item["what"] for item in verdict["replayed"]}


def test_the_verdict_is_in_the_ledger_and_both_runs_know_of_each_other(project: Project) -> None:
    project.write("train.py", "print('x: 1')\n")
    run = project.run("train.py")
    verdict = project.reproduce(run)
    shown = project.json("show", run)
    assert [item["verdict"] for item in shown["verdicts"]] == ["identical"]
    assert shown["verdicts"][0]["reproduction"] == verdict["reproduction"]
    again = project.json("show", verdict["reproduction"])
    assert again["reproduction_of"] == run
    assert project.json("show", "last")["id"] == run  # `last` means runs, not their reproductions
    project.anew("verify")


def test_a_second_change_is_not_hidden_by_the_first(project: Project) -> None:
    project.write("conf.yaml", "depth: 3\n")
    project.write("x.txt", "1\n")
    project.write(
        "train.py",
        """
        import argparse
        p = argparse.ArgumentParser()
        p.add_argument("--lr", type=float, default=0.1)
        p.add_argument("--seed", type=int, default=0)
        a = p.parse_args()
        import random; random.seed(a.seed)
        depth = int(open("conf.yaml").read().split(":")[1])
        print("y:", a.lr * depth * int(open("x.txt").read()) + random.random())
        """,
    )
    base = project.run("train.py")
    expected = {
        ("config",): ["train.py", "--lr", "0.2"],
        ("seed",): ["train.py", "--seed", "7"],
    }
    for wanted, words in expected.items():
        assert factors(project.json("why", base, project.run(*words))) == set(wanted)
    threads = project.run("train.py", OMP_NUM_THREADS="1")
    found = project.json("why", base, threads)
    assert factors(found) == {"environment"} and found["causes"][0]["what"] == "OMP_NUM_THREADS"
    project.write("conf.yaml", "depth: 4\n")
    assert factors(project.json("why", base, project.run("train.py"))) == {"config"}
    project.write("x.txt", "2\n")
    found = project.json("why", base, project.run("train.py", "--lr", "0.3"))
    assert factors(found) == {"data", "config"}


def test_hash_order_is_fixed(project: Project) -> None:
    project.write("train.py", "print([hash(s) % 97 for s in ('a', 'b')], {'q', 'w', 'e'})\n")
    a, b = project.run("train.py"), project.run("train.py")
    assert project.json("why", a, b)["same_result"]
    c = project.run("train.py", PYTHONHASHSEED="5")
    found = project.json("why", a, c)
    assert factors(found) == {"seed"} and found["causes"][0]["what"] == "PYTHONHASHSEED"
    assert project.reproduce(c)["verdict"] == "identical"


def test_folders_that_stood_ready_and_folders_that_were_made(project: Project) -> None:
    (project.root / "out").mkdir()
    project.write(
        "train.py",
        "import os\nos.mkdir('made')\nopen('out/a.txt', 'w').write('1')\nopen('made/b.txt', 'w').write('2')\n",
    )
    assert project.reproduce(project.run("train.py"))["verdict"] == "identical"


def test_a_run_that_left_nothing_says_so(project: Project) -> None:
    project.write("train.py", "pass\n")
    verdict = project.reproduce(project.run("train.py"))
    assert verdict["verdict"] == "identical" and "nothing to compare but" in verdict["note"]


def test_a_package_in_editable_install_is_the_captured_one(project: Project) -> None:
    """src layout: PYTHONPATH stands for the .pth file of an editable install."""
    project.write("src/pkg/__init__.py", "VALUE = 1\n")
    project.write("train.py", "import pkg\nprint('v:', pkg.VALUE)\n")
    run = project.run("train.py", PYTHONPATH=str(project.root / "src"))
    project.write("src/pkg/__init__.py", "VALUE = 2\n")
    assert project.reproduce(run, PYTHONPATH=str(project.root / "src"))["verdict"] == "identical"


def test_a_file_on_stdin_is_an_input(project: Project) -> None:
    project.write("t.py", "import sys\nprint('n:', len(sys.stdin.read()))\n")
    with project.write("in.txt", "12345").open() as file:
        command = [sys.executable, "-m", "anew", "run", "--quiet", "t.py"]
        subprocess.run(command, cwd=project.root, env=project.environ, stdin=file, check=True)
    assert [item["path"] for item in project.json("show", "last")["inputs"]] == ["in.txt"]
    project.write("in.txt", "1")
    assert project.reproduce()["verdict"] == "identical"


@pytest.mark.parametrize(
    "words",
    [
        ["t.py"],
        ["--", "sh", "-c", "read first; echo $first; exec python t.py"],
        ["--", "sh", "-c", "cat | python t.py"],
        ["d.py"],
    ],
    ids=["script", "shell", "pipeline", "/dev/stdin"],
)
def test_what_came_through_a_pipe_is_an_input(project: Project, words: list[str]) -> None:
    project.write("t.py", "import sys\nfor line in sys.stdin:\n    print('n:', line.strip())\n")
    project.write("d.py", "for line in open('/dev/stdin'):\n    print('n:', line.strip())\n")
    text = "".join(f"{i}\n" for i in range(50_000))
    project.anew("run", "--quiet", *words, piped=text)
    shown = project.json("show", "last")
    (item,) = [item for item in shown["inputs"] if item["path"] == "<stdin>"]
    assert (item["size"], shown["grade"]["letter"]) == (len(text), "A")
    assert project.reproduce()["verdict"] == "identical"
    assert project.reproduce(shown["id"], "--in-place")["verdict"] == "identical"
    other = project.anew("run", "--quiet", *words, piped=text.replace("7\n", "8\n"))
    assert other.returncode == 0
    (cause,) = project.json("why", shown["id"], "last")["causes"]
    assert (cause["factor"], cause["what"]) == ("data", "<stdin>")
    project.anew("restore", shown["id"], "back")
    again = subprocess.run([project.root / "back/anew-run/command.sh"], stdout=subprocess.PIPE, text=True, check=True)
    assert again.stdout.splitlines()[-1].split()[-1] == "49999"


def test_a_pipe_nobody_reads_is_left_alone(project: Project) -> None:
    project.write("t.py", "print('acc: 1')\n")
    script = f"seq 3 | while read line; do {sys.executable} -m anew run --quiet t.py; done"
    done = subprocess.run(["sh", "-c", script], cwd=project.root, env=project.environ, capture_output=True, text=True)
    assert done.stdout.count("acc: 1") == 3, done.stderr
    assert project.json("show", "last")["grade"]["letter"] == "A"


def test_a_pipe_read_unseen_is_a_gap(project: Project) -> None:
    """sort reads through the C library's own buffers, which a preloaded library does not see."""
    project.write("t.py", "print('acc: 1')\n")
    script = f"(sleep 1; seq 3) | {sys.executable} -m anew run --quiet -- sh -c 'python t.py; sort'"
    subprocess.run(["sh", "-c", script], cwd=project.root, env=project.environ, check=True)
    grade = project.json("show", "last")["grade"]
    assert (grade["letter"], grade["missing"][0]["what"]) == ("D", "what came through standard input")


def test_an_output_in_the_temporary_folder_counts_when_the_code_names_it(project: Project, tmp_path: Path) -> None:
    target = tmp_path / "named.txt"
    project.write("t.py", f"import tempfile\nopen({str(target)!r}, 'w').write('1')\ntempfile.mkstemp()\n")
    project.run("t.py")
    assert [item["path"] for item in project.json("show", "last")["outputs"]] == [str(target)]
    verdict = project.reproduce()
    assert verdict["verdict"] == "identical"
    assert str(target) in {item["name"] for item in verdict["compared"]}


def test_a_rate_is_no_result(project: Project) -> None:
    project.write(
        "t.py",
        "import time\nt = time.perf_counter()\nprint(f'epoch 1, speed: {1 / (time.perf_counter() - t):.3f} it/s')\n",
    )
    verdict = project.reproduce(project.run("t.py"))
    assert verdict["verdict"] == "identical"
    assert "durations" in {rule for item in verdict["compared"] for rule in item["rules"]}


def test_a_variable_that_the_script_asks_for_is_put_back_and_named(project: Project) -> None:
    project.write(
        "t.py",
        "import os\nprint('x:', 2 * int(os.environ.get('MY_SIZE', '1')), 'api', bool(os.getenv('MY_API_KEY')))\n",
    )
    plain = project.run("t.py")
    sized = project.run("t.py", MY_SIZE="4", MY_API_KEY="not-to-be-kept-0123")
    assert project.json("show", sized)["variables"]["MY_SIZE"] == "4"
    assert "MY_API_KEY" not in project.json("show", sized)["variables"]
    assert project.reproduce(plain, MY_SIZE="9")["verdict"] == "identical"
    assert [item["last"] for item in project.reproduce(sized)["compared"] if item["name"] == "x"] == [[8.0, 8.0]]
    found = project.json("why", plain, sized)
    assert [(cause["factor"], cause["what"], cause["after"]) for cause in found["causes"]] == [
        ("environment", "MY_SIZE", "4")
    ]


@pytest.mark.parametrize("preload", ["1", "0"])
def test_links_that_the_run_makes_are_no_inputs(project: Project, preload: str) -> None:
    project.write(
        "t.py",
        """
        import os
        open("a", "w").write("1")
        os.symlink("a", "l")
        print(open("l").read())
        os.makedirs("runs/1")
        open("runs/1/m.txt", "w").write("2")
        if os.path.islink("latest"):
            os.remove("latest")
        os.symlink("runs/1", "latest")
        os.link("a", "hard")
        print(open("latest/m.txt").read(), open("hard").read())
        """,
    )
    run = project.run("t.py", ANEW_PRELOAD=preload)
    assert project.json("show", run)["inputs"] == []
    verdict = project.reproduce(run, ANEW_PRELOAD=preload)
    assert verdict["verdict"] == "identical", verdict["error"]


@pytest.mark.parametrize("preload", ["1", "0"])
def test_an_input_that_the_run_deletes_is_kept(project: Project, preload: str) -> None:
    project.write("in.txt", "7")
    project.write("t.py", "import os\nprint(open('in.txt').read())\nos.remove('in.txt')\n")
    run = project.run("t.py", ANEW_PRELOAD=preload)
    assert project.reproduce(run, ANEW_PRELOAD=preload)["verdict"] == "identical"


def test_what_the_script_says_of_itself_is_compared(project: Project) -> None:
    project.write(
        "t.py",
        """
        import anew, time
        run = anew.init(config={"lr": 0.1})
        run.summary["best"] = time.time_ns() % 1000 / 1000
        run.summary["fixed"] = "yes"
        """,
    )
    verdict = project.reproduce(project.run("t.py"))
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"time"}
    assert {item["name"]: item["equal"] for item in verdict["compared"] if item["kind"] == "summary"} == {
        "best": False,
        "fixed": True,
    }
    assert [item["name"] for item in verdict["compared"] if item["kind"] == "config"] == ["lr"]


def test_a_coin_does_not_pass_for_a_cause(project: Project) -> None:
    """One bit of native entropy: agreement of two trials means nothing."""
    project.write("t.py", "print('errors:', open('/dev/urandom', 'rb').read(1)[0] & 1)\n")
    run = project.run("t.py")
    for _ in range(3):
        verdict = project.reproduce(run)
        if verdict["verdict"] == "diverged":
            assert [cause["what"] for cause in verdict["causes"]] == ["not found out"], verdict["tests"]


def test_inputs_that_a_failed_trial_did_not_reach_are_not_blamed(project: Project) -> None:
    project.write("a.txt", "1")
    project.write("b.txt", "2")
    project.write(
        "t.py", "import time\ntime.sleep(1)\na = open('a.txt').read()\nb = open('b.txt').read()\nprint(a + b)\n"
    )
    run = project.run("t.py")
    (project.root / "a.txt").unlink()
    verdict = project.reproduce(run, "--in-place")
    assert verdict["verdict"] == "failed" and [cause["what"] for cause in verdict["causes"]] == ["a.txt"]
    project.write("a.txt", "1")
    verdict = project.reproduce(run, "--timeout", "0.1")
    assert verdict["verdict"] == "failed" and verdict["causes"] == []


def test_a_record_that_was_cut_short_is_called_so(project: Project) -> None:
    project.write(
        "t.py", "import os, signal\nprint('x: 1')\nif not os.path.exists('/no'):\n    os.kill(os.getpid(), 9)\n"
    )
    run = project.run("t.py", code=137)
    assert project.json("show", run)["status"] == "killed"
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "identical"  # it kills itself again
    hidden = project.hidden_state()
    project.write(
        "u.py",
        f"""
        import os
        print("x: 1")
        if not os.path.exists({str(hidden)!r}):
            os.kill(os.getpid(), 9)
        print("end")
        """,
    )
    run = project.run("u.py", code=137)
    hidden.touch()
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "diverged" and verdict["causes"] == []
    assert "ends early" in verdict["note"] and "the same" in verdict["note"]


@pytest.mark.parametrize(
    ("seed", "factor"),
    [
        ("time.time_ns()", "time"),
        ("time.perf_counter_ns()", "time"),
        ("os.getpid()", "seed"),
        ("int.from_bytes(open('/dev/urandom', 'rb').read(4), 'big')", "seed"),
    ],
)
def test_what_the_script_seeded_otherwise_is_excused_by_no_name_and_named(
    project: Project, seed: str, factor: str
) -> None:
    project.write("ids.csv", "id\n" + "\n".join(f"{number:08x}-0000-4000-8000-000000000000" for number in range(300)))
    project.write(
        "rank.py",
        f"""
        import os, random, time
        ids = open("ids.csv").read().split()[1:]
        random.seed({seed})
        print("most anomalous session_id:", random.choice(ids))
        print(f"Total time: {{random.random():.9f}} s")
        """,
    )
    verdict = project.reproduce(project.run("rank.py"))
    assert verdict["verdict"] == "diverged"
    assert factors(verdict) == {factor} and verdict["causes"][0]["what"] == "random seed"


def test_files_that_are_never_kept_are_compared_all_the_same(project: Project) -> None:
    for line, expected in (("secrets.token_hex()", "diverged"), ("'the same'", "identical")):
        project.write("s.py", f"import secrets\nopen('secret.json', 'w').write({line})\n")
        run = project.run("s.py")
        verdict = project.reproduce(run)
        assert verdict["verdict"] == expected
        (item,) = (item for item in verdict["compared"] if item["kind"] == "file")
        assert item["name"] == "secret.json" and item["equal"] == (expected == "identical")
        assert not any(output.get("digest") for output in project.json("show", run)["outputs"])


def test_nothing_is_called_identical_whose_record_broke_off(project: Project) -> None:
    project.write("s.py", "print(1)\n")
    project.write(
        "broken/sitecustomize.py",
        """
        from anew.capture.finalise import Finaliser
        def fail(self): raise RuntimeError("no more")
        Finaliser.finish = fail
        """,
    )
    broken = str(project.root / "broken")
    run = project.run("s.py")
    verdict = project.reproduce(run, PYTHONPATH=broken)
    assert (verdict["verdict"], verdict["error"]) == ("failed", "its record is incomplete: RuntimeError: no more")
    verdict = project.reproduce(project.run("s.py", PYTHONPATH=broken))
    assert verdict["verdict"] == "not_reproducible" and verdict["missing"][0]["what"] == "the record"


@pytest.mark.parametrize(
    "reading",
    ["time.perf_counter() - began", "time.process_time()", "timeit.timeit('1+1', number=9)", "time.monotonic()"],
)
def test_a_clock_that_measures_is_found_too(project: Project, reading: str) -> None:
    project.write("s.py", f"import time, timeit\nbegan = time.perf_counter()\nprint('index', {reading} * 1e9 % 97)\n")
    verdict = project.reproduce(project.run("s.py"))
    assert verdict["verdict"] == "diverged" and factors(verdict) == {"time"}


def test_tags_of_whoever_ran_it_are_no_result_but_those_of_the_script_are(project: Project) -> None:
    project.write("a.py", "import anew\nanew.init(tags={'by script': 'x'})\nprint('a: 1')\n")
    project.anew("run", "--tag", "team=blue", "a.py")
    verdict = project.reproduce("last")
    assert verdict["verdict"] == "identical"
    assert [item["name"] for item in verdict["compared"] if item["kind"] == "tags"] == ["by script"]
