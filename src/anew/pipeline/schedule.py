"""Stages done in an order in which each comes after what it needs; side by side where they don't need each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Stage = TypeVar("Stage")


def run(
    stages: Sequence[Stage],
    needs: Mapping[Stage, Sequence[Stage]],
    do: Callable[[Stage], None],
    failed: Callable[[Stage, Exception], set[Stage]],
    jobs: int = 1,
) -> None:
    """Do each of `stages` once, at most `jobs` at a time.

    `failed` is told of a stage that raised, and gives those that are to be left out because of it; where it raises
    itself, nothing more is begun, and that is raised when what is under way has ended.
    """
    if jobs <= 1:
        _one_by_one(stages, do, failed)
    else:
        _side_by_side(stages, needs, do, failed, jobs)


def _one_by_one(
    stages: Sequence[Stage], do: Callable[[Stage], None], failed: Callable[[Stage, Exception], set[Stage]]
) -> None:
    left_out: set[Stage] = set()
    for stage in stages:
        if stage not in left_out:
            try:
                do(stage)
            except Exception as error:
                left_out |= failed(stage, error)


def _side_by_side(
    stages: Sequence[Stage],
    needs: Mapping[Stage, Sequence[Stage]],
    do: Callable[[Stage], None],
    failed: Callable[[Stage, Exception], set[Stage]],
    jobs: int,
) -> None:
    among = set(stages)
    waiting = {stage: among.intersection(needs.get(stage, ())) for stage in stages}
    running: dict[Future[None], Stage] = {}
    stopped: Exception | None = None
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            ready = [stage for stage, sources in waiting.items() if not sources]
            for stage in ready[: jobs - len(running)] if stopped is None else ():
                del waiting[stage]
                running[pool.submit(do, stage)] = stage
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                stage = running.pop(future)
                problem = future.exception()
                left_out: set[Stage] = set()
                if isinstance(problem, Exception):
                    try:
                        left_out = failed(stage, problem)
                    except Exception as error:
                        stopped = stopped or error
                elif problem is not None:
                    raise problem
                for one in left_out:
                    waiting.pop(one, None)
                for sources in waiting.values():
                    sources -= {stage, *left_out}
    if stopped is not None:
        raise stopped
