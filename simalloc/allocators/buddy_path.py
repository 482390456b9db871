"""Straight from and to the buddy lists, under zone->lock: the part of the allocator that every generation shares.

Generators here read as the kernel's own functions do; each `yield` is a step that takes time, and what changes does so
when its step has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from simalloc.allocators.generation import Generation
from simalloc.allocators.shared_lines import LineSwitches, SharedLines
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.view import ZoneView
from simalloc.hardware import Recency
from simalloc.machine import Burst, Cpu, Machine, Program, SpinLock, Step
from simalloc.memory import FrameRun, MigrateType, Zone, frame_runs, frames
from simalloc.memory.pcp import Run

if TYPE_CHECKING:
    from simalloc.allocators.nolock import NoLock

Runs = list[tuple[Step, int]]
"""Steps, each with how often."""


@mypyc_attr(allow_interpreted_subclasses=True)
class BuddyPath:
    """Zones with their locks, what each CPU knows of them, and what moving blocks to and from buddy lists costs.

    `pages_are_zeroed`: what a workload does with its pages goes through the caches, and pushes struct pages out of
    them: moving one then costs `cold_remove` or `cold_insert` more, where the preset has these. `hold_varies` says how
    many blocks' cost a hold by this CPU pays for that moves so many; without it, as many as it moves.
    """

    def __init__(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        generation: Generation,
        *,
        lines: LineSwitches | None = None,
    ) -> None:
        switches = lines or LineSwitches()
        self.machine = machine
        self.generation = generation
        self.parameters = generation.parameters
        self.hooks = machine.hooks
        self.zones = list(zones)
        self.k = steps
        self.lines = SharedLines(machine, steps, switches)
        moving = steps.costs["zone_lines"] if switches.zone else 0.0
        self.zone_lock: dict[Zone, SpinLock] = {zone: steps.lock("zone->lock", moving, of=zone.name) for zone in zones}
        self.views: dict[Zone, list[ZoneView]] = {zone: [ZoneView(zone) for _ in machine.cpus] for zone in zones}
        half_point = round(steps.costs["struct_page_lines"])
        self.pages_are_zeroed = False
        self.hold_varies: Callable[[Cpu, int], int] | None = None
        self.looks_far = bool(steps.from_llc.cycles or steps.from_memory.cycles)
        llc_lines = round(steps.costs["llc_lines"]) // len(machine.cpus) if self.looks_far else 0
        self.recency = [Recency(half_point, llc_lines) for _ in machine.cpus]
        self.nolock: NoLock | None = None
        self._counts_inside = generation.counters == "inside"
        self._counts_after = generation.pgfree == "after"
        self._counts_under_lock = generation.pgfree == "under lock"

    def rmqueue_buddy(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        """Take one block straight from the buddy lists, under zone->lock with interrupts masked.

        For orders that no pcp has, and for who may not use the pcp or found nothing there. Up to v5.13 the struct pages
        of a block are checked under the lock too (check_new_pages() in rmqueue()).
        """
        k, lock = self.k, self.zone_lock[zone]
        cpu.site = "rmqueue_buddy"
        yield k.irq_save
        yield lock.acquire
        misses: Runs = []
        taken = yield from self.remove_blocks(cpu, zone, order, mt, misses=misses)
        if taken and order and self._counts_inside:
            yield self.tail_checks(cpu, 1, order, misses)
        yield lock.release
        if taken and self._counts_inside:
            yield k.zone_counters
        yield k.irq_restore
        if not taken:
            return None
        if not self._counts_inside:
            if order:
                yield self.tail_checks(cpu, 1, order, misses)
            yield k.zone_counters
        return taken[0]

    def free_pages_ok(self, cpu: Cpu, zone: Zone, pfn: int, order: int) -> Program[None]:
        """Give one block straight back to the buddy lists (`__free_pages_ok`), and count it.

        Linux v4.11-rc1 (374ad05ab64d) counts pages of order 0, which barred contexts free, under the lock.
        """
        k, lock = self.k, self.zone_lock[zone]
        cpu.site = "free_pages_ok"
        yield k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        late = self._counts_after
        locked = self._counts_under_lock and not order
        yield k.irq_save
        if not late and not locked:
            yield k.event_counter
        yield lock.acquire
        if locked:
            yield k.event_counter
        if self.nolock is not None:
            yield from self.nolock.take_along(cpu, zone)
        yield from self.insert_blocks(cpu, zone, [(order, mt, [pfn])])
        yield lock.release
        yield k.irq_restore
        if late:
            yield k.event_counter

    def free_one_page(self, cpu: Cpu, zone: Zone, pfn: int, order: int, mt: MigrateType) -> Program[None]:
        """Give back one block that is prepared, but may not go to the pcp."""
        k, lock = self.k, self.zone_lock[zone]
        cpu.site = "free_one_page"
        yield k.irq_save
        yield lock.acquire
        if self.nolock is not None:
            yield from self.nolock.take_along(cpu, zone)
        yield from self.insert_blocks(cpu, zone, [(order, mt, [pfn])])
        yield lock.release
        yield k.irq_restore

    def tail_checks(self, cpu: Cpu, blocks: int, order: int, misses: Runs) -> Burst:
        """Return the checks of all struct pages of blocks but the first of each, which other steps pay for.

        They are as cold as the first: `misses` are those of these.
        """
        tails = (1 << order) - 1
        self.recency[cpu.index].uses += blocks * tails
        return Burst((self.k.page_check, blocks * tails), *((step, times * tails) for step, times in misses))

    def remove_blocks(
        self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, count: int = 1, misses: Runs | None = None
    ) -> Program[list[int]]:
        """Take up to `count` blocks off the buddy lists and charge for it; zone->lock is held.

        Adds to `misses` those of their struct pages.
        """
        k, buddy = self.k, zone.buddy
        splits, fallbacks, scanned = buddy.splits, buddy.fallbacks, buddy.scanned
        if order:
            pfns = zone.take(count, order, mt)
            runs = frame_runs(pfns)
        else:
            runs = zone.take_pages(count, mt)
            pfns = frames(runs)
        for saw in self.hooks.pages_removed:
            saw(cpu, zone, order, mt, pfns)
        self.views[zone][cpu.index].refresh()
        far = self.far_misses(cpu, runs) if self.looks_far else ()
        paid = self.hold_varies(cpu, len(pfns)) if self.hold_varies is not None else len(pfns)
        if self.pages_are_zeroed:
            far = [*far, (k.cold_remove, paid)]
        missed = self.struct_page_misses(cpu, runs)
        if misses is not None:
            misses += missed
        yield Burst(
            (k.buddy_remove, paid),
            (k.buddy_split, buddy.splits - splits),
            (k.buddy_fallback, buddy.fallbacks - fallbacks),
            (k.page_scan, buddy.scanned - scanned),
            *missed,
            *far,
        )
        if self.lines.any:
            yield from self.lines.buddy(cpu, zone, -(len(pfns) << order), runs, order)
        return pfns

    def insert_blocks(self, cpu: Cpu, zone: Zone, runs: Sequence[Run], *, picked: bool = False) -> Program[None]:
        """Put runs of blocks of one order and type on the buddy lists and charge for them; zone->lock is held.

        `picked`: they have been taken off their pcp lists, and paid for, before.
        """
        buddy = zone.buddy
        merges, blocks, pages = buddy.merges, 0, 0
        for order, mt, pfns in runs:
            blocks += len(pfns)
            pages += len(pfns) << order
            zone.give(pfns, order, mt)
        for saw in self.hooks.pages_inserted:
            for order, mt, pfns in runs:
                saw(cpu, zone, order, mt, pfns)
        self.views[zone][cpu.index].refresh()
        insert = self.k.buddy_insert_picked if picked else self.k.buddy_insert
        merged = buddy.merges - merges
        far = self._far_buddies(cpu, runs, merged) if self.looks_far and merged else ()
        paid = self.hold_varies(cpu, blocks) if self.hold_varies is not None else blocks
        if self.pages_are_zeroed:
            far = [*far, (self.k.cold_insert, paid)]
        yield Burst((insert, paid), (self.k.buddy_merge, merged), *far)
        if self.lines.any:
            yield from self.lines.buddy(cpu, zone, pages, (), max((order for order, _, _ in runs), default=0))

    def far_misses(self, cpu: Cpu, runs: Sequence[FrameRun]) -> Runs:
        """Return the steps of struct pages that no prefetcher brings, before they are used: from where they are."""
        cached, uncached = self.recency[cpu.index].sources(runs)
        return self._fetches(cached, uncached)

    def _far_buddies(self, cpu: Cpu, runs: Sequence[Run], merged: int) -> Runs:
        """Return those of buddies: each join looks at one more, as far as the block's second neighbour is.

        The first neighbour is in the same pair of lines, which are fetched together.
        """
        cached = uncached = blocks = 0
        for _, _, pfns in runs:
            here, there = self.recency[cpu.index].buddies(frame_runs(pfns))
            cached, uncached, blocks = cached + here, uncached + there, blocks + len(pfns)
        share = merged / blocks
        return self._fetches(round(cached * share), round(uncached * share))

    def _fetches(self, cached: int, uncached: int) -> Runs:
        found: Runs = [(self.k.from_llc, cached)] if cached else []
        return [*found, (self.k.from_memory, uncached)] if uncached else found

    def struct_page_misses(self, cpu: Cpu, runs: Sequence[FrameRun]) -> Runs:
        """Use many struct pages; return the steps of those that have gone cold."""
        misses = self.k.struct_page_miss
        return [(misses[level], pages) for level, pages in self.recency[cpu.index].touch_all(runs) if level]
