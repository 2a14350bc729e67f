"""Names that carry a date or an id are paired; names that carry a result are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anew.reproduction.compare import Side
from anew.reproduction.pairing import pair

# 2026-11-21 04:16:36 UTC, and 40 s later.
A = Side("/p", "/p", 1795234596.0, 1795234600.0, "vm-3", "u", "aaaa", "/h", pids=frozenset({4242}), secretive=True)
B = Side("/q", "/q", 1795234636.0, 1795234640.0, "vm-3", "u", "bbbb", "/h", pids=frozenset({5151}), secretive=True)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("runs/2026-11-21_04-16-37/w.npy", "runs/2026-11-21_04-17-18/w.npy", "dates in names"),
        ("runs/20261121-041637/w.npy", "runs/20261121-041718/w.npy", "dates in names"),
        ("outputs/2026-11-21/04-16-37/x", "outputs/2026-11-21/04-17-18/x", "dates in names"),
        ("runs/Nov21_04-16-37_vm-3/e", "runs/Nov21_04-17-18_vm-3/e", "dates in names"),
        ("runs/Nov21_09-46-37_vm-3/e", "runs/Nov21_09-47-18_vm-3/e", "dates in names"),  # in another zone
        ("events.out.tfevents.1795234597.vm.4242.0", "events.out.tfevents.1795234637.vm.5151.0", "dates in names"),
        ("m_21-11-2026 04:16:37.txt", "m_21-11-2026 04:17:18.txt", "dates in names"),
        ("log_261121_0416.txt", "log_261121_0417.txt", "dates in names"),
        ("r/fadc3324-7eaf-4232-9dff-14d274968446/x", "r/b4dbc5b4-2b6c-4437-9a88-3789b41ec15b/x", "ids in names"),
        ("r/tmp9zp7ys6k.txt", "r/tmpz1k5iuct.txt", "ids in names"),
        ("r/ckpt_40bb3aed.json", "r/ckpt_e770797a.json", "ids in names"),
        ("worker-4242.log", "worker-5151.log", "ids in names"),
    ],
)
def test_accidents(old: str, new: str, rule: str) -> None:
    ((left, right, rules),) = pair({old: {}}, {new: {}}, A, B)
    assert (left, right) == (old, new) and rule in rules


@pytest.mark.parametrize("sep", ["-", "--", "_", "%2F"])
def test_the_projects_path_as_part_of_a_name(sep: str) -> None:
    """As the caches of joblib and of others have it; joblib takes a dot in it for a folder."""
    a, b = replace(A, root="/home/me/tmp.Xa1"), replace(B, root="/tmp/anew-f2djewmm/work/home/me/tmp.Xa1")
    for dot in (".", "/"):
        roots = [side.root.replace("/", sep).replace(".", dot) for side in (a, b)]
        old, new = (f"cache/__main__-{root}-main/f/func_code.py" for root in roots)
        ((left, right, rules),) = pair({old: {}}, {new: {}}, a, b)
        assert (left, right, rules) == (old, new, ["paths"])
    other = new.replace("-main/", "-other/")
    assert len(list(pair({old: {}}, {other: {}}, a, b))) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model_0.9134.pt", "model_0.9135.pt"),
        ("model_0.913412.pt", "model_0.913512.pt"),
        ("epoch_3.pt", "epoch_4.pt"),
        ("n_123456.txt", "n_123457.txt"),
        ("runs/2026-11-21_04-16-37/a", "runs/2026-11-21_04-17-18/b"),
        ("report_2019-01-01.csv", "report_2019-01-02.csv"),  # not of these runs
        ("runs/2026-11-21_04-16-37/w", "runs/2026-11-21_05-00-00/w"),
        ("resnet18.pt", "resnet50.pt"),
        ("worker-4242.log", "worker-4243.log"),
    ],
)
def test_results(old: str, new: str) -> None:
    assert sorted(pair({old: {}}, {new: {}}, A, B), key=str) == sorted([(old, None, []), (None, new, [])], key=str)


def test_several_of_one_form_go_by_content_then_by_order() -> None:
    old = {"t-11aabbcc": {"digest": "x"}, "t-22aabbcc": {"digest": "y"}, "t-33aabbcc": {"digest": "z"}}
    new = {"t-99ffeedd": {"digest": "z"}, "t-88ffeedd": {"digest": "q"}, "t-77ffeedd": {"digest": "x"}}
    found = {(left, right) for left, right, _ in pair(old, new, A, B)}
    assert found == {("t-11aabbcc", "t-77ffeedd"), ("t-33aabbcc", "t-99ffeedd"), ("t-22aabbcc", "t-88ffeedd")}


def test_one_too_few_is_said() -> None:
    found = list(pair({"t-11aabbcc": {}, "t-22aabbcc": {}}, {"t-99ffeedd": {}}, A, B))
    assert [right for _, right, _ in found].count(None) == 1
