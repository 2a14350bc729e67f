"""A remote on a machine that SSH reaches, through its SFTP; keys, agent, known hosts and ~/.ssh/config as usual."""

from __future__ import annotations

import asyncio
import os
import posixpath
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from anew import background
from anew.errors import AnewError, MissingExtra, NotFound, StoreError, StoreFull, Unreachable, UsageError
from anew.remotes.place import TEMPORARY, Item
from anew.store.objects.record import Buffer

_PIECE_SIZE = 4 << 20
_CONNECT_S, _CLOSE_S = 20, 5


class Ssh:
    """One connection, shared by threads. `ssh://host/data` is /data there, `ssh://host/~/data` lies in the home.

    Options: user, port, password, key_file, passphrase, timeout_s, agent (false: ask none).
    """

    writable = True

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        try:
            import asyncssh
        except ImportError:
            raise MissingExtra("asyncssh", "ssh") from None
        parts = urlsplit(url)
        if not parts.hostname or not parts.path.strip("/"):
            raise UsageError(f"{url} names no folder: ssh://user@host/folder")
        self.url = url
        self._asyncssh: Any = asyncssh
        path = unquote(parts.path)
        self._root = path.removeprefix("/~/") if path.startswith("/~/") else path
        self._to = _connecting_to(parts, options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._connecting: asyncio.Lock | None = None
        self._connection: Any = None
        self._sftp: Any = None

    def list(self, below: str = "") -> dict[str, Item]:
        with self._translated(below):
            found: dict[str, Item] = self._do(self._list(below))
            return found

    def find(self, name: str) -> Item | None:
        try:
            with self._translated(name):
                about = self._do(self._about(name))
        except NotFound:
            return None
        return Item(about.size, str(about.mtime)) if about.type == self._asyncssh.FILEXFER_TYPE_REGULAR else None

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        with self._translated(name):
            file = self._do(self._open(name, "rb"))
            try:
                while end is None or start < end:
                    count = _PIECE_SIZE if end is None else min(_PIECE_SIZE, end - start)
                    data: bytes = self._do(file.read(count, start))
                    if not data:
                        return
                    yield data
                    start += len(data)
            finally:
                self._do(_quietly(file.close()))

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        with self._translated(name):
            self._do(self._write(name, parts, new=False))

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        with self._translated(name):
            self._do(self._write(name, pieces, new=False))

    def write_new(self, name: str, data: bytes) -> bool:
        with self._translated(name):
            done: bool = self._do(self._write(name, [data], new=True))
            return done

    def delete(self, name: str) -> None:
        try:
            with self._translated(name):
                self._do(self._delete(name))
        except NotFound:
            pass

    def close(self) -> None:
        if self._loop is None:
            return
        self._do(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop = None

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            try:
                await asyncio.wait_for(self._connection.wait_closed(), _CLOSE_S)
            except TimeoutError:
                self._connection.abort()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                background.start(threading.Thread(target=_run, args=(self._loop,), daemon=True))
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _client(self) -> Any:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._sftp is None:
                self._connection = await self._asyncssh.connect(**self._to)
                self._sftp = await self._connection.start_sftp_client()
            return self._sftp

    async def _open(self, name: str, mode: str) -> Any:
        return await (await self._client()).open(posixpath.join(self._root, name), mode)

    async def _about(self, name: str) -> Any:
        return await (await self._client()).stat(posixpath.join(self._root, name))

    async def _list(self, below: str) -> dict[str, Item]:
        sftp = await self._client()
        found: dict[str, Item] = {}
        folders = [f"{below}/" if below else ""]
        while folders:
            folder = folders.pop()
            try:
                entries = await sftp.readdir(posixpath.join(self._root, folder))
            except self._asyncssh.SFTPNoSuchFile:
                continue
            for entry in entries:
                if entry.filename in (".", ".."):
                    continue
                if entry.attrs.type == self._asyncssh.FILEXFER_TYPE_DIRECTORY:
                    folders.append(f"{folder}{entry.filename}/")
                elif not entry.filename.endswith(TEMPORARY):
                    found[folder + entry.filename] = Item(entry.attrs.size, str(entry.attrs.mtime))
        return found

    async def _write(self, name: str, parts: Iterable[Buffer], *, new: bool) -> bool:
        sftp = await self._client()
        path = posixpath.join(self._root, name)
        folder, base = posixpath.split(path)
        temporary = posixpath.join(folder, f".{base}.{os.urandom(6).hex()}{TEMPORARY}")
        try:
            file = await sftp.open(temporary, "wb")
        except self._asyncssh.SFTPNoSuchFile:
            await sftp.makedirs(folder, exist_ok=True)
            file = await sftp.open(temporary, "wb")
        try:
            async with file:
                for part in parts:
                    await file.write(part)
                await _quietly(file.fsync())  # where the server knows how
            if not new:
                await sftp.posix_rename(temporary, path)
                return True
            # Plain SFTP renames only to where nothing is; what else it may fail for is found by looking.
            try:
                await sftp.rename(temporary, path)
            except self._asyncssh.SFTPError:
                if await sftp.exists(path):
                    await _quietly(sftp.remove(temporary))
                    return False
                raise
            return True
        except BaseException:
            await _quietly(sftp.remove(temporary))
            raise

    async def _delete(self, name: str) -> None:
        await (await self._client()).remove(posixpath.join(self._root, name))

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        where = f"{self.url}/{name}" if name else self.url
        errors = self._asyncssh
        try:
            yield
        except AnewError:
            raise
        except (errors.SFTPConnectionLost, errors.SFTPNoConnection, errors.ConnectionLost) as error:
            self._sftp = None
            raise Unreachable(f"{where}: the connection broke off; try again") from error
        except errors.SFTPNoSuchFile as error:
            raise NotFound(f"{where} does not exist") from error
        except errors.SFTPPermissionDenied as error:
            raise StoreFull(f"{where}: not allowed there; ask for permission to that folder") from error
        except errors.SFTPError as error:
            raise StoreFull(f"{where}: the server refused ({error.reason or error.code}); is its disk full?") from error
        except errors.HostKeyNotVerifiable as error:
            raise StoreError(f"{where}: its host key is not known; `ssh` to it once, and compare the key") from error
        except errors.PermissionDenied as error:
            raise StoreError(f"{where}: it lets you not in; check with `ssh` that your key or agent does") from error
        except (TimeoutError, OSError, errors.Error) as error:
            self._sftp = None
            raise Unreachable(f"{where} does not answer: {error}") from error


def _connecting_to(parts: SplitResult, options: Mapping[str, str]) -> dict[str, Any]:
    """What asyncssh is to connect with; what is not said here it takes from ~/.ssh/config and the agent."""
    found: dict[str, Any] = {"host": parts.hostname, "connect_timeout": float(options.get("timeout_s") or _CONNECT_S)}
    if port := options.get("port") or parts.port:
        found["port"] = int(port)
    if user := options.get("user") or unquote(parts.username or ""):
        found["username"] = user
    if options.get("key_file"):
        found["client_keys"] = [os.path.expanduser(options["key_file"])]
    for option in ("password", "passphrase"):
        if options.get(option):
            found[option] = options[option]
    if options.get("agent") == "false":
        found["agent_path"] = None
    return found


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except Exception:
        pass  # what matters failed, or succeeded, before
