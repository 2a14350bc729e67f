"""Real, unmodified scripts: their verdict is the true one, for the true cause, and no spoiled result passes for it.

The table of truths is in cases.py, with how each was found. `make verdicts` runs all of them, with each way in which
their results are spoiled; else the two that take a minute are left out, and one way will do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from anew.reproduction import trial
from anew.reproduction.verdict import Options, reproduce
from anew.store.location import Store
from projects import Project, factors
from real.cases import CASES, Case

# Where several libraries' threads share few processors, a waiting one should sleep.
_PATIENT = "OMP_WAIT_POLICY"
_ALL = os.environ.get("ANEW_VERDICTS") == "all"
_LONG = {"torch_hogwild", "xgb_linear"}
_SLOW = {
    "notebook_export", "sk_boosting", "sk_forest", "sk_grid", "sk_kmeans", "sk_learning_curve", "torch_cnn",
    "torch_events", "torch_hogwild", "torch_mlp", "torch_rnn", "xgb_linear", "xgb_train",
}  # fmt: skip


def _of(case: Case) -> Any:
    marks = [pytest.mark.real, *([pytest.mark.slow] if case.name in _SLOW else [])]
    if case.name in _LONG and not _ALL:
        marks.append(pytest.mark.skip("takes a minute: `make verdicts` runs it"))
    return pytest.param(case, id=case.name, marks=marks)


def _unequal(verdict: Any) -> list[Any]:
    return [verdict["note"], *(item for item in verdict["compared"] if not item["equal"])]


@pytest.mark.parametrize("case", [_of(case) for case in CASES])
def test_the_verdict_is_the_true_one_and_no_spoiled_result_has_it(
    case: Case, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in case.needs:
        pytest.importorskip(library)
    project.environ[_PATIENT] = "PASSIVE"
    case.put(project.root)
    run = project.run(*case.words, cwd=project.root / case.cwd)
    verdict = project.json("reproduce", run, code=None, cwd=project.root / case.cwd)
    assert verdict["verdict"] == case.verdict, _unequal(verdict)
    assert factors(verdict) == ({case.factor} if case.factor else set()), verdict["causes"]
    named = {rule for item in verdict["compared"] for rule in item["rules"]}
    assert named >= set(case.rules), named

    monkeypatch.setenv("HOME", project.environ["HOME"])
    store = Store(project.root / case.cwd / ".anew")
    for file, old, new in case.spoiled if _ALL else case.spoiled[:1]:
        _spoil(monkeypatch, file, old, new)
        spoiled = reproduce(store, run, Options(diagnose=False))
        assert spoiled.verdict == "diverged", (old, new, spoiled.error)
        assert spoiled.first_divergence


_recreate = trial.recreate


def _spoil(monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str) -> None:
    """Change a line of the script in every project recreated from now on."""

    def spoiled(document: Any, objects: Any, root: Path) -> Any:
        space = _recreate(document, objects, root)
        path = next(space.root.parent.rglob(Path(file).name))
        text = path.read_text()
        assert old in text, (file, old)
        path.write_text(text.replace(old, new))
        return space

    monkeypatch.setattr(trial, "recreate", spoiled)
