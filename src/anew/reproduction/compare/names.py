"""What a name says about the value beside it: a result, an id, a memory size, a process, a user.

A name that speaks of a result ('mae', 'score') or of a choice ('best', 'predicted') outweighs one that speaks of an
accident, because to call a differing result equal is the worst error there is. Timings have names of their own, see
`timings`.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[µμ]s|[程序运行训练总耗时用時]+")


def word_set(text: str) -> frozenset[str]:
    """The words of `text` as a set."""
    return frozenset(text.split())


_RESULTS = word_set(
    "acc accuracy loss losses auc roc ap map f1 f2 fbeta precision recall score scores mae mse rmse msle rmsle mape "
    "smape wape r2 rsquared error errors err perplexity ppl bleu rouge wer cer iou dice logloss nll elbo kl entropy "
    "crossentropy correlation corr kappa mcc brier reward rewards return returns metric metrics prediction predictions "
    "predicted predict_value pred preds target targets label labels truth actual expected weight weights bias gradient "
    "grad norm coef coefficient intercept probability prob quantile residual residuals survival hazard event events "
    "likelihood aic bic psnr ssim fid ndcg mrr hit hits variance silhouette inertia objective fitness"
)
_CLAIMS = word_set(
    "best better top winner winners winning won worst selected chosen picked predicted predicts prediction predictions "
    "forecast forecasted forecasts expected estimated estimate estimates optimal optimum optimised optimized simulated "
    "simulation sim detected planned plan plans recommended recommendation scheduled schedule ideal minimum maximum "
    "fastest slowest shortest longest learned tuned suggested candidate favourite favorite leader champion "
    "required allowed virtual hypothetical budget limit deadline nearest closest rank ranked"
)  # of what was worked out, or picked out
_AHEAD = _CLAIMS | word_set(
    "peak delivery deliver delivered due next arrival arrive arrives departure depart until expires expiry eta "
    "upcoming onset failure anomaly changepoint breakpoint event visit appointment booking birth death trough outage "
    "maturity release purchase order shipped ship max min latest earliest season holiday"
)
_MEMORY = re.compile(
    r"(?:(?:peak|max|current|process|allocated|reserved|resident|gpu|cuda|total|used|own)_)+"
    r"(?:memory|mem|rss|vms|uss|vram|ram)(?:_(?:usage|used|use|allocated|reserved|size|is|was|mb|gb|kb|mib|gib))*|"
    r"maxrss|(?:memory|mem)_(?:allocated|reserved)|(?:ru_)?maxrss(?:_(?:kb|mb))?"
)
_ID_WORDS = frozenset(["id", "ids", "uid", "uuid", "uuids", "guid"])
_RUNS = frozenset(["run", "session", "trace", "experiment", "request", "span"])
_DIGESTS = word_set(
    "hash sha sha1 sha256 sha512 md5 digest checksum crc crc32 blake3 blake2 commit fingerprint etag colour color"
)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of an identifier or a label, in lower case: 'meanFit_time' is mean, fit, time."""
    return tuple(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=4096)
def is_result(name: str) -> bool:
    """Does `name` speak of a result?"""
    return any(word in _RESULTS for word in words(name)) or bool(re.search(r"(?i)(?<![a-z])(r2|f1)(?![0-9])", name))


@lru_cache(maxsize=4096)
def is_claimed(name: str) -> bool:
    """Does `name` speak of what was worked out or picked out: 'best', 'predicted', 'simulated', or of a result?"""
    return is_result(name) or is_chosen(name)


@lru_cache(maxsize=4096)
def is_chosen(name: str) -> bool:
    """Does `name` speak of what was worked out or picked out?"""
    return any(word in _CLAIMS for word in words(name))


@lru_cache(maxsize=4096)
def is_ahead(name: str) -> bool:
    """Does `name` speak of a moment in the data or to come, and not of the clock: 'peak', 'delivery', 'due'?"""
    return is_result(name) or is_placed_ahead(name)


@lru_cache(maxsize=4096)
def is_placed_ahead(place: str) -> bool:
    """Does a place in a file, such as 'forecast.hours[3]', speak of moments in the data or to come?"""
    return any(word in _AHEAD for word in words(place))


@lru_cache(maxsize=4096)
def is_memory(name: str) -> bool:
    """Is `name` that of the memory that the process or the GPU has in use?"""
    return bool(_MEMORY.fullmatch("_".join(words(name))))


@lru_cache(maxsize=4096)
def is_resident(name: str) -> bool:
    """Is `name` that of a resident set size, which needs no unit? 'RSS' alone is a sum of squares."""
    parts = set(words(name))
    return is_memory(name) and ("maxrss" in parts or "rss" in parts)


@lru_cache(maxsize=4096)
def is_id(name: str) -> bool:
    """Is `name` that of an identifier of a run or a request, and neither of data, of a digest, nor of a choice?"""
    parts = words(name)
    told = parts[-1:] == ("runid",) or (len(parts) > 1 and parts[-1] in _ID_WORDS and parts[-2] in _RUNS)
    return told and not is_digest(name) and not is_claimed(name)


@lru_cache(maxsize=4096)
def is_unique(name: str) -> bool:
    """Does `name` introduce a UUID of the run's own: 'run', 'run id', 'uuid'?"""
    parts = words(name)
    own = bool(parts) and (parts[-1] in _RUNS or parts in (("id",), ("uuid",), ("uid",), ("guid",)))
    return is_id(name) or (own and not is_claimed(name))


@lru_cache(maxsize=4096)
def is_digest(name: str) -> bool:
    """Does `name` speak of a hash of some content, or a colour?"""
    lowered = name.lower()
    return any(word in _DIGESTS for word in words(name)) or any(
        d in lowered for d in ("sha256", "sha1", "md5", "crc32")
    )


@lru_cache(maxsize=4096)
def is_process(name: str) -> bool:
    """Is `name` that of a process number?"""
    parts = words(name)
    return bool(parts) and (parts[-1] in ("pid", "pids") or parts[-2:] in (("process", "id"), ("proc", "id")))


@lru_cache(maxsize=4096)
def is_parent(name: str) -> bool:
    """Is `name` that of the number of the process that started this one?"""
    parts = words(name)
    return parts[-1:] == ("ppid",) or parts[-2:] == ("parent", "pid")


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
