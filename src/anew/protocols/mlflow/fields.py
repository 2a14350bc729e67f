"""Fields of a request, checked as MLflow checks them, with its texts."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Callable
from typing import Any

from anew.index.columns import written
from anew.protocols.mlflow.errors import MlflowError, invalid
from anew.routes import Call

_HELP = " See the API docs for more information about request parameters."
_NAME = re.compile(r"[/\w.\- :]*")
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}", re.ASCII)
_HALF = 1 << 63
MOST_KEY = 250
MOST_PARAM = 6000
MOST_TAG = 8000

Pair = tuple[str, str]


def text(call: Call, name: str, *, required: bool = False, default: str = "") -> str:
    """A text of the body or the query. Raises MlflowError."""
    value = _sent(call, name, call.argument)
    if value is None or value == "":
        if required:
            raise missing_value(name)
        return default
    if not isinstance(value, str):
        raise wrong_type(name, value)
    return value


def _sent(call: Call, name: str, argument: Callable[[str], Any]) -> Any:
    """A value of the body, else of the query; None for one that was not sent."""
    value = call.body.get(name) if call.body else None
    return (argument(name) or None) if value is None and call.query else value


def whole(call: Call, name: str, *, required: bool = False, default: int | None = None) -> int | None:
    value = _sent(call, name, call.argument)
    if value is None:
        if required:
            raise missing_value(name)
        return default
    try:
        return as_whole(value)
    except ValueError:
        raise wrong_type(name, value) from None


def as_whole(value: Any) -> int:
    """A 64-bit whole number, also as text. Raises ValueError."""
    if type(value) is not int:
        if isinstance(value, str) or (type(value) is float and value.is_integer()):
            value = int(value)
        else:
            raise ValueError
    if not -_HALF <= value < _HALF:
        raise ValueError
    return int(value)


def as_number(value: Any) -> float:
    """A number, also as text: "NaN", "Infinity", "1.5". Raises ValueError."""
    if type(value) is float:
        return value
    if type(value) not in (int, str):
        raise ValueError
    try:
        return float(value)
    except OverflowError:
        raise ValueError from None


def shown_number(value: float) -> float | str:
    """A number as MLflow's JSON has it: what JSON can't say is a text."""
    if value - value == 0:
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def items(call: Call, name: str, *, required: bool = False) -> list[Any]:
    value = _sent(call, name, call.arguments)
    if value is None or value == "":
        if required:
            raise missing_value(name)
        return []
    if not isinstance(value, list):
        raise wrong_type(name, value)
    return value


def texts(call: Call, name: str, *, required: bool = False) -> list[str]:
    found = items(call, name, required=required)
    if not all(isinstance(item, str) for item in found):
        raise wrong_type(name, found)
    return found


def ids(request: str, name: str, sent: list[str], most: int) -> list[str]:
    """The ids that a request names: one at least, `most` at most. Raises MlflowError."""
    if not sent:
        raise invalid(f"{request} request must specify at least one {name}.")
    if len(sent) > most:
        raise invalid(f"{request} request cannot specify more than {most} {name}s. Received {len(sent)} {name}s.")
    return sent


def missing_value(name: str) -> MlflowError:
    return invalid(f"Missing value for required parameter '{name}'.{_HELP}")


def wrong_type(name: str, value: Any) -> MlflowError:
    hint = f" Hint: Value was of type '{type(value).__name__}'."
    return invalid(f"{invalid_value(name, value)}: {hint}{_HELP}")


def invalid_value(name: str, value: Any, why: str = "") -> str:
    try:
        shown = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except ValueError:
        shown = repr(value)
    return f"Invalid value {shown} for parameter '{name}' supplied" + (f": {why}" if why else "")


def check_run_id(value: str) -> None:
    if not _RUN_ID.fullmatch(value):
        raise invalid(invalid_value("run_id", value, "").rstrip(": ") + ".")


def check_name(name: str, path: str) -> None:
    """A key of a metric, a parameter or a tag. Raises MlflowError."""
    if not _NAME.fullmatch(name):
        why = (
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
            "slashes (/)."
        )
        raise invalid(invalid_value(path, name, why))
    norm = posixpath.normpath(name)
    if norm != name or norm == "." or norm.startswith(("..", "/")):
        why = (
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. "
            f"This name would resolve to {norm!r}"
        )
        raise invalid(invalid_value(path, name, why))


def check_length(what: str, most: int, value: str, *, cut: bool = False) -> str:
    """`value`, cut to `most` characters if it may be. Raises MlflowError."""
    if len(value) <= most:
        return value
    if cut:
        return value[:most]
    raise invalid(f"'{what}' exceeds the maximum length of {most} characters")


def check_tag(key: str, value: str, path: str = "") -> Pair:
    inner = f"{path}." if path else ""
    check_name(key, inner + "key")
    check_length(inner + "key", MOST_KEY, key)
    return key, check_length(inner + "value", MOST_TAG, value, cut=True)


def check_param(key: str, value: str, path: str = "") -> Pair:
    check_name(key, f"{path}.key" if path else "key")
    check_length("Param key", MOST_KEY, key)
    return key, check_length("Param value", MOST_PARAM, value, cut=True)


def as_config(params: dict[str, str]) -> dict[str, Any]:
    """The body of a config event: values as what they mean, and beside them the texts that these are not written as."""
    values = {key: typed(value) for key, value in params.items()}
    raw = {key: value for key, value in params.items() if _written(values[key]) != value}
    return {"values": values, "source": "mlflow"} | ({"raw": raw} if raw else {})


def is_plain(sent: str) -> bool:
    """Whether the index finds a parameter by this text, and nothing else with it."""
    return _written(typed(sent)) == sent


def _written(value: Any) -> str:
    """As the index writes a cell, which is a float64."""
    return written(float(value) if type(value) is int else value)


def typed(sent: str) -> Any:
    """What a parameter's text means: a number or a bool where it plainly is one."""
    for read in _READERS:
        try:
            return read(sent)
        except ValueError:
            continue
    return sent


def _whole(sent: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", sent):
        raise ValueError
    return int(sent)


def _number(sent: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|-?inf", sent):
        raise ValueError
    return float(sent)


def _flag(sent: str) -> bool:
    if sent.lower() not in ("true", "false"):
        raise ValueError
    return sent.lower() == "true"


_READERS: tuple[Callable[[str], Any], ...] = (_whole, _number, _flag)
