"""What the native API answers: JSON schemas by name. The page's types are generated from them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def some(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(may: dict[str, Schema] | None = None, /, **must: Schema) -> Schema:
    """An object with the properties `must`, and perhaps `may`."""
    return {"type": "object", "properties": {**must, **(may or {})}, "required": list(must)}


def one_of(*texts: str) -> Schema:
    return {"type": "string", "enum": list(texts)}


CELL: Schema = {"type": ["string", "number", "boolean", "null"]}
_STATUS = TEXT
_VERDICT = maybe(TEXT)
_POINT: Schema = {"type": ["number", "null"]}
_FILE = record(
    {
        "digest": maybe(TEXT),
        "size": WHOLE,
        "name": TEXT,
        "stored": FLAG,
        "role": TEXT,
        "saved": FLAG,
        "type": TEXT,
        "outside": FLAG,
    },
    path=TEXT,
)
_STATISTICS = record(
    last=ANY, last_step=ANY, last_time=NUMBER, min=ANY, max=ANY, mean=ANY, count=WHOLE, first=ANY, nan_count=WHOLE
)
SCHEMAS: dict[str, Schema] = {
    "Error": record(error=record({"position": WHOLE}, kind=TEXT, message=TEXT)),
    "Projects": record(projects=some(ref("Project"))),
    "Project": record(
        id=TEXT, name=TEXT, created=NUMBER, deleted=maybe(NUMBER), tags=by_name(TEXT), runs=WHOLE
    ),
    "Table": record(total=WHOLE, ids=some(TEXT), columns=some(some(CELL))),
    "Columns": record(columns=some(ref("Column"))),
    "Column": record(name=TEXT, space=TEXT, label=TEXT, runs=WHOLE, varies=FLAG, number=FLAG),
    "SeriesList": record(series=some(ref("Series"))),
    "Series": record(
        {"times": some(NUMBER)}, run=TEXT, metric=TEXT, steps=some(_POINT), values=some(_POINT), total=WHOLE
    ),
    "Importance": record(
        runs=WHOLE,
        parameters=some(record(
            name=TEXT, label=TEXT, number=FLAG, importance=NUMBER, correlation=maybe(NUMBER), runs=WHOLE, values=WHOLE
        )),
    ),
    "Comparison": record(
        runs=some(record(
            id=TEXT, name=maybe(TEXT), project=maybe(TEXT), status=TEXT, created=NUMBER, duration_s=NUMBER,
            verdict=maybe(TEXT), grade=maybe(TEXT), tags=by_name(ANY),
        )),
        sections=some(record(name=TEXT, rows=some(ref("ComparedRow")))),
    ),
    "ComparedRow": record(name=TEXT, equal=FLAG, values=some(CELL)),
    "MediaList": record(media=some(ref("MediaItem"))),
    "MediaItem": record({"step": NUMBER, "size": WHOLE, "caption": TEXT}, run=TEXT, key=TEXT, digest=TEXT, type=TEXT),
    "MeanList": record(
        means=some(record(xs=some(NUMBER), mean=some(NUMBER), low=some(NUMBER), high=some(NUMBER)))
    ),
    "Views": record(views=some(record(name=TEXT, address=TEXT, saved=NUMBER, by=maybe(TEXT)))),
    "Groups": record(groups=some(by_name(CELL)), total=WHOLE),
    "Values": record(values=some(CELL)),
    "Gap": record(grade=TEXT, what=TEXT, why=TEXT, mend=TEXT),
    "RunFile": _FILE,
    "Files": record(files=some(record(path=TEXT, size=WHOLE, digest=TEXT))),
    "Output": by_name(TEXT),
    "Console": record(pieces=some(record(stream=TEXT, time=NUMBER, text=TEXT)), after=TEXT, more=FLAG),
    "Media": record(
        {"step": maybe(NUMBER), "type": TEXT, "digest": TEXT, "size": WHOLE, "caption": TEXT, "count": WHOLE,
         "rows": WHOLE},
        key=TEXT,
    ),
    "Verdict": record(
        {"reproduction": maybe(TEXT), "note": maybe(TEXT), "actor": maybe(TEXT), "compared": WHOLE, "equal": WHOLE,
         "causes": some(record(factor=TEXT, what=TEXT)), "missing": some(TEXT), "evidence": TEXT},
        verdict=TEXT, time=NUMBER, seq=WHOLE,
    ),
    "Statistics": _STATISTICS,
    "Document": record(
        {"reproduction_of": maybe(TEXT), "argv": some(TEXT), "cwd": TEXT, "root": TEXT, "by": TEXT,
         "deleted": maybe(NUMBER), "incomplete": TEXT, "script": TEXT, "variables": by_name(ANY)},
        id=TEXT, name=maybe(TEXT), project=maybe(TEXT), status=_STATUS, created=NUMBER, ended=maybe(NUMBER),
        duration_s=NUMBER, user=maybe(TEXT), host=maybe(TEXT), command=ANY, notes=maybe(TEXT), config=by_name(ANY),
        tags=by_name(ANY), summary=by_name(ANY), metrics=by_name(ANY), metric_stats=by_name(ref("Statistics")),
        system=by_name(ref("Statistics")), verdict=_VERDICT, verdicts=some(ref("Verdict")),
        grade=record({"letter": TEXT, "means": TEXT, "missing": some(ref("Gap"))}), exit_code=maybe(WHOLE),
        error=maybe(ANY), code=by_name(ANY), environment=by_name(ANY), hardware=by_name(ANY), seeds=by_name(ANY),
        inputs=some(ref("RunFile")), outputs=some(ref("RunFile")), problems=some(ANY),
        config_conflicts=by_name(some(ANY)), media=some(ref("Media")), datasets=some(by_name(ANY)),
    ),
    "Cause": record({"detail": TEXT, "effect": ANY}, factor=TEXT, what=TEXT, before=ANY, after=ANY),
    "Causes": record(causes=some(ref("Cause"))),
    "Compared": record(
        {"where": TEXT, "detail": TEXT, "max_difference": maybe(NUMBER), "max_relative": maybe(NUMBER),
         "points": WHOLE, "last": some(maybe(NUMBER)), "step": NUMBER, "index": WHOLE, "name_there": maybe(TEXT)},
        kind=TEXT, name=TEXT, equal=FLAG, how=TEXT, rules=some(TEXT),
    ),
    "Evidence": record(
        {"run": TEXT, "reproduction": maybe(TEXT), "actor": maybe(TEXT), "note": TEXT, "error": TEXT,
         "duration_s": NUMBER, "compared": ANY, "first_divergence": maybe(ref("Divergence")),
         "causes": some(ref("Cause")), "replayed": some(record({"how": TEXT, "same": FLAG}, what=TEXT)),
         "missing": ANY, "environment": record({"how": TEXT, "python": TEXT, "differences": ANY, "left_out": ANY}),
         "tests": some(record({"agree": maybe(FLAG), "trials": WHOLE, "why": TEXT}, held=TEXT)),
         "reproductions": some(TEXT)},
        verdict=TEXT, time=NUMBER, seq=WHOLE,
    ),
    "Divergence": record({"step": NUMBER, "where": TEXT, "detail": TEXT}, kind=TEXT, name=TEXT),
    "Board": record(
        verdicts=some(record(
            {"reproduction": maybe(TEXT), "actor": maybe(TEXT), "compared": WHOLE, "equal": WHOLE,
             "causes": some(record(factor=TEXT, what=TEXT)), "missing": some(TEXT), "rules": some(TEXT)},
            verdict=TEXT, time=NUMBER, seq=WHOLE, run=TEXT,
            about=record(
                name=maybe(TEXT), project=maybe(TEXT), created=NUMBER, duration_s=maybe(NUMBER), metrics=by_name(ANY)
            ),
        )),
        before=maybe(WHOLE),
    ),
    "Lineage": record(
        start=TEXT, cut=FLAG, nodes=some(record(id=TEXT, kind=TEXT, name=TEXT, about=by_name(ANY))),
        edges=some(record(**{"from": TEXT, "to": TEXT, "kind": TEXT})),
    ),
    "Code": record(
        vcs=maybe(TEXT), commit=maybe(TEXT), branch=maybe(TEXT), remote=maybe(TEXT), dirty=maybe(FLAG), script=TEXT,
        diff=TEXT, files=some(record(path=TEXT, digest=TEXT, used=FLAG)),
    ),
    "ContentDifference": record(summary=TEXT, diff=TEXT),
    "Address": record(address=TEXT),
    "Data": record(data=some(record(path=TEXT, versions=some(ref("DataVersion"))))),
    "DataVersion": record(
        digest=TEXT, size=maybe(WHOLE), stored=FLAG, read=WHOLE, wrote=WHOLE, first=NUMBER, last=NUMBER, run=TEXT,
        role=TEXT,
    ),
    "Datasets": record(
        datasets=some(record(
            name=TEXT, versions=WHOLE, latest=WHOLE, size=WHOLE, files=WHOLE, created=NUMBER, aliases=by_name(WHOLE)
        )),
    ),
    "Dataset": record(name=TEXT, versions=some(ref("DatasetVersion"))),
    "DatasetVersion": record(
        number=WHOLE, digest=TEXT, kind=one_of("tree", "file"), size=WHOLE, files=WHOLE, path=TEXT, message=TEXT,
        facts=record({
            "tables": by_name(record(columns=by_name(TEXT), rows=maybe(WHOLE))), "unread": by_name(TEXT),
            "classes": by_name(WHOLE),
        }),
        run_id=TEXT, actor=TEXT, created=NUMBER, aliases=some(TEXT),
        runs=some(record(id=TEXT, name=maybe(TEXT), status=TEXT, created=NUMBER, verdict=maybe(TEXT))),
    ),
    "DatasetDifference": record(
        before=WHOLE, after=WHOLE, added=WHOLE, removed=WHOLE, changed=WHOLE,
        files=some(record(
            path=TEXT, kind=one_of("added", "removed", "changed"), before=maybe(WHOLE), after=maybe(WHOLE)
        )),
        tables=some(ref("TableDifference")),
    ),
    "TableDifference": record(
        path=TEXT, columns_added=some(TEXT), columns_removed=some(TEXT), columns_retyped=by_name(some(TEXT)),
        rows=some(WHOLE), rows_added=WHOLE, rows_removed=WHOLE, rows_changed=maybe(WHOLE), key=TEXT, untold=TEXT,
        shifts=some(record(
            column=TEXT, measure=one_of("ks", "tv"), distance=NUMBER, before=by_name(maybe(NUMBER)),
            after=by_name(maybe(NUMBER)),
        )),
    ),
    "Usage": record(parts=by_name(WHOLE), free=WHOLE),
    "Models": record(models=some(ref("Model"))),
    "Model": record(
        name=TEXT, created=NUMBER, updated=NUMBER, description=maybe(TEXT), tags=by_name(TEXT),
        aliases=by_name(WHOLE), versions=by_name(ref("ModelVersion")), last=WHOLE,
    ),
    "ModelVersion": record(
        name=TEXT, number=WHOLE, created=NUMBER, updated=NUMBER, source=TEXT, storage=TEXT, run_id=TEXT,
        run_link=TEXT, model_id=TEXT, user=TEXT, description=maybe(TEXT), tags=by_name(TEXT), stage=TEXT, status=TEXT,
    ),
    "Ledger": record(entries=some(ref("LedgerEntry")), after=WHOLE),
    "LedgerEntry": record(
        seq=WHOLE, time=NUMBER, actor=maybe(TEXT), kind=TEXT, subject=TEXT, body=by_name(ANY), prev=TEXT, hash=TEXT
    ),
}  # fmt: skip
