"""Experiments: create, get, search, rename, delete, restore, tags; and what every route does with a bad request."""

from __future__ import annotations

from typing import Any

from protocols.conformance.steps import *

NO_EXPERIMENT = "999999999"
_TAKEN = Ours(NOT_OURS, 400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=dup) already exists.")
_HTML = Ours(NO_ROUTE, 404, "ENDPOINT_NOT_FOUND")


def _raw(data: bytes, kind: str | None = "application/json", **more: Any) -> Step:
    headers = {"Content-Type": kind} if kind else {}
    return Step("POST", "/api/2.0/mlflow/experiments/create", body=data, headers=headers, **more)


def _find(prefix: str, view: Any = None, **more: Any) -> Step:
    body: dict[str, Any] = {"filter": f"name LIKE '{prefix}%'", "max_results": 100, **more}
    return post("experiments/search", body | ({} if view is None else {"view_type": view}))


_SEARCHED = [
    step
    for word in ("alpha", "beta", "Gamma")
    for step in (
        Step(
            "POST",
            "/api/2.0/mlflow/experiments/create",
            body={"name": f"s/{word}", "tags": [{"key": "kind", "value": word}, {"key": "my key", "value": "1"}]},
            save={word: "experiment_id"},
            wait_s=0.02,
        ),
    )
]
_ONLY_S = "name LIKE 's/%' AND "
_FILTERS = [
    _ONLY_S + clause
    for clause in (
        "name = 's/alpha'", "name != 's/alpha'", "name LIKE '%a'", "name ILIKE '%GAMMA'", "name LIKE '%GAMMA'",
        "attribute.name = 's/beta'", "attributes.name = 's/beta'", "attr.name = 's/beta'", 'name = "s/beta"',
        "`name` = 's/beta'", "tags.kind = 'alpha'", "tag.kind = 'alpha'", "tags.kind != 'alpha'",
        "tags.kind LIKE '%a'", "tags.kind ILIKE 'GAM%'", "tags.`my key` = '1'", 'tags."my key" = \'1\'',
        "tags.kind IS NULL", "tags.kind IS NOT NULL", "tags.none IS NULL", "tags.none IS NOT NULL",
        "tags.kind = 'alpha' and tags.`my key` = '1'", "creation_time > 0", "creation_time < 5",
        "last_update_time >= 1000", "creation_time = 1", "creation_time != 1",
        "name = 's/alpha' OR name = 's/beta'", "(name = 's/alpha')", "NOT name = 's/alpha'", "name IN ('s/alpha')",
        "name = s", "name = 5", "name > 'a'", "name", "name =", "= 'a'", "colour = 'a'", "attribute.colour = 'a'",
        "metrics.x > 1", "params.x = '1'", "creation_time LIKE '1'", "creation_time > '1'", "creation_time = 'a'",
        "tags.kind > 'a'", "tags.kind = 3", "tags. = 'a'", "name = 's/alpha' AND", "name = 's/alpha",
        "experiment_id = '1'", "lifecycle_stage = 'active'",
    )
]  # fmt: skip
_ORDERS = [
    ["name"], ["name ASC"], ["name DESC"], ["name asc"], ["attribute.name DESC"], ["creation_time"],
    ["creation_time DESC"], ["last_update_time DESC", "name"], ["experiment_id"], ["experiment_id DESC"], [],
    ["tags.kind"], ["colour"], ["name SIDEWAYS"], ["name ASC DESC"], [""], ["`name` DESC"], ["lifecycle_stage"],
    ["Name"],
]  # fmt: skip

_BROKEN = ("name =", "= 'a'", "name = 's/alpha", "(name = 's/alpha')", "NOT name = 's/alpha'")


def _searches() -> list[Step]:
    return [
        post(
            "experiments/search",
            {"filter": text, "max_results": 100, "order_by": ["name"]},
            deliberate=BROKEN if text.removeprefix(_ONLY_S) in _BROKEN else None,
        )
        for text in _FILTERS
    ]


EXPERIMENTS: list[Scenario] = [
    scenario(
        "experiment: create and get",
        experiment("plain"),
        get("experiments/get", {"experiment_id": "{exp}"}),
        get("experiments/get-by-name", {"experiment_name": "plain"}),
        get("/ajax-api/2.0/mlflow/experiments/get", {"experiment_id": "{exp}"}),
        post("experiments/create", {"name": "plain 2"}, save={"next": "experiment_id"}),
    ),
    scenario(
        "experiment: the default one",
        get("experiments/get", {"experiment_id": "0"}),
        get("experiments/get-by-name", {"experiment_name": "Default"}),
        get("experiments/get-by-name", {"experiment_name": "default"}),
        post(
            "experiments/create",
            {"name": "Default"},
            deliberate=Ours(NOT_OURS, 400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=Default) already exists."),
        ),
        run(exp="none", experiment_id="0"),
    ),
    scenario(
        "experiment: tags and location at creation",
        experiment("tagged", tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]),
        get("experiments/get", {"experiment_id": "{exp}"}),
        post(
            "experiments/create",
            {"name": "same tag twice", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
            deliberate=Ours("the last one counts, as in runs/log-batch", 200),
        ),
        post("experiments/create", {"name": "tag without value", "tags": [{"key": "a"}]}, save={"e": "experiment_id"}),
        get("experiments/get", {"experiment_id": "{e}"}),
        post("experiments/create", {"name": "tag without key", "tags": [{"value": "a"}]}),
        post("experiments/create", {"name": "tag of a number", "tags": [{"key": "a", "value": 5}]}),
        post("experiments/create", {"name": "tags no list", "tags": "a"}),
        post("experiments/create", {"name": "bad tag key", "tags": [{"key": "a*b", "value": "1"}]}),
        post("experiments/create", {"name": "long tag key", "tags": [{"key": "k" * 251, "value": "1"}]}),
        post("experiments/create", {"name": "long tag value", "tags": [{"key": "k", "value": "v" * 20001}]}),
        experiment("far", "far", artifact_location="s3://bucket/folder"),
        get("experiments/get", {"experiment_id": "{far}"}),
        run("remote", "far"),
        experiment("far slash", "slash", artifact_location="s3://bucket/folder/"),
        get("experiments/get", {"experiment_id": "{slash}"}),
        post("experiments/create", {"name": "fragment", "artifact_location": "s3://bucket/a#frag"}),
        post("experiments/create", {"name": "query", "artifact_location": "s3://bucket/a?q=1"}),
        post("experiments/create", {"name": "dots", "artifact_location": "s3://bucket/../../etc"}),
        post(
            "experiments/create",
            {"name": "proxied dots", "artifact_location": "mlflow-artifacts:/../../etc"},
            deliberate=rejects(rule="a place of our own that leads out of it is refused"),
        ),
        post("experiments/create", {"name": "empty place", "artifact_location": ""}, save={"e2": "experiment_id"}),
        get("experiments/get", {"experiment_id": "{e2}"}),
    ),
    scenario(
        "experiment: names",
        post("experiments/create", {"name": ""}),
        post("experiments/create", {"name": " "}),
        post("experiments/create", {"name": "n" * 500}, save={"long": "experiment_id"}),
        post("experiments/create", {"name": "n" * 501}),
        post("experiments/create", {"name": "ümläut / 数据 🌦"}, save={"unicode": "experiment_id"}),
        get("experiments/get", {"experiment_id": "{unicode}"}),
        get("experiments/get-by-name", {"experiment_name": "ümläut / 数据 🌦"}),
        post("experiments/create", {"name": 5}),
        post("experiments/create", {"name": None}),
        post("experiments/create", {"name": ["a"]}),
        post("experiments/create", {"name": True}),
        post("experiments/create", {"name": "unknown field", "colour": "red"}),
        get("experiments/get-by-name", {"experiment_name": "unknown field"}),
    ),
    scenario(
        "experiment: a name that is taken",
        experiment("dup"),
        post("experiments/create", {"name": "dup"}, deliberate=_TAKEN),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        post("experiments/create", {"name": "dup"}, deliberate=_TAKEN),
        get("experiments/get-by-name", {"experiment_name": "dup"}),
        experiment("dup other", "other"),
        post(
            "experiments/update",
            {"experiment_id": "{other}", "new_name": "dup"},
            deliberate=rejects("RESOURCE_ALREADY_EXISTS"),
        ),
        experiment("DUP", "upper"),
        post("experiments/update", {"experiment_id": "{other}", "new_name": "dup other"}),
    ),
    scenario(
        "experiment: rename",
        experiment("before"),
        post("experiments/update", {"experiment_id": "{exp}", "new_name": "after"}),
        get("experiments/get", {"experiment_id": "{exp}"}),
        get("experiments/get-by-name", {"experiment_name": "before"}),
        post("experiments/update", {"experiment_id": "{exp}"}),
        post("experiments/update", {"experiment_id": "{exp}", "new_name": ""}),
        post("experiments/update", {"experiment_id": "{exp}", "new_name": 5}),
        post("experiments/update", {"new_name": "x"}),
        post("experiments/update", {"experiment_id": NO_EXPERIMENT, "new_name": "x"}),
        post("experiments/update", {"experiment_id": "{exp}", "new_name": "n" * 501}),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        post(
            "experiments/update",
            {"experiment_id": "{exp}", "new_name": "later"},
            deliberate=rejects("INVALID_STATE", message="Cannot rename a non-active experiment."),
        ),
    ),
    scenario(
        "experiment: delete and restore",
        experiment("mortal"),
        run(),
        post("experiments/restore", {"experiment_id": "{exp}"}),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        get("experiments/get", {"experiment_id": "{exp}"}),
        get("experiments/get-by-name", {"experiment_name": "mortal"}),
        get("runs/get", {"run_id": "{run}"}),
        run("late"),
        post("runs/set-tag", {"run_id": "{run}", "key": "a", "value": "b"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "a", "value": "b"}),
        post("runs/search", {"experiment_ids": ["{exp}"]}),
        post("runs/search", {"experiment_ids": ["{exp}"], "run_view_type": "DELETED_ONLY"}),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        post("experiments/restore", {"experiment_id": "{exp}"}),
        get("experiments/get", {"experiment_id": "{exp}"}),
        get("runs/get", {"run_id": "{run}"}),
        post("experiments/restore", {"experiment_id": "{exp}"}),
        post("experiments/delete", {}),
        post("experiments/restore", {}),
        post("experiments/delete", {"experiment_id": NO_EXPERIMENT}),
        post("experiments/restore", {"experiment_id": NO_EXPERIMENT}),
        post("experiments/delete", {"experiment_id": "abc"}),
    ),
    scenario(
        "experiment: a run that was deleted before its experiment comes back with it",
        experiment("both"),
        run("one"),
        run("two"),
        post("runs/delete", {"run_id": "{one}"}),
        post("experiments/delete", {"experiment_id": "{exp}"}),
        post("experiments/restore", {"experiment_id": "{exp}"}),
        get("runs/get", {"run_id": "{one}"}),
        get("runs/get", {"run_id": "{two}"}),
    ),
    scenario(
        "experiment: ids that are none",
        get("experiments/get"),
        get("experiments/get", {"experiment_id": ""}),
        get("experiments/get", {"experiment_id": NO_EXPERIMENT}),
        get("experiments/get", {"experiment_id": "abc"}),
        get("experiments/get", {"experiment_id": "-1"}),
        get("experiments/get", {"experiment_id": "1.5"}),
        get("experiments/get", {"experiment_id": "99999999999999999999999"}, deliberate=rejects(code=None)),
        get("experiments/get", {"experiment_id": "../0"}),
        get("experiments/get", {"experiment_id": ["0", "1"]}),
        get("experiments/get-by-name"),
        get("experiments/get-by-name", {"experiment_name": ""}),
        get("experiments/get-by-name", {"experiment_name": "no such thing"}),
        get("experiments/get-by-name", {"name": "Default"}),
    ),
    scenario(
        "experiment: set and delete tags",
        experiment("tags"),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "a", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "a", "value": "2"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "mlflow.note.content", "value": "hi"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "empty", "value": ""}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "none"}),
        get("experiments/get", {"experiment_id": "{exp}"}),
        post("experiments/delete-experiment-tag", {"experiment_id": "{exp}", "key": "a"}),
        get("experiments/get", {"experiment_id": "{exp}"}),
        post("experiments/delete-experiment-tag", {"experiment_id": "{exp}", "key": "a"}),
        post("experiments/delete-experiment-tag", {"experiment_id": "{exp}"}),
        post("experiments/delete-experiment-tag", {"key": "a"}),
        post("experiments/delete-experiment-tag", {"experiment_id": NO_EXPERIMENT, "key": "a"}),
        post("experiments/set-experiment-tag", {"key": "a", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": 5, "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k", "value": 1}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "a/../b", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "a#b", "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k" * 250, "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k" * 251, "value": "1"}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k", "value": "v" * 20000}),
        post("experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k", "value": "v" * 20001}),
        post("experiments/set-experiment-tag", {"experiment_id": NO_EXPERIMENT, "key": "a", "value": "1"}),
    ),
    scenario("experiments/search: filters", *_SEARCHED, *_searches()),
    scenario(
        "experiments/search: order",
        *[
            Step("POST", "/api/2.0/mlflow/experiments/create", body={"name": f"o/{word}"}, wait_s=0.02)
            for word in ("b", "c", "A", "a")
        ],
        [_find("o/", order_by=order) for order in _ORDERS],
        _find("o/", order_by="name"),
        refused(_find("o/", order_by=[5])),
        _find("o/"),
    ),
    scenario(
        "experiments/search: views",
        experiment("v/live", "live"),
        experiment("v/dead", "dead"),
        post("experiments/delete", {"experiment_id": "{dead}"}),
        [_find("v/", view, order_by=["name"]) for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", None, 1, 2, 3)],
        [_find("v/", view) for view in ("active_only", "SOME", 0, 9, "2", "")],
        get("experiments/search", {"filter": "name LIKE 'v/%'", "max_results": "10"}),
        get(
            "experiments/search",
            {"filter": "name LIKE 'v/%'", "max_results": "10", "view_type": "ALL", "order_by": ["name DESC"]},
        ),
        get(AJAX + "experiments/search", {"filter": "name LIKE 'v/%'", "max_results": "10"}),
    ),
    scenario(
        "experiments/search: pages",
        *[experiment(f"p/{word}", word) for word in "abcde"],
        post(
            "experiments/search",
            {"filter": "name LIKE 'p/%'", "max_results": 2, "order_by": ["name"]},
            save={"t1": "next_page_token"},
        ),
        post(
            "experiments/search",
            {"filter": "name LIKE 'p/%'", "max_results": 2, "order_by": ["name"], "page_token": "{t1}"},
            save={"t2": "next_page_token"},
        ),
        post(
            "experiments/search",
            {"filter": "name LIKE 'p/%'", "max_results": 2, "order_by": ["name"], "page_token": "{t2}"},
        ),
        _find("p/", order_by=["name"], max_results=5),
        post(
            "experiments/search",
            {"filter": "name LIKE 'p/%'", "max_results": 1, "page_token": "nonsense"},
            deliberate=BAD_TOKEN,
        ),
        _find("p/", max_results=1, page_token=""),
        _find("p/", max_results=1, page_token=5),
        _find("p/", max_results=0),
        _find("p/", max_results=-1),
        _find("p/", max_results=50000, order_by=["name"]),
        _find("p/", max_results=50001),
        _find("p/", max_results="3", order_by=["name"]),
        _find("p/", max_results="many"),
        _find("p/", max_results=1.5),
        post("experiments/search", {"filter": "name LIKE 'p/%'", "order_by": ["name"]}),
        post("experiments/search", {}),
        _find("nothing at all/"),
    ),
    scenario(
        "bodies: not what was hoped for",
        _raw(b""),
        _raw(b"", None),
        _raw(b'{"name": "no type"}', None),
        _raw(b'{"name": "text"}', "text/plain"),
        _raw(b"name=form", "application/x-www-form-urlencoded"),
        _raw(b'{"name": "with charset"}', "application/json; charset=utf-8"),
        _raw(b'{"name": "upper type"}', "Application/JSON", deliberate=Ours("types have no case", 200)),
        _raw(b'{"name": '),
        _raw(b"null"),
        _raw(b"[]", deliberate=rejects(code=None)),
        _raw(b'["a"]', deliberate=rejects(code=None)),
        _raw(b"5", deliberate=rejects(code=None)),
        _raw(b'"text"', deliberate=rejects(code=None)),
        _raw(b'"{\\"name\\": \\"twice encoded\\"}"'),
        _raw(b'{"name": "same key", "name": "same key 2"}'),
        _raw('{"name": "latin \xe9"}'.encode("latin-1")),
        _raw(b"\xef\xbb\xbf" + b'{"name": "bom"}'),
        _raw(b'{"artifactLocation": "s3://b/c", "name": "camel case"}', save={"camel": "experiment_id"}),
        get("experiments/get", {"experiment_id": "{camel}"}),
        _raw(b'{"artifactLocation": "s3://b/c", "artifact_location": "s3://b/d", "name": "both"}'),
        get("experiments/get", {"experimentId": "0"}),
    ),
    scenario(
        "routes: none of that name",
        get("nothing", deliberate=_HTML),
        get("experiments", deliberate=_HTML),
        get("experiments/get/", {"experiment_id": "0"}, deliberate=_HTML),
        get("/api/2.0/nothing/experiments/get", deliberate=Ours(NO_ROUTE, 404)),
        get("/api/1.0/mlflow/experiments/get", deliberate=_HTML),
        get("experiments/create", deliberate=Ours(NO_ROUTE, 405)),
        put("experiments/create", b"{}", deliberate=Ours(NO_ROUTE, 405)),
        post("experiments/get", {"experiment_id": "0"}, deliberate=Ours(NO_ROUTE, 405)),
        delete("experiments/delete", deliberate=Ours(NO_ROUTE, 405)),
        patch("experiments/update", deliberate=Ours(NO_ROUTE, 405)),
        Step(
            "HEAD",
            "/api/2.0/mlflow/experiments/get",
            {"experiment_id": "0"},
            deliberate=Ours("HEAD is GET without its body", 200),
        ),
    ),
    scenario(
        "server: who it is",
        get("/health"),
        get("/version", deliberate=Ours("plain text is no page", 200)),
        get(
            "/api/3.0/mlflow/server-info",
            deliberate=Ours("our own features", 200),
        ),
        get("/ajax-api/3.0/mlflow/server-info", deliberate=Ours("our own features", 200)),
        get("experiments/get", {"experiment_id": "0"}, headers={"Host": "evil.example"}, deliberate=Ours("DNS", 403)),
        post(
            "experiments/create",
            {"name": "foreign page"},
            headers={"Origin": "http://evil.example"},
            deliberate=Ours("requests of foreign pages change nothing", 403),
        ),
        get("experiments/get-by-name", {"experiment_name": "foreign page"}),
        post(
            "experiments/create",
            {"name": "own page"},
            headers={"Origin": "http://localhost:3000"},
            deliberate=Ours("pages of another port are foreign, too, unless allowed", 403),
        ),
    ),
]
