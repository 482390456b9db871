"""What a fit is worth: what cannot be told apart, what is far from its source, bootstrap intervals, hold-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simalloc.calibration.design import Design, Point
from simalloc.calibration.fit import Fit, solve
from simalloc.hardware import CostModel
from simalloc.hardware.priors import OFF_BY
from simalloc.scenario import ScenarioError
from simalloc.scenario.errors import suggestion

ALIKE = 0.95
"""Correlation from which two parameters are said not to be told apart."""

UNKNOWN = 0.5
"""Standard error, as a share of the value, from which a parameter is said not to be determined."""


def not_told_apart(correlations: Mapping[tuple[str, str], float]) -> list[str]:
    """Return a sentence for each two parameters that the data know only together."""
    return [
        f"{one} and {two} cannot be told apart by this data (correlation {value:+.2f}): "
        f"only their {'difference' if value > 0 else 'sum'} is known; hold one"
        for (one, two), value in correlations.items()
        if abs(value) >= ALIKE
    ]


def not_determined(values: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return a sentence for each parameter that the data hardly say anything about."""
    return [
        f"{name} is hardly determined by this data: {value:.3g} +- {errors[name]:.3g} (standard error); hold it"
        for name, value in values.items()
        if errors[name] >= UNKNOWN * max(value, 1e-9)
    ]


def far_from_source(values: Mapping[str, float], errors: Mapping[str, float], costs: CostModel) -> list[str]:
    """Return a warning for each value that is farther from its source than its kind allows, twice its doubt away."""
    warnings = []
    for name, value in values.items():
        prior = costs.parameters[name]
        if prior.kind not in OFF_BY or not prior.cycles:
            continue
        doubt = float(np.hypot(errors[name], OFF_BY[prior.kind] * prior.cycles))
        if abs(value - prior.cycles) > 2 * doubt:
            warnings.append(
                f"{name} is fitted to {value:.3g}, far from its source: {prior.cycles:g} is {prior.kind}, "
                f"{prior.source[:100]}; what it stands for here is something else, or more"
            )
    return warnings


def bootstrap(counted: Design, fit: Fit, rounds: int, seed: int = 1) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of a fit's parameters: fits to its own predictions with noise as large as its residuals.

    Parametric: relative errors are taken to be normal and independent. Cycles.
    """
    names = list(fit.values)
    noise = fit.rms() * np.sqrt(len(fit.points) / max(len(fit.points) - len(names), 1))
    random = np.random.default_rng(seed)
    everywhere = np.ones(len(fit.points), dtype=bool)
    found: list[list[float]] = []
    for _ in range(rounds):
        drawn = fit.predicted * (1 + noise * random.standard_normal(len(fit.points)))
        again = Design(_with(counted.points, drawn), counted.names, counted.matrix, counted.costs)
        found.append(list(solve(again, names, {}, everywhere).values.values()))
    low, high = np.percentile(np.array(found), [2.5, 97.5], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def _with(points: Sequence[Point], published: NDArray[np.float64]) -> list[Point]:
    return [
        Point(each.label, each.metric, each.batch, max(float(value), 0.1))
        for each, value in zip(points, published, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Points that were left out, and how far a fit to all others is from them: RMS and worst, relative.

    `kept`: parameters that only they pay, which have the preset's values.
    """

    value: str
    points: int
    rms: float
    worst: float
    kept: list[str]


def hold_out(counted: Design, names: Sequence[str], key: str) -> list[HeldOut]:
    """Leave out the points of each label, metric or batch in turn, and predict them. Raises ScenarioError."""
    if key not in Point.__slots__ or key == "published":
        raise ScenarioError(f"--hold-out {key}: {suggestion(key, ['label', 'metric', 'batch'])}")
    values = list(dict.fromkeys(getattr(point, key) for point in counted.points))
    if len(values) < 2:
        raise ScenarioError(f"--hold-out {key}: all points have {key} {values[0]}; nothing would be left to fit to")
    found = []
    for value in values:
        out = np.array([getattr(point, key) == value for point in counted.points])
        paid = [name for name in names if np.any(counted.matrix[~out][:, counted.column(name)])]
        residuals = solve(counted, paid, {}, ~out).residuals()[out]
        worst = float(residuals[np.argmax(np.abs(residuals))])
        kept = [name for name in names if name not in paid]
        found.append(HeldOut(str(value), int(out.sum()), float(np.sqrt(np.mean(residuals**2))), worst, kept))
    return found
