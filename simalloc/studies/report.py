"""What a sensitivity study found, as plain data and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simalloc.studies.elasticity import Effect, Sensitivity, SpeedUp
from simalloc.studies.global_indices import Index
from simalloc.studies.question import FigureKey, figure_name

Data = dict[str, Any]


def _six(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def case_data(
    found: Sensitivity,
    speed_ups: Mapping[FigureKey, Sequence[SpeedUp]],
    indices: Mapping[FigureKey, Sequence[Index]],
) -> Data:
    """Return a case's study as plain data, numbers to six digits."""
    return {
        "case": found.question.name,
        "replications": len(next(iter(found.base.figures.values()))),
        "figures": [
            {
                "figure": figure_name(key),
                "value": _six(sum(found.base.figures[key]) / len(found.base.figures[key])),
                "unit": found.base.units[key],
                "elasticities": [_effect(effect) for effect in found.effects[key]],
                "speed_ups": [_speed_up(row) for row in speed_ups.get(key, ())],
                "sobol": [_index(row) for row in indices.get(key, ())],
            }
            for key in found.figures
        ],
        "without_effect": found.without_effect,
    }


def _effect(effect: Effect) -> Data:
    lever = effect.lever
    return {
        "name": lever.name,
        "value": _six(lever.value),
        "unit": lever.unit,
        "kind": lever.kind,
        "low": _six(effect.low),
        "high": _six(effect.high),
        "change_at_low": _six(effect.at_low),
        "change_at_high": _six(effect.at_high),
        "elasticity": _six(effect.elasticity),
        "ci95": _six(effect.ci95),
    }


def _speed_up(row: SpeedUp) -> Data:
    before, after = row.cycles
    return {
        "step": row.step,
        "share": _six(row.share),
        "cycles": _six(before),
        "cheaper": _six(after),
        "change": _six(row.change),
        "ci95": _six(row.ci95),
    }


def _index(row: Index) -> Data:
    return {
        "name": row.lever.name,
        "kind": row.lever.kind,
        "low": _six(row.low),
        "high": _six(row.high),
        "first": _six(row.first),
        "first_ci95": _six(row.first_ci95),
        "total": _six(row.total),
        "total_ci95": _six(row.total_ci95),
    }


MOST = 12
"""Rows of a block that are printed; JSON has all."""


def text(study: Data) -> str:
    """Return a study for a person."""
    return "\n\n".join(block for case in study["cases"] for block in _case(case, study["step"], study["cheaper"]))


def _case(case: Data, step: float, cheaper: float) -> list[str]:
    blocks = []
    for figure in case["figures"]:
        head = f"{case['case']}: {figure['figure']} = {figure['value']:.6g} {figure['unit']}"
        if case["replications"] > 1:
            head += f", {case['replications']} replications"
        blocks.append(head + _elasticities(figure["elasticities"], step))
        if figure["speed_ups"]:
            blocks.append(_speed_ups(figure, cheaper))
        if figure["sobol"]:
            blocks.append(_sobol(figure))
    if case["without_effect"]:
        names = ", ".join(case["without_effect"])
        blocks.append(f"change nothing here ({len(case['without_effect'])}): {names}")
    return blocks


def _elasticities(rows: Sequence[Data], step: float) -> str:
    if not rows:
        return "\n  nothing that was varied changes it"
    lines = [
        "",
        f"  {'varied by ' + format(100 * step, 'g') + ' %':<26}{'value':>10}  {'kind':<10}"
        f"{'% for 1 %':>10}{'+-':>8}{'at low':>10}{'at high':>10}",
    ]
    for row in rows[:MOST]:
        interval = f"{row['ci95']:.3f}" if row["ci95"] is not None else ""
        lines.append(
            f"  {row['name']:<26}{row['value']:>10.6g}  {row['kind']:<10}{row['elasticity']:>+10.3f}{interval:>8}"
            f"{row['change_at_low']:>+9.2f}%{row['change_at_high']:>+9.2f}%"
        )
    return "\n".join([*lines, *_more(rows)])


def _speed_ups(figure: Data, cheaper: float) -> str:
    lines = [
        f"{figure['figure']} if one step were {cheaper:g} % cheaper (whole cycles):",
        f"  {'step':<26}{'share of cycles':>16}{'cycles':>18}{'change':>10}{'+-':>8}",
    ]
    for row in figure["speed_ups"][:MOST]:
        interval = f"{row['ci95']:.2f}" if row["ci95"] is not None else ""
        cycles = f"{row['cycles']:.4g} -> {row['cheaper']:.4g}"
        lines.append(f"  {row['step']:<26}{row['share']:>15.2f}%{cycles:>18}{row['change']:>+9.2f}%{interval:>8}")
    return "\n".join([*lines, *_more(figure["speed_ups"])])


def _sobol(figure: Data) -> str:
    lines = [
        f"{figure['figure']}: Sobol indices over these ranges (share of the variance)",
        f"  {'':<26}{'range':>22}{'alone':>9}{'+-':>7}{'in all':>9}{'+-':>7}",
    ]
    for row in (row for row in figure["sobol"] if row["total"]):
        ends = f"{row['low']:.4g} to {row['high']:.4g}"
        lines.append(
            f"  {row['name']:<26}{ends:>22}{row['first']:>9.3f}{row['first_ci95']:>7.3f}"
            f"{row['total']:>9.3f}{row['total_ci95']:>7.3f}"
        )
    return "\n".join(lines)


def _more(rows: Sequence[Data]) -> list[str]:
    return [f"  and {len(rows) - MOST} more, which do less"] if len(rows) > MOST else []
