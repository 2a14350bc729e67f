"""Pages of an answer, and the opaque tokens that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TypeVar

from anew.protocols.mlflow.errors import invalid

Item = TypeVar("Item")


def page(items: Sequence[Item], most: int, token: str) -> tuple[list[Item], str]:
    """The items behind `token`, `most` of them, and the token of those that follow, "" for none."""
    start = offset_of(token)
    shown = list(items[start : start + most])
    return shown, token_of(start + most) if start + most < len(items) else ""


def offset_of(token: str) -> int:
    """Raises MlflowError for what is no token of ours."""
    if not token:
        return 0
    try:
        offset = json.loads(base64.b64decode(token, validate=True))["offset"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise invalid("Invalid page token") from None
    if not isinstance(offset, int) or offset < 0:
        raise invalid("Invalid page token")
    return offset


def token_of(offset: int) -> str:
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()
