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
    {"digest": maybe(TEXT), "size": WHOLE, "name": TEXT, "stored": FLAG, "role": TEXT, "saved": FLAG},
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
    "Groups": record(groups=some(by_name(CELL)), total=WHOLE),
    "Values": record(values=some(CELL)),
    "Gap": record(grade=TEXT, what=TEXT, why=TEXT, mend=TEXT),
    "RunFile": _FILE,
    "Files": record(files=some(record(path=TEXT, size=WHOLE, digest=TEXT))),
    "Output": by_name(TEXT),
    "Verdict": record(
        {"reproduction": maybe(TEXT), "note": maybe(TEXT), "actor": maybe(TEXT), "compared": WHOLE, "equal": WHOLE,
         "causes": some(record(factor=TEXT, what=TEXT)), "missing": some(TEXT), "evidence": TEXT},
        verdict=TEXT, time=NUMBER, seq=WHOLE,
    ),
    "Statistics": _STATISTICS,
    "Document": record(
        {"reproduction_of": maybe(TEXT), "argv": some(TEXT), "cwd": TEXT, "root": TEXT, "by": TEXT,
         "deleted": maybe(NUMBER), "incomplete": TEXT},
        id=TEXT, name=maybe(TEXT), project=maybe(TEXT), status=_STATUS, created=NUMBER, ended=maybe(NUMBER),
        duration_s=NUMBER, user=maybe(TEXT), host=maybe(TEXT), command=ANY, notes=maybe(TEXT), config=by_name(ANY),
        tags=by_name(ANY), summary=by_name(ANY), metrics=by_name(ANY), metric_stats=by_name(ref("Statistics")),
        system=by_name(ref("Statistics")), verdict=_VERDICT, verdicts=some(ref("Verdict")),
        grade=record({"letter": TEXT, "means": TEXT, "missing": some(ref("Gap"))}), exit_code=maybe(WHOLE),
        error=maybe(ANY), code=by_name(ANY), environment=by_name(ANY), hardware=by_name(ANY), seeds=by_name(ANY),
        inputs=some(ref("RunFile")), outputs=some(ref("RunFile")), problems=some(ANY),
        config_conflicts=by_name(some(ANY)),
    ),
}  # fmt: skip
