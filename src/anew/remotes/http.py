"""A remote that somebody serves as plain files over HTTP: to read only, by the list that each push leaves."""

from __future__ import annotations

import json
import netrc
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from anew._version import __version__
from anew.errors import CorruptData, NotFound, StoreError, Unreachable, UsageError
from anew.remotes.place import Item, part_of
from anew.store.objects.record import Buffer

CONTENTS = "contents.json"
_CONTENTS_SIZE_MAX = 256 << 20
_PIECE_SIZE = 1 << 20
_CONNECT_S, _READ_S = 10.0, 120.0
_NOT_NOW = {408, 425, 429, 500, 502, 503, 504}


class Http:
    """Asks for ranges; a server that does not know them sends all, of which the rest is thrown away."""

    writable = False

    def __init__(self, url: str) -> None:
        import urllib3  # 40 ms to load

        self.url = url
        self._urllib3 = urllib3
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        headers = {"user-agent": f"anew/{__version__}", "accept-encoding": "identity", **_authorization(url)}
        self._pool = urllib3.PoolManager(maxsize=16, timeout=timeout, retries=False, headers=headers)

    def list(self) -> dict[str, Item]:
        data = b""
        try:
            for piece in self.read(CONTENTS):
                data += piece
                if len(data) > _CONTENTS_SIZE_MAX:
                    raise CorruptData(f"{self.url}/{CONTENTS} is larger than any list: nothing of it is believed")
        except NotFound:
            return {}
        try:
            files = json.loads(data)["files"]
            return {str(name): Item(_size(size), "") for name, size in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptData(f"{self.url}/{CONTENTS} is no list of files: {error}") from error

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        url = f"{self.url}/{quote(name)}"
        headers = {"range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        try:
            answer = self._pool.request("GET", url, headers={**self._pool.headers, **headers}, preload_content=False)
        except self._urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{url} does not answer: {error}") from error
        try:
            yield from self._pieces(url, answer, start if answer.status != 206 else 0, start, end)
        except self._urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{url} broke off: {error}") from error
        finally:
            answer.close()

    def _pieces(self, url: str, answer: Any, skipped: int, start: int, end: int | None) -> Iterator[bytes]:
        if answer.status == 404:
            raise NotFound(f"{url} does not exist")
        if answer.status == 416:
            return
        if answer.status in _NOT_NOW:
            raise Unreachable(f"{url} answers {answer.status} {answer.reason}: try again later")
        if answer.status in (401, 403):
            raise StoreError(f"{url} may not be read ({answer.status}): put user and password for it into ~/.netrc")
        if answer.status not in (200, 206):
            raise StoreError(f"{url} answers {answer.status} {answer.reason}")
        pieces = answer.stream(_PIECE_SIZE, decode_content=False)
        yield from part_of(pieces, skipped, None if end is None else end - start)

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        self._refuse()

    def write_new(self, name: str, data: bytes) -> bool:
        self._refuse()
        return False

    def delete(self, name: str) -> None:
        self._refuse()

    def close(self) -> None:
        self._pool.clear()

    def _refuse(self) -> None:
        raise UsageError(f"{self.url} can only be read: push to where its files lie (a bucket, a folder, ssh://)")


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r:.80} is no size")
    return value


def _authorization(url: str) -> dict[str, str]:
    """User and password of ~/.netrc for that host, as curl takes them."""
    found = credentials(url)
    if found is None:
        return {}
    from urllib3.util import make_headers

    return make_headers(basic_auth=":".join(found))


def credentials(url: str) -> tuple[str, str] | None:
    try:
        found = netrc.netrc().authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None
