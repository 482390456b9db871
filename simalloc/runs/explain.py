"""The steps of an allocator's paths, recorded from a run of them; and what made a window with interrupts off long."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simalloc.allocators import Linux
from simalloc.machine import Context, Cpu, Program, RuleBroken, Sleep, Stuck
from simalloc.measure import Found, IrqsOffTracer, LongWindow, Recorded, Recorder
from simalloc.registry import blame
from simalloc.results import Row
from simalloc.runs import Model, build_model, run_workload
from simalloc.scenario import Scenario, ScenarioError
from simalloc.scenario.load import with_settings

BULK_PAGES = 64

SHORT_LISTS = 1200
"""The high mark, in pages, up to which lists are filled where hits are simulated one by one, which takes long."""


@dataclass(frozen=True)
class Explained:
    """One path of an allocator in one context, and the steps it took."""

    path: str
    context: str
    steps: list[Recorded]

    @property
    def cycles(self) -> int:
        """All of it."""
        return sum(each.cycles for each in self.steps)

    @property
    def irqs_off(self) -> int:
        """Cycles with interrupts masked: from the end of the step that masks to the end of the one that unmasks."""
        return sum(each.cycles for each in self.steps if each.irqs_off)

    def rows(self) -> list[Row]:
        """Return the steps as flat rows."""
        return [
            {
                "path": self.path,
                "context": self.context,
                "step": each.step.name,
                "activity": each.step.activity.value,
                "times": each.times,
                "cycles": each.cycles,
                "irqs_off": each.irqs_off,
            }
            for each in self.steps
        ]


def explained_scenario(
    allocator: str, machine: Mapping[str, Any] | None = None, settings: Sequence[str] = ()
) -> Scenario:
    """Return the scenario whose machine, zone and allocator are explained. Raises ScenarioError as `explain` does."""
    asked = {"name": "explain", "allocator": {"name": allocator}, "machine": dict(machine or {})}
    try:
        return with_settings({**asked, "workload": {"kind": "pagealloc", "batches": [1]}}, settings)
    except ScenarioError as error:
        raise ScenarioError(str(error).removeprefix("allocator.name: ")) from None


def sizes(scenario: Scenario) -> dict[str, int]:
    """Return the sizes of a pcp, in pages: batch and high; high_min and high_max where high follows the load."""
    return scenario.cases[0].sizes.as_dict()


def explain(allocator: str, machine: Mapping[str, Any] | None = None, settings: Sequence[str] = ()) -> list[Explained]:
    """Run each path of `allocator` once in each context and return what it did.

    `machine` has keys as in a scenario, such as {"costs": {"irq_restore": 7}}; `settings` are `key=value` for any key.
    Where a scheme's hits are not counted its lists are kept short (`SHORT_LISTS`): a drain then moves less.
    Raises ScenarioError for an unknown allocator, and for keys that are wrong.
    """
    scenario = explained_scenario(allocator, machine, settings)
    case = scenario.cases[0]
    if not case.version.scheme.hits_are_constant and case.sizes.high > SHORT_LISTS:
        scenario = explained_scenario(allocator, machine, [*settings, f"allocator.high={SHORT_LISTS}"])
    with blame((RuleBroken, Stuck)):
        return [
            found for context in (Context.TASK, Context.SOFTIRQ, Context.HARDIRQ) for found in _in(context, scenario)
        ]


def _in(context: Context, scenario: Scenario) -> list[Explained]:
    recorder = Recorder()
    model = build_model(scenario, scenario.cases[0])
    found: list[Explained] = []
    cpu = model.machine.cpus[0]
    others = [_idle() for _ in model.machine.cpus[1:]]
    model.machine.run([_paths(model, cpu, recorder, found), *others], context)
    return found


def _idle() -> Program[None]:
    """Do nothing: sizes follow from how many CPUs there are, paths are taken on the first."""
    yield Sleep(0)


def _paths(model: Model, cpu: Cpu, recorder: Recorder, found: list[Explained]) -> Program[None]:
    """Take every path once; what must happen in between is run too, but not kept."""
    allocator, pcp = model.allocator, model.zone.pcps[cpu.index]

    def keep(path: str, program: Program[Any]) -> Generator[Any, Any, Any]:
        # Only while it looks does the recorder want every step; what must happen in between may go in strides.
        model.machine.hooks.register(recorder)
        cpu.set_horizon()
        result = yield from program
        model.machine.hooks.drop(recorder)
        cpu.set_horizon()
        found.append(Explained(path, cpu.context.label, recorder.take()))
        return result

    # The first page of a zone claims a pageblock for its migratetype; that happens once, and hides what recurs.
    first = yield from allocator.alloc_pages(cpu)
    yield from allocator.free_pages(cpu, _page(first))
    uses_pcp = pcp.count > 0
    held: list[int] = []
    yield from allocator.alloc_pages_each(cpu, pcp.count, held)
    if uses_pcp:
        held.append(_page((yield from keep("alloc, pcp empty: refill", allocator.alloc_pages(cpu)))))
        held.append(_page((yield from keep("alloc, pcp hit", allocator.alloc_pages(cpu)))))
        yield from keep("free, below high", allocator.free_pages(cpu, held.pop()))
        # Where high follows the load, what is allocated for it raises it.
        while (more := pcp.tuning.room(pcp.count) + 2 - len(held)) > 0:
            yield from allocator.alloc_pages_each(cpu, more, held)
        yield from allocator.free_pages_each(cpu, held[1 : pcp.tuning.room(pcp.count) + 1])
        yield from keep("free, at high: drain", allocator.free_pages(cpu, held[0]))
        if isinstance(allocator, Linux) and allocator.locks:
            lock = allocator.pcp_lock[pcp]
            lock.take_alone(cpu)
            page = _page((yield from keep("alloc, pcp's lock taken", allocator.alloc_pages(cpu))))
            yield from keep("free, pcp's lock taken", allocator.free_pages(cpu, page))
            lock.give_alone(cpu)
            if allocator.nolock is not None:
                yield from _nolock_paths(allocator, cpu, keep)
    else:
        page = _page((yield from keep("alloc, straight from the buddy lists", allocator.alloc_pages(cpu))))
        yield from keep("free, straight to the buddy lists", allocator.free_pages(cpu, page))
    # Order 1, and if that is on the pcp too, the lowest order that is not.
    for order in (1, 4) if 1 in allocator.pcp_orders else (1,):
        how = ", pcp empty: refill" if order in allocator.pcp_orders else ""
        block = _page((yield from keep(f"alloc, order {order}{how}", allocator.alloc_pages(cpu, order))))
        yield from keep(f"free, order {order}", allocator.free_pages(cpu, block, order))
    pages: list[int] = []
    if allocator.generation.has_bulk:
        got = yield from keep(f"bulk alloc of {BULK_PAGES}", allocator.alloc_pages_bulk(cpu, BULK_PAGES, pages))
        yield from keep(f"bulk free of {got}", allocator.free_pages_bulk(cpu, pages))
    elif allocator.generation.list_free is not None:
        yield from allocator.alloc_pages_each(cpu, BULK_PAGES, pages)
        yield from keep(f"bulk free of {BULK_PAGES}", allocator.free_pages_bulk(cpu, pages))


def _nolock_paths(
    allocator: Linux, cpu: Cpu, keep: Callable[[str, Program[Any]], Generator[Any, Any, Any]]
) -> Program[None]:
    """Take the paths that wait for no lock, with the locks free and with both taken by what was interrupted."""
    zone = allocator.zonelists[cpu.index][0]
    locks = allocator.pcp_lock[zone.pcps[cpu.index]], allocator.zone_lock[zone]
    page = _page((yield from keep("alloc without waiting", allocator.alloc_pages_nolock(cpu))))
    yield from keep("free without waiting", allocator.free_pages_nolock(cpu, page))
    page = _page((yield from allocator.alloc_pages(cpu)))
    for lock in locks:
        lock.take_alone(cpu)
    yield from keep("alloc without waiting, both locks taken: fails", allocator.alloc_pages_nolock(cpu))
    yield from keep("free without waiting, both locks taken", allocator.free_pages_nolock(cpu, page))
    for lock in reversed(locks):
        lock.give_alone(cpu)


def _page(pfn: int | None) -> int:
    assert pfn is not None, "a fresh zone of 4 GiB has pages"
    return pfn


def explain_text(
    allocator: str, paths: list[Explained], pcp: Mapping[str, int] | None = None, heading: Callable[[str], str] = str
) -> str:
    """Return the paths as text; a bar marks the steps that run with interrupts masked."""
    lines = [f"{allocator}: each path, recorded from a run of it. Costs in cycles. | = interrupts masked"]
    if pcp:
        lines.append("a pcp's sizes, in pages: " + ", ".join(f"{name} {pages}" for name, pages in pcp.items()))
    lines.append("")
    for path in paths:
        total = f"{path.cycles} cycles, {path.irqs_off} of them with interrupts masked"
        lines.append(heading(f"in {path.context}: {path.path} ({total})"))
        for each in path.steps:
            times = f"{each.times} x" if each.times > 1 else ""
            bar = "|" if each.irqs_off else " "
            lines.append(f"  {bar} {each.step.name:<19}{times:>6}{each.cycles:>7}  {each.step.activity.value}")
        lines.append("")
    return "\n".join(lines)


def first_long_window(scenario: Scenario, index: int, limit: int) -> LongWindow | None:
    """Run case number `index` up to the first IRQ-off window of more than `limit` cycles; None if there is none."""
    case = scenario.cases[index]
    # On local clocks the first one met need not be the first in time.
    scenario = scenario.model_copy(update={"lockstep": True})
    try:
        run_workload(scenario, build_model(scenario, case, [IrqsOffTracer(limit)]), case.workload)
    except Found as found:
        return found.window
    return None


def window_text(window: LongWindow, ghz: float) -> str:
    """Return the story of a window: what ran in it, and whom it waited for."""

    def us(cycles: int) -> str:
        return f"{cycles} cycles ({cycles / ghz / 1000:.2f} us)"

    length = window.end - window.start
    lines = [
        f"cpu {window.cpu}, cycles {window.start} to {window.end}: interrupts off for {us(length)}, in {window.site}",
        f"  waiting for a lock {us(window.waited)}, holding one {us(window.held)}, the rest {us(window.rest)}",
        "  inside it:",
    ]
    at = window.start
    for ran in window.steps:
        if ran.start > at:
            lines.append(f"    +{at - window.start:>7} {'... spinning':<22}{'':>6}{ran.start - at:>8} cycles")
        times = f"{ran.times} x" if ran.times > 1 else ""
        lines.append(
            f"    +{ran.start - window.start:>7} {ran.step:<22}{times:>6}{ran.end - ran.start:>8} cycles  {ran.site}"
        )
        at = ran.end
    for lock in dict.fromkeys(hold.lock for hold in window.holds):
        lines.append(f"  {lock} was held meanwhile by:")
        for hold in window.holds:
            if hold.lock == lock:
                inside = [f"{f'{each.times} x ' if each.times > 1 else ''}{each.step}" for each in hold.steps]
                when = f"{hold.start - window.start:+} to {hold.end - window.start:+}"
                lines.append(f"    cpu {hold.cpu} in {hold.site}, {when}: {', '.join(inside) or '...'}")
    return "\n".join(lines)
