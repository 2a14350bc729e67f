"""The public API is what `anew` exports, and its import is light."""

from __future__ import annotations

import subprocess
import sys

import anew


def test_the_public_names() -> None:
    assert anew.__all__ == [
        "Figure", "Histogram", "Image", "Run", "RunView", "Runs", "Table", "Text", "__version__", "add", "finish",
        "init", "log", "reproduce", "run", "runs", "save", "seed", "use",
    ]  # fmt: skip
    for name in anew.__all__:
        assert getattr(anew, name) is not None


def test_functions_are_not_hidden_by_modules() -> None:
    import anew.api
    import anew.reproduction.verdict

    assert callable(anew.run) and callable(anew.reproduce) and callable(anew.runs)


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, anew; print([m for m in ('numpy', 'sqlite3', 'pyarrow', 'uv', 'asyncio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
