"""Replications: the same case with other random numbers, as often as its figures need."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from simalloc.runs.assembly import CaseResult
from simalloc.scenario import Case, ReplicationsSpec, Scenario
from simalloc.workloads.windows import half_interval

AUTO_REPLICATIONS = 5


def seed_of(seed: int, replication: int) -> int:
    """Return the seed of a replication, spawned from the scenario's; the first one's is the scenario's own."""
    return int(np.random.SeedSequence(seed, spawn_key=(replication,)).generate_state(1)[0]) if replication else seed


def first_round(scenario: Scenario, case: Case) -> int:
    """Return how many replications of a case are run before a look at its figures."""
    asked = scenario.replications
    if isinstance(asked, ReplicationsSpec):
        return asked.at_least
    if asked == "auto":
        drawn = case.varies() or any(source.is_drawn() for source in scenario.interrupts)
        return AUTO_REPLICATIONS if drawn and not case.workload.has_intervals() else 1
    return asked


def next_round(scenario: Scenario, case: Case, runs: Sequence[CaseResult]) -> range:
    """Return which replications are to follow these; none if they are enough.

    It depends on the figures alone: with an interval to reach, rounds as large as the first follow until it is reached.
    """
    until = scenario.replications
    if not isinstance(until, ReplicationsSpec) or len(runs) >= until.at_most or _known(case, runs, until.within):
        return range(0)
    return range(len(runs), min(len(runs) + until.at_least, until.at_most))


def _known(case: Case, runs: Sequence[CaseResult], within: float) -> bool:
    """Whether the 95 % interval of each of the workload's main figures is within so many % of it."""
    names = case.workload.main_figures()
    for place, figure in enumerate(runs[0].measured):
        values = [each.measured[place].value for each in runs]
        if figure.metric in names and 100 * half_interval(values) > within * abs(fmean(values)):
            return False
    return True
