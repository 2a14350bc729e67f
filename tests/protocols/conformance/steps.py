"""The words that scenarios are written in: requests in order, and what is kept of one answer for the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "AJAX",
    "BAD_CLAUSE",
    "BAD_TOKEN",
    "BROKEN",
    "FILES",
    "NOT_OURS",
    "NO_ROUTE",
    "REJECTED",
    "SYNTAX",
    "TOKENS",
    "V2",
    "V3",
    "Ours",
    "Query",
    "Scenario",
    "Step",
    "accepts",
    "batch",
    "delete",
    "experiment",
    "full",
    "get",
    "get_run",
    "instead",
    "patch",
    "post",
    "put",
    "refused",
    "rejects",
    "run",
    "scenario",
]  # fmt: skip

V2 = "/api/2.0/mlflow/"
V3 = "/api/3.0/mlflow/"
AJAX = "/ajax-api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"

Query = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Ours:
    """Our own answer where MLflow's is a fault or a hole. `rule` says why; what is None is not compared.

    A `message` that ends in … is how the text begins.
    """

    rule: str
    status: int
    code: str | None = None
    message: str | None = None
    body: Any = None


@dataclass(frozen=True)
class Step:
    """One request.

    `{name}` in path, query, body and headers stands for what an earlier step saved under that name. `save` maps a name
    to the place in the answer: dotted keys and indices, or `header:NAME`. `body` is bytes (sent as they are), None (no
    body at all) or what JSON can hold. `only` names a part of each item of a list, like runs.info.run_name: of a good
    answer that is kept instead of the whole items.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    save: Mapping[str, str] = field(default_factory=dict)
    deliberate: Ours | None = None
    wait_s: float = 0.0
    only: str = ""


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: Sequence[Step]


def scenario(name: str, *steps: Step | Sequence[Step]) -> Scenario:
    """Steps, and lists of steps, in order."""
    flat: list[Step] = []
    for item in steps:
        flat += [item] if isinstance(item, Step) else item
    return Scenario(name, flat)


def get(path: str, query: Query | None = None, **more: Any) -> Step:
    return Step("GET", full(path), query or {}, **more)


def post(path: str, body: Any = None, **more: Any) -> Step:
    return Step("POST", full(path), body={} if body is None else body, **more)


def patch(path: str, body: Any = None, **more: Any) -> Step:
    return Step("PATCH", full(path), body={} if body is None else body, **more)


def delete(path: str, body: Any = None, **more: Any) -> Step:
    return Step("DELETE", full(path), body=body, **more)


def put(path: str, body: bytes, **more: Any) -> Step:
    return Step("PUT", full(path), body=body, **more)


def full(path: str) -> str:
    """A path that does not start with a slash is meant below /api/2.0/mlflow."""
    return path if path.startswith("/") else V2 + path


def experiment(name: str, save: str = "exp", **more: Any) -> Step:
    """Create an experiment and save its id."""
    return post("experiments/create", {"name": name, **more}, save={save: "experiment_id"})


def run(save: str = "run", exp: str = "exp", *, name: str | None = None, **more: Any) -> Step:
    """Create a run and save its id. It is named after the word it is saved under."""
    body = {"experiment_id": f"{{{exp}}}", "run_name": name or save, "start_time": 1000, "user_id": "ann", **more}
    return post("runs/create", body, save={save: "run.info.run_id"})


def get_run(save: str = "run") -> Step:
    return get("runs/get", {"run_id": f"{{{save}}}"})


def batch(save: str = "run", **entities: Any) -> Step:
    """Params and tags as a dict, metrics as a dict of last values or a list of (key, value, timestamp, step)."""
    body: dict[str, Any] = {"run_id": f"{{{save}}}"}
    for kind, items in entities.items():
        if isinstance(items, dict) and kind == "metrics":
            items = [(key, value, 1000, 0) for key, value in items.items()]
        if isinstance(items, dict):
            body[kind] = [{"key": key, "value": value} for key, value in items.items()]
        else:
            body[kind] = [dict(zip(("key", "value", "timestamp", "step"), item, strict=True)) for item in items]
    return post("runs/log-batch", body)


REJECTED = "a user's error is never answered with 5xx: clients would send it again for minutes"
SYNTAX = "what the tokens of a broken filter are is the parser's affair"
TOKENS = "page tokens are opaque, each server has its own"
NO_ROUTE = "unknown routes answer in JSON, as all else does"
NOT_OURS = "an error's text never shows the database"


def accepts(rule: str) -> Ours:
    """We take what MLflow refuses."""
    return Ours(rule, 200)


def rejects(code: str | None = "INVALID_PARAMETER_VALUE", status: int = 400, rule: str = REJECTED, **more: Any) -> Ours:
    return Ours(rule, status, code, **more)


BAD_TOKEN = Ours(TOKENS, 400, "INVALID_PARAMETER_VALUE")
BROKEN = Ours(SYNTAX, 400, "INVALID_PARAMETER_VALUE")
BAD_CLAUSE = Ours(SYNTAX, 400, "INVALID_PARAMETER_VALUE", "Invalid clause(s) in filter string…")


def instead(step: Step, ours: Ours) -> Step:
    """The step, with an answer of our own."""
    return replace(step, deliberate=ours)


def refused(step: Step) -> Step:
    """A step whose bad value MLflow takes for nothing or for 0, and we do not take at all."""
    return replace(step, deliberate=rejects(rule="what is not understood is refused, neither dropped nor taken for 0"))
