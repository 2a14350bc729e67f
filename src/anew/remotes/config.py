"""Which remotes a project has: `.anewconfig` for all who work on it, `config` in the store for this one."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from anew.errors import Conflict, CorruptData, NotFound, StoreError, UsageError
from anew.store.location import Store

FILE = ".anewconfig"
OPTIONS = {
    "endpoint": "address of the service, where it is not the cloud's own",
    "region": "of the bucket",
    "profile": "of ~/.aws/config and ~/.aws/credentials",
    "account": "of Azure's storage",
    "jobs": "how many requests at once",
}
SCHEMES = ("file", "s3", "gs", "az", "http", "https", "ssh", "sftp", "webdav", "webdavs")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER = re.compile(r'\[remote "([^"]*)"\]')
_SECRET = re.compile(r"sig|signature|token|secret|password|passwd|pwd|credential|access[-_]?key", re.I)


@dataclass(frozen=True)
class RemoteConfig:
    """One remote. `url`: as it is written; `where`: with a relative path made whole."""

    name: str
    url: str
    where: str
    options: Mapping[str, str] = field(default_factory=dict)
    local: bool = False  # known to this store only


class Config:
    """The remotes of the project at `root`. Both files are read each time: others write them, too."""

    def __init__(self, store: Store, root: Path) -> None:
        self.root = root
        self.shared, self.local = root / FILE, store.root / "config"

    def all(self) -> list[RemoteConfig]:
        """By name. Raises CorruptData for a file that can't be read, UsageError for a URL that can't be one."""
        found: dict[str, RemoteConfig] = {}
        for path in (self.shared, self.local):
            for section, values in _read(path).items():
                if header := _HEADER.fullmatch(f"[{section}]"):
                    found[header[1]] = self._remote(path, header[1], values)
        return sorted(found.values(), key=lambda remote: remote.name)

    def default(self) -> str:
        """The name of the remote that is meant where none is named; "" where there is none."""
        for path in (self.local, self.shared):
            if name := _read(path).get("core", {}).get("remote", ""):
                return name
        there = self.all()
        return there[0].name if len(there) == 1 else ""

    def get(self, name: str | None = None) -> RemoteConfig:
        """The remote of that name, or the default. Raises NotFound, UsageError when it is not said which."""
        there = {remote.name: remote for remote in self.all()}
        wanted = name or self.default()
        if not there:
            raise NotFound("this project has no remote; `anew remote add NAME URL` names one")
        if not wanted:
            raise UsageError(f"which remote: {', '.join(there)}? --remote NAME, or `anew remote default NAME`")
        if wanted not in there:
            raise NotFound(f"no remote {wanted!r}; there are {', '.join(there)}")
        return there[wanted]

    def add(
        self, name: str, url: str, options: Mapping[str, str], *, local: bool = False, default: bool = False
    ) -> RemoteConfig:
        """Raises UsageError for what can't be one, Conflict for a name that is taken."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} can't name a remote: letters, digits, . _ -")
        path = self.local if local else self.shared
        if f'remote "{name}"' in _read(path):
            raise Conflict(f"there is a remote {name!r} already: `anew remote remove {name}` first")
        remote = self._remote(path, name, {"url": url, **options})
        lines = [f'[remote "{name}"]', f"    url = {url}", *(f"    {key} = {value}" for key, value in options.items())]
        _write(path, [*_lines(path), *lines])
        if default or not any(_read(path).get("core", {}).get("remote") for path in (self.local, self.shared)):
            self.set_default(name, local=local)
        return remote

    def remove(self, name: str) -> None:
        """Out of the files; what it holds stays. Raises NotFound."""
        section = f'remote "{name}"'
        paths = [path for path in (self.shared, self.local) if section in _read(path)]
        if not paths:
            raise NotFound(f"no remote {name!r}")
        for path in paths:
            _write(path, _without(_lines(path), section))
        for path in (self.shared, self.local):
            if _read(path).get("core", {}).get("remote") == name:
                _write(path, _with_default(_lines(path), ""))

    def set_default(self, name: str, *, local: bool = False) -> None:
        """Raises NotFound."""
        self.get(name)
        path = self.local if local else self.shared
        _write(path, _with_default(_lines(path), name))

    def _remote(self, path: Path, name: str, values: Mapping[str, str]) -> RemoteConfig:
        options = {key: value for key, value in values.items() if key != "url"}
        for key in options:
            if key not in OPTIONS:
                raise UsageError(f"{path}: remote {name!r} has an option {key!r}; known are url, {', '.join(OPTIONS)}")
        if not options.get("jobs", "1").isdigit() or options.get("jobs") == "0":
            raise UsageError(f"{path}: remote {name!r}: jobs is a number of requests at once, not {options['jobs']!r}")
        url = values.get("url", "")
        return RemoteConfig(name, url, self._where(name, url), options, path == self.local)

    def _where(self, name: str, url: str) -> str:
        if not url or not url.isprintable():
            raise UsageError(f"remote {name!r} has no url that can be one")
        scheme, colon, rest = url.partition("://")
        if not colon:
            return str((self.root / Path(url).expanduser()).absolute())
        if scheme not in SCHEMES:
            raise UsageError(f"remote {name!r}: {scheme}:// is not known; a path, or {', '.join(SCHEMES[1:])}")
        if scheme == "file":
            return str((self.root / rest).absolute())
        _refuse_secrets(name, url)
        return url.rstrip("/")


def _refuse_secrets(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.password is not None or any(_SECRET.search(key) for key, _ in parse_qsl(parts.query)):
        raise UsageError(
            f"the url of remote {name!r} holds a secret, which all would read who get the project: leave it out, and "
            "give it as the service's own tools take it (AWS_…, AZURE_…, GOOGLE_APPLICATION_CREDENTIALS, an ssh agent, "
            "~/.netrc); docs/how-to/share-data.md lists them"
        )


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="\0")
    try:
        parser.read_string("\n".join(line.strip() for line in path.read_text("utf-8").splitlines()), str(path))
    except FileNotFoundError:
        return {}
    except (configparser.Error, UnicodeDecodeError) as error:
        raise CorruptData(f"{path} can't be read: {error}") from error
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from error
    return {section: dict(parser[section]) for section in parser.sections()}


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _without(lines: list[str], section: str) -> list[str]:
    kept, inside = [], False
    for line in lines:
        if line.strip().startswith("["):
            inside = line.strip() == f"[{section}]"
        if not inside:
            kept.append(line)
    return kept


def _with_default(lines: list[str], name: str) -> list[str]:
    """The lines with `remote = name` in [core]; what else stands there stays, comments too."""
    core = [line.strip() for line in lines]
    start = core.index("[core]") if "[core]" in core else -1
    if start < 0:
        return ["[core]", f"    remote = {name}", *lines] if name else lines
    end = next((at for at in range(start + 1, len(core)) if core[at].startswith("[")), len(core))
    kept = [line for line in lines[start + 1 : end] if not re.match(r"\s*remote\s*=", line)]
    new = [f"    remote = {name}"] if name else []
    head = [lines[start]] if new or any(line.strip() for line in kept) else []
    return [*lines[:start], *head, *new, *kept, *lines[end:]]


def _write(path: Path, lines: list[str]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text("".join(line + "\n" for line in lines), "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}") from error
