"""What came from what, told by the contents that runs share; real runs, and a model made of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from anew.errors import NotFound, RunNotFound, UsageError
from anew.index import Index
from anew.lineage import Graph, graph
from anew.models.registry import Origin, Registry
from anew.store.ledger import Ledger
from projects import Project

MAKE = "open('clean.csv', 'w').write(open('raw.csv').read().upper()); open('empty', 'w')"
TRAIN = "import sys; open('model', 'w').write(open('clean.csv').read() + sys.argv[1]); open('empty', 'w')"
PREDICT = "open('predictions', 'w').write(open('model').read()[::-1])"
OTHER = "open('empty').read(); open('elsewhere', 'w').write('x')"


class Chain:
    def __init__(self, project: Project) -> None:
        for name, text in (("make", MAKE), ("train", TRAIN), ("predict", PREDICT), ("other", OTHER)):
            project.write(f"{name}.py", text)
        project.write("raw.csv", "a,b\n1,2\n")
        self.project = project
        self.runs = {name: project.run(f"{name}.py", *words) for name, *words in (("make",), ("train", "1"))}
        self.runs |= {"predict": project.run("predict.py"), "other": project.run("other.py")}
        self.runs["again"] = project.run("train.py", "2")
        self.root = project.root / ".anew"
        self.registry = Registry(Ledger(self.root / "ledger"))
        self.registry.create("net")
        self.registry.add_version("net", Origin("somewhere", run_id=self.runs["train"]))

    def graph(self, start: str, steps: int = 6) -> Graph:
        index = Index(self.root)
        index.refresh()
        try:
            return graph(index, self.registry, start, steps)
        finally:
            index.close()

    def seen(self, found: Graph) -> set[str]:
        names = {run_id: name for name, run_id in self.runs.items()}
        return {names.get(node.id.removeprefix("run:"), node.name) for node in found.nodes.values()}

    def edges(self, found: Graph) -> set[tuple[str, str, str]]:
        names = {f"run:{run_id}": name for name, run_id in self.runs.items()}
        told = {node.id: names.get(node.id, node.name) for node in found.nodes.values()}
        return {(told[a], kind, told[b]) for (a, b), kind in found.edges.items()}


@pytest.fixture
def chain(project: Project) -> Chain:
    return Chain(project)


def test_from_raw_data_to_predictions(chain: Chain) -> None:
    found = chain.graph(f"run:{chain.runs['train']}")
    assert chain.edges(found) == {
        ("raw.csv", "read", "make"),
        ("make", "wrote", "clean.csv"),
        ("clean.csv", "read", "train"),
        ("train", "wrote", "model"),
        ("train", "registered", "net v1"),
        ("model", "read", "predict"),
        ("predict", "wrote", "predictions"),
    }
    assert not found.cut
    assert chain.seen(chain.graph("model:net/1")) == {"net v1", "train", "clean.csv", "make", "raw.csv"}
    near = chain.graph(f"run:{chain.runs['predict']}", steps=1)
    assert chain.seen(near) == {"predict", "predictions", "model", "train"}


def test_from_a_content(chain: Chain) -> None:
    whole = chain.graph(f"run:{chain.runs['make']}")
    digest = next(node.about["digest"] for node in whole.nodes.values() if node.name == "clean.csv")
    found = chain.graph(f"data:{digest}")
    assert chain.seen(found) >= {"raw.csv", "make", "clean.csv", "train", "again", "predict", "net v1"}


def test_a_reproduction_is_no_second_origin(chain: Chain) -> None:
    before = chain.edges(chain.graph(f"run:{chain.runs['predict']}"))
    assert chain.project.reproduce(chain.runs["train"])["verdict"] == "identical"
    assert chain.edges(chain.graph(f"run:{chain.runs['predict']}")) == before


def test_what_came_later_is_no_origin(project: Project) -> None:
    project.write("read.py", "print(open('data').read())")
    project.write("write.py", "open('data', 'w').write('one')")
    project.write("data", "one")
    reader, _ = project.run("read.py"), project.run("write.py")
    index = Index(project.root / ".anew")
    found = graph(index, Registry(Ledger(project.root / ".anew/ledger")), f"run:{reader}")
    assert {node.kind for node in found.nodes.values()} == {"run", "data"} and len(found.nodes) == 2
    index.close()


def test_many_files_are_summed_up(project: Project) -> None:
    project.write("many.py", "for i in range(40): open(f'{i}.txt', 'w').write('x' * (i + 1))")
    run = project.run("many.py")
    index = Index(project.root / ".anew")
    found = graph(index, Registry(Ledger(project.root / ".anew/ledger")), f"run:{run}")
    (more,) = [node for node in found.nodes.values() if node.kind == "more"]
    assert more.name == f"{40 - (len(found.nodes) - 2)} more files"
    assert {node.name for node in found.nodes.values()} >= {"39.txt", "38.txt"}, "the largest are shown"
    index.close()


@pytest.mark.parametrize(
    ("start", "error"),
    [("run:zzzz", RunNotFound), ("data:00ff", NotFound), ("data:not hex", NotFound), ("model:net/7", NotFound),
     ("what", UsageError), ("file:/etc/passwd", UsageError)],
)  # fmt: skip
def test_a_start_that_is_none(tmp_path: Path, start: str, error: type[Exception]) -> None:
    (tmp_path / "runs").mkdir()
    index = Index(tmp_path)
    with pytest.raises(error):
        graph(index, Registry(Ledger(tmp_path / "ledger")), start)
    index.close()
