"""Results of cases, put together to the result of a scenario: means, intervals, differences, published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from simalloc.compiled import BUILD
from simalloc.results import Published, PublishedError, Result, Row, read_published, swept_beside
from simalloc.runs.prices import prices
from simalloc.scenario import Case, Scenario, ScenarioError
from simalloc.scenario.machine import MachineSpec
from simalloc.workloads import Measured
from simalloc.workloads.windows import half_interval


@dataclass
class CaseResult:
    """What one run of a case gave, as plain data that crosses process borders."""

    label: str
    measured: list[Measured]
    ledger: list[Row]
    locks: list[Row]
    latency: list[Row]
    timeline: list[Row] = field(default_factory=list)
    details: list[Row] = field(default_factory=list)


class Assembly:
    """The result of a scenario as it grows, case by case, in the scenario's order; cases that failed are left out.

    `folder` is where a table of published figures may lie. Raises ScenarioError for one that cannot be read.
    """

    def __init__(self, scenario: Scenario, folder: Path | None) -> None:
        self.scenario = scenario
        self.published = _published(scenario, folder)
        self.result = _empty_result(scenario, self.published)
        self._baselines: dict[int, list[CaseResult]] = {}
        self._origins: dict[tuple[str, str], list[CaseResult]] = {}

    def add(self, index: int, runs: Sequence[CaseResult]) -> None:
        """Add the replications of case number `index`."""
        case = self.scenario.cases[index]
        point = index // self.scenario.labels
        runs = _with_change(case, runs, self._origins.setdefault((case.label, case.workload.kind), list(runs)))
        baseline = self._baselines.setdefault(point, runs)
        _add(self.result, case, runs, baseline, self.published)


def _published(scenario: Scenario, folder: Path | None) -> Published | None:
    if scenario.published is None:
        return None
    try:
        return read_published(scenario.published, folder)
    except PublishedError as error:
        raise ScenarioError(f"published: {error}") from None


def _empty_result(scenario: Scenario, published: Published | None) -> Result:
    clock = _clock(scenario.machine)
    return Result(
        scenario=scenario.name,
        seed=scenario.seed,
        simalloc=version("simalloc"),
        build=BUILD,
        config=scenario.digest(),
        clock=clock,
        other_clocks=[
            {"label": case.label, **case.parameters, **own}
            for case in scenario.cases
            if (own := _clock(case.machine))["ghz"] != clock["ghz"] or own["unit"] != clock["unit"]
        ],
        cases=[
            {
                "label": case.label,
                "allocator": case.version.name,
                "models": case.version.models,
                "batch": case.sizes.batch,
                "high": case.sizes.high,
                **_parameters(case),
            }
            for case in {case.label: case for case in reversed(scenario.cases)}.values()
        ][::-1],
        swept=list(scenario.columns.values()),
        planned=len(scenario.cases),
        sources=list(published.sources) if published else [],
        definition=scenario.definition(),
        prices=prices(scenario),
        plugins=[plugin.row() for plugin in scenario.plugins()],
    )


def _clock(machine: MachineSpec) -> Row:
    costs = machine.cost_model()
    return {"preset": costs.name, "unit": costs.unit, "ghz": costs.clock_ghz}


def _parameters(case: Case) -> Row:
    """Return what keys of its own a plugin's scheme was given, or has by default."""
    own = case.version.parameters
    return {} if own is None else {"parameters": own.model_dump(mode="json")}


def _add(
    result: Result,
    case: Case,
    runs: Sequence[CaseResult],
    baseline: Sequence[CaseResult],
    published: Published | None,
) -> None:
    """Add a case's figures: means over its replications, with intervals; and its difference from the first label's.

    Ledger, lock statistics and latencies are the first replication's.
    """
    found, allocator, costs = runs[0], case.version.name, case.machine.cost_model()
    swept = dict(case.parameters)
    pairs = {_key(figure): place for place, figure in enumerate(baseline[0].measured)}
    for place, figure in enumerate(found.measured):
        values = [each.measured[place].value for each in runs]
        parameters = swept | dict(figure.parameters)
        row = {
            "label": case.label,
            "allocator": allocator,
            **parameters,
            "metric": figure.metric,
            "value": fmean(values) if len(values) > 1 else figure.value,
            "unit": costs.unit_of(figure.unit),
        }
        if len(values) > 1:
            row |= {"ci95": half_interval(values), "replications": len(values)}
        elif figure.ci95 is not None:
            row["ci95"] = figure.ci95
        base = pairs.get(_key(figure))
        if baseline is not runs and result.one_unit and base is not None and len(values) > 1 and len(baseline) > 1:
            row |= _paired(values, [each.measured[base].value for each in baseline])
        beside = None
        if published:
            ghz = float(costs.clock_ghz)
            beside = published.get(case.label, figure.metric, parameters, row["unit"], ghz)
        if beside is not None:
            row["published"] = beside
        result.rows.append(row)
    head = {"label": case.label, **swept}
    result.ledger += [head | row for row in found.ledger]
    result.locks += [{**head, "allocator": allocator, "unit": costs.unit_of("cycles"), **row} for row in found.locks]
    result.latency += [
        {**head, "allocator": allocator, **row} | ({"unit": costs.unit_of(row["unit"])} if "unit" in row else {})
        for row in found.latency
    ]
    result.timeline += [swept_beside(head, row) for row in found.timeline]
    result.details += [head | row for row in found.details]


def _with_change(case: Case, runs: Sequence[CaseResult], origin: Sequence[CaseResult]) -> list[CaseResult]:
    """Return the runs, each with the change of the workload's figure against the first point, under its numbers."""
    name = case.workload.change_of()
    if name is None or not case.parameters:
        return list(runs)
    changed = []
    for run, first in zip(runs, origin, strict=False):
        now, then = (next(f.value for f in each.measured if f.metric == name) for each in (run, first))
        change = Measured(f"{name}_change", 100 * (now / then - 1) if then else 0.0, "%")
        changed.append(replace(run, measured=[*run.measured, change]))
    return [*changed, *runs[len(changed) :]]


def _key(figure: Measured) -> tuple[object, ...]:
    return figure.metric, *figure.parameters.items()


def _paired(values: Sequence[float], base: Sequence[float]) -> Row:
    """Return by how much the mean differs from the baseline's, in %, and half its 95 % interval.

    Both have the same random numbers, so the interval is that of a ratio estimator: of what each replication differs
    from that ratio. A mean of the replications' own ratios would hang on whichever has a baseline near 0.
    """
    pairs = list(zip(values, base, strict=False))
    then = fmean(other for _, other in pairs)
    if len(pairs) < 2 or not then:
        return {}
    ratio = fmean(value for value, _ in pairs) / then
    apart = [value - ratio * other for value, other in pairs]
    return {"change": 100 * (ratio - 1), "change_ci95": 100 * half_interval(apart) / abs(then)}
