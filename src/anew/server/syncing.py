"""Sync, the server's side: journals by offset, objects by digest, verdicts by hash. See docs/formats.md, "Sync"."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from blake3 import blake3
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from anew.api import resolve
from anew.errors import AnewError, CorruptData, NotFound, RunNotFound, UsageError
from anew.hub import Hub
from anew.routes import Call, Route
from anew.server.app import Refused, read_body
from anew.store import received
from anew.store.liveness import boot_id
from anew.store.objects import FileRef
from anew.store.objects.manifest import ENTRY
from anew.store.objects.record import BLOB, HEADER, RECORD_SIZE_MAX, decode, encode, split
from anew.sync.scan import referred
from anew.sync.verdicts import Verdicts

MOST_RUNS, MOST_DIGESTS, MOST_FETCHED = 1000, 10_000, 2_000
_MOST_VERDICTS = 1000
_MOST_LIST_BYTES = 512 << 20  # of chunks: 3 TB of content
_MOST_RECORD_BYTES = RECORD_SIZE_MAX + HEADER.size
_TAKE_IN_BYTES = 1 << 20
_OCTETS = "application/octet-stream"

_views: weakref.WeakKeyDictionary[Hub, Verdicts] = weakref.WeakKeyDictionary()
_views_lock = threading.Lock()


def _verdicts(hub: Hub) -> Verdicts:
    with _views_lock:
        if hub not in _views:
            _views[hub] = Verdicts(hub.ledger)
        return _views[hub]


def _strings(call: Call, name: str, most: int) -> list[str]:
    found = call.body.get(name, [])
    if not isinstance(found, list) or len(found) > most or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{name} must be a list of no more than {most:,} strings")
    return found


def _run_id(text: str) -> str:
    if not received.RUN_ID.fullmatch(text):
        raise UsageError(f"{text!r:.80} is not the id of a run")
    return text


def _whole(call: Call, name: str) -> int:
    return call.whole(name, 0, 0, 10**18 - 1)


# What is there


def find(call: Call) -> Any:
    run_id = resolve(call.hub.index(), call.argument("run"), "on this server")
    return {"run": run_id, "running": call.hub.document(run_id)["status"] == "running"}


def state(call: Call) -> Any:
    runs: dict[str, Any] = {}
    for run_id in _strings(call, "runs", MOST_RUNS):
        folder = call.hub.store.run(_run_id(run_id))
        sizes = received.sizes(folder)
        journals = {name: {"size": found.size, "sealed": found.sealed} for name, found in sizes.items()}
        runs[run_id] = {"journals": journals, "verdicts": list(_verdicts(call.hub).of(run_id))}
    return {"store": _identity(call.hub), "runs": runs}


def _identity(hub: Hub) -> str:
    """Tells a client that it is talking about its own store."""
    about = hub.store.root.stat()
    return f"{boot_id()}:{about.st_dev}:{about.st_ino}"


def heard(call: Call) -> Any:
    for name, alive in (("alive", True), ("gone", False)):
        for run_id in _strings(call, name, MOST_RUNS):
            if received.heard_of(call.hub.store.run(_run_id(run_id)), alive=alive):
                call.hub.arrived("runs", run_id)
    return {}


# Journals


async def append(call: Call, request: Request) -> Response:
    run_id, offset = _run_id(call.path["run"]), _whole(call, "offset")
    body = await read_body(dict(call.headers), request.receive, received.MOST_PIECE_BYTES)
    return await asyncio.to_thread(_append, call, run_id, offset, body)


def _append(call: Call, run_id: str, offset: int, body: bytes) -> Response:
    piece = _decoded(body, call.headers.get("content-encoding", ""))
    if blake3(piece).hexdigest() != call.argument("digest"):
        raise UsageError("these are not the bytes whose digest was given")
    # What the piece refers to may have come by another request, which is not answered yet.
    call.hub.objects.flush()
    try:
        size = received.append(call.hub.store.run(run_id), call.path["name"], offset, piece)
    except received.WrongOffset as error:
        body = json.dumps({"error": {"kind": "WrongOffset", "message": str(error)}, "size": error.size}).encode()
        return Response(body, 409, media_type="application/json")
    call.hub.arrived("runs", run_id)
    return Response(json.dumps({"size": size}).encode(), media_type="application/json")


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding != "zstd":
        raise Refused(415, f"Content-Encoding {encoding[:40]} is not known here; zstd is")
    from zstandard import ZstdDecompressor, ZstdError, frame_content_size

    try:
        # Asked first, because decompress() allocates whatever size the frame claims.
        if not 0 <= frame_content_size(body) <= received.MOST_PIECE_BYTES:
            raise Refused(413, f"a piece of a journal has {received.MOST_PIECE_BYTES:,} bytes at most")
        return bytes(ZstdDecompressor().decompress(body))
    except ZstdError as error:
        raise UsageError(f"the body is not zstd: {error}") from None


def read(call: Call) -> Any:
    """Whole frames from an offset on, up to `end`."""
    folder = call.hub.store.run(_run_id(call.path["run"]))
    name, offset, end = call.path["name"], _whole(call, "offset"), _whole(call, "end")
    if not received.NAME.fullmatch(name):
        raise UsageError(f"{name!r:.80} is not the name of a journal")
    try:
        piece = received.piece_of(folder / name, offset, min(end, (folder / name).stat().st_size))
    except FileNotFoundError:
        raise NotFound(f"run {folder.name} has no {name}") from None
    from zstandard import ZstdCompressor

    headers = {"x-anew-digest": blake3(piece).hexdigest()}
    if "zstd" in call.headers.get("accept-encoding", ""):
        small = ZstdCompressor(level=1).compress(piece)
        if len(small) < len(piece):
            return Response(small, headers={**headers, "content-encoding": "zstd"}, media_type=_OCTETS)
    return Response(piece, headers=headers, media_type=_OCTETS)


# Objects


def missing(call: Call) -> Any:
    return {"missing": call.hub.objects.missing(_strings(call, "digests", MOST_DIGESTS))}


async def put(call: Call, request: Request) -> Response:
    """Records, however many: taken in as they come, a megabyte at a time."""
    held = bytearray()
    count = 0
    try:
        async for part in request.stream():
            held += part
            if len(held) >= _TAKE_IN_BYTES:
                count += await asyncio.to_thread(_take_in, call.hub, held)
                if len(held) > _MOST_RECORD_BYTES:
                    raise UsageError("a record is larger than any can be")
    except ClientDisconnect:
        raise Refused(400, "the client left before its request was whole") from None
    count += await asyncio.to_thread(_take_in, call.hub, held)
    if held:
        raise UsageError("the last record is cut short")
    await asyncio.to_thread(call.hub.objects.flush)
    return Response(json.dumps({"stored": count}).encode(), media_type="application/json")


def _take_in(hub: Hub, held: bytearray) -> int:
    """Store the whole records that `held` begins with, and take them off it."""
    count = end = 0
    try:
        for raw, behind in split(bytes(held), "what was sent"):
            kind, _, content = decode(raw, "what was sent")
            if kind != BLOB:
                raise UsageError("only blobs are taken; large content is joined of its chunks")
            hub.objects.put_chunk(content)
            count, end = count + 1, behind
    except CorruptData as error:
        raise UsageError(str(error)) from None
    del held[:end]
    return count


def get(call: Call) -> Any:
    digests = _strings(call, "digests", MOST_FETCHED)
    return StreamingResponse(_records(call.hub, digests), media_type=_OCTETS)


def _records(hub: Hub, digests: list[str]) -> Iterator[bytes]:
    held: list[bytes | memoryview] = []
    size = 0
    for digest in digests:
        try:
            if hub.objects.size(digest) > RECORD_SIZE_MAX:
                raise UsageError("it is large: ask for its chunks")
            header, stored = encode(BLOB, bytes.fromhex(digest), hub.objects.get_bytes(digest))
        except AnewError as error:
            print(f"anew: object {digest[:80]!r} was asked for, and not sent: {error}", file=sys.stderr)
            continue  # the client sees that it did not come
        held += (header, stored)
        size += len(header) + len(stored)
        if size >= _TAKE_IN_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


async def join(call: Call, request: Request) -> Response:
    body = await read_body(dict(call.headers), request.receive, _MOST_LIST_BYTES)
    await asyncio.to_thread(_join, call.hub, call.path["digest"], body)
    return Response(b"{}", media_type="application/json")


def _join(hub: Hub, digest: str, body: bytes) -> None:
    if not body or len(body) % ENTRY.size:
        raise UsageError("the body must be a list of chunks, 40 bytes each")
    try:
        hub.objects.join(digest, (FileRef(key.hex(), size) for key, size in ENTRY.iter_unpack(body)))
    except CorruptData as error:
        raise UsageError(str(error)) from None
    hub.objects.flush()


def chunks(call: Call) -> Any:
    found = call.hub.objects.chunks(call.path["digest"])
    body = b"".join(ENTRY.pack(bytes.fromhex(chunk.digest), chunk.size) for chunk in found)
    return Response(body, media_type=_OCTETS)


def objects_of(call: Call) -> Any:
    """All that a run refers to, and its verdicts do, as far as it is kept here."""
    run_id = _run_id(call.path["run"])
    folder = call.hub.store.run(run_id)
    if not folder.is_dir():
        raise RunNotFound(f"no run {run_id}")
    problems: list[str] = []
    objects = call.hub.objects
    found = referred(folder, objects, _verdicts(call.hub).of(run_id).values(), problems)
    return {"objects": {digest: objects.size(digest) for digest in sorted(found)}, "problems": problems}


# Verdicts


def take_verdicts(call: Call) -> Any:
    run_id, entries = _run_id(call.path["run"]), call.body.get("entries")
    if not isinstance(entries, list) or len(entries) > _MOST_VERDICTS:
        raise UsageError(f"entries must be a list of no more than {_MOST_VERDICTS:,} verdicts")
    if not call.hub.store.run(run_id).is_dir():
        raise RunNotFound(f"no run {run_id}: its journals come first")
    return {"taken": _verdicts(call.hub).take(run_id, entries, call.actor)}


def give_verdicts(call: Call) -> Any:
    return {"entries": list(_verdicts(call.hub).of(_run_id(call.path["run"])).values())}


_BASE = "/api/v1/sync"
_LIST = {"type": "array", "items": {"type": "string"}}

ROUTES: list[Route] = [
    Route("GET", f"{_BASE}/find", find, about="the id of the run that a word means", arguments={"run": "the word"}),
    Route("POST", f"{_BASE}/state", state, about="how much of some runs is here", takes={"runs": _LIST}),
    Route(
        "POST", f"{_BASE}/heard", heard, "write", about="which runs are still written, and which no more",
        takes={"alive": _LIST, "gone": _LIST},
    ),
    Route(
        "PUT", f"{_BASE}/runs/{{run}}/journals/{{name}}", append, "write", streams=True,
        about="append to a journal", arguments={"offset": "its present size", "digest": "BLAKE3 of the bytes"},
    ),
    Route(
        "GET", f"{_BASE}/runs/{{run}}/journals/{{name}}", read, about="whole frames of a journal",
        arguments={"offset": "from here", "end": "no further than here"},
    ),
    Route("GET", f"{_BASE}/runs/{{run}}/objects", objects_of, about="digests and sizes of all that a run refers to"),
    Route("GET", f"{_BASE}/runs/{{run}}/verdicts", give_verdicts, about="verdicts on a run, and its deletions"),
    Route("POST", f"{_BASE}/runs/{{run}}/verdicts", take_verdicts, "write", about="enter such entries, each once"),
    Route("POST", f"{_BASE}/objects", put, "write", streams=True, about="put objects, as records of a pack"),
    Route("POST", f"{_BASE}/objects/missing", missing, about="which of these are not here", takes={"digests": _LIST}),
    Route("POST", f"{_BASE}/objects/get", get, about="these objects, as records of a pack", takes={"digests": _LIST}),
    Route("GET", f"{_BASE}/objects/{{digest}}/chunks", chunks, about="the chunks of a large object"),
    Route(
        "PUT", f"{_BASE}/objects/{{digest}}/chunks", join, "write", streams=True,
        about="make an object of chunks that are here",
    ),
]  # fmt: skip
