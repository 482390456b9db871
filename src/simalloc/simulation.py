"""A scenario becomes a machine, memory, an allocator and a workload, and they become a result."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Context, Instrument, Machine
from simalloc.measure import LockStat, Sections, ledger
from simalloc.memory import MigrateType, Zone, pages_of
from simalloc.memory.initial import fragment, warm
from simalloc.results import Published, PublishedError, Result, Row, read_published
from simalloc.scenario import Case, Scenario, ScenarioError
from simalloc.workloads import Measured, PageAlloc, Workload

Progress = Callable[[str], None]


@dataclass
class Model:
    """The parts of one simulated system, put together and ready to run."""

    machine: Machine
    zone: Zone
    steps: KernelSteps
    allocator: Allocator


@dataclass
class CaseResult:
    """What one case of a scenario gave, as plain data that crosses process borders."""

    label: str
    measured: list[Measured]
    ledger: list[Row]
    locks: list[Row]


def build_model(scenario: Scenario, case: Case, instruments: Sequence[Instrument] = ()) -> Model:
    """Put together the machine, the zone in its initial state, and the allocator of a case."""
    machine = Machine(
        case.machine.cpus,
        lockstep=scenario.lockstep,
        shuffle_ties=scenario.seed if scenario.tie_order == "shuffled" else None,
        instruments=instruments,
    )
    steps = KernelSteps(machine, case.machine.cost_model())
    zone = Zone("Normal", pages_of(case.memory.zone), case.machine.cpus, case.sizes)
    if case.memory.initial == "warmed":
        warm(zone, MigrateType.UNMOVABLE)
    elif case.memory.initial == "fragmented":
        rng = np.random.default_rng(np.random.SeedSequence(scenario.seed, spawn_key=(0,)))
        span = min(pages_of(case.memory.span), zone.pages)
        fragment(zone, span, case.memory.free_share, MigrateType.UNMOVABLE, rng)
    return Model(machine, zone, steps, case.version.mechanism(machine, [zone], steps))


def run_workload(model: Model, case: Case, sections: Sections | None = None) -> Workload:
    """Run the case's workload on every CPU to its end; return it with its figures."""
    workload = PageAlloc(case.workload, model.allocator, model.steps, sections)
    context = Context[case.workload.context.upper()]
    model.machine.run([workload.program(cpu) for cpu in model.machine.cpus], context)
    return workload


def run_case(scenario: Scenario, index: int) -> CaseResult:
    """Simulate case number `index` of the scenario."""
    case = scenario.cases[index]
    lock_stat = LockStat()
    model = build_model(scenario, case, [lock_stat])
    workload = run_workload(model, case)
    return CaseResult(
        case.label,
        workload.measured(),
        [asdict(row) for row in ledger(model.machine)],
        [asdict(entry) for entry in lock_stat.classes.values()],
    )


class Stopped(Exception):  # noqa: N818
    """The user stopped the run; `result` has the cases that had finished."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"stopped; {len({row['label'] for row in result.rows})} of {len(result.cases)} cases finished")
        self.result = result


def run(scenario: Scenario, *, jobs: int = 1, folder: Path | None = None, progress: Progress | None = None) -> Result:
    """Simulate every case and return the result; the same result with any number of `jobs` (processes).

    `folder` is where a table of published figures may lie; `progress` is told each case that has finished.
    Raises ScenarioError for a table that cannot be read, and Stopped, with what has finished, on Ctrl-C.
    """
    published = _published(scenario, folder)
    task = partial(run_case, scenario)
    indices = range(len(scenario.cases))
    result = _empty_result(scenario, published)
    try:
        if jobs > 1 and len(indices) > 1:
            with Pool(min(jobs, len(indices)), _leave_interrupts_to_the_parent) as pool:
                for found in pool.imap(task, indices):
                    _add(result, scenario, found, published, progress)
        else:
            for found in map(task, indices):
                _add(result, scenario, found, published, progress)
    except KeyboardInterrupt:
        raise Stopped(result) from None
    return result


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _published(scenario: Scenario, folder: Path | None) -> Published | None:
    if scenario.published is None:
        return None
    try:
        return read_published(scenario.published, folder)
    except PublishedError as error:
        raise ScenarioError(f"published: {error}") from None


def _empty_result(scenario: Scenario, published: Published | None) -> Result:
    costs = scenario.machine.cost_model()
    return Result(
        scenario=scenario.name,
        seed=scenario.seed,
        simalloc=version("simalloc"),
        config=scenario.digest(),
        clock={"preset": costs.name, "unit": costs.unit, "ghz": costs.clock_ghz},
        cases=[
            {
                "label": case.label,
                "allocator": case.version.name,
                "models": case.version.models,
                "batch": case.sizes.batch,
                "high": case.sizes.high,
            }
            for case in scenario.cases
        ],
        sources=list(published.sources) if published else [],
    )


def _add(
    result: Result, scenario: Scenario, found: CaseResult, published: Published | None, progress: Progress | None
) -> None:
    allocator = next(case.version.name for case in scenario.cases if case.label == found.label)
    for figure in found.measured:
        row = {
            "label": found.label,
            "allocator": allocator,
            **figure.parameters,
            "metric": figure.metric,
            "value": figure.value,
            "unit": figure.unit,
        }
        beside = published.get(found.label, figure.metric, figure.parameters) if published else None
        if beside is not None:
            row["published"] = beside
        result.rows.append(row)
    result.ledger += [{"label": found.label, **row} for row in found.ledger]
    result.locks += [{"label": found.label, "allocator": allocator, "unit": "cycles", **row} for row in found.locks]
    if progress:
        progress(found.label)
