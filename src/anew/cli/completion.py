"""Completion scripts, made from the parser."""

from __future__ import annotations

import argparse

from anew.cli.parser import build


def verbs() -> dict[str, list[str]]:
    """Each verb with its flags."""
    action = next(a for a in build()._actions if isinstance(a, argparse._SubParsersAction))
    return {
        name: sorted(flag for item in parser._actions for flag in item.option_strings if flag.startswith("--"))
        for name, parser in action.choices.items()
    }


def dvc_verbs() -> list[str]:
    from anew.cli.dvc_parser import VERBS

    return list(VERBS)


def script(shell: str) -> str:
    """The script that `anew completion SHELL` prints."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _cases() -> str:
    return "\n".join(f'    {name}) flags="{" ".join(flags)}" ;;' for name, flags in verbs().items())


def _bash() -> str:
    return f"""# eval "$(anew completion bash)"
_anew() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" flags=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(verbs())}" -- "$current")); return
  fi
  case "${{COMP_WORDS[1]}}" in
{_cases()}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) if [ "${{COMP_WORDS[1]}}" = dvc ] && [ "$COMP_CWORD" -eq 2 ]; then
         COMPREPLY=($(compgen -W "{" ".join(dvc_verbs())}" -- "$current")); return
       fi ;;&
    *) case "${{COMP_WORDS[1]}}" in
         show|logs|tail|diff|reproduce|why|restore)
           COMPREPLY=($(compgen -W "last $(ls "${{ANEW_STORE:-.anew}}/runs" 2>/dev/null)" -- "$current")) ;;
         *) COMPREPLY=($(compgen -f -- "$current")) ;;
       esac ;;
  esac
}}
complete -o filenames -F _anew anew
"""


def _zsh() -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash().replace("completion bash", "completion zsh")


def _fish() -> str:
    lines = ["# anew completion fish | source"]
    lines.append(f"complete -c anew -f -n __fish_use_subcommand -a '{' '.join(verbs())}'")
    for name, flags in verbs().items():
        seen = f"complete -c anew -n '__fish_seen_subcommand_from {name}' -l "
        lines += [seen + flag.removeprefix("--") for flag in flags]
    return "\n".join(lines) + "\n"
