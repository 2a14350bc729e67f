"""Anew's own API: what scripts wrote is found, paged, drawn and changed through it; all of it over a real socket."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from projects import Project
from server.asking import Asked
from server.conftest import running

SCRIPT = """
    import anew, sys
    run = anew.init(config={"lr": float(sys.argv[1])}, tags={"team": "vision"})
    for i in range(200): anew.log({"loss": 1 / (i + 1)}, step=i)
    open("out.txt", "w").write("x" * 3000)
    print("done", sys.argv[1])
"""


@pytest.fixture
def filled(project: Project, tmp_path: Path) -> Asked:
    project.write("t.py", SCRIPT)
    for lr in ("0.1", "0.2", "0.3"):
        project.run("t.py", lr)
    with running(project.root / ".anew") as (address, process):
        yield Asked(address, project.root / ".anew", process)


def test_runs_are_found_shown_and_drawn(filled: Asked) -> None:
    found = filled("GET", "/api/v1/runs?query=params.lr%20%3E%200.15&sort=params.lr").json["runs"]
    assert [run["config"]["lr"] for run in found] == [0.2, 0.3]
    run = found[0]["id"]
    assert filled("GET", f"/api/v1/runs/{run}").json["tags"]["team"] == "vision"
    series = filled("GET", f"/api/v1/runs/{run}/series/loss").json
    assert series["steps"] == list(range(200)) and series["values"][4] == 0.2
    few = filled("GET", f"/api/v1/runs/{run}/series/loss?points=10&from=50&to=99").json
    assert len(few["steps"]) <= 10 and few["total"] == 50
    assert filled("GET", f"/api/v1/runs/{run}/output").json["stdout"] == "done 0.2\n"
    assert [file["path"] for file in filled("GET", f"/api/v1/runs/{run}/files").json["files"]] == ["out.txt"]
    part = filled("GET", f"/api/v1/runs/{run}/files/out.txt", Range="bytes=10-19")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"x" * 10, "bytes 10-19/3000")
    other = found[1]["id"]
    (cause,) = filled("GET", f"/api/v1/runs/{run}/why/{other}").json["causes"]
    assert cause["factor"] == "config"
    (project,) = [one for one in filled("GET", "/api/v1/projects").json["projects"] if one["runs"]]
    assert project["runs"] == 3


def test_pages_hold_while_runs_are_made(filled: Asked) -> None:
    first = filled("GET", "/api/v1/runs?limit=2").json
    made = filled("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "start_time": int(time.time() * 1e3)})
    assert made.status == 200
    second = filled("GET", f"/api/v1/runs?limit=2&cursor={first['cursor']}").json
    ids = [run["id"] for run in first["runs"] + second["runs"]]
    assert len(ids) == len(set(ids)) == 3 and second["cursor"] == ""


def test_a_run_is_changed_deleted_and_restored(filled: Asked) -> None:
    (run, *_) = filled("GET", "/api/v1/runs").json["runs"]
    path = f"/api/v1/runs/{run['id']}"
    changed = filled("PATCH", path, {"name": "best", "tags": {"team": None, "kept": "yes"}, "notes": "so"}).json
    assert (changed["name"], changed["tags"], changed["notes"]) == ("best", {"kept": "yes"}, "so")
    assert filled("PATCH", path, {"config": {}}).status == 400
    assert filled("DELETE", path).status == 200
    assert run["id"] not in [one["id"] for one in filled("GET", "/api/v1/runs").json["runs"]]
    assert filled("GET", path).json["deleted"]
    assert filled("POST", f"{path}/restore", {}).status == 200
    assert filled("GET", path).json["deleted"] is None
    entries = filled("GET", "/api/v1/ledger").json["entries"]
    assert [entry["body"]["action"] for entry in entries if entry["kind"] == "run"] == ["delete", "restore"]


def test_errors_have_one_shape(filled: Asked) -> None:
    for method, path, body, status, kind in [
        ("GET", "/api/v1/runs/none", None, 404, "RunNotFound"),
        ("GET", "/api/v1/runs?query=metrics.loss%20%3E", None, 400, "QueryError"),
        ("GET", "/api/v1/runs?limit=0", None, 400, "UsageError"),
        ("GET", "/api/v1/nothing", None, 404, "Refused"),
        ("PUT", "/api/v1/runs", b"", 405, "Refused"),
        ("GET", "/api/v1/models/none", None, 404, "NotFound"),
        ("GET", "/api/v1/groups", None, 400, "UsageError"),
    ]:
        answer = filled(method, path, body)
        assert (answer.status, answer.json["error"]["kind"]) == (status, kind), path
        assert answer.json["error"]["message"]


def test_a_point_of_a_local_script_reaches_who_watches(project: Project) -> None:
    project.write(
        "t.py", "import anew, time\nfor i in range(60):\n    anew.log({'loss': i}, step=i); time.sleep(0.1)\n"
    )
    with running(project.root / ".anew") as (address, process):
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
        connection.request("GET", "/api/v1/live")
        events = connection.getresponse()
        assert events.getheader("content-type", "").startswith("text/event-stream")
        training = subprocess.Popen([sys.executable, "t.py"], cwd=project.root, env=project.environ)
        try:
            seen: list[str] = []
            while len(seen) < 6:  # each stands for news within a tenth of a second or a few
                line = events.readline().decode()
                if line.startswith("data:"):
                    seen += json.loads(line[5:])["runs"]
            (run,) = set(seen)
            asked = Asked(address, project.root / ".anew", process)
            steps = asked("GET", f"/api/v1/runs/{run}/series/loss").json["steps"]
            assert steps
        finally:
            training.kill()
            training.wait()
            connection.close()


def test_the_description_names_every_route(asked: Asked) -> None:
    from anew.server.table import ROUTES

    document = asked("GET", "/api/v1/openapi.json").json
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert len(described) == len([route for route in ROUTES if route.path.startswith("/api/v1/")])
    assert all(m["summary"] for methods in document["paths"].values() for m in methods.values())
