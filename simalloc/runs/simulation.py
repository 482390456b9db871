"""A scenario becomes a machine, memory, an allocator and a workload, and they become a result."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count

from simalloc.allocators import Allocator, KernelSteps, Linux
from simalloc.hardware.times import cycles_of
from simalloc.machine import Activity, Cpu, Instrument, Machine, Program, RuleBroken, Stuck
from simalloc.measure import (
    INSTRUMENTS,
    Broken,
    Latency,
    Lockdep,
    LockStat,
    PageChecker,
    Sections,
    Timeline,
    TracingLockdep,
    ledger,
)
from simalloc.measure.timeline import LIMIT
from simalloc.memory import NoPages, Zone
from simalloc.recorded import RecordedError
from simalloc.runs import meter
from simalloc.runs.assembly import CaseResult
from simalloc.runs.profile import profile
from simalloc.runs.replication import seed_of
from simalloc.runs.zones import make_zones
from simalloc.scenario import Case, InterruptSpec, Scenario, ScenarioError
from simalloc.scenario.errors import suggestion
from simalloc.workloads import WORKLOADS, Measured, Workload, WorkloadSpec
from simalloc.workloads.arrivals import arrivals, stream


@dataclass
class Model:
    """The parts of one simulated system, put together and ready to run."""

    machine: Machine
    zones: list[Zone]
    steps: KernelSteps
    allocator: Allocator

    @property
    def zone(self) -> Zone:
        """The first zone."""
        return self.zones[0]


@dataclass(frozen=True, slots=True)
class Window:
    """Which stretch of each case's run to record: times as people write them, such as "1ms" and "20us"."""

    start: str
    length: str

    def cycles(self, case: Case) -> tuple[int, int]:
        """Return its first cycle and the one after its last. Raises ScenarioError."""
        ghz = case.machine.cost_model().clock_ghz
        try:
            start, length = cycles_of(self.start, ghz), cycles_of(self.length, ghz)
        except ValueError as error:
            raise ScenarioError(f"the timeline's window: {error}") from None
        if length == 0:
            raise ScenarioError(f"the timeline's window: {self.length!r} is not one cycle at {ghz:g} GHz; write more")
        return start, start + length


def build_model(scenario: Scenario, case: Case, instruments: Sequence[Instrument] = ()) -> Model:
    """Put together the machine, the zones in their initial state, the allocator and the sources of interrupts."""
    costs = case.machine.cost_model()
    machine = Machine(
        case.machine.cpus,
        ghz=costs.clock_ghz,
        lockstep=scenario.lockstep,
        shuffle_ties=scenario.seed if scenario.tie_order == "shuffled" else None,
        instruments=instruments,
        topology=costs.topology(case.machine.cpus),
    )
    machine.steps.cheaper = case.machine.cheaper
    steps = KernelSteps(machine, costs, lock_kind=case.machine.lock, seed=scenario.seed)
    zones = list(make_zones(scenario, case))
    allocator = case.version.allocator(machine, zones, steps, case.machine.shared_lines.switches())
    for each in instruments:
        if isinstance(each, PageChecker):
            each.keeps = type(allocator).kept_pages not in (Allocator.kept_pages, Linux.kept_pages)
    if case.memory.drain_on_failure:
        allocator.expect_drains()
    for index, source in enumerate(scenario.interrupts):
        attach(machine, source, index, scenario.seed, allocator)
    if case.memory.vmstat_ms is not None:
        _attach_vmstat(machine, allocator, machine.milliseconds(case.memory.vmstat_ms))
    return Model(machine, zones, steps, allocator)


def attach(machine: Machine, source: InterruptSpec, index: int, seed: int, allocator: Allocator) -> None:
    """Attach source number `index` to its CPUs, each with a stream of its own."""
    work = machine.steps.define(source.name, Activity.WORK, source.handler_cycles)

    held: dict[Cpu, list[int]] = {cpu: [] for cpu in machine.cpus}

    def handler(cpu: Cpu) -> Program[None]:
        yield work
        if source.nolock_pages and isinstance(allocator, Linux):
            yield from _without_waiting(allocator, cpu, held[cpu], source.nolock_pages)

    second = machine.ghz * 1e9
    on, off = source.burst_on_us * second / 1e6, source.burst_off_us * second / 1e6
    for cpu in source.cpus if source.cpus is not None else range(len(machine.cpus)):
        if source.arrivals == "recorded":
            times: Iterable[int] = [round(us * second / 1e6) for us in source.times_us]
        else:
            times = arrivals(source.arrivals, second / source.hz, stream(seed, 2, index, cpu), on, off)
        machine.cpus[cpu].interrupts.attach(source.name, times, handler, nmi=source.nmi)


def _without_waiting(allocator: Linux, cpu: Cpu, held: list[int], count: int) -> Program[None]:
    """Free the pages of the arrival before, and allocate some, as far as that goes without waiting."""
    before = list(held)
    held.clear()
    for page in before:
        yield from allocator.free_pages_nolock(cpu, page)
    for _ in range(count):
        pfn = yield from allocator.alloc_pages_nolock(cpu)
        if pfn is not None:
            held.append(pfn)


def _attach_vmstat(machine: Machine, allocator: Allocator, interval: int) -> None:
    """Have a timer wake each CPU's vmstat worker once an interval, spread evenly over it."""

    def wake(cpu: Cpu) -> Program[None]:
        cpu.interrupts.queue_work(allocator.vmstat_update)
        yield from ()

    cpus = len(machine.cpus)
    for cpu in machine.cpus:
        cpu.interrupts.attach("vmstat", count(interval * (cpu.index + 1) // cpus, interval), wake)


def record(model: Model, start: int, stop: int, limit: int = LIMIT) -> Timeline:
    """Let the model's run be recorded from cycle `start` to before `stop`, at most about `limit` records of it."""

    def pageblock_type(zone: Zone, cpu: Cpu, pfn: int) -> int:
        return model.allocator.views[zone][cpu.index].pageblock_type(pfn)

    timeline = Timeline(start, stop, model.zones, pageblock_type, limit)
    model.machine.hooks.register(timeline)
    return timeline


def run_workload(scenario: Scenario, model: Model, spec: WorkloadSpec, sections: Sections | None = None) -> Workload:
    """Run the workload on every CPU to its end; return it with its figures. Raises ScenarioError without memory."""
    machine = model.machine
    try:
        workload = WORKLOADS[spec.kind].workload(spec, model.allocator, model.steps)
    except RecordedError as error:
        raise ScenarioError(f"workload.trace: {error}") from None
    unknown = sorted(set(machine.steps.cheaper) - machine.steps.names())
    if unknown:
        names = sorted(machine.steps.names())
        raise ScenarioError(f"machine.cheaper: no step {unknown[0]!r} in this run; {suggestion(unknown[0], names)}")
    workload.sections = sections
    for instrument in workload.prepare(machine, scenario.seed):
        machine.hooks.register(instrument)
    duration = spec.duration_ms()
    until = None if duration is None else machine.milliseconds(duration)
    meter.begin(machine, (model.steps.prep_new_page, model.steps.free_prepare), spec.calls(), until)
    try:
        machine.run([workload.program(cpu) for cpu in machine.cpus], workload.context, until=until)
    except NoPages as error:
        raise ScenarioError(f"memory.zone: {error}") from None
    return workload


def run_case(scenario: Scenario, index: int, window: Window | None = None) -> CaseResult:
    """Simulate case number `index` of a scenario without a sweep, and record the `window`."""
    if not scenario.check:
        return _run_case(scenario, index, window, None)
    try:
        return _run_case(scenario, index, window, Lockdep())
    except (RuleBroken, Stuck) as broken:
        raise _told_in_full(scenario, index) or broken from None


def _told_in_full(scenario: Scenario, index: int) -> Broken | None:
    """Run a case that breaks a rule again, and return the report of the first one broken, with the steps of each side.

    In lockstep: on local clocks the first that is met need not be the first in time.
    """
    try:
        _run_case(scenario.model_copy(update={"lockstep": True}), index, None, TracingLockdep())
    except Broken as found:
        return found
    except (RuleBroken, Stuck):
        pass
    return None


def _run_case(scenario: Scenario, index: int, window: Window | None, lockdep: Lockdep | None) -> CaseResult:
    case = scenario.cases[index]
    lock_stat, latency = LockStat(), Latency()
    checker = PageChecker() if lockdep else None
    watched: list[Instrument] = [lock_stat, checker, lockdep] if lockdep and checker else [lock_stat]
    probes = [INSTRUMENTS[name]() for name in scenario.instruments]
    watched += probes
    if scenario.latency or scenario.profile:
        watched.append(latency)
    model = build_model(scenario, case, watched)
    timeline = record(model, *window.cycles(case)) if window else None
    usable = [zone.free_pages + zone.parked_pages() for zone in model.zones]
    workload = run_workload(scenario, model, case.workload)
    if timeline:
        timeline.finish(model.machine)
    if checker:
        for zone, pages in zip(model.zones, usable, strict=True):
            checker.check_none_lost(zone, pages + zone.lent - model.allocator.kept_pages(zone))
    measured = workload.measured() + _beside(scenario, case)
    measured += [each for probe in probes for each in probe.measured()]
    if scenario.profile:
        measured += profile(model.machine, model.zones, case.workload, measured, lock_stat, latency)
    return CaseResult(
        case.label,
        measured,
        [asdict(row) for row in ledger(model.machine)],
        lock_stat.rows(),
        list(latency.rows()),
        timeline.rows() if timeline else [],
        workload.details(),
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


def run_replication(scenario: Scenario, label: int, replication: int, record: Window | None = None) -> CaseResult:
    """Simulate label number `label` of a scenario without a sweep, with the random numbers of one replication."""
    # The model of a run refers to itself and would stay beside the next one, which may be as large.
    gc.collect()
    return run_case(scenario.model_copy(update={"seed": seed_of(scenario.seed, replication)}), label, record)
