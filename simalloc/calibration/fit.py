"""Least squares on relative errors: which prices make the simulated figures the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from simalloc.calibration.design import FLOOR_BIAS, Design, Point, design
from simalloc.hardware import CostModel
from simalloc.hardware.priors import OFF_BY
from simalloc.scenario import Scenario, ScenarioError
from simalloc.scenario.parts import PredictionSpec

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Fitted values with standard errors (cycles); `predicted` has every point, less what integer division takes.

    `correlations` of each two values' errors.
    """

    values: dict[str, float]
    standard_errors: dict[str, float]
    points: list[Point]
    predicted: Vector
    correlations: dict[tuple[str, str], float] = field(default_factory=dict)

    def residuals(self) -> Vector:
        """Return (predicted - published) / published of every point."""
        published: Vector = np.array([point.published for point in self.points])
        residuals: Vector = self.predicted / published - 1
        return residuals

    def rms(self) -> float:
        """Return the root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals() ** 2)))


NOISE = 0.02
"""Relative standard deviation of a published row, to weigh it against priors: rows of one boot scatter by 1 to 3 %."""

Priors = Mapping[str, tuple[float, float]]
"""Costs with a source: its value and its standard deviation, cycles."""


def priors_of(costs: CostModel, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return what sources say of these parameters; nothing of those that are only known by a fit."""
    kinds = {name: costs.parameters[name] for name in names}
    return {
        name: (float(each.cycles), OFF_BY[each.kind] * each.cycles)
        for name, each in kinds.items()
        if each.kind in OFF_BY and each.cycles
    }


def solve(
    counted: Design,
    names: Sequence[str],
    held: Mapping[str, float],
    on: NDArray[np.bool_],
    priors: Priors | None = None,
) -> Fit:
    """Fit parameters `names` on the points `on`; all others keep their value, from `held` or the cost model.

    Weighted by 1 / published, so that relative errors count; no cost is negative. A prior counts as one more point.
    """
    values = counted.start()
    for name, value in held.items():
        if name in counted.names:
            values[counted.column(name)] = value
    free = [counted.column(name) for name in names]
    values[free] = 0.0
    observed = counted.observed()
    weight = 1 / observed[on]
    matrix = counted.matrix[on][:, free] * weight[:, None]
    target = (observed - counted.matrix @ values)[on] * weight
    for name, (value, deviation) in (priors or {}).items():
        row = np.zeros((1, len(free)))
        row[0, list(names).index(name)] = NOISE / deviation
        matrix, target = np.vstack([matrix, row]), np.append(target, value * NOISE / deviation)
    solution = lsq_linear(matrix, target, bounds=(0, np.inf), method="bvls")
    values[free] = solution.x
    freedom = max(int(on.sum()) - len(free), 1)
    variance = 2 * solution.cost / freedom
    covariance = inverse(matrix.T @ matrix) * variance
    errors = np.sqrt(np.diag(covariance))
    return Fit(
        dict(zip(names, solution.x.tolist(), strict=True)),
        dict(zip(names, errors.tolist(), strict=True)),
        counted.points,
        counted.matrix @ values - FLOOR_BIAS,
        correlations(list(names), covariance),
    )


def inverse(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of a fit's information; where that is singular, one that says so by huge variances."""
    hardly = 1e-12 * max(float(np.max(np.diag(information))), 1e-300) if len(information) else 0.0
    return np.asarray(np.linalg.inv(information + hardly * np.eye(len(information))), dtype=np.float64)


def correlations(names: Sequence[str], covariance: NDArray[np.float64]) -> dict[tuple[str, str], float]:
    """Return the correlation of each two parameters, largest first; none of one that has no variance."""
    errors = np.sqrt(np.diag(covariance))
    found = {
        (one, two): float(covariance[i, j] / (errors[i] * errors[j]))
        for i, one in enumerate(names)
        for j, two in enumerate(names)
        if i < j and errors[i] * errors[j] > 0
    }
    return dict(sorted(found.items(), key=lambda each: -abs(each[1])))


def whole_cycles(counted: Design, names: Sequence[str], priors: Priors | None = None) -> Fit:
    """Fit, then make every value a whole number of cycles: one at a time, the rest fitted anew around it.

    A preset holds whole cycles, because the simulated clock ticks in them. Those paid most often are fixed first.
    """
    everywhere = np.ones(len(counted.points), dtype=bool)
    order = sorted(names, key=lambda name: -float(np.abs(counted.matrix[:, counted.column(name)]).sum()))
    held: dict[str, float] = {}
    fit = solve(counted, names, {}, everywhere, priors)
    errors = fit.standard_errors
    for i, name in enumerate(order):
        held[name] = float(round(fit.values[name]))
        left = {key: each for key, each in (priors or {}).items() if key in order[i + 1 :]}
        fit = solve(counted, order[i + 1 :], held, everywhere, left)
    return Fit({name: held[name] for name in names}, errors, counted.points, fit.predicted)


@dataclass(frozen=True)
class Prediction:
    """A claim, what it was fitted to, and how far the points it predicts are off (relative)."""

    about: str
    values: dict[str, float]
    points: list[Point]
    predicted: list[float]
    rms: float
    worst: float


def predict(counted: Design, spec: PredictionSpec) -> Prediction:
    """Run the stages of a prediction and apply them to points none of them saw."""
    for name in spec.held:
        counted.column(name)
    held = dict(spec.held)
    seen = np.zeros(len(counted.points), dtype=bool)
    for stage in spec.stages:
        on = counted.where(stage.on)
        if on.sum() < len(stage.fit):
            raise ScenarioError(
                f"calibration.predictions: {stage.on} selects {on.sum()} points, too few to fit {len(stage.fit)} "
                f"parameters ({', '.join(stage.fit)})"
            )
        fit = solve(counted, stage.fit, held, on)
        held |= fit.values
        seen |= on
    wanted = counted.where(spec.predict) & ~seen
    if not wanted.any():
        raise ScenarioError(f"calibration.predictions: {spec.predict} selects no point that was not fitted on")
    residuals = fit.residuals()[wanted]
    return Prediction(
        spec.about,
        held,
        [point for point, want in zip(counted.points, wanted, strict=True) if want],
        fit.predicted[wanted].tolist(),
        float(np.sqrt(np.mean(residuals**2))),
        float(residuals[np.argmax(np.abs(residuals))]),
    )


@dataclass(frozen=True)
class Calibration:
    """A scenario's fit, the same in whole cycles, and its predictions; `preset_values` are those in use today."""

    scenario: str
    preset: str
    fit: Fit
    whole: Fit
    preset_values: dict[str, float]
    about: dict[str, str]
    predictions: list[Prediction]
    counted: Design
    costs: CostModel


def fit_scenario(scenario: Scenario, folder: Path | None = None) -> Calibration:
    """Count the steps of every published point, fit, and predict.

    `folder` is where a table of published figures may lie. Raises ScenarioError if there is nothing to fit.
    """
    costs = scenario.machine.cost_model()
    counted = design(scenario, folder)
    names = scenario.calibration.fit if scenario.calibration.fit is not None else costs.fitted()
    names = [counted.names[counted.column(name)] for name in names]
    everywhere = np.ones(len(counted.points), dtype=bool)
    priors = priors_of(costs, names) if scenario.calibration.priors else None
    return Calibration(
        scenario.name,
        costs.name,
        solve(counted, names, {}, everywhere, priors),
        whole_cycles(counted, names, priors),
        {name: costs[name] for name in names},
        {name: costs.parameters[name].about for name in names},
        [predict(counted, spec) for spec in scenario.calibration.predictions],
        counted,
        costs,
    )
