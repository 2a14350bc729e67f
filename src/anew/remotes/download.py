"""Records from a remote: whole packs where most of one is needed, else the stretches that hold what is."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Sequence

from anew.errors import CorruptData, NotFound, Unreachable
from anew.remotes.inventory import Inventory
from anew.remotes.parallel import PAUSES_S, Tally, each
from anew.remotes.place import Place
from anew.store.objects.bulk import Wanted, runs
from anew.store.objects.record import HEADER, RECORD_SIZE_MAX, Buffer, decode

GAP_SIZE_MAX = 256 << 10  # read in vain rather than by another request
RUN_SIZE_MAX = 16 << 20
_STORED = struct.Struct("<I")
_STORED_AT = 4

Came = tuple[bytes, int, bytes, Buffer]  # key, kind, content, record
Take = Callable[[list[Came]], None]  # what lies side by side comes so, and should be kept so
Run = tuple[str, int, int, list[Wanted]]
Said = dict[bytes, tuple[tuple[str, int], str]]  # of what could not be had: the pack and offset, and why


class Download:
    """Brings records. Memory is bounded: each of `jobs` holds a piece of what arrives, and a record."""

    def __init__(self, place: Place, inventory: Inventory, jobs: int, tally: Tally) -> None:
        self._place, self._inventory, self._jobs, self._tally = place, inventory, jobs, tally

    def bring(self, keys: Sequence[bytes], take: Take) -> dict[bytes, str]:
        """Give `take` each, verified, from several threads; which could not be had anywhere, and why.

        Raises Unreachable, and what `take` raises.
        """
        failed = dict.fromkeys(keys, "no index of the remote names it")
        avoid: set[tuple[str, int]] = set()
        while places := self._inventory.find_all(list(failed), avoid):
            by_pack: dict[str, list[Wanted]] = {}
            for key, (pack, offset, stored) in places.items():
                del failed[key]
                by_pack.setdefault(pack, []).append((offset, stored, key))
            self._tally.add(expected_bytes=sum(s for wanted in by_pack.values() for _, s, _ in wanted))
            said = self._read(by_pack, take)
            for key, (spot, why) in said.items():
                avoid.add(spot)
                failed[key] = why
        return failed

    def bring_from(self, pack: str, wanted: list[Wanted], take: Take) -> dict[bytes, str]:
        """The same from one pack only."""
        said = self._read({pack: [one for one in wanted if one[1] <= RECORD_SIZE_MAX]}, take)
        too_large = {key: "no record is so large" for _, stored, key in wanted if stored > RECORD_SIZE_MAX}
        return {key: why for key, (_, why) in said.items()} | too_large

    def _read(self, by_pack: dict[str, list[Wanted]], take: Take) -> Said:
        said: Said = {}
        work = [_Reading(self._place, run, take, said, self._tally) for run in self._runs(by_pack)]
        each(_Reading.read, work, self._jobs, len(work) + 1)
        return said

    def _runs(self, by_pack: dict[str, list[Wanted]]) -> Iterator[Run]:
        for pack, wanted in by_pack.items():
            length = self._inventory.packs[pack]
            most = 2 * sum(stored + HEADER.size for _, stored, _ in wanted) >= length
            gap, size = (length, length) if most else (GAP_SIZE_MAX, RUN_SIZE_MAX)
            for start, end, inside in runs(wanted, gap, size):
                yield pack, start, end, inside


class _Reading:
    """One stretch of one pack. Goes on behind the last record that came when the connection breaks off."""

    def __init__(self, place: Place, run: Run, take: Take, said: Said, tally: Tally) -> None:
        self._place, self._take, self._said, self._tally = place, take, said, tally
        self._pack, _, self._end, self._left = run
        self._name = f"packs/{self._pack}.pack"
        self._at = 0  # of the next record in `left`

    def read(self) -> None:
        pauses = list(PAUSES_S)
        while True:
            before = self._at
            try:
                self._stream()
                break
            except Unreachable:
                if self._at > before:
                    pauses = list(PAUSES_S)
                if not pauses:
                    raise
                time.sleep(pauses.pop(0))
            except NotFound as error:
                self._give_up(str(error))
                break
        self._give_up(f"{self._name} ends before it")

    def _stream(self) -> None:
        if self._at == len(self._left):
            return
        base = self._left[self._at][0]
        data = b""
        for piece in self._place.read(self._name, base, self._end):
            data = data + piece if data else piece
            base, data = self._records(base, data)
            if self._at == len(self._left):
                return

    def _records(self, base: int, data: bytes) -> tuple[int, bytes]:
        """Take the records that are whole; what is left over, and where it begins."""
        view = memoryview(data)
        before, came = self._at, []
        while self._at < len(self._left):
            offset, stored, key = self._left[self._at]
            start = offset - base
            end = start + HEADER.size + stored
            if end > len(data):
                break
            if one := self._checked(key, offset, view[start:end]):
                came.append(one)
            self._at += 1
        if came:
            self._take(came)
        if self._at > before:
            moved = sum(stored for _, stored, _ in self._left[before : self._at])
            self._tally.add(bytes=moved, objects=self._at - before)
        if self._at == len(self._left):
            return base, b""
        keep = min(max(0, self._left[self._at][0] - base), len(data))
        return base + keep, data[keep:]

    def _checked(self, key: bytes, offset: int, record: memoryview) -> Came | None:
        where = f"{self._name} at offset {offset}"
        try:
            if _STORED.unpack_from(record, _STORED_AT)[0] != len(record) - HEADER.size:
                raise CorruptData(f"{where}: the record has another length than the index says")
            kind, found, content = decode(record, where)
            if found != key:
                raise CorruptData(f"{where}: object {key.hex()} should be here, but {found.hex()} is")
        except CorruptData as error:
            self._said[key] = ((self._pack, offset), str(error))
            return None
        return key, kind, content, record

    def _give_up(self, why: str) -> None:
        for offset, _, key in self._left[self._at :]:
            self._said[key] = ((self._pack, offset), why)
        self._at = len(self._left)
