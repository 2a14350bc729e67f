"""Puts a run's code and inputs back as they were, in a folder of its own, and says what can't be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.capture import bootstrap
from anew.capture.files import PARENTS
from anew.capture.finalise import STDIN
from anew.capture.redact import MASK
from anew.capture.standing import stand_in
from anew.errors import AnewError, NotFound
from anew.store.objects import Objects

_MOST_ASIDE = 120  # the tracer's table holds twice that: a cache may go with each


@dataclass
class Workspace:
    """A recreated project. `mapped` turns a path or word of the original run into the one here."""

    root: Path
    cwd: Path
    original: str
    missing: list[dict[str, str]] = field(default_factory=list)
    python_path: list[str] = field(default_factory=list)
    home: Path | None = None  # the folder that holds it and all that is beside it; None for the project itself
    redacted: list[str] = field(default_factory=list)
    stdin: Path | None = None  # what to read from; None for nothing
    aside: dict[str, str] = field(default_factory=dict)  # absolute paths outside: where they are had in a trial
    caches: dict[str, str] = field(default_factory=dict)  # likewise, where Python keeps bytecode of modules among them

    def mapped(self, text: str) -> str:
        if str(self.root) == self.original:
            return text
        if text == self.original:
            return str(self.root)
        return text.replace(self.original + "/", f"{self.root}/")

    def lacks(self, factor: str, what: str, why: str, mend: str) -> None:
        self.missing.append({"factor": factor, "what": what, "why": why, "mend": mend})


def nested(folder: Path, document: dict[str, Any]) -> Path:
    """Where below `folder` the project goes, with the names of its last three parents above it."""
    parts = Path(document.get("root") or "/project").parts[1:]
    kept = parts[-PARENTS - 1 :] or ("project",)
    return folder.joinpath("work", *kept)


def recreate(
    document: dict[str, Any], objects: Objects, root: Path, stand_ins: bool = True, stdin: Path | None = None
) -> Workspace:
    """Rebuild the run's files below `root` (made if need be). Nothing outside of `root`'s third parent is written.

    `stand_ins`: with empty files for those that stood there and were not read, so that a listing is what it was.
    `stdin`: where to put what came through a pipe; by default beside the project, where no listing shows it.
    """
    original = str(document.get("root") or "")
    space = Workspace(root, root, original)
    root.mkdir(parents=True, exist_ok=True)
    _aside(document, objects, space)
    _code(document, objects, space)
    _inputs(document, objects, space)
    _folders(document, space)
    if stand_ins:
        _repository(document, space)
        stand_in(document, objects, root)
        if os.path.isdir(f"{original}/.anew"):
            (root / ".anew").mkdir(exist_ok=True)  # the store itself is seen, too, by who lists the folder
    cwd = str(document.get("cwd") or original)
    if cwd == original or cwd.startswith(original + "/"):
        space.cwd = Path(space.mapped(cwd))
    else:
        space.cwd = root.parent / f".{root.name}-cwd"
    space.cwd.mkdir(parents=True, exist_ok=True)
    put_stdin(document, objects, space, stdin or root.parent / f".{root.name}-stdin")
    if any(MASK in word for word in document.get("argv", [])):
        space.lacks("config", "a secret on the command line", "it was not stored", "pass it in an environment variable")
    return space


def _code(document: dict[str, Any], objects: Objects, space: Workspace) -> None:
    code = document.get("code") or {}
    if not code.get("tree"):
        space.lacks("code", "the source code", "no snapshot of it was kept", "run it under anew run")
        return
    try:
        objects.restore_tree(code["tree"], space.root)
    except AnewError as error:
        space.lacks("code", "the source code", str(error), "anew verify")
        return
    for name, digest in code.get("redacted", {}).items():
        source = Path(space.original, name)
        if _has_digest(objects, source, digest):
            _copy(source, space.root / name)
        elif (space.root / name).exists():
            space.redacted.append(name)
    for path, about in sorted(code.get("outside", {}).items()):
        _outside_code(path, about, objects, space)


def _repository(document: dict[str, Any], space: Workspace) -> None:
    """A `.git` that answers as the project's did: scripts note their commit. It borrows the objects of the one there.

    Where that is gone, or does not have the commit any more, there is none.
    """
    commit, branch = (str((document.get("code") or {}).get(key) or "") for key in ("commit", "branch"))
    git = shutil.which("git")
    if not (git and commit and os.path.exists(f"{space.original}/.git")):
        return
    asked = [
        git,
        "-C",
        space.original,
        "rev-parse",
        "--path-format=absolute",
        "--git-common-dir",
        f"{commit}^{{commit}}",
    ]
    done = subprocess.run(asked, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        return
    common, home = Path(done.stdout.splitlines()[0]), space.root / ".git"
    (home / "objects" / "info").mkdir(parents=True)
    (home / "refs" / "heads").mkdir(parents=True)
    (home / "objects" / "info" / "alternates").write_text(f"{common}/objects\n")
    for name in ("config", "packed-refs"):
        if (common / name).is_file():
            shutil.copyfile(common / name, home / name)
    on_branch = branch not in ("", "HEAD") and ".." not in branch
    (home / "HEAD").write_text(f"ref: refs/heads/{branch}\n" if on_branch else f"{commit}\n")
    if on_branch:
        (home / "refs" / "heads" / branch).parent.mkdir(parents=True, exist_ok=True)
        (home / "refs" / "heads" / branch).write_text(f"{commit}\n")
    subprocess.run([git, "-C", str(space.root), "read-tree", "HEAD"], capture_output=True, stdin=subprocess.DEVNULL)


def _outside_code(path: str, about: dict[str, str], objects: Objects, space: Workspace) -> None:
    """Code of the run's own that lay outside of the project: used in its place if unchanged, else put back apart."""
    if path in space.aside or _has_digest(objects, Path(path), about["digest"]):
        return
    import_root = about.get("import_root") or os.path.dirname(path)
    home = space.root.parent / ".outside" / f"{zlib.crc32(os.fsencode(import_root)):08x}"
    try:
        objects.restore_file(about["digest"], home / os.path.relpath(path, import_root))
    except AnewError as error:
        space.lacks("code", path, str(error), "anew verify")
        return
    if str(home) not in space.python_path:
        space.python_path.append(str(home))


def _inputs(document: dict[str, Any], objects: Objects, space: Workspace) -> None:
    mentioned = None
    for item in document.get("inputs", []):
        path, digest = item["path"], item.get("digest", "")
        if path == STDIN or path in space.aside:
            continue
        original = Path(path) if os.path.isabs(path) else Path(space.original, path)
        if item.get("changed") or not digest:
            if item.get("secret") and original.exists():
                if not item.get("outside"):
                    _copy(original, space.root / path)
                continue
            why = "it changed while the run read it" if item.get("changed") else "its content was never captured"
            space.lacks(_factor(item), path, why, f"call anew.use({path!r}) before reading it")
            continue
        if not item.get("outside"):
            _restore_input(item, original, objects, space)
            continue
        if mentioned is None:
            mentioned = _text_of_code(document, objects)
        _outside_input(item, mentioned, objects, space)


def _aside(document: dict[str, Any], objects: Objects, space: Workspace) -> None:
    """Files outside of the project that the run wrote, or that are not what it read any more, get a place of their own.

    So a trial starts from what the run found there, and changes nothing of the user's. The tracer leads it there.
    """
    found = _outside(document)
    written = {item["path"] for item in document.get("outputs", []) if os.path.isabs(item["path"])}
    changed = {
        path
        for path, item in found.items()
        if item.get("stored") and not item.get("changed") and not _has_digest(objects, Path(path), item["digest"])
    }
    home = space.root.parent / f".{space.root.name}-aside"
    for path in sorted(p for p in written | changed if os.path.isabs(p))[:_MOST_ASIDE]:
        item = found.get(path)
        if item is not None and not item.get("stored"):
            continue
        target = home / f"{zlib.crc32(os.fsencode(path)):08x}" / os.path.basename(path)
        beside = relative(path, space.original)
        if beside != path and "work" in space.root.parts:
            target = Path(os.path.normpath(space.root / beside))  # where ../ leads to, too
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if item is not None:
                objects.restore_file(item["digest"], target, executable=bool(item.get("executable")))
        except AnewError:
            continue  # `_inputs` says what is missing
        space.aside[path] = str(target)
        if path.endswith(".py"):
            space.caches[f"{os.path.dirname(path)}/__pycache__"] = str(target.parent / "__pycache__")


def _outside(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs and code of the run that lay outside of its project, by path.

    A module that is gone is none of them: an import looks through the folder, where it would not be found.
    """
    code = (document.get("code") or {}).get("outside", {})
    redacted = (document.get("code") or {}).get("redacted", {})
    found = {
        path: {**about, "stored": path not in redacted}
        for path, about in code.items()
        if bootstrap.TRACER.exists() and (not path.endswith(".py") or os.path.exists(path))
    }
    return found | {item["path"]: item for item in document.get("inputs", []) if item.get("outside")}


def put_stdin(document: dict[str, Any], objects: Objects, space: Workspace, target: Path) -> None:
    """Find what the run read from: a file of its project, or what came through a pipe, which is put at `target`."""
    if document.get("stdin"):
        space.stdin = Path(space.mapped(document["stdin"]))
    for item in document.get("inputs", []):
        if item["path"] != STDIN:
            continue
        try:
            if not item.get("stored"):
                raise NotFound("it holds secrets, and is not stored" if item.get("secret") else "it was not captured")
            objects.restore_file(item["digest"], target)
            space.stdin = target
        except AnewError as error:
            space.lacks("data", "standard input", str(error), "save it to a file, and read that")


def _restore_input(item: dict[str, Any], original: Path, objects: Objects, space: Workspace) -> None:
    target = space.root / item["path"]
    try:
        executable = bool(item.get("executable"))
        if item.get("stored") and "stored_as" not in item:
            objects.restore_file(item["digest"], target, executable=executable)
            return
        if _has_digest(objects, original, item["digest"]):
            _copy(original, target)
            return
        if "stored_as" in item:
            objects.restore_file(item["stored_as"], target, executable=executable)
            space.redacted.append(item["path"])
            return
        why = "only its digest was kept, and the file there now is another one, or gone"
    except AnewError as error:
        why = str(error)
    space.lacks(_factor(item), item["path"], why, f"put the file with digest {item['digest'][:12]}… back at {original}")


def _outside_input(item: dict[str, Any], mentioned: str, objects: Objects, space: Workspace) -> None:
    """An input outside of the project: reached by its absolute path if the code names it, else by ../"""
    path = item["path"]
    by_name = path in mentioned or os.path.dirname(path) in mentioned
    beside = relative(path, space.original)
    if not by_name and item.get("stored") and beside != path:
        target = Path(os.path.normpath(space.root / beside))
        if not target.exists() and "work" in target.parts:
            try:
                objects.restore_file(item["digest"], target, executable=bool(item.get("executable")))
            except AnewError as error:
                space.lacks(_factor(item), path, str(error), "anew verify")
        if _has_digest(objects, Path(path), item["digest"]) or target.exists():
            return
    if not _has_digest(objects, Path(path), item["digest"]):
        why = "it lies outside of the project, and is gone or another one now"
        space.lacks(_factor(item), path, why, f"put the file with digest {item['digest'][:12]}… back at {path}")


def _factor(item: dict[str, Any]) -> str:
    return "code" if item.get("role") == "program" else "data"


def _text_of_code(document: dict[str, Any], objects: Objects) -> str:
    texts = [" ".join(document.get("argv", []))]
    for digest in (document.get("code") or {}).get("used", {}).values():
        try:
            texts.append(objects.get_bytes(digest).decode("utf-8", "replace"))
        except AnewError:
            continue
    return "\n".join(texts)


def _folders(document: dict[str, Any], space: Workspace) -> None:
    """Folders that stood ready for the outputs; those the run made itself are left to it."""
    made = tuple(name + "/" for name in document.get("made_folders", []))
    for item in document.get("outputs", []):
        parent = os.path.dirname(item["path"])
        if not parent or item.get("shown") or (parent + "/").startswith(made):
            continue
        folder = Path(os.path.normpath(space.root / relative(parent, space.original)))
        if folder.is_relative_to(space.root) or (os.path.isabs(parent) and "work" in folder.parts):
            folder.mkdir(parents=True, exist_ok=True)


def relative(path: str, root: str) -> str:
    """`path` as seen from the project, where it lies in it or so near above that a recreated one has that place too."""
    if not os.path.isabs(path):
        return path
    found = os.path.relpath(path, root)
    return found if found.split("/").count("..") <= PARENTS else path


def _has_digest(objects: Objects, path: Path, digest: str) -> bool:
    try:
        return path.is_file() and objects.hash_file(path).digest == digest
    except (OSError, AnewError):
        return False


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
