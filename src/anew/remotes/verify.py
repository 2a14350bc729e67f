"""Reading all of a remote: what is damaged or lost there, and which versions need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anew.data.datasets import Version
from anew.errors import CorruptData, NotFound
from anew.remotes.download import Came, Download
from anew.remotes.inventory import INDEX_SIZE_MAX, index_name, read_all
from anew.remotes.remote import Remote
from anew.remotes.version_file import SIZE_MAX
from anew.remotes.walk import Tree, pieces, walk
from anew.store.objects import index
from anew.store.objects.index import Row, SealedIndex

_MOST_NAMED = 5  # objects of one version


@dataclass(frozen=True)
class RemoteProblem:
    """`kind`: corrupt or missing. `where`: a file there, or a version."""

    kind: str
    where: str
    message: str


class Verify:
    """`problems` reads everything once; what is damaged is set aside then, so that the next push brings it again."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.objects = self.versions = 0
        self._bad: dict[bytes, str] = {}
        self._download = Download(remote.place, remote.inventory, remote.jobs, remote.tally)
        self._contents: dict[bytes, tuple[int, bytes]] = {}

    def problems(self) -> Iterator[RemoteProblem]:
        """One thing at a time. Versions come last, since what they need is known by then."""
        inventory = self.remote.inventory
        for name, why in inventory.bad_indexes.items():
            yield RemoteProblem("corrupt", f"packs/{name}.idx", why)
            self._set_aside(f"packs/{name}.idx", INDEX_SIZE_MAX)
        for name, sealed in list(inventory.indexes.items()):
            yield from self._index(name, sealed)
        for name in self.remote.files():
            try:
                version = self.remote.version_at(name)
            except CorruptData as error:
                yield RemoteProblem("corrupt", name, str(error))
                self._set_aside(name, SIZE_MAX)
                continue
            self.versions += 1
            yield from self._version(version)
        if self.remote.place.writable:
            self.remote.finish()

    def _index(self, name: str, sealed: SealedIndex) -> Iterator[RemoteProblem]:
        """The packs that one index names; an index of what is good takes its place when something is not."""
        rows = sealed.rows()
        good: list[Row] = []
        counting = self.remote.inventory.counting(sealed)
        for number, (pack, length, _) in enumerate(sealed.packs):
            mine = [row for row in rows if row[1] == number]
            where = f"packs/{pack}.pack"
            if not counting[number]:
                there = self.remote.inventory.packs.get(pack)
                self._bad |= dict.fromkeys((row[0] for row in mine), f"{where} is not whole")
                if there is None:
                    yield RemoteProblem("missing", where, f"{where} is gone, and {len(mine):,} objects with it")
                else:
                    yield RemoteProblem("corrupt", where, f"{where} has {there:,} bytes of {length:,}")
                continue
            failed = self._download.bring_from(pack, [(row[2], row[3], row[0]) for row in mine], _nothing)
            for key, why in failed.items():
                yield RemoteProblem("corrupt", where, why)
                self._bad[key] = why
            good += [row for row in mine if row[0] not in failed]
            self.objects += len(mine)
        if len(good) < len(rows):
            self._replace(name, sealed, good)

    def _replace(self, name: str, sealed: SealedIndex, good: list[Row]) -> None:
        if not self.remote.place.writable:
            return
        if good:
            data = index.encode(sealed.packs, good)
            self.remote.write(f"packs/{index_name(data)}.idx", [data])
        self._set_aside(f"packs/{name}.idx", INDEX_SIZE_MAX)

    def _set_aside(self, name: str, most: int) -> None:
        if not self.remote.place.writable:
            return
        try:
            data = read_all(self.remote.place, name, most)
        except (CorruptData, NotFound):
            data = b""
        self.remote.set_aside(name, data)

    def _version(self, version: Version) -> Iterator[RemoteProblem]:
        """Whether all that a version needs is there, and good."""
        try:
            tree: Tree = walk(bytes.fromhex(version.digest), self._read)
            keys = [*tree.nodes, *tree.files, *pieces(tree, tree.large, self._read)]
        except CorruptData as error:
            yield RemoteProblem("missing", version.label, f"{version.label}: {error}")
            return
        if (tree.count, tree.size) != (version.files, version.size):
            said = f"{version.files:,} files of {version.size:,} bytes, its tree has {tree.count:,} of {tree.size:,}"
            yield RemoteProblem("corrupt", version.label, f"{version.label} is said to have {said}")
        there = self.remote.inventory.find_all(keys)
        lost = [key for key in keys if key not in there or (key in self._bad and key not in self._contents)]
        lost = [key for key in lost if key not in there or not self._is_good_elsewhere(key)]
        if lost:
            named = ", ".join(f"{key.hex()[:12]}…" for key in lost[:_MOST_NAMED])
            yield RemoteProblem("missing", version.label, f"{version.label} needs {len(lost):,} that are lost: {named}")

    def _is_good_elsewhere(self, key: bytes) -> bool:
        return not self._download.bring([key], _nothing)

    def _read(self, keys: list[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
        """Of nodes and manifests; those that can't be had are left out. Kept, since versions share most of them."""

        def take(came: list[Came]) -> None:
            self._contents |= {key: (kind, content) for key, kind, content, _ in came}

        self._download.bring([key for key in keys if key not in self._contents], take)
        for key in keys:
            if key in self._contents:
                yield key, *self._contents[key]


def _nothing(came: list[Came]) -> None:
    pass
