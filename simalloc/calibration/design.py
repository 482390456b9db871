"""What a fit works on: for every published point, how often each cost was paid in what it timed.

The counts come from running the scenario's mechanisms; only prices are fitted. A published figure is then linear in
the parameters: sum over steps of count x weight x parameter, divided as the benchmark divides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simalloc.hardware import CostModel
from simalloc.measure import Sections
from simalloc.results import read_published
from simalloc.runs import build_model, run_workload
from simalloc.scenario import Scenario, ScenarioError
from simalloc.scenario.errors import suggestion
from simalloc.workloads import PageAlloc, PageAllocSpec

FLOOR_BIAS = 0.5
"""Cycles that integer division takes off a published sample on average."""


@dataclass(frozen=True, slots=True)
class Point:
    """A published figure (cycles) and its place."""

    label: str
    metric: str
    batch: int
    published: float


@dataclass(frozen=True)
class Design:
    """Points x parameters: `matrix[i, j]` is how many times point i pays parameter j, per published unit."""

    points: list[Point]
    names: list[str]
    matrix: NDArray[np.float64]
    costs: CostModel

    def column(self, name: str) -> int:
        """Return the column of a parameter. Raises ScenarioError if nothing in these points pays it."""
        if name not in self.names:
            raise ScenarioError(f"calibration: no point pays {name!r}; those paid are {', '.join(self.names)}")
        return self.names.index(name)

    def observed(self) -> NDArray[np.float64]:
        """Return the published figures with the bias of their integer division taken out."""
        return np.array([point.published for point in self.points]) + FLOOR_BIAS

    def start(self) -> NDArray[np.float64]:
        """Return the cost model's values of the parameters."""
        return np.array([self.costs[name] for name in self.names], dtype=np.float64)

    def where(self, selection: dict[str, list[str | int]]) -> NDArray[np.bool_]:
        """Return which points have, for each key of the selection, one of its values. Raises ScenarioError."""
        for key in selection:
            if key not in Point.__slots__:
                known = suggestion(key, ["label", "metric", "batch"])
                raise ScenarioError(f"calibration.predictions: points have no {key!r}; {known}")
        return np.array([all(getattr(p, key) in values for key, values in selection.items()) for p in self.points])


def design(scenario: Scenario, folder: Path | None = None) -> Design:
    """Run every case of the scenario once, counting steps in timed sections. Raises ScenarioError without figures."""
    if scenario.published is None:
        raise ScenarioError("published: nothing to fit to; name a table of published figures")
    published = read_published(scenario.published, folder)
    costs = scenario.machine.cost_model()
    points: list[Point] = []
    rows: list[dict[str, float]] = []
    for case in scenario.cases:
        if not isinstance(case.workload, PageAllocSpec):
            raise ScenarioError(f"workload: {case.workload.kind} cannot be calibrated; pagealloc can")
        model = build_model(scenario, case)
        workload = run_workload(scenario, model, case.workload, Sections())
        assert isinstance(workload, PageAlloc)
        for (metric, batch), (counts, divisor) in workload.timed().items():
            value = published.get(case.label, metric, {"order": case.workload.order, "batch": batch})
            if value is None:
                continue
            if value <= 0:
                raise ScenarioError(f"published: {case.label} {metric} {batch} is {value}; errors are relative to it")
            paid: dict[str, float] = {}
            for index, count in enumerate(counts):
                for name, weight in model.machine.steps[index].weights.items():
                    paid[name] = paid.get(name, 0.0) + count * weight / divisor
            points.append(Point(case.label, metric, batch, value))
            rows.append(paid)
    if not points:
        raise ScenarioError(f"published: {scenario.published} has no figure for any label of this scenario")
    names = [parameter.name for parameter in costs if any(row.get(parameter.name) for row in rows)]
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    return Design(points, names, matrix, costs)
