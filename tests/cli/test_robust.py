"""Bad input, end to end: a clear error or an honest record; nothing is lost, and training is never stopped."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import Project


def test_a_script_that_logs_everything_wrong_runs_to_its_end_and_is_found(project: Project) -> None:
    project.write(
        "odd.py",
        """
        import sys
        import anew
        anew.init(config={"bad\\udcff": "x\\udcff", "n": 2**80, "nan": float("nan")})
        anew.log({f"m{i}": i for i in range(10_000)})
        anew.log({"text": "y" * 100_000_000})
        anew.log({"nan": float("nan"), "inf": float("inf"), "big": 2**70, "none": None, "obj": object(), 5: 1})
        anew.log("rubbish")
        anew.log({"x": 1}, step="a")
        anew.log({"half\\udcff": 2.0})
        sys.stdout.buffer.write(b"bad \\xff\\xfe bytes\\n")
        print("end")
        """,
    )
    run = project.run("odd.py", os.fsdecode(b"arg\xff"))
    document = project.json("show", run)
    assert document["status"] == "finished" and document["problems"] == []
    assert len(document["metrics"]) >= 10_004 and document["metrics"]["half\\udcff"] == 2.0
    assert document["metrics"]["nan"] == "NaN" and document["metrics"]["inf"] == "Infinity"
    assert document["metrics"]["big"] == pytest.approx(math.pow(2, 70))
    assert document["config"]["n"] == str(2**80)
    assert {item["key"] for item in document["media"]} == {"text", "obj"}
    assert "end" in project.anew("logs", run).stdout
    assert project.json("runs", "metrics.m77 = 77")["count"] == 1


def test_a_corrupt_journal_is_named_and_the_other_runs_are_there(project: Project) -> None:
    project.write("t.py", "print('x: 1')\n")
    first, second = project.run("t.py"), project.run("t.py")
    journal = project.root / ".anew" / "runs" / first / "journal"
    data = bytearray(journal.read_bytes())
    data[30] ^= 255
    journal.write_bytes(bytes(data))
    project.anew("reindex")
    assert project.json("runs", "metrics.x = 1")["runs"][0]["id"] == second
    verdict = project.json("reproduce", first, code=4)
    assert verdict["verdict"] == "not_reproducible" and "damaged" in verdict["missing"][0]["why"]
    assert [problem["kind"] for problem in project.json("verify", code=1)["problems"]] == ["journal"]
    assert project.json("show", first)["problems"]


def test_without_git_and_without_path(project: Project) -> None:
    project.write("t.py", "print('x: 1')\n")
    (project.root / ".git").mkdir()
    run = project.run("t.py", PATH="/nonexistent")
    assert project.json("show", run)["code"]["used"]
    assert project.reproduce(run)["verdict"] == "identical"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user")
def test_a_folder_that_can_not_be_written_keeps_its_runs_in_the_users_own_store(
    project: Project, tmp_path: Path
) -> None:
    project.write("t.py", "print('x: 1')\n")
    home = tmp_path / "nobody"
    home.mkdir()
    shutil.chown(home, "nobody")
    project.root.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001 or not os.access(sys.executable, os.X_OK):
            pytest.skip("the temporary folder is closed to other users")
    reach = ["setpriv", "--reuid", "nobody", "--clear-groups", sys.executable, "-m", "anew"]
    environ = {**project.environ, "HOME": str(home)}
    if subprocess.run([*reach, "--version"], env=environ, capture_output=True).returncode:
        pytest.skip("the interpreter is closed to other users")
    done = subprocess.run([*reach, "run", "t.py"], cwd=project.root, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run([*reach, "runs"], cwd=project.root, env=environ, capture_output=True, text=True)
    assert "t-" in listed.stdout and (home / ".local" / "share" / "anew").is_dir()


def test_stores_that_can_not_be(project: Project) -> None:
    project.write("t.py", "print('x: 1')\n")
    done = project.anew("run", "t.py", code=1, ANEW_STORE="/proc/nope")
    assert "/proc/nope" in done.stderr and "ANEW_STORE" in done.stderr and "Traceback" not in done.stderr
    assert "no runs" in project.anew("runs", ANEW_STORE="http://127.0.0.1:1").stdout
    project.write(".anew/format", "anew 99\n")
    assert "anew 99" in project.anew("run", "t.py", code=1).stderr


def test_a_full_disk_is_a_clear_error(project: Project, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        project.write("t.py", "print('x: 1')\nopen('out.bin', 'wb').write(__import__('os').urandom(4_000_000))\n")
        done = project.anew("run", "t.py", code=0, ANEW_STORE=str(small / "store"))
        assert "x: 1" in done.stdout and "Traceback" not in done.stderr
        with contextlib.suppress(OSError), (small / "filler").open("wb") as file:
            while True:
                file.write(bytes(4096))
        project.write("t.py", "print('y: 2')\n")
        done = project.anew("run", "t.py", code=0, ANEW_STORE=str(small / "store"))
        assert "y: 2" in done.stdout and "has no space left; this run is kept in" in done.stderr
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
