"""Every point of a metric, in MLflow's words and pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from anew.errors import NotFound
from anew.hub import Hub
from anew.protocols.mlflow import fields
from anew.protocols.mlflow.entities import Json
from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.messages import RUN, TEXT, TEXTS, WHOLE, Message
from anew.protocols.mlflow.paging import offset_of, token_of
from anew.protocols.mlflow.routes import both
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
    except NotFound:  # no such metric, or no such run
        empty = np.empty(0)
        return empty, empty, empty
    times = np.rint(series.times * 1000).astype(np.int64)
    steps = series.steps.astype(np.int64)
    # NaN stands among the zeros.
    order = np.lexsort((np.isnan(series.values), np.where(np.isnan(series.values), 0.0, series.values), steps, times))
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


_GET = Message(run_id=RUN, metric_key=TEXT.needed, max_results=WHOLE, page_token=TEXT)
_INTERVAL = Message(
    run_ids=replace(TEXTS, must=True), metric_key=TEXT.needed, start_step=WHOLE, end_step=WHOLE, max_results=WHOLE
)


def get(call: Call) -> Json:
    sent = _GET.read(call)
    key, most = sent["metric_key"], sent["max_results"]
    if most is not None and most <= 0:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer.")
    start = offset_of(sent["page_token"])
    table = points(call.hub, sent["run_id"], key)
    total = len(table[0])
    end = total if most is None else min(total, start + most)
    answer: Json = {}
    if start < end:
        answer["metrics"] = as_json(key, _part(table, slice(start, end)))
    if end < total:
        answer["next_page_token"] = token_of(end)
    return answer


def _part(table: Table, at: Any) -> Table:
    return table[0][at], table[1][at], table[2][at]


def bulk(call: Call) -> Json:
    run_ids = fields.ids("GetMetricHistoryBulk", "run_id", call.arguments("run_id"), _MOST_BULK_RUNS)
    key = call.argument("metric_key")
    if not key:
        raise invalid("GetMetricHistoryBulk request must specify a metric_key.")
    most = min(fields.whole(call, "max_results") or _MOST_BULK, _MOST_BULK)
    found: list[Json] = []
    for run_id in sorted(set(run_ids)):
        found += as_json(key, points(call.hub, run_id, key), run_id)
    return {"metrics": found[:most]}


def interval(call: Call) -> Json:
    """Few points of many runs, for a chart: of each run some that are evenly spread."""
    sent = _INTERVAL.read(call)
    run_ids, key = sent["run_ids"], sent["metric_key"]
    if len(run_ids) > _MOST_BULK_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {_MOST_BULK_RUNS} run_ids. Received "
            f"{len(run_ids)} run_ids. See the API docs for more information about request parameters."
        )
    start, end = sent["start_step"], sent["end_step"]
    most = _DEFAULT_INTERVAL if sent["max_results"] is None else sent["max_results"]
    if not 1 <= most <= _MOST_INTERVAL:
        raise invalid(
            f"max_results must be between 1 and {_MOST_INTERVAL}. See the API docs for more information about request "
            "parameters."
        )
    if (start is None) != (end is None):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise invalid(f"end_step must be greater than start_step. Found start_step={start} and end_step={end}.")
    metrics: list[Json] = []
    for run_id in run_ids:
        times, steps, values = points(call.hub, run_id, key)
        order = np.lexsort((times, steps))
        if start is not None:
            order = order[(steps[order] >= start) & (steps[order] <= end)]
        metrics += as_json(key, _part((times, steps, values), _sampled(order, most)), run_id)
    return {"metrics": metrics} if metrics else {}


def _sampled(order: Any, most: int) -> Any:
    """At most `most` of some points: the first of each of as many equal stretches, of which the first ones are longer
    where they can't be equal, but the very last of all for that of the last.
    """
    count = len(order)
    if count <= most:
        return order
    stretch = np.arange(most)
    starts = stretch * (count // most) + np.minimum(stretch, count % most)
    starts[-1] = count - 1
    return order[starts]


ROUTES = [
    *both("GET", "metrics/get-history", get),
    *both("GET", "metrics/get-history-bulk-interval", interval),
    Route("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", bulk, style="mlflow"),
]
