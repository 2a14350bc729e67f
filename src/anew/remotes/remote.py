"""One remote, as a store sees it: its content by its indexes, its versions by their files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from blake3 import blake3

from anew.data.datasets import Dataset, Version
from anew.errors import Conflict, CorruptData, NotFound, StoreError, UsageError
from anew.remotes import version_file
from anew.remotes.config import RemoteConfig
from anew.remotes.inventory import Inventory, read_all
from anew.remotes.parallel import Tally, patiently
from anew.remotes.place import Place, open_place
from anew.store.location import Store
from anew.store.objects.disk import write_durably, writing

T = TypeVar("T")
MARKER, CONTENTS = "anew-remote", "contents.json"
FORMAT = 1
_MARKER_SIZE_MAX = 4096
_JOBS, _JOBS_LOCAL = 8, 4
_MOST_TURNS = 5  # so often contents.json is written again while others push


class Remote:
    """`look` first: it asks what is there. Then all else is answered from that, until the next look."""

    def __init__(self, store: Store, config: RemoteConfig, tally: Tally | None = None) -> None:
        self.config, self.tally = config, tally or Tally()
        self.place: Place = open_place(config)
        self.cache: Path = store.root / "remotes" / blake3(config.where.encode()).hexdigest()[:16]
        local = "://" not in config.where
        self.jobs = int(config.options.get("jobs") or (_JOBS_LOCAL if local else _JOBS))
        self.inventory = Inventory(self.place, self.cache, self.jobs)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.place.close()

    @property
    def name(self) -> str:
        return self.config.name

    def look(self) -> None:
        """Raises StoreError for a place that holds something else, or a newer format."""
        patiently(self.inventory.refresh)
        files = self.inventory.files
        if MARKER in files:
            self._check_marker()
        elif any(version_file.NAME.fullmatch(name) or name.startswith("packs/") for name in files):
            raise CorruptData(
                f"{self.config.url} has lost its file {MARKER}: put one there that holds {_marker().decode()}"
            )

    def expect_filled(self) -> None:
        """Raises NotFound where nothing was ever pushed."""
        if MARKER not in self.inventory.files:
            raise NotFound(f"nothing was pushed to {self.name} ({self.config.url}) yet")

    def prepare(self) -> None:
        """Make it a remote, if it is none yet. Raises UsageError where other things lie."""
        if not self.place.writable:
            raise UsageError(
                f"{self.config.url} can only be read: push to where its files lie (a bucket, a folder, ssh://)"
            )
        if MARKER in self.inventory.files:
            return
        if other := sorted(name for name in self.inventory.files if not name.endswith(CONTENTS)):
            raise UsageError(
                f"{self.config.url} holds other things ({other[0]} …): give the remote a folder of its own"
            )
        patiently(lambda: self.place.write_new(MARKER, _marker()))
        self._expect_due()

    def numbers(self, dataset: str) -> list[int]:
        """Of the versions that are there."""
        folder = version_file.escaped(dataset)
        found = (version_file.NAME.fullmatch(name) for name in self.inventory.files)
        return sorted(int(match[2]) for match in found if match and match[1] == folder)

    def versions(self, dataset: str) -> dict[int, Version]:
        """All of a dataset. Raises CorruptData."""
        return self._read_all([version_file.name_of(dataset, number) for number in self.numbers(dataset)])

    def dataset(self, name: str) -> Dataset:
        """As others pushed it; without aliases, which are each store's own. Raises NotFound."""
        versions = self.versions(name)
        if not versions:
            raise NotFound(f"{self.name} ({self.config.url}) has no dataset {name!r}")
        return Dataset(name, versions, {}, max(versions))

    def files(self) -> list[str]:
        """Names of the files of all versions."""
        return sorted(name for name in self.inventory.files if version_file.NAME.fullmatch(name))

    def version_at(self, name: str) -> Version:
        """What is in a file of a version. Raises CorruptData, NotFound."""
        item = self.inventory.files[name]
        kept = self.cache / "versions" / blake3(f"{name}\n{item.size}\n{item.mark}".encode()).hexdigest()[:32]
        if item.mark:
            try:
                return version_file.decode(name, kept.read_bytes())
            except (OSError, CorruptData):
                pass
        data = patiently(lambda: read_all(self.place, name, version_file.SIZE_MAX))
        version = version_file.decode(name, data)
        if item.mark:
            _keep(kept, data)
        return version

    def publish(self, version: Version) -> bool:
        """Enter a version whose content is there; whether it is new. Raises Conflict when the number has another."""
        name, data = version_file.name_of(version.name, version.number), version_file.encode(version)
        self._expect_due()
        if patiently(lambda: self.place.write_new(name, data)):
            return True
        # Another push was first; or ours did it, and the answer to that got lost.
        there = version_file.decode(name, patiently(lambda: read_all(self.place, name, version_file.SIZE_MAX)))
        if there.digest != version.digest:
            raise clash(self, version)
        return False

    def finish(self) -> None:
        """Bring contents.json up to date, if something was written since that was done."""
        due = self.cache / "due"
        if not due.exists():
            return
        before: bytes | None = None
        for _ in range(_MOST_TURNS):
            there = self.place.list()
            files = {name: item.size for name, item in sorted(there.items()) if name != CONTENTS}
            data = json.dumps({"files": files}, indent=0).encode()
            if data == before:
                break
            self.place.write(CONTENTS, [data])
            before = data
        due.unlink(missing_ok=True)

    def write(self, name: str, parts: list[bytes | memoryview]) -> None:
        self._expect_due()
        patiently(lambda: self.place.write(name, parts))

    def set_aside(self, name: str, data: bytes) -> None:
        """Let a file count no more, without losing it."""
        self._expect_due()
        self.place.write(name + ".damaged", [data])
        self.place.delete(name)

    def _read_all(self, names: Iterable[str]) -> dict[int, Version]:
        with ThreadPoolExecutor(self.jobs) as pool:
            return {version.number: version for version in pool.map(self.version_at, names)}

    def _check_marker(self) -> None:
        data = patiently(lambda: read_all(self.place, MARKER, _MARKER_SIZE_MAX))
        try:
            found = json.loads(data)[MARKER]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptData(f"{self.config.url}/{MARKER} is not what makes a remote: {error}") from error
        if found != FORMAT:
            raise StoreError(f"{self.config.url} has the format {found!r:.80}; this version of anew reads {FORMAT}")

    def _expect_due(self) -> None:
        due = self.cache / "due"
        if not due.exists():
            _keep(due, b"")


def clash(remote: Remote, version: Version) -> Conflict:
    return Conflict(
        f"{remote.name} has another {version.label} already: `anew pull {version.name}` takes that one under its "
        "number, and gives yours the next free one; then push again"
    )


def _marker() -> bytes:
    return json.dumps({MARKER: FORMAT}).encode() + b"\n"


def _keep(path: Path, data: bytes) -> None:
    with writing(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(str(path), f"{path}.{os.urandom(4).hex()}.tmp", [data])
