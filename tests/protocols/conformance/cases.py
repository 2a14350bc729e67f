"""Every scenario of the conformance suite, in the order in which they are recorded. Each needs nothing of another."""

from __future__ import annotations

from protocols.conformance.cases_experiments import EXPERIMENTS
from protocols.conformance.cases_runs import RUNS
from protocols.conformance.steps import Scenario

SCENARIOS: list[Scenario] = [*EXPERIMENTS, *RUNS]
