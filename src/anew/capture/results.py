"""Numbers in a file that a run wrote: metrics that a pipeline says to be such."""

from __future__ import annotations

import json
import math
import os
import tomllib
from pathlib import Path

from anew.errors import AnewError
from anew.nesting import flatten

_MOST_BYTES = 1 << 20


def numbers_in(path: Path) -> dict[str, float]:
    """The numbers in a JSON, TOML or YAML file, by dotted names; none where it holds something else."""
    try:
        if os.stat(path).st_size > _MOST_BYTES:
            return {}
        text = path.read_text(encoding="utf-8")
        data = _parsed(path.suffix.lower(), text, str(path))
    except (OSError, ValueError, RecursionError, AnewError):
        return {}
    found = flatten(data, ".") if isinstance(data, dict) else {path.stem: data}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def _parsed(ending: str, text: str, name: str) -> object:
    if ending == ".toml":
        return tomllib.loads(text)
    if ending in (".yaml", ".yml"):
        from anew import yamltext

        return yamltext.load(text, name)
    return json.loads(text)
