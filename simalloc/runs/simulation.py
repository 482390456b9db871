"""A scenario becomes a machine, memory, an allocator and a workload, and they become a result."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from multiprocessing import Pool
from pathlib import Path

from simalloc.allocators import Allocator, KernelSteps
from simalloc.hardware.times import cycles_of
from simalloc.machine import Activity, Cpu, Instrument, Machine, Program
from simalloc.measure import INSTRUMENTS, Latency, LockStat, PageChecker, Sections, Timeline, ledger
from simalloc.measure.timeline import LIMIT
from simalloc.memory import MigrateType, Zone, pages_of
from simalloc.memory.buddy import TOP_PAGES
from simalloc.memory.initial import fragment, warm
from simalloc.memory.zone import FIRST_FRAME
from simalloc.results import Result
from simalloc.runs.assembly import Assembly, CaseResult
from simalloc.runs.replication import first_round, next_round, seed_of
from simalloc.scenario import Case, InterruptSpec, Scenario, ScenarioError, find, load
from simalloc.workloads import WORKLOADS, Measured, Workload, WorkloadSpec
from simalloc.workloads.arrivals import arrivals, stream

Progress = Callable[[str], None]


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
    steps = KernelSteps(machine, costs, lock_kind=case.machine.lock, seed=scenario.seed)
    zones = list(_zones(scenario, case))
    allocator = case.version.allocator(machine, zones, steps, case.machine.shared_lines.switches())
    if case.memory.drain_on_failure:
        allocator.expect_drains()
    for index, source in enumerate(scenario.interrupts):
        attach(machine, source, index, scenario.seed)
    if case.memory.vmstat_ms is not None:
        _attach_vmstat(machine, allocator, machine.milliseconds(case.memory.vmstat_ms))
    return Model(machine, zones, steps, allocator)


def _zones(scenario: Scenario, case: Case) -> Iterator[Zone]:
    """Make the zones of every node in use, in their initial state."""
    memory, start = case.memory, FIRST_FRAME
    pages = pages_of(memory.zone)
    for node in case.nodes():
        for number in range(memory.zones_per_node):
            zone = Zone(
                f"Normal {node}.{number}",
                pages,
                case.machine.cpus,
                case.sizes,
                start,
                node=node,
                pcp_orders=case.version.pcp_orders,
                tuning=case.version.tuning,
                marks=case.watermarks,
            )
            if memory.initial == "warmed":
                warm(zone, MigrateType.UNMOVABLE)
            elif memory.initial == "fragmented":
                span = min(pages_of(memory.span), pages)
                fragment(zone, span, memory.free_share, MigrateType.UNMOVABLE, stream(scenario.seed, 0))
            yield zone
            start += -(-pages // TOP_PAGES) * TOP_PAGES


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


def run_case(scenario: Scenario, index: int, window: Window | None = None) -> CaseResult:
    """Simulate case number `index` of a scenario without a sweep, and record the `window`."""
    case = scenario.cases[index]
    lock_stat, latency, checker = LockStat(), Latency(), PageChecker()
    watched: list[Instrument] = [lock_stat, checker] if scenario.check else [lock_stat]
    probes = [INSTRUMENTS[name]() for name in scenario.instruments]
    watched += probes
    if scenario.latency:
        watched.append(latency)
    model = build_model(scenario, case, watched)
    timeline = record(model, *window.cycles(case)) if window else None
    usable = [zone.free_pages + zone.parked_pages() for zone in model.zones]
    workload = run_workload(scenario, model, case.workload)
    if timeline:
        timeline.finish(model.machine)
    if scenario.check:
        for zone, pages in zip(model.zones, usable, strict=True):
            checker.check_none_lost(zone, pages, cut_short=case.workload.duration_ms() is not None)
    return CaseResult(
        case.label,
        workload.measured() + _beside(scenario, case) + [each for probe in probes for each in probe.measured()],
        [asdict(row) for row in ledger(model.machine)],
        [entry.row() for entry in lock_stat.classes.values()],
        list(latency.rows()),
        timeline.rows() if timeline else [],
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
        done = {(row["label"], *(row.get(name) for name in result.swept)) for row in result.rows}
        super().__init__(f"stopped; {len(done)} of {result.planned} cases finished")
        self.result = result


def run(
    scenario: Scenario | str,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
    record: Window | None = None,
) -> Result:
    """Simulate every case and return the result; the same result with any number of `jobs` (processes).

    The scenario may be named: a file, or a shipped one. `folder` is where a table of published figures may lie;
    `progress` is told each case that has finished; `record` says what to record as timelines, in each case's first
    replication.
    Raises ScenarioError for a table that cannot be read, and Stopped, with what has finished, on Ctrl-C.
    """
    if isinstance(scenario, str):
        folder = folder or find(scenario).resolve().parent
        scenario = load(scenario)
    assembly = Assembly(scenario, folder)
    if record:
        for case in scenario.cases:
            record.cycles(case)
    try:
        with _Workers(jobs) as workers:
            for index, runs in _replicated(scenario, workers, record):
                assembly.add(index, runs)
                if progress:
                    progress(scenario.cases[index].name())
    except KeyboardInterrupt:
        raise Stopped(assembly.result) from None
    return assembly.result


def _replicated(scenario: Scenario, workers: _Workers, record: Window | None) -> Iterator[tuple[int, list[CaseResult]]]:
    """Give each case's number with its replications, in order; processes never decide how many there are."""
    wanted = [first_round(scenario, case) for case in scenario.cases]
    first = [_task(scenario, index, each, record) for index, number in enumerate(wanted) for each in range(number)]
    found = workers.imap(_simulate, first)
    for index, number in enumerate(wanted):
        runs = [next(found) for _ in range(number)]
        while more := next_round(scenario, scenario.cases[index], runs):
            runs += workers.imap(_simulate, [_task(scenario, index, each, record) for each in more])
        yield index, runs


Task = tuple[Scenario, int, int, Window | None]


def _task(scenario: Scenario, index: int, replication: int, record: Window | None) -> Task:
    point, label = divmod(index, scenario.labels)
    return scenario.at(scenario.points[point]), label, replication, None if replication else record


def _simulate(task: Task) -> CaseResult:
    return run_replication(*task)


def run_replication(scenario: Scenario, label: int, replication: int, record: Window | None = None) -> CaseResult:
    """Simulate label number `label` of a scenario without a sweep, with the random numbers of one replication."""
    return run_case(scenario.model_copy(update={"seed": seed_of(scenario.seed, replication)}), label, record)


class _Workers:
    """Processes to run cases in, or none; with the same results in the same order."""

    def __init__(self, jobs: int) -> None:
        self._pool = Pool(jobs, _leave_interrupts_to_the_parent) if jobs > 1 else None

    def imap(self, task: Callable[[Task], CaseResult], over: Sequence[Task]) -> Iterator[CaseResult]:
        """Run the task over each of `over`, and give results in order as they come."""
        if self._pool is None or len(over) < 2:
            return map(task, over)
        return self._pool.imap(task, over)

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
