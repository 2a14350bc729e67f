"""A remote in a bucket: S3 and compatible, Google Cloud Storage, Azure; through obstore."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anew.errors import MissingExtra, NotFound, StoreError, Unreachable, UsageError
from anew.remotes.place import TEMPORARY, Item
from anew.store.objects.record import Buffer

_PIECE_SIZE = 4 << 20
_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure"}
_CLIENT = {"timeout": "15m", "connect_timeout": "10s"}  # a request may be a whole pack, over a slow line
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Cloud:
    """A request for each file, whatever its size: a pack has 80 MiB at most. Credentials are the cloud's own."""

    writable = True

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self.url = url
        parts = urlsplit(url)
        bucket, prefix = parts.netloc, parts.path.strip("/")
        if not bucket:
            raise UsageError(f"{url} names no bucket: {parts.scheme}://bucket/folder")
        try:
            import obstore
        except ImportError:
            raise MissingExtra("obstore", _EXTRAS[parts.scheme]) from None
        self._obstore: Any = obstore
        make = {"s3": _s3, "gs": _gcs, "az": _azure}[parts.scheme]
        try:
            self._store: Any = make(bucket, prefix or None, options)
        except obstore.exceptions.BaseError as error:
            raise UsageError(f"{url} can't be used: {_said(error)}") from error

    def list(self) -> dict[str, Item]:
        found: dict[str, Item] = {}
        with self._translated(""):
            for batch in self._obstore.list(self._store):
                for item in batch:
                    if not item["path"].endswith(TEMPORARY):
                        found[item["path"]] = Item(item["size"], item["e_tag"] or str(item["last_modified"]))
        return found

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        options: dict[str, Any] = {}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)
        with self._translated(name):
            answer = self._obstore.get(self._store, name, options=options)
            for piece in answer.stream(min_chunk_size=_PIECE_SIZE):
                yield bytes(piece)

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        with self._translated(name):
            self._obstore.put(self._store, name, _body(parts), use_multipart=False)

    def write_new(self, name: str, data: bytes) -> bool:
        try:
            with self._translated(name):
                self._obstore.put(self._store, name, data, mode="create")
        except _Exists:
            return False
        return True

    def delete(self, name: str) -> None:
        try:
            with self._translated(name):
                self._obstore.delete(self._store, name)
        except NotFound:
            pass

    def close(self) -> None:
        pass

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        errors = self._obstore.exceptions
        where = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except (errors.NotFoundError, FileNotFoundError) as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise StoreError(f"{self.url}: there is no such bucket; make it with the cloud's own tools") from error
            raise NotFound(f"{where} does not exist") from error
        except (errors.AlreadyExistsError, errors.PreconditionError) as error:
            raise _Exists from error
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            raise StoreError(f"{where}: not allowed; check the credentials ({_said(error)})") from error
        except errors.BaseError as error:
            raise self._failed(where, error) from error

    def _failed(self, where: str, error: Exception) -> StoreError | Unreachable:
        said = str(error)
        if "credential" in said.lower() or "InstanceMetadata" in said or "169.254.169.254" in said:
            return StoreError(f"{where}: no credentials found; docs/how-to/share-data.md says where they belong")
        if "error sending request" in said or "Server returned" in said or "connect" in said or "timed out" in said:
            return Unreachable(f"{where}: no answer, try again later ({_said(error)})")
        return StoreError(f"{where}: {_said(error)}")


class _Exists(Exception):
    pass


def _body(parts: Sequence[Buffer]) -> Any:
    """What is sent in one request, without a copy of a single part."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _said(error: Exception) -> str:
    """The first line of what may be pages."""
    return str(error).partition("\n")[0][:300]


def _client(endpoint: str) -> Any:
    host = urlsplit(endpoint).hostname or ""
    if endpoint.startswith("http://") and host not in _LOOPBACK and not os.environ.get("AWS_ALLOW_HTTP"):
        raise UsageError(f"{endpoint} is not encrypted: use https://, or set AWS_ALLOW_HTTP=true if you must")
    return {**_CLIENT, "allow_http": endpoint.startswith("http://")}


def _s3(bucket: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import S3Store

    settings: Any = _profile(options.get("profile"))
    if region := options.get("region"):
        settings["region"] = region
    endpoint = options.get("endpoint") or settings.get("endpoint") or _first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if endpoint:
        settings["endpoint"] = endpoint.rstrip("/")
    if "region" not in settings and not _first("AWS_REGION", "AWS_DEFAULT_REGION"):
        settings["region"] = "us-east-1"
    return S3Store(bucket, prefix=prefix, config=settings, client_options=_client(endpoint), conditional_put="etag")


def _first(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _profile(named: str | None) -> dict[str, str]:
    """Keys, region and endpoint of a profile of the AWS tools; none where the environment has keys."""
    if not named and os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    name = named or os.environ.get("AWS_PROFILE") or "default"
    files = {
        os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config": name if name == "default" else f"profile {name}",
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials": name,
    }
    found: dict[str, str] = {}
    for file, section in files.items():
        parser = configparser.RawConfigParser()
        try:
            parser.read(Path(file).expanduser())
        except configparser.Error as error:
            raise UsageError(f"{file} can't be read: {error}") from error
        if parser.has_section(section):
            found |= dict(parser[section])
    if named and not found:
        raise UsageError(f"there is no profile {named!r} in {' or '.join(files)}")
    known = {
        "aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token", "region": "region", "endpoint_url": "endpoint",
    }  # fmt: skip
    return {ours: found[theirs] for theirs, ours in known.items() if found.get(theirs)}


def _gcs(bucket: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import GCSStore

    endpoint = options.get("endpoint", "")
    config: Any = {"base_url": endpoint, "skip_signature": True} if endpoint else {}
    return GCSStore(bucket, prefix=prefix, config=config, client_options=_client(endpoint))


def _azure(container: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import AzureStore

    settings: Any = _connection(os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    for theirs, ours in (("AZURE_STORAGE_ACCOUNT", "account_name"), ("AZURE_STORAGE_KEY", "account_key")):
        if os.environ.get(theirs):
            settings[ours] = os.environ[theirs]
    if options.get("account"):
        settings["account_name"] = options["account"]
    endpoint = options.get("endpoint") or settings.get("endpoint", "")
    if endpoint:
        settings["endpoint"] = endpoint.rstrip("/")
    return AzureStore(container, prefix=prefix, config=settings, client_options=_client(endpoint))


def _connection(text: str) -> dict[str, str]:
    """What Azure's connection string says."""
    said = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    known = {"AccountName": "account_name", "AccountKey": "account_key", "BlobEndpoint": "endpoint",
             "SharedAccessSignature": "sas_key"}  # fmt: skip
    return {ours: said[theirs] for theirs, ours in known.items() if said.get(theirs)}
