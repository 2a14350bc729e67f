"""Artifacts: the proxy that stores and gives them, listings of folders and of runs, and paths that lead elsewhere."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_runs import NO_RUN
from protocols.conformance.steps import *

_HOME = "/{exp}/{run}/artifacts"
HOME = FILES + "/{exp}/{run}/artifacts"
_UNSAFE = "a path is decoded once; one that is absolute, goes up or has strange characters is refused"
_DETAIL = "every error is JSON in MLflow's form"
_STORED_ELSEWHERE = [{"is_dir": True, "path": "..;"}, {"file_size": 1, "is_dir": False, "path": "a?b"}]
_CONTENT = {
    "model/MLmodel": b"flavors: {}\n", "model/data/weights.bin": bytes(range(256)), "notes.txt": b"hello\n",
    "page.html": b"<script>alert(1)</script>", "plot.svg": b"<svg/>", "table.json": b'{"a": 1}', "empty": b"",
    "image.png": b"\x89PNG\r\n\x1a\n", "no suffix": b"x", "d\u00e4ten/\u6570\u636e.csv": b"a,b\n",
    "a+b & c.txt": b"plus",
}  # fmt: skip


def _path(name: str) -> str:
    """A file's place in the proxy, its name escaped as clients do."""
    from urllib.parse import quote

    return f"{HOME}/{quote(name)}"


def _file(name: str, **more: Any) -> Step:
    return get(_path(name), **more)


def _store(name: str, data: bytes = b"data") -> Step:
    return put(_path(name), data)


def _proxied(path: str) -> Step:
    return get(FILES, {"path": path})


def _listed(path: str | None = None, **more: Any) -> Step:
    return get("artifacts/list", {"run_id": "{run}"} | ({} if path is None else {"path": path}), **more)


# Each way of leaving the root that a hole of MLflow's once was, as it stands in a URL.
_ELSEWHERE = [
    "../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%252fsecret", "%252e%252e%252fsecret",
    "a/../../secret", "a/..%2f..%2fsecret", "/etc/passwd", "%2fetc/passwd", "%2Fetc%2Fpasswd", "..\\secret",
    "..%5csecret", "%5c..%5csecret", "C:%5csecret", "C:/secret", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd",
    "a%00b", "a%0ab", "a%23b", "a%3fb", "./secret", "a//b", "a/./b", "..;/secret", "%c0%ae%c0%ae/secret",
]  # fmt: skip
# Those of them that MLflow lets pass, or trips over, and we refuse.
_ALSO_REFUSED = {
    "/etc/passwd", "%2fetc/passwd", "%2Fetc%2Fpasswd", "..\\secret", "..%5csecret", "%5c..%5csecret", "C:%5csecret",
    "C:/secret", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "a%00b", "a%0ab", "./secret", "a//b", "a/./b",
    "%c0%ae%c0%ae/secret",
}  # fmt: skip


def _elsewhere(method: str) -> list[Step]:
    body = b"x" if method == "PUT" else None
    return [
        Step(
            method,
            f"{HOME}/{path}",
            body=body,
            deliberate=rejects(rule=_UNSAFE) if path in _ALSO_REFUSED else None,
        )
        for path in _ELSEWHERE
    ]


ARTIFACTS: list[Scenario] = [
    scenario(
        "artifacts: store and fetch",
        experiment("artifacts: store and fetch"),
        run(),
        [_store(name, data) for name, data in _CONTENT.items()],
        [_file(name) for name in _CONTENT],
        Step("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/{exp}/{run}/artifacts/notes.txt"),
        _store("notes.txt", b"changed\n"),
        _file("notes.txt"),
        put(_path("typed.txt"), b"typed", headers={"Content-Type": "text/html"}),
        _file("typed.txt"),
        _store("sub/folder/deep/file", b"deep"),
        _file("sub/folder/deep/file"),
        _file("absent"),
        instead(_file("model"), rejects(code=None, rule=_DETAIL)),
        _store("percent%41.txt", b"percent"),
        instead(_file("percent%41.txt"), Ours("a path is decoded once", 200, body="percent")),
        _file("model/absent"),
        _file("notes.txt/below"),
    ),
    scenario(
        "artifacts: conflicts of files and folders",
        experiment("artifacts: conflicts of files and folders"),
        run(),
        _store("file", b"x"),
        instead(_store("file/below", b"y"), rejects(code=None)),
        _store("folder/file", b"x"),
        instead(_store("folder", b"y"), rejects(code=None)),
        instead(put(_path("folder") + "/", b"y"), rejects(code=None, rule=_DETAIL)),
        _file("file"),
        _file("folder/file"),
    ),
    scenario(
        "artifacts: parts and conditions",
        experiment("artifacts: parts and conditions"),
        run(),
        _store("ten", b"0123456789"),
        _file("ten", save={"etag": "header:etag", "date": "header:last-modified"}),
        [_file("ten", headers={"Range": f"bytes={part}"}) for part in ("0-3", "5-", "-2", "0-0", "9-9", "0-99")],
        [
            _file("ten", headers={"Range": f"bytes={part}"}, deliberate=Ours("an error's type is its own affair", 416))
            for part in ("10-", "20-30")
        ],
        _file("ten", headers={"Range": "bytes=0-3", "If-Range": "{etag}"}),
        _file("ten", headers={"Range": "bytes=0-3", "If-Range": '"other"'}),
        instead(
            _file("ten", headers={"If-None-Match": "{etag}"}), Ours("a client that has the file needs no second", 304)
        ),
        _file("ten", headers={"If-None-Match": '"other"'}),
        instead(
            _file("ten", headers={"If-Modified-Since": "{date}"}),
            Ours("a client that has the file needs no second", 304),
        ),
        _file("ten", headers={"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        Step("HEAD", _path("ten"), deliberate=Ours("HEAD is GET without its body", 200)),
    ),
    scenario(
        "artifacts: get-artifact, as the pages of the UI ask",
        experiment("artifacts: get-artifact"),
        run(),
        _store("model/MLmodel", b"flavors: {}\n"),
        _store("page.html", b"<script>"),
        get("/get-artifact", {"run_id": "{run}", "path": "model/MLmodel"}),
        get("/get-artifact", {"run_uuid": "{run}", "path": "page.html"}),
        instead(get("/get-artifact", {"run_id": "{run}", "path": "model"}), rejects(code=None)),
        get("/get-artifact", {"run_id": "{run}", "path": "absent"}),
        get("/get-artifact", {"run_id": "{run}", "path": "../x"}),
        get("/get-artifact", {"run_id": NO_RUN, "path": "x"}),
        instead(get("/get-artifact", {"run_id": "{run}"}), rejects(code=None, rule=_DETAIL)),
        instead(get("/get-artifact", {"path": "x"}), rejects(code=None)),
    ),
    scenario(
        "artifacts: upload-artifact, as the pages of the UI do",
        experiment("artifacts: upload-artifact"),
        run(),
        Step("POST", AJAX + "upload-artifact", {"run_uuid": "{run}", "path": "up/loaded.txt"}, b"loaded"),
        _file("up/loaded.txt"),
        Step("POST", AJAX + "upload-artifact", {"run_uuid": "{run}"}, b"loaded"),
        Step("POST", AJAX + "upload-artifact", {"path": "x"}, b"loaded"),
        Step("POST", AJAX + "upload-artifact", {"run_uuid": "{run}", "path": "x"}, b""),
        Step("POST", AJAX + "upload-artifact", {"run_uuid": "{run}", "path": "../x"}, b"loaded"),
        Step("POST", AJAX + "upload-artifact", {"run_uuid": NO_RUN, "path": "x"}, b"loaded"),
    ),
    scenario(
        "artifacts: listings",
        experiment("artifacts: listings"),
        run(),
        _listed(),
        _proxied("{exp}/{run}/artifacts"),
        [_store(name, data) for name, data in _CONTENT.items()],
        _listed(),
        [_listed(path) for path in ("model", "model/", "model/data", "model/MLmodel", "absent", "", ".", "d\u00e4ten")],
        [
            _proxied("{exp}/{run}/artifacts" + path)
            for path in ("", "/", "/model", "/model/data", "/notes.txt", "/none")
        ],
        _proxied("{exp}"),
        _proxied("{exp}/{run}"),
        [_listed(path) for path in ("..", "../x", "/etc", "model/../..", "model\\data", "%2e%2e", "%252e%252e", "a#b")],
        [_proxied(path) for path in ("..", "../x", "/etc", "{exp}/../..", "a\\b", "%2e%2e", "%252e%252e", "a#b")],
        get("artifacts/list"),
        get("artifacts/list", {"run_id": NO_RUN}),
        get("artifacts/list", {"run_uuid": "{run}"}),
        get("artifacts/list", {"run_id": "{run}", "page_token": "x"}),
    ),
    scenario(
        "artifacts: delete",
        experiment("artifacts: delete"),
        run(),
        [_store(name) for name in ("a/b/c", "a/d", "e", "f/g")],
        delete(_path("e")),
        _file("e"),
        delete(_path("a/b")),
        _listed("a"),
        _listed("a/b"),
        delete(_path("e")),
        delete(_path("never")),
        delete(_path("a")),
        _listed(),
        delete(HOME),
        _listed(),
        instead(delete(FILES), Ours(NO_ROUTE, 405)),
        instead(delete(FILES + "/"), rejects(code=None, status=404, rule="the root is no artifact")),
    ),
    scenario(
        "artifacts: of a deleted run",
        experiment("artifacts: of a deleted run"),
        run(),
        _store("kept"),
        Step("POST", "/api/2.0/mlflow/runs/delete", body={"run_id": "{run}"}),
        _file("kept"),
        _listed(),
    ),
    scenario(
        "artifacts: of runs that are none",
        experiment("artifacts: of runs that are none"),
        put(FILES + "/{exp}/" + NO_RUN + "/artifacts/x", b"x"),
        get(FILES + "/{exp}/" + NO_RUN + "/artifacts/x"),
        put(FILES + "/conformance/stray", b"x"),
        get(FILES + "/conformance/stray"),
        get(FILES, {"path": "conformance"}),
    ),
    scenario(
        "artifacts: fetch from elsewhere",
        experiment("artifacts: fetch from elsewhere"),
        run(),
        _store("secret", b"s"),
        _elsewhere("GET"),
    ),
    scenario(
        "artifacts: store elsewhere",
        experiment("artifacts: store elsewhere"),
        run(),
        _elsewhere("PUT"),
        instead(
            _listed(), Ours(_UNSAFE, 200, body={"files": _STORED_ELSEWHERE, "root_uri": "mlflow-artifacts:" + _HOME})
        ),
    ),
    scenario(
        "artifacts: delete elsewhere",
        experiment("artifacts: delete elsewhere"),
        run(),
        _store("kept"),
        _elsewhere("DELETE"),
        _listed(),
    ),
    scenario(
        "artifacts: list elsewhere",
        experiment("artifacts: list elsewhere"),
        run(),
        _store("kept"),
        [
            _listed(path)
            for path in (
                "../secret",
                "%2e%2e/secret",
                "%2e%2e%2fsecret",
                "a/../../secret",
                "/etc/passwd",
                "a#b",
                "C:/a",
            )
        ],
        [instead(_listed(path), rejects(rule=_UNSAFE)) for path in (r"..\secret", "./kept", "a//b", "a/./b")],
    ),
    scenario(
        "artifacts: in parts, which is not offered",
        experiment("artifacts: in parts"),
        run(),
        Step("POST", "/api/2.0/mlflow-artifacts/mpu/create/{exp}/{run}/artifacts", body={"path": "x", "num_parts": 2}),
        get("/api/2.0/mlflow-artifacts/presigned/{exp}/{run}/artifacts/x"),
    ),
]
