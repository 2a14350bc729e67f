"""Live updates: which runs change, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from anew.routes import Call

_EVERY_S = 0.1
_ALIVE_EVERY_S = 15.0
_MOST_TOLD = 1000  # more at once, and the client is told to look at everything again


async def live(call: Call, request: Request) -> StreamingResponse:
    """Events `runs` with the ids of the runs that changed ({"runs": […]}; null when too many did).

    After a cut a client says with Last-Event-ID where it was. What changed meanwhile comes first.
    """
    last = request.headers.get("last-event-id", "")
    moment, _ = await asyncio.to_thread(call.hub.changes, -1)
    since = int(last) if last.isdigit() and int(last) <= moment else moment

    async def events() -> AsyncIterator[bytes]:
        nonlocal since
        yield b"retry: 1000\n\n"
        quiet_s = 0.0
        while not await request.is_disconnected():
            now, changed = await asyncio.to_thread(call.hub.changes, since)
            if now != since:
                since, quiet_s = now, 0.0
                told = sorted(changed) if len(changed) <= _MOST_TOLD else None
                yield f"id: {now}\nevent: runs\ndata: {json.dumps({'runs': told})}\n\n".encode()
            elif quiet_s >= _ALIVE_EVERY_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(_EVERY_S)
            quiet_s += _EVERY_S

    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
