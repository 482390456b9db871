"""One case of a scenario on its own, simulated many times with keys changed, always with the same random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simalloc.results import Row
from simalloc.runs.assembly import CaseResult
from simalloc.runs.work import executor, work_of
from simalloc.scenario import Case, Scenario, ScenarioError, build

Settings = Mapping[str, Any]
"""Dotted keys of the scenario and their values."""

FigureKey = tuple[str, tuple[tuple[str, Any], ...]]
"""A figure's metric and its parameters, such as pagealloc's batch."""

NOT_OF_ONE_CASE = ("sweep", "compare", "published", "calibration", "plots", "about", "replications")


@dataclass(frozen=True)
class Found:
    """What one setting gave: every figure once a replication, its unit, and the rest of the first replication."""

    figures: Mapping[FigureKey, Sequence[float]]
    units: Mapping[FigureKey, str]
    first: CaseResult


@dataclass(frozen=True)
class Question:
    """One case of a scenario: its name, the keys that make it, and the case itself. Replications are as asked for."""

    name: str
    data: Row
    case: Case

    def simulate(
        self,
        settings: Sequence[Settings],
        bases: Settings,
        *,
        jobs: int = 1,
        replications: int | None = None,
        told: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> list[Found]:
        """Run the case once for each of the settings, replications with the same random numbers in all of them.

        `bases` has the value of every key where a setting leaves it alone. The same setting twice is simulated once.
        `told` is given how many runs are done, and of how many. Raises ScenarioError, and what a run raises.
        """
        keys = list(bases)
        points = [{**bases, **each} for each in settings]
        different = list({repr(point): point for point in points}.values())
        data = {**self.data, "sweep": different} if keys else dict(self.data)
        if replications is not None:
            data["replications"] = replications
        scenario = build(data)
        work = work_of(scenario, jobs=jobs)
        work.do(executor(work.plan, jobs), lambda _: told(work.plan.finished, work.plan.total))
        if work.failures:
            raise work.failures[0].exception
        if work.stopped:
            raise work.stopped
        found = {repr(point): _found(work.plan.results(i) or []) for i, point in enumerate(different)}
        return [found[repr(point)] for point in points]


def questions(scenario: Scenario) -> list[Question]:
    """Return the cases of a scenario, each on its own: point by point, label by label."""
    found = []
    for index, case in enumerate(scenario.cases):
        point = scenario.points[index // scenario.labels]
        data = {key: value for key, value in scenario.data_at(point).items() if key not in NOT_OF_ONE_CASE}
        data["machine"] = case.machine.model_dump(exclude_unset=True)
        data["allocator"] = case.allocator.model_dump(exclude_unset=True, exclude_none=True)
        data["workload"] = case.workload.model_dump(exclude_unset=True)
        data["replications"] = scenario.model_dump()["replications"]
        data["name"] = scenario.name
        found.append(Question(case.name(), data, case))
    return found


def _found(runs: Sequence[CaseResult]) -> Found:
    figures: dict[FigureKey, list[float]] = {}
    units: dict[FigureKey, str] = {}
    for run in runs:
        for measured in run.measured:
            key = measured.metric, tuple(measured.parameters.items())
            figures.setdefault(key, []).append(measured.value)
            units[key] = measured.unit
    return Found(figures, units, runs[0])


def value_of(question: Question, key: str) -> Any:
    """Return what the case has under a dotted key. Raises ScenarioError where nothing is set."""
    node: Any = question.data
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ScenarioError(f"{key}: {question.name} does not set it; set it, so that it has a value to start from")
        node = node[part]
    return node


def figure_name(key: FigureKey) -> str:
    """Return a figure's name for a person, such as "alloc, batch 64"."""
    metric, parameters = key
    return ", ".join([metric, *(f"{name} {value}" for name, value in parameters)])


def main_figures(question: Question, found: Found, names: Sequence[str] = ()) -> list[FigureKey]:
    """Return the figures asked for by metric, or the workload's main ones. Raises ScenarioError for one it has not.

    Of figures with parameters, such as pagealloc's batch, without being asked only the last.
    """
    there = list(dict.fromkeys(metric for metric, _ in found.figures))
    for name in names:
        if name not in there:
            raise ScenarioError(f"--figure {name}: this workload has {', '.join(there)}")
    wanted = names or [name for name in question.case.workload.main_figures() if name in there] or there[:1]
    keys = [key for name in wanted for key in found.figures if key[0] == name]
    if names:
        return keys
    return list({key[0]: key for key in keys}.values())
