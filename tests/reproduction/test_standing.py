"""What stood in a project, and was not read, stands in the recreated one."""

from __future__ import annotations

import os

import pytest

from projects import Project

SCRIPTS = {
    "numbered": """
        import os
        n = 1
        while os.path.exists(f"runs/exp{n}"):
            n += 1
        os.makedirs(f"runs/exp{n}")
        open(f"runs/exp{n}/result.txt", "w").write("1")
        print("saved to", f"runs/exp{n}")
        """,
    "listed": """
        import os
        print("files:", len(os.listdir("images")), sum(os.path.getsize(f"images/{n}") for n in os.listdir("images")))
        print(open("images/1.txt").read())
        """,
    "asked for": "import os\nprint('mode:', 1 if os.path.isdir('unpacked') else 2)\n",
    "newest": """
        import glob, os
        print(max(glob.glob("images/*"), key=os.path.getmtime))
        """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_only_asks_gets_the_same_answer(project: Project, name: str) -> None:
    for folder in ("runs/exp1", "runs/exp2", "unpacked"):
        (project.root / folder).mkdir(parents=True)
    for number in range(5):
        path = project.write(f"images/{number}.txt", "x" * number)
        os.utime(path, (1e9 + 7 * (number % 3),) * 2)
    project.write("train.py", SCRIPTS[name])
    run = project.run("train.py")
    verdict = project.reproduce(run)
    assert verdict["verdict"] == "identical", [item for item in verdict["compared"] if not item["equal"]]


def test_what_the_run_makes_did_not_stand_there(project: Project) -> None:
    project.write(
        "train.py",
        """
        import os, time
        print("fresh:", not os.path.exists("out") and not os.path.exists("late.txt"))
        os.mkdir("out")
        open("out/a.txt", "w").write("1")
        open("late.txt", "w").write("1")
        time.sleep(0.5)
        """,
    )
    run = project.run("train.py")
    assert project.reproduce(run)["verdict"] == "identical"


def test_restore_gives_no_empty_stand_ins(project: Project) -> None:
    project.write("big.bin", b"1" * 100)
    project.write("train.py", "print('x: 1')\n")
    run = project.run("train.py")
    project.anew("restore", run, str(project.root.parent / "again"))
    assert not (project.root.parent / "again" / "big.bin").exists()
