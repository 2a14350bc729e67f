"""Reproducing in a rebuilt environment: real packages, real uv, a virtual environment that changes meanwhile."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import uv

from projects import Project, factors

SCRIPT = "import six\nprint('six', six.__version__, len(six.__doc__))\n"


class Venv:
    """A virtual environment with Anew and what it needs from the one the tests run in, and packages of its own."""

    def __init__(self, folder: Path) -> None:
        self.uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder))
        self.python = folder / "bin" / "python"
        self.site = next((folder / "lib").glob("python*")) / "site-packages"
        own = Path(__file__).parents[2] / "src"
        (self.site / "tests.pth").write_text(f"{own}\n")
        (folder / "bin" / "uv").symlink_to(uv.find_uv_bin())
        for name in ("msgpack", "blake3", "zstandard", "fastcdc", "numpy", "numpy.libs", "uv", "click", "codetiming"):
            source = Path(sysconfig.get_paths()["purelib"]) / name
            if source.exists():
                (self.site / name).symlink_to(source)

    def uv(self, *words: str) -> None:
        subprocess.run([uv.find_uv_bin(), *words], check=True, capture_output=True)

    def install(self, *wants: str) -> None:
        self.uv("pip", "install", "--quiet", "--python", str(self.python), *wants)

    def anew(self, project: Project, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.python, "-m", "anew", *words], cwd=project.root, env=project.environ, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    made = Venv(tmp_path / "venv")
    made.install("six==1.16.0")
    return made


def verdict(venv: Venv, project: Project, *options: str, code: int = 0) -> dict[str, object]:
    import json

    return dict(json.loads(venv.anew(project, "reproduce", "last", "--json", *options, code=code).stdout))


def test_a_changed_package_is_rebuilt_and_the_result_identical(project: Project, venv: Venv) -> None:
    project.write("train.py", SCRIPT)
    venv.anew(project, "run", "train.py")
    found = verdict(venv, project)
    assert found["verdict"] == "identical" and found["environment"]["how"] == "current"  # type: ignore[index]
    venv.install("six==1.15.0")
    found = verdict(venv, project)
    assert found["verdict"] == "identical" and found["environment"]["how"] == "rebuilt"  # type: ignore[index]


def test_in_the_current_environment_the_package_is_named_and_nothing_else(project: Project, venv: Venv) -> None:
    project.write("train.py", SCRIPT)
    venv.anew(project, "run", "train.py")
    venv.install("six==1.15.0")
    found = verdict(venv, project, "--env", "current", code=3)
    assert found["verdict"] == "diverged" and factors(found) == {"environment"}
    (cause,) = found["causes"]  # type: ignore[misc]
    assert (cause["what"], cause["before"], cause["after"]) == ("six", "1.16.0", "1.15.0")


def test_an_edited_installed_file_is_found(project: Project, venv: Venv) -> None:
    import os
    import time

    project.write("train.py", "import six\nprint('by', six.__author__)\n")
    venv.anew(project, "run", "train.py")
    installed = venv.site / "six.py"
    text = installed.read_text()
    installed.unlink()  # uv may have linked it to its cache: that one must stay as it is
    installed.write_text(text.replace('__author__ = "', '__author__ = "not '))
    later = time.time() + 120
    os.utime(installed, (later, later))
    venv.anew(project, "run", "train.py")
    import json

    why = json.loads(venv.anew(project, "why", "last~1", "last", "--json").stdout)
    assert factors(why) == {"environment"} and why["causes"][0]["what"].endswith("six.py")
    first = json.loads(venv.anew(project, "show", "last~1", "--json").stdout)["id"]
    again = json.loads(venv.anew(project, "reproduce", first, "--json").stdout)
    assert again["verdict"] == "identical" and again["environment"]["how"] == "rebuilt"


def test_a_package_that_can_not_be_had_is_named_before_anything_runs(project: Project, venv: Venv) -> None:
    package = venv.site / "private_thing"
    package.mkdir()
    (package / "__init__.py").write_text("VALUE = 1\n")
    info = venv.site / "private_thing-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: private-thing\nVersion: 9.9.9\n")
    (info / "RECORD").write_text("private_thing/__init__.py,,\nprivate_thing-9.9.9.dist-info/METADATA,,\n")
    project.write("train.py", "import private_thing\nprint('v', private_thing.VALUE)\nopen('ran', 'w')\n")
    venv.anew(project, "run", "train.py")
    (project.root / "ran").unlink()
    import shutil

    shutil.rmtree(package)
    shutil.rmtree(info)
    found = verdict(venv, project, code=4)
    assert found["verdict"] == "not_reproducible" and found["reproduction"] is None
    assert [item["what"] for item in found["missing"]] == ["private-thing==9.9.9"]  # type: ignore[union-attr, attr-defined, index]


def test_rebuild_on_request(project: Project, venv: Venv) -> None:
    project.write("train.py", SCRIPT)
    venv.anew(project, "run", "train.py")
    found = verdict(venv, project, "--env", "rebuild")
    assert found["verdict"] == "identical" and found["environment"]["how"] == "rebuilt"  # type: ignore[index]
