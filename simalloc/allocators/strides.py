"""Runs of pcp hits in one arithmetic step.

Nobody writes a hit path twice: it is learnt from the first hit of its kind, whose steps are noted while it runs. Those
after it cost the same steps, which a scheme declares (`hits_are_constant`), and move one page between the pcp list's
head and the caller; what else changes, the pcp's `tuning` is told. As many hits are taken at once as fit before the
next thing that matters: the list's end, the high mark, or the CPU's horizon. Where none fits (in lockstep, under an
observer of steps, on a path that takes a real lock, for a scheme that declares nothing) callers take the ordinary way,
with the same result to the cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from simalloc.machine import FOREVER, Burst, Context, Cpu, Effect, Program, Step
from simalloc.memory import MigrateType, Pcp, frame_runs, span

if TYPE_CHECKING:
    from simalloc.allocators.base import Allocator

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HitPath:
    """The steps of one call that finds what it wants in the pcp, as (index, count), and their sum in cycles.

    `site` is where it masks; `irq_windows` and `bh_windows` are how long, in cycles, and for how long of it a lock is
    held. `held` is how long the pcp's own lock is held; 0 if it has none.
    """

    steps: list[tuple[int, int]]
    cycles: int
    site: str
    irq_windows: tuple[tuple[int, int], ...]
    bh_windows: tuple[tuple[int, int], ...]
    held: int


Where = tuple[str, Context, bool, bool, bool]


class Strides:
    """An allocator's hit paths, per kind of call and per what the CPU may do there; None where hits are no strides."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator
        self._paths: dict[Where, HitPath | None] = {}
        self._looks: dict[Where, int] = {}
        k = allocator.k
        self._beside = {step.index for step in (*k.struct_page_miss, k.from_llc, k.from_memory)}
        self._farthest = max(k.from_llc.cycles, k.from_memory.cycles)

    def alloc(self, cpu: Cpu, wanted: int, mt: MigrateType) -> list[int]:
        """Take up to `wanted` order-0 pages that are pcp hits on its first zone; empty if the next is none."""
        allocator = self._allocator
        zone = allocator.zonelists[cpu.index][0]
        pcp = zone.pcps[cpu.index]
        available = min(wanted, len(pcp.lists[mt]))
        if (
            not available
            or pcp.is_held
            or cpu.interrupts.forbid_strides()
            or allocator.views[zone][cpu.index].free_pages - 1 < zone.watermarks.low
        ):
            return []
        path = self._path("alloc", cpu)
        if path is None or (run := min(available, cpu.room() // (path.cycles or 1))) <= 0:
            return []
        self._stride(cpu, pcp, path, run)
        pfns = pcp.pop_many(mt, run)
        pcp.tuning.on_alloc(run)
        for saw in allocator.hooks.pages_allocated:
            saw(cpu, pfns)
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
        below_high = min(len(pages) - first, pcp.tuning.room(pcp.count, allocator.views[zone][cpu.index].pressure))
        if below_high <= 0 or pcp.is_held or cpu.interrupts.forbid_strides():
            return 0
        path = self._path("free", cpu)
        if path is None:
            return 0
        misses = allocator.k.struct_page_miss
        longest = path.cycles + misses[-1].cycles + self._farthest + (after.cycles if after else 0)
        run = min(below_high, min(cpu.room(), until - 1 - cpu.clock) // (longest or 1))
        if run <= 0:
            return 0
        pfns = pages[first : first + run]
        runs = frame_runs(pfns)
        lowest, highest = span(runs)
        if lowest < zone.start or highest >= zone.end or not allocator.lines.own(cpu, runs):
            return 0
        far = allocator.far_misses(cpu, runs) if allocator.looks_far else ()
        cold = allocator.recency[cpu.index].touch_all(runs)
        allocator.views[zone][cpu.index].file(pfns, lowest, highest, pcp.lists)
        pcp.count += run
        pcp.tuning.on_free(run, 0)
        if after:
            cpu.takes(after, run)
        self._stride(cpu, pcp, path, run)
        for level, times in cold:
            if level:
                cpu.takes(misses[level], times)
        for step, times in far:
            cpu.takes(step, times)
        for saw in allocator.hooks.pages_freed:
            saw(cpu, pfns)
        for saw in allocator.hooks.pages_parked:
            saw(cpu, pcp, pfns, 0)
        return run

    def _stride(self, cpu: Cpu, pcp: Pcp, path: HitPath, run: int) -> None:
        """Take `run` hits at once, and tell observers of masked windows and locks what they would have seen."""
        hooks = self._allocator.hooks
        cpu.stride(path.steps, path.cycles, run)
        cpu.site = path.site
        if path.held:
            cpu.note_hold(path.held * run)
            lock = self._allocator.lock_of(pcp) if hooks.lock_hits else None
            if lock is not None:
                for saw in hooks.lock_hits:
                    saw(cpu, lock, path.held, run)
        if hooks.irqs_window or hooks.bh_window:
            for length, held in path.irq_windows:
                for saw in hooks.irqs_window:
                    saw(cpu, cpu.clock - length, cpu.clock, 0, held, run)
            for length, _ in path.bh_windows:
                for saw in hooks.bh_window:
                    saw(cpu, cpu.clock - length, cpu.clock, run)

    # Learning a path

    def learn_alloc(self, cpu: Cpu, call: Program[T]) -> Program[T]:
        """Return the allocation of one order-0 page, noting its steps if it is the first hit of its kind."""
        where = _where("alloc", cpu)
        if where in self._paths or not self._is_worth_a_look(where):
            return call
        return self._learn(where, cpu, self._allocator.zonelists[cpu.index][0].pcps[cpu.index], call, -1)

    def learn_free(self, cpu: Cpu, pfn: int, call: Program[T]) -> Program[T]:
        """Return the free of one order-0 page, noting its steps if it is the first hit of its kind."""
        where = _where("free", cpu)
        if where in self._paths or not self._is_worth_a_look(where):
            return call
        return self._learn(where, cpu, self._allocator.zone_of(pfn).pcps[cpu.index], call, 1)

    def _is_worth_a_look(self, where: Where) -> bool:
        """Whether to note the steps of a call: of the first, second, fourth, eighth and so on until one hits.

        Where no call ever hits, as in interrupts under v4.11-rc, looking at each would be in vain, and is slow.
        """
        looks = self._looks[where] = self._looks.get(where, 0) + 1
        return self._allocator.counts_hits and looks & (looks - 1) == 0

    def _path(self, call: str, cpu: Cpu) -> HitPath | None:
        return self._paths.get(_where(call, cpu))

    def _learn(self, where: Where, cpu: Cpu, pcp: Pcp, call: Program[T], change: int) -> Program[T]:
        """Run a call; file the steps it took if it was a hit, which changes the pcp's count by `change` alone."""
        before = pcp.count, pcp.refilled, pcp.drained
        masked, in_softirq = cpu.irqs_disabled(), cpu.in_softirq()
        steps: list[Step] = []
        plain = True
        answer = None
        while True:
            try:
                op = call.send(answer)
            except StopIteration as end:
                result: T = end.value
                break
            if isinstance(op, Step):
                steps.append(op)
            elif isinstance(op, Burst):
                steps += [step for step, times in op.runs for _ in range(times)]
            else:
                plain = False
            answer = yield op
        count, refilled, drained = before
        is_hit = (pcp.count, pcp.refilled, pcp.drained) == (count + change, refilled, drained)
        fetched = self._allocator.machine.transfer_step
        if is_hit and not plain:
            self._paths[where] = None
        elif is_hit and fetched not in steps:
            own = [step for step in steps if step.index not in self._beside]
            k = self._allocator.k
            inside = _held(own, k.pcp_trylock, k.pcp_unlock)
            self._paths[where] = _hit_path(own, inside, cpu.site, masked, in_softirq)
        return result


def _where(call: str, cpu: Cpu) -> Where:
    return call, cpu.context, cpu.serving_softirq, cpu.bh_depth > 0, cpu.irq_depth > 0


def _hit_path(steps: Sequence[Step], inside: Sequence[bool], site: str, masked: bool, in_softirq: bool) -> HitPath:
    irq_windows = () if masked else _windows(steps, inside, Effect.IRQ_OFF, Effect.IRQ_ON)
    bh_windows = () if in_softirq else _windows(steps, inside, Effect.BH_OFF, Effect.BH_ON)
    counts: dict[int, int] = {}
    cycles = held = 0
    for at, step in enumerate(steps):
        counts[step.index] = counts.get(step.index, 0) + 1
        cycles += step.cycles
        held += step.cycles if inside[at] else 0
    return HitPath(list(counts.items()), cycles, site, irq_windows, bh_windows, held)


def _held(steps: Sequence[Step], take: Step, give: Step) -> list[bool]:
    """Return of each step whether a lock is held in it: from the end of the one that takes to that of the other."""
    found, holds = [], False
    for step in steps:
        found.append(holds)
        holds = step is take or (holds and step is not give)
    return found


def _windows(steps: Sequence[Step], inside: Sequence[bool], off: Effect, on: Effect) -> tuple[tuple[int, int], ...]:
    """Return how long each stretch lasts from the end of a step that masks to the end of the one that unmasks.

    And for how long of it the lock is held: in the steps `inside`.
    """
    lengths: list[tuple[int, int]] = []
    depth = length = held = 0
    for step, holds in zip(steps, inside, strict=True):
        if depth:
            length += step.cycles
            held += step.cycles * holds
        if step.effect is off:
            depth += 1
        elif step.effect is on:
            depth -= 1
            if depth == 0:
                lengths.append((length, held))
                length = held = 0
    return tuple(lengths)
