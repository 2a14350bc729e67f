"""`dvc.lock` and `.dvc` files that two branches changed, made one: stage by stage, and tracked folders file by file."""

from __future__ import annotations

import hashlib
import os

from anew import yamltext
from anew.errors import DvcError, NotFound
from anew.pipeline import lock
from anew.protocols.dvc import manifest, stages
from anew.protocols.dvc.project import Project
from anew.protocols.dvc.remote import content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Sides = tuple[Mapping[Any, Any], Mapping[Any, Any], Mapping[Any, Any]]  # what was common, ours, theirs

_ABSENT = object()
_OF_CONTENT = ("md5", "size", "nfiles")


class Merged:
    """`conflicts`: what both sides changed, in words; `text` has both versions of it then, between Git's marks."""

    def __init__(self, text: str, conflicts: list[str]) -> None:
        self.text, self.conflicts = text, conflicts


def merge(path: str, base: str, ours: str, theirs: str) -> Merged:
    """`base` is "" where there was no file. Raises AnewError, with the reason, for what lines have to be merged of."""
    name = os.path.basename(path)
    if name == os.path.splitext(stages.PIPELINE)[0] + ".lock":
        return _locks(path, base, ours, theirs)
    if name.endswith(stages.SUFFIX):
        return _pointers(path, base, ours, theirs)
    raise DvcError(f"{path} is neither a dvc.lock nor a .dvc file")


def three_way(sides: Sides) -> tuple[dict[Any, Any], list[Any]]:
    """What both sides come to, key by key, and the keys that they changed differently (which stay ours)."""
    _, ours, theirs = sides
    found: dict[Any, Any] = {}
    conflicts = []
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        old, mine, other = (side.get(key, _ABSENT) for side in sides)
        value = other if mine == old else mine
        if mine not in (old, other) and other != old:
            conflicts.append(key)
        if value is not _ABSENT:
            found[key] = value
    return found, conflicts


def _locks(path: str, base: str, ours: str, theirs: str) -> Merged:
    entries = [lock.stages(text, path) for text in (base, ours, theirs)]
    rest = [
        {key: value for key, value in (yamltext.load(text, path) or {}).items() if key != "stages"}
        for text in (base, ours, theirs)
    ]
    top, clashing = three_way((rest[0], rest[1], rest[2]))
    if clashing:
        raise DvcError(f"{path}: both sides changed {', '.join(map(str, clashing))}")
    found, conflicts = three_way((entries[0], entries[1], entries[2]))
    if not conflicts:
        return Merged(yamltext.rewrite(ours, top | {"stages": found}, path), [])
    text = yamltext.dump(top) + "stages:\n"
    for name in dict.fromkeys([*found, *conflicts]):
        if name in conflicts:
            text += f"<<<<<<< ours\n{_block(entries[1], name)}=======\n{_block(entries[2], name)}>>>>>>> theirs\n"
        else:
            text += _block(found, name)
    said = "changed on both sides, with different results: take one, or run it again"
    return Merged(text, [f"stage '{name}' was {said}" for name in conflicts])


def _block(entries: dict[str, Any], name: str) -> str:
    if name not in entries:
        return ""
    return yamltext.dump({"stages": {name: entries[name]}}).partition("\n")[2]


def _pointers(path: str, base: str, ours: str, theirs: str) -> Merged:
    """Of one tracked folder each."""
    path = os.path.abspath(path)
    loaded = [stages.load_pointer(path, text) if text.strip() else None for text in (base, ours, theirs)]
    outs = [stage.outs[0] if stage and len(stage.outs) == 1 else None for stage in loaded]
    if not outs[1] or not outs[2] or not outs[1].is_folder or not outs[2].is_folder or outs[1].legacy != outs[2].legacy:
        raise DvcError(f"{path}: both sides changed it, and it is no single folder")
    mine = loaded[1]
    assert mine is not None
    rows = [dict(out.raw) if out else {} for out in outs]
    plain = [{key: value for key, value in row.items() if key not in _OF_CONTENT} for row in rows]
    tops = [{key: value for key, value in (stage.raw if stage else {}).items() if key != "outs"} for stage in loaded]
    row, clashing = three_way((plain[0], plain[1], plain[2]))
    top, more = three_way((tops[0], tops[1], tops[2]))
    if clashing or more:
        raise DvcError(f"{path}: both sides changed {', '.join(map(str, clashing + more))}")
    project = Project.find(os.path.dirname(path))
    folders = [_members(project, out) if out and out.is_folder else {} for out in outs]
    files, conflicts = three_way((folders[0], folders[1], folders[2]))
    if conflicts:
        names = ", ".join(f"{outs[1].written}/{name}" for name in conflicts[:5])
        more_ = f" and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
        raise DvcError(f"both sides changed {names}{more_}: check out one side, and put the other's files in")
    merged = _kept(project, files, outs[1].legacy)
    mine.raw = top
    mine.outs[0].raw = merged | row
    mine.raw["outs"] = [mine.outs[0].raw]
    return Merged(mine.dumped(), [])


def _members(project: Project, out: stages.Out) -> dict[str, str]:
    assert out.md5 is not None
    try:
        return manifest.decode(content(project, out, out.md5), out.path)
    except NotFound as error:
        raise DvcError(
            f"the list of what was in {out.written} is neither in the cache nor at a remote: {error}"
        ) from error


def _kept(project: Project, files: dict[str, str], legacy: bool) -> dict[str, Any]:
    """Keep the list of a folder's files; what a `.dvc` file says of it."""
    data = manifest.encode(files)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest() + manifest.SUFFIX
    project.cache.put(md5, data, legacy)
    project.cache.flush()
    sizes = [project.cache.stat(one, legacy) for one in files.values()]
    size = {} if None in sizes else {"size": sum(stat.st_size for stat in sizes if stat)}
    return {"md5": md5, **size, "nfiles": len(files)}
