"""Nested dicts as flat ones: the names of settings and of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_DEEP = 16


def flatten(data: Mapping[Any, Any], separator: str, depth: int = MOST_DEEP) -> dict[str, Any]:
    """Nested dicts as one, with joined names; deeper than 16 levels they are left as they are.

    >>> flatten({"lr": 0.1, "model": {"depth": 3}}, ".")
    {'lr': 0.1, 'model.depth': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value and depth > 0:
            inner = flatten(value, separator, depth - 1)
            flat.update({f"{key}{separator}{name}": item for name, item in inner.items()})
        else:
            flat[str(key)] = value
    return flat
