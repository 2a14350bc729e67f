"""Which stage needs what another one writes: order, cycles, what is up and down the stream."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from anew.errors import PipelineError


class Node(Protocol):
    """A stage, as far as a graph has to know it. Paths are absolute."""

    path: str  # of the file that it stands in

    @property
    def reads(self) -> list[str]: ...
    @property
    def writes(self) -> list[str]: ...
    def address(self, cwd: str) -> str: ...


Stage = TypeVar("Stage", bound=Node)


class Graph(Generic[Stage]):
    """`needs[stage]` are the stages that write what it reads."""

    def __init__(self, needs: dict[Stage, list[Stage]]) -> None:
        self.needs = needs
        self._feeds: dict[Stage, list[Stage]] = {stage: [] for stage in needs}
        for stage, sources in needs.items():
            for source in sources:
                self._feeds[source].append(stage)

    def feeds(self, stage: Stage) -> list[Stage]:
        """The stages that read what `stage` writes."""
        return self._feeds[stage]

    def without_needs(self, stages: Iterable[Stage]) -> Graph[Stage]:
        """The same, where these stand for themselves: frozen ones."""
        alone = set(stages)
        return Graph({stage: [] if stage in alone else sources for stage, sources in self.needs.items()})

    def upstream(self, stages: Iterable[Stage]) -> list[Stage]:
        """`stages` and all that they need, in an order in which they can be run."""
        return self._ordered(set(_reached(stages, self.needs)))

    def downstream(self, stages: Iterable[Stage]) -> list[Stage]:
        """`stages` and all that needs them, in an order in which they can be run."""
        return self._ordered(set(_reached(stages, self._feeds)))

    def connected(self, stages: Iterable[Stage]) -> list[Stage]:
        """Everything that hangs together with `stages`."""
        both = {stage: [*self.needs[stage], *self._feeds[stage]] for stage in self.needs}
        return self._ordered(set(_reached(stages, both)))

    def components(self) -> list[list[Stage]]:
        """The pipelines: what does not hang together."""
        found: list[list[Stage]] = []
        seen: set[Stage] = set()
        for stage in self.needs:
            if stage not in seen:
                found.append(self.connected([stage]))
                seen.update(found[-1])
        return found

    def within(self, stages: Iterable[Stage]) -> Graph[Stage]:
        """The part of it that has only these."""
        kept = set(stages)
        return Graph(
            {stage: [one for one in self.needs[stage] if one in kept] for stage in self.needs if stage in kept}
        )

    def _ordered(self, stages: set[Stage]) -> list[Stage]:
        return [one for one in _after_their_needs(self.needs, self.needs) if one in stages]


def build(stages: Sequence[Stage], cwd: str) -> Graph[Stage]:
    """The graph of `stages`. Raises PipelineError where two write the same, or one needs itself."""
    writers = _writers(stages, cwd)
    _refuse_swallowed(stages, writers, cwd)
    paths = sorted(writers)
    needs: dict[Stage, list[Stage]] = {}
    for stage in stages:
        found: dict[Stage, None] = {}
        for path in stage.reads:
            for there in _overlapping(path, writers, paths):
                found[writers[there]] = None
        needs[stage] = list(found)
    graph = Graph(needs)
    _refuse_cycles(graph, cwd)
    return graph


def _writers(stages: Sequence[Stage], cwd: str) -> dict[str, Stage]:
    writers: dict[str, Stage] = {}
    for stage in stages:
        for path in stage.writes:
            if path in writers:
                names = sorted({stage.address(cwd), writers[path].address(cwd)})
                shown = os.path.relpath(path, cwd)
                if len(names) == 1:
                    raise PipelineError(f"output '{shown}' is already specified in stage: '{names[0]}'.")
                listed = "\n".join(f"\t- '{name}'" for name in names)
                raise PipelineError(f"output '{shown}' is specified in:\n{listed}")
            writers[path] = stage
    for path, stage in writers.items():
        above = next((one for one in _folders_above(path) if one in writers), None)
        if above is not None:
            raise PipelineError(
                f"The output paths:\n'{os.path.relpath(above, cwd)}'('{writers[above].address(cwd)}')\n"
                f"'{os.path.relpath(path, cwd)}'('{stage.address(cwd)}')\n"
                "overlap and are thus in the same tracked directory.\nTo keep reproducibility, outputs should be in "
                "separate tracked directories or tracked individually."
            )
    return writers


def _refuse_swallowed(stages: Sequence[Stage], writers: dict[str, Stage], cwd: str) -> None:
    for file in {stage.path: stage for stage in stages}.values():
        for above in _folders_above(file.path):
            if above in writers:
                shown = os.path.relpath(above, cwd)
                raise PipelineError(f"stage: '{file.address(cwd)}' is within an output '{shown}' of another stage")


def _refuse_cycles(graph: Graph[Stage], cwd: str) -> None:
    done: set[Stage] = set()
    for start in graph.needs:
        way: list[Stage] = []
        todo: list[tuple[Stage, bool]] = [(start, False)]
        while todo:
            stage, left = todo.pop()
            if left:
                done.add(way.pop())
            elif stage in way:
                names = [one.address(cwd) for one in way[way.index(stage) :]]
                raise PipelineError(
                    "Same item(s) are defined as both a dependency and an output in "
                    f"stage{'s' * (len(names) > 1)}: {', '.join(names)}."
                )
            elif stage not in done:
                way.append(stage)
                todo.append((stage, True))
                todo += [(one, False) for one in graph.needs[stage]]


def _overlapping(path: str, writers: dict[str, Stage], paths: list[str]) -> Iterator[str]:
    """The outputs that `path` is, is in, or contains."""
    for one in (path, *_folders_above(path)):
        if one in writers:
            yield one
    prefix = path.rstrip("/") + "/"
    for at in range(bisect.bisect_left(paths, prefix), len(paths)):
        if not paths[at].startswith(prefix):
            break
        yield paths[at]


def _folders_above(path: str) -> Iterator[str]:
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _reached(starts: Iterable[Stage], ways: dict[Stage, list[Stage]]) -> Iterator[Stage]:
    seen: set[Stage] = set()
    todo = list(starts)
    while todo:
        stage = todo.pop()
        if stage not in seen:
            seen.add(stage)
            yield stage
            todo += ways[stage]


def _after_their_needs(starts: Iterable[Stage], needs: dict[Stage, list[Stage]]) -> Iterator[Stage]:
    """`starts` and all they need, each after what it needs itself; else in the order in which they are listed."""
    seen: set[Stage] = set()
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        todo = [(start, iter(needs[start]))]
        while todo:
            rest = todo[-1][1]
            following = next((one for one in rest if one not in seen), None)
            if following is None:
                yield todo.pop()[0]
            else:
                seen.add(following)
                todo.append((following, iter(needs[following])))
