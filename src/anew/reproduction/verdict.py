"""`anew reproduce`: from a run to a verdict, with evidence, in the ledger."""

from __future__ import annotations

import fnmatch
import json
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anew.errors import DID_NOT_REPRODUCE, NOT_REPRODUCIBLE, OK, NotReproducible, UsageError
from anew.reproduction import environment as environments
from anew.reproduction.diagnose import diagnose
from anew.reproduction.factors import Cause, random_sources
from anew.reproduction.judge import Item, compare, equal, first_divergence
from anew.reproduction.pace import find_clocked
from anew.reproduction.record import Record, load
from anew.reproduction.trial import Setting, make
from anew.store.ledger import Ledger
from anew.store.location import Store
from anew.store.objects import Objects

VERDICTS = {
    "identical": "every metric point and every output is the same; what was masked is named",
    "equivalent": "within the declared tolerance, or inside the noise band of repeated runs",
    "diverged": "it ran, and came out differently",
    "failed": "it did not run to the end",
    "not_reproducible": "something it needs was never captured, or is gone",
}


@dataclass
class Options:
    """`tolerance` maps a metric's name (or pattern) to the largest absolute difference that counts as equivalent."""

    in_place: bool = False
    environment: str = "auto"
    times: int = 1
    tolerance: Mapping[str, float] = field(default_factory=dict)
    timeout_s: float | None = None
    keep: Path | None = None
    shown: bool = False
    diagnose: bool = True


@dataclass
class Verdict:
    """What a reproduction showed. `compared`, `causes` and the rest are as docs/reference/cli.md gives them."""

    verdict: str
    run: str
    reproduction: str | None = None
    compared: list[Item] = field(default_factory=list)
    first_divergence: dict[str, Any] | None = None
    causes: list[Cause] = field(default_factory=list)
    replayed: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    tests: list[dict[str, Any]] = field(default_factory=list)
    reproductions: list[str] = field(default_factory=list)
    note: str = ""
    error: str = ""
    kept: str | None = None
    duration_s: float = 0.0

    @property
    def exit_code(self) -> int:
        if self.verdict in ("identical", "equivalent"):
            return OK
        return NOT_REPRODUCIBLE if self.verdict == "not_reproducible" else DID_NOT_REPRODUCE

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def reproduce(
    store: Store, run_id: str, options: Options | None = None, say: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Run `run_id` anew and judge it; the verdict is in the ledger when this returns.

    Raises UsageError for a run that has not ended, RunNotFound for none at all.
    """
    options = options or Options()
    with Objects(store.objects) as objects:
        record = load(store, run_id, objects)
        if record.document.get("status") == "running":
            raise UsageError(f"run {run_id} is still running; reproduce it when it has ended")
        started = time.time()
        verdict = _Reproduction(store, objects, record, options, say).run()
        verdict.duration_s = time.time() - started
        evidence = objects.put_bytes(json.dumps(verdict.to_dict(), sort_keys=True, default=str).encode())
        objects.flush()
    Ledger(store.ledger).append("verdict", run_id, _entry(verdict, evidence))
    return verdict


def _entry(verdict: Verdict, evidence: str) -> dict[str, Any]:
    rules = sorted({rule for item in verdict.compared for rule in item["rules"]})
    return {
        "verdict": verdict.verdict,
        "reproduction": verdict.reproduction,
        "compared": len(verdict.compared),
        "equal": sum(bool(item["equal"]) for item in verdict.compared),
        "rules": rules,
        "causes": [{"factor": item["factor"], "what": item["what"]} for item in verdict.causes],
        "missing": [item["what"] for item in verdict.missing],
        "evidence": evidence,
    }


class _Reproduction:
    def __init__(
        self, store: Store, objects: Objects, record: Record, options: Options, say: Callable[[str], None]
    ) -> None:
        self.store, self.objects, self.record, self.options, self.say = store, objects, record, options, say
        self.verdict = Verdict("not_reproducible", record.run_id)

    def run(self) -> Verdict:
        verdict, options = self.verdict, self.options
        self._check_tolerance()
        try:
            self._check()
            chosen = environments.choose(
                self.record.document,
                self.objects,
                options.environment,
                self.store.root / "index" / "environments",
                self.say,
            )
            verdict.environment = {
                "how": chosen.how,
                "python": chosen.python,
                "differences": chosen.differences,
                "left_out": chosen.left_out,
            }
            setting = Setting(
                self.store,
                self.objects,
                self.record,
                chosen,
                options.in_place,
                options.timeout_s,
                options.keep,
                Path(tempfile.gettempdir()) / f"anew-{secrets.token_hex(4)}",
                options.shown,
            )
            trials = [self._trial(setting) for _ in range(max(1, options.times))]
        except NotReproducible as error:
            verdict.missing, verdict.error = error.missing, str(error)
            return verdict
        self._judge(setting, trials)
        return verdict

    def _check(self) -> None:
        document = self.record.document
        if not document.get("argv"):
            why = f"its journal is damaged ({self.record.damage[0]})" if self.record.damage else "it was never captured"
            missing = {"factor": "code", "what": "the command", "why": why, "mend": "anew verify; anew run"}
            raise NotReproducible(f"run {self.record.run_id} does not say what it ran", [missing])
        if document.get("incomplete"):
            why = f"its capture broke off: {document['incomplete']}"
            missing = {"factor": "code", "what": "the record", "why": why, "mend": "run it again"}
            raise NotReproducible(f"the record of run {self.record.run_id} is incomplete", [missing])

    def _check_tolerance(self) -> None:
        names = self.record.series
        unmatched = [p for p in self.options.tolerance if not any(fnmatch.fnmatch(n, _bare(p)) for n in names)]
        if unmatched:
            raise UsageError(f"no metric is called {', '.join(unmatched)}; the run has {', '.join(names) or 'none'}")

    def _trial(self, setting: Setting) -> Record:
        outcome, trial, space = make(setting)
        self.verdict.reproductions.append(outcome.run_id)
        self.verdict.reproduction = self.verdict.reproduction or outcome.run_id
        if setting.keep is not None:
            self.verdict.kept = str(space.root)
        if space.redacted:
            self.verdict.note = f"with masked secrets in {', '.join(space.redacted)}"
        if trial.document.get("incomplete"):
            self.verdict.error = f"its record is incomplete: {trial.document['incomplete']}"
        if outcome.timed_out:
            self.verdict.error = f"stopped after {self.options.timeout_s:g} s"
        return trial

    def _judge(self, setting: Setting, trials: list[Record]) -> None:
        verdict, first = self.verdict, trials[0]
        verdict.replayed = _replayed(self.record, first)
        verdict.compared = compare(self.record, first)
        if verdict.error or (first.document.get("exit_code") != 0 and self.record.document.get("exit_code") == 0):
            verdict.verdict = "failed"
            verdict.error = verdict.error or _last_words(first)
            from anew.reproduction.factors import differences

            verdict.causes = differences(self.record, first)
            return
        if self._all_equal(trials) or (self.options.diagnose and self._times_differ(setting, trials)):
            verdict.verdict = "identical"
            if not _has_results(self.record):
                note = "the run left nothing to compare but its exit code"
                verdict.note = "; ".join(filter(None, [verdict.note, note]))
            return
        verdict.first_divergence = first_divergence(verdict.compared, self.record, first)
        if self.options.tolerance and self._tolerated(trials):
            verdict.verdict = "equivalent"
            return
        if len(trials) > 1 and self._inside_band(trials):
            verdict.verdict = "equivalent"
            return
        verdict.verdict = "diverged"
        if self.options.diagnose:
            differing = next((t for t in trials if not equal(compare(self.record, t))), first)
            found = diagnose(setting, differing, self.say)
            verdict.causes, verdict.tests = found.causes, [*verdict.tests, *found.tests]
            verdict.note = "; ".join(filter(None, [verdict.note, found.note]))

    def _all_equal(self, trials: list[Record]) -> bool:
        return equal(self.verdict.compared) and all(equal(compare(self.record, trial)) for trial in trials[1:])

    def _times_differ(self, setting: Setting, trials: list[Record]) -> bool:
        """Whether nothing differs but figures that were seen to follow the clock."""
        differing = next((t for t in trials if not equal(compare(self.record, t))), trials[0])
        tried = find_clocked(setting, compare(self.record, differing), differing, self.say)
        if tried:
            self.verdict.tests.append({"held": "the clock at other paces", "agree": True, "trials": tried})
            self.verdict.compared = compare(self.record, trials[0])
        return bool(tried) and self._all_equal(trials)

    def _tolerated(self, trials: list[Record]) -> bool:
        """Whether every metric is equal or within the tolerance declared for it, in every trial, and no output differs
        in its words. Numbers in files and output that differ are not judged: they are what the tolerance is for.
        """
        judged: list[str] = []
        for trial in trials:
            for item in compare(self.record, trial):
                if item["equal"]:
                    continue
                most = _tolerance_of(item["name"], self.options.tolerance) if item["kind"] == "metric" else None
                gap = item.get("max_difference")
                if item["kind"] == "metric" and (most is None or gap is None or gap > most):
                    return False
                if item["kind"] != "metric" and _differs_in_words(item):
                    return False
                judged += [item["name"]] if item["kind"] == "metric" else []
        names = ", ".join(dict.fromkeys(judged))
        self.verdict.note = f"within the declared tolerance: {names}; numbers in outputs that differ were not judged"
        return True

    def _inside_band(self, trials: list[Record]) -> bool:
        """Whether the record's last value of every metric lies where the trials' own spread would put one more run, and
        whatever else differs from the record differs among the trials, too.
        """
        for name, (_, values) in self.record.series.items():
            others = [trial.series[name][1][-1] for trial in trials if name in trial.series]
            if len(others) < len(trials) or not _is_inside(values[-1], others):
                return False
        if not self.record.series:
            return False
        steady = [item for item in compare(trials[0], trials[1]) if item["equal"]]
        for trial in trials[2:]:
            alike = {(i["kind"], i["name"]) for i in compare(trials[0], trial) if i["equal"]}
            steady = [item for item in steady if (item["kind"], item["name"]) in alike]
        names = {(item["kind"], item["name"]) for item in steady}
        if any(not item["equal"] and (item["kind"], item["name"]) in names for item in self.verdict.compared):
            return False  # the trials agree on it, and the record has it otherwise: that is no noise
        self.verdict.note = (
            f"every metric's last value lies inside the 95 % prediction band of {len(trials)} reproductions; what else "
            "differs, differs among these as well"
        )
        return True


def _differs_in_words(item: dict[str, Any]) -> bool:
    """Whether an output that could be read differs in more than numbers; that of a model's file can't be told."""
    if item.get("max_difference") is not None or item["kind"] in ("figure", "exit_code"):
        return bool(item["kind"] == "exit_code")
    return bool(item["how"] != "bytes")


def _is_inside(value: float, others: list[float]) -> bool:
    """Inside the band, and no farther out than the others are apart: two of them alone give a band without end."""
    mean = sum(others) / len(others)
    spread = math.sqrt(sum((x - mean) ** 2 for x in others) / (len(others) - 1))
    half = _T95[min(len(others) - 1, len(_T95)) - 1] * spread * math.sqrt(1 + 1 / len(others))
    apart = max(others) - min(others)
    return bool(abs(value - mean) <= half and min(others) - apart <= value <= max(others) + apart)


# Two-sided 95 % points of Student's t for 1, 2, … degrees of freedom.
_T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131]


def _bare(pattern: str) -> str:
    return pattern.removeprefix("metrics.")


def _tolerance_of(name: str, tolerance: Mapping[str, float]) -> float | None:
    return next((most for pattern, most in tolerance.items() if fnmatch.fnmatch(name, _bare(pattern))), None)


def _replayed(record: Record, trial: Record) -> list[dict[str, Any]]:
    """The generators and the system entropy that the run drew on and that were put back."""
    seeds = record.document.get("seeds") or {}
    if not seeds.get("replayable") and not seeds.get("states"):
        return []
    generators = seeds.get("generators", {})
    found: list[dict[str, Any]] = []
    for name in random_sources(seeds):
        if name in generators:
            again = (trial.document.get("seeds") or {}).get("generators", {}).get(name, {})
            same = again.get("start") == generators[name]["start"]
            found.append({"what": name, "how": "start state", "same": same})
        else:
            found.append({"what": name, "how": "system entropy", **seeds["draws"][name]})
    return found


def _has_results(record: Record) -> bool:
    document = record.document
    return bool(
        record.series or document["outputs"] or document["media"] or document["summary"] or any(record.console.values())
    )


def _last_words(trial: Record) -> str:
    lines = [line for line in trial.console.get("stderr", "").splitlines() if line.strip()]
    code = trial.document.get("exit_code")
    return f"it ended with exit code {code}: {lines[-1] if lines else 'without a word on stderr'}"
