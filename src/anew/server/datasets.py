"""Versions of data under /api/v1: what there is, which runs read it, and how two versions differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from anew.data.compare import difference as compared
from anew.data.datasets import Dataset, Version
from anew.errors import UsageError
from anew.routes import Call, Route

_MOST_READERS = 50  # of a version, the newest
_MOST_FILES = 1000  # of a difference
_MOST_TABLE_BYTES = 64 << 20  # of one that is compared while somebody waits
Json = dict[str, Any]


def datasets(call: Call) -> Json:
    found = [dataset for dataset in call.hub.datasets.all() if dataset.versions]
    return {"datasets": [_summary(dataset) for dataset in found]}


def dataset(call: Call) -> Json:
    """All versions of one, the newest first, each with the newest runs that read it."""
    found = call.hub.datasets.get(call.path["name"])
    versions = sorted(found.versions.values(), key=lambda version: -version.number)
    readers = _readers(call, versions)
    return {
        "name": found.name,
        "versions": [
            {**_plain(version), "aliases": found.aliases_of(version.number), "runs": readers[version.digest]}
            for version in versions
        ],
    }


def difference(call: Call) -> Json:
    """Files that came, went and changed; of tables columns, rows and how far each column moved."""
    name, sides = call.path["name"], (call.argument("before"), call.argument("after"))
    if not all(sides):
        raise UsageError('"before" and "after" are versions of it: a number, an alias or a digest')
    before, after = (call.hub.datasets.version(f"{name}:{side}") for side in sides)
    found = compared(call.hub.objects, before, after, _MOST_TABLE_BYTES)
    counts = {kind: sum(change.kind == kind for change in found.files) for kind in ("added", "removed", "changed")}
    return {
        "before": before.number,
        "after": after.number,
        **counts,
        "files": [asdict(change) for change in found.files[:_MOST_FILES]],
        "tables": [asdict(change) for change in found.tables],
    }


def _summary(dataset: Dataset) -> Json:
    latest = dataset.latest()
    assert latest is not None
    return {"name": dataset.name, "versions": len(dataset.versions), "latest": latest.number, "size": latest.size,
            "files": latest.files, "created": latest.created, "aliases": dict(dataset.aliases)}  # fmt: skip


def _plain(version: Version) -> Json:
    facts = dict(version.facts)
    return {**{key: value for key, value in vars(version).items() if key != "name"}, "facts": facts}


def _readers(call: Call, versions: list[Version]) -> dict[str, list[Json]]:
    """The runs that read each version, by its digest. Reproductions read what their run read, and are left out."""
    index = call.hub.index()
    touching = index.touching([version.digest for version in versions], _MOST_READERS)
    runs = sorted({run_id for found in touching.values() for run_id, wrote in found if not wrote})
    documents = {one["id"]: one for one in index.documents(runs) if not one.get("reproduction_of")}
    return {
        digest: [
            {key: documents[run_id][key] for key in ("id", "name", "status", "created", "verdict")}
            for run_id, wrote in found
            if not wrote and run_id in documents
        ]
        for digest, found in touching.items()
    }


_BASE = "/api/v1/datasets"
ROUTES = [
    Route("GET", _BASE, datasets, about="all datasets that have versions", gives="Datasets"),
    Route("GET", f"{_BASE}/{{name}}", dataset, about="a dataset's versions, and the runs that read them",
          gives="Dataset"),
    Route(
        "GET", f"{_BASE}/{{name}}/difference", difference, about="how two versions of a dataset differ",
        arguments={"before": "a version: its number, an alias or its digest", "after": "another"},
        gives="DatasetDifference",
    ),
]  # fmt: skip
