"""Reads numbers that a script prints as `name: value`, so that an unmodified script has metrics to search by."""

from __future__ import annotations

import functools
import re

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
_PAIR = re.compile(
    r"(?<![\w./])([A-Za-z][\w/.@^-]*(?: \(?[A-Za-z][\w/.@^-]*\)?){0,3})\s?[:=]\s*"
    rf"({_NUMBER})\s?(%?)(?=$|[\s,;|)\]}}])(?!\s*(?:s|ms|us|µs|sec|secs|seconds|min|mins|minutes|h|hours|[KMG]i?B|it/s)\b)",
    re.I,
)
_TOKEN = re.compile(r"(?<![\w.])([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?))")
_STEP = re.compile(r"\b(epoch|step|iter(?:ation)?|round|batch)s?\b\s*[#:=\[(]?\s*(\d+)", re.I)
_STEP_WORD = re.compile("epoch|step|iter|round|batch", re.I)
# Clocks, sizes and ids are printed in the same form, and are no results.
_NOT_A_METRIC = re.compile(
    r"(time|elapsed|eta|duration|seconds?|took|speed|throughput|date|pid|port|version|memory|ram|step|epoch|iter(ation)?|"
    r"seed|line|id|http|https|batch)$",
    re.I,
)


_Plan = tuple[int | None, list[tuple[str, int]]]
# How lines of one make are read: their words to which of their numbers is what; None where each has to be looked at.
_plans: dict[tuple[str, ...], _Plan | None] = {}
_MOST_PLANS = 4096


def scalars(line: str) -> tuple[int | None, dict[str, float]]:
    """The step and the named numbers on a line of output; names in lower case with underscores for spaces.

    >>> scalars("Epoch 3/10 - loss: 0.25 - val acc: 91.5%")
    (3, {'loss': 0.25, 'val_acc': 91.5})
    """
    if len(line) > 500 or not (":" in line or "=" in line):
        return None, {}
    parts = _TOKEN.split(line)
    words = tuple(parts[::2])
    if words not in _plans:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        _plans[words] = _plan(line)
    plan = _plans[words]
    if plan is None or (plan[0] is not None and not parts[plan[0]].isdecimal()):
        return _read(line)
    step, names = plan
    return (int(parts[step]) if step is not None else None), {name: float(parts[at]) for name, at in names}


def _read(line: str) -> tuple[int | None, dict[str, float]]:
    step = _STEP.search(line)
    values = {}
    for name, number, _percent in _PAIR.findall(line):
        name = _metric(name)
        if name:
            values[name] = float(number)
    return (int(step[2]) if step else None), values


def _plan(line: str) -> _Plan | None:
    """Which parts of `_TOKEN.split` are the step and the values; None when one of them is not a part of its own."""
    places = {match.span(): 2 * index + 1 for index, match in enumerate(_TOKEN.finditer(line))}
    step = _STEP.search(line)
    if step and (step.span(2) not in places or not step[2].isdecimal()):
        return None
    if not step and _STEP_WORD.search(line):
        return None  # the next line of this make may have a step where this one has -1, say
    names: dict[str, int] = {}
    for match in _PAIR.finditer(line):
        name = _metric(match[1])
        if match.span(2) not in places:
            return None
        if name:
            names[name] = places[match.span(2)]
    return (places[step.span(2)] if step else None), list(names.items())


@functools.lru_cache(1024)  # the same few names come with every line
def _metric(name: str) -> str:
    """The name as it is kept; "" for what is no metric."""
    name = re.sub(r"[\s()]+", "_", name.strip()).strip("_").lower()
    return "" if _NOT_A_METRIC.search(name) or len(name) > 60 else name
