"""What a name says about the value beside it: a timing, a memory size, an id, a result.

A name that speaks of a result ('mae', 'score') outweighs one that speaks of time, because to call a
differing result equal is the worst error there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[µμ]s")
_RESULTS = frozenset(
    [
        "acc",
        "accuracy",
        "loss",
        "losses",
        "auc",
        "roc",
        "ap",
        "map",
        "f1",
        "f2",
        "fbeta",
        "precision",
        "recall",
        "score",
        "scores",
        "mae",
        "mse",
        "rmse",
        "msle",
        "rmsle",
        "mape",
        "smape",
        "wape",
        "r2",
        "rsquared",
        "error",
        "errors",
        "err",
        "perplexity",
        "ppl",
        "bleu",
        "rouge",
        "wer",
        "cer",
        "iou",
        "dice",
        "logloss",
        "nll",
        "elbo",
        "kl",
        "entropy",
        "crossentropy",
        "correlation",
        "corr",
        "kappa",
        "mcc",
        "brier",
        "reward",
        "rewards",
        "return",
        "returns",
        "metric",
        "metrics",
        "prediction",
        "predictions",
        "predicted",
        "predict_value",
        "pred",
        "preds",
        "target",
        "targets",
        "label",
        "labels",
        "truth",
        "actual",
        "expected",
        "weight",
        "weights",
        "bias",
        "gradient",
        "grad",
        "norm",
        "coef",
        "coefficient",
        "intercept",
        "probability",
        "prob",
        "quantile",
        "residual",
        "residuals",
        "survival",
        "hazard",
        "event",
        "events",
        "likelihood",
        "aic",
        "bic",
        "psnr",
        "ssim",
        "fid",
        "ndcg",
        "mrr",
        "hit",
        "hits",
        "variance",
        "silhouette",
        "inertia",
        "objective",
        "fitness",
    ]
)
_TIMES = frozenset(
    [
        "time",
        "times",
        "elapsed",
        "took",
        "duration",
        "durations",
        "dur",
        "runtime",
        "walltime",
        "cputime",
        "wallclock",
        "timing",
        "timings",
        "latency",
        "latencies",
        "seconds",
        "secs",
        "sec",
        "speed",
        "throughput",
        "fps",
        "milliseconds",
        "msec",
        "ips",
        "walltimes",
        "stopwatch",
        "uptime",
    ]
)
_UNITS = frozenset(
    [
        "s",
        "ms",
        "us",
        "µs",
        "μs",
        "ns",
        "sec",
        "secs",
        "second",
        "seconds",
        "msec",
        "min",
        "mins",
        "minute",
        "minutes",
        "h",
        "hr",
        "hrs",
        "hour",
        "hours",
    ]
)
_TAILS = frozenset(
    [
        "taken",
        "spent",
        "used",
        "total",
        "avg",
        "average",
        "mean",
        "std",
        "sum",
        "median",
        "is",
        "was",
        "of",
        "about",
        "approximately",
        "approx",
        "around",
        "roughly",
        "the",
        "all",
        "overall",
        "elapsed",
        "in",
        "only",
        "wall",
        "cpu",
        "user",
        "sys",
        "real",
        "min",
        "max",
        "last",
        "needed",
        "so",
        "far",
        "passed",
    ]
)
_TASKS = frozenset(
    [
        "train",
        "training",
        "fit",
        "fitting",
        "predict",
        "load",
        "loading",
        "run",
        "compute",
        "complete",
        "finish",
        "build",
        "inference",
        "execute",
        "converge",
    ]
)
_LIMITS = frozenset(
    ["max", "maximum", "limit", "n", "num", "number", "budget"]
)  # of a parameter rather than a measurement
_TIMING_RESULT = re.compile(
    r"(?:(?:mean|std|min|max|total|avg|median)_)?(?:score|scoring|metrics?)_times?_?(?:s|ms|sec)?"
)
_MEMORY = frozenset(["memory", "mem", "rss", "vms", "uss", "vram", "ram", "heap", "gpumem", "maxrss"])
_ID_WORDS = frozenset(["id", "ids", "uid", "uuid", "uuids", "guid"])
_RUNS = frozenset(["run", "runid", "session", "job", "trace", "experiment"])
_DIGESTS = frozenset(
    [
        "hash",
        "sha",
        "sha1",
        "sha256",
        "sha512",
        "md5",
        "digest",
        "checksum",
        "crc",
        "crc32",
        "blake3",
        "blake2",
        "commit",
        "fingerprint",
        "etag",
    ]
)
_ADDRESSES = frozenset(["address", "addr", "ptr", "pointer"])


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of an identifier or a label, in lower case: 'meanFit_time' is mean, fit, time."""
    return tuple(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=4096)
def is_result(name: str) -> bool:
    """Does `name` speak of a result?"""
    return any(word in _RESULTS for word in words(name)) or bool(re.search(r"(?i)(?<![a-z])(r2|f1)(?![0-9])", name))


@lru_cache(maxsize=4096)
def is_timing(name: str) -> bool:
    """Is `name` that of a duration or a speed: 'mean_fit_time', 'Time elapsed', 'time_s', 'samples per second'?"""
    if _TIMING_RESULT.fullmatch(name.strip().lower()):
        return True
    if is_result(name):
        return False
    parts = list(words(name))
    if parts and parts[0] in _LIMITS:
        return False
    if _is_rate(parts):
        return True
    while len(parts) > 1 and (parts[-1] in _UNITS or parts[-1] in _TAILS):
        if parts[-1] in ("seconds", "secs", "sec") and len(parts) == 1:
            break
        parts.pop()
    if "per" in parts[1:]:
        parts = parts[: parts.index("per", 1)]
    if len(parts) > 2 and parts[-2] in ("to", "for") and parts[-1] in _TASKS:
        parts = parts[:-2]
    return bool(parts) and parts[-1] in _TIMES


def _is_rate(parts: list[str]) -> bool:
    """'samples per second', 'it per s', 'steps_per_sec'."""
    return len(parts) >= 2 and parts[-2] == "per" and parts[-1] in ("s", "sec", "second", "seconds", "minute", "hour")


_STATISTIC = r"(?:(?:mean|std|min|max|total|avg|average|median|sum)_)?"
_PHASE = (
    r"(?:fit|refit|score|scoring|train|training|epoch|step|iter|iteration|batch|wall|cpu|gpu|elapsed|eval|evaluation|"
    r"val|validation|inference|predict|load|loading|build|preprocessing|compile|compute|execution)"
)
_THING = r"(?:it|its|iters?|iterations?|steps?|samples?|examples?|tokens?|batch|batches|epochs?|images?|imgs?)"
_PROGRAM = re.compile(
    rf"{_STATISTIC}{_PHASE}_times?(?:_(?:s|secs?|seconds|ms|us|ns|taken|total))?|total_time(?:_(?:s|secs?|seconds|ms))?|"
    rf"{_STATISTIC}(?:fit|refit|train|training|inference|epoch)_(?:seconds|secs?|duration(?:_s|_seconds)?)|"
    rf"wall_clock(?:_time)?(?:_s)?|walltime|cputime|wallclock|elapsed_(?:s|secs?|seconds|ms)|time_(?:s|sec|taken|spent)|"
    rf"(?:time_)?time_elapsed|time_fps|(?:train|eval|test|predict)_runtime|"
    rf"(?:(?:train|eval|test|predict)_)?{_THING}_per_(?:s|sec|second)|(?:time|seconds|secs|s|ms)_per_{_THING}"
)
_BARE = frozenset(["time", "elapsed", "duration", "seconds", "speed", "throughput", "dur"])
_BARE_KEYS = _BARE | {"latency", "runtime", "fps"}
_PROGRESS = frozenset(["epoch", "epochs", "step", "steps", "iter", "iteration", "batch", "round", "fold", "trial"])
_INDEX = frozenset(["id", "ids", "index", "idx", "rowid", "uuid", "uid", "no", "nr"])
_MEASURED = frozenset(
    [
        "wind",
        "life",
        "lifetime",
        "lifetimes",
        "halflife",
        "half",
        "response",
        "reaction",
        "survival",
        "trip",
        "travel",
        "delivery",
        "flight",
        "journey",
        "ride",
        "arrival",
        "waiting",
        "wait",
        "service",
        "recovery",
        "commute",
        "transit",
        "dwell",
        "cycle",
        "decay",
        "period",
        "lap",
        "race",
        "event",
        "failure",
        "death",
        "relapse",
        "driving",
        "walking",
        "sleep",
        "visit",
        "vehicle",
        "car",
        "light",
        "lead",
        "lag",
        "rise",
        "fall",
        "settling",
        "mean",
        "residence",
        "shipping",
    ]
)  # of a quantity that a program works out, rather than takes


def _joined(name: str) -> str:
    return "_".join(words(name))


@lru_cache(maxsize=4096)
def is_program_timing(name: str) -> bool:
    """A compound that can only be a program's own timing: 'fit_time', 'mean_score_time', 'samples_per_sec'."""
    return bool(_PROGRAM.fullmatch(_joined(name)))


@lru_cache(maxsize=4096)
def is_progress(name: str) -> bool:
    """A name that counts what a program has done: 'epoch', 'global_step'."""
    parts = words(name)
    return bool(parts) and parts[-1] in _PROGRESS and (len(parts) == 1 or parts[0] in ("global", "train", "current"))


def is_table_timing(name: str, header: Iterable[str]) -> bool:
    """Is the column `name` a program's timing, in a table that holds something else besides?"""
    header = list(header)
    progress = any(map(is_progress, header))

    def timed(column: str) -> bool:
        return is_program_timing(column) or (progress and _joined(column) in _BARE)

    def counts(column: str) -> bool:
        return not column.strip() or is_progress(column) or (words(column) or ("id",))[-1] in _INDEX

    return timed(name) and any(not timed(column) and not counts(column) for column in header)


def is_key_timing(name: str, siblings: Iterable[str]) -> bool:
    """Is a value under the key `name` a program's timing, by its name or that of those beside it?"""
    if is_program_timing(name):
        return True
    if _joined(name) not in _BARE_KEYS:
        return False
    return any(is_progress(other) or (other != name and is_program_timing(other)) for other in siblings)


@lru_cache(maxsize=4096)
def is_spoken_timing(label: str) -> bool:
    """Is a number after the words `label`, in text, a program's timing?"""
    if is_program_timing(label):
        return True
    parts = words(label)
    if not is_timing(label) or is_measured(label) or _is_rate(list(parts)):
        return is_timing(label) and _is_rate(list(parts)) and bool(re.search(rf"(?:^|_){_THING}_per_", _joined(label)))
    return not {"speed", "throughput", "latency", "latencies"} & set(parts)


@lru_cache(maxsize=4096)
def is_measured(label: str) -> bool:
    """Does `label` speak of a time or speed out in the world, or of a model's: 'wind speed', 'half-life'?"""
    parts = words(label)
    if _PROGRAM.fullmatch("_".join(parts)):
        return False
    return bool(_MEASURED & set(parts))


def is_bare_time(name: str) -> bool:
    """A name such as 'time' alone, which in a table of data may be a measured quantity."""
    return name.strip().lower() in ("time", "times", "duration", "durations", "speed", "latency")


@lru_cache(maxsize=4096)
def is_timing_group(name: str) -> bool:
    """A name for a group of timings, such as 'timings': {'fit': 1.2}."""
    return not is_result(name) and bool(words(name)) and words(name)[-1] in ("timing", "timings", "times", "durations")


@lru_cache(maxsize=4096)
def is_memory(name: str) -> bool:
    """Is `name` that of an amount of memory in use?"""
    return not is_result(name) and "model" not in words(name) and any(word in _MEMORY for word in words(name))


@lru_cache(maxsize=4096)
def is_resident(name: str) -> bool:
    """Is `name` that of a resident set size, which needs no unit? 'RSS' alone is a sum of squares."""
    parts = set(words(name))
    return "maxrss" in parts or ("rss" in parts and bool(parts & {"peak", "max", "memory", "mem", "process"}))


@lru_cache(maxsize=4096)
def is_id(name: str) -> bool:
    """Is `name` that of an identifier of a run, and not of data or of a digest, which are results?"""
    parts = words(name)
    told = parts[-1:] and (parts[-1] in _RUNS or (parts[-1] in _ID_WORDS and parts[-2:-1] and parts[-2] in _RUNS))
    return bool(told) and not is_digest(name)


@lru_cache(maxsize=4096)
def is_any_id(name: str) -> bool:
    """Does `name` end in a word for an identifier, drawn at random or not?"""
    parts = words(name)
    return bool(parts) and parts[-1] in _RUNS | _ID_WORDS and not is_digest(name)


@lru_cache(maxsize=4096)
def is_digest(name: str) -> bool:
    """Does `name` speak of a hash of some content?"""
    lowered = name.lower()
    return any(word in _DIGESTS for word in words(name)) or any(
        d in lowered for d in ("sha256", "sha1", "md5", "crc32")
    )


@lru_cache(maxsize=4096)
def is_address(name: str) -> bool:
    """Is `name` that of a place in memory?"""
    return any(word in _ADDRESSES for word in words(name))


@lru_cache(maxsize=4096)
def is_process(name: str) -> bool:
    """Is `name` that of a process number?"""
    parts = words(name)
    return bool(parts) and (parts[-1] in ("pid", "ppid", "pids") or parts[-2:] in (("process", "id"), ("proc", "id")))


@lru_cache(maxsize=4096)
def is_thread(name: str) -> bool:
    """Is `name` that of a thread number?"""
    parts = words(name)
    return bool(parts) and (parts[-1] in ("thread", "tid", "ident") or parts[-2:] == ("thread", "id"))


@lru_cache(maxsize=4096)
def is_user(name: str) -> bool:
    """Does `name` introduce the name of a user?"""
    parts = words(name)
    return bool(parts) and parts[-1] in ("user", "username", "owner", "author", "login", "by")


@lru_cache(maxsize=4096)
def is_host(name: str) -> bool:
    """Does `name` introduce the name of a machine?"""
    parts = words(name)
    return bool(parts) and parts[-1] in ("host", "hostname", "node", "machine", "server", "on", "nodename")
