"""A scenario becomes a machine, memory, an allocator and a workload, and they become a result."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean

import numpy as np

from simalloc.allocators import Allocator, KernelSteps
from simalloc.hardware.times import cycles_of
from simalloc.machine import Activity, Cpu, Instrument, Machine, Program
from simalloc.measure import Latency, LockStat, PageChecker, Sections, Timeline, ledger
from simalloc.measure.timeline import LIMIT
from simalloc.memory import MigrateType, Zone, pages_of
from simalloc.memory.buddy import TOP_PAGES
from simalloc.memory.initial import fragment, warm
from simalloc.memory.zone import FIRST_FRAME
from simalloc.prices import prices
from simalloc.results import Published, PublishedError, Result, Row, read_published
from simalloc.scenario import Case, InterruptSpec, ReplicationsSpec, Scenario, ScenarioError
from simalloc.workloads import WORKLOADS, Measured, Workload, WorkloadSpec
from simalloc.workloads.arrivals import arrivals, stream
from simalloc.workloads.windows import half_interval

Progress = Callable[[str], None]

AUTO_REPLICATIONS = 5


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


@dataclass
class CaseResult:
    """What one case of a scenario gave, as plain data that crosses process borders."""

    label: str
    parameters: Row
    measured: list[Measured]
    ledger: list[Row]
    locks: list[Row]
    latency: list[Row]
    timeline: list[Row] = field(default_factory=list)


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
                pcp_orders=case.version.mechanism.pcp_orders,
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
    """Simulate case number `index` of the scenario, and record the `window`."""
    case = scenario.cases[index]
    lock_stat, latency, checker = LockStat(), Latency(), PageChecker()
    watched: list[Instrument] = [lock_stat, checker] if scenario.check else [lock_stat]
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
        dict(case.parameters),
        workload.measured() + _beside(scenario, case),
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
    scenario: Scenario,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
    record: Window | None = None,
) -> Result:
    """Simulate every case and return the result; the same result with any number of `jobs` (processes).

    `folder` is where a table of published figures may lie; `progress` is told each case that has finished; `record`
    says what to record as timelines, in each case's first replication.
    Raises ScenarioError for a table that cannot be read, and Stopped, with what has finished, on Ctrl-C.
    """
    published = _published(scenario, folder)
    if record:
        for case in scenario.cases:
            record.cycles(case)
    result = _empty_result(scenario, published)
    first: dict[tuple[object, ...], list[CaseResult]] = {}
    origin: dict[str, list[CaseResult]] = {}
    try:
        with _Workers(jobs) as workers:
            for index, runs in _replicated(scenario, workers, record):
                case = scenario.cases[index]
                baseline = first.setdefault(tuple(case.parameters.items()), runs)
                _add_change(case, runs, origin.setdefault(case.label, runs))
                _add(result, case, runs, baseline, published)
                if progress:
                    progress(case.name())
    except KeyboardInterrupt:
        raise Stopped(result) from None
    return result


def _replicated(scenario: Scenario, workers: _Workers, record: Window | None) -> Iterator[tuple[int, list[CaseResult]]]:
    """Give each case's number with its replications, in order.

    How many there are hangs on the figures alone: with an interval to reach, rounds as large as the first follow until
    it is reached.
    """
    wanted = [_wanted(scenario, case) for case in scenario.cases]
    tasks = [(index, replication) for index, (number, _) in enumerate(wanted) for replication in range(number)]
    found = workers.imap(partial(_run_replication, scenario, record), tasks)
    for index, (number, until) in enumerate(wanted):
        runs = [next(found) for _ in range(number)]
        while until and len(runs) < until.at_most and not _known(scenario.cases[index], runs, until.within):
            more = range(len(runs), min(len(runs) + number, until.at_most))
            runs += workers.imap(partial(_run_replication, scenario, record), [(index, each) for each in more])
        yield index, runs


def _wanted(scenario: Scenario, case: Case) -> tuple[int, ReplicationsSpec | None]:
    asked = scenario.replications
    if isinstance(asked, ReplicationsSpec):
        return asked.at_least, asked
    if asked == "auto":
        return (1 if case.interval_is_the_workloads() else AUTO_REPLICATIONS), None
    return asked, None


def _known(case: Case, runs: Sequence[CaseResult], within: float) -> bool:
    """Whether the 95 % interval of each of the workload's main figures is within so many % of it."""
    names = case.workload.main_figures()
    for place, figure in enumerate(runs[0].measured):
        values = [each.measured[place].value for each in runs]
        if figure.metric in names and 100 * half_interval(values) > within * abs(fmean(values)):
            return False
    return True


def _run_replication(scenario: Scenario, record: Window | None, task: tuple[int, int]) -> CaseResult:
    """Simulate a case with the random numbers of one replication; those of the first are the scenario's own.

    Only the first is recorded.
    """
    index, replication = task
    if replication:
        seed = int(np.random.SeedSequence(scenario.seed, spawn_key=(replication,)).generate_state(1)[0])
        scenario = scenario.model_copy(update={"seed": seed})
    return run_case(scenario, index, None if replication else record)


class _Workers:
    """Processes to run cases in, or none; with the same results in the same order."""

    def __init__(self, jobs: int) -> None:
        self._pool = Pool(jobs, _leave_interrupts_to_the_parent) if jobs > 1 else None

    def imap(
        self, task: Callable[[tuple[int, int]], CaseResult], over: Sequence[tuple[int, int]]
    ) -> Iterator[CaseResult]:
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
            for case in {case.label: case for case in reversed(scenario.cases)}.values()
        ][::-1],
        swept=[key.split(".")[-1] for key in scenario.sweep],
        planned=len(scenario.cases),
        sources=list(published.sources) if published else [],
        definition=scenario.definition(),
        prices=prices(scenario),
    )


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
    found, allocator = runs[0], case.version.name
    swept = dict(case.parameters)
    pairs = {_key(figure): place for place, figure in enumerate(baseline[0].measured)}
    for place, figure in enumerate(found.measured):
        values = [each.measured[place].value for each in runs]
        parameters = swept | dict(figure.parameters)
        row = {
            "label": found.label,
            "allocator": allocator,
            **parameters,
            "metric": figure.metric,
            "value": fmean(values) if len(values) > 1 else figure.value,
            "unit": figure.unit,
        }
        if len(values) > 1:
            row |= {"ci95": half_interval(values), "replications": len(values)}
        elif figure.ci95 is not None:
            row["ci95"] = figure.ci95
        base = pairs.get(_key(figure))
        if baseline is not runs and base is not None and len(values) > 1 and len(baseline) > 1:
            row |= _paired(values, [each.measured[base].value for each in baseline])
        beside = published.get(found.label, figure.metric, parameters) if published else None
        if beside is not None:
            row["published"] = beside
        result.rows.append(row)
    head = {"label": found.label, **swept}
    result.ledger += [head | row for row in found.ledger]
    result.locks += [{**head, "allocator": allocator, "unit": "cycles", **row} for row in found.locks]
    result.latency += [{**head, "allocator": allocator, **row} for row in found.latency]
    result.timeline += [head | row for row in found.timeline]


def _add_change(case: Case, runs: Sequence[CaseResult], origin: Sequence[CaseResult]) -> None:
    """Add to each run the change of the workload's figure against the first point of the sweep, under its numbers."""
    name = case.workload.change_of()
    if name is None or not case.parameters:
        return
    for run_, first in zip(runs, origin, strict=False):
        now, then = (next(f.value for f in each.measured if f.metric == name) for each in (run_, first))
        run_.measured.append(Measured(f"{name}_change", 100 * (now / then - 1) if then else 0.0, "%"))


def _key(figure: Measured) -> tuple[object, ...]:
    return figure.metric, *figure.parameters.items()


def _paired(values: Sequence[float], base: Sequence[float]) -> Row:
    """Return the mean difference from the baseline under the same random numbers, in %, and half its 95 % interval."""
    pairs = [(value, other) for value, other in zip(values, base, strict=False) if other]
    if len(pairs) < 2:
        return {}
    changes = [100 * (value / other - 1) for value, other in pairs]
    return {"change": fmean(changes), "change_ci95": half_interval(changes)}
