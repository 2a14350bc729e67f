"""Where results come from: lineage, verdicts with their evidence, code and contents of runs; what the store holds."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.responses import Response

from anew.errors import AnewError, NotFound
from anew.lineage import graph
from anew.protocols.mlflow.artifacts import give
from anew.reproduction.factors import table_diff, text_diff
from anew.routes import Call, Route

_MOST_CODE_FILES = 5000
_MOST_SHOWN_BYTES = 2 << 20
_MOST_DATA_RUNS = 2000
_USAGE_FOR_S = 60.0
Json = dict[str, Any]


def lineage(call: Call) -> Json:
    steps = call.whole("steps", 6, 1, 20)
    return graph(call.hub.index(), call.hub.registry, call.argument("of"), steps).to_dict()


def reproductions(call: Call) -> Json:
    """The verdicts of all runs, the newest first, each with what a board shows of its run."""
    limit, before = call.whole("limit", 100, 1, 1000), call.whole("before", 2**53, 0, 2**53)
    project = call.argument("project")
    index = call.hub.index()
    found: list[Json] = []
    cursor: int | None = before
    while cursor is not None and len(found) < limit:
        page = index.verdicts(limit, cursor)
        cursor = page[-1][1]["seq"] if len(page) == limit else None
        documents = {document["id"]: document for document in index.documents([run_id for run_id, _ in page])}
        for run_id, verdict in page:
            document = documents.get(run_id)
            if document is not None and project in ("", document["project"]):
                about = {name: document.get(name) for name in ("name", "project", "created", "duration_s", "metrics")}
                found.append({**verdict, "run": run_id, "about": about})
    last = found[: limit + 1][limit - 1]["seq"] if len(found) >= limit else None
    return {"verdicts": found[:limit], "before": last}


def evidence(call: Call) -> Json:
    """What a verdict rests on: every item compared, causes with their tests, what was replayed and what is missing."""
    run, seq = call.hub.document(call.path["id"]), call.path["seq"]
    verdict = next((one for one in run["verdicts"] if str(one["seq"]) == seq), None)
    if verdict is None:
        raise NotFound(f"run {run['id']} has no verdict {seq:.30}")
    try:
        kept = json.loads(call.hub.objects.get_bytes(verdict["evidence"]))
    except (AnewError, KeyError, ValueError):
        kept = {}
    return {**verdict, **kept, "seq": verdict["seq"]}


def code(call: Call) -> Json:
    """The source files that were kept of a run, those it used marked, and what differed from its commit."""
    document = call.hub.document(call.path["id"])
    body = document.get("code") or {}
    used, objects = body.get("used") or {}, call.hub.objects
    files = {name: {"path": name, "digest": digest, "used": True} for name, digest in used.items()}
    for entry in _tree(call, body):
        if entry.kind == "file" and len(files) < _MOST_CODE_FILES:
            files[entry.path] = {"path": entry.path, "digest": entry.digest, "used": entry.path in used}
    diff = ""
    try:
        if body.get("diff") and objects.size(body["diff"]) <= _MOST_SHOWN_BYTES:
            diff = objects.get_bytes(body["diff"]).decode("utf-8", "replace")
    except AnewError:
        pass
    facts = {name: body.get(name) for name in ("vcs", "commit", "branch", "remote", "dirty")}
    script = str(document.get("script") or "")
    root = str(document.get("root") or "")
    entry_point = script[len(root) + 1 :] if root and script.startswith(root + "/") else script
    return facts | {"script": entry_point, "diff": diff, "files": sorted(files.values(), key=lambda one: one["path"])}


def content(call: Call) -> Response:
    """A content that the run names: of its code, its inputs, its outputs or its media."""
    document, digest = call.hub.document(call.path["id"]), call.path["digest"]
    name = _name(call, document, digest)
    return give(call, name.rpartition("/")[2], call.hub.objects.size(digest), digest, document["created"])


def difference(call: Call) -> Json:
    """How a content of one run differs from one of another: for texts line by line, and how many lines changed."""
    sides: list[Json] = []
    for run, digest in ((call.path["id"], call.path["digest"]), (call.path["other"], call.path["digest_there"])):
        name = _name(call, call.hub.document(run), digest)
        sides.append({"digest": digest, "size": call.hub.objects.size(digest), "name": name})
    objects = call.hub.objects
    shown = ""
    if max(side["size"] for side in sides) <= _MOST_SHOWN_BYTES:
        shown = text_diff(sides[1]["name"], sides[0]["digest"], sides[1]["digest"], objects, objects)
    return {"summary": table_diff(sides[0], sides[1], objects, objects).partition("\n")[0], "diff": shown}


def _name(call: Call, document: Json, digest: str) -> str:
    """The path that a content has in a run. Raises NotFound for one that the run does not name."""
    body = document.get("code") or {}
    named = {item.get("digest"): "media" for item in document["media"]}
    named |= {used: name for name, used in (body.get("used") or {}).items()}
    named |= {item["digest"]: name for name, item in (body.get("outside") or {}).items()}
    named |= {item.get("digest"): str(item["path"]) for item in (*document["inputs"], *document["outputs"])}
    if digest in named:
        return named[digest]
    for entry in _tree(call, body):
        if entry.digest == digest:
            return str(entry.path)
    raise NotFound(f"run {document['id']} names no content {digest:.80}")


def _tree(call: Call, body: Json) -> Iterator[Any]:
    try:
        yield from call.hub.objects.read_tree(body["tree"]) if body.get("tree") else ()
    except AnewError:
        return  # what is gone or damaged is not shown; `anew verify` names it


def data(call: Call) -> Json:
    """What the newest runs read and wrote, by path, each content of it a version."""
    project = call.argument("project")
    query = "project = '" + project.replace("'", "''") + "'" if project else ""
    paths: dict[str, dict[str, Json]] = {}
    for document in call.hub.index().search(query, limit=_MOST_DATA_RUNS, strict=False):
        if document.get("reproduction_of"):
            continue
        for wrote, items in enumerate((document["inputs"], document["outputs"])):
            for item in items:
                if item.get("digest"):
                    _add_version(paths.setdefault(str(item["path"]), {}), item, document, bool(wrote))
    listed: list[Json] = [
        {"path": path, "versions": sorted(versions.values(), key=lambda one: -one["last"])}
        for path, versions in paths.items()
    ]
    return {"data": sorted(listed, key=lambda one: -one["versions"][0]["last"])}


def _add_version(versions: dict[str, Json], item: Json, document: Json, wrote: bool) -> None:
    created = document["created"]
    found = versions.setdefault(
        item["digest"],
        {"digest": item["digest"], "size": item.get("size"), "stored": bool(item.get("stored", True)), "read": 0}
        | {"wrote": 0, "first": created, "last": created, "run": document["id"]}
        | {"role": item.get("role") or item.get("type") or "file"},
    )
    found["wrote" if wrote else "read"] += 1
    found["first"], found["last"] = min(found["first"], created), max(found["last"], created)


class _Usage:
    """What the parts of the store take on the disk; looked at again after a minute at the earliest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[float, Json]] = {}

    def of(self, root: Path) -> Json:
        with self._lock:
            at, found = self._known.get(root, (0.0, {}))
            if time.monotonic() - at > _USAGE_FOR_S or not found:
                parts = {entry.name: _size(entry) for entry in os.scandir(root)}
                free = os.statvfs(root)
                found = {"parts": parts, "free": free.f_bavail * free.f_frsize}
                self._known[root] = time.monotonic(), found
            return found


def _size(entry: os.DirEntry[str]) -> int:
    """Bytes on the disk of a file, or of all below a folder; what goes meanwhile counts nothing."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_blocks * 512
        with os.scandir(entry.path) as below:
            return sum(map(_size, below))
    except OSError:
        return 0


_USAGE = _Usage()


def usage(call: Call) -> Json:
    return _USAGE.of(call.hub.store.root)


_BASE = "/api/v1"
ROUTES = [
    Route(
        "GET", f"{_BASE}/lineage", lineage, about="what something was made from, and what was made of it",
        arguments={"of": "run:ID, data:DIGEST or model:NAME/NUMBER", "steps": "how many runs away, 6 by default"},
        gives="Lineage",
    ),
    Route(
        "GET", f"{_BASE}/reproductions", reproductions, about="the verdicts of all runs, the newest first",
        arguments={"project": "of its runs only", "limit": "1 to 1000", "before": "the `before` of the page before"},
        gives="Board",
    ),
    Route("GET", f"{_BASE}/runs/{{id}}/evidence/{{seq}}", evidence, about="what a verdict rests on", gives="Evidence"),
    Route("GET", f"{_BASE}/runs/{{id}}/code", code, about="the source of a run, and its difference from the commit",
          gives="Code"),
    Route("GET", f"{_BASE}/runs/{{id}}/contents/{{digest}}", content, about="a content that a run names; takes Range"),
    Route(
        "GET", f"{_BASE}/runs/{{id}}/contents/{{digest}}/against/{{other}}/{{digest_there}}", difference,
        about="how a content of one run differs from one of another", gives="ContentDifference",
    ),
    Route("GET", f"{_BASE}/data", data, about="what the newest 2,000 runs read and wrote, by path and version",
          arguments={"project": "of its runs only"}, gives="Data"),
    Route("GET", f"{_BASE}/usage", usage, about="what the store takes on the disk, in bytes", gives="Usage"),
]  # fmt: skip
