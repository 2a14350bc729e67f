"""`anew restore`: a run's code, data, environment lock and command in a folder, for people and other tools."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from anew.errors import UsageError
from anew.reproduction.environment import captured
from anew.reproduction.recreate import Workspace, recreate
from anew.store.objects import Objects


def restore(document: dict[str, Any], objects: Objects, folder: Path) -> Workspace:
    """Fill `folder` (new or empty) with the run's project; what is ours goes into `anew-run/` inside of it.

    Raises UsageError when the folder holds something.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; name a new folder")
    about = folder / "anew-run"
    space = recreate(document, objects, folder, stand_ins=False, stdin=about / "stdin")
    about.mkdir(exist_ok=True)
    environment = captured(document, objects)
    (about / "requirements.txt").write_text(_requirements(environment))
    (about / "pylock.toml").write_text(_pylock(environment))
    (about / "environment.json").write_text(json.dumps(environment, indent=2, sort_keys=True))
    (about / "run.json").write_text(json.dumps(document, indent=2, sort_keys=True, default=str))
    script = about / "command.sh"
    script.write_text(_command(document, space))
    script.chmod(0o755)
    return space


def _requirements(environment: dict[str, Any]) -> str:
    lines = [f"# Python {environment.get('version', '?')}, {environment.get('platform', '')}"]
    for name, package in sorted(environment.get("packages", {}).items()):
        direct = package.get("direct", {})
        if direct.get("dir_info"):
            lines.append(f"# {name}=={package['version']}: an editable install of {direct.get('url', '')}")
        elif "vcs_info" in direct:
            info = direct["vcs_info"]
            lines.append(f"{name} @ {info['vcs']}+{direct['url']}@{info['commit_id']}")
        else:
            lines.append(f"{name}=={package['version']}")
    return "\n".join(lines) + "\n"


def _pylock(environment: dict[str, Any]) -> str:
    """A lock after PEP 751, as far as an installed environment knows: names and versions, origins where recorded.

    What was installed from an index has no address on record, so such an entry names no file; installers that need
    one resolve it by name and version from requirements.txt.
    """
    lines = ['lock-version = "1.0"', 'created-by = "anew"']
    lines.append(f'requires-python = "=={environment.get("version", "")}"')
    for name, package in sorted(environment.get("packages", {}).items()):
        lines += ["", "[[packages]]", f"name = {json.dumps(name)}", f"version = {json.dumps(package['version'])}"]
        direct = package.get("direct", {})
        if "vcs_info" in direct:
            info = direct["vcs_info"]
            lines.append(
                f"vcs = {{ type = {json.dumps(info['vcs'])}, url = {json.dumps(direct['url'])}, "
                f"commit-id = {json.dumps(info['commit_id'])} }}"
            )
        elif direct.get("dir_info") is not None and direct.get("url"):
            path = direct["url"].removeprefix("file://")
            editable = "true" if direct["dir_info"].get("editable") else "false"
            lines.append(f"directory = {{ path = {json.dumps(path)}, editable = {editable} }}")
    return "\n".join(lines) + "\n"


def _command(document: dict[str, Any], space: Workspace) -> str:
    seeds = document.get("seeds") or {}
    words = [space.mapped(word) for word in document.get("argv", [])]
    lines = ["#!/bin/sh", f"# Run {document['id']}, as it was started; `anew reproduce {document['id']}` also"]
    lines += ["# puts back what it drew at random, and compares.", f"cd {shlex.quote(str(space.cwd))}"]
    variables = dict(document.get("variables", {}))
    if seeds.get("hash_seed"):
        variables["PYTHONHASHSEED"] = str(seeds["hash_seed"])
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    source = f" < {shlex.quote(str(space.stdin))}" if space.stdin else ""
    lines.append("exec " + shlex.join(words) + source)
    return "\n".join(lines) + "\n"
