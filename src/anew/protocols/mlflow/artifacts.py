"""MLflow's artifacts: the files of runs, models and traces, through a proxy that streams.

A path names an owner and a file of it, and is never a path of this machine. What lies under no owner is kept as loose
files of the store.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
import tempfile
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anew.errors import NotFound, RunNotFound, UsageError
from anew.hub import Hub
from anew.index.query import Field, In
from anew.protocols.mlflow.entities import Json, artifact_uri
from anew.protocols.mlflow.errors import MlflowError, invalid, missing
from anew.protocols.mlflow.messages import RUN, TEXT, Message
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import active_document, get_document
from anew.routes import Call, Route
from anew.store.objects.values import FileRef
from anew.transfer import give_out, take_in

LOOSE = "artifacts"  # the id of the loose files
_OWNED = re.compile(r"(?:(?P<prefix>.*?)/)?(?P<id>[A-Za-z0-9][\w-]*)/artifacts(?:/(?P<rest>.*))?", re.ASCII | re.DOTALL)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_DRIVE = re.compile(r"[A-Za-z]:")
_IN_MEMORY_BYTES = 1 << 20
# What people read is shown as text, whatever it is.
_TEXTS = {
    "txt", "log", "err", "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon", "toml", "yaml", "yml", "xml",
    "json", "js", "py", "py3", "csv", "tsv", "md", "rst", "mlmodel", "mlproject",
}  # fmt: skip
_LIST = Message(run_id=RUN, path=TEXT, page_token=TEXT)

Owner = tuple[str, str]  # kind, id


def clean(path: str, *, listed: bool = False) -> str:
    """A path of parts that are names, and nothing else. Raises MlflowError for any other.

    It is looked at in every state of decoding, and taken as it came. `listed`: what only names a folder to be listed
    may hold a backslash, which no file does.
    """
    path = path.rstrip("/")
    text, before = path, ""
    while text != before:
        parts = re.split(r"[/\\]", text) if listed else text.split("/")
        strange = not text.isprintable() or "\ufffd" in text or "#" in text or ("\\" in text and not listed)
        if text and (strange or any(part in ("", ".", "..") or _DRIVE.fullmatch(part) for part in parts)):
            raise invalid("Invalid path")
        text, before = unquote(text), text
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
            found[name] = {"path": path, "is_dir": False} | ({"file_size": item["size"]} if item["size"] else {})
    return [found[name] for name in sorted(found)]


def _files(hub: Hub, owner: Owner) -> dict[str, Json]:
    try:
        return {path: item for path, item in hub.files(*owner).items() if not path.startswith("/")}
    except RunNotFound:
        return {}


def of_run(call: Call) -> Json:
    """artifacts/list: the files of a run."""
    sent = _LIST.read(call)
    run_id, path = sent["run_id"], sent["path"]
    above = "./" if path == "." else ""
    path = "" if above else clean(path, listed=True)
    document = get_document(call.hub, run_id)
    files = listing(_files(call.hub, ("runs", run_id)), path)
    for item in files:
        item["path"] = above + item["path"]
    answer: Json = {"root_uri": artifact_uri(call.hub, document)}
    return answer | ({"files": files} if files else {})


def of_proxy(call: Call) -> Json:
    """The proxy's own listing: paths are told from the folder that was asked for."""
    path = clean(call.argument("path"), listed=True)
    owner, folder = owner_of(call.hub, path)
    files = listing(_files(call.hub, owner), folder)
    for item in files:
        item["path"] = item["path"][len(folder) + 1 :] if folder else item["path"]
    if owner[0] == "files":
        there = {item["path"] for item in files}
        files += [{"path": name, "is_dir": True} for name in _owners(call.hub, path) if name not in there]
    return {"files": files} if files else {}


def _owners(hub: Hub, path: str) -> list[str]:
    """What lies in a folder above those of runs and models: <project>, <project>/models, or that of one of them."""
    project_id, _, rest = path.partition("/")
    known = {project.id: project.name for project in hub.projects.all()}
    if project_id not in known:
        return []
    kind, name = ("models", rest.removeprefix("models").lstrip("/")) if rest.startswith("models") else ("runs", rest)
    if name:
        return ["artifacts"] if _files(hub, (kind, name)) else []
    node = In(Field("", "project"), (known[project_id],))
    found = [item["id"] for item in hub.index(kind).search(node, limit=None, strict=False) if item["outputs"]]
    if kind == "runs" and _owners(hub, f"{project_id}/models"):
        found.append("models")
    return sorted(found)


async def put(call: Call, request: Request) -> Response:
    if call.path["path"].endswith("/"):
        raise invalid("Artifact path must include a filename (cannot end with '/').")
    owner, path = owner_of(call.hub, clean(call.path["path"]))
    if not path:
        raise invalid("Invalid path")
    await receive(call.hub, owner, path, request)
    return Response(b"")


async def put_by_run(call: Call, request: Request) -> Response:
    """What MLflow's web pages upload: run and path are in the query."""
    run_id, path = call.argument("run_uuid") or call.argument("run_id"), call.argument("path")
    if not run_id:
        raise invalid("Request must specify run_uuid.")
    if not path:
        raise invalid("Request must specify path.")
    path = clean(path)
    await asyncio.to_thread(active_document, call.hub, run_id)
    await receive(call.hub, ("runs", run_id), path, request, some=True)
    return Response(b"", media_type="application/json")


async def receive(hub: Hub, owner: Owner, path: str, request: Request, *, some: bool = False) -> None:
    """Keep a body as a file. A large one goes into the store as it comes, so that its size does not matter.

    `some`: an empty one is refused. Raises UsageError where a file and a folder would have one name, and for a body
    that is not as long as was said.
    """
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() and len(announced) < 18 else None
    if some and not size:
        raise invalid("Request must specify data.")
    if size is None:
        await _spool(hub, owner, path, request)
    elif size <= _IN_MEMORY_BYTES:
        await asyncio.to_thread(_keep, hub, owner, path, await request.body())
    else:
        await asyncio.to_thread(_check_place, hub, owner, path)
        kept = await take_in(hub.objects, request.stream(), size)
        await asyncio.to_thread(_keep, hub, owner, path, kept)


async def _spool(hub: Hub, owner: Owner, path: str, request: Request) -> None:
    """A body whose size nobody knows is written down first."""
    with tempfile.NamedTemporaryFile(dir=hub.uploads) as file:
        async for part in request.stream():
            await asyncio.to_thread(file.write, part) if len(part) > 1 << 18 else file.write(part)
        file.flush()
        await asyncio.to_thread(_keep, hub, owner, path, Path(file.name))


def _check_place(hub: Hub, owner: Owner, path: str) -> None:
    """Before a large file comes. Raises UsageError."""
    try:
        hub.check_path(*owner, path)
    except RunNotFound:
        pass  # the loose files, before the first of them


def _keep(hub: Hub, owner: Owner, path: str, content: bytes | Path | FileRef) -> None:
    kind, owner_id = owner
    if kind == "files" and not (hub.store.root / kind / owner_id).is_dir():
        try:
            hub.create("files", {"name": "loose files"}, LOOSE)
        except UsageError:
            pass  # another request was first
    hub.put_content(kind, owner_id, path, content)


def delete(call: Call) -> Json:
    owner, path = owner_of(call.hub, clean(call.path["path"]))
    if owner[0] == "files" and not path:
        raise missing("The root of all artifacts is none.")
    try:
        call.hub.remove_file(*owner, path)
    except (NotFound, RunNotFound):
        pass  # as MLflow has it: what is not there is as good as deleted
    return {}


def get(call: Call) -> Response:
    whole = clean(call.path["path"])
    owner, path = owner_of(call.hub, whole)
    return send(call, owner, path, whole)


def get_by_run(call: Call) -> Response:
    """What MLflow's web pages show: run and path are in the query."""
    run_id, path = call.argument("run_uuid") or call.argument("run_id"), call.argument("path")
    if not run_id or not path:
        raise invalid("Request must specify run_id and path.")
    path = clean(path)
    document = get_document(call.hub, run_id)
    place = artifact_uri(call.hub, document).removeprefix("mlflow-artifacts:/")
    return send(call, ("runs", run_id), path, f"{place}/{path}")


def send(call: Call, owner: Owner, path: str, shown: str = "") -> Response:
    """A file of the owner's; see `give`. `shown`: what an error calls it."""
    files = _files(call.hub, owner)
    item = files.get(path)
    if item is None:
        inside = path + "/"
        if any(name.startswith(inside) for name in files):
            raise invalid(f"Artifact path refers to a directory, not a file: '{shown or path}'")
        raise missing(f"No such artifact: '{shown or path}'")
    return give(call, path.rpartition("/")[2], item["size"], item["digest"], item.get("time") or 0)


def give(call: Call, name: str, size: int, digest: str, written: float) -> Response:
    """A content as an attachment called `name` that no browser runs: whole, or the range that was asked for."""
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "accept-ranges": "bytes",
        "etag": f'"{digest}"',
        "last-modified": formatdate(written, usegmt=True),
        "cache-control": "private, no-cache",
    }
    if _has_it(call, headers["etag"], written):
        return Response(status_code=304, headers=headers)
    headers["content-type"] = _kind(name)
    start, end, status = 0, size, 200
    asked = call.headers.get("range", "")
    if asked and call.headers.get("if-range", headers["etag"]) == headers["etag"]:
        found = _range(asked, size)
        if found is None:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
        if found[1]:
            (start, end), status = found, 206
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    objects = call.hub.objects
    pieces = objects.iter_part(digest, start, end) if status == 206 else objects.iter_bytes(digest)
    if end - start <= _IN_MEMORY_BYTES:
        return Response(b"".join(pieces), status, headers)
    return StreamingResponse(give_out(pieces), status, headers)


def _kind(name: str) -> str:
    """The media type of a file, without a charset: of that nothing is known."""
    if name.rpartition(".")[2].lower() in _TEXTS:
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _has_it(call: Call, etag: str, changed: float) -> bool:
    """Whether the client has the file already."""
    known = call.headers.get("if-none-match")
    if known is not None:
        return known == etag
    try:
        since = parsedate_to_datetime(call.headers["if-modified-since"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
    return int(changed) <= since


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The bytes from … up to … of a Range header; none from 0 for one we don't take; None when there are none such."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not (match[1] or match[2]):
        return 0, 0
    if not match[1]:
        return (max(0, size - int(match[2])), size) if int(match[2]) and size else None
    start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
    return (start, end) if start < end else None


def no_multipart(call: Call) -> Json:
    what = "upload" if call.method == "POST" else "download"
    raise MlflowError("NOT_IMPLEMENTED", f"Multipart {what} is not supported for the current artifact repository")


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
            Route("GET", prefix + "/presigned/{path...}", no_multipart, style="mlflow"),
        )
    ),
    Route("GET", "/get-artifact", get_by_run, style="mlflow"),
    Route("POST", "/ajax-api/2.0/mlflow/upload-artifact", put_by_run, "write", "mlflow", streams=True),
]
