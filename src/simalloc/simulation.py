"""A scenario becomes a machine, memory, an allocator and a workload, and they become a result."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Activity, Cpu, Instrument, Machine, Program
from simalloc.measure import Latency, LockStat, PageChecker, Sections, ledger
from simalloc.memory import MigrateType, Zone, pages_of
from simalloc.memory.initial import fragment, warm
from simalloc.results import Published, PublishedError, Result, Row, read_published
from simalloc.scenario import Case, InterruptSpec, Scenario, ScenarioError
from simalloc.workloads import WORKLOADS, Measured, Workload, WorkloadSpec
from simalloc.workloads.arrivals import arrivals, stream

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
    latency: list[Row]


def build_model(scenario: Scenario, case: Case, instruments: Sequence[Instrument] = ()) -> Model:
    """Put together the machine, the zone in its initial state, the allocator and the sources of interrupts."""
    costs = case.machine.cost_model()
    machine = Machine(
        case.machine.cpus,
        ghz=costs.clock_ghz,
        lockstep=scenario.lockstep,
        shuffle_ties=scenario.seed if scenario.tie_order == "shuffled" else None,
        instruments=instruments,
    )
    steps = KernelSteps(machine, costs)
    zone = Zone("Normal", pages_of(case.memory.zone), case.machine.cpus, case.sizes)
    if case.memory.initial == "warmed":
        warm(zone, MigrateType.UNMOVABLE)
    elif case.memory.initial == "fragmented":
        span = min(pages_of(case.memory.span), zone.pages)
        fragment(zone, span, case.memory.free_share, MigrateType.UNMOVABLE, stream(scenario.seed, 0))
    allocator = case.version.allocator(machine, [zone], steps)
    if case.memory.drain_on_failure:
        allocator.expect_drains()
    for index, source in enumerate(scenario.interrupts):
        attach(machine, source, index, scenario.seed)
    return Model(machine, zone, steps, allocator)


def attach(machine: Machine, source: InterruptSpec, index: int, seed: int) -> None:
    """Attach source number `index` to its CPUs, each with a stream of its own."""
    work = machine.steps.define(source.name, Activity.WORK, source.handler_cycles)

    def handler(_cpu: Cpu) -> Program[None]:
        yield work

    second = machine.ghz * 1e9
    on, off = source.burst_on_us * second / 1e6, source.burst_off_us * second / 1e6
    for cpu in source.cpus if source.cpus is not None else range(len(machine.cpus)):
        if source.arrivals == "recorded":
            times: Iterable[int] = [round(us * second / 1e6) for us in source.times_us]
        else:
            times = arrivals(source.arrivals, second / source.hz, stream(seed, 2, index, cpu), on, off)
        machine.cpus[cpu].interrupts.attach(source.name, times, handler, nmi=source.nmi)


def run_workload(scenario: Scenario, model: Model, spec: WorkloadSpec, sections: Sections | None = None) -> Workload:
    """Run the workload on every CPU to its end; return it with its figures. Raises ScenarioError without memory."""
    machine = model.machine
    workload = WORKLOADS[spec.kind].workload(spec, model.allocator, model.steps)
    workload.sections = sections
    for instrument in workload.prepare(machine, scenario.seed):
        machine.hooks.register(instrument)
    duration = spec.duration_ms()
    until = None if duration is None else machine.milliseconds(duration)
    try:
        machine.run([workload.program(cpu) for cpu in machine.cpus], workload.context, until=until)
    except MemoryError as error:
        raise ScenarioError(f"memory.zone: {error}") from None
    return workload


def run_case(scenario: Scenario, index: int) -> CaseResult:
    """Simulate case number `index` of the scenario."""
    case = scenario.cases[index]
    lock_stat, latency, checker = LockStat(), Latency(), PageChecker()
    watched: list[Instrument] = [lock_stat, checker] if scenario.check else [lock_stat]
    if scenario.latency:
        watched.append(latency)
    model = build_model(scenario, case, watched)
    usable = model.zone.free_pages + model.zone.parked_pages()
    workload = run_workload(scenario, model, case.workload)
    if scenario.check:
        checker.check_none_lost(model.zone, usable, cut_short=case.workload.duration_ms() is not None)
    return CaseResult(
        case.label,
        workload.measured() + _beside(scenario, case),
        [asdict(row) for row in ledger(model.machine)],
        [asdict(entry) for entry in lock_stat.classes.values()],
        list(latency.rows()),
    )


def _beside(scenario: Scenario, case: Case) -> list[Measured]:
    """Run what the workload wants beside it, on one CPU without interrupts; return its figures as `one_cpu_...`."""
    spec = case.workload.also()
    if spec is None:
        return []
    alone = replace(case, machine=case.machine.model_copy(update={"cpus": 1}))
    quiet = scenario.model_copy(update={"interrupts": []})
    figures = run_workload(quiet, build_model(quiet, alone), spec).measured()
    return [replace(each, metric=f"one_cpu_{each.metric}") for each in figures if each.unit == "cycles"]


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
        if figure.ci95 is not None:
            row["ci95"] = figure.ci95
        beside = published.get(found.label, figure.metric, figure.parameters) if published else None
        if beside is not None:
            row["published"] = beside
        result.rows.append(row)
    result.ledger += [{"label": found.label, **row} for row in found.ledger]
    result.locks += [{"label": found.label, "allocator": allocator, "unit": "cycles", **row} for row in found.locks]
    result.latency += [{"label": found.label, "allocator": allocator, **row} for row in found.latency]
    if progress:
        progress(found.label)
