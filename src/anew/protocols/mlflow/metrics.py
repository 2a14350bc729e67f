"""Metrics as MLflow's clients send them, one or a thousand at once: read, checked, and written as few frames."""

from __future__ import annotations

from typing import Any

from anew.hub import Hub, Row
from anew.protocols.mlflow import fields, logged_models
from anew.protocols.mlflow.errors import invalid
from anew.protocols.mlflow.messages import NUMBER, TEXT, WHOLE, WHOLE_OR_0, Message

_MOST_NAMES = 10_000
_ABOUT = ("model_id", "dataset_name", "dataset_digest")
FIELDS = {
    "key": TEXT.needed, "value": NUMBER.needed, "timestamp": WHOLE.needed, "step": WHOLE_OR_0,
    **dict.fromkeys(_ABOUT, TEXT),
}  # fmt: skip
ENTITY = Message(**FIELDS)
# Names that were found good: a client sends the same ones over and over.
_good: set[str] = set()
_END = 1 << 63


# Key, value, milliseconds since 1970, step, and what else was said: model and dataset. A plain tuple is made in a tenth
# of the time that one with names takes.
Metric = tuple[str, float, int, int, "dict[str, str] | None"]


def metric_of(sent: dict[str, Any], path: str = "") -> Metric:
    """A metric of fields that were read. `path` is where it stands in the request. Raises MlflowError."""
    key, value, timestamp = sent["key"], sent["value"], sent["timestamp"]
    if key not in _good:
        fields.check_name(key, path + "name")
        fields.check_length("Metric name", fields.MOST_KEY, key)
        if len(_good) >= _MOST_NAMES:
            _good.clear()
        _good.add(key)
    if timestamp < 0:
        why = f"metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit integer) "
        raise invalid(fields.invalid_value(path + "timestamp", timestamp, why))
    about = {name: sent[name] for name in _ABOUT if sent[name]}
    return key, value, timestamp, sent["step"], about or None


def metrics_of(items: list[dict[str, Any]]) -> list[Metric]:
    """The metrics of a batch. Raises MlflowError.

    What is plain, as nearly all is, takes no more than a look at its types.
    """
    found: list[Metric] = []
    good, end = _good, _END
    for at, item in enumerate(items):
        try:
            key, value, taken, step = item["key"], item["value"], item["timestamp"], item["step"]
            if (
                type(value) is float and type(taken) is int and type(step) is int
                and 0 <= taken < end and -end <= step < end and key in good
                and (len(item) == 4 or (len(item) == 5 and "run_id" in item))
            ):  # fmt: skip
                found.append((key, value, taken, step, None))
                continue
        except (KeyError, TypeError):
            pass
        found.append(metric_of(ENTITY.read_from(item, f"metrics[{at}]."), f"metrics[{at}]."))
    return found


def write(hub: Hub, run_id: str, metrics: list[Metric]) -> None:
    """Keep metrics with their run, and with the models that they are about. Raises MlflowError for no such model."""
    told: dict[str, list[dict[str, Any]]] = {}
    for key, value, taken, step, about in metrics:
        if about is not None and "model_id" in about:
            said = {"key": key, "value": value, "timestamp": taken, "step": step, **about}
            told.setdefault(about["model_id"], []).append(said)
    for model_id in told:
        logged_models.get_document(hub, model_id)
    hub.rows(run_id, _rows(metrics))
    for model_id, items in told.items():
        logged_models.log_metrics(hub, run_id, model_id, items)


def _rows(metrics: list[Metric]) -> dict[tuple[str, ...], list[Row]]:
    """Rows by the names in them: one for all that was logged at one step and time, as far as no name comes twice."""
    if len(metrics) == 1:
        key, value, taken, step, _ = metrics[0]
        return {(key,): [((value,), step, taken / 1000)]}
    out: dict[tuple[str, ...], list[Row]] = {}
    if len({(step, taken) for _, _, taken, step, _ in metrics}) == len(metrics):
        alone: dict[str, list[Row]] = {}
        for key, value, taken, step, _ in metrics:
            if key in alone:
                alone[key].append(((value,), step, taken / 1000))
            else:
                alone[key] = [((value,), step, taken / 1000)]
        return {(key,): rows for key, rows in alone.items()}
    groups: dict[tuple[int, int], dict[str, float]] = {}
    for key, value, taken, step, _ in metrics:
        group = groups.get((step, taken))
        if group is None:
            groups[step, taken] = {key: value}
        elif key in group:
            out.setdefault(tuple(group), []).append((tuple(group.values()), step, taken / 1000))
            groups[step, taken] = {key: value}
        else:
            group[key] = value
    for (step, taken), group in groups.items():
        out.setdefault(tuple(group), []).append((tuple(group.values()), step, taken / 1000))
    return out
