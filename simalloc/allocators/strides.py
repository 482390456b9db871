"""Runs of pcp hits in one arithmetic step.

Nobody writes a hit path twice: it is recorded from the allocator's own generator, run once against a scratch zone. A
hit then costs the recorded steps and moves one page between the pcp list's head and the caller (what else it changes
the allocator's `note_alloc` says), and as many hits are taken at once as fit before the next thing that matters: the
list's end, the high mark, or the CPU's horizon. Where none fits (in lockstep, under an observer of steps, on a path
that takes a real lock) callers take the ordinary way, with the same result to the cycle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simalloc.allocators.view import ZoneView
from simalloc.machine import FOREVER, Context, Cpu, Effect, Program, Step
from simalloc.memory import SMALLEST_ZONE, MigrateType, PcpSizes, Zone

if TYPE_CHECKING:
    from simalloc.allocators.base import Allocator


@dataclass(frozen=True, slots=True)
class HitPath:
    """The steps of one call that finds what it wants in the pcp, as (index, count), and their sum in cycles.

    `site` is where it masks; `irq_windows` and `bh_windows` are how long, in cycles.
    """

    steps: tuple[tuple[int, int], ...]
    cycles: int
    site: str
    irq_windows: tuple[int, ...]
    bh_windows: tuple[int, ...]


Where = tuple[str, Context, bool, bool, bool]


class Strides:
    """An allocator's hit paths, per kind of call and per what the CPU may do there, recorded on first use."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator
        self._paths: dict[Where, HitPath | None] = {}

    def alloc(self, cpu: Cpu, wanted: int, mt: MigrateType) -> list[int]:
        """Take up to `wanted` order-0 pages that are pcp hits on its first zone; empty if the next is none."""
        allocator = self._allocator
        zone = allocator.zonelists[cpu.index][0]
        pcp = zone.pcps[cpu.index]
        available = min(wanted, len(pcp.lists[mt]))
        if (
            not available
            or cpu.interrupts.forbid_strides()
            or allocator.views[zone][cpu.index].free_pages - 1 < zone.watermarks.low
        ):
            return []
        path = self._path("alloc", cpu)
        if path is None or (run := min(available, cpu.room() // (path.cycles or 1))) <= 0:
            return []
        self._stride(cpu, path, run)
        pfns = pcp.pop_many(mt, run)
        allocator.note_alloc(pcp, run)
        for saw in allocator.hooks.page_allocated:
            for pfn in pfns:
                saw(cpu, pfn, 0)
        return pfns

    def free(
        self, cpu: Cpu, pages: Sequence[int], first: int, *, after: Step | None = None, until: int = FOREVER
    ) -> int:
        """Free pages from `pages[first]` on that are pcp hits below the high mark; return how many were.

        Each comes after a run of the step `after`, and the last ends before cycle `until`.
        """
        allocator = self._allocator
        zone = allocator.zone_of(pages[first])
        pcp = zone.pcps[cpu.index]
        below_high = min(len(pages) - first, pcp.high - 1 - pcp.count)
        if below_high <= 0 or cpu.interrupts.forbid_strides() or (path := self._path("free", cpu)) is None:
            return 0
        misses = allocator.k.struct_page_miss
        longest = path.cycles + misses[-1].cycles + (after.cycles if after else 0)
        run = min(below_high, (min(cpu.horizon, until - 1) - cpu.clock) // (longest or 1))
        if run <= 0:
            return 0
        pfns = pages[first : first + run]
        lowest, highest = min(pfns), max(pfns)
        if lowest < zone.start or highest >= zone.end or not allocator.lines.own(cpu, pfns):
            return 0
        cold = allocator.recency[cpu.index].touch_all(pfns)
        allocator.views[zone][cpu.index].file(pfns, lowest, highest, pcp.lists)
        pcp.count += run
        if after:
            cpu.takes(after, run)
        self._stride(cpu, path, run)
        for level, times in cold:
            if level:
                cpu.takes(misses[level], times)
        for saw in allocator.hooks.page_freed:
            for pfn in pfns:
                saw(cpu, pfn, 0)
        return run

    def _stride(self, cpu: Cpu, path: HitPath, run: int) -> None:
        """Take `run` hits at once, and tell observers of masked windows what they would have seen."""
        hooks = self._allocator.hooks
        cpu.stride(path.steps, path.cycles, run)
        cpu.site = path.site
        if hooks.irqs_window or hooks.bh_window:
            for length in path.irq_windows:
                for saw in hooks.irqs_window:
                    saw(cpu, cpu.clock - length, cpu.clock, 0, 0, run)
            for length in path.bh_windows:
                for saw in hooks.bh_window:
                    saw(cpu, cpu.clock - length, cpu.clock, run)

    def _path(self, call: str, cpu: Cpu) -> HitPath | None:
        where = call, cpu.context, cpu.serving_softirq, cpu.bh_depth > 0, cpu.irq_depth > 0
        try:
            return self._paths[where]
        except KeyError:
            return self._paths.setdefault(where, self._record(call, cpu))

    def _record(self, call: str, cpu: Cpu) -> HitPath | None:
        allocator, k = self._allocator, self._allocator.k
        cpus, before = len(allocator.machine.cpus), cpu.site
        scratch = Zone("scratch", SMALLEST_ZONE, cpus, PcpSizes(batch=1, high=4), pcp_orders=allocator.pcp_orders)
        mt = MigrateType.UNMOVABLE
        allocator.views[scratch] = [ZoneView(scratch) for _ in range(cpus)]
        allocator.zone_lock[scratch] = k.lock("scratch")
        around: tuple[Step, ...]
        try:
            if call == "alloc":
                scratch.pcps[cpu.index].push(scratch.start, mt)
                steps = _steps_of(allocator.rmqueue(cpu, scratch, mt, cold=False))
                around = (k.alloc_call, k.prep_new_page)
            else:
                steps = _steps_of(allocator.free_unref_page(cpu, scratch, scratch.start, cold=False))
                around = (k.put_page,)
        finally:
            del allocator.views[scratch], allocator.zone_lock[scratch]
        site, cpu.site = cpu.site, before
        if steps is None:
            return None
        irq_windows = () if cpu.irqs_disabled() else _windows(steps, Effect.IRQ_OFF, Effect.IRQ_ON)
        bh_windows = () if cpu.in_softirq() else _windows(steps, Effect.BH_OFF, Effect.BH_ON)
        steps += around
        counts = Counter(step.index for step in steps)
        cycles = sum(step.cycles for step in steps)
        return HitPath(tuple(counts.items()), cycles, site, irq_windows, bh_windows)


def _windows(steps: tuple[Step, ...], off: Effect, on: Effect) -> tuple[int, ...]:
    """Return how long each stretch lasts from the end of a step that masks to the end of the one that unmasks."""
    lengths: list[int] = []
    depth = length = 0
    for step in steps:
        if depth:
            length += step.cycles
        if step.effect is off:
            depth += 1
        elif step.effect is on:
            depth -= 1
            if depth == 0:
                lengths.append(length)
                length = 0
    return tuple(lengths)


def _steps_of(program: Program[Any]) -> tuple[Step, ...] | None:
    """Drive a program by hand; None if it wants more than plain steps (a lock: no hit)."""
    steps = []
    for op in program:
        if not isinstance(op, Step):
            return None
        steps.append(op)
    return tuple(steps)
