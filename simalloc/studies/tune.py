"""Which batch and high meet a goal: integer search with common random numbers, and the frontier of what it costs.

Every candidate meets the same random numbers, so that two are compared by what they are and not by their luck. Where
there are few candidates all are simulated; else scipy's differential evolution looks for the best on a logarithmic
scale, a population at a time, so that all processes have something to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from simalloc.scenario import ScenarioError, build
from simalloc.studies.question import FigureKey, Found, Question
from simalloc.workloads.windows import half_interval

Sizes = tuple[int, int]
"""Batch and high, pages."""

RATES = ("/s", "share")
"""Ends of units of which more is better; of times and counts less is."""

PROFILE = {"irq_off": "irqsoff_longest", "parked": "parked", "lock_wait": "zone_lock_wait"}
"""Short names of figures that every workload has with `profile: true`."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be as large, or as small, as possible."""

    figure: FigureKey
    unit: str
    most: bool

    def better(self, value: float) -> float:
        """Return a number that is the larger the better the value is."""
        return value if self.most else -value


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that may be at most so large, in the worst replication."""

    name: str
    metric: str
    most: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """Sizes that were simulated: the goal in each replication, longest IRQ-off window (us), pages parked per CPU.

    `broken`: limits that are not kept, with the figure found.
    """

    sizes: Sizes
    goal: tuple[float, ...]
    irq_off: float
    parked: float
    broken: Mapping[str, float]

    @property
    def value(self) -> float:
        """The goal's mean over replications."""
        return fmean(self.goal)

    @property
    def ci95(self) -> float | None:
        """Half the 95 % interval of the mean; None without replications."""
        return half_interval(list(self.goal)) if len(self.goal) > 1 else None


@dataclass(frozen=True)
class Tuned:
    """What the search found: everything simulated, the sizes the case has, the best that keep all limits, frontier."""

    question: Question
    goal: Goal
    limits: Sequence[Limit]
    exhaustive: bool
    candidates: Sequence[Candidate]
    today: Candidate
    best: Candidate | None
    frontier: Sequence[Candidate]

    def gain(self) -> tuple[float, float | None]:
        """Return by how many % the best is better than today's sizes, with half a 95 % interval of paired changes."""
        assert self.best is not None
        each = [100 * (new / old - 1) for new, old in zip(self.best.goal, self.today.goal, strict=True)]
        return fmean(each), half_interval(each) if len(each) > 1 else None


@dataclass
class _Trials:
    """Simulates sizes, each once."""

    question: Question
    goal: Goal
    limits: Sequence[Limit]
    replications: int | None
    jobs: int
    told: Callable[[int], None]
    done: dict[Sizes, Candidate | None] = field(default_factory=dict)

    def of(self, wanted: Iterable[Sizes]) -> list[Candidate | None]:
        """Return a candidate each; None for sizes that this memory, or this kernel, cannot have."""
        asked = list(wanted)
        new = [sizes for sizes in dict.fromkeys(asked) if sizes not in self.done]
        possible = [sizes for sizes in new if self._is_possible(sizes)]
        settings = [_settings(sizes) for sizes in possible]
        found = (
            self.question.simulate(settings, settings[0], jobs=self.jobs, replications=self.replications)
            if possible
            else []
        )
        self.done |= dict.fromkeys(new)
        self.done |= {s: candidate(s, self.goal, self.limits, each) for s, each in zip(possible, found, strict=True)}
        self.told(len(self.done))
        return [self.done[sizes] for sizes in asked]

    def _is_possible(self, sizes: Sizes) -> bool:
        batch, high = sizes
        allocator = {**self.question.data["allocator"], "batch": batch, "high": high}
        try:
            return bool(build({**self.question.data, "allocator": allocator}).cases)
        except ScenarioError:
            return False


def tune(
    question: Question,
    goal: Goal,
    limits: Sequence[Limit],
    batches: tuple[int, int],
    highs: tuple[int, int],
    *,
    budget: int = 60,
    replications: int | None = None,
    jobs: int = 1,
    seed: int = 1,
    told: Callable[[int], None] = lambda _done: None,
) -> Tuned:
    """Search sizes in these ranges, at most about `budget` of them. The question's data must have `profile` on."""
    trials = _Trials(question, goal, limits, replications, jobs, told)
    sizes = question.case.sizes
    today = trials.of([(sizes.batch, sizes.high)])[0]
    assert today is not None
    count = sum(max(0, highs[1] - max(batch, highs[0]) + 1) for batch in range(batches[0], batches[1] + 1))
    if not count:
        raise ScenarioError(f"--high {highs[0]},{highs[1]}: no high there is at least a batch of {batches[0]} or more")
    if count <= budget:
        trials.of((b, h) for b in range(batches[0], batches[1] + 1) for h in range(max(b, highs[0]), highs[1] + 1))
    else:
        _evolve(trials, batches, highs, budget, seed)
    found = [each for each in trials.done.values() if each is not None]
    kept = [each for each in found if not each.broken]
    best = max(kept, key=lambda each: goal.better(each.value), default=None)
    return Tuned(question, goal, limits, count <= budget, found, today, best, frontier(goal, found))


MEMBERS = 16
"""Candidates of a generation; a power of two, so that the first is spread evenly."""


def _evolve(trials: _Trials, batches: tuple[int, int], highs: tuple[int, int], budget: int, seed: int) -> None:
    from scipy.optimize import differential_evolution  # noqa: PLC0415 - a quarter of a second

    def sizes_at(place: NDArray[np.float64]) -> Sizes:
        batch, high = (
            round(low * (top / low) ** float(x)) for (low, top), x in zip((batches, highs), place, strict=True)
        )
        return batch, max(batch, high)

    def cost(places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is to be small, a number a column: sizes that break limits are behind all that do not."""
        found = trials.of([sizes_at(place) for place in places.T])
        return np.array([_cost(trials, each) for each in found])

    differential_evolution(
        cost,
        [(0.0, 1.0), (0.0, 1.0)],
        popsize=MEMBERS // 2,
        maxiter=max(1, round(budget / MEMBERS) - 1),
        tol=1e-4,
        init="sobol",
        vectorized=True,
        updating="deferred",
        polish=False,
        seed=seed,
    )


BEHIND = 1e3


def _cost(trials: _Trials, each: Candidate | None) -> float:
    if each is None:
        return 2 * BEHIND
    if each.broken:
        over = (found / limit.most for limit in trials.limits if (found := each.broken.get(limit.name)) is not None)
        return BEHIND + min(sum(over), BEHIND)
    sizes = trials.question.case.sizes
    today = trials.done[sizes.batch, sizes.high]
    scale = abs(today.value) if today and today.value else 1.0
    return -trials.goal.better(each.value) / scale


def candidate(sizes: Sizes, goal: Goal, limits: Sequence[Limit], found: Found) -> Candidate:
    """Return what one simulation says of sizes."""
    by_metric: dict[str, list[float]] = {}
    for (metric, _), values in found.figures.items():
        by_metric.setdefault(metric, []).extend(values)
    worst = {limit: max(by_metric[limit.metric]) for limit in limits}
    return Candidate(
        sizes,
        tuple(found.figures[goal.figure]),
        max(by_metric["irqsoff_longest"]),
        fmean(by_metric["parked"]),
        {limit.name: value for limit, value in worst.items() if value > limit.most},
    )


def frontier(goal: Goal, found: Iterable[Candidate]) -> list[Candidate]:
    """Return those that no other beats in the goal, the longest IRQ-off window and the pages parked, best goal first.

    What is equal in all three is there once, with the smallest sizes.
    """
    ordered = sorted(found, key=lambda each: (-goal.better(each.value), each.irq_off, each.parked, each.sizes))
    kept: list[Candidate] = []
    for each in ordered:
        if not any(other.irq_off <= each.irq_off and other.parked <= each.parked for other in kept):
            kept.append(each)
    return kept


def goal_of(question: Question, found: Found, name: str, most: bool | None) -> Goal:
    """Return the goal by its metric, or the workload's main figure for `throughput` where it has none of that name.

    Without `most`, rates are to be large, and times small. Raises ScenarioError.
    """
    metrics = list(dict.fromkeys(metric for metric, _ in found.figures))
    main = next(iter(question.case.workload.main_figures()), None)
    wanted = main if name == "throughput" and name not in metrics else PROFILE.get(name, name)
    if wanted not in metrics:
        raise ScenarioError(f"--goal {name}: this workload has {', '.join(metrics)}")
    figure = [key for key in found.figures if key[0] == wanted][-1]
    unit = found.units[figure]
    return Goal(figure, unit, unit.endswith(RATES) if most is None else most)


def limit_of(name: str, most: float, found: Found) -> Limit:
    """Return a limit by its short name or its metric. Raises ScenarioError."""
    metrics = list(dict.fromkeys(metric for metric, _ in found.figures))
    metric = PROFILE.get(name, name)
    if metric not in metrics:
        raise ScenarioError(f"--limit {name}: known are {', '.join([*PROFILE, *metrics])}")
    return Limit(name, metric, most)


def _settings(sizes: Sizes) -> dict[str, int]:
    return {"allocator.batch": sizes[0], "allocator.high": sizes[1]}
