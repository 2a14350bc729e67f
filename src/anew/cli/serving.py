"""`anew server`, `anew ui`, `anew token`."""

from __future__ import annotations

import argparse
import json
import sys
import time

from anew.cli.text import table
from anew.errors import OK, UsageError
from anew.store.location import find_store


def server(arguments: argparse.Namespace) -> int:
    from anew.server.serve import serve

    return serve(
        find_store(),
        arguments.host,
        arguments.port,
        hosts=arguments.allowed_host,
        origins=arguments.allowed_origin,
        as_json=arguments.json,
        browser=not getattr(arguments, "no_browser", True),
    )


ui = server


def token(arguments: argparse.Namespace) -> int:
    from anew.server.accounts import Accounts

    accounts = Accounts(find_store().create().root / "accounts")
    if arguments.action == "list":
        found = [
            {"name": one.name, "scope": one.scope, "created": one.created, "expires": one.expires}
            for one in accounts.all()
        ]
        if arguments.json:
            print(json.dumps({"accounts": found}))
        else:
            shown = [[str(one["name"]), str(one["scope"]), _day(one["created"]), _day(one["expires"])] for one in found]
            print(table(["name", "scope", "created", "expires"], shown))
        return OK
    if not arguments.name:
        raise UsageError(f"anew token {arguments.action} NAME")
    if arguments.action == "revoke":
        accounts.revoke(arguments.name)
        print(json.dumps({"revoked": arguments.name}) if arguments.json else f"{arguments.name} is revoked")
        return OK
    expires = time.time() + arguments.days * 86400 if arguments.days else None
    made = accounts.create(arguments.name, arguments.scope, expires)
    if arguments.json:
        print(json.dumps({"name": arguments.name, "scope": arguments.scope, "token": made, "expires": expires}))
    else:
        print(made)
        print("It is shown this once. MLflow's clients take it as MLFLOW_TRACKING_TOKEN.", file=sys.stderr)
    return OK


def _day(at: object) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at)) if isinstance(at, float) else "never"
