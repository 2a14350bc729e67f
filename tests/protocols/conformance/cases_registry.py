"""The model registry: registered models, their versions, tags, aliases and stages; and where versions come from."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_models import NO_MODEL, model
from protocols.conformance.cases_runs import NO_RUN
from protocols.conformance.steps import *

MODELS = "registered-models/"
VERSIONS = "model-versions/"
_LONG_KEY = "k" * 251
_BAD_VERSIONS = ("99", "0", "-1", "x", "1.0", "1e0", " 1", "01", "")
_TOO_LARGE = "9" * 30
_NOT_THERE = rejects("RESOURCE_DOES_NOT_EXIST", 404)


def registered(name: Any, **more: Any) -> Step:
    """Make a registered model."""
    return post(MODELS + "create", {"name": name, **more})


def version(name: Any, source: Any = "s3://bucket/model", **more: Any) -> Step:
    """Make a version of a registered model."""
    return post(VERSIONS + "create", {"name": name, "source": source, **more})


def taken(name: str) -> Ours:
    """What is said of a name that another model has; MLflow adds its database's words."""
    return Ours(NOT_OURS, 400, "RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")


def get_model(name: str) -> Step:
    return get(MODELS + "get", {"name": name})


def get_version(name: str, number: str = "1") -> Step:
    return get(VERSIONS + "get", {"name": name, "version": number})


def move(name: str, number: Any, stage: Any, **more: Any) -> Step:
    return post(VERSIONS + "transition-stage", {"name": name, "version": number, "stage": stage, **more})


def alias(name: Any, word: Any, number: Any = "1") -> Step:
    return post(MODELS + "alias", {"name": name, "alias": word, "version": number})


def _by_alias(name: str, word: str) -> Step:
    return get(MODELS + "alias", {"name": name, "alias": word})


def _drop_alias(name: Any, word: Any) -> Step:
    return delete(MODELS + "alias", {"name": name, "alias": word})


def _latest(name: str, *stages: Any) -> Step:
    return post(MODELS + "get-latest-versions", {"name": name, **({"stages": list(stages)} if stages else {})})


def _model_tag(name: Any, key: Any, value: Any) -> Step:
    return post(MODELS + "set-tag", {"name": name, "key": key, "value": value})


def _version_tag(name: Any, number: Any, key: Any, value: Any) -> Step:
    return post(VERSIONS + "set-tag", {"name": name, "version": number, "key": key, "value": value})


def _download(name: str, number: str) -> Step:
    return get(VERSIONS + "get-download-uri", {"name": name, "version": number})


_ALIASES: tuple[Any, ...] = (
    "", None, 5, "a b", "a.b", "a/b", "latest", "LATEST", "v1", "V12", "v1a", "naïve", "a" * 255, "a" * 256,
)  # fmt: skip
_WHICH = ("/1", "/2", "@best", "/latest", "/Production", "/99", "@nobody", "/", "/a/b", "/x")
_NAMES: tuple[Any, ...] = (
    "", None, 5, True, ["a"], {}, "a/b", "a:b", " ", " edge ", ".", "..", "a/../b", "naïve 名", "with space", "a%20b",
    "q'uote", 'q"uote', "back\\slash", "a.b-c_d",
)  # fmt: skip
_TAGS: tuple[Any, ...] = (
    "x", [], [{}], [{"key": "only"}], [{"value": "only"}],
    [{"key": "", "value": "v"}], [{"key": "a/b", "value": "v"}], [{"key": "a;b", "value": "v"}],
    [{"key": "/a", "value": "v"}], [{"key": "..", "value": "v"}],
    [{"key": "twice", "value": "1"}, {"key": "twice", "value": "2"}],
    [{"key": _LONG_KEY, "value": "v"}], [{"key": "long", "value": "v" * 100_001}],
)  # fmt: skip
# MLflow takes these for "", or for no tag at all.
_BROKEN_TAGS: tuple[Any, ...] = ([1], [{"key": 5, "value": "v"}], [{"key": "k", "value": 5}])

REGISTRY: list[Scenario] = [
    scenario(
        "registered-models/create: what is kept",
        registered("create"),
        get_model("create"),
        registered("create"),
        registered("create full", description="all", tags=[{"key": "a", "value": "1"}, {"key": "b c", "value": ""}]),
        get_model("create full"),
        registered("create empty", description="", tags=[]),
        registered("create null", description=None, tags=None),
        registered("create more", colour="red"),
        registered("create tall", description="d" * 5001),
        post(AJAX + MODELS + "create", {"name": "create by ajax"}),
    ),
    scenario(
        "registered-models/create: names",
        post(MODELS + "create", {}),
        [registered(name) for name in _NAMES],
        registered("n" * 256),
        registered("n" * 257),
    ),
    scenario(
        "registered-models/create: tags and descriptions",
        [registered(f"tagged {number}", tags=tags) for number, tags in enumerate(_TAGS)],
        [refused(registered(f"mistagged {number}", tags=tags)) for number, tags in enumerate(_BROKEN_TAGS)],
        registered("described 1", description=5),
        registered("described 2", description=["x"]),
    ),
    scenario(
        "registered-models/get",
        registered("get"),
        get(MODELS + "get"),
        get(MODELS + "get", {"name": ""}),
        get_model("get it not"),
        get_model("a/b"),
        get(MODELS + "get", {"name": ["get", "get it not"]}),
        post(MODELS + "get", {"name": "get"}, deliberate=Ours(NO_ROUTE, 405)),
    ),
    scenario(
        "registered-models/rename",
        registered("rename", tags=[{"key": "a", "value": "1"}]),
        version("rename"),
        alias("rename", "best"),
        registered("rename taken"),
        post(MODELS + "rename", {"name": "rename", "new_name": "renamed"}),
        get_model("rename"),
        get_model("renamed"),
        get_version("renamed"),
        get_version("rename"),
        _by_alias("renamed", "best"),
        post(MODELS + "rename", {"name": "renamed", "new_name": "renamed"}),
        instead(post(MODELS + "rename", {"name": "renamed", "new_name": "rename taken"}), taken("rename taken")),
        post(MODELS + "rename", {"name": "rename", "new_name": "rename other"}),
        post(MODELS + "rename", {"name": "renamed"}),
        post(MODELS + "rename", {"new_name": "rename other"}),
        [post(MODELS + "rename", {"name": "renamed", "new_name": name}) for name in ("", " ", "a/b", "a:b", 5, "..")],
        post(MODELS + "rename", {"name": "rename nobody", "new_name": "a/b"}),
    ),
    scenario(
        "registered-models/update",
        registered("update", description="first"),
        patch(MODELS + "update", {"name": "update", "description": "second"}),
        patch(MODELS + "update", {"name": "update", "description": ""}),
        patch(MODELS + "update", {"name": "update"}),
        get_model("update"),
        patch(MODELS + "update", {"name": "update", "description": 5}),
        patch(MODELS + "update", {"name": "update it not", "description": "x"}),
        patch(MODELS + "update", {"description": "x"}),
        patch(MODELS + "update", {}),
    ),
    scenario(
        "registered-models/delete",
        registered("delete", tags=[{"key": "a", "value": "1"}]),
        version("delete"),
        alias("delete", "best"),
        delete(MODELS + "delete", {"name": "delete"}),
        get_model("delete"),
        get_version("delete"),
        delete(MODELS + "delete", {"name": "delete"}),
        registered("delete"),
        version("delete"),
        get_model("delete"),
        delete(MODELS + "delete", {}),
        delete(MODELS + "delete", {"name": 5}),
        delete(MODELS + "delete", {"name": ""}),
        delete(MODELS + "delete"),
    ),
    scenario(
        "registered models: tags",
        registered("model tags"),
        _model_tag("model tags", "a", "1"),
        _model_tag("model tags", "a", "2"),
        _model_tag("model tags", "b/c d", ""),
        post(MODELS + "set-tag", {"name": "model tags", "key": "no value"}),
        get_model("model tags"),
        _model_tag("model tags", "long", "v" * 100_000),
        _model_tag("model tags", "long", "v" * 100_001),
        _model_tag("model tags", _LONG_KEY, "v"),
        [_model_tag("model tags", key, "v") for key in ("", None, 5, "a;b", "..", "/a", "naïve", "a//b")],
        _model_tag("model tags", "n", 5),
        _model_tag("model tags", "n", True),
        _model_tag("model tags it has not", "a", "1"),
        _model_tag("", "a", "1"),
        delete(MODELS + "delete-tag", {"name": "model tags", "key": "a"}),
        delete(MODELS + "delete-tag", {"name": "model tags", "key": "a"}),
        delete(MODELS + "delete-tag", {"name": "model tags"}),
        delete(MODELS + "delete-tag", {"name": "model tags", "key": "a;b"}),
        delete(MODELS + "delete-tag", {"name": "model tags it has not", "key": "a"}),
    ),
    scenario(
        "registered models: aliases",
        registered("aliases"),
        [version("aliases") for _ in range(3)],
        alias("aliases", "best", "1"),
        alias("aliases", "best", "2"),
        alias("aliases", "other", "2"),
        alias("aliases", "A-b_1", 3),
        get_model("aliases"),
        get_version("aliases", "2"),
        _by_alias("aliases", "best"),
        _by_alias("aliases", "latest"),
        _by_alias("aliases", "Latest"),
        _by_alias("aliases", "nobody"),
        _by_alias("aliases it has not", "best"),
        get(MODELS + "alias", {"name": "aliases"}),
        get(MODELS + "alias", {"alias": "best"}),
        [_by_alias("aliases", word) for word in ("a b", "v1", "a" * 256)],
        _drop_alias("aliases", "best"),
        _drop_alias("aliases", "best"),
        _by_alias("aliases", "best"),
        _drop_alias("aliases", ""),
        _drop_alias("aliases", "a b"),
        _drop_alias("aliases", "latest"),
        _drop_alias("aliases it has not", "best"),
        delete(VERSIONS + "delete", {"name": "aliases", "version": "2"}),
        get_model("aliases"),
        _by_alias("aliases", "other"),
    ),
    scenario(
        "registered models: bad aliases",
        registered("bad aliases"),
        version("bad aliases"),
        [alias("bad aliases", word) for word in _ALIASES],
        [alias("bad aliases", "best", number) for number in (*_BAD_VERSIONS, None, 1, 1.5, True)],
        instead(alias("bad aliases", "best", _TOO_LARGE), _NOT_THERE),
        alias("bad aliases it has not", "best"),
        alias("a/b", "best"),
        alias("", "best"),
        get_model("bad aliases"),
    ),
    scenario(
        "model-versions/create: what is kept",
        experiment("versions: what is kept"),
        run(),
        registered("kept"),
        version("kept"),
        version("kept", description="what it is", run_link="http://host/run", tags=[{"key": "a", "value": "1"}]),
        version("kept", "mlflow-artifacts:/{exp}/{run}/artifacts/model", run_id="{run}"),
        version("kept", "runs:/{run}/model", run_id="{run}"),
        version("kept", "s3://bucket/x", run_id="{run}"),
        version("kept", "s3://bucket/x", run_id=NO_RUN),
        version("kept", "s3://bucket/x", run_id="any text"),
        version("kept", "s3://bucket/x", description="", run_id="", run_link="", tags=[]),
        version("kept", "s3://bucket/x", description=None, run_id=None, run_link=None, tags=None, model_id=None),
        version("kept", "s3://bucket/x", colour="red"),
        get_version("kept", "2"),
        get_model("kept"),
        version("kept it not"),
        post(VERSIONS + "create", {"name": "kept"}),
        post(VERSIONS + "create", {"source": "s3://bucket/x"}),
        post(VERSIONS + "create", {}),
    ),
    scenario(
        "model-versions/create: wrong types",
        registered("wrong types"),
        [version("wrong types", source) for source in ("", None, 5, ["x"], {})],
        [version("wrong types", **{name: 5}) for name in ("run_id", "run_link", "description", "model_id", "tags")],
        [version("wrong types", tags=tags) for tags in _TAGS],
        [version(name) for name in ("", None, 5, "a/b", " ")],
        [refused(version("wrong types", tags=tags)) for tags in _BROKEN_TAGS],
    ),
    scenario(
        "model-versions/create: sources",
        experiment("versions: sources"),
        run(),
        run("other"),
        registered("sources"),
        [
            version("sources", source)
            for source in (
                "gs://bucket/x", "dbfs:/x", "wasbs://c@a.net/x", "unknown:/x", "s3://bucket", "s3://bucket/a//b",
                "s3://bucket/a/../b",
                "s3://bucket/a/./b", "s3://bucket/%2e%2e/b", "s3://bucket/a%00", "s3://bucket/a?b=c", "s3://bucket/a#b",
                "S3://Bucket/x", "dummy-source", "relative/path", "./x", "../x", "/absolute/path", "/", "file:///etc",
                "file:/etc", "C:\\x", "s3:bucket/x", "dbfs:x", "mlflow-artifacts:/999999999/x", "runs:/x/y", "runs:/",
                "models:/",
            )
        ],
        [
            version("sources", source, run_id="{run}")
            for source in (
                "mlflow-artifacts:/{exp}/{run}/artifacts", "mlflow-artifacts:/{exp}/{run}/artifacts/a/b",
                "mlflow-artifacts:/{exp}/{run}", "mlflow-artifacts:/{exp}/{other}/artifacts",
                "mlflow-artifacts:/{exp}/{run}/artifactsmore", "mlflow-artifacts:/{exp}/{run}/artifacts/../x",
                "runs:/{run}", "runs:/{run}/", "runs:/{other}/model", "runs://host/{run}/model", "/absolute/path",
                "file:///etc", "models:/" + NO_MODEL,
            )
        ],
        instead(version("sources", "relative", run_id="{run}"), rejects(rule="errors don't tell where a server runs")),
        version("sources", "mlflow-artifacts:/{exp}/{run}/artifacts", run_id=NO_RUN),
        version("sources", "runs:/" + NO_RUN + "/model", run_id=NO_RUN),
        version("sources", "/absolute/path", run_id=NO_RUN),
    ),
    scenario(
        "model-versions/create: sources that name a host",
        registered("hosts"),
        [
            instead(version("hosts", source), accepts("a source is text: no server of ours ever reaches for it"))
            for source in ("hdfs://host/x", "http://host/x", "https://host/a/b", "ftp://host/x", "http://host/x/")
        ],
        [
            instead(version("hosts", source), rejects(rule="a source is text, but none of another's files"))
            for source in (
                "http://host/../x", "mlflow-artifacts://host/x", "http://host/api/2.0/mlflow-artifacts/artifacts/1/x",
            )
        ],
        instead(version("hosts", "file://host/etc"), rejects()),
    ),
    scenario(
        "model-versions/create: from logged models",
        experiment("versions: logged models"),
        run(),
        model(name="logged", source_run_id="{run}"),
        model("second", name="second"),
        registered("from logged"),
        version("from logged", "models:/{model}", model_id="{model}"),
        version("from logged", "models:/{model}", run_id="{run}", model_id="{model}"),
        version("from logged", "mlflow-artifacts:/{exp}/models/{model}/artifacts", model_id="{model}"),
        get("logged-models/{model}"),
        get_version("from logged", "1"),
        _download("from logged", "1"),
        version("from logged", "models:/{model}"),
        version("from logged", "models:/{model}", model_id="{second}"),
        instead(version("from logged", "models:/" + NO_MODEL, model_id=NO_MODEL), _NOT_THERE),
        version("from logged", "s3://bucket/x", model_id="{model}"),
        version("from logged", "s3://bucket/x", model_id=NO_MODEL),
        version("from logged", "runs:/{run}/model", run_id="{run}", model_id="{model}"),
        version("from logged", "mlflow-artifacts:/{exp}/{run}/artifacts", run_id="{run}", model_id="{model}"),
        version("from logged", "/absolute/path", model_id="{model}"),
    ),
    scenario(
        "model-versions/create: from other versions",
        experiment("versions: copies"),
        run(),
        registered("copied"),
        registered("copy"),
        version("copied", "runs:/{run}/model", run_id="{run}"),
        version("copied", "s3://bucket/second"),
        alias("copied", "best", "1"),
        move("copied", "2", "Production"),
        [version("copy", f"models:/copied{which}") for which in _WHICH],
        instead(version("copy", "models:/copied/Staging"), _NOT_THERE),
        version("copy", "models:/copied/1", run_id="{run}"),
        version("copy", "models:/copied/1", run_id="other"),
        version("copy", "models:/copied/1", run_id="", run_link="", description=""),
        version("copy", "models:/copied/2", model_id=NO_MODEL),
        version("copy", "models:/copied it not/1"),
        version("copy", "models://host/copied/1"),
        _download("copy", "1"),
        _download("copy", "2"),
    ),
    scenario(
        "model-versions/get",
        registered("numbers"),
        version("numbers"),
        [get_version("numbers", number) for number in ("1", *_BAD_VERSIONS)],
        instead(get_version("numbers", _TOO_LARGE), _NOT_THERE),
        get(VERSIONS + "get", {"name": "numbers"}),
        get(VERSIONS + "get", {"version": "1"}),
        get_version("numbers it has not"),
        get_version("a/b"),
        get_version("", "1"),
    ),
    scenario(
        "model-versions/update",
        registered("update version"),
        version("update version", description="first"),
        patch(VERSIONS + "update", {"name": "update version", "version": "1", "description": "second"}),
        patch(VERSIONS + "update", {"name": "update version", "version": 1, "description": "third"}),
        patch(VERSIONS + "update", {"name": "update version", "version": "1", "description": ""}),
        patch(VERSIONS + "update", {"name": "update version", "version": "1"}),
        patch(VERSIONS + "update", {"name": "update version", "version": "1", "description": 5}),
        patch(VERSIONS + "update", {"name": "update version", "version": "9", "description": "x"}),
        patch(VERSIONS + "update", {"name": "update version", "version": "x", "description": "x"}),
        patch(VERSIONS + "update", {"name": "update version", "description": "x"}),
        patch(VERSIONS + "update", {"version": "1", "description": "x"}),
        get_model("update version"),
    ),
    scenario(
        "model-versions/delete",
        registered("delete version"),
        version("delete version"),
        version("delete version"),
        delete(VERSIONS + "delete", {"name": "delete version", "version": "2"}),
        delete(VERSIONS + "delete", {"name": "delete version", "version": "2"}),
        get_version("delete version", "2"),
        get_model("delete version"),
        _download("delete version", "2"),
        patch(VERSIONS + "update", {"name": "delete version", "version": "2", "description": "x"}),
        version("delete version"),
        [delete(VERSIONS + "delete", {"name": "delete version", "version": number}) for number in ("x", "", None)],
        delete(VERSIONS + "delete", {"version": "1"}),
        delete(VERSIONS + "delete", {"name": "delete version it not", "version": "1"}),
        delete(VERSIONS + "delete", {"name": "delete version", "version": 1}),
        get_model("delete version"),
    ),
    scenario(
        "model versions: tags",
        registered("version tags"),
        version("version tags"),
        _version_tag("version tags", "1", "a", "1"),
        _version_tag("version tags", "1", "a", "2"),
        _version_tag("version tags", "1", "b/c d", ""),
        post(VERSIONS + "set-tag", {"name": "version tags", "version": "1", "key": "no value"}),
        get_version("version tags"),
        _version_tag("version tags", "1", "long", "v" * 100_001),
        _version_tag("version tags", "1", "mlflow.prompt.text", "v" * 100_001),
        _version_tag("version tags", "1", _LONG_KEY, "v"),
        [_version_tag("version tags", "1", key, "v") for key in ("", None, 5, "a;b", "..", "/a")],
        [_version_tag("version tags", number, "a", "v") for number in ("9", "x", "", None, 1)],
        _version_tag("version tags", "1", "n", 5),
        _version_tag("version tags it has not", "1", "a", "1"),
        post(VERSIONS + "set-tag", {"name": "version tags", "key": "a", "value": "1"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "1", "key": "a"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "1", "key": "a"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "1"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "key": "a"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "9", "key": "a"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "x", "key": "a"}),
        delete(VERSIONS + "delete-tag", {"name": "version tags", "version": "1", "key": "a;b"}),
        get_version("version tags"),
    ),
    scenario(
        "model versions: stages",
        registered("stages"),
        [version("stages") for _ in range(4)],
        move("stages", "1", "Production"),
        move("stages", "2", "production"),
        move("stages", "3", "Production", archive_existing_versions=True),
        _latest("stages"),
        _latest("stages", "Production"),
        _latest("stages", "archived", "None"),
        _latest("stages", "Staging"),
        _latest("stages", "x"),
        _latest("stages", 5),
        _latest("stages", "latest"),
        get_model("stages"),
        get_version("stages", "1"),
        move("stages", "3", "Production", archive_existing_versions=True),
        move("stages", "4", "Staging", archive_existing_versions=False),
        instead(move("stages", "4", "None", archive_existing_versions=True), rejects()),
        instead(move("stages", "4", "Archived", archive_existing_versions=True), rejects()),
        move("stages", "4", "Archived"),
        move("stages", "4", "None"),
        [move("stages", "4", stage) for stage in ("", None, "x", 5, "PRODUCTION")],
        [move("stages", "4", "Staging", archive_existing_versions=value) for value in ("true", "x", 1, 0, None)],
        [move("stages", number, "Staging") for number in ("9", "x", "", None, 4)],
        move("stages it has not", "1", "Staging"),
        move("stages it has not", "1", "x"),
        post(VERSIONS + "transition-stage", {"name": "stages", "version": "1"}),
        get(MODELS + "get-latest-versions", {"name": "stages"}),
        get(MODELS + "get-latest-versions", {"name": "stages", "stages": ["Staging", "Production"]}),
        post(MODELS + "get-latest-versions", {"name": "stages", "stages": "Production"}),
        post(MODELS + "get-latest-versions", {"name": "stages", "stages": []}),
        post(MODELS + "get-latest-versions", {}),
        _latest("stages it has not"),
    ),
    scenario(
        "model-versions/get-download-uri",
        experiment("versions: download"),
        run(),
        registered("download"),
        version("download"),
        version("download", "runs:/{run}/model", run_id="{run}"),
        version("download", "mlflow-artifacts:/{exp}/{run}/artifacts/model", run_id="{run}"),
        [_download("download", number) for number in ("1", "2", "3", "9", "x", "")],
        _download("download it not", "1"),
        _download("", "1"),
        get(VERSIONS + "get-download-uri", {"name": "download"}),
        get(VERSIONS + "get-download-uri", {"version": "1"}),
        get(VERSIONS + "get-download-uri"),
    ),
]  # fmt: skip
