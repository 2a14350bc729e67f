"""The run cache: what stages were run with before, and what came of it, so that they need not be run once more.

`runs/<2>/<key>/<value>` in the cache: the key says what a stage is run with, the value what it made, too.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re

from anew.errors import AnewError
from anew.protocols.dvc.adding import take
from anew.protocols.dvc.checkout import checkout
from anew.protocols.dvc.project import Chosen
from anew.protocols.dvc.remote import each
from anew.protocols.dvc.saving import entry_of
from anew.protocols.dvc.stages import PIPELINE, Out, PipelineStage, Stage, inside
from anew.protocols.dvc.status import in_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.remote import Remote

_LEFT_OUT = frozenset({"size", "nfiles"})
_NAME = re.compile(r"runs/([0-9a-f]{2})/\1[0-9a-f]{62}/[0-9a-f]{64}$")
_count = itertools.count()


def key_of(entry: dict[str, Any]) -> str:
    """What a stage is run with: its command, dependencies, parameters, and the names of its outputs."""
    return value_of({**entry, "outs": [row["path"] for row in entry.get("outs", [])]})


def value_of(entry: dict[str, Any]) -> str:
    text = json.dumps(_without(entry), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without(value) for key, value in data.items() if key not in _LEFT_OUT}
    return [_without(one) for one in data] if isinstance(data, (list, tuple)) else data


def fits(project: Project, stage: PipelineStage) -> bool:
    """Whether the run cache may be asked about a stage at all."""
    if stage.always_changed or not (stage.deps or stage.params) or not stage.outs:
        return False
    if any(dep.external for dep in stage.deps):
        return False
    return all(
        not out.external and not out.raw.get("persist") and not os.path.isabs(out.written)
        and inside(out.path, project.root)
        for out in stage.outs
    )  # fmt: skip


def folder(project: Project, key: str) -> str:
    return f"{project.cache_dir}/runs/{key[:2]}/{key}"


def save(project: Project, stage: PipelineStage) -> None:
    """Note what a stage was run with and made. Metrics without cache are kept in the cache for it."""
    entry = stage.entry
    if entry is None or not fits(project, stage):
        return
    place = folder(project, key_of(entry))
    path = f"{place}/{value_of(entry)}"
    for out in stage.outs:
        if not out.cached:
            take(project, out, None, True)
    project.cache.flush()
    if _read(path) is not None:
        return
    from anew import yamltext

    write(project.cache_dir, path[len(project.cache_dir) + 1 :], yamltext.dump(entry).encode())


def find(project: Project, stage: PipelineStage, values: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The newest entry for what a stage is run with now."""
    place = folder(project, key_of(entry_of(stage, values)))
    try:
        names = sorted(os.listdir(place), key=lambda name: os.stat(f"{place}/{name}").st_mtime_ns, reverse=True)
    except OSError:
        return None
    return _read(f"{place}/{names[0]}") if names else None


def _read(path: str) -> dict[str, Any] | None:
    """An entry; None where there is none, or none that can be read: it is only a cache."""
    from anew import yamltext

    try:
        with open(path, encoding="utf-8") as file:
            found = yamltext.load(file.read(), path)
    except (OSError, UnicodeDecodeError, AnewError):
        return None
    if not isinstance(found, dict) or "cmd" not in found:
        return None
    rows = found.get("outs") or []
    return found if all(isinstance(row, dict) and isinstance(row.get("path"), str) for row in rows) else None


def write(root: str, name: str, data: bytes) -> None:
    """One file below a cache or a folder of a remote, whole or not at all."""
    os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
    temporary = f"{root}/runs/.anew-{os.getpid()}-{next(_count)}.tmp"
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, f"{root}/{name}")


def names(root: str) -> Iterator[str]:
    """Each entry below a cache or a folder of a remote: `runs/<2>/<key>/<value>`."""
    for at, _, files in os.walk(f"{root}/runs"):
        below = os.path.relpath(at, root)
        if below.count("/") == 2:
            yield from (f"{below}/{name}" for name in files if _NAME.match(f"{below}/{name}"))


def push(project: Project, remote: Remote) -> list[str]:
    """Send the entries that a remote lacks; all that are here now."""
    here, there = set(names(project.cache_dir)), set(remote.runs())

    def send(name: str) -> None:
        with open(f"{project.cache_dir}/{name}", "rb") as file:
            remote.put_run(name, file.read())

    each(remote, send, sorted(here - there))
    return sorted(here)


def pull(project: Project, remote: Remote) -> list[str]:
    """Bring the entries that are not here; all that the remote has."""
    here, there = set(names(project.cache_dir)), set(remote.runs())
    lacking = [name for name in sorted(there - here) if _NAME.match(name)]
    each(remote, lambda name: write(project.cache_dir, name, remote.get_run(name)), lacking)
    return sorted(there)


def sent(project: Project, name: str | None) -> list[tuple[Out, str | None]]:
    """Push the entries, and give the outputs to be pushed for them."""
    from anew.protocols.dvc.remote import open_remote

    entries = push(project, open_remote(project, name))
    return [(out, None) for out in outs_named(project, entries) if out.md5 and in_cache(project, out)]


def brought(project: Project, name: str | None) -> list[tuple[Out, str | None]]:
    """Pull the entries, and give those of their outputs that the remote has."""
    from anew.protocols.dvc.remote import open_remote

    remote = open_remote(project, name)
    outs = list(outs_named(project, pull(project, remote)))
    there = remote.sizes({(out.md5, out.legacy) for out in outs if out.md5})
    return [(out, None) for out in outs if (out.md5, out.legacy) in there]


def outs_named(project: Project, entries: Iterable[str]) -> Iterator[Out]:
    """The outputs of entries that are here."""
    for name in entries:
        found = _read(f"{project.cache_dir}/{name}")
        if found is not None:
            yield from Stage(f"{project.root}/{PIPELINE}", {"outs": found.get("outs") or []}).outs


def outs_of(project: Project, stage: PipelineStage, entry: dict[str, Any], pull: bool = False) -> list[Out] | None:
    """The outputs of an entry, if the cache has all of them; with `pull`, after what it lacks was brought."""
    written = {"wdir": os.path.relpath(stage.wdir, os.path.dirname(stage.path)), "outs": entry.get("outs") or []}
    outs = Stage(stage.path, written).outs
    if {out.path for out in outs} != {out.path for out in stage.outs}:
        return None
    if pull and not all(out.md5 and in_cache(project, out) for out in outs):
        from anew.protocols.dvc.transfer import fetch

        try:
            fetch(project, [(out, None) for out in outs], None)
        except AnewError:
            return None
    return outs if all(out.md5 and in_cache(project, out) for out in outs) else None


def restore(project: Project, stage: PipelineStage, outs: list[Out]) -> None:
    """Check the outputs of an entry out. What is in no cache, and kept by Git, becomes a file and no link."""
    plain = {out.path for out in stage.outs if not out.cached}
    cache = project.cache
    kept = cache.links
    for links, some in ((kept, [out for out in outs if out.path not in plain]),
                        (["copy"], [out for out in outs if out.path in plain])):  # fmt: skip
        cache.use(links)
        try:
            changes = checkout(project, [Chosen(out) for out in some], force=True)
        finally:
            cache.use(kept)
        if changes.failed:
            raise AnewError("\n".join(changes.reasons))
