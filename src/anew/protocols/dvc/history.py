"""What a project tracked in other commits, and which objects all of that needs."""

from __future__ import annotations

import os

from anew.errors import AnewError, CorruptData, DvcError, NotFound
from anew.protocols.dvc import stages
from anew.protocols.dvc.stages import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from anew.protocols.dvc.git import Git
    from anew.protocols.dvc.project import Chosen, Project
    from anew.protocols.dvc.stages import Out, Stage

Object = tuple[str, bool]  # md5, and whether it is where DVC 2 kept it


class Scope:
    """Which commits, beside the workspace."""

    def __init__(
        self, branches: bool = False, tags: bool = False, commits: bool = False, experiments: bool = False,
        date: str | None = None, rev: str | None = None, num: int = 1,
    ) -> None:  # fmt: skip
        self.branches, self.tags, self.commits, self.experiments = branches, tags, commits, experiments
        self.date, self.rev, self.num = date, rev, num

    def __bool__(self) -> bool:
        return bool(self.branches or self.tags or self.commits or self.experiments or self.date or self.rev)


def commits(project: Project, scope: Scope) -> list[str]:
    """The commits of a scope, each once."""
    if not scope:
        return []
    if project.git is None:
        raise DvcError("only the workspace is known here: the project is in no Git repository")
    git = project.git
    found: list[str] = []
    if scope.commits:
        found += git.commits("--all")
    if scope.branches:
        for tip in git.refs("refs/heads"):
            found += git.commits(f"--max-count={scope.num}", tip)
    if scope.tags:
        found += git.refs("refs/tags")
    if scope.experiments:
        found += git.refs("refs/exps")
    if scope.date:
        found += git.commits("--all", f"--since={scope.date}T00:00:00")
    if scope.rev:
        last = git.resolve(scope.rev)
        if last is None:
            raise NotFound(f"unknown Git revision '{scope.rev}'")
        found += git.commits(f"--max-count={scope.num}", last)
    return list(dict.fromkeys(found))


def stages_at(project: Project, commit: str) -> list[Stage]:
    """The stages of a commit, as if its files stood in the workspace."""
    assert project.git is not None
    below = os.path.relpath(project.root, project.git.root)
    return read_stages(project.git, commit, "" if below == "." else below, project.root)


def read_stages(git: Git, commit: str, below: str, root: str) -> list[Stage]:
    """The stages of the project in the folder `below` of a commit; their paths start with `root`."""
    try:
        files = git.files(commit, below)
    except DvcError:
        return []  # the project was not there yet
    others = [name[: -len("/.dvc/config")] for name in files if name.endswith("/.dvc/config")]
    wanted = {
        name: digest
        for name, (mode, digest) in files.items()
        if (stages.is_stage_file(name) or name.endswith(".lock"))
        and mode.startswith("100")
        and not any(inside(name, other) for other in others)
    }
    contents = git.contents(wanted.values())
    read = _reader(git, files, root)
    found: list[Stage] = []
    for name, digest in sorted(wanted.items()):
        text = contents[digest].decode(errors="replace")
        if name.endswith(stages.SUFFIX):
            found.append(stages.load_pointer(f"{root}/{name}", text))
        elif os.path.basename(name) == stages.PIPELINE:
            locked = wanted.get(os.path.splitext(name)[0] + ".lock")
            lock_text = contents[locked].decode(errors="replace") if locked else None
            found += stages.load_pipeline(f"{root}/{name}", text, lock_text, read)
    return found


def _reader(git: Git, files: dict[str, tuple[str, str]], root: str) -> Callable[[str], Any]:
    """Reads data files of a commit, for the templates of its pipelines."""

    def read(path: str) -> Any:
        from anew.pipeline import params

        mode, digest = files.get(os.path.relpath(os.path.abspath(path), root), ("", ""))
        if not mode.startswith("100"):
            return None
        return params.parse(git.contents([digest])[digest].decode(errors="replace"), path)

    return read


def used(
    project: Project, outs: Iterable[tuple[Out, str | None]], members: Callable[[Out], dict[str, str] | None],
    for_push: bool = False,
) -> dict[Object, str]:  # fmt: skip
    """The objects that outputs need, each with the path it is for. `members` gives a folder's files, or None."""
    found: dict[Object, str] = {}
    for out, below in outs:
        if not out.cached or not out.md5 or out.stage.is_repo_import or (for_push and not out.pushed):
            continue
        if not out.is_folder:
            found[out.md5, out.legacy] = out.path
            continue
        files = members(out)
        if not out.raw.get("files"):
            found[out.md5, out.legacy] = out.path
        for name, md5 in (files or {}).items():
            path = f"{out.path}/{name}"
            if below is None or inside(path, below):
                found[md5, out.legacy] = path
    return found


def all_outs(
    project: Project, chosen: list[Chosen], scope: Scope, skip_failed: bool = False
) -> Iterator[tuple[Out, str | None]]:
    """The outputs chosen, and those of the commits of a scope."""
    yield from ((one.out, one.below) for one in chosen)
    for commit in commits(project, scope):
        try:
            for stage in stages_at(project, commit):
                yield from ((out, None) for out in stage.outs)
        except AnewError as error:
            if not skip_failed:
                raise DvcError(f"Failed to collect '{commit[:7]}': {error}", 255) from error


def members_of(project: Project) -> Callable[[Out], dict[str, str] | None]:
    """Files of folders, from what the cache has."""
    known: dict[str, dict[str, str] | None] = {}

    def members(out: Out) -> dict[str, str] | None:
        if out.raw.get("files"):
            return {row["relpath"]: row["md5"] for row in out.raw["files"]}
        md5 = out.md5 or ""
        if md5 not in known:
            try:
                known[md5] = project.cache.manifest(md5, out.legacy)
            except (NotFound, CorruptData):
                known[md5] = None
        return known[md5]

    return members
