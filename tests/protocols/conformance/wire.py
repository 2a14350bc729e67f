"""Sends the steps of a scenario and makes its answers comparable: what differs from server to server gets a name."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from protocols.conformance.steps import Scenario, Step

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(rf"(?<![0-9a-zA-Z])(?:(?:m-|tr-|a-)?[0-9a-f]{{32}}|{_UUID})(?![0-9a-f])")
_RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d{1,3}")
_DATE = re.compile(r"20(?:2[4-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_ROOT = re.compile(r"(mlflow-artifacts:/|(?:artifact|path|file): '|resolve to ')(\d+)(?=/|$)")
_OF_EXPERIMENT = re.compile(r"(?i)(experiment[^0-9]{0,40})(\d+)(?!\w|\.\w)")
_FOLDER = re.compile(r"/tmp/tmp\w+")
_SQL_VALUES = re.compile(r"\[parameters: .*\]", re.DOTALL)
_SET = re.compile(r"\{'[^{}]*'\}")
_NOW_MS = range(1_700_000_000_000, 4_000_000_000_000)
_KEPT_HEADERS = (
    "content-disposition", "x-content-type-options", "accept-ranges", "content-range", "etag", "last-modified",
)  # fmt: skip
_MOST_BODY_CHARACTERS = 12_000
TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    """What came back for a step, normalised. `request` is the step as it was sent."""

    request: str
    status: int
    headers: dict[str, str]
    body: Any

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "headers": self.headers, "body": self.body}


def replay(scenario: Scenario, base_url: str) -> list[Answer]:
    """The answers to every step, in order."""
    session = _Session(scenario, base_url)
    return [session.take(step) for step in scenario.steps]


class _Session:
    def __init__(self, scenario: Scenario, base_url: str) -> None:
        self.host = urlsplit(base_url).netloc
        self.saved: dict[str, Any] = {}
        self.names = Names({found for step in scenario.steps for found in _ID.findall(describe(step))})

    def take(self, step: Step) -> Answer:
        if step.wait_s:
            time.sleep(step.wait_s)
        self.names.next_step()
        method, target, headers, body = self._request(step)
        # A connection for each step: a server may close one after an error, and the next step shall not suffer for it.
        connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            data = response.read()
        except (http.client.HTTPException, ConnectionError) as error:
            return Answer(f"{method} {target} {_shown(body)}".rstrip(), 0, {}, f"no answer: {type(error).__name__}")
        finally:
            connection.close()
        sent = {key.lower(): value for key, value in response.getheaders()}
        found = _parse(step, sent, data)
        for name, where in step.save.items():
            self.saved[name] = value = _pick(where, sent, found)
            self.names.learn(name, value, is_experiment=where.endswith("experiment_id"))
        return Answer(
            f"{method} {target} {_shown(body)}".rstrip(),
            response.status,
            {key: self.names.text(value) for key, value in _headers(step, response.status, sent).items()},
            _short(_only(step.only, self.names.value(found))),
        )

    def _request(self, step: Step) -> tuple[str, str, dict[str, str], bytes | None]:
        """Method, target, headers and body, with what was saved filled in."""
        target = str(self._fill(step.path))
        target = quote(target, safe="/%?&=:;,+@!$'()*~-._\\")
        if step.query:
            target += "?" + urlencode(self._fill(dict(step.query)), doseq=True)
        headers = {key: str(self._fill(value)) for key, value in step.headers.items()}
        headers = {"Host": self.host, "Accept": "*/*", **headers}
        if step.body is None or isinstance(step.body, bytes):
            return step.method, target, headers, step.body
        headers.setdefault("Content-Type", "application/json")
        return step.method, target, headers, json.dumps(self._fill(step.body)).encode()

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            whole = re.fullmatch(r"\{(\w+)\}", value)
            if whole and whole[1] in self.saved:
                return self.saved[whole[1]]
            return re.sub(r"\{(\w+)\}", lambda found: str(self.saved.get(found[1], found[0])), value)
        if isinstance(value, Mapping):
            return {self._fill(key): self._fill(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._fill(item) for item in value]
        return value


class Names:
    """Names for what a server makes up. The same value has the same name throughout a scenario."""

    def __init__(self, kept: set[str]) -> None:
        self._known: dict[str, str] = {value: value for value in kept}
        self._experiments: dict[str, str] = {"0": "0"}
        self._made = 0
        self._step = 0

    def next_step(self) -> None:
        """Names are numbered within a step: one that is missing in an answer changes none of the later ones."""
        self._step, self._made = self._step + 1, 0

    def learn(self, name: str, value: Any, is_experiment: bool) -> None:
        """A value was saved: it goes by that name from now on."""
        if not isinstance(value, str):
            return
        if is_experiment:
            self._experiments.setdefault(value, f"{{{name}}}")
        elif _ID.fullmatch(value):
            self._known.setdefault(value, f"{{{name}}}")

    def value(self, value: Any, key: str = "", parent: str = "") -> Any:
        """A whole answer, its dicts taken in the order of their keys."""
        if isinstance(value, dict):
            value = _opened(value)
            return {self.text(name): self.value(value[name], name, key) for name in sorted(value)}
        if isinstance(value, list):
            # Tags, params and last metrics are sets; everything else that is a list has an order.
            if key in ("tags", "params") or (key, parent) == ("metrics", "data"):
                value = sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
            # Records of one request have one time, and then the order of their ids.
            elif key == "records":
                value = sorted(value, key=lambda item: json.dumps(item.get("inputs"), sort_keys=True))
            # Histories of several runs come in the order of ids, which are random.
            elif key == "metrics" and all(isinstance(item, dict) and "run_id" in item for item in value):
                value = sorted(value, key=lambda item: self.text(item["run_id"]))
            return [self.value(item, key, parent) for item in value]
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, int) and not isinstance(value, bool):
            if key == "experiment_id":
                return self._experiment(str(value))
            return "{time}" if value in _NOW_MS else "{time-ns}" if value // 1_000_000 in _NOW_MS else value
        return value

    def text(self, text: str) -> str:
        """A text in which ids and moments are replaced."""
        text = _ID.sub(lambda found: self._name("id", found[0]), text)
        text = _DATE.sub("{date}", text)
        text = _FOLDER.sub("{folder}", text)
        text = _SQL_VALUES.sub("[parameters: …]", text)
        # MLflow prints Python sets, whose order differs from process to process.
        text = _SET.sub(lambda found: "{" + ", ".join(sorted(found[0][1:-1].split(", "))) + "}", text)
        text = _ROOT.sub(lambda found: found[1] + self._experiment(found[2]), text)
        return _OF_EXPERIMENT.sub(lambda found: found[1] + self._experiments.get(found[2], found[2]), text)

    def _string(self, value: str, key: str) -> str:
        if key in ("experiment_id", "experiment_ids") and value.isdecimal():
            return self._experiment(value)
        if key == "next_page_token":
            return "{token}"
        if value.isdecimal() and int(value) in _NOW_MS:
            return "{time-text}"
        if _RANDOM_NAME.fullmatch(value):
            return self._name("random-name", value)
        return self.text(value)

    def _experiment(self, value: str) -> str:
        if value not in self._experiments:
            self._made += 1
            self._experiments[value] = f"{{place-{self._step}-{self._made}}}"
        return self._experiments[value]

    def _name(self, kind: str, value: str) -> str:
        if value not in self._known:
            self._made += 1
            self._known[value] = f"{{{kind}-{self._step}-{self._made}}}"
        return self._known[value]


def describe(step: Step) -> str:
    """A step as it is written, to tell in the golden file which request an answer belongs to."""
    query = "?" + urlencode(dict(step.query), doseq=True, safe="{}") if step.query else ""
    body = step.body if isinstance(step.body, bytes) or step.body is None else json.dumps(step.body).encode()
    headers = "".join(f" {key}: {value}" for key, value in step.headers.items())
    return f"{step.method} {step.path}{query}{headers} {_shown(body, 300)}".rstrip()


def _shown(body: bytes | None, most: int = 2000) -> str:
    text = "" if body is None else body.decode("utf-8", "backslashreplace")
    if len(text) <= most:
        return text
    return f"{text[:most]}… {len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _is_file(step: Step) -> bool:
    """Whether the answer is an artifact's bytes."""
    path = step.path.partition("?")[0]
    routes = ("/mlflow-artifacts/artifacts/", "get-artifact", "/artifacts/files")
    return step.method in ("GET", "HEAD") and any(route in path for route in routes)


def _parse(step: Step, headers: Mapping[str, str], data: bytes) -> Any:
    kind = headers.get("content-type", "")
    is_error = data.startswith((b'{"error_code"', b'{"detail"'))
    if kind.startswith("application/json") and data and (is_error or not _is_file(step)):
        found = json.loads(data)
        if isinstance(found, dict) and "error_code" in found:
            # Newer servers add these two, and no client reads them.
            found = {key: value for key, value in found.items() if key not in ("sqlstate", "error_class")}
        return found
    if data[:15].lower() == b"<!doctype html>":
        return "{html}"
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _headers(step: Step, status: int, headers: Mapping[str, str]) -> dict[str, str]:
    kept = {}
    if "content-type" in headers:
        kept["content-type"] = headers["content-type"].lower().replace("; ", ";")
    if _is_file(step) and status < 400:
        kept |= {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        kept |= {name: _file_name(kept[name]) for name in ("content-disposition",) if name in kept}
        kept["content-type"] = kept.get("content-type", "").removesuffix(";charset=utf-8")
        kept |= {name: f"{{{name}}}" for name in ("etag", "last-modified") if name in kept}
    return kept


def _file_name(disposition: str) -> str:
    """`attachment NAME`: a name may be quoted, or escaped as RFC 5987 has it, and means the same."""
    kind, _, rest = disposition.partition(";")
    escaped = re.search(r"filename\*=UTF-8''(\S+)", rest)
    plain = re.search(r'filename="?([^"]*)"?', rest)
    return f"{kind} {unquote(escaped[1]) if escaped else plain[1] if plain else ''}".rstrip()


def _opened(found: dict[str, Any]) -> dict[str, Any]:
    """Of a dataset: JSON that is sent as text, whose keys have no order; and of what its digest is one."""
    texts = ["records"]
    if "dataset_id" in found and "digest" in found:
        texts += ["tags", "schema", "profile"]
        told = f"{found.get('name')}:{found.get('last_update_time')}"
        fits = found["digest"] == hashlib.sha256(told.encode()).hexdigest()[:8]
        found = found | {"digest": "{digest}" if fits else "{digest of before}"}
    held = {name: found[name] for name in texts if isinstance(found.get(name), str)}
    # NaN, unlike "{NaN}", is not equal to itself.
    return found | {name: json.loads(text, parse_constant="{{{}}}".format) for name, text in held.items()}


def _pick(where: str, headers: Mapping[str, str], found: Any) -> Any:
    """The value at a place in the answer; the text "(missing)" if there is none."""
    if where.startswith("header:"):
        return headers.get(where.removeprefix("header:"), "(missing)")
    for part in where.split("."):
        try:
            found = json.loads(found) if isinstance(found, str) else found  # JSON that is sent as text
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return "(missing)"
    return found


def _only(where: str, body: Any) -> Any:
    """An answer in which each item of a list is cut down to one value, as Step.only says."""
    name, _, rest = where.partition(".")
    if not rest or not isinstance(body, dict) or name not in body:
        return body
    return body | {name: [_pick(rest, {}, item) for item in body[name]]}


def _short(body: Any) -> Any:
    """A body too long to be read by people is compared by its digest."""
    text = json.dumps(body, sort_keys=True)
    if len(text) <= _MOST_BODY_CHARACTERS:
        return body
    return {"begins": text[:200], "characters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def same(expected: Any, got: Any) -> bool:
    """Equality of JSON values: 1 and 1.0 are the same number, true is none, and keys have no order."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(value, got[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(same(a, b) for a, b in zip(expected, got, strict=True))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    return bool(expected == got)
