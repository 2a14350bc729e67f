"""What a request to the registry or for webhooks carries: strict, as MLflow is here, with its texts."""

from __future__ import annotations

from typing import Any

from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.fields import missing_value, wrong_type
from anew.routes import Call


def sent(call: Call, name: str) -> Any:
    """A field of the query or the body; None for one that was not sent."""
    if call.method == "GET":
        values = call.arguments(name)
        return values[0] if values else None
    return call.body.get(name)


def text(call: Call, name: str, *, required: bool = False) -> str | None:
    """A text, None for one that was not sent. Raises MlflowError."""
    value = sent(call, name)
    if required and value in (None, ""):
        raise missing_value(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(name, value)
    return whole_characters(name, value) if value else value


def needed(call: Call, name: str) -> str:
    """A text that has to be there. Raises MlflowError."""
    return text(call, name, required=True) or ""


def texts(call: Call, name: str) -> list[str]:
    """Raises MlflowError."""
    value = call.arguments(name) if call.method == "GET" else call.body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_type(name, value)
    return [whole_characters(name, item) for item in value]


def whole(call: Call, name: str, default: int, most: int) -> int:
    """A whole number that is at most `most`. Raises MlflowError."""
    value = sent(call, name)
    if value is None:
        return default
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or number > most:
        raise wrong_type(name, value)
    return number


def tag_pairs(call: Call) -> list[tuple[str, str]]:
    """The tags of a request as they came. Raises MlflowError."""
    value = sent(call, "tags")
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong_type("tags", value)
    pairs = [(item.get("key"), item.get("value")) for item in value]
    found = []
    for key, said in pairs:
        if not isinstance(key, (str, type(None))) or not isinstance(said, (str, type(None))):
            raise wrong_type("tags", value)
        found.append((whole_characters("tags", key or ""), whole_characters("tags", said or "")))
    return found


def whole_characters(name: str, value: str) -> str:
    """Half a character of UTF-16 can be sent, but not answered: no list that holds it could be shown any more."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"The value for parameter '{name}' holds half a character: a lone surrogate.") from None
    return value
