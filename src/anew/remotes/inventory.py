"""What lies at a remote, as its list and its indexes say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from anew.errors import CorruptData, NotFound
from anew.remotes.place import Item, Place
from anew.store.objects.disk import write_durably, writing
from anew.store.objects.index import SealedIndex
from anew.store.objects.record import RECORD_SIZE_MAX, digest

INDEX_SIZE_MAX = 256 << 20
_PACK = re.compile(r"packs/([0-9a-f]{16})\.pack")
_INDEX = re.compile(r"packs/([0-9a-f]{16})\.idx")

Spot = tuple[str, int, int]  # name of the pack, offset, stored


class Inventory:
    """Indexes are kept in `cache`: a name stands for one content for ever. Nothing in them is believed unchecked."""

    def __init__(self, place: Place, cache: Path, jobs: int) -> None:
        self._place, self._cache, self._jobs = place, cache, jobs
        self.files: dict[str, Item] = {}
        self.packs: dict[str, int] = {}  # name to bytes, of those that are there
        self.indexes: dict[str, SealedIndex] = {}
        self.bad_indexes: dict[str, str] = {}  # name to what is wrong

    def refresh(self) -> None:
        """Ask what is there, and fetch the indexes that are new."""
        self.files = self._place.list()
        self.packs = {m[1]: item.size for name, item in self.files.items() if (m := _PACK.fullmatch(name))}
        self.bad_indexes = {}
        names = [m[1] for name in self.files if (m := _INDEX.fullmatch(name))]
        self.indexes = {name: index for name, index in self.indexes.items() if name in set(names)}
        new = [name for name in names if name not in self.indexes]
        with ThreadPoolExecutor(self._jobs) as pool:
            for name, found in zip(new, pool.map(self._load, new), strict=True):
                if isinstance(found, SealedIndex):
                    self.indexes[name] = found
                elif found:
                    self.bad_indexes[name] = found

    def add(self, pack: str, size: int, index: bytes) -> None:
        """What was just written there."""
        name = index_name(index)
        self._keep(name, index)
        self.packs[pack] = size
        self.indexes[name] = SealedIndex(str(self._path(name)))

    def find_all(self, keys: Sequence[bytes], avoid: Iterable[tuple[str, int]] = ()) -> dict[bytes, Spot]:
        """Where each is that is there; not at the (pack, offset) that are to be avoided."""
        found, _ = self._find(keys, set(avoid))
        return found

    def used(self, keys: Sequence[bytes]) -> dict[str, object] | None:
        """The indexes and packs that hold `keys`, for `note_complete`; None when not all are there."""
        found, indexes = self._find(keys, set())
        if len(found) < len(set(keys)):
            return None
        return {"indexes": sorted(indexes), "packs": {pack: self.packs[pack] for pack, _, _ in found.values()}}

    def is_complete(self, tree: str) -> bool:
        """Whether all of a version was seen to be there, and is still, as far as the list can tell."""
        try:
            noted = json.loads((self._cache / "complete" / tree).read_bytes())
            return all(name in self.indexes for name in noted["indexes"]) and all(
                self.packs.get(pack) == size for pack, size in noted["packs"].items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def note_complete(self, tree: str, used: dict[str, object]) -> None:
        path = self._cache / "complete" / tree
        with writing(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(str(path), f"{path}.{os.getpid()}.tmp", [json.dumps(used).encode()])

    def counting(self, index: SealedIndex) -> list[bool]:
        """Which of an index's packs are there as it says."""
        return [self.packs.get(name) == length for name, length, _ in index.packs]

    def _find(self, keys: Sequence[bytes], avoid: set[tuple[str, int]]) -> tuple[dict[bytes, Spot], set[str]]:
        import numpy as np

        found: dict[bytes, Spot] = {}
        used: set[str] = set()
        left = list(dict.fromkeys(keys))
        for name, index in self.indexes.items():
            if not left:
                break
            good = self.counting(index)
            wanted = np.frombuffer(b"".join(left), "u1").reshape(-1, 32)
            here, places = index.find_all(wanted)
            before = len(found)
            for at, (pack, offset, stored) in zip(here.tolist(), places.tolist(), strict=True):
                if pack < len(good) and good[pack] and stored <= RECORD_SIZE_MAX:
                    spot = (index.packs[pack][0], offset, stored)
                    if not avoid or spot[:2] not in avoid:
                        found[left[at]] = spot
            if len(found) > before:
                used.add(name)
                left = [key for key in left if key not in found]
        return found, used

    def _path(self, name: str) -> Path:
        return self._cache / f"{name}.idx"

    def _load(self, name: str) -> SealedIndex | str:
        """The index, or what is wrong with it; "" when it was taken away meanwhile."""
        path = self._path(name)
        with suppress(OSError, CorruptData):
            return _checked(path, name)
        try:
            size = self.files[f"packs/{name}.idx"].size
            if size > INDEX_SIZE_MAX:
                raise CorruptData(f"packs/{name}.idx is said to have {size:,} bytes: no index has so many")
            data = read_all(self._place, f"packs/{name}.idx", INDEX_SIZE_MAX)
            if index_name(data) != name:
                raise CorruptData(f"packs/{name}.idx does not have the content that its name says")
            self._keep(name, data)
            return _checked(path, name)
        except NotFound:
            return ""
        except CorruptData as error:
            return str(error)

    def _keep(self, name: str, data: bytes) -> None:
        path = str(self._path(name))
        with writing(path):
            self._cache.mkdir(parents=True, exist_ok=True)
            write_durably(path, f"{path}.{os.urandom(4).hex()}.tmp", [data])


def index_name(data: bytes) -> str:
    """The name of an index of this content; "" for what is cut short or damaged."""
    return data[-32:].hex()[:16] if digest(data[:-32]) == data[-32:] else ""


def read_all(place: Place, name: str, most: int) -> bytes:
    """A whole file. Raises CorruptData when it has more bytes than such a file can."""
    data = bytearray()
    for piece in place.read(name):
        data += piece
        if len(data) > most:
            raise CorruptData(f"{name} has more than {most:,} bytes: no such file has")
    return bytes(data)


def _checked(path: Path, name: str) -> SealedIndex:
    index = SealedIndex(str(path))
    if index.end.hex()[:16] != name:
        raise CorruptData(f"{path} is not the index of that name")
    index.check()
    return index
