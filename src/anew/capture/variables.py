"""The environment variables that a script itself asks for, found in its source: they bear on its result by intent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from anew.capture.redact import MASK, Redactor

# os.environ["X"], os.environ.get("X"), os.getenv("X"), and in shell scripts $X and ${X}.
_ASKED = re.compile(
    r"(?:environ(?:\.get|\.setdefault|\.pop)?\s*[\[(]|getenv\s*\()\s*['\"]([A-Za-z_]\w*)['\"]|\$\{?([A-Za-z_]\w*)"
)
# Where things are on this machine, and what every session sets anew.
PLACES = {
    "HOME", "PATH", "PWD", "OLDPWD", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "HOSTNAME", "TERM", "SHLVL",
    "DISPLAY", "EDITOR", "PS1", "IFS", "RANDOM", "SECONDS", "LINENO", "PPID", "UID", "EUID", "BASH_SOURCE", "COLUMNS",
    "PYTHONPATH", "LD_PRELOAD", "PYTHONHASHSEED",
}  # fmt: skip


def is_the_scripts(name: str) -> bool:
    """Whether a variable of this name is passed to the script: those of Anew's own are not, but for a login.

    >>> is_the_scripts("HOME"), is_the_scripts("ANEW_STORE")
    (True, False)
    """
    return name == "ANEW_TOKEN" or not name.startswith("ANEW_")


# The whole environment: its items, a copy of it, a loop over it.
_WHOLE = re.compile(
    r"os\.environ\.(?:items|keys|values|copy)\b|(?:dict|list|sorted|len|vars|json\.dumps)\(os\.environ|\bin\s+os\.environ\s*[:\])]"
)


def reads_all(sources: Iterable[str]) -> bool:
    """Whether the sources go through all variables.

    >>> reads_all(["for name in os.environ: print(name)"]), reads_all(["os.environ['A']"])
    (True, False)
    """
    return any(_WHOLE.search(text) for text in sources)


def asked_for(sources: Iterable[str]) -> set[str]:
    """The names that the sources read.

    >>> sorted(asked_for(['os.environ.get("FAST")', 'echo ${SIZE} $HOME']))
    ['FAST', 'SIZE']
    """
    found = {name for text in sources for match in _ASKED.findall(text) for name in match if name}
    return {name for name in found - PLACES if not name.startswith("ANEW_")}


def named_in(binary: bytes, environ: Iterable[str]) -> set[str]:
    """The variables whose names stand in compiled code, each as a text of its own, as `getenv("NAME")` leaves them.

    >>> sorted(named_in(b"usage: %s\\0SIZE\\0MODEL_HOME", ["SIZE", "HOME", "MODEL"]))
    ['SIZE']
    """
    ended = binary + b"\0"
    return {name for name in environ if name not in PLACES and b"\0" + name.encode("utf-8", "replace") + b"\0" in ended}


def asked(names: set[str], environ: Mapping[str, str], redactor: Redactor) -> tuple[dict[str, str], list[str]]:
    """Values of those that are set and no secrets, and the names of those that are not set."""
    values = {}
    for name in sorted(names & environ.keys()):
        shown = redactor.value(name, environ[name])
        if not redactor.is_secret(name) and isinstance(shown, str) and MASK not in shown:
            values[name] = shown
    return values, sorted(names - environ.keys())
