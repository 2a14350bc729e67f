"""Every verb and flag of the command line. docs/reference/cli.md is generated from here."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from anew._version import __version__
from anew.errors import USAGE

_RUN = "a run: its id, a unique prefix of 4 or more, its name, last, last~N, or best:METRIC"
_REMOTE = "by default the project's default remote"
_EXAMPLES = """\
start here:
  anew run train.py --lr 0.01        run a script, unmodified, and keep everything about it
  anew runs                          list what was run
  anew reproduce last                run it again, and prove it the same
"""
_CODES = """\
exit codes: 0 ok, 1 error, 2 wrong usage, 3 ran but did not reproduce, 4 not reproducible; anew run: the script's own
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"anew: {message}\n{self.format_usage().strip()}", file=sys.stderr)
        if "--json" in sys.argv:
            import json

            print(json.dumps({"error": message, "kind": "UsageError", "exit_code": USAGE, "missing": []}))
        raise SystemExit(USAGE)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The verb and its arguments, as `act` (the function that does it) and its settings. Exits with 2 on bad ones."""
    words = list(words)
    rest: list[str] = []
    if words[:1] == ["run"]:
        words, rest = _split_run(words)
    arguments = build(words[0] if words else "").parse_args(_joined(words))
    if arguments.verb == "run":
        arguments.words = rest
    return arguments


def whole_number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than nothing")
    return number


def seconds(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait")
    return number


def days(text: str) -> float:
    number = float(text)
    if not 0 <= number < 36_500:
        raise argparse.ArgumentTypeError(f"{text} is no number of days")
    return number


def _joined(words: list[str]) -> list[str]:
    """`--sort -metrics.acc` as one word: to argparse, a word that starts with - is an option."""
    out: list[str] = []
    for word in words:
        if out and out[-1] == "--sort":
            out[-1] = f"--sort={word}"
        else:
            out.append(word)
    return out


def _split_run(words: list[str]) -> tuple[list[str], list[str]]:
    """Ours before the script's name (or -m, or --); everything from there on is the script's."""
    at = 1
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word in ("-m", "--"):
            break
        at += 2 if word in ("--name", "--project", "--tag", "--timeout") else 1
    return words[:at], words[at:]


def build(verb: str = "") -> argparse.ArgumentParser:
    """The whole parser; of one `verb`, at least what it takes to understand that: making each costs a millisecond."""
    parser = _Parser(
        prog="anew",
        description="Track experiments, and run them anew: proven the same.",
        epilog=_EXAMPLES + "\n" + _CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"anew {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    groups = (_running, _finding, _redoing, _pipelines, _versioning, _sharing, _keeping, _syncing, _serving, _importing)
    for group in groups:
        group(verbs)
        if verb in verbs.choices:
            return parser
    verbs.add_parser("dvc", help="DVC's commands for data, on a DVC project as it stands: anew dvc --help")
    return parser


def _verb(verbs: Any, name: str, module: str, help: str, **more: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help, **more)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, and nothing else")
    parser.set_defaults(act=_lazily(module, name.replace("-", "_")))
    return parser


def _lazily(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def act(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f"anew.cli.{module}"), function)(arguments))

    return act


def _running(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "run",
        "running",
        "run a script (or -m MODULE, or -- COMMAND) and keep everything needed to run it again",
        usage="anew run [--name NAME] [--project NAME] [--tag NAME[=VALUE]] [--timeout SECONDS] [--quiet] [--json] "
        "SCRIPT|-m MODULE|-- COMMAND …",
    )
    parser.add_argument("--name", help="a name for the run; by default the script's, with the start of the id")
    parser.add_argument("--project", help="by default the name of the project's folder")
    parser.add_argument("--tag", action="append", default=[], metavar="NAME[=VALUE]", help="may be given several times")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="stop the script after so long")
    parser.add_argument("--quiet", action="store_true", help="no line about the run at its end")


def _finding(verbs: Any) -> None:
    parser = _verb(verbs, "runs", "finding", "list, search, sort and group runs")
    parser.add_argument("query", nargs="?", default="", help="such as: metrics.val_acc > 0.9 and params.lr = 0.1")
    parser.add_argument("--sort", action="append", metavar="COLUMN", help="with - in front: the greatest first")
    parser.add_argument("--limit", type=whole_number, default=20, help="at most so many (default 20; 0: all)")
    parser.add_argument("--group", metavar="COLUMN", help="one row per value of COLUMN")
    parser.add_argument("--aggregate", action="append", metavar="WHAT:COLUMN", help="with --group: mean:metrics.loss")
    parser.add_argument("--columns", help="columns to show, with commas between")
    parser.add_argument("--output", metavar="FILE", help="write to a .csv, .json or .parquet file instead")
    for name, help_ in (
        ("show", "everything about a run"),
        ("logs", "what a run printed"),
        ("tail", "follow what a run prints, until it ends"),
    ):
        parser = _verb(verbs, name, "finding", help_)
        parser.add_argument("run", help=_RUN)
    parser = _verb(verbs, "diff", "finding", "what differs between two runs, or two versions of data (NAME:v1 v2)")
    parser.add_argument("a", help=_RUN + "; or NAME:VERSION")
    parser.add_argument("b", help=_RUN + "; or NAME:VERSION, or VERSION alone")


def _redoing(verbs: Any) -> None:
    parser = _verb(verbs, "reproduce", "redoing", "run it again from what was kept, compare, and give a verdict")
    parser.add_argument("run", help=_RUN)
    parser.add_argument("--in-place", action="store_true", help="in the project as it is now, not in a clean folder")
    parser.add_argument(
        "--env", choices=["auto", "current", "rebuild"], default="auto", help="auto rebuilds it when it differs"
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="so often; two or more give a noise band")
    parser.add_argument(
        "--tolerance", action="append", default=[], metavar="METRIC=DIFF", help="such as metrics.val_acc=0.002"
    )
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="give up after so long")
    parser.add_argument("--keep", metavar="DIR", help="recreate it in DIR, and leave it there")
    parser = _verb(verbs, "why", "redoing", "what can have moved the result from one run to another, most likely first")
    parser.add_argument("a", help=_RUN)
    parser.add_argument("b", help=_RUN)
    parser = _verb(verbs, "restore", "redoing", "put a run's code, data, environment lock and command into a folder")
    parser.add_argument("run", help=_RUN)
    parser.add_argument("folder", help="a new or empty folder")


def _pipelines(verbs: Any) -> None:
    help_ = "run the stages of a dvc.yaml, each as a run, where something changed"
    actions = verbs.add_parser("pipeline", help=help_, description=help_).add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    for name, help_ in (
        ("run", "run what changed, and what needs it; the rest is as it was, or put back"),
        ("status", "which stages have to be run, and why; which run made the others"),
        ("show", "which stage needs which"),
    ):
        parser = _verb(actions, name, "pipelining", help_)
        parser.set_defaults(act=_lazily("pipelining", "pipeline"))
        if name != "show":
            parser.add_argument("targets", nargs="*", help="stages, or folder/dvc.yaml:stage; by default dvc.yaml")
            parser.add_argument("--all", action="store_true", help="all stages of the project")
        else:
            parser.add_argument("--dot", action="store_true", help="for Graphviz")
            parser.add_argument("--mermaid", action="store_true", help="for Mermaid")
        if name == "run":
            parser.add_argument(
                "-j", "--jobs", type=whole_number, default=1, metavar="N", help="so many at once (1; 0: one a CPU)"
            )
            parser.add_argument("--force", action="store_true", help="run them even if nothing changed")
            parser.add_argument("--downstream", action="store_true", help="the targets and what needs them")
            parser.add_argument("--dry-run", action="store_true", help="only say what would be run, and why")
            parser.add_argument("--keep-going", action="store_true", help="if one fails, do those that don't need it")
            parser.add_argument(
                "--no-run-cache", action="store_true", help="run what was run before with the same, too"
            )
            parser.add_argument("--quiet", action="store_true", help="no lines about the stages")


def _versioning(verbs: Any) -> None:
    parser = _verb(verbs, "init", "hooking", "make the store here; with --git-hooks, have Git look after data, too")
    parser.add_argument(
        "--git-hooks", action=argparse.BooleanOptionalAction, default=None,
        help="large binaries and the output of notebooks stay out of commits; a checkout or merge puts data in place; "
        "dvc.lock is merged stage by stage, a folder's .dvc file file by file",
    )  # fmt: skip
    parser.add_argument(
        "--shared", nargs="?", const="", metavar="GROUP",
        help="let the group of the store's folder, or GROUP, read and write all of it, whatever anybody's umask",
    )  # fmt: skip
    parser = _verb(verbs, "git-hook", "hooking", "what Git calls")
    parser.add_argument("hook", choices=["pre-commit", "post-checkout", "post-merge", "merge"])
    parser.add_argument("rest", nargs="*", help="what Git says to the hook")
    version = "NAME:VERSION: a dataset, and v3, latest, an alias or 8 characters of a digest"
    parser = _verb(verbs, "add", "versioning", "make a version of data: a file or folder, of any size")
    parser.add_argument("paths", nargs="+", metavar="path", help="files or folders of the project")
    parser.add_argument("--name", help="the dataset's; by default what it was before, or the path's last part")
    parser.add_argument("-m", "--message", default="", help="what is new in it")
    parser = _verb(verbs, "status", "versioning", "what changed in versioned data since its version was made")
    parser.add_argument("paths", nargs="*", metavar="path", help="by default all data of the project")
    parser = _verb(verbs, "checkout", "versioning", "put versions of data where they belong")
    parser.add_argument("version", nargs="?", help=version + "; or a path; by default all that the project points to")
    parser.add_argument("path", nargs="?", help="where to; by default where the project has it")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="only these paths of it")
    parser.add_argument("--force", action="store_true", help="give up files that are kept nowhere")
    parser = _verb(verbs, "log", "versioning", "the versions of a dataset, or which datasets there are")
    parser.add_argument("name", nargs="?", help="of a dataset")
    parser = _verb(verbs, "alias", "versioning", "let a name stand for a version of data")
    parser.add_argument("version", help=version)
    parser.add_argument("alias", help="such as golden")
    parser.add_argument("--delete", action="store_true", help="take the alias away")
    parser = _verb(verbs, "cat", "versioning", "read a file of a version in place; of a folder, its list")
    parser.add_argument("path", help="NAME:VERSION/path")
    parser = _verb(verbs, "untrack", "versioning", "stop versioning a path; the data and its versions stay")
    parser.add_argument("paths", nargs="+", metavar="path", help="a path that was added")


def _sharing(verbs: Any) -> None:
    parser = _verb(verbs, "remote", "remotes", "name the places that the project's data is shared through")
    parser.add_argument("action", choices=["add", "list", "remove", "default"])
    parser.add_argument("name", nargs="?", help="such as origin")
    parser.add_argument(
        "url", nargs="?", help="a folder, s3:// gs:// az:// ssh:// webdavs:// or https:// (to read only)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE",
                        help="endpoint, region, profile, account (Azure's), jobs (requests at once)")  # fmt: skip
    parser.add_argument("--default", action="store_true", help="with add: make it the default")
    parser.add_argument("--local", action="store_true", help="for this store only, not in .anewconfig")
    data = "NAME, NAME:VERSION or a path; by default "
    parser = _verb(verbs, "push", "remotes", "send versions of data to a remote: only what it lacks")
    parser.add_argument("data", nargs="*", help=data + "all versions of the datasets that the project points to")
    parser.add_argument("--remote", metavar="NAME", help=_REMOTE)
    parser = _verb(verbs, "fetch", "remotes", "bring content of versions from a remote into the store, no more")
    parser.add_argument("data", nargs="*", help=data + "what the project points to")
    parser.add_argument("--remote", metavar="NAME", help=_REMOTE)


def _keeping(verbs: Any) -> None:
    parser = _verb(verbs, "verify", "keeping", "check every byte of the store, or of a remote, against its checksums")
    parser.add_argument("--remote", nargs="?", const="", metavar="NAME", help="the remote, not the store; " + _REMOTE)
    parser.add_argument(
        "--no-restore", dest="restore", action="store_false", help="only check; don't bring what is lost from a remote"
    )
    parser = _verb(verbs, "gc", "collecting", "free the space of what no run, version, verdict or model names any more")
    parser.add_argument("--grace", type=days, default=1.0, metavar="DAYS", help="what is found goes so much later (1)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    scope = parser.add_argument_group(
        "versions of data to keep", "all of them without; one that a run read or made, or an alias names, always stays"
    )
    scope.add_argument("data", nargs="*", metavar="NAME", help="only look at these datasets")
    scope.add_argument("-w", "--workspace", action="store_true", help="those that the project points to now")
    scope.add_argument("-a", "--all-branches", action="store_true", help="and those of the tips of all branches")
    scope.add_argument("-T", "--all-tags", action="store_true", help="and those of all tags")
    scope.add_argument("-A", "--all-commits", action="store_true", help="and those of any commit")
    scope.add_argument("--last", type=int, metavar="N", help="and the last N of each dataset")
    scope.add_argument(
        "-p", "--projects", nargs="+", metavar="PATH", help="and those that other projects of this store point to"
    )
    runs = parser.add_argument_group("deleted runs")
    runs.add_argument("--deleted", action="store_true", help="remove them for good, but for those that something needs")
    runs.add_argument("--older-than", type=days, metavar="DAYS", help="those that were deleted so long ago")
    runs.add_argument("--project", metavar="NAME", help="those of this project")
    parser.add_argument("--force", action="store_true", help="don't ask before versions and runs go")
    parser = _verb(verbs, "forget", "collecting", "take versions of data out of a dataset, so that gc may free them")
    parser.add_argument("versions", nargs="+", metavar="NAME:VERSION", help="which")
    parser.add_argument("--force", action="store_true", help="although runs have read or written them")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    _verb(verbs, "reindex", "keeping", "build the index again from journals and ledger")
    _verb(verbs, "doctor", "keeping", "what a bug report needs, and what can be mended")
    parser = _verb(verbs, "demo", "keeping", "train small real models under anew, reproduce one, explain a difference")
    parser.add_argument("folder", nargs="?", help="where; by default a temporary folder")
    parser = _verb(verbs, "completion", "keeping", "print the completion script of a shell")
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def _syncing(verbs: Any) -> None:
    server = "such as http://host:5001; by default ANEW_SERVER, or ANEW_STORE where that is an address"
    parser = _verb(verbs, "sync", "syncing", "send runs to a server; what it has already is not sent again")
    parser.add_argument("runs", nargs="*", metavar="run", help=_RUN)
    parser.add_argument("--all", action="store_true", help="every run of this store")
    parser.add_argument("--server", metavar="URL", help=server)
    parser.add_argument(
        "--follow", action="store_true", help="send what live runs write, as they do; without a run: those that wait"
    )
    parser.add_argument(
        "--linger",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="with --follow: end so long after nothing is left",
    )
    parser = _verb(verbs, "pull", "syncing", "bring versions of data from a remote; or, with a server, a run")
    parser.add_argument(
        "data", nargs="*", metavar="data",
        help="NAME, NAME:VERSION or a path; by default all data that the project points to. With --server, or with "
        "ANEW_SERVER where it names no data here: a run there, with all it takes to run it anew",
    )  # fmt: skip
    parser.add_argument("--remote", metavar="NAME", help=_REMOTE)
    parser.add_argument("--force", action="store_true", help="give up files that no version holds")
    parser.add_argument("--server", metavar="URL", help=server)


def _serving(verbs: Any) -> None:
    for name, help_ in (
        ("server", "serve this store to a team: Anew's API, and MLflow's for its clients unmodified"),
        ("ui", "the same for yourself: serve the local store, and open it in the browser"),
    ):
        parser = _verb(verbs, name, "serving", help_)
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=whole_number, default=5001, help="default 5001; 0 for any that is free")
        parser.add_argument("--allowed-host", action="append", default=[], metavar="NAME", help="a name it answers to")
        parser.add_argument(
            "--allowed-origin", action="append", default=[], metavar="ORIGIN", help="pages there may ask, too"
        )
    parser.add_argument("--no-browser", action="store_true", help="open nothing")
    parser = _verb(verbs, "token", "serving", "make, list and revoke the tokens that let clients in")
    parser.add_argument("action", choices=["create", "list", "revoke"])
    parser.add_argument("name", nargs="?", help="whose, or what for")
    parser.add_argument("--scope", choices=["read", "write", "admin"], default="write", help="what it may do")
    parser.add_argument("--days", type=seconds, metavar="DAYS", help="how long it holds; by default for ever")


def _importing(verbs: Any) -> None:
    parser = _verb(
        verbs, "import", "importing", "take over what another tool kept; what came before is not taken again"
    )
    parser.set_defaults(act=_lazily("importing", "import_"))  # `import` can't be the name of a function
    parser.add_argument("tool", choices=["mlflow"], help="whose")
    parser.add_argument("source", help="sqlite:///x.db or a path to one, an mlruns folder, or http://… of a server")
    parser.add_argument("--dry-run", action="store_true", help="only say what would come")
    parser.add_argument(
        "--artifacts", action="append", default=[], metavar="FOLDER",
        help="where files are that the source has outside its own folder (the server's --artifacts-destination)",
    )  # fmt: skip
