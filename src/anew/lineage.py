"""Lineage: what a run, a content or a model's version was made from, and what was made of it.

Nothing is declared: a run that read what another one wrote comes after it, since both name the content by its digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from anew.errors import NotFound, UsageError
from anew.index import Index
from anew.models.registry import Registry, Version

_MOST_NODES = 300
_MOST_UNLINKED = 6  # files of a run that no other run touched and that are shown one by one
_MOST_TOUCHING = 50  # runs looked at for one content
Document = dict[str, Any]


@dataclass
class Node:
    """`kind` is run, data, model or more (files that are not shown one by one)."""

    id: str
    kind: str
    name: str
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """`edges` are (from, to, kind): read, wrote, registered. `cut`: there is more than is shown."""

    start: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)
    cut: bool = False

    def add(self, node: Node) -> bool:
        """Whether it is new, and there was room for it."""
        if node.id in self.nodes:
            return False
        if len(self.nodes) >= _MOST_NODES:
            self.cut = True
            return False
        self.nodes[node.id] = node
        return True

    def join(self, source: str, target: str, kind: str) -> None:
        if source in self.nodes and target in self.nodes:
            self.edges[source, target] = kind

    def to_dict(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "nodes": [vars(node) for node in self.nodes.values()],
            "edges": [{"from": a, "to": b, "kind": kind} for (a, b), kind in self.edges.items()],
            "cut": self.cut,
        }


def graph(index: Index, registry: Registry, start: str, steps: int = 6) -> Graph:
    """All that `start` came from and that came of it, at most `steps` runs away.

    `start` is run:ID, data:DIGEST or model:NAME/NUMBER. Reproductions are left out: they write what their run wrote.
    Raises RunNotFound, NotFound, UsageError for a start of another form.
    """
    return _Lineage(index, registry, start, steps).draw()


class _Lineage:
    def __init__(self, index: Index, registry: Registry, start: str, steps: int) -> None:
        self.index, self.steps = index, steps
        self.graph = Graph(start)
        self.versions: dict[str, list[Version]] = {}
        for model in registry.all():
            for version in model.versions.values():
                self.versions.setdefault(version.run_id, []).append(version)

    def draw(self) -> Graph:
        kind, _, rest = self.graph.start.partition(":")
        if kind == "run":
            document = self.index.document(rest)
            self._add_run(document)
            self._up([document])
            self._down([document])
        elif kind == "data":
            self._from_content(rest)
        elif kind == "model":
            self._from_version(rest)
        else:
            raise UsageError(f"{self.graph.start!r:.80} is none of run:ID, data:DIGEST and model:NAME/NUMBER")
        return self.graph

    def _from_content(self, digest: str) -> None:
        touching = self.index.touching([digest], _MOST_TOUCHING)[digest]
        documents = [d for d in self.index.documents([run_id for run_id, _ in touching]) if _is_first(d)]
        wrote = {run_id for run_id, wrote in touching if wrote}
        item = next((item for d in documents for item in _files(d) if item.get("digest") == digest), None)
        if item is None:
            raise NotFound(f"no run read or wrote {digest:.80}")
        self._add_file(item)
        for document in documents:
            self._add_run(document)
            makes = document["id"] in wrote
            self._join(document, _data(digest), "wrote" if makes else "read")
        self._up([d for d in documents if d["id"] in wrote])
        self._down([d for d in documents if d["id"] not in wrote])

    def _from_version(self, name: str) -> None:
        found = next((v for of in self.versions.values() for v in of if f"{v.name}/{v.number}" == name), None)
        if found is None:
            raise NotFound(f"no version {name!r:.80} of a model")
        self._add_version(found)
        documents = self.index.documents([found.run_id]) if found.run_id else []
        for document in documents:
            self._add_run(document)
            self.graph.join(_run(document), _model(found), "registered")
        self._up(documents)

    def _up(self, documents: list[Document]) -> None:
        """What these runs read, and the runs that had written it before."""
        for _ in range(self.steps):
            files = {document["id"]: _known(_inputs(document)) for document in documents}
            makers = self._touching(files, wrote=True)
            earlier: dict[str, Document] = {}
            for document in documents:
                linked = {d: runs for d, runs in makers.items() if any(_precedes(run, document) for run in runs)}
                for item in self._shown(document, files[document["id"]], linked.keys(), "read"):
                    for maker in linked.get(item["digest"], ()):
                        if _precedes(maker, document) and self._add_run(maker):
                            earlier[maker["id"]] = maker
                        self.graph.join(_run(maker), _data(item["digest"]), "wrote")
            documents = list(earlier.values())

    def _down(self, documents: list[Document]) -> None:
        """What these runs wrote, the versions made of it, and the runs that read it afterwards."""
        for _ in range(self.steps):
            files = {document["id"]: _known(document["outputs"]) for document in documents}
            readers = self._touching(files, wrote=False)
            later: dict[str, Document] = {}
            for document in documents:
                for version in self.versions.get(document["id"], ()):
                    self._add_version(version)
                    self.graph.join(_run(document), _model(version), "registered")
                linked = {d: runs for d, runs in readers.items() if any(_precedes(document, run) for run in runs)}
                for item in self._shown(document, files[document["id"]], linked.keys(), "wrote"):
                    for reader in linked.get(item["digest"], ()):
                        if _precedes(document, reader) and self._add_run(reader):
                            later[reader["id"]] = reader
                        self.graph.join(_data(item["digest"]), _run(reader), "read")
            documents = list(later.values())

    def _touching(self, files: dict[str, list[Document]], *, wrote: bool) -> dict[str, list[Document]]:
        """The runs that wrote (or read) each of these contents."""
        digests = sorted({item["digest"] for items in files.values() for item in items})
        touching = self.index.touching(digests, _MOST_TOUCHING)
        runs = sorted({run_id for found in touching.values() for run_id, made in found if made == wrote})
        documents = {document["id"]: document for document in self.index.documents(runs) if _is_first(document)}
        return {
            digest: [documents[run_id] for run_id, made in found if made == wrote and run_id in documents]
            for digest, found in touching.items()
        }

    def _shown(self, document: Document, files: Sequence[Document], linked: Iterable[str], kind: str) -> list[Document]:
        """Add a run's files: those that lead on, the largest of the others, and a word for the rest."""
        known = set(linked)
        leading = [item for item in files if item["digest"] in known]
        others = sorted((item for item in files if item["digest"] not in known), key=lambda item: -(item["size"] or 0))
        shown = leading + others[:_MOST_UNLINKED]
        for item in shown:
            self._add_file(item)
            self._join(document, _data(item["digest"]), kind)
        if len(shown) < len(files):
            more = Node(f"more:{kind}:{document['id']}", "more", f"{len(files) - len(shown):,} more files")
            self.graph.add(more)
            self._join(document, more.id, kind)
        return shown

    def _join(self, document: Document, content: str, kind: str) -> None:
        ends = (content, _run(document)) if kind == "read" else (_run(document), content)
        self.graph.join(ends[0], ends[1], kind)

    def _add_run(self, document: Document) -> bool:
        facts = {name: document.get(name) for name in ("status", "created", "project", "duration_s", "verdict")}
        grade = (document.get("grade") or {}).get("letter")
        return self.graph.add(Node(_run(document), "run", str(document["name"]), facts | {"grade": grade}))

    def _add_file(self, item: Document) -> None:
        names = ("path", "digest", "size", "role", "type", "stored", "dataset", "version")
        facts = {name: item.get(name) for name in names}
        name = str(item.get("name") or item["path"]).rpartition("/")[2]
        self.graph.add(Node(_data(item["digest"]), "data", name, facts))

    def _add_version(self, version: Version) -> None:
        facts = {"stage": version.stage, "created": version.created, "version": version.number, "model": version.name}
        self.graph.add(Node(_model(version), "model", f"{version.name} v{version.number}", facts))


def _run(document: Document) -> str:
    return f"run:{document['id']}"


def _data(digest: str) -> str:
    return f"data:{digest}"


def _model(version: Version) -> str:
    return f"model:{version.name}/{version.number}"


def _files(document: Document) -> list[Document]:
    return [*_inputs(document), *document["outputs"]]


def _inputs(document: Document) -> list[Document]:
    """The versions of data that a run read, by their labels, then its files."""
    versions = [item.get("dataset") or {} for item in document["datasets"]]
    named = [
        {**v, "name": "", "dataset": v["name"], "path": f"{v['name']}:v{v['version']}"}
        for v in versions
        if isinstance(v.get("version"), int)
    ]
    return [*named, *document["inputs"]]


def _known(items: Iterable[Document]) -> list[Document]:
    """Files by content, each once; an empty one links nothing."""
    return list({item["digest"]: item for item in items if item.get("digest") and item.get("size") != 0}.values())


def _is_first(document: Document) -> bool:
    return not document.get("reproduction_of")


def _precedes(earlier: Document, later: Document) -> bool:
    return bool(earlier["id"] != later["id"] and earlier["created"] <= (later.get("ended") or float("inf")))
