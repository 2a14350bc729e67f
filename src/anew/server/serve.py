"""Starting and stopping the server."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence

import uvicorn

from anew.errors import AnewError, UsageError
from anew.hub import Hub
from anew.server.accounts import Accounts
from anew.server.app import App, Settings, is_loopback
from anew.server.table import ROUTES
from anew.store.location import Store

_GRACE_S = 10


def serve(
    store: Store,
    host: str,
    port: int,
    *,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    as_json: bool = False,
    browser: bool = False,
) -> int:
    """Serve the store until SIGINT or SIGTERM. Raises UsageError for an address that others reach without accounts."""
    locked = not is_loopback(host)
    if locked and not Accounts(store.create().root / "accounts"):
        raise UsageError(
            f"on {host} everyone who reaches this machine could read and change everything; make an account first: "
            "anew token create NAME --scope admin"
        )
    listener = _listen(host, port)
    address = f"http://{'[' + host + ']' if ':' in host else host}:{listener.getsockname()[1]}"
    hub = Hub(store)
    try:
        app = App(hub, ROUTES, Settings(locked, hosts, origins))
        server = uvicorn.Server(_config(app))
        threading.Thread(target=_fill, args=(hub,), daemon=True).start()
        _say(address, store, as_json)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        # uvicorn, when it has shut down, sends itself the signal that it was told by: unheeded, that would be the end.
        signal.signal(signal.SIGTERM, _interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        hub.close()
        listener.close()
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks where a request came from
        timeout_graceful_shutdown=_GRACE_S,
        lifespan="off",
    )


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 65536:
        raise UsageError(f"a port is a number from 0 to 65535, not {port}; --port 0 takes any that is free")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio turns Nagle's delay off only for sockets that say TCP, and an answer whose head and
    # body go out apart would else wait 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AnewError(f"cannot listen on {host}:{port}: {error.strerror}; --port 0 takes any that is free") from error
    listener.listen(1024)
    listener.set_inheritable(True)
    return listener


def _fill(hub: Hub) -> None:
    """Bring the index up to date while the first requests already come."""
    try:
        for kind in ("runs", "models", "traces"):
            hub.look(kind)
    except AnewError as error:
        print(f"anew: {error}", file=sys.stderr)


def _say(address: str, store: Store, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"address": address, "store": str(store.root)}), flush=True)
        return
    print(f"Anew serves {store.root} at {address}   (Ctrl-C ends it)", flush=True)
    print(f"  MLflow's clients:  export MLFLOW_TRACKING_URI={address}", flush=True)
