"""Every scenario of the conformance suite, in the order in which they are recorded. Each needs nothing of another."""

from __future__ import annotations

from protocols.conformance.cases_artifacts import ARTIFACTS
from protocols.conformance.cases_datasets import DATASETS
from protocols.conformance.cases_experiments import EXPERIMENTS
from protocols.conformance.cases_metrics import METRICS
from protocols.conformance.cases_models import MODELS
from protocols.conformance.cases_prompts import PROMPTS, WEBHOOKS
from protocols.conformance.cases_registry import REGISTRY
from protocols.conformance.cases_registry_search import REGISTRY_SEARCH
from protocols.conformance.cases_runs import RUNS
from protocols.conformance.cases_scorers import SCORERS
from protocols.conformance.cases_search import SEARCH
from protocols.conformance.cases_spans import SPANS
from protocols.conformance.cases_traces import TRACES_V3
from protocols.conformance.steps import Scenario

SCENARIOS: list[Scenario] = [
    *EXPERIMENTS, *RUNS, *SEARCH, *METRICS, *ARTIFACTS, *MODELS, *TRACES_V3, *REGISTRY, *REGISTRY_SEARCH, *PROMPTS,
    *WEBHOOKS, *SPANS, *SCORERS, *DATASETS,
]  # fmt: skip
