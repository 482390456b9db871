"""What a search of sizes found, as plain data and as text."""

from __future__ import annotations

from typing import Any

from simalloc.studies.question import figure_name
from simalloc.studies.tune import Candidate, Tuned

Data = dict[str, Any]


def as_data(found: Tuned) -> Data:
    """Return it as plain data, numbers to six digits."""
    gain = found.gain() if found.best else (None, None)
    return {
        "case": found.question.name,
        "goal": figure_name(found.goal.figure),
        "unit": found.goal.unit,
        "most": found.goal.most,
        "limits": {limit.name: limit.most for limit in found.limits},
        "exhaustive": found.exhaustive,
        "simulated": len(found.candidates),
        "today": _candidate(found.today),
        "best": _candidate(found.best) if found.best else None,
        "gain": _six(gain[0]),
        "gain_ci95": _six(gain[1]),
        "frontier": [_candidate(each) for each in found.frontier],
        "candidates": [_candidate(each) for each in sorted(found.candidates, key=lambda each: each.sizes)],
    }


def _six(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _candidate(each: Candidate) -> Data:
    batch, high = each.sizes
    return {
        "batch": batch,
        "high": high,
        "goal": _six(each.value),
        "ci95": _six(each.ci95),
        "irq_off": _six(each.irq_off),
        "parked": _six(each.parked),
        "broken": {name: _six(value) for name, value in each.broken.items()},
    }


MOST = 15


def text(found: Data) -> str:
    """Return a search for a person."""
    goal = f"{'most' if found['most'] else 'least'} {found['goal']} ({found['unit']})"
    limits = "".join(f", {name} at most {most:g}" for name, most in found["limits"].items())
    how = "all sizes in the ranges" if found["exhaustive"] else "differential evolution"
    lines = [
        f"{found['case']}: {goal}{limits}",
        f"{found['simulated']} sizes simulated ({how}), with the same random numbers",
        "",
        f"{'':<10}{'batch':>7}{'high':>8}{'goal':>12}{'+-':>9}{'IRQs off, us':>14}{'parked a CPU':>14}",
        _line("today", found["today"]),
    ]
    best = found["best"]
    if best is None:
        lines.append("no sizes in these ranges keep all limits; the frontier says what there is")
    else:
        interval = f" +- {found['gain_ci95']:.2f}" if found["gain_ci95"] is not None else ""
        lines.append(_line("best", best))
        lines.append(f"the best differs from today's by {found['gain']:+.2f}{interval} %")
        if found["gain_ci95"] is not None and abs(found["gain"]) < found["gain_ci95"] and best != found["today"]:
            lines.append("which these replications cannot tell from nothing: ask for more (--replications)")
    lines += ["", "frontier: none is better in goal, window and parked pages at once"]
    lines += [_line("", each) for each in found["frontier"][:MOST]]
    if len(found["frontier"]) > MOST:
        lines.append(f"  and {len(found['frontier']) - MOST} more, in JSON")
    return "\n".join(lines)


def _line(name: str, each: Data) -> str:
    interval = f"{each['ci95']:.3g}" if each["ci95"] is not None else ""
    broken = "   over " + ", ".join(each["broken"]) if each["broken"] else ""
    return (
        f"{name:<10}{each['batch']:>7}{each['high']:>8}{each['goal']:>12.6g}{interval:>9}{each['irq_off']:>14.2f}"
        f"{each['parked']:>14.1f}{broken}"
    )
