"""Versions of data over a real socket: what there is, who read it, what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from projects import Project
from server.asking import Asked
from server.conftest import running


@dataclass
class Served:
    asked: Asked
    first: str
    second: str

    def __call__(self, path: str) -> object:
        answer = self.asked("GET", f"/api/v1/datasets{path}")
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def served(project: Project) -> Iterator[Served]:
    """Two versions that a run each read; the second has another column, a row less, one changed, and a file more."""
    project.write("t.py", "open('out', 'w').write(str(len(open('flowers/f.csv').read())))\n")
    project.write("flowers/f.csv", "id,size\n1,2.5\n2,3.5\n3,9\n")
    project.json("add", "flowers", "-m", "as measured")
    first = project.run("t.py")
    project.write("flowers/f.csv", "id,size,kind\n1,2.5,a\n2,4.5,b\n")
    project.write("flowers/read me.txt", "measured")
    project.json("add", "flowers")
    second = project.run("t.py")
    project.anew("alias", "flowers:v1", "gold")
    with running(project.root / ".anew") as (address, process):
        yield Served(Asked(address, project.root / ".anew", process), first, second)


def test_versions_with_their_readers(served: Served) -> None:
    [named] = served("")["datasets"]
    assert (named["name"], named["versions"], named["latest"], named["files"]) == ("flowers", 2, 2, 2)
    assert named["aliases"] == {"gold": 1}
    newest, oldest = served("/flowers")["versions"]
    assert (newest["number"], oldest["number"]) == (2, 1)
    assert (oldest["message"], oldest["aliases"], oldest["kind"], oldest["path"]) == (
        "as measured",
        ["gold"],
        "tree",
        "flowers",
    )
    assert oldest["facts"]["tables"] == {"f.csv": {"columns": {"id": "integer", "size": "number"}, "rows": 3}}
    assert [run["id"] for run in oldest["runs"]] == [served.first]
    assert [run["id"] for run in newest["runs"]] == [served.second]
    assert served.asked("GET", "/api/v1/datasets/trees").status == 404


def test_the_difference_of_two_versions(served: Served) -> None:
    found = served("/flowers/difference?before=gold&after=2")
    assert (found["before"], found["after"]) == (1, 2)
    assert [found[kind] for kind in ("added", "removed", "changed")] == [1, 0, 1]
    kinds = {file["path"]: (file["kind"], file["before"], file["after"]) for file in found["files"]}
    assert kinds == {"f.csv": ("changed", 24, 29), "read me.txt": ("added", None, 8)}
    [table] = found["tables"]
    assert (table["columns_added"], table["rows"], table["key"], table["untold"]) == (["kind"], [3, 2], "id", "")
    assert (table["rows_added"], table["rows_removed"], table["rows_changed"]) == (0, 1, 1)
    assert table["shifts"][0]["column"] == "size" and 0 < table["shifts"][0]["distance"] <= 1
    back = served("/flowers/difference?before=2&after=1")
    assert (back["removed"], back["tables"][0]["columns_removed"]) == (1, ["kind"])
    assert served("/flowers/difference?before=1&after=1")["files"] == []


def test_what_is_asked_wrongly_is_told(served: Served) -> None:
    for path, status in (("?before=1", 400), ("?before=1&after=9", 404)):
        assert served.asked("GET", f"/api/v1/datasets/flowers/difference{path}").status == status
    assert served.asked("GET", "/api/v1/datasets/no/difference?before=1&after=2").status == 404


def test_lineage_leads_to_the_version(served: Served) -> None:
    nodes = served.asked("GET", f"/api/v1/lineage?of=run:{served.first}").json["nodes"]
    [version] = [node for node in nodes if node["about"].get("dataset")]
    assert (version["name"], version["about"]["dataset"], version["about"]["version"]) == ("flowers:v1", "flowers", 1)
