"""MLflow's webhooks over ours, and what of the registry's changes they are told."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from anew.errors import NotFound, UsageError
from anew.hub import Hub
from anew.models.registry import Model
from anew.protocols.mlflow import paging
from anew.protocols.mlflow.entities import Json, milliseconds
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.fields import missing_value, wrong_type
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.sent import needed, text
from anew.routes import Call, Route
from anew.webhooks import EVENTS, STATUSES, NotDelivered, Webhook, Webhooks

IS_PROMPT = "mlflow.prompt.is_prompt"
_PROMPT_TEXT = "mlflow.prompt.text"
_PROMPT_TYPE = "_mlflow_prompt_type"
_MOST, _DEFAULT = 1000, 100

_known: WeakKeyDictionary[Hub, Webhooks] = WeakKeyDictionary()
_lock = threading.Lock()


def of(hub: Hub) -> Webhooks:
    """The webhooks of a hub, which are told of its registry's changes from now on."""
    with _lock:
        hooks = _known.get(hub)
        if hooks is None:
            hooks = Webhooks(hub.ledger, hub.store.root / "webhooks")
            _attach(hub, hooks)
        return hooks


def install(hub: Hub, hooks: Webhooks) -> None:
    """Let these be the webhooks of a hub, before any route asked for them."""
    with _lock:
        _attach(hub, hooks)


def _attach(hub: Hub, hooks: Webhooks) -> None:
    if hub in _known:
        raise UsageError("the hub has its webhooks already")
    _known[hub] = hooks

    def watch(entry: dict[str, Any], model: Model | None) -> None:
        told = event_of(entry["subject"], entry["body"], model)
        if told is not None:
            hooks.announce(*told)

    hub.registry.watchers.append(watch)


def event_of(name: str, body: Json, model: Model | None) -> tuple[str, Json] | None:
    """The event, and what is told of it, that an entry of the registry stands for; None for none."""
    action, of_version = body["action"], "version" in body
    prompt = is_prompt(body["tags"] if action in ("create", "version") else model.tags if model else {})
    if action == "create":
        tags = _without(body["tags"], IS_PROMPT, _PROMPT_TYPE) if prompt else body["tags"]
        data = {"name": name, "tags": tags, "description": body["description"] or ""}
        return ("prompt.created" if prompt else "registered_model.created"), data
    if action == "version":
        return _version_event(name, body, prompt)
    if action == "tag":
        if not (prompt or of_version):
            return None  # MLflow has no event for the tags of a model
        kind = ("prompt_version_tag" if of_version else "prompt_tag") if prompt else "model_version_tag"
        data = {"name": name, **({"version": str(body["version"])} if of_version else {}), "key": body["key"]}
        if body["after"] is None:
            return f"{kind}.deleted", data
        return f"{kind}.set", {**data, "value": body["after"]}
    if action == "alias":
        kind = "prompt_alias" if prompt else "model_version_alias"
        data = {"name": name, "alias": body["alias"]}
        if body["after"] is None:
            return f"{kind}.deleted", data
        return f"{kind}.created", {**data, "version": str(body["after"])}
    return None


def _version_event(name: str, body: Json, prompt: bool) -> tuple[str, Json]:
    data: Json = {"name": name, "version": str(body["version"])}
    if prompt:
        data["template"] = body["tags"].get(_PROMPT_TEXT)
        data["tags"] = _without(body["tags"], IS_PROMPT, _PROMPT_TYPE, _PROMPT_TEXT)
    else:
        data |= {"source": body["source"], "run_id": body["run_id"] or None, "tags": body["tags"]}
    data["description"] = body["description"] or None
    return ("prompt_version.created" if prompt else "model_version.created"), data


def is_prompt(tags: Mapping[str, str]) -> bool:
    return tags.get(IS_PROMPT, "false").lower() == "true"


def _without(tags: Mapping[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in keys}


def example(event: str) -> Json:
    """Something to tell of an event when a webhook is tried."""
    entity, _, action = event.partition(".")
    if entity == "budget_policy":
        return {
            "budget_policy_id": "bp-abc123",
            "budget_unit": "USD",
            "budget_amount": 100.0,
            "current_spend": 105.5,
            "duration_unit": "MONTHS",
            "duration_value": 1,
            "target_scope": "ENDPOINT",
            "workspace": "default",
            "target_value": "ep-abc123",
            "window_start": 1704067200000,
        }
    prompt = entity.startswith("prompt")
    what = "prompt" if prompt else "model"
    data: Json = {"name": f"example_{what}"}
    if entity.endswith("_tag"):
        data |= {} if entity == "prompt_tag" else {"version": "1"}
        data["key"] = "example_key"
        return data | ({"value": "example_value"} if action == "set" else {})
    if entity.endswith("_alias"):
        data["alias"] = "example_alias"
        return data | ({"version": "1"} if action == "created" else {})
    if entity.endswith("_version"):
        made = {"template": "Hello {{name}}!"} if prompt else {"source": "models:/123", "run_id": "abcd1234abcd5678"}
        data |= {"version": "1", **made}
        what = f"{what} version"
    return data | {
        "tags": {"example_key": "example_value"},
        "description": f"An example {'registered model' if what == 'model' else what}",
    }


# What was sent


def _events(call: Call) -> list[str] | None:
    """The events of a request, None for none. Raises MlflowError."""
    value = call.body.get("events")
    if value is None:
        return None
    if not isinstance(value, list):
        raise wrong_type("events", value)
    return [_event(item) for item in value]


def _event(item: Any) -> str:
    if not isinstance(item, dict):
        raise wrong_type("events", item)
    entity, action = str(item.get("entity", "")).lower(), str(item.get("action", "")).lower()
    valid = sorted(event.partition(".")[2] for event in EVENTS if event.partition(".")[0] == entity)
    if not valid:
        raise invalid(f"Invalid entity '{entity}' of a webhook event.")
    if action not in valid:
        raise invalid(f"Invalid action '{action}' for entity '{entity}'. Valid actions are: {valid}")
    return f"{entity}.{action}"


def _status(call: Call) -> str | None:
    status = text(call, "status")
    return status if status in STATUSES else None  # MLflow takes no notice of others, either


def _named(call: Call) -> Webhook:
    try:
        return of(call.hub).get(call.path["id"])
    except NotFound:
        raise missing(f"Webhook with ID {call.path['id']} not found.") from None


def _shown(hook: Webhook) -> Json:
    found: Json = {"webhook_id": hook.id, "name": hook.name}
    if hook.description:
        found["description"] = hook.description
    events = [event.upper().partition(".") for event in sorted(hook.events)]
    return found | {
        "url": hook.url,
        "events": [{"entity": entity, "action": action} for entity, _, action in events],
        "status": hook.status,
        "creation_timestamp": milliseconds(hook.created),
        "last_updated_timestamp": milliseconds(hook.updated),
    }


# Routes


def create(call: Call) -> Json:
    """Make a webhook."""
    name, url = needed(call, "name"), needed(call, "url")
    events = _events(call)
    if events is None:
        raise missing_value("events")
    hook = of(call.hub).create(
        name,
        url,
        events,
        description=text(call, "description") or "",
        secret=text(call, "secret") or "",
        status=_status(call) or "ACTIVE",
        actor=call.actor,
    )
    return {"webhook": _shown(hook)}


def listing(call: Call) -> Json:
    """All webhooks, the newest first."""
    said = call.argument("max_results")
    try:
        most = int(said or _DEFAULT) or _DEFAULT
    except ValueError:
        raise wrong_type("max_results", said) from None
    if not 1 <= most <= _MOST:
        raise invalid("max_results must be between 1 and 1000.")
    shown, token = paging.page(of(call.hub).all(), most, call.argument("page_token"))
    found: Json = {"webhooks": [_shown(hook) for hook in shown]} if shown else {}
    return found | ({"next_page_token": token} if token else {})


def get(call: Call) -> Json:
    """One webhook."""
    return {"webhook": _shown(_named(call))}


def update(call: Call) -> Json:
    """Change a webhook."""
    hook = _named(call)
    changes: Json = {
        "name": text(call, "name") or None,
        "url": text(call, "url") or None,
        "events": _events(call) or None,
        "description": text(call, "description"),
        "status": _status(call),
    }
    given = {key: value for key, value in changes.items() if value is not None}
    secret = text(call, "secret")
    return {"webhook": _shown(of(call.hub).update(hook.id, given, secret, call.actor))}


def delete(call: Call) -> Json:
    """Remove a webhook."""
    of(call.hub).delete(_named(call).id, call.actor)
    return {}


def test(call: Call) -> Json:
    """Deliver an example to a webhook now, and say what it answered."""
    sent = call.body.get("event")
    event = _event(sent) if sent is not None else ""
    hook = _named(call)
    event = event or hook.events[0]
    try:
        answer = of(call.hub).test(hook.id, event, example(event))
    except NotDelivered as error:
        return {"result": {"success": False, "error_message": f"Failed to test webhook: {error}"}}
    result = {"success": answer.status < 400, "response_status": answer.status, "response_body": answer.body}
    return {"result": result}


ROUTES: list[Route] = [
    *both("POST", "webhooks", create, scope="admin"),
    *both("GET", "webhooks", listing, scope="admin"),
    *both("GET", "webhooks/{id}", get, scope="admin"),
    *both("PATCH", "webhooks/{id}", update, scope="admin"),
    *both("DELETE", "webhooks/{id}", delete, scope="admin"),
    *both("POST", "webhooks/{id}/test", test, scope="admin"),
]
