"""Histories of metrics: of one run, by pages; of many runs, whole or sampled."""

from __future__ import annotations

from typing import Any

from protocols.conformance.cases_runs import BAD_RUNS, NO_RUN, history, metric
from protocols.conformance.steps import *

BULK = AJAX + "metrics/get-history-bulk"
INTERVAL = "metrics/get-history-bulk-interval"


def _points(save: str, steps: range, key: str = "m") -> Step:
    return batch(save, metrics=[(key, step * 0.5, 1000 + step, step) for step in steps])


def _sampled(**query: Any) -> Step:
    return get(INTERVAL, {"run_ids": ["{one}", "{two}"], "metric_key": "m", **query}, only="metrics.step")


def _bulk(query: Query) -> Step:
    return get(BULK, query)


METRICS: list[Scenario] = [
    scenario(
        "history: order",
        experiment("history: order"),
        run(),
        batch(
            metrics=[
                ("m", 3.0, 1002, 2),
                ("m", 1.0, 1000, 0),
                ("m", 5.0, 1000, 9),
                ("m", 4.0, 1001, 0),
                ("m", -1.0, 1001, 0),
                ("m", "NaN", 1001, 0),
                ("m", 2.0, 999, -3),
            ]
        ),
        history(),
        history("none"),
        history(""),
        get("metrics/get-history", {"run_id": "{run}"}),
        get("metrics/get-history", {"metric_key": "m"}),
        get("metrics/get-history", {"run_uuid": "{run}", "metric_key": "m"}),
        [get("metrics/get-history", {"run_id": text, "metric_key": "m"}) for text in (NO_RUN, *BAD_RUNS)],
        get(AJAX + "metrics/get-history", {"run_id": "{run}", "metric_key": "m"}),
        metric("with / and space", 1.0),
        history("with / and space"),
    ),
    scenario(
        "history: pages",
        experiment("history: pages"),
        run(),
        _points("run", range(7)),
        get(
            "metrics/get-history",
            {"run_id": "{run}", "metric_key": "m", "max_results": "3"},
            save={"t": "next_page_token"},
        ),
        get(
            "metrics/get-history",
            {"run_id": "{run}", "metric_key": "m", "max_results": "3", "page_token": "{t}"},
            save={"t": "next_page_token"},
        ),
        get("metrics/get-history", {"run_id": "{run}", "metric_key": "m", "max_results": "3", "page_token": "{t}"}),
        history(max_results="7"),
        history(max_results="100"),
        history(max_results="0"),
        history(max_results="-1"),
        refused(history(max_results="x")),
        history(max_results="25001"),
        history(page_token=""),
        instead(history(page_token="nonsense"), BAD_TOKEN),
        instead(history(max_results="2", page_token="nonsense"), BAD_TOKEN),
    ),
    scenario(
        "history in bulk",
        experiment("history in bulk"),
        run("one"),
        run("two"),
        _points("one", range(4)),
        _points("two", range(2, 6)),
        _bulk({"run_id": ["{one}", "{two}"], "metric_key": "m"}),
        _bulk({"run_id": "{two}", "metric_key": "m", "max_results": "2"}),
        _bulk({"run_id": ["{one}", NO_RUN], "metric_key": "m"}),
        _bulk({"run_id": "{one}", "metric_key": "none"}),
        _bulk({"run_id": "{one}"}),
        _bulk({"metric_key": "m"}),
        _bulk({"run_id": [str(number) for number in range(101)], "metric_key": "m"}),
        instead(_bulk({"run_id": "{one}", "metric_key": "m", "max_results": "x"}), rejects(code=None)),
    ),
    scenario(
        "history in bulk, sampled",
        experiment("history in bulk, sampled"),
        run("one"),
        run("two"),
        _points("one", range(20)),
        _points("two", range(5, 12)),
        get(INTERVAL, {"run_ids": ["{one}", "{two}"], "metric_key": "m", "max_results": "3"}),
        get(AJAX + INTERVAL, {"run_ids": "{one}", "metric_key": "m", "max_results": "2"}),
        _sampled(),
        [_sampled(max_results=str(most)) for most in (1, 2, 3, 4, 5, 7, 10, 19, 20, 21, 2500)],
        [
            _sampled(start_step=str(start), end_step=str(end), max_results="3")
            for start, end in ((0, 10), (5, 5), (8, 30), (-5, 3), (100, 200))
        ],
        _sampled(start_step="0", end_step="10"),
        [_sampled(max_results=most) for most in ("0", "-1", "2501", "x")],
        _sampled(start_step="5"),
        _sampled(end_step="5"),
        _sampled(start_step="6", end_step="5"),
        _sampled(start_step="x", end_step="5"),
        get(INTERVAL, {"metric_key": "m"}),
        get(INTERVAL, {"run_ids": "{one}"}),
        get(INTERVAL, {"run_ids": "{one}", "metric_key": "none"}),
        get(INTERVAL, {"run_ids": NO_RUN, "metric_key": "m"}),
        get(INTERVAL, {"run_ids": ["{one}", NO_RUN], "metric_key": "m", "max_results": "1"}),
        get(INTERVAL, {"run_ids": [str(number) for number in range(101)], "metric_key": "m"}),
    ),
    scenario(
        "history in bulk, sampled: several points of a step",
        experiment("sampled: several points of a step"),
        run("one"),
        run("two"),
        batch("one", metrics=[("m", number, 1000 + number, number // 3) for number in range(30)]),
        batch("two", metrics=[("m", -number, 1000, -number) for number in range(10)]),
        [_sampled(max_results=str(most)) for most in (2, 3, 5, 30)],
        _sampled(start_step="-4", end_step="4", max_results="4"),
    ),
    scenario(
        "history: many points",
        experiment("history: many points"),
        run(),
        [_points("run", range(start, start + 1000)) for start in range(0, 3000, 1000)],
        history(),
        get(INTERVAL, {"run_ids": "{run}", "metric_key": "m"}),
        get(INTERVAL, {"run_ids": "{run}", "metric_key": "m", "max_results": "10"}),
        history(max_results="1000"),
    ),
]
