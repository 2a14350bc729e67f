"""Compares two runs, item by item: each metric, file, figure, logged value, summary, the output, the exit code.

An item is a dict: `kind`, `name`, `equal`, `how`, `rules` (what was masked, by name), and for what is not equal
`where`, `detail`, `max_difference`, `max_relative`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anew.errors import AnewError
from anew.reproduction.compare import Findings, Result, compare_files, compare_text
from anew.reproduction.compare.clocked import unit_of
from anew.reproduction.pairing import pair
from anew.reproduction.record import Record
from anew.reproduction.recreate import relative

Item = dict[str, Any]


def compare(a: Record, b: Record) -> list[Item]:
    """Every output of `a` against that of `b`. What only one of them has is not equal."""
    streams = [_stream(a, b, name) for name in ("stdout", "stderr")]
    items = [_exit_code(a, b), *_metrics(a, b, streams[0])]
    for kind in ("summary", "config", "tags"):
        items += _said(kind, a, b)
    with tempfile.TemporaryDirectory(prefix="anew-compare-") as folder:
        items += _files(a, b, Path(folder))
        items += _media(a, b, Path(folder))
    return items + streams


def equal(items: list[Item]) -> bool:
    return all(item["equal"] for item in items)


def first_divergence(items: list[Item], a: Record, b: Record) -> Item | None:
    """The earliest point where the two part: the first logged metric that differs, else the first other item."""
    differing = [item for item in items if not item["equal"]]
    metrics = [item for item in differing if item["kind"] == "metric" and item.get("index") is not None]
    if metrics:
        earliest = min(metrics, key=lambda item: (item["step"], item["index"]))
        return {key: earliest[key] for key in ("kind", "name", "step", "where", "detail")}
    kinds = ("stdout", "summary", "file", "figure", "media", "config", "tags", "stderr", "metric", "exit_code")
    order = {kind: number for number, kind in enumerate(kinds)}
    for item in sorted(differing, key=lambda item: order.get(item["kind"], 9)):
        return {key: item.get(key, "") for key in ("kind", "name", "where", "detail")}
    return None


def _item(kind: str, name: str, result: Result) -> Item:
    item: Item = {"kind": kind, "name": name, "equal": result.equal, "how": result.how, "rules": list(result.rules)}
    if not result.equal:
        item |= {"where": result.where, "detail": result.detail}
        item |= {"max_difference": result.max_difference, "max_relative": result.max_relative}
    return item


def _only(kind: str, name: str, in_record: bool) -> Item:
    detail = "only in the record: the other run did not make it" if in_record else "not in the record"
    return {"kind": kind, "name": name, "equal": False, "how": "presence", "rules": [], "where": "", "detail": detail}


def _exit_code(a: Record, b: Record) -> Item:
    codes = a.document.get("exit_code"), b.document.get("exit_code")
    item: Item = {"kind": "exit_code", "name": "exit code", "equal": codes[0] == codes[1], "how": "value", "rules": []}
    return item if item["equal"] else item | {"where": "", "detail": f"{codes[0]} -> {codes[1]}"}


def _metrics(a: Record, b: Record, stdout: Item) -> list[Item]:
    items = []
    for name in sorted(a.series.keys() | b.series.keys()):
        if name not in a.series or name not in b.series:
            item = _only("metric", name, name in a.series)
        else:
            item = _metric(name, a, b)
        if not item["equal"] and stdout["equal"] and name in a.printed | b.printed:
            # It is nothing but a word of the output, and the output was judged: a rate, say, that a rule let pass.
            item = {"kind": "metric", "name": name, "equal": True, "how": "as part of stdout", "rules": stdout["rules"]}
        items.append(item)
    return items


def _metric(name: str, a: Record, b: Record) -> Item:
    """Values by their bits, so that NaN is itself and -0.0 is not 0.0; steps with them."""
    item: Item = {"kind": "metric", "name": name, "how": "bit-exact, every point", "rules": []}
    (steps_a, values_a), (steps_b, values_b) = a.series[name], b.series[name]
    item |= {"points": len(values_a), "last": [_last(values_a), _last(values_b)]}
    common = min(len(values_a), len(values_b))
    bits_a, bits_b = (np.ascontiguousarray(v[:common]).view(np.uint64) for v in (values_a, values_b))
    off = (bits_a != bits_b) | (steps_a[:common] != steps_b[:common])
    if len(values_a) == len(values_b) and not off.any():
        return item | {"equal": True}
    if np.array_equal(steps_a, steps_b) and _are_clocked(values_a, values_b, off, Findings(a.side, b.side, name)):
        return item | {"equal": True, "rules": ["measured durations"]}
    index = int(off.argmax()) if off.any() else common
    item |= {"equal": False, "index": index, "max_difference": None, "max_relative": None}
    if index == common:
        longer = steps_a if len(steps_a) > common else steps_b
        detail = f"{len(values_a)} -> {len(values_b)} points"
        return item | {"step": _plain(longer[index]), "where": f"point {index}", "detail": detail}
    if len(values_a) == len(values_b):
        with np.errstate(all="ignore"):
            gap = np.abs(values_a - values_b)
            scale = np.maximum(np.abs(values_a), np.abs(values_b))
        if np.isfinite(gap).all():
            relative = np.divide(gap, scale, out=np.zeros_like(gap), where=scale > 0)
            item |= {"max_difference": float(gap.max()), "max_relative": float(relative.max())}
    detail = f"{values_a[index]!r} -> {values_b[index]!r}".replace("np.float64(", "").replace(")", "")
    return item | {"step": _plain(steps_a[index]), "where": f"step {_plain(steps_a[index])}", "detail": detail}


def _are_clocked(old: NDArray[np.float64], new: NDArray[np.float64], off: NDArray[np.bool_], found: Findings) -> bool:
    """Do all values that differ follow the clock?"""
    places = np.flatnonzero(off).tolist()
    pairs = ((i, float(old[i]), float(new[i])) for i in places)
    return all(found.is_clocked(f"[{i}]", x, y, (unit_of(repr(x)), unit_of(repr(y)))) for i, x, y in pairs)


def _last(values: NDArray[Any]) -> float | None:
    return float(values[-1]) if len(values) else None


def _plain(step: Any) -> float:
    return step.item() if hasattr(step, "item") else step  # type: ignore[no-any-return]


def _said(kind: str, a: Record, b: Record) -> list[Item]:
    """What the script said of itself by name: final values, settings, tags. Numbers by their bits, texts by line."""
    old, new = (record.document.get(kind) or {} for record in (a, b))
    items = []
    given = (a.document.get("declared") or {}).get("tags") or () if kind == "tags" else ()
    for name in sorted(old.keys() | new.keys()):
        if name in given and name not in new:
            continue  # said by whoever made the run, not by the script
        if name not in old or name not in new:
            items.append(_only(kind, name, name in old))
            continue
        before, after = _written(old[name]), _written(new[name])
        if before == after:
            items.append({"kind": kind, "name": name, "equal": True, "how": "value", "rules": []})
        elif '"' in before and '"' in after:
            items.append(_item(kind, name, compare_text(before, after, a.side, b.side)))
        elif kind == "summary" and _are_numbers(old[name], new[name]):
            found = Findings(a.side, b.side)
            found.differ_pair(name, old[name], new[name])
            items.append(_item(kind, name, found.result("value")) | {"where": ""})
        else:
            detail = f"{before} -> {after}"
            items.append(
                {"kind": kind, "name": name, "equal": False, "how": "value", "rules": [], "where": "", "detail": detail}
            )
    return items


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _written(value: Any) -> str:
    """A value as text that tells 1 from 1.0, and -0.0 from 0.0."""
    return json.dumps(value, sort_keys=True, default=repr)


def _files(a: Record, b: Record, folder: Path) -> list[Item]:
    roots = (a.side.root, b.side.root)
    told = {_named(item, a) for item in a.document.get("outputs", [])}
    told &= {_named(item, b) for item in b.document.get("outputs", [])}
    old, new = (
        {
            _named(item, record) if _named(item, record) in told else _place(item, record, roots): item
            for item in outputs
        }
        for record, outputs in ((record, record.document.get("outputs", [])) for record in (a, b))
    )
    items = []
    for mine, theirs, rules in pair(old, new, a.side, b.side):
        name = mine or theirs or ""
        before, after = old.get(mine or ""), new.get(theirs or "")
        kind = "figure" if (before or after or {}).get("type") == "figure" else "file"
        if before is None or after is None:
            items.append(_only(kind, name, before is not None))
            continue
        item = _item(kind, name, _stored(name, before, after, a, b, folder))
        if mine != theirs:
            item |= {"name_there": theirs, "rules": sorted({*item["rules"], *rules})}
        items.append(item)
    return sorted(items, key=lambda item: str(item["name"]))


def _named(item: dict[str, Any], record: Record) -> str:
    """The path of an output, or of the file that it stood for in a trial."""
    path = str(item["path"])
    return str(record.document.get("aside", {}).get(path, path))


def _place(item: dict[str, Any], record: Record, roots: tuple[str, str]) -> str:
    """The path of an output in the terms of the project, wherever that stood; ../ where it lies beside it.

    A script that names the project's folder outright writes there from a recreated one, too.
    """
    path = _named(item, record)
    if path != item["path"]:
        return relative(path, roots[0])  # it stood for a file as the first run knew it
    root = next((root for root in roots if path.startswith(root + "/")), None)
    return path[len(root) + 1 :] if root else relative(path, record.side.root)


def _stored(name: str, before: Item, after: Item, a: Record, b: Record, folder: Path) -> Result:
    if before.get("digest") and before.get("digest") == after.get("digest"):
        return Result(True, "bytes")
    if before.get("mark") and before.get("mark") == after.get("mark"):
        return Result(True, "mark of a secret")
    if not (before.get("stored", True) and after.get("stored", True)):
        why = "holds secrets, and is not" if before.get("secret") or after.get("secret") else "too large to be"
        return Result(False, "digest", detail=f"{why} kept: it changed, and how can't be told")
    paths = []
    for index, (item, record) in enumerate(((before, a), (after, b))):
        path = folder / str(index) / Path(name).name
        try:
            if item.get("kind") == "tree":
                return Result(False, "digest of the folder", detail="folders differ")
            record.objects.restore_file(item["digest"], path)
        except AnewError as error:
            return Result(False, "not compared", detail=str(error))
        paths.append(path)
    try:
        return compare_files(name, paths[0], paths[1], a.side, b.side)
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}


def _media(a: Record, b: Record, folder: Path) -> list[Item]:
    old, new = (record.document.get("media", []) for record in (a, b))
    keyed = [{(item["key"], item.get("step")): item for item in side} for side in (old, new)]
    items = []
    for key in sorted(keyed[0].keys() | keyed[1].keys(), key=repr):
        before, after = keyed[0].get(key), keyed[1].get(key)
        name = f"{key[0]} at step {key[1]}"
        if before is None or after is None:
            items.append(_only("media", name, before is not None))
            continue
        suffix = _SUFFIXES.get(before["type"], ".json" if before["type"].endswith("json") else ".bin")
        items.append(_item("media", name, _stored(f"media{suffix}", before, after, a, b, folder)))
    return items


def _stream(a: Record, b: Record, name: str) -> Item:
    return _item(name, name, compare_text(a.console.get(name, ""), b.console.get(name, ""), a.side, b.side))
