"""Pages of an answer, and the opaque tokens that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from typing import TypeVar

from anew.protocols.mlflow.errors import invalid

Item = TypeVar("Item")


def page(items: Sequence[Item], most: int, token: str, asked: str = "") -> tuple[list[Item], str]:
    """The items behind `token`, `most` of them, and the token of those that follow, "" for none."""
    start = offset_of(token, asked)
    shown = list(items[start : start + most])
    return shown, token_of(start + most, asked) if start + most < len(items) else ""


def offset_of(token: str, asked: str = "") -> int:
    """Raises MlflowError for what is no token of ours, or came with an answer to something else than `asked`."""
    if not token:
        return 0
    try:
        held = json.loads(base64.b64decode(token, validate=True))
        offset, of = held["offset"], held.get("of")
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise invalid("Invalid page token") from None
    if not isinstance(offset, int) or offset < 0:
        raise invalid("Invalid page token")
    if asked and of != _digest(asked):
        raise invalid("The page token belongs to another question.")
    return offset


def token_of(offset: int, asked: str = "") -> str:
    held: dict[str, int] = {"offset": offset} | ({"of": _digest(asked)} if asked else {})
    return base64.b64encode(json.dumps(held).encode()).decode()


def _digest(asked: str) -> int:
    return zlib.crc32(asked.encode("utf-8", "surrogatepass"))
