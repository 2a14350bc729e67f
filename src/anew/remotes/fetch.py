"""Down: content into the store, and versions into its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from anew.data.datasets import Datasets, Version
from anew.errors import CorruptData, NotFound
from anew.remotes.download import Came, Download
from anew.remotes.remote import Remote
from anew.remotes.walk import Tree, pieces, walk
from anew.store.objects import Objects
from anew.store.objects.record import MANIFEST

_LARGE_AT_ONCE = 4096  # files whose manifests are in memory


class Fetch:
    """Brings content from one remote, at which was just looked, into a store."""

    def __init__(self, remote: Remote, objects: Objects) -> None:
        self.remote, self.objects = remote, objects
        self._download = Download(remote.place, remote.inventory, remote.jobs, remote.tally)
        # A manifest goes into the store behind the chunks it names, so that one that is there is never without them.
        self._held: dict[bytes, tuple[bytes, bytes]] = {}  # manifests that came: content, record

    def version(self, version: Version) -> None:
        """All that a version is made of is in the store, flushed. Raises CorruptData, NotFound; what came stays."""
        try:
            self._held = {}
            tree = walk(bytes.fromhex(version.digest), self._read)
            if (tree.count, tree.size) != (version.files, version.size):
                raise CorruptData(
                    f"{version.label} is said to have {version.files:,} files of {version.size:,} bytes, its tree "
                    "has "
                    f"{tree.count:,} of {tree.size:,}: it is not what it says"
                )
            large = tree.large
            self._bring(list(tree.files.keys() - set(large)))
            self._settle(tree, list(self._held))
            for start in range(0, len(large), _LARGE_AT_ONCE):
                part = large[start : start + _LARGE_AT_ONCE]
                self._bring(part)
                self._settle(tree, part)
        finally:
            self.objects.flush()

    def _settle(self, tree: Tree, keys: list[bytes]) -> None:
        """What these are made of, then themselves."""
        self._bring(pieces(tree, keys, self._read))
        self.objects.put_records((key, record) for key, (_, record) in self._held.items())
        self._held = {}

    def _read(self, keys: list[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
        """What the store has of these, once what it lacked has come."""
        self._bring(keys)
        yield from ((key, MANIFEST, self._held[key][0]) for key in keys if key in self._held)
        for key, kind, content, _ in self.objects.records([key for key in keys if key not in self._held]):
            yield key, kind, content

    def _bring(self, keys: list[bytes]) -> None:
        lacking = [key for key in self.objects.lacking(keys) if key not in self._held]
        if lacking and (failed := self._download.bring(lacking, self._take)):
            key, why = next(iter(failed.items()))
            said = f"{len(failed):,} objects can't be had from {self.remote.name}, the first {key.hex()[:12]}…: {why}"
            raise (NotFound if why.startswith("no index") else CorruptData)(
                f"{said}; `anew verify --remote {self.remote.name}` tells what is damaged"
            )

    def _take(self, came: list[Came]) -> None:
        self._held |= {key: (content, bytes(record)) for key, kind, content, record in came if kind == MANIFEST}
        self.objects.put_records((key, record) for key, kind, _, record in came if kind != MANIFEST)


@dataclass
class Taken:
    """`moved`: versions of our own that got another number, as they were and as they are."""

    new: list[Version] = field(default_factory=list)
    moved: list[tuple[Version, Version]] = field(default_factory=list)


def take_in(datasets: Datasets, theirs: dict[int, Version]) -> Taken:
    """Enter a dataset's versions into the ledger under their numbers; ours that are in the way come after them."""
    taken = Taken()
    if not theirs:
        return taken
    name = next(iter(theirs.values())).name
    ours = _ours(datasets, name)
    clashing = [
        number for number, version in ours.items() if number in theirs and theirs[number].digest != version.digest
    ]
    for number, version in sorted(theirs.items()):
        if number not in ours:
            taken.new.append(datasets.take(version))
    first = min(clashing, default=None)
    if first is None:
        return taken
    # All of ours from there on move, so that they keep their order, and the latest stays the latest.
    for number in sorted(number for number in ours if number >= first):
        version = ours[number]
        if number in theirs and theirs[number].digest == version.digest:
            continue
        taken.moved.append((version, datasets.renumber(name, number)))
        if number in theirs:
            taken.new.append(datasets.take(theirs[number]))
    return taken


def _ours(datasets: Datasets, name: str) -> dict[int, Version]:
    try:
        return dict(datasets.get(name).versions)
    except NotFound:
        return {}
