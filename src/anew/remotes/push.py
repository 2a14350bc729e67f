"""Up: what the remote lacks of some versions, as packs; then the versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from blake3 import blake3

from anew.data.datasets import Version
from anew.errors import NotFound
from anew.remotes.inventory import index_name
from anew.remotes.parallel import each
from anew.remotes.remote import Remote, clash
from anew.remotes.walk import Tree, pieces, walk
from anew.store.objects import Objects, index
from anew.store.objects.pack import MAGIC, PACK_RECORDS, PACK_SIZE
from anew.store.objects.record import HEADER, Buffer

_AT_ONCE = 3  # packs in memory: as many are on their way, and one is being made


class Packing:
    """A pack in the making, in memory."""

    def __init__(self) -> None:
        self.parts: list[Buffer] = [MAGIC]
        self.size = len(MAGIC)
        self.rows: list[index.Row] = []
        self._headers = blake3()

    @property
    def full(self) -> bool:
        return self.size >= PACK_SIZE or len(self.rows) >= PACK_RECORDS

    def add(self, key: bytes, record: memoryview) -> None:
        self.rows.append((key, 0, self.size, len(record) - HEADER.size))
        self._headers.update(record[: HEADER.size])
        self.parts.append(record)
        self.size += len(record)

    def finish(self) -> tuple[str, bytes]:
        """Its name, and its index."""
        seal = self._headers.digest()
        name = seal.hex()[:16]
        return name, index.encode([(name, self.size, seal)], self.rows)


@dataclass
class Pushed:
    """`new`: versions that the remote did not have."""

    new: list[Version] = field(default_factory=list)
    known: list[Version] = field(default_factory=list)


class Push:
    """Sends versions of one store to one remote, at which was just looked."""

    def __init__(self, remote: Remote, objects: Objects) -> None:
        self.remote, self.objects = remote, objects

    def push(self, versions: Iterable[Version]) -> Pushed:
        """Raises Conflict, before anything is sent, when a number has other content there; NotFound, CorruptData when
        something of a version is not here, or damaged.
        """
        wanted = sorted(versions, key=lambda version: (version.name, version.number))
        there = [self._is_there(version) for version in wanted]
        known = {version.label for version, known in zip(wanted, there, strict=True) if known}
        self._send([v for v in wanted if not self.remote.inventory.is_complete(v.digest)], known)
        pushed = Pushed()
        for version, is_there in zip(wanted, there, strict=True):
            new = not is_there and self.remote.publish(version)
            (pushed.new if new else pushed.known).append(version)
        self.remote.finish()
        return pushed

    def _is_there(self, version: Version) -> bool:
        from anew.remotes import version_file

        name = version_file.name_of(version.name, version.number)
        if name not in self.remote.inventory.files:
            return False
        if self.remote.version_at(name).digest != version.digest:
            raise clash(self.remote, version)
        return True

    def _send(self, versions: Sequence[Version], known: set[str]) -> None:
        """All that these are made of. Of those that are `known` there, what is here: who pulled the list of versions
        has not the content of all.
        """
        parts: dict[str, tuple[list[bytes], list[bytes]]] = {}
        for version in versions:
            try:
                parts[version.digest] = self._parts(version)
            except NotFound:
                if version.label not in known:
                    raise
        if not parts:
            return
        self.remote.prepare()
        inventory = self.remote.inventory
        keys = list(dict.fromkeys(key for nodes, rest in parts.values() for key in (*nodes, *rest)))
        there = inventory.find_all(keys)
        nodes = {key for nodes, _ in parts.values() for key in nodes}
        lacking = [key for key in keys if key not in there]
        # Nodes first, so that they lie together.
        self._write([key for key in lacking if key in nodes], [key for key in lacking if key not in nodes])
        for digest, (top, rest) in parts.items():
            if used := inventory.used([*top, *rest]):
                inventory.note_complete(digest, used)

    def _parts(self, version: Version) -> tuple[list[bytes], list[bytes]]:
        """Nodes, and all else. Raises NotFound when some of it is not in this store."""
        try:
            tree: Tree = walk(bytes.fromhex(version.digest), self._read)
            if lost := self.objects.lacking(list(tree.files)):
                raise NotFound(f"object {lost[0].hex()} is gone")
        except NotFound as error:
            raise NotFound(
                f"not all of {version.label} is in this store: `anew fetch {version.label}` brings it, or push from "
                f"where it was made ({error})"
            ) from error
        return tree.nodes, [*pieces(tree, tree.large, self._read), *tree.files]

    def _read(self, keys: list[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
        for key, kind, content, _ in self.objects.records(keys):
            yield key, kind, content

    def _write(self, *turns: Sequence[bytes]) -> None:
        done: list[tuple[str, int, bytes]] = []

        def upload(packing: Packing) -> None:
            name, data = packing.finish()
            self.remote.write(f"packs/{name}.pack", packing.parts)
            self.remote.write(f"packs/{index_name(data)}.idx", [data])
            done.append((name, packing.size, data))
            self.remote.tally.add(bytes=packing.size, objects=len(packing.rows), packs=1)

        each(upload, self._packings(turns), _AT_ONCE, _AT_ONCE)
        for name, size, data in done:
            self.remote.inventory.add(name, size, data)

    def _packings(self, turns: Iterable[Sequence[bytes]]) -> Iterator[Packing]:
        packing = Packing()
        for key, _, _, record in chain.from_iterable(self.objects.records(keys) for keys in turns):
            packing.add(key, record)
            if packing.full:
                self.remote.tally.add(expected_bytes=packing.size)
                yield packing
                packing = Packing()
        if packing.rows:
            yield packing
