"""Nothing imports upwards: the floors of docs/architecture.md, held by the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "anew"
FLOORS = [
    "errors", "background", "nesting", "yamltext", "store", "index", "projects", "views", "models", "data", "remotes",
    "lineage", "webhooks", "capture", "values", "live", "filesystem", "reproduction", "api", "sync", "githooks",
    "retention", "pipeline", "demo", "hub", "routes", "transfer", "protocols", "server", "cli",
]  # fmt: skip
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "boot" not in path.parts and "scripts" not in path.parts)


def floor_of(module: str) -> int:
    """The floor of `anew.<room>…`; -1 for what everyone may use."""
    room = module.split(".")[1] if "." in module else ""
    room = "live" if room == "inprocess" else room  # two halves of one noun
    return FLOORS.index(room) if room in FLOORS else -1


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "anew":
                found |= {f"anew.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        found |= imports(node)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_imports_upwards(path: Path) -> None:
    module = "anew." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    own = floor_of(module)
    if own < 0:
        return  # anew/__init__.py and __main__.py stand above all
    above = [name for name in imports(ast.parse(path.read_text())) if name.startswith("anew.") and floor_of(name) > own]
    assert not above, f"{module} imports from a floor above it: {above}"


def test_a_wrong_import_would_be_found() -> None:
    assert floor_of("anew.cli.text") > floor_of("anew.store.journal")
    assert imports(ast.parse("def f():\n    from anew.cli import text")) == {"anew.cli"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno <= 70, f"{path.name}: {node.name}"
