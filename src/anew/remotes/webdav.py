"""A remote on a WebDAV server; user and password from ~/.netrc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from anew.errors import MissingExtra, NotFound, StoreError, StoreFull, Unreachable
from anew.remotes.http import credentials
from anew.remotes.place import TEMPORARY, Item, part_of
from anew.store.objects.record import Buffer

_PIECE_SIZE = 1 << 20
_TIMEOUT_S = 120.0


class WebDav:
    """Files are put beside and moved, since a PUT that breaks off may leave half a file.

    Options: user, password, token, header (which bears the password), timeout_s, tls_verify (false, or a file of
    certificates), certificate_file and key_file (the client's own).
    """

    writable = True

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        try:
            import httpx
            from webdav4 import client
        except ImportError:
            raise MissingExtra("webdav4", "webdav") from None
        self.url = url
        self._httpx: Any = httpx
        self._webdav: Any = client
        self._address = address = url.replace("webdav", "http", 1)
        self._client: Any = client.Client(address, retry=False, **_settings(address, options))
        self._made: set[str] = set()
        self._making = threading.Lock()

    def list(self, below: str = "") -> dict[str, Item]:
        found: dict[str, Item] = {}
        folders = [below]
        with self._translated(below):
            while folders:
                folder = folders.pop()
                try:
                    entries = self._client.ls(folder, detail=True)
                except self._webdav.ResourceNotFound:
                    continue
                for entry in entries:
                    name = entry["name"].strip("/")
                    if entry["type"] == "directory":
                        if name != folder:
                            folders.append(name)
                    elif not name.endswith(TEMPORARY):
                        found[name] = _item(entry)
        return found

    def find(self, name: str) -> Item | None:
        try:
            with self._translated(name):
                entry = self._client.info(name)
        except NotFound:
            return None
        return _item(entry) if entry["type"] == "file" else None

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        headers = {"accept-encoding": "identity"}
        if start or end is not None:
            headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with self._translated(name):
            address = self._client.join_url(name)
            with self._client.http.stream("GET", address, headers=headers) as answer:
                if answer.status_code == 416:
                    return
                answer.raise_for_status()
                skipped = 0 if answer.status_code == 206 else start
                pieces = answer.iter_bytes(_PIECE_SIZE)
                yield from part_of(pieces, skipped, None if end is None else end - start)

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        with self._translated(name):
            body = bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
            self._client.move(self._put_beside(name, body, len(body)), name, overwrite=True)

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        with self._translated(name):
            body = (bytes(piece) for piece in pieces)
            self._client.move(self._put_beside(name, body, size), name, overwrite=True)

    def write_new(self, name: str, data: bytes) -> bool:
        with self._translated(name):
            temporary = self._put_beside(name, data, len(data))
            try:
                self._client.move(temporary, name, overwrite=False)
            except self._webdav.ResourceAlreadyExists:
                self._client.remove(temporary)
                return False
        return True

    def delete(self, name: str) -> None:
        try:
            with self._translated(name):
                self._client.remove(name)
        except NotFound:
            pass

    def close(self) -> None:
        self._client.http.close()

    def _put_beside(self, name: str, body: bytes | Iterable[bytes], size: int) -> str:
        folder, _, base = name.rpartition("/")
        self._make(folder)
        temporary = f"{folder}/.{base}.{os.urandom(6).hex()}{TEMPORARY}".lstrip("/")
        headers = {"content-length": str(size)}
        self._client.http.put(self._client.join_url(temporary), content=body, headers=headers).raise_for_status()
        return temporary

    def _make(self, folder: str) -> None:
        """Every folder above, the remote's own too; those that are there are answered with 405.

        Some servers fail where two make one folder at once: one thread does it here, and asks again in case that
        another machine was at it.
        """
        parts = folder.split("/") if folder else []
        with self._making:
            for path in ("/".join(parts[:depth]) for depth in range(len(parts) + 1)):
                if path not in self._made:
                    answer = self._mkcol(path)
                    if answer.status_code == 409 and not path:
                        self._make_above()
                    if answer.status_code == 409 or answer.status_code >= 500:
                        answer = self._mkcol(path)
                    if answer.status_code not in (201, 301, 405):
                        answer.raise_for_status()
                    self._made.add(path)

    def _make_above(self) -> None:
        """The folders that the remote's own is in, as far as the server lets us: the last one's answer counts."""
        parts = urlsplit(self._address)
        names = parts.path.strip("/").split("/")
        for depth in range(1, len(names)):
            above = "/".join(names[:depth])
            self._client.http.request("MKCOL", parts._replace(path=f"/{above}/").geturl())

    def _mkcol(self, path: str) -> Any:
        return self._client.http.request("MKCOL", self._client.join_url(path, add_trailing_slash=True))

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        where = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except self._webdav.ResourceNotFound as error:
            raise NotFound(f"{where} does not exist") from error
        except self._webdav.HTTPError as error:
            raise _answered(where, error.status_code) from error
        except self._httpx.HTTPStatusError as error:
            raise _answered(where, error.response.status_code) from error
        except self._httpx.HTTPError as error:
            raise Unreachable(f"{where} does not answer: {error}") from error
        except self._webdav.ClientError as error:
            raise StoreError(f"{where}: {error}") from error


def _settings(address: str, options: Mapping[str, str]) -> dict[str, Any]:
    """What the client is to be made with; without user, token or header it asks ~/.netrc."""
    headers: dict[str, str] = {}
    auth: tuple[str, str] | None = None
    if token := options.get("token"):
        headers["authorization"] = f"Bearer {token}"
    elif user := options.get("user"):
        auth = (user, options.get("password", ""))
    elif header := options.get("header"):
        headers[header] = options.get("password", "")
    else:
        auth = credentials(address)
    found: dict[str, Any] = {"auth": auth, "headers": headers, "timeout": float(options.get("timeout_s") or _TIMEOUT_S)}
    verify = options.get("tls_verify", "true")
    if verify != "true":
        found["verify"] = verify != "false" and verify
    if certificate := options.get("certificate_file"):
        found["cert"] = (certificate, options["key_file"]) if options.get("key_file") else certificate
    return found


def _item(entry: Any) -> Item:
    mark = entry.get("etag") or entry.get("modified") or ""
    return Item(int(entry["content_length"] or 0), str(mark))


def _answered(where: str, status: int) -> NotFound | StoreError | Unreachable:
    if status == 404:
        return NotFound(f"{where} does not exist")
    if status in (401, 403):
        return StoreError(f"{where}: not allowed ({status}); put user and password for it into ~/.netrc")
    if status in (413, 507):
        return StoreFull(f"{where}: the server has no space for it ({status})")
    if status in (408, 423, 425, 429) or status >= 500:
        return Unreachable(f"{where} answers {status}: try again later")
    return StoreError(f"{where} answers {status}")
