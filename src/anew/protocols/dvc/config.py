"""DVC's configuration: four files, the stronger over the weaker, read and written as DVC does."""

from __future__ import annotations

import os
import re

from anew.errors import DvcConfigError, MissingExtra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LEVELS = ("system", "global", "repo", "local")  # the later, the stronger
# In DVC's order, which is the order in which it writes sections that are new.
SECTIONS = (
    "core", "cache", "remote", "state", "index", "machine", "feature", "plots", "exp", "parsing", "hydra", "studio",
    "db",
)  # fmt: skip
NAMED = ("remote", "machine", "db")
LINKS = ("reflink", "hardlink", "symlink", "copy")
_PATHS = frozenset({
    "url", "gdrive_user_credentials_file", "gdrive_service_account_json_file_path", "credentialpath", "configpath",
    "keyfile", "cert_path", "key_path",
})  # fmt: skip
_SWITCHES = {
    "core": {"interactive", "analytics", "hardlink_lock", "no_scm", "autostage", "experiments", "check_update"},
    "cache": {"protected", "slow_link_warning", "verify"},
    "remote": {"verify", "worktree", "version_aware", "no_traverse"},
}
_OPTIONS = {
    "core": _SWITCHES["core"] | {"remote", "checksum_jobs", "site_cache_dir", "machine"},
    "cache": _SWITCHES["cache"] | {"local", "s3", "gs", "hdfs", "webhdfs", "ssh", "azure", "dir", "type", "shared"},
}
_NAME = re.compile(r'^\s*(remote|machine|db)\s*"(.*)"\s*$')
_SCHEME = re.compile(r"\w+://")


class AsWritten(str):
    """An absolute path that stood in a file otherwise: relative to it, or with ~."""

    __slots__ = ("written",)
    written: str | None

    def __new__(cls, path: str, written: str | None) -> AsWritten:
        made = super().__new__(cls, path)
        made.written = written
        return made


class Config:
    """Merged when asked with `get`; one level with `read`; changed with `edit`."""

    def __init__(self, dvc_dir: str | None) -> None:
        self.files = {"system": os.path.join(_system_dir(), "config"), "global": os.path.join(_global_dir(), "config")}
        if dvc_dir is not None:
            self.files |= {"repo": os.path.join(dvc_dir, "config"), "local": os.path.join(dvc_dir, "config.local")}
        self._merged: dict[str, Any] | None = None

    def get(self, section: str, option: str, default: Any = None) -> Any:
        return self.merged().get(section, {}).get(option, default)

    def switch(self, section: str, option: str, default: bool = False) -> bool:
        return str(self.get(section, option, default)).lower() == "true"

    def merged(self) -> dict[str, Any]:
        if self._merged is None:
            self._merged = self.below(None)
            validate(self._merged)
        return self._merged

    def merge(self, more: dict[str, Any]) -> None:
        """Settings of one command, stronger than all files."""
        merge(self.merged(), more)

    def below(self, level: str | None) -> dict[str, Any]:
        """All files weaker than `level` merged; with None, all files."""
        found: dict[str, Any] = {}
        for one in LEVELS:
            if one == level:
                break
            if one in self.files:
                merge(found, self.read(one))
        return found

    def read(self, level: str) -> dict[str, Any]:
        """One file; sections that it does not have are empty."""
        if level not in self.files:
            raise DvcConfigError("Not inside a DVC repo")
        found = load_file(self.files[level])
        _map_paths(found, _resolver(os.path.dirname(os.path.abspath(self.files[level]))))
        for section in SECTIONS:
            found.setdefault(section, {})
        return found

    def edit(self, level: str | None, change: Callable[[dict[str, Any]], None]) -> None:
        """Change one file by `change`, if the result is valid."""
        level = level or "repo"
        conf = self.read(level)
        change(conf)
        folder = os.path.dirname(self.files[level])
        _map_paths(conf, lambda path: _as_written(folder, path))
        merged = self.below(level)
        merge(merged, conf)
        validate(merged)
        _save(self.files[level], conf)
        self._merged = None


def load_file(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {name: {} for name in NAMED}
    except UnicodeDecodeError as error:
        raise DvcConfigError(f"{path} is not UTF-8 ({error}): mend it") from error
    found: dict[str, Any] = {name: {} for name in NAMED}
    if not text.strip():
        return found
    configobj = _configobj()
    try:
        parsed = configobj.ConfigObj(text.splitlines()).dict()
    except configobj.ConfigObjError as error:
        raise DvcConfigError(f"{path} is no configuration ({error}): mend it") from error
    for section, values in _lower(parsed).items():
        match = _NAME.match(section)
        if match:
            found[match[1]][match[2]] = values
        else:
            found[section] = values
    return found


def validate(conf: dict[str, Any]) -> None:
    """Refuse what DVC would refuse."""
    for section, values in conf.items():
        if section not in SECTIONS or not isinstance(values, dict):
            raise DvcConfigError(f"extra keys not allowed @ data['{section}']")
        for option, value in values.items():
            if section in _OPTIONS and option not in _OPTIONS[section]:
                raise DvcConfigError(f"extra keys not allowed @ data['{section}']['{option}']")
            _check_switch(section, option, value, f"data['{section}']['{option}']")
    types = conf.get("cache", {}).get("type")
    unknown = set(link_types(types)) - set(LINKS)
    if unknown:
        raise DvcConfigError(f"Unsupported cache type(s): {', '.join(sorted(unknown))} @ data['cache']['type']")
    if str(conf.get("cache", {}).get("shared", "group")).lower() != "group":
        raise DvcConfigError("expected one of group @ data['cache']['shared']")
    for name, remote in conf.get("remote", {}).items():
        if not isinstance(remote, dict) or "url" not in remote:
            raise DvcConfigError(f"expected 'url' for dictionary value @ data['remote']['{name}']")
        for option, value in remote.items():
            _check_switch("remote", option, value, f"data['remote']['{name}']['{option}']")


def link_types(value: Any) -> list[str]:
    if not value:
        return ["reflink", "copy"]
    return [str(kind).strip() for kind in (value if isinstance(value, list) else str(value).split(","))]


def _check_switch(section: str, option: str, value: Any, where: str) -> None:
    if option in _SWITCHES.get(section, ()) and str(value).lower() not in ("true", "false"):
        raise DvcConfigError(f"expected true or false for dictionary value @ {where}")
    if option in ("checksum_jobs", "jobs") and not (str(value).isdigit() and int(value) > 0):
        raise DvcConfigError(f"expected a whole number above 0 for dictionary value @ {where}")


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(into.get(key), dict) and isinstance(value, dict):
            merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _save(path: str, conf: dict[str, Any]) -> None:
    found = {section: values for section, values in conf.items() if values}
    for kind in NAMED:
        for name, values in conf.get(kind, {}).items():
            found[f'{kind} "{name}"'] = values
        found.pop(kind, None)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = "".join(f"{line}\n" for line in _configobj().ConfigObj(found).write())
    from anew.protocols.dvc.durable import replace

    replace(path, text.encode())


def _map_paths(conf: dict[str, Any], change: Callable[[str], str]) -> None:
    if isinstance(conf.get("cache"), dict) and "dir" in conf["cache"]:
        conf["cache"]["dir"] = change(conf["cache"]["dir"])
    for remote in conf.get("remote", {}).values():
        for option in _PATHS & set(remote):
            remote[option] = change(remote[option])


def _resolver(folder: str) -> Callable[[str], str]:
    def resolve(path: str) -> str:
        if _SCHEME.match(path) or os.path.isabs(path):
            return path
        expanded = os.path.expanduser(path)
        if os.path.isabs(expanded):
            return AsWritten(expanded, path)
        return AsWritten(os.path.abspath(os.path.join(folder, path)), None)

    return resolve


def _as_written(folder: str, path: str) -> str:
    if _SCHEME.match(path):
        return path
    if isinstance(path, AsWritten) and path.written is not None:
        return path.written
    if os.path.expanduser(path) != path:
        return path
    if isinstance(path, AsWritten):
        return os.path.relpath(path, folder)
    return path if os.path.isabs(path) else os.path.relpath(os.path.abspath(path), folder)


def _lower(conf: Any) -> Any:
    if isinstance(conf, dict):
        return {str(key).lower(): _lower(value) for key, value in conf.items()}
    return conf


def _configobj() -> Any:
    try:
        import configobj
    except ImportError:
        raise MissingExtra("configobj", "dvc") from None
    return configobj


def _global_dir() -> str:
    found = os.environ.get("DVC_GLOBAL_CONFIG_DIR")
    return found or os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "dvc")


def _system_dir() -> str:
    found = os.environ.get("DVC_SYSTEM_CONFIG_DIR")
    return found or os.path.join((os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)[0], "dvc")
