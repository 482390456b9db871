"""What a calibration found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simalloc.calibration.fit import Calibration, Fit, Prediction
from simalloc.calibration.quality import HeldOut, far_from_source, not_determined, not_told_apart


def as_json(found: Calibration) -> dict[str, Any]:
    """Return parameters, residuals by row and predictions as plain data; cycles and shares."""
    return {
        "scenario": found.scenario,
        "preset": found.preset,
        "points": len(found.fit.points),
        "parameters": [
            {
                "name": name,
                "fitted": value,
                "standard_error": found.fit.standard_errors[name],
                "whole_cycles": found.whole.values[name],
                "preset": found.preset_values[name],
                "unit": "cycles",
            }
            for name, value in found.fit.values.items()
        ],
        "correlations": [[*pair, value] for pair, value in found.fit.correlations.items()],
        "judgement": judgement(found),
        "rms": {"fitted": found.fit.rms(), "whole_cycles": found.whole.rms()},
        "worst": {"fitted": _worst(found.fit), "whole_cycles": _worst(found.whole)},
        "residuals": [
            {
                "label": point.label,
                "metric": point.metric,
                "batch": point.batch,
                "published": point.published,
                "predicted": predicted,
                "error": predicted / point.published - 1,
            }
            for point, predicted in zip(found.whole.points, found.whole.predicted.tolist(), strict=True)
        ],
        "predictions": [
            {
                "about": each.about,
                "rms": each.rms,
                "worst": each.worst,
                "parameters": each.values,
                "rows": [
                    {"label": p.label, "metric": p.metric, "batch": p.batch, "published": p.published, "predicted": v}
                    for p, v in zip(each.points, each.predicted, strict=True)
                ],
            }
            for each in found.predictions
        ],
    }


def as_text(found: Calibration) -> str:
    """Return the same for a person."""
    fit, whole = found.fit, found.whole
    lines = [
        f"{found.scenario}: {len(fit.points)} published points, {len(fit.values)} parameters of {found.preset}",
        "",
        f"{'parameter':<20}{'fitted':>9}{'std. error':>12}{'whole':>7}{'preset':>8}   cycles",
    ]
    for name, value in fit.values.items():
        lines.append(
            f"{name:<20}{value:>9.2f}{fit.standard_errors[name]:>12.2f}"
            f"{whole.values[name]:>7.0f}{found.preset_values[name]:>8g}   {found.about[name]}"
        )
    lines += [
        "",
        f"RMS relative error: {fit.rms():.2%} fitted (worst {_worst(fit):+.1%}), "
        f"{whole.rms():.2%} in whole cycles (worst {_worst(whole):+.1%})",
        "",
        *(f"NOTE: {each}" for each in judgement(found)),
        *([""] if judgement(found) else []),
        "Residuals in whole cycles, (predicted - published) / published:",
        *_residuals(whole),
    ]
    for each in found.predictions:
        lines += ["", *_prediction(each)]
    return "\n".join(lines)


def judgement(found: Calibration) -> list[str]:
    """Return what is to be said of the fit: parameters not told apart, not determined, far from their source."""
    fit = found.fit
    return [
        *not_told_apart(fit.correlations),
        *not_determined(fit.values, fit.standard_errors),
        *far_from_source(fit.values, fit.standard_errors, found.costs),
    ]


def bootstrap_text(intervals: Mapping[str, tuple[float, float]], rounds: int) -> str:
    """Return bootstrap intervals for a person."""
    lines = [f"Parametric bootstrap, {rounds} rounds, 95 % intervals (cycles):"]
    return "\n".join([*lines, *(f"  {name:<20}{low:>9.2f} to {high:.2f}" for name, (low, high) in intervals.items())])


def hold_out_text(found: Sequence[HeldOut], key: str) -> str:
    """Return a hold-out for a person."""
    lines = [f"Held out by {key}: fitted to all others, then predicted"]
    for each in found:
        kept = f"; only they pay {', '.join(each.kept)}, as in the preset" if each.kept else ""
        lines.append(f"  {each.value:<20}{each.points:>4} points  RMS {each.rms:.2%}, worst {each.worst:+.1%}{kept}")
    return "\n".join(lines)


def _worst(fit: Fit) -> float:
    residuals = fit.residuals()
    return float(residuals[np.argmax(np.abs(residuals))])


def _residuals(fit: Fit) -> list[str]:
    columns = list(dict.fromkeys((point.label, point.metric) for point in fit.points))
    cells = {(p.label, p.metric, p.batch): error for p, error in zip(fit.points, fit.residuals().tolist(), strict=True)}
    lines = [f"{'batch':>7}" + "".join(f"{f'{label} {metric}':>21}" for label, metric in columns)]
    for batch in sorted({point.batch for point in fit.points}):
        errors = "".join(
            f"{cells[*column, batch]:>+21.1%}" if (*column, batch) in cells else " " * 21 for column in columns
        )
        lines.append(f"{batch:>7}{errors}")
    return lines


def _prediction(prediction: Prediction) -> list[str]:
    values = ", ".join(f"{name} {value:.1f}" for name, value in prediction.values.items())
    lines = [
        f"Prediction: {prediction.about}",
        f"  RMS error {prediction.rms:.2%} on {len(prediction.points)} points not fitted, "
        f"worst {prediction.worst:+.1%}",
        f"  with {values} (cycles)",
    ]
    for point, value in zip(prediction.points, prediction.predicted, strict=True):
        lines.append(
            f"  {point.label} {point.metric} {point.batch:>6}: predicted {value:7.2f}, "
            f"published {point.published:7.2f} cycles, error {value / point.published - 1:+.1%}"
        )
    return lines
