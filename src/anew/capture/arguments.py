"""What a command line says: which program, and which settings."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anew.errors import UsageError

_ASSIGNMENT = re.compile(r"^[+~]{0,2}([A-Za-z_][\w./@-]*)=(.*)$")


@dataclass(frozen=True, slots=True)
class Command:
    """`words` is what is executed; `script` the file it names (None for a module or another program)."""

    words: list[str]
    script: Path | None
    title: str
    arguments: list[str]


def command(words: Sequence[str], cwd: Path) -> Command:
    """Read what follows `anew run`: a script with arguments, `-m module …`, or any command after `--`.

    Raises UsageError when nothing is named, or what is named is not there.
    """
    if not words:
        raise UsageError("nothing to run: anew run SCRIPT [ARGUMENT …], anew run -m MODULE …, or anew run -- COMMAND …")
    if words[0] == "-m":
        if len(words) < 2:
            raise UsageError("-m needs the name of a module")
        return Command([sys.executable, "-m", *words[1:]], None, words[1].rpartition(".")[2], list(words[2:]))
    if words[0] == "--":
        return _program(list(words[1:]), cwd)
    script = cwd / words[0]
    if script.is_file() and (script.suffix in (".py", ".pyw") or not _is_program(script)):
        return Command([sys.executable, *words], script.resolve(), script.stem, list(words[1:]))
    if script.is_dir() and (script / "__main__.py").is_file():
        return Command([sys.executable, *words], script.resolve() / "__main__.py", script.name, list(words[1:]))
    if words[0].endswith(".py"):
        raise UsageError(f"there is no script {words[0]} in {cwd}")
    return _program(list(words), cwd)


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError:
        return False
    return start == b"#!" or start == b"\x7fE" or path.suffix in (".sh", ".bash")


def _program(words: list[str], cwd: Path) -> Command:
    if not words:
        raise UsageError("nothing to run after --")
    path = cwd / words[0]
    script = _script_of(words, cwd)
    if path.is_file() and path.suffix in (".sh", ".bash") and not path.stat().st_mode & 0o111:
        words = [shutil.which("bash") or "sh", *words]
    elif shutil.which(words[0]) is None and not path.is_file():
        raise UsageError(f"there is no command {words[0]}")
    return Command(words, script, (script or path).stem, words[1:])


def _script_of(words: list[str], cwd: Path) -> Path | None:
    """The first word that names a source file: `python train.py`, `bash pipeline.sh`, `torchrun … train.py`."""
    for word in words:
        path = cwd / word
        if path.suffix in (".py", ".sh", ".bash") and path.is_file():
            return path.resolve()
    return None


def settings(arguments: Sequence[str]) -> dict[str, Any]:
    """Settings on a command line: `--lr 0.1`, `--lr=0.1`, `--fast`, and `model.depth=3`, with typed values.

    >>> settings(["--lr", "0.1", "--fast", "data.size=3", "--layers=[1, 2]"])
    {'lr': 0.1, 'fast': True, 'data.size': 3, 'layers': [1, 2]}
    """
    found: dict[str, Any] = {}
    waiting: str | None = None
    for word in arguments:
        if word.startswith("--") and len(word) > 2:
            if waiting:
                found[waiting] = True
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            waiting = None if equals else name
            if equals:
                found[name] = typed(value)
        elif match := _ASSIGNMENT.match(word):
            found[match[1]] = typed(match[2])
            found |= {waiting: True} if waiting else {}
            waiting = None
        elif waiting:
            found[waiting] = typed(word)
            waiting = None
    if waiting:
        found[waiting] = True
    return found


def typed(text: str) -> Any:
    """The number, boolean, None or list that `text` spells; else `text` itself."""
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in ("none", "null"):
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        pass
    if text[:1] in "[({" and text[-1:] in "])}":
        import ast

        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    return text
