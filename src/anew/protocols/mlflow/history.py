"""Every point of a metric, in MLflow's words and pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from anew.errors import NotFound
from anew.hub import Hub
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.paging import offset_of, token_of
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import get_document
from anew.routes import Call, Route

_MOST_BULK = 25_000
_MOST_BULK_RUNS = 100
_DEFAULT_INTERVAL = 2500
_MOST_INTERVAL = 2500

Table = tuple[Any, Any, Any]  # timestamps in ms, steps, values: arrays [n]


def points(hub: Hub, run_id: str, key: str, kind: str = "runs") -> Table:
    """Every point once, by time, step and value: a client that tries again sends some twice."""
    index = hub.index(kind)
    try:
        series = index.series(run_id, key)
    except NotFound:
        empty = np.empty(0)
        return empty, empty, empty
    times = np.rint(series.times * 1000).astype(np.int64)
    steps = series.steps.astype(np.int64)
    order = np.lexsort((series.values, steps, times))
    times, steps, values = times[order], steps[order], series.values[order]
    again = np.zeros(len(values), np.bool_)
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    again[1:] = (times[1:] == times[:-1]) & (steps[1:] == steps[:-1]) & same
    return times[~again], steps[~again], values[~again]


def as_json(key: str, table: Table, run_id: str = "") -> list[Json]:
    times, steps, values = (column.tolist() for column in table)
    shown: list[Any] = values
    if not np.isfinite(table[2]).all():
        shown = [fields.shown_number(value) for value in values]
    rows = zip(shown, times, steps, strict=True)
    if run_id:
        return [{"key": key, "value": v, "timestamp": t, "step": s, "run_id": run_id} for v, t, s in rows]
    return [{"key": key, "value": v, "timestamp": t, "step": s} for v, t, s in rows]


def get(call: Call) -> Json:
    run_id, key = fields.run_id(call), fields.text(call, "metric_key", required=True)
    most = fields.whole(call, "max_results")
    if most is not None and most <= 0:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer.")
    get_document(call.hub, run_id)
    start = offset_of(fields.text(call, "page_token"))
    table = points(call.hub, run_id, key)
    total = len(table[0])
    end = total if most is None else min(total, start + most)
    answer: Json = {}
    if start < end:
        answer["metrics"] = as_json(key, (table[0][start:end], table[1][start:end], table[2][start:end]))
    if end < total:
        answer["next_page_token"] = token_of(end)
    return answer


def bulk(call: Call) -> Json:
    run_ids, key = call.arguments("run_id"), call.argument("metric_key")
    if not run_ids:
        raise invalid("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(run_ids) > _MOST_BULK_RUNS:
        raise invalid(
            f"GetMetricHistoryBulk request cannot specify more than {_MOST_BULK_RUNS} run_ids. "
            f"Received {len(run_ids)} run_ids."
        )
    if not key:
        raise invalid("GetMetricHistoryBulk request must specify a metric_key.")
    most = min(fields.as_whole("max_results", call.argument("max_results") or _MOST_BULK), _MOST_BULK)
    found: list[Json] = []
    for run_id in sorted(set(run_ids)):
        get_document(call.hub, run_id)
        found += as_json(key, points(call.hub, run_id, key), run_id)
    return {"metrics": found[:most]}


def interval(call: Call) -> Json:
    """Few points of many runs, for a chart: steps that all of them are sampled at, and each one's least and last."""
    run_ids = fields.texts(call, "run_ids", required=True)
    if len(run_ids) > _MOST_BULK_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {_MOST_BULK_RUNS} run_ids. Received "
            f"{len(run_ids)} run_ids. See the API docs for more information about request parameters."
        )
    key = fields.text(call, "metric_key", required=True)
    start, end = fields.whole(call, "start_step"), fields.whole(call, "end_step")
    most = fields.whole(call, "max_results", default=_DEFAULT_INTERVAL) or 0
    if not 1 <= most <= _MOST_INTERVAL:
        raise invalid(
            f"max_results must be between 1 and {_MOST_INTERVAL}. See the API docs for more information about request "
            "parameters."
        )
    if (start is None) != (end is None):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise invalid(f"end_step must be greater than start_step. Found start_step={start} and end_step={end}.")
    tables = {}
    for run_id in run_ids:
        get_document(call.hub, run_id)
        table = points(call.hub, run_id, key)
        if start is not None:
            inside = (table[1] >= start) & (table[1] <= end)
            table = table[0][inside], table[1][inside], table[2][inside]
        tables[run_id] = table
    steps = _sampled([table[1] for table in tables.values()], most)
    metrics: list[Json] = []
    for run_id, table in tables.items():
        there = np.isin(table[1], steps)
        metrics += as_json(key, (table[0][there], table[1][there], table[2][there]), run_id)
    return {"metrics": metrics} if metrics else {}


def _sampled(steps: list[Any], most: int) -> Any:
    """Some `most` of all steps, evenly spread, with the first and the last of each run."""
    every = np.unique(np.concatenate(steps)) if steps else np.empty(0)
    if len(every) <= most:
        return every
    chosen = every[np.linspace(0, len(every) - 1, most).astype(np.int64)]
    ends = [step for own in steps if len(own) for step in (own.min(), own.max())]
    return np.union1d(chosen, np.array(ends))


ROUTES = [
    *both("GET", "metrics/get-history", get),
    *both("GET", "metrics/get-history-bulk-interval", interval),
    Route("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", bulk, style="mlflow"),
]
