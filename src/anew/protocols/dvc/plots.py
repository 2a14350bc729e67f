"""Plots of snapshots: which are defined, the files that they take their data from, and what DVC's renderer makes of it.

The templates and the filling of them are those of `dvc-render`, DVC's own small library, so that what comes out is the
same.
"""

from __future__ import annotations

import csv
import io
import os
import re

from anew.errors import AnewError, DvcError, MissingExtra
from anew.protocols.dvc import metrics
from anew.protocols.dvc.datapoints import datapoints, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from anew.protocols.dvc.project import Project
    from anew.protocols.dvc.snapshot import Snapshot

    Definitions = dict[str, dict[str, Any]]  # file that defines (or "") → plot → what is said of it

IMAGES = frozenset({".jpg", ".jpeg", ".gif", ".png", ".svg"})
_DATA = frozenset({".yml", ".yaml", ".json", ".csv", ".tsv", ".toml", ".py"})


class NoPlot(DvcError):
    """A file that can't be drawn."""

    kind = "PlotMetricTypeError"


class Drawn:
    """A plot of some snapshots. `rows` are points, or pictures with the file that each was written to."""

    def __init__(self, name: str, picture: bool) -> None:
        self.name, self.picture = name, picture
        self.rows: list[dict[str, Any]] = []
        self.props: dict[str, Any] = {}
        self.revisions: list[str] = []
        self.errors: list[dict[str, Any]] = []

    def content(self, split: bool) -> list[dict[str, Any]]:
        """As `--json` has it."""
        if self.picture:
            return [{"type": "image", "revisions": [row["rev"]], "url": row["src"]} for row in self.rows]
        if not self.rows:
            return []
        renderer = self._renderer()
        filled, anchors = _filled(renderer, split)
        return [{"type": "vega", "revisions": self.revisions, "content": filled, **anchors}]

    def vega(self) -> dict[str, Any]:
        """The description that Vega draws, filled in; {} without data."""
        found: dict[str, Any] = _filled(self._renderer(), False)[0] if self.rows else {}
        return found

    def _renderer(self) -> Any:
        props = {"title": self.name} | self.props
        if self.revisions:
            props["revs_with_datapoints"] = self.revisions
        with _Rendering():
            from dvc_render.vega import VegaRenderer

            return VegaRenderer([dict(row) for row in self.rows], self.name, **props)


class _Rendering:
    """Says what `dvc-render` can't do as an error of ours, and where to get it where it is missing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ImportError):
            raise MissingExtra("dvc-render", "dvc") from None
        if error is not None:
            from dvc_render.exceptions import DvcRenderError

            if isinstance(error, (DvcRenderError, OSError, ValueError)):
                raise DvcError(str(error), 255) from error


def templates() -> dict[str, Any]:
    """The templates that can be named, with their content."""
    with _Rendering():
        from dvc_render.vega_templates import TEMPLATES

    return {one.DEFAULT_NAME: one.DEFAULT_CONTENT for one in TEMPLATES}


def _filled(renderer: Any, split: bool) -> tuple[Any, dict[str, Any]]:
    with _Rendering():
        if split:
            content, anchors = renderer.get_partial_filled_template()
            return content, anchors
        return renderer.get_filled_template(), {}


class Collection:
    """The plots of one snapshot, with their data."""

    def __init__(self, snapshot: Snapshot, targets: list[str], props: dict[str, Any]) -> None:
        self._snapshot, self._targets, self._props = snapshot, targets, props
        self._here = os.path.relpath(snapshot.project.cwd, snapshot.project.root)
        self.error: Exception | None = None
        self.definitions: Definitions = {}
        self.contents: dict[str, Any] = {}
        self.problems: dict[str, Exception] = {}
        try:
            self._define()
        except AnewError as error:
            self.definitions, self.error = {}, error
            return
        header = {
            self._shown(path): said.get("header", True)
            for path, said, _ in snapshot.outs("plots")
            if isinstance(said, dict)
        }
        wanted = (
            file for plots in self.definitions.values() for name, said in plots.items() for file in sources(name, said)
        )
        for file in dict.fromkeys(wanted):
            self._load(file, props.get("header", header.get(file, True)))

    def _shown(self, path: str) -> str:
        """A path of the snapshot as it is seen from where one is."""
        return os.path.relpath(path, self._here)

    def _path(self, shown: str) -> str:
        return os.path.normpath(os.path.join(self._here, shown))

    def _define(self) -> None:
        for file, plots in self._snapshot.top_plots():
            shown = self._shown(file)
            self.definitions[shown] = self._of_file(shown, plots)
        for path, said, file in self._snapshot.outs("plots"):
            if isinstance(said, list):
                raise DvcError("Multiple plots per data file not supported.")
            if self._wanted(self._shown(file), self._shown(path)):
                self._add("", path, said | self._props)
        for target in self._targets:
            if not self.definitions or self._snapshot.exists(self._path(target)):
                self._add("", self._path(target), self._props)

    def _of_file(self, file: str, plots: dict[str, Any]) -> dict[str, Any]:
        """Those that a dvc.yaml defines for itself. A file has the definition of the closest folder that has one."""
        folder = os.path.dirname(file)
        found: dict[str, Any] = {}
        parents = [os.path.normpath(os.path.join(folder, name)) for name in plots]
        for name, said in plots.items():
            props = said or {}
            if not self._wanted(file, name):
                continue
            if isinstance(props.get("y"), dict):
                axes = {axis: props[axis] for axis in ("x", "y") if isinstance(props.get(axis), dict)}
                moved = {
                    axis: {os.path.normpath(os.path.join(folder, one)): fields for one, fields in files.items()}
                    for axis, files in axes.items()
                }
                found[name] = props | moved | self._props
                continue
            top = os.path.normpath(os.path.join(folder, name))
            for path in self._unpacked(self._path(top)):
                if _closest(path, parents) == top:
                    found[path] = found.get(path, {}) | props | self._props
        return found

    def _add(self, file: str, path: str, props: dict[str, Any]) -> None:
        plots = self.definitions.setdefault(file, {})
        for one in self._unpacked(path):
            plots[one] = plots.get(one, {}) | props

    def _unpacked(self, path: str) -> list[str]:
        files = self._snapshot.below(path) if self._snapshot.is_folder(path) else [path]
        return [self._shown(one) for one in files]

    def _wanted(self, file: str, plot: str) -> bool:
        full = f"{file}::{plot}" if file else plot
        try:
            return not self._targets or any(re.match(one, plot) or re.match(one, full) for one in self._targets)
        except re.error:
            return plot in self._targets or full in self._targets

    def _load(self, file: str, header: bool) -> None:
        try:
            content = _content(self._snapshot, self._path(file), header)
        except (AnewError, OSError) as error:
            self.problems[file] = error
        else:
            if content:
                self.contents[file] = content


def _closest(path: str, parents: Iterable[str]) -> str:
    shared = (os.path.commonpath([path, parent]) for parent in parents)
    return max(shared, key=len, default="")


def _content(snapshot: Snapshot, path: str, header: bool) -> Any:
    """The bytes of a picture, the rows of a table, the data of any other file."""
    ending = os.path.splitext(path)[1]
    if ending in IMAGES:
        return snapshot.read(path)
    if ending not in _DATA:
        raise NoPlot(f"'{path}' - file type error\nOnly JSON, YAML, CSV and TSV formats are supported.")
    if ending not in (".csv", ".tsv"):
        return metrics.load(snapshot, path)
    try:
        text = snapshot.read(path).decode()
    except UnicodeDecodeError as error:
        raise metrics.Unreadable(f"unable to read: '{path}', is not valid utf8", "EncodingError") from error
    between = "\t" if ending == ".tsv" else ","
    names = None
    if not header:
        first = next(csv.reader(io.StringIO(text)), [])
        names = [str(at) for at in range(len(first))]
    return list(csv.DictReader(io.StringIO(text), names, delimiter=between))


def collect(snapshots: Iterable[Snapshot], targets: list[str], props: dict[str, Any]) -> dict[str, Collection]:
    """By the name of the snapshot."""
    return {snapshot.name: Collection(snapshot, targets, props) for snapshot in snapshots}


def draw(project: Project, collections: dict[str, Collection], out: str, say: Callable[[str], None]) -> list[Drawn]:
    """Every plot, over all snapshots that have it. Pictures are written into the folder `out`."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for revision, one in collections.items():
        for name, (plot, props) in _by_name(one.definitions).items():
            groups.setdefault(name, []).append((revision, plot, props))
    found = []
    for name, group in groups.items():
        picture = os.path.splitext(group[-1][1])[1] in IMAGES
        drawn = Drawn(group[-1][1] if picture else name, picture)
        said: dict[str, Any] = {}
        for _, _, props in reversed(group):
            said |= props
        said |= {"template_dir": f"{project.dvc_dir}/plots"} if os.path.isdir(project.dvc_dir) else {}
        for revision, plot, props in group:
            _draw(drawn, collections[revision], revision, plot, props, said, out, say)
        found.append(drawn)
    return found


def _by_name(definitions: Definitions) -> dict[str, tuple[str, dict[str, Any]]]:
    """Plots that several files define have the file in front of their name."""
    files: dict[str, list[str]] = {}
    for file, plots in definitions.items():
        for plot in plots:
            files.setdefault(plot, []).append(file)
    found = {}
    for plot, defined in files.items():
        for file in defined:
            name = f"{file}::{plot}" if len(defined) > 1 and file else plot
            found[name] = (plot, definitions[file][plot])
    return found


def _draw(
    drawn: Drawn, collection: Collection, revision: str, plot: str, props: dict[str, Any], said: dict[str, Any],
    out: str, say: Callable[[str], None],
) -> None:  # fmt: skip
    files = sources(plot, props)
    for file in files:
        if file in collection.problems:
            problem = metrics.encoded(collection.problems[file])
            drawn.errors.append({"name": drawn.name, "rev": revision, "source": file, **problem})
    contents = {file: collection.contents[file] for file in files if file in collection.contents}
    if drawn.picture:
        drawn.rows += [
            {"rev": revision, "filename": file, "src": _write_picture(out, revision, file, data)}
            for file, data in contents.items()
        ]
        return
    try:
        rows, found = datapoints(plot, said, contents, revision)
    except DvcError as error:
        say(f"In '{revision}', {str(error).lower()}")
        drawn.errors.append({"name": drawn.name, "rev": revision, **metrics.encoded(error)})
        return
    if rows and revision not in drawn.revisions:
        drawn.revisions.append(revision)
    drawn.props = drawn.props or found
    drawn.rows += rows


def _write_picture(out: str, revision: str, file: str, data: bytes) -> str:
    os.makedirs(out, exist_ok=True)
    path = os.path.join(os.path.abspath(out), f"{revision}_{file}".replace("/", "_"))
    with open(path, "wb") as target:
        target.write(data)
    return path
