"""`anew runs`, `show`, `logs`, `tail`, `diff`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from anew.api import open_index, resolve
from anew.cli import text
from anew.errors import UsageError
from anew.index import Index
from anew.store.location import Store, find_store

Document = dict[str, Any]
_MOST_VARYING = 4


def runs(arguments: argparse.Namespace) -> int:
    """List what the query finds."""
    index = open_index()
    limit = arguments.limit or None
    if arguments.group:
        return _groups(index, arguments)
    columns = [name for name in arguments.columns.split(",") if name != "id"] if arguments.columns else None
    sort = arguments.sort or None
    found = index.search(arguments.query, sort=sort, limit=limit, columns=columns)
    if arguments.output:
        _write(found, columns is None, Path(arguments.output))
        print(f"{len(found)} runs written to {arguments.output}", file=sys.stderr)
    elif arguments.json:
        text.say_json({"runs": found, "count": index.count(arguments.query)})
    elif not found:
        print("no run passes" if arguments.query else f"no runs in {index.root} yet; start with: anew run SCRIPT")
    elif columns:
        print(text.table(["id", *columns], [[text.number(row.get(c)) for c in ["id", *columns]] for row in found]))
    else:
        print(_table(found))
        more = index.count(arguments.query) - len(found)
        if more > 0:
            print(f"… and {more} more; --limit 0 shows all", file=sys.stderr)
    return 0


def _write(found: list[Document], whole: bool, path: Path) -> None:
    """Rows to a file whose suffix says the format."""
    from anew.index import export

    rows = export.table(found) if whole else found
    if path.suffix == ".parquet":
        export.to_parquet(rows, path)
    elif path.suffix in (".csv", ".json"):
        path.write_text(export.to_csv(rows) if path.suffix == ".csv" else export.to_json(rows), encoding="utf-8")
    else:
        raise UsageError(f"--output {path}: the name must end in .csv, .json or .parquet")


def _groups(index: Index, arguments: argparse.Namespace) -> int:
    found = index.group(arguments.query, arguments.group, arguments.aggregate or ["count"])
    if arguments.json:
        text.say_json({"groups": found})
    elif found:
        head = list(found[0])
        print(text.table(head, [[text.number(row[name]) for name in head] for row in found]))
    return 0


def _table(found: list[Document]) -> str:
    metrics, config = _varying(found, "metrics"), _varying(found, "config")
    head = ["id", "name", "status", "grade", "verdict", "created", "took", *metrics, *config]
    rows = []
    for document in found:
        again = document.get("reproduction_of")
        row = [
            str(document["id"]),
            str(document.get("name", "")),
            text.verdict(str(document.get("status", ""))),
            str((document.get("grade") or {}).get("letter", "")),
            f"of {again}" if again else text.verdict(str(document.get("verdict") or "")),
            text.ago(document.get("created")),
            text.duration(document.get("duration_s")),
        ]
        row += [text.number(document.get("metrics", {}).get(name)) for name in metrics]
        row += [text.number(document.get("config", {}).get(name)) for name in config]
        rows.append(row)
    return text.table(head, rows)


def _varying(found: list[Document], part: str) -> list[str]:
    """The names that tell the runs apart, those most runs have first."""
    values: dict[str, list[Any]] = {}
    for document in found:
        for name, value in (document.get(part) or {}).items():
            values.setdefault(name, []).append(value)
    every = part == "metrics" or len(found) == 1
    told = [name for name, seen in values.items() if every or len({repr(value) for value in seen}) > 1]
    return sorted(told, key=lambda name: -len(values[name]))[:_MOST_VARYING]


def show(arguments: argparse.Namespace) -> int:
    """Everything about one run."""
    index = open_index()
    document = index.document(resolve(index, arguments.run))
    document.setdefault("verdicts", [])
    if arguments.json:
        text.say_json(document)
        return 0
    print("\n".join(_shown(document)))
    return 0


def _shown(document: Document) -> list[str]:
    code, environment = document.get("code") or {}, document.get("environment") or {}
    grade = document.get("grade") or {}
    name, status = text.paint(str(document.get("name")), "bold"), text.verdict(str(document.get("status")))
    user, host = document.get("user") or "?", document.get("host") or "?"
    lines = [
        f"{name}  {document['id']}  {status}",
        f"  project   {document.get('project') or ''}   by {user} on {host}",
        f"  command   {' '.join(document.get('command') or ['?'])}   in {document.get('cwd') or '?'}",
        f"  created   {text.ago(document.get('created'))}, took {text.duration(document.get('duration_s'))}",
    ]
    if document.get("reproduction_of"):
        lines.append(f"  this is a reproduction of {document['reproduction_of']}")
    if document.get("tags"):
        lines.append("  tags      " + ", ".join(f"{k}={v}" if v else k for k, v in document["tags"].items()))
    if document.get("notes"):
        lines.append(f"  notes     {document['notes']}")
    commit = f"commit {code['commit'][:12]}" if code.get("commit") else "no git commit"
    dirty = ", with changes" if code.get("dirty") else ""
    used, tree = len(code.get("used", {})), str(code.get("tree", ""))[:12]
    lines.append(f"  code      {commit}{dirty}; {used} files in use, tree {tree}")
    packages = environment.get("packages", {})
    lines.append(f"  runs on   Python {environment.get('python', '?')}, {len(packages)} packages in use")
    lines.append(f"  grade     {grade.get('letter', '?')}: {grade.get('means', 'not known')}")
    lines += [f"            - {gap['what']}: {gap['why']}; {gap['mend']}" for gap in grade.get("missing", [])]
    for verdict in document.get("verdicts", []):
        word, when = text.verdict(str(verdict.get("verdict"))), text.ago(verdict.get("time"))
        lines.append(f"  verdict   {word} {when} by {verdict.get('reproduction') or 'nothing that ran'}")
    lines += _section("config", document.get("config"))
    lines += _section("metrics", document.get("metrics"))
    lines += _section("summary", document.get("summary"))
    lines += _files("inputs", document.get("inputs", []))
    lines += _files("outputs", document.get("outputs", []))
    return lines


def _section(name: str, values: Document | None) -> list[str]:
    if not values:
        return []
    width = min(40, max(len(key) for key in values))
    return [f"  {name}"] + [f"    {key:<{width}}  {text.number(value)}" for key, value in list(values.items())[:60]]


def _files(name: str, items: list[Document]) -> list[str]:
    rows = [
        f"    {item['path']}  {text.size(item.get('size', 0))}  {str(item.get('digest', ''))[:12]}" for item in items
    ]
    more = [f"    … and {len(rows) - 40} more"] if len(rows) > 40 else []
    return [f"  {name}", *rows[:40], *more] if rows else []


def logs(arguments: argparse.Namespace) -> int:
    """What the run printed: its stdout on ours, its stderr on ours."""
    from anew.reproduction.record import load
    from anew.store.objects import Objects

    store = find_store()
    index = open_index(store)
    run_id = resolve(index, arguments.run)
    with Objects(store.objects) as objects:
        console = load(store, run_id, objects).console
    if arguments.json:
        text.say_json({"id": run_id, **console})
        return 0
    for stream, target in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        target.buffer.write(console.get(stream, "").encode("utf-8", "surrogateescape"))
        target.flush()
    return 0


def tail(arguments: argparse.Namespace) -> int:
    """Follow the console of a run until it ends."""
    from anew.reproduction.record import journals
    from anew.store.journal_reader import Event, JournalReader

    store = find_store()
    index = open_index(store)
    run_id = resolve(index, arguments.run)
    readers: dict[Path, JournalReader] = {}
    kept: dict[str, str] = {"stdout": "", "stderr": ""}
    while True:
        index.refresh()
        status = index.document(run_id)["status"]
        for path in journals(store, run_id):
            for item in readers.setdefault(path, JournalReader(path)):
                if isinstance(item, Event) and item.kind == "console":
                    words = item.body["data"].decode("utf-8", "replace")
                    if arguments.json:
                        kept[item.body["stream"]] += words
                    else:
                        print(words, end="", flush=True)
        if status != "running":
            break
        time.sleep(0.2)
    if arguments.json:
        text.say_json({"id": run_id, "status": status, **kept})
    return 0


def two_runs(arguments: argparse.Namespace) -> tuple[Store, Index, str, str]:
    """The store, its index, and the ids of runs `a` and `b`. Raises UsageError when they are one."""
    store = find_store()
    index = open_index(store)
    a, b = resolve(index, arguments.a), resolve(index, arguments.b)
    if a == b:
        raise UsageError(f"{arguments.a} and {arguments.b} are the same run, {a}")
    return store, index, a, b


def diff(arguments: argparse.Namespace) -> int:
    """What differs between two runs: factors, settings, results; or between two versions of data."""
    from anew.cli import versioning

    if versioning.is_version(arguments.a):
        return versioning.diff(arguments)
    from anew.reproduction.why import why

    store, index, a, b = two_runs(arguments)
    found = why(store, a, b)
    old, new = index.document(a), index.document(b)
    metrics = {
        name: [old.get("metrics", {}).get(name), new.get("metrics", {}).get(name)]
        for name in sorted(old.get("metrics", {}).keys() | new.get("metrics", {}).keys())
    }
    if arguments.json:
        text.say_json({"a": a, "b": b, "factors": found.causes, "metrics": metrics, "outputs": found.others})
        return 0
    print(f"{old.get('name')} ({a})  ->  {new.get('name')} ({b})")
    for item in found.causes:
        change = f"{_short(item['before'])} -> {_short(item['after'])}"
        print(f"\n{text.paint(item['factor'], 'bold')}  {item['what']}: {change}")
        if item.get("detail"):
            print("\n".join("  " + line for line in item["detail"].splitlines()))
    rows = [[name, text.number(x), text.number(y)] for name, (x, y) in metrics.items()]
    print("\n" + text.table(["metric", a[:8], b[:8]], rows) if rows else "\nno metrics")
    for item in found.others:
        print(f"{item['kind']} {item['name']}: {item.get('detail') or 'differs'} {item.get('where', '')}".rstrip())
    if not found.causes and not found.others:
        print("nothing differs")
    return 0


def _short(value: Any) -> str:
    shown = text.number(value) or "nothing"
    return shown[:12] if len(shown) == 64 else shown
