"""Accounts: tokens that let a client read, write or administer. Only a token's hash is kept.

With no token there are no accounts, and the server serves loopback alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from anew.errors import Conflict, NotFound, UsageError

PREFIX = "anew_"
SCOPES = ("read", "write", "admin")


@dataclass(frozen=True)
class Account:
    """`digest`: SHA-256 (hex) of the token, which has 256 random bits, so that no salt or stretching is needed."""

    name: str
    scope: str
    digest: str
    created: float
    expires: float | None = None

    def allows(self, scope: str) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class Accounts:
    """The accounts of a store, in the file `accounts` beside its ledger, which its owner alone can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = 0
        self._by_digest: dict[str, Account] = {}

    def __bool__(self) -> bool:
        self._load()
        return bool(self._by_digest)

    def all(self) -> list[Account]:
        self._load()
        return sorted(self._by_digest.values(), key=lambda account: account.name)

    def create(self, name: str, scope: str, expires: float | None = None) -> str:
        """Make an account; returns its token, which is not kept and can't be shown again.

        Raises UsageError, Conflict.
        """
        if scope not in SCOPES:
            raise UsageError(f"a scope is one of {', '.join(SCOPES)}, not {scope!r}")
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError("an account's name has 1 to 100 printable characters")
        if any(account.name == name for account in self.all()):
            raise Conflict(f"there is an account {name!r}; anew token revoke {name} ends it")
        token = PREFIX + secrets.token_urlsafe(32)
        account = Account(name, scope, _digest(token), time.time(), expires)
        self._save([*self.all(), account])
        return token

    def revoke(self, name: str) -> None:
        """Raises NotFound."""
        left = [account for account in self.all() if account.name != name]
        if len(left) == len(self._by_digest):
            raise NotFound(f"no account {name!r}")
        self._save(left)

    def of(self, authorization: str) -> Account | None:
        """The account that an Authorization header speaks for: Bearer, or Basic with the token as password."""
        self._load()
        account = self._by_digest.get(_digest(_token(authorization)))
        if account is None or (account.expires is not None and account.expires < time.time()):
            return None
        return account

    def _load(self) -> None:
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self._stamp, self._by_digest = 0, {}
            return
        if stamp != self._stamp:
            found = [Account(**entry) for entry in json.loads(self._path.read_text())]
            self._by_digest = {account.digest: account for account in found}
            self._stamp = stamp

    def _save(self, accounts: list[Account]) -> None:
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump([asdict(account) for account in accounts], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        self._stamp = 0


def _token(authorization: str) -> str:
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
