"""The contract of what a remote lies on, and which class keeps it for which URL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from anew.errors import UsageError
from anew.remotes.config import RemoteConfig
from anew.store.objects.record import Buffer

TEMPORARY = ".tmp"


class Item(NamedTuple):
    """A file as it is listed. `mark` changes when the file is written again; "" where the service has none.

    `version`: what the service calls this content of it, where it keeps former ones; `find` knows it, lists need not.
    """

    size: int
    mark: str
    version: str = ""


class Place(Protocol):
    """Where files lie under relative names with `/`. Safe for threads. docs/architecture.md says what it has to keep.

    Raises NotFound for a file that is not there, Unreachable for what may work when it is tried again, StoreFull for
    no space, StoreError for the rest; none of them before something is asked of it.
    """

    writable: bool

    def list(self, below: str = "") -> dict[str, Item]:
        """Every file, or those below a folder, but for those on their way; none where nothing was ever written."""

    def find(self, name: str) -> Item | None:
        """One file; None where it is not there."""

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in pieces; fewer where the file is shorter."""

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        """Whole or not at all; what was there is replaced."""

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        """The same for what memory need not hold, of `size` bytes. What `pieces` raises ends it."""

    def write_new(self, name: str, data: bytes) -> bool:
        """The same where nothing is there; False, and nothing changed, where something is."""

    def delete(self, name: str) -> None:
        """Nothing, where it is not there."""

    def close(self) -> None: ...


def part_of(pieces: Iterable[bytes], skipped: int, count: int | None) -> Iterator[bytes]:
    """The `count` bytes (None: all) behind the first `skipped`: of an answer by a server that may not know ranges."""
    for piece in pieces:
        data = piece[skipped:]
        skipped -= len(piece) - len(data)
        if count is not None:
            data = data[:count]
            count -= len(data)
        if data:
            yield data
        if count == 0:
            return


def open_place(remote: RemoteConfig) -> Place:
    """Raises MissingExtra, UsageError."""
    return place_at(remote.where, remote.options)


def place_at(where: str, options: Mapping[str, str]) -> Place:
    """The same of a folder's path or an address. Each class says what options it takes."""
    scheme, colon, _ = where.partition("://")
    if not colon:
        from anew.remotes.folder import Folder

        return Folder(where)
    if scheme in ("s3", "gs", "az"):
        from anew.remotes.cloud import Cloud

        return Cloud(where, options)
    if scheme in ("http", "https"):
        from anew.remotes.http import Http

        return Http(where, options)
    if scheme in ("ssh", "sftp"):
        from anew.remotes.ssh import Ssh

        return Ssh(where, options)
    if scheme in ("webdav", "webdavs"):
        from anew.remotes.webdav import WebDav

        return WebDav(where, options)
    raise UsageError(f"{where}: {scheme}:// is not known")
