"""Files of parameters: YAML, JSON, TOML and Python, and single values of them by dotted keys."""

from __future__ import annotations

import os

from anew.errors import PipelineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator
    from typing import Any

DEFAULT_FILE = "params.yaml"


def read(path: str) -> Any:
    """The data in a file of parameters or metrics; None where there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise PipelineError(f"'{path}' is a directory, expected a parameters file") from None
    except UnicodeDecodeError as error:
        raise PipelineError(f"unable to read: '{path}', is not valid utf-8 ({error})") from error
    return parse(text, path)


def parse(text: str, path: str) -> Any:
    """The data in `text`, by the ending of `path`; what has none of ours is YAML."""
    ending = os.path.splitext(path)[1].lower()
    try:
        if ending == ".json":
            import json

            return json.loads(text)
        if ending == ".toml":
            import tomllib

            return tomllib.loads(text)
        if ending == ".py":
            return _python(text)
    except (ValueError, SyntaxError) as error:
        raise PipelineError(f"unable to read: '{path}' ({error}): mend it, or get it back from Git") from error
    from anew import yamltext

    return yamltext.load(text, path)


def select(data: Any, keys: Iterable[str]) -> dict[str, Any]:
    """What dotted keys name, `model.depth` or `layers.0`; those that name nothing are left out."""
    found: dict[str, Any] = {}
    for key in keys:
        at = data
        try:
            for step in key.split("."):
                at = _inner(at, step)
        except LookupError:
            continue
        found[key] = at
    return found


def same(now: Any, known: Any) -> bool:
    """Whether a value is what a lock says: a tuple of a Python file stands there as a list."""
    return bool(now == known or (isinstance(now, tuple) and list(now) == known))


def _inner(at: Any, step: str) -> Any:
    if isinstance(at, dict):
        if step in at:
            return at[step]
        for key, value in at.items():  # a number, as YAML may have it
            if str(key) == step:
                return value
    elif isinstance(at, (list, tuple)) and step.isdigit():
        return at[int(step)]
    raise LookupError(step)


def _python(text: str) -> dict[str, Any]:
    """What a Python file assigns, without running it: literals of the module, of classes and of their `__init__`."""
    import ast

    return dict(_assigned(ast.parse(text), of_self=False))


def _assigned(tree: ast.Module | ast.ClassDef | ast.FunctionDef, of_self: bool) -> Iterator[tuple[str, Any]]:
    import ast

    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name, dict(_assigned(node, of_self=False))
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            yield from _assigned(node, of_self=True)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            name = _name(targets[0], of_self) if len(targets) == 1 else None
            if name is not None:
                try:
                    yield name, ast.literal_eval(node.value)
                except ValueError:
                    continue  # computed: nobody knows without running it


def _name(target: ast.expr, of_self: bool) -> str | None:
    import ast

    if isinstance(target, ast.Name) and not of_self:
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        return target.attr
    return None
