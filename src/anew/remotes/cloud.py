"""A remote in a bucket: S3 and compatible, Google Cloud Storage, Azure; through obstore."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anew.errors import MissingExtra, NotFound, StoreError, Unreachable, UsageError
from anew.remotes.place import TEMPORARY, Item
from anew.store.objects.record import Buffer

_PIECE_SIZE = 4 << 20
_WHOLE_SIZE = 64 << 20  # up to here a request; beyond, parts: a request takes 5 GiB at the most
_PART_SIZE, _PARTS_MOST, _PARTS_AT_ONCE = 16 << 20, 9000, 4  # S3 takes 10,000 parts
_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure"}
_CLIENT = {"timeout": "15m", "connect_timeout": "10s"}  # a request may be a whole pack, over a slow line
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Cloud:
    """A request for each file but for a stream, which goes up in parts. Credentials are the cloud's own.

    Options: endpoint, timeout_s, connect_timeout_s, tls_verify (false, or a file of certificates), allow_http,
    anonymous; of S3 region, profile, config_file, credentials_file, access_key_id, secret_access_key, session_token,
    sse, sse_kms_key_id, sse_customer_key; of GCS credentials_file; of Azure account, account_key, sas_token,
    connection_string, tenant_id, client_id, client_secret.
    """

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

    def list(self, below: str = "") -> dict[str, Item]:
        found: dict[str, Item] = {}
        with self._translated(below):
            for batch in self._obstore.list(self._store, below or None):
                for item in batch:
                    if not item["path"].endswith(TEMPORARY):
                        found[item["path"]] = _item(item)
        return found

    def find(self, name: str) -> Item | None:
        try:
            with self._translated(name):
                return _item(self._obstore.head(self._store, name))
        except NotFound:
            return None

    def read(self, name: str, start: int = 0, end: int | None = None, version: str = "") -> Iterator[bytes]:
        """`version`: one that `find` named, if it is not to be what is there now."""
        options: dict[str, Any] = {"version": version} if version else {}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)
        with self._translated(name):
            answer = self._obstore.get(self._store, name, options=options)
            for piece in answer.stream(min_chunk_size=_PIECE_SIZE):
                yield bytes(piece)

    def write(self, name: str, parts: Sequence[Buffer]) -> None:
        with self._translated(name):
            self._obstore.put(self._store, name, _body(parts), use_multipart=False)

    def write_stream(self, name: str, pieces: Iterable[Buffer], size: int) -> None:
        if size <= _WHOLE_SIZE:
            self.write(name, list(pieces))
            return
        part_size = max(_PART_SIZE, size // _PARTS_MOST + 1)
        guarded = _Guarded(pieces)
        with self._translated(name):
            try:
                self._obstore.put(
                    self._store, name, iter(guarded), chunk_size=part_size, max_concurrency=_PARTS_AT_ONCE
                )
            except Exception:
                guarded.raise_own()
                raise

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


class _Guarded:
    """Pieces, and what went wrong in making them: obstore would tell another error than it was."""

    def __init__(self, pieces: Iterable[Buffer]) -> None:
        self._pieces = pieces
        self._problem: Exception | None = None

    def __iter__(self) -> Iterator[Buffer]:
        try:
            yield from self._pieces
        except Exception as error:
            self._problem = error
            raise

    def raise_own(self) -> None:
        if self._problem is not None:
            raise self._problem


def _item(about: Any) -> Item:
    mark = (about["e_tag"] or str(about["last_modified"])).strip('"')  # quoted by some requests only
    return Item(about["size"], mark, about["version"] or "")


def _body(parts: Sequence[Buffer]) -> Any:
    """What is sent in one request, without a copy of a single part."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _said(error: Exception) -> str:
    """The first line of what may be pages."""
    return str(error).partition("\n")[0][:300]


def _client(endpoint: str, options: Mapping[str, str]) -> Any:
    host = urlsplit(endpoint).hostname or ""
    allowed = options.get("allow_http") or os.environ.get("AWS_ALLOW_HTTP") or host in _LOOPBACK
    if endpoint.startswith("http://") and not allowed:
        raise UsageError(f"{endpoint} is not encrypted: use https://, or set AWS_ALLOW_HTTP=true if you must")
    found: dict[str, Any] = {**_CLIENT, "allow_http": endpoint.startswith("http://")}
    for option, name in (("timeout_s", "timeout"), ("connect_timeout_s", "connect_timeout")):
        if seconds := options.get(option):
            found[name] = f"{seconds}s"
    verify = options.get("tls_verify", "true")
    if verify == "false":
        found["allow_invalid_certificates"] = True
    elif verify != "true":
        try:
            found["root_certificate"] = Path(verify).read_bytes()
        except OSError as error:
            raise UsageError(f"{verify}: the certificates can't be read ({error.strerror})") from error
    return found


def _s3(bucket: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import S3Store

    settings: Any = {} if options.get("access_key_id") or options.get("anonymous") else _profile(options)
    settings |= {name: options[name] for name in _S3_OPTIONS if options.get(name)}
    if options.get("anonymous"):
        settings["skip_signature"] = True
    if sse := options.get("sse"):
        settings["server_side_encryption"] = sse
    if key := options.get("sse_customer_key"):
        settings |= {"server_side_encryption": "sse-c", "sse_customer_key_base64": key}
    endpoint = options.get("endpoint") or settings.get("endpoint") or _first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if endpoint:
        settings["endpoint"] = endpoint.rstrip("/")
    if "region" not in settings and not _first("AWS_REGION", "AWS_DEFAULT_REGION"):
        settings["region"] = "us-east-1"
    provider = settings.pop("provider", None)
    return S3Store(
        bucket, prefix=prefix, config=settings, client_options=_client(endpoint, options), conditional_put="etag",
        credential_provider=provider,
    )  # fmt: skip


_S3_OPTIONS = ("region", "access_key_id", "secret_access_key", "session_token", "sse_kms_key_id")


def _first(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _profile(options: Mapping[str, str]) -> dict[str, Any]:
    """Keys, region and endpoint of a profile of the AWS tools; none where the environment has keys."""
    named = options.get("profile")
    if not named and not options.get("credentials_file") and os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    name = named or os.environ.get("AWS_PROFILE") or "default"
    config = os.environ.get("AWS_CONFIG_FILE") or options.get("config_file") or "~/.aws/config"
    keys = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or options.get("credentials_file") or "~/.aws/credentials"
    files = {config: name if name == "default" else f"profile {name}", keys: name}
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
    settings: dict[str, Any] = {ours: found[theirs] for theirs, ours in known.items() if found.get(theirs)}
    if "access_key_id" not in settings and any(key.startswith(_HANDED_OUT) for key in found):
        settings["provider"] = _provider(name, config, keys)
    return settings


_HANDED_OUT = ("role_arn", "sso_", "credential_process", "web_identity_token_file", "source_profile")


def _provider(profile: str, config: str, keys: str) -> Any:
    """Of a profile whose keys are handed out each time (a role, single sign-on, a program): by AWS's own library."""
    try:
        import boto3
        import botocore.session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise UsageError(
            f"profile {profile!r} of AWS gets its keys from elsewhere (a role, single sign-on, a program): "
            "`pip install boto3` for that, or put keys into the environment (`aws configure export-credentials`)"
        ) from None
    session = botocore.session.Session(profile=profile)
    session.set_config_variable("config_file", config)
    session.set_config_variable("credentials_file", keys)
    return Boto3CredentialProvider(boto3.Session(botocore_session=session))


def _gcs(bucket: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import GCSStore

    endpoint = options.get("endpoint", "")
    config: Any = {"base_url": endpoint.rstrip("/"), "skip_signature": True} if endpoint else {}
    if options.get("anonymous"):
        config["skip_signature"] = True
    if path := options.get("credentials_file"):
        config["application_credentials"] = path
    return GCSStore(bucket, prefix=prefix, config=config, client_options=_client(endpoint, options))


def _azure(container: str, prefix: str | None, options: Mapping[str, str]) -> Any:
    from obstore.store import AzureStore

    profile = _azure_profile()
    said = options.get("connection_string") or os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    said = said or profile.get("connection_string", "")
    settings: Any = _connection(said)
    for variable, option, name in _AZURE_OPTIONS:
        if found := options.get(option) or os.environ.get(variable) or profile.get(variable.split("_", 2)[-1].lower()):
            settings[name] = found
    if options.get("anonymous"):
        settings["skip_signature"] = True
    endpoint = options.get("endpoint") or settings.get("endpoint", "")
    if endpoint:
        settings["endpoint"] = endpoint.rstrip("/")
    return AzureStore(container, prefix=prefix, config=settings, client_options=_client(endpoint, options))


def _azure_profile() -> dict[str, str]:
    """What the Azure tools have for storage: account, key, sas_token, connection_string."""
    parser = configparser.RawConfigParser()
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()
    try:
        parser.read(folder / "config")
    except configparser.Error as error:
        raise UsageError(f"{folder / 'config'} can't be read: {error}") from error
    return dict(parser["storage"]) if parser.has_section("storage") else {}


_AZURE_OPTIONS = (
    ("AZURE_STORAGE_ACCOUNT", "account", "account_name"), ("AZURE_STORAGE_KEY", "account_key", "account_key"),
    ("AZURE_STORAGE_SAS_TOKEN", "sas_token", "sas_key"), ("AZURE_TENANT_ID", "tenant_id", "tenant_id"),
    ("AZURE_CLIENT_ID", "client_id", "client_id"), ("AZURE_CLIENT_SECRET", "client_secret", "client_secret"),
)  # fmt: skip


def _connection(text: str) -> dict[str, str]:
    """What Azure's connection string says."""
    said = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    known = {"AccountName": "account_name", "AccountKey": "account_key", "BlobEndpoint": "endpoint",
             "SharedAccessSignature": "sas_key"}  # fmt: skip
    return {ours: said[theirs] for theirs, ours in known.items() if said.get(theirs)}
