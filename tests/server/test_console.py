"""What a run printed, asked for part by part."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from anew.server import console
from anew.store.journal import JournalWriter
from anew.store.location import Store
from server.asking import Asked
from server.conftest import running


def _writer(store: Path, run: str = "r1") -> JournalWriter:
    writer = JournalWriter(Store(store).run(run) / "journal", run=run, mapped=False, synced=False)
    writer.event("run", {"id": run, "name": run, "project": "p", "created": 1000.0})
    return writer


def test_both_streams_in_their_order_and_what_came_since(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    writer = _writer(store)
    for stream, data in (("stdout", b"one\n"), ("stdout", b"two\n"), ("stderr", b"oh\xff\n"), ("stdout", b"three\n")):
        writer.event("console", {"stream": stream, "data": data})
        writer.points(("loss",), [0.5], 0, time=1001.0)
    with running(store) as (address, process):
        asked = Asked(address, store, process)

        def ask(after: str = "") -> Any:
            answer = asked("GET", f"/api/v1/runs/r1/console?after={after}")
            assert answer.status == 200, answer.body
            return answer.json

        first = ask()
        said = [(piece["stream"], piece["text"]) for piece in first["pieces"]]
        assert said == [("stdout", "one\ntwo\n"), ("stderr", "oh�\n"), ("stdout", "three\n")] and not first["more"]
        assert ask(first["after"])["pieces"] == []
        writer.event("console", {"stream": "stdout", "data": b"four\n"})
        writer.points(("other", "loss"), [0.5, 0.4], 1, time=1002.0)
        second = ask(first["after"])
        assert [piece["text"] for piece in second["pieces"]] == ["four\n"]
        writer.event("console", {"stream": "stdout", "data": b"five\n"})
        assert [piece["text"] for piece in ask(second["after"])["pieces"]] == ["five\n"]
        again = "".join(piece["text"] for piece in ask()["pieces"])
        assert again == "one\ntwo\noh�\nthree\nfour\nfive\n", "from the start it is the same again"
        for wrong in ("x", urlsafe_b64encode(b"[1]").decode(), urlsafe_b64encode(b'{"journal": "a"}').decode()):
            assert asked("GET", f"/api/v1/runs/r1/console?after={wrong}").status == 400
        far = urlsafe_b64encode(json.dumps({"journal": 2**60, "../../etc/passwd": 0}).encode()).decode()
        assert asked("GET", f"/api/v1/runs/r1/console?after={far}").status == 200
        assert asked("GET", "/api/v1/runs/none/console").status == 404
    writer.seal()


def test_the_end_is_given_however_much_stands_before_it(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    writer = _writer(store)
    for number in range(200):
        if number == 120:
            writer.event("console", {"stream": "stderr", "data": b"ValueError: too much\n"})
        writer.event("console", {"stream": "stdout", "data": b"%d\n" % number + b"x" * 70_000})
    writer.seal()
    with running(store) as (address, process):
        asked = Asked(address, store, process)
        answer = asked("GET", "/api/v1/runs/r1/console?last=65536")
        assert len(answer.body) < 150_000
        error, rest = answer.json["pieces"]
        assert (error["stream"], error["text"]) == ("stderr", "ValueError: too much\n")
        assert rest["text"].startswith("199\n") and not answer.json["more"]
        assert asked("GET", f"/api/v1/runs/r1/console?after={answer.json['after']}").json["pieces"] == []
        assert asked("GET", "/api/v1/runs/r1/console?last=x").status == 400


def test_much_is_given_in_parts(tmp_path: Path) -> None:
    store = tmp_path / ".anew"
    writer = _writer(store)
    for number in range(50):
        writer.event("console", {"stream": "stdout", "data": b"%049999d\n" % number})
    writer.seal()
    with running(store) as (address, process):
        asked = Asked(address, store, process)
        text, after, parts, more = "", "", 0, True
        while more:
            answer = asked("GET", f"/api/v1/runs/r1/console?after={after}").json
            text += "".join(one["text"] for one in answer["pieces"])
            after, more, parts = answer["after"], answer["more"], parts + 1
            assert len(json.dumps(answer)) < 1.2e6
    assert [int(line[-2:]) for line in text.splitlines()] == list(range(50)) and parts == 3


def test_places_that_are_not_known_any_more_are_read_from_the_start(tmp_path: Path) -> None:
    writer = _writer(tmp_path / ".anew")
    writer.points(("loss",), [0.5], 0, time=1001.0)
    writer.seal()
    known, path = console._Known(), Store(tmp_path / ".anew").run("r1") / "journal"
    reader = known.reader(path, 0)
    list(reader)
    known.keep(reader)
    assert known.reader(path, reader.offset).schemas == [("loss",)]
    assert known.reader(path, reader.offset + 1).offset == 0
