"""`anew reproduce`, `why`, `restore`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from anew.api import open_index, resolve
from anew.capture.sending import LEDGER, send
from anew.cli import text
from anew.cli.finding import two_runs
from anew.errors import NOT_REPRODUCIBLE, OK, UsageError
from anew.reproduction.verdict import VERDICTS, Options, Verdict
from anew.reproduction.verdict import reproduce as redo
from anew.store.location import find_store

_MOST_ITEMS = 40


def reproduce(arguments: argparse.Namespace) -> int:
    """Run it anew; 0 identical or equivalent, 3 diverged or failed, 4 not reproducible."""
    store = find_store()
    run_id = resolve(open_index(store), arguments.run)
    keep = Path(arguments.keep).absolute() if arguments.keep else None
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty; name a new folder for --keep")
    if arguments.times < 1:
        raise UsageError("--times is 1 or more")
    options = Options(
        in_place=arguments.in_place,
        environment=arguments.env,
        times=arguments.times,
        tolerance=_tolerances(arguments.tolerance),
        timeout_s=arguments.timeout,
        keep=keep,
    )
    text.progress(f"anew: running {run_id} again …")
    verdict = redo(store, run_id, options, lambda words: text.progress(f"anew: {words}"))
    send(store, LEDGER)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if arguments.json:
        text.say_json(verdict.to_dict())
    else:
        print("\n".join(_shown(verdict)))
    return verdict.exit_code


def _tolerances(words: list[str]) -> dict[str, float]:
    found = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or found[name] < 0:
            raise UsageError(f"--tolerance {word!r} is not METRIC=DIFFERENCE, such as metrics.val_acc=0.002")
    return found


def _shown(verdict: Verdict) -> list[str]:
    lines = [f"{text.verdict(verdict.verdict)}: {VERDICTS[verdict.verdict]}"]
    if verdict.error:
        lines.append(f"  {verdict.error}")
    lines += [f"  missing: {item['what']}: {item['why']}; {item.get('mend', '')}" for item in verdict.missing]
    same = [item for item in verdict.compared if item["equal"]]
    if verdict.compared:
        rules = sorted({rule for item in same for rule in item["rules"]})
        masked = f"; masked: {', '.join(rules)}" if rules else ""
        lines.append(f"  {len(same)} of {len(verdict.compared)} outputs are the same{masked}")
    lines += _items(verdict.compared)
    first = verdict.first_divergence
    if first:
        where = f"{_label(first)} {first.get('where', '')}".rstrip()
        lines.append(f"  first parts at {where}: {first.get('detail', '')}")
    for item in verdict.causes:
        lines.append(f"  cause: {_cause(item)}")
    if verdict.replayed:
        lines.append(f"  put back: {', '.join(item['what'] for item in verdict.replayed)}")
    if verdict.environment:
        how = verdict.environment
        differing = f", although {'; '.join(how['differences'])}" if how["differences"] else ""
        lines.append(f"  environment: {how['how']}{differing}")
    if verdict.note:
        lines.append(f"  {verdict.note}")
    if verdict.reproduction:
        lines.append(f"  evidence: anew diff {verdict.run} {verdict.reproduction}")
    if verdict.kept:
        lines.append(f"  kept in {verdict.kept}")
    return lines


def _items(compared: list[dict[str, Any]]) -> list[str]:
    lines = []
    for item in sorted(compared, key=lambda item: item["equal"])[:_MOST_ITEMS]:
        if item["equal"]:
            rules = f", masked: {', '.join(item['rules'])}" if item["rules"] else ""
            lines.append(f"    same     {_label(item)}  ({item['how']}{rules})")
        else:
            where = " ".join(filter(None, [item.get("where"), item.get("detail")]))
            lines.append(f"    {text.paint('differs', 'red')}  {_label(item)}  {where}")
    if len(compared) > _MOST_ITEMS:
        lines.append(f"    … and {len(compared) - _MOST_ITEMS} more; --json lists all")
    return lines


def _label(item: dict[str, Any]) -> str:
    """What was compared, in words: `metric loss`, `file model.pt`, `stdout`."""
    name = str(item["name"])
    return name if item["kind"].replace("_", " ") == name else f"{item['kind']} {name}"


def _cause(item: dict[str, Any]) -> str:
    before, after = (str(item.get(key) or "") for key in ("before", "after"))
    change = f": {before[:12] if len(before) == 64 else before} -> {after[:12] if len(after) == 64 else after}"
    detail = f"  ({item['detail'].splitlines()[0]})" if item.get("detail") and not before else ""
    return f"{item['factor']}, {item['what']}{change if before or after else ''}{detail}"


def why(arguments: argparse.Namespace) -> int:
    """What can have moved the result from A to B."""
    from anew.reproduction.why import why as explain

    store, _, a, b = two_runs(arguments)
    found = explain(store, a, b)
    if arguments.json:
        text.say_json(found.to_dict())
        return OK
    for item in found.moved:
        gap = f"  ({item['difference']:+.5g})" if item["difference"] is not None else ""
        print(f"{item['metric']}: {text.number(item['before'])} -> {text.number(item['after'])}{gap}")
    if found.others and not found.moved:
        print(f"the metrics are the same; what differs: {', '.join(_label(item) for item in found.others)}")
    if found.note:
        print(found.note)
    if found.causes:
        print("what differs:" if found.same_result else "what can have moved it, most likely first:")
    for number, item in enumerate(found.causes, 1):
        print(f"{number:3}. {_cause(item)}")
        if item.get("detail") and item.get("before"):
            print("\n".join("       " + line for line in item["detail"].splitlines()[:40]))
    return OK


def restore(arguments: argparse.Namespace) -> int:
    """Put a run's project into a folder; 4 when something of it is missing."""
    from anew.reproduction.restore import restore as put_back
    from anew.store.objects import Objects

    store = find_store()
    index = open_index(store)
    document = index.document(resolve(index, arguments.run))
    with Objects(store.objects) as objects:
        space = put_back(document, objects, Path(arguments.folder))
    if arguments.json:
        body = {"run": document["id"], "folder": str(space.root), "missing": space.missing, "redacted": space.redacted}
        text.say_json(body | {"command": str(space.root / "anew-run" / "command.sh")})
    else:
        print(f"{document.get('name')} ({document['id']}) is in {space.root}")
        print(f"  run it with {os.path.relpath(space.root / 'anew-run' / 'command.sh')}")
        for item in space.missing:
            print(f"  missing: {item['what']}: {item['why']}; {item['mend']}")
    return NOT_REPRODUCIBLE if space.missing else OK
