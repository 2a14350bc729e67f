"""MLflow's artifacts: the files of runs, models and traces, through a proxy that streams.

A path names an owner and a file of it, and is never a path of this machine. What lies under no owner is kept as loose
files of the store.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
import tempfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anew.errors import NotFound, RunNotFound, UsageError
from anew.hub import Hub
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import Json, artifact_uri
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import active_document, get_document
from anew.routes import Call, Route

LOOSE = "artifacts"  # the id of the loose files
_OWNED = re.compile(r"(?:(?P<prefix>.*?)/)?(?P<id>[A-Za-z0-9][\w-]*)/artifacts(?:/(?P<rest>.*))?", re.ASCII | re.DOTALL)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_IN_MEMORY_BYTES = 1 << 20

Owner = tuple[str, str]  # kind, id


def clean(path: str) -> str:
    """A path of parts that are names, and nothing else. Raises MlflowError for any other."""
    path = path.rstrip("/")
    for text in (path, unquote(path)):
        parts = text.split("/")
        strange = "\\" in text or not text.isprintable() or re.match(r"[A-Za-z]:", text) or "#" in text
        if text and (strange or any(part in ("", ".", "..") for part in parts)):
            raise invalid("Invalid path")
    return path


def owner_of(hub: Hub, path: str) -> tuple[Owner, str]:
    """Whose file a path of the proxy is, and which: <project>/<run>/artifacts/…, <project>/models/<id>/artifacts/…"""
    match = _OWNED.fullmatch(path)
    if match is not None:
        last = (match["prefix"] or "").rpartition("/")[2]
        kind = last if last in ("models", "traces") else "runs"
        if (hub.store.root / kind / match["id"]).is_dir():
            return (kind, match["id"]), match["rest"] or ""
    return ("files", LOOSE), path


def listing(files: dict[str, Json], folder: str) -> list[Json]:
    """What is in a folder, one level deep: paths from the top, folders with `is_dir`."""
    inside = folder + "/" if folder else ""
    found: dict[str, Json] = {}
    for path, item in files.items():
        if not path.startswith(inside):
            continue
        name, slash, _ = path[len(inside) :].partition("/")
        if slash:
            found[name] = {"path": inside + name, "is_dir": True}
        else:
            found[name] = {"path": path, "is_dir": False, "file_size": item["size"]}
    return [found[name] for name in sorted(found)]


def _files(hub: Hub, owner: Owner) -> dict[str, Json]:
    try:
        return {path: item for path, item in hub.files(*owner).items() if not path.startswith("/")}
    except RunNotFound:
        return {}


def of_run(call: Call) -> Json:
    """artifacts/list: the files of a run."""
    run_id, path = fields.run_id(call), clean(fields.text(call, "path"))
    document = get_document(call.hub, run_id)
    files = listing(_files(call.hub, ("runs", run_id)), path)
    answer: Json = {"root_uri": artifact_uri(call.hub, document)}
    return answer | ({"files": files} if files else {})


def of_proxy(call: Call) -> Json:
    """The proxy's own listing: paths are told from the folder that was asked for."""
    owner, folder = owner_of(call.hub, clean(call.argument("path")))
    files = listing(_files(call.hub, owner), folder)
    for item in files:
        item["path"] = item["path"][len(folder) + 1 :] if folder else item["path"]
    return {"files": files} if files else {}


async def put(call: Call, request: Request) -> Response:
    owner, path = owner_of(call.hub, clean(call.path["path"]))
    if not path:
        raise invalid("Invalid path")
    await receive(call.hub, owner, path, request)
    return Response(b"{}", media_type="application/json")


async def put_by_run(call: Call, request: Request) -> Response:
    """What MLflow's web pages upload: run and path are in the query."""
    run_id, path = call.argument("run_uuid") or call.argument("run_id"), clean(call.argument("path"))
    if not run_id or not path:
        raise invalid("Request must specify run_uuid and path.")
    await asyncio.to_thread(active_document, call.hub, run_id)
    await receive(call.hub, ("runs", run_id), path, request)
    return Response(b"{}", media_type="application/json")


async def receive(hub: Hub, owner: Owner, path: str, request: Request) -> None:
    """Keep a body as a file. It is written down as it comes, so that its size does not matter."""
    head = b""
    spooled = None
    try:
        async for part in request.stream():
            if spooled is None and len(head) + len(part) <= _IN_MEMORY_BYTES:
                head += part
                continue
            if spooled is None:
                spooled = tempfile.NamedTemporaryFile(dir=hub.uploads, delete=False)  # noqa: SIM115
                spooled.write(head)
            await asyncio.to_thread(spooled.write, part) if len(part) > 1 << 18 else spooled.write(part)
        if spooled is not None:
            spooled.close()
        await asyncio.to_thread(_keep, hub, owner, path, head if spooled is None else Path(spooled.name))
    finally:
        if spooled is not None:
            spooled.close()
            os.unlink(spooled.name)


def _keep(hub: Hub, owner: Owner, path: str, content: bytes | Path) -> None:
    kind, owner_id = owner
    if kind == "files" and not (hub.store.root / kind / owner_id).is_dir():
        try:
            hub.create("files", {"name": "loose files"}, LOOSE)
        except UsageError:
            pass  # another request was first
    hub.put_content(kind, owner_id, path, content)


def delete(call: Call) -> Json:
    owner, path = owner_of(call.hub, clean(call.path["path"]))
    try:
        call.hub.remove_file(*owner, path)
    except (NotFound, RunNotFound):
        pass  # as MLflow has it: what is not there is as good as deleted
    return {}


def get(call: Call) -> Response:
    owner, path = owner_of(call.hub, clean(call.path["path"]))
    return send(call, owner, path)


def get_by_run(call: Call) -> Response:
    """What MLflow's web pages show: run and path are in the query."""
    run_id, path = call.argument("run_uuid") or call.argument("run_id"), clean(call.argument("path"))
    get_document(call.hub, run_id)
    return send(call, ("runs", run_id), path)


def send(call: Call, owner: Owner, path: str) -> Response:
    """A file as an attachment that no browser runs: whole, or the range that was asked for."""
    item = _files(call.hub, owner).get(path)
    if item is None:
        raise missing(f"No such artifact: {path}")
    size, digest = item["size"], item["digest"]
    name = path.rpartition("/")[2]
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "accept-ranges": "bytes",
        "etag": f'"{digest}"',
        "last-modified": formatdate(item.get("time") or 0, usegmt=True),
        "cache-control": "private, no-cache",
    }
    if call.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    start, end, status = 0, size, 200
    asked = call.headers.get("range", "")
    if asked and call.headers.get("if-range", headers["etag"]) == headers["etag"]:
        found = _range(asked, size)
        if found is None:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
        start, end = found
        status = 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    if end - start <= _IN_MEMORY_BYTES:
        body = b"".join(_part(call.hub, digest, start, end))
        return Response(body, status, headers, kind)
    return StreamingResponse(_part(call.hub, digest, start, end), status, headers, kind)


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The bytes from … up to … of a Range header; all of them for one we don't take; None when there are none such."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        return (max(0, size - int(match[2])), size) if int(match[2]) and size else None
    start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
    return (start, end) if start < end else None


def _part(hub: Hub, digest: str, start: int, end: int) -> Iterator[bytes]:
    at = 0
    for piece in hub.objects.iter_bytes(digest):
        if at + len(piece) > start:
            yield piece[max(0, start - at) : end - at]
        at += len(piece)
        if at >= end:
            return


def no_multipart(call: Call) -> Json:
    raise MlflowError("NOT_IMPLEMENTED", "Multipart upload is not needed here: send the whole file with PUT.")


_PROXY = "/api/2.0/mlflow-artifacts"
_AJAX = "/ajax-api/2.0/mlflow-artifacts"
ROUTES = [
    *both("GET", "artifacts/list", of_run),
    *(
        route
        for prefix in (_PROXY, _AJAX)
        for route in (
            Route("GET", f"{prefix}/artifacts", of_proxy, style="mlflow"),
            Route("GET", prefix + "/artifacts/{path...}", get, style="mlflow"),
            Route("PUT", prefix + "/artifacts/{path...}", put, "write", "mlflow", streams=True),
            Route("DELETE", prefix + "/artifacts/{path...}", delete, "write", "mlflow"),
            *(
                Route("POST", prefix + f"/mpu/{step}" + "/{path...}", no_multipart, "write", "mlflow")
                for step in ("create", "complete", "abort")
            ),
        )
    ),
    Route("GET", "/get-artifact", get_by_run, style="mlflow"),
    Route("POST", "/ajax-api/2.0/mlflow/upload-artifact", put_by_run, "write", "mlflow", streams=True),
]
