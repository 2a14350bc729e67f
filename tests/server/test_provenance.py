"""Where results come from, over a real socket: lineage, the verdict board and its evidence, code, contents, data."""

from __future__ import annotations

import subprocess
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
    verdict: dict[str, object]

    def __call__(self, path: str, **headers: str) -> object:
        answer = self.asked("GET", f"/api/v1/{path}", **headers)
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def served(project: Project) -> Iterator[Served]:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    project.write("lib.py", "RATE = 2\n")
    project.write("t.py", "import lib\nn = sum(map(int, open('d.csv')))\nopen('out', 'w').write(str(n * lib.RATE))\n")
    project.write("unused.py", "1\n")
    project.write("d.csv", "1\n2\n3\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=project.root, check=True)
    project.write("lib.py", "RATE = 3\n")
    first = project.run("t.py")
    verdict = project.reproduce(first)
    project.write("d.csv", "1\n5\n3\n")
    second = project.run("t.py")
    with running(project.root / ".anew") as (address, process):
        yield Served(Asked(address, project.root / ".anew", process), first, second, verdict)


def test_the_verdict_board_and_its_evidence(served: Served) -> None:
    (row,) = served("reproductions")["verdicts"]
    assert (row["run"], row["verdict"], row["about"]["project"]) == (served.first, "identical", "project")
    assert served("reproductions?project=other")["verdicts"] == []
    assert served("reproductions?limit=1")["before"] == row["seq"]
    assert served(f"reproductions?before={row['seq']}")["verdicts"] == []
    kept = served(f"runs/{served.first}/evidence/{row['seq']}")
    assert kept["compared"] == served.verdict["compared"] and kept["reproduction"] == row["reproduction"]
    assert served.asked("GET", f"/api/v1/runs/{served.first}/evidence/999").status == 404


def test_code_as_it_ran(served: Served) -> None:
    code = served(f"runs/{served.first}/code")
    files = {file["path"]: file for file in code["files"]}
    assert {name for name, file in files.items() if file["used"]} == {"t.py", "lib.py"} and "unused.py" in files
    assert code["script"] == "t.py" and code["vcs"] == "git" and len(code["commit"]) == 40
    assert "-RATE = 2\n+RATE = 3" in code["diff"]
    path = f"/api/v1/runs/{served.first}/contents/{files['lib.py']['digest']}"
    answer = served.asked("GET", path)
    assert answer.body == b"RATE = 3\n" and answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert served.asked("GET", path, Range="bytes=0-3").body == b"RATE"


def test_contents_of_two_runs(served: Served) -> None:
    old, new = (
        next(item for item in served(f"runs/{run}")["inputs"] if item["path"] == "d.csv")["digest"]
        for run in (served.first, served.second)
    )
    found = served(f"runs/{served.first}/contents/{old}/against/{served.second}/{new}")
    assert found["summary"] == "1 of 3 lines changed, the first is line 2" and "-2\n+5" in found["diff"]
    swapped = f"/api/v1/runs/{served.first}/contents/{new}"
    assert served.asked("GET", swapped).status == 404, "the other run's content is not this run's"
    assert served.asked("GET", f"{swapped}/against/{served.second}/{new}").status == 404


def test_data_by_path_and_version(served: Served) -> None:
    listed = {one["path"]: one["versions"] for one in served("data")["data"]}
    assert set(listed) == {"d.csv", "out"}
    assert [(one["read"], one["wrote"], one["size"]) for one in listed["d.csv"]] == [(1, 0, 6), (1, 0, 6)]
    assert [(one["wrote"], one["run"]) for one in listed["out"]] == [(1, served.second), (1, served.first)]
    assert served("data?project=it%27s")["data"] == []


def test_lineage_and_usage(served: Served) -> None:
    found = served(f"lineage?of=run:{served.first}")
    assert {(node["kind"], node["name"]) for node in found["nodes"]} >= {("data", "d.csv"), ("data", "out")}
    assert served.asked("GET", "/api/v1/lineage?of=file:x").status == 400
    usage = served("usage")
    assert usage["parts"]["objects"] > 0 and usage["parts"]["runs"] > 0 and usage["free"] > 0


def test_models_are_moved_on_and_every_step_is_told(asked: Asked) -> None:
    def mlflow(path: str, **body: object) -> None:
        assert asked("POST", f"/api/2.0/mlflow/{path}", body).status == 200

    mlflow("registered-models/create", name="net")
    for source in ("s3://bucket/a", "s3://bucket/b"):
        mlflow("model-versions/create", name="net", source=source)
    first = asked("POST", "/api/v1/models/net/versions/1/stage", {"stage": "Production"})
    assert first.json["versions"]["1"]["stage"] == "Production"
    second = asked("POST", "/api/v1/models/net/versions/2/stage", {"stage": "production", "archive_existing": True})
    assert [one["stage"] for one in second.json["versions"].values()] == ["Archived", "Production"]
    assert asked("POST", "/api/v1/models/net/aliases/champion", {"version": 2}).json["aliases"] == {"champion": 2}
    mlflow("registered-models/rename", name="net", new_name="network")
    told = asked("GET", "/api/v1/models/network/history").json["entries"]
    actions = [entry["body"]["action"] for entry in told]
    assert actions == ["rename", "alias", "stage", "stage", "version", "version", "create"]
    assert told[2]["body"]["before"] == "None" and told[2]["body"]["archived"] == [1]
    assert asked("POST", "/api/v1/models/network/aliases/champion", {"version": None}).json["aliases"] == {}
    assert [one["name"] for one in asked("GET", "/api/v1/models").json["models"]] == ["network"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("net/versions/1/stage", {"stage": "Production"}, 404),
        ("net/versions/x/stage", {"stage": "Production"}, 404),
        ("net/versions/1/stage", {"stage": 3}, 400),
        ("net/aliases/a", {"version": "1"}, 400),
        ("net/aliases/a", {"version": True}, 400),
    ],
)
def test_what_can_not_be_moved(asked: Asked, path: str, body: object, status: int) -> None:
    assert asked("POST", f"/api/v1/models/{path}", body).status == status
    assert asked("GET", "/api/v1/models/net/history").status == 404
