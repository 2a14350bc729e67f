"""`anew dvc config`, `remote` and `cache dir`."""

from __future__ import annotations

import argparse
import os
import sys

from anew.cli.dvc_parser import PARSE_ERROR
from anew.errors import DvcConfigError, NoDvcProject
from anew.protocols.dvc.config import LEVELS, Config, merge
from anew.protocols.dvc.project import Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def here() -> tuple[Config, str | None]:
    """The configuration, in a project or outside of any."""
    try:
        project = Project.find()
    except NoDvcProject:
        return Config(None), None
    return project.config, project.root


def config(arguments: argparse.Namespace) -> int:
    settings, root = here()
    if arguments.list:
        if arguments.name or arguments.value or arguments.unset:
            return _wrong("-l/--list can't be used together with -u/--unset, name or value", 1)
        for level in _levels(settings, arguments.level):
            for name, value in _flat(settings.read(level)):
                print(f"{_origin(arguments, settings, root, level)}{name}={value}")
        return 0
    if arguments.name is None:
        return _wrong("name argument is required", 1)
    if arguments.show_origin and (arguments.value or arguments.unset):
        return _wrong("--show-origin can't be used together with -u/--unset or value", 1)
    parts = _named(arguments.name)
    if parts is None:
        return _wrong(
            "argument name: it should look like remote.name.option or db.name.option or section.option", PARSE_ERROR
        )
    kind, section, option = parts
    if arguments.value is None and not arguments.unset:
        return _show(arguments, settings, root, parts)

    def change(conf: dict[str, Any]) -> None:
        at = conf[kind] if kind else conf
        if arguments.unset:
            _check(at, kind, section, option)
            del at[section][option]
        else:
            at.setdefault(section, {})[option] = arguments.value

    settings.edit(arguments.level, change)
    if arguments.name == "cache.type":
        print("anew dvc: links in the workspace stay as they are, until: anew dvc checkout --relink", file=sys.stderr)
    return 0


def _wrong(message: str, code: int) -> int:
    print(f"anew dvc: {message}", file=sys.stderr)
    return code


def _named(name: str) -> tuple[str, str, str] | None:
    """("remote" or "db" or "", section, option)."""
    lower = name.lower()
    for kind in ("remote", "db"):
        if lower.startswith(f"{kind}."):
            section, dot, option = lower[len(kind) + 1 :].rpartition(".")
            return (kind, section, option) if dot and section and option else None
    section, dot, option = lower.partition(".")
    return ("", section, option) if dot and section and option and "." not in option else None


def _check(at: dict[str, Any], kind: str, section: str, option: str) -> None:
    if section not in at:
        raise DvcConfigError(f"{kind or 'section'} '{section}' doesn't exist")
    if option not in at[section]:
        raise DvcConfigError(f"option '{option}' doesn't exist in {kind or 'section'} '{section}'")


def _show(arguments: argparse.Namespace, settings: Config, root: str | None, parts: tuple[str, str, str]) -> int:
    kind, section, option = parts
    for level in reversed(_levels(settings, arguments.level)):
        conf = settings.read(level)
        at = conf[kind] if kind else conf
        try:
            _check(at, kind, section, option)
        except DvcConfigError:
            if arguments.level:
                raise
            continue
        print(f"{_origin(arguments, settings, root, level)}{at[section][option]}")
        break
    return 0


def _levels(settings: Config, level: str | None) -> list[str]:
    if level:
        if level not in settings.files:
            raise DvcConfigError("Not inside a DVC repo")
        return [level]
    return [one for one in LEVELS if one in settings.files]


def _origin(arguments: argparse.Namespace, settings: Config, root: str | None, level: str) -> str:
    if not arguments.show_origin:
        return ""
    path = settings.files[level]
    return (os.path.relpath(path, root) if root and level in ("repo", "local") else path) + "\t"


def _flat(conf: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in conf.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def remote(arguments: argparse.Namespace) -> int:
    """`anew dvc remote add|default|list|modify|remove|rename`."""
    settings, _ = here()
    if getattr(arguments, "name", None):
        arguments.name = arguments.name.lower()
    code: int = globals()[f"_remote_{arguments.action}"](arguments, settings)
    return code


def _exists(conf: dict[str, Any], name: str) -> None:
    if name not in conf["remote"]:
        raise DvcConfigError(f"remote '{name}' doesn't exist.")


def _remote_add(arguments: argparse.Namespace, settings: Config) -> int:
    def change(conf: dict[str, Any]) -> None:
        if arguments.name in conf["remote"] and not arguments.force:
            raise DvcConfigError(f"remote '{arguments.name}' already exists. Use `-f|--force` to overwrite it.")
        conf["remote"][arguments.name] = {"url": arguments.url}
        if arguments.default:
            conf["core"]["remote"] = arguments.name

    settings.edit(arguments.level, change)
    if arguments.default and not arguments.quiet:
        print(f"Setting '{arguments.name}' as a default remote.")
    return 0


def _remote_modify(arguments: argparse.Namespace, settings: Config) -> int:
    def change(conf: dict[str, Any]) -> None:
        merged = settings.below(arguments.level or "repo")
        merge(merged, conf)
        _exists(merged, arguments.name)
        section = conf["remote"].setdefault(arguments.name, {})
        if arguments.unset:
            section.pop(arguments.option, None)
        else:
            section[arguments.option] = arguments.value

    if arguments.value is None and not arguments.unset:
        return _wrong("the following arguments are required: value", PARSE_ERROR)
    settings.edit(arguments.level, change)
    return 0


def _remote_default(arguments: argparse.Namespace, settings: Config) -> int:
    if arguments.name is None and not arguments.unset:
        conf = settings.read(arguments.level) if arguments.level else settings.below(None)
        found = conf.get("core", {}).get("remote")
        print(found or "No default remote set")
        return 0 if found else 1

    def change(conf: dict[str, Any]) -> None:
        if arguments.unset:
            conf["core"].pop("remote", None)
        elif arguments.name in conf["remote"] or arguments.name in settings.below(arguments.level).get("remote", {}):
            conf["core"]["remote"] = arguments.name
        else:
            raise DvcConfigError("default remote must be present in remote list.")

    settings.edit(arguments.level, change)
    return 0


def _remote_list(arguments: argparse.Namespace, settings: Config) -> int:
    conf = settings.read(arguments.level) if arguments.level else settings.below(None)
    for name, one in conf.get("remote", {}).items():
        default = "\t(default)" if name == conf.get("core", {}).get("remote") else ""
        print(f"{name}\t{one['url']}{default}")
    return 0


def _remote_remove(arguments: argparse.Namespace, settings: Config) -> int:
    def change(conf: dict[str, Any]) -> None:
        _exists(conf, arguments.name)
        del conf["remote"][arguments.name]
        if conf["core"].get("remote") == arguments.name:
            del conf["core"]["remote"]

    def forget(conf: dict[str, Any]) -> None:
        conf["remote"].pop(arguments.name, None)
        if conf["core"].get("remote") == arguments.name:
            del conf["core"]["remote"]

    _exists(settings.read(arguments.level or "repo"), arguments.name)
    for level in _stronger(arguments.level):
        if _names(settings.read(level), arguments.name):
            settings.edit(level, forget)
    settings.edit(arguments.level, change)
    return 0


def _remote_rename(arguments: argparse.Namespace, settings: Config) -> int:
    if arguments.new in settings.below(None).get("remote", {}):
        raise DvcConfigError(f"Rename failed. Remote name {arguments.new!r} already exists.")

    def change(conf: dict[str, Any]) -> None:
        if arguments.name in conf["remote"]:
            conf["remote"][arguments.new] = conf["remote"].pop(arguments.name)
        if conf["core"].get("remote") == arguments.name:
            conf["core"]["remote"] = arguments.new

    _exists(settings.read(arguments.level or "repo"), arguments.name)
    settings.edit(arguments.level, change)
    for level in _stronger(arguments.level):
        if _names(settings.read(level), arguments.name):
            settings.edit(level, change)
    return 0


def _names(conf: dict[str, Any], name: str) -> bool:
    return name in conf["remote"] or conf["core"].get("remote") == name


def _stronger(level: str | None) -> list[str]:
    return list(LEVELS[LEVELS.index(level or "repo") + 1 :])


def cache(arguments: argparse.Namespace) -> int:
    """`anew dvc cache dir`."""
    settings, root = here()
    if arguments.value is None and not arguments.unset:
        conf = settings.read(arguments.level) if arguments.level else settings.below(None)
        found = conf.get("cache", {}).get("dir")
        if found is None and (root is None or arguments.level):
            raise DvcConfigError("option 'dir' doesn't exist in section 'cache'")
        print(found or f"{root}/.dvc/cache")
        return 0

    def change(conf: dict[str, Any]) -> None:
        if arguments.unset:
            _check(conf, "", "cache", "dir")
            del conf["cache"]["dir"]
        else:
            conf["cache"]["dir"] = arguments.value

    settings.edit(arguments.level, change)
    return 0
