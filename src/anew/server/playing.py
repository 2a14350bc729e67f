"""Films and sounds, played from an address: a browser asks for them part by part, and sends no token of ours with it.

Where accounts are asked for, the address says who asks and until when, and is signed with the hash of that account's
token, which only the store holds. So it opens one content of one run, ends with its account, and holds on every server
over the store.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from anew.errors import NotFound
from anew.routes import Call, Route
from anew.server.accounts import Account, Accounts
from anew.server.provenance import content

_FOR_S = 12 * 3600  # a film that is paused over a meal goes on
_BASE = "/api/v1"


def link(call: Call) -> dict[str, Any]:
    """Where this content can be played from."""
    run, digest = call.hub.document(call.path["id"])["id"], call.path["digest"]
    there = f"{quote(run, safe='')}/{{}}{quote(digest, safe='')}"
    if call.actor is None:
        return {"address": f"{_BASE}/runs/{there.format('contents/')}"}
    account = _account(call, call.actor)
    if account is None:
        raise NotFound(f"no account {call.actor!r}")
    until = str(int(time.time()) + _FOR_S)
    said = {"by": account.name, "until": until, "signature": _signature(account, run, digest, until)}
    return {"address": f"{_BASE}/played/{there.format('')}?{urlencode(said)}"}


def played(call: Call) -> Response:
    """The content, or the part of it that is asked for."""
    by, until = call.argument("by"), call.argument("until")
    account = _account(call, by)
    signed = _signature(account, call.path["id"], call.path["digest"], until) if account else ""
    given = call.argument("signature").encode("utf-8", "replace")
    if not account or not hmac.compare_digest(signed.encode(), given) or int(until) < time.time():
        raise NotFound("this address has ended, or was never given out: load the page again")
    return content(call)


def _account(call: Call, name: str) -> Account | None:
    accounts = Accounts(call.hub.store.root / "accounts").all()
    found = next((account for account in accounts if account.name == name), None)
    return None if found is None or (found.expires is not None and found.expires < time.time()) else found


def _signature(account: Account, run: str, digest: str, until: str) -> str:
    said = "\n".join(("played", run, digest, until))
    return hmac.new(account.digest.encode(), said.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


ROUTES = [
    Route("GET", f"{_BASE}/runs/{{id}}/contents/{{digest}}/address", link,
          about="where a browser can play a content from", gives="Address"),
    Route("GET", f"{_BASE}/played/{{id}}/{{digest}}", played, "public",
          about="a content by such an address; takes Range"),
]  # fmt: skip
