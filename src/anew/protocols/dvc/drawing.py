"""`dag`: which stage needs which, as text, for Graphviz, or for Mermaid."""

from __future__ import annotations

from anew.errors import DvcError
from anew.pipeline import drawing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from anew.protocols.dvc.project import Project

Needs = dict[str, list[str]]  # name → what it needs


def draw(project: Project, arguments: argparse.Namespace) -> str:
    """The drawing that the options of `dag` ask for."""
    if arguments.outs and arguments.collapse_foreach_matrix:
        raise DvcError("`--outs` and `--collapse-foreach-matrix` are mutually exclusive")
    needs = _by_output(project) if arguments.outs else _by_stage(project)
    if arguments.target:
        chosen = project.choose([arguments.target])
        if arguments.outs:
            names = [one.out.shown(project.cwd, project.root) for one in chosen]
        else:
            names = [one.out.stage.address(project.cwd) for one in chosen]
            names += [stage.address(project.cwd) for stage in project.named(arguments.target)]
        needs = _part(needs, names, arguments.full)
    if arguments.collapse_foreach_matrix:
        needs = _collapsed(needs)
    if arguments.dot:
        return drawing.dot(needs)
    if arguments.mermaid or arguments.markdown:
        found = drawing.mermaid(needs)
        return f"```mermaid\n{found}\n```" if arguments.markdown else found
    return drawing.text(needs)


def _by_stage(project: Project) -> Needs:
    return {
        stage.address(project.cwd): [one.address(project.cwd) for one in sources]
        for stage, sources in project.graph.needs.items()
    }


def _by_output(project: Project) -> Needs:
    from anew.protocols.dvc.stages import inside

    found: Needs = {}
    for stage, sources in project.graph.needs.items():
        read = [
            out.shown(project.cwd, project.root)
            for one in sources
            for out in one.outs
            if any(inside(out.path, path) or inside(path, out.path) for path in stage.reads)
        ]
        for out in stage.outs:
            found[out.shown(project.cwd, project.root)] = list(dict.fromkeys(read))
    return found


def _part(needs: Needs, names: list[str], full: bool) -> Needs:
    """What `names` need; with `full`, all that hangs together with them."""
    ways = {name: list(sources) for name, sources in needs.items()}
    if full:
        for name, sources in needs.items():
            for one in sources:
                ways[one].append(name)
    kept: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in kept:
            kept.add(name)
            todo += ways[name]
    return {name: [one for one in sources if one in kept] for name, sources in needs.items() if name in kept}


def _collapsed(needs: Needs) -> Needs:
    """All stages of a foreach or matrix as one."""

    def group(name: str) -> str:
        return name if name.endswith(".dvc") else name.split("@")[0]

    found: Needs = {}
    for name, sources in needs.items():
        rows = found.setdefault(group(name), [])
        rows += [one for one in dict.fromkeys(map(group, sources)) if one not in rows]
    return found
