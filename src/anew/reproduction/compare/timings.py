"""Which figures a program's own clock gave: said by a name, by the words before a figure, or by a line's form.

The grammar is positive: a unit of time makes nothing a timing, since models, simulations and data have times of their
own. What is not known to be a timing is a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from anew.reproduction.compare.moments import PARALLEL_MOST
from anew.reproduction.compare.names import is_claimed, is_result, word_set, words
from anew.reproduction.compare.tokens import NUMBER

UNBOUNDED = 0.0
_STATISTIC = r"(?:(?:mean|std|total|avg|average|median|sum|overall|cumulative|whole)_)?"
_WORK = (
    r"(?:fit|fitting|refit|score|scoring|train|training|epoch|batch|iteration|iter|step|wall|wall_clock|cpu|gpu|cuda|"
    r"eval|evaluation|val|validation|cross_validation|cv|inference|predict|load|loading|data|data_loading|build|"
    r"preprocessing|compile|compilation|compute|computing|computation|calculation|execution|exec|run|running|script|"
    r"program|elapsed|import|setup|save|saving|forward|backward|forward_pass|backward_pass|optimi[sz]ation|"
    r"grid_search|hyperparameter_search|feature_extraction|total)"
)
_UNIT = r"(?:_(?:s|secs?|seconds|msecs?|ms|us|ns|mins?|minutes|h|hours))?"
_TAIL = rf"(?:_(?:taken|used|spent|cost|elapsed|total|mean|avg|std|is|was|of|in|about)){{0,2}}{_UNIT}"
THING = r"(?:it|its|iters?|iterations?|steps?|samples?|examples?|tokens?|toks?|batch|batches|epochs?|images?|imgs?)"
_EACH = r"(?:it|iters?|iteration|step|batch|epoch|loop|fold|example|sample|token|image|img)"
_OF = rf"_(?:for|of)_(?:(?:the|this|one|each|all|whole|entire)_)?{_WORK}(?:_(?:is|was))?"
_STRONG = re.compile(
    rf"{_STATISTIC}(?:{_WORK}_)?{_WORK}_times?{_TAIL}|"
    rf"{_STATISTIC}time_(?:taken|spent|used|cost|elapsed)(?:{_OF})?(?:_(?:is|was|in|so_far)){{0,2}}{_UNIT}|"
    rf"(?:elapsed|took|cost)_times?{_TAIL}|elapsed_(?:s|secs?|seconds|ms)|total_elapsed{_UNIT}|"
    rf"{_STATISTIC}(?:fit|refit|train|training|inference|epoch)_(?:seconds|secs?|duration{_UNIT})|"
    rf"(?:run|script|step|batch)_duration{_UNIT}|wall_clock{_UNIT}|(?:wall|cpu)times?|wallclock{_UNIT}|"
    rf"(?:time|run_?time|duration){_OF}|time_fps|(?:total|script|training)_runtime{_UNIT}|"
    rf"(?:train|eval|test|predict)_(?:runtime|{THING}_per_(?:s|sec|second))|"
    rf"time_to_(?:train|fit|load|predict|compute|build|run)|{_STATISTIC}(?:time|seconds|secs|sec|s|ms)_per_{_EACH}|"
    r"(?:程序|运行|训练|总)?(?:耗时|用时|耗時)"
)
_WEAK = re.compile(
    rf"(?:time|elapsed|duration|dur|run_?time){_UNIT}|seconds|secs|speed|throughput|fps|mfu|remaining_time|"
    rf"(?:train(?:ing)?_)?(?:throughput|{THING}_per_(?:s|sec|second))"
)
_SPOKEN = re.compile(rf"elapsed{_UNIT}|(?:total_)?elapsed|run_?time{_UNIT}|time_in_(?:s|secs|seconds)")
_ALONE = re.compile(rf"time{_UNIT}")
_COMPANY = word_set(
    "epoch epochs batch batches fold folds loss losses acc accuracy auc logloss rmse mae mse f1 precision recall lr "
    "perplexity ppl bleu learning_rate grad_norm gnorm norm_grad state state_dict model_state_dict optimizer "
    "optimizer_state_dict total_timesteps timesteps n_updates tok_per_sec input_args"
)  # that only a program that learns gives, or joblib of a call it keeps
_OF_TRIALS = frozenset(["datetime_start", "datetime_complete"])  # Optuna's
_TRAINING = word_set("epoch epochs loss train_loss lr learning_rate total_timesteps time_elapsed")
_COUNTS = frozenset(["epoch", "epochs", "step", "steps", "iter", "iteration", "batch", "round", "fold", "trial"])
_INDEX = frozenset(["id", "ids", "index", "idx", "rowid", "uuid", "uid", "no", "nr"])
_DOMAINS = word_set(
    "wind life lifetime lifetimes halflife half response reaction survival trip travel delivery flight journey ride "
    "arrival arrives waiting wait waited service recovery commute transit dwell cycle decay period lap race event "
    "failure death relapse driving walking sleep visit vehicle car light lead lag rise fall settling residence "
    "shipping spike spikes tau dt rr qrs qt pr isi interval window hop delay latency sim simulation simulated clock "
    "jitter pulse echo onset beat customer patient order orders queue system bus agent robot goal game song audio "
    "clip video reading makespan exposure bandwidth rtt timeout"
)


def _joined(name: str) -> str:
    return "_".join(words(name))


@lru_cache(maxsize=4096)
def is_timing(name: str) -> bool:
    """A compound that can only be a program's own timing: 'fit_time', 'Total training time (s)'."""
    return bool(_STRONG.fullmatch(_joined(name))) and not is_claimed(_joined(name).replace("score", ""))


@lru_cache(maxsize=4096)
def may_be_timing(name: str) -> bool:
    """A name such as 'time' or 'elapsed', which is a program's timing or a quantity of its data."""
    return bool(_WEAK.fullmatch(_joined(name)))


def _is_company(name: str) -> bool:
    """Does `name` say that a program which trains or evaluates a model speaks, and no simulation?"""
    parts = words(name)
    return _joined(name) in _COMPANY or (bool(parts) and not is_foreign(name) and parts[-1] in _COMPANY)


@lru_cache(maxsize=4096)
def is_foreign(name: str) -> bool:
    """Does `name` speak of what a model or a simulation is about?"""
    return any(word in _DOMAINS for word in words(name))


def is_key_timing(name: str, siblings: Iterable[str]) -> bool:
    """Is a value under `name` a program's timing, by its name, or by it and those beside it?"""
    if is_timing(name):
        return True
    if not may_be_timing(name):
        return False
    others = [other for other in siblings if other != name]
    if _joined(name) == "duration" and set(map(_joined, others)) >= _OF_TRIALS:
        return True
    if is_speed(name):
        return bool({_joined(other) for other in others} & _TRAINING)
    return any(_is_company(other) or is_timing(other) for other in others) and not any(map(is_foreign, others))


def is_progress(name: str) -> bool:
    """A name that counts what a program has done: 'epoch', 'global_step'."""
    parts = words(name)
    return bool(parts) and parts[-1] in _COUNTS and (len(parts) == 1 or parts[0] in ("global", "train", "current"))


def is_table_timing(name: str, header: Sequence[str]) -> bool:
    """Is the column `name` a program's timing, in a table that holds something else besides?"""

    def counts(column: str) -> bool:
        return not column.strip() or is_progress(column) or (words(column) or ("id",))[-1] in _INDEX

    return is_key_timing(name, header) and any(not is_key_timing(c, header) and not counts(c) for c in header)


def is_united_timing(name: str, header: Sequence[str]) -> bool:
    """Is a figure with a unit of time in the column `name` a program's timing, beside the scores that it got?"""
    others = [column for column in header if column != name]
    return may_be_timing(name) and any(map(is_result, others)) and not any(map(is_foreign, others))


@lru_cache(maxsize=4096)
def is_speed(name: str) -> bool:
    """Does `name` speak of so many in a time, which has no natural bound?"""
    parts = words(name)
    rate = parts[-2:-1] == ("per",) and parts[-1][:1] == "s"
    return rate or bool({"speed", "throughput", "fps", "mfu"} & set(parts))


def parallel(name: str) -> float:
    """How many times as long as its run a timing called `name` may be: processors add up; `UNBOUNDED` for speeds."""
    return UNBOUNDED if is_speed(name) else PARALLEL_MOST if {"cpu", "cputime", "user"} & set(words(name)) else 1.0


@lru_cache(maxsize=4096)
def unit_s(name: str) -> float:
    """The seconds of the unit that `name` ends in: 0.001 for 'latency_ms'."""
    last = (words(name) or ("",))[-1]
    small = {"ms": 1e-3, "msec": 1e-3, "us": 1e-6, "ns": 1e-9, "mins": 60.0, "minutes": 60.0, "hours": 3600.0}
    return small.get(last, 1e-3 if words(name)[:2] == ("ms", "per") else 1.0)


def is_group(name: str) -> bool:
    """A name for a group of timings, such as 'timings': {'fit': 1.2}."""
    return bool(re.fullmatch(rf"(?:{_WORK}_)?timings?{_UNIT}", _joined(name)))


# ---- a figure in a line, by the words before it

_SEPARATOR = re.compile(r"[,;:|=\]})>]|\s[-–—]+\s|\.\s|\t|\s{3,}")
_UNIT_TOLD = re.compile(r"\s?[\[(](s|secs?|seconds|ms|us|µs|mins?|minutes)[\])]")
_OPENING = " \t:=|([{\"'`~≈-$"
_PLAIN = word_set(
    "the this that it all a an of and for to total whole entire script program process code function cell everything "
    "training fitting fit train evaluation eval validation cross prediction predictions inference predicting loading "
    "load preprocessing computation execution epoch epochs fold folds batch step iteration run model data dataset "
    "search grid optimization test testing tests tuning clustering processing compilation import which has pid worker "
    "rank gpu cv ran"
)
_VERB = r"(?:done|finished|completed|complete|ready|passed|tests)"
_MADE = r"(?:trained|fitted|fit|loaded|saved|built|compiled|evaluated|imported|downloaded|written|wrote|created|read)"
_ABOUT = r"(?:_(?:about|only|roughly|around|approximately|approx|a_total_of))?"
_TOOK = re.compile(rf"(?P<subject>.*?)_?(?:took|taking){_ABOUT}")
_OF_TRAINING = re.compile(r"(?i)\b(?:epoch|loss|acc|accuracy)\b")  # 'epoch 1 loss 0.5 took 0.2s'
_DONE = re.compile(rf"(?P<subject>.*?)_?(?:{_VERB}(?P<object>.*?)|{_MADE}.*?)_(?:in|after|within){_ABOUT}")


def clause(before: str) -> tuple[str, str]:
    """What a figure after the text `before` is called: the words right before it, and the whole of their clause."""
    text = _UNIT_TOLD.sub(r" \1", before).rstrip(_OPENING).replace("/", " per ")
    at = 0
    for match in _SEPARATOR.finditer(text):
        at = match.end()
    whole = text[at:]
    near = re.split(r"\d[\w.]*", whole)[-1]
    return near.strip(" ([{\"'`"), whole.strip()


@lru_cache(maxsize=4096)
def is_said(near: str, whole: str) -> bool:
    """Do the words say that what follows is how long the program took: 'Training took', 'done in', 'fit time'?"""
    label = _joined(near)
    if label == "took" and _OF_TRAINING.search(whole):
        return not is_foreign(whole)
    if not label or (is_claimed(whole) and not is_timing(near)):
        return False
    if is_sentence(whole):
        return not is_foreign(whole)
    return not is_foreign(near) and (
        is_timing(near) or is_timing(whole) or is_timing(_tail(near)) or bool(_SPOKEN.fullmatch(label))
    )


def _tail(label: str) -> str:
    """'RandomForest fit time' as 'fit time': a model's name may stand before what can only be learning's time."""
    found = re.search(
        r"(?i)(?:(?:mean|total|average|avg)[ _])?(?:re)?(?:fit|train|training|epoch)[ _]times?\W*$", label
    )
    return found[0] if found else ""


def is_sentence(whole: str) -> bool:
    """Do the words say that something 'took' or was 'done in' what follows, of a program?"""
    label = _joined(whole)
    took = _TOOK.fullmatch(label)
    if took:
        return set(took["subject"].split("_")) <= _PLAIN | {""}
    done = _DONE.fullmatch(label)
    return done is not None and set(f"{done['subject']}_{done['object'] or ''}".split("_")) <= _PLAIN | {""}


def is_said_beside(near: str, line: str, listed: Sequence[str]) -> bool:
    """Is a name such as 'time' a timing's in its line, or among the names listed in the lines around it?"""
    if not may_be_timing(near) and not (_joined(near) == "dt" and re.search(r"(?i)\btok(?:en)?s?/s", line)):
        return False
    if listed:
        return is_key_timing(near, listed)
    return is_of_progress(line)


@lru_cache(maxsize=512)
def is_of_progress(line: str) -> bool:
    """Does a line tell of training or evaluation: an epoch, a loss, an accuracy?"""
    said = set(words(line))
    return bool(said & _COMPANY) and not said & (_DOMAINS - {"dt", "latency"})


@lru_cache(maxsize=512)
def is_of_other(line: str) -> bool:
    """Does a line tell of what a simulation or a choice came to, and not of training?"""
    said = set(words(line))
    return any(is_claimed(word) or is_foreign(word) for word in said) and not said & _COMPANY


@lru_cache(maxsize=512)
def is_alone(near: str, line: str) -> bool:
    """Is the line nothing but 'Time: 3.21 s', or 'Duration: 0:00:03.5'?"""
    label = _joined(near)
    if label in ("duration", "total_duration"):
        return bool(re.fullmatch(r"\W*(?:Total )?[Dd]uration\s*[:=]\s*\d+:\d\d:\d\d(?:\.\d+)?\W*", line))
    spare = re.sub(rf"{NUMBER}|\b(?:s|sec|secs|seconds|ms|min|minutes)\b|[^\W\d_]+", "", line, count=0)
    named = set(words(re.sub(NUMBER, " ", line))) - set(words(near))
    return bool(_ALONE.fullmatch(label)) and named <= {"s", "sec", "secs", "seconds", "ms", "m"} and len(spare) < 24
