"""Searching registered models and their versions: filters, orders, pages."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_registry import MODELS, VERSIONS, alias, move, registered, version
from protocols.conformance.steps import *

NAMES = "registered_models.name"
NUMBERS = "model_versions.version"


def models(text: str | None = None, **more: Any) -> Step:
    query = {} if text is None else {"filter": text}
    return get(MODELS + "search", query | more, only=NAMES)


def versions(text: str | None = None, **more: Any) -> Step:
    query = {} if text is None else {"filter": text}
    return get(VERSIONS + "search", query | more, only=NUMBERS)


def _some_models(word: str) -> list[Step]:
    """Four models, whose names start with a word of the scenario's own."""
    return [
        registered(f"{word} b", tags=[{"key": "env", "value": "prod"}, {"key": "my tag", "value": "x"}]),
        registered(f"{word} a", tags=[{"key": "env", "value": "dev"}]),
        registered(f"{word} C", description="big"),
        registered(f"{word} 'd"),
    ]


def _some_versions(word: str) -> list[Step]:
    return [
        experiment(f"search: {word}"),
        run(),
        registered(word),
        version(word, "s3://bucket/a", tags=[{"key": "env", "value": "prod"}, {"key": "my tag", "value": "x"}]),
        version(word, "s3://bucket/B", tags=[{"key": "env", "value": "dev"}]),
        version(word, "runs:/{run}/model", run_id="{run}"),
        alias(word, "best", "2"),
        move(word, "1", "Production"),
    ]


_MODEL_FILTERS = [
    "name = '{w} a'", 'name = "{w} a"', "name != '{w} a' AND name LIKE '{w}%'", "name LIKE '{w}%'", "name LIKE '{w} _'",
    "name ILIKE '{W} C'", "name LIKE '{w} c'", "name ILIKE '{w} c'", "name IN ('{w} a', '{w} b', 'x')",
    "name NOT IN ('{w} a') AND name LIKE '{w}%'", "name IN ()", "name IN ('a', 5)", "attribute.name = '{w} a'",
    "attributes.name = 'x'",
    "tags.env = 'prod' AND name LIKE '{w}%'", "tag.env = 'prod' AND name LIKE '{w}%'",
    "tags.env != 'prod' AND name LIKE '{w}%'", "tags.env LIKE 'p%' AND name LIKE '{w}%'",
    "tags.env ILIKE 'P%' AND name LIKE '{w}%'", "tags.`my tag` = 'x' AND name LIKE '{w}%'",
    "tags.\"my tag\" = 'x' AND name LIKE '{w}%'", "tags.env = 'prod' AND tags.`my tag` = 'x' AND name LIKE '{w}%'",
    "tags.env = 'prod' AND tags.env = 'dev' AND name LIKE '{w}%'", "tags.nobody = 'x'", "tags.env IN ('prod')",
    "tags.env > 'a'", "name LIKE '{w}%' and name like '%a'", "name LIKE '{w}%' AND", "name",
    "name =",
    "name = {w}", "name = 5", "name > 'a'", "colour = 'x'", "param.x = 'y'", "name = 'a' OR name = 'b'",
    "(name = '{w} a')", "name LIKE '{w}%' AND (name = '{w} a')", "NOT name = 'a'", "name == '{w} a'", "'{w} a' = name",
    "name = '{w} ''d'", "name = \"{w} 'd\"", "name='{w} a';", "name = 'a'; name = 'b'", "   ", "name RLIKE '{w}.*'",
    "name NOT LIKE '{w}%'", "description = 'big'", "version_number = 1", "run_id = 'x'", "creation_timestamp > 0",
    "NAME = '{w} a'", "`name` = '{w} a'", "name = `{w} a`", "name = ''", "name LIKE ''",
]  # fmt: skip
_VERSION_FILTERS = [
    "name = '{w}'", "name LIKE '{w}'", "name ILIKE '{W}'", "name != 'x' AND name = '{w}'", "name IN ('{w}')",
    "run_id = '{run}'", "run_id IN ('{run}', 'x')", "run_id IN ()", "run_id = '' AND name = '{w}'",
    "run_id != '{run}' AND name = '{w}'", "run_id LIKE '%' AND name = '{w}'",
    "source_path = 's3://bucket/a' AND name = '{w}'",
    "source_path LIKE '%bucket%' AND name = '{w}'", "source_path ILIKE '%BUCKET/b' AND name = '{w}'",
    "source_path IN ('x')", "version_number = 2 AND name = '{w}'", "version_number > 1 AND name = '{w}'",
    "version_number >= 2 AND name = '{w}'", "version_number != 2 AND name = '{w}'",
    "version_number <= 1 AND name = '{w}'",
    "version_number = '2' AND name = '{w}'", "version_number = 1.5 AND name = '{w}'", "version_number = 'x'",
    "version_number LIKE '1'", "version_number IN (1, 2)", "tags.env = 'prod' AND name = '{w}'",
    "tag.env != 'prod' AND name = '{w}'", "tags.env LIKE 'd%' AND name = '{w}'", "tags.`my tag` = 'x' AND name = '{w}'",
    "tags.env = 'prod' AND tags.`my tag` = 'x' AND name = '{w}'", "tags.env IN ('prod')",
    "aliases = 'best'", "current_stage = 'Production'", "name = 5", "run_id = 5",
    "name > 'a'",
    "colour = 'x'", "name = '{w}' OR run_id = 'x'", "(name = '{w}')", "name", "   ", "attribute.name = '{w}'",
    "attributes.version_number = 1", "attribute.version_number = 1 AND name = '{w}'", "name NOT LIKE '{w}'",
    "creation_timestamp > 0", "name = '{w}' AND version_number = -1", "param.x = 'y'",
]  # fmt: skip
_EMPTY_PAGE = rejects(rule="a page has one item at least")
_MODEL_ORDERS: list[Any] = [
    "name", "name ASC", "name DESC", "name desc", "timestamp", "timestamp DESC", "last_updated_timestamp",
    "last_updated_timestamp DESC", "creation_timestamp", "tags.env", "colour", "name UP", "name ASC x", "", " ",
    "`name`", "`name` DESC", "'name'", "attribute.name", ["timestamp DESC", "name"], ]  # fmt: skip
_VERSION_ORDERS: list[Any] = [
    "name", "name DESC", "version_number", "version_number ASC", "version_number DESC", "creation_timestamp",
    "creation_timestamp DESC", "last_updated_timestamp", "last_updated_timestamp DESC", "timestamp", "run_id",
    "source_path", "tags.env", "colour", "version_number UP", "attribute.version_number", "attributes.name", "",
    ["name", "version_number"], "param.x",
]  # fmt: skip


def _filled(text: str, word: str) -> str:
    return text.replace("{w}", word).replace("{W}", word.upper())


REGISTRY_SEARCH: list[Scenario] = [
    scenario(
        "registered-models/search: filters",
        _some_models("sought"),
        [models(_filled(text, "sought")) for text in _MODEL_FILTERS],
        [instead(models(text), BAD_CLAUSE) for text in ("tags.env IS NULL", "name IS NULL")],
    ),
    scenario(
        "registered-models/search: order",
        _some_models("ordered"),
        post(MODELS + "set-tag", {"name": "ordered b", "key": "a", "value": "1"}, wait_s=0.02),
        patch(MODELS + "update", {"name": "ordered a", "description": "later"}, wait_s=0.02),
        [models("name LIKE 'ordered%'", order_by=order) for order in _MODEL_ORDERS],
        [
            instead(models("name LIKE 'ordered%'", order_by=order), rejects())
            for order in (["name", "name DESC"], ["timestamp", "last_updated_timestamp"])
        ],
    ),
    scenario(
        "registered-models/search: whole models",
        registered("whole", description="d", tags=[{"key": "a", "value": "1"}]),
        version("whole"),
        version("whole"),
        alias("whole", "best", "1"),
        get(MODELS + "search", {"filter": "name = 'whole'"}),
        post(MODELS + "search", {"filter": "name = 'whole'"}, deliberate=Ours(NO_ROUTE, 405)),
    ),
    scenario(
        "registered-models/search: pages",
        _some_models("paged"),
        get(
            MODELS + "search",
            {"filter": "name LIKE 'paged%'", "max_results": "3"},
            save={"t": "next_page_token"},
            only=NAMES,
        ),
        models("name LIKE 'paged%'", max_results="3", page_token="{t}"),
        models("name LIKE 'paged%'", max_results="4"),
        instead(models("name LIKE 'paged%'", page_token="nonsense"), BAD_TOKEN),
        models("name LIKE 'paged%'", page_token=""),
        [models("name LIKE 'paged%'", max_results=most) for most in ("1000", "1001", "x", "", "1.5", "9" * 20)],
        [instead(models("name LIKE 'paged%'", max_results=most), _EMPTY_PAGE) for most in ("0", "-1")],
    ),
    scenario(
        "model-versions/search: filters",
        _some_versions("found"),
        [versions(_filled(text, "found")) for text in _VERSION_FILTERS],
        # Its parser takes these for words of SQL.
        [instead(versions(text), BROKEN) for text in ("alias = 'best'", "version = 1", "source = 's3://bucket/a'")],
        instead(versions("tags.env IS NOT NULL"), BAD_CLAUSE),
    ),
    scenario(
        "model-versions/search: order",
        _some_versions("sorted"),
        patch(VERSIONS + "update", {"name": "sorted", "version": "2", "description": "later"}, wait_s=0.02),
        [versions("name = 'sorted'", order_by=order) for order in _VERSION_ORDERS],
        versions("name = 'sorted'"),
        instead(versions("name = 'sorted'", order_by=["name", "name"]), rejects()),
    ),
    scenario(
        "model-versions/search: whole versions and pages",
        _some_versions("leafed"),
        get(VERSIONS + "search", {"filter": "name = 'leafed'"}),
        get(
            VERSIONS + "search",
            {"filter": "name = 'leafed'", "max_results": "2"},
            save={"t": "next_page_token"},
            only=NUMBERS,
        ),
        versions("name = 'leafed'", max_results="2", page_token="{t}"),
        versions("name = 'leafed'", max_results="3"),
        instead(versions("name = 'leafed'", page_token="nonsense"), BAD_TOKEN),
        [versions("name = 'leafed'", max_results=most) for most in ("200000", "200001", "0", "-1", "x", "")],
        delete(VERSIONS + "delete", {"name": "leafed", "version": "2"}),
        versions("name = 'leafed'"),
        post(MODELS + "rename", {"name": "leafed", "new_name": "leafed anew"}),
        versions("name = 'leafed'"),
        versions("name = 'leafed anew'"),
    ),
]
