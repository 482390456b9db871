"""Local sensitivity: by how many percent a figure changes for one percent of a cost, and what each step is worth.

Central differences, with common random numbers: replication r of the lower and of the upper value meet the same
arrivals and phases, so their difference has little noise, and its interval is that of paired differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from simalloc.studies.levers import Lever, bases, turned
from simalloc.studies.question import FigureKey, Found, Question
from simalloc.workloads.windows import half_interval

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Effect:
    """What turning one lever does to one figure.

    `low`, `high`: the values simulated; `at_low`, `at_high`: change of the figure there in %, mean over replications.
    `elasticity`: % of the figure for 1 % of the lever; `ci95`: half its 95 % interval, None without replications.
    """

    lever: Lever
    low: float
    high: float
    at_low: float
    at_high: float
    elasticity: float
    ci95: float | None


@dataclass(frozen=True)
class Sensitivity:
    """A case's figures as they are, and what turning levers does to each, largest first; the rest change nothing."""

    question: Question
    base: Found
    figures: Sequence[FigureKey]
    effects: dict[FigureKey, list[Effect]]
    without_effect: list[str]


def sensitivity(
    question: Question,
    base: Found,
    figures: Sequence[FigureKey],
    levers: Sequence[Lever],
    *,
    step: float = 0.1,
    replications: int | None = None,
    jobs: int = 1,
    told: Told = lambda _done, _all: None,
) -> Sensitivity:
    """Turn each lever a share `step` down and up. Levers that change nothing in one replication are left at that."""
    fixed = bases(question, levers)
    tried = question.simulate(
        [{}, *(turned(question, {lever: lever.around(step)[1]}) for lever in levers)],
        fixed,
        jobs=jobs,
        replications=1,
        told=told,
    )
    moving = [lever for lever, found in zip(levers, tried[1:], strict=True) if found.figures != tried[0].figures]
    settings = [turned(question, {lever: value}) for lever in moving for value in lever.around(step)]
    found = question.simulate(settings, fixed, jobs=jobs, replications=replications, told=told) if settings else []
    effects: dict[FigureKey, list[Effect]] = {}
    for figure in figures:
        pairs = zip(moving, found[::2], found[1::2], strict=True)
        each = [_effect(lever, step, *(x.figures[figure] for x in (base, low, high))) for lever, low, high in pairs]
        effects[figure] = sorted((x for x in each if x), key=lambda effect: -abs(effect.elasticity))
    still = [lever.name for lever in levers if lever not in moving]
    return Sensitivity(question, base, figures, effects, still)


def _effect(
    lever: Lever, step: float, base: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> Effect | None:
    """Return the effect on one figure; None where there is none, or the figure is 0, so that it has no percent."""
    if not all(base) or list(base) == list(low) == list(high):
        return None
    down, up = lever.around(step)
    width = (up - down) / lever.value
    each = [(h - lo) / b / width for b, lo, h in zip(base, low, high, strict=True)]
    return Effect(
        lever,
        down,
        up,
        100 * (fmean(low) / fmean(base) - 1),
        100 * (fmean(high) / fmean(base) - 1),
        fmean(each),
        half_interval(each) if len(each) > 1 else None,
    )


@dataclass(frozen=True, slots=True)
class SpeedUp:
    """What one step's costing less does: to the figure in %, with half a 95 % interval, and what a share would say.

    `share`: the step's part of all cycles in the first replication, %. `cycles`: of one such step, before and after.
    """

    step: str
    share: float
    cycles: tuple[float, float]
    change: float
    ci95: float | None


def speed_ups(
    question: Question,
    base: Found,
    figure: FigureKey,
    *,
    cheaper: float = 20.0,
    replications: int | None = None,
    jobs: int = 1,
    told: Told = lambda _done, _all: None,
) -> list[SpeedUp]:
    """Make each step that ran `cheaper` percent cheaper, one at a time; return what it does to a figure, most first.

    A step is made cheaper for the whole run. Steps of 1 cycle or less, and waiting, cannot be. Those that change
    nothing are left out.
    """
    ran = _steps(base) if all(base.figures[figure]) else {}
    settings = [{"machine.cheaper": {**question.case.machine.cheaper, name: cheaper}} for name in ran]
    fixed = {"machine.cheaper": question.case.machine.cheaper}
    found = question.simulate(settings, fixed, jobs=jobs, replications=replications, told=told) if ran else []
    rows = []
    for (name, (share, each)), one in zip(ran.items(), found, strict=True):
        changes = [100 * (new / old - 1) for old, new in zip(base.figures[figure], one.figures[figure], strict=True)]
        after = _steps(one, least=0).get(name, (0.0, 0.0))[1]
        if not any(changes):
            continue
        interval = half_interval(changes) if len(changes) > 1 else None
        rows.append(SpeedUp(name, share, (each, after), fmean(changes), interval))
    return sorted(rows, key=lambda row: -abs(row.change))


NOT_WORK = ("spin", "idle", "line transfer", "measurement")
"""Activities of steps that are no work to be made cheaper: a transfer's price is the cost `line_transfer`."""


def _steps(found: Found, least: float = 1.0) -> dict[str, tuple[float, float]]:
    """Return each step that ran: its share of all cycles in %, and the mean cycles of one, if more than `least`."""
    cycles: dict[str, int] = {}
    counts: dict[str, int] = {}
    for row in found.first.ledger:
        if row["activity"] not in NOT_WORK:
            cycles[row["step"]] = cycles.get(row["step"], 0) + row["cycles"]
            counts[row["step"]] = counts.get(row["step"], 0) + row["count"]
    everything = sum(row["cycles"] for row in found.first.ledger)
    return {
        name: (100 * cycles[name] / everything, cycles[name] / counts[name])
        for name in cycles
        if counts[name] and cycles[name] > least * counts[name]
    }
