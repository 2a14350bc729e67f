"""MLflow's registry routes: what a server of MLflow's answers to the same calls, and its own client against ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anew.errors import UsageError
from anew.hub import Hub
from anew.models.registry import Origin
from anew.protocols.mlflow import registry
from anew.store.location import Store
from protocols.registry_server import Server, serving

HELP = " See the API docs for more information about request parameters."
PROMPT = "mlflow.prompt.is_prompt"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    hub = Hub(Store(tmp_path / ".anew"))
    with serving(hub) as found:
        yield found
    hub.close()


def test_a_model_in_mlflows_words(server: Server) -> None:
    tags = [{"key": "b", "value": "2"}, {"key": "a", "value": ""}, {"key": "b", "value": "3"}]
    made = server.good("POST", "registered-models/create", {"name": "m", "tags": tags, "description": "d"})
    model = made["registered_model"]
    assert isinstance(model.pop("creation_timestamp"), int) and isinstance(model.pop("last_updated_timestamp"), int)
    tags = [{"key": "a", "value": ""}, {"key": "b", "value": "3"}]
    assert model == {"name": "m", "description": "d", "tags": tags}
    plain = server.good("POST", "registered-models/create", {"name": "n", "description": ""})["registered_model"]
    assert set(plain) == {"name", "creation_timestamp", "last_updated_timestamp"}


def test_a_version_in_mlflows_words(server: Server) -> None:
    server.model("m")
    body = {"name": "m", "source": "s3://b/k", "run_id": "nowhere", "tags": [{"key": "a", "value": "1"}]}
    version = server.good("POST", "model-versions/create", body)["model_version"]
    created, updated = version.pop("creation_timestamp"), version.pop("last_updated_timestamp")
    assert created == updated == round(server.hub.registry.version("m", 1).created * 1000)
    assert version == {
        "name": "m",
        "version": "1",
        "source": "s3://b/k",
        "run_id": "nowhere",
        "run_link": "",
        "description": "",
        "current_stage": "None",
        "status": "READY",
        "tags": [{"key": "a", "value": "1"}],
    }
    # A description that is not sent is none from then on.
    assert (
        "description"
        not in server.good("PATCH", "model-versions/update", {"name": "m", "version": "1"})["model_version"]
    )


def test_both_prefixes(server: Server) -> None:
    server.model("m")
    for prefix in ("api", "ajax-api"):
        assert server.send("GET", "registered-models/get", prefix=prefix, name="m")[0] == 200
    paths = {(route.method, route.path) for route in registry.ROUTES}
    assert len(paths) == 2 * (13 + 9)
    assert {route.scope for route in registry.ROUTES if route.method != "GET"} == {"read", "write"}


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "text"),
    [
        ("POST", "registered-models/create", {}, "", f"Missing value for required parameter 'name'.{HELP}"),
        ("POST", "registered-models/create", {"name": " "}, "", "Missing value for required parameter 'name'."),
        (
            "POST",
            "registered-models/create",
            {"name": "a/b"},
            "",
            "Invalid model name 'a/b'. Names cannot contain '/' or ':'.",
        ),
        (
            "POST",
            "registered-models/create",
            {"name": 7},
            "",
            f"Invalid value 7 for parameter 'name' supplied:  Hint: Value was of type 'int'.{HELP}",
        ),
        (
            "POST",
            "registered-models/create",
            {"name": "m"},
            "RESOURCE_ALREADY_EXISTS",
            "Registered Model (name=m) already exists.",
        ),
        (
            "PATCH",
            "registered-models/update",
            {"name": "x"},
            "RESOURCE_DOES_NOT_EXIST",
            "Registered Model with name=x not found",
        ),
        (
            "POST",
            "registered-models/rename",
            {"name": "m"},
            "",
            f"Missing value for required parameter 'new_name'.{HELP}",
        ),
        (
            "POST",
            "registered-models/rename",
            {"name": "m", "new_name": "n"},
            "RESOURCE_ALREADY_EXISTS",
            "Registered Model (name=n) already exists.",
        ),
        (
            "POST",
            "registered-models/set-tag",
            {"name": "m", "key": "k", "value": "v" * 100_001},
            "",
            "'value' exceeds the maximum length of 100000 characters",
        ),
        (
            "DELETE",
            "model-versions/delete",
            {"name": "m", "version": "9"},
            "RESOURCE_DOES_NOT_EXIST",
            "Model Version (name=m, version=9) not found",
        ),
        (
            "DELETE",
            "model-versions/delete",
            {"name": "m", "version": "x"},
            "",
            "Parameter 'version' must be an integer, got 'x'.",
        ),
        (
            "POST",
            "registered-models/alias",
            {"name": "m", "alias": "Latest", "version": "1"},
            "",
            "'latest' alias name (case insensitive) is reserved.",
        ),
        (
            "POST",
            "registered-models/alias",
            {"name": "m", "alias": "v2", "version": "1"},
            "",
            "Version alias name 'v2' is reserved.",
        ),
        (
            "POST",
            "registered-models/alias",
            {"name": "m", "alias": "a b", "version": "1"},
            "",
            "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
        ),
        (
            "POST",
            "model-versions/transition-stage",
            {"name": "m", "version": "1", "stage": "bad"},
            "",
            "Invalid Model Version stage: bad. Value must be one of None, Staging, Production, Archived.",
        ),
        (
            "POST",
            "model-versions/transition-stage",
            {"name": "m", "version": "1", "stage": "None", "archive_existing_versions": True},
            "",
            "Model version transition cannot archive existing model versions because 'None' is not an Active stage. "
            "Valid stages are ['Staging', 'Production']",
        ),
    ],
)
def test_errors_in_mlflows_words(server: Server, method: str, path: str, body: Any, code: str, text: str) -> None:
    server.model("m", 1)
    server.model("n")
    assert server.bad(method, path, body) == (code or "INVALID_PARAMETER_VALUE", text)


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "file://host/etc",
        "./model",
        "C:\\models",
        "s3://b/../k",
        "s3://b/..%2fk",
        "s3://b/%252e%252e/k",
        "s3://b/./k",
        "s3://b/a%00",
        "s3://",
        "s3://b/..%5c..%5ck",
        "https://h/api/2.0/mlflow-artifacts/artifacts/x",
        "mlflow-artifacts:/0/other/artifacts",
        "mlflow-artifacts://h:5/../..",
        "runs:/other/model",
        "models:/m-unknown",
        "models:/a/b/c",
        "models://host/m/1",
        "https://[bad",
        "s3://b/%" + "25" * 40 + "2e",
    ],
)
def test_sources_that_are_refused(server: Server, source: str) -> None:
    server.model("m")
    run = server.good("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    for run_id in ({}, {"run_id": run}):
        code, text = server.bad("POST", "model-versions/create", {"name": "m", "source": source, **run_id})
        assert code == "INVALID_PARAMETER_VALUE" and text.startswith("Invalid model version source")
    assert server.hub.registry.get("m").versions == {}


def test_sources_that_are_the_runs_own(server: Server) -> None:
    server.model("m")
    info = server.good("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]
    run, home = info["run_id"], info["artifact_uri"]
    for source in (f"runs:/{run}/model", f"{home}/model", home, "s3://b//k", "s3://b/a?x=../y"):
        version = server.good("POST", "model-versions/create", {"name": "m", "source": source, "run_id": run})
        assert version["model_version"]["source"] == source
    _, text = server.bad("POST", "model-versions/create", {"name": "m", "source": f"{home}x", "run_id": run})
    assert text.endswith("The run_id request parameter must identify the resource that contains the source.")


def test_paths_below_a_runs_own_folder(server: Server, tmp_path: Path) -> None:
    """The folder is text: nobody looks whether it is there."""
    server.model("m")
    home = "file:///nowhere/at/all"
    project = server.good("POST", "experiments/create", {"name": "e", "artifact_location": home})["experiment_id"]
    run = server.good("POST", "runs/create", {"experiment_id": project})["run"]["info"]["run_id"]
    for path, status in (("model", 200), ("../../../secret", 400), ("%2e%2e/secret", 400), ("", 200)):
        body = {"name": "m", "source": f"{home}/{run}/artifacts/{path}", "run_id": run}
        assert server.send("POST", "model-versions/create", body)[0] == status, path
    assert server.send("POST", "model-versions/create", {"name": "m", "source": home, "run_id": run})[0] == 400


def test_a_logged_model_becomes_a_version(server: Server) -> None:
    server.model("m")
    run = server.good("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    logged = server.good("POST", "logged-models", {"experiment_id": "0", "name": "l", "source_run_id": run})["model"]
    model_id, home = logged["info"]["model_id"], logged["info"]["artifact_uri"]
    body = {"name": "m", "source": f"models:/{model_id}", "model_id": model_id}
    version = server.good("POST", "model-versions/create", body)["model_version"]
    assert (version["run_id"], version["source"]) == (run, f"models:/{model_id}")
    assert server.good("GET", "model-versions/get-download-uri", name="m", version="1") == {"artifact_uri": home}
    tags = server.good("GET", f"logged-models/{model_id}")["model"]["info"]["tags"]
    assert tags == [{"key": "mlflow.modelVersions", "value": '[{"name": "m", "version": 1}]'}]
    # A version of a version is the version that it was then, and has its files.
    server.hub.registry.set_alias("m", "best", 1)
    for source in ("models:/m/1", "models:/m@best", "models:/m/latest"):
        copy = server.good("POST", "model-versions/create", {"name": "m", "source": source})["model_version"]
        assert copy["source"].startswith("models:/m/") and copy["run_id"] == run
        uri = server.good("GET", "model-versions/get-download-uri", name="m", version=copy["version"])
        assert uri == {"artifact_uri": home}
    assert server.bad("POST", "model-versions/create", {"name": "m", "source": "models:/m/1", "run_id": "x"})
    assert server.bad("POST", "model-versions/create", {"name": "m", "source": "models:/m/77"}) == (
        "RESOURCE_DOES_NOT_EXIST",
        "Model Version (name=m, version=77) not found",
    )


def test_aliases_and_latest_versions(server: Server) -> None:
    server.model("m", 3)
    server.good("POST", "registered-models/alias", {"name": "m", "alias": "best", "version": "2"})
    server.good("POST", "registered-models/alias", {"name": "m", "alias": "also", "version": "2"})
    for query in ({"alias": "best"}, {"alias": "also"}):
        version = server.good("GET", "registered-models/alias", name="m", **query)["model_version"]
        assert (version["version"], version["aliases"]) == ("2", ["also", "best"])
    assert server.good("GET", "registered-models/alias", name="m", alias="LATEST")["model_version"]["version"] == "3"
    model = server.good("GET", "registered-models/get", name="m")["registered_model"]
    assert model["aliases"] == [{"alias": "also", "version": "2"}, {"alias": "best", "version": "2"}]
    assert [version["version"] for version in model["latest_versions"]] == ["3"]
    server.good("POST", "model-versions/transition-stage", {"name": "m", "version": "1", "stage": "staging"})
    for found in (
        server.good("POST", "registered-models/get-latest-versions", {"name": "m", "stages": ["STAGING"]}),
        server.good("GET", "registered-models/get-latest-versions", name="m", stages=["Staging"]),
    ):
        assert [version["version"] for version in found["model_versions"]] == ["1"]
    assert len(server.good("POST", "registered-models/get-latest-versions", {"name": "m"})["model_versions"]) == 2
    server.good("DELETE", "registered-models/alias", {"name": "m", "alias": "best"})
    server.good("DELETE", "registered-models/alias", {"name": "m", "alias": "best"})
    assert server.bad("GET", "registered-models/alias", name="m", alias="best")[1] == (
        "Registered model alias best not found."
    )


def names(answer: Any) -> list[str]:
    return [model["name"] for model in answer.get("registered_models", [])]


def test_filters_over_models(server: Server) -> None:
    for name, tags in {
        "aa": {"t": "x"},
        "ab": {"t": "y", "k.1": "1"},
        "AC": {},
        "it's": {},
        "p": {PROMPT: "true"},
    }.items():
        server.model(name, **tags)
    cases = {
        "name = 'aa'": ["aa"],
        "name != 'aa'": ["AC", "ab", "it's"],
        "name LIKE 'a%'": ["aa", "ab"],
        "name ilike 'A_'": ["AC", "aa", "ab"],
        "name IN ('aa', 'AC')": ["AC", "aa"],
        "name NOT IN ('aa')": ["AC", "ab", "it's"],
        'name = "it\'s"': ["it's"],
        'name = "aa"': ["aa"],
        "attribute.name='ab'": ["ab"],
        "tags.t = 'x'": ["aa"],
        "tag.t != 'x'": ["ab"],
        "tags.`k.1` = '1' and tags.t LIKE '%'": ["ab"],
        f"tags.`{PROMPT}` != 'true'": ["AC", "aa", "ab", "it's"],
        f"tags.`{PROMPT}` = 'true'": ["p"],
        f"name LIKE 'a%' AND tags.`{PROMPT}` != 'true'": ["aa", "ab"],
        "": ["AC", "aa", "ab", "it's"],
    }
    for text, found in cases.items():
        assert names(server.good("GET", "registered-models/search", filter=text)) == found, text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name > 'a'", "Invalid comparator for attribute: >"),
        ("tags.t > 'a'", "Invalid comparator for tag: >"),
        ("name = 5", "Expected a quoted string value or a list of quoted string values for attributes. Got value 5"),
        ("tags.t = 5", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"),
        ("name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"),
        ("(name = 'a')", "Invalid clause(s) in filter string: (name = 'a')"),
        (
            "name IN ()",
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
        ),
        ("metrics.x = '1'", "Invalid entity type 'metrics'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ("foo = 'a'", "Invalid attribute key 'foo' specified. Valid keys are '{'name'}'"),
    ],
)
def test_filters_that_make_no_sense(server: Server, text: str, said: str) -> None:
    assert server.bad("GET", "registered-models/search", filter=text) == ("INVALID_PARAMETER_VALUE", said)


def test_filters_over_versions(server: Server) -> None:
    server.model("a", 3)
    server.model("b", 1)
    server.model("p", **{PROMPT: "true"})
    server.hub.registry.add_version("p", Origin("dummy-source"), tags={PROMPT: "true"})
    server.hub.registry.tag_version("a", 2, "t", "x")
    cases = {
        "name = 'a'": ["a3", "a2", "a1"],
        "run_id = 'r1'": ["a1", "b1"],
        "run_id IN ('r1', 'r2')": ["a2", "a1", "b1"],
        "source_path LIKE '%/b/%'": ["b1"],
        "version_number > 1": ["a3", "a2"],
        "version_number = '1' AND name = 'b'": ["b1"],
        "tags.t = 'x'": ["a2"],
        "name = 'p'": [],
        f"name = 'p' AND tags.`{PROMPT}` = 'true'": ["p1"],
    }
    for text, wanted in cases.items():
        query = {"filter": text, "order_by": ["name ASC", "version_number DESC"]}
        found = server.good("GET", "model-versions/search", **query).get("model_versions", [])
        assert [version["name"] + version["version"] for version in found] == wanted, text
    assert server.bad("GET", "model-versions/search", filter="version_number = 1.5")[1] == (
        "Invalid value for numeric attribute 'version_number': 1.5"
    )
    assert server.bad("GET", "model-versions/search", max_results=0)[1].startswith("Invalid value for max_results")
    assert server.bad("GET", "model-versions/search", max_results=200_001)


def test_orders(server: Server) -> None:
    for name in ("b", "a", "c"):
        server.model(name)
        time.sleep(0.003)
    for clauses, wanted in {
        (): "abc",
        ("name DESC",): "cba",
        ("timestamp",): "bac",
        ("last_updated_timestamp DESC",): "cab",
        ("`name` asc",): "abc",
    }.items():
        assert "".join(names(server.good("GET", "registered-models/search", order_by=list(clauses)))) == wanted
    assert server.bad("GET", "registered-models/search", order_by=["foo"])[1] == (
        "Invalid order by key 'foo' specified. Valid keys are '{'name', 'timestamp'}'"
    )
    assert server.bad("GET", "registered-models/search", order_by=["name FOO"])[1] == (
        "Invalid ordering key in order_by clause 'name FOO'."
    )
    assert server.bad("GET", "registered-models/search", order_by=["name", "name"])


def test_pages_do_not_shift_when_models_come_and_go(server: Server) -> None:
    for name in "bdfhj":
        server.model(name)
    first = server.good("GET", "registered-models/search", max_results=2)
    assert names(first) == ["b", "d"]
    server.model("a")
    server.hub.registry.delete("d")
    token = first["next_page_token"]
    second = server.good("GET", "registered-models/search", max_results=2, page_token=token)
    assert names(second) == ["f", "h"]
    last = server.good("GET", "registered-models/search", max_results=2, page_token=second["next_page_token"])
    assert names(last) == ["j"] and "next_page_token" not in last
    for query in ({"page_token": token, "order_by": ["timestamp"]}, {"page_token": "x"}, {"page_token": "W10="}):
        _, text = server.bad("GET", "registered-models/search", **query)
        assert text.startswith("Invalid page token")
    assert server.bad("GET", "registered-models/search", max_results=1001)[1].startswith('Invalid value "1001"')


def test_prompts(server: Server) -> None:
    tag = [{"key": PROMPT, "value": "true"}]
    server.good("POST", "registered-models/create", {"name": "p", "tags": tag})
    assert (
        server.bad("POST", "registered-models/create", {"name": "p", "tags": tag})[1]
        == "Prompt (name=p) already exists."
    )
    assert "already taken by a prompt" in server.bad("POST", "registered-models/create", {"name": "p"})[1]
    body = {"name": "p", "source": "dummy-source", "tags": [*tag, {"key": "mlflow.prompt.text", "value": "hi"}]}
    assert server.good("POST", "model-versions/create", body)["model_version"]["version"] == "1"
    assert server.bad("POST", "model-versions/create", body | {"source": "/etc"})[1].startswith("Invalid prompt source")
    server.model("m")
    assert (
        "Prompt versions cannot be used"
        in server.bad("POST", "model-versions/create", {"name": "m", "source": "models:/p/1"})[1]
    )


def test_half_a_character_is_refused(server: Server) -> None:
    """Python reads it and can't write it: one of them would break every list it is in."""
    server.model("m", 1)
    half, named = "\ud800", {"name": "m", "version": "1"}
    for method, path, body in (
        ("POST", "registered-models/create", {"name": half}),
        ("POST", "registered-models/create", {"name": "n", "description": half}),
        ("POST", "registered-models/create", {"name": "n", "tags": [{"key": "a", "value": half}]}),
        ("POST", "registered-models/set-tag", {"name": "m", "key": "a", "value": half}),
        ("POST", "registered-models/alias", {**named, "alias": half}),
        ("POST", "registered-models/rename", {"name": "m", "new_name": half}),
        ("PATCH", "model-versions/update", {**named, "description": half}),
        ("POST", "model-versions/create", {"name": "m", "source": f"s3://b/{half}"}),
        ("POST", "model-versions/create", {"name": "m", "source": "s3://b/k", "run_link": half}),
        ("DELETE", "registered-models/delete", {"name": half}),
    ):
        assert "half a character" in server.bad(method, path, body)[1]
    with pytest.raises(UsageError):
        server.hub.registry.describe("m", half)
    assert names(server.good("GET", "registered-models/search")) == ["m"]


@pytest.mark.parametrize(
    "text",
    [
        "name IN (" + "''" * 5000,
        "name = " + "''" * 5000 + "'",
        "name = '" + "''" * 5000,
        "(" * 5000,
        "name LIKE '" + "%_" * 4000 + "x'",
    ],
)
def test_no_filter_takes_long(server: Server, text: str) -> None:
    server.model("a" * 400)
    start = time.monotonic()
    server.send("GET", "registered-models/search", filter=text)
    assert time.monotonic() - start < 2


def test_numbers_that_are_too_long(server: Server) -> None:
    server.model("m", 1)
    many = "9" * 5000
    assert server.bad("GET", "model-versions/search", filter=f"version_number = {many}")
    assert server.bad("GET", "model-versions/get", name="m", version=many)
    assert server.bad("GET", "model-versions/search", max_results=many)
    assert server.bad("POST", "model-versions/create", {"name": "m", "source": f"models:/m/{many}"})


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import warnings

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow warns of is its own affair
        mlflow = pytest.importorskip("mlflow")
        yield mlflow.MlflowClient(server.url, server.url)


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_mlflows_own_client(client: Any) -> None:
    from mlflow.exceptions import MlflowException

    model = client.create_registered_model("m", {"a": "1"}, "said")
    assert (model.name, model.tags, model.description) == ("m", {"a": "1"}, "said")
    with pytest.raises(MlflowException) as taken:
        client.create_registered_model("m")
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    run = client.create_run("0")
    for number in (1, 2):
        version = client.create_model_version(
            "m", f"runs:/{run.info.run_id}/model", run.info.run_id, {"n": str(number)}
        )
        assert (version.version, version.status, version.run_id) == (str(number), "READY", run.info.run_id)
    client.set_registered_model_alias("m", "best", 2)
    assert client.get_model_version_by_alias("m", "best").tags == {"n": "2"}
    assert client.get_model_version("m", "2").aliases == ["best"]
    client.transition_model_version_stage("m", "1", "Production")
    client.transition_model_version_stage("m", "2", "Production", archive_existing_versions=True)
    assert [found.current_stage for found in client.get_latest_versions("m")] == ["Archived", "Production"]
    copied = client.copy_model_version("models:/m/2", "copy")
    assert (copied.name, copied.version, copied.source, copied.tags) == ("copy", "1", "models:/m/2", {"n": "2"})
    assert client.get_model_version_download_uri("copy", "1") == f"runs:/{run.info.run_id}/model"
    client.set_model_version_tag("m", "1", "k", "v")
    client.delete_model_version_tag("m", "1", "n")
    assert client.get_model_version("m", "1").tags == {"k": "v"}
    assert [found.version for found in client.search_model_versions("name = 'm'", order_by=["version_number ASC"])] == [
        "1",
        "2",
    ]
    assert [found.name for found in client.search_registered_models()] == ["copy", "m"]
    page = client.search_registered_models(max_results=1)
    assert [found.name for found in client.search_registered_models(max_results=1, page_token=page.token)] == ["m"]
    client.rename_registered_model("m", "n")
    assert client.get_registered_model("n").latest_versions[0].name == "n"
    client.delete_model_version("n", "2")
    assert client.get_registered_model("n").aliases == {}
    client.delete_registered_model("n")
    with pytest.raises(MlflowException) as gone:
        client.get_registered_model("n")
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_mlflows_own_prompts(client: Any) -> None:
    first = client.register_prompt("greeting", "Hello {{name}}", tags={"lang": "en"})
    assert (first.version, first.template) == (1, "Hello {{name}}")
    assert client.register_prompt("greeting", "Hi {{name}}").version == 2
    client.set_prompt_alias("greeting", "live", 2)
    assert client.get_prompt_version_by_alias("greeting", "live").template == "Hi {{name}}"
    assert [prompt.name for prompt in client.search_prompts()] == ["greeting"]
    assert list(client.search_registered_models()) == []
