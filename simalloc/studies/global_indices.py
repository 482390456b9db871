"""Global sensitivity: Sobol indices over declared ranges, by Saltelli's design, with SALib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from simalloc.scenario import ScenarioError
from simalloc.studies.levers import RANGES, Lever, bases, turned
from simalloc.studies.question import FigureKey, Question

INSTALL = "pip install 'simalloc[sensitivity]'"


@dataclass(frozen=True, slots=True)
class Index:
    """A lever's share of a figure's variance over the ranges: alone (first), with all its interactions (total).

    With half a 95 % interval each, from a bootstrap.
    """

    lever: Lever
    low: float
    high: float
    first: float
    first_ci95: float
    total: float
    total_ci95: float


def check_samples(samples: int) -> None:
    """Raise ScenarioError if a design of so many samples would not be balanced."""
    if samples < 2 or samples & (samples - 1):
        raise ScenarioError(f"--sobol {samples}: the design is balanced for powers of 2 only; 32 to 256 are usual")


def range_of(lever: Lever) -> tuple[float, float]:
    """Return the range declared for a lever's kind."""
    off = RANGES.get(lever.kind, 0.1)
    return lever.value * (1 - off), lever.value * (1 + off)


def sobol(
    question: Question,
    figures: Sequence[FigureKey],
    ranges: Mapping[Lever, tuple[float, float]],
    *,
    samples: int,
    replications: int | None = None,
    jobs: int = 1,
    seed: int = 1,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[FigureKey, list[Index]]:
    """Simulate `samples` x (levers + 2) settings and return indices, largest total first; samples: a power of 2.

    The figure of a setting is the mean over its replications, whose random numbers are the same in all settings, so
    the variance is the levers' alone. A figure that never changes has no indices. Raises ScenarioError without SALib.
    """
    try:
        from SALib.analyze import sobol as analyze  # noqa: PLC0415 - half a second
        from SALib.sample import sobol as sample  # noqa: PLC0415
    except ImportError:
        raise ScenarioError(f"--sobol needs SALib: {INSTALL}") from None
    check_samples(samples)
    levers = list(ranges)
    if len(levers) < 2:
        raise ScenarioError("--sobol: one lever alone has all of the variance; give ranges for two or more")
    problem: dict[str, Any] = {
        "num_vars": len(levers),
        "names": [lever.name for lever in levers],
        "bounds": [list(ranges[lever]) for lever in levers],
    }
    design = sample.sample(problem, samples, calc_second_order=False, seed=seed)
    settings = [turned(question, dict(zip(levers, map(float, row), strict=True))) for row in design]
    found = question.simulate(settings, bases(question, levers), jobs=jobs, replications=replications, told=told)
    indices: dict[FigureKey, list[Index]] = {}
    for figure in figures:
        values = np.array([fmean(each.figures[figure]) for each in found])
        if np.ptp(values) == 0:
            indices[figure] = []
            continue
        parts = analyze.analyze(problem, values, calc_second_order=False, seed=seed)
        rows = zip(levers, parts["S1"], parts["S1_conf"], parts["ST"], parts["ST_conf"], strict=True)
        each = [Index(lever, *ranges[lever], *map(float, numbers)) for lever, *numbers in rows]
        indices[figure] = sorted(each, key=lambda index: -index.total)
    return indices
