"""The files of runs and models in folders of this machine, as far as the source has any business there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from anew.protocols.mlflow.takeover_model import CouldNot, File

_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:")


class LocalFiles:
    """Finds what a source says is a folder of files. What it says is not trusted: it may be anyone's database.

    A folder is taken only below one of `roots`, and only when it ends with the owner's id, as MLflow's do. `proxied` is
    where the server kept what it calls mlflow-artifacts:/, if that is known.
    """

    def __init__(self, roots: Sequence[Path], proxied: Sequence[Path] = ()) -> None:
        self.roots = [Path(os.path.realpath(root)) for root in roots]
        self.proxied = [Path(os.path.realpath(root)) for root in proxied]

    def below(self, location: str, owner_id: str) -> Iterator[File]:
        """All files of an owner. Raises CouldNot."""
        folder = self._folder(location, owner_id)
        if folder is not None:
            yield from walk(folder)

    def _folder(self, location: str, owner_id: str) -> Path | None:
        parts = [part for part in _path_of(location).split("/") if part]
        if ".." in parts or "\0" in location:
            raise CouldNot(f"{location} climbs out of its folder: refused")
        if parts[-2:] != [owner_id, "artifacts"]:
            raise CouldNot(f"{location} is not named after {owner_id}, as MLflow names its folders: refused")
        proxied = location.startswith("mlflow-artifacts:")
        if not proxied and _SCHEME.match(location) and not location.startswith("file:"):
            raise CouldNot(f"{location} is not on this machine")
        candidates = [root / "/".join(parts) for root in (self.proxied if proxied else self.roots)]
        if not proxied and _path_of(location).startswith("/"):
            candidates = [Path("/", *parts)]
        for candidate in candidates:
            real = Path(os.path.realpath(candidate))
            if candidate.is_dir() and not any(_is_within(real, root) for root in self.roots + self.proxied):
                raise CouldNot(f"{location} is outside the folder of the source: refused; allow it with --artifacts")
            if real.is_dir():
                return real
            if candidate.parents[1].is_dir() and not proxied:
                return None  # the experiment's folder is there, and the run logged no files
        if proxied:
            if not self.proxied:
                raise CouldNot("the server's folder of artifacts is not known; name it with --artifacts")
            return None  # nothing was ever uploaded
        raise CouldNot(f"no folder {location}")


def walk(folder: Path) -> Iterator[File]:
    """The plain files below a folder, by their paths in it. Raises CouldNot for a link, once all others are given."""
    links = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(place, name)))
        for name in sorted(names):
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                links.append(str(path.relative_to(folder)))
                continue
            yield File(path.relative_to(folder).as_posix(), path.stat().st_size, path)
    if links:
        raise CouldNot(f"{links[0]}{f' and {len(links) - 1} more' * (len(links) > 1)}: a link, and not followed")


def _is_within(path: Path, root: Path) -> bool:
    return path == root or root in path.parents


def _path_of(location: str) -> str:
    if not _SCHEME.match(location):
        return location
    return unquote(urlsplit(location).path)
