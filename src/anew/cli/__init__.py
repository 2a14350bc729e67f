"""The command line: `anew VERB …`. Modules are imported by the verb that needs them, so that --help is quick."""

from __future__ import annotations

import os
import sys

from anew.errors import AnewError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code (see anew.errors)."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments: object = None
    if words[:1] != ["dvc"]:
        from anew.cli.parser import parse

        arguments = parse(words)
    try:
        if arguments is None:  # with a parser of its own, for it has to start as fast as Git
            from anew.cli.dvc import main as dvc

            return dvc(words[1:])
        return int(arguments.act(arguments))  # type: ignore[attr-defined]
    except AnewError as error:
        return _report(error, arguments)
    except BrokenPipeError:
        # The reader left (`anew runs | head`); what it did not take is not missed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _report(AnewError(f"{where}{error.strerror or error}"), arguments)
    except KeyboardInterrupt:
        return 130


def _report(error: AnewError, arguments: object) -> int:
    print(f"anew: {error}", file=sys.stderr)
    if getattr(arguments, "json", False):
        import json

        body: dict[str, object] = {"error": str(error), "kind": type(error).__name__, "exit_code": error.exit_code}
        print(json.dumps(body | {"missing": getattr(error, "missing", [])}))
    return error.exit_code


def script() -> None:
    """The entry point of the `anew` command."""
    sys.exit(main())


__all__ = ["main", "script"]
