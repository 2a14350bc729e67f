"""`anew remote`, `push`, `fetch`, `pull` of data, and `anew verify --remote`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anew.cli import text
from anew.cli.versioning import workspace
from anew.data import pointer as pointers
from anew.errors import ERROR, OK, NotFound, UsageError
from anew.remotes.config import Config, RemoteConfig
from anew.remotes.parallel import Tally
from anew.store.location import find_store, project_root

if TYPE_CHECKING:
    from anew.data.datasets import Dataset, Version
    from anew.data.pointer import Pointer
    from anew.data.workspace import Workspace
    from anew.remotes.fetch import Taken
    from anew.remotes.remote import Remote

_SHOW_EVERY_S = 0.1


def remote(arguments: argparse.Namespace) -> int:
    """Name the places that the project's data is shared through."""
    config = Config(find_store(), project_root(Path.cwd()))
    if arguments.action == "list":
        return _list(config, arguments)
    if not arguments.name or (arguments.action == "add") != bool(arguments.url):
        raise UsageError(f"anew remote {arguments.action} NAME{' URL' if arguments.action == 'add' else ''}")
    if arguments.local:
        find_store().create()
    if arguments.action == "add":
        added = config.add(
            arguments.name, arguments.url, _options(arguments.set), local=arguments.local, default=arguments.default
        )
        said = f"{added.name} is {added.url}"
    elif arguments.action == "remove":
        config.remove(arguments.name)
        said = f"{arguments.name} is no remote any more; what it holds stays"
    else:
        config.set_default(arguments.name, local=arguments.local)
        said = f"{arguments.name} is the default"
    if arguments.json:
        text.say_json([_shown(config, found) for found in config.all()])
    else:
        print(said)
    return OK


def _options(said: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in said]
    if wrong := [name for name, equals, value in pairs if not equals or not value]:
        raise UsageError(f"--set {wrong[0]}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _list(config: Config, arguments: argparse.Namespace) -> int:
    found = [_shown(config, one) for one in config.all()]
    if arguments.json:
        text.say_json(found)
    elif found:
        rows = [[f["name"], f["url"], "default" if f["default"] else "", "local" if f["local"] else ""] for f in found]
        print(text.table(["name", "url", "", ""], rows))
    else:
        print("no remote yet; `anew remote add NAME URL` names one")
    return OK


def _shown(config: Config, found: RemoteConfig) -> dict[str, Any]:
    shown = {"name": found.name, "url": found.url, "options": dict(found.options), "local": found.local}
    return shown | {"default": found.name == config.default()}


def push(arguments: argparse.Namespace) -> int:
    """Send versions to a remote; without names, all of the datasets that the project points to."""
    from anew.remotes.push import Push

    with workspace() as work, _opened(arguments, "pushed") as there:
        wanted = _to_push(work, arguments.data)
        there.look()
        pushed = Push(there, work.objects).push(wanted)
    body = {"remote": there.name, "versions": [v.label for v in pushed.new], "known": [v.label for v in pushed.known]}
    words = ", ".join(v.label for v in pushed.new) or "nothing new"
    return _say(arguments, there, body, f"{words} to {there.name}")


def fetch(arguments: argparse.Namespace) -> int:
    """Bring content of versions into the store, and nothing else."""
    with workspace() as work, _opened(arguments, "fetched") as there:
        wanted, _ = _bring(work, there, arguments.data, ledger=False)
    body = {"remote": there.name, "versions": [version.label for version, _ in wanted]}
    words = ", ".join(version.label for version, _ in wanted) or "nothing to fetch"
    return _say(arguments, there, body, f"{words} from {there.name}")


def pull(arguments: argparse.Namespace) -> int:
    """Bring versions: content, their entries, and the data where it belongs."""
    with workspace() as work, _opened(arguments, "pulled") as there:
        work.store.create()
        wanted, taken = _bring(work, there, arguments.data, ledger=True)
        done = []
        for version, pointer in wanted:
            work.checkout(pointer or work.pointer_of(version), force=arguments.force)
            done.append(version.label)
    moved = [(before, after) for each in taken for before, after in each.moved]
    body = {
        "remote": there.name,
        "versions": done,
        "new": [version.label for each in taken for version in each.new],
        "moved": [{"before": before.label, "after": after.label} for before, after in moved],
    }
    for before, after in moved:
        print(f"anew: {there.name} has another {before.label}: yours is {after.label} now", file=sys.stderr)
    return _say(arguments, there, body, f"{', '.join(done) or 'nothing to pull'} from {there.name}")


def is_about_data(arguments: argparse.Namespace) -> bool:
    """Whether `anew pull` means data: unless a server is named, or one is set and what is named is no data here."""
    if arguments.server:
        return False
    words = arguments.data
    if len(words) != 1 or arguments.remote or arguments.force:
        return True
    from anew.store.location import server_address

    return not server_address() or _names_data(words[0])


def _names_data(word: str) -> bool:
    if _is_path(word) or (set(word) & {":", "@"} and not word.startswith("best:")):
        return True
    with workspace() as work:
        return any(dataset.name == word for dataset in work.datasets.all())


def verify_remote(arguments: argparse.Namespace) -> int:
    """Read all of a remote; 1 when something there is broken."""
    from anew.remotes.verify import Verify

    with _opened(arguments, "read") as there:
        there.look()
        there.expect_filled()
        checking = Verify(there)
        problems = [{"kind": p.kind, "where": p.where, "message": p.message} for p in checking.problems()]
    body = {"remote": there.name, "objects": checking.objects, "versions": checking.versions, "problems": problems}
    if arguments.json:
        text.say_json(body)
        return ERROR if problems else OK
    print(f"{checking.objects:,} objects and {checking.versions} versions: checked at {there.name}")
    for item in problems:
        print(f"  {text.paint('broken', 'red')} {item['kind']} {item['where']}: {item['message']}")
    if problems:
        healing = "is set aside; `anew push` from where it is good brings it again"
        print(
            f"{len(problems)} problems; what is damaged {healing if there.place.writable else 'has to be pushed again'}"
        )
    else:
        print("everything holds")
    return ERROR if problems else OK


def _to_push(work: Workspace, words: Sequence[str]) -> list[Version]:
    if not words:
        names = dict.fromkeys(pointer.dataset for pointer in work.tracked())
        if not names:
            raise NotFound("no data is versioned here; name a dataset to push, or `anew add PATH` first")
        return [version for name in names for version in work.datasets.get(name).versions.values()]
    found: list[Version] = []
    for word in words:
        if _is_path(word):
            found += [work.at(pointer) for pointer in work.tracked(Path(os.path.abspath(word)))]
        elif set(word) & {":", "@"}:
            found.append(work.datasets.version(word))
        else:
            found += work.datasets.get(word).versions.values()
    return list({version.label: version for version in found}.values())


def _bring(
    work: Workspace, there: Remote, words: Sequence[str], *, ledger: bool
) -> tuple[list[tuple[Version, Pointer | None]], list[Taken]]:
    """Fetch what is named, or what the project points to; each version with its pointer, and what the ledger took."""
    from anew.remotes.fetch import Fetch, take_in

    there.look()
    there.expect_filled()
    named = _named(work, there, words)
    fetching = Fetch(there, work.objects)
    ready: dict[str, None] = {}
    for version, _ in named:
        if version.digest not in ready:
            fetching.version(version)
            ready[version.digest] = None
    taken = []
    if ledger:
        names = dict.fromkeys(version.name for version, _ in named)
        taken = [take_in(work.datasets, there.versions(name)) for name in names]
    return named, taken


def _named(work: Workspace, there: Remote, words: Sequence[str]) -> list[tuple[Version, Pointer | None]]:
    """The versions that are meant. Raises NotFound for one that neither the remote nor this store has."""
    from anew.data.datasets import pick

    tracked = list(work.tracked())
    datasets: dict[str, Dataset] = {}
    found: list[tuple[Version, Pointer | None]] = []

    def of(name: str) -> Dataset:
        if name not in datasets:
            datasets[name] = there.dataset(name)
        return datasets[name]

    for word in words or [""]:
        name, _, wanted = word.replace("@", ":", 1).partition(":")
        if not word or _is_path(word):
            pointed = list(work.tracked(Path(os.path.abspath(word)))) if word else tracked
        elif not wanted and (pointed := [pointer for pointer in tracked if pointer.dataset == name]):
            pass
        else:
            version = pick(of(name), wanted or "latest")
            if version is None:
                there_are = ", ".join(f"v{number}" for number in of(name).versions)
                raise NotFound(f"{there.name} has no {name}:{wanted}; there are {there_are}")
            found.append((version, None))
            continue
        found += [(_pointed(work, of, pointer, there), pointer) for pointer in pointed]
    return found


def _pointed(work: Workspace, of: Callable[[str], Dataset], pointer: Pointer, there: Remote) -> Version:
    try:
        if version := of(pointer.dataset).with_digest(pointer.digest):
            return version
    except NotFound:
        pass
    try:
        return work.at(pointer)
    except NotFound:
        raise NotFound(
            f"{there.name} has not the version that {pointer.file} names ({pointer.dataset} {pointer.digest[:12]}): "
            "it has to be pushed from where it was made"
        ) from None


def _is_path(word: str) -> bool:
    return os.path.exists(word) or os.path.exists(word + pointers.SUFFIX)


@contextmanager
def _opened(arguments: argparse.Namespace, verb: str) -> Iterator[Remote]:
    from anew.remotes.remote import Remote

    store = find_store()
    config = Config(store, project_root(Path.cwd())).get(arguments.remote)
    bar = _Bar(verb)
    try:
        with Remote(store, config, Tally(said=bar.show)) as found:
            yield found
    finally:
        bar.clear()


def _say(arguments: argparse.Namespace, there: Remote, body: dict[str, Any], words: str) -> int:
    moved = there.tally
    if arguments.json:
        text.say_json(body | {"bytes": moved.bytes, "objects": moved.objects})
    else:
        print(f"anew: {words} ({moved.objects:,} objects, {text.size(moved.bytes)})", file=sys.stderr)
    return OK


class _Bar:
    """How far it is, on a terminal."""

    def __init__(self, verb: str) -> None:
        self._verb, self._shown = verb, 0.0
        self._on = sys.stderr.isatty()

    def show(self, tally: Tally) -> None:
        if not self._on or time.monotonic() - self._shown < _SHOW_EVERY_S:
            return
        self._shown = time.monotonic()
        full = min(20, 20 * tally.bytes // max(tally.expected_bytes, 1))
        about = f"{text.size(tally.bytes)} of {text.size(tally.expected_bytes)}, {tally.objects:,} objects"
        text.progress(f"anew: [{'#' * full}{'.' * (20 - full)}] {self._verb} {about}")

    def clear(self) -> None:
        if self._on and self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
