"""Scorers: register, list, get, versions, delete."""

from __future__ import annotations

from typing import Any

from protocols.conformance.steps import *

SCORER_ROUTES = V3 + "scorers/"
_JUDGE = '{"name": "judge", "instructions_judge_pydantic_data": {"model": "openai:/x", "instructions": "fine?"}}'
_GATEWAY = '{"name": "of a gateway", "instructions_judge_pydantic_data": {"model": "gateway:/judge"}}'
_NO_MODEL = '{"instructions_judge_pydantic_data": {"model": ""}}'


def _register(name: Any = "judge", text: Any = _JUDGE, exp: Any = "{exp}", **more: Any) -> Step:
    return post(SCORER_ROUTES + "register", {"experiment_id": exp, "name": name, "serialized_scorer": text}, **more)


def _ask(what: str, **query: str) -> Step:
    return get(SCORER_ROUTES + what, {"experiment_id": "{exp}", **query})


def _delete(**body: Any) -> Step:
    return delete(SCORER_ROUTES + "delete", {"experiment_id": "{exp}", **body})


def _sample(name: Any = "judge", rate: Any = 0.0, exp: Any = "{exp}", **more: Any) -> Step:
    body = {"experiment_id": exp, "name": name, "sample_rate": rate, **more}
    return Step("PUT", SCORER_ROUTES + "online-config", body=body)


def _configs(*ids: str) -> Step:
    return get(SCORER_ROUTES + "online-configs", {"scorer_ids": list(ids)})


SCORERS: list[Scenario] = [
    scenario(
        "scorers: versions come and go",
        experiment("scorers"),
        experiment("scorers elsewhere", save="other"),
        _ask("list"),
        _register(save={"id": "scorer_id"}),
        _register(text='{"name": "second"}'),
        _register("another"),
        _register(exp="{other}"),
        _ask("list"),
        _ask("versions", name="judge"),
        _ask("get", name="judge"),
        _ask("get", name="judge", version="1"),
        get(SCORER_ROUTES + "list", {"experiment_ids": ["{other}", "{exp}"]}),
        get(SCORER_ROUTES + "list", {"experiment_id": "{exp}", "experiment_ids": ["{other}"]}),
        get(SCORER_ROUTES + "online-configs", {"scorer_ids": "{id}"}),
        _delete(name="judge", version=2),
        _ask("get", name="judge"),
        _register(text='{"name": "third"}'),
        _delete(name="judge", version=9),
        _delete(name="judge"),
        _ask("versions", name="judge"),
        _delete(name="judge"),
        _register(),
        _delete(name="another", version="1"),
        _ask("list"),
    ),
    scenario(
        "scorers: what are none",
        experiment("scorers none"),
        [_register(name) for name in ("", None, 5, " ", "a/b", "n" * 256)],
        [_register(text=text) for text in ("", None, 5, "x", _NO_MODEL)],
        [instead(_register(text=text), rejects()) for text in ("[]", "5")],
        [_register(exp=exp) for exp in ("", None, 5, "999999999", "x")],
        instead(
            _register(text='{"call_source": "1", "name": "x"}'), rejects(rule="our text names no setting of MLflow's")
        ),
        _ask("get", name="nobody"),
        _ask("versions", name="nobody"),
        _delete(name="nobody"),
        _ask("get"),
        _ask("versions"),
        _delete(),
        _register("there"),
        [_ask("get", name="there", version=number) for number in ("9", "x", "0", "")],
        get(SCORER_ROUTES + "list", {"experiment_id": "999999999"}),
        get(SCORER_ROUTES + "get", {"name": "there"}),
        get(SCORER_ROUTES + "online-configs"),
    ),
    scenario(
        "scorers: run by the server they are not",
        experiment("scorers online"),
        _register(save={"id": "scorer_id"}),
        _register("another", save={"other": "scorer_id"}),
        _configs("{id}"),
        _sample(rate=0.5),
        _sample(),
        _configs("{id}", "{other}"),
        _sample(rate=0, filter_string="tags.a = 'b'"),
        _sample(filter_string=None),
        _configs("{id}", "{id}"),
        _sample(rate=1),
        _configs("{id}"),
        [_sample(rate=rate) for rate in (-0.1, 1.1, None, "")],
        instead(_sample(rate="x"), rejects()),
        _sample(rate="0"),
        [_sample(filter_string=text) for text in ("", "colour = 'x'")],
        instead(_sample(filter_string=5), rejects(rule="said as of every other field")),
        [_sample(name) for name in ("nobody", "", None)],
        [_sample(exp=exp) for exp in ("", "999999999")],
        _delete(name="judge"),
        _configs("{id}"),
        _sample(),
        _register(save={"id": "scorer_id"}),
        _configs("{id}"),
        instead(_register("of a gateway", _GATEWAY), accepts("there is no gateway here to know the model")),
        instead(
            _sample("of a gateway", 0.5),
            rejects(rule="nothing here runs scorers", message="Scorer 'of a gateway' can't be started: this server…"),
        ),
    ),
]
