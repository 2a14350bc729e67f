"""Route and Call: what a request asks for, checked and parsed, without a word about sockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

from anew.errors import UsageError
from anew.hub import Hub

Scope = Literal["public", "read", "write", "admin"]
Style = Literal["native", "mlflow"]
SCOPES: tuple[Scope, ...] = ("public", "read", "write", "admin")


@dataclass
class Call:
    """One request. `path` holds what the route's braces took; `body` the JSON object that was sent, {} for none."""

    hub: Hub
    method: str
    path: dict[str, str]
    query: list[tuple[str, str]]
    body: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None

    def argument(self, name: str, default: str = "") -> str:
        """The last value of a query argument."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def arguments(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A query argument that is a whole number. Raises UsageError."""
        text = self.argument(name)
        if not text:
            return default
        if not re.fullmatch(r"-?\d{1,18}", text) or not least <= int(text) <= most:
            raise UsageError(f"{name}={text!r:.60} is not a whole number from {least} to {most}")
        return int(text)


Handler = Callable[[Call], Any]  # gives what JSON can hold, or a Starlette response


@dataclass(frozen=True)
class Route:
    """`path` has parts like {id}, and at its end perhaps {rest...}, which takes slashes, too.

    An `inline` handler never waits for a disk or a lock, and is called where requests are received; any other gets a
    thread, which costs more than many an answer. `at_once` is asked first, where there is one: it answers when there is
    nothing to wait for, and else gives None without having done a thing. A `streams` handler is a coroutine that takes
    (call, request) and reads the body itself.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    scope: Scope = "read"
    style: Style = "native"
    inline: bool = False
    at_once: Callable[[Call], Any] | None = None
    streams: bool = False
    any_page: bool = False  # pages of any origin may ask for it, those of none, too: it tells them nothing
    about: str = ""  # one line, for the OpenAPI document
    arguments: Mapping[str, str] = field(default_factory=dict)  # query argument: what it means
    takes: Mapping[str, Any] = field(default_factory=dict)  # JSON schema of the properties of the body
    needs: Sequence[str] = ()  # the properties of the body that must be there
    gives: str = ""  # the answer's schema, by its name among those of the OpenAPI document


class Router:
    """Finds the route of a request: a dict for paths without braces, patterns for the rest."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = list(routes)
        self._plain: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        made: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            if "{" not in route.path:
                self._plain.setdefault(route.path, {})[route.method] = route
                continue
            shape = re.sub(r"\{\w+(\.\.\.)?\}", r"{\1}", route.path)
            methods = made.get(shape)
            if methods is None:
                methods = made[shape] = {}
                self._patterns.append((_pattern(route.path), methods))
            methods[route.method] = route
        # The more of a path is spelt out, the more is meant: …/runs/search comes before …/runs/{id}.
        self._patterns.sort(key=lambda pair: pair[0].pattern.count("("))

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
        """The route, what its braces took, and whether the path is known under any method."""
        methods = self._plain.get(path)
        if methods is not None and method in methods:
            return methods[method], {}, True
        known = methods is not None
        for pattern, by_method in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            known = True
            route = by_method.get(method)
            if route is not None:
                names = re.findall(r"\{(\w+)", route.path)
                return route, dict(zip(names, match.groups(), strict=True)), True
        return None, {}, known


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?:\.\.\.)?\})", path)
    return re.compile(
        "".join(
            re.escape(part) if not part.startswith("{") else "(.*)" if part.endswith("...}") else "([^/]+)"
            for part in parts
        ),
        re.DOTALL,
    )


def parse_query(text: bytes) -> list[tuple[str, str]]:
    """The arguments behind the question mark. Raises UsageError when there are too many."""
    if not text:
        return []
    try:
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=10_000, errors="replace")
    except ValueError:
        raise UsageError("the request has more than 10,000 arguments") from None
