"""`init`, and what `version` tells."""

from __future__ import annotations

import os
import platform
import shutil

from anew._version import __version__
from anew.errors import Conflict, DvcError, NoDvcProject
from anew.protocols.dvc.git import Git
from anew.protocols.dvc.project import Project

_IGNORED = "/config.local\n/tmp\n/cache\n"
_DVCIGNORE = """\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
"""


def init(directory: str, no_scm: bool = False, force: bool = False, subdir: bool = False) -> Project:
    """Make a project, as `dvc init` does."""
    if no_scm and subdir:
        raise DvcError("Cannot initialize repo with `--no-scm` and `--subdir`", 255)
    root = os.path.realpath(directory)
    dvc_dir = f"{root}/.dvc"
    git = None if no_scm else (Git.find(root) if subdir else (Git(root) if os.path.exists(f"{root}/.git") else None))
    if git is None and not no_scm:
        raise DvcError(
            f"{root} is not the top of a Git repository. Use `--no-scm` to do without Git, "
            "or `--subdir` inside of a repository."
        )
    if git is not None and git.ignored([dvc_dir]):
        raise DvcError(f"{dvc_dir} is ignored by Git: add '!.dvc' to .gitignore.")
    if os.path.isdir(dvc_dir):
        if not force:
            raise Conflict(f"'{os.path.relpath(dvc_dir)}' exists. Use `-f` to force.")
        _remove(dvc_dir)
    os.makedirs(f"{dvc_dir}/tmp")
    config = f"{dvc_dir}/config"
    with open(config, "w", encoding="utf-8") as file:
        file.write("[core]\n    no_scm = True\n" if no_scm else "")
    ignore, dvcignore = f"{dvc_dir}/.gitignore", f"{root}/.dvcignore"
    if not os.path.exists(dvcignore):
        with open(dvcignore, "w", encoding="utf-8") as file:
            file.write(_DVCIGNORE)
    changed = [config, dvcignore]
    if git is not None:
        with open(ignore, "w", encoding="utf-8") as file:
            file.write(_IGNORED)
        changed.append(ignore)
    with open(f"{dvc_dir}/tmp/btime", "w", encoding="utf-8"):
        pass
    if git is not None:
        git.add(changed)
    return Project(root)


def _remove(folder: str) -> None:
    for at, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(f"{at}/{name}"):
                os.chmod(f"{at}/{name}", 0o700)
    shutil.rmtree(folder)


def describe() -> list[str]:
    """What a bug report needs."""
    lines = [f"Anew version: {__version__}", f"Platform: Python {platform.python_version()} on {platform.platform()}"]
    lines += [f"{package}: {_installed(package)}" for package in ("dvc", "ruamel.yaml", "configobj", "pathspec")]
    try:
        project = Project.find()
    except NoDvcProject:
        return lines
    lines.append(f"Cache types: {', '.join(project.cache.links)}")
    lines.append(f"Cache directory: {project.cache_dir}")
    remotes = project.config.merged().get("remote", {})
    urls = [str(remote["url"]) for remote in remotes.values()]
    kinds = [url.partition("://")[0] if "://" in url else "local" for url in urls]
    lines.append(f"Remotes: {', '.join(kinds) or 'None'}")
    lines.append(f"Repo: {'dvc, git' if project.git else 'dvc (no_scm)'}")
    return lines


def _installed(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
