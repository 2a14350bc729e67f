"""DVC's configuration of a remote or an address, as a place takes it."""

from __future__ import annotations

from urllib.parse import urlsplit

from anew.errors import DvcConfigError, DvcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from anew.remotes.place import Place

SCHEMES = {
    "s3": "s3", "gs": "gs", "azure": "az", "ssh": "ssh", "http": "http", "https": "https", "webdav": "webdav",
    "webdavs": "webdavs",
}  # fmt: skip
_TLS = {"ssl_verify": "tls_verify"}
_WAITS = {"connect_timeout": "connect_timeout_s", "read_timeout": "timeout_s"}
_OPTIONS: dict[str, dict[str, str]] = {
    "s3": {
        "endpointurl": "endpoint", "region": "region", "profile": "profile", "configpath": "config_file",
        "credentialpath": "credentials_file", "access_key_id": "access_key_id",
        "secret_access_key": "secret_access_key", "session_token": "session_token",
        "allow_anonymous_login": "anonymous", "sse": "sse", "sse_kms_key_id": "sse_kms_key_id",
        "sse_customer_key": "sse_customer_key", **_TLS, **_WAITS,
    },
    "gs": {"endpointurl": "endpoint", "credentialpath": "credentials_file", "allow_anonymous_login": "anonymous"},
    "azure": {
        "connection_string": "connection_string", "sas_token": "sas_token", "account_name": "account",
        "account_key": "account_key", "tenant_id": "tenant_id", "client_id": "client_id",
        "client_secret": "client_secret", "allow_anonymous_login": "anonymous", "timeout": "timeout_s",
        "read_timeout": "timeout_s", "connection_timeout": "connect_timeout_s",
    },
    "ssh": {
        "user": "user", "port": "port", "password": "password", "passphrase": "passphrase", "keyfile": "key_file",
        "timeout": "timeout_s", "allow_agent": "agent",
    },
    "http": {
        "user": "user", "password": "password", "custom_auth_header": "header", "method": "method", **_TLS, **_WAITS,
    },
    "webdav": {
        "user": "user", "password": "password", "token": "token", "custom_auth_header": "header",
        "cert_path": "certificate_file", "key_path": "key_file", "timeout": "timeout_s", **_TLS,
    },
}  # fmt: skip
# What DVC would do, and a place can't: said rather than left out.
_REFUSED = {
    "gss_auth": "Kerberos is not spoken here",
    "bearer_token_command": "no program is run for a token: put one into `token`",
}
_REFUSED_TO_WRITE = ("acl", "grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control")


def resolve(remotes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings of a remote; `remote://other/sub` has those of the other, where it has none of its own."""
    if name not in remotes:
        raise DvcConfigError(f"remote '{name}' doesn't exist.", 1)
    return _based(remotes, dict(remotes[name]), {name})


def _based(remotes: Mapping[str, Any], conf: dict[str, Any], seen: set[str]) -> dict[str, Any]:
    url = str(conf["url"])
    if not url.startswith("remote://"):
        return conf
    other, _, below = url[len("remote://") :].partition("/")
    other = other.lower()
    if other not in remotes:
        raise DvcConfigError(f"remote '{other}', which {url} is in, doesn't exist.")
    if other in seen:
        raise DvcConfigError(f"remote '{other}' is in itself, by {url}")
    base = _based(remotes, dict(remotes[other]), seen | {other})
    return {**base, **conf, "url": f"{base['url'].rstrip('/')}/{below}" if below else base["url"]}


def conf_of_url(remotes: Mapping[str, Any], url: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an address with the settings that were given with it."""
    return _based(remotes, {**more, "url": url}, set())


def is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def open_url(conf: Mapping[str, Any], url: str | None = None) -> Place:
    """The place at the address of some settings, or at another one that they are for."""
    from anew.remotes.place import place_at

    url = url or str(conf["url"])
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise DvcError(f"{url}: only folders and {known} can be reached; use dvc for it")
    return place_at(f"{SCHEMES[scheme]}://{rest.rstrip('/')}", place_options(scheme, conf))


def place_options(scheme: str, conf: Mapping[str, Any]) -> dict[str, str]:
    """What the place is told: each under its own name for it."""
    kind = {"https": "http", "webdavs": "webdav"}.get(scheme, scheme)
    for option, why in _REFUSED.items():
        if str(conf.get(option, "false")).lower() != "false":
            raise DvcError(f"{conf['url']}: the option {option} can't be followed ({why}); use dvc for it")
    found: dict[str, str] = {}
    for option, ours in _OPTIONS[kind].items():
        value = str(conf.get(option, ""))
        if value:
            found[ours] = value.lower() if value.lower() in ("true", "false") else value
    if found.get("anonymous") == "false":
        del found["anonymous"]
    if found.get("endpoint", "").startswith("http://"):
        found["allow_http"] = "true"  # as the project has it
    if kind == "http":
        _http(conf, found)
    _refuse_asking(conf, found)
    return found


def _http(conf: Mapping[str, Any], found: dict[str, str]) -> None:
    """DVC sends user and password only where it is told how, and files by POST."""
    found["method"] = found.get("method", "POST").upper()
    auth = str(conf.get("auth", "")).lower()
    if auth not in ("", "basic", "custom"):
        raise DvcError(f"{conf['url']}: auth = {auth} can't be had, by dvc neither; basic and custom can")
    left_out = {"basic": ("header",), "custom": ("user",)}.get(auth, ("user", "password", "header"))
    for name in left_out:
        found.pop(name, None)


def _refuse_asking(conf: Mapping[str, Any], found: Mapping[str, str]) -> None:
    for option in ("password", "passphrase"):
        if str(conf.get(f"ask_{option}", "")).lower() == "true" and option not in found:
            raise DvcError(
                f"{conf['url']}: ask_{option} is set, and nobody is asked here: put it into .dvc/config.local, which "
                f"Git ignores, by `anew dvc remote modify --local NAME {option} …`, or use a key and an agent"
            )


def refuse_to_write(conf: Mapping[str, Any]) -> None:
    """Raises DvcError where files would be written without what the settings want of each."""
    found = [option for option in _REFUSED_TO_WRITE if conf.get(option)]
    if found:
        raise DvcError(f"{conf['url']}: {found[0]} can't be set from here: push with dvc, or set it for the bucket")


def split(url: str) -> tuple[str, str]:
    """An address as that of the folder above, and the name there; "" for what has none above."""
    parts = urlsplit(url)
    above, _, name = url.rstrip("/").rpartition("/")
    if not parts.path.strip("/"):
        return url.rstrip("/"), ""
    return above, name
