"""Evaluation datasets: create, get, search, tags, experiments, records that are merged by their inputs, delete."""

from __future__ import annotations

import json
from typing import Any

from protocols.conformance.steps import *

DATASETS_ROUTE = V3 + "datasets/"
_APART_S = 0.01  # so that what is ordered by milliseconds has an order
_NOT_JSON = "a text that must hold JSON, and does not"
_NO_DATASET = "records of a dataset that is not there would belong to nothing"
_ORPHANS = rejects("RESOURCE_DOES_NOT_EXIST", 404, rule=_NO_DATASET)


def _create(name: Any, save: str = "set", tags: Any = None, **more: Any) -> Step:
    body = {"name": name, **({} if tags is None else {"tags": json.dumps(tags)}), **more}
    return post(DATASETS_ROUTE + "create", body, save={save: "dataset.dataset_id"}, wait_s=_APART_S)


def _of(save: str = "set", rest: str = "") -> str:
    return f"{DATASETS_ROUTE}{{{save}}}{rest}"


def _search(**body: Any) -> Step:
    return post(DATASETS_ROUTE + "search", {"experiment_ids": ["{exp}"], **body}, only="datasets.name")


def _filter(text: str, **body: Any) -> Step:
    return _search(filter_string=text, **body)


def _order(*order_by: str, **body: Any) -> Step:
    return _search(order_by=list(order_by), **body)


def _merge(*records: Any, save: str = "set") -> Step:
    return post(_of(save, "/records"), {"records": json.dumps(records)}, wait_s=_APART_S)


def _records(save: str = "set", **query: str) -> Step:
    return get(_of(save, "/records"), query)


def _remove(*ids: str, save: str = "set") -> Step:
    return delete(_of(save, "/records"), {"dataset_record_ids": list(ids)})


def _record(question: Any, **more: Any) -> dict[str, Any]:
    return {"inputs": {"question": question}, **more}


_HUMAN = {"source_type": "HUMAN", "source_data": {}}
_TRACE = {"source_type": "trace", "source_data": {"trace_id": "tr-1", "span": 3}}
_MANY_TYPES = {
    "inputs": {"text": "x", "none": None, "yes": True, "whole": 3, "part": 1.5, "list": [1], "dict": {"a": {"b": 1}}},
    "outputs": {"answer": 1},
    "expectations": {"exact": "y", "score": 0.5},
}  # fmt: skip


_ALONE = [
    scenario(
        "datasets: create, get, delete",
        experiment("datasets"),
        _create("plain", experiment_ids=["{exp}"]),
        get(_of()),
        get("/ajax-api/3.0/mlflow/datasets/{set}"),
        _create("tagged", "tagged", {"mlflow.user": "ann", "team": "vision"}, experiment_ids=["{exp}"]),
        get(_of("tagged")),
        _create("plain", "again"),
        get(_of("again", "/experiment-ids")),
        _search(),
        delete(_of()),
        get(_of()),
        delete(_of()),
        _search(),
        delete(DATASETS_ROUTE + "d-none"),
        get(DATASETS_ROUTE + "d-none"),
    ),
    scenario(
        "datasets: what are none",
        [_create(name) for name in ("", None, 5)],
        _create("numbers", tags={"one": 1, "text": "1.0"}),
        get(_of()),
        _create("names no experiment", experiment_ids=["999999998"]),
        get(_of(rest="/experiment-ids")),
        _create("no list", experiment_ids="0"),
        [
            instead(post(DATASETS_ROUTE + "create", {"name": "broken tags", "tags": text}), rejects(rule=_NOT_JSON))
            for text in ("x", "[1]", '"x"')
        ],
        post(DATASETS_ROUTE + "create", {"name": "wrong tags", "tags": {"a": "b"}}),
        post(DATASETS_ROUTE + "create", {"name": "null tags", "tags": "null"}, save={"null": "dataset.dataset_id"}),
        get(_of("null")),
    ),
    scenario(
        "datasets: tags",
        _create("tags", tags={"a": "1", "b": "2"}),
        patch(_of(rest="/tags"), {"tags": json.dumps({"b": "3", "c": "4", "number": 5, "none": None})}),
        get(_of()),
        patch(_of(rest="/tags"), {"tags": json.dumps({"a": None})}),
        delete(_of(rest="/tags/b")),
        delete(_of(rest="/tags/b")),
        delete(_of(rest="/tags/nobody")),
        get(_of()),
        patch(_of(rest="/tags")),
        patch(_of(rest="/tags"), {"tags": ""}),
        patch(_of(rest="/tags"), {"tags": 5}),
        [
            instead(patch(_of(rest="/tags"), {"tags": text}), rejects(rule=_NOT_JSON))
            for text in ("x", "[]", "5", "null")
        ],
        patch(DATASETS_ROUTE + "d-none/tags", {"tags": json.dumps({"a": "b"})}),
        delete(DATASETS_ROUTE + "d-none/tags/a"),
        get(_of()),
    ),
    scenario(
        "datasets: experiments",
        experiment("datasets here"),
        experiment("datasets there", save="other"),
        _create("moves", experiment_ids=["{other}"]),
        get(_of(rest="/experiment-ids")),
        post(_of(rest="/add-experiments"), {"experiment_ids": ["{exp}"]}, wait_s=_APART_S),
        get(_of(rest="/experiment-ids")),
        post(_of(rest="/remove-experiments"), {"experiment_ids": ["{exp}"]}, wait_s=_APART_S),
        get(_of(rest="/experiment-ids")),
        _search(),
        post(_of(rest="/add-experiments"), {"experiment_ids": ["{exp}", "{other}"]}, wait_s=_APART_S),
        get(_of(rest="/experiment-ids")),
        _search(experiment_ids=["{other}", "{exp}"]),
        post(_of(rest="/add-experiments"), {"experiment_ids": ["999999999"]}),
        post(_of(rest="/add-experiments"), {"experiment_ids": ["x"]}),
        post(_of(rest="/add-experiments")),
        post(_of(rest="/remove-experiments"), {"experiment_ids": ["999999999", "{exp}"]}),
        post(_of(rest="/remove-experiments"), {"experiment_ids": ["{exp}"]}),
        post(_of(rest="/add-experiments"), {"experiment_ids": "0"}),
        post(DATASETS_ROUTE + "d-none/add-experiments", {"experiment_ids": ["{exp}"]}),
        post(DATASETS_ROUTE + "d-none/remove-experiments", {"experiment_ids": ["{exp}"]}),
        get(DATASETS_ROUTE + "d-none/experiment-ids"),
        delete(_of()),
        get(_of(rest="/experiment-ids")),
    ),
]

_FOUND = scenario(
    "datasets: search",
    experiment("datasets found"),
    _create("alpha", "alpha", {"team": "vision", "mlflow.user": "ann"}, experiment_ids=["{exp}"]),
    _create("beta", "beta", {"team": "text", "a b": "x"}, experiment_ids=["{exp}"]),
    _create("Gamma", "gamma", {"team": "Text"}, experiment_ids=["{exp}"]),
    _merge(_record("x", tags={"mlflow.user": "bob"}), save="alpha"),
    _search(),
    post(DATASETS_ROUTE + "search", {"experiment_ids": ["{exp}"], "filter_string": "name = 'alpha'"}),
    get(DATASETS_ROUTE + "search", {"experiment_ids": "{exp}", "max_results": "2"}, only="datasets.name"),
    _search(max_results=2),
    post(
        DATASETS_ROUTE + "search",
        {"experiment_ids": ["{exp}"], "max_results": 2},
        save={"token": "next_page_token"},
        only="datasets.name",
    ),
    _search(max_results=2, page_token="{token}"),
    instead(_search(page_token="x"), BAD_TOKEN),
    [_search(max_results=number) for number in (0, -1, 50_000, 50_001, "2", "x")],
    _search(experiment_ids=["999999999"]),
    [
        _filter(text)
        for text in (
            "name = 'beta'", "name != 'beta'", "name LIKE '%a'", "name ILIKE 'g%'",
            "name IN ('alpha', 'beta')", "created_by = 'ann'", "created_by != 'ann'", "last_updated_by = 'bob'",
            "tags.team = 'text'", "tags.team != 'text'", "tags.team LIKE 't%'", "tags.team ILIKE 't%'",
            "tags.team = 'text' AND name = 'beta'", "tags.none = 'x'", "created_time > 0", "created_time < 0",
            "last_update_time >= 0 and created_time != 1", "created_time = 12", "name = \"beta\"", "",
            "tags.team = 'text' AND tags.`a b` = 'y'",
        )
    ],
    instead(_filter("name like 'b%'"), accepts("a sign may be written small")),
    [_order(*order) for order in (
        ["name"], ["name DESC"], ["created_time"], ["created_time ASC"], ["last_update_time DESC"], ["name", "name"],
    )],
)  # fmt: skip

_BAD_SEARCHES = scenario(
    "datasets: search of what can't be",
    experiment("datasets not found"),
    _create("alpha", experiment_ids=["{exp}"]),
    [
        _filter(text)
        for text in (
            "colour = 'x'", "tag.team = 'x'", "attributes.name = 'alpha'", "name > 'x'", "name IN ('a') AND name",
            "name NOT IN ('alpha')", "created_by IN ('ann')", "name = ('alpha')", "name = 5", "name = alpha",
            "created_time = 'x'", "created_time = 1.5", "created_time LIKE 'x'", "tags.team > 'x'", "tags.team = 5",
            "tags.team IN ('x')", "tags.team IS NULL", "name IS NULL", "digest = 'x'", "name = 'alpha' OR name = 'b'",
        )
    ],
    [_order(order) for order in ("colour", "tags.team", "name sideways", "created_by", "name ASC DESC", "")],
)  # fmt: skip

_RECORDS = [
    scenario(
        "datasets: records are merged by their inputs",
        _create("merged"),
        _records(),
        _merge(
            _record("one", expectations={"a": 1, "b": 2}, tags={"mlflow.user": "ann", "t": "1"}, source=_HUMAN),
            _record("two", outputs={"text": "x"}),
            _record("one", expectations={"b": 3}, tags={"t": "2"}),
        ),
        get(_of()),
        _records(),
        _merge(
            _record("one", outputs={"answer": 1}, expectations={"c": None}, source=_TRACE),
            _record("two", outputs=None, tags={"mlflow.user": "bob"}),
            _record("three", source=_TRACE, outputs=[1, 2]),
        ),
        get(_of()),
        _records(),
        _merge(),
        get(_of()),
        _merge({"inputs": {"b": 1, "a": [1, {"d": 1, "c": 2}]}}, {"inputs": {"a": [1, {"c": 2, "d": 1}], "b": 1}}),
        _merge({"inputs": {"b": 1.0, "a": [1, {"c": 2, "d": 1}]}}),
        _records(),
    ),
    scenario(
        "datasets: schema and profile",
        _create("schema"),
        _merge(_MANY_TYPES),
        get(_of()),
        _records(),
        _merge(_record("x", expectations={"exact": 5, "more": []}), _record(5, outputs={"answer": "text"})),
        get(_of()),
        _create("plain outputs", "plain"),
        _merge(_record("x", outputs="text"), _record("y", outputs=5), save="plain"),
        get(_of("plain")),
        _create("empty inputs", "empty"),
        _merge({"inputs": {}}, {"expectations": {"a": "b"}}, save="empty"),
        get(_of("empty")),
        _records("empty"),
        _merge({"inputs": {"far": float("nan"), "ü": "\u00e4\U0001f600"}}, save="empty"),
        _records("empty"),
    ),
    scenario(
        "datasets: records in pages, and taken out",
        _create("pages"),
        [_merge(_record(number)) for number in range(4)],
        get(
            _of(rest="/records"),
            {"max_results": "3"},
            save={"token": "next_page_token", "first": "records.0.dataset_record_id"},
        ),
        _records(max_results="3", page_token="{token}"),
        [_records(max_results=number) for number in ("4", "0")],
        instead(_records(max_results="x"), rejects()),
        instead(_records(page_token="x"), BAD_TOKEN),
        _remove("{first}"),
        get(_of()),
        _remove("{first}"),
        _remove("dr-none"),
        _remove(),
        _records(max_results="2", page_token="{token}"),
        _records(),
        _merge(_record(0)),
        get(_of()),
        _records(),
        delete(_of(rest="/records"), {"dataset_record_ids": "x"}),
        _create("emptied", "emptied"),
        _merge(_record(0), save="emptied"),
        get(_of("emptied", "/records"), save={"only": "records.0.dataset_record_id"}),
        _remove("{only}", save="emptied"),
        get(_of("emptied")),
        _records("emptied"),
        _merge(save="emptied"),
        get(_of("emptied")),
    ),
    scenario(
        "datasets: what are no records",
        _create("no records"),
        post(_of(rest="/records")),
        [post(_of(rest="/records"), {"records": sent}) for sent in ("", 5, [])],
        [
            instead(post(_of(rest="/records"), {"records": text}), rejects(rule=_NOT_JSON))
            for text in ("x", "5", "{}", "[5]", '["x"]', "null", '{"inputs": {}}')
        ],
        [
            instead(_merge(record), rejects())
            for record in (
                {"inputs": 5}, {"inputs": [1]}, {"inputs": None}, _record(1, expectations=5), _record(1, tags=["x"]),
                _record(1, source="x"), _record(1, source={"source_type": "HUMAN", "colour": 1}),
                _record(1, source={"source_type": 5}), _record(1, source={"source_type": "HUMAN", "source_data": 5}),
            )
        ],
        _merge(_record(1, source={"source_type": "nobody"})),
        _merge(_record(2, source={"source_type": "unspecified"})),
        _merge(_record(3, source={"source_type": "document", "source_data": {"source_id": "doc-1"}})),
        _merge(_record(4, source={}), _record(5, source=None), _record(6, expectations={}, tags={})),
        _records(),
        get(_of()),
        instead(_merge(_record(1), save="none"), _ORPHANS),
        instead(_records("none"), _ORPHANS),
        instead(_remove("dr-none", save="none"), _ORPHANS),
    ),
]  # fmt: skip

DATASETS: list[Scenario] = [*_ALONE, _FOUND, _BAD_SEARCHES, *_RECORDS]
