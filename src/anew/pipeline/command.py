"""How the command of a stage is run: line by line, each by the user's own shell without its settings."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"], "fish": ["--no-config"]}


def lines(command: str | list[str]) -> list[str]:
    return list(command) if isinstance(command, list) else command.splitlines()


def words(line: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is executed for one line of a command."""
    shell = (os.environ if environ is None else environ).get("SHELL") or "/bin/sh"
    return [shell, *_PLAIN.get(os.path.basename(shell).lower(), []), "-c", line]
