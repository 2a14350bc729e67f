"""A remote that somebody serves as plain files over HTTP: to read only, by the list that each push leaves."""

from __future__ import annotations

import json
import netrc
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_REDIRECTS_MOST = 5
_NOT_NOW = {408, 425, 429, 500, 502, 503, 504}


class Http:
    """Asks for ranges; a server that does not know them sends all, of which the rest is thrown away.

    Options: method (PUT or POST: how the server takes files; without, there is only reading), user, password, header
    (which bears the password), timeout_s, connect_timeout_s, tls_verify (false, or a file of certificates).
    """

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        import urllib3  # 40 ms to load

        self.url = url
        self._urllib3 = urllib3
        self._method = options.get("method", "")
        self.writable = bool(self._method)
        waits = {name: options.get(f"{name}timeout_s") for name in ("connect_", "")}
        timeout = urllib3.Timeout(connect=float(waits["connect_"] or _CONNECT_S), read=float(waits[""] or _READ_S))
        headers = {"user-agent": f"anew/{__version__}", "accept-encoding": "identity", **_authorization(url, options)}
        verify = options.get("tls_verify", "true")
        tls: dict[str, Any] = {"cert_reqs": "CERT_NONE"} if verify == "false" else {}
        tls |= {"ca_certs": verify} if verify not in ("true", "false") else {}
        secrets = {"Cookie", "Authorization", "Proxy-Authorization", options.get("header") or "Authorization"}
        retries = urllib3.Retry(
            _REDIRECTS_MOST, connect=0, read=0, status=0, other=0, remove_headers_on_redirect=secrets
        )
        self._pool = urllib3.PoolManager(maxsize=16, timeout=timeout, retries=retries, headers=headers, **tls)

    def list(self, below: str = "") -> dict[str, Item]:
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
            start = f"{below}/" if below else ""
            return {str(name): Item(_size(size), "") for name, size in files.items() if name.startswith(start)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptData(f"{self.url}/{CONTENTS} is no list of files: {error}") from error

    def find(self, name: str) -> Item | None:
        url = self._address(name)
        answer = self._ask("HEAD", url, {})
        answer.close()
        if answer.status in (404, 410):
            return None
        self._check(url, answer)
        size = answer.headers.get("content-length") or ""
        return Item(int(size) if size.isdigit() else -1, answer.headers.get("etag") or _content_md5(answer))

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        url = self._address(name)
        headers = {"range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        answer = self._ask("GET", url, headers)
        try:
            yield from self._pieces(url, answer, start if answer.status != 206 else 0, start, end)
        except self._urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{url} broke off: {error}") from error
        finally:
            answer.close()

    def _pieces(self, url: str, answer: Any, skipped: int, start: int, end: int | None) -> Iterator[bytes]:
        if answer.status == 416:
            return
        self._check(url, answer)
        pieces = answer.stream(_PIECE_SIZE, decode_content=False)
        yield from part_of(pieces, skipped, None if end is None else end - start)

    def _address(self, name: str) -> str:
        return f"{self.url}/{quote(name)}" if name else self.url

    def _ask(self, method: str, url: str, headers: dict[str, str], body: Any = None) -> Any:
        try:
            return self._pool.request(
                method, url, headers={**self._pool.headers, **headers}, body=body, preload_content=False
            )
        except self._urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{url} does not answer: {error}") from error

    def _check(self, url: str, answer: Any) -> None:
        if answer.status == 404:
            raise NotFound(f"{url} does not exist")
        if answer.status in _NOT_NOW:
            raise Unreachable(f"{url} answers {answer.status} {answer.reason}: try again later")
        if answer.status in (401, 403):
            raise StoreError(f"{url} may not be read ({answer.status}): put user and password for it into ~/.netrc")
        if not 200 <= answer.status < 300:
            raise StoreError(f"{url} answers {answer.status} {answer.reason}")

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        self.write_stream(name, parts, sum(len(part) for part in parts))

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        if not self.writable:
            self._refuse()
        url = self._address(name)
        answer = self._ask(self._method, url, {"content-length": str(size)}, iter(pieces) if size else b"")
        answer.close()
        self._check(url, answer)

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


def _content_md5(answer: Any) -> str:
    return str(answer.headers.get("content-md5") or "")


def _authorization(url: str, options: Mapping[str, str]) -> dict[str, str]:
    """What is configured; else user and password of ~/.netrc for that host, as curl takes them."""
    if header := options.get("header"):
        return {header: options.get("password", "")}
    given = (options["user"], options.get("password", "")) if options.get("user") else None
    found = given or credentials(url)
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
