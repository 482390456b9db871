"""Fit costs to figures that are not linear in them: where CPUs wait for each other, each trial is a simulation.

Least squares on relative errors (on differences in points for shares), with the same random numbers in every trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from simalloc.calibration.fit import NOISE, correlations, inverse, priors_of
from simalloc.calibration.quality import far_from_source, not_determined, not_told_apart
from simalloc.results import Row, read_published
from simalloc.runs import run
from simalloc.scenario import Scenario, ScenarioError
from simalloc.scenario.errors import suggestion

STEP = 0.1
"""Relative step of a derivative: costs are whole cycles in a simulation, so a small one would see steps of stairs."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedFit:
    """Fitted values, and every published row with its error: those fitted on, and those predicted."""

    scenario: str
    preset: str
    values: dict[str, float]
    before: dict[str, float]
    fitted: list[Row]
    predicted: list[Row]
    standard_errors: dict[str, float]
    judgement: list[str]

    def mean_error(self, rows: list[Row]) -> float:
        """Return the mean absolute error of these rows, relative (shares: in points / 100); NaN if there are none."""
        return float(np.mean(np.abs([error(row) for row in rows]))) if rows else float("nan")


def error(row: Row) -> float:
    """Return how far a simulated row is from its published figure: relative, and of shares the difference / 100."""
    if row["unit"] == "%":
        return float(row["value"] - row["published"]) / 100
    return float(row["value"] / row["published"] - 1)


def fit_by_simulation(scenario: Scenario, folder: Path | None = None, *, jobs: int = 1) -> SimulatedFit:
    """Fit `calibration.fit` on the published rows that `calibration.on` selects, then simulate the whole scenario.

    Raises ScenarioError where there is nothing to fit, or to fit to.
    """
    names, on = scenario.calibration.fit, scenario.calibration.on
    costs = scenario.machine.cost_model()
    if scenario.published is None or not names or not on:
        raise ScenarioError("calibration: needs published, calibration.fit (parameters) and calibration.on (rows)")
    for name in names:
        if name not in costs.parameters:
            raise ScenarioError(f"calibration.fit: no cost {name!r}; {suggestion(name, sorted(costs.parameters))}")
    read_published(scenario.published, folder)
    start = np.array([costs[name] for name in names])
    part = _only(scenario, on)
    fitted_on = sum(_selected(row, on) for row in _priced(part, {}, folder, jobs) if row.get("published"))
    if fitted_on < len(names):
        raise ScenarioError(
            f"calibration.on: {dict(on)} selects {fitted_on} published rows, too few to fit {len(names)} parameters"
        )

    def rows_at(trial: Scenario, factors: Vector) -> list[Row]:
        changed = dict(zip(names, (start * factors).tolist(), strict=True))
        return [row for row in _priced(trial, changed, folder, jobs) if row.get("published")]

    priors = priors_of(costs, names) if scenario.calibration.priors else {}

    def residuals(factors: Vector) -> Vector:
        values = dict(zip(names, (start * factors).tolist(), strict=True))
        pulls = [NOISE * (values[name] - value) / deviation for name, (value, deviation) in priors.items()]
        return np.array([*(error(row) for row in rows_at(part, factors) if _selected(row, on)), *pulls])

    found = least_squares(
        residuals,
        np.ones(len(names)),
        bounds=(0.05, 20),
        diff_step=[STEP] * len(names),
        x_scale=0.3,
        max_nfev=12,
        xtol=1e-3,
        ftol=1e-3,
    )
    rows = rows_at(scenario, found.x)
    values = dict(zip(names, (start * found.x).tolist(), strict=True))
    freedom = max(fitted_on - len(names), 1)
    covariance = inverse(found.jac.T @ found.jac) * 2 * found.cost / freedom * np.outer(start, start)
    errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    return SimulatedFit(
        scenario.name,
        costs.name,
        values,
        dict(zip(names, start.tolist(), strict=True)),
        [row for row in rows if _selected(row, on)],
        [row for row in rows if not _selected(row, on)],
        errors,
        [
            *not_told_apart(correlations(names, covariance)),
            *not_determined(values, errors),
            *far_from_source(values, errors, costs),
        ],
    )


def _selected(row: Row, on: Mapping[str, list[str | int]]) -> bool:
    return all(row.get(key) in values for key, values in on.items())


def _only(scenario: Scenario, on: Mapping[str, list[str | int]]) -> Scenario:
    """Return the scenario with the points of its sweep, and the labels, that are fitted on."""
    sweep = [
        point.settings
        for point in scenario.points
        if all(value in on.get(scenario.columns[key], [value]) for key, value in point.settings.items())
    ]
    compare = [case for case in scenario.compare if case.label in on.get("label", [case.label])]
    return Scenario.model_validate(
        scenario.model_dump(exclude_unset=True)
        | {
            "sweep": sweep if scenario.sweep else {},
            "compare": [case.model_dump(exclude_unset=True) for case in compare],
            "latency": False,
        }
    )


def _priced(scenario: Scenario, costs: Mapping[str, float], folder: Path | None, jobs: int) -> list[Row]:
    machine = scenario.machine.model_copy(update={"costs": {**scenario.machine.costs, **costs}})
    data = scenario.model_dump(exclude_unset=True) | {"machine": machine.model_dump(exclude_unset=True)}
    data["machine"]["costs"] = dict(machine.costs)
    return run(Scenario.model_validate(data), jobs=jobs, folder=folder).rows


def simulated_text(fit: SimulatedFit) -> str:
    """Return the fit for a person."""
    lines = [f"{fit.scenario}: {len(fit.values)} parameters of {fit.preset}, fitted by simulation", ""]
    lines += [f"{'parameter':<22}{'fitted':>10}{'std. error':>12}{'preset':>10}"]
    lines += [
        f"{name:<22}{value:>10.2f}{fit.standard_errors[name]:>12.2f}{fit.before[name]:>10.2f}"
        for name, value in fit.values.items()
    ]
    lines += ["", *(f"NOTE: {each}" for each in fit.judgement)] if fit.judgement else []
    for title, rows in (("fitted on", fit.fitted), ("predicted", fit.predicted)):
        lines += ["", f"{title}: mean absolute error {fit.mean_error(rows):.2%} on {len(rows)} rows"]
        for row in rows:
            swept = ", ".join(f"{key} {row[key]}" for key in ("cpus", "batch") if key in row)
            lines.append(
                f"  {row['label']} {row['metric']} {swept}: simulated {row['value']:.6g}, "
                f"published {row['published']:.6g} {row['unit']}, {100 * error(row):+.1f} %"
            )
    return "\n".join(lines)
