"""Finds why a reproduction came out differently, by running again with one thing changed at a time.

First the same thing twice: two reproductions that differ from one another mean that the cause is inside the run (a
race, the clock, entropy nobody can put back); two that agree with each other, but not with the record, mean that it is
outside. Then each suspect is tested by a pair of trials that hold it still: if the pair agrees, it was that.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from anew.errors import AnewError
from anew.reproduction.factors import Cause, cause, differences, explicit_seeds
from anew.reproduction.judge import compare, equal
from anew.reproduction.record import Record
from anew.reproduction.trial import Setting, make_aside

_CLOCK_WORDS = re.compile(
    r"\btime\s*\(|time_ns|datetime|\bnow\s*\(|today\s*\(|utcnow|localtime|gmtime|strftime|\bdate\b|clock|"
    r"perf_counter|process_time|thread_time|timeit"
)
_ONE_THREAD = dict.fromkeys(
    [
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
        "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS",
    ],
    "1",
)  # fmt: skip
_MOST_S = 900.0
_PATIENCE_S, _PATIENCE = 20.0, 8.0  # how much longer a trial may take: what waits by a held clock never ends
_SLACK_S = 60.0  # by which two trials may differ in how soon they ask for the time


@dataclass
class Diagnosis:
    """`causes` found, `tests` made (what was held still, and whether the trials then agreed), `note` in words."""

    causes: list[Cause] = field(default_factory=list)
    tests: list[dict[str, object]] = field(default_factory=list)
    note: str = ""


def diagnose(setting: Setting, first: Record, say: Callable[[str], None], most_s: float = _MOST_S) -> Diagnosis:
    """Why `first`, a reproduction, differs from `setting.record`. Makes up to seven more trials, none past `most_s`."""
    doctor = _Doctor(setting, first, say, time.monotonic() + most_s)
    try:
        return doctor.run()
    except AnewError as error:
        doctor.found.note = f"the search for the cause ended early: {error}"
        return doctor.found


class _Doctor:
    def __init__(self, setting: Setting, first: Record, say: Callable[[str], None], until: float) -> None:
        self.setting, self.record, self.first, self.say, self.until = setting, setting.record, first, say, until
        self.found = Diagnosis()
        self._took_s = float(first.document.get("duration_s") or 0)

    def run(self) -> Diagnosis:
        if self.record.document.get("status") in ("killed", "crashed"):
            self.found.note = f"the record ends early: its run was {self.record.document['status']}{_so_far(self)}"
            return self.found
        known = differences(self.record, self.first)
        if self.setting.in_place:
            # The folder has changed since, and may change with every trial: what differs is named, not tested.
            self.found.causes = known
            self.found.note = "what differs between the record and the project as it is now"
            return self.found
        if not self._time_for(1):
            self.found.causes, self.found.note = known, "not tested: a second trial would take too long"
            return self.found
        trials = self._until_two_differ("nothing", [self.first], {}, "is the difference inside the run, or outside?")
        if self.found.tests[-1]["agree"]:
            self._outside(known)
        else:
            self._inside(trials[-1])
        return self.found

    def _enough(self) -> int:
        """How many trials must agree before chance is ruled out: eight coin flips are alike once in 128 times.

        Results with few possible values (an error count, the winner of a race) agree by chance; a script that runs
        long gets fewer trials, and the evidence says how many.
        """
        return next(count for most_s, count in ((2, 8), (5, 6), (20, 4), (math.inf, 2)) if self._took_s < most_s)

    def _until_two_differ(self, held: str, trials: list[Record], changes: dict[str, object], why: str) -> list[Record]:
        """Make trials with one thing held still until one differs from the first, or enough are alike."""
        enough = self._enough()
        while len(trials) < enough and (len(trials) < 2 or self._time_for(1)):
            trials.append(self._trial(held, why, **changes))
            if _was_stopped(trials[-1]) or not equal(compare(trials[0], trials[-1])):
                break
        stopped = _was_stopped(trials[-1])
        agree = not stopped and equal(compare(trials[0], trials[-1]))
        self.found.tests.append({"held": held, "agree": agree, "trials": len(trials)})
        if stopped:
            self.found.tests[-1]["why"] = "it did not come to an end so"
        return trials

    def _time_for(self, trials: int) -> bool:
        return time.monotonic() + trials * self._took_s * 1.5 < self.until

    def _trial(self, what: str, why: str, **changes: object) -> Record:
        self.say("running it again" + (f" with {what}" if what != "nothing" else "") + f" ({why})")
        limit_s = self.setting.timeout_s or _PATIENCE_S + _PATIENCE * self._took_s
        return make_aside(replace(self.setting, timeout_s=limit_s, **changes))  # type: ignore[arg-type]

    def _outside(self, known: list[Cause]) -> None:
        count = self.found.tests[-1]["trials"]
        self.found.note = (
            f"{count} reproductions agree with each other, not with the record: the cause is outside the run"
        )
        if known:
            self.found.causes = known
            return
        if self._clock_at_record() or self._place():
            return
        network = self.record.document.get("network") or []
        if network:
            self.found.causes = [cause("network", ", ".join(network), "answered then", "answers otherwise now")]
            return
        self.found.note += "; nothing that was captured differs, so what it is was not captured"

    def _place(self) -> bool:
        """Whether the result hangs on where the project lies: a trial in another folder differs from the others."""
        if not self._time_for(1):
            return False
        trial = self._trial("the project elsewhere", "does it matter where it lies?", folder=None)
        agree = equal(compare(self.first, trial))
        self.found.tests.append({"held": "the project elsewhere", "agree": agree, "trials": 1})
        if not agree:
            detail = "in yet another folder it comes out otherwise again"
            self.found.causes = [cause("environment", "the project's path", self.record.side.root, "another", detail)]
        return not agree

    def _clock_at_record(self) -> bool:
        """Whether the clock put back to the record's start brings the record's result back."""
        if not self._reads_clock() or not self._time_for(1):
            return False
        frozen = {"ANEW_CLOCK": f"{self.record.document['created']:.6f}"}
        trials = 0
        back = True
        while back and trials < max(1, self._enough() // 2) and self._time_for(1):
            trial = self._trial("the clock of the record", "does the time of day matter?", extra=frozen)
            back, trials = equal(compare(self.record, trial)), trials + 1
        back &= trials > 0
        self.found.tests.append({"held": "clock of the record", "agree": back, "trials": trials})
        if back:
            detail = "with its clock the record comes back"
            self.found.causes = [cause("time", "the clock", "at the record", "now", detail)]
        return back

    def _inside(self, second: Record) -> None:
        self.found.note = "two reproductions differ from one another: the cause is inside the run"
        if self._seeded_anew(second):
            return
        suspects = []
        if self._reads_clock():
            suspects.append(("the clock held still", "time", self._frozen_clock))
        suspects.append(("one thread", "nondeterminism", self._one_thread))
        if shutil.which("setarch"):
            suspects.append(("memory addresses held still", "nondeterminism", self._fixed_addresses))
        for held, factor, changes in suspects:
            if not self._time_for(2):
                self.found.tests.append({"held": held, "agree": None, "why": "not tested: it would take too long"})
                continue
            trials = self._until_two_differ(held, [], changes(), "they must agree, if that is the cause")
            if self.found.tests[-1]["agree"] and self._ran(trials) and self._confirmed(held, trials, changes()):
                detail = f"with {held}, {len(trials)} trials agree"
                self.found.causes = [cause(factor, _NAMES[held], "", "", detail)]
                return
        network = self.record.document.get("network") or []
        if network:
            detail = "what comes from there can't be held still"
            self.found.causes = [cause("network", ", ".join(network), "", "", detail)]
            return
        if self._draws_secrets():
            return
        self.found.causes = [
            cause("nondeterminism", "not found out", "", "", "no two trials agree, whatever was held still")
        ]

    def _confirmed(self, held: str, trials: list[Record], changes: dict[str, object]) -> bool:
        """Whether trials with nothing held differ again now, and one more with it held is as those before.

        Something outside that changes slowly (free memory, a price) would else pass for the cause: it stood still while
        these trials were made.
        """
        if not self._time_for(3):
            return True
        free = self._until_two_differ("nothing", [], {}, "to be sure: it must differ again")
        if self.found.tests[-1]["agree"] and equal(compare(free[0], trials[0])):
            return False
        again = self._trial(held, "to be sure: it must agree again", **changes)
        agree = equal(compare(trials[0], again))
        self.found.tests.append({"held": held, "agree": agree, "trials": 1})
        return agree

    def _ran(self, trials: list[Record]) -> bool:
        """Whether they did what the record did, and not just fail alike for what was held still."""
        codes = [record.document.get("exit_code") for record in (self.record, self.first)]
        return codes[0] != codes[1] or all(trial.document.get("exit_code") == codes[0] for trial in trials)

    def _seeded_anew(self, second: Record) -> bool:
        """Explicit seeds that change from trial to trial: taken from the clock, a process number, or what else."""
        old, new = (record.document.get("seeds") or {} for record in (self.first, second))
        seeds = explicit_seeds(old, new)
        for item in seeds:
            source = _source_of(item, self.first, second)
            if source:
                factor = "time" if source == "the clock" else "seed"
                detail = f"{item['what']} is taken from {source}"
                self.found.causes = [cause(factor, item["what"], item["before"], item["after"], detail)]
                return True
        for item in seeds[:1]:
            detail = "the script sets another one each time"
            self.found.causes = [cause("seed", item["what"], item["before"], item["after"], detail)]
        return bool(seeds)

    def _draws_secrets(self) -> bool:
        if self.first.side.secretive:
            detail = "what is drawn from it is not recorded, and not put back"
            self.found.causes = [cause("nondeterminism", "the secrets module", "", "", detail)]
        return self.first.side.secretive

    def _reads_clock(self) -> bool:
        for digest in (self.record.document.get("code") or {}).get("used", {}).values():
            try:
                if _CLOCK_WORDS.search(self.record.objects.get_bytes(digest).decode("utf-8", "replace")):
                    return True
            except AnewError:
                continue
        return False

    def _frozen_clock(self) -> dict[str, object]:
        return {"extra": {"ANEW_CLOCK": f"{self.record.document['created']:.6f}"}}

    def _one_thread(self) -> dict[str, object]:
        changes: dict[str, object] = {"variables": _ONE_THREAD}
        taskset = shutil.which("taskset")
        if taskset:
            changes["prefix"] = [taskset, "-c", str(min(os.sched_getaffinity(0)))]
        return changes

    def _fixed_addresses(self) -> dict[str, object]:
        return {"prefix": [str(shutil.which("setarch")), "-R"]}


def _was_stopped(trial: Record) -> bool:
    return str(trial.document.get("error") or "").startswith("stopped after ")


def _source_of(seed: Cause, first: Record, second: Record) -> str:
    """What a seed was taken from that differs in two trials: the clock, or the process; '' if unknown."""
    try:
        values = float(seed["before"]), float(seed["after"])
    except ValueError:
        return ""
    if values[0] in first.side.pids and values[1] in second.side.pids:
        return "the process's number"
    began = [float(trial.document.get("created") or 0) for trial in (first, second)]
    for scale in (1, 1e3, 1e6, 1e9):
        passed = (values[1] - values[0]) / scale - (began[1] - began[0])
        of_day = abs(values[0] / scale - began[0]) < 86_400
        of_boot = abs(values[0] / scale - (began[0] - (time.time() - time.monotonic()))) < _SLACK_S
        if abs(passed) < _SLACK_S and (of_day or of_boot):
            return "the clock"
    return ""


def _so_far(doctor: _Doctor) -> str:
    """Whether what there is of an early ended record is the same as the start of the reproduction."""
    old, new = doctor.record.series, doctor.first.series
    for name, (_, values) in old.items():
        again = new[name][1][: len(values)] if name in new else values[:0]
        if len(again) != len(values) or (values.view("u8") != again.view("u8")).any():
            return f"; up to there {name} already differs"
    said = doctor.first.console.get("stdout", "").startswith(doctor.record.console.get("stdout", "").rstrip("\n"))
    return "; what there is of it is the same" if said else "; up to there stdout already differs"


_NAMES = {
    "the clock held still": "the clock",
    "one thread": "threads racing",
    "memory addresses held still": "order by memory address",
}
