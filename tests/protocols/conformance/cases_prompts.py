"""Prompts, as MLflow's client sends them: registered models with tags of their own; and webhooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocols.conformance.cases_registry import (
    MODELS,
    VERSIONS,
    alias,
    get_model,
    get_version,
    registered,
    taken,
    version,
)
from protocols.conformance.cases_registry_search import models, versions
from protocols.conformance.steps import *

_IS_PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
_NO_HOOK = "0" * 32
_HOOK = {"name": "hook", "url": "https://8.8.8.8/hook", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}


def _prompt(name: str, *tags: dict[str, str]) -> Step:
    return registered(name, tags=[_IS_PROMPT, *tags], description="first")


def _prompt_version(name: str, text: str, source: str = "dummy-source", **more: Any) -> Step:
    said = {"_mlflow_prompt_type": "text", "mlflow.prompt.text": text}
    pairs = [{"key": key, "value": value} for key, value in said.items()]
    return version(name, source, tags=[_IS_PROMPT, *pairs], **more)


PROMPTS: list[Scenario] = [
    scenario(
        "prompts: register, load, alias, search",
        get_model("prompt"),
        _prompt("prompt", {"key": "lang", "value": "en"}),
        _prompt_version("prompt", "Hello {{x}}", description="first"),
        get_model("prompt"),
        _prompt_version("prompt", '[{"role": "user", "content": "hi"}]'),
        post(MODELS + "set-tag", {"name": "prompt", "key": "_mlflow_experiment_ids", "value": ",0,"}),
        get_model("prompt"),
        get_version("prompt", "1"),
        get(MODELS + "alias", {"name": "prompt", "alias": "latest"}),
        alias("prompt", "prod", "1"),
        get(MODELS + "alias", {"name": "prompt", "alias": "prod"}),
        models("tags.`mlflow.prompt.is_prompt` = 'true' AND name='prompt'"),
        models("tag.`mlflow.prompt.is_prompt` != 'true' AND name='prompt'"),
        models("name='prompt'"),
        versions("name = 'prompt' AND tag.`mlflow.prompt.is_prompt` = 'true'", order_by="version_number DESC"),
        versions("name = 'prompt'"),
        versions("tags.`mlflow.prompt.associatedRunIds` LIKE '%x%' AND tags.`mlflow.prompt.is_prompt` = 'true'"),
        post(VERSIONS + "set-tag", {"name": "prompt", "version": "1", "key": "k", "value": "v"}),
        delete(VERSIONS + "delete-tag", {"name": "prompt", "version": "1", "key": "k"}),
        delete(VERSIONS + "delete", {"name": "prompt", "version": "1"}),
        get_model("prompt"),
        delete(MODELS + "delete", {"name": "prompt"}),
    ),
    scenario(
        "prompts: beside models",
        _prompt("both"),
        registered("both"),
        _prompt("both"),
        registered("both model"),
        _prompt("both model"),
        instead(post(MODELS + "rename", {"name": "both model", "new_name": "both"}), taken("both")),
        _prompt_version("both", "text", "s3://bucket/x"),
        _prompt_version("both", "text", "prompt-template"),
        version("both"),
        version("both", "dummy-source"),
        _prompt_version("both model", "text"),
        version("both model", "models:/both/1"),
        _prompt_version("both", "v" * 100_001),
        registered("both no", tags=[{"key": "mlflow.prompt.is_prompt", "value": "false"}]),
        models("name LIKE 'both%' AND tag.`mlflow.prompt.is_prompt` != 'true'"),
        models("name LIKE 'both%' AND tag.`mlflow.prompt.is_prompt` = 'true'"),
        models("name LIKE 'both%' AND tag.`mlflow.prompt.is_prompt` = 'false'"),
        models("name LIKE 'both%' AND tag.`mlflow.prompt.is_prompt` != 'false'"),
        models("name LIKE 'both%'"),
        versions("name LIKE 'both%'"),
        versions("name LIKE 'both%' AND tag.`mlflow.prompt.is_prompt` != 'true'"),
    ),
]


def _hook(**more: Any) -> Step:
    return post("webhooks", _HOOK | more)


def _hook_without(name: str) -> Step:
    return post("webhooks", {key: value for key, value in _HOOK.items() if key != name})


_EVENTS: list[Any] = [
    "x", [], [{"entity": "REGISTERED_MODEL", "action": "SET"}],
    [{"entity": "MODEL_VERSION_TAG", "action": "SET"}, {"entity": "PROMPT", "action": "CREATED"}],
]  # fmt: skip
_BROKEN_EVENTS: list[Any] = [
    [1], [{}], [{"entity": "REGISTERED_MODEL"}], [{"action": "CREATED"}], [{"entity": "X", "action": "CREATED"}],
    [{"entity": "REGISTERED_MODEL", "action": "X"}],
]  # fmt: skip
_SCHEME = rejects(rule="http is a scheme of webhooks too: which addresses they reach is checked, whatever the scheme")
_URLS: list[Any] = [
    "", None, 5, "https://127.0.0.1/x", "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x",
    "https://169.254.169.254/x", "https://8.8.8.8", "https://",
]  # fmt: skip

WEBHOOKS: list[Scenario] = [
    scenario(
        "webhooks: one and its changes",
        post("webhooks", _HOOK | {"description": "d", "secret": "s", "status": "DISABLED"},
        save={"h": "webhook.webhook_id"}),
        get("webhooks/{h}"),
        patch("webhooks/{h}", {"name": "renamed", "status": "ACTIVE"}),
        patch("webhooks/{h}", {"events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]}),
        patch("webhooks/{h}", {"url": "https://8.8.4.4/other", "description": "", "secret": "t"}),
        patch("webhooks/{h}", {}),
        patch("webhooks/{h}", {"name": ""}),
        patch("webhooks/{h}", {"name": 5}),
        patch("webhooks/{h}", {"url": "https://127.0.0.1/x"}),
        patch("webhooks/{h}", {"events": []}),
        instead(patch("webhooks/{h}", {"events": [{"entity": "X", "action": "CREATED"}]}), rejects()),
        patch("webhooks/{h}", {"status": "X"}),
        get("webhooks/{h}"),
        delete("webhooks/{h}"),
        get("webhooks/{h}"),
        delete("webhooks/{h}"),
    ),
    scenario(
        "webhooks: what can't be one",
        post("webhooks", {}),
        [_hook_without(name) for name in ("name", "url", "events")],
        [_hook(name=name) for name in ("", None, 5, "a b", "a/b", "n" * 64, "n" * 65)],
        [_hook(url=url) for url in _URLS],
        [instead(_hook(url=url), _SCHEME) for url in ("x", "ftp://8.8.8.8/x", "javascript:alert(1)")],
        instead(_hook(url="http://8.8.8.8/x"), accepts(_SCHEME.rule)),
        [
            instead(_hook(url=url), rejects(rule="what no request can be sent to is no URL of a webhook"))
            for url in ("https://8.8.8.8:99999/x", " https://8.8.8.8/x")
        ],
        instead(_hook(url="https://user:pw@8.8.8.8/x"), rejects(rule="the list of webhooks shows their URLs")),
        [_hook(events=events) for events in _EVENTS],
        [instead(_hook(events=events), rejects()) for events in _BROKEN_EVENTS],
        instead(
            _hook(events=[{"entity": "registered_model", "action": "created"}]),
            accepts("in small letters they are the words of MLflow's own client"),
        ),
        instead(_hook(events=[*_EVENTS[-1], *_EVENTS[-1]]), accepts("an event that is named twice is meant once")),
        [_hook(status=status) for status in ("", "X", 5, "active", "DISABLED")],
        [_hook(**{name: 5}) for name in ("description", "secret")],
    ),
    scenario(
        "webhooks: ids that are none, and pages",
        get(f"webhooks/{_NO_HOOK}"),
        patch(f"webhooks/{_NO_HOOK}", {"name": "x"}),
        delete(f"webhooks/{_NO_HOOK}"),
        post(f"webhooks/{_NO_HOOK}/test", {}),
        post(f"webhooks/{_NO_HOOK}/test", {"event": {"entity": "REGISTERED_MODEL", "action": "CREATED"}}),
        instead(
            post(f"webhooks/{_NO_HOOK}/test", {"event": {"entity": "REGISTERED_MODEL", "action": "X"}}), rejects()
        ),
        post("webhooks", _HOOK | {"name": "older"}, save={"a": "webhook.webhook_id"}),
        replace(_hook(name="newer"), save={"b": "webhook.webhook_id"}, wait_s=0.02),
        get("webhooks", {"max_results": "1"}),
        [get("webhooks", {"max_results": most}) for most in ("-1", "1001", "x")],
        instead(get("webhooks", {"page_token": "nonsense"}), BAD_TOKEN),
        delete("webhooks/{a}"),
        delete("webhooks/{b}"),
    ),
]  # fmt: skip
