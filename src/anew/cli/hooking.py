"""`anew init`, and `anew git-hook`, which Git calls."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from anew.cli import text
from anew.errors import ERROR, OK, AnewError, UsageError
from anew.store.location import find_store
from anew.store.sharing import share


def init(arguments: argparse.Namespace) -> int:
    """Make the store; put hooks into Git, or take them out."""
    from anew import githooks

    store = find_store().create()
    if arguments.shared is not None and not share(store.root, arguments.shared or None):
        print(
            f"anew: {store.root.parent} knows no access lists: what is made in the store hangs on the umask; "
            "002 lets the group in",
            file=sys.stderr,
        )
    changed: list[Path] = []
    if arguments.git_hooks is not None:
        top = githooks.top_of(Path.cwd())
        changed = githooks.install(top) if arguments.git_hooks else githooks.uninstall(top)
    if arguments.json:
        text.say_json({"store": str(store.root), "hooks": [str(path) for path in changed]})
        return OK
    print(f"the store is {store.root}{', shared by its group' if arguments.shared is not None else ''}")
    for path in changed:
        print(f"{path.name}: {'set up' if arguments.git_hooks else 'taken out'} in {path.parent}")
    return OK


def git_hook(arguments: argparse.Namespace) -> int:
    """What a hook does; 1 stops a commit, or leaves a merge to be finished by hand."""
    from anew import githooks

    if arguments.hook == "merge":
        return _merge(arguments)
    top = githooks.top_of(Path.cwd())
    if arguments.hook == "pre-commit":
        found = list(githooks.refused(top))
        if arguments.json:
            text.say_json([vars(item) for item in found])
        for item in [] if arguments.json else found:
            print(f"anew: {item.path} is {item.why}, and not for Git: {item.advice}", file=sys.stderr)
        if found and not arguments.json:
            print("anew: `git commit --no-verify` commits it all the same", file=sys.stderr)
        return ERROR if found else OK
    files_only = arguments.hook == "post-checkout" and arguments.rest[2:3] == ["0"]
    problems = [] if files_only else [*githooks.put_in_place(top), *_put_dvc_in_place(top)]
    if arguments.json:
        text.say_json(problems)
    for problem in [] if arguments.json else problems:
        print(f"anew: {problem}", file=sys.stderr)
    return OK


def _put_dvc_in_place(top: Path) -> list[str]:
    """Check out what DVC tracks, if this is a project of its; what could not be, in words. Nothing unsaved is lost."""
    if not (top / ".dvc").is_dir():
        return []
    from anew.protocols.dvc.checkout import checkout
    from anew.protocols.dvc.project import Project

    try:
        project = Project.find(str(top))
        with project.lock():
            changes = checkout(project, project.choose([]), allow_missing=True, everything=True)
            project.save()
    except AnewError as error:
        return [str(error)]
    return [f"{project.shown(path)} is not in the cache: `anew dvc pull` brings it" for path in changes.failed]


def _merge(arguments: argparse.Namespace) -> int:
    """Git's merge driver: of three files, and the path they are of, the second is made what both sides come to."""
    from anew.protocols.dvc import merging

    if len(arguments.rest) != 4:
        raise UsageError("anew git-hook merge BASE OURS THEIRS PATH")
    *files, path = arguments.rest
    base, ours, theirs = (Path(file) for file in files)
    try:
        merged = merging.merge(path, *(file.read_text(encoding="utf-8") for file in (base, ours, theirs)))
    except (AnewError, UnicodeDecodeError) as error:
        print(f"anew: {path} is merged line by line: {error}", file=sys.stderr)
        words = ["git", "merge-file", "-L", "ours", "-L", "before", "-L", "theirs", str(ours), str(base), str(theirs)]
        return ERROR if subprocess.run(words, check=False).returncode else OK
    ours.write_text(merged.text, encoding="utf-8")
    for conflict in merged.conflicts:
        print(f"anew: {path}: {conflict}", file=sys.stderr)
    return ERROR if merged.conflicts else OK
