"""The graph of stages: order, cycles, overlaps, and what hangs together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anew.errors import PipelineError
from anew.pipeline import drawing
from anew.pipeline.graph import Graph, build


class Step:
    def __init__(self, name: str, reads: str = "", writes: str = "", path: str = "/p/dvc.yaml") -> None:
        self.name, self.path = name, path
        self.reads = [f"/p/{one}" for one in reads.split()]
        self.writes = [f"/p/{one}" for one in writes.split()]

    def address(self, cwd: str) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name


def names(stages: list[Step]) -> str:
    return " ".join(stage.name for stage in stages)


@pytest.fixture
def steps() -> dict[str, Step]:
    rows = [
        Step("all", "m/1 n"), Step("b", "a/deep/file", "m/1"), Step("a", "raw", "a"), Step("c", "m", "n"),
        Step("apart", "", "z"),
    ]  # fmt: skip
    return {one.name: one for one in rows}


def test_what_is_needed_comes_first(steps: dict[str, Step]) -> None:
    graph = build(list(steps.values()), "/p")
    assert names(graph.upstream(graph.needs)) == "a b c all apart"
    assert names(graph.upstream([steps["c"]])) == "a b c"
    assert names(graph.downstream([steps["b"]])) == "b c all"
    assert names(graph.connected([steps["c"]])) == "a b c all"
    assert [names(part) for part in graph.components()] == ["a b c all", "apart"]
    assert names(graph.feeds(steps["b"])) == "all c"
    assert names(graph.without_needs([steps["b"]]).upstream([steps["c"]])) == "b c"
    assert names(graph.within([steps["a"], steps["b"]]).upstream([steps["b"]])) == "a b"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([Step("a", "y", "x"), Step("b", "x", "y")], "both a dependency and an output in stages: "),
        ([Step("a", "x", "x/y")], "in stage: a."),
        ([Step("a", "", "x"), Step("b", "", "x")], "output 'x' is specified in:\n\t- 'a'\n\t- 'b'"),
        ([Step("a", "", "x x")], "already specified in stage: 'a'"),
        ([Step("a", "", "x"), Step("b", "", "x/y")], "'x'('a')\n'x/y'('b')\noverlap"),
        ([Step("a", "", "x"), Step("b", "", "z", "/p/x/dvc.yaml")], "'b' is within an output 'x' of another stage"),
    ],
)
def test_what_can_not_be_run_is_refused(rows: list[Step], said: str) -> None:
    with pytest.raises(PipelineError) as raised:
        build(rows, "/p")
    assert said in str(raised.value)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=60))
def test_any_graph_is_ordered_by_its_needs(pairs: list[tuple[int, int]]) -> None:
    stages = [Step(f"s{at}") for at in range(20)]
    needs: dict[Step, list[Step]] = {stage: [] for stage in stages}
    for low, high in (sorted(pair) for pair in pairs if pair[0] != pair[1]):
        needs[stages[high]].append(stages[low])
    graph = Graph(needs)
    for start in (stages[19], stages[0]):
        for order in (graph.upstream([start]), graph.downstream([start]), graph.upstream(graph.needs)):
            place = {stage: at for at, stage in enumerate(order)}
            assert len(place) == len(order)
            assert all(place[one] < place[stage] for stage in order for one in needs[stage] if one in place)


def test_drawings_name_all_that_there_is() -> None:
    needs: drawing.Needs = {"a": [], "b": ["a"], "c@1": ["a"], "d": ["b", "c@1", "a"], "e": []}
    assert drawing.dot(needs).splitlines()[1:3] == ['"a";', '"b";']
    assert '"c@1" -> "d";' in drawing.dot(needs)
    assert "\tnode1-->node2" in drawing.mermaid(needs) and '\tnode5["e"]' in drawing.mermaid(needs)
    text = drawing.text(needs).splitlines()
    where = {name: next(at for at, line in enumerate(text) if f"| {name} |" in line) for name in needs}
    assert where["a"] < where["b"] == where["c@1"] < where["d"] < where["e"]
    assert any("*" in line for line in text[where["a"] : where["b"]])
