"""The verbs and options of `anew dvc`: DVC's own. Only the verb that is asked for gets its parser."""

from __future__ import annotations

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

PARSE_ERROR = 254  # DVC's
_TARGETS = "limit it to these tracked files or folders, .dvc files and names of stages"
_DESCRIPTION = "DVC's commands for data, on a DVC project as it stands: its files, cache and remotes, read and written."
_ADDRESS = "a path, or an address: s3://, gs://, azure://, ssh://, http(s)://, webdav(s)://, remote://NAME/path"
_CODES = "exit codes are DVC's: 0 ok, 1 or 255 error, 251 configuration, 253 no DVC project, 254 wrong usage"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"anew dvc: {message}\n{self.format_usage().strip()}", file=sys.stderr)
        raise SystemExit(PARSE_ERROR)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """What `anew dvc …` is to do; `verb` names the function. Exits with 254 where DVC would."""
    verb = next((word for word in words if not word.startswith("-")), None)
    if "--cd" in words and verb is not None and words.index("--cd") < words.index(verb):
        after = words[words.index("--cd") + 2 :]
        verb = next((word for word in after if not word.startswith("-")), None)
    known = ALIASES.get(verb or "", verb)
    return build(known if known in VERBS else None).parse_args(list(words))


def build(only: str | None = None) -> argparse.ArgumentParser:
    """The parser; with `only`, that of one verb alone, which is made in a twentieth of the time."""
    parser = _Parser(prog="anew dvc", description=_DESCRIPTION, epilog=_CODES)
    parser.add_argument("--cd", metavar="PATH", help="do it in this folder")
    for names, help_ in ((("-q", "--quiet"), "say nothing"), (("-v", "--verbose"), "say more")):
        parser.add_argument(*names, action="store_true", help=help_)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for name, (help_, fill) in VERBS.items():
        if only is None or name == only:
            aliases = [alias for alias, of in ALIASES.items() if of == name]
            one = verbs.add_parser(name, help=help_, description=help_, aliases=aliases)
            _common(one)
            fill(one)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    for names, help_ in ((("-q", "--quiet"), "say nothing"), (("-v", "--verbose"), "say more")):
        group.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=help_)


def _flag(parser: argparse.ArgumentParser, *names: str, help: str, dest: str | None = None) -> None:
    more = {"dest": dest} if dest else {}
    parser.add_argument(*names, action="store_true", help=help, **more)  # type: ignore[arg-type]


def _targets(parser: argparse.ArgumentParser, needed: bool = False, help: str = _TARGETS) -> None:
    parser.add_argument("targets", nargs="+" if needed else "*", help=help)


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help="so many transfers at once")


def _remote(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-r", "--remote", metavar="NAME", help="the remote; by default the one configured")


def _pairs(parser: argparse.ArgumentParser, name: str, help: str) -> None:
    parser.add_argument(name, nargs="*", action="extend", type=_pair, default=[], metavar="NAME=VALUE", help=help)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _revisions(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "-a", "--all-branches", help="for the tips of all branches, too")
    _flag(parser, "-T", "--all-tags", help="for all tags, too")
    _flag(parser, "-A", "--all-commits", help="for all commits, too")


def _reach(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "-d", "--with-deps", help="what the targets are made of, too")
    _flag(parser, "-R", "--recursive", help="all below the folders that are named")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", default=".", help="where; by default here")
    _flag(parser, "--no-scm", help="without Git")
    _flag(parser, "-f", "--force", help="overwrite .dvc/, its cache included")
    _flag(parser, "--subdir", help="in a folder of a Git repository that is not its top")


def _add(parser: argparse.ArgumentParser) -> None:
    _targets(parser, True, "files and folders")
    _flag(parser, "--no-commit", help="put nothing into the cache yet")
    _flag(parser, "--glob", help="targets may have wildcards")
    parser.add_argument("-o", "--out", metavar="PATH", help="copy the target to PATH first, which may be outside now")
    _flag(parser, "--to-remote", help="put it into the remote, and neither into the workspace nor into the cache")
    _remote(parser)
    parser.add_argument("--remote-jobs", type=int, metavar="N", help="with --to-remote: so many transfers at once")
    _flag(parser, "-f", "--force", help="overwrite what is at --out")
    parser.add_argument("--no-relink", dest="relink", action="store_false", help="leave the files as they are")


def _commit(parser: argparse.ArgumentParser) -> None:
    _targets(parser)
    _flag(parser, "-f", "--force", help="without asking, if dependencies or outputs changed")
    _reach(parser)
    parser.add_argument("--no-relink", dest="relink", action="store_false", help="leave the files as they are")


def _status(parser: argparse.ArgumentParser) -> None:
    _targets(parser)
    _jobs(parser)
    _flag(parser, "-c", "--cloud", help="compare the cache with a remote, which is asked for it")
    _check_remote(parser)
    _remote(parser)
    _revisions(parser)
    _reach(parser)
    _flag(parser, "--json", help="as JSON")
    parser.add_argument("--no-updates", dest="updates", action="store_false", help="don't look for news of imports")


def _checkout(parser: argparse.ArgumentParser) -> None:
    _targets(parser)
    _flag(parser, "--summary", help="only how many files changed")
    _reach(parser)
    _flag(parser, "-f", "--force", help="even if what is there now would be lost")
    _flag(parser, "--relink", help="make links or copies again")
    _flag(parser, "--allow-missing", help="check out what there is")


def _level(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    for name, level in (("--global", "global"), ("--system", "system"), ("--project", "repo"), ("--local", "local")):
        group.add_argument(name, dest="level", action="store_const", const=level, help=f"the {level} configuration")


def _config(parser: argparse.ArgumentParser) -> None:
    _level(parser)
    parser.add_argument("name", nargs="?", help="section.option, or remote.NAME.option")
    parser.add_argument("value", nargs="?", help="set it to this; without, show it")
    _flag(parser, "-u", "--unset", help="take it out")
    _flag(parser, "-l", "--list", help="all that is set")
    _flag(parser, "--show-origin", help="and in which file")


def _remotes(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    for name, help_ in (
        ("add", "name a remote"), ("default", "show or set the remote taken without -r"), ("list", "all remotes"),
        ("modify", "set an option of a remote"), ("remove", "forget a remote"), ("rename", "rename a remote"),
    ):  # fmt: skip
        one = actions.add_parser(name, help=help_, description=help_)
        _common(one)
        _level(one)
        if name != "list":
            one.add_argument("name", nargs="?" if name == "default" else None, help="the remote's name")
        if name == "add":
            one.add_argument("url", help="a folder, or such as s3://bucket/path, ssh://host/path")
            _flag(one, "-d", "--default", help="and take it by default")
            _flag(one, "-f", "--force", help="overwrite what is set")
        elif name == "modify":
            one.add_argument("option", help="such as url, jobs, endpointurl")
            one.add_argument("value", nargs="?", help="what to set it to")
        elif name == "rename":
            one.add_argument("new", help="the name to be")
        if name in ("modify", "default"):
            _flag(one, "-u", "--unset", help="take it out")


def _cache(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    one = actions.add_parser("dir", help="show or set where the cache is", description="show or set where the cache is")
    _common(one)
    _level(one)
    one.add_argument("value", nargs="?", help="a folder; seen from here")
    _flag(one, "-u", "--unset", help="take it out")


def _transfer(parser: argparse.ArgumentParser) -> None:
    _targets(parser)
    _jobs(parser)
    _remote(parser)
    _revisions(parser)
    _reach(parser)
    parser.add_argument(
        "--run-cache",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="what stages were run with before, too",
    )


def _push(parser: argparse.ArgumentParser) -> None:
    _transfer(parser)
    _flag(parser, "--glob", help="targets may have wildcards")
    _check_remote(parser)


def _check_remote(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "--check", help="read what the remote has: what is damaged there counts as lost (dvc has no such)")


def _pull(parser: argparse.ArgumentParser) -> None:
    _transfer(parser)
    _flag(parser, "-f", "--force", help="even if what is there now would be lost")
    _flag(parser, "--allow-missing", help="check out what there is")
    _flag(parser, "--glob", help="targets may have wildcards")


def _fetch(parser: argparse.ArgumentParser) -> None:
    _transfer(parser)
    parser.add_argument("--max-size", type=int, metavar="BYTES", help="only outputs of at most so many bytes")
    parser.add_argument(
        "--type", dest="types", action="append", choices=["metrics", "plots"], default=[], help="only such outputs"
    )


def _gc(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "-w", "--workspace", help="keep what the workspace uses")
    parser.add_argument("--rev", metavar="COMMIT", help="keep what this commit uses, too")
    parser.add_argument("-n", "--num", type=int, metavar="N", help="with --rev or -a: and the N-1 commits before it")
    _flag(parser, "-a", "--all-branches", help="keep what the tips of all branches use, too")
    _flag(parser, "-T", "--all-tags", help="keep what all tags use, too")
    _flag(parser, "-A", "--all-commits", help="keep what any commit uses")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="keep what commits since then use, too")
    _flag(parser, "--all-experiments", help="keep what all experiments use, too")
    _flag(parser, "--not-in-remote", help="of all that, keep only what the remote lacks")
    _flag(parser, "-c", "--cloud", help="sweep the remote, too")
    _remote(parser)
    _flag(parser, "--skip-failed", help="go on where a commit can't be read")
    _flag(parser, "-f", "--force", help="don't ask")
    _jobs(parser)
    parser.add_argument("-p", "--projects", nargs="*", metavar="PATH", help="other projects that share the cache")
    _flag(parser, "--dry", help="only say what would go")


def _remove(parser: argparse.ArgumentParser) -> None:
    _targets(parser, True, ".dvc files")
    _flag(parser, "--outs", help="take away what they track, too")


def _move(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("src", help="a tracked file or folder")
    parser.add_argument("dst", help="where it is to be")


def _unprotect(parser: argparse.ArgumentParser) -> None:
    _targets(parser, True, "tracked files and folders, which become copies that may be changed")


def _check_ignore(parser: argparse.ArgumentParser) -> None:
    _targets(parser, help="paths")
    _flag(parser, "-d", "--details", help="by which pattern")
    _flag(parser, "-n", "--non-matching", help="with -d: those that no pattern fits, too")
    _flag(parser, "--stdin", help="read the paths from standard input")


def _elsewhere(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rev", nargs="?", metavar="COMMIT", help="at this commit, branch or tag")
    parser.add_argument("--config", metavar="PATH", help="a file with more configuration for it")
    parser.add_argument("--remote", metavar="NAME", help="the remote to take its data from")
    _pairs(parser, "--remote-config", "options of that remote")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="a DVC project or Git repository: a path, or what git clone takes")
    parser.add_argument("path", help="what to take, seen from its top")
    parser.add_argument("-o", "--out", nargs="?", metavar="PATH", help="where it is to go")
    _flag(parser, "-f", "--force", help="overwrite what is there")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--no-exec", action="store_true", help="only write the .dvc file")
    group.add_argument("--no-download", action="store_true", help="only write the .dvc file, with the commit")
    _jobs(parser)
    _elsewhere(parser)


def _import_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help=_ADDRESS)
    parser.add_argument("out", nargs="?", help="where it is to go")
    _flag(parser, "--to-remote", help="put it into the remote, and neither into the workspace nor into the cache")
    _remote(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--no-exec", action="store_true", help="only write the .dvc file")
    group.add_argument("--no-download", action="store_true", help="only write the .dvc file, with what tells changes")
    _jobs(parser)
    _flag(parser, "-f", "--force", help="overwrite what is there")
    _flag(parser, "--version-aware", help="this version, which the bucket keeps (S3, Azure)")
    _pairs(parser, "--fs-config", "options for the address, as those of a remote")


def _update(parser: argparse.ArgumentParser) -> None:
    _targets(parser, True, ".dvc files of imports")
    parser.add_argument("--rev", nargs="?", metavar="COMMIT", help="to this commit, branch or tag")
    _flag(parser, "-R", "--recursive", help="all below the folders that are named")
    _flag(parser, "--no-download", help="only the .dvc file")
    _flag(parser, "--to-remote", help="put it into the remote, and nowhere else")
    _remote(parser)
    _jobs(parser)


def _get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="a DVC project or Git repository: a path, or what git clone takes")
    parser.add_argument("path", help="what to take, seen from its top")
    parser.add_argument("-o", "--out", nargs="?", metavar="PATH", help="where it is to go")
    _flag(parser, "--show-url", help="only say where the remote has it")
    _jobs(parser)
    _flag(parser, "-f", "--force", help="overwrite what is there")
    _elsewhere(parser)


def _get_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help=_ADDRESS)
    parser.add_argument("out", nargs="?", help="where it is to go")
    _jobs(parser)
    _flag(parser, "-f", "--force", help="overwrite what is there")
    _pairs(parser, "--fs-config", "options for the address, as those of a remote")


def _list_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help=_ADDRESS)
    _flag(parser, "-R", "--recursive", help="all below it")
    parser.add_argument("-L", "--level", type=int, metavar="DEPTH", help="only so deep")
    _flag(parser, "--size", help="with sizes")
    _pairs(parser, "--fs-config", "options for the address, as those of a remote")


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="a DVC project or Git repository: a path, or what git clone takes")
    parser.add_argument("path", nargs="?", help="a folder in it")
    _flag(parser, "-R", "--recursive", help="all below it")
    _flag(parser, "-T", "--tree", help="as a tree")
    parser.add_argument("-L", "--level", type=int, metavar="DEPTH", help="only so deep")
    _flag(parser, "--dvc-only", help="only what DVC tracks")
    _flag(parser, "--json", help="as JSON")
    _elsewhere(parser)
    _flag(parser, "--size", help="with sizes")
    _flag(parser, "--show-hash", help="with md5")


def _data(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    help_ = "what changed between the last commit, the .dvc files and the workspace"
    one = actions.add_parser("status", help=help_, description=help_)
    _common(one)
    _targets(one)
    _flag(one, "--json", help="as JSON")
    _flag(one, "--granular", help="file by file in folders")
    _flag(one, "--unchanged", help="what did not change, too")
    one.add_argument(
        "--untracked-files", choices=["no", "all"], default="no", const="all", nargs="?", help="those, too"
    )
    _remote(one)
    _flag(one, "--not-in-remote", help="what the remote lacks, too")
    _flag(one, "--no-remote-refresh", help="taken, and without effect: the remote is always asked")


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--targets", nargs="*", metavar="PATH", help="only these tracked files")
    parser.add_argument("a_rev", nargs="?", default="HEAD", help="the older commit (default HEAD)")
    parser.add_argument("b_rev", nargs="?", help="the newer commit; without, the workspace")
    _flag(parser, "--json", help="as JSON")
    _flag(parser, "--show-hash", help="with md5")
    _flag(parser, "--md", help="as a table in Markdown")
    _flag(parser, "--hide-missing", help="without what is not in the cache")


def _actions(parser: argparse.ArgumentParser, **helps: str) -> list[argparse.ArgumentParser]:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    found: list[argparse.ArgumentParser] = []
    found += [actions.add_parser(name, help=help_, description=help_) for name, help_ in helps.items()]
    for one in found:
        _common(one)
    return found


def _results(parser: argparse.ArgumentParser, what: str) -> None:
    """The options of a diff of metrics or parameters."""
    parser.add_argument("a_rev", nargs="?", default="HEAD", help="the older commit (default HEAD)")
    parser.add_argument("b_rev", nargs="?", default="workspace", help="the newer commit; without, the workspace")
    parser.add_argument("--targets", nargs="*", metavar="PATH", help=f"these files, be they {what} or not")
    _flag(parser, "--all", help="those that did not change, too")
    _flag(parser, "--json", help="as JSON")
    _flag(parser, "--md", help="as a table in Markdown")
    _flag(parser, "--no-path", help="without the files' names")


def _precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--precision", type=int, metavar="N", help="so many digits after the point (default 5)")


def _params(parser: argparse.ArgumentParser) -> None:
    (diff,) = _actions(parser, diff="what changed between two commits, or since one")
    _results(diff, "parameters")
    _flag(diff, "--deps", help="only what stages depend on")


def _metrics(parser: argparse.ArgumentParser) -> None:
    show, diff = _actions(parser, show="the metrics", diff="what changed between two commits, or since one")
    _targets(show, help="these files, be they metrics or not; folders: all in them")
    _revisions(show)
    _flag(show, "--json", help="as JSON")
    _flag(show, "--md", help="as a table in Markdown")
    _flag(show, "-R", "--recursive", help="taken, and without effect: folders are always looked into")
    _precision(show)
    _results(diff, "metrics")
    _flag(diff, "-R", "--recursive", help="taken, and without effect: folders are always looked into")
    _precision(diff)


def _plots(parser: argparse.ArgumentParser) -> None:
    show, diff, templates = _actions(
        parser, show="draw plots", diff="draw plots of several commits over one another", templates="what draws a plot"
    )
    _targets(show, help="files, or names of plots in dvc.yaml; all of them without")
    diff.add_argument("revisions", nargs="*", help="commits; one is compared with the workspace")
    diff.add_argument("--targets", nargs="*", metavar="PATH", help="files, or names of plots in dvc.yaml")
    templates.add_argument("template", nargs="?", help="show this one as JSON")
    for one in (show, diff):
        one.add_argument("-t", "--template", nargs="?", metavar="PATH", help="the name or file of a template")
        one.add_argument("-x", metavar="FIELD", help="what goes along")
        one.add_argument("-y", metavar="FIELD", help="what goes up")
        one.add_argument(
            "--no-header", dest="header", action="store_false", default=None, help="the first line of a table is data"
        )
        one.add_argument("--title", metavar="TEXT", help="what stands above")
        one.add_argument("--x-label", metavar="TEXT", help="what stands below")
        one.add_argument("--y-label", metavar="TEXT", help="what stands at the side")
        one.add_argument("-o", "--out", metavar="PATH", help="the folder to write to (default dvc_plots)")
        _flag(one, "--show-vega", help="print what Vega is to draw")
        _flag(one, "--json", help="as JSON")
        _flag(one, "--split", help="with --json: the template apart from what fills it")
        _flag(one, "--open", help="open the page in the browser")
        one.add_argument("--html-template", metavar="PATH", help="an own page, with {plot_divs} and {scripts} in it")


def _repro(parser: argparse.ArgumentParser) -> None:
    _targets(parser, help="stages, dvc.yaml and .dvc files, folder/dvc.yaml:stage; by default dvc.yaml")
    _flag(parser, "-f", "--force", help="run them even if nothing changed")
    _flag(parser, "-i", "--interactive", help="ask before each stage")
    _flag(parser, "-s", "--single-item", help="only the targets, not what they need")
    _flag(parser, "-p", "--pipeline", help="everything that hangs together with the targets")
    _flag(parser, "-P", "--all-pipelines", help="all stages of the project")
    _flag(parser, "-R", "--recursive", help="all below the folders that are named")
    _flag(parser, "--downstream", help="the targets and what needs them")
    _flag(parser, "--force-downstream", help="run all that needs a stage that was run")
    _flag(parser, "--pull", help="bring what is missing from the remote")
    _flag(parser, "--allow-missing", help="what is only missing did not change")
    _flag(parser, "--dry", help="only say what would be run")
    for names, value, help_ in (
        (("-k", "--keep-going"), "keep-going", "where a stage fails, go on with those that don't need it"),
        (("--ignore-errors",), "ignore", "where a stage fails, go on with all others"),
    ):
        parser.add_argument(*names, dest="on_error", action="store_const", const=value, default="fail", help=help_)
    _flag(parser, "--glob", help="targets may have wildcards")
    _flag(parser, "--no-commit", help="put nothing into the cache yet")
    _flag(parser, "--no-run-cache", help="run what was run before with the same, too")


_STAGE_LISTS = (
    (("-d", "--deps"), "a file or folder that it depends on"), (("-p", "--params"), "[FILE:]KEY,KEY of parameters"),
    (("-o", "--outs"), "what it writes"), (("-O", "--outs-no-cache"), "what it writes and Git is to keep"),
    (("--outs-persist",), "what it writes to again"), (("--outs-persist-no-cache",), "the same, kept by Git"),
    (("-m", "--metrics"), "a file of metrics"), (("-M", "--metrics-no-cache"), "a file of metrics that Git is to keep"),
    (("--plots",), "a file of plots"), (("--plots-no-cache",), "a file of plots that Git is to keep"),
)  # fmt: skip


def _stage(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    one = actions.add_parser("add", help="write a stage into dvc.yaml", description="write a stage into dvc.yaml")
    _common(one)
    one.add_argument("-n", "--name", required=True, help="the stage's")
    _flag(one, "-f", "--force", help="in the place of one of that name")
    for names, help_ in _STAGE_LISTS:
        one.add_argument(*names, action="append", default=[], metavar="PATH", help=help_)
    one.add_argument("-w", "--wdir", metavar="PATH", help="the folder that the command is run in")
    _flag(one, "--always-changed", help="to be run each time")
    one.add_argument("--desc", metavar="TEXT", help="what it is for")
    _flag(one, "--run", help="and run it")
    one.add_argument("command", nargs=argparse.REMAINDER, help="what it runs")
    one = actions.add_parser("list", help="list stages", description="list stages")
    _common(one)
    one.add_argument("targets", nargs="*", default=["dvc.yaml"], help="stage files or folders (dvc.yaml)")
    _flag(one, "--all", help="all stages of the project")
    _flag(one, "--fail", help="stop at a file that can't be read")
    _flag(one, "-R", "--recursive", help="all below the folders that are named")
    one.add_argument("--name-only", "--names-only", action="store_true", help="only their names")


def _dag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", help="a stage or an output; by default all")
    _flag(parser, "--dot", help="for Graphviz")
    _flag(parser, "--mermaid", help="for Mermaid")
    _flag(parser, "--md", dest="markdown", help="for Mermaid in Markdown")
    _flag(parser, "--collapse-foreach-matrix", help="all of a foreach or matrix as one")
    _flag(parser, "--full", help="what needs the target, too")
    _flag(parser, "-o", "--outs", help="outputs in the place of stages")


def _freeze(parser: argparse.ArgumentParser) -> None:
    _targets(parser, True, "stages and .dvc files")


def _none(parser: argparse.ArgumentParser) -> None:
    pass


VERBS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "init": ("make a DVC project", _init),
    "add": ("track files and folders", _add),
    "commit": ("take tracked files and folders as they are now", _commit),
    "status": ("what changed; with --cloud, what the remote lacks", _status),
    "checkout": ("make the workspace what the .dvc files say, from the cache", _checkout),
    "config": ("show and set options", _config),
    "cache": ("show and set where the cache is", _cache),
    "remote": ("name remotes, and set them up", _remotes),
    "data": ("what changed, since the last commit as well", _data),
    "diff": ("what changed between two commits, or since one", _diff),
    "params": ("parameters, side by side", _params),
    "metrics": ("metrics, and what became of them", _metrics),
    "plots": ("draw what was measured", _plots),
    "get": ("download from another project, without tracking it", _get),
    "import": ("download from another project, and track that", _import),
    "import-url": ("download from an address, and track that", _import_url),
    "update": ("bring imports to what their sources have now", _update),
    "get-url": ("download from an address, without tracking it", _get_url),
    "list-url": ("what is at an address", _list_url),
    "list": ("what is in a project, tracked by DVC or by Git", _list),
    "remove": ("stop tracking", _remove),
    "move": ("rename what is tracked", _move),
    "unprotect": ("make links to the cache files that may be changed", _unprotect),
    "push": ("send to a remote what it lacks", _push),
    "fetch": ("bring into the cache what it lacks", _fetch),
    "pull": ("fetch, and check out", _pull),
    "repro": ("run the stages that changed, and what needs them", _repro),
    "stage": ("write and list stages", _stage),
    "dag": ("draw which stage needs which", _dag),
    "freeze": ("let stages stay as they are, whatever changes before them", _freeze),
    "unfreeze": ("let frozen stages follow changes again", _freeze),
    "gc": ("remove from the cache what nothing uses", _gc),
    "check-ignore": ("which paths .dvcignore hides", _check_ignore),
    "root": ("the way to the top of the project", _none),
    "version": ("versions, and what the project is set up with", _none),
}
ALIASES = {"ls-url": "list-url", "doctor": "version", "rm": "remove", "ls": "list", "mv": "move"}
